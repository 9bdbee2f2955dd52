//! ansible-runner's artifacts folder: one run, its command and its results in files of their own.
//!
//! In: the texts of those files. Out: a [`Run`]. It opens none of them.

use super::command::{values_of, without_effect};
use super::model::{Command, Outcome, Place, Recipient, Run, Token, Writing};
use crate::rules::logs::LogRule;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Id of runs that were read so; narrowed as the rule `ansible` says.
pub const RULE: &str = "ansible-runner";

/// One file of the folder: name as the operator would say it, and text.
#[derive(Debug, Clone)]
pub struct Text<'t> {
    pub file: Arc<str>,
    pub text: &'t str,
}

/// The files of one artifacts folder (`artifacts/ID`).
#[derive(Debug, Clone)]
pub struct Artifact<'t> {
    /// Name of the folder: the job.
    pub id: &'t str,
    /// `command`: JSON with `command` and `cwd`. Its `env` holds secrets and is not read.
    pub command: Text<'t>,
    /// `rc`, where the run ended.
    pub rc: Option<&'t str>,
    /// `status`: `successful`, `failed`, `timeout`, `canceled`.
    pub status: Option<&'t str>,
    /// The event `playbook_on_stats` among `job_events/`, the last one.
    pub stats: Option<Text<'t>>,
}

#[derive(Deserialize)]
struct Given {
    command: Vec<String>,
    cwd: Option<String>,
}

#[derive(Deserialize)]
struct Event {
    created: Option<String>,
    event_data: Stats,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Stats {
    dark: BTreeMap<String, u64>,
    failures: BTreeMap<String, u64>,
    processed: BTreeMap<String, u64>,
    ok: BTreeMap<String, u64>,
    skipped: BTreeMap<String, u64>,
}

/// Reads one folder; `rule` is the one that says what options of Ansible mean.
///
/// # Errors
/// Which file is no such JSON, and where.
pub fn run(artifact: &Artifact<'_>, rule: &LogRule) -> Result<Run, String> {
    let wrong = |text: &Text<'_>, error: serde_json::Error| format!("{}: {error}", text.file);
    let source = &artifact.command;
    let given: Given = serde_json::from_str(source.text).map_err(|error| wrong(source, error))?;
    let place = Place { file: Arc::clone(&source.file), line: 1 };
    let options = &rule.command.secret;
    let secret = |at: usize| {
        let own = |text: &String| options.iter().any(|option| text.starts_with(&format!("{option}=")));
        own(&given.command[at]) || (at > 0 && options.contains(&given.command[at - 1]))
    };
    let token = |(at, text): (usize, &String)| Token {
        text: text.clone(),
        place: Some(place.clone()),
        secret: secret(at),
    };
    let argv: Vec<Token> = given.command.iter().enumerate().map(token).collect();
    // AWX and others hand over inventories and variables in folders that are gone after the run.
    let temporary =
        argv.iter().map(|token| token.text.trim_start_matches('@')).filter(|text| text.starts_with("/tmp/"));
    let doubts = temporary.map(|text| format!("{text} was temporary and may be gone")).collect();
    let idle = without_effect(&argv, &rule.command.without_effect).map(str::to_owned);
    let packages = values_of(&argv, &rule.command.packages).into_iter().map(str::to_owned).collect();
    let text = serde_json::to_string(&given.command).unwrap_or_default();
    let command = Command {
        text,
        argv,
        writing: Writing::Json,
        doubts,
        directory: given.cwd,
        user: None,
        place: place.clone(),
    };
    let mut run = Run {
        rule: RULE.to_owned(),
        tool: rule.tool.clone(),
        server: None,
        job: Some(artifact.id.to_owned()),
        packages,
        list: None,
        command: Some(command),
        start: None,
        end: None,
        place: place.clone(),
        last: place,
        recipients: Vec::new(),
        outcome: Outcome::Unknown,
        why: None,
    };
    if let Some(stats) = &artifact.stats {
        let event: Event = serde_json::from_str(stats.text).map_err(|error| wrong(stats, error))?;
        run.last = Place { file: Arc::clone(&stats.file), line: 1 };
        run.end = event.created.and_then(|text| super::moment::utc(&text));
        run.recipients = recipients(&event.event_data, &run.last);
    }
    let (outcome, why) = ending(artifact, &run, idle);
    if outcome == Outcome::Skipped {
        run.recipients.iter_mut().for_each(|recipient| recipient.outcome = Outcome::Skipped);
    }
    (run.outcome, run.why) = (outcome, why);
    Ok(run)
}

/// Every host of the statistics once: `dark` is unreachable.
fn recipients(stats: &Stats, place: &Place) -> Vec<Recipient> {
    let maps = [&stats.processed, &stats.dark, &stats.failures, &stats.ok, &stats.skipped];
    let names: std::collections::BTreeSet<&String> = maps.iter().flat_map(|map| map.keys()).collect();
    let counted = |map: &BTreeMap<String, u64>, name: &String| map.get(name).is_some_and(|count| *count > 0);
    let recipient = |name: &String| {
        let (outcome, cause) = match () {
            () if counted(&stats.dark, name) => (Outcome::Unreachable, Some("unreachable")),
            () if counted(&stats.failures, name) => (Outcome::Failed, Some("failed tasks")),
            () => (Outcome::Ok, None),
        };
        let (name, cause) = (name.clone(), cause.map(str::to_owned));
        Recipient { name, outcome, cause, parameters: Vec::new(), place: place.clone() }
    };
    names.into_iter().map(recipient).collect()
}

/// What became of the run: without statistics and without an end of its own it is unfinished.
fn ending(artifact: &Artifact<'_>, run: &Run, idle: Option<String>) -> (Outcome, Option<String>) {
    if let Some(option) = idle {
        return (Outcome::Skipped, Some(format!("{option}: a run without effect")));
    }
    let status = artifact.status.map(str::trim);
    let said = |outcome| (outcome, status.map(str::to_owned));
    let failed = || run.recipients.iter().find(|recipient| recipient.outcome.is_undelivered());
    match (status, artifact.rc.map(str::trim)) {
        (Some("timeout"), _) => said(Outcome::Timeout),
        (Some("canceled"), _) => said(Outcome::Cancelled),
        (Some("successful"), _) | (None, Some("0")) => match failed() {
            Some(recipient) => (recipient.outcome, recipient.cause.clone()),
            None => (Outcome::Ok, None),
        },
        (Some("failed"), _) => said(Outcome::Failed),
        (_, Some(rc)) => (Outcome::Failed, Some(format!("exit status {rc}"))),
        _ => (Outcome::Unfinished, Some("no result was recorded".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::logs::{compile, embedded};

    fn read(
        command: &str,
        rc: Option<&str>,
        status: Option<&str>,
        stats: Option<&str>,
    ) -> Result<Run, String> {
        let rules = compile(&embedded()).expect("right");
        let text = |file: &str, text| Text { file: Arc::from(file), text };
        let stats = stats.map(|stats| text("job_events/9-x.json", stats));
        let artifact = Artifact { id: "7", command: text("command", command), rc, status, stats };
        run(&artifact, rules.named("ansible").expect("shipped"))
    }

    const COMMAND: &str = r#"{"command":["ansible-playbook","-i","/tmp/awx_3/inv","site one.yml"],"cwd":"/srv","env":{"TOKEN":"x"}}"#;
    const STATS: &str = r#"{"event":"playbook_on_stats","created":"2026-03-01T10:00:00.5","event_data":{"ok":{"a":3,"b":1},"dark":{"c":1},"failures":{"b":1},"processed":{"a":1,"b":1,"c":1}}}"#;

    #[test]
    fn dark_hosts_are_unreachable_and_the_vector_is_exact() {
        let run = read(COMMAND, Some("4\n"), Some("failed"), Some(STATS)).expect("right");
        let outcomes: Vec<_> = run.recipients.iter().map(|r| (r.name.as_str(), r.outcome)).collect();
        assert_eq!(outcomes, [("a", Outcome::Ok), ("b", Outcome::Failed), ("c", Outcome::Unreachable)]);
        let command = run.command.expect("given");
        assert_eq!(command.argv[3].text, "site one.yml");
        assert_eq!(command.doubts, ["/tmp/awx_3/inv was temporary and may be gone"]);
        assert_eq!((command.directory.as_deref(), run.outcome), (Some("/srv"), Outcome::Failed));
        assert_eq!(run.end.map(|end| end.to_string()).as_deref(), Some("2026-03-01T10:00:00.5Z"));
    }

    #[test]
    fn a_run_without_a_result_is_unfinished_and_a_broken_file_is_named() {
        let run = read(COMMAND, None, Some("running"), None).expect("right");
        assert_eq!((run.outcome, run.why.as_deref()), (Outcome::Unfinished, Some("no result was recorded")));
        let why = read("{", None, None, None).expect_err("broken");
        assert!(why.starts_with("command: EOF"), "{why}");
    }
}
