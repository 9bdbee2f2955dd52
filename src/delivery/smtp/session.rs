//! The dialogue with one server: greeting, TLS, login, then mail after mail.
//!
//! Each step says at which stage it failed. One recipient per mail; the bytes of a parcel go out as they
//! are, dots stuffed, and bare line feeds or carriage returns made CRLF, so that no receiver can read an end
//! of mail where we wrote none (CVE-2023-51764).

use super::super::model::Parcel;
use super::failure::{Failure, Stage};
use super::security::Security;
use super::wire::{Reply, Wire, left};
use lettre::Address;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::commands::{Auth, Ehlo, Mail, Quit, Rcpt, Rset, Starttls};
use lettre::transport::smtp::extension::{ClientId, MailBodyParameter, MailParameter};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::time::Instant;

/// Where mails go.
pub(super) struct Target {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
    pub(super) login: Option<Credentials>,
}

/// A server that has greeted us and may be sent mails.
pub(super) struct Session {
    wire: Wire,
    /// Extensions it announced, in capitals, with their parameters.
    offers: Vec<String>,
}

impl Session {
    pub(super) fn open(target: &Target, until: Instant) -> Result<Self, Failure> {
        let mut session = Self { wire: connect(target, until)?, offers: Vec::new() };
        if let Security::Implicit(..) = &target.security {
            session = session.encrypted(target)?;
        }
        session.heard(Stage::Banner, 220)?;
        session.greet()?;
        if let Security::Starttls(..) = &target.security {
            session.offer("STARTTLS").ok_or(Failure::NoStarttls)?;
            session.say(Stage::Starttls, Starttls, 220)?;
            if session.wire.is_ahead() {
                return Err(Failure::Injected);
            }
            session = session.encrypted(target)?;
            session.greet()?;
        }
        if let Some(credentials) = &target.login {
            session.log_in(credentials)?;
        }
        Ok(session)
    }

    /// Transmits one mail; the reply to its end.
    pub(super) fn send(&mut self, parcel: &Parcel) -> Result<String, Failure> {
        let recipient = address(&parcel.recipient)?;
        let sender = if parcel.sender.is_empty() { None } else { Some(address(&parcel.sender)?) };
        let parameters = self.parameters(parcel)?;
        self.say(Stage::Mail, Mail::new(sender, parameters), 250)?;
        self.say(Stage::Rcpt, Rcpt::new(recipient, Vec::new()), 250)?;
        self.say(Stage::Data, "DATA\r\n", 354)?;
        let written = self.wire.write(&stuffed(&parcel.bytes));
        let heard = self.wire.reply();
        match (written, heard) {
            // A server may refuse and close before it has read everything: its word counts.
            (_, Ok(reply)) if reply.code >= 400 => Err(Failure::Replied { stage: Stage::End, reply }),
            (Err(source), _) | (Ok(()), Err(source)) => Err(Failure::at(Stage::End, source)),
            (Ok(()), Ok(reply)) if (200..300).contains(&reply.code) => Ok(reply.to_string()),
            (Ok(()), Ok(reply)) => Err(Failure::Replied { stage: Stage::End, reply }),
        }
    }

    /// Forgets a mail that was not finished; also tells whether the server is still there.
    pub(super) fn reset(&mut self, until: Instant) -> Result<(), Failure> {
        self.limit(until);
        // What a server says between two mails is a farewell (421), not the answer to our question.
        if self.wire.is_ahead() {
            return Err(Failure::at(Stage::Reset, io::ErrorKind::ConnectionAborted.into()));
        }
        self.say(Stage::Reset, Rset, 250).map(drop)
    }

    pub(super) fn limit(&mut self, until: Instant) {
        self.wire.limit(until);
    }

    pub(super) fn quit(mut self, until: Instant) {
        self.limit(until);
        // All mails are decided: no answer to this changes any.
        let _ = self.say(Stage::Quit, Quit, 221);
        self.wire.close();
    }

    fn encrypted(self, target: &Target) -> Result<Self, Failure> {
        let (Security::Starttls(config, name) | Security::Implicit(config, name)) = &target.security else {
            return Ok(self);
        };
        let wire = self.wire.encrypt(config.clone(), name.clone()).map_err(|source| match source.kind() {
            io::ErrorKind::TimedOut => Failure::TimeLimit { stage: Stage::Handshake },
            _ => Failure::Tls { host: target.host.clone(), source },
        })?;
        // What was offered in the open is forgotten (RFC 3207, 4.2).
        Ok(Self { wire, offers: Vec::new() })
    }

    fn greet(&mut self) -> Result<(), Failure> {
        let name = hello(self.wire.socket().local_addr().ok());
        let reply = self.say(Stage::Ehlo, Ehlo::new(name), 250)?;
        self.offers = reply.lines.iter().skip(1).map(|line| line.to_ascii_uppercase()).collect();
        Ok(())
    }

    /// The parameters of an extension, if the server offers it.
    fn offer(&self, keyword: &str) -> Option<&str> {
        self.offers.iter().find_map(|offer| match offer.split_once([' ', '=']) {
            Some((word, parameters)) => (word == keyword).then_some(parameters),
            None => (offer == keyword).then_some(""),
        })
    }

    fn log_in(&mut self, credentials: &Credentials) -> Result<(), Failure> {
        if !may_hear_password(self.wire.is_encrypted(), self.wire.socket().peer_addr().ok()) {
            return Err(Failure::PasswordInTheOpen);
        }
        let offered = self.offer("AUTH").unwrap_or_default();
        let offers = |mechanism: &str| offered.split_whitespace().any(|word| word == mechanism);
        let words = |mechanism, challenge: Option<&str>| {
            Auth::new(mechanism, credentials.clone(), challenge.map(str::to_owned))
                .map_err(|source| Failure::Words { stage: Stage::Auth, source })
        };
        if offers("PLAIN") {
            self.say(Stage::Auth, words(Mechanism::Plain, None)?, 235)?;
        } else if offers("LOGIN") {
            self.say(Stage::Auth, words(Mechanism::Login, None)?, 334)?;
            // The user first, then the password, whatever words a server asks with.
            self.say(Stage::Auth, words(Mechanism::Login, Some("Username:"))?, 334)?;
            self.say(Stage::Auth, words(Mechanism::Login, Some("Password:"))?, 235)?;
        } else {
            return Err(Failure::NoMechanism);
        }
        Ok(())
    }

    fn parameters(&self, parcel: &Parcel) -> Result<Vec<MailParameter>, Failure> {
        let mut parameters = Vec::new();
        if let Some(address) = [&parcel.sender, &parcel.recipient].into_iter().find(|a| !a.is_ascii()) {
            if self.offer("SMTPUTF8").is_none() {
                return Err(Failure::NoUnicode { address: address.clone() });
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        // Without 8BITMIME the bytes go out all the same: they are frozen, and hardly a server minds.
        if !parcel.bytes.is_ascii() && self.offer("8BITMIME").is_some() {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        Ok(parameters)
    }

    /// Says a command and hears a reply of the class of `expected`: 250 stands for 251 and 252 too.
    fn say(&mut self, stage: Stage, command: impl ToString, expected: u16) -> Result<Reply, Failure> {
        self.wire.write(command.to_string().as_bytes()).map_err(|source| Failure::at(stage, source))?;
        self.heard(stage, expected)
    }

    fn heard(&mut self, stage: Stage, expected: u16) -> Result<Reply, Failure> {
        let reply = self.wire.reply().map_err(|source| Failure::at(stage, source))?;
        if reply.code / 100 == expected / 100 { Ok(reply) } else { Err(Failure::Replied { stage, reply }) }
    }
}

fn address(text: &str) -> Result<Address, Failure> {
    text.parse().map_err(|source| Failure::Address { address: text.to_owned(), source })
}

/// Tries each address of the host; each gets its share of the time, so that a dead one leaves some.
fn connect(target: &Target, until: Instant) -> Result<Wire, Failure> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::TimedOut => Failure::TimeLimit { stage: Stage::Connect },
        _ => Failure::Connect { host: target.host.clone(), port: target.port, source },
    };
    let addresses = look_up(target, until)?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for (tried, address) in addresses.iter().enumerate() {
        let remaining = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        let share = left(until).map_err(failed)? / remaining;
        match Wire::connect(*address, share, until) {
            Ok(wire) => return Ok(wire),
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}

fn look_up(target: &Target, until: Instant) -> Result<Vec<SocketAddr>, Failure> {
    let bare = target.host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, target.port)]);
    }
    // The resolver has no time limit that we could set: it is asked in a thread which, at the worst, we
    // leave to its own (some ten seconds per name server).
    let (answer, answers) = mpsc::channel();
    let question = (target.host.clone(), target.port);
    let failed = |source| Failure::Lookup { host: target.host.clone(), source };
    std::thread::Builder::new()
        .name("look-up".into())
        .spawn(move || {
            // Nobody listens any more where the limit was reached.
            let _ = answer.send(question.to_socket_addrs().map(Iterator::collect));
        })
        .map_err(failed)?;
    let silence = |_| Failure::TimeLimit { stage: Stage::Connect };
    let left = left(until).map_err(|_| Failure::TimeLimit { stage: Stage::Connect })?;
    answers.recv_timeout(left).map_err(silence)?.map_err(failed)
}

/// Our name for EHLO: the host's if it is a full one, else our address (RFC 5321, 4.1.4).
fn hello(local: Option<SocketAddr>) -> ClientId {
    match (ClientId::default(), local.map(|local| local.ip().to_canonical())) {
        (ClientId::Domain(name), _) if name.contains('.') && name.is_ascii() => ClientId::Domain(name),
        (_, Some(IpAddr::V4(address))) => ClientId::Ipv4(address),
        (_, Some(IpAddr::V6(address))) => ClientId::Ipv6(address),
        (name, None) => name,
    }
}

/// Whether nobody in between can read along.
fn may_hear_password(encrypted: bool, peer: Option<SocketAddr>) -> bool {
    encrypted || peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback())
}

/// A mail as it goes over the wire (RFC 5321, 4.5.2), with the dot that ends it.
fn stuffed(bytes: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(bytes.len() + bytes.len() / 32 + 5);
    let mut line_start = true;
    let mut rest = bytes.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte == b'\r' || byte == b'\n' {
            if byte == b'\r' {
                rest.next_if_eq(&b'\n');
            }
            wire.extend_from_slice(b"\r\n");
            line_start = true;
            continue;
        }
        if line_start && byte == b'.' {
            wire.push(b'.');
        }
        wire.push(byte);
        line_start = false;
    }
    if !line_start {
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b".\r\n");
    wire
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a receiver makes of it: everything before the end, dots removed.
    fn unstuffed(wire: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for line in wire.split_inclusive(|&byte| byte == b'\n') {
            assert!(line.ends_with(b"\r\n"), "a bare line feed went out");
            if line == b".\r\n" {
                break;
            }
            bytes.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        }
        bytes
    }

    #[test]
    fn dots_are_stuffed_and_every_bare_line_end_becomes_crlf() {
        for (bytes, wire) in [
            (b"".as_slice(), b".\r\n".as_slice()),
            (b".\r\n..\r\na.b\r\n", b"..\r\n...\r\na.b\r\n.\r\n"),
            (b"a\n.\nb\r.\rc", b"a\r\n..\r\nb\r\n..\r\nc\r\n.\r\n"),
            (b"a\r\n\r\n", b"a\r\n\r\n.\r\n"),
        ] {
            assert_eq!(stuffed(bytes), wire, "{}", String::from_utf8_lossy(bytes));
        }
    }

    proptest! {
        #[test]
        fn a_receiver_gets_canonical_bytes_back_unchanged(
            lines in proptest::collection::vec("[.a]{0,3}", 0..20),
        ) {
            let bytes: Vec<u8> = lines.iter().flat_map(|line| format!("{line}\r\n").into_bytes()).collect();
            prop_assert_eq!(unstuffed(&stuffed(&bytes)), bytes);
        }

        #[test]
        fn no_bytes_whatever_end_a_mail_before_its_end(bytes in "[.a\r\n]{0,40}") {
            let wire = stuffed(bytes.as_bytes());
            let ends = wire.windows(5).filter(|w| w == b"\r\n.\r\n").count() + usize::from(wire.starts_with(b".\r\n"));
            prop_assert_eq!(ends, 1);
            prop_assert!(wire.windows(2).all(|w| (w[1] == b'\n') == (w[0] == b'\r')));
        }
    }

    #[test]
    fn a_password_crosses_an_open_connection_only_on_loopback() {
        for (encrypted, peer, may) in [
            (false, "127.0.0.1:25", true),
            (false, "127.8.0.1:25", true),
            (false, "[::1]:25", true),
            (false, "[::ffff:127.0.0.1]:25", true),
            (false, "10.0.0.1:25", false),
            (false, "[fe80::1]:25", false),
            (false, "[::ffff:10.0.0.1]:25", false),
            (true, "10.0.0.1:25", true),
        ] {
            assert_eq!(may_hear_password(encrypted, peer.parse().ok()), may, "{encrypted} {peer}");
        }
        assert!(!may_hear_password(false, None));
    }

    #[test]
    fn ehlo_says_a_full_name_or_our_address() {
        let name = hello(Some(([127, 0, 0, 1], 1).into())).to_string();
        assert!(name.contains('.'), "{name}");
    }
}
