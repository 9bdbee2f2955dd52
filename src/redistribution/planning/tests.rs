//! What a plan holds, leaves out and says.
//!
//! In: runs and failed distributions as their readers give them. Out: nothing. It reads no file.

use super::*;
use crate::redistribution::comparison::compare;
use crate::redistribution::model::{Command, Place, Token, Writing};
use std::cell::Cell;

fn at(clock: &str) -> Timestamp {
    format!("2026-03-15T{clock}:00Z").parse().expect("a time")
}

fn place(line: u64) -> Place {
    Place { file: "dist.log".into(), line }
}

/// A run of ten minutes from `clock`; recipients behind `-` failed.
fn run(line: u64, clock: &str, package: &str, names: &[&str]) -> Run {
    let bare = |name: &&str| name.trim_start_matches('-').to_owned();
    let all: Vec<String> = names.iter().map(bare).collect();
    let argv = ["push", "-p", package, "-w", &all.join(",")].map(str::to_owned);
    let recipient = |(at, name): (usize, &&str)| Recipient {
        name: bare(name),
        outcome: if name.starts_with('-') { Outcome::Failed } else { Outcome::Ok },
        cause: name.starts_with('-').then(|| "connection".to_owned()),
        parameters: Vec::new(),
        place: place(line + 1 + at as u64),
        at: None,
    };
    let start = at(clock);
    Run {
        rule: "native".to_owned(),
        tool: "swdist".to_owned(),
        server: None,
        job: Some(format!("{line}")),
        packages: vec![package.to_owned()],
        list: None,
        command: Some(Command {
            text: argv.join(" "),
            argv: argv.map(|text| Token { text, place: Some(place(line)), secret: false }).to_vec(),
            writing: Writing::Quoted,
            doubts: Vec::new(),
            directory: None,
            user: None,
            place: place(line),
        }),
        start: Some(start),
        end: Some(start + jiff::SignedDuration::from_mins(10)),
        place: place(line),
        last: place(line + 9),
        recipients: names.iter().enumerate().map(recipient).collect(),
        outcome: Outcome::Failed,
        why: None,
    }
}

fn record(id: &str, job: &str, recipient: &str, package: &str, clock: &str) -> Record {
    Record {
        id: id.to_owned(),
        tool: "swdist".to_owned(),
        server: "is38".to_owned(),
        job: job.to_owned(),
        recipient: recipient.to_owned(),
        package: package.to_owned(),
        upstream: None,
        failure: "disk".to_owned(),
        first: at(clock),
        last: at(clock),
    }
}

fn selection() -> Selection {
    Selection { server: "is38".to_owned(), ..Selection::default() }
}

fn narrowing(_: &str) -> Option<Narrowing> {
    Some(Narrowing::Replace { options: vec!["-w".to_owned()], separator: ",".to_owned() })
}

const WORLD: World = World {
    delivered: None,
    narrowing: &narrowing,
    list: &|_| None,
    device: &|_| None,
    program: &|name| Some(format!("/usr/bin/{name}")),
    against: &|_| Vec::new(),
    manager: &[],
    aside: &|_, _| None,
    directory: Some("/srv"),
    user: None,
    environment: &[],
};

fn planned(runs: Vec<Run>, records: &[Record]) -> Plan {
    plan(runs, records, &[], &selection(), &WORLD)
}

fn failed(job: &Job) -> Vec<&str> {
    job.recipients.failed.iter().map(|recipient| recipient.name.as_str()).collect()
}

fn lines(job: &Job) -> Vec<String> {
    job.commands.iter().map(|command| shell::shown(&command.argv)).collect()
}

#[test]
fn a_failed_run_becomes_a_job_with_its_command() {
    let plan = planned(vec![run(1, "10:00", "pkg-1.0", &["a", "-b", "-c"])], &[]);
    let job = &plan.jobs[0];
    assert_eq!((job.id.as_str(), job.cause.as_str(), job.server.as_str()), ("J1", "connection", "is38"));
    assert_eq!(job.recipients.all, ["a", "b", "c"]);
    assert_eq!(failed(job), ["b", "c"]);
    assert_eq!(lines(job), ["push -p pkg-1.0 -w b,c"]);
    assert_eq!((job.commands[0].id.as_str(), job.commands[0].directory.as_deref()), ("J1.1", Some("/srv")));
    assert_eq!(job.commands[0].hash.len(), 64);
    assert_eq!(job.found_in, FoundIn { record: false, log: true });
    assert_eq!((&job.refused, &job.blocked, &job.folded), (&None, &Vec::new(), &None));
}

#[test]
fn jobs_stand_in_the_order_of_their_start_whatever_the_order_of_the_runs() {
    let runs = || {
        [
            run(1, "11:00", "b-1.0", &["-a"]),
            run(20, "10:00", "a-1.0", &["-a"]),
            run(40, "11:00", "c-1.0", &["-a"]),
        ]
    };
    let forth = planned(runs().into(), &[]);
    let back = planned(runs().into_iter().rev().collect(), &[]);
    assert_eq!(forth, back);
    let order: Vec<(&str, &str)> =
        forth.jobs.iter().map(|j| (j.id.as_str(), j.packages[0].as_str())).collect();
    assert_eq!(order, [("J1", "a-1.0"), ("J2", "b-1.0"), ("J3", "c-1.0")]);
}

#[test]
fn later_success_takes_a_recipient_out() {
    let runs =
        vec![run(1, "10:00", "pkg-1.0", &["-a", "-b"]), run(20, "11:00", "pkg-1.0", &["A.east.example"])];
    let plan = planned(runs, &[]);
    assert_eq!(plan.jobs.len(), 1);
    assert_eq!(failed(&plan.jobs[0]), ["b"]);
    assert_eq!(plan.jobs[0].recipients.recovered, [("a".to_owned(), place(21))]);
    assert_eq!(lines(&plan.jobs[0]), ["push -p pkg-1.0 -w b"]);

    let earlier = vec![run(1, "10:00", "pkg-1.0", &["-a"]), run(20, "09:00", "pkg-1.0", &["a"])];
    assert_eq!(failed(&planned(earlier, &[]).jobs[0]), ["a"]);
    let older = vec![run(1, "10:00", "pkg-1.0", &["-a"]), run(20, "11:00", "pkg-0.9", &["a"])];
    assert_eq!(failed(&planned(older, &[]).jobs[0]), ["a"]);
    let found = Success {
        version: None,
        recipient: "a".to_owned(),
        package: "pkg-1.0".to_owned(),
        at: Some(at("12:00")),
        place: place(99),
        run: Some(at("11:59")),
    };
    let done = super::plan(vec![run(1, "10:00", "pkg-1.0", &["-a"])], &[], &[found], &selection(), &WORLD);
    assert_eq!(done.jobs, []);
    assert_eq!(
        done.notes,
        ["recipients of jobs of which nothing is left, for they succeeded since: 1, `a` by dist.log:99"]
    );
}

#[test]
fn what_was_tried_again_is_folded_and_never_issued_twice() {
    let runs = vec![
        run(1, "10:00", "pkg-1.9", &["-a", "-b", "-c"]),
        run(20, "11:00", "pkg-1.10", &["-a"]),
        run(40, "12:00", "pkg-1.10", &["-a", "-b"]),
        run(60, "13:00", "other-1.0", &["-a"]),
    ];
    let plan = planned(runs, &[]);
    let commands: Vec<Vec<String>> = plan.jobs.iter().map(lines).collect();
    let none = Vec::<String>::new();
    assert_eq!(
        commands,
        [
            vec!["push -p pkg-1.9 -w c".to_owned()],
            none,
            vec!["push -p pkg-1.10 -w a,b".to_owned()],
            vec!["push -p other-1.0 -w a".to_owned()],
        ]
    );
    assert_eq!(plan.jobs[0].recipients.folded, [("a".to_owned(), place(41)), ("b".to_owned(), place(42))]);
    assert_eq!(plan.jobs[0].folded, None);
    let folded = "the same or a newer version was distributed to the same recipients later: dist.log:41";
    assert_eq!(plan.jobs[1].folded.as_deref(), Some(folded));
}

/// What is said of `a`, before the place.
const UNCLEAR: &str = "`a` was tried later with an older version or what may be another package, or nobody can tell which came later: ";

#[test]
fn an_older_version_that_came_later_is_not_approved_in_bulk() {
    let runs = vec![run(1, "10:00", "pkg-2.0", &["-a"]), run(20, "11:00", "pkg-1.0", &["-a"])];
    let plan = planned(runs, &[]);
    assert_eq!(plan.jobs[0].blocked, [format!("{UNCLEAR}dist.log:21")]);
    assert_eq!(plan.jobs[1].blocked, Vec::<String>::new());
}

#[test]
fn packages_that_may_be_versions_of_one_another_are_not_folded_and_not_approved_in_bulk() {
    let delivered =
        |package: &str| vec![run(1, "10:00", "kb-1001", &["-a"]), run(20, "11:00", package, &["a"])];
    // A patch that arrived says nothing of another, whichever has the greater number.
    for package in ["kb-1002", "kb-1000"] {
        let plan = planned(delivered(package), &[]);
        assert_eq!(lines(&plan.jobs[0]), ["push -p kb-1001 -w a"], "{package}");
        assert_eq!(plan.jobs[0].blocked, [format!("{UNCLEAR}dist.log:21")], "{package}");
    }
    assert_eq!(planned(delivered("kb-1001"), &[]).jobs, []);
    let failed = vec![run(1, "10:00", "kb-1001", &["-a"]), run(20, "11:00", "kb-1002", &["-a"])];
    let plan = planned(failed, &[]);
    assert_eq!((plan.jobs[0].folded.clone(), plan.jobs[0].blocked.len()), (None, 1));
    // Dates are versions.
    let dated = vec![run(1, "10:00", "virus-20260301", &["-a"]), run(20, "11:00", "virus-20260302", &["a"])];
    assert_eq!(planned(dated, &[]).jobs, []);
}

#[test]
fn a_record_is_joined_by_its_job() {
    let runs = vec![run(1, "10:00", "pkg-1.0", &["a", "-b"]), run(20, "11:00", "pkg-2.0", &["-c"])];
    let plan = planned(runs, &[record("F1", "1", "B.east.example", "pkg-1.0", "10:05")]);
    let job = &plan.jobs[0];
    assert_eq!(job.recipients.failed[0].records, ["F1"]);
    assert_eq!(job.recipients.failed[0].cause.as_deref(), Some("connection"));
    assert_eq!((job.found_in, plan.jobs[1].found_in.record), (FoundIn { record: true, log: true }, false));
    assert_eq!(plan.jobs.len(), 2);
}

#[test]
fn a_record_is_joined_by_recipient_package_and_time() {
    let runs = || {
        vec![
            run(1, "10:00", "pkg-1.0", &["-a"]),
            run(20, "12:00", "pkg-1.0", &["b"]),
            run(40, "14:00", "pkg-1.0", &["-a"]),
        ]
    };
    // Fifteen minutes around a period from 10:00 to 10:10.
    for (clock, joined) in [("09:45", true), ("09:44", false), ("10:25", true), ("10:26", false)] {
        let plan = planned(runs(), &[record("F1", "", "a", "PKG-1.0", clock)]);
        assert_eq!(plan.jobs[0].found_in.record, joined, "{clock}");
        assert_eq!(plan.jobs.len(), if joined { 2 } else { 3 }, "{clock}");
    }
    for (recipient, package) in [("c", "pkg-1.0"), ("a", "pkg-2.0")] {
        let plan = planned(runs(), &[record("F1", "", recipient, package, "10:05")]);
        let alone = &plan.jobs[2];
        assert_eq!(alone.found_in, FoundIn { record: true, log: false });
        assert_eq!(
            alone.refused.as_deref(),
            Some("no run in the logs fits: name its logfile with --log, or issue it by hand")
        );
        assert_eq!((failed(alone), alone.run.clone()), (vec![recipient], None));
    }
}

#[test]
fn a_record_that_fits_several_runs_is_ambiguous() {
    let runs = vec![run(1, "10:00", "pkg-1.0", &["-a"]), run(20, "10:05", "pkg-1.0", &["-a"])];
    let plan = planned(runs, &[record("F1", "", "a", "pkg-1.0", "10:07")]);
    assert!(plan.jobs[0].folded.is_some() && plan.jobs[0].blocked.is_empty());
    assert_eq!(
        plan.jobs[1].blocked,
        ["failed distribution F1 of `a` fits 2 runs, of which this is the last: ambiguous"]
    );
}

#[test]
fn a_recipient_that_only_the_record_calls_failed_is_shown_as_such() {
    let plan =
        planned(vec![run(1, "10:00", "pkg-1.0", &["a", "b"])], &[record("F1", "1", "a", "pkg-1.0", "10:05")]);
    let job = &plan.jobs[0];
    assert_eq!(job.found_in, FoundIn { record: true, log: false });
    assert_eq!((lines(job), job.cause.as_str()), (vec!["push -p pkg-1.0 -w a".to_owned()], "disk"));
    assert_eq!(job.blocked, ["failed distribution F1 of `a`: the log says that it succeeded: dist.log:2"]);
    let unnamed =
        planned(vec![run(1, "10:00", "pkg-1.0", &["b"])], &[record("F1", "1", "a", "pkg-1.0", "10:05")]);
    assert_eq!(unnamed.jobs[0].refused.as_deref(), Some("the command reaches `a` without naming it"));
}

#[test]
fn a_success_after_the_report_takes_out_what_only_the_record_calls_failed() {
    let runs = |clock| vec![run(1, "10:00", "pkg-1.0", &["a", "b"]), run(20, clock, "pkg-1.0", &["a"])];
    // It is reported at 10:30: a success at 10:25 was before, one at 11:10 came after.
    for (clock, left) in [("10:15", 1), ("11:00", 0)] {
        let joined = planned(runs(clock), &[record("F1", "1", "a", "pkg-1.0", "10:30")]);
        assert_eq!(joined.jobs.len(), left, "{clock}");
        let mut unknown = record("F1", "7", "a", "pkg-1.0", "10:30");
        unknown.tool = "other".to_owned();
        assert_eq!(planned(runs(clock), &[unknown]).jobs.len(), left, "{clock}");
    }
}

#[test]
fn device_records_know_a_recipient_by_its_address() {
    let device = |name: &str| (name == "10.1.2.3").then(|| "a".to_owned());
    let world = World { device: &device, ..WORLD };
    let records = [record("F1", "", "10.1.2.3", "pkg-1.0", "10:05")];
    let plan = plan(vec![run(1, "10:00", "pkg-1.0", &["-a"])], &records, &[], &selection(), &world);
    assert_eq!(plan.jobs.len(), 1);
    assert_eq!(plan.jobs[0].recipients.failed[0].records, ["F1"]);
}

#[test]
fn a_server_that_was_the_recipient_itself_names_its_upstream() {
    let mut records = [
        record("F1", "7", "IS38.east.example", "pkg-1.0", "10:05"),
        record("F2", "8", "b", "pkg-1.0", "10:05"),
    ];
    records[0].server = "master".to_owned();
    records[1].server = "is39".to_owned();
    let plan = planned(Vec::new(), &records);
    assert_eq!(plan.jobs, []);
    assert_eq!(
        plan.notes,
        ["upstream master must reissue first, 1 failed distributions to this server itself: \
          `redistribute --server master --recipient is38`"]
    );
    records[0].server = String::new();
    let plan = planned(Vec::new(), &records);
    let unnamed = "1 failed distributions to this server itself: which server must reissue is not recorded";
    assert_eq!(plan.notes, [unnamed], "no command with an empty name");
}

#[test]
fn selections_narrow_what_is_planned() {
    let runs = || {
        let mut other = run(20, "12:00", "pkg-2.0", &["-node3"]);
        other.recipients[0].cause = Some("disk".to_owned());
        vec![run(1, "10:00", "pkg-1.0", &["-node1", "-node2"]), other]
    };
    let some = |text: &str| Some(text.to_owned());
    let cases: [(Selection, &[&[&str]]); 9] = [
        (selection(), &[&["node1", "node2"], &["node3"]]),
        (Selection { package: some("PKG-2*"), ..selection() }, &[&["node3"]]),
        (Selection { job: some("1"), ..selection() }, &[&["node1", "node2"]]),
        (Selection { recipient: some("node[23]"), ..selection() }, &[&["node2"], &["node3"]]),
        (Selection { cause: some("Disk"), ..selection() }, &[&["node3"]]),
        (Selection { cause: some("failed"), ..selection() }, &[&["node1", "node2"], &["node3"]]),
        (Selection { since: Some(at("11:00")), ..selection() }, &[&["node3"]]),
        (Selection { until: Some(at("11:00")), ..selection() }, &[&["node1", "node2"]]),
        (Selection { server: "is39".to_owned(), recipient: some("["), ..selection() }, &[]),
    ];
    for (selection, wanted) in cases {
        let plan = plan(runs(), &[], &[], &selection, &WORLD);
        let found: Vec<Vec<&str>> = plan.jobs.iter().map(failed).collect();
        assert_eq!(found, wanted, "{selection:?}");
    }
    let mut of_other = runs();
    of_other[0].server = Some("is39".to_owned());
    assert_eq!(planned(of_other, &[]).jobs.len(), 1);
}

#[test]
fn every_outcome_but_success_is_left_to_do_and_a_run_without_effect_is_none() {
    let mut left = run(1, "10:00", "pkg-1.0", &["a", "-b", "-c", "-d", "-e", "-f", "-g", "-h"]);
    for (recipient, outcome) in left.recipients.iter_mut().zip(Outcome::ALL) {
        (recipient.outcome, recipient.cause) = (outcome, None);
    }
    let mut check = run(20, "11:00", "pkg-1.0", &["-a"]);
    check.outcome = Outcome::Skipped;
    let plan = planned(vec![left, check], &[]);
    assert_eq!(plan.jobs.len(), 1);
    let outcomes: Vec<Outcome> = plan.jobs[0].recipients.failed.iter().map(|r| r.outcome).collect();
    assert_eq!(outcomes, Outcome::ALL[1..]);
    assert_eq!(plan.jobs[0].cause, "cancelled");
}

#[test]
fn a_run_that_names_nobody_is_said_and_not_guessed_at() {
    let mut nameless = run(1, "10:00", "pkg-1.0", &[]);
    nameless.outcome = Outcome::Unfinished;
    let plan_of = |run: &Run, world: &World| plan(vec![run.clone()], &[], &[], &selection(), world);
    let plan = plan_of(&nameless, &WORLD);
    assert_eq!(plan.jobs[0].refused.as_deref(), Some("the log names no recipient of this run"));
    // The command of a server for itself.
    let whole = World { narrowing: &|_| Some(Narrowing::Whole), ..WORLD };
    let plan = plan_of(&nameless, &whole);
    assert_eq!((failed(&plan.jobs[0]), lines(&plan.jobs[0]).len()), (vec!["is38"], 1));
    nameless.outcome = Outcome::Ok;
    assert_eq!(plan_of(&nameless, &whole).jobs, []);
}

#[test]
fn secrets_stand_in_no_stored_text() {
    let mut secret = run(1, "10:00", "pkg-1.0", &["-a"]);
    secret.recipients[0].cause = Some("login with geheim9 refused".to_owned());
    if let Some(command) = &mut secret.command {
        command.text = "push -p geheim9 -w a".to_owned();
        command.argv[2] = Token { text: "geheim9".to_owned(), place: None, secret: true };
    }
    let plan = planned(vec![secret], &[]);
    let text = serde_json::to_string(&plan).expect("JSON");
    assert!(!text.contains("geheim9"), "{text}");
    assert_eq!(plan.jobs[0].original.as_deref(), Some("push -p ****** -w a"));
    assert_eq!(plan.jobs[0].commands[0].argv[2].text, "geheim9");
}

#[test]
fn a_plan_in_json_has_the_names_of_the_design_and_comes_back() {
    let plan = planned(
        vec![run(1, "10:00", "pkg-1.0", &["a", "-b"])],
        &[record("F1", "1", "b", "pkg-1.0", "10:05")],
    );
    let json = serde_json::to_value(&plan).expect("JSON");
    let job = &json["jobs"][0];
    for (at, value) in [
        ("/id", "\"J1\""),
        ("/tool", "\"swdist\""),
        ("/server", "\"is38\""),
        ("/rule", "\"native\""),
        ("/run/file", "\"dist.log\""),
        ("/run/line", "1"),
        ("/run/start", "\"2026-03-15T10:00:00Z\""),
        ("/run/end", "\"2026-03-15T10:10:00Z\""),
        ("/packages", "[\"pkg-1.0\"]"),
        ("/recipients/all", "[\"a\",\"b\"]"),
        ("/recipients/failed/0/name", "\"b\""),
        ("/recipients/failed/0/outcome", "\"failed\""),
        ("/recipients/failed/0/cause", "\"connection\""),
        ("/found_in/record", "true"),
        ("/found_in/log", "true"),
        ("/original", "\"push -p pkg-1.0 -w a,b\""),
        ("/commands/0/id", "\"J1.1\""),
        ("/commands/0/argv", "[\"push\",\"-p\",\"pkg-1.0\",\"-w\",\"b\"]"),
        ("/commands/0/recipients", "[\"b\"]"),
        ("/commands/0/narrowing", "\"replace\""),
        ("/commands/0/grade", "\"exact\""),
    ] {
        assert_eq!(job.pointer(at).map(ToString::to_string).as_deref(), Some(value), "{at}");
    }
    assert_eq!(json["schema"], SCHEMA);
    let text = serde_json::to_string(&plan).expect("JSON");
    let back: Plan = serde_json::from_str(&text).expect("a plan");
    assert_eq!(serde_json::to_string(&back).expect("JSON"), text);
    assert_eq!(compare(&back, &plan), []);
}

#[test]
fn a_plan_edited_by_hand_is_told_from_the_one_the_logs_give() {
    let runs = || vec![run(1, "10:00", "pkg-1.0", &["a", "-b"]), run(20, "11:00", "pkg-2.0", &["-c"])];
    let plan = planned(runs(), &[]);
    let mut edited = plan.clone();
    edited.notes.push("read by me".to_owned());
    assert_eq!(compare(&edited, &plan), []);
    edited.jobs[0].commands[0].argv[4].text = "a,b".to_owned();
    edited.jobs.remove(1);
    let found: Vec<String> = compare(&edited, &plan).iter().map(ToString::to_string).collect();
    assert_eq!(found[0], "jobs[J1].commands[J1.1].argv[4]: the plan says \"a,b\", the logs say \"b\"");
    assert!(found[1].starts_with("jobs[J2]: the plan says nothing, the logs say {"), "{}", found[1]);
    assert_eq!(found.len(), 2);
    let recovered = planned(runs().into_iter().chain([run(40, "12:00", "pkg-2.0", &["c"])]).collect(), &[]);
    assert_eq!(compare(&plan, &recovered)[0].is, None);
}

#[test]
fn a_hash_binds_program_environment_and_list() {
    let command = &planned(vec![run(1, "10:00", "pkg-1.0", &["-a"])], &[]).jobs[0].commands[0];
    assert_eq!(approval_hash("is38", command, &WORLD), command.hash);
    assert_ne!(approval_hash("is39", command, &WORLD), command.hash);
    let moved = World { program: &|name| Some(format!("/tmp/{name}")), ..WORLD };
    assert_ne!(approval_hash("is38", command, &moved), command.hash);
    let environment = [("LANG".to_owned(), "C".to_owned())];
    assert_ne!(approval_hash("is38", command, &World { environment: &environment, ..WORLD }), command.hash);
}

#[test]
fn lists_are_read_only_for_rules_that_narrow_by_them_and_speak_against_bulk() {
    let read = Cell::new(0);
    let list = |_: &Run| {
        read.set(read.get() + 1);
        Some(ListText { changed: Some("it is newer than the run".to_owned()), ..ListText::of("a x\n") })
    };
    let world = World { list: &list, ..WORLD };
    plan(vec![run(1, "10:00", "pkg-1.0", &["-a"])], &[], &[], &selection(), &world);
    assert_eq!(read.get(), 0);
    let narrowing = |_: &str| Some(Narrowing::Listfile { options: vec!["-w".to_owned()], field: 1 });
    let world = World { narrowing: &narrowing, ..world };
    let plan = plan(vec![run(1, "10:00", "pkg-1.0", &["-a"])], &[], &[], &selection(), &world);
    assert_eq!(read.get(), 1);
    assert_eq!(plan.jobs[0].blocked, ["the distribution list a: it is newer than the run"]);
    assert_eq!(plan.jobs[0].commands[0].list_file.as_ref().map(|l| l.content.as_str()), Some("a x\n"));
}
