//! The edge of this room that opens files: which logfiles hold a period, and their text in blocks of whole lines.
//!
//! In: paths, a period, limits, a function that finds the time of a line. Out: blocks of lines in order, and a
//! [`Report`] of what was read, left and wrong. It does not know what a line means, and it never writes.

mod artifact;
mod bisect;
mod choose;
mod collect;
mod copies;
mod decompress;
mod family;
mod open;
mod ordered;
mod report;
mod scan;
mod source;
mod stream;

pub use artifact::Folder;
pub use choose::{Choice, Wanted, choose};
pub use decompress::Packing;
pub use open::{About, Chosen};
pub use ordered::{Share, in_order};
pub use report::{Fault, Kind, Left, Reading, Report};
pub use scan::{Part, Scan, Segment, scan};
pub use source::Encoding;
pub use stream::{Block, lines};

use jiff::SignedDuration;
use std::path::Path;

/// Whether two files are of one family: a live log and what was rotated out of it.
pub fn are_family(one: &str, other: &str) -> bool {
    let (one, other) = (Path::new(one), Path::new(other));
    let live = |path: &Path| path.file_name().map(|name| family::Member::of(&name.to_string_lossy()).live);
    one.parent() == other.parent() && live(one).is_some() && live(one) == live(other)
}

/// Bounds on what a hostile or broken log can cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one read; a block is about as long.
    pub chunk: usize,
    /// Longest line in bytes; longer ones are skipped and counted. At least `chunk`.
    pub line: usize,
    /// Bytes all archives of one scan may unpack to.
    pub unpacked: u64,
    /// How many times its size an archive may unpack to, once that is more than 256 MiB.
    pub ratio: u64,
    /// Bytes of memory an archive may ask for to be unpacked.
    pub memory: u64,
    /// Most files one choice may look at.
    pub files: usize,
    /// A plain file longer than this is cut into segments that are scanned in parallel. `u64::MAX`: never.
    pub cut: u64,
    /// How far lines of one log may stand out of order.
    pub disorder: SignedDuration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            chunk: 256 << 10,
            line: 1 << 20,
            unpacked: 64 << 30,
            ratio: 10_000,
            memory: 128 << 20,
            files: 100_000,
            cut: 32 << 20,
            disorder: SignedDuration::from_mins(5),
        }
    }
}

#[cfg(test)]
mod tests;
