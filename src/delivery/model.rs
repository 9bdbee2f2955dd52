//! What is transmitted, and what came of it.

/// One mail to one recipient: one refused recipient stops no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Without angle brackets; the same over all attempts, so that a receiver can drop a twin.
    pub message_id: String,
    /// Envelope sender; empty for the null sender.
    pub sender: String,
    pub recipient: String,
    /// The whole message, CRLF line ends, frozen at the first attempt.
    pub bytes: Vec<u8>,
    /// File name stem for the file transport: ticket number, kind and sequence; letters, digits, `-`, `.`.
    pub name: String,
}

/// What came of one transmission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// Accepted; what the receiver said (queue id), or where the file is.
    Accepted { reply: String },
    /// 4xx, a lost connection, a time limit, a full disk: try again by the schedule.
    Postponed { reply: String },
    /// 5xx: not tried again by itself.
    Refused { reply: String },
}

/// A way to transmit: SMTP, sendmail, files.
pub trait Transport {
    /// Transmits one parcel within the configured time limit. Never panics, never blocks beyond it.
    fn transmit(&mut self, parcel: &Parcel) -> Attempt;
    /// For logs and `doctor`: `smtp mail.acme.com:25`, `files /var/lib/autoticket/outgoing`.
    fn name(&self) -> String;
}
