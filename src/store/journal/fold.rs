//! The tables of the journal as what its record comes to.
//!
//! In: rows of the record, in their order. Out: commands, recipients, confirmations and servicings as they stand after
//! them. Nothing else changes these tables, so that [`super::verify`] can make them anew and compare.

use super::super::column::{from_json, json};
use super::super::{Doing, Error};
use super::chain::{self, Raw};
use super::process::Process;
use super::{Kept, Person, rows};
use crate::alert::name::normal;
use crate::redistribution::issue::{End, Verdict};
use crate::redistribution::states::State;
use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Deserialize)]
struct Approval {
    id: String,
    server: String,
    tool: String,
    hash: String,
    attempt: u32,
    identity: String,
    job: String,
    consents: BTreeSet<String>,
    command: Kept,
}

#[derive(Deserialize)]
struct Intent {
    process: Process,
}

#[derive(Deserialize)]
struct Issued {
    program: u32,
}

#[derive(Deserialize)]
struct Ended {
    end: End,
    list: Option<String>,
    verdicts: Vec<(String, Verdict)>,
}

#[derive(Deserialize)]
struct Evidence {
    verdicts: Vec<(String, Verdict)>,
}

#[derive(Deserialize)]
struct Abandoned {
    was: State,
}

#[derive(Deserialize)]
struct Reissue {
    r#as: String,
}

#[derive(Deserialize)]
struct Servicing {
    until: Timestamp,
}

/// Appends a row to the record and has the tables follow it.
pub(super) fn enter(
    db: &Connection,
    now: Timestamp,
    who: &Person,
    act: &str,
    subject: &str,
    detail: &serde_json::Value,
) -> Result<(), Error> {
    apply(db, &chain::append(db, now, who, act, subject, detail)?)
}

/// What a row of the record changes.
///
/// # Errors
/// Of the database, and where a row says what cannot be: then it is no row of ours.
pub(super) fn apply(db: &Connection, row: &Raw) -> Result<(), Error> {
    let key = row.subject.as_str();
    match row.act.as_str() {
        "approve" => approve(db, row),
        "withdraw" => change(db, key, State::Approved, State::Built),
        "intent" => intent(db, row),
        "issued" => issued(db, row),
        "end" => ended(db, row),
        "evidence" => {
            let Evidence { verdicts } = from_json("evidence", &row.detail)?;
            settle(db, key, &verdicts, row.at)
        }
        "unknown" => {
            let Abandoned { was } = from_json("end of a process", &row.detail)?;
            change(db, key, was, State::Unknown)?;
            db.prepare_cached(
                "UPDATE recipient SET state='unknown' WHERE key=?1 AND state IN ('intent','issued')",
            )
            .and_then(|mut s| s.execute([key]))
            .doing("mark recipients as unknown")
            .map(|_| ())
        }
        "reissue" => {
            let Reissue { r#as: next } = from_json("reissue", &row.detail)?;
            if rows::needed_state(db, key)? == State::Issued {
                change(db, key, State::Issued, State::Unknown)?;
            }
            db.prepare_cached("UPDATE command SET follower=?2 WHERE key=?1")
                .and_then(|mut s| s.execute([key, &next]))
                .doing("mark an attempt as followed")
                .map(|_| ())
        }
        "told" => {
            let ids: Vec<i64> = from_json("confirmations", key)?;
            for id in ids {
                db.prepare_cached("UPDATE confirmation SET told=?2 WHERE id=?1 AND told IS NULL")
                    .and_then(|mut s| s.execute([id, row.at]))
                    .doing("keep that a confirmation was told")?;
            }
            Ok(())
        }
        "servicing" => {
            let Servicing { until } = from_json("servicing", &row.detail)?;
            db.prepare_cached(
                "INSERT INTO servicing VALUES(?1,?2) ON CONFLICT DO UPDATE SET at=max(at,excluded.at)",
            )
            .and_then(|mut s| s.execute(params![normal(key), until.as_second()]))
            .doing("keep the last servicing")
            .map(|_| ())
        }
        other => Err(Error::Stored { what: "act", text: format!("nobody does `{other}`") }),
    }
}

fn approve(db: &Connection, row: &Raw) -> Result<(), Error> {
    let of: Approval = from_json("approval", &row.detail)?;
    db.prepare_cached(
        "INSERT OR REPLACE INTO command(key,identity,attempt,id,server,tool,job,state,hash,command,consents,approval,at,who)
         VALUES(?1,?2,?3,?4,?5,?6,?7,'approved',?8,?9,?10,?11,?12,?13)",
    )
    .and_then(|mut s| {
        s.execute(params![
            row.subject,
            of.identity,
            of.attempt,
            of.id,
            of.server,
            of.tool,
            of.job,
            of.hash,
            json(&of.command),
            json(&of.consents),
            row.id,
            row.at,
            row.person.name
        ])
    })
    .doing("keep an approval")
    .map(|_| ())
}

fn intent(db: &Connection, row: &Raw) -> Result<(), Error> {
    let (key, Intent { process }) = (&row.subject, from_json("process", &row.detail)?);
    change(db, key, State::Approved, State::Intent)?;
    db.prepare_cached("UPDATE command SET process=?2,at=?3,who=?4 WHERE key=?1")
        .and_then(|mut s| s.execute(params![key, json(&process), row.at, row.person.name]))
        .doing("take a command in hand")?;
    let held = rows::held(db, key)?;
    for (recipient, _) in &held.recipients {
        db.prepare_cached("INSERT OR REPLACE INTO recipient(job,name,key,state) VALUES(?1,?2,?3,'intent')")
            .and_then(|mut s| s.execute([&held.job, &normal(recipient), key]))
            .doing("take a recipient")?;
    }
    Ok(())
}

fn issued(db: &Connection, row: &Raw) -> Result<(), Error> {
    let (key, Issued { program }) = (&row.subject, from_json("process of a command", &row.detail)?);
    if rows::needed_state(db, key)? == State::Intent {
        change(db, key, State::Intent, State::Issued)?;
    }
    db.prepare_cached("UPDATE command SET program=?2 WHERE key=?1")
        .and_then(|mut s| s.execute(params![key, program]))
        .doing("keep the process of a command")?;
    db.prepare_cached("UPDATE recipient SET state='issued' WHERE key=?1 AND state='intent'")
        .and_then(|mut s| s.execute([key]))
        .doing("mark recipients as issued")
        .map(|_| ())
}

fn ended(db: &Connection, row: &Raw) -> Result<(), Error> {
    let (key, Ended { end, list, verdicts }) = (&row.subject, from_json("end of a command", &row.detail)?);
    db.prepare_cached("UPDATE command SET ended=?2,list=?3 WHERE key=?1")
        .and_then(|mut s| s.execute(params![key, json(&end), list]))
        .doing("keep the end of a command")?;
    // It ran, though its start was not noted.
    if rows::needed_state(db, key)? == State::Intent && !matches!(end, End::NotStarted(_)) {
        change(db, key, State::Intent, State::Issued)?;
    }
    settle(db, key, &verdicts, row.at)
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

/// Applies evidence to the recipients a command holds, and to its state.
fn settle(db: &Connection, key: &str, verdicts: &[(String, Verdict)], at: i64) -> Result<(), Error> {
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
            .and_then(|mut s| s.execute(params![key, held.server, name, json(records), at]))
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
