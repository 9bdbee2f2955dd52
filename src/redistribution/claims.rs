//! Samples beside logfile rules: whether a log is read as its sample claims.
//!
//! In: a [`Sample`], the rule it stands beside, every rule. Out: each difference in words, with its line in the samples
//! file. It opens no file.

use super::engine::{Engine, Keep, Runs, Wanted};
use super::model::Run;
use super::moment::Around;
use super::reader::Reader;
use super::recognise::recognise;
use crate::rules::logs::samples::{ExpectedRun, Sample};
use std::sync::Arc;

/// When the logs of samples were last written: their times without a year lie before it.
pub const WRITTEN: &str = "2026-07-01T00:00:00Z";

/// A claim that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Of the samples file.
    pub line: u32,
    pub what: String,
}

/// Every difference between what a sample claims and what was read; none: the claim holds.
///
/// `beside`: the rule of the file that the sample stands beside.
pub fn differences(sample: &Sample, beside: Option<&str>, readers: &[Arc<Reader>]) -> Vec<Difference> {
    let mut wrong = Vec::new();
    let at = sample.origin.line;
    let wanted = sample.rule.as_deref().or(beside).unwrap_or("none");
    let recognised = recognise(readers, sample.text.as_bytes());
    let found = recognised.as_ref().map_or("none", |found| found.reader.rule().id.as_str());
    // A rule that recognises nothing is used only where it is named.
    let named =
        readers.iter().find(|reader| reader.rule().id == wanted && reader.rule().recognise.is_empty());
    let reader = match (&recognised, named) {
        (_, Some(reader)) => reader,
        (Ok(recognised), None) => &recognised.reader,
        (Err(_), None) => {
            if wanted != "none" {
                wrong.push(Difference { line: at, what: format!("no rule recognises it, not {wanted}") });
            }
            return wrong;
        }
    };
    if named.is_none() && found != wanted {
        wrong.push(Difference { line: at, what: format!("rule {found} recognises it, not {wanted}") });
        return wrong;
    }
    let read = read(reader, sample.text.as_bytes());
    let runs: Vec<Run> = read.iter().collect();
    if runs.len() != sample.runs.len() {
        let lines: Vec<String> = runs.iter().map(|run| run.place.line.to_string()).collect();
        let what = format!("{} runs (lines {}), not {}", runs.len(), lines.join(", "), sample.runs.len());
        wrong.push(Difference { line: at, what });
    }
    for (run, expected) in runs.iter().zip(&sample.runs) {
        compare(run, expected, &mut wrong);
    }
    let coverage = &read.coverage;
    if coverage.not_understood() != sample.not_understood {
        let first = coverage.examples.first();
        let first = first.map(|(place, text)| format!(", first line {}: {text}", place.line));
        let what = format!(
            "{} lines are not understood, not {}{}",
            coverage.not_understood(),
            sample.not_understood,
            first.unwrap_or_default()
        );
        wrong.push(Difference { line: at, what });
    }
    wrong
}

/// All runs of a sample's text.
pub fn read(reader: &Arc<Reader>, text: &[u8]) -> Runs {
    let mut engine = Engine::thorough(Arc::clone(reader), Keep::All, Wanted::default());
    engine.file(Arc::from("log"), Around { latest: WRITTEN.parse().ok(), ..Around::default() });
    engine.block(text, 1);
    engine.finish()
}

fn said(run: &Run, key: &str) -> Option<String> {
    let command = run.command.as_ref();
    match key {
        "line" => Some(run.place.line.to_string()),
        "last" => Some(run.last.line.to_string()),
        "tool" => Some(run.tool.clone()),
        "server" => run.server.clone(),
        "job" => run.job.clone(),
        "user" => command?.user.clone(),
        "directory" => command?.directory.clone(),
        "list" => run.list.clone(),
        "start" => run.start.map(|at| at.to_string()),
        "end" => run.end.map(|at| at.to_string()),
        // The samples' reader knows no other key.
        _ => Some(run.outcome.word().to_owned()),
    }
}

fn compare(run: &Run, expected: &ExpectedRun, wrong: &mut Vec<Difference>) {
    let line = expected.origin.line;
    let mut differ = |key: &str, is: Option<&str>, wanted: &str| {
        if is != Some(wanted) {
            let is = is.map_or("absent".to_owned(), |is| format!("`{is}`"));
            wrong.push(Difference { line, what: format!("{key} is {is}, not `{wanted}`") });
        }
    };
    for (key, wanted) in &expected.texts {
        differ(key, said(run, key).as_deref(), wanted);
    }
    let command = run.command.as_ref();
    for (key, wanted) in &expected.lists {
        let found: Option<Vec<String>> = match key.as_str() {
            "argv" => command.map(|own| own.argv.iter().map(|token| token.text.clone()).collect()),
            "doubts" => command.map(|own| own.doubts.clone()),
            _ => Some(run.packages.clone()),
        };
        differ(key, found.map(|found| list(&found)).as_deref(), &list(wanted));
    }
    let Some(recipients) = &expected.recipients else { return };
    let names: Vec<String> = run.recipients.iter().map(|recipient| recipient.name.clone()).collect();
    if names.len() != recipients.len() {
        differ("the number of recipients", Some(&names.len().to_string()), &recipients.len().to_string());
    }
    for (found, wanted) in run.recipients.iter().zip(recipients) {
        for (key, wanted) in wanted {
            let is = match key.as_str() {
                "name" => found.name.clone(),
                "outcome" => found.outcome.word().to_owned(),
                "cause" => found.cause.clone().unwrap_or_default(),
                "parameters" => found.parameters.join(" "),
                _ => found.place.line.to_string(),
            };
            differ(&format!("{key} of recipient {}", found.name), Some(&is), wanted);
        }
    }
}

fn list(texts: &[String]) -> String {
    serde_json::to_string(texts).unwrap_or_default()
}
