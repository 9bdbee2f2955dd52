//! What passes through this room: runs read from distribution logfiles, and the places their words stand at.
//!
//! In: nothing. Out: plain data. It does not know how a log is read or a command rebuilt.

pub use crate::rules::logs::model::Narrowing;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A line of a file: path as the operator would name it, line from 1. Compressed files count decompressed lines. What
/// stands in no file (the journal) has line 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    pub file: Arc<str>,
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}

/// What became of one recipient, or of a run as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Ok,
    Failed,
    Unreachable,
    Timeout,
    /// Left out on purpose, or a run without effect (`--check`, `--list-hosts`).
    Skipped,
    Cancelled,
    /// The run ended before a result was recorded.
    Unfinished,
    Unknown,
}

impl Outcome {
    pub const ALL: [Outcome; 8] = [
        Outcome::Ok,
        Outcome::Failed,
        Outcome::Unreachable,
        Outcome::Timeout,
        Outcome::Skipped,
        Outcome::Cancelled,
        Outcome::Unfinished,
        Outcome::Unknown,
    ];

    /// As written in rules and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Failed => "failed",
            Outcome::Unreachable => "unreachable",
            Outcome::Timeout => "timeout",
            Outcome::Skipped => "skipped",
            Outcome::Cancelled => "cancelled",
            Outcome::Unfinished => "unfinished",
            Outcome::Unknown => "unknown",
        }
    }

    /// Whether something is left to be delivered. `unknown` is: whoever approves sees that it is.
    pub fn is_undelivered(self) -> bool {
        self != Outcome::Ok
    }
}

/// How the log wrote the argument vector down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Writing {
    /// A JSON list: exact.
    Json,
    /// Shell quoting that gives the vector back without loss: exact.
    Quoted,
    /// A line that was handed to a shell: split by its quoting; what only a shell could expand makes it ambiguous.
    Shell,
    /// Elements joined by blanks, quoting lost: `retokenised`, or `ambiguous` where it shows.
    Joined,
}

/// One element of an argument vector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    pub text: String,
    /// Where it was read; `None`: the rebuild put it there.
    pub place: Option<Place>,
    /// Masked wherever it is shown or stored; issued intact.
    pub secret: bool,
}

/// The original command of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// As the log has it, byte for byte (invalid UTF-8 replaced: then `damaged`).
    pub text: String,
    pub argv: Vec<Token>,
    pub writing: Writing,
    /// Why the vector may not be the original one: lost quoting that shows, a variable only a shell knew, bytes
    /// that are no text, a file that was temporary. Empty: nothing speaks against it.
    pub doubts: Vec<String>,
    pub directory: Option<String>,
    pub user: Option<String>,
    pub place: Place,
}

/// What became of one recipient of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// As the log has it (node sets unfolded).
    pub name: String,
    pub outcome: Outcome,
    /// The failure type or the words of the log.
    pub cause: Option<String>,
    /// Parameters of this recipient alone: they stay with it (one command per group of equal ones).
    pub parameters: Vec<String>,
    /// The line that says so, and its time, where it has one.
    pub place: Place,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// One executed command in a distribution logfile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Id of the logfile rule that read it.
    pub rule: String,
    pub tool: String,
    /// The intermediate server that executed it; `None`: the log does not say, so this one.
    pub server: Option<String>,
    pub job: Option<String>,
    pub packages: Vec<String>,
    /// Path of the distribution list, as recorded.
    pub list: Option<String>,
    pub command: Option<Command>,
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
    /// First line of it, and its last.
    pub place: Place,
    pub last: Place,
    /// In the order in which the log first names them; the last word about each counts.
    pub recipients: Vec<Recipient>,
    /// Of the run as a whole.
    pub outcome: Outcome,
    /// Why, in the words of the log or rule.
    pub why: Option<String>,
}
