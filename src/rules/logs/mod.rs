//! Logfile rules (`logs/*.yaml`): how the logs of distribution tools are recognised and read.
//!
//! In: texts of rule files, lowest layer first; a file of the same name replaces a lower one. Out: [`LogRules`] or
//! every mistake. They are compiled apart from the rules that a mail needs. Nothing here knows how a log is read.

mod embedded;
mod keys;
pub mod model;
mod read;
pub mod samples;

pub use embedded::{embedded, embedded_samples};
pub use keys::KEYS;
pub use model::{LogRule, LogRules};

use super::layers::Source;
use super::mistake::Mistake;
use super::reader::Checker;
use super::yaml::{self, Mark};
use std::collections::HashMap;

/// Size of one rule file.
const MOST: usize = 1 << 20;

/// The part of a name that says which file is replaced: `logs/NAME.yaml`, or None for other files and samples.
pub fn name_of(file: &str) -> Option<&str> {
    let file = file.strip_prefix(super::layers::EMBEDDED).unwrap_or(file);
    let (folder, name) = file.rsplit_once('/')?;
    let folder = folder.rsplit('/').next()?;
    let rule = name.ends_with(".yaml") && !name.ends_with(".samples.yaml") && !name.starts_with('.');
    (folder == "logs" && rule).then_some(name)
}

/// Compiles logfile rules; sources that are none are passed over.
///
/// # Errors
/// Every mistake in every file, in their order.
pub fn compile(sources: &[Source]) -> Result<LogRules, Vec<Mistake>> {
    let mut winners: HashMap<&str, usize> = HashMap::new();
    for (at, source) in sources.iter().enumerate() {
        if let Some(name) = name_of(&source.file) {
            winners.insert(name, at);
        }
    }
    let mut winners: Vec<usize> = winners.into_values().collect();
    winners.sort_unstable();
    let files: Vec<String> = winners.iter().map(|at| sources[*at].file.clone()).collect();
    let mut c = Checker::new(&files);
    let mut rules: Vec<LogRule> = Vec::new();
    for (index, at) in winners.iter().enumerate() {
        let index = u16::try_from(index).unwrap_or(u16::MAX);
        let first = Mark { source: index, line: 1, column: 1 };
        if sources[*at].text.len() > MOST {
            c.wrong(first, format!("the file is larger than {MOST} bytes"));
            continue;
        }
        let mut flaws = Vec::new();
        let root = yaml::read(&sources[*at].text, index, &mut flaws);
        c.flaws(flaws);
        let Some(root) = root else { continue };
        let Some(rule) = read::read(&mut c, &root) else { continue };
        if let Some(other) = rules.iter().find(|other| other.id == rule.id) {
            c.wrong(root.at, format!("a second rule called `{}`, first at {}", rule.id, other.origin));
        }
        rules.push(rule);
    }
    rules.sort_by(|a, b| (a.order, &a.id).cmp(&(b.order, &b.id)));
    if c.is_clean() { Ok(LogRules { rules }) } else { Err(c.into_mistakes()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> Vec<String> {
        let source = Source { file: "logs/x.yaml".into(), text: text.into() };
        match compile(&[source]) {
            Ok(_) => Vec::new(),
            Err(mistakes) => mistakes.iter().map(Mistake::to_string).collect(),
        }
    }

    #[test]
    fn the_shipped_rules_compile() {
        let rules = compile(&embedded()).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
        assert!(rules.named("native").is_some());
        assert_eq!(rules.rules.len(), embedded().len());
    }

    #[test]
    fn a_file_of_the_same_name_replaces_a_shipped_one() {
        let mut sources = embedded();
        let before = sources.len();
        let text = "log: own\nrecognise: ['^x']\nevents: [{does: whole, matches: '^x (?<command>.+)'}]\n";
        sources.push(Source { file: "/etc/autoticket/logs/native.yaml".into(), text: text.into() });
        let rules = compile(&sources).expect("right");
        assert_eq!(rules.rules.len(), before);
        assert!(rules.named("native").is_none() && rules.named("own").is_some());
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let text = "log: x\nrecognize: ['^x']\nrecognise: ['^(']\nevents:\n  - {does: strat, matches: '^x (?<recipent>.)'}\n  \
                    - {does: recipient, matches: '^y', outcome: fialed}\n";
        assert_eq!(
            mistakes(text),
            [
                "logs/x.yaml:2:1: unknown key `recognize` in a logfile rule, did you mean `recognise`?",
                "logs/x.yaml:3:15: `recognise`: unclosed group",
                "logs/x.yaml:5:12: `does` must be one of start, note, recipient, end, whole, nothing, not `strat`, did you mean `start`?",
                "logs/x.yaml:5:28: `matches` captures `recipent`, which is no field, did you mean `recipient`?",
                "logs/x.yaml:6:47: `outcome` must be one of ok, failed, unreachable, timeout, skipped, cancelled, unfinished, unknown, not `fialed`, did you mean `failed`?",
            ]
        );
    }

    #[test]
    fn a_rule_without_events_or_with_an_event_that_matches_everything_is_a_mistake() {
        assert_eq!(mistakes("log: x\nrecognise: ['^x']\n"), ["logs/x.yaml:1:1: `events` is missing"]);
        let text = "log: x\nrecognise: ['^x']\nevents: [{does: end, matches: 'x?'}]\n";
        assert_eq!(
            mistakes(text),
            ["logs/x.yaml:3:31: `matches` matches an empty line, so every line would be one"]
        );
    }
}
