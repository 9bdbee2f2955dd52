//! What was read, what was left, and what was wrong with it: for the person who must trust the plan.
//!
//! In: what the readers met. Out: plain data that adds up. It opens nothing.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// Sums of reading; bytes are those on disk, so those of archives are compressed ones.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Report {
    pub files: Vec<Reading>,
    pub left: Vec<Left>,
    pub faults: Vec<Fault>,
    /// Bytes read from files, those read to find out where the period stands included.
    pub bytes_read: u64,
    /// Bytes of files that were left, and of ranges outside the period.
    pub bytes_skipped: u64,
    /// Bytes of text that came out of it, after decompression and decoding.
    pub text_bytes: u64,
    /// Lines longer than the limit, which were skipped.
    pub long_lines: u64,
}

impl Report {
    /// Adds what another step met; a file that both read is one row.
    pub fn add(&mut self, other: Report) {
        let mine = self.files.iter().enumerate().map(|(at, reading)| (Arc::clone(&reading.file), at));
        let mine: HashMap<Arc<str>, usize> = mine.collect();
        for reading in other.files {
            match mine.get(&reading.file) {
                Some(at) => self.files[*at].add(reading),
                None => self.files.push(reading),
            }
        }
        self.left.extend(other.left);
        self.faults.extend(other.faults);
        self.bytes_read += other.bytes_read;
        self.bytes_skipped += other.bytes_skipped;
        self.text_bytes += other.text_bytes;
        self.long_lines += other.long_lines;
    }
}

/// A file that was read, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reading {
    pub file: Arc<str>,
    pub size: u64,
    /// Bytes read of it.
    pub read: u64,
    /// Bytes of text that came out.
    pub text: u64,
    pub lines: u64,
    pub long_lines: u64,
    /// Where the first of them stand, in bytes of text.
    pub long_at: Vec<u64>,
    /// Its last line has no end: it may still be written.
    pub torn: bool,
    /// Why more was read than the period asks for.
    pub note: Option<String>,
}

impl Reading {
    /// How many places of long lines are kept.
    pub(super) const LONG_PLACES: usize = 8;

    pub(super) fn add(&mut self, other: Reading) {
        self.read += other.read;
        self.text += other.text;
        self.lines += other.lines;
        self.long_lines += other.long_lines;
        self.long_at.extend(other.long_at);
        self.long_at.truncate(Self::LONG_PLACES);
        self.torn |= other.torn;
        self.note = self.note.take().or(other.note);
    }
}

/// A file that was not read, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    pub file: Arc<str>,
    pub size: u64,
    pub why: String,
}

/// What went wrong with a file; what came before it was delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{file}{}: {text}", .offset.map(|o| format!(", byte {o}")).unwrap_or_default())]
pub struct Fault {
    pub file: Arc<str>,
    /// In bytes of the file on disk.
    pub offset: Option<u64>,
    pub kind: Kind,
    /// What it is, and the way out.
    pub text: String,
}

/// What kind of fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Missing,
    Denied,
    /// A folder where a file is asked for, a pipe, a socket, a device, a link in a folder.
    Refused,
    /// An archive that is damaged or of a kind that isn't read.
    Corrupt,
    /// An archive that ends before its end.
    Incomplete,
    /// An archive that unpacks to more than the limit.
    Bomb,
    /// A file that was shortened or vanished while it was read.
    Changed,
    /// More files than the limit.
    Many,
    /// What the system said.
    Io,
}
