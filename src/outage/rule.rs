//! Recurrence rules of RFC 5545, section 3.3.10, over civil dates and times.
//!
//! In: the text of an RRULE, the first start, a stretch of time. Out: the latest start in that stretch. It
//! looks at each day of the stretch once, so that a rule which never comes true costs no more than another.
//! It knows no zones: what a civil time is in UTC is asked of [`super::recurrence`].

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time, Weekday};

/// Times of day one rule may name.
const MOST_TIMES: usize = 1_440;
/// Days that are looked at for the last start of a COUNT, and starts that are counted.
const MOST_DAYS: usize = 40_000;
pub(super) const MOST_COUNTED: u32 = 200_000;
/// Values of one BY part.
pub(super) const MOST_VALUES: usize = 400;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Frequency {
    Minutely,
    Hourly,
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// Until when starts are made; a date holds for the whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// In UTC.
    Utc(DateTime),
    /// In the zone of the notice.
    Civil(DateTime),
    Date(Date),
}

/// One rule, as `Display` writes it and [`FromStr`] reads it. Lists are sorted; empty means not said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub(super) frequency: Frequency,
    pub(super) interval: i64,
    pub count: Option<u32>,
    pub until: Option<Until>,
    pub(super) months: Vec<i16>,
    pub(super) weeks: Vec<i16>,
    pub(super) year_days: Vec<i16>,
    pub(super) month_days: Vec<i16>,
    /// Which one of the period (0: each), and days after Monday.
    pub(super) days: Vec<(i16, i8)>,
    pub(super) hours: Vec<i16>,
    pub(super) minutes: Vec<i16>,
    pub(super) seconds: Vec<i16>,
    pub(super) positions: Vec<i16>,
    /// Days after Monday.
    pub(super) week_start: i8,
}

impl Rule {
    pub(super) fn check(&self) -> Result<(), String> {
        use Frequency::{Monthly, Weekly, Yearly};
        if self.count.is_some() && self.until.is_some() {
            return Err("a rule has COUNT or UNTIL, not both".to_owned());
        }
        if self.days.iter().any(|(nth, _)| *nth != 0) && !matches!(self.frequency, Monthly | Yearly) {
            return Err("a number before a weekday needs FREQ=MONTHLY or FREQ=YEARLY".to_owned());
        }
        if self.days.iter().any(|(nth, _)| *nth != 0) && !self.weeks.is_empty() {
            return Err("a number before a weekday does not go with BYWEEKNO".to_owned());
        }
        if !self.weeks.is_empty() && self.frequency != Yearly {
            return Err("BYWEEKNO needs FREQ=YEARLY".to_owned());
        }
        if !self.year_days.is_empty() && matches!(self.frequency, Weekly | Monthly | Frequency::Daily) {
            return Err("BYYEARDAY does not go with FREQ=DAILY, WEEKLY or MONTHLY".to_owned());
        }
        if !self.month_days.is_empty() && self.frequency == Weekly {
            return Err("BYMONTHDAY does not go with FREQ=WEEKLY".to_owned());
        }
        let by_part = self.months.len()
            + self.weeks.len()
            + self.year_days.len()
            + self.month_days.len()
            + self.days.len()
            + self.hours.len()
            + self.minutes.len()
            + self.seconds.len();
        if !self.positions.is_empty() && by_part == 0 {
            return Err("BYSETPOS needs another BY part to choose from".to_owned());
        }
        let size = |list: &[i16], all: usize| if list.is_empty() { all } else { list.len() };
        let (hours, minutes) = match self.frequency {
            Frequency::Minutely => (size(&self.hours, 24), size(&self.minutes, 60)),
            Frequency::Hourly => (size(&self.hours, 24), size(&self.minutes, 1)),
            _ => (size(&self.hours, 1), size(&self.minutes, 1)),
        };
        if hours * minutes * size(&self.seconds, 1) > MOST_TIMES {
            return Err(format!("a rule may start at most {MOST_TIMES} times a day"));
        }
        Ok(())
    }

    /// Whether two neighbouring starts may be closer than a day.
    pub fn within_days(&self) -> bool {
        self.frequency < Frequency::Daily || self.hours.len() > 1 || self.minutes.len() > 1
    }

    /// The latest start from `floor` to `limit`, never before `first`, for which `keep` holds.
    ///
    /// `first` itself is no start unless the rule says so. Only whole days between the two are looked at.
    pub fn latest(
        &self,
        first: DateTime,
        floor: DateTime,
        limit: DateTime,
        keep: &mut dyn FnMut(DateTime) -> bool,
    ) -> Option<DateTime> {
        let plan = Plan::new(self, first);
        let floor = floor.max(first);
        let mut day = limit.date();
        let mut times = Vec::new();
        while day >= floor.date() {
            if plan.holds(day) {
                plan.times(day, &mut times);
                for time in times.iter().rev() {
                    let start = day.to_datetime(*time);
                    if start <= limit && start >= floor && plan.chosen(day, *time) && keep(start) {
                        return Some(start);
                    }
                }
            }
            day = day.yesterday().ok()?;
        }
        None
    }

    /// The last start of a rule with COUNT, `first` counted as its first whether the rule says so or not.
    ///
    /// # Errors
    /// None where it lies beyond what is counted.
    pub fn last_of_count(&self, first: DateTime) -> Option<DateTime> {
        let Some(count) = self.count else { return Some(DateTime::MAX) };
        let plan = Plan::new(self, first);
        let (mut day, mut counted, mut last) = (first.date(), 1, first);
        let mut times = Vec::new();
        for _ in 0..MOST_DAYS {
            if counted >= count {
                return Some(last);
            }
            if plan.holds(day) {
                plan.times(day, &mut times);
                for time in &times {
                    let start = day.to_datetime(*time);
                    if start > first && counted < count && plan.chosen(day, *time) {
                        (counted, last) = (counted + 1, start);
                    }
                }
            }
            day = day.tomorrow().ok()?;
        }
        (counted >= count).then_some(last)
    }
}

/// A rule with what its first start says where the rule does not.
struct Plan<'a> {
    rule: &'a Rule,
    first: DateTime,
    month_day: Option<i8>,
    month: Option<i8>,
    weekday: Option<i8>,
    /// The period looked at last and the starts that BYSETPOS chooses in it.
    period: std::cell::RefCell<Option<(Date, Vec<DateTime>)>>,
}

impl<'a> Plan<'a> {
    fn new(rule: &'a Rule, first: DateTime) -> Self {
        let no_day = rule.year_days.is_empty() && rule.month_days.is_empty() && rule.days.is_empty();
        let by_week = !rule.weeks.is_empty();
        let (mut month, mut month_day, mut weekday) = (None, None, None);
        match rule.frequency {
            Frequency::Yearly if no_day && !by_week => {
                month = rule.months.is_empty().then_some(first.month());
                month_day = Some(first.day());
            }
            Frequency::Yearly if no_day => weekday = Some(first.weekday().to_monday_zero_offset()),
            Frequency::Monthly if no_day => month_day = Some(first.day()),
            Frequency::Weekly if no_day => weekday = Some(first.weekday().to_monday_zero_offset()),
            _ => {}
        }
        Self { rule, first, month_day, month, weekday, period: std::cell::RefCell::default() }
    }

    /// Whether starts may lie on this day.
    fn holds(&self, day: Date) -> bool {
        let rule = self.rule;
        self.month.is_none_or(|month| day.month() == month)
            && (rule.months.is_empty() || rule.months.contains(&i16::from(day.month())))
            && self.month_day.is_none_or(|d| day.day() == d)
            && (rule.month_days.is_empty()
                || holds_from_both_ends(&rule.month_days, day.day().into(), day.days_in_month().into()))
            && self.weekday.is_none_or(|d| day.weekday().to_monday_zero_offset() == d)
            && (rule.days.is_empty() || self.is_day(day))
            && (rule.year_days.is_empty()
                || holds_from_both_ends(&rule.year_days, day.day_of_year(), day.days_in_year()))
            && (rule.weeks.is_empty() || self.is_week(day))
            && self.aligned(day)
    }

    /// Whether the interval lets the period of this day pass.
    fn aligned(&self, day: Date) -> bool {
        let (rule, first) = (self.rule, self.first.date());
        if rule.interval == 1 {
            return true;
        }
        let apart = match rule.frequency {
            Frequency::Yearly => i64::from(day.year()) - i64::from(first.year()),
            Frequency::Monthly => months(day) - months(first),
            Frequency::Weekly => days_between(self.week_begin(first), self.week_begin(day)) / 7,
            Frequency::Daily => days_between(first, day),
            Frequency::Hourly | Frequency::Minutely => return true,
        };
        apart % rule.interval == 0
    }

    fn is_day(&self, day: Date) -> bool {
        let rule = self.rule;
        let weekday = day.weekday().to_monday_zero_offset();
        rule.days.iter().filter(|(_, d)| *d == weekday).any(|(nth, _)| {
            let in_year = rule.frequency == Frequency::Yearly && rule.months.is_empty();
            let (at, of) = if in_year {
                (day.day_of_year(), day.days_in_year())
            } else {
                (i16::from(day.day()), i16::from(day.days_in_month()))
            };
            match *nth {
                0 => true,
                n if n > 0 => (at - 1) / 7 + 1 == n,
                n => (of - at) / 7 + 1 == -n,
            }
        })
    }

    /// Weeks begin on WKST; the first one of a year has at least four days in it.
    fn is_week(&self, day: Date) -> bool {
        let begin = self.week_begin(day);
        let Ok(fourth) = begin.checked_add(3.days()) else { return false };
        let number = (fourth.day_of_year() - 1) / 7 + 1;
        let weeks = (fourth.days_in_year() - fourth.day_of_year()) / 7 + number;
        holds_from_both_ends(&self.rule.weeks, number, weeks)
    }

    fn week_begin(&self, day: Date) -> Date {
        let back = (day.weekday().to_monday_zero_offset() - self.rule.week_start).rem_euclid(7);
        day.checked_sub(i64::from(back).days()).unwrap_or(Date::MIN)
    }

    /// The starts of a day in order, before BYSETPOS chooses among those of a longer period.
    fn times(&self, day: Date, times: &mut Vec<Time>) {
        times.clear();
        let (rule, first) = (self.rule, self.first);
        let or =
            |list: &[i16], value: i8| if list.is_empty() { vec![i16::from(value)] } else { list.to_vec() };
        let all = |list: &[i16], most: i16| if list.is_empty() { (0..most).collect() } else { list.to_vec() };
        let seconds = or(&rule.seconds, first.second());
        let hours = match rule.frequency {
            Frequency::Hourly | Frequency::Minutely => all(&rule.hours, 24),
            _ => or(&rule.hours, first.hour()),
        };
        let minutes = match rule.frequency {
            Frequency::Minutely => all(&rule.minutes, 60),
            _ => or(&rule.minutes, first.minute()),
        };
        let days = match rule.frequency {
            Frequency::Hourly | Frequency::Minutely => days_between(first.date(), day),
            _ => 0,
        };
        let passes = |apart: i64| rule.interval == 1 || apart % rule.interval == 0;
        for hour in hours {
            let since = days * 24 + i64::from(hour) - i64::from(first.hour());
            if rule.frequency == Frequency::Hourly && !passes(since) {
                continue;
            }
            let begin = times.len();
            for minute in &minutes {
                let since = since * 60 + i64::from(*minute) - i64::from(first.minute());
                if rule.frequency == Frequency::Minutely && !passes(since) {
                    continue;
                }
                let begin = times.len();
                let of_minute = seconds.iter().filter_map(|s| time(hour, *minute, *s));
                times.extend(of_minute);
                if rule.frequency == Frequency::Minutely {
                    self.choose(times, begin);
                }
            }
            if rule.frequency == Frequency::Hourly {
                self.choose(times, begin);
            }
        }
        if rule.frequency == Frequency::Daily {
            self.choose(times, 0);
        }
    }

    /// Leaves of the times from `begin` on those which BYSETPOS names.
    fn choose<T: Copy>(&self, times: &mut Vec<T>, begin: usize) {
        if self.rule.positions.is_empty() {
            return;
        }
        let kept = positions(&self.rule.positions, times.len() - begin);
        let chosen: Vec<T> = kept.into_iter().map(|at| times[begin + at]).collect();
        times.truncate(begin);
        times.extend(chosen);
    }

    /// Whether BYSETPOS, over a period longer than a day, leaves this start.
    fn chosen(&self, day: Date, time: Time) -> bool {
        if self.rule.positions.is_empty() || self.rule.frequency < Frequency::Weekly {
            return true;
        }
        let (begin, end) = match self.rule.frequency {
            Frequency::Weekly => {
                let begin = self.week_begin(day);
                (begin, begin.checked_add(6.days()).unwrap_or(Date::MAX))
            }
            Frequency::Monthly => (day.first_of_month(), day.last_of_month()),
            _ => (day.first_of_year(), day.last_of_year()),
        };
        let mut period = self.period.borrow_mut();
        if period.as_ref().is_none_or(|(of, _)| *of != begin) {
            let (mut starts, mut times, mut day) = (Vec::new(), Vec::new(), begin);
            loop {
                if self.holds(day) {
                    self.times(day, &mut times);
                    starts.extend(times.iter().map(|time| day.to_datetime(*time)));
                }
                match day.tomorrow() {
                    Ok(next) if next <= end => day = next,
                    _ => break,
                }
            }
            self.choose(&mut starts, 0);
            *period = Some((begin, starts));
        }
        let start = day.to_datetime(time);
        period.as_ref().is_some_and(|(_, starts)| starts.binary_search(&start).is_ok())
    }
}

/// Indices, in order, that positions (from 1, or from the end with a minus) name among `of` items.
fn positions(wanted: &[i16], of: usize) -> Vec<usize> {
    let of = i64::try_from(of).unwrap_or(i64::MAX);
    let mut found: Vec<usize> = wanted
        .iter()
        .map(|at| if *at > 0 { i64::from(*at) - 1 } else { of + i64::from(*at) })
        .filter(|at| (0..of).contains(at))
        .filter_map(|at| usize::try_from(at).ok())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether a list names the place `at` of `of`, from 1, or from the end with a minus.
fn holds_from_both_ends(list: &[i16], at: i16, of: i16) -> bool {
    list.contains(&at) || list.contains(&(at - of - 1))
}

fn time(hour: i16, minute: i16, second: i16) -> Option<Time> {
    Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, i8::try_from(second).ok()?, 0).ok()
}

fn months(day: Date) -> i64 {
    i64::from(day.year()) * 12 + i64::from(day.month())
}

fn days_between(from: Date, to: Date) -> i64 {
    to.duration_since(from).as_secs() / 86_400
}

/// The weekday of a yearly rule's only BYDAY: which month, which one of it (-1: the last), which day after
/// Monday. That is how a VTIMEZONE says when clocks change.
pub(super) fn yearly_weekday(rule: &Rule) -> Option<(i16, i16, Weekday)> {
    let ([month], [(nth, day)]) = (rule.months.as_slice(), rule.days.as_slice()) else { return None };
    let plain = rule.frequency == Frequency::Yearly && rule.interval == 1 && rule.positions.is_empty();
    let weekday = Weekday::from_monday_zero_offset(*day).ok()?;
    // `BYMONTHDAY=8,…,14;BYDAY=SU` is the second Sunday in other words.
    let nth = match (*nth, rule.month_days.as_slice()) {
        (nth, []) => nth,
        (0, days) if days.len() == 7 && days[6] - days[0] == 6 && days[0] > 0 && days[0] % 7 == 1 => {
            days[0] / 7 + 1
        }
        _ => return None,
    };
    (plain && (nth == -1 || (1..=4).contains(&nth))).then_some((*month, nth, weekday))
}
