//! From logfiles to runs: which files, which rule reads each, and what their runs left undelivered.
//!
//! In: paths, logfile rules, a period. Out: runs, commands to join them with, and what the operator must know of the
//! reading. Files are opened by [`super::files`]; commands are not rebuilt here.

use super::artifacts;
use super::attempts::packages;
use super::elsewhere::join;
use super::engine::{self, Coverage, Engine, Keep, Runs};
use super::files::{self, About, Block, Chosen, Limits, Report, Share, Wanted};
use super::join::Success;
use super::lacking::{Mark, mark};
use super::model::{Outcome, Place, Run};
use super::moment::{self, Around};
use super::reader::{Reader, lines};
use super::recognise::{BEGINNING, recognise};
use super::runner;
use super::scan::{Scan, Scanned};
use crate::alert::name::{host, normal, same};
use crate::rules::logs::model::Field;
use crate::rules::logs::{LogRule, LogRules};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// What is to be read.
#[derive(Debug)]
pub struct Ask<'a> {
    pub paths: &'a [PathBuf],
    pub rules: &'a LogRules,
    /// Rule that reads all of them; None: each file's format is recognised.
    pub format: Option<&'a str>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// Zone of times without an offset.
    pub zone: TimeZone,
    pub workers: usize,
    pub limits: Limits,
    pub keep: Keep,
    /// The intermediate server whose failures are looked for; None: those of all.
    pub server: Option<&'a str>,
    /// Recipients that are known to lack something, whatever the logs say: records of the service center.
    pub lacking: Vec<String>,
}

/// Runs that are kept of one log, at most: more can neither be shown nor approved.
pub const MOST_RUNS: usize = 200_000;

/// How a file was recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    pub file: Arc<str>,
    /// Rule that reads it; None: no rule does.
    pub rule: Option<String>,
    pub reason: String,
}

/// What was read.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Runs of each stretch of files that one rule reads.
    pub runs: Vec<Runs>,
    pub formats: Vec<Format>,
    pub report: Report,
    /// Where files were read from the middle: what is added to their line numbers.
    bases: HashMap<Arc<str>, u64>,
    /// Commands of logs that hold nothing else, for those that lack them.
    commands: Vec<Run>,
    /// Runs of ansible-runner's artifact folders.
    artifacts: Vec<Run>,
    /// The files of each of `runs`.
    stretches: Vec<Vec<Chosen>>,
}

/// Nothing could be read at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no logfile rule is called `{name}`; there are {known}")]
    NoSuchRule { name: String, known: String },
    #[error(
        "{file}: more than {MOST_RUNS} runs of it are open or failed; a shorter period holds fewer (--since, --until)"
    )]
    TooMany { file: String },
}

/// Lines that matter of some blocks, packed, and what the scan found in them; lines are counted from the beginning of
/// their piece.
#[derive(Default)]
struct Packed {
    bytes: Vec<u8>,
    scanned: Scanned,
    /// Where the blocks stand in their file, and the lines of the piece before them.
    range: Range<u64>,
    before: u64,
}

/// Bytes of what came of a piece that are given at once.
const SHARE: usize = 128 << 10;

/// How long before the period a run may have begun whose results lie in it, and how long after it one may end.
const BESIDE: SignedDuration = SignedDuration::from_hours(1);

/// Why the last command of a log may not be whole.
const TORN: &str = "the log ends inside its line: the rest of it may be missing";

/// So much of the beginnings of so many files tells whether they speak of a server.
const HEAD: usize = 4 << 20;
const MOST_HEADS: usize = 64;

/// Depth to which folders are looked into: logs beside rotated ones, runner artifacts in their folders.
const DEPTH: usize = 3;

/// Reads logs.
///
/// # Errors
/// A rule that is not there or cannot be used. What is wrong with single files is in the report.
pub fn gather(ask: &Ask<'_>) -> Result<Gathered, Error> {
    let readers = Reader::all(ask.rules);
    let wished = match ask.format {
        Some(runner::RULE) | None => None,
        Some(name) => Some(named(&readers, name)?),
    };
    let only_artifacts = ask.format == Some(runner::RULE);
    let mut gathered = Gathered::default();
    // First every file, to find out which rule reads it; then those of the period.
    let never: &dyn Fn(&About, &[u8]) -> Option<Timestamp> = &|_, _| None;
    let wanted = Wanted {
        paths: ask.paths,
        since: None,
        until: None,
        depth: DEPTH,
        limits: ask.limits,
        artifacts: ask.format.is_none_or(|format| format == runner::RULE),
        time_of: never,
    };
    let all = files::choose(&wanted);
    let mut by_file: HashMap<Arc<str>, Arc<Reader>> = HashMap::new();
    for chosen in &all.files {
        let found = match &wished {
            Some(reader) => Ok((Arc::clone(reader), "named with --format".to_owned())),
            None if only_artifacts => {
                Err("it is no artifact of ansible-runner, which is a folder with the file `command`"
                    .to_owned())
            }
            None => recognise(&readers, &chosen.head(BEGINNING)).map(|found| (found.reader, found.reason)),
        };
        let file = Arc::clone(&chosen.about.file);
        let (rule, reason) = match found {
            Ok((reader, reason)) => {
                let id = reader.rule().id.clone();
                by_file.insert(Arc::clone(&file), reader);
                (Some(id), reason)
            }
            Err(why) => (None, why),
        };
        gathered.formats.push(Format { file, rule, reason });
    }
    // A family is of one kind: a member whose beginning nobody knows (it begins inside a run) is read as its neighbour.
    let names: Vec<Arc<str>> = all.files.iter().map(|chosen| Arc::clone(&chosen.about.file)).collect();
    let pairs = names.windows(2).map(|pair| (&pair[0], &pair[1]));
    for (file, next) in pairs.clone().rev().chain(pairs.map(|(a, b)| (b, a))) {
        if !by_file.contains_key(file)
            && files::are_family(file, next)
            && let Some(reader) = by_file.get(next).map(Arc::clone)
            && let Some(format) = gathered.formats.iter_mut().find(|format| format.file == *file)
        {
            let id = reader.rule().id.clone();
            format.reason = format!("{id}: read as {next}, of the same family");
            format.rule = Some(id);
            by_file.insert(Arc::clone(file), reader);
        }
    }
    let time_of = |about: &About, line: &[u8]| {
        let reader = by_file.get(&about.file)?;
        time_of(reader, line, &around(about, &ask.zone))
    };
    let began = ask.since.and_then(|since| since.checked_sub(BESIDE).ok());
    let ended = ask.until.and_then(|until| until.checked_add(BESIDE).ok());
    let wanted = Wanted { since: began, until: ended, time_of: &time_of, ..wanted };
    let chosen = if ask.since.is_none() && ask.until.is_none() { all } else { files::choose(&wanted) };
    gathered.report = chosen.report;
    if let Some(rule) = ask.rules.named(runner::OPTIONS) {
        let (runs, formats, report) = artifacts::read(&chosen.artifacts, rule, began, &ask.limits);
        gathered.artifacts = runs;
        gathered.formats.extend(formats);
        gathered.report.add(report);
    }
    let known: Vec<(Chosen, Arc<Reader>)> = chosen
        .files
        .into_iter()
        .filter_map(|file| {
            let reader = by_file.get(&file.about.file).map(Arc::clone)?;
            Some((file, reader))
        })
        .collect();
    let mut rest = &known[..];
    while let Some((_, reader)) = rest.first() {
        let same = rest.iter().take_while(|(_, other)| Arc::ptr_eq(other, reader)).count();
        let (stretch, after) = rest.split_at(same);
        rest = after;
        gathered.read(stretch, ask)?;
    }
    Ok(gathered)
}

fn named(readers: &[Arc<Reader>], name: &str) -> Result<Arc<Reader>, Error> {
    let known = || {
        let ids = readers.iter().map(|reader| reader.rule().id.as_str());
        ids.chain([runner::RULE]).collect::<Vec<_>>().join(", ")
    };
    let found = readers.iter().find(|reader| reader.rule().id == name);
    found.map(Arc::clone).ok_or_else(|| Error::NoSuchRule { name: name.to_owned(), known: known() })
}

/// What a log leaves out of its times: its zone is the machine's, and no line is later than its file.
fn around(about: &About, zone: &TimeZone) -> Around {
    let day = SignedDuration::from_hours(24);
    let dated = about.dated.and_then(|date| date.to_zoned(zone.clone()).ok()).map(|zoned| zoned.timestamp());
    let latest = about.modified.or(dated).and_then(|at| at.checked_add(day).ok());
    Around { zone: zone.clone(), latest }
}

fn time_of(reader: &Reader, line: &[u8], around: &Around) -> Option<Timestamp> {
    let (_, values) = reader.event(line)?;
    moment::read(&values.text(Field::Time)?, &reader.rule().times, &reader.rule().months, around)
}

impl Gathered {
    /// Reads files that one rule fits, in turn: a run may go on from one into the next.
    fn read(&mut self, stretch: &[(Chosen, Arc<Reader>)], ask: &Ask<'_>) -> Result<(), Error> {
        let Some((_, reader)) = stretch.first() else { return Ok(()) };
        // Of a log that holds nothing but commands all are wanted: what they led to stands elsewhere.
        let commands = is_of_commands(reader);
        let keep = if commands && ask.keep != Keep::Tally { Keep::All } else { ask.keep };
        let wanted = engine::Wanted {
            server: ask.server.map(str::to_owned),
            lacking: ask.lacking.clone(),
            // Commands are only joined to others, never shown.
            most: (keep == Keep::Undelivered).then_some(MOST_RUNS),
        };
        let mut engine = Engine::new(Arc::clone(reader), keep, wanted);
        let files: Vec<Chosen> = stretch.iter().map(|(file, _)| file.clone()).collect();
        let mut torn = Vec::new();
        let mut report = run_through(&mut engine, &files, ask, commands.then_some(&mut torn));
        if commands {
            report.files.iter_mut().for_each(|file| file.torn = false);
        }
        self.report.add(report);
        let mut runs = engine.finish();
        // Where only lines that literals touch were looked at, a rule that was named and fits nothing shows by the others.
        let understands =
            |file: &Chosen| lines(&file.head(BEGINNING)).any(|line| reader.event(line).is_some());
        if ask.format.is_some() && runs.coverage.scanned && runs.is_empty() && !files.iter().any(understands)
        {
            runs.coverage.understood = 0;
        }
        if runs.too_many {
            let file = files.first().map(|file| file.about.file.to_string());
            return Err(Error::TooMany { file: file.unwrap_or_default() });
        }
        if !runs.is_empty() {
            for chosen in files.iter().filter(|chosen| chosen.range.start > 0) {
                // Counted only where something is shown of the file.
                if let Ok(line) = chosen.line_at(chosen.range.start) {
                    self.bases.insert(Arc::clone(&chosen.about.file), line - 1);
                }
            }
        }
        if commands {
            let continued = reader.rule().continued.is_some();
            let mut given: Vec<Run> = runs.iter().collect();
            for (file, line) in &torn {
                let last = given.iter_mut().rfind(|run| run.place.file == *file);
                if let Some(run) = last.filter(|run| continued || run.place.line == *line)
                    && let Some(command) = &mut run.command
                {
                    command.doubts.push(TORN.to_owned());
                }
            }
            self.commands.append(&mut given);
        }
        self.runs.push(runs);
        self.stretches.push(files);
        Ok(())
    }

    /// Every run, with the command of another log where its own has none.
    pub fn runs(&self) -> impl Iterator<Item = Run> {
        let read = self.results();
        let read = read.flat_map(move |(runs, _)| (0..runs.len()).filter_map(move |at| self.run(runs, at)));
        read.chain(self.artifacts.iter().cloned())
    }

    /// Servers of which the beginnings of these logs speak, where they speak of this one nowhere. A file that names no
    /// server is the own one's.
    pub fn strangers(&self, server: &str) -> BTreeSet<String> {
        let host = host(server);
        let finder = memchr::memmem::Finder::new(&host);
        let mut found = BTreeSet::new();
        let files =
            self.results().flat_map(|(runs, files)| files.iter().map(move |file| (runs.reader(), file)));
        for (reader, file) in files.take(MOST_HEADS) {
            let head = file.head(HEAD);
            let named = |line: &[u8]| reader.event(line).map(|(_, values)| values.text(Field::Server));
            let may_name = |line: &&[u8]| finder.find(&line.to_ascii_lowercase()).is_some();
            let mut own = lines(&head).filter(may_name).filter_map(named).flatten();
            if own.any(|name| same(&name, server)) {
                return BTreeSet::new();
            }
            let begin = &head[..head.len().min(BEGINNING)];
            let said: Vec<Option<String>> = lines(begin).filter_map(named).collect();
            if !said.is_empty() && said.iter().all(Option::is_none) {
                return BTreeSet::new();
            }
            let names = said.iter().flatten().map(|name| normal(name));
            found.extend(names);
        }
        if self.artifacts.is_empty() { found } else { BTreeSet::new() }
    }

    /// Runs that name recipients or outcomes, with their files.
    fn results(&self) -> impl Iterator<Item = (&Runs, &[Chosen])> {
        let all = self.runs.iter().zip(self.stretches.iter().map(Vec::as_slice));
        all.filter(|(runs, _)| !is_of_commands(runs.reader()))
    }

    fn run(&self, runs: &Runs, at: usize) -> Option<Run> {
        let mut run = runs.get(at)?;
        let rule = runs.reader().rule();
        if rule.join.is_some() && run.command.is_none() {
            join(&mut run, runs.user(at).as_deref(), rule, &self.commands);
        }
        self.place(&mut run);
        Some(run)
    }

    /// What was delivered to those who failed, or are known to lack something: of most logs this was found in the pass
    /// that found the failures. The others are read again, for in them a recipient may have been served before its
    /// failure was known: that of another log, or one that no line of its own tells of.
    ///
    /// # Errors
    /// More such deliveries than can be looked at.
    pub fn successes(&mut self, ask: &Ask<'_>) -> Result<Vec<Success>, Error> {
        let own = |run: &Run| {
            let servers = ask.server.zip(run.server.as_deref());
            servers.is_none_or(|(server, other)| same(server, other))
        };
        // Who failed by a line of his own, and who is known to lack something otherwise.
        let (mut failed, mut others) = (BTreeSet::new(), BTreeSet::new());
        others.extend(ask.lacking.iter().cloned());
        for run in self.runs().filter(own) {
            let last = run.last;
            for recipient in run.recipients.into_iter().filter(|recipient| recipient.outcome.is_undelivered())
            {
                let names = if recipient.place == last { &mut others } else { &mut failed };
                names.insert(recipient.name);
            }
        }
        let mut successes = Vec::new();
        if failed.is_empty() && others.is_empty() {
            return Ok(successes);
        }
        let failed: Vec<&str> = failed.iter().map(String::as_str).collect();
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        let listed = [&failed[..], &others].concat();
        let lacking: HashSet<Mark> = listed.iter().map(|name| mark(name.as_bytes())).collect();
        for at in 0..self.runs.len() {
            if is_of_commands(self.runs[at].reader()) {
                continue;
            }
            let mut again = None;
            if ask.keep == Keep::Undelivered && !self.runs[at].tells_of(&failed, &others) {
                let wanted = engine::Wanted {
                    server: ask.server.map(str::to_owned),
                    lacking: Vec::new(),
                    most: Some(MOST_RUNS),
                };
                let mut engine = Engine::again(&mut self.runs[at], &failed, &others, wanted);
                let report = run_through(&mut engine, &self.stretches[at], ask, None);
                self.report.add(report);
                let runs = engine.finish();
                if runs.too_many {
                    let file = self.stretches[at].first().map(|file| file.about.file.to_string());
                    return Err(Error::TooMany { file: file.unwrap_or_default() });
                }
                again = Some(runs);
            }
            let runs = again.as_ref().unwrap_or(&self.runs[at]);
            for run in (0..runs.len()).filter_map(|at| self.run(runs, at)) {
                let delivered = run.recipients.iter().filter(|recipient| recipient.outcome == Outcome::Ok);
                for recipient in delivered.filter(|r| lacking.contains(&mark(r.name.as_bytes()))) {
                    successes.extend(packages(&run).map(|(name, version)| Success {
                        recipient: recipient.name.clone(),
                        package: name.to_owned(),
                        version: Some(version.to_owned()),
                        at: recipient.at.or(run.end).or(run.start),
                        place: recipient.place.clone(),
                        run: run.start.or(run.end),
                    }));
                }
            }
        }
        Ok(successes)
    }

    /// Lines understood and not, of each stretch of files that one rule reads.
    pub fn coverage(&self) -> impl Iterator<Item = (&LogRule, &Coverage)> {
        self.runs.iter().map(|runs| (runs.reader().rule(), &runs.coverage))
    }

    /// Runs of ansible-runner's artifact folders.
    pub fn artifacts(&self) -> &[Run] {
        &self.artifacts
    }

    fn place(&self, run: &mut Run) {
        if self.bases.is_empty() {
            return;
        }
        let add = |place: &mut Place| place.line += self.bases.get(&place.file).copied().unwrap_or(0);
        add(&mut run.place);
        add(&mut run.last);
        run.recipients.iter_mut().for_each(|recipient| add(&mut recipient.place));
        if let Some(command) = &mut run.command {
            add(&mut command.place);
            command.argv.iter_mut().filter_map(|token| token.place.as_mut()).for_each(add);
        }
    }
}

/// Files of one stretch: pieces side by side where literals lead through them, else line by line.
fn run_through(
    engine: &mut Engine,
    files: &[Chosen],
    ask: &Ask<'_>,
    torn: Option<&mut Vec<(Arc<str>, u64)>>,
) -> Report {
    match engine.scan() {
        Some(scan) => scanned(engine, &scan, files, ask),
        None => through(engine, files, ask, torn),
    }
}

/// So often an archive is unpacked once more, up to lines that were passed over; then all is read again, at the end.
const MOST_AGAIN: usize = 16;

/// Files that literals lead through: pieces side by side, what matters of them in order.
fn scanned(engine: &mut Engine, scan: &Scan, files: &[Chosen], ask: &Ask<'_>) -> Report {
    let mut current = None;
    // How often this archive may still be unpacked up to some place.
    let mut again = 0..MOST_AGAIN;
    // What was taken is filled again: memory goes to and fro instead of being asked for anew.
    let empty: Mutex<Vec<Packed>> = Mutex::default();
    let spare = || empty.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
    files::in_order(
        files,
        ask.workers,
        &ask.limits,
        |segment, give| {
            let mut packed = spare();
            let mut found = Scanned::default();
            segment.counted(|block| {
                let whole = ended(&block);
                scan.look(whole, &mut found);
                if packed.range.is_empty() {
                    packed.range = block.offset..block.offset;
                    packed.before = block.lines_before;
                }
                packed.range.end = block.offset + whole.len() as u64;
                packed.add(whole, &mut found, block.lines_before);
                if packed.bytes() >= SHARE {
                    let full = std::mem::replace(&mut packed, spare());
                    let bytes = full.bytes();
                    give(full, bytes);
                }
                (whole.len() == block.bytes.len()).then_some(found.lines)
            });
            let bytes = packed.bytes();
            give(packed, bytes);
        },
        |mut share: Share<Packed>| {
            if current != Some(share.file) {
                current = Some(share.file);
                again = 0..MOST_AGAIN;
                let about = &files[share.file].about;
                engine.file(Arc::clone(&about.file), around(about, &ask.zone));
            }
            let file = &files[share.file];
            if engine.passed_over(&share.value.scanned)
                && (!file.is_read_from_its_start() || again.next().is_some())
                && let Some(text) = file.reread(share.value.range.clone(), &ask.limits)
            {
                let mut found = scan.block(&text);
                let (before, range) = (share.value.before, share.value.range.clone());
                share.value.clear();
                share.value.add(&text, &mut found, before);
                share.value.range = range;
            }
            engine.take(&share.value.bytes, &share.value.scanned, share.first_line.unwrap_or(1));
            share.value.clear();
            empty.lock().unwrap_or_else(PoisonError::into_inner).push(share.value);
        },
    )
}

/// The lines of a block without a torn last one: what it would have said nobody knows.
fn ended<'b>(block: &Block<'b>) -> &'b [u8] {
    match memchr::memrchr(b'\n', block.bytes) {
        _ if !block.torn => block.bytes,
        Some(end) => &block.bytes[..=end],
        None => &[],
    }
}

/// Files line by line, in turn. `torn`: last lines without an end are taken too, and told there.
fn through(
    engine: &mut Engine,
    files: &[Chosen],
    ask: &Ask<'_>,
    mut torn: Option<&mut Vec<(Arc<str>, u64)>>,
) -> Report {
    let mut report = Report::default();
    for file in files {
        engine.file(Arc::clone(&file.about.file), around(&file.about, &ask.zone));
        let state = Mutex::new((&mut *engine, torn.as_deref_mut()));
        let done = files::scan(std::slice::from_ref(file), 1, &ask.limits, |segment| {
            segment.blocks(|block| {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                let (engine, torn) = &mut *state;
                let whole = ended(&block);
                let text = match torn {
                    Some(torn) if whole.len() < block.bytes.len() => {
                        let before = memchr::memchr_iter(b'\n', whole).count() as u64;
                        torn.push((Arc::clone(&file.about.file), 1 + block.lines_before + before));
                        block.bytes
                    }
                    _ => whole,
                };
                engine.block(text, 1 + block.lines_before);
            });
        });
        report.add(done.report);
    }
    report
}

/// A log of commands (sudo, cron, a shell's history) knows neither recipients nor outcomes.
fn is_of_commands(reader: &Reader) -> bool {
    let rule = reader.rule();
    rule.join.is_none() && rule.narrowing.is_none() && rule.recipient.is_none() && rule.outcomes.is_empty()
}

impl Packed {
    /// Keeps the lines of a block that matter, one after the other.
    fn add(&mut self, block: &[u8], found: &mut Scanned, lines_before: u64) {
        if self.scanned.lines == 0 {
            self.scanned.news = found.news;
        }
        self.scanned.not_understood += found.not_understood;
        self.scanned.lines += found.lines;
        self.scanned.others.extend_from_slice(&found.others);
        for mut hit in found.hits.drain(..) {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(&block[hit.start as usize..hit.end as usize]);
            // They fit: a share is bounded far below.
            hit.start = start as u32;
            hit.end = self.bytes.len() as u32;
            hit.line += lines_before;
            self.scanned.hits.push(hit);
        }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.scanned.hits.clear();
        self.scanned.others.clear();
        self.scanned.lines = 0;
        self.scanned.not_understood = 0;
        self.range = 0..0;
    }

    /// About what it takes in memory.
    fn bytes(&self) -> usize {
        self.bytes.len() + size_of_val(&*self.scanned.hits) + size_of_val(&*self.scanned.others)
    }
}
