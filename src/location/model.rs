//! A location record, what an alert states of a location, and the keys by which the two find each other.
//!
//! In: normal names and addresses. Out: keys; it looks nothing up.

use crate::alert::{AlertRecord, name};
use crate::rules::Coordinates;
use crate::rules::model::Origin;
use serde::{Deserialize, Serialize};

/// Where a device stands, by which names and addresses it is known, and who answers for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Normal form ([`name::normal`]), as all names and addresses here.
    pub name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub macs: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ips: Vec<String>,
    /// Places, persons and numbers are kept as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub building: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rack: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub telephone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coordinates: Option<Coordinates>,
    /// File and line it was imported from.
    #[serde(default)]
    pub origin: Origin,
}

/// By what a record is found. The order is that of trust: an earlier kind beats a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// The record's name.
    Name,
    /// Another name of the device.
    Alias,
    /// First label of a name or alias that has more than one; serves where one record alone has it.
    Short,
    Mac,
    Ip,
}

impl KeyKind {
    pub const ALL: [KeyKind; 5] = [KeyKind::Name, KeyKind::Alias, KeyKind::Short, KeyKind::Mac, KeyKind::Ip];

    /// As in a sentence: `name node7`, `address 10.1.2.3`.
    pub fn word(self) -> &'static str {
        match self {
            KeyKind::Name => "name",
            KeyKind::Alias => "alias",
            KeyKind::Short => "short name",
            KeyKind::Mac => "MAC address",
            KeyKind::Ip => "address",
        }
    }
}

impl Record {
    /// Every key under which this record is found, each once.
    pub fn keys(&self) -> Vec<(KeyKind, String)> {
        let mut keys = vec![(KeyKind::Name, self.name.clone())];
        let mut add = |kind, key: &str| {
            if !keys.iter().any(|(k, known)| *k == kind && known == key) {
                keys.push((kind, key.to_owned()));
            }
        };
        self.aliases.iter().for_each(|alias| add(KeyKind::Alias, alias));
        for long in std::iter::once(&self.name).chain(&self.aliases) {
            let short = name::host(long);
            if short != *long {
                add(KeyKind::Short, &short);
            }
        }
        self.macs.iter().for_each(|mac| add(KeyKind::Mac, mac));
        self.ips.iter().for_each(|ip| add(KeyKind::Ip, ip));
        keys
    }

    /// `B2/R41`, with the region where there is no building; empty where nothing is known.
    pub fn place(&self) -> String {
        place(self.region.as_deref(), self.building.as_deref(), self.room.as_deref())
    }
}

/// What an alert says of its device and where that stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stated {
    /// Names of the device, in any notation; composites are taken apart.
    pub names: Vec<String>,
    pub mac: Option<String>,
    pub ip: Option<String>,
    pub region: Option<String>,
    pub building: Option<String>,
    pub room: Option<String>,
}

impl Stated {
    /// What an alert record states.
    pub fn of(record: &AlertRecord) -> Stated {
        Stated {
            names: vec![record.device.clone()],
            mac: record.mac.clone(),
            ip: record.ip.clone(),
            region: record.region.clone(),
            building: record.building.clone(),
            room: record.room.clone(),
        }
    }

    /// A device as an operator names it: name, MAC, IP address or a composite of them.
    pub fn named(text: &str) -> Stated {
        Stated { names: vec![text.to_owned()], ..Stated::default() }
    }

    /// The keys to look up, each once, at most a few.
    pub fn keys(&self) -> Vec<(KeyKind, String)> {
        let names = self.names();
        let mut keys: Vec<(KeyKind, String)> = Vec::new();
        let mut add = |kind, key: &str| {
            if !key.is_empty() && !keys.iter().any(|(k, known)| *k == kind && known == key) {
                keys.push((kind, key.to_owned()));
            }
        };
        for written in &names {
            add(KeyKind::Name, written);
            add(KeyKind::Alias, written);
            let short = name::host(written);
            if short == *written {
                add(KeyKind::Short, written);
            } else {
                add(KeyKind::Name, &short);
                add(KeyKind::Alias, &short);
            }
        }
        self.macs().iter().for_each(|mac| add(KeyKind::Mac, mac));
        self.ips().iter().for_each(|ip| add(KeyKind::Ip, ip));
        keys
    }

    /// Names that are no addresses, normal.
    pub(super) fn names(&self) -> Vec<String> {
        self.names.iter().take(MOST_STATED).filter_map(|text| name::composite(text).name).collect()
    }

    pub(super) fn macs(&self) -> Vec<String> {
        let composites = self.names.iter().take(MOST_STATED).map(|text| name::composite(text));
        // Twelve bare digits may be a name; they are asked for as both.
        let of_names = composites.filter_map(|c| c.mac.or_else(|| name::mac_anyhow(c.name.as_deref()?)));
        self.mac.iter().filter_map(|mac| name::mac_anyhow(mac)).chain(of_names).collect()
    }

    pub(super) fn ips(&self) -> Vec<String> {
        let composites = self.names.iter().take(MOST_STATED).map(|text| name::composite(text));
        self.ip.iter().filter_map(|ip| name::ip(ip)).chain(composites.filter_map(|c| c.ip)).collect()
    }

    /// As [`Record::place`].
    pub fn place(&self) -> String {
        place(self.region.as_deref(), self.building.as_deref(), self.room.as_deref())
    }
}

/// Names of one alert that are looked up.
const MOST_STATED: usize = 8;

fn place(region: Option<&str>, building: Option<&str>, room: Option<&str>) -> String {
    match (building, room) {
        (Some(building), Some(room)) => format!("{building}/{room}"),
        (Some(building), None) => building.to_owned(),
        (None, room) => [region.map(str::to_owned), room.map(|room| format!("room {room}"))]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_found_by_name_alias_short_name_and_addresses() {
        let record = Record {
            name: "is38.east.acme.com".into(),
            aliases: vec!["dm.acme.com".into(), "old38".into()],
            macs: vec!["08:00:20:1a:2b:3c".into()],
            ips: vec!["10.1.2.3".into()],
            ..Record::default()
        };
        let keys: Vec<String> = record.keys().iter().map(|(k, key)| format!("{} {key}", k.word())).collect();
        assert_eq!(
            keys,
            [
                "name is38.east.acme.com",
                "alias dm.acme.com",
                "alias old38",
                "short name is38",
                "short name dm",
                "MAC address 08:00:20:1a:2b:3c",
                "address 10.1.2.3"
            ]
        );
    }

    #[test]
    fn a_composite_is_looked_up_by_each_of_its_parts() {
        assert_eq!(
            Stated::named("08-00-20-1A-2B-3C/10.1.2.3").keys(),
            [(KeyKind::Mac, "08:00:20:1a:2b:3c".to_owned()), (KeyKind::Ip, "10.1.2.3".to_owned())]
        );
        let bare = Stated::named("0800201a2b3c").keys();
        assert!(bare.contains(&(KeyKind::Mac, "08:00:20:1a:2b:3c".to_owned())), "{bare:?}");
        assert!(bare.contains(&(KeyKind::Name, "0800201a2b3c".to_owned())), "{bare:?}");
    }
}
