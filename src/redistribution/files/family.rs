//! What a name says about a log: whose rotation it belongs to, and when its turn was.
//!
//! In: a file's name. Out: the name of the log that is still written, a turn that sorts, a date. It opens nothing
//! and knows no period.

use jiff::civil::Date;

/// Turns of one family sort as they were written: dated ones, then numbered ones from the highest, then the live log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Turn {
    /// With what follows the date (an hour, a time), as digits.
    Dated(Date, u32),
    Numbered(std::cmp::Reverse<u32>),
    Live,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// Name of the log that is still written: `x.log` for `x.log.2.gz` and `x-2026-03-15.log.zst`.
    pub(super) live: String,
    pub(super) turn: Turn,
    /// The name without the ending of a compressor.
    pub(super) plain: String,
}

impl Member {
    pub(super) fn date(&self) -> Option<Date> {
        match self.turn {
            Turn::Dated(date, _) => Some(date),
            _ => None,
        }
    }

    pub(super) fn of(name: &str) -> Self {
        const PACKED: [&str; 6] = [".gz", ".zst", ".zstd", ".bz2", ".xz", ".Z"];
        let plain = PACKED.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
        let (live, turn) = turn_of(plain);
        Self { live, turn, plain: plain.to_owned() }
    }
}

fn turn_of(name: &str) -> (String, Turn) {
    let numbered = |n| Turn::Numbered(std::cmp::Reverse(n));
    if let Some((live, "old")) = name.rsplit_once('.').filter(|(live, _)| !live.is_empty()) {
        return (live.to_owned(), numbered(1));
    }
    if let Some((live, date, rest)) = dated_end(name) {
        return (live.to_owned(), Turn::Dated(date, rest));
    }
    if let Some((live, number)) = name.rsplit_once('.').filter(|(live, _)| !live.is_empty())
        && (1..=4).contains(&number.len())
        && let Ok(number) = number.parse()
    {
        return (live.to_owned(), numbered(number));
    }
    if let Some((front, ending)) = name.rsplit_once('.')
        && let Some((live, date, rest)) = dated_end(front)
    {
        return (format!("{live}.{ending}"), Turn::Dated(date, rest));
    }
    if let Some((date, rest, live)) = dated_start(name) {
        return (live.to_owned(), Turn::Dated(date, rest));
    }
    (name.to_owned(), Turn::Live)
}

const BETWEEN: [char; 3] = ['-', '.', '_'];

/// `x.log-20260315`, `x_2026-03-15-0400`: what stands before it, the date, and the digits behind it.
fn dated_end(name: &str) -> Option<(&str, Date, u32)> {
    // From the left: the longest date wins over what would be the time behind it.
    let starts = std::iter::once(0).chain(name.match_indices(BETWEEN).map(|(at, _)| at + 1));
    for start in starts {
        let Some((date, behind)) = date(&name[start..]) else { continue };
        let digits: String = behind.chars().filter(char::is_ascii_digit).collect();
        let time = digits.len() <= 6 && behind.chars().all(|c| c.is_ascii_digit() || "-_.T:".contains(c));
        if time {
            return Some((name[..start].trim_end_matches(BETWEEN), date, digits.parse().unwrap_or(0)));
        }
    }
    let (live, epoch) = name.rsplit_once(BETWEEN)?;
    let seconds: i64 = epoch.parse().ok().filter(|_| epoch.len() == 10)?;
    let time = jiff::Timestamp::from_second(seconds).ok()?.to_zoned(jiff::tz::TimeZone::UTC);
    let of_day = i32::from(time.hour()) * 10_000 + i32::from(time.minute()) * 100 + i32::from(time.second());
    Some((live, time.date(), u32::try_from(of_day).unwrap_or(0)))
}

/// `2026-03-15-x.log`.
fn dated_start(name: &str) -> Option<(Date, u32, &str)> {
    let (date, behind) = date(name)?;
    let live = behind.strip_prefix(BETWEEN)?;
    Some((date, 0, live))
}

/// The date a text begins with (`2026-03-15`, `20260315`, `2026_03_15`), and what follows.
fn date(text: &str) -> Option<(Date, &str)> {
    let bytes = text.as_bytes();
    let digits = |range: std::ops::Range<usize>| -> Option<i16> {
        let part = bytes.get(range)?;
        part.iter().all(u8::is_ascii_digit).then(|| std::str::from_utf8(part).ok()?.parse().ok())?
    };
    let year = digits(0..4).filter(|year| (1990..2200).contains(year))?;
    let (month, day, end) = match bytes.get(4)? {
        sign @ (b'-' | b'_' | b'.') if bytes.get(7) == Some(sign) => (digits(5..7)?, digits(8..10)?, 10),
        _ => (digits(4..6)?, digits(6..8)?, 8),
    };
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    Some((date, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Reverse;

    #[test]
    fn a_name_says_whose_rotation_it_belongs_to() {
        let day = jiff::civil::date(2026, 3, 15);
        for (name, live, turn) in [
            ("x.log", "x.log", Turn::Live),
            ("x.log.1", "x.log", Turn::Numbered(Reverse(1))),
            ("x.log.12.gz", "x.log", Turn::Numbered(Reverse(12))),
            ("x.log.old", "x.log", Turn::Numbered(Reverse(1))),
            ("x-2026-03-15.log.zst", "x.log", Turn::Dated(day, 0)),
            ("x.log-20260315.gz", "x.log", Turn::Dated(day, 0)),
            ("x.log-20260315-0400", "x.log", Turn::Dated(day, 400)),
            ("x.log.2026-03-15.xz", "x.log", Turn::Dated(day, 0)),
            ("x.log-2026031504.bz2", "x.log", Turn::Dated(day, 4)),
            ("x.log-1773532800", "x.log", Turn::Dated(day, 0)),
            ("2026-03-15-x.log", "x.log", Turn::Dated(day, 0)),
            ("node.12.log", "node.12.log", Turn::Live),
            ("x-2026-13-15.log", "x-2026-13-15.log", Turn::Live),
            ("x-12345678.log", "x-12345678.log", Turn::Live),
            ("1999", "1999", Turn::Live),
            (".gz", "", Turn::Live),
            ("é-2026-03-15é.log", "é-2026-03-15é.log", Turn::Live),
        ] {
            let member = Member::of(name);
            assert_eq!((member.live.as_str(), member.turn), (live, turn), "{name}");
        }
    }

    #[test]
    fn turns_sort_as_they_were_written() {
        let mut names = [
            "x.log",
            "x.log.1",
            "x.log.10.gz",
            "x.log.2",
            "x.log-20260316",
            "x.log-20260315-04",
            "x.log-20260315-13",
        ];
        names.sort_by_key(|name| Member::of(name).turn);
        let order = [
            "x.log-20260315-04",
            "x.log-20260315-13",
            "x.log-20260316",
            "x.log.10.gz",
            "x.log.2",
            "x.log.1",
            "x.log",
        ];
        assert_eq!(names, order);
    }
}
