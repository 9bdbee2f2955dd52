//! Every shipped format against its samples.

use super::{at, parsed, rule_files, shipped};
use crate::alert::{Effort, Engine, format::Found, samples};
use crate::rules::samples::{SampleMail, parse};
use std::collections::BTreeSet;

#[test]
fn every_sample_is_read_as_it_claims() {
    let rules = shipped();
    let mut wrong = Vec::new();
    let (mut claims, mut near_misses) = (BTreeSet::new(), BTreeSet::new());
    for (name, text) in rule_files(".samples.yaml") {
        let stem = name.trim_end_matches(".samples.yaml").to_owned();
        let source = crate::rules::Source { file: format!("alerts/{name}"), text };
        let samples = parse(&source).unwrap_or_else(|mistakes| panic!("{}", mistakes[0]));
        for sample in samples {
            let SampleMail::Text(text) = &sample.mail else { panic!("{name}: samples are written out") };
            let mail = parsed(text.as_bytes());
            for effort in [Effort::OneMail, Effort::Mailbox] {
                let found = Engine::new(&rules, effort).recognise(&mail, at("2026-03-02T10:00:00Z"));
                let differences = samples::differences(&sample, &[&stem], &found);
                wrong.extend(differences.iter().map(|what| format!("{stem}: {}: {what}", sample.name)));
                if let Found::Records { failures, .. } = &found {
                    let known = failures.iter().all(|record| rules.failure_types.contains(&record.failure));
                    assert!(known, "{}: a failure type outside the closed list", sample.name);
                }
            }
            if sample.near_miss { &mut near_misses } else { &mut claims }.insert(stem.clone());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let formats: BTreeSet<String> = rules.formats.iter().map(|rule| rule.id.clone()).collect();
    assert_eq!(claims, formats, "every format has a sample");
    assert_eq!(near_misses, formats, "every format has a near miss");
}

#[test]
fn crlf_mails_are_read_like_lf_mails() {
    let rules = shipped();
    let engine = Engine::new(&rules, Effort::Mailbox);
    for (name, text) in rule_files(".samples.yaml") {
        let source = crate::rules::Source { file: format!("alerts/{name}"), text };
        for sample in parse(&source).expect("read by the other test") {
            let SampleMail::Text(text) = &sample.mail else { continue };
            let read = |text: &str| engine.recognise(&parsed(text.as_bytes()), at("2026-03-02T10:00:00Z"));
            assert_eq!(read(text), read(&text.replace('\n', "\r\n")), "{name}: {}", sample.name);
        }
    }
}

#[test]
fn every_format_is_behind_the_literal_gate() {
    for rule in &shipped().formats {
        assert!(!rule.literals.is_empty(), "{} would be tried for every mail", rule.id);
    }
}
