//! Failed distributions and runs brought together: who is meant, which run it was, what was tried since.
//!
//! In: names, packages and times of both. Out: which belong together. It does not know commands, plans or how either
//! was read.

use super::model::{Place, Recipient, Run};
use super::planning::NEVER;
use crate::alert::name::{host, is_address, normal, same};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

/// How far an alert's event time may lie outside of its run (DESIGN 6).
pub const SLACK: SignedDuration = SignedDuration::from_mins(15);

/// How long a run without an end may have lasted.
const OPEN: SignedDuration = SignedDuration::from_hours(24);

/// A failed distribution, as the service center recorded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What `failed list` calls it.
    pub id: String,
    /// Empty: not recorded; so with job and package.
    pub tool: String,
    /// The intermediate server that executed it.
    pub server: String,
    pub job: String,
    pub recipient: String,
    pub package: String,
    /// The server behind which the recipient, itself an intermediate server, stands.
    pub upstream: Option<String>,
    /// Failure type.
    pub failure: String,
    pub first: Timestamp,
    pub last: Timestamp,
}

/// A success that the caller looked for among lines of which no run is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Success {
    pub recipient: String,
    /// As the log names it, with its version; or without, where that is known apart.
    pub package: String,
    pub version: Option<String>,
    /// When, and the line that says so.
    pub at: Option<Timestamp>,
    pub place: Place,
    /// When its run began.
    pub run: Option<Timestamp>,
}

/// Names of computers as numbers: equal where one computer is meant.
///
/// Names are equal by their normal form; a short name is the FQDN with that host where there is one only; what device
/// records know under another name is that.
pub struct Computers {
    by_text: HashMap<String, u32>,
}

impl Computers {
    /// `device`: the name under which device records know a normal name or address, if they do.
    pub fn new<'a>(names: impl Iterator<Item = &'a str>, device: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut texts: HashMap<&str, String> = HashMap::new();
        for name in names {
            texts.entry(name).or_insert_with(|| {
                let form = normal(name);
                device(&form).map_or(form, |known| normal(&known))
            });
        }
        let mut forms: Vec<&String> = texts.values().collect();
        forms.sort_unstable();
        forms.dedup();
        let short = |form: &str| !form.contains('.') && !is_address(form);
        let mut full: HashMap<String, Vec<&str>> = HashMap::new();
        for form in forms.iter().filter(|form| !short(form)) {
            full.entry(host(form)).or_default().push(form);
        }
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        for form in &forms {
            let meant = match full.get(form.as_str()).map(Vec::as_slice) {
                Some([one]) if short(form) && same(form, one) => one,
                _ => form.as_str(),
            };
            let next = numbers.len() as u32;
            numbers.entry(meant).or_insert(next);
            let number = numbers[meant];
            numbers.insert(form, number);
        }
        let by_text = texts.iter().map(|(text, form)| ((*text).to_owned(), numbers[form.as_str()])).collect();
        Self { by_text }
    }

    /// The computer that a name means; None for a name that was not given at first.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.by_text.get(name).copied()
    }
}

/// Name and version of a package: cut at `=`, else at the last `-` before a digit.
pub fn name_and_version(package: &str) -> (&str, &str) {
    if let Some((name, version)) = package.split_once('=') {
        return (name, version.trim_start_matches('='));
    }
    let digit = |at: &usize| package.as_bytes().get(at + 1).is_some_and(u8::is_ascii_digit);
    match package.rmatch_indices('-').map(|(at, _)| at).find(digit) {
        Some(at) if at > 0 => (&package[..at], &package[at + 1..]),
        _ => (package, ""),
    }
}

/// Which version is newer: numbers as numbers, the rest by its letters; `2.1rc1` and `2.1~1` come before `2.1`.
pub fn compare_versions(a: &str, b: &str) -> Ordering {
    fn parts(version: &str) -> Vec<&str> {
        let kind = |byte: u8| {
            if byte.is_ascii_digit() {
                0
            } else if byte.is_ascii_alphabetic() {
                1
            } else {
                2
            }
        };
        let bytes = version.as_bytes();
        let cuts = (1..bytes.len())
            .filter(|at| kind(bytes[at - 1]) != kind(bytes[*at]) && version.is_char_boundary(*at));
        let mut start = 0;
        let mut found = Vec::new();
        for cut in cuts.chain([version.len()]) {
            found.push(&version[start..cut]);
            start = cut;
        }
        found.retain(|part| !part.is_empty());
        found
    }
    let before = |part: &str| {
        let word = part.to_ascii_lowercase();
        word.starts_with('~') || ["rc", "alpha", "beta", "pre", "dev"].contains(&word.as_str())
    };
    let (left, right) = (parts(a), parts(b));
    for at in 0..left.len().max(right.len()) {
        let order = match (left.get(at), right.get(at)) {
            (Some(a), Some(b)) => {
                match (a.as_bytes()[0].is_ascii_digit(), b.as_bytes()[0].is_ascii_digit()) {
                    (true, true) => {
                        let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
                        (a.len(), a).cmp(&(b.len(), b))
                    }
                    (true, false) => Ordering::Greater,
                    (false, true) => Ordering::Less,
                    (false, false) if before(a) != before(b) => before(b).cmp(&before(a)),
                    (false, false) => a.cmp(b),
                }
            }
            (Some(a), None) => {
                if before(a) {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (None, Some(b)) => {
                if before(b) {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            (None, None) => Ordering::Equal,
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

/// When something was said: its time, and its line where times do not tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    pub at: Option<Timestamp>,
    pub place: Place,
}

impl Moment {
    /// When something was said of a recipient. Whom a run that was cut short never came to lacks what it sends since it
    /// began.
    pub fn of(run: &Run, recipient: &Recipient) -> Self {
        if recipient.at.is_none() && recipient.place == run.last && recipient.cause.as_deref() == Some(NEVER)
        {
            return Self { at: run.start.or(run.end), place: run.place.clone() };
        }
        Self { at: recipient.at.or(run.end).or(run.start), place: recipient.place.clone() }
    }

    /// Whether this was after `other`. None where neither times nor lines tell, or where they contradict each other: a
    /// clock was set, or the log is put together from others.
    pub fn after(&self, other: &Moment) -> Option<bool> {
        let lines = (self.place.file == other.place.file).then_some(self.place.line > other.place.line);
        match (self.at, other.at) {
            (Some(a), Some(b)) if a != b => {
                Some(a > b).filter(|later| lines.is_none_or(|lines| lines == *later))
            }
            _ if lines.is_some() => lines,
            (Some(_), Some(_)) => Some(false),
            _ => None,
        }
    }

    /// The same, where it was last reported at a time: then no line says when.
    pub fn reported(self, at: Option<Timestamp>) -> Self {
        if at > self.at { Self { at, place: Place { file: Arc::from(""), line: 0 } } } else { self }
    }
}

/// Whether a run's period, with its slack, touches a record's.
pub fn in_period(run: &Run, first: Timestamp, last: Timestamp) -> bool {
    let Some(start) = run.start.or(run.end) else { return false };
    let end = run.end.unwrap_or_else(|| start.saturating_add(OPEN).unwrap_or(Timestamp::MAX));
    let begins = last.saturating_add(SLACK).unwrap_or(Timestamp::MAX);
    let ends = end.saturating_add(SLACK).unwrap_or(Timestamp::MAX);
    start <= begins && first <= ends
}

/// Whether a record may speak of this package of a run: equal without regard to case, or one of both unnamed.
pub fn same_package(record: &str, packages: &[String]) -> bool {
    let equal = |package: &String| {
        package.eq_ignore_ascii_case(record)
            || (name_and_version(record).1.is_empty()
                && name_and_version(package).0.eq_ignore_ascii_case(record))
    };
    record.is_empty() || packages.is_empty() || packages.iter().any(equal)
}

/// Runs by their job and by their recipients, so that each record is looked up.
pub struct Runs<'a> {
    runs: &'a [Run],
    /// Whether the server that is asked for executed it.
    server: &'a str,
    jobs: HashMap<&'a str, Vec<u32>>,
    recipients: HashMap<u32, Vec<u32>>,
}

impl<'a> Runs<'a> {
    /// `server`: who executed the runs that do not say so.
    pub fn new(runs: &'a [Run], server: &'a str, computers: &Computers) -> Self {
        let mut jobs: HashMap<&str, Vec<u32>> = HashMap::new();
        let mut recipients: HashMap<u32, Vec<u32>> = HashMap::new();
        for (at, run) in runs.iter().enumerate() {
            if let Some(job) = run.job.as_deref().filter(|job| !job.is_empty()) {
                jobs.entry(job).or_default().push(at as u32);
            }
            for number in run.recipients.iter().filter_map(|recipient| computers.number(&recipient.name)) {
                recipients.entry(number).or_default().push(at as u32);
            }
        }
        Self { runs, server, jobs, recipients }
    }

    /// The runs that a record may speak of: by its job where one has it, else by recipient, package and time. The last
    /// one first.
    pub fn of(&self, record: &Record, computers: &Computers) -> Vec<usize> {
        let all =
            |found: Option<&Vec<u32>>| found.into_iter().flatten().map(|at| *at as usize).collect::<Vec<_>>();
        let fits = |run: &Run| {
            let tool =
                record.tool.is_empty() || run.tool.is_empty() || record.tool.eq_ignore_ascii_case(&run.tool);
            tool && same(run.server.as_deref().unwrap_or(self.server), &record.server)
        };
        let names = |run: &Run| {
            let who = computers.number(&record.recipient);
            run.recipients.iter().any(|recipient| computers.number(&recipient.name) == who)
        };
        let mut found =
            if record.job.is_empty() { Vec::new() } else { all(self.jobs.get(record.job.as_str())) };
        found.retain(|at| fits(&self.runs[*at]));
        if found.is_empty() {
            found = all(computers.number(&record.recipient).and_then(|number| self.recipients.get(&number)));
            found.retain(|at| {
                let run = &self.runs[*at];
                fits(run)
                    && same_package(&record.package, &run.packages)
                    && in_period(run, record.first, record.last)
            });
        }
        // A number may be used again: then the recipient and the time tell.
        for tells in [&names as &dyn Fn(&Run) -> bool, &|run| in_period(run, record.first, record.last)] {
            if found.len() > 1 && found.iter().any(|at| tells(&self.runs[*at])) {
                found.retain(|at| tells(&self.runs[*at]));
            }
        }
        found.sort_by_key(|at| std::cmp::Reverse((self.runs[*at].end.or(self.runs[*at].start), *at)));
        found.dedup();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_names_and_versions_come_apart() {
        for (package, apart) in [
            ("acme-client-2.10.1", ("acme-client", "2.10.1")),
            ("acme=2.1", ("acme", "2.1")),
            ("acme", ("acme", "")),
            ("python-3-foo-1.2", ("python-3-foo", "1.2")),
            ("-3", ("-3", "")),
            ("acme-client", ("acme-client", "")),
        ] {
            assert_eq!(name_and_version(package), apart, "{package}");
        }
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (old, new) in [
            ("2.9", "2.10"),
            ("2.1", "2.1.1"),
            ("2.1rc1", "2.1"),
            ("2.1~1", "2.1"),
            ("9", "10"),
            ("2.a", "2.1"),
            ("", "1"),
            ("ä", "äb"),
        ] {
            assert_eq!(compare_versions(old, new), Ordering::Less, "{old} {new}");
            assert_eq!(compare_versions(new, old), Ordering::Greater, "{new} {old}");
        }
        assert_eq!(compare_versions("2.01", "2.1"), Ordering::Equal);
    }

    #[test]
    fn one_computer_has_one_number() {
        let names = [
            "node7",
            "NODE7.east.example",
            "node8",
            "node8.east.example",
            "node8.west.example",
            "10.1.2.3",
            "node9",
        ];
        let device = |name: &str| (name == "10.1.2.3").then(|| "Node9".to_owned());
        let computers = Computers::new(names.into_iter(), &device);
        let number = |name: &str| computers.number(name).expect(name);
        assert_eq!(number("node7"), number("NODE7.east.example"));
        assert_eq!(number("10.1.2.3"), number("node9"));
        let three = [number("node8"), number("node8.east.example"), number("node8.west.example")];
        assert!(three[0] != three[1] && three[1] != three[2] && three[0] != three[2], "{three:?}");
        assert_eq!(computers.number("node10"), None);
    }
}
