//! Tickets that were posted: an open one may owe an update or a reminder.

use super::endings::{self, By};
use super::{Error, Report, Work};
use crate::alert::AlertRecord;
use crate::store::{AlertRow, Store, TicketRow, Tx};
use crate::ticket::{self, Joined, Member, State, TicketFacts};
use jiff::{SignedDuration, Timestamp};
use std::sync::atomic::Ordering;

/// Tickets per transaction.
const AT_ONCE: usize = 50;
/// Alerts one update mail lists, at most.
const LISTED: usize = 100;

/// Writes what due tickets owe, oldest crossing first, some to a transaction.
pub(super) fn follow_due(store: &Store, work: &mut Work<'_>, report: &mut Report) -> Result<(), Error> {
    while !work.stop.load(Ordering::Relaxed) {
        let now = (work.clock)();
        let tx = store.begin()?;
        let due = tx.due_tickets(now, AT_ONCE)?;
        if due.is_empty() {
            return Ok(());
        }
        for row in due {
            if row.state.is_open() {
                report.followers += follow(&tx, work, row, now)?;
            } else {
                rest(&tx, row)?;
            }
        }
        tx.commit()?;
        (work.progress)(report);
    }
    Ok(())
}

/// A ticket that ended owes nothing more.
fn rest(tx: &Tx<'_>, mut row: TicketRow) -> Result<(), Error> {
    row.due = None;
    Ok(tx.keep_ticket(&row)?)
}

/// The facts of a ticket as they were at its crossing.
pub fn facts(store: &Store, row: &TicketRow) -> Result<Option<TicketFacts>, crate::store::Error> {
    // Alerts of superseded mails as well: what a ticket says does not depend on when it is judged.
    let Some(crossing) = store.alert(row.crossing)? else { return Ok(None) };
    let mut alerts = Vec::with_capacity(row.alerts.len());
    for id in &row.alerts {
        alerts.extend(store.alert(*id)?.map(|a| a.record));
    }
    Ok(Some(TicketFacts {
        number: row.number.clone(),
        install: store.install().to_owned(),
        device: row.device.clone(),
        failure: row.failure.clone(),
        crossing: crossing.record,
        alerts,
        total: row.total,
        first: row.first,
        last: row.last,
        choice: row.choice.clone(),
        evidence: row.decision.as_ref().map(|decision| decision.evidence.clone()).unwrap_or_default(),
        fault: row.decision.as_ref().and_then(|decision| decision.fault.clone()),
        members: members(store, row.id)?,
    }))
}

/// The devices whose tickets joined this one's fault.
pub(super) fn members(store: &Store, lead: i64) -> Result<Vec<Member>, crate::store::Error> {
    let mut members = Vec::new();
    for row in store.fault_members(lead)? {
        let routed = store.alert(row.crossing)?.and_then(|alert| alert.record.routed).unwrap_or_default();
        members.push(Member {
            number: row.number,
            device: row.device,
            failure: row.failure,
            building: routed.building,
            room: routed.room,
            total: row.total,
            last: row.last,
        });
    }
    Ok(members)
}

/// When the next update mail is due, if an alert joined that none has told of.
pub(super) fn next_update(row: &TicketRow, work: &Work<'_>) -> Option<Timestamp> {
    let last = row.updated.unwrap_or(row.crossed);
    row.unreported.map(|first| ticket::update_due(last, first, &work.rules.settings.tickets))
}

/// When the next reminder is due: at the first alert that joined so long after the crossing, or after the
/// reminder before. However late flush looks, it is the same one.
fn next_reminder(tx: &Tx<'_>, row: &TicketRow, work: &Work<'_>) -> Result<Option<Timestamp>, Error> {
    let rules = &work.rules.settings.tickets;
    let since = row.reminded.unwrap_or(row.crossed);
    let wait = SignedDuration::from_secs(rules.reminder_after.0.saturating_sub(1).max(0));
    let before = since.saturating_add(wait).unwrap_or(Timestamp::MAX);
    let alert = tx.store().first_joined_after(row.id, before)?;
    Ok(alert.and_then(|alert| ticket::reminder_due(since, alert, rules)))
}

/// Writes the reminders and the update mail that are due; gives how many.
fn follow(tx: &Tx<'_>, work: &Work<'_>, mut row: TicketRow, now: Timestamp) -> Result<usize, Error> {
    let (Some(facts), Some(decision)) = (facts(tx.store(), &row)?, row.decision.clone()) else {
        rest(tx, row)?;
        return Ok(0);
    };
    let rules = work.rules;
    if row.why.as_deref() == Some(ticket::SUPERSEDED) {
        let by = By { who: "autoticket", why: ticket::SUPERSEDED, now, at: now };
        return Ok(usize::from(endings::end(tx, rules, row, State::Dropped, by, false)?));
    }
    let mut written = 0;
    while let Some(at) = next_reminder(tx, &row, work)?.filter(|at| *at <= now) {
        let joined = records(tx.store().joined(row.id, None, Some(at), LISTED)?);
        row.reminders += 1;
        row.reminded = Some(at);
        let letter = ticket::compose_reminder(
            &facts,
            &decision,
            &told_of(&row, &joined, tx, at)?,
            row.reminders,
            at,
            rules,
        );
        tx.post(row.id, &row.number, &letter, row.reminders, super::outbox::first_attempt(rules, now))?;
        written += 1;
    }
    if let Some(at) = next_update(&row, work).filter(|at| *at <= now) {
        // A straggler's event time may lie before what an update told already.
        let before = row.unreported.map(|t| t.saturating_sub(SignedDuration::from_secs(1)).unwrap_or(t));
        let after = row.updated.map(|told| before.map_or(told, |b| b.min(told)));
        let joined = records(tx.store().joined(row.id, after, Some(at), LISTED)?);
        if !joined.is_empty() {
            row.updates += 1;
            let letter = ticket::compose_update(
                &facts,
                &decision,
                &told_of(&row, &joined, tx, at)?,
                row.updates,
                at,
                rules,
            );
            tx.post(row.id, &row.number, &letter, row.updates, super::outbox::first_attempt(rules, now))?;
            written += 1;
        }
        row.updated = Some(at);
        row.unreported = tx.store().first_joined_after(row.id, at)?;
    }
    row.due = next_update(&row, work).into_iter().chain(next_reminder(tx, &row, work)?).min();
    tx.keep_ticket(&row)?;
    Ok(written)
}

/// The joined alerts with what was counted up to then.
fn told_of<'a>(
    row: &TicketRow,
    joined: &'a [AlertRecord],
    tx: &Tx<'_>,
    at: Timestamp,
) -> Result<Joined<'a>, Error> {
    // A longer copy joined in the place of an alert that crossed: it counts once.
    let standing = tx.store().alerts_by_id(&row.alerts)?.len() as u64;
    let superseded = (row.alerts.len() as u64).saturating_sub(standing);
    let total = (row.total + tx.store().joined_until(row.id, at)?).saturating_sub(superseded);
    Ok(Joined { alerts: joined, total })
}

fn records(rows: Vec<AlertRow>) -> Vec<AlertRecord> {
    rows.into_iter().map(|r| r.record).collect()
}
