//! Where a period stands in a plain file whose lines are in order of time, found by looking at a few of them.
//!
//! In: an open file, a function that finds the time of a line. Out: a range of bytes on line starts, or why the whole
//! file must be read. It trusts no order it has not seen: a probe that contradicts it gives the file up.

use super::source::Encoding;
use super::stream::without_cr;
use jiff::{SignedDuration, Timestamp};
use memchr::{memchr, memchr_iter, memrchr};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// What a probe reads at first, and at most while it looks for a line with a time.
const PROBE: usize = 1 << 10;
const PROBE_MOST: usize = 256 << 10;
/// Probes at even distances that look for disorder.
const SAMPLES: u64 = 8;
const SAMPLES_OF_LARGE: u64 = 32;
const LARGE: u64 = 16 << 20;

/// What the probes of one file say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// These bytes may hold lines of the period; empty: none.
    Range(Range<u64>),
    /// No order can be relied on, and why.
    Whole(String),
}

pub(super) struct Probes<'a> {
    file: &'a File,
    size: u64,
    time_of: &'a dyn Fn(&[u8]) -> Option<Timestamp>,
    seen: BTreeMap<u64, Timestamp>,
    /// From where no line with a time was found, though the search was not at its end.
    blind: Option<u64>,
    /// Bytes read.
    pub(super) read: u64,
}

/// A line that has a time.
#[derive(Debug, Clone, Copy)]
struct Timed {
    start: u64,
    next: u64,
    time: Timestamp,
}

impl<'a> Probes<'a> {
    pub(super) fn new(file: &'a File, size: u64, time_of: &'a dyn Fn(&[u8]) -> Option<Timestamp>) -> Self {
        Self { file, size, time_of, seen: BTreeMap::new(), blind: None, read: 0 }
    }

    /// The range of lines that may lie in the period, with lines without a time counted to the line before them.
    pub(super) fn range(
        &mut self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        disorder: SignedDuration,
    ) -> io::Result<Found> {
        let whole = |why: &str| Ok(Found::Whole(why.to_owned()));
        let Some(first) = self.at(0, self.size)? else {
            return whole("no time was found in its first lines");
        };
        let samples = if self.size > LARGE { SAMPLES_OF_LARGE } else { SAMPLES };
        for sample in 1..samples {
            self.at(self.size / samples * sample, self.size)?;
        }
        let Some(last) = self.last()? else {
            return whole("no time was found in its last lines");
        };
        let outside = since.is_some_and(|since| last.time < since.saturating_sub(disorder).unwrap_or(since))
            || until.is_some_and(|until| first.time > until.saturating_add(disorder).unwrap_or(until));
        if outside {
            return Ok(self.disorder(disorder).map_or(Found::Range(0..0), Found::Whole));
        }
        // Lines before the first time belong to it.
        let start = match since {
            Some(since) if first.time < since => {
                self.first_past(|time| time >= since.saturating_sub(disorder).unwrap_or(since))?
            }
            _ => 0,
        };
        let end = match until {
            Some(until) => {
                let past = until.saturating_add(disorder).unwrap_or(until);
                if last.time <= past { self.size } else { self.first_past(|time| time > past)? }
            }
            None => self.size,
        };
        Ok(self.disorder(disorder).map_or(Found::Range(start..end.max(start)), Found::Whole))
    }

    /// Why the probes allow no conclusion about what stands between them.
    fn disorder(&self, allowed: SignedDuration) -> Option<String> {
        if let Some(at) = self.blind {
            return Some(format!("no line with a time was found from byte {at} on"));
        }
        let mut latest = *self.seen.values().next()?;
        for (at, time) in &self.seen {
            if latest.duration_since(*time) > allowed {
                return Some(format!("its lines are not in order of time (byte {at})"));
            }
            latest = latest.max(*time);
        }
        None
    }

    /// Start of the first line with a time for which `past` holds, if it holds for all later ones; else the end.
    fn first_past(&mut self, past: impl Fn(Timestamp) -> bool) -> io::Result<u64> {
        // Lines before `low` are not past; those that start from `high` on, and have a time, are, beginning with `found`.
        let (mut low, mut high, mut found) = (0, self.size, self.size);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.at(middle, high)? {
                Some(timed) if past(timed.time) => (high, found) = (middle, timed.start),
                Some(timed) => low = timed.next,
                None => high = middle,
            }
        }
        Ok(found)
    }

    /// The first line with a time that starts in `from..before`.
    fn at(&mut self, from: u64, before: u64) -> io::Result<Option<Timed>> {
        // The byte before tells whether a line starts at `from`.
        let base = from.saturating_sub(1);
        let mut most = PROBE;
        loop {
            let bytes = self.bytes(base, most)?;
            let to_end = base + bytes.len() as u64 >= self.size;
            let mut line = match from {
                0 => 0,
                _ => match memchr(b'\n', &bytes) {
                    Some(end) => end + 1,
                    None => bytes.len(),
                },
            };
            while line < bytes.len() && base + (line as u64) < before {
                let end = memchr(b'\n', &bytes[line..]).map(|end| line + end);
                if end.is_none() && !to_end {
                    break;
                }
                let stop = end.unwrap_or(bytes.len());
                let skip = if base == 0 && line == 0 { Encoding::of(&bytes).mark() } else { 0 };
                if let Some(time) = (self.time_of)(without_cr(&bytes[line + skip..stop])) {
                    let (start, next) = (base + line as u64, base + (stop as u64 + 1));
                    self.seen.insert(start, time);
                    return Ok(Some(Timed { start, next: next.min(self.size), time }));
                }
                line = stop + 1;
            }
            if to_end || base + line as u64 >= before {
                return Ok(None);
            }
            if most >= PROBE_MOST {
                self.blind = Some(from);
                return Ok(None);
            }
            most *= 4;
        }
    }

    /// The last line with a time.
    fn last(&mut self) -> io::Result<Option<Timed>> {
        let mut most = PROBE;
        loop {
            let base = self.size.saturating_sub(most as u64);
            let bytes = self.bytes(base, most)?;
            let mut end = bytes.len();
            while end > 0 {
                let text = bytes[..end].strip_suffix(b"\n").unwrap_or(&bytes[..end]);
                let start = match memrchr(b'\n', text) {
                    Some(before) => before + 1,
                    None if base == 0 => 0,
                    None => break,
                };
                if let Some(time) = (self.time_of)(without_cr(&text[start..])) {
                    let (start, next) = (base + start as u64, base + end as u64);
                    self.seen.insert(start, time);
                    return Ok(Some(Timed { start, next, time }));
                }
                end = start;
            }
            if base == 0 || most >= PROBE_MOST {
                return Ok(None);
            }
            most *= 4;
        }
    }

    fn bytes(&mut self, from: u64, most: usize) -> io::Result<Vec<u8>> {
        let left = usize::try_from(self.size.saturating_sub(from)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; most.min(left)];
        let mut len = 0;
        while len < bytes.len() {
            match self.file.read_at(&mut bytes[len..], from + len as u64)? {
                0 => break,
                n => len += n,
            }
        }
        bytes.truncate(len);
        self.read += len as u64;
        Ok(bytes)
    }
}

/// The start of the first line that starts at `from` or later and before `end`; `None`: none within `most` bytes.
pub(super) fn line_start(file: &File, from: u64, end: u64, most: usize) -> io::Result<Option<u64>> {
    let mut bytes = vec![0; 4 << 10];
    let (mut at, stop) = (from.saturating_sub(1), end.min(from + most as u64));
    while at < stop {
        let n = file.read_at(&mut bytes, at)?;
        if n == 0 {
            return Ok(None);
        }
        if let Some(found) = memchr(b'\n', &bytes[..n]) {
            let start = at + found as u64 + 1;
            return Ok(Some(start).filter(|start| *start < end));
        }
        at += n as u64;
    }
    Ok(None)
}

/// The numbers, from 1, of the lines that hold these offsets, which rise.
pub(super) fn count_lines(file: &File, offsets: &[u64]) -> io::Result<Vec<u64>> {
    let mut bytes = vec![0; 256 << 10];
    let (mut at, mut line) = (0, 1);
    let mut found = Vec::with_capacity(offsets.len());
    for offset in offsets {
        while at < *offset {
            let most = usize::try_from(offset - at).unwrap_or(usize::MAX).min(bytes.len());
            let n = file.read_at(&mut bytes[..most], at)?;
            if n == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "it was shortened while its lines were counted",
                ));
            }
            line += memchr_iter(b'\n', &bytes[..n]).count() as u64;
            at += n as u64;
        }
        found.push(line);
    }
    Ok(found)
}
