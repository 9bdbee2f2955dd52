//! The nearest building that has service staff.
//!
//! In: a building without staff, or coordinates; the buildings of the rules. Out: the building to go to, and
//! how it was found.

use crate::rules::Coordinates;
use crate::rules::model::{Building, Centers};

/// A building with staff, and what makes it the nearest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nearest<'c> {
    /// So many declared neighbours away: 1 for a neighbour itself.
    Neighbour { building: &'c Building, steps: usize },
    /// So far away as the crow flies.
    Distance { building: &'c Building, metres: u64 },
}

impl<'c> Nearest<'c> {
    pub fn building(self) -> &'c Building {
        match self {
            Nearest::Neighbour { building, .. } | Nearest::Distance { building, .. } => building,
        }
    }
}

/// Declared neighbours first: the fewest steps, then the order in which they are declared; a neighbour without
/// staff passes on to its own. Where that leads to nobody: the shortest distance, then the order of the rules.
/// `here`: where the device itself stands, if its record says so; else where its building stands.
pub fn nearest<'c>(
    building: Option<&'c Building>,
    here: Option<Coordinates>,
    centers: &'c Centers,
) -> Option<Nearest<'c>> {
    let neighbour = building.and_then(|building| by_neighbours(building, centers));
    let here = || here.or_else(|| building.and_then(|b| b.coordinates));
    neighbour.or_else(|| by_distance(here()?, centers))
}

fn by_neighbours<'c>(start: &'c Building, centers: &'c Centers) -> Option<Nearest<'c>> {
    let mut seen = vec![start];
    let mut ring = vec![start];
    let mut steps = 0;
    while !ring.is_empty() {
        steps += 1;
        let mut next = Vec::new();
        for building in ring.iter().flat_map(|b| &b.near).filter_map(|name| centers.building(name)) {
            if building.center.is_some() {
                return Some(Nearest::Neighbour { building, steps });
            }
            if !seen.iter().any(|known| std::ptr::eq(*known, building)) {
                seen.push(building);
                next.push(building);
            }
        }
        ring = next;
    }
    None
}

fn by_distance(here: Coordinates, centers: &Centers) -> Option<Nearest<'_>> {
    let staffed = centers.buildings.iter().filter(|b| b.center.is_some());
    let placed = staffed.filter_map(|b| Some((here.metres_to(b.coordinates?), b)));
    let (metres, building) = placed.min_by_key(|(metres, _)| *metres)?;
    Some(Nearest::Distance { building, metres })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::model::{Origin, Way};

    fn building(name: &str, center: Option<&str>, near: &[&str], coordinates: Option<&str>) -> Building {
        Building {
            name: name.into(),
            center: center.map(str::to_owned),
            mail: vec![],
            near: near.iter().map(|n| (*n).to_owned()).collect(),
            coordinates: coordinates.map(|c| c.parse().expect("coordinates")),
            origin: Origin::default(),
        }
    }

    fn centers(buildings: Vec<Building>) -> Centers {
        Centers {
            centers: vec![],
            buildings,
            regions: vec![],
            servers: vec![],
            packages: vec![],
            failures: vec![],
            network: None,
            order: Way::ALL.to_vec(),
            default: "desk".into(),
            origin: Origin::default(),
        }
    }

    fn found(centers: &Centers, from: &str) -> Option<(String, u64)> {
        nearest(centers.building(from), None, centers).map(|nearest| match nearest {
            Nearest::Neighbour { building, steps } => (building.name.clone(), steps as u64),
            Nearest::Distance { building, metres } => (building.name.clone(), metres),
        })
    }

    #[test]
    fn the_first_declared_neighbour_with_staff_wins_and_fewer_steps_beat_order() {
        let centers = centers(vec![
            building("B2", Some("east"), &[], None),
            building("B3", Some("west"), &[], None),
            building("B7", None, &["b8", "B3", "B2"], None),
            building("B8", None, &["B2"], None),
            building("B9", None, &["B8"], None),
        ]);
        assert_eq!(found(&centers, "B7"), Some(("B3".into(), 1)));
        assert_eq!(found(&centers, "b9"), Some(("B2".into(), 2)));
    }

    #[test]
    fn neighbours_that_lead_in_a_circle_or_nowhere_leave_it_to_the_distance() {
        let centers = centers(vec![
            building("B1", Some("east"), &[], Some("52.0, 13.0")),
            building("B2", Some("east"), &[], Some("52.0, 13.2")),
            building("B7", None, &["B8", "B99"], Some("52.0, 13.19")),
            building("B8", None, &["B7"], None),
        ]);
        let (name, metres) = found(&centers, "B7").expect("one");
        assert!(name == "B2" && (600..800).contains(&metres), "{name} {metres}");
        assert_eq!(found(&centers, "B8"), None);
    }

    #[test]
    fn of_two_equally_far_the_first_in_the_rules_wins() {
        let centers = centers(vec![
            building("B1", None, &[], Some("52.0, 13.1")),
            building("B3", Some("east"), &[], Some("52.0, 13.2")),
            building("B2", Some("east"), &[], Some("52.0, 13.0")),
        ]);
        assert_eq!(found(&centers, "B1").expect("one").0, "B3");
    }
}
