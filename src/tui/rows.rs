//! The list's rows: causes, their jobs, their commands; which are visible, and where the cursor stands.
//!
//! In: the entries of a model. Out: rows, flattened once per folding, and counts, taken once per change, so that a
//! frame touches only what it shows. It does not know how a row is drawn.

use super::model::{Entry, Shown};
use crate::redistribution::model::Outcome;
use std::collections::HashMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    Notes,
    Group(usize),
    Job(usize),
    /// Of a job with several.
    Command(usize, usize),
}

/// The jobs of one cause.
#[derive(Debug)]
pub(super) struct Group {
    pub cause: String,
    pub jobs: Vec<usize>,
    pub closed: bool,
    pub recipients: usize,
    /// In the order of [`Outcome::ALL`].
    pub outcomes: [usize; 8],
    pub folded: usize,
    pub marked: usize,
}

impl Group {
    /// By the number of recipients, most first; equal ones in the order of the plan.
    pub fn all(entries: &[Entry]) -> Vec<Group> {
        let mut by_cause: HashMap<&str, usize> = HashMap::new();
        let mut groups: Vec<Group> = Vec::new();
        for (j, entry) in entries.iter().enumerate() {
            let at = *by_cause.entry(&entry.job.cause).or_insert_with(|| {
                groups.push(Group {
                    cause: entry.job.cause.clone(),
                    jobs: Vec::new(),
                    closed: false,
                    recipients: 0,
                    outcomes: [0; 8],
                    folded: 0,
                    marked: 0,
                });
                groups.len() - 1
            });
            let group = &mut groups[at];
            group.jobs.push(j);
            if entry.job.folded.is_some() {
                group.folded += 1;
                continue;
            }
            for recipient in &entry.job.recipients.failed {
                let class = Outcome::ALL.iter().position(|o| *o == recipient.outcome).unwrap_or(0);
                group.outcomes[class] += 1;
                group.recipients += 1;
            }
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.recipients));
        groups
    }

    /// `8 failed, 4 unreachable`.
    pub fn outcomes(&self) -> String {
        let said = Outcome::ALL.iter().zip(self.outcomes).filter(|(_, n)| *n > 0);
        said.map(|(outcome, n)| format!("{n} {}", outcome.word())).collect::<Vec<_>>().join(", ")
    }
}

/// Counts over everything that is not folded.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Totals {
    pub jobs: usize,
    pub recipients: usize,
    pub marked: usize,
    pub approved: usize,
    pub rejected: usize,
}

impl Totals {
    pub fn of(groups: &mut [Group], entries: &[Entry]) -> Self {
        use super::message::State;
        let jobs = entries.iter().filter(|entry| entry.job.folded.is_none()).count();
        let mut totals = Totals { jobs, ..Totals::default() };
        for group in groups {
            let shown = || group.jobs.iter().flat_map(|j| &entries[*j].commands);
            let count = |want: fn(&Shown) -> bool| shown().filter(|shown| want(shown)).count();
            let marked = count(|shown| shown.marked);
            totals.marked += marked;
            totals.recipients += group.recipients;
            totals.approved += count(|shown| !matches!(shown.state, State::Open | State::Rejected));
            totals.rejected += count(|shown| shown.state == State::Rejected);
            group.marked = marked;
        }
        totals
    }
}

/// The rows that are not folded away.
#[derive(Debug)]
pub(super) struct List {
    pub rows: Vec<Row>,
    pub cursor: usize,
    pub top: usize,
    /// Rows that the last frame had place for.
    pub height: usize,
    notes: bool,
}

impl List {
    pub fn new(groups: &[Group], entries: &[Entry], notes: bool) -> Self {
        let mut list = List { rows: Vec::new(), cursor: 0, top: 0, height: 1, notes };
        list.fill(groups, entries);
        // The first job rather than the heading above it.
        list.cursor = list.rows.iter().position(|row| matches!(row, Row::Job(_))).unwrap_or(0);
        list
    }

    fn fill(&mut self, groups: &[Group], entries: &[Entry]) {
        self.rows.clear();
        if self.notes {
            self.rows.push(Row::Notes);
        }
        for (g, group) in groups.iter().enumerate() {
            self.rows.push(Row::Group(g));
            if group.closed {
                continue;
            }
            for j in &group.jobs {
                self.rows.push(Row::Job(*j));
                let entry = &entries[*j];
                if entry.commands.len() > 1 && !entry.closed {
                    self.rows.extend((0..entry.commands.len()).map(|c| Row::Command(*j, c)));
                }
            }
        }
    }

    /// After something was folded or unfolded: the cursor stays on its row, or goes to the given one.
    pub fn refill(&mut self, groups: &[Group], entries: &[Entry], cursor: Option<Row>) {
        let wanted = cursor.or_else(|| self.chosen());
        self.fill(groups, entries);
        let found = wanted.and_then(|row| self.rows.iter().position(|r| *r == row));
        self.cursor = found.unwrap_or_else(|| self.cursor.min(self.rows.len().saturating_sub(1)));
    }

    pub fn chosen(&self) -> Option<Row> {
        self.rows.get(self.cursor).copied()
    }

    pub fn by(&mut self, step: isize) {
        let last = self.rows.len().saturating_sub(1);
        self.cursor = self.cursor.saturating_add_signed(step).min(last);
    }

    /// The rows to draw, with the cursor among them.
    pub fn visible(&mut self, height: usize) -> std::ops::Range<usize> {
        self.height = height.max(1);
        let last = self.rows.len().saturating_sub(self.height);
        let lowest = (self.cursor + 1).saturating_sub(self.height);
        self.top = self.top.clamp(lowest, self.cursor.max(lowest)).min(last);
        self.top..(self.top + height).min(self.rows.len())
    }
}
