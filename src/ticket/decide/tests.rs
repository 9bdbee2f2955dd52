//! The table of decisions: outage, finding and location against what becomes of a crossing.

use super::*;
use crate::diagnosis::{Diagnosis, Diagnostics, NotRun, Reason, Report, Tool};
use crate::location::Record;
use crate::rules::findings::FindingRow;
use crate::rules::model::Seconds;
use crate::ticket::fixture::{at, facts, origin, rules};
use crate::ticket::{Recovery, State};

fn report(host: &str, finding: Finding) -> Report {
    Report {
        host: host.into(),
        address: None,
        finding,
        reason: Reason::Timeout,
        ping: None,
        ping_tool: Tool::NotRun(NotRun::Off),
        hops: Vec::new(),
        route_tool: Tool::NotRun(NotRun::Off),
        inherited_from: None,
        last_answering: (finding != Finding::Up).then(|| "10.1.5.1".parse().expect("an address")),
        at: at(0),
        notes: Vec::new(),
    }
}

fn found(device: Finding, server: Option<Finding>) -> Diagnostics {
    let server = server.map(|finding| report("is38", finding));
    Diagnostics::Asked(Box::new(Diagnosis { device: report("node7", device), server }))
}

fn row(failure: Option<&str>, device: &[Finding], server: &[Finding], then: Then, line: u32) -> FindingRow {
    FindingRow {
        failure: failure.map(str::to_owned),
        device: device.to_vec(),
        server: server.to_vec(),
        then,
        origin: origin("autoticket.yaml", line),
    }
}

fn with_table() -> RuleSet {
    let mut rules = rules();
    let after = Seconds(900);
    rules.settings.diagnosis.findings = vec![
        row(None, &[], &[Finding::Down], Then::Server, 20),
        row(None, &[Finding::Network], &[], Then::Network, 21),
        row(Some("connection"), &[Finding::Up], &[], Then::Defer { after, times: 2 }, 22),
        row(Some("disk"), &[Finding::Up], &[], Then::Drop, 23),
        row(None, &[], &[], Then::Ticket, 24),
    ];
    rules
}

fn expected(action: Action, until: Option<Timestamp>) -> Expectation {
    Expectation::Expected {
        notice: "cooling".into(),
        origin: origin("outages/b2.yaml", 3),
        action,
        from: at(0),
        until,
        author: None,
        reason: Some("chiller".into()),
        target: "building b2".into(),
        notes: Vec::new(),
    }
}

fn decided(facts: &TicketFacts, before: Option<&Decision>) -> Decision {
    decide(facts, before, &with_table(), at(60))
}

/// Every reason names a place in a file.
fn cites(decision: &Decision) {
    for reason in &decision.reasons {
        let cited = reason.rsplit('(').next().and_then(|end| end.split(':').nth(1)).is_some();
        assert!(cited, "{reason}");
    }
}

#[test]
fn nothing_against_it_is_queued_with_the_rule_of_each_step() {
    let decision = decided(&facts(), None);
    assert_eq!((decision.state, decision.route.center.id.as_str()), (State::Queued, "east"));
    assert_eq!(
        decision.reasons,
        [
            "threshold met: 4 alerts in 1 h for connection failures in building B2 (thresholds.yaml:7)",
            "diagnostics: connection, device not asked, server not asked: ticket (autoticket.yaml:24)",
            "maintenance center East: it serves building B2 (centers.yaml:4)",
        ]
    );
}

#[test]
fn aside_is_held_until_the_outage_ends_and_one_without_end_is_looked_at_every_hour() {
    let mut facts = facts();
    facts.evidence.outage = expected(Action::Aside, Some(at(90)));
    let held = decided(&facts, None);
    assert_eq!((held.state, held.due), (State::Held, Some(at(90))));
    assert!(
        held.reasons[1].contains("kept aside: outage cooling")
            && held.reasons[1].contains("(outages/b2.yaml:3)")
    );
    facts.evidence.outage = expected(Action::Aside, None);
    assert_eq!(decided(&facts, Some(&held)).due, Some(at(120)), "still held");
    facts.evidence.outage = expected(Action::Drop, Some(at(90)));
    let dropped = decided(&facts, None);
    assert_eq!((dropped.state, dropped.due), (State::Dropped, None));
    cites(&held);
    cites(&dropped);
}

#[test]
fn after_its_outage_a_device_that_answers_is_closed_and_one_that_does_not_gets_its_ticket() {
    let mut facts = facts();
    facts.evidence.outage = expected(Action::Aside, Some(at(50)));
    let held = decided(&facts, None);
    facts.evidence.outage = Expectation::NotExpected { notes: Vec::new() };
    facts.evidence.diagnosis = found(Finding::Up, None);
    let closed = decided(&facts, Some(&held));
    assert_eq!(closed.state, State::Closed);
    assert_eq!(closed.why(), "recovered: it answers since outage cooling ended (outages/b2.yaml:3)");
    facts.evidence.diagnosis = found(Finding::Down, None);
    let ticket = decided(&facts, Some(&held));
    assert_eq!(ticket.state, State::Queued);
    assert_eq!(
        ticket.reasons[1],
        "still failing: outage cooling ended (outages/b2.yaml:3), and the fresh finding is down"
    );
    facts.evidence.diagnosis = Diagnostics::NotRun("the clock was replaced".into());
    assert_eq!(decided(&facts, Some(&held)).state, State::Queued, "not run never speaks against a ticket");
    cites(&closed);
    cites(&ticket);
}

#[test]
fn other_failures_count_as_failing_after_an_outage_until_a_recovery_notice_came() {
    let mut facts = facts();
    facts.failure = "distribution".into();
    facts.evidence.outage = expected(Action::Aside, Some(at(50)));
    let held = decided(&facts, None);
    facts.evidence.outage = Expectation::NotExpected { notes: Vec::new() };
    facts.evidence.diagnosis = found(Finding::Up, None);
    let ticket = decided(&facts, Some(&held));
    assert_eq!(ticket.state, State::Queued);
    assert!(
        ticket.reasons[1].starts_with("counts as still failing: outage cooling ended (outages/b2.yaml:3)")
    );
    facts.evidence.recovery = Some(Recovery { mail: 17, at: at(55) });
    let closed = decided(&facts, Some(&held));
    assert_eq!(closed.state, State::Closed);
    assert!(closed.why().starts_with("recovered: a recovery notice came at"), "{}", closed.why());
}

#[test]
fn findings_lead_to_network_server_recheck_drop_or_ticket() {
    let mut facts = facts();
    facts.evidence.diagnosis = found(Finding::Network, Some(Finding::Up));
    let network = decided(&facts, None);
    let last = Some("10.1.5.1".parse().expect("an address"));
    assert_eq!((network.state, network.fault.clone()), (State::Queued, Some(Fault::Network { last })));
    facts.evidence.diagnosis = found(Finding::Network, Some(Finding::Down));
    assert_eq!(decided(&facts, None).fault, Some(Fault::Server { name: "is38".into() }));
    facts.evidence.diagnosis = found(Finding::Up, None);
    let first = decided(&facts, None);
    assert_eq!((first.state, first.due, first.rechecks), (State::Deferred, Some(at(75)), 1));
    let second = decided(&facts, Some(&first));
    assert_eq!((second.state, second.rechecks), (State::Deferred, 2));
    let third = decided(&facts, Some(&second));
    assert_eq!(third.state, State::Queued, "rechecks are bounded: {:?}", third.reasons);
    facts.failure = "disk".into();
    assert_eq!(decided(&facts, None).state, State::Dropped);
    for decision in [&network, &first, &third] {
        cites(decision);
    }
}

#[test]
fn records_decide_the_building_and_the_center_and_both_places_are_said() {
    let mut facts = facts();
    facts.crossing.region = None;
    let record = Box::new(Record {
        name: "node7".into(),
        region: Some("west".into()),
        building: Some("B9".into()),
        room: Some("R41".into()),
        origin: origin("inventory.csv", 8),
        ..Record::default()
    });
    facts.evidence.location =
        Verification::Corrected { record, stated: "B2/R14".into(), recorded: "B9/R41".into() };
    let decision = decided(&facts, None);
    assert_eq!(decision.route.center.id, "west");
    assert_eq!(
        decision.reasons[2],
        "location records: corrected: alert said B2/R14, records say B9/R41 (inventory.csv:8)"
    );
    assert_eq!(facts.place(), [Some("west".into()), Some("B9".into()), Some("R41".into())]);
    cites(&decision);
}

#[test]
fn center_without_address_is_said_and_still_gets_its_ticket_queued() {
    let mut rules = with_table();
    rules.centers.centers.clear();
    let decision = decide(&facts(), None, &rules, at(60));
    assert_eq!(decision.state, State::Queued);
    assert_eq!(
        decision.reasons[3],
        "the maintenance center has no mail address: to who answers replies (centers.yaml:1)"
    );
}
