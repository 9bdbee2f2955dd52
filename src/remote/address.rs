//! `USER@HOST[:PORT]`, and the program that is started there.
//!
//! In: what an operator wrote. Out: names of characters that mean nothing to any shell and are no option.

use std::fmt;
use std::str::FromStr;

/// A machine to connect to, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub user: Option<String>,
    /// A name of `ssh_config`, a host name, or an address of the internet.
    pub host: String,
    pub port: Option<u16>,
}

/// Why a text is no address or no program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` {what}", crate::shown::Shown::new(.text))]
pub struct Unclear {
    text: String,
    what: &'static str,
}

fn unclear(text: &str, what: &'static str) -> Unclear {
    Unclear { text: text.to_owned(), what }
}

/// Letters and digits first, then also the named ones.
fn fits(text: &str, also: &[u8]) -> bool {
    let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    first && text.len() <= 255 && text.bytes().all(|b| b.is_ascii_alphanumeric() || also.contains(&b))
}

/// Whether a text can be the name of a user: nothing in it means anything to ssh or a shell.
pub(super) fn is_user(text: &str) -> bool {
    fits(text, b"._-+")
}

/// Whether a text can be the name or address of a host.
pub(super) fn is_host(text: &str) -> bool {
    fits(text, b"._-") || (text.contains(':') && text.parse::<std::net::Ipv6Addr>().is_ok())
}

impl FromStr for Address {
    type Err = Unclear;

    fn from_str(text: &str) -> Result<Address, Unclear> {
        let (user, rest) = match text.rsplit_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, text),
        };
        if let Some(user) = user
            && !is_user(user)
        {
            return Err(unclear(text, "names no user: USER@HOST[:PORT]"));
        }
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(':').unwrap_or("?"))),
            None if rest.matches(':').count() > 1 => (rest, None),
            None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        if !is_host(host) {
            return Err(unclear(text, "names no host: USER@HOST[:PORT]"));
        }
        let port = match port {
            None => None,
            Some(port) => match port.parse::<u16>() {
                Ok(number) if number > 0 && port.bytes().all(|b| b.is_ascii_digit()) => Some(number),
                _ => return Err(unclear(text, "has no port between 1 and 65535")),
            },
        };
        Ok(Address { user: user.map(str::to_owned), host: host.to_owned(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match self.port {
            Some(port) if self.host.contains(':') => write!(f, "[{}]:{port}", self.host),
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

/// The program on the far machine: a name or a path that every shell takes as one word and as nothing else.
///
/// # Errors
/// Where it holds any other character.
pub fn program(text: &str) -> Result<&str, Unclear> {
    let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_'));
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'.' | b'+' | b'-');
    if first && text.len() <= 4096 && text.bytes().all(plain) {
        Ok(text)
    } else {
        Err(unclear(text, "is no program for the far machine: letters, digits and /_.+- only"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> (Option<String>, String, Option<u16>) {
        let address: Address = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(address.to_string(), text);
        (address.user, address.host, address.port)
    }

    #[test]
    fn user_host_and_port_are_told_apart() {
        assert_eq!(address("is38"), (None, "is38".into(), None));
        assert_eq!(address("dm@is38.acme.com"), (Some("dm".into()), "is38.acme.com".into(), None));
        assert_eq!(address("dm@10.1.2.3:2222"), (Some("dm".into()), "10.1.2.3".into(), Some(2222)));
        assert_eq!(address("fd00::1"), (None, "fd00::1".into(), None));
        assert_eq!(address("dm@[fd00::1]:22"), (Some("dm".into()), "fd00::1".into(), Some(22)));
    }

    #[test]
    fn what_could_be_an_option_a_shell_word_or_no_port_is_refused() {
        for text in [
            "",
            "@",
            "dm@",
            "-oProxyCommand=x",
            "dm@-x",
            "a b",
            "is38;id",
            "$(id)@is38",
            "is38:",
            "is38:0",
            "is38:65536",
            "is38:+22",
            "is38:22x",
            "[fd00::1]22",
            "is38\n",
            "-l@is38",
            "a@b@c d",
            "`id`",
            "x\u{202e}y",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_program_is_one_word_for_every_shell() {
        for text in ["autoticket", "/usr/local/bin/autoticket", "/opt/a.b+c-d_e/autoticket"] {
            assert_eq!(program(text), Ok(text));
        }
        for text in [
            "",
            "-x",
            "a b",
            "a;b",
            "$HOME/autoticket",
            "~/autoticket",
            "a'b",
            "a\nb",
            "a\\b",
            "ä",
            "a*",
            "=x",
        ] {
            assert!(program(text).is_err(), "{text:?}");
        }
        let said = program("a\x1b[2Jb").expect_err("refused").to_string();
        assert!(said.starts_with(r"`a\x1b[2Jb` is no program"), "{said}");
    }
}
