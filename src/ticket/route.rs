//! Which maintenance center gets a ticket.
//!
//! In: where the device stands, what failed, when; the centers. Out: one center, and each step of the way to
//! it, in words, with the place in the rules.

use super::times::zone;
use super::{Route, RouteReason};
use crate::alert::AlertRecord;
use crate::location::{Nearest, nearest};
use crate::rules::model::{Building, Center, Centers, Hours, Served, Way};
use crate::rules::{Coordinates, glob};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What a way to a center may depend on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RouteQuery<'a> {
    pub building: Option<&'a str>,
    pub region: Option<&'a str>,
    /// Intermediate server.
    pub server: Option<&'a str>,
    pub package: Option<&'a str>,
    /// Failure type.
    pub failure: Option<&'a str>,
    /// Where the device itself stands, where its location record says so.
    pub coordinates: Option<Coordinates>,
    /// The network failed, not the device: the center of the network is asked first.
    pub network: bool,
    /// When the ticket is to be seen to: decides between a center and the one on duty.
    pub at: Timestamp,
}

impl<'a> RouteQuery<'a> {
    /// As an alert states it.
    pub fn of(alert: &'a AlertRecord) -> Self {
        Self {
            building: alert.building.as_deref(),
            region: alert.region.as_deref(),
            server: alert.server.as_deref(),
            package: alert.package.as_deref(),
            failure: Some(&alert.failure),
            coordinates: None,
            network: false,
            at: alert.arrival,
        }
    }
}

/// The way by what an alert states, at its arrival. See [`route_query`].
pub fn route(alert: &AlertRecord, centers: &Centers) -> Route {
    route_query(&RouteQuery::of(alert), centers)
}

/// The center of the first way in the rules' order that leads to one, else the default; outside its hours the
/// one on duty.
///
/// Always gives a center: where the default itself is missing (`rules check` refuses that) one without
/// recipients.
pub fn route_query(query: &RouteQuery<'_>, centers: &Centers) -> Route {
    let mut way = Walk { centers, steps: Vec::new() };
    let network = query.network.then(|| way.network()).flatten();
    let found = network.or_else(|| centers.order.iter().find_map(|by| way.by(*by, query)));
    let (center, why) = found.unwrap_or_else(|| {
        let center = centers.center(&centers.default).cloned().unwrap_or_else(|| nobody(centers));
        (center, RouteReason::Default { origin: centers.origin.to_string() })
    });
    way.steps.push(why.words());
    let center = way.on_duty(center, query.at);
    Route { center, why, steps: way.steps }
}

struct Walk<'c> {
    centers: &'c Centers,
    steps: Vec<String>,
}

impl Walk<'_> {
    fn by(&mut self, by: Way, query: &RouteQuery<'_>) -> Option<(Center, RouteReason)> {
        match by {
            Way::Building => self.building(query),
            Way::Region => {
                let (served, center) = self.named(query.region?, &self.centers.regions, same)?;
                let origin = served.origin.to_string();
                Some((center, RouteReason::Region { region: served.what.clone(), origin }))
            }
            Way::Server => {
                let server = query.server?;
                let (served, center) = self.named(server, &self.centers.servers, glob::matches)?;
                let (glob, origin) = (served.what.clone(), served.origin.to_string());
                Some((center, RouteReason::Server { server: server.to_owned(), glob, origin }))
            }
            Way::Package => {
                let package = query.package?;
                let (served, center) = self.named(package, &self.centers.packages, glob::matches)?;
                let (glob, origin) = (served.what.clone(), served.origin.to_string());
                Some((center, RouteReason::Package { package: package.to_owned(), glob, origin }))
            }
            Way::Failure => {
                let (served, center) = self.named(query.failure?, &self.centers.failures, same)?;
                let origin = served.origin.to_string();
                Some((center, RouteReason::Failure { failure: served.what.clone(), origin }))
            }
        }
    }

    /// The first entry that fits, with its center.
    fn named<'s>(
        &self,
        name: &str,
        list: &'s [Served],
        fits: fn(&str, &str) -> bool,
    ) -> Option<(&'s Served, Center)> {
        let served = list.iter().find(|served| fits(&served.what, name))?;
        Some((served, self.centers.center(&served.center)?.clone()))
    }

    fn building(&mut self, query: &RouteQuery<'_>) -> Option<(Center, RouteReason)> {
        let building = query.building.and_then(|name| self.centers.building(name));
        match (building, query.building) {
            (Some(building), _) if building.center.is_some() => {
                let why = RouteReason::Building {
                    building: building.name.clone(),
                    origin: building.origin.to_string(),
                };
                return Some((self.of_building(building)?, why));
            }
            (Some(building), _) => {
                self.steps
                    .push(format!("building {} has no service staff ({})", building.name, building.origin));
            }
            (None, Some(name)) => {
                self.steps.push(format!("building {name} is not listed in {}", self.centers.origin.file))
            }
            (None, None) => {}
        }
        let found = nearest(building, query.coordinates, self.centers)?;
        self.steps.push(in_words(found, building));
        let nearest = found.building();
        let why = RouteReason::Nearest {
            building: query.building.map(str::to_owned),
            nearest: nearest.name.clone(),
            origin: nearest.origin.to_string(),
        };
        Some((self.of_building(nearest)?, why))
    }

    /// The center that serves a building, with the building's own queue.
    fn of_building(&mut self, building: &Building) -> Option<Center> {
        let mut center = self.centers.center(building.center.as_deref()?)?.clone();
        if !building.mail.is_empty() {
            self.steps
                .push(format!("building {} has a queue of its own ({})", building.name, building.origin));
            center.mail.clone_from(&building.mail);
        }
        Some(center)
    }

    fn network(&mut self) -> Option<(Center, RouteReason)> {
        let Some(served) = &self.centers.network else {
            self.steps.push("the rules name no center of the network".to_owned());
            return None;
        };
        let center = self.centers.center(&served.center)?.clone();
        Some((center, RouteReason::Network { origin: served.origin.to_string() }))
    }

    /// The center itself while it is open, else the first on its chain of duty that is.
    fn on_duty(&mut self, center: Center, at: Timestamp) -> Center {
        let Some(hours) = center.hours.as_ref() else { return center };
        if is_open(&center, hours, at) {
            self.steps.push(format!("{} is open at {} ({})", center.name, local(&center, at), hours.origin));
            return center;
        }
        self.closed(&center, hours, at);
        let mut passed = vec![center.id.clone()];
        let mut before = &center;
        while let Some(duty) = before.duty.as_deref().and_then(|id| self.centers.center(id)) {
            if passed.contains(&duty.id) {
                break;
            }
            passed.push(duty.id.clone());
            match &duty.hours {
                Some(hours) if !is_open(duty, hours, at) => self.closed(duty, hours, at),
                _ => {
                    let text = format!("{} is on duty for {} ({})", duty.name, before.name, before.origin);
                    self.steps.push(text);
                    return duty.clone();
                }
            }
            before = duty;
        }
        self.steps.push(format!("nobody is on duty: it waits at {}", center.name));
        center
    }

    fn closed(&mut self, center: &Center, hours: &Hours, at: Timestamp) {
        let zone = zone_of(center);
        let mut after = at.to_zoned(zone.clone()).datetime();
        let mut opens = None;
        // A beginning that the clocks leave out in spring is none.
        for _ in 0..3 {
            let next = hours.opens_after(after).and_then(|next| {
                after = next;
                next.to_zoned(zone.clone()).ok()
            });
            opens = next.filter(|next| hours.open_at(next.datetime()));
            if opens.is_some() {
                break;
            }
        }
        let opens =
            opens.map_or_else(String::new, |at| format!(", opens {}", at.strftime("%a %Y-%m-%d %H:%M %Z")));
        self.steps.push(format!(
            "{} is closed at {}{opens} ({})",
            center.name,
            local(center, at),
            hours.origin
        ));
    }
}

fn same(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}

/// UTC where the center's zone is not known here (`doctor` says so).
fn zone_of(center: &Center) -> TimeZone {
    zone(center).unwrap_or(TimeZone::UTC)
}

fn is_open(center: &Center, hours: &Hours, at: Timestamp) -> bool {
    hours.open_at(at.to_zoned(zone_of(center)).datetime())
}

fn local(center: &Center, at: Timestamp) -> String {
    at.to_zoned(zone_of(center)).strftime("%a %H:%M %Z").to_string()
}

fn in_words(found: Nearest<'_>, from: Option<&Building>) -> String {
    match found {
        Nearest::Neighbour { building, steps } => {
            let how = if steps == 1 {
                "its first neighbour with staff"
            } else {
                "the nearest neighbour's neighbour with staff"
            };
            let origin = from.map_or(&building.origin, |from| &from.origin);
            format!("building {} is {how} ({origin})", building.name)
        }
        Nearest::Distance { building, metres } => format!(
            "building {} is the nearest with staff, {}.{} km away ({})",
            building.name,
            metres / 1000,
            metres % 1000 / 100,
            building.origin
        ),
    }
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
        language: None,
        hours: None,
        duty: None,
        origin: centers.origin.clone(),
    }
}

impl Route {
    /// The whole way in words.
    pub fn words(&self) -> String {
        if self.steps.is_empty() { self.why.words() } else { self.steps.join("; ") }
    }
}

impl RouteReason {
    /// In words, with the place in the rules that says so.
    pub fn words(&self) -> String {
        match self {
            RouteReason::Building { building, origin } => format!("it serves building {building} ({origin})"),
            RouteReason::Region { region, origin } => format!("it serves region {region} ({origin})"),
            RouteReason::Nearest { nearest, origin, .. } => {
                format!("it serves building {nearest} ({origin})")
            }
            RouteReason::Server { server, glob, origin } => {
                format!("it looks after intermediate server {server}, `{glob}` ({origin})")
            }
            RouteReason::Package { package, glob, origin } => {
                format!("it owns package {package}, `{glob}` ({origin})")
            }
            RouteReason::Failure { failure, origin } => {
                format!("it sees to failures of type {failure} ({origin})")
            }
            RouteReason::Network { origin } => format!("it looks after the network ({origin})"),
            RouteReason::Default { origin } => {
                format!("the default: no center is named for this building or region ({origin})")
            }
        }
    }
}

#[cfg(test)]
mod tests;
