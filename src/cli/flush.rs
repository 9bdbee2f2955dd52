//! `flush`: does what is due, once.

use super::{Exit, Failure, Globals, World, show};
use crate::alert::engine::Engine;
use crate::alert::pattern::Effort;
use crate::delivery;
use crate::diagnosis::{self, Limits, Target};
use crate::intake;
use crate::rules::RuleSet;
use crate::service::{self, Report, Turn, Work};
use crate::store::{Access, SharedDiagnoses, Store};
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Do what is due: take up the spool, judge deferred tickets, transmit the outbox
///
/// For a timer, once a minute, where `run` does not stay up.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Say what is due, do nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(globals: &Globals, args: Args) -> Result<Exit, Failure> {
    let world = World::load(globals)?;
    let store = globals.store_to_act(Access::Write, args.dry_run)?;
    if args.dry_run {
        return preview(&world, &store);
    }
    let report = work(&store, &world.rules, globals)?;
    show(world.json, &report);
    store.close()?;
    Ok(Exit::Done)
}

fn preview(world: &World, store: &Store) -> Result<Exit, Failure> {
    let (due, parked, refused) = store.outbox_counts(world.now)?;
    let tickets = store.tickets_due(world.now)?;
    let spooled = crate::store::spool::count(store.folder());
    if world.json {
        let due = serde_json::json!({ "spooled": spooled, "tickets": tickets, "mails": due, "parked": parked,
            "refused": refused });
        show::Out::new().json("autoticket.due/1", due);
    } else {
        show::say(format_args!(
            "due: {tickets} tickets, {due} mails, {spooled} in the spool; {parked} parked, {refused} refused"
        ));
    }
    Ok(Exit::Done)
}

/// Prints what was done; silent where nothing was due, as a timer wants it.
pub(super) fn show(json: bool, report: &Report) {
    if json {
        show::Out::new().json("autoticket.flush/1", report);
    } else if report != &Report::default() {
        show::say(format_args!(
            "flushed: {} from the spool, {} tickets judged, {} followers; {} sent, {} postponed, {} refused, {} parked",
            report.spooled,
            report.judged,
            report.followers,
            report.accepted,
            report.postponed,
            report.refused,
            report.parked
        ));
    }
}

/// Does what is due with the transport of the rules. Another process at work is no failure: it does it.
pub(super) fn work(store: &Store, rules: &RuleSet, globals: &Globals) -> Result<Report, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        let _ = signal_hook::flag::register(signal, Arc::clone(&stop));
    }
    let turn = match Turn::take(store) {
        Ok(turn) => turn,
        Err(service::Error::AtWork { folder }) => {
            show::tell(format_args!("autoticket: another flush or run is at work in {}", folder.display()));
            return Ok(Report::default());
        }
        Err(e) => return Err(e.into()),
    };
    let engine = Engine::new(rules, Effort::Mailbox);
    // Trouble with the spool stops no ticket; it is told at the end.
    let spooled = intake::drain_spool(store, rules, &engine, usize::MAX, &mut |_| {});
    let mut transport = transport(store, rules)?;
    let clock = globals.clock()?;
    let visible = io::stderr().is_terminal();
    let mut progress = |r: &Report| {
        if visible {
            show::progress(format_args!(
                "\r{} judged, {} sent, {} postponed ",
                r.judged, r.accepted, r.postponed
            ));
        }
    };
    let folder = globals.rules_folder();
    let mut diagnose = diagnoser(store, rules, globals)?;
    let mut work = Work {
        rules,
        clock: &clock,
        stop: &stop,
        folder: folder.as_deref(),
        diagnose: &mut diagnose,
        progress: &mut progress,
    };
    let mut report = service::flush(store, &turn, transport.as_mut(), &mut work)?;
    report.spooled = spooled?;
    if visible && report != Report::default() {
        show::tell("");
    }
    Ok(report)
}

/// Asks the network, sharing what is found with other runs. Where the clock was replaced nothing is asked: what is
/// found belongs to the true time.
pub(super) fn diagnoser<'a>(
    store: &'a Store,
    rules: &'a RuleSet,
    globals: &Globals,
) -> Result<impl FnMut(&[Target]) -> Result<Vec<diagnosis::Report>, String> + use<'a>, Failure> {
    let replaced = globals.now.is_some();
    let clock = globals.clock()?;
    Ok(move |targets: &[Target]| {
        if replaced {
            return Err("the clock was replaced".to_owned());
        }
        let limits = Limits::of(&rules.settings.diagnosis, clock());
        Ok(diagnosis::diagnose(targets, &limits, &mut SharedDiagnoses(store)))
    })
}

/// The transport of the rules, with the credentials folder of the service manager.
pub(super) fn transport(store: &Store, rules: &RuleSet) -> Result<Box<dyn delivery::Transport>, Failure> {
    let rule = &rules.settings.delivery;
    let timeout = Duration::from_secs(rule.timeout.0.max(1) as u64);
    let credentials = super::world::environment("CREDENTIALS_DIRECTORY");
    delivery::open(&rule.transport, store.folder(), timeout, credentials.as_deref())
        .map_err(|e| Failure::new(Exit::Configuration, e))
}

impl From<service::Error> for Failure {
    fn from(error: service::Error) -> Self {
        match error {
            service::Error::Store(e) => e.into(),
            service::Error::Delivery(e) => Failure::new(Exit::Configuration, e),
            service::Error::Lock { .. } => Failure::new(Exit::Io, error),
            service::Error::AtWork { .. } => Failure::new(Exit::TryAgain, error),
        }
    }
}
