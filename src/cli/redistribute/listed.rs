//! What is left to redistribute, for people and for programs.

use super::super::show::{self, Out, Table};
use super::super::{Exit, Failure, Globals};
use super::surveyed::{Survey, is_open};
use crate::redistribution::plan::{Grade, Job};
use crate::redistribution::shell;
use crate::store::journal::JournalRow;
use std::collections::BTreeMap;

/// Lists it; exit status 1 where something is left.
pub(super) fn list(globals: &Globals, survey: &Survey) -> Result<Exit, Failure> {
    let mut out = Out::new();
    if globals.json {
        json(&mut out, survey);
    } else {
        text(&mut out, survey);
    }
    Ok(if survey.is_done() && survey.is_sound() { Exit::Done } else { Exit::Findings })
}

/// Nothing is left: said, with what was looked at.
pub(super) fn nothing(globals: &Globals, survey: &Survey) -> Result<Exit, Failure> {
    let mut out = Out::new();
    if globals.json {
        json(&mut out, survey);
    } else {
        head(&mut out, survey);
        let found = if survey.is_sound() { "" } else { ", as far as could be read" };
        out.line(format!("nothing is left to redistribute{found}"));
        notes(&mut out, survey);
    }
    Ok(if survey.is_sound() { Exit::Done } else { Exit::Findings })
}

fn json(out: &mut Out, survey: &Survey) {
    let coverage = &survey.gathered.coverage;
    let plan = &survey.plan;
    out.json(
        "autoticket.redistribute/1",
        serde_json::json!({ "server": plan.server, "since": plan.since, "until": plan.until, "period": survey.period,
            "jobs": plan.jobs, "notes": plan.notes, "unknown": survey.unknown, "waiting": survey.waiting,
            "damage": survey.damage, "formats": survey.gathered.formats, "coverage": coverage, "read": survey.gathered.report }),
    );
}

fn head(out: &mut Out, survey: &Survey) {
    let (server, until) = (show::one(&survey.server), show::time(survey.until));
    out.line(format!("server {server}, {}, until {until}", survey.period));
    let report = &survey.gathered.report;
    let files = report.files.iter().filter(|file| file.read > 0).count() as u64;
    out.line(format!(
        "read {} in {}, {} skipped",
        bytes(report.bytes_read),
        show::count(files, "file"),
        bytes(report.bytes_skipped)
    ));
}

fn bytes(count: u64) -> String {
    match count {
        0..10_000 => show::count(count, "byte"),
        10_000..10_000_000 => format!("{} kB", count / 1_000),
        _ => format!("{} MB", count / 1_000_000),
    }
}

/// What the operator must know of the reading.
pub(super) fn notes(out: &mut Out, survey: &Survey) {
    for note in &survey.plan.notes {
        out.line(format!("note: {}", show::one(note)));
    }
    if let Some(damage) = &survey.damage {
        out.line(format!("DAMAGE: what was issued before is not known: {}", show::one(damage)));
    }
}

fn text(out: &mut Out, survey: &Survey) {
    head(out, survey);
    for row in &survey.unknown {
        out.line(format!("unknown: {}", unknown(row)));
    }
    for row in &survey.waiting {
        out.line(format!("waiting: {}", waiting(row)));
    }
    let mut by_cause: BTreeMap<&str, Vec<&Job>> = BTreeMap::new();
    for job in &survey.plan.jobs {
        if is_open(job) || job.folded.is_some() {
            by_cause.entry(&job.cause).or_default().push(job);
        }
    }
    for (cause, jobs) in &by_cause {
        let open: Vec<&&Job> = jobs.iter().filter(|job| is_open(job)).collect();
        let recipients: usize = open.iter().map(|job| job.recipients.failed.len()).sum();
        out.line("");
        out.line(format!(
            "{}: {}, {}",
            show::one(cause),
            show::count(open.len() as u64, "job"),
            show::count(recipients as u64, "recipient")
        ));
        let mut table = Table::new(&["ID", "PACKAGES", "RECIPIENTS", "GRADE", "COMMAND"]);
        for job in jobs {
            rows(&mut table, job);
        }
        out.table(&table);
    }
    let (mut open, mut recipients) = (0, 0);
    for job in survey.open_jobs() {
        open += 1;
        recipients += job.recipients.failed.len() as u64;
    }
    out.line("");
    out.line(format!("{}, {} left", show::count(open, "job"), show::count(recipients, "recipient")));
    for (name, why) in &survey.aside {
        out.line(format!("set aside: {}: {}", show::one(name), show::one(why)));
    }
    notes(out, survey);
}

fn rows(table: &mut Table, job: &Job) {
    let packages = if job.packages.is_empty() { "-".to_owned() } else { show::one(&job.packages.join(" ")) };
    let names: Vec<String> = job
        .recipients
        .failed
        .iter()
        .map(|recipient| format!("{} ({})", show::one(&recipient.name), recipient.outcome.word()))
        .collect();
    if let Some(newer) = &job.folded {
        table.row([job.id.clone(), packages, some(&names), "folded".into(), show::one(newer)]);
    } else if let Some(why) = &job.refused {
        table.row([job.id.clone(), packages, some(&names), "refused".into(), show::one(why)]);
    } else if job.commands.is_empty() {
        let out = job.recipients.aside.first().map(|(_, why)| show::one(why)).unwrap_or_default();
        table.row([job.id.clone(), packages, some(&names), "aside".into(), out]);
    } else {
        for command in &job.commands {
            let grade = if command.grade == Grade::Ambiguous || job.blocked.is_empty() {
                command.grade.word().to_owned()
            } else {
                "blocked".to_owned()
            };
            let doubts: Vec<&str> = command.doubts.iter().chain(&job.blocked).map(String::as_str).collect();
            let line = show::one(&shell::shown(&command.argv));
            let line =
                if doubts.is_empty() { line } else { format!("{line}  [{}]", show::one(&doubts.join("; "))) };
            let names: Vec<String> = command.recipients.iter().map(|name| show::one(name)).collect();
            table.row([command.id.clone(), packages.clone(), some(&names), grade, line]);
        }
    }
}

/// The first of many names: `--json` has all of them.
fn some(names: &[String]) -> String {
    const MOST: usize = 8;
    let first = names.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => "-".to_owned(),
        1..=MOST => first,
        more => format!("{first} and {} more", more - MOST),
    }
}

/// A command that its manager has, in words.
fn waiting(row: &JournalRow) -> String {
    let names: Vec<String> = row.recipients.iter().map(|(name, _)| name.clone()).collect();
    format!(
        "{} for {} was issued by {} at {}, and the log does not say yet what became of it",
        show::one(&row.id),
        show::one(&some(&names)),
        show::one(&row.who),
        show::time(row.at)
    )
}

/// A command of an earlier session, in words.
pub(super) fn unknown(row: &JournalRow) -> String {
    let names: Vec<&str> = row.recipients.iter().map(|(name, _)| name.as_str()).collect();
    format!(
        "{} for {} was begun by {} at {}, and nobody knows how it ended: find out, then --again {}",
        show::one(&row.id),
        show::one(&names.join(", ")),
        show::one(&row.who),
        show::time(row.at),
        row.key.get(..12).unwrap_or(&row.key)
    )
}
