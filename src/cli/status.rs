//! `status`: the state at a glance, and loudly what is left to see to.

use super::show::{self, Out};
use super::{Exit, Failure, Globals, audit, rules_folder};
use crate::alert::Outcome;
use crate::store::{Access, Store, spool};
use crate::ticket::State;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::path::Path;

/// Show mails, tickets and due work; exit 1 where something is left to see to
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Due work older than this is a finding: nobody flushes.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);
/// Replies to tickets are shown for this long.
const LATELY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What `status` and `doctor` say of due work.
#[derive(Debug, Serialize)]
pub(super) struct Work {
    /// Tickets to be judged and mails to be transmitted.
    pub due: u64,
    /// Since when the oldest of them is due.
    pub oldest: Option<Timestamp>,
    pub last_flush: Option<Timestamp>,
    pub parked: u64,
    pub refused: u64,
    pub spooled: u64,
    /// Spooled mails that killed three runs.
    pub set_aside: u64,
}

impl Work {
    pub(super) fn of(store: &Store, now: Timestamp) -> Result<Work, Failure> {
        let (mails, parked, refused) = store.outbox_counts(now)?;
        Ok(Work {
            due: mails + store.tickets_due(now)?,
            oldest: store.next_due()?.filter(|t| *t <= now),
            last_flush: store.note("flushed")?.and_then(|t| t.parse().ok()),
            parked,
            refused,
            spooled: spool::count(store.folder()),
            set_aside: spool::set_aside(store.folder()),
        })
    }

    /// `N due, last flush …`, where nobody flushes.
    pub(super) fn neglected(&self, now: Timestamp) -> Option<String> {
        let old = |t: Timestamp| now.duration_since(t) > PATIENCE;
        let neglected = match self.last_flush {
            None => self.due > 0,
            Some(last) => self.oldest.is_some_and(old) && old(last),
        };
        let last = show::time_or_never(self.last_flush);
        neglected.then(|| {
            format!("{} due, last flush {last}: run `autoticket flush` or `autoticket run`", self.due)
        })
    }
}

#[derive(Serialize)]
struct View<'a> {
    install: &'a str,
    state: String,
    received: u64,
    outcomes: serde_json::Map<String, serde_json::Value>,
    tickets: serde_json::Map<String, serde_json::Value>,
    #[serde(flatten)]
    work: &'a Work,
    near_misses: usize,
    /// Mails of persons to tickets in the last seven days.
    replies: usize,
    findings: &'a [String],
}

pub(super) fn run(globals: &Globals, Args {}: Args) -> Result<Exit, Failure> {
    let now = globals.now()?;
    let store = globals.store(Access::Read)?;
    let outcomes = store.outcome_counts()?;
    let tickets = store.ticket_counts()?;
    let work = Work::of(&store, now)?;
    let near_misses = store.near_misses()?.len();
    let replies = store.reply_count(now - LATELY)?;
    let findings = findings(&work, rules_wrong(globals, store.folder()), now);
    let mut out = Out::new();
    if globals.json {
        out.json(
            "autoticket.status/1",
            View {
                install: store.install(),
                state: store.folder().display().to_string(),
                received: outcomes.iter().sum::<u64>() + work.spooled,
                outcomes: audit::by_outcome(&outcomes),
                tickets: tickets.iter().map(|(s, n)| (s.word().to_owned(), (*n).into())).collect(),
                work: &work,
                near_misses,
                replies: replies as usize,
                findings: &findings,
            },
        );
    } else {
        out.pairs(&[
            ("state", format!("{}, install {}", store.folder().display(), show::one(store.install()))),
            ("mails", mails(&outcomes, work.spooled)),
            ("open tickets", of_states(&tickets, true)),
            ("ended tickets", of_states(&tickets, false)),
            ("outbox", format!("{} due, {} parked, {} refused", work.due, work.parked, work.refused)),
            ("near misses", near(near_misses)),
            ("replies", format!("{} to tickets in the last seven days", replies)),
            ("last flush", show::time_or_never(work.last_flush)),
        ]);
        for finding in &findings {
            out.line(format!("! {finding}"));
        }
    }
    Ok(if findings.is_empty() { Exit::Done } else { Exit::Findings })
}

fn mails(outcomes: &[u64; 7], spooled: u64) -> String {
    let mut parts: Vec<String> = Outcome::ALL
        .iter()
        .map(|o| (outcomes[*o as usize], o.word()))
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{n} {word}"))
        .collect();
    if spooled > 0 {
        parts.push(format!("{spooled} spooled"));
    }
    let received = outcomes.iter().sum::<u64>() + spooled;
    if parts.is_empty() {
        "none received".to_owned()
    } else {
        format!("{received} received: {}", parts.join(", "))
    }
}

fn of_states(tickets: &[(State, u64)], open: bool) -> String {
    let parts: Vec<String> = tickets
        .iter()
        .filter(|(s, _)| s.is_open() == open)
        .map(|(s, n)| format!("{n} {}", s.word()))
        .collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

fn near(misses: usize) -> String {
    match misses {
        0 => "none".to_owned(),
        n => format!("{} of known domains: autoticket nodes misses", show::count(n as u64, "unknown node")),
    }
}

/// Why the rules cannot be used, if so.
fn rules_wrong(globals: &Globals, state: &Path) -> Option<String> {
    let failure = rules_folder::load(globals.rules_folder().as_deref(), Some(state)).err()?;
    let text = format!("{:#}", failure.error);
    let first = text.lines().next().unwrap_or_default();
    Some(format!("{}: mails are spooled meanwhile; autoticket rules check", show::one(first)))
}

fn findings(work: &Work, rules: Option<String>, now: Timestamp) -> Vec<String> {
    let mut found: Vec<String> = rules.into_iter().chain(work.neglected(now)).collect();
    let mut say = |number: u64, text: &str| {
        if number > 0 {
            found.push(format!("{number} {text}"));
        }
    };
    say(
        work.parked,
        "parked: all transmissions failed; autoticket ticket list --in parked, then ticket resend NUMBER",
    );
    say(
        work.refused,
        "refused by the receiver: autoticket ticket list, then ticket resend NUMBER or ticket close NUMBER",
    );
    say(
        work.spooled,
        "spooled: the next ingest or flush takes them up; autoticket doctor says why if it does not",
    );
    say(
        work.set_aside,
        "set aside in spool/quarantine: reading them killed three runs; keep them and report it",
    );
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_773_300_000 + minutes * 60).expect("a time")
    }

    fn work(due: u64, oldest: Option<i64>, flushed: Option<i64>) -> Work {
        let (oldest, last_flush) = (oldest.map(at), flushed.map(at));
        Work { due, oldest, last_flush, parked: 0, refused: 0, spooled: 0, set_aside: 0 }
    }

    #[test]
    fn due_work_is_loud_once_it_is_older_than_ten_minutes_and_nobody_flushed_meanwhile() {
        let now = at(60);
        assert!(work(0, None, None).neglected(now).is_none());
        let never = work(3, Some(59), None).neglected(now).expect("never flushed");
        assert_eq!(never, "3 due, last flush never: run `autoticket flush` or `autoticket run`");
        assert!(work(3, Some(49), Some(49)).neglected(now).is_some());
        // Event times of a replayed mailbox lie far back; a flush a minute ago means that somebody is at it.
        assert!(work(3, Some(-9000), Some(59)).neglected(now).is_none());
        assert!(work(3, Some(51), Some(10)).neglected(now).is_none());
    }
}
