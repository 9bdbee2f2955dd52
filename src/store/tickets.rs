//! Job tickets: born at a crossing, joined by later alerts, judged by `flush`, ended by a person or a repair.

use super::column::{from_json, json, time};
use super::{AlertRow, Doing, Error, Store, Tx};
use crate::ticket::State;
use crate::ticket::model::Decision;
use crate::tracking::Choice;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params};

/// A ticket born at a crossing.
#[derive(Debug)]
pub struct NewTicket<'a> {
    pub number: &'a str,
    pub device: &'a str,
    pub failure: &'a str,
    pub crossed: Timestamp,
    pub crossing: i64,
    /// Alerts up to and with the crossing, by event time.
    pub alerts: &'a [i64],
    pub total: u64,
    pub first: Timestamp,
    pub last: Timestamp,
    pub choice: &'a Choice,
    /// When flush must judge it; event times may lie ahead of the clock.
    pub due: Timestamp,
}

/// A stored ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct TicketRow {
    pub id: i64,
    pub number: String,
    pub device: String,
    pub failure: String,
    pub state: State,
    pub crossed: Timestamp,
    pub crossing: i64,
    pub alerts: Vec<i64>,
    pub total: u64,
    pub first: Timestamp,
    pub last: Timestamp,
    pub choice: Choice,
    pub decision: Option<Decision>,
    /// Alerts that joined after the crossing.
    pub joined: u64,
    pub last_joined: Option<Timestamp>,
    pub unreported: Option<Timestamp>,
    pub updated: Option<Timestamp>,
    pub updates: u32,
    pub reminders: u32,
    pub reminded: Option<Timestamp>,
    pub due: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    pub why: Option<String>,
}

const TICKET: &str = "id,number,device,failure,state,crossed,crossing,alerts,total,first,last,choice,decision,joined,last_joined,unreported,updated,updates,reminders,due,ended,why,reminded";

struct Raw {
    row: TicketRow,
    state: String,
    alerts: String,
    choice: String,
    decision: Option<String>,
}

fn read(r: &Row<'_>) -> rusqlite::Result<Raw> {
    let maybe = |i| r.get::<_, Option<i64>>(i).map(|t| t.map(time));
    let placeholder = Choice {
        winner: crate::rules::model::ThresholdRule {
            scope: crate::rules::model::Scope::Everywhere,
            failure: None,
            count: 1,
            window: crate::rules::model::Seconds(0),
            origin: Default::default(),
        },
        losers: Vec::new(),
    };
    Ok(Raw {
        row: TicketRow {
            id: r.get(0)?,
            number: r.get(1)?,
            device: r.get(2)?,
            failure: r.get(3)?,
            state: State::Deferred,
            crossed: time(r.get(5)?),
            crossing: r.get(6)?,
            alerts: Vec::new(),
            total: r.get::<_, i64>(8)? as u64,
            first: time(r.get(9)?),
            last: time(r.get(10)?),
            choice: placeholder,
            decision: None,
            joined: r.get::<_, i64>(13)? as u64,
            last_joined: maybe(14)?,
            unreported: maybe(15)?,
            updated: maybe(16)?,
            updates: r.get(17)?,
            reminders: r.get(18)?,
            due: maybe(19)?,
            ended: maybe(20)?,
            why: r.get(21)?,
            reminded: maybe(22)?,
        },
        state: r.get(4)?,
        alerts: r.get(7)?,
        choice: r.get(11)?,
        decision: r.get(12)?,
    })
}

fn finish(raw: Raw) -> Result<TicketRow, Error> {
    let mut row = raw.row;
    row.state = State::ALL
        .into_iter()
        .find(|s| s.word() == raw.state)
        .ok_or(Error::Stored { what: "ticket state", text: raw.state })?;
    row.alerts = from_json("ticket alerts", &raw.alerts)?;
    row.choice = from_json("threshold choice", &raw.choice)?;
    row.decision = raw.decision.map(|d| from_json("decision", &d)).transpose()?;
    Ok(row)
}

impl Tx<'_> {
    /// Whether a ticket number is taken.
    pub fn number_taken(&self, number: &str) -> Result<bool, Error> {
        self.db()
            .prepare_cached("SELECT 1 FROM ticket WHERE number=?1")
            .and_then(|mut s| s.exists([number]))
            .doing("look for a ticket number")
    }

    /// Stores a ticket in state `deferred`.
    pub fn insert_ticket(&self, ticket: &NewTicket<'_>) -> Result<i64, Error> {
        self.db()
            .prepare_cached(
                "INSERT INTO ticket(number,device,failure,state,crossed,crossing,alerts,total,first,last,choice,due)
                 VALUES(?1,?2,?3,'deferred',?4,?5,?6,?7,?8,?9,?10,?11)",
            )
            .and_then(|mut s| {
                s.execute(params![
                    ticket.number,
                    ticket.device,
                    ticket.failure,
                    ticket.crossed.as_second(),
                    ticket.crossing,
                    json(&ticket.alerts),
                    ticket.total as i64,
                    ticket.first.as_second(),
                    ticket.last.as_second(),
                    json(ticket.choice),
                    ticket.due.as_second(),
                ])
            })
            .doing("store a ticket")?;
        Ok(self.db().last_insert_rowid())
    }

    /// Joins an alert to an open ticket. `due` is when flush must look at the ticket again.
    pub fn join_ticket(
        &self,
        ticket: i64,
        alert: i64,
        event: Timestamp,
        due: Option<Timestamp>,
    ) -> Result<(), Error> {
        self.db()
            .prepare_cached("INSERT OR IGNORE INTO ticket_alert(ticket,alert) VALUES(?1,?2)")
            .and_then(|mut s| s.execute([ticket, alert]))
            .doing("join a ticket")?;
        self.db()
            .prepare_cached(
                "UPDATE ticket SET joined=joined+1, last_joined=max(coalesce(last_joined,?2),?2),
                 unreported=min(coalesce(unreported,?2),?2), due=CASE WHEN due IS NULL THEN ?3 ELSE min(due,coalesce(?3,due)) END WHERE id=?1",
            )
            .and_then(|mut s| s.execute(params![ticket, event.as_second(), due.map(|t| t.as_second())]))
            .doing("join a ticket")
            .map(|_| ())
    }

    /// Takes a voided alert out of the tickets it joined.
    pub fn leave_tickets(&self, alert: i64, ticket: Option<i64>) -> Result<(), Error> {
        let Some(ticket) = ticket else { return Ok(()) };
        let left = self
            .db()
            .execute("DELETE FROM ticket_alert WHERE ticket=?1 AND alert=?2", [ticket, alert])
            .doing("leave a ticket")?;
        if left > 0 {
            self.db()
                .execute("UPDATE ticket SET joined=max(joined-1,0) WHERE id=?1", [ticket])
                .doing("leave a ticket")?;
        }
        Ok(())
    }

    /// Keeps what flush or a person changed: state, decision, due, updates, reminders, ended, why.
    pub fn keep_ticket(&self, row: &TicketRow) -> Result<(), Error> {
        let second = |t: Option<Timestamp>| t.map(|t| t.as_second());
        self.db()
            .prepare_cached(
                "UPDATE ticket SET state=?2, decision=?3, due=?4, unreported=?5, updated=?6, updates=?7,
                 reminders=?8, ended=?9, why=?10, reminded=?11 WHERE id=?1",
            )
            .and_then(|mut s| {
                s.execute(params![
                    row.id,
                    row.state.word(),
                    row.decision.as_ref().map(json),
                    second(row.due),
                    second(row.unreported),
                    second(row.updated),
                    row.updates,
                    row.reminders,
                    second(row.ended),
                    row.why,
                    second(row.reminded),
                ])
            })
            .doing("keep a ticket")
            .map(|_| ())
    }

    /// Keeps a person's reply with its ticket.
    pub fn insert_reply(&self, number: &str, mail: i64) -> Result<(), Error> {
        self.db()
            .prepare_cached(
                "INSERT OR IGNORE INTO ticket_reply(ticket,mail) SELECT id,?2 FROM ticket WHERE number=?1",
            )
            .and_then(|mut s| s.execute(params![number, mail]))
            .doing("keep a reply")
            .map(|_| ())
    }

    /// Other tickets that flush must look at by `now`, in the order of their crossings.
    pub fn due_tickets(&self, now: Timestamp, most: usize) -> Result<Vec<TicketRow>, Error> {
        let rows: Vec<_> = self
            .db()
            .prepare_cached(&format!(
                "SELECT {TICKET} FROM ticket WHERE due IS NOT NULL AND due<=?1
                 AND state NOT IN ('deferred','held') ORDER BY crossed,number LIMIT ?2"
            ))
            .and_then(|mut s| s.query_map(params![now.as_second(), most as i64], read)?.collect())
            .doing("find due tickets")?;
        rows.into_iter().map(finish).collect()
    }
}

impl Store {
    /// Deferred and held tickets that are to be judged by `now`, in the order of their crossings.
    pub fn to_judge(&self, now: Timestamp, most: usize) -> Result<Vec<TicketRow>, Error> {
        let rows: Vec<_> = self
            .connection
            .prepare_cached(&format!(
                "SELECT {TICKET} FROM ticket WHERE due IS NOT NULL AND due<=?1 AND state IN ('deferred','held')
                 ORDER BY crossed,number LIMIT ?2"
            ))
            .and_then(|mut s| s.query_map(params![now.as_second(), most as i64], read)?.collect())
            .doing("find tickets to judge")?;
        rows.into_iter().map(finish).collect()
    }

    /// A ticket by its row.
    pub fn ticket(&self, id: i64) -> Result<Option<TicketRow>, Error> {
        self.connection
            .prepare_cached(&format!("SELECT {TICKET} FROM ticket WHERE id=?1"))
            .and_then(|mut s| s.query_row([id], read).optional())
            .doing("read a ticket")?
            .map(finish)
            .transpose()
    }

    /// A ticket by its number, letter case ignored.
    pub fn ticket_numbered(&self, number: &str) -> Result<Option<TicketRow>, Error> {
        self.connection
            .prepare_cached(&format!("SELECT {TICKET} FROM ticket WHERE number=?1"))
            .and_then(|mut s| s.query_row([number.to_uppercase()], read).optional())
            .doing("read a ticket")?
            .map(finish)
            .transpose()
    }

    /// Tickets, latest first, optionally in these states or of this device.
    pub fn tickets(
        &self,
        states: &[State],
        device: Option<&str>,
        since: Option<Timestamp>,
        most: usize,
    ) -> Result<Vec<TicketRow>, Error> {
        let words: Vec<String> = states.iter().map(|s| format!("'{}'", s.word())).collect();
        let filter =
            if words.is_empty() { String::new() } else { format!("AND state IN ({})", words.join(",")) };
        let rows: Vec<_> = self
            .connection
            .prepare(&format!(
                "SELECT {TICKET} FROM ticket WHERE (?1 IS NULL OR device=?1) AND crossed>=?2 {filter}
                 ORDER BY crossed DESC, id DESC LIMIT ?3"
            ))
            .and_then(|mut s| {
                s.query_map(params![device, since.map_or(i64::MIN, |t| t.as_second()), most as i64], read)?
                    .collect()
            })
            .doing("list tickets")?;
        rows.into_iter().map(finish).collect()
    }

    /// Tickets per state.
    pub fn ticket_counts(&self) -> Result<Vec<(State, u64)>, Error> {
        let rows: Vec<(String, i64)> = self
            .connection
            .prepare_cached("SELECT state,count(*) FROM ticket GROUP BY state")
            .and_then(|mut s| s.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect())
            .doing("count tickets")?;
        Ok(State::ALL
            .into_iter()
            .filter_map(|s| rows.iter().find(|(w, _)| w == s.word()).map(|(_, n)| (s, *n as u64)))
            .collect())
    }

    /// How many tickets are due by `now`.
    pub fn tickets_due(&self, now: Timestamp) -> Result<u64, Error> {
        self.connection
            .prepare_cached("SELECT count(*) FROM ticket WHERE due IS NOT NULL AND due<=?1")
            .and_then(|mut s| s.query_row([now.as_second()], |r| r.get::<_, i64>(0)))
            .doing("count due tickets")
            .map(|n| n as u64)
    }

    /// The alert records with these rows that still stand, in this order.
    pub fn alerts_by_id(&self, ids: &[i64]) -> Result<Vec<AlertRow>, Error> {
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(row) = self.alert(*id)?
                && !row.voided
            {
                found.push(row);
            }
        }
        Ok(found)
    }

    /// Alerts that joined a ticket after its crossing, by event time, those after `after` and up to `until`;
    /// the latest `most` of them.
    pub fn joined(
        &self,
        ticket: i64,
        after: Option<Timestamp>,
        until: Option<Timestamp>,
        most: usize,
    ) -> Result<Vec<AlertRow>, Error> {
        let ids: Vec<i64> = self
            .connection
            .prepare_cached(
                "SELECT alert.id FROM ticket_alert JOIN alert ON alert.id=ticket_alert.alert
                 WHERE ticket=?1 AND voided=0 AND event>?2 AND event<=?3 ORDER BY event DESC, alert.id DESC LIMIT ?4",
            )
            .and_then(|mut s| {
                s.query_map(
                    params![
                        ticket,
                        after.map_or(i64::MIN, |t| t.as_second()),
                        until.map_or(i64::MAX, |t| t.as_second()),
                        most as i64
                    ],
                    |r| r.get(0),
                )?
                .collect()
            })
            .doing("list joined alerts")?;
        let ids: Vec<i64> = ids.into_iter().rev().collect();
        self.alerts_by_id(&ids)
    }

    /// Event time of the first alert that joined a ticket after this event time.
    pub fn first_joined_after(&self, ticket: i64, after: Timestamp) -> Result<Option<Timestamp>, Error> {
        self.connection
            .prepare_cached(
                "SELECT min(event) FROM ticket_alert JOIN alert ON alert.id=ticket_alert.alert
                 WHERE ticket=?1 AND voided=0 AND event>?2",
            )
            .and_then(|mut s| s.query_row([ticket, after.as_second()], |r| r.get::<_, Option<i64>>(0)))
            .doing("find the next joined alert")
            .map(|t| t.map(time))
    }

    /// How many alerts joined a ticket with event times up to `until`.
    pub fn joined_until(&self, ticket: i64, until: Timestamp) -> Result<u64, Error> {
        self.connection
            .prepare_cached(
                "SELECT count(*) FROM ticket_alert JOIN alert ON alert.id=ticket_alert.alert
                 WHERE ticket=?1 AND voided=0 AND event<=?2",
            )
            .and_then(|mut s| s.query_row([ticket, until.as_second()], |r| r.get::<_, i64>(0)))
            .doing("count joined alerts")
            .map(|n| n as u64)
    }

    /// How many replies to tickets arrived since then.
    pub fn reply_count(&self, since: Timestamp) -> Result<u64, Error> {
        self.connection
            .prepare_cached(
                "SELECT count(*) FROM ticket_reply JOIN mail ON mail.id=ticket_reply.mail WHERE arrival>=?1",
            )
            .and_then(|mut s| s.query_row([since.as_second()], |r| r.get::<_, i64>(0)))
            .doing("count replies")
            .map(|n| n as u64)
    }

    /// Mails that reply to a ticket.
    pub fn replies(&self, ticket: i64) -> Result<Vec<i64>, Error> {
        self.connection
            .prepare_cached("SELECT mail FROM ticket_reply WHERE ticket=?1 ORDER BY mail")
            .and_then(|mut s| s.query_map([ticket], |r| r.get(0))?.collect())
            .doing("list replies")
    }
}

/// What joining needs to know of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketBrief {
    pub number: String,
    pub state: State,
    pub crossed: Timestamp,
    pub unreported: Option<Timestamp>,
    pub updated: Option<Timestamp>,
    /// When the last reminder was due.
    pub reminded: Option<Timestamp>,
}

impl Tx<'_> {
    /// The few columns which joining needs, without the ticket's JSON.
    pub fn ticket_brief(&self, id: i64) -> Result<Option<TicketBrief>, Error> {
        self.db()
            .prepare_cached("SELECT number,state,crossed,unreported,updated,reminded FROM ticket WHERE id=?1")
            .and_then(|mut s| {
                s.query_row([id], |r| {
                    let word: String = r.get(1)?;
                    let maybe = |i| r.get::<_, Option<i64>>(i).map(|t| t.map(time));
                    Ok(TicketBrief {
                        number: r.get(0)?,
                        state: State::ALL.into_iter().find(|s| s.word() == word).unwrap_or(State::Closed),
                        crossed: time(r.get(2)?),
                        unreported: maybe(3)?,
                        updated: maybe(4)?,
                        reminded: maybe(5)?,
                    })
                })
                .optional()
            })
            .doing("read a ticket")
    }
}
