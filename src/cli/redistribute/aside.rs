//! Who is set aside before anything is issued: recipients that do not answer, and those in a posted outage.
//!
//! In: a survey, commands, what is to be asked. Out: per recipient why it is set aside. What could not be asked sets
//! nobody aside: it is said. Those who are set aside stay failed.

use super::super::{Failure, Globals, rules_folder, show};
use super::surveyed::{Survey, folder};
use super::wire::{Parcel, Reason};
use crate::alert::name;
use crate::diagnosis::{Alone, Finding, Limits, Port, Target, connect, diagnose};
use crate::location::{Record, Stated, verify};
use crate::outage::{Expectation, Subject};
use crate::redistribution::plan::{Job, Plan, Rebuilt};
use crate::rules::redistribution::{Reachability, ServerRule};
use crate::service::outages::Outages;
use crate::store::{Access, Store};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// Whether recipients are asked if they answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Check {
    /// As the rules of the machine that issues say.
    Rules,
    /// The same, and by ping where they say nothing.
    Always,
    Never,
}

impl Check {
    fn network(self, rule: &ServerRule) -> Reachability {
        match (self, rule.reachability) {
            (Check::Never, _) => Reachability::Off,
            (Check::Always, Reachability::Off) => Reachability::Ping,
            (_, configured) => configured,
        }
    }
}

/// Who is set aside, and why.
#[derive(Debug, Default)]
pub(super) struct Aside {
    /// By normal name.
    unreachable: HashMap<String, String>,
    /// By packages and normal name: an outage may be one of a package.
    expected: HashMap<(Vec<String>, String), String>,
    /// What the operator must know of the asking.
    pub(super) notes: Vec<String>,
    /// The plan without them, where another machine makes it.
    pub(super) plan: Option<Plan>,
}

impl Aside {
    pub(super) fn is_empty(&self) -> bool {
        self.unreachable.is_empty() && self.expected.is_empty()
    }

    /// Why a recipient of these packages is set aside.
    pub(super) fn why(&self, packages: &[String], recipient: &str) -> Option<String> {
        let name = name::normal(recipient);
        if let Some(why) = self.unreachable.get(&name) {
            return Some(why.clone());
        }
        self.expected.get(&(packages.to_vec(), name)).cloned()
    }

    /// Takes in what was found elsewhere, or before; what is known already stays.
    pub(super) fn take(&mut self, reasons: Vec<Reason>) {
        for Reason { recipient, packages, why } in reasons {
            let name = name::normal(&recipient);
            match packages {
                Some(packages) => self.expected.entry((packages, name)).or_insert(why),
                None => self.unreachable.entry(name).or_insert(why),
            };
        }
    }

    /// As it travels, in an order of its own.
    pub(super) fn reasons(&self) -> Vec<Reason> {
        let of = |recipient: &String, packages: Option<&Vec<String>>, why: &String| Reason {
            recipient: recipient.clone(),
            packages: packages.cloned(),
            why: why.clone(),
        };
        let unreachable = self.unreachable.iter().map(|(name, why)| of(name, None, why));
        let expected = self.expected.iter().map(|((packages, name), why)| of(name, Some(packages), why));
        let mut all: Vec<Reason> = unreachable.chain(expected).collect();
        all.sort();
        all
    }
}

/// Looks after the recipients of these commands: notices first, then the network after the others. The machine that
/// issues them looks, whose network reaches them; `told`: whom somebody else knows to be in an outage.
pub(super) fn look<'s>(
    globals: &Globals,
    survey: &Survey,
    check: Check,
    commands: impl Iterator<Item = (&'s Job, &'s Rebuilt)>,
    told: Vec<Reason>,
) -> Result<Aside, Failure> {
    let mut parcels: BTreeMap<&[String], BTreeSet<&str>> = BTreeMap::new();
    let mut ids = Vec::new();
    for (job, command) in commands {
        parcels.entry(&job.packages).or_default().extend(command.recipients.iter().map(String::as_str));
        ids.push(command.id.clone());
    }
    let parcel = |(packages, names): (&[String], BTreeSet<&str>)| Parcel {
        packages: packages.to_vec(),
        recipients: names.into_iter().map(str::to_owned).collect(),
    };
    let mut parcels: Vec<Parcel> = parcels.into_iter().map(parcel).collect();
    parcels.retain(|parcel| !parcel.recipients.is_empty());
    let mut aside = Aside::default();
    aside.take(told);
    if parcels.is_empty() {
        return Ok(aside);
    }
    let now = globals.now()?;
    let store = globals.store(Access::Read).ok();
    let records = records_of(store.as_ref(), &parcels);
    if let Some(store) = &store {
        aside.take(posted(store, &records, &survey.server, &parcels, now)?);
    }
    if let Some(far) = &survey.on {
        return far.aside(survey, check, ids, aside.reasons());
    }
    if let Some(center) = &survey.center {
        match center.expected(&survey.server, &parcels) {
            Ok(reasons) => aside.take(reasons),
            Err(failure) => {
                let (name, why) = (center.name(), failure.line());
                aside.notes.push(format!("outages posted at {name} do not count here: {why}"));
            }
        }
    }
    let network = check.network(&survey.rule);
    let all = parcels.iter().flat_map(|parcel| parcel.recipients.iter().map(move |name| (parcel, name)));
    let left: BTreeMap<String, Target> = all
        .filter(|(parcel, name)| aside.why(&parcel.packages, name).is_none())
        .map(|(_, name)| {
            let ips = records.get(name.as_str()).and_then(Option::as_ref).map(|record| &record.ips[..]);
            let address = ips.unwrap_or_default().iter().find_map(|ip| ip.parse().ok());
            (name::normal(name), Target { address, ..Target::named(name::normal(name)) })
        })
        .collect();
    if network == Reachability::Off || left.is_empty() {
        return Ok(aside);
    }
    if globals.now.is_some() {
        aside
            .notes
            .push("recipients were not asked whether they answer: the clock was replaced (--now)".to_owned());
        return Ok(aside);
    }
    let rules = rules_folder::load(folder(globals).as_deref(), Some(&globals.state_folder()))?;
    // What was found before says nothing of now.
    let limits = Limits { cache: Duration::ZERO, ..Limits::of(&rules.settings.diagnosis, now) };
    if !globals.json {
        let many = show::count(left.len() as u64, "recipient");
        show::tell(format_args!("asking whether {many} can be reached ({})", network.words()));
    }
    let targets: Vec<Target> = left.values().cloned().collect();
    let mut not_asked: Vec<String> = Vec::new();
    let mut keep = |name: &String, why: Result<Option<String>, String>| match why {
        Ok(None) => {}
        Ok(Some(why)) => drop(aside.unreachable.insert(name.clone(), why)),
        Err(why) => not_asked.push(format!("{name} ({why})")),
    };
    match network {
        Reachability::Off => {}
        Reachability::Ping => {
            for (name, report) in left.keys().zip(diagnose(&targets, &limits, &mut Alone::default())) {
                keep(
                    name,
                    match (report.finding, &report.ping) {
                        (Finding::Up, _) => Ok(None),
                        (_, Some(_)) => Ok(Some(format!("does not answer ping: {}", report.headline()))),
                        (_, None) => Err(report.reason.to_string()),
                    },
                );
            }
        }
        Reachability::Port(port) => {
            for (name, answer) in left.keys().zip(connect(&targets, port, &limits)) {
                keep(
                    name,
                    match answer {
                        Port::Open => Ok(None),
                        Port::NotRun(reason) => Err(reason.to_string()),
                        other => Ok(Some(format!("port {port}: {other}"))),
                    },
                );
            }
        }
    }
    if !not_asked.is_empty() {
        let many = show::count(not_asked.len() as u64, "recipient");
        let first = not_asked.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        aside.notes.push(format!("{many} could not be asked and are not set aside: {first}"));
    }
    Ok(aside)
}

/// Who of these is in an outage that is posted here.
pub(super) fn expected_here(
    globals: &Globals,
    server: &str,
    parcels: &[Parcel],
) -> Result<Vec<Reason>, Failure> {
    let store = globals.store(Access::Read)?;
    let records = records_of(Some(&store), parcels);
    posted(&store, &records, server, parcels, globals.now()?)
}

/// The device record of each recipient.
fn records_of<'p>(store: Option<&Store>, parcels: &'p [Parcel]) -> HashMap<&'p str, Option<Record>> {
    let mut records = HashMap::new();
    for name in parcels.iter().flat_map(|parcel| &parcel.recipients) {
        records.entry(name.as_str()).or_insert_with(|| record_of(store?, name));
    }
    records
}

fn posted(
    store: &Store,
    records: &HashMap<&str, Option<Record>>,
    server: &str,
    parcels: &[Parcel],
    now: Timestamp,
) -> Result<Vec<Reason>, Failure> {
    let mut reasons = Vec::new();
    let Ok(outages) = Outages::open(store, Vec::new()) else { return Ok(reasons) };
    for Parcel { packages, recipients } in parcels {
        for name in recipients {
            let record = records.get(name.as_str()).and_then(Option::as_ref);
            if let Some(why) = expected(store, &outages, server, packages, name, record, now)? {
                reasons.push(Reason { recipient: name::normal(name), packages: Some(packages.clone()), why });
            }
        }
    }
    Ok(reasons)
}

/// The notice that holds for a recipient now, or for what it is sent.
fn expected(
    store: &Store,
    outages: &Outages,
    server: &str,
    packages: &[String],
    name: &str,
    record: Option<&Record>,
    now: Timestamp,
) -> Result<Option<String>, Failure> {
    let texts = |list: &'_ [String]| list.to_vec();
    let (aliases, ips) = record.map(|r| (texts(&r.aliases), texts(&r.ips))).unwrap_or_default();
    let mut names: Vec<&str> = vec![name];
    names.extend(record.map(|record| record.name.as_str()));
    names.extend(aliases.iter().map(String::as_str));
    let ips: Vec<&str> = ips.iter().map(String::as_str).collect();
    let package = packages.iter().map(|package| Some(package.as_str()));
    let none = packages.is_empty().then_some(None);
    for package in package.chain(none) {
        let subject = Subject {
            names: &names,
            mac: record.and_then(|record| record.macs.first()).map(String::as_str),
            ips: &ips,
            building: record.and_then(|record| record.building.as_deref()),
            region: record.and_then(|record| record.region.as_deref()),
            servers: &[server],
            package,
        };
        let found = outages.ask(store, &subject, now)?;
        if matches!(found, Expectation::Expected { .. }) {
            return Ok(Some(found.words()));
        }
    }
    Ok(None)
}

fn record_of(store: &Store, name: &str) -> Option<Record> {
    let stated = Stated::named(name);
    let reference = store.reference().ok()?;
    reference.location_list().ok()??;
    let records = reference.locations_for(&stated.keys()).ok()?;
    verify(&stated, &records).record().cloned()
}
