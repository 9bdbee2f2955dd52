//! What there is to redistribute: period, logs, failed distributions and journal brought together into a plan.
//!
//! In: what the operator asks for. Out: a [`Survey`]. Nothing is changed by it.

use super::super::world::environment;
use super::super::{Exit, Failure, Globals, rules_folder, show, times};
use super::Ask;
use super::aside::Aside;
use super::far::{Far, absolute};
pub(super) use super::found::{Read, Survey, is_open};
use super::machine::Lists;
use super::planned::{Sources, is_own, planned};
use crate::alert::name;
use crate::location::{Stated, verify};
use crate::redistribution::engine::Keep;
use crate::redistribution::files::Limits;
use crate::redistribution::gather::{self, Gathered, gather};
use crate::redistribution::issue::job_identity;
use crate::redistribution::join::Record;
use crate::redistribution::model::{Place, Run};
use crate::redistribution::plan::{Job, Plan};
use crate::redistribution::planning::{self, Selection};
use crate::redistribution::states::State;
use crate::redistribution::{runner, shell};
use crate::rules::logs::LogRules;
use crate::rules::redistribution::RedistributionRules;
use crate::store::journal::{Journal, JournalRow};
use crate::store::{Access, Error, FailedFilter, Store, owned_by_us};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How far back is looked where nothing was serviced yet.
const DAYS: i64 = 7;

/// Servers that are named in one line.
const MOST_NAMED: usize = 5;

/// The zone in which programs of this machine write times without one, whatever the operator's is.
pub(super) fn machine_zone() -> TimeZone {
    let link = fs::read_link("/etc/localtime").ok();
    let name = link.as_ref().and_then(|path| path.to_str()?.split_once("zoneinfo/")).map(|(_, name)| name);
    name.and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC)
}

/// Name of this machine.
fn this_machine() -> String {
    name::normal(&rustix::system::uname().nodename().to_string_lossy())
}

/// The folder of rules: never the present one, where anybody could have put some.
pub(super) fn folder(globals: &Globals) -> Option<PathBuf> {
    let named = globals.rules.clone().or_else(|| environment("AUTOTICKET_RULES"));
    named.or_else(|| Some(PathBuf::from("/etc/autoticket")).filter(|folder| folder.is_dir()))
}

pub(super) fn rules(globals: &Globals) -> Result<(LogRules, RedistributionRules), Failure> {
    let folder = folder(globals);
    rules_folder::guarded(folder.as_deref())?;
    Ok((rules_folder::logs(folder.as_deref())?, rules_folder::issuing(folder.as_deref())?))
}

/// Whether the journal is there and is not what it should be, or should be there and is not.
pub(super) fn is_damage(failure: &Failure) -> bool {
    let error = failure.error.downcast_ref();
    error.is_some_and(|error| matches!(error, Error::Journal { .. } | Error::ForeignInstall { .. }))
}

/// The journal of the state, where one was begun.
pub(super) fn journal(globals: &Globals) -> Result<Option<Journal>, Failure> {
    let folder = globals.state_folder();
    if let Err(error) = folder.read_dir()
        && error.kind() == std::io::ErrorKind::PermissionDenied
    {
        // A folder that keeps us out is another's: said as such.
        owned_by_us(&folder)?;
        let what = anyhow::Error::new(error).context(format!("read folder {}", folder.display()));
        return Err(Failure::new(Exit::Permission, what));
    }
    if !Journal::was_begun(&folder) {
        return Ok(None);
    }
    // Absolute: what it hands to commands is read from their folders.
    let folder = fs::canonicalize(&folder).unwrap_or(folder);
    Ok(Some(Journal::open(&folder, globals.now()?)?))
}

/// How far logs are looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// The period alone, for a list: the lines after it are not read, and that is said.
    Period,
    /// On to the present: nothing is issued to who was served after the period.
    Present,
}

pub(super) fn survey(globals: &Globals, ask: &Ask, look: Look) -> Result<Survey, Failure> {
    let now = globals.now()?;
    let (logs, rules) = rules(globals)?;
    let store = match globals.store(Access::Read) {
        Ok(store) => Some(store),
        // A log named by hand needs no service center.
        Err(failure) if failure.error.downcast_ref().is_some_and(|e| matches!(e, Error::NoState { .. })) => {
            None
        }
        Err(failure) => return Err(failure),
    };
    let (journal, damage) = match journal(globals) {
        Ok(journal) => (journal, None),
        // It can still be told what failed; nothing is issued by such a journal.
        Err(failure) if is_damage(&failure) => (None, Some(failure.line())),
        Err(failure) => return Err(failure),
    };
    let parts = [
        &ask.package,
        &ask.job,
        &ask.recipient,
        &ask.cause,
        &ask.ticket,
        &ask.since,
        &ask.until,
        &ask.format,
    ];
    let all = parts.iter().all(|part| part.is_none()) && ask.log.is_empty();
    let mut ask = ask.clone();
    let downtime = match (&ask.ticket, &store) {
        (Some(number), Some(store)) => Some(downtime(store, number, now)?),
        (Some(number), None) => {
            let text = format!("ticket {} is not known here: there is no state", show::one(number));
            return Err(Failure::say(Exit::Unavailable, text).hint("--since and --until name a period"));
        }
        (None, _) => None,
    };
    ask.ticket = None;
    let server = ask.server.clone().or_else(|| downtime.as_ref().and_then(|down| down.server.clone()));
    let server = server.map_or_else(this_machine, |server| name::normal(&server));
    let rule = rules.server(|own| name::same(own, &server)).clone();
    let center = Far::center(ask.service_center.as_deref(), &rule)?;
    let alone = ask.service_center.as_deref() == Some(super::far::NONE);
    let recorded = !alone && (center.is_some() || store.is_some());
    let paths = if ask.log.is_empty() { globbed(&rule.logs)? } else { ask.log.clone() };
    // One spelling, whatever the present folder: places and jobs are known again by it.
    let paths: Vec<PathBuf> = paths.into_iter().map(|path| fs::canonicalize(&path).unwrap_or(path)).collect();
    let (since, period) = since(&ask, downtime.as_ref(), journal.as_ref(), &server, now)?;
    let until = match &downtime {
        Some(down) => down.until,
        None => show::point("--until", ask.until.as_deref(), now)?.unwrap_or(now),
    };
    if paths.is_empty() && !recorded {
        return Err(Failure::say(
            Exit::Unavailable,
            "there is nothing to look at: no logfile is named, and no state",
        )
        .hint("redistribute --log PATH reads a log without any configuration")
        .hint("--service-center USER@HOST names the service center")
        .hint("redistribution.yaml names those of each server (logs:)"));
    }
    let records = match (&center, &store) {
        (Some(center), _) => center.failed(&server, since, until).map_err(|failure| {
            failure.hint(
                "--service-center none goes by the logs alone; what is delivered then stays listed there",
            )
        })?,
        (None, Some(store)) if recorded => records(store, &server, since, until)?,
        _ => Vec::new(),
    };
    let asked = gather::Ask {
        paths: &paths,
        rules: &logs,
        format: ask.format.as_deref(),
        since,
        until: (look == Look::Period).then_some(until),
        zone: machine_zone(),
        workers: std::thread::available_parallelism().map_or(1, usize::from).min(8),
        limits: Limits::default(),
        keep: Keep::Undelivered,
        server: Some(&server),
        lacking: records.iter().map(|record| record.recipient.clone()).collect(),
    };
    let unread = |error: gather::Error| match error {
        gather::Error::TooMany { .. } => Failure::new(Exit::Data, error),
        _ => Failure::new(Exit::Usage, error),
    };
    let mut gathered = gather(&asked).map_err(unread)?;
    // Of those whom the list of a run that was cut short names, the log may tell that they were served.
    let narrowing_of = |rule: &str| logs.named(runner::rule_of(rule))?.narrowing.clone();
    let own = gathered.runs().filter(|run| is_own(run, &server));
    let lists = Lists::default();
    let list = |run: &Run| lists.of(run);
    let cut = own.filter_map(|run| planning::list_of(&run, narrowing_of(&run.rule).as_ref(), &list));
    let listed: Vec<String> = cut.flat_map(|(_, names)| names).collect();
    let lacking = asked.lacking.iter().cloned().chain(listed).collect();
    let successes = gathered.successes(&gather::Ask { lacking, ..asked }).map_err(unread)?;
    let selection = Selection {
        server: server.clone(),
        since,
        until: Some(until),
        package: ask.package.clone(),
        job: ask.job.clone(),
        recipient: ask.recipient.clone(),
        cause: ask.cause.clone(),
    };
    let sources = Sources { gathered, records, successes, selection };
    let (of, at) = (journal.as_ref(), store.as_ref());
    let mut plan = planned(&sources, &logs, &rule, of, at, &Aside::default())?;
    let (unknown, waiting) = match &journal {
        Some(journal) => {
            let own = |rows: Vec<JournalRow>| -> Vec<JournalRow> {
                rows.into_iter().filter(|row| name::same(&row.server, &server)).collect()
            };
            (own(journal.unknown()?), own(journal.waiting()?))
        }
        None => (Vec::new(), Vec::new()),
    };
    let is_silent = plan.jobs.is_empty()
        && sources.records.is_empty()
        && unknown.is_empty()
        && waiting.is_empty()
        && damage.is_none();
    if is_silent && ask.log.is_empty() && rule.logs.is_empty() {
        return Err(without_logs(&server, &rules));
    }
    let mut read = Read::of(&sources.gathered);
    if is_silent && !sources.gathered.runs().any(|run| is_own(&run, &server)) {
        read.strangers = sources.gathered.strangers(&server).into_iter().collect();
    }
    if let Some(first) = read.strangers.first() {
        let named = read.strangers.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
        let more = read.strangers.len().saturating_sub(MOST_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        plan.notes.push(format!(
            "nothing in these logs is of {server}: they speak of {named}{more}; `{}` asks for its jobs",
            shell::quote(["--server", first])
        ));
    }
    notes(&mut plan, &sources.gathered, recorded);
    if look == Look::Period && until < now {
        plan.notes.push(format!(
            "logs were read until {}: who was served later is still listed; a plan leaves those out",
            show::time(until)
        ));
    }
    ask.log.clone_from(&paths);
    ask.server = Some(server.clone());
    ask.since = since.map(|at| at.to_string());
    ask.until = Some(until.to_string());
    let (whole, gathered, on) = (all && recorded, read, None);
    Ok(Survey {
        ask,
        server,
        period,
        until,
        plan,
        rule,
        logs,
        whole,
        gathered,
        unknown,
        waiting,
        damage,
        center,
        on,
        sources: Some(sources),
        aside: Vec::new(),
        found: Aside::default(),
    })
}

/// Nothing could be looked at but failed distributions, and there are none.
fn without_logs(server: &str, rules: &RedistributionRules) -> Failure {
    let with = rules.names().filter(|own| !rules.server(|name| name == *own).logs.is_empty());
    let with: Vec<String> = with.take(MOST_NAMED).map(show::one).collect();
    let text = format!(
        "no logfile is configured for {}, and no failed distribution of it is recorded",
        show::one(server)
    );
    let failure = Failure::say(Exit::Unavailable, text)
        .hint("redistribute --log PATH reads a log without any configuration")
        .hint("redistribution.yaml names those of each server (logs:)");
    match with.is_empty() {
        true => failure,
        false => failure.hint(format!("they are configured for {}: --server names one", with.join(", "))),
    }
}

/// What another machine is asked: the downtime of a ticket is known here, logs lie there.
pub(super) fn asked_from_afar(globals: &Globals, ask: &Ask) -> Result<Ask, Failure> {
    absolute(&ask.log)?;
    let mut ask = ask.clone();
    if let Some(number) = ask.ticket.take() {
        let down = downtime(&globals.store(Access::Read)?, &number, globals.now()?)?;
        ask.since = Some(down.since.to_string());
        ask.until = Some(down.until.to_string());
        ask.server = ask.server.or(down.server);
    }
    Ok(ask)
}

struct Downtime {
    since: Timestamp,
    until: Timestamp,
    server: Option<String>,
}

/// From a ticket's first alert to its end.
fn downtime(store: &Store, number: &str, now: Timestamp) -> Result<Downtime, Failure> {
    let number = super::super::ticket::number(number);
    let Some(row) = store.ticket_numbered(&number)? else {
        let text = format!("no ticket {} is known", show::one(&number));
        return Err(Failure::say(Exit::Data, text).hint("autoticket ticket list"));
    };
    let crossing = store.alert(row.crossing)?;
    let server = crossing.and_then(|alert| alert.record.server);
    Ok(Downtime { since: row.first, until: row.ended.unwrap_or(now), server })
}

/// Since when, and why then.
fn since(
    ask: &Ask,
    downtime: Option<&Downtime>,
    journal: Option<&Journal>,
    server: &str,
    now: Timestamp,
) -> Result<(Option<Timestamp>, String), Failure> {
    if let Some(down) = downtime {
        return Ok((Some(down.since), format!("since {}, the ticket's first alert", show::time(down.since))));
    }
    let servicing = match journal {
        Some(journal) => journal.last_servicing(server)?,
        None => None,
    };
    match ask.since.as_deref().map(str::trim) {
        Some("servicing") => match servicing {
            Some(at) => Ok((Some(at), format!("since {}, the last servicing of {server}", show::time(at)))),
            None => Err(Failure::say(Exit::Data, format!("{} was never serviced here", show::one(server)))
                .hint("name a time: --since 7d")),
        },
        Some(text) => {
            let at =
                times::parse(text, now).map_err(|e| Failure::say(Exit::Usage, format!("--since: {e}")))?;
            Ok((Some(at), format!("since {}", show::time(at))))
        }
        None if !ask.log.is_empty() => Ok((None, "all of the logs named".to_owned())),
        None => {
            if let Some(at) = servicing {
                return Ok((Some(at), format!("since {}, the last servicing of {server}", show::time(at))));
            }
            let at = now.checked_sub(SignedDuration::from_hours(24 * DAYS)).unwrap_or(now);
            Ok((Some(at), format!("since {}, the last {DAYS} days", show::time(at))))
        }
    }
}

/// The logs that rules name; what fits nothing is no mistake, a server may not have written one yet.
pub(super) fn globbed(patterns: &[String]) -> Result<Vec<PathBuf>, Failure> {
    let mut paths = Vec::new();
    for pattern in patterns {
        let path = Path::new(pattern);
        let (Some(folder), Some(leaf)) = (path.parent(), path.file_name().and_then(|leaf| leaf.to_str()))
        else {
            continue;
        };
        if !crate::rules::glob::is_glob(leaf) {
            paths.push(path.to_path_buf());
            continue;
        }
        let Some(glob) = crate::rules::glob::matcher(leaf) else {
            return Err(Failure::say(Exit::Configuration, format!("`{}` is no glob", show::one(pattern))));
        };
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries.filter_map(Result::ok),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                let what = anyhow::Error::new(error).context(format!("read folder {}", folder.display()));
                return Err(Failure::new(Exit::Io, what));
            }
        };
        let mut found: Vec<PathBuf> =
            entries.filter(|e| glob.is_match(e.file_name())).map(|e| e.path()).collect();
        found.sort();
        paths.extend(found);
    }
    Ok(paths)
}

pub(super) fn records(
    store: &Store,
    server: &str,
    since: Option<Timestamp>,
    until: Timestamp,
) -> Result<Vec<Record>, Failure> {
    let filter = FailedFilter { since, until: Some(until), ..FailedFilter::default() };
    let filter = FailedFilter { also: other_names(store, server), ..filter };
    let own = FailedFilter { server: Some(server.to_owned()), ..filter.clone() };
    let behind = FailedFilter { affected: Some(server.to_owned()), ..filter };
    let mut rows = BTreeMap::new();
    for row in store.failed(&own)?.into_iter().chain(store.failed(&behind)?) {
        rows.insert(row.id.clone(), row);
    }
    let record = |row: crate::store::FailedRow| Record {
        id: row.id,
        tool: row.tool,
        server: row.server,
        job: row.job,
        recipient: row.recipient,
        package: row.package,
        upstream: row.upstream,
        failure: row.failure,
        first: row.first,
        last: row.last,
    };
    Ok(rows.into_values().map(record).collect())
}

/// The other names that device records have for a computer.
pub(in crate::cli) fn other_names(store: &Store, name: &str) -> Vec<String> {
    let stated = Stated::named(name);
    let found = || {
        let reference = store.reference().ok()?;
        reference.location_list().ok()??;
        let records = reference.locations_for(&stated.keys()).ok()?;
        let record = verify(&stated, &records).record()?.clone();
        Some([record.name].into_iter().chain(record.aliases).chain(record.ips).collect())
    };
    found().unwrap_or_default()
}

/// The name under which location records know a name or address.
pub(super) fn recorded_name(store: &Store, name: &str) -> Option<String> {
    // Without records, or where they cannot be read, names stand for themselves.
    let reference = store.reference().ok()?;
    reference.location_list().ok()??;
    let stated = Stated::named(name);
    let records = reference.locations_for(&stated.keys()).ok()?;
    verify(&stated, &records).record().map(|record| record.name.clone())
}

/// What the journal knows to be delivered of a job: a log may not say so.
pub(super) fn delivered(journal: &Journal, job: &Job) -> Result<BTreeMap<String, Place>, Failure> {
    let standing = journal.standing(&job.server, &job.tool, &job_identity(job))?;
    let place =
        |key: &str| Place { file: Arc::from(format!("journal {}", key.get(..12).unwrap_or(key))), line: 0 };
    let confirmed = standing.into_iter().filter(|(_, (state, _))| *state == State::Confirmed);
    Ok(confirmed.map(|(name, (_, key))| (name, place(&key))).collect())
}

/// What the operator must know of the reading.
fn notes(plan: &mut Plan, gathered: &Gathered, state: bool) {
    if !state {
        plan.notes
            .push("failed distributions of the service center were not looked at: there is no state here, and no service center is named".to_owned());
    }
    for format in gathered.formats.iter().filter(|format| format.rule.is_none()) {
        plan.notes.push(format!("{}: {}", format.file, format.reason));
    }
    for fault in &gathered.report.faults {
        plan.notes.push(fault.to_string());
    }
    for file in gathered.report.files.iter().filter(|file| file.torn) {
        plan.notes.push(format!("{}: its last line has no end and was skipped", file.file));
    }
    if gathered.report.long_lines > 0 {
        plan.notes.push(format!("{} too long were skipped", show::count(gathered.report.long_lines, "line")));
    }
    for (rule, coverage) in gathered.coverage() {
        if coverage.not_understood() > 0 {
            let first = coverage.examples.first().map(|(place, text)| format!(", first {place}: {text}"));
            plan.notes.push(format!(
                "{} of {} not understood by {}{}",
                coverage.not_understood(),
                show::count(coverage.lines, "line"),
                rule.id,
                first.unwrap_or_default()
            ));
        }
    }
}
