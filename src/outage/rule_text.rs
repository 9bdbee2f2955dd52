//! Recurrence rules as text (RFC 5545, section 3.3.10).
//!
//! In: the text of an RRULE. Out: a [`Rule`], or what is wrong with it; and the text again.

use super::rule::{Frequency, MOST_COUNTED, MOST_VALUES, Rule, Until};
use std::fmt;
use std::str::FromStr;

const DAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
const FREQUENCIES: [(&str, Frequency); 6] = [
    ("MINUTELY", Frequency::Minutely),
    ("HOURLY", Frequency::Hourly),
    ("DAILY", Frequency::Daily),
    ("WEEKLY", Frequency::Weekly),
    ("MONTHLY", Frequency::Monthly),
    ("YEARLY", Frequency::Yearly),
];
const PARTS: [&str; 14] = [
    "FREQ",
    "INTERVAL",
    "COUNT",
    "UNTIL",
    "BYMONTH",
    "BYWEEKNO",
    "BYYEARDAY",
    "BYMONTHDAY",
    "BYDAY",
    "BYHOUR",
    "BYMINUTE",
    "BYSECOND",
    "BYSETPOS",
    "WKST",
];

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Rule, String> {
        let text = text.trim();
        let text = text.strip_prefix("RRULE:").unwrap_or(text);
        let mut frequency = None;
        let mut rule = Rule {
            frequency: Frequency::Daily,
            interval: 1,
            count: None,
            until: None,
            months: Vec::new(),
            weeks: Vec::new(),
            year_days: Vec::new(),
            month_days: Vec::new(),
            days: Vec::new(),
            hours: Vec::new(),
            minutes: Vec::new(),
            seconds: Vec::new(),
            positions: Vec::new(),
            week_start: 0,
        };
        let mut seen: Vec<String> = Vec::new();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) =
                part.split_once('=').ok_or_else(|| format!("`{part}` in a rule is no NAME=value"))?;
            let name = name.trim().to_ascii_uppercase();
            let value = value.trim();
            if seen.contains(&name) {
                return Err(format!("{name} stands twice in a rule"));
            }
            match name.as_str() {
                "FREQ" => frequency = Some(read_frequency(value)?),
                "INTERVAL" => rule.interval = i64::from(number(&name, value, 1..=100_000)?),
                "COUNT" => rule.count = Some(number(&name, value, 1..=MOST_COUNTED as i32)? as u32),
                "UNTIL" => rule.until = Some(read_until(value)?),
                "BYMONTH" => rule.months = numbers(&name, value, 1..=12, false)?,
                "BYWEEKNO" => rule.weeks = numbers(&name, value, 1..=53, true)?,
                "BYYEARDAY" => rule.year_days = numbers(&name, value, 1..=366, true)?,
                "BYMONTHDAY" => rule.month_days = numbers(&name, value, 1..=31, true)?,
                "BYDAY" => rule.days = read_days(value)?,
                "BYHOUR" => rule.hours = numbers(&name, value, 0..=23, false)?,
                "BYMINUTE" => rule.minutes = numbers(&name, value, 0..=59, false)?,
                // A leap second is taken for the second before it.
                "BYSECOND" => {
                    rule.seconds =
                        numbers(&name, value, 0..=60, false)?.into_iter().map(|s| s.min(59)).collect();
                    rule.seconds.dedup();
                }
                "BYSETPOS" => rule.positions = numbers(&name, value, 1..=366, true)?,
                "WKST" => {
                    rule.week_start = weekday(value).ok_or_else(|| format!("`{value}` is no weekday"))?;
                }
                _ if name.starts_with("X-") => {}
                _ => {
                    let known = PARTS.join(", ");
                    return Err(format!("`{name}` is no part of a rule; known are {known}"));
                }
            }
            seen.push(name);
        }
        rule.frequency = frequency.ok_or("a rule needs FREQ, such as FREQ=WEEKLY;BYDAY=SU")?;
        rule.check()?;
        Ok(rule)
    }
}

fn read_frequency(value: &str) -> Result<Frequency, String> {
    let found = FREQUENCIES.iter().find(|(word, _)| word.eq_ignore_ascii_case(value));
    found.map(|(_, frequency)| *frequency).ok_or_else(|| {
        let words = FREQUENCIES.map(|(word, _)| word).join(", ");
        format!("FREQ must be one of {words}, not `{value}`")
    })
}

fn number(name: &str, value: &str, range: std::ops::RangeInclusive<i32>) -> Result<i32, String> {
    let digits = !value.is_empty() && value.len() <= 9 && value.bytes().all(|b| b.is_ascii_digit());
    let found = value.parse().ok().filter(|n| digits && range.contains(n));
    found.ok_or_else(|| format!("{name} must be from {} to {}, not `{value}`", range.start(), range.end()))
}

fn numbers(
    name: &str,
    value: &str,
    range: std::ops::RangeInclusive<i16>,
    negative: bool,
) -> Result<Vec<i16>, String> {
    let wrong = |item: &str| {
        let sign = if negative { ", counted from the end with a minus" } else { "" };
        format!("{name} takes numbers from {} to {}{sign}, not `{item}`", range.start(), range.end())
    };
    let mut found = Vec::new();
    for item in value.split(',').map(str::trim) {
        let n: i16 = item.parse().map_err(|_| wrong(item))?;
        if !range.contains(&n.abs()) || (n < 0 && !negative) {
            return Err(wrong(item));
        }
        found.push(n);
        if found.len() > MOST_VALUES {
            return Err(format!("{name} names more than {MOST_VALUES} values"));
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn weekday(word: &str) -> Option<i8> {
    let at = DAYS.iter().position(|day| day.eq_ignore_ascii_case(word))?;
    i8::try_from(at).ok()
}

fn read_days(value: &str) -> Result<Vec<(i16, i8)>, String> {
    let mut found = Vec::new();
    for item in value.split(',').map(str::trim) {
        let wrong =
            || format!("BYDAY takes MO to SU, with a number before it where one is meant, not `{item}`");
        let split = item.len().checked_sub(2).filter(|at| item.is_char_boundary(*at)).ok_or_else(wrong)?;
        let day = weekday(&item[split..]).ok_or_else(wrong)?;
        let nth = match &item[..split] {
            "" => 0,
            nth => nth.parse::<i16>().ok().filter(|n| (1..=53).contains(&n.abs())).ok_or_else(wrong)?,
        };
        found.push((nth, day));
        if found.len() > MOST_VALUES {
            return Err(format!("BYDAY names more than {MOST_VALUES} days"));
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn read_until(value: &str) -> Result<Until, String> {
    if let Some(date) = super::moment::basic_date(value) {
        return Ok(Until::Date(date));
    }
    let (text, utc) = match value.strip_suffix(['Z', 'z']) {
        Some(text) => (text, true),
        None => (value, false),
    };
    let time = super::moment::civil(text)
        .ok_or_else(|| format!("UNTIL must be a time such as 20260331T235959Z, not `{value}`"))?;
    Ok(if utc { Until::Utc(time) } else { Until::Civil(time) })
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = FREQUENCIES.iter().find(|(_, frequency)| *frequency == self.frequency);
        write!(f, "FREQ={}", word.map_or("DAILY", |(word, _)| word))?;
        if self.interval != 1 {
            write!(f, ";INTERVAL={}", self.interval)?;
        }
        if let Some(count) = self.count {
            write!(f, ";COUNT={count}")?;
        }
        match self.until {
            None => {}
            Some(Until::Utc(time)) => write!(f, ";UNTIL={}Z", time.strftime("%Y%m%dT%H%M%S"))?,
            Some(Until::Civil(time)) => write!(f, ";UNTIL={}", time.strftime("%Y%m%dT%H%M%S"))?,
            Some(Until::Date(date)) => write!(f, ";UNTIL={}", date.strftime("%Y%m%d"))?,
        }
        let lists = [
            ("BYMONTH", &self.months),
            ("BYWEEKNO", &self.weeks),
            ("BYYEARDAY", &self.year_days),
            ("BYMONTHDAY", &self.month_days),
            ("BYHOUR", &self.hours),
            ("BYMINUTE", &self.minutes),
            ("BYSECOND", &self.seconds),
            ("BYSETPOS", &self.positions),
        ];
        for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            let values: Vec<String> = list.iter().map(ToString::to_string).collect();
            write!(f, ";{name}={}", values.join(","))?;
        }
        if !self.days.is_empty() {
            let day = |(nth, day): &(i16, i8)| match nth {
                0 => DAYS[*day as usize % 7].to_owned(),
                nth => format!("{nth}{}", DAYS[*day as usize % 7]),
            };
            write!(f, ";BYDAY={}", self.days.iter().map(day).collect::<Vec<_>>().join(","))?;
        }
        if self.week_start != 0 {
            write!(f, ";WKST={}", DAYS[self.week_start as usize % 7])?;
        }
        Ok(())
    }
}

impl From<Rule> for String {
    fn from(rule: Rule) -> String {
        rule.to_string()
    }
}

impl TryFrom<String> for Rule {
    type Error = String;

    fn try_from(text: String) -> Result<Rule, String> {
        text.parse()
    }
}
