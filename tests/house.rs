//! The rules of the house, kept by looking at it: which room may name which, who speaks SQL and SMTP, what
//! pure rooms must not know, and that nothing is forgotten on the way.
//!
//! Each rule is a function from sources to what breaks it, and `a_broken_rule_is_seen` gives each one something
//! broken. `ARCHITECTURE.md` draws the arrows; the drawing is compared with the table below.

#[path = "support/source.rs"]
mod source;
#[path = "support/tree.rs"]
mod tree;

use source::{Lines, Source, closing, workshop};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use tree::files;

/// Which rooms a room may name: the whole traffic of the house. `cli` may name all of them.
const ARROWS: [(&str, &[&str]); 16] = [
    ("shown", &[]),
    ("remote", &["shown"]),
    ("rules", &["shown"]),
    ("mail", &[]),
    ("alert", &["mail", "rules", "shown"]),
    ("tracking", &["rules"]),
    ("outage", &["alert", "rules", "shown"]),
    ("diagnosis", &["rules"]),
    ("location", &["alert", "rules"]),
    ("ticket", &["alert", "diagnosis", "location", "outage", "rules", "shown", "tracking"]),
    ("delivery", &["rules", "shown"]),
    ("redistribution", &["alert", "rules", "shown"]),
    (
        "store",
        &[
            "alert",
            "diagnosis",
            "location",
            "mail",
            "outage",
            "redistribution",
            "rules",
            "ticket",
            "tracking",
        ],
    ),
    ("tui", &["redistribution", "shown"]),
    ("intake", &["alert", "mail", "rules", "shown", "store", "ticket", "tracking"]),
    (
        "service",
        &[
            "alert",
            "delivery",
            "diagnosis",
            "location",
            "outage",
            "redistribution",
            "rules",
            "shown",
            "store",
            "ticket",
            "tracking",
        ],
    ),
];

/// Rooms without file, clock, network, environment, database, program or thread.
const PURE: [&str; 11] = [
    "rules",
    "mail",
    "alert",
    "tracking",
    "outage",
    "diagnosis",
    "location",
    "remote",
    "ticket",
    "tui",
    "shown",
];

/// The files of pure rooms that touch the world, and why.
const EDGES: [(&str, &str); 15] = [
    ("src/diagnosis/mod.rs", "asks what this process may do"),
    ("src/diagnosis/pass.rs", "runs a pass: threads, its time limit, the kernel's routing table"),
    ("src/diagnosis/ping.rs", "the ICMP socket of echo requests, and its runtime"),
    ("src/diagnosis/port.rs", "connections to one port, in threads that can be left behind"),
    ("src/diagnosis/programs.rs", "starts the system's ping and traceroute"),
    ("src/diagnosis/resolve.rs", "getaddrinfo, in threads that can be left behind"),
    ("src/diagnosis/route.rs", "the ICMP sockets of traces"),
    ("src/mail/mailbox.rs", "walks files, folders and Maildirs"),
    ("src/mail/mbox.rs", "reads an mbox while it grows no memory"),
    ("src/mail/model.rs", "a raw mail over the memory bound is an open file"),
    ("src/mail/read.rs", "reads a stream, and spills what is long"),
    ("src/remote/dial.rs", "opens ssh's files and sockets, and waits for names"),
    ("src/remote/jump.rs", "starts the system's ssh for ProxyJump"),
    ("src/remote/link.rs", "waits on a socket, and measures silence"),
    ("src/tui/terminal.rs", "the controlling terminal and signals"),
];

/// Files longer than 600 lines: how long they may be, and why they are.
const LONG: [(&str, usize, &str); 0] = [];

const PRINTS: [&str; 5] = ["print!", "println!", "eprint!", "eprintln!", "dbg!"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The library's code, without what is compiled for tests only.
static HOUSE: LazyLock<Vec<Source>> =
    LazyLock::new(|| Source::all(root(), "src").into_iter().filter(|source| !source.test_only).collect());

/// All Rust code, that of tests and fuzz targets included.
static ALL: LazyLock<Vec<Source>> = LazyLock::new(|| {
    ["src", "tests", "fuzz/fuzz_targets"].iter().flat_map(|folder| Source::all(root(), folder)).collect()
});

fn holds(broken: Vec<String>) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

/// Whether `path` is `wanted` or lies below it.
fn below(path: &str, wanted: &str) -> bool {
    path.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// One line for each path of these sources that `judge` has something against.
fn paths_against(sources: &[Source], judge: impl Fn(&Source, &str) -> Option<String>) -> Vec<String> {
    let against = |source: &Source| {
        let found = source.paths().into_iter();
        found
            .filter_map(|(line, path)| Some(format!("{}: {}", source.at(line), judge(source, &path)?)))
            .collect::<Vec<_>>()
    };
    sources.iter().flat_map(against).collect()
}

/// The room that a path names, as its file would see it.
fn named(path: &str) -> Option<&str> {
    path.strip_prefix("crate::")?.split("::").next()
}

fn forbidden_arrows(sources: &[Source]) -> Vec<String> {
    let arrows = BTreeMap::from(ARROWS);
    let rooms: BTreeSet<&str> = arrows.keys().copied().chain(["cli"]).collect();
    paths_against(sources, |source, path| {
        let from = source.room();
        let ups = path.split("::").take_while(|word| *word == "super").count();
        if ups >= source.depth() && ups > 0 {
            return Some(format!("`{path}` leaves the room without naming another: write crate::…"));
        }
        let to = named(path).filter(|to| rooms.contains(to) && *to != from)?;
        let allowed = match from {
            "" | "cli" => true,
            from => arrows.get(from).is_some_and(|to_these| to_these.contains(&to)),
        };
        (!allowed).then(|| format!("`{from}` names `{to}`"))
    })
}

fn unused_arrows(sources: &[Source]) -> Vec<String> {
    let used: BTreeSet<(String, String)> = sources
        .iter()
        .flat_map(|s| s.paths().into_iter().map(|(_, p)| (s.room().to_owned(), p)).collect::<Vec<_>>())
        .filter_map(|(from, path)| Some((from, named(&path)?.to_owned())))
        .collect();
    let arrows = ARROWS.iter().flat_map(|(from, to)| to.iter().map(move |to| (*from, *to)));
    arrows
        .filter(|(from, to)| !used.contains(&((*from).to_owned(), (*to).to_owned())))
        .map(|(from, to)| format!("nothing in `{from}` names `{to}`: take the arrow away"))
        .collect()
}

fn sql_elsewhere(sources: &[Source]) -> Vec<String> {
    const VERBS: [&str; 9] = [
        "SELECT ",
        "INSERT ",
        "UPDATE ",
        "DELETE FROM ",
        "CREATE TABLE",
        "ALTER TABLE",
        "DROP TABLE",
        "PRAGMA ",
        "BEGIN IMMEDIATE",
    ];
    let outside = |source: &&Source| source.room() != "store";
    let mut broken = paths_against(sources, |source, path| {
        (below(path, "rusqlite") && outside(&source)).then(|| "only `store` speaks SQL".to_owned())
    });
    for source in sources.iter().filter(outside) {
        let speaks = |text: &str| {
            let words = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\\');
            VERBS.iter().any(|verb| words.starts_with(verb))
        };
        let lines = source.strings.iter().filter(|(_, text)| speaks(text));
        broken.extend(lines.map(|(line, text)| format!("{}: SQL outside `store`: {text}", source.at(*line))));
    }
    broken
}

fn network_elsewhere(sources: &[Source]) -> Vec<String> {
    paths_against(sources, |source, path| {
        let socket = ["TcpStream", "TcpListener", "UdpSocket", "UnixStream", "ToSocketAddrs"];
        let speaks = below(path, "lettre::transport")
            || ["rustls", "rustls_native_certs"].iter().any(|c| below(path, c))
            || path.split("::").any(|word| socket.contains(&word));
        let resolves = source.path == "src/diagnosis/resolve.rs" && path.ends_with("ToSocketAddrs");
        // Whether a port is open: nothing is said there.
        let knocks = source.path == "src/diagnosis/port.rs" && path.contains("TcpStream");
        let icmp = ["surge_ping", "trippy_core", "socket2", "tokio"].iter().any(|c| below(path, c));
        let far = ["dial", "jump", "link"].iter().any(|file| source.path == format!("src/remote/{file}.rs"));
        let carries = far && path.split("::").any(|word| socket.contains(&word));
        let ssh = ["ssh2", "libssh2_sys"].iter().any(|c| below(path, c)) && source.room() != "remote";
        let wrong = speaks && !resolves && !carries && !knocks && source.room() != "delivery";
        wrong
            .then(|| format!("`{path}`: only `delivery` speaks SMTP"))
            .or_else(|| ssh.then(|| format!("`{path}`: only `remote` speaks SSH")))
            .or_else(|| {
                (icmp && source.room() != "diagnosis")
                    .then(|| format!("`{path}`: only `diagnosis` speaks ICMP"))
            })
    })
}

fn printing_elsewhere(sources: &[Source]) -> Vec<String> {
    paths_against(sources, |source, path| {
        let stream =
            path.rsplit_once("::").is_some_and(|(_, last)| matches!(last, "stdout" | "stderr" | "stdin"));
        ((stream || PRINTS.contains(&path)) && source.room() != "cli")
            .then(|| format!("`{path}`: only `cli` prints"))
    })
}

fn environment_elsewhere(sources: &[Source]) -> Vec<String> {
    paths_against(sources, |source, path| {
        (below(path, "std::env") && source.room() != "cli")
            .then(|| format!("`{path}`: only `cli` reads the environment"))
    })
}

fn impurities(sources: &[Source]) -> Vec<String> {
    const WORLD: [&str; 9] = [
        "std::env",
        "std::fs",
        "std::os",
        "std::process",
        "std::thread",
        "rusqlite",
        "rustix",
        "signal_hook",
        "tempfile",
    ];
    let pure = |source: &Source| {
        PURE.contains(&source.room()) && !EDGES.iter().any(|(file, _)| *file == source.path)
    };
    paths_against(sources, |source, path| {
        let clock =
            path.ends_with("::now") || path.ends_with("TimeZone::system") || path.ends_with("::elapsed");
        let world = WORLD.iter().any(|w| below(path, w));
        (pure(source) && (clock || world)).then(|| format!("`{path}` in a pure room"))
    })
}

fn programs_elsewhere(sources: &[Source]) -> Vec<String> {
    const STARTERS: [(&str, &str); 5] = [
        ("src/delivery/sendmail.rs", "sendmail"),
        ("src/cli/list_file.rs", "the program that gives a list"),
        ("src/diagnosis/programs.rs", "the system's ping and traceroute"),
        ("src/redistribution/run_command.rs", "approved commands"),
        ("src/remote/jump.rs", "the system's ssh, for ProxyJump"),
    ];
    paths_against(sources, |source, path| {
        let starts = path.ends_with("Command::new") || below(path, "rustix::runtime");
        (starts && !STARTERS.iter().any(|(file, _)| *file == source.path))
            .then(|| format!("`{path}`: programs are started in one place per room"))
    })
}

fn long_files(sources: &[Source]) -> Vec<String> {
    let most = |path: &str| LONG.iter().find(|(p, ..)| *p == path).map_or(600, |(_, most, _)| *most);
    let length = |source: &Source| source.text.lines().count();
    sources
        .iter()
        .filter(|source| length(source) > most(&source.path))
        .map(|source| {
            format!("{} has {} lines, more than {}", source.path, length(source), most(&source.path))
        })
        .collect()
}

fn drawers(sources: &[Source]) -> Vec<String> {
    const NAMES: [&str; 8] = ["utils", "util", "helpers", "helper", "manager", "common", "misc", "stuff"];
    let parts = |path: &str| path.trim_end_matches(".rs").split('/').map(str::to_owned).collect::<Vec<_>>();
    sources
        .iter()
        .filter(|source| parts(&source.path).iter().any(|part| NAMES.contains(&part.as_str())))
        .map(|source| format!("{} says nothing about what it holds", source.path))
        .collect()
}

fn unreasoned(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources {
        // With tests: their exceptions need reasons as well.
        let (bare, lines) = (&source.bare, Lines::of(&source.bare));
        for (start, _) in bare.match_indices("#[").chain(bare.match_indices("#![")) {
            let open = start + bare[start..].find('[').expect("it was found by its bracket");
            let attribute = &bare[start..open + closing(&bare.as_bytes()[open..])];
            let words = attribute.trim_start_matches(['#', '!', '[']);
            let excuse = ["allow(", "expect("].iter().any(|word| {
                words.starts_with(word)
                    || (words.starts_with("cfg_attr(") && words.contains(&format!(" {word}")))
            });
            if excuse && !attribute.contains("reason = \"") {
                broken.push(format!("{}: {attribute} gives no reason", source.at(lines.at(start))));
            }
        }
    }
    broken
}

fn headless(sources: &[Source]) -> Vec<String> {
    let opens = |source: &Source| source.text.trim_start().starts_with("//!");
    sources.iter().filter(|s| !opens(s)).map(|s| format!("{} has no header", s.path)).collect()
}

/// Names of samples in a file beside a format rule, and whether each is a near miss.
fn samples(text: &str) -> Vec<(String, bool)> {
    let mut found: Vec<(String, bool)> = Vec::new();
    let is_name = |line: &&str| line.trim_start().starts_with("- name:");
    let margin = text.lines().find(is_name).map_or(0, |line| line.len() - line.trim_start().len());
    for line in text.lines() {
        let (indent, words) = (line.len() - line.trim_start().len(), line.trim());
        match words.strip_prefix("- name:") {
            Some(name) if indent == margin => found.push((name.trim().to_owned(), false)),
            _ if indent == margin + 2 && words == "near_miss: true" => {
                found.last_mut().into_iter().for_each(|sample| sample.1 = true);
            }
            _ => {}
        }
    }
    found
}

fn unsampled(rule: &str, samples_text: Option<&str>) -> Vec<String> {
    let Some(text) = samples_text else { return vec![format!("{rule} has no samples")] };
    let samples = samples(text);
    let lacks = |near: bool| !samples.iter().any(|(_, is_near)| *is_near == near);
    let mut broken = Vec::new();
    if lacks(false) {
        broken.push(format!("{rule} has no sample that matches"));
    }
    if lacks(true) {
        broken.push(format!("{rule} has no near miss"));
    }
    broken
}

/// Mails of a fixture that its expectations do not name, and names without a mail.
fn forgotten(fixture: &str, mails: &[&str], expectations: &str) -> Vec<String> {
    let names: BTreeSet<&str> = expectations
        .lines()
        .filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("file: "))
        .collect();
    let mails: BTreeSet<&str> = mails.iter().copied().collect();
    let mut broken: Vec<String> =
        mails.difference(&names).map(|mail| format!("{fixture}: nothing is expected of {mail}")).collect();
    broken.extend(names.difference(&mails).map(|name| format!("{fixture}: {name} does not exist")));
    broken
}

#[test]
fn rooms_name_only_the_rooms_their_arrows_lead_to() {
    holds(forbidden_arrows(&HOUSE));
    holds(unused_arrows(&HOUSE));
}

#[test]
fn arrows_form_no_circle_and_every_room_has_its_row() {
    let mut open: BTreeMap<&str, &[&str]> = BTreeMap::from(ARROWS);
    while let Some(room) =
        open.iter().find(|(_, to)| !to.iter().any(|t| open.contains_key(t))).map(|(r, _)| *r)
    {
        open.remove(room);
    }
    assert!(open.is_empty(), "a circle among {:?}", open.keys());
    let rooms: BTreeSet<String> = Source::all(root(), "src")
        .iter()
        .map(|s| s.room().to_owned())
        .filter(|room| !room.is_empty())
        .collect();
    let rows: BTreeSet<String> =
        ARROWS.iter().map(|(room, _)| (*room).to_owned()).chain(["cli".into()]).collect();
    assert_eq!(rooms, rows);
}

#[test]
fn the_drawing_shows_the_same_arrows() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let drawn: BTreeMap<&str, BTreeSet<&str>> = text
        .lines()
        .filter_map(|line| line.split_once("──▶"))
        .map(|(from, to)| (from.trim(), to.split_whitespace().filter(|word| *word != "(nothing)").collect()))
        .collect();
    let mut table: BTreeMap<&str, BTreeSet<&str>> =
        ARROWS.iter().map(|(from, to)| (*from, to.iter().copied().collect())).collect();
    table.insert("cli", BTreeSet::from(["(all", "of", "them)"]));
    assert_eq!(drawn, table);
}

#[test]
fn only_store_speaks_sql() {
    holds(sql_elsewhere(&HOUSE));
}

#[test]
fn only_delivery_speaks_smtp() {
    holds(network_elsewhere(&HOUSE));
}

#[test]
fn only_cli_prints_and_reads_the_environment() {
    holds(printing_elsewhere(&HOUSE));
    holds(environment_elsewhere(&HOUSE));
}

#[test]
fn pure_rooms_know_no_file_clock_network_environment_or_database() {
    holds(impurities(&HOUSE));
}

#[test]
fn programs_are_started_in_one_place_per_room() {
    holds(programs_elsewhere(&HOUSE));
}

#[test]
fn every_file_can_be_read_in_one_sitting() {
    holds(long_files(&ALL));
    for (path, _, why) in LONG {
        let length = ALL.iter().find(|s| s.path == path).map(|s| s.text.lines().count());
        assert!(length.is_some_and(|n| n > 600), "{path} ({why}) needs no exception: {length:?}");
    }
}

#[test]
fn no_room_is_a_drawer() {
    holds(drawers(&ALL));
}

#[test]
fn every_exception_from_a_lint_has_a_reason() {
    holds(unreasoned(&ALL));
}

#[test]
fn every_module_opens_with_its_header() {
    holds(headless(&ALL));
}

#[test]
fn every_excuse_still_has_its_file() {
    let excused = EDGES.iter().map(|(file, _)| *file);
    for file in excused {
        assert!(root().join(file).is_file(), "{file} is gone: take its row away");
    }
}

#[test]
fn no_file_names_the_workshop() {
    let made = ["target", ".git", "demo-out", "fuzz/target", "fuzz/corpus", "fuzz/artifacts"];
    let folders = fs::read_dir(root()).expect("the project").filter_map(Result::ok);
    let top: Vec<(String, bool)> = folders
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path().is_dir()))
        .filter(|(name, _)| !made.contains(&name.as_str()) && !name.starts_with("target"))
        .collect();
    let mut broken = Vec::new();
    for (name, is_folder) in top {
        let paths = if is_folder { files(root(), &name) } else { vec![name] };
        for path in paths.iter().filter(|path| !made.iter().any(|m| path.starts_with(&format!("{m}/")))) {
            let bytes = fs::read(root().join(path)).expect("a readable file");
            broken.extend(workshop(path, &String::from_utf8_lossy(&bytes)));
        }
    }
    holds(broken);
}

#[test]
fn every_format_rule_has_a_match_and_a_near_miss() {
    for (folder, least) in [("rules/alerts", 8), ("rules/logs", 12)] {
        let (samples, rules): (Vec<String>, Vec<String>) =
            files(root(), folder).into_iter().partition(|path| path.ends_with(".samples.yaml"));
        assert!(rules.len() >= least, "{rules:?}");
        let beside = |rule: &String| rule.replace(".yaml", ".samples.yaml");
        for rule in &rules {
            // A log that no rule recognises is the near miss of the rule it stands beside.
            let text = fs::read_to_string(root().join(beside(rule))).ok();
            let text = text.map(|text| text.replace("    rule: none\n", "    near_miss: true\n"));
            holds(unsampled(rule, text.as_deref()));
        }
        let expected: Vec<String> = rules.iter().map(beside).collect();
        assert_eq!(samples, expected, "samples without a rule");
    }
}

#[test]
fn no_fixture_is_forgotten() {
    let all = files(root(), "fixtures");
    let expectations: Vec<&String> = all.iter().filter(|path| path.ends_with("/expect.yaml")).collect();
    assert!(!expectations.is_empty(), "no fixture has expectations");
    for path in expectations {
        let folder = path.trim_end_matches("expect.yaml");
        let mails: Vec<&str> = all
            .iter()
            .filter_map(|path| path.strip_prefix(folder))
            .filter(|name| name.ends_with(".eml"))
            .collect();
        holds(forgotten(folder, &mails, &fs::read_to_string(root().join(path)).expect("just listed")));
    }
    let covered = |path: &String| {
        all.iter().any(|e| e.ends_with("/expect.yaml") && path.starts_with(e.trim_end_matches("expect.yaml")))
    };
    let lost: Vec<&String> = all.iter().filter(|path| path.ends_with(".eml") && !covered(path)).collect();
    assert!(lost.is_empty(), "mails without any expectations: {lost:?}");
}

#[test]
fn a_broken_rule_is_seen() {
    type Rule = fn(&[Source]) -> Vec<String>;
    let cases: [(Rule, &str, &str); 26] = [
        (forbidden_arrows, "src/rules/words.rs", "use crate::mail::Mail;"),
        (forbidden_arrows, "src/store/mod.rs", "fn f() { crate::intake::take_in() }"),
        (forbidden_arrows, "src/mail/date.rs", "use super::super::alert::Engine;"),
        (forbidden_arrows, "src/mail/mod.rs", "use super::alert::Engine;"),
        (forbidden_arrows, "src/cellar/mod.rs", "use crate::mail::Mail;"),
        (sql_elsewhere, "src/intake/mod.rs", "use rusqlite::Connection;"),
        (sql_elsewhere, "src/cli/mail.rs", "const Q: &str = \"\\\n SELECT 1\";"),
        (network_elsewhere, "src/ticket/letter.rs", "use lettre::transport::smtp::SmtpTransport;"),
        (network_elsewhere, "src/service/mod.rs", "use surge_ping::Client;"),
        (network_elsewhere, "src/cli/redistribute/far.rs", "use ssh2::Session;"),
        (network_elsewhere, "src/remote/config.rs", "use std::net::TcpStream;"),
        (network_elsewhere, "src/service/mod.rs", "use std::net::{IpAddr, TcpStream};"),
        (printing_elsewhere, "src/service/mod.rs", "fn f() { eprintln!(\"x\") }"),
        (printing_elsewhere, "src/store/mod.rs", "use std::io; fn f() { io::stdout() }"),
        (environment_elsewhere, "src/store/mod.rs", "use std::{env, fs};"),
        (impurities, "src/tracking/window.rs", "fn f() { Timestamp::now() }"),
        (impurities, "src/alert/engine.rs", "use std::{fs as files};"),
        (impurities, "src/mail/parts.rs", "use std::thread;"),
        (impurities, "src/rules/yaml.rs", "#[cfg(not(test))] mod a { use std::env; }"),
        (programs_elsewhere, "src/cli/run.rs", "fn f() { std::process::Command::new(\"sh\") }"),
        (drawers, "src/mail/utils.rs", ""),
        (drawers, "src/common/mod.rs", ""),
        (unreasoned, "src/mail/date.rs", "#[allow(dead_code)]"),
        (unreasoned, "src/mail/date.rs", "#![cfg_attr(test, expect(unused))]"),
        (headless, "src/mail/date.rs", "// not a header\n"),
        (long_files, "src/mail/date.rs", "\n"),
    ];
    for (rule, path, text) in cases {
        let text = if text == "\n" { text.repeat(601) } else { text.to_owned() };
        let broken = rule(&[Source::new(path, &text)]);
        assert_eq!(broken.len(), 1, "{path}: {}\n{broken:?}", text.trim_end());
    }
}

#[test]
fn what_is_allowed_is_left_alone() {
    type Rule = fn(&[Source]) -> Vec<String>;
    let cases: [(Rule, &str, &str); 7] = [
        (forbidden_arrows, "src/alert/engine.rs", "use super::{model, super_rule}; use crate::mail::Mail;"),
        (forbidden_arrows, "src/rules/mod.rs", "#[cfg(test)] mod tests { use crate::mail::Mail; }"),
        (sql_elsewhere, "src/cli/mail.rs", "// SELECT\nconst Q: &str = \"Select one\";"),
        (network_elsewhere, "src/alert/name.rs", "use std::net::{IpAddr, Ipv6Addr};"),
        (
            impurities,
            "src/ticket/letter.rs",
            "use std::time::SystemTime; const T: X = SystemTime::UNIX_EPOCH;",
        ),
        (impurities, "src/mail/read.rs", "use std::fs::File;"),
        (unreasoned, "src/mail/date.rs", "#[allow(dead_code, reason = \"[shown]\")]"),
    ];
    for (rule, path, text) in cases {
        assert_eq!(rule(&[Source::new(path, text)]), Vec::<String>::new(), "{path}: {text}");
    }
}

#[test]
fn forgotten_files_and_the_workshop_are_seen() {
    assert_eq!(workshop("a.md", &format!("fine\nsee {}docs", concat!("/wo", "rk/"))).len(), 1);
    assert_eq!(unsampled("a.yaml", None).len(), 1);
    let one = "samples:\n  - name: claim\n    mail: |\n      - name: not_a_sample\n      near_miss: true\n";
    assert_eq!(unsampled("a.yaml", Some(one)), ["a.yaml has no near miss"]);
    let two = format!("{one}  - name: other\n    near_miss: true\n");
    assert_eq!(unsampled("a.yaml", Some(&two)), Vec::<String>::new());
    assert_eq!(unsampled("a.yaml", Some("samples: []\n")).len(), 2);
    let expected = "mails:\n  - file: a.eml\n  - file: c.eml\n";
    assert_eq!(forgotten("f", &["a.eml", "b.eml"], expected).len(), 2);
    assert_eq!(forgotten("f", &["a.eml", "c.eml"], expected), Vec::<String>::new());
}
