//! Real bounce mails, where they are at hand.

use super::{at, files, parsed, shipped};
use crate::alert::format::Found;
use crate::alert::{Effort, Engine};

#[path = "../../../tests/support/corpus.rs"]
mod real;

#[test]
fn mails_with_a_final_recipient_are_counted_by_the_recipients_host() {
    let Some(corpus) = real::mails() else { return };
    let rules = shipped();
    let engine = Engine::new(&rules, Effort::Mailbox);
    let corpus = corpus.to_str().expect("a path");
    let (mut total, mut counted) = (0, 0);
    for folder in ["bsd", "dos", "mac", "err", "not"] {
        for (name, bytes) in files(&format!("{corpus}/{folder}"), ".eml") {
            total += 1;
            let mail = parsed(&bytes);
            let found = engine.recognise(&mail, at("2026-03-02T10:00:00Z"));
            let status: String = mail
                .parts
                .iter()
                .filter(|part| part.content_type == "message/delivery-status")
                .map(|part| part.text.as_str())
                .collect();
            let recipients: Vec<String> = status
                .lines()
                .filter_map(|line| line.split_once(':'))
                .filter(|(key, _)| key.trim().eq_ignore_ascii_case("final-recipient"))
                .map(|(_, value)| value.to_lowercase())
                .collect();
            let by_rule = match &found {
                Found::Records { format, failures, .. } if format == "rfc3464" => failures.as_slice(),
                _ => &[],
            };
            assert_eq!(by_rule.is_empty(), recipients.is_empty(), "{folder}/{name}: {found:?}\n{status}");
            for record in by_rule {
                assert!(
                    recipients.iter().any(|value| value.contains(&format!("@{}", record.device))),
                    "{folder}/{name}: {record:?}"
                );
            }
            assert!(folder != "not" || by_rule.is_empty(), "{folder}/{name}");
            counted += usize::from(!by_rule.is_empty());
        }
    }
    assert_eq!(total, 392);
    assert!((215..=220).contains(&counted), "{counted}");
}
