//! Claims about evidence: which lines of a log are about a command that was issued.

use super::*;
use crate::redistribution::model::{Command, Place, Token, Writing};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_770_000_000 + second).expect("a time")
}

fn place(line: u64) -> Place {
    Place { file: "dist.log".into(), line }
}

fn issued(recipients: &[&str]) -> Issued {
    Issued {
        key: "k".into(),
        server: "is38".into(),
        tool: "swdist".into(),
        packages: vec!["jre-1.3.1".into()],
        argv: ["push", "-p", "jre-1.3.1", "-l", LIST].map(str::to_owned).to_vec(),
        recipients: recipients.iter().map(|name| (*name).to_owned()).collect(),
        at: at(0),
    }
}

/// A run that began then; recipients with their outcomes.
fn run(second: i64, line: u64, argv: &[&str], recipients: &[(&str, Outcome)]) -> Run {
    let recipient = |(n, (name, outcome)): (u64, &(&str, Outcome))| Recipient {
        name: (*name).to_owned(),
        outcome: *outcome,
        cause: (*outcome == Outcome::Failed).then(|| "disk".to_owned()),
        parameters: Vec::new(),
        place: place(line + n),
        at: None,
    };
    let command = (!argv.is_empty()).then(|| Command {
        text: argv.join(" "),
        argv: argv.iter().map(|t| Token { text: (*t).to_owned(), place: None, secret: false }).collect(),
        writing: Writing::Quoted,
        doubts: Vec::new(),
        directory: None,
        user: None,
        place: place(line),
    });
    Run {
        rule: "native".into(),
        tool: "swdist".into(),
        server: None,
        job: Some(line.to_string()),
        packages: vec!["jre-1.3.1".into()],
        list: None,
        command,
        start: Some(at(second)),
        end: Some(at(second + 9)),
        place: place(line),
        last: place(line + 9),
        recipients: (1..).zip(recipients).map(recipient).collect(),
        outcome: Outcome::Ok,
        why: None,
    }
}

fn asked(command: &Issued, runs: &[Run]) -> Said {
    evidence(std::slice::from_ref(command), runs, &|_| None).remove(0)
}

const OWN: &[&str] = &["push", "-p", "jre-1.3.1", "-l", "/var/lib/autoticket/lists/ab.list"];

#[test]
fn each_recipient_has_the_word_of_its_own_line_and_silence_says_nothing() {
    let outcomes = [("node1", Outcome::Ok), ("NODE2.east.acme.com", Outcome::Failed), ("x", Outcome::Ok)];
    let said = asked(&issued(&["node1", "node2", "node3"]), &[run(0, 10, OWN, &outcomes)]);
    let failed = Verdict::Failed("failed: disk (dist.log:12)".to_owned());
    assert_eq!(said, [("node1".to_owned(), Verdict::Confirmed), ("node2".to_owned(), failed)]);
}

#[test]
fn a_run_of_before_of_another_server_or_without_effect_is_no_evidence() {
    let command = issued(&["node1"]);
    let good = run(0, 10, OWN, &[("node1", Outcome::Ok)]);
    assert_eq!(asked(&command, std::slice::from_ref(&good)).len(), 1);
    let before = run(-1, 10, OWN, &[("node1", Outcome::Ok)]);
    let elsewhere = Run { server: Some("is39".into()), ..good.clone() };
    let rehearsed = Run { outcome: Outcome::Skipped, ..good.clone() };
    let other_tool = Run { tool: "rsync".into(), ..good.clone() };
    let timeless = Run { start: None, end: None, ..good };
    for run in [before, elsewhere, rehearsed, other_tool, timeless] {
        assert_eq!(asked(&command, std::slice::from_ref(&run)), [], "{run:?}");
    }
}

#[test]
fn another_command_counts_only_where_it_sends_the_same_to_nobody_else() {
    let command = issued(&["node1", "node2"]);
    let spooled = run(5, 10, &["spool", "jre"], &[("node1", Outcome::Ok)]);
    assert_eq!(asked(&command, &[spooled]), [("node1".to_owned(), Verdict::Confirmed)]);
    let wider = run(5, 10, &["spool", "jre"], &[("node1", Outcome::Ok), ("node9", Outcome::Ok)]);
    assert_eq!(asked(&command, &[wider]), []);
    let mut older = run(5, 10, &["spool", "jre"], &[("node1", Outcome::Ok)]);
    older.packages = vec!["jre-1.3.0".into()];
    assert_eq!(asked(&command, &[older]), []);
}

#[test]
fn the_last_word_counts_and_what_goes_on_has_none() {
    let command = issued(&["node1"]);
    let runs = [run(60, 30, OWN, &[("node1", Outcome::Ok)]), run(1, 10, OWN, &[("node1", Outcome::Failed)])];
    assert_eq!(asked(&command, &runs), [("node1".to_owned(), Verdict::Confirmed)]);
    let goes_on = run(90, 50, OWN, &[("node1", Outcome::Unfinished)]);
    let runs = [runs[0].clone(), goes_on];
    assert_eq!(asked(&command, &runs), [], "it was begun once more, and has no result yet");
}
