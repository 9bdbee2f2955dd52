//! Notices of an iCalendar file (RFC 5545): each VEVENT that names something is one.
//!
//! In: the text of one file. Out: its notices, and the mistakes of events that cannot be read, which void no other.
//! What an event names stands in `X-AUTOTICKET-DEVICE` (or `-BUILDING`, …: the keys of a notice), else in
//! CATEGORIES as `device:node7`, else in LOCATION as `building B2`, `device:node7` or bare names of devices.

use super::calendar_lines::{Component, Property, calendars};
use super::calendar_zone::Zones;
use super::model::{Action, Notice, Target, TargetKind};
use super::moment::{Moment, duration, moment};
use super::read::{Found, MOST_NOTICES};
use super::recurrence::{Further, Lasts, Recurrence, Stretch};
use super::rule::Rule;
use super::written::{Setting, id_of, next_day};
use super::zone::{Zone, instant};
use crate::rules::Mistake;
use crate::rules::model::Origin;
use crate::shown::is_hidden;
use jiff::Timestamp;
use jiff::civil::DateTime;
use std::collections::HashMap;

const OURS: &str = "X-AUTOTICKET-";
/// Longest id and text that are kept, in characters.
const MOST_ID: usize = 120;
const MOST_WORDS: usize = 500;
/// Targets of one event.
const MOST_TARGETS: usize = 1_000;

/// Reads a file.
pub(super) fn read(text: &str, setting: &Setting) -> Found {
    let calendars = match calendars(text) {
        Ok(calendars) => calendars,
        Err((line, what)) => return Found::fault(setting.mistake(line, 1, what)),
    };
    let mut found = Found::default();
    for calendar in &calendars {
        let cancelled =
            calendar.get("METHOD").is_some_and(|method| method.value.trim().eq_ignore_ascii_case("CANCEL"));
        if !cancelled {
            of_calendar(calendar, setting, &mut found);
        }
    }
    if found.notices.len() + found.mistakes.len() > MOST_NOTICES {
        return Found::fault(setting.mistake(1, 1, format!("more than {MOST_NOTICES} events in one file")));
    }
    found
}

fn of_calendar(calendar: &Component, setting: &Setting, found: &mut Found) {
    let zones = Zones::of(calendar);
    let said = calendar.get("X-WR-TIMEZONE").and_then(|property| Zone::iana(&property.value).ok());
    let floating = said.unwrap_or_else(|| setting.zone.clone());
    let reader = Reader { setting, zones, floating };
    // Of several versions of an event the last one counts; an event for one occurrence stands beside its master.
    let mut latest: HashMap<(String, String), &Component> = HashMap::new();
    let mut order = Vec::new();
    for (index, event) in calendar.inside.iter().filter(|inside| inside.name == "VEVENT").enumerate() {
        let word = |name: &str| event.get(name).map(|p| p.value.trim().to_owned());
        let uid = word("UID").filter(|uid| !uid.is_empty()).unwrap_or_else(|| format!("\0{index}"));
        let key = (uid, word("RECURRENCE-ID").unwrap_or_default());
        let sequence = |event: &Component| {
            event.get("SEQUENCE").and_then(|p| p.value.trim().parse::<u64>().ok()).unwrap_or(0)
        };
        match latest.get_mut(&key) {
            Some(known) if sequence(known) > sequence(event) => {}
            Some(known) => *known = event,
            None => {
                latest.insert(key.clone(), event);
                order.push(key);
            }
        }
    }
    let mut changed: HashMap<&str, Vec<&Component>> = HashMap::new();
    for (uid, of) in order.iter().filter(|(_, of)| !of.is_empty()) {
        changed.entry(uid).or_default().push(latest[&(uid.clone(), of.clone())]);
    }
    for key in &order {
        let event = latest[key];
        if is_cancelled(event) {
            continue;
        }
        let (master, changes) = if key.1.is_empty() {
            (None, changed.get(key.0.as_str()).map_or(&[][..], Vec::as_slice))
        } else {
            (latest.get(&(key.0.clone(), String::new())).copied(), &[][..])
        };
        // What is left of a series that was called off as a whole is called off as well.
        if master.is_some_and(is_cancelled) {
            continue;
        }
        match reader.event(event, master, changes) {
            Ok(notice) => found.notices.push(notice),
            Err(mistakes) => found.mistakes.extend(mistakes),
        }
    }
}

fn is_cancelled(event: &Component) -> bool {
    event.get("STATUS").is_some_and(|status| status.value.trim().eq_ignore_ascii_case("CANCELLED"))
}

struct Reader<'a> {
    setting: &'a Setting,
    zones: Zones,
    /// Of times that name no zone.
    floating: Zone,
}

/// A time of an event on the wall clock of a zone; None is the event's own.
struct Wall {
    zone: Option<Zone>,
    time: DateTime,
    day: bool,
}

type Mistakes = Vec<Mistake>;

impl Reader<'_> {
    fn wrong(&self, property: &Property, what: impl AsRef<str>) -> Mistakes {
        vec![self.setting.mistake(property.line, 1, format!("{}: {}", property.name, what.as_ref()))]
    }

    fn event(
        &self,
        event: &Component,
        master: Option<&Component>,
        changes: &[&Component],
    ) -> Result<Notice, Mistakes> {
        let missing = |what: &str| vec![self.setting.mistake(event.line, 1, what)];
        let start = event.get("DTSTART").ok_or_else(|| missing("the event has no DTSTART"))?;
        if let Some(property) = event.get("RECURRENCE-ID").filter(|p| p.parameter("RANGE").is_some()) {
            return Err(self.wrong(property, "RANGE is not understood; write a series of its own"));
        }
        let first = self.wall(start, start.value.trim(), None)?;
        let zone = first.zone.unwrap_or_else(|| self.floating.clone());
        let first_time = first.time;
        let lasts = self.lasts(event, first_time, first.day, &zone)?;
        let from =
            instant(&zone.get(), first_time).ok_or_else(|| self.wrong(start, "lies outside the calendar"))?;
        let targets = self.targets(event, master)?;
        let recurrence = self.recurrence(event, changes, first_time, lasts, &zone)?;
        let mut single =
            Recurrence { rule: None, further: Vec::new(), except: Vec::new(), ..recurrence.clone() };
        single.except_days.clear();
        let Some(Stretch { until, .. }) = single.covering(&zone, from) else {
            return Err(self.wrong(start, "the event has no length"));
        };
        let single_only = recurrence.rule.is_none()
            && recurrence.further.is_empty()
            && recurrence.except.is_empty()
            && recurrence.except_days.is_empty();
        let recurrence = if single_only {
            None
        } else {
            Some(recurrence.checked().map_err(|what| self.wrong(event.get("RRULE").unwrap_or(start), what))?)
        };
        let either = |name: &str| event.get(name).or_else(|| master.and_then(|master| master.get(name)));
        let action = match either(&format!("{OURS}ACTION")) {
            None => Action::Aside,
            Some(property) => match property.text().trim().to_ascii_lowercase().as_str() {
                "aside" => Action::Aside,
                "drop" => Action::Drop,
                other => return Err(self.wrong(property, format!("must be aside or drop, not `{other}`"))),
            },
        };
        let expires = match either(&format!("{OURS}EXPIRES")) {
            None => None,
            Some(property) => {
                let wall = self.wall(property, property.value.trim(), Some(&zone))?;
                let at = if wall.day { next_day(wall.time.date()).at(0, 0, 0, 0) } else { wall.time };
                instant(&wall.zone.unwrap_or_else(|| zone.clone()).get(), at)
            }
        };
        let reason = either("SUMMARY").map(|p| bounded(&p.text(), MOST_WORDS)).filter(|t| !t.is_empty());
        Ok(Notice {
            id: self.id(event),
            targets,
            action,
            from,
            until,
            recurrence,
            author: either("ORGANIZER").and_then(author),
            reason,
            expires,
            zone,
            origin: Origin { file: self.setting.file.clone(), line: event.line, column: 1 },
        })
    }

    fn id(&self, event: &Component) -> String {
        let word =
            |name: &str| event.get(name).map(|p| bounded(&p.text(), MOST_ID)).filter(|w| !w.is_empty());
        match (word("UID"), word("RECURRENCE-ID")) {
            (Some(uid), None) => uid,
            (Some(uid), Some(of)) => format!("{uid}/{of}"),
            (None, _) => {
                let words = event.properties.iter().filter(|p| p.name != "DTSTAMP");
                id_of(words.flat_map(|p| [p.name.clone(), p.value.clone()]))
            }
        }
    }

    /// A time or date; with `Z`, in its TZID, or floating. `own` is the zone of the event, where that is known.
    fn wall(&self, property: &Property, text: &str, own: Option<&Zone>) -> Result<Wall, Mistakes> {
        let zone = match property.parameter("TZID") {
            // Some writers (python3-icalendar among them) put an abbreviation such as CEST for a zone: the event's,
            // or ours where it is what our clocks say then.
            Some(id) if self.zones.is_abbreviation(id) && own.or(self.ours(id, text)).is_some() => {
                own.or(self.ours(id, text)).cloned()
            }
            Some(id) => Some(self.zones.get(id).map_err(|what| self.wrong(property, what))?),
            None => None,
        };
        match moment(text).map_err(|what| self.wrong(property, what))? {
            Moment::Fixed(at) => {
                Ok(Wall { zone: Some(Zone::utc()), time: Zone::utc().get().to_datetime(at), day: false })
            }
            Moment::Civil(time) => Ok(Wall { zone, time, day: false }),
            Moment::Day(day) => Ok(Wall { zone: None, time: day.at(0, 0, 0, 0), day: true }),
        }
    }

    /// The zone of floating times, where it has this abbreviation at that time.
    fn ours(&self, abbreviation: &str, text: &str) -> Option<&Zone> {
        let tz = self.floating.get();
        let at = instant(&tz, super::moment::civil(text)?)?;
        (tz.to_offset_info(at).abbreviation() == abbreviation).then_some(&self.floating)
    }

    /// The same on the wall clock of the event's zone.
    fn in_zone(&self, wall: &Wall, zone: &Zone) -> DateTime {
        match &wall.zone {
            Some(own) if own != zone => {
                let at: Option<Timestamp> = instant(&own.get(), wall.time);
                at.map_or(wall.time, |at| zone.get().to_datetime(at))
            }
            _ => wall.time,
        }
    }

    fn lasts(&self, event: &Component, first: DateTime, day: bool, zone: &Zone) -> Result<Lasts, Mistakes> {
        if let Some(property) = event.get("DTEND") {
            let end = self.in_zone(&self.wall(property, property.value.trim(), Some(zone))?, zone);
            let seconds = end.duration_since(first).as_secs();
            // All-day events that end on the day they begin are written by careless programs.
            return match seconds {
                1.. => Ok(Lasts::Wall(seconds)),
                0 if day => Ok(Lasts::Wall(86_400)),
                _ => Err(self.wrong(property, "is not after DTSTART")),
            };
        }
        if let Some(property) = event.get("DURATION") {
            return duration(property.value.trim())
                .map(Lasts::from)
                .map_err(|what| self.wrong(property, what));
        }
        if day {
            return Ok(Lasts::Wall(86_400));
        }
        Err(vec![self.setting.mistake(event.line, 1, "the event has neither DTEND nor DURATION")])
    }

    fn recurrence(
        &self,
        event: &Component,
        changes: &[&Component],
        first: DateTime,
        lasts: Lasts,
        zone: &Zone,
    ) -> Result<Recurrence, Mistakes> {
        let mut rules = event.all("RRULE");
        let rule: Option<Rule> = match rules.next() {
            Some(property) => {
                Some(property.value.parse().map_err(|what: String| self.wrong(property, what))?)
            }
            None => None,
        };
        if let Some(property) = rules.next() {
            return Err(self.wrong(property, "an event has one rule"));
        }
        let mut recurrence = Recurrence {
            first,
            lasts,
            rule,
            last: None,
            further: vec![],
            except: vec![],
            except_days: vec![],
        };
        for property in event.all("RDATE") {
            for text in property.value.split(',').map(str::trim).filter(|text| !text.is_empty()) {
                let further = self.further(property, text, first, zone)?;
                recurrence.further.push(further);
            }
        }
        let changed = changes.iter().filter_map(|change| change.get("RECURRENCE-ID"));
        for property in event.all("EXDATE").chain(changed) {
            for text in property.value.split(',').map(str::trim).filter(|text| !text.is_empty()) {
                let wall = self.wall(property, text, Some(zone))?;
                if wall.day {
                    recurrence.except_days.push(wall.time.date());
                } else {
                    recurrence.except.push(self.in_zone(&wall, zone));
                }
            }
        }
        Ok(recurrence)
    }

    /// A start of RDATE, or a period with its own end.
    fn further(
        &self,
        property: &Property,
        text: &str,
        first: DateTime,
        zone: &Zone,
    ) -> Result<Further, Mistakes> {
        let (start, end) = text.split_once('/').map_or((text, None), |(start, end)| (start, Some(end)));
        let wall = self.wall(property, start, Some(zone))?;
        let start =
            if wall.day { wall.time.date().to_datetime(first.time()) } else { self.in_zone(&wall, zone) };
        let lasts = match end {
            None => None,
            Some(end) if end.starts_with(['P', 'p']) => {
                Some(duration(end).map(Lasts::from).map_err(|what| self.wrong(property, what))?)
            }
            Some(end) => {
                let end = self.in_zone(&self.wall(property, end, Some(zone))?, zone);
                Some(Lasts::Wall(end.duration_since(start).as_secs()))
            }
        };
        Ok(Further { start, lasts })
    }

    /// What the event names; an event for one occurrence names what its series does, where it says nothing.
    fn targets(&self, event: &Component, master: Option<&Component>) -> Result<Vec<Target>, Mistakes> {
        for component in [Some(event), master].into_iter().flatten() {
            let mut targets = self.own_targets(component)?;
            if targets.len() > MOST_TARGETS {
                let what = format!("the event names more than {MOST_TARGETS} things");
                return Err(vec![self.setting.mistake(component.line, 1, what)]);
            }
            if !targets.is_empty() {
                targets.sort_unstable();
                targets.dedup();
                return Ok(targets);
            }
        }
        let what = "the event names nothing: say X-AUTOTICKET-DEVICE (or -BUILDING, -REGION, …), or LOCATION";
        Err(vec![self.setting.mistake(event.line, 1, what)])
    }

    fn own_targets(&self, event: &Component) -> Result<Vec<Target>, Mistakes> {
        let mut targets = Vec::new();
        for property in event.properties.iter().filter(|property| property.name.starts_with(OURS)) {
            let word = property.name[OURS.len()..].to_ascii_lowercase();
            let Some(kind) = TargetKind::from_word(&word) else {
                if matches!(word.as_str(), "action" | "expires") {
                    continue;
                }
                return Err(self.wrong(property, "is none of ours"));
            };
            // No device has a comma in its name; buildings and globs may.
            let plain = matches!(kind, TargetKind::Device | TargetKind::Mac | TargetKind::Ip);
            let whole = property.text();
            let texts = if plain { whole.split(',').map(str::to_owned).collect() } else { property.texts() };
            for text in texts {
                targets.extend(Target::read(kind, &text).map_err(|what| self.wrong(property, what))?);
            }
        }
        if !targets.is_empty() {
            return Ok(targets);
        }
        for property in event.all("CATEGORIES") {
            // A category without one of our words is somebody else's.
            for (kind, name) in property.texts().iter().filter_map(|text| worded(text, &[':', '='])) {
                targets.extend(Target::read(kind, &name).map_err(|what| self.wrong(property, what))?);
            }
        }
        if !targets.is_empty() {
            return Ok(targets);
        }
        for property in event.all("LOCATION") {
            // Writers escape the commas of a single text.
            for text in property.text().split([',', ';', '\n']).map(str::trim) {
                if text.is_empty() {
                    continue;
                }
                let (kind, name) =
                    worded(text, &[':', '=', ' ']).unwrap_or((TargetKind::Device, text.to_owned()));
                targets.extend(Target::read(kind, &name).map_err(|what| self.wrong(property, what))?);
            }
        }
        Ok(targets)
    }
}

/// `building B2`, `device: node7`: the kind and the name. An IPv6 address or a MAC begins with none of our words.
fn worded(text: &str, separators: &[char]) -> Option<(TargetKind, String)> {
    let at = text.find(separators)?;
    let kind = TargetKind::from_word(&text[..at].trim().to_ascii_lowercase())?;
    let name = text[at..].trim_start_matches([':', '=', ' ']).trim();
    (!name.is_empty()).then(|| (kind, name.to_owned()))
}

fn author(property: &Property) -> Option<String> {
    let name = property.parameter("CN").map(str::to_owned);
    let address = || {
        let value = property.value.trim();
        let scheme = value.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("mailto:"));
        if scheme { value[7..].to_owned() } else { value.to_owned() }
    };
    Some(bounded(&name.unwrap_or_else(address), MOST_WORDS)).filter(|text| !text.is_empty())
}

/// One line of it, hidden characters left out.
fn bounded(text: &str, most: usize) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().filter(|c| !is_hidden(*c)).take(most).collect()
}
