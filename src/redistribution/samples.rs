//! The shipped samples, and logs that are read both ways.

use super::elsewhere::join;
use super::engine::{Engine, Keep, Runs, Wanted};
use super::model::{Outcome, Run};
use super::moment::Around;
use super::reader::Reader;
use super::recognise::recognise;
use crate::rules::logs::samples::{ExpectedRun, parse};
use crate::rules::logs::{compile, embedded, embedded_samples};
use std::sync::{Arc, LazyLock};

pub(super) fn readers() -> Vec<Arc<Reader>> {
    let rules = compile(&embedded()).expect("the shipped rules are right");
    rules.rules.iter().map(|rule| Arc::new(Reader::new(rule).expect("patterns compile"))).collect()
}

pub(super) fn reader(id: &str) -> Arc<Reader> {
    static READERS: LazyLock<Vec<Arc<Reader>>> = LazyLock::new(readers);
    READERS.iter().find(|reader| reader.rule().id == id).map(Arc::clone).expect("a shipped rule")
}

pub(super) fn read(reader: &Arc<Reader>, text: &[u8], keep: Keep, thorough: bool) -> Runs {
    let make = if thorough { Engine::thorough } else { Engine::new };
    let mut engine = make(Arc::clone(reader), keep, Wanted::default());
    let latest = Some("2026-07-01T00:00:00Z".parse().expect("a time"));
    engine.file(Arc::from("log"), Around { latest, ..Around::default() });
    engine.block(text, 1);
    engine.finish()
}

fn said(run: &Run, key: &str) -> Option<String> {
    let command = run.command.as_ref();
    match key {
        "line" => Some(run.place.line.to_string()),
        "last" => Some(run.last.line.to_string()),
        "tool" => Some(run.tool.clone()),
        "server" => run.server.clone(),
        "job" => run.job.clone(),
        "user" => command?.user.clone(),
        "directory" => command?.directory.clone(),
        "list" => run.list.clone(),
        "start" => run.start.map(|at| at.to_string()),
        "end" => run.end.map(|at| at.to_string()),
        "outcome" => Some(run.outcome.word().to_owned()),
        other => panic!("{other}"),
    }
}

fn compare(at: &str, run: &Run, expected: &ExpectedRun) {
    for (key, wanted) in &expected.texts {
        assert_eq!(said(run, key).as_deref(), Some(wanted.as_str()), "{at}: {key} of {run:#?}");
    }
    for (key, wanted) in &expected.lists {
        let command = run.command.as_ref();
        let found: Vec<String> = match key.as_str() {
            "argv" => command.expect(at).argv.iter().map(|token| token.text.clone()).collect(),
            "doubts" => command.expect(at).doubts.clone(),
            _ => run.packages.clone(),
        };
        assert_eq!(&found, wanted, "{at}: {key}");
    }
    let Some(recipients) = &expected.recipients else { return };
    assert_eq!(run.recipients.len(), recipients.len(), "{at}: {:#?}", run.recipients);
    for (found, wanted) in run.recipients.iter().zip(recipients) {
        for (key, wanted) in wanted {
            let found = match key.as_str() {
                "name" => found.name.clone(),
                "outcome" => found.outcome.word().to_owned(),
                "cause" => found.cause.clone().unwrap_or_default(),
                "parameters" => found.parameters.join(" "),
                _ => found.place.line.to_string(),
            };
            assert_eq!(&found, wanted, "{at}: {key} of a recipient");
        }
    }
}

#[test]
fn the_shipped_samples_are_read_as_they_say() {
    let readers = readers();
    for source in embedded_samples() {
        for sample in parse(&source).unwrap_or_else(|mistakes| panic!("{mistakes:#?}")) {
            let at = format!("{} {}", sample.origin, sample.name);
            let recognised = recognise(&readers, sample.text.as_bytes());
            let rule = sample.rule.as_deref().expect(&at);
            let Ok(recognised) = recognised else {
                assert_eq!(rule, "none", "{at}: {recognised:?}");
                continue;
            };
            assert_eq!(recognised.reader.rule().id, rule, "{at}: {}", recognised.reason);
            let runs = read(&recognised.reader, sample.text.as_bytes(), Keep::All, true);
            let found: Vec<Run> = runs.iter().collect();
            assert_eq!(found.len(), sample.runs.len(), "{at}: {found:#?}");
            for (run, expected) in found.iter().zip(&sample.runs) {
                compare(&format!("{at}:{}", expected.origin.line), run, expected);
            }
            assert_eq!(runs.coverage.not_understood(), sample.not_understood, "{at}: {:?}", runs.coverage);
        }
    }
}

/// A native log of interleaved jobs, some of which lack their start or end.
fn native_log(seed: u64, jobs: u64) -> String {
    let mut state = seed | 1;
    let mut next = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let words = ["OK", "OK", "OK", "FAILED", "TIMEOUT", "UNREACHABLE", "SKIPPED", "CANCELLED", "PONDERING"];
    let mut lines: Vec<(u64, String)> = Vec::new();
    for job in 0..jobs {
        let (start, mut at) = (next(1000), 0);
        let mut line = |text: String| {
            at += 1;
            lines.push((start + at * 7, format!("2026-03-01T00:00:01Z is0001 dm[7]: {text}")));
        };
        if next(9) > 0 {
            line(format!("START job=J{} cmd=\"swdist -p a -l /J{job}\"", job % 40));
        }
        for target in 0..next(6) {
            let word = words[usize::try_from(next(9)).expect("small")];
            line(format!("job=J{} target=cl{target} state={word} type=disk it says state=FAILED", job % 40));
        }
        match next(8) {
            0 => {}
            1 => line(format!("END job=J{} state=CANCELLED", job % 40)),
            _ => line(format!("END job=J{} rc=1", job % 40)),
        }
        match next(40) {
            0 => line(": END ".to_owned()),
            1 => line(format!("START cmd=\"x job=J9\" job=J{}", job % 40)),
            2 => line(format!("START job=\"J {job}\" cmd=\"x : END job=J1\"")),
            3 => line(format!("job=\"J {job}\" target=a state=FAILED")),
            4 => line("START cmd=x : START job=J3".to_owned()),
            5 => line(format!("NOTE job=J{} state=FAILED dir=/x", job % 40)),
            _ => {}
        }
    }
    lines.sort_by_key(|(at, _)| *at);
    lines.into_iter().map(|(_, line)| line + "\n").collect()
}

proptest::proptest! {
    #![proptest_config(super::cases())]
    #[test]
    fn scanning_for_literals_and_reading_every_line_give_the_same_runs(seed: u64, jobs in 0u64..60, cut in 1usize..4000) {
        let (text, reader) = (native_log(seed, jobs), reader("native"));
        let thorough: Vec<Run> = read(&reader, text.as_bytes(), Keep::Undelivered, true).iter().collect();
        let scanned = read(&reader, text.as_bytes(), Keep::Undelivered, false);
        proptest::prop_assert!(scanned.coverage.scanned);
        proptest::prop_assert_eq!(scanned.coverage.lines, text.lines().count() as u64);
        proptest::prop_assert_eq!(&scanned.iter().collect::<Vec<_>>(), &thorough);
        let mut engine = Engine::new(reader, Keep::Undelivered, Wanted::default());
        engine.file(Arc::from("log"), Around::default());
        let (mut rest, mut first) = (text.as_bytes(), 1);
        while !rest.is_empty() {
            let end = rest.iter().skip(cut).position(|byte| *byte == b'\n').map_or(rest.len(), |at| cut + at + 1);
            let end = end.min(rest.len());
            engine.block(&rest[..end], first);
            first += rest[..end].iter().filter(|byte| **byte == b'\n').count() as u64;
            rest = &rest[end..];
        }
        proptest::prop_assert_eq!(&engine.finish().iter().collect::<Vec<_>>(), &thorough);
    }
}

#[test]
fn later_deliveries_of_the_same_package_are_found_with_their_lines() {
    let line = |text: &str| format!("2026-03-01T00:00:01Z is0001 dm[7]: {text}\n");
    let mut log = String::new();
    for (job, package, word) in [("J1", "a", "FAILED"), ("J2", "b", "OK"), ("J3", "a", "OK")] {
        log += &line(&format!("START job={job} cmd=\"swdist -p {package} -l /x\""));
        log += &line(&format!("job={job} target=cl1 state={word} type=disk"));
        log += &line(&format!("job={job} target=cl2 state=OK bytes=1"));
        log += &line(&format!("END job={job} rc=0"));
    }
    let reader = reader("native");
    let mut kept = read(&reader, log.as_bytes(), Keep::Undelivered, false);
    let jobs = |runs: &Runs| runs.iter().filter_map(|run| run.job).collect::<Vec<_>>();
    assert_eq!(jobs(&kept), ["J1", "J3"], "what another package's run delivered is not kept");
    let delivery = kept.get(1).expect("a run");
    let names: Vec<_> =
        delivery.recipients.iter().map(|r| (r.name.as_str(), r.outcome, r.place.line)).collect();
    assert_eq!(names, [("cl1", Outcome::Ok, 10)]);
    assert!(kept.tells_of(&["cl1", "CL1.example"]) && !kept.tells_of(&["cl2"]));
    // Whom another log says to lack something is looked for in a second reading.
    let mut again = Engine::again(&mut kept, &["cl2"], Wanted::default());
    again.file(Arc::from("log"), Around::default());
    again.block(log.as_bytes(), 1);
    assert_eq!(jobs(&again.finish()), ["J1", "J2", "J3"]);
}

#[test]
fn failures_of_other_servers_are_left_and_what_they_delivered_is_not() {
    let mut log = String::new();
    for (job, server, target, word) in [
        ("J1", "is0001", "cl1", "FAILED"),
        ("J2", "is0002", "cl2", "FAILED"),
        ("J3", "is0002", "CL1.example", "OK"),
        ("J4", "is0002", "cl2", "OK"),
    ] {
        let mut line = |text: &str| log += &format!("2026-03-01T00:00:01Z {server} dm[7]: {text}\n");
        line(&format!("START job={job} cmd=\"swdist -p a -l /x\""));
        line(&format!("job={job} target={target} state={word} type=disk"));
        line(&format!("END job={job} rc=0"));
    }
    log += "2026-03-01T00:00:01Z is0002 dm[7]: START job=J5 cmd=\"swdist -p a -l /x\"\n";
    for make in [Engine::new, Engine::thorough] {
        let wanted = Wanted { server: Some("IS0001.example".to_owned()), ..Wanted::default() };
        let mut engine = make(reader("native"), Keep::Undelivered, wanted);
        engine.file(Arc::from("log"), Around::default());
        engine.block(log.as_bytes(), 1);
        let jobs: Vec<_> = engine.finish().iter().filter_map(|run| run.job).collect();
        assert_eq!(jobs, ["J1", "J3"]);
    }
}

#[test]
fn a_delivery_that_was_passed_over_before_its_failure_was_known_is_told() {
    let line = |text: &str| format!("2026-03-01T00:00:01Z is0001 dm[7]: {text}\n");
    let first = line("START job=J1 cmd=\"swdist -p a -l /x\"") + &line("job=J1 target=cl1 state=FAILED");
    let second = line("START job=J2 cmd=\"swdist -p a -l /x\"") + &line("job=J2 target=cl1 state=OK");
    let mut engine = Engine::new(reader("native"), Keep::Undelivered, Wanted::default());
    let scan = engine.scan().expect("it can be read so");
    // As a worker may do that is ahead of the others.
    let ahead = scan.block(second.as_bytes());
    engine.take(first.as_bytes(), &scan.block(first.as_bytes()), 1);
    assert!(engine.passed_over(&ahead) && !engine.passed_over(&scan.block(second.as_bytes())));
    engine.take(second.as_bytes(), &ahead, 3);
    assert!(!engine.finish().tells_of(&["cl1"]));
}

#[test]
fn more_runs_than_may_be_kept_are_told() {
    let wanted = Wanted { most: Some(3), ..Wanted::default() };
    let mut engine = Engine::new(reader("native"), Keep::Undelivered, wanted);
    for job in 0..5 {
        let line = format!("2026-03-01T00:00:01Z is0001 dm[7]: START job=J{job} cmd=\"swdist -l /x\"\n");
        engine.block(line.as_bytes(), job + 1);
    }
    let runs = engine.finish();
    assert!(runs.too_many && runs.len() == 3, "{}", runs.len());
}

#[test]
fn results_get_the_one_command_that_fits_and_several_are_a_doubt() {
    let ansible = reader("ansible");
    let results = "2026-06-27 10:06:30,100 p=8 u=root n=ansible | PLAY [all] ***\n\
                   2026-06-27 10:06:31,441 p=8 u=root n=ansible | web2   : ok=0 changed=0 unreachable=1 failed=0\n";
    let run = || read(&ansible, results.as_bytes(), Keep::All, true).get(0).expect("a run");
    let sudo = |minute: u8, second: u8, user: &str, program: &str| {
        format!(
            "Jun 27 10:{minute:02}:{second:02} deploy1 sudo: jo : TTY=pts/2 ; PWD=/srv ; USER={user} ; \
             COMMAND=/usr/bin/{program} site.yml -l web\n"
        )
    };
    let given = |lines: &[String]| -> Vec<Run> {
        read(&reader("sudo"), lines.concat().as_bytes(), Keep::All, true).iter().collect()
    };
    let fits = sudo(6, 29, "root", "ansible-playbook");
    let others = [
        sudo(1, 0, "root", "ansible-playbook"),
        sudo(6, 29, "db", "ansible-playbook"),
        sudo(6, 29, "root", "rsync"),
    ];
    let rule = ansible.rule();
    let mut none = run();
    assert!(!join(&mut none, Some("root"), rule, &given(&others)));
    assert_eq!(none.command, None);
    let mut one = run();
    assert!(join(&mut one, Some("root"), rule, &given(&[others.concat(), fits.clone()])));
    let command = one.command.expect("joined");
    assert_eq!(command.text, "/usr/bin/ansible-playbook site.yml -l web");
    assert_eq!((command.place.line, command.directory.as_deref()), (4, Some("/srv")));
    assert_eq!((command.doubts, one.server.as_deref()), (Vec::<String>::new(), Some("deploy1")));
    let mut two = run();
    assert!(join(&mut two, Some("root"), rule, &given(&[fits.clone(), fits])));
    assert_eq!(two.command.expect("joined").doubts, ["several candidates: log:1, log:2"]);
}
