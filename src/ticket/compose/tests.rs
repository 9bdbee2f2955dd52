//! What tickets look like and what they must never do: bytes, headers, hostile values, followers.

use super::*;
use crate::alert::AlertRecord;
use crate::rules::model::{Center, Template};
use crate::ticket::fixture::{alert, at, decision, facts, origin, rules};
use mail_parser::{HeaderValue, Message, MessageParser, MimeHeaders, PartType};
use proptest::prelude::*;

fn parsed(letter: &Letter) -> Message<'_> {
    MessageParser::default().parse(&letter.bytes).expect("our own mail can be read")
}

fn text_of(letter: &Letter) -> String {
    parsed(letter).body_text(0).expect("a text part").replace("\r\n", "\n")
}

fn html_of(letter: &Letter) -> String {
    parsed(letter).body_html(0).expect("an HTML part").replace("\r\n", "\n")
}

fn json_of(letter: &Letter) -> serde_json::Value {
    let message = parsed(letter);
    let part = message.parts.iter().find(|part| part.is_content_type("application", "json"));
    serde_json::from_slice(part.expect("a JSON part").contents()).expect("valid JSON")
}

fn head_of(letter: &Letter) -> String {
    let text = std::str::from_utf8(&letter.bytes).expect("mails are ASCII");
    let head = text.split("\r\n\r\n").next().expect("a head").replace("\r\n", "\n");
    head.replace(env!("CARGO_PKG_VERSION"), "[version]")
}

fn shown_json_of(letter: &Letter) -> String {
    let json = serde_json::to_string_pretty(&json_of(letter)).expect("JSON");
    json.replace(env!("CARGO_PKG_VERSION"), "[version]")
}

fn hostile() -> TicketFacts {
    let nasty = AlertRecord {
        device: "node7\r\nBcc: thief@example.org".into(),
        package: Some("<script>alert(1)</script> & \u{202e}gnp.exe".into()),
        job: Some("=?utf-8?Q?=0D=0AX-Evil:_1?=".into()),
        announced: "\x1b]52;c;aGk=\x07 refused \u{200b}".into(),
        building: Some("B2\nX-Autoticket-Id: T-00000000".into()),
        room: Some("R\x0014".into()),
        detail: "first line\twith a tab\n\n--=_m0000\r\nContent-Type: text/html\n<b>bold</b>\u{2028}end\n"
            .into(),
        ..alert(47)
    };
    TicketFacts { device: nasty.device.clone(), alerts: vec![nasty.clone()], crossing: nasty, ..facts() }
}

fn joined_alerts() -> Vec<AlertRecord> {
    [70, 95, 110].map(alert).into()
}

#[test]
fn connection_ticket_reads_well() {
    let facts = facts();
    let letter = compose(&facts, &decision(&facts), &rules());
    insta::assert_snapshot!("ticket_head", head_of(&letter));
    insta::assert_snapshot!("ticket_text", text_of(&letter));
    insta::assert_snapshot!("ticket_html", html_of(&letter));
    insta::assert_snapshot!("ticket_json", shown_json_of(&letter));
    assert_eq!(letter.template_faults, Vec::<String>::new());
}

#[test]
fn hostile_text_is_visible_and_inert_in_every_part() {
    let facts = hostile();
    let letter = compose(&facts, &decision(&facts), &rules());
    insta::assert_snapshot!("hostile_head", head_of(&letter));
    insta::assert_snapshot!("hostile_text", text_of(&letter));
    insta::assert_snapshot!("hostile_html", html_of(&letter));
    insta::assert_snapshot!("hostile_json", shown_json_of(&letter));
    assert_eq!(json_of(&letter)["device"]["name"], facts.device.as_str(), "machines get the value as it is");
}

#[test]
fn update_reads_well() {
    let facts = facts();
    let alerts = joined_alerts();
    let joined = Joined { alerts: &alerts, total: 9 };
    let letter = compose_update(&facts, &decision(&facts), &joined, 1, at(130), &rules());
    insta::assert_snapshot!("update_head", head_of(&letter));
    insta::assert_snapshot!("update_text", text_of(&letter));
    insta::assert_snapshot!("update_html", html_of(&letter));
    insta::assert_snapshot!("update_json", shown_json_of(&letter));
}

#[test]
fn reminder_reads_well() {
    let facts = facts();
    let alerts = joined_alerts();
    let joined = Joined { alerts: &alerts, total: 41 };
    let due = at(47 + 3 * 24 * 60);
    let letter = compose_reminder(&facts, &decision(&facts), &joined, 1, due, &rules());
    insta::assert_snapshot!("reminder_text", text_of(&letter));
    insta::assert_snapshot!("reminder_html", html_of(&letter));
}

#[test]
fn stand_down_reads_well() {
    let facts = facts();
    let why = "closed by jana: node7 was taken out of service";
    let letter = compose_stand_down(&facts, &decision(&facts), why, at(200), &rules());
    insta::assert_snapshot!("stand_down_text", text_of(&letter));
    insta::assert_snapshot!("stand_down_html", html_of(&letter));
    assert_eq!(json_of(&letter)["why"], why);
}

#[test]
fn broken_template_never_costs_the_ticket_and_is_said_at_its_end() {
    let facts = facts();
    let mut rules = rules();
    for (name, text) in [("ticket.txt", "{{ devize }}"), ("ticket.html", "\n\n{% for %}")] {
        let origin = origin(&format!("templates/{name}.j2"), 1);
        rules.templates.insert(name.into(), Template { text: text.into(), origin });
    }
    let letter = compose(&facts, &decision(&facts), &rules);
    insta::assert_snapshot!("fallback_text", text_of(&letter));
    insta::assert_snapshot!(
        "fallback_html_end",
        html_of(&letter).lines().rev().take(4).collect::<Vec<_>>().join("\n")
    );
    assert_eq!(letter.template_faults.len(), 2);
    assert!(
        letter.template_faults[1].starts_with("templates/ticket.html.j2:3: "),
        "{:?}",
        letter.template_faults
    );
}

#[test]
fn body_built_in_code_holds_every_field() {
    let facts = facts();
    let decision = decision(&facts);
    let occasion = Occasion { kind: Kind::Ticket, sequence: 0, at: at(47), joined: None, why: None };
    let view = View::of(&facts, &decision, &occasion, &Times::of(&decision.route.center));
    insta::assert_snapshot!("plain_text", crate::ticket::plain::text(&view));
}

#[test]
fn replay_gives_the_same_bytes() {
    let facts = facts();
    let once = compose(&facts, &decision(&facts), &rules());
    assert_eq!(once, compose(&facts, &decision(&facts), &rules()));
    let stored: TicketFacts =
        serde_json::from_str(&serde_json::to_string(&facts).expect("facts can be stored")).expect("and read");
    assert_eq!(once, Composer::new(&rules()).ticket(&stored, &decision(&stored)));
}

#[test]
fn followers_stand_in_the_thread_of_their_ticket() {
    let facts = facts();
    let decision = decision(&facts);
    let alerts = joined_alerts();
    let joined = Joined { alerts: &alerts, total: 9 };
    let rules = rules();
    let composer = Composer::new(&rules);
    let ticket = composer.ticket(&facts, &decision);
    assert_eq!(ticket.message_id, "T-7K3M9QX2@tickets.acme.example");
    assert_eq!(parsed(&ticket).in_reply_to(), &HeaderValue::Empty);
    let letters = [
        (composer.update(&facts, &decision, &joined, 2, at(99)), "T-7K3M9QX2.u2@tickets.acme.example"),
        (composer.reminder(&facts, &decision, &joined, 1, at(99)), "T-7K3M9QX2.r1@tickets.acme.example"),
        (composer.stand_down(&facts, &decision, "closed", at(99)), "T-7K3M9QX2.s1@tickets.acme.example"),
    ];
    for (letter, id) in &letters {
        let message = parsed(letter);
        assert_eq!((letter.message_id.as_str(), message.message_id()), (*id, Some(*id)));
        assert_eq!(message.in_reply_to().as_text(), Some(ticket.message_id.as_str()));
        assert_eq!(message.references().as_text(), Some(ticket.message_id.as_str()));
        assert_eq!(letter.envelope_from, "autoticket+T-7K3M9QX2@tickets.acme.example");
        assert_eq!(letter.recipients, ["east@maintenance.acme.example"]);
        assert!(letter.subject.starts_with(&stem(&facts)), "{}", letter.subject);
    }
}

#[test]
fn date_is_the_event_time_in_the_zone_of_the_center() {
    let facts = facts();
    let letter = compose(&facts, &decision(&facts), &rules());
    assert!(
        head_of(&letter).contains("\nDate: Fri, 20 Nov 2026 09:59:03 +0100\n")
            || head_of(&letter).starts_with("Date: Fri, 20 Nov 2026 09:59:03 +0100\n")
    );
    assert_eq!(parsed(&letter).date().map(|date| date.to_timestamp()), Some(at(47).as_second()));
}

#[test]
fn center_without_usable_address_is_told_to_a_human() {
    let facts = facts();
    let mut decision = decision(&facts);
    decision.route.center.mail = vec!["nobody at all".into()];
    let letter = compose(&facts, &decision, &rules());
    assert_eq!(letter.recipients, ["service@acme.example"]);
    assert!(text_of(&letter).contains("East has no usable mail address"));
}

#[test]
fn many_recipients_are_folded_and_each_gets_a_copy() {
    let facts = facts();
    let mut decision = decision(&facts);
    decision.route.center.mail =
        (0..60).map(|n| format!("Störung {n} <team{n}@maintenance.acme.example>")).collect();
    let letter = compose(&facts, &decision, &rules());
    assert_eq!(letter.recipients.len(), 60);
    assert_eq!(letter.recipients[59], "team59@maintenance.acme.example");
    assert_eq!(parsed(&letter).to().map(|to| to.iter().count()), Some(60));
    assert!(letter.bytes.split(|byte| *byte == b'\n').all(|line| line.len() <= 999));
}

#[test]
fn arrival_changes_no_byte() {
    let facts = facts();
    let mut replayed = facts.clone();
    replayed.crossing.arrival = at(5000);
    replayed.alerts.iter_mut().for_each(|alert| alert.arrival = at(5000));
    assert_eq!(compose(&facts, &decision(&facts), &rules()), compose(&replayed, &decision(&facts), &rules()));
}

#[test]
fn guessed_boundary_in_an_alert_makes_no_part() {
    let plain = compose(&facts(), &decision(&facts()), &rules());
    let head = head_of(&plain);
    let boundary =
        head.split("boundary=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a boundary");
    let detail = format!("x\n--{boundary}\nContent-Type: text/html\n\nforged\n--{boundary}--");
    let facts = TicketFacts { crossing: AlertRecord { detail, ..alert(47) }, ..facts() };
    let letter = compose(&facts, &decision(&facts), &rules());
    let leaves = |letter: &Letter| {
        parsed(letter).parts.iter().filter(|p| !matches!(p.body, PartType::Multipart(_))).count()
    };
    assert_eq!((leaves(&plain), leaves(&letter)), (3, 3));
    assert!(!head_of(&letter).contains(boundary));
}

#[test]
fn text_part_keeps_to_76_columns_and_html_names_no_fixed_width() {
    let mut facts = facts();
    facts.crossing.location = Some("behind the second door on the left, then ".repeat(4));
    let alerts = joined_alerts();
    let joined = Joined { alerts: &alerts, total: 9 };
    let (decision, rules) = (decision(&facts), rules());
    let composer = Composer::new(&rules);
    let letters = [
        composer.ticket(&facts, &decision),
        composer.update(&facts, &decision, &joined, 1, at(99)),
        composer.reminder(&facts, &decision, &joined, 1, at(99)),
        composer.stand_down(&facts, &decision, &"because ".repeat(20), at(99)),
    ];
    for letter in &letters {
        let text = text_of(letter);
        let long: Vec<_> = text.lines().filter(|l| !l.starts_with("  |") && l.chars().count() > 76).collect();
        assert_eq!(long, Vec::<&str>::new());
        let html = html_of(letter);
        assert!(!html.contains(";width:6") && !html.contains("width=\"6"), "{html}");
        assert!(!html.contains("http"), "nothing is loaded from elsewhere");
    }
}

#[test]
fn many_alerts_are_listed_and_the_older_are_told() {
    let alerts: Vec<_> = (0..100).map(alert).collect();
    let facts = TicketFacts { alerts, total: 240, ..facts() };
    let letter = compose(&facts, &decision(&facts), &rules());
    let text = text_of(&letter);
    assert!(text.contains("  140 earlier, not listed\n"));
    assert_eq!(text.lines().filter(|line| line.starts_with("  2026-")).count(), 100);
    assert_eq!(letter.template_faults, Vec::<String>::new());
}

#[test]
fn alert_that_states_next_to_nothing_still_makes_a_ticket() {
    let bare = AlertRecord { device: "node7".into(), event: at(0), ..AlertRecord::default() };
    let facts = TicketFacts {
        crossing: bare.clone(),
        alerts: vec![bare],
        first: at(0),
        last: at(0),
        total: 1,
        ..facts()
    };
    let letter = compose(&facts, &decision(&facts), &rules());
    insta::assert_snapshot!("bare_text", text_of(&letter));
    assert!(letter.subject.contains("(location not stated)"), "{}", letter.subject);
}

/// Names in order. Each of our values decodes to one line of visible text.
fn shape(letter: &Letter) -> Vec<String> {
    let message = MessageParser::new()
        .with_mime_headers()
        .default_header_text()
        .parse(&letter.bytes)
        .expect("our own mail can be read");
    for header in message.headers() {
        let value = header.value().as_text().unwrap_or_default();
        assert_eq!(value.chars().find(|c| crate::shown::is_hidden(*c)), None, "{}: {value:?}", header.name());
    }
    assert!(letter.bytes.split(|byte| *byte == b'\n').all(|line| line.len() <= 999));
    assert!(letter.bytes.is_ascii() && !letter.bytes.contains(&0));
    message.headers().iter().map(|header| header.name().to_owned()).collect()
}

fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\r\nBcc: x@example.org".to_owned()),
        Just("\n\n--=_m".to_owned()),
        Just("=?utf-8?Q?=0A=0D?=".to_owned()),
        Just("=".to_owned()),
        Just("?".to_owned()),
        Just("\0".to_owned()),
        Just("\r".to_owned()),
        Just("{{ 7 * 7 }}".to_owned()),
        Just("<img src=x onerror=y>".to_owned()),
        Just("ü\u{202e}日本".to_owned()),
        Just(" ".repeat(90)),
        Just("x".repeat(300)),
        any::<String>(),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn hostile_values_add_no_header_and_no_part(
        device in nasty(), package in nasty(), announced in nasty(), building in nasty(), room in nasty(),
        detail in nasty(), install in nasty(), failure in nasty(), why in nasty(), name in nasty(),
    ) {
        let plain = facts();
        let mut wanted = decision(&plain);
        let expected = shape(&compose(&plain, &wanted, &rules()));
        let crossing = AlertRecord {
            device: device.clone(), package: Some(package), announced, building: Some(building), room: Some(room),
            location: Some(why.clone()), detail, ..alert(47)
        };
        let facts = TicketFacts { device, failure, install, alerts: vec![crossing.clone()], crossing, ..plain };
        wanted.route.center = Center { name: name.clone(), owner: Some(name), ..wanted.route.center };
        let letter = compose(&facts, &wanted, &rules());
        prop_assert_eq!(shape(&letter), expected);
        let leaves = parsed(&letter).parts.iter().filter(|p| !matches!(p.body, PartType::Multipart(_))).count();
        prop_assert_eq!(leaves, 3);
        let json = json_of(&letter);
        prop_assert_eq!(json["device"]["name"].as_str(), Some(facts.device.as_str()));
        let html = html_of(&letter);
        prop_assert!(!html.contains("<img") && !html.contains("<script"));
        let hidden = |text: &str| text.chars().find(|c| crate::shown::is_hidden(*c) && !matches!(c, '\n' | '\t'));
        prop_assert_eq!(hidden(&text_of(&letter)), None);
        prop_assert_eq!(hidden(&html), None);
        let down = compose_stand_down(&facts, &wanted, &why, at(1), &rules());
        prop_assert_eq!(shape(&down).len(), shape(&compose_stand_down(&facts, &wanted, "closed", at(1), &rules())).len());
    }
}
