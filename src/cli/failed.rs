//! `failed`: the failed distributions, which only a confirmed redistribution or a person removes.

use super::redistribute::other_names;
use super::show::{self, Out, Table};
use super::world::who;
use super::{Exit, Failure, Globals};
use crate::alert::name;
use crate::store::{Access, FailedFilter, FailedRow};

/// See failed distributions, and dismiss one that needs no redistribution
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    List(ListArgs),
    Dismiss(DismissArgs),
}

/// List failed distributions, oldest first
#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Only those executed by this intermediate server
    #[arg(long, value_name = "SERVER", conflicts_with = "affected")]
    server: Option<String>,
    /// Only those of this server itself and of everything behind it
    #[arg(long, value_name = "SERVER")]
    affected: Option<String>,
    /// Only those that failed since then (RFC 3339, a date, `7d`, `last week`)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only those that failed until then
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Dismissed ones as well
    #[arg(long)]
    all: bool,
}

/// Dismiss a failed distribution: nobody needs it any more
#[derive(Debug, clap::Args)]
struct DismissArgs {
    /// As `failed list` names it, such as F-0123456789
    id: String,
    /// Why; kept in the audit record
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Say what would be dismissed, change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(globals: &Globals, args: Args) -> Result<Exit, Failure> {
    match args.act {
        Act::List(args) => list(globals, &args),
        Act::Dismiss(args) => dismiss(globals, &args),
    }
}

fn list(globals: &Globals, args: &ListArgs) -> Result<Exit, Failure> {
    let store = globals.store(Access::Read)?;
    let named = args.server.as_deref().or(args.affected.as_deref());
    let filter = FailedFilter {
        also: named.map(|name| other_names(&store, name)).unwrap_or_default(),
        server: args.server.as_deref().map(name::normal),
        affected: args.affected.as_deref().map(name::normal),
        since: show::point("--since", args.since.as_deref(), globals.now()?)?,
        until: show::point("--until", args.until.as_deref(), globals.now()?)?,
        dismissed: args.all,
    };
    let rows = store.failed(&filter)?;
    let mut out = Out::new();
    if globals.json {
        out.items("autoticket.failed/1", &rows);
    } else {
        out.table(&table(&rows));
    }
    Ok(Exit::Done)
}

fn table(rows: &[FailedRow]) -> Table {
    let heads =
        ["ID", "SERVER", "RECIPIENT", "PACKAGE", "JOB", "TOOL", "FAILURE", "FIRST", "LAST", "DISMISSED"];
    let mut table = Table::new(&heads);
    let filled = |text: &str| if text.is_empty() { "-".to_owned() } else { show::one(text) };
    for row in rows {
        table.row([
            row.id.clone(),
            filled(&row.server),
            filled(&row.recipient),
            filled(&row.package),
            filled(&row.job),
            filled(&row.tool),
            row.failure.clone(),
            show::time(row.first),
            show::time(row.last),
            row.dismissed.as_deref().map(show::one).unwrap_or_default(),
        ]);
    }
    table
}

fn dismiss(globals: &Globals, args: &DismissArgs) -> Result<Exit, Failure> {
    if args.reason.trim().is_empty() {
        return Err(Failure::say(Exit::Usage, "--reason needs a text"));
    }
    let store = globals.store_to_act(Access::Write, args.dry_run)?;
    let id = args.id.trim().to_uppercase();
    let tx = store.begin()?;
    let Some(row) = tx.dismiss_failed(&id, &args.reason)? else {
        let text = format!("no failed distribution {} stands", show::one(&id));
        return Err(Failure::say(Exit::Data, text).hint("autoticket failed list --all"));
    };
    if args.dry_run {
        tx.roll_back();
    } else {
        let detail = serde_json::json!({ "reason": args.reason, "server": row.server, "recipient": row.recipient,
            "package": row.package, "job": row.job, "tool": row.tool });
        tx.audit(globals.now()?, &who(), "failed dismiss", &id, &detail)?;
        tx.commit()?;
    }
    let mut out = Out::new();
    if globals.json {
        let view = serde_json::json!({ "dry_run": args.dry_run, "dismissed": row });
        out.json("autoticket.failed-dismissed/1", view);
    } else {
        let would = if args.dry_run { "would dismiss" } else { "dismissed" };
        let what = [&row.package, &row.job].into_iter().find(|t| !t.is_empty()).map_or("", String::as_str);
        out.line(format!(
            "{would} {id}: {} for {} from {}",
            show::one(what),
            show::one(&row.recipient),
            show::one(&row.server)
        ));
    }
    Ok(Exit::Done)
}
