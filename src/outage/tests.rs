//! Claims over the whole room: recurrences against another's table, files of each kind, who is meant.

mod calendar;

use super::judge::kept_under;
use super::moment::civil;
use super::read::{Kind, Read, read};
use super::rule::Rule;
use super::*;
use jiff::Timestamp;
use jiff::civil::DateTime;
use proptest::prelude::*;

const TABLE: &str = include_str!("../../fixtures/outages/recurrences.txt");

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn second(at: DateTime, by: i64) -> DateTime {
    at.checked_add(jiff::Span::new().seconds(by)).expect("inside the calendar")
}

#[test]
fn every_rule_of_the_table_starts_then_and_not_between() {
    let mut rules = 0;
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let mut parts = line.split('|');
        let first = civil(parts.next().expect("DTSTART")).expect("a time");
        let rule: Rule = parts.next().expect("RRULE").parse().expect("a rule");
        let starts: Vec<DateTime> = parts.next().expect("starts").split(',').filter_map(civil).collect();
        let latest = |floor, limit| rule.latest(first, floor, limit, &mut |_| true);
        let mut before = first;
        for start in &starts {
            assert_eq!(latest(*start, *start), Some(*start), "{line}");
            if *start > before {
                assert_eq!(latest(before, second(*start, -1)), None, "{line}: before {start}");
            }
            before = second(*start, 1);
        }
        if rule.count.is_some() {
            assert_eq!(rule.last_of_count(first), Some(starts.last().copied().unwrap_or(first)), "{line}");
        }
        rules += 1;
    }
    assert!(rules > 200, "{rules}");
}

pub(super) fn one(kind: Kind, text: &str) -> Notice {
    let mut read = read(kind, "outages/x", text.as_bytes(), &Zone::utc());
    assert_eq!((&read.fault, &read.mistakes[..]), (&None, &[][..]));
    assert_eq!(read.notices.len(), 1);
    read.notices.remove(0)
}

fn yaml(notice: &str) -> Notice {
    one(Kind::Yaml, &format!("outages:\n- {{{notice}}}\n"))
}

fn refused(kind: Kind, text: &str) -> Vec<String> {
    let read = read(kind, "x", text.as_bytes(), &Zone::utc());
    read.fault.iter().chain(&read.mistakes).map(ToString::to_string).collect()
}

fn covered(notice: &Notice, moment: &str) -> Option<(String, String)> {
    let stretch = notice.covering(at(moment))?;
    Some((stretch.from.to_string(), stretch.until.map_or("open".to_owned(), |until| until.to_string())))
}

#[test]
fn a_night_keeps_its_wall_clock_when_clocks_change() {
    let night = yaml(
        "device: n, from: 2026-01-01 22:00, until: 2026-01-02 06:00, zone: Europe/Berlin, rrule: FREQ=DAILY",
    );
    for (moment, from, until) in [
        ("2026-01-10T03:00:00Z", "2026-01-09T21:00:00Z", "2026-01-10T05:00:00Z"),
        // Clocks go ahead at 01:00Z: the night is an hour shorter.
        ("2026-03-29T03:59:59Z", "2026-03-28T21:00:00Z", "2026-03-29T04:00:00Z"),
        // Clocks go back at 01:00Z: it is an hour longer.
        ("2026-10-25T04:59:59Z", "2026-10-24T20:00:00Z", "2026-10-25T05:00:00Z"),
    ] {
        assert_eq!(covered(&night, moment), Some((from.to_owned(), until.to_owned())), "{moment}");
        assert_eq!(covered(&night, until), None, "{until}");
    }
}

#[test]
fn an_hour_that_clocks_skip_is_held_after_it_and_one_that_comes_twice_is_held_both_times() {
    let hour = yaml(
        "device: n, from: 2026-01-01 02:00, until: 2026-01-01 03:00, zone: Europe/Berlin, rrule: FREQ=DAILY",
    );
    // 02:00 to 03:00 does not exist on 29 March: the hour after it.
    assert_eq!(covered(&hour, "2026-03-29T00:59:59Z"), None);
    let skipped = Some(("2026-03-29T01:00:00Z".to_owned(), "2026-03-29T02:00:00Z".to_owned()));
    assert_eq!(covered(&hour, "2026-03-29T01:00:00Z"), skipped);
    assert_eq!(covered(&hour, "2026-03-29T02:00:00Z"), None);
    // 02:00 to 03:00 lasts two hours on 25 October.
    let twice = Some(("2026-10-25T00:00:00Z".to_owned(), "2026-10-25T02:00:00Z".to_owned()));
    assert_eq!(covered(&hour, "2026-10-25T00:00:00Z"), twice);
    assert_eq!(covered(&hour, "2026-10-25T01:59:59Z"), twice);
    assert_eq!(covered(&hour, "2026-10-25T02:00:00Z"), None);
}

#[test]
fn a_rule_without_end_or_sense_costs_no_more_than_its_length() {
    for rule in [
        "FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MINUTELY;INTERVAL=99999",
        "FREQ=YEARLY;INTERVAL=1000;BYDAY=53MO;BYSETPOS=366",
    ] {
        let notice = yaml(&format!("device: n, from: 1970-01-01, until: 1975-01-01, rrule: '{rule}'"));
        for year in ["1990", "2026", "2200", "9998"] {
            notice.covering(at(&format!("{year}-06-01T00:00:00Z")));
        }
    }
    let wrong = "outages:\n- {device: n, from: 1970-01-01, until: 1970-01-02, rrule: 'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=9'}\n";
    assert_eq!(refused(Kind::Yaml, wrong), ["x:2:3: COUNT reaches too far to be counted; say UNTIL"]);
}

#[test]
fn exceptions_further_dates_until_and_expiry_hold() {
    let notice = yaml(
        "device: n, from: 2026-03-02 10:00, duration: PT2H, rrule: 'FREQ=DAILY;UNTIL=20260306T100000Z', \
         exdate: [2026-03-03, 2026-03-04T10:00:00Z], rdate: 2026-03-20 10:00, expires: 2026-03-20 11:00",
    );
    let held: Vec<u8> = (1..=31)
        .filter(|day| notice.covering(at(&format!("2026-03-{day:02}T10:30:00Z"))).is_some())
        .collect();
    assert_eq!(held, [2, 5, 6, 20]);
    let cut = Some(("2026-03-20T10:00:00Z".to_owned(), "2026-03-20T11:00:00Z".to_owned()));
    assert_eq!(covered(&notice, "2026-03-20T10:59:59Z"), cut, "expiry ends an occurrence");
    assert_eq!(notice.ends(), Some(at("2026-03-20T11:00:00Z")));
}

#[test]
fn a_malformed_notice_is_told_with_its_place_and_voids_no_other() {
    let text = "zone: Europe/Berlin\noutages:\n- device: node7\n  from: 2026-03-01\n- devise: node8\n  from: 2026-03-01\n\
                - device: node9\n  from: soon\n- from: 2026-03-01\n- device: node10\n  from: 2026-03-02\n  until: 2026-03-01\n";
    let read = read(Kind::Yaml, "outages/a.yaml", text.as_bytes(), &Zone::utc());
    let told: Vec<String> = read.mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "outages/a.yaml:5:3: unknown key `devise` in a notice, did you mean `device`?",
            "outages/a.yaml:8:9: `from`: `soon` is no time; write it like `2026-03-15 14:00`, `2026-03-15T14:00:00+01:00` or `2026-03-15`",
            "outages/a.yaml:9:3: the notice names nothing; it needs one of device, mac, ip, glob, building, server, region, package",
            "outages/a.yaml:12:10: `until` 2026-03-01T23:00:00Z is not after `from` 2026-03-01T23:00:00Z",
        ]
    );
    assert_eq!(read.notices.len(), 1);
    assert_eq!(read.notices[0].from, at("2026-02-28T23:00:00Z"));
    assert_eq!(read.notices[0].origin.to_string(), "outages/a.yaml:3");
}

#[test]
fn a_row_that_cannot_be_read_voids_no_other_and_headers_have_aliases() {
    let text = "Host;Start;End;Comment;Ticket URL\nnode7|node8;2026-03-01 10:00;2026-03-01 12:00;\"new; switch\";x\n\
                node9;2026-03-01\nnode10;when;;;\n;2026-03-01;;;\nnode11;2026-03-02;;;\n";
    let read = read(Kind::Csv, "a.csv", text.as_bytes(), &Zone::utc());
    let told: Vec<String> = read.mistakes.iter().map(ToString::to_string).collect();
    assert!(told[0].starts_with("a.csv:3:1: the row has 2 cells, the first row names 5 columns"), "{told:?}");
    assert!(told[1].starts_with("a.csv:4:1: `from`: `when` is no time"), "{told:?}");
    assert!(told[2].starts_with("a.csv:5:1: the notice names nothing"), "{told:?}");
    assert_eq!(told.len(), 3);
    assert_eq!(read.warnings.len(), 1, "a column of somebody else's is told");
    assert_eq!(read.notices.len(), 2);
    assert_eq!(read.notices[0].reason.as_deref(), Some("new; switch"));
    let names: Vec<_> = read.notices[0].targets.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["device node7", "device node8"]);
}

#[test]
fn half_written_empty_and_foreign_files_are_faults() {
    for (kind, text, fault) in [
        (Kind::Yaml, "", "x:1:1: the file is empty"),
        (Kind::Yaml, "outages:\n- {device: node7, from: 2026", "x:2:"),
        (Kind::Yaml, "outages: &a [*a]\n", "x:1:13: anchors"),
        (
            Kind::Yaml,
            "outage: []\n",
            "x:1:1: unknown key `outage` in an outage file, did you mean `outages`?",
        ),
        (Kind::Csv, "", "x:1:1: the file is empty"),
        (Kind::Csv, "node7,2026-03-01\n", "x:1:1: the first row must name the columns"),
        (
            Kind::Csv,
            "device,pakage,from\n",
            "x:1:1: column 2 `pakage` is none of ours, did you mean `package`?",
        ),
        (Kind::Calendar, "", "x:1:1: the file is empty"),
        (
            Kind::Calendar,
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\n",
            "x:3:1: the file ends before END:VEVENT: it is half-written",
        ),
    ] {
        let told = refused(kind, text);
        assert!(told.len() == 1 && told[0].starts_with(fault), "{text:?}: {told:?}");
    }
    let read = read(Kind::Csv, "x", b"device,from\n\xff,2026-03-01\n", &Zone::utc());
    assert_eq!(read.fault.map(|fault| fault.to_string()).as_deref(), Some("x:2:1: not UTF-8"));
}

fn subject<'a>(names: &'a [&'a str]) -> Subject<'a> {
    Subject { names, ..Subject::default() }
}

fn winner(subject: &Subject<'_>, notices: &[Notice], now: &str) -> String {
    match judge(subject, notices, at(now)) {
        Expectation::Expected { reason, until, target, .. } => {
            let until = until.map_or("open".to_owned(), |until| until.to_string());
            format!("{} {until} ({target})", reason.unwrap_or_default())
        }
        other => other.words(),
    }
}

#[test]
fn a_device_is_meant_by_any_of_its_names_and_addresses() {
    let names = ["Node7.East.example.com", "is7-old"];
    let ips = ["::ffff:10.1.2.3"];
    let subject = Subject {
        mac: Some("08-00-20-1A-2B-3C"),
        ips: &ips,
        building: Some("Main  Hall"),
        ..subject(&names)
    };
    for named in [
        "device: NODE7",
        "device: node7.east.example.com.",
        "device: IS7-OLD",
        "device: 0800.201a.2b3c",
        "device: 10.1.2.3",
        "device: 'x (10.1.2.3)'",
        "mac: 8:0:20:1a:2b:3c",
        "ip: 10.1.2.3",
        "glob: 'node?'",
        "glob: '*.east.example.com'",
        "device: 'NODE*'",
        "building: main hall",
        "device: [a, b, node7]",
    ] {
        let notice = yaml(&format!("{named}, from: 2026-03-01, reason: r"));
        assert!(
            winner(&subject, std::slice::from_ref(&notice), "2026-03-02T00:00:00Z").starts_with("r open"),
            "{named}"
        );
        let keys = keys(&subject);
        let found = kept_under(&notice).iter().any(|key| keys.contains(key))
            || !GlobIndex::new(
                &judge::kept_globs(&notice).into_iter().map(|(k, g)| (k, g, 1)).collect::<Vec<_>>(),
            )
            .matching(&subject)
            .is_empty();
        assert!(found, "{named} is not found by its keys");
    }
    for named in
        ["device: node7.west.example.com", "device: node77", "ip: 10.1.2.4", "building: hall", "glob: 'node'"]
    {
        let notice = yaml(&format!("{named}, from: 2026-03-01"));
        assert_eq!(winner(&subject, &[notice], "2026-03-02T00:00:00Z"), "no outage is posted", "{named}");
    }
}

#[test]
fn kinds_of_things_are_all_meant_and_names_of_one_kind_are_alternatives() {
    let notice = yaml("building: [B2, B3], package: 'office-*', from: 2026-03-01, reason: r");
    let of = |building, package| {
        let subject = Subject { building, package, ..Subject::default() };
        winner(&subject, std::slice::from_ref(&notice), "2026-03-02T00:00:00Z")
    };
    assert_eq!(of(Some("b3"), Some("Office-12")), "r open (building B3 and package office-*)");
    assert_eq!(of(Some("b3"), Some("jre")), "no outage is posted");
    assert_eq!(of(Some("b4"), Some("office-12")), "no outage is posted");
    assert_eq!(of(Some("b3"), None), "no outage is posted");
}

#[test]
fn the_narrowest_counts_then_the_one_that_ends_last_and_adjoining_ones_make_the_real_end() {
    let building = yaml("building: B2, from: 2026-03-01, until: 2026-03-03, reason: building");
    let short = yaml("device: n, from: 2026-03-01 00:00, until: 2026-03-01 10:00, reason: short");
    let longer = yaml("device: n, from: 2026-03-01 00:00, until: 2026-03-01 11:00, reason: longer");
    let next = yaml("device: n, from: 2026-03-04 00:00, until: 2026-03-04 12:00, reason: next");
    let dropped = yaml("region: East, from: 2026-03-01, until: 2026-03-20, action: drop, reason: dropped");
    let names = ["n"];
    let subject = Subject { building: Some("B2"), region: Some("East"), ..subject(&names) };
    let all = [building.clone(), dropped.clone(), short.clone(), longer, next.clone()];
    let now = "2026-03-01T09:00:00Z";
    assert_eq!(winner(&subject, &all, now), "longer 2026-03-04T12:00:00Z (device n)");
    assert_eq!(
        winner(&subject, &[short.clone(), dropped.clone()], now),
        "short 2026-03-01T10:00:00Z (device n)"
    );
    assert_eq!(winner(&subject, &[building, short], now), "short 2026-03-04T00:00:00Z (device n)");
    assert_eq!(winner(&subject, &[next, dropped], now), "dropped 2026-03-21T00:00:00Z (region East)");
}

#[test]
fn hostile_words_of_a_notice_stay_inert_in_what_is_said() {
    let notice = yaml("device: n, from: 2026-03-01, reason: \"a\\e[2Jb\", author: \"x\\u202ey\"");
    let words = judge(&subject(&["n"]), &[notice], at("2026-03-02T00:00:00Z")).words();
    assert!(!words.contains(['\u{1b}', '\u{202e}']), "{words}");
    assert!(words.starts_with("kept aside: outage O-"), "{words}");
}

#[test]
fn what_is_odd_is_warned_of() {
    let text = "outages:\n- {id: a, glob: '*', from: 2026-03-01, until: 2026-04-01}\n- {id: b, device: n, from: 2026-03-01}\n\
                - {id: c, device: n, from: 2026-02-01, until: 2026-02-02}\n\
                - {id: d, device: n, from: 2026-02-01, until: 2026-02-02, rrule: FREQ=WEEKLY}\n\
                - {id: e, device: n, from: 2026-03-20, until: 2026-03-21}\n";
    let read = read(Kind::Yaml, "x", text.as_bytes(), &Zone::utc());
    let warnings = check(&read.notices, &|notice| Some(notice.id == "d"), at("2026-03-10T00:00:00Z"));
    let told: Vec<String> = warnings.iter().map(|w| format!("{} {}", w.notice, w.what)).collect();
    assert_eq!(
        told,
        [
            "a it matches every device: no ticket is written while it holds",
            "a it never matched an alert",
            "b it has no end and no `expires`: it holds until it is taken back",
            "b it never matched an alert",
            "c it is past since 2026-02-03 00:00:00Z",
            "c it never matched an alert",
            "d it recurs without an end and without `expires`",
        ]
    );
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(text in "\\PC{0,60}|[a-z:,;\"\n0-9=\\-{}\\[\\] ]{0,120}", now in 0i64..4_000_000_000) {
        for kind in [Kind::Yaml, Kind::Csv, Kind::Calendar] {
            let _ = read(kind, "x", text.as_bytes(), &Zone::utc());
        }
        if let Ok(rule) = text.parse::<Rule>() {
            prop_assert_eq!(rule.to_string().parse::<Rule>(), Ok(rule));
        }
        let _ = Timestamp::from_second(now);
    }

    #[test]
    fn a_notice_survives_being_stored(day in 1u8..28, hours in 1u8..200, by in 0usize..4, now in 1_760_000_000i64..1_800_000_000) {
        let rule = ["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,SU;COUNT=9", "FREQ=MONTHLY;BYDAY=-1FR;UNTIL=20271231", "FREQ=HOURLY;INTERVAL=36"][by];
        let notice = yaml(&format!("device: n, from: 2026-01-{day:02} 03:00, duration: PT{hours}H, rrule: '{rule}', zone: America/New_York, exdate: 2026-02-02"));
        let stored: Notice = serde_json::from_str(&serde_json::to_string(&notice).expect("JSON")).expect("a notice");
        prop_assert_eq!(&stored, &notice);
        let now = Timestamp::from_second(now).expect("a time");
        if let Some(stretch) = notice.covering(now) {
            prop_assert!(stretch.from <= now && stretch.until.is_some_and(|until| now < until));
            prop_assert!(notice.begins() <= stretch.from && notice.ends().is_none_or(|ends| stretch.until <= Some(ends)));
        }
    }
}

#[test]
fn an_empty_read_is_the_default() {
    assert_eq!(Read::default().notices, []);
}
