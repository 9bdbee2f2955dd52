//! What the distribution logs say about commands that were issued, now or in an earlier session.
//!
//! In: the journal, the rules, logs. Out: confirmed and failed recipients, written down. It issues nothing.

use super::super::{Failure, Globals, show};
use super::Ask;
use super::record::person;
use super::surveyed::{globbed, is_damage, journal, machine_zone, recorded_name, rules};
use crate::alert::name;
use crate::redistribution::engine::Keep;
use crate::redistribution::evidence::{Issued, Said, evidence, printed};
use crate::redistribution::files::Limits;
use crate::redistribution::gather::{self, gather};
use crate::redistribution::model::Run;
use crate::redistribution::reader::Reader;
use crate::rules::logs::LogRules;
use crate::rules::redistribution::Manager;
use crate::service::redistribute::take_evidence;
use crate::store::journal::JournalRow;
use crate::store::{Access, Store};
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Bytes of what a command printed that are looked through.
const MOST_PRINTED: u64 = 1 << 20;

/// Where evidence is looked for.
pub(super) struct Logs<'a> {
    pub(super) paths: &'a [PathBuf],
    pub(super) rules: &'a LogRules,
    pub(super) format: Option<&'a str>,
}

impl Logs<'_> {
    /// Reads what the logs say since the first of these was issued. A log that cannot be read says nothing: it is asked
    /// again at the next start.
    pub(super) fn said(&self, issued: &[Issued], store: Option<&Store>) -> Option<Vec<Said>> {
        let asked = gather::Ask {
            paths: self.paths,
            rules: self.rules,
            format: self.format,
            since: issued.iter().map(|command| command.at).min(),
            until: None,
            zone: machine_zone(),
            workers: 1,
            limits: Limits::default(),
            keep: Keep::All,
            server: None,
            lacking: Vec::new(),
        };
        let found = gather(&asked).ok().filter(|found| found.report.faults.is_empty())?;
        let runs: Vec<Run> = found.runs().collect();
        Some(evidence(issued, &runs, &|name| recorded_name(store?, name)))
    }

    /// Who failed by what a command printed into this file, or the beginning of it.
    pub(super) fn printed(&self, tool: &str, log: &Path) -> Said {
        let mut text = Vec::new();
        let read = fs::File::open(log).and_then(|file| file.take(MOST_PRINTED).read_to_end(&mut text));
        read.map(|_| printed(&Reader::all(self.rules), tool, &text)).unwrap_or_default()
    }
}

/// Takes up commands of earlier sessions whose end or success is not known, of one server or of all.
/// Gives how many recipients something was said about.
pub(super) fn take_up(globals: &Globals, ask: Option<&Ask>) -> Result<usize, Failure> {
    let journal = match journal(globals) {
        // Whoever acts is told of it and refused.
        Err(failure) if is_damage(&failure) => return Ok(0),
        journal => journal?,
    };
    let Some(journal) = journal else { return Ok(0) };
    let open: Vec<JournalRow> = journal.waiting()?.into_iter().chain(journal.unknown()?).collect();
    if open.is_empty() {
        return Ok(0);
    }
    let (logs, rules) = rules(globals)?;
    let store = globals.store(Access::Read).ok();
    let servers: BTreeSet<String> = open.iter().map(|row| name::host(&row.server)).collect();
    let mut new = 0;
    for server in servers {
        let is_its = |row: &JournalRow| name::host(&row.server) == server;
        let rule = rules.server(|own| name::same(own, &server));
        let named = ask.map(|ask| ask.log.clone()).unwrap_or_default();
        let paths = if named.is_empty() { globbed(&rule.logs)? } else { named };
        let paths: Vec<PathBuf> =
            paths.into_iter().map(|path| fs::canonicalize(&path).unwrap_or(path)).collect();
        if paths.is_empty() {
            continue;
        }
        let logs = Logs { paths: &paths, rules: &logs, format: ask.and_then(|ask| ask.format.as_deref()) };
        let delivers = rule.manager == Manager::Exec;
        let mut read = |issued: &[Issued]| logs.said(issued, store.as_ref());
        let output = |tool: &str, log: &Path| logs.printed(tool, log);
        new += take_evidence(&journal, &person(), globals.now()?, &is_its, delivers, &mut read, &output)?;
    }
    drop(store);
    if new > 0 {
        let many = show::count(new as u64, "recipient");
        show::tell(format_args!(
            "autoticket: the log tells by now what became of {many} of commands issued before"
        ));
    }
    Ok(new)
}
