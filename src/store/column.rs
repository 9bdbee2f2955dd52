//! How our own types stand in a column: as JSON text, times as whole seconds.
//!
//! In: values of other rooms. Out: columns, and the values again; it does not know in which table.

use super::Error;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(super) fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("our own types have string keys")
}

pub(super) fn from_json<T: for<'a> Deserialize<'a>>(what: &'static str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|e| Error::Stored { what, text: e.to_string() })
}

pub(super) fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}
