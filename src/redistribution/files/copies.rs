//! Finds files of one family that hold the same text: an archive beside its original while a rotation packs it, a copy
//! beside a log that is about to be emptied.
//!
//! In: chosen files and the start of their text. Out: which of them are copies of which. It deletes nothing.

use super::Limits;
use super::decompress::Packing;
use super::open::Chosen;
use super::source::{Encoding, Unpacked};
use super::stream::Source;

/// Whether one's text begins with the other's, to the end of the shorter: (the same, bytes read).
pub(super) fn same_text(one: &Chosen, other: &Chosen, limits: &Limits) -> (bool, u64) {
    let bytes = |chosen: &Chosen| matches!(chosen.about.encoding, Encoding::Bytes | Encoding::Utf8);
    if !(bytes(one) && bytes(other)) {
        return (false, 0);
    }
    let (Ok(a), Ok(b)) = (one.file(), other.file()) else { return (false, 0) };
    let total = Unpacked::default();
    let open = |chosen: &Chosen, file| chosen.text(file, 0..chosen.about.size, 64 << 10, limits, &total);
    let (Ok(mut a), Ok(mut b)) = (open(one, &a), open(other, &b)) else { return (false, 0) };
    let (mut left, mut right) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let same = loop {
        let n = fill(&mut a, &mut left);
        let m = fill(&mut b, &mut right);
        let common = n.min(m);
        if left[..common] != right[..common] {
            break false;
        }
        if common < left.len() {
            break true;
        }
    };
    (same, a.taken() + b.taken())
}

/// Reads until it is full or the text ends, in whatever way.
fn fill(text: &mut impl Source, out: &mut [u8]) -> usize {
    let mut len = 0;
    while len < out.len() {
        match text.read(&mut out[len..]) {
            Ok(n) if n > 0 => len += n,
            _ => break,
        }
    }
    len
}

/// Which of two equal ones is left: the archive, else the shorter, else the live one, which may be emptied.
pub(super) fn spare(one: &Chosen, other: &Chosen) -> bool {
    let key = |chosen: &Chosen| (chosen.about.packing == Packing::Plain, chosen.about.size);
    key(one) < key(other)
}
