//! Faults that many crossings share: one ticket for all of them; how many tickets a maintenance center got; and
//! what the mails say of devices that work again.
//!
//! In: fault, lead ticket, the tickets that joined it. Out: the same, by point look-ups. Whether two crossings
//! share a fault is decided elsewhere.

use super::column::{from_json, time};
use super::{Doing, Error, Store, TicketRow, Tx};
use crate::alert::{Outcome, Reason};
use crate::ticket::Fault;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

/// A step of the ladder in `schema.rs`.
pub(super) const TABLES: &str = "
-- The latest ticket of a fault; it is the open one while its state is.
CREATE TABLE fault(kind TEXT NOT NULL, name TEXT NOT NULL, ticket INTEGER NOT NULL, PRIMARY KEY(kind, name))
  STRICT, WITHOUT ROWID;
-- Tickets that joined the one of their fault.
CREATE TABLE fault_member(lead INTEGER NOT NULL, member INTEGER NOT NULL, PRIMARY KEY(lead, member))
  STRICT, WITHOUT ROWID;
-- Tickets by the maintenance center that got them.
CREATE TABLE center_ticket(center TEXT NOT NULL, at INTEGER NOT NULL, ticket INTEGER NOT NULL,
  PRIMARY KEY(center, at, ticket)) STRICT, WITHOUT ROWID;
";

/// Devices that a recovery notice named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryRow {
    pub mail: i64,
    pub at: Timestamp,
    pub devices: Vec<String>,
}

impl Tx<'_> {
    /// The ticket of a fault, while it is open.
    pub fn open_fault(&self, fault: &Fault) -> Result<Option<TicketRow>, Error> {
        let (kind, name) = fault.key();
        let ticket: Option<i64> = self
            .db()
            .prepare_cached("SELECT ticket FROM fault WHERE kind=?1 AND name=?2")
            .and_then(|mut s| s.query_row([kind, &name], |r| r.get(0)).optional())
            .doing("look for a fault")?;
        let row = ticket.map(|id| self.store().ticket(id)).transpose()?.flatten();
        Ok(row.filter(|row| row.state.is_open()))
    }

    /// This ticket stands for the fault from now on.
    pub fn keep_fault(&self, fault: &Fault, lead: i64) -> Result<(), Error> {
        let (kind, name) = fault.key();
        self.db()
            .prepare_cached("INSERT OR REPLACE INTO fault(kind,name,ticket) VALUES(?1,?2,?3)")
            .and_then(|mut s| s.execute(params![kind, name, lead]))
            .doing("keep a fault")
            .map(|_| ())
    }

    /// A ticket joined that of its fault.
    pub fn join_fault(&self, lead: i64, member: i64) -> Result<(), Error> {
        self.db()
            .prepare_cached("INSERT OR IGNORE INTO fault_member(lead,member) VALUES(?1,?2)")
            .and_then(|mut s| s.execute([lead, member]))
            .doing("join a fault")
            .map(|_| ())
    }

    /// Held tickets are due.
    pub fn wake_held(&self, now: Timestamp) -> Result<(), Error> {
        self.db()
            .prepare_cached("UPDATE ticket SET due=min(due,?1) WHERE due IS NOT NULL AND state='held'")
            .and_then(|mut s| s.execute([now.as_second()]))
            .doing("wake held tickets")
            .map(|_| ())
    }

    /// A maintenance center gets a ticket dated so; rows older than a day before it are forgotten.
    pub fn note_center(&self, center: &str, ticket: i64, at: Timestamp) -> Result<(), Error> {
        let day = at.as_second().saturating_sub(86_400);
        self.db()
            .prepare_cached("DELETE FROM center_ticket WHERE center=?1 AND at<?2")
            .and_then(|mut s| s.execute(params![center, day]))
            .and_then(|_| {
                self.db()
                    .prepare_cached("INSERT OR IGNORE INTO center_ticket(center,at,ticket) VALUES(?1,?2,?3)")?
                    .execute(params![center, at.as_second(), ticket])
            })
            .doing("note a ticket of a center")
            .map(|_| ())
    }
}

impl Store {
    /// Tickets that joined this one's fault, in the order of their crossings.
    pub fn fault_members(&self, lead: i64) -> Result<Vec<TicketRow>, Error> {
        let ids: Vec<i64> = self
            .connection
            .prepare_cached("SELECT member FROM fault_member WHERE lead=?1")
            .and_then(|mut s| s.query_map([lead], |r| r.get(0))?.collect())
            .doing("list the tickets behind a fault")?;
        let mut rows = Vec::with_capacity(ids.len());
        for id in ids {
            rows.extend(self.ticket(id)?);
        }
        rows.sort_by(|a, b| (a.crossed, &a.number).cmp(&(b.crossed, &b.number)));
        Ok(rows)
    }

    /// The tickets whose fault this one joined.
    pub fn fault_leads(&self, member: i64) -> Result<Vec<TicketRow>, Error> {
        let ids: Vec<i64> = self
            .connection
            .prepare_cached("SELECT lead FROM fault_member WHERE member=?1")
            .and_then(|mut s| s.query_map([member], |r| r.get(0))?.collect())
            .doing("look for the ticket of a fault")?;
        let mut rows = Vec::with_capacity(ids.len());
        for id in ids {
            rows.extend(self.ticket(id)?);
        }
        Ok(rows)
    }

    /// Tickets that a center got in the hour that begins then.
    pub fn center_tickets(&self, center: &str, hour: Timestamp) -> Result<u64, Error> {
        let (from, to) = (hour.as_second(), hour.as_second().saturating_add(3600));
        self.connection
            .prepare_cached("SELECT count(*) FROM center_ticket WHERE center=?1 AND at>=?2 AND at<?3")
            .and_then(|mut s| s.query_row(params![center, from, to], |r| r.get::<_, i64>(0)))
            .doing("count the tickets of a center")
            .map(|n| n.max(0) as u64)
    }

    /// Recovery notices among the mails after this one, in their order: a walk along the primary key.
    pub fn recovery_notices(&self, after: i64) -> Result<Vec<RecoveryRow>, Error> {
        let repair = Outcome::ALL.iter().position(|o| *o == Outcome::Repair).unwrap_or_default();
        let rows: Vec<(i64, i64, String)> = self
            .connection
            .prepare_cached("SELECT id,event,reason FROM mail WHERE id>?1 AND outcome=?2 ORDER BY id")
            .and_then(|mut s| {
                s.query_map(params![after, repair as i64], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
                    .collect()
            })
            .doing("look for recovery notices")?;
        let mut notices = Vec::new();
        for (mail, at, reason) in rows {
            if let Reason::RecoveryNotice { devices, .. } = from_json("reason", &reason)? {
                notices.push(RecoveryRow { mail, at: time(at), devices });
            }
        }
        Ok(notices)
    }
}
