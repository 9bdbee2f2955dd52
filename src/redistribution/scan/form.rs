//! Forms of the lines that tell of deliveries: nearly all lines of a large log have one of a few.
//!
//! In: a line that was gone through, and where its recipient's name stands. Out: whether another line is the same event
//! with the same pairs up to there, so that its name and what follows are all that is left to look at. A form never fits
//! a line that an event before its own would match, or whose pairs would be read otherwise.

use super::super::reader::Pairs;
use super::head::Heads;
use std::ops::Range;

/// Bytes that are compared at once.
const CHUNK: usize = 32;
/// Longer fronts are gone through line by line.
const LONGEST: usize = 8 * CHUNK;
/// Forms that are kept: the numbers in a front have few lengths.
const MOST: usize = 6;
/// So often a form is made within one block.
const MOST_MADE: u32 = 64;

type Chunk = [u8; CHUNK];

/// The front of a line, up to its recipient's name: letters and digits may be others, all else is as it is here.
#[derive(Debug)]
struct Form {
    chunks: Vec<Part>,
    /// Bytes before the name.
    length: usize,
    /// The last of them.
    tail: [u8; 4],
}

/// Some bytes of a front; behind its end nothing is asked for.
#[derive(Debug, Clone, Copy)]
struct Part {
    bytes: Chunk,
    /// All bits are set where the same byte has to stand.
    same: Chunk,
    /// All bits are set where any letter or digit may stand.
    free: Chunk,
}

/// The forms that were met.
#[derive(Debug, Default)]
pub(super) struct Forms {
    forms: Vec<Form>,
    made: u32,
}

/// What a front says of the line that it begins.
pub(super) struct Known<'h> {
    pub(super) heads: &'h Heads,
    pub(super) event: usize,
    /// Where its pairs begin.
    pub(super) pairs: usize,
}

impl Part {
    const NONE: Part = Part { bytes: [0; CHUNK], same: [0; CHUNK], free: [0; CHUNK] };

    #[expect(clippy::needless_range_loop, reason = "four arrays side by side")]
    fn fits(&self, line: &Chunk) -> bool {
        let mut wrong = 0;
        for at in 0..CHUNK {
            let byte = line[at];
            let is_word = ((byte | 0x20).wrapping_sub(b'a') < 26) | (byte.wrapping_sub(b'0') < 10);
            let odd = if is_word { 0 } else { 0xff };
            wrong |= ((byte ^ self.bytes[at]) & self.same[at]) | (odd & self.free[at]);
        }
        wrong == 0
    }
}

impl Form {
    fn new(front: &[u8], free: &[bool]) -> Option<Form> {
        let tail = *front.last_chunk()?;
        let mut chunks = vec![Part::NONE; front.len().div_ceil(CHUNK)];
        for (at, (byte, free)) in front.iter().zip(free).enumerate() {
            let part = &mut chunks[at / CHUNK];
            part.bytes[at % CHUNK] = *byte;
            let asked = if *free { &mut part.free } else { &mut part.same };
            asked[at % CHUNK] = 0xff;
        }
        Some(Form { chunks, length: front.len(), tail })
    }

    /// Whether a text begins so; one that ends soon after is not looked at.
    fn fits(&self, text: &[u8]) -> bool {
        text.len() >= self.chunks.len() * CHUNK
            && text[..self.length].last_chunk() == Some(&self.tail)
            && text.as_chunks().0.iter().zip(&self.chunks).all(|(line, part)| part.fits(line))
    }
}

impl Forms {
    /// Where the recipient's name stands in a line of a known form.
    pub(super) fn name(&self, line: &[u8]) -> Option<usize> {
        self.forms.iter().find(|form| form.fits(line)).map(|form| form.length)
    }

    /// Another block begins.
    pub(super) fn begin(&mut self) {
        self.made = 0;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// Keeps the form of a line that tells, at `name`, of a recipient. `matters`: names of pairs that may not stand
    /// before it.
    pub(super) fn keep(
        &mut self,
        line: &[u8],
        name: usize,
        known: &Known<'_>,
        matters: impl Fn(&[u8]) -> bool,
    ) {
        if self.made >= MOST_MADE || name > LONGEST || name > line.len() {
            return;
        }
        self.made += 1;
        let mut free: Vec<bool> = line[..name].iter().map(|_| false).collect();
        let Some(words) = known.heads.words(known.event, line) else { return };
        let Some(values) = values(&line[known.pairs..], name - known.pairs, matters) else { return };
        let values = values.into_iter().map(|range| known.pairs + range.start..known.pairs + range.end);
        for at in words.into_iter().chain(values).flatten().filter(|at| *at < name) {
            free[at] = line[at].is_ascii_alphanumeric();
        }
        let begin = known.heads.begin(known.event);
        free[known.pairs..].iter_mut().take(begin).for_each(|free| *free = false);
        if !(0..known.event).all(|event| known.heads.is_ruled_out(event, line, &free)) {
            return;
        }
        if self.forms.len() == MOST {
            self.forms.remove(0);
        }
        self.forms.extend(Form::new(&line[..name], &free));
    }
}

/// The values of the pairs before the one whose value begins at `name`.
fn values(pairs: &[u8], name: usize, matters: impl Fn(&[u8]) -> bool) -> Option<Vec<Range<usize>>> {
    let mut found = Vec::new();
    for (word, raw) in (Pairs { rest: pairs }) {
        let start = raw.as_ptr() as usize - pairs.as_ptr() as usize;
        if start == name {
            return Some(found);
        }
        let is_plain = !matches!(raw.first(), None | Some(b'"' | b'['));
        if start > name || matters(word) || !is_plain {
            return None;
        }
        found.push(start..start + raw.len());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_lets_letters_and_digits_differ_where_words_stand_and_nothing_else() {
        let front = b"2026-03-01T00:00:00Z is0315 dm[15138]: job=J1000001 target=";
        let free: Vec<bool> =
            front.iter().enumerate().map(|(at, byte)| byte.is_ascii_alphanumeric() && at < 51).collect();
        let mut free = free;
        free[39..42].fill(false);
        let form = Form::new(front, &free).expect("long enough");
        let line = |front: &str| format!("{front}cl0100514 state=OK bytes=2055621741");
        for fits in [
            "2026-03-01T00:00:00Z is0315 dm[15138]: job=J1000001 target=",
            "2026-12-31T23:59:59Z IS9999 xy[00000]: job=J9999999 target=",
        ] {
            assert!(form.fits(line(fits).as_bytes()), "{fits}");
        }
        for other in [
            "2026-03-01T00:00:00Z is0315 dm[15138]: jab=J1000001 target=",
            "2026-03-01T00:00:00Z is0315 dm[151 8]: job=J1000001 target=",
            "2026-03-01T00:00:00Z is0315 dm[15138]: job=J100\"001 target=",
            "2026-03-01T00:00:00Z is0315 dm[15138]: job=J1000001 tArget=",
            "2026-03-01T00:00:00Z is0315 dm[1513]: job=J1000001 target=x",
        ] {
            assert!(!form.fits(line(other).as_bytes()), "{other}");
        }
        assert!(!form.fits(front), "too near to the end of the text");
    }
}
