//! Failed distributions: what was not delivered to whom, one row however often it is reported.
//!
//! In: counted alerts that name a job or a package, and dismissals. Out: the rows that a report asks for.
//! The id of one is a function of what failed; whether it was reissued since, it does not know.

use super::column::time;
use super::{Doing, Error, Store, Tx};
use crate::alert::AlertRecord;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;

/// A failed distribution: what was not delivered to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedRow {
    pub id: String,
    pub tool: String,
    pub server: String,
    pub job: String,
    pub recipient: String,
    pub package: String,
    pub device: String,
    pub upstream: Option<String>,
    pub failure: String,
    pub first: Timestamp,
    pub last: Timestamp,
    pub alert: i64,
    pub dismissed: Option<String>,
}

/// Which failed distributions are asked for.
#[derive(Debug, Clone, Default)]
pub struct FailedFilter {
    /// Executed by this server.
    pub server: Option<String>,
    /// This server itself, or anything behind it, was the recipient.
    pub affected: Option<String>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub dismissed: bool,
}

const FAILED: &str =
    "id,tool,server,job,recipient,package,device,upstream,failure,first,last,alert,dismissed";

impl Tx<'_> {
    /// Writes the failed distribution of a counted alert that names a job or package.
    pub fn record_failed(&self, alert: i64, record: &AlertRecord) -> Result<Option<String>, Error> {
        if record.job.is_none() && record.package.is_none() {
            return Ok(None);
        }
        let (server, job, package) = failed_key(record);
        let id = failed_id(&[&record.tool, server, job, &record.device, package]);
        self.db()
            .prepare_cached(
                "INSERT INTO failed(server,recipient,package,job,tool,id,device,upstream,failure,first,last,alert,last_alert)
                 VALUES(?1,?2,?3,?4,?5,?6,?2,?7,?8,?9,?9,?10,?10)
                 ON CONFLICT DO UPDATE SET last=max(last,excluded.last), first=min(first,excluded.first),
                   failure=excluded.failure, last_alert=excluded.last_alert, dismissed=NULL",
            )
            .and_then(|mut s| {
                s.execute(params![
                    server,
                    record.device,
                    package,
                    job,
                    record.tool,
                    id,
                    record.upstream,
                    record.failure,
                    record.event.as_second(),
                    alert,
                ])
            })
            .doing("store a failed distribution")?;
        Ok(Some(id))
    }

    /// Dismisses a failed distribution. Returns it, or None where no such id stands.
    pub fn dismiss_failed(&self, id: &str, reason: &str) -> Result<Option<FailedRow>, Error> {
        let changed = self
            .db()
            .execute("UPDATE failed SET dismissed=?2 WHERE id=?1 AND dismissed IS NULL", params![id, reason])
            .doing("dismiss a failed distribution")?;
        if changed == 0 {
            return Ok(None);
        }
        self.db()
            .query_row(&format!("SELECT {FAILED} FROM failed WHERE id=?1"), [id], read_failed)
            .optional()
            .doing("read a failed distribution")
    }
}

impl Store {
    /// Failed distributions, oldest first.
    pub fn failed(&self, filter: &FailedFilter) -> Result<Vec<FailedRow>, Error> {
        self.connection
            .prepare(&format!(
                "SELECT {FAILED} FROM failed WHERE (?1 IS NULL OR server=?1)
                 AND (?2 IS NULL OR server=?2 OR recipient=?2 OR upstream=?2)
                 AND last>=?3 AND first<=?4 AND (dismissed IS NULL OR ?5) ORDER BY first, id"
            ))
            .and_then(|mut s| {
                s.query_map(
                    params![
                        filter.server,
                        filter.affected,
                        filter.since.map_or(i64::MIN, |t| t.as_second()),
                        filter.until.map_or(i64::MAX, |t| t.as_second()),
                        filter.dismissed,
                    ],
                    read_failed,
                )?
                .collect()
            })
            .doing("list failed distributions")
    }
}

/// Server, job and package of a failed distribution; empty where its alert names none.
pub(super) fn failed_key(record: &AlertRecord) -> (&str, &str, &str) {
    fn text(value: &Option<String>) -> &str {
        value.as_deref().unwrap_or_default()
    }
    (text(&record.server), text(&record.job), text(&record.package))
}

/// `F-` and ten letters and digits: a function of what failed.
fn failed_id(parts: &[&str]) -> String {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let hash = hash.finalize();
    format!("F-{}", super::hex::encode(&hash[..5]).to_uppercase())
}

fn read_failed(r: &Row<'_>) -> rusqlite::Result<FailedRow> {
    Ok(FailedRow {
        id: r.get(0)?,
        tool: r.get(1)?,
        server: r.get(2)?,
        job: r.get(3)?,
        recipient: r.get(4)?,
        package: r.get(5)?,
        device: r.get(6)?,
        upstream: r.get(7)?,
        failure: r.get(8)?,
        first: time(r.get(9)?),
        last: time(r.get(10)?),
        alert: r.get(11)?,
        dismissed: r.get(12)?,
    })
}
