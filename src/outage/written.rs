//! One notice out of texts, whatever file they stood in.
//!
//! In: the texts of one notice, each with its key and place, and what holds for the whole file. Out: the
//! [`Notice`], or every mistake in it. YAML, CSV and the command line all come through here, so that a word means
//! the same in each.

use super::model::{Action, Notice, Target, TargetKind};
use super::moment::{Moment, duration, moment};
use super::recurrence::{Further, Lasts, MOST_STARTS, Recurrence};
use super::rule::Rule;
use super::zone::{Zone, instant};
use crate::rules::model::Origin;
use crate::rules::outages::NOTICE;
use crate::rules::{Mistake, nearest, parse_seconds};
use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, ToSpan};
use sha2::{Digest, Sha256};

/// Longest reason or author that is kept, in characters.
const MOST_WORDS: usize = 500;
/// Targets of one notice.
const MOST_TARGETS: usize = 10_000;

/// One text of a notice and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// A key of [`NOTICE`].
    pub key: String,
    pub text: String,
    pub line: u32,
    pub column: u32,
}

/// What holds for all notices of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Setting {
    /// As the operator would name the file.
    pub file: String,
    pub zone: Zone,
    pub author: Option<String>,
}

impl Setting {
    pub fn new(file: &str, zone: Zone) -> Self {
        Self { file: file.to_owned(), zone, author: None }
    }

    pub(super) fn mistake(&self, line: u32, column: u32, what: impl Into<String>) -> Mistake {
        Mistake { file: self.file.clone(), line, column, what: what.into(), hint: None }
    }
}

/// Reads one notice that begins at this line and column.
///
/// # Errors
/// Every mistake in it; then the notice does not hold.
pub fn notice(fields: &[Field], setting: &Setting, line: u32, column: u32) -> Result<Notice, Vec<Mistake>> {
    let mut reader = Reader { fields, setting, at: (line, column), mistakes: Vec::new() };
    let notice = reader.notice();
    match notice {
        Some(notice) if reader.mistakes.is_empty() => Ok(notice),
        _ => {
            if reader.mistakes.is_empty() {
                reader.wrong("the notice cannot be read");
            }
            Err(reader.mistakes)
        }
    }
}

/// An id made from what a notice says: the same words give the same id.
pub(super) fn id_of(texts: impl IntoIterator<Item = String>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.as_bytes());
        hash.update([0]);
    }
    let bytes = hash.finalize();
    let hex: String = bytes.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    format!("O-{hex}")
}

struct Reader<'a> {
    fields: &'a [Field],
    setting: &'a Setting,
    at: (u32, u32),
    mistakes: Vec<Mistake>,
}

impl<'a> Reader<'a> {
    fn wrong(&mut self, what: impl Into<String>) {
        self.mistakes.push(self.setting.mistake(self.at.0, self.at.1, what));
    }

    fn wrong_at(&mut self, field: &Field, what: impl Into<String>) {
        self.mistakes.push(self.setting.mistake(field.line, field.column, what));
    }

    fn all(&self, key: &str) -> impl Iterator<Item = &'a Field> + use<'a> {
        debug_assert!(NOTICE.keys.contains(&key), "undocumented key {key}");
        let key = key.to_owned();
        self.fields.iter().filter(move |field| field.key == key && !field.text.trim().is_empty())
    }

    /// The one text of a key.
    fn one(&mut self, key: &str) -> Option<&'a Field> {
        let mut all = self.all(key);
        let first = all.next()?;
        if let Some(second) = all.next() {
            self.wrong_at(second, format!("`{key}` takes one text, not a list"));
        }
        Some(first)
    }

    fn taken<T>(&mut self, field: &Field, read: Result<T, String>) -> Option<T> {
        read.map_err(|what| self.wrong_at(field, format!("`{}`: {what}", field.key))).ok()
    }

    fn notice(&mut self) -> Option<Notice> {
        for field in self.fields.iter().filter(|field| !NOTICE.keys.contains(&field.key.as_str())) {
            let hint = nearest(&field.key, NOTICE.keys.iter().copied()).map(str::to_owned);
            let mut mistake = self.setting.mistake(
                field.line,
                field.column,
                format!("unknown key `{}` in a notice", field.key),
            );
            mistake.hint = hint;
            self.mistakes.push(mistake);
        }
        let zone = match self.one("zone") {
            Some(field) => {
                let read = Zone::iana(&field.text);
                self.taken(field, read)
            }
            None => Some(self.setting.zone.clone()),
        };
        let targets = self.targets();
        let action = match self.one("action") {
            None => Some(Action::Aside),
            Some(field) => match field.text.trim() {
                "aside" => Some(Action::Aside),
                "drop" => Some(Action::Drop),
                other => {
                    self.wrong_at(field, format!("`action` must be aside or drop, not `{other}`"));
                    None
                }
            },
        };
        let (author, reason) = (self.words("author"), self.words("reason"));
        let id = self.words("id");
        let zone = zone?;
        let expires = match self.one("expires") {
            Some(field) => Some(self.point(field, &zone, true)?.0),
            None => None,
        };
        let (from, until, recurrence) = self.period(&zone)?;
        if let (Some(expires), Some(field)) =
            (expires.filter(|expires| *expires <= from), self.one("expires"))
        {
            self.wrong_at(field, format!("`expires` {expires} lies before `from`"));
        }
        let mut notice = Notice {
            id: String::new(),
            targets: targets?,
            action: action?,
            from,
            until,
            recurrence,
            zone,
            author: author.or_else(|| self.setting.author.clone()),
            reason,
            expires,
            origin: Origin { file: self.setting.file.clone(), line: self.at.0, column: self.at.1 },
        };
        notice.id = id.unwrap_or_else(|| {
            let fields = self.fields.iter().filter(|field| !field.text.trim().is_empty());
            id_of(fields.flat_map(|field| [field.key.clone(), field.text.trim().to_owned()]))
        });
        Some(notice)
    }

    fn words(&mut self, key: &str) -> Option<String> {
        let field = self.one(key)?;
        let text: String = field.text.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(match text.char_indices().nth(MOST_WORDS) {
            Some((at, _)) => format!("{}…", &text[..at]),
            None => text,
        })
    }

    fn targets(&mut self) -> Option<Vec<Target>> {
        let mut targets = Vec::new();
        let before = self.mistakes.len();
        for (kind, word) in TargetKind::ALL {
            for field in self.all(word) {
                let read = Target::read(kind, &field.text);
                match read {
                    Ok(read) => targets.extend(read),
                    Err(what) => self.wrong_at(field, what),
                }
            }
        }
        if targets.is_empty() && self.mistakes.len() == before {
            let words = TargetKind::ALL.map(|(_, word)| word).join(", ");
            self.wrong(format!("the notice names nothing; it needs one of {words}"));
        }
        if targets.len() > MOST_TARGETS {
            self.wrong(format!("the notice names more than {MOST_TARGETS} things"));
        }
        targets.sort_unstable();
        targets.dedup();
        (self.mistakes.len() == before).then_some(targets)
    }

    /// A point in time, as an instant and on the wall clock; a whole day ends where it is an end.
    fn point(&mut self, field: &Field, zone: &Zone, end: bool) -> Option<(Timestamp, DateTime)> {
        let read = moment(&field.text);
        let tz = zone.get();
        let civil = match self.taken(field, read)? {
            Moment::Fixed(at) => return Some((at, tz.to_datetime(at))),
            Moment::Civil(time) => time,
            Moment::Day(day) if end => day.tomorrow().ok()?.at(0, 0, 0, 0),
            Moment::Day(day) => day.at(0, 0, 0, 0),
        };
        let found = instant(&tz, civil);
        if found.is_none() {
            self.wrong_at(field, format!("`{}` lies outside the calendar", field.key));
        }
        Some((found?, civil))
    }

    fn period(&mut self, zone: &Zone) -> Option<(Timestamp, Option<Timestamp>, Option<Recurrence>)> {
        let Some(from_field) = self.one("from") else {
            self.wrong("`from` is missing");
            return None;
        };
        let (from, first) = self.point(from_field, zone, false)?;
        let until_field = self.one("until");
        let duration_field = self.one("duration");
        let (until, lasts) = match (until_field, duration_field) {
            (Some(_), Some(field)) => {
                self.wrong_at(field, "a notice has `until` or `duration`, not both");
                return None;
            }
            (Some(field), None) => {
                let (until, end) = self.point(field, zone, true)?;
                if until <= from {
                    self.wrong_at(field, format!("`until` {until} is not after `from` {from}"));
                    return None;
                }
                (Some(until), Some(Lasts::Wall(end.duration_since(first).as_secs())))
            }
            (None, Some(field)) => {
                let read = match duration(&field.text) {
                    Ok(length) => Ok(Lasts::from(length)),
                    Err(_) => parse_seconds(&field.text).map(|s| Lasts::Passing { days: 0, seconds: s.0 }),
                };
                let lasts = self.taken(field, read)?;
                let until = Recurrence {
                    first,
                    lasts,
                    rule: None,
                    last: None,
                    further: Vec::new(),
                    except: Vec::new(),
                    except_days: Vec::new(),
                };
                let until = until.covering(zone, from).and_then(|stretch| stretch.until);
                if until.is_none() {
                    self.wrong_at(field, "`duration` is no length of time");
                    return None;
                }
                (until, Some(lasts))
            }
            (None, None) => (None, None),
        };
        let rule = match self.one("rrule") {
            Some(field) => {
                let read = field.text.parse::<Rule>();
                Some(self.taken(field, read)?)
            }
            None => None,
        };
        let further = self.starts("rdate", zone, first)?;
        let except = self.starts("exdate", zone, first)?;
        if rule.is_none() && further.is_empty() {
            return Some((from, until, None));
        }
        let Some(lasts) = lasts else {
            self.wrong("a notice that recurs needs `until` or `duration`: the end of its first occurrence");
            return None;
        };
        let recurrence = Recurrence {
            first,
            lasts,
            rule,
            last: None,
            further: further.iter().map(|(start, _)| Further { start: *start, lasts: None }).collect(),
            except: except.iter().filter(|(_, day)| day.is_none()).map(|(start, _)| *start).collect(),
            except_days: except.iter().filter_map(|(_, day)| *day).collect(),
        };
        match recurrence.checked() {
            Ok(recurrence) => Some((from, until, Some(recurrence))),
            Err(what) => {
                self.wrong(what);
                None
            }
        }
    }

    /// Single starts; a bare date takes its time from the first occurrence, and is told as a date as well.
    fn starts(&mut self, key: &str, zone: &Zone, first: DateTime) -> Option<Vec<(DateTime, Option<Date>)>> {
        let mut starts = Vec::new();
        for field in self.all(key) {
            for text in field.text.split([',', ';']).map(str::trim).filter(|text| !text.is_empty()) {
                let read = moment(text);
                match self.taken(field, read)? {
                    Moment::Fixed(at) => starts.push((zone.get().to_datetime(at), None)),
                    Moment::Civil(time) => starts.push((time, None)),
                    Moment::Day(day) => starts.push((day.to_datetime(first.time()), Some(day))),
                }
                if starts.len() > MOST_STARTS {
                    self.wrong_at(field, format!("`{key}` names more than {MOST_STARTS} dates"));
                    return None;
                }
            }
        }
        Some(starts)
    }
}

/// A day later; the end of the calendar stays where it is.
pub(super) fn next_day(day: Date) -> Date {
    day.checked_add(1.day()).unwrap_or(Date::MAX)
}
