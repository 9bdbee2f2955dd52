//! What planning asks of this machine: lists and packages as they are now, programs, the environment of commands.
//!
//! In: runs, the rules of a server. Out: what is found. Nothing is changed by it.

use super::super::world::environment;
use crate::redistribution::issue::{self, FOLDERS};
use crate::redistribution::list::{List, ListText};
use crate::redistribution::model::{Narrowing, Run};
use crate::redistribution::{planning, run_command};
use crate::rules::redistribution::{Manager, ServerRule};
use jiff::Timestamp;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::SystemTime;

/// A distribution list is at most this long.
const MOST_LIST: u64 = 64 << 20;
/// Bytes of lists that are kept, and how many lists.
const MOST_KEPT: usize = 4 << 20;
const MOST_LISTS: usize = 64;

/// What every command finds in its environment, as far as approval binds it.
pub(super) fn issued_environment(rule: &ServerRule) -> Vec<(String, String)> {
    let own = [("PATH", FOLDERS.join(":")), ("LANG", "C.UTF-8".to_owned())];
    let passed = rule.environment.iter().filter_map(|name| {
        let value = environment(name)?;
        Some((name.clone(), value.to_string_lossy().into_owned()))
    });
    own.map(|(name, value)| (name.to_owned(), value)).into_iter().chain(passed).collect()
}

pub(super) fn with_world<T>(
    rule: &ServerRule,
    environment: &[(String, String)],
    narrowing: &dyn Fn(&str) -> Option<Narrowing>,
    device: &dyn Fn(&str) -> Option<String>,
    delivered: Option<planning::Delivered<'_>>,
    act: impl FnOnce(&planning::World<'_>) -> T,
) -> T {
    let lists = Lists::default();
    act(&planning::World {
        narrowing,
        list: &|run| lists.of(run),
        device,
        program: &|program| {
            issue::look_up(program, &run_command::runs).map(|path| path.to_string_lossy().into_owned())
        },
        delivered,
        against: &against,
        aside: &|_, _| None,
        manager: &manager(rule),
        directory: rule.directory.as_deref(),
        user: rule.user.as_deref(),
        environment,
    })
}

/// The program that takes commands, as it would be started, and its arguments.
fn manager(rule: &ServerRule) -> Vec<String> {
    let Manager::Submit(argv) = &rule.manager else { return Vec::new() };
    let program = argv.first().and_then(|program| issue::look_up(program, &run_command::runs));
    let program = program.map(|path| path.to_string_lossy().into_owned());
    program.or_else(|| argv.first().cloned()).into_iter().chain(argv.iter().skip(1).cloned()).collect()
}

/// Distribution lists as they are now, those read last kept: hundreds of jobs may have used one.
#[derive(Debug, Default)]
pub(super) struct Lists {
    kept: RefCell<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    lists: HashMap<PathBuf, (Stamp, ListText)>,
    bytes: usize,
}

/// What tells that a file is the one that was read.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: Option<SystemTime>,
}

impl Lists {
    /// The list that a run used.
    pub(super) fn of(&self, run: &Run) -> Option<ListText> {
        let path = Path::new(run.list.as_deref()?);
        // A relative path is one of the folder in which the run was, not of ours.
        let folder = run.command.as_ref().and_then(|command| command.directory.as_deref());
        let path = match folder.filter(|folder| folder.starts_with('/')) {
            Some(folder) => Path::new(folder).join(path),
            None if path.is_absolute() => path.to_path_buf(),
            None => return Some(ListText::gone()),
        };
        let Ok(meta) = fs::metadata(&path) else { return Some(ListText::gone()) };
        if !meta.is_file() || meta.len() > MOST_LIST {
            return Some(ListText::gone());
        }
        let list = self.read(path, &meta)?;
        Some(ListText {
            changed: changed(&meta, run).map(|at| format!("changed on {at}, after the run")),
            ..list
        })
    }

    fn read(&self, path: PathBuf, meta: &fs::Metadata) -> Option<ListText> {
        let stamp =
            Stamp { device: meta.dev(), inode: meta.ino(), size: meta.len(), modified: meta.modified().ok() };
        let mut kept = self.kept.borrow_mut();
        if let Some((_, list)) = kept.lists.get(&path).filter(|(of, _)| *of == stamp) {
            return Some(list.clone());
        }
        let bytes = fs::read(&path).ok();
        let list = ListText {
            list: bytes.and_then(|b| String::from_utf8(b).ok()).map(|text| Rc::new(List::new(text))),
            changed: None,
        };
        let size = list.list.as_ref().map_or(0, |list| list.size());
        if kept.bytes + size > MOST_KEPT || kept.lists.len() == MOST_LISTS {
            *kept = Kept::default();
        }
        kept.bytes += size;
        kept.lists.insert(path, (stamp, list.clone()));
        Some(list)
    }
}

/// When a file was last written, where that was after the run began.
fn changed(meta: &fs::Metadata, run: &Run) -> Option<Timestamp> {
    let written = Timestamp::try_from(meta.modified().ok()?).ok()?;
    (written > run.start.or(run.end)?).then_some(written)
}

/// Packages that are files and changed or vanished since.
fn against(run: &Run) -> Vec<String> {
    let files = run.packages.iter().filter(|package| package.starts_with('/'));
    files
        .filter_map(|package| match fs::metadata(package) {
            Err(_) => Some(format!("package {package} is gone")),
            Ok(meta) => {
                changed(&meta, run).map(|at| format!("package {package} changed on {at}, after the run"))
            }
        })
        .collect()
}
