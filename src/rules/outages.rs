//! `outages` of `autoticket.yaml`, and the keys of the files in `outages/`.
//!
//! In: the merged tree. Out: [`OutageRules`]. What a notice means is the business of the room `outage`; its keys
//! stand here because `autoticket-rules(5)` lists all keys.

use super::centers::zone;
use super::model::{OutageRules, Seconds};
use super::reader::{Checker, Fields, Keys};
use super::settings::{YEAR, duration};

pub(super) static OUTAGES: Keys =
    Keys { file: "autoticket.yaml", of: "outages", keys: &["files", "stale_after", "zone"] };

/// The top of an outage file.
pub static FILE: Keys = Keys { file: "outages/*.yaml", of: "", keys: &["zone", "author", "outages"] };

/// One notice.
pub static NOTICE: Keys = Keys {
    file: "outages/*.yaml",
    of: "outages[]",
    keys: &[
        "id", "device", "mac", "ip", "glob", "building", "server", "region", "package", "action", "from",
        "until", "duration", "rrule", "rdate", "exdate", "zone", "author", "reason", "expires",
    ],
};

pub(super) fn read(c: &mut Checker<'_>, top: &Fields<'_>) -> Option<OutageRules> {
    let f = c.section(top, "outages", &OUTAGES)?;
    let files = c.need(&f, "files").and_then(|node| c.texts_or_none(node, "files"));
    let stale_after: Option<Seconds> = duration(c, &f, "stale_after", 60, YEAR);
    let zone = c.need(&f, "zone").and_then(|node| zone(c, node));
    Some(OutageRules { files: files?, stale_after: stale_after?, zone: zone? })
}
