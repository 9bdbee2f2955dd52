//! ansible-runner's artifact folders: which folders are such, and the texts of their files.
//!
//! In: a path, limits. Out: texts of single files, bounded, and faults in words. It does not know what they say.

use super::Limits;
use super::open::{fault_in, fault_of, open, shown_path};
use super::report::{Fault, Kind, Reading, Report};
use jiff::Timestamp;
use std::fs;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file that holds a run's command.
const COMMAND: &str = "command";
/// The folder that holds its events.
const EVENTS: &str = "job_events";
/// Beside the command, one of these says that a folder is an artifact.
const BESIDE: [&str; 4] = [EVENTS, "status", "rc", "stdout"];
/// A file of an artifact is at most this long.
const MOST: u64 = 16 << 20;

/// One run's folder (`artifacts/IDENT`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    path: PathBuf,
}

/// A file of it: its name as the operator would say it, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileText {
    pub file: Arc<str>,
    pub text: String,
    pub written: Option<Timestamp>,
}

impl Folder {
    /// The folder as an artifact, if it looks like one.
    pub(super) fn at(path: &Path) -> Option<Folder> {
        let is_file = fs::symlink_metadata(path.join(COMMAND)).is_ok_and(|meta| meta.is_file());
        let beside = || BESIDE.iter().any(|name| path.join(name).symlink_metadata().is_ok());
        (is_file && beside()).then(|| Folder { path: path.to_owned() })
    }

    /// As the operator would name it.
    pub fn shown(&self) -> Arc<str> {
        shown_path(&self.path)
    }

    /// Its own name: the job.
    pub fn ident(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// When it was last written to, as far as its small files tell.
    pub fn written(&self) -> Option<Timestamp> {
        let of = |name: &str| fs::symlink_metadata(self.path.join(name)).ok()?.modified().ok();
        let latest = [COMMAND, EVENTS, "status", "rc", "stdout"].into_iter().filter_map(of).max()?;
        Timestamp::try_from(latest).ok()
    }

    /// The file with the command.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn command(&self, report: &mut Report) -> Result<FileText, Fault> {
        self.read(&self.path.join(COMMAND), report)
    }

    /// A small file (`rc`, `status`), where it stands and can be read.
    pub fn small(&self, name: &str, report: &mut Report) -> Option<String> {
        match self.read(&self.path.join(name), report) {
            Ok(read) => Some(read.text),
            Err(fault) => {
                if fault.kind != Kind::Missing {
                    report.faults.push(fault);
                }
                None
            }
        }
    }

    /// The first event, and the events from the last one backwards until `each` knows enough. Those that cannot be
    /// read are faults.
    pub fn events(
        &self,
        limits: &Limits,
        report: &mut Report,
        mut each: impl FnMut(FileText) -> ControlFlow<()>,
    ) -> Option<FileText> {
        let folder = self.path.join(EVENTS);
        let listed = match fs::read_dir(&folder) {
            Ok(listed) => listed,
            Err(error) => {
                if error.kind() != std::io::ErrorKind::NotFound {
                    report.faults.push(fault_of(&folder, &error));
                }
                return None;
            }
        };
        let mut numbered: Vec<(u64, PathBuf)> =
            listed.flatten().take(limits.files).filter_map(|entry| numbered(&entry.path())).collect();
        if numbered.len() == limits.files {
            let text = format!("more than {} events: the rest was not looked at", limits.files);
            report.faults.push(fault_in(&folder, Kind::Many, text));
        }
        numbered.sort();
        let mut read = |path: &Path| match self.read(path, report) {
            Ok(read) => Some(read),
            Err(fault) => {
                report.faults.push(fault);
                None
            }
        };
        let first = numbered.first().and_then(|(_, path)| read(path));
        for (_, path) in numbered.iter().rev() {
            if let Some(text) = read(path)
                && each(text).is_break()
            {
                break;
            }
        }
        first
    }

    fn read(&self, path: &Path, report: &mut Report) -> Result<FileText, Fault> {
        let (file, meta) = open(path, false)?;
        if meta.len() > MOST {
            let text = format!("it is longer than {MOST} bytes: it was not read");
            return Err(fault_in(path, Kind::Refused, text));
        }
        let mut bytes = Vec::new();
        file.take(MOST).read_to_end(&mut bytes).map_err(|error| fault_of(path, &error))?;
        let (size, shown) = (bytes.len() as u64, shown_path(path));
        report.bytes_read += size;
        report.text_bytes += size;
        report.files.push(Reading {
            file: Arc::clone(&shown),
            size,
            read: size,
            text: size,
            ..Reading::default()
        });
        let text = String::from_utf8(bytes).map_err(|_| fault_in(path, Kind::Corrupt, "it is no UTF-8"))?;
        let written = meta.modified().ok().and_then(|at| Timestamp::try_from(at).ok());
        Ok(FileText { file: shown, text, written })
    }
}

/// `N-UUID.json`; an event that is still being written (`-partial`) is none yet.
fn numbered(path: &Path) -> Option<(u64, PathBuf)> {
    let name = path.file_name()?.to_str()?;
    let (number, rest) = name.split_once('-')?;
    let whole = rest.strip_suffix(".json").is_some_and(|rest| !rest.ends_with("-partial"));
    Some((number.parse().ok().filter(|_| whole)?, path.to_owned()))
}
