//! What rules say once they are checked: plain data, ready to be used and to be cached.
//!
//! Patterns stay texts here; the room that uses one compiles it when a mail needs it, so that a process
//! that handles one mail pays only for the patterns that mail reaches.

pub use super::center::{Building, Center, Centers, Served, Way};
pub use super::hours::Hours;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where something was written: file as the operator would name it (`alerts/native.yaml`; embedded files
/// carry the prefix `embedded:`), line and column from 1. What stands in no file (`built in`, `set by ann`) has
/// line 0, and `Display` leaves it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Origin {
    pub file: String,
    pub line: u32,
    pub column: u32,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}

/// Seconds. Written `30s`, `5m`, `1h`, `2d`, `1h30m` in YAML.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
pub struct Seconds(pub i64);

/// Everything the rules folder says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuleSet {
    pub settings: Settings,
    pub gates: Gates,
    /// The closed list of failure types; always holds `unknown`, last.
    pub failure_types: Vec<String>,
    pub thresholds: Vec<ThresholdRule>,
    pub centers: Centers,
    /// In the order in which they are tried; the first whose conditions hold wins the mail.
    pub formats: Vec<FormatRule>,
    /// Template name (`ticket.txt`, `ticket.html`, `update.txt`, …) to its text and origin.
    pub templates: BTreeMap<String, Template>,
    /// SHA-256 over all texts in order, hexadecimal: names this rule set in records.
    pub digest: String,
}

/// `autoticket.yaml`, except gates.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Settings {
    pub identity: Identity,
    /// The state folder, where the rules name one.
    pub state: Option<String>,
    pub lists: Lists,
    /// Named distribution efforts: what their packages and jobs look like (globs).
    pub efforts: Vec<Effort>,
    pub time: TimeRules,
    pub delivery: Delivery,
    pub tickets: TicketRules,
    pub keep: Keep,
    /// Maildirs which `run` watches.
    pub maildirs: Vec<String>,
    /// How often `run` looks for due work.
    pub interval: Seconds,
    pub outages: OutageRules,
    /// How diagnostics are taken, and what becomes of a finding.
    pub diagnosis: super::findings::DiagnosisRules,
}

/// Where outage notices are read from, besides the folder `outages`.
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
pub struct OutageRules {
    /// Paths; relative to the rules folder.
    pub files: Vec<String>,
    /// A file unchanged for longer is told as stale.
    pub stale_after: Seconds,
    /// IANA zone of times without one.
    pub zone: String,
}

/// Who we are in the tickets we write.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Identity {
    /// Domain on the right of our Message-IDs.
    pub domain: String,
    /// Header From of tickets, `Name <local@domain>`.
    pub from: String,
    /// A human's address; None: the center's, else `from`.
    pub reply_to: Option<String>,
    /// The authserv-id whose Authentication-Results we believe (RFC 8601), if any.
    pub authserv_id: Option<String>,
}

/// Where the node and domain lists are refreshed from.
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
pub struct Lists {
    pub domains: Option<ListSource>,
    pub nodes: Option<ListSource>,
}

/// One refreshed list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ListSource {
    pub from: ListFrom,
    pub every: Seconds,
    pub origin: Origin,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum ListFrom {
    File(String),
    /// Argv; never a shell.
    Command(Vec<String>),
}

/// A named distribution effort: records belong to it by package or job glob.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Effort {
    pub name: String,
    pub packages: Vec<String>,
    pub jobs: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TimeRules {
    /// A mail's Date further than this from its arrival is not believed.
    pub skew: Seconds,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Delivery {
    pub transport: TransportRule,
    /// Wait before each transmission, counted from the end of the one before.
    pub retry: Vec<Seconds>,
    /// Time limit of one transmission.
    pub timeout: Seconds,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum TransportRule {
    /// Writes each mail into a folder; relative to the state folder.
    Files {
        folder: String,
    },
    Smtp {
        host: String,
        port: u16,
        tls: Tls,
        user: Option<String>,
        credential: Option<String>,
        authority: Option<String>,
    },
    Sendmail {
        program: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tls {
    None,
    /// STARTTLS, refused without it.
    Starttls,
    /// TLS from the first byte.
    Implicit,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TicketRules {
    /// At most one update mail of a ticket in this time.
    pub update_interval: Seconds,
    /// A ticket still alerting after this time gets a reminder.
    pub reminder_after: Seconds,
    /// Tickets that one maintenance center gets in an hour; the rest becomes one list.
    pub cap: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Keep {
    pub raw: Seconds,
    pub records: Seconds,
}

/// The gates every mail passes, in this order: authentication, domain, subject, node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Gates {
    pub authentication: AuthenticationGate,
    pub domain: DomainGate,
    pub subject: SubjectGate,
    pub node: NodeGate,
    pub relays: Vec<Relay>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuthenticationGate {
    pub enabled: bool,
    /// Methods of which one must pass (`dkim`, `spf`, `dmarc`).
    pub methods: Vec<String>,
    pub origin: Origin,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DomainGate {
    pub enabled: bool,
    pub depth: Depth,
    pub origin: Origin,
}

/// Which form of the sender's domain is looked up in the domain list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Depth {
    /// The domain whole, then after each dot: a listed domain admits everything below it.
    Any,
    /// Exactly the domain after this many dots (0: whole).
    After(u8),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SubjectGate {
    pub enabled: bool,
    /// Reply and forward prefixes besides the built-in ones, without the colon.
    pub prefixes: Vec<String>,
    /// Where not empty: one of these must match.
    pub require: Vec<Pattern>,
    /// None of these may match.
    pub refuse: Vec<Pattern>,
    pub origin: Origin,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodeGate {
    pub enabled: bool,
    pub asks: NodeAsks,
    pub origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeAsks {
    Source,
    Device,
    Both,
}

/// A server that passes alerts on: for its mails, source domain and node come from somewhere else.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Relay {
    /// Sender domain (with everything below it) or whole address that marks the relay.
    pub sender: String,
    pub source: RelaySource,
    pub origin: Origin,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum RelaySource {
    /// From header of the enclosed message.
    Enclosed,
    /// Captures `domain` and `node` of the first pattern that matches the place.
    Captures { place: Place, pattern: Pattern },
}

/// A regular expression (crate `regex`; bytes, ASCII classes unless `unicode`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pattern {
    pub text: String,
    pub unicode: bool,
}

/// Where a condition or capture looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    Subject,
    /// The text shown to a reader: first text part, HTML turned into text.
    Body,
    /// Decoded text of every part with this content type (`message/delivery-status`, `text/plain`).
    Part(String),
    /// Decoded value of this header of the mail.
    Header(String),
    /// Inside a repeat block: the block's text. Without `repeat`: the place the repeat would have had (the body).
    Block,
    /// Field of the enclosed original message (`message/rfc822` or `text/rfc822-headers` part).
    EnclosedHeader(String),
}

/// One rule file of `alerts/`: how one kind of error alert is recognised and read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FormatRule {
    /// `format:` — the rule's name, shown in records and by `explain`.
    pub id: String,
    pub origin: Origin,
    /// Lower is tried earlier; equal orders by id.
    pub order: i32,
    /// Literals of which at least one occurs (ASCII case ignored) in subject, headers, body or parts of
    /// every mail this rule can match. Empty: the rule is always tried. From `literals:`, else derived.
    pub literals: Vec<String>,
    /// All must hold.
    pub when: Vec<Condition>,
    /// All must hold for the mail to be a recovery notice (`repair`); empty: this format has none.
    pub repair: Vec<Condition>,
    pub repeat: Option<Repeat>,
    pub fields: Vec<FieldRule>,
    pub failure: FailureRule,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Condition {
    pub place: Place,
    pub test: Test,
    pub negate: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Test {
    /// One of these occurs, ASCII case ignored.
    Contains(Vec<String>),
    Matches(Pattern),
    Exists,
}

/// One mail, many alerts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Repeat {
    /// A block starts at each line that matches and ends before the next start or at `end`.
    Blocks { place: Place, start: Pattern, end: Option<Pattern> },
    /// Each matching line is a block of its own; named captures are fields.
    Lines { place: Place, line: Pattern },
    /// Groups of lines separated by blank lines, those which hold a line starting with this key (RFC 3464 recipients).
    Groups { place: Place, key: String },
}

/// One field of an alert record and the ways to it; the first that gives a non-empty value wins.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FieldRule {
    pub field: Field,
    pub takes: Vec<Take>,
    pub origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Field {
    /// The alert's own identifier, as its tool wrote it.
    Id,
    EventTime,
    Tool,
    Region,
    /// Device name, or a composite such as `08:00:20:1a:2b:3c/10.1.2.3`.
    Device,
    Mac,
    Ip,
    /// The intermediate server whose distribution manager executed the job.
    Server,
    /// The server behind which the device, itself a server, stands.
    Upstream,
    Job,
    Package,
    Announced,
    Building,
    Room,
    /// Location as stated, one text; building and room are read out of it where not given themselves.
    Location,
    SourceDomain,
    SourceNode,
    Detail,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Take {
    /// Value of the first line `Name: value` (or `Name = value`) with one of these names, ASCII case ignored.
    Key {
        names: Vec<String>,
        place: Place,
    },
    /// Named capture called like the field (snake case), else `value`, else group 1.
    Pattern {
        pattern: Pattern,
        place: Place,
    },
    /// Lines after the first match, up to ten, until a blank line (`Detail`).
    After {
        pattern: Pattern,
        place: Place,
    },
    /// Named capture of the `Lines` pattern called like the field.
    Captured,
    Constant(String),
    /// The source's node, domain, or the whole sender address.
    SourceNode,
    SourceDomain,
    SenderAddress,
    /// Host part of the value of another take (`rfc822; user@host`, `user@host`): what stands after the last `@`.
    HostOf(Box<Take>),
}

/// Announced failure to failure type.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FailureRule {
    /// Tried in order over the fields `announced`, then `detail`, then the subject.
    pub cases: Vec<FailureCase>,
    /// Where no case holds; `unknown` if not said.
    pub default: String,
    pub origin: Origin,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FailureCase {
    pub failure: String,
    /// One of these occurs, ASCII case ignored.
    pub contains: Vec<String>,
    pub matches: Option<Pattern>,
}

/// The highest count a threshold may ask for: as many event times are kept per device and failure type.
pub const MOST_COUNT: u32 = 1000;

/// The longest window of a threshold, in seconds.
pub const LONGEST_WINDOW: i64 = 366 * 86_400;

/// How many alerts in which time make a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThresholdRule {
    pub scope: Scope,
    /// Failure type, or None for every type.
    pub failure: Option<String>,
    pub count: u32,
    pub window: Seconds,
    pub origin: Origin,
}

/// Narrowest first; the order of the variants is the rank.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// Glob over device names.
    Device(String),
    Building(String),
    /// Glob over intermediate servers.
    Server(String),
    Region(String),
    /// Glob over packages.
    Package(String),
    Everywhere,
}

impl Scope {
    /// Scopes narrower than `everywhere`.
    pub const NAMED: usize = 5;

    /// 0 for the narrowest; [`Scope::NAMED`] for `everywhere`.
    pub fn rank(&self) -> usize {
        match self {
            Scope::Device(_) => 0,
            Scope::Building(_) => 1,
            Scope::Server(_) => 2,
            Scope::Region(_) => 3,
            Scope::Package(_) => 4,
            Scope::Everywhere => Scope::NAMED,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Template {
    pub text: String,
    pub origin: Origin,
}
