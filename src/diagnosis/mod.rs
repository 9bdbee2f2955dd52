//! Ping and route to a finding. A room to come: only what will pass through it.

use serde::{Deserialize, Serialize};

/// What ping and route say of a device. *Not asked* is never *down*.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    #[default]
    NotAsked,
}
