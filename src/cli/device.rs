//! `device`: what is known of a device, its tracking records, and where the location records say it stands.

use super::show::{self, Out, Table};
use super::{Exit, Failure, Globals, device_import};
use crate::alert::name;
use crate::location::{Record, Stated, verify};
use crate::store::{Access, DeviceFacts, DeviceRow, Store};
use jiff::Timestamp;
use serde::Serialize;

/// See devices: facts from their alerts, counts, tickets; import where they stand
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    List(ListArgs),
    Show(ShowArgs),
    Import(device_import::Args),
}

/// List devices by name
#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Only names after this one
    #[arg(long, value_name = "NAME", default_value = "")]
    after: String,
    /// Most devices to list; 0: all
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
}

/// Show one device: facts, a tracking record per failure type, latest alerts
#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// Name, MAC or IP address, as alerts write it
    name: String,
}

#[derive(Debug, Serialize)]
struct DeviceView<'a> {
    device: &'a str,
    first: Timestamp,
    #[serde(flatten)]
    facts: &'a DeviceFacts,
    tracking: Vec<TrackingView<'a>>,
    /// Where the records say it stands; `device show` alone asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<LocationView>,
}

/// What the location records say of a device.
#[derive(Debug, Serialize)]
struct LocationView {
    words: String,
    record: Option<Record>,
}

impl LocationView {
    /// None where no records were ever imported.
    fn of(store: &Store, stated: &Stated) -> Result<Option<Self>, Failure> {
        let reference = store.reference()?;
        if reference.location_list()?.is_none() {
            return Ok(None);
        }
        let verification = verify(stated, &reference.locations_for(&stated.keys())?);
        Ok(Some(Self { words: verification.words(), record: verification.record().cloned() }))
    }

    fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![("location records", show::one(&self.words))];
        let Some(record) = &self.record else { return pairs };
        let text = |value: &Option<String>| value.clone();
        let parts = [
            ("  name", Some(record.name.clone())),
            ("  aliases", Some(record.aliases.join(", "))),
            ("  mac", Some(record.macs.join(", "))),
            ("  ip", Some(record.ips.join(", "))),
            ("  region", text(&record.region)),
            ("  building", text(&record.building)),
            ("  room", text(&record.room)),
            ("  rack", text(&record.rack)),
            ("  owner", text(&record.owner)),
            ("  telephone", text(&record.telephone)),
            ("  coordinates", record.coordinates.map(|c| c.to_string())),
        ];
        let written = parts.into_iter().filter_map(|(name, value)| Some((name, value?)));
        pairs.extend(written.map(|(name, value)| (name, show::one(&value))).filter(|(_, v)| !v.is_empty()));
        pairs
    }
}

/// The tracking record of one failure type.
#[derive(Debug, Serialize)]
struct TrackingView<'a> {
    failure: &'a str,
    /// Counted since the last repair.
    total: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    /// Number of the open ticket.
    ticket: Option<String>,
}

impl<'a> DeviceView<'a> {
    fn new(store: &Store, row: &'a DeviceRow) -> Result<Self, Failure> {
        let mut tracking = Vec::with_capacity(row.tracking.len());
        for (failure, tracked) in &row.tracking {
            let ticket = tracked.ticket.map(|id| store.ticket(id)).transpose()?.flatten();
            tracking.push(TrackingView {
                failure,
                total: tracked.window.total,
                first: tracked.window.first,
                last: tracked.window.last,
                ticket: ticket.filter(|t| t.state.is_open()).map(|t| t.number),
            });
        }
        Ok(Self { device: &row.name, first: row.first, facts: &row.facts, tracking, location: None })
    }
}

pub(super) fn run(globals: &Globals, args: Args) -> Result<Exit, Failure> {
    let store = || globals.store(Access::Read);
    match args.act {
        Act::List(args) => list(globals, &store()?, &args),
        Act::Show(args) => show(globals, &store()?, &args.name),
        Act::Import(args) => device_import::run(globals, &args),
    }
}

fn list(globals: &Globals, store: &Store, args: &ListArgs) -> Result<Exit, Failure> {
    let mut rows = Vec::new();
    for name in store.devices(&args.after, show::limit(args.limit))? {
        rows.extend(store.device(&name)?);
    }
    let views = rows.iter().map(|row| DeviceView::new(store, row)).collect::<Result<Vec<_>, _>>()?;
    let mut out = Out::new();
    if globals.json {
        out.items("autoticket.devices/1", &views);
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["DEVICE", "COUNTED", "LAST", "TICKETS", "SERVER", "BUILDING", "ROOM"]);
    for view in &views {
        let tickets: Vec<&str> = view.tracking.iter().filter_map(|t| t.ticket.as_deref()).collect();
        table.row([
            show::one(view.device),
            view.tracking.iter().map(|t| t.total).sum::<u64>().to_string(),
            show::time_or_never(view.tracking.iter().filter_map(|t| t.last).max()),
            if tickets.is_empty() { "-".to_owned() } else { tickets.join(" ") },
            show::maybe(view.facts.server.as_deref()),
            show::maybe(view.facts.building.as_deref()),
            show::maybe(view.facts.room.as_deref()),
        ]);
    }
    out.table(&table);
    Ok(Exit::Done)
}

/// The device an operator names.
pub(super) fn found(store: &Store, written: &str) -> Result<DeviceRow, Failure> {
    let name = name::normal(written);
    store.device(&name)?.ok_or_else(|| {
        Failure::say(Exit::Data, format!("no alert of a device {} was ever counted", show::one(&name)))
            .hint("autoticket device list")
    })
}

/// A device of which the location records know and no alert was ever counted.
fn recorded_only(globals: &Globals, out: &mut Out, written: &str, location: &LocationView) -> Exit {
    let device = name::normal(written);
    if globals.json {
        out.json("autoticket.device/1", serde_json::json!({ "device": device, "location": location }));
        return Exit::Done;
    }
    out.pairs(&[("device", show::one(&device)), ("alerts", "none was ever counted".to_owned())]);
    out.pairs(&location.pairs());
    Exit::Done
}

fn show(globals: &Globals, store: &Store, written: &str) -> Result<Exit, Failure> {
    const LATEST: usize = 10;
    let mut out = Out::new();
    let known = store.device(&name::normal(written))?;
    if known.is_none()
        && let Some(location) = LocationView::of(store, &Stated::named(written))?
        && location.record.is_some()
    {
        return Ok(recorded_only(globals, &mut out, written, &location));
    }
    let row = found(store, written)?;
    let mut view = DeviceView::new(store, &row)?;
    view.location = LocationView::of(
        store,
        &Stated {
            names: vec![row.name.clone()],
            mac: row.facts.mac.clone(),
            ip: row.facts.ip.clone(),
            region: row.facts.region.clone(),
            building: row.facts.building.clone(),
            room: row.facts.room.clone(),
        },
    )?;
    if globals.json {
        out.json("autoticket.device/1", &view);
        return Ok(Exit::Done);
    }
    let facts = &row.facts;
    let opt = |value: &Option<String>| value.as_deref().map(show::one).unwrap_or_default();
    out.pairs(&[
        ("device", show::one(&row.name)),
        ("known since", show::time(row.first)),
        ("mac", opt(&facts.mac)),
        ("ip", opt(&facts.ip)),
        ("region", opt(&facts.region)),
        ("building", opt(&facts.building)),
        ("room", opt(&facts.room)),
        ("server", opt(&facts.server)),
        ("upstream", opt(&facts.upstream)),
    ]);
    if let Some(location) = &view.location {
        out.line("");
        out.pairs(&location.pairs());
    }
    out.line("");
    let mut table = Table::new(&["FAILURE", "COUNTED", "FIRST", "LAST", "TICKET"]);
    for t in &view.tracking {
        table.row([
            t.failure.to_owned(),
            t.total.to_string(),
            show::time_or_never(t.first),
            show::time_or_never(t.last),
            show::maybe(t.ticket.as_deref()),
        ]);
    }
    out.table(&table);
    let alerts = store.alerts(Some(&row.name), None, None, i64::MAX, LATEST)?;
    if !alerts.is_empty() {
        out.line("");
        out.table(&super::alert::table(&alerts));
    }
    Ok(Exit::Done)
}
