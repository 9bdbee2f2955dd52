//! How tickets end: closed or repaired by a person. After sending, the center is told to stand down.

use super::Error;
use crate::rules::RuleSet;
use crate::store::{OutboxState, TicketRow, Tx};
use crate::ticket::{self, State};
use crate::tracking;
use jiff::Timestamp;

/// Who ended something, why and when.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    pub who: &'a str,
    pub why: &'a str,
    pub now: Timestamp,
    /// When the cause was mended: alerts of later events count on.
    pub at: Timestamp,
}

/// What a repair did to one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    pub device: String,
    pub failure: String,
    /// Alerts counted before.
    pub total: u64,
    /// First alert, where any was counted.
    pub first: Option<Timestamp>,
    pub ticket: Option<String>,
}

/// Ends an open ticket as `state` (`Closed`, `Repaired`, `Dropped`) and, where it was sent, writes the stand-down.
///
/// Returns whether a stand-down mail was written.
pub fn end(
    tx: &Tx<'_>,
    rules: &RuleSet,
    mut row: TicketRow,
    state: State,
    by: By<'_>,
    reset: bool,
) -> Result<bool, Error> {
    let told = matches!(row.state, State::Sent);
    row.state = state;
    (row.ended, row.why, row.due) = (Some(by.now), Some(by.why.to_owned()), None);
    tx.keep_ticket(&row)?;
    // Nobody needs what was never transmitted; a success elsewhere must not wake it.
    for mut mail in tx.store().outbox_of(row.id)?.into_iter().filter(|m| m.state != OutboxState::Accepted) {
        mail.next = None;
        mail.state = OutboxState::Withdrawn;
        let before = mail.reply.map(|r| format!("; before: {r}")).unwrap_or_default();
        mail.reply = Some(format!("not sent: ticket {}{before}", state.word()));
        tx.keep_outbox(&mail)?;
    }
    free(tx, &row.device, &row.failure, row.id, false, by, reset)?;
    for member in tx.store().fault_members(row.id)? {
        free(tx, &member.device, &member.failure, row.id, true, by, reset)?;
    }
    for alert in row.alerts.iter().take(100) {
        tx.append_action(*alert, &format!("ticket {} {}", row.number, state.word()))?;
    }
    let detail = serde_json::json!({ "state": state.word(), "why": by.why });
    tx.audit(by.now, by.who, &format!("ticket {}", state.word()), &row.number, &detail)?;
    if !told {
        return Ok(false);
    }
    let (Some(facts), Some(decision)) = (super::thread::facts(tx.store(), &row)?, &row.decision) else {
        return Ok(false);
    };
    let letter = ticket::compose_stand_down(&facts, decision, by.why, by.now, rules);
    tx.post(row.id, &row.number, &letter, 1, super::outbox::first_attempt(rules, by.now))?;
    Ok(true)
}

/// What a repair of the ticket does to the keys behind its fault.
fn behind(tx: &Tx<'_>, lead: &TicketRow) -> Result<Vec<Repaired>, Error> {
    let mut keys = Vec::new();
    for member in tx.store().fault_members(lead.id)? {
        let tracked = tx.tracking(&member.device, &member.failure)?;
        if tracked.ticket == Some(lead.id) {
            let (total, first) = (tracked.window.total, tracked.window.first);
            let (device, failure) = (member.device, member.failure);
            keys.push(Repaired { device, failure, total, first, ticket: Some(lead.number.clone()) });
        }
    }
    Ok(keys)
}

/// A key counts for itself again. One behind a shared fault only where its alerts still go to that ticket: a
/// device that was repaired by itself has nothing to do with it any more.
fn free(
    tx: &Tx<'_>,
    device: &str,
    failure: &str,
    ticket: i64,
    behind: bool,
    by: By<'_>,
    reset: bool,
) -> Result<(), Error> {
    let mut tracked = tx.tracking(device, failure)?;
    let its = tracked.ticket == Some(ticket);
    if behind && !its {
        return Ok(());
    }
    tracked.ticket = tracked.ticket.filter(|_| !its);
    if reset {
        tracking::reset_until(&mut tracked.window, by.at);
    }
    tx.keep_tracking(device, failure, tracked);
    Ok(())
}

/// Takes a repair inside a transaction, which the caller commits: resets the counts of all keys of a device, or of one ticket, and ends their tickets.
///
/// Failed distributions stay: only a confirmed redistribution removes them.
pub fn repair(
    tx: &Tx<'_>,
    rules: &RuleSet,
    device: &str,
    only: Option<&str>,
    by: By<'_>,
) -> Result<Vec<Repaired>, Error> {
    let mut done = Vec::new();
    for failure in tx.failures_of(device)? {
        if only.is_some_and(|wanted| wanted != failure) {
            continue;
        }
        let mut row = tx.tracking(device, &failure)?;
        let (total, first) = (row.window.total, row.window.first);
        let ticket = row.ticket.map(|id| tx.store().ticket(id)).transpose()?.flatten();
        if total == 0 && ticket.is_none() {
            continue;
        }
        let number = ticket.as_ref().map(|t| t.number.clone());
        let mut members = Vec::new();
        // A device behind a shared fault that works again ends its own part of that ticket only.
        match ticket.filter(|t| t.state.is_open() && t.device == device && t.failure == failure) {
            Some(open) => {
                members = behind(tx, &open)?;
                end(tx, rules, open, State::Repaired, by, true)?;
            }
            None => {
                tracking::reset_until(&mut row.window, by.at);
                row.ticket = None;
                tx.keep_tracking(device, &failure, row);
            }
        }
        done.push(Repaired { device: device.to_owned(), failure, total, first, ticket: number });
        done.extend(members);
    }
    let detail = serde_json::json!({ "keys": done.len(), "why": by.why });
    tx.audit(by.now, by.who, "repaired", device, &detail)?;
    Ok(done)
}
