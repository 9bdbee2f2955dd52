//! `thresholds.yaml`: the closed list of failure types, and how many alerts in which time make a ticket.
//!
//! In: the merged tree. Out: the types (`unknown` last) and the thresholds, where a later layer's stands
//! over an earlier one of the same scope and failure type. Which threshold wins for an alert is decided by
//! `tracking`.

use super::model::{Scope, ThresholdRule};
use super::reader::{Checker, Fields, Keys};
use super::settings::YEAR;
use super::words::{SCOPE_WORDS, parse_scope};
use super::yaml::{Mark, Node};

macro_rules! keys {
    ($name:ident, $of:literal, $($key:literal)+) => {
        pub(super) static $name: Keys = Keys { file: "thresholds.yaml", of: $of, keys: &[$($key),+] };
    };
}

keys!(TOP, "", "failure_types" "thresholds");
keys!(THRESHOLD, "thresholds[]", "scope" "failure" "count" "within");

/// The type of what no case of a format names; always there.
pub const UNKNOWN: &str = "unknown";

/// Event times kept per key bound the count ([`crate::tracking::model::MOST_COUNT`]).
pub(super) const COUNTS: std::ops::RangeInclusive<i64> = 1..=crate::tracking::model::MOST_COUNT as i64;

/// The closed list; `unknown` last, whether written or not.
pub(super) fn read_types(c: &mut Checker<'_>, top: &Fields<'_>) -> Option<Vec<String>> {
    let node = c.need(top, "failure_types")?;
    let items = c.list(node, "failure_types")?;
    let mut types: Vec<String> = Vec::new();
    for item in items {
        let Some(name) = c.text(item, "failure_types") else { continue };
        if name == "any" {
            c.wrong(item.at, "`any` stands for every failure type; choose another name");
        } else if !super::format::is_id(&name) {
            c.wrong(
                item.at,
                format!("`{name}` is no name for a failure type: letters, digits, `-`, `_` and `.`"),
            );
        } else if name != UNKNOWN && !types.contains(&name) {
            types.push(name);
        }
    }
    types.push(UNKNOWN.to_owned());
    Some(types)
}

/// The thresholds, and where each names its failure type, for the check over the whole.
pub(super) fn read(
    c: &mut Checker<'_>,
    top: &Fields<'_>,
) -> Option<(Vec<ThresholdRule>, Vec<(Mark, String)>)> {
    let node = c.need(top, "thresholds")?;
    let items = c.list(node, "thresholds")?;
    let mut rules: Vec<(Mark, ThresholdRule)> = Vec::new();
    let mut types = Vec::new();
    for item in items {
        let Some(rule) = threshold(c, item, &mut types) else { continue };
        let same = |(_, other): &(Mark, ThresholdRule)| {
            same_scope(&other.scope, &rule.scope) && other.failure == rule.failure
        };
        match rules.iter().position(same) {
            Some(index) if rules[index].0.source != item.at.source => rules[index] = (item.at, rule),
            Some(index) => {
                let failure = rule.failure.as_deref().unwrap_or("any");
                let first = c.place(rules[index].0);
                let what =
                    format!("a second threshold for {failure}, {}; the first stands at {first}", rule.scope);
                c.wrong(item.at, what);
            }
            None => rules.push((item.at, rule)),
        }
    }
    Some((rules.into_iter().map(|(_, rule)| rule).collect(), types))
}

/// Names compare without case, as `tracking` compares them.
fn same_scope(a: &Scope, b: &Scope) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
        && a.to_string().eq_ignore_ascii_case(&b.to_string())
}

fn threshold(c: &mut Checker<'_>, node: &Node, types: &mut Vec<(Mark, String)>) -> Option<ThresholdRule> {
    let f = c.fields(node, &THRESHOLD, "a threshold")?;
    let scope = match f.get("scope") {
        Some(node) => c.parsed(node, "scope", &SCOPE_WORDS, parse_scope),
        None => Some(Scope::Everywhere),
    };
    let failure = c.need(&f, "failure").and_then(|node| {
        let name = c.text(node, "failure")?;
        if name == "any" {
            return Some(None);
        }
        types.push((node.at, name.clone()));
        Some(Some(name))
    });
    let count = c.need(&f, "count").and_then(|node| c.whole(node, "count", COUNTS));
    let window = c.need(&f, "within").and_then(|node| c.seconds(node, "within", 1..=YEAR));
    Some(ThresholdRule {
        scope: scope?,
        failure: failure?,
        count: u32::try_from(count?).ok()?,
        window: window?,
        origin: c.origin(node.at),
    })
}
