//! The zones of a calendar: names of the IANA database, else what its own VTIMEZONE says.
//!
//! In: the VTIMEZONE components of one calendar. Out: for a TZID its zone, or why there is none.

use super::calendar_lines::Component;
use super::moment::civil;
use super::rule::{Rule, yearly_weekday};
use super::zone::Zone;
use jiff::civil::DateTime;
use std::collections::HashMap;

/// The zones of one calendar by TZID.
#[derive(Debug, Default)]
pub(super) struct Zones {
    known: HashMap<String, Result<Zone, String>>,
}

impl Zones {
    pub(super) fn of(calendar: &Component) -> Self {
        let mut known = HashMap::new();
        for component in calendar.inside.iter().filter(|component| component.name == "VTIMEZONE") {
            let Some(id) = component.get("TZID").map(|property| property.value.trim().to_owned()) else {
                continue;
            };
            let zone = iana(&id).map_or_else(|| own(component), Ok);
            known.insert(id, zone);
        }
        Self { known }
    }

    /// Whether a TZID is neither a zone of the file nor a place of the database: `CEST`, `EST`.
    pub(super) fn is_abbreviation(&self, id: &str) -> bool {
        !self.known.contains_key(id) && !id.contains('/') && !matches!(id, "UTC" | "GMT" | "Z")
    }

    /// # Errors
    /// A fragment that names the zone.
    pub(super) fn get(&self, id: &str) -> Result<Zone, String> {
        match self.known.get(id) {
            Some(zone) => zone.clone(),
            None => iana(id)
                .ok_or_else(|| format!("the zone `{id}` is in neither the IANA database nor the file")),
        }
    }
}

/// A zone of the database: the name itself, or what ends a path such as `/example.org/2026a/Europe/Berlin`.
fn iana(id: &str) -> Option<Zone> {
    let id = id.trim();
    if let Ok(zone) = Zone::iana(id) {
        return Some(zone);
    }
    let parts: Vec<&str> = id.split('/').collect();
    (1..parts.len()).filter(|at| parts.len() - at >= 2).find_map(|at| Zone::iana(&parts[at..].join("/")).ok())
}

/// One STANDARD or DAYLIGHT part.
struct Observance {
    begins: DateTime,
    /// Seconds east of Greenwich, from then on.
    offset: i32,
    rule: Option<Rule>,
}

/// A VTIMEZONE as a POSIX rule: what its latest parts say.
fn own(component: &Component) -> Result<Zone, String> {
    let id = component.get("TZID").map_or("", |property| property.value.trim());
    let wrong = |what: &str| format!("the zone `{id}` {what}");
    let mut latest: HashMap<&str, Observance> = HashMap::new();
    for part in component.inside.iter().filter(|part| matches!(part.name.as_str(), "STANDARD" | "DAYLIGHT")) {
        let observance = observance(part).ok_or_else(|| wrong("has a part that cannot be read"))?;
        let newer = latest.get(part.name.as_str()).is_none_or(|known| known.begins <= observance.begins);
        if newer {
            latest.insert(&part.name, observance);
        }
    }
    let rule = match (latest.get("STANDARD"), latest.get("DAYLIGHT")) {
        (Some(only), None) | (None, Some(only)) => Some(format!("<OWN>{}", posix_offset(only.offset))),
        (Some(standard), Some(daylight)) => match (change(standard), change(daylight)) {
            (Some(to_standard), Some(to_daylight)) => Some(format!(
                "<STD>{}<DST>{},{to_daylight},{to_standard}",
                posix_offset(standard.offset),
                posix_offset(daylight.offset)
            )),
            // Daylight saving was given up: the part that began last holds.
            _ if standard.rule.is_none() && daylight.rule.is_none() => {
                let last = if standard.begins >= daylight.begins { standard } else { daylight };
                Some(format!("<OWN>{}", posix_offset(last.offset)))
            }
            _ => None,
        },
        (None, None) => return Err(wrong("has neither STANDARD nor DAYLIGHT")),
    };
    rule.and_then(|rule| Zone::posix(&rule)).ok_or_else(|| {
        wrong("is not in the IANA database, and its clocks change by no yearly rule that is understood")
    })
}

fn observance(part: &Component) -> Option<Observance> {
    let begins = civil(part.get("DTSTART")?.value.trim().trim_end_matches('Z'))?;
    let offset = offset(part.get("TZOFFSETTO")?.value.trim())?;
    let rule = match part.get("RRULE") {
        Some(property) => Some(property.value.parse().ok()?),
        None => None,
    };
    Some(Observance { begins, offset, rule })
}

/// `+0100`, `-0330`, `+013000`.
fn offset(text: &str) -> Option<i32> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    if !matches!(digits.len(), 4 | 6) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let two = |at: usize| digits.get(at..at + 2).map_or(Some(0), |two| two.parse::<i32>().ok());
    let seconds = two(0)? * 3_600 + two(2)? * 60 + two(4)?;
    (seconds <= 24 * 3_600).then_some(sign * seconds)
}

/// Offsets of POSIX count westwards.
fn posix_offset(seconds: i32) -> String {
    let sign = if seconds > 0 { "-" } else { "" };
    let seconds = seconds.abs();
    format!("{sign}{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// `M3.5.0/2:00:00`: when this part begins each year.
fn change(observance: &Observance) -> Option<String> {
    let (month, nth, weekday) = yearly_weekday(observance.rule.as_ref()?)?;
    let nth = if nth == -1 { 5 } else { nth };
    let time = observance.begins.time().strftime("%H:%M:%S");
    Some(format!("M{month}.{nth}.{}/{time}", weekday.to_sunday_zero_offset()))
}
