//! Header fields, found without copying.
//!
//! In: the bytes of a message or of a part, and what ends their lines. Out: name and raw value of each
//! field, and where the body begins. Headers end at the first empty line, or before the first line that
//! is neither a field nor a continuation, as Postfix reads them. It decodes nothing.

use memchr::memchr;

/// One field: its name, and its raw value with folds, without the last line end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
}

impl Field<'_> {
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// What stands before the first field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opening {
    /// Where the first field begins.
    pub(super) at: usize,
    pub(super) byte_order_mark: bool,
    pub(super) from_line: bool,
}

/// Passes a byte order mark, empty lines, and the `From ` (or quoted `>From `) lines of a mailbox.
pub(super) fn opening(bytes: &[u8], end_of_line: u8) -> Opening {
    let byte_order_mark = bytes.starts_with(b"\xef\xbb\xbf");
    let mut at = if byte_order_mark { 3 } else { 0 };
    let mut from_line = false;
    while at < bytes.len() {
        let (line, next) = line_at(bytes, at, end_of_line);
        let from = line.starts_with(b"From ") || line.starts_with(b">From ");
        if !from && !line.is_empty() {
            break;
        }
        from_line |= from;
        at = next;
    }
    Opening { at, byte_order_mark, from_line }
}

/// The fields of the headers that begin at `at`.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    end_of_line: u8,
    done: bool,
    /// An empty line ended the headers.
    pub(super) finished: bool,
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize, end_of_line: u8) -> Self {
        Self { bytes, at, end_of_line, done: false, finished: false }
    }

    /// Where the body begins, once the iterator has come to its end.
    pub(super) fn body_at(&self) -> usize {
        self.at
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        while !self.done && self.at < self.bytes.len() {
            let (line, mut next) = line_at(self.bytes, self.at, self.end_of_line);
            if line.is_empty() {
                self.finished = true;
                self.at = next;
                break;
            }
            if line.starts_with(b">From ") {
                self.at = next;
                continue;
            }
            let Some((name, value)) = split(line) else { break };
            let value_at = self.at + value;
            let mut value_end = self.at + line.len();
            while let Some(b' ' | b'\t') = self.bytes.get(next) {
                let (fold, after) = line_at(self.bytes, next, self.end_of_line);
                value_end = next + fold.len();
                next = after;
            }
            self.at = next;
            return Some(Field { name, value: &self.bytes[value_at..value_end] });
        }
        self.done = true;
        None
    }
}

/// The pieces of a raw value, one per line, without the white space around them; joined with one space
/// each they are the unfolded, trimmed value.
pub(super) fn unfolded(value: &[u8], end_of_line: u8) -> impl Iterator<Item = &[u8]> + Clone {
    value.split(move |&byte| byte == end_of_line).map(<[u8]>::trim_ascii).filter(|piece| !piece.is_empty())
}

/// The line at `at` without its end, and where the next one begins.
fn line_at(bytes: &[u8], at: usize, end_of_line: u8) -> (&[u8], usize) {
    let rest = &bytes[at..];
    let (mut line, next) = match memchr(end_of_line, rest) {
        Some(end) => (&rest[..end], at + end + 1),
        None => (rest, bytes.len()),
    };
    while let [before @ .., b'\r'] = line {
        line = before;
    }
    (line, next)
}

/// Name of a field and where its value begins; none where the line is no field.
fn split(line: &[u8]) -> Option<(&[u8], usize)> {
    let end = line.iter().position(|byte| !matches!(byte, b'!'..=b'9' | b';'..=b'~'))?;
    let spaces = line[end..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    (end > 0 && line.get(end + spaces) == Some(&b':')).then_some((&line[..end], end + spaces + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (Vec<(String, String)>, usize, bool) {
        let end_of_line = super::super::lines::end_of_line(bytes);
        let mut fields = Fields::new(bytes, opening(bytes, end_of_line).at, end_of_line);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let found = fields
            .by_ref()
            .map(|field| {
                let value: Vec<_> = unfolded(field.value, end_of_line).collect();
                (text(field.name), text(&value.join(&b' ')))
            })
            .collect();
        (found, fields.body_at(), fields.finished)
    }

    #[test]
    fn folds_are_joined_whatever_ends_the_lines() {
        for end in ["\n", "\r\n", "\r"] {
            let mail = format!("Subject : a{end}\t b  c {end}X: {end}{end}body");
            let (found, at, finished) = read(mail.as_bytes());
            assert_eq!(found, [("Subject".into(), "a b  c".into()), ("X".into(), String::new())], "{end:?}");
            assert_eq!((&mail[at..], finished), ("body", true), "{end:?}");
        }
    }

    #[test]
    fn line_that_is_no_field_begins_the_body() {
        let mail = b"Subject: a\nFailed at: noon\nFrom: b\n\n";
        let (found, at, finished) = read(mail);
        assert_eq!(found, [("Subject".into(), "a".into())]);
        assert_eq!((&mail[at..], finished), (&b"Failed at: noon\nFrom: b\n\n"[..], false));
    }

    #[test]
    fn mailbox_lines_byte_order_mark_and_empty_lines_are_passed() {
        let mail = b"\xef\xbb\xbf\n\nFrom x@example.com Thu\n>From y\nA: b\n>From z\nC: d\n";
        let (found, _, finished) = read(mail);
        assert_eq!(found, [("A".into(), "b".into()), ("C".into(), "d".into())]);
        assert!(!finished);
        assert!(opening(mail, b'\n').byte_order_mark && opening(mail, b'\n').from_line);
    }

    #[test]
    fn stray_cr_inside_a_header_does_not_end_it() {
        let (found, ..) = read(b"Subject: a\rb\r\nFrom: c\r\n\r\n");
        assert_eq!(found, [("Subject".into(), "a\rb".into()), ("From".into(), "c".into())]);
    }
}
