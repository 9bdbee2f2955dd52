//! Large logs: only lines that a literal touches are looked at.
//!
//! In: a compiled rule and blocks of whole lines. Out: the lines that matter, with their events and keys; threads may
//! scan blocks side by side. It does not know runs.
//!
//! A rule can be read so where each event but deliveries has a `literal`, or an outcome among the words of `outcomes`.

use super::model::Outcome;
use super::reader::{Reader, outcome_of};
use crate::rules::logs::LogRule;
use crate::rules::logs::model::{Does, Event, Field};
use regex::bytes::{Regex, RegexBuilder};
use std::sync::Arc;

/// What is looked for; cheap to clone.
#[derive(Debug, Clone)]
pub struct Scan {
    reader: Arc<Reader>,
    literals: Regex,
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
    pub(super) key: (u32, u32),
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
        Some(Scan { reader: Arc::clone(reader), literals })
    }

    /// Looks through whole lines.
    pub fn block(&self, block: &[u8]) -> Scanned {
        let mut scanned = Scanned::default();
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
            if let Some(hit) = self.hit(line, start, line_number) {
                scanned.hits.push(hit);
            }
        }
        let rest = &block[counted..];
        let torn = u64::from(!rest.is_empty() && rest.last() != Some(&b'\n'));
        scanned.lines = line_number + memchr::memchr_iter(b'\n', rest).count() as u64 + torn;
        scanned
    }

    fn hit(&self, line: &[u8], start: usize, number: u64) -> Option<Hit> {
        let (event, values) = self.reader.event(line)?;
        let does = self.reader.events[event].does;
        let outcome = self.reader.outcome(event, &values);
        if does == Does::Nothing || (does == Does::Recipient && outcome == Some(Outcome::Ok)) {
            return None;
        }
        let key = values.get(Field::Key).or_else(|| values.get(Field::Job))?;
        let key = within(line, key)?;
        let narrow = |number: usize| u32::try_from(number).ok();
        Some(Hit {
            start: narrow(start)?,
            end: narrow(start + line.len())?,
            line: u32::try_from(number).ok()?,
            event: u16::try_from(event).ok()?,
            key,
            undelivered: outcome.is_some_and(Outcome::is_undelivered),
        })
    }
}

/// Where a value stands in its line; one that had to be unescaped does not.
fn within(line: &[u8], value: &[u8]) -> Option<(u32, u32)> {
    let start = (value.as_ptr() as usize).checked_sub(line.as_ptr() as usize)?;
    let end = start.checked_add(value.len()).filter(|end| *end <= line.len())?;
    Some((u32::try_from(start).ok()?, u32::try_from(end).ok()?))
}
