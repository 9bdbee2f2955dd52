//! A mailbox is the same story many times: workers read ahead, one writer settles in order.
//!
//! Workers take stretches of the mailbox in turn and read them; the writer puts the stretches back in
//! order and settles them as they come, many mails to a transaction. What becomes of a mail does not depend on the size
//! of a batch: events are replayed in order inside it. Memory is bounded by stretches in flight.

use super::{Account, Arrival, Arrived, Desk};
use crate::alert::engine::Engine;
use crate::mail::mailbox::{Item, Mailbox, Place, settle_all};
use crate::rules::RuleSet;
use crate::store::{self, Store};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Mails per transaction unless said otherwise.
pub const SIZE: usize = 1000;
/// A stretch ends after this many mails or bytes.
const STRETCH_MAILS: usize = 32;
const STRETCH_BYTES: u64 = 512 << 10;
/// Bytes after which a transaction is committed early, whatever its size.
const BATCH_BYTES: u64 = 32 << 20;
/// How long an open transaction waits for the next mail.
const PATIENCE: Duration = Duration::from_millis(50);
/// Stack of a worker: the parser may nest as deep as the bounds of `mail` allow.
const STACK: usize = 8 << 20;

/// One thing a mailbox gave.
enum Read {
    Mail(Box<Arrived>, Place),
    Unreadable(io::Error),
}

type Stretch = (u64, Vec<Read>);

/// What is told while a mailbox is taken in.
#[derive(Debug)]
pub enum Event<'a> {
    /// Committed.
    Settled(&'a Account),
    /// One message could not be read; the next ones are unaffected.
    Unreadable(&'a io::Error),
    /// A transaction was committed; mails settled so far.
    Committed(u64),
}

/// Takes in a whole mailbox, `size` mails to a transaction.
///
/// # Errors
/// What the store says; what was committed before stays, the rest is untouched in its mailbox.
pub fn take_in(
    store: &Store,
    rules: &RuleSet,
    engine: &Engine<'_>,
    mailbox: Mailbox,
    size: usize,
    now: Timestamp,
    each: &mut dyn FnMut(Event<'_>),
) -> Result<u64, store::Error> {
    let source = Mutex::new((mailbox, 0u64));
    let stop = AtomicBool::new(false);
    let spill = store.spill_folder();
    let workers = std::thread::available_parallelism().map_or(2, |n| n.get()).clamp(1, 4);
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel::<Stretch>(workers * 2);
        for _ in 0..workers {
            let sender = sender.clone();
            let work = || read_ahead(&source, engine, now, &spill, &stop, sender);
            std::thread::Builder::new()
                .name("read-ahead".to_owned())
                .stack_size(STACK)
                .spawn_scoped(scope, work)
                .map_err(no_thread(store.folder()))?;
        }
        drop(sender);
        let result = settle_in_order(store, rules, engine, receiver, size, each);
        stop.store(true, Ordering::Relaxed);
        result
    })
}

/// What taking in a mailbox would give; one transaction, rolled back, mails stay where they are.
pub fn rehearse(
    store: &Store,
    rules: &RuleSet,
    engine: &Engine<'_>,
    mut mailbox: Mailbox,
    now: Timestamp,
    each: &mut dyn FnMut(Event<'_>),
) -> Result<(), store::Error> {
    let tx = store.begin()?;
    let desk = Desk::open(&tx, rules, engine)?;
    let spill = store.spill_folder();
    while let Some(item) = mailbox.next(&spill) {
        match read_one(item, engine, now) {
            Read::Mail(arrived, _) => each(Event::Settled(&desk.settle(&arrived, false)?)),
            Read::Unreadable(error) => each(Event::Unreadable(&error)),
        }
    }
    drop(desk);
    tx.roll_back();
    Ok(())
}

fn no_thread(folder: &Path) -> impl FnOnce(io::Error) -> store::Error {
    let path = folder.to_path_buf();
    move |source| store::Error::Io { what: "start a thread for", path, source }
}

fn read_ahead(
    source: &Mutex<(Mailbox, u64)>,
    engine: &Engine<'_>,
    now: Timestamp,
    spill: &Path,
    stop: &AtomicBool,
    sender: SyncSender<Stretch>,
) {
    while !stop.load(Ordering::Relaxed) {
        let mut items = Vec::with_capacity(STRETCH_MAILS);
        let sequence = {
            let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
            let mut bytes = 0;
            while items.len() < STRETCH_MAILS && bytes < STRETCH_BYTES {
                let Some(item) = source.0.next(spill) else { break };
                bytes += item.as_ref().map_or(0, |i| i.raw.kept);
                items.push(item);
            }
            source.1 += 1;
            source.1 - 1
        };
        if items.is_empty() {
            return;
        }
        let mut read: Vec<Read> = items.into_iter().map(|item| read_one(item, engine, now)).collect();
        pack_together(&mut read);
        if sender.send((sequence, read)).is_err() {
            return;
        }
    }
}

/// Compresses the mails of a stretch as one block: neighbours in a mailbox say much the same.
fn pack_together(stretch: &mut [Read]) {
    let mails: Vec<_> = stretch
        .iter()
        .filter_map(|r| if let Read::Mail(arrived, _) = r { Some(&*arrived.raw) } else { None })
        .collect();
    let mut packed = crate::store::pack(&mails).into_iter();
    for read in stretch {
        if let Read::Mail(arrived, _) = read {
            arrived.packed = packed.next().flatten();
        }
    }
}

fn read_one(item: io::Result<Item>, engine: &Engine<'_>, now: Timestamp) -> Read {
    match item {
        Ok(Item { raw, arrival, place }) => {
            let arrived = Arrived::read(
                Arc::new(raw),
                engine,
                Arrival::OfMailbox { said: arrival, now },
                place.to_string(),
            );
            Read::Mail(Box::new(arrived), place)
        }
        Err(error) => Read::Unreadable(error),
    }
}

/// What workers read, in the order of the mailbox.
struct InOrder {
    receiver: Receiver<Stretch>,
    early: BTreeMap<u64, Vec<Read>>,
    next: u64,
    current: std::vec::IntoIter<Read>,
}

impl InOrder {
    fn new(receiver: Receiver<Stretch>) -> Self {
        Self { receiver, early: BTreeMap::new(), next: 0, current: Vec::new().into_iter() }
    }

    /// The next one, waited for as `wait` does; None when it gives up or the mailbox ends.
    fn next_by(&mut self, wait: impl Fn(&Receiver<Stretch>) -> Option<Stretch>) -> Option<Read> {
        loop {
            if let Some(read) = self.current.next() {
                return Some(read);
            }
            while !self.early.contains_key(&self.next) {
                let (sequence, stretch) = wait(&self.receiver)?;
                self.early.insert(sequence, stretch);
            }
            self.current = self.early.remove(&self.next)?.into_iter();
            self.next += 1;
        }
    }
}

fn settle_in_order(
    store: &Store,
    rules: &RuleSet,
    engine: &Engine<'_>,
    receiver: Receiver<Stretch>,
    size: usize,
    each: &mut dyn FnMut(Event<'_>),
) -> Result<u64, store::Error> {
    let mut reads = InOrder::new(receiver);
    let mut settled = 0;
    while let Some(first) = reads.next_by(|receiver| receiver.recv().ok()) {
        settled += settle_batch(store, rules, engine, first, &mut reads, size, each)?;
        each(Event::Committed(settled));
    }
    Ok(settled)
}

/// What became of one thing of a batch that is not committed yet.
enum Settled {
    Mail(Box<Account>, Place),
    Unreadable(io::Error),
}

/// One transaction, in which mails are settled while workers read the next ones; mails leave their mailbox and
/// are told of only when it is committed. It ends early where no mail comes: nobody waits for a slow disk.
fn settle_batch(
    store: &Store,
    rules: &RuleSet,
    engine: &Engine<'_>,
    first: Read,
    reads: &mut InOrder,
    size: usize,
    each: &mut dyn FnMut(Event<'_>),
) -> Result<u64, store::Error> {
    let (mut done, mut mails, mut bytes) = (Vec::new(), 0, 0);
    let tx = store.begin()?;
    let desk = Desk::open(&tx, rules, engine)?;
    let mut next = Some(first);
    while let Some(read) = next {
        done.push(match read {
            Read::Mail(arrived, place) => {
                mails += 1;
                bytes += arrived.raw.kept;
                Settled::Mail(Box::new(desk.settle(&arrived, false)?), place)
            }
            Read::Unreadable(error) => Settled::Unreadable(error),
        });
        let full = done.len() >= size.max(1) || bytes >= BATCH_BYTES;
        next = if full { None } else { reads.next_by(|receiver| receiver.recv_timeout(PATIENCE).ok()) };
    }
    drop(desk);
    tx.commit()?;
    let places = done.iter().filter_map(|d| if let Settled::Mail(_, place) = d { Some(place) } else { None });
    if let Err(error) = settle_all(places) {
        // They stay unread, and are duplicates at the next look.
        each(Event::Unreadable(&error));
    }
    for one in &done {
        each(match one {
            Settled::Mail(account, _) => Event::Settled(account),
            Settled::Unreadable(error) => Event::Unreadable(error),
        });
    }
    Ok(mails)
}
