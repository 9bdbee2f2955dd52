//! From runs and failed distributions to the plan: what failed, grouped by job, with the commands that reissue it.
//!
//! In: runs, failed distributions, successes, the operator's selection, and what only the caller can look up. Out: the
//! plan, the same for the same input. It opens nothing, and does not know how a plan is shown, approved or issued.

use super::approval::{self, Bound};
use super::attempts::{Attempts, Since, has_effect};
use super::join::{Computers, Record, Runs, Success};
use super::list::ListText;
use super::model::{Narrowing, Outcome, Place, Recipient, Run};
use super::plan::{FailedRecipient, FoundIn, Job, Plan, Rebuilt, Recipients, RunPlace, SCHEMA};
use super::rebuild::{rebuild, scrubbed, secrets};
use super::shell;
use crate::alert::name::{normal, same};
use crate::rules::glob;
use crate::shown::Shown;
use cut::{Arrived, Listed, is_cut, listed};
pub use cut::{NEVER, list_of};
use jiff::Timestamp;
use numbered::{Found, number, numbered};
use std::collections::{BTreeMap, HashMap};

/// What the operator asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// The intermediate server whose jobs are meant; runs that do not name theirs are its own.
    pub server: String,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// Globs, case ignored; so with the recipient and the cause. The cause also fits an outcome's word.
    pub package: Option<String>,
    pub job: Option<String>,
    pub recipient: Option<String>,
    pub cause: Option<String>,
}

/// Recipients of a job that are known to have it, by normal name, each with where that is written.
pub type Delivered<'a> = &'a dyn Fn(&Job) -> BTreeMap<String, Place>;

/// Why a recipient of these packages is not issued to now, if it is not.
pub type Aside<'a> = &'a dyn Fn(&[String], &str) -> Option<String>;

/// What only the caller can look up.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// How a rule narrows its commands.
    pub narrowing: &'a dyn Fn(&str) -> Option<Narrowing>,
    /// The distribution list of a run, as it is now.
    pub list: &'a dyn Fn(&Run) -> Option<ListText>,
    /// The name under which device records know a normal name or address.
    pub device: &'a dyn Fn(&str) -> Option<String>,
    /// Absolute path of a program, as it would be started.
    pub program: &'a dyn Fn(&str) -> Option<String>,
    /// What the journal knows to be delivered of a job, by normal name, whatever logs say. `None`: no journal.
    pub delivered: Option<Delivered<'a>>,
    /// What else speaks against a run's job: packages that changed or vanished since.
    pub against: &'a dyn Fn(&Run) -> Vec<String>,
    /// Who is set aside: found unreachable, or in an outage.
    pub aside: Aside<'a>,
    /// The program that takes commands, absolute where it is known, and its arguments; none: commands are started
    /// themselves.
    pub manager: &'a [String],
    /// Where the log records none.
    pub directory: Option<&'a str>,
    pub user: Option<&'a str>,
    /// Names and values that we set for every command.
    pub environment: &'a [(String, String)],
}

/// A recipient of a job, as log and records know it.
struct Failure<'a> {
    recipient: Recipient,
    number: u32,
    in_log: bool,
    records: Vec<&'a Record>,
}

/// The job of a run, before anything is known of its recipients; secrets masked.
fn bare(run: &Run, server: &str) -> Job {
    let mut job = Job {
        id: String::new(),
        tool: run.tool.clone(),
        server: server.to_owned(),
        rule: run.rule.clone(),
        job: run.job.clone(),
        run: Some(RunPlace {
            file: run.place.file.to_string(),
            line: run.place.line,
            start: run.start,
            end: run.end,
        }),
        packages: run.packages.clone(),
        list: run.list.clone(),
        recipients: Recipients::default(),
        found_in: FoundIn::default(),
        original: run.command.as_ref().map(|command| command.text.clone()),
        original_argv: run.command.as_ref().map(|command| command.argv.clone()).unwrap_or_default(),
        commands: Vec::new(),
        refused: None,
        blocked: Vec::new(),
        folded: None,
        cause: String::new(),
    };
    mask(&mut job, run);
    job
}

/// Builds the plan. `runs` are all that were read, of the period or not: later ones tell what was tried since.
///
/// Jobs stand in the order of their start, then of their place; after them those of which only records say that they
/// failed, and last those without a run, by their first event.
pub fn plan(
    runs: impl IntoIterator<Item = Run>,
    records: &[Record],
    successes: &[Success],
    selection: &Selection,
    world: &World,
) -> Plan {
    let runs: Vec<Run> = runs.into_iter().collect();
    let listed = listed(&runs, world);
    let names = runs.iter().flat_map(|run| run.recipients.iter().map(|recipient| recipient.name.as_str()));
    let names = names.chain(records.iter().map(|record| record.recipient.as_str()));
    let names = names.chain(successes.iter().map(|success| success.recipient.as_str()));
    let names = names.chain(records.iter().map(|record| record.server.as_str()));
    let names = names.chain(listed.values().flat_map(|(_, names)| names.iter().map(String::as_str)));
    let computers = Computers::new(names.chain([selection.server.as_str()]), world.device);
    // Of these no line of a run says that they failed: records do, or lists of runs that were cut short.
    let known = records.iter().map(|record| &record.recipient);
    let known = known.chain(listed.values().flat_map(|(_, names)| names));
    let known = known.filter_map(|name| computers.number(name)).collect();
    let own = |success: &Success| {
        Some((success.run?, computers.number(&success.recipient)?, success.package.clone()))
    };
    let arrived: Arrived = successes.iter().filter_map(own).collect();
    let attempts = Attempts::new(&runs, successes, &known, &computers);
    let mut planning = Planning {
        selection,
        world,
        computers: &computers,
        attempts: &attempts,
        arrived,
        package: matcher(selection.package.as_deref()),
        recipient: matcher(selection.recipient.as_deref()),
        cause: matcher(selection.cause.as_deref()),
        notes: Vec::new(),
        recovered: Vec::new(),
    };
    let (of_run, alone) = planning.joined(&runs, records);

    let mut order: Vec<usize> = (0..runs.len()).collect();
    order.sort_by(|a, b| {
        let key =
            |at: usize| (runs[at].start.or(runs[at].end), &runs[at].place, &runs[at].rule, &runs[at].job);
        key(*a).cmp(&key(*b)).then(a.cmp(b))
    });
    let none = Vec::new();
    let found = order
        .into_iter()
        .map(|at| planning.job(&runs[at], of_run.get(&at).unwrap_or(&none), listed.get(&at)))
        .collect();
    let jobs = numbered(found, planning.recorded(&alone));
    planning.note_recovered();
    let (Planning { notes, .. }, Selection { server, since, until, .. }) = (planning, selection);
    Plan { schema: SCHEMA, server: server.clone(), since: *since, until: *until, jobs, notes }
}

/// The hash an approval of this command binds; for a command that was edited, anew.
pub fn approval_hash(server: &str, command: &Rebuilt, world: &World) -> String {
    let written = command.argv.first().map_or("", |token| token.text.as_str());
    let program = (world.program)(written);
    approval::hash(&Bound {
        server,
        manager: world.manager,
        program: program.as_deref().unwrap_or(written),
        argv: command.argv.iter().map(|token| token.text.as_str()).collect(),
        directory: command.directory.as_deref(),
        user: command.user.as_deref(),
        environment: world.environment,
        list: command.list_file.as_ref().map(|list| list.content.as_str()),
    })
}

/// A glob of the selection; one that cannot be read fits nothing.
type Wanted = Option<Box<dyn Fn(&str) -> bool>>;

fn matcher(text: Option<&str>) -> Wanted {
    let text = text?.to_owned();
    if !glob::is_glob(&text) {
        return Some(Box::new(move |name| name.eq_ignore_ascii_case(&text)));
    }
    let compiled = glob::matcher(&text);
    Some(Box::new(move |name| compiled.as_ref().is_some_and(|glob| glob.is_match(name))))
}

fn wanted(matcher: &Wanted, name: &str) -> bool {
    matcher.as_ref().is_none_or(|fits| fits(name))
}

/// For each run, its records and how many other runs they fit as well; then records that fit none.
type Joined<'a> = (HashMap<usize, Vec<(&'a Record, usize)>>, Vec<&'a Record>);

struct Planning<'a> {
    selection: &'a Selection,
    world: &'a World<'a>,
    computers: &'a Computers,
    attempts: &'a Attempts<'a>,
    /// What was delivered, by the run that did it.
    arrived: Arrived,
    package: Wanted,
    recipient: Wanted,
    cause: Wanted,
    notes: Vec<String>,
    /// Those of jobs of which nothing is left.
    recovered: Vec<(String, Place)>,
}

impl<'a> Planning<'a> {
    fn in_period(&self, first: Option<Timestamp>, last: Option<Timestamp>) -> bool {
        let Selection { since, until, .. } = self.selection;
        since.is_none_or(|since| last.or(first).is_none_or(|last| last >= since))
            && until.is_none_or(|until| first.or(last).is_none_or(|first| first <= until))
    }

    /// Sends each record to the run it speaks of.
    fn joined(&mut self, runs: &[Run], records: &'a [Record]) -> Joined<'a> {
        // Runs are looked up only for records.
        let index =
            Runs::new(if records.is_empty() { &[] } else { runs }, &self.selection.server, self.computers);
        let (mut of_run, mut alone): (HashMap<usize, Vec<(&Record, usize)>>, _) =
            (HashMap::new(), Vec::new());
        let own = self.computers.number(&self.selection.server);
        let mut upstream: BTreeMap<&str, usize> = BTreeMap::new();
        for record in records {
            if !self.in_period(Some(record.first), Some(record.last)) {
                continue;
            }
            let here = same(&record.server, &self.selection.server)
                || (own.is_some() && self.computers.number(&record.server) == own);
            if !here {
                // Another server's job, which this server was to receive.
                if self.computers.number(&record.recipient) == own {
                    *upstream.entry(record.upstream.as_deref().unwrap_or(&record.server)).or_default() += 1;
                }
                continue;
            }
            let candidates = index.of(record, self.computers);
            match candidates[..] {
                [] => match self.arrived(record) {
                    Some(place) => self.recovered.push((record.recipient.clone(), place)),
                    None => alone.push(record),
                },
                [run, ..] => of_run.entry(run).or_default().push((record, candidates.len())),
            }
        }
        for (server, count) in upstream {
            if server.is_empty() {
                self.notes.push(format!(
                    "{count} failed distributions to this server itself: which server must reissue is not recorded"
                ));
                continue;
            }
            let argv = ["redistribute", "--server", server, "--recipient", &self.selection.server];
            self.notes.push(format!(
                "upstream {} must reissue first, {count} failed distributions to this server itself: `{}`",
                Shown::new(server),
                shell::quote(argv)
            ));
        }
        (of_run, alone)
    }

    /// The line by which what a record calls failed has arrived since.
    fn arrived(&self, record: &Record) -> Option<Place> {
        let number = self.computers.number(&record.recipient)?;
        let named = !record.package.is_empty();
        named.then(|| self.attempts.success_after(number, &record.package, record.last)).flatten()
    }

    fn wants(&self, job: Option<&str>, packages: &[String]) -> bool {
        let package = self.package.is_none() || packages.iter().any(|package| wanted(&self.package, package));
        package && self.selection.job.as_deref().is_none_or(|wanted| job == Some(wanted))
    }

    fn wants_failure(&self, failure: &Failure) -> bool {
        let recipient = &failure.recipient;
        let causes = recipient.cause.iter().map(String::as_str).chain([recipient.outcome.word()]);
        let mut causes = causes.chain(failure.records.iter().map(|record| record.failure.as_str()));
        wanted(&self.recipient, &recipient.name)
            && (self.cause.is_none() || causes.any(|c| wanted(&self.cause, c)))
    }

    /// The job of one run, if something of it was to be done.
    fn job(&mut self, run: &Run, records: &[(&'a Record, usize)], listed: Option<&Listed>) -> Found {
        let server = run.server.as_deref().unwrap_or(&self.selection.server);
        let asked = same(server, &self.selection.server)
            && self.wants(run.job.as_deref(), &run.packages)
            && (self.in_period(run.start, run.end) || !records.is_empty());
        if !asked || !has_effect(run) {
            return Found::Nothing;
        }
        let mut blocked = Vec::new();
        let narrowing = (self.world.narrowing)(&run.rule);
        let mut failures = self.failures(run, narrowing.as_ref(), records, &mut blocked);
        let never =
            listed.map(|(_, names)| self.never_started(run, names, &mut failures)).unwrap_or_default();
        let nameless = failures.is_empty()
            && run.recipients.is_empty()
            && !matches!(run.outcome, Outcome::Ok | Outcome::Unknown)
            && self.recipient.is_none()
            && self.cause.is_none();
        failures.retain(|failure| self.wants_failure(failure));
        if failures.is_empty() && !nameless {
            return Found::Nothing;
        }
        let mut recipients = Recipients {
            all: run.recipients.iter().map(|r| r.name.clone()).chain(never).collect(),
            ..Recipients::default()
        };
        let mut left: Vec<&Recipient> = Vec::new();
        let log = nameless || failures.iter().any(|failure| failure.in_log);
        let logged = log || listed.is_some();
        let delivered = self.world.delivered.map(|of| of(&bare(run, server))).unwrap_or_default();
        for failure in &failures {
            let name = failure.recipient.name.clone();
            if let Some(place) = delivered.get(&normal(&name)) {
                recipients.recovered.push((name, place.clone()));
                continue;
            }
            let reported = failure.records.iter().map(|record| record.last).max();
            match self.attempts.since(run, &failure.recipient, failure.number, reported) {
                Since::Recovered(place) => {
                    recipients.recovered.push((name, place));
                    continue;
                }
                Since::Again(place) => recipients.folded.push((name, place)),
                Since::Unclear(place) => {
                    blocked.push(format!(
                        "`{}` was tried later with an older version or what may be another package, or nobody can tell which came later: {place}",
                        Shown::new(&name)
                    ));
                    self.keep(run, &failure.recipient, &mut left, &mut recipients);
                }
                Since::Nothing => self.keep(run, &failure.recipient, &mut left, &mut recipients),
            }
            recipients.failed.push(failed_recipient(failure));
        }
        if recipients.failed.is_empty() && !nameless {
            self.recovered.append(&mut recipients.recovered);
            return Found::Finished { logged };
        }
        let record = failures.iter().any(|failure| !failure.records.is_empty());
        let found_in = FoundIn { record, log };
        let folded = (left.is_empty() && !recipients.folded.is_empty()).then(|| {
            let place = &recipients.folded[recipients.folded.len() - 1].1;
            format!("the same or a newer version was distributed to the same recipients later: {place}")
        });
        let list = match narrowing {
            Some(Narrowing::Listfile { .. }) if !left.is_empty() => {
                listed.map(|(list, _)| list.clone()).or_else(|| (self.world.list)(run))
            }
            _ => None,
        };
        let (commands, refused) = match rebuild(run, narrowing.as_ref(), &left, list.as_ref()) {
            _ if failures.is_empty() => {
                (Vec::new(), Some("the log names no recipient of this run".to_owned()))
            }
            Ok(commands) => (commands, None),
            Err(refusal) => (Vec::new(), Some(refusal.to_string())),
        };
        let mut commands: Vec<Rebuilt> =
            commands.into_iter().map(|command| self.bound(server, command)).collect();
        let all: Vec<&Recipient> = failures.iter().map(|failure| &failure.recipient).collect();
        if left.len() < all.len() {
            let all = rebuild(run, narrowing.as_ref(), &all, list.as_ref()).unwrap_or_default();
            number(&mut commands, &all);
        } else {
            number(&mut commands, &[]);
        }
        if let Some(list) = &list {
            let gone = list.list.is_none().then(|| "it is gone".to_owned());
            let changed = gone.or_else(|| list.changed.clone());
            let written = commands.iter().find_map(|command| command.list_file.as_ref());
            let path = run.list.as_deref().or(written.map(|list| list.original.as_str()));
            let path = Shown::new(path.unwrap_or("of the command")).to_string();
            blocked.extend(changed.map(|why| format!("the distribution list {path}: {}", Shown::new(&why))));
        }
        blocked.extend((self.world.against)(run));
        if run.outcome == Outcome::Unfinished {
            blocked.push("the log has no end of this run: it may still go on".to_owned());
        }
        let mut job = bare(run, server);
        job.cause = common_cause(&recipients.failed, run.outcome);
        (job.recipients, job.found_in, job.commands) = (recipients, found_in, commands);
        (job.refused, job.blocked, job.folded) = (refused, blocked, folded);
        mask(&mut job, run);
        Found::Left { job: Box::new(job), logged }
    }

    /// A recipient that is left: to be issued to, or set aside.
    fn keep<'r>(
        &self,
        run: &Run,
        recipient: &'r Recipient,
        left: &mut Vec<&'r Recipient>,
        recipients: &mut Recipients,
    ) {
        match (self.world.aside)(&run.packages, &recipient.name) {
            Some(why) => recipients.aside.push((recipient.name.clone(), why)),
            None => left.push(recipient),
        }
    }

    /// Who failed in a run: as the log says it, and as records do.
    fn failures(
        &self,
        run: &Run,
        narrowing: Option<&Narrowing>,
        records: &[(&'a Record, usize)],
        blocked: &mut Vec<String>,
    ) -> Vec<Failure<'a>> {
        // Who shares the outcome of a run that was cut short may have a line of his own that was passed over.
        let shares = |recipient: &Recipient| is_cut(run) && recipient.place == run.last;
        let did = |recipient: &Recipient| {
            shares(recipient) && self.arrived_in(run, self.computers.number(&recipient.name)) == Some(true)
        };
        let undelivered = run.recipients.iter().filter(|recipient| recipient.outcome.is_undelivered());
        let undelivered = undelivered.filter(|recipient| !did(recipient));
        let mut failures: Vec<Failure> = undelivered
            .map(|recipient| Failure {
                recipient: recipient.clone(),
                number: self.computers.number(&recipient.name).unwrap_or(u32::MAX),
                in_log: true,
                records: Vec::new(),
            })
            .collect();
        let whole = matches!(narrowing, Some(Narrowing::Whole));
        if run.recipients.is_empty() && whole && run.outcome.is_undelivered() {
            // The command of a server for itself.
            let name = run.server.clone().unwrap_or_else(|| self.selection.server.clone());
            let number = self.computers.number(&name).unwrap_or(u32::MAX);
            let (outcome, cause, place) = (run.outcome, run.why.clone(), run.last.clone());
            let recipient = Recipient { name, outcome, cause, parameters: Vec::new(), place, at: None };
            failures.push(Failure { recipient, number, in_log: true, records: Vec::new() });
        }
        if records.is_empty() {
            return failures;
        }
        let mut index: HashMap<u32, usize> =
            failures.iter().enumerate().map(|(at, f)| (f.number, at)).collect();
        for (record, candidates) in records {
            let shown = format!("failed distribution {} of `{}`", record.id, Shown::new(&record.recipient));
            if *candidates > 1 {
                blocked.push(format!("{shown} fits {candidates} runs, of which this is the last: ambiguous"));
            }
            let number = self.computers.number(&record.recipient).unwrap_or(u32::MAX);
            if let Some(at) = index.get(&number) {
                failures[*at].records.push(record);
                continue;
            }
            let in_run = run.recipients.iter().find(|r| self.computers.number(&r.name) == Some(number));
            blocked.push(match in_run {
                Some(recipient) => format!("{shown}: the log says that it succeeded: {}", recipient.place),
                None => format!("{shown}: the log does not name it in this run"),
            });
            let recipient = Recipient {
                name: in_run.map_or(&record.recipient, |recipient| &recipient.name).clone(),
                outcome: Outcome::Failed,
                cause: Some(record.failure.clone()),
                parameters: in_run.map(|recipient| recipient.parameters.clone()).unwrap_or_default(),
                place: in_run.map_or(&run.place, |recipient| &recipient.place).clone(),
                at: in_run.and_then(|recipient| recipient.at),
            };
            index.insert(number, failures.len());
            failures.push(Failure { recipient, number, in_log: false, records: vec![record] });
        }
        failures
    }

    fn bound(&self, server: &str, mut command: Rebuilt) -> Rebuilt {
        let default = |known: Option<String>, other: Option<&str>| known.or_else(|| other.map(str::to_owned));
        command.directory = default(command.directory, self.world.directory);
        command.user = default(command.user, self.world.user);
        command.hash = approval_hash(server, &command, self.world);
        command
    }

    /// Jobs that only the failed distributions know: nothing can be rebuilt, and nothing is forgotten.
    fn recorded(&self, alone: &[&'a Record]) -> Vec<Job> {
        let mut groups: BTreeMap<(Timestamp, &str, &str, &str), Vec<&Record>> = BTreeMap::new();
        let mut firsts: HashMap<(&str, &str, &str), Timestamp> = HashMap::new();
        for record in alone {
            let first = firsts.entry((&record.tool, &record.job, &record.package)).or_insert(record.first);
            *first = (*first).min(record.first);
        }
        for record in alone {
            let (tool, job, package) = (record.tool.as_str(), record.job.as_str(), record.package.as_str());
            groups.entry((firsts[&(tool, job, package)], tool, job, package)).or_default().push(record);
        }
        let mut jobs = Vec::new();
        for ((_, tool, job, package), records) in groups {
            let number = (!job.is_empty()).then(|| job.to_owned());
            let packages: Vec<String> =
                (!package.is_empty()).then(|| package.to_owned()).into_iter().collect();
            if !self.wants(number.as_deref(), &packages) {
                continue;
            }
            let mut failed: BTreeMap<String, FailedRecipient> = BTreeMap::new();
            for record in records {
                let wanted =
                    wanted(&self.recipient, &record.recipient) && wanted(&self.cause, &record.failure);
                if wanted {
                    let known = failed.entry(record.recipient.clone()).or_insert_with(|| FailedRecipient {
                        name: record.recipient.clone(),
                        outcome: Outcome::Failed,
                        cause: Some(record.failure.clone()),
                        place: None,
                        records: Vec::new(),
                    });
                    known.records.push(record.id.clone());
                }
            }
            if failed.is_empty() {
                continue;
            }
            let all: Vec<String> = failed.keys().cloned().collect();
            let failed: Vec<FailedRecipient> = failed.into_values().collect();
            jobs.push(Job {
                id: String::new(),
                tool: tool.to_owned(),
                server: self.selection.server.clone(),
                rule: String::new(),
                job: number,
                run: None,
                packages,
                list: None,
                cause: common_cause(&failed, Outcome::Failed),
                recipients: Recipients { all, failed, ..Recipients::default() },
                found_in: FoundIn { record: true, log: false },
                original: None,
                original_argv: Vec::new(),
                commands: Vec::new(),
                refused: Some(
                    "no run in the logs fits: name its logfile with --log, or issue it by hand".to_owned(),
                ),
                blocked: Vec::new(),
                folded: None,
            });
        }
        jobs
    }

    fn note_recovered(&mut self) {
        if let Some((name, place)) = self.recovered.first() {
            let (count, name) = (self.recovered.len(), Shown::new(name));
            self.notes.push(format!(
                "recipients of jobs of which nothing is left, for they succeeded since: {count}, `{name}` by {place}"
            ));
        }
    }
}

fn failed_recipient(failure: &Failure) -> FailedRecipient {
    let Recipient { name, outcome, cause, place, .. } = &failure.recipient;
    FailedRecipient {
        name: name.clone(),
        outcome: *outcome,
        cause: cause.clone().or_else(|| failure.records.first().map(|record| record.failure.clone())),
        place: failure.in_log.then(|| place.clone()),
        records: failure.records.iter().map(|record| record.id.clone()).collect(),
    }
}

/// The cause of most; of equally many, the first by its letters.
fn common_cause(failed: &[FailedRecipient], outcome: Outcome) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for recipient in failed {
        *counts.entry(recipient.cause.as_deref().unwrap_or(recipient.outcome.word())).or_default() += 1;
    }
    let most = counts.into_iter().max_by(|(a, m), (b, n)| m.cmp(n).then(b.cmp(a)));
    most.map_or(outcome.word(), |(cause, _)| cause).to_owned()
}

/// Takes a command's secrets out of every text of its job, but the vectors that are issued.
fn mask(job: &mut Job, run: &Run) {
    let Some(command) = run.command.as_ref().filter(|command| command.argv.iter().any(|token| token.secret))
    else {
        return;
    };
    let secrets = secrets(command);
    // Written anew: a secret may stand in the text in another spelling than in the vector.
    job.original = Some(shell::shown(&command.argv));
    let texts = job.refused.iter_mut().chain(&mut job.blocked).chain([&mut job.cause]);
    let causes = job.recipients.failed.iter_mut().filter_map(|recipient| recipient.cause.as_mut());
    texts.chain(causes).for_each(|text| *text = scrubbed(text, &secrets));
}

mod cut;
mod numbered;
#[cfg(test)]
mod tests;
