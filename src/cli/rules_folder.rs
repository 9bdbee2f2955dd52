//! The rules folder read from disk, its permissions checked, and the compiled rules kept in the state.
//!
//! `ingest` runs once per mail and must not parse YAML: the compiled rules lie in `rules.cache` of the
//! state folder under a stamp of every file's size, times and inode. Any difference, any doubt: the rules are
//! read again.

use super::{Exit, Failure};
use crate::rules::logs::LogRules;
use crate::rules::model::TransportRule;
use crate::rules::redistribution::{FILE, RedistributionRules};
use crate::rules::{self, Mistake, RuleSet, Source};
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Compiled rules in the state folder; may be deleted at any time.
const CACHE: &str = "rules.cache";
/// Sub-folders whose files are rules; the samples beside them are not.
const FOLDERS: [&str; 4] = ["", "alerts", "conf.d", "templates"];
/// Where logfile rules stand, which no mail needs.
const LOGS: [&str; 1] = ["logs"];
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
    let files = list(folder, &FOLDERS)?;
    let stamp = stamp(folder, &files);
    let cache = state.map(|s| s.join(CACHE));
    let kept = cache.as_deref().and_then(cached);
    if let Some(rules) = kept.and_then(|b| rules::cache::decode(&b, &stamp)) {
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

/// The texts of a folder's rules over the embedded ones, as [`rules::compile`] takes them.
pub fn sources(folder: Option<&Path>) -> Result<Vec<Source>, Failure> {
    read(list(folder, &FOLDERS)?)
}

/// The stamp of the files as they are now, without reading them.
pub fn stamp_of(folder: Option<&Path>) -> Result<Vec<u8>, Failure> {
    Ok(stamp(folder, &list(folder, &FOLDERS)?))
}

/// The state folder said in `autoticket.yaml`, even where the rules are broken otherwise.
pub fn state_said_in(folder: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string(folder.join("autoticket.yaml")).ok()?;
    rules::state_of(&text).map(PathBuf::from)
}

/// Sample files beside the rules of a sub-folder (`alerts`, `logs`): (name, path).
pub fn samples(folder: Option<&Path>, sub: &str) -> Vec<(String, PathBuf)> {
    let Some(beside) = folder.map(|f| f.join(sub)) else { return Vec::new() };
    let mut found: Vec<_> = fs::read_dir(beside)
        .into_iter()
        .flatten()
        .filter_map(|e| e.ok())
        .filter_map(|e| Some((format!("{sub}/{}", e.file_name().to_str()?), e.path())))
        .filter(|(name, _)| name.ends_with(".samples.yaml"))
        .collect();
    found.sort();
    found
}

/// Refuses a folder of rules that others could exchange on the way to it: each folder above it, and above what a link
/// among its rules leads to, must be root's or ours, and written by nobody else. For commands at hand; what the mail
/// system calls looks at the folder and its files alone.
///
/// # Errors
/// [`Exit::Permission`], with the folder that others may write.
pub fn guarded(folder: Option<&Path>) -> Result<(), Failure> {
    let Some(root) = folder else { return Ok(()) };
    guarded_way(root)?;
    let subs = FOLDERS.iter().chain(&LOGS).copied();
    for entry in subs.filter_map(|sub| fs::read_dir(root.join(sub)).ok()).flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
            guarded_way(&entry.path())?;
        }
    }
    Ok(())
}

/// Links that lead to links: so many are followed.
const MOST_LINKS: usize = 40;

fn guarded_way(path: &Path) -> Result<(), Failure> {
    let mut ways = vec![std::path::absolute(path).unwrap_or_else(|_| path.to_owned())];
    let mut at = 0;
    while let Some(way) = ways.get(at).cloned().filter(|_| at < MOST_LINKS) {
        at += 1;
        for step in way.ancestors() {
            // What is not there is told by whoever reads it.
            let Ok(meta) = fs::symlink_metadata(step) else { continue };
            if meta.is_symlink() {
                owned(step, &meta)?;
                if let Ok(target) = fs::read_link(step) {
                    // What stands behind the link is behind its target.
                    let behind = way.strip_prefix(step).unwrap_or(Path::new(""));
                    ways.push(step.parent().unwrap_or(Path::new("/")).join(target).join(behind));
                }
            } else if meta.is_dir() {
                trusted(step, &meta)?;
            }
        }
    }
    Ok(())
}

fn list(folder: Option<&Path>, subs: &[&str]) -> Result<Vec<File>, Failure> {
    let Some(root) = folder else { return Ok(Vec::new()) };
    let failed = |path: &Path, e: io::Error| {
        Failure::new(
            Exit::Configuration,
            anyhow::Error::new(e).context(format!("read rules {}", path.display())),
        )
    };
    trusted(root, &fs::metadata(root).map_err(|e| failed(root, e))?)?;
    let mut files = Vec::new();
    for sub in subs {
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
            if !meta.is_file() {
                // A rule that cannot be read is no rule that is not there.
                let text = format!("rules {} is no regular file", path.display());
                return Err(Failure::say(Exit::Configuration, text));
            }
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
    !hidden && kind && known
}

/// Whoever can write rules decides where tickets go: only root, the owner of the process, or nobody else.
fn trusted(path: &Path, meta: &fs::Metadata) -> Result<(), Failure> {
    owned(path, meta)?;
    // A sticky folder (/tmp) lets only the owner of a file replace it.
    let writable = meta.mode() & 0o022 != 0 && !(meta.is_dir() && meta.mode() & 0o1000 != 0);
    if !writable {
        return Ok(());
    }
    let what = format!("may be written by others (mode {:03o})", meta.mode() & 0o777);
    let failure = Failure::say(Exit::Permission, format!("rules {} {what}", path.display()));
    Err(failure.hint(format!("chmod go-w {}", path.display())))
}

fn owned(path: &Path, meta: &fs::Metadata) -> Result<(), Failure> {
    let uid = rustix::process::geteuid().as_raw();
    if meta.uid() == 0 || meta.uid() == uid {
        return Ok(());
    }
    let what = format!("belongs to uid {}, neither root nor uid {uid}", meta.uid());
    let failure = Failure::say(Exit::Permission, format!("rules {} {what}", path.display()));
    Err(failure.hint(format!("chown root {0} or run as its owner", path.display())))
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
        sources.push(text_of(file)?);
    }
    Ok(sources)
}

/// Logfile rules over the shipped ones.
///
/// # Errors
/// As [`load`].
pub fn logs(folder: Option<&Path>) -> Result<LogRules, Failure> {
    rules::logs::compile(&log_sources(folder)?).map_err(|mistakes| mistaken(&mistakes))
}

/// Their texts, as [`rules::logs::compile`] takes them.
///
/// # Errors
/// Where somebody else may write one, or it is no text.
pub fn log_sources(folder: Option<&Path>) -> Result<Vec<Source>, Failure> {
    let mut sources = rules::logs::embedded();
    for file in list(folder, &LOGS)? {
        sources.push(text_of(file)?);
    }
    Ok(sources)
}

/// How commands are issued on intermediate servers.
///
/// # Errors
/// As [`load`].
pub fn issuing(folder: Option<&Path>) -> Result<RedistributionRules, Failure> {
    rules::redistribution::compile(redistribution(folder)?).map_err(|mistakes| mistaken(&mistakes))
}

fn text_of(file: File) -> Result<Source, Failure> {
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
    Ok(Source { file: file.name, text })
}

/// The text of `redistribution.yaml`, which only `redistribute` and `rules check` read.
///
/// # Errors
/// [`Exit::Permission`] where somebody else may write it or its folder, [`Exit::Configuration`] where it is no text.
pub fn redistribution(folder: Option<&Path>) -> Result<Option<Source>, Failure> {
    let Some(root) = folder else { return Ok(None) };
    let path = root.join(FILE);
    let failed = |path: &Path, e: io::Error| {
        let what = format!("read rules {}", path.display());
        Failure::new(Exit::Configuration, anyhow::Error::new(e).context(what))
    };
    let meta = match fs::metadata(&path) {
        Ok(meta) if meta.is_file() => meta,
        Ok(_) => {
            return Err(Failure::say(
                Exit::Configuration,
                format!("rules {} is no regular file", path.display()),
            ));
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed(&path, e)),
    };
    trusted(root, &fs::metadata(root).map_err(|e| failed(root, e))?)?;
    trusted(&path, &meta)?;
    text_of(File { name: FILE.to_owned(), path, meta }).map(Some)
}

fn mistaken(mistakes: &[Mistake]) -> Failure {
    let lines: Vec<String> = mistakes.iter().take(20).map(ToString::to_string).collect();
    let more = mistakes.len().saturating_sub(20);
    let tail = if more > 0 { format!("\nand {more} more: autoticket rules check") } else { String::new() };
    Failure::say(Exit::Configuration, format!("the rules are wrong\n{}{tail}", lines.join("\n")))
}

/// The kept rules, where nobody else could have written them: they decide as much as the files do.
fn cached(cache: &Path) -> Option<Vec<u8>> {
    // Looked at before it is opened: a pipe would wait for a writer for ever.
    let meta = fs::symlink_metadata(cache).ok()?;
    if !meta.is_file() || meta.len() > 4 * MOST_BYTES {
        return None;
    }
    let mut file = fs::File::open(cache).ok()?;
    trusted(cache, &file.metadata().ok()?).ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Keeps the compiled rules; whatever fails here only costs time.
fn keep(cache: &Path, state: &Path, bytes: &[u8]) {
    let ours = fs::metadata(state).is_ok_and(|m| m.uid() == rustix::process::geteuid().as_raw());
    if !ours || !state.join(crate::store::INSTALL_ID).is_file() {
        return;
    }
    let temporary = cache.with_extension(format!("cache.{}", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&temporary, cache));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::tests_support::state;
    use std::os::unix::fs::PermissionsExt;

    /// A rules folder that says `interval`, beside a state.
    fn site(interval: &str) -> (tempfile::TempDir, PathBuf, PathBuf) {
        let (folder, store) = state();
        let rules = folder.path().join("rules");
        fs::create_dir(&rules).expect("a folder");
        mode(&rules, 0o755);
        say(&rules, interval);
        (folder, rules, store.folder().to_path_buf())
    }

    fn say(rules: &Path, interval: &str) {
        let file = rules.join("autoticket.yaml");
        fs::write(&file, format!("interval: {interval}\n")).expect("write");
        mode(&file, 0o644);
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode");
    }

    fn interval(rules: &Path, state: &Path) -> i64 {
        load(Some(rules), Some(state)).expect("good rules").settings.interval.0
    }

    /// Another valid rule set under the stamp of the files as they are.
    fn poison(rules: &Path, state: &Path) {
        let mut other = load(Some(rules), None).expect("good rules");
        other.settings.interval.0 = 99;
        let stamp = stamp_of(Some(rules)).expect("a stamp");
        keep(&state.join(CACHE), state, &rules::cache::encode(&other, &stamp));
    }

    #[test]
    fn fresh_cache_is_used_and_a_changed_added_or_removed_file_makes_it_stale() {
        let (_folder, rules, state) = site("31s");
        assert_eq!(interval(&rules, &state), 31);
        poison(&rules, &state);
        assert_eq!(interval(&rules, &state), 99, "no YAML is read");
        say(&rules, "32s");
        assert_eq!(interval(&rules, &state), 32);
        poison(&rules, &state);
        fs::create_dir(rules.join("conf.d")).expect("a folder");
        mode(&rules.join("conf.d"), 0o755);
        fs::write(rules.join("conf.d/later.yaml"), "interval: 33s\n").expect("write");
        mode(&rules.join("conf.d/later.yaml"), 0o644);
        assert_eq!(interval(&rules, &state), 33);
        poison(&rules, &state);
        fs::remove_file(rules.join("conf.d/later.yaml")).expect("remove");
        assert_eq!(interval(&rules, &state), 32);
    }

    #[test]
    fn cache_that_others_may_write_or_that_is_torn_is_not_believed() {
        let (_folder, rules, state) = site("31s");
        poison(&rules, &state);
        let cache = state.join(CACHE);
        assert_eq!(fs::metadata(&cache).expect("kept").permissions().mode() & 0o777, 0o600);
        mode(&cache, 0o666);
        assert_eq!(interval(&rules, &state), 31);
        poison(&rules, &state);
        let bytes = fs::read(&cache).expect("kept");
        fs::write(&cache, &bytes[..bytes.len() / 2]).expect("tear");
        assert_eq!(interval(&rules, &state), 31);
    }

    #[test]
    fn without_a_state_nothing_is_kept() {
        let (folder, rules, _) = site("31s");
        let nowhere = folder.path().join("nowhere");
        assert_eq!(interval(&rules, &nowhere), 31);
        assert!(!nowhere.exists());
    }

    #[test]
    fn rules_that_others_may_write_are_refused_even_where_the_cache_is_fresh() {
        let (_folder, rules, state) = site("31s");
        assert_eq!(interval(&rules, &state), 31);
        let file = rules.join("autoticket.yaml");
        for (path, wrong, right) in [(&file, 0o664, 0o644), (&file, 0o646, 0o644), (&rules, 0o775, 0o755)] {
            mode(path, wrong);
            let failure = load(Some(&rules), Some(&state)).expect_err("writable by others");
            assert_eq!(failure.exit, Exit::Permission);
            assert_eq!(failure.hints, [format!("chmod go-w {}", path.display())]);
            mode(path, right);
        }
        assert_eq!(interval(&rules, &state), 31);
    }

    #[test]
    fn rules_reached_through_a_folder_or_link_of_others_are_refused_and_a_sticky_one_is_not() {
        let (folder, rules, _) = site("31s");
        let above = folder.path().join("above");
        fs::create_dir(&above).expect("a folder");
        let inside = above.join("rules");
        fs::rename(&rules, &inside).expect("moved");
        mode(&above, 0o777);
        let failure = guarded(Some(&inside)).expect_err("others could exchange it");
        assert_eq!(failure.exit, Exit::Permission);
        assert_eq!(failure.hints, [format!("chmod go-w {}", above.display())]);
        // Through a link outside of it, too; and through a file that is a link into it.
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&inside, &link).expect("a link");
        assert_eq!(guarded(Some(&link)).expect_err("by a link").exit, Exit::Permission);
        let own = folder.path().join("own");
        fs::create_dir_all(own.join("logs")).expect("a folder");
        std::os::unix::fs::symlink(inside.join("autoticket.yaml"), own.join("logs/x.yaml")).expect("a link");
        assert_eq!(guarded(Some(&own)).expect_err("by a rule").exit, Exit::Permission);
        mode(&above, 0o1777);
        for way in [&inside, &link, &own] {
            guarded(Some(way)).expect("nobody else can exchange it");
        }
        mode(&above, 0o755);
        guarded(Some(&inside)).expect("ours");
        guarded(Some(&folder.path().join("nowhere"))).expect("who reads it tells");
    }

    #[test]
    fn all_mistakes_are_told_with_the_configuration_exit() {
        let (_folder, rules, state) = site("31s");
        fs::write(rules.join("autoticket.yaml"), "intervall: 31s\nkeep: {rav: 1d}\n").expect("write");
        let failure = load(Some(&rules), Some(&state)).expect_err("two mistakes");
        assert_eq!(failure.exit, Exit::Configuration);
        let text = failure.line();
        assert!(text.contains("autoticket.yaml:1") && text.contains("autoticket.yaml:2"), "{text}");
    }
}
