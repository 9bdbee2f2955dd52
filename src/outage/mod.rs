//! Outage notices: is this device expected to fail now?
//!
//! In: notices as texts (YAML, CSV, iCalendar), what is known of a device, the time. Out: [`Notice`]s with every
//! mistake beside them, and an [`Expectation`] that says which notice holds, until when, and why. Pure: whoever
//! calls it has read the files, and keeps the notices.

/// Calendars of RFC 5545.
mod calendar;
mod calendar_lines;
mod calendar_zone;
/// What is odd about notices that can be read.
pub mod check;
/// Items of a YAML file.
mod items;
/// Who is meant, and which notice holds.
pub mod judge;
mod model;
mod moment;
/// The file of any kind, read.
pub mod read;
mod recurrence;
/// Rows of a CSV file.
mod rows;
mod rule;
mod rule_text;
#[cfg(test)]
mod tests;
/// One notice out of texts, whatever file they stood in.
pub mod written;
mod zone;

pub use check::{Warning, check};
pub use judge::{GlobIndex, Subject, judge, keys};
pub use model::{Action, Expectation, Notice, Target, TargetKind};
pub use read::{Kind, MOST_BYTES, MOST_NOTICES, Read};
pub use recurrence::{Recurrence, Stretch};
pub use zone::Zone;
