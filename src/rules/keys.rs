//! Every YAML key the code reads, in the order of the manual page.
//!
//! The readers check keys against these very tables, and `autoticket-rules(5)` lists them: a key in one of
//! the two places only fails a test.

use super::reader::Keys;
use super::{centers, format, gates, samples, settings, thresholds};

/// The tables, file by file.
pub const KEYS: &[&Keys] = &[
    &settings::TOP,
    &settings::IDENTITY,
    &gates::GATES,
    &gates::AUTHENTICATION,
    &gates::DOMAIN,
    &gates::SUBJECT,
    &gates::NODE,
    &gates::RELAY,
    &settings::LISTS,
    &settings::LIST,
    &settings::EFFORT,
    &settings::TIME,
    &settings::DELIVERY,
    &settings::FILES,
    &settings::SMTP,
    &settings::SENDMAIL,
    &settings::TICKETS,
    &settings::KEEP,
    &thresholds::TOP,
    &thresholds::THRESHOLD,
    &centers::TOP,
    &centers::CENTER,
    &format::FORMATS,
    &format::FORMAT,
    &format::CONDITION,
    &format::REPEAT,
    &format::BLOCKS,
    &format::LINES,
    &format::GROUPS,
    &format::FIELDS,
    &format::TAKE,
    &format::FAILURE,
    &format::CASE,
    &samples::TOP,
    &samples::SAMPLE,
    &samples::EXPECT,
];
