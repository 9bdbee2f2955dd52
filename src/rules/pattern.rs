//! Regular expressions of rules: checked once, so that whoever compiles one later can rely on it.
//!
//! In: a scalar. Out: a [`Checked`] pattern, or a mistake at the very column of the flaw where the scalar's
//! notation allows to tell it. The compiled form is thrown away: rooms compile what a mail reaches.

use super::model::Pattern;
use super::reader::Checker;
use super::yaml::{Mark, Node, Scalar, Style};
use regex_automata::PatternID;
use regex_automata::nfa::thompson::{NFA, WhichCaptures};
use regex_syntax::ast::ErrorKind as AstKind;
use regex_syntax::hir::Hir;
use regex_syntax::hir::literal::{ExtractKind, Extractor};

/// Compiled size allowed to one pattern, in bytes.
pub const MOST_COMPILED: usize = 1 << 20;
/// Length of one pattern, in bytes.
pub const MOST_PATTERN: usize = 4096;
/// Patterns of a whole rule set.
pub const MOST_PATTERNS: usize = 50_000;
/// Patterns with Unicode classes of a whole rule set: each costs a hundredfold at start.
pub const MOST_UNICODE: usize = 200;

/// Literals looked for in one pattern.
const MOST_LITERALS: usize = 64;

/// What the patterns of a rule set add up to.
#[derive(Debug, Default)]
pub(super) struct Spent {
    pub(super) patterns: usize,
    pub(super) unicode: usize,
}

/// A pattern that compiles, and what is known of it.
pub(super) struct Checked {
    pub(super) pattern: Pattern,
    /// Names of its named captures.
    pub(super) names: Vec<String>,
    /// Captures, named or not.
    pub(super) captures: usize,
    /// It matches the empty text.
    pub(super) empty: bool,
}

impl Checked {
    pub(super) fn has(&self, name: &str) -> bool {
        self.names.iter().any(|own| own == name)
    }
}

impl Checker<'_> {
    /// A pattern as every room compiles it: bytes, multi-line, ASCII classes unless `unicode`.
    pub(super) fn pattern(&mut self, node: &Node, key: &str, unicode: bool) -> Option<Checked> {
        let scalar = self.scalar(node, key)?;
        self.spent.patterns += 1;
        self.spent.unicode += usize::from(unicode);
        if scalar.text.len() > MOST_PATTERN {
            self.wrong(node.at, format!("`{key}`: pattern is longer than {MOST_PATTERN} bytes"));
            return None;
        }
        let hir = match syntax(unicode).parse(&scalar.text) {
            Ok(hir) => hir,
            Err(error) => {
                let (line, column, what) = explained(&error);
                let at = inside(node.at, scalar, line, column);
                self.wrong(at, format!("`{key}`: {what}"));
                return None;
            }
        };
        let Some(forward) = automaton(&hir, false).filter(|_| automaton(&hir, true).is_some()) else {
            let what = format!("`{key}`: pattern compiles to more than {MOST_COMPILED} bytes; repeat less");
            self.wrong(node.at, what);
            return None;
        };
        let captures = forward.group_info();
        Some(Checked {
            pattern: Pattern { text: scalar.text.clone(), unicode },
            names: captures.pattern_names(PatternID::ZERO).flatten().map(str::to_owned).collect(),
            captures: captures.group_len(PatternID::ZERO) - 1,
            empty: hir.properties().minimum_len() == Some(0),
        })
    }

    /// Patterns as one text or a list.
    pub(super) fn patterns(&mut self, node: &Node, key: &str, unicode: bool) -> Option<Vec<Pattern>> {
        let nodes = match &node.kind {
            super::yaml::Kind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let all: Vec<_> = nodes.iter().map(|node| Some(self.pattern(node, key, unicode)?.pattern)).collect();
        all.into_iter().collect()
    }

    /// The budget of the whole rule set, told where the last pattern too many could be removed.
    pub(super) fn check_budget(&mut self, at: Mark) {
        if self.spent.patterns > MOST_PATTERNS {
            let what = format!("{} patterns in all; at most {MOST_PATTERNS}", self.spent.patterns);
            self.wrong(at, what);
        }
        if self.spent.unicode > MOST_UNICODE {
            let what = format!(
                "{} patterns with `unicode: true`; at most {MOST_UNICODE}, as each is slow to start",
                self.spent.unicode
            );
            self.wrong(at, what);
        }
    }
}

/// Texts of which at least one occurs, ASCII case ignored, wherever the pattern matches: what every match
/// begins or ends with, if that is a small choice of texts that are long enough.
pub(super) fn literals_of(pattern: &Pattern, least: usize) -> Option<Vec<String>> {
    let hir = syntax(pattern.unicode).parse(&pattern.text).ok()?;
    [ExtractKind::Prefix, ExtractKind::Suffix].into_iter().find_map(|kind| {
        // A class of two is a letter in both cases; a larger one would only multiply what stands before it.
        let found = Extractor::new().kind(kind).limit_class(2).limit_total(MOST_LITERALS).extract(&hir);
        let mut texts = Vec::new();
        for literal in found.literals()? {
            let text = std::str::from_utf8(literal.as_bytes()).ok()?.to_ascii_lowercase();
            if text.trim().len() < least || text.contains(['\r', '\n']) {
                return None;
            }
            texts.push(text);
        }
        texts.sort_unstable();
        texts.dedup();
        (!texts.is_empty()).then_some(texts)
    })
}

fn syntax(unicode: bool) -> regex_syntax::Parser {
    regex_syntax::ParserBuilder::new().multi_line(true).unicode(unicode).utf8(false).build()
}

/// One of the two automata that crate `regex` makes of a pattern first: whether it compiles depends on their size alone,
/// and what it makes of them costs several times as much. None: larger than allowed.
fn automaton(hir: &Hir, reverse: bool) -> Option<NFA> {
    let captures = if reverse { WhichCaptures::None } else { WhichCaptures::All };
    let config = NFA::config().utf8(false).reverse(reverse).which_captures(captures);
    NFA::compiler().configure(config.nfa_size_limit(Some(MOST_COMPILED))).build_from_hir(hir).ok()
}

/// Line and column inside the pattern (from 1) and the flaw in words.
fn explained(error: &regex_syntax::Error) -> (usize, usize, String) {
    match error {
        regex_syntax::Error::Parse(error) => {
            let start = error.span().start;
            let what = match error.kind() {
                AstKind::UnsupportedLookAround => {
                    "look-around is not supported, as it takes more than linear time; use `when` with `not: true`"
                        .to_owned()
                }
                AstKind::UnsupportedBackreference => {
                    "backreferences are not supported, as they take more than linear time".to_owned()
                }
                kind => kind.to_string(),
            };
            (start.line, start.column, what)
        }
        regex_syntax::Error::Translate(error) => {
            use regex_syntax::hir::ErrorKind;
            let start = error.span().start;
            let what = match error.kind() {
                ErrorKind::UnicodeNotAllowed => {
                    "this needs Unicode classes; say `unicode: true` in the rule".to_owned()
                }
                kind => kind.to_string(),
            };
            (start.line, start.column, what)
        }
        other => (1, 1, other.to_string()),
    }
}

/// The mark of a place inside a scalar's text; its beginning where the notation hides the place.
fn inside(at: Mark, scalar: &Scalar, line: usize, column: usize) -> Mark {
    if line != 1 || !scalar.one_line {
        return at;
    }
    let before = scalar.text.chars().take(column - 1);
    let offset = match scalar.style {
        Style::Plain => column - 1,
        Style::Single => column + before.filter(|c| *c == '\'').count(),
        Style::Double if before.clone().all(|c| (' '..='~').contains(&c) && c != '\\' && c != '"') => column,
        Style::Double | Style::Block => 0,
    };
    Mark { column: at.column.saturating_add(u32::try_from(offset).unwrap_or(0)), ..at }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use regex::bytes::RegexBuilder;

    fn literals(text: &str) -> Option<Vec<String>> {
        literals_of(&Pattern { text: text.to_owned(), unicode: false }, 3)
    }

    #[test]
    fn a_pattern_tells_the_texts_it_cannot_match_without() {
        let some = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        assert_eq!(literals(r"^Returncode (\d+)"), some(&["returncode "]));
        assert_eq!(literals("(?:timed out|refused)"), some(&["refused", "timed out"]));
        assert_eq!(literals(r"\w+ is DOWN"), some(&[" is down"]));
        assert_eq!(literals(r"(?i)^job\b"), some(&["job"]));
        for none in [r"\d+", "a|bcd", "", "(?:abc)?", r"\xff\xff\xff\xff", "^ok$", r"abc\n|\n\n\n\nx"] {
            assert_eq!(literals(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_let_through_compiles_and_what_is_not_does_not() {
        let mut both = [0, 0];
        for (text, unicode) in [("a", false), ("(?<x>ab|c)", false), (r"\w", true), (r"(\d*|[a-z]+)", true)] {
            for times in [1, 7, 40, 200, 900, 3000, 9000, 15_000] {
                let text = format!("^(?:{text}){{{times}}}$");
                let hir = syntax(unicode).parse(&text).expect("a pattern");
                let let_through = [false, true].iter().all(|reverse| automaton(&hir, *reverse).is_some());
                let mut builder = RegexBuilder::new(&text);
                let built = builder.multi_line(true).unicode(unicode).size_limit(MOST_COMPILED).build();
                assert_eq!(let_through, built.is_ok(), "{text}");
                both[usize::from(let_through)] += 1;
            }
        }
        assert!(both.iter().all(|count| *count > 3), "{both:?}");
    }

    proptest! {
        #[test]
        fn no_match_is_without_a_literal(pattern in "(\\(\\?i\\))?\\^?(([abX]|ab|X\\+|\\(ab\\|baX\\)|b\\*|\\.)){3,6}", text in "[abxABX\n]{0,12}") {
            let regex = RegexBuilder::new(&pattern).multi_line(true).unicode(false).build().expect("a pattern");
            if let (Some(literals), true) = (literals(&pattern), regex.is_match(text.as_bytes())) {
                let text = text.to_ascii_lowercase();
                prop_assert!(literals.iter().any(|literal| text.contains(literal.as_str())), "{literals:?}");
            }
        }
    }
}
