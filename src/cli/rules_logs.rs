//! `rules test` and `rules check` for logfile rules: their samples, and what they make of a log.
//!
//! In: logs, the rules folder. Out: which rule reads each log, how many lines each event matched, the lines that no rule
//! understood; claims of samples that do not hold. Changes nothing.

use super::rules::SampleView;
use super::show::{self, Out};
use super::{Exit, Failure, Globals, rules_folder};
use crate::redistribution::claims::differences;
use crate::redistribution::engine::{Coverage, Keep};
use crate::redistribution::files::Limits;
use crate::redistribution::gather::{Ask, Gathered, gather};
use crate::redistribution::model::Outcome;
use crate::redistribution::reader::Reader;
use crate::redistribution::runner;
use crate::redistribution::waves::{MaxErrors, parse_max_errors};
use crate::rules::logs::model::{Does, Event};
use crate::rules::logs::samples::{Sample, parse};
use crate::rules::logs::{self, LogRules};
use crate::rules::{self, Mistake, Source};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What may be said of logs.
#[derive(Debug, clap::Args)]
pub(super) struct LogArgs {
    /// The files are logs, whatever they look like; folders and rotated files as with `redistribute --log`
    #[arg(long, requires = "mails")]
    log: bool,
    /// With logs: the rule that reads them, where their format is not to be recognised
    #[arg(long, value_name = "RULE", requires = "mails")]
    format: Option<String>,
    /// With logs: exit 1 where a rule does not understand more lines than this number or share
    #[arg(long, value_name = "N|N%", requires = "mails", value_parser = parse_max_errors)]
    most_unknown: Option<MaxErrors>,
}

impl LogArgs {
    /// Whether an option says that the files are logs.
    pub(super) fn is_asked(&self) -> bool {
        self.log || self.format.is_some() || self.most_unknown.is_some()
    }
}

/// How much of a file is looked at to tell a mail from a log.
const LOOK: u64 = 8 << 10;

/// Whether a file or folder is a log rather than a mail or a mailbox.
pub(super) fn looks_like_a_log(path: &Path) -> bool {
    let is_mail_name =
        |name: &Path| name.extension().is_some_and(|ending| ending == "eml" || ending == "mbox");
    if path == Path::new("-") || is_mail_name(path) {
        return false;
    }
    if path.is_dir() {
        let maildir = ["new", "cur"].iter().any(|sub| path.join(sub).is_dir());
        let mut entries = fs::read_dir(path).into_iter().flatten().flatten();
        return !maildir && !entries.any(|entry| is_mail_name(&entry.path()));
    }
    let mut start = Vec::new();
    let read = path.metadata().is_ok_and(|meta| meta.is_file()).then(|| fs::File::open(path));
    let Some(Ok(file)) = read else { return false };
    if file.take(LOOK).read_to_end(&mut start).is_err() {
        return false;
    }
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&start);
    let headers = ["from:", "from ", "received:", "subject:", "date:", "message-id:", "return-path:"];
    let is_header = |line: &[u8]| {
        headers.iter().any(|header| {
            line.get(..header.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(header.as_bytes()))
        })
    };
    let mut head = start.split(|byte| matches!(byte, b'\n' | b'\r')).take_while(|line| !line.is_empty());
    !start.is_empty() && !head.any(is_header)
}

/// Shows what rules make of logs; whether something was not understood that should be.
pub(super) fn test(
    globals: &Globals,
    paths: &[PathBuf],
    args: &LogArgs,
    out: &mut Out,
) -> Result<bool, Failure> {
    let rules = rules_folder::logs(globals.rules_folder().as_deref())?;
    let ask = Ask {
        paths,
        rules: &rules,
        format: args.format.as_deref(),
        since: None,
        until: None,
        zone: jiff::tz::TimeZone::UTC,
        workers: 1,
        limits: Limits::default(),
        keep: Keep::Tally,
        server: None,
        lacking: Vec::new(),
    };
    let gathered = gather(&ask).map_err(|error| Failure::new(Exit::Usage, error))?;
    let most = |unknown: u64, lines: u64| {
        let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        args.most_unknown.is_some_and(|most| most.is_exceeded(count(unknown), count(lines)))
    };
    let mut by_rule: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (rule, coverage) in gathered.coverage() {
        let (unknown, lines) = by_rule.entry(&rule.id).or_default();
        *unknown += coverage.not_understood();
        *lines += coverage.lines;
    }
    let exceeded: Vec<&str> =
        by_rule.iter().filter(|(_, (unknown, lines))| most(*unknown, *lines)).map(|(id, _)| *id).collect();
    let unread = gathered.formats.iter().any(|format| format.rule.is_none());
    let failed = unread || !exceeded.is_empty() || !gathered.report.faults.is_empty();
    if globals.json {
        json(out, &gathered, &exceeded, failed);
    } else {
        text(out, &gathered, args.most_unknown, &exceeded);
    }
    Ok(failed)
}

fn words<T: Copy>(counts: &BTreeMap<Outcome, T>) -> BTreeMap<&'static str, T> {
    counts.iter().map(|(outcome, count)| (outcome.word(), *count)).collect()
}

/// Events of a rule, each with how many records it matched.
fn events<'a>(
    rule: &'a logs::LogRule,
    coverage: &'a Coverage,
) -> impl Iterator<Item = (&'static str, &'a Event, u64)> {
    let word = |does: Does| Does::ALL.iter().find(|(own, _)| *own == does).map_or("", |(_, word)| *word);
    let counts = coverage.events.iter().copied();
    rule.events.iter().zip(counts).map(move |(event, count)| (word(event.does), event, count))
}

/// Runs of artifact folders: outcomes of runs, of recipients.
fn of_artifacts(gathered: &Gathered) -> (BTreeMap<Outcome, u64>, BTreeMap<Outcome, u64>) {
    let (mut runs, mut recipients) = (BTreeMap::new(), BTreeMap::new());
    for run in gathered.artifacts() {
        *runs.entry(run.outcome).or_default() += 1;
        for recipient in &run.recipients {
            *recipients.entry(recipient.outcome).or_default() += 1;
        }
    }
    (runs, recipients)
}

fn json(out: &mut Out, gathered: &Gathered, exceeded: &[&str], failed: bool) {
    let mut rules: Vec<_> = gathered
        .coverage()
        .map(|(rule, coverage)| {
            let events: Vec<_> = events(rule, coverage)
                .map(|(does, event, count)| {
                    serde_json::json!({ "does": does, "matches": event.matches.text, "records": count })
                })
                .collect();
            let examples: Vec<_> = coverage
                .examples
                .iter()
                .map(|(place, text)| serde_json::json!({ "file": place.file, "line": place.line, "text": text }))
                .collect();
            serde_json::json!({ "rule": rule.id, "origin": rule.origin.to_string(), "lines": coverage.lines,
                "understood": coverage.understood, "not_understood": coverage.not_understood(),
                "too_many": exceeded.contains(&rule.id.as_str()), "events": events, "examples": examples,
                "runs": words(&coverage.runs), "recipients": words(&coverage.recipients),
                "commands": coverage.commands })
        })
        .collect();
    if !gathered.artifacts().is_empty() {
        let (runs, recipients) = of_artifacts(gathered);
        rules.push(serde_json::json!({ "rule": runner::RULE, "runs": words(&runs),
            "recipients": words(&recipients), "commands": gathered.artifacts().len() }));
    }
    out.json(
        "autoticket.rules-log/1",
        serde_json::json!({ "passed": !failed, "formats": gathered.formats, "rules": rules,
            "read": gathered.report }),
    );
}

fn text(out: &mut Out, gathered: &Gathered, most: Option<MaxErrors>, exceeded: &[&str]) {
    for format in &gathered.formats {
        out.line(format!("{}: {}", show::one(&format.file), show::one(&format.reason)));
    }
    for (rule, coverage) in gathered.coverage() {
        let unknown = coverage.not_understood();
        out.line(format!(
            "{}: {} of {} understood",
            show::one(&rule.id),
            coverage.understood,
            show::count(coverage.lines, "line")
        ));
        for (at, (does, event, count)) in events(rule, coverage).enumerate() {
            let pattern = show::one(&event.matches.text);
            out.line(format!("  {count:>9}  event {} ({does})  {pattern}", at + 1));
        }
        outcomes(out, &coverage.runs, &coverage.recipients, coverage.commands);
        if unknown > 0 {
            let limit = most.filter(|_| exceeded.contains(&rule.id.as_str()));
            let limit = limit.map(|most| format!(", more than {most}")).unwrap_or_default();
            out.line(format!("  {} understood by no event{limit}; the first:", show::count(unknown, "line")));
            for (place, text) in &coverage.examples {
                out.line(format!("    {}: {}", show::one(&place.to_string()), show::one(text)));
            }
        }
    }
    if !gathered.artifacts().is_empty() {
        let (runs, recipients) = of_artifacts(gathered);
        out.line(runner::RULE);
        outcomes(out, &runs, &recipients, gathered.artifacts().len() as u64);
    }
    for fault in &gathered.report.faults {
        out.line(format!("note: {}", show::one(&fault.to_string())));
    }
    for file in gathered.report.files.iter().filter(|file| file.torn) {
        out.line(format!("note: {}: its last line has no end and was skipped", show::one(&file.file)));
    }
    if gathered.report.long_lines > 0 {
        let count = show::count(gathered.report.long_lines, "line");
        out.line(format!("note: {count} too long were skipped"));
    }
}

fn outcomes(
    out: &mut Out,
    runs: &BTreeMap<Outcome, u64>,
    recipients: &BTreeMap<Outcome, u64>,
    commands: u64,
) {
    let listed = |counts: &BTreeMap<Outcome, u64>| {
        let words = counts.iter().map(|(outcome, count)| format!("{count} {}", outcome.word()));
        words.collect::<Vec<_>>().join(", ")
    };
    if !runs.is_empty() {
        let total: u64 = runs.values().sum();
        out.line(format!("  {} ({}), {commands} with a command", show::count(total, "run"), listed(runs)));
    }
    if !recipients.is_empty() {
        let total: u64 = recipients.values().sum();
        out.line(format!("  {} ({})", show::count(total, "recipient"), listed(recipients)));
    }
}

/// What `rules check` says of logfile rules.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) mistakes: Vec<Mistake>,
    pub(super) warnings: Vec<Mistake>,
    pub(super) rules: usize,
    pub(super) samples: usize,
}

/// Every mistake in logfile rules and their samples, and every claim that does not hold.
pub(super) fn checked(folder: Option<&Path>) -> Result<Checked, Failure> {
    let (samples, mut mistakes) = all_samples(folder)?;
    let compiled = match logs::compile(&rules_folder::log_sources(folder)?) {
        Ok(compiled) => compiled,
        Err(found) => {
            mistakes.extend(found);
            return Ok(Checked { mistakes, samples: samples.len(), ..Checked::default() });
        }
    };
    let readers = Reader::all(&compiled);
    for sample in &samples {
        for wrong in differences(sample, beside(&compiled, sample), &readers) {
            let what = format!("sample {}: {}", sample.name, wrong.what);
            let file = sample.origin.file.clone();
            mistakes.push(Mistake { file, line: wrong.line, column: 1, what, hint: None });
        }
    }
    let own = compiled.rules.iter().filter(|rule| !rule.origin.file.starts_with(rules::EMBEDDED));
    let unproven = own.filter_map(|rule| {
        let wanted = rule.origin.file.replace(".yaml", ".samples.yaml");
        let proven = samples.iter().any(|sample| sample.origin.file == wanted);
        let what = format!("logfile rule `{}` has no samples: write {wanted}", rule.id);
        let (file, line, column) = (rule.origin.file.clone(), rule.origin.line, rule.origin.column);
        (!proven).then_some(Mistake { file, line, column, what, hint: None })
    });
    let warnings = unproven.collect();
    Ok(Checked { mistakes, warnings, rules: compiled.rules.len(), samples: samples.len() })
}

/// The rule of the file that a sample stands beside.
fn beside<'a>(rules: &'a LogRules, sample: &Sample) -> Option<&'a str> {
    let file = sample.origin.file.replace(".samples.yaml", ".yaml");
    rules.rules.iter().find(|rule| rule.origin.file == file).map(|rule| rule.id.as_str())
}

/// The shipped samples of logfile rules and those of the rules folder, and the mistakes in them.
pub(super) fn all_samples(folder: Option<&Path>) -> Result<(Vec<Sample>, Vec<Mistake>), Failure> {
    let (mut found, mut mistakes) = (Vec::new(), Vec::new());
    let own = rules_folder::samples(folder, "logs");
    // A file of the same name replaces the shipped one, rules and samples alike.
    let replaced = |shipped: &str| {
        let name = shipped.strip_prefix(rules::EMBEDDED).unwrap_or(shipped);
        let rule = name.replace(".samples.yaml", ".yaml");
        folder.is_some_and(|f| f.join(&rule).is_file()) || own.iter().any(|(n, _)| n == name)
    };
    let mut sources: Vec<Source> =
        logs::embedded_samples().into_iter().filter(|source| !replaced(&source.file)).collect();
    for (name, path) in &own {
        let text = fs::read_to_string(path).map_err(|e| {
            let what = anyhow::Error::new(e).context(format!("read {}", path.display()));
            Failure::new(Exit::Configuration, what)
        })?;
        sources.push(Source { file: name.clone(), text });
    }
    for source in &sources {
        match parse(source) {
            Ok(samples) => found.extend(samples),
            Err(wrong) => mistakes.extend(wrong),
        }
    }
    Ok((found, mistakes))
}

/// Reads each sample, and says where it is not as it claims.
pub(super) fn try_samples(rules: &LogRules, samples: &[Sample]) -> Vec<SampleView> {
    let readers = Reader::all(rules);
    let view = |sample: &Sample| {
        let wrong = differences(sample, beside(rules, sample), &readers);
        SampleView {
            name: sample.name.clone(),
            origin: sample.origin.to_string(),
            passed: wrong.is_empty(),
            differences: wrong.iter().map(|wrong| format!("line {}: {}", wrong.line, wrong.what)).collect(),
        }
    };
    samples.iter().map(view).collect()
}
