//! Which threshold holds for an alert.
//!
//! In: the threshold rules, those set at run time last, and what an alert says of itself. Out: the rule
//! that holds and, on request, the applicable others, best first. Globs are compiled once per rule set.
//! It does not know how alerts are counted.

use super::{Choice, Subject};
use crate::rules::glob;
use crate::rules::model::{Origin, Scope, Seconds, ThresholdRule};
use globset::GlobMatcher;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;

/// Threshold rules, ready to be asked once per alert.
#[derive(Debug)]
pub struct Thresholds {
    rules: Vec<ThresholdRule>,
    /// Scopes without wildcards, by (rank, lower-case name).
    literal: [HashMap<String, Vec<usize>>; RANKS],
    /// Scopes with wildcards, by rank.
    globs: [Vec<(usize, GlobMatcher)>; RANKS],
    everywhere: Vec<usize>,
    last_resort: ThresholdRule,
}

/// Ranks that hold for a name.
const RANKS: usize = Scope::NAMED;

/// Best first: narrowest scope, a rule for this failure type before one for any, later before earlier.
type Rank = (usize, bool, Reverse<usize>);

impl Thresholds {
    /// Prepares the rules. A glob that does not compile (`rules check` refuses it) is taken literally,
    /// so that no alert is left without a threshold because of one bad line.
    pub fn new(rules: &[ThresholdRule]) -> Self {
        let mut ready = Self {
            rules: rules.to_vec(),
            literal: Default::default(),
            globs: Default::default(),
            everywhere: Vec::new(),
            last_resort: last_resort(),
        };
        for (index, rule) in rules.iter().enumerate() {
            let rank = rule.scope.rank();
            match &rule.scope {
                Scope::Device(glob) | Scope::Server(glob) | Scope::Package(glob) => {
                    ready.add_glob(rank, index, glob);
                }
                Scope::Building(name) | Scope::Region(name) => ready.add_literal(rank, index, name),
                Scope::Everywhere => ready.everywhere.push(index),
            }
        }
        ready
    }

    /// The rule that holds; the built-in last resort where none applies.
    pub fn winner(&self, subject: &Subject) -> &ThresholdRule {
        let best = self.applicable(subject).into_iter().min();
        best.map_or(&self.last_resort, |(_, _, Reverse(index))| &self.rules[index])
    }

    /// The rule that holds and the others that apply: what `explain` and tickets show.
    pub fn choose(&self, subject: &Subject) -> Choice {
        let mut ranked = self.applicable(subject);
        ranked.sort_unstable();
        let mut rules = ranked.into_iter().map(|(_, _, Reverse(index))| self.rules[index].clone());
        match rules.next() {
            Some(winner) => Choice { winner, losers: rules.collect() },
            None => Choice { winner: self.last_resort.clone(), losers: Vec::new() },
        }
    }

    fn applicable(&self, subject: &Subject) -> Vec<Rank> {
        let mut found = Vec::new();
        // In the order of `Scope::rank`.
        let names = [Some(subject.device), subject.building, subject.server, subject.region, subject.package];
        for (rank, name) in names.into_iter().enumerate() {
            let Some(name) = name.filter(|name| !name.is_empty()) else { continue };
            if !self.literal[rank].is_empty()
                && let Some(indexes) = self.literal[rank].get(lower(name).as_ref())
            {
                found.extend(indexes.iter().filter_map(|&index| self.rank(rank, index, subject)));
            }
            for (index, glob) in &self.globs[rank] {
                if glob.is_match(name) {
                    found.extend(self.rank(rank, *index, subject));
                }
            }
        }
        found.extend(self.everywhere.iter().filter_map(|&index| self.rank(RANKS, index, subject)));
        found
    }

    fn rank(&self, scope: usize, index: usize, subject: &Subject) -> Option<Rank> {
        match &self.rules[index].failure {
            Some(failure) if failure != subject.failure => None,
            failure => Some((scope, failure.is_none(), Reverse(index))),
        }
    }

    fn add_literal(&mut self, rank: usize, index: usize, name: &str) {
        self.literal[rank].entry(lower(name).into_owned()).or_default().push(index);
    }

    fn add_glob(&mut self, rank: usize, index: usize, glob: &str) {
        match Some(glob).filter(|text| glob::is_glob(text)).and_then(glob::matcher) {
            Some(matcher) => self.globs[rank].push((index, matcher)),
            None => self.add_literal(rank, index, glob),
        }
    }
}

/// Chooses once; whoever asks for many alerts keeps a [`Thresholds`].
pub fn choose(rules: &[ThresholdRule], subject: &Subject) -> Choice {
    Thresholds::new(rules).choose(subject)
}

/// Holds where no rule applies: 10 alerts in 24 hours.
fn last_resort() -> ThresholdRule {
    ThresholdRule {
        scope: Scope::Everywhere,
        failure: None,
        count: 10,
        window: Seconds(24 * 3600),
        origin: Origin { file: "built in".to_owned(), line: 0, column: 0 },
    }
}

fn lower(name: &str) -> Cow<'_, str> {
    if name.chars().any(char::is_uppercase) { Cow::Owned(name.to_lowercase()) } else { Cow::Borrowed(name) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rule(scope: Scope, failure: Option<&str>, count: u32) -> ThresholdRule {
        ThresholdRule {
            scope,
            failure: failure.map(str::to_owned),
            count,
            window: Seconds(3600),
            origin: Origin { file: "thresholds.yaml".to_owned(), line: count, column: 1 },
        }
    }

    fn node7<'a>() -> Subject<'a> {
        Subject {
            device: "node7",
            failure: "connection",
            building: Some("B2"),
            server: Some("is38"),
            region: Some("East"),
            package: Some("jre-1.3.1"),
        }
    }

    fn counts(choice: &Choice) -> Vec<u32> {
        std::iter::once(&choice.winner).chain(&choice.losers).map(|rule| rule.count).collect()
    }

    #[test]
    fn narrowest_scope_wins_and_losers_are_listed_best_first() {
        let rules = [
            rule(Scope::Everywhere, None, 6),
            rule(Scope::Package("jre-*".into()), None, 5),
            rule(Scope::Region("east".into()), None, 4),
            rule(Scope::Server("IS3?".into()), None, 3),
            rule(Scope::Building("b2".into()), None, 2),
            rule(Scope::Device("node*".into()), None, 1),
        ];
        assert_eq!(counts(&choose(&rules, &node7())), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn failure_type_beats_any_in_equal_scope_and_never_across_scopes() {
        let rules = [
            rule(Scope::Everywhere, Some("connection"), 1),
            rule(Scope::Everywhere, None, 2),
            rule(Scope::Region("East".into()), None, 3),
            rule(Scope::Everywhere, Some("disk"), 4),
        ];
        assert_eq!(counts(&choose(&rules, &node7())), [3, 1, 2]);
    }

    #[test]
    fn later_rule_beats_earlier_whether_literal_or_glob() {
        let literal_last =
            [rule(Scope::Device("node*".into()), None, 1), rule(Scope::Device("NODE7".into()), None, 2)];
        assert_eq!(counts(&choose(&literal_last, &node7())), [2, 1]);
        let glob_last =
            [rule(Scope::Device("node7".into()), None, 1), rule(Scope::Device("node*".into()), None, 2)];
        assert_eq!(counts(&choose(&glob_last, &node7())), [2, 1]);
    }

    #[test]
    fn nothing_applicable_gives_the_built_in_last_resort() {
        let choice = choose(&[rule(Scope::Building("B9".into()), None, 1)], &node7());
        assert_eq!((choice.winner.count, choice.winner.window), (10, Seconds(86_400)));
        assert_eq!(choice.winner.origin.file, "built in");
        assert!(choice.losers.is_empty());
    }

    #[test]
    fn absent_fact_matches_no_scope_not_even_a_star() {
        let rules = [rule(Scope::Server("*".into()), None, 1)];
        let subject = Subject { server: None, ..node7() };
        assert_eq!(choose(&rules, &subject).winner.origin.file, "built in");
    }

    #[test]
    fn broken_glob_is_taken_literally() {
        let rules = [rule(Scope::Device("node[".into()), None, 1)];
        assert_eq!(choose(&rules, &node7()).winner.origin.file, "built in");
        let subject = Subject { device: "node[", ..node7() };
        assert_eq!(choose(&rules, &subject).winner.count, 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn winner_is_the_first_of_choose(scopes in proptest::collection::vec((0..6_usize, any::<bool>()), 0..20)) {
            let rules: Vec<_> = scopes.iter().enumerate().map(|(index, (scope, any))| {
                let scope = match scope {
                    0 => Scope::Device("n*".into()),
                    1 => Scope::Building("B2".into()),
                    2 => Scope::Server("is38".into()),
                    3 => Scope::Region("EAST".into()),
                    4 => Scope::Package("*1.3*".into()),
                    _ => Scope::Everywhere,
                };
                rule(scope, if *any { None } else { Some("connection") }, 1 + u32::try_from(index).expect("few"))
            }).collect();
            let ready = Thresholds::new(&rules);
            let choice = ready.choose(&node7());
            prop_assert_eq!(ready.winner(&node7()), &choice.winner);
            prop_assert_eq!(choice.losers.len(), rules.len().saturating_sub(1));
            let all: Vec<_> = std::iter::once(&choice.winner).chain(&choice.losers).collect();
            prop_assert!(all.windows(2).all(|pair| pair[0].scope <= pair[1].scope));
        }
    }
}
