//! What a person at a terminal is told when a command fails: what, why, and the way out.

use super::{Exit, show};
use crate::shown::Shown;
use crate::store;

/// A failed command.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub error: anyhow::Error,
    pub hints: Vec<String>,
}

impl Failure {
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into(), hints: Vec::new() }
    }

    /// A failure that is one sentence.
    pub fn say(exit: Exit, text: impl Into<String>) -> Self {
        Self::new(exit, anyhow::Error::msg(text.into()))
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The chain of causes on one line, printable.
    pub fn line(&self) -> String {
        Shown::new(&format!("{:#}", self.error)).to_string()
    }

    /// Prints the failure and gives its exit status.
    pub fn report(&self) -> Exit {
        // Several lines only where the error itself is a list (`rules check`).
        show::tell_lines(format_args!("autoticket: {:#}", self.error));
        for hint in &self.hints {
            show::tell_lines(format_args!("hint: {hint}"));
        }
        self.exit
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        let exit = match &error {
            store::Error::NoState { .. } | store::Error::Missing { .. } => Exit::Unavailable,
            store::Error::ForeignInstall { .. }
            | store::Error::Journal { .. }
            | store::Error::Stored { .. } => Exit::Data,
            store::Error::Newer { .. } => Exit::Unavailable,
            store::Error::Owner { .. } => Exit::Permission,
            store::Error::Exists { .. } | store::Error::NotEmpty { .. } => Exit::Usage,
            error if error.is_busy() => Exit::TryAgain,
            store::Error::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
                Exit::Permission
            }
            store::Error::Io { .. } | store::Error::Sql { .. } => Exit::Io,
        };
        Self::new(exit, error)
    }
}
