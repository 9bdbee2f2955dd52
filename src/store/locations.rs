//! Location records, and by which names and addresses they are found.

/// A step of the ladder in `schema.rs`.
pub(super) const TABLES: &str = "";
