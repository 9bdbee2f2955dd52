//! The record of what people changed, the sum that proves that no mail was lost, and forgetting in time.

use super::mails::{from_json, time};
use super::{Doing, Error, Store, Tx, spool};
use crate::alert::Outcome;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use serde::Serialize;

/// One entry of the audit record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    pub at: Timestamp,
    pub who: String,
    pub act: String,
    pub subject: String,
    pub detail: serde_json::Value,
}

/// `received = counted + duplicate + … + spooled`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// Highest mail id (ids have no gaps) plus what waits in the spool.
    pub received: u64,
    /// Mails per outcome, in the order of [`Outcome::ALL`], purged ones included.
    pub outcomes: [u64; 7],
    pub spooled: u64,
    /// Mails whose kept bytes are missing though they should be there.
    pub without_raw: u64,
    /// Standing alert records of counted mails, against the sum their mails name.
    pub alerts: u64,
    pub alerts_named: u64,
}

impl Balance {
    /// Whether the sums are equal.
    pub fn balanced(&self) -> bool {
        self.received == self.outcomes.iter().sum::<u64>() + self.spooled
            && self.without_raw == 0
            && self.alerts == self.alerts_named
    }
}

impl Tx<'_> {
    /// Records who changed what.
    pub fn audit(
        &self,
        now: Timestamp,
        who: &str,
        act: &str,
        subject: &str,
        detail: &serde_json::Value,
    ) -> Result<(), Error> {
        self.db()
            .prepare_cached("INSERT INTO audit(at,who,act,subject,detail) VALUES(?1,?2,?3,?4,?5)")
            .and_then(|mut s| s.execute(params![now.as_second(), who, act, subject, detail.to_string()]))
            .doing("write the audit record")
            .map(|_| ())
    }

    /// Keeps a value under a name (`flushed`: when flush last ended).
    pub fn keep_note(&self, key: &str, value: &str) -> Result<(), Error> {
        self.db()
            .prepare_cached("INSERT OR REPLACE INTO meta(key,value) VALUES(?1,?2)")
            .and_then(|mut s| s.execute([key, value]))
            .doing("keep a note")
            .map(|_| ())
    }

    /// Forgets raw mails that arrived before `raw`, and mails, keys and alert records before `records`,
    /// at most `most` mails each. Returns how many of each; a caller repeats until both are 0.
    pub fn purge(&self, raw: Timestamp, records: Timestamp, most: usize) -> Result<(usize, usize), Error> {
        let ids: Vec<i64> = self
            .db()
            .prepare_cached("SELECT id FROM mail WHERE arrival<?1 AND kept>0 AND id>=?2 ORDER BY id LIMIT ?3")
            .and_then(|mut s| {
                s.query_map(params![raw.as_second(), self.purge_from()?, most as i64], |r| r.get(0))?
                    .collect()
            })
            .doing("find old raw mails")?;
        for id in &ids {
            self.db().execute("UPDATE mail SET kept=0 WHERE id=?1", [id]).doing("forget a raw mail")?;
        }
        if !ids.is_empty() {
            self.forget_blocks()?;
        }
        let old: Vec<(i64, i64, i64, i64, i64, i64)> = self
            .db()
            .prepare_cached(
                "SELECT id,outcome,head,body_length,first_alert,alerts FROM mail
                 WHERE id<(SELECT max(id) FROM mail) AND arrival<?1 AND kept=0 ORDER BY id LIMIT ?2",
            )
            .and_then(|mut s| {
                s.query_map(params![records.as_second(), most as i64], |r| {
                    Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?))
                })?
                .collect()
            })
            .doing("find old mails")?;
        let mut purged = self.store.purged()?;
        for (id, outcome, head, length, first, alerts) in &old {
            self.db()
                .execute("DELETE FROM seen WHERE head=?1 AND length=?2 AND mail=?3", [head, length, id])
                .and_then(|_| {
                    self.db().execute("DELETE FROM alert WHERE id>=?1 AND id<?2", [*first, first + alerts])
                })
                .and_then(|_| self.db().execute("DELETE FROM mail WHERE id=?1", [id]))
                .doing("forget a mail")?;
            purged[*outcome as usize] += 1;
        }
        if !old.is_empty() {
            self.keep_note("purged", &super::mails::json(&purged))?;
        }
        Ok((ids.len(), old.len()))
    }

    /// Removes blocks which no mail keeps any more. Blocks and mails have the same order, so those before
    /// the block of the first mail that still keeps its bytes are free.
    fn forget_blocks(&self) -> Result<(), Error> {
        let first: Option<(i64, i64)> = self
            .db()
            .prepare_cached("SELECT id,block FROM mail WHERE id>=?1 AND kept>0 ORDER BY id LIMIT 1")
            .and_then(|mut s| s.query_row([self.purge_from()?], |r| Ok((r.get(0)?, r.get(1)?))).optional())
            .doing("find the first kept raw mail")?;
        let (mail, block) = match first {
            Some(found) => found,
            None => (self.next_mail()?, i64::MAX),
        };
        self.db().execute("DELETE FROM raw WHERE id<?1", [block]).doing("forget raw mails")?;
        self.keep_note("purged-raw", &mail.to_string())
    }

    fn purge_from(&self) -> rusqlite::Result<i64> {
        let note: Option<String> = self
            .db()
            .query_row("SELECT value FROM meta WHERE key='purged-raw'", [], |r| r.get(0))
            .optional()?;
        Ok(note.and_then(|n| n.parse().ok()).unwrap_or(0))
    }
}

impl Store {
    /// The audit record, latest first.
    pub fn audit_entries(&self, most: usize) -> Result<Vec<AuditEntry>, Error> {
        let rows: Vec<(i64, String, String, String, String)> = self
            .connection
            .prepare_cached("SELECT at,who,act,subject,detail FROM audit ORDER BY id DESC LIMIT ?1")
            .and_then(|mut s| {
                s.query_map([most as i64], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?)))?
                    .collect()
            })
            .doing("read the audit record")?;
        rows.into_iter()
            .map(|(at, who, act, subject, detail)| {
                Ok(AuditEntry {
                    at: time(at),
                    who,
                    act,
                    subject,
                    detail: from_json("audit record", &detail)?,
                })
            })
            .collect()
    }

    /// A value kept under a name.
    pub fn note(&self, key: &str) -> Result<Option<String>, Error> {
        self.connection
            .prepare_cached("SELECT value FROM meta WHERE key=?1")
            .and_then(|mut s| s.query_row([key], |r| r.get(0)).optional())
            .doing("read a note")
    }

    fn purged(&self) -> Result<[u64; 7], Error> {
        self.note("purged")?.map_or(Ok([0; 7]), |t| from_json("purge counts", &t))
    }

    /// Mails per outcome, in the order of [`Outcome::ALL`], purged ones included.
    pub fn outcome_counts(&self) -> Result<[u64; 7], Error> {
        let mut counts = self.purged()?;
        let rows: Vec<(i64, i64)> = self
            .connection
            .prepare_cached("SELECT outcome,count(*) FROM mail GROUP BY outcome")
            .and_then(|mut s| s.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect())
            .doing("count mails")?;
        for (outcome, n) in rows {
            if let Some(sum) = counts.get_mut(outcome as usize) {
                *sum += n as u64;
            }
        }
        Ok(counts)
    }

    /// Adds everything up, in slices of ids so that no reader blocks a commit for long.
    pub fn balance(&self) -> Result<Balance, Error> {
        // The spool first: a mail that moves into the database meanwhile is then seen twice, never lost.
        let spooled = spool::count(&self.folder);
        let last: i64 = self
            .connection
            .query_row("SELECT coalesce(max(id),0) FROM mail", [], |r| r.get(0))
            .doing("find the last mail")?;
        let mut balance = Balance {
            received: last as u64 + spooled,
            outcomes: self.purged()?,
            spooled,
            ..Balance::default()
        };
        let mut from = 0;
        while from <= last {
            let to = (from + 50_000).min(last + 1);
            self.add_slice(&mut balance, from, to)?;
            from = to;
        }
        Ok(balance)
    }

    fn add_slice(&self, balance: &mut Balance, from: i64, to: i64) -> Result<(), Error> {
        let counts: Vec<(i64, i64, i64)> = self
            .connection
            .prepare_cached(
                "SELECT outcome,count(*),sum(CASE WHEN outcome=?3 THEN alerts ELSE 0 END) FROM mail WHERE id>=?1 AND id<?2 GROUP BY outcome",
            )
            .and_then(|mut s| {
                s.query_map([from, to, Outcome::Counted as i64], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?.collect()
            })
            .doing("add up mails")?;
        for (outcome, n, alerts) in counts {
            if let Some(sum) = balance.outcomes.get_mut(outcome as usize) {
                *sum += n as u64;
            }
            balance.alerts_named += alerts as u64;
        }
        let missing: i64 = self
            .connection
            .prepare_cached(
                "SELECT count(*) FROM mail WHERE id>=?1 AND id<?2 AND kept>0 AND NOT EXISTS(SELECT 1 FROM raw WHERE raw.id=mail.block)",
            )
            .and_then(|mut s| s.query_row([from, to], |r| r.get(0)))
            .doing("look for raw mails")?;
        balance.without_raw += missing as u64;
        let alerts: i64 = self
            .connection
            .prepare_cached(
                "SELECT count(*) FROM alert JOIN mail ON mail.id=alert.mail WHERE mail.id>=?1 AND mail.id<?2 AND mail.outcome=?3
                 AND alert.id>=(SELECT coalesce(min(first_alert),0) FROM mail WHERE id>=?1 AND id<?2 AND alerts>0)
                 AND alert.id<=(SELECT coalesce(max(first_alert+alerts),0) FROM mail WHERE id>=?1 AND id<?2)",
            )
            .and_then(|mut s| s.query_row([from, to, Outcome::Counted as i64], |r| r.get(0)))
            .doing("add up alert records")?;
        balance.alerts += alerts as u64;
        Ok(())
    }
}
