//! Failed distributions: what was not delivered to whom. Stored as reported, alert by alert; read as one row
//! however often it was reported.
//!
//! In: counted alerts that name a job or a package, and dismissals. Out: the rows that a report asks for.
//! The id of one is a function of what failed; whether it was reissued since, it does not know.

use super::column::{json, time};
use super::{Doing, Error, Store, TicketRow, Tx};
use crate::alert::AlertRecord;
use crate::alert::name::{host, same};
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, ToSql, params};
use serde::Serialize;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

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
    /// Executed by this server, however its name is written.
    pub server: Option<String>,
    /// This server itself, or anything behind it, was the recipient.
    pub affected: Option<String>,
    /// Other names of the same computer, as device records have them.
    pub also: Vec<String>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub dismissed: bool,
}

/// A failed distribution that a confirmation took away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    pub id: String,
    pub recipient: String,
    /// Alerts that reported it, oldest first.
    pub alerts: Vec<i64>,
}

const FAILED: &str = "id,tool,server,job,recipient,package,upstream,failure,event,alert";

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
                "INSERT OR REPLACE INTO failed(alert,event,id,failure,server,recipient,package,job,tool,upstream)
                 VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
            )
            .and_then(|mut s| {
                s.execute(params![
                    alert,
                    record.event.as_second(),
                    id,
                    record.failure,
                    server,
                    record.device,
                    package,
                    job,
                    record.tool,
                    record.upstream,
                ])
            })
            .doing("store a failed distribution")?;
        Ok(Some(id))
    }

    /// Takes back what one alert said was not delivered.
    pub(super) fn void_failed(&self, alert: i64) -> Result<(), Error> {
        self.db()
            .prepare_cached("DELETE FROM failed WHERE alert=?1")
            .and_then(|mut s| s.execute([alert]))
            .doing("void a failed distribution")
            .map(|_| ())
    }

    /// Dismisses a failed distribution. Returns it, or None where no such id stands.
    pub fn dismiss_failed(&self, id: &str, reason: &str) -> Result<Option<FailedRow>, Error> {
        let named = |rows: Vec<FailedRow>| rows.into_iter().find(|row| row.dismissed.is_none());
        let Some(row) = named(self.store.folded("id=?1", params![id])?) else { return Ok(None) };
        self.db()
            .execute(
                "INSERT OR REPLACE INTO failed_dismissed(id,alert,why)
                 SELECT id,max(alert),?2 FROM failed WHERE id=?1 GROUP BY id",
                params![id, reason],
            )
            .doing("dismiss a failed distribution")?;
        Ok(Some(FailedRow { dismissed: Some(reason.to_owned()), ..row }))
    }
}

impl Tx<'_> {
    /// Takes away failed distributions that are delivered: ids, each with why and until when its alerts are answered
    /// by that. What was reported since stays, and so does what somebody dismissed; both are left out of the answer.
    pub fn deliver_failed(&self, ids: &[(&str, &str, Timestamp)]) -> Result<Vec<Delivered>, Error> {
        let doing = "take away a failed distribution";
        let wanted: HashMap<&str, (&str, Timestamp)> =
            ids.iter().map(|(id, why, at)| (*id, (*why, *at))).collect();
        let list = json(&wanted.keys().collect::<Vec<_>>());
        let mut reports: Vec<(String, i64, i64, String)> = self
            .db()
            .prepare_cached(
                "SELECT id,alert,event,recipient FROM failed WHERE id IN (SELECT value FROM json_each(?1)) ORDER BY alert",
            )
            .and_then(|mut s| {
                s.query_map([list], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))?.collect()
            })
            .doing(doing)?;
        reports
            .retain(|(id, _, event, _)| wanted.get(id.as_str()).is_some_and(|(_, at)| time(*event) <= *at));
        let mut found: BTreeMap<String, Delivered> = BTreeMap::new();
        for (id, alert, _, recipient) in reports {
            let one = found.entry(id.clone()).or_insert(Delivered { id, recipient, alerts: Vec::new() });
            one.alerts.push(alert);
        }
        let mut delivered = Vec::new();
        for one in found.into_values() {
            let last = one.alerts.last().copied().unwrap_or(0);
            let why = wanted.get(one.id.as_str()).map_or("", |(why, _)| why);
            let changed = self
                .db()
                .prepare_cached(
                    "INSERT INTO failed_dismissed(id,alert,why) VALUES(?1,?2,?3)
                     ON CONFLICT(id) DO UPDATE SET alert=excluded.alert,why=excluded.why WHERE alert<excluded.alert",
                )
                .and_then(|mut s| s.execute(params![one.id, last, why]))
                .doing(doing)?;
            if changed == 1 {
                delivered.push(one);
            }
        }
        Ok(delivered)
    }
}

impl Store {
    /// The failed distributions that the alerts of a ticket reported, those of tickets that joined it included; each as
    /// these alerts know it.
    pub fn failed_of_ticket(&self, ticket: &TicketRow) -> Result<Vec<FailedRow>, Error> {
        let mut alerts: Vec<i64> = Vec::new();
        for row in std::iter::once(ticket).chain(&self.fault_members(ticket.id)?) {
            alerts.extend(&row.alerts);
            alerts.push(row.crossing);
            let joined: Vec<i64> = self
                .connection
                .prepare_cached("SELECT alert FROM ticket_alert WHERE ticket=?1")
                .and_then(|mut s| s.query_map([row.id], |r| r.get(0))?.collect())
                .doing("list the alerts of a ticket")?;
            alerts.extend(joined);
        }
        let mut rows = self.folded("alert IN (SELECT value FROM json_each(?1))", params![json(&alerts)])?;
        rows.sort_by(|a, b| (a.first, &a.id).cmp(&(b.first, &b.id)));
        Ok(rows)
    }

    /// Failed distributions, oldest first.
    pub fn failed(&self, filter: &FailedFilter) -> Result<Vec<FailedRow>, Error> {
        let mut rows = self.folded(
            "(?1 IS NULL OR server LIKE ?1||'%' OR server IN (SELECT value FROM json_each(?3)))
             AND (?2 IS NULL OR server LIKE ?2||'%' OR recipient LIKE ?2||'%' OR upstream LIKE ?2||'%'
               OR server IN (SELECT value FROM json_each(?3)) OR recipient IN (SELECT value FROM json_each(?3)))",
            params![filter.server.as_deref().map(host), filter.affected.as_deref().map(host), json(&filter.also)],
        )?;
        let is =
            |wanted: &str, name: &str| same(wanted, name) || filter.also.iter().any(|own| same(own, name));
        let affects = |row: &FailedRow, wanted: &str| {
            let upstream = row.upstream.as_deref().is_some_and(|upstream| is(wanted, upstream));
            upstream || is(wanted, &row.server) || is(wanted, &row.recipient)
        };
        rows.retain(|row| {
            filter.server.as_deref().is_none_or(|wanted| is(wanted, &row.server))
                && filter.affected.as_deref().is_none_or(|wanted| affects(row, wanted))
                && filter.since.is_none_or(|since| row.last >= since)
                && filter.until.is_none_or(|until| row.first <= until)
                && (filter.dismissed || row.dismissed.is_none())
        });
        rows.sort_by(|a, b| (a.first, &a.id).cmp(&(b.first, &b.id)));
        Ok(rows)
    }

    /// What alerts reported, one row however often it was reported.
    fn folded(&self, which: &str, parameters: &[&dyn ToSql]) -> Result<Vec<FailedRow>, Error> {
        let doing = "list failed distributions";
        let mut statement = self
            .connection
            .prepare(&format!("SELECT {FAILED} FROM failed WHERE {which} ORDER BY alert"))
            .doing(doing)?;
        let mut reports = statement.query(parameters).doing(doing)?;
        let mut folded: HashMap<String, (FailedRow, i64)> = HashMap::new();
        while let Some(report) = reports.next().doing(doing)? {
            let (row, alert) = read_failed(report).doing(doing)?;
            match folded.entry(row.id.clone()) {
                Entry::Vacant(place) => drop(place.insert((row, alert))),
                Entry::Occupied(mut known) => {
                    let (known, last_alert) = known.get_mut();
                    *last_alert = alert;
                    known.first = known.first.min(row.first);
                    known.last = known.last.max(row.last);
                    known.failure = row.failure;
                }
            }
        }
        let mut dismissed = self
            .connection
            .prepare_cached("SELECT alert,why FROM failed_dismissed WHERE id=?1")
            .doing(doing)?;
        folded
            .into_values()
            .map(|(mut row, last_alert)| {
                row.dismissed = dismissed
                    .query_row([&row.id], |r| Ok((r.get::<_, i64>(0)?, r.get(1)?)))
                    .optional()
                    .doing(doing)?
                    .and_then(|(alert, why)| (alert >= last_alert).then_some(why));
                Ok(row)
            })
            .collect()
    }
}

/// Server, job and package of a failed distribution; empty where its alert names none.
fn failed_key(record: &AlertRecord) -> (&str, &str, &str) {
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

/// One report, and the alert that made it.
fn read_failed(r: &Row<'_>) -> rusqlite::Result<(FailedRow, i64)> {
    let (recipient, event, alert): (String, i64, i64) = (r.get(4)?, r.get(8)?, r.get(9)?);
    let row = FailedRow {
        id: r.get(0)?,
        tool: r.get(1)?,
        server: r.get(2)?,
        job: r.get(3)?,
        device: recipient.clone(),
        recipient,
        package: r.get(5)?,
        upstream: r.get(6)?,
        failure: r.get(7)?,
        first: time(event),
        last: time(event),
        alert,
        dismissed: None,
    };
    Ok((row, alert))
}
