//! Numbers of jobs and commands: what was called `J2.1` is called so as long as the logs and the question are the same.
//!
//! In: what became of each run, in their order. Out: the jobs that are left, with their ids. Numbers are given before what
//! is finished drops out: an id that was read in a list means the same command when it is approved.

use super::super::plan::{Job, Rebuilt};

/// What a run comes to.
pub(super) enum Found {
    /// Nothing failed in it, as far as is asked.
    Nothing,
    /// All of it arrived since; `logged`: the log tells of the failure, not records alone.
    Finished { logged: bool },
    /// Something is left.
    Left { job: Box<Job>, logged: bool },
}

/// The jobs that are left. Records are taken out once they are confirmed, and their numbers with them: jobs of which
/// the log tells no failure come last.
pub(super) fn numbered(found: Vec<Found>, alone: Vec<Job>) -> Vec<Job> {
    let (mut jobs, mut later) = (Vec::new(), Vec::new());
    let mut count = 0;
    for found in found {
        match found {
            Found::Nothing | Found::Finished { logged: false } => {}
            Found::Finished { logged: true } => count += 1,
            Found::Left { job, logged: true } => {
                count += 1;
                jobs.push(named(*job, count));
            }
            Found::Left { job, logged: false } => later.push(*job),
        }
    }
    for (job, number) in later.into_iter().chain(alone).zip(count + 1..) {
        jobs.push(named(job, number));
    }
    jobs
}

/// Names a job, and its commands by the numbers they have.
fn named(mut job: Job, number: usize) -> Job {
    job.id = format!("J{number}");
    for command in &mut job.commands {
        command.id = format!("{}.{}", job.id, command.id);
    }
    job
}

/// Numbers commands: each as the one among `all` that reaches its recipients, which are those of everybody who failed;
/// without such, in their order.
pub(super) fn number(commands: &mut [Rebuilt], all: &[Rebuilt]) {
    let place = |command: &Rebuilt| {
        let first = command.recipients.first()?;
        all.iter().position(|own| own.recipients.contains(first))
    };
    let mut places: Vec<usize> = commands.iter().filter_map(place).collect();
    places.dedup();
    if places.len() < commands.len() {
        places = (0..commands.len()).collect();
    }
    for (command, place) in commands.iter_mut().zip(places) {
        command.id = (place + 1).to_string();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redistribution::plan::Grade;

    fn command(names: &[&str]) -> Rebuilt {
        Rebuilt {
            id: String::new(),
            argv: Vec::new(),
            recipients: names.iter().map(|name| (*name).to_owned()).collect(),
            narrowing: "replace".to_owned(),
            grade: Grade::Exact,
            doubts: Vec::new(),
            hash: String::new(),
            directory: None,
            user: None,
            list_file: None,
        }
    }

    #[test]
    fn a_command_keeps_its_number_when_the_ones_before_it_are_finished() {
        let ids = |mut commands: Vec<Rebuilt>, all: &[Rebuilt]| {
            number(&mut commands, all);
            commands.into_iter().map(|command| command.id).collect::<Vec<_>>()
        };
        let all = [command(&["a", "b"]), command(&["c"]), command(&["d", "e"])];
        assert_eq!(ids(all.to_vec(), &[]), ["1", "2", "3"]);
        assert_eq!(ids(vec![command(&["b"]), command(&["e"])], &all), ["1", "3"]);
        assert_eq!(ids(vec![command(&["e"])], &all), ["3"]);
        assert_eq!(ids(vec![command(&["x"]), command(&["e"])], &all), ["1", "2"], "nobody knows x");
    }
}
