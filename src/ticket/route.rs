//! Which maintenance center gets a ticket.
//!
//! In: the alert that crossed, the centers. Out: one center and why. Location records, and the nearest
//! staffed center, come in a later room.

use super::{Route, RouteReason};
use crate::alert::AlertRecord;
use crate::rules::model::{Center, Centers};

/// By building, then by region, then the default; case is ignored.
///
/// Always gives a center: where the default itself is missing (`rules check` refuses that) one without
/// recipients.
pub fn route(alert: &AlertRecord, centers: &Centers) -> Route {
    if let Some((building, center)) = listed(alert.building.as_deref(), &centers.buildings, centers) {
        let origin = center.origin.to_string();
        return Route { center, why: RouteReason::Building { building, origin } };
    }
    if let Some((region, center)) = listed(alert.region.as_deref(), &centers.regions, centers) {
        let origin = center.origin.to_string();
        return Route { center, why: RouteReason::Region { region, origin } };
    }
    let center = by_id(&centers.default, centers).unwrap_or_else(|| nobody(centers));
    Route { center, why: RouteReason::Default { origin: centers.origin.to_string() } }
}

fn listed(name: Option<&str>, list: &[(String, String)], centers: &Centers) -> Option<(String, Center)> {
    let name = name?.trim().to_lowercase();
    let (place, id) = list.iter().find(|(place, _)| place.to_lowercase() == name)?;
    Some((place.clone(), by_id(id, centers)?))
}

fn by_id(id: &str, centers: &Centers) -> Option<Center> {
    centers.centers.iter().find(|center| center.id == id).cloned()
}

fn nobody(centers: &Centers) -> Center {
    Center {
        id: centers.default.clone(),
        name: centers.default.clone(),
        mail: Vec::new(),
        telephone: None,
        owner: None,
        reply_to: None,
        zone: "UTC".to_owned(),
        origin: centers.origin.clone(),
    }
}

impl RouteReason {
    /// In words, with the place in the rules that says so.
    pub fn words(&self) -> String {
        match self {
            RouteReason::Building { building, origin } => format!("it serves building {building} ({origin})"),
            RouteReason::Region { region, origin } => format!("it serves region {region} ({origin})"),
            RouteReason::Default { origin } => {
                format!("the default: no center is named for this building or region ({origin})")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ticket::fixture::{alert, centers};

    #[test]
    fn building_beats_region_and_case_is_ignored() {
        let route = route(&alert(0), &centers());
        assert_eq!(route.center.id, "east");
        assert_eq!(
            route.why,
            RouteReason::Building { building: "B2".into(), origin: "centers.yaml:4".into() }
        );
        let shouted = AlertRecord { building: Some(" b2".into()), ..alert(0) };
        assert_eq!(super::route(&shouted, &centers()).why, route.why);
    }

    #[test]
    fn region_serves_where_the_building_is_unknown() {
        let alert = AlertRecord { building: Some("B9".into()), region: Some("WEST".into()), ..alert(0) };
        let route = route(&alert, &centers());
        assert_eq!(route.center.id, "west");
        assert_eq!(route.why.words(), "it serves region west (centers.yaml:11)");
    }

    #[test]
    fn default_serves_what_nobody_else_does() {
        let alert = AlertRecord { building: None, region: None, ..alert(0) };
        let route = route(&alert, &centers());
        assert_eq!((route.center.id.as_str(), route.why.words().contains("centers.yaml:1)")), ("west", true));
    }

    #[test]
    fn missing_default_gives_a_center_without_recipients() {
        let centers = Centers { default: "gone".into(), buildings: vec![], regions: vec![], ..centers() };
        let route = route(&alert(0), &centers);
        assert_eq!((route.center.id.as_str(), route.center.mail.len()), ("gone", 0));
    }
}
