//! Mails, their raw bytes, alert records, devices and failed distributions.

use super::{Doing, Error, Store, Tx};
use crate::alert::{AlertRecord, Outcome, Reason};
use crate::mail::{Identity, RawMail};
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::io::{self, Read};
use std::sync::Arc;

/// Plain bytes per stored chunk of a raw mail.
pub const CHUNK: usize = 1 << 20;
/// zstd level of raw mails: negative levels trade size for speed; a mail arrives once and is read seldom.
const LEVEL: i32 = 1;
/// Mails with the same headers that are compared byte for byte, at most: bounds what reused ones can cost.
const TWINS: u32 = 8;

/// Where the kept bytes of a mail begin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RawPlace {
    pub block: i64,
    pub at: u64,
}

/// A mail to be stored.
#[derive(Debug)]
pub struct NewMail<'a> {
    pub identity: &'a Identity,
    pub outcome: Outcome,
    pub reason: &'a Reason,
    pub arrival: Timestamp,
    pub event: Timestamp,
    pub length: u64,
    pub kept: u64,
    /// Where its kept bytes stand: what [`Tx::insert_raw`] gave.
    pub raw: RawPlace,
    pub digest: Option<&'a [u8; 32]>,
    pub sender: &'a str,
    pub subject: &'a str,
    pub place: &'a str,
    pub first_alert: i64,
    pub alerts: u32,
}

/// A stored mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailRow {
    pub id: i64,
    pub outcome: Outcome,
    pub reason: Reason,
    pub arrival: Timestamp,
    pub event: Timestamp,
    pub length: u64,
    pub kept: u64,
    /// SHA-256 of the whole message, where not all of it was kept.
    pub digest: Option<[u8; 32]>,
    pub sender: String,
    pub subject: String,
    pub place: String,
    pub first_alert: i64,
    pub alerts: u32,
}

/// Whether a mail is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twin {
    None,
    Same {
        mail: i64,
    },
    /// A stored mail has the same headers and a longer body that begins with this one's.
    PrefixOf {
        mail: i64,
    },
    /// A stored mail has the same headers and a shorter body with which this one's begins.
    Extends {
        mail: i64,
    },
}

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

thread_local! {
    /// A compression context costs more to make than a mail to compress: one per thread.
    static PACKER: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
}

fn compress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    PACKER.with_borrow_mut(|packer| match packer {
        Some(packer) => packer.compress(bytes),
        None => packer.insert(zstd::bulk::Compressor::new(LEVEL)?).compress(bytes),
    })
}

/// Raw mails compressed together, ready to be stored as one block, and where in it a mail begins.
#[derive(Debug, Clone)]
pub struct Packed {
    block: Arc<[u8]>,
    at: u64,
}

/// Compresses mails that are held in memory into one block. None for those that wait in a file or fill a
/// block by themselves: they are stored piece by piece.
pub fn pack(mails: &[&RawMail]) -> Vec<Option<Packed>> {
    let mut plain = Vec::new();
    let begins: Vec<Option<u64>> = mails
        .iter()
        .map(|raw| {
            let fits = raw.spill.is_none() && plain.len() + raw.head.len() <= CHUNK;
            fits.then(|| {
                let at = plain.len() as u64;
                plain.extend_from_slice(&raw.head);
                at
            })
        })
        .collect();
    match compress(&plain) {
        Ok(block) => {
            let block: Arc<[u8]> = block.into();
            begins.into_iter().map(|at| at.map(|at| Packed { block: Arc::clone(&block), at })).collect()
        }
        Err(_) => vec![None; mails.len()],
    }
}

fn slot(identity: &Identity) -> (i64, i64) {
    let first = |bytes: &[u8; 32]| i64::from_be_bytes(bytes[..8].try_into().expect("eight of 32 bytes"));
    let day = i64::from(identity.day.min((1 << 19) - 1));
    (day << 44 | (first(&identity.head) & ((1 << 44) - 1)), first(&identity.full) & i64::MAX)
}

impl Tx<'_> {
    /// Whether this mail, a longer or a shorter copy of it, is already stored.
    ///
    /// `prefix_key(n)` gives the key which the new mail would have with only the first `n` bytes of its body.
    /// A mail without Message-ID has no prefixes: two short alerts of one second may begin alike.
    pub fn twin(
        &self,
        identity: &Identity,
        prefix_key: impl Fn(u64) -> io::Result<[u8; 32]>,
    ) -> Result<Twin, Error> {
        let (head, digest) = slot(identity);
        let any = self
            .db()
            .prepare_cached("SELECT mail FROM seen WHERE head=?1 AND length=?2 AND digest=?3")
            .and_then(|mut s| {
                s.query_row(params![head, identity.body_length as i64, digest], |r| r.get(0)).optional()
            })
            .doing("look for the same mail")?;
        if let Some(mail) = any {
            let key: Option<Vec<u8>> = self
                .db()
                .prepare_cached("SELECT key FROM mail WHERE id=?1")
                .and_then(|mut s| s.query_row([mail], |r| r.get(0)).optional())
                .doing("compare keys")?;
            if key.is_none_or(|k| k == identity.full) {
                return Ok(Twin::Same { mail });
            }
        }
        if !identity.has_message_id {
            return Ok(Twin::None);
        }
        let length = identity.body_length as i64;
        let others: Vec<(i64, i64)> = self
            .db()
            .prepare_cached(
                "SELECT length, mail FROM seen WHERE head=?1 AND length<>?2 ORDER BY length DESC LIMIT ?3",
            )
            .and_then(|mut s| {
                s.query_map(params![head, length, TWINS], |r| Ok((r.get(0)?, r.get(1)?)))?.collect()
            })
            .doing("look for copies")?;
        for (other, mail) in others {
            let Some(row) = self.store.mail(mail)? else { continue };
            if row.outcome == Outcome::Duplicate {
                continue;
            }
            let stored: Vec<u8> = self.key_of(mail)?;
            if other < length {
                if prefix_key(other as u64).is_ok_and(|k| k[..] == stored[..]) {
                    return Ok(Twin::Extends { mail });
                }
            } else if row.kept > 0 {
                let whole = crate::mail::read::message(self.store.raw(mail)?, self.store.folder())
                    .map_err(super::io_error("read the stored mail in", self.store.folder()))?;
                if whole.key_of_prefix(identity.body_length).is_ok_and(|k| k == identity.full) {
                    return Ok(Twin::PrefixOf { mail });
                }
            }
        }
        Ok(Twin::None)
    }

    fn key_of(&self, mail: i64) -> Result<Vec<u8>, Error> {
        self.db()
            .prepare_cached("SELECT key FROM mail WHERE id=?1")
            .and_then(|mut s| s.query_row([mail], |r| r.get(0)))
            .doing("read a key")
    }

    /// The id the next stored mail gets.
    pub fn next_mail(&self) -> Result<i64, Error> {
        self.next("SELECT max(id) FROM mail", &self.ids.mail)
    }

    /// The id the next stored alert gets.
    pub fn next_alert(&self) -> Result<i64, Error> {
        self.next("SELECT max(id) FROM alert", &self.ids.alert)
    }

    fn next(&self, sql: &str, known: &std::cell::Cell<i64>) -> Result<i64, Error> {
        if known.get() == 0 {
            let highest: Option<i64> = self
                .db()
                .prepare_cached(sql)
                .and_then(|mut s| s.query_row([], |r| r.get(0)))
                .doing("find the last id")?;
            known.set(highest.unwrap_or(0) + 1);
        }
        Ok(known.get())
    }

    /// Stores a mail under [`Tx::next_mail`] and, unless it is a duplicate, by what it is recognised again.
    pub fn insert_mail(&self, mail: &NewMail<'_>) -> Result<i64, Error> {
        let id = self.next_mail()?;
        let (head, digest) = slot(mail.identity);
        self.db()
            .prepare_cached(
                "INSERT INTO mail(id,key,outcome,reason,arrival,event,length,kept,digest,head,body_length,first_alert,alerts,sender,subject,place,block,at)
                 VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18)",
            )
            .and_then(|mut s| {
                s.execute(params![
                    id,
                    mail.identity.full,
                    mail.outcome as i64,
                    json(mail.reason),
                    mail.arrival.as_second(),
                    mail.event.as_second(),
                    mail.length as i64,
                    mail.kept as i64,
                    mail.digest,
                    head,
                    mail.identity.body_length as i64,
                    mail.first_alert,
                    mail.alerts,
                    mail.sender,
                    mail.subject,
                    mail.place,
                    mail.raw.block,
                    mail.raw.at as i64,
                ])
            })
            .doing("store the mail")?;
        if mail.outcome != Outcome::Duplicate {
            self.db()
                .prepare_cached("INSERT OR IGNORE INTO seen(head,length,digest,mail) VALUES(?1,?2,?3,?4)")
                .and_then(|mut s| s.execute(params![head, mail.identity.body_length as i64, digest, id]))
                .doing("remember the mail")?;
        }
        self.ids.mail.set(id + 1);
        Ok(id)
    }

    /// Stores the raw bytes of a mail, `packed` where [`pack`] made them; a shared block is stored once.
    pub fn insert_raw(&self, raw: &RawMail, packed: Option<&Packed>) -> Result<RawPlace, Error> {
        if let Some(packed) = packed {
            let mut last = self.block.borrow_mut();
            if let Some((block, id)) = &*last
                && Arc::ptr_eq(block, &packed.block)
            {
                return Ok(RawPlace { block: *id, at: packed.at });
            }
            let id = self.insert_block(&packed.block)?;
            *last = Some((Arc::clone(&packed.block), id));
            return Ok(RawPlace { block: id, at: packed.at });
        }
        let failed = || super::io_error("read the raw mail from", self.store.folder());
        let mut first = None;
        for chunk in raw.chunks(CHUNK).map_err(failed())? {
            let data = chunk.and_then(|c| compress(&c)).map_err(failed())?;
            let id = self.insert_block(&data)?;
            first.get_or_insert(id);
        }
        Ok(RawPlace { block: first.unwrap_or(0), at: 0 })
    }

    fn insert_block(&self, data: &[u8]) -> Result<i64, Error> {
        self.db()
            .prepare_cached("INSERT INTO raw(data) VALUES(?1)")
            .and_then(|mut s| s.insert([data]))
            .doing("store the raw mail")
    }

    /// Gives a stored mail another outcome.
    pub fn set_outcome(
        &self,
        mail: i64,
        outcome: Outcome,
        reason: &Reason,
        first_alert: i64,
        alerts: u32,
    ) -> Result<(), Error> {
        self.db()
            .prepare_cached("UPDATE mail SET outcome=?2, reason=?3, first_alert=?4, alerts=?5 WHERE id=?1")
            .and_then(|mut s| s.execute(params![mail, outcome as i64, json(reason), first_alert, alerts]))
            .doing("change an outcome")
            .map(|_| ())
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

    /// Marks an alert whose mail a longer copy superseded; its failed distributions go with it.
    pub fn void_alert(&self, alert: i64) -> Result<(), Error> {
        self.db()
            .prepare_cached("UPDATE alert SET voided=1 WHERE id=?1")
            .and_then(|mut s| s.execute([alert]))
            .doing("void an alert")?;
        self.db()
            .prepare_cached("DELETE FROM failed WHERE alert=?1 AND last_alert=?1")
            .and_then(|mut s| s.execute([alert]))
            .doing("void a failed distribution")
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

    /// Writes the failed distribution of a counted alert that names a job or package.
    pub fn record_failed(&self, alert: i64, record: &AlertRecord) -> Result<Option<String>, Error> {
        if record.job.is_none() && record.package.is_none() {
            return Ok(None);
        }
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let (server, job, package) = (text(&record.server), text(&record.job), text(&record.package));
        let id = failed_id(&[&record.tool, &server, &job, &record.device, &package]);
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

pub(super) fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("our own types have string keys")
}

pub(super) fn from_json<T: for<'a> Deserialize<'a>>(what: &'static str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|e| Error::Stored { what, text: e.to_string() })
}

pub(super) fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

const MAIL: &str =
    "id,outcome,reason,arrival,event,length,kept,digest,sender,subject,place,first_alert,alerts";
const ALERT: &str = "id,mail,voided,counted,record,action";
const FAILED: &str =
    "id,tool,server,job,recipient,package,device,upstream,failure,first,last,alert,dismissed";

type RawRow = (i64, i64, String, [i64; 4], Option<Vec<u8>>, [String; 3], i64, u32);

fn read_mail(r: &Row<'_>) -> rusqlite::Result<RawRow> {
    Ok((
        r.get(0)?,
        r.get(1)?,
        r.get(2)?,
        [r.get(3)?, r.get(4)?, r.get(5)?, r.get(6)?],
        r.get(7)?,
        [r.get(8)?, r.get(9)?, r.get(10)?],
        r.get(11)?,
        r.get(12)?,
    ))
}

fn mail_row(
    (id, outcome, reason, numbers, digest, texts, first_alert, alerts): RawRow,
) -> Result<MailRow, Error> {
    let [arrival, event, length, kept] = numbers;
    let [sender, subject, place] = texts;
    Ok(MailRow {
        id,
        outcome: *Outcome::ALL
            .get(outcome as usize)
            .ok_or_else(|| Error::Stored { what: "outcome", text: outcome.to_string() })?,
        reason: from_json("reason", &reason)?,
        arrival: time(arrival),
        event: time(event),
        length: length as u64,
        kept: kept as u64,
        digest: digest.and_then(|d| d.try_into().ok()),
        sender,
        subject,
        place,
        first_alert,
        alerts,
    })
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

impl Store {
    /// One stored mail.
    pub fn mail(&self, id: i64) -> Result<Option<MailRow>, Error> {
        self.connection
            .prepare_cached(&format!("SELECT {MAIL} FROM mail WHERE id=?1"))
            .and_then(|mut s| s.query_row([id], read_mail).optional())
            .doing("read a mail")?
            .map(mail_row)
            .transpose()
    }

    /// Stored mails with these outcomes (all where empty), newest first, below id `before`, at most `most`.
    pub fn mails(
        &self,
        outcomes: &[Outcome],
        since: Option<Timestamp>,
        before: i64,
        most: usize,
    ) -> Result<Vec<MailRow>, Error> {
        let wanted: Vec<String> = outcomes.iter().map(|o| (*o as i64).to_string()).collect();
        let filter =
            if wanted.is_empty() { String::new() } else { format!("AND outcome IN ({})", wanted.join(",")) };
        let sql =
            format!("SELECT {MAIL} FROM mail WHERE id<?1 AND arrival>=?2 {filter} ORDER BY id DESC LIMIT ?3");
        let rows: Vec<RawRow> = self
            .connection
            .prepare(&sql)
            .and_then(|mut s| {
                s.query_map(
                    params![before, since.map_or(i64::MIN, |t| t.as_second()), most as i64],
                    read_mail,
                )?
                .collect()
            })
            .doing("list mails")?;
        rows.into_iter().map(mail_row).collect()
    }

    /// The kept bytes of a mail; none where it keeps none.
    pub fn raw(&self, mail: i64) -> Result<RawReader<'_>, Error> {
        let place: Option<(i64, i64, i64)> = self
            .connection
            .prepare_cached("SELECT block,at,kept FROM mail WHERE id=?1")
            .and_then(|mut s| s.query_row([mail], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).optional())
            .doing("find a raw mail")?;
        let (next, skip, left) = place.unwrap_or_default();
        Ok(RawReader {
            store: self,
            next,
            skip: skip as u64,
            left: left as u64,
            rest: io::Cursor::new(Vec::new()),
        })
    }

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

    pub(super) fn device_facts(&self, name: &str) -> Result<Option<DeviceFacts>, Error> {
        self.connection
            .prepare_cached("SELECT facts FROM device WHERE name=?1")
            .and_then(|mut s| s.query_row([name], |r| r.get::<_, String>(0)).optional())
            .doing("read a device")?
            .map(|t| from_json("device", &t))
            .transpose()
    }

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

fn read_alert(r: &Row<'_>) -> rusqlite::Result<(i64, i64, bool, String, String, String)> {
    Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?))
}

/// Reads the kept bytes of a mail, a block at a time.
#[derive(Debug)]
pub struct RawReader<'a> {
    store: &'a Store,
    next: i64,
    /// Bytes of the next block that belong to other mails.
    skip: u64,
    left: u64,
    rest: io::Cursor<Vec<u8>>,
}

impl Read for RawReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let wanted = (into.len() as u64).min(self.left) as usize;
        if wanted == 0 {
            return Ok(0);
        }
        loop {
            let n = self.rest.read(&mut into[..wanted])?;
            if n > 0 {
                self.left -= n as u64;
                return Ok(n);
            }
            let data: Option<Vec<u8>> = self
                .store
                .connection
                .prepare_cached("SELECT data FROM raw WHERE id=?1")
                .and_then(|mut s| s.query_row([self.next], |r| r.get(0)).optional())
                .map_err(io::Error::other)?;
            let data =
                data.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "a raw mail is not whole"))?;
            self.rest = io::Cursor::new(zstd::bulk::decompress(&data, CHUNK)?);
            self.rest.set_position(std::mem::take(&mut self.skip));
            self.next += 1;
        }
    }
}
