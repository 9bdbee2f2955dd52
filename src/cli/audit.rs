//! `audit`: the sum that proves that no mail was lost, and the record of what people changed.

use super::show::{self, Out, Table};
use super::{Exit, Failure, Globals};
use crate::alert::Outcome;
use crate::store::{Access, Balance};
use serde_json::{Map, Value};

/// Prove that every mail received is accounted for; exit 1 where the sum is not balanced
///
/// received = counted + duplicate + rejected + unrecognised + quarantined + repair + own + spooled
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    act: Option<Act>,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    Log(LogArgs),
}

/// List who changed what by hand, latest first
#[derive(Debug, clap::Args)]
struct LogArgs {
    /// Most entries to list; 0: all
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
}

pub(super) fn run(globals: &Globals, args: Args) -> Result<Exit, Failure> {
    let store = globals.store(Access::Read)?;
    let mut out = Out::new();
    if let Some(Act::Log(args)) = args.act {
        let entries = store.audit_entries(show::limit(args.limit))?;
        if globals.json {
            out.items("autoticket.audit-log/1", &entries);
            return Ok(Exit::Done);
        }
        let mut table = Table::new(&["AT", "WHO", "ACT", "SUBJECT", "DETAIL"]);
        for entry in &entries {
            table.row([
                show::time(entry.at),
                show::one(&entry.who),
                show::one(&entry.act),
                show::one(&entry.subject),
                show::one(&entry.detail.to_string()),
            ]);
        }
        out.table(&table);
        return Ok(Exit::Done);
    }
    let balance = store.balance()?;
    if globals.json {
        out.json("autoticket.audit/1", view(&balance));
    } else {
        text(&mut out, &balance);
    }
    Ok(if balance.balanced() { Exit::Done } else { Exit::Findings })
}

/// Outcomes by their words.
pub(super) fn by_outcome(counts: &[u64; 7]) -> Map<String, Value> {
    Outcome::ALL.iter().map(|o| (o.word().to_owned(), counts[*o as usize].into())).collect()
}

fn view(balance: &Balance) -> Map<String, Value> {
    let mut object = Map::from_iter([("received".to_owned(), balance.received.into())]);
    object.extend(by_outcome(&balance.outcomes));
    object.extend([
        ("spooled".to_owned(), balance.spooled.into()),
        ("without_raw".to_owned(), balance.without_raw.into()),
        ("alerts".to_owned(), balance.alerts.into()),
        ("alerts_named".to_owned(), balance.alerts_named.into()),
        ("balanced".to_owned(), balance.balanced().into()),
    ]);
    object
}

fn text(out: &mut Out, balance: &Balance) {
    let parts: Vec<String> =
        Outcome::ALL.iter().map(|o| format!("{} {}", balance.outcomes[*o as usize], o.word())).collect();
    let sum = balance.outcomes.iter().sum::<u64>() + balance.spooled;
    let sign = if sum == balance.received { "=" } else { "IS NOT" };
    out.line(format!(
        "{} received {sign} {} + {} spooled",
        balance.received,
        parts.join(" + "),
        balance.spooled
    ));
    let sign = if balance.alerts == balance.alerts_named { "=" } else { "ARE NOT" };
    out.line(format!(
        "{} alert records {sign} the {} their mails name",
        balance.alerts, balance.alerts_named
    ));
    if balance.without_raw > 0 {
        out.line(format!("{} lack their raw bytes", show::count(balance.without_raw, "mail")));
    }
    out.line(if balance.balanced() { "balanced" } else { "NOT BALANCED" });
}
