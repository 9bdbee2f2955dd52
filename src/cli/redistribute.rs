//! `redistribute`: what failed on an intermediate server, shown, approved, issued, confirmed.
//!
//! In: options. Out: a list, a plan file, an approval screen, or what issuing came to. How logs are read, commands
//! rebuilt and issued is the business of other rooms; here they are put together.

mod agent;
mod approve;
mod aside;
mod edited;
mod evidence;
mod far;
mod found;
mod listed;
mod machine;
mod planned;
mod record;
mod screen;
mod surveyed;
mod voice;
mod wire;

use super::show::{self, Out};
use super::{Exit, Failure, Globals};
use crate::redistribution::comparison::{Difference, compare};
use crate::redistribution::plan::{Grade, Plan};
use crate::store::Error;
use aside::Check;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
pub(super) use surveyed::other_names;
use surveyed::{Look, Survey, survey};

/// Find what failed on this intermediate server, and reissue exactly that
///
/// Failed distributions and distribution logfiles are cross-checked; for the recipients that failed, and for no other,
/// the original commands are rebuilt and shown for approval. Without a terminal: `--list`, `--plan`, `--apply`,
/// `--approve`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    act: Option<Act>,
    #[command(flatten)]
    ask: Ask,
    /// List what is left to do; exit status 1 where there is something
    #[arg(long, conflicts_with_all = ["plan", "apply", "approve"])]
    list: bool,
    /// Write the plan to a new file, for review
    #[arg(long, value_name = "FILE", conflicts_with_all = ["apply", "approve"])]
    plan: Option<PathBuf>,
    /// Issue a reviewed plan: it is rebuilt from the logs and has to be the same
    #[arg(long, value_name = "FILE", conflicts_with = "ask")]
    apply: Option<PathBuf>,
    /// Approve without a screen: `all`, or ids of jobs and commands (`J3`, `J3.1`)
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    approve: Vec<String>,
    /// Issue again what nobody knows the end of, or what its manager has: keys as `redistribute journal` shows them
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    again: Vec<String>,
    /// Issue in waves, each after the one before: counts, shares and `rest`, such as 1,10%,rest; what they leave
    /// over is the last wave: `1` means 1,rest
    #[arg(long, value_name = "WAVES")]
    waves: Option<String>,
    /// Stop when more commands have failed than this number or share of those begun
    #[arg(long, value_name = "N|N%")]
    max_errors: Option<String>,
    /// Commands at once, where fewer than redistribution.yaml allows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    parallel: Option<u16>,
    /// Make and issue the plan on this intermediate server, over SSH: autoticket there reads its logs and keeps the
    /// journal. Host keys have to be known to ssh; keys come from ssh-agent or files
    #[arg(long, value_name = "USER@HOST[:PORT]")]
    on: Option<String>,
    /// The program there [default: what redistribution.yaml says, autoticket]
    #[arg(long, value_name = "PATH", requires = "on")]
    remote_program: Option<String>,
    /// Look whether recipients answer before anything is issued, as `reachability:` says [or ping]
    #[arg(long, overrides_with = "no_check")]
    check: bool,
    /// Do not look whether they answer, whatever `reachability:` says
    #[arg(long)]
    no_check: bool,
    /// Say what would be issued, issue nothing
    #[arg(long)]
    dry_run: bool,
}

/// What is looked at
#[derive(Debug, Clone, Default, clap::Args, Serialize, Deserialize, PartialEq, Eq)]
#[group(id = "ask", multiple = true)]
struct Ask {
    /// The intermediate server that executed the jobs [default: this machine]
    #[arg(long, value_name = "SERVER")]
    server: Option<String>,
    /// Runs and failures since then: RFC 3339, a date, `7d`, `last week`, `servicing` [default: since the last
    /// servicing of this server, else 7d; all of a log named with --log]
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Runs and failures until then
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only the downtime of this ticket, and its server
    #[arg(long, value_name = "TICKET", conflicts_with_all = ["since", "until"])]
    ticket: Option<String>,
    /// Only packages of this glob
    #[arg(long, value_name = "GLOB")]
    package: Option<String>,
    /// Only the job of this number
    #[arg(long, value_name = "JOB")]
    job: Option<String>,
    /// Only recipients of this glob
    #[arg(long, value_name = "GLOB")]
    recipient: Option<String>,
    /// Only this failure type or outcome
    #[arg(long, value_name = "TYPE")]
    cause: Option<String>,
    /// Distribution logfiles or folders of them; rotated and compressed ones beside them are found
    #[arg(long, value_name = "PATH", value_delimiter = ',')]
    log: Vec<PathBuf>,
    /// The service center whose failed distributions count, over SSH; `none`: go by the logs alone [default: what
    /// redistribution.yaml says, else the state here]
    #[arg(long, value_name = "USER@HOST[:PORT]")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service_center: Option<String>,
    /// The logfile rule that reads them, where their format is not to be recognised
    #[arg(long, value_name = "RULE")]
    format: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    Journal(record::Args),
    Sync(record::SyncArgs),
}

/// A plan in a file, with what was asked.
#[derive(Debug, Serialize, Deserialize)]
struct PlanFile {
    schema: String,
    /// The server on which it was made, where that is not this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on: Option<String>,
    ask: Ask,
    plan: Plan,
}

const SCHEMA: &str = "autoticket.plan/1";
/// A plan file is at most this long.
const MOST: u64 = 1 << 30;

pub(super) use agent::Args as AgentArgs;

pub(super) fn run(globals: &Globals, args: Args) -> Result<Exit, Failure> {
    at_work(globals, args).map_err(|failure| {
        let is_others = matches!(failure.error.downcast_ref(), Some(Error::Owner { .. }));
        let own = "commands that are to run as this user need a state of its own: --state; redistribute(1), WHOSE STATE";
        if is_others { failure.hint(own) } else { failure }
    })
}

fn at_work(globals: &Globals, args: Args) -> Result<Exit, Failure> {
    let globals = &Globals { never_here: true, ..globals.clone() };
    if args.ask.server.as_deref().is_some_and(|server| server.trim().is_empty()) {
        let text = "--server '' names no server";
        return Err(Failure::say(Exit::Usage, text).hint("without --server it is this machine"));
    }
    match args.act {
        Some(Act::Journal(args)) => return record::journal(globals, &args),
        Some(Act::Sync(args)) => return record::sync(globals, &args),
        None => {}
    }
    if let Some(path) = &args.apply {
        return apply(globals, &args, path);
    }
    if !args.list && args.plan.is_none() && !args.dry_run && args.on.is_none() {
        evidence::take_up(globals, Some(&args.ask))?;
    }
    let look = if args.list { Look::Period } else { Look::Present };
    let mut survey = looked(globals, &args, &args.ask, look)?;
    if let Some(path) = &args.plan {
        return write(globals, &args, &survey, path);
    }
    if args.list {
        let asked = if args.check { check(&args) } else { Check::Never };
        all_aside(globals, &mut survey, asked)?;
        return listed::list(globals, &survey);
    }
    survey.may_issue()?;
    if !args.approve.is_empty() || !args.again.is_empty() {
        return approve::without_a_screen(globals, &args, &mut survey, &args.approve);
    }
    if survey.is_done() {
        if !args.dry_run && !globals.json {
            approve::nothing_left(globals, &survey)?;
        }
        return listed::nothing(globals, &survey);
    }
    let asked = if globals.json { Check::Never } else { check(&args) };
    all_aside(globals, &mut survey, asked)?;
    if args.dry_run || globals.json {
        return listed::list(globals, &survey);
    }
    screen::approve(globals, &args, survey)
}

/// What is to be done here, or on the server that `--on` names.
fn looked(globals: &Globals, args: &Args, ask: &Ask, look: Look) -> Result<Survey, Failure> {
    match &args.on {
        Some(on) => {
            let far = far::Far::on(globals, on, args.remote_program.as_deref())?;
            let acts = !args.list && args.plan.is_none() && !args.dry_run;
            // As it is here: a program that only wants to know, and a plan of a file, remember no servicing.
            let looks = !globals.json || !args.approve.is_empty();
            let services = acts && looks && args.apply.is_none() && args.again.is_empty();
            far.survey(globals, surveyed::asked_from_afar(globals, ask)?, acts, services)
        }
        None => survey(globals, ask, look),
    }
}

/// Answers a copy of this program on another machine.
pub(super) fn answer(globals: &Globals, args: AgentArgs) -> Result<Exit, Failure> {
    agent::run(globals, args)
}

/// Whether recipients are asked if they answer.
fn check(args: &Args) -> Check {
    match (args.no_check, args.check) {
        (true, _) => Check::Never,
        (false, true) => Check::Always,
        (false, false) => Check::Rules,
    }
}

/// Sets aside who must be, of all that is open.
fn all_aside(globals: &Globals, survey: &mut Survey, check: Check) -> Result<(), Failure> {
    let commands = survey.open_jobs().flat_map(|job| job.commands.iter().map(move |command| (job, command)));
    let found = aside::look(globals, survey, check, commands, Vec::new())?;
    survey.set_aside(globals, found)
}

/// Writes the plan; never over another file.
fn write(globals: &Globals, args: &Args, survey: &Survey, path: &Path) -> Result<Exit, Failure> {
    let failed = |error: std::io::Error| {
        let exists = error.kind() == std::io::ErrorKind::AlreadyExists;
        let failure = Failure::new(
            Exit::Io,
            anyhow::Error::new(error).context(format!("write the plan {}", path.display())),
        );
        if exists { failure.hint("name a file that does not exist yet") } else { failure }
    };
    let file = PlanFile {
        schema: SCHEMA.to_owned(),
        on: args.on.clone(),
        ask: survey.ask.clone(),
        plan: survey.plan.clone(),
    };
    let text = show::json_lines(&file);
    if !args.dry_run {
        let mut options = fs::OpenOptions::new();
        let mut written = options.write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
        written.write_all(text.as_bytes()).and_then(|()| written.sync_all()).map_err(failed)?;
    }
    let jobs = survey.open_jobs().count() as u64;
    let unasked = Unasked::of(survey);
    let mut out = Out::new();
    if globals.json {
        let view = serde_json::json!({ "dry_run": args.dry_run, "plan": path, "jobs": jobs, "refused": unasked.refused,
            "ambiguous": unasked.single, "notes": survey.plan.notes });
        out.json("autoticket.redistribute-plan/1", view);
    } else {
        let would = if args.dry_run { "would write" } else { "wrote" };
        out.line(format!(
            "{would} {} to {}",
            show::count(jobs, "job"),
            show::one(&path.display().to_string())
        ));
        let on = args.on.as_ref().map(|on| format!(" --on {on}")).unwrap_or_default();
        out.line(format!(
            "issue it with: redistribute --apply {}{on}",
            show::one(&path.display().to_string())
        ));
        if let Some(words) = unasked.words(&format!("{}{on}", show::one(&path.display().to_string()))) {
            out.line(words);
        }
        listed::notes(&mut out, survey);
    }
    Ok(if survey.is_sound() { Exit::Done } else { Exit::Findings })
}

/// What `all` does not issue of a plan.
struct Unasked {
    /// Jobs of which nothing can be issued.
    refused: u64,
    /// Commands that are approved one by one, by their ids.
    single: Vec<String>,
}

impl Unasked {
    fn of(survey: &Survey) -> Unasked {
        let refused = survey.open_jobs().filter(|job| job.refused.is_some()).count() as u64;
        let commands = survey.open_jobs().flat_map(|job| job.commands.iter().map(move |own| (job, own)));
        let single = commands.filter(|(job, own)| own.grade == Grade::Ambiguous || !job.blocked.is_empty());
        Unasked { refused, single: single.map(|(_, own)| own.id.clone()).collect() }
    }

    /// In words, with what issues one; `plan`: the plan and where it is applied.
    fn words(&self, plan: &str) -> Option<String> {
        let refused = (self.refused > 0).then(|| format!("{} refused", show::count(self.refused, "job")));
        let single = self.single.first().map(|first| {
            let many = show::count(self.single.len() as u64, "command");
            format!("{many} ambiguous or blocked, which `redistribute --apply {plan} --approve {first}` approves one by one")
        });
        let all: Vec<String> = refused.into_iter().chain(single).collect();
        (!all.is_empty()).then(|| format!("not issued with the rest: {}", all.join(", ")))
    }
}

fn apply(globals: &Globals, args: &Args, path: &Path) -> Result<Exit, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Io, anyhow::Error::new(error).context(format!("read the plan {}", path.display())))
    };
    let meta = fs::metadata(path).map_err(failed)?;
    if !meta.is_file() || meta.len() > MOST {
        return Err(Failure::say(Exit::Data, format!("{} is no plan", path.display())));
    }
    let text = fs::read(path).map_err(failed)?;
    let file: PlanFile = serde_json::from_slice(&text).map_err(|error| {
        let error = anyhow::Error::new(error).context(format!("{} is no plan", path.display()));
        Failure::new(Exit::Data, error).hint("redistribute --plan FILE writes one")
    })?;
    if file.schema != SCHEMA {
        let text = format!("{} has the schema {}, not {SCHEMA}", path.display(), show::one(&file.schema));
        return Err(Failure::say(Exit::Data, text));
    }
    if let (Some(on), None) = (&file.on, &args.on) {
        let text = format!("the plan {} was made on {}", path.display(), show::one(on));
        return Err(Failure::say(Exit::Usage, text).hint(format!("--on {} applies it there", show::one(on))));
    }
    if !args.dry_run && args.on.is_none() {
        evidence::take_up(globals, Some(&file.ask))?;
    }
    let mut survey = looked(globals, args, &file.ask, Look::Present)?;
    survey.may_issue()?;
    let differences = compare(&file.plan, &survey.plan);
    if !differences.is_empty() {
        return Err(differs(&differences));
    }
    if args.approve.is_empty() && !globals.json {
        let on = args.on.as_ref().map(|on| format!(" --on {on}")).unwrap_or_default();
        if let Some(words) = Unasked::of(&survey).words(&format!("{}{on}", path.display())) {
            show::tell(format_args!("autoticket: {words}"));
        }
    }
    let all = ["all".to_owned()];
    let wanted: &[String] = if args.approve.is_empty() { &all } else { &args.approve };
    approve::without_a_screen(globals, args, &mut survey, wanted)
}

/// A reviewed plan that is not the present one.
fn differs(differences: &[Difference]) -> Failure {
    let lines: Vec<String> = differences.iter().take(20).map(ToString::to_string).collect();
    let more = differences.len().saturating_sub(20);
    let tail = if more > 0 { format!("\nand {more} more") } else { String::new() };
    let text = format!(
        "the plan is not the one that the logs give now: nothing was issued\n{}{tail}",
        lines.join("\n")
    );
    Failure::say(Exit::Data, text).hint("write a new plan with --plan and review that")
}
