//! The append-only record of who approved, issued and confirmed what: each row holds a hash over the row before it.
//!
//! In: who acts, on what, when. Out: rows, and the first link that does not hold. Secrets are masked before they
//! come here.

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

/// What [`Journal::verify`] found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Chain {
    /// Every row follows from the one before; `head` is the last hash, which may be kept elsewhere and compared.
    Whole { rows: i64, head: String },
    /// The first row that does not, and why.
    Broken { row: i64, why: String },
}

/// The hash before the first row.
const START: &str = "";

struct Raw {
    id: i64,
    at: i64,
    person: Person,
    act: String,
    subject: String,
    detail: String,
    hash: String,
}

const COLUMNS: &str = "id,at,who,uid,origin,act,subject,detail,hash";

fn raw(r: &Row<'_>) -> rusqlite::Result<Raw> {
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
    fn hash_after(&self, before: &str) -> String {
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

/// Appends a row inside the transaction of what it records; gives its id.
pub(super) fn append(
    db: &Connection,
    now: Timestamp,
    who: &Person,
    act: &str,
    subject: &str,
    detail: &serde_json::Value,
) -> Result<i64, Error> {
    let last: Option<(i64, String)> = db
        .prepare_cached("SELECT id,hash FROM record ORDER BY id DESC LIMIT 1")
        .and_then(|mut s| s.query_row([], |r| Ok((r.get(0)?, r.get(1)?))).optional())
        .doing("read the end of the record")?;
    let (id, before) = last.map_or((1, START.to_owned()), |(id, hash)| (id + 1, hash));
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
    Ok(row.id)
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

    /// Computes every hash anew, and looks for each issued command's approval in the record.
    ///
    /// # Errors
    /// Of the database. A broken link is no error: see [`Chain::Broken`].
    pub fn verify(&self) -> Result<Chain, Error> {
        // All of it at one instant.
        let reading = self.connection.unchecked_transaction().doing("begin to read")?;
        let found = self.verified();
        drop(reading);
        found
    }

    pub(super) fn verified(&self) -> Result<Chain, Error> {
        let (mut last, mut before) = (0, START.to_owned());
        let mut statement = self
            .connection
            .prepare(&format!("SELECT {COLUMNS} FROM record ORDER BY id"))
            .doing("read the record")?;
        let mut rows = statement.query([]).doing("read the record")?;
        while let Some(row) = rows.next().doing("read the record")? {
            let row = raw(row).doing("read the record")?;
            let broken = |why: &str| Ok(Chain::Broken { row: row.id, why: why.to_owned() });
            if row.id != last + 1 {
                return broken("a row before it is missing");
            }
            if row.hash != row.hash_after(&before) {
                return broken("it was changed, or what stood before it was");
            }
            (last, before) = (row.id, row.hash);
        }
        let head = self.meta("head")?;
        let own = (last > 0).then(|| format!("{last} {before}"));
        if head != own {
            let why = format!("the record ends here, but ended as {}", head.as_deref().unwrap_or("nothing"));
            return Ok(Chain::Broken { row: last, why });
        }
        let without: Option<(String, i64)> = self
            .connection
            .query_row(
                "SELECT key,approval FROM command WHERE NOT EXISTS
                 (SELECT 1 FROM record WHERE id=approval AND act='approve' AND subject=key) ORDER BY approval LIMIT 1",
                [],
                |r| Ok((r.get(0)?, r.get(1)?)),
            )
            .optional()
            .doing("look for approvals")?;
        Ok(match without {
            Some((key, row)) => Chain::Broken { row, why: format!("it does not approve the command {key}") },
            None => Chain::Whole { rows: last, head: before },
        })
    }
}
