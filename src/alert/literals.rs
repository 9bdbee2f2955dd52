//! The literal gate: which format rules a mail can match at all.
//!
//! In: the rules' literals, once; then each mail. Out: the rules of which a literal occurs, and those that
//! have none. One pass over one lower-case copy of the mail's texts, so that the cost of a mail hardly grows
//! with the number of rules. It compiles no pattern and reads no condition.

use crate::mail::{Header, Mail};
use crate::rules::model::FormatRule;
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use memchr::memmem::Finder;
use std::collections::HashMap;

/// Up to this many gated rules, one search per literal is cheaper than building an automaton.
const FEW_RULES: usize = 64;

/// The gate of one rule set. Rules are known by their position in the order in which they are tried.
#[derive(Debug)]
pub struct Gate {
    rules: usize,
    /// Positions of rules without literals.
    always: Vec<usize>,
    search: Search,
}

#[derive(Debug)]
enum Search {
    /// Each literal with the positions of the rules that have it.
    Few(Vec<(Finder<'static>, Vec<usize>)>),
    /// The automaton's pattern number leads to the positions.
    Many(Box<AhoCorasick>, Vec<Vec<usize>>),
}

impl Gate {
    /// `rules` in the order in which they are tried.
    pub fn new<'r>(rules: impl Iterator<Item = &'r FormatRule>) -> Self {
        let mut always = Vec::new();
        let mut literals: Vec<(String, Vec<usize>)> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut count = 0;
        for (position, rule) in rules.enumerate() {
            count += 1;
            if rule.literals.iter().all(String::is_empty) {
                always.push(position);
                continue;
            }
            for literal in rule.literals.iter().filter(|literal| !literal.is_empty()) {
                let literal = literal.to_ascii_lowercase();
                let at = *known.entry(literal.clone()).or_insert_with(|| {
                    literals.push((literal, Vec::new()));
                    literals.len() - 1
                });
                literals[at].1.push(position);
            }
        }
        let search = match automaton(&literals).filter(|_| count - always.len() > FEW_RULES) {
            Some(automaton) => Search::Many(
                Box::new(automaton),
                literals.into_iter().map(|(_, positions)| positions).collect(),
            ),
            None => Search::Few(
                literals
                    .into_iter()
                    .map(|(literal, positions)| (Finder::new(literal.as_bytes()).into_owned(), positions))
                    .collect(),
            ),
        };
        Self { rules: count, always, search }
    }

    /// The rules this mail can match, in order.
    pub fn candidates(&self, mail: &Mail) -> Vec<usize> {
        let mut open = vec![false; self.rules];
        self.always.iter().for_each(|&position| open[position] = true);
        let texts = lowered(mail);
        match &self.search {
            Search::Few(finders) => {
                for (finder, positions) in finders {
                    if positions.iter().any(|&p| !open[p]) && finder.find(&texts).is_some() {
                        positions.iter().for_each(|&position| open[position] = true);
                    }
                }
            }
            Search::Many(automaton, positions) => {
                for found in automaton.find_overlapping_iter(&texts) {
                    positions[found.pattern().as_usize()].iter().for_each(|&position| open[position] = true);
                }
            }
        }
        open.iter().enumerate().filter_map(|(position, open)| open.then_some(position)).collect()
    }
}

/// None where there is nothing to search for, or more than an automaton can hold.
fn automaton(literals: &[(String, Vec<usize>)]) -> Option<AhoCorasick> {
    if literals.len() <= FEW_RULES {
        return None;
    }
    AhoCorasick::builder()
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .match_kind(MatchKind::Standard)
        .prefilter(false)
        .build(literals.iter().map(|(literal, _)| literal))
        .ok()
}

/// Subject, header lines, body and parts in ASCII lower case, a line end after each.
fn lowered(mail: &Mail) -> Vec<u8> {
    let headers = |list: &[Header]| list.iter().map(|h| h.name.len() + h.value.len() + 3).sum::<usize>();
    let parts = mail.parts.iter().map(|part| part.text.len() + part.content_type.len() + 2).sum::<usize>();
    let size =
        mail.subject.len() + mail.body.len() + parts + headers(&mail.headers) + headers(&mail.enclosed) + 2;
    let mut texts = Vec::with_capacity(size);
    let mut add = |pieces: &[&str]| {
        for piece in pieces {
            texts.extend(piece.bytes().map(|byte| byte.to_ascii_lowercase()));
        }
        texts.push(b'\n');
    };
    add(&[&mail.subject]);
    for header in mail.headers.iter().chain(&mail.enclosed) {
        add(&[&header.name, ": ", &header.value]);
    }
    for part in &mail.parts {
        add(&[&part.content_type]);
        add(&[&part.text]);
    }
    if mail.parts.iter().all(|part| part.text != mail.body) {
        add(&[&mail.body]);
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::tests_support::rule;
    use proptest::prelude::*;

    fn mail(subject: &str, body: &str) -> Mail {
        Mail { subject: subject.into(), body: body.into(), ..Mail::default() }
    }

    fn gate(count: usize) -> (Vec<FormatRule>, Gate) {
        let rules: Vec<FormatRule> = (0..count)
            .map(|n| FormatRule {
                literals: if n == 0 { vec![] } else { vec![format!("Word{n}x"), "SHARED".into()] },
                ..rule(&format!("r{n}"))
            })
            .collect();
        let gate = Gate::new(rules.iter());
        (rules, gate)
    }

    #[test]
    fn few_and_many_rules_open_the_same_doors() {
        for count in [3, 65, 66, 300] {
            let (_, gate) = gate(count);
            assert_eq!(gate.candidates(&mail("x", "wOrD2X")), [0, 2], "{count}");
            assert_eq!(gate.candidates(&mail("", "")), [0], "{count}");
            assert_eq!(gate.candidates(&mail("shared", "")).len(), count, "{count}");
        }
    }

    #[test]
    fn every_text_of_a_mail_is_searched() {
        let (_, gate) = gate(4);
        let header = || Header { name: "X-Word1x".into(), value: "word2x".into() };
        let mail = Mail {
            headers: vec![header()],
            parts: vec![crate::mail::Part { content_type: "text/plain".into(), text: "word3x".into() }],
            ..Mail::default()
        };
        assert_eq!(gate.candidates(&mail), [0, 1, 2, 3]);
        assert_eq!(gate.candidates(&Mail { enclosed: vec![header()], ..Mail::default() }), [0, 1, 2]);
    }

    #[test]
    fn overlapping_literals_are_all_found() {
        let mut rules: Vec<FormatRule> =
            (0..80).map(|n| FormatRule { literals: vec![format!("filler{n}")], ..rule("x") }).collect();
        rules[0].literals = vec!["abc".into()];
        rules[1].literals = vec!["bcd".into()];
        rules[2].literals = vec!["abcd".into()];
        assert_eq!(Gate::new(rules.iter()).candidates(&mail("", "xABCDx")), [0, 1, 2]);
    }

    proptest! {
        #[test]
        fn a_door_is_open_exactly_where_a_literal_occurs(body in "[abAB ]{0,12}", literals in prop::collection::vec("[abAB]{1,3}", 1..100)) {
            let rules: Vec<FormatRule> =
                literals.iter().map(|l| FormatRule { literals: vec![l.clone()], ..rule("x") }).collect();
            let expected: Vec<usize> = (0..rules.len())
                .filter(|&n| body.to_ascii_lowercase().contains(&literals[n].to_ascii_lowercase()))
                .collect();
            prop_assert_eq!(Gate::new(rules.iter()).candidates(&mail("", &body)), expected);
        }
    }
}
