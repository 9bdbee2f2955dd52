//! Fronts of lines: what stands before the pairs.
//!
//! In: the events of a rule, and lines. Out: which event a line begins as, and its server, without its pattern. It does
//! not know pairs.

use crate::rules::logs::model::{Event, Field};
use memchr::memmem;
use regex_automata::dfa::onepass;
use regex_automata::{Anchored, Input};
use std::ops::Range;

/// The part of an event's pattern in front of its pairs. Most lines that a literal leads to begin or end jobs of which
/// nothing failed, or are failures of other servers: their keys, or their server, are all that is asked of them.
#[derive(Debug)]
pub(super) struct Head {
    /// Looked for first, where it does not stand among the pieces.
    literal: Option<memmem::Finder<'static>>,
    way: Way,
    /// What the pairs begin with.
    begin: Vec<u8>,
}

/// What the front of a line says.
pub(super) struct Front<'l> {
    /// The line from its pairs on.
    pub(super) pairs: &'l [u8],
    pub(super) server: Option<&'l [u8]>,
}

/// What going through lines reuses.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Where the pieces of the head before ended in this line, as far as they fit.
    ends: Vec<usize>,
    caches: Vec<Option<onepass::Cache>>,
}

/// The heads of a rule's events.
#[derive(Debug)]
pub(super) struct Heads {
    heads: Vec<Option<Head>>,
}

/// How the front of a line is gone through.
#[derive(Debug)]
enum Way {
    /// Words and texts in turn, where a look at each byte is enough, and which of them is the server.
    Words(Words),
    Pattern(Box<onepass::DFA>),
}

#[derive(Debug, PartialEq, Eq)]
struct Words {
    pieces: Vec<Piece>,
    /// Which of them is the server.
    server: Option<usize>,
    /// How many the head before begins with, too.
    shared: usize,
}

/// A piece of a front of words.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    /// One or more bytes, none of which is one of these.
    Without(Bytes),
    Text(Vec<u8>),
}

/// Some of all bytes.
#[derive(Debug, PartialEq, Eq)]
struct Bytes(Box<[bool; 256]>);

impl Bytes {
    fn new(bytes: &[u8]) -> Bytes {
        let mut all = Box::new([false; 256]);
        bytes.iter().for_each(|byte| all[usize::from(*byte)] = true);
        Bytes(all)
    }

    fn hold(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }
}

/// How the pattern of such an event ends: its pairs, which may begin with a text.
const PAIRS: (&str, &str) = ("(?<pairs>", ".*)");

/// What `\S` leaves out, without Unicode.
const BLANKS: &[u8] = b"\t\n\x0b\x0c\r ";

impl Head {
    /// None where the pattern may match in more than one way, or is of another form.
    fn new(event: &Event) -> Option<Head> {
        let (front, end) = event.matches.text.strip_prefix('^')?.split_once(PAIRS.0)?;
        if front.contains('|') || front.contains("(?i") || front.contains("(?s") {
            return None;
        }
        let begin = match end.strip_suffix(PAIRS.1)? {
            r"\S" => "",
            text => text.bytes().all(is_plain).then_some(text)?,
        };
        let begin = begin.as_bytes().to_vec();
        let words = pieces(front).filter(|_| !event.matches.unicode);
        let literal = event.literal.as_ref().filter(|literal| {
            let holds = |piece: &Piece| matches!(piece, Piece::Text(text) if memmem::find(text, literal.as_bytes()).is_some());
            !words.as_ref().is_some_and(|(pieces, _)| pieces.iter().any(holds))
        });
        let literal = literal.map(|text| memmem::Finder::new(text).into_owned());
        if let Some((pieces, server)) = words {
            return Some(Head { literal, way: Way::Words(Words { pieces, server, shared: 0 }), begin });
        }
        let syntax = regex_automata::util::syntax::Config::new()
            .unicode(event.matches.unicode)
            .utf8(false)
            .multi_line(true);
        let utf8 = regex_automata::nfa::thompson::Config::new().utf8(false);
        let mut builder = onepass::DFA::builder();
        let dfa = builder.syntax(syntax).thompson(utf8).build(&format!("{front}\\S")).ok()?;
        Some(Head { literal, way: Way::Pattern(Box::new(dfa)), begin })
    }

    /// The line's front, if it is such a line.
    fn front<'l>(
        &self,
        ends: &mut Vec<usize>,
        cache: &mut Option<onepass::Cache>,
        line: &'l [u8],
    ) -> Option<Front<'l>> {
        if self.literal.as_ref().is_some_and(|literal| literal.find(line).is_none()) {
            ends.clear();
            return None;
        }
        let (at, server) = match &self.way {
            Way::Words(words) => words.go(ends, line)?,
            Way::Pattern(dfa) => {
                let mut slots = [None, None];
                let input = Input::new(line).anchored(Anchored::Yes);
                let cache = cache.get_or_insert_with(|| dfa.create_cache());
                dfa.try_search_slots(cache, &input, &mut slots).ok()??;
                (slots[1]?.get() - 1, None)
            }
        };
        let pairs =
            line.get(at..).filter(|pairs| pairs.first().is_some_and(|byte| !BLANKS.contains(byte)))?;
        pairs.starts_with(&self.begin).then_some(Front { pairs, server })
    }
}

impl Words {
    /// Whether every letter and digit may stand in every word.
    fn take_any_word(&self) -> bool {
        let is_any =
            |bytes: &Bytes| (0..=u8::MAX).all(|byte| !(byte.is_ascii_alphanumeric() && bytes.hold(byte)));
        self.pieces.iter().all(|piece| match piece {
            Piece::Without(bytes) => is_any(bytes),
            Piece::Text(_) => true,
        })
    }

    /// Where the pieces end in a line, and the server; `ends`: those of the head before.
    fn go<'l>(&self, ends: &mut Vec<usize>, line: &'l [u8]) -> Option<(usize, Option<&'l [u8]>)> {
        ends.truncate(self.shared);
        let mut at = ends.last().copied().unwrap_or(0);
        for piece in &self.pieces[ends.len()..] {
            at += match piece {
                Piece::Text(text) => line[at..].starts_with(text).then_some(text.len())?,
                Piece::Without(bytes) => {
                    let length = line[at..].iter().take_while(|byte| !bytes.hold(**byte)).count();
                    (length > 0).then_some(length)?
                }
            };
            ends.push(at);
        }
        let begin = |piece: usize| piece.checked_sub(1).map_or(0, |before| ends[before]);
        Some((at, self.server.map(|piece| &line[begin(piece)..ends[piece]])))
    }
}

impl Heads {
    pub(super) fn new(events: &[Event]) -> Heads {
        let mut heads: Vec<Option<Head>> = events.iter().map(Head::new).collect();
        for at in 1..heads.len() {
            let (before, from) = heads.split_at_mut(at);
            if let Some(Head { way: Way::Words(before), .. }) = &before[at - 1]
                && let Some(Head { way: Way::Words(own), .. }) = &mut from[0]
            {
                let alike = before.pieces.iter().zip(&own.pieces).take_while(|(one, other)| one == other);
                own.shared = alike.count();
            }
        }
        Heads { heads }
    }

    /// Where the words of an event's front stand in a line that begins so; None: it has none, or a word may lack some
    /// letter or digit.
    pub(super) fn words(&self, event: usize, line: &[u8]) -> Option<Vec<Range<usize>>> {
        let Some(Head { literal: None, way: Way::Words(words), .. }) = self.heads.get(event)? else {
            return None;
        };
        let mut ends = Vec::new();
        words.take_any_word().then(|| words.go(&mut ends, line))??;
        let begins = [0].into_iter().chain(ends.iter().copied());
        let pieces = words.pieces.iter().zip(begins.zip(ends.iter().copied()));
        let of_words = pieces.filter(|(piece, _)| matches!(piece, Piece::Without(_)));
        Some(of_words.map(|(_, (begin, end))| begin..end).collect())
    }

    /// Bytes of the text that an event's pairs begin with.
    pub(super) fn begin(&self, event: usize) -> usize {
        self.heads.get(event).and_then(Option::as_ref).map_or(0, |head| head.begin.len())
    }

    /// Whether an event matches neither this line nor any other that has other letters and digits where it may:
    /// what speaks against it stands where nothing may differ.
    pub(super) fn is_ruled_out(&self, event: usize, line: &[u8], free: &[bool]) -> bool {
        let Some(Some(Head { literal: None, way: Way::Words(words), begin })) = self.heads.get(event) else {
            return false;
        };
        if !words.take_any_word() {
            return false;
        }
        let is_fixed = |at: usize| free.get(at) == Some(&false);
        let begin = Piece::Text(begin.clone());
        let mut at = 0;
        for piece in words.pieces.iter().chain([&begin]) {
            match piece {
                Piece::Text(text) => {
                    let differs = |(own, of): (&u8, &u8)| own != of;
                    match line[at..].iter().zip(text).position(differs) {
                        Some(first) => return is_fixed(at + first),
                        None => at += text.len(),
                    }
                }
                Piece::Without(bytes) => {
                    let length = line[at..].iter().take_while(|byte| !bytes.hold(**byte)).count();
                    // What ends a word is neither letter nor digit.
                    if length == 0 || !is_fixed(at + length) {
                        return length == 0 && is_fixed(at);
                    }
                    at += length;
                }
            }
            if at >= free.len() {
                return false;
            }
        }
        line.get(at).is_some_and(|byte| BLANKS.contains(byte)) && is_fixed(at)
    }

    /// The first event whose front the line has; None: there is none, or an event before it has no head.
    pub(super) fn first<'l>(&self, walk: &mut Walk, line: &'l [u8]) -> Option<(usize, Front<'l>)> {
        walk.ends.clear();
        walk.caches.resize_with(self.heads.len(), || None);
        for (event, (head, cache)) in self.heads.iter().zip(&mut walk.caches).enumerate() {
            if let Some(front) = head.as_ref()?.front(&mut walk.ends, cache, line) {
                return Some((event, front));
            }
        }
        None
    }
}

/// What stands for itself in a pattern.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" :=,;/_-".contains(&byte)
}

/// A front that is made of words (`\S+`, `[^ :]+`, named or not) and of texts, each word followed by a text that begins
/// with a byte the word cannot hold: then there is one way through it. With them, which is the server.
fn pieces(front: &str) -> Option<(Vec<Piece>, Option<usize>)> {
    let (mut pieces, mut server) = (Vec::new(), None);
    let mut rest = front;
    while !rest.is_empty() {
        let named = rest.strip_prefix("(?<").and_then(|after| after.split_once('>'));
        let word = named.map_or(rest, |(_, after)| after);
        let (left_out, after) = if let Some(after) = word.strip_prefix(r"\S+") {
            (Bytes::new(BLANKS), after)
        } else if let Some((class, after)) = word.strip_prefix("[^").and_then(|class| class.split_once("]+"))
        {
            class
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b" :=,;/".contains(&byte))
                .then_some(())?;
            (Bytes::new(class.as_bytes()), after)
        } else {
            named.is_none().then_some(())?;
            let length = rest.bytes().take_while(|byte| is_plain(*byte)).count();
            let (text, after) = (length > 0).then(|| rest.split_at(length))?;
            // A sign of repetition would be about the last byte.
            (!after.starts_with(['*', '+', '?', '{'])).then_some(())?;
            pieces.push(Piece::Text(text.into()));
            rest = after;
            continue;
        };
        rest = if named.is_some() { after.strip_prefix(')')? } else { after };
        if named.is_some_and(|(name, _)| Field::from_word(name) == Some(Field::Server)) {
            server = Some(pieces.len());
        }
        pieces.push(Piece::Without(left_out));
    }
    let one_way = pieces.windows(2).all(|two| match two {
        [Piece::Without(bytes), Piece::Text(text)] => text.first().is_some_and(|byte| bytes.hold(*byte)),
        [Piece::Without(_), _] => false,
        _ => true,
    });
    (one_way && matches!(pieces.last(), Some(Piece::Text(_)))).then_some((pieces, server))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fronts_of_words_have_one_way_through_them() {
        let without = |bytes: &[u8]| Piece::Without(Bytes::new(bytes));
        let text = |text: &str| Piece::Text(text.into());
        let native = pieces(r"(?<time>\S+) (?<server>\S+) [^ :]+: START ").expect("words");
        let pieces_of =
            [without(BLANKS), text(" "), without(BLANKS), text(" "), without(b" :"), text(": START ")];
        assert_eq!(native, (pieces_of.into(), Some(2)));
        for front in
            [r"\S+x", r"\S+\d+ ", r"(?<a>\S+", r"(\S+) ", r"a+ ", r"[^a-z]+ ", r"\S+", "x.", r"[^ ]+: "]
        {
            assert_eq!(pieces(front), None, "{front}");
        }
    }
}
