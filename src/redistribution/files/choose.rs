//! Which files, and which bytes of them, can hold a period.
//!
//! In: paths and a period. Out: files to read in order of time, and for each file left the reason. It reads the start
//! of a file, and probes of a plain one; it never concludes from a name or a date of change that something can be left
//! where the text says otherwise.
//!
//! In this order, a file is left: it was last written a day before the period; the date in its name and that of its
//! neighbours stand two days outside of it, and it was not written since; it's a copy; its first line is younger than
//! the period; it's an archive and the next of its family begins before the period; no line of it lies in the period.
//!
//! Between archives of following days by their names the border is exact; else lines may stand on the wrong side of
//! it, by as much as lines of one file may stand out of order.

use super::Limits;
use super::artifact::Folder;
use super::bisect::{Found as Searched, Probes};
use super::collect::{Collected, Found, collect};
use super::copies::{same_text, spare};
use super::decompress::Packing;
use super::open::{About, Chosen, fault_in, fault_of, shown_path, sniff};
use super::report::{Kind, Left, Report};
use super::source::Encoding;
use super::stream::lines;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use std::collections::HashMap;
use std::path::PathBuf;

/// What is asked for.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// Files and folders; a name without a rotation's ending brings its family.
    pub paths: &'a [PathBuf],
    /// The period, both ends in it. `None`: open.
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// How far folders in folders are looked into; 0: not.
    pub depth: usize,
    pub limits: Limits,
    /// Artifact folders of ansible-runner are told apart, not looked into.
    pub artifacts: bool,
    /// The time of a line (without its end), where it has one. Called from one thread, for a few lines of each file.
    pub time_of: &'a dyn Fn(&About, &[u8]) -> Option<Timestamp>,
}

/// What is to be read.
#[derive(Debug, Default)]
pub struct Choice {
    /// Families together, each from its oldest file to its live log.
    pub files: Vec<Chosen>,
    pub artifacts: Vec<Folder>,
    /// What was left, and what was read to find that out.
    pub report: Report,
}

/// How much later than its last record a file's date of change is trusted to be, and its name to lie.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How much of a file's start is looked at: at first, and where no time was found.
const HEAD: usize = 2 << 10;
const HEAD_MOST: usize = 64 << 10;
/// How much of it is kept to tell copies.
const HEAD_KEPT: usize = 256;

/// A file with what its start says.
struct Candidate {
    chosen: Chosen,
    first: Option<Timestamp>,
    head: Vec<u8>,
    family: usize,
    plain_name: String,
    vanished: bool,
    left: Option<String>,
}

/// Finds the files of a period. Nothing here fails as a whole: what can't be read is a fault in the report.
pub fn choose(wanted: &Wanted<'_>) -> Choice {
    let Collected { found, artifacts, left, faults } =
        collect(wanted.paths, wanted.depth, wanted.limits.files, wanted.artifacts);
    let mut report = Report { left, faults, ..Report::default() };
    let families = families(&found);
    let by_name: Vec<Option<String>> =
        (0..found.len()).map(|at| early(&found, &families, at, wanted)).collect();
    let mut candidates = Vec::new();
    for ((found, family), why) in found.into_iter().zip(families).zip(by_name) {
        match why {
            Some(why) => {
                report.bytes_skipped += found.size;
                report.left.push(Left { file: shown_path(&found.path), size: found.size, why });
            }
            None => candidates.extend(candidate(found, family, wanted, &mut report)),
        }
    }
    leave_copies(&mut candidates, wanted, &mut report);
    leave_by_start(&mut candidates, wanted);
    let mut files = Vec::new();
    for mut candidate in candidates {
        if candidate.left.is_none() {
            candidate.left = narrow(&mut candidate.chosen, wanted, &mut report);
        }
        let size = candidate.chosen.about.size;
        match candidate.left {
            Some(why) => {
                report.bytes_skipped += size;
                report.left.push(Left { file: candidate.chosen.about.file, size, why });
            }
            None => {
                let range = &candidate.chosen.range;
                report.bytes_skipped += size - (range.end - range.start);
                files.push(candidate.chosen);
            }
        }
    }
    Choice { files, artifacts, report }
}

/// A number per file, equal within a family.
fn families(found: &[Found]) -> Vec<usize> {
    let mut number = 0;
    let mut numbers = Vec::with_capacity(found.len());
    for (at, file) in found.iter().enumerate() {
        let key = |f: &Found| (f.asked, f.folder().to_owned(), f.member.live.clone());
        if at > 0 && key(&found[at - 1]) != key(file) {
            number += 1;
        }
        numbers.push(number);
    }
    numbers
}

/// Why a file can be left without a look into it.
fn early(found: &[Found], families: &[usize], at: usize, wanted: &Wanted<'_>) -> Option<String> {
    let file = &found[at];
    if file.size == 0 {
        return Some("it is empty".into());
    }
    let modified = file.modified?;
    if wanted.since.is_some_and(|since| modified.saturating_add(DAY).is_ok_and(|latest| latest < since)) {
        return Some(format!("last written {modified}, before the period"));
    }
    let date = file.member.date()?;
    let neighbour = |other: Option<usize>| {
        other
            .filter(|other| families.get(*other) == Some(&families[at]))
            .and_then(|other| found[other].member.date())
    };
    // A name can mean the day before its rotation or the day behind it: its neighbours bound both.
    let (before, after) = (neighbour(at.checked_sub(1))?, neighbour(Some(at + 1))?);
    let (earliest, latest) =
        (midnight(before)?.saturating_sub(DAY * 2).ok()?, midnight(after)?.saturating_add(DAY * 2).ok()?);
    let outside = wanted.until.is_some_and(|until| until < earliest)
        || wanted.since.is_some_and(|since| since > latest);
    (outside && modified <= latest).then(|| format!("dated {date} in its name, outside the period"))
}

fn midnight(date: Date) -> Option<Timestamp> {
    date.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// Looks at the start of a file.
fn candidate(found: Found, family: usize, wanted: &Wanted<'_>, report: &mut Report) -> Option<Candidate> {
    let mut chosen = Chosen {
        about: About {
            file: shown_path(&found.path),
            size: found.size,
            modified: found.modified,
            dated: found.member.date(),
            packing: Packing::Plain,
            encoding: Encoding::Bytes,
        },
        range: 0..found.size,
        note: None,
        cr: false,
        path: found.path,
        id: found.id,
        held: found.file,
    };
    let file = match chosen.file() {
        Ok(file) => file,
        Err(fault) => {
            report.faults.push(fault);
            return None;
        }
    };
    let (sniffed, read) = sniff(&file, found.size, &wanted.limits);
    report.bytes_read += read;
    match sniffed {
        Ok(sniffed) => {
            (chosen.about.packing, chosen.about.encoding) = (sniffed.packing, sniffed.encoding);
            chosen.cr = sniffed.cr;
        }
        Err(kind) => {
            let text = format!("it is {kind}, which isn't read: unpack it first");
            report.faults.push(fault_in(&chosen.path, Kind::Corrupt, text));
            report.bytes_skipped += found.size;
            return None;
        }
    }
    let (mut head, mut first) = (Vec::new(), None);
    if wanted.since.is_some() || wanted.until.is_some() || chosen.about.packing != Packing::Plain {
        for most in [HEAD, HEAD_MOST] {
            let (start, read) = chosen.head_of(&file, most, &wanted.limits);
            report.bytes_read += read;
            let whole = start.len() + 16 < most;
            first = lines(&start).find_map(|(_, line)| (wanted.time_of)(&chosen.about, line));
            head = start;
            if first.is_some() || whole {
                break;
            }
        }
        head.truncate(HEAD_KEPT);
        head.shrink_to_fit();
    }
    Some(Candidate {
        chosen,
        first,
        head,
        family,
        plain_name: found.member.plain,
        vanished: found.vanished,
        left: None,
    })
}

/// By what two files of a family may hold the same text. Logs without times may well begin alike.
#[derive(PartialEq, Eq, Hash)]
enum Alike {
    Name(String),
    FirstTime(Timestamp),
    /// One was removed meanwhile, the other is an archive: it may have been packed, and renamed since.
    Packed,
}

fn leave_copies(candidates: &mut [Candidate], wanted: &Wanted<'_>, report: &mut Report) {
    let mut alike: HashMap<(usize, Alike), Vec<usize>> = HashMap::new();
    let any_vanished = candidates.iter().any(|candidate| candidate.vanished);
    for at in 0..candidates.len() {
        let Candidate { chosen, family, plain_name, first, vanished, .. } = &candidates[at];
        let packed = chosen.about.packing != Packing::Plain;
        let keys = [
            Some(Alike::Name(plain_name.clone())),
            first.map(Alike::FirstTime),
            (any_vanished && (*vanished || packed)).then_some(Alike::Packed),
        ];
        let family = *family;
        for key in keys.into_iter().flatten() {
            let others = alike.entry((family, key)).or_default();
            for other in others.iter().copied() {
                let (a, b) = (&candidates[other], &candidates[at]);
                let common = a.head.len().min(b.head.len());
                let both_stand = !a.vanished && !b.vanished;
                let renamed = a.plain_name != b.plain_name && (a.first.is_none() || a.first != b.first);
                if a.left.is_some()
                    || b.left.is_some()
                    || a.head[..common] != b.head[..common]
                    || (renamed && both_stand)
                {
                    continue;
                }
                let (same, read) = same_text(&a.chosen, &b.chosen, &wanted.limits);
                report.bytes_read += read;
                if same {
                    leave_one(candidates, other, at);
                }
            }
            others.push(at);
        }
    }
}

/// Of two with the same text. What was removed takes the turn of its archive.
fn leave_one(candidates: &mut [Candidate], one: usize, other: usize) {
    let first = spare(&candidates[one].chosen, &candidates[other].chosen);
    let (spared, kept) = if first { (one, other) } else { (other, one) };
    let why = format!("its text is also in {}, which is read", candidates[kept].chosen.about.file);
    candidates[spared].left = Some(why);
    if candidates[kept].vanished {
        candidates.swap(spared, kept);
    }
}

/// Leaves what begins behind the period, and archives whose next file begins before it.
fn leave_by_start(candidates: &mut [Candidate], wanted: &Wanted<'_>) {
    for family in candidates.chunk_by_mut(|a, b| a.family == b.family) {
        let mut rest: Vec<&mut Candidate> = family.iter_mut().filter(|c| c.left.is_none()).collect();
        // Only a family that is in order says when its archives end.
        let firsts: Vec<Option<Timestamp>> = rest.iter().map(|c| c.first).collect();
        let in_order = firsts.iter().all(Option::is_some) && firsts.is_sorted();
        for at in 0..rest.len() {
            let Some(first) = firsts[at].filter(|_| !rest[at].chosen.is_seekable()) else { continue };
            let slack = |one: Option<usize>| {
                let dated = |at: usize| rest.get(at).and_then(|c| c.chosen.about.dated);
                let dates = one.and_then(|one| dated(one).zip(dated(one + 1)));
                let following = dates.is_some_and(|(a, b)| a.tomorrow().is_ok_and(|tomorrow| tomorrow == b));
                if following { SignedDuration::ZERO } else { wanted.limits.disorder }
            };
            let (before, behind) = (slack(at.checked_sub(1)), slack(Some(at)));
            let past =
                wanted.until.is_some_and(|until| first > until.saturating_add(before).unwrap_or(until));
            let next = firsts.get(at + 1).copied().flatten().filter(|_| in_order);
            let over = |since: Timestamp| {
                next.filter(|next| next.saturating_add(behind).is_ok_and(|end| end <= since))
            };
            rest[at].left = match wanted.since.and_then(over) {
                _ if past => Some(format!("it begins {first}, after the period")),
                Some(next) => Some(format!("the file after it begins {next}, before the period")),
                None => None,
            };
        }
    }
}

/// Finds the bytes of the period in a plain file; the reason if there are none.
fn narrow(chosen: &mut Chosen, wanted: &Wanted<'_>, report: &mut Report) -> Option<String> {
    if wanted.since.is_none() && wanted.until.is_none() {
        return None;
    }
    if !chosen.is_seekable() {
        chosen.note = Some("read from its start: its text can't be entered in the middle".into());
        return None;
    }
    let file = match chosen.file() {
        Ok(file) => file,
        Err(fault) => {
            report.faults.push(fault);
            return Some("it could not be opened again".into());
        }
    };
    let about = chosen.about.clone();
    let time_of = |line: &[u8]| (wanted.time_of)(&about, line);
    let mut probes = Probes::new(&file, about.size, &time_of);
    let searched = probes.range(wanted.since, wanted.until, wanted.limits.disorder);
    report.bytes_read += probes.read;
    match searched {
        Ok(Searched::Range(range)) if range.is_empty() => Some("none of its lines lies in the period".into()),
        Ok(Searched::Range(range)) => {
            chosen.range = range;
            None
        }
        Ok(Searched::Whole(why)) => {
            chosen.note = Some(format!("read whole: {why}"));
            None
        }
        Err(error) => {
            report.faults.push(fault_of(&chosen.path, &error));
            chosen.note = Some("read whole: it could not be searched".into());
            None
        }
    }
}
