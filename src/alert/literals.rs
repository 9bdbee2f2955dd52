//! The literal gate: which format rules a mail can match at all.
//!
//! In: the rules' literals, once; then each mail. Out: the rules of which a literal occurs, and those that
//! have none. It looks at one lower-case copy of the mail's texts, so that the cost of a mail hardly grows
//! with the number of rules. It compiles no pattern and reads no condition.
//!
//! Few rules are asked as they are tried, so that a mail pays for those before its own. Many literals are found
//! by four of their bytes. An Aho-Corasick automaton over 2,000 literals costs a process that handles one mail
//! 3.5 ms to build; this table costs an eighth of that and is read faster.

use crate::mail::{Header, Mail};
use crate::rules::model::FormatRule;
use memchr::memmem::Finder;
use std::collections::HashMap;

/// Up to this many gated rules, one search per literal is cheaper than looking at every four bytes.
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
struct Literal {
    /// Lower case.
    text: String,
    /// Positions of the rules that have it.
    rules: Vec<usize>,
}

#[derive(Debug)]
enum Search {
    Few(Few),
    Many(Box<Quartets>),
}

impl Gate {
    /// `rules` in the order in which they are tried.
    pub fn new<'r>(rules: impl Iterator<Item = &'r FormatRule>) -> Self {
        let mut always = Vec::new();
        let mut literals: Vec<Literal> = Vec::new();
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
                    literals.push(Literal { text: literal, rules: Vec::new() });
                    literals.len() - 1
                });
                literals[at].rules.push(position);
            }
        }
        let search = if count - always.len() > FEW_RULES {
            Search::Many(Box::new(Quartets::new(literals)))
        } else {
            Search::Few(Few::new(literals, count))
        };
        Self { rules: count, always, search }
    }

    /// The rules this mail can match, in order. Few rules are asked one by one as the caller goes on: the first
    /// that holds ends the search.
    pub fn candidates(&self, mail: &Mail) -> impl Iterator<Item = usize> {
        let texts = lowered(mail);
        let mut doors = match &self.search {
            Search::Few(few) => vec![None; few.finders.len()],
            Search::Many(quartets) => {
                let mut open = vec![false; self.rules];
                quartets.search(&texts, &mut open);
                open.into_iter().map(Some).collect()
            }
        };
        (0..self.rules).filter(move |&rule| {
            self.always.binary_search(&rule).is_ok()
                || match &self.search {
                    Search::Few(few) => few.of_rule[rule]
                        .iter()
                        .any(|&at| *doors[at].get_or_insert_with(|| few.finders[at].find(&texts).is_some())),
                    Search::Many(_) => doors[rule] == Some(true),
                }
        })
    }
}

/// One finder per literal, and which of them open a rule.
#[derive(Debug)]
struct Few {
    finders: Vec<Finder<'static>>,
    of_rule: Vec<Vec<usize>>,
}

impl Few {
    fn new(literals: Vec<Literal>, rules: usize) -> Self {
        let mut of_rule = vec![Vec::new(); rules];
        for (at, literal) in literals.iter().enumerate() {
            literal.rules.iter().for_each(|&rule| of_rule[rule].push(at));
        }
        let finders = literals.iter().map(|literal| Finder::new(literal.text.as_bytes()).into_owned());
        Self { finders: finders.collect(), of_rule }
    }
}

/// Literals known by the four bytes of theirs that the fewest others have.
#[derive(Debug)]
struct Quartets {
    /// A bit per hash: whether any literal is known by such four bytes.
    filter: Vec<u64>,
    /// Hash, offset inside the literal, literal; sorted by hash.
    known: Vec<(u16, usize, usize)>,
    literals: Vec<Literal>,
    /// Literals of less than four bytes.
    short: Vec<(Finder<'static>, Vec<usize>)>,
}

impl Quartets {
    fn new(literals: Vec<Literal>) -> Self {
        let (literals, short): (Vec<Literal>, Vec<Literal>) =
            literals.into_iter().partition(|literal| literal.text.len() >= 4);
        let mut uses = vec![0u32; 1 << 16];
        for literal in &literals {
            quartets(literal.text.as_bytes()).for_each(|hash| uses[usize::from(hash)] += 1);
        }
        let mut filter = vec![0u64; 1 << 10];
        let mut known = Vec::with_capacity(literals.len());
        for (number, literal) in literals.iter().enumerate() {
            let rarest = quartets(literal.text.as_bytes())
                .enumerate()
                .min_by_key(|(_, hash)| uses[usize::from(*hash)]);
            let (offset, hash) = rarest.expect("a literal here has four bytes");
            filter[usize::from(hash >> 6)] |= 1 << (hash & 63);
            known.push((hash, offset, number));
        }
        known.sort_unstable();
        Self { filter, known, literals, short: short.into_iter().map(finder).collect() }
    }

    fn search(&self, texts: &[u8], open: &mut [bool]) {
        for (finder, rules) in &self.short {
            if finder.find(texts).is_some() {
                rules.iter().for_each(|&rule| open[rule] = true);
            }
        }
        for (at, hash) in quartets(texts).enumerate() {
            if self.filter[usize::from(hash >> 6)] >> (hash & 63) & 1 == 0 {
                continue;
            }
            let first = self.known.partition_point(|(other, ..)| *other < hash);
            for &(_, offset, number) in self.known[first..].iter().take_while(|(other, ..)| *other == hash) {
                let literal = &self.literals[number];
                let starts = at.checked_sub(offset).map(|start| &texts[start..]);
                if starts.is_some_and(|rest| rest.starts_with(literal.text.as_bytes())) {
                    literal.rules.iter().for_each(|&rule| open[rule] = true);
                }
            }
        }
    }
}

fn finder(literal: Literal) -> (Finder<'static>, Vec<usize>) {
    (Finder::new(literal.text.as_bytes()).into_owned(), literal.rules)
}

/// Hashes of every four bytes in a row (multiplicative, upper half).
fn quartets(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.windows(4).map(|four| {
        let number = u32::from_le_bytes([four[0], four[1], four[2], four[3]]);
        (number.wrapping_mul(0x9E37_79B1) >> 16) as u16
    })
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

    fn found(gate: &Gate, mail: &Mail) -> Vec<usize> {
        gate.candidates(mail).collect()
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
            assert_eq!(found(&gate, &mail("x", "wOrD2X")), [0, 2], "{count}");
            assert_eq!(found(&gate, &mail("", "")), [0], "{count}");
            assert_eq!(found(&gate, &mail("shared", "")).len(), count, "{count}");
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
        assert_eq!(found(&gate, &mail), [0, 1, 2, 3]);
        assert_eq!(found(&gate, &Mail { enclosed: vec![header()], ..Mail::default() }), [0, 1, 2]);
    }

    #[test]
    fn overlapping_literals_are_all_found() {
        let mut rules: Vec<FormatRule> =
            (0..80).map(|n| FormatRule { literals: vec![format!("filler{n}")], ..rule("x") }).collect();
        rules[0].literals = vec!["abc".into()];
        rules[1].literals = vec!["bcd".into()];
        rules[2].literals = vec!["abcd".into()];
        assert_eq!(found(&Gate::new(rules.iter()), &mail("", "xABCDx")), [0, 1, 2]);
    }

    proptest! {
        #[test]
        fn a_door_is_open_exactly_where_a_literal_occurs(body in "[abAB ]{0,40}", literals in prop::collection::vec("[abAB]{1,6}", 1..100)) {
            let rules: Vec<FormatRule> =
                literals.iter().map(|l| FormatRule { literals: vec![l.clone()], ..rule("x") }).collect();
            let expected: Vec<usize> = (0..rules.len())
                .filter(|&n| body.to_ascii_lowercase().contains(&literals[n].to_ascii_lowercase()))
                .collect();
            prop_assert_eq!(found(&Gate::new(rules.iter()), &mail("", &body)), expected);
        }
    }
}
