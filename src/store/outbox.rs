//! The outbox: mails whose bytes are frozen, waiting for transmission, one row per recipient.
//!
//! `due` → (an attempt) → `accepted` | `due` again | `refused` | `parked`. A crash between the receiver's
//! yes and the row's change sends the same mail again under the same Message-ID: at least once.

use super::column::time;
use super::{Doing, Error, Store, Tx};
use crate::ticket::model::{Kind, Letter};
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OutboxState {
    Due,
    Accepted,
    /// 5xx: not tried again by itself.
    Refused,
    /// All transmissions of the schedule failed.
    Parked,
    /// Its ticket ended before it was transmitted: nobody needs it.
    Withdrawn,
}

impl OutboxState {
    pub fn word(self) -> &'static str {
        match self {
            OutboxState::Due => "due",
            OutboxState::Accepted => "accepted",
            OutboxState::Refused => "refused",
            OutboxState::Parked => "parked",
            OutboxState::Withdrawn => "withdrawn",
        }
    }
}

/// One mail to one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    pub id: i64,
    pub ticket: i64,
    pub kind: String,
    pub name: String,
    pub message: String,
    pub sender: String,
    pub recipient: String,
    pub state: OutboxState,
    pub attempts: u32,
    pub next: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    pub reply: Option<String>,
}

const OUTBOX: &str = "id,ticket,kind,name,message,sender,recipient,state,attempts,next,ended,reply";

fn read(r: &Row<'_>) -> rusqlite::Result<OutboxRow> {
    let state: String = r.get(7)?;
    Ok(OutboxRow {
        id: r.get(0)?,
        ticket: r.get(1)?,
        kind: r.get(2)?,
        name: r.get(3)?,
        message: r.get(4)?,
        sender: r.get(5)?,
        recipient: r.get(6)?,
        state: match state.as_str() {
            "accepted" => OutboxState::Accepted,
            "refused" => OutboxState::Refused,
            "parked" => OutboxState::Parked,
            "withdrawn" => OutboxState::Withdrawn,
            _ => OutboxState::Due,
        },
        attempts: r.get(8)?,
        next: r.get::<_, Option<i64>>(9)?.map(time),
        ended: r.get::<_, Option<i64>>(10)?.map(time),
        reply: r.get(11)?,
    })
}

/// `ticket`, `update`, … as stored and shown.
fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Ticket => "ticket",
        Kind::Update => "update",
        Kind::Reminder => "reminder",
        Kind::StandDown => "stand-down",
    }
}

impl Tx<'_> {
    /// Puts a letter into the outbox, a row per recipient, due at `now`; its bytes are frozen from here on.
    ///
    /// `sequence` numbers letters of one kind; it becomes part of the name of a delivered file.
    pub fn post(
        &self,
        ticket: i64,
        number: &str,
        letter: &Letter,
        sequence: u32,
        now: Timestamp,
    ) -> Result<(), Error> {
        let packed = zstd::bulk::compress(&letter.bytes, 3)
            .map_err(|e| Error::Stored { what: "letter", text: e.to_string() })?;
        let kind = kind_word(letter.kind);
        for (index, recipient) in letter.recipients.iter().enumerate() {
            let mut name = format!("{number}.{kind}");
            if letter.kind != Kind::Ticket {
                name.push_str(&format!("-{sequence}"));
            }
            if letter.recipients.len() > 1 {
                name.push_str(&format!(".{}", index + 1));
            }
            self.db()
                .prepare_cached(
                    "INSERT INTO outbox(ticket,kind,name,message,sender,recipient,bytes,state,next)
                     VALUES(?1,?2,?3,?4,?5,?6,?7,'due',?8)",
                )
                .and_then(|mut s| {
                    s.execute(params![
                        ticket,
                        kind,
                        name,
                        letter.message_id,
                        letter.envelope_from,
                        recipient,
                        packed,
                        now.as_second()
                    ])
                })
                .doing("post a letter")?;
        }
        self.db()
            .prepare_cached("INSERT OR IGNORE INTO message(id,ticket) VALUES(?1,?2)")
            .and_then(|mut s| s.execute(params![letter.message_id, ticket]))
            .doing("remember a Message-ID")
            .map(|_| ())
    }

    /// Keeps what an attempt (or a person) changed.
    pub fn keep_outbox(&self, row: &OutboxRow) -> Result<(), Error> {
        let second = |t: Option<Timestamp>| t.map(|t| t.as_second());
        self.db()
            .prepare_cached(
                "UPDATE outbox SET state=?2, attempts=?3, next=?4, ended=?5, reply=?6 WHERE id=?1",
            )
            .and_then(|mut s| {
                s.execute(params![
                    row.id,
                    row.state.word(),
                    row.attempts,
                    second(row.next),
                    second(row.ended),
                    row.reply
                ])
            })
            .doing("keep an attempt")
            .map(|_| ())
    }

    /// After a success: every parked mail gets one more transmission.
    pub fn wake_parked(&self, now: Timestamp) -> Result<usize, Error> {
        self.db()
            .execute("UPDATE outbox SET state='due', next=?1 WHERE state='parked'", [now.as_second()])
            .doing("wake parked mails")
    }
}

impl Store {
    /// Mails due by `now`, oldest first.
    pub fn due_mails(&self, now: Timestamp, most: usize) -> Result<Vec<OutboxRow>, Error> {
        self.connection
            .prepare_cached(&format!(
                "SELECT {OUTBOX} FROM outbox WHERE next IS NOT NULL AND next<=?1 ORDER BY next,id LIMIT ?2"
            ))
            .and_then(|mut s| s.query_map(params![now.as_second(), most as i64], read)?.collect())
            .doing("find due mails")
    }

    /// The frozen bytes of a mail.
    pub fn letter(&self, outbox: i64) -> Result<Vec<u8>, Error> {
        let packed: Vec<u8> = self
            .connection
            .prepare_cached("SELECT bytes FROM outbox WHERE id=?1")
            .and_then(|mut s| s.query_row([outbox], |r| r.get(0)))
            .doing("read a letter")?;
        zstd::bulk::decompress(&packed, 16 << 20)
            .map_err(|e| Error::Stored { what: "letter", text: e.to_string() })
    }

    /// Everything in the outbox for a ticket, oldest first.
    pub fn outbox_of(&self, ticket: i64) -> Result<Vec<OutboxRow>, Error> {
        self.connection
            .prepare_cached(&format!("SELECT {OUTBOX} FROM outbox WHERE ticket=?1 ORDER BY id"))
            .and_then(|mut s| s.query_map([ticket], read)?.collect())
            .doing("list the outbox")
    }

    /// Mails in these states: (due, parked, refused).
    pub fn outbox_counts(&self, now: Timestamp) -> Result<(u64, u64, u64), Error> {
        let count = |sql: &str, with_now: bool| -> Result<u64, Error> {
            self.connection
                .prepare_cached(sql)
                .and_then(|mut s| {
                    if with_now {
                        s.query_row([now.as_second()], |r| r.get::<_, i64>(0))
                    } else {
                        s.query_row([], |r| r.get(0))
                    }
                })
                .doing("count the outbox")
                .map(|n| n as u64)
        };
        Ok((
            count("SELECT count(*) FROM outbox WHERE next IS NOT NULL AND next<=?1", true)?,
            count("SELECT count(*) FROM outbox WHERE state='parked'", false)?,
            count("SELECT count(*) FROM outbox WHERE state='refused'", false)?,
        ))
    }

    /// When the next mail or ticket is due, if anything is.
    pub fn next_due(&self) -> Result<Option<Timestamp>, Error> {
        self.connection
            .prepare_cached(
                "SELECT min(t) FROM (SELECT min(next) t FROM outbox WHERE next IS NOT NULL
                 UNION ALL SELECT min(due) FROM ticket WHERE due IS NOT NULL)",
            )
            .and_then(|mut s| s.query_row([], |r| r.get::<_, Option<i64>>(0)))
            .doing("find the next due time")
            .map(|t| t.map(time))
    }

    /// Number of the ticket to which a Message-ID of ours belongs.
    pub fn ticket_of_message(&self, message: &str) -> Result<Option<String>, Error> {
        self.connection
            .prepare_cached(
                "SELECT number FROM message JOIN ticket ON ticket.id=message.ticket WHERE message.id=?1",
            )
            .and_then(|mut s| s.query_row([message], |r| r.get(0)).optional())
            .doing("look for a Message-ID")
    }
}
