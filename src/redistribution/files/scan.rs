//! Reads the chosen files: segments in parallel, results in order.
//!
//! In: chosen files, a number of workers, what to do with a segment. Out: one result per segment in the order of the
//! files, and the report. It does not know what is looked for.

use super::Limits;
use super::bisect::line_start;
use super::open::Chosen;
use super::report::{Fault, Reading, Report};
use super::source::Unpacked;
use super::stream::{Block, Manner, blocks};
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A part of a file that one worker reads: a whole archive, or a range of a plain file on line starts.
pub struct Segment<'a> {
    pub(super) chosen: &'a Chosen,
    pub(super) file: Arc<File>,
    pub(super) range: Range<u64>,
    pub(super) limits: &'a Limits,
    pub(super) unpacked: &'a Unpacked,
    pub(super) reading: Reading,
    pub(super) faults: Vec<Fault>,
}

/// What came of a segment.
#[derive(Debug)]
pub struct Part<T> {
    /// Index of its file among those given.
    pub file: usize,
    /// Where its first byte stands, as [`Block::offset`].
    pub start: u64,
    /// Lines in it, once it was read.
    pub lines: u64,
    /// Number, from 1, of its first line; `None` where bytes before it were skipped: see [`Chosen::line_at`].
    pub first_line: Option<u64>,
    pub value: T,
}

/// What came of all segments.
#[derive(Debug)]
pub struct Scan<T> {
    /// In the order of the files, and of their bytes.
    pub parts: Vec<Part<T>>,
    pub report: Report,
}

/// Index of the segment, its result, what was read, what was wrong.
type Done<T> = (usize, T, Reading, Vec<Fault>);

/// A plain file is cut into so many segments per worker, so that none waits long for the other's last.
const PER_WORKER: u64 = 4;
/// Compressed bytes read at once.
pub(super) const INPUT: usize = 128 << 10;
/// The shortest chunk that decoding needs.
const CHUNK: usize = 64;

impl Segment<'_> {
    /// The file it is of.
    pub fn chosen(&self) -> &Chosen {
        self.chosen
    }

    /// Where its first byte stands.
    pub fn start(&self) -> u64 {
        self.range.start
    }

    /// Gives its lines to `each`, in blocks, in order; once. What goes wrong ends it, and is in the report.
    pub fn blocks(&mut self, mut each: impl FnMut(Block<'_>)) {
        self.counted(|block| {
            each(block);
            None
        });
    }

    /// The same, where `each` may say how many lines a block has.
    pub fn counted(&mut self, each: impl FnMut(Block<'_>) -> Option<u64>) {
        let whole = !self.chosen.is_seekable();
        let range = if whole { 0..self.chosen.about.size } else { self.range.clone() };
        let ends_file = whole || range.end == self.chosen.about.size;
        // Advice only: without it the kernel reads less ahead.
        let _ =
            fadvise(&self.file, range.start, NonZeroU64::new(range.end - range.start), Advice::Sequential);
        let text = self.chosen.text(&self.file, range.clone(), INPUT, self.limits, self.unpacked);
        let mark = if whole || range.start > 0 { 0 } else { self.chosen.about.encoding.mark() as u64 };
        let manner = Manner {
            chunk: self.limits.chunk.max(CHUNK),
            line: self.limits.line,
            cr: self.chosen.cr,
            offset: range.start + mark,
            ends_file,
        };
        let read = text.and_then(|mut text| {
            let result = blocks(&mut text, manner, &mut self.reading, each);
            self.reading.read += text.taken();
            result
        });
        if let Err(broken) = read {
            self.faults.push(self.chosen.fault(broken));
        }
    }
}

/// Where the segments of a file begin and end.
fn segments(chosen: &Chosen, file: &File, workers: usize, limits: &Limits) -> Vec<Range<u64>> {
    let Range { start, end } = chosen.range;
    if !chosen.is_seekable() || workers < 2 || end - start <= limits.cut {
        return std::iter::once(start..end).collect();
    }
    let most = (workers as u64) * PER_WORKER;
    let pieces = most.min((end - start).div_ceil(limits.cut.max(1))).max(2);
    let mut cuts = vec![start];
    for piece in 1..pieces {
        let about = start + (end - start) / pieces * piece;
        // Where no line begins for long, or it can't be read, the segment before goes on.
        if let Ok(Some(cut)) = line_start(file, about, end, limits.line)
            && cuts.last().is_some_and(|last| *last < cut)
        {
            cuts.push(cut);
        }
    }
    cuts.push(end);
    cuts.windows(2).map(|cut| cut[0]..cut[1]).collect()
}

/// Reads all of `files` with `workers` threads. `per_segment` is called once for each segment, on any of them; it asks
/// the segment for its blocks. Memory: about two chunks and a longest line for each worker, and what an archive needs.
pub fn scan<T: Send>(
    files: &[Chosen],
    workers: usize,
    limits: &Limits,
    per_segment: impl Fn(&mut Segment<'_>) -> T + Sync,
) -> Scan<T> {
    let unpacked = Unpacked::default();
    let mut report = Report::default();
    let mut jobs: Vec<(usize, Range<u64>)> = Vec::new();
    for (index, chosen) in files.iter().enumerate() {
        report.files.push(Reading {
            file: Arc::clone(&chosen.about.file),
            size: chosen.about.size,
            note: chosen.note.clone(),
            ..Reading::default()
        });
        match chosen.file() {
            Ok(file) => {
                jobs.extend(segments(chosen, &file, workers, limits).into_iter().map(|range| (index, range)))
            }
            Err(fault) => report.faults.push(fault),
        }
    }
    // The longest first, so that the workers end together.
    let mut order: Vec<usize> = (0..jobs.len()).collect();
    order.sort_by_key(|job| {
        let range = &jobs[*job].1;
        std::cmp::Reverse(range.end - range.start)
    });
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Done<T>>> = Mutex::new(Vec::new());
    let lost: Mutex<Vec<Fault>> = Mutex::new(Vec::new());
    let work = || {
        while let Some(job) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (index, range) = &jobs[*job];
            let chosen = &files[*index];
            let file = match chosen.file() {
                Ok(file) => file,
                Err(fault) => {
                    lost.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
                    continue;
                }
            };
            let mut segment = Segment {
                chosen,
                file,
                range: range.clone(),
                limits,
                unpacked: &unpacked,
                reading: Reading::default(),
                faults: Vec::new(),
            };
            let value = per_segment(&mut segment);
            let Segment { reading, faults, .. } = segment;
            done.lock().unwrap_or_else(PoisonError::into_inner).push((*job, value, reading, faults));
        }
    };
    let helpers = workers.min(jobs.len()).saturating_sub(1);
    std::thread::scope(|scope| {
        for _ in 0..helpers {
            scope.spawn(work);
        }
        work();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(job, ..)| *job);
    report.faults.extend(lost.into_inner().unwrap_or_else(PoisonError::into_inner));
    let mut parts: Vec<Part<T>> = Vec::with_capacity(done.len());
    for (job, value, reading, faults) in done {
        let (file, start) = (jobs[job].0, jobs[job].1.start);
        let before = parts.last().filter(|part| part.file == file);
        let first_line = match before {
            Some(part) => part.first_line.map(|line| line + part.lines),
            None => (start == 0).then_some(1),
        };
        parts.push(Part { file, start, lines: reading.lines, first_line, value });
        report.bytes_read += reading.read;
        report.text_bytes += reading.text;
        report.long_lines += reading.long_lines;
        report.files[file].add(reading);
        report.faults.extend(faults);
    }
    Scan { parts, report }
}
