//! Who is set aside before anything is issued: recipients that do not answer, and those in a posted outage.
//!
//! In: a survey, commands, what is to be asked. Out: per recipient why it is set aside. What could not be asked sets
//! nobody aside: it is said. Those who are set aside stay failed.

use super::super::{Failure, Globals, rules_folder, show};
use super::surveyed::{Survey, folder};
use crate::alert::name;
use crate::diagnosis::{Alone, Finding, Limits, Port, Target, connect, diagnose};
use crate::location::{Record, Stated, verify};
use crate::outage::{Expectation, Subject};
use crate::redistribution::plan::{Job, Rebuilt};
use crate::rules::redistribution::Reachability;
use crate::service::outages::Outages;
use crate::store::{Access, Store};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// Who is set aside, and why.
#[derive(Debug, Default)]
pub(super) struct Aside {
    /// By normal name.
    unreachable: HashMap<String, String>,
    /// By packages and normal name: an outage may be one of a package.
    expected: HashMap<(Vec<String>, String), String>,
    /// What the operator must know of the asking.
    pub(super) notes: Vec<String>,
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
}

/// Looks after the recipients of these commands: notices first, then the network after the others.
pub(super) fn look<'s>(
    globals: &Globals,
    survey: &Survey,
    network: Reachability,
    commands: impl Iterator<Item = (&'s Job, &'s Rebuilt)>,
) -> Result<Aside, Failure> {
    let mut parcels: BTreeSet<(&[String], &str)> = BTreeSet::new();
    for (job, command) in commands {
        parcels.extend(command.recipients.iter().map(|name| (&job.packages[..], name.as_str())));
    }
    let mut aside = Aside::default();
    if parcels.is_empty() {
        return Ok(aside);
    }
    if survey.on.is_some() {
        if network != Reachability::Off {
            let note =
                "recipients were not asked whether they answer: their server is another machine (--on)";
            aside.notes.push(note.to_owned());
        }
        return Ok(aside);
    }
    let now = globals.now()?;
    let store = globals.store(Access::Read).ok();
    let mut records: HashMap<&str, Option<Record>> = HashMap::new();
    for (_, name) in &parcels {
        records.entry(name).or_insert_with(|| record_of(store.as_ref()?, name));
    }
    let outages =
        store.as_ref().and_then(|store| Outages::open(store, Vec::new()).ok().map(|open| (store, open)));
    if let Some((store, outages)) = &outages {
        for (packages, name) in &parcels {
            let record = records.get(name).and_then(Option::as_ref);
            if let Some(why) = expected(store, outages, &survey.server, packages, name, record, now)? {
                aside.expected.insert((packages.to_vec(), name::normal(name)), why);
            }
        }
    }
    let left: BTreeMap<String, Target> = parcels
        .iter()
        .filter(|(packages, name)| aside.why(packages, name).is_none())
        .map(|(_, name)| {
            let ips = records.get(name).and_then(Option::as_ref).map(|record| &record.ips[..]);
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
