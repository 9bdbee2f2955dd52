//! Location records: where devices stand, and whether that is what an alert says.
//!
//! In: texts of inventories, what an alert states, records that were found for it. Out: records or mistakes,
//! and a verification with its reason. It opens no file and looks nothing up.

mod ansible;
mod csv;
mod field;
mod model;
mod native;
mod nearest;
mod verify;

pub use csv::cells;
pub use model::{KeyKind, Record, Stated};
pub use nearest::{Nearest, nearest};
pub use verify::{Found, Verification, verify};

use crate::rules::Mistake;
use std::io::BufRead;

/// Longest inventory, in bytes.
pub const MOST_BYTES: u64 = 1 << 30;
/// Longest inventory in YAML, which is held in memory as a tree.
pub const MOST_YAML: u64 = 32 << 20;
/// Most devices of one inventory.
pub const MOST_ROWS: usize = 5_000_000;

/// How an inventory is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// With a header, as NetBox, GLPI and spreadsheets export it.
    Csv,
    /// JSON of `ansible-inventory --list`.
    Ansible,
    /// Ours: `devices:` and a list of maps.
    Yaml,
}

/// Why there is no record, or no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    pub mistake: Mistake,
    /// Nothing more can be read: what was read so far is not the whole inventory.
    pub whole_file: bool,
}

/// One record, or one mistake; a row may have several.
pub type Item = Result<Record, Wrong>;

/// Reads an inventory. `file` is how mistakes and origins call it.
///
/// CSV is read row by row; Ansible and YAML are read whole before the first record comes.
pub fn read<'r>(format: Format, file: &str, input: impl BufRead + 'r) -> Box<dyn Iterator<Item = Item> + 'r> {
    match format {
        Format::Csv => Box::new(csv::Reader::new(input, file)),
        Format::Ansible => Box::new(ansible::read(file, input).into_iter()),
        Format::Yaml => Box::new(native::read(file, input).into_iter()),
    }
}

#[cfg(test)]
mod tests;
