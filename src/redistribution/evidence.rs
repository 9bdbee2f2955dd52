//! What the distribution logs say about commands that were issued: who got it, and who did not.
//!
//! In: commands as the journal keeps them, runs that were read after they were issued. Out: per recipient what its line
//! says; nothing where none does. It does not know where logs lie, nor what is done about an answer.

use super::attempts::has_effect;
use super::engine::{Engine, Keep, Wanted};
use super::issue::{LIST, MASK, Verdict};
use super::join::{Computers, name_and_version};
use super::model::{Outcome, Recipient, Run};
use super::reader::Reader;
use crate::alert::name::same;
use jiff::Timestamp;
use std::sync::Arc;

/// A command that the manager has, or had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// Of the attempt.
    pub key: String,
    pub server: String,
    pub tool: String,
    pub packages: Vec<String>,
    /// Secrets masked; the element that names a new distribution list ends in `{list}`.
    pub argv: Vec<String>,
    pub recipients: Vec<String>,
    /// When it was taken in hand: what a log says of before is not about it.
    pub at: Timestamp,
}

/// What was said about one command: its recipients by the names that the command has for them.
pub type Said = Vec<(String, Verdict)>;

/// What the runs say about each command, in the order of the commands.
///
/// A run is that of a command where it began no earlier, of the same tool and server, and either its command is the
/// same vector, or it sends the same packages and names nobody else. Of several runs the last one that names a
/// recipient counts.
pub fn evidence(issued: &[Issued], runs: &[Run], device: &dyn Fn(&str) -> Option<String>) -> Vec<Said> {
    let named = runs.iter().flat_map(|run| run.recipients.iter().map(|recipient| recipient.name.as_str()));
    let asked = issued.iter().flat_map(|command| command.recipients.iter().map(String::as_str));
    let computers = Computers::new(named.chain(asked), device);
    issued.iter().map(|command| said(command, runs, &computers)).collect()
}

fn said(command: &Issued, runs: &[Run], computers: &Computers) -> Said {
    let own: Vec<&Run> = runs.iter().filter(|run| is_of(run, command, computers)).collect();
    let about = |name: &String| {
        let number = computers.number(name)?;
        let lines = own.iter().flat_map(|run| run.recipients.iter().map(move |recipient| (*run, recipient)));
        let about = lines.filter(|(_, recipient)| computers.number(&recipient.name) == Some(number));
        let last = about.max_by_key(|(run, recipient)| (run.start.or(run.end), &recipient.place));
        last.and_then(|(_, recipient)| verdict(recipient))
    };
    command.recipients.iter().filter_map(|name| Some((name.clone(), about(name)?))).collect()
}

/// Who failed by what a command of this tool printed, where a logfile rule reads that (clush, pdsh).
pub fn printed(readers: &[Arc<Reader>], tool: &str, text: &[u8]) -> Said {
    let of_tool = readers.iter().filter(|reader| reader.rule().tool == tool);
    let Some(reader) = of_tool.into_iter().find(|reader| reader.recognises(text).is_some()) else {
        return Said::new();
    };
    let mut engine = Engine::thorough(Arc::clone(reader), Keep::All, Wanted::default());
    engine.block(text, 1);
    let runs = engine.finish();
    let recipients = runs.iter().flat_map(|run| run.recipients);
    recipients
        .filter_map(|recipient| match verdict(&recipient)? {
            Verdict::Failed(_) => {
                let cause = recipient.cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default();
                let why = format!("{}{cause} (its own words)", recipient.outcome.word());
                Some((recipient.name, Verdict::Failed(why)))
            }
            _ => None,
        })
        .collect()
}

/// What the last word about a recipient means; nothing while it may still change.
fn verdict(recipient: &Recipient) -> Option<Verdict> {
    match recipient.outcome {
        Outcome::Ok => Some(Verdict::Confirmed),
        Outcome::Unfinished | Outcome::Unknown => None,
        outcome => {
            let cause = recipient.cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default();
            Some(Verdict::Failed(format!("{}{cause} ({})", outcome.word(), recipient.place)))
        }
    }
}

fn is_of(run: &Run, command: &Issued, computers: &Computers) -> bool {
    let began = run.start.or(run.end).map(Timestamp::as_second);
    let is_later = began.is_some_and(|began| began >= command.at.as_second());
    let is_here = run.server.as_deref().is_none_or(|server| same(server, &command.server));
    let is_candidate = is_later && is_here && run.tool == command.tool && has_effect(run);
    is_candidate && (is_same_vector(run, &command.argv) || is_same_parcel(run, command, computers))
}

/// The vector of the run is the one that was issued, but for what no log can hold: secrets, and the path of the list.
fn is_same_vector(run: &Run, argv: &[String]) -> bool {
    let Some(logged) = &run.command else { return false };
    let alike = |(own, logged): (&String, &super::model::Token)| match own.strip_suffix(LIST) {
        Some(option) => logged.text.starts_with(option),
        None => own == MASK || logged.secret || *own == logged.text,
    };
    !argv.is_empty() && logged.argv.len() == argv.len() && argv.iter().zip(&logged.argv).all(alike)
}

/// The run sends what was issued, and to nobody else.
fn is_same_parcel(run: &Run, command: &Issued, computers: &Computers) -> bool {
    let sends = |package: &String| {
        let same = |own: &String| name_and_version(own) == name_and_version(package);
        run.packages.iter().any(same)
    };
    let parcel = !command.packages.is_empty()
        && command.packages.len() == run.packages.len()
        && command.packages.iter().all(sends);
    let numbers: Vec<_> = command.recipients.iter().map(|name| computers.number(name)).collect();
    let nobody_else =
        run.recipients.iter().all(|recipient| numbers.contains(&computers.number(&recipient.name)));
    parcel && nobody_else && !run.recipients.is_empty()
}

#[cfg(test)]
mod tests;
