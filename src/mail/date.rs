//! Dates in mails.
//!
//! In: the value of a Date header, what follows the `;` of a Received header, or the end of an mbox
//! From_ line. Out: an instant, or none where it cannot be told. Never looks at more than 64 bytes.

use jiff::Timestamp;
use jiff::civil::DateTime as Civil;

/// Most bytes of a date that are looked at.
pub(super) const DATE_BYTES: usize = 64;

/// RFC 5322, 3.3 as it is found in the wild, or RFC 3339, which tools write as well.
pub(super) fn parse(value: &str) -> Option<Timestamp> {
    let value = cut(value.trim_ascii());
    if value.as_bytes().get(4) == Some(&b'-') {
        return value.parse().ok();
    }
    let date = mail_parser::DateTime::parse_rfc822(value).filter(mail_parser::DateTime::is_valid)?;
    Timestamp::from_second(date.to_timestamp()).ok()
}

/// The date of an mbox From_ line: weekday, then month, day, time and year in the order of asctime(3) or
/// of RFC 5322, with a zone or without (UTC). None where the line is not one.
pub(super) fn of_from_line(line: &[u8]) -> Option<Timestamp> {
    const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let line = std::str::from_utf8(line.strip_prefix(b"From ")?).ok()?;
    let mut words = line.split_ascii_whitespace();
    words.find(|word| WEEKDAYS.contains(&word.trim_end_matches(',')))?;
    let (mut year, mut month, mut day, mut time, mut zone) = (None, None, None, None, 0);
    for word in words.take(6) {
        if month.is_none() && MONTHS.contains(&word) {
            month = MONTHS.iter().position(|name| *name == word).map(|at| at as i8 + 1);
        } else if time.is_none() && word.contains(':') {
            time = Some(clock(word)?);
        } else if let Some(offset) = offset(word) {
            zone = offset;
        } else if day.is_none() && word.len() <= 2 {
            day = word.parse::<i8>().ok();
        } else if year.is_none() && word.len() == 4 {
            year = word.parse::<i16>().ok();
        }
    }
    let (hour, minute, second) = time?;
    let civil = Civil::new(year?, month?, day?, hour, minute, second, 0).ok()?;
    let offset = jiff::tz::Offset::from_seconds(zone).ok()?;
    offset.to_timestamp(civil).ok()
}

/// `12:34` or `12:34:56`; a leap second counts as the second before it.
fn clock(word: &str) -> Option<(i8, i8, i8)> {
    let mut parts = word.split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0))?;
    Some((hour, minute, second.min(59)))
}

/// `+0130` in seconds.
fn offset(word: &str) -> Option<i32> {
    let (sign, digits) = match word.as_bytes() {
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let digits: i32 = std::str::from_utf8(digits).ok().filter(|digits| digits.len() == 4)?.parse().ok()?;
    Some(sign * (digits / 100 * 3600 + digits % 100 * 60))
}

fn cut(value: &str) -> &str {
    &value[..value.floor_char_boundary(DATE_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(date: Option<Timestamp>) -> String {
        date.map_or("none".into(), |date| date.to_string())
    }

    #[test]
    fn dates_of_mails_are_read() {
        for (value, expected) in [
            ("Thu, 26 Feb 2026 10:00:00 +0100", "2026-02-26T09:00:00Z"),
            ("26 Feb 2026 10:00:00 GMT (a comment)", "2026-02-26T10:00:00Z"),
            ("2026-02-26T10:00:00Z", "2026-02-26T10:00:00Z"),
            ("Thu, 31 Foo 2026 99:00:00", "none"),
            ("", "none"),
            ("never", "none"),
        ] {
            assert_eq!(shown(parse(value)), expected, "{value}");
        }
    }

    #[test]
    fn only_lines_that_end_in_a_date_are_from_lines() {
        for (line, expected) in [
            ("From dm@example.com Thu Feb 26 00:01:02 2026", "2026-02-26T00:01:02Z"),
            ("From dm@example.com  Thu Feb  6 00:01 2026 remote from x", "2026-02-06T00:01:00Z"),
            ("From 17@example.com Thu Feb 26 10:00:00 +0100 2026", "2026-02-26T09:00:00Z"),
            ("From dm@example.com Thu, 26 Feb 2026 10:00:00 -0130", "2026-02-26T11:30:00Z"),
            ("From Thu Feb 26 00:01:02 MET 2026", "2026-02-26T00:01:02Z"),
            ("From Thursday on the server is:", "none"),
            ("From node7 Thu Feb 26 2026", "none"),
            ("From node7 at Thu 12:00", "none"),
            ("From: dm@example.com", "none"),
        ] {
            assert_eq!(shown(of_from_line(line.as_bytes())), expected, "{line}");
        }
    }
}
