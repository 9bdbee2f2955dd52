//! Reading the journal: its commands, who holds which recipient, what the service center is still to be told, and when
//! a server was last serviced.
//!
//! In: keys and names. Out: rows. It changes nothing but what was told and serviced.

use super::super::column::{from_json, json, time};
use super::super::{Doing, Error, spool};
use super::process::Process;
use super::{Journal, Kept, Person, fold, job_of};
use crate::alert::name::{host, normal};
use crate::redistribution::issue::End;
use crate::redistribution::states::State;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// One attempt at one command, as the journal shows it. Secrets are masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalRow {
    /// The idempotency key of the attempt.
    pub key: String,
    pub attempt: u32,
    /// As it was called in its plan: `J3.1`.
    pub id: String,
    pub server: String,
    pub tool: String,
    pub state: State,
    /// What approval bound.
    pub hash: String,
    /// What is sent.
    pub packages: Vec<String>,
    pub argv: Vec<String>,
    pub directory: Option<String>,
    pub user: Option<String>,
    pub edits: Vec<String>,
    /// Each with the state it is in through this attempt; `None`: not taken, or taken by another attempt since.
    pub recipients: Vec<(String, Option<State>)>,
    /// Who approved it, or has it in hand.
    pub who: String,
    pub at: Timestamp,
    /// Process of the command, where it started.
    pub program: Option<u32>,
    pub end: Option<End>,
    /// The distribution list that was written for it.
    pub list: Option<PathBuf>,
    /// The attempt that a person let follow it.
    pub follower: Option<String>,
}

/// What the service center has not been told yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    pub id: i64,
    pub key: String,
    pub server: String,
    pub recipient: String,
    /// Ids of failed distributions that are delivered now.
    pub records: Vec<String>,
    pub at: Timestamp,
}

/// In the state folder: which service center each server belongs to, where that is on another machine.
pub const CENTERS: &str = "redistribution-centers";

/// Who holds a recipient.
pub(super) struct TakenBy {
    pub(super) key: String,
    pub(super) state: State,
    pub(super) who: String,
    pub(super) at: i64,
    pub(super) process: Option<Process>,
    pub(super) has_ended: bool,
}

/// What is needed to settle a command.
pub(super) struct Held {
    pub(super) job: String,
    pub(super) server: String,
    pub(super) recipients: Vec<(String, Vec<String>)>,
}

pub(super) fn parsed(word: &str) -> Result<State, Error> {
    State::of(word).ok_or_else(|| Error::Stored { what: "state of a command", text: word.to_owned() })
}

pub(super) fn state(db: &Connection, key: &str) -> Result<Option<State>, Error> {
    let word: Option<String> = db
        .prepare_cached("SELECT state FROM command WHERE key=?1")
        .and_then(|mut s| s.query_row([key], |r| r.get(0)).optional())
        .doing("read a state")?;
    word.map(|word| parsed(&word)).transpose()
}

pub(super) fn needed_state(db: &Connection, key: &str) -> Result<State, Error> {
    state(db, key)?
        .ok_or_else(|| Error::Stored { what: "command", text: format!("{key} is not in the journal") })
}

pub(super) fn consents(db: &Connection, key: &str) -> Result<String, Error> {
    db.prepare_cached("SELECT consents FROM command WHERE key=?1")
        .and_then(|mut s| s.query_row([key], |r| r.get(0)))
        .doing("read consents")
}

/// The latest attempt at a command.
pub(super) fn last_attempt(db: &Connection, identity: &str) -> Result<Option<(u32, State)>, Error> {
    let row: Option<(u32, String)> = db
        .prepare_cached("SELECT attempt,state FROM command WHERE identity=?1 ORDER BY attempt DESC LIMIT 1")
        .and_then(|mut s| s.query_row([identity], |r| Ok((r.get(0)?, r.get(1)?))).optional())
        .doing("read the last attempt")?;
    row.map(|(attempt, word)| Ok((attempt, parsed(&word)?))).transpose()
}

pub(super) fn taken_by(db: &Connection, job: &str, name: &str) -> Result<Option<TakenBy>, Error> {
    type Found = (String, String, String, i64, Option<String>, bool);
    let row: Option<Found> = db
        .prepare_cached(
            "SELECT r.key,r.state,c.who,c.at,c.process,c.ended IS NOT NULL FROM recipient r JOIN command c ON c.key=r.key
             WHERE r.job=?1 AND r.name=?2",
        )
        .and_then(|mut s| {
            s.query_row([job, name], |r| {
                Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?))
            })
            .optional()
        })
        .doing("look who holds a recipient")?;
    let Some((key, word, who, at, process, has_ended)) = row else { return Ok(None) };
    let process = process.map(|text| from_json("process", &text)).transpose()?;
    Ok(Some(TakenBy { key, state: parsed(&word)?, who, at, process, has_ended }))
}

pub(super) fn held(db: &Connection, key: &str) -> Result<Held, Error> {
    let (job, server, command): (String, String, String) = db
        .prepare_cached("SELECT job,server,command FROM command WHERE key=?1")
        .and_then(|mut s| s.query_row([key], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))))
        .doing("read a command")?;
    let kept: Kept = from_json("command", &command)?;
    Ok(Held { job, server, recipients: kept.recipients })
}

pub(super) fn recipient_states(db: &Connection, key: &str) -> Result<Vec<State>, Error> {
    Ok(recipients(db, key)?.into_iter().map(|(_, state)| state).collect())
}

fn recipients(db: &Connection, key: &str) -> Result<Vec<(String, State)>, Error> {
    let rows: Vec<(String, String)> = db
        .prepare_cached("SELECT name,state FROM recipient WHERE key=?1")
        .and_then(|mut s| s.query_map([key], |r| Ok((r.get(0)?, r.get(1)?)))?.collect())
        .doing("read recipients")?;
    rows.into_iter().map(|(name, word)| Ok((name, parsed(&word)?))).collect()
}

/// Whether a command still holds a recipient that nobody knows about.
const HOLDS_UNKNOWN: &str = "EXISTS(SELECT 1 FROM recipient r WHERE r.key=command.key AND r.state='unknown')";

const COLUMNS: &str = "key,attempt,id,server,tool,state,hash,command,who,at,program,ended,list,follower";

struct Raw {
    row: JournalRow,
    state: String,
    command: String,
    ended: Option<String>,
}

fn raw(r: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok(Raw {
        row: JournalRow {
            key: r.get(0)?,
            attempt: r.get(1)?,
            id: r.get(2)?,
            server: r.get(3)?,
            tool: r.get(4)?,
            state: State::Unknown,
            hash: r.get(6)?,
            packages: Vec::new(),
            argv: Vec::new(),
            directory: None,
            user: None,
            edits: Vec::new(),
            recipients: Vec::new(),
            who: r.get(8)?,
            at: time(r.get(9)?),
            program: r.get(10)?,
            end: None,
            list: r.get::<_, Option<String>>(12)?.map(PathBuf::from),
            follower: r.get(13)?,
        },
        state: r.get(5)?,
        command: r.get(7)?,
        ended: r.get(11)?,
    })
}

impl Journal {
    /// Attempts, those that nobody knows the end of first, then the latest.
    ///
    /// # Errors
    /// Of the database.
    pub fn rows(&self, most: usize) -> Result<Vec<JournalRow>, Error> {
        self.select(
            &format!("ORDER BY (state='unknown' AND {HOLDS_UNKNOWN}) DESC,approval DESC,key LIMIT ?1"),
            most,
        )
    }

    /// Commands that hold recipients of which nobody knows whether they got it: only a person may let them be issued
    /// again.
    ///
    /// # Errors
    /// Of the database.
    pub fn unknown(&self) -> Result<Vec<JournalRow>, Error> {
        self.select(
            &format!("WHERE state='unknown' AND {HOLDS_UNKNOWN} ORDER BY approval,key LIMIT ?1"),
            usize::MAX,
        )
    }

    /// Commands that a manager took and whose evidence is still waited for.
    ///
    /// # Errors
    /// Of the database.
    pub fn waiting(&self) -> Result<Vec<JournalRow>, Error> {
        let waits = "EXISTS(SELECT 1 FROM recipient r WHERE r.key=command.key AND r.state='issued')";
        let which = format!("WHERE state IN ('issued','unknown') AND ended IS NOT NULL AND {waits}");
        self.select(&format!("{which} ORDER BY approval,key LIMIT ?1"), usize::MAX)
    }

    fn select(&self, which: &str, most: usize) -> Result<Vec<JournalRow>, Error> {
        let raws: Vec<Raw> = self
            .connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM command {which}"))
            .and_then(|mut s| s.query_map([i64::try_from(most).unwrap_or(i64::MAX)], raw)?.collect())
            .doing("read the journal")?;
        raws.into_iter()
            .map(|Raw { mut row, state, command, ended }| {
                let kept: Kept = from_json("command", &command)?;
                let states = recipients(&self.connection, &row.key)?;
                let state_of = |name: &str| {
                    let name = normal(name);
                    states.iter().find(|(own, _)| *own == name).map(|(_, state)| *state)
                };
                row.state = parsed(&state)?;
                row.recipients =
                    kept.recipients.into_iter().map(|(name, _)| (name.clone(), state_of(&name))).collect();
                (row.argv, row.directory, row.user, row.edits) =
                    (kept.argv, kept.directory, kept.user, kept.edits);
                row.packages = kept.packages;
                row.end = ended.map(|text| from_json("end", &text)).transpose()?;
                Ok(row)
            })
            .collect()
    }

    /// How the recipients of a distribution job stand, by normal name, and through which attempt: what is confirmed
    /// here is not left to be done, whatever the log of the first run says. `job` is its
    /// [`job_identity`](crate::redistribution::issue::job_identity).
    ///
    /// # Errors
    /// Of the database.
    pub fn standing(
        &self,
        server: &str,
        tool: &str,
        job: &str,
    ) -> Result<BTreeMap<String, (State, String)>, Error> {
        let rows: Vec<(String, String, String)> = self
            .connection
            .prepare_cached("SELECT name,state,key FROM recipient WHERE job=?1")
            .and_then(|mut s| {
                s.query_map([job_of(server, tool, job)], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?.collect()
            })
            .doing("read how recipients stand")?;
        rows.into_iter().map(|(name, word, key)| Ok((name, (parsed(&word)?, key)))).collect()
    }

    /// When a server was last serviced, with its domain or without.
    ///
    /// # Errors
    /// Of the database.
    pub fn last_servicing(&self, server: &str) -> Result<Option<Timestamp>, Error> {
        let rows: Vec<(String, i64)> = self
            .connection
            .prepare_cached("SELECT server,at FROM servicing")
            .and_then(|mut s| s.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect())
            .doing("read the last servicing")?;
        let own = rows.into_iter().filter(|(name, _)| host(name) == host(server));
        Ok(own.map(|(_, at)| at).max().map(time))
    }

    /// Remembers which service center failed distributions of a server came from, so that confirmations go to it and to
    /// no other. What the text means, the journal does not know.
    ///
    /// # Errors
    /// Of the database.
    pub fn keep_center(&self, server: &str, center: &str) -> Result<(), Error> {
        if self.center(server)?.as_deref() == Some(center) {
            return Ok(());
        }
        // Under the lock: another operator may be keeping that of another server.
        self.at_once(|_| {
            let mut centers = self.centers()?;
            centers.insert(host(server), center.to_owned());
            spool::write_durably(&self.folder().join(CENTERS), json(&centers).as_bytes(), 0o600)
        })
    }

    fn centers(&self) -> Result<BTreeMap<String, String>, Error> {
        let path = self.folder().join(CENTERS);
        match fs::read_to_string(&path) {
            Ok(text) => from_json("service centers", &text),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(source) => Err(Error::Io { what: "read", path, source }),
        }
    }

    /// The service center that was remembered.
    ///
    /// # Errors
    /// Of the database.
    pub fn center(&self, server: &str) -> Result<Option<String>, Error> {
        Ok(self.centers()?.remove(&host(server)))
    }

    /// Keeps that a server was serviced up to `at`; never an earlier instant than is kept already.
    ///
    /// # Errors
    /// Of the database.
    pub fn keep_servicing(
        &self,
        server: &str,
        at: Timestamp,
        who: &Person,
        now: Timestamp,
    ) -> Result<(), Error> {
        let detail = serde_json::json!({"until": at});
        self.at_once(|db| fold::enter(db, now, who, "servicing", server, &detail))
    }

    /// What the service center has not been told yet, oldest first.
    ///
    /// # Errors
    /// Of the database.
    pub fn pending_confirmations(&self, most: usize) -> Result<Vec<Confirmation>, Error> {
        type Found = (i64, String, String, String, String, i64);
        let rows: Vec<Found> = self
            .connection
            .prepare_cached(
                "SELECT id,key,server,recipient,records,at FROM confirmation WHERE told IS NULL ORDER BY id LIMIT ?1",
            )
            .and_then(|mut s| {
                s.query_map([i64::try_from(most).unwrap_or(i64::MAX)], |r| {
                    Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?))
                })?
                .collect()
            })
            .doing("read confirmations")?;
        rows.into_iter()
            .map(|(id, key, server, recipient, records, at)| {
                let records = from_json("confirmation", &records)?;
                Ok(Confirmation { id, key, server, recipient, records, at: time(at) })
            })
            .collect()
    }

    /// Keeps that the service center has these confirmations. To tell it twice is harmless, to forget one is not: so
    /// this comes after the telling.
    ///
    /// # Errors
    /// Of the database.
    pub fn told(&self, ids: &[i64], who: &Person, now: Timestamp) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let none = serde_json::json!({});
        self.at_once(|db| fold::enter(db, now, who, "told", &json(&ids), &none))
    }
}
