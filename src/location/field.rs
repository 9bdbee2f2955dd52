//! From named values of one row to one location record: the same for every format of file.
//!
//! In: values with the field they belong to, and where the row stands. Out: the record, or every mistake in
//! the row. It does not know how rows are written.

use super::model::Record;
use crate::alert::{building_and_room, name};
use crate::rules::model::Origin;
use crate::rules::{Coordinates, Mistake};

/// What one value of a row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Name,
    Aliases,
    Mac,
    Ip,
    Region,
    Building,
    Room,
    /// Where it stands in one text: `Plant > B2 > R14`, `B2/R14`, or the room alone.
    Location,
    Rack,
    Owner,
    Telephone,
    Latitude,
    Longitude,
    Coordinates,
}

/// Our own name of each field: the keys of native YAML and of Ansible variables, and headers of CSV.
pub(super) const OWN: [(&str, Field); 14] = [
    ("name", Field::Name),
    ("aliases", Field::Aliases),
    ("mac", Field::Mac),
    ("ip", Field::Ip),
    ("region", Field::Region),
    ("building", Field::Building),
    ("room", Field::Room),
    ("location", Field::Location),
    ("rack", Field::Rack),
    ("owner", Field::Owner),
    ("telephone", Field::Telephone),
    ("latitude", Field::Latitude),
    ("longitude", Field::Longitude),
    ("coordinates", Field::Coordinates),
];

/// Headers of other people's exports (case, `_`, `-`, `.` and blanks aside), after our own; of two columns for
/// one field the one that stands earlier here counts where it has a value. NetBox: `site`, `location`,
/// `primary_ip4`, the table's `IPv4 Address`; GLPI: `Locations`, `Network - IP`, `Alternate username`.
const FOREIGN: [(&str, Field); 47] = [
    ("device", Field::Name),
    ("device name", Field::Name),
    ("hostname", Field::Name),
    ("host name", Field::Name),
    ("host", Field::Name),
    ("computer name", Field::Name),
    ("nom", Field::Name),
    ("alias", Field::Aliases),
    ("dns name", Field::Aliases),
    ("fqdn", Field::Aliases),
    ("macs", Field::Mac),
    ("mac address", Field::Mac),
    ("mac addresses", Field::Mac),
    ("primary mac address", Field::Mac),
    ("network mac address", Field::Mac),
    ("network ports mac address", Field::Mac),
    ("ips", Field::Ip),
    ("ip address", Field::Ip),
    ("ip addresses", Field::Ip),
    ("primary ip", Field::Ip),
    ("primary ip4", Field::Ip),
    ("primary ip6", Field::Ip),
    ("ipv4", Field::Ip),
    ("ipv6", Field::Ip),
    ("ipv4 address", Field::Ip),
    ("ipv6 address", Field::Ip),
    ("network ip", Field::Ip),
    ("site", Field::Building),
    ("site name", Field::Building),
    ("building number", Field::Building),
    ("locations building number", Field::Building),
    ("room number", Field::Room),
    ("locations room number", Field::Room),
    ("locations", Field::Location),
    ("location name", Field::Location),
    ("lieu", Field::Location),
    ("rack name", Field::Rack),
    ("contact", Field::Owner),
    ("alternate username", Field::Owner),
    ("user", Field::Owner),
    ("tenant", Field::Owner),
    ("phone", Field::Telephone),
    ("phone number", Field::Telephone),
    ("contact phone", Field::Telephone),
    ("alternate username number", Field::Telephone),
    ("locations latitude", Field::Latitude),
    ("locations longitude", Field::Longitude),
];

/// The field a header names, and its rank among the headers of that field (0 first).
pub(super) fn of_header(header: &str) -> Option<(Field, usize)> {
    let words: Vec<String> = header
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let header = words.join(" ");
    let known = OWN.iter().chain(&FOREIGN);
    known.enumerate().find(|(_, (word, _))| *word == header).map(|(rank, (_, field))| (*field, rank))
}

/// Longest value of a field, in bytes.
pub(super) const MOST_VALUE: usize = 1024;
/// Most names or addresses of one device.
const MOST_KEYS: usize = 64;

/// One row as it was read.
#[derive(Debug, Default)]
pub(super) struct Row {
    values: Vec<(Field, usize, String)>,
}

impl Row {
    /// Adds a value; empty ones (and `-`, `—`, `None`, which exports write for nothing) count as not written.
    pub(super) fn add(&mut self, (field, rank): (Field, usize), value: &str) {
        let value = value.trim();
        if !matches!(value, "" | "-" | "—" | "None" | "null" | "NULL" | "N/A") {
            self.values.push((field, rank, value.to_owned()));
        }
    }

    fn first(&self, field: Field) -> Option<&str> {
        let of_field = self.values.iter().filter(|(f, ..)| *f == field);
        of_field.min_by_key(|(_, rank, _)| *rank).map(|(.., value)| value.as_str())
    }

    /// The words of every value of a field.
    fn all(&self, field: Field) -> impl Iterator<Item = &str> {
        let values = self.values.iter().filter(move |(f, ..)| *f == field);
        values
            .flat_map(|(.., value)| value.split("<br>"))
            .flat_map(|value| value.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|')))
            .filter(|word| !word.is_empty())
    }

    /// The record; or what is wrong with the row, each mistake at the row's place.
    pub(super) fn record(&self, origin: Origin) -> Result<Record, Vec<Mistake>> {
        let mut wrong = Wrong { origin: &origin, found: Vec::new() };
        let mut record = Record::default();
        if let Some((.., long)) = self.values.iter().find(|(.., value)| value.len() > MOST_VALUE) {
            wrong.say(format!("a value longer than {MOST_VALUE} bytes: `{}…`", start(long)));
            return Err(wrong.found);
        }
        match self.first(Field::Name) {
            None => wrong.say("the row has no name".to_owned()),
            Some(written) => self.names(written, &mut record, &mut wrong),
        }
        for written in self.all(Field::Mac) {
            match name::mac_anyhow(written) {
                Some(mac) => push(&mut record.macs, mac),
                None => wrong.say(format!("`{}` is no MAC address", start(written))),
            }
        }
        for written in self.all(Field::Ip) {
            // Exports write the length of the prefix as well.
            let bare = written.split_once('/').map_or(written, |(address, _)| address);
            match name::ip(bare) {
                Some(ip) => push(&mut record.ips, ip),
                None => wrong.say(format!("`{}` is no IP address", start(written))),
            }
        }
        if [&record.aliases, &record.macs, &record.ips].iter().any(|keys| keys.len() > MOST_KEYS) {
            wrong.say(format!("more than {MOST_KEYS} aliases or addresses"));
        }
        let text = |field| self.first(field).map(str::to_owned);
        record.region = text(Field::Region);
        record.building = text(Field::Building);
        record.room = text(Field::Room);
        record.rack = text(Field::Rack);
        record.owner = text(Field::Owner);
        record.telephone = text(Field::Telephone);
        if let Some(location) = self.first(Field::Location) {
            located(&mut record, location);
        }
        record.coordinates = self.coordinates().unwrap_or_else(|what| {
            wrong.say(what);
            None
        });
        let found = wrong.found;
        record.origin = origin;
        if found.is_empty() { Ok(record) } else { Err(found) }
    }

    /// The name, which may be a composite, and the aliases.
    fn names(&self, written: &str, record: &mut Record, wrong: &mut Wrong<'_>) {
        let parts = name::composite(written);
        record.macs.extend(parts.mac.clone());
        record.ips.extend(parts.ip.clone());
        record.name = parts.device().unwrap_or_default().to_owned();
        if record.name.is_empty() || record.name.contains('\u{fffd}') {
            wrong.say(format!("`{}` is no name of a device", start(written)));
        }
        let others = self.values.iter().filter(|(f, _, value)| *f == Field::Name && value != written);
        let others = others.map(|(.., value)| value.as_str());
        for alias in others.chain(self.all(Field::Aliases)).map(name::normal) {
            if alias.contains('\u{fffd}') {
                wrong.say(format!("`{}` is no name of a device", start(&alias)));
            } else if !alias.is_empty() && alias != record.name {
                push(&mut record.aliases, alias);
            }
        }
    }

    fn coordinates(&self) -> Result<Option<Coordinates>, String> {
        match (self.first(Field::Coordinates), self.first(Field::Latitude), self.first(Field::Longitude)) {
            (Some(both), ..) => both.parse().map(Some),
            (None, Some(latitude), Some(longitude)) => Coordinates::new(latitude, longitude).map(Some),
            (None, Some(_), None) => Err("a latitude without a longitude".to_owned()),
            (None, None, Some(_)) => Err("a longitude without a latitude".to_owned()),
            (None, None, None) => Ok(None),
        }
    }
}

/// Fills what the row does not say in fields of its own.
fn located(record: &mut Record, location: &str) {
    let path: Vec<&str> = location.split('>').map(str::trim).filter(|part| !part.is_empty()).collect();
    let (region, building, room) = match path.as_slice() {
        [.., region, building, room] => (Some(*region), Some(*building), Some(*room)),
        [building, room] => (None, Some(*building), Some(*room)),
        _ => {
            let (building, room) = building_and_room(location);
            if building.is_some() || room.is_some() {
                return fill(record, None, building.as_deref(), room.as_deref());
            }
            let whole = Some(location);
            if record.building.is_some() { (None, None, whole) } else { (None, whole, None) }
        }
    };
    fill(record, region, building, room);
}

fn fill(record: &mut Record, region: Option<&str>, building: Option<&str>, room: Option<&str>) {
    let fields = [(&mut record.region, region), (&mut record.building, building), (&mut record.room, room)];
    for (field, value) in fields {
        if field.is_none() {
            *field = value.map(str::to_owned);
        }
    }
}

struct Wrong<'a> {
    origin: &'a Origin,
    found: Vec<Mistake>,
}

impl Wrong<'_> {
    fn say(&mut self, what: String) {
        self.found.push(mistake(self.origin, what));
    }
}

pub(super) fn mistake(origin: &Origin, what: impl Into<String>) -> Mistake {
    Mistake {
        file: origin.file.clone(),
        line: origin.line,
        column: origin.column,
        what: what.into(),
        hint: None,
    }
}

fn push(list: &mut Vec<String>, value: String) {
    if !list.contains(&value) {
        list.push(value);
    }
}

/// The beginning of a value, for a message.
fn start(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_known_whatever_their_case_and_separators() {
        for (header, field) in [
            ("Primary_IP4", Field::Ip),
            ("Network - MAC address", Field::Mac),
            (" Locations ", Field::Location),
            ("NAME", Field::Name),
            ("Alternate username number", Field::Telephone),
        ] {
            assert_eq!(of_header(header).map(|(field, _)| field), Some(field), "{header}");
        }
        assert_eq!(of_header("Serial number"), None);
        let names: std::collections::BTreeSet<&str> =
            OWN.iter().chain(&FOREIGN).map(|(word, _)| *word).collect();
        assert_eq!(names.len(), OWN.len() + FOREIGN.len(), "a header stands twice");
    }

    #[test]
    fn a_location_in_one_text_fills_what_has_no_field_of_its_own() {
        let placed = |location: &str, building: Option<&str>| {
            let mut record = Record { building: building.map(str::to_owned), ..Record::default() };
            located(&mut record, location);
            [record.region, record.building, record.room].map(Option::unwrap_or_default).join("|")
        };
        assert_eq!(placed("Acme > EMEA > B2 > R14", None), "EMEA|B2|R14");
        assert_eq!(placed("B2 > R14", None), "|B2|R14");
        assert_eq!(placed("B2/R14", None), "|B2|R14");
        assert_eq!(placed("Room 14", Some("B2")), "|B2|14");
        assert_eq!(placed("Server room", Some("B2")), "|B2|Server room");
        assert_eq!(placed("Plant North", None), "|Plant North|");
    }
}
