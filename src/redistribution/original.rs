//! Rebuilt commands beside the originals: for every shipped format, logs as its tool writes them.
//!
//! In: seeds. Out: nothing. Each case draws a vector, recipients and outcomes, writes the log with a writer that knows
//! the tool and not our reader, and compares what is rebuilt with the vector itself: equal but for the narrowing, whose
//! form is checked by its own rules. `AUTOTICKET_CASES` says how many cases, `AUTOTICKET_SEED` which.

use super::elsewhere::join;
use super::engine::{Keep, Runs};
use super::list::ListText;
use super::model::{Narrowing, Recipient, Run};
use super::plan::{Grade, Rebuilt};
use super::rebuild::{LIST, rebuild};
use super::runner::{self, Artifact, Hosts, Text};
use super::samples::{read, reader};
use std::fmt::Write as _;
use std::sync::Arc;

/// splitmix64: a seed means the same for ever.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % most.max(1) as u64).expect("small")
    }

    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    fn text(&mut self, alphabet: &str, most: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..self.below(most + 1)).map(|_| letters[self.below(letters.len())]).collect()
    }
}

/// What an argument may be made of, where the log keeps its quoting.
const ODD: &str = "XYZ019 '\"\\$`;|&<>*?[]{}()!#~=%^,:@/+._-äß日\u{202e}";
/// The same, where a log is JSON.
const ANY: &str = "XYZ019 '\"\\$`;|&<>*?[]{}()!#~=%^,:@/+._-äß日\u{202e}\n\t\r\u{1b}\u{7f}\u{1}\u{200b}";
/// Where it has lost it: no blanks, and nothing by which a shell's hand shows.
const PLAIN: &str = "XYZ019=,:@/+._%^äß日";

/// One case: what was given, to whom, and who lacks it.
struct Case {
    dice: Dice,
    /// `node3`, `db-1.example.com`: each with whether it failed.
    recipients: Vec<(String, bool)>,
    words: Vec<String>,
}

impl Case {
    fn new(seed: u64, alphabet: &str) -> Self {
        let mut dice = Dice(seed);
        let mut recipients: Vec<(String, bool)> = Vec::new();
        for number in 0..=dice.below(6) {
            let name = format!(
                "{}{number}{}",
                dice.one(&["node", "db-", "web"]),
                dice.one(&["", "", ".example.com"])
            );
            recipients.push((name, dice.below(2) == 0));
        }
        let one = dice.below(recipients.len());
        recipients[one].1 = true;
        let words = (0..dice.below(7)).map(|_| Self::word(&mut dice, alphabet)).collect();
        Self { dice, recipients, words }
    }

    /// An option with a value, or something that is none.
    fn word(dice: &mut Dice, alphabet: &str) -> String {
        let value = dice.text(alphabet, 12);
        match dice.below(3) {
            0 => format!("--set-{}={value}", dice.below(9)),
            1 => format!("-v{}", "v".repeat(dice.below(3))),
            _ => format!("X{value}"),
        }
    }

    fn failed(&self) -> Vec<&str> {
        self.recipients.iter().filter(|(_, failed)| *failed).map(|(name, _)| name.as_str()).collect()
    }

    fn all(&self) -> String {
        self.recipients.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(",")
    }

    /// The words with something of the tool's own before and behind some of them.
    fn vector(&mut self, begin: &[&str], end: &[&str]) -> Vec<String> {
        let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        [own(begin), self.words.clone(), own(end)].concat()
    }

    /// A vector of a tool with a limiting option, which sometimes stands there already.
    fn limited(&mut self, begin: &[&str], end: &[&str], spellings: &[&str]) -> Vec<String> {
        let mut argv = self.vector(begin, end);
        if self.dice.below(3) == 0 {
            let option = self.dice.one(spellings);
            let value = self.all();
            let joined = option.starts_with("--") && self.dice.below(2) == 0;
            let at = begin.len();
            if joined {
                argv.insert(at, format!("{option}={value}"));
            } else {
                argv.splice(at..at, [option.to_owned(), value]);
            }
        }
        argv
    }
}

/// A word as some shell user writes it, so that a shell gives it back.
fn quoted(dice: &mut Dice, word: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || "_-./,:=@+%".contains(c);
    match dice.below(3) {
        // Behind a backslash a line end is none.
        0 if !word.is_empty() && !word.contains('\n') => word.chars().fold(String::new(), |mut text, c| {
            if c.is_ascii() && !bare(c) {
                text.push('\\');
            }
            text.push(c);
            text
        }),
        1 if !word.contains('!') => {
            let escape = |text: String, c: char| if "\"\\$`".contains(c) { text + "\\" } else { text };
            let inside = word.chars().fold(String::new(), |text, c| {
                let mut text = escape(text, c);
                text.push(c);
                text
            });
            format!("\"{inside}\"")
        }
        _ => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

fn line_of(dice: &mut Dice, argv: &[String]) -> String {
    // A program that is quoted is no program that anybody writes.
    let rest = argv[1..].iter().map(|word| quoted(dice, word));
    std::iter::once(argv[0].clone()).chain(rest).collect::<Vec<_>>().join(" ")
}

fn only(runs: &Runs, what: &str) -> Run {
    let found: Vec<Run> = runs.iter().collect();
    assert_eq!(found.len(), 1, "{what}: {found:#?}");
    found.into_iter().next().expect("one")
}

fn narrowing(rule: &str) -> Narrowing {
    reader(rule).rule().narrowing.clone().expect("it narrows")
}

/// The one command that is rebuilt from a run.
fn rebuilt(run: &Run, rule: &str, list: Option<&ListText>, log: &str) -> Rebuilt {
    let failed: Vec<&Recipient> = run.recipients.iter().filter(|r| r.outcome.is_undelivered()).collect();
    let mut commands = rebuild(run, Some(&narrowing(rule)), &failed, list)
        .unwrap_or_else(|why| panic!("{rule}: {why}\n{log}\n{run:#?}"));
    assert_eq!(commands.len(), 1, "{rule}\n{log}");
    commands.remove(0)
}

fn texts(built: &Rebuilt) -> Vec<&str> {
    built.argv.iter().map(|token| token.text.as_str()).collect()
}

/// A vector without an option in any of its spellings, and the values that it had.
fn without<'a>(argv: &[&'a str], spellings: &[&str]) -> (Vec<&'a str>, Vec<&'a str>) {
    let (mut rest, mut values, mut words) = (Vec::new(), Vec::new(), argv.iter().copied());
    while let Some(word) = words.next() {
        let joined = word.split_once('=').filter(|(name, _)| spellings.contains(name));
        match joined {
            Some((_, value)) => values.push(value),
            None if spellings.contains(&word) => values.extend(words.next()),
            None => rest.push(word),
        }
    }
    (rest, values)
}

/// Equal but for the inserted option, which names those that failed and nobody else.
fn inserted(case: &Case, argv: &[String], built: &Rebuilt, spellings: &[&str], log: &str) {
    let original: Vec<&str> = argv.iter().map(String::as_str).collect();
    let (before, _) = without(&original, spellings);
    let (after, values) = without(&texts(built), spellings);
    assert_eq!(after, before, "{log}");
    assert_eq!(values.len(), 1, "{values:?}\n{log}");
    let mut names: Vec<&str> = values[0].split(',').collect();
    names.sort_unstable();
    let mut failed = case.failed();
    failed.sort_unstable();
    assert_eq!(names, failed, "{log}");
}

/// Nothing speaks against it.
fn exact(built: &Rebuilt, log: &str) {
    assert_eq!((built.grade, built.doubts.as_slice()), (Grade::Exact, &[][..]), "{log}");
}

/// The log lost the quoting: never exact, and doubted where that shows.
fn lossy(built: &Rebuilt, log: &str) {
    let grade = if built.doubts.is_empty() { Grade::Retokenised } else { Grade::Ambiguous };
    assert_eq!(built.grade, grade, "{:?}\n{log}", built.doubts);
}

/// The native log: its vector as JSON, or as a quoted line inside a JSON text.
fn native(seed: u64) {
    let mut case = Case::new(seed, ANY);
    let joined = case.dice.below(2) == 0;
    let option: &[&str] = if joined { &["--list=/var/lists/X 1"] } else { &["-l", "/var/lists/X 1"] };
    let argv = case.vector(&["swdist", "-p", "pkg 1.0"], option);
    let written = if case.dice.below(2) == 0 {
        let line = line_of(&mut case.dice, &argv);
        format!("cmd={}", serde_json::to_string(&line).expect("text"))
    } else {
        format!("argv={}", serde_json::to_string(&argv).expect("text"))
    };
    let mut log = format!("2026-03-01T00:00:01Z is1 dm[7]: START job=J1 {written} dir=/opt/sw\n");
    let (mut list, mut expected) = (String::from("# all of them\n"), String::new());
    for (at, (name, failed)) in case.recipients.iter().enumerate() {
        let state = if *failed { "FAILED type=disk no space" } else { "OK" };
        let _ = writeln!(log, "2026-03-01T00:00:0{}Z is1 dm[8]: job=J1 target={name} state={state}", 2 + at);
        let own = format!("{name} prio={at} -o 'a b'\n");
        list += &own;
        expected += if *failed { &own } else { "" };
    }
    log += "2026-03-01T00:00:09Z is1 dm[7]: END job=J1 rc=1\n";
    let run = only(&read(&reader("native"), log.as_bytes(), Keep::All, false), &log);
    let text = ListText::of(list);
    let built = rebuilt(&run, "native", Some(&text), &log);
    let end = argv.len() - 1;
    assert_eq!(texts(&built)[..end], argv[..end], "{log}");
    let new = if joined { format!("--list={LIST}") } else { LIST.to_owned() };
    assert_eq!(texts(&built)[end], new, "{log}");
    let list = built.list_file.as_ref().expect("a list");
    assert_eq!(
        (list.content.as_str(), list.original.as_str()),
        (expected.as_str(), "/var/lists/X 1"),
        "{log}"
    );
    exact(&built, &log);
}

fn capistrano(seed: u64) {
    let mut case = Case::new(seed, PLAIN);
    let argv = case.limited(&["cap", "production", "deploy"], &[], &["--hosts", "-z"]);
    let mut log = format!("  INFO START 2026-03-01 10:00:00 +0200 {}\n", argv.join(" "));
    for (at, (name, failed)) in case.recipients.iter().enumerate() {
        let end = if *failed { "1 (failed)" } else { "0 (successful)" };
        let _ = writeln!(log, "  INFO [0000000{at}] Running composer install as web@{name}");
        let _ = writeln!(log, " DEBUG [0000000{at}] Command: composer install");
        let _ = writeln!(log, "  INFO [0000000{at}] Finished in 3.398 seconds with exit status {end}.");
    }
    let run = only(&read(&reader("capistrano"), log.as_bytes(), Keep::All, true), &log);
    let built = rebuilt(&run, "capistrano", None, &log);
    inserted(&case, &argv, &built, &["--hosts", "-z"], &log);
    lossy(&built, &log);
}

/// The lines that Ansible writes under PLAY RECAP.
fn recap(case: &Case, log: &mut String, begin: &str) {
    for (name, failed) in &case.recipients {
        let (unreachable, bad) =
            if name.starts_with("db") { (u8::from(*failed), 0) } else { (0, u8::from(*failed)) };
        let _ = writeln!(
            log,
            "{begin}{name:<10} : ok=3    changed=1    unreachable={unreachable}    failed={bad}"
        );
    }
}

fn ansible1(seed: u64) {
    let mut case = Case::new(seed, PLAIN);
    let argv =
        case.limited(&["/usr/local/bin/ansible-playbook", "site.yml"], &["-i", "hosts"], &["--limit", "-l"]);
    let begin = "2015-04-21 14:43:11,495 p=30141 u=jo |  ";
    let mut log = format!("{begin}{}\n{begin}PLAY [all] ****\n{begin}PLAY RECAP ****\n", argv.join(" "));
    recap(&case, &mut log, begin);
    let run = only(&read(&reader("ansible1"), log.as_bytes(), Keep::All, true), &log);
    let built = rebuilt(&run, "ansible1", None, &log);
    inserted(&case, &argv, &built, &["--limit", "-l"], &log);
    lossy(&built, &log);
}

/// Where the command of a result log was written down.
fn given_by(case: &mut Case, argv: &[String], source: &str) -> (Vec<Run>, String) {
    let text = match source {
        "sudo" => format!(
            "Mar  1 10:00:00 is1 sudo:       jo : TTY=pts/2 ; PWD=/srv/play books ; USER=root ; COMMAND={}\n",
            argv.join(" ")
        ),
        "cron" => format!("Mar  1 10:00:00 is1 CRON[31]: (root) CMD ({})\n", line_of(&mut case.dice, argv)),
        "zsh-history" => format!(": 1772359200:4;{}\n", line_of(&mut case.dice, argv)),
        _ => format!("#1772359200\n{}\n", line_of(&mut case.dice, argv)),
    };
    (read(&reader(source), text.as_bytes(), Keep::All, true).iter().collect(), text)
}

const SOURCES: [&str; 4] = ["sudo", "cron", "zsh-history", "bash-history"];

fn ansible(seed: u64) {
    let mut draw = Dice(!seed);
    let source = draw.one(&SOURCES);
    let mut case = Case::new(seed, if source == "sudo" { PLAIN } else { ODD });
    let argv = case.limited(&["ansible-playbook", "site.yml"], &["-i", "hosts"], &["--limit", "-l"]);
    let begin = "2026-03-01 10:00:01,100 p=88728 u=root n=ansible | ";
    let mut log = format!("{begin}PLAY [all] *****\n{begin}PLAY RECAP *****\n");
    recap(&case, &mut log, begin);
    let (given, text) = given_by(&mut case, &argv, source);
    let log = text + &log;
    let results = &log[log.find("2026-03-01 10:00:01").expect("results")..];
    let mut run = only(&read(&reader("ansible"), results.as_bytes(), Keep::All, true), &log);
    assert!(join(&mut run, Some("root"), reader("ansible").rule(), &given), "{log}\n{given:#?}\n{run:#?}");
    let built = rebuilt(&run, "ansible", None, &log);
    inserted(&case, &argv, &built, &["--limit", "-l"], &log);
    if source == "sudo" { lossy(&built, &log) } else { exact(&built, &log) }
}

fn ansible_runner(seed: u64) {
    let mut case = Case::new(seed, ANY);
    let argv =
        case.limited(&["ansible-playbook"], &["-i", "/srv/inventory", "site one.yml"], &["--limit", "-l"]);
    let command = serde_json::json!({"command": argv, "cwd": "/srv", "env": {"TOKEN": "x"}}).to_string();
    let count = |wanted: &dyn Fn(&(String, bool)) -> bool| -> serde_json::Map<String, serde_json::Value> {
        case.recipients.iter().filter(|one| wanted(one)).map(|(name, _)| (name.clone(), 1.into())).collect()
    };
    let stats = serde_json::json!({"event": "playbook_on_stats", "created": "2026-03-01T10:00:00.5", "event_data": {
        "ok": count(&|(_, failed)| !failed), "dark": count(&|(name, failed)| *failed && name.starts_with("db")),
        "failures": count(&|(name, failed)| *failed && !name.starts_with("db")), "processed": count(&|_| true)}});
    let stats = stats.to_string();
    let text = |file: &str, text| Text { file: Arc::from(file), text };
    let mut hosts = Hosts::default();
    hosts.event(&text("job_events/9-x.json", &stats)).expect("an event");
    let command = text("command", &command);
    let (rc, status) = (Some("4"), Some("failed"));
    let artifact =
        Artifact { id: "7", command: command.clone(), rc, status, first: None, written: None, hosts };
    let run = runner::run(&artifact, reader("ansible").rule()).expect("right");
    let built = rebuilt(&run, "ansible", None, command.text);
    inserted(&case, &argv, &built, &["--limit", "-l"], command.text);
    exact(&built, command.text);
}

fn joblog(seed: u64) {
    let mut case = Case::new(seed, ODD);
    let argv = case.vector(&["/opt/get"], &["z"]);
    let line = line_of(&mut case.dice, &argv);
    let (status, signal) = [(1, 0), (255, 0), (0, 9), (-1, 15)][case.dice.below(4)];
    let head = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";
    let log = format!("{head}1\t:\t1772359200.267\t    12.449\t0\t1193\t{status}\t{signal}\t{line}\n");
    let run = only(&read(&reader("joblog"), log.as_bytes(), Keep::All, true), &log);
    let built = rebuilt(&run, "joblog", None, &log);
    assert_eq!(texts(&built), argv, "{log}");
    assert_eq!(built.recipients, [":"], "{log}");
    exact(&built, &log);
}

fn ftpsync(seed: u64) {
    let mut case = Case::new(seed, PLAIN);
    let argv =
        case.vector(&["rsync", "--filter=exclude_/x"], &["archive.example.org::debian/", "/srv/debian/"]);
    let code = [5, 10, 12, 23, 30][case.dice.below(5)];
    let log = format!(
        "Mar  1 10:00:00 mirror ftpsync[12253]: Mirrorsync start\n\
         Mar  1 10:00:01 mirror ftpsync[12253]: Running stage1: {}\n\
         Mar  1 10:00:09 mirror ftpsync[12253]: Back from rsync with returncode {code}\n",
        argv.join(" ")
    );
    let run = only(&read(&reader("ftpsync"), log.as_bytes(), Keep::All, true), &log);
    let built = rebuilt(&run, "ftpsync", None, &log);
    assert_eq!(texts(&built), argv, "{log}");
    assert_eq!(built.recipients, ["localhost"], "{log}");
    lossy(&built, &log);
}

fn apt(seed: u64) {
    let mut case = Case::new(seed, PLAIN);
    let argv = case.vector(&["apt-get", "install", "-y"], &["curl"]);
    let log = format!(
        "\nStart-Date: 2026-03-01  10:00:00\nCommandline: {}\nRequested-By: jo (1005)\n\
         Install: curl:amd64 (7.88.1-10)\nError: Sub-process /usr/bin/dpkg returned an error code (1)\n\
         End-Date: 2026-03-01  10:00:09\n",
        argv.join(" ")
    );
    let run = only(&read(&reader("apt"), log.as_bytes(), Keep::All, true), &log);
    let built = rebuilt(&run, "apt", None, &log);
    assert_eq!(texts(&built), argv, "{log}");
    lossy(&built, &log);
}

/// clush and pdsh: what they say on their standard error, their command elsewhere.
fn clush(seed: u64) {
    let mut draw = Dice(!seed);
    let source = draw.one(&SOURCES[1..]);
    let mut case = Case::new(seed, ODD);
    let all = case.all();
    let argv = case.vector(&["clush", "-b", "-w", &all, "--"], &["Xend"]);
    let mut log = String::new();
    for (name, _) in case.recipients.iter().filter(|(_, failed)| *failed) {
        let said = [
            format!("clush: {name}: exited with exit code 1\n"),
            format!("clush: {name}: exited with exit code 255\n"),
            format!("clush: {name}: command timeout\n"),
        ];
        log += &said[draw.below(3)];
    }
    let (given, text) = given_by(&mut case, &argv, source);
    let mut run = only(&read(&reader("clush"), log.as_bytes(), Keep::All, true), &log);
    let log = text + &log;
    assert!(join(&mut run, None, reader("clush").rule(), &given), "{log}");
    let built = rebuilt(&run, "clush", None, &log);
    let expected: Vec<String> = argv
        .iter()
        .enumerate()
        .map(|(at, word)| if at == 3 { case.failed().join(",") } else { word.clone() })
        .collect();
    assert_eq!(texts(&built), expected, "{log}");
    exact(&built, &log);
}

const FORMATS: [fn(u64); 9] =
    [native, capistrano, ansible1, ansible, ansible_runner, joblog, ftpsync, apt, clush];

#[test]
fn what_is_rebuilt_is_the_original_but_for_its_narrowing_in_every_shipped_format() {
    let (cases, seed) = (super::cases().cases, super::seed());
    for case in 0..u64::from(cases) {
        for (at, format) in FORMATS.iter().enumerate() {
            // Cases are shared out among the formats.
            if case as usize % FORMATS.len() == at {
                format(seed.wrapping_mul(0x0100_0000_01b3).wrapping_add(case));
            }
        }
    }
}

#[test]
fn the_comparison_sees_another_word_another_recipient_and_a_superset() {
    let spellings = ["--limit", "-l"];
    let (rest, values) = without(&["a", "-l", "x,y", "--limit=z", "b"], &spellings);
    assert_eq!((rest, values), (vec!["a", "b"], vec!["x,y", "z"]));
    let (rest, values) = without(&["a", "--limits=z", "-lx"], &spellings);
    assert_eq!((rest, values.len()), (vec!["a", "--limits=z", "-lx"], 0));
}
