//! Outage notices: the last good copy of each file, those added by hand, and by which keys they are found.

/// A step of the ladder in `schema.rs`.
pub(super) const TABLES: &str = "";
