//! Judging stored mails anew, after a rule was mended or a node was accepted.

use super::{Account, Arrived, Desk};
use crate::alert::Outcome;
use crate::alert::engine::Engine;
use crate::mail;
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
    mut mails: Vec<MailRow>,
    who: &str,
    now: Timestamp,
    dry_run: bool,
) -> Result<Vec<Retried>, store::Error> {
    mails.retain(|m| RETRIED.contains(&m.outcome) && m.kept > 0);
    mails.sort_by_key(|m| (m.event, m.id));
    let tx = store.begin()?;
    let desk = Desk::open(&tx, rules, engine)?;
    let mut done = Vec::with_capacity(mails.len());
    for row in mails {
        let raw = mail::read::message(store.raw(row.id)?, store.folder()).map_err(|source| {
            store::Error::Io { what: "read the stored mail in", path: store.folder().into(), source }
        })?;
        let mut arrived =
            Arrived::read(Arc::new(raw), engine, Some(row.arrival), row.arrival, super::STDIN.to_owned());
        arrived.place.clone_from(&row.place);
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

impl Desk<'_, '_> {
    fn settle_again(&self, row: &MailRow, arrived: &Arrived) -> Result<Account, store::Error> {
        let judgement = self.judge(arrived, false)?;
        let mut account = Account::new(row.id, &row.place, judgement.outcome, &judgement.reason);
        let first = self.tx.next_alert()?;
        let mut stored = 0;
        if judgement.outcome == Outcome::Counted {
            for record in &judgement.records {
                account.alerts.push(self.count(row.id, &arrived.raw, record, false, &mut Vec::new())?);
                stored += 1;
            }
        }
        if let crate::alert::Reason::ReplyToTicket { ticket } = &judgement.reason {
            self.tx.insert_reply(ticket, row.id)?;
        }
        self.tx.set_outcome(row.id, judgement.outcome, &judgement.reason, first, stored)?;
        Ok(account)
    }
}
