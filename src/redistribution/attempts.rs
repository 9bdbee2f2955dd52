//! What was tried since: later successes, and later attempts of the same or another version.
//!
//! In: runs, successes found elsewhere. Out: for one recipient of one run, what came after it. It does not know
//! records, commands or plans.

use super::elsewhere::may_be_anothers;
use super::join::{Computers, Moment, Success, compare_versions, name_and_version};
use super::model::{Outcome, Place, Recipient, Run};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};

/// A recipient's number and a package without its version.
type Key<'a> = (u32, &'a str);

#[derive(Debug)]
struct Attempt<'a> {
    version: &'a str,
    moment: Moment,
    /// Where its run begins.
    run: Place,
}

/// Failures and successes of each recipient and package.
pub struct Attempts<'a> {
    failed: HashMap<Key<'a>, Vec<Attempt<'a>>>,
    succeeded: HashMap<Key<'a>, Vec<Attempt<'a>>>,
}

/// What came after one failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    Nothing,
    /// It succeeded: the line that says so.
    Recovered(Place),
    /// It was tried again, with the same or a newer version: where.
    Again(Place),
    /// An older version was tried later, or what may be another package, or nobody can tell which came later: where.
    Unclear(Place),
}

/// What a run distributed: its packages, else its command stands for them.
pub(super) fn packages(run: &Run) -> impl Iterator<Item = (&str, &str)> {
    let command = run.command.as_ref().filter(|command| !may_be_anothers(command));
    let command = command.map(|command| (command.text.as_str(), ""));
    let command = command.filter(|_| run.packages.is_empty());
    run.packages.iter().map(|package| name_and_version(package)).chain(command)
}

/// Whether two texts behind a package's name are surely versions of it: equal ones, and those that are more than a bare
/// number. `kb-1001` and `kb-1002` may be two packages; a date is a version.
fn are_versions(one: &str, other: &str) -> bool {
    let is_date = |text: &str| text.len() == 8 && (text.starts_with("19") || text.starts_with("20"));
    let is_bare =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() && !is_date(text);
    one == other || !(is_bare(one) && is_bare(other))
}

/// Whether a run had an effect: `--check` and the like fail nobody.
pub fn has_effect(run: &Run) -> bool {
    run.outcome != Outcome::Skipped
}

impl<'a> Attempts<'a> {
    /// Failures of these runs; successes only where something failed, and of recipients that are `known` to lack something
    /// otherwise.
    pub fn new(
        runs: &'a [Run],
        successes: &'a [Success],
        known: &HashSet<u32>,
        computers: &Computers,
    ) -> Self {
        let mut found = Self { failed: HashMap::new(), succeeded: HashMap::new() };
        for undelivered in [true, false] {
            for run in runs.iter().filter(|run| has_effect(run)) {
                for recipient in run.recipients.iter().filter(|r| r.outcome.is_undelivered() == undelivered) {
                    let Some(number) = computers.number(&recipient.name) else { continue };
                    for (package, version) in packages(run) {
                        let key = (number, package);
                        let moment = Moment::of(run, recipient);
                        let attempt = Attempt { version, moment, run: run.place.clone() };
                        if undelivered {
                            found.failed.entry(key).or_default().push(attempt);
                        } else if found.failed.contains_key(&key) || known.contains(&number) {
                            found.succeeded.entry(key).or_default().push(attempt);
                        }
                    }
                }
            }
        }
        for success in successes {
            let Some(number) = computers.number(&success.recipient) else { continue };
            // A command that stands for packages has no version.
            let whole = (success.package.as_str(), "");
            let is_command = found.failed.contains_key(&(number, whole.0));
            let (package, version) = match &success.version {
                Some(version) => (whole.0, version.as_str()),
                None if is_command => whole,
                None => name_and_version(&success.package),
            };
            if found.failed.contains_key(&(number, package)) || known.contains(&number) {
                let moment = Moment { at: success.at, place: success.place.clone() };
                found.succeeded.entry((number, package)).or_default().push(Attempt {
                    version,
                    moment,
                    run: success.place.clone(),
                });
            }
        }
        // Whatever the order of the runs: the last one is the one that goes on.
        for attempts in found.failed.values_mut().chain(found.succeeded.values_mut()) {
            attempts.sort_by(|a, b| (a.moment.at, &a.moment.place).cmp(&(b.moment.at, &b.moment.place)));
        }
        found
    }

    /// What came after `run`, and after its failure was last reported, for one recipient: of all its packages, for it
    /// is reissued as a whole.
    pub fn since(&self, run: &Run, recipient: &Recipient, number: u32, reported: Option<Timestamp>) -> Since {
        let moment = Moment::of(run, recipient);
        let known = moment.clone().reported(reported);
        let mut all = Vec::new();
        for (package, version) in packages(run) {
            all.push(self.since_of((number, package), version, (run, &moment), &known));
        }
        if let Some(unclear) = all.iter().find(|since| matches!(since, Since::Unclear(_))) {
            return unclear.clone();
        }
        if all.contains(&Since::Nothing) {
            return Since::Nothing;
        }
        // Some packages arrived, the others are tried again elsewhere: that attempt goes on.
        let again = all.iter().position(|since| matches!(since, Since::Again(_)));
        if all.is_empty() { Since::Nothing } else { all.swap_remove(again.unwrap_or(0)) }
    }

    /// The line by which a package arrived after `at`, in this version or a newer one.
    pub fn success_after(&self, number: u32, package: &str, at: Timestamp) -> Option<Place> {
        let (name, version) = name_and_version(package);
        let all = self.succeeded.get(&(number, name))?;
        let arrived = |success: &&Attempt| {
            success.moment.at > Some(at) && compare_versions(success.version, version).is_ge()
        };
        all.iter().find(arrived).map(|success| success.moment.place.clone())
    }

    fn since_of(&self, key: Key, version: &str, (run, moment): (&Run, &Moment), known: &Moment) -> Since {
        // Whether it is later, for sure or not, and of the same or a newer version.
        let later = |attempts: Option<&'_ Vec<Attempt<'a>>>, than: &Moment| -> Vec<(bool, bool, Place)> {
            let others = attempts.into_iter().flatten().filter(|other| other.run != run.place);
            let others = others.filter_map(|other| {
                let after = other.moment.after(than);
                let versions = are_versions(other.version, version);
                let newer = !versions || compare_versions(other.version, version).is_ge();
                let sure = after == Some(true) && versions;
                (after != Some(false)).then(|| (sure, newer, other.moment.place.clone()))
            });
            others.collect()
        };
        let succeeded = later(self.succeeded.get(&key), known);
        if let Some((.., place)) = succeeded.iter().find(|(sure, newer, _)| *sure && *newer) {
            return Since::Recovered(place.clone());
        }
        if let Some((.., place)) = succeeded.into_iter().find(|(_, newer, _)| *newer) {
            return Since::Unclear(place);
        }
        let mut again = later(self.failed.get(&key), moment);
        // The last one goes on; those between are folded, too.
        let sure = again.iter().rposition(|(sure, newer, _)| *sure && *newer);
        if let Some(at) = sure {
            return Since::Again(again.swap_remove(at).2);
        }
        again.pop().map_or(Since::Nothing, |(.., place)| Since::Unclear(place))
    }
}
