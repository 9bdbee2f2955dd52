//! What is known of devices from their alerts.
//!
//! In: records, each with the facts it states. Out: the facts, the latest word on each. It does not count.

use super::column::{from_json, json};
use super::{Doing, Error, Store, Tx};
use crate::alert::AlertRecord;
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
    /// Takes over what a record states; a fact it does not state stays.
    pub fn learn(&mut self, record: &AlertRecord) {
        let pairs = [
            (&mut self.mac, &record.mac),
            (&mut self.ip, &record.ip),
            (&mut self.region, &record.region),
            (&mut self.building, &record.building),
            (&mut self.room, &record.room),
            (&mut self.server, &record.server),
            (&mut self.upstream, &record.upstream),
        ];
        for (known, stated) in pairs {
            if stated.is_some() {
                known.clone_from(stated);
            }
        }
    }
}

impl Tx<'_> {
    /// Learns what a record states of its device.
    pub fn learn_device(&self, record: &AlertRecord) -> Result<(), Error> {
        let known = match self.devices.borrow().get(&record.device) {
            Some(facts) => Some(facts.clone()),
            None => self.store.device_facts(&record.device)?,
        };
        let mut facts = known.clone().unwrap_or_default();
        facts.learn(record);
        if known.as_ref() != Some(&facts) {
            self.db()
                .prepare_cached(
                    "INSERT INTO device(name,first,facts) VALUES(?1,?2,?3) ON CONFLICT(name) DO UPDATE SET facts=excluded.facts",
                )
                .and_then(|mut s| s.execute(params![record.device, record.event.as_second(), json(&facts)]))
                .doing("store a device")?;
        }
        self.devices.borrow_mut().insert(record.device.clone(), facts);
        Ok(())
    }
}

impl Store {
    pub(super) fn device_facts(&self, name: &str) -> Result<Option<DeviceFacts>, Error> {
        self.connection
            .prepare_cached("SELECT facts FROM device WHERE name=?1")
            .and_then(|mut s| s.query_row([name], |r| r.get::<_, String>(0)).optional())
            .doing("read a device")?
            .map(|t| from_json("device", &t))
            .transpose()
    }
}
