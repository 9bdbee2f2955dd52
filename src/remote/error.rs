//! Why there is no link, or none any more, with the way out.

use super::address::Address;
use crate::shown::Shown;
use std::fmt;

/// Why nothing can be exchanged with the far machine. Everything from there is shown harmless.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Config(String),
    #[error("{host} is to be reached by a ProxyCommand ({place}), which is not understood here")]
    ProxyCommand { host: String, place: String },
    #[error("{host} is no address: {why}")]
    NoAddress { host: String, why: String },
    #[error("{host} port {port} cannot be reached: {why}")]
    Connect { host: String, port: u16, why: String },
    #[error("the way through {jump} to {host} cannot be opened: {why}")]
    Jump { host: String, jump: String, why: String },
    #[error("{host} port {port} does not speak SSH with us: {}", Shown::new(.why))]
    Handshake { host: String, port: u16, why: String },
    #[error("the host key of {name} is not known: {kind} {fingerprint}{}", listed(.others))]
    UnknownKey {
        name: String,
        kind: String,
        fingerprint: String,
        others: Vec<String>,
        scan: String,
        file: String,
        authority: bool,
    },
    #[error(
        "THE HOST KEY OF {name} HAS CHANGED: it shows {kind} {fingerprint}, and {place} says another. Somebody may be listening"
    )]
    ChangedKey { name: String, kind: String, fingerprint: String, place: String, file: String },
    #[error("the host key of {name} is revoked at {place}: {kind} {fingerprint}")]
    RevokedKey { name: String, kind: String, fingerprint: String, place: String },
    #[error("{host} does not let {user} in: {}", if .tried.is_empty() { "there is no key to try".to_owned() } else { .tried.join("; ") })]
    NotLetIn { host: String, user: String, tried: Vec<String>, encrypted: Vec<String>, has_agent: bool },
    #[error("{host} does not start `{program}`: {}", Shown::new(.why))]
    NotStarted { host: String, program: String, why: String },
    #[error("the connection to {host} was lost: {}", Shown::new(.why))]
    Lost { host: String, why: String },
    #[error("{host} has been silent for {seconds} s: the connection counts as lost")]
    Silent { host: String, seconds: u64 },
    #[error("`{program}` on {host} ended before its last word: {how}{}", last_words(.said))]
    Ended { host: String, program: String, how: String, said: String, status: Option<i32> },
    #[error("{host} sends a line longer than {most} bytes: nothing of it is used")]
    TooLong { host: String, most: usize },
}

fn listed(others: &[String]) -> String {
    if others.is_empty() {
        return String::new();
    }
    format!(" ({} knows other kinds of keys of it)", Shown::new(&others.join(", ")))
}

/// The last words of a program on its standard error.
fn last_words(text: &str) -> String {
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty());
    line.map_or_else(String::new, |line| {
        let line: String = line.chars().take(300).collect();
        format!(": {}", Shown::new(&line))
    })
}

impl Error {
    /// Whether the same may work later, with nothing changed here.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Error::NoAddress { .. }
                | Error::Connect { .. }
                | Error::Jump { .. }
                | Error::Handshake { .. }
                | Error::Lost { .. }
                | Error::Silent { .. }
                | Error::Ended { .. }
        )
    }

    /// The way out.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Error::ProxyCommand { host, .. } => {
                vec![format!(
                    "ProxyJump is understood: Host {host} / ProxyJump GATE; or `ProxyCommand none` before it"
                )]
            }
            Error::UnknownKey { scan, file, authority, .. } => {
                let mut hints = vec![
                    format!(
                        "compare the fingerprint with one that the machine's owner gives you: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub there"
                    ),
                    format!("then `{scan} >> {file}`, or answer ssh once"),
                ];
                if *authority {
                    hints.push("certificates of hosts (@cert-authority) are not understood: the key itself has to be known".to_owned());
                }
                hints
            }
            Error::ChangedKey { name, place, file, .. } => vec![format!(
                "ask the machine's owner; if the key was changed on purpose: ssh-keygen -R '{name}' -f {file}, which forgets {place}"
            )],
            Error::RevokedKey { .. } => vec!["the machine needs a new host key".to_owned()],
            Error::NotLetIn { encrypted, has_agent, user, host, .. } => {
                let mut hints: Vec<String> = encrypted
                    .iter()
                    .map(|key| format!("{key} has a passphrase: `ssh-add {key}` puts it into ssh-agent, passphrases are not asked for here"))
                    .collect();
                if encrypted.is_empty() {
                    let agent = if *has_agent { "" } else { " (SSH_AUTH_SOCK names none now)" };
                    hints.push(format!(
                        "put the public key of one of ours into ~{user}/.ssh/authorized_keys on {host}, or hold its key in ssh-agent{agent}; passwords are never sent"
                    ));
                }
                hints
            }
            Error::Ended { status: Some(126 | 127), program, .. } => {
                vec![format!(
                    "is {program} installed there, in the PATH of sshd? --remote-program PATH names it"
                )]
            }
            Error::Ended { said, .. } if said.contains("unrecognized subcommand") => {
                vec![
                    "the program there is older than the one here: they speak by `autoticket agent`"
                        .to_owned(),
                ]
            }
            _ => Vec::new(),
        }
    }
}

/// A host as errors name it.
pub(super) fn named(address: &Address) -> String {
    address.host.clone()
}

impl fmt::Display for super::link::Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.signal, self.status) {
            (Some(signal), _) => write!(f, "killed by SIG{}", Shown::new(signal)),
            (None, Some(0)) => f.write_str("no exit status"),
            (None, Some(status)) => write!(f, "exit status {status}"),
            (None, None) => f.write_str("the connection is gone"),
        }
    }
}
