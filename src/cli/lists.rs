//! `nodes` and `domains`: the lists behind the gates, imported by hand or refreshed by `run`.
//!
//! In: a text or CSV of names, from a file or a program. Out: the list replaced, all or nothing, with what
//! changed; or refused, where it shrank by half. What was accepted by hand stays whatever an import says.

use super::list_file::{self, Entries};
use super::show::{self, Out, Table};
use super::world::who;
use super::{Exit, Failure, Globals, World, mail};
use crate::alert::pattern::Effort;
use crate::alert::{Outcome, Reason, name};
use crate::intake::retry;
use crate::rules::model::{ListFrom, ListSource};
use crate::rules::{RuleSet, glob};
use crate::store::{Access, ListDiff, ListKind, ListNames, ListRow, MailRow, Store, Tx};
use jiff::{SignedDuration, Timestamp};
use std::path::{Path, PathBuf};

/// See and change the node list: the nodes whose alerts are believed
#[derive(Debug, clap::Args)]
pub struct NodesArgs {
    #[command(subcommand)]
    act: NodesAct,
}

#[derive(Debug, clap::Subcommand)]
enum NodesAct {
    List(ListArgs),
    Import(ImportArgs),
    Accept(AcceptArgs),
    Forget(ForgetArgs),
    Misses(MissesArgs),
}

/// See and change the domain list: the domains whose mails are believed
#[derive(Debug, clap::Args)]
pub struct DomainsArgs {
    #[command(subcommand)]
    act: DomainsAct,
}

#[derive(Debug, clap::Subcommand)]
enum DomainsAct {
    List(ListArgs),
    Import(ImportArgs),
}

/// List the entries by name
#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Only names after this one
    #[arg(long, value_name = "NAME", default_value = "")]
    after: String,
    /// Most entries to list; 0: all
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
}

/// Replace the list by a file, all or nothing; shows what changes
///
/// One name per line with `#` comments, or CSV with a header: `name`, and where wanted `aliases` and `only`
/// (both separated by blanks or `;`). Names of nodes may be globs. `only` narrows an entry to efforts or
/// packages. A list that shrinks by half or more is refused.
#[derive(Debug, clap::Args)]
struct ImportArgs {
    /// The file; `-`: standard input
    file: PathBuf,
    /// Show what would change, change nothing
    #[arg(long)]
    dry_run: bool,
    /// Import it even if the list shrinks by half or more
    #[arg(long)]
    force: bool,
}

/// Accept unknown nodes: they enter the list to stay, and their rejected mails are judged anew
#[derive(Debug, clap::Args)]
struct AcceptArgs {
    /// Nodes as `nodes misses` lists them
    #[arg(required = true)]
    nodes: Vec<String>,
    /// Say what would be accepted, change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Take back nodes that were accepted; what was counted meanwhile stays counted
#[derive(Debug, clap::Args)]
struct ForgetArgs {
    #[arg(required = true)]
    nodes: Vec<String>,
    /// Say what would be forgotten, change nothing
    #[arg(long)]
    dry_run: bool,
}

/// List near misses: unknown nodes of known domains, most mails first
#[derive(Debug, clap::Args)]
struct MissesArgs {}

/// Nodes accepted by hand, as a note in the store: JSON list of names.
const ACCEPTED: &str = "accepted-nodes";
/// A refresh that failed is tried again after this, or after its interval where that is shorter.
const TRY_AGAIN: SignedDuration = SignedDuration::from_mins(10);

pub(super) fn run_nodes(globals: &Globals, args: NodesArgs) -> Result<Exit, Failure> {
    match args.act {
        NodesAct::List(args) => list(globals, ListKind::Nodes, &args),
        NodesAct::Import(args) => import(globals, ListKind::Nodes, &args),
        NodesAct::Accept(args) => accept(globals, &args),
        NodesAct::Forget(args) => forget(globals, &args),
        NodesAct::Misses(MissesArgs {}) => misses(globals),
    }
}

pub(super) fn run_domains(globals: &Globals, args: DomainsArgs) -> Result<Exit, Failure> {
    match args.act {
        DomainsAct::List(args) => list(globals, ListKind::Domains, &args),
        DomainsAct::Import(args) => import(globals, ListKind::Domains, &args),
    }
}

fn list(globals: &Globals, kind: ListKind, args: &ListArgs) -> Result<Exit, Failure> {
    let store = globals.store(Access::Read)?;
    let rows = store.list_rows(kind, &args.after, show::limit(args.limit))?;
    let mut out = Out::new();
    if globals.json {
        let items: Vec<_> = rows
            .iter()
            .map(|r| serde_json::json!({ "name": r.name, "canonical": r.canonical, "only": r.only }))
            .collect();
        let schema = if kind == ListKind::Nodes { "autoticket.nodes/1" } else { "autoticket.domains/1" };
        out.items(schema, &items);
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["NAME", "ALIAS OF", "ONLY"]);
    for row in &rows {
        let alias = (row.canonical != row.name).then_some(row.canonical.as_str());
        let only = if row.only.is_empty() { "-".to_owned() } else { show::one(&row.only.join(" ")) };
        table.row([show::one(&row.name), show::maybe(alias), only]);
    }
    out.table(&table);
    if let Some((entries, _, at, origin)) = store.list_state(kind)?
        && entries > rows.len() as u64
    {
        show::tell(format_args!(
            "autoticket: {} of {entries} entries; imported {} from {}",
            rows.len(),
            show::time(at),
            show::one(&origin)
        ));
    }
    Ok(Exit::Done)
}

/// What replacing a list came to.
#[derive(Debug)]
enum Replaced {
    Unchanged,
    Changed(ListDiff),
}

/// Replaces a list unless it shrank by half or more.
///
/// # Errors
/// [`Exit::Data`] where it shrank.
fn replace(
    tx: &Tx<'_>,
    kind: ListKind,
    mut entries: Entries,
    origin: &str,
    force: bool,
    now: Timestamp,
) -> Result<Replaced, Failure> {
    let store = tx.store();
    if kind == ListKind::Nodes {
        entries.keep(accepted(store)?);
    }
    let state = store.list_state(kind)?;
    let before = store.list_size(kind)?;
    let after = entries.rows.len() as u64;
    if !force && before > 0 && after * 2 <= before {
        let text = format!("the list of {} would shrink from {before} to {after}: refused", kind.word());
        return Err(Failure::say(Exit::Data, text).hint(format!(
            "autoticket {} import FILE --dry-run shows what would go; --force imports it",
            kind.word()
        )));
    }
    let same = state.is_some_and(|(_, digest, ..)| digest == entries.digest);
    let diff = tx.replace_list(kind, &entries.rows, &entries.digest, origin, now)?;
    Ok(if same && diff == ListDiff::default() { Replaced::Unchanged } else { Replaced::Changed(diff) })
}

fn import(globals: &Globals, kind: ListKind, args: &ImportArgs) -> Result<Exit, Failure> {
    let bytes = list_file::read(&args.file)?;
    let shown = args.file.display().to_string();
    let entries = list_file::parse(kind, &bytes, &shown)?;
    let size = entries.rows.len();
    let store = globals.store_to_act(Access::WriteMany, args.dry_run)?;
    let tx = store.begin()?;
    let replaced = replace(&tx, kind, entries, &shown, args.force || args.dry_run, globals.now()?)?;
    let diff = match &replaced {
        Replaced::Unchanged => ListDiff::default(),
        Replaced::Changed(diff) => diff.clone(),
    };
    if args.dry_run {
        tx.roll_back();
    } else {
        let detail = serde_json::json!({ "file": shown, "entries": size, "added": diff.added.count,
            "removed": diff.removed.count, "changed": diff.changed.count, "force": args.force });
        tx.audit(globals.now()?, &who(), &format!("{} import", kind.word()), &shown, &detail)?;
        tx.commit()?;
    }
    let mut out = Out::new();
    if globals.json {
        let mut view = serde_json::json!({ "list": kind.word(), "dry_run": args.dry_run, "entries": size });
        if let (Some(into), Ok(serde_json::Value::Object(from))) =
            (view.as_object_mut(), serde_json::to_value(&diff))
        {
            into.extend(from);
        }
        out.json("autoticket.import/1", view);
        return Ok(Exit::Done);
    }
    let would = if args.dry_run { "would be " } else { "" };
    let entries = if size == 1 { "1 entry".to_owned() } else { format!("{size} entries") };
    out.line(format!("{}: {entries}; {would}{}", kind.word(), words(&diff)));
    first_names(&mut out, &[("+", &diff.added), ("-", &diff.removed), ("~", &diff.changed)]);
    store.close()?;
    Ok(Exit::Done)
}

/// The first names of each kind of change, after its sign.
pub(super) fn first_names(out: &mut Out, changes: &[(&str, &ListNames)]) {
    for (sign, names) in changes {
        for name in &names.first {
            out.line(format!("  {sign} {}", show::one(name)));
        }
        let more = names.count - names.first.len() as u64;
        if more > 0 {
            out.line(format!("  {sign} and {more} more"));
        }
    }
}

fn words(diff: &ListDiff) -> String {
    let part = |names: &ListNames, word: &str| format!("{} {word}", names.count);
    [part(&diff.added, "added"), part(&diff.removed, "removed"), part(&diff.changed, "changed")].join(", ")
}

fn accepted(store: &Store) -> Result<Vec<String>, Failure> {
    let note = store.note(ACCEPTED)?;
    Ok(note.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

fn keep_accepted(tx: &Tx<'_>, names: &[String]) -> Result<(), Failure> {
    Ok(tx.keep_note(ACCEPTED, &serde_json::json!(names).to_string())?)
}

fn accept(globals: &Globals, args: &AcceptArgs) -> Result<Exit, Failure> {
    let world = World::load(globals)?;
    let store = globals.store_to_act(Access::WriteMany, args.dry_run)?;
    let nodes: Vec<String> = args.nodes.iter().map(|n| list_file::key(n)).collect();
    if let Some(empty) = nodes.iter().position(String::is_empty) {
        return Err(Failure::say(Exit::Usage, format!("`{}` is no node", show::one(&args.nodes[empty]))));
    }
    let mails = rejected_for(&store, &nodes)?;
    let tx = store.begin()?;
    let mut known = accepted(&store)?;
    for node in &nodes {
        let row = ListRow { name: node.clone(), canonical: node.clone(), only: Vec::new() };
        tx.add_list_row(ListKind::Nodes, &row, world.now)?;
        if !known.contains(node) {
            known.push(node.clone());
        }
    }
    keep_accepted(&tx, &known)?;
    if args.dry_run {
        tx.roll_back();
        let mut out = Out::new();
        if globals.json {
            out.json(
                "autoticket.accept/1",
                serde_json::json!({ "dry_run": true, "nodes": nodes, "mails": mails.len() }),
            );
        } else {
            let mails = show::count(mails.len() as u64, "rejected mail");
            out.line(format!("would accept {}; {mails} would be judged anew", show::one(&nodes.join(", "))));
        }
        return Ok(Exit::Done);
    }
    let who = who();
    tx.audit(
        world.now,
        &who,
        "nodes accept",
        &nodes.join(" "),
        &serde_json::json!({ "mails": mails.len() }),
    )?;
    tx.commit()?;
    let engine = world.engine(Effort::Mailbox);
    let done = retry::retry(&store, &world.rules, &engine, mails, &who, world.now, false)?;
    // Last: a crash before this leaves the near miss to be accepted again.
    let tx = store.begin()?;
    for node in &nodes {
        tx.forget_near_miss(node)?;
    }
    tx.commit()?;
    mail::report(globals.json, false, &done);
    store.close()?;
    Ok(Exit::Done)
}

/// Mails rejected because of one of these nodes.
fn rejected_for(store: &Store, nodes: &[String]) -> Result<Vec<MailRow>, Failure> {
    const AT_ONCE: usize = 1000;
    let mut found = Vec::new();
    let mut before = i64::MAX;
    loop {
        let rows = store.mails(&[Outcome::Rejected], None, before, AT_ONCE)?;
        let Some(last) = rows.last() else { return Ok(found) };
        before = last.id;
        found.extend(rows.into_iter().filter(|row| asks_for(&row.reason, nodes)));
    }
}

fn asks_for(reason: &Reason, nodes: &[String]) -> bool {
    match reason {
        Reason::NodeUnlisted { node, .. } => {
            let node = name::normal(node);
            nodes.iter().any(|n| *n == node || glob::is_glob(n) && glob::matches(n, &node))
        }
        Reason::AllRecordsRefused { first } => asks_for(first, nodes),
        _ => false,
    }
}

fn forget(globals: &Globals, args: &ForgetArgs) -> Result<Exit, Failure> {
    let store = globals.store_to_act(Access::Write, args.dry_run)?;
    let nodes: Vec<String> = args.nodes.iter().map(|n| list_file::key(n)).collect();
    let tx = store.begin()?;
    let mut known = accepted(&store)?;
    if let Some(other) = nodes.iter().find(|n| !known.contains(n)) {
        let text = format!("node {} was not accepted by hand", show::one(other));
        return Err(Failure::say(Exit::Data, text).hint(
            "what an import brought is taken out by an import without it: autoticket nodes import FILE",
        ));
    }
    known.retain(|n| !nodes.contains(n));
    keep_accepted(&tx, &known)?;
    for node in &nodes {
        tx.drop_list_row(ListKind::Nodes, node)?;
    }
    if args.dry_run {
        tx.roll_back();
    } else {
        tx.audit(globals.now()?, &who(), "nodes forget", &nodes.join(" "), &serde_json::json!({}))?;
        tx.commit()?;
    }
    let mut out = Out::new();
    if globals.json {
        out.json("autoticket.forget/1", serde_json::json!({ "dry_run": args.dry_run, "nodes": nodes }));
    } else {
        let would = if args.dry_run { "would forget" } else { "forgot" };
        out.line(format!("{would} {}", show::one(&nodes.join(", "))));
    }
    Ok(Exit::Done)
}

fn misses(globals: &Globals) -> Result<Exit, Failure> {
    let rows = globals.store(Access::Read)?.near_misses()?;
    let mut out = Out::new();
    if globals.json {
        out.items("autoticket.misses/1", &rows);
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["NODE", "DOMAIN", "MAILS", "FIRST", "LAST"]);
    for row in &rows {
        table.row([
            show::one(&row.node),
            show::one(&row.domain),
            row.mails.to_string(),
            show::time(row.first),
            show::time(row.last),
        ]);
    }
    out.table(&table);
    if !rows.is_empty() {
        show::tell(format_args!(
            "autoticket: autoticket nodes accept NODE… lists them and judges their mails anew"
        ));
    }
    Ok(Exit::Done)
}

/// Refreshes the lists that are due; what fails is said, and the old list stays.
///
/// `folder` is the rules folder: files of lists are named relative to it.
pub(super) fn refresh(store: &Store, rules: &RuleSet, folder: Option<&Path>, now: Timestamp) {
    let lists = &rules.settings.lists;
    for (kind, source) in [(ListKind::Domains, &lists.domains), (ListKind::Nodes, &lists.nodes)] {
        let Some(source) = source else { continue };
        match refresh_one(store, kind, source, folder, now) {
            Ok(None) => {}
            Ok(Some(diff)) => {
                show::tell(format_args!("autoticket: {} refreshed: {}", kind.word(), words(&diff)))
            }
            Err(failure) => {
                show::tell(format_args!(
                    "autoticket: {} not refreshed, the old list stays: {}",
                    kind.word(),
                    failure.line()
                ));
            }
        }
    }
}

fn refresh_one(
    store: &Store,
    kind: ListKind,
    source: &ListSource,
    folder: Option<&Path>,
    now: Timestamp,
) -> Result<Option<ListDiff>, Failure> {
    let every = SignedDuration::from_secs(source.every.0.max(1));
    let tried_key = format!("tried-{}", kind.word());
    let past = |t: Timestamp, wait: SignedDuration| now.duration_since(t) >= wait;
    let fresh = store.list_state(kind)?.is_some_and(|(_, _, at, _)| !past(at, every));
    let tried: Option<Timestamp> = store.note(&tried_key)?.and_then(|t| t.parse().ok());
    if fresh || tried.is_some_and(|t| !past(t, every.min(TRY_AGAIN))) {
        return Ok(None);
    }
    let tx = store.begin()?;
    tx.keep_note(&tried_key, &now.to_string())?;
    tx.commit()?;
    let (bytes, origin) = match &source.from {
        ListFrom::File(file) => {
            let path = folder.map_or_else(|| PathBuf::from(file), |f| f.join(file));
            (list_file::read(&path)?, path.display().to_string())
        }
        ListFrom::Command(argv) => (list_file::ask(argv)?, argv.join(" ")),
    };
    let entries = list_file::parse(kind, &bytes, &origin)?;
    let tx = store.begin()?;
    let replaced = replace(&tx, kind, entries, &origin, false, now)?;
    let diff = match replaced {
        Replaced::Unchanged => None,
        Replaced::Changed(diff) => {
            let detail = serde_json::json!({ "added": diff.added.count, "removed": diff.removed.count,
                "changed": diff.changed.count });
            tx.audit(now, "autoticket run", &format!("{} refresh", kind.word()), &origin, &detail)?;
            Some(diff)
        }
    };
    tx.commit()?;
    Ok(diff)
}
