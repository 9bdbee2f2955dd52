//! `explain`: what `ingest` would do with a mail now, gate by gate, and why. Changes nothing.

use super::{Exit, Failure, Globals, World};
use crate::alert::engine::Engine;
use crate::alert::pattern::Effort;
use crate::intake::{self, Account, Arrival, Arrived};
use crate::mail::{self, mailbox};
use crate::shown::Shown;
use crate::store::{Access, MailRow, Store};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Walk a mail through each gate and say what ingest would do with it now; changes nothing
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mail files or mailboxes, `-` for standard input, the id of a stored mail, or a ticket's number
    #[arg(required = true)]
    mails: Vec<PathBuf>,
}

pub(super) fn run(globals: &Globals, args: Args) -> Result<Exit, Failure> {
    let world = World::load(globals)?;
    let store = globals.store(Access::Rehearse)?;
    let engine = world.engine(Effort::OneMail);
    for path in &args.mails {
        for (arrived, row) in read(&world, &store, &engine, path)? {
            let account = match &row {
                Some(row) => intake::rehearse_stored(&store, &world.rules, &engine, row, &arrived)?,
                None => intake::rehearse(&store, &world.rules, &engine, &arrived)?,
            };
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
        return ticket(store, engine, number);
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
fn ticket(store: &Store, engine: &Engine<'_>, number: &str) -> Result<Vec<Read>, Failure> {
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
