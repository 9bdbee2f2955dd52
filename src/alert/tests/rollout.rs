//! Our own failed rollout (`fixtures/rollout`): each mail ends as `expect.yaml` says, as far as this room
//! decides it. Duplicates are found by the store; here their content is judged like the first copy.

use super::{files, judge, parsed, shipped};
use crate::alert::lists::MemoryLists;
use crate::alert::{Judgement, Outcome};
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectations {
    mails: Vec<Expected>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    file: String,
    outcome: Outcome,
    gate: Option<String>,
    #[serde(default)]
    alerts: Vec<Alert>,
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Alert {
    device: String,
    failure: Option<String>,
    #[serde(default)]
    refused: bool,
}

fn folder() -> String {
    format!("{}/fixtures/rollout", env!("CARGO_MANIFEST_DIR"))
}

fn text(name: &str) -> String {
    std::fs::read_to_string(format!("{}/{name}", folder())).expect("part of the source tree")
}

fn lists() -> MemoryLists {
    let mut lists = MemoryLists::default();
    for line in text("domains.txt").lines().filter(|line| !line.starts_with('#')) {
        lists.add_domain(line, &[]);
    }
    for line in text("nodes.csv").lines().skip(1) {
        let cells: Vec<Vec<&str>> = line.split(',').map(|cell| cell.split_whitespace().collect()).collect();
        lists.add_node(cells[0][0], &cells[1], &cells[2]);
    }
    lists
}

fn alerts(judged: &Judgement) -> Vec<Alert> {
    let repair = judged.outcome == Outcome::Repair;
    let alert = |record: &crate::alert::AlertRecord| Alert {
        device: record.device.clone(),
        failure: (record.refused.is_none() && !repair).then(|| record.failure.clone()),
        refused: record.refused.is_some(),
    };
    judged.records.iter().map(alert).collect()
}

#[test]
fn every_mail_of_the_rollout_ends_as_expected() {
    let (rules, lists) = (shipped(), lists());
    let expected: Expectations = serde_yaml::from_str(&text("expect.yaml")).expect("expect.yaml is sound");
    let mails = files(&folder(), ".eml");
    let named: Vec<&str> = expected.mails.iter().map(|expected| expected.file.as_str()).collect();
    assert_eq!(
        mails.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        named,
        "every mail is expected"
    );
    let mut outcomes = BTreeSet::new();
    for (expected, (name, bytes)) in expected.mails.iter().zip(&mails) {
        let mail = parsed(bytes);
        assert!(mail.date.is_none() || mail.received.is_some(), "{name}: an arrival of its own");
        let judged = judge(&rules, &lists, &mail);
        outcomes.insert(expected.outcome);
        if expected.outcome == Outcome::Duplicate {
            assert_eq!(judged.outcome, Outcome::Counted, "{name}: counted if it came first");
            continue;
        }
        assert_eq!(judged.outcome, expected.outcome, "{name}: {}", judged.reason.text());
        let gate = expected.gate.as_deref().unwrap_or("format");
        assert_eq!(judged.reason.gate(), gate, "{name}: {}", judged.reason.text());
        assert_eq!(alerts(&judged), expected.alerts, "{name}");
        for record in judged.records.iter().filter(|_| judged.outcome == Outcome::Counted) {
            assert_eq!(record.event_note, None, "{name}: event times are believed");
        }
    }
    assert_eq!(outcomes.len(), Outcome::ALL.len(), "all seven outcomes");
}

#[test]
fn the_reply_template_is_a_repair_once_it_names_a_ticket() {
    let mut lists = lists();
    lists.tickets.insert("T-7K3M9QX2@tickets.acme.example".into(), "T-7K3M9QX2".into());
    let reply = text("reply-to-ticket.eml.template").replace("@TICKET@", "T-7K3M9QX2@tickets.acme.example");
    let judged = judge(&shipped(), &lists, &parsed(reply.as_bytes()));
    assert_eq!(judged.outcome, Outcome::Repair);
    assert_eq!(judged.reason.text(), "reply to ticket T-7K3M9QX2; `autoticket ticket show T-7K3M9QX2`");
}
