//! The rules folder read from disk, its permissions checked, and the compiled rules kept in the state.
//!
//! `ingest` runs once per mail and must not parse YAML: the compiled rules lie in `rules.cache` of the
//! state folder under a stamp of every file's size, times and inode. Any difference, any doubt: the rules are
//! read again.

use super::{Exit, Failure};
use crate::rules::model::TransportRule;
use crate::rules::{self, Mistake, RuleSet, Source};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Compiled rules in the state folder; may be deleted at any time.
const CACHE: &str = "rules.cache";
/// Sub-folders whose files are rules; the samples beside them are not.
const FOLDERS: [&str; 4] = ["", "alerts", "conf.d", "templates"];
/// A rule file is at most this long.
const MOST_BYTES: u64 = 8 << 20;

#[derive(Debug)]
struct File {
    name: String,
    path: PathBuf,
    meta: fs::Metadata,
}

/// Loads the rules of a folder (None: those compiled in), from the cache where it is fresh.
///
/// # Errors
/// [`Exit::Permission`] where somebody else may write the rules, [`Exit::Configuration`] with all mistakes.
pub fn load(folder: Option<&Path>, state: Option<&Path>) -> Result<RuleSet, Failure> {
    let files = list(folder)?;
    let stamp = stamp(folder, &files);
    let cache = state.map(|s| s.join(CACHE));
    if let Some(rules) =
        cache.as_deref().and_then(|c| fs::read(c).ok()).and_then(|b| rules::cache::decode(&b, &stamp))
    {
        return Ok(beside(rules, folder));
    }
    let sources = read(files)?;
    let rules = rules::compile(&sources).map_err(|mistakes| mistaken(&mistakes))?;
    if let (Some(cache), Some(state)) = (cache, state) {
        keep(&cache, state, &rules::cache::encode(&rules, &stamp));
    }
    Ok(beside(rules, folder))
}

/// Files which rules name without a folder stand beside them, unless the service manager hands them over.
fn beside(mut rules: RuleSet, folder: Option<&Path>) -> RuleSet {
    if let (Some(folder), TransportRule::Smtp { credential, authority, .. }) =
        (folder, &mut rules.settings.delivery.transport)
    {
        for name in [credential, authority].into_iter().flatten() {
            let path = folder.join(&*name);
            if Path::new(name).is_relative() && path.is_file() {
                *name = path.to_string_lossy().into_owned();
            }
        }
    }
    rules
}

/// Every mistake in the rules of a folder.
pub fn check(folder: Option<&Path>) -> Result<Result<RuleSet, Vec<Mistake>>, Failure> {
    Ok(rules::compile(&read(list(folder)?)?))
}

/// The stamp of the files as they are now, without reading them.
pub fn stamp_of(folder: Option<&Path>) -> Result<Vec<u8>, Failure> {
    Ok(stamp(folder, &list(folder)?))
}

/// The state folder said in `autoticket.yaml`, even where the rules are broken otherwise.
pub fn state_said_in(folder: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string(folder.join("autoticket.yaml")).ok()?;
    rules::state_of(&text).map(PathBuf::from)
}

/// Sample files beside the rules: (name, path).
pub fn samples(folder: Option<&Path>) -> Vec<(String, PathBuf)> {
    let Some(alerts) = folder.map(|f| f.join("alerts")) else { return Vec::new() };
    let mut found: Vec<_> = fs::read_dir(alerts)
        .into_iter()
        .flatten()
        .filter_map(|e| e.ok())
        .filter_map(|e| Some((format!("alerts/{}", e.file_name().to_str()?), e.path())))
        .filter(|(name, _)| name.ends_with(".samples.yaml"))
        .collect();
    found.sort();
    found
}

fn list(folder: Option<&Path>) -> Result<Vec<File>, Failure> {
    let Some(root) = folder else { return Ok(Vec::new()) };
    let failed = |path: &Path, e: io::Error| {
        Failure::new(
            Exit::Configuration,
            anyhow::Error::new(e).context(format!("read rules {}", path.display())),
        )
    };
    trusted(root, &fs::metadata(root).map_err(|e| failed(root, e))?)?;
    let mut files = Vec::new();
    for sub in FOLDERS {
        let path = root.join(sub);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound && !sub.is_empty() => continue,
            Err(e) => return Err(failed(&path, e)),
        };
        if !sub.is_empty() {
            trusted(&path, &fs::metadata(&path).map_err(|e| failed(&path, e))?)?;
        }
        for entry in entries {
            let path = entry.map_err(|e| failed(root, e))?.path();
            if !is_rule(&path, sub) {
                continue;
            }
            // A link is followed: packaging tools link rules into place; what it leads to is what must be trusted.
            let meta = fs::metadata(&path).map_err(|e| failed(&path, e))?;
            trusted(&path, &meta)?;
            let leaf = path.file_name().unwrap_or_default().to_string_lossy();
            let name = if sub.is_empty() { leaf.into_owned() } else { format!("{sub}/{leaf}") };
            files.push(File { name, path, meta });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

fn is_rule(path: &Path, sub: &str) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let hidden = name.starts_with('.') || name.ends_with('~');
    let kind = if sub == "templates" {
        !name.is_empty()
    } else {
        name.ends_with(".yaml") && !name.ends_with(".samples.yaml")
    };
    let known = !sub.is_empty() || ["autoticket.yaml", "thresholds.yaml", "centers.yaml"].contains(&name);
    !hidden && kind && known && path.is_file()
}

/// Whoever can write rules decides where tickets go: only root, the owner of the process, or nobody else.
fn trusted(path: &Path, meta: &fs::Metadata) -> Result<(), Failure> {
    let uid = rustix::process::geteuid().as_raw();
    let foreign = meta.uid() != 0 && meta.uid() != uid;
    // A sticky folder (/tmp) lets only the owner of a file replace it.
    let writable = meta.mode() & 0o022 != 0 && !(meta.is_dir() && meta.mode() & 0o1000 != 0);
    if !foreign && !writable {
        return Ok(());
    }
    let what = if foreign {
        format!("belongs to uid {}, neither root nor uid {uid}", meta.uid())
    } else {
        format!("may be written by others (mode {:03o})", meta.mode() & 0o777)
    };
    let failure = Failure::say(Exit::Permission, format!("rules {} {what}", path.display()));
    Err(if foreign {
        failure.hint(format!("chown root {0} or run as its owner", path.display()))
    } else {
        failure.hint(format!("chmod go-w {}", path.display()))
    })
}

fn stamp(folder: Option<&Path>, files: &[File]) -> Vec<u8> {
    let mut stamp = format!("{}\0{}\0", env!("CARGO_PKG_VERSION"), rules::embedded_digest()).into_bytes();
    stamp.extend(folder.map(|f| f.as_os_str().as_encoded_bytes()).unwrap_or_default());
    for file in files {
        stamp.push(0);
        stamp.extend(file.name.as_bytes());
        let meta = &file.meta;
        for number in [
            meta.len() as i64,
            meta.mtime(),
            meta.mtime_nsec(),
            meta.ctime(),
            meta.ctime_nsec(),
            meta.ino() as i64,
        ] {
            stamp.extend(number.to_le_bytes());
        }
    }
    stamp
}

fn read(files: Vec<File>) -> Result<Vec<Source>, Failure> {
    let mut sources = rules::embedded();
    for file in files {
        if file.meta.len() > MOST_BYTES {
            let text = format!("{} is longer than {MOST_BYTES} bytes", file.path.display());
            return Err(Failure::say(Exit::Configuration, text));
        }
        let text = fs::read(&file.path).map_err(|e| {
            Failure::new(
                Exit::Configuration,
                anyhow::Error::new(e).context(format!("read {}", file.path.display())),
            )
        })?;
        let text = String::from_utf8(text).map_err(|e| {
            let at = e.utf8_error().valid_up_to();
            Failure::say(Exit::Configuration, format!("{} is not UTF-8 at byte {at}", file.path.display()))
        })?;
        sources.push(Source { file: file.name, text });
    }
    Ok(sources)
}

fn mistaken(mistakes: &[Mistake]) -> Failure {
    let lines: Vec<String> = mistakes.iter().take(20).map(ToString::to_string).collect();
    let more = mistakes.len().saturating_sub(20);
    let tail = if more > 0 { format!("\nand {more} more: autoticket rules check") } else { String::new() };
    Failure::say(Exit::Configuration, format!("the rules are wrong\n{}{tail}", lines.join("\n")))
}

/// Keeps the compiled rules; whatever fails here only costs time.
fn keep(cache: &Path, state: &Path, bytes: &[u8]) {
    let ours = fs::metadata(state).is_ok_and(|m| m.uid() == rustix::process::geteuid().as_raw());
    if !ours || !state.join(crate::store::INSTALL_ID).is_file() {
        return;
    }
    let temporary = cache.with_extension(format!("cache.{}", std::process::id()));
    if fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, cache)).is_err() {
        let _ = fs::remove_file(&temporary);
    }
}
