//! Confirmed redistributions come in: failed distributions are taken away, alerts and tickets say so, tickets close.
//!
//! In: a transaction, the rules, what a journal confirms. Out: the same once, however often it is told. It does not know
//! how anything was issued. The caller commits: all of it or nothing.

use super::Error;
use super::endings::{self, By};
use crate::rules::RuleSet;
use crate::store::journal::Confirmation;
use crate::store::{TicketRow, Tx};
use crate::ticket::State;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Why a ticket ends that way.
const WHY: &str = "redistributed: all its recipients are confirmed";

/// What confirmations changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// Failed distributions that were taken away.
    pub delivered: usize,
    /// Numbers of the tickets that closed.
    pub closed: Vec<String>,
}

/// How a history calls an attempt at a command.
pub fn name_of(key: &str) -> &str {
    key.get(..12).unwrap_or(key)
}

/// Takes in what is confirmed. What was told before changes nothing.
///
/// # Errors
/// Of the database.
pub fn take(
    tx: &Tx<'_>,
    rules: &RuleSet,
    confirmations: &[Confirmation],
    who: &str,
    now: Timestamp,
) -> Result<Taken, Error> {
    let mut why: BTreeMap<&str, (String, &Confirmation)> = BTreeMap::new();
    for confirmation in confirmations {
        for record in &confirmation.records {
            let text =
                format!("redistributed {}, confirmed at {}", name_of(&confirmation.key), confirmation.at);
            let known = why.get(record.as_str());
            if known.is_none_or(|(_, before)| before.at <= confirmation.at) {
                why.insert(record, (text, confirmation));
            }
        }
    }
    let ids: Vec<(&str, &str, Timestamp)> =
        why.iter().map(|(id, (text, confirmation))| (*id, text.as_str(), confirmation.at)).collect();
    let delivered = tx.deliver_failed(&ids)?;
    let mut devices: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for one in &delivered {
        let Some((_, confirmation)) = why.get(one.id.as_str()) else { continue };
        for alert in &one.alerts {
            tx.append_action(*alert, &format!("redistributed {}", name_of(&confirmation.key)))?;
        }
        let until = devices.entry(&one.recipient).or_insert(confirmation.at);
        *until = confirmation.at.max(*until);
    }
    let alerts: BTreeSet<i64> = delivered.iter().flat_map(|one| one.alerts.iter().copied()).collect();
    let mut closed = Vec::new();
    for (device, until) in devices {
        for row in concerned(tx, device, &alerts)? {
            if is_whole(tx, &row)? {
                closed.push(row.number.clone());
                close(tx, rules, row, By { who, why: WHY, now, at: until })?;
            }
        }
    }
    if !delivered.is_empty() {
        let detail = serde_json::json!({ "deliveries": delivered.len(), "closed": closed });
        tx.audit(now, who, "redistributed", "", &detail)?;
    }
    Ok(Taken { delivered: delivered.len(), closed })
}

/// Tickets that wait for something, of this device or of a fault that it is behind, to which one of these alerts led.
fn concerned(tx: &Tx<'_>, device: &str, alerts: &BTreeSet<i64>) -> Result<Vec<TicketRow>, Error> {
    let store = tx.store();
    let mut found: Vec<TicketRow> = Vec::new();
    for row in store.tickets(&[], Some(device), None, usize::MAX >> 1)? {
        let joined = || store.joined(row.id, None, None, usize::MAX >> 1);
        let own = row.alerts.iter().chain([&row.crossing]).any(|alert| alerts.contains(alert));
        if !own && !joined()?.iter().any(|alert| alerts.contains(&alert.id)) {
            continue;
        }
        found.extend(store.fault_leads(row.id)?);
        found.push(row);
    }
    found.retain(|row| row.state.is_open() || row.state == State::Repaired);
    let mut seen = BTreeSet::new();
    found.retain(|row| seen.insert(row.id));
    // One that was closed for an earlier device of this round is looked at as it stands now.
    let again = found.into_iter().map(|row| store.ticket(row.id));
    let now: Vec<Option<TicketRow>> = again.collect::<Result<_, _>>()?;
    Ok(now.into_iter().flatten().filter(|row| row.state.is_open() || row.state == State::Repaired).collect())
}

/// Nothing that the ticket's alerts reported is left undelivered.
fn is_whole(tx: &Tx<'_>, row: &TicketRow) -> Result<bool, Error> {
    let failed = tx.store().failed_of_ticket(row)?;
    Ok(!failed.is_empty() && failed.iter().all(|failed| failed.dismissed.is_some()))
}

/// A center that has the ticket is told to stand down, unless its repair did that already.
fn close(tx: &Tx<'_>, rules: &RuleSet, mut row: TicketRow, by: By<'_>) -> Result<(), Error> {
    if row.state.is_open() {
        return endings::end(tx, rules, row, State::Closed, by, true).map(|_| ());
    }
    row.state = State::Closed;
    row.why = Some(by.why.to_owned());
    tx.keep_ticket(&row)?;
    for alert in row.alerts.iter().take(100) {
        tx.append_action(*alert, &format!("ticket {} {}", row.number, row.state.word()))?;
    }
    let detail = serde_json::json!({ "state": row.state.word(), "why": by.why });
    Ok(tx.audit(by.now, by.who, &format!("ticket {}", row.state.word()), &row.number, &detail)?)
}
