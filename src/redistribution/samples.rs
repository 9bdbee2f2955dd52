//! The shipped samples, and logs that are read both ways.

use super::claims::{WRITTEN, differences};
use super::elsewhere::join;
use super::engine::{Engine, Keep, Runs, Wanted};
use super::model::{Outcome, Run};
use super::moment::Around;
use super::reader::Reader;
use crate::rules::Source;
use crate::rules::logs::samples::parse;
use crate::rules::logs::{compile, embedded, embedded_samples};
use std::sync::{Arc, LazyLock};

pub(super) fn readers() -> Vec<Arc<Reader>> {
    let rules = compile(&embedded()).expect("the shipped rules are right");
    Reader::all(&rules)
}

pub(super) fn reader(id: &str) -> Arc<Reader> {
    static READERS: LazyLock<Vec<Arc<Reader>>> = LazyLock::new(readers);
    READERS.iter().find(|reader| reader.rule().id == id).map(Arc::clone).expect("a shipped rule")
}

pub(super) fn read(reader: &Arc<Reader>, text: &[u8], keep: Keep, thorough: bool) -> Runs {
    let make = if thorough { Engine::thorough } else { Engine::new };
    let mut engine = make(Arc::clone(reader), keep, Wanted::default());
    let latest = Some(WRITTEN.parse().expect("a time"));
    engine.file(Arc::from("log"), Around { latest, ..Around::default() });
    engine.block(text, 1);
    engine.finish()
}

#[test]
fn the_shipped_samples_are_read_as_they_say() {
    let readers = readers();
    for source in embedded_samples() {
        let rule = source.file.replace(".samples.yaml", ".yaml");
        let beside = readers.iter().find(|reader| reader.rule().origin.file == rule).expect("its rule");
        for sample in parse(&source).unwrap_or_else(|mistakes| panic!("{mistakes:#?}")) {
            let wrong = differences(&sample, Some(&beside.rule().id), &readers);
            assert!(wrong.is_empty(), "{} {}: {wrong:#?}", sample.origin, sample.name);
        }
    }
}

#[test]
fn a_wrong_claim_is_told_with_its_line() {
    let readers = readers();
    let text = "samples:\n  - name: x\n    text: |\n      : 1779219600:4;rsync a b\n      what?\n    runs:\n      - argv: \
                [rsync, b]\n        line: 2\n        recipients: [{name: c}]\n";
    let source = Source { file: "logs/x.samples.yaml".into(), text: text.into() };
    let sample = &parse(&source).expect("no mistake in it")[0];
    let wrong = differences(sample, Some("zsh-history"), &readers);
    let wrong: Vec<_> = wrong.iter().map(|wrong| (wrong.line, wrong.what.as_str())).collect();
    assert_eq!(
        wrong,
        [
            (7, "line is `1`, not `2`"),
            (7, r#"argv is `["rsync","a","b"]`, not `["rsync","b"]`"#),
            (7, "the number of recipients is `0`, not `1`"),
            (2, "1 lines are not understood, not 0, first line 2: what?"),
        ]
    );
    let other = differences(sample, Some("native"), &readers);
    assert_eq!(other[0].what, "rule zsh-history recognises it, not native");
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

/// Lines of which nearly all have one of a few forms, and others that look so and are read otherwise.
fn formed_log(seed: u64, lines: u64) -> String {
    let mut state = seed | 1;
    let mut next = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("small") % below
    };
    let mut log = String::new();
    for _ in 0..lines {
        let (job, target) = (next(6), next(7));
        let id = ["7", "15", "151", "1513"][next(4)];
        let server = ["is0001", "is0002", "is1.x"][next(3)];
        let word = ["OK", "OK", "OK", "OK", "FAILED"][next(5)];
        let target = ["cl0", "cl1", "CL1.x", "cl2", "10.0.0.1", "cl4", "café"][target];
        let said = match next(24) {
            0 | 1 => format!("START job=J{job} cmd=\"swdist -p a -l /x\""),
            2 => format!("END job=J{job} rc=0"),
            3 => format!("job=J{job} target={target} target=cl0 state={word}"),
            4 => format!("job=J{job} target={target} state={word} state=FAILED target=cl2"),
            5 => format!("job=J{job} state=FAILED target={target} state={word}"),
            6 => format!("job=J{job} note=\" target=cl4 state=FAILED\" target={target} state={word}"),
            7 => format!("job=J{job} target=\"{target}\" state={word}"),
            8 => format!("job=J{job} target= state={word}"),
            9 => format!("job=J{job} target={target} state=OKAY"),
            10 => format!("jab=J{job} target={target} state={word}"),
            11 => format!("job=\"J{job} \" target={target} state={word}"),
            12 => format!("job=J{job} target={target} bytes=7 state={word}"),
            _ => format!("job=J{job} target={target} state={word} bytes=7 it says : START job=J1"),
        };
        let end = if next(9) == 0 { "\r\n" } else { "\n" };
        let at = ["2026-03-01T00:00:01Z", "2026-03-01T00:00:01.5Z", "2026-03-01T00:00: 1Z"][next(20).min(2)];
        let at = if at.contains(' ') && next(3) > 0 { "2026-03-01T00:00:01Z" } else { at };
        log += &format!("{at} {server} dm[{id}]: {said}{end}");
    }
    if next(2) == 0 {
        log.truncate(log.trim_ascii_end().len());
    }
    log
}

proptest::proptest! {
    #![proptest_config(super::cases())]
    #[test]
    fn lines_that_are_passed_over_by_their_form_are_read_as_every_line_is(seed: u64, lines in 0u64..120) {
        let log = formed_log(seed, lines);
        for server in [None, Some("is0001".to_owned())] {
            let runs = |make: fn(Arc<Reader>, Keep, Wanted) -> Engine| {
                let mut engine = make(reader("native"), Keep::Undelivered, Wanted { server: server.clone(), ..Wanted::default() });
                engine.file(Arc::from("log"), Around::default());
                engine.block(log.as_bytes(), 1);
                engine.finish()
            };
            let (scanned, thorough) = (runs(Engine::new), runs(Engine::thorough));
            proptest::prop_assert!(scanned.coverage.scanned && !thorough.coverage.scanned);
            proptest::prop_assert_eq!(scanned.coverage.lines, thorough.coverage.lines);
            proptest::prop_assert_eq!(scanned.iter().collect::<Vec<_>>(), thorough.iter().collect::<Vec<_>>(), "{}", log);
        }
    }

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
    assert!(kept.tells_of(&["cl1", "CL1.example"], &[]) && !kept.tells_of(&["cl2"], &[]));
    // Whom another log says to lack something is looked for in a second reading.
    let mut again = Engine::again(&mut kept, &["cl2"], &[], Wanted::default());
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
    assert!(!engine.finish().tells_of(&["cl1"], &[]));
}

#[test]
fn jobs_of_two_servers_with_one_number_are_two_runs() {
    let line = |server: &str, text: &str| format!("2026-03-01T00:00:01Z {server} dm[7]: {text}\n");
    let log = line("is1", "START job=J1 cmd=\"swdist -p jre-1.3 -l /x\"")
        + &line("is2", "START job=J1 cmd=\"swdist -p wipe-9 -l /x\"")
        + &line("is1", "job=J1 target=cl1 state=FAILED")
        + &line("is2", "job=J1 target=cl1 state=FAILED")
        + &line("is1", "END job=J1 rc=1")
        + &line("is2", "END job=J1 rc=1");
    for thorough in [false, true] {
        let runs = read(&reader("native"), log.as_bytes(), Keep::Undelivered, thorough);
        let found: Vec<_> = runs.iter().map(|run| (run.server, run.packages, run.recipients.len())).collect();
        let of = |server: &str, package: &str| (Some(server.to_owned()), vec![package.to_owned()], 1);
        assert_eq!(found, [of("is1", "jre-1.3"), of("is2", "wipe-9")], "thorough: {thorough}");
    }
}

#[test]
fn a_failure_is_seen_however_its_state_is_written_and_an_unknown_state_is_told() {
    let line = |text: &str| format!("2026-03-01T00:00:01Z is1 dm[7]: {text}\n");
    let start = line("START job=J1 cmd=\"swdist -p jre-1.3 -l /x\"");
    for said in [
        "target=cl1 state=FAILED",
        "target=cl1 state=\"FAILED\"",
        "state=\"FAILED\" target=cl1",
        "target=cl1 bytes=0 state=\"\\u0046AILED\"",
    ] {
        let log = start.clone() + &line(&format!("job=J1 {said}")) + &line("END job=J1");
        let runs = read(&reader("native"), log.as_bytes(), Keep::Undelivered, false);
        assert_eq!(runs.len(), 1, "{said}");
        assert_eq!(runs.get(0).expect("a run").recipients[0].outcome, Outcome::Failed, "{said}");
    }
    let log = start
        + &line("job=J1 target=cl1 state=REFUSED")
        + &line("job=J1 target=cl2 state=OK")
        + &line("END job=J1");
    let coverage = read(&reader("native"), log.as_bytes(), Keep::Undelivered, false).coverage;
    assert!(coverage.scanned);
    assert_eq!((coverage.lines, coverage.not_understood()), (4, 1));
    let (place, text) = &coverage.examples[0];
    assert_eq!((place.line, text.trim_end().ends_with("target=cl1 state=REFUSED")), (2, true), "{text}");
}

#[test]
fn whoever_is_known_from_a_list_alone_needs_a_reading_from_the_first_line() {
    let line = |text: &str| format!("2026-03-01T00:00:01Z is1 dm[7]: {text}\n");
    let log = line("START job=J1 cmd=\"swdist -p jre-1.3 -l /x\"")
        + &line("job=J1 target=cl1 state=OK")
        + &line("END job=J1 state=CANCELLED")
        + &line("START job=J2 cmd=\"swdist -p wipe-9 -l /x\"")
        + &line("job=J2 target=cl1 state=FAILED")
        + &line("END job=J2");
    let runs = read(&reader("native"), log.as_bytes(), Keep::Undelivered, false);
    assert!(runs.tells_of(&["cl1"], &[]), "since it failed");
    assert!(!runs.tells_of(&[], &["cl1"]), "the delivery before that was passed over");
    let mut runs = runs;
    let mut again = Engine::again(&mut runs, &[], &["cl1"], Wanted::default());
    again.block(log.as_bytes(), 1);
    let served: Vec<_> = again.finish().iter().map(|run| (run.job, run.recipients[0].outcome)).collect();
    assert_eq!(served, [(Some("J1".to_owned()), Outcome::Ok)]);
}

#[test]
fn the_last_word_of_a_run_counts_whichever_server_and_spelling_it_has() {
    let line = |server: &str, text: &str| format!("2026-03-01T00:00:01Z {server} dm[7]: {text}\n");
    let own = line("is1", "START job=J1 cmd=\"swdist -p jre-1.3 -l /x\"")
        + &line("is1", "job=J1 target=cl1 state=FAILED")
        + &line("is1", "END job=J1");
    let other = line("is2", "START job=J7 cmd=\"swdist -p jre-1.3 -l /x\"")
        + &line("is2", "job=J7 target=CL1.east.acme.com state=OK")
        + &line("is2", "job=J7 target=cl1 state=FAILED")
        + &line("is2", "END job=J7");
    let wanted = Wanted { server: Some("is1".to_owned()), ..Wanted::default() };
    for thorough in [false, true] {
        let make = if thorough { Engine::thorough } else { Engine::new };
        let mut engine = make(reader("native"), Keep::Undelivered, wanted.clone());
        engine.block((own.clone() + &other).as_bytes(), 1);
        let runs: Vec<Run> = engine.finish().iter().collect();
        let words =
            runs.iter().flat_map(|run| run.recipients.iter().map(|r| (run.job.as_deref(), r.outcome)));
        let words: Vec<_> = words.filter(|(_, outcome)| *outcome == Outcome::Ok).collect();
        assert_eq!(words, [], "thorough: {thorough}: {runs:?}");
    }
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
    // A trial that may be the run's is no reason to leave it out; two trials are.
    let trial = sudo(6, 30, "root", "ansible-playbook").replace("-l web", "-C");
    let fits = sudo(6, 29, "root", "ansible-playbook");
    let mut either = run();
    assert!(join(&mut either, Some("root"), rule, &given(&[fits, trial.clone()])));
    assert_eq!(either.outcome, Outcome::Unreachable);
    let mut trials = run();
    assert!(join(&mut trials, Some("root"), rule, &given(&[trial.clone(), trial])));
    assert_eq!(trials.outcome, Outcome::Skipped);
}
