//! Foreign text in cells: made visible, measured, cut and wrapped.
//!
//! In: any text, columns. Out: printable text of no more than so many columns. It does not know what it says.

use super::theme::Theme;
use crate::redistribution::model::Token;
use crate::shown::Shown;
use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Marks that may stand on one character; more are written out.
const STACKED: usize = 3;

/// What stands for a secret, however long it is.
const MASK: &str = "********";

pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// Text without anything that a terminal would obey, and without what this one cannot show.
pub(super) fn clean(text: &str, theme: Theme) -> String {
    let shown = Shown::new(text).to_string();
    if shown.is_ascii() {
        return shown;
    }
    let mut out = String::with_capacity(shown.len());
    let mut marks = STACKED;
    for c in shown.chars() {
        let wide = c.width().unwrap_or(0);
        marks = if wide == 0 { marks + 1 } else { 0 };
        if (!theme.unicode && !c.is_ascii()) || marks > STACKED {
            out.push_str(&format!("\\u{{{:x}}}", c as u32));
        } else {
            out.push(c);
        }
    }
    out
}

/// As much of a text as may be needed to fill so many columns.
fn head(text: &str, columns: usize) -> Cow<'_, str> {
    let most = (columns + 2) * (STACKED + 1);
    match text.char_indices().nth(most) {
        Some((end, _)) => Cow::Borrowed(&text[..end]),
        None => Cow::Borrowed(text),
    }
}

/// The text in no more than so many columns; where it is cut, dots say so.
pub(super) fn fit(text: &str, columns: usize, theme: Theme) -> String {
    let part = head(text, columns);
    let whole = part.len() == text.len();
    let shown = clean(&part, theme);
    if whole && width(&shown) <= columns {
        return shown;
    }
    let dots = if theme.dots().width() <= columns { theme.dots() } else { "." };
    if columns == 0 {
        return String::new();
    }
    let mut out = cut(&shown, columns - width(dots).min(columns)).0.to_owned();
    out.push_str(dots);
    out
}

/// Splits a printable text behind the last character that still fits.
fn cut(text: &str, columns: usize) -> (&str, &str) {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > columns {
            return text.split_at(at);
        }
    }
    (text, "")
}

/// [`fit`], filled up with blanks.
pub(super) fn pad(text: &str, columns: usize, theme: Theme) -> String {
    let mut out = fit(text, columns, theme);
    out.extend(std::iter::repeat_n(' ', columns.saturating_sub(width(&out))));
    out
}

/// [`fit`], set to the right.
pub(super) fn right(text: &str, columns: usize, theme: Theme) -> String {
    let shown = fit(text, columns, theme);
    format!("{}{shown}", " ".repeat(columns.saturating_sub(width(&shown))))
}

/// The whole text in lines of so many columns, broken at blanks where there are any.
pub(super) fn wrap(text: &str, columns: usize, theme: Theme) -> Vec<String> {
    lines(&clean(text, theme), columns, true)
}

/// The whole text in lines of so many columns, broken behind a blank, comma or slash where one is near, else anywhere:
/// nothing is added or left out at a break.
pub(super) fn chop(text: &str, columns: usize, theme: Theme) -> Vec<String> {
    lines(&clean(text, theme), columns, false)
}

fn lines(text: &str, columns: usize, at_blanks: bool) -> Vec<String> {
    // A wide character needs two.
    let columns = columns.max(2);
    let mut rest = text;
    let mut out = Vec::new();
    loop {
        let (mut line, mut after) = cut(rest, columns);
        if after.is_empty() {
            break;
        }
        if at_blanks
            && !after.starts_with(' ')
            && let Some(blank) = line.rfind(' ').filter(|blank| *blank > 0)
        {
            (line, after) = rest.split_at(blank + 1);
        }
        if !at_blanks && let Some(near) = line.rfind([' ', ',', '/']).filter(|near| near * 3 > line.len() * 2)
        {
            (line, after) = rest.split_at(near + 1);
        }
        if at_blanks {
            after = after.trim_start_matches(' ');
        }
        out.push(if at_blanks { line.trim_end().to_owned() } else { line.to_owned() });
        rest = after;
    }
    if !rest.is_empty() || out.is_empty() {
        out.push(rest.to_owned());
    }
    out
}

/// An element of an argument vector: masked if secret; quoted where its ends would not be seen.
pub(super) fn element(token: &Token) -> Cow<'_, str> {
    if token.secret { Cow::Borrowed(MASK) } else { edges(&token.text) }
}

/// Quotes around a text that is empty, or begins or ends with a blank or a quote.
fn edges(text: &str) -> Cow<'_, str> {
    let unclear = |c: char| c == '"' || c.is_whitespace();
    if text.is_empty() || text.starts_with(unclear) || text.ends_with(unclear) {
        Cow::Owned(format!("\"{text}\""))
    } else {
        Cow::Borrowed(text)
    }
}

/// `1 job`, `2 jobs`.
pub(super) fn count(number: usize, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Theme = Theme { colour: false, unicode: true };
    const BARE: Theme = Theme { colour: false, unicode: false };

    #[test]
    fn a_cut_is_never_silent() {
        assert_eq!(fit("connection refused", 10, FULL), "connectio…");
        assert_eq!(fit("connection refused", 10, BARE), "connect...");
        assert_eq!(fit("connection", 10, FULL), "connection");
        assert_eq!(
            (fit("ab", 1, FULL), fit("ab", 1, BARE), fit("ab", 0, FULL)),
            ("…".into(), ".".into(), "".into())
        );
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(fit("日本語版", 5, FULL), "日本…");
        assert_eq!(width(&pad("日本", 7, FULL)), 7);
        assert_eq!(chop("日本語", 3, FULL), ["日", "本", "語"]);
    }

    #[test]
    fn where_the_locale_is_not_utf8_everything_is_ascii() {
        assert_eq!(clean("Gebäude", BARE), r"Geb\u{e4}ude");
    }

    #[test]
    fn marks_do_not_pile_up() {
        let piled = format!("a{}", "\u{301}".repeat(5));
        assert_eq!(clean(&piled, FULL), format!("a{}{}", "\u{301}".repeat(3), r"\u{301}\u{301}"));
        assert_eq!(clean("\u{301}a", FULL), r"\u{301}a");
    }

    #[test]
    fn wrapped_words_stay_whole_and_chopped_text_keeps_every_byte() {
        assert_eq!(wrap("the list has changed since", 12, FULL), ["the list has", "changed", "since"]);
        assert_eq!(chop("a  b  c", 3, FULL).concat(), "a  b  c");
        assert_eq!(chop("node1,node2,node3", 13, FULL), ["node1,node2,", "node3"]);
        assert_eq!(wrap("", 5, FULL), [""]);
    }

    #[test]
    fn ends_of_an_element_are_seen_and_secrets_are_not() {
        let token = |text: &str, secret| Token { text: text.into(), place: None, secret };
        assert_eq!(element(&token("", false)), "\"\"");
        assert_eq!(element(&token("a ", false)), "\"a \"");
        assert_eq!(element(&token("\"\"", false)), "\"\"\"\"");
        assert_eq!(element(&token("plain", false)), "plain");
        assert_eq!(element(&token("--token=abc", true)), MASK);
    }
}
