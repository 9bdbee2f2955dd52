//! Mails through the whole room: shipped formats with their samples, gates, hostile mails, the corpus.

mod corpus;
mod gates;
mod hostile;
mod rollout;
mod shipped;
mod spoofed;

use super::lists::MemoryLists;
use super::{Effort, Engine, Judgement};
use crate::mail::{self, Mail};
use crate::rules::RuleSet;
use jiff::Timestamp;

/// The rules as shipped: the embedded ones and every file of `rules/alerts`.
fn shipped() -> RuleSet {
    let mut sources = crate::rules::embedded();
    for (name, text) in rule_files(".yaml").into_iter().filter(|(name, _)| !name.ends_with(".samples.yaml")) {
        let file = format!("alerts/{name}");
        if !sources.iter().any(|source| source.file.ends_with(&file)) {
            sources.push(crate::rules::Source { file, text });
        }
    }
    crate::rules::compile(&sources).unwrap_or_else(|mistakes| {
        panic!("{}", mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

/// Name and text of the files of `rules/alerts` with this ending, sorted.
fn rule_files(ending: &str) -> Vec<(String, String)> {
    files(&format!("{}/rules/alerts", env!("CARGO_MANIFEST_DIR")), ending)
        .into_iter()
        .map(|(name, bytes)| (name, String::from_utf8(bytes).expect("a rule file is UTF-8")))
        .collect()
}

fn files(folder: &str, ending: &str) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .expect("the folder is part of the source tree")
        .map(|entry| entry.expect("the folder can be read"))
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
        .filter(|(name, _)| name.ends_with(ending))
        .map(|(name, path)| (name, std::fs::read(path).expect("the file can be read")))
        .collect();
    found.sort();
    found
}

fn parsed(bytes: &[u8]) -> Mail {
    mail::parse(&mail::read::bytes(bytes.to_vec()))
}

fn at(time: &str) -> Timestamp {
    time.parse().expect("a time")
}

/// Judges one mail, its arrival two minutes after its Date; both efforts must agree.
fn judge(rules: &RuleSet, lists: &MemoryLists, mail: &Mail) -> Judgement {
    let arrival =
        mail.date.map_or(at("2026-03-02T10:00:00Z"), |date| date + jiff::SignedDuration::from_secs(120));
    let judged = [Effort::OneMail, Effort::Mailbox].map(|effort| {
        let engine = Engine::new(rules, effort);
        let reading = engine.read(mail, arrival);
        engine.judge(mail, &reading, lists, "demo", true)
    });
    let [one, mailbox] = judged;
    assert_eq!(
        serde_json::to_string(&one).expect("serialises"),
        serde_json::to_string(&mailbox).expect("serialises"),
        "both efforts judge alike"
    );
    one
}
