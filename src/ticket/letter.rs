//! From texts to the bytes of a mail.
//!
//! In: the texts of three parts, addresses, what identifies the mail. Out: RFC 5322 bytes which depend on
//! nothing else: no clock, no dice. Hostile text reaches a header only through [`header_text`].

use super::Kind;
use super::view::clip;
use crate::shown::Shown;
use lettre::Message;
use lettre::address::Address;
use lettre::message::header::{ContentDisposition, ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use sha2::{Digest, Sha256};
use std::time::SystemTime;

/// Longest header value that holds foreign text, in characters: even unfoldable it stays below the 998 octets
/// of a line (RFC 5322, 2.1.1).
const LONGEST: usize = 250;

/// Everything one mail of a ticket's thread is made of.
pub(super) struct Draft<'a> {
    pub(super) kind: Kind,
    pub(super) sequence: u32,
    pub(super) number: &'a str,
    /// Right side of our Message-IDs and of the envelope sender.
    pub(super) domain: &'a str,
    pub(super) addresses: &'a Addresses,
    pub(super) subject: &'a str,
    /// Date header, already in RFC 5322's form.
    pub(super) date: String,
    /// Further headers: name, hostile value.
    pub(super) headers: &'a [(&'static str, &'a str)],
    pub(super) text: String,
    pub(super) html: String,
    pub(super) json: String,
}

/// Who writes to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Addresses {
    pub(super) from: Mailbox,
    pub(super) reply_to: Mailbox,
    pub(super) to: Vec<Mailbox>,
    /// Said where an address of the rules could not be used.
    pub(super) note: Option<String>,
}

impl Addresses {
    /// Takes what can be used of the rules' texts. Where no recipient is left, the letter goes to the human
    /// who gets the replies, with a note: a ticket is never lost to a mistyped address.
    pub(super) fn of(from: &str, reply_to: Option<&str>, to: &[String], center: &str, domain: &str) -> Self {
        let from = mailbox(from).unwrap_or_else(|| own_address(domain));
        let reply_to = reply_to.and_then(mailbox).unwrap_or_else(|| from.clone());
        let (good, bad): (Vec<_>, Vec<_>) = to.iter().partition(|address| mailbox(address).is_some());
        let mut to: Vec<_> = good.into_iter().filter_map(|address| mailbox(address)).collect();
        let mut note = None;
        if to.is_empty() {
            note = Some(format!(
                "Maintenance center {} has no usable mail address; this went to {}.",
                Shown::new(center),
                reply_to.email
            ));
            to.push(reply_to.clone());
        } else if !bad.is_empty() {
            let bad =
                bad.iter().map(|address| Shown::new(address).to_string()).collect::<Vec<_>>().join(", ");
            note = Some(format!("Not sent to these addresses, which are not valid: {bad}."));
        }
        Self { from, reply_to, to, note }
    }
}

/// `T-7K3M9QX2@domain` for the ticket, `T-7K3M9QX2.u1@domain` for its first update, `r` for reminders, `s` for
/// stand-downs; without angle brackets.
pub(super) fn message_id(number: &str, kind: Kind, sequence: u32, domain: &str) -> String {
    let suffix = match kind {
        Kind::Ticket => String::new(),
        Kind::Update => format!(".u{sequence}"),
        Kind::Reminder => format!(".r{sequence}"),
        Kind::StandDown => format!(".s{sequence}"),
    };
    format!("{number}{suffix}@{domain}")
}

/// The envelope sender, by which a bounce names its ticket.
pub(super) fn envelope_from(number: &str, domain: &str) -> String {
    format!("autoticket+{number}@{domain}")
}

/// The domain, if it can stand in an address; else `localhost`.
pub(super) fn usable_domain(domain: &str) -> &str {
    let usable = domain.is_ascii() && Address::new("autoticket", domain).is_ok();
    if usable { domain } else { "localhost" }
}

/// The bytes, CRLF line ends.
pub(super) fn bytes(draft: Draft) -> Vec<u8> {
    let root = format!("<{}>", message_id(draft.number, Kind::Ticket, 0, draft.domain));
    let own = format!("<{}>", message_id(draft.number, draft.kind, draft.sequence, draft.domain));
    // The builder asks the clock where there is no date; the real one replaces this below.
    let mut builder = Message::builder()
        .date(SystemTime::UNIX_EPOCH)
        .from(draft.addresses.from.clone())
        .reply_to(draft.addresses.reply_to.clone());
    for mailbox in &draft.addresses.to {
        builder = builder.to(mailbox.clone());
    }
    builder = builder.raw_header(header("Subject", draft.subject)).message_id(Some(own));
    if draft.kind != Kind::Ticket {
        builder = builder.in_reply_to(root.clone()).references(root);
    }
    for (name, value) in draft.headers {
        builder = builder.raw_header(header(name, value));
    }
    let date = draft.date.clone();
    let mut message = builder.multipart(parts(draft)).expect("sender and recipients are set above");
    message.headers_mut().insert_raw(HeaderValue::dangerous_new_pre_encoded(
        HeaderName::new_from_ascii_str("Date"),
        date.clone(),
        date,
    ));
    message.formatted()
}

/// A value that stays on one line, whatever it holds: hidden characters are made visible, and the start of an
/// encoded word (RFC 2047) is broken, which a reader would otherwise decode into the very characters we refuse.
pub(super) fn header_text(value: &str) -> String {
    let shown = Shown::new(value.trim()).to_string().replace("=?", r"=\x3f");
    if shown.is_empty() { "-".to_owned() } else { clip(&shown, LONGEST) }
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), header_text(value))
}

fn parts(draft: Draft) -> MultiPart {
    let boundary = boundary(&draft);
    let html = SinglePart::builder().header(ContentType::TEXT_HTML).body(draft.html);
    let text = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(draft.text);
    let kind = ContentType::parse("application/json").expect("a valid content type");
    let json = SinglePart::builder()
        .header(kind)
        .header(ContentDisposition::attachment(&format!("{}.json", draft.number)))
        .body(draft.json);
    let readable =
        MultiPart::alternative().boundary(format!("=_a{boundary}")).singlepart(text).singlepart(html);
    MultiPart::mixed().boundary(format!("=_m{boundary}")).multipart(readable).singlepart(json)
}

/// A function of number, kind and sequence which occurs in no part: whoever guesses it and writes it into an
/// alert only makes us take the next one.
fn boundary(draft: &Draft) -> String {
    let mut attempt = 0_u32;
    loop {
        let key = format!("{}\n{}\n{}\n{attempt}", draft.number, draft.kind.word(), draft.sequence);
        let digest = Sha256::digest(key.as_bytes());
        let boundary: String = digest[..12].iter().map(|byte| format!("{byte:02x}")).collect();
        if ![&draft.text, &draft.html, &draft.json].into_iter().any(|part| part.contains(&boundary)) {
            return boundary;
        }
        attempt += 1;
    }
}

fn mailbox(text: &str) -> Option<Mailbox> {
    let mailbox: Mailbox = text.trim().parse().ok()?;
    let plain = |text: &str| text.is_ascii() && !text.contains(|c: char| c.is_ascii_control() || c == ' ');
    let named = mailbox.name.as_deref().is_none_or(|name| !name.contains(crate::shown::is_hidden));
    (plain(mailbox.email.as_ref()) && named).then_some(mailbox)
}

fn own_address(domain: &str) -> Mailbox {
    let address = Address::new("autoticket", domain)
        .or_else(|_| Address::new("autoticket", "localhost"))
        .expect("autoticket@localhost is an address");
    Mailbox::new(Some("autoticket".to_owned()), address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_text_stays_on_one_line_and_is_no_encoded_word() {
        let hostile = " a\r\nBcc: x@example.org\0 =?utf-8?Q?=0D=0AX:?= ";
        assert_eq!(header_text(hostile), r"a\r\nBcc: x@example.org\x00 =\x3futf-8?Q?=0D=0AX:?=");
        assert_eq!(header_text(" \n "), "-");
        assert_eq!(header_text(&"x".repeat(500)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn unusable_recipients_are_told_and_the_letter_goes_to_a_human() {
        let to = ["east@example.org".to_owned(), "not an address".to_owned()];
        let addresses = Addresses::of("a@example.com", None, &to, "East", "example.com");
        assert_eq!(addresses.to.len(), 1);
        assert!(addresses.note.expect("a note").contains("not an address"));
        let addresses =
            Addresses::of("a@example.com", Some("h@example.com"), &to[1..], "East", "example.com");
        assert_eq!(addresses.to[0].email.to_string(), "h@example.com");
        assert!(addresses.note.expect("a note").contains("East has no usable mail address"));
    }

    #[test]
    fn broken_identity_still_gives_a_sender() {
        let addresses = Addresses::of("???", Some("\n"), &[], "East", "bad domain");
        assert_eq!(addresses.from.email.to_string(), "autoticket@localhost");
        assert_eq!(usable_domain("bad domain\r\nX: y"), "localhost");
        assert_eq!(usable_domain("tickets.acme.example"), "tickets.acme.example");
    }
}
