//! Which zone a name means.
//!
//! In: a name as a rule, a person or a calendar wrote it. Out: the zone. Calendars that bring their own zones
//! have them translated to POSIX rules by [`super::calendar_zone`], which are written here as `posix:…`.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// What stands before a POSIX rule in place of a zone's name.
const POSIX: &str = "posix:";

/// A zone by its IANA name, or a POSIX rule after `posix:`; checked when it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone(String);

impl Default for Zone {
    fn default() -> Self {
        Self::utc()
    }
}

impl Zone {
    pub fn utc() -> Self {
        Self("UTC".to_owned())
    }

    /// A zone of the IANA database.
    ///
    /// # Errors
    /// A fragment that names the zone.
    pub fn iana(name: &str) -> Result<Self, String> {
        let name = name.trim();
        let plain = !name.is_empty() && name.len() <= 64 && name.bytes().all(|b| b.is_ascii_graphic());
        match TimeZone::get(name) {
            Ok(zone) if plain => Ok(Self(zone.iana_name().unwrap_or(name).to_owned())),
            _ => Err(format!("`{name}` is no IANA zone such as `Europe/Berlin` or `UTC`")),
        }
    }

    /// A zone by a POSIX rule (`<+01>-1<+02>,M3.5.0,M10.5.0/3`).
    pub(super) fn posix(rule: &str) -> Option<Self> {
        TimeZone::posix(rule).ok().map(|_| Self(format!("{POSIX}{rule}")))
    }

    /// The name, as people read it.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The zone itself; UTC where the database lost it since.
    pub fn get(&self) -> TimeZone {
        let found = match self.0.strip_prefix(POSIX) {
            Some(rule) => TimeZone::posix(rule),
            None => TimeZone::get(&self.0),
        };
        found.unwrap_or(TimeZone::UTC)
    }
}

/// When a civil time is: in the hour that occurs twice the first time, in the hour that is skipped as if the
/// clocks had not changed yet (RFC 5545, section 3.3.5).
pub fn instant(zone: &TimeZone, time: DateTime) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(time).compatible().ok()
}
