//! Location records and their verification. A room to come: only what will pass through it.

use serde::{Deserialize, Serialize};

/// What the location records say of a device's stated location.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    #[default]
    NotAsked,
}
