//! Tracking records, device rows and thresholds set while running.

use super::column::{from_json, json, time};
use super::{DeviceFacts, Doing, Error, Store, Tx};
use crate::rules::model::{Origin, Seconds, ThresholdRule};
use crate::tracking::{Seen, Window};
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params};
use std::collections::BTreeMap;

/// The tracking record of one (device, failure type).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrackingRow {
    pub window: Window,
    /// The open ticket of this key.
    pub ticket: Option<i64>,
}

/// A device with its tracking records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRow {
    pub name: String,
    pub first: Timestamp,
    pub facts: DeviceFacts,
    pub tracking: Vec<(String, TrackingRow)>,
}

/// A threshold set while running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThresholdRow {
    pub rule: ThresholdRule,
    pub who: String,
    pub at: Timestamp,
}

/// Tracking records read in a transaction, written back once when it commits.
pub(super) type Pending = BTreeMap<(String, String), (TrackingRow, bool)>;

/// Event times and alert rows as differences, zigzag and 7 bits a byte: three bytes an alert.
fn encode(recent: &[Seen]) -> Vec<u8> {
    let mut out = Vec::with_capacity(recent.len() * 5);
    let mut put = |value: i64| {
        let mut v = ((value << 1) ^ (value >> 63)) as u64;
        while v >= 0x80 {
            out.push(v as u8 | 0x80);
            v >>= 7;
        }
        out.push(v as u8);
    };
    let (mut event, mut alert) = (0, 0);
    for seen in recent {
        put(seen.event.as_second() - event);
        put(seen.alert - alert);
        (event, alert) = (seen.event.as_second(), seen.alert);
    }
    out
}

fn decode(bytes: &[u8]) -> Vec<Seen> {
    let mut numbers = Vec::new();
    let (mut v, mut shift) = (0u64, 0);
    for byte in bytes {
        v |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 || shift > 63 {
            numbers.push((v >> 1) as i64 ^ -((v & 1) as i64));
            (v, shift) = (0, 0);
        }
    }
    let (mut event, mut alert) = (0i64, 0i64);
    numbers
        .chunks_exact(2)
        .map(|pair| {
            event = event.wrapping_add(pair[0]);
            alert = alert.wrapping_add(pair[1]);
            Seen { event: time(event), alert }
        })
        .collect()
}

fn read(r: &Row<'_>) -> rusqlite::Result<TrackingRow> {
    let recent: Vec<u8> = r.get(3)?;
    Ok(TrackingRow {
        window: Window {
            total: r.get::<_, i64>(0)? as u64,
            first: r.get::<_, Option<i64>>(1)?.map(time),
            last: r.get::<_, Option<i64>>(2)?.map(time),
            recent: decode(&recent),
        },
        ticket: r.get(4)?,
    })
}

impl Tx<'_> {
    /// The tracking record of a key; a new one where none stands.
    pub fn tracking(&self, device: &str, failure: &str) -> Result<TrackingRow, Error> {
        let key = (device.to_owned(), failure.to_owned());
        if let Some((row, _)) = self.pending.borrow().get(&key) {
            return Ok(row.clone());
        }
        let row = self
            .db()
            .prepare_cached(
                "SELECT total,first,last,recent,ticket FROM tracking WHERE device=?1 AND failure=?2",
            )
            .and_then(|mut s| s.query_row([device, failure], read).optional())
            .doing("read a tracking record")?
            .unwrap_or_default();
        self.pending.borrow_mut().insert(key, (row.clone(), false));
        Ok(row)
    }

    /// Keeps a tracking record; written when the transaction commits.
    pub fn keep_tracking(&self, device: &str, failure: &str, row: TrackingRow) {
        self.pending.borrow_mut().insert((device.to_owned(), failure.to_owned()), (row, true));
    }

    pub(super) fn write_tracking(&self) -> Result<(), Error> {
        let mut pending = self.pending.borrow_mut();
        if !pending.values().any(|(_, dirty)| *dirty) {
            return Ok(());
        }
        let mut statement = self
            .db()
            .prepare_cached(
                "INSERT OR REPLACE INTO tracking(device,failure,total,first,last,recent,ticket) VALUES(?1,?2,?3,?4,?5,?6,?7)",
            )
            .doing("write tracking records")?;
        for ((device, failure), (row, dirty)) in pending.iter_mut().filter(|(_, (_, dirty))| *dirty) {
            let window = &row.window;
            statement
                .execute(params![
                    device,
                    failure,
                    window.total as i64,
                    window.first.map(|t| t.as_second()),
                    window.last.map(|t| t.as_second()),
                    encode(&window.recent),
                    row.ticket,
                ])
                .doing("write a tracking record")?;
            *dirty = false;
        }
        Ok(())
    }

    /// The failure types tracked for a device.
    pub fn failures_of(&self, device: &str) -> Result<Vec<String>, Error> {
        self.write_tracking()?;
        self.db()
            .prepare_cached("SELECT failure FROM tracking WHERE device=?1 AND failure>''")
            .and_then(|mut s| s.query_map([device], |r| r.get(0))?.collect())
            .doing("list tracking records")
    }

    /// Sets a threshold that beats the rules' of the same scope and failure type (`any`: every type).
    pub fn set_threshold(&self, rule: &ThresholdRule, who: &str, now: Timestamp) -> Result<(), Error> {
        self.db()
            .execute(
                "INSERT OR REPLACE INTO threshold(scope,failure,count,seconds,who,at) VALUES(?1,?2,?3,?4,?5,?6)",
                params![
                    json(&rule.scope),
                    rule.failure.as_deref().unwrap_or("any"),
                    rule.count,
                    rule.window.0,
                    who,
                    now.as_second()
                ],
            )
            .doing("set a threshold")
            .map(|_| ())
    }

    /// Removes a threshold set while running; false where none stood.
    pub fn unset_threshold(
        &self,
        scope: &crate::rules::model::Scope,
        failure: Option<&str>,
    ) -> Result<bool, Error> {
        self.db()
            .execute(
                "DELETE FROM threshold WHERE scope=?1 AND failure=?2",
                params![json(scope), failure.unwrap_or("any")],
            )
            .doing("unset a threshold")
            .map(|n| n > 0)
    }
}

impl Store {
    /// Thresholds set while running.
    pub fn thresholds(&self) -> Result<Vec<ThresholdRow>, Error> {
        let rows: Vec<(String, String, u32, i64, String, i64)> = self
            .connection
            .prepare_cached("SELECT scope,failure,count,seconds,who,at FROM threshold ORDER BY scope,failure")
            .and_then(|mut s| {
                s.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?)))?
                    .collect()
            })
            .doing("list thresholds")?;
        rows.into_iter()
            .map(|(scope, failure, count, seconds, who, at)| {
                Ok(ThresholdRow {
                    rule: ThresholdRule {
                        scope: from_json("threshold scope", &scope)?,
                        failure: (failure != "any").then_some(failure),
                        count,
                        window: Seconds(seconds),
                        origin: Origin { file: format!("set by {who}"), line: 0, column: 0 },
                    },
                    who,
                    at: time(at),
                })
            })
            .collect()
    }

    /// A device with its tracking records.
    pub fn device(&self, name: &str) -> Result<Option<DeviceRow>, Error> {
        let Some((first, facts)) = self.device_facts(name)? else { return Ok(None) };
        let tracking = self
            .connection
            .prepare_cached(
                "SELECT total,first,last,recent,ticket,failure FROM tracking WHERE device=?1 AND failure>'' ORDER BY failure",
            )
            .and_then(|mut s| s.query_map([name], |r| Ok((r.get(5)?, read(r)?)))?.collect())
            .doing("read tracking records")?;
        Ok(Some(DeviceRow { name: name.to_owned(), first, facts, tracking }))
    }

    /// Device names after `after`, in order, at most `most`.
    pub fn devices(&self, after: &str, most: usize) -> Result<Vec<String>, Error> {
        self.connection
            .prepare_cached(
                "SELECT device FROM tracking WHERE device>?1 AND failure='' ORDER BY device LIMIT ?2",
            )
            .and_then(|mut s| s.query_map(params![after, most as i64], |r| r.get(0))?.collect())
            .doing("list devices")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn recent_alerts_survive_encoding(pairs in prop::collection::vec((-1_000_000_000i64..4_000_000_000, 1i64..i64::MAX / 4), 0..50)) {
            let recent: Vec<Seen> = pairs.iter().map(|(t, a)| Seen { event: time(*t), alert: *a }).collect();
            prop_assert_eq!(decode(&encode(&recent)), recent);
        }
    }
}
