//! Judging stored mails anew, after a rule was mended or a node was accepted.

use super::{Account, Arrival, Arrived, Desk};
use crate::alert::Outcome;
use crate::alert::engine::Engine;
use crate::rules::RuleSet;
use crate::store::{self, MailRow, Store};
use jiff::Timestamp;
use std::sync::Arc;

/// The outcomes that judging anew may change. What was counted stays counted.
pub const RETRIED: [Outcome; 3] = [Outcome::Rejected, Outcome::Unrecognised, Outcome::Quarantined];

/// What a retry did to one mail.
#[derive(Debug)]
pub struct Retried {
    pub before: Outcome,
    pub account: Account,
}

/// Judges these stored mails anew in event order, in one transaction, audited; `dry_run` changes nothing.
///
/// Mails whose raw bytes were purged are left as they are.
pub fn retry(
    store: &Store,
    rules: &RuleSet,
    engine: &Engine<'_>,
    mails: Vec<MailRow>,
    who: &str,
    now: Timestamp,
    dry_run: bool,
) -> Result<Vec<Retried>, store::Error> {
    let tx = store.begin()?;
    let desk = Desk::open(&tx, rules, engine)?;
    let mut in_order = Vec::with_capacity(mails.len());
    for row in mails {
        // As it is now: another retry may have counted it since the caller looked.
        let Some(row) = store.mail(row.id)?.filter(|m| RETRIED.contains(&m.outcome) && m.kept > 0) else {
            continue;
        };
        // What the mended rules say: a mail that nobody understood was stored without an event time.
        let judgement = desk.judge(&read(store, engine, &row)?, false)?;
        in_order.push((judgement.records.first().map_or(row.event, |r| r.event), row));
    }
    in_order.sort_by_key(|(event, row)| (*event, row.id));
    let mut done = Vec::with_capacity(in_order.len());
    for (_, row) in in_order {
        let arrived = read(store, engine, &row)?;
        let account = desk.settle_again(&row, &arrived)?;
        done.push(Retried { before: row.outcome, account });
    }
    let changed = done.iter().filter(|r| r.before != r.account.outcome).count();
    drop(desk);
    if dry_run {
        tx.roll_back();
    } else {
        let detail = serde_json::json!({ "judged": done.len(), "changed": changed });
        tx.audit(now, who, "mail retry", "", &detail)?;
        tx.commit()?;
    }
    Ok(done)
}

pub(super) fn read(store: &Store, engine: &Engine<'_>, row: &MailRow) -> Result<Arrived, store::Error> {
    let raw = store.raw_mail(row)?;
    Ok(Arrived::read(Arc::new(raw), engine, Arrival::Known(row.arrival), row.place.clone()))
}

impl Desk<'_, '_> {
    fn settle_again(&self, row: &MailRow, arrived: &Arrived) -> Result<Account, store::Error> {
        let judgement = self.judge(arrived, false)?;
        if judgement.outcome == Outcome::Counted {
            // While this longer copy was refused, a shorter one may have been counted.
            let copies = self.tx.copies(&arrived.raw.identity, |n| arrived.raw.key_of_prefix(n))?;
            for shorter in copies.shorter {
                self.supersede(shorter, row.id, &judgement)?;
            }
        }
        self.file(arrived, judgement, Some(row), false)
    }
}
