//! Operators' YAML: read, layered, checked, compiled.
//!
//! In: texts of rule files, lowest layer first (the embedded defaults are the lowest). Out: one
//! [`RuleSet`] or the full list of [`Mistake`]s. It opens no file and knows no clock, network or
//! database: whoever calls it has read the texts.

pub mod cache;
mod center;
mod centers;
mod coordinates;
mod embedded;
pub mod findings;
mod format;
mod gates;
pub mod glob;
mod hours;
#[cfg(test)]
mod invalid;
mod keys;
mod layers;
pub mod logs;
mod mistake;
pub mod model;
pub mod outages;
mod overlap;
mod pattern;
mod reader;
pub mod redistribution;
pub mod samples;
mod settings;
mod thresholds;
mod whole;
mod words;
pub mod yaml;

pub use coordinates::Coordinates;
pub use embedded::{base_files, embedded, embedded_digest, embedded_samples};
pub use keys::KEYS;
pub use layers::{EMBEDDED, Source};
pub use mistake::{Mistake, nearest};
pub use model::RuleSet;
pub use pattern::MOST_COMPILED;
pub use reader::Keys;
pub use settings::state_of;
pub use thresholds::UNKNOWN;
pub use whole::compile;
pub use words::{PLACE_WORDS, SCOPE_WORDS, parse_place, parse_scope, parse_seconds};
pub use yaml::MOST_DEPTH;
