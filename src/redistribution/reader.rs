//! A logfile rule, compiled: one line in, what happened out.
//!
//! In: a [`LogRule`] and lines as bytes. Out: which event a line is and the values in it. It does not know runs.

use super::lacking::{Mark, mark};
use super::model::Outcome;
use crate::rules::MOST_COMPILED;
use crate::rules::logs::model::{Does, Event, Field, OUTCOMES};
use crate::rules::logs::{LogRule, LogRules};
use crate::rules::model::Pattern;
use memchr::memmem;
use regex::bytes::{Captures, Regex, RegexBuilder};
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

/// Longer lines (and records) are counted as not understood.
pub const MOST_LINE: usize = 1 << 20;

/// Lines after which a log is recognised, if one of them is understood.
const ENOUGH: usize = 100;

/// A rule, ready to be read with.
#[derive(Debug)]
pub struct Reader {
    pub(super) rule: LogRule,
    pub(super) events: Vec<Compiled>,
    recognise: Vec<Lazy>,
    record: Option<Lazy>,
    continued: Option<Lazy>,
    /// Literals that lead to every line that matters, see [`super::scan`].
    pub(super) bulk: Option<Vec<String>>,
    /// Every line names the server that wrote it: jobs of two servers may have one number.
    pub(super) by_server: bool,
    /// `target=`, where one pair alone names recipients.
    pub(super) recipient_pair: Option<memmem::Finder<'static>>,
}

/// An event, ready to be looked for.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) does: Does,
    pub(super) outcome: Option<Outcome>,
    pub(super) cause: Option<String>,
    literal: Option<memmem::Finder<'static>>,
    pattern: Lazy,
}

/// A pattern that is compiled when it is first asked: most rules read no log of those at hand. One that no longer
/// compiles, which [`crate::rules::logs::compile`] rules out, matches nothing.
#[derive(Debug)]
struct Lazy {
    pattern: Pattern,
    made: OnceLock<Option<Made>>,
}

#[derive(Debug)]
struct Made {
    regex: Regex,
    /// Captures of the pattern and what they hold.
    fields: Vec<(usize, Field)>,
}

impl Lazy {
    fn new(pattern: &Pattern) -> Lazy {
        Lazy { pattern: pattern.clone(), made: OnceLock::new() }
    }

    fn made(&self) -> Option<&Made> {
        let make = || {
            let mut builder = RegexBuilder::new(&self.pattern.text);
            builder.multi_line(true).unicode(self.pattern.unicode).size_limit(MOST_COMPILED);
            let regex = builder.build().ok()?;
            let named = regex.capture_names().enumerate();
            let fields = named.filter_map(|(at, name)| Some((at, Field::from_word(name?)?))).collect();
            Some(Made { regex, fields })
        };
        self.made.get_or_init(make).as_ref()
    }

    fn is_match(&self, text: &[u8]) -> bool {
        self.made().is_some_and(|made| made.regex.is_match(text))
    }
}

/// The values of one line, in the order of the rule.
#[derive(Debug, Default)]
pub(super) struct Values<'l> {
    held: Vec<(Field, Cow<'l, [u8]>)>,
}

impl<'l> Values<'l> {
    pub(super) fn get(&self, field: Field) -> Option<&[u8]> {
        self.held
            .iter()
            .find(|(own, value)| *own == field && !value.is_empty())
            .map(|(_, value)| value.as_ref())
    }

    pub(super) fn text(&self, field: Field) -> Option<String> {
        self.get(field).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    pub(super) fn all(&self, field: Field) -> impl Iterator<Item = &[u8]> {
        self.held.iter().filter(move |(own, _)| *own == field).map(|(_, value)| value.as_ref())
    }

    fn add(&mut self, field: Field, value: Cow<'l, [u8]>) {
        self.held.push((field, value));
    }
}

/// An outcome class by its word.
pub(super) fn outcome_of(word: &str) -> Option<Outcome> {
    Outcome::ALL.into_iter().find(|outcome| outcome.word() == word)
}

impl Reader {
    /// Its patterns are compiled later, as they are needed.
    pub fn new(rule: &LogRule) -> Reader {
        debug_assert!(OUTCOMES.iter().all(|word| outcome_of(word).is_some()));
        let event = |event: &Event| Compiled {
            does: event.does,
            outcome: event.outcome.as_deref().and_then(outcome_of),
            cause: event.cause.clone(),
            literal: event.literal.as_ref().map(|text| memmem::Finder::new(text).into_owned()),
            pattern: Lazy::new(&event.matches),
        };
        Reader {
            events: rule.events.iter().map(event).collect(),
            recognise: rule.recognise.iter().map(Lazy::new).collect(),
            record: rule.record.as_ref().map(Lazy::new),
            continued: rule.continued.as_ref().map(Lazy::new),
            bulk: super::scan::literals(rule),
            by_server: by_server(rule),
            recipient_pair: recipient_pair(rule),
            rule: rule.clone(),
        }
    }

    /// One for each of the rules, in their order.
    pub fn all(rules: &LogRules) -> Vec<Arc<Reader>> {
        rules.rules.iter().map(|rule| Arc::new(Reader::new(rule))).collect()
    }

    /// The rule it was made of.
    pub fn rule(&self) -> &LogRule {
        &self.rule
    }

    /// Which event a line is; the line has no line end.
    pub(super) fn event<'l>(&self, line: &'l [u8]) -> Option<(usize, Values<'l>)> {
        if line.len() > MOST_LINE {
            return None;
        }
        (0..self.events.len()).find_map(|at| Some((at, self.values(at, line)?)))
    }

    /// The values of a line, if it is this event.
    pub(super) fn values<'l>(&self, event: usize, line: &'l [u8]) -> Option<Values<'l>> {
        let compiled = self.events.get(event)?;
        if compiled.literal.as_ref().is_some_and(|literal| literal.find(line).is_none()) {
            return None;
        }
        let made = compiled.pattern.made()?;
        let found = made.regex.captures(line)?;
        let mut values = Values::default();
        for (at, field) in &made.fields {
            if let Some(value) = capture(&found, *at) {
                match field {
                    Field::Pairs => self.pairs(value, &mut values),
                    _ => values.add(*field, Cow::Borrowed(value)),
                }
            }
        }
        let known = compiled.does != Does::Recipient || self.outcome(event, &values).is_some();
        known.then_some(values)
    }

    /// What a line says of its recipients or run: a fixed outcome, or what the rule makes of its words.
    pub(super) fn outcome(&self, event: usize, values: &Values<'_>) -> Option<Outcome> {
        if let Some(outcome) = self.events[event].outcome {
            return Some(outcome);
        }
        let word = values.get(Field::Outcome).or_else(|| values.get(Field::Status))?;
        let named = |name: &[u8]| self.rule.outcomes.iter().find(|(own, _)| own.as_bytes() == name);
        named(word).or_else(|| named(b"*")).and_then(|(_, class)| outcome_of(class))
    }

    /// Whether a line begins a record: all do where the rule says nothing else.
    pub(super) fn begins_record(&self, line: &[u8]) -> bool {
        self.record.as_ref().is_none_or(|record| record.is_match(line))
    }

    /// Whether the next line belongs to this one.
    pub(super) fn is_continued(&self, line: &[u8]) -> bool {
        self.continued.as_ref().is_some_and(|continued| continued.is_match(line))
    }

    /// Whether the beginning of a file is such a log: how many of its first lines, and of how many, are understood, or
    /// None.
    pub(super) fn recognises(&self, beginning: &[u8]) -> Option<(usize, usize)> {
        let all =
            !self.recognise.is_empty() && self.recognise.iter().all(|pattern| pattern.is_match(beginning));
        all.then(|| {
            let (mut understood, mut of) = (0, 0);
            for line in lines(beginning) {
                if of >= ENOUGH && understood > 0 {
                    break;
                }
                of += 1;
                understood += usize::from(self.event(line).is_some());
            }
            (understood, of)
        })
    }

    /// `NAME=value` until something else comes, which is a cause: bare to the next blank, JSON text, or JSON list.
    fn pairs<'l>(&self, text: &'l [u8], values: &mut Values<'l>) {
        let mut pairs = Pairs { rest: text };
        for (name, raw) in pairs.by_ref() {
            let Some(field) = self.paired(name) else { continue };
            let text = raw.first() == Some(&b'"');
            let value = match text.then(|| serde_json::from_slice::<String>(raw)) {
                Some(Ok(text)) => Cow::Owned(text.into_bytes()),
                _ => Cow::Borrowed(raw),
            };
            values.add(field, value);
        }
        let rest = pairs.rest.trim_ascii();
        if !rest.is_empty() {
            values.add(Field::Cause, Cow::Borrowed(rest));
        }
    }

    fn paired(&self, name: &[u8]) -> Option<Field> {
        self.rule.pairs.iter().find(|(own, _)| own.as_bytes() == name).map(|(_, field)| *field)
    }

    /// Whether a pair of this name is of such a field.
    fn is_paired(&self, name: &[u8], of: impl Fn(Field) -> bool) -> bool {
        self.rule.pairs.iter().any(|(own, field)| of(*field) && own.as_bytes() == name)
    }

    /// The key among pairs; None where it takes more than a look (JSON text, a rule with both `key` and `job`).
    pub(super) fn key_of_pairs<'l>(&self, pairs: &'l [u8]) -> Option<&'l [u8]> {
        let has = |wanted| self.rule.pairs.iter().any(|(_, field)| *field == wanted);
        let wanted = if has(Field::Key) { Field::Key } else { Field::Job };
        let (_, raw) = Pairs { rest: pairs }
            .find(|(name, raw)| self.is_paired(name, |field| field == wanted) && !raw.is_empty())?;
        (raw.first() != Some(&b'"')).then_some(raw)
    }

    /// What tells runs of one key apart: the mark of the server that wrote the line, where every line names it.
    pub(super) fn of_server(&self, server: Option<&[u8]>) -> Mark {
        server.filter(|_| self.by_server).map_or(0, mark)
    }

    /// The recipient among pairs, in plain words, where one alone is named.
    pub(super) fn recipient_of_pairs<'l>(&self, pairs: &'l [u8]) -> Option<&'l [u8]> {
        self.recipient_pair.as_ref()?;
        let mut named = Pairs { rest: pairs }
            .filter(|(name, _)| self.is_paired(name, |field| field == Field::Recipient))
            .map(|(_, raw)| raw);
        let (Some(raw), None) = (named.next(), named.next()) else { return None };
        (!matches!(raw.first(), None | Some(b'"' | b'['))).then_some(raw)
    }

    /// Whether the pairs say, in plain words, that something is left to be delivered.
    pub(super) fn fails(&self, pairs: &[u8]) -> bool {
        let mut named = Pairs { rest: pairs }.filter(|(name, _)| self.is_outcome(name)).map(|(_, raw)| raw);
        let (Some(word), None) = (named.next(), named.next()) else { return false };
        let class = self.rule.outcomes.iter().find(|(own, _)| own.as_bytes() == word);
        class.and_then(|(_, class)| outcome_of(class)).is_some_and(Outcome::is_undelivered)
    }

    fn is_outcome(&self, name: &[u8]) -> bool {
        self.is_paired(name, |field| matches!(field, Field::Outcome | Field::Status))
    }

    /// Whether a pair of this name tells of a recipient or an outcome.
    pub(super) fn is_of_result(&self, name: &[u8]) -> bool {
        let of_result = [Field::Outcome, Field::Status, Field::Recipient, Field::Recipients];
        self.is_paired(name, |field| of_result.contains(&field))
    }

    /// Whether any of the pairs says what became of something.
    pub(super) fn names_outcome(&self, pairs: &[u8]) -> bool {
        Pairs { rest: pairs }.any(|(name, _)| self.is_outcome(name))
    }
}

/// `NAME=value` one after the other; what is left is no pair.
pub(super) struct Pairs<'l> {
    pub(super) rest: &'l [u8],
}

impl<'l> Iterator for Pairs<'l> {
    type Item = (&'l [u8], &'l [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.trim_ascii_start();
        let name =
            rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(byte)).count();
        if name == 0 || rest.get(name) != Some(&b'=') {
            return None;
        }
        let (word, after) = (&rest[..name], &rest[name + 1..]);
        let (raw, rest) = after.split_at(value_end(after));
        self.rest = rest;
        Some((word, raw))
    }
}

fn capture<'l>(found: &Captures<'l>, at: usize) -> Option<&'l [u8]> {
    found.get(at).map(|value| value.as_bytes())
}

fn by_server(rule: &LogRule) -> bool {
    let mut matter = rule.events.iter().filter(|event| event.does != Does::Nothing);
    matter.all(|event| event.matches.text.contains("(?<server>"))
}

fn recipient_pair(rule: &LogRule) -> Option<memmem::Finder<'static>> {
    let mut named =
        rule.pairs.iter().filter(|(_, field)| matches!(field, Field::Recipient | Field::Recipients));
    let (name, field) = named.next()?;
    let alone = named.next().is_none() && *field == Field::Recipient;
    alone.then(|| memmem::Finder::new(&format!("{name}=")).into_owned())
}

/// Length of a value: up to a blank outside of quotes and of the brackets of a list it begins with.
fn value_end(text: &[u8]) -> usize {
    let quoted = matches!(text.first(), Some(b'"' | b'['));
    let (mut inside, mut escaped, mut depth) = (false, false, 0usize);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if !quoted && byte.is_ascii_whitespace() => return at,
            _ if !quoted => {}
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => {
                inside = !inside;
                if !inside && depth == 0 {
                    return at + 1;
                }
            }
            b'[' if !inside => depth += 1,
            b']' if !inside => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

/// Lines without their ends (LF or CRLF).
pub(super) fn lines(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = block;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', rest);
        let line = &rest[..end.unwrap_or(rest.len())];
        rest = &rest[end.map_or(rest.len(), |end| end + 1)..];
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    })
}
