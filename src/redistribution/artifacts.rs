//! ansible-runner's artifact folders → runs.
//!
//! In: the folders that were found, the rule that knows Ansible's options. Out: a [`Run`] for each, how it was
//! recognised, and what was wrong. Texts are read by [`super::files`] and understood by [`super::runner`].

use super::files::{Fault, Folder, Kind, Left, Limits, Report};
use super::gather::Format;
use super::model::Run;
use super::runner::{Artifact, Hosts, RULE, Text, run};
use crate::rules::logs::LogRule;
use jiff::{SignedDuration, Timestamp};
use std::ops::ControlFlow;

/// How much later than what is in it a folder may say that it was written.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Reads those that may hold something of the period: what was written before it is left.
pub(super) fn read(
    folders: &[Folder],
    rule: &LogRule,
    since: Option<Timestamp>,
    limits: &Limits,
) -> (Vec<Run>, Vec<Format>, Report) {
    let (mut runs, mut formats, mut report) = (Vec::new(), Vec::new(), Report::default());
    for folder in folders {
        let written = folder.written();
        let before =
            |since: Timestamp| written.filter(|at| at.saturating_add(DAY).is_ok_and(|latest| latest < since));
        if let Some(at) = since.and_then(before) {
            let why = format!("last written {at}, before the period");
            report.left.push(Left { file: folder.shown(), size: 0, why });
            continue;
        }
        let reason = format!("{RULE}: the folder of a run, with its command");
        formats.push(Format { file: folder.shown(), rule: Some(RULE.to_owned()), reason });
        match one(folder, rule, limits, &mut report) {
            Ok(run) => runs.push(run),
            Err(fault) => report.faults.push(fault),
        }
    }
    (runs, formats, report)
}

fn one(folder: &Folder, rule: &LogRule, limits: &Limits, report: &mut Report) -> Result<Run, Fault> {
    let command = folder.command(report)?;
    let (rc, status) = (folder.small("rc", report), folder.small("status", report));
    let mut hosts = Hosts::default();
    let mut broken = Vec::new();
    let first = folder.events(limits, report, |event| {
        let text = Text { file: event.file, text: &event.text };
        match hosts.event(&text) {
            Ok(true) => ControlFlow::Break(()),
            Ok(false) => ControlFlow::Continue(()),
            Err(why) => {
                broken.push(corrupt(&text, why));
                ControlFlow::Continue(())
            }
        }
    });
    report.faults.append(&mut broken);
    let ident = folder.ident();
    let text = Text { file: command.file, text: &command.text };
    let artifact = Artifact {
        id: &ident,
        command: text.clone(),
        rc: rc.as_deref(),
        status: status.as_deref(),
        first: first.as_ref().map(|first| first.text.as_str()),
        written: command.written,
        hosts,
    };
    run(&artifact, rule).map_err(|why| corrupt(&text, why))
}

fn corrupt(text: &Text<'_>, why: String) -> Fault {
    Fault { file: text.file.clone(), offset: None, kind: Kind::Corrupt, text: why }
}
