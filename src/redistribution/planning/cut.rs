//! Runs that were cut short: whom they never came to, as their distribution lists tell.
//!
//! In: runs, their lists as they are now, what was delivered in the meantime. Out: recipients that were never started.
//! It does not know what is done about them.

use super::super::attempts::{has_effect, packages};
use super::super::list::ListText;
use super::super::model::{Narrowing, Outcome, Recipient, Run};
use super::{Failure, Planning, World};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};

/// The cause of a recipient that a run did not come to.
pub const NEVER: &str = "never started";

/// The list of a run as it is now, and whom it names.
pub(super) type Listed = (ListText, Vec<String>);

/// Runs by their start, recipients by their number, packages by their name.
pub(super) type Arrived = HashSet<(Timestamp, u32, String)>;

/// The lists of runs that were cut short: whom the log does not name was never started.
pub(super) fn listed(runs: &[Run], world: &World) -> HashMap<usize, Listed> {
    let cut = runs.iter().enumerate().filter(|(_, run)| is_cut(run) && has_effect(run));
    cut.filter_map(|(at, run)| {
        let narrowing = (world.narrowing)(&run.rule);
        let (list, names) = list_of(run, narrowing.as_ref(), world.list)?;
        Some((at, (list, names)))
    })
    .collect()
}

/// The list of a run that was cut short, as it is now, and whom it names: the log may have come to some of them.
pub fn list_of(
    run: &Run,
    narrowing: Option<&Narrowing>,
    list: &dyn Fn(&Run) -> Option<ListText>,
) -> Option<(ListText, Vec<String>)> {
    let Some(Narrowing::Listfile { field, .. }) = narrowing.filter(|_| is_cut(run)) else { return None };
    let list = list(run)?;
    let names = list.list.as_deref().map(|list| list.names(*field)).unwrap_or_default();
    Some((list, names))
}

/// A run that ended, or was cancelled, before it came to its end. What one of its recipients met is not that.
pub(super) fn is_cut(run: &Run) -> bool {
    matches!(run.outcome, Outcome::Unfinished | Outcome::Cancelled)
}

impl Planning<'_> {
    /// Whether a run itself delivered to a recipient: of runs that were cut short the lines that say so are looked for
    /// apart. None: without times nobody can tell.
    pub(super) fn arrived_in(&self, run: &Run, number: Option<u32>) -> Option<bool> {
        let (at, number) = (run.start.or(run.end)?, number?);
        let did = |(name, _): (&str, &str)| self.arrived.contains(&(at, number, name.to_owned()));
        Some(packages(run).any(did))
    }

    /// Adds those of the list of a run that was cut short whom the log does not name; gives their names.
    pub(super) fn never_started(
        &self,
        run: &Run,
        names: &[String],
        failures: &mut Vec<Failure<'_>>,
    ) -> Vec<String> {
        let in_log = run.recipients.iter().map(|r| self.computers.number(&r.name));
        let mut known: HashSet<Option<u32>> = in_log.collect();
        let mut never = Vec::new();
        for name in names {
            let number = self.computers.number(name);
            if !known.insert(number) || self.arrived_in(run, number) != Some(false) {
                continue;
            }
            never.push(name.clone());
            if let Some(known) = failures.iter_mut().find(|failure| Some(failure.number) == number) {
                // The center knows it as failed; its name is the list's.
                known.recipient.name.clone_from(name);
                continue;
            }
            let recipient = Recipient {
                name: name.clone(),
                outcome: run.outcome,
                cause: Some(NEVER.to_owned()),
                parameters: Vec::new(),
                place: run.last.clone(),
                at: None,
            };
            failures.push(Failure {
                recipient,
                number: number.unwrap_or(u32::MAX),
                in_log: true,
                records: Vec::new(),
            });
        }
        never
    }
}
