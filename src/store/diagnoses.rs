//! What ping and route found, for repeats; hops that other traces share; the pace of traces across processes.

/// A step of the ladder in `schema.rs`.
pub(super) const TABLES: &str = "";
