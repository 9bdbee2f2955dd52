//! `ticket`: job tickets, what stands behind them, closing and resending.

use super::show::{self, Out, Table};
use super::world::who;
use super::{Exit, Failure, Globals, World};
use crate::service::endings::{self, By};
use crate::shown::Shown;
use crate::store::{Access, FailedRow, MailRow, OutboxRow, OutboxState, Store, TicketRow};
use crate::ticket::State;
use jiff::Timestamp;
use serde::Serialize;
use std::io::{self, IsTerminal};

/// See job tickets and what stands behind them; close one, send one again
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    List(ListArgs),
    Show(ShowArgs),
    Close(CloseArgs),
    Resend(ResendArgs),
}

/// List job tickets, latest crossing first
#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Only tickets in this state; repeat for more
    #[arg(long = "in", value_name = "STATE", value_parser = states())]
    within: Vec<State>,
    /// Only open tickets
    #[arg(long, conflicts_with = "within")]
    open: bool,
    /// Only tickets of this device
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Only tickets whose threshold was crossed since then (RFC 3339, a date, `7d`, `last week`)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Most tickets to list; 0: all
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
}

/// Show one ticket: facts, decision, transmissions, joined alerts, replies
#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// Number, with or without `T-`
    number: String,
    /// Print the mails of its thread as they are transmitted
    #[arg(long)]
    letter: bool,
}

/// Close a ticket: its work is done or not needed; the center is told to stand down
///
/// Counts stay as they are: use `repaired` where the cause was corrected. Failed distributions stay as well.
#[derive(Debug, clap::Args)]
struct CloseArgs {
    /// Number, with or without `T-`
    number: String,
    /// Why; kept in the audit record and told to the center
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Say what would be done, change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Transmit parked and refused mails of a ticket again
#[derive(Debug, clap::Args)]
struct ResendArgs {
    /// Number, with or without `T-`
    number: String,
    /// Say what would be transmitted, change nothing
    #[arg(long)]
    dry_run: bool,
}

fn states() -> impl clap::builder::TypedValueParser<Value = State> {
    use clap::builder::TypedValueParser;
    clap::builder::PossibleValuesParser::new(State::ALL.map(State::word))
        .map(|word| State::ALL.into_iter().find(|s| s.word() == word).expect("only these words are possible"))
}

pub(super) fn run(globals: &Globals, args: Args) -> Result<Exit, Failure> {
    match args.act {
        Act::List(args) => list(globals, &args),
        Act::Show(args) => show(globals, &args),
        Act::Close(args) => close(globals, &args),
        Act::Resend(args) => resend(globals, &args),
    }
}

/// `t-7k2m9qx4` and `7k2m9qx4` both mean `T-7K2M9QX4`.
pub(super) fn number(written: &str) -> String {
    let number = written.trim().to_uppercase();
    if number.starts_with("T-") { number } else { format!("T-{number}") }
}

fn found(store: &Store, written: &str) -> Result<TicketRow, Failure> {
    let number = number(written);
    store.ticket_numbered(&number)?.ok_or_else(|| {
        Failure::say(Exit::Data, format!("no ticket {} is stored", show::one(&number)))
            .hint("autoticket ticket list")
    })
}

/// A ticket as `--json` prints it.
#[derive(Debug, Serialize)]
struct TicketView<'a> {
    ticket: &'a str,
    state: State,
    device: &'a str,
    failure: &'a str,
    crossed: Timestamp,
    /// Counted up to and with the crossing.
    count: u64,
    first: Timestamp,
    last: Timestamp,
    joined: u64,
    last_joined: Option<Timestamp>,
    updates: u32,
    reminders: u32,
    center: Option<&'a str>,
    due: Option<Timestamp>,
    ended: Option<Timestamp>,
    why: Option<&'a str>,
}

impl<'a> From<&'a TicketRow> for TicketView<'a> {
    fn from(row: &'a TicketRow) -> Self {
        Self {
            ticket: &row.number,
            state: row.state,
            device: &row.device,
            failure: &row.failure,
            crossed: row.crossed,
            count: row.total,
            first: row.first,
            last: row.last,
            joined: row.joined,
            last_joined: row.last_joined,
            updates: row.updates,
            reminders: row.reminders,
            center: row.decision.as_ref().map(|d| d.route.center.id.as_str()),
            due: row.due,
            ended: row.ended,
            why: row.why.as_deref(),
        }
    }
}

fn list(globals: &Globals, args: &ListArgs) -> Result<Exit, Failure> {
    let since = show::point("--since", args.since.as_deref(), globals.now()?)?;
    let device = args.device.as_deref().map(crate::alert::name::normal);
    let open: Vec<State> = State::ALL.into_iter().filter(|s| s.is_open()).collect();
    let states = if args.open { &open } else { &args.within };
    let store = globals.store(Access::Read)?;
    let rows = store.tickets(states, device.as_deref(), since, show::limit(args.limit))?;
    let mut out = Out::new();
    if globals.json {
        out.items("autoticket.tickets/1", &rows.iter().map(TicketView::from).collect::<Vec<_>>());
        return Ok(Exit::Done);
    }
    let mut table =
        Table::new(&["TICKET", "STATE", "DEVICE", "FAILURE", "ALERTS", "CROSSED", "CENTER", "WHY"]);
    for row in &rows {
        table.row([
            row.number.clone(),
            row.state.word().to_owned(),
            show::one(&row.device),
            row.failure.clone(),
            if row.joined > 0 { format!("{}+{}", row.total, row.joined) } else { row.total.to_string() },
            show::time(row.crossed),
            show::maybe(row.decision.as_ref().map(|d| d.route.center.id.as_str())),
            row.why.as_deref().map(show::short).unwrap_or_default(),
        ]);
    }
    out.table(&table);
    Ok(Exit::Done)
}

/// A transmission as `--json` prints it.
#[derive(Debug, Serialize)]
struct MailOutView<'a> {
    kind: &'a str,
    recipient: &'a str,
    message_id: &'a str,
    state: OutboxState,
    attempts: u32,
    next: Option<Timestamp>,
    ended: Option<Timestamp>,
    reply: Option<&'a str>,
}

impl<'a> From<&'a OutboxRow> for MailOutView<'a> {
    fn from(row: &'a OutboxRow) -> Self {
        Self {
            kind: &row.kind,
            recipient: &row.recipient,
            message_id: &row.message,
            state: row.state,
            attempts: row.attempts,
            next: row.next,
            ended: row.ended,
            reply: row.reply.as_deref(),
        }
    }
}

/// A person's reply to a ticket.
#[derive(Debug, Serialize)]
struct ReplyView<'a> {
    mail: i64,
    arrival: Timestamp,
    sender: &'a str,
    subject: &'a str,
}

#[derive(Serialize)]
struct MemberView<'a> {
    ticket: &'a str,
    device: &'a str,
    failure: &'a str,
    crossed: Timestamp,
}

#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    ticket: TicketView<'a>,
    choice: &'a crate::tracking::Choice,
    decision: Option<&'a crate::ticket::Decision>,
    alerts: Vec<super::alert::AlertView<'a>>,
    joined_alerts: Vec<super::alert::AlertView<'a>>,
    /// Tickets that joined this one, because they share its fault.
    members: Vec<MemberView<'a>>,
    outbox: Vec<MailOutView<'a>>,
    replies: Vec<ReplyView<'a>>,
    /// What its alerts reported as not delivered, and what has been since.
    failed: Vec<FailedRow>,
}

fn show(globals: &Globals, args: &ShowArgs) -> Result<Exit, Failure> {
    const JOINED: usize = 100;
    let store = globals.store(Access::Read)?;
    let row = found(&store, &args.number)?;
    let outbox = store.outbox_of(row.id)?;
    if args.letter {
        return letters(&store, &row, &outbox);
    }
    let alerts = store.alerts_by_id(&row.alerts)?;
    let joined = store.joined(row.id, None, None, JOINED)?;
    let members = store.fault_members(row.id)?;
    let ids = store.replies(row.id)?;
    let replies: Vec<MailRow> =
        ids.iter().filter_map(|id| store.mail(*id).transpose()).collect::<Result<_, _>>()?;
    let replies: Vec<_> = replies
        .iter()
        .map(|m| ReplyView { mail: m.id, arrival: m.arrival, sender: &m.sender, subject: &m.subject })
        .collect();
    let mut out = Out::new();
    if globals.json {
        let whole = Whole {
            ticket: (&row).into(),
            choice: &row.choice,
            decision: row.decision.as_ref(),
            alerts: alerts.iter().map(Into::into).collect(),
            joined_alerts: joined.iter().map(Into::into).collect(),
            members: members
                .iter()
                .map(|m| MemberView {
                    ticket: &m.number,
                    device: &m.device,
                    failure: &m.failure,
                    crossed: m.crossed,
                })
                .collect(),
            outbox: outbox.iter().map(Into::into).collect(),
            replies,
            failed: store.failed_of_ticket(&row)?,
        };
        out.json("autoticket.ticket/1", whole);
        return Ok(Exit::Done);
    }
    facts(&mut out, &row);
    if !members.is_empty() {
        out.line("\nbehind the same fault:");
        let mut table = Table::new(&["TICKET", "DEVICE", "FAILURE", "CROSSED"]);
        for m in &members {
            table.row([m.number.clone(), show::one(&m.device), m.failure.clone(), show::time(m.crossed)]);
        }
        out.table(&table);
    }
    transmissions(&mut out, &outbox);
    redistributions(&mut out, &store.failed_of_ticket(&row)?);
    for (title, rows) in [("alerts up to the crossing", &alerts), ("joined since", &joined)] {
        if !rows.is_empty() {
            out.line(format!("\n{title}:"));
            out.table(&super::alert::table(rows));
        }
    }
    if !replies.is_empty() {
        out.line("\nreplies (autoticket mail show MAIL --raw):");
        let mut table = Table::new(&["MAIL", "ARRIVAL", "SENDER", "SUBJECT"]);
        for r in &replies {
            table.row([r.mail.to_string(), show::time(r.arrival), show::one(r.sender), show::one(r.subject)]);
        }
        out.table(&table);
    }
    Ok(Exit::Done)
}

/// What was not delivered, and what has been since.
fn redistributions(out: &mut Out, failed: &[FailedRow]) {
    if failed.is_empty() {
        return;
    }
    let left = failed.iter().filter(|row| row.dismissed.is_none()).count();
    out.line(format!("\nfailed distributions, {left} of {} left:", failed.len()));
    let mut table = Table::new(&["ID", "RECIPIENT", "PACKAGE", "JOB", "STATE"]);
    for row in failed {
        let state = row.dismissed.as_deref().map_or_else(|| "failed".to_owned(), show::one);
        let texts = [&row.recipient, &row.package, &row.job].map(|text| show::one(text));
        table.row([row.id.clone()].into_iter().chain(texts).chain([state]));
    }
    out.table(&table);
}

fn facts(out: &mut Out, row: &TicketRow) {
    let center = row.decision.as_ref().map_or_else(
        || "not decided yet: autoticket flush".to_owned(),
        |d| {
            format!(
                "{} <{}>, {}",
                show::one(&d.route.center.name),
                show::one(&d.route.center.mail.join(", ")),
                show::one(&d.route.words())
            )
        },
    );
    out.pairs(&[
        ("ticket", row.number.clone()),
        ("state", row.state.word().to_owned()),
        ("ended", row.ended.map(show::time).unwrap_or_default()),
        ("why", row.why.as_deref().map(show::one).unwrap_or_default()),
        ("device", show::one(&row.device)),
        ("failure", row.failure.clone()),
        ("crossed", format!("{} by alert {}", show::time(row.crossed), row.crossing)),
        ("threshold", crate::ticket::threshold_words(&row.choice.winner)),
        ("counted", format!("{}, {} to {}", row.total, show::time(row.first), show::time(row.last))),
        ("joined", format!("{}, last {}", row.joined, show::time_or_never(row.last_joined))),
        ("center", center),
        ("due", row.due.map(show::time).unwrap_or_default()),
        (
            "mails",
            format!(
                "{}, {}",
                show::count(row.updates.into(), "update"),
                show::count(row.reminders.into(), "reminder")
            ),
        ),
    ]);
    for reason in row.decision.iter().flat_map(|d| &d.reasons) {
        out.line(format!("  {}", show::one(reason)));
    }
    let Some(decision) = &row.decision else { return };
    let evidence = &decision.evidence;
    out.line("\nchecked:");
    out.line(format!("  outage notices: {}", show::one(&evidence.outage.words())));
    out.line(format!("  diagnostics: {}", show::one(&evidence.diagnosis.summary())));
    for line in evidence.diagnosis.diagnosis().iter().flat_map(|found| found.words()).skip(1) {
        out.line(format!("    {}", show::one(&line)));
    }
    out.line(format!("  location records: {}", show::one(&evidence.location.words())));
}

fn transmissions(out: &mut Out, outbox: &[OutboxRow]) {
    if outbox.is_empty() {
        return;
    }
    out.line("\ntransmissions:");
    let mut table = Table::new(&["KIND", "RECIPIENT", "STATE", "ATTEMPTS", "NEXT", "REPLY"]);
    for mail in outbox {
        table.row([
            mail.kind.clone(),
            show::one(&mail.recipient),
            mail.state.word().to_owned(),
            mail.attempts.to_string(),
            mail.next.map_or_else(|| "-".to_owned(), show::time),
            mail.reply.as_deref().map(show::one).unwrap_or_default(),
        ]);
    }
    out.table(&table);
}

/// Each letter once, however many recipients it has.
fn letters(store: &Store, row: &TicketRow, outbox: &[OutboxRow]) -> Result<Exit, Failure> {
    if outbox.is_empty() {
        let text = format!("ticket {} has no letter yet: it is {}", row.number, row.state.word());
        return Err(Failure::say(Exit::Data, text).hint("autoticket flush"));
    }
    let mut out = Out::new();
    let terminal = io::stdout().is_terminal();
    let mut printed: Vec<&str> = Vec::new();
    for mail in outbox {
        if printed.contains(&mail.message.as_str()) {
            continue;
        }
        printed.push(&mail.message);
        let bytes = store.letter(mail.id)?;
        if terminal {
            // Our own line ends are CR LF; only other CRs would be somebody's trick.
            let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
            out.bytes(Shown::lines(&text).to_string().as_bytes());
        } else {
            out.bytes(&bytes);
        }
    }
    Ok(Exit::Done)
}

fn close(globals: &Globals, args: &CloseArgs) -> Result<Exit, Failure> {
    if args.reason.trim().is_empty() {
        return Err(Failure::say(Exit::Usage, "--reason needs a text"));
    }
    let world = World::load(globals)?;
    let store = globals.store_to_act(Access::Write, args.dry_run)?;
    let tx = store.begin()?;
    let row = found(&store, &args.number)?;
    if !row.state.is_open() {
        let text = format!("ticket {} is already {}", row.number, row.state.word());
        return Err(Failure::say(Exit::Data, text).hint(format!("autoticket ticket show {}", row.number)));
    }
    let (number, device, failure) = (row.number.clone(), row.device.clone(), row.failure.clone());
    let who = who();
    let by = By { who: &who, why: &args.reason, now: world.now, at: world.now };
    let told = endings::end(&tx, &world.rules, row, State::Closed, by, false)?;
    if args.dry_run {
        tx.roll_back();
    } else {
        tx.commit()?;
    }
    let mut out = Out::new();
    if globals.json {
        let view = serde_json::json!({ "dry_run": args.dry_run, "ticket": number, "state": State::Closed, "stand_down": told });
        out.json("autoticket.ticket-closed/1", view);
    } else {
        let would = if args.dry_run { "would close" } else { "closed" };
        let tail = if told { "; its center is told to stand down" } else { "; it was never sent" };
        out.line(format!("{would} {number}: {} {failure}{tail}", show::one(&device)));
    }
    Ok(Exit::Done)
}

fn resend(globals: &Globals, args: &ResendArgs) -> Result<Exit, Failure> {
    let store = globals.store_to_act(Access::Write, args.dry_run)?;
    let now = globals.now()?;
    let tx = store.begin()?;
    let mut row = found(&store, &args.number)?;
    let stuck = |m: &OutboxRow| matches!(m.state, OutboxState::Parked | OutboxState::Refused);
    let mut mails: Vec<OutboxRow> = store.outbox_of(row.id)?.into_iter().filter(stuck).collect();
    for mail in &mut mails {
        (mail.state, mail.attempts, mail.next) = (OutboxState::Due, 0, Some(now));
        tx.keep_outbox(mail)?;
    }
    if row.state == State::Parked && mails.iter().any(|m| m.kind == "ticket") {
        row.state = State::Queued;
        tx.keep_ticket(&row)?;
    }
    let recipients: Vec<&str> = mails.iter().map(|m| m.recipient.as_str()).collect();
    if args.dry_run || mails.is_empty() {
        tx.roll_back();
    } else {
        let detail = serde_json::json!({ "mails": mails.len(), "recipients": recipients });
        tx.audit(globals.now()?, &who(), "ticket resend", &row.number, &detail)?;
        tx.commit()?;
    }
    let mut out = Out::new();
    if globals.json {
        let view =
            serde_json::json!({ "dry_run": args.dry_run, "ticket": row.number, "recipients": recipients });
        out.json("autoticket.ticket-resent/1", view);
    } else if mails.is_empty() {
        out.line(format!("ticket {} has no parked or refused mail", row.number));
    } else {
        let would = if args.dry_run { "would be" } else { "is" };
        for mail in &mails {
            out.line(format!(
                "{} {} to {} {would} due again",
                row.number,
                mail.kind,
                show::one(&mail.recipient)
            ));
        }
        if !args.dry_run {
            out.line("next: autoticket flush");
        }
    }
    Ok(Exit::Done)
}
