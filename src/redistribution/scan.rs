//! Large logs: only lines that a literal touches are looked at.
//!
//! In: a compiled rule and blocks of whole lines. Out: the lines that matter, with their events and keys, and marks of
//! those to whom the others say something was delivered; threads may scan blocks side by side. It does not know runs.
//!
//! A rule can be read so where each event but deliveries has a `literal`, or an outcome among the words of `outcomes`.
//! Deliveries are looked at where one pair names the recipient: those to whom is known to lack something are lines that
//! matter, of the others the marks are handed on, for a failure in lines before may be known only later.

use super::lacking::{Mark, Marks, leading_mark, mark};
use super::model::Outcome;
use super::reader::{MOST_LINE, Reader, Values, outcome_of};
use super::written::unfolded;
use crate::alert::name::same;
use crate::rules::logs::LogRule;
use crate::rules::logs::model::{Does, Event, Field};
use aho_corasick::packed::{Config, MatchKind, Searcher};
use aho_corasick::{AhoCorasick, Span};
use memchr::memmem;
use regex_automata::dfa::onepass;
use regex_automata::{Anchored, Input};
use std::sync::Arc;

/// What is looked for; cheap to clone.
#[derive(Debug, Clone)]
pub struct Scan {
    reader: Arc<Reader>,
    texts: Texts,
    /// Which of the texts names a recipient.
    recipient: Option<usize>,
    heads: Arc<[Option<Head>]>,
    /// Whose failures count; None: those of all.
    server: Option<Arc<str>>,
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

/// The part of an event's pattern in front of its pairs. Most lines that a literal leads to begin or end jobs of which
/// nothing failed: their keys are all that is asked of them.
#[derive(Debug)]
struct Head {
    literal: memmem::Finder<'static>,
    way: Way,
}

/// How the front of a line is gone through.
#[derive(Debug)]
enum Way {
    /// Words and texts in turn, where a look at each byte is enough.
    Words(Vec<Piece>),
    Pattern(Box<onepass::DFA>),
}

/// A piece of a front of words.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    /// One or more bytes, none of which is one of these.
    Without(Vec<u8>),
    Text(Vec<u8>),
}

/// How the pattern of such an event ends.
const PAIRS: &str = r"(?<pairs>\S.*)";

/// What `\S` leaves out, without Unicode.
const BLANKS: &[u8] = b"\t\n\x0b\x0c\r ";

impl Head {
    /// None where the pattern may match in more than one way, or is of another form.
    fn new(event: &Event) -> Option<Head> {
        let front = event.matches.text.strip_prefix('^')?.strip_suffix(PAIRS)?;
        if front.contains('|') || front.contains("(?i") || front.contains("(?s") {
            return None;
        }
        let literal = memmem::Finder::new(event.literal.as_ref()?).into_owned();
        if let Some(pieces) = pieces(front).filter(|_| !event.matches.unicode) {
            return Some(Head { literal, way: Way::Words(pieces) });
        }
        let syntax = regex_automata::util::syntax::Config::new()
            .unicode(event.matches.unicode)
            .utf8(false)
            .multi_line(true);
        let utf8 = regex_automata::nfa::thompson::Config::new().utf8(false);
        let mut builder = onepass::DFA::builder();
        let dfa = builder.syntax(syntax).thompson(utf8).build(&format!("{front}\\S")).ok()?;
        Some(Head { literal, way: Way::Pattern(Box::new(dfa)) })
    }

    fn cache(&self) -> Option<onepass::Cache> {
        match &self.way {
            Way::Words(_) => None,
            Way::Pattern(dfa) => Some(dfa.create_cache()),
        }
    }

    /// Where the pairs begin.
    fn pairs(&self, cache: &mut Option<onepass::Cache>, line: &[u8]) -> Option<usize> {
        self.literal.find(line)?;
        match &self.way {
            Way::Words(pieces) => {
                let mut at = 0;
                for piece in pieces {
                    at += match piece {
                        Piece::Text(text) => line[at..].starts_with(text).then_some(text.len())?,
                        Piece::Without(bytes) => {
                            let length = line[at..].iter().take_while(|byte| !bytes.contains(byte)).count();
                            (length > 0).then_some(length)?
                        }
                    };
                }
                line.get(at).is_some_and(|byte| !BLANKS.contains(byte)).then_some(at)
            }
            Way::Pattern(dfa) => {
                let mut slots = [None, None];
                let input = Input::new(line).anchored(Anchored::Yes);
                dfa.try_search_slots(cache.as_mut()?, &input, &mut slots).ok()??;
                slots[1].map(|end| end.get() - 1)
            }
        }
    }
}

/// A front that is made of words (`\S+`, `[^ :]+`, named or not) and of texts, each word followed by a text that begins
/// with a byte the word cannot hold: then there is one way through it.
fn pieces(front: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = front;
    while !rest.is_empty() {
        let named = rest.strip_prefix("(?<").and_then(|after| after.split_once('>'));
        let word = named.map_or(rest, |(_, after)| after);
        let (left_out, after) = if let Some(after) = word.strip_prefix(r"\S+") {
            (BLANKS.to_vec(), after)
        } else if let Some((class, after)) = word.strip_prefix("[^").and_then(|class| class.split_once("]+"))
        {
            class
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b" :=,;/".contains(&byte))
                .then_some(())?;
            (class.bytes().collect(), after)
        } else {
            named.is_none().then_some(())?;
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" :=,;/_-".contains(&byte);
            let length = rest.bytes().take_while(|byte| plain(*byte)).count();
            let (text, after) = (length > 0).then(|| rest.split_at(length))?;
            // A sign of repetition would be about the last byte.
            (!after.starts_with(['*', '+', '?', '{'])).then_some(())?;
            pieces.push(Piece::Text(text.into()));
            rest = after;
            continue;
        };
        rest = if named.is_some() { after.strip_prefix(')')? } else { after };
        pieces.push(Piece::Without(left_out));
    }
    let one_way = pieces.windows(2).all(|two| match two {
        [Piece::Without(bytes), Piece::Text(text)] => text.first().is_some_and(|byte| bytes.contains(byte)),
        [Piece::Without(_), _] => false,
        _ => true,
    });
    (one_way && matches!(pieces.last(), Some(Piece::Text(_)))).then_some(pieces)
}

/// What was found in one block.
#[derive(Debug, Default)]
pub struct Scanned {
    /// Lines in the block.
    pub lines: u64,
    pub(super) hits: Vec<Hit>,
    /// Those to whom something was delivered, and of whom no failure was known.
    pub(super) others: Vec<Other>,
}

/// A line that says that something was delivered, passed over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Other {
    /// Half the recipient's mark.
    pub(super) half: u32,
    /// How many of the lines that matter stand before it.
    pub(super) hits: usize,
}

/// A line that matters.
#[derive(Debug)]
pub(super) struct Hit {
    pub(super) start: u32,
    pub(super) end: u32,
    /// From 0 in its block, or piece.
    pub(super) line: u64,
    pub(super) event: u16,
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
            heads: reader.rule().events.iter().map(Head::new).collect(),
            server: server.map(Arc::from),
            marks: Arc::default(),
        })
    }

    /// Half the mark of the recipient that a line names, as [`Scan::look`] passes it over.
    pub(super) fn half_in(&self, line: &[u8]) -> Option<u32> {
        let pair = self.reader.recipient_pair.as_ref()?;
        Some(half(leading_mark(&line[pair.find(line)? + pair.needle().len()..])))
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
        let mut caches: Vec<_> = self.heads.iter().map(|head| head.as_ref().and_then(Head::cache)).collect();
        let (mut from, mut counted, mut line_number) = (0, 0, 0u64);
        // Where the last of `others` stands.
        let mut last_other = 0;
        while let Some((text, found, end)) = self.texts.find(block, from) {
            if Some(text) == self.recipient {
                from = end;
                let value = &block[end..];
                if !matches!(value.first(), None | Some(b'"' | b'[')) {
                    let mark = leading_mark(value);
                    if !self.marks.may_hold(mark) {
                        last_other = found;
                        scanned.others.push(Other { half: half(mark), hits: scanned.hits.len() });
                        continue;
                    }
                }
            }
            let start = memchr::memrchr(b'\n', &block[counted..found]).map_or(counted, |at| counted + at + 1);
            let end = memchr::memchr(b'\n', &block[end..]).map_or(block.len(), |at| end + at);
            line_number += memchr::memchr_iter(b'\n', &block[counted..start]).count() as u64;
            counted = start;
            from = end;
            // A line that matters speaks for itself.
            if last_other > start {
                scanned.others.pop();
                last_other = 0;
            }
            let line = &block[start..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let hit = self.quick(&mut caches, line, start, line_number);
            let hit = hit.or_else(|| self.hit(line, start, line_number, scanned));
            scanned.hits.extend(hit);
        }
        let rest = &block[counted..];
        let torn = u64::from(!rest.is_empty() && rest.last() != Some(&b'\n'));
        scanned.lines = line_number + memchr::memchr_iter(b'\n', rest).count() as u64 + torn;
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
            let head = head.as_ref()?;
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

    fn hit(&self, line: &[u8], start: usize, number: u64, scanned: &mut Scanned) -> Option<Hit> {
        let (event, values) = self.reader.event(line)?;
        let does = self.reader.events[event].does;
        let outcome = self.reader.outcome(event, &values);
        let delivers = does == Does::Recipient && outcome == Some(Outcome::Ok);
        if does == Does::Nothing {
            return None;
        }
        if delivers {
            let marks: Vec<Mark> = marks(&values).collect();
            if !marks.iter().any(|mark| self.marks.may_hold(*mark)) {
                let hits = scanned.hits.len();
                scanned.others.extend(marks.into_iter().map(|mark| Other { half: half(mark), hits }));
                return None;
            }
        }
        let key = values.get(Field::Key).or_else(|| values.get(Field::Job))?;
        let undelivered = does != Does::Start
            && outcome.is_some_and(Outcome::is_undelivered)
            && is_of(self.server.as_deref(), &values);
        if undelivered {
            marks(&values).for_each(|mark| self.marks.set(mark));
        }
        let hit = Hit::new(line, start, number, event, key, undelivered)?;
        Some(Hit { delivers, ..hit })
    }
}

/// Half a mark.
pub(super) fn half(mark: Mark) -> u32 {
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
        key: &[u8],
        undelivered: bool,
    ) -> Option<Hit> {
        let narrow = |number: usize| u32::try_from(number).ok();
        Some(Hit {
            start: narrow(start)?,
            end: narrow(start + line.len())?,
            line: number,
            event: u16::try_from(event).ok()?,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fronts_of_words_have_one_way_through_them() {
        let without = |bytes: &[u8]| Piece::Without(bytes.to_vec());
        let text = |text: &str| Piece::Text(text.into());
        let native = pieces(r"(?<time>\S+) (?<server>\S+) [^ :]+: START ").expect("words");
        assert_eq!(
            native,
            [without(BLANKS), text(" "), without(BLANKS), text(" "), without(b" :"), text(": START ")]
        );
        for front in
            [r"\S+x", r"\S+\d+ ", r"(?<a>\S+", r"(\S+) ", r"a+ ", r"[^a-z]+ ", r"\S+", "x.", r"[^ ]+: "]
        {
            assert_eq!(pieces(front), None, "{front}");
        }
    }
}
