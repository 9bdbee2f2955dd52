//! What a job ticket is made of.

use crate::alert::AlertRecord;
use crate::rules::model::Center;
use crate::tracking::Choice;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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

/// What the rooms between tracking and ticket found. In this version each says `not asked`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    pub outage: crate::outage::Expectation,
    pub finding: crate::diagnosis::Diagnostics,
    pub location: crate::location::Verification,
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
    /// `Queued`, `Held` or `Dropped`.
    pub state: State,
    pub route: Route,
    /// In words, one line each, in the order in which they were considered.
    pub reasons: Vec<String>,
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
