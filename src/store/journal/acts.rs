//! What operators do, as acts of the record: consent, taking in hand, and what is noted of commands in hand.
//!
//! In: an open transaction, commands, steps. Out: acts, or why there can be none. What an act changes, [`fold`] says.

use super::super::column::{from_json, time};
use super::super::{Doing, Error};
use super::process::Process;
use super::{Kept, Person, Refused, Step, fold, rows};
use crate::alert::name::{host, normal};
use crate::redistribution::issue::{Approved, digest};
use crate::redistribution::states::State;
use jiff::Timestamp;
use rusqlite::Connection;
use std::collections::BTreeSet;

/// By which recipients of one distribution job are taken. A server is known by its host: operators write it with its
/// domain and without.
pub(super) fn job_of(server: &str, tool: &str, job: &str) -> String {
    digest(&[&host(server), tool, job].map(str::as_bytes))
}

/// Commands in hand of processes that are gone, without an end.
pub(super) fn abandoned(db: &Connection) -> Result<Vec<(String, State)>, Error> {
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
pub(super) fn abandon(db: &Connection, now: Timestamp) -> Result<(), Error> {
    let nobody =
        Person { name: "autoticket".into(), uid: rustix::process::getuid().as_raw(), origin: String::new() };
    for (key, state) in abandoned(db)? {
        let detail = serde_json::json!({"was": state, "why": "the process that had it in hand is gone"});
        fold::enter(db, now, &nobody, "unknown", &key, &detail)?;
    }
    Ok(())
}

/// Earlier attempts at recipients of a command that a person let follow, or why some recipient cannot be taken.
pub(super) fn take_over(
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

/// Keeps consent to a command; gives the key of the attempt.
pub(super) fn approve(
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
        packages: command.packages.clone(),
        argv: command.masked().into_iter().map(str::to_owned).collect(),
        directory: command.directory.clone(),
        user: command.user.clone(),
        list: command.list_file.as_ref().map(|list| list.original.clone()),
        recipients: command.recipients.clone(),
        edits: command.edits.clone(),
    };
    let detail = serde_json::json!({
        "id": command.id, "server": command.server, "tool": command.tool, "hash": command.hash, "attempt": attempt,
        "identity": identity, "job": job_of(&command.server, &command.tool, &command.job),
        "consents": consents, "command": kept,
    });
    fold::enter(db, now, who, "approve", &key, &detail)?;
    Ok(Ok(key))
}

/// Takes a command in hand.
pub(super) fn claim(
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
    fold::enter(db, now, who, "intent", &key, &serde_json::json!({"process": process}))?;
    Ok(Ok(key))
}

/// Marks an earlier attempt as followed, if it is one that needs consent.
fn follow(db: &Connection, earlier: &str, key: &str, who: &Person, now: Timestamp) -> Result<(), Error> {
    match rows::state(db, earlier)? {
        Some(State::Issued | State::Unknown) => {
            fold::enter(db, now, who, "reissue", earlier, &serde_json::json!({"as": key}))
        }
        _ => Ok(()),
    }
}

/// Writes down what happened to a command in hand.
pub(super) fn note(db: &Connection, step: &Step, who: &Person, now: Timestamp) -> Result<(), Error> {
    let (Step::Started { key, .. } | Step::Ended { key, .. } | Step::Evidence { key, .. }) = step;
    let state = rows::needed_state(db, key)?;
    if !state.may_have_run() {
        let text = format!("{key} is {}: nothing was issued by it", state.word());
        return Err(Error::Stored { what: "step of a command", text });
    }
    let (act, detail) = match step {
        Step::Started { program, .. } => ("issued", serde_json::json!({"program": program})),
        Step::Ended { end, list, verdicts, .. } => {
            let list = list.as_ref().map(|path| path.to_string_lossy());
            ("end", serde_json::json!({"end": end, "list": list, "verdicts": verdicts}))
        }
        Step::Evidence { verdicts, .. } => ("evidence", serde_json::json!({"verdicts": verdicts})),
    };
    fold::enter(db, now, who, act, key, &detail)
}
