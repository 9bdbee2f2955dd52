//! Claims about issuing, with real programs and a real journal.

use super::*;
use crate::redistribution::model::Token;
use crate::redistribution::plan::ListFile;
use crate::redistribution::states::State;
use crate::redistribution::waves::{parse_max_errors, parse_waves};
use crate::rules::Source;
use crate::rules::redistribution::compile;
use std::fs;
use std::path::Path;

fn at() -> Timestamp {
    Timestamp::from_second(1_700_000_000).expect("a time")
}

fn rule(text: &str) -> ServerRule {
    let text = format!("servers: {{default: {{{text}}}}}\n");
    let source = Source { file: "redistribution.yaml".into(), text };
    compile(Some(source)).expect("rules").server(|_| false).clone()
}

/// `sh -c script`, for one recipient named after it.
fn command(id: &str, script: &str) -> Approved {
    let token = |text: &str, secret| Token { text: text.into(), place: None, secret };
    Approved {
        id: id.into(),
        server: "is38".into(),
        tool: "dm".into(),
        job: id.into(),
        packages: vec!["jre-1.3.1".into()],
        argv: vec![token("sh", false), token("-c", false), token(script, false), token("geheim", true)],
        recipients: vec![(format!("node-{id}"), vec![format!("F-{id}")])],
        directory: None,
        user: None,
        list_file: None,
        hash: "ab".into(),
        edits: Vec::new(),
    }
}

struct Desk {
    folder: tempfile::TempDir,
    journal: Journal,
    who: Person,
    rule: ServerRule,
    waves: Vec<Wave>,
    max_errors: Option<MaxErrors>,
    stop: Arc<Stop>,
    events: Vec<Event>,
}

fn desk(text: &str) -> Desk {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = Journal::open(folder.path(), at()).expect("a journal");
    let who = Person { name: "ada".into(), uid: 1000, origin: "pts/1".into() };
    let (rule, stop) = (rule(text), Arc::new(Stop::default()));
    Desk { folder, journal, who, rule, waves: Vec::new(), max_errors: None, stop, events: Vec::new() }
}

impl Desk {
    fn approve(&self, commands: &[Approved]) {
        let kept = self.journal.approve(commands, &[].into(), &self.who, at()).expect("kept");
        assert!(kept.iter().all(Result::is_ok), "{kept:?}");
    }

    fn issue(&mut self, commands: &[Approved], evidence: &mut Evidence<'_>) -> Summary {
        let Desk { journal, who, rule, waves, max_errors, stop, events, .. } = self;
        let mut evidence = |issued: &[Issued]| evidence(issued);
        let mut keep = |event: &Event| {
            if matches!(event, Event::Progress(p) if p.ended() > 0 && p.all == 77) {
                stop.finish();
            }
            events.push(event.clone());
        };
        let mut work = Issue {
            rule,
            who,
            clock: &at,
            environment: &[("TOKEN".to_owned(), "t".to_owned()), ("OTHER".to_owned(), "o".to_owned())],
            waves,
            max_errors: *max_errors,
            parallel: None,
            stop,
            evidence: &mut evidence,
            output: &printed,
            events: &mut keep,
        };
        issue(journal, commands, &mut work).expect("a working journal")
    }

    fn plainly(&mut self, commands: &[Approved]) -> Summary {
        self.issue(commands, &mut |_| Some(Vec::new()))
    }

    fn states(&self) -> Vec<(String, State)> {
        let mut states: Vec<_> =
            self.journal.rows(1_000).expect("rows").into_iter().map(|row| (row.id, row.state)).collect();
        states.sort();
        states
    }
}

/// A tool that prints who failed.
fn printed(_: &str, log: &Path) -> Said {
    let names = written(log)
        .lines()
        .filter_map(|line| Some(line.strip_suffix(" failed")?.to_owned()))
        .collect::<Vec<_>>();
    names.into_iter().map(|name| (name, Verdict::Failed("its own words".to_owned()))).collect()
}

fn written(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn one_dead_recipient_stops_no_other_and_everything_is_written_down() {
    let mut desk = desk("allow: [sh], parallel: 2, environment: [TOKEN]");
    let out = desk.folder.path().join("out");
    let say = format!("echo \"$0 $TOKEN ${{OTHER-none}} $AUTOTICKET_IDEMPOTENCY_KEY\" >> {}", out.display());
    let commands = [command("J1.1", &say), command("J2.1", "exit 3"), command("J3.1", "kill -9 $$"), {
        let mut late = command("J4.1", &say);
        late.id = "J4.1".into();
        late
    }];
    desk.approve(&commands);
    let summary = desk.plainly(&commands);
    let mut failed = summary.failed.clone();
    failed.sort();
    let expected = [("J2.1", "exit status 3"), ("J3.1", "killed by SIGKILL")];
    assert_eq!(failed, expected.map(|(id, why)| (id.to_owned(), why.to_owned())));
    assert_eq!((summary.confirmed.len(), summary.left.len(), summary.stopped), (2, 0, None));
    let text = written(&out);
    for index in [0, 3] {
        let line = format!("geheim t none {}\n", commands[index].key(1));
        assert!(text.contains(&line), "{text}");
    }
    let expected = [
        ("J1.1", State::Confirmed),
        ("J2.1", State::Failed),
        ("J3.1", State::Failed),
        ("J4.1", State::Confirmed),
    ];
    assert_eq!(desk.states(), expected.map(|(id, state)| (id.to_owned(), state)));
    assert!(!format!("{:?}", desk.journal.rows(9)).contains("geheim"));
    assert_eq!(desk.journal.pending_confirmations(9).expect("rows").len(), 2);
    let running = desk.events.iter().filter_map(|event| match event {
        Event::Progress(progress) => Some(progress.running),
        _ => None,
    });
    assert!(running.max() <= Some(2));
    let last = desk.events.last();
    let all =
        Progress { all: 4, confirmed: 2, failed: 2, time_left: Some(Duration::ZERO), ..Progress::default() };
    assert_eq!(last, Some(&Event::Progress(all)));
    // A second run has nothing to issue.
    let again = desk.plainly(&commands);
    assert_eq!((again.refused.len(), again.confirmed.len()), (4, 0), "{again:?}");
    assert_eq!(written(&out), text);
}

#[test]
fn too_many_errors_end_it_and_the_rest_stays_approved() {
    let mut desk = desk("allow: [sh], parallel: 1");
    desk.waves = parse_waves("1,50%,rest").expect("waves");
    desk.max_errors = Some(parse_max_errors("20%").expect("a limit"));
    let commands: Vec<Approved> = (0..10)
        .map(|n| command(&format!("J{n}.1"), if n == 2 || n == 3 { "exit 1" } else { "true" }))
        .collect();
    desk.approve(&commands);
    let summary = desk.plainly(&commands);
    assert_eq!(summary.stopped, Some(Stopped::Errors { failed: 2, begun: 6 }));
    assert_eq!(summary.left, ["J4.1", "J5.1", "J6.1", "J7.1", "J8.1", "J9.1"]);
    let approved = desk.states().into_iter().filter(|(_, state)| *state == State::Approved).count();
    assert_eq!(approved, 6);
    desk.max_errors = None;
    let rest = desk.plainly(&commands[4..]);
    assert_eq!((rest.confirmed.len(), rest.stopped), (6, None));
}

#[test]
fn what_may_not_be_started_is_refused_stays_approved_and_runs_once_it_may() {
    let mut desk = desk("allow: [true]");
    let commands = [command("J1.1", "true")];
    desk.approve(&commands);
    let summary = desk.plainly(&commands);
    assert!(summary.refused[0].1.contains("allow: [true, sh]"), "{summary:?}");
    assert_eq!(desk.states(), [("J1.1".to_owned(), State::Approved)]);
    desk.rule = rule("allow: [true, sh]");
    assert_eq!(desk.plainly(&commands).confirmed, ["J1.1"]);
}

#[test]
fn an_approval_is_needed_on_disk() {
    let mut desk = desk("allow: [sh]");
    let summary = desk.plainly(&[command("J1.1", "true")]);
    assert_eq!(summary.refused, [("J1.1".to_owned(), "J1.1 is not approved: approve it first".to_owned())]);
}

#[test]
fn stopping_finishes_what_runs_and_leaves_the_rest_approved() {
    let mut desk = desk("allow: [sh], parallel: 3");
    let commands: Vec<Approved> = (0..77).map(|n| command(&format!("J{n}.1"), "true")).collect();
    desk.approve(&commands);
    // The desk asks to stop when the first one has ended.
    let summary = desk.plainly(&commands);
    assert_eq!(summary.stopped, Some(Stopped::Asked));
    assert!((1..=6).contains(&summary.confirmed.len()), "{summary:?}");
    assert_eq!(summary.confirmed.len() + summary.left.len(), 77);
    assert!(desk.states().iter().all(|(_, state)| matches!(state, State::Approved | State::Confirmed)));
}

#[test]
fn the_log_has_the_last_word_about_each_recipient() {
    let mut desk = desk("allow: [sh]");
    let mut one = command("J1.1", "exit 1");
    one.recipients =
        ["node7", "node8", "node9"].map(|name| (name.to_owned(), vec![format!("F-{name}")])).into();
    desk.approve(std::slice::from_ref(&one));
    let mut evidence = |issued: &[Issued]| {
        assert_eq!((issued.len(), issued[0].packages.len(), issued[0].at), (1, 1, at()));
        Some(vec![vec![("node7".to_owned(), Verdict::Confirmed), ("other".to_owned(), Verdict::Confirmed)]])
    };
    let summary = desk.issue(std::slice::from_ref(&one), &mut evidence);
    assert_eq!(summary.waiting, ["J1.1"], "which of the others have it, its exit status does not say");
    let row = desk.journal.rows(1).expect("rows").remove(0);
    let states: Vec<_> = row.recipients.into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, [Some(State::Confirmed), Some(State::Issued), Some(State::Issued)]);
    let pending = desk.journal.pending_confirmations(9).expect("rows");
    assert_eq!(pending.into_iter().map(|c| c.recipient).collect::<Vec<_>>(), ["node7"]);
}

#[test]
fn a_submitted_command_waits_for_its_log_and_keeps_its_list_until_then() {
    let mut desk = desk("manager: {submit: [sh, -c, 'cat \"$3\"', --]}, allow: [sh]");
    let mut one = command("J1.1", "{list}");
    one.list_file =
        Some(ListFile { original: "/etc/list".into(), token: 2, content: "node-J1.1 -x\n".into() });
    desk.approve(std::slice::from_ref(&one));
    let summary = desk.plainly(std::slice::from_ref(&one));
    assert_eq!(summary.waiting, ["J1.1"]);
    let log = desk.events.iter().find_map(|event| match event {
        Event::Ended { log, .. } => log.clone(),
        _ => None,
    });
    assert_eq!(written(&log.expect("a log")), "node-J1.1 -x\n");
    let row = desk.journal.waiting().expect("rows").remove(0);
    let list = row.list.expect("it may still be read");
    assert!(list.exists());
    let take = |wanted: &dyn Fn(&JournalRow) -> bool, said: &mut Evidence<'_>| {
        take_evidence(&desk.journal, &desk.who, at(), wanted, false, said, &printed).expect("kept")
    };
    assert_eq!(take(&|_| true, &mut |_| Some(vec![Vec::new()])), 0);
    let mut said =
        |issued: &[Issued]| Some(vec![vec![(issued[0].recipients[0].clone(), Verdict::Confirmed)]]);
    assert_eq!(take(&|row| row.server == "is39", &mut said), 0, "another server's log says nothing of it");
    assert_eq!(take(&|_| true, &mut said), 1);
    assert_eq!(take(&|_| true, &mut said), 0, "once is enough");
    assert_eq!(desk.states(), [("J1.1".to_owned(), State::Confirmed)]);
    assert!(!list.exists());
}

#[test]
fn a_good_exit_speaks_for_those_the_log_is_silent_about_and_a_failed_line_against_one() {
    let mut desk = desk("allow: [sh]");
    let mut one = command("J1.1", "exit 0");
    one.recipients = ["node7", "node8"].map(|name| (name.to_owned(), vec![format!("F-{name}")])).into();
    let mut two = command("J2.1", "exit 0");
    two.recipients = ["node1", "node2"].map(|name| (name.to_owned(), Vec::new())).into();
    let commands = [one, two];
    desk.approve(&commands);
    let why = "failed: disk (dist.log:9)".to_owned();
    let mut asked = 0;
    let mut evidence = |issued: &[Issued]| {
        asked += issued.len();
        let said = |issued: &Issued| match issued.recipients[0].as_str() {
            "node7" => vec![("node8".to_owned(), Verdict::Failed(why.clone()))],
            _ => Vec::new(),
        };
        Some(issued.iter().map(said).collect())
    };
    let summary = desk.issue(&commands, &mut evidence);
    assert_eq!(asked, 2, "the log is asked once for all of a wave");
    assert_eq!(summary.confirmed, ["J2.1"]);
    assert_eq!(summary.failed, [("J1.1".to_owned(), format!("1 of 2 recipients: node8: {why}"))]);
    let pending = desk.journal.pending_confirmations(9).expect("rows");
    assert_eq!(pending.into_iter().map(|c| c.recipient).collect::<Vec<_>>(), ["node7"]);
    let judged = desk.events.iter().filter(|event| matches!(event, Event::Judged { .. })).count();
    assert_eq!(judged, 2);
}

#[test]
fn a_good_exit_speaks_at_the_next_start_where_issuing_was_killed_before_it_asked_the_log() {
    // As a kill leaves it: the end is written down, and nothing was made of it.
    let mut desk = desk("manager: {submit: [sh, -c, 'exit \"$1\"', --]}, allow: [sh]");
    let several = |id: &str, status: &str| {
        let mut one = command(id, "x");
        one.argv = [Token { text: status.into(), place: None, secret: false }].into();
        one.recipients = ["node7", "node8"].map(|name| (format!("{name}-{id}"), Vec::new())).into();
        one
    };
    let commands = [several("J1.1", "0"), several("J2.1", "3")];
    desk.approve(&commands);
    desk.plainly(&commands);
    let take = |delivers: bool| {
        let mut silent = |issued: &[Issued]| Some(vec![Vec::new(); issued.len()]);
        take_evidence(&desk.journal, &desk.who, at(), &|_| true, delivers, &mut silent, &printed)
            .expect("kept")
    };
    assert_eq!(take(false), 0, "a manager that only takes commands delivers nothing");
    assert_eq!(take(true), 2, "both recipients of the one that ended well");
    assert_eq!(take(true), 0, "once is enough");
    let mut states = desk.states();
    states.sort();
    assert_eq!(states, [("J1.1".to_owned(), State::Confirmed), ("J2.1".to_owned(), State::Issued)]);
}

#[test]
fn what_a_command_prints_of_a_recipient_outweighs_its_good_exit() {
    let mut desk = desk("allow: [sh]");
    let one = command("J1.1", "echo node-J1.1 failed; exit 0");
    let mut two = command("J2.1", "echo node8 failed; exit 0");
    two.recipients = ["node7", "node8"].map(|name| (name.to_owned(), Vec::new())).into();
    let commands = [one, two];
    desk.approve(&commands);
    let name = commands[0].recipients[0].0.clone();
    let summary = desk.plainly(&commands);
    assert_eq!(name, "node-J1.1");
    let why = |id: &str, why: &str| (id.to_owned(), why.to_owned());
    assert_eq!(
        summary.failed,
        [why("J1.1", "its own words"), why("J2.1", "1 of 2 recipients: node8: its own words")]
    );
    assert_eq!(summary.confirmed, Vec::<String>::new());
}

#[test]
fn a_log_that_cannot_be_read_confirms_nobody() {
    let mut desk = desk("allow: [sh]");
    let mut one = command("J1.1", "exit 0");
    one.recipients = ["node7", "node8"].map(|name| (name.to_owned(), Vec::new())).into();
    desk.approve(std::slice::from_ref(&one));
    let summary = desk.issue(std::slice::from_ref(&one), &mut |_| None);
    assert_eq!((summary.waiting.as_slice(), summary.confirmed.len()), (["J1.1".to_owned()].as_slice(), 0));
    let unreadable = take_evidence(&desk.journal, &desk.who, at(), &|_| true, true, &mut |_| None, &printed);
    assert_eq!(unreadable.expect("kept"), 0);
    assert_eq!(desk.states(), [("J1.1".to_owned(), State::Issued)]);
}

#[test]
fn bad_exits_of_commands_with_several_recipients_count_against_the_limit_at_once() {
    let mut desk = desk("allow: [sh], parallel: 1");
    desk.max_errors = Some(MaxErrors::Count(1));
    let several = |id: &str| {
        let mut one = command(id, "exit 9");
        one.recipients = ["node7", "node8"].map(|name| (format!("{name}-{id}"), Vec::new())).into();
        one
    };
    let commands = ["J1.1", "J2.1", "J3.1", "J4.1"].map(several);
    desk.approve(&commands);
    let summary = desk.plainly(&commands);
    assert_eq!(summary.stopped, Some(Stopped::Errors { failed: 2, begun: 4 }));
    assert_eq!(summary.left, ["J3.1", "J4.1"]);
}

#[test]
fn what_the_log_says_of_a_wave_decides_about_the_next() {
    let mut desk = desk("manager: {submit: [sh, -c, 'exit 0', --]}, allow: [sh]");
    desk.waves = parse_waves("1,rest").expect("waves");
    desk.max_errors = Some(parse_max_errors("0").expect("a limit"));
    let commands: Vec<Approved> = (0..4).map(|n| command(&format!("J{n}.1"), "x")).collect();
    desk.approve(&commands);
    let mut evidence = |issued: &[Issued]| {
        let failed = |one: &Issued| vec![(one.recipients[0].clone(), Verdict::Failed("failed".to_owned()))];
        Some(issued.iter().map(failed).collect())
    };
    let summary = desk.issue(&commands, &mut evidence);
    assert_eq!(summary.stopped, Some(Stopped::Errors { failed: 1, begun: 1 }));
    assert_eq!(summary.left, ["J1.1", "J2.1", "J3.1"]);
}
