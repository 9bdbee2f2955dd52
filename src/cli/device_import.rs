//! `device import`: location records replaced by an inventory.
//!
//! In: a file as NetBox, GLPI, Ansible or people write it. Out: the records replaced, all or nothing, with what
//! changed; rows that cannot be read are told and void no other.

use super::lists;
use super::show::{self, Out};
use super::world::who;
use super::{Exit, Failure, Globals};
use crate::location::{self, Format, Record};
use crate::rules::Mistake;
use crate::store::{Access, Double, LocationDiff, LocationList, hex};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

/// Replace the location records by an inventory, all or nothing; shows what changes
///
/// CSV with a header (exports of NetBox and GLPI as they are; columns name, aliases, mac, ip, region, building,
/// room, rack, owner, telephone, latitude, longitude), the JSON of `ansible-inventory --list` (ansible_host, and
/// these names after autoticket_), or YAML (`devices:` and a list of maps with these keys). Rows that cannot be
/// read, and names and addresses that two records share, are told with their lines; the others are imported, and
/// the exit status is 1. An inventory from which half of the records or more would vanish is refused.
///
/// NetBox: site is the building, location the room, tenant the owner; rack, primary_ip4, primary_ip6, IPv4 Address
/// and IPv6 Address are taken. GLPI: Locations such as `EMEA > B2 > R14` is region, building and room; Network - IP,
/// Network - MAC address, Alternate username and its number are taken. Case, blanks and `_` do not matter; the
/// separator is found in the header; columns of other names are passed over.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file; `-`: standard input
    file: PathBuf,
    /// How it is written [default: by the file's name: .csv, .json, .yaml]
    #[arg(long, value_name = "FORMAT", value_parser = ["csv", "ansible", "yaml"])]
    format: Option<String>,
    /// Show what would change, change nothing
    #[arg(long)]
    dry_run: bool,
    /// Import it even if half of the records or more would vanish
    #[arg(long)]
    force: bool,
}

/// Mistakes that are told at once.
const TOLD: usize = 20;

pub(super) fn run(globals: &Globals, args: &Args) -> Result<Exit, Failure> {
    let now = globals.now()?;
    let shown = args.file.display().to_string();
    let format = format(args)?;
    let hash = RefCell::new(Sha256::new());
    let input = BufReader::with_capacity(1 << 16, Hashed { input: open(&args.file)?, hash: &hash });
    let store = globals.store_to_act(Access::WriteMany, args.dry_run)?;
    let tx = store.reference()?.begin()?;
    let mut wrong = Wrong::default();
    let diff = tx.replace_locations(records(location::read(format, &shown, input), &mut wrong))?;
    if let Some(end) = wrong.end {
        return Err(Failure::say(Exit::Data, format!("{end}\nnothing was imported"))
            .hint("autoticket help device import says how inventories are written"));
    }
    if !args.force && !args.dry_run && diff.halves() {
        let text =
            format!("{} of {} location records would vanish: refused", diff.removed.count, diff.before);
        return Err(Failure::say(Exit::Data, text)
            .hint("autoticket device import FILE --dry-run shows what would go; --force imports it"));
    }
    if args.dry_run {
        tx.roll_back();
    } else {
        let digest = hex::encode(&hash.borrow().clone().finalize());
        let origin = shown.clone();
        tx.keep_location_list(&LocationList { entries: diff.records, digest, at: now, origin })?;
        let detail = serde_json::json!({ "file": shown, "records": diff.records, "added": diff.added.count,
            "removed": diff.removed.count, "changed": diff.changed.count, "moved": diff.moved.count,
            "wrong": wrong.count, "doubles": diff.doubles, "force": args.force });
        tx.commit()?;
        let note = store.begin()?;
        note.audit(now, &who(), "device import", &shown, &detail)?;
        note.commit()?;
    }
    report(globals, args, &diff, &wrong, &shown);
    store.close()?;
    Ok(if wrong.count == 0 && diff.doubles == 0 { Exit::Done } else { Exit::Findings })
}

fn format(args: &Args) -> Result<Format, Failure> {
    let extension = args.file.extension().and_then(|e| e.to_str()).map(str::to_lowercase);
    match args.format.as_deref().or(extension.as_deref()) {
        Some("csv") => Ok(Format::Csv),
        Some("ansible" | "json") => Ok(Format::Ansible),
        Some("yaml" | "yml") => Ok(Format::Yaml),
        _ => Err(Failure::say(
            Exit::Usage,
            format!("how {} is written cannot be told from its name", args.file.display()),
        )
        .hint("--format csv, --format ansible or --format yaml")),
    }
}

fn open(path: &Path) -> Result<Box<dyn Read>, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path).map_err(|e| {
        let exit = match e.kind() {
            io::ErrorKind::NotFound => Exit::Data,
            io::ErrorKind::PermissionDenied => Exit::Permission,
            _ => Exit::Io,
        };
        Failure::new(exit, anyhow::Error::new(e).context(format!("read the inventory {}", path.display())))
    })?;
    Ok(Box::new(file))
}

/// Digests what is read through it.
struct Hashed<'h, R> {
    input: R,
    hash: &'h RefCell<Sha256>,
}

impl<R: Read> Read for Hashed<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(into)?;
        self.hash.borrow_mut().update(&into[..read]);
        Ok(read)
    }
}

/// What could not be read.
#[derive(Default)]
struct Wrong {
    count: u64,
    first: Vec<Mistake>,
    /// What ended the reading before the end of the file.
    end: Option<Mistake>,
}

/// The records alone; mistakes are set aside.
fn records<'w>(
    items: impl Iterator<Item = location::Item> + 'w,
    wrong: &'w mut Wrong,
) -> impl Iterator<Item = Record> + 'w {
    items.filter_map(|item| match item {
        Ok(record) => Some(record),
        Err(mistake) if mistake.whole_file => {
            wrong.end.get_or_insert(mistake.mistake);
            None
        }
        Err(mistake) => {
            wrong.count += 1;
            if wrong.first.len() < TOLD {
                wrong.first.push(mistake.mistake);
            }
            None
        }
    })
}

fn double_in_words(double: &Double, file: &str) -> String {
    let (kind, key) = (double.kind.word(), &double.key);
    let ((first, at), (second, line)) = (&double.first, &double.second);
    if first == second {
        return format!("{file}:{line}: {kind} {key} stands in line {at} already; this row was not taken");
    }
    format!("{file}:{line}: {kind} {key} of {second} is also that of {first}, line {at}")
}

fn report(globals: &Globals, args: &Args, diff: &LocationDiff, wrong: &Wrong, file: &str) {
    let mut told: Vec<String> = wrong.first.iter().map(ToString::to_string).collect();
    told.extend(diff.first_doubles.iter().take(TOLD).map(|double| double_in_words(double, file)));
    let more = wrong.count + diff.doubles - told.len() as u64;
    let mut out = Out::new();
    if globals.json {
        let mut view = serde_json::json!({ "dry_run": args.dry_run, "wrong": wrong.count, "told": told });
        if let (Some(into), Ok(serde_json::Value::Object(from))) =
            (view.as_object_mut(), serde_json::to_value(diff))
        {
            into.extend(from);
        }
        out.json("autoticket.device-import/1", view);
        return;
    }
    let would = if args.dry_run { "would be " } else { "" };
    let changes = [
        (&diff.added, "added"),
        (&diff.removed, "removed"),
        (&diff.moved, "moved"),
        (&diff.changed, "changed otherwise"),
    ];
    let words: Vec<String> = changes.iter().map(|(names, word)| format!("{} {word}", names.count)).collect();
    out.line(format!("{}; {would}{}", show::count(diff.records, "location record"), words.join(", ")));
    lists::first_names(
        &mut out,
        &[("+", &diff.added), ("-", &diff.removed), (">", &diff.moved), ("~", &diff.changed)],
    );
    for line in told {
        show::tell(format_args!("autoticket: {line}"));
    }
    if more > 0 {
        show::tell(format_args!("autoticket: and {} more", show::count(more, "mistake")));
    }
}
