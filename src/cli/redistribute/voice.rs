//! The agent's ways to its caller and back: neither waits for ever.
//!
//! In: words to say, a stream to write them to; a stream to read from. Out: lines in their order, as far as the caller
//! takes them; its bytes, as long as it is not silent. Whoever takes nothing for as long as patience lasts is gone:
//! what is said then is dropped, and nobody waits for it.

use super::wire::{Told, line};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes that may wait to be written before whoever speaks has to wait, too.
const MOST_WAITING: usize = 1 << 20;
/// Bytes written at once: a slow caller is not a silent one.
const PIECE: usize = 4 << 10;
/// Between two looks at whether the caller is still there.
const TICK: Duration = Duration::from_millis(100);

/// The way to the caller; lines of several threads stay whole.
#[derive(Clone)]
pub(super) struct Voice(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    moved: Condvar,
    patience: Duration,
}

struct Queue {
    lines: VecDeque<Vec<u8>>,
    /// Of the lines, and of the one that is being written.
    bytes: usize,
    /// When the caller last took something, or there was nothing to take.
    taken: Instant,
    gone: bool,
}

impl Voice {
    /// Speaks through a thread of its own, which alone may wait for the caller.
    #[expect(clippy::disallowed_methods, reason = "measures the caller's patience with us")]
    pub(super) fn new(mut out: impl Write + Send + 'static, patience: Duration) -> Voice {
        let queue = Queue { lines: VecDeque::new(), bytes: 0, taken: Instant::now(), gone: false };
        let voice = Voice(Arc::new(Shared { queue: Mutex::new(queue), moved: Condvar::new(), patience }));
        let shared = Arc::clone(&voice.0);
        std::thread::spawn(move || {
            loop {
                let mut queue = shared.lock();
                let line = loop {
                    match queue.lines.pop_front() {
                        Some(line) => break line,
                        None => queue = shared.moved.wait(queue).unwrap_or_else(PoisonError::into_inner),
                    }
                };
                drop(queue);
                for piece in line.chunks(PIECE) {
                    let written = out.write_all(piece).and_then(|()| out.flush());
                    let mut queue = shared.lock();
                    queue.bytes -= piece.len();
                    queue.taken = Instant::now();
                    queue.gone |= written.is_err();
                    let gone = queue.gone;
                    drop(queue);
                    shared.moved.notify_all();
                    if gone {
                        return;
                    }
                }
            }
        });
        voice
    }

    /// Says a word. Where nobody listens any more, that is remembered, and the word is lost.
    #[expect(clippy::disallowed_methods, reason = "measures the caller's patience with us")]
    pub(super) fn say(&self, word: &Told) {
        let mut bytes = line(word);
        bytes.push(b'\n');
        let mut queue = self.until(|queue| queue.bytes <= MOST_WAITING);
        if queue.gone {
            return;
        }
        if queue.bytes == 0 {
            queue.taken = Instant::now();
        }
        queue.bytes += bytes.len();
        queue.lines.push_back(bytes);
        drop(queue);
        self.0.moved.notify_all();
    }

    /// Whether the caller took nothing for as long as patience lasts, or cannot.
    pub(super) fn is_gone(&self) -> bool {
        self.0.judged(self.0.lock()).gone
    }

    /// Waits until all was taken, or the caller is gone.
    pub(super) fn finish(&self) {
        drop(self.until(|queue| queue.bytes == 0));
    }

    fn until(&self, is_enough: impl Fn(&Queue) -> bool) -> MutexGuard<'_, Queue> {
        let mut queue = self.0.judged(self.0.lock());
        while !queue.gone && !is_enough(&queue) {
            let waited = self.0.moved.wait_timeout(queue, TICK).unwrap_or_else(PoisonError::into_inner);
            queue = self.0.judged(waited.0);
        }
        queue
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn judged<'q>(&self, mut queue: MutexGuard<'q, Queue>) -> MutexGuard<'q, Queue> {
        queue.gone |= queue.bytes > 0 && queue.taken.elapsed() > self.patience;
        queue
    }
}

/// What the caller says; its silence is an error once patience is over.
pub(super) struct Patient {
    pub(super) input: File,
    pub(super) patience: Duration,
}

impl Read for Patient {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let seconds = i64::try_from(self.patience.as_secs()).unwrap_or(i64::MAX);
        let limit = Timespec { tv_sec: seconds, tv_nsec: i64::from(self.patience.subsec_nanos()) };
        if poll(&mut [PollFd::new(&self.input, PollFlags::IN)], Some(&limit))? == 0 {
            let text = format!("the caller was silent for {} s", self.patience.as_secs());
            return Err(io::Error::new(io::ErrorKind::TimedOut, text));
        }
        self.input.read(into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};

    #[test]
    fn a_caller_that_reads_nothing_is_gone_once_patience_is_over_and_nobody_waits_for_it() {
        let (reading, writing) = rustix::pipe::pipe().expect("a pipe");
        let voice = Voice::new(File::from(writing), Duration::from_millis(200));
        let long = Told::Closed(vec!["x".repeat(MOST_WAITING)]);
        // Far more than the pipe and the queue hold: without an end to patience this would wait for ever.
        for _ in 0..8 {
            voice.say(&long);
        }
        voice.finish();
        assert!(voice.is_gone());
        voice.say(&Told::Still);
        drop(reading);
    }

    #[test]
    fn a_caller_that_went_away_is_gone_at_once_and_one_that_reads_gets_every_line_in_order() {
        let (reading, writing) = rustix::pipe::pipe().expect("a pipe");
        let voice = Voice::new(File::from(writing), Duration::from_secs(600));
        let lines = std::thread::spawn(move || {
            BufReader::new(File::from(reading)).lines().take(400).map(|line| line.expect("a line")).collect()
        });
        for number in 0..400 {
            voice.say(&Told::Closed(vec![format!("T-{number}{}", " ".repeat(9_000))]));
        }
        voice.finish();
        let lines: Vec<String> = lines.join().expect("it reads");
        let begins =
            |(number, line): (usize, &String)| line.starts_with(&format!("{{\"closed\":[\"T-{number} "));
        assert!(lines.iter().enumerate().all(begins) && lines.len() == 400);
        assert!(!voice.is_gone());
        // The other end is closed by now.
        voice.say(&Told::Still);
        voice.finish();
        assert!(voice.is_gone());
    }

    #[test]
    fn silence_of_the_caller_is_an_error_and_its_end_is_none() {
        let (reading, writing) = rustix::pipe::pipe().expect("a pipe");
        let mut input = Patient { input: File::from(reading), patience: Duration::from_millis(50) };
        let mut byte = [0; 1];
        assert_eq!(input.read(&mut byte).expect_err("silence").kind(), io::ErrorKind::TimedOut);
        drop(writing);
        assert_eq!(input.read(&mut byte).expect("the end"), 0);
    }
}
