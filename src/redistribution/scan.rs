//! Large logs: only lines that a literal touches are looked at.
//!
//! In: a compiled rule and blocks of whole lines. Out: the lines that matter, with their events and keys, and marks of
//! those to whom the others say something was delivered; threads may scan blocks side by side. It does not know runs.
//!
//! A rule can be read so where each event but deliveries has a `literal`, or an outcome among the words of `outcomes`.
//! Deliveries are looked at where one pair names the recipient: those to whom is known to lack something are lines that
//! matter, of the others the marks are handed on, for a failure in lines before may be known only later.

mod form;
mod head;

use super::engine::EXAMPLES;
use super::lacking::{Mark, Marks, leading_mark, mark};
use super::model::Outcome;
use super::reader::{MOST_LINE, Reader, Values, outcome_of};
use super::written::unfolded;
use crate::alert::name::same;
use crate::rules::logs::LogRule;
use crate::rules::logs::model::{Does, Event, Field};
use aho_corasick::packed::{Config, MatchKind, Searcher};
use aho_corasick::{AhoCorasick, Span};
use form::{Forms, Known};
use head::{Heads, Walk};
use std::sync::Arc;

/// The event of a line that no event matches.
pub(super) const NOTHING: usize = u16::MAX as usize;

/// What is looked for; cheap to clone.
#[derive(Debug, Clone)]
pub struct Scan {
    reader: Arc<Reader>,
    texts: Texts,
    /// Which of the texts names a recipient.
    recipient: Option<usize>,
    heads: Arc<Heads>,
    /// What follows a recipient's name to whom something was delivered: ` state=OK`.
    delivered: Arc<[String]>,
    /// Whose failures count, and the mark of the name; None: those of all.
    server: Option<Arc<str>>,
    own: Option<Mark>,
    pub(super) marks: Arc<Marks>,
}

/// Finds texts: few of them by their first bytes, many at once.
#[derive(Debug, Clone)]
enum Texts {
    Few(Arc<Searcher>),
    Many(AhoCorasick),
}

impl Texts {
    fn new(texts: &[String]) -> Option<Texts> {
        let mut builder = Config::new().match_kind(MatchKind::LeftmostFirst).builder();
        if let Some(few) = builder.extend(texts).build() {
            return Some(Texts::Few(Arc::new(few)));
        }
        AhoCorasick::new(texts).ok().map(Texts::Many)
    }

    /// Which of them comes first from here on, and where.
    fn find(&self, block: &[u8], from: usize) -> Option<(usize, usize, usize)> {
        let found = match self {
            Texts::Few(few) => few.find_in(block, Span { start: from, end: block.len() }),
            Texts::Many(many) => many.find(aho_corasick::Input::new(block).range(from..)),
        };
        found.map(|found| (found.pattern().as_usize(), found.start(), found.end()))
    }
}

/// What the front of a line and its pairs tell of it.
enum Quick {
    Hit(Hit),
    /// It does not matter, unless this recipient (half a mark) is known later to lack something.
    Other(u32),
    /// Not enough.
    Open,
}

/// What was found in one block.
#[derive(Debug, Default)]
pub struct Scanned {
    /// Lines in the block.
    pub lines: u64,
    pub(super) hits: Vec<Hit>,
    /// Those to whom something was delivered, and of whom no failure was known: half the mark of each.
    pub(super) others: Vec<u32>,
    /// [`Marks::news`] before the first line.
    pub(super) news: u64,
    /// Lines that were looked at and that no event matches; the first of them are among the hits.
    pub(super) not_understood: u64,
    /// Forms of the lines before, which those of the next block most often have.
    forms: Forms,
}

/// A line that matters.
#[derive(Debug)]
pub(super) struct Hit {
    pub(super) start: u32,
    pub(super) end: u32,
    /// From 0 in its block, or piece.
    pub(super) line: u64,
    pub(super) event: u16,
    /// Of its server, where that is part of what tells runs apart.
    pub(super) server: Mark,
    /// Where its key stands in the line.
    key: (u32, u32),
    /// The key, where the line has it in other words (escaped).
    unescaped: Option<Box<[u8]>>,
    pub(super) undelivered: bool,
    /// It says that something was delivered.
    pub(super) delivers: bool,
}

impl Reader {
    /// Whether literals lead to every line that can leave something to deliver, and keys tell runs apart.
    pub(super) fn is_bulk(&self) -> bool {
        self.bulk.is_some()
    }
}

/// The texts of which one stands in every line that matters; None: no such choice, or lines without keys.
pub(super) fn literals(rule: &LogRule) -> Option<Vec<String>> {
    if rule.record.is_some() || rule.continued.is_some() || rule.idle.is_some() {
        return None;
    }
    let is_key = |field: &Field| matches!(field, Field::Key | Field::Job);
    let paired = rule.pairs.iter().any(|(_, field)| is_key(field));
    let keyed = |event: &Event| {
        let has = |name: &str| event.matches.text.contains(&format!("(?<{name}>"));
        has("key") || has("job") || (paired && has("pairs"))
    };
    if !rule.events.iter().any(|event| event.does == Does::Start) || !rule.events.iter().all(keyed) {
        return None;
    }
    let mut texts = Vec::new();
    for event in &rule.events {
        let fixed = event.outcome.as_deref().and_then(outcome_of);
        match (event.does, &event.literal, fixed) {
            (Does::Nothing, ..) | (Does::Recipient, _, Some(Outcome::Ok)) => {}
            (Does::Recipient, _, None) => {
                let named = rule.pairs.iter().filter(|(_, field)| *field == Field::Outcome);
                let named: Vec<_> = named.collect();
                if named.is_empty() || rule.outcomes.iter().any(|(word, _)| word == "*") {
                    return None;
                }
                let left = rule.outcomes.iter().filter(|(_, class)| class != "ok");
                texts.extend(left.map(|(word, _)| format!("={word}")));
                // A word as JSON text may be any.
                texts.extend(named.into_iter().map(|(name, _)| format!("{name}=\"")));
            }
            (_, Some(literal), _) => texts.push(literal.clone()),
            _ => return None,
        }
    }
    texts.sort_unstable();
    texts.dedup();
    (!texts.is_empty()).then_some(texts)
}

/// What says, behind a recipient's name, that something was delivered to it.
fn delivered(rule: &LogRule) -> Vec<String> {
    let named = rule.pairs.iter().filter(|(_, field)| *field == Field::Outcome);
    let words = |name: &String| {
        let ok = rule.outcomes.iter().filter(|(_, class)| class == Outcome::Ok.word());
        ok.map(|(word, _)| format!(" {name}={word}")).collect::<Vec<_>>()
    };
    named.flat_map(|(name, _)| words(name)).collect()
}

impl Scan {
    /// None where the rule cannot be read so.
    pub(super) fn new(reader: &Arc<Reader>, server: Option<&str>) -> Option<Scan> {
        let mut texts = reader.bulk.clone()?;
        let recipient = reader.recipient_pair.as_ref().map(|pair| {
            texts.push(String::from_utf8_lossy(pair.needle()).into_owned());
            texts.len() - 1
        });
        Some(Scan {
            reader: Arc::clone(reader),
            texts: Texts::new(&texts)?,
            recipient,
            heads: Arc::new(Heads::new(&reader.rule().events)),
            delivered: delivered(reader.rule()).into(),
            server: server.map(Arc::from),
            own: server.map(|name| mark(name.as_bytes())),
            marks: Arc::default(),
        })
    }

    /// Whether what follows a recipient's name says at once that something was delivered to it: then its line needs no
    /// other look. Where lines are written otherwise each of them is read.
    fn was_delivered(&self, rest: &[u8]) -> bool {
        self.delivered.iter().any(|text| {
            begins(rest, text.as_bytes()) && rest.get(text.len()).is_none_or(u8::is_ascii_whitespace)
        })
    }

    /// Whether deliveries are seen.
    pub(super) fn sees_deliveries(&self) -> bool {
        self.recipient.is_some()
    }

    /// Looks through whole lines.
    pub fn block(&self, block: &[u8]) -> Scanned {
        let mut scanned = Scanned::default();
        self.look(block, &mut scanned);
        scanned
    }

    /// The same, into what held another block.
    pub(super) fn look(&self, block: &[u8], scanned: &mut Scanned) {
        scanned.hits.clear();
        scanned.others.clear();
        scanned.not_understood = 0;
        scanned.news = self.marks.news();
        let mut walk = Walk::default();
        let mut forms = std::mem::take(&mut scanned.forms);
        forms.begin();
        // `counted`: where the line begins up to which lines were counted.
        let (mut from, mut counted, mut line_number) = (0, 0, 0u64);
        // Where the last of `others` stands.
        let mut last_other = 0;
        loop {
            if from == counted && self.formed(&forms, block, &mut counted, &mut line_number, scanned) {
                break;
            }
            from = from.max(counted);
            let Some((text, found, end)) = self.texts.find(block, from) else { break };
            let start_of =
                |from: usize| memchr::memrchr(b'\n', &block[from..found]).map_or(from, |at| from + at + 1);
            let end_of = |from: usize| memchr::memchr(b'\n', &block[from..]).map(|at| from + at);
            if Some(text) == self.recipient {
                from = end;
                let value = &block[end..];
                if !matches!(value.first(), None | Some(b'"' | b'[')) {
                    let (length, mark) = leading_mark(value);
                    if !self.marks.may_hold(mark) && self.was_delivered(&value[length..]) {
                        last_other = found;
                        scanned.others.push(half(mark));
                        let start = start_of(counted);
                        self.learn(&mut forms, &mut walk, &block[start..], end - start);
                        // The next line is looked at by its form, where nothing else stands in this one.
                        if !forms.is_empty()
                            && let Some(line_end) = end_of(end)
                            && self.texts.find(&block[..line_end], end).is_none()
                        {
                            line_number +=
                                memchr::memchr_iter(b'\n', &block[counted..start]).count() as u64 + 1;
                            (counted, from) = (line_end + 1, line_end + 1);
                        }
                        continue;
                    }
                }
            }
            let start = start_of(counted);
            let line_end = end_of(end);
            let end = line_end.unwrap_or(block.len());
            line_number += memchr::memchr_iter(b'\n', &block[counted..start]).count() as u64;
            // A line that matters speaks for itself.
            if last_other > start {
                scanned.others.pop();
            }
            last_other = 0;
            let line = &block[start..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let hit = match self.quick(&mut walk, line, start, line_number) {
                Quick::Hit(hit) => Some(hit),
                Quick::Other(half) => {
                    scanned.others.push(half);
                    None
                }
                Quick::Open => self.hit(line, start, line_number, scanned),
            };
            scanned.hits.extend(hit);
            let Some(line_end) = line_end else {
                counted = start;
                break;
            };
            line_number += 1;
            (counted, from) = (line_end + 1, line_end + 1);
        }
        scanned.forms = forms;
        let rest = &block[counted..];
        let torn = u64::from(!rest.is_empty() && rest.last() != Some(&b'\n'));
        scanned.lines = line_number + memchr::memchr_iter(b'\n', rest).count() as u64 + torn;
    }

    /// Goes through lines of known forms that tell of deliveries to others than those who lack something; true: to the
    /// end of the block.
    fn formed(
        &self,
        forms: &Forms,
        block: &[u8],
        counted: &mut usize,
        lines: &mut u64,
        scanned: &mut Scanned,
    ) -> bool {
        while let Some(name) = forms.name(&block[*counted..]) {
            let value = &block[*counted + name..];
            if matches!(value.first(), None | Some(b'"' | b'[')) {
                return false;
            }
            let (length, mark) = leading_mark(value);
            if self.marks.may_hold(mark) || !self.was_delivered(&value[length..]) {
                return false;
            }
            scanned.others.push(half(mark));
            let Some(end) = memchr::memchr(b'\n', &value[length..]) else { return true };
            *counted += name + length + end + 1;
            *lines += 1;
        }
        false
    }

    /// Keeps the form of a line that tells of a delivery, where its front and its pairs say so.
    fn learn(&self, forms: &mut Forms, walk: &mut Walk, text: &[u8], name: usize) {
        let line = &text[..memchr::memchr(b'\n', text).unwrap_or(text.len())];
        let Some((event, front)) = self.heads.first(walk, line) else { return };
        let compiled = &self.reader.events[event];
        if compiled.does != Does::Recipient || compiled.outcome.is_some() || line.len() > MOST_LINE {
            return;
        }
        let known = Known { heads: &self.heads, event, pairs: line.len() - front.pairs.len() };
        if known.pairs <= name {
            forms.keep(line, name, &known, |word| self.reader.is_of_result(word));
        }
    }

    /// The same as [`Scan::hit`] for the first event, where its head is enough to tell.
    fn quick(&self, walk: &mut Walk, line: &[u8], start: usize, number: u64) -> Quick {
        if line.len() > MOST_LINE {
            return Quick::Open;
        }
        let Some((event, front)) = self.heads.first(walk, line) else { return Quick::Open };
        match self.reader.events[event].does {
            Does::Start => {}
            Does::End if !self.reader.names_outcome(front.pairs) => {}
            Does::Recipient if self.is_of_another(front.server) && self.reader.fails(front.pairs) => {
                let mark = self.reader.recipient_of_pairs(front.pairs).map(mark);
                return match mark.filter(|mark| !self.marks.may_hold(*mark)) {
                    Some(mark) => Quick::Other(half(mark)),
                    None => Quick::Open,
                };
            }
            _ => return Quick::Open,
        }
        if self.reader.by_server && front.server.is_none() {
            return Quick::Open;
        }
        let of = self.reader.of_server(front.server);
        let key = self.reader.key_of_pairs(front.pairs);
        let hit = key.and_then(|key| Hit::new(line, start, number, event, (key, of), false));
        hit.map_or(Quick::Open, Quick::Hit)
    }

    /// Whether a line is surely not of the server whose failures count.
    fn is_of_another(&self, server: Option<&[u8]>) -> bool {
        self.own.zip(server).is_some_and(|(own, server)| mark(server) != own)
    }

    fn hit(&self, line: &[u8], start: usize, number: u64, scanned: &mut Scanned) -> Option<Hit> {
        let Some((event, values)) = self.reader.event(line) else {
            if line.trim_ascii().is_empty() {
                return None;
            }
            scanned.not_understood += 1;
            let few = scanned.not_understood <= EXAMPLES as u64;
            return Hit::new(line, start, number, NOTHING, (b"", 0), false).filter(|_| few);
        };
        let does = self.reader.events[event].does;
        let outcome = self.reader.outcome(event, &values);
        let delivers = does == Does::Recipient && outcome == Some(Outcome::Ok);
        if does == Does::Nothing {
            return None;
        }
        if delivers {
            let marks: Vec<Mark> = marks(&values).collect();
            if !marks.iter().any(|mark| self.marks.may_hold(*mark)) {
                scanned.others.extend(marks.into_iter().map(half));
                return None;
            }
        }
        let key = values.get(Field::Key).or_else(|| values.get(Field::Job))?;
        let undelivered = does != Does::Start
            && outcome.is_some_and(Outcome::is_undelivered)
            && is_of(self.server.as_deref(), &values);
        if undelivered {
            marks(&values).for_each(|mark| self.marks.set(mark));
        } else if does == Does::Recipient && !delivers {
            // A failure of another server matters to those alone who lack something: it may take back what was delivered.
            let marks: Vec<Mark> = marks(&values).collect();
            if !marks.iter().any(|mark| self.marks.may_hold(*mark)) {
                scanned.others.extend(marks.into_iter().map(half));
                return None;
            }
        }
        let of = self.reader.of_server(values.get(Field::Server));
        let hit = Hit::new(line, start, number, event, (key, of), undelivered)?;
        Some(Hit { delivers, ..hit })
    }
}

/// Whether a line begins with a text of some bytes, most often: the first and the last eight are compared at once.
fn begins(line: &[u8], text: &[u8]) -> bool {
    let Some(line) = line.get(..text.len()) else { return false };
    match (line.first_chunk::<8>(), text.first_chunk::<8>()) {
        (Some(own), Some(of)) if text.len() <= 16 => {
            own == of && line.last_chunk::<8>() == text.last_chunk::<8>()
        }
        _ => line == text,
    }
}

/// Half a mark.
fn half(mark: Mark) -> u32 {
    (mark >> 32) as u32
}

/// Marks of the recipients that a line names.
pub(super) fn marks<'v>(values: &'v Values<'_>) -> impl Iterator<Item = Mark> + 'v {
    let lists = values.all(Field::Recipients).map(String::from_utf8_lossy);
    let listed = lists.flat_map(|text| unfolded(&text)).map(|name| mark(name.as_bytes()));
    values.get(Field::Recipient).map(mark).into_iter().chain(listed)
}

/// Whether a line is of this server: those that name none are.
pub(super) fn is_of(server: Option<&str>, values: &Values<'_>) -> bool {
    server.is_none_or(|server| {
        values.get(Field::Server).is_none_or(|own| same(&String::from_utf8_lossy(own), server))
    })
}

impl Hit {
    pub(super) fn key<'h>(&'h self, line: &'h [u8]) -> &'h [u8] {
        self.unescaped.as_deref().unwrap_or(&line[self.key.0 as usize..self.key.1 as usize])
    }

    fn new(
        line: &[u8],
        start: usize,
        number: u64,
        event: usize,
        (key, server): (&[u8], Mark),
        undelivered: bool,
    ) -> Option<Hit> {
        let narrow = |number: usize| u32::try_from(number).ok();
        Some(Hit {
            start: narrow(start)?,
            end: narrow(start + line.len())?,
            line: number,
            event: u16::try_from(event).ok()?,
            server,
            key: within(line, key).unwrap_or_default(),
            unescaped: within(line, key).is_none().then(|| key.into()),
            undelivered,
            delivers: false,
        })
    }
}

/// Where a value stands in its line; one that had to be unescaped does not.
fn within(line: &[u8], value: &[u8]) -> Option<(u32, u32)> {
    let start = (value.as_ptr() as usize).checked_sub(line.as_ptr() as usize)?;
    let end = start.checked_add(value.len()).filter(|end| *end <= line.len())?;
    Some((u32::try_from(start).ok()?, u32::try_from(end).ok()?))
}
