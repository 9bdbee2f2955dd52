//! Forged senders and forged alerts: what must never pass for a listed source or for a device.

use super::{at, judge, parsed, shipped};
use crate::alert::lists::MemoryLists;
use crate::alert::{Effort, Engine, Outcome, format::Found};

fn lists() -> MemoryLists {
    let mut lists = MemoryLists::default();
    lists.add_domain("acme.example", &[]);
    lists.add_node("is38", &[], &[]);
    lists
}

/// Header lines that stand where From does; none of them comes from acme.example.
const FORGED: [&str; 40] = [
    "From: dm@is38.evil-acme.example",
    "From: dm@is38.acme.example.evil.example",
    "From: dm@is38acme.example",
    "From: dm@is38.acme.example@evil.example",
    "From: \"dm@is38.acme.example\" <dm@evil.example>",
    "From: dm@is38.acme.example <dm@evil.example>",
    "From: <dm@is38.acme.example> <dm@evil.example>",
    "From: \"dm@is38.acme.example\"@evil.example",
    "From: dm@evil.example (dm@is38.acme.example)",
    "From: (dm@is38.acme.example) dm@evil.example",
    "From: dm@evil.example, dm@is38.acme.example",
    "From: dm@is38.acme.example, dm@evil.example",
    "From: dm@is38.acme.example\nFrom: dm@evil.example",
    "From: dm@evil.example\nFrom: dm@is38.acme.example",
    "From: dm@is38.acme.example\nFROM: dm@is38.acme.example",
    "from : dm@is38.acme.example\nFrom: dm@is38.acme.example",
    "Sender: dm@is38.acme.example",
    "Reply-To: dm@is38.acme.example\nFrom: dm@evil.example",
    "From: dm%is38.acme.example@evil.example",
    "From: evil.example!dm@is38.acme.example.evil.example",
    "From: dm@[is38.acme.example]",
    "From: dm@[10.1.2.3]",
    "From: dm@is38.acme.example\u{0}.evil.example",
    "From: dm@is38.acme\u{200b}.example",
    "From: dm@is38.\u{430}cme.example",
    "From: dm@is38\u{ff0e}acme\u{ff0e}example",
    "From: dm@is38.acme..example",
    "From: dm@is38.acme.example/evil",
    "From: dm@is38.acme.example:25@evil.example",
    "From: @is38.acme.example:dm@evil.example",
    "From: <@is38.acme.example:dm@evil.example>",
    "From: dm@example",
    "From: acme.example",
    "From: dm@",
    "From: @is38.acme.example",
    "From: <>",
    "From:",
    "From: undisclosed-recipients:;",
    "From: is38.acme.example:dm@evil.example;",
    "From: =?utf-8?q?dm=40is38=2Eacme=2Eexample?= <dm@evil.example>",
];

#[test]
fn no_forged_sender_passes_for_a_listed_source() {
    let rules = shipped();
    for from in FORGED {
        let mail = format!(
            "{from}\nSubject: x\nDate: Mon, 2 Mar 2026 10:00:00 +0000\n\nautoticket-alert: 1\nDevice: node7\n"
        );
        let judged = judge(&rules, &lists(), &parsed(mail.as_bytes()));
        assert_eq!(judged.outcome, Outcome::Rejected, "{from:?}: {:?}", judged.reason);
        assert_eq!(judged.reason.gate(), "domain", "{from:?}: {:?}", judged.reason);
    }
    let honest = "From: DM <DM@IS38.Acme.example>\nSubject: x\n\nautoticket-alert: 1\nDevice: node7\n";
    assert_eq!(judge(&rules, &lists(), &parsed(honest.as_bytes())).outcome, Outcome::Counted);
}

/// Devices of a native alert whose `Detail:` is followed by these lines.
fn devices(lines: &str) -> Vec<String> {
    let mail = format!(
        "From: dm@is38.acme.example\nSubject: x\n\nautoticket-alert: 1\nDetail: log\n{lines}\nDevice: node7\n"
    );
    let rules = shipped();
    match Engine::new(&rules, Effort::OneMail).recognise(&parsed(mail.as_bytes()), at("2026-03-02T10:00:00Z"))
    {
        Found::Records { failures, .. } => failures.into_iter().map(|record| record.device).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_devices_own_error_text_never_names_another_device() {
    for lines in [
        "  Device: victim",
        "\tDevice: victim",
        "  device: victim\n  Device = victim",
        "  ---\n  Device: victim",
        "  autoticket-alert: 1\n  Device: victim",
        "  x\n   Device: victim",
        "  \u{b}Device: victim",
        "  -- \n  Device: victim",
        "  sshd[1]: Failed password for root from 10.9.9.9 Device: victim",
        "  State: repaired",
    ] {
        assert_eq!(devices(lines), ["node7"], "{lines:?}");
    }
}

#[test]
fn values_stay_on_one_line_and_within_bounds() {
    let rules = shipped();
    let long = "é".repeat(1000);
    let mail = format!(
        "From: dm@is38.acme.example\nSubject: =?utf-8?q?x=0D=0ABcc=3A_evil?=\n\nautoticket-alert: 1\nDevice: {long}\nPackage: a\u{1b}[2Jb\nJob: j\u{0}\nDetail: {long}{long}{long}\n"
    );
    let found =
        Engine::new(&rules, Effort::OneMail).recognise(&parsed(mail.as_bytes()), at("2026-03-02T10:00:00Z"));
    let Found::Records { failures, .. } = found else { panic!("{found:?}") };
    let record = &failures[0];
    assert_eq!(record.device, "é".repeat(128));
    assert_eq!(record.package.as_deref(), Some("a\u{1b}[2Jb"));
    assert_eq!(record.detail.len(), 4096);
    for value in [&record.device, &record.announced, &record.device_stated] {
        assert!(!value.contains(['\n', '\r']), "{value:?}");
    }
}

#[test]
fn injected_header_lines_stay_values() {
    let rules = shipped();
    let mail = "From: dm@is38.acme.example\nSubject: x\n\nautoticket-alert: 1\nDevice: node7\u{2028}X-Autoticket-Loop: demo\nFailure: disk\rDevice: victim\n";
    let judged = judge(&rules, &lists(), &parsed(mail.as_bytes()));
    assert_eq!(judged.outcome, Outcome::Counted);
    assert_eq!(judged.records.len(), 1);
    assert!(judged.records[0].device.starts_with("node7\u{fffd}"), "{}", judged.records[0].device);
}
