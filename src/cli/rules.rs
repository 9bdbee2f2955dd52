//! `rules`: checks them, runs their samples, shows what they say and how they fare with a mail.

use super::show::{self, Out, Table};
use super::{Exit, Failure, Globals, World};
use super::{rules_folder, rules_logs, rules_route};
use crate::alert::engine::Engine;
use crate::alert::format::{Found, Trial};
use crate::alert::pattern::Effort;
use crate::alert::{AlertRecord, samples};
use crate::mail::{self, Mail, mailbox};
use crate::rules::model::{Depth, Field, ListFrom, NodeAsks, Origin, TransportRule};
use crate::rules::samples::{Sample, SampleMail};
use crate::rules::{self, Mistake, RuleSet, Source};
use crate::ticket::template;
use jiff::Timestamp;
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};

/// Check rules, run their samples, see what they say
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    Check(CheckArgs),
    Test(Box<TestArgs>),
    Show(ShowArgs),
    List(ListArgs),
}

/// Check the rules and list every mistake at once, as file:line:column; exit 78 where there is one
#[derive(Debug, clap::Args)]
struct CheckArgs {
    /// Folder of rules [default: as --rules]
    dir: Option<PathBuf>,
}

/// Run all samples beside the rules, or show how rules fare with mails and logs, or the way to a center
#[derive(Debug, clap::Args)]
struct TestArgs {
    /// Mails to show (which conditions hold, which do not, what is read) and logs (which lines rules understand)
    mails: Vec<PathBuf>,
    /// With mails: formats whose literals do not occur in the mail as well
    #[arg(long, requires = "mails")]
    all: bool,
    /// The files are mails, whatever they look like
    #[arg(long, requires = "mails", conflicts_with = "log")]
    mail: bool,
    #[command(flatten)]
    logs: rules_logs::LogArgs,
    #[command(flatten)]
    route: rules_route::RouteArgs,
}

/// Show the settings in force
#[derive(Debug, clap::Args)]
struct ShowArgs {}

/// List the formats in the order in which they are tried
#[derive(Debug, clap::Args)]
struct ListArgs {}

pub(super) fn run(globals: &Globals, args: Args) -> Result<Exit, Failure> {
    let named = match &args.act {
        Act::Check(CheckArgs { dir: Some(dir) }) => Some(dir.clone()),
        _ => globals.rules_folder(),
    };
    rules_folder::guarded(named.as_deref())?;
    match args.act {
        Act::Check(args) => check(globals, args.dir),
        Act::Test(args) if args.route.route.is_some() => {
            let device = args.route.route.as_deref().unwrap_or_default();
            rules_route::run(&World::load(globals)?, device, &args.route)
        }
        Act::Test(args) if args.mails.is_empty() => test_samples(globals),
        Act::Test(args) => test_files(globals, &args),
        Act::Show(ShowArgs {}) => settings(globals),
        Act::List(ListArgs {}) => list(globals),
    }
}

#[derive(Serialize)]
struct MistakeView<'a> {
    file: &'a str,
    line: u32,
    column: u32,
    what: &'a str,
    hint: Option<&'a str>,
}

fn check(globals: &Globals, dir: Option<PathBuf>) -> Result<Exit, Failure> {
    let folder = dir.or_else(|| globals.rules_folder());
    let sources = rules_folder::sources(folder.as_deref())?;
    let (samples, of_samples) = all_samples(folder.as_deref())?;
    let (rules, mut mistakes) = match rules::compile(&sources) {
        Ok(rules) => (Some(rules), Vec::new()),
        Err(found) => (None, found),
    };
    mistakes.extend(sources.iter().filter_map(template_mistake));
    mistakes.extend(of_samples);
    let redistribution = rules_folder::redistribution(folder.as_deref())?;
    mistakes.extend(rules::redistribution::compile(redistribution).err().into_iter().flatten());
    let logs = rules_logs::checked(folder.as_deref())?;
    mistakes.extend(logs.mistakes);
    let logs_samples = logs.samples;
    let mut warnings = rules.as_ref().map(|rules| unproven(rules, &samples)).unwrap_or_default();
    warnings.extend(logs.warnings);
    let mut out = Out::new();
    if globals.json {
        let views: Vec<_> = mistakes.iter().map(view).collect();
        let warnings: Vec<_> = warnings.iter().map(view).collect();
        out.json(
            "autoticket.rules-check/1",
            serde_json::json!({ "ok": mistakes.is_empty(), "items": views, "warnings": warnings }),
        );
    } else {
        for mistake in &mistakes {
            out.line(mistake);
        }
        for warning in &warnings {
            out.line(format!("{warning} (a warning)"));
        }
        if let Some(rules) = rules.filter(|_| mistakes.is_empty()) {
            let place = folder.as_ref().map_or_else(|| "compiled in".to_owned(), |f| f.display().to_string());
            let logs = show::count(logs.rules as u64, "logfile rule");
            out.line(format!("ok: {}, {logs}, {place}", counts(&rules, samples.len() + logs_samples)));
        } else {
            out.line(show::count(mistakes.len() as u64, "mistake"));
        }
    }
    Ok(if mistakes.is_empty() { Exit::Done } else { Exit::Configuration })
}

/// The first syntax error of a template. While tickets are written it is no failure: the shipped template of
/// that name stands in, so here is where it must be seen.
fn template_mistake(source: &Source) -> Option<Mistake> {
    let file = source.file.strip_prefix(rules::EMBEDDED).unwrap_or(&source.file);
    let name = file.strip_prefix("templates/")?;
    let (line, what) = template::syntax_error(name.strip_suffix(".j2").unwrap_or(name), &source.text)?;
    Some(Mistake { file: source.file.clone(), line, column: 1, what, hint: None })
}

/// Formats of the operator's own of which no sample says what they shall read.
fn unproven(rules: &RuleSet, samples: &[Placed]) -> Vec<Mistake> {
    let own = rules.formats.iter().filter(|f| !f.origin.file.starts_with(rules::EMBEDDED));
    own.filter_map(|format| {
        let wanted = format.origin.file.replace(".yaml", ".samples.yaml");
        let proven = samples.iter().any(|p| p.folder.is_some() && p.sample.origin.file == wanted);
        let what = format!("format `{}` has no samples: write {wanted}", format.id);
        let Origin { file, line, column } = format.origin.clone();
        (!proven).then_some(Mistake { file, line, column, what, hint: None })
    })
    .collect()
}

fn view(mistake: &Mistake) -> MistakeView<'_> {
    MistakeView {
        file: &mistake.file,
        line: mistake.line,
        column: mistake.column,
        what: &mistake.what,
        hint: mistake.hint.as_deref(),
    }
}

fn counts(rules: &RuleSet, samples: usize) -> String {
    [
        (rules.formats.len(), "format"),
        (rules.thresholds.len(), "threshold"),
        (rules.centers.centers.len(), "center"),
        (rules.templates.len(), "template"),
        (samples, "sample"),
    ]
    .map(|(n, noun)| show::count(n as u64, noun))
    .join(", ")
}

/// A sample and where the files it names are.
struct Placed {
    sample: Sample,
    folder: Option<PathBuf>,
}

/// The shipped samples and those of the rules folder, and the mistakes in them.
fn all_samples(folder: Option<&Path>) -> Result<(Vec<Placed>, Vec<Mistake>), Failure> {
    let mut found = Vec::new();
    let mut mistakes = Vec::new();
    let mut add = |source: &Source, folder: Option<&Path>| match rules::samples::parse(source) {
        Ok(samples) => {
            found.extend(
                samples.into_iter().map(|sample| Placed { sample, folder: folder.map(Path::to_path_buf) }),
            );
        }
        Err(wrong) => mistakes.extend(wrong),
    };
    let own = rules_folder::samples(folder, "alerts");
    // A file of the same name replaces the shipped one, rules and samples alike.
    let replaced = |shipped: &str| {
        let name = shipped.strip_prefix(rules::EMBEDDED).unwrap_or(shipped);
        let rule = name.replace(".samples.yaml", ".yaml");
        folder.is_some_and(|f| f.join(&rule).is_file()) || own.iter().any(|(n, _)| n == name)
    };
    for source in rules::embedded_samples().filter(|s| !replaced(&s.file)) {
        add(&source, None);
    }
    for (name, path) in &own {
        let text = fs::read_to_string(path).map_err(|e| {
            Failure::new(
                Exit::Configuration,
                anyhow::Error::new(e).context(format!("read {}", path.display())),
            )
        })?;
        add(&Source { file: name.clone(), text }, path.parent());
    }
    Ok((found, mistakes))
}

#[derive(Serialize)]
pub(super) struct SampleView {
    pub(super) name: String,
    pub(super) origin: String,
    pub(super) passed: bool,
    pub(super) differences: Vec<String>,
}

fn test_samples(globals: &Globals) -> Result<Exit, Failure> {
    let world = World::load(globals)?;
    let (placed, mut mistakes) = all_samples(world.folder.as_deref())?;
    let logs = rules_folder::logs(world.folder.as_deref())?;
    let (of_logs, wrong) = rules_logs::all_samples(world.folder.as_deref())?;
    mistakes.extend(wrong);
    if !mistakes.is_empty() {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        return Err(Failure::say(
            Exit::Configuration,
            format!("the samples are wrong\n{}", lines.join("\n")),
        ));
    }
    let engine = world.engine(Effort::Mailbox);
    let mut views: Vec<SampleView> = placed.iter().map(|p| try_sample(&world, &engine, p)).collect();
    views.extend(rules_logs::try_samples(&logs, &of_logs));
    let failed = views.iter().filter(|v| !v.passed).count();
    let mut out = Out::new();
    if world.json {
        out.json(
            "autoticket.rules-test/1",
            serde_json::json!({ "passed": views.len() - failed, "failed": failed, "items": views }),
        );
    } else {
        for view in &views {
            let mark = if view.passed { "ok  " } else { "FAIL" };
            out.line(format!("{mark} {} {}", show::one(&view.origin), show::one(&view.name)));
            for difference in &view.differences {
                out.line(format!("       {}", show::one(difference)));
            }
        }
        out.line(format!("{} passed, {failed} failed", views.len() - failed));
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::Findings })
}

fn try_sample(world: &World, engine: &Engine, placed: &Placed) -> SampleView {
    let sample = &placed.sample;
    let rule_file = sample.origin.file.replace(".samples.yaml", ".yaml");
    let beside: Vec<&str> =
        world.rules.formats.iter().filter(|f| f.origin.file == rule_file).map(|f| f.id.as_str()).collect();
    let differences = match bytes_of(placed) {
        Ok(bytes) => {
            let mail = mail::parse(&mail::read::bytes(bytes));
            let arrival = mail.received.or(mail.date).unwrap_or(world.now);
            samples::differences(sample, &beside, &engine.recognise(&mail, arrival))
        }
        Err(why) => vec![why],
    };
    SampleView {
        name: sample.name.clone(),
        origin: sample.origin.to_string(),
        passed: differences.is_empty(),
        differences,
    }
}

fn bytes_of(placed: &Placed) -> Result<Vec<u8>, String> {
    match (&placed.sample.mail, &placed.folder) {
        (SampleMail::Text(text), _) => Ok(text.clone().into_bytes()),
        (SampleMail::File(file), Some(folder)) => {
            let path = folder.join(file);
            fs::read(&path).map_err(|e| format!("read {}: {e}", path.display()))
        }
        (SampleMail::File(file), None) => Err(format!("`{file}` is not compiled in")),
    }
}

#[derive(Serialize)]
struct MailTrial<'a> {
    place: String,
    format: Option<&'a str>,
    repair: bool,
    text: String,
    alerts: Vec<Vec<(&'static str, String)>>,
    trials: Vec<Trial>,
}

fn test_files(globals: &Globals, args: &TestArgs) -> Result<Exit, Failure> {
    let is_log = |path: &PathBuf| !args.mail && (args.logs.is_asked() || rules_logs::looks_like_a_log(path));
    let (logs, mails): (Vec<PathBuf>, Vec<PathBuf>) = args.mails.iter().cloned().partition(is_log);
    let mut out = Out::new();
    let mut unread = false;
    if !mails.is_empty() {
        unread |= test_mails(globals, &mails, args.all, &mut out)?;
    }
    if !logs.is_empty() {
        unread |= rules_logs::test(globals, &logs, &args.logs, &mut out)?;
    }
    Ok(if unread { Exit::Findings } else { Exit::Done })
}

/// Whether one was not read by any format.
fn test_mails(globals: &Globals, mails: &[PathBuf], all: bool, out: &mut Out) -> Result<bool, Failure> {
    let world = World::load(globals)?;
    let engine = world.engine(Effort::Mailbox);
    let mut unread = false;
    for path in mails {
        for (place, mail, arrival) in read(&world, path)? {
            let found = engine.recognise(&mail, arrival);
            let trials = engine.trials(&mail);
            let (format, records, repair) = match &found {
                Found::Records { format, failures, recoveries, .. } => {
                    let repair = failures.is_empty();
                    (Some(format.as_str()), if repair { recoveries.as_slice() } else { failures }, repair)
                }
                Found::Unusable(_) | Found::Nothing { .. } => (None, [].as_slice(), false),
            };
            unread |= format.is_none();
            let trial = MailTrial {
                place,
                format,
                repair,
                text: in_words(&found),
                alerts: records.iter().map(fields).collect(),
                trials,
            };
            if world.json {
                out.json("autoticket.rules-trial/1", trial);
            } else {
                print_trial(out, &trial, all);
            }
        }
    }
    Ok(unread)
}

fn read(world: &World, path: &Path) -> Result<Vec<(String, Mail, Timestamp)>, Failure> {
    let failed = |e: std::io::Error| {
        Failure::new(Exit::Data, anyhow::Error::new(e).context(format!("read {}", path.display())))
    };
    let spill = super::world::spill_folder();
    let timed = |mail: Mail, said: Option<Timestamp>| {
        let arrival = mail.received.or(said).unwrap_or(world.now);
        (mail, arrival)
    };
    if path == Path::new("-") {
        let raw = mail::read::message(std::io::stdin().lock(), &spill).map_err(failed)?;
        let (mail, arrival) = timed(mail::parse(&raw), None);
        return Ok(vec![("stdin".to_owned(), mail, arrival)]);
    }
    let mut mailbox =
        mailbox::Mailbox::open_with(path, mailbox::MaildirFolders::NewAndCur).map_err(failed)?;
    let mut mails = Vec::new();
    while let Some(item) = mailbox.next(&spill) {
        let item = item.map_err(failed)?;
        let (mail, arrival) = timed(mail::parse(&item.raw), item.arrival);
        mails.push((item.place.to_string(), mail, arrival));
    }
    Ok(mails)
}

fn in_words(found: &Found) -> String {
    match found {
        Found::Records { format, origin, failures, recoveries } => {
            let repair = if recoveries.is_empty() {
                String::new()
            } else {
                format!(", {} recovered", recoveries.len())
            };
            format!("read by {format} ({origin}): {}{repair}", show::count(failures.len() as u64, "alert"))
        }
        Found::Unusable(reason) => reason.text(),
        Found::Nothing { nearest: Some(nearest), .. } => format!("no format matches; nearest: {nearest}"),
        Found::Nothing { .. } => "no format matches".to_owned(),
    }
}

fn fields(record: &AlertRecord) -> Vec<(&'static str, String)> {
    let failure = [("failure", record.failure.clone())];
    failure
        .into_iter()
        .chain(Field::ALL.into_iter().filter_map(|(f, word)| Some((word, record.field(f)?))))
        .collect()
}

fn print_trial(out: &mut Out, mail: &MailTrial<'_>, all: bool) {
    out.line(format!("{}: {}", show::one(&mail.place), show::one(&mail.text)));
    let mut silent = 0;
    for trial in &mail.trials {
        if !trial.literal && !all {
            silent += 1;
            continue;
        }
        let wins = mail.format == Some(trial.format.as_str());
        let said = match (wins, trial.literal, trial.blocks) {
            (true, ..) => "wins",
            (_, false, _) => "none of its literals occurs",
            (_, _, 0) => "does not match",
            _ => "would match, but comes later",
        };
        out.line(format!("  {} ({}): {said}", show::one(&trial.format), show::one(&trial.origin)));
        for (condition, held) in &trial.conditions {
            out.line(format!("    {} {}", if *held { '+' } else { '-' }, show::one(condition)));
        }
    }
    if silent > 0 {
        out.line(format!(
            "  {} none of whose literals occurs (--all shows them)",
            show::count(silent, "format")
        ));
    }
    for (n, fields) in mail.alerts.iter().enumerate() {
        out.line(format!("  alert {}{}", n + 1, if mail.repair { " (recovered)" } else { "" }));
        for (name, value) in fields {
            for (row, line) in value.lines().enumerate() {
                out.line(format!("    {:<14} {}", if row == 0 { name } else { "" }, show::one(line)));
            }
        }
    }
}

fn list(globals: &Globals) -> Result<Exit, Failure> {
    let world = World::load(globals)?;
    let mut formats: Vec<_> = world.rules.formats.iter().collect();
    formats.sort_by(|a, b| (a.order, &a.id).cmp(&(b.order, &b.id)));
    let mut out = Out::new();
    if world.json {
        let items: Vec<_> = formats
            .iter()
            .map(|f| {
                serde_json::json!({ "format": f.id, "order": f.order, "origin": f.origin.to_string(),
                "literals": f.literals, "repair": !f.repair.is_empty(), "repeat": f.repeat.is_some() })
            })
            .collect();
        out.items("autoticket.formats/1", &items);
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["FORMAT", "ORDER", "ORIGIN", "ALERTS", "REPAIR"]);
    for f in formats {
        table.row([
            f.id.clone(),
            f.order.to_string(),
            show::one(&f.origin.to_string()),
            if f.repeat.is_some() { "many" } else { "one" }.to_owned(),
            if f.repair.is_empty() { "-" } else { "yes" }.to_owned(),
        ]);
    }
    out.table(&table);
    Ok(Exit::Done)
}

fn settings(globals: &Globals) -> Result<Exit, Failure> {
    let world = World::load(globals)?;
    let pairs = in_force(&world);
    let mut out = Out::new();
    if world.json {
        let map: serde_json::Map<String, serde_json::Value> =
            pairs.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
        out.json("autoticket.settings/1", map);
    } else {
        let pairs: Vec<(&str, String)> = pairs.into_iter().map(|(k, v)| (k, show::one(&v))).collect();
        out.pairs(&pairs);
    }
    Ok(Exit::Done)
}

/// Every setting by the path under which autoticket.yaml has it.
fn in_force(world: &World) -> Vec<(&'static str, String)> {
    let r = &world.rules;
    let (s, g) = (&r.settings, &r.gates);
    let on = |enabled: bool| if enabled { "true" } else { "false" }.to_owned();
    let none = || "-".to_owned();
    let source = |list: &Option<rules::model::ListSource>| {
        list.as_ref().map_or_else(none, |l| match &l.from {
            ListFrom::File(file) => format!("file {file}, every {}", l.every),
            ListFrom::Command(argv) => format!("command {}, every {}", show::command(argv), l.every),
        })
    };
    let transport = match &s.delivery.transport {
        TransportRule::Files { folder } => format!("files {folder}"),
        TransportRule::Smtp { host, port, tls, user, .. } => {
            let user = user.as_ref().map(|u| format!(" as {u}")).unwrap_or_default();
            format!("smtp {host}:{port} tls {}{user}", format!("{tls:?}").to_lowercase())
        }
        TransportRule::Sendmail { program } => format!("sendmail {program}"),
    };
    let depth = match g.domain.depth {
        Depth::Any => "any".to_owned(),
        Depth::After(dots) => dots.to_string(),
    };
    let asks = match g.node.asks {
        NodeAsks::Source => "source",
        NodeAsks::Device => "device",
        NodeAsks::Both => "both",
    };
    let texts = |patterns: &[rules::model::Pattern]| {
        patterns.iter().map(|p| p.text.as_str()).collect::<Vec<_>>().join(" | ")
    };
    vec![
        (
            "rules",
            world.folder.as_ref().map_or_else(|| "compiled in".to_owned(), |f| f.display().to_string()),
        ),
        ("digest", r.digest.clone()),
        ("state", world.state.display().to_string()),
        ("identity.domain", s.identity.domain.clone()),
        ("identity.from", s.identity.from.clone()),
        ("identity.reply_to", s.identity.reply_to.clone().unwrap_or_else(none)),
        ("identity.authserv_id", s.identity.authserv_id.clone().unwrap_or_else(none)),
        ("gates.authentication.enabled", on(g.authentication.enabled)),
        ("gates.authentication.methods", g.authentication.methods.join(" ")),
        ("gates.domain.enabled", on(g.domain.enabled)),
        ("gates.domain.depth", depth),
        ("gates.subject.enabled", on(g.subject.enabled)),
        ("gates.subject.prefixes", g.subject.prefixes.join(" ")),
        ("gates.subject.require", texts(&g.subject.require)),
        ("gates.subject.refuse", texts(&g.subject.refuse)),
        ("gates.node.enabled", on(g.node.enabled)),
        ("gates.node.asks", asks.to_owned()),
        ("gates.relays", g.relays.iter().map(|relay| relay.sender.as_str()).collect::<Vec<_>>().join(" ")),
        ("lists.domains", source(&s.lists.domains)),
        ("lists.nodes", source(&s.lists.nodes)),
        ("efforts", s.efforts.iter().map(|e| e.name.as_str()).collect::<Vec<_>>().join(" ")),
        ("time.skew", s.time.skew.to_string()),
        ("delivery.transport", transport),
        ("delivery.retry", s.delivery.retry.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")),
        ("delivery.timeout", s.delivery.timeout.to_string()),
        ("tickets.update_interval", s.tickets.update_interval.to_string()),
        ("tickets.reminder_after", s.tickets.reminder_after.to_string()),
        ("keep.raw", s.keep.raw.to_string()),
        ("keep.records", s.keep.records.to_string()),
        ("maildirs", s.maildirs.join(" ")),
        ("interval", s.interval.to_string()),
        ("failure_types", r.failure_types.join(" ")),
        ("centers", r.centers.centers.iter().map(|c| c.id.as_str()).collect::<Vec<_>>().join(" ")),
        ("default center", r.centers.default.clone()),
        ("templates", r.templates.keys().map(String::as_str).collect::<Vec<_>>().join(" ")),
        ("counts", counts(r, 0).replace(", 0 samples", "")),
    ]
}
