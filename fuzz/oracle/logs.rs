//! What holds of any bytes, read as a log by each shipped rule: bounded counts, both ways of reading agree, and the
//! commands of the plan reach nobody who did not fail. The fuzz target `logs` and the replay of its seeds ask it.

use autoticket::redistribution::engine::{Engine, Keep, Wanted, is_undelivered};
use autoticket::redistribution::list::ListText;
use autoticket::redistribution::model::{Narrowing, Run};
use autoticket::redistribution::moment::Around;
use autoticket::redistribution::nodeset;
use autoticket::redistribution::plan::{Job, Plan};
use autoticket::redistribution::planning::{Selection, World, plan};
use autoticket::redistribution::reader::Reader;
use autoticket::redistribution::rebuild::LIST;
use autoticket::redistribution::recognise::recognise;
use autoticket::redistribution::runner::{self, Artifact, Hosts, Text};
use autoticket::rules::logs::{LogRules, compile, embedded};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

static RULES: LazyLock<LogRules> =
    LazyLock::new(|| compile(&embedded()).expect("the shipped rules are right"));
static READERS: LazyLock<Vec<Arc<Reader>>> = LazyLock::new(|| Reader::all(&RULES));

/// Panics where something does not hold.
pub fn holds(bytes: &[u8]) {
    let recognised = recognise(&READERS, bytes).ok().map(|found| found.reader.rule().id.clone());
    for reader in READERS.iter() {
        let runs = read(reader, bytes);
        let undelivered: Vec<Run> = runs.iter().filter(|run| is_undelivered(run)).cloned().collect();
        agrees(reader, bytes, &undelivered);
        // What a rule makes of a log that it would not be asked to read is planned as well.
        planned(reader.rule().narrowing.as_ref(), &runs, recognised.as_deref() == Some(&reader.rule().id));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        artifact(text);
    }
}

fn around() -> Around {
    Around { latest: "2026-07-01T00:00:00Z".parse().ok(), ..Around::default() }
}

fn read(reader: &Arc<Reader>, bytes: &[u8]) -> Vec<Run> {
    let mut engine = Engine::thorough(Arc::clone(reader), Keep::All, Wanted::default());
    engine.file(Arc::from("log"), around());
    engine.block(bytes, 1);
    let runs = engine.finish();
    let lines = bytes.split(|byte| *byte == b'\n').count() as u64;
    let coverage = &runs.coverage;
    assert!(coverage.understood <= coverage.lines && coverage.lines <= lines, "{coverage:?}");
    assert!(coverage.examples.len() <= 5 && runs.len() as u64 <= lines);
    let all: Vec<Run> = runs.iter().collect();
    assert_eq!(all.len(), runs.len());
    for run in &all {
        assert!(run.place.line >= 1 && run.last.line <= lines, "{run:?}");
        let names: BTreeSet<&str> = run.recipients.iter().map(|recipient| recipient.name.as_str()).collect();
        assert_eq!(names.len(), run.recipients.len(), "a recipient stands twice: {run:?}");
    }
    all
}

/// Literals and every line give the same; a second pass finds no more than there is.
fn agrees(reader: &Arc<Reader>, bytes: &[u8], undelivered: &[Run]) {
    let mut engine = Engine::new(Arc::clone(reader), Keep::Undelivered, Wanted::default());
    engine.file(Arc::from("log"), around());
    engine.block(bytes, 1);
    let mut kept = engine.finish();
    let mut thorough = Engine::thorough(Arc::clone(reader), Keep::Undelivered, Wanted::default());
    thorough.file(Arc::from("log"), around());
    thorough.block(bytes, 1);
    let found: Vec<Run> = kept.iter().collect();
    assert_eq!(found, thorough.finish().iter().collect::<Vec<_>>(), "{}", reader.rule().id);
    // Large logs are read without the lines of what was delivered: a run that lacks its start may begin with one.
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let left = |run: &Run| {
        let failed = run.recipients.iter().filter(|recipient| recipient.outcome.is_undelivered());
        let failed = failed.map(|recipient| (recipient.name.clone(), recipient.place.line));
        // A command that stands in a line of a delivery is passed over with it.
        let passed = |line: &u64| {
            let line = usize::try_from(line - 1).ok().and_then(|at| lines.get(at));
            line.is_some_and(|line| line.windows(3).any(|text| text == b"=OK"))
        };
        let command = run.command.as_ref().map(|command| command.place.line).filter(|line| !passed(line));
        (run.job.clone(), run.server.clone(), command, run.outcome, failed.collect::<BTreeSet<_>>())
    };
    let all: Vec<_> = found.iter().map(left).collect();
    // Of deliveries alone, without a start, nothing can be left to do.
    let is_left =
        |run: &&Run| left(run).2.is_some() || run.recipients.iter().any(|r| r.outcome.is_undelivered());
    for run in undelivered.iter().filter(is_left) {
        assert!(all.contains(&left(run)), "{} loses {run:#?}", reader.rule().id);
    }
    let names = undelivered.iter().flat_map(|run| run.recipients.iter().map(|r| r.name.as_str()));
    let names: Vec<&str> = names.take(8).collect();
    let mut engine = Engine::again(&mut kept, &names, &[], Wanted { most: Some(100), ..Wanted::default() });
    engine.file(Arc::from("log"), around());
    engine.block(bytes, 1);
    engine.finish().iter().for_each(drop);
}

fn planned(narrowing: Option<&Narrowing>, runs: &[Run], _recognised: bool) {
    // The distribution list as it was: a line for each recipient, with a parameter of its own.
    let list = |run: &Run| {
        let lines = run.recipients.iter().map(|recipient| format!("{} own=1\n", recipient.name));
        Some(ListText::of(lines.collect::<String>()))
    };
    let world = World {
        narrowing: &|_| narrowing.cloned(),
        list: &list,
        device: &|_| None,
        program: &|name| name.starts_with('/').then(|| name.to_owned()),
        delivered: None,
        against: &|_| Vec::new(),
        aside: &|_, _| None,
        manager: &[],
        directory: None,
        user: None,
        environment: &[],
    };
    let selection = Selection { server: "is1".to_owned(), ..Selection::default() };
    let made: Plan = plan(runs.to_vec(), &[], &[], &selection, &world);
    let places: HashMap<(String, u64), &Run> =
        runs.iter().map(|run| ((run.place.file.to_string(), run.place.line), run)).collect();
    for job in &made.jobs {
        let run = job.run.as_ref().and_then(|place| places.get(&(place.file.clone(), place.line)));
        reaches_only_whom_it_should(job, run.expect("a job of a run"), narrowing);
    }
    let text = serde_json::to_value(&made).expect("plain data");
    let back: Plan = serde_json::from_value(text.clone()).expect("what was written");
    assert_eq!(serde_json::to_value(&back).expect("plain data"), text);
}

fn reaches_only_whom_it_should(job: &Job, run: &Run, narrowing: Option<&Narrowing>) {
    let failed: BTreeSet<&str> = job.recipients.failed.iter().map(|r| r.name.as_str()).collect();
    let spared: BTreeSet<&str> =
        run.recipients.iter().map(|r| r.name.as_str()).filter(|name| !failed.contains(name)).collect();
    let mut reached = BTreeSet::new();
    for command in &job.commands {
        for name in &command.recipients {
            assert!(failed.contains(name.as_str()), "{name} did not fail: {job:#?}");
            assert!(reached.insert(name.clone()), "{name} twice: {job:#?}");
        }
        let argv: Vec<&str> = command.argv.iter().map(|token| token.text.as_str()).collect();
        assert!(!argv.is_empty() && argv.iter().all(|text| !text.contains('\0')), "{argv:?}");
        let own: BTreeSet<&str> = command.recipients.iter().map(String::as_str).collect();
        match narrowing.expect("refused where there is none") {
            Narrowing::Replace { options, separator } => {
                for name in values(&argv, options).iter().flat_map(|value| parts(value, separator)) {
                    assert!(
                        !spared.contains(name.as_str()) || own.contains(name.as_str()),
                        "{name} in {argv:?}"
                    );
                }
            }
            Narrowing::Insert { option, also, separator, .. } => {
                let options: Vec<String> = also.iter().chain([option]).cloned().collect();
                let named: Vec<String> =
                    values(&argv, &options).iter().flat_map(|value| parts(value, separator)).collect();
                let named: BTreeSet<&str> = named.iter().map(String::as_str).collect();
                assert_eq!(named, own, "{argv:?}");
            }
            Narrowing::Listfile { .. } => {
                let list = command.list_file.as_ref().expect("a list");
                assert!(argv[list.token].ends_with(LIST), "{argv:?}");
                let names: BTreeSet<&str> =
                    list.content.lines().filter_map(|line| line.split_ascii_whitespace().next()).collect();
                assert!(names.iter().all(|name| !spared.contains(name) || own.contains(name)), "{list:?}");
                assert_eq!(list.content.lines().count(), own.len(), "{list:?} for {own:?}");
            }
            Narrowing::Whole => assert_eq!(run.recipients.len(), 1, "{run:#?}"),
        }
    }
    if !job.commands.is_empty() {
        assert_eq!(reached.len(), failed.len(), "somebody is left out without a word: {job:#?}");
        assert!(job.refused.is_none());
    }
}

/// Values of options before `--`; without options, every element that is none.
fn values<'a>(argv: &[&'a str], options: &[String]) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut words = argv.iter().skip(1).take_while(|word| **word != "--");
    while let Some(word) = words.next() {
        if options.is_empty() {
            found.extend((!word.starts_with('-')).then_some(*word));
        } else if options.iter().any(|option| option == word) {
            found.extend(words.next());
        } else if let Some((name, value)) = word.split_once('=')
            && options.iter().any(|option| option == name)
        {
            found.push(value);
        }
    }
    found
}

/// Recipients of a value; a separator inside brackets belongs to a node set.
fn parts(value: &str, separator: &str) -> Vec<String> {
    let mut cut = vec![String::new()];
    let (mut depth, mut rest) = (0usize, value);
    while let Some(c) = rest.chars().next() {
        if depth == 0 && !separator.is_empty() && rest.starts_with(separator) {
            cut.push(String::new());
            rest = &rest[separator.len()..];
            continue;
        }
        depth = match c {
            '[' => depth + 1,
            ']' => depth.saturating_sub(1),
            _ => depth,
        };
        cut.last_mut().expect("never empty").push(c);
        rest = &rest[c.len_utf8()..];
    }
    cut.iter().flat_map(|piece| nodeset::unfold(piece).unwrap_or_else(|| vec![piece.clone()])).collect()
}

/// The text as each file of an artifact folder of ansible-runner.
fn artifact(text: &str) {
    let file = |name: &str, text| Text { file: Arc::from(name), text };
    let (command, event) = text.split_once("\n%\n").unwrap_or((text, text));
    let mut hosts = Hosts::default();
    let _ = hosts.event(&file("job_events/1-x.json", event));
    let rule = RULES.named(runner::OPTIONS).expect("shipped");
    let (first, rc) = (Some(event), Some("2"));
    let made = Artifact {
        id: "7",
        command: file("command", command),
        rc,
        status: None,
        first,
        written: None,
        hosts,
    };
    if let Ok(run) = runner::run(&made, rule) {
        planned(rule.narrowing.as_ref(), std::slice::from_ref(&run), true);
    }
}
