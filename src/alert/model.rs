//! Outcomes, reasons and alert records.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What became of a mail, exactly one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Counted,
    Duplicate,
    Rejected,
    Unrecognised,
    Quarantined,
    /// Recovery notices and replies to tickets.
    Repair,
    /// Our own tickets, their bounces and vacation replies.
    Own,
}

impl Outcome {
    pub const ALL: [Outcome; 7] = [
        Outcome::Counted,
        Outcome::Duplicate,
        Outcome::Rejected,
        Outcome::Unrecognised,
        Outcome::Quarantined,
        Outcome::Repair,
        Outcome::Own,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Outcome::Counted => "counted",
            Outcome::Duplicate => "duplicate",
            Outcome::Rejected => "rejected",
            Outcome::Unrecognised => "unrecognised",
            Outcome::Quarantined => "quarantined",
            Outcome::Repair => "repair",
            Outcome::Own => "own",
        }
    }
}

/// Why a mail or a record ended as it did.
///
/// Three questions every reason answers: at which gate, by which rule (a file and line, a list, a built-in
/// name), and in words. Stored as it is, printed by `explain`, asserted by tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Reason {
    // counted, repair
    Counted {
        format: String,
        origin: String,
        alerts: u32,
        refused: u32,
        /// Why a part of the mail was not read: alerts may stand in it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shortened: Option<String>,
    },
    RecoveryNotice {
        format: String,
        origin: String,
        devices: Vec<String>,
    },
    ReplyToTicket {
        ticket: String,
    },
    // duplicate
    SameMail {
        mail: i64,
    },
    /// This mail is a shorter copy of one already there, or was superseded by a longer one.
    PrefixOf {
        mail: i64,
    },
    // own
    OwnTicket {
        header: String,
    },
    BounceOfTicket {
        ticket: String,
    },
    VacationReply {
        ticket: Option<String>,
    },
    // rejected
    NotAuthenticated {
        wanted: Vec<String>,
        found: String,
        origin: String,
    },
    NoSender,
    SeveralFromHeaders {
        count: usize,
    },
    DomainUnlisted {
        domain: String,
        origin: String,
    },
    SubjectReply {
        prefix: String,
        origin: String,
    },
    SubjectAutoReplied,
    SubjectReferences {
        header: String,
    },
    SubjectRefused {
        pattern: String,
        origin: String,
    },
    SubjectRequired {
        origin: String,
    },
    NodeUnlisted {
        node: String,
        asked: String,
        domain: String,
        origin: String,
    },
    /// The list entry holds only for other efforts or packages.
    Narrowed {
        list: String,
        entry: String,
        only: Vec<String>,
        package: Option<String>,
        job: Option<String>,
    },
    /// Every record of the mail was refused; the first record's own reason.
    AllRecordsRefused {
        first: Box<Reason>,
    },
    // unrecognised
    NoFormat {
        tried: u32,
        nearest: Option<String>,
    },
    // quarantined
    CannotBeRead {
        what: String,
    },
    /// Cut off inside its headers.
    Unfinished,
    FormatWithoutDevice {
        format: String,
        origin: String,
    },
}

/// One error alert: one reported failure of one device.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AlertRecord {
    /// The alert's own identifier, as its tool wrote it.
    pub id: Option<String>,
    /// Format rule that read it.
    pub format: String,
    /// When it happened: the alert's own time or the mail's Date, if within the allowed skew of the arrival.
    pub event: Timestamp,
    pub arrival: Timestamp,
    /// Said where `event` is not what the mail claimed.
    pub event_note: Option<String>,
    pub tool: String,
    pub region: Option<String>,
    /// Normalised name ([`crate::alert::name::normal`]); for a device without a name its MAC or IP address.
    pub device: String,
    /// As written.
    pub device_stated: String,
    pub mac: Option<String>,
    pub ip: Option<String>,
    pub source_domain: String,
    pub source_node: String,
    /// Intermediate server, normalised.
    pub server: Option<String>,
    /// Normalised.
    pub upstream: Option<String>,
    pub job: Option<String>,
    pub package: Option<String>,
    pub announced: String,
    /// One of the closed list.
    pub failure: String,
    pub building: Option<String>,
    pub room: Option<String>,
    /// Location as stated.
    pub location: Option<String>,
    /// The first ten lines of the device's own error text, at most 4 KiB.
    pub detail: String,
    /// Set where this record was refused though its mail was not.
    pub refused: Option<Reason>,
    /// Written back once its ticket was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routed: Option<Routed>,
}

/// Where an alert led: the place that holds for its device, and who was asked to repair it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Routed {
    /// What the location records said: `verified`, `corrected`, `contradictory`, `unrecorded`, `not asked`.
    pub location: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub building: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// Id of the maintenance center.
    pub center: String,
}

/// What judging a mail gave.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Judgement {
    pub outcome: Outcome,
    pub reason: Reason,
    /// Records of a counted mail (refused ones included) or of a recovery notice.
    pub records: Vec<AlertRecord>,
    /// Source as the gates saw it (after relays).
    pub source_domain: String,
    pub source_node: String,
    /// An unknown node of a known domain, to be listed.
    pub near_miss: Option<NearMiss>,
    /// The way through the gates, in order; empty unless asked for.
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NearMiss {
    pub node: String,
    pub domain: String,
}

/// One gate or question as `explain` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// `bounds`, `own`, `authentication`, `domain`, `subject`, `node`, `format`, `record`, `threshold`, …
    pub gate: String,
    pub passed: bool,
    /// `file:line`, list name, or `built in`.
    pub rule: String,
    pub text: String,
}

/// Answers about the imported lists. The store answers from its tables, tests and `rules test` from memory.
pub trait Lists {
    /// The entry for exactly this domain (lower case, no trailing dot).
    fn domain(&self, domain: &str) -> Option<ListEntry>;
    /// The entry for this node: by name, alias or glob (lower case).
    fn node(&self, node: &str) -> Option<ListEntry>;
    /// How many entries the list has: an empty list is said in the reason.
    fn domains(&self) -> u64;
    fn nodes(&self) -> u64;
    /// Number of the ticket this Message-ID belongs to, if it is one of ours.
    fn ticket_of_message(&self, message_id: &str) -> Option<String>;
}

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListEntry {
    /// Canonical name (an alias leads to its node).
    pub name: String,
    /// Efforts or package globs for which alone it holds; empty: for all.
    pub only: Vec<String>,
}
