//! What is kept per (device, failure type), and what counting one alert says.

use crate::rules::model::ThresholdRule;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Event times kept per key: what a threshold may ask for at most.
pub use crate::rules::model::MOST_COUNT;

/// One counted alert inside a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Seen {
    pub event: Timestamp,
    /// Row of the alert record.
    pub alert: i64,
}

/// The state of one (device, failure type). Counters are state, never a count over history.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Alerts counted since the last repair.
    pub total: u64,
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
    /// The latest alerts by (event time, row), ascending: a hundred, or as many as the largest threshold that
    /// this key was counted against needs.
    pub recent: Vec<Seen>,
}

/// The facts by which a threshold is chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject<'a> {
    pub device: &'a str,
    pub failure: &'a str,
    pub building: Option<&'a str>,
    pub server: Option<&'a str>,
    pub region: Option<&'a str>,
    pub package: Option<&'a str>,
}

/// Which threshold holds, and which others would have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub winner: ThresholdRule,
    /// The applicable others, best first.
    pub losers: Vec<ThresholdRule>,
}

/// What counting one alert says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Alerts of the key inside the window that ends with the latest event.
    pub in_window: u32,
    /// The threshold is met or exceeded by this alert.
    pub crossed: bool,
    /// Older than the window's latest alerts: counted, but crosses nothing.
    pub straggler: bool,
}
