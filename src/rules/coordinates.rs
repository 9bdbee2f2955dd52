//! A place on the earth, as rules and location records write it.
//!
//! In: degrees in decimal (`52.5200, 13.4050`). Out: the place, and how far two are from each other.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Millionths of a degree (about 0.1 m): whole numbers, so that equal places are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Coordinates {
    latitude: i32,
    longitude: i32,
}

/// Mean radius of the earth in metres (IUGG).
const RADIUS: f64 = 6_371_008.8;

impl Coordinates {
    /// From decimal degrees, as they stand in two columns.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn new(latitude: &str, longitude: &str) -> Result<Self, String> {
        let whole = |text: &str, name: &str, most: f64| {
            let text = text.trim();
            let plain = text.bytes().all(|b| b.is_ascii_digit() || b"+-.".contains(&b));
            match text.parse::<f64>() {
                Ok(degrees) if plain && degrees.abs() <= most => Ok((degrees * 1e6).round() as i32),
                _ => Err(format!("{name} must be degrees from -{most} to {most}, not `{text}`")),
            }
        };
        Ok(Self {
            latitude: whole(latitude, "latitude", 90.0)?,
            longitude: whole(longitude, "longitude", 180.0)?,
        })
    }

    /// The way over the earth in metres (great circle on a sphere, haversine): within 0.6 % of the truth.
    pub fn metres_to(self, other: Coordinates) -> u64 {
        let radians = |millionths: i32| (f64::from(millionths) * 1e-6).to_radians();
        let (a, b) = (radians(self.latitude), radians(other.latitude));
        let half_sine = |angle: f64| (angle / 2.0).sin().powi(2);
        let chord = half_sine(b - a)
            + a.cos() * b.cos() * half_sine(radians(other.longitude) - radians(self.longitude));
        (2.0 * RADIUS * chord.sqrt().min(1.0).asin()).round() as u64
    }
}

impl fmt::Display for Coordinates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let degrees = |millionths: i32| f64::from(millionths) * 1e-6;
        write!(f, "{:.6}, {:.6}", degrees(self.latitude), degrees(self.longitude))
    }
}

impl FromStr for Coordinates {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (latitude, longitude) = text
            .split_once([',', ';'])
            .or_else(|| text.trim().split_once(' '))
            .ok_or_else(|| format!("coordinates are `latitude, longitude` in degrees, not `{text}`"))?;
        Self::new(latitude, longitude)
    }
}

impl TryFrom<String> for Coordinates {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Coordinates> for String {
    fn from(coordinates: Coordinates) -> String {
        coordinates.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Coordinates {
        text.parse().expect("coordinates")
    }

    #[test]
    fn berlin_is_as_far_from_paris_as_maps_say() {
        let metres = at("52.5200, 13.4050").metres_to(at("48.8566;2.3522"));
        assert!((876_000..879_000).contains(&metres), "{metres}");
        assert_eq!(at("0 180").metres_to(at("0, -180")), 0);
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in ["91, 0", "0, 181", "NaN, 1", "inf, 0", "1e1, 0", "52.5", "", "a, b"] {
            assert!(text.parse::<Coordinates>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn written_and_read_again_it_is_the_same(lat in -90_000_000..=90_000_000i32, lon in -180_000_000..=180_000_000i32) {
            let place = Coordinates { latitude: lat, longitude: lon };
            prop_assert_eq!(place.to_string().parse::<Coordinates>(), Ok(place));
        }
    }
}
