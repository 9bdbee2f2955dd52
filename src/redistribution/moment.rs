//! Times as logs write them.
//!
//! In: a text, the formats of a rule, and what the log leaves out (zone, year). Out: a timestamp. No clock.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;

/// What a log does not say about its times.
#[derive(Debug, Clone)]
pub struct Around {
    /// Zone of times without an offset.
    pub zone: TimeZone,
    /// No line is later than this (the file's date, a day of grace included): gives years where they are missing.
    pub latest: Option<Timestamp>,
}

impl Default for Around {
    fn default() -> Self {
        Self { zone: TimeZone::UTC, latest: None }
    }
}

/// Reads a time in the first format that fits.
pub(super) fn read(text: &str, formats: &[String], months: &[String], around: &Around) -> Option<Timestamp> {
    let text = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    let spoken = months.iter().enumerate().filter(|(_, month)| text.contains(month.as_str()));
    // `11月` holds `1月`.
    let named = spoken.max_by_key(|(_, month)| month.len()).map(|(at, _)| at);
    let text = match named {
        Some(at) => text.replacen(&months[at], &format!("{:02}", at + 1), 1),
        None => text,
    };
    formats.iter().find_map(|format| match format.as_str() {
        "epoch" => epoch(&text),
        format => one(&text, format, around),
    })
}

/// RFC 3339, or the same without an offset, which is UTC then.
pub(super) fn utc(text: &str) -> Option<Timestamp> {
    let civil = || zoned(text.parse().ok()?, &Around::default());
    text.parse().ok().or_else(civil)
}

/// Seconds since 1970 with a fraction.
pub(super) fn epoch(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    Timestamp::new(seconds, digits.parse().ok()?).ok()
}

fn one(text: &str, format: &str, around: &Around) -> Option<Timestamp> {
    if !format.contains("%Y") && !format.contains("%y") && !format.contains("%s") {
        return yearless(text, format, around);
    }
    let parsed = BrokenDownTime::parse(format, text).ok()?;
    if parsed.offset().is_some() {
        return parsed.to_timestamp().ok();
    }
    zoned(parsed.to_datetime().ok()?, around)
}

fn zoned(moment: DateTime, around: &Around) -> Option<Timestamp> {
    around.zone.to_ambiguous_zoned(moment).compatible().ok().map(|zoned| zoned.timestamp())
}

/// The latest year in which the time is not after the file's date.
fn yearless(text: &str, format: &str, around: &Around) -> Option<Timestamp> {
    let latest = around.latest?;
    let year = latest.to_zoned(around.zone.clone()).year();
    let format = format!("%Y {format}");
    // The 29th of February exists in one year of four, or of eight.
    (0..9).find_map(|back| {
        let text = format!("{:04} {text}", year - back);
        let parsed = BrokenDownTime::parse(&format, &text).ok()?.to_datetime().ok()?;
        zoned(parsed, around).filter(|moment| *moment <= latest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, formats: &[&str], months: &[&str], latest: Option<&str>) -> Option<String> {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let latest = latest.map(|text| text.parse().expect("a time"));
        let around = Around { zone: TimeZone::UTC, latest };
        read(text, &own(formats), &own(months), &around).map(|moment| moment.to_string())
    }

    #[test]
    fn offsets_fractions_and_epochs_are_read() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            at("2019-06-15 17:59:31 +0200", &["%Y-%m-%d %H:%M:%S %z"], &[], None),
            some("2019-06-15T15:59:31Z")
        );
        assert_eq!(
            at("2015-04-21 11:06:50,424", &["%Y-%m-%d %H:%M:%S,%f"], &[], None),
            some("2015-04-21T11:06:50.424Z")
        );
        assert_eq!(
            at("2020-08-03T19:56:04Z", &["%Y-%m-%dT%H:%M:%S%:z", "%Y-%m-%dT%H:%M:%SZ"], &[], None),
            some("2020-08-03T19:56:04Z")
        );
        assert_eq!(at("1779219600.267", &["epoch"], &[], None), some("2026-05-19T19:40:00.267Z"));
        assert_eq!(
            at("2019-07-10  16:38:08", &["%Y-%m-%d %H:%M:%S"], &[], None),
            some("2019-07-10T16:38:08Z")
        );
    }

    #[test]
    fn a_missing_year_comes_from_the_file() {
        let read = |text: &str, latest| at(text, &["%b %d %H:%M:%S"], &[], Some(latest));
        assert_eq!(read("Dec 31 23:59:58", "2026-01-02T00:00:00Z"), Some("2025-12-31T23:59:58Z".into()));
        assert_eq!(read("Jan  1 00:00:01", "2026-01-02T00:00:00Z"), Some("2026-01-01T00:00:01Z".into()));
        assert_eq!(read("Feb 29 10:00:00", "2026-01-02T00:00:00Z"), Some("2024-02-29T10:00:00Z".into()));
        assert_eq!(at("Jan  1 00:00:01", &["%b %d %H:%M:%S"], &[], None), None, "no year to be had");
    }

    #[test]
    fn months_of_other_languages_are_read() {
        let latest = Some("2026-03-01T00:00:00Z");
        let ours = ["1月", "2月", "3月", "4月", "5月", "6月", "7月", "8月", "9月", "10月", "11月", "12月"];
        assert_eq!(
            at("1月 10 19:38:10", &["%m %d %H:%M:%S"], &ours, latest),
            Some("2026-01-10T19:38:10Z".into())
        );
        assert_eq!(
            at("11月 10 19:38:10", &["%m %d %H:%M:%S"], &ours, latest),
            Some("2025-11-10T19:38:10Z".into())
        );
    }
}
