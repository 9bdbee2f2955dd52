//! The outbox schedule and the transports.
//!
//! In: a [`Parcel`] whose bytes are frozen. Out: an [`Attempt`] that says whether to try again. It does
//! not know how a ticket was decided, it keeps nothing between two passes (the store does), and it is the
//! only room that speaks SMTP. A ticket is transmitted *at least* once: where the answer to the end of a
//! mail is lost, the mail is `Postponed` and the receiver drops the twin by its Message-ID.

mod address;
mod credential;
mod files;
mod greeting;
pub mod model;
pub mod schedule;
mod sendmail;
mod smtp;

pub use greeting::greeting;
pub use model::{Attempt, Parcel, Transport};

use crate::rules::model::TransportRule;
use crate::shown::Shown;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Why a transport could not be opened: always the configuration or the machine, never a mail.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("create the folder for outgoing mail {}", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    #[error("read the credential {}", path.display())]
    Credential { path: PathBuf, source: io::Error },
    #[error("credential {} is readable by others (mode {mode:04o}): chmod 0600 it", path.display())]
    ExposedCredential { path: PathBuf, mode: u32 },
    #[error("credential {} has an empty first line, where the password belongs", path.display())]
    EmptyCredential { path: PathBuf },
    #[error(
        "credential `{name}` is no absolute path, and no credentials directory was given (LoadCredential=)"
    )]
    NoCredentialsDirectory { name: String },
    #[error("credential `{name}` is neither an absolute path nor the plain name of a credential")]
    CredentialName { name: String },
    #[error("user `{user}` is configured without a credential file")]
    UserWithoutCredential { user: String },
    #[error("read the certificate authority {}", path.display())]
    Authority { path: PathBuf, source: rustls::pki_types::pem::Error },
    #[error("no certificate authority found in {place}: install ca-certificates or name an `authority` file")]
    NoAuthority { place: String },
    #[error("set up TLS")]
    Tls { source: rustls::Error },
    #[error("`{host}` is neither a host name nor an address")]
    Host { host: String },
    #[error("sendmail program `{program}` is no absolute path")]
    Program { program: String },
}

/// Opens the configured way to transmit. No network is touched before the first parcel.
///
/// `state` is the state folder (a relative `folder` of the file transport starts there), `timeout` the
/// limit of one whole transmission, `credentials` the folder in which a credential without a path is
/// looked up (systemd's `$CREDENTIALS_DIRECTORY`).
///
/// Open it for one pass and drop it afterwards: an SMTP connection is kept open in between.
pub fn open(
    rule: &TransportRule,
    state: &Path,
    timeout: Duration,
    credentials: Option<&Path>,
) -> Result<Box<dyn Transport>, Error> {
    Ok(match rule {
        TransportRule::Files { folder } => Box::new(files::Files::open(state.join(folder))?),
        TransportRule::Sendmail { program } => Box::new(sendmail::Sendmail::open(program, timeout)?),
        TransportRule::Smtp { host, port, tls, user, credential, authority } => {
            let login = credential::login(user.as_deref(), credential.as_deref(), credentials)?;
            let security = smtp::Security::open(*tls, host, authority.as_deref().map(Path::new))?;
            Box::new(smtp::Smtp::new(host.clone(), *port, security, login, timeout))
        }
    })
}

/// For time limits only: no decision and nothing that is kept depends on it.
#[allow(clippy::disallowed_methods, reason = "a time limit is measured where it is kept")]
fn instant() -> Instant {
    Instant::now()
}

/// Longest reply that is kept, in bytes.
const REPLY_LIMIT: usize = 512;

/// What is kept of something a server, a program or the machine said: its first line, made visible, bounded.
fn told(text: &str) -> String {
    let line = text.trim_start().lines().next().unwrap_or_default().trim_end();
    let mut shown = Shown::new(&line[..line.floor_char_boundary(REPLY_LIMIT)]).to_string();
    shown.truncate(shown.floor_char_boundary(REPLY_LIMIT));
    shown
}

/// An error with its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    told(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_one_visible_line_of_bounded_length() {
        assert_eq!(told("250 ok\x1b[2J\r\n250 more"), r"250 ok\x1b[2J");
        assert_eq!(told(""), "");
        let long = told(&"\u{202e}é".repeat(10_000));
        assert!(long.len() <= REPLY_LIMIT && long.starts_with(r"\u{202e}é"), "{long}");
    }

    #[test]
    fn every_rule_opens_its_transport_and_says_its_name() {
        let state = tempfile::tempdir().expect("a temporary folder");
        let open = |rule| open(&rule, state.path(), Duration::from_secs(1), None).map(|t| t.name());
        let files = open(TransportRule::Files { folder: "outgoing".into() }).expect("a folder can be made");
        assert_eq!(files, format!("files {}", state.path().join("outgoing").display()));
        let sendmail = open(TransportRule::Sendmail { program: "/usr/sbin/sendmail".into() });
        assert_eq!(sendmail.expect("an absolute path"), "sendmail /usr/sbin/sendmail");
        let relative = open(TransportRule::Sendmail { program: "sendmail".into() });
        assert!(matches!(relative, Err(Error::Program { .. })));
        let smtp = open(TransportRule::Smtp {
            host: "mail.acme.com".into(),
            port: 25,
            tls: crate::rules::model::Tls::None,
            user: None,
            credential: None,
            authority: None,
        });
        assert_eq!(smtp.expect("nothing is connected yet"), "smtp mail.acme.com:25");
    }
}
