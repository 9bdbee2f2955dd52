//! Text in blocks of whole lines, in one reused buffer.
//!
//! In: a source of text. Out: blocks, and a count of lines, of long lines and of a torn end. It knows neither files
//! nor times.
//!
//! Lines end in LF. A CR before it stays in the block: [`lines`] takes it off. Where the start of a file has CRs and no
//! LF at all, its CRs are turned into LFs; elsewhere a bare CR is a byte like any other. So are NUL and what is no UTF-8.

use super::report::Reading;
use memchr::{memchr, memchr_iter, memrchr};

/// Some whole lines of one file, in order.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    /// Each line with its LF; only the last line of a file may lack one.
    pub bytes: &'a [u8],
    /// Where the first byte stands: in the file, or in the text of an archive or a UTF-16 file.
    pub offset: u64,
    /// Lines of this segment before this block, skipped long ones included.
    pub lines_before: u64,
    /// The last line has no end: the file ends in the middle of it, or it's still being written.
    pub torn: bool,
}

/// The lines of a block without their ends: each with the offset of its first byte in the block.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let found = (at, without_cr(&rest[..end]));
        at += end + 1;
        Some(found)
    })
}

pub(super) fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Where text comes from. `Ok(0)` is its end; after an error nothing more is asked.
pub(super) trait Source {
    type Error;
    fn read(&mut self, out: &mut [u8]) -> Result<usize, Self::Error>;
}

/// How a stream is to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    pub(super) chunk: usize,
    pub(super) line: usize,
    /// Lines end in CR.
    pub(super) cr: bool,
    /// Where the text of this segment begins.
    pub(super) offset: u64,
    /// An end without LF is the end of the file.
    pub(super) ends_file: bool,
}

/// Gives all lines to `each`, which says how many there are where it counted them. What was read before an error is
/// given before it is returned, a line that the error cut off as torn.
pub(super) fn blocks<S: Source>(
    source: &mut S,
    manner: Manner,
    tally: &mut Reading,
    mut each: impl FnMut(Block<'_>) -> Option<u64>,
) -> Result<(), S::Error> {
    let longest = manner.line.max(manner.chunk);
    let mut buffer = vec![0; manner.chunk];
    // `buffer[..len]` is a line without its end; it stands at `offset` in the text.
    let (mut len, mut offset) = (0, manner.offset);
    // Where the long line began whose end is looked for.
    let mut skipping: Option<u64> = None;
    let first_line = tally.lines;
    let result = loop {
        // Half a chunk at least, so that a long line is not read in drops.
        if buffer.len() - len < manner.chunk / 2 {
            buffer.resize((buffer.len() * 2).min(longest + manner.chunk), 0);
        }
        // A chunk at most: only a line that began before it can be too long.
        let stop = buffer.len().min(len + manner.chunk);
        let n = match source.read(&mut buffer[len..stop]) {
            Ok(0) => break Ok(()),
            Ok(n) => n,
            Err(error) => break Err(error),
        };
        tally.text += n as u64;
        let new = &mut buffer[len..len + n];
        if manner.cr {
            new.iter_mut().filter(|byte| **byte == b'\r').for_each(|byte| *byte = b'\n');
        }
        let Some(cut) = memrchr(b'\n', new) else {
            len += n;
            if skipping.is_some() || len > longest {
                skipping.get_or_insert(offset);
                offset += len as u64;
                len = 0;
            }
            continue;
        };
        let (end, filled) = (len + cut + 1, len + n);
        let mut start = 0;
        if skipping.is_some() || end > longest {
            let first = len + memchr(b'\n', &buffer[len..end]).unwrap_or(cut);
            if skipping.is_some() || first > longest {
                long_line(tally, skipping.take().unwrap_or(offset));
                start = first + 1;
            }
        }
        if start < end {
            let bytes = &buffer[start..end];
            let lines_before = tally.lines - first_line;
            let counted = each(Block { bytes, offset: offset + start as u64, lines_before, torn: false });
            tally.lines += counted.unwrap_or_else(|| memchr_iter(b'\n', bytes).count() as u64);
        }
        offset += end as u64;
        buffer.copy_within(end..filled, 0);
        len = filled - end;
        // A long line's memory is not kept.
        if buffer.len() > 2 * manner.chunk && len < manner.chunk / 2 {
            buffer.truncate(manner.chunk);
            buffer.shrink_to_fit();
        }
    };
    if skipping.is_some() || len > longest {
        long_line(tally, skipping.unwrap_or(offset));
        tally.torn = true;
    } else if len > 0 {
        let torn = manner.ends_file || result.is_err();
        tally.torn |= torn;
        let lines_before = tally.lines - first_line;
        each(Block { bytes: &buffer[..len], offset, lines_before, torn });
        tally.lines += 1;
    }
    result
}

fn long_line(tally: &mut Reading, offset: u64) {
    tally.lines += 1;
    tally.long_lines += 1;
    if tally.long_at.len() < Reading::LONG_PLACES {
        tally.long_at.push(offset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives its bytes in pieces of the given sizes, then perhaps an error.
    struct Pieces<'a>(&'a [u8], Vec<usize>, usize, bool);

    impl Source for Pieces<'_> {
        type Error = &'static str;
        fn read(&mut self, out: &mut [u8]) -> Result<usize, &'static str> {
            let size = self.1.get(self.2 % self.1.len().max(1)).copied().unwrap_or(usize::MAX);
            self.2 += 1;
            let n = size.min(out.len()).min(self.0.len());
            if n == 0 && self.3 {
                return Err("broken");
            }
            out[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn manner(chunk: usize, line: usize) -> Manner {
        Manner { chunk, line, cr: false, offset: 0, ends_file: true }
    }

    type Line = (u64, u64, Vec<u8>);

    /// Offset, number and bytes of each line, and the tally.
    fn read(text: &[u8], sizes: Vec<usize>, broken: bool, manner: Manner) -> (Vec<Line>, Reading, bool) {
        let (mut found, mut tally, mut torn) = (Vec::new(), Reading::default(), false);
        let result = blocks(&mut Pieces(text, sizes, 0, broken), manner, &mut tally, |block| {
            torn |= block.torn;
            for (n, (at, line)) in lines(block.bytes).enumerate() {
                found.push((block.offset + at as u64, block.lines_before + n as u64, line.to_vec()));
            }
            None
        });
        assert_eq!(result.is_err(), broken);
        (found, tally, torn)
    }

    #[test]
    fn a_block_holds_whole_lines_and_knows_its_place() {
        let (found, tally, torn) = read(b"one\ntwo\r\nthree\n\nfive", vec![6], false, manner(8, 64));
        let words: Vec<_> = found.iter().map(|(at, n, line)| (*at, *n, line.as_slice())).collect();
        let expected: [(u64, u64, &[u8]); 5] =
            [(0, 0, b"one"), (4, 1, b"two"), (9, 2, b"three"), (15, 3, b""), (16, 4, b"five")];
        assert_eq!(words, expected);
        assert!(torn && tally.torn);
        assert_eq!((tally.lines, tally.text), (5, 20));
    }

    #[test]
    fn a_long_line_is_skipped_and_counted_in_bounded_memory() {
        let text =
            [b"a\n".as_slice(), &[b'x'; 5000], b"\nb\n", &[b'y'; 200], b"\nc\n", &[b'z'; 101]].concat();
        let (found, tally, torn) = read(&text, vec![], false, manner(64, 100));
        let words: Vec<_> = found.iter().map(|(_, n, line)| (*n, line.as_slice())).collect();
        let expected: [(u64, &[u8]); 3] = [(0, b"a"), (2, b"b"), (4, b"c")];
        assert_eq!(words, expected);
        assert_eq!((tally.lines, tally.long_lines, tally.torn, torn), (6, 3, true, false));
    }

    #[test]
    fn a_line_of_exactly_the_limit_is_delivered() {
        for (length, long) in [(100, 0), (101, 1)] {
            let text = [vec![b'x'; length].as_slice(), b"\nb\n"].concat();
            for size in [1, 7, 64, 1000] {
                let (_, tally, _) = read(&text, vec![size], false, manner(64, 100));
                assert_eq!(tally.long_lines, long, "{length} in pieces of {size}");
            }
        }
    }

    #[test]
    fn what_came_before_an_error_is_delivered() {
        let (found, tally, torn) = read(b"one\ntw", vec![], true, manner(64, 100));
        assert_eq!(found.len(), 2);
        assert!(torn && tally.torn);
    }

    #[test]
    fn bare_crs_end_lines_where_the_file_has_no_lf() {
        let (found, ..) = read(b"one\rtwo\r", vec![5], false, Manner { cr: true, ..manner(64, 100) });
        assert_eq!(found.iter().map(|f| f.2.as_slice()).collect::<Vec<_>>(), [b"one", b"two"]);
    }

    proptest! {
        #![proptest_config(super::super::tests::cases(256))]

        #[test]
        fn any_text_comes_through_whole(
            text in proptest::collection::vec(prop_oneof![4 => Just(b'a'), 1 => Just(b'\n'), 1 => any::<u8>()], 0..2000),
            sizes in proptest::collection::vec(1usize..90, 1..5),
            chunk in 16usize..80,
            line in 16usize..200,
        ) {
            let (found, tally, _) = read(&text, sizes, false, manner(chunk, line));
            let limit = line.max(chunk);
            let mut expected = Vec::new();
            let (mut at, mut long) = (0, 0);
            let mut all: Vec<&[u8]> = text.split(|b| *b == b'\n').collect();
            if all.last().is_some_and(|last| last.is_empty()) {
                all.pop();
            }
            for (n, one) in all.iter().enumerate() {
                if one.len() > limit {
                    long += 1;
                } else {
                    expected.push((at, n as u64, without_cr(one).to_vec()));
                }
                at += one.len() as u64 + 1;
            }
            prop_assert_eq!(found, expected);
            prop_assert_eq!((tally.lines, tally.long_lines), (all.len() as u64, long));
        }
    }
}
