//! Search: the next row that holds the words looked for.
//!
//! In: the model and a text. Out: a row. It does not know how the list is drawn.

use super::model::{At, Model};
use super::rows::Row;

/// The first command or job after the cursor (before it, if `back`) that holds the text, also where it is folded
/// away; around the end if need be. Case of ASCII letters does not count.
pub(super) fn next(model: &Model, text: &str, back: bool) -> Option<Row> {
    if text.is_empty() {
        return None;
    }
    let order: Vec<usize> = model.groups.iter().flat_map(|group| group.jobs.iter().copied()).collect();
    let (start, from_group) = match model.row() {
        Some(Row::Job(j) | Row::Command(j, _)) => (order.iter().position(|o| *o == j)?, false),
        Some(Row::Group(g)) => (model.groups[..g].iter().map(|group| group.jobs.len()).sum(), true),
        Some(Row::Notes) | None => (0, true),
    };
    let jobs = order.len();
    let steps = 0..jobs;
    let first = usize::from(!from_group || back);
    let found = steps.map(|step| if back { start + 2 * jobs - first - step } else { start + first + step });
    let job = found.map(|at| order[at % jobs]).find(|j| holds(model, *j, text))?;
    Some(Row::Job(job))
}

fn holds(model: &Model, j: usize, text: &str) -> bool {
    let entry = &model.entries[j];
    let job = &entry.job;
    let has = |field: &str| contains(field, text);
    let maybe = |field: &Option<String>| field.as_deref().is_some_and(has);
    has(&job.id)
        || has(&job.tool)
        || has(&job.rule)
        || has(&job.cause)
        || maybe(&job.job)
        || maybe(&job.list)
        || maybe(&job.original)
        || job.packages.iter().any(|package| has(package))
        || job.recipients.failed.iter().any(|r| has(&r.name) || maybe(&r.cause))
        || (0..entry.commands.len()).any(|c| command_holds(model, (j, c), text))
}

fn command_holds(model: &Model, at: At, text: &str) -> bool {
    let built = &model.at(at).built;
    // Secrets cannot be found: a match would tell them.
    contains(&built.id, text) || built.argv.iter().any(|token| !token.secret && contains(&token.text, text))
}

fn contains(field: &str, text: &str) -> bool {
    let (field, text) = (field.as_bytes(), text.as_bytes());
    let Some(first) = text.first() else { return true };
    let Some(last) = field.len().checked_sub(text.len()) else { return false };
    let starts =
        memchr::memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), &field[..=last]);
    starts.into_iter().any(|at| field[at..at + text.len()].eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::contains;

    #[test]
    fn case_of_ascii_letters_does_not_count() {
        assert!(contains("Connection REFUSED", "refused") && contains("a", "A") && contains("a", ""));
        assert!(!contains("a", "ab") && !contains("refuse", "refused"));
    }
}
