//! The ways to a center.

use super::*;
use crate::ticket::fixture::{alert, centers};

#[test]
fn building_beats_region_and_case_is_ignored() {
    let route = route(&alert(0), &centers());
    assert_eq!(route.center.id, "east");
    assert_eq!(route.why, RouteReason::Building { building: "B2".into(), origin: "centers.yaml:4".into() });
    let shouted = AlertRecord { building: Some(" b2".into()), ..alert(0) };
    assert_eq!(super::route(&shouted, &centers()).why, route.why);
}

#[test]
fn region_serves_where_the_building_is_unknown() {
    let alert = AlertRecord { building: Some("B9".into()), region: Some("WEST".into()), ..alert(0) };
    let route = route(&alert, &centers());
    assert_eq!(route.center.id, "west");
    assert_eq!(route.why.words(), "it serves region west (centers.yaml:11)");
}

#[test]
fn default_serves_what_nobody_else_does() {
    let alert = AlertRecord { building: None, region: None, ..alert(0) };
    let route = route(&alert, &centers());
    assert_eq!((route.center.id.as_str(), route.why.words().contains("centers.yaml:1)")), ("west", true));
}

#[test]
fn missing_default_gives_a_center_without_recipients() {
    let centers = Centers { default: "gone".into(), buildings: vec![], regions: vec![], ..centers() };
    let route = route(&alert(0), &centers);
    assert_eq!((route.center.id.as_str(), route.center.mail.len()), ("gone", 0));
}

fn rules(text: &str) -> Centers {
    let text = format!(
        "default: desk\ncenters:\n  desk: {{name: Desk, mail: [desk@acme.example], zone: UTC}}\n  east: \
         {{name: East, mail: [east@acme.example], zone: 'Europe/Berlin'}}\n{text}"
    );
    let file = "centers.yaml".to_owned();
    let sources: Vec<_> =
        crate::rules::embedded().into_iter().chain([crate::rules::Source { file, text }]).collect();
    crate::rules::compile(&sources).expect("right").centers
}

fn steps(query: RouteQuery<'_>, centers: &Centers) -> (String, Vec<String>) {
    let route = route_query(&query, centers);
    (route.center.id, route.steps)
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

#[test]
fn a_building_with_a_queue_of_its_own_gets_the_mail_there() {
    let centers = rules("buildings:\n  B2: {center: east, mail: [b2@acme.example]}\n");
    let query = RouteQuery { building: Some("b2"), ..RouteQuery::default() };
    let route = route_query(&query, &centers);
    assert_eq!((route.center.id.as_str(), route.center.mail), ("east", vec!["b2@acme.example".to_owned()]));
    assert_eq!(
        route.steps,
        ["building B2 has a queue of its own (centers.yaml:6)", "it serves building B2 (centers.yaml:6)"]
    );
}

#[test]
fn a_building_without_staff_goes_to_its_neighbour_and_says_so() {
    let centers = rules(
        "buildings:\n  B2: east\n  B7: {staff: none, near: [B8, B2]}\n  B8: {staff: none, coordinates: '1, 1'}\n",
    );
    let query = RouteQuery { building: Some("B7"), ..RouteQuery::default() };
    let (center, words) = steps(query, &centers);
    assert_eq!(center, "east");
    assert_eq!(
        words,
        [
            "building B7 has no service staff (centers.yaml:7)",
            "building B2 is its first neighbour with staff (centers.yaml:7)",
            "it serves building B2 (centers.yaml:6)",
        ]
    );
    let (center, words) = steps(RouteQuery { building: Some("B8"), ..RouteQuery::default() }, &centers);
    assert_eq!(
        (center.as_str(), words[0].as_str()),
        ("desk", "building B8 has no service staff (centers.yaml:8)")
    );
}

#[test]
fn coordinates_of_the_device_lead_to_the_nearest_building_where_its_own_is_unknown() {
    let centers = rules(
        "buildings:\n  B2: {center: east, coordinates: '52.0, 13.0'}\n  B3: {center: desk, coordinates: '53.0, 13.0'}\n",
    );
    let query = RouteQuery {
        building: Some("B9"),
        coordinates: Some("52.1, 13.0".parse().expect("coordinates")),
        ..RouteQuery::default()
    };
    assert_eq!(
        steps(query, &centers),
        (
            "east".into(),
            vec![
                "building B9 is not listed in centers.yaml".into(),
                "building B2 is the nearest with staff, 11.1 km away (centers.yaml:6)".into(),
                "it serves building B2 (centers.yaml:6)".into(),
            ]
        )
    );
}

#[test]
fn server_package_failure_and_network_lead_to_their_centers_in_the_rules_order() {
    let centers = rules(
        "servers: {'is3*': east}\npackages: {'office-*': east}\nfailures: {disk: east}\nnetwork: east\n",
    );
    let query = RouteQuery { region: Some("EMEA"), ..RouteQuery::default() };
    let last = |query| steps(query, &centers).1.pop().expect("a step");
    assert_eq!(
        last(RouteQuery { server: Some("IS38"), package: Some("office-365"), ..query }),
        "it looks after intermediate server IS38, `is3*` (centers.yaml:5)"
    );
    assert_eq!(
        last(RouteQuery { package: Some("office-365"), failure: Some("disk"), ..query }),
        "it owns package office-365, `office-*` (centers.yaml:6)"
    );
    assert_eq!(
        last(RouteQuery { failure: Some("disk"), ..query }),
        "it sees to failures of type disk (centers.yaml:7)"
    );
    assert_eq!(last(RouteQuery { network: true, ..query }), "it looks after the network (centers.yaml:8)");
    let first = Centers { order: vec![Way::Failure, Way::Server], ..centers };
    let query = RouteQuery { server: Some("is38"), failure: Some("disk"), ..query };
    assert_eq!(route_query(&query, &first).why.words(), "it sees to failures of type disk (centers.yaml:7)");
}

/// East is open on working days and in the hour of Sunday night in which clocks are changed; on call is open
/// on Saturdays only.
fn with_duty() -> Centers {
    let text = "default: desk\nbuildings: {B2: east}\ncenters:\n  desk: {name: Desk, mail: [desk@acme.example], \
                zone: UTC}\n  east:\n    name: East\n    mail: [east@acme.example]\n    zone: CET\n    hours: \
                ['Mon-Fri 07:00-17:30', 'Sun 02:00-03:00']\n    holidays: ['12-24']\n    duty: oncall\n  oncall: \
                {name: On call, mail: [o@acme.example], zone: UTC, hours: 'Sat 00:00-24:00'}\n";
    let source = crate::rules::Source { file: "centers.yaml".into(), text: text.into() };
    let sources: Vec<_> = crate::rules::embedded().into_iter().chain([source]).collect();
    let mut centers = crate::rules::compile(&sources).expect("right").centers;
    // A zone that needs no database.
    centers.centers.iter_mut().for_each(|center| {
        if center.id == "east" {
            center.zone = "CET-1CEST,M3.5.0,M10.5.0/3".into();
        }
    });
    centers
}

fn on_duty(time: &str) -> (String, Vec<String>) {
    let (center, words) =
        steps(RouteQuery { building: Some("B2"), at: at(time), ..RouteQuery::default() }, &with_duty());
    (center, words[1..].to_vec())
}

#[test]
fn outside_its_hours_a_center_hands_over_to_the_one_on_duty() {
    assert_eq!(
        on_duty("2026-11-20T16:29:59Z"),
        ("east".into(), vec!["East is open at Fri 17:29 CET (centers.yaml:9)".into()])
    );
    assert_eq!(
        on_duty("2026-11-20T23:30:00Z"),
        (
            "east".into(),
            vec![
                "East is closed at Sat 00:30 CET, opens Sun 2026-11-22 02:00 CET (centers.yaml:9)".into(),
                "On call is closed at Fri 23:30 UTC, opens Sat 2026-11-21 00:00 UTC (centers.yaml:12)".into(),
                "nobody is on duty: it waits at East".into(),
            ]
        )
    );
    let (center, words) = on_duty("2026-11-21T12:00:00Z");
    assert_eq!(
        (center.as_str(), words[1].as_str()),
        ("oncall", "On call is on duty for East (centers.yaml:5)")
    );
}

#[test]
fn the_hour_that_comes_twice_is_open_twice_and_the_one_left_out_is_not_there() {
    let open = |time: &str| on_duty(time).1[0].starts_with("East is open");
    assert!(!open("2026-10-24T23:59:59Z"));
    assert!(open("2026-10-25T00:30:00Z") && open("2026-10-25T01:30:00Z"), "02:30 CEST and 02:30 CET");
    assert!(!open("2026-10-25T02:00:00Z"));
    assert!(!open("2026-03-29T00:59:00Z") && !open("2026-03-29T01:00:00Z"), "from 01:59 to 03:00");
    let (_, words) = on_duty("2026-03-28T23:30:00Z");
    assert_eq!(words[0], "East is closed at Sun 00:30 CET, opens Mon 2026-03-30 07:00 CEST (centers.yaml:9)");
}

#[test]
fn on_a_holiday_duty_has_the_ticket() {
    let (center, words) = on_duty("2026-12-24T10:00:00Z");
    assert_eq!(center, "east");
    assert_eq!(words[0], "East is closed at Thu 11:00 CET, opens Fri 2026-12-25 07:00 CET (centers.yaml:9)");
}

#[test]
fn a_route_stored_by_an_earlier_version_is_read() {
    let mut value = serde_json::to_value(route(&alert(0), &centers())).expect("JSON");
    let old = value.as_object_mut().expect("a map");
    old.remove("steps");
    let center = old["center"].as_object_mut().expect("a map");
    ["language", "hours", "duty"].iter().for_each(|key| drop(center.remove(*key)));
    let route: Route = serde_json::from_value(value).expect("a route");
    assert_eq!(route.words(), "it serves building B2 (centers.yaml:4)");
}
