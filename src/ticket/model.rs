//! What a job ticket is made of.

use crate::alert::AlertRecord;
use crate::diagnosis::Diagnostics;
use crate::location::{Record, Stated, Verification};
use crate::outage::Expectation;
use crate::rules::model::Center;
use crate::tracking::Choice;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The states of a job ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Deferred,
    Held,
    Queued,
    Sent,
    Parked,
    Repaired,
    Closed,
    Dropped,
}

impl State {
    pub const ALL: [State; 8] = [
        State::Deferred,
        State::Held,
        State::Queued,
        State::Sent,
        State::Parked,
        State::Repaired,
        State::Closed,
        State::Dropped,
    ];

    pub fn word(self) -> &'static str {
        match self {
            State::Deferred => "deferred",
            State::Held => "held",
            State::Queued => "queued",
            State::Sent => "sent",
            State::Parked => "parked",
            State::Repaired => "repaired",
            State::Closed => "closed",
            State::Dropped => "dropped",
        }
    }

    /// Whether further alerts of its key join it.
    pub fn is_open(self) -> bool {
        matches!(self, State::Deferred | State::Held | State::Queued | State::Sent | State::Parked)
    }
}

/// What the rooms between tracking and ticket found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    pub outage: Expectation,
    pub diagnosis: Diagnostics,
    pub location: Verification,
    /// Where the intermediate server stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<Box<Record>>,
    /// A later sign that the device works again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
}

/// A recovery notice that names the device, later than its last alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// The stored mail.
    pub mail: i64,
    pub at: Timestamp,
}

/// What many crossings share: they make one ticket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The way is broken behind the address that answered last; none: nothing on the way answered.
    Network { last: Option<IpAddr> },
    /// An intermediate server is down.
    Server { name: String },
    /// More tickets than a maintenance center gets in an hour: the rest, from the hour on.
    List { center: String, hour: Timestamp },
}

impl Fault {
    /// Kind and name, under which the open ticket of a fault is found.
    pub fn key(&self) -> (&'static str, String) {
        match self {
            Fault::Network { last } => ("network", last.map_or_else(String::new, |last| last.to_string())),
            Fault::Server { name } => ("server", name.clone()),
            Fault::List { center, hour } => ("list", format!("{center} {hour}")),
        }
    }

    /// As in `joined ticket T-… (the network behind 10.1.5.1)`; parts of it are other people's text.
    pub fn words(&self) -> String {
        match self {
            Fault::Network { last: Some(last) } => format!("the network behind {last}"),
            Fault::Network { last: None } => "the network: nothing on the way answers".to_owned(),
            Fault::Server { name } => format!("intermediate server {name}"),
            Fault::List { .. } => "the list of what is over the cap of the hour".to_owned(),
        }
    }
}

/// A device whose ticket joined another one's, because they share a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub number: String,
    pub device: String,
    pub failure: String,
    pub building: Option<String>,
    pub room: Option<String>,
    /// Counted up to and with its crossing.
    pub total: u64,
    pub last: Timestamp,
}

/// Why a ticket ends whose only alerts a longer copy of their mail took back.
pub const SUPERSEDED: &str = "its mail was cut off; the whole mail names another device";

/// Everything a ticket says, frozen at its crossing: a replay of the same alerts gives the same facts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TicketFacts {
    /// `T-` and eight letters and digits: a function of install id, device, failure type and crossing alert.
    pub number: String,
    pub install: String,
    pub device: String,
    pub failure: String,
    /// The alert that crossed the threshold.
    pub crossing: AlertRecord,
    /// Alerts that were counted up to and with the crossing, by event time, at most the last hundred.
    pub alerts: Vec<AlertRecord>,
    /// Counted since the last repair, up to and with the crossing.
    pub total: u64,
    pub first: Timestamp,
    pub last: Timestamp,
    pub choice: Choice,
    pub evidence: Evidence,
    /// Where the ticket stands for a fault that other devices share.
    pub fault: Option<Fault>,
    /// Those others, in the order of their crossings.
    pub members: Vec<Member>,
}

impl TicketFacts {
    /// Region, building and room to go by: the location records', where one record holds, else the stated ones.
    pub fn place(&self) -> [Option<String>; 3] {
        self.evidence.location.place(&Stated::of(&self.crossing))
    }
}

/// Which maintenance center, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Route {
    pub center: Center,
    /// What led to a center.
    pub why: RouteReason,
    /// Every step of the way, in words, with the places in the rules; the last ones may lead from the center
    /// found on to the one on duty. Empty in a decision of an earlier version.
    #[serde(default)]
    pub steps: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum RouteReason {
    Building {
        building: String,
        origin: String,
    },
    Region {
        region: String,
        origin: String,
    },
    /// The building has no service staff; `nearest` has.
    Nearest {
        building: Option<String>,
        nearest: String,
        origin: String,
    },
    /// The intermediate server, by the glob that fits it.
    Server {
        server: String,
        glob: String,
        origin: String,
    },
    Package {
        package: String,
        glob: String,
        origin: String,
    },
    Failure {
        failure: String,
        origin: String,
    },
    Network {
        origin: String,
    },
    Default {
        origin: String,
    },
}

/// What is to become of a crossing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// `Queued`, `Held`, `Deferred`, `Closed` or `Dropped`.
    pub state: State,
    pub route: Route,
    /// In words, one line each, in the order in which they were considered; each names the line of the rules,
    /// of the notices or of the records that says so.
    pub reasons: Vec<String>,
    /// When a held or deferred one is judged again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// How often was looked again, this decision included where it defers.
    #[serde(default)]
    pub rechecks: u32,
    /// When the ticket is dated, where that is later than its crossing: it was held or deferred until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    #[serde(default)]
    pub evidence: Evidence,
}

impl Decision {
    /// Why a ticket ended without being sent: the reason that decided.
    pub fn why(&self) -> String {
        self.reasons.last().cloned().unwrap_or_default()
    }
}

/// The kinds of mail a ticket's thread holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Ticket,
    Update,
    Reminder,
    /// The repair is no longer needed (closed, dropped or repaired after sending).
    StandDown,
}

impl Kind {
    /// As in JSON: `ticket`, `update`, `reminder`, `stand_down`.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Ticket => "ticket",
            Kind::Update => "update",
            Kind::Reminder => "reminder",
            Kind::StandDown => "stand_down",
        }
    }
}

/// Alerts that joined an open ticket and are to be told to its maintenance center.
#[derive(Debug, Clone, Copy)]
pub struct Joined<'a> {
    /// Ascending by event time: for an update those since the mail before it, for a reminder those since the
    /// crossing; at most the last hundred.
    pub alerts: &'a [AlertRecord],
    /// Counted since the last repair, up to and with the last of `alerts`.
    pub total: u64,
}

/// One mail of a ticket's thread, ready for the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    pub kind: Kind,
    /// 0 for the ticket; updates, reminders and stand-downs count from 1.
    pub sequence: u32,
    pub subject: String,
    /// Without angle brackets.
    pub message_id: String,
    pub envelope_from: String,
    pub recipients: Vec<String>,
    /// The whole message, CRLF line ends.
    pub bytes: Vec<u8>,
    /// What was wrong with the operator's templates (`templates/ticket.txt.j2:12: …`); the letter says it too.
    pub template_faults: Vec<String>,
}
