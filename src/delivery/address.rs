//! Which envelope addresses are let near a transport at all.
//!
//! Addresses come from operators' rules, but also from mails (`Reply-To` of a center, a device's owner).
//! Every transport asks here first: what could be read as an option, a second command or a second line is
//! refused, whatever the transport would have made of it.

use super::model::{Attempt, Parcel};
use super::told;
use crate::shown::is_hidden;

/// Longest path of RFC 5321, 4.5.3.1.3, without its angle brackets.
const LONGEST: usize = 254;

/// Refuses a parcel whose envelope is unfit for every transport; `None` where it may pass.
pub(super) fn refusal(parcel: &Parcel) -> Option<Attempt> {
    let fault = unfit(&parcel.recipient)
        .map(|why| format!("recipient `{}` {why}", parcel.recipient))
        .or_else(|| {
            let why = (!parcel.sender.is_empty()).then(|| unfit(&parcel.sender)).flatten()?;
            Some(format!("sender `{}` {why}", parcel.sender))
        })?;
    Some(Attempt::Refused { reply: told(&fault.replace(['\r', '\n'], " ")) })
}

fn unfit(address: &str) -> Option<&'static str> {
    if address.is_empty() {
        Some("is empty")
    } else if address.starts_with('-') {
        Some("starts with `-` and would be read as an option")
    } else if address.contains(|c: char| is_hidden(c) || c.is_whitespace()) {
        Some("holds control characters or blanks")
    } else if address.len() > LONGEST {
        Some("is longer than 254 bytes")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(sender: &str, recipient: &str) -> Parcel {
        Parcel {
            message_id: "t-1@example.com".into(),
            sender: sender.into(),
            recipient: recipient.into(),
            bytes: Vec::new(),
            name: "t-1".into(),
        }
    }

    #[test]
    fn options_control_characters_and_blanks_never_reach_a_transport() {
        for (recipient, reason) in [
            ("", "is empty"),
            ("-oQ/etc@example.com", "starts with `-`"),
            ("a@example.com\r\nRCPT TO:<b@example.com>", "control characters"),
            ("a@example.com\0", "control characters"),
            ("a b@example.com", "blanks"),
            ("a\u{202e}@example.com", "control characters"),
            (&format!("{}@example.com", "a".repeat(300)), "longer than"),
        ] {
            let Some(Attempt::Refused { reply }) = refusal(&parcel("", recipient)) else {
                panic!("{recipient:?} was let through");
            };
            assert!(reply.contains(reason) || recipient.len() > 254, "{reply}");
        }
    }

    #[test]
    fn the_null_sender_passes_and_a_bad_one_does_not() {
        assert_eq!(refusal(&parcel("", "desk@example.com")), None);
        assert_eq!(refusal(&parcel("tickets@example.com", "desk@example.com")), None);
        assert!(refusal(&parcel("-f@example.com", "desk@example.com")).is_some());
    }
}
