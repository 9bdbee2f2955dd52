//! Judges deferred and held tickets: location records and outage notices are looked up, device and intermediate
//! server diagnosed, `ticket` decides, and what it decided is written back.
//!
//! In: an open store, the rules, the notices, who asks the network. Out: every due ticket held, deferred, queued,
//! joined to the one of its fault, closed or dropped, with its reasons. The network is asked once per pass and
//! outside of any transaction, so that mails come in meanwhile.

use super::endings::{self, By};
use super::outages::{self, Outages};
use super::{Error, Report, Work, thread};
use crate::alert::model::Routed;
use crate::diagnosis::{Diagnosis, Diagnostics, Target};
use crate::location::{Record, Stated, Verification, verify};
use crate::outage::{Expectation, Subject};
use crate::rules::RuleSet;
use crate::store::{RecoveryRow, Store, TicketRow, Tx};
use crate::ticket::{self, Decision, Fault, Recovery, State, TicketFacts};
use crate::tracking::{self, Seen};
use jiff::Timestamp;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;

/// Asks the network after computers, all at once: a report for each, in order, or why nothing was asked.
pub type Diagnose<'a> = dyn FnMut(&[Target]) -> Result<Vec<crate::diagnosis::Report>, String> + 'a;

/// Tickets of one pass.
const PASS: usize = 1000;
/// Tickets per transaction.
const AT_ONCE: usize = 50;

/// A ticket with everything that was looked up for it.
struct Case {
    row: TicketRow,
    facts: TicketFacts,
    /// Addresses of the intermediate server, as its location record has them.
    server: Vec<String>,
}

/// Judges every due ticket, oldest crossing first.
pub(super) fn judge_due(store: &Store, work: &mut Work<'_>, report: &mut Report) -> Result<(), Error> {
    let notes = outages::refresh(store, work.folder, &work.rules.settings.outages, (work.clock)())?;
    wake(store, (work.clock)())?;
    let mut desk = None;
    while !work.stop.load(Ordering::Relaxed) {
        let now = (work.clock)();
        let rows = store.to_judge(now, PASS)?;
        if rows.is_empty() {
            return Ok(());
        }
        let desk = match &mut desk {
            Some(desk) => desk,
            none => none.insert(Desk::open(store, notes.clone())?),
        };
        let recoveries = recoveries(store, &rows)?;
        let (mut cases, mut aside) = (Vec::with_capacity(rows.len()), Vec::new());
        desk.outages.forget();
        store.reference()?.at_once(|| {
            for row in rows {
                // An alert that joins asks for a look; a recheck waits for its time all the same.
                let early = row.decision.as_ref().and_then(|before| before.due).is_some_and(|due| due > now);
                match thread::facts(store, &row)? {
                    Some(facts) if row.state != State::Deferred || !early => {
                        cases.push(desk.look(row, facts, &recoveries, now)?);
                    }
                    facts => aside.push((row.id, facts.is_some())),
                }
            }
            Ok::<(), Error>(())
        })?;
        set_aside(store, &aside, now, report)?;
        ask(&mut cases, work.rules, now, work.diagnose);
        let judged = cases.into_iter().map(|case| case.decide(work.rules, now)).collect();
        write(store, work, judged, now, report)?;
    }
    Ok(())
}

/// Where notices changed, every held ticket is looked at again: its outage may have been taken back.
fn wake(store: &Store, now: Timestamp) -> Result<(), Error> {
    const NOTE: &str = "notices judged by";
    let mark = store.reference()?.notices_mark()?;
    if store.note(NOTE)?.as_deref() != Some(&mark) {
        let tx = store.begin()?;
        tx.wake_held(now)?;
        tx.keep_note(NOTE, &mark)?;
        tx.commit()?;
    }
    Ok(())
}

/// What would be decided now of a crossing that is only rehearsed; nothing is changed.
///
/// # Errors
/// What the store says.
pub fn foresee(
    store: &Store,
    rules: &RuleSet,
    row: TicketRow,
    facts: TicketFacts,
    now: Timestamp,
    diagnose: &mut Diagnose<'_>,
) -> Result<Decision, Error> {
    let desk = Desk::open(store, Vec::new())?;
    let mut case = [desk.look(row, facts, &[], now)?];
    ask(&mut case, rules, now, diagnose);
    let [case] = case;
    Ok(case.decide(rules, now).1)
}

/// Tickets that are not judged now: too early, or their crossing alert was purged.
fn set_aside(
    store: &Store,
    tickets: &[(i64, bool)],
    now: Timestamp,
    report: &mut Report,
) -> Result<(), Error> {
    if tickets.is_empty() {
        return Ok(());
    }
    let tx = store.begin()?;
    for (id, early) in tickets {
        let Some(mut row) = store.ticket(*id)?.filter(|row| row.state.is_open()) else { continue };
        if *early {
            row.due = row.decision.as_ref().and_then(|before| before.due);
        } else {
            row.state = State::Dropped;
            row.why = Some("its crossing alert is no longer stored".to_owned());
            (row.ended, row.due) = (Some(now), None);
            report.judged += 1;
        }
        tx.keep_ticket(&row)?;
    }
    Ok(tx.commit()?)
}

/// Recovery notices since the first crossing among held tickets; no others ask for them.
fn recoveries(store: &Store, rows: &[TicketRow]) -> Result<Vec<RecoveryRow>, Error> {
    let held = rows.iter().filter(|row| row.state == State::Held);
    let Some(first) = held.map(|row| row.crossing).min() else { return Ok(Vec::new()) };
    let Some(alert) = store.alert(first)? else { return Ok(Vec::new()) };
    Ok(store.recovery_notices(alert.mail)?)
}

/// Where look-ups are made: notices and location records.
struct Desk<'a> {
    store: &'a Store,
    outages: Outages,
    /// Whether location records were ever imported.
    records: bool,
}

impl<'a> Desk<'a> {
    fn open(store: &'a Store, notes: Vec<String>) -> Result<Self, Error> {
        let records = store.reference()?.location_list()?.is_some();
        Ok(Self { store, outages: Outages::open(store, notes)?, records })
    }

    fn look(
        &self,
        row: TicketRow,
        mut facts: TicketFacts,
        recoveries: &[RecoveryRow],
        now: Timestamp,
    ) -> Result<Case, Error> {
        facts.evidence = ticket::Evidence::default();
        facts.fault = None;
        let stated = Stated::of(&facts.crossing);
        let mut server = Vec::new();
        if self.records {
            facts.evidence.location =
                verify(&stated, &self.store.reference()?.locations_for(&stated.keys())?);
            if let Some(record) = self.record_of(facts.crossing.server.as_deref())? {
                server = record.ips.clone();
                facts.evidence.server = Some(Box::new(record));
            }
        }
        facts.evidence.outage = self.outage(&facts, now)?;
        let last = row.last_joined.map_or(row.last, |joined| joined.max(row.last));
        let later = |notice: &&RecoveryRow| notice.at >= last && notice.devices.contains(&row.device);
        facts.evidence.recovery =
            recoveries.iter().rev().find(later).map(|notice| Recovery { mail: notice.mail, at: notice.at });
        Ok(Case { row, facts, server })
    }

    /// Asks the notices by every name and address that the alert or its location record has, and by the place
    /// that holds.
    fn outage(&self, facts: &TicketFacts, now: Timestamp) -> Result<Expectation, Error> {
        let alert = &facts.crossing;
        let record = facts.evidence.location.record();
        let recorded = |list: fn(&Record) -> &Vec<String>| record.map(list).into_iter().flatten();
        let mut names: Vec<&str> = vec![&alert.device, &alert.device_stated];
        names.extend(record.map(|record| record.name.as_str()));
        names.extend(recorded(|r| &r.aliases).map(String::as_str));
        let ips: Vec<&str> =
            alert.ip.as_deref().into_iter().chain(recorded(|r| &r.ips).map(String::as_str)).collect();
        let servers: Vec<&str> =
            [&alert.server, &alert.upstream].into_iter().flatten().map(String::as_str).collect();
        let [region, building, _] = facts.place();
        let subject = Subject {
            names: &names,
            mac: alert.mac.as_deref().or_else(|| recorded(|r| &r.macs).next().map(String::as_str)),
            ips: &ips,
            building: building.as_deref(),
            region: region.as_deref(),
            servers: &servers,
            package: alert.package.as_deref(),
        };
        Ok(self.outages.ask(self.store, &subject, now)?)
    }

    fn record_of(&self, name: Option<&str>) -> Result<Option<Record>, Error> {
        let Some(name) = name else { return Ok(None) };
        let stated = Stated::named(name);
        Ok(verify(&stated, &self.store.reference()?.locations_for(&stated.keys())?).record().cloned())
    }
}

/// Asks the network once for all tickets that no outage holds: their devices and intermediate servers.
fn ask(cases: &mut [Case], rules: &RuleSet, now: Timestamp, diagnose: &mut Diagnose<'_>) {
    let mut targets: Vec<Target> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut place = |host: &str, addresses: &[String], not_before: Option<Timestamp>| -> usize {
        let at = *places.entry(host.to_owned()).or_insert_with(|| {
            let address = addresses.iter().find_map(|ip| ip.parse().ok());
            targets.push(Target { host: host.to_owned(), address, not_before });
            targets.len() - 1
        });
        let target: &mut Target = &mut targets[at];
        target.not_before = target.not_before.max(not_before);
        at
    };
    let mut asked: Vec<Option<(usize, Option<usize>)>> = Vec::with_capacity(cases.len());
    for case in cases.iter() {
        let expected = matches!(case.facts.evidence.outage, Expectation::Expected { .. });
        asked.push((!expected).then(|| {
            let alert = &case.facts.crossing;
            let record = case.facts.evidence.location.record();
            let name = record.map_or(alert.device.as_str(), |record| record.name.as_str());
            let recorded = record.iter().flat_map(|record| record.ips.iter());
            let addresses: Vec<String> = alert.ip.iter().chain(recorded).cloned().collect();
            // Of what was held for an outage, a finding of before its end says nothing.
            let held = case.row.decision.as_ref().filter(|_| case.row.state == State::Held);
            let ended = held.map(|before| before.due.map_or(now, |due| due.min(now)));
            let server = alert.server.as_deref().map(|server| place(server, &case.server, ended));
            (place(name, &addresses, ended), server)
        }));
    }
    if targets.is_empty() {
        return;
    }
    let answer = if rules.settings.diagnosis.enabled {
        diagnose(&targets)
    } else {
        Err("switched off by `diagnosis: enabled`".to_owned())
    };
    for (case, asked) in cases.iter_mut().zip(asked) {
        let Some((device, server)) = asked else { continue };
        case.facts.evidence.diagnosis = match &answer {
            Err(why) => Diagnostics::NotRun(why.clone()),
            Ok(reports) => match reports.get(device) {
                Some(report) => Diagnostics::Asked(Box::new(Diagnosis {
                    device: report.clone(),
                    server: server.and_then(|server| reports.get(server)).cloned(),
                })),
                None => Diagnostics::NotRun("no report came back".to_owned()),
            },
        };
    }
}

type Judged = (Case, Decision);

impl Case {
    fn decide(self, rules: &RuleSet, now: Timestamp) -> Judged {
        let mut decision = ticket::decide(&self.facts, self.row.decision.as_ref(), rules, now);
        // It is dated when it was due at last, as far as it waited for that.
        let due = self.row.decision.as_ref().and_then(|before| before.due).map(|due| due.min(now));
        decision.at = due.filter(|due| *due > self.row.crossed);
        (self, decision)
    }
}

/// Writes back: what shares a fault, or is over the cap, becomes one ticket; the rest each its own.
fn write(
    store: &Store,
    work: &mut Work<'_>,
    judged: Vec<Judged>,
    now: Timestamp,
    report: &mut Report,
) -> Result<(), Error> {
    let mut shared: BTreeMap<Fault, Vec<Judged>> = BTreeMap::new();
    let mut own = Vec::new();
    let mut given: HashMap<(String, Timestamp), u64> = HashMap::new();
    for (case, mut decision) in judged {
        if decision.state == State::Queued && decision.fault.is_none() {
            let (center, hour) = (decision.route.center.id.clone(), hour_of(&case.row, &decision));
            let given = match given.entry((center.clone(), hour)) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(store.center_tickets(&center, hour)?),
            };
            if *given >= u64::from(work.rules.settings.tickets.cap) {
                decision.fault = Some(Fault::List { center, hour });
            } else {
                *given += 1;
            }
        }
        match &decision.fault {
            Some(fault) => shared.entry(fault.clone()).or_default().push((case, decision)),
            None => own.push((case, decision)),
        }
    }
    for (fault, judged) in shared {
        let tx = store.begin()?;
        report.judged += judged.len();
        write_shared(&tx, work, &fault, judged, now)?;
        tx.commit()?;
        (work.progress)(report);
    }
    let mut own = own.into_iter().peekable();
    while own.peek().is_some() {
        let tx = store.begin()?;
        let mut matched = Vec::new();
        for (case, decision) in own.by_ref().take(AT_ONCE) {
            report.judged += 1;
            if let Some(row) = standing(&tx, work, &case, now)? {
                matched.extend(newly_matched(&row, &decision));
                write_own(&tx, work, row, case.facts, decision, now)?;
            }
        }
        tx.commit()?;
        match count_matches(store, &matched, now) {
            // An import is under way: a count is not worth the flush.
            Err(Error::Store(error)) if error.is_busy() => {}
            done => done?,
        }
        (work.progress)(report);
    }
    Ok(())
}

/// The notice that holds a ticket which it did not hold before: its file and id.
fn newly_matched(row: &TicketRow, decision: &Decision) -> Option<(String, String)> {
    match &decision.evidence.outage {
        Expectation::Expected { notice, origin, .. } if row.state != State::Held => {
            Some((origin.file.clone(), notice.clone()))
        }
        _ => None,
    }
}

/// Counted after the tickets are written: two databases, and a count that a crash loses costs nobody a ticket.
fn count_matches(store: &Store, matched: &[(String, String)], now: Timestamp) -> Result<(), Error> {
    if matched.is_empty() {
        return Ok(());
    }
    let tx = store.reference()?.begin()?;
    for (file, notice) in matched {
        tx.notice_matched(file, notice, now)?;
    }
    Ok(tx.commit()?)
}

/// When a ticket is dated: in event time, so that a replay counts the same tickets into the same hour.
fn dated(row: &TicketRow, decision: &Decision) -> Timestamp {
    decision.at.unwrap_or(row.crossed)
}

fn hour_of(row: &TicketRow, decision: &Decision) -> Timestamp {
    let dated = dated(row, decision);
    Timestamp::from_second(dated.as_second().div_euclid(3600) * 3600).unwrap_or(dated)
}

/// The ticket as it is now; None where somebody ended it while the network was asked.
fn standing(tx: &Tx<'_>, work: &Work<'_>, case: &Case, now: Timestamp) -> Result<Option<TicketRow>, Error> {
    let row = tx.store().ticket(case.row.id)?.filter(|row| row.state == case.row.state);
    match row {
        Some(row) if row.why.as_deref() == Some(ticket::SUPERSEDED) => {
            let by = By { who: "autoticket", why: ticket::SUPERSEDED, now, at: now };
            endings::end(tx, work.rules, row, State::Dropped, by, false)?;
            Ok(None)
        }
        row => Ok(row),
    }
}

fn write_own(
    tx: &Tx<'_>,
    work: &Work<'_>,
    mut row: TicketRow,
    facts: TicketFacts,
    decision: Decision,
    now: Timestamp,
) -> Result<(), Error> {
    let held_before = row.state == State::Held;
    write_back(tx, &row, &facts, &decision)?;
    let (state, why) = (decision.state, decision.why());
    let outage = decision.evidence.outage.clone();
    row.due = decision.due;
    row.decision = Some(decision);
    if let Expectation::Expected { notice, .. } = &outage
        && !held_before
    {
        let done = if state == State::Dropped { "dropped" } else { "aside" };
        for alert in &row.alerts {
            tx.append_action(*alert, &format!("{done} by outage {notice}"))?;
        }
    }
    match state {
        State::Held | State::Deferred => {
            row.state = state;
            Ok(tx.keep_ticket(&row)?)
        }
        State::Dropped => {
            uncount(tx, &row)?;
            let by = By { who: "autoticket", why: &why, now, at: now };
            endings::end(tx, work.rules, row, State::Dropped, by, false).map(|_| ())
        }
        State::Closed => {
            let by = By { who: "autoticket", why: &why, now, at: now };
            endings::end(tx, work.rules, row, State::Closed, by, true).map(|_| ())
        }
        _ => post(tx, work, row, facts, now),
    }
}

/// Queues the mail of a judged ticket.
fn post(
    tx: &Tx<'_>,
    work: &Work<'_>,
    mut row: TicketRow,
    mut facts: TicketFacts,
    now: Timestamp,
) -> Result<(), Error> {
    let Some(decision) = row.decision.clone() else { return Ok(()) };
    row.state = State::Queued;
    facts.fault.clone_from(&decision.fault);
    facts.members = thread::members(tx.store(), row.id)?;
    let letter = ticket::compose(&facts, &decision, work.rules);
    tx.post(row.id, &row.number, &letter, 0, super::outbox::first_attempt(work.rules, now))?;
    tx.note_center(&decision.route.center.id, row.id, dated(&row, &decision))?;
    // What joined while it waited is told in the first update.
    row.updated = decision.at.or(row.updated);
    row.due = thread::next_update(&row, work);
    Ok(tx.keep_ticket(&row)?)
}

/// All crossings behind one fault: they join its open ticket, else the first of them becomes it.
fn write_shared(
    tx: &Tx<'_>,
    work: &Work<'_>,
    fault: &Fault,
    judged: Vec<Judged>,
    now: Timestamp,
) -> Result<(), Error> {
    let open = tx.open_fault(fault)?;
    let mut lead = None;
    for (case, decision) in judged {
        let Some(mut row) = standing(tx, work, &case, now)? else { continue };
        write_back(tx, &row, &case.facts, &decision)?;
        row.decision = Some(decision);
        match (&open, &lead) {
            (Some(open), _) => {
                join(tx, row, open, fault, now)?;
                // Told of in the next update of the thread.
                let first = open.unreported.map_or(case.row.crossed, |t| t.min(case.row.crossed));
                let since = open.updated.unwrap_or(open.crossed);
                let due = ticket::update_due(since, first, &work.rules.settings.tickets);
                tx.join_ticket(open.id, case.row.crossing, case.row.crossed, Some(due))?;
            }
            (None, None) => lead = Some((row, case.facts)),
            (None, Some((lead, _))) => join(tx, row, lead, fault, now)?,
        }
    }
    if let Some((row, facts)) = lead {
        tx.keep_fault(fault, row.id)?;
        post(tx, work, row, facts, now)?;
    }
    Ok(())
}

/// A ticket ends because another one stands for its fault; its key's further alerts go there.
fn join(
    tx: &Tx<'_>,
    mut row: TicketRow,
    lead: &TicketRow,
    fault: &Fault,
    now: Timestamp,
) -> Result<(), Error> {
    let why = format!("joined ticket {} ({})", lead.number, fault.words());
    if let Some(decision) = &mut row.decision {
        decision.state = State::Closed;
    }
    row.state = State::Closed;
    (row.ended, row.due, row.why) = (Some(now), None, Some(why));
    tx.keep_ticket(&row)?;
    tx.join_fault(lead.id, row.id)?;
    for alert in &row.alerts {
        tx.append_action(*alert, &format!("joined ticket {}", lead.number))?;
    }
    let mut tracked = tx.tracking(&row.device, &row.failure)?;
    tracked.ticket = Some(lead.id);
    tx.keep_tracking(&row.device, &row.failure, tracked);
    Ok(())
}

/// The alert records learn where they led.
fn write_back(tx: &Tx<'_>, row: &TicketRow, facts: &TicketFacts, decision: &Decision) -> Result<(), Error> {
    let [_, building, room] = facts.place();
    let location = match &facts.evidence.location {
        Verification::NotAsked => "not asked",
        Verification::Unrecorded => "unrecorded",
        Verification::Verified { .. } => "verified",
        Verification::Corrected { .. } => "corrected",
        Verification::Contradictory { .. } => "contradictory",
    };
    let center = decision.route.center.id.clone();
    let routed = Routed { location: location.to_owned(), building, room, center };
    for alert in &row.alerts {
        tx.route_alert(*alert, &routed)?;
    }
    Ok(())
}

/// Takes a dropped ticket's alerts out of the count of its key; their failed distributions stay.
fn uncount(tx: &Tx<'_>, row: &TicketRow) -> Result<(), Error> {
    let mut tracked = tx.tracking(&row.device, &row.failure)?;
    let mut alerts = tx.store().alerts_by_id(&row.alerts)?;
    alerts.extend(tx.store().joined(row.id, None, None, usize::MAX >> 1)?);
    for alert in alerts {
        tracking::uncount(&mut tracked.window, Seen { event: alert.record.event, alert: alert.id });
    }
    tx.keep_tracking(&row.device, &row.failure, tracked);
    Ok(())
}
