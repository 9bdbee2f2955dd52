//! Alert records: what a mail reported, what counting it said, and what was done about it since.
//!
//! In: records as they were read, and what every room did about them. Out: the same, by id or newest first.
//! An alert is never deleted while its mail stands; one whose mail was superseded is void.

use super::column::{from_json, json};
use super::{Doing, Error, Store, Tx};
use crate::alert::AlertRecord;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

/// What counting an alert said, kept with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedNote {
    pub in_window: u32,
    pub needed: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
}

/// A stored alert record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRow {
    pub id: i64,
    pub mail: i64,
    pub voided: bool,
    pub counted: CountedNote,
    pub record: AlertRecord,
    /// What every room that acted on it did, oldest first.
    pub action: Vec<String>,
}

const ALERT: &str = "id,mail,voided,counted,record,action";

impl Tx<'_> {
    /// The id the next stored alert gets.
    pub fn next_alert(&self) -> Result<i64, Error> {
        self.next("SELECT max(id) FROM alert", &self.ids.alert)
    }

    /// Stores an alert record under [`Tx::next_alert`].
    pub fn insert_alert(
        &self,
        mail: i64,
        record: &AlertRecord,
        counted: &CountedNote,
        action: &[String],
    ) -> Result<i64, Error> {
        let id = self.next_alert()?;
        self.db()
            .prepare_cached(
                "INSERT INTO alert(id,mail,event,device,failure,counted,record,action) VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
            )
            .and_then(|mut s| {
                s.execute(params![
                    id,
                    mail,
                    record.event.as_second(),
                    record.device,
                    record.failure,
                    json(counted),
                    json(record),
                    json(&action),
                ])
            })
            .doing("store an alert record")?;
        self.ids.alert.set(id + 1);
        Ok(id)
    }

    /// Marks an alert whose mail a longer copy superseded; a failed distribution which it alone named goes
    /// with it.
    pub fn void_alert(&self, alert: i64) -> Result<(), Error> {
        self.db()
            .prepare_cached("UPDATE alert SET voided=1 WHERE id=?1")
            .and_then(|mut s| s.execute([alert]))
            .doing("void an alert")?;
        self.void_failed(alert)
    }

    /// Writes back where an alert led.
    pub fn route_alert(&self, alert: i64, routed: &crate::alert::model::Routed) -> Result<(), Error> {
        self.db()
            .prepare_cached("UPDATE alert SET record=json_set(record,'$.routed',json(?2)) WHERE id=?1")
            .and_then(|mut s| s.execute(params![alert, json(routed)]))
            .doing("write back where an alert led")
            .map(|_| ())
    }

    /// Appends to the history of an alert record.
    pub fn append_action(&self, alert: i64, what: &str) -> Result<(), Error> {
        self.db()
            .prepare_cached("UPDATE alert SET action=json_insert(action,'$[#]',?2) WHERE id=?1")
            .and_then(|mut s| s.execute(params![alert, what]))
            .doing("append to a history")
            .map(|_| ())
    }
}

impl Store {
    /// One alert record.
    pub fn alert(&self, id: i64) -> Result<Option<AlertRow>, Error> {
        self.connection
            .prepare_cached(&format!("SELECT {ALERT} FROM alert WHERE id=?1"))
            .and_then(|mut s| s.query_row([id], read_alert).optional())
            .doing("read an alert record")?
            .map(alert_row)
            .transpose()
    }

    /// Alert records, newest first, below id `before`, at most `most`.
    pub fn alerts(
        &self,
        device: Option<&str>,
        failure: Option<&str>,
        since: Option<Timestamp>,
        before: i64,
        most: usize,
    ) -> Result<Vec<AlertRow>, Error> {
        let rows: Vec<_> = self
            .connection
            .prepare_cached(&format!(
                "SELECT {ALERT} FROM alert WHERE id<?1 AND event>=?2 AND (?3 IS NULL OR device=?3)
                 AND (?4 IS NULL OR failure=?4) ORDER BY id DESC LIMIT ?5"
            ))
            .and_then(|mut s| {
                s.query_map(
                    params![before, since.map_or(i64::MIN, |t| t.as_second()), device, failure, most as i64],
                    read_alert,
                )?
                .collect::<Result<_, _>>()
            })
            .doing("list alert records")?;
        rows.into_iter().map(alert_row).collect()
    }
}

fn read_alert(r: &Row<'_>) -> rusqlite::Result<(i64, i64, bool, String, String, String)> {
    Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?))
}

fn alert_row(r: (i64, i64, bool, String, String, String)) -> Result<AlertRow, Error> {
    Ok(AlertRow {
        id: r.0,
        mail: r.1,
        voided: r.2,
        counted: from_json("alert", &r.3)?,
        record: from_json("alert record", &r.4)?,
        action: from_json("history", &r.5)?,
    })
}
