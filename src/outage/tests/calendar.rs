//! Calendars: zones, changed and cancelled occurrences, all-day events, what an event names.

use super::{at, covered, one, refused};
use crate::outage::{Action, Kind, Notice, Zone, read};

/// A calendar with this inside, in lines as RFC 5545 wants them.
fn calendar(inside: &str) -> String {
    format!("BEGIN:VCALENDAR\nVERSION:2.0\n{inside}END:VCALENDAR\n").replace('\n', "\r\n")
}

fn event(lines: &str) -> String {
    calendar(&format!("BEGIN:VEVENT\nUID:1@example.com\nLOCATION:node7\n{lines}END:VEVENT\n"))
}

fn notices(text: &str) -> Vec<Notice> {
    let read = read::read(Kind::Calendar, "x.ics", text.as_bytes(), &Zone::utc());
    assert_eq!((&read.fault, &read.mistakes[..]), (&None, &[][..]));
    read.notices
}

fn hours(notices: &[Notice], day: &str) -> Vec<u8> {
    let holds = |hour: &u8| {
        let moment = at(&format!("{day}T{hour:02}:30:00Z"));
        notices.iter().any(|notice| notice.covering(moment).is_some())
    };
    (0..24).filter(holds).collect()
}

fn pair(from: &str, until: &str) -> Option<(String, String)> {
    Some((from.to_owned(), until.to_owned()))
}

#[test]
fn a_time_in_a_zone_of_the_database_keeps_its_wall_clock() {
    let notice = one(
        Kind::Calendar,
        &event(
            "DTSTART;TZID=Europe/Berlin:20260301T220000\nDTEND;TZID=Europe/Berlin:20260302T060000\nRRULE:FREQ=DAILY\n",
        ),
    );
    assert_eq!(
        covered(&notice, "2026-03-28T23:00:00Z"),
        pair("2026-03-28T21:00:00Z", "2026-03-29T04:00:00Z")
    );
    assert_eq!(
        covered(&notice, "2026-07-01T21:00:00Z"),
        pair("2026-07-01T20:00:00Z", "2026-07-02T04:00:00Z")
    );
}

#[test]
fn a_zone_of_the_file_is_used_where_the_database_has_none_of_its_name() {
    let zone = "BEGIN:VTIMEZONE\nTZID:W. Europe Standard Time\nBEGIN:STANDARD\nDTSTART:16010101T030000\n\
                TZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nRRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10\nEND:STANDARD\n\
                BEGIN:DAYLIGHT\nDTSTART:16010101T020000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\n\
                RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3\nEND:DAYLIGHT\nEND:VTIMEZONE\n";
    let event = "BEGIN:VEVENT\nUID:1\nLOCATION:node7\nDTSTART;TZID=W. Europe Standard Time:20260301T220000\n\
                 DTEND;TZID=\"W. Europe Standard Time\":20260302T060000\nRRULE:FREQ=DAILY\nEND:VEVENT\n";
    let notice = one(Kind::Calendar, &calendar(&format!("{zone}{event}")));
    assert_eq!(
        covered(&notice, "2026-03-28T23:00:00Z"),
        pair("2026-03-28T21:00:00Z", "2026-03-29T04:00:00Z")
    );
    assert_eq!(
        covered(&notice, "2026-10-24T23:00:00Z"),
        pair("2026-10-24T20:00:00Z", "2026-10-25T05:00:00Z")
    );
    let path = event.replace("W. Europe Standard Time", "/example.org/2026a/America/New_York");
    let notice = one(Kind::Calendar, &calendar(&path));
    assert_eq!(
        covered(&notice, "2026-07-02T03:00:00Z"),
        pair("2026-07-02T02:00:00Z", "2026-07-02T10:00:00Z")
    );
    let told = refused(Kind::Calendar, &calendar(&event.replace("W. Europe", "Middle Earth")));
    assert_eq!(
        told,
        [
            "x:6:1: DTSTART: the zone `Middle Earth Standard Time` is in neither the IANA database nor the file"
        ]
    );
}

#[test]
fn zone_of_the_file_without_daylight_saving_is_a_fixed_offset() {
    let text = "BEGIN:VTIMEZONE\nTZID:Ours\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:-0330\n\
                TZOFFSETTO:-0330\nEND:STANDARD\nEND:VTIMEZONE\nBEGIN:VEVENT\nUID:1\nLOCATION:n\n\
                DTSTART;TZID=Ours:20260301T220000\nDURATION:PT2H\nEND:VEVENT\n";
    let notice = one(Kind::Calendar, &calendar(text));
    assert_eq!(
        covered(&notice, "2026-03-02T02:00:00Z"),
        pair("2026-03-02T01:30:00Z", "2026-03-02T03:30:00Z")
    );
}

#[test]
fn all_day_events_and_floating_times_are_in_the_zone_of_the_calendar() {
    let whole = event("DTSTART;VALUE=DATE:20260310\nDTEND;VALUE=DATE:20260312\n");
    assert_eq!(
        covered(&one(Kind::Calendar, &whole), "2026-03-11T23:59:59Z"),
        pair("2026-03-10T00:00:00Z", "2026-03-12T00:00:00Z")
    );
    let day = event("DTSTART;VALUE=DATE:20260310\n").replace("VERSION:2.0", "X-WR-TIMEZONE:Asia/Tokyo");
    assert_eq!(
        covered(&one(Kind::Calendar, &day), "2026-03-10T12:00:00Z"),
        pair("2026-03-09T15:00:00Z", "2026-03-10T15:00:00Z")
    );
    let floating = event("DTSTART:20260310T100000\nDTEND:20260310T110000\n");
    assert_eq!(hours(&notices(&floating), "2026-03-10"), [10]);
}

#[test]
fn cancelled_moved_excepted_and_further_occurrences_are_where_the_calendar_shows_them() {
    let text = "BEGIN:VEVENT\nUID:1\nLOCATION:node7\nSUMMARY:nightly\nDTSTART:20260310T020000Z\nDTEND:20260310T030000Z\n\
                RRULE:FREQ=DAILY;COUNT=6\nEXDATE:20260311T020000Z\nRDATE:20260320T020000Z\n\
                RDATE;VALUE=PERIOD:20260321T020000Z/PT3H\nEND:VEVENT\n\
                BEGIN:VEVENT\nUID:1\nRECURRENCE-ID:20260312T020000Z\nDTSTART:20260312T050000Z\nDTEND:20260312T070000Z\nEND:VEVENT\n\
                BEGIN:VEVENT\nUID:1\nRECURRENCE-ID:20260313T020000Z\nDTSTART:20260313T020000Z\nDTEND:20260313T030000Z\n\
                STATUS:CANCELLED\nEND:VEVENT\n";
    let notices = notices(&calendar(text));
    assert_eq!(notices.iter().map(|n| n.id.as_str()).collect::<Vec<_>>(), ["1", "1/20260312T020000Z"]);
    assert_eq!(notices[1].reason.as_deref(), Some("nightly"), "what it does not say it has from its series");
    for (day, expected) in [
        ("2026-03-10", &[2][..]),
        ("2026-03-11", &[]),
        ("2026-03-12", &[5, 6]),
        ("2026-03-13", &[]),
        ("2026-03-14", &[2]),
        ("2026-03-15", &[2]),
        ("2026-03-16", &[]),
        ("2026-03-20", &[2]),
        ("2026-03-21", &[2, 3, 4]),
    ] {
        assert_eq!(hours(&notices, day), expected, "{day}");
    }
}

#[test]
fn cancelled_event_cancelled_calendar_and_older_version_are_no_notices() {
    let lines = "DTSTART:20260310T020000Z\nDTEND:20260310T030000Z\n";
    assert_eq!(notices(&event(&format!("{lines}STATUS:CANCELLED\n"))), []);
    assert_eq!(notices(&event(lines).replace("VERSION:2.0", "METHOD:CANCEL")), []);
    let twice = calendar(&format!(
        "BEGIN:VEVENT\nUID:1\nLOCATION:n\nSEQUENCE:2\nDTSTART:20260310T050000Z\nDURATION:PT1H\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:1\nLOCATION:n\nSEQUENCE:1\n{lines}END:VEVENT\n"
    ));
    assert_eq!(hours(&notices(&twice), "2026-03-10"), [5]);
}

#[test]
fn what_an_event_names_stands_in_our_lines_then_in_categories_then_in_its_location() {
    let lines = "DTSTART:20260310T020000Z\nDTEND:20260310T030000Z\n";
    let named = |more: &str| -> Vec<String> {
        let text = calendar(&format!("BEGIN:VEVENT\nUID:1\n{lines}{more}END:VEVENT\n"));
        one(Kind::Calendar, &text).targets.iter().map(ToString::to_string).collect()
    };
    assert_eq!(named("LOCATION:node7\\, node8\n"), ["device node7", "device node8"]);
    assert_eq!(named("LOCATION:Building B2\n"), ["building B2"]);
    assert_eq!(named("LOCATION:08-00-20-1a-2b-3c\n"), ["MAC address 08:00:20:1a:2b:3c"]);
    assert_eq!(named("LOCATION:room 12\nCATEGORIES:Work,region:East\n"), ["region East"]);
    assert_eq!(
        named("X-AUTOTICKET-BUILDING:B2\nX-AUTOTICKET-PACKAGE:office-*\nLOCATION:node7\n"),
        ["building B2", "package office-*"]
    );
    assert_eq!(named("X-AUTOTICKET-DEVICE:a-very-long-\n name\n"), ["device a-very-long-name"]);
    let told = refused(Kind::Calendar, &calendar(&format!("BEGIN:VEVENT\nUID:1\n{lines}END:VEVENT\n")));
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("x:3:1: the event names nothing"), "{told:?}");
    let dropped = one(
        Kind::Calendar,
        &event(&format!(
            "{lines}X-AUTOTICKET-ACTION:drop\nX-AUTOTICKET-EXPIRES:20260310T023000Z\n\
             ORGANIZER;CN=\"Ann: Ops\":mailto:ann@example.com\nSUMMARY:new\\, shiny\\nswitch\n"
        )),
    );
    assert_eq!((dropped.action, dropped.author.as_deref()), (Action::Drop, Some("Ann: Ops")));
    assert_eq!(dropped.reason.as_deref(), Some("new, shiny switch"));
    assert_eq!(
        covered(&dropped, "2026-03-10T02:29:59Z"),
        pair("2026-03-10T02:00:00Z", "2026-03-10T02:30:00Z")
    );
}

#[test]
fn an_event_that_cannot_be_read_voids_no_other() {
    let text = calendar(
        "BEGIN:VEVENT\nUID:1\nLOCATION:n\nDTSTART:20260310T020000Z\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:2\nLOCATION:n\nDTSTART:soon\nDURATION:PT1H\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:3\nLOCATION:n\nDTSTART:20260310T020000Z\nDURATION:PT1H\nRRULE:FREQ=SECONDLY\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:4\nLOCATION:n\nDTSTART:20260310T020000Z\nDURATION:PT1H\nEND:VEVENT\n",
    );
    let read = read::read(Kind::Calendar, "x", text.as_bytes(), &Zone::utc());
    let told: Vec<String> = read.mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(told[0], "x:3:1: the event has neither DTEND nor DURATION");
    assert!(told[1].starts_with("x:11:1: DTSTART: `soon` is no time"), "{told:?}");
    assert!(told[2].starts_with("x:19:1: RRULE: FREQ must be one of MINUTELY"), "{told:?}");
    assert_eq!(read.notices.iter().map(|n| n.id.as_str()).collect::<Vec<_>>(), ["4"]);
}
