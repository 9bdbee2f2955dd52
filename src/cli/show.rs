//! How results are printed: lines, tables, JSON, times.
//!
//! In: values of other rooms. Out: text on standard output in which nothing hostile stays active, written so
//! that a reader who is gone (`| head`) is no failure. It does not know what is printed.

use super::{Exit, Failure, times};
use crate::alert::Outcome;
use crate::shown::{Shown, is_hidden};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};
use std::fmt::Display;
use std::io::{self, BufWriter, StdoutLock, Write};
use unicode_width::UnicodeWidthStr;

/// Standard output of a command. A closed pipe ends the printing, not the command.
pub(super) struct Out {
    to: BufWriter<StdoutLock<'static>>,
}

impl Out {
    pub(super) fn new() -> Self {
        Self { to: BufWriter::with_capacity(1 << 16, io::stdout().lock()) }
    }

    /// One line. Texts from elsewhere go through [`one`] first.
    pub(super) fn line(&mut self, line: impl Display) {
        let _ = writeln!(self.to, "{line}");
    }

    /// Bytes as they are: raw mails, man pages.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let _ = self.to.write_all(bytes);
    }

    /// An object as one line of JSON, its `schema` first.
    pub(super) fn json(&mut self, schema: &'static str, value: impl Serialize) {
        self.line(json(&Object { schema, value }));
    }

    /// A list as one line of JSON: `{"schema":…,"items":[…]}`.
    pub(super) fn items<T: Serialize>(&mut self, schema: &'static str, items: &[T]) {
        self.json(schema, Items { items });
    }

    /// `Name: value` lines whose values stand below each other; empty values are left out.
    pub(super) fn pairs(&mut self, pairs: &[(&str, String)]) {
        let width = pairs.iter().filter(|(_, v)| !v.is_empty()).map(|(n, _)| n.len()).max().unwrap_or(0);
        for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
            self.line(format!("{name:<width$}  {value}"));
        }
    }

    pub(super) fn table(&mut self, table: &Table) {
        for line in table.lines() {
            self.line(line);
        }
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        let _ = self.to.flush();
    }
}

/// One line on standard output, made inert; a reader that is gone is no trouble.
pub(super) fn say(line: impl Display) {
    let _ = writeln!(io::stdout(), "{}", Shown::new(&line.to_string()));
}

/// One line on standard error, made inert: paths and replies in an error are anybody's text. Never fails, not
/// even where nobody listens.
pub(super) fn tell(line: impl Display) {
    let _ = writeln!(io::stderr(), "{}", Shown::new(&line.to_string()));
}

/// The same for what stands on several lines by our own doing: a list of mistakes, a panic.
pub(super) fn tell_lines(lines: impl Display) {
    let _ = writeln!(io::stderr(), "{}", Shown::lines(&lines.to_string()));
}

/// Progress on standard error, over what stood there.
pub(super) fn progress(text: impl Display) {
    let _ = write!(io::stderr(), "{text}");
}

#[derive(Serialize)]
struct Object<T> {
    schema: &'static str,
    #[serde(flatten)]
    value: T,
}

#[derive(Serialize)]
struct Items<'a, T> {
    items: &'a [T],
}

/// JSON on one line in which every character a terminal could act on is a `\u` escape.
pub(super) fn json(value: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, Inert(CompactFormatter));
    value.serialize(&mut serializer).expect("our own types have string keys");
    String::from_utf8(bytes).expect("JSON of strings is UTF-8")
}

/// A value as JSON over several lines, for files that people read; as inert on a terminal.
pub(super) fn json_lines(value: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(value).expect("our own types have string keys");
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        // Between the strings there are only line ends.
        if is_hidden(c) && c != '\n' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = std::fmt::Write::write_fmt(&mut shown, format_args!("\\u{unit:04x}"));
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

/// JSON escapes C0 by itself; DEL, C1, bidirectional and zero-width characters are escaped here.
struct Inert(CompactFormatter);

impl Formatter for Inert {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, to: &mut W, fragment: &str) -> io::Result<()> {
        let mut plain = 0;
        for (at, c) in fragment.char_indices().filter(|(_, c)| is_hidden(*c)) {
            to.write_all(&fragment.as_bytes()[plain..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(to, "\\u{unit:04x}")?;
            }
            plain = at + c.len_utf8();
        }
        to.write_all(&fragment.as_bytes()[plain..])
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(to, first)
    }
}

/// Columns of text; the last one may be of any length.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(heads: &[&str]) -> Self {
        Self { rows: vec![heads.iter().map(|h| (*h).to_owned()).collect()] }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        let columns = self.rows[0].len();
        let widths: Vec<usize> = (0..columns)
            .map(|c| self.rows.iter().filter_map(|r| r.get(c)).map(|s| s.width()).max().unwrap_or(0))
            .collect();
        self.rows.iter().map(move |row| {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width()) + 2));
            }
            line.truncate(line.trim_end().len());
            line
        })
    }
}

/// A text from elsewhere, for a one-line place, at most 80 characters of it.
pub(super) fn short(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        None => one(text),
        Some((at, _)) => format!("{}…", Shown::new(&text[..at])),
    }
}

/// A text from elsewhere, for a one-line place.
pub(super) fn one(text: &str) -> String {
    Shown::new(text).to_string()
}

/// The same where there may be none: `-`.
pub(super) fn maybe(text: Option<&str>) -> String {
    text.map_or_else(|| "-".to_owned(), one)
}

/// A command as one line that a shell takes apart again exactly so: names in it may be attackers' text.
pub(super) fn command(argv: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-:/=+@,".contains(c);
    let quoted = |word: &String| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", one(word).replace('\'', r"'\''"))
        }
    };
    argv.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// A time as people here read it, to the second, with its offset; `--since` takes it back.
pub(super) fn time(at: Timestamp) -> String {
    let local = at.to_zoned(times::zone());
    let zulu = local.offset().is_zero();
    local.strftime(if zulu { "%Y-%m-%d %H:%M:%SZ" } else { "%Y-%m-%d %H:%M:%S%:z" }).to_string()
}

/// The same where there may be none: `never`.
pub(super) fn time_or_never(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "never".to_owned(), time)
}

/// The time an option names; `option` is how it is called in the error.
pub(super) fn point(option: &str, text: Option<&str>, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
    text.map(|text| times::parse(text, now).map_err(|e| Failure::say(Exit::Usage, format!("{option}: {e}"))))
        .transpose()
}

/// `1 mail`, `2 mails`.
pub(super) fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Reads an outcome; completions know the words.
pub(super) fn outcomes() -> impl clap::builder::TypedValueParser<Value = Outcome> {
    use clap::builder::TypedValueParser;
    clap::builder::PossibleValuesParser::new(Outcome::ALL.map(Outcome::word)).map(|word| {
        Outcome::ALL.into_iter().find(|o| o.word() == word).expect("only these words are possible")
    })
}

/// `--limit`: 0 means all.
pub(super) fn limit(given: usize) -> usize {
    if given == 0 { usize::MAX >> 1 } else { given }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_inert_on_a_terminal_and_still_the_same_text() {
        let hostile = "a\u{9b}2J\u{202e}b\u{7f}\u{e0041}\x1b[0mé";
        let printed = json(&Object { schema: "x/1", value: serde_json::json!({ "t": hostile }) });
        assert_eq!(printed, r#"{"schema":"x/1","t":"a\u009b2J\u202eb\u007f\udb40\udc41\u001b[0mé"}"#);
        let back: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
        assert_eq!(back["t"], hostile);
    }

    #[test]
    fn columns_stand_below_each_other_and_lines_end_without_blanks() {
        let mut table = Table::new(&["A", "LONGER", "C"]);
        table.row(["x".into(), "é".into(), "last".into()]);
        table.row(["xyz".into(), "-".into(), String::new()]);
        table.row(["x".into(), "日本".into(), "last".into()]);
        let lines = ["A    LONGER  C", "x    é       last", "xyz  -", "x    日本    last"];
        assert_eq!(table.lines().collect::<Vec<_>>(), lines);
    }

    #[test]
    fn a_printed_command_stays_one_command_whatever_a_name_holds() {
        let argv = ["redistribute", "--server", "x; rm -rf ~ 'y' $(z)\n"].map(str::to_owned);
        assert_eq!(command(&argv), r"redistribute --server 'x; rm -rf ~ '\''y'\'' $(z)\n'");
    }

    #[test]
    fn an_empty_list_is_an_object_with_no_items() {
        let none: [u8; 0] = [];
        let printed = json(&Object { schema: "x/1", value: Items { items: &none } });
        assert_eq!(printed, r#"{"schema":"x/1","items":[]}"#);
    }
}
