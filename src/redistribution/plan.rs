//! A plan: what failed, and the commands that would reissue exactly that.
//!
//! In: nothing. Out: plain data, as `--list --json` and a plan file hold it (DESIGN 7). It does not know how a job
//! was found, shown or issued.

use super::model::{Outcome, Place, Token};
use super::shell::{MASK, masked};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Version of the JSON form.
pub const SCHEMA: u32 = 1;

/// What `redistribute` proposes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub schema: u32,
    pub server: String,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub jobs: Vec<Job>,
    /// What the operator must know: unreadable files, lines no rule understood, vanished lists, upstream first.
    pub notes: Vec<String>,
}

/// One distribution job with recipients that failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// `J1`, `J2`, … in the order of the plan.
    pub id: String,
    pub tool: String,
    pub server: String,
    pub rule: String,
    /// The tool's own number of it.
    pub job: Option<String>,
    pub run: Option<RunPlace>,
    pub packages: Vec<String>,
    /// Path of the distribution list, as recorded.
    pub list: Option<String>,
    pub recipients: Recipients,
    /// By what it was found: the failed distribution files, the logfiles, or both.
    pub found_in: FoundIn,
    /// The original command string, secrets masked.
    pub original: Option<String>,
    /// The original vector, secrets flagged; in JSON a list of texts, secrets masked.
    #[serde(with = "texts")]
    pub original_argv: Vec<Token>,
    pub commands: Vec<Rebuilt>,
    /// Why no command could be rebuilt; then `commands` is empty.
    pub refused: Option<String>,
    /// Why it may not be approved in bulk: a list that changed, a package that vanished, several candidates.
    pub blocked: Vec<String>,
    /// A newer version of the same package went to the same recipients: this job is struck out.
    pub folded: Option<String>,
    /// The cause that most of its recipients share: what the screen groups by.
    pub cause: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunPlace {
    pub file: String,
    pub line: u64,
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Recipients {
    pub all: Vec<String>,
    pub failed: Vec<FailedRecipient>,
    /// Failed then, succeeded since: name and the line that says so.
    pub recovered: Vec<(String, Place)>,
    /// Failed then, tried again since with the same or a newer version: name and where; left out of the commands.
    #[serde(default)]
    pub folded: Vec<(String, Place)>,
    /// Failed, and not issued to now: name and why (it does not answer, it is in an outage). Left out of the commands.
    #[serde(default)]
    pub aside: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailedRecipient {
    pub name: String,
    pub outcome: Outcome,
    pub cause: Option<String>,
    /// The line of the log, where one says so.
    pub place: Option<Place>,
    /// Ids of its failed distributions (`failed list`), which a confirmation removes.
    pub records: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FoundIn {
    pub record: bool,
    pub log: bool,
}

/// How sure it is that the vector is the original one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    Exact,
    /// The log had lost the quoting; nothing shows that it mattered.
    Retokenised,
    /// Never approved in bulk.
    Ambiguous,
}

impl Grade {
    pub fn word(self) -> &'static str {
        match self {
            Grade::Exact => "exact",
            Grade::Retokenised => "retokenised",
            Grade::Ambiguous => "ambiguous",
        }
    }
}

/// A redistribution job: one rebuilt command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rebuilt {
    /// `J3.1`.
    pub id: String,
    /// Secrets hold their text here and are masked by whoever shows or stores it; in JSON a list of texts, secrets
    /// masked, places left out.
    #[serde(with = "texts")]
    pub argv: Vec<Token>,
    pub recipients: Vec<String>,
    /// `replace`, `insert`, `listfile`, `whole`.
    pub narrowing: String,
    pub grade: Grade,
    /// Why it is not graded better.
    pub doubts: Vec<String>,
    /// Lowercase hexadecimal SHA-256 over all that approval binds (DESIGN 6): see `approval::hash`.
    pub hash: String,
    pub directory: Option<String>,
    pub user: Option<String>,
    /// The new distribution list, where narrowing makes one.
    pub list_file: Option<ListFile>,
}

/// A new distribution list: written 0600 just before its command is issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListFile {
    /// Path in the original command.
    pub original: String,
    /// Index in `argv` of the token that names it; its text is `{list}` until the file is written.
    pub token: usize,
    /// The failed recipients' original lines, parameters and all.
    pub content: String,
}

/// Vectors in JSON: a list of texts. What is masked cannot be read back: `--apply` takes it from the logs.
mod texts {
    use super::{MASK, Token, masked};
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(argv: &[Token], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(argv.iter().map(masked))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Token>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        let token = |text: String| Token { secret: text == MASK, text, place: None };
        Ok(texts.into_iter().map(token).collect())
    }
}
