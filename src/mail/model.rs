//! What a mail is, once it is read.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs::File;

/// Most bytes of one message that are kept; a longer one keeps its headers and its first MiB.
pub const KEPT_BYTES: u64 = 32 << 20;
/// Most bytes of one message held in memory and shown to the parser; the rest waits in a file.
pub const WINDOW_BYTES: usize = 4 << 20;
/// Most decoded text of one message.
pub const TEXT_BYTES: usize = 1 << 20;

/// One message as it arrived, within bounds.
#[derive(Debug)]
pub struct RawMail {
    /// The first bytes: all of the message where it is not longer than [`WINDOW_BYTES`], or was in memory
    /// when it was given to [`super::read::bytes`].
    pub head: Vec<u8>,
    /// Where the message is longer: an unnamed file that holds the kept bytes whole, `head` included.
    pub spill: Option<File>,
    /// Bytes kept: `head.len()` without a spill, else the spill's length.
    pub kept: u64,
    /// Bytes of the whole message as received.
    pub length: u64,
    /// Longer than [`KEPT_BYTES`]: only headers and the first MiB are kept.
    pub oversize: bool,
    /// SHA-256 of the whole message as received, where not all of it is kept.
    pub digest: Option<[u8; 32]>,
    pub identity: Identity,
}

/// By what the same message is recognised again.
///
/// `full` = SHA-256 over Message-ID, From, Date, Subject (raw values, unfolded, trimmed, each with its
/// length before it; an absent Message-ID as such) and the body: line ends as LF, `>`s before `From `
/// removed, line ends at the end of the body removed. `head` is the same without the body.
///
/// So that a copy that was cut off is the beginning of the whole, a last line that may be the beginning of a
/// quoted From line (`>Fr`) is not part of the body, nor is the beginning of a header's name after
/// headers with a Message-ID. Where none of the four headers is there, the header lines are body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub head: [u8; 32],
    pub full: [u8; 32],
    /// Length of the normalised body.
    pub body_length: u64,
    /// Minutes since 1970 of the mail's Date (0 where it has none): keeps keys of one minute together.
    pub minute: u32,
    pub has_message_id: bool,
}

/// What rules read of a message.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Mail {
    /// Top-level headers in order, decoded and unfolded, at most 1,000 and 256 KiB.
    pub headers: Vec<Header>,
    /// Addresses of the From header.
    pub from: Vec<Address>,
    /// How many From headers there are; more than one is a forger's trick.
    pub from_headers: usize,
    pub subject: String,
    pub date: Option<Timestamp>,
    /// Without the angle brackets.
    pub message_id: Option<String>,
    /// In-Reply-To and References, without angle brackets, at most 100.
    pub references: Vec<String>,
    /// Time in our own topmost Received header.
    pub received: Option<Timestamp>,
    /// First text part as a reader would see it; HTML turned into text; at most [`TEXT_BYTES`].
    pub body: String,
    /// Every part with text, in order, the body's own included; attachments that are text as well, at most
    /// 500. Of an enclosed message its delivery report comes last, where the mail has none of its own.
    pub parts: Vec<Part>,
    /// Headers of the first enclosed message (`message/rfc822`, `text/rfc822-headers`).
    pub enclosed: Vec<Header>,
    /// What was bent to fit the bounds or to be readable at all.
    pub notes: Vec<Note>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    pub name: String,
    pub value: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    pub name: Option<String>,
    /// `local@domain`, as written.
    pub address: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Part {
    /// `type/subtype`, lower case.
    pub content_type: String,
    /// Decoded, line ends as LF. HTML as it was sent (only [`Mail::body`] is turned into text); of a
    /// `message/rfc822` its decoded headers, an empty line, and the text a reader of it sees first.
    pub text: String,
}

/// What was bent while reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Note {
    /// No empty line after the headers: the mail was cut off inside them, or has no body.
    HeadersUnfinished,
    /// Not a single header line.
    NoHeaders,
    /// More than the bound; the rest was not read.
    HeadersCut,
    PartsCut,
    /// Nested deeper than the bound: only headers were read.
    TooDeep,
    TextCut,
    Oversize,
    BareCr,
    ByteOrderMark,
    FromLine,
    /// The alert was enclosed in a `message/rfc822` wrapper.
    Wrapped,
    HtmlOnly,
    BadCharset,
}

impl Mail {
    /// First header of that name, ASCII case ignored.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value.as_str())
    }

    /// All headers of that name, ASCII case ignored.
    pub fn headers_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value.as_str())
    }
}
