//! The occurrences of one notice: is a moment inside one, and from when to when is it.
//!
//! In: the first occurrence, a rule, further and excepted starts, a moment. Out: the occurrence that holds.
//! Starts and ends are times of the wall clock in the notice's zone, so that a night from 22:00 to 06:00 ends at
//! 06:00 when clocks change. A start in the hour that clocks skip is held as late as the clocks went ahead:
//! RFC 5545 would drop it, but the work is done in that night as well.

use super::moment::Length;
use super::rule::{Rule, Until};
use super::zone::{Zone, instant};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// The longest occurrence of a notice that recurs.
pub const MOST_DAYS: i64 = 3_660;
/// Further and excepted starts of one notice.
pub const MOST_STARTS: usize = 5_000;
/// Candidates that are looked at for one question.
const MOST_LOOKED_AT: usize = 2_000;
/// Wall clocks and UTC differ by no more than this around a change.
const SLACK_HOURS: i64 = 3;

/// From when to when; an open end is None.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    pub from: Timestamp,
    pub until: Option<Timestamp>,
}

/// How long each occurrence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lasts {
    /// Seconds of the wall clock, from its start to its end.
    Wall(i64),
    /// Days of the calendar, then seconds that pass (DURATION of RFC 5545).
    Passing { days: i64, seconds: i64 },
}

impl Lasts {
    /// Roughly; never shorter than by a change of clocks.
    fn seconds(self) -> i64 {
        match self {
            Lasts::Wall(seconds) => seconds,
            Lasts::Passing { days, seconds } => days * 86_400 + seconds,
        }
    }

    /// The end of an occurrence that starts at this wall clock.
    fn end(self, zone: &TimeZone, civil: DateTime, start: Timestamp) -> Option<Timestamp> {
        match self {
            Lasts::Wall(seconds) => {
                let end = instant(zone, civil.checked_add(Span::new().try_seconds(seconds).ok()?).ok()?)?;
                if end > start {
                    Some(end)
                } else {
                    start.checked_add(Span::new().try_seconds(seconds).ok()?).ok()
                }
            }
            Lasts::Passing { days, seconds } => {
                let day = start.to_zoned(zone.clone()).checked_add(Span::new().try_days(days).ok()?).ok()?;
                day.timestamp().checked_add(Span::new().try_seconds(seconds).ok()?).ok()
            }
        }
    }
}

impl From<Length> for Lasts {
    fn from(length: Length) -> Self {
        Lasts::Passing { days: length.days, seconds: length.seconds }
    }
}

/// A start besides those of the rule; with its own length where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Further {
    pub start: DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Lasts>,
}

/// Occurrences of a notice, all in its zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recurrence {
    pub first: DateTime,
    pub lasts: Lasts,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rule_text")]
    pub rule: Option<Rule>,
    /// The last start that COUNT leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<DateTime>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<Further>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<DateTime>,
    /// Whole days without an occurrence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except_days: Vec<Date>,
}

mod rule_text {
    use super::Rule;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(rule: &Option<Rule>, to: S) -> Result<S::Ok, S::Error> {
        match rule {
            Some(rule) => to.collect_str(rule),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Option<Rule>, D::Error> {
        let text: Option<String> = Option::deserialize(from)?;
        text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose()
    }
}

impl Recurrence {
    /// Bounds checked and COUNT resolved.
    ///
    /// # Errors
    /// What is too long or too much, as a fragment.
    pub fn checked(mut self) -> Result<Self, String> {
        if !(1..=MOST_DAYS * 86_400).contains(&self.lasts.seconds()) {
            return Err(format!("an occurrence lasts from 1 s to {MOST_DAYS} days"));
        }
        if self.further.len() > MOST_STARTS || self.except.len() + self.except_days.len() > MOST_STARTS {
            return Err(format!("more than {MOST_STARTS} single dates"));
        }
        if let Some(rule) = self.rule.as_ref().filter(|rule| rule.count.is_some()) {
            let last = rule.last_of_count(self.first);
            self.last = Some(last.ok_or("COUNT reaches too far to be counted; say UNTIL")?);
        }
        self.except.sort_unstable();
        self.except_days.sort_unstable();
        Ok(self)
    }

    /// The occurrence that holds at a moment; of several the one that ends last.
    pub fn covering(&self, zone: &Zone, at: Timestamp) -> Option<Stretch> {
        let tz = zone.get();
        let mut best: Option<Stretch> = None;
        let mut take = |civil: DateTime, lasts: Lasts| -> bool {
            let Some(from) = instant(&tz, civil) else { return false };
            let Some(until) = lasts.end(&tz, civil, from) else { return false };
            let holds = from <= at && at < until;
            if holds && best.is_none_or(|best| best.until < Some(until)) {
                best = Some(Stretch { from, until: Some(until) });
            }
            holds
        };
        if !self.is_excepted(self.first) {
            take(self.first, self.lasts);
        }
        for further in self.further.iter().filter(|further| !self.is_excepted(further.start)) {
            take(further.start, further.lasts.unwrap_or(self.lasts));
        }
        if let Some(rule) = &self.rule {
            let here = tz.to_datetime(at);
            let slack = Span::new().hours(SLACK_HOURS);
            let limit = here.saturating_add(slack).min(self.last_start(&tz, rule));
            let back = Span::new().try_seconds(self.lasts.seconds()).unwrap_or_default();
            let floor = here.saturating_sub(back).saturating_sub(slack);
            // All occurrences are equally long: the latest start that holds ends last, but for what clocks
            // change between two starts that are neighbours.
            let (mut looked_at, mut found) = (0, None);
            rule.latest(self.first, floor, limit, &mut |civil| {
                if self.is_excepted(civil) || !self.before_end(&tz, rule, civil) {
                    return false;
                }
                looked_at += 1;
                if take(civil, self.lasts) {
                    found.get_or_insert(civil);
                }
                looked_at > MOST_LOOKED_AT
                    || found.is_some_and(|found| found.duration_since(civil).as_hours() >= SLACK_HOURS)
            });
        }
        best
    }

    fn is_excepted(&self, start: DateTime) -> bool {
        self.except.binary_search(&start).is_ok() || self.except_days.binary_search(&start.date()).is_ok()
    }

    /// No start of the rule lies after this wall clock.
    fn last_start(&self, zone: &TimeZone, rule: &Rule) -> DateTime {
        let until = match rule.until {
            None => DateTime::MAX,
            Some(Until::Civil(time)) => time,
            Some(Until::Date(date)) => date.at(23, 59, 59, 0),
            Some(Until::Utc(time)) => {
                let utc = jiff::tz::Offset::UTC.to_timestamp(time).unwrap_or(Timestamp::MAX);
                zone.to_datetime(utc).saturating_add(Span::new().hours(SLACK_HOURS))
            }
        };
        self.last.map_or(until, |last| last.min(until))
    }

    /// Whether UNTIL, said in UTC, lets this start pass.
    fn before_end(&self, zone: &TimeZone, rule: &Rule, start: DateTime) -> bool {
        let Some(Until::Utc(time)) = rule.until else { return true };
        let until = jiff::tz::Offset::UTC.to_timestamp(time).unwrap_or(Timestamp::MAX);
        instant(zone, start).is_some_and(|start| start <= until)
    }

    /// When the last occurrence has ended for certain; None where none is the last.
    pub fn ends(&self, zone: &Zone) -> Option<Timestamp> {
        let tz = zone.get();
        let mut last = self.first;
        if let Some(rule) = &self.rule {
            let end = self.last_start(&tz, rule);
            if end == DateTime::MAX {
                return None;
            }
            last = last.max(end);
        }
        let mut ends = instant(&tz, last).and_then(|start| self.lasts.end(&tz, last, start))?;
        for further in &self.further {
            let lasts = further.lasts.unwrap_or(self.lasts);
            let end = instant(&tz, further.start).and_then(|start| lasts.end(&tz, further.start, start))?;
            ends = ends.max(end);
        }
        ends.checked_add(Span::new().hours(SLACK_HOURS)).ok()
    }

    /// When the first occurrence starts.
    pub fn begins(&self, zone: &Zone) -> Timestamp {
        let first = self.further.iter().map(|further| further.start).fold(self.first, DateTime::min);
        instant(&zone.get(), first).unwrap_or(Timestamp::MIN)
    }
}
