//! `explain`: what `ingest` would do with a mail now, gate by gate, and why. Changes nothing.

use super::{Exit, Failure, Globals, World};
use crate::alert::engine::Engine;
use crate::alert::pattern::Effort;
use crate::diagnosis::{self, Alone, Limits, Target};
use crate::intake::{self, Account, Arrival, Arrived};
use crate::mail::{self, mailbox};
use crate::service::{judge, thread};
use crate::shown::Shown;
use crate::store::{self, Access, MailRow, Store, TicketRow};
use crate::ticket::{self, TicketFacts};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Walk a mail through each gate and say what ingest would do with it now; changes nothing
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mail files or mailboxes, `-` for standard input, the id of a stored mail, or a ticket's number
    #[arg(required = true)]
    mails: Vec<PathBuf>,
    /// Ask the network as well: ping and route of each device that would get a ticket
    #[arg(long)]
    diagnose: bool,
}

pub(super) fn run(globals: &Globals, args: Args) -> Result<Exit, Failure> {
    let world = World::load(globals)?;
    let store = globals.store(Access::Rehearse)?;
    let engine = world.engine(Effort::OneMail);
    let mut ask = |targets: &[Target]| {
        let limits = Limits::of(&world.rules.settings.diagnosis, world.now);
        // Nothing is left for others: a look changes nothing.
        Ok(diagnosis::diagnose(targets, &limits, &mut Alone::default()))
    };
    let mut not_asked = |_: &[Target]| Err("explain asks the network only with --diagnose".to_owned());
    let diagnose: &mut judge::Diagnose<'_> = if args.diagnose { &mut ask } else { &mut not_asked };
    for path in &args.mails {
        for (arrived, row) in read(&world, &store, &engine, path)? {
            let mut crossings = Vec::new();
            let mut look = |store: &Store, account: &Account| {
                crossings = crossed(store, account)?;
                Ok(())
            };
            let rules = &world.rules;
            let mut account = match &row {
                Some(row) => intake::rehearse_stored(&store, rules, &engine, row, &arrived, &mut look)?,
                None => intake::rehearse(&store, rules, &engine, &arrived, &mut look)?,
            };
            for (row, facts) in crossings {
                let decision = match row.decision.clone().filter(|_| !args.diagnose) {
                    Some(decision) => decision,
                    None => judge::foresee(&store, rules, row, facts, world.now, &mut *diagnose)?,
                };
                account.steps.extend(ticket::steps(&decision));
            }
            let mut out = io::stdout().lock();
            let _ = if world.json {
                writeln!(out, "{}", super::show::json(&account))
            } else {
                out.write_all(text(&account).as_bytes())
            };
        }
    }
    Ok(Exit::Done)
}

/// The tickets whose threshold this mail's alerts met, as they would stand or as they stand.
fn crossed(store: &Store, account: &Account) -> Result<Vec<(TicketRow, TicketFacts)>, store::Error> {
    let mut numbers: Vec<&str> = account.alerts.iter().filter_map(|a| a.ticket.as_deref()).collect();
    numbers.dedup();
    let mut crossings = Vec::new();
    for number in numbers {
        let Some(row) = store.ticket_numbered(number)? else { continue };
        let Some(alert) = store.alert(row.crossing)? else { continue };
        if alert.mail == account.mail
            && let Some(facts) = thread::facts(store, &row)?
        {
            crossings.push((row, facts));
        }
    }
    Ok(crossings)
}

/// A mail to be explained, with its row where it is a stored one: that one is judged as if it came now.
type Read = (Arrived, Option<MailRow>);

fn read(world: &World, store: &Store, engine: &Engine<'_>, path: &Path) -> Result<Vec<Read>, Failure> {
    let spill = store.spill_folder();
    let failed = |e: io::Error| {
        Failure::new(Exit::Data, anyhow::Error::new(e).context(format!("read {}", path.display())))
    };
    let read = |raw, arrival, place| (Arrived::read(Arc::new(raw), engine, arrival, place), None);
    if path == Path::new("-") {
        let raw = mail::read::message(io::stdin().lock(), &spill).map_err(failed)?;
        return Ok(vec![read(raw, Arrival::Known(world.now), intake::STDIN.to_owned())]);
    }
    let id = path.to_str().and_then(|t| t.parse::<i64>().ok()).filter(|_| !path.exists());
    if let Some(id) = id {
        return stored(store, engine, id).map(|read| vec![read]);
    }
    let number = path.to_str().filter(|t| !path.exists() && t.to_uppercase().starts_with("T-"));
    if let Some(number) = number {
        return mails_of(store, engine, number);
    }
    let mut mailbox = mailbox::Mailbox::open(path).map_err(failed)?;
    let mut found = Vec::new();
    while let Some(item) = mailbox.next(&spill) {
        let item = item.map_err(failed)?;
        let arrival = Arrival::OfMailbox { said: item.arrival, now: world.now };
        found.push(read(item.raw, arrival, item.place.to_string()));
    }
    Ok(found)
}

/// The stored mails whose alerts made a ticket, in the order in which they were counted.
fn mails_of(store: &Store, engine: &Engine<'_>, number: &str) -> Result<Vec<Read>, Failure> {
    let row = store.ticket_numbered(number)?.ok_or_else(|| {
        let text = format!("no ticket {} stands", Shown::new(number));
        Failure::say(Exit::Data, text).hint("autoticket ticket list")
    })?;
    let mut mails: Vec<i64> = store.alerts_by_id(&row.alerts)?.into_iter().map(|a| a.mail).collect();
    mails.dedup();
    mails.into_iter().map(|mail| stored(store, engine, mail)).collect()
}

/// A stored mail, read again.
fn stored(store: &Store, engine: &Engine<'_>, id: i64) -> Result<Read, Failure> {
    let row = store.mail(id)?.ok_or_else(|| {
        Failure::say(Exit::Data, format!("no mail {id} is stored")).hint("autoticket mail list")
    })?;
    if row.kept == 0 {
        return Err(Failure::say(Exit::Data, format!("the raw bytes of mail {id} are not kept")));
    }
    let raw = store.raw_mail(&row)?;
    let place = row.place.clone();
    Ok((Arrived::read(Arc::new(raw), engine, Arrival::Known(row.arrival), place), Some(row)))
}

/// Gate by gate, then the outcome.
fn text(account: &Account) -> String {
    let mut out = format!("{}\n", Shown::new(&account.place));
    for step in &account.steps {
        let mark = if step.passed { "+" } else { "-" };
        out.push_str(&format!("  {mark} {:<14} {}\n", step.gate, Shown::new(&step.text)));
        if step.rule != "built in" {
            out.push_str(&format!("    {:<14} by {}\n", "", Shown::new(&step.rule)));
        }
    }
    out.push_str(&format!("  = {}\n", account.line()));
    out
}
