//! `doctor`: looks at everything autoticket needs, one line per check, with the way out.
//!
//! It changes nothing and goes on after a failed check: a broken rules folder does not hide a full disk.

mod machine;
mod stale;

use super::rules_folder;
use super::show::{self, Out};
use super::status::Work;
use super::{Exit, Failure, Globals, times};
use crate::delivery;
use crate::rules::RuleSet;
use crate::rules::model::TransportRule;
use crate::store::{Access, DATABASE, ListKind, REFERENCE, Store};
use jiff::{SignedDuration, Timestamp};
use rustix::fs::Access as May;
use serde::Serialize;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// Check database, ownership, rules, spool, disk, lists, outage files and location records out of date, transport,
/// clock, zones, privileges for ping and route, and names; exit 1 where something is wrong
///
/// Says for each what is wrong and the way out. Nothing is changed and no mail is sent.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Check the whole database even where it is large (else up to 4 GiB)
    #[arg(long)]
    full: bool,
}

/// A database up to this size is checked whole by itself.
const CHECKED: u64 = 4 << 30;
/// Free space below which mails are soon spooled, and below which they soon bounce.
const SCARCE: u64 = 1 << 30;
const TOO_LITTLE: u64 = 64 << 20;
/// Time limit of a connection to the mail server.
const CONNECT: Duration = Duration::from_secs(5);
/// Files of the state folder looked at.
const MOST_FILES: usize = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    Warn,
    Fail,
}

/// The result of one check.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    level: Level,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Debug, Default)]
struct Checks(Vec<Check>);

impl Checks {
    fn ok(&mut self, name: &'static str, text: impl Into<String>) {
        self.0.push(Check { name, level: Level::Ok, text: text.into(), hint: None });
    }

    fn warn(&mut self, name: &'static str, text: impl Into<String>, hint: impl Into<String>) {
        self.0.push(Check { name, level: Level::Warn, text: text.into(), hint: Some(hint.into()) });
    }

    fn fail(&mut self, name: &'static str, text: impl Into<String>, hint: impl Into<String>) {
        self.0.push(Check { name, level: Level::Fail, text: text.into(), hint: Some(hint.into()) });
    }

    /// What a command would have failed with.
    fn failure(&mut self, name: &'static str, failure: &Failure, hint: &str) {
        let hint = failure.hints.first().map_or(hint, String::as_str);
        let text = format!("{:#}", failure.error);
        let lines: Vec<&str> = text.lines().take(2).collect();
        self.fail(name, lines.join(": "), hint);
    }
}

pub(super) fn run(globals: &Globals, args: Args) -> Result<Exit, Failure> {
    let now = globals.now()?;
    let state = globals.state_folder();
    let mut checks = Checks::default();
    let rules = check_rules(globals, &state, &mut checks);
    let store = match Store::open(&state, Access::Read) {
        Ok(store) => Some(store),
        Err(error) => {
            checks.failure("database", &error.into(), "autoticket init");
            None
        }
    };
    check_ownership(&state, &mut checks);
    check_disk(&state, &mut checks);
    if let Some(store) = &store {
        check_database(store, args.full, &mut checks)?;
        check_work(store, now, &mut checks)?;
        check_clock(store, now, &mut checks)?;
    }
    if let Some(rules) = &rules {
        if let Some(store) = &store {
            check_lists(store, rules, now, &mut checks)?;
            stale::check(store, rules, now, &mut checks)?;
        }
        check_transport(rules, &state, &mut checks);
        check_zones(rules, &mut checks);
        machine::check_privileges(rules, &mut checks);
        machine::check_names(rules, &mut checks);
    }
    let mut out = Out::new();
    if globals.json {
        out.items("autoticket.doctor/1", &checks.0);
    } else {
        for check in &checks.0 {
            let level = match check.level {
                Level::Ok => "ok  ",
                Level::Warn => "warn",
                Level::Fail => "fail",
            };
            out.line(format!("{level} {}: {}", check.name, show::one(&check.text)));
            if let Some(hint) = &check.hint {
                out.line(format!("     hint: {}", show::one(hint)));
            }
        }
    }
    let well = checks.0.iter().all(|c| c.level == Level::Ok);
    Ok(if well { Exit::Done } else { Exit::Findings })
}

fn check_rules(globals: &Globals, state: &Path, checks: &mut Checks) -> Option<RuleSet> {
    let folder = globals.rules_folder();
    match rules_folder::load(folder.as_deref(), Some(state)) {
        Ok(rules) => {
            let place = folder.map_or_else(|| "compiled in".to_owned(), |f| f.display().to_string());
            checks.ok("rules", format!("{} formats, {place}", rules.formats.len()));
            Some(rules)
        }
        Err(failure) => {
            checks.failure("rules", &failure, "autoticket rules check; meanwhile mails are spooled");
            None
        }
    }
}

fn check_database(store: &Store, full: bool, checks: &mut Checks) -> Result<(), Failure> {
    let path = store.folder().join(DATABASE);
    let facts = store.database_facts()?;
    let size = show::count(facts.bytes >> 20, "MiB").replace("MiBs", "MiB");
    if facts.journal == "wal" {
        checks.warn(
            "journal",
            "the database was switched to WAL by hand",
            "sqlite3 autoticket.db 'PRAGMA journal_mode=delete'",
        );
    }
    match fs::metadata(&path) {
        Ok(meta) if meta.mode() & 0o077 != 0 => {
            let text = format!("{} may be read by others (mode {:03o})", path.display(), meta.mode() & 0o777);
            checks.warn("mode", text, format!("chmod 600 {}", path.display()));
        }
        _ => {}
    }
    if facts.bytes > CHECKED && !full {
        checks
            .ok("database", format!("version {}, {size}, opened; not checked whole: --full", facts.version));
        return Ok(());
    }
    let mut complaints = store.quick_check()?;
    let beside = match store.reference() {
        Ok(reference) => reference.quick_check()?,
        Err(error) => vec![error.to_string()],
    };
    complaints.extend(beside.into_iter().map(|text| format!("{REFERENCE}: {text}")));
    match complaints.first() {
        None => checks.ok("database", format!("version {}, {size}, sound", facts.version)),
        Some(first) => {
            let text = format!("{} is damaged: {first}", path.display());
            checks.fail(
                "database",
                text,
                "restore it from a backup (README, Backup); meanwhile mails are spooled",
            );
        }
    }
    Ok(())
}

/// Files of another user's in the state: a database made by root, a pipe run as somebody else.
fn check_ownership(state: &Path, checks: &mut Checks) {
    let Ok(meta) = fs::metadata(state) else { return };
    let (owner, uid) = (meta.uid(), rustix::process::geteuid().as_raw());
    if meta.mode() & 0o022 != 0 {
        let text = format!("{} may be written by others (mode {:03o})", state.display(), meta.mode() & 0o777);
        checks.fail("ownership", text, format!("chmod go-w {}", state.display()));
    }
    let mut folders = vec![state.to_path_buf()];
    let (mut seen, mut foreign) = (0, Vec::new());
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            foreign.push(folder);
            continue;
        };
        for entry in entries.filter_map(Result::ok).take(MOST_FILES.saturating_sub(seen)) {
            seen += 1;
            let Ok(meta) = entry.path().symlink_metadata() else { continue };
            if meta.uid() != owner {
                foreign.push(entry.path());
            } else if meta.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    if let Some(first) = foreign.first() {
        let more = if foreign.len() > 1 { format!(" and {} more", foreign.len() - 1) } else { String::new() };
        let text = format!("{}{more} in the state of uid {owner} belongs to another user", first.display());
        checks.fail("ownership", text, format!("chown -R {owner} {}", state.display()));
    } else if owner == uid {
        checks.ok("ownership", format!("uid {owner} owns {} and all in it", state.display()));
    } else {
        let text = format!("{} belongs to uid {owner}, this process runs as uid {uid}", state.display());
        checks.fail(
            "ownership",
            text,
            format!("sudo -u '#{owner}' autoticket doctor; the mail pipe must run as that user"),
        );
    }
}

fn check_disk(state: &Path, checks: &mut Checks) {
    let Ok(disk) = rustix::fs::statvfs(state) else { return };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let text = format!("{} MiB free for {}", free >> 20, state.display());
    let files = disk.f_files > 0 && disk.f_favail < 1000;
    if files {
        let text = format!("{} inodes free for {}", disk.f_favail, state.display());
        checks.fail("disk", text, "remove small files there");
    } else if free < TOO_LITTLE {
        checks.fail("disk", text, "make room: soon no mail can be taken in; the mail system keeps them");
    } else if free < SCARCE {
        checks.warn("disk", text, "make room, or shorten `keep.raw`");
    } else {
        checks.ok("disk", text);
    }
}

fn check_work(store: &Store, now: Timestamp, checks: &mut Checks) -> Result<(), Failure> {
    let work = Work::of(store, now)?;
    match work.neglected(now) {
        Some(text) => {
            checks.fail("flush", text, "systemctl enable --now autoticket.service, or autoticket-flush.timer")
        }
        None => {
            checks.ok("flush", format!("last {}, {} due", show::time_or_never(work.last_flush), work.due))
        }
    }
    if work.parked + work.refused > 0 {
        let text = format!("{} parked, {} refused", work.parked, work.refused);
        checks.warn("outbox", text, "autoticket ticket list; autoticket ticket resend NUMBER");
    } else {
        checks.ok("outbox", "none parked or refused");
    }
    let place = store.folder().join("spool");
    if work.set_aside > 0 {
        let text = format!(
            "{} set aside in {}: reading them killed three runs",
            work.set_aside,
            place.join("quarantine").display()
        );
        checks.warn("spool", text, "keep them and report it; a file moved back to spool/new is tried again");
    } else if work.spooled > 0 {
        checks.warn(
            "spool",
            format!("{} waiting in {}", work.spooled, place.join("new").display()),
            "autoticket flush",
        );
    } else {
        checks.ok("spool", "empty");
    }
    Ok(())
}

fn check_clock(store: &Store, now: Timestamp, checks: &mut Checks) -> Result<(), Failure> {
    const YEAR_2024: i64 = 1_704_067_200;
    let newest = store.mails(&[], None, i64::MAX, 1)?.pop();
    let ahead = newest.filter(|m| m.arrival.duration_since(now) > SignedDuration::from_hours(1));
    if now.as_second() < YEAR_2024 {
        checks.fail(
            "clock",
            format!("the clock says {}", show::time(now)),
            "set the clock: windows and retries depend on it",
        );
    } else if let Some(mail) = ahead {
        let text = format!(
            "mail {} arrived at {}, the clock says {}",
            mail.id,
            show::time(mail.arrival),
            show::time(now)
        );
        checks.warn("clock", text, "set the clock, or the mailbox that was read bears wrong times");
    } else {
        checks.ok("clock", show::time(now) + &machine::clock_keeper());
    }
    Ok(())
}

fn check_lists(store: &Store, rules: &RuleSet, now: Timestamp, checks: &mut Checks) -> Result<(), Failure> {
    let (gates, lists) = (&rules.gates, &rules.settings.lists);
    for (kind, enabled, source) in [
        (ListKind::Domains, gates.domain.enabled, &lists.domains),
        (ListKind::Nodes, gates.node.enabled, &lists.nodes),
    ] {
        let name = kind.word();
        let entries = store.list_size(kind)?;
        let at = store.list_state(kind)?.map(|(_, _, at, _)| at);
        let stale = source.as_ref().filter(|s| {
            at.is_none_or(|at| {
                now.duration_since(at) > SignedDuration::from_secs(s.every.0.saturating_mul(2))
            })
        });
        if enabled && entries == 0 {
            let text = "the list is empty: every mail is rejected";
            checks.fail(name, text, format!("autoticket {name} import FILE, or switch the gate off"));
        } else if let Some(source) = stale {
            let text = format!("last refreshed {}, wanted every {}", show::time_or_never(at), source.every);
            checks.warn(
                name,
                text,
                format!("autoticket run refreshes it and says why it fails ({})", source.origin),
            );
        } else {
            let gate = if enabled { "" } else { ", but the gate is off" };
            let entries = if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") };
            checks.ok(name, format!("{entries}{gate}"));
        }
    }
    Ok(())
}

fn check_transport(rules: &RuleSet, state: &Path, checks: &mut Checks) {
    let rule = &rules.settings.delivery.transport;
    if let TransportRule::Files { folder } = rule {
        let path = state.join(folder);
        return match rustix::fs::access(&path, May::WRITE_OK | May::EXEC_OK) {
            Ok(()) => checks.ok("transport", format!("files {}", path.display())),
            Err(e) => checks.fail(
                "transport",
                format!("{} cannot be written: {e}", path.display()),
                "make the folder, or give it to the owner of the state",
            ),
        };
    }
    let credentials = super::world::environment("CREDENTIALS_DIRECTORY");
    if let Err(error) = delivery::open(rule, state, CONNECT, credentials.as_deref()) {
        let failure = Failure::new(Exit::Configuration, error);
        return checks.fail(
            "transport",
            format!("{:#}", failure.error),
            "see `delivery` in autoticket.yaml; autoticket rules show",
        );
    }
    match rule {
        TransportRule::Sendmail { program } => match rustix::fs::access(Path::new(program), May::EXEC_OK) {
            Ok(()) => checks.ok("transport", format!("sendmail {program}")),
            Err(e) => checks.fail(
                "transport",
                format!("{program} cannot be run: {e}"),
                "install a mail system, or set delivery.sendmail.program",
            ),
        },
        TransportRule::Smtp { host, port, .. } => match delivery::greeting(host, *port, CONNECT) {
            Ok(greeting) if greeting.is_empty() => {
                checks.ok("transport", format!("smtp {host}:{port} accepts connections"))
            }
            Ok(greeting) if greeting.starts_with("220") => {
                checks.ok("transport", format!("smtp {host}:{port}: {greeting}"))
            }
            Ok(greeting) => checks.warn(
                "transport",
                format!("smtp {host}:{port} says: {greeting}"),
                "ask whoever runs that server",
            ),
            Err(e) => checks.fail(
                "transport",
                format!("smtp {host}:{port}: {e}"),
                "tickets wait and are retried; is the server up, the port right, the firewall open?",
            ),
        },
        TransportRule::Files { .. } => {}
    }
}

fn check_zones(rules: &RuleSet, checks: &mut Checks) {
    let missing = rules.centers.centers.iter().find(|c| jiff::tz::TimeZone::get(&c.zone).is_err());
    match missing {
        Some(center) => {
            let text =
                format!("zone {} of center {} is unknown here: its tickets show UTC", center.zone, center.id);
            checks.warn("zones", text, "install tzdata, or correct the zone");
        }
        None => checks.ok(
            "zones",
            format!("those of {} are known", show::count(rules.centers.centers.len() as u64, "center")),
        ),
    }
    if times::zone_database_missing() {
        checks.warn("zone database", "none found: times on terminals are in UTC", "install tzdata");
    }
}
