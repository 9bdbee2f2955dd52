//! Genuine logs of other people, where a copy of them stands beside the project.

use super::engine::Keep;
use super::model::{Outcome, Run};
use super::recognise::recognise;
use super::samples::{read, readers};
use std::fs;
use std::path::Path;

/// The runs of a log, the rule that read it, and how many lines it did not understand.
fn runs(name: &str) -> Option<(String, Vec<Run>, u64)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/log").join(name);
    let Ok(bytes) = fs::read(&path) else {
        // Said by the harness with --show-output; without the corpus there is nothing to claim.
        return None;
    };
    let recognised = recognise(&readers(), &bytes).unwrap_or_else(|why| panic!("{name}: {why}"));
    let found = read(&recognised.reader, &bytes, Keep::All, true);
    let lost = found.coverage.not_understood();
    Some((recognised.reader.rule().id.clone(), found.iter().collect(), lost))
}

fn outcomes(runs: &[Run], wanted: Outcome) -> usize {
    runs.iter().filter(|run| run.outcome == wanted).count()
}

fn text(run: &Run) -> &str {
    run.command.as_ref().map_or("", |command| &command.text)
}

#[test]
fn ansible_1_has_19_runs_with_commands_of_which_18_have_no_effect_and_none_is_left() {
    let Some((rule, runs, lost)) = runs("ansible1-cscfi.log") else { return };
    let commands: Vec<_> = runs.iter().filter(|run| run.command.is_some()).collect();
    assert_eq!((rule.as_str(), commands.len(), lost), ("ansible1", 19, 0));
    assert_eq!(outcomes(&runs, Outcome::Skipped), 18);
    let real: Vec<_> = commands.iter().filter(|run| run.outcome != Outcome::Skipped).collect();
    assert_eq!(text(real[0]), "/usr/local/bin/ansible-playbook setup.yml -i inventory_file");
    assert_eq!(real[0].outcome, Outcome::Ok, "{:?}", real[0].recipients);
    assert_eq!(real[0].recipients[0].name, "127.0.0.1");
}

#[test]
fn capistrano_has_10_runs_of_which_five_are_unfinished_and_no_probe_is_a_failure() {
    let Some((rule, runs, lost)) = runs("capistrano-joutes.log") else { return };
    assert_eq!((rule.as_str(), runs.len(), lost), ("capistrano", 10, 0));
    assert_eq!(outcomes(&runs, Outcome::Unfinished), 5);
    assert_eq!((outcomes(&runs, Outcome::Ok), outcomes(&runs, Outcome::Failed)), (4, 0));
    // `cap production deplox`: a task that does not exist; nothing was begun.
    assert_eq!((runs[0].outcome, text(&runs[0])), (Outcome::Unknown, "cap production deplox"));
    for run in &runs[1..] {
        assert_eq!(text(run), "cap production deploy");
        let names: Vec<_> = run.recipients.iter().map(|recipient| recipient.name.as_str()).collect();
        assert_eq!(names, ["joutes.mycpnv.ch"]);
    }
}

#[test]
fn apt_has_every_transaction_and_one_failed() {
    let Some((rule, runs, lost)) = runs("plaso-apt_history.log") else { return };
    assert_eq!((rule.as_str(), runs.len(), lost), ("apt", 10, 0));
    let failed: Vec<_> = runs.iter().filter(|run| run.outcome != Outcome::Ok).map(text).collect();
    assert_eq!(failed, ["apt-get install -y docker-ce docker-ce-cli containerd.io"]);
}

#[test]
fn cron_and_zsh_give_commands_to_join() {
    let Some((rule, runs_of_cron, lost)) = runs("plaso-syslog_cron.log") else { return };
    assert_eq!((rule.as_str(), runs_of_cron.len(), lost), ("cron", 9, 0));
    assert_eq!(text(&runs_of_cron[8]), "/sbin/status.mycheck");
    let Some((rule, runs, lost)) = runs("plaso-zsh_extended_history.txt") else { return };
    assert_eq!((rule.as_str(), lost), ("zsh-history", 0));
    let texts: Vec<_> = runs.iter().map(text).collect();
    assert_eq!(
        texts,
        ["cd plaso", "ls", "echo dfgdfg \\\\\n& touch /tmp/afile", "PYTHONPATH=. ./runtests.py"]
    );
}
