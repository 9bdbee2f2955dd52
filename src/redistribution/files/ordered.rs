//! Reads the chosen files side by side and hands on what came of each piece in order, a few pieces ahead at most: what
//! follows a run through the lines needs them in order, and memory must not grow with the logs.
//!
//! In: chosen files, a number of workers, what to do with a piece, who takes what came of it. Out: the report.

use super::Limits;
use super::bisect::line_start;
use super::open::Chosen;
use super::report::{Fault, Reading, Report};
use super::scan::{Part, Segment};
use super::source::Unpacked;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Bytes of a plain file in one piece.
const PIECE: u64 = 8 << 20;
/// Pieces per worker that may wait for those before them.
const AHEAD: usize = 2;

/// What came of a piece.
struct Done<T> {
    value: T,
    reading: Reading,
    faults: Vec<Fault>,
}

struct State<T> {
    next: usize,
    taken: usize,
    done: BTreeMap<usize, Result<Done<T>, Fault>>,
}

/// Reads all of `files` with `workers` threads. `per_segment` is called once for each piece, on any of them; `each` gets
/// what came of the pieces on this thread, in the order of the files and of their bytes.
pub fn in_order<T: Send>(
    files: &[Chosen],
    workers: usize,
    limits: &Limits,
    per_segment: impl Fn(&mut Segment<'_>) -> T + Sync,
    mut each: impl FnMut(Part<T>),
) -> Report {
    let unpacked = Unpacked::default();
    let mut report = Report::default();
    let mut pieces: Vec<(usize, Range<u64>)> = Vec::new();
    for (index, chosen) in files.iter().enumerate() {
        report.files.push(Reading {
            file: Arc::clone(&chosen.about.file),
            size: chosen.about.size,
            note: chosen.note.clone(),
            ..Reading::default()
        });
        pieces.extend(cut(chosen, workers, limits).into_iter().map(|range| (index, range)));
    }
    let workers = workers.clamp(1, pieces.len().max(1));
    let state = Mutex::new(State { next: 0, taken: 0, done: BTreeMap::new() });
    let (room, ready) = (Condvar::new(), Condvar::new());
    let lock = || state.lock().unwrap_or_else(PoisonError::into_inner);
    let work = || {
        loop {
            let mut held = lock();
            while held.next < pieces.len() && held.next >= held.taken + workers * AHEAD {
                held = room.wait(held).unwrap_or_else(PoisonError::into_inner);
            }
            let at = held.next;
            let Some((index, range)) = pieces.get(at) else { return };
            held.next += 1;
            drop(held);
            let chosen = &files[*index];
            let came = chosen.file().map(|file| {
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
                Done { value, reading: segment.reading, faults: segment.faults }
            });
            lock().done.insert(at, came);
            ready.notify_one();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
        let mut line: Option<(usize, u64)> = None;
        for (at, (index, range)) in pieces.iter().enumerate() {
            let mut held = lock();
            let came = loop {
                match held.done.remove(&at) {
                    Some(came) => break came,
                    None => held = ready.wait(held).unwrap_or_else(PoisonError::into_inner),
                }
            };
            held.taken = at + 1;
            drop(held);
            room.notify_all();
            match came {
                Err(fault) => report.faults.push(fault),
                Ok(Done { value, reading, faults }) => {
                    let first_line = match line {
                        Some((file, next)) if file == *index => Some(next),
                        _ => (range.start == 0).then_some(1),
                    };
                    line = first_line.map(|first| (*index, first + reading.lines));
                    each(Part { file: *index, start: range.start, lines: reading.lines, first_line, value });
                    report.bytes_read += reading.read;
                    report.text_bytes += reading.text;
                    report.long_lines += reading.long_lines;
                    report.files[*index].add(reading);
                    report.faults.extend(faults);
                }
            }
        }
    });
    report
}

/// Where the pieces of a file begin and end.
fn cut(chosen: &Chosen, workers: usize, limits: &Limits) -> Vec<Range<u64>> {
    let Range { start, end } = chosen.range;
    let whole = std::iter::once(start..end).collect();
    if !chosen.is_seekable() || workers < 2 || end - start <= PIECE {
        return whole;
    }
    let Ok(file) = chosen.file() else { return whole };
    let mut cuts = vec![start];
    let mut about = start + PIECE;
    while about < end {
        // Where no line begins for long, or it can't be read, the piece before goes on.
        if let Ok(Some(found)) = line_start(&file, about, end, limits.line)
            && cuts.last().is_some_and(|last| *last < found)
        {
            cuts.push(found);
        }
        about += PIECE;
    }
    cuts.push(end);
    cuts.windows(2).map(|cut| cut[0]..cut[1]).collect()
}
