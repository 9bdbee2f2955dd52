//! Approving without a screen, and issuing what was approved.
//!
//! In: a survey, ids. Out: what became of each command; the failed distributions that are delivered are cleaned.

use super::super::show::{self, Out};
use super::super::world::environment;
use super::super::{Exit, Failure, Globals};
use super::aside::{self, Aside};
use super::evidence::Logs;
use super::far::Far;
use super::record::{person, tell_center};
use super::surveyed::{Survey, is_open, journal};
use super::wire::Words;
use super::{Args, check};
use crate::alert::name::same;
use crate::redistribution::issue::{self, Approved, Verdict};
use crate::redistribution::plan::{Grade, Job, Rebuilt};
use crate::redistribution::run_command::{self, Stop};
use crate::redistribution::shell;
use crate::redistribution::waves::{MaxErrors, Wave, parse_max_errors, parse_waves};
use crate::service::redistribute::{Event, Issue, Stopped, Summary, issue};
use crate::store::Access;
use crate::store::journal::{Journal, JournalRow};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;

/// How issuing goes on.
pub(super) struct Pace {
    pub(super) waves: Vec<Wave>,
    pub(super) max_errors: Option<MaxErrors>,
    pub(super) parallel: Option<usize>,
    /// As it was written.
    pub(super) words: Words,
}

impl Pace {
    pub(super) fn of(args: &Args) -> Result<Pace, Failure> {
        let (waves, max_errors) = (args.waves.clone(), args.max_errors.clone());
        Pace::read(Words { waves, max_errors, parallel: args.parallel })
    }

    pub(super) fn read(words: Words) -> Result<Pace, Failure> {
        let wrong = |e: crate::redistribution::waves::Unclear| Failure::say(Exit::Usage, e.to_string());
        Ok(Pace {
            waves: words.waves.as_deref().map(parse_waves).transpose().map_err(wrong)?.unwrap_or_default(),
            max_errors: words.max_errors.as_deref().map(parse_max_errors).transpose().map_err(wrong)?,
            parallel: words.parallel.map(usize::from),
            words,
        })
    }
}

/// A command that is not issued, and why.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Left {
    pub(super) id: String,
    why: String,
}

impl Left {
    pub(super) fn words(&self) -> String {
        format!("{}: {}", self.id, self.why)
    }
}

/// A command with its job.
type Chosen<'s> = (&'s Job, &'s Rebuilt);

/// The commands that `wanted` names, and those that it cannot mean.
fn chosen<'s>(survey: &'s Survey, wanted: &[String]) -> Result<(Vec<Chosen<'s>>, Vec<Left>), Failure> {
    let (mut chosen, mut left) = (Vec::new(), Vec::new());
    let all = wanted.iter().any(|word| word.eq_ignore_ascii_case("all"));
    for word in wanted.iter().filter(|word| !word.eq_ignore_ascii_case("all")) {
        let known = |job: &Job| job.id == *word || job.commands.iter().any(|command| command.id == *word);
        if !survey.plan.jobs.iter().any(known) {
            let text = format!("there is no job or command {}", show::one(word));
            return Err(Failure::say(Exit::Data, text).hint("redistribute --list shows their ids"));
        }
    }
    for job in &survey.plan.jobs {
        let named_job = wanted.contains(&job.id);
        for command in &job.commands {
            let named = wanted.contains(&command.id);
            if !all && !named_job && !named {
                continue;
            }
            let why = if !is_open(job) {
                Some(job.folded.clone().unwrap_or_else(|| "nothing of it is left".to_owned()))
            } else if named {
                None
            } else if command.grade == Grade::Ambiguous {
                let doubts = command.doubts.join("; ");
                Some(format!("ambiguous: {doubts}; approve it by its id: --approve {}", command.id))
            } else if !job.blocked.is_empty() {
                let why = job.blocked.join("; ");
                Some(format!("{why}; approve it by its id: --approve {}", command.id))
            } else {
                None
            };
            match why {
                Some(why) => left.push(Left { id: command.id.clone(), why }),
                None => chosen.push((job, command)),
            }
        }
        if let Some(why) = job.refused.as_ref().filter(|_| (all || named_job) && is_open(job)) {
            left.push(Left { id: job.id.clone(), why: why.clone() });
        }
    }
    Ok((chosen, left))
}

/// The commands of the plan that the keys of `--again` mean: to be issued once more without another word.
fn named_again<'s>(
    survey: &'s Survey,
    named: &[String],
    chosen: &mut Vec<Chosen<'s>>,
) -> Result<(), Failure> {
    for key in again(survey, named)? {
        let rows = survey.unknown.iter().chain(&survey.waiting);
        let Some(row) = rows.clone().find(|row| row.key == key) else { continue };
        let all =
            survey.plan.jobs.iter().flat_map(|job| job.commands.iter().map(move |command| (job, command)));
        let found: Vec<Chosen<'_>> =
            all.filter(|(job, command)| is_open(job) && command.hash == row.hash).collect();
        if found.is_empty() {
            // Some of its recipients were served since, or it was edited: what is left of it is another command.
            let rest = survey.open_jobs().filter(|job| job.tool == row.tool && job.packages == row.packages);
            let rest = rest.flat_map(|job| &job.commands).filter(|command| is_rest_of(command, row));
            let rest: Vec<&str> = rest.map(|command| command.id.as_str()).collect();
            if !rest.is_empty() && rest.iter().all(|id| chosen.iter().any(|(_, own)| own.id == *id)) {
                continue;
            }
            let id = show::one(&row.id);
            let failure = match rest[..] {
                [] => Failure::say(
                    Exit::Data,
                    format!("the logs of this period no longer show the command of {id}"),
                )
                .hint("widen the period: --since; one that was edited is issued by hand, or anew once the log says how it ended"),
                _ => Failure::say(
                    Exit::Data,
                    format!("what is left of {id} is another command than was issued"),
                )
                .hint(format!(
                    "look at it, then: --approve {} --again {}",
                    rest.join(","),
                    &row.key[..12]
                )),
            };
            return Err(failure);
        }
        for command in found {
            if !chosen.iter().any(|(_, own)| own.id == command.1.id) {
                chosen.push(command);
            }
        }
    }
    Ok(())
}

/// Whether a command goes to nobody whom the one of this row did not go to.
fn is_rest_of(command: &Rebuilt, row: &JournalRow) -> bool {
    command.recipients.iter().all(|name| row.recipients.iter().any(|(own, _)| same(own, name)))
}

/// The chosen commands without those who are set aside: each narrowed to the others of its own recipients, or left.
/// Then why commands are left, and who is set aside.
#[expect(clippy::type_complexity, reason = "commands by value, as they will be issued")]
fn narrowed(
    globals: &Globals,
    survey: &Survey,
    chosen: Vec<Chosen<'_>>,
    found: &Aside,
) -> Result<(Vec<(Job, Rebuilt)>, Vec<Left>, Vec<(String, String)>), Failure> {
    let whole = |(job, command): Chosen<'_>| (job.clone(), command.clone());
    if found.is_empty() {
        return Ok((chosen.into_iter().map(whole).collect(), Vec::new(), Vec::new()));
    }
    let plan = survey.without(globals, found)?;
    let (mut kept, mut left, mut aside) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (job, command) in chosen {
        let out: Vec<(String, String)> = command
            .recipients
            .iter()
            .filter_map(|name| Some((name.clone(), found.why(&job.packages, name)?)))
            .collect();
        if out.is_empty() {
            kept.push((job.clone(), command.clone()));
            continue;
        }
        aside.extend(out.iter().cloned());
        let same = plan.jobs.iter().find(|other| other.id == job.id);
        let rest = same.into_iter().flat_map(|job| &job.commands);
        // Nobody whom the command did not reach, and nobody who is set aside.
        let may =
            |name: &String| command.recipients.contains(name) && !out.iter().any(|(own, _)| own == name);
        let mut rest = rest.filter(|own| own.recipients.iter().all(may));
        match (rest.next(), rest.next()) {
            (Some(one), None) if one.recipients.len() + out.len() == command.recipients.len() => {
                kept.push((job.clone(), Rebuilt { id: command.id.clone(), ..one.clone() }));
            }
            (None, None) if out.len() == command.recipients.len() => {
                left.push(Left {
                    id: command.id.clone(),
                    why: "all its recipients are set aside".to_owned(),
                });
            }
            _ => {
                let why = "it could not be narrowed to the recipients that are not set aside".to_owned();
                left.push(Left { id: command.id.clone(), why });
            }
        }
    }
    Ok((kept, left, aside.into_iter().collect()))
}

/// `--approve` and `--apply`.
pub(super) fn without_a_screen(
    globals: &Globals,
    args: &Args,
    survey: &mut Survey,
    wanted: &[String],
) -> Result<Exit, Failure> {
    let pace = Pace::of(args)?;
    let (mut chosen, mut left) = chosen(survey, wanted)?;
    named_again(survey, &args.again, &mut chosen)?;
    let found = aside::look(globals, survey, check(args), chosen.iter().copied(), Vec::new())?;
    let (chosen, set_aside, aside) = narrowed(globals, survey, chosen, &found)?;
    left.extend(set_aside);
    let approved: Vec<Approved> =
        chosen.iter().map(|(job, command)| Approved::of(job, command, Vec::new())).collect();
    found.notes.iter().for_each(|note| show::tell(format_args!("autoticket: {note}")));
    (survey.aside, survey.found) = (aside, found);
    let survey = &*survey;
    if survey.is_done() && args.again.is_empty() {
        if !args.dry_run {
            nothing_left(globals, survey)?;
        }
        return super::listed::nothing(globals, survey);
    }
    if args.dry_run {
        let again = again(survey, &args.again)?;
        let refused = refusals(globals, survey, &approved, &again)?;
        return would(globals, &chosen, &refused, &left, survey);
    }
    if approved.is_empty() && args.again.is_empty() {
        return said(globals, survey, &Summary::default(), &left);
    }
    let again = again(survey, &args.again)?;
    if let Some(far) = &survey.on {
        let stop = Arc::new(Stop::default());
        super::record::stop_on_signals(&stop)?;
        let mut events = |event: &Event| {
            if !globals.json {
                follow(event);
            }
        };
        let done = far.issue(survey, &approved, &again, &pace, &stop, &mut events)?;
        done.notes.iter().for_each(|note| show::tell(format_args!("autoticket: {note}")));
        left.extend(done.refused);
        return said(globals, survey, &done.summary, &left);
    }
    let journal = open_journal(globals)?;
    let (approved, refused) = consented(globals, &journal, approved, &again)?;
    left.extend(refused);
    let stop = Arc::new(Stop::default());
    super::record::stop_on_signals(&stop)?;
    let quiet = globals.json;
    let mut events = |event: &Event| {
        if !quiet {
            follow(event);
        }
    };
    let done = issue_them(globals, &journal, survey, &approved, &pace, &stop, &mut events)?;
    done.notes.iter().for_each(|note| show::tell(format_args!("autoticket: {note}")));
    serviced(globals, &journal, survey, &done.summary)?;
    said(globals, survey, &done.summary, &left)
}

/// Keeps the consent; gives those that may be issued, and for the others the reason.
pub(super) fn consented(
    globals: &Globals,
    journal: &Journal,
    approved: Vec<Approved>,
    again: &BTreeSet<String>,
) -> Result<(Vec<Approved>, Vec<Left>), Failure> {
    let answers = journal.approve(&approved, again, &person(), globals.now()?)?;
    let (mut may, mut left) = (Vec::new(), Vec::new());
    for (approved, answer) in approved.into_iter().zip(answers) {
        match answer {
            Ok(_) => may.push(approved),
            Err(refused) => left.push(Left { id: approved.id, why: refused.to_string() }),
        }
    }
    Ok((may, left))
}

/// What issuing came to, and what the operator must know besides: whoever holds the terminal says it.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) summary: Summary,
    pub(super) notes: Vec<String>,
    /// What another machine did not approve.
    pub(super) refused: Vec<Left>,
}

/// Issues, and has what is delivered taken out of the failed distributions.
pub(super) fn issue_them(
    globals: &Globals,
    journal: &Journal,
    survey: &Survey,
    approved: &[Approved],
    pace: &Pace,
    stop: &Arc<Stop>,
    events: &mut dyn FnMut(&Event),
) -> Result<Done, Failure> {
    let clock = globals.clock()?;
    let who = person();
    let passed: Vec<(String, String)> = survey
        .rule
        .environment
        .iter()
        .filter_map(|name| Some((name.clone(), environment(name)?.to_string_lossy().into_owned())))
        .collect();
    let paths = survey.ask.log.clone();
    let logs = Logs { paths: &paths, rules: &survey.logs, format: survey.ask.format.as_deref() };
    // Names are those of the logs where there is no state.
    let store = globals.store(Access::Read).ok();
    let center = survey.center.as_ref().map(Far::text).unwrap_or_default();
    if !center.is_empty() || journal.center(&survey.server)?.is_some() {
        journal.keep_center(&survey.server, &center)?;
    }
    let summary = issue(
        journal,
        approved,
        &mut Issue {
            rule: &survey.rule,
            who: &who,
            clock: &clock,
            environment: &passed,
            waves: &pace.waves,
            max_errors: pace.max_errors,
            parallel: pace.parallel,
            stop,
            evidence: &mut |issued| logs.said(issued, store.as_ref()),
            output: &|tool, log| logs.printed(tool, log),
            events,
        },
    )?;
    drop(store);
    let mut notes = Vec::new();
    let telling = tell_center(globals, journal, None)?;
    notes.extend(telling.words());
    if let Some(failure) = &telling.trouble {
        // What was issued is written down; this can be told later.
        let why = failure.line();
        notes.push(format!("the service center was not told: {why}; redistribute sync does it later"));
    }
    Ok(Done { summary, notes, refused: Vec::new() })
}

/// Remembers that the server was serviced up to now, where nothing of it is left: the next look begins there.
pub(super) fn serviced(
    globals: &Globals,
    journal: &Journal,
    survey: &Survey,
    summary: &Summary,
) -> Result<(), Failure> {
    let left = survey.open_jobs().any(|job| {
        job.commands.is_empty() || job.commands.iter().any(|command| !summary.confirmed.contains(&command.id))
    });
    if left || !survey.aside.is_empty() || !survey.unknown.is_empty() || !survey.waiting.is_empty() {
        return Ok(());
    }
    if survey.is_whole() {
        journal.keep_servicing(&survey.server, survey.until, &person(), globals.now()?)?;
    } else if !globals.json {
        let why = survey.why_not_whole();
        show::tell(format_args!("autoticket: this servicing of {} is not remembered: {why}", survey.server));
    }
    Ok(())
}

/// The same where a look at all of it found nothing to do; a part, or a look without a state, is remembered by nobody.
/// The machine that made the plan remembers it, and did so as it made it.
pub(super) fn nothing_left(globals: &Globals, survey: &Survey) -> Result<(), Failure> {
    if survey.on.is_some() || !survey.is_whole() || !globals.state_folder().is_dir() {
        return Ok(());
    }
    let journal = open_journal(globals)?;
    serviced(globals, &journal, survey, &Summary::default())?;
    Ok(journal.close()?)
}

/// The journal of the state. Where `--state` names an empty folder by hand, it is begun there.
pub(super) fn open_journal(globals: &Globals) -> Result<Journal, Failure> {
    let folder = globals.state_folder();
    if !folder.is_dir() {
        if globals.state.is_none() {
            let text =
                format!("what is issued is written down in the state, and {} is not there", folder.display());
            return Err(Failure::say(Exit::Unavailable, text)
                .hint("autoticket init makes it; or name an empty folder: --state DIR"));
        }
        let made = fs::DirBuilder::new().mode(0o700).recursive(true).create(&folder);
        made.map_err(|e| {
            Failure::new(Exit::Io, anyhow::Error::new(e).context(format!("create {}", folder.display())))
        })?;
    }
    match journal(globals)? {
        Some(journal) => Ok(journal),
        None => Ok(Journal::open(&std::fs::canonicalize(&folder).unwrap_or(folder), globals.now()?)?),
    }
}

/// Keys that the operator named, whole or by their beginning.
pub(super) fn again(survey: &Survey, named: &[String]) -> Result<BTreeSet<String>, Failure> {
    let mut keys = BTreeSet::new();
    for word in named {
        let rows = survey.unknown.iter().chain(&survey.waiting);
        let mut fit = rows.filter(|row| word.len() >= 8 && row.key.starts_with(word.as_str()));
        match (fit.next(), fit.next()) {
            (Some(row), None) => keys.insert(row.key.clone()),
            _ => {
                let text = format!("no command whose end nobody knows has the key {}", show::one(word));
                return Err(Failure::say(Exit::Data, text).hint("redistribute journal shows them"));
            }
        };
    }
    Ok(keys)
}

/// Why commands would not be issued after all: what issuing asks before it starts one, without starting any. What
/// another machine would say is not known here.
fn refusals(
    globals: &Globals,
    survey: &Survey,
    approved: &[Approved],
    again: &BTreeSet<String>,
) -> Result<Vec<Left>, Failure> {
    if survey.on.is_some() {
        return Ok(Vec::new());
    }
    let known = match journal(globals)? {
        Some(journal) => journal.refusals(approved, again)?,
        None => Vec::new(),
    };
    let mut known = known.into_iter();
    let mut refused = Vec::new();
    for command in approved {
        let start = issue::start(command, &survey.rule, &run_command::runs);
        let start = start.and_then(|start| run_command::may_run_as(&start)).err();
        let known = known.next().flatten().map(|refused| refused.to_string());
        if let Some(why) = known.or_else(|| start.map(|refusal| refusal.to_string())) {
            refused.push(Left { id: command.id.clone(), why });
        }
    }
    Ok(refused)
}

fn would(
    globals: &Globals,
    chosen: &[(Job, Rebuilt)],
    refused: &[Left],
    left: &[Left],
    survey: &Survey,
) -> Result<Exit, Failure> {
    let aside = &survey.aside;
    let may = |command: &&Rebuilt| !refused.iter().any(|own| own.id == command.id);
    let commands: Vec<&Rebuilt> = chosen.iter().map(|(_, command)| command).filter(may).collect();
    let mut out = Out::new();
    if globals.json {
        out.json(
            "autoticket.redistribute-issued/1",
            serde_json::json!({ "dry_run": true, "would_issue": commands, "would_refuse": refused,
                "not_approved": left, "aside": aside }),
        );
    } else {
        for command in &commands {
            out.line(format!("would issue {}: {}", command.id, show::one(&shell::shown(&command.argv))));
        }
        for Left { id, why } in refused {
            out.line(format!("would not be issued: {}: {}", show::one(id), crate::shown::Shown::lines(why)));
        }
        not_approved(&mut out, left);
        set_aside(&mut out, aside);
    }
    let all = refused.is_empty() && left.is_empty() && aside.is_empty();
    Ok(if all { Exit::Done } else { Exit::Findings })
}

/// Who was not issued to: they stay failed.
fn set_aside(out: &mut Out, aside: &[(String, String)]) {
    for (name, why) in aside {
        out.line(format!("set aside, stays failed: {}: {}", show::one(name), show::one(why)));
    }
}

fn not_approved(out: &mut Out, left: &[Left]) {
    for Left { id, why } in left {
        out.line(format!("not approved: {}: {}", show::one(id), crate::shown::Shown::lines(why)));
    }
}

/// One line for what happens, while it happens.
fn follow(event: &Event) {
    match event {
        Event::Wave { number, of, commands } if *of > 1 => {
            show::tell(format_args!("wave {number} of {of}: {}", show::count(*commands as u64, "command")));
        }
        Event::Refused { id, why } => show::tell_lines(format_args!("{id}: not issued: {why}")),
        Event::Ended { id, end, log, .. } => {
            let log = log.as_ref().map(|log| format!(" ({})", log.display())).unwrap_or_default();
            show::tell(format_args!("{id}: {}{log}", end.words()));
        }
        Event::Judged { id, verdict } => {
            let words = match verdict {
                Verdict::Confirmed => "confirmed",
                Verdict::Failed(why) => why,
                Verdict::Waits => "the log does not say yet what became of it",
            };
            show::tell(format_args!("{id}: {words}"));
        }
        _ => {}
    }
}

pub(super) fn said(
    globals: &Globals,
    survey: &Survey,
    summary: &Summary,
    left: &[Left],
) -> Result<Exit, Failure> {
    let mut out = Out::new();
    let whole = summary.failed.is_empty()
        && summary.refused.is_empty()
        && summary.left.is_empty()
        && summary.waiting.is_empty()
        && left.is_empty()
        && survey.aside.is_empty();
    if globals.json {
        let stopped = match summary.stopped {
            None => serde_json::Value::Null,
            Some(Stopped::Asked) => "asked".into(),
            Some(Stopped::Errors { failed, begun }) => {
                serde_json::json!({ "failed": failed, "begun": begun })
            }
        };
        out.json(
            "autoticket.redistribute-issued/1",
            serde_json::json!({ "dry_run": false, "confirmed": summary.confirmed, "failed": summary.failed,
                "waiting": summary.waiting, "refused": summary.refused, "left": summary.left, "stopped": stopped,
                "not_approved": left, "unknown": survey.unknown, "aside": survey.aside }),
        );
        return Ok(if whole { Exit::Done } else { Exit::Findings });
    }
    for (id, why) in &summary.failed {
        out.line(format!("failed: {id}: {}", show::one(why)));
    }
    for (id, why) in &summary.refused {
        out.line(format!("not issued: {id}: {}", crate::shown::Shown::lines(why)));
    }
    not_approved(&mut out, left);
    set_aside(&mut out, &survey.aside);
    if let Some(Stopped::Errors { failed, begun }) = summary.stopped {
        out.line(format!("stopped: {failed} of {begun} commands failed"));
    }
    out.line(format!(
        "{} confirmed, {} failed, {} waiting for the manager, {} not issued",
        summary.confirmed.len(),
        summary.failed.len(),
        summary.waiting.len(),
        summary.refused.len() + summary.left.len() + left.len()
    ));
    Ok(if whole { Exit::Done } else { Exit::Findings })
}
