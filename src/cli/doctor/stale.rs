//! Files out of date: outage files that cannot be used or stopped changing, location records older than their file.
//!
//! In: what the store knows of them, the files' times. Out: checks. It does not know what the files say.

use super::super::Failure;
use super::super::show;
use super::Checks;
use crate::rules::RuleSet;
use crate::store::{NoticeFile, Reference, Store};
use jiff::{SignedDuration, Timestamp};
use std::fs;

/// Location records older than this are looked at with doubt, in days.
const OLD: i64 = 180;

pub(super) fn check(
    store: &Store,
    rules: &RuleSet,
    now: Timestamp,
    checks: &mut Checks,
) -> Result<(), Failure> {
    // That it cannot be opened is told where the database is checked.
    let Ok(reference) = store.reference() else { return Ok(()) };
    check_outages(reference, rules, now, checks)?;
    check_records(reference, now, checks)
}

fn check_outages(
    reference: &Reference,
    rules: &RuleSet,
    now: Timestamp,
    checks: &mut Checks,
) -> Result<(), Failure> {
    let files = reference.notice_files()?;
    let mut well = true;
    for file in &files {
        let name = show::one(&file.file);
        if let Some(fault) = &file.fault {
            let text = format!("{name} cannot be used since {}: {fault}", show::time_or_never(file.since));
            checks.warn("outages", text, "autoticket outage check; its last good copy serves for a day");
            well = false;
        } else if is_stale(file, rules, now) {
            let text = format!("{name} did not change since {}", show::time_or_never(file.changed));
            checks.warn("outages", text, "is it still written? outages.stale_after says how old it may be");
            well = false;
        } else if let Some(first) = file.mistakes.first() {
            checks.warn(
                "outages",
                format!(
                    "{name}: {} cannot be read: {first}",
                    show::count(file.mistakes.len() as u64, "notice")
                ),
                "autoticket outage check",
            );
            well = false;
        }
    }
    if well {
        let notices: u64 = files.iter().map(|file| file.notices).sum();
        let read = files.iter().filter(|file| !file.file.is_empty()).count() as u64;
        checks.ok("outages", format!("{} in {}", show::count(notices, "notice"), show::count(read, "file")));
    }
    Ok(())
}

/// A file that the settings name has to change; one in the folder need not.
fn is_stale(file: &NoticeFile, rules: &RuleSet, now: Timestamp) -> bool {
    let outages = &rules.settings.outages;
    let limit = SignedDuration::from_secs(outages.stale_after.0);
    outages.files.contains(&file.file)
        && file.changed.is_some_and(|changed| now.duration_since(changed) >= limit)
}

fn check_records(reference: &Reference, now: Timestamp, checks: &mut Checks) -> Result<(), Failure> {
    let Some(list) = reference.location_list()? else {
        checks.ok("records", "no location records were imported: places are what alerts say");
        return Ok(());
    };
    let (origin, at) = (show::one(&list.origin), show::time(list.at));
    let written = fs::metadata(&list.origin).and_then(|meta| meta.modified()).ok();
    let written = written.and_then(|time| Timestamp::try_from(time).ok());
    let age = now.duration_since(list.at);
    let again = format!("autoticket device import {origin}");
    if written.is_some_and(|written| written > list.at) {
        checks.warn("records", format!("{origin} changed since it was imported at {at}"), again);
    } else if age > SignedDuration::from_hours(24 * OLD) {
        checks.warn(
            "records",
            format!("imported from {origin} at {at}, {} days ago", age.as_hours() / 24),
            again,
        );
    } else {
        let records = show::count(list.entries, "location record");
        checks.ok("records", format!("{records}, imported from {origin} at {at}"));
    }
    Ok(())
}
