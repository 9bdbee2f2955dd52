//! Finds the files that paths stand for, and opens each of them once, also while a rotation renames them.
//!
//! In: paths of files and folders. Out: open files by device and inode, sizes of one moment. It reads no text.
//!
//! A file without a rotation's ending stands for its family (`x.log` for `x.log.1` and `x-2026-03-15.log.zst`); one that
//! has such an ending stands for itself. A folder stands for the files in it.

use super::artifact::Folder;
use super::family::{Member, Turn};
use super::open::{Id, fault_in, fault_of, id_of, open, refusal, shown_path};
use super::report::{Fault, Kind, Left};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often folders are looked at again while files go on being renamed in them.
const ROUNDS: usize = 100;
const PAUSE: Duration = Duration::from_millis(2);
/// How many files are kept open; the limit of a process is 1,024 as a rule.
const OPEN: usize = 256;

pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) id: Id,
    pub(super) size: u64,
    pub(super) modified: Option<Timestamp>,
    pub(super) member: Member,
    /// Which of the paths asked for led to it.
    pub(super) asked: usize,
    pub(super) file: Option<Arc<File>>,
    /// It was removed after it was opened: perhaps it was packed.
    pub(super) vanished: bool,
}

impl Found {
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }
}

#[derive(Default)]
pub(super) struct Collected {
    /// Families together, each in order of its turns.
    pub(super) found: Vec<Found>,
    pub(super) artifacts: Vec<Folder>,
    pub(super) left: Vec<Left>,
    pub(super) faults: Vec<Fault>,
}

/// A folder to look into, and what of it is asked for.
struct Place {
    folder: PathBuf,
    /// The name a family goes by; `None`: all.
    live: Option<String>,
    asked: usize,
}

struct Collector {
    most: usize,
    /// None: artifact folders are folders like any other.
    artifacts: Option<Vec<Folder>>,
    places: Vec<Place>,
    files: Vec<Found>,
    known: HashSet<Id>,
    /// What is in folders and is no logfile: told once.
    refused: BTreeMap<PathBuf, &'static str>,
    hidden: HashSet<PathBuf>,
    faults: Vec<Fault>,
}

/// `most`: files that are looked at; `depth`: how far folders in folders are looked into; `artifacts`: whether folders
/// of ansible-runner are told apart.
pub(super) fn collect(paths: &[PathBuf], depth: usize, most: usize, artifacts: bool) -> Collected {
    let mut collector = Collector {
        most,
        artifacts: artifacts.then(Vec::new),
        places: Vec::new(),
        files: Vec::new(),
        known: HashSet::new(),
        refused: BTreeMap::new(),
        hidden: HashSet::new(),
        faults: Vec::new(),
    };
    for (asked, path) in paths.iter().enumerate() {
        collector.ask(path, asked, depth);
    }
    let mut names = collector.look();
    // A folder that is renamed in while it's listed can hide a file: two looks must agree.
    for round in 0.. {
        let before = collector.files.len();
        let now = collector.look();
        if now == names && collector.files.len() == before {
            break;
        }
        names = now;
        if round == ROUNDS {
            let text = "its files went on being renamed while they were listed: run again";
            let folder = collector.places.first().map(|place| place.folder.clone()).unwrap_or_default();
            collector.faults.push(fault_in(&folder, Kind::Changed, text));
            break;
        }
        std::thread::sleep(PAUSE);
    }
    collector.settle(&names)
}

impl Collector {
    fn ask(&mut self, path: &Path, asked: usize, depth: usize) {
        if fs::metadata(path).is_ok_and(|meta| meta.is_dir()) {
            if let Some(artifacts) = &mut self.artifacts
                && let Some(artifact) = Folder::at(path)
            {
                if !artifacts.contains(&artifact) {
                    artifacts.push(artifact);
                }
                return;
            }
            self.places.push(Place { folder: path.to_owned(), live: None, asked });
            if depth > 0 {
                let mut inner: Vec<PathBuf> = entries(path)
                    .into_iter()
                    .flatten()
                    .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                    .map(|entry| entry.path())
                    .collect();
                inner.sort();
                inner.into_iter().take(self.most).for_each(|path| self.ask(&path, asked, depth - 1));
            }
            return;
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let member = Member::of(&name);
        let family = member.turn == Turn::Live && member.plain == name;
        let place = Place {
            folder: path.parent().unwrap_or(Path::new("")).to_owned(),
            live: family.then(|| name.clone()),
            asked,
        };
        let opened = self.open(path, true, asked);
        match opened {
            Ok(()) => {}
            // Between two files of a rotation there may be none.
            Err(fault) if fault.kind == Kind::Missing && family => {
                let turned = entries(&place.folder).into_iter().flatten();
                let any = turned
                    .filter_map(|entry| entry.file_name().into_string().ok())
                    .any(|entry| Member::of(&entry).live == name);
                if !any {
                    self.faults.push(fault);
                    return;
                }
            }
            Err(fault) => {
                self.faults.push(fault);
                return;
            }
        }
        if family {
            self.places.push(place);
        }
    }

    /// Opens a file unless it is known already.
    fn open(&mut self, path: &Path, follow: bool, asked: usize) -> Result<(), Fault> {
        let (file, meta) = open(path, follow)?;
        let id = id_of(&meta);
        if !self.known.insert(id) {
            return Ok(());
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let file = (self.files.len() < OPEN).then(|| Arc::new(file));
        self.files.push(Found {
            path: path.to_owned(),
            id,
            size: meta.len(),
            modified: meta.modified().ok().and_then(|time| Timestamp::try_from(time).ok()),
            member: Member::of(&name),
            asked,
            file,
            vanished: false,
        });
        Ok(())
    }

    /// Looks into all places; the names that inodes have now.
    fn look(&mut self) -> HashMap<Id, PathBuf> {
        let mut names = HashMap::new();
        for index in 0..self.places.len() {
            let Place { folder, live, asked } = &self.places[index];
            let (folder, live, asked) = (folder.clone(), live.clone(), *asked);
            // On one device, where an inode has one number; else each is opened, found known, and closed.
            let device = fs::metadata(if folder.as_os_str().is_empty() { Path::new(".") } else { &folder });
            let device = device.map(|meta| meta.dev()).unwrap_or_default();
            let listed = match entries(&folder) {
                Ok(listed) => listed,
                Err(error) => {
                    let fault = fault_of(&folder, &error);
                    if !self.faults.contains(&fault) {
                        self.faults.push(fault);
                    }
                    continue;
                }
            };
            for entry in listed {
                let name = entry.file_name().to_string_lossy().into_owned();
                if live.as_ref().is_some_and(|live| Member::of(&name).live != *live) {
                    continue;
                }
                let path = folder.join(entry.file_name());
                if live.is_none() && name.starts_with('.') {
                    self.hidden.insert(path);
                    continue;
                }
                if let Some(why) = entry.file_type().ok().and_then(refusal) {
                    self.refused.insert(path, why);
                    continue;
                }
                if self.files.len() >= self.most {
                    let text = format!("more than {} files: the rest was not looked at", self.most);
                    let fault = fault_in(&folder, Kind::Many, text);
                    if !self.faults.contains(&fault) {
                        self.faults.push(fault);
                    }
                    break;
                }
                let id = (device, entry.ino());
                if !self.known.contains(&id) {
                    match self.open(&path, false, asked) {
                        // Renamed since: the next look finds it by its new name.
                        Err(fault) if fault.kind == Kind::Missing => {}
                        Err(fault) => {
                            self.known.insert(id);
                            self.faults.push(fault);
                        }
                        Ok(()) => {}
                    }
                }
                names.insert(id, path);
            }
        }
        names
    }

    /// Takes names and sizes as they are now: a file that was renamed has grown to its end by then.
    fn settle(mut self, names: &HashMap<Id, PathBuf>) -> Collected {
        for found in &mut self.files {
            let links =
                found.file.as_ref().and_then(|file| file.metadata().ok()).map_or(1, |meta| meta.nlink());
            found.vanished = links == 0;
            if let Some(path) = names.get(&found.id).filter(|path| **path != found.path) {
                found.path.clone_from(path);
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
                found.member = Member::of(&name.unwrap_or_default());
            }
        }
        // Families in the order in which they were asked for, then by name.
        self.files.sort_by(|a, b| {
            let key = |f: &Found| (f.asked, f.folder().to_owned(), f.member.live.clone(), f.member.turn);
            key(a).cmp(&key(b)).then_with(|| a.path.cmp(&b.path))
        });
        // The live log comes last, so none of its records is younger than what the others can hold.
        for found in &mut self.files {
            if let Some(meta) = found.file.as_ref().and_then(|file| file.metadata().ok()) {
                found.size = meta.len();
                found.modified = meta.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
            }
        }
        let size = |path: &Path| fs::symlink_metadata(path).map(|meta| meta.len()).unwrap_or(0);
        let left = |path: &PathBuf, why: &str| Left {
            file: shown_path(path),
            size: size(path),
            why: why.to_owned(),
        };
        let mut refused: Vec<Left> = self.refused.iter().map(|(path, why)| left(path, why)).collect();
        let mut hidden: Vec<Left> =
            self.hidden.iter().map(|path| left(path, "hidden: name it to have it read")).collect();
        hidden.sort_by(|a, b| a.file.cmp(&b.file));
        refused.extend(hidden);
        // Only bytes of files can be skipped.
        refused.iter_mut().for_each(|left| left.size = 0);
        let artifacts = self.artifacts.unwrap_or_default();
        Collected { found: self.files, artifacts, left: refused, faults: self.faults }
    }
}

fn entries(folder: &Path) -> std::io::Result<Vec<fs::DirEntry>> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    fs::read_dir(folder)?.collect()
}
