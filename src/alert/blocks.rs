//! One mail, many alerts: the blocks of a mail, each of which reports one.
//!
//! In: a [`Mail`] and a format's [`Repeat`]. Out: borrowed blocks, in order. Without a repeat the body is the
//! one block.

use super::pattern::Patterns;
use super::places;
use crate::mail::Mail;
use crate::rules::model::Repeat;
use regex_automata::meta::Regex;
use regex_automata::{Input, util::captures::Captures};

/// Most alerts of one mail. A mail with more is quarantined whole: nothing of it is dropped silently.
pub const MOST_ALERTS: usize = 10_000;

/// The text that reports one alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block<'m> {
    pub text: &'m str,
    /// Named captures of a `lines` pattern.
    pub captures: Vec<(String, String)>,
}

impl<'m> Block<'m> {
    fn plain(text: &'m str) -> Self {
        Self { text, captures: Vec::new() }
    }
}

/// The blocks of a mail, at most one more than [`MOST_ALERTS`].
pub fn blocks<'m>(mail: &'m Mail, repeat: Option<&'m Repeat>, patterns: &Patterns) -> Vec<Block<'m>> {
    let Some(repeat) = repeat else { return vec![Block::plain(&mail.body)] };
    let (Repeat::Blocks { place, .. } | Repeat::Lines { place, .. } | Repeat::Groups { place, .. }) = repeat;
    let mut found = Vec::new();
    for text in places::texts(mail, place, None) {
        match repeat {
            Repeat::Blocks { start, end, .. } => {
                let Some(start) = patterns.get(start) else { continue };
                let starts: Vec<usize> =
                    lines(start, text).map(|line| line.from).take(MOST_ALERTS + 1).collect();
                for (n, &from) in starts.iter().enumerate() {
                    let block = &text[from..starts.get(n + 1).copied().unwrap_or(text.len())];
                    let first_line = block.find('\n').map_or(block.len(), |at| at + 1);
                    let end =
                        end.as_ref().and_then(|end| lines(patterns.get(end)?, &block[first_line..]).next());
                    found
                        .push(Block::plain(&block[..end.map_or(block.len(), |line| first_line + line.from)]));
                }
            }
            Repeat::Lines { line, .. } => {
                let Some(regex) = patterns.get(line) else { continue };
                let lines = lines(regex, text).filter(reports_a_device);
                found.extend(lines.take(MOST_ALERTS + 1).map(|line| Block {
                    text: text[line.from..line.to].trim_end_matches('\r'),
                    captures: Patterns::named(regex, &line.captures, text),
                }));
            }
            Repeat::Groups { key, .. } => {
                found.extend(
                    groups(text).filter(|group| has_key(group, key)).take(MOST_ALERTS + 1).map(Block::plain),
                );
            }
        }
        found.truncate(MOST_ALERTS + 1);
    }
    found
}

/// A line in which a pattern matches; a match over several lines belongs to its first and ends with its last.
struct MatchingLine {
    from: usize,
    /// Without the line end.
    to: usize,
    captures: Captures,
}

/// A `lines` pattern with a capture `device` may have alternatives without it: what they match is passed over.
fn reports_a_device(line: &MatchingLine) -> bool {
    let info = line.captures.group_info();
    let declared = line.captures.pattern().and_then(|pattern| info.to_index(pattern, "device"));
    declared.is_none_or(|group| line.captures.get_group(group).is_some())
}

/// The matching lines of a text, each once, found in one pass. Line starts are character boundaries.
fn lines<'t>(regex: &'t Regex, text: &'t str) -> impl Iterator<Item = MatchingLine> + 't {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        if at > bytes.len() {
            return None;
        }
        let mut captures = regex.create_captures();
        regex.captures(Input::new(text).range(at..), &mut captures);
        let span = captures.get_match()?;
        let from =
            bytes[at..span.start()].iter().rposition(|&byte| byte == b'\n').map_or(at, |end| at + end + 1);
        let to = memchr::memchr(b'\n', &bytes[span.end()..]).map_or(bytes.len(), |end| span.end() + end);
        at = to + 1;
        Some(MatchingLine { from, to, captures })
    })
}

/// Runs of lines between blank lines.
fn groups(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut from = None;
        let mut at = 0;
        for line in rest.split_inclusive('\n') {
            let blank = line.trim().is_empty();
            match (from, blank) {
                (None, false) => from = Some(at),
                (Some(start), true) => {
                    let group = &rest[start..at];
                    rest = &rest[at..];
                    return Some(group);
                }
                _ => {}
            }
            at += line.len();
        }
        let group = from.map(|start| &rest[start..]);
        rest = "";
        group
    })
}

fn has_key(group: &str, key: &str) -> bool {
    group
        .lines()
        .any(|line| line.split_once(':').is_some_and(|(name, _)| name.trim_end().eq_ignore_ascii_case(key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::pattern::Effort;
    use crate::rules::model::{Pattern, Place};

    fn read<'m>(mail: &'m Mail, repeat: &'m Repeat) -> Vec<Block<'m>> {
        let mut patterns = Patterns::new(Effort::OneMail);
        match repeat {
            Repeat::Blocks { start, end, .. } => {
                patterns.add(start);
                end.iter().for_each(|end| patterns.add(end));
            }
            Repeat::Lines { line, .. } => patterns.add(line),
            Repeat::Groups { .. } => {}
        }
        blocks(mail, Some(repeat), &patterns)
    }

    fn pattern(text: &str) -> Pattern {
        Pattern { text: text.into(), unicode: false }
    }

    fn mail(body: &str) -> Mail {
        Mail { body: body.into(), ..Mail::default() }
    }

    #[test]
    fn a_block_ends_before_the_next_or_at_its_end() {
        let repeat =
            Repeat::Blocks { place: Place::Body, start: pattern("^Device:"), end: Some(pattern("^-- $")) };
        let mail = mail("hello\nDevice: ä\nx\nDevice: b\ny\n-- \nsignature\n");
        let texts: Vec<&str> = read(&mail, &repeat).iter().map(|block| block.text).collect();
        assert_eq!(texts, ["Device: ä\nx\n", "Device: b\ny\n"]);
    }

    #[test]
    fn each_matching_line_is_a_block_with_captures() {
        let repeat = Repeat::Lines {
            place: Place::Body,
            line: pattern(r"fatal: \[(?<device>[^\]]+)\]: (?<announced>\w+)?"),
        };
        let mail = mail("TASK\n  fatal: [node1]: FAILED! x\r\nok: [node2]\nfatal: [node3]: ");
        let got = read(&mail, &repeat);
        assert_eq!(got[0].text, "  fatal: [node1]: FAILED! x");
        assert_eq!(
            got[0].captures,
            [("device".into(), "node1".into()), ("announced".into(), "FAILED".into())]
        );
        assert_eq!(got[1].captures, [("device".into(), "node3".into())]);
        assert_eq!(got.len(), 2);
    }

    #[test]
    fn an_alternative_without_the_device_reports_nothing() {
        let line = pattern(r"^fatal: \[\w+\][^\n]*\n\.\.\.ignoring|^fatal: \[(?<device>\w+)\]");
        let repeat = Repeat::Lines { place: Place::Body, line };
        let mail = mail("fatal: [a] x\n...ignoring\nfatal: [b] y\nfatal: [c] z\n");
        let devices: Vec<String> =
            read(&mail, &repeat).iter().map(|block| block.captures[0].1.clone()).collect();
        assert_eq!(devices, ["b", "c"]);
    }

    #[test]
    fn groups_are_separated_by_blank_lines() {
        let repeat = Repeat::Groups { place: Place::Body, key: "Final-Recipient".into() };
        let mail = mail(
            "\nReporting-MTA: dns; mx\n\nFinal-recipient: rfc822; a@b\nAction: failed\r\n\r\n\n X: y\nFinal-Recipient : c",
        );
        let texts: Vec<&str> = read(&mail, &repeat).iter().map(|block| block.text).collect();
        assert_eq!(texts, ["Final-recipient: rfc822; a@b\nAction: failed\r\n", " X: y\nFinal-Recipient : c"]);
    }

    #[test]
    fn too_many_blocks_are_noticed() {
        let repeat = Repeat::Lines { place: Place::Body, line: pattern("^x$") };
        let mail = mail(&"x\n".repeat(MOST_ALERTS + 5));
        assert_eq!(read(&mail, &repeat).len(), MOST_ALERTS + 1);
    }
}
