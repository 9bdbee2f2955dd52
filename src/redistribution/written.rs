//! The lines of one run → the run.
//!
//! In: the lines that were kept of it, each with its event and place. Out: a [`Run`]. It does not know how they were
//! found, nor other runs.

use super::command::{command, values_of, without_effect, writing_of};
use super::lacking::{Mark, mark};
use super::model::{Outcome, Place, Recipient, Run, Writing};
use super::moment::{self, Around};
use super::nodeset;
use super::planning::NEVER;
use super::reader::{Reader, Values};
use crate::alert::name::same;
use crate::rules::logs::model::{Does, Field};
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;

/// A line of a run.
pub(super) struct Line<'l> {
    pub(super) place: Place,
    pub(super) event: usize,
    pub(super) text: &'l [u8],
    pub(super) around: &'l Around,
}

/// How the lines of a run came to their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// A line says so, or its rule knows no end.
    Ended,
    /// The next run of the same key began.
    Next,
    /// The log stopped.
    Open,
}

/// A run, and whom it ran as even where its command stands elsewhere.
pub(super) struct Built {
    pub(super) run: Run,
    pub(super) user: Option<String>,
}

/// Builds the run; None where there are no lines.
pub(super) fn run<'l>(
    reader: &Reader,
    lines: impl Iterator<Item = Line<'l>>,
    ending: Ending,
) -> Option<Built> {
    let mut lines = lines.peekable();
    let first = lines.peek()?.place.clone();
    let mut writer = Writer::new(reader, first);
    for line in lines {
        if let Some(values) = reader.values(line.event, line.text) {
            writer.line(&line, &values);
        }
    }
    Some(Built { user: writer.user.clone(), run: writer.finish(ending) })
}

/// Puts a run together line by line.
struct Writer<'r> {
    reader: &'r Reader,
    run: Run,
    /// By the marks of their names.
    by_name: HashMap<Mark, Vec<usize>>,
    /// The time of the present line.
    at: Option<Timestamp>,
    /// Steps (`[72457efb]`) and the recipients they are about.
    steps: HashMap<Vec<u8>, Vec<usize>>,
    said: Option<Outcome>,
    user: Option<String>,
    directory: Option<String>,
}

impl<'r> Writer<'r> {
    fn new(reader: &'r Reader, place: Place) -> Self {
        let run = Run {
            rule: reader.rule.id.clone(),
            tool: reader.rule.tool.clone(),
            server: None,
            job: None,
            packages: Vec::new(),
            list: None,
            command: None,
            start: None,
            end: None,
            last: place.clone(),
            place,
            recipients: Vec::new(),
            outcome: Outcome::Unknown,
            why: None,
        };
        let (by_name, steps) = (HashMap::new(), HashMap::new());
        Self { reader, run, by_name, at: None, steps, said: None, user: None, directory: None }
    }

    fn line(&mut self, line: &Line<'_>, values: &Values<'_>) {
        let rule = &self.reader.rule;
        let run = &mut self.run;
        run.last = line.place.clone();
        let time = |field| moment::read(&values.text(field)?, &rule.times, &rule.months, line.around);
        self.at = time(Field::Time);
        if let Some(at) = self.at {
            run.start = run.start.or(Some(at));
            run.end = Some(at);
        }
        if let Some(at) = time(Field::Until) {
            run.end = Some(at);
        }
        let lasted = values.text(Field::Duration).and_then(|text| text.trim().parse::<f64>().ok());
        if let (Some(start), Some(lasted)) = (run.start, lasted)
            && let Ok(lasted) = SignedDuration::try_from_secs_f64(lasted)
            && let Ok(end) = start.checked_add(lasted)
        {
            run.end = Some(end);
        }
        let fill = |slot: &mut Option<String>, field| {
            if let Some(text) = values.text(field) {
                *slot = Some(text);
            }
        };
        fill(&mut run.server, Field::Server);
        fill(&mut run.job, Field::Job);
        fill(&mut run.list, Field::List);
        fill(&mut self.user, Field::User);
        fill(&mut self.directory, Field::Directory);
        if let Some(tool) = values.text(Field::Tool) {
            run.tool = tool;
        }
        let texts = values.all(Field::Package).map(String::from_utf8_lossy);
        for package in texts.flat_map(|text| text.split([',', ' ']).map(str::to_owned).collect::<Vec<_>>()) {
            if !package.is_empty() && !run.packages.contains(&package) {
                run.packages.push(package);
            }
        }
        let vector = values.get(Field::Argv).map(|bytes| (bytes, Writing::Json));
        let vector =
            vector.or_else(|| Some((values.get(Field::Command)?, writing_of(&rule.command.writing))));
        if let (Some((bytes, writing)), None) = (vector, &run.command) {
            run.command = Some(command(bytes, writing, rule, &line.place));
        }
        let does = self.reader.events[line.event].does;
        let outcome = self.reader.outcome(line.event, values);
        let cause = values
            .text(Field::Cause)
            .or_else(|| self.reader.events[line.event].cause.clone())
            .or_else(|| {
                let status = values.text(Field::Status).filter(|_| outcome != Some(Outcome::Ok))?;
                Some(format!("exit status {status}"))
            });
        match (does, outcome) {
            (Does::Recipient, Some(outcome)) => self.recipients(line, values, outcome, cause.as_deref()),
            (Does::Recipient | Does::Nothing, _) => {}
            (_, outcome) => {
                if values.get(Field::Recipient).is_some() || values.get(Field::Recipients).is_some() {
                    let outcome = outcome.unwrap_or(Outcome::Unfinished);
                    self.recipients(line, values, outcome, cause.as_deref());
                }
                self.said = outcome.or(self.said);
                self.run.why = cause.or_else(|| self.run.why.take());
            }
        }
    }

    fn recipients(&mut self, line: &Line<'_>, values: &Values<'_>, outcome: Outcome, cause: Option<&str>) {
        let step = values.get(Field::Step).map(<[u8]>::to_vec);
        let mut names: Vec<String> = values.text(Field::Recipient).into_iter().collect();
        names.extend(values.text(Field::Recipients).map(|text| unfolded(&text)).unwrap_or_default());
        let mut about: Vec<usize> = names.into_iter().map(|name| self.recipient(name, &line.place)).collect();
        match step {
            Some(step) if about.is_empty() => about = self.steps.get(&step).cloned().unwrap_or_default(),
            Some(step) => {
                self.steps.insert(step, about.clone());
            }
            None => {}
        }
        let parameters = values.text(Field::Parameters).map(|text| parameters(&text));
        for at in about {
            let recipient = &mut self.run.recipients[at];
            recipient.outcome = outcome;
            recipient.cause = cause.map(str::to_owned);
            recipient.place = line.place.clone();
            recipient.at = self.at;
            if let Some(parameters) = &parameters {
                recipient.parameters.clone_from(parameters);
            }
        }
    }

    fn recipient(&mut self, name: String, place: &Place) -> usize {
        let recipients = &mut self.run.recipients;
        let alike = self.by_name.entry(mark(name.as_bytes())).or_default();
        if let Some(at) = alike.iter().find(|at| same(&recipients[**at].name, &name)) {
            return *at;
        }
        alike.push(recipients.len());
        let (outcome, place) = (Outcome::Unknown, place.clone());
        recipients.push(Recipient { name, outcome, cause: None, parameters: Vec::new(), place, at: None });
        recipients.len() - 1
    }

    fn finish(mut self, ending: Ending) -> Run {
        let rule = &self.reader.rule;
        let mut named = Vec::new();
        let mut idle = None;
        if let Some(command) = &mut self.run.command {
            command.user = self.user.take();
            command.directory = self.directory.take();
            idle = without_effect(&command.argv, &rule.command.without_effect).map(str::to_owned);
            if self.run.list.is_none() {
                self.run.list =
                    values_of(&command.argv, &rule.command.list).first().map(|text| (*text).to_owned());
            }
            if self.run.packages.is_empty() {
                let texts = values_of(&command.argv, &rule.command.packages).into_iter();
                self.run.packages = texts.flat_map(|text| text.split(',').map(str::to_owned)).collect();
            }
            named =
                values_of(&command.argv, &rule.command.recipients).into_iter().flat_map(unfolded).collect();
        }
        let unfinished = rule.ends && ending != Ending::Ended;
        let all = self.run.recipients.iter().map(|recipient| recipient.outcome);
        let worst = worst(all);
        let told = match () {
            () if idle.is_some() => Outcome::Skipped,
            () if unfinished => Outcome::Unfinished,
            () => self.said.or(worst.map(of_the_run)).unwrap_or(if rule.ends {
                Outcome::Ok
            } else {
                Outcome::Unknown
            }),
        };
        self.run.outcome = told;
        if let Some(option) = idle {
            self.run.why = Some(format!("{option}: a run without effect"));
            self.run.recipients.iter_mut().for_each(|recipient| recipient.outcome = Outcome::Skipped);
        } else if unfinished && self.run.why.is_none() {
            let why = if ending == Ending::Next {
                "the next run began before its end"
            } else {
                "the log has no end of it"
            };
            self.run.why = Some(why.to_owned());
        }
        if self.run.recipients.is_empty() {
            named.extend(rule.recipient.clone());
        }
        // Whom the command names and no line speaks of shares the run's outcome, unless lines speak of others alone.
        let begun = !self.run.recipients.is_empty();
        let alone = !begun || matches!(told, Outcome::Unfinished | Outcome::Skipped | Outcome::Cancelled);
        let place = self.run.last.clone();
        for name in named {
            let before = self.run.recipients.len();
            let at = self.recipient(name, &place);
            if at == before {
                self.run.recipients[at].outcome = if alone { told } else { Outcome::Ok };
                let why = match told {
                    Outcome::Unfinished | Outcome::Cancelled if begun => Some(NEVER.to_owned()),
                    _ => self.run.why.clone(),
                };
                self.run.recipients[at].cause = why.filter(|_| alone && told != Outcome::Ok);
            }
        }
        self.run
    }
}

/// What the worst that a recipient met says of the run, where the run's own lines say nothing: one
/// recipient's cancellation is not the run's.
fn of_the_run(worst: Outcome) -> Outcome {
    match worst {
        Outcome::Cancelled => Outcome::Failed,
        other => other,
    }
}

/// The outcome of a run by those of its recipients: the one that asks for most.
fn worst(outcomes: impl Iterator<Item = Outcome>) -> Option<Outcome> {
    let rank = |outcome: &Outcome| match outcome {
        Outcome::Ok => 0,
        Outcome::Skipped => 1,
        Outcome::Unknown => 2,
        Outcome::Cancelled => 3,
        Outcome::Unfinished => 4,
        Outcome::Timeout => 5,
        Outcome::Unreachable => 6,
        Outcome::Failed => 7,
    };
    outcomes.max_by_key(rank)
}

/// Names in a list, node sets unfolded; what is no node set stays as it is.
pub(super) fn unfolded(text: &str) -> Vec<String> {
    let pieces = text.split_ascii_whitespace();
    pieces.flat_map(|piece| nodeset::unfold(piece).unwrap_or_else(|| vec![piece.to_owned()])).collect()
}

/// A JSON list of texts, or words between blanks.
fn parameters(text: &str) -> Vec<String> {
    let list = text.starts_with('[').then(|| serde_json::from_str(text).ok()).flatten();
    list.unwrap_or_else(|| text.split_ascii_whitespace().map(str::to_owned).collect())
}
