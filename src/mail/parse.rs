//! A bounded [`RawMail`] to what rules read.
//!
//! In: the first [`WINDOW_BYTES`] of a message. Out: [`Mail`]. Nothing is refused: what is damaged or too
//! much is bent or cut, and a [`Note`] says so. Pure, and linear in the window.

use super::decode::header_value;
use super::fields::{Fields, opening};
use super::model::{Address, Header, Mail, Note, RawMail, WINDOW_BYTES};
use super::parts::{Mime, Walk};
use super::{date, lines};
use jiff::Timestamp;
use mail_parser::parsers::MessageStream;
use std::borrow::Cow;

/// Most headers of one message that are kept.
const HEADERS: usize = 1_000;
/// Most bytes of all headers that are kept.
const HEADERS_BYTES: usize = 256 << 10;
/// Most bytes of one header's value that are read.
const VALUE_BYTES: usize = 16 << 10;
/// Most addresses of the From header.
const ADDRESSES: usize = 64;
/// Most message ids out of In-Reply-To and References.
const REFERENCES: usize = 100;

/// What rules read of a message. Never fails and never panics, whatever the bytes.
pub fn parse(raw: &RawMail) -> Mail {
    let window = &raw.head[..raw.head.len().min(WINDOW_BYTES)];
    let bare_cr = lines::end_of_line(window) == b'\r';
    let bytes = if bare_cr { with_lf(window) } else { lines::without_crlf(window) };
    let opening = opening(&bytes, b'\n');
    let mut fields = Fields::new(&bytes, opening.at, b'\n');
    let headers = Headers::read(&mut fields);
    let body = &bytes[fields.body_at()..];
    let mut walk = Walk::message(&headers.mime, body);
    let body = walk.body();

    let cut_by_window = raw.length > window.len() as u64;
    for (holds, note) in [
        (!fields.finished, Note::HeadersUnfinished),
        (headers.count == 0, Note::NoHeaders),
        (headers.cut, Note::HeadersCut),
        (headers.bad_charset, Note::BadCharset),
        (cut_by_window, Note::TextCut),
        (raw.oversize, Note::Oversize),
        (bare_cr, Note::BareCr),
        (opening.byte_order_mark, Note::ByteOrderMark),
        (opening.from_line, Note::FromLine),
    ] {
        if holds {
            walk.note(note);
        }
    }
    let mut mail = headers.into_mail();
    // What is nested too deep is an attack, and nothing of it is judged but what stands on the envelope.
    if !walk.notes.contains(&Note::TooDeep) {
        mail.body = body;
        mail.parts = walk.parts;
        mail.enclosed = walk.enclosed.unwrap_or_default();
    }
    mail.notes = walk.notes;
    mail
}

fn with_lf(bytes: &[u8]) -> Cow<'static, [u8]> {
    let mut out = Vec::new();
    lines::append_with_lf(bytes, &mut out);
    Cow::Owned(out)
}

/// The headers of a message, within bounds.
#[derive(Default)]
pub(super) struct Headers<'a> {
    pub(super) kept: Vec<Header>,
    pub(super) mime: Mime<'a>,
    /// Raw value of the first From.
    from: Option<&'a [u8]>,
    /// From headers, those beyond the bounds included.
    from_count: usize,
    count: usize,
    cut: bool,
    bad_charset: bool,
}

impl<'a> Headers<'a> {
    /// Reads the fields to their end; beyond the bounds it only counts.
    pub(super) fn read(fields: &mut Fields<'a>) -> Self {
        let mut headers = Self::default();
        let mut bytes_left = HEADERS_BYTES;
        for field in fields {
            headers.count += 1;
            if field.name.len() == 4 && field.is("From") {
                headers.from_count += 1;
                headers.from.get_or_insert(field.value);
            }
            if headers.kept.len() == HEADERS || bytes_left < field.name.len() {
                headers.cut = true;
                continue;
            }
            bytes_left -= field.name.len();
            headers.mime.note(field);
            let value = header_value(field.value, VALUE_BYTES.min(bytes_left));
            bytes_left = bytes_left.saturating_sub(value.text.len());
            headers.cut |= value.cut;
            headers.bad_charset |= value.bad_charset;
            let name = String::from_utf8_lossy(field.name).into_owned();
            headers.kept.push(Header { name, value: value.text });
        }
        headers
    }

    fn into_mail(self) -> Mail {
        let from = self.from.map(addresses).unwrap_or_default();
        let mut mail = Mail { headers: self.kept, from, from_headers: self.from_count, ..Mail::default() };
        mail.subject = mail.header("Subject").unwrap_or_default().to_owned();
        mail.date = mail.header("Date").and_then(date::parse);
        mail.received = mail.header("Received").and_then(time_of_receipt);
        mail.message_id =
            mail.header("Message-ID").and_then(|value| message_ids(value).next()).map(str::to_owned);
        let referring = ["In-Reply-To", "References"].into_iter().flat_map(|name| mail.headers_named(name));
        mail.references = referring.flat_map(message_ids).take(REFERENCES).map(str::to_owned).collect();
        mail
    }
}

/// RFC 5321, 4.4: the time stands after the last semicolon.
fn time_of_receipt(value: &str) -> Option<Timestamp> {
    date::parse(value.rsplit_once(';')?.1)
}

/// Message ids without their angle brackets; where there are no brackets, word by word.
fn message_ids(value: &str) -> impl Iterator<Item = &str> {
    let bracketed = value.contains('<');
    let mut rest = value;
    std::iter::from_fn(move || {
        loop {
            if bracketed {
                let (_, from) = rest.split_once('<')?;
                let end = from.find(['>', '<']).unwrap_or(from.len());
                rest = from[end..].trim_start_matches('>');
                if !from[..end].trim().is_empty() {
                    return Some(from[..end].trim());
                }
            } else {
                rest = rest.trim_start_matches([' ', '\t', ',']);
                if rest.is_empty() {
                    return None;
                }
                let (word, after) = rest.split_at(rest.find([' ', '\t', ',']).unwrap_or(rest.len()));
                rest = after;
                return Some(word.trim_matches('>')).filter(|word| !word.is_empty());
            }
        }
    })
}

/// The addresses of a From header, RFC 5322, 3.4, groups included.
fn addresses(value: &[u8]) -> Vec<Address> {
    let value = &value[..value.len().min(VALUE_BYTES)];
    let mut text = match std::str::from_utf8(value) {
        Ok(_) => value.to_vec(),
        Err(_) => header_value(value, VALUE_BYTES).text.into_bytes(),
    };
    // mail-parser takes a value as whole when it sees its line end.
    text.push(b'\n');
    let parsed = MessageStream::new(&text).parse_address();
    let Some(list) = parsed.as_address() else { return Vec::new() };
    list.iter()
        .take(ADDRESSES)
        .filter_map(|address| {
            let written = address.address.as_deref().or(address.name.as_deref())?;
            let name =
                address.address.is_some().then(|| address.name.as_deref().map(str::to_owned)).flatten();
            Some(Address { name, address: written.to_owned() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::read;
    use proptest::prelude::*;

    fn mail(bytes: impl AsRef<[u8]>) -> Mail {
        parse(&read::bytes(bytes.as_ref().to_vec()))
    }

    #[test]
    fn envelope_is_read() {
        let mail = mail(
            "Received: from a by b; Thu, 26 Feb 2026 10:00:07 +0000\nReceived: from c; Thu, 26 Feb 2026 09:00:00 +0000\n\
             Message-ID: <1@example.com>\nDate: Thu, 26 Feb 2026 11:00:00 +0100\nFrom: =?utf-8?q?J=C3=BCrgen?= <dm@is38.example.com>\n\
             Subject: SWD\n  ALERT\nIn-Reply-To: <r1@example.com>\nReferences: <r2@example.com>\n <r3@example.com>\n\nbody\n",
        );
        assert_eq!(mail.received.expect("a time").to_string(), "2026-02-26T10:00:07Z");
        assert_eq!(mail.date.expect("a date").to_string(), "2026-02-26T10:00:00Z");
        assert_eq!(mail.message_id.as_deref(), Some("1@example.com"));
        assert_eq!(mail.references, ["r1@example.com", "r2@example.com", "r3@example.com"]);
        let from = Address { name: Some("Jürgen".into()), address: "dm@is38.example.com".into() };
        assert_eq!((mail.from, mail.from_headers), (vec![from], 1));
        assert_eq!((mail.subject.as_str(), mail.body.as_str()), ("SWD ALERT", "body\n"));
        assert_eq!(mail.notes, []);
    }

    #[test]
    fn message_ids_need_no_brackets() {
        let read = |value| message_ids(value).collect::<Vec<_>>();
        assert_eq!(read("1@example.com, 2@example.com"), ["1@example.com", "2@example.com"]);
        assert_eq!(read("<1@example.com><2@example.com> (x)"), ["1@example.com", "2@example.com"]);
        assert_eq!(read("<1@example.com"), ["1@example.com"]);
        assert_eq!(read(" <> "), [""; 0]);
    }

    #[test]
    fn every_line_end_and_opening_is_read_and_noted() {
        let text = "From: dm@example.com\nSubject: failed\n\nDevice: node7\nend\n";
        for (bytes, note) in [
            (text.to_owned(), None),
            (text.replace('\n', "\r\n"), None),
            (text.replace('\n', "\r"), Some(Note::BareCr)),
            (format!("\u{feff}{text}"), Some(Note::ByteOrderMark)),
            (format!("From dm@example.com Thu Feb 26 10:00:00 2026\n{text}"), Some(Note::FromLine)),
            (format!(">From dm@example.com\n{text}"), Some(Note::FromLine)),
        ] {
            let mail = mail(&bytes);
            assert_eq!(mail.body, "Device: node7\nend\n", "{bytes:?}");
            assert_eq!((mail.subject.as_str(), mail.from[0].address.as_str()), ("failed", "dm@example.com"));
            assert_eq!(mail.notes, note.into_iter().collect::<Vec<_>>(), "{bytes:?}");
        }
    }

    #[test]
    fn cut_off_and_bare_texts_are_noted() {
        let cut = mail("From: dm@example.com\nSubj");
        assert_eq!((cut.notes, cut.body.as_str()), (vec![Note::HeadersUnfinished], "Subj"));
        let bare = mail("node7 is down\n");
        assert_eq!(
            (bare.notes, bare.body.as_str()),
            (vec![Note::HeadersUnfinished, Note::NoHeaders], "node7 is down\n")
        );
        assert_eq!(mail("").notes, [Note::HeadersUnfinished, Note::NoHeaders]);
    }

    #[test]
    fn two_senders_are_counted_even_beyond_the_bounds() {
        let text = format!("From: a@example.com\n{}From: b@example.com\n\n", "X: y\n".repeat(5_000));
        let mail = mail(text);
        assert_eq!((mail.from_headers, mail.from.len(), mail.headers.len()), (2, 1, HEADERS));
        assert_eq!((mail.from[0].address.as_str(), mail.notes), ("a@example.com", vec![Note::HeadersCut]));
    }

    #[test]
    fn subject_of_megabytes_is_cut_and_the_rest_is_read() {
        let mail = mail(format!("Subject: {}\nFrom: a@example.com\n\nbody", "x".repeat(3 << 20)));
        assert_eq!((mail.subject.len(), mail.from.len()), (VALUE_BYTES - 1, 1));
        assert_eq!((mail.body.as_str(), mail.notes), ("body", vec![Note::HeadersCut]));
    }

    #[test]
    fn headers_in_latin_1_are_read_and_noted() {
        let mail = mail(b"Subject: f\xfcr node7\nFrom: J\xfcrgen <dm@example.com>\n\nx");
        assert_eq!((mail.subject.as_str(), mail.from[0].name.as_deref()), ("für node7", Some("Jürgen")));
        assert_eq!(mail.notes, [Note::BadCharset]);
    }

    #[test]
    fn html_only_mail_has_a_body() {
        let mail = mail(
            "A: b\nContent-Type: text/html; charset=utf-8\n\n<table><tr><td>Device:</td><td>node7</td></tr></table>",
        );
        assert_eq!((mail.body.as_str(), mail.notes), ("Device:\tnode7\n", vec![Note::HtmlOnly]));
        assert!(mail.parts[0].text.starts_with("<table>"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            mail(&bytes);
        }

        #[test]
        fn any_shape_is_read(lines in prop::collection::vec(
            "(From |>From |From: |Subject: |Date: |Content-Type: (message/rfc822|text/html|multipart/(digest|mixed|alternative); boundary=b)|Content-Transfer-Encoding: (base64|quoted-printable)|--b|--b--|=?utf-8?q?|<a>| )?[ -~]{0,6}", 0..30),
            end in "\n|\r\n|\r")
        {
            let mail = mail(lines.join(&end));
            prop_assert!(mail.parts.iter().all(|part| !part.text.contains('\r')));
        }
    }
}
