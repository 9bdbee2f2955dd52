//! What a logfile rule says, checked.
//!
//! In: nothing. Out: plain data. Its patterns compile (crate `regex`, bytes); it does not know how a log is read.

use crate::rules::model::{Origin, Pattern};

/// Every logfile rule, in the order in which a log's format is tried.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogRules {
    pub rules: Vec<LogRule>,
}

impl LogRules {
    /// The rule of this id.
    pub fn named(&self, id: &str) -> Option<&LogRule> {
        self.rules.iter().find(|rule| rule.id == id)
    }
}

/// How one kind of distribution logfile is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRule {
    pub id: String,
    pub origin: Origin,
    /// Lower is tried first.
    pub order: i32,
    /// The tool of its jobs, unless a line names one.
    pub tool: String,
    /// Each one matches a line of such a log's beginning.
    pub recognise: Vec<Pattern>,
    /// What the first line of every record looks like: other lines continue the record before.
    pub record: Option<Pattern>,
    /// A line that matches is continued by the next one.
    pub continued: Option<Pattern>,
    /// `strptime` formats of `time` and `until`, tried in order; `epoch` is seconds with a fraction.
    pub times: Vec<String>,
    /// Names of months other than English ones, January first.
    pub months: Vec<String>,
    /// Tried in order; the first that matches a line is what happened.
    pub events: Vec<Event>,
    /// Names of `NAME=value` in the capture `pairs`.
    pub pairs: Vec<(String, Field)>,
    /// Words of the captures `outcome` and `status`, and what they mean; `*` is any other.
    pub outcomes: Vec<(String, String)>,
    pub command: CommandRule,
    /// The one recipient of every run, which shares its outcome: this computer.
    pub recipient: Option<String>,
    /// A run without an end is unfinished.
    pub ends: bool,
    /// A gap of so many seconds ends a run whose key is used again, such as a process id.
    pub idle: Option<i64>,
    pub narrowing: Option<Narrowing>,
    pub join: Option<Join>,
}

/// One kind of line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub does: Does,
    pub matches: Pattern,
    /// Stands in every such line; a line without it is not looked at.
    pub literal: Option<String>,
    /// One of [`OUTCOMES`], whatever the line says.
    pub outcome: Option<String>,
    /// Why, where the line itself does not say.
    pub cause: Option<String>,
}

/// What a line does to the run it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Does {
    /// Begins it; one with the same key that was open is unfinished.
    Start,
    /// Tells more of it.
    Note,
    /// Says what became of recipients.
    Recipient,
    /// Ends it.
    End,
    /// Is a run by itself.
    Whole,
    /// Is understood, and means nothing.
    Nothing,
}

impl Does {
    pub const ALL: [(Does, &'static str); 6] = [
        (Does::Start, "start"),
        (Does::Note, "note"),
        (Does::Recipient, "recipient"),
        (Does::End, "end"),
        (Does::Whole, "whole"),
        (Does::Nothing, "nothing"),
    ];
}

/// What a capture or a pair holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    Time,
    Until,
    Duration,
    Key,
    Step,
    Job,
    Tool,
    Server,
    User,
    Directory,
    Command,
    Argv,
    Program,
    Package,
    List,
    Recipient,
    Recipients,
    Outcome,
    Status,
    Cause,
    Parameters,
    /// `NAME=value`, see [`LogRule::pairs`].
    Pairs,
}

impl Field {
    pub const ALL: [(Field, &'static str); 22] = [
        (Field::Time, "time"),
        (Field::Until, "until"),
        (Field::Duration, "duration"),
        (Field::Key, "key"),
        (Field::Step, "step"),
        (Field::Job, "job"),
        (Field::Tool, "tool"),
        (Field::Server, "server"),
        (Field::User, "user"),
        (Field::Directory, "directory"),
        (Field::Command, "command"),
        (Field::Argv, "argv"),
        (Field::Program, "program"),
        (Field::Package, "package"),
        (Field::List, "list"),
        (Field::Recipient, "recipient"),
        (Field::Recipients, "recipients"),
        (Field::Outcome, "outcome"),
        (Field::Status, "status"),
        (Field::Cause, "cause"),
        (Field::Parameters, "parameters"),
        (Field::Pairs, "pairs"),
    ];

    pub fn from_word(word: &str) -> Option<Field> {
        Self::ALL.iter().find(|(_, own)| *own == word).map(|(field, _)| *field)
    }
}

/// The outcome classes, as `redistribution::model::Outcome` writes them.
pub const OUTCOMES: [&str; 8] =
    ["ok", "failed", "unreachable", "timeout", "skipped", "cancelled", "unfinished", "unknown"];

/// How a log writes argument vectors down, as `redistribution::model::Writing` has it.
pub const WRITINGS: [&str; 4] = ["json", "quoted", "shell", "joined"];

/// What is known of the commands in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRule {
    /// One of [`WRITINGS`].
    pub writing: String,
    /// Elements in front of what the log has: `yum` of `install -y x`.
    pub program: Vec<String>,
    /// Options whose values are secrets.
    pub secret: Vec<String>,
    /// Options that make a run one without effect.
    pub without_effect: Vec<String>,
    /// Options whose value is the distribution list.
    pub list: Vec<String>,
    /// Options whose values name packages.
    pub packages: Vec<String>,
    /// Options whose values name recipients.
    pub recipients: Vec<String>,
}

/// How a command is restricted to the recipients that failed; each logfile rule declares one, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Narrowing {
    /// Tokens that name recipients (alone, in a list with `separator`, or a folded node set) keep those that failed.
    Replace {
        /// Options whose values name recipients (`-w`, `--target`); empty: any token that names one.
        options: Vec<String>,
        separator: String,
    },
    /// An option, present or absent in the original, that takes the recipients.
    Insert {
        /// As it is inserted: `--limit`.
        option: String,
        /// Its other spellings, all of which are taken out of the original: `-l`.
        also: Vec<String>,
        separator: String,
        /// `--limit=a,b` instead of `--limit a,b`.
        joined: bool,
        /// Inserted before the first argument after this one (index into argv); 1: right behind the program.
        at: usize,
    },
    /// The distribution list's path is replaced by a new 0600 file with the failed recipients' original lines.
    Listfile {
        /// Options whose value is the list (`-l`, `--list`, `-i`).
        options: Vec<String>,
        /// Field of a line that names the recipient, from 1, split at blanks; comments (`#`) and blank lines stay out.
        field: usize,
    },
    /// One command per recipient, as it stands.
    Whole,
}

impl Narrowing {
    /// As written in rules and JSON.
    pub fn word(&self) -> &'static str {
        match self {
            Narrowing::Replace { .. } => "replace",
            Narrowing::Insert { .. } => "insert",
            Narrowing::Listfile { .. } => "listfile",
            Narrowing::Whole => "whole",
        }
    }
}

/// The command of a run stands in another log (sudo, cron, shell history).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// Last parts of program paths, of which the command has one.
    pub programs: Vec<String>,
    /// Seconds before the run's first line within which its command was given, and after it (clocks, buffering).
    pub before: i64,
    pub after: i64,
}
