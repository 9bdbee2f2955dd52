//! Times and spans as a person at a maintenance center reads them.
//!
//! In: timestamps, the center's zone. Out: words. The zone database is jiff's (the system's); where the zone
//! isn't in it, times are shown in UTC and [`Times::note`] says so.

use crate::rules::model::{Center, Seconds};
use crate::shown::Shown;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Shows times in a center's zone.
pub(super) struct Times {
    zone: TimeZone,
    pub(super) note: Option<String>,
}

impl Times {
    /// `zone` is an IANA name, or a POSIX TZ text (`CET-1CEST,M3.5.0,M10.5.0/3`), which needs no database.
    pub(super) fn of(center: &Center) -> Self {
        match zone(center) {
            Some(zone) => Self { zone, note: None },
            None => Self {
                zone: TimeZone::UTC,
                note: Some(format!(
                    "Times are in UTC: the zone {} of this maintenance center is not known here.",
                    Shown::new(&center.zone)
                )),
            },
        }
    }

    /// `2026-11-20 09:12:03 CET (08:12:03 UTC)`; the date is repeated where it differs.
    pub(super) fn long(&self, at: Timestamp) -> String {
        let here = at.to_zoned(self.zone.clone());
        let there = at.to_zoned(TimeZone::UTC);
        let shown = here.strftime("%Y-%m-%d %H:%M:%S %Z");
        if here.offset().is_zero() {
            shown.to_string()
        } else if here.date() == there.date() {
            format!("{shown} ({} UTC)", there.strftime("%H:%M:%S"))
        } else {
            format!("{shown} ({} UTC)", there.strftime("%Y-%m-%d %H:%M:%S"))
        }
    }

    /// `2026-11-20 09:12 CET`.
    pub(super) fn short(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string()
    }

    /// For a mail's Date header (RFC 5322), with the zone's offset.
    pub(super) fn header(&self, at: Timestamp) -> String {
        let at = at.max(Timestamp::UNIX_EPOCH);
        at.to_zoned(self.zone.clone()).strftime("%a, %d %b %Y %H:%M:%S %z").to_string()
    }
}

/// A center's zone: an IANA name, or a POSIX TZ text. None where it is not known here.
pub(super) fn zone(center: &Center) -> Option<TimeZone> {
    TimeZone::get(&center.zone).or_else(|_| TimeZone::posix(&center.zone)).ok()
}

/// `1 h`, `30 min`, `2 d 4 h`: the two largest units that are not zero.
pub fn span(seconds: Seconds) -> String {
    let mut rest = seconds.0.max(0);
    let mut words = Vec::new();
    for (unit, size) in [("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)] {
        if rest >= size && words.len() < 2 {
            words.push(format!("{} {unit}", rest / size));
            rest %= size;
        }
    }
    // A day is written as 24 h: "10 alerts in 24 h" is how operators speak of windows.
    match words.as_slice() {
        [] => "0 s".to_owned(),
        [one] if one == "1 d" => "24 h".to_owned(),
        _ => words.join(" "),
    }
}

/// The span between two times, by [`span`].
pub(super) fn between(from: Timestamp, to: Timestamp) -> String {
    span(Seconds(to.duration_since(from).max(SignedDuration::ZERO).as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ticket::fixture::centers;

    fn times(zone: &str) -> Times {
        Times::of(&Center { zone: zone.to_owned(), ..centers().centers[0].clone() })
    }

    #[test]
    fn times_are_shown_in_the_zone_of_the_center_and_in_utc() {
        let at = Timestamp::from_second(1_795_162_323).expect("a time in range");
        assert_eq!(times("CET-1CEST,M3.5.0,M10.5.0/3").long(at), "2026-11-20 09:12:03 CET (08:12:03 UTC)");
        assert_eq!(times("NZST-12").long(at), "2026-11-20 20:12:03 NZST (08:12:03 UTC)");
        assert_eq!(times("HST10").long(at), "2026-11-19 22:12:03 HST (2026-11-20 08:12:03 UTC)");
        assert_eq!(times("UTC").long(at), "2026-11-20 08:12:03 UTC");
        assert_eq!(times("HST10").header(at), "Thu, 19 Nov 2026 22:12:03 -1000");
    }

    #[test]
    fn unknown_zone_falls_back_to_utc_and_says_so() {
        let times = times("Mars/Olympus\n");
        let note = times.note.as_deref().expect("a note");
        assert!(note.contains(r"Mars/Olympus\n of this maintenance center is not known"), "{note}");
        assert!(times.long(Timestamp::UNIX_EPOCH).ends_with("00:00:00 UTC"));
    }

    #[test]
    fn extreme_times_are_shown_without_panic() {
        for at in [Timestamp::MIN, Timestamp::MAX] {
            for zone in ["HST10", "NZST-12", "UTC"] {
                let _ = (times(zone).long(at), times(zone).header(at));
            }
        }
    }

    #[test]
    fn spans_have_at_most_two_units() {
        let spans = [0, 45, 1800, 3600, 5400, 86_400, 90_061, 259_200].map(|seconds| span(Seconds(seconds)));
        assert_eq!(spans, ["0 s", "45 s", "30 min", "1 h", "1 h 30 min", "24 h", "1 d 1 h", "3 d"]);
        assert_eq!(between(Timestamp::MAX, Timestamp::MIN), "0 s");
    }
}
