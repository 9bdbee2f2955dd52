//! A failed rollout over three buildings in simulated time: `fixtures/scenario`, its tickets as golden files.
//!
//! One building stands in an outage, one lies behind a dead router, and from one devices were moved. Every reason
//! of every ticket cites a line that exists.

use autoticket::alert::Effort;
use autoticket::alert::engine::Engine;
use autoticket::delivery::{Attempt, Parcel, Transport};
use autoticket::diagnosis::{Finding, NotRun, Ping, Reason, Report, Target, Tool};
use autoticket::intake::{self, Arrival, Arrived};
use autoticket::location::{self, Format};
use autoticket::mail::read;
use autoticket::rules::{self, RuleSet, Source};
use autoticket::service::{self, Turn, Work};
use autoticket::store::{LocationList, Store, TicketRow};
use autoticket::ticket::{State, citation};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    at: Timestamp,
    #[serde(default)]
    alerts: Vec<Alert>,
    #[serde(default)]
    network: BTreeMap<String, Answer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Alert {
    device: String,
    building: String,
    room: String,
    failure: String,
    /// Alerts, a minute apart.
    times: i64,
    ip: Option<String>,
    state: Option<String>,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct Answer {
    finding: Finding,
    last: Option<String>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenario")
}

fn text(name: &str) -> String {
    fs::read_to_string(folder().join(name)).expect("part of the source tree")
}

fn rules() -> RuleSet {
    let mut sources = rules::embedded();
    for name in ["autoticket.yaml", "thresholds.yaml", "centers.yaml"] {
        sources.push(Source { file: name.to_owned(), text: text(name) });
    }
    rules::compile(&sources).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

/// Takes everything, keeps it by name.
#[derive(Default)]
struct Sent(Vec<Parcel>);

impl Transport for Sent {
    fn transmit(&mut self, parcel: &Parcel) -> Attempt {
        self.0.push(parcel.clone());
        Attempt::Accepted { reply: "250 ok".to_owned() }
    }
    fn name(&self) -> String {
        "kept".to_owned()
    }
}

fn report(target: &Target, answer: Option<&Answer>, at: Timestamp) -> Report {
    let finding = answer.map_or(Finding::Unknown, |answer| answer.finding);
    let up = finding == Finding::Up;
    let times: &[u64] = if up { &[412, 398, 431] } else { &[] };
    Report {
        host: target.host.clone(),
        address: target.address,
        finding,
        reason: if up { Reason::Answered } else { Reason::Timeout },
        ping: Some(Ping::of(3, times)),
        ping_tool: Tool::BuiltIn,
        hops: Vec::new(),
        route_tool: Tool::NotRun(NotRun::Off),
        inherited_from: None,
        last_answering: answer.and_then(|answer| answer.last.as_ref()?.parse().ok()),
        at,
        notes: Vec::new(),
    }
}

/// The played scenario.
struct Played {
    _folder: TempDir,
    store: Store,
    sent: Vec<Parcel>,
    /// Hosts that were asked after, call by call.
    asked: Vec<Vec<String>>,
}

fn mail(alert: &Alert, at: Timestamp, number: i64) -> Vec<u8> {
    let date = jiff::fmt::rfc2822::to_string(&at.to_zoned(jiff::tz::TimeZone::UTC)).expect("a date in range");
    let Alert { device, building, room, failure, ip, state, .. } = alert;
    let ip = ip.as_ref().map(|ip| format!("IP: {ip}\r\n")).unwrap_or_default();
    let state = state.as_ref().map(|state| format!("State: {state}\r\n")).unwrap_or_default();
    format!(
        "From: dm@is1.acme.example\r\nTo: alerts@acme.example\r\nMessage-ID: <{device}.{number}@acme.example>\r\n\
         Date: {date}\r\nSubject: Distribution error on {device}\r\n\r\n\
         autoticket-alert: 1\r\nDevice: {device}\r\n{ip}Failure: {failure}\r\nServer: is1\r\nJob: J42\r\n\
         Package: jre-1.3.1\r\nBuilding: {building}\r\nRoom: {room}\r\n{state}Detail: {failure} while jre-1.3.1 was sent\r\n"
    )
    .into_bytes()
}

fn played() -> Played {
    let rules = rules();
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let store = Store::init(&temporary.path().join("state"), "5ce4a2105ce4a210").expect("a new state");
    let inventory = text("inventory.csv");
    let tx = store.reference().expect("reference").begin().expect("begin");
    let read = location::read(Format::Csv, "inventory.csv", inventory.as_bytes());
    let records: Vec<_> = read.map(|item| item.unwrap_or_else(|wrong| panic!("{wrong:?}"))).collect();
    let entries = records.len() as u64;
    tx.replace_locations(records).expect("records");
    let at = "2026-03-02T07:00:00Z".parse().expect("a time");
    let list = LocationList { entries, digest: "d".to_owned(), at, origin: "inventory.csv".to_owned() };
    tx.keep_location_list(&list).expect("keep");
    tx.commit().expect("commit");

    let scenario: Scenario = serde_yaml::from_str(&text("scenario.yaml")).expect("scenario.yaml is sound");
    let engine = Engine::new(&rules, Effort::Mailbox);
    let mut network: BTreeMap<String, Answer> = BTreeMap::new();
    let (mut sent, mut asked, mut number) = (Sent::default(), Vec::new(), 0);
    let clock = Cell::new(Timestamp::UNIX_EPOCH);
    for step in scenario.steps {
        network.extend(step.network);
        for alert in &step.alerts {
            for back in (0..alert.times).rev() {
                let when = step.at - SignedDuration::from_mins(back + 1);
                number += 1;
                let raw = Arc::new(read::bytes(mail(alert, when, number)));
                let arrived = Arrived::read(raw, &engine, Arrival::Known(when), "stdin".to_owned());
                intake::take_in(&store, &rules, &engine, &arrived).expect("taken in");
            }
        }
        clock.set(step.at);
        let mut diagnose = |targets: &[Target]| {
            asked.push(targets.iter().map(|target| target.host.clone()).collect::<Vec<_>>());
            Ok(targets.iter().map(|t| report(t, network.get(&t.host), step.at)).collect())
        };
        let stop = AtomicBool::new(false);
        let mut work = Work {
            rules: &rules,
            clock: &|| clock.get(),
            stop: &stop,
            folder: Some(&folder()),
            diagnose: &mut diagnose,
            progress: &mut |_| {},
        };
        let turn = Turn::take(&store).expect("nobody else is at work");
        service::flush(&store, &turn, &mut sent, &mut work).expect("flush");
    }
    Played { _folder: temporary, store, sent: sent.0, asked }
}

impl Played {
    fn tickets(&self) -> Vec<TicketRow> {
        let mut rows = self.store.tickets(&[], None, None, 100).expect("list");
        rows.sort_by(|a, b| a.device.cmp(&b.device));
        rows
    }

    fn of(&self, device: &str) -> TicketRow {
        self.tickets().into_iter().find(|row| row.device == device).expect("it crossed")
    }

    /// Recipient, subject and text of a sent mail.
    fn letter(parcel: &Parcel) -> String {
        let mail = mail_parser::MessageParser::default().parse(&parcel.bytes).expect("a mail");
        let text = mail.body_text(0).expect("a text part").replace('\r', "");
        format!("To: {}\nSubject: {}\n\n{text}", parcel.recipient, mail.subject().unwrap_or_default())
    }
}

#[test]
fn rollout_over_three_buildings_gives_the_golden_tickets() {
    let played = played();
    let mut table = String::new();
    for row in played.tickets() {
        let decision = row.decision.as_ref().expect("judged");
        table += &format!("{} {}: {}\n", row.device, row.state.word(), decision.route.center.id);
        table += &row.why.as_ref().map(|why| format!("  why: {why}\n")).unwrap_or_default();
        for reason in &decision.reasons {
            table += &format!("  - {reason}\n");
        }
    }
    insta::assert_snapshot!("decisions", table);
    for parcel in &played.sent {
        let name = parcel.name.trim_end_matches(".eml").to_lowercase();
        insta::assert_snapshot!(format!("mail_{name}"), Played::letter(parcel));
    }
}

#[test]
fn dead_router_makes_exactly_one_ticket_which_later_devices_join() {
    let played = played();
    let of_b2: Vec<_> = played.tickets().into_iter().filter(|row| row.device.starts_with("b2-")).collect();
    let (lead, members): (Vec<_>, Vec<_>) = of_b2.into_iter().partition(|row| row.state == State::Sent);
    assert_eq!((lead.len(), members.len()), (1, 5));
    let tickets: Vec<_> = played.sent.iter().filter(|p| p.recipient == "noc@acme.example").collect();
    assert_eq!(tickets.len(), 2, "the ticket, and one update for the device that joined");
    let text = Played::letter(tickets[0]);
    for row in &members {
        assert_eq!(row.state, State::Closed);
        assert!(row.why.as_ref().is_some_and(|why| why.contains(&lead[0].number)), "{:?}", row.why);
        assert!(row.device == "b2-06" || text.contains(&row.device), "{}", row.device);
    }
}

#[test]
fn after_the_outage_who_still_fails_gets_a_ticket_and_who_recovered_does_not_and_both_say_why() {
    let played = played();
    let said = |device: &str| played.of(device).decision.expect("judged").reasons.join("\n");
    assert_eq!(played.of("b1-01").state, State::Sent);
    assert!(said("b1-01").contains("still failing: outage chiller ended (outages/b1.yaml:4)"));
    assert_eq!(played.of("b1-02").state, State::Closed);
    assert!(said("b1-02").contains("recovered: it answers since outage chiller ended (outages/b1.yaml:4)"));
    assert_eq!(played.of("b1-03").state, State::Sent, "no finding sees a failed distribution");
    assert!(said("b1-03").contains("counts as still failing"));
    assert_eq!(played.of("b1-04").state, State::Closed);
    assert!(said("b1-04").contains("recovered: a recovery notice came at"));
    let asked = played.asked.iter().position(|hosts| hosts.iter().any(|host| host.starts_with("b1-")));
    assert_eq!(asked, Some(2), "not asked before the outage ended");
}

#[test]
fn moved_device_goes_to_the_center_of_where_it_stands_and_both_places_are_shown() {
    let played = played();
    let moved = played.of("b3-01");
    assert_eq!(moved.decision.as_ref().map(|d| d.route.center.id.as_str()), Some("south"));
    let parcel = played.sent.iter().find(|p| p.recipient == "south@acme.example").expect("it was sent");
    assert!(Played::letter(parcel).contains("alert said B3/R31, records say B4/R41"));
    let alert = played.store.alert(moved.crossing).expect("read").expect("stored");
    let routed = alert.record.routed.expect("written back");
    assert_eq!((routed.location.as_str(), routed.building.as_deref()), ("corrected", Some("B4")));
    assert_eq!(routed.center, "south");
    assert_eq!(alert.record.building.as_deref(), Some("B3"), "what was stated stays");
}

#[test]
fn every_citation_of_every_ticket_is_an_existing_line() {
    let played = played();
    let mut checked = 0;
    for row in played.tickets() {
        let decision = row.decision.expect("judged");
        for reason in &decision.reasons {
            let place = citation(reason).unwrap_or_else(|| panic!("no line is cited: {reason}"));
            let (file, line) = place.rsplit_once(':').expect("file and line");
            let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("rules");
            let path = match file.strip_prefix("embedded:") {
                Some(name) => shipped.join(name),
                None => folder().join(file),
            };
            let text =
                fs::read_to_string(&path).unwrap_or_else(|e| panic!("{reason}: {}: {e}", path.display()));
            let cited = text.lines().nth(line.parse::<usize>().expect("a number") - 1);
            let says = cited.is_some_and(|line| !line.trim().is_empty() && !line.trim().starts_with('#'));
            assert!(says, "{reason}: {cited:?}");
            checked += 1;
        }
    }
    assert!(checked > 40, "{checked}");
}
