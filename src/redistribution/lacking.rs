//! Who lacks something: recipients whose delivery failed, looked for among those to whom something was delivered since.
//!
//! In: names as logs write them, and what their runs distributed. Out: whether a later delivery may make a failure
//! good. It may say so once too often (names that share a host or a number), never once too seldom: what it lets
//! through is compared by name, package and time afterwards.

use super::attempts::packages;
use super::model::{Outcome, Run};
use crate::alert::name::host;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// What stands for a name: equal for all the ways in which one computer is written (case, short name or FQDN).
pub(super) type Mark = u64;

const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// What bytes tell of a name.
const END: u8 = 1;
const DOT: u8 = 2;
/// No digit of a hexadecimal number: no address holds it.
const LETTER: u8 = 4;
const ODD: u8 = 8;

/// By byte; digits of numbers are 0.
const KINDS: [u8; 256] = {
    let mut kinds = [ODD; 256];
    let mut at = 0;
    while at < 256 {
        kinds[at] = match at as u8 {
            b'\t' | b'\n' | 0x0c | b'\r' | b' ' => END,
            b'.' => DOT,
            b'g'..=b'z' | b'G'..=b'Z' | b'_' => LETTER,
            b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' | b'-' => 0,
            _ => ODD,
        };
        at += 1;
    }
    kinds
};

/// The mark of a name: that of its host, or of the whole where it is an address.
pub(super) fn mark(name: &[u8]) -> Mark {
    let kinds = |bytes: &[u8]| bytes.iter().fold(0, |kinds, byte| kinds | KINDS[usize::from(*byte)]);
    let label = &name[..memchr::memchr(b'.', name).unwrap_or(name.len())];
    if kinds(label) == LETTER && kinds(name) & !(LETTER | DOT) == 0 && name.last() != Some(&b'.') {
        return of_host(label);
    }
    of_host(host(&String::from_utf8_lossy(name)).as_bytes())
}

fn of_host(host: &[u8]) -> Mark {
    let mut mark = host.len() as u64;
    let mut words = host.chunks_exact(8);
    for word in words.by_ref() {
        let mut eight = [0; 8];
        eight.copy_from_slice(word);
        mark = mixed(mark, u64::from_le_bytes(eight));
    }
    let mut last = [0; 8];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    mixed(mark, u64::from_le_bytes(last))
}

/// The name that a text begins with, up to a blank, by its length, and its mark.
pub(super) fn leading_mark(text: &[u8]) -> (usize, Mark) {
    short_mark(text).unwrap_or_else(|| any_mark(text))
}

fn any_mark(text: &[u8]) -> (usize, Mark) {
    let is_end = |byte: &u8| KINDS[usize::from(*byte)] == END;
    let name = &text[..text.iter().position(is_end).unwrap_or(text.len())];
    (name.len(), mark(name))
}

/// The same bit pattern in each byte of a word.
const fn all(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The highest bit of each byte that is at least `low` and below `end`; of bytes below 0x80.
const fn within(word: u64, low: u8, end: u8) -> u64 {
    (word + all(0x80 - low)) & !(word + all(0x80 - end)) & all(0x80)
}

/// The same for names of fewer than 16 letters and digits that no number is taken for, eight bytes at once: those of
/// most lines. None: another name.
fn short_mark(text: &[u8]) -> Option<(usize, Mark)> {
    let ([first, second], _) = text.first_chunk::<16>()?.as_chunks::<8>() else { return None };
    let words = [u64::from_le_bytes(*first), u64::from_le_bytes(*second)];
    let looked = words.map(|word| {
        let low = word & all(0x7f);
        let small = low | all(0x20);
        // No letter, whatever bit 5 is, becomes a digit or the other way round.
        let plain = (within(small, b'a', b'z' + 1) | within(low, b'0', b'9' + 1)) & !word;
        (all(0x80) & !plain, within(small, b'g', b'z' + 1))
    });
    let length = match looked {
        [(0, _), (0, _)] => return None,
        [(0, _), (other, _)] => 8 + other.trailing_zeros() as usize / 8,
        [(other, _), _] => other.trailing_zeros() as usize / 8,
    };
    // The bytes of each word that are the name's.
    let own = |at: usize| match length.saturating_sub(8 * at) {
        0 => 0,
        1..8 => u64::MAX >> (64 - 8 * (length - 8 * at)),
        _ => u64::MAX,
    };
    let lettered = (looked[0].1 & own(0)) | (looked[1].1 & own(1)) != 0;
    if !lettered || KINDS[usize::from(text[length])] != END {
        return None;
    }
    let [first, second] = [words[0] & own(0), words[1] & own(1)];
    let mark = length as u64;
    Some((length, if length < 8 { mixed(mark, first) } else { mixed(mixed(mark, first), second) }))
}

/// Letters become small: bit 5 is set in all bytes, which joins some other bytes, too.
#[inline]
fn mixed(mark: u64, word: u64) -> u64 {
    let word = (word | 0x2020_2020_2020_2020).wrapping_add(mark.rotate_left(29));
    (word ^ (word >> 31)).wrapping_mul(SPREAD)
}

/// Bits of the table that is asked first: it stays in the nearest cache.
const NEAR: u32 = 15;
/// Bits of the table that is asked where the first says yes.
const FAR: u32 = 22;

/// Marks, shared by the threads that look through blocks. A mark that was set by one of them is seen by the others soon.
#[derive(Debug)]
pub(super) struct Marks {
    near: Box<[AtomicU64]>,
    /// Made when the first is set: most logs name nobody who lacks something.
    far: OnceLock<Box<[AtomicU64]>>,
    /// How often one was set that had not been.
    news: AtomicU64,
}

impl Default for Marks {
    fn default() -> Self {
        Self { near: empty(NEAR), far: OnceLock::new(), news: AtomicU64::new(0) }
    }
}

fn empty(bits: u32) -> Box<[AtomicU64]> {
    (0..1usize << (bits - 6)).map(|_| AtomicU64::new(0)).collect()
}

impl Marks {
    fn places(mark: u64, bits: u32) -> (usize, u64) {
        let at = mark >> (64 - bits);
        ((at >> 6) as usize, 1 << (at & 63))
    }

    pub(super) fn set(&self, mark: Mark) {
        let mut new = false;
        let far = self.far.get_or_init(|| empty(FAR));
        for (table, bits) in [(far, FAR), (&self.near, NEAR)] {
            let (word, bit) = Self::places(mark, bits);
            new |= table[word].fetch_or(bit, Ordering::Relaxed) & bit == 0;
        }
        if new {
            self.news.fetch_add(1, Ordering::Release);
        }
    }

    /// Grows with each mark that is set. Whoever reads it sees, in what it asks afterwards, the marks set up to then.
    pub(super) fn news(&self) -> u64 {
        self.news.load(Ordering::Acquire)
    }

    /// Whether it may be set; the upper half of a mark is enough to ask.
    pub(super) fn may_hold(&self, mark: Mark) -> bool {
        let held = |table: &[AtomicU64], bits| {
            let (word, bit) = Self::places(mark, bits);
            table[word].load(Ordering::Relaxed) & bit != 0
        };
        held(&self.near, NEAR) && self.far.get().is_some_and(|far| held(far, FAR))
    }
}

/// Marks are spread already.
#[derive(Debug, Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |sum, byte| sum.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number ^ (number >> 32);
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = u64::from(number).wrapping_mul(SPREAD);
    }
}

/// What one recipient lacks.
#[derive(Debug, Default)]
struct Lack {
    /// Runs in which it failed and that are still open: what they distribute is not known yet.
    open: u32,
    /// Marks of packages; `any`: of a run that names none.
    packages: Vec<u64>,
    any: bool,
}

/// Who lacks what, up to a place in the logs.
#[derive(Debug, Default)]
pub(super) struct Lacking {
    by_mark: HashMap<Mark, Lack, BuildHasherDefault<AsIs>>,
    halves: HashSet<u32, BuildHasherDefault<AsIs>>,
    marks: Arc<Marks>,
}

impl Lacking {
    /// Nobody yet; marks are set where they are asked.
    pub(super) fn new(marks: Arc<Marks>) -> Lacking {
        Lacking { marks, ..Lacking::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_mark.is_empty()
    }

    /// Of this recipient any delivery matters.
    pub(super) fn anything(&mut self, mark: Mark) {
        self.lack(mark).any = true;
    }

    fn lack(&mut self, mark: Mark) -> &mut Lack {
        self.marks.set(mark);
        self.by_mark.entry(mark).or_insert_with(|| {
            self.halves.insert((mark >> 32) as u32);
            Lack::default()
        })
    }

    /// A line of a run that is open says that this recipient failed.
    pub(super) fn failed(&mut self, mark: Mark) {
        self.lack(mark).open += 1;
    }

    /// A run is over in which these failed; None: it cannot be told what it distributed.
    pub(super) fn settled<'m>(&mut self, marks: impl Iterator<Item = &'m Mark>, run: Option<&Run>) {
        let names = run.map(names).unwrap_or_default();
        for mark in marks {
            let lack = self.lack(*mark);
            lack.open = lack.open.saturating_sub(1);
            lack.any |= names.is_empty();
            for name in &names {
                if !lack.packages.contains(name) {
                    lack.packages.push(*name);
                }
            }
        }
    }

    pub(super) fn holds(&self, mark: Mark) -> bool {
        self.marks.may_hold(mark) && self.by_mark.contains_key(&mark)
    }

    /// The same for the upper half of a mark.
    pub(super) fn may_hold(&self, half: u32) -> bool {
        self.marks.may_hold(u64::from(half) << 32) && self.halves.contains(&half)
    }

    /// Marks of all who lack something.
    pub(super) fn marks(&self) -> impl Iterator<Item = Mark> {
        self.by_mark.keys().copied()
    }

    /// Whether a run may have brought somebody what it lacked.
    pub(super) fn is_served_by(&self, run: &Run) -> bool {
        let names = names(run);
        let delivered = run.recipients.iter().filter(|recipient| recipient.outcome == Outcome::Ok);
        delivered
            .filter_map(|recipient| self.by_mark.get(&mark(recipient.name.as_bytes())))
            .any(|lack| lack.may_be_among(&names))
    }
}

impl Lack {
    /// Whether one of these packages, or one that nobody names, is lacked.
    fn may_be_among(&self, names: &[u64]) -> bool {
        let same = || names.is_empty() || names.iter().any(|name| self.packages.contains(name));
        self.any || self.open > 0 || same()
    }
}

/// Marks of what a run distributes.
fn names(run: &Run) -> Vec<u64> {
    packages(run).map(|(name, _)| of(name)).collect()
}

/// The mark of a package's name.
fn of(name: &str) -> u64 {
    name.bytes().fold(SPREAD, |sum, byte| (sum.rotate_left(5) ^ u64::from(byte)).wrapping_mul(SPREAD))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_computer_has_one_mark_however_it_is_written() {
        for (one, other) in [
            ("node7", "NODE7"),
            ("node7", "node7.east.example"),
            ("is0001.a.example", "IS0001.A.EXAMPLE"),
            ("4711", "4711.east.example"),
            ("[10.1.2.3]", "10.1.2.3"),
            ("node7.", "node7"),
            ("00-11-22-aa-bb-cc", "00:11:22:AA:BB:CC"),
            ("cafe", "CAFE.east.example"),
        ] {
            assert_eq!(mark(one.as_bytes()), mark(other.as_bytes()), "{one} {other}");
        }
        for (one, other) in
            [("node7", "node8"), ("10.1.2.3", "10.1.2.4"), ("a", "aa"), ("cl0000001", "cl0000002")]
        {
            assert_ne!(mark(one.as_bytes()), mark(other.as_bytes()), "{one} {other}");
        }
    }

    #[test]
    fn a_leading_name_has_the_mark_of_the_name() {
        for name in [
            "cl1",
            "cl0000001",
            "node7.east.example",
            "10.1.2.3",
            "a",
            "CL0000001",
            "sixteen-letters.",
            "eight888",
            "seven77",
            "fifteen-letters",
            "sixteen-letters1",
            "seventeen-letters",
            "\u{1}x",
        ] {
            for after in [" state=OK bytes=7", "", "\tx", "\n"] {
                let text = format!("{name}{after}");
                assert_eq!(leading_mark(text.as_bytes()), (name.len(), mark(name.as_bytes())), "{text:?}");
            }
        }
    }

    #[test]
    fn few_of_many_names_share_the_place_of_a_mark() {
        let marks = Marks::default();
        (0..100).for_each(|number| marks.set(mark(format!("cl{number:07}").as_bytes())));
        let held =
            (0..100_000).filter(|number| marks.may_hold(mark(format!("cl{number:07}").as_bytes()))).count();
        assert!((100..110).contains(&held), "{held}");
    }
}
