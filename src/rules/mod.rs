//! Operators' YAML: read, layered, checked, compiled.
//!
//! In: texts of rule files, lowest layer first (the embedded defaults are the lowest). Out: one
//! [`RuleSet`] or the full list of [`Mistake`]s. It opens no file and knows no clock, network or
//! database: whoever calls it has read the texts.

pub mod model;

pub use model::RuleSet;
