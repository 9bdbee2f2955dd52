//! By what the same message is recognised again; the definition stands at [`Identity`].
//!
//! In: the window of a message, then the rest of its body in pieces of any size. Out: its [`Identity`], or
//! the key that a shorter copy of it would have. Memory does not grow with the body.
//!
//! A message with none of the four headers has its header lines counted as body: two reports that came
//! as bare text may not be taken for each other.

use super::Identity;
use super::date::{self, DATE_BYTES};
use super::fields::{Field, Fields, opening, unfolded};
use super::lines::{append_with_lf, end_of_line};
use memchr::{memchr, memchr_iter};
use sha2::{Digest, Sha256};

/// Length that stands for a header that is absent.
const ABSENT: u64 = u64::MAX;

/// An identity in the making: the headers are in, the body follows.
pub(super) struct Making {
    head: [u8; 32],
    minute: u32,
    has_message_id: bool,
    body: Body,
}

impl Making {
    /// Takes in the headers of `window` and all of the body that it holds.
    pub(super) fn of_window(window: &[u8]) -> Self {
        Self::bounded(window, u64::MAX)
    }

    /// The same, of a body that ends after `length` normalised bytes.
    pub(super) fn bounded(window: &[u8], length: u64) -> Self {
        let end_of_line = end_of_line(window);
        let first = opening(window, end_of_line).at;
        let mut fields = Fields::new(window, first, end_of_line);
        let four = Four::find(&mut fields);
        let mut hash = Sha256::new();
        for field in [four.message_id, four.from, four.date, four.subject] {
            take_in(&mut hash, field, end_of_line);
        }
        let mut making = Self {
            head: hash.clone().finalize().into(),
            minute: four.date.map_or(0, |field| minute(field, end_of_line)),
            has_message_id: four.message_id.is_some(),
            body: Body::new(hash, length),
        };
        let body = &window[if four.any() { fields.body_at() } else { first }..];
        if fields.finished || !making.has_message_id || !is_cut_off_name(body) {
            making.body(body);
        }
        making
    }

    /// Takes in the next piece of the body.
    pub(super) fn body(&mut self, piece: &[u8]) {
        self.body.take_in(piece);
    }

    /// As much of the body as was asked for is in.
    pub(super) fn is_full(&self) -> bool {
        self.body.left == 0
    }

    pub(super) fn finish(self) -> Identity {
        let (full, body_length) = self.body.finish();
        Identity {
            head: self.head,
            full,
            body_length,
            minute: self.minute,
            has_message_id: self.has_message_id,
        }
    }
}

/// A copy that was cut off inside a header's name ends in the beginning of that name, which is no body.
fn is_cut_off_name(body: &[u8]) -> bool {
    body.trim_ascii_end().iter().all(u8::is_ascii_graphic)
}

/// First occurrence of each header that tells messages apart.
#[derive(Default)]
struct Four<'a> {
    message_id: Option<Field<'a>>,
    from: Option<Field<'a>>,
    date: Option<Field<'a>>,
    subject: Option<Field<'a>>,
}

impl<'a> Four<'a> {
    fn find(fields: &mut Fields<'a>) -> Self {
        let mut four = Self::default();
        for field in fields {
            let place = match field.name.len() {
                4 if field.is("From") => &mut four.from,
                4 if field.is("Date") => &mut four.date,
                7 if field.is("Subject") => &mut four.subject,
                10 if field.is("Message-ID") => &mut four.message_id,
                _ => continue,
            };
            place.get_or_insert(field);
        }
        four
    }

    fn any(&self) -> bool {
        [self.message_id, self.from, self.date, self.subject].iter().any(Option::is_some)
    }
}

fn take_in(hash: &mut Sha256, field: Option<Field<'_>>, end_of_line: u8) {
    let Some(field) = field else { return hash.update(ABSENT.to_le_bytes()) };
    let pieces = unfolded(field.value, end_of_line);
    let length: usize = pieces.clone().map(|piece| piece.len() + 1).sum();
    hash.update((length.saturating_sub(1) as u64).to_le_bytes());
    for (at, piece) in pieces.enumerate() {
        if at > 0 {
            hash.update(b" ");
        }
        hash.update(piece);
    }
}

fn minute(field: Field<'_>, end_of_line: u8) -> u32 {
    let mut value = Vec::with_capacity(DATE_BYTES);
    for piece in unfolded(&field.value[..field.value.len().min(DATE_BYTES)], end_of_line) {
        value.extend_from_slice(piece);
        value.push(b' ');
    }
    let date = std::str::from_utf8(&value).ok().and_then(date::parse);
    date.map_or(0, |date| u32::try_from(date.as_second().div_euclid(60)).unwrap_or(0))
}

/// Normalises a body on its way into the hash.
///
/// Held back until more is known: a CR (a LF may follow), line ends (they may be the last ones), and a
/// line of `>`s and the beginning of `From ` (it may be a quoted From line, cut off). What is held back at
/// the end is dropped, so that the body of a copy that was cut off is always the beginning of the whole.
struct Body {
    hash: Sha256,
    length: u64,
    left: u64,
    after_cr: bool,
    at_line_start: bool,
    line_ends: u64,
    quote: Option<Quote>,
    scratch: Vec<u8>,
}

/// A line of `>`s, the first letters of `From `, and the line ends after it.
#[derive(Clone, Copy)]
struct Quote {
    marks: u64,
    letters: usize,
    line_ends: u64,
}

const FROM: &[u8; 5] = b"From ";

impl Body {
    fn new(hash: Sha256, length: u64) -> Self {
        Self {
            hash,
            length: 0,
            left: length,
            after_cr: false,
            at_line_start: true,
            line_ends: 0,
            quote: None,
            scratch: Vec::new(),
        }
    }

    fn take_in(&mut self, piece: &[u8]) {
        let Some(&last) = piece.last() else { return };
        if std::mem::take(&mut self.after_cr) && piece[0] != b'\n' {
            self.lines(b"\n");
        }
        if memchr(b'\r', piece).is_none() {
            return self.lines(piece);
        }
        self.after_cr = last == b'\r';
        let whole = &piece[..piece.len() - usize::from(self.after_cr)];
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        append_with_lf(whole, &mut scratch);
        self.lines(&scratch);
        self.scratch = scratch;
    }

    /// Takes the `>`s before `From ` away; line ends are LF already.
    fn lines(&mut self, piece: &[u8]) {
        let mut at = self.go_on_with_quote(piece);
        while at < piece.len() {
            let line_start =
                |mark: usize| if mark == 0 { self.at_line_start } else { piece[mark - 1] == b'\n' };
            let quote = memchr_iter(b'>', &piece[at..]).map(|mark| at + mark).find(|&mark| line_start(mark));
            let end = quote.unwrap_or(piece.len());
            if end > at {
                self.text(&piece[at..end]);
                self.at_line_start = piece[end - 1] == b'\n';
            }
            at = end;
            if quote.is_some() {
                self.quote = Some(Quote { marks: 0, letters: 0, line_ends: 0 });
                at += self.go_on_with_quote(&piece[at..]);
            }
        }
    }

    /// Follows a line that may be a quoted From line; how many bytes belong to it.
    fn go_on_with_quote(&mut self, piece: &[u8]) -> usize {
        let Some(mut quote) = self.quote.take() else { return 0 };
        for (at, &byte) in piece.iter().enumerate() {
            match byte {
                b'\n' => quote.line_ends += 1,
                _ if quote.line_ends > 0 => {
                    self.let_go(quote);
                    self.at_line_start = true;
                    return at;
                }
                b'>' if quote.letters == 0 => quote.marks += 1,
                _ if byte == FROM[quote.letters] => {
                    quote.letters += 1;
                    if quote.letters == FROM.len() {
                        self.text(FROM);
                        self.at_line_start = false;
                        return at + 1;
                    }
                }
                _ => {
                    self.let_go(quote);
                    self.at_line_start = false;
                    return at;
                }
            }
        }
        self.quote = Some(quote);
        piece.len()
    }

    /// It was no quoted From line.
    fn let_go(&mut self, quote: Quote) {
        self.flush_line_ends();
        self.repeated(b'>', quote.marks);
        self.hashed(&FROM[..quote.letters]);
        self.line_ends = quote.line_ends;
    }

    fn text(&mut self, piece: &[u8]) {
        let trailing = piece.iter().rev().take_while(|&&byte| byte == b'\n').count();
        let text = &piece[..piece.len() - trailing];
        if !text.is_empty() {
            self.flush_line_ends();
            self.hashed(text);
        }
        self.line_ends += trailing as u64;
    }

    fn flush_line_ends(&mut self) {
        let count = std::mem::take(&mut self.line_ends);
        self.repeated(b'\n', count);
    }

    fn repeated(&mut self, byte: u8, mut count: u64) {
        let run = [byte; 64];
        while count > 0 {
            let now = count.min(run.len() as u64);
            self.hashed(&run[..now as usize]);
            count -= now;
        }
    }

    fn hashed(&mut self, bytes: &[u8]) {
        let bytes = &bytes[..usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()))];
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        self.left -= bytes.len() as u64;
    }

    fn finish(self) -> ([u8; 32], u64) {
        (self.hash.finalize().into(), self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn identity(mail: &[u8]) -> Identity {
        Making::of_window(mail).finish()
    }

    const HEADERS: &str = "Message-ID: <1@example.com>\nFrom: dm@example.com\nDate: Thu, 26 Feb 2026 10:00:00 +0000\nSubject: failed\n\n";

    fn mail(body: &str) -> String {
        format!("{HEADERS}{body}")
    }

    /// Lines that provoke: quotes, empty lines, the beginning of a From line.
    fn body() -> impl Strategy<Value = String> {
        let line =
            prop_oneof![Just(String::new()), "[ -~]{0,12}", ">{0,3}(F|Fr|Fro|From|From |From x|Fromx)?",];
        prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
    }

    fn quoted(text: &str, every: bool) -> String {
        let quote = |line: &str| {
            let from = if every { line.trim_start_matches('>') } else { line };
            if from.starts_with("From ") { format!(">{line}") } else { line.to_owned() }
        };
        text.split('\n').map(quote).collect::<Vec<_>>().join("\n")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn key_outlives_transport_and_mailboxes(body in body(), ends in 0_usize..4) {
            let (plain, key) = (mail(&body), identity(mail(&body).as_bytes()));
            prop_assert_eq!(&identity(plain.replace('\n', "\r\n").as_bytes()), &key);
            prop_assert_eq!(&identity(plain.replace('\n', "\r").as_bytes()), &key);
            prop_assert_eq!(&identity(mail(&quoted(&body, false)).as_bytes()), &key);
            prop_assert_eq!(&identity(mail(&quoted(&body, true)).as_bytes()), &key);
            prop_assert_eq!(&identity((plain.clone() + &"\n".repeat(ends)).as_bytes()), &key);
            let boxed = format!("From dm@example.com Thu Feb 26 10:00:00 2026\n{plain}");
            prop_assert_eq!(&identity(boxed.as_bytes()), &key);
        }

        #[test]
        fn another_letter_in_the_body_changes_the_key(body in "[ -=?-~\n]{1,60}[a-y]", at in 0_usize..61) {
            let at = at.min(body.len() - 1);
            prop_assume!(body.as_bytes()[at].is_ascii_lowercase());
            let mut other = body.clone();
            other.replace_range(at..=at, "z");
            prop_assume!(other != body);
            prop_assert_ne!(identity(mail(&body).as_bytes()).full, identity(mail(&other).as_bytes()).full);
        }

        #[test]
        fn pieces_of_any_size_make_the_same_key(body in body(), piece in 1_usize..9, crlf: bool) {
            let whole = if crlf { mail(&body).replace('\n', "\r\n") } else { mail(&body) };
            let at = if crlf { HEADERS.replace('\n', "\r\n").len() } else { HEADERS.len() };
            let mut making = Making::of_window(&whole.as_bytes()[..at]);
            whole.as_bytes()[at..].chunks(piece).for_each(|piece| making.body(piece));
            prop_assert_eq!(making.finish(), identity(whole.as_bytes()));
        }

        #[test]
        fn copy_that_was_cut_off_is_the_beginning_of_the_whole(body in body(), cut in 0_usize..150, crlf: bool) {
            let (body, headers) =
                if crlf { (body.replace('\n', "\r\n"), HEADERS.replace('\n', "\r\n")) } else { (body, HEADERS.into()) };
            let whole = format!("{headers}{body}");
            let cut = identity(&whole.as_bytes()[..headers.len() + cut.min(body.len())]);
            let prefix = Making::bounded(whole.as_bytes(), cut.body_length).finish();
            prop_assert_eq!(prefix.full, cut.full);
            let all = identity(whole.as_bytes());
            prop_assert_eq!(Making::bounded(whole.as_bytes(), all.body_length).finish().full, all.full);
        }
    }

    #[test]
    fn each_of_the_four_headers_tells_messages_apart() {
        let key = identity(mail("body").as_bytes()).full;
        for header in ["Message-ID", "From", "Date", "Subject"] {
            let changed = mail("body").replace(&format!("{header}: "), &format!("{header}: x"));
            assert_ne!(identity(changed.as_bytes()).full, key, "{header}");
            let absent = mail("body").replace(&format!("{header}: "), "X: ");
            assert_ne!(identity(absent.as_bytes()).full, key, "{header} absent");
        }
        let emptied = mail("body").replace("<1@example.com>", "");
        let absent = mail("body").replace("Message-ID: <1@example.com>\n", "");
        assert_ne!(identity(emptied.as_bytes()).full, identity(absent.as_bytes()).full);
        assert!(!identity(absent.as_bytes()).has_message_id);
    }

    #[test]
    fn other_headers_and_refolding_change_nothing() {
        let key = identity(mail("body").as_bytes());
        let relayed =
            format!("Received: by mx.example.org\n{}", mail("body").replace("26 Feb", "26\n\t Feb"));
        assert_eq!(identity(relayed.as_bytes()), key);
        let reordered = "Subject: failed \nDate:  Thu, 26 Feb 2026 10:00:00 +0000\nFROM: dm@example.com\nMessage-Id: <1@example.com>\nSubject: second\n\nbody";
        assert_eq!(identity(reordered.as_bytes()), key);
    }

    #[test]
    fn minute_is_that_of_the_date_header() {
        assert_eq!(identity(mail("").as_bytes()).minute, 20_510 * 1_440 + 600);
        assert_eq!(identity(b"Subject: x\n\n").minute, 0);
        assert_eq!(identity(b"Date: Thu, 1 Jan 1960 00:00:00 +0000\n\n").minute, 0);
    }

    #[test]
    fn copy_cut_off_anywhere_after_the_four_headers_is_recognised() {
        let whole = mail("body\n").replace("failed\n\n", "failed\nX-Mailer: dm\n\n");
        let first = whole.find("X-Mailer").expect("the last header");
        for cut in first..whole.len() {
            let copy = identity(&whole.as_bytes()[..cut]);
            let prefix = Making::bounded(whole.as_bytes(), copy.body_length).finish();
            assert_eq!((prefix.full, prefix.head), (copy.full, copy.head), "cut off at {cut}");
        }
    }

    #[test]
    fn bare_texts_are_told_apart() {
        assert_ne!(identity(b"Device: node7\n").full, identity(b"Device: node8\n").full);
        assert_ne!(identity(b"node7 is down\n").full, identity(b"node8 is down\n").full);
        assert_eq!(identity(b"node7 is down\n").body_length, 13);
    }
}
