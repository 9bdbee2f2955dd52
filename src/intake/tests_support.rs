//! States, mails and clocks for the tests of `store`, `intake` and `service`.

use super::{Arrival, Arrived};
use crate::alert::engine::Engine;
use crate::alert::pattern::Effort;
use crate::mail;
use crate::rules::{self, RuleSet};
use crate::store::{Access, ListKind, ListRow, Store};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::sync::Arc;
use tempfile::TempDir;

/// The same in every state, so that a replay can be compared.
pub(crate) const INSTALL: &str = "0f4c7d5e0f4c7d5e";

/// Seconds after Monday, 2 March 2026, 10:00 UTC.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_445_600 + second).expect("a time in range")
}

pub(crate) fn shipped() -> RuleSet {
    rules::compile(&rules::embedded()).expect("the shipped rules are right")
}

/// A folder in memory where there is one: thousands of durable commits would take minutes on a disk.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder")
}

/// A new state whose lists know `is38` of `acme.example`.
pub(crate) fn state() -> (TempDir, Store) {
    let folder = folder();
    let store = Store::init(&folder.path().join("state"), INSTALL).expect("a new state");
    let row = |name: &str| ListRow { name: name.into(), canonical: name.into(), only: vec![] };
    let tx = store.begin().expect("begin");
    tx.replace_list(ListKind::Domains, &[row("acme.example")], "d", "test", at(0)).expect("domains");
    tx.replace_list(ListKind::Nodes, &[row("is38")], "n", "test", at(0)).expect("nodes");
    tx.commit().expect("commit");
    (folder, store)
}

/// The state opened once more, as another process would.
pub(crate) fn reopen(store: &Store, access: Access) -> Store {
    Store::open(store.folder(), access).expect("the state stands")
}

/// An error alert in the native format, sent at `second`.
#[derive(Debug, Clone)]
pub(crate) struct Alert {
    pub id: String,
    pub device: String,
    pub announced: &'static str,
    pub second: i64,
    pub tail: String,
}

/// Announced failures by the failure type which the shipped rules give them.
pub(crate) const ANNOUNCED: [(&str, &str); 5] = [
    ("connection", "connection refused"),
    ("distribution", "transfer aborted"),
    ("access", "permission denied"),
    ("disk", "no space left"),
    ("unknown", "strange noise"),
];

impl Alert {
    pub fn new(id: &str, device: &str, failure: &str, second: i64) -> Self {
        let announced = ANNOUNCED.iter().find(|(f, _)| *f == failure).expect("a shipped failure type").1;
        Self { id: id.into(), device: device.into(), announced, second, tail: String::new() }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let date = at(self.second).to_zoned(TimeZone::UTC);
        let date = jiff::fmt::rfc2822::to_string(&date).expect("a date in range");
        let Self { id, device, announced, tail, .. } = self;
        format!(
            "From: dm@is38.east.acme.example\r\nTo: alerts@acme.example\r\nMessage-ID: <{id}@acme.example>\r\n\
             Date: {date}\r\nSubject: Distribution error on {device}\r\n\r\n\
             autoticket-alert: 1\r\nDevice: {device}\r\nFailure: {announced}\r\nServer: is38\r\nJob: J1\r\n\
             Package: jre-1.3.1\r\n{tail}"
        )
        .into_bytes()
    }
}

/// A mail read from standard input at `second`.
pub(crate) fn arrived(engine: &Engine<'_>, bytes: &[u8], second: i64) -> Arrived {
    let raw = Arc::new(mail::read::bytes(bytes.to_vec()));
    Arrived::read(raw, engine, Arrival::Known(at(second)), super::STDIN.to_owned())
}

/// Takes in one mail in a transaction of its own.
pub(crate) fn ingest(store: &Store, rules: &RuleSet, bytes: &[u8], second: i64) -> super::Account {
    let engine = Engine::new(rules, Effort::Mailbox);
    super::take_in(store, rules, &engine, &arrived(&engine, bytes, second)).expect("the state takes it in")
}

/// These alerts as an mbox file in `folder`.
pub(crate) fn mbox(folder: &std::path::Path, alerts: &[Alert]) -> std::path::PathBuf {
    let mut text = String::new();
    for alert in alerts {
        let day = at(alert.second).to_zoned(TimeZone::UTC).strftime("%a %b %e %H:%M:%S %Y").to_string();
        let mail = String::from_utf8(alert.bytes()).expect("a text").replace("\r\n", "\n");
        text.push_str(&format!("From dm@is38.east.acme.example {day}\n{mail}\n"));
    }
    let path = folder.join("alerts.mbox");
    std::fs::write(&path, text).expect("write an mbox");
    path
}

/// Failures of some devices from the seed, in some disorder, with copies and copies that were cut off.
pub(crate) fn rollout(seed: u64, mails: usize) -> Vec<Alert> {
    let mut state = seed | 1;
    let mut dice = move |sides: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % sides
    };
    let mut alerts: Vec<Alert> = Vec::with_capacity(mails);
    for n in 0..mails {
        let before = alerts.get(dice(n.max(1) as u64) as usize).cloned();
        let alert = match (dice(10), before) {
            (0, Some(copy)) => copy,
            (1, Some(mut longer)) => {
                longer.tail.push_str("Detail: whole\r\n");
                longer
            }
            _ => {
                let failure = ANNOUNCED[dice(5) as usize].0;
                let second = n as i64 * 40 - dice(200) as i64;
                Alert::new(&format!("r{n}"), &format!("node{}", dice(9)), failure, second)
            }
        };
        alerts.push(alert);
    }
    alerts
}
