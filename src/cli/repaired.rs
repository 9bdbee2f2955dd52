//! `repaired`: the cause is corrected. Resets counts, ends tickets, says what is to be redistributed.

use super::show::{self, Out};
use super::world::who;
use super::{Exit, Failure, Globals, World, device, ticket};
use crate::service::endings::{self, By, Repaired};
use crate::store::{Access, FailedFilter, FailedRow, Store};
use jiff::Timestamp;
use serde::Serialize;

/// Take the repair of a device: reset its counts, end its tickets, say what to redistribute
///
/// Failed distributions stay until they are redistributed; the lines printed do that, server by server.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A ticket's number, or a device
    #[arg(value_name = "TICKET|DEVICE")]
    what: String,
    /// When it was repaired [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Only the counts of this failure type
    #[arg(long, value_name = "TYPE")]
    failure: Option<String>,
    /// Say what would be done, change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Serialize)]
struct KeyView<'a> {
    device: &'a str,
    failure: &'a str,
    /// Alerts counted before the repair.
    total: u64,
    first: Option<Timestamp>,
    ticket: Option<&'a str>,
}

/// A server which has to redistribute.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct ServerView {
    /// Empty where no alert said which.
    server: String,
    failed: usize,
    /// Executed by the repaired device itself, for what stands behind it.
    behind: bool,
    command: Vec<String>,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Period {
    since: Timestamp,
    until: Timestamp,
}

pub(super) fn run(globals: &Globals, args: Args) -> Result<Exit, Failure> {
    let world = World::load(globals)?;
    let at = show::point("--at", args.at.as_deref(), world.now)?.unwrap_or(world.now);
    if at > world.now {
        let text = format!("--at {} is still to come: a repair is taken once it is done", show::time(at));
        return Err(Failure::say(Exit::Usage, text));
    }
    let store = globals.store_to_act(Access::Write, args.dry_run)?;
    let (device, of_ticket, since) = resolve(&store, &args.what)?;
    let only = args.failure.clone().or(of_ticket);
    let who = who();
    let by = By { who: &who, why: "repaired", now: world.now, at };
    let tx = store.begin()?;
    let keys = endings::repair(&tx, &world.rules, &device, only.as_deref(), by)?;
    if args.dry_run {
        tx.roll_back();
    } else {
        tx.commit()?;
    }
    let since = keys.iter().filter_map(|k| k.first).chain(since).min();
    // Those behind a shared fault were repaired with it.
    let mut devices: Vec<&str> = vec![&device];
    devices.extend(keys.iter().map(|k| k.device.as_str()));
    devices.sort_unstable();
    devices.dedup();
    let period = since.map(|since| Period { since, until: at.max(since) });
    let servers = match period {
        Some(period) => affected(&store, &devices, period)?,
        None => Vec::new(),
    };
    report(&world, &args, &device, at, &keys, period, &servers);
    store.close()?;
    Ok(Exit::Done)
}

/// The device, the one failure type where a ticket was named, and since when it was down where that is known.
fn resolve(store: &Store, what: &str) -> Result<(String, Option<String>, Option<Timestamp>), Failure> {
    let number = ticket::number(what);
    let marked = what.trim().get(..2).is_some_and(|p| p.eq_ignore_ascii_case("t-"));
    let known = crate::alert::name::normal(what);
    // A device may be called like a ticket without its `T-`: then the device is meant.
    if (marked || store.device(&known)?.is_none())
        && let Some(row) = store.ticket_numbered(&number)?
    {
        if !row.state.is_open() {
            // Its number says nothing of the ticket that may stand open for the same device by now.
            let text = format!("ticket {} is already {}", row.number, row.state.word());
            let device = show::one(&row.device);
            return Err(Failure::say(Exit::Data, text)
                .hint(format!("autoticket ticket show {}", row.number))
                .hint(format!(
                    "for what was counted since: autoticket repaired {device} --failure {}",
                    row.failure
                )));
        }
        return Ok((row.device, Some(row.failure), Some(row.first)));
    }
    match device::found(store, what) {
        Ok(row) => Ok((row.name, None, None)),
        Err(failure) => Err(failure.hint("autoticket ticket list --open")),
    }
}

/// The servers whose jobs failed for these devices or behind them, those that reach the devices first.
fn affected(store: &Store, devices: &[&str], period: Period) -> Result<Vec<ServerView>, Failure> {
    let mut rows = Vec::new();
    for device in devices {
        let filter = FailedFilter {
            affected: Some((*device).to_owned()),
            since: Some(period.since),
            until: Some(period.until),
            ..FailedFilter::default()
        };
        rows.extend(store.failed(&filter)?);
    }
    let mut seen = std::collections::HashSet::new();
    rows.retain(|row| seen.insert(row.id.clone()));
    Ok(by_server(&rows, devices, period))
}

fn by_server(rows: &[FailedRow], devices: &[&str], period: Period) -> Vec<ServerView> {
    let mut servers: Vec<ServerView> = Vec::new();
    for row in rows {
        if let Some(known) = servers.iter_mut().find(|s| s.server == row.server) {
            known.failed += 1;
            continue;
        }
        let words =
            ["redistribute", "--server", &row.server, "--since", &period.since.to_string(), "--until"];
        let mut command: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        command.push(period.until.to_string());
        if row.server.is_empty() {
            command.clear();
        }
        servers.push(ServerView {
            server: row.server.clone(),
            failed: 1,
            behind: devices.contains(&row.server.as_str()),
            command,
        });
    }
    // What reaches the device itself must be reissued before what it passes on.
    servers.sort_by(|a, b| (a.behind, &a.server).cmp(&(b.behind, &b.server)));
    servers
}

fn report(
    world: &World,
    args: &Args,
    device: &str,
    at: Timestamp,
    keys: &[Repaired],
    period: Option<Period>,
    servers: &[ServerView],
) {
    let mut out = Out::new();
    if world.json {
        let keys: Vec<_> = keys
            .iter()
            .map(|k| KeyView {
                device: &k.device,
                failure: &k.failure,
                total: k.total,
                first: k.first,
                ticket: k.ticket.as_deref(),
            })
            .collect();
        let view = serde_json::json!({ "dry_run": args.dry_run, "device": device, "at": at, "keys": keys,
            "period": period, "servers": servers });
        out.json("autoticket.repaired/1", view);
        return;
    }
    let would = if args.dry_run { "would reset" } else { "reset" };
    if keys.is_empty() {
        out.line(format!("{} has no counts and no open ticket: nothing to reset", show::one(device)));
    }
    for key in keys {
        let ticket = key.ticket.as_ref().map(|t| format!(", ticket {t} repaired")).unwrap_or_default();
        out.line(format!(
            "{would} {} {}: {}{ticket}",
            show::one(&key.device),
            key.failure,
            show::count(key.total, "alert")
        ));
    }
    let Some(period) = period else { return };
    out.line(format!("down from {} to {}", show::time(period.since), show::time(period.until)));
    if servers.is_empty() {
        out.line("no failed distribution in that time: nothing to redistribute");
    }
    for server in servers {
        let count = show::count(server.failed as u64, "failed distribution");
        if server.command.is_empty() {
            out.line(format!(
                "{count} of a server that no alert named: autoticket failed list --affected {}",
                show::one(device)
            ));
            continue;
        }
        let behind = if server.behind { ", behind the device: after the others" } else { "" };
        out.line(format!("{}: {count}{behind}", show::one(&server.server)));
        out.line(format!("  {}", show::command(&server.command)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(server: &str, recipient: &str) -> FailedRow {
        FailedRow {
            id: "F-0".into(),
            tool: "rsync".into(),
            server: server.into(),
            job: "J1".into(),
            recipient: recipient.into(),
            package: "jre".into(),
            device: recipient.into(),
            upstream: None,
            failure: "connection".into(),
            first: Timestamp::UNIX_EPOCH,
            last: Timestamp::UNIX_EPOCH,
            alert: 1,
            dismissed: None,
        }
    }

    #[test]
    fn a_repaired_server_is_reached_before_it_passes_on_what_failed_behind_it() {
        let period =
            Period { since: Timestamp::UNIX_EPOCH, until: "2026-03-12T18:00:00Z".parse().expect("a time") };
        let rows = [row("is38", "node7"), row("is38", "node8"), row("master", "is38"), row("", "is38")];
        let servers = by_server(&rows, &["is38"], period);
        let order: Vec<_> = servers.iter().map(|s| (s.server.as_str(), s.failed, s.behind)).collect();
        assert_eq!(order, [("", 1, false), ("master", 1, false), ("is38", 2, true)]);
        assert_eq!(
            servers[1].command.join(" "),
            "redistribute --server master --since 1970-01-01T00:00:00Z --until 2026-03-12T18:00:00Z"
        );
        assert!(servers[0].command.is_empty(), "no server is known, so no command can be right");
    }
}
