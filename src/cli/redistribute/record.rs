//! `redistribute journal` and `redistribute sync`: who approved what, and what the service center was told.

use super::super::show::{self, Out, Table};
use super::super::world::{environment, who};
use super::super::{Exit, Failure, Globals, rules_folder};
use super::evidence;
use super::far::{Far, may_pass};
use super::listed;
use super::surveyed::{folder, journal as opened, rules};
use super::wire::Caller;
use crate::alert::name;
use crate::redistribution::run_command::{LOGS, Stop};
use crate::service::redistributed;
use crate::store::journal::{Chain, Confirmation, Journal, JournalRow, Person};
use crate::store::{Access, Error};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// Show and verify who approved what, when, with which edits, and what became of it
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Commands shown, latest first; those whose end nobody knows stand before all others
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
    /// Show the record itself: one row per act, each bound to the one before
    #[arg(long)]
    record: bool,
}

/// Tell the service center what is delivered, where it could not be told before
#[derive(Debug, clap::Args)]
pub(super) struct SyncArgs {
    /// The service center, over SSH [default: the one that the failed distributions came from]
    #[arg(long, value_name = "USER@HOST[:PORT]")]
    service_center: Option<String>,
    /// Say what would be told, tell nothing
    #[arg(long)]
    dry_run: bool,
}

/// Confirmations told at once.
const STEP: usize = 1000;

/// Who calls from another machine, where this process answers one.
static CALLER: OnceLock<Caller> = OnceLock::new();

/// From now on this process acts for somebody at another machine.
pub(super) fn called_by(caller: &Caller) {
    let _ = CALLER.set(caller.clone());
}

/// Who sits at the terminal, and where.
pub(super) fn person() -> Person {
    let text = |name: &str| environment(name).map(|value| value.to_string_lossy().into_owned());
    let terminal = rustix::termios::ttyname(std::io::stdin(), Vec::new()).ok();
    let terminal = terminal.map(|name| name.to_string_lossy().trim_start_matches("/dev/").to_owned());
    let from = text("SSH_CONNECTION").and_then(|ends| ends.split(' ').next().map(str::to_owned));
    if let Some(caller) = CALLER.get() {
        let origin = format!("{} over SSH from {}", caller.origin, from.as_deref().unwrap_or("somewhere"));
        let uid = rustix::process::getuid().as_raw();
        return Person { name: format!("{} as {}", caller.name, who()), uid, origin };
    }
    let place = terminal.unwrap_or_else(|| "no terminal".to_owned());
    Person {
        name: who(),
        uid: rustix::process::getuid().as_raw(),
        origin: from.map_or_else(|| place.clone(), |from| format!("{place} from {from}")),
    }
}

/// The first signal lets running commands finish, the second ends them.
pub(super) fn stop_on_signals(stop: &Arc<Stop>) -> Result<(), Failure> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|e| Failure::new(Exit::Io, e))?;
    let stop = Arc::clone(stop);
    std::thread::spawn(move || {
        for _ in signals.forever() {
            if stop.is_asked() {
                stop.kill();
            } else {
                stop.finish();
                show::tell("what runs is seen to its end, nothing else is started; once more ends what runs");
            }
        }
    });
    Ok(())
}

pub(super) fn journal(globals: &Globals, args: &Args) -> Result<Exit, Failure> {
    let folder = globals.state_folder();
    if !Journal::was_begun(&folder) {
        // A folder that keeps us out is another's: said as such.
        opened(globals)?;
        let text = format!("nothing was ever issued from {}", folder.display());
        return Err(Failure::say(Exit::Unavailable, text).hint("--state names another state folder"));
    }
    // One that does not hold is shown as well: what is wrong with it is the question.
    let journal = match opened(globals) {
        Ok(Some(journal)) => journal,
        _ => Journal::look(&std::fs::canonicalize(&folder).unwrap_or(folder))?,
    };
    let chain = journal.verify()?;
    let sound = matches!(chain, Chain::Whole { .. });
    let (rows, entries) = (journal.rows(args.limit)?, journal.entries(args.limit)?);
    let mut out = Out::new();
    if globals.json {
        out.json(
            "autoticket.redistribute-journal/1",
            serde_json::json!({ "chain": chain, "items": rows, "record": entries }),
        );
        return Ok(if sound { Exit::Done } else { Exit::Findings });
    }
    if args.record {
        let mut table = Table::new(&["ROW", "AT", "WHO", "ACT", "SUBJECT", "HASH"]);
        for entry in &entries {
            table.row([
                entry.id.to_string(),
                show::time(entry.at),
                show::one(&format!("{} ({})", entry.who.name, entry.who.origin)),
                entry.act.clone(),
                show::one(entry.subject.get(..12).unwrap_or(&entry.subject)),
                entry.hash.get(..12).unwrap_or(&entry.hash).to_owned(),
            ]);
        }
        out.table(&table);
    } else {
        let mut table = Table::new(&["KEY", "ID", "SERVER", "STATE", "AT", "WHO", "RECIPIENTS", "COMMAND"]);
        for row in &rows {
            let names: Vec<&str> = row.recipients.iter().map(|(name, _)| name.as_str()).collect();
            table.row([
                row.key.get(..12).unwrap_or(&row.key).to_owned(),
                show::one(&row.id),
                show::one(&row.server),
                row.state.word().to_owned(),
                show::time(row.at),
                show::one(&row.who),
                show::one(&names.join(", ")),
                show::one(&crate::redistribution::shell::quote(row.argv.iter().map(String::as_str))),
            ]);
        }
        out.table(&table);
        for row in &rows {
            became(&mut out, &journal, row);
        }
        for row in journal.unknown()? {
            out.line(format!("unknown: {}", listed::unknown(&row)));
        }
    }
    match &chain {
        Chain::Whole { rows, head } => {
            let rows = show::count(u64::try_from(*rows).unwrap_or(0), "row");
            out.line(format!("the record is whole: {rows}, the last {}", head.get(..12).unwrap_or(head)));
        }
        Chain::Broken { faults } => {
            let places = show::count(faults.len() as u64, "place");
            out.line(format!(
                "THE JOURNAL IS NOT WHAT ITS RECORD SAYS, in {places}: nothing is issued by it"
            ));
            for fault in faults {
                out.line(format!("  {}", show::one(&fault.words())));
            }
        }
    }
    Ok(if sound { Exit::Done } else { Exit::Findings })
}

/// How an attempt ended, where its output is, and what was edited.
fn became(out: &mut Out, journal: &Journal, row: &JournalRow) {
    let name = format!("{} {}", row.key.get(..12).unwrap_or(&row.key), show::one(&row.id));
    if let Some(end) = &row.end {
        let log = journal.folder().join(LOGS).join(format!("{}.log", row.key));
        let log = if log.is_file() { format!(", log {}", log.display()) } else { String::new() };
        out.line(format!("{name}: {}", show::one(&format!("{}{log}", end.words()))));
    }
    for edit in &row.edits {
        out.line(format!("{name}: edited: {}", show::one(edit)));
    }
}

pub(super) fn sync(globals: &Globals, args: &SyncArgs) -> Result<Exit, Failure> {
    let Some(journal) = opened(globals)? else {
        return said(globals, &Telling::default(), args.dry_run);
    };
    if !args.dry_run {
        evidence::take_up(globals, None)?;
    }
    if args.dry_run {
        let told = journal.pending_confirmations(usize::MAX)?.len();
        return said(globals, &Telling { told, ..Telling::default() }, true);
    }
    let named = args.service_center.as_deref().map(|address| Far::new(address, None)).transpose()?;
    let telling = tell_center(globals, &journal, named.as_ref())?;
    telling.words().iter().for_each(|line| show::tell(format_args!("autoticket: {line}")));
    said(globals, &telling, false)
}

fn said(globals: &Globals, telling: &Telling, dry_run: bool) -> Result<Exit, Failure> {
    let mut out = Out::new();
    let Telling { told, left, trouble, .. } = telling;
    let why = trouble.as_ref().map(Failure::line);
    if globals.json {
        let view = serde_json::json!({ "dry_run": dry_run, "told": told, "left": left, "why": why });
        out.json("autoticket.redistribute-sync/1", view);
    } else {
        let would = if dry_run { "would tell" } else { "told" };
        out.line(format!(
            "{would} the service center of {}",
            show::count(*told as u64, "delivery").replace("ys", "ies")
        ));
        if *left > 0 {
            let why = why.unwrap_or_else(|| "the state of the service center is not here".to_owned());
            out.line(format!("{left} are left: {why}"));
        }
    }
    if let Some(failure) = trouble {
        for hint in &failure.hints {
            show::tell(format_args!("hint: {hint}"));
        }
        return Ok(if may_pass(failure) { Exit::TryAgain } else { failure.exit });
    }
    Ok(if *left > 0 { Exit::Findings } else { Exit::Done })
}

/// What became of confirmations.
#[derive(Debug, Default)]
pub(super) struct Telling {
    pub(super) told: usize,
    /// Kept for the next contact.
    pub(super) left: usize,
    /// Why not all were told, where that is no matter of course.
    pub(super) trouble: Option<Failure>,
    /// Tickets that closed by it, as far as they are here.
    closed: Vec<String>,
}

impl Telling {
    /// A line per ticket that closed.
    pub(super) fn words(&self) -> Vec<String> {
        let line = |number: &String| {
            format!("ticket {} closed: all its recipients are confirmed", show::one(number))
        };
        self.closed.iter().map(line).collect()
    }
}

/// Tells the service center of each server what is delivered; what cannot be told is kept for `sync`. `named`: the one
/// center for all of them.
pub(super) fn tell_center(
    globals: &Globals,
    journal: &Journal,
    named: Option<&Far>,
) -> Result<Telling, Failure> {
    let mut by_center: BTreeMap<Option<Far>, Vec<Confirmation>> = BTreeMap::new();
    let mut centers: BTreeMap<String, Option<Far>> = BTreeMap::new();
    let pending = journal.pending_confirmations(usize::MAX)?;
    let mut telling = Telling { left: pending.len(), ..Telling::default() };
    for confirmation in pending {
        let center = match (named, centers.get(&confirmation.server)) {
            (Some(named), _) => Some(named.clone()),
            (None, Some(known)) => known.clone(),
            (None, None) => {
                let center = center_of(globals, journal, &confirmation.server)?;
                centers.insert(confirmation.server.clone(), center.clone());
                center
            }
        };
        by_center.entry(center).or_default().push(confirmation);
    }
    for (center, items) in &by_center {
        for items in items.chunks(STEP) {
            let done = match center {
                Some(center) => center.confirm(items),
                None => take_in(globals, items, &who()),
            };
            match done {
                Ok(closed) => {
                    telling.closed.extend(closed);
                    let ids: Vec<i64> = items.iter().map(|confirmation| confirmation.id).collect();
                    journal.told(&ids, &person(), globals.now()?)?;
                    telling.told += ids.len();
                    telling.left -= ids.len();
                }
                // An intermediate server without a service center of its own: kept.
                Err(failure) if is_no_state(&failure) && center.is_none() => break,
                Err(failure) => {
                    telling.trouble.get_or_insert(failure);
                    break;
                }
            }
        }
    }
    Ok(telling)
}

fn is_no_state(failure: &Failure) -> bool {
    failure.error.downcast_ref().is_some_and(|e| matches!(e, Error::NoState { .. }))
}

/// The service center of a server: the one its failed distributions came from, else that of the rules; None: the
/// state here.
fn center_of(globals: &Globals, journal: &Journal, server: &str) -> Result<Option<Far>, Failure> {
    match journal.center(server)? {
        Some(kept) if kept.is_empty() => Ok(None),
        Some(kept) => Far::read(&kept).map(Some),
        None => {
            let (_, rules) = rules(globals)?;
            Far::center(None, rules.server(|own| name::same(own, server)))
        }
    }
}

/// Takes what is delivered out of the failed distributions of this state, all of it or nothing. Told twice, it changes
/// nothing more. Gives the tickets that closed by it.
pub(super) fn take_in(globals: &Globals, items: &[Confirmation], who: &str) -> Result<Vec<String>, Failure> {
    if items.iter().all(|confirmation| confirmation.records.is_empty()) {
        return Ok(Vec::new());
    }
    let store = globals.store(Access::Write)?;
    let rules = rules_folder::load(folder(globals).as_deref(), Some(store.folder()))?;
    let tx = store.begin()?;
    let taken = redistributed::take(&tx, &rules, items, who, globals.now()?)?;
    tx.commit()?;
    store.close()?;
    Ok(taken.closed)
}
