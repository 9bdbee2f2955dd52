//! `thresholds.yaml`: the closed list of failure types, and how many alerts in which time make a ticket.
//!
//! In: the merged tree. Out: the types (`unknown` last) and the thresholds, where a later layer's stands
//! over an earlier one of the same scope and failure type. Which threshold wins for an alert is decided by
//! `tracking`.

use super::glob::is_glob;
use super::model::{LONGEST_WINDOW, MOST_COUNT, Scope, ThresholdRule};
use super::overlap::Steps;
use super::reader::{Checker, Fields, Keys, Named};
use super::words::{SCOPE_WORDS, parse_scope};
use super::yaml::{Mark, Node};
use std::collections::HashMap;

macro_rules! keys {
    ($name:ident, $of:literal, $($key:literal)+) => {
        pub(super) static $name: Keys = Keys { file: "thresholds.yaml", of: $of, keys: &[$($key),+] };
    };
}

keys!(TOP, "", "failure_types" "thresholds");
keys!(THRESHOLD, "thresholds[]", "scope" "failure" "count" "within");

/// The type of what no case of a format names; always there.
pub const UNKNOWN: &str = "unknown";

pub(super) const COUNTS: std::ops::RangeInclusive<i64> = 1..=MOST_COUNT as i64;

/// Overlaps told of one glob: the rest shows when these are mended.
const MOST_OVERLAPS: usize = 10;

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

/// The thresholds in the order in which a later one stands over an earlier one of equal rank: by source,
/// within a source globs before whole names. Also where each names its failure type, for the check over
/// the whole.
pub(super) fn read(c: &mut Checker<'_>, top: &Fields<'_>) -> Option<(Vec<ThresholdRule>, Vec<Named>)> {
    let node = c.need(top, "thresholds")?;
    let items = c.list(node, "thresholds")?;
    let mut rules: Vec<(Mark, ThresholdRule)> = Vec::new();
    let mut places: HashMap<(Scope, Option<String>), Mark> = HashMap::new();
    let mut types = Vec::new();
    for item in items {
        let Some(rule) = threshold(c, item, &mut types) else { continue };
        let key = (in_lower_case(&rule.scope), rule.failure.clone());
        match places.insert(key, item.at) {
            Some(first) if first.source == item.at.source => {
                let failure = rule.failure.as_deref().unwrap_or("any");
                let first = c.place(first);
                let what =
                    format!("a second threshold for {failure}, {}; the first stands at {first}", rule.scope);
                c.wrong(item.at, what);
            }
            Some(below) => rules.retain(|(at, _)| *at != below),
            None => {}
        }
        rules.push((item.at, rule));
    }
    rules.sort_by_key(|(at, rule)| (at.source, !name(&rule.scope).is_some_and(is_glob)));
    refuse_overlaps(c, &rules);
    Some((rules.into_iter().map(|(_, rule)| rule).collect(), types))
}

/// Two globs of equal rank, failure type and source that hold for one name leave open which is meant.
fn refuse_overlaps(c: &mut Checker<'_>, rules: &[(Mark, ThresholdRule)]) {
    let mut globs: Vec<_> = rules
        .iter()
        .filter_map(|(at, rule)| {
            let steps = name(&rule.scope).filter(|name| is_glob(name)).and_then(Steps::of)?;
            Some(((at.source, rule.scope.rank(), &rule.failure), steps, *at, rule))
        })
        .collect();
    globs.sort_by(|(a, a_steps, ..), (b, b_steps, ..)| (a, a_steps).cmp(&(b, b_steps)));
    for (index, (group, steps, at, rule)) in globs.iter().enumerate() {
        let after = globs[index + 1..].iter();
        let near =
            after.take_while(|(other, other_steps, ..)| group == other && !steps.is_apart(other_steps));
        let both = near.filter(|(_, other_steps, ..)| steps.overlaps(other_steps)).take(MOST_OVERLAPS);
        for (_, _, other_at, other) in both {
            let (first, second) = if at < other_at { (rule, other) } else { (other, rule) };
            let place = c.place(*at.min(other_at));
            let what = format!(
                "`{}` has the rank of `{}` ({place}), and both can hold for one name; make them exclude each other",
                second.scope, first.scope
            );
            c.wrong(*at.max(other_at), what);
        }
    }
}

/// The name or glob of a scope.
fn name(scope: &Scope) -> Option<&str> {
    match scope {
        Scope::Device(name) | Scope::Server(name) | Scope::Package(name) => Some(name),
        Scope::Building(_) | Scope::Region(_) | Scope::Everywhere => None,
    }
}

/// Names compare without case, as `tracking` compares them.
fn in_lower_case(scope: &Scope) -> Scope {
    let lower = str::to_lowercase;
    match scope {
        Scope::Device(name) => Scope::Device(lower(name)),
        Scope::Building(name) => Scope::Building(lower(name)),
        Scope::Server(name) => Scope::Server(lower(name)),
        Scope::Region(name) => Scope::Region(lower(name)),
        Scope::Package(name) => Scope::Package(lower(name)),
        Scope::Everywhere => Scope::Everywhere,
    }
}

fn threshold(c: &mut Checker<'_>, node: &Node, types: &mut Vec<Named>) -> Option<ThresholdRule> {
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
    let window = c.need(&f, "within").and_then(|node| c.seconds(node, "within", 1..=LONGEST_WINDOW));
    Some(ThresholdRule {
        scope: scope?,
        failure: failure?,
        count: u32::try_from(count?).ok()?,
        window: window?,
        origin: c.origin(node.at),
    })
}

#[cfg(test)]
mod tests {
    use super::super::compile;
    use super::super::invalid::on_top;

    fn thresholds(files: &[(&str, &str)]) -> Vec<String> {
        let rules = compile(&on_top(files)).expect("right");
        let line = |rule: &super::ThresholdRule| {
            let failure = rule.failure.as_deref().unwrap_or("any");
            format!("{} {failure} {} in {}", rule.scope, rule.count, rule.window)
        };
        rules.thresholds.iter().map(line).collect()
    }

    const SHIPPED: [&str; 6] = [
        "everywhere connection 4 in 1h",
        "everywhere distribution 2 in 1h",
        "everywhere failed-package 1 in 1d",
        "everywhere access 1 in 1d",
        "everywhere disk 1 in 1d",
        "everywhere unknown 10 in 1d",
    ];

    #[test]
    fn the_shipped_thresholds_are_those_of_the_design() {
        assert_eq!(thresholds(&[]), SHIPPED);
    }

    #[test]
    fn a_later_layer_adds_and_stands_over_the_same_scope_and_failure_type() {
        let site = "thresholds:\n  - {failure: disk, count: 3, within: 2h}\n  - {scope: building B2, failure: any, count: 1, within: 90m}\n";
        let mut wanted: Vec<_> =
            SHIPPED.iter().filter(|line| !line.contains("disk")).map(|l| (*l).to_owned()).collect();
        wanted.extend(["everywhere disk 3 in 2h".to_owned(), "building B2 any 1 in 1h30m".to_owned()]);
        assert_eq!(thresholds(&[("thresholds.yaml", site)]), wanted);
    }

    #[test]
    fn a_name_comes_after_globs_so_that_it_stands_over_them() {
        let site = "thresholds:\n  - {scope: device N70, failure: disk, count: 1, within: 1h}\n  - {scope: device n7*, failure: disk, count: 5, within: 1h}\n";
        let all = thresholds(&[("thresholds.yaml", site)]);
        assert_eq!(all[6..], ["device n7* disk 5 in 1h", "device N70 disk 1 in 1h"]);
    }

    #[test]
    fn a_site_may_add_failure_types_and_unknown_stays_last() {
        let site = "failure_types: [heat, disk]\nthresholds: [{failure: heat, count: 1, within: 1h}]\n";
        let rules = compile(&on_top(&[("conf.d/site.yaml", site)])).expect("right");
        assert_eq!(
            rules.failure_types,
            ["connection", "distribution", "failed-package", "access", "disk", "heat", "unknown"]
        );
    }
}
