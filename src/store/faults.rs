//! Faults that many crossings share: one ticket for all of them.

/// A step of the ladder in `schema.rs`.
pub(super) const TABLES: &str = "";
