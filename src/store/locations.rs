//! Location records, and by which names and addresses they are found.
//!
//! In: records of an inventory, one after the other; keys to look up. Out: what an inventory changes; the
//! records of a key, by one look into one leaf per key. It does not verify.

use super::column::{from_json, json, time};
use super::lists::ListNames;
use super::{Doing, Error, Reference, ReferenceTx};
use crate::location::{KeyKind, Record};
use crate::rules::model::Origin;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Part of `reference.db`; a step of the ladder in `schema.rs` before.
pub(super) const TABLES: &str = "
-- Location records, by name. Their other keys stand in `location_key`.
CREATE TABLE location(
  name TEXT PRIMARY KEY,
  line INTEGER NOT NULL,        -- in the file of `location_list`
  record TEXT NOT NULL          -- JSON of location::Record, without name and origin
) STRICT, WITHOUT ROWID;
CREATE TABLE location_key(
  kind INTEGER NOT NULL,        -- index into KeyKind::ALL
  key TEXT NOT NULL, name TEXT NOT NULL,
  PRIMARY KEY(kind, key, name)
) STRICT, WITHOUT ROWID;
-- The inventory they were imported from; at most one row.
CREATE TABLE location_list(entries INTEGER NOT NULL, digest TEXT NOT NULL, at INTEGER NOT NULL, origin TEXT NOT NULL) STRICT;
";

const BY_NAME: &str = "SELECT line,record FROM location WHERE name=?1";
/// Of a key that many share, enough to see that it is shared.
const BY_KEY: &str = "SELECT name FROM location_key WHERE kind=?1 AND key=?2 LIMIT 4";

/// Shared keys that are told one by one.
const FIRST_DOUBLES: usize = 100;

/// What an inventory changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LocationDiff {
    /// Records of the inventory.
    pub records: u64,
    /// Records stored before.
    pub before: u64,
    pub added: ListNames,
    pub removed: ListNames,
    /// Same building, room and region, but something else.
    pub changed: ListNames,
    /// Another region, building or room: `node7: B2/R14 → B2/R41`.
    pub moved: ListNames,
    /// Keys that two records share.
    pub doubles: u64,
    /// The first of them.
    pub first_doubles: Vec<Double>,
}

impl LocationDiff {
    /// Whether the inventory says what is stored already.
    pub fn is_empty(&self) -> bool {
        [&self.added, &self.removed, &self.changed, &self.moved].iter().all(|names| names.count == 0)
    }

    /// Whether half of the records, or more, would vanish.
    pub fn halves(&self) -> bool {
        self.before > 0 && self.removed.count * 2 >= self.before
    }

    fn double(&mut self, double: Double) {
        self.doubles += 1;
        if self.first_doubles.len() < FIRST_DOUBLES {
            self.first_doubles.push(double);
        }
    }
}

/// One name or address of two records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Double {
    pub kind: KeyKind,
    pub key: String,
    /// Name of each record, and its line.
    pub first: (String, u32),
    /// Of two records of one name this one was not taken.
    pub second: (String, u32),
}

/// What is stored of the inventory as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LocationList {
    pub entries: u64,
    /// SHA-256 of the file, hexadecimal.
    pub digest: String,
    pub at: Timestamp,
    /// File it was imported from.
    pub origin: String,
}

fn number(kind: KeyKind) -> i64 {
    KeyKind::ALL.iter().position(|k| *k == kind).map_or(-1, |index| index as i64)
}

/// The record as it is stored.
fn bare(record: &Record) -> String {
    json(&Record { name: String::new(), origin: Origin::default(), ..record.clone() })
}

impl Reference {
    /// The records found under these keys, each once, in the order of the keys. A key that more than four
    /// records share gives four of them.
    pub fn locations_for(&self, keys: &[(KeyKind, String)]) -> Result<Vec<Record>, Error> {
        let mut names: Vec<String> = Vec::new();
        for (kind, key) in keys {
            let found: Vec<String> = match kind {
                KeyKind::Name => vec![key.clone()],
                kind => self
                    .connection
                    .prepare_cached(BY_KEY)
                    .and_then(|mut s| s.query_map(params![number(*kind), key], |r| r.get(0))?.collect())
                    .doing("look up a location record")?,
            };
            for name in found {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        let mut records = Vec::new();
        let mut file = None;
        for name in names {
            if let Some((line, mut record)) = self.location_named(&name)? {
                let file: &String = match &mut file {
                    Some(file) => file,
                    none => none.insert(self.location_list()?.map_or_else(String::new, |list| list.origin)),
                };
                record.origin = Origin { file: file.clone(), line, column: 1 };
                records.push(record);
            }
        }
        Ok(records)
    }

    /// Line and text of the record of a name.
    fn location_row(&self, name: &str) -> Result<Option<(u32, String)>, Error> {
        self.connection
            .prepare_cached(BY_NAME)
            .and_then(|mut s| s.query_row([name], |r| Ok((r.get(0)?, r.get(1)?))).optional())
            .doing("read a location record")
    }

    /// The record of a name, with its line; its origin is still empty.
    fn location_named(&self, name: &str) -> Result<Option<(u32, Record)>, Error> {
        let Some((line, text)) = self.location_row(name)? else { return Ok(None) };
        let record: Record = from_json("location record", &text)?;
        Ok(Some((line, Record { name: name.to_owned(), ..record })))
    }

    /// When and from where location records were last imported; None where they never were.
    pub fn location_list(&self) -> Result<Option<LocationList>, Error> {
        self.connection
            .prepare_cached("SELECT entries,digest,at,origin FROM location_list")
            .and_then(|mut s| {
                s.query_row([], |r| {
                    Ok(LocationList {
                        entries: r.get::<_, i64>(0)?.max(0) as u64,
                        digest: r.get(1)?,
                        at: time(r.get(2)?),
                        origin: r.get(3)?,
                    })
                })
                .optional()
            })
            .doing("read the state of the location records")
    }
}

impl ReferenceTx<'_> {
    /// Replaces all location records by these: all or nothing, with the rest of the transaction. Rows that did
    /// not change are not written. Of two records of one name the first is taken. Memory is bounded by 16
    /// bytes or so per record. [`ReferenceTx::keep_location_list`] then says where they came from.
    pub fn replace_locations(
        &self,
        records: impl IntoIterator<Item = Record>,
    ) -> Result<LocationDiff, Error> {
        // Sorted inserts of a million random keys want more pages in memory than a mail does.
        self.db().execute_batch("PRAGMA cache_size=-65536").doing("set up the import")?;
        let mut diff = LocationDiff {
            before: self.reference().location_list()?.map_or(0, |list| list.entries),
            ..LocationDiff::default()
        };
        let hasher = RandomState::new();
        let mut seen: HashMap<u64, u32> = HashMap::new();
        for record in records {
            if let Some(first) = seen.insert(hasher.hash_one(&record.name), record.origin.line) {
                let (name, line) = (record.name.clone(), record.origin.line);
                seen.insert(hasher.hash_one(&name), first);
                let first = (name.clone(), first);
                diff.double(Double { kind: KeyKind::Name, key: name.clone(), first, second: (name, line) });
                continue;
            }
            diff.records += 1;
            self.put_location(&record, &mut diff)?;
        }
        self.drop_locations_but(|name| seen.contains_key(&hasher.hash_one(name)), &mut diff)?;
        self.find_doubles(&mut diff)?;
        Ok(diff)
    }

    fn put_location(&self, record: &Record, diff: &mut LocationDiff) -> Result<(), Error> {
        let text = bare(record);
        let line = record.origin.line;
        let stored = self.reference().location_row(&record.name)?;
        if let Some((known, _)) = stored.as_ref().filter(|(_, stored)| *stored == text) {
            // A row above it came or went: the line that reasons cite follows.
            if *known != line {
                self.db()
                    .prepare_cached("UPDATE location SET line=?2 WHERE name=?1")
                    .and_then(|mut s| s.execute(params![record.name, line]))
                    .doing("write a location record")?;
            }
            return Ok(());
        }
        let old = match stored {
            Some((_, text)) => {
                Some(Record { name: record.name.clone(), ..from_json("location record", &text)? })
            }
            None => None,
        };
        let old: Option<&Record> = old.as_ref();
        match old {
            None => diff.added.note(&record.name),
            Some(old) => {
                let place = |r: &Record| (r.region.clone(), r.building.clone(), r.room.clone());
                if place(old) == place(record) {
                    diff.changed.note(&record.name);
                } else {
                    diff.moved.note(&format!("{}: {} → {}", record.name, old.place(), record.place()));
                }
            }
        }
        self.db()
            .prepare_cached(
                "INSERT INTO location(name,line,record) VALUES(?1,?2,?3)
                 ON CONFLICT(name) DO UPDATE SET line=excluded.line, record=excluded.record",
            )
            .and_then(|mut s| s.execute(params![record.name, line, text]))
            .doing("write a location record")?;
        let keys = record.keys();
        let old_keys = old.map_or_else(Vec::new, Record::keys);
        for key in old_keys.iter().filter(|key| !keys.contains(key)) {
            self.drop_location_key(key, &record.name)?;
        }
        for (kind, key) in keys.iter().filter(|key| key.0 != KeyKind::Name && !old_keys.contains(key)) {
            self.db()
                .prepare_cached("INSERT OR IGNORE INTO location_key(kind,key,name) VALUES(?1,?2,?3)")
                .and_then(|mut s| s.execute(params![number(*kind), key, record.name]))
                .doing("write a key of a location record")?;
        }
        Ok(())
    }

    fn drop_location_key(&self, key: &(KeyKind, String), name: &str) -> Result<(), Error> {
        self.db()
            .prepare_cached("DELETE FROM location_key WHERE kind=?1 AND key=?2 AND name=?3")
            .and_then(|mut s| s.execute(params![number(key.0), key.1, name]))
            .doing("remove a key of a location record")
            .map(|_| ())
    }

    fn drop_locations_but(&self, keep: impl Fn(&str) -> bool, diff: &mut LocationDiff) -> Result<(), Error> {
        const AT_ONCE: usize = 1000;
        let mut after = String::new();
        loop {
            let names: Vec<String> = self
                .db()
                .prepare_cached("SELECT name FROM location WHERE name>?1 ORDER BY name LIMIT ?2")
                .and_then(|mut s| s.query_map(params![after, AT_ONCE as i64], |r| r.get(0))?.collect())
                .doing("read the location records")?;
            let Some(last) = names.last() else { return Ok(()) };
            after.clone_from(last);
            for name in names.iter().filter(|name| !keep(name)) {
                diff.removed.note(name);
                if let Some((_, record)) = self.reference().location_named(name)? {
                    for key in record.keys() {
                        self.drop_location_key(&key, name)?;
                    }
                }
                self.db()
                    .prepare_cached("DELETE FROM location WHERE name=?1")
                    .and_then(|mut s| s.execute([name]))
                    .doing("remove a location record")?;
            }
        }
    }

    /// Aliases and addresses that two records share, and aliases that are another record's name.
    fn find_doubles(&self, diff: &mut LocationDiff) -> Result<(), Error> {
        let [alias, mac, ip] = [KeyKind::Alias, KeyKind::Mac, KeyKind::Ip].map(number);
        let sql = "SELECT kind,key,name FROM location_key WHERE kind IN (?1,?2,?3) ORDER BY kind,key,name";
        let mut statement = self.db().prepare_cached(sql).doing("compare the location records")?;
        let mut rows = statement.query(params![alias, mac, ip]).doing("compare the location records")?;
        let mut before: Option<(i64, String, String)> = None;
        while let Some(row) = rows.next().doing("compare the location records")? {
            let get = |column| row.get::<_, String>(column).doing("compare the location records");
            let (kind, key, name) =
                (row.get::<_, i64>(0).doing("compare the location records")?, get(1)?, get(2)?);
            let other = match &before {
                Some((k, known, other)) if (*k, known) == (kind, &key) => Some(other.clone()),
                _ if kind == alias && self.reference().location_named(&key)?.is_some() => Some(key.clone()),
                _ => None,
            };
            match other {
                Some(_) if diff.first_doubles.len() >= FIRST_DOUBLES => diff.doubles += 1,
                Some(other) => {
                    let line = |name: &str| {
                        Ok::<_, Error>(self.reference().location_row(name)?.map_or(0, |(line, _)| line))
                    };
                    let mut pair = [(other.clone(), line(&other)?), (name.clone(), line(&name)?)];
                    pair.sort_by_key(|(_, line)| *line);
                    let [first, second] = pair;
                    let kind = usize::try_from(kind).ok().and_then(|i| KeyKind::ALL.get(i).copied());
                    let kind = kind.unwrap_or(KeyKind::Alias);
                    diff.double(Double { kind, key: key.clone(), first, second });
                }
                None => {}
            }
            before = Some((kind, key, name));
        }
        Ok(())
    }

    /// Says where the location records came from.
    pub fn keep_location_list(&self, list: &LocationList) -> Result<(), Error> {
        self.db()
            .execute("DELETE FROM location_list", [])
            .and_then(|_| {
                self.db().execute(
                    "INSERT INTO location_list(entries,digest,at,origin) VALUES(?1,?2,?3,?4)",
                    params![list.entries as i64, list.digest, list.at.as_second(), list.origin],
                )
            })
            .doing("write the state of the location records")
            .map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;
    use crate::location::{Stated, Verification, verify};

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::init(&folder.path().join("state"), "0f4c7d5e").expect("a state");
        (folder, store)
    }

    fn record(name: &str, line: u32, room: &str, ip: &str) -> Record {
        Record {
            name: name.into(),
            ips: vec![ip.into()],
            building: Some("B2".into()),
            room: Some(room.into()),
            origin: Origin { file: "inventory.csv".into(), line, column: 1 },
            ..Record::default()
        }
    }

    fn import(store: &Store, records: Vec<Record>) -> LocationDiff {
        let tx = store.reference().expect("reference").begin().expect("begin");
        let diff = tx.replace_locations(records).expect("replaced");
        let list = LocationList {
            entries: diff.records,
            digest: "d".into(),
            at: Timestamp::UNIX_EPOCH,
            origin: "inventory.csv".into(),
        };
        tx.keep_location_list(&list).expect("kept");
        tx.commit().expect("commit");
        diff
    }

    fn found(store: &Store, stated: &str) -> Vec<String> {
        let records = store
            .reference()
            .expect("reference")
            .locations_for(&Stated::named(stated).keys())
            .expect("looked up");
        records.iter().map(|r| format!("{} {} {}", r.name, r.place(), r.origin)).collect()
    }

    #[test]
    fn a_record_is_found_by_each_of_its_keys_and_by_the_latest_only() {
        let (_folder, store) = store();
        let mut first = record("is38.east.acme.com", 2, "R14", "10.1.2.3");
        first.macs = vec!["08:00:20:1a:2b:3c".into()];
        first.aliases = vec!["dm.acme.com".into()];
        let diff = import(&store, vec![first, record("node7", 3, "R1", "10.1.2.4")]);
        assert_eq!((diff.added.count, diff.records, diff.is_empty(), diff.halves()), (2, 2, false, false));
        let line = "is38.east.acme.com B2/R14 inventory.csv:2";
        for stated in [
            "IS38.east.acme.com.",
            "is38",
            "dm.acme.com",
            "dm",
            "0800.201a.2b3c",
            "::ffff:10.1.2.3",
            "x/10.1.2.3",
        ] {
            assert_eq!(found(&store, stated), [line], "{stated}");
        }
        assert_eq!(found(&store, "is38.west.acme.com"), [""; 0]);
        let diff = import(
            &store,
            vec![record("node7", 2, "R1", "10.1.2.4"), record("is38.east.acme.com", 3, "R41", "10.1.2.9")],
        );
        assert_eq!(diff.moved.first, ["is38.east.acme.com: B2/R14 → B2/R41"]);
        assert_eq!(diff.added.count + diff.removed.count + diff.changed.count, 0);
        assert_eq!(found(&store, "node7"), ["node7 B2/R1 inventory.csv:2"], "its line followed");
        for gone in ["dm", "0800.201a.2b3c", "10.1.2.3"] {
            assert_eq!(found(&store, gone), [""; 0], "{gone}");
        }
        assert_eq!(found(&store, "10.1.2.9"), ["is38.east.acme.com B2/R41 inventory.csv:3"]);
    }

    #[test]
    fn an_address_that_moved_from_one_device_to_another_is_no_double() {
        let (_folder, store) = store();
        import(&store, vec![record("a", 2, "R1", "10.0.0.1"), record("b", 3, "R2", "10.0.0.2")]);
        let diff = import(&store, vec![record("b", 2, "R2", "10.0.0.1"), record("a", 3, "R1", "10.0.0.2")]);
        assert_eq!((diff.doubles, diff.changed.first.clone()), (0, vec!["b".to_owned(), "a".to_owned()]));
        assert_eq!(found(&store, "10.0.0.1"), ["b B2/R2 inventory.csv:2"]);
    }

    #[test]
    fn two_records_for_one_name_alias_or_address_are_both_named() {
        let (_folder, store) = store();
        let mut alias = record("c", 4, "R3", "10.0.0.1");
        alias.aliases = vec!["a".into()];
        let diff =
            import(&store, vec![record("a", 2, "R1", "10.0.0.1"), record("a", 3, "R2", "10.0.0.2"), alias]);
        let doubles: Vec<String> = diff
            .first_doubles
            .iter()
            .map(|d| {
                format!(
                    "{} {}: {}:{} {}:{}",
                    d.kind.word(),
                    d.key,
                    d.first.0,
                    d.first.1,
                    d.second.0,
                    d.second.1
                )
            })
            .collect();
        assert_eq!(doubles, ["name a: a:2 a:3", "alias a: a:2 c:4", "address 10.0.0.1: a:2 c:4"]);
        assert_eq!(diff.records, 2);
        let stated = Stated::named("10.0.0.1");
        let both = store.reference().expect("reference").locations_for(&stated.keys()).expect("looked up");
        assert!(matches!(verify(&stated, &both), Verification::Contradictory { .. }));
    }

    #[test]
    fn nothing_is_written_where_nothing_changed_and_half_that_vanish_are_seen() {
        let (_folder, store) = store();
        let all: Vec<Record> =
            (0..10).map(|n| record(&format!("n{n}"), n + 2, "R1", &format!("10.0.0.{n}"))).collect();
        import(&store, all.clone());
        let before = store.dump();
        assert!(import(&store, all.clone()).is_empty());
        assert_eq!(store.dump(), before);
        let tx = store.reference().expect("reference").begin().expect("begin");
        let diff = tx.replace_locations(all[..5].to_vec()).expect("replaced");
        assert!(diff.halves() && diff.removed.count == 5 && diff.before == 10);
        tx.roll_back();
        assert_eq!(store.dump(), before);
    }

    #[test]
    fn a_key_is_looked_up_in_one_leaf() {
        let (_folder, store) = store();
        for (sql, table) in [(BY_NAME, "location"), (BY_KEY, "location_key")] {
            let reference = store.reference().expect("reference");
            let plan: Vec<String> = reference
                .connection
                .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
                .and_then(|mut s| {
                    let wanted = vec!["x"; s.parameter_count()];
                    s.query_map(rusqlite::params_from_iter(wanted), |r| r.get(3))?.collect()
                })
                .expect("a plan");
            assert_eq!(plan.len(), 1, "{plan:?}");
            assert!(plan[0].starts_with(&format!("SEARCH {table} USING PRIMARY KEY (")), "{plan:?}");
        }
    }
}
