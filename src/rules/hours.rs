//! Opening hours: `Mon-Fri 07:00-17:30`.
//!
//! In: texts of the rules; a civil time, in the zone the hours are meant in. Out: whether it is open then, and
//! when it opens next. A range means what the clock on the wall shows: the hour that comes twice in autumn is
//! open twice, the one that is left out in spring is not there.

use super::model::Origin;
use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Weekday};
use serde::{Deserialize, Serialize};

/// When somebody is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    pub ranges: Vec<Range>,
    pub holidays: Vec<Holiday>,
    pub origin: Origin,
}

/// Some days of the week, from one minute of the day to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// Bit 0 is Monday.
    pub days: u8,
    /// Minutes after midnight.
    pub from: u16,
    /// Minutes after the same midnight; over 1440 on the next day. Not part of the range.
    pub until: u16,
}

/// A day on which no range begins; every year where no year is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holiday {
    pub year: Option<i16>,
    pub month: i8,
    pub day: i8,
}

const DAY: u16 = 24 * 60;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

impl Hours {
    /// Whether it is open at this civil time.
    pub fn open_at(&self, at: DateTime) -> bool {
        let minute = i32::from(at.hour()) * 60 + i32::from(at.minute());
        // A range that began yesterday may run on.
        [(Some(at.date()), 0), (at.date().yesterday().ok(), i32::from(DAY))].into_iter().any(
            |(date, past)| {
                date.is_some_and(|date| {
                    self.beginning(date).any(|range| {
                        (i32::from(range.from)..i32::from(range.until)).contains(&(minute + past))
                    })
                })
            },
        )
    }

    /// The next beginning of a range after this civil time, within a year.
    pub fn opens_after(&self, at: DateTime) -> Option<DateTime> {
        let mut date = at.date();
        for _ in 0..=366 {
            let beginnings = self.beginning(date).map(|range| {
                date.at(
                    i8::try_from(range.from / 60).unwrap_or(0),
                    i8::try_from(range.from % 60).unwrap_or(0),
                    0,
                    0,
                )
            });
            if let Some(next) = beginnings.filter(|begin| *begin > at).min() {
                return Some(next);
            }
            date = date.checked_add(1.day()).ok()?;
        }
        None
    }

    /// The ranges that begin on this day.
    fn beginning(&self, date: Date) -> impl Iterator<Item = &Range> {
        let holiday = self.holidays.iter().any(|h| {
            (h.month, h.day) == (date.month(), date.day()) && h.year.is_none_or(|year| year == date.year())
        });
        let bit = 1u8 << Weekday::to_monday_zero_offset(date.weekday());
        self.ranges.iter().filter(move |range| !holiday && range.days & bit != 0)
    }
}

/// Reads `Mon-Fri 07:00-17:30`, `Mon-Thu,Sat 07:00-12:00,13:00-17:30`, `Mon-Sun 00:00-24:00`.
///
/// # Errors
/// What is wrong, in words.
pub(super) fn parse_hours(text: &str) -> Result<Vec<Range>, String> {
    let mut words = text.trim().splitn(2, char::is_whitespace);
    let (Some(days), Some(times)) = (words.next(), words.next()) else {
        return Err(format!("hours are days and times such as `Mon-Fri 07:00-17:30`, not `{text}`"));
    };
    let days = days.split(',').map(parse_days).try_fold(0, |all, some| some.map(|some| all | some))?;
    times
        .split(',')
        .map(|range| {
            let (from, until) = range
                .trim()
                .split_once('-')
                .ok_or_else(|| format!("`{}` is no range of times such as `07:00-17:30`", range.trim()))?;
            let (from, until) = (parse_minute(from)?, parse_minute(until)?);
            if from == until || from == DAY {
                return Err(format!("`{}` has no length", range.trim()));
            }
            Ok(Range { days, from, until: if until < from { until + DAY } else { until } })
        })
        .collect()
}

fn parse_days(text: &str) -> Result<u8, String> {
    let day = |name: &str| {
        DAYS.iter()
            .position(|day| day.eq_ignore_ascii_case(name.trim()))
            .ok_or_else(|| format!("`{}` is no day of the week; known are {}", name.trim(), DAYS.join(", ")))
    };
    let Some((first, last)) = text.split_once('-') else { return Ok(1 << day(text)?) };
    let (first, last) = (day(first)?, day(last)?);
    let length = (last + 7 - first) % 7;
    Ok((0..=length).fold(0, |days, step| days | 1 << ((first + step) % 7)))
}

fn parse_minute(text: &str) -> Result<u16, String> {
    let wrong = || format!("`{}` is no time of day such as `07:00`", text.trim());
    let (hour, minute) = text.trim().split_once(':').ok_or_else(wrong)?;
    let number = |text: &str| match text.len() {
        1..=2 if text.bytes().all(|b| b.is_ascii_digit()) => text.parse::<u16>().map_err(|_| wrong()),
        _ => Err(wrong()),
    };
    match (number(hour)?, number(minute)?) {
        (24, 0) => Ok(DAY),
        (hour @ 0..=23, minute @ 0..=59) => Ok(hour * 60 + minute),
        _ => Err(wrong()),
    }
}

/// Reads `2026-12-24`, or `12-24` for every year.
pub(super) fn parse_holiday(text: &str) -> Result<Holiday, String> {
    let wrong =
        || format!("a holiday is a date such as `2026-12-24`, or `12-24` for every year, not `{text}`");
    let (year, rest) = match text.trim().len() {
        10 => {
            let (year, rest) = text.trim().split_at_checked(5).ok_or_else(wrong)?;
            (Some(year.strip_suffix('-').and_then(|y| y.parse::<i16>().ok()).ok_or_else(wrong)?), rest)
        }
        _ => (None, text.trim()),
    };
    let (month, day) = rest.split_once('-').ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<i8>().map_err(|_| wrong());
    let (month, day) = (number(month)?, number(day)?);
    // 2024 has a 29 February.
    Date::new(year.unwrap_or(2024), month, day).map_err(|_| wrong())?;
    Ok(Holiday { year, month, day })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(texts: &[&str], holidays: &[&str]) -> Hours {
        Hours {
            ranges: texts.iter().flat_map(|text| parse_hours(text).expect("hours")).collect(),
            holidays: holidays.iter().map(|text| parse_holiday(text).expect("a holiday")).collect(),
            origin: Origin::default(),
        }
    }

    fn at(text: &str) -> DateTime {
        text.parse().expect("a civil time")
    }

    #[test]
    fn the_first_minute_is_open_and_the_last_is_not() {
        let hours = hours(&["Mon-Fri 07:00-17:30", "Sat 09:00-12:00, 13:00-15:00"], &[]);
        // 2026-11-20 is a Friday.
        let open = ["2026-11-20T07:00:00", "2026-11-20T17:29:59", "2026-11-21T13:00:00"];
        let closed =
            ["2026-11-20T06:59:59", "2026-11-20T17:30:00", "2026-11-21T12:30:00", "2026-11-22T10:00:00"];
        assert!(open.iter().all(|time| hours.open_at(at(time))));
        assert!(!closed.iter().any(|time| hours.open_at(at(time))));
        assert_eq!(hours.opens_after(at("2026-11-21T15:00:00")), Some(at("2026-11-23T07:00:00")));
    }

    #[test]
    fn a_night_runs_on_into_the_next_day_and_days_run_over_the_weekend() {
        let hours = hours(&["Fri-Mon 22:00-06:00"], &[]);
        for open in ["2026-11-20T23:00:00", "2026-11-21T05:59:00", "2026-11-24T05:00:00"] {
            assert!(hours.open_at(at(open)), "{open}");
        }
        assert!(!hours.open_at(at("2026-11-24T23:00:00")));
    }

    #[test]
    fn on_a_holiday_no_range_begins() {
        let hours = hours(&["Mon-Sun 00:00-24:00"], &["12-24", "2026-12-31"]);
        assert!(!hours.open_at(at("2030-12-24T10:00:00")) && !hours.open_at(at("2026-12-31T10:00:00")));
        assert!(hours.open_at(at("2027-12-31T10:00:00")) && hours.open_at(at("2030-12-23T23:59:59")));
    }

    #[test]
    fn what_is_no_range_is_told() {
        for (text, what) in [
            ("07:00-17:30", "hours are days and times such as `Mon-Fri 07:00-17:30`, not `07:00-17:30`"),
            ("Mo-Fr 07:00-17:30", "`Mo` is no day of the week; known are Mon, Tue, Wed, Thu, Fri, Sat, Sun"),
            ("Mon 7-17", "`7` is no time of day such as `07:00`"),
            ("Mon 07:00", "`07:00` is no range of times such as `07:00-17:30`"),
            ("Mon 07:00-07:00", "`07:00-07:00` has no length"),
            ("Mon 07:60-08:00", "`07:60` is no time of day such as `07:00`"),
        ] {
            assert_eq!(parse_hours(text), Err(what.to_owned()));
        }
        for text in ["2026-02-29", "13-01", "24.12.", "", "äääää"] {
            assert!(parse_holiday(text).is_err(), "{text}");
        }
    }
}
