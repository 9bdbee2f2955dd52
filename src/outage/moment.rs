//! Dates, times and lengths as people and calendars write them.
//!
//! In: one text. Out: a civil date or time, with or without an offset; nothing here knows a zone.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};

/// A written point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// With an offset or `Z`.
    Fixed(Timestamp),
    /// In the zone of the notice.
    Civil(DateTime),
    /// A whole day in the zone of the notice.
    Day(Date),
}

/// Reads `2026-03-15T14:00:00+01:00`, `2026-03-15 14:00`, `2026-03-15`, `20260315T140000Z`, `20260315`.
pub fn moment(text: &str) -> Result<Moment, String> {
    let text = text.trim();
    let wrong = || {
        format!(
            "`{text}` is no time; write it like `2026-03-15 14:00`, `2026-03-15T14:00:00+01:00` or `2026-03-15`"
        )
    };
    // Nothing that is a time is longer, and years stay four digits.
    if text.len() > 40 || !text.starts_with(|c: char| c.is_ascii_digit()) || !text.is_ascii() {
        return Err(wrong());
    }
    if let Some(day) = basic_date(text).or_else(|| dashed_date(text)) {
        return Ok(Moment::Day(day));
    }
    if let Some(time) = civil(text) {
        return Ok(Moment::Civil(time));
    }
    if let Some(time) = text.strip_suffix(['Z', 'z']).and_then(civil) {
        let utc = jiff::tz::Offset::UTC.to_timestamp(time).map_err(|_| wrong())?;
        return Ok(Moment::Fixed(utc));
    }
    let at: Timestamp = text.replacen(' ', "T", 1).parse().map_err(|_| wrong())?;
    Timestamp::from_second(at.as_second()).map(Moment::Fixed).map_err(|_| wrong())
}

/// `20260315`.
pub fn basic_date(text: &str) -> Option<Date> {
    if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Date::new(text[..4].parse().ok()?, text[4..6].parse().ok()?, text[6..].parse().ok()?).ok()
}

fn dashed_date(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    basic_date(&format!("{}{}{}", text.get(..4)?, text.get(5..7)?, text.get(8..)?))
}

/// `20260315T140000`, `2026-03-15T14:00`, `2026-03-15 14:00:30`; without an offset.
pub fn civil(text: &str) -> Option<DateTime> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let date = basic_date(date).or_else(|| dashed_date(date))?;
    let digits: String = match time.len() {
        4 | 6 => time.to_owned(),
        5 if time.as_bytes()[2] == b':' => format!("{}{}", time.get(..2)?, time.get(3..)?),
        8 if time.as_bytes()[2] == b':' && time.as_bytes()[5] == b':' => {
            format!("{}{}{}", time.get(..2)?, time.get(3..5)?, time.get(6..)?)
        }
        _ => return None,
    };
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize| digits.get(from..from + 2).map_or(Some(0i8), |two| two.parse().ok());
    // A leap second is taken for the second before it.
    let (hour, minute, second) = (part(0)?, part(2)?, part(4)?.min(59));
    let time = Time::new(hour, minute, second, 0).ok()?;
    Some(date.to_datetime(time))
}

/// How long something lasts: days of the calendar, then seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length {
    pub days: i64,
    pub seconds: i64,
}

/// Reads a DURATION of RFC 5545, section 3.3.6 (`PT2H`, `P1DT12H`, `P2W`).
pub fn duration(text: &str) -> Result<Length, String> {
    let wrong = || format!("`{text}` is no duration such as PT2H, P1D or P2W");
    let upper = text.trim().trim_start_matches('+').to_ascii_uppercase();
    let rest = upper.strip_prefix('P').ok_or_else(wrong)?;
    let (date, time) = rest.split_once('T').unwrap_or((rest, ""));
    if rest.is_empty() || (rest.contains('T') && time.is_empty()) {
        return Err(wrong());
    }
    let days = amounts(date, &[('W', 7), ('D', 1)]).ok_or_else(wrong)?;
    let seconds = amounts(time, &[('H', 3_600), ('M', 60), ('S', 1)]).ok_or_else(wrong)?;
    Ok(Length { days, seconds })
}

/// Sum of `12H30M`: each unit at most once, in this order.
fn amounts(mut text: &str, units: &[(char, i64)]) -> Option<i64> {
    let mut units = units.iter();
    let mut sum: i64 = 0;
    while !text.is_empty() {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let unit = text[digits..].chars().next()?;
        let (_, worth) = units.find(|(name, _)| *name == unit)?;
        let amount: i64 = text[..digits].parse().ok().filter(|n| *n < 1_000_000_000)?;
        sum = sum.checked_add(amount.checked_mul(*worth)?)?;
        text = &text[digits + 1..];
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    #[test]
    fn a_time_is_fixed_civil_or_a_whole_day() {
        let day = date(2026, 3, 15);
        for text in ["2026-03-15", "20260315", " 2026-03-15 "] {
            assert_eq!(moment(text), Ok(Moment::Day(day)), "{text}");
        }
        for text in ["2026-03-15 14:00", "2026-03-15T14:00:00", "20260315T140000"] {
            assert_eq!(moment(text), Ok(Moment::Civil(day.at(14, 0, 0, 0))), "{text}");
        }
        for text in ["2026-03-15T14:00:00Z", "20260315T140000Z", "2026-03-15 15:00:00+01:00"] {
            let utc = "2026-03-15T14:00:00Z".parse().expect("a time");
            assert_eq!(moment(text), Ok(Moment::Fixed(utc)), "{text}");
        }
        for text in [
            "",
            "tomorrow",
            "2026-13-01",
            "2026-02-30",
            "15.03.2026",
            "2026-03-15 25:00",
            "-2026-03-15",
            "2026-3-1",
        ] {
            assert!(moment(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_duration_has_days_and_seconds() {
        assert_eq!(duration("PT1H30M"), Ok(Length { days: 0, seconds: 5_400 }));
        assert_eq!(duration("P1DT12H"), Ok(Length { days: 1, seconds: 43_200 }));
        assert_eq!(duration("P2W"), Ok(Length { days: 14, seconds: 0 }));
        for text in ["", "P", "PT", "1H", "-PT1H", "PT1M1H", "P1H", "PT99999999999S"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_reader_panic(text in "\\PC{0,20}|[0-9PTWDHMSZ:+ -]{0,24}") {
            let _ = (moment(&text), duration(&text), civil(&text), basic_date(&text));
        }
    }
}
