//! What the screens return, and what they are told.
//!
//! In: nothing. Out: plain data. It does not know how a command is issued or a screen drawn.

use super::detail::moment;
use crate::redistribution::model::Token;
use crate::redistribution::plan::Rebuilt;
use jiff::Timestamp;
use std::fmt;

/// A command that the operator approved, as it was shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Approved {
    /// `J3.1`.
    pub id: String,
    /// The hash the shown command came with: approval is bound to it.
    pub hash: String,
    /// Secrets hold their text.
    pub argv: Vec<String>,
}

impl Approved {
    pub(super) fn of(built: &Rebuilt) -> Self {
        Approved {
            id: built.id.clone(),
            hash: built.hash.clone(),
            argv: built.argv.iter().map(|token| token.text.clone()).collect(),
        }
    }
}

/// Without the arguments, which may hold secrets.
impl fmt::Debug for Approved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Approved({} {} with {} elements)", self.id, self.hash, self.argv.len())
    }
}

/// What a screen asks of its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Issue these. Their state is [`State::Approved`] from now on.
    Approve(Vec<Approved>),
    /// Validate and hash this vector; answer with [`super::Model::rebuilt`] or [`super::Model::refuse`].
    Edit { id: String, argv: Vec<String> },
    /// The operator does not want these issued.
    Reject(Vec<String>),
    /// A rejection was taken back.
    Readmit(Vec<String>),
    /// Issue a command whose state is unknown once more: the operator typed its id.
    Reissue(Approved),
    /// How to end the issue that runs.
    Stop(Stop),
    /// Draw everything anew (Ctrl-L).
    Redraw,
    /// Give the terminal back to the shell until it resumes us (Ctrl-Z).
    Suspend,
    /// The operator leaves. Nothing that was not approved may be issued.
    Quit,
    /// The terminal is gone: nothing more may be issued.
    HungUp,
    /// This signal asks us to end: nothing more may be issued.
    Terminated(i32),
}

/// How an issue is stopped. What was not started is left as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// No new commands; the running ones finish.
    Finish,
    /// The running ones are killed: their state becomes unknown.
    Kill,
}

/// What has become of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Open,
    Rejected,
    Approved,
    Confirmed,
    Failed,
    /// Issued, and nobody knows with what result.
    Unknown,
}

impl State {
    pub fn word(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Rejected => "rejected",
            State::Approved => "approved",
            State::Confirmed => "confirmed",
            State::Failed => "failed",
            State::Unknown => "unknown",
        }
    }
}

/// A command of an earlier session that was begun, and whose result nobody knows: the manager may still have it.
#[derive(Clone, PartialEq)]
pub struct UnknownCommand {
    pub id: String,
    pub server: String,
    pub hash: String,
    pub argv: Vec<Token>,
    pub recipients: Vec<String>,
    /// When `intent` was written.
    pub since: Option<Timestamp>,
    /// Who approved it.
    pub operator: Option<String>,
    /// The key of the attempt, short: what `--again` takes.
    pub key: String,
    /// How its program ended, in words; `None`: that was never recorded.
    pub end: Option<String>,
}

impl UnknownCommand {
    /// `unknown`, or `waiting` where its program ended and the log does not say yet what became of it.
    pub(super) fn word(&self) -> &'static str {
        if self.end.is_some() { "waiting" } else { "unknown" }
    }

    pub(super) fn when(&self) -> String {
        self.since.map_or("time not known".to_owned(), moment)
    }

    /// What is known of its end, in words.
    pub(super) fn so_far(&self) -> String {
        match &self.end {
            Some(end) => format!(
                "issued at {}, {end}: the manager has it, or its end is not known; the log does not say yet",
                self.when()
            ),
            None => format!("issued at {}: nobody knows whether it ran", self.when()),
        }
    }
}
