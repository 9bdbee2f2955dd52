//! Times as people write them, and the only look at the clock.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// The clock. Whoever needs the time gets it as `now` from here.
#[expect(clippy::disallowed_methods, reason = "the edge where time comes in")]
pub(super) fn clock() -> Timestamp {
    Timestamp::now()
}

/// A point in time: RFC 3339, `2026-03-15`, `2026-03-15 14:00`, `7d`, `90m`, `yesterday`, `last week`.
///
/// A date without a zone is in the zone of this machine; a span counts back from `now`.
pub(super) fn parse(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let local =
        |d: jiff::civil::DateTime| d.to_zoned(zone()).map(|z| z.timestamp()).map_err(|e| e.to_string());
    if let Ok(time) = text.replacen(' ', "T", 1).parse::<jiff::civil::DateTime>() {
        return local(time);
    }
    if let Ok(date) = text.parse::<Date>() {
        return local(date.at(0, 0, 0, 0));
    }
    let days = match text {
        "now" => return Ok(now),
        "today" => 0,
        "yesterday" => 1,
        "last week" => 7,
        _ => {
            let span = crate::rules::parse_seconds(text).map_err(|_| {
                format!("`{text}` is no time: write 2026-03-15T14:00:00Z, 2026-03-15, `7d` or `last week`")
            })?;
            let span = Span::new().try_seconds(span.0).map_err(|e| e.to_string())?;
            return now.checked_sub(span).map_err(|e| e.to_string());
        }
    };
    let today = now.to_zoned(zone()).date();
    local(today.saturating_sub(Span::new().days(days)).at(0, 0, 0, 0))
}

/// The zone in which people write and read times on this machine.
#[expect(clippy::disallowed_methods, reason = "on the command line the zone of the machine is meant")]
pub(super) fn zone() -> TimeZone {
    TimeZone::system()
}

/// Whether this machine has no zone database.
pub(super) fn zone_database_missing() -> bool {
    TimeZone::get("Europe/Berlin").is_err()
}
