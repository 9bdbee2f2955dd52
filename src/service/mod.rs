//! Makes due things happen: judges deferred tickets, writes update, reminder and stand-down mails,
//! transmits the outbox, refreshes lists, forgets what is old.
//!
//! In: an open store, the rules, a transport and a clock. Out: what was done. It decides nothing itself:
//! decisions are asked of `ticket`, transmissions of `delivery`, and each step is committed before the next.

pub mod endings;
pub mod judge;
pub mod outages;
pub mod outbox;
pub mod redistribute;
pub mod redistributed;
#[cfg(test)]
mod tests;
pub mod thread;

use crate::rules::RuleSet;
use crate::store::{self, Store};
use jiff::{Span, Timestamp};
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What one flush did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Mails taken up from the spool.
    pub spooled: usize,
    /// Deferred tickets judged.
    pub judged: usize,
    /// Update, reminder and stand-down mails written.
    pub followers: usize,
    pub accepted: usize,
    pub postponed: usize,
    pub refused: usize,
    pub parked: usize,
}

/// What due work needs besides the store.
pub struct Work<'a> {
    pub rules: &'a RuleSet,
    pub clock: &'a dyn Fn() -> Timestamp,
    /// Set when this process shall end: between two steps everything is committed.
    pub stop: &'a AtomicBool,
    /// Folder of rules, where outage files are; None: the compiled-in rules have none.
    pub folder: Option<&'a std::path::Path>,
    pub diagnose: &'a mut judge::Diagnose<'a>,
    /// Told after each step, for progress.
    pub progress: &'a mut dyn FnMut(&Report),
}

impl std::fmt::Debug for Work<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Work").field("stop", self.stop).finish_non_exhaustive()
    }
}

/// Errors of due work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Delivery(#[from] crate::delivery::Error),
    #[error("lock {path}")]
    Lock { path: PathBuf, source: std::io::Error },
    #[error("another flush or run is at work in {folder}")]
    AtWork { folder: PathBuf },
}

/// Held while this process does due work: one at a time per state. The kernel frees it with the process.
#[derive(Debug)]
pub struct Turn {
    _file: File,
}

impl Turn {
    /// Takes the turn, or says that another process has it.
    pub fn take(store: &Store) -> Result<Turn, Error> {
        let path = store.folder().join("flush.lock");
        let lock = |source| Error::Lock { path: path.clone(), source };
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(lock)?;
        // A child that another thread is about to start holds the lock until its program begins.
        for _ in 0..20 {
            match file.try_lock() {
                Ok(()) => return Ok(Turn { _file: file }),
                Err(std::fs::TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
                Err(std::fs::TryLockError::Error(source)) => return Err(Error::Lock { path, source }),
            }
        }
        Err(Error::AtWork { folder: store.folder().into() })
    }
}

/// Does everything that is due: tickets first, then the outbox.
pub fn flush(
    store: &Store,
    _turn: &Turn,
    transport: &mut dyn crate::delivery::Transport,
    work: &mut Work<'_>,
) -> Result<Report, Error> {
    let mut report = Report::default();
    judge::judge_due(store, work, &mut report)?;
    thread::follow_due(store, work, &mut report)?;
    outbox::transmit_due(store, transport, work, &mut report)?;
    let tx = store.begin()?;
    tx.keep_note("flushed", &(work.clock)().to_string())?;
    tx.commit()?;
    Ok(report)
}

/// Mails that one step of forgetting looks at, and one call.
const PURGE_STEP: usize = 1000;
const PURGE_MOST: usize = 200_000;

/// Forgets raw mails and records past their time, in small steps that let mails in between; gives how many of
/// each. One call looks at a bounded number of mails, the next one goes on from there.
pub fn purge(store: &Store, work: &Work<'_>) -> Result<(usize, usize), Error> {
    let now = (work.clock)();
    let keep = &work.rules.settings.keep;
    let before = |seconds: i64| now.checked_sub(Span::new().seconds(seconds)).unwrap_or(Timestamp::MIN);
    let (mut raws, mut records) = (0, 0);
    for _ in 0..PURGE_MOST / PURGE_STEP {
        if work.stop.load(std::sync::atomic::Ordering::Relaxed) {
            break;
        }
        let tx = store.begin()?;
        let purged = tx.purge(before(keep.raw.0), before(keep.records.0), PURGE_STEP)?;
        tx.commit()?;
        raws += purged.raws;
        records += purged.records;
        if purged.ended {
            break;
        }
    }
    store::spool::sweep(store.folder(), now);
    Ok((raws, records))
}
