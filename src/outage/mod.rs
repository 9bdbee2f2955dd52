//! Outage notices: is this device expected to fail now? A room to come: only what will pass through it.

use serde::{Deserialize, Serialize};

/// What the outage notices say of a crossing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expectation {
    #[default]
    NotAsked,
}
