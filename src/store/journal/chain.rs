//! The append-only record of who approved, issued and confirmed what: each row holds a hash over the row before it.
//!
//! In: who acts, on what, when. Out: rows. Secrets are masked before they come here; whether every link holds, and the
//! tables with it, [`super::verify`] says.

use super::super::column::{from_json, time};
use super::super::{Doing, Error};
use super::Journal;
use crate::redistribution::issue::digest;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

/// A step of the journal's ladder.
pub(super) const TABLES: &str = "
CREATE TABLE record(
  id INTEGER PRIMARY KEY,       -- from 1, without gaps
  at INTEGER NOT NULL,
  who TEXT NOT NULL, uid INTEGER NOT NULL, origin TEXT NOT NULL,
  act TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL,
  hash TEXT NOT NULL            -- over the hash before it and all of the above
) STRICT;
CREATE TRIGGER record_stays BEFORE UPDATE ON record BEGIN SELECT RAISE(ABORT, 'the record is append-only'); END;
CREATE TRIGGER record_is_kept BEFORE DELETE ON record BEGIN SELECT RAISE(ABORT, 'the record is append-only'); END;
";

/// Who acts, as `cli` found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Name of the user, the one behind sudo where there is one.
    pub name: String,
    pub uid: u32,
    /// Terminal and address of the other end: `pts/3 from 10.0.5.7`.
    pub origin: String,
}

/// One row of the record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    pub id: i64,
    pub at: Timestamp,
    pub who: Person,
    /// `approve`, `withdraw`, `intent`, `issued`, `end`, `evidence`, `unknown`, `reissue`, `told`, `servicing`.
    pub act: String,
    /// The key of a command, or a server.
    pub subject: String,
    pub detail: serde_json::Value,
    pub hash: String,
}

/// The hash before the first row.
pub(super) const START: &str = "";

/// One row of the record as it is stored.
pub(super) struct Raw {
    pub(super) id: i64,
    pub(super) at: i64,
    pub(super) person: Person,
    pub(super) act: String,
    pub(super) subject: String,
    pub(super) detail: String,
    pub(super) hash: String,
}

pub(super) const COLUMNS: &str = "id,at,who,uid,origin,act,subject,detail,hash";

pub(super) fn raw(r: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok(Raw {
        id: r.get(0)?,
        at: r.get(1)?,
        person: Person { name: r.get(2)?, uid: r.get(3)?, origin: r.get(4)? },
        act: r.get(5)?,
        subject: r.get(6)?,
        detail: r.get(7)?,
        hash: r.get(8)?,
    })
}

impl Raw {
    pub(super) fn hash_after(&self, before: &str) -> String {
        let (id, at, uid) = (self.id.to_string(), self.at.to_string(), self.person.uid.to_string());
        let parts = [
            before,
            &id,
            &at,
            &self.person.name,
            &uid,
            &self.person.origin,
            &self.act,
            &self.subject,
            &self.detail,
        ];
        digest(&parts.map(str::as_bytes))
    }
}

/// Appends a row inside the transaction of what it records.
pub(super) fn append(
    db: &Connection,
    now: Timestamp,
    who: &Person,
    act: &str,
    subject: &str,
    detail: &serde_json::Value,
) -> Result<Raw, Error> {
    let (last, before) = end(db)?;
    let id = last + 1;
    let mut row = Raw {
        id,
        at: now.as_second(),
        person: who.clone(),
        act: act.to_owned(),
        subject: subject.to_owned(),
        detail: detail.to_string(),
        hash: String::new(),
    };
    row.hash = row.hash_after(&before);
    db.prepare_cached(&format!("INSERT INTO record({COLUMNS}) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)"))
        .and_then(|mut s| {
            let p = &row.person;
            s.execute(params![
                row.id,
                row.at,
                p.name,
                p.uid,
                p.origin,
                row.act,
                row.subject,
                row.detail,
                row.hash
            ])
        })
        .doing("append to the record")?;
    // A record that was cut short shows here.
    db.prepare_cached("INSERT OR REPLACE INTO meta VALUES('head',?1)")
        .and_then(|mut s| s.execute([format!("{} {}", row.id, row.hash)]))
        .doing("keep the head of the record")?;
    Ok(row)
}

/// Number and hash of the last row.
pub(super) fn end(db: &Connection) -> Result<(i64, String), Error> {
    let last: Option<(i64, String)> = db
        .prepare_cached("SELECT id,hash FROM record ORDER BY id DESC LIMIT 1")
        .and_then(|mut s| s.query_row([], |r| Ok((r.get(0)?, r.get(1)?))).optional())
        .doing("read the end of the record")?;
    Ok(last.unwrap_or((0, START.to_owned())))
}

impl Journal {
    /// The record, latest first.
    ///
    /// # Errors
    /// Of the database.
    pub fn entries(&self, most: usize) -> Result<Vec<Entry>, Error> {
        let rows: Vec<Raw> = self
            .connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM record ORDER BY id DESC LIMIT ?1"))
            .and_then(|mut s| s.query_map([i64::try_from(most).unwrap_or(i64::MAX)], raw)?.collect())
            .doing("read the record")?;
        rows.into_iter()
            .map(|row| {
                Ok(Entry {
                    id: row.id,
                    at: time(row.at),
                    who: row.person,
                    act: row.act,
                    subject: row.subject,
                    detail: from_json("record", &row.detail)?,
                    hash: row.hash,
                })
            })
            .collect()
    }
}
