//! What passes through the room: notices, whom they name, and what they say of a crossing.

use super::recurrence::{Recurrence, Stretch};
use super::zone::Zone;
use crate::alert::name;
use crate::rules::glob;
use crate::rules::model::Origin;
use crate::shown::Shown;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a notice names. The order is that of narrowness: the first is the narrowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    Device,
    Mac,
    Ip,
    Glob,
    Building,
    Server,
    Region,
    Package,
}

impl TargetKind {
    /// Every kind, with its key in files and its option on the command line.
    pub const ALL: [(TargetKind, &'static str); 8] = [
        (TargetKind::Device, "device"),
        (TargetKind::Mac, "mac"),
        (TargetKind::Ip, "ip"),
        (TargetKind::Glob, "glob"),
        (TargetKind::Building, "building"),
        (TargetKind::Server, "server"),
        (TargetKind::Region, "region"),
        (TargetKind::Package, "package"),
    ];

    pub fn word(self) -> &'static str {
        TargetKind::ALL[self as usize].1
    }

    pub fn from_word(word: &str) -> Option<TargetKind> {
        TargetKind::ALL.iter().find(|(_, w)| *w == word).map(|(kind, _)| *kind)
    }

    /// Names, addresses and globs all say which device; the others each say something else.
    pub fn family(self) -> TargetKind {
        match self {
            TargetKind::Mac | TargetKind::Ip | TargetKind::Glob => TargetKind::Device,
            kind => kind,
        }
    }

    /// How narrow a notice is whose narrowest target is of this kind; smaller is narrower.
    pub(super) fn rank(self) -> usize {
        match self {
            TargetKind::Device | TargetKind::Mac | TargetKind::Ip => 0,
            kind => kind as usize,
        }
    }
}

/// One thing a notice names: names and addresses in their normal form, the rest as written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    pub kind: TargetKind,
    pub name: String,
}

impl Target {
    /// Targets out of what was written for a kind: a device may be written as a name, an address, a glob or a
    /// composite of them.
    ///
    /// # Errors
    /// A fragment saying what is wrong with the text.
    pub fn read(kind: TargetKind, text: &str) -> Result<Vec<Target>, String> {
        let text = text.trim();
        let word = kind.word();
        if text.is_empty() {
            return Err(format!("`{word}` is empty"));
        }
        if text.chars().count() > 255 {
            return Err(format!("`{word}` is longer than 255 characters"));
        }
        if text.chars().any(crate::shown::is_hidden) {
            return Err(format!("`{word}` holds a control or invisible character"));
        }
        let one = |kind: TargetKind, name: String| Ok(vec![Target { kind, name }]);
        let globbed = |kind: TargetKind| match glob::matcher(text) {
            Some(_) => one(kind, text.to_lowercase()),
            None => Err(format!("`{text}` is no glob")),
        };
        match kind {
            TargetKind::Mac => match name::mac(text) {
                Some(mac) => one(kind, mac),
                None => Err(format!("`{text}` is no MAC address such as 08:00:20:1a:2b:3c")),
            },
            TargetKind::Ip => match name::ip(text) {
                Some(ip) => one(kind, ip),
                None => Err(format!("`{text}` is no IP address")),
            },
            TargetKind::Device if name::is_address(&name::normal(text)) || !glob::is_glob(text) => {
                if text.contains([' ', '\t', ',']) && !text.contains(['/', '(']) {
                    return Err(format!("`{text}` is no name of one device; write several as a list"));
                }
                let parts = name::composite(text);
                let parts = [
                    (TargetKind::Device, parts.name),
                    (TargetKind::Mac, parts.mac),
                    (TargetKind::Ip, parts.ip),
                ];
                let named = parts.into_iter().filter_map(|(kind, name)| Some(Target { kind, name: name? }));
                Ok(named.collect())
            }
            TargetKind::Device | TargetKind::Glob => globbed(TargetKind::Glob),
            TargetKind::Server | TargetKind::Package if glob::is_glob(text) => globbed(kind),
            TargetKind::Server => one(kind, name::normal(text)),
            _ => one(kind, text.split_whitespace().collect::<Vec<_>>().join(" ")),
        }
    }

    /// Whether it has to be matched, as no look-up finds it.
    pub fn is_glob(&self) -> bool {
        match self.kind {
            TargetKind::Glob => true,
            TargetKind::Server | TargetKind::Package => glob::is_glob(&self.name),
            _ => false,
        }
    }
}

/// The form in which a name of this kind is looked up.
pub fn key(kind: TargetKind, name: &str) -> String {
    match kind.family() {
        TargetKind::Device | TargetKind::Server => name::normal(name),
        _ => name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase(),
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = match self.kind {
            TargetKind::Mac => "MAC address",
            TargetKind::Ip => "IP address",
            TargetKind::Glob => "devices",
            kind => kind.word(),
        };
        write!(f, "{word} {}", Shown::new(&self.name))
    }
}

/// What is done with a crossing that a notice expects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Kept aside, and judged again when the outage ends.
    #[default]
    Aside,
    /// Never a ticket; the count is corrected.
    Drop,
}

impl Action {
    pub fn word(self) -> &'static str {
        match self {
            Action::Aside => "aside",
            Action::Drop => "drop",
        }
    }
}

/// A posted period in which something is expected to fail.
///
/// Targets of one family (device names, addresses and globs are one) are alternatives; where several families
/// are named, one of each has to fit: `building: B2` with `package: office-*` means that package in that building.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Unique within its file; written, or made from what the notice says.
    pub id: String,
    pub targets: Vec<Target>,
    pub action: Action,
    pub from: Timestamp,
    /// None: until it is taken back, or expires.
    pub until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurrence: Option<Recurrence>,
    pub zone: Zone,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// From then on it holds no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    pub origin: Origin,
}

impl Notice {
    /// The occurrence that holds at a moment.
    pub fn covering(&self, at: Timestamp) -> Option<Stretch> {
        if self.expires.is_some_and(|expires| expires <= at) {
            return None;
        }
        let mut stretch = match &self.recurrence {
            Some(recurrence) => recurrence.covering(&self.zone, at)?,
            None => {
                let holds = self.from <= at && self.until.is_none_or(|until| at < until);
                holds.then_some(Stretch { from: self.from, until: self.until })?
            }
        };
        if let Some(expires) = self.expires {
            stretch.until = Some(stretch.until.map_or(expires, |until| until.min(expires)));
        }
        Some(stretch)
    }

    /// When it holds for the last time, at the latest; None where no end is known.
    pub fn ends(&self) -> Option<Timestamp> {
        let end = match &self.recurrence {
            Some(recurrence) => recurrence.ends(&self.zone),
            None => self.until,
        };
        match (end, self.expires) {
            (Some(end), Some(expires)) => Some(end.min(expires)),
            (end, expires) => end.or(expires),
        }
    }

    /// When it holds for the first time.
    pub fn begins(&self) -> Timestamp {
        self.recurrence.as_ref().map_or(self.from, |recurrence| recurrence.begins(&self.zone))
    }

    /// The family of its narrowest target, by which it is looked up.
    pub fn leading(&self) -> TargetKind {
        self.targets.iter().map(|target| target.kind.family()).min().unwrap_or(TargetKind::Package)
    }
}

/// What the outage notices say of a crossing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expectation {
    #[default]
    NotAsked,
    /// No notice holds.
    NotExpected { notes: Vec<String> },
    /// A notice holds: the failure was to be expected.
    Expected {
        /// Id of the notice.
        notice: String,
        origin: Origin,
        action: Action,
        from: Timestamp,
        /// The real end: adjoining periods of other notices included. None: open.
        until: Option<Timestamp>,
        author: Option<String>,
        reason: Option<String>,
        /// What of the notice fits, in words: `building b2`.
        target: String,
        notes: Vec<String>,
    },
}

impl Expectation {
    /// What a ticket says in one line; every text in it is fit to be printed.
    pub fn words(&self) -> String {
        match self {
            Expectation::NotAsked => "not asked".to_owned(),
            Expectation::NotExpected { notes } => format!("no outage is posted{}", noted(notes)),
            Expectation::Expected { notice, origin, action, from, until, author, reason, target, notes } => {
                let until = until
                    .map_or_else(|| "without an end".to_owned(), |until| format!("until {}", said(until)));
                let why = reason.as_deref().map(|r| format!(": {}", Shown::new(r))).unwrap_or_default();
                let who = author.as_deref().map(|a| format!(", says {}", Shown::new(a))).unwrap_or_default();
                let done = match action {
                    Action::Aside => "kept aside",
                    Action::Drop => "dropped",
                };
                format!(
                    "{done}: outage {} of {target} from {} {until}{why}{who} ({}){}",
                    Shown::new(notice),
                    said(*from),
                    Shown::new(&origin.to_string()),
                    noted(notes)
                )
            }
        }
    }

    /// What is odd about the notices themselves: files that cannot be read, copies that serve.
    pub fn notes(&self) -> &[String] {
        match self {
            Expectation::NotAsked => &[],
            Expectation::NotExpected { notes } | Expectation::Expected { notes, .. } => notes,
        }
    }

    /// Adds notes.
    #[must_use]
    pub fn noting(mut self, more: &[String]) -> Self {
        if let Expectation::NotExpected { notes } | Expectation::Expected { notes, .. } = &mut self {
            notes.extend_from_slice(more);
        }
        self
    }
}

fn said(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

fn noted(notes: &[String]) -> String {
    notes.iter().map(|note| format!("; {}", Shown::new(note))).collect()
}
