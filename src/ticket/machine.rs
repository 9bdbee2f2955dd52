//! The machine-readable part of a ticket: `autoticket.ticket/1`, JSON.
//!
//! In: facts, decision, occasion. Out: JSON with every value as it is; characters that could change how a
//! reader sees the text around them are written as `\u` escapes. It knows no template.

use super::view::{Occasion, in_window, shown};
use super::{Decision, Evidence, Fault, Member, RouteReason, State, TicketFacts};
use crate::alert::AlertRecord;
use crate::rules::model::{Center, Scope, ThresholdRule};
use crate::shown::is_hidden;
use jiff::Timestamp;
use serde::Serialize;
use std::fmt::Write;

/// The form's name; a field that is added keeps it, one that changes its meaning does not.
pub(super) const SCHEMA: &str = "autoticket.ticket/1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    version: &'static str,
    kind: &'static str,
    sequence: u32,
    number: &'a str,
    install: &'a str,
    /// When this mail of the thread was due, in event time.
    at: Timestamp,
    why: Option<&'a str>,
    device: Device<'a>,
    failure: Failure<'a>,
    location: Location<'a>,
    distribution: Distribution<'a>,
    source: Source<'a>,
    count: Count,
    first: Timestamp,
    last: Timestamp,
    crossing: Timestamp,
    alerts: Vec<Alert<'a>>,
    joined: Vec<Alert<'a>>,
    threshold: Threshold<'a>,
    other_thresholds: Vec<Threshold<'a>>,
    evidence: &'a Evidence,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'a Fault>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    members: &'a [Member],
    state: State,
    center: Recipient<'a>,
    route: &'a RouteReason,
    reasons: &'a [String],
}

#[derive(Serialize)]
struct Device<'a> {
    name: &'a str,
    stated: &'a str,
    mac: Option<&'a str>,
    ip: Option<&'a str>,
}

#[derive(Serialize)]
struct Failure<'a> {
    r#type: &'a str,
    announced: &'a str,
    detail: &'a str,
}

#[derive(Serialize)]
struct Location<'a> {
    region: Option<&'a str>,
    building: Option<&'a str>,
    room: Option<&'a str>,
    stated: Option<&'a str>,
    stated_building: Option<&'a str>,
    stated_room: Option<&'a str>,
}

#[derive(Serialize)]
struct Distribution<'a> {
    tool: &'a str,
    job: Option<&'a str>,
    package: Option<&'a str>,
    server: Option<&'a str>,
    upstream: Option<&'a str>,
}

#[derive(Serialize)]
struct Source<'a> {
    node: &'a str,
    domain: &'a str,
}

#[derive(Serialize)]
struct Count {
    in_window: usize,
    total: u64,
    /// With the alerts that joined since the crossing.
    now: u64,
}

/// Without the arrival: it is another one when the mail is replayed, and a replay gives the same bytes.
#[derive(Serialize)]
struct Alert<'a> {
    id: Option<&'a str>,
    event: Timestamp,
    event_note: Option<&'a str>,
    format: &'a str,
    announced: &'a str,
    tool: &'a str,
    job: Option<&'a str>,
    package: Option<&'a str>,
    server: Option<&'a str>,
}

#[derive(Serialize)]
struct Threshold<'a> {
    count: u32,
    window_seconds: i64,
    failure: Option<&'a str>,
    scope: &'static str,
    of: Option<&'a str>,
    origin: String,
}

#[derive(Serialize)]
struct Recipient<'a> {
    id: &'a str,
    name: &'a str,
    mail: &'a [String],
    owner: Option<&'a str>,
    telephone: Option<&'a str>,
    zone: &'a str,
}

/// The JSON of one mail of a ticket's thread, with a line end.
pub(super) fn json(facts: &TicketFacts, decision: &Decision, occasion: &Occasion) -> String {
    let alert = &facts.crossing;
    let joined = occasion.joined.as_ref();
    let [region, building, room] = facts.place();
    let document = Document {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION"),
        kind: occasion.kind.word(),
        sequence: occasion.sequence,
        number: &facts.number,
        install: &facts.install,
        at: occasion.at,
        why: occasion.why,
        device: Device {
            name: &facts.device,
            stated: &alert.device_stated,
            mac: alert.mac.as_deref(),
            ip: alert.ip.as_deref(),
        },
        failure: Failure { r#type: &facts.failure, announced: &alert.announced, detail: &alert.detail },
        location: Location {
            region: region.as_deref(),
            building: building.as_deref(),
            room: room.as_deref(),
            stated: alert.location.as_deref(),
            stated_building: alert.building.as_deref(),
            stated_room: alert.room.as_deref(),
        },
        distribution: Distribution::of(alert),
        source: Source { node: &alert.source_node, domain: &alert.source_domain },
        count: Count {
            in_window: in_window(facts),
            total: facts.total,
            now: joined.map_or(facts.total, |joined| joined.total),
        },
        first: facts.first,
        last: facts.last,
        crossing: alert.event,
        alerts: facts.alerts.iter().map(Alert::of).collect(),
        joined: joined.map_or(&[][..], |joined| joined.alerts).iter().map(Alert::of).collect(),
        threshold: Threshold::of(&facts.choice.winner),
        other_thresholds: facts.choice.losers.iter().map(Threshold::of).collect(),
        evidence: &facts.evidence,
        fault: facts.fault.as_ref(),
        members: &facts.members,
        state: decision.state,
        center: Recipient::of(&decision.route.center),
        route: &decision.route.why,
        reasons: &decision.reasons,
    };
    let json =
        serde_json::to_string_pretty(&document).expect("a document of texts and numbers is valid JSON");
    visible(&json) + "\n"
}

/// Hidden characters stand only inside JSON's texts, where an escape means the same.
fn visible(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if is_hidden(c) && c != '\n' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").expect("a String takes every write");
            }
        } else {
            out.push(c);
        }
    }
    out
}

impl<'a> Distribution<'a> {
    fn of(alert: &'a AlertRecord) -> Self {
        Self {
            tool: &alert.tool,
            job: alert.job.as_deref(),
            package: alert.package.as_deref(),
            server: alert.server.as_deref(),
            upstream: alert.upstream.as_deref(),
        }
    }
}

impl<'a> Alert<'a> {
    fn of(alert: &'a AlertRecord) -> Self {
        Self {
            id: alert.id.as_deref(),
            event: alert.event,
            event_note: alert.event_note.as_deref(),
            format: &alert.format,
            announced: &alert.announced,
            tool: &alert.tool,
            job: alert.job.as_deref(),
            package: alert.package.as_deref(),
            server: alert.server.as_deref(),
        }
    }
}

impl<'a> Threshold<'a> {
    fn of(rule: &'a ThresholdRule) -> Self {
        let (scope, of) = match &rule.scope {
            Scope::Device(glob) => ("device", Some(glob.as_str())),
            Scope::Building(name) => ("building", Some(name.as_str())),
            Scope::Server(glob) => ("server", Some(glob.as_str())),
            Scope::Region(name) => ("region", Some(name.as_str())),
            Scope::Package(glob) => ("package", Some(glob.as_str())),
            Scope::Everywhere => ("everywhere", None),
        };
        Self {
            count: rule.count,
            window_seconds: rule.window.0,
            failure: rule.failure.as_deref(),
            scope,
            of,
            origin: shown(&rule.origin.to_string()),
        }
    }
}

impl<'a> Recipient<'a> {
    fn of(center: &'a Center) -> Self {
        Self {
            id: &center.id,
            name: &center.name,
            mail: &center.mail,
            owner: center.owner.as_deref(),
            telephone: center.telephone.as_deref(),
            zone: &center.zone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn hidden_characters_are_escaped_and_mean_the_same() {
        let text = "a\u{202e}b\u{9b}c\u{e0041}d\u{200b}ü\u{7f}";
        let json = serde_json::to_string(text).expect("a text is valid JSON");
        let escaped = visible(&json);
        assert_eq!(escaped, r#""a\u202eb\u009bc\udb40\udc41d\u200bü\u007f""#);
        assert_eq!(serde_json::from_str::<String>(&escaped).expect("still JSON"), text);
    }
}
