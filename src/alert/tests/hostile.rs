//! Arbitrary mails against the shipped rules: one outcome, no panic, bounded values.

use super::{at, shipped};
use crate::alert::lists::MemoryLists;
use crate::alert::{Effort, Engine, Outcome};
use crate::mail::{self, Mail};
use crate::rules::RuleSet;
use proptest::prelude::*;
use std::sync::OnceLock;

fn rules() -> &'static RuleSet {
    static RULES: OnceLock<RuleSet> = OnceLock::new();
    RULES.get_or_init(|| {
        let mut rules = shipped();
        rules.gates.domain.enabled = false;
        rules.gates.node.enabled = false;
        rules
    })
}

/// Pieces that formats look for, between arbitrary text.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "\\PC{0,12}",
        "[\\x00-\\x1f\u{80}-\u{9f}\u{200b}\u{2028}äß]{0,4}",
        prop::sample::select(vec![
            "autoticket-alert: 1\n",
            "---\n",
            "Device: ",
            "device = ",
            "Detail: x\n  y\n",
            "State: repaired\n",
            "MAC: ",
            "Time: ",
            "Location: B2/R14\n",
            "Final-Recipient: rfc822; a@b\n",
            "Action: delivered\n",
            "Action: failed\n",
            "\n\n",
            "fatal: [",
            "]: FAILED! => {\n",
            "...ignoring\n",
            "TASK [",
            "***** Nagios *****\nHost: ",
            "Notification Type: RECOVERY\n",
            "rsync error: ",
            "#1 had status failed\n",
            "\"hosts\": {\n",
            "\"failed\": true",
            "error",
            "\r",
            "\r\n",
            "\n",
            "@",
            "[",
            "(",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_mail_has_one_outcome_and_bounded_records(subject in pieces(), body in pieces(), status in pieces()) {
        let mail = Mail {
            subject,
            parts: vec![mail::Part { content_type: "message/delivery-status".into(), text: status }],
            body,
            ..Mail::default()
        };
        let judged = [Effort::OneMail, Effort::Mailbox].map(|effort| {
            let engine = Engine::new(rules(), effort);
            let reading = engine.read(&mail, at("2026-03-02T10:00:00Z"));
            engine.judge(&mail, &reading, &MemoryLists::default(), "demo", false)
        });
        prop_assert_eq!(&judged[0].reason, &judged[1].reason);
        prop_assert_eq!(&judged[0].records, &judged[1].records);
        let counted = judged[0].records.iter().filter(|record| record.refused.is_none()).count();
        prop_assert_eq!(counted > 0, matches!(judged[0].outcome, Outcome::Counted | Outcome::Repair));
        for record in &judged[0].records {
            prop_assert!(record.refused.is_some() || !record.device.is_empty());
            prop_assert!(record.device_stated.len() <= 256 && record.announced.len() <= 256 && record.detail.len() <= 4096);
            prop_assert!(!record.device_stated.contains('\n') && !record.announced.contains(['\n', '\r']));
            prop_assert!(record.detail.lines().count() <= 10);
        }
        prop_assert!(!judged[0].reason.text().chars().any(crate::shown::is_hidden));
    }
}
