//! When an alert happened.
//!
//! In: the time a tool wrote, the mail's Date and its arrival. Out: the event time and, where that is not
//! what the mail claimed, a note that says so. A time further than the allowed skew before the arrival, or
//! more than five minutes after it, is not believed: a wrong clock must not open or close a window.

use jiff::{Timestamp, civil, tz::TimeZone};

/// Seconds by which a time may lie ahead of the arrival: clocks differ a little, but an alert from the future
/// would hold a window open in which none of today's alerts is among the latest.
const AHEAD: i64 = 300;

/// The event time of an alert.
///
/// A stated time that cannot be read gives way to the mail's Date; a time outside the skew (seconds) gives
/// way to the arrival.
pub fn time(
    stated: Option<&str>,
    date: Option<Timestamp>,
    arrival: Timestamp,
    skew: i64,
) -> (Timestamp, Option<String>) {
    let mut note = None;
    let claimed = match stated {
        None => date,
        Some(text) => parse(text).or_else(|| {
            note = Some(format!("time `{text}` cannot be read; the mail's Date is used"));
            date
        }),
    };
    match claimed {
        None => (arrival, Some("the mail has no readable Date; its arrival is used".to_owned())),
        Some(time) if (-skew..=AHEAD.min(skew)).contains(&(time.as_second() - arrival.as_second())) => {
            (time, note)
        }
        Some(time) => {
            (arrival, Some(format!("claimed {time}, too far from its arrival; the arrival is used")))
        }
    }
}

/// RFC 3339, ISO 8601 with a space, RFC 2822, or seconds since 1970. Without an offset it is UTC.
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.is_empty() || text.len() > 64 {
        return None;
    }
    if (9..=11).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Timestamp::from_second(text.parse().ok()?).ok();
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    if let Ok(time) = jiff::fmt::rfc2822::parse(text) {
        return Some(time.timestamp());
    }
    let text = text.strip_suffix("UTC").or_else(|| text.strip_suffix("GMT")).unwrap_or(text).trim_end();
    let spaced = ["%Y-%m-%d %H:%M:%S %z", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S%z"];
    if let Some(time) = spaced.iter().find_map(|format| Timestamp::strptime(format, text).ok()) {
        return Some(time);
    }
    let civil = text.parse::<civil::DateTime>().ok().filter(|_| text.len() > 10)?;
    civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn the_usual_ways_to_write_a_time_are_read() {
        for written in [
            "2026-03-02T10:00:00Z",
            "2026-03-02T11:00:00+01:00",
            "2026-03-02 11:00:00+01:00",
            "2026-03-02 11:00:00 +0100",
            "2026-03-02T11:00:00+0100",
            "2026-03-02 10:00:00",
            "2026-03-02T10:00:00",
            "2026-03-02 10:00:00 UTC",
            "Mon, 2 Mar 2026 11:00:00 +0100",
            "2 Mar 2026 10:00:00 GMT",
            "1772445600",
        ] {
            assert_eq!(parse(written), Some(at("2026-03-02T10:00:00Z")), "{written}");
        }
        for not in ["", "yesterday", "2026-03-02", "12345", "99999999999999999999", "Thu Mar 5 10:00"] {
            assert_eq!(parse(not), None, "{not}");
        }
    }

    #[test]
    fn a_time_outside_the_skew_gives_way_to_the_arrival() {
        let arrival = at("2026-03-02T10:00:00Z");
        let (event, note) = time(Some("2026-03-02T09:00:00Z"), None, arrival, 3600);
        assert_eq!((event, note), (at("2026-03-02T09:00:00Z"), None));
        let (event, note) = time(Some("2026-03-02T08:59:59Z"), None, arrival, 3600);
        assert_eq!(event, arrival);
        assert_eq!(
            note.as_deref(),
            Some("claimed 2026-03-02T08:59:59Z, too far from its arrival; the arrival is used")
        );
    }

    #[test]
    fn the_date_stands_in_for_a_missing_or_unreadable_time() {
        let (arrival, date) = (at("2026-03-02T10:00:00Z"), at("2026-03-02T09:30:00Z"));
        assert_eq!(time(None, Some(date), arrival, 3600), (date, None));
        let (event, note) = time(Some("noon"), Some(date), arrival, 3600);
        assert_eq!(
            (event, note.as_deref()),
            (date, Some("time `noon` cannot be read; the mail's Date is used"))
        );
        let (event, note) = time(None, None, arrival, 3600);
        assert_eq!(
            (event, note.as_deref()),
            (arrival, Some("the mail has no readable Date; its arrival is used"))
        );
    }
}
