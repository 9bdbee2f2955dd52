//! `run`: stays up. Watches Maildirs, does due work, refreshes lists, reloads rules, forgets what is old.

use super::lists::refresh;
use super::rules_folder;
use super::{Exit, Failure, Globals, World, flush, show};
use crate::alert::engine::Engine;
use crate::alert::pattern::Effort;
use crate::intake::{self, batch};
use crate::mail::mailbox::{Mailbox, MaildirFolders};
use crate::rules::RuleSet;
use crate::service::{self, Turn, Work};
use crate::store::{Access, Store};
use jiff::Timestamp;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Stay up: watch Maildirs, judge tickets, transmit, refresh lists, reload rules, forget what is old
///
/// Ends on SIGTERM or SIGINT between two steps; reloads rules on SIGHUP and whenever they change. Bad new
/// rules are refused, the last good ones stay.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Do one round and end
    #[arg(long)]
    once: bool,
    /// Load rules and state, say what would be watched, do nothing
    #[arg(long)]
    dry_run: bool,
}

/// How long between two looks for signals.
const NAP: Duration = Duration::from_millis(200);
/// Seconds between two purges.
const PURGE: i64 = 3600;

pub(super) fn run(globals: &Globals, args: Args) -> Result<Exit, Failure> {
    let mut world = World::load(globals)?;
    let store = globals.store_to_act(Access::WriteMany, args.dry_run)?;
    let maildirs = world.rules.settings.maildirs.join(" ");
    if args.dry_run {
        let interval = world.rules.settings.interval;
        if world.json {
            let maildirs = &world.rules.settings.maildirs;
            let view = serde_json::json!({ "maildirs": maildirs, "interval": interval.0 });
            show::Out::new().json("autoticket.watch/1", view);
        } else {
            show::say(format_args!("would watch {maildirs} every {interval}"));
        }
        return Ok(Exit::Done);
    }
    let (stop, again) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        let _ = signal_hook::flag::register(signal, Arc::clone(&stop));
    }
    let _ = signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::clone(&again));
    let turn = Turn::take(&store)?;
    show::tell(format_args!("autoticket: up; state {}, Maildirs: {maildirs}", store.folder().display()));
    let mut stamp = rules_folder::stamp_of(world.folder.as_deref()).unwrap_or_default();
    let mut purged = Timestamp::UNIX_EPOCH;
    let ending = || args.once || stop.load(Ordering::Relaxed);
    'rules: loop {
        let engine = world.engine(Effort::Mailbox);
        loop {
            if let Err(failure) = round(globals, &world, &store, &turn, &engine, &stop, &mut purged) {
                // A full disk or a lock passes: say it, wait, go on. What was committed stays.
                show::tell(format_args!("autoticket: {}", failure.line()));
            }
            if ending() {
                break 'rules;
            }
            rest(&world, &stop, &again);
            if ending() {
                break 'rules;
            }
            if let Some(rules) = changed(&world, &mut stamp, again.swap(false, Ordering::Relaxed)) {
                world.rules = rules;
                continue 'rules;
            }
        }
    }
    show::tell(format_args!("autoticket: down"));
    drop(turn);
    store.close()?;
    Ok(Exit::Done)
}

/// Changed rules, where they are good; bad ones are refused and said once per change.
fn changed(world: &World, stamp: &mut Vec<u8>, asked: bool) -> Option<RuleSet> {
    let now = match rules_folder::stamp_of(world.folder.as_deref()) {
        Ok(now) => now,
        Err(failure) => {
            if !stamp.is_empty() {
                show::tell(format_args!("autoticket: {}; the last good rules stay", failure.line()));
                stamp.clear();
            }
            return None;
        }
    };
    if now == *stamp && !asked {
        return None;
    }
    *stamp = now;
    match rules_folder::load(world.folder.as_deref(), Some(&world.state)) {
        Ok(rules) => {
            let digest = &rules.digest;
            show::tell(format_args!("autoticket: rules reloaded ({})", &digest[..12.min(digest.len())]));
            Some(rules)
        }
        Err(failure) => {
            failure.report();
            show::tell(format_args!("autoticket: these rules are refused; the last good ones stay"));
            None
        }
    }
}

fn round(
    globals: &Globals,
    world: &World,
    store: &Store,
    turn: &Turn,
    engine: &Engine<'_>,
    stop: &AtomicBool,
    purged: &mut Timestamp,
) -> Result<(), Failure> {
    let clock = globals.clock()?;
    let now = clock();
    refresh(store, &world.rules, world.folder.as_deref(), now);
    // Trouble with the spool or a Maildir stops no ticket.
    let said = |failure: Failure| show::tell(format_args!("autoticket: {}", failure.line()));
    let drained = intake::drain_spool(store, &world.rules, engine, 1000, &mut |_| {});
    let spooled = drained.unwrap_or_else(|error| {
        said(error.into());
        0
    });
    for path in &world.rules.settings.maildirs {
        take_in(world, store, engine, Path::new(path), now).unwrap_or_else(said);
    }
    let mut transport = flush::transport(store, &world.rules)?;
    let mut quiet = |_: &service::Report| {};
    let mut diagnose = flush::diagnoser(store, &world.rules, globals)?;
    let mut work = Work {
        rules: &world.rules,
        clock: &clock,
        stop,
        folder: world.folder.as_deref(),
        diagnose: &mut diagnose,
        progress: &mut quiet,
    };
    let mut report = service::flush(store, turn, transport.as_mut(), &mut work)?;
    report.spooled = spooled;
    if !world.json || report != service::Report::default() {
        flush::show(world.json, &report);
    }
    if now.as_second() - purged.as_second() >= PURGE {
        service::purge(store, &work)?;
        *purged = now;
    }
    Ok(())
}

fn take_in(
    world: &World,
    store: &Store,
    engine: &Engine,
    path: &Path,
    now: Timestamp,
) -> Result<(), Failure> {
    let mailbox = match Mailbox::open_with(path, MaildirFolders::NewOnly) {
        Ok(mailbox) => mailbox,
        Err(error) => {
            show::tell(format_args!("autoticket: Maildir {}: {error}", path.display()));
            return Ok(());
        }
    };
    let mut each = |event: batch::Event<'_>| match event {
        batch::Event::Settled(account) if world.json => show::say(show::json(account)),
        batch::Event::Settled(account) => show::say(account.line()),
        batch::Event::Unreadable(error) => show::tell(format_args!("autoticket: {error}")),
        batch::Event::Committed(_) => {}
    };
    batch::take_in(store, &world.rules, engine, mailbox, batch::SIZE, now, &mut each)?;
    Ok(())
}

/// Waits for the next round, looking for signals meanwhile.
fn rest(world: &World, stop: &AtomicBool, again: &AtomicBool) {
    let naps = (world.rules.settings.interval.0.max(1) as u128 * 1000 / NAP.as_millis()).max(1);
    for _ in 0..naps {
        if stop.load(Ordering::Relaxed) || again.load(Ordering::Relaxed) {
            return;
        }
        std::thread::sleep(NAP);
    }
}
