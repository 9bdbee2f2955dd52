//! Crossings on their way through outage, diagnosis and location, in a network that is told what to answer.

use super::*;
use crate::diagnosis::{Finding, NotRun, Reason, Report as Found, Target, Tool};
use crate::outage::{Action, Notice, Target as Whom, TargetKind, Zone};
use crate::rules::model::Origin;
use std::collections::BTreeMap;

/// What each host answers, and how often the network was asked.
#[derive(Default)]
struct Network {
    hosts: BTreeMap<&'static str, (Finding, &'static str)>,
    asked: Vec<Vec<String>>,
    /// Since when a finding counts, of each target.
    not_before: Vec<Option<Timestamp>>,
}

impl Network {
    fn of(hosts: &[(&'static str, Finding, &'static str)]) -> Self {
        let hosts = hosts.iter().map(|(host, finding, last)| (*host, (*finding, *last))).collect();
        Self { hosts, ..Self::default() }
    }

    fn answer(&mut self, targets: &[Target]) -> Vec<Found> {
        self.asked.push(targets.iter().map(|target| target.host.clone()).collect());
        self.not_before.extend(targets.iter().map(|target| target.not_before));
        targets.iter().map(|target| self.found(&target.host)).collect()
    }

    fn found(&self, host: &str) -> Found {
        let (finding, last) = self.hosts.get(host).copied().unwrap_or((Finding::Down, "10.0.0.1"));
        let up = finding == Finding::Up;
        Found {
            host: host.to_owned(),
            address: None,
            finding,
            reason: if up { Reason::Answered } else { Reason::Timeout },
            ping: None,
            ping_tool: Tool::BuiltIn,
            hops: Vec::new(),
            route_tool: Tool::NotRun(NotRun::Off),
            inherited_from: None,
            last_answering: last.parse().ok(),
            at: at(NOW.get()),
            notes: Vec::new(),
        }
    }
}

fn judge_at(store: &Store, rules: &RuleSet, network: &mut Network, second: i64) -> (Scripted, Report) {
    NOW.set(second);
    let stop = AtomicBool::new(false);
    let mut diagnose = |targets: &[Target]| Ok(network.answer(targets));
    let mut work = Work {
        rules,
        clock: &|| at(NOW.get()),
        stop: &stop,
        folder: None,
        diagnose: &mut diagnose,
        progress: &mut |_| {},
    };
    let turn = Turn::take(store).expect("nobody else is at work");
    let mut transport = Scripted::default();
    let report = flush(store, &turn, &mut transport, &mut work).expect("flush");
    (transport, report)
}

/// Four alerts, which cross the shipped threshold of connection failures.
fn connection(store: &Store, rules: &RuleSet, device: &str, from: i64) {
    for n in 0..4 {
        let alert = Alert::new(&format!("{device}.{from}.{n}"), device, "connection", from + n);
        ingest(store, rules, &alert.bytes(), from + n);
    }
}

fn outage(store: &Store, device: &str, action: Action, until: i64) {
    let notice = Notice {
        id: "cooling".into(),
        targets: Whom::read(TargetKind::Device, device).expect("a target"),
        action,
        from: at(-DAY),
        until: Some(at(until)),
        recurrence: None,
        zone: Zone::utc(),
        author: None,
        reason: Some("chiller".into()),
        expires: None,
        origin: Origin { file: "outages/a.yaml".into(), line: 3, column: 1 },
    };
    let tx = store.reference().expect("reference").begin().expect("begin");
    tx.add_notice(&notice).expect("add");
    tx.commit().expect("commit");
}

fn tickets(store: &Store) -> Vec<TicketRow> {
    let mut rows = store.tickets(&[], None, None, 100).expect("list");
    rows.sort_by(|a, b| a.device.cmp(&b.device));
    rows
}

fn states(store: &Store) -> Vec<(String, State)> {
    tickets(store).into_iter().map(|row| (row.device, row.state)).collect()
}

#[test]
fn device_in_an_outage_gets_its_ticket_when_it_ends_and_still_fails_and_not_when_it_recovered() {
    for (finding, state, words) in [
        (
            Finding::Down,
            State::Sent,
            "still failing: outage cooling ended (outages/a.yaml:3), and the fresh finding is down",
        ),
        (Finding::Up, State::Closed, "recovered: it answers since outage cooling ended (outages/a.yaml:3)"),
    ] {
        let (_folder, store) = state_of_site();
        let rules = shipped();
        outage(&store, "node7", Action::Aside, HOUR);
        connection(&store, &rules, "node7", 0);
        let mut network = Network::of(&[("node7", finding, "10.0.0.1"), ("is38", Finding::Up, "10.0.0.2")]);
        judge_at(&store, &rules, &mut network, 10);
        let held = only_ticket(&store);
        assert_eq!((held.state, held.due), (State::Held, Some(at(HOUR))));
        assert!(network.asked.is_empty(), "who is expected to fail is not asked");
        let alert = store.alert(held.crossing).expect("read").expect("stored");
        assert!(alert.action.contains(&"aside by outage cooling".to_owned()), "{:?}", alert.action);
        judge_at(&store, &rules, &mut network, HOUR - 1);
        assert_eq!(only_ticket(&store).state, State::Held);
        judge_at(&store, &rules, &mut network, HOUR);
        let ended = Some(at(HOUR));
        assert_eq!(network.not_before, [ended, ended], "what was found in the outage says nothing");
        let row = only_ticket(&store);
        assert_eq!(row.state, state);
        let decision = row.decision.expect("judged");
        assert!(decision.reasons.iter().any(|reason| reason == words), "{:?}", decision.reasons);
        let failed = store.failed(&FailedFilter::default()).expect("list");
        assert_eq!(failed.len(), 1, "the failed distribution stays");
        let tracked = store.device("node7").expect("read").expect("known").tracking;
        let total = if state == State::Closed { 0 } else { 4 };
        assert_eq!(tracked[0].1.window.total, total);
    }
}

#[test]
fn dropped_by_an_outage_the_count_is_corrected_and_the_failed_distribution_stays() {
    let (_folder, store) = state_of_site();
    let rules = shipped();
    outage(&store, "node7", Action::Drop, HOUR);
    connection(&store, &rules, "node7", 0);
    judge_at(&store, &rules, &mut Network::default(), 10);
    let row = only_ticket(&store);
    assert_eq!(row.state, State::Dropped);
    assert!(row.why.expect("a reason").contains("(outages/a.yaml:3)"));
    let tracked = store.device("node7").expect("read").expect("known").tracking.remove(0).1;
    assert_eq!((tracked.window.total, tracked.ticket), (0, None));
    assert_eq!(store.failed(&FailedFilter::default()).expect("list").len(), 1);
}

#[test]
fn recovery_notice_during_an_outage_closes_what_no_finding_can_see() {
    let (_folder, store) = state_of_site();
    let rules = shipped();
    outage(&store, "node7", Action::Aside, HOUR);
    ingest(&store, &rules, &access("1", 0), 0);
    judge_at(&store, &rules, &mut Network::default(), 10);
    let mut notice = Alert::new("r", "node7", "access", 60);
    notice.tail = "State: repaired\r\n".into();
    ingest(&store, &rules, &notice.bytes(), 60);
    judge_at(&store, &rules, &mut Network::default(), HOUR);
    let row = only_ticket(&store);
    assert_eq!(row.state, State::Closed);
    assert!(row.why.expect("a reason").starts_with("recovered: a recovery notice came at"));
}

#[test]
fn devices_behind_one_dead_router_make_one_ticket_that_later_ones_join_and_its_repair_frees_all() {
    let (_folder, store) = state_of_site();
    let rules = shipped();
    let dead = |host| (host, Finding::Network, "10.1.5.1");
    let mut network =
        Network::of(&[dead("a1"), dead("a2"), dead("a3"), dead("a4"), ("is38", Finding::Up, "10.0.0.2")]);
    for device in ["a1", "a2", "a3"] {
        connection(&store, &rules, device, 0);
    }
    let (transport, _) = judge_at(&store, &rules, &mut network, 10);
    assert_eq!(network.asked.len(), 1, "one call per pass");
    assert_eq!(transport.given.len(), 1, "one ticket");
    let text = String::from_utf8_lossy(&transport.given[0].bytes).into_owned();
    assert!(text.contains("behind 10.1.5.1"), "{text}");
    let rows = tickets(&store);
    let lead = rows.iter().find(|row| row.state == State::Sent).expect("a lead").clone();
    for row in rows.iter().filter(|row| row.id != lead.id) {
        assert_eq!(row.state, State::Closed);
        assert_eq!(
            row.why.as_deref(),
            Some(format!("joined ticket {} (the network behind 10.1.5.1)", lead.number).as_str())
        );
        let tracked = store.device(&row.device).expect("read").expect("known").tracking.remove(0).1;
        assert_eq!(tracked.ticket, Some(lead.id), "further alerts go to the lead");
        assert!(text.contains(&row.device), "{}", row.device);
    }
    connection(&store, &rules, "a4", 100);
    let (transport, _) = judge_at(&store, &rules, &mut network, 200);
    assert!(transport.given.is_empty(), "the interval between updates holds");
    assert_eq!(store.fault_members(lead.id).expect("list").len(), 3);
    let (transport, _) = judge_at(&store, &rules, &mut network, HOUR * 2);
    assert_eq!(transport.given.len(), 1, "an update tells of it");
    let tx = store.begin().expect("begin");
    let row = store.ticket(lead.id).expect("read").expect("stands");
    end(&tx, &rules, row, State::Repaired, by("router replaced", HOUR * 3, HOUR * 3), true).expect("repair");
    tx.commit().expect("commit");
    for device in ["a1", "a2", "a3", "a4"] {
        let tracked = store.device(device).expect("read").expect("known").tracking.remove(0).1;
        assert_eq!((tracked.window.total, tracked.ticket), (0, None), "{device}");
    }
}

#[test]
fn crossings_through_a_dead_server_make_one_ticket() {
    let (_folder, store) = state_of_site();
    let rules = shipped();
    let mut network = Network::of(&[("is38", Finding::Down, "10.0.0.2")]);
    for device in ["a1", "a2"] {
        connection(&store, &rules, device, 0);
    }
    let (transport, _) = judge_at(&store, &rules, &mut network, 10);
    assert_eq!(transport.given.len(), 1);
    assert!(String::from_utf8_lossy(&transport.given[0].bytes).contains("intermediate server is38 is down"));
}

#[test]
fn what_is_over_the_cap_of_a_center_is_one_list() {
    let (_folder, store) = state_of_site();
    let mut rules = shipped();
    rules.settings.tickets.cap = 2;
    for n in 0..6 {
        let alert = Alert::new(&format!("d{n}"), &format!("node{n}"), "disk", n);
        ingest(&store, &rules, &alert.bytes(), n);
    }
    let (transport, report) = judge_at(&store, &rules, &mut Network::default(), 10);
    assert_eq!((report.judged, transport.given.len()), (6, 3), "two, and one list of four");
    let sent = states(&store).iter().filter(|(_, state)| *state == State::Sent).count();
    assert_eq!(sent, 3);
}

#[test]
fn a_device_that_answers_again_is_looked_at_anew_a_bounded_number_of_times() {
    let (_folder, store) = state_of_site();
    let rules = shipped();
    connection(&store, &rules, "node7", 0);
    let mut network = Network::of(&[("node7", Finding::Up, "10.0.0.1"), ("is38", Finding::Up, "10.0.0.2")]);
    let mut now = 10;
    let mut looks = 0;
    while only_ticket(&store).state == State::Deferred {
        judge_at(&store, &rules, &mut network, now);
        looks += 1;
        now = only_ticket(&store).due.map_or(now, |due| due.as_second() - at(0).as_second());
        assert!(looks < 10, "it ends");
    }
    let decision = only_ticket(&store).decision.expect("judged");
    assert_eq!((looks, decision.rechecks), (3, 2), "{:?}", decision.reasons);
}

fn state_of_site() -> (tempfile::TempDir, Store) {
    crate::intake::tests_support::state()
}

#[test]
fn an_alert_that_joins_a_deferred_ticket_spends_no_recheck() {
    let (_folder, store) = state_of_site();
    let rules = shipped();
    connection(&store, &rules, "node7", 0);
    let mut network = Network::of(&[("node7", Finding::Up, "10.0.0.1"), ("is38", Finding::Up, "10.0.0.2")]);
    judge_at(&store, &rules, &mut network, 2 * HOUR);
    let due = only_ticket(&store).due;
    connection(&store, &rules, "node7", 2 * HOUR + 1);
    judge_at(&store, &rules, &mut network, 2 * HOUR + 20);
    let row = only_ticket(&store);
    assert_eq!((row.state, row.due, network.asked.len()), (State::Deferred, due, 1));
}

#[test]
fn repair_of_one_device_behind_a_shared_fault_ends_its_own_part_only() {
    let (_folder, store) = state_of_site();
    let rules = shipped();
    let dead = |host| (host, Finding::Network, "10.1.5.1");
    let mut network = Network::of(&[dead("a1"), dead("a2"), ("is38", Finding::Up, "10.0.0.2")]);
    for device in ["a1", "a2"] {
        connection(&store, &rules, device, 0);
    }
    judge_at(&store, &rules, &mut network, 10);
    let rows = tickets(&store);
    let lead = rows.iter().find(|row| row.state == State::Sent).expect("a lead");
    let member = rows.iter().find(|row| row.state == State::Closed).expect("a member");
    let repair_of = |device: &str, second| {
        let tx = store.begin().expect("begin");
        let done = repair(&tx, &rules, device, None, by("moved", second, second)).expect("repair");
        tx.commit().expect("commit");
        done
    };
    let done = repair_of(&member.device, 20);
    assert_eq!(done.len(), 1);
    assert_eq!(
        store.ticket(lead.id).expect("read").expect("stands").state,
        State::Sent,
        "others wait for it"
    );
    connection(&store, &rules, &member.device, 30);
    let done = repair_of(&lead.device, 40);
    assert_eq!(done.len(), 1, "the other one left it: {done:?}");
    let tracked = store.device(&member.device).expect("read").expect("known").tracking.remove(0).1;
    assert_eq!(tracked.window.total, 4, "it counts for itself");
}
