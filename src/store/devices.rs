//! What is known of devices from their alerts.
//!
//! In: records, each with the facts it states. Out: the facts, the latest word on each. It does not count.

use super::column::{from_json, json, time};
use super::{Doing, Error, Store, Tx};
use crate::alert::AlertRecord;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

/// What is known of a device from its alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceFacts {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub building: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
}

impl DeviceFacts {
    /// Takes over what a record states; a fact it does not state stays. True where anything is new.
    pub fn learn(&mut self, record: &AlertRecord) -> bool {
        let pairs = [
            (&mut self.mac, &record.mac),
            (&mut self.ip, &record.ip),
            (&mut self.region, &record.region),
            (&mut self.building, &record.building),
            (&mut self.room, &record.room),
            (&mut self.server, &record.server),
            (&mut self.upstream, &record.upstream),
        ];
        let mut new = false;
        for (known, stated) in pairs {
            if stated.is_some() && known != stated {
                known.clone_from(stated);
                new = true;
            }
        }
        new
    }
}

/// What a transaction knows of a device: when its first alert was, the facts, and whether they were written.
#[derive(Debug, Clone)]
pub(super) struct Known {
    first: Timestamp,
    facts: DeviceFacts,
    written: bool,
}

impl Tx<'_> {
    /// Learns what a record states of its device; written when the transaction commits.
    pub fn learn_device(&self, record: &AlertRecord) -> Result<(), Error> {
        let mut devices = self.devices.borrow_mut();
        if !devices.contains_key(&record.device) {
            let known = match self.store.device_facts(&record.device)? {
                Some((first, facts)) => Known { first, facts, written: true },
                None => Known { first: record.event, facts: DeviceFacts::default(), written: false },
            };
            devices.insert(record.device.clone(), known);
        }
        if let Some(known) = devices.get_mut(&record.device)
            && known.facts.learn(record)
        {
            known.written = false;
        }
        Ok(())
    }

    /// In the order of their names, as tracking records are written: neighbours share a page.
    pub(super) fn write_devices(&self) -> Result<(), Error> {
        for (name, known) in self.devices.borrow_mut().iter_mut().filter(|(_, known)| !known.written) {
            self.db()
                .prepare_cached(
                    "INSERT OR REPLACE INTO tracking(device,failure,total,first,last,recent,ticket)
                     VALUES(?1,'',0,?2,NULL,?3,NULL)",
                )
                .and_then(|mut s| {
                    s.execute(params![name, known.first.as_second(), json(&known.facts).as_bytes()])
                })
                .doing("store a device")?;
            known.written = true;
        }
        Ok(())
    }
}

impl Store {
    /// The first alert of a device and what is known of it.
    pub(super) fn device_facts(&self, name: &str) -> Result<Option<(Timestamp, DeviceFacts)>, Error> {
        let found: Option<(i64, Vec<u8>)> = self
            .connection
            .prepare_cached("SELECT first,recent FROM tracking WHERE device=?1 AND failure=''")
            .and_then(|mut s| s.query_row([name], |r| Ok((r.get(0)?, r.get(1)?))).optional())
            .doing("read a device")?;
        let Some((first, facts)) = found else { return Ok(None) };
        let facts = String::from_utf8_lossy(&facts);
        Ok(Some((time(first), from_json("device", &facts)?)))
    }
}
