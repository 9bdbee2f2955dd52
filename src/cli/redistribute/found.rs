//! What was found: the plan, what was read for it, and what earlier sessions left open.
//!
//! In: what a survey gathered, here or on another machine. Out: the same as plain data, and what it comes to. It reads
//! nothing.

use super::super::{Exit, Failure, Globals};
use super::Ask;
use super::aside::Aside;
use super::far::Far;
use super::machine::{issued_environment, with_world};
use super::planned::{Sources, planned};
use super::surveyed::journal;
use super::wire::Head;
use crate::redistribution::engine::Coverage;
use crate::redistribution::files::Report;
use crate::redistribution::gather::{Format, Gathered};
use crate::redistribution::plan::{Job, Plan, Rebuilt};
use crate::redistribution::planning;
use crate::rules::logs::{LogRule, LogRules};
use crate::rules::redistribution::ServerRule;
use crate::store::Access;
use crate::store::journal::JournalRow;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What was found.
#[derive(Debug)]
pub(super) struct Survey {
    /// What was asked, with every default filled in: asked again, it finds the same.
    pub(super) ask: Ask,
    pub(super) server: String,
    /// Since when, in words that say why.
    pub(super) period: String,
    pub(super) until: Timestamp,
    pub(super) plan: Plan,
    pub(super) rule: ServerRule,
    pub(super) logs: LogRules,
    pub(super) whole: bool,
    pub(super) gathered: Read,
    /// Commands of which nobody knows what became of them.
    pub(super) unknown: Vec<JournalRow>,
    /// Commands whose manager has not said yet how they ended.
    pub(super) waiting: Vec<JournalRow>,
    /// Why the journal cannot be trusted: what is delivered already may be listed too, and nothing may be issued.
    pub(super) damage: Option<String>,
    /// The service center on another machine: it is to be told what is delivered.
    pub(super) center: Option<Far>,
    /// The machine that made the plan and will issue it, where that is not this one.
    pub(super) on: Option<Far>,
    /// What the plan was made of, where it was made here.
    pub(super) sources: Option<Sources>,
    /// Who was set aside, and why; the plan has them in no command.
    pub(super) aside: Vec<(String, String)>,
    /// The same as it was found: another machine makes the plan without them by it.
    pub(super) found: Aside,
}

/// What was read, in numbers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Read {
    pub(super) formats: Vec<Format>,
    pub(super) coverage: Vec<Covered>,
    pub(super) report: Report,
    /// Servers of which the logs speak, where they do not speak of the one that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) strangers: Vec<String>,
}

/// Lines of the logs that one rule reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Covered {
    pub(super) rule: String,
    pub(super) lines: u64,
    pub(super) not_understood: u64,
}

impl Read {
    pub(super) fn of(gathered: &Gathered) -> Read {
        let covered = |(rule, coverage): (&LogRule, &Coverage)| Covered {
            rule: rule.id.clone(),
            lines: coverage.lines,
            not_understood: coverage.not_understood(),
        };
        Read {
            coverage: gathered.coverage().map(covered).collect(),
            formats: gathered.formats.clone(),
            report: gathered.report.clone(),
            strangers: Vec::new(),
        }
    }
}

impl Survey {
    /// The plan without those who are set aside; one that was made elsewhere is made there.
    pub(super) fn without(&self, globals: &Globals, aside: &Aside) -> Result<Plan, Failure> {
        let Some(sources) = &self.sources else {
            return Ok(aside.plan.as_ref().unwrap_or(&self.plan).clone());
        };
        let store = globals.store(Access::Read).ok();
        let journal = if self.damage.is_none() { journal(globals)? } else { None };
        let (journal, store) = (journal.as_ref(), store.as_ref());
        let mut plan = planned(sources, &self.logs, &self.rule, journal, store, aside)?;
        plan.notes.clone_from(&self.plan.notes);
        plan.notes.extend(aside.notes.iter().cloned());
        Ok(plan)
    }

    /// Sets recipients aside in the plan itself.
    pub(super) fn set_aside(&mut self, globals: &Globals, mut aside: Aside) -> Result<(), Failure> {
        if aside.is_empty() {
            self.plan.notes.extend(aside.notes.iter().cloned());
            return Ok(());
        }
        self.plan = self.without(globals, &aside)?;
        let all = self.plan.jobs.iter().flat_map(|job| &job.recipients.aside);
        self.aside = all.cloned().collect::<BTreeSet<_>>().into_iter().collect();
        aside.plan = None;
        self.found = aside;
        Ok(())
    }

    /// Why not all of the server was looked at, in words.
    pub(super) fn why_not_whole(&self) -> &'static str {
        if self.is_sound() {
            "only a part of it was looked at, its logs were named by hand, or no service center was asked"
        } else {
            "not everything could be read"
        }
    }

    /// Jobs in which somebody is left that nothing newer went to.
    pub(super) fn open_jobs(&self) -> impl Iterator<Item = &Job> {
        self.plan.jobs.iter().filter(|job| is_open(job))
    }

    /// The journal can be relied on: without it nobody knows what was issued before.
    pub(super) fn may_issue(&self) -> Result<(), Failure> {
        self.damage.as_ref().map_or(Ok(()), |damage| Err(Failure::say(Exit::Data, damage.clone())))
    }

    /// Nothing is left to do.
    pub(super) fn is_done(&self) -> bool {
        self.open_jobs().next().is_none() && self.unknown.is_empty()
    }

    /// All of the server was looked at, up to the present: no part of it, no log named by hand, and nothing that could
    /// not be read.
    pub(super) fn is_whole(&self) -> bool {
        self.whole && self.is_sound()
    }

    /// Everything that was to be read was, by a rule that knows it.
    pub(super) fn is_sound(&self) -> bool {
        self.damage.is_none()
            && self.gathered.report.faults.is_empty()
            && self.gathered.formats.iter().all(|format| format.rule.is_some())
            && self.gathered.strangers.is_empty()
            // A rule that was named is told by its lines.
            && (self.ask.format.is_none()
                || self.gathered.coverage.iter().all(|own| own.lines == 0 || own.not_understood < own.lines))
    }

    /// What an approval of this command binds; for one that was edited, anew.
    pub(super) fn hash(&self, command: &Rebuilt) -> String {
        let environment = issued_environment(&self.rule);
        with_world(&self.rule, &environment, &|_| None, &|_| None, None, |world| {
            planning::approval_hash(&self.server, command, world)
        })
    }

    /// As it travels: its jobs by themselves.
    pub(super) fn head(mut self) -> (Head, Vec<Job>) {
        let jobs = std::mem::take(&mut self.plan.jobs);
        let Survey { ask, server, period, until, plan, whole, gathered, unknown, waiting, damage, .. } = self;
        (Head { ask, server, period, until, whole, damage, plan, gathered, unknown, waiting }, jobs)
    }

    /// One that was made elsewhere. Its rules are those of this machine, which nobody asks: what they are for happens
    /// there.
    pub(super) fn of(head: Head, (logs, rule): (LogRules, ServerRule), on: Far) -> Survey {
        let Head { ask, server, period, until, whole, damage, plan, gathered, unknown, waiting } = head;
        let (center, on) = (None, Some(on));
        Survey {
            ask,
            server,
            period,
            until,
            plan,
            rule,
            logs,
            whole,
            gathered,
            unknown,
            waiting,
            damage,
            center,
            on,
            sources: None,
            aside: Vec::new(),
            found: Aside::default(),
        }
    }

    pub(super) fn job_of(&self, command: &str) -> Option<(&Job, &Rebuilt)> {
        self.plan.jobs.iter().find_map(|job| {
            let command = job.commands.iter().find(|own| own.id == command)?;
            Some((job, command))
        })
    }
}

pub(super) fn is_open(job: &Job) -> bool {
    job.folded.is_none() && (!job.recipients.failed.is_empty() || job.refused.is_some())
}
