//! The verdict on a mail: its reading, the lists, and the gates in their order.
//!
//! In: a [`Reading`], answers about the lists, our install id. Out: a [`Judgement`] with exactly one outcome
//! and its reason. The gates: own, bounds, authentication, domain, subject, node, format, then each record
//! with the lists narrowed to its effort or package. It counts nothing and stores nothing.

use super::engine::{Engine, Reading};
use super::format::Found;
use super::model::{AlertRecord, Judgement, ListEntry, Lists, NearMiss, Outcome, Reason, Step};
use super::name;
use super::source::Source;
use crate::mail::Mail;
use crate::rules::glob;
use crate::rules::model::NodeAsks;

impl Engine<'_> {
    /// Judges a mail that was read by this engine. `steps`: whether to say the way through the gates.
    pub fn judge(
        &self,
        mail: &Mail,
        reading: &Reading,
        lists: &dyn Lists,
        install_id: &str,
        steps: bool,
    ) -> Judgement {
        let source = reading.source.as_ref().ok();
        let mut path = Path { engine: self, reading, lists, steps: steps.then(Vec::new), near_miss: None };
        let (outcome, reason, records) = match path.walk(mail, install_id) {
            Ok(end) => end,
            Err(stop) => (stop.0, stop.1, Vec::new()),
        };
        Judgement {
            outcome,
            reason,
            records,
            source_domain: source.map(|source| source.domain.clone()).unwrap_or_default(),
            source_node: source.map(|source| source.node.clone()).unwrap_or_default(),
            near_miss: path.near_miss,
            steps: path.steps.unwrap_or_default(),
        }
    }
}

type End = (Outcome, Reason, Vec<AlertRecord>);
/// Where the walk ended early.
type Stop = Box<(Outcome, Reason)>;

/// List entries the mail passed by; they may hold for some records only.
#[derive(Default)]
struct Passed {
    domain: Option<ListEntry>,
    node: Option<ListEntry>,
}

struct Path<'p, 'r> {
    engine: &'p Engine<'r>,
    reading: &'p Reading,
    lists: &'p dyn Lists,
    steps: Option<Vec<Step>>,
    near_miss: Option<NearMiss>,
}

impl Path<'_, '_> {
    fn walk(&mut self, mail: &Mail, install_id: &str) -> Result<End, Stop> {
        let gates = &self.engine.rules.gates;
        self.own(install_id)?;
        self.stop_if(self.reading.unreadable.clone(), Outcome::Quarantined)?;
        self.pass("bounds", "built in", || "headers are complete".to_owned());
        match &self.reading.authentication {
            None => self.off("authentication", &gates.authentication.origin.to_string()),
            Some(Err(reason)) => return Err(self.stop(Outcome::Rejected, reason.clone())),
            Some(Ok(method)) => {
                self.pass("authentication", &gates.authentication.origin.to_string(), || {
                    format!("{method} passed")
                });
            }
        }
        let mut passed = Passed { domain: self.domain()?, node: None };
        if gates.subject.enabled {
            self.stop_if(self.reading.subject.clone(), Outcome::Rejected)?;
            let subject = &mail.subject;
            self.pass("subject", &gates.subject.origin.to_string(), || {
                format!("`{}` is no reply or forward", crate::shown::Shown::new(subject))
            });
        } else {
            self.off("subject", &gates.subject.origin.to_string());
        }
        passed.node = self.node()?;
        self.format(&passed)
    }

    fn own(&mut self, install_id: &str) -> Result<(), Stop> {
        if let Some((outcome, reason)) = self.reading.marks.verdict(self.lists, install_id) {
            return Err(self.stop(outcome, reason));
        }
        self.pass("own", "built in", || "neither one of our tickets nor an answer to one".to_owned());
        Ok(())
    }

    fn source(&mut self) -> Result<Source, Stop> {
        match &self.reading.source {
            Ok(source) => Ok(source.clone()),
            Err(reason) => Err(self.stop(Outcome::Rejected, reason.clone())),
        }
    }

    fn domain(&mut self) -> Result<Option<ListEntry>, Stop> {
        let gate = &self.engine.rules.gates.domain;
        if !gate.enabled {
            self.off("domain", &gate.origin.to_string());
            return Ok(None);
        }
        let source = self.source()?;
        let entry = source.forms(gate.depth).into_iter().find_map(|form| self.lists.domain(form));
        let Some(entry) = entry else {
            let origin = entries("domain", self.lists.domains());
            return Err(
                self.stop(Outcome::Rejected, Reason::DomainUnlisted { domain: source.domain, origin })
            );
        };
        let rule = entries("domain", self.lists.domains());
        self.pass("domain", &rule, || {
            let relay = source.relay.map(|relay| format!(" (by relay {relay})")).unwrap_or_default();
            format!("{}{relay} is listed as {}", source.domain, entry.name)
        });
        Ok(Some(entry))
    }

    fn node(&mut self) -> Result<Option<ListEntry>, Stop> {
        let gate = &self.engine.rules.gates.node;
        if !gate.enabled {
            self.off("node", &gate.origin.to_string());
            return Ok(None);
        }
        if !self.engine.asks_source() {
            self.pass("node", &gate.origin.to_string(), || "asks each alert's device".to_owned());
            return Ok(None);
        }
        let source = self.source()?;
        let entry = self.lists.node(&source.node).or_else(|| self.lists.node(&source.domain));
        let Some(entry) = entry else {
            let reason = self.unlisted(&source.node, "source");
            return Err(self.stop(Outcome::Rejected, reason));
        };
        let rule = entries("node", self.lists.nodes());
        self.pass("node", &rule, || format!("source {} is listed as {}", source.node, entry.name));
        Ok(Some(entry))
    }

    /// Why a node is refused; the first one of a mail is remembered as a near miss, with the source's domain.
    fn unlisted(&mut self, node: &str, asked: &str) -> Reason {
        let domain = self.reading.source.as_ref().map(|source| source.domain.clone()).unwrap_or_default();
        self.near_miss.get_or_insert_with(|| NearMiss { node: node.to_owned(), domain: domain.clone() });
        let origin = entries("node", self.lists.nodes());
        Reason::NodeUnlisted { node: node.to_owned(), asked: asked.to_owned(), domain, origin }
    }

    fn format(&mut self, passed: &Passed) -> Result<End, Stop> {
        let found = self.reading.found.as_ref();
        let (format, origin, failures, recoveries) = match found {
            Some(Found::Records { format, origin, failures, recoveries }) => {
                (format, origin, failures, recoveries)
            }
            Some(Found::Unusable(reason)) => return Err(self.stop(Outcome::Quarantined, reason.clone())),
            Some(Found::Nothing { .. }) | None => {
                let (outcome, reason) = self.nothing(found);
                return Err(self.stop(outcome, reason));
            }
        };
        self.pass("format", origin, || {
            format!("{format} reads {} failures and {} recoveries", failures.len(), recoveries.len())
        });
        let gate = |path: &mut Self, records: &[AlertRecord]| -> Vec<AlertRecord> {
            records.iter().map(|record| path.gated(record, passed)).collect()
        };
        let repair = failures.is_empty();
        let mut records = gate(self, if repair { recoveries } else { failures });
        if let Some(first) = records.first().filter(|_| records.iter().all(|record| record.refused.is_some()))
        {
            let first = first.refused.clone().expect("every record of the mail is refused");
            return Ok((Outcome::Rejected, Reason::AllRecordsRefused { first: Box::new(first) }, records));
        }
        let origin = origin.clone();
        let format = format.clone();
        let good = records.iter().filter(|record| record.refused.is_none());
        if repair {
            let devices = good.map(|record| record.device.clone()).collect();
            return Ok((Outcome::Repair, Reason::RecoveryNotice { format, origin, devices }, records));
        }
        let alerts = count(good.count());
        for recovery in recoveries {
            let mut record = recovery.clone();
            let devices = vec![record.device.clone()];
            record.refused =
                Some(Reason::RecoveryNotice { format: format.clone(), origin: origin.clone(), devices });
            records.push(record);
        }
        let refused = count(records.len()) - alerts;
        let shortened = self.reading.shortened.map(str::to_owned);
        Ok((Outcome::Counted, Reason::Counted { format, origin, alerts, refused, shortened }, records))
    }

    /// A mail no format matches; where a part of it was not read, that cannot be known.
    fn nothing(&self, found: Option<&Found>) -> (Outcome, Reason) {
        if let Some(what) = self.reading.shortened {
            return (
                Outcome::Quarantined,
                Reason::CannotBeRead { what: format!("{what}, and no format rule matches the rest") },
            );
        }
        let (tried, nearest) = match found {
            Some(Found::Nothing { tried, nearest }) => (*tried, nearest.clone()),
            _ => (0, None),
        };
        (Outcome::Unrecognised, Reason::NoFormat { tried, nearest })
    }

    /// A record with its own refusal, if it has one.
    fn gated(&mut self, record: &AlertRecord, passed: &Passed) -> AlertRecord {
        let mut record = record.clone();
        if record.refused.is_none() {
            record.refused = self.record_refusal(&record, passed);
        }
        let refused = record.refused.as_ref();
        let step = || Step {
            gate: "record".to_owned(),
            passed: refused.is_none(),
            rule: refused.map_or_else(|| "built in".to_owned(), Reason::rule),
            text: match refused {
                Some(reason) => {
                    format!("{}: {}", crate::shown::Shown::new(&record.device_stated), reason.text())
                }
                None => format!("{}: {} failure", crate::shown::Shown::new(&record.device), record.failure),
            },
        };
        if let Some(steps) = &mut self.steps {
            steps.push(step());
        }
        record
    }

    fn record_refusal(&mut self, record: &AlertRecord, passed: &Passed) -> Option<Reason> {
        let gate = &self.engine.rules.gates.node;
        let mut device = None;
        if gate.enabled && matches!(gate.asks, NodeAsks::Device | NodeAsks::Both) {
            let host = name::host(&record.device);
            device = self.lists.node(&record.device).or_else(|| self.lists.node(&host));
            if device.is_none() {
                return Some(self.unlisted(&record.device, "device"));
            }
        }
        [("domain", &passed.domain), ("node", &passed.node), ("node", &device)]
            .into_iter()
            .find_map(|(list, entry)| self.narrowed(list, entry.as_ref()?, record))
    }

    /// The refusal of a list entry that holds only for other efforts or packages.
    fn narrowed(&self, list: &str, entry: &ListEntry, record: &AlertRecord) -> Option<Reason> {
        let efforts = &self.engine.rules.settings.efforts;
        let any = |globs: &[String], text: Option<&str>| {
            text.is_some_and(|text| globs.iter().any(|g| glob::matches(g, text)))
        };
        let package = record.package.as_deref();
        let job = record.job.as_deref();
        let holds = |item: &String| match efforts.iter().find(|effort| effort.name.eq_ignore_ascii_case(item))
        {
            Some(effort) => any(&effort.packages, package) || any(&effort.jobs, job),
            None => package.is_some_and(|package| glob::matches(item, package)),
        };
        if entry.only.is_empty() || entry.only.iter().any(holds) {
            return None;
        }
        Some(Reason::Narrowed {
            list: list.to_owned(),
            entry: entry.name.clone(),
            only: entry.only.clone(),
            package: record.package.clone(),
            job: record.job.clone(),
        })
    }

    fn stop_if(&mut self, reason: Option<Reason>, outcome: Outcome) -> Result<(), Stop> {
        reason.map_or(Ok(()), |reason| Err(self.stop(outcome, reason)))
    }

    /// Ends the walk at the gate of the reason.
    fn stop(&mut self, outcome: Outcome, reason: Reason) -> Stop {
        if let Some(steps) = &mut self.steps {
            steps.push(Step {
                gate: reason.gate().to_owned(),
                passed: false,
                rule: reason.rule(),
                text: reason.text(),
            });
        }
        Box::new((outcome, reason))
    }

    fn pass(&mut self, gate: &str, rule: &str, text: impl FnOnce() -> String) {
        if let Some(steps) = &mut self.steps {
            steps.push(Step { gate: gate.to_owned(), passed: true, rule: rule.to_owned(), text: text() });
        }
    }

    fn off(&mut self, gate: &str, rule: &str) {
        self.pass(gate, rule, || "switched off".to_owned());
    }
}

/// `domain list (3 entries)`: an empty list is said where it matters.
fn entries(list: &str, count: u64) -> String {
    match count {
        0 => format!("{list} list (empty)"),
        1 => format!("{list} list (1 entry)"),
        n => format!("{list} list ({n} entries)"),
    }
}

fn count(records: usize) -> u32 {
    u32::try_from(records).unwrap_or(u32::MAX)
}
