//! Transmits what is due in the outbox; each attempt is committed before the next begins.

use super::{Error, Report, Work};
use crate::delivery::schedule::{self, Next};
use crate::delivery::{Attempt, Parcel, Transport};
use crate::rules::RuleSet;
use crate::store::{OutboxRow, OutboxState, Store, Tx};
use crate::ticket::State;
use jiff::Timestamp;
use std::sync::atomic::Ordering;

/// Mails looked up at a time.
const AT_ONCE: usize = 100;

/// Transmits every due mail. After a success, parked ones get one more transmission each.
pub(super) fn transmit_due(
    store: &Store,
    transport: &mut dyn Transport,
    work: &mut Work<'_>,
    report: &mut Report,
) -> Result<(), Error> {
    let started = (work.clock)();
    pass(store, transport, work, report, started)?;
    if report.accepted > 0 {
        let tx = store.begin()?;
        let woken = tx.wake_parked((work.clock)())?;
        tx.commit()?;
        if woken > 0 {
            pass(store, transport, work, report, (work.clock)())?;
        }
    }
    Ok(())
}

/// One pass: a mail postponed inside it is not tried again in it.
fn pass(
    store: &Store,
    transport: &mut dyn Transport,
    work: &mut Work<'_>,
    report: &mut Report,
    due_by: Timestamp,
) -> Result<(), Error> {
    let mut tried = std::collections::HashSet::new();
    loop {
        let due: Vec<_> =
            store.due_mails(due_by, AT_ONCE)?.into_iter().filter(|r| !tried.contains(&r.id)).collect();
        if due.is_empty() {
            return Ok(());
        }
        for row in due {
            if work.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            tried.insert(row.id);
            attempt(store, transport, work, report, row)?;
            (work.progress)(report);
        }
    }
}

/// When a mail queued now is transmitted first.
pub(super) fn first_attempt(rules: &RuleSet, now: Timestamp) -> Timestamp {
    match schedule::next(&rules.settings.delivery.retry, 0, now) {
        Next::At(time) => time,
        Next::Park => now,
    }
}

fn attempt(
    store: &Store,
    transport: &mut dyn Transport,
    work: &Work<'_>,
    report: &mut Report,
    mut row: OutboxRow,
) -> Result<(), Error> {
    let parcel = Parcel {
        message_id: row.message.clone(),
        sender: row.sender.clone(),
        recipient: row.recipient.clone(),
        bytes: store.letter(row.id)?,
        name: row.name.clone(),
    };
    let outcome = transport.transmit(&parcel);
    let ended = (work.clock)();
    row.attempts += 1;
    row.ended = Some(ended);
    (row.state, row.next, row.reply) = match outcome {
        Attempt::Accepted { reply } => {
            report.accepted += 1;
            (OutboxState::Accepted, None, Some(reply))
        }
        Attempt::Refused { reply } => {
            report.refused += 1;
            (OutboxState::Refused, None, Some(reply))
        }
        Attempt::Postponed { reply } => {
            report.postponed += 1;
            match schedule::next(&work.rules.settings.delivery.retry, row.attempts, ended) {
                Next::At(time) => (OutboxState::Due, Some(time), Some(reply)),
                Next::Park => {
                    report.parked += 1;
                    (OutboxState::Parked, None, Some(reply))
                }
            }
        }
    };
    let tx = store.begin()?;
    if row.state != OutboxState::Accepted && was_withdrawn(&tx, &row)? {
        (row.state, row.next) = (OutboxState::Withdrawn, None);
    }
    tx.keep_outbox(&row)?;
    if row.kind == "ticket" {
        settle_ticket(&tx, row.ticket)?;
    }
    Ok(tx.commit()?)
}

/// Whether somebody ended the ticket while its mail was on the wire.
fn was_withdrawn(tx: &Tx<'_>, row: &OutboxRow) -> Result<bool, Error> {
    let now = tx.store().outbox_of(row.ticket)?;
    Ok(now.iter().any(|m| m.id == row.id && m.state == OutboxState::Withdrawn))
}

/// A ticket is `sent` once one recipient has it, `parked` once none will have it by itself.
fn settle_ticket(tx: &Tx<'_>, ticket: i64) -> Result<(), Error> {
    let Some(mut row) = tx.store().ticket(ticket)? else { return Ok(()) };
    if !matches!(row.state, State::Queued | State::Sent | State::Parked) {
        return Ok(());
    }
    let mails = tx.store().outbox_of(ticket)?;
    let any = |state| mails.iter().any(|m| m.kind == "ticket" && m.state == state);
    row.state = if any(OutboxState::Accepted) {
        State::Sent
    } else if any(OutboxState::Due) {
        State::Queued
    } else {
        State::Parked
    };
    Ok(tx.keep_ticket(&row)?)
}
