//! `rules test --route`: the way to a maintenance center, and why.
//!
//! In: a device, what is given of it, the state where there is one. Out: what the location records say, each
//! step of the way, the center. Changes nothing.

use super::show::{self, Out};
use super::{Exit, Failure, World};
use crate::alert::name;
use crate::location::{Record, Stated, Verification, verify};
use crate::store::{self, Access, Store};
use crate::ticket::{RouteQuery, route_query};
use jiff::Timestamp;
use serde::Serialize;

/// What is given of a device that has to be routed.
#[derive(Debug, clap::Args)]
pub(super) struct RouteArgs {
    /// Show the way to the maintenance center of this device, and why
    #[arg(long, value_name = "DEVICE", conflicts_with_all = ["mails", "all"])]
    pub(super) route: Option<String>,
    /// With --route: when the ticket is to be seen to [default: now]
    #[arg(long, value_name = "TIME", requires = "route")]
    at: Option<String>,
    /// With --route: the building an alert states
    #[arg(long, value_name = "NAME", requires = "route")]
    building: Option<String>,
    /// With --route: the room an alert states
    #[arg(long, value_name = "NAME", requires = "route")]
    room: Option<String>,
    /// With --route: the region an alert states
    #[arg(long, value_name = "NAME", requires = "route")]
    region: Option<String>,
    /// With --route: the intermediate server
    #[arg(long, value_name = "NAME", requires = "route")]
    server: Option<String>,
    /// With --route: the package
    #[arg(long, value_name = "NAME", requires = "route")]
    package: Option<String>,
    /// With --route: the failure type
    #[arg(long, value_name = "TYPE", requires = "route")]
    failure: Option<String>,
    /// With --route: the network failed, not the device
    #[arg(long, requires = "route")]
    network: bool,
}

#[derive(Serialize)]
struct RouteView<'a> {
    device: &'a str,
    at: Timestamp,
    region: &'a Option<String>,
    building: &'a Option<String>,
    room: &'a Option<String>,
    server: &'a Option<String>,
    package: &'a Option<String>,
    failure: &'a Option<String>,
    location: &'a str,
    record: Option<&'a Record>,
    center: &'a str,
    name: &'a str,
    mail: &'a [String],
    telephone: &'a Option<String>,
    origin: String,
    why: &'a [String],
}

pub(super) fn run(world: &World, device: &str, args: &RouteArgs) -> Result<Exit, Failure> {
    let at = show::point("--at", args.at.as_deref(), world.now)?.unwrap_or(world.now);
    let device = name::composite(device).device().unwrap_or(device).to_owned();
    if let Some(failure) =
        args.failure.as_deref().filter(|f| !world.rules.failure_types.iter().any(|k| k == f))
    {
        let known = world.rules.failure_types.join(", ");
        let text = format!("unknown failure type {}; known are {known}", show::one(failure));
        return Err(Failure::say(Exit::Usage, text));
    }
    let store = match Store::open(&world.state, Access::Read) {
        Ok(store) => Some(store),
        Err(store::Error::NoState { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let facts = store.as_ref().map(|s| s.device(&device)).transpose()?.flatten().map(|row| row.facts);
    let facts = facts.unwrap_or_default();
    let stated = Stated {
        names: vec![args.route.clone().unwrap_or_default()],
        mac: facts.mac,
        ip: facts.ip,
        region: args.region.clone().or(facts.region),
        building: args.building.clone().or(facts.building),
        room: args.room.clone().or(facts.room),
    };
    let verification = match &store {
        Some(store) if store.reference()?.location_list()?.is_some() => {
            verify(&stated, &store.reference()?.locations_for(&stated.keys())?)
        }
        _ => Verification::NotAsked,
    };
    let [region, building, room] = verification.place(&stated);
    let server = args.server.clone().or(facts.server);
    let record = verification.record();
    let route = route_query(
        &RouteQuery {
            building: building.as_deref(),
            region: region.as_deref(),
            server: server.as_deref(),
            package: args.package.as_deref(),
            failure: args.failure.as_deref(),
            coordinates: record.and_then(|record| record.coordinates),
            network: args.network,
            at,
        },
        &world.rules.centers,
    );
    let center = &route.center;
    let location = match verification {
        Verification::NotAsked => "not asked: there are none".to_owned(),
        _ => verification.words(),
    };
    let mut out = Out::new();
    if world.json {
        out.json(
            "autoticket.route/1",
            RouteView {
                device: &device,
                at,
                region: &region,
                building: &building,
                room: &room,
                server: &server,
                package: &args.package,
                failure: &args.failure,
                location: &location,
                record,
                center: &center.id,
                name: &center.name,
                mail: &center.mail,
                telephone: &center.telephone,
                origin: center.origin.to_string(),
                why: &route.steps,
            },
        );
        return Ok(Exit::Done);
    }
    let opt = |value: &Option<String>| value.as_deref().map(show::one).unwrap_or_default();
    let mut pairs = vec![
        ("device", show::one(&device)),
        ("location records", show::one(&location)),
        ("region", opt(&region)),
        ("building", opt(&building)),
        ("room", opt(&room)),
        ("server", opt(&server)),
    ];
    let why = route.steps.iter().enumerate();
    pairs.extend(why.map(|(n, step)| (if n == 0 { "why" } else { "" }, show::one(step))));
    pairs
        .push(("center", format!("{} ({})", show::one(&center.name), show::one(&center.origin.to_string()))));
    pairs.push(("mail", show::one(&center.mail.join(", "))));
    out.pairs(&pairs);
    Ok(Exit::Done)
}
