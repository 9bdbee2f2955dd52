//! `diagnose`: ping and route of computers, as a ticket would show them.

use super::show::{self, Out};
use super::{Exit, Failure, Globals, list_file, rules_folder};
use crate::diagnosis::{self, Alone, Finding, Limits, Report, Target};
use crate::rules::parse_seconds;
use crate::shown::Shown;
use crate::store::{Access, SharedDiagnoses, Store};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// Ping computers and trace the routes to them, as their tickets would show it
///
/// Everything runs at once and ends within the time limit of the rules (10 s). A finding is up, down, network
/// (the way is broken before it) or unknown; what could not run is never down. What other runs found within the
/// cache time is shown again, and traces of one network are shared: the report says so. Exit 0 where all are
/// up, 1 where one is not.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Names or addresses
    #[arg(value_name = "HOST", required_unless_present = "hosts")]
    host: Vec<String>,
    /// A file with one name or address a line; - for standard input
    #[arg(long, value_name = "FILE")]
    hosts: Option<PathBuf>,
    /// The intermediate server, looked at with them
    #[arg(long, value_name = "SERVER")]
    server: Option<String>,
    /// Echo requests to each [default: as the rules say]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=20))]
    count: Option<u32>,
    /// How long one reply is waited for [default: as the rules say]
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,
    /// Ping only
    #[arg(long)]
    no_route: bool,
    /// Take over no finding of an earlier run
    #[arg(long)]
    fresh: bool,
    /// One line per computer
    #[arg(long, short)]
    quiet: bool,
}

/// Computers of one run.
const MOST_HOSTS: usize = 100_000;

#[derive(Serialize)]
struct Item<'a> {
    #[serde(flatten)]
    report: &'a Report,
    words: Vec<String>,
}

#[derive(Serialize)]
struct Diagnosed<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<Item<'a>>,
    items: Vec<Item<'a>>,
}

pub(super) fn run(globals: &Globals, args: Args) -> Result<Exit, Failure> {
    let now = globals.now()?;
    let state = globals.state_folder();
    let rules = rules_folder::load(globals.rules_folder().as_deref(), Some(&state))?;
    let mut limits = Limits::of(&rules.settings.diagnosis, now);
    limits.count = args.count.unwrap_or(limits.count);
    limits.route &= !args.no_route;
    if let Some(text) = &args.timeout {
        limits.timeout = timeout(text)?;
    }
    let mut targets: Vec<Target> = hosts(&args)?.into_iter().map(Target::named).collect();
    targets.extend(args.server.iter().map(Target::named));
    // A ping alone shares nothing: no trace to pace, no whole report to keep.
    let store = if args.fresh && args.no_route { None } else { open(globals) };
    if args.fresh || args.no_route {
        limits.cache = Duration::ZERO;
    }
    let reports = match &store {
        Some(store) => diagnosis::diagnose(&targets, &limits, &mut SharedDiagnoses(store)),
        None => diagnosis::diagnose(&targets, &limits, &mut Alone::default()),
    };
    if let Some(store) = store {
        store.close()?;
    }
    let (server, devices) = match args.server {
        Some(_) => reports.split_last().map_or((None, &reports[..]), |(last, rest)| (Some(last), rest)),
        None => (None, &reports[..]),
    };
    let mut out = Out::new();
    if globals.json {
        let item = |report| Item { report, words: Report::words(report) };
        let items = devices.iter().map(item).collect();
        out.json("autoticket.diagnose/1", Diagnosed { server: server.map(item), items });
    } else {
        for (index, report) in devices.iter().enumerate() {
            if index > 0 && !args.quiet {
                out.line("");
            }
            print(&mut out, report, args.quiet);
        }
        if let Some(server) = server {
            out.line(if args.quiet { "intermediate server:" } else { "\nintermediate server:" });
            print(&mut out, server, args.quiet);
        }
    }
    let well = reports.iter().all(|report| report.finding == Finding::Up);
    Ok(if well { Exit::Done } else { Exit::Findings })
}

fn print(out: &mut Out, report: &Report, quiet: bool) {
    let lines = if quiet { vec![report.headline()] } else { report.words() };
    for line in &lines {
        out.line(Shown::new(line));
    }
}

/// What is shared with other runs, where a state stands and is ours.
fn open(globals: &Globals) -> Option<Store> {
    match globals.store(Access::Write) {
        Ok(store) => Some(store),
        Err(failure) => {
            let line = failure.line();
            show::tell(format_args!("autoticket: findings and the pace of traces are not shared: {line}"));
            None
        }
    }
}

fn timeout(text: &str) -> Result<Duration, Failure> {
    let wrong = |what: String| Failure::say(Exit::Usage, format!("--timeout: {what}"));
    let seconds = parse_seconds(text).map_err(wrong)?;
    match u64::try_from(seconds.0) {
        Ok(seconds @ 1..=30) => Ok(Duration::from_secs(seconds)),
        _ => Err(wrong(format!("{seconds} is not within 1s to 30s"))),
    }
}

fn hosts(args: &Args) -> Result<Vec<String>, Failure> {
    let mut hosts = args.host.clone();
    if let Some(path) = &args.hosts {
        let bytes = list_file::read(path)?;
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        hosts.extend(lines.map(str::to_owned));
    }
    if hosts.is_empty() || hosts.len() > MOST_HOSTS {
        let text = format!("{} computers named; between 1 and {MOST_HOSTS} can be asked", hosts.len());
        return Err(Failure::say(Exit::Usage, text));
    }
    Ok(hosts)
}
