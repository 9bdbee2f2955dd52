//! Outage files are taken in, and the notices are asked.
//!
//! In: an open store, the rules folder, settings, the time. Out: the store holds what the files say now, and notes
//! about files that cannot be used. Whatever is wrong with a file, the notices fail open: its last good copy
//! serves for a day, then it says nothing, and tickets say so.

use crate::outage::{
    Expectation, GlobIndex, Kind, MOST_BYTES, Notice, Read, Subject, Zone, judge, keys, read,
};
use crate::rules::model::OutageRules;
use crate::shown::Shown;
use crate::store::{self, NewNoticeFile, NoticeFile, Store};
use jiff::{Span, Timestamp};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Folder of outage files in the rules folder.
pub const FOLDER: &str = "outages";
/// How long a copy serves, in seconds.
const SERVES: i64 = 86_400;
/// Files that are taken in.
const MOST_FILES: usize = 1_000;

/// One file as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutageFile {
    /// As the operator would name it.
    pub name: String,
    pub path: PathBuf,
    /// Named in the settings: it has to be there, and to change.
    pub named: bool,
}

/// The outage files of a rules folder and of the settings, by name.
///
/// # Errors
/// What the file system says of the folder, unless that it is not there.
pub fn files(folder: Option<&Path>, rules: &OutageRules) -> io::Result<Vec<OutageFile>> {
    let mut found: BTreeMap<String, OutageFile> = BTreeMap::new();
    for name in &rules.files {
        let path = folder.map_or_else(|| PathBuf::from(name), |folder| folder.join(name));
        found.insert(name.clone(), OutageFile { name: name.clone(), path, named: true });
    }
    if let Some(folder) = folder {
        let entries = match fs::read_dir(folder.join(FOLDER)) {
            Ok(entries) => Some(entries),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        for entry in entries.into_iter().flatten() {
            let path = entry?.path();
            let leaf = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let name = format!("{FOLDER}/{leaf}");
            if Kind::of(&leaf).is_some() && found.len() < MOST_FILES {
                found.entry(name.clone()).or_insert(OutageFile { name, path, named: false });
            }
        }
    }
    Ok(found.into_values().collect())
}

/// Bytes of a file, or why they cannot be used; never more than [`MOST_BYTES`] of them are read.
///
/// # Errors
/// A fragment saying what is wrong with the file.
pub fn bytes(path: &Path) -> Result<(Vec<u8>, Metadata), String> {
    let before = looked_at(path)?;
    let failed = |error: io::Error| error.to_string();
    // Not waiting: what was a file a moment ago may be a pipe now.
    let mut options = OpenOptions::new();
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = options.read(true).custom_flags(flags).open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    (&file).take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    let after = file.metadata().map_err(failed)?;
    let same = |a: &Metadata, b: &Metadata| {
        (a.len(), a.mtime(), a.mtime_nsec(), a.ino()) == (b.len(), b.mtime(), b.mtime_nsec(), b.ino())
    };
    if bytes.len() as u64 > MOST_BYTES {
        return Err(too_long(bytes.len() as u64));
    }
    if !same(&before, &after) || bytes.len() as u64 != after.len() {
        return Err("was written while it was read".to_owned());
    }
    Ok((bytes, after))
}

fn looked_at(path: &Path) -> Result<Metadata, String> {
    let meta = fs::metadata(path).map_err(|error| error.to_string())?;
    if !meta.is_file() {
        return Err("is no regular file".to_owned());
    }
    if meta.mode() & 0o002 != 0 {
        return Err(format!("may be written by anybody (mode {:03o}): chmod o-w", meta.mode() & 0o777));
    }
    if meta.len() > MOST_BYTES {
        return Err(too_long(meta.len()));
    }
    Ok(meta)
}

fn too_long(length: u64) -> String {
    format!("is {length} bytes long, more than {MOST_BYTES}")
}

/// By which a changed file is known without reading it. The zone decides what a time means.
fn stamp(path: &Path, zone: &Zone) -> String {
    let of = |meta: Metadata| {
        let numbers = [
            meta.len() as i64,
            meta.mtime(),
            meta.mtime_nsec(),
            meta.ctime(),
            meta.ctime_nsec(),
            meta.ino() as i64,
        ];
        numbers.map(|number| number.to_string()).join(" ")
    };
    let file = fs::metadata(path).map_or_else(|_| "missing".to_owned(), of);
    format!("{} {} {file}", env!("CARGO_PKG_VERSION"), zone.name())
}

/// Takes in the files that changed. Gives the notes that tickets print: files that cannot be used, notices that
/// cannot be read.
///
/// # Errors
/// Only what the store says; a file never fails the rest.
pub fn refresh(
    store: &Store,
    folder: Option<&Path>,
    rules: &OutageRules,
    now: Timestamp,
) -> Result<Vec<String>, store::Error> {
    let zone = Zone::iana(&rules.zone).unwrap_or_default();
    let mut known: BTreeMap<String, NoticeFile> =
        store.reference()?.notice_files()?.into_iter().map(|file| (file.file.clone(), file)).collect();
    // Added by hand: in no file.
    known.remove("");
    let mut notes = Vec::new();
    let listed = match files(folder, rules) {
        Ok(listed) => listed,
        Err(error) => {
            notes.push(format!("the folder {FOLDER} cannot be read: {error}"));
            let named = |name: &String| rules.files.contains(name);
            let path = |name: &String| folder.map_or_else(|| name.into(), |folder| folder.join(name));
            known
                .keys()
                .map(|name| OutageFile { name: name.clone(), path: path(name), named: named(name) })
                .collect()
        }
    };
    for file in &listed {
        let refresher = Refresher { store, file, zone: &zone, rules, now };
        refresher.refresh(known.remove(&file.name), &mut notes)?;
    }
    for (name, gone) in known {
        let file = OutageFile { name, path: PathBuf::new(), named: false };
        let refresher = Refresher { store, file: &file, zone: &zone, rules, now };
        refresher.missing(gone, &mut notes)?;
    }
    Ok(notes)
}

struct Refresher<'a> {
    store: &'a Store,
    file: &'a OutageFile,
    zone: &'a Zone,
    rules: &'a OutageRules,
    now: Timestamp,
}

impl Refresher<'_> {
    fn refresh(&self, known: Option<NoticeFile>, notes: &mut Vec<String>) -> Result<(), store::Error> {
        let stamp = stamp(&self.file.path, self.zone);
        let unchanged = known
            .as_ref()
            .is_some_and(|known| known.stamp == stamp && (known.fault.is_some() || !known.digest.is_empty()));
        // A file that is not readable may become so without a change of its stamp.
        let worth = !unchanged || known.as_ref().is_some_and(|known| known.fault.is_some());
        if worth {
            match self.take_in(known.as_ref(), &stamp) {
                Ok(taken) => taken?,
                Err(fault) => self.faulty(known.as_ref(), &stamp, &fault)?,
            }
        }
        self.tell(notes)
    }

    /// Reads the file and stores what it says. The inner result is the store's.
    fn take_in(&self, known: Option<&NoticeFile>, stamp: &str) -> Result<Result<(), store::Error>, String> {
        let Some(kind) = Kind::of(&self.file.name) else {
            return Err("ends neither with .yaml, .csv nor .ics".to_owned());
        };
        let (bytes, meta) = bytes(&self.file.path)?;
        let changed = Timestamp::from_second(meta.mtime()).ok();
        let mut hash = Sha256::new();
        hash.update(format!("{} {}\0", env!("CARGO_PKG_VERSION"), self.zone.name()));
        hash.update(&bytes);
        let digest = store::hex::encode(&hash.finalize());
        if known.is_some_and(|known| known.digest == digest) {
            return Ok(self.commit(|tx| tx.confirm_notice_file(&self.file.name, stamp, changed, self.now)));
        }
        let Read { notices, mistakes, fault, .. } = read::read(kind, &self.file.name, &bytes, self.zone);
        if let Some(fault) = fault {
            return Err(fault.to_string());
        }
        let mistakes: Vec<String> = mistakes.iter().take(100).map(ToString::to_string).collect();
        let new =
            NewNoticeFile { file: &self.file.name, digest: &digest, stamp, changed, mistakes: &mistakes };
        Ok(self.commit(|tx| tx.replace_notice_file(&new, &notices, self.now)))
    }

    fn commit(
        &self,
        act: impl FnOnce(&store::ReferenceTx<'_>) -> Result<(), store::Error>,
    ) -> Result<(), store::Error> {
        let tx = self.store.reference()?.begin()?;
        act(&tx)?;
        tx.commit()
    }

    /// Notes the fault; nothing is written where it is the one that is known.
    fn faulty(&self, known: Option<&NoticeFile>, stamp: &str, fault: &str) -> Result<(), store::Error> {
        if known.is_some_and(|known| known.stamp == stamp && known.fault.as_deref() == Some(fault)) {
            return Ok(());
        }
        self.commit(|tx| tx.fault_of_notice_file(&self.file.name, stamp, fault, self.now))
    }

    /// Notes on the file as it is stored now; a copy too old is given up.
    fn tell(&self, notes: &mut Vec<String>) -> Result<(), store::Error> {
        let known =
            self.store.reference()?.notice_files()?.into_iter().find(|known| known.file == self.file.name);
        let Some(known) = known else { return Ok(()) };
        let stale = known.changed.filter(|_| self.file.named && known.fault.is_none()).and_then(|changed| {
            let stale = changed.checked_add(Span::new().seconds(self.rules.stale_after.0)).ok()?;
            (stale <= self.now).then(|| (stale, format!("did not change since {}", said(changed))))
        });
        let fault = known.fault.clone().map(|fault| (known.since.unwrap_or(self.now), fault));
        let name = Shown::new(&self.file.name);
        if let Some((since, what)) = fault.or(stale) {
            let over = self.now.duration_since(since).as_secs() >= SERVES;
            if over && !known.digest.is_empty() {
                self.commit(|tx| tx.empty_notice_file(&self.file.name))?;
            }
            let serves = match known.read {
                Some(read) if !over && !known.digest.is_empty() => {
                    format!("the copy of {} serves", said(read))
                }
                _ => "no notice of it holds".to_owned(),
            };
            notes.push(format!(
                "{name} cannot be used since {} ({}); {serves}",
                said(since),
                Shown::new(&what)
            ));
        }
        if let Some(first) = known.mistakes.first() {
            let count = known.mistakes.len();
            let more = if count > 1 { format!(", and {} more", count - 1) } else { String::new() };
            notes.push(format!("a notice cannot be read: {}{more}", Shown::new(first)));
        }
        Ok(())
    }

    /// A file that went away: its copy serves for a day, then it is forgotten.
    fn missing(&self, known: NoticeFile, notes: &mut Vec<String>) -> Result<(), store::Error> {
        let since = known.since.unwrap_or(self.now);
        if known.notices == 0 || self.now.duration_since(since).as_secs() >= SERVES {
            return self.commit(|tx| tx.forget_notice_file(&self.file.name));
        }
        self.faulty(Some(&known), "missing", "the file is gone")?;
        let name = Shown::new(&self.file.name);
        let read = known.read.map_or_else(|| "before".to_owned(), said);
        notes.push(format!(
            "{name} is gone since {}; the copy of {read} serves (autoticket outage remove {name} forgets it)",
            said(since)
        ));
        Ok(())
    }
}

fn said(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// Notices kept in memory between two questions.
const MOST_HELD: usize = 20_000;

/// The notices, ready to be asked many times: globs are compiled once.
#[derive(Debug, Default)]
pub struct Outages {
    globs: GlobIndex,
    notes: Vec<String>,
    /// Notices read since [`Outages::forget`], by row: those of a region are asked for by all of its devices.
    held: RefCell<HashMap<i64, Arc<Notice>>>,
}

impl Outages {
    /// `notes` are those of [`refresh`]; each answer carries them.
    pub fn open(store: &Store, notes: Vec<String>) -> Result<Self, store::Error> {
        let globs = GlobIndex::new(&store.reference()?.notice_globs()?);
        Ok(Self { globs, notes, held: RefCell::default() })
    }

    /// Forgets the notices that were read: they may change between two rounds.
    pub fn forget(&self) {
        self.held.borrow_mut().clear();
    }

    /// Whether the failure was to be expected, by point look-ups.
    pub fn ask(
        &self,
        store: &Store,
        subject: &Subject<'_>,
        now: Timestamp,
    ) -> Result<Expectation, store::Error> {
        let reference = store.reference()?;
        let mut rows = reference.notices_for(&keys(subject), now)?;
        rows.extend(self.globs.matching(subject));
        let mut held = self.held.borrow_mut();
        if held.len() > MOST_HELD {
            held.clear();
        }
        let mut candidates = Vec::with_capacity(rows.len());
        for row in rows {
            match held.entry(row) {
                Entry::Occupied(entry) => candidates.push(Arc::clone(entry.get())),
                Entry::Vacant(entry) => {
                    if let Some(notice) = reference.notice_of(row)? {
                        candidates.push(Arc::clone(entry.insert(Arc::new(notice))));
                    }
                }
            }
        }
        Ok(judge(subject, &candidates, now).noting(&self.notes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::tests_support::state;
    use crate::rules::model::Seconds;
    use std::os::unix::fs::PermissionsExt;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    struct Site {
        folder: tempfile::TempDir,
        store: Store,
        rules: OutageRules,
    }

    impl Site {
        fn new() -> Self {
            let (folder, store) = state();
            fs::create_dir_all(folder.path().join("rules/outages")).expect("a folder");
            let rules =
                OutageRules { files: vec![], stale_after: Seconds(2 * 86_400), zone: "UTC".to_owned() };
            Self { folder, store, rules }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join("rules").join(name)
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.path(name), text).expect("a file");
        }

        fn notes(&self, now: &str) -> Vec<String> {
            let rules = self.folder.path().join("rules");
            refresh(&self.store, Some(&rules), &self.rules, at(now)).expect("the store works")
        }

        fn reason(&self, device: &str, now: &str) -> Option<String> {
            let names = [device];
            let subject = Subject { names: &names, ..Subject::default() };
            let outages = Outages::open(&self.store, Vec::new()).expect("the store works");
            match outages.ask(&self.store, &subject, at(now)).expect("the store works") {
                Expectation::Expected { reason, .. } => reason,
                _ => None,
            }
        }
    }

    const NOW: &str = "2026-03-12T18:00:00Z";
    const LATER: &str = "2026-03-13T17:00:00Z";
    const NEXT_DAY: &str = "2026-03-13T18:00:00Z";

    fn notice(device: &str, reason: &str) -> String {
        format!("outages:\n- {{device: {device}, from: 2026-03-01, reason: {reason}}}\n")
    }

    #[test]
    fn file_that_cannot_be_used_leaves_its_copy_for_a_day_and_says_so() {
        type Break = fn(&Site);
        let cases: [(&str, Break, &str); 6] = [
            ("half-written", |s| s.write("outages/a.yaml", "outages:\n- {device: no"), "YAML syntax"),
            ("empty", |s| s.write("outages/a.yaml", ""), "the file is empty"),
            (
                "huge",
                |s| {
                    let file = fs::File::create(s.path("outages/a.yaml")).expect("a file");
                    file.set_len(1 << 30).expect("a sparse file");
                },
                "is 1073741824 bytes long, more than 16777216",
            ),
            (
                "a folder",
                |s| {
                    fs::remove_file(s.path("outages/a.yaml")).expect("remove");
                    fs::create_dir(s.path("outages/a.yaml")).expect("a folder");
                },
                "is no regular file",
            ),
            (
                "anybody's",
                |s| {
                    let mode = fs::Permissions::from_mode(0o666);
                    fs::set_permissions(s.path("outages/a.yaml"), mode).expect("its mode");
                },
                "may be written by anybody (mode 666): chmod o-w",
            ),
            ("gone", |s| fs::remove_file(s.path("outages/a.yaml")).expect("remove"), "is gone since"),
        ];
        for (name, break_it, told) in cases {
            let site = Site::new();
            site.write("outages/a.yaml", &notice("node7", "switch"));
            assert_eq!(site.notes(NOW), Vec::<String>::new(), "{name}");
            break_it(&site);
            for time in ["2026-03-12T18:01:00Z", LATER] {
                let notes = site.notes(time);
                assert!(notes.len() == 1 && notes[0].contains(told), "{name}: {notes:?}");
                assert!(notes[0].contains("the copy of 2026-03-12 18:00:00Z serves"), "{name}: {notes:?}");
                assert_eq!(site.reason("node7", time).as_deref(), Some("switch"), "{name}");
            }
            site.notes("2026-03-13T18:01:00Z");
            assert_eq!(site.reason("node7", "2026-03-13T18:01:00Z"), None, "{name}: it fails open");
        }
    }

    #[test]
    fn mended_file_holds_at_once_and_a_mended_row_beside_a_broken_one() {
        let site = Site::new();
        site.write("outages/a.csv", "device,from,reason\nnode7,2026-03-01,one\nnode8,soon,two\n");
        let notes = site.notes(NOW);
        assert_eq!(notes.len(), 1);
        assert!(
            notes[0].starts_with("a notice cannot be read: outages/a.csv:3:1: `from`: `soon` is no time"),
            "{notes:?}"
        );
        assert_eq!(site.reason("node7", NOW).as_deref(), Some("one"));
        site.write("outages/a.csv", "device,from,reason\nnode7,2026-03-01,first\nnode8,2026-03-01,two\n");
        assert_eq!(site.notes(NOW), Vec::<String>::new());
        assert_eq!(site.reason("node7", NOW).as_deref(), Some("first"));
        assert_eq!(site.reason("node8.east.example.com", NOW).as_deref(), Some("two"));
    }

    #[test]
    fn file_of_the_settings_that_does_not_change_is_stale_and_one_that_never_was_is_told() {
        let mut site = Site::new();
        site.rules.files = vec!["calendar.yaml".to_owned(), "never.ics".to_owned()];
        site.write("calendar.yaml", &notice("node7", "switch"));
        let file = fs::File::options().write(true).open(site.path("calendar.yaml")).expect("open");
        let written = at("2026-03-10T19:00:00Z").as_second();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(written as u64))
            .expect("its time");
        let notes = site.notes(NOW);
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(
            notes[0].starts_with("never.ics cannot be used since 2026-03-12 18:00:00Z (No such file"),
            "{notes:?}"
        );
        assert!(notes[0].ends_with("no notice of it holds"), "{notes:?}");
        let notes = site.notes(NEXT_DAY);
        assert!(notes[0].contains("calendar.yaml cannot be used since 2026-03-12 19:00:00Z (did not change since 2026-03-10 19:00:00Z); the copy of"), "{notes:?}");
        assert_eq!(site.reason("node7", NEXT_DAY).as_deref(), Some("switch"));
        site.notes("2026-03-13T19:00:00Z");
        assert_eq!(site.reason("node7", "2026-03-13T19:00:00Z"), None);
    }

    #[test]
    fn unchanged_files_are_not_read_again() {
        let site = Site::new();
        site.write("outages/a.yaml", &notice("node7", "switch"));
        site.notes(NOW);
        let before = site.store.dump();
        site.notes(LATER);
        assert_eq!(site.store.dump(), before);
    }

    #[test]
    fn notice_added_by_hand_outlives_a_refresh_and_is_counted() {
        let site = Site::new();
        let setting = crate::outage::written::Setting::new("added by ann", Zone::utc());
        let field = |key: &str, text: &str| crate::outage::written::Field {
            key: key.to_owned(),
            text: text.to_owned(),
            line: 0,
            column: 0,
        };
        let fields = [field("glob", "node*"), field("from", "2026-03-01"), field("reason", "by hand")];
        let notice = crate::outage::written::notice(&fields, &setting, 0, 0).expect("a notice");
        let tx = site.store.reference().expect("reference").begin().expect("begin");
        tx.add_notice(&notice).expect("added");
        tx.notice_matched(&notice.origin.file, &notice.id, at(NOW)).expect("counted");
        tx.commit().expect("commit");
        assert_eq!(site.notes(NOW), Vec::<String>::new());
        assert_eq!(site.reason("node7", NOW).as_deref(), Some("by hand"));
        let rows = site.store.reference().expect("reference").notice_rows(0, 10).expect("rows");
        assert_eq!(
            rows.iter().map(|(_, row)| (row.matched, row.last_matched)).collect::<Vec<_>>(),
            [(1, Some(at(NOW)))]
        );
        let tx = site.store.reference().expect("reference").begin().expect("begin");
        assert!(tx.remove_notice(&notice.id).expect("removed"));
        tx.commit().expect("commit");
        assert_eq!(site.reason("node7", NOW), None);
    }
}
