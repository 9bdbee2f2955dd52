//! `threshold`: which thresholds hold, and changing them while running.

use super::show::{self, Out, Table};
use super::world::who;
use super::{Exit, Failure, Globals, World};
use crate::rules::model::{LONGEST_WINDOW, Origin, Scope, Seconds, ThresholdRule};
use crate::rules::{nearest, parse_scope, parse_seconds};
use crate::store::{Access, Store};
use crate::tracking::model::MOST_COUNT;
use serde::Serialize;

/// See thresholds; set and unset them while running
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    List(ListArgs),
    Set(SetArgs),
    Unset(UnsetArgs),
}

/// List thresholds, narrowest scope first: of those that fit an alert the first one holds
#[derive(Debug, clap::Args)]
struct ListArgs {}

/// Set a threshold; it stands over the rules' one of the same scope and failure type
#[derive(Debug, clap::Args)]
struct SetArgs {
    /// `device GLOB`, `building NAME`, `server GLOB`, `region NAME`, `package GLOB` (quoted) or `everywhere`
    scope: String,
    /// A failure type, or `any`
    failure: String,
    /// Alerts that make a ticket
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_COUNT)))]
    count: u32,
    /// The window, such as 30m, 1h, 2d
    within: String,
    /// Say what would be set, change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Take back a threshold that was set while running
#[derive(Debug, clap::Args)]
struct UnsetArgs {
    /// As it was set
    scope: String,
    /// As it was set
    failure: String,
    /// Say what would be taken back, change nothing
    #[arg(long)]
    dry_run: bool,
}

/// A threshold as `--json` prints it.
#[derive(Debug, Serialize)]
struct ThresholdView {
    scope: String,
    failure: String,
    count: u32,
    /// Seconds.
    within: i64,
    origin: String,
}

impl From<&ThresholdRule> for ThresholdView {
    fn from(rule: &ThresholdRule) -> Self {
        Self {
            scope: rule.scope.to_string(),
            failure: rule.failure.clone().unwrap_or_else(|| "any".to_owned()),
            count: rule.count,
            within: rule.window.0,
            origin: rule.origin.to_string(),
        }
    }
}

pub(super) fn run(globals: &Globals, args: Args) -> Result<Exit, Failure> {
    let world = World::load(globals)?;
    match args.act {
        Act::List(ListArgs {}) => list(&world, globals),
        Act::Set(args) => set(&world, globals, &args),
        Act::Unset(args) => unset(&world, globals, &args),
    }
}

/// All thresholds in force, in the order in which they are asked.
fn in_force(world: &World, store: &Store) -> Result<Vec<ThresholdRule>, Failure> {
    let set = store.thresholds()?.into_iter().map(|row| row.rule);
    let mut rules = crate::intake::with_set(&world.rules.thresholds, set);
    rules.sort_by_key(|r| (r.scope.rank(), r.failure.is_none()));
    Ok(rules)
}

fn list(world: &World, globals: &Globals) -> Result<Exit, Failure> {
    let rules = in_force(world, &globals.store(Access::Read)?)?;
    let mut out = Out::new();
    if world.json {
        out.items("autoticket.thresholds/1", &rules.iter().map(ThresholdView::from).collect::<Vec<_>>());
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["SCOPE", "FAILURE", "COUNT", "WITHIN", "ORIGIN"]);
    for rule in &rules {
        table.row([
            show::one(&rule.scope.to_string()),
            rule.failure.clone().unwrap_or_else(|| "any".to_owned()),
            rule.count.to_string(),
            rule.window.to_string(),
            show::one(&rule.origin.to_string()),
        ]);
    }
    out.table(&table);
    Ok(Exit::Done)
}

fn key(world: &World, scope: &str, failure: &str) -> Result<(Scope, Option<String>), Failure> {
    let scope = parse_scope(scope).map_err(|e| Failure::say(Exit::Usage, e))?;
    if failure == "any" {
        return Ok((scope, None));
    }
    let types = &world.rules.failure_types;
    if types.iter().any(|t| t == failure) {
        return Ok((scope, Some(failure.to_owned())));
    }
    let words = types.iter().map(String::as_str).chain(["any"]);
    let meant = nearest(failure, words).map(|m| format!(", did you mean `{m}`?")).unwrap_or_default();
    Err(Failure::say(Exit::Usage, format!("`{}` is no failure type{meant}", show::one(failure)))
        .hint(format!("one of {}, or any", types.join(", "))))
}

fn set(world: &World, globals: &Globals, args: &SetArgs) -> Result<Exit, Failure> {
    let (scope, failure) = key(world, &args.scope, &args.failure)?;
    let window = parse_seconds(&args.within).map_err(|e| Failure::say(Exit::Usage, e))?;
    if !(1..=LONGEST_WINDOW).contains(&window.0) {
        return Err(Failure::say(
            Exit::Usage,
            format!("a window is 1s to {} long, not {window}", Seconds(LONGEST_WINDOW)),
        ));
    }
    let store = globals.store_to_act(Access::Write, args.dry_run)?;
    let who = who();
    let tx = store.begin()?;
    let standing = in_force(world, &store)?.into_iter().find(|r| r.scope == scope && r.failure == failure);
    let origin = Origin { file: format!("set by {who}"), line: 0, column: 0 };
    let rule = ThresholdRule { scope, failure, count: args.count, window, origin };
    tx.set_threshold(&rule, &who, world.now)?;
    let words = |r: &ThresholdRule| format!("{} in {}", r.count, r.window);
    let key = format!("{} {}", rule.scope, args.failure);
    let before = standing.as_ref().map(words);
    if args.dry_run {
        tx.roll_back();
    } else {
        let detail = serde_json::json!({ "before": before, "after": words(&rule) });
        tx.audit(world.now, &who, "threshold set", &key, &detail)?;
        tx.commit()?;
    }
    let mut out = Out::new();
    if world.json {
        let view = serde_json::json!({ "dry_run": args.dry_run, "before": standing.as_ref().map(ThresholdView::from),
            "after": ThresholdView::from(&rule) });
        out.json("autoticket.threshold-set/1", view);
    } else {
        let would = if args.dry_run { "would set" } else { "set" };
        let was = before.map_or_else(|| "none before".to_owned(), |b| format!("was {b}"));
        out.line(format!("{would} {}: {}, {was}", show::one(&key), words(&rule)));
    }
    Ok(Exit::Done)
}

fn unset(world: &World, globals: &Globals, args: &UnsetArgs) -> Result<Exit, Failure> {
    let (scope, failure) = key(world, &args.scope, &args.failure)?;
    let store = globals.store_to_act(Access::Write, args.dry_run)?;
    let tx = store.begin()?;
    let key = format!("{scope} {}", args.failure);
    if !tx.unset_threshold(&scope, failure.as_deref())? {
        let text = format!("no threshold was set while running for {}", show::one(&key));
        return Err(Failure::say(Exit::Data, text)
            .hint("autoticket threshold list; those with a file are changed there"));
    }
    let now_holds = in_force(world, &store)?.into_iter().find(|r| r.scope == scope && r.failure == failure);
    if args.dry_run {
        tx.roll_back();
    } else {
        tx.audit(world.now, &who(), "threshold unset", &key, &serde_json::json!({}))?;
        tx.commit()?;
    }
    let mut out = Out::new();
    if world.json {
        let view = serde_json::json!({ "dry_run": args.dry_run, "scope": scope.to_string(), "failure": args.failure,
            "holds": now_holds.as_ref().map(ThresholdView::from) });
        out.json("autoticket.threshold-unset/1", view);
    } else {
        let would = if args.dry_run { "would take back" } else { "took back" };
        let holds = now_holds.map_or_else(
            || "the next wider scope holds".to_owned(),
            |r| format!("{} in {} of {} holds", r.count, r.window, r.origin),
        );
        out.line(format!("{would} {}: {}", show::one(&key), show::one(&holds)));
    }
    Ok(Exit::Done)
}
