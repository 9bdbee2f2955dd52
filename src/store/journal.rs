//! The journal of redistribution: what was approved, who has it in hand, what became of it.
//!
//! In: approved commands, claims, ends and evidence. Out: the same after any crash, and typed refusals. It does not
//! know how a command is rebuilt or started.
//!
//! # On disk
//! `redistribution.db` in the state folder, a database of its own with its own ladder, which `ingest` never opens;
//! `redistribution-id`, the same id as in it; `redistribution-head`, where its record ends. A journal that vanished, was
//! cut, changed or put back from an older copy is noticed and refused, never silently begun anew, as then everything
//! could be issued twice. Its tables change only by what its record says: see [`fold`], [`verify`] and [`head`].
//!
//! # At most once
//! A command starts only after the transaction that made it `intent` is on disk. That transaction also takes each
//! (job, recipient): whoever comes second, with the same command or another one for the same recipient, is refused.
//! An `intent` or `issued` whose process is gone is `unknown` from the next look on, and stays so until evidence comes
//! or a person approves a new attempt that names it.

mod acts;
mod chain;
mod fold;
#[cfg(test)]
mod forged;
mod head;
mod process;
mod rows;
#[cfg(test)]
mod tests;
mod verify;

pub use chain::{Entry, Person};
pub use rows::{Confirmation, JournalRow};
pub use verify::{Chain, Fault};

use super::{Access, Doing, Error, connect, owned_by_us, private, spool};
use crate::redistribution::issue::{Approved, End, Verdict};
use crate::redistribution::run_command::LOGS;
use crate::redistribution::states::State;
use acts::{abandon, abandoned, approve, claim, job_of, note};
use head::Head;
use jiff::Timestamp;
use process::Process;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Name of the journal in the state folder.
pub const JOURNAL: &str = "redistribution.db";
/// Name of the file that holds its id.
pub const JOURNAL_ID: &str = "redistribution-id";
/// Name of the file that holds where its record ends.
pub const JOURNAL_HEAD: &str = "redistribution-head";

const LADDER: &[&[&str]] = &[&[TABLES, chain::TABLES]];
const VERSION: i64 = LADDER.len() as i64;

const TABLES: &str = "
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
-- One attempt at one command.
CREATE TABLE command(
  key TEXT PRIMARY KEY,         -- what the manager sees
  identity TEXT NOT NULL, attempt INTEGER NOT NULL,
  id TEXT NOT NULL, server TEXT NOT NULL, tool TEXT NOT NULL,
  job TEXT NOT NULL,            -- digest of server, tool and job, by which recipients are taken
  state TEXT NOT NULL,
  hash TEXT NOT NULL,           -- what approval binds
  command TEXT NOT NULL,        -- JSON of Kept, secrets masked
  consents TEXT NOT NULL,       -- JSON: keys of earlier attempts that this one follows by a person's consent
  approval INTEGER NOT NULL,    -- row of the record
  at INTEGER NOT NULL, who TEXT NOT NULL,
  process TEXT,                 -- JSON of Process: who has it in hand
  program INTEGER,              -- process id of the command
  list TEXT,                    -- distribution list written for it
  ended TEXT,                   -- JSON of End
  follower TEXT                 -- key of the attempt that a person let follow
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX attempt ON command(identity, attempt);
CREATE INDEX unsettled ON command(state) WHERE state IN ('approved','intent','issued','unknown');
-- Who was last taken by which command.
CREATE TABLE recipient(
  job TEXT NOT NULL, name TEXT NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL, why TEXT,
  PRIMARY KEY(job, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX taken ON recipient(key);
-- What the service center is to be told; `told`: when it was.
CREATE TABLE confirmation(
  id INTEGER PRIMARY KEY, key TEXT NOT NULL, server TEXT NOT NULL, recipient TEXT NOT NULL,
  records TEXT NOT NULL, at INTEGER NOT NULL, told INTEGER
) STRICT;
CREATE INDEX untold ON confirmation(id) WHERE told IS NULL;
CREATE TABLE servicing(server TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

/// What is kept of a command.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    /// What is sent; rows of before this was kept have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    packages: Vec<String>,
    argv: Vec<String>,
    directory: Option<String>,
    user: Option<String>,
    list: Option<String>,
    /// With the ids of failed distributions.
    recipients: Vec<(String, Vec<String>)>,
    edits: Vec<String>,
}

/// Why a command is neither approved nor issued. Nothing was changed or run for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("{id} is not approved: approve it first")]
    NotApproved { id: String },
    #[error("{recipient} of {id} is in the hands of {who} (process {pid}) since {at}: wait until that ends")]
    InHand { id: String, recipient: String, who: String, pid: u32, at: Timestamp },
    #[error(
        "{recipient} of {id}: {who} issued it at {at}, and the manager's log does not say yet how it ended; to issue it again nevertheless: redistribute --again {}",
        short(key)
    )]
    Waits { id: String, recipient: String, who: String, at: Timestamp, key: String },
    #[error("{recipient} of {id} is confirmed, issued by {who} at {at}: nothing is left to do")]
    Confirmed { id: String, recipient: String, who: String, at: Timestamp },
    #[error(
        "nobody knows what became of {recipient} of {id}, issued by {who} at {at}: find out, then to issue it again: redistribute --again {}",
        short(key)
    )]
    Unknown { id: String, recipient: String, who: String, at: Timestamp, key: String },
}

/// A key as it is shown, and as `--again` takes it.
fn short(key: &str) -> &str {
    key.get(..12).unwrap_or(key)
}

/// What happened to a command in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It runs, as this process.
    Started { key: String, program: u32 },
    /// It ended; what that and the log say about each recipient.
    Ended { key: String, end: End, list: Option<PathBuf>, verdicts: Vec<(String, Verdict)> },
    /// Evidence that came later.
    Evidence { key: String, verdicts: Vec<(String, Verdict)> },
}

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    connection: Connection,
    folder: PathBuf,
    /// The file of its id: who writes the head holds its lock.
    lock: Option<File>,
}

/// Whether commands of this folder left their output behind.
fn has_logs(folder: &Path) -> bool {
    fs::read_dir(folder.join(LOGS)).is_ok_and(|mut entries| entries.next().is_some())
}

impl Journal {
    /// Opens the journal of a state folder, and begins one where there never was one. What processes that are gone
    /// have left open is `unknown` afterwards.
    ///
    /// # Errors
    /// [`Error::Journal`] where traces of it stand and it does not, and where it is not what its record and the head
    /// beside it say: see [`Journal::verify`]; [`Error::ForeignInstall`] where it has another id,
    /// [`Error::Owner`] for anybody but the folder's owner, [`Error::Newer`] for a later version.
    pub fn open(folder: &Path, now: Timestamp) -> Result<Journal, Error> {
        let path = folder.join(JOURNAL);
        let opened = Journal::unverified(folder, true).and_then(|journal| Ok((journal.verify()?, journal)));
        let journal = match opened {
            Ok((Chain::Whole { .. }, journal)) => journal,
            Ok((Chain::Broken { faults }, _)) => return Err(verify::refusal(path, &faults)),
            Err(Error::Sql { source, .. }) if verify::is_damage(&source) => {
                let fault = Fault { place: JOURNAL.to_owned(), why: source.to_string() };
                return Err(verify::refusal(path, &[fault]));
            }
            Err(e) => return Err(e),
        };
        head::catch_up(&journal)?;
        if journal.has_abandoned()? {
            journal.at_once(|db| abandon(db, now))?;
        }
        Ok(journal)
    }

    /// Opens a journal to look at it, whatever became of it: nothing may be issued by it.
    ///
    /// # Errors
    /// As [`Journal::open`], but for what [`Journal::verify`] says.
    pub fn look(folder: &Path) -> Result<Journal, Error> {
        Journal::unverified(folder, false)
    }

    /// Whether a journal was ever begun in this folder, by any trace of it.
    pub fn was_begun(folder: &Path) -> bool {
        has_logs(folder) || [JOURNAL, JOURNAL_ID, JOURNAL_HEAD].iter().any(|name| folder.join(name).exists())
    }

    fn unverified(folder: &Path, begins: bool) -> Result<Journal, Error> {
        owned_by_us(folder)?;
        let (path, id_path) = (folder.join(JOURNAL), folder.join(JOURNAL_ID));
        let id = match fs::read_to_string(&id_path) {
            Ok(text) => Some(text.trim().to_owned()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(Error::Io { what: "read", path: id_path, source }),
        };
        let is_empty = match fs::metadata(&path) {
            Ok(meta) => meta.len() == 0,
            Err(e) if e.kind() == io::ErrorKind::NotFound => true,
            Err(source) => return Err(Error::Io { what: "look at", path, source }),
        };
        // A birth that was cut short leaves an empty file at most, and no trace of anything issued.
        let traces = id.is_some() || (is_empty && (folder.join(JOURNAL_HEAD).exists() || has_logs(folder)));
        if is_empty && (traces || !begins) {
            let why = "it is gone or empty, while what was issued by it left its traces".to_owned();
            return Err(verify::refusal(path, &[Fault { place: JOURNAL.to_owned(), why }]));
        }
        let connection = connect(&path, OpenFlags::SQLITE_OPEN_CREATE, Access::Write)?;
        private(&path, 0o600)?;
        let mut journal = Journal { connection, folder: folder.to_path_buf(), lock: None };
        journal.climb(&path)?;
        let own = journal.meta("id")?.unwrap_or_default();
        match id {
            Some(id) if id != own => {
                return Err(Error::ForeignInstall { path, found: own, expected: id });
            }
            Some(_) => {}
            // Under the lock of the database: another process may be about to write it.
            None => journal.transaction(|db| match id_path.exists() {
                true => Ok(()),
                false if chain::end(db)?.0 > 0 => {
                    let why = "it is gone, and the record is not empty".to_owned();
                    Err(verify::refusal(path.clone(), &[Fault { place: JOURNAL_ID.to_owned(), why }]))
                }
                false => {
                    head::begin(folder)?;
                    spool::write_durably(&id_path, format!("{own}\n").as_bytes(), 0o600)
                }
            })?,
        }
        journal.lock = Some(File::open(&id_path).map_err(super::io_error("open", &id_path))?);
        Ok(journal)
    }

    fn climb(&self, path: &Path) -> Result<(), Error> {
        let version = |db: &Connection| -> Result<i64, Error> {
            let found =
                db.pragma_query_value(None, "user_version", |r| r.get(0)).doing("read the version")?;
            if found > VERSION {
                return Err(Error::Newer { path: path.to_path_buf(), found, known: VERSION });
            }
            Ok(found)
        };
        if version(&self.connection)? == VERSION {
            return Ok(());
        }
        self.transaction(|db| {
            // Another process may have been here meanwhile.
            let found = version(db)?;
            for step in LADDER[found.max(0) as usize..].iter().copied().flatten() {
                db.execute_batch(step).doing("make the tables of the journal")?;
            }
            if found == 0 {
                db.execute("INSERT INTO meta VALUES('id',lower(hex(randomblob(16))))", [])
                    .doing("write the id of the journal")?;
            }
            db.pragma_update(None, "user_version", VERSION).doing("write the version")
        })
    }

    /// The state folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Closes the connection, saying so if that fails.
    ///
    /// # Errors
    /// Of the database.
    pub fn close(self) -> Result<(), Error> {
        self.connection.close().map_err(|(_, source)| Error::Sql { what: "close", source })
    }

    /// One transaction over a journal that is what the head beside it says, after which the head says what it is: all
    /// of it or nothing.
    fn at_once<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        let (mut head, mut announced) = (None, None);
        let done = self.transaction(|db| {
            let head = head.insert(Head::take(self)?);
            let before = chain::end(db)?;
            head.holds(&before)?;
            let done = work(db)?;
            let after = chain::end(db)?;
            if after != before {
                head.announce(&after)?;
                announced = Some(after);
            }
            Ok(done)
        })?;
        // Only now may anything be started by it: a journal older than this is refused from here on.
        if let (Some(head), Some(after)) = (&mut head, announced) {
            head.advance(&after)?;
        }
        Ok(done)
    }

    fn transaction<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        let db = &self.connection;
        db.execute_batch("BEGIN IMMEDIATE").doing("begin")?;
        let done = work(db).and_then(|done| db.execute_batch("COMMIT").doing("commit").map(|()| done));
        if done.is_err() {
            // An error here means that SQLite has rolled back already.
            let _ = db.execute_batch("ROLLBACK");
        }
        done
    }

    fn meta(&self, key: &str) -> Result<Option<String>, Error> {
        self.connection
            .query_row("SELECT value FROM meta WHERE key=?1", [key], |r| r.get(0))
            .optional()
            .doing("read the journal")
    }

    /// Keeps a person's consent to these commands; gives the key of each attempt, or why there can be none.
    /// `consents`: keys of `unknown` or waiting commands that the person wants issued again.
    ///
    /// # Errors
    /// Of the database; then nothing is approved.
    pub fn approve(
        &self,
        commands: &[Approved],
        consents: &BTreeSet<String>,
        who: &Person,
        now: Timestamp,
    ) -> Result<Vec<Result<String, Refused>>, Error> {
        self.at_once(|db| {
            abandon(db, now)?;
            commands.iter().map(|command| approve(db, command, consents, who, now)).collect()
        })
    }

    /// Why [`Journal::approve`] would keep no consent to each of these, where it would not. Nothing is changed by it.
    ///
    /// # Errors
    /// Of the database.
    pub fn refusals(
        &self,
        commands: &[Approved],
        consents: &BTreeSet<String>,
    ) -> Result<Vec<Option<Refused>>, Error> {
        let refused = |command| Ok(acts::take_over(&self.connection, command, consents)?.err());
        commands.iter().map(refused).collect()
    }

    /// Takes an approval back, if nothing was issued by it; says whether there was one.
    ///
    /// # Errors
    /// Of the database.
    pub fn withdraw(&self, key: &str, who: &Person, now: Timestamp) -> Result<bool, Error> {
        self.at_once(|db| {
            let Some(State::Approved) = rows::state(db, key)? else { return Ok(false) };
            fold::enter(db, now, who, "withdraw", key, &serde_json::json!({})).map(|_| true)
        })
    }

    /// Takes approved commands in hand: `intent`, durable on return. The caller is the only one who may start those
    /// that are not refused, and starts each at most once.
    ///
    /// # Errors
    /// Of the database; then nothing is taken.
    pub fn claim(
        &self,
        commands: &[&Approved],
        who: &Person,
        now: Timestamp,
    ) -> Result<Vec<Result<String, Refused>>, Error> {
        let process = Process::this()?;
        self.at_once(|db| {
            abandon(db, now)?;
            commands.iter().map(|command| claim(db, command, &process, who, now)).collect()
        })
    }

    /// Writes down what happened to commands in hand, all at once.
    ///
    /// # Errors
    /// Of the database, and where a change of state is not legal.
    pub fn note(&self, steps: &[Step], who: &Person, now: Timestamp) -> Result<(), Error> {
        if steps.is_empty() {
            return Ok(());
        }
        self.at_once(|db| steps.iter().try_for_each(|step| note(db, step, who, now)))
    }

    fn has_abandoned(&self) -> Result<bool, Error> {
        Ok(!abandoned(&self.connection)?.is_empty())
    }
}
