//! The detail of the chosen row: the command element by element, its difference from the original, where every
//! token was read, and why it is not graded better.
//!
//! In: the model, columns. Out: lines, made once per row and width; those of recipients only when they are drawn. It
//! does not know where on the screen they stand.

use super::difference::{Change, between};
use super::keys::{Motion, scroll};
use super::message::State;
use super::model::{At, Entry, Model, texts};
use super::rows::Row;
use super::text::{chop, clean, count, element, fit, pad, width, wrap};
use super::theme::Theme;
use crate::redistribution::model::{Place, Token};
use crate::redistribution::plan::RunPlace;
use jiff::Timestamp;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::collections::HashMap;

/// Columns of the names of fields.
const NAMES: usize = 12;

/// Places end here, where the element leaves room and the screen does not end before.
const PLACES: usize = 110;

/// Lines at the end, one each, made when they are drawn.
#[derive(Debug, Clone, Copy)]
enum Later {
    Failed(usize, usize),
    Recovered(usize, usize),
    Aside(usize, usize),
}

/// What the last frames needed, kept.
#[derive(Debug, Default)]
pub(super) struct Detail {
    made_for: Option<(Row, usize)>,
    lines: Vec<Line<'static>>,
    later: Vec<Later>,
    top: usize,
    height: usize,
    /// The difference in place of the elements.
    pub difference: bool,
}

impl Detail {
    /// What it shows has changed.
    pub fn stale(&mut self) {
        self.made_for = None;
    }

    pub fn turn(&mut self) {
        self.difference = !self.difference;
        self.stale();
    }

    pub fn scroll(&mut self, motion: Motion) {
        self.top = scroll(self.top, motion, self.lines.len() + self.later.len(), self.height);
    }

    /// How many lines there are below the last one drawn.
    pub fn below(&self) -> usize {
        (self.lines.len() + self.later.len()).saturating_sub(self.top + self.height)
    }
}

/// The visible lines of the detail of the chosen row.
pub(super) fn lines(model: &mut Model, columns: usize, rows: usize) -> Vec<Line<'static>> {
    let Some(row) = model.row() else { return Vec::new() };
    if model.detail.made_for != Some((row, columns)) {
        let mut pen = Pen { theme: model.theme, columns, lines: Vec::new(), later: Vec::new() };
        pen.row(model, row);
        let same = model.detail.made_for.is_none_or(|(before, _)| before == row);
        (model.detail.lines, model.detail.later) = (pen.lines, pen.later);
        model.detail.made_for = Some((row, columns));
        if !same {
            model.detail.top = 0;
        }
    }
    let (all, made) = (model.detail.lines.len() + model.detail.later.len(), model.detail.lines.len());
    model.detail.height = rows;
    model.detail.top = model.detail.top.min(all.saturating_sub(rows.max(1)));
    let top = model.detail.top;
    let wanted = top..(top + rows).min(all);
    wanted
        .map(|at| match model.detail.lines.get(at) {
            Some(line) => line.clone(),
            None => later(&model.entries, model.detail.later[at - made], columns, model.theme),
        })
        .collect()
}

fn later(entries: &[Entry], later: Later, columns: usize, theme: Theme) -> Line<'static> {
    let (name, outcome, rest) = match later {
        Later::Failed(j, r) => {
            let recipient = &entries[j].job.recipients.failed[r];
            let cause = recipient.cause.as_deref().unwrap_or("");
            let place = recipient.place.as_ref().map_or("not in a log".to_owned(), Place::to_string);
            (&recipient.name, recipient.outcome.word(), format!("{cause} ({place})"))
        }
        Later::Recovered(j, r) => {
            let (name, place) = &entries[j].job.recipients.recovered[r];
            (name, "ok", format!("succeeded since ({place})"))
        }
        Later::Aside(j, r) => {
            let (name, why) = &entries[j].job.recipients.aside[r];
            (name, "set aside", why.clone())
        }
    };
    let names = (columns / 3).clamp(8, 40);
    let rest = rest.trim_start();
    Line::from(vec![
        Span::raw(pad(name, names, theme)),
        Span::styled(format!(" {outcome:<12}"), theme.strong()),
        Span::raw(fit(rest, columns.saturating_sub(names + 13), theme)),
    ])
}

/// A moment, to the second, in UTC.
pub(super) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

struct Pen {
    theme: Theme,
    columns: usize,
    lines: Vec<Line<'static>>,
    later: Vec<Later>,
}

impl Pen {
    fn heading(&mut self, words: &str) {
        let shown = fit(words, self.columns, self.theme);
        self.lines.push(Line::styled(shown, self.theme.heading()));
    }

    /// A named value, wrapped beside its name; below it where there is little room.
    fn field(&mut self, name: &str, value: &str, style: Style) {
        let (names, room) =
            if self.columns >= 3 * NAMES { (NAMES, self.columns - NAMES) } else { (0, self.columns) };
        if names == 0 {
            self.heading(name);
        }
        for (n, part) in wrap(value, room, self.theme).into_iter().enumerate() {
            let head = if n == 0 { name } else { "" };
            let head = Span::styled(pad(head, names, self.theme), self.theme.quiet());
            self.lines.push(Line::from(vec![head, Span::styled(part, style)]));
        }
    }

    fn plain(&mut self, name: &str, value: &str) {
        self.field(name, value, self.theme.plain());
    }

    fn warning(&mut self, name: &str, value: &str) {
        self.field(name, value, self.theme.warning());
    }

    fn row(&mut self, model: &Model, row: Row) {
        match row {
            Row::Notes => {
                self.heading("Notes on this plan");
                for note in &model.notes {
                    self.plain("note", note);
                }
            }
            Row::Group(g) => self.group(model, g),
            Row::Job(j) if model.entries[j].commands.len() == 1 => self.command(model, (j, 0)),
            Row::Job(j) => self.job(model, j),
            Row::Command(j, c) => self.command(model, (j, c)),
        }
    }

    fn group(&mut self, model: &Model, g: usize) {
        let group = &model.groups[g];
        let all = || group.jobs.iter().map(|j| &model.entries[*j]);
        let commands = all().map(|entry| entry.commands.len()).sum();
        let together: usize =
            all().map(|entry| (0..entry.commands.len()).filter(|c| entry.bulk(*c).is_ok()).count()).sum();
        self.plain("cause", &group.cause);
        self.plain("recipients", &format!("{}: {}", group.recipients, group.outcomes()));
        self.plain("jobs", &format!("{}, {} of them folded", group.jobs.len(), group.folded));
        let said = format!("{}, {together} may be approved together", count(commands, "command", "commands"));
        self.plain("commands", &said);
        self.plain("keys", "y approves all of this cause, a marks them, Enter folds");
    }

    /// What holds for a job whatever its command.
    fn warnings(&mut self, entry: &Entry) {
        let job = &entry.job;
        if let Some(why) = &job.folded {
            self.warning("folded", why);
        }
        if let Some(why) = &job.refused {
            self.warning("refused", why);
        }
        if !job.recipients.aside.is_empty() {
            let to = count(job.recipients.aside.len(), "recipient", "recipients");
            let (name, why) = &job.recipients.aside[0];
            self.warning("set aside", &format!("{to}, left out and still failed: {name}: {why}"));
        }
        for why in &job.blocked {
            self.warning("blocked", why);
        }
    }

    fn job(&mut self, model: &Model, j: usize) {
        let entry = &model.entries[j];
        self.warnings(entry);
        for shown in &entry.commands {
            let built = &shown.built;
            let to = count(built.recipients.len(), "recipient", "recipients");
            self.plain(&built.id, &format!("{}, {to}: {}", built.grade.word(), built.doubts.join("; ")));
        }
        self.original(entry);
        self.later.extend((0..entry.job.recipients.failed.len()).map(|r| Later::Failed(j, r)));
        self.recipients(j, entry);
    }

    fn command(&mut self, model: &Model, at: At) {
        let (entry, shown) = (&model.entries[at.0], model.at(at));
        let built = &shown.built;
        self.warnings(entry);
        let edited = if shown.earlier.is_empty() { "" } else { "edited; rebuilt as " };
        let narrowed = format!("{edited}{}, narrowed by `{}`", built.grade.word(), built.narrowing);
        self.plain("grade", &narrowed);
        for why in &built.doubts {
            self.warning("doubt", why);
        }
        if shown.state != State::Open {
            self.plain("state", shown.state.word());
        }
        let original = &entry.job.original_argv;
        if model.detail.difference {
            self.heading("difference from the original (- gone, + new)   d: the elements");
            let argv = (texts(original), texts(&built.argv));
            for change in between(&argv.0, &argv.1) {
                let (mark, token, style) = match change {
                    Change::Same(_, new) => (' ', &built.argv[new], self.theme.plain()),
                    Change::Removed(old) => ('-', &original[old], self.theme.removed()),
                    Change::Added(new) => ('+', &built.argv[new], self.theme.added()),
                };
                self.token(&format!("{mark} "), token, style);
            }
        } else {
            self.heading("command, one element per line   d: difference from the original");
            for (n, token) in built.argv.iter().enumerate() {
                self.token(&format!("{n:>3} "), token, self.theme.plain());
            }
        }
        if let Some(list) = &built.list_file {
            self.heading(&format!("new distribution list in place of {}", clean(&list.original, self.theme)));
            for line in list.content.lines() {
                for part in chop(line, self.columns.saturating_sub(2), self.theme) {
                    self.lines.push(Line::from(format!("  {part}")));
                }
            }
        }
        if let Some(directory) = &built.directory {
            self.plain("directory", directory);
        }
        if let Some(user) = &built.user {
            self.plain("user", user);
        }
        self.original(entry);
        let failed = &entry.job.recipients.failed;
        let by_name: HashMap<&str, usize> =
            failed.iter().enumerate().map(|(n, r)| (r.name.as_str(), n)).collect();
        for name in &built.recipients {
            match by_name.get(name.as_str()) {
                Some(r) => self.later.push(Later::Failed(at.0, *r)),
                None => self.warning("recipient", name),
            }
        }
        self.recipients(at.0, entry);
    }

    /// What was distributed, and how, as it was recorded.
    fn original(&mut self, entry: &Entry) {
        let job = &entry.job;
        self.plain("packages", &job.packages.join(", "));
        self.plain("list", job.list.as_deref().unwrap_or("none recorded"));
        self.plain("parameters", job.original.as_deref().unwrap_or("the original command was not recorded"));
        let number = job.job.as_deref().map_or(String::new(), |number| format!(" job {number}"));
        self.plain("tool", &format!("{}{number} on {}, read by rule {}", job.tool, job.server, job.rule));
        if let Some(run) = &job.run {
            self.plain("run", &said(run));
        }
        self.plain(
            "found in",
            match (job.found_in.record, job.found_in.log) {
                (true, true) => "failed distribution files and logfile",
                (true, false) => "failed distribution files only: no log says so",
                (false, true) => "logfile only: not in the failed distribution files",
                (false, false) => "neither record nor log",
            },
        );
    }

    fn recipients(&mut self, j: usize, entry: &Entry) {
        let recipients = &entry.job.recipients;
        let these = self.later.len();
        let failed = recipients.failed.len();
        let of = if these == failed { String::new() } else { format!(" of {failed}") };
        let since = recipients.recovered.len();
        let all = recipients.all.len();
        self.heading(&format!(
            "recipients: {these}{of} undelivered, {since} succeeded since, {all} in the run"
        ));
        self.later.extend((0..since).map(|r| Later::Recovered(j, r)));
        self.later.extend((0..recipients.aside.len()).map(|r| Later::Aside(j, r)));
    }

    /// An element, whole, and where it was read: behind it, or below where there is no room.
    fn token(&mut self, head: &str, token: &Token, style: Style) {
        let place = match &token.place {
            Some(place) => clean(&place.to_string(), self.theme),
            None => "by rebuild or edit".to_owned(),
        };
        let margin = width(head);
        let room = self.columns.saturating_sub(margin);
        let parts = chop(&element(token), room, self.theme);
        let last = parts.len() - 1;
        let quiet = self.theme.quiet();
        for (n, part) in parts.into_iter().enumerate() {
            let turned = pad(self.theme.turned(), margin, self.theme);
            let front = if n == 0 { head.to_owned() } else { turned };
            let used = margin + width(&part);
            let mut spans =
                vec![Span::styled(front, if n == 0 { style } else { quiet }), Span::styled(part, style)];
            let fits = used + 2 + width(&place) <= self.columns;
            if n == last && fits {
                let edge = self.columns.min(PLACES).max(used + 2 + width(&place));
                spans.push(Span::raw(" ".repeat(edge - used - width(&place))));
                spans.push(Span::styled(place.clone(), quiet));
            }
            self.lines.push(Line::from(spans));
            if n == last && !fits {
                for part in chop(&place, room.saturating_sub(2), self.theme) {
                    self.lines.push(Line::styled(format!("{}  {part}", " ".repeat(margin)), quiet));
                }
            }
        }
    }
}

fn said(run: &RunPlace) -> String {
    let time = |at: Option<Timestamp>| at.map_or("?".to_owned(), moment);
    format!("{}:{}, {} to {}", run.file, run.line, time(run.start), time(run.end))
}
