//! Which format rule wins a mail, and what it reads.
//!
//! In: a mail, its source, the rules behind the literal gate. Out: the winner with its records, or which rule
//! came nearest. Rules are tried by order, then id; the first whose conditions hold wins, whatever it then
//! reads: two rules never share a mail.
//!
//! Inside a `repeat`, a `repair` condition on the repeated place or the block is asked of each block, so that
//! one mail may report failures and recoveries; a `when` condition on `block` drops the blocks it does not
//! hold for. A rule that repeats and finds nothing does not hold.

use super::blocks::{self, Block, MOST_ALERTS};
use super::extract::{self, Context, Outside};
use super::literals::Gate;
use super::model::{AlertRecord, Reason};
use super::pattern::{Effort, Patterns};
use super::places;
use super::source::Source;
use crate::mail::Mail;
use crate::rules::RuleSet;
use crate::rules::model::{Condition, FormatRule, Place, Repeat, Take, Test};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

/// The format rules of a rule set, ready to be asked. Patterns are compiled as mails reach them.
#[derive(Debug)]
pub struct Formats<'r> {
    rules: &'r RuleSet,
    effort: Effort,
    /// In the order in which they are tried.
    tried: Vec<(&'r FormatRule, OnceLock<Patterns<'r>>)>,
    gate: Gate,
}

/// What the format rules say of a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Found {
    /// A rule won: failures, of which some may be refused already, and recoveries.
    Records { format: String, origin: String, failures: Vec<AlertRecord>, recoveries: Vec<AlertRecord> },
    /// A rule won and reads no device, or more alerts than one mail may carry.
    Unusable(Reason),
    /// None matches: how many were tried, and which came nearest.
    Nothing { tried: u32, nearest: Option<String> },
}

/// How one rule fares with a mail: what `rules test FILE` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    pub format: String,
    pub origin: String,
    /// One of the rule's literals occurs in the mail; else its conditions are never asked.
    pub literal: bool,
    /// Every condition in words, and whether it holds.
    pub conditions: Vec<(String, bool)>,
    /// Blocks it would read alerts from, where all conditions hold.
    pub blocks: usize,
}

impl<'r> Formats<'r> {
    pub fn new(rules: &'r RuleSet, effort: Effort) -> Self {
        let mut ordered: Vec<&FormatRule> = rules.formats.iter().collect();
        ordered.sort_by(|a, b| (a.order, &a.id).cmp(&(b.order, &b.id)));
        let gate = Gate::new(ordered.iter().copied());
        let tried = ordered.into_iter().map(|rule| (rule, OnceLock::new())).collect();
        Self { rules, effort, tried, gate }
    }

    /// The first rule that holds, and what it reads.
    pub fn read(&self, mail: &Mail, source: &Source, arrival: Timestamp) -> Found {
        let mut nearest: Option<(usize, &FormatRule)> = None;
        for position in self.gate.candidates(mail) {
            let (rule, patterns) = &self.tried[position];
            let patterns = patterns.get_or_init(|| patterns_of(rule, self.effort));
            match tried(mail, rule, patterns) {
                Ok(blocks) => return self.records(mail, source, arrival, rule, patterns, &blocks),
                Err(held) if nearest.is_none_or(|(most, _)| held > most) => nearest = Some((held, rule)),
                Err(_) => {}
            }
        }
        let nearest = nearest.filter(|(held, _)| *held > 0).map(|(held, rule)| missed(rule, held));
        Found::Nothing { tried: u32::try_from(self.tried.len()).unwrap_or(u32::MAX), nearest }
    }

    /// Every rule in the order in which they are tried, each condition asked whatever the others said.
    pub fn trials(&self, mail: &Mail) -> Vec<Trial> {
        let candidates: Vec<usize> = self.gate.candidates(mail).collect();
        let trial = |(position, (rule, patterns)): (usize, &(&'r FormatRule, OnceLock<Patterns<'r>>))| {
            let patterns = patterns.get_or_init(|| patterns_of(rule, self.effort));
            let blocks = blocks::blocks(mail, rule.repeat.as_ref(), patterns);
            let conditions = rule.when.iter().map(|condition| {
                let held = if rule.repeat.is_some() && condition.place == Place::Block {
                    blocks.iter().any(|block| block_holds(condition, block, patterns))
                } else {
                    holds(condition, patterns, || places::texts(mail, &condition.place, None))
                };
                (wanted(condition), held)
            });
            Trial {
                format: rule.id.clone(),
                origin: rule.origin.to_string(),
                literal: candidates.contains(&position),
                conditions: conditions.collect(),
                blocks: tried(mail, rule, patterns).map_or(0, |blocks| blocks.len()),
            }
        };
        self.tried.iter().enumerate().map(trial).collect()
    }

    fn records(
        &self,
        mail: &Mail,
        source: &Source,
        arrival: Timestamp,
        rule: &'r FormatRule,
        patterns: &Patterns<'r>,
        blocks: &[Block],
    ) -> Found {
        if blocks.len() > MOST_ALERTS {
            let what = format!("more than {MOST_ALERTS} alerts in one mail by format {}", rule.id);
            return Found::Unusable(Reason::CannotBeRead { what });
        }
        let context = Context {
            mail,
            source,
            rule,
            patterns,
            failure_types: &self.rules.failure_types,
            arrival,
            skew: self.rules.settings.time.skew.0,
            outside: &Outside::default(),
        };
        // What a condition says of the whole mail is asked once, not for each block.
        let (by_block, whole): (Vec<&Condition>, Vec<&Condition>) =
            rule.repair.iter().partition(|condition| asks_block(condition, rule));
        let repairs = !rule.repair.is_empty()
            && whole.iter().all(|c| holds(c, patterns, || places::texts(mail, &c.place, None)));
        let (format, origin) = (rule.id.clone(), rule.origin.to_string());
        let (mut failures, mut recoveries) = (Vec::new(), Vec::new());
        for block in blocks {
            let record = extract::record(context, block);
            let recovery =
                repairs && by_block.iter().all(|condition| block_holds(condition, block, patterns));
            if recovery { &mut recoveries } else { &mut failures }.push(record);
        }
        if failures.iter().chain(&recoveries).all(|record| record.refused.is_some()) {
            return Found::Unusable(Reason::FormatWithoutDevice { format, origin });
        }
        Found::Records { format, origin, failures, recoveries }
    }
}

/// The blocks of a mail a rule wins; else how many of its conditions held before the first that did not.
fn tried<'m>(mail: &'m Mail, rule: &'m FormatRule, patterns: &Patterns) -> Result<Vec<Block<'m>>, usize> {
    let by_block = |condition: &&Condition| rule.repeat.is_some() && condition.place == Place::Block;
    for (held, condition) in rule.when.iter().filter(|condition| !by_block(condition)).enumerate() {
        if !holds(condition, patterns, || places::texts(mail, &condition.place, None)) {
            return Err(held);
        }
    }
    let mut blocks = blocks::blocks(mail, rule.repeat.as_ref(), patterns);
    let asked: Vec<&Condition> = rule.when.iter().filter(by_block).collect();
    if !asked.is_empty() {
        blocks.retain(|block| asked.iter().all(|condition| block_holds(condition, block, patterns)));
    }
    if blocks.is_empty() {
        return Err(rule.when.len());
    }
    Ok(blocks)
}

fn holds<'t>(
    condition: &Condition,
    patterns: &Patterns,
    texts: impl FnOnce() -> Box<dyn Iterator<Item = &'t str> + 't>,
) -> bool {
    let mut texts = texts();
    let held = match &condition.test {
        Test::Exists => texts.next().is_some(),
        Test::Contains(words) => texts.any(|text| words.iter().any(|word| places::contains(text, word))),
        Test::Matches(pattern) => texts.any(|text| patterns.is_match(pattern, text)),
    };
    held != condition.negate
}

/// Whether a `repair` condition is asked of each block: it names the block or the place that is repeated.
fn asks_block(condition: &Condition, rule: &FormatRule) -> bool {
    match &rule.repeat {
        Some(Repeat::Blocks { place, .. } | Repeat::Lines { place, .. } | Repeat::Groups { place, .. }) => {
            condition.place == Place::Block || condition.place == *place
        }
        None => false,
    }
}

fn block_holds(condition: &Condition, block: &Block, patterns: &Patterns) -> bool {
    holds(condition, patterns, || Box::new(std::iter::once(block.text)))
}

/// `rsync (alerts/rsync.yaml:1): no match of `returncode` in body`.
fn missed(rule: &FormatRule, held: usize) -> String {
    let name = format!("{} ({})", rule.id, rule.origin);
    let Some(condition) = rule.when.get(held) else { return format!("{name} finds no alert to repeat") };
    format!("{name} wants {}", wanted(condition))
}

/// `body to match `returncode``.
fn wanted(condition: &Condition) -> String {
    let not = if condition.negate { "not " } else { "" };
    let wanted = match &condition.test {
        Test::Exists => "to exist".to_owned(),
        Test::Contains(words) => format!("to hold `{}`", words.join("` or `")),
        Test::Matches(pattern) => {
            let text = &pattern.text[..pattern.text.floor_char_boundary(60)];
            let more = if text.len() < pattern.text.len() { " …" } else { "" };
            format!("to match `{text}`{more}")
        }
    };
    format!("{} {not}{wanted}", places::written(&condition.place))
}

/// Every pattern a rule speaks of, none compiled yet.
fn patterns_of(rule: &FormatRule, effort: Effort) -> Patterns<'_> {
    let mut patterns = Patterns::new(effort);
    for condition in rule.when.iter().chain(&rule.repair) {
        if let Test::Matches(pattern) = &condition.test {
            patterns.add(pattern);
        }
    }
    match &rule.repeat {
        Some(Repeat::Blocks { start, end, .. }) => {
            patterns.add(start);
            end.iter().for_each(|end| patterns.add(end));
        }
        Some(Repeat::Lines { line, .. }) => patterns.add(line),
        Some(Repeat::Groups { .. }) | None => {}
    }
    for mut take in rule.fields.iter().flat_map(|field| &field.takes) {
        while let Take::HostOf(inner) = take {
            take = inner;
        }
        if let Take::Pattern { pattern, .. } | Take::After { pattern, .. } = take {
            patterns.add(pattern);
        }
    }
    rule.failure
        .cases
        .iter()
        .filter_map(|case| case.matches.as_ref())
        .for_each(|pattern| patterns.add(pattern));
    patterns
}
