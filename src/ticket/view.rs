//! What templates can say: every fact of a ticket as text that is safe to show.
//!
//! In: facts, decision, what joined. Out: a [`View`], whose texts all passed [`Shown`] and a length bound,
//! so that no template can be made to emit what an attacker wrote. It knows no template and no mail.

use super::times::{Times, between, span};
use super::{Decision, Fault, Joined, Kind, Member, TicketFacts};
use crate::alert::AlertRecord;
use crate::diagnosis::Finding;
use crate::location::Verification;
use crate::rules::model::{Scope, ThresholdRule};
use crate::shown::Shown;
use jiff::Timestamp;
use serde::Serialize;

/// Longest name shown, in characters; the machine-readable part holds it whole.
const LONGEST: usize = 200;

/// The names a template may use. Absent values are `none`; lists are never absent.
#[derive(Debug, Clone, Serialize)]
pub struct View {
    /// `ticket`, `update`, `reminder`, `stand_down`.
    pub kind: &'static str,
    /// 0 for the ticket, then 1, 2, … for each kind.
    pub sequence: u32,
    /// `T-7K3M9QX2`.
    pub number: String,
    /// `connection failure on node7`.
    pub headline: String,
    /// `B2 R14`, else the location as stated.
    pub place: Option<String>,
    pub building: Option<String>,
    pub room: Option<String>,
    /// Location as the alert stated it, where building and room do not say all of it.
    pub stated: Option<String>,
    pub region: Option<String>,
    /// Who answers for the device, as its location record says.
    pub owner: Option<String>,
    pub telephone: Option<String>,
    pub rack: Option<String>,
    /// Whom to call first: the device's owner, else the maintenance center's.
    pub call: Option<CallView>,
    /// Said where the location records correct the alert, or contradict each other.
    pub place_note: Option<String>,
    /// `connection timed out: 4 alerts in 1 h, the last 2026-03-02 08:58 UTC`.
    pub what: String,
    /// What diagnostics found, in one line; absent where they were not asked.
    pub finding: Option<String>,
    /// `jre-1.3.1, job 42, by is38`.
    pub delivery: Option<String>,
    /// Where the device itself stands, as `place` is where to go.
    pub own_place: Option<String>,
    /// What the ticket's devices share: `the network behind 10.1.5.1`.
    pub fault: Option<String>,
    /// The other devices behind it.
    pub members: Vec<MemberView>,
    pub device: String,
    /// As written in the alert, where that differs.
    pub device_stated: Option<String>,
    pub mac: Option<String>,
    pub ip: Option<String>,
    /// Failure type.
    pub failure: String,
    /// The failure in the alert's own words.
    pub announced: Option<String>,
    /// The device's own error text, line by line.
    pub detail: Vec<String>,
    /// `4 alerts in 1 h`.
    pub frequency: String,
    /// Counted since the last repair, up to and with the crossing.
    pub total: u64,
    pub first: String,
    pub last: String,
    /// Up to and with the crossing.
    pub alerts: Vec<AlertView>,
    /// Counted, but older than those in `alerts`.
    pub unlisted: u64,
    pub tool: Option<String>,
    pub job: Option<String>,
    pub package: Option<String>,
    /// Intermediate server.
    pub server: Option<String>,
    pub upstream: Option<String>,
    /// Said where an event time is not what the mail claimed.
    pub event_note: Option<String>,
    pub evidence: Vec<EvidenceView>,
    /// `4 alerts in 1 h for connection failures in building B2 (thresholds.yaml:7)`.
    pub threshold: String,
    /// The applicable others, best first.
    pub losers: Vec<String>,
    pub center: CenterView,
    /// How it was decided, line by line.
    pub reasons: Vec<String>,
    /// Said where times are not in the center's zone.
    pub zone_note: Option<String>,
    /// When this mail of the thread was due.
    pub at: String,
    /// Alerts this update or reminder tells of.
    pub joined: Vec<AlertView>,
    /// Counted since the last repair, with those that joined.
    pub joined_total: u64,
    /// Since the first alert, up to this mail.
    pub lasting: String,
    /// Why a stand-down.
    pub why: Option<String>,
    /// Said where the letter could not go to the maintenance center's own addresses.
    pub address_note: Option<String>,
}

/// One alert of a list.
#[derive(Debug, Clone, Serialize)]
pub struct AlertView {
    pub time: String,
    /// Where it is another one than the ticket's.
    pub device: Option<String>,
    pub job: Option<String>,
    pub package: Option<String>,
    pub server: Option<String>,
    pub announced: Option<String>,
}

/// Somebody to call.
#[derive(Debug, Clone, Serialize)]
pub struct CallView {
    /// Name, where one is known.
    pub who: Option<String>,
    pub telephone: String,
    /// Digits, with a leading `+` where it is an international number: for a `tel:` link.
    pub number: String,
}

/// A device whose ticket joined this one.
#[derive(Debug, Clone, Serialize)]
pub struct MemberView {
    pub number: String,
    pub device: String,
    pub place: Option<String>,
    /// `connection failure, 4 alerts`.
    pub what: String,
}

impl MemberView {
    fn of(member: &Member) -> Self {
        Self {
            number: shown(&member.number),
            device: shown(&member.device),
            place: place_words(&member.building, &member.room),
            what: format!("{}, {}", failure_words(&member.failure), alerts_words(member.total)),
        }
    }
}

/// One question asked before a ticket, and its answer.
#[derive(Debug, Clone, Serialize)]
pub struct EvidenceView {
    pub question: &'static str,
    pub answer: String,
}

/// The maintenance center.
#[derive(Debug, Clone, Serialize)]
pub struct CenterView {
    pub id: String,
    pub name: String,
    pub why: String,
    pub language: Option<String>,
    pub owner: Option<String>,
    pub telephone: Option<String>,
}

/// Which mail of the thread is to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Occasion<'a> {
    pub(super) kind: Kind,
    pub(super) sequence: u32,
    pub(super) at: Timestamp,
    pub(super) joined: Option<Joined<'a>>,
    pub(super) why: Option<&'a str>,
}

impl View {
    pub(super) fn of(facts: &TicketFacts, decision: &Decision, occasion: &Occasion, times: &Times) -> Self {
        let alert = &facts.crossing;
        let [region, building, room] = destination(facts);
        let record = facts.evidence.location.record().filter(|_| facts.fault.is_none());
        let [_, own_building, own_room] = facts.place();
        let joined = occasion.joined.unwrap_or(Joined { alerts: &[], total: facts.total });
        let listed = |alerts: &[AlertRecord]| {
            alerts.iter().map(|alert| AlertView::of(alert, &facts.device, times)).collect()
        };
        View {
            kind: occasion.kind.word(),
            sequence: occasion.sequence,
            number: shown(&facts.number),
            headline: headline(facts),
            place: place(facts),
            building: optional(&building),
            room: optional(&room),
            stated: stated(facts).filter(|_| facts.fault.is_none()),
            region: optional(&region),
            owner: record.and_then(|record| optional(&record.owner)),
            telephone: record.and_then(|record| optional(&record.telephone)),
            rack: record.and_then(|record| optional(&record.rack)),
            call: call(facts, decision),
            place_note: place_note(facts),
            what: what(facts, times),
            finding: found(facts),
            delivery: delivery(alert),
            own_place: place_words(&own_building, &own_room),
            fault: facts.fault.as_ref().map(|fault| shown(&fault.words())),
            members: facts.members.iter().map(MemberView::of).collect(),
            device: shown(&facts.device),
            device_stated: optional(&Some(alert.device_stated.clone())).filter(|name| *name != facts.device),
            mac: optional(&alert.mac).filter(|mac| *mac != facts.device),
            ip: optional(&alert.ip).filter(|ip| *ip != facts.device),
            failure: shown(&facts.failure),
            announced: optional(&Some(alert.announced.clone())),
            detail: alert.detail.trim_end().lines().map(|line| Shown::new(line).to_string()).collect(),
            frequency: frequency(facts),
            total: facts.total,
            first: times.long(facts.first),
            last: times.long(facts.last),
            alerts: listed(&facts.alerts),
            unlisted: facts.total.saturating_sub(facts.alerts.len() as u64),
            tool: optional(&Some(alert.tool.clone())),
            job: optional(&alert.job),
            package: optional(&alert.package),
            server: optional(&alert.server),
            upstream: optional(&alert.upstream),
            event_note: optional(&alert.event_note),
            evidence: evidence(facts),
            threshold: threshold_words(&facts.choice.winner),
            losers: facts.choice.losers.iter().map(threshold_words).collect(),
            center: CenterView::of(decision),
            reasons: decision.reasons.iter().map(|reason| Shown::new(reason).to_string()).collect(),
            zone_note: times.note.clone(),
            at: times.long(occasion.at),
            joined: listed(joined.alerts),
            joined_total: joined.total,
            lasting: between(facts.first, occasion.at),
            why: occasion.why.map(shown),
            address_note: None,
        }
    }
}

impl AlertView {
    fn of(alert: &AlertRecord, device: &str, times: &Times) -> Self {
        Self {
            time: times.long(alert.event),
            device: optional(&Some(alert.device.clone())).filter(|_| alert.device != device),
            job: optional(&alert.job),
            package: optional(&alert.package),
            server: optional(&alert.server),
            announced: optional(&Some(alert.announced.clone())),
        }
    }
}

impl CenterView {
    fn of(decision: &Decision) -> Self {
        let center = &decision.route.center;
        Self {
            id: shown(&center.id),
            name: shown(&center.name),
            why: shown(&decision.route.words()),
            language: optional(&center.language),
            owner: optional(&center.owner),
            telephone: optional(&center.telephone),
        }
    }
}

/// What, where and how bad, in one line that stays the same in every mail of the thread.
pub(super) fn stem(facts: &TicketFacts) -> String {
    let place = match place(facts) {
        Some(place) => format!(" ({})", clip(&place, 60)),
        None if facts.fault.is_some() => String::new(),
        None => " (location not stated)".to_owned(),
    };
    format!("[{}] {}{place}", facts.number, clip(&headline(facts), 100))
}

/// `4 alerts in 1 h`: those inside the winning threshold's window that ends with the last alert.
pub(super) fn frequency(facts: &TicketFacts) -> String {
    if facts.fault.is_some() {
        let devices = facts.members.len() + 1;
        let alerts = facts.total + facts.members.iter().map(|member| member.total).sum::<u64>();
        let devices = if devices == 1 { "1 device".to_owned() } else { format!("{devices} devices") };
        return format!("{devices}, {}", alerts_words(alerts));
    }
    let window = facts.choice.winner.window;
    let count = in_window(facts);
    match count {
        0 | 1 if facts.choice.winner.count <= 1 => "1 alert".to_owned(),
        _ => format!("{} in {}", alerts_words(count as u64), span(window)),
    }
}

/// Listed alerts inside the window that ends with the last one.
pub(super) fn in_window(facts: &TicketFacts) -> usize {
    let window = facts.choice.winner.window.0;
    let inside = |alert: &&AlertRecord| facts.last.duration_since(alert.event).as_secs() <= window;
    facts.alerts.iter().filter(inside).count()
}

/// `1 alert`, `4 alerts`.
pub(super) fn alerts_words(count: u64) -> String {
    if count == 1 { "1 alert".to_owned() } else { format!("{count} alerts") }
}

fn headline(facts: &TicketFacts) -> String {
    match &facts.fault {
        Some(Fault::Network { last: Some(last) }) => format!("network broken behind {last}"),
        Some(Fault::Network { last: None }) => "network broken: nothing on the way answers".to_owned(),
        Some(Fault::Server { name }) => format!("intermediate server {} is down", shown(name)),
        Some(Fault::List { .. }) => "list of devices over the cap of this hour".to_owned(),
        None => format!("{} on {}", failure_words(&facts.failure), shown(&facts.device)),
    }
}

/// `connection` → `connection failure`; `failed-package` → `failed package`.
fn failure_words(failure: &str) -> String {
    let failure = shown(failure);
    match failure.strip_prefix("failed-") {
        Some(what) => format!("failed {what}"),
        None => format!("{failure} failure"),
    }
}

fn place(facts: &TicketFacts) -> Option<String> {
    let [_, building, room] = destination(facts);
    let stated = || optional(&facts.crossing.location).filter(|_| facts.fault.is_none());
    place_words(&building, &room).or_else(stated)
}

/// Region, building and room to go to: of the device, of the server that is down, or around what is broken.
fn destination(facts: &TicketFacts) -> [Option<String>; 3] {
    let [region, building, room] = facts.place();
    match &facts.fault {
        None => [region, building, room],
        Some(Fault::Network { .. }) => [region, building, None],
        Some(Fault::Server { .. }) => match facts.evidence.server.as_deref() {
            Some(server) => [server.region.clone(), server.building.clone(), server.room.clone()],
            None => [region, None, None],
        },
        Some(Fault::List { .. }) => [None, None, None],
    }
}

fn place_words(building: &Option<String>, room: &Option<String>) -> Option<String> {
    // A bare number says nothing by itself: `12 345` would be no place.
    let named = |what: &str, part: &Option<String>| {
        let part = optional(part)?;
        let bare = part.chars().all(|c| c.is_ascii_digit());
        Some(if bare { format!("{what} {part}") } else { part })
    };
    let parts: Vec<_> = [named("building", building), named("room", room)].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// The location as stated, unless building and room say all of it.
fn stated(facts: &TicketFacts) -> Option<String> {
    let alert = &facts.crossing;
    let [_, building, room] = facts.place();
    if let Verification::Corrected { stated, .. } = &facts.evidence.location {
        return optional(&alert.location).or_else(|| optional(&Some(stated.clone())));
    }
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let place = [&building, &room].map(|part| part.as_deref().map(letters).unwrap_or_default());
    optional(&alert.location).filter(|stated| letters(stated) != place.concat())
}

/// A threshold in words, with the line of the rules that sets it.
pub fn threshold_words(rule: &ThresholdRule) -> String {
    let how_often = match rule.count {
        0 | 1 => "every alert".to_owned(),
        count => format!("{count} alerts in {}", span(rule.window)),
    };
    let failure = rule.failure.as_deref().map_or("any failure".to_owned(), |f| failure_words(f) + "s");
    let scope = match &rule.scope {
        Scope::Device(glob) => format!("on device {}", shown(glob)),
        Scope::Building(name) => format!("in building {}", shown(name)),
        Scope::Server(glob) => format!("through server {}", shown(glob)),
        Scope::Region(name) => format!("in region {}", shown(name)),
        Scope::Package(glob) => format!("of package {}", shown(glob)),
        Scope::Everywhere => "everywhere".to_owned(),
    };
    format!("{how_often} for {failure} {scope} ({})", shown(&rule.origin.to_string()))
}

fn evidence(facts: &TicketFacts) -> Vec<EvidenceView> {
    let evidence = &facts.evidence;
    let mut views = vec![
        EvidenceView { question: "Outage notices", answer: whole(&evidence.outage.words()) },
        EvidenceView { question: "Diagnostics", answer: whole(&evidence.diagnosis.summary()) },
    ];
    for line in evidence.diagnosis.diagnosis().iter().flat_map(|found| found.words()).skip(1) {
        views.push(EvidenceView { question: "", answer: whole(&line) });
    }
    if let Some(recovery) = &evidence.recovery {
        let answer = format!("mail {} at {}", recovery.mail, recovery.at);
        views.push(EvidenceView { question: "Recovery notice", answer });
    }
    views.push(EvidenceView { question: "Location records", answer: whole(&evidence.location.words()) });
    views
}

/// A line of what was found out: longer than a name, and as inert.
fn whole(text: &str) -> String {
    Shown::new(&clip(text.trim_end(), 1000)).to_string()
}

/// One line of hostile text, made visible and bounded.
pub(super) fn shown(text: &str) -> String {
    Shown::new(&clip(text.trim(), LONGEST)).to_string()
}

fn optional(text: &Option<String>) -> Option<String> {
    text.as_deref().map(shown).filter(|text| !text.is_empty())
}

/// What was found, of the server where that is what failed.
fn found(facts: &TicketFacts) -> Option<String> {
    let found = facts.evidence.diagnosis.diagnosis()?;
    match (&facts.fault, &found.server) {
        (Some(Fault::Server { .. }), Some(server)) => Some(whole(&format!("server {}", server.summary()))),
        _ if found.device.finding == Finding::Network => Some(whole(&found.device.summary())),
        _ => Some(whole(&format!("device {}", found.device.summary()))),
    }
}

/// Who knows the device; behind a shared fault whoever repairs that.
fn call(facts: &TicketFacts, decision: &Decision) -> Option<CallView> {
    let record = facts.evidence.location.record().filter(|_| facts.fault.is_none());
    let center = &decision.route.center;
    let known =
        [record.map(|record| (&record.owner, &record.telephone)), Some((&center.owner, &center.telephone))];
    known.into_iter().flatten().find_map(|(who, telephone)| {
        let telephone = optional(telephone)?;
        let number: String = telephone
            .chars()
            .enumerate()
            .filter(|(at, c)| c.is_ascii_digit() || (*at == 0 && *c == '+'))
            .map(|(_, c)| c)
            .collect();
        Some(CallView { who: optional(who), telephone, number })
    })
}

fn place_note(facts: &TicketFacts) -> Option<String> {
    let location = &facts.evidence.location;
    let odd = facts.fault.is_none()
        && matches!(location, Verification::Corrected { .. } | Verification::Contradictory { .. });
    odd.then(|| whole(&location.words()))
}

fn what(facts: &TicketFacts, times: &Times) -> String {
    let announced = optional(&Some(facts.crossing.announced.clone()));
    let announced = announced.unwrap_or_else(|| failure_words(&facts.failure));
    format!("{announced}: {}, the last {}", frequency(facts), times.short(facts.last))
}

fn delivery(alert: &AlertRecord) -> Option<String> {
    let named = |what: &str, part: &Option<String>| Some(format!("{what}{}", optional(part)?));
    let parts = [named("", &alert.package), named("job ", &alert.job), named("by ", &alert.server)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// What diagnostics say of the device in two words, for a subject.
pub(super) fn finding_words(facts: &TicketFacts) -> Option<&'static str> {
    match facts.evidence.diagnosis.findings().0.filter(|_| facts.fault.is_none())? {
        Finding::Up => Some("device up"),
        Finding::Down => Some("device down"),
        Finding::Network => Some("network broken"),
        Finding::Unknown => None,
    }
}

/// At most `most` characters; a cut is shown by `…`.
pub(super) fn clip(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
