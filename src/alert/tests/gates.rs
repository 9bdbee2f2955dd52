//! The gates in their order, with rules made by hand.

use super::{at, judge};
use crate::alert::lists::MemoryLists;
use crate::alert::model::NearMiss;
use crate::alert::tests_support::{contains, key, mail, pattern, rule, rules};
use crate::alert::{Effort, Engine, Judgement, Outcome, Reason};
use crate::mail::{Header, Mail, Note};
use crate::rules::RuleSet;
use crate::rules::model::{Depth, Field, FormatRule, NodeAsks, Place, Repeat};

fn format() -> FormatRule {
    FormatRule {
        when: vec![contains(Place::Subject, "failed")],
        repair: vec![contains(Place::Body, "repaired")],
        repeat: Some(Repeat::Blocks { place: Place::Body, start: pattern("^Device:"), end: None }),
        fields: vec![key(Field::Device, "Device"), key(Field::Package, "Package"), key(Field::Job, "Job")],
        ..rule("simple")
    }
}

fn lists() -> MemoryLists {
    let mut lists = MemoryLists::default();
    lists.add_domain("acme.com", &[]);
    lists.add_domain("lab.example", &["spring", "pkg-*"]);
    lists.add_node("is38", &["old38"], &[]);
    lists.add_node("lab1", &[], &[]);
    lists.add_node("node*", &[], &[]);
    lists
}

fn alert() -> Mail {
    mail("dm@is38.east.acme.com", "distribution failed", "Device: node7\nPackage: jre-1\n")
}

fn with_header(mail: Mail, name: &str, value: &str) -> Mail {
    Mail { headers: vec![Header { name: name.into(), value: value.into() }], ..mail }
}

fn ask(rules: &RuleSet, mail: &Mail) -> Judgement {
    judge(rules, &lists(), mail)
}

#[test]
fn a_mail_that_passes_every_gate_is_counted() {
    let judged = ask(&rules(vec![format()]), &alert());
    let reason = Reason::Counted {
        format: "simple".into(),
        origin: "alerts/simple.yaml:1".into(),
        alerts: 1,
        refused: 0,
        shortened: None,
    };

    assert_eq!((judged.outcome, judged.reason), (Outcome::Counted, reason));
    assert_eq!(judged.records[0].device, "node7");
    let gates: Vec<(&str, bool)> =
        judged.steps.iter().map(|step| (step.gate.as_str(), step.passed)).collect();
    let passed = ["own", "bounds", "authentication", "domain", "subject", "node", "format", "record"];
    assert_eq!(gates, passed.map(|gate| (gate, true)));
    assert_eq!(judged.steps[2].text, "switched off");
    assert_eq!(judged.steps[3].rule, "domain list (2 entries)");
    assert_eq!(judged.steps[3].text, "is38.east.acme.com is listed as acme.com");
}

#[test]
fn the_domain_is_asked_at_the_depth_of_the_rule() {
    let mut rules = rules(vec![format()]);
    for (depth, outcome) in [
        (Depth::Any, Outcome::Counted),
        (Depth::After(2), Outcome::Counted),
        (Depth::After(1), Outcome::Rejected),
        (Depth::After(0), Outcome::Rejected),
        (Depth::After(9), Outcome::Rejected),
    ] {
        rules.gates.domain.depth = depth;
        assert_eq!(ask(&rules, &alert()).outcome, outcome, "{depth:?}");
    }
}

#[test]
fn an_unlisted_domain_names_itself_and_the_list() {
    let judged =
        ask(&rules(vec![format()]), &Mail { from: mail("dm@is38.evil-acme.com", "", "").from, ..alert() });
    let reason = Reason::DomainUnlisted {
        domain: "is38.evil-acme.com".into(),
        origin: "domain list (2 entries)".into(),
    };
    assert_eq!((judged.outcome, judged.reason, judged.near_miss), (Outcome::Rejected, reason, None));
    assert_eq!(judged.steps.last().map(|step| (step.gate.as_str(), step.passed)), Some(("domain", false)));
}

#[test]
fn an_unknown_node_of_a_known_domain_is_a_near_miss() {
    let judged =
        ask(&rules(vec![format()]), &Mail { from: mail("dm@is99.acme.com", "", "").from, ..alert() });
    assert_eq!(judged.outcome, Outcome::Rejected);
    assert_eq!(judged.reason.gate(), "node");
    assert_eq!(judged.near_miss, Some(NearMiss { node: "is99".into(), domain: "is99.acme.com".into() }));
}

#[test]
fn the_node_gate_asks_devices_record_by_record() {
    let mut rules = rules(vec![format()]);
    rules.gates.node.asks = NodeAsks::Device;
    let two = mail("dm@unknown.acme.com", "failed", "Device: node7.plant.example\nDevice: pc1\n");
    let judged = ask(&rules, &two);
    assert_eq!(judged.outcome, Outcome::Counted);
    assert!(matches!(judged.reason, Reason::Counted { alerts: 1, refused: 1, .. }), "{:?}", judged.reason);
    assert_eq!(judged.records[0].refused, None);
    assert_eq!(judged.records[1].refused.as_ref().map(Reason::gate), Some("node"));
    assert_eq!(judged.near_miss.map(|near| near.node), Some("pc1".into()));
    rules.gates.node.asks = NodeAsks::Both;
    assert_eq!(ask(&rules, &two).outcome, Outcome::Rejected);
}

#[test]
fn each_gate_can_be_switched_off() {
    let mut rules = rules(vec![format()]);
    rules.gates.domain.enabled = false;
    rules.gates.node.enabled = false;
    rules.gates.subject.enabled = false;
    let nobody = Mail { from: vec![], from_headers: 0, subject: "Re: failed".into(), ..alert() };
    assert_eq!(ask(&rules, &nobody).outcome, Outcome::Counted);
    rules.gates.domain.enabled = true;
    assert_eq!(ask(&rules, &nobody).reason, Reason::NoSender);
}

#[test]
fn narrowed_lists_are_asked_for_each_record() {
    let rules = rules(vec![format()]);
    let from_lab = |body: &str| ask(&rules, &mail("dm@lab1.lab.example", "failed", body));
    let mixed = from_lab(
        "Device: node1\nPackage: JRE-1\nDevice: node2\nPackage: tex\nDevice: node3\nJob: S-1\nDevice: node4\nPackage: pkg-x\nDevice: node5\n",
    );
    assert_eq!(mixed.outcome, Outcome::Counted);
    let refused: Vec<bool> = mixed.records.iter().map(|record| record.refused.is_some()).collect();
    assert_eq!(refused, [false, true, false, false, true]);
    let narrowed = Reason::Narrowed {
        list: "domain".into(),
        entry: "lab.example".into(),
        only: vec!["spring".into(), "pkg-*".into()],
        package: Some("tex".into()),
        job: None,
    };
    assert_eq!(mixed.records[1].refused, Some(narrowed.clone()));
    let none = from_lab("Device: node2\nPackage: tex\n");
    assert_eq!(none.outcome, Outcome::Rejected);
    assert_eq!(none.reason, Reason::AllRecordsRefused { first: Box::new(narrowed) });
    assert_eq!(none.reason.gate(), "record");
}

#[test]
fn authentication_is_demanded_where_the_rules_say_so() {
    let mut rules = rules(vec![format()]);
    rules.gates.authentication.enabled = true;
    assert_eq!(ask(&rules, &alert()).reason.gate(), "authentication");
    let passed =
        with_header(alert(), "Authentication-Results", "mx.acme.example; dkim=pass header.d=acme.com");
    assert_eq!(ask(&rules, &passed).outcome, Outcome::Counted);
    let stranger =
        with_header(alert(), "Authentication-Results", "mx.evil.example; dkim=pass header.d=acme.com");
    assert_eq!(ask(&rules, &stranger).reason.gate(), "authentication");
    rules.settings.identity.authserv_id = None;
    assert_eq!(ask(&rules, &passed).reason.gate(), "authentication");
}

#[test]
fn own_mails_come_before_every_gate() {
    let rules = rules(vec![format()]);
    let ours = Mail { from: vec![], ..with_header(alert(), "X-Autoticket-Loop", "demo") };
    assert_eq!(ask(&rules, &ours).outcome, Outcome::Own);
    let other = with_header(alert(), "X-Autoticket-Loop", "another install");
    assert_eq!(ask(&rules, &other).outcome, Outcome::Counted);
}

#[test]
fn a_reply_to_a_ticket_is_a_repair_and_another_reply_is_rejected() {
    let rules = rules(vec![format()]);
    let mut lists = lists();
    lists.tickets.insert("t1@acme.com".into(), "T-AAAA1111".into());
    let reply = Mail { subject: "Re: T-AAAA1111".into(), references: vec!["t1@acme.com".into()], ..alert() };
    let judged = judge(&rules, &lists, &reply);
    let reason = Reason::ReplyToTicket { ticket: "T-AAAA1111".into() };
    assert_eq!((judged.outcome, judged.reason), (Outcome::Repair, reason));
    assert_eq!(ask(&rules, &reply).reason.gate(), "subject");
}

#[test]
fn a_recovery_notice_is_counted_nowhere() {
    let rules = rules(vec![format()]);
    let notice = mail("dm@is38.acme.com", "failed", "Device: node7\nrepaired\n");
    let judged = ask(&rules, &notice);
    assert_eq!(judged.outcome, Outcome::Repair);
    assert!(matches!(judged.reason, Reason::RecoveryNotice { ref devices, .. } if devices == &["node7"]));
    let mixed = mail("dm@is38.acme.com", "failed", "Device: node7\nrepaired\nDevice: node8\n");
    let judged = ask(&rules, &mixed);
    assert!(matches!(judged.reason, Reason::Counted { alerts: 1, refused: 1, .. }), "{:?}", judged.reason);
    assert_eq!(judged.records[0].device, "node8");
    assert!(matches!(judged.records[1].refused, Some(Reason::RecoveryNotice { .. })));
}

#[test]
fn what_cannot_be_read_is_quarantined_with_its_reason() {
    let rules = rules(vec![format()]);
    let cut = Mail { notes: vec![Note::HeadersUnfinished], ..alert() };
    assert_eq!(ask(&rules, &cut).reason, Reason::Unfinished);
    let none = Mail { notes: vec![Note::NoHeaders], ..Mail::default() };
    assert_eq!(ask(&rules, &none).outcome, Outcome::Quarantined);
    let deep = Mail { notes: vec![Note::TooDeep], subject: "hello".into(), ..alert() };
    assert_eq!(ask(&rules, &deep).outcome, Outcome::Quarantined);
    let deep_but_clear = Mail { notes: vec![Note::TooDeep], ..alert() };
    assert_eq!(ask(&rules, &deep_but_clear).outcome, Outcome::Counted);
    let without_device = mail("dm@is38.acme.com", "failed", "Device: \n");
    let reason =
        Reason::FormatWithoutDevice { format: "simple".into(), origin: "alerts/simple.yaml:1".into() };
    assert_eq!(
        (ask(&rules, &without_device).outcome, ask(&rules, &without_device).reason),
        (Outcome::Quarantined, reason)
    );
}

#[test]
fn too_many_alerts_are_quarantined_whole() {
    let many = mail("dm@is38.acme.com", "failed", &"Device: node7\n".repeat(10_001));
    let judged = ask(&rules(vec![format()]), &many);
    assert_eq!(judged.outcome, Outcome::Quarantined);
    assert_eq!(
        judged.reason.text(),
        "cannot be understood: more than 10000 alerts in one mail by format simple"
    );
}

#[test]
fn an_unrecognised_mail_names_the_nearest_rule() {
    let near = FormatRule {
        when: vec![contains(Place::Subject, "failed"), contains(Place::Body, "xyz")],
        ..rule("near")
    };
    let far = FormatRule { when: vec![contains(Place::Subject, "other")], ..rule("far") };
    let judged = ask(&rules(vec![far, near]), &alert());
    let nearest = Some("near (alerts/near.yaml:1) wants body to hold `xyz`".to_owned());
    assert_eq!(
        (judged.outcome, judged.reason),
        (Outcome::Unrecognised, Reason::NoFormat { tried: 2, nearest })
    );
}

#[test]
fn the_first_rule_by_order_then_id_wins() {
    let named = |id: &str, order: i32| FormatRule { id: id.into(), order, ..format() };
    let winner = |formats: Vec<FormatRule>| ask(&rules(formats), &alert()).records[0].format.clone();
    assert_eq!(winner(vec![named("b", 500), named("a", 500)]), "a");
    assert_eq!(winner(vec![named("a", 500), named("b", 400)]), "b");
}

#[test]
fn a_reading_does_not_depend_on_lists() {
    let rules = rules(vec![format()]);
    let engine = Engine::new(&rules, Effort::Mailbox);
    let mail = alert();
    let reading = engine.read(&mail, at("2026-03-02T10:00:00Z"));
    let refused = engine.judge(&mail, &reading, &MemoryLists::default(), "demo", false);
    assert_eq!(refused.reason.rule(), "domain list (empty)");
    let counted = engine.judge(&mail, &reading, &lists(), "demo", false);
    assert_eq!((counted.outcome, counted.steps.len()), (Outcome::Counted, 0));
}

#[test]
fn threads_share_one_engine() {
    let rules = rules(vec![format()]);
    let engine = Engine::new(&rules, Effort::Mailbox);
    let mail = alert();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let reading = engine.read(&mail, at("2026-03-02T10:00:00Z"));
                assert_eq!(engine.judge(&mail, &reading, &lists(), "demo", false).outcome, Outcome::Counted);
            });
        }
    });
}

#[test]
fn a_counted_mail_says_that_a_part_of_it_was_not_read() {
    let mut mail = alert();
    mail.notes.push(crate::mail::Note::TextCut);
    let judged = ask(&rules(vec![format()]), &mail);
    assert_eq!(judged.outcome, Outcome::Counted);
    let text = judged.reason.text();
    assert!(text.ends_with("; more text than is read: look for further alerts in the raw mail"), "{text}");
}
