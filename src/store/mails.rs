//! Mails, and by what they are recognised again.
//!
//! In: a mail that was judged. Out: its row, and whether the same mail, a longer or a shorter copy of it is
//! there already. Of its raw bytes it knows only where they begin.

use super::column::{from_json, json, time};
use super::raw::RawPlace;
use super::{Doing, Error, Store, Tx};
use crate::alert::{Outcome, Reason};
use crate::mail::{self, Identity, RawMail};
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params};
use std::io;

/// Mails with the same headers that are compared byte for byte, at most: bounds what reused ones can cost.
const TWINS: u32 = 8;

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Twin {
    Same { mail: i64 },
    Copies(Copies),
}

/// Stored mails with the same headers and a body that begins with this one's, or with which this one's
/// begins; duplicates are left out, the longest come first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copies {
    pub longer: Vec<i64>,
    pub shorter: Vec<i64>,
}

fn slot(identity: &Identity) -> (i64, i64) {
    let first = |bytes: &[u8; 32]| i64::from_be_bytes(bytes[..8].try_into().expect("eight of 32 bytes"));
    let minute = i64::from(identity.minute.min((1 << 26) - 1));
    (minute << 37 | (first(&identity.head) & ((1 << 37) - 1)), first(&identity.full) & i64::MAX)
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
        self.copies(identity, prefix_key).map(Twin::Copies)
    }

    /// Longer and shorter copies of this mail; at most [`TWINS`] are looked at.
    pub fn copies(
        &self,
        identity: &Identity,
        prefix_key: impl Fn(u64) -> io::Result<[u8; 32]>,
    ) -> Result<Copies, Error> {
        let (head, _) = slot(identity);
        let mut copies = Copies::default();
        if !identity.has_message_id {
            return Ok(copies);
        }
        let length = identity.body_length as i64;
        let others: Vec<(i64, i64)> = self
            .db()
            // A bound limit would be planned anew for each mail.
            .prepare_cached(&format!(
                "SELECT length, mail FROM seen WHERE head=?1 AND length<>?2 ORDER BY length DESC LIMIT {TWINS}"
            ))
            .and_then(|mut s| {
                s.query_map(params![head, length], |r| Ok((r.get(0)?, r.get(1)?)))?.collect()
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
                    copies.shorter.push(mail);
                }
            } else if row.kept > 0 {
                let whole = self.store.raw_mail(&row)?;
                if whole.key_of_prefix(identity.body_length).is_ok_and(|k| k == identity.full) {
                    copies.longer.push(mail);
                }
            }
        }
        Ok(copies)
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

    pub(super) fn next(&self, sql: &str, known: &std::cell::Cell<i64>) -> Result<i64, Error> {
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

    /// Gives a stored mail another outcome, and the event time that goes with it.
    pub fn set_outcome(
        &self,
        mail: i64,
        outcome: Outcome,
        reason: &Reason,
        event: Timestamp,
        first_alert: i64,
        alerts: u32,
    ) -> Result<(), Error> {
        self.db()
            .prepare_cached(
                "UPDATE mail SET outcome=?2, reason=?3, event=?4, first_alert=?5, alerts=?6 WHERE id=?1",
            )
            .and_then(|mut s| {
                s.execute(params![mail, outcome as i64, json(reason), event.as_second(), first_alert, alerts])
            })
            .doing("change an outcome")
            .map(|_| ())
    }
}

const MAIL: &str =
    "id,outcome,reason,arrival,event,length,kept,digest,sender,subject,place,first_alert,alerts";

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

    /// A stored mail as it was when it was read: of one that was cut, length, digest and identity are those
    /// of the whole message. One whose bytes are not kept is empty.
    ///
    /// # Errors
    /// What the store says, or the unnamed file in which a long one waits.
    pub fn raw_mail(&self, row: &MailRow) -> Result<RawMail, Error> {
        let mut raw = mail::read::message(self.raw(row.id)?, &self.spill_folder())
            .map_err(super::io_error("read the stored mail in", self.folder()))?;
        if row.digest.is_some() {
            (raw.length, raw.digest, raw.oversize) = (row.length, row.digest, true);
            (raw.identity.full, raw.identity.body_length) = self
                .connection
                .prepare_cached("SELECT key,body_length FROM mail WHERE id=?1")
                .and_then(|mut s| s.query_row([row.id], |r| Ok((r.get(0)?, r.get::<_, i64>(1)? as u64))))
                .doing("read a key")?;
        }
        Ok(raw)
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
}
