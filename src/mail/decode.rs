//! Transfer encodings, charsets and encoded words, read as their writers meant them.
//!
//! In: raw bytes of a header value or of a part. Out: text, and whether something had to be guessed.
//! Damaged encodings give what can be read of them, never nothing. Work and memory are linear in what
//! comes in, and what comes in is cut to what may come out.

use super::fields::unfolded;
use super::lines::text_with_lf;
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use memchr::{memchr, memmem};
use std::borrow::Cow;

/// Longest encoded word; RFC 2047 allows 75 bytes, senders take more.
const ENCODED_WORD_BYTES: usize = 1024;

/// Content-Transfer-Encoding, RFC 2045, section 6; what is unknown is read as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transfer {
    Plain,
    Base64,
    QuotedPrintable,
}

impl Transfer {
    pub(super) fn of(value: Option<&[u8]>) -> Self {
        let value = value.unwrap_or_default().trim_ascii();
        let value =
            &value[..value.iter().position(|byte| matches!(byte, b';' | b' ')).unwrap_or(value.len())];
        if value.eq_ignore_ascii_case(b"base64") {
            Self::Base64
        } else if value.eq_ignore_ascii_case(b"quoted-printable") {
            Self::QuotedPrintable
        } else {
            Self::Plain
        }
    }

    /// The decoded bytes; of what decodes to more than about `limit` bytes only the beginning.
    pub(super) fn decode<'a>(self, bytes: &'a [u8], limit: usize) -> Cow<'a, [u8]> {
        match self {
            Self::Plain => Cow::Borrowed(&bytes[..bytes.len().min(limit)]),
            Self::Base64 => {
                // Four bytes make three, and a line end follows at most every four of them.
                let most = limit.saturating_mul(2).saturating_add(4);
                Cow::Owned(base64(&bytes[..bytes.len().min(most)]))
            }
            Self::QuotedPrintable => {
                let most = limit.saturating_mul(3);
                Cow::Owned(quoted_printable(&bytes[..bytes.len().min(most)]))
            }
        }
    }
}

/// Text that was decoded, and what became of it on the way.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) text: String,
    /// There was more than the limit.
    pub(super) cut: bool,
    /// Bytes did not fit their charset, or it is unknown.
    pub(super) bad_charset: bool,
}

/// The text of a part, line ends as LF, of at most `limit` bytes.
pub(super) fn text(bytes: &[u8], transfer: Transfer, charset: Option<&str>, limit: usize) -> Decoded {
    // One byte more than fits tells that there is more.
    let raw = transfer.decode(bytes, limit.saturating_add(1));
    let (text, bad_charset) = to_text(raw, charset);
    let mut text = text_with_lf(text);
    let cut = text.len() > limit;
    text.truncate(text.floor_char_boundary(limit));
    Decoded { text, cut, bad_charset }
}

/// A header value, unfolded and decoded, of which at most `limit` raw bytes are read.
pub(super) fn header_value(value: &[u8], limit: usize) -> Decoded {
    let read = &value[..value.len().min(limit)];
    let cut = read.len() < value.len();
    let mut pieces = unfolded(read, b'\n');
    let mut joined = pieces.next().unwrap_or_default().to_vec();
    for piece in pieces {
        joined.push(b' ');
        joined.extend_from_slice(piece);
    }
    let (text, mut bad_charset) = to_text(Cow::Owned(joined), None);
    if memmem::find(text.as_bytes(), b"=?").is_none() {
        return Decoded { text, cut, bad_charset };
    }
    let text = encoded_words(&text, &mut bad_charset);
    Decoded { text, cut, bad_charset }
}

/// Bytes as text: in their charset; without one (or an unknown one) UTF-8, else Windows-1252, which
/// never fails.
fn to_text(bytes: Cow<'_, [u8]>, charset: Option<&str>) -> (String, bool) {
    let charset = charset.unwrap_or_default().trim();
    if is_superset_of_ascii(charset) && bytes.is_ascii() {
        return (utf8_or_windows_1252(bytes), false);
    }
    if charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8") {
        return match String::from_utf8(bytes.into_owned()) {
            Ok(text) => (text, false),
            Err(error) => (String::from_utf8_lossy(error.as_bytes()).into_owned(), true),
        };
    }
    if charset.is_empty() || charset.eq_ignore_ascii_case("us-ascii") {
        let bad = std::str::from_utf8(&bytes).is_err();
        return (utf8_or_windows_1252(bytes), bad);
    }
    match charset_decoder(charset.as_bytes()) {
        Some(decoder) => (decoder(&bytes), false),
        None => (utf8_or_windows_1252(bytes), true),
    }
}

fn utf8_or_windows_1252(bytes: Cow<'_, [u8]>) -> String {
    String::from_utf8(bytes.into_owned()).unwrap_or_else(|error| {
        let decoder = charset_decoder(b"windows-1252").expect("mail-parser knows windows-1252");
        decoder(error.as_bytes())
    })
}

/// ASCII bytes mean ASCII in it. (Not so in UTF-7, UTF-16, ISO-2022 and HZ.)
fn is_superset_of_ascii(charset: &str) -> bool {
    let begins =
        |prefix: &str| charset.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix));
    charset.is_empty()
        || ["utf-8", "utf8", "us-ascii", "iso-8859-", "windows-125", "koi8-"].into_iter().any(begins)
}

/// RFC 2045, 6.8. Where it is damaged, what stands before the damage.
fn base64(bytes: &[u8]) -> Vec<u8> {
    base64_decode(bytes).unwrap_or_else(|| {
        let valid = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=\r\n\t ".contains(byte);
        let end = bytes.iter().position(|byte| !valid(byte)).unwrap_or(bytes.len());
        base64_decode(&bytes[..end]).unwrap_or_default()
    })
}

/// RFC 2045, 6.7. A `=` that begins neither an octet nor a soft line break stays as it is.
fn quoted_printable(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    while let Some(at) = memchr(b'=', bytes) {
        out.extend_from_slice(&bytes[..at]);
        bytes = &bytes[at + 1..];
        if let Some(octet) = octet(bytes) {
            out.push(octet);
            bytes = &bytes[2..];
            continue;
        }
        let spaces = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
        match bytes.get(spaces) {
            Some(b'\n') => bytes = &bytes[spaces + 1..],
            None => bytes = &[],
            Some(_) => out.push(b'='),
        }
    }
    out.extend_from_slice(bytes);
    out
}

fn octet(bytes: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    Some(digit(*bytes.first()?)? << 4 | digit(*bytes.get(1)?)?)
}

/// RFC 2047. Words of one charset that follow each other are decoded together: senders cut inside a
/// character.
fn encoded_words(mut text: &str, bad_charset: &mut bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut pending: Option<(&str, Vec<u8>)> = None;
    while let Some(at) = memmem::find(text.as_bytes(), b"=?") {
        let (before, from) = text.split_at(at);
        let Some((word, after)) = EncodedWord::at(from) else {
            flush(&mut out, &mut pending, bad_charset);
            out.push_str(&text[..at + 2]);
            text = &text[at + 2..];
            continue;
        };
        let follows = pending.is_some() && before.trim_ascii().is_empty();
        match &mut pending {
            Some((charset, bytes)) if follows && charset.eq_ignore_ascii_case(word.charset) => {
                bytes.extend_from_slice(&word.bytes);
            }
            _ => {
                flush(&mut out, &mut pending, bad_charset);
                if !follows {
                    out.push_str(before);
                }
                pending = Some((word.charset, word.bytes));
            }
        }
        text = after;
    }
    flush(&mut out, &mut pending, bad_charset);
    out.push_str(text);
    out
}

fn flush(out: &mut String, pending: &mut Option<(&str, Vec<u8>)>, bad_charset: &mut bool) {
    if let Some((charset, bytes)) = pending.take() {
        let (text, bad) = to_text(Cow::Owned(bytes), Some(charset));
        // A line end out of an encoded word would make two lines of a header.
        out.extend(text.chars().map(|c| if c == '\r' || c == '\n' { ' ' } else { c }));
        *bad_charset |= bad;
    }
}

struct EncodedWord<'a> {
    charset: &'a str,
    bytes: Vec<u8>,
}

impl<'a> EncodedWord<'a> {
    /// The word that begins with `=?`, and what follows it.
    fn at(text: &'a str) -> Option<(Self, &'a str)> {
        let window = &text[2..text.floor_char_boundary(ENCODED_WORD_BYTES)];
        let (charset, rest) = window.split_once('?')?;
        let (encoding, rest) = rest.split_once('?')?;
        let (content, _) = rest.split_once("?=")?;
        if charset.is_empty() || charset.contains(char::is_whitespace) {
            return None;
        }
        let bytes = match encoding {
            "B" | "b" => base64(content.as_bytes()),
            "Q" | "q" => quoted_printable(content.replace('_', " ").as_bytes()),
            _ => return None,
        };
        let length = 2 + charset.len() + 1 + encoding.len() + 1 + content.len() + 2;
        // RFC 2231, section 5: a language may follow the charset.
        let charset = charset.split_once('*').map_or(charset, |(charset, _)| charset);
        Some((Self { charset, bytes }, &text[length..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(raw: &[u8]) -> String {
        header_value(raw, 1 << 14).text
    }

    #[test]
    fn encoded_words_are_read() {
        for (raw, expected) in [
            ("=?utf-8?Q?f=C3=BCr_node7?=: failed", "für node7: failed"),
            ("=?utf-8?B?ZsO8?= =?UTF-8?b?cg==?= x", "für x"),
            ("=?utf-8?Q?=C3?=\n =?utf-8?Q?=BC?=", "ü"),
            ("=?iso-8859-1*de?q?=FC?= =?utf-8?q?=C3=BC?=", "üü"),
            ("a =?utf-8?Q?b", "a =?utf-8?Q?b"),
            ("a =?utf-8?X?b?= c", "a =?utf-8?X?b?= c"),
            ("=?nope?Q?a?=", "a"),
            ("=?utf-8?Q?a=0D=0AX:_b?=", "a  X: b"),
        ] {
            assert_eq!(value(raw.as_bytes()), expected, "{raw}");
        }
    }

    #[test]
    fn raw_header_bytes_are_utf8_else_windows_1252() {
        assert_eq!(value("für".as_bytes()), "für");
        let latin = header_value(b"f\xfcr \x80 =?utf-8?q?=C3=BC?=", 100);
        assert_eq!((latin.text.as_str(), latin.bad_charset), ("für € ü", true));
    }

    #[test]
    fn header_value_is_cut_and_says_so() {
        let long = header_value(&b"x".repeat(100), 10);
        assert_eq!((long.text.len(), long.cut), (10, true));
    }

    #[test]
    fn damaged_encodings_give_what_can_be_read() {
        let read = |bytes: &[u8], transfer, charset| text(bytes, transfer, charset, 100).text;
        assert_eq!(read(b"a=3Db=\nc= \nd=zz=", Transfer::QuotedPrintable, None), "a=bcd=zz");
        assert_eq!(read(b"aGVsbG8=\n-- \nlist footer", Transfer::Base64, None), "hello");
        assert_eq!(read(b"aGVsbG8", Transfer::Base64, None), "hello");
        assert_eq!(read(b"\xff\xfcr", Transfer::Plain, None), "ÿür");
        assert_eq!(read(b"\xfcr", Transfer::Plain, Some("utf-8")), "\u{fffd}r");
        assert_eq!(read(b"\xc0\xc1", Transfer::Plain, Some("koi8-r")), "юа");
        assert_eq!(read(b"a\r\nb\rc", Transfer::Plain, None), "a\nb\nc");
    }

    #[test]
    fn decoded_text_is_cut_at_a_character() {
        let cut = text("aüü".as_bytes(), Transfer::Plain, None, 4);
        assert_eq!((cut.text.as_str(), cut.cut), ("aü", true));
        let whole = text("aü".as_bytes(), Transfer::Plain, Some("utf-8"), 3);
        assert_eq!((whole.text.as_str(), whole.cut), ("aü", false));
        let encoded = text(b"YWJj\nZGVm\n", Transfer::Base64, None, 4);
        assert_eq!((encoded.text.as_str(), encoded.cut), ("abcd", true));
    }

    proptest! {
        #[test]
        fn nothing_panics_and_nothing_grows(raw in prop::collection::vec(any::<u8>(), 0..200), limit in 0_usize..64,
                charset in prop::option::of("(utf-8|utf-7|utf-16|iso-2022-jp|gb18030|big5|koi8-r|x)")) {
            for transfer in [Transfer::Plain, Transfer::Base64, Transfer::QuotedPrintable] {
                prop_assert!(text(&raw, transfer, charset.as_deref(), limit).text.len() <= limit);
            }
            header_value(&raw, limit);
        }

        #[test]
        fn header_text_passes_unchanged(text in "[a-z =?_:]{0,40}") {
            prop_assume!(!text.contains("?="));
            prop_assert_eq!(value(text.as_bytes()), text.trim_ascii());
        }
    }
}
