//! `mail`: what became of the mails received, and judging them anew.

use super::show::{self, Out, Table};
use super::world::who;
use super::{Exit, Failure, Globals, World};
use crate::alert::Outcome;
use crate::alert::pattern::Effort;
use crate::intake::account::ReasonAccount;
use crate::intake::retry::{self, RETRIED};
use crate::shown::Shown;
use crate::store::{Access, MailRow, Store};
use jiff::Timestamp;
use serde::Serialize;
use std::io::{self, IsTerminal, Read};

/// See what became of mails, and judge stored mails anew
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    List(ListArgs),
    Show(ShowArgs),
    Retry(RetryArgs),
}

/// List mails, latest first
#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Only mails with this outcome; repeat for more
    #[arg(long, value_parser = show::outcomes())]
    outcome: Vec<Outcome>,
    /// Only mails that arrived since then (RFC 3339, a date, `7d`, `last week`)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Most mails to list; 0: all
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

/// Show one mail: outcome, reason, alert records
#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// As `mail list` numbers it
    id: i64,
    /// Print the mail itself, byte for byte (on a terminal with its control characters made visible)
    #[arg(long)]
    raw: bool,
}

/// Judge rejected, unrecognised and quarantined mails anew, in event order
///
/// For when a rule was mended or a list grew. What was counted stays counted.
#[derive(Debug, clap::Args)]
struct RetryArgs {
    /// Mails, as `mail list` numbers them [default: all that can be judged anew]
    ids: Vec<i64>,
    /// Only mails with this outcome; repeat for more
    #[arg(long, value_parser = show::outcomes())]
    outcome: Vec<Outcome>,
    /// Only mails that arrived since then
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Say what would become of them, change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(globals: &Globals, args: Args) -> Result<Exit, Failure> {
    match args.act {
        Act::List(args) => list(globals, &args),
        Act::Show(args) => show(globals, &args),
        Act::Retry(args) => retry(globals, args),
    }
}

/// A mail as `--json` prints it.
#[derive(Debug, Serialize)]
struct MailView<'a> {
    mail: i64,
    outcome: Outcome,
    reason: ReasonAccount,
    arrival: Timestamp,
    event: Timestamp,
    sender: &'a str,
    subject: &'a str,
    place: &'a str,
    length: u64,
    /// Bytes of it that are still stored.
    kept: u64,
    /// Of the whole message, where not all of it was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    alerts: u32,
}

impl<'a> From<&'a MailRow> for MailView<'a> {
    fn from(row: &'a MailRow) -> Self {
        Self {
            mail: row.id,
            outcome: row.outcome,
            reason: (&row.reason).into(),
            arrival: row.arrival,
            event: row.event,
            sender: &row.sender,
            subject: &row.subject,
            place: &row.place,
            length: row.length,
            kept: row.kept,
            sha256: row.digest.map(|d| crate::store::hex::encode(&d)),
            alerts: row.alerts,
        }
    }
}

fn list(globals: &Globals, args: &ListArgs) -> Result<Exit, Failure> {
    let since = show::point("--since", args.since.as_deref(), globals.now()?)?;
    let store = globals.store(Access::Read)?;
    let rows = store.mails(&args.outcome, since, i64::MAX, show::limit(args.limit))?;
    let mut out = Out::new();
    if globals.json {
        out.items("autoticket.mails/1", &rows.iter().map(MailView::from).collect::<Vec<_>>());
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["MAIL", "ARRIVAL", "OUTCOME", "SENDER", "SUBJECT", "REASON"]);
    for row in &rows {
        table.row([
            row.id.to_string(),
            show::time(row.arrival),
            row.outcome.word().to_owned(),
            show::short(&row.sender),
            show::short(&row.subject),
            show::one(&row.reason.text()),
        ]);
    }
    out.table(&table);
    Ok(Exit::Done)
}

fn found(store: &Store, id: i64) -> Result<MailRow, Failure> {
    store.mail(id)?.ok_or_else(|| {
        Failure::say(Exit::Data, format!("no mail {id} is stored")).hint("autoticket mail list")
    })
}

#[derive(Serialize)]
struct Shows<'a> {
    #[serde(flatten)]
    mail: MailView<'a>,
    records: Vec<super::alert::AlertView<'a>>,
}

fn show(globals: &Globals, args: &ShowArgs) -> Result<Exit, Failure> {
    let store = globals.store(Access::Read)?;
    let row = found(&store, args.id)?;
    if args.raw {
        return raw(&store, &row);
    }
    let first = row.first_alert;
    let alerts: Vec<_> = (first..first + i64::from(row.alerts))
        .filter_map(|id| store.alert(id).transpose())
        .collect::<Result<_, _>>()?;
    let mut out = Out::new();
    if globals.json {
        let records = alerts.iter().map(super::alert::AlertView::from).collect();
        out.json("autoticket.mail-stored/1", Shows { mail: (&row).into(), records });
        return Ok(Exit::Done);
    }
    out.pairs(&[
        ("mail", row.id.to_string()),
        ("outcome", row.outcome.word().to_owned()),
        ("reason", show::one(&row.reason.text())),
        ("gate", format!("{}, by {}", row.reason.gate(), show::one(&row.reason.rule()))),
        ("arrival", show::time(row.arrival)),
        ("event", show::time(row.event)),
        ("sender", show::one(&row.sender)),
        ("subject", show::one(&row.subject)),
        ("place", show::one(&row.place)),
        ("length", format!("{} bytes, {} of them kept", row.length, row.kept)),
        ("sha256", row.digest.map(|d| crate::store::hex::encode(&d)).unwrap_or_default()),
    ]);
    if !alerts.is_empty() {
        out.line("");
        out.table(&super::alert::table(&alerts));
    }
    Ok(Exit::Done)
}

fn raw(store: &Store, row: &MailRow) -> Result<Exit, Failure> {
    if row.kept == 0 {
        let why =
            if row.outcome == Outcome::Duplicate { "a duplicate keeps none" } else { "they were purged" };
        return Err(Failure::say(Exit::Data, format!("the bytes of mail {} are not stored: {why}", row.id)));
    }
    let mut out = Out::new();
    let terminal = io::stdout().is_terminal();
    let mut reader = store.raw(row.id)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = reader.read(&mut buffer).map_err(|e| {
            Failure::new(
                Exit::Io,
                anyhow::Error::new(e).context(format!("read the bytes of mail {}", row.id)),
            )
        })?;
        if n == 0 {
            return Ok(Exit::Done);
        }
        if terminal {
            out.bytes(Shown::lines(&String::from_utf8_lossy(&buffer[..n])).to_string().as_bytes());
        } else {
            out.bytes(&buffer[..n]);
        }
    }
}

#[derive(Serialize)]
struct RetriedView<'a> {
    before: Outcome,
    #[serde(flatten)]
    account: &'a crate::intake::Account,
}

fn retry(globals: &Globals, args: RetryArgs) -> Result<Exit, Failure> {
    let since = show::point("--since", args.since.as_deref(), globals.now()?)?;
    if let Some(other) = args.outcome.iter().find(|o| !RETRIED.contains(o)) {
        let text = format!("a mail that is {} is not judged anew", other.word());
        return Err(
            Failure::say(Exit::Usage, text).hint(format!("one of {}", RETRIED.map(Outcome::word).join(", ")))
        );
    }
    let world = World::load(globals)?;
    let store = globals.store_to_act(Access::WriteMany, args.dry_run)?;
    let wanted = if args.outcome.is_empty() { RETRIED.to_vec() } else { args.outcome };
    let mails = if args.ids.is_empty() {
        store.mails(&wanted, since, i64::MAX, show::limit(0))?
    } else {
        let named = args.ids.iter().map(|id| found(&store, *id)).collect::<Result<Vec<_>, _>>()?;
        for mail in named.iter().filter(|m| !wanted.contains(&m.outcome)) {
            show::tell(format_args!(
                "autoticket: mail {} is {}: left as it is",
                mail.id,
                mail.outcome.word()
            ));
        }
        named
            .into_iter()
            .filter(|m| wanted.contains(&m.outcome) && since.is_none_or(|t| m.arrival >= t))
            .collect()
    };
    let engine = world.engine(Effort::Mailbox);
    let done = retry::retry(&store, &world.rules, &engine, mails, &who(), globals.now()?, args.dry_run)?;
    report(globals.json, args.dry_run, &done);
    store.close()?;
    Ok(Exit::Done)
}

/// What judging anew did; also after `nodes accept`.
pub(super) fn report(json: bool, dry_run: bool, done: &[retry::Retried]) {
    let mut out = Out::new();
    if json {
        let views: Vec<_> =
            done.iter().map(|r| RetriedView { before: r.before, account: &r.account }).collect();
        out.json("autoticket.retry/1", serde_json::json!({ "dry_run": dry_run, "items": views }));
        return;
    }
    let changed: Vec<_> = done.iter().filter(|r| r.before != r.account.outcome).collect();
    for retried in &changed {
        out.line(format!(
            "mail {}: was {}, {}",
            retried.account.mail,
            retried.before.word(),
            retried.account.line()
        ));
    }
    let would = if dry_run { "would be " } else { "" };
    let judged = show::count(done.len() as u64, "mail");
    out.line(format!("{judged} {would}judged anew, {} with another outcome", changed.len()));
}
