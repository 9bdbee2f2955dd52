//! Commands out of one log, results out of another.
//!
//! In: runs without commands, and runs that are nothing but commands (sudo, cron, shell history). Out: the former with
//! their commands, where exactly one fits. It does not know files.

use super::model::{Command, Outcome, Recipient, Run};
use super::written::unfolded;
use crate::rules::logs::LogRule;
use crate::rules::logs::model::Join;

/// How the doubt begins that it may be another run's command.
const SEVERAL: &str = "several candidates";

/// Whether this may be the command of another run: then it does not tell what was distributed.
pub fn may_be_anothers(command: &Command) -> bool {
    command.doubts.iter().any(|doubt| doubt.starts_with(SEVERAL))
}

/// Gives a run the command that fits it, and says whether one did. A rule without `join` gets none.
///
/// `user`: whom the run ran as, where its log says so ([`Runs::user`](super::engine::Runs::user)).
/// A command fits if its program is one of the rule's, it was given inside the window around the run's first line, and
/// neither user nor server speak against it. Where several fit, the one given last is taken with the doubt that says
/// so, and is never approved in bulk.
pub fn join(run: &mut Run, user: Option<&str>, rule: &LogRule, commands: &[Run]) -> bool {
    let Some(join) = rule.join.as_ref().filter(|_| run.command.is_none()) else { return false };
    let mut fitting: Vec<&Run> = commands.iter().filter(|given| fits(run, user, given, join)).collect();
    fitting.sort_by_key(|given| given.start);
    // The one given last before the run began: a later one, which clocks and buffering allow for, may be the next's.
    let before = fitting.iter().rev().find(|given| given.start.zip(run.start).is_none_or(|(a, b)| a <= b));
    let Some(taken) = before.or(fitting.first()).copied() else { return false };
    let Some(mut command) = taken.command.clone() else { return false };
    // A shell history does not say whose it is.
    command.user = command.user.or_else(|| user.map(str::to_owned));
    if fitting.len() > 1 {
        let places: Vec<_> = fitting.iter().map(|given| given.place.to_string()).collect();
        command.doubts.push(format!("{SEVERAL}: {}", places.join(", ")));
    }
    if run.server.is_none() {
        run.server.clone_from(&taken.server);
    }
    // Results without times began when their command was given, where it can have been no other: today's are not
    // yesterday's, though their lines are the same.
    if fitting.len() == 1 && run.end.is_none() {
        run.start = run.start.or(taken.start);
    }
    for name in
        super::command::values_of(&command.argv, &rule.command.recipients).into_iter().flat_map(unfolded)
    {
        if !run.recipients.iter().any(|recipient| recipient.name == name) {
            let place = command.place.clone();
            let (cause, parameters) = (None, Vec::new());
            run.recipients.push(Recipient { name, outcome: Outcome::Ok, cause, parameters, place, at: None });
        }
    }
    // Only where it cannot have been another one, with effect: what failed is not left out on a guess.
    let idle = |given: &Run| {
        let argv = given.command.as_ref().map_or(&[][..], |command| &command.argv);
        super::command::without_effect(argv, &rule.command.without_effect).map(str::to_owned)
    };
    if let Some(option) = idle(taken).filter(|_| fitting.iter().all(|given| idle(given).is_some())) {
        run.why = Some(format!("`{option}`: without effect"));
        run.outcome = Outcome::Skipped;
    }
    run.command = Some(command);
    true
}

fn fits(run: &Run, user: Option<&str>, given: &Run, join: &Join) -> bool {
    let Some(command) = &given.command else { return false };
    let program = command.argv.iter().map(|token| token.text.as_str()).find(|text| !is_wrapper(text));
    let last = program.and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    if !join.programs.iter().any(|own| own == last) {
        return false;
    }
    let in_time = match (run.start, given.start) {
        (Some(run), Some(given)) => {
            let later = run.duration_since(given).as_secs();
            (-join.after..=join.before).contains(&later)
        }
        _ => true,
    };
    let same = |a: Option<&str>, b: Option<&str>| a.zip(b).is_none_or(|(a, b)| a == b);
    in_time && same(run.server.as_deref(), given.server.as_deref()) && same(user, command.user.as_deref())
}

/// What may stand before a program without being it: a variable's assignment.
fn is_wrapper(text: &str) -> bool {
    text.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    })
}
