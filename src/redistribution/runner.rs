//! ansible-runner's artifacts folder: one run, its command and its results in files of their own.
//!
//! In: the texts of those files. Out: a [`Run`]. It opens none of them.

use super::command::{values_of, without_effect};
use super::model::{Command, Outcome, Place, Recipient, Run, Token, Writing};
use crate::rules::logs::LogRule;
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Id of runs that were read so, and what `--format` calls them.
pub const RULE: &str = "ansible-runner";
/// The logfile rule that says what options of Ansible mean, and how its commands are narrowed.
pub const OPTIONS: &str = "ansible";

/// The logfile rule by which runs of this rule are narrowed.
pub fn rule_of(rule: &str) -> &str {
    if rule == RULE { OPTIONS } else { rule }
}

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
    /// The first event among `job_events/`: when it began.
    pub first: Option<&'t str>,
    /// When the command was written, for a run that has no event.
    pub written: Option<Timestamp>,
    pub hosts: Hosts,
}

/// What events say of hosts: those of a run that ended have the word of its statistics, others their own last one.
#[derive(Debug, Clone, Default)]
pub struct Hosts {
    ended: Option<Timestamp>,
    place: Option<Place>,
    recipients: Vec<Recipient>,
    /// The statistics were among the events.
    whole: bool,
}

impl Hosts {
    /// Takes one event, the last of a run first; whether all is known with it.
    ///
    /// # Errors
    /// It is no event: what is wrong with it.
    pub fn event(&mut self, text: &Text<'_>) -> Result<bool, String> {
        let event: Event = serde_json::from_str(text.text).map_err(|error| error.to_string())?;
        let place = Place { file: Arc::clone(&text.file), line: 1 };
        if self.place.is_none() {
            self.ended = event.created.as_deref().and_then(super::moment::utc);
            self.place = Some(place.clone());
        }
        if event.event == "playbook_on_stats" {
            self.recipients = recipients(&event.event_data, &place);
            (self.whole, self.place) = (true, Some(place));
            return Ok(true);
        }
        let Some(name) = event.event_data.host.filter(|name| !name.is_empty()) else { return Ok(false) };
        let (outcome, cause) = match event.event.as_str() {
            "runner_on_unreachable" => (Outcome::Unreachable, "unreachable"),
            "runner_on_failed" if event.event_data.ignore_errors != Some(true) => {
                (Outcome::Failed, "failed tasks")
            }
            _ => (Outcome::Unfinished, "no result was recorded"),
        };
        if !self.recipients.iter().any(|recipient| recipient.name == name) {
            let (cause, parameters) = (Some(cause.to_owned()), Vec::new());
            self.recipients.push(Recipient { name, outcome, cause, parameters, place, at: None });
        }
        Ok(false)
    }
}

#[derive(Deserialize)]
struct Given {
    command: Vec<String>,
    cwd: Option<String>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    event: String,
    created: Option<String>,
    #[serde(default)]
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
    host: Option<String>,
    ignore_errors: Option<bool>,
}

/// Reads one folder; `rule` is the one that says what options of Ansible mean.
///
/// # Errors
/// Which file is no such JSON, and where.
pub fn run(artifact: &Artifact<'_>, rule: &LogRule) -> Result<Run, String> {
    let source = &artifact.command;
    let given: Given = serde_json::from_str(source.text).map_err(|error| error.to_string())?;
    if given.command.is_empty() {
        return Err("its command is empty".to_owned());
    }
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
    let first = artifact.first.and_then(|text| serde_json::from_str::<Event>(text).ok());
    let began = first.and_then(|event| super::moment::utc(&event.created?)).or(artifact.written);
    let hosts = &artifact.hosts;
    let mut run = Run {
        rule: RULE.to_owned(),
        tool: rule.tool.clone(),
        server: None,
        job: Some(artifact.id.to_owned()),
        packages,
        list: None,
        command: Some(command),
        start: began,
        end: hosts.ended.or(began),
        last: hosts.place.clone().unwrap_or_else(|| place.clone()),
        place,
        recipients: hosts.recipients.clone(),
        outcome: Outcome::Unknown,
        why: None,
    };
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
        Recipient { name, outcome, cause, parameters: Vec::new(), place: place.clone(), at: None }
    };
    names.into_iter().map(recipient).collect()
}

/// What became of the run: without an end of its own it is unfinished.
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

    fn read(command: &str, rc: Option<&str>, status: Option<&str>, events: &[&str]) -> Result<Run, String> {
        let rules = compile(&embedded()).expect("right");
        let text = |file: &str, text| Text { file: Arc::from(file), text };
        let mut hosts = Hosts::default();
        for event in events.iter().rev() {
            if hosts.event(&Text { file: Arc::from("job_events/9-x.json"), text: event })? {
                break;
            }
        }
        let command = text("command", command);
        let first = events.first().copied();
        let artifact = Artifact { id: "7", command, rc, status, first, written: None, hosts };
        run(&artifact, rules.named(OPTIONS).expect("shipped"))
    }

    const COMMAND: &str = r#"{"command":["ansible-playbook","-i","/tmp/awx_3/inv","site one.yml"],"cwd":"/srv","env":{"TOKEN":"x"}}"#;
    const START: &str = r#"{"event":"playbook_on_start","created":"2026-03-01T09:59:00","event_data":{}}"#;
    const STATS: &str = r#"{"event":"playbook_on_stats","created":"2026-03-01T10:00:00.5","event_data":{"ok":{"a":3,"b":1},"dark":{"c":1},"failures":{"b":1},"processed":{"a":1,"b":1,"c":1}}}"#;

    #[test]
    fn dark_hosts_are_unreachable_and_the_vector_is_exact() {
        let run = read(COMMAND, Some("4\n"), Some("failed"), &[START, STATS]).expect("right");
        let outcomes: Vec<_> = run.recipients.iter().map(|r| (r.name.as_str(), r.outcome)).collect();
        assert_eq!(outcomes, [("a", Outcome::Ok), ("b", Outcome::Failed), ("c", Outcome::Unreachable)]);
        let command = run.command.expect("given");
        assert_eq!(command.argv[3].text, "site one.yml");
        assert_eq!(command.doubts, ["/tmp/awx_3/inv was temporary and may be gone"]);
        assert_eq!((command.directory.as_deref(), run.outcome), (Some("/srv"), Outcome::Failed));
        assert_eq!(run.end.map(|end| end.to_string()).as_deref(), Some("2026-03-01T10:00:00.5Z"));
        assert_eq!(run.start.map(|at| at.to_string()).as_deref(), Some("2026-03-01T09:59:00Z"));
    }

    #[test]
    fn a_run_without_a_result_is_unfinished_with_the_last_word_of_each_host() {
        let run = read(COMMAND, None, Some("running"), &[]).expect("right");
        assert_eq!((run.outcome, run.why.as_deref()), (Outcome::Unfinished, Some("no result was recorded")));
        let events = [
            START,
            r#"{"event":"runner_on_ok","created":"2026-03-01T10:00:01","event_data":{"host":"a"}}"#,
            r#"{"event":"runner_on_failed","event_data":{"host":"b","ignore_errors":null}}"#,
            r#"{"event":"runner_on_failed","event_data":{"host":"d","ignore_errors":true}}"#,
            r#"{"event":"runner_on_unreachable","event_data":{"host":"c"}}"#,
        ];
        let run = read(COMMAND, None, None, &events).expect("right");
        let outcomes: Vec<_> = run.recipients.iter().map(|r| (r.name.as_str(), r.outcome)).collect();
        let unfinished = Outcome::Unfinished;
        assert_eq!(
            outcomes,
            [("c", Outcome::Unreachable), ("d", unfinished), ("b", Outcome::Failed), ("a", unfinished)]
        );
    }

    #[test]
    fn a_broken_command_is_told() {
        let why = read("{", None, None, &[]).expect_err("broken");
        assert!(why.starts_with("EOF"), "{why}");
        assert_eq!(read(r#"{"command":[]}"#, None, None, &[]).expect_err("broken"), "its command is empty");
    }
}
