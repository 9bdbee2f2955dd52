//! Location records out of `ansible-inventory --list`.
//!
//! In: its JSON. Out: a record or mistakes per host of `_meta.hostvars`. Of a host's variables only ours are
//! read: our field names, bare or after `autoticket_`, `ansible_host`, and what NetBox's plugin writes.

use super::field::{self, Field, OWN, Row, mistake};
use super::{Item, MOST_BYTES, MOST_ROWS, Wrong};
use crate::rules::model::Origin;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::cell::Cell;
use std::fmt;
use std::io::{BufRead, Read};

pub(super) fn read(file: &str, input: impl BufRead) -> Vec<Item> {
    let line = Cell::new(1);
    let mut items = Vec::new();
    let counted = Counted { input: input.take(MOST_BYTES), line: &line };
    let mut json = serde_json::Deserializer::from_reader(counted);
    let hosts = Hosts { file, line: &line, items: &mut items };
    let top = Descend { path: &["_meta", "hostvars"], hosts };
    let read = top.deserialize(&mut json).and_then(|found| json.end().map(|()| found));
    let end = |line: usize, column: usize, what: String| {
        let origin = Origin { file: file.to_owned(), line: number(line), column: number(column) };
        Err(Wrong { mistake: mistake(&origin, what), whole_file: true })
    };
    match read {
        Ok(true) => {}
        Ok(false) => items.push(end(
            1,
            1,
            "no `_meta.hostvars`: this must be the output of `ansible-inventory --list`".to_owned(),
        )),
        Err(e) => {
            let text = e.to_string();
            let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what).to_owned();
            items.push(end(e.line().max(1), e.column().max(1), format!("JSON: {what}")));
        }
    }
    items
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Counts line ends as they are consumed: the parser takes byte by byte.
struct Counted<'l, R> {
    input: R,
    line: &'l Cell<u32>,
}

impl<R: BufRead> Read for Counted<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.input.read(into)?;
        let ends = memchr::memchr_iter(b'\n', &into[..read]).count();
        self.line.set(self.line.get().saturating_add(number(ends)));
        Ok(read)
    }
}

/// Walks down to the hosts; gives whether it got there.
struct Descend<'a> {
    path: &'static [&'static str],
    hosts: Hosts<'a>,
}

impl<'de> DeserializeSeed<'de> for Descend<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<bool, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Descend<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object, as `ansible-inventory --list` writes it")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let Some((first, rest)) = self.path.split_first() else {
            self.hosts.all(map)?;
            return Ok(true);
        };
        let mut found = false;
        let Hosts { file, line, items } = self.hosts;
        while let Some(key) = map.next_key::<String>()? {
            if key == *first {
                let hosts = Hosts { file, line, items: &mut *items };
                found |= map.next_value_seed(Descend { path: rest, hosts })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

struct Hosts<'a> {
    file: &'a str,
    line: &'a Cell<u32>,
    items: &'a mut Vec<Item>,
}

impl Hosts<'_> {
    fn all<'de, A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut hosts = 0;
        while let Some(host) = map.next_key::<String>()? {
            let origin = Origin { file: self.file.to_owned(), line: self.line.get(), column: 1 };
            hosts += 1;
            if hosts > MOST_ROWS {
                let mistake = mistake(&origin, format!("more than {MOST_ROWS} hosts"));
                self.items.push(Err(Wrong { mistake, whole_file: true }));
                // The rest still has to be read past.
                map.next_value::<IgnoredAny>()?;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Ok(());
            }
            let mut row = Row::default();
            row.add((Field::Name, 0), &host);
            map.next_value_seed(Variables { row: &mut row })?;
            match row.record(origin) {
                Ok(record) => self.items.push(Ok(record)),
                Err(mistakes) => self
                    .items
                    .extend(mistakes.into_iter().map(|mistake| Err(Wrong { mistake, whole_file: false }))),
            }
        }
        Ok(())
    }
}

/// The variables of one host.
struct Variables<'r> {
    row: &'r mut Row,
}

impl<'de> DeserializeSeed<'de> for Variables<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Variables<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the variables of a host")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let host = key == "ansible_host";
            match if host { Some((Field::Aliases, 1)) } else { field_of(&key) } {
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some((field, rank)) => {
                    for value in map.next_value_seed(Texts)? {
                        let address = host && crate::alert::name::ip(&value).is_some();
                        self.row.add(if address { (Field::Ip, 1) } else { (field, rank) }, &value);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Bare names that mean something of their own in inventories (`name`, `owner` of files) need our prefix.
fn field_of(key: &str) -> Option<(Field, usize)> {
    if let Some(own) = key.strip_prefix("autoticket_") {
        return OWN.iter().find(|(word, _)| *word == own).map(|(_, field)| (*field, 0));
    }
    match key {
        "name" | "owner" | "telephone" | "ip" | "mac" | "aliases" => None,
        "primary_ip4" | "primary_ip6" | "mac_address" | "sites" | "regions" | "racks" | "locations"
        | "site" => field::of_header(key.strip_suffix('s').filter(|_| key != "locations").unwrap_or(key)),
        key => OWN.iter().find(|(word, _)| *word == key).map(|(_, field)| (*field, 1)),
    }
}

/// A text, number or list of them; anything else says nothing.
struct Texts;

impl<'de> DeserializeSeed<'de> for Texts {
    type Value = Vec<String>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Vec<String>, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Texts {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Vec<String>, E> {
        Ok(vec![text.to_owned()])
    }

    fn visit_u64<E>(self, number: u64) -> Result<Vec<String>, E> {
        Ok(vec![number.to_string()])
    }

    fn visit_i64<E>(self, number: i64) -> Result<Vec<String>, E> {
        Ok(vec![number.to_string()])
    }

    fn visit_f64<E>(self, number: f64) -> Result<Vec<String>, E> {
        Ok(vec![number.to_string()])
    }

    fn visit_bool<E>(self, _: bool) -> Result<Vec<String>, E> {
        Ok(Vec::new())
    }

    fn visit_unit<E>(self) -> Result<Vec<String>, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
        let mut texts = Vec::new();
        while let Some(more) = list.next_element_seed(Texts)? {
            texts.extend(more);
        }
        Ok(texts)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<String>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Vec::new())
    }
}
