//! A run that is open: its lines so far.
//!
//! In: lines, with what was found out about them. Out: the same packed, and what they say of the run. It does not know how
//! they were found.

use super::super::arena::put;
use super::super::lacking::{Lacking, Mark};
use jiff::Timestamp;
use std::collections::HashSet;

/// A run whose end was not seen yet.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) file: u32,
    pub(super) line: u64,
    /// Its lines, packed as [`build`] reads them.
    pub(super) record: Vec<u8>,
    /// A line says that something is left to be delivered.
    pub(super) undelivered: bool,
    /// A line says that something was delivered to somebody who lacks something.
    pub(super) delivers: bool,
    /// Who failed in it.
    pub(super) failed: HashSet<Mark>,
    pub(super) last: Option<Timestamp>,
}

impl Open {
    pub(super) fn new(file: usize, line: u64) -> Open {
        Open {
            file: u32::try_from(file).unwrap_or(u32::MAX),
            line,
            record: Vec::new(),
            undelivered: false,
            delivers: false,
            failed: HashSet::new(),
            last: None,
        }
    }

    pub(super) fn push(&mut self, file: usize, found: &Found<'_>, lacking: &mut Lacking) {
        for value in [file as u64, found.number, found.event as u64, found.line.len() as u64] {
            put(&mut self.record, value);
        }
        self.record.extend_from_slice(found.line);
        self.undelivered |= found.undelivered;
        self.delivers |= found.delivers;
        for mark in &found.failed {
            if self.failed.insert(*mark) {
                lacking.failed(*mark);
            }
        }
        self.last = found.time.or(self.last);
    }
}

/// What both ways of reading find out about a line.
pub(super) struct Found<'l> {
    /// Of its server and of the run, see [`super::super::reader::Reader::of_server`].
    pub(super) key: (Mark, &'l [u8]),
    pub(super) number: u64,
    pub(super) event: usize,
    pub(super) line: &'l [u8],
    pub(super) undelivered: bool,
    pub(super) delivers: bool,
    pub(super) failed: Vec<Mark>,
    pub(super) time: Option<Timestamp>,
}
