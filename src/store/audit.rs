//! The record of what people changed, the sum that proves that no mail was lost, and forgetting in time.

use super::column::{from_json, time};
use super::{Doing, Error, Store, Tx, spool};
use crate::alert::Outcome;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params};
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
    /// Highest mail id (ids have no gaps) plus what waits in the spool or was set aside from it.
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

    /// Forgets raw mails that arrived before `raw`, and mails, keys and alert records before `records`, among
    /// the next `most` mails; where the last call ended is kept. Arrivals of mailboxes taken in late are in no
    /// order, so that every mail is looked at in turn.
    pub fn purge(&self, raw: Timestamp, records: Timestamp, most: usize) -> Result<Purged, Error> {
        let from = self.store.note("purge-at")?.and_then(|n| n.parse().ok()).unwrap_or(0i64);
        let rows: Vec<Old> = self
            .db()
            .prepare_cached(
                "SELECT id,outcome,head,body_length,first_alert,alerts,arrival,kept FROM mail
                 WHERE id>?1 ORDER BY id LIMIT ?2",
            )
            .and_then(|mut s| s.query_map([from, most as i64], read_old)?.collect())
            .doing("find old mails")?;
        let newest: i64 = self
            .db()
            .query_row("SELECT coalesce(max(id),0) FROM mail", [], |r| r.get(0))
            .doing("find the last mail")?;
        let mut purged = Purged { ended: rows.len() < most, ..Purged::default() };
        let mut counts = self.store.purged()?;
        for row in &rows {
            let mut kept = row.kept;
            if kept > 0 && row.arrival < raw.as_second() {
                self.db()
                    .prepare_cached("UPDATE mail SET kept=0 WHERE id=?1")
                    .and_then(|mut s| s.execute([row.id]))
                    .doing("forget a raw mail")?;
                purged.raws += 1;
                kept = 0;
            }
            // The newest stays: ids have no gaps, and the next one is counted from it.
            if kept == 0 && row.arrival < records.as_second() && row.id < newest {
                self.forget_mail(row)?;
                purged.records += 1;
                counts[row.outcome] += 1;
            }
        }
        if purged.raws > 0 {
            self.forget_blocks()?;
        }
        if purged.records > 0 {
            self.keep_note("purged", &super::column::json(&counts))?;
        }
        let at = if purged.ended { 0 } else { rows.last().map_or(0, |r| r.id) };
        if at != from {
            self.keep_note("purge-at", &at.to_string())?;
        }
        Ok(purged)
    }

    /// Removes blocks which no mail keeps any more: those before all blocks of the first mails that still keep
    /// their bytes. Mails of one stretch share a block, so the first of them need not have the lowest.
    fn forget_blocks(&self) -> Result<(), Error> {
        const NEIGHBOURS: i64 = 1000;
        let from = self.store.note("purged-raw")?.and_then(|n| n.parse().ok()).unwrap_or(0i64);
        let (mail, block): (Option<i64>, Option<i64>) = self
            .db()
            .prepare_cached(
                "SELECT min(id),min(block) FROM
                 (SELECT id,block FROM mail WHERE id>=?1 AND kept>0 ORDER BY id LIMIT ?2)",
            )
            .and_then(|mut s| s.query_row([from, NEIGHBOURS], |r| Ok((r.get(0)?, r.get(1)?))))
            .doing("find the first kept raw mail")?;
        let mail = mail.map_or_else(|| self.next_mail(), Ok)?;
        self.db()
            .execute("DELETE FROM raw WHERE id<?1", [block.unwrap_or(i64::MAX)])
            .doing("forget raw mails")?;
        self.keep_note("purged-raw", &mail.to_string())
    }

    fn forget_mail(&self, row: &Old) -> Result<(), Error> {
        self.db()
            .prepare_cached("DELETE FROM seen WHERE head=?1 AND length=?2 AND mail=?3")
            .and_then(|mut s| s.execute([row.head, row.length, row.id]))
            .and_then(|_| {
                // The newest alert stays: its id must not be given to another, which tickets would then name.
                self.db()
                    .prepare_cached(
                        "DELETE FROM alert WHERE id>=?1 AND id<?2 AND mail=?3 AND id<(SELECT max(id) FROM alert)",
                    )?
                    .execute([row.first_alert, row.first_alert + row.alerts, row.id])
            })
            .and_then(|_| self.db().prepare_cached("DELETE FROM mail WHERE id=?1")?.execute([row.id]))
            .doing("forget a mail")
            .map(|_| ())
    }
}

/// What one step of forgetting did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    pub raws: usize,
    pub records: usize,
    /// Every mail was looked at; the next step begins anew.
    pub ended: bool,
}

struct Old {
    id: i64,
    outcome: usize,
    head: i64,
    length: i64,
    first_alert: i64,
    alerts: i64,
    arrival: i64,
    kept: i64,
}

fn read_old(r: &Row<'_>) -> rusqlite::Result<Old> {
    Ok(Old {
        id: r.get(0)?,
        outcome: r.get::<_, u8>(1)?.min(Outcome::ALL.len() as u8 - 1).into(),
        head: r.get(2)?,
        length: r.get(3)?,
        first_alert: r.get(4)?,
        alerts: r.get(5)?,
        arrival: r.get(6)?,
        kept: r.get(7)?,
    })
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
        // A purge between two slices moves mails from one sum to the other: then once more.
        for _ in 0..10 {
            let before = self.purged()?;
            let balance = self.add_up(before)?;
            if self.purged()? == before {
                return Ok(balance);
            }
        }
        self.add_up(self.purged()?)
    }

    fn add_up(&self, purged: [u64; 7]) -> Result<Balance, Error> {
        // The spool first: a mail that moves into the database meanwhile is then seen twice, never lost.
        let spooled = spool::count(&self.folder) + spool::set_aside(&self.folder);
        let last: i64 = self
            .connection
            .query_row("SELECT coalesce(max(id),0) FROM mail", [], |r| r.get(0))
            .doing("find the last mail")?;
        let mut balance =
            Balance { received: last as u64 + spooled, outcomes: purged, spooled, ..Balance::default() };
        let mut from = 0;
        while from <= last {
            let to = (from + 50_000).min(last + 1);
            // Both sums of a slice at one instant: a mail may be superseded between them.
            let reading = self.connection.unchecked_transaction().doing("begin to read")?;
            self.add_slice(&mut balance, from, to)?;
            drop(reading);
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
