//! `ingest`: what a mail pipeline runs, once per mail.
//!
//! Under a mail system it ends with exit 0, exit 75 or death by a signal, nothing else: every other status
//! is a bounce, and a bounced alert is a lost alert. Whatever goes wrong, the mail is spooled durably and
//! the exit is 0, or nothing is kept and it is 75 with `4.3.0 autoticket: …` as the first line.

use super::rules_folder;
use super::{Exit, Failure, Globals, World, flush, show};
use crate::alert::engine::Engine;
use crate::alert::pattern::Effort;
use crate::intake::{self, Account, Arrival, Arrived, batch};
use crate::mail::mailbox::{Mailbox, MaildirFolders};
use crate::mail::{self, RawMail};
use crate::shown::Shown;
use crate::store::{self, Access, Store};
use clap::Parser;
use jiff::Timestamp;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Take in error alerts: one mail on standard input, or files, folders, Maildirs and mbox files
///
/// Prints a line per mail: outcome, reason, ticket. Under a mail system it ends with 0 or 75 only.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mail files, folders of them, Maildirs, mbox files; none: one mail on standard input
    pub paths: Vec<PathBuf>,
    /// Do due work afterwards, as `flush` does
    #[arg(long)]
    pub flush: bool,
    /// Judge and count, print, change nothing (as `explain`, without the steps)
    #[arg(long)]
    pub dry_run: bool,
    /// Exit with the codes of sysexits.h instead of 75; for people, never for a mail system
    #[arg(long)]
    pub strict: bool,
    /// Size of the mail in bytes as the mail system knows it (Postfix: ${size}); a shorter one was cut off
    #[arg(long, value_name = "BYTES")]
    pub size: Option<u64>,
    /// Queue id of the mail system, kept with the mail (Postfix: ${queue_id})
    #[arg(long, value_name = "ID")]
    pub queue_id: Option<String>,
    /// Mails per transaction of a mailbox
    #[arg(long, value_name = "N", default_value_t = batch::SIZE)]
    pub batch: usize,
    /// Read only the unread mails (`new`) of a Maildir
    #[arg(long)]
    pub new_only: bool,
}

// Built without the other commands; what `--help` says is the documentation of `Args`.
#[derive(Debug, Parser)]
#[command(
    name = "autoticket",
    bin_name = "autoticket ingest",
    about = "Take in error alerts: one mail on standard input, or files, folders, Maildirs and mbox files",
    version,
    max_term_width = 100
)]
struct Alone {
    #[command(flatten)]
    args: Args,
    #[command(flatten)]
    globals: Globals,
}

/// Entry of the mail pipeline.
pub(super) fn main(arguments: Vec<OsString>) -> Exit {
    let strict = arguments.iter().any(|a| a == "--strict");
    match Alone::try_parse_from(arguments) {
        Ok(alone) => run(&alone.globals, alone.args),
        Err(error) if !error.use_stderr() => super::usage(&error),
        Err(error) if strict => super::usage(&error),
        Err(error) => misused(&error),
    }
}

/// A command line that cannot be understood: the mail system keeps the mail and says why.
pub(super) fn misused(error: &clap::Error) -> Exit {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or("usage").trim_start_matches("error: ").to_owned();
    try_later(&Failure::say(Exit::Usage, format!("usage: {first}")), false)
}

/// Runs `ingest`.
pub(super) fn run(globals: &Globals, args: Args) -> Exit {
    survive_file_limits();
    let strict = args.strict;
    let done = if args.paths.is_empty() && !args.dry_run {
        from_stdin(globals, &args)
    } else {
        from_paths(globals, &args)
    };
    match done {
        Ok(exit) => exit,
        Err(failure) => try_later(&failure, strict),
    }
}

/// 75 with a first line that a mail system understands; honest codes for people.
fn try_later(failure: &Failure, strict: bool) -> Exit {
    if strict {
        return failure.report();
    }
    show::say(format!("4.3.0 autoticket: {}", failure.line()));
    Exit::TryAgain
}

/// A file size limit shall give an error, not a signal: SIGXFSZ gets a handler that does nothing.
fn survive_file_limits() {
    let seen = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, seen);
}

/// The mail in hand, for the panic hook: spooled as it is if anything of ours panics.
static IN_HAND: OnceLock<(PathBuf, Arc<RawMail>, Timestamp)> = OnceLock::new();

/// Set once the mail in hand is stored.
static COMMITTED: AtomicBool = AtomicBool::new(false);

#[expect(clippy::disallowed_methods, reason = "the process is panicking: nothing can be returned to main")]
fn spool_on_panic() {
    std::panic::set_hook(Box::new(|info| {
        let what = info
            .location()
            .map_or_else(|| "panic".to_owned(), |l| format!("panic at {}:{}", l.file(), l.line()));
        show::tell_lines(format_args!("autoticket: {info}"));
        if COMMITTED.load(Ordering::SeqCst) {
            std::process::exit(i32::from(Exit::Done.code()));
        }
        let failure = Failure::say(Exit::Unavailable, what);
        let exit = match IN_HAND.get() {
            Some((state, raw, arrival)) => set_aside(state, raw, *arrival, &failure),
            None => try_later(&failure, false),
        };
        std::process::exit(i32::from(exit.code()));
    }));
}

fn from_stdin(globals: &Globals, args: &Args) -> Result<Exit, Failure> {
    spool_on_panic();
    let now = globals.now()?;
    let state = globals.state_folder();
    let raw = Arc::new(read_stdin(&state)?);
    whole(&raw, args.size)?;
    let _ = IN_HAND.set((state.clone(), Arc::clone(&raw), now));
    match take_in(globals, args, &state, &raw, now) {
        Ok((account, afterwards)) => {
            report(globals.json, &account);
            match afterwards {
                Err(failure) if args.strict => Err(failure),
                Err(failure) => {
                    show::tell(format_args!(
                        "autoticket: the mail is stored; afterwards: {}",
                        failure.line()
                    ));
                    Ok(Exit::Done)
                }
                Ok(()) => Ok(Exit::Done),
            }
        }
        Err(failure) if args.strict => Err(failure),
        Err(failure) => Ok(set_aside(&state, &raw, now, &failure)),
    }
}

fn read_stdin(state: &Path) -> Result<RawMail, Failure> {
    let spool = state.join("spool/tmp");
    let spill = if spool.is_dir() { spool } else { super::world::spill_folder() };
    let failed =
        |e| Failure::new(Exit::Io, anyhow::Error::new(e).context("read the mail from standard input"));
    mail::read::message(io::stdin().lock(), &spill).map_err(failed)
}

/// A killed pipe gives a clean end of input: a mail shorter than the mail system said is not whole.
///
/// Postfix counts CR LF line ends and its own Received line: one byte a line and 1 KiB are granted.
fn whole(raw: &RawMail, said: Option<u64>) -> Result<(), Failure> {
    let Some(said) = said else { return Ok(()) };
    let lines = memchr::memchr_iter(b'\n', &raw.head).count() as u64;
    let allowance = if raw.length > raw.head.len() as u64 { raw.length / 16 } else { lines };
    if raw.length + allowance + 1024 < said {
        let text = format!("the mail ended after {} of {said} bytes: cut off", raw.length);
        return Err(Failure::say(Exit::Data, text));
    }
    Ok(())
}

fn take_in(
    globals: &Globals,
    args: &Args,
    state: &Path,
    raw: &Arc<RawMail>,
    now: Timestamp,
) -> Result<(Account, Result<(), Failure>), Failure> {
    // Taken apart piece by piece they would cost as much as a search; the process ends soon.
    let rules = ManuallyDrop::new(rules_folder::load(globals.rules_folder().as_deref(), Some(state))?);
    let engine = ManuallyDrop::new(Engine::new(&rules, Effort::OneMail));
    let place = match &args.queue_id {
        Some(id) => format!("{} {}", intake::STDIN, Shown::new(id)),
        None => intake::STDIN.to_owned(),
    };
    let arrived = ManuallyDrop::new(Arrived::read(Arc::clone(raw), &engine, Arrival::Known(now), place));
    let store = Store::open(state, Access::Write)?;
    let account = intake::take_in(&store, &rules, &engine, &arrived)?;
    // From here on the mail is stored: nothing that fails may spool it once more.
    COMMITTED.store(true, Ordering::SeqCst);
    take_up_spool(&store, &rules, &engine);
    let flushed = if args.flush { flush::work(&store, &rules, globals).map(|_| ()) } else { Ok(()) };
    Ok((account, flushed.and_then(|()| Ok(store.close()?))))
}

/// The next run takes up what an earlier one had to spool; a little of it, the mail system is waiting.
fn take_up_spool(store: &Store, rules: &crate::rules::RuleSet, engine: &Engine<'_>) {
    const AT_ONCE: usize = 20;
    if store::spool::count(store.folder()) > 0
        && let Err(error) = intake::drain_spool(store, rules, engine, AT_ONCE, &mut |_| {})
    {
        show::tell(format_args!("autoticket: the spool stays: {}", Failure::from(error).line()));
    }
}

/// Our own trouble: the mail is spooled durably and the mail system may forget it; else it keeps it.
fn set_aside(state: &Path, raw: &RawMail, arrival: Timestamp, failure: &Failure) -> Exit {
    // Only into a state that stands, and not as somebody else: its owner must be able to take it up.
    let standing = store::install_id(state).and_then(|_| store::owned_by_us(state));
    match standing.and_then(|()| store::spool::accept(state, raw, arrival)) {
        Ok(_) => {
            show::say(format!("spooled: {}; the next run takes it up", failure.line()));
            Exit::Done
        }
        Err(_) => try_later(failure, false),
    }
}

fn from_paths(globals: &Globals, args: &Args) -> Result<Exit, Failure> {
    let world = World::load(globals)?;
    let access = if args.dry_run { Access::Rehearse } else { Access::WriteMany };
    let store = globals.store_to_act(access, args.dry_run)?;
    let mut findings = false;
    if args.dry_run && args.paths.is_empty() {
        let engine = world.engine(Effort::OneMail);
        let raw = read_stdin(&world.state)?;
        let arrival = Arrival::Known(world.now);
        let arrived = Arrived::read(Arc::new(raw), &engine, arrival, intake::STDIN.to_owned());
        let account = intake::rehearse(&store, &world.rules, &engine, &arrived, &mut |_, _| Ok(()))?;
        report(world.json, &account.without_steps());
        return Ok(Exit::Done);
    }
    let engine = world.engine(Effort::Mailbox);
    let folders = if args.new_only { MaildirFolders::NewOnly } else { MaildirFolders::NewAndCur };
    for path in &args.paths {
        let open =
            |e| Failure::new(Exit::Io, anyhow::Error::new(e).context(format!("open {}", path.display())));
        let mailbox = Mailbox::open_with(path, folders).map_err(open)?;
        findings |= take_in_mailbox(&world, &store, &engine, mailbox, args)?;
    }
    if !args.dry_run {
        take_up_spool(&store, &world.rules, &engine);
        if args.flush {
            flush::work(&store, &world.rules, globals)?;
        }
    }
    store.close()?;
    Ok(if findings && args.strict { Exit::Findings } else { Exit::Done })
}

/// Takes in one mailbox; true where a message could not be read.
fn take_in_mailbox(
    world: &World,
    store: &Store,
    engine: &Engine<'_>,
    mailbox: Mailbox,
    args: &Args,
) -> Result<bool, Failure> {
    let mut unreadable = false;
    let mut out = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let progress = io::stderr().is_terminal() && !io::stdout().is_terminal();
    let mut each = |event: batch::Event<'_>| match event {
        batch::Event::Settled(account) => {
            let _ = if world.json {
                writeln!(out, "{}", show::json(account))
            } else {
                writeln!(out, "{}: {}", Shown::new(&account.place), account.line())
            };
        }
        batch::Event::Unreadable(error) => {
            unreadable = true;
            show::tell(format_args!("autoticket: {error}; the next mails are unaffected"));
        }
        batch::Event::Committed(mails) if progress => show::progress(format_args!("\r{mails} mails")),
        batch::Event::Committed(_) => {}
    };
    if args.dry_run {
        batch::rehearse(store, &world.rules, engine, mailbox, world.now, &mut each)?;
    } else {
        batch::take_in(store, &world.rules, engine, mailbox, args.batch, world.now, &mut each)?;
    }
    let _ = out.flush();
    if progress {
        show::tell("");
    }
    Ok(unreadable)
}

fn report(json: bool, account: &Account) {
    if json {
        show::say(show::json(account));
    } else {
        show::say(account.line());
    }
}
