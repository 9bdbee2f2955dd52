//! What is to become of a crossing.
//!
//! In: the facts with what the rooms before found, the decision before (where it was held or deferred), the
//! rules, the time. Out: the decision with its reasons. It asks nobody anything.
//!
//! Its order: threshold, outage notices, what a past outage left behind, the finding table, location records,
//! the way to a maintenance center. Each reason names the line that says so.

use super::route::{RouteQuery, route_query};
use super::view::threshold_words;
use super::{Decision, Fault, Route, RouteReason, State, TicketFacts};
use crate::diagnosis::{Finding, verdict};
use crate::location::Verification;
use crate::outage::{Action, Expectation};
use crate::rules::RuleSet;
use crate::rules::findings::Then;
use crate::rules::model::Centers;
use crate::shown::Shown;
use jiff::{SignedDuration, Timestamp};

/// The failure type that diagnostics can see by themselves.
const CONNECTION: &str = "connection";
/// How often an outage without a known end is looked at.
const LOOK: SignedDuration = SignedDuration::from_hours(1);

/// Decides at `now`. `before` is the last decision of a ticket that was held or deferred by it.
pub fn decide(facts: &TicketFacts, before: Option<&Decision>, rules: &RuleSet, now: Timestamp) -> Decision {
    let evidence = &facts.evidence;
    let mut reasons = vec![format!("threshold met: {}", threshold_words(&facts.choice.winner))];
    let rechecks = before.map_or(0, |before| before.rechecks);
    let made = |state, route, reasons, due| Decision {
        state,
        route,
        reasons,
        due,
        rechecks,
        at: None,
        fault: None,
        evidence: evidence.clone(),
    };
    let local = || route_query(&query(facts, now), &rules.centers);
    if let Expectation::Expected { action, until, .. } = &evidence.outage {
        reasons.push(format!("outage notices: {}", evidence.outage.words()));
        let soon = now.saturating_add(SignedDuration::from_secs(1)).unwrap_or(now);
        let look = now.saturating_add(LOOK).unwrap_or(Timestamp::MAX);
        return match action {
            Action::Aside => made(State::Held, local(), reasons, Some(until.unwrap_or(look).max(soon))),
            Action::Drop => made(State::Dropped, local(), reasons, None),
        };
    }
    if let Some(outage) = before.filter(|b| b.state == State::Held).map(|b| &b.evidence.outage) {
        let (recovered, reason) = after_outage(facts, outage);
        reasons.push(reason);
        if recovered {
            return made(State::Closed, local(), reasons, None);
        }
    } else if let Some(before) = before {
        // Deferred after an outage: what was said then still holds.
        reasons.extend(before.reasons.iter().filter(|reason| reason.contains("still failing: ")).cloned());
    }
    let (device, server) = evidence.diagnosis.findings();
    let table = &rules.settings.diagnosis.findings;
    let mut then = Then::Ticket;
    if !table.is_empty() {
        let (row, reason) = verdict(table, &facts.failure, device, server, rechecks);
        reasons.push(format!("diagnostics: {}", Shown::new(&reason)));
        then = row.then;
    }
    if evidence.location.record().is_some() || matches!(evidence.location, Verification::Contradictory { .. })
    {
        reasons.push(format!("location records: {}", Shown::new(&evidence.location.words())));
    }
    let (route, fault) = match then {
        Then::Network => {
            let query = RouteQuery { network: true, ..query(facts, now) };
            (route_query(&query, &rules.centers), Some(network(facts, device)))
        }
        Then::Server => {
            let name = facts.crossing.server.clone().unwrap_or_default();
            (of_server(facts, &rules.centers, now), Some(Fault::Server { name }))
        }
        Then::Ticket | Then::Defer { .. } | Then::Drop => (local(), None),
    };
    if !matches!(then, Then::Drop | Then::Defer { .. }) {
        let words = Shown::new(&route.words()).to_string();
        reasons.push(format!("maintenance center {}: {words}", Shown::new(&route.center.name)));
        if route.center.mail.is_empty() {
            let origin = Shown::new(&route.center.origin.to_string()).to_string();
            reasons.push(format!(
                "the maintenance center has no mail address: to who answers replies ({origin})"
            ));
        }
    }
    match then {
        Then::Drop => made(State::Dropped, route, reasons, None),
        Then::Defer { after, .. } => {
            let due = now.saturating_add(SignedDuration::from_secs(after.0.max(1))).unwrap_or(Timestamp::MAX);
            Decision { rechecks: rechecks + 1, ..made(State::Deferred, route, reasons, Some(due)) }
        }
        _ => Decision { fault, ..made(State::Queued, route, reasons, None) },
    }
}

/// The way by where the device stands.
fn query<'a>(facts: &'a TicketFacts, now: Timestamp) -> RouteQuery<'a> {
    let record = facts.evidence.location.record();
    let place = |recorded: Option<&'a String>, stated: &'a Option<String>| {
        recorded.or(stated.as_ref()).map(String::as_str)
    };
    RouteQuery {
        building: place(record.and_then(|r| r.building.as_ref()), &facts.crossing.building),
        region: place(record.and_then(|r| r.region.as_ref()), &facts.crossing.region),
        coordinates: record.and_then(|r| r.coordinates),
        at: now,
        ..RouteQuery::of(&facts.crossing)
    }
}

fn network(facts: &TicketFacts, device: Option<Finding>) -> Fault {
    let both = facts.evidence.diagnosis.diagnosis();
    let of_device = both.filter(|_| device == Some(Finding::Network)).and_then(|d| d.device.last_answering);
    let of_server = || both.and_then(|d| d.server.as_ref()).and_then(|server| server.last_answering);
    Fault::Network { last: of_device.or_else(of_server) }
}

/// Who looks after the intermediate server by name, else whoever serves the place where it stands.
fn of_server(facts: &TicketFacts, centers: &Centers, now: Timestamp) -> Route {
    let alert = &facts.crossing;
    let named = RouteQuery { server: alert.server.as_deref(), at: now, ..RouteQuery::default() };
    let route = route_query(&named, centers);
    if matches!(route.why, RouteReason::Server { .. }) {
        return route;
    }
    let record = facts.evidence.server.as_deref();
    let region = record.and_then(|r| r.region.as_deref()).or(alert.region.as_deref());
    let building = record.and_then(|r| r.building.as_deref());
    let coordinates = record.and_then(|r| r.coordinates);
    route_query(&RouteQuery { building, region, coordinates, ..named }, centers)
}

/// Whether the device works again now that its outage ended, and why that is believed.
fn after_outage(facts: &TicketFacts, outage: &Expectation) -> (bool, String) {
    let named = match outage {
        Expectation::Expected { notice, origin, .. } => {
            format!("outage {} ended ({})", Shown::new(notice), Shown::new(&origin.to_string()))
        }
        _ => "the outage ended".to_owned(),
    };
    let failure = Shown::new(&facts.failure).to_string();
    let (device, _) = facts.evidence.diagnosis.findings();
    let recovery = facts.evidence.recovery.as_ref();
    let noticed = recovery.map(|r| format!("a recovery notice came at {} (mail {})", r.at, r.mail));
    match (facts.failure == CONNECTION, device, noticed) {
        (true, Some(Finding::Up), _) => (true, format!("recovered: it answers since {named}")),
        (true, Some(finding @ (Finding::Down | Finding::Network)), _) => {
            (false, format!("still failing: {named}, and the fresh finding is {}", finding.word()))
        }
        (_, _, Some(notice)) => (true, format!("recovered: {notice}; {named}")),
        (true, _, None) => {
            (false, format!("counts as still failing: {named}, and no finding says that it answers"))
        }
        (false, _, None) => (
            false,
            format!(
                "counts as still failing: {named}, and no recovery notice came for the {failure} failure"
            ),
        ),
    }
}

#[cfg(test)]
mod tests;
