//! Deliveries that a worker passed over, for their failure was known only later, looked up in their files: archives
//! cannot be read again in the middle.
//!
//! In: what the engine suspects, and the files. Out: what was delivered, with its line. Nothing else is read out of it.

use super::attempts::packages;
use super::engine::{Late, Runs};
use super::files::{self, Chosen, Limits, Report};
use super::join::Success;
use super::lacking::{Mark, mark};
use super::model::{Outcome, Place};
use super::reader::lines;
use super::scan::{Scan, half, marks};
use super::written::unfolded;
use crate::rules::logs::model::{Does, Field};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A line that was found: which of the suspicions it answers, its number and bytes.
type Found = (usize, u64, Vec<u8>);

/// Looks suspicions up; `lacking`: marks of those of whom it is asked.
pub(super) fn successes(
    runs: &Runs,
    scan: &Scan,
    files: &[Chosen],
    lacking: &HashSet<Mark>,
    workers: usize,
    limits: &Limits,
) -> (Vec<Success>, Report) {
    let mut by_file: HashMap<&Arc<str>, Vec<usize>> = HashMap::new();
    for (at, late) in runs.late.iter().enumerate() {
        by_file.entry(&late.file).or_default().push(at);
    }
    let files: Vec<Chosen> =
        files.iter().filter(|file| by_file.contains_key(&file.about.file)).cloned().collect();
    let read = files::scan(&files, workers, &Limits { cut: u64::MAX, ..*limits }, |segment| {
        let mut open = by_file.get(&segment.chosen().about.file).cloned().unwrap_or_default();
        let mut found: Vec<Found> = Vec::new();
        segment.blocks(|block| {
            if open.is_empty() {
                return;
            }
            for (line, number) in lines(block.bytes).zip(block.lines_before + 1..) {
                let Some(half) = scan.half_in(line) else { continue };
                open.retain(|at| {
                    let late = &runs.late[*at];
                    let is_it = late.half == half && number > late.after && tells(runs, late, line).is_some();
                    if is_it {
                        found.push((*at, number, line.to_vec()));
                    }
                    !is_it
                });
            }
        });
        found
    });
    let mut successes = Vec::new();
    for (at, number, line) in read.parts.iter().flat_map(|part| &part.value) {
        let late = &runs.late[*at];
        let (Some(names), Some(run)) = (tells(runs, late, line), runs.late_run(late)) else { continue };
        for name in names.into_iter().filter(|name| lacking.contains(&mark(name.as_bytes()))) {
            successes.extend(packages(&run).map(|(package, version)| Success {
                recipient: name.clone(),
                package: package.to_owned(),
                version: Some(version.to_owned()),
                at: run.start.or(run.end),
                place: Place { file: Arc::clone(&late.file), line: *number },
            }));
        }
    }
    (successes, read.report)
}

/// Whom a line says something was delivered to, where it is of the suspected run and recipient.
fn tells(runs: &Runs, late: &Late, line: &[u8]) -> Option<Vec<String>> {
    let reader = runs.reader();
    let (event, values) = reader.event(line)?;
    let delivers =
        reader.events[event].does == Does::Recipient && reader.outcome(event, &values) == Some(Outcome::Ok);
    let key = values.get(Field::Key).or_else(|| values.get(Field::Job))?;
    let is_it = delivers && key == late.key && marks(&values).any(|mark| half(mark) == late.half);
    is_it.then(|| {
        let mut names: Vec<String> = values.text(Field::Recipient).into_iter().collect();
        names.extend(values.text(Field::Recipients).map(|text| unfolded(&text)).unwrap_or_default());
        names
    })
}
