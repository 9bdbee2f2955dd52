//! Reliability of issuing: kill -9 of the issuing process at random instants, two operators at once, hostile arguments.
//!
//! The killed process is this test binary, started anew with a variable that says where its state is. A fake
//! distribution manager writes the idempotency key it is given into a file: the truth about what was issued.
//! `AUTOTICKET_KILLS` says how many kills (by hand 10,000), `AUTOTICKET_SEED` which, `AUTOTICKET_CASES` how many vectors.
#![allow(clippy::disallowed_methods, reason = "a rig starts and kills processes, and asks what it is to do")]
#![allow(clippy::print_stdout, reason = "a rig says what it has seen, and that it is ready")]
#![allow(clippy::disallowed_macros, reason = "a rig says what it has seen, and that it is ready")]

use autoticket::redistribution::issue::{Approved, End, Start};
use autoticket::redistribution::model::Token;
use autoticket::redistribution::run_command::{GRACE, Order, Stop, run};
use autoticket::redistribution::states::State;
use autoticket::redistribution::waves::{Wave, parse_waves};
use autoticket::rules::Source;
use autoticket::rules::redistribution::{ServerRule, compile};
use autoticket::service::redistribute::{Issue, issue};
use autoticket::store::journal::{Chain, Journal, Person};
use jiff::Timestamp;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Says to a process of this binary that it is to issue, and in which folder.
const FOLDER: &str = "AUTOTICKET_ISSUE_IN";
/// Commands in one folder.
const COMMANDS: usize = 12;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A small generator of its own, so that a seed means the same for ever (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % most.max(1)
    }
}

fn token(text: &str) -> Token {
    Token { text: text.to_owned(), place: None, secret: false }
}

/// Appends its key in one write, then takes a while.
fn commands(folder: &Path) -> Vec<Approved> {
    let keys = folder.join("keys").display().to_string();
    let script = "echo \"$AUTOTICKET_IDEMPOTENCY_KEY\" >> \"$1\"; sleep 0.00$2";
    let one = |n: usize| Approved {
        id: format!("J{n}.1"),
        server: "is38".into(),
        tool: "dm".into(),
        job: format!("job {n}"),
        packages: Vec::new(),
        argv: ["sh", "-c", script, "sh", &keys, &(n % 8).to_string()].map(token).into(),
        recipients: vec![
            (format!("node{n}"), vec![format!("F-{n}")]),
            (format!("node{n}b"), vec![format!("F-{n}b")]),
        ],
        directory: None,
        user: None,
        list_file: None,
        hash: format!("{n:064x}"),
        edits: Vec::new(),
    };
    (0..COMMANDS).map(one).collect()
}

fn rule() -> ServerRule {
    let text = "servers: {default: {allow: [sh], parallel: 3}}\n".to_owned();
    let source = Source { file: "redistribution.yaml".into(), text };
    compile(Some(source)).expect("rules").server(|_| false).clone()
}

fn person() -> Person {
    Person { name: "ada".into(), uid: 0, origin: "rig".into() }
}

/// What an operator does: approve what is left, and issue it.
fn approve_and_issue(folder: &Path) {
    let journal = Journal::open(folder, Timestamp::now()).expect("a journal");
    let commands = commands(folder);
    let kept = journal.approve(&commands, &BTreeSet::new(), &person(), Timestamp::now()).expect("kept");
    let left: Vec<Approved> =
        commands.into_iter().zip(kept).filter(|(_, kept)| kept.is_ok()).map(|(command, _)| command).collect();
    let waves: Vec<Wave> = parse_waves("1,50%,rest").expect("waves");
    let mut work = Issue {
        rule: &rule(),
        who: &person(),
        clock: &Timestamp::now,
        environment: &[],
        waves: &waves,
        max_errors: None,
        parallel: None,
        stop: &Arc::new(Stop::default()),
        evidence: &mut |_| Some(Vec::new()),
        output: &|_, _| Vec::new(),
        events: &mut |_| (),
    };
    issue(&journal, &left, &mut work).expect("a working journal");
    journal.close().expect("closed");
}

/// Not a test of its own: what the killed processes run.
#[test]
fn issuing_process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    println!("ready");
    std::io::stdout().flush().expect("the rig listens");
    approve_and_issue(Path::new(&folder));
    println!("done");
}

fn issuer(folder: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "issuing_process", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stdout.as_mut().expect("a pipe"));
    let mut line = String::new();
    while !line.ends_with("ready\n") {
        line.clear();
        assert!(lines.read_line(&mut line).expect("a line") > 0, "it ended before it was ready");
    }
    child
}

/// Lets it end; whatever it has to complain about is ours.
fn see_off(child: Child) {
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn written(folder: &Path) -> Vec<String> {
    fs::read_to_string(folder.join("keys")).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Until the fake managers that killed processes left behind are done.
fn settled(folder: &Path) -> Vec<String> {
    let mut before = written(folder);
    loop {
        thread::sleep(Duration::from_millis(40));
        let now = written(folder);
        if now == before {
            return now;
        }
        before = now;
    }
}

#[derive(Debug, Default)]
struct Seen {
    folders: usize,
    kills: u64,
    confirmed: usize,
    unasked: usize,
    unknown: usize,
    unknown_that_ran: usize,
}

/// What must be true of a folder, however often its processes were killed.
fn judge(folder: &Path, seen: &mut Seen) {
    let keys = settled(folder);
    let journal = Journal::open(folder, Timestamp::now()).expect("a journal");
    let rows = journal.rows(10_000).expect("rows");
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for key in &keys {
        *times.entry(key).or_default() += 1;
    }
    assert_eq!(rows.len(), COMMANDS, "one attempt each: nobody consented to another");
    for (key, times) in &times {
        assert_eq!(*times, 1, "{key} was issued twice");
        let row = rows.iter().find(|row| row.key == *key);
        let row = row.unwrap_or_else(|| panic!("{key} was issued without an approval on disk"));
        let is_named = matches!(row.state, State::Confirmed | State::Unknown | State::Issued);
        assert!(is_named, "{} was issued and is {}", row.id, row.state.word());
    }
    for row in &rows {
        match row.state {
            State::Confirmed => {
                seen.confirmed += 1;
                assert!(times.contains_key(row.key.as_str()), "{} is confirmed and never ran", row.id);
            }
            // It ended with several recipients, and was killed before the log was asked about each.
            State::Issued => {
                seen.unasked += 1;
                assert!(times.contains_key(row.key.as_str()), "{} was issued and never ran", row.id);
            }
            State::Unknown => {
                seen.unknown += 1;
                seen.unknown_that_ran += usize::from(times.contains_key(row.key.as_str()));
            }
            other => panic!("{} ended as {}", row.id, other.word()),
        }
    }
    assert!(matches!(journal.verify().expect("read"), Chain::Whole { .. }), "the record does not hold");
    let pending = journal.pending_confirmations(10_000).expect("rows").len();
    let confirmed = rows.iter().filter(|row| row.state == State::Confirmed).count();
    assert_eq!(pending, 2 * confirmed, "each confirmed recipient is told to the service center");
    seen.folders += 1;
}

#[test]
fn kill_at_any_instant_issues_nothing_twice_and_nothing_without_approval() {
    if std::env::var_os(FOLDER).is_some() {
        return;
    }
    let kills = number("AUTOTICKET_KILLS", 100);
    let seed = number("AUTOTICKET_SEED", 1);
    let mut dice = Dice(seed);
    let mut seen = Seen::default();
    // How long a whole run takes here, for the instants.
    let trial = tempfile::tempdir().expect("a temporary folder");
    let child = issuer(trial.path());
    let begun = Instant::now();
    see_off(child);
    let whole = begun.elapsed();
    judge(trial.path(), &mut seen);
    while seen.kills < kills {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // Some folders see two operators at once.
        let operators = 1 + dice.below(2);
        let rounds = 1 + dice.below(6);
        for _ in 0..rounds {
            let children: Vec<Child> = (0..operators).map(|_| issuer(folder.path())).collect();
            for mut child in children {
                let micros = u64::try_from(whole.as_micros()).unwrap_or(u64::MAX) / operators;
                // Often early: there a run begins its journal and takes its first commands.
                let most = if dice.below(3) == 0 { micros / 8 } else { micros };
                thread::sleep(Duration::from_micros(dice.below(most)));
                child.kill().expect("it may have ended, but is not reaped");
                child.wait().expect("it was killed");
                seen.kills += 1;
            }
        }
        // Then one is left alone, and another finds nothing more to do.
        see_off(issuer(folder.path()));
        let before = settled(folder.path());
        see_off(issuer(folder.path()));
        assert_eq!(settled(folder.path()), before, "a second run issued something");
        judge(folder.path(), &mut seen);
    }
    println!("seed {seed}, a whole run {whole:?}: {seen:?}");
}

#[test]
fn operators_at_once_issue_each_command_once() {
    if std::env::var_os(FOLDER).is_some() {
        return;
    }
    for _ in 0..number("AUTOTICKET_CROWDS", 5) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let children: Vec<Child> = (0..6).map(|_| issuer(folder.path())).collect();
        children.into_iter().for_each(see_off);
        let mut seen = Seen::default();
        judge(folder.path(), &mut seen);
        assert_eq!((seen.confirmed, seen.unknown), (COMMANDS, 0));
    }
}

/// Arguments as an attacker would write them: any text without NUL, what shells, YAML and terminals make much of.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        "[^\\x00]{0,24}",
        "[ -~]{0,24}",
        "[\\n\\r\\t'\"\\\\$`;|&<>*?\\[\\]{}()!#~= -]{0,16}",
        Just("--limit=all".to_owned()),
        Just("$(touch /tmp/owned)\n`id`".to_owned()),
        Just("\u{202e}\u{200b}\u{1b}]52;c;eA==\u{7}".to_owned()),
        Just("{list}".to_owned()),
        Just(String::new()),
    ]
}

/// Commands issued at once: a case is so many vectors.
const AT_ONCE: usize = 16;

fn cases() -> ProptestConfig {
    let vectors = usize::try_from(number("AUTOTICKET_CASES", 100)).unwrap_or(usize::MAX);
    let cases = u32::try_from(vectors.div_ceil(AT_ONCE)).unwrap_or(u32::MAX);
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

/// What the kernel says that a program got which was issued with these arguments: sixteen of them at once, as
/// commands of one plan run.
fn got(folder: &Path, arguments: &[Vec<String>]) -> Vec<(Vec<u8>, Vec<u8>)> {
    thread::scope(|scope| {
        let see = |(at, rest): (usize, &Vec<String>)| {
            let script = ["dm", "-c", "cat /proc/$$/cmdline"];
            let argv: Vec<String> =
                script.iter().map(|text| (*text).to_owned()).chain(rest.iter().cloned()).collect();
            let expected = argv.iter().flat_map(|text| text.bytes().chain([0])).collect();
            let start =
                Start { program: "/bin/sh".into(), argv, directory: "/".into(), user: None, list: None };
            let order = Order {
                start,
                key: format!("k{at}"),
                environment: Vec::new(),
                limit: Duration::from_secs(60),
                grace: GRACE,
                folder: folder.to_path_buf(),
            };
            scope.spawn(move || {
                let ended = run(&order, &Stop::default(), |_| ());
                assert_eq!(&ended.end, &End::Exit(0));
                (fs::read(ended.log.expect("a log")).expect("readable"), expected)
            })
        };
        let running: Vec<_> = arguments.iter().enumerate().map(see).collect();
        running.into_iter().map(|one| one.join().expect("it ends")).collect()
    })
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn hostile_arguments_reach_the_manager_unchanged(
        plan in prop::collection::vec(prop::collection::vec(hostile(), 0..12), AT_ONCE..=AT_ONCE),
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (said, expected) in got(folder.path(), &plan) {
            prop_assert_eq!(said, expected);
        }
    }
}
