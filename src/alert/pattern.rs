//! Patterns that are compiled when a mail first needs them, and once.
//!
//! In: a [`Pattern`] of the rules. Out: matches and captures over text. The engine is that of the crate
//! `regex`, opened up: a process that handles one mail pays for a lean engine only. Worker threads share
//! one compiled pattern. A pattern that cannot be compiled matches nothing; `rules check` has refused it.

use crate::rules::model::Pattern;
use regex_automata::meta::{Config, Regex};
use regex_automata::util::{captures::Captures, syntax};
use std::sync::OnceLock;

/// Most bytes of a pattern's automaton; a pattern that needs more is refused by `rules check`.
pub const SIZE_LIMIT: usize = 1 << 20;

/// For how many mails the patterns are compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Cheap to compile, slower per byte.
    OneMail,
    /// Dearer to compile, fast per byte.
    Mailbox,
}

/// The same syntax everywhere: `^` and `$` at each line, bytes need not be UTF-8.
pub fn compile(pattern: &Pattern, effort: Effort) -> Result<Regex, Box<regex_automata::meta::BuildError>> {
    let syntax = syntax::Config::new().unicode(pattern.unicode).utf8(false).multi_line(true);
    let mut config = Config::new().utf8_empty(false).nfa_size_limit(Some(SIZE_LIMIT));
    if effort == Effort::OneMail {
        // One thread searches: else it reads four files to learn how many could.
        config = config.hybrid(false).dfa(false).onepass(false).pool_capacity(1);
    }
    Regex::builder().configure(config).syntax(syntax).build(&pattern.text).map_err(Box::new)
}

/// The patterns of one rule, each compiled at its first use. Known by their place in the rule set.
#[derive(Debug)]
pub struct Patterns<'r> {
    effort: Effort,
    slots: Vec<(&'r Pattern, OnceLock<Option<Regex>>)>,
}

impl<'r> Patterns<'r> {
    pub fn new(effort: Effort) -> Self {
        Self { effort, slots: Vec::new() }
    }

    /// Makes room for a pattern; compiles nothing.
    pub fn add(&mut self, pattern: &'r Pattern) {
        self.slots.push((pattern, OnceLock::new()));
    }

    /// The compiled pattern; None for one that was not added or cannot be compiled.
    pub fn get(&self, pattern: &Pattern) -> Option<&Regex> {
        let (_, slot) = self.slots.iter().find(|(known, _)| std::ptr::eq(*known, pattern))?;
        slot.get_or_init(|| compile(pattern, self.effort).ok()).as_ref()
    }

    pub fn is_match(&self, pattern: &Pattern, text: &str) -> bool {
        self.get(pattern).is_some_and(|regex| regex.is_match(text))
    }

    /// The named capture, else the one called `value`, else the first, else the whole match.
    pub fn value(&self, pattern: &Pattern, name: &str, text: &str) -> Option<String> {
        let regex = self.get(pattern)?;
        let mut captures = regex.create_captures();
        regex.captures(text, &mut captures);
        if !captures.is_match() {
            return None;
        }
        let span = if let Some(span) = captures.get_group_by_name(name) {
            Some(span)
        } else if captures.group_info().to_index(captures.pattern()?, name).is_some() {
            None
        } else if captures.group_info().to_index(captures.pattern()?, "value").is_some() {
            captures.get_group_by_name("value")
        } else if captures.group_len() > 1 {
            captures.get_group(1)
        } else {
            captures.get_group(0)
        };
        Some(lossy(text, span?.range()))
    }

    /// The named capture and nothing else.
    pub fn value_named(&self, pattern: &Pattern, name: &str, text: &str) -> Option<String> {
        let regex = self.get(pattern)?;
        let mut captures = regex.create_captures();
        regex.captures(text, &mut captures);
        captures.get_group_by_name(name).map(|span| lossy(text, span.range()))
    }

    /// The named captures of a match, in the order of the pattern.
    pub fn named(regex: &Regex, captures: &Captures, text: &str) -> Vec<(String, String)> {
        let Some(pattern) = captures.pattern() else { return Vec::new() };
        regex
            .group_info()
            .pattern_names(pattern)
            .enumerate()
            .filter_map(|(index, name)| {
                Some((name?.to_owned(), lossy(text, captures.get_group(index)?.range())))
            })
            .collect()
    }
}

/// A match may begin or end inside a character where the pattern speaks of bytes.
pub fn lossy(text: &str, range: std::ops::Range<usize>) -> String {
    match text.get(range.clone()) {
        Some(text) => text.to_owned(),
        None => String::from_utf8_lossy(&text.as_bytes()[range]).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern { text: text.to_owned(), unicode: false }
    }

    #[test]
    fn both_efforts_read_the_same() {
        let text = "Host: node7\nState: DOWN\n";
        for effort in [Effort::OneMail, Effort::Mailbox] {
            for (written, value) in [
                (r"^State: (\w+)$", "DOWN"),
                (r"^(?<x>Host): (?<value>\w+)$", "node7"),
                (r"^Host: (?<other>\w+) ?(?<device>7)?", ""),
                (r"node\d", "node7"),
            ] {
                let pattern = pattern(written);
                let mut patterns = Patterns::new(effort);
                patterns.add(&pattern);
                let got = patterns.value(&pattern, "device", text);
                assert_eq!(got.as_deref().unwrap_or(""), value, "{written} {effort:?}");
            }
        }
    }

    #[test]
    fn bytes_by_default_and_unicode_by_wish() {
        let text = "ä";
        assert!(!compile(&pattern(r"^\w$"), Effort::OneMail).expect("compiles").is_match(text));
        let unicode = Pattern { text: r"^\w$".into(), unicode: true };
        assert!(compile(&unicode, Effort::OneMail).expect("compiles").is_match(text));
    }

    #[test]
    fn a_match_inside_a_character_is_no_panic() {
        let dot = pattern(r"(?-u)^.");
        let mut patterns = Patterns::new(Effort::OneMail);
        patterns.add(&dot);
        assert_eq!(patterns.value(&dot, "x", "ä").as_deref(), Some("\u{fffd}"));
    }

    #[test]
    fn an_oversized_pattern_is_refused_and_matches_nothing() {
        let bomb = pattern(r"(?:\w{1,500}){1,500}");
        assert!(compile(&bomb, Effort::OneMail).is_err());
        let mut patterns = Patterns::new(Effort::OneMail);
        patterns.add(&bomb);
        assert!(!patterns.is_match(&bomb, "a"));
    }
}
