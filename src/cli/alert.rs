//! `alert`: alert records with the history of what every room did with them.

use super::show::{self, Out, Table};
use super::{Exit, Failure, Globals};
use crate::alert::{AlertRecord, name};
use crate::store::{Access, AlertRow};
use serde::Serialize;

/// See alert records and what was done with them
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    List(ListArgs),
    Show(ShowArgs),
}

/// List alert records, latest first
#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Only alerts of this device
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Only alerts of this failure type
    #[arg(long, value_name = "TYPE")]
    failure: Option<String>,
    /// Only alerts of events since then (RFC 3339, a date, `7d`, `last week`)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Most alerts to list; 0: all
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

/// Show one alert record with its history
#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// As `alert list` numbers it
    id: i64,
}

/// An alert record as `--json` prints it.
#[derive(Debug, Serialize)]
pub(super) struct AlertView<'a> {
    alert: i64,
    mail: i64,
    /// Its mail was superseded by a longer copy: counted no more.
    voided: bool,
    count: u32,
    threshold: u32,
    ticket: Option<&'a str>,
    record: &'a AlertRecord,
    action: &'a [String],
}

impl<'a> From<&'a AlertRow> for AlertView<'a> {
    fn from(row: &'a AlertRow) -> Self {
        Self {
            alert: row.id,
            mail: row.mail,
            voided: row.voided,
            count: row.counted.in_window,
            threshold: row.counted.needed,
            ticket: row.counted.ticket.as_deref(),
            record: &row.record,
            action: &row.action,
        }
    }
}

pub(super) fn run(globals: &Globals, args: Args) -> Result<Exit, Failure> {
    let store = globals.store(Access::Read)?;
    let mut out = Out::new();
    match args.act {
        Act::List(args) => {
            let since = show::point("--since", args.since.as_deref(), globals.now()?)?;
            let device = args.device.as_deref().map(name::normal);
            let most = show::limit(args.limit);
            let rows = store.alerts(device.as_deref(), args.failure.as_deref(), since, i64::MAX, most)?;
            if globals.json {
                out.items("autoticket.alerts/1", &rows.iter().map(AlertView::from).collect::<Vec<_>>());
            } else {
                out.table(&table(&rows));
            }
        }
        Act::Show(args) => {
            let row = store.alert(args.id)?.ok_or_else(|| {
                Failure::say(Exit::Data, format!("no alert {} is stored", args.id))
                    .hint("autoticket alert list")
            })?;
            if globals.json {
                out.json("autoticket.alert/1", AlertView::from(&row));
            } else {
                text(&mut out, &row);
            }
        }
    }
    Ok(Exit::Done)
}

/// Alert records as lines; also of one mail and of one ticket.
pub(super) fn table(rows: &[AlertRow]) -> Table {
    let mut table =
        Table::new(&["ALERT", "EVENT", "DEVICE", "FAILURE", "COUNT", "TICKET", "PACKAGE", "SERVER"]);
    for row in rows {
        let record = &row.record;
        let count = match (&record.refused, row.voided) {
            (_, true) => "voided".to_owned(),
            (Some(_), _) => "refused".to_owned(),
            _ => format!("{}/{}", row.counted.in_window, row.counted.needed),
        };
        table.row([
            row.id.to_string(),
            show::time(record.event),
            show::one(&record.device),
            record.failure.clone(),
            count,
            show::maybe(row.counted.ticket.as_deref()),
            show::maybe(record.package.as_deref()),
            show::maybe(record.server.as_deref()),
        ]);
    }
    table
}

fn text(out: &mut Out, row: &AlertRow) {
    let r = &row.record;
    let opt = |value: &Option<String>| value.as_deref().map(show::one).unwrap_or_default();
    let note = r.event_note.as_ref().map(|n| format!(" ({})", show::one(n))).unwrap_or_default();
    out.pairs(&[
        ("alert", format!("{} of mail {}, read by format {}", row.id, row.mail, show::one(&r.format))),
        (
            "voided",
            if row.voided { "its mail was superseded by a longer copy".into() } else { String::new() },
        ),
        ("refused", r.refused.as_ref().map(|reason| show::one(&reason.text())).unwrap_or_default()),
        ("own id", opt(&r.id)),
        ("event", format!("{}{note}", show::time(r.event))),
        ("arrival", show::time(r.arrival)),
        ("tool", show::one(&r.tool)),
        ("device", show::one(&r.device)),
        ("as stated", if r.device_stated == r.device { String::new() } else { show::one(&r.device_stated) }),
        ("mac", opt(&r.mac)),
        ("ip", opt(&r.ip)),
        ("failure", format!("{}, announced as `{}`", r.failure, show::one(&r.announced))),
        ("source", format!("{} at {}", show::one(&r.source_node), show::one(&r.source_domain))),
        ("server", opt(&r.server)),
        ("upstream", opt(&r.upstream)),
        ("job", opt(&r.job)),
        ("package", opt(&r.package)),
        ("region", opt(&r.region)),
        ("building", opt(&r.building)),
        ("room", opt(&r.room)),
        ("location", opt(&r.location)),
        ("count", format!("{} of {}", row.counted.in_window, row.counted.needed)),
        ("ticket", row.counted.ticket.clone().unwrap_or_default()),
    ]);
    for line in r.detail.lines() {
        out.line(format!("  | {}", show::one(line)));
    }
    out.line(if row.action.is_empty() { "action: none" } else { "action:" });
    for what in &row.action {
        out.line(format!("  {}", show::one(what)));
    }
}
