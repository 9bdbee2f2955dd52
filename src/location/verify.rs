//! Whether the location records agree with what an alert states.
//!
//! In: what is stated, the records found for it. Out: the verification, with both sides where they differ.

use super::model::{KeyKind, Record, Stated};
use crate::alert::name;
use serde::{Deserialize, Serialize};

/// A record, and by what it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    pub by: KeyKind,
    /// The name or address that found it.
    pub key: String,
    pub record: Record,
}

/// What the location records say of a device's stated location.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    /// No records were asked.
    #[default]
    NotAsked,
    /// No record has a name or an address of the device.
    Unrecorded,
    /// The records say what the alert says, or the alert says nothing.
    Verified { record: Box<Record> },
    /// The records say something else.
    Corrected {
        record: Box<Record>,
        /// What differs: as the alert said it (`B2/R14`), and as the record does.
        stated: String,
        recorded: String,
    },
    /// Name and address belong to two devices, or one name or address is recorded for two.
    Contradictory { by_name: Box<Found>, by_address: Box<Found> },
}

impl Verification {
    /// The record that holds for the device, where one alone does.
    pub fn record(&self) -> Option<&Record> {
        match self {
            Verification::Verified { record } | Verification::Corrected { record, .. } => Some(record),
            _ => None,
        }
    }

    /// In one sentence, with the lines of the inventory; parts of it are other people's text.
    pub fn words(&self) -> String {
        match self {
            Verification::NotAsked => "not asked".to_owned(),
            Verification::Unrecorded => "unrecorded: no record has its name or address".to_owned(),
            Verification::Verified { record } => {
                format!("verified: {} stands in {} ({})", record.name, place(record), record.origin)
            }
            Verification::Corrected { record, stated, recorded } => {
                format!("corrected: alert said {stated}, records say {recorded} ({})", record.origin)
            }
            Verification::Contradictory { by_name: a, by_address: b } if (a.by, &a.key) == (b.by, &b.key) => {
                format!(
                    "contradictory: {} {} is recorded for {} and for {}",
                    a.by.word(),
                    a.key,
                    device(a),
                    device(b)
                )
            }
            Verification::Contradictory { by_name: a, by_address: b } => format!(
                "contradictory: {} {} is that of {}, {} {} that of {}",
                a.by.word(),
                a.key,
                device(a),
                b.by.word(),
                b.key,
                device(b)
            ),
        }
    }

    /// Region, building and room to go by: the records' where one record holds, else what was stated, else,
    /// of two that contradict each other, the one found by name.
    pub fn place(&self, stated: &Stated) -> [Option<String>; 3] {
        let said = [&stated.region, &stated.building, &stated.room];
        let recorded = |record: &Record| [&record.region, &record.building, &record.room].map(Clone::clone);
        match self {
            Verification::Verified { record } | Verification::Corrected { record, .. } => {
                let [region, building, room] = recorded(record);
                // A room is a room of its building.
                let same_building = building.is_none() || same(building.as_deref(), said[1].as_deref());
                let room = room.or_else(|| said[2].clone().filter(|_| same_building));
                [region.or_else(|| said[0].clone()), building.or_else(|| said[1].clone()), room]
            }
            Verification::Contradictory { by_name, .. } if said.iter().all(|part| part.is_none()) => {
                recorded(&by_name.record)
            }
            _ => said.map(Clone::clone),
        }
    }
}

fn place(record: &Record) -> String {
    let place = record.place();
    if place.is_empty() { "no place".to_owned() } else { place }
}

fn device(found: &Found) -> String {
    let record = &found.record;
    format!("{} in {} ({})", record.name, place(record), record.origin)
}

fn same(a: Option<&str>, b: Option<&str>) -> bool {
    let normal = |text: Option<&str>| text.map(|t| t.trim().to_lowercase());
    normal(a) == normal(b)
}

/// Compares. A record is found by name (case aside; whole, or the short form where one record alone has it),
/// then alias, then MAC, then IP address; `candidates` are the records found under [`Stated::keys`].
pub fn verify(stated: &Stated, candidates: &[Record]) -> Verification {
    match found(stated, candidates) {
        Ok(None) => Verification::Unrecorded,
        Ok(Some(record)) => compared(stated, record),
        Err([by_name, by_address]) => Verification::Contradictory { by_name, by_address },
    }
}

/// The one record, or two that cannot both be meant.
fn found(stated: &Stated, candidates: &[Record]) -> Result<Option<Record>, [Box<Found>; 2]> {
    let mut evidence = [
        by_name(stated, candidates),
        by_address(KeyKind::Mac, &stated.macs(), candidates),
        by_address(KeyKind::Ip, &stated.ips(), candidates),
    ];
    evidence.iter_mut().for_each(|found| found.dedup_by(|a, b| a.record.name == b.record.name));
    let names = |found: &[Found]| found.iter().map(|f| f.record.name.clone()).collect::<Vec<_>>();
    // What each kind of evidence allows; several records under one key are narrowed by the next kind.
    let mut allowed: Option<Vec<Found>> = None;
    for found in evidence.into_iter().filter(|found| !found.is_empty()) {
        allowed = Some(match allowed {
            None => found,
            Some(before) => {
                let now = names(&found);
                let both: Vec<Found> =
                    before.iter().filter(|f| now.contains(&f.record.name)).cloned().collect();
                if both.is_empty() {
                    let mut pair = before.into_iter().chain(found);
                    let (Some(a), Some(b)) = (pair.next(), pair.next_back()) else { return Ok(None) };
                    return Err([Box::new(a), Box::new(b)]);
                }
                both
            }
        });
    }
    let mut allowed = allowed.unwrap_or_default().into_iter();
    match (allowed.next(), allowed.next()) {
        (None, _) => Ok(None),
        (Some(one), None) => Ok(Some(one.record)),
        (Some(one), Some(other)) => Err([Box::new(one), Box::new(other)]),
    }
}

/// Records of the best way in which a stated name fits any.
fn by_name(stated: &Stated, candidates: &[Record]) -> Vec<Found> {
    type Fits = fn(&str, &Record) -> bool;
    let ways: [(KeyKind, Fits); 4] = [
        (KeyKind::Name, |name, record| record.name == name),
        (KeyKind::Alias, |name, record| record.aliases.iter().any(|alias| alias == name)),
        (KeyKind::Short, |name, record| name::same(name, &record.name)),
        (KeyKind::Short, |name, record| record.aliases.iter().any(|alias| name::same(name, alias))),
    ];
    for (by, fits) in ways {
        for name in stated.names() {
            let fitting: Vec<Found> = candidates
                .iter()
                .filter(|record| fits(&name, record))
                .map(|record| Found { by, key: name.clone(), record: record.clone() })
                .collect();
            if !fitting.is_empty() {
                return fitting;
            }
        }
    }
    Vec::new()
}

fn by_address(by: KeyKind, addresses: &[String], candidates: &[Record]) -> Vec<Found> {
    let mut found = Vec::new();
    for address in addresses {
        let has = |record: &&Record| {
            if by == KeyKind::Mac { record.macs.contains(address) } else { record.ips.contains(address) }
        };
        let fitting = candidates.iter().filter(has);
        found.extend(fitting.map(|record| Found { by, key: address.clone(), record: record.clone() }));
    }
    found
}

fn compared(stated: &Stated, record: Record) -> Verification {
    let differs = |said: &Option<String>, recorded: &Option<String>| {
        said.is_some() && recorded.is_some() && !same(said.as_deref(), recorded.as_deref())
    };
    let building = differs(&stated.building, &record.building);
    let room = differs(&stated.room, &record.room);
    let region = differs(&stated.region, &record.region);
    let record = Box::new(record);
    if building || room {
        Verification::Corrected { stated: stated.place(), recorded: place(&record), record }
    } else if region {
        let words = |region: &Option<String>| format!("region {}", region.as_deref().unwrap_or_default());
        Verification::Corrected { stated: words(&stated.region), recorded: words(&record.region), record }
    } else {
        Verification::Verified { record }
    }
}
