//! The journal of redistribution: what was approved, who has it in hand, what became of it.
//!
//! In: approved commands, claims, ends and evidence. Out: the same after any crash, and typed refusals. It does not
//! know how a command is rebuilt or started.
//!
//! # On disk
//! `redistribution.db` in the state folder, a database of its own with its own ladder, which `ingest` never opens, and
//! `redistribution-id`, the same id as in it: a journal that vanished is noticed, never silently begun anew, as then
//! everything could be issued twice.
//!
//! # At most once
//! A command starts only after the transaction that made it `intent` is on disk. That transaction also takes each
//! (job, recipient): whoever comes second, with the same command or another one for the same recipient, is refused.
//! An `intent` or `issued` whose process is gone is `unknown` from the next look on, and stays so until evidence comes
//! or a person approves a new attempt that names it.

mod chain;
mod process;
mod rows;
#[cfg(test)]
mod tests;

pub use chain::{Chain, Entry, Person};
pub use rows::{Confirmation, JournalRow};

use super::column::{from_json, json, time};
use super::{Access, Doing, Error, connect, owned_by_us, private, spool};
use crate::alert::name::{host, normal};
use crate::redistribution::issue::{Approved, End, Verdict, digest};
use crate::redistribution::states::State;
use jiff::Timestamp;
use process::Process;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Name of the journal in the state folder.
pub const JOURNAL: &str = "redistribution.db";
/// Name of the file that holds its id.
pub const JOURNAL_ID: &str = "redistribution-id";

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
        "{recipient} of {id}: {who} issued it at {at}, and the manager's log does not say yet how it ended; to issue it again nevertheless, approve it naming {key}"
    )]
    Waits { id: String, recipient: String, who: String, at: Timestamp, key: String },
    #[error("{recipient} of {id} is confirmed, issued by {who} at {at}: nothing is left to do")]
    Confirmed { id: String, recipient: String, who: String, at: Timestamp },
    #[error(
        "nobody knows what became of {recipient} of {id}, issued by {who} at {at}: find out, and to issue it again approve it naming {key}"
    )]
    Unknown { id: String, recipient: String, who: String, at: Timestamp, key: String },
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
}

impl Journal {
    /// Opens the journal of a state folder, and begins one where there never was one. What processes that are gone
    /// have left open is `unknown` afterwards.
    ///
    /// # Errors
    /// [`Error::Missing`] where its id stands and it does not, [`Error::ForeignInstall`] where they differ,
    /// [`Error::Owner`] for anybody but the folder's owner, [`Error::Newer`] for a later version.
    pub fn open(folder: &Path, now: Timestamp) -> Result<Journal, Error> {
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
        if let (Some(install), true) = (&id, is_empty) {
            return Err(Error::Missing { path, install: install.clone() });
        }
        let connection = connect(&path, OpenFlags::SQLITE_OPEN_CREATE, Access::Write)?;
        private(&path, 0o600)?;
        let journal = Journal { connection, folder: folder.to_path_buf() };
        journal.climb(&path)?;
        let own = journal.meta("id")?.unwrap_or_default();
        match id {
            Some(id) if id != own => {
                return Err(Error::ForeignInstall { path, found: own, expected: id });
            }
            Some(_) => {}
            // Under the lock: another process may be about to write it.
            None => journal.at_once(|_| match id_path.exists() {
                true => Ok(()),
                false => spool::write_durably(&id_path, format!("{own}\n").as_bytes(), 0o600),
            })?,
        }
        if journal.has_abandoned()? {
            journal.at_once(|db| abandon(db, now))?;
        }
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
        self.at_once(|db| {
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

    /// One transaction: all of it or nothing.
    fn at_once<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
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

    /// Takes an approval back, if nothing was issued by it; says whether there was one.
    ///
    /// # Errors
    /// Of the database.
    pub fn withdraw(&self, key: &str, who: &Person, now: Timestamp) -> Result<bool, Error> {
        self.at_once(|db| {
            let Some(State::Approved) = rows::state(db, key)? else { return Ok(false) };
            change(db, key, State::Approved, State::Built)?;
            chain::append(db, now, who, "withdraw", key, &serde_json::json!({})).map(|_| true)
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

/// By which recipients of one distribution job are taken. A server is known by its host: operators write it with its
/// domain and without.
fn job_of(server: &str, tool: &str, job: &str) -> String {
    digest(&[&host(server), tool, job].map(str::as_bytes))
}

/// Commands in hand of processes that are gone, without an end.
fn abandoned(db: &Connection) -> Result<Vec<(String, State)>, Error> {
    let rows: Vec<(String, String, Option<String>)> = db
        .prepare_cached(
            "SELECT key,state,process FROM command WHERE state IN ('intent','issued') AND ended IS NULL",
        )
        .and_then(|mut s| s.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?.collect())
        .doing("look for abandoned commands")?;
    let mut gone = Vec::new();
    for (key, state, process) in rows {
        let process: Option<Process> = process.map(|text| from_json("process", &text)).transpose()?;
        if process.is_none_or(|process| process.is_gone()) {
            gone.push((key, rows::parsed(&state)?));
        }
    }
    Ok(gone)
}

/// What happened to abandoned commands, nobody knows.
fn abandon(db: &Connection, now: Timestamp) -> Result<(), Error> {
    let nobody =
        Person { name: "autoticket".into(), uid: rustix::process::getuid().as_raw(), origin: String::new() };
    for (key, state) in abandoned(db)? {
        change(db, &key, state, State::Unknown)?;
        db.prepare_cached(
            "UPDATE recipient SET state='unknown' WHERE key=?1 AND state IN ('intent','issued')",
        )
        .and_then(|mut s| s.execute([&key]))
        .doing("mark recipients as unknown")?;
        let detail = serde_json::json!({"was": state, "why": "the process that had it in hand is gone"});
        chain::append(db, now, &nobody, "unknown", &key, &detail)?;
    }
    Ok(())
}

/// A legal change of state.
fn change(db: &Connection, key: &str, from: State, to: State) -> Result<(), Error> {
    let changed = from.may_become(to)
        && db
            .prepare_cached("UPDATE command SET state=?3 WHERE key=?1 AND state=?2")
            .and_then(|mut s| s.execute([key, from.word(), to.word()]))
            .doing("change a state")?
            == 1;
    if changed {
        return Ok(());
    }
    let text = format!("{key} cannot go from {} to {}", from.word(), to.word());
    Err(Error::Stored { what: "state of a command", text })
}

/// Earlier attempts at recipients of a command that a person let follow, or why some recipient cannot be taken.
fn take_over(
    db: &Connection,
    command: &Approved,
    consents: &BTreeSet<String>,
) -> Result<Result<BTreeSet<String>, Refused>, Error> {
    let job = job_of(&command.server, &command.tool, &command.job);
    let mut followed = BTreeSet::new();
    for (recipient, _) in &command.recipients {
        let Some(by) = rows::taken_by(db, &job, &normal(recipient))? else { continue };
        let (id, recipient) = (command.id.clone(), recipient.clone());
        let (who, at, key) = (by.who, time(by.at), by.key);
        let may_follow = consents.contains(&key);
        return Ok(Err(match by.state {
            State::Confirmed => Refused::Confirmed { id, recipient, who, at },
            State::Intent | State::Issued if !by.has_ended => {
                let pid = by.process.map_or(0, |process: Process| process.pid());
                Refused::InHand { id, recipient, who, pid, at }
            }
            State::Intent | State::Issued if !may_follow => Refused::Waits { id, recipient, who, at, key },
            State::Unknown if !may_follow => Refused::Unknown { id, recipient, who, at, key },
            State::Intent | State::Issued | State::Unknown => {
                followed.insert(key);
                continue;
            }
            State::Failed | State::Found | State::Built | State::Approved => continue,
        }));
    }
    Ok(Ok(followed))
}

fn approve(
    db: &Connection,
    command: &Approved,
    consents: &BTreeSet<String>,
    who: &Person,
    now: Timestamp,
) -> Result<Result<String, Refused>, Error> {
    let consents = match take_over(db, command, consents)? {
        Ok(followed) => followed,
        Err(refused) => return Ok(Err(refused)),
    };
    let identity = command.identity();
    let last = rows::last_attempt(db, &identity)?;
    // An attempt that nothing was issued by is approved anew; after any other one comes the next.
    let attempt = match last {
        None => 1,
        Some((attempt, state)) if !state.may_have_run() => attempt,
        Some((attempt, _)) => attempt + 1,
    };
    let key = command.key(attempt);
    let kept = Kept {
        argv: command.masked().into_iter().map(str::to_owned).collect(),
        directory: command.directory.clone(),
        user: command.user.clone(),
        list: command.list_file.as_ref().map(|list| list.original.clone()),
        recipients: command.recipients.clone(),
        edits: command.edits.clone(),
    };
    let detail = serde_json::json!({
        "id": command.id, "server": command.server, "tool": command.tool, "hash": command.hash, "attempt": attempt,
        "consents": consents, "command": kept,
    });
    let approval = chain::append(db, now, who, "approve", &key, &detail)?;
    db.prepare_cached(
        "INSERT OR REPLACE INTO command(key,identity,attempt,id,server,tool,job,state,hash,command,consents,approval,at,who)
         VALUES(?1,?2,?3,?4,?5,?6,?7,'approved',?8,?9,?10,?11,?12,?13)",
    )
    .and_then(|mut s| {
        s.execute(params![
            key,
            identity,
            attempt,
            command.id,
            command.server,
            command.tool,
            job_of(&command.server, &command.tool, &command.job),
            command.hash,
            json(&kept),
            json(&consents),
            approval,
            now.as_second(),
            who.name
        ])
    })
    .doing("keep an approval")?;
    Ok(Ok(key))
}

fn claim(
    db: &Connection,
    command: &Approved,
    process: &Process,
    who: &Person,
    now: Timestamp,
) -> Result<Result<String, Refused>, Error> {
    let last = rows::last_attempt(db, &command.identity())?;
    let Some((attempt, State::Approved)) = last else {
        let refused = take_over(db, command, &BTreeSet::new())?.err();
        return Ok(Err(refused.unwrap_or_else(|| Refused::NotApproved { id: command.id.clone() })));
    };
    let key = command.key(attempt);
    let consents: BTreeSet<String> = from_json("consents", &rows::consents(db, &key)?)?;
    let followed = match take_over(db, command, &consents)? {
        Ok(followed) => followed,
        Err(refused) => return Ok(Err(refused)),
    };
    for earlier in &followed {
        follow(db, earlier, &key, who, now)?;
    }
    change(db, &key, State::Approved, State::Intent)?;
    db.prepare_cached("UPDATE command SET process=?2,at=?3,who=?4 WHERE key=?1")
        .and_then(|mut s| s.execute(params![key, json(process), now.as_second(), who.name]))
        .doing("take a command in hand")?;
    let job = job_of(&command.server, &command.tool, &command.job);
    for (recipient, _) in &command.recipients {
        db.prepare_cached("INSERT OR REPLACE INTO recipient(job,name,key,state) VALUES(?1,?2,?3,'intent')")
            .and_then(|mut s| s.execute([&job, &normal(recipient), &key]))
            .doing("take a recipient")?;
    }
    chain::append(db, now, who, "intent", &key, &serde_json::json!({"process": process}))?;
    Ok(Ok(key))
}

/// Marks an earlier attempt as followed, if it is one that needs consent.
fn follow(db: &Connection, earlier: &str, key: &str, who: &Person, now: Timestamp) -> Result<(), Error> {
    match rows::state(db, earlier)? {
        Some(State::Issued) => change(db, earlier, State::Issued, State::Unknown)?,
        Some(State::Unknown) => {}
        _ => return Ok(()),
    }
    db.prepare_cached("UPDATE command SET follower=?2 WHERE key=?1")
        .and_then(|mut s| s.execute([earlier, key]))
        .doing("mark an attempt as followed")?;
    chain::append(db, now, who, "reissue", earlier, &serde_json::json!({"as": key})).map(|_| ())
}

fn note(db: &Connection, step: &Step, who: &Person, now: Timestamp) -> Result<(), Error> {
    let (Step::Started { key, .. } | Step::Ended { key, .. } | Step::Evidence { key, .. }) = step;
    let state = rows::needed_state(db, key)?;
    if !state.may_have_run() {
        let text = format!("{key} is {}: nothing was issued by it", state.word());
        return Err(Error::Stored { what: "step of a command", text });
    }
    match step {
        Step::Started { key, program } => {
            if state == State::Intent {
                change(db, key, State::Intent, State::Issued)?;
            }
            db.prepare_cached("UPDATE command SET program=?2 WHERE key=?1")
                .and_then(|mut s| s.execute(params![key, program]))
                .doing("keep the process of a command")?;
            db.prepare_cached("UPDATE recipient SET state='issued' WHERE key=?1 AND state='intent'")
                .and_then(|mut s| s.execute([key]))
                .doing("mark recipients as issued")?;
            chain::append(db, now, who, "issued", key, &serde_json::json!({"program": program})).map(|_| ())
        }
        Step::Ended { key, end, list, verdicts } => {
            let list = list.as_ref().map(|path| path.to_string_lossy());
            db.prepare_cached("UPDATE command SET ended=?2,list=?3 WHERE key=?1")
                .and_then(|mut s| s.execute(params![key, json(end), list]))
                .doing("keep the end of a command")?;
            // It ran, though its start was not noted.
            if state == State::Intent && !matches!(end, End::NotStarted(_)) {
                change(db, key, State::Intent, State::Issued)?;
            }
            chain::append(db, now, who, "end", key, &serde_json::json!({"end": end, "verdicts": verdicts}))?;
            settle(db, key, verdicts, now)
        }
        Step::Evidence { key, verdicts } => {
            chain::append(db, now, who, "evidence", key, &serde_json::json!({"verdicts": verdicts}))?;
            settle(db, key, verdicts, now)
        }
    }
}

/// Applies evidence to the recipients a command holds, and to its state.
fn settle(db: &Connection, key: &str, verdicts: &[(String, Verdict)], now: Timestamp) -> Result<(), Error> {
    let held = rows::held(db, key)?;
    for (name, verdict) in verdicts {
        let Some((_, records)) = held.recipients.iter().find(|(own, _)| normal(own) == normal(name)) else {
            continue;
        };
        let (state, why) = match verdict {
            Verdict::Confirmed => (State::Confirmed, None),
            Verdict::Failed(why) => (State::Failed, Some(why.as_str())),
            Verdict::Waits => (State::Issued, None),
        };
        // What is settled stays so, and what another attempt holds is that one's. Waiting does not undo `unknown`.
        let changed = db
            .prepare_cached(
                "UPDATE recipient SET state=?4,why=?5 WHERE job=?1 AND name=?2 AND key=?3
                 AND (state IN ('intent','issued') OR (state='unknown' AND ?4<>'issued'))",
            )
            .and_then(|mut s| s.execute(params![held.job, normal(name), key, state.word(), why]))
            .doing("settle a recipient")?;
        if changed == 1 && state == State::Confirmed && !records.is_empty() {
            db.prepare_cached(
                "INSERT INTO confirmation(key,server,recipient,records,at) VALUES(?1,?2,?3,?4,?5)",
            )
            .and_then(|mut s| s.execute(params![key, held.server, name, json(records), now.as_second()]))
            .doing("keep a confirmation")?;
        }
    }
    let states = rows::recipient_states(db, key)?;
    if states.is_empty() {
        // Later attempts hold all of its recipients.
        return Ok(());
    }
    let is_open = states.iter().any(|s| matches!(s, State::Intent | State::Issued | State::Unknown));
    let state = rows::needed_state(db, key)?;
    match (is_open, states.contains(&State::Failed)) {
        (true, _) => Ok(()),
        (false, true) => change_once(db, key, state, State::Failed),
        (false, false) => change_once(db, key, state, State::Confirmed),
    }
}

/// Evidence may come twice.
fn change_once(db: &Connection, key: &str, from: State, to: State) -> Result<(), Error> {
    if from == to { Ok(()) } else { change(db, key, from, to) }
}
