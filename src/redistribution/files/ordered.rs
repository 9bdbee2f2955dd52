//! Reads the chosen files side by side and hands on what came of them in order, a little ahead at most: what follows a
//! run through the lines needs them in order, and memory must not grow with the logs.
//!
//! In: chosen files, a number of workers, what to do with a piece, who takes what came of it. Out: the report. A piece is
//! a part of a plain file, or an archive whole; what came of it is given in shares, so that an archive need not be
//! through before its first lines are taken.

use super::Limits;
use super::bisect::line_start;
use super::open::Chosen;
use super::report::{Fault, Reading, Report};
use super::scan::Segment;
use super::source::Unpacked;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes of a plain file in one piece.
const PIECE: u64 = 2 << 20;
/// Pieces per worker that may wait for those before them.
const AHEAD: usize = 2;
/// Bytes of what came of one piece that may wait to be taken.
const SHARE: usize = 4 << 20;

/// A share of what came of a piece.
#[derive(Debug)]
pub struct Share<T> {
    /// Index of its file among those given.
    pub file: usize,
    /// Number, from 1, of the first line of its piece; `None` where bytes before it were skipped.
    pub first_line: Option<u64>,
    pub value: T,
}

/// What came of a piece so far.
struct Came<T> {
    shares: VecDeque<(T, usize)>,
    /// Bytes in `shares`.
    held: usize,
    end: Option<Result<(Reading, Vec<Fault>), Fault>>,
}

impl<T> Default for Came<T> {
    fn default() -> Self {
        Self { shares: VecDeque::new(), held: 0, end: None }
    }
}

struct State<T> {
    /// The piece that a worker takes next, and the one whose shares are taken.
    next: usize,
    taken: usize,
    came: BTreeMap<usize, Came<T>>,
}

/// Where the workers and who takes what came meet.
struct Meeting<T> {
    state: Mutex<State<T>>,
    room: Condvar,
    ready: Condvar,
}

/// What came next of a piece.
enum Next<T> {
    Share(T),
    End(Result<(Reading, Vec<Fault>), Fault>),
}

impl<T> Meeting<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next piece for a worker.
    fn start(&self, pieces: usize, ahead: usize) -> Option<usize> {
        let mut held = self.lock();
        while held.next < pieces && held.next >= held.taken + ahead {
            held = self.room.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
        let at = held.next;
        held.next += 1;
        (at < pieces).then_some(at)
    }

    /// Waits while too much of the piece was not taken yet.
    fn give(&self, at: usize, value: T, bytes: usize) {
        let mut held = self.lock();
        while held.came.get(&at).is_some_and(|came| came.held > SHARE) {
            held = self.room.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
        let came = held.came.entry(at).or_default();
        came.held += bytes;
        came.shares.push_back((value, bytes));
        if held.taken == at {
            self.ready.notify_one();
        }
    }

    fn end(&self, at: usize, end: Result<(Reading, Vec<Fault>), Fault>) {
        self.lock().came.entry(at).or_default().end = Some(end);
        self.ready.notify_one();
    }

    /// Waits for what came next of a piece.
    fn take(&self, at: usize) -> Next<T> {
        let mut held = self.lock();
        loop {
            if let Some(came) = held.came.get_mut(&at) {
                if let Some((value, bytes)) = came.shares.pop_front() {
                    came.held -= bytes;
                    self.room.notify_all();
                    return Next::Share(value);
                }
                if let Some(end) = came.end.take() {
                    held.came.remove(&at);
                    held.taken = at + 1;
                    self.room.notify_all();
                    return Next::End(end);
                }
            }
            held = self.ready.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Reads all of `files` with `workers` threads. `per_segment` is called once for each piece, on any of them, and gives
/// what comes of it in shares, with their bytes in memory; `each` gets the shares on this thread, in the order of the
/// files and of their bytes.
pub fn in_order<T: Send>(
    files: &[Chosen],
    workers: usize,
    limits: &Limits,
    per_segment: impl Fn(&mut Segment<'_>, &mut dyn FnMut(T, usize)) + Sync,
    mut each: impl FnMut(Share<T>),
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
    let meeting = Meeting {
        state: Mutex::new(State { next: 0, taken: 0, came: BTreeMap::new() }),
        room: Condvar::new(),
        ready: Condvar::new(),
    };
    let work = || {
        while let Some(at) = meeting.start(pieces.len(), workers * AHEAD) {
            let (index, range) = &pieces[at];
            let chosen = &files[*index];
            let end = chosen.file().map(|file| {
                let mut segment = Segment {
                    chosen,
                    file,
                    range: range.clone(),
                    limits,
                    unpacked: &unpacked,
                    reading: Reading::default(),
                    faults: Vec::new(),
                };
                per_segment(&mut segment, &mut |value, bytes| meeting.give(at, value, bytes));
                (segment.reading, segment.faults)
            });
            meeting.end(at, end);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
        let mut line: Option<(usize, u64)> = None;
        for (at, (index, range)) in pieces.iter().enumerate() {
            let first_line = match line {
                Some((file, next)) if file == *index => Some(next),
                _ => (range.start == 0).then_some(1),
            };
            let end = loop {
                match meeting.take(at) {
                    Next::Share(value) => each(Share { file: *index, first_line, value }),
                    Next::End(end) => break end,
                }
            };
            match end {
                Err(fault) => {
                    line = None;
                    report.faults.push(fault);
                }
                Ok((reading, faults)) => {
                    line = first_line.map(|first| (*index, first + reading.lines));
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
