//! Large logs: only lines that a literal touches are looked at.
//!
//! In: a compiled rule and blocks of whole lines. Out: the lines that matter, with their events and keys; threads may
//! scan blocks side by side. It does not know runs.
//!
//! A rule can be read so where each event but deliveries has a `literal`, or an outcome among the words of `outcomes`.

use super::model::Outcome;
use super::reader::{MOST_LINE, Reader, outcome_of};
use crate::rules::logs::LogRule;
use crate::rules::logs::model::{Does, Event, Field};
use memchr::memmem;
use regex::bytes::{Regex, RegexBuilder};
use regex_automata::dfa::onepass;
use regex_automata::{Anchored, Input};
use std::sync::Arc;

/// What is looked for; cheap to clone.
#[derive(Debug, Clone)]
pub struct Scan {
    reader: Arc<Reader>,
    literals: Regex,
    heads: Arc<[Option<Head>]>,
}

/// The part of an event's pattern in front of its pairs. Most lines that a literal leads to begin or end jobs of which
/// nothing failed: their keys are all that is asked of them.
#[derive(Debug)]
struct Head {
    literal: memmem::Finder<'static>,
    dfa: onepass::DFA,
}

/// How the pattern of such an event ends.
const PAIRS: &str = r"(?<pairs>\S.*)";

impl Head {
    /// None where the pattern may match in more than one way, or is of another form.
    fn new(event: &Event) -> Option<Head> {
        let front = event.matches.text.strip_prefix('^')?.strip_suffix(PAIRS)?;
        if front.contains('|') || front.contains("(?i") || front.contains("(?s") {
            return None;
        }
        let syntax = regex_automata::util::syntax::Config::new()
            .unicode(event.matches.unicode)
            .utf8(false)
            .multi_line(true);
        let utf8 = regex_automata::nfa::thompson::Config::new().utf8(false);
        let mut builder = onepass::DFA::builder();
        let dfa = builder.syntax(syntax).thompson(utf8).build(&format!("{front}\\S")).ok()?;
        Some(Head { literal: memmem::Finder::new(event.literal.as_ref()?).into_owned(), dfa })
    }

    /// Where the pairs begin.
    fn pairs(&self, cache: &mut onepass::Cache, line: &[u8]) -> Option<usize> {
        self.literal.find(line)?;
        let mut slots = [None, None];
        let input = Input::new(line).anchored(Anchored::Yes);
        self.dfa.try_search_slots(cache, &input, &mut slots).ok()??;
        slots[1].map(|end| end.get() - 1)
    }
}

/// What was found in one block.
#[derive(Debug, Default)]
pub struct Scanned {
    /// Lines in the block.
    pub lines: u64,
    pub(super) hits: Vec<Hit>,
}

/// A line that matters.
#[derive(Debug)]
pub(super) struct Hit {
    pub(super) start: u32,
    pub(super) end: u32,
    /// From 0 in its block.
    pub(super) line: u32,
    pub(super) event: u16,
    /// Where its key stands in the line.
    key: (u32, u32),
    /// The key, where the line has it in other words (escaped).
    unescaped: Option<Box<[u8]>>,
    pub(super) undelivered: bool,
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
            }
            (_, Some(literal), _) => texts.push(literal.clone()),
            _ => return None,
        }
    }
    texts.sort_unstable();
    texts.dedup();
    (!texts.is_empty()).then_some(texts)
}

impl Scan {
    /// None where the rule cannot be read so.
    pub(super) fn new(reader: &Arc<Reader>) -> Option<Scan> {
        let texts: Vec<String> = reader.bulk.as_ref()?.iter().map(|text| regex::escape(text)).collect();
        let mut builder = RegexBuilder::new(&texts.join("|"));
        let literals = builder.unicode(false).build().ok()?;
        let heads = reader.rule().events.iter().map(Head::new).collect();
        Some(Scan { reader: Arc::clone(reader), literals, heads })
    }

    /// Looks through whole lines.
    pub fn block(&self, block: &[u8]) -> Scanned {
        let mut scanned = Scanned::default();
        let mut caches: Vec<_> =
            self.heads.iter().map(|head| head.as_ref().map(|head| head.dfa.create_cache())).collect();
        let (mut from, mut counted, mut line_number) = (0, 0, 0u64);
        while let Some(found) = self.literals.find_at(block, from) {
            let start =
                memchr::memrchr(b'\n', &block[counted..found.start()]).map_or(counted, |at| counted + at + 1);
            let end = memchr::memchr(b'\n', &block[found.end()..]).map_or(block.len(), |at| found.end() + at);
            line_number += memchr::memchr_iter(b'\n', &block[counted..start]).count() as u64;
            counted = start;
            from = end;
            let line = &block[start..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let hit = self.quick(&mut caches, line, start, line_number);
            if let Some(hit) = hit.or_else(|| self.hit(line, start, line_number)) {
                scanned.hits.push(hit);
            }
        }
        let rest = &block[counted..];
        let torn = u64::from(!rest.is_empty() && rest.last() != Some(&b'\n'));
        scanned.lines = line_number + memchr::memchr_iter(b'\n', rest).count() as u64 + torn;
        scanned
    }

    /// The same as [`Scan::hit`] for the first event, where its head is enough to tell; None: it may be anything.
    fn quick(
        &self,
        caches: &mut [Option<onepass::Cache>],
        line: &[u8],
        start: usize,
        number: u64,
    ) -> Option<Hit> {
        if line.len() > MOST_LINE {
            return None;
        }
        for (event, (head, cache)) in self.heads.iter().zip(caches).enumerate() {
            let (head, cache) = (head.as_ref()?, cache.as_mut()?);
            let Some(pairs) = head.pairs(cache, line) else { continue };
            let key = self.reader.key_of_pairs(&line[pairs..])?;
            let undelivered = match self.reader.events[event].does {
                Does::Start => false,
                Does::End if !self.reader.names_outcome(&line[pairs..]) => false,
                _ => return None,
            };
            return Hit::new(line, start, number, event, key, undelivered);
        }
        None
    }

    fn hit(&self, line: &[u8], start: usize, number: u64) -> Option<Hit> {
        let (event, values) = self.reader.event(line)?;
        let does = self.reader.events[event].does;
        let outcome = self.reader.outcome(event, &values);
        if does == Does::Nothing || (does == Does::Recipient && outcome == Some(Outcome::Ok)) {
            return None;
        }
        let key = values.get(Field::Key).or_else(|| values.get(Field::Job))?;
        let undelivered = does != Does::Start && outcome.is_some_and(Outcome::is_undelivered);
        Hit::new(line, start, number, event, key, undelivered)
    }
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
        key: &[u8],
        undelivered: bool,
    ) -> Option<Hit> {
        let narrow = |number: usize| u32::try_from(number).ok();
        Some(Hit {
            start: narrow(start)?,
            end: narrow(start + line.len())?,
            line: u32::try_from(number).ok()?,
            event: u16::try_from(event).ok()?,
            key: within(line, key).unwrap_or_default(),
            unescaped: within(line, key).is_none().then(|| key.into()),
            undelivered,
        })
    }
}

/// Where a value stands in its line; one that had to be unescaped does not.
fn within(line: &[u8], value: &[u8]) -> Option<(u32, u32)> {
    let start = (value.as_ptr() as usize).checked_sub(line.as_ptr() as usize)?;
    let end = start.checked_add(value.len()).filter(|end| *end <= line.len())?;
    Some((u32::try_from(start).ok()?, u32::try_from(end).ok()?))
}
