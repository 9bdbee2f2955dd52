//! Blocks of whole lines → runs.
//!
//! In: a compiled rule, and a log in blocks of whole lines. Out: [`Runs`], which keep the lines of a run packed and build
//! it when it is asked for, and the [`Coverage`]. It opens no file; a run may go on from one file into the next.

mod open;

use super::arena::{Arena, Slot, put, take};
use super::lacking::{Lacking, Mark};
use super::model::{Outcome, Place, Run};
use super::moment::{self, Around};
use super::reader::{MOST_LINE, Reader, Values, lines};
use super::scan::{NOTHING, Scan, Scanned, is_of, marks};
use super::written::{self, Built, Ending, Line};
use crate::alert::name::same;
use crate::rules::logs::model::{Does, Field};
use jiff::Timestamp;
use open::{Found, Open};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Examples of lines that no rule understood.
pub(super) const EXAMPLES: usize = 5;
/// Bytes of an example.
const EXAMPLE: usize = 200;

/// Which runs are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    All,
    /// Those in which something is left to be delivered (any outcome but `ok`), and those that may have brought
    /// somebody what it lacked.
    Undelivered,
    /// None: they are counted by what became of them.
    Tally,
}

/// What is kept of logs, besides what a [`Keep`] says.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The intermediate server whose failures count; None: those of all.
    pub server: Option<String>,
    /// Names of recipients that are known to lack something before a line is read.
    pub lacking: Vec<String>,
    /// Most runs that are kept or open at once; None: any number.
    pub most: Option<usize>,
}

/// How many lines a rule understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    pub lines: u64,
    pub understood: u64,
    /// Lines of which only those that a literal touches were looked at: the others count as understood.
    pub scanned: bool,
    /// The first that no event matches.
    pub examples: Vec<(Place, String)>,
    /// How many records each event of the rule matched, where every line was looked at.
    pub events: Vec<u64>,
    /// Runs by their outcome, where they were counted.
    pub runs: BTreeMap<Outcome, u64>,
    /// Recipients of those, by theirs.
    pub recipients: BTreeMap<Outcome, u64>,
    /// Runs of those that have their command in this log.
    pub commands: u64,
}

impl Coverage {
    pub fn not_understood(&self) -> u64 {
        self.lines - self.understood
    }

    fn tally(&mut self, run: &Run) {
        *self.runs.entry(run.outcome).or_default() += 1;
        self.commands += u64::from(run.command.is_some());
        for recipient in &run.recipients {
            *self.recipients.entry(recipient.outcome).or_default() += 1;
        }
    }
}

/// Runs that were kept, in the order of their first lines.
#[derive(Debug)]
pub struct Runs {
    reader: Arc<Reader>,
    arena: Arena,
    files: Vec<(Arc<str>, Around)>,
    kept: Vec<Kept>,
    lacking: Lacking,
    /// Of these every delivery was wanted, from the first line on.
    from_start: HashSet<Mark>,
    /// A delivery may have been passed over that came after a failure.
    missed: bool,
    /// There were more runs than were asked for: the rest is not among them.
    pub too_many: bool,
    pub coverage: Coverage,
}

#[derive(Debug, Clone, Copy)]
struct Kept {
    file: u32,
    line: u64,
    slot: Slot,
}

impl Runs {
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The rule that read them.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The same, to read with it again.
    pub fn shared(&self) -> Arc<Reader> {
        Arc::clone(&self.reader)
    }

    /// Whether every run is here that brought one of these recipients something: those that failed since a line says so,
    /// the others since the first line.
    pub fn tells_of(&self, failed: &[&str], others: &[&str]) -> bool {
        let mark = |name: &&str| super::lacking::mark(name.as_bytes());
        self.reader.is_bulk()
            && !self.missed
            && failed.iter().all(|name| self.lacking.holds(mark(name)))
            && others.iter().all(|name| self.from_start.contains(&mark(name)))
    }

    /// Builds one run; fast in ascending order.
    pub fn get(&self, at: usize) -> Option<Run> {
        self.built(at).map(|built| built.run)
    }

    /// Whom a run ran as, also where its command stands in another log.
    pub fn user(&self, at: usize) -> Option<String> {
        self.built(at)?.user
    }

    fn built(&self, at: usize) -> Option<Built> {
        let kept = self.kept.get(at)?;
        self.arena.with(kept.slot, |record| build(&self.reader, &self.files, record))
    }

    pub fn iter(&self) -> impl Iterator<Item = Run> {
        (0..self.len()).filter_map(|at| self.get(at))
    }
}

/// Reads one log, or several in turn that one rule fits (rotated files, oldest first).
#[derive(Debug)]
pub struct Engine {
    reader: Arc<Reader>,
    scan: Option<Scan>,
    keep: Keep,
    runs: Runs,
    open: HashMap<Vec<u8>, Open>,
    /// The key of the line before, for lines without one.
    key: Vec<u8>,
    /// Server and key of the run at hand.
    run_key: Vec<u8>,
    /// A record that the next line continues, and the line at which it began.
    pending: Option<(Vec<u8>, u64)>,
    /// The record before was understood, and so is what continues it.
    understood: bool,
    wanted: Wanted,
    /// Whoever is known to lack something was known before: no line is passed over.
    again: bool,
    /// The first lines that are part of no record.
    loose: Vec<(Place, String)>,
}

impl Engine {
    pub fn new(reader: Arc<Reader>, keep: Keep, wanted: Wanted) -> Self {
        let scan = match keep {
            Keep::Undelivered => Scan::new(&reader, wanted.server.as_deref()),
            Keep::All | Keep::Tally => None,
        };
        let mut lacking = Lacking::new(scan.as_ref().map(|scan| Arc::clone(&scan.marks)).unwrap_or_default());
        let from_start: HashSet<Mark> =
            wanted.lacking.iter().map(|name| super::lacking::mark(name.as_bytes())).collect();
        from_start.iter().for_each(|mark| lacking.anything(*mark));
        let runs = Runs {
            reader: Arc::clone(&reader),
            arena: Arena::default(),
            files: vec![(Arc::from("-"), Around::default())],
            kept: Vec::new(),
            lacking,
            from_start,
            missed: false,
            too_many: false,
            coverage: Coverage { events: vec![0; reader.events.len()], ..Coverage::default() },
        };
        let (open, key) = (HashMap::new(), Vec::new());
        Self {
            scan,
            reader,
            keep,
            runs,
            open,
            key,
            run_key: Vec::new(),
            pending: None,
            understood: true,
            wanted,
            again: false,
            loose: Vec::new(),
        }
    }

    /// The same, every line being looked at even where literals would do: coverage is exact.
    pub fn thorough(reader: Arc<Reader>, keep: Keep, wanted: Wanted) -> Self {
        Self { scan: None, ..Self::new(reader, keep, wanted) }
    }

    /// Reads the same lines again, once it is known who lacks something: those who `failed`, of whom the first reading of
    /// `runs` may know what, and `others`, of whom it cannot. Keeps what was delivered to them.
    pub fn again(runs: &mut Runs, failed: &[&str], others: &[&str], wanted: Wanted) -> Self {
        let mut engine = Self { again: true, ..Self::new(runs.shared(), Keep::Undelivered, wanted) };
        engine.runs.lacking = std::mem::take(&mut runs.lacking);
        for (names, known) in [(failed, true), (others, false)] {
            for mark in names.iter().map(|name| super::lacking::mark(name.as_bytes())) {
                if !(known && engine.runs.lacking.holds(mark)) {
                    engine.runs.lacking.anything(mark);
                }
            }
        }
        if let Some(scan) = &engine.scan {
            engine.runs.lacking.marks().for_each(|mark| scan.marks.set(mark));
        }
        let blind = engine.scan.as_ref().is_some_and(|scan| !scan.sees_deliveries());
        if blind { Self { scan: None, ..engine } } else { engine }
    }

    /// The lines that follow are of this file.
    pub fn file(&mut self, name: Arc<str>, around: Around) {
        self.flush_pending();
        self.runs.files.push((name, around));
    }

    /// What threads look for in blocks before [`Engine::take`] gets them, in order; None: call [`Engine::block`].
    pub fn scan(&self) -> Option<Scan> {
        self.scan.clone()
    }

    /// Takes whole lines (the last may lack its end), the first of which has this number.
    pub fn block(&mut self, block: &[u8], first_line: u64) {
        if let Some(scan) = self.scan.take() {
            self.take(block, &scan.block(block), first_line);
            self.scan = Some(scan);
            return;
        }
        for (line, number) in lines(block).zip(first_line..) {
            self.line(line, number);
        }
    }

    /// Whether lines were passed over in which something was delivered to somebody who is known by now to lack
    /// something: they are to be looked at again, before what was found in them is taken.
    pub(super) fn passed_over(&self, scanned: &Scanned) -> bool {
        let lacking = &self.runs.lacking;
        // Those who were marked when the lines were looked through are not among the others.
        let news = self.scan.as_ref().is_none_or(|scan| scan.marks.news() != scanned.news);
        news && !lacking.is_empty() && scanned.others.iter().any(|half| lacking.may_hold(*half))
    }

    /// Takes what [`Scan::block`] found in these lines.
    pub fn take(&mut self, block: &[u8], scanned: &Scanned, first_line: u64) {
        let coverage = &mut self.runs.coverage;
        coverage.scanned = true;
        coverage.lines += scanned.lines;
        coverage.understood += scanned.lines.saturating_sub(scanned.not_understood);
        let sees = self.scan.as_ref().is_none_or(Scan::sees_deliveries);
        self.runs.missed |= !(sees || self.runs.lacking.is_empty());
        self.runs.missed |= self.passed_over(scanned);
        for hit in &scanned.hits {
            let line = &block[hit.start as usize..hit.end as usize];
            if usize::from(hit.event) == NOTHING {
                self.understood = false;
                self.example(line, first_line + hit.line);
                self.understood = true;
                continue;
            }
            let mut found = Found {
                key: (hit.server, hit.key(line)),
                number: first_line + hit.line,
                event: usize::from(hit.event),
                line,
                undelivered: hit.undelivered,
                delivers: false,
                failed: Vec::new(),
                time: None,
            };
            if (hit.undelivered && !self.again) || hit.delivers {
                let Some(values) = self.reader.values(found.event, line) else { continue };
                if hit.undelivered {
                    found.failed = marks(&values).collect();
                } else {
                    found.delivers = marks(&values).any(|mark| self.runs.lacking.holds(mark));
                    if !found.delivers {
                        continue;
                    }
                }
            }
            self.place(found);
        }
    }

    fn line(&mut self, line: &[u8], number: u64) {
        let line = if number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
        self.runs.coverage.lines += 1;
        if let Some((mut record, first)) = self.pending.take() {
            if record.len() + line.len() > MOST_LINE {
                self.record(&record, first, number - first);
            } else {
                record.push(b'\n');
                record.extend_from_slice(line);
                if self.reader.is_continued(line) {
                    self.pending = Some((record, first));
                } else {
                    self.record(&record, first, number - first + 1);
                }
                return;
            }
        }
        if !self.reader.begins_record(line) {
            self.runs.coverage.understood += u64::from(self.understood);
            self.example(line, number);
        } else if self.reader.is_continued(line) && line.len() <= MOST_LINE {
            self.pending = Some((line.to_vec(), number));
        } else {
            self.record(line, number, 1);
        }
    }

    fn flush_pending(&mut self) {
        if let Some((record, first)) = self.pending.take() {
            let count = lines(&record).count();
            self.record(&record, first, count as u64);
        }
    }

    fn record(&mut self, record: &[u8], number: u64, count: u64) {
        let reader = Arc::clone(&self.reader);
        let found = reader.event(record);
        self.understood = found.is_some() || record.trim_ascii().is_empty();
        if self.understood {
            self.runs.coverage.understood += count;
        } else {
            self.example(record, number);
        }
        let Some((event, values)) = found else { return };
        self.runs.coverage.events[event] += 1;
        let does = reader.events[event].does;
        if does == Does::Nothing {
            return;
        }
        let outcome = reader.outcome(event, &values);
        // Where literals lead to all that is left to deliver, both ways of reading pass over what was delivered to
        // those who lack nothing.
        let delivered = does == Does::Recipient && outcome == Some(Outcome::Ok);
        let delivers = delivered && marks(&values).any(|mark| self.runs.lacking.holds(mark));
        if delivered && !delivers && self.keep == Keep::Undelivered && reader.is_bulk() {
            return;
        }
        let key = match values.get(Field::Key).or_else(|| values.get(Field::Job)) {
            Some(key) => key.to_vec(),
            None if reader.is_bulk() => return,
            None => self.key.clone(),
        };
        let left = does != Does::Start && outcome.is_some_and(Outcome::is_undelivered);
        let undelivered = left && is_of(self.wanted.server.as_deref(), &values);
        // Failures of other servers matter to those alone who lack something.
        let of_another = left && !undelivered && does == Does::Recipient;
        if of_another
            && self.keep == Keep::Undelivered
            && reader.is_bulk()
            && !marks(&values).any(|mark| self.runs.lacking.holds(mark))
        {
            return;
        }
        let failed = if undelivered && !self.again { marks(&values).collect() } else { Vec::new() };
        let server = reader.of_server(values.get(Field::Server));
        let time = reader.rule.idle.and_then(|_| self.time(&values));
        self.place(Found {
            key: (server, &key),
            number,
            event,
            line: record,
            undelivered,
            delivers,
            failed,
            time,
        });
        self.key = key;
    }

    fn time(&self, values: &Values<'_>) -> Option<Timestamp> {
        let (_, around) = self.runs.files.last()?;
        moment::read(&values.text(Field::Time)?, &self.reader.rule.times, &self.reader.rule.months, around)
    }

    /// Puts a line to the run it belongs to.
    fn place(&mut self, found: Found<'_>) {
        let does = self.reader.events[found.event].does;
        let file = self.runs.files.len() - 1;
        if does == Does::Whole {
            let mut open = Open::new(file, found.number);
            open.push(file, &found, &mut self.runs.lacking);
            self.close(open, Ending::Ended);
            return;
        }
        let mut key = std::mem::take(&mut self.run_key);
        key.clear();
        key.extend_from_slice(&found.key.0.to_le_bytes());
        key.extend_from_slice(found.key.1);
        self.put(&key, does, file, &found);
        self.run_key = key;
    }

    /// Puts a line to the run of this key.
    fn put(&mut self, key: &[u8], does: Does, file: usize, found: &Found<'_>) {
        if let Some(open) = self.open.get_mut(key) {
            let gap = self.reader.rule.idle.zip(found.time.zip(open.last));
            let stale = gap.is_some_and(|(most, (now, last))| now.duration_since(last).as_secs() > most);
            if does != Does::Start && !stale {
                open.push(file, found, &mut self.runs.lacking);
                if does == Does::End
                    && let Some(open) = self.open.remove(key)
                {
                    self.close(open, Ending::Ended);
                }
                return;
            }
            if let Some(before) = self.open.remove(key) {
                self.close(before, Ending::Next);
            }
        }
        // Who was served by a run that began before the logs did was served before it failed.
        if does == Does::Recipient && found.delivers && self.reader.is_bulk() {
            return;
        }
        let mut open = Open::new(file, found.number);
        open.push(file, found, &mut self.runs.lacking);
        if does == Does::End {
            self.close(open, Ending::Ended);
        } else if self.open.len() + self.runs.kept.len() >= self.wanted.most.unwrap_or(usize::MAX) {
            self.runs.too_many = true;
        } else {
            self.open.insert(key.to_vec(), open);
        }
    }

    fn close(&mut self, mut open: Open, ending: Ending) {
        let unfinished = self.reader.rule.ends && ending != Ending::Ended;
        let is_bulk = self.reader.is_bulk();
        let plain = is_bulk && !open.undelivered && !open.delivers && !unfinished;
        if self.keep == Keep::Undelivered && plain {
            return;
        }
        open.record.insert(0, ending as u8);
        put(&mut open.record, u64::MAX);
        if self.keep == Keep::Tally {
            if let Some(built) = build(&self.reader, &self.runs.files, &open.record) {
                self.runs.coverage.tally(&built.run);
            }
            return;
        }
        let keep = self.keep == Keep::All || {
            let run = build(&self.reader, &self.runs.files, &open.record).map(|built| built.run);
            let lacking = &mut self.runs.lacking;
            lacking.settled(open.failed.iter(), run.as_ref());
            run.is_some_and(|run| {
                let own = self.wanted.server.as_deref();
                let own = own.is_none_or(|own| run.server.as_deref().is_none_or(|server| same(server, own)));
                (own && !self.again && is_undelivered(&run)) || lacking.is_served_by(&run)
            })
        };
        if keep && self.runs.kept.len() < self.wanted.most.unwrap_or(usize::MAX) {
            let slot = self.runs.arena.add(&open.record);
            self.runs.kept.push(Kept { file: open.file, line: open.line, slot });
        } else if keep {
            self.runs.too_many = true;
        }
    }

    fn example(&mut self, line: &[u8], number: u64) {
        // What continues a record that was understood is no example, unless none ever comes.
        let examples = if self.understood { &mut self.loose } else { &mut self.runs.coverage.examples };
        if examples.len() < EXAMPLES
            && !line.trim_ascii().is_empty()
            && let Some((file, _)) = self.runs.files.last()
        {
            let text = String::from_utf8_lossy(&line[..line.len().min(EXAMPLE)]).into_owned();
            examples.push((Place { file: Arc::clone(file), line: number }, text));
        }
    }

    /// The end of the last file: what is open is unfinished, where its rule knows ends.
    pub fn finish(mut self) -> Runs {
        self.flush_pending();
        let coverage = &mut self.runs.coverage;
        let none = !coverage.scanned && coverage.events.iter().all(|count| *count == 0);
        if none && !(self.loose.is_empty() && coverage.examples.is_empty()) {
            // Lines before the first record are part of what an older file holds; where none comes, of nothing.
            coverage.understood = 0;
            self.loose.append(&mut coverage.examples);
            self.loose.truncate(EXAMPLES);
            coverage.examples = std::mem::take(&mut self.loose);
        }
        let mut open: Vec<Open> = std::mem::take(&mut self.open).into_values().collect();
        open.sort_unstable_by_key(|open| (open.file, open.line));
        for open in open {
            self.close(open, Ending::Open);
        }
        self.runs.kept.sort_by_key(|kept| (kept.file, kept.line));
        self.runs.kept.shrink_to_fit();
        self.runs
    }
}

/// Whether something is left of a run.
pub fn is_undelivered(run: &Run) -> bool {
    run.outcome.is_undelivered() || run.recipients.iter().any(|recipient| recipient.outcome.is_undelivered())
}

/// A packed run: how it ended, then file, line, event, length and bytes of each line, then a last file that is none.
fn build(reader: &Reader, files: &[(Arc<str>, Around)], record: &[u8]) -> Option<Built> {
    let (ending, mut rest) = record.split_first()?;
    let ending = match ending {
        0 => Ending::Ended,
        1 => Ending::Next,
        _ => Ending::Open,
    };
    let lines = std::iter::from_fn(|| {
        let (file, around) = files.get(usize::try_from(take(&mut rest)?).ok()?)?;
        let line = take(&mut rest)?;
        let event = usize::try_from(take(&mut rest)?).ok()?;
        let length = usize::try_from(take(&mut rest)?).ok()?;
        let text = rest.get(..length)?;
        rest = &rest[length..];
        Some(Line { place: Place { file: Arc::clone(file), line }, event, text, around })
    });
    written::run(reader, lines, ending)
}
