//! Whether a journal is what its own record, and the head beside it, say.
//!
//! In: an open journal. Out: whole, or every row that is not: of the record where a link does not hold, of a table where
//! it is not what the record comes to, and the end where it is not the one that was left. It changes nothing.

use super::super::{Doing, Error};
use super::chain::{self, COLUMNS, START};
use super::{JOURNAL_ID, Journal, LADDER, VERSION, fold, head};
use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, Row, Rows};
use serde::Serialize;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// What [`Journal::verify`] found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Chain {
    /// All of it follows from its record; `head` is the hash of the last row, which may be kept elsewhere and compared.
    Whole { rows: i64, head: String },
    /// What does not.
    Broken { faults: Vec<Fault> },
}

/// A row that was changed, removed or added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// `row 3`: of the record; `command 1f2e…`: of a table.
    pub place: String,
    pub why: String,
}

impl Fault {
    /// In one line.
    pub fn words(&self) -> String {
        format!("{}: {}", self.place, self.why)
    }
}

/// So many faults are named.
const MOST: usize = 10_000;

/// Tables with their key columns, which come first; each is compared row by row.
const COMPARED: [(&str, usize, &str); 4] = [
    (
        "command",
        1,
        "key,identity,attempt,id,server,tool,job,state,hash,command,consents,approval,at,who,process,program,list,ended,follower",
    ),
    ("recipient", 2, "job,name,key,state,why"),
    ("confirmation", 1, "id,key,server,recipient,records,at,told"),
    ("servicing", 1, "server,at"),
];

/// That a journal is refused, and the way out.
pub(super) fn refusal(path: PathBuf, faults: &[Fault]) -> Error {
    let first = faults.first().map(Fault::words).unwrap_or_default();
    let more = match faults.len() {
        0 | 1 => String::new(),
        more => format!(" (and {} more)", more - 1),
    };
    Error::Journal { path, fault: first + &more }
}

/// Whether SQLite says that the file is damaged.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        || matches!(
            error,
            rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::FromSqlConversionFailure(..)
        )
}

#[derive(Default)]
struct Found(Vec<Fault>);

impl Found {
    fn say(&mut self, place: impl Into<String>, why: impl Into<String>) {
        if self.0.len() < MOST {
            self.0.push(Fault { place: place.into(), why: why.into() });
        }
    }
}

impl Journal {
    /// Computes every hash of the record anew, follows it into tables of its own, and compares these with what is
    /// stored, and its end with the head beside it.
    ///
    /// # Errors
    /// Of the database. A row that does not hold is no error: see [`Chain::Broken`].
    pub fn verify(&self) -> Result<Chain, Error> {
        // All of it at one instant: while this reads, nobody commits.
        let reading = self.connection.unchecked_transaction().doing("begin to read")?;
        let found = self.verified();
        drop(reading);
        found
    }

    pub(super) fn verified(&self) -> Result<Chain, Error> {
        let mut found = Found::default();
        self.check_file(&mut found)?;
        // In a temporary file where it is large.
        let anew = made_anew()?;
        let end = self.follow(&anew, &mut found)?;
        self.check_head(&end, &mut found)?;
        for (table, keys, columns) in COMPARED {
            compare(&self.connection, &anew, table, keys, columns, &mut found)?;
        }
        Ok(match found.0.is_empty() {
            true => Chain::Whole { rows: end.0, head: end.1 },
            false => Chain::Broken { faults: found.0 },
        })
    }

    /// That its pages, its tables and triggers are those that it was begun with.
    fn check_file(&self, found: &mut Found) -> Result<(), Error> {
        let complaints: Vec<String> = self
            .connection
            .prepare("PRAGMA integrity_check(10)")
            .and_then(|mut s| s.query_map([], |r| r.get(0))?.collect())
            .doing("check the journal")?;
        for complaint in complaints.iter().filter(|complaint| *complaint != "ok") {
            found.say("file", complaint);
        }
        let (own, anew) = (parts(&self.connection)?, parts(&made_anew()?)?);
        for (part, text) in &anew {
            match own.get(part) {
                Some(own) if own == text => {}
                Some(_) => found.say(part, "changed"),
                None => found.say(part, "gone"),
            }
        }
        for part in own.keys().filter(|part| !anew.contains_key(*part)) {
            found.say(part, "added");
        }
        Ok(())
    }

    /// Follows the record link by link into `anew`; gives its end.
    fn follow(&self, anew: &Connection, found: &mut Found) -> Result<head::End, Error> {
        let (mut last, mut before) = (0, START.to_owned());
        let mut statement = self
            .connection
            .prepare(&format!("SELECT {COLUMNS} FROM record ORDER BY id"))
            .doing("read the record")?;
        let mut rows = statement.query([]).doing("read the record")?;
        anew.execute_batch("BEGIN").doing("make the tables anew")?;
        while let Some(row) = rows.next().doing("read the record")? {
            let row = chain::raw(row).doing("read the record")?;
            let place = format!("row {}", row.id);
            if row.id != last + 1 {
                let gone = if row.id == last + 2 {
                    format!("row {}", last + 1)
                } else {
                    format!("rows {} to {}", last + 1, row.id - 1)
                };
                found.say(gone, "gone");
            } else if row.hash != row.hash_after(&before) {
                found.say(&place, "changed: its hash is not that of what it says after the row before");
            }
            if let Err(e) = fold::apply(anew, &row) {
                found.say(&place, format!("cannot follow what stands before it: {e}"));
            }
            (last, before) = (row.id, row.hash);
        }
        anew.execute_batch("COMMIT").doing("make the tables anew")?;
        Ok((last, before))
    }

    /// That the end is the one that was left, by the head in the database and by the one beside it.
    fn check_head(&self, end: &head::End, found: &mut Found) -> Result<(), Error> {
        let own = (end.0 > 0).then(|| format!("{} {}", end.0, end.1));
        let mut meta: BTreeMap<String, String> = self
            .connection
            .prepare("SELECT key,value FROM meta")
            .and_then(|mut s| s.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect())
            .doing("read the journal")?;
        let said = meta.remove("head");
        if said != own {
            let ends = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
            found.say("meta head", format!("is {}, the record ends with {}", ends(&said), ends(&own)));
        }
        let id = fs::read_to_string(self.folder.join(JOURNAL_ID)).unwrap_or_default();
        if meta.remove("id").as_deref() != Some(id.trim()) {
            found.say("meta id", format!("is not that of {JOURNAL_ID}"));
        }
        for key in meta.keys() {
            found.say(format!("meta {key}"), "added");
        }
        let hash_of = |row: i64| {
            let sql = "SELECT hash FROM record WHERE id=?1";
            self.connection.query_row(sql, [row], |r| r.get(0)).ok()
        };
        match head::read(&self.folder)? {
            Ok(ends) => found.0.extend(ends.fault(end, &hash_of)),
            Err(fault) => found.0.push(fault),
        }
        Ok(())
    }
}

/// An empty journal in a database without a name.
fn made_anew() -> Result<Connection, Error> {
    let anew = Connection::open("").doing("make the tables anew")?;
    anew.set_prepared_statement_cache_capacity(64);
    for step in LADDER.iter().copied().flatten() {
        anew.execute_batch(step).doing("make the tables anew")?;
    }
    anew.pragma_update(None, "user_version", VERSION).doing("make the tables anew")?;
    Ok(anew)
}

/// Tables, indexes and triggers with their texts.
fn parts(db: &Connection) -> Result<BTreeMap<String, Option<String>>, Error> {
    db.prepare("SELECT type||' '||name,sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~'")
        .and_then(|mut s| s.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect())
        .doing("read the tables of the journal")
}

/// One row of a table.
struct Line(Vec<Value>);

fn line(row: &Row<'_>, columns: usize) -> rusqlite::Result<Line> {
    (0..columns).map(|at| row.get(at)).collect::<rusqlite::Result<Vec<Value>>>().map(Line)
}

fn next(rows: &mut Rows<'_>, columns: usize) -> Result<Option<Line>, Error> {
    let row = rows.next().doing("compare the tables")?;
    row.map(|row| line(row, columns)).transpose().doing("compare the tables")
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) if text.chars().count() > 80 => {
            format!("`{}…`", text.chars().take(80).collect::<String>())
        }
        Value::Text(text) => format!("`{text}`"),
        Value::Blob(bytes) => format!("{} bytes", bytes.len()),
    }
}

/// How two keys stand to each other, in the order that SQLite gives them.
fn order(one: &Line, other: &Line, keys: usize) -> Ordering {
    let pairs = one.0.iter().zip(&other.0).take(keys);
    let each = pairs.map(|pair| match pair {
        (Value::Integer(a), Value::Integer(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
        _ => Ordering::Equal,
    });
    each.fold(Ordering::Equal, Ordering::then)
}

/// Walks both tables side by side in the order of their keys.
fn compare(
    stored: &Connection,
    anew: &Connection,
    table: &str,
    keys: usize,
    columns: &str,
    found: &mut Found,
) -> Result<(), Error> {
    let names: Vec<&str> = columns.split(',').collect();
    let order_by = names[..keys].join(",");
    // `NOT INDEXED`: an index that was tampered with hides no row.
    let sql = format!("SELECT {columns} FROM {table} NOT INDEXED ORDER BY {order_by}");
    let (mut left, mut right) =
        (stored.prepare(&sql).doing("compare the tables")?, anew.prepare(&sql).doing("compare the tables")?);
    let (mut left, mut right) =
        (left.query([]).doing("compare the tables")?, right.query([]).doing("compare the tables")?);
    let count = names.len();
    let (mut own, mut due) = (next(&mut left, count)?, next(&mut right, count)?);
    loop {
        let ordering = match (&own, &due) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(own), Some(due)) => order(own, due, keys),
        };
        let place = |line: &Line| {
            let key: Vec<String> = line.0[..keys].iter().map(text).collect();
            format!("{table} {}", key.join(" ").replace('`', ""))
        };
        match ordering {
            Ordering::Less => {
                own.iter().for_each(|line| found.say(place(line), "added: the record knows nothing of it"));
                own = next(&mut left, count)?;
            }
            Ordering::Greater => {
                due.iter().for_each(|line| found.say(place(line), "gone: the record has it"));
                due = next(&mut right, count)?;
            }
            Ordering::Equal => {
                if let (Some(own), Some(due)) = (&own, &due) {
                    for ((name, own_value), due_value) in names.iter().zip(&own.0).zip(&due.0) {
                        if own_value != due_value {
                            let why =
                                format!("{name} is {}, the record says {}", text(own_value), text(due_value));
                            found.say(place(own), why);
                        }
                    }
                }
                (own, due) = (next(&mut left, count)?, next(&mut right, count)?);
            }
        }
    }
}
