//! The story of one mail, readable top to bottom: read, judge, count, decide, commit.
//!
//! In: a mail that was read ([`Arrived`]) and an open transaction. Out: an [`Account`] of what became of
//! it, the same for `ingest`, `explain` (which rolls back), `mail retry` and mailboxes. It knows no SQL and
//! no terminal.

pub mod account;
pub mod batch;
pub mod retry;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod tests_support;

pub use account::Account;

use crate::alert::engine::{Engine, Reading};
use crate::alert::model::NearMiss;
use crate::alert::{AlertRecord, Judgement, Outcome, Reason};
use crate::mail::{Mail, RawMail};
use crate::rules::RuleSet;
use crate::rules::model::ThresholdRule;
use crate::store::{
    self, Copies, CountedNote, MailRow, NewMail, NewTicket, Packed, RawPlace, Store, StoredLists, Twin, Tx,
};
use crate::ticket::{self, State};
use crate::tracking::{self, Seen, Subject, Thresholds};
use account::{AlertAccount, steps_of_count};
use jiff::Timestamp;
use std::sync::Arc;

/// A mail that was read, but not judged.
#[derive(Debug)]
pub struct Arrived {
    /// Shared with the panic hook of `ingest`, which spools it if anything of ours panics.
    pub raw: Arc<RawMail>,
    pub mail: Mail,
    pub reading: Reading,
    pub arrival: Timestamp,
    /// Where it was read: `stdin`, a path, `path:offset`.
    pub place: String,
    /// The raw bytes compressed together with their neighbours', where a worker has done it already.
    pub packed: Option<Packed>,
}

impl Arrived {
    /// Reads what rules need of a raw mail. The slow part of the story; it asks no list and no table.
    pub fn read(raw: Arc<RawMail>, engine: &Engine<'_>, arrival: Arrival, place: String) -> Self {
        let mail = crate::mail::parse(&raw);
        let arrival = match arrival {
            Arrival::Known(arrival) => arrival,
            Arrival::OfMailbox { said, now } => mail.received.or(said).unwrap_or(now),
        };
        let reading = engine.read(&mail, arrival);
        // What judging still needs; the rest is freed by the thread that made it.
        let mail = Mail { from: mail.from, subject: mail.subject, ..Mail::default() };
        Self { raw, mail, reading, arrival, place, packed: None }
    }
}

/// When a mail arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The caller saw it come, or kept when it came; no Received header of the mail is asked.
    Known(Timestamp),
    /// It waited in a mailbox: our own Received header says when it came, else what the mailbox said, else
    /// it came now.
    OfMailbox { said: Option<Timestamp>, now: Timestamp },
}

/// The place of a mail that came through a mail system's pipe.
pub const STDIN: &str = "stdin";

/// Where mails are settled: the rules, and one transaction with what it sees of the lists.
#[derive(Debug)]
pub struct Desk<'a, 'r> {
    tx: &'a Tx<'a>,
    rules: &'a RuleSet,
    engine: &'a Engine<'r>,
    lists: StoredLists<'a>,
    thresholds: Thresholds,
}

impl<'a, 'r> Desk<'a, 'r> {
    /// Sits down with a transaction: thresholds set while running are appended to those of the rules.
    pub fn open(tx: &'a Tx<'a>, rules: &'a RuleSet, engine: &'a Engine<'r>) -> Result<Self, store::Error> {
        let set = tx.store().thresholds()?;
        let thresholds = if set.is_empty() {
            Thresholds::new(&rules.thresholds)
        } else {
            Thresholds::new(&with_set(&rules.thresholds, set.into_iter().map(|t| t.rule)))
        };
        Ok(Self { tx, rules, engine, lists: tx.store().lists(), thresholds })
    }

    /// Judges, counts and stores one mail. Nothing is durable before the transaction is committed.
    ///
    /// # Errors
    /// What the store says; the caller rolls back and spools the mail.
    pub fn settle(&self, arrived: &Arrived, explain: bool) -> Result<Account, store::Error> {
        match self.tx.twin(&arrived.raw.identity, |n| arrived.raw.key_of_prefix(n))? {
            Twin::Same { mail } => self.settle_same(mail, arrived, explain),
            Twin::Copies(copies) => self.settle_copy(&copies, arrived, explain),
        }
    }

    /// The same mail again is `duplicate`. But headers outside its key (Authentication-Results, a second From)
    /// decide too: where the first copy was refused and this one is not, this one takes its place.
    fn settle_same(&self, first: i64, arrived: &Arrived, explain: bool) -> Result<Account, store::Error> {
        let refused = |outcome| retry::RETRIED.contains(&outcome);
        let reason = Reason::SameMail { mail: first };
        let Some(old) = self.tx.store().mail(first)?.filter(|m| refused(m.outcome)) else {
            return self.file_duplicate(arrived, reason, false);
        };
        let judgement = self.judge(arrived, explain)?;
        if refused(judgement.outcome) {
            return self.file_duplicate(arrived, reason, false);
        }
        let taken_over = Reason::SameMail { mail: self.tx.next_mail()? };
        self.tx.set_outcome(
            first,
            Outcome::Duplicate,
            &taken_over,
            old.event,
            old.first_alert,
            old.alerts,
        )?;
        self.file(arrived, judgement, None, explain)
    }

    /// A shorter copy of a mail already there is `duplicate`, a longer one supersedes its own prefix. But a
    /// longer one that was refused must not suppress a genuine alert, whichever came first.
    fn settle_copy(
        &self,
        copies: &Copies,
        arrived: &Arrived,
        explain: bool,
    ) -> Result<Account, store::Error> {
        for longer in &copies.longer {
            let refused = |m: MailRow| retry::RETRIED.contains(&m.outcome);
            if !self.tx.store().mail(*longer)?.is_some_and(refused) {
                return self.file_duplicate(arrived, Reason::PrefixOf { mail: *longer }, true);
            }
        }
        let judgement = self.judge(arrived, explain)?;
        if let Some(longer) = copies.longer.first()
            && judgement.outcome != Outcome::Counted
        {
            return self.file_duplicate(arrived, Reason::PrefixOf { mail: *longer }, true);
        }
        for shorter in &copies.shorter {
            self.supersede(*shorter, self.tx.next_mail()?, &judgement)?;
        }
        self.file(arrived, judgement, None, explain)
    }

    fn judge(&self, arrived: &Arrived, explain: bool) -> Result<Judgement, store::Error> {
        let install = self.tx.store().install();
        let judgement = self.engine.judge(&arrived.mail, &arrived.reading, &self.lists, install, explain);
        self.lists.check()?;
        Ok(judgement)
    }

    fn file_duplicate(&self, arrived: &Arrived, reason: Reason, keep: bool) -> Result<Account, store::Error> {
        let id = self.insert(arrived, Outcome::Duplicate, &reason, arrived.arrival, keep, 0, 0)?;
        Ok(Account::new(id, &arrived.place, Outcome::Duplicate, &reason))
    }

    /// Files a judged mail, as a new one or under the row it has, and counts its alerts where it counts.
    fn file(
        &self,
        arrived: &Arrived,
        judgement: Judgement,
        stored: Option<&MailRow>,
        explain: bool,
    ) -> Result<Account, store::Error> {
        let mail = stored.map_or_else(|| self.tx.next_mail(), |row| Ok(row.id))?;
        let first_alert = self.tx.next_alert()?;
        let Judgement { outcome, reason, records, steps, near_miss, .. } = judgement;
        let mut account = Account::new(mail, &arrived.place, outcome, &reason);
        account.steps = steps;
        let mut alerts = 0;
        if outcome == Outcome::Counted {
            for record in &records {
                account.alerts.push(self.count(mail, &arrived.raw, record, explain, &mut account.steps)?);
                alerts += 1;
            }
        } else {
            account.alerts.extend(records.iter().map(AlertAccount::uncounted));
        }
        let event = records.first().map_or(arrived.arrival, |r| r.event);
        match stored {
            Some(_) => self.tx.set_outcome(mail, outcome, &reason, event, first_alert, alerts)?,
            None => {
                self.insert(arrived, outcome, &reason, event, true, first_alert, alerts)?;
            }
        }
        if let Reason::ReplyToTicket { ticket } = &reason {
            self.tx.insert_reply(ticket, mail)?;
        }
        // A near miss counts mails, each once, however often it is judged.
        if let Some(miss) = near_miss
            && !stored.is_some_and(|row| is_listed(&row.reason, &miss))
        {
            self.tx.insert_near_miss(&miss, mail, event)?;
        }
        Ok(account)
    }

    #[expect(clippy::too_many_arguments, reason = "one row, its columns; both callers stand right above")]
    fn insert(
        &self,
        arrived: &Arrived,
        outcome: Outcome,
        reason: &Reason,
        event: Timestamp,
        keep: bool,
        first_alert: i64,
        alerts: u32,
    ) -> Result<i64, store::Error> {
        let raw = &arrived.raw;
        let place = if !keep || raw.kept == 0 {
            RawPlace::default()
        } else if let Some(packed) = &arrived.packed {
            self.tx.insert_raw(raw, Some(packed))?
        } else {
            self.tx.insert_raw(raw, store::pack(&[raw]).remove(0).as_ref())?
        };
        let id = self.tx.insert_mail(&NewMail {
            identity: &raw.identity,
            outcome,
            reason,
            arrival: arrived.arrival,
            event,
            length: raw.length,
            kept: if keep { raw.kept } else { 0 },
            raw: place,
            digest: raw.digest.as_ref(),
            sender: bounded(arrived.mail.from.first().map_or("", |a| &a.address)),
            subject: bounded(&arrived.mail.subject),
            place: &arrived.place,
            first_alert,
            alerts,
        })?;
        Ok(id)
    }

    /// Counts one alert record: window, threshold, ticket, failed distribution.
    fn count(
        &self,
        mail: i64,
        raw: &RawMail,
        record: &AlertRecord,
        explain: bool,
        steps: &mut Vec<crate::alert::Step>,
    ) -> Result<AlertAccount, store::Error> {
        if record.refused.is_some() {
            self.tx.insert_alert(mail, record, &CountedNote::default(), &[])?;
            return Ok(AlertAccount::uncounted(record));
        }
        let subject = Subject {
            device: &record.device,
            failure: &record.failure,
            building: record.building.as_deref(),
            server: record.server.as_deref(),
            region: record.region.as_deref(),
            package: record.package.as_deref(),
        };
        let threshold = self.thresholds.winner(&subject);
        let alert = self.tx.next_alert()?;
        let mut row = self.tx.tracking(&record.device, &record.failure)?;
        let seen = Seen { event: record.event, alert };
        let counted = tracking::count(&mut row.window, seen, threshold);
        let mut action = Vec::new();
        let mut number = None;
        if let Some(ticket) = row.ticket {
            number = self.join(ticket, seen)?;
            match &number {
                Some(number) => action.push(format!("joined ticket {number}")),
                None => row.ticket = None,
            }
        }
        if row.ticket.is_none() && counted.crossed {
            let (ticket, new) = self.cross(raw, record, seen, &row.window, &subject)?;
            row.ticket = Some(ticket);
            action.push(format!("crossed the threshold: ticket {new}"));
            number = Some(new);
        }
        if explain {
            steps.extend(steps_of_count(record, &self.thresholds.choose(&subject), &counted, &number));
        }
        self.tx.keep_tracking(&record.device, &record.failure, row);
        let note = CountedNote { in_window: counted.in_window, needed: threshold.count, ticket: number };
        self.tx.insert_alert(mail, record, &note, &action)?;
        self.tx.learn_device(record)?;
        self.tx.record_failed(alert, record)?;
        Ok(AlertAccount::counted(record, &note))
    }

    /// A crossing becomes a deferred ticket, which `flush` and `run` judge.
    fn cross(
        &self,
        raw: &RawMail,
        record: &AlertRecord,
        seen: Seen,
        window: &tracking::Window,
        subject: &Subject<'_>,
    ) -> Result<(i64, String), store::Error> {
        let number = (0..)
            .map(|salt| {
                let install = self.tx.store().install();
                ticket::number(install, &record.device, &record.failure, &raw.identity.full, salt)
            })
            .find_map(|number| match self.tx.number_taken(&number) {
                Ok(true) => None,
                Ok(false) => Some(Ok(number)),
                Err(error) => Some(Err(error)),
            })
            .expect("the salts never end")?;
        let latest = window.recent.len().saturating_sub(100);
        let alerts: Vec<i64> = window.recent[latest..].iter().map(|s| s.alert).collect();
        for before in alerts.iter().filter(|a| **a != seen.alert) {
            self.tx.append_action(*before, &format!("joined ticket {number}"))?;
        }
        let id = self.tx.insert_ticket(&NewTicket {
            number: &number,
            device: &record.device,
            failure: &record.failure,
            crossed: record.event,
            crossing: seen.alert,
            alerts: &alerts,
            total: window.total,
            first: window.first.unwrap_or(record.event),
            last: window.last.unwrap_or(record.event),
            choice: &self.thresholds.choose(subject),
            due: record.event.min(record.arrival),
        })?;
        Ok((id, number))
    }

    /// Joins the open ticket of a key; None where that ticket is no longer open.
    fn join(&self, ticket: i64, seen: Seen) -> Result<Option<String>, store::Error> {
        let Some(brief) = self.tx.ticket_brief(ticket)? else { return Ok(None) };
        if !brief.state.is_open() {
            return Ok(None);
        }
        let rules = &self.rules.settings.tickets;
        let unreported = brief.unreported.map_or(seen.event, |t| t.min(seen.event));
        let update = ticket::update_due(brief.updated.unwrap_or(brief.crossed), unreported, rules);
        let reminder = ticket::reminder_due(brief.reminded.unwrap_or(brief.crossed), seen.event, rules);
        let due = reminder.map_or(update, |r| r.min(update));
        self.tx.join_ticket(ticket, seen.alert, seen.event, Some(due))?;
        Ok(Some(brief.number))
    }

    /// A longer copy takes over from a shorter one: the shorter becomes `duplicate`, its counts move.
    ///
    /// Not where the longer one is refused and the shorter one was counted: appending rubbish to a
    /// genuine alert must not suppress it.
    fn supersede(&self, shorter: i64, longer: i64, judgement: &Judgement) -> Result<(), store::Error> {
        let store = self.tx.store();
        let Some(old) = store.mail(shorter)? else { return Ok(()) };
        if old.outcome == Outcome::Counted && judgement.outcome != Outcome::Counted {
            return Ok(());
        }
        let before = self.alerts_of(&old)?;
        if !continues(&before, &judgement.records) {
            return Ok(());
        }
        self.withdraw(&old)?;
        for alert in &before {
            let stays = |r: &AlertRecord| {
                r.refused.is_none() && r.device == alert.record.device && r.failure == alert.record.failure
            };
            if !judgement.records.iter().any(stays) {
                self.withdraw_ticket(&alert.record)?;
            }
        }
        // It keeps its voided alerts, so that they are forgotten with it.
        let reason = Reason::PrefixOf { mail: longer };
        self.tx.set_outcome(shorter, Outcome::Duplicate, &reason, old.event, old.first_alert, old.alerts)
    }

    /// The standing alerts of a mail.
    fn alerts_of(&self, old: &store::MailRow) -> Result<Vec<store::AlertRow>, store::Error> {
        let ids: Vec<i64> = (old.first_alert..old.first_alert + i64::from(old.alerts)).collect();
        let mut rows = self.tx.store().alerts_by_id(&ids)?;
        rows.retain(|row| row.mail == old.id);
        Ok(rows)
    }

    /// A ticket for a device which only a cut-off copy named: dropped, and taken back where it was sent.
    fn withdraw_ticket(&self, record: &AlertRecord) -> Result<(), store::Error> {
        let mut tracked = self.tx.tracking(&record.device, &record.failure)?;
        let Some(id) = tracked.ticket.filter(|_| tracked.window.total == 0) else { return Ok(()) };
        let Some(mut row) = self.tx.store().ticket(id)?.filter(|t| t.state.is_open()) else { return Ok(()) };
        if row.device != record.device || row.failure != record.failure {
            // Its own joined that of a shared fault, which others need.
            tracked.ticket = None;
            self.tx.keep_tracking(&record.device, &record.failure, tracked);
            return Ok(());
        }
        row.why = Some(ticket::SUPERSEDED.to_owned());
        if row.state == State::Deferred {
            row.state = State::Dropped;
            (row.ended, row.due) = (Some(record.arrival), None);
            tracked.ticket = None;
            self.tx.keep_tracking(&record.device, &record.failure, tracked);
        } else {
            // `flush` ends it and tells the maintenance center to stand down.
            row.due = Some(record.arrival);
        }
        self.tx.keep_ticket(&row)
    }

    /// Takes the alerts of a mail out of all counts.
    fn withdraw(&self, old: &MailRow) -> Result<(), store::Error> {
        for row in self.alerts_of(old)? {
            let alert = row.id;
            let (device, failure) = (&row.record.device, &row.record.failure);
            if row.record.refused.is_none() {
                let mut tracked = self.tx.tracking(device, failure)?;
                tracking::uncount(&mut tracked.window, Seen { event: row.record.event, alert });
                self.tx.leave_tickets(alert, tracked.ticket)?;
                self.tx.keep_tracking(device, failure, tracked);
            }
            self.tx.void_alert(alert)?;
        }
        Ok(())
    }
}

/// Whether a longer copy says at least what the shorter one said: all its alerts, except that the last one may
/// have been cut off inside its device's name.
fn continues(before: &[store::AlertRow], after: &[AlertRecord]) -> bool {
    let same = |a: &AlertRecord, b: &AlertRecord| a.device == b.device && a.failure == b.failure;
    before.iter().enumerate().all(|(index, row)| {
        let cut = |r: &AlertRecord| index + 1 == before.len() && r.device.starts_with(&row.record.device);
        after.iter().any(|r| same(&row.record, r))
            || after.get(index).is_some_and(cut)
            // Cut inside its failure: the same device, another type.
            || after.get(index).is_some_and(|r| index + 1 == before.len() && r.device == row.record.device)
    })
}

/// Thresholds of the rules, then those set while running: the later beats the earlier of the same scope.
pub fn with_set(rules: &[ThresholdRule], set: impl Iterator<Item = ThresholdRule>) -> Vec<ThresholdRule> {
    let set: Vec<_> = set.collect();
    let replaced = |r: &&ThresholdRule| !set.iter().any(|s| s.scope == r.scope && s.failure == r.failure);
    rules.iter().filter(replaced).cloned().chain(set.iter().cloned()).collect()
}

/// Whether a mail refused for this reason is among the mails of a near miss.
fn is_listed(before: &Reason, miss: &NearMiss) -> bool {
    matches!(before, Reason::NodeUnlisted { node, domain, .. } if *node == miss.node && *domain == miss.domain)
}

/// Header values as they are kept beside a mail: at most 300 bytes.
fn bounded(text: &str) -> &str {
    &text[..text.floor_char_boundary(300)]
}

/// Takes in one mail: one transaction, durable when this returns.
///
/// # Errors
/// What the store says; nothing of the mail is then in the database.
pub fn take_in(
    store: &Store,
    rules: &RuleSet,
    engine: &Engine<'_>,
    arrived: &Arrived,
) -> Result<Account, store::Error> {
    let tx = store.begin()?;
    let account = Desk::open(&tx, rules, engine)?.settle(arrived, false)?;
    tx.commit()?;
    Ok(account)
}

/// Shown the state as it would be, before it is rolled back.
pub type Look<'a> = dyn FnMut(&Store, &Account) -> Result<(), store::Error> + 'a;

/// What taking in one mail would give now, and why; nothing is changed.
pub fn rehearse(
    store: &Store,
    rules: &RuleSet,
    engine: &Engine<'_>,
    arrived: &Arrived,
    look: &mut Look<'_>,
) -> Result<Account, store::Error> {
    let tx = store.begin()?;
    let account = Desk::open(&tx, rules, engine)?.settle(arrived, true)?;
    look(store, &account)?;
    tx.roll_back();
    Ok(account)
}

/// What judging a stored mail anew would give now, as if it had not been taken in; nothing is changed.
pub fn rehearse_stored(
    store: &Store,
    rules: &RuleSet,
    engine: &Engine<'_>,
    row: &MailRow,
    arrived: &Arrived,
    look: &mut Look<'_>,
) -> Result<Account, store::Error> {
    let tx = store.begin()?;
    let desk = Desk::open(&tx, rules, engine)?;
    desk.withdraw(row)?;
    let judgement = desk.judge(arrived, true)?;
    let account = desk.file(arrived, judgement, Some(row), true)?;
    drop(desk);
    look(store, &account)?;
    tx.roll_back();
    Ok(account)
}

/// Takes up mails waiting in the spool, oldest first, at most `most`. Returns how many entered; none where
/// another process is taking them up.
///
/// A mail that cannot be read stays and counts a try; one that used up three is set aside in
/// `spool/quarantine`. Trouble of the database is no fault of the mail's: it ends the run and counts nothing.
pub fn drain_spool(
    store: &Store,
    rules: &RuleSet,
    engine: &Engine<'_>,
    most: usize,
    each: &mut dyn FnMut(&Account),
) -> Result<usize, store::Error> {
    let Some(drain) = store::spool::Drain::take(store.folder())? else { return Ok(0) };
    let mut entered = 0;
    let mut unreadable = None;
    for spooled in store::spool::waiting(store.folder(), most)? {
        let Some(path) = store::spool::begin(&spooled, &drain)? else { continue };
        let raw = match read_spooled(store, &path) {
            Ok(raw) => raw,
            Err(error) => {
                unreadable.get_or_insert(error);
                continue;
            }
        };
        let arrival = Arrival::Known(spooled.arrival);
        let arrived = Arrived::read(Arc::new(raw), engine, arrival, "spool".to_owned());
        match take_in(store, rules, engine, &arrived) {
            Ok(account) => {
                store::spool::done(&path);
                each(&account);
                entered += 1;
            }
            Err(error) => {
                store::spool::put_back(&spooled, &path);
                return Err(error);
            }
        }
    }
    unreadable.map_or(Ok(entered), Err)
}

fn read_spooled(store: &Store, path: &std::path::Path) -> Result<RawMail, store::Error> {
    let mut raw = std::fs::File::open(path)
        .and_then(|f| crate::mail::read::message(f, &store.spill_folder()))
        .map_err(|source| store::Error::Io { what: "read", path: path.into(), source })?;
    if let Some((length, digest)) = store::spool::whole(path) {
        (raw.length, raw.digest, raw.oversize) = (length, Some(digest), true);
    }
    Ok(raw)
}
