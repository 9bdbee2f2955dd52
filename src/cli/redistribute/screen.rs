//! The approval screen at work: what it asks for is done here.
//!
//! In: a survey, the messages of the screen. Out: what was issued. The screen itself draws and returns messages only.

use super::super::world::environment;
use super::super::{Exit, Failure, Globals, show};
use super::Args;
use super::approve::{Done, Left, Pace, consented, issue_them, open_journal, said, serviced};
use super::edited::{edit, edits};
use super::surveyed::Survey;
use crate::redistribution::issue::{Approved, End, Verdict};
use crate::redistribution::model::Token;
use crate::redistribution::plan::Job;
use crate::redistribution::run_command::Stop;
use crate::service::redistribute::{Event, Progress};
use crate::store::journal::JournalRow;
use crate::tui::terminal::{Terminal, TerminalError};
use crate::tui::{self, Ending, Message, Model, Running, State, Theme, UnknownCommand};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Said once the terminal is given back while commands run.
const ENDING: &str = "what runs is seen to its end, nothing else is started; once more ends what runs";
/// How long the screen waits for a key before it looks for news.
const PATIENCE: Duration = Duration::from_millis(200);

/// Shows the plan and does what the operator asks.
pub(super) fn approve(globals: &Globals, args: &Args, survey: Survey) -> Result<Exit, Failure> {
    let pace = Pace::of(args)?;
    let theme = theme();
    let mut model = Model::new(survey.plan.clone(), earlier(&survey).map(unknown).collect(), theme);
    let mut terminal = Terminal::open(theme).map_err(|error| match error {
        TerminalError::None(_) => Failure::new(Exit::Usage, error),
        TerminalError::Io(_) => Failure::new(Exit::Io, error),
    })?;
    let mut all = Done::default();
    let ended = loop {
        let mut end = None;
        for message in terminal.turn(&mut model, PATIENCE) {
            match message {
                Message::Edit { id, argv } => match edit(&survey, &model, &id, &argv) {
                    Ok(built) => {
                        model.rebuilt(built);
                    }
                    Err(why) => model.refuse(&id, &why),
                },
                Message::Approve(commands) => {
                    let approved = approved(&survey, &model, &commands);
                    end = issue(
                        globals,
                        &survey,
                        &pace,
                        &mut terminal,
                        &mut model,
                        approved,
                        &BTreeSet::new(),
                        &mut all,
                    )?;
                }
                Message::Reissue(command) => {
                    let row = earlier(&survey).find(|row| row.hash == command.hash);
                    let found = survey.plan.jobs.iter().find_map(|job| {
                        let built = job.commands.iter().find(|built| built.hash == command.hash)?;
                        Some(Approved::of(job, built, Vec::new()))
                    });
                    match (row, found) {
                        (Some(row), Some(approved)) => {
                            let keys = BTreeSet::from([row.key.clone()]);
                            end = issue(
                                globals,
                                &survey,
                                &pace,
                                &mut terminal,
                                &mut model,
                                vec![approved],
                                &keys,
                                &mut all,
                            )?;
                        }
                        _ => model.say("the logs of this period no longer show that command: widen --since"),
                    }
                }
                Message::Quit | Message::HungUp | Message::Terminated(_) => end = Some(message),
                Message::Reject(_)
                | Message::Readmit(_)
                | Message::Stop(_)
                | Message::Redraw
                | Message::Suspend => {}
            }
            if end.is_some() {
                break;
            }
        }
        if let Some(end) = end {
            break end;
        }
    };
    drop(terminal);
    match ended {
        Message::Quit => {
            all.notes.iter().for_each(|note| show::tell(format_args!("autoticket: {note}")));
            // Elsewhere that is remembered elsewhere.
            if !all.summary.confirmed.is_empty() && survey.on.is_none() {
                serviced(globals, &open_journal(globals)?, &survey, &all.summary)?;
            }
            let left = open_commands(&survey, &all.summary.confirmed);
            if left > 0 {
                let many = show::count(left as u64, "command");
                show::tell(format_args!("{many} of the plan left: redistribute shows what failed again"));
            }
            let exit = said(globals, &survey, &all.summary, &[])?;
            Ok(if left > 0 { Exit::Findings } else { exit })
        }
        // Nobody is there to be told.
        _ => Ok(Exit::Findings),
    }
}

/// What of the plan is not confirmed: commands, and jobs and earlier commands that have none.
fn open_commands(survey: &Survey, confirmed: &[String]) -> usize {
    let of_job = |job: &Job| match job.commands.len() {
        0 => 1,
        _ => job.commands.iter().filter(|command| !confirmed.contains(&command.id)).count(),
    };
    // Those that the plan has as well are counted there.
    let earlier = earlier(survey).filter(|row| {
        let open = survey.open_jobs().flat_map(|job| &job.commands).find(|own| own.hash == row.hash);
        open.is_none()
    });
    survey.open_jobs().map(of_job).sum::<usize>() + earlier.count()
}

fn theme() -> Theme {
    let set = |name: &str| environment(name).map(|value| value.to_string_lossy().into_owned());
    let dumb = set("TERM").is_none_or(|term| term == "dumb");
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| set(name)).unwrap_or_default();
    let locale = locale.to_lowercase();
    Theme {
        colour: set("NO_COLOR").is_none() && !dumb,
        unicode: locale.contains("utf-8") || locale.contains("utf8"),
    }
}

/// Commands of earlier sessions without a result: first those that nobody knows the end of, then those that their
/// manager has.
fn earlier(survey: &Survey) -> impl Iterator<Item = &JournalRow> {
    let known = |row: &&JournalRow| survey.unknown.iter().all(|other| other.key != row.key);
    survey.unknown.iter().chain(survey.waiting.iter().filter(known))
}

fn unknown(row: &JournalRow) -> UnknownCommand {
    UnknownCommand {
        id: row.id.clone(),
        server: row.server.clone(),
        hash: row.hash.clone(),
        argv: row.argv.iter().map(|text| Token { text: text.clone(), place: None, secret: false }).collect(),
        recipients: row.recipients.iter().map(|(name, _)| name.clone()).collect(),
        since: Some(row.at),
        operator: Some(row.who.clone()),
        key: row.key.get(..12).unwrap_or(&row.key).to_owned(),
        end: row.end.as_ref().map(End::words),
    }
}

/// The commands as they were shown: by id and hash, from what the screen drew.
fn approved(survey: &Survey, model: &Model, commands: &[tui::Approved]) -> Vec<Approved> {
    commands
        .iter()
        .filter_map(|command| {
            let (job, original) = survey.job_of(&command.id)?;
            let shown = model.command(&command.id).filter(|shown| shown.hash == command.hash)?;
            Some(Approved::of(job, shown, edits(&original.argv, &shown.argv)))
        })
        .collect()
}

/// From the thread that issues.
enum News {
    Event(Event),
    Done(Box<Result<Done, Failure>>),
}

/// Issues with the screen showing how it goes; gives the message that ends everything, if one came.
#[expect(clippy::too_many_arguments, reason = "all that a screen at work holds")]
fn issue(
    globals: &Globals,
    survey: &Survey,
    pace: &Pace,
    terminal: &mut Terminal,
    model: &mut Model,
    approved: Vec<Approved>,
    again: &BTreeSet<String>,
    all: &mut Done,
) -> Result<Option<Message>, Failure> {
    let stop = Arc::new(Stop::default());
    let (to, from) = mpsc::channel();
    let (may, mut refused) = match &survey.on {
        // It says so itself.
        Some(_) => (approved, Vec::new()),
        None => {
            let journal = open_journal(globals)?;
            let answer = consented(globals, &journal, approved, again)?;
            journal.close()?;
            answer
        }
    };
    if may.is_empty() {
        // Whole, however long: a refusal says what to do.
        let next = refused.iter().map(Left::words).collect();
        let open = model.open();
        open_again(model, refused.iter().map(|left| &left.id));
        model.ended(Ending { next, open, ..Ending::default() });
        return Ok(None);
    }
    let names: HashMap<String, Vec<String>> = may
        .iter()
        .map(|command| {
            (command.id.clone(), command.recipients.iter().map(|(name, _)| name.clone()).collect())
        })
        .collect();
    let (mut ended, mut result): (_, Option<Box<Result<Done, Failure>>>) = (None, None);
    std::thread::scope(|scope| {
        let (stop_inside, may) = (Arc::clone(&stop), &may);
        scope.spawn(move || {
            // A journal of this thread's own: a connection belongs to one.
            let events = &mut |event: &Event| {
                let _ = to.send(News::Event(event.clone()));
            };
            if let Some(far) = &survey.on {
                let done = far.issue(survey, may, again, pace, &stop_inside, events);
                let _ = to.send(News::Done(Box::new(done)));
                return;
            }
            let done = open_journal(globals).and_then(|journal| {
                let done = issue_them(globals, &journal, survey, may, pace, &stop_inside, events)?;
                journal.close()?;
                Ok(done)
            });
            let _ = to.send(News::Done(Box::new(done)));
        });
        let reached = may.iter().map(|command| command.recipients.len()).collect();
        let mut shown = Shown::new(names, reached, survey.aside.len());
        while result.is_none() {
            if ended.is_some() {
                // Nobody watches: wait for the end, which also comes where the thread is gone.
                match from.recv_timeout(PATIENCE) {
                    Ok(News::Done(done)) => result = Some(done),
                    Ok(News::Event(_)) | Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
                if terminal.is_asked_to_end() {
                    stop.kill();
                }
                continue;
            }
            result = shown.take(&from, model);
            model.progress(shown.progress.clone());
            for message in terminal.turn(model, PATIENCE) {
                match message {
                    Message::Stop(tui::Stop::Finish) => {
                        stop.finish();
                        shown.progress.stopping = Some(tui::Stop::Finish);
                    }
                    Message::Stop(tui::Stop::Kill) => {
                        stop.kill();
                        shown.progress.stopping = Some(tui::Stop::Kill);
                    }
                    // Nobody watches any more: what runs is seen to its end, nothing more is started.
                    Message::HungUp | Message::Terminated(_) | Message::Quit => {
                        stop.finish();
                        terminal.leave();
                        show::tell(ENDING);
                        ended = Some(message);
                    }
                    _ => {}
                }
            }
        }
        if let Some(Ok(done)) = result.as_deref_mut() {
            refused.append(&mut done.refused);
        }
        let mut ending = shown.ending(&refused.iter().map(|left| left.words()).collect::<Vec<_>>());
        ending.open = model.open();
        let summary = result.as_deref().and_then(|done| done.as_ref().ok()).map(|done| &done.summary);
        let not_run = summary.into_iter().flat_map(|of| of.refused.iter().map(|(id, _)| id).chain(&of.left));
        open_again(model, not_run.chain(refused.iter().map(|left| &left.id)));
        model.ended(ending);
    });
    let Done { summary, notes, .. } = match result {
        Some(result) => (*result)?,
        None => Done::default(),
    };
    all.notes.extend(notes);
    let all = &mut all.summary;
    all.confirmed.extend(summary.confirmed);
    all.failed.extend(summary.failed);
    all.waiting.extend(summary.waiting);
    all.refused.extend(summary.refused);
    all.left.extend(summary.left);
    all.stopped = summary.stopped.or(all.stopped);
    Ok(ended)
}

/// Nothing ran of these: they can be approved again in this session.
fn open_again<'i>(model: &mut Model, ids: impl Iterator<Item = &'i String>) {
    ids.for_each(|id| {
        model.set_state(id, State::Open);
    });
}

/// How the issue goes, as the screen shows it.
struct Shown {
    progress: tui::Progress,
    names: HashMap<String, Vec<String>>,
    /// Recipients of each command that no wave has reached yet, in their order.
    to_come: VecDeque<usize>,
    begun: Instant,
    starts: HashMap<String, Instant>,
    confirmed: usize,
    not_started: usize,
    notes: Vec<String>,
    /// Recipients that were set aside before.
    aside: usize,
}

impl Shown {
    #[expect(clippy::disallowed_methods, reason = "the screen shows how long it takes")]
    fn new(names: HashMap<String, Vec<String>>, to_come: VecDeque<usize>, aside: usize) -> Self {
        let progress = tui::Progress { total: names.len(), aside, ..tui::Progress::default() };
        let begun = Instant::now();
        Self {
            progress,
            names,
            to_come,
            begun,
            starts: HashMap::new(),
            confirmed: 0,
            not_started: 0,
            notes: Vec::new(),
            aside,
        }
    }

    /// Takes in what is new; the result, once there is one.
    fn take(&mut self, from: &Receiver<News>, model: &mut Model) -> Option<Box<Result<Done, Failure>>> {
        let mut result = None;
        for news in from.try_iter() {
            match news {
                News::Event(event) => self.event(event, model),
                News::Done(done) => {
                    if let Ok(done) = &*done {
                        self.not_started = done.summary.left.len();
                        self.notes.clone_from(&done.notes);
                    }
                    result = Some(done);
                }
            }
        }
        self.progress.elapsed = self.begun.elapsed();
        for running in &mut self.progress.running {
            running.since = self.starts.get(&running.id).map(Instant::elapsed).unwrap_or_default();
        }
        result
    }

    #[expect(clippy::disallowed_methods, reason = "the screen shows how long it takes")]
    fn event(&mut self, event: Event, model: &mut Model) {
        let count = |names: &HashMap<String, Vec<String>>, id: &str| names.get(id).map_or(0, Vec::len);
        match event {
            Event::Wave { number, of, commands } => {
                let recipients = self.to_come.drain(..commands.min(self.to_come.len())).sum();
                self.progress.wave = Some(tui::Wave { number, of, recipients });
            }
            Event::Started { id, .. } => {
                self.starts.insert(id.clone(), Instant::now());
                let recipients = self.names.get(&id).map(|names| names.join(", ")).unwrap_or_default();
                self.progress.running.push(Running { id, recipients, since: Duration::ZERO });
            }
            Event::Refused { id, why } => {
                let recipients = count(&self.names, &id);
                self.progress.failed.push(tui::Failure { id, recipients, line: why });
            }
            Event::Ended { id, end, verdict, .. } => {
                self.progress.running.retain(|running| running.id != id);
                let line = format!("{}: the manager has it", end.words());
                self.became(id, verdict, line, model);
            }
            Event::Judged { id, verdict } => {
                self.progress.unknown.retain(|one| one.id != id);
                let line = "the log does not say yet what became of it".to_owned();
                self.became(id, verdict, line, model);
            }
            Event::Progress(Progress { time_left, .. }) => self.progress.left = time_left,
        }
    }

    /// What became of a command; `waits` is said where nobody knows.
    fn became(&mut self, id: String, verdict: Verdict, waits: String, model: &mut Model) {
        let recipients = self.names.get(&id).map_or(0, Vec::len);
        let state = match verdict {
            Verdict::Confirmed => {
                self.progress.confirmed += 1;
                self.confirmed += recipients;
                State::Confirmed
            }
            Verdict::Failed(line) => {
                self.progress.failed.push(tui::Failure { id: id.clone(), recipients, line });
                State::Failed
            }
            Verdict::Waits => {
                self.progress.unknown.push(tui::Failure { id: id.clone(), recipients, line: waits });
                State::Unknown
            }
        };
        model.set_state(&id, state);
    }

    fn ending(&self, refused: &[String]) -> Ending {
        let mut next = refused.to_vec();
        next.extend(self.notes.iter().cloned());
        if !self.progress.failed.is_empty() {
            next.push("what failed is found again at the next start".to_owned());
        }
        Ending {
            confirmed: self.progress.confirmed,
            recipients_confirmed: self.confirmed,
            failed: self.progress.failed.clone(),
            unknown: self.progress.unknown.clone(),
            not_started: self.not_started,
            aside: self.aside,
            open: 0,
            elapsed: self.progress.elapsed,
            next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_is_counted_in_recipients() {
        let names = HashMap::from([("J1.1".to_owned(), vec!["a".into(), "b".into()])]);
        let mut shown = Shown::new(names, VecDeque::from([2, 5, 1]), 0);
        let plan = crate::redistribution::plan::Plan {
            schema: crate::redistribution::plan::SCHEMA,
            server: String::new(),
            since: None,
            until: None,
            jobs: Vec::new(),
            notes: Vec::new(),
        };
        let mut model = Model::new(plan, Vec::new(), Theme { colour: false, unicode: false });
        for (number, commands, recipients) in [(1, 1, 2), (2, 2, 6)] {
            shown.event(Event::Wave { number, of: 2, commands }, &mut model);
            assert_eq!(shown.progress.wave.map(|wave| wave.recipients), Some(recipients));
        }
    }
}
