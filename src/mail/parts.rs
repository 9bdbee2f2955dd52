//! The structure of a mail, walked within bounds.
//!
//! In: the body of a message with LF line ends, and the few headers that tell its structure. Out: the parts
//! with text, decoded once; the text a reader sees first; the headers of the first enclosed message. Every
//! level costs one search over its own bytes, and there are at most [`DEPTH`] of them. It knows nothing of
//! the message's other headers.

use super::decode::{self, Transfer};
use super::fields::{Field, Fields, opening};
use super::model::{Header, Note, Part, TEXT_BYTES};
use super::multipart::{Pieces, boundary_in_use};
use super::parse::Headers;
use super::{html, lines};
use mail_parser::parsers::MessageStream;
use std::borrow::Cow;

/// Deepest nesting of multiparts and enclosed messages.
pub(super) const DEPTH: usize = 32;
/// Most parts of one message.
pub(super) const PARTS: usize = 500;
/// Most parts of one message and of all messages enclosed in it.
const PARTS_IN_ALL: usize = 10_000;
/// Longest Content-Type that is understood.
const CONTENT_TYPE_BYTES: usize = 2048;
/// The headers of a message or part that tell its structure; raw values.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mime<'a> {
    content_type: Option<&'a [u8]>,
    transfer: Option<&'a [u8]>,
    disposition: Option<&'a [u8]>,
}

impl<'a> Mime<'a> {
    pub(super) fn note(&mut self, field: Field<'a>) {
        let place = match field.name.len() {
            12 if field.is("Content-Type") => &mut self.content_type,
            25 if field.is("Content-Transfer-Encoding") => &mut self.transfer,
            19 if field.is("Content-Disposition") => &mut self.disposition,
            _ => return,
        };
        place.get_or_insert(field.value);
    }

    fn is_attachment(&self) -> bool {
        let value = self.disposition.unwrap_or_default().trim_ascii_start();
        value.get(..10).is_some_and(|begin| begin.eq_ignore_ascii_case(b"attachment"))
    }
}

/// What was found so far.
pub(super) struct Walk {
    pub(super) parts: Vec<Part>,
    pub(super) enclosed: Option<Vec<Header>>,
    pub(super) notes: Vec<Note>,
    /// What a reader sees first.
    first: Option<First>,
    /// Body and parts of the enclosed message that comes first.
    inner: Option<Inner>,
    children: usize,
    bounds: Bounds,
}

/// What is left of the bounds, over all messages enclosed in each other.
#[derive(Clone, Copy)]
struct Bounds {
    text: usize,
    parts: usize,
}

/// The part that a reader sees first.
struct First {
    part: usize,
    rank: Rank,
    alternative: Option<usize>,
}

/// A later part replaces a lower one; of equal ones the first stays.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Attached,
    Blank,
    Seen,
}

struct Inner {
    /// Where its own part stands.
    part: usize,
    body: String,
    parts: Vec<Part>,
    html_only: bool,
}

/// Where an entity stands.
#[derive(Clone, Copy)]
struct Place {
    depth: usize,
    in_digest: bool,
    /// The multipart/alternative it is a child of, by a number of its own.
    alternative: Option<usize>,
}

impl Walk {
    /// The parts of a message.
    pub(super) fn message(mime: &Mime<'_>, body: &[u8]) -> Self {
        let mut walk = Self::within(Bounds { text: TEXT_BYTES, parts: PARTS_IN_ALL });
        walk.entity(mime, body, Place { depth: 0, in_digest: false, alternative: None });
        walk
    }

    fn within(bounds: Bounds) -> Self {
        Self {
            parts: Vec::new(),
            enclosed: None,
            notes: Vec::new(),
            first: None,
            inner: None,
            children: 0,
            bounds,
        }
    }

    /// The text a reader sees first. A message that holds nothing but an enclosed one is read as that.
    pub(super) fn body(&mut self) -> String {
        let blank = |part: &Part| part.content_type.starts_with("text/") && part.text.trim_ascii().is_empty();
        if let Some(inner) = &self.inner
            && self.parts.iter().enumerate().all(|(at, part)| at == inner.part || blank(part))
        {
            self.note(Note::Wrapped);
            let inner = self.inner.take().expect("it was just seen");
            if inner.html_only {
                self.note(Note::HtmlOnly);
            }
            self.parts = inner.parts;
            return inner.body;
        }
        self.take_enclosed_report();
        let Some(part) = self.first.as_ref().map(|first| &self.parts[first.part]) else {
            return String::new();
        };
        if part.content_type == "text/html" {
            let text = html::to_text(&part.text);
            self.note(Note::HtmlOnly);
            return text;
        }
        part.text.clone()
    }

    /// A delivery report that a gateway or a person forwarded with a word of their own is a report still;
    /// but what a report returns may be an older one, which is none of this.
    fn take_enclosed_report(&mut self) {
        let is_report = |part: &Part| part.content_type == "message/delivery-status";
        if let Some(inner) = &mut self.inner
            && !self.parts.iter().any(is_report)
        {
            self.parts.extend(inner.parts.extract_if(.., |part| is_report(part)));
        }
    }

    pub(super) fn note(&mut self, note: Note) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn entity(&mut self, mime: &Mime<'_>, body: &[u8], place: Place) {
        let kind = Kind::of(mime, place.in_digest);
        match kind.main.as_str() {
            "multipart" => {
                let delimited = kind
                    .boundary
                    .as_deref()
                    .is_some_and(|boundary| self.multipart(boundary.as_bytes(), &kind.sub, body, place));
                if !delimited {
                    self.text(&Kind::plain(), mime, body, place);
                }
            }
            "message" if matches!(kind.sub.as_str(), "rfc822" | "global") => {
                self.enclosed_message(&kind, mime, body, place);
            }
            _ if kind.is_text() => self.text(&kind, mime, body, place),
            _ => {}
        }
    }

    /// False where the boundary never comes.
    fn multipart(&mut self, boundary: &[u8], sub: &str, body: &[u8], place: Place) -> bool {
        let mut pieces = Pieces::new(boundary, body);
        if pieces.is_empty() {
            // Rewritten headers leave mails behind whose boundary stands in the body only.
            let Some(boundary) = boundary_in_use(body) else { return false };
            pieces = Pieces::new(boundary, body);
        }
        let Some(depth) = self.deeper(place.depth) else { return true };
        // The number of children so far is as good a name as any.
        let alternative = if sub == "alternative" { Some(self.children) } else { place.alternative };
        for piece in pieces {
            if self.children == PARTS || self.bounds.parts == 0 {
                self.note(Note::PartsCut);
                break;
            }
            self.children += 1;
            self.bounds.parts -= 1;
            let mut mime = Mime::default();
            let mut fields = Fields::new(piece, 0, b'\n');
            fields.by_ref().for_each(|field| mime.note(field));
            let inside = Place { depth, in_digest: sub == "digest", alternative };
            self.entity(&mime, &piece[fields.body_at()..], inside);
        }
        true
    }

    /// One level further down, unless that is too deep.
    fn deeper(&mut self, depth: usize) -> Option<usize> {
        if depth == DEPTH {
            self.note(Note::TooDeep);
            return None;
        }
        Some(depth + 1)
    }

    fn enclosed_message(&mut self, kind: &Kind, mime: &Mime<'_>, body: &[u8], place: Place) {
        let Some(depth) = self.deeper(place.depth) else { return };
        let decoded = Transfer::of(mime.transfer).decode(body, body.len());
        let message = match &decoded {
            Cow::Borrowed(message) => Cow::Borrowed(*message),
            Cow::Owned(message) => lines::without_crlf(message),
        };
        let at = opening(&message, b'\n').at;
        let mut fields = Fields::new(&message, at, b'\n');
        let headers = Headers::read(&mut fields);
        let mut walk = Self::within(self.bounds);
        let inside = Place { depth, in_digest: false, alternative: None };
        walk.entity(&headers.mime, &message[fields.body_at()..], inside);
        let inner_body = walk.body();
        self.bounds = walk.bounds;
        for note in [Note::TooDeep, Note::PartsCut, Note::TextCut, Note::BadCharset] {
            if walk.notes.contains(&note) {
                self.note(note);
            }
        }
        let mut text = String::new();
        for header in &headers.kept {
            text.extend([&header.name, ": ", &header.value, "\n"]);
        }
        text.push('\n');
        self.cut_to_bounds(&mut text);
        text.push_str(&inner_body);
        if self.enclosed.is_none() {
            self.enclosed = Some(headers.kept);
        }
        if self.inner.is_none() {
            let html_only = walk.notes.contains(&Note::HtmlOnly);
            self.inner =
                Some(Inner { part: self.parts.len(), body: inner_body, parts: walk.parts, html_only });
        }
        self.parts.push(Part { content_type: kind.name(), text });
    }

    fn text(&mut self, kind: &Kind, mime: &Mime<'_>, body: &[u8], place: Place) {
        let decoded =
            decode::text(body, Transfer::of(mime.transfer), kind.charset.as_deref(), self.bounds.text);
        self.bounds.text -= decoded.text.len();
        if decoded.cut {
            self.note(Note::TextCut);
        }
        if decoded.bad_charset {
            self.note(Note::BadCharset);
        }
        let is_headers = matches!(kind.sub.as_str(), "rfc822-headers" | "global-headers");
        if is_headers && self.enclosed.is_none() {
            let at = opening(decoded.text.as_bytes(), b'\n').at;
            let headers = Headers::read(&mut Fields::new(decoded.text.as_bytes(), at, b'\n'));
            self.enclosed = Some(headers.kept);
        } else if matches!((kind.main.as_str(), kind.sub.as_str()), ("text", "plain" | "html")) {
            self.choose(kind, mime, &decoded.text, place);
        }
        self.parts.push(Part { content_type: kind.name(), text: decoded.text });
    }

    /// Is the part that comes next what a reader sees first?
    fn choose(&mut self, kind: &Kind, mime: &Mime<'_>, text: &str, place: Place) {
        let rank = if mime.is_attachment() {
            Rank::Attached
        } else if text.trim_ascii().is_empty() {
            Rank::Blank
        } else {
            Rank::Seen
        };
        let better = self.first.as_ref().is_none_or(|first| {
            let plainer = kind.sub == "plain"
                && self.parts[first.part].content_type == "text/html"
                && first.alternative.is_some()
                && first.alternative == place.alternative;
            rank > first.rank || rank == first.rank && plainer
        });
        if better {
            self.first = Some(First { part: self.parts.len(), rank, alternative: place.alternative });
        }
    }

    fn cut_to_bounds(&mut self, text: &mut String) {
        if text.len() > self.bounds.text {
            text.truncate(text.floor_char_boundary(self.bounds.text));
            self.note(Note::TextCut);
        }
        self.bounds.text -= text.len();
    }
}

/// A content type, lower case, with the parameters that matter.
struct Kind {
    main: String,
    sub: String,
    charset: Option<String>,
    boundary: Option<String>,
    file_name: Option<String>,
}

impl Kind {
    fn plain() -> Self {
        Self::named("text", "plain")
    }

    fn named(main: &str, sub: &str) -> Self {
        Self { main: main.into(), sub: sub.into(), charset: None, boundary: None, file_name: None }
    }

    /// RFC 2045, 5.2: without a type it is text; in a digest it is a message (RFC 2046, 5.1.5).
    fn of(mime: &Mime<'_>, in_digest: bool) -> Self {
        let absent = || if in_digest { Self::named("message", "rfc822") } else { Self::plain() };
        let Some(value) = mime.content_type else { return absent() };
        // mail-parser takes a value as whole when it sees its line end.
        let value = [&value[..value.len().min(CONTENT_TYPE_BYTES)], b"\n"].concat();
        let parsed = MessageStream::new(&value).parse_content_type();
        let Some(content_type) = parsed.as_content_type() else { return absent() };
        let attribute = |name| content_type.attribute(name).map(str::to_owned);
        Self {
            main: content_type.ctype().to_ascii_lowercase(),
            sub: content_type.subtype().unwrap_or_default().to_ascii_lowercase(),
            charset: attribute("charset"),
            boundary: attribute("boundary").filter(|boundary| !boundary.is_empty()),
            file_name: attribute("name"),
        }
    }

    fn name(&self) -> String {
        format!("{}/{}", self.main, self.sub)
    }

    /// Text by its type, or by its file name where the type says nothing.
    fn is_text(&self) -> bool {
        let sub = self.sub.as_str();
        match self.main.as_str() {
            "text" | "message" => true,
            "application" if sub == "octet-stream" => self.file_name.as_ref().is_some_and(|name| {
                let name = name.to_ascii_lowercase();
                [".txt", ".log", ".json", ".csv", ".yaml", ".yml", ".xml"]
                    .iter()
                    .any(|end| name.ends_with(end))
            }),
            "application" => {
                let of = |format: &str| {
                    sub == format || sub.rsplit_once('+').is_some_and(|(_, end)| end == format)
                };
                ["json", "xml", "yaml", "x-yaml"].into_iter().any(of)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{Mail, parse, read};

    fn mail(text: &str) -> Mail {
        parse(&read::bytes(text.replace('\n', "\r\n").into_bytes()))
    }

    fn parts(mail: &Mail) -> Vec<(&str, &str)> {
        mail.parts.iter().map(|part| (part.content_type.as_str(), part.text.as_str())).collect()
    }

    const BOUNCE: &str = "From: MAILER-DAEMON@example.com
Content-Type: multipart/report; report-type=delivery-status; boundary=\"=_b\"

preamble
--=_b

It could not be delivered.
--=_b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; a@node7.example.com
--=_b
Content-Type: message/rfc822

From: dm@example.com
Subject: =?utf-8?q?f=C3=BCr?= node7

original
--=_b--
epilogue
";

    #[test]
    fn bounce_gives_its_status_and_the_headers_of_what_it_returns() {
        let mail = mail(BOUNCE);
        assert_eq!(mail.body, "It could not be delivered.");
        let status = "Reporting-MTA: dns; mx.example.com\n\nFinal-Recipient: rfc822; a@node7.example.com";
        let returned = "From: dm@example.com\nSubject: für node7\n\noriginal";
        assert_eq!(
            parts(&mail),
            [
                ("text/plain", "It could not be delivered."),
                ("message/delivery-status", status),
                ("message/rfc822", returned)
            ]
        );
        assert_eq!(mail.enclosed[1].value, "für node7");
        assert_eq!(mail.notes, []);
    }

    #[test]
    fn forwarded_report_is_a_report_but_a_returned_one_is_not() {
        let forward = |bounce: &str| {
            mail(&format!(
                "From: gate@example.com\nContent-Type: multipart/mixed; boundary=o\n\n--o\n\nSee below.\n--o\nContent-Type: message/rfc822\n\n{bounce}\n--o--\n"
            ))
        };
        let forwarded = forward(BOUNCE);
        assert_eq!(forwarded.body, "See below.");
        let types: Vec<_> = parts(&forwarded).into_iter().map(|(name, _)| name).collect();
        assert_eq!(types, ["text/plain", "message/rfc822", "message/delivery-status"]);
        let returned = BOUNCE.replace("=_b", "=_c");
        let double = mail(&BOUNCE.replace("From: dm@example.com\n", &returned));
        let reports = double.parts.iter().filter(|part| part.content_type == "message/delivery-status");
        assert_eq!(reports.count(), 1);
    }

    #[test]
    fn report_with_a_wrong_boundary_or_an_indented_delimiter_is_read() {
        for damaged in [BOUNCE.replace("\"=_b\"", "\"=_a\""), BOUNCE.replacen("\n--=_b\n", "\n \t--=_b\n", 2)]
        {
            let mail = mail(&damaged);
            assert_eq!(mail.body, "It could not be delivered.", "{damaged}");
            assert_eq!(mail.parts[1].content_type, "message/delivery-status");
        }
    }

    #[test]
    fn returned_headers_are_enclosed() {
        let mail = mail(&BOUNCE.replace("message/rfc822", "text/rfc822-headers"));
        assert_eq!(mail.enclosed.len(), 2);
        assert_eq!(mail.parts[2].content_type, "text/rfc822-headers");
    }

    #[test]
    fn wrapper_is_read_as_what_it_encloses() {
        let inner = "From: dm@example.com\nSubject: inner\n\nDevice: node7\n";
        let bare =
            format!("From: master@example.com\nSubject: outer\nContent-Type: message/rfc822\n\n{inner}");
        let forwarded = format!(
            "From: master@example.com\nSubject: outer\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n \n--b\nContent-Type: message/rfc822\n\n{inner}\n--b--\n"
        );
        // The same in base64, which RFC 2046 forbids and gateways do.
        let encoded = "From: master@example.com\nSubject: outer\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nRnJvbTogZG1AZXhhbXBsZS5jb20KU3ViamVjdDogaW5uZXIKCkRldmljZTogbm9kZTcK\n";
        for text in [&bare, &forwarded, encoded] {
            let mail = mail(text);
            assert_eq!((mail.subject.as_str(), mail.body.as_str()), ("outer", "Device: node7\n"), "{text}");
            assert_eq!(mail.from[0].address, "master@example.com");
            assert_eq!(mail.enclosed[1].value, "inner");
            assert_eq!(parts(&mail), [("text/plain", "Device: node7\n")]);
            assert_eq!(mail.notes, [Note::Wrapped]);
        }
    }

    #[test]
    fn plain_alternative_is_read_wherever_it_stands() {
        let alternative = |first: &str, second: &str| {
            mail(&format!(
                "A: b\nContent-Type: multipart/alternative; boundary=b\n\n--b\n{first}\n--b\n{second}\n--b--\n"
            ))
        };
        let html = "Content-Type: text/html\n\n<p>html</p>";
        let plain = "Content-Type: text/plain\n\nplain";
        assert_eq!(alternative(html, plain).body, "plain");
        assert_eq!(alternative(plain, html).body, "plain");
        let blank = alternative("Content-Type: text/plain\n\n \n", html);
        assert_eq!((blank.body.as_str(), &blank.notes[..]), ("html\n", &[Note::HtmlOnly][..]));
        let mixed =
            mail(&format!("A: b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n{html}\n--b\n{plain}\n"));
        assert_eq!(mixed.body, "html\n");
    }

    #[test]
    fn text_attachments_are_parts_and_binaries_are_not() {
        let mail = mail(
            "A: b\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Disposition: attachment\n\nnot the body\n--b\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nf=FCr\n--b\nContent-Type: image/png\n\nx\n--b\nContent-Type: application/octet-stream; name=\"trace.LOG\"\nContent-Transfer-Encoding: base64\n\nbG9n\n--b--\n",
        );
        assert_eq!(mail.body, "für");
        assert_eq!(
            parts(&mail),
            [("text/plain", "not the body"), ("text/plain", "für"), ("application/octet-stream", "log")]
        );
    }

    #[test]
    fn delimiter_of_another_part_or_inside_a_line_separates_nothing() {
        let mail = mail(
            "A: b\nContent-Type: multipart/mixed; boundary=b1\n\n--b1\n\n--b10\nx --b1\n--b1x\n--b1--\n",
        );
        assert_eq!(mail.body, "--b10\nx --b1\n--b1x");
        let without = super::tests::mail("A: b\nContent-Type: multipart/mixed; boundary=zz\n\nall of it\n");
        assert_eq!(without.body, "all of it\n");
    }

    #[test]
    fn digest_of_three_hundred_messages_is_read() {
        let mut text = "A: b\nContent-Type: multipart/digest; boundary=b\n\n".to_owned();
        for number in 0..300 {
            text.push_str(&format!("--b\n\nSubject: {number}\nContent-Type: multipart/alternative; boundary=i\n\n--i\n\nDevice: node{number}\n--i\nContent-Type: text/html\n\n<p>x\n--i--\n\n"));
        }
        let mail = mail(&(text + "--b--\n"));
        assert_eq!((mail.parts.len(), &mail.notes[..]), (300, &[][..]));
        assert!(mail.parts[299].text.ends_with("\n\nDevice: node299"), "{}", mail.parts[299].text);
    }

    fn nested(levels: usize, wrapper: &str) -> String {
        (0..levels).map(|level| wrapper.replace('#', &level.to_string())).collect::<String>() + "\ndeep\n"
    }

    #[test]
    fn what_is_nested_too_deep_is_judged_by_its_headers() {
        let multipart = "Content-Type: multipart/mixed; boundary=b#\n\n--b#\n";
        for wrapper in ["Content-Type: message/rfc822\n\n", multipart] {
            let deep = mail(&nested(DEPTH + 1, wrapper));
            assert_eq!((deep.notes.contains(&Note::TooDeep), deep.parts.len()), (true, 0), "{wrapper}");
            assert_eq!((deep.body.as_str(), deep.headers.len()), ("", 1));
            let level = mail(&nested(DEPTH, wrapper));
            assert_eq!((level.notes.contains(&Note::TooDeep), level.body.as_str()), (false, "deep\n"));
        }
        mail(&nested(80_000, "Content-Type: message/rfc822\n\n"));
    }

    #[test]
    fn parts_and_text_are_cut_at_their_bounds() {
        let head = "A: b\nContent-Type: multipart/mixed; boundary=b\n\n";
        let many = mail(&(head.to_owned() + &"--b\n\nx\n".repeat(PARTS + 1)));
        assert_eq!((many.parts.len(), &many.notes[..]), (PARTS, &[Note::PartsCut][..]));
        let long =
            mail(&(head.to_owned() + &format!("--b\n\n{}\n", "x".repeat(TEXT_BYTES / 2 + 1)).repeat(3)));
        assert_eq!(long.parts.iter().map(|part| part.text.len()).sum::<usize>(), TEXT_BYTES);
        assert_eq!(long.notes, [Note::TextCut]);
    }
}
