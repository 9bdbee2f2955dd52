//! What can go wrong in a transmission, and what that says of the mail.

use super::super::chain;
use super::wire::Reply;
use std::fmt;
use std::io;

/// How far a transmission had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Connect,
    Banner,
    Ehlo,
    Starttls,
    Handshake,
    Auth,
    Reset,
    Mail,
    Rcpt,
    Data,
    /// The mail's bytes and the dot after them.
    End,
    Quit,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::Banner => "banner",
            Self::Ehlo => "EHLO",
            Self::Starttls => "STARTTLS",
            Self::Handshake => "TLS handshake",
            Self::Auth => "AUTH",
            Self::Reset => "RSET",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::End => "end of mail",
            Self::Quit => "QUIT",
        })
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{stage}: {reply}")]
    Replied { stage: Stage, reply: Reply },
    #[error("{stage}: time limit reached")]
    TimeLimit { stage: Stage },
    #[error("{stage}: connection lost")]
    Lost { stage: Stage, source: io::Error },
    #[error("{stage}: what the server says is no SMTP")]
    Garbage { stage: Stage, source: io::Error },
    #[error("look up {host}")]
    Lookup { host: String, source: io::Error },
    #[error("connect to {host}:{port}")]
    Connect { host: String, port: u16, source: io::Error },
    #[error("TLS with {host}")]
    Tls { host: String, source: io::Error },
    #[error("the server offers no STARTTLS, which the rules demand: nothing was sent in the open")]
    NoStarttls,
    #[error("the server spoke between STARTTLS and TLS: somebody may be in between")]
    Injected,
    #[error("the server offers neither AUTH PLAIN nor AUTH LOGIN")]
    NoMechanism,
    #[error("the connection is not encrypted: the password was not sent (set tls: starttls or implicit)")]
    PasswordInTheOpen,
    #[error("{stage}: the words for it cannot be made")]
    Words { stage: Stage, source: lettre::transport::smtp::Error },
    #[error("`{address}` is no address for SMTP")]
    Address { address: String, source: lettre::address::AddressError },
    #[error("the server cannot take the non-ASCII address `{address}` (no SMTPUTF8)")]
    NoUnicode { address: String },
}

impl Failure {
    /// Of an input or output error at this stage.
    pub(super) fn at(stage: Stage, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::TimedOut => Self::TimeLimit { stage },
            io::ErrorKind::InvalidData => Self::Garbage { stage, source },
            _ => Self::Lost { stage, source },
        }
    }

    /// Whether trying again is pointless: a 5xx reply (RFC 5321, 4.2.1) or an address that cannot be said.
    ///
    /// A refused login or STARTTLS is our configuration's fault and not the mail's: it waits until that is
    /// mended.
    pub(super) fn refuses_mail(&self) -> bool {
        match self {
            Self::Replied { stage: Stage::Auth | Stage::Starttls, .. } => false,
            Self::Replied { reply, .. } => reply.is_permanent(),
            Self::Address { .. } | Self::NoUnicode { .. } => true,
            _ => false,
        }
    }

    /// Whether the connection can take the next mail; a server that says 421 closes it.
    pub(super) fn leaves_connection(&self) -> bool {
        match self {
            Self::Replied { reply, .. } => reply.code != 421,
            Self::Address { .. } | Self::NoUnicode { .. } => true,
            _ => false,
        }
    }

    /// Whether the time limit passed before the server was ready for a first mail.
    pub(super) fn is_silence(&self) -> bool {
        let Self::TimeLimit { stage } = self else { return false };
        matches!(stage, Stage::Connect | Stage::Banner | Stage::Ehlo | Stage::Handshake)
    }

    /// One line for people: where it stopped and what was said.
    pub(super) fn reply(&self) -> String {
        chain(self)
    }
}
