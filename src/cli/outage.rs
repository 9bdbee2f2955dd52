//! `outage`: which outages are posted, posting them by hand, and what is wrong with their files.

use super::show::{self, Out, Table};
use super::world::who;
use super::{Exit, Failure, Globals, World, times};
use crate::outage::written::{Field, Setting, notice};
use crate::outage::{
    Expectation, Kind, Notice, Read, Subject, TargetKind, Warning, Zone, check, judge, read,
};
use crate::rules::Mistake;
use crate::rules::model::Origin;
use crate::service::outages;
use crate::store::{Access, NoticeFile, NoticeRow, Store};
use serde::Serialize;
use std::path::PathBuf;

/// Notices that one look into the store takes.
const STEP: usize = 1_000;

/// See posted outages, post and take back ones, check their files
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    Add(Box<AddArgs>),
    List(ListArgs),
    Remove(RemoveArgs),
    Check(CheckArgs),
}

/// Post an outage
///
/// Of options of one kind (names, addresses and globs of devices are one kind) any may fit; of different kinds
/// one each has to.
#[derive(Debug, clap::Args)]
struct AddArgs {
    /// Name, alias, MAC or IP address of a device; this and the next ones repeat
    #[arg(long, value_name = "NAME")]
    device: Vec<String>,
    /// MAC address in any notation
    #[arg(long, value_name = "MAC")]
    mac: Vec<String>,
    /// IP address in any notation
    #[arg(long, value_name = "IP")]
    ip: Vec<String>,
    /// Glob over names of devices (quoted)
    #[arg(long, value_name = "GLOB")]
    glob: Vec<String>,
    /// Building, case ignored
    #[arg(long, value_name = "NAME")]
    building: Vec<String>,
    /// Intermediate server, or a glob
    #[arg(long, value_name = "NAME")]
    server: Vec<String>,
    /// Region, case ignored
    #[arg(long, value_name = "NAME")]
    region: Vec<String>,
    /// Package, or a glob
    #[arg(long, value_name = "NAME")]
    package: Vec<String>,
    /// Its start: a time, a date, or now where it is not said
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Its end: a time, or a date, whose end is meant; open where it is not said
    #[arg(long, value_name = "TIME", conflicts_with = "duration")]
    until: Option<String>,
    /// Its length, such as 2h or P1D
    #[arg(long, value_name = "LENGTH")]
    duration: Option<String>,
    /// Recurrence, an RRULE of RFC 5545 such as 'FREQ=WEEKLY;BYDAY=SU'
    #[arg(long, value_name = "RULE")]
    rrule: Option<String>,
    /// IANA zone of its times [default: outages.zone of the rules]
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who posts it [default: the login name]
    #[arg(long, value_name = "TEXT")]
    author: Option<String>,
    /// When it holds no more, whatever else is said
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// Its name [default: made from what it says]
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Write no ticket afterwards either, and correct the count
    #[arg(long)]
    drop: bool,
    /// Say what would be posted, change nothing
    #[arg(long)]
    dry_run: bool,
}

/// List posted outages, as they were last taken in
#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Only those that hold now
    #[arg(long)]
    holding: bool,
    /// At most this many; 0: all
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: usize,
}

/// Take back an outage that was posted by hand, or forget a file that is gone
#[derive(Debug, clap::Args)]
struct RemoveArgs {
    /// Its id; or the name of a file that is gone, as `outage list` prints them
    id: String,
    /// Say what would be removed, change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Check outage files: mistakes with their places, and what is odd about notices
#[derive(Debug, clap::Args)]
struct CheckArgs {
    /// Files [default: those of the rules folder and of the settings, and what was posted by hand]
    files: Vec<PathBuf>,
    /// Say as well whether these files expect this device to fail now (see --now)
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
}

pub(super) fn run(globals: &Globals, args: Args) -> Result<Exit, Failure> {
    let world = World::load(globals)?;
    match args.act {
        Act::Add(args) => add(&world, globals, &args),
        Act::List(args) => list(&world, globals, &args),
        Act::Remove(args) => remove(&world, globals, &args),
        Act::Check(args) => check_files(&world, globals, &args),
    }
}

fn zone_of(world: &World) -> Zone {
    Zone::iana(&world.rules.settings.outages.zone).unwrap_or_default()
}

/// A time as the command line takes it everywhere, or as files write it, in the zone of the notice.
fn point(option: &str, text: &str, world: &World) -> Result<String, Failure> {
    let written = text.starts_with(|c: char| c.is_ascii_digit()) && text.len() >= 8;
    if written {
        return Ok(text.to_owned());
    }
    let time =
        times::parse(text, world.now).map_err(|e| Failure::say(Exit::Usage, format!("{option}: {e}")))?;
    Ok(time.to_string())
}

fn fields(args: &AddArgs, world: &World) -> Result<Vec<Field>, Failure> {
    let mut fields = Vec::new();
    let mut push = |key: &str, text: &str| {
        fields.push(Field { key: key.to_owned(), text: text.to_owned(), line: 0, column: 0 });
    };
    let named = [
        (TargetKind::Device, &args.device),
        (TargetKind::Mac, &args.mac),
        (TargetKind::Ip, &args.ip),
        (TargetKind::Glob, &args.glob),
        (TargetKind::Building, &args.building),
        (TargetKind::Server, &args.server),
        (TargetKind::Region, &args.region),
        (TargetKind::Package, &args.package),
    ];
    for (kind, names) in named {
        names.iter().for_each(|name| push(kind.word(), name));
    }
    if args.drop {
        push("action", "drop");
    }
    push("from", &point("--from", args.from.as_deref().unwrap_or("now"), world)?);
    for (option, key, text) in [("--until", "until", &args.until), ("--expires", "expires", &args.expires)] {
        if let Some(text) = text {
            push(key, &point(option, text, world)?);
        }
    }
    let author = args.author.clone().unwrap_or_else(who);
    let texts = [
        ("id", args.id.as_deref()),
        ("duration", args.duration.as_deref()),
        ("rrule", args.rrule.as_deref()),
        ("zone", args.zone.as_deref()),
        ("reason", args.reason.as_deref()),
        ("author", Some(author.as_str())),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            push(key, text);
        }
    }
    Ok(fields)
}

fn add(world: &World, globals: &Globals, args: &AddArgs) -> Result<Exit, Failure> {
    let who = who();
    let setting = Setting::new(&format!("added by {who}"), zone_of(world));
    let notice = notice(&fields(args, world)?, &setting, 0, 0).map_err(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(|mistake| show::one(&mistake.what)).collect();
        Failure::say(Exit::Usage, lines.join("\n"))
    })?;
    let store = globals.store_to_act(Access::Write, args.dry_run)?;
    let tx = store.reference()?.begin()?;
    let standing = tx.remove_notice(&notice.id)?;
    tx.add_notice(&notice)?;
    if args.dry_run {
        tx.roll_back();
    } else {
        tx.commit()?;
        let note = store.begin()?;
        note.audit(world.now, &who, "outage add", &notice.id, &serde_json::json!({ "notice": &notice }))?;
        note.commit()?;
    }
    let warnings = check(std::slice::from_ref(&notice), &|_| None, world.now);
    let mut out = Out::new();
    if world.json {
        let view = serde_json::json!({ "dry_run": args.dry_run, "replaced": standing, "notice": &notice,
            "warnings": warnings });
        out.json("autoticket.outage-add/1", view);
    } else {
        let would = match (args.dry_run, standing) {
            (true, _) => "would post",
            (false, true) => "posted in place of the one of this id",
            (false, false) => "posted",
        };
        out.line(format!("{would} {}: {}", show::one(&notice.id), words(&notice)));
        for warning in &warnings {
            show::tell(format_args!("autoticket: {}", warning.what));
        }
    }
    Ok(Exit::Done)
}

/// What a notice names, and when.
fn words(notice: &Notice) -> String {
    format!("{}, {}, {}", targets(notice), period(notice), notice.action.word())
}

fn targets(notice: &Notice) -> String {
    const FIRST: usize = 3;
    let mut names: Vec<String> = notice.targets.iter().take(FIRST).map(ToString::to_string).collect();
    if notice.targets.len() > FIRST {
        names.push(format!("{} more", notice.targets.len() - FIRST));
    }
    names.join(", ")
}

fn period(notice: &Notice) -> String {
    let until = notice.until.map_or_else(|| "open".to_owned(), show::time);
    let rule = notice.recurrence.as_ref().map(|recurrence| match &recurrence.rule {
        Some(rule) => format!(", {rule}"),
        None => ", on further dates".to_owned(),
    });
    format!("{} to {until}{}", show::time(notice.from), rule.unwrap_or_default())
}

fn rows(store: &Store) -> Result<Vec<NoticeRow>, Failure> {
    let (mut rows, mut after) = (Vec::new(), 0);
    loop {
        let step = store.reference()?.notice_rows(after, STEP)?;
        let Some((last, _)) = step.last() else { return Ok(rows) };
        after = *last;
        rows.extend(step.into_iter().map(|(_, row)| row));
    }
}

/// What `list --json` prints of a notice.
#[derive(Debug, Serialize)]
struct NoticeView<'a> {
    #[serde(flatten)]
    row: &'a NoticeRow,
    holds: bool,
}

fn list(world: &World, globals: &Globals, args: &ListArgs) -> Result<Exit, Failure> {
    let store = globals.store(Access::Read)?;
    let all = rows(&store)?;
    let holds = |row: &NoticeRow| row.notice.covering(world.now).is_some();
    let shown: Vec<&NoticeRow> =
        all.iter().filter(|row| !args.holding || holds(row)).take(show::limit(args.limit)).collect();
    let mut out = Out::new();
    if world.json {
        let views: Vec<NoticeView<'_>> =
            shown.iter().map(|row| NoticeView { row, holds: holds(row) }).collect();
        let files: Vec<NoticeFile> =
            store.reference()?.notice_files()?.into_iter().filter(|file| !file.file.is_empty()).collect();
        out.json("autoticket.outages/1", serde_json::json!({ "items": views, "files": files }));
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["ID", "NOW", "OF", "PERIOD", "ACTION", "MATCHED", "ORIGIN", "REASON"]);
    for row in &shown {
        table.row([
            show::short(&row.notice.id),
            if holds(row) { "holds" } else { "-" }.to_owned(),
            targets(&row.notice),
            period(&row.notice),
            row.notice.action.word().to_owned(),
            row.matched.to_string(),
            show::one(&row.notice.origin.to_string()),
            show::short(row.notice.reason.as_deref().unwrap_or("-")),
        ]);
    }
    out.table(&table);
    for file in store.reference()?.notice_files()?.iter().filter(|file| file.fault.is_some()) {
        show::tell(format_args!(
            "autoticket: {} cannot be used since {}: {}",
            file.file,
            show::time_or_never(file.since),
            file.fault.as_deref().unwrap_or_default()
        ));
    }
    Ok(Exit::Done)
}

fn remove(world: &World, globals: &Globals, args: &RemoveArgs) -> Result<Exit, Failure> {
    let store = globals.store_to_act(Access::Write, args.dry_run)?;
    let file = store
        .reference()?
        .notice_files()?
        .into_iter()
        .find(|file| !file.file.is_empty() && file.file == args.id);
    let tx = store.reference()?.begin()?;
    if let Some(file) = &file {
        tx.forget_notice_file(&file.file)?;
    } else if !tx.remove_notice(&args.id)? {
        let all = rows(&store)?;
        let in_file = all.iter().find(|row| row.notice.id == args.id);
        let text = format!("no outage with the id {} was posted by hand", show::one(&args.id));
        let hint = in_file.map_or_else(
            || "autoticket outage list".to_owned(),
            |row| format!("it stands in {}: take it out there", show::one(&row.notice.origin.to_string())),
        );
        return Err(Failure::say(Exit::Data, text).hint(hint));
    }
    if args.dry_run {
        tx.roll_back();
    } else {
        tx.commit()?;
        let note = store.begin()?;
        note.audit(world.now, &who(), "outage remove", &args.id, &serde_json::json!({}))?;
        note.commit()?;
    }
    let mut out = Out::new();
    if world.json {
        let view = serde_json::json!({ "dry_run": args.dry_run, "removed": args.id, "file": file.is_some() });
        out.json("autoticket.outage-remove/1", view);
    } else {
        let would = if args.dry_run { "would remove" } else { "removed" };
        out.line(format!("{would} {}", show::one(&args.id)));
    }
    Ok(Exit::Done)
}

/// One file, as `check` found it.
fn checked(file: &outages::OutageFile, zone: &Zone) -> Read {
    let fault = |what: String| Read {
        fault: Some(Mistake { file: file.name.clone(), line: 1, column: 1, what, hint: None }),
        ..Read::default()
    };
    let Some(kind) = Kind::of(&file.path.to_string_lossy()) else {
        return fault("ends neither with .yaml, .csv nor .ics".to_owned());
    };
    match outages::bytes(&file.path) {
        Ok((bytes, _)) => read::read(kind, &file.name, &bytes, zone),
        Err(what) => fault(what),
    }
}

/// A finding, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Finding {
    file: String,
    line: u32,
    column: u32,
    /// `fault`: the whole file cannot be used; `mistake`: this notice; `warning`: it can.
    grade: &'static str,
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Finding {
    fn of(mistake: Mistake, grade: &'static str) -> Self {
        let Mistake { file, line, column, what, hint } = mistake;
        Self { file, line, column, grade, what, hint }
    }

    fn warning(warning: Warning) -> Self {
        let Origin { file, line, column } = warning.origin;
        let what = format!("notice {}: {}", warning.notice, warning.what);
        Self { file, line, column, grade: "warning", what, hint: None }
    }

    fn line(&self) -> String {
        let place = match self.line {
            0 => show::one(&self.file),
            line => format!("{}:{line}:{}", show::one(&self.file), self.column),
        };
        let hint = self.hint.as_deref().map(|h| format!(", did you mean `{}`?", show::one(h)));
        let grade = if self.grade == "warning" { "warning: " } else { "" };
        format!("{place}: {grade}{}{}", show::one(&self.what), hint.unwrap_or_default())
    }
}

fn check_files(world: &World, globals: &Globals, args: &CheckArgs) -> Result<Exit, Failure> {
    let zone = zone_of(world);
    let files = if args.files.is_empty() {
        outages::files(world.folder.as_deref(), &world.rules.settings.outages)
            .map_err(|e| Failure::new(Exit::Io, anyhow::Error::new(e).context("read the folder outages")))?
    } else {
        let named = |path: &PathBuf| outages::OutageFile {
            name: path.to_string_lossy().into_owned(),
            path: path.clone(),
            named: false,
        };
        args.files.iter().map(named).collect()
    };
    // Without a state nothing is known of matches, and nothing was posted by hand.
    let known = match globals.store(Access::Read) {
        Ok(store) => rows(&store)?,
        Err(_) => Vec::new(),
    };
    let mut findings = Vec::new();
    let mut notices: Vec<Notice> = Vec::new();
    for file in &files {
        let Read { notices: found, mistakes, warnings, fault } = checked(file, &zone);
        findings.extend(fault.map(|mistake| Finding::of(mistake, "fault")));
        findings.extend(mistakes.into_iter().map(|mistake| Finding::of(mistake, "mistake")));
        findings.extend(warnings.into_iter().map(|mistake| Finding::of(mistake, "warning")));
        notices.extend(found);
    }
    if args.files.is_empty() {
        notices.extend(known.iter().filter(|row| row.file.is_empty()).map(|row| row.notice.clone()));
    }
    let places: std::collections::HashMap<(&str, &str), u64> = known
        .iter()
        .map(|row| ((row.notice.origin.file.as_str(), row.notice.id.as_str()), row.matched))
        .collect();
    let matched =
        |notice: &Notice| places.get(&(notice.origin.file.as_str(), notice.id.as_str())).map(|n| *n > 0);
    findings.extend(check(&notices, &matched, world.now).into_iter().map(Finding::warning));
    let expectation = args.device.as_deref().map(|device| expected(device, &notices, world));
    let mut out = Out::new();
    if world.json {
        let view = serde_json::json!({ "files": files.len(), "notices": notices.len(), "items": findings,
            "expectation": expectation });
        out.json("autoticket.outage-check/1", view);
    } else {
        findings.iter().for_each(|finding| out.line(finding.line()));
        if let (Some(device), Some(expectation)) = (&args.device, &expectation) {
            out.line(format!("{}: {}", show::one(device), expectation.words()));
        }
        let (files, notices) = (files.len() as u64, notices.len() as u64);
        let found = show::count(findings.len() as u64, "finding");
        out.line(format!("{}, {}: {found}", show::count(files, "file"), show::count(notices, "notice")));
    }
    Ok(if findings.is_empty() { Exit::Done } else { Exit::Findings })
}

/// What these notices say of a device of which only this is known.
fn expected(device: &str, notices: &[Notice], world: &World) -> Expectation {
    let names = [device];
    let subject = Subject { names: &names, ..Subject::default() };
    judge(&subject, notices, world.now)
}
