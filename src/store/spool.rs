//! Mails that could not enter the database: spooled durably, taken up by the next run.
//!
//! # Legal states of a spooled mail
//! - S1 `spool/tmp/NAME`: being written; not accepted. Left behind by a crash, removed after 36 hours.
//! - S2 `spool/new/NAME`: accepted (file synced, renamed, folder synced). Waits for a run.
//! - S3 gone: its database transaction is committed; a crash between the two gives a `duplicate`.
//! - S4 `spool/quarantine/NAME`: three runs died while reading it; waits for a person.
//!
//! NAME is `SECONDS.MICROS_PID.TRIES[,L=LENGTH,H=SHA256]`: arrival, a unique part, how many runs began to
//! read it, and for an oversize mail (headers and first MiB kept) length and hash of the whole. The
//! content is the mail, byte for byte.

use super::{Error, io_error};
use crate::mail::RawMail;
use jiff::Timestamp;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Runs that may die over one spooled mail before it is set aside.
pub const TRIES: u32 = 3;

/// A mail waiting in the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spooled {
    pub path: PathBuf,
    pub arrival: Timestamp,
    pub tries: u32,
}

/// Writes a file durably: temporary name beside it, sync, rename, sync of the folder.
pub fn write_durably(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let folder = path.parent().expect("a file of ours stands in a folder");
    let temporary = path.with_extension("tmp");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&temporary)
        .map_err(io_error("create", &temporary))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io_error("write", &temporary))?;
    fs::rename(&temporary, path).map_err(io_error("rename to", path))?;
    sync_folder(folder)
}

fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(io_error("sync folder", folder))
}

/// Accepts a mail into the spool of a state folder.
///
/// On return the mail survives a power cut. `micros` is the sub-second part of the arrival: with the
/// process id it makes the name unique.
pub fn accept(folder: &Path, raw: &RawMail, arrival: Timestamp) -> Result<PathBuf, Error> {
    let spool = folder.join("spool");
    let (tmp, new) = (spool.join("tmp"), spool.join("new"));
    for path in [&spool, &tmp, &new] {
        match fs::create_dir(path) {
            // A folder that a power cut forgets takes its mails along.
            Ok(()) => sync_folder(path.parent().expect("it stands in the state folder"))?,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(io_error("create", path)(e)),
        }
    }
    let mut salt = 0u32;
    let (mut file, name) = loop {
        let micros = arrival.subsec_microsecond();
        let whole = raw
            .digest
            .map_or_else(String::new, |d| format!(",L={},H={}", raw.length, super::hex::encode(&d)));
        let name = format!("{}.{micros:06}_{}_{salt}.0{whole}", arrival.as_second(), std::process::id());
        let path = tmp.join(&name);
        // Process ids return, and a clock may stand still: an accepted mail is never written over.
        if new.join(&name).exists() {
            salt += 1;
            continue;
        }
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => break (file, name),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && salt < 1000 => salt += 1,
            Err(e) => return Err(io_error("create", &path)(e)),
        }
    };
    let at = tmp.join(&name);
    let written = copy(raw, &mut file)
        .and_then(|()| file.sync_all())
        .map_err(io_error("write", &at))
        .and_then(|()| fs::rename(&at, new.join(&name)).map_err(io_error("rename", &at)))
        .and_then(|()| sync_folder(&new));
    if let Err(error) = written {
        // Not accepted, so it must not be found either: the mail system will bring it again.
        let _ = fs::remove_file(&at);
        let _ = fs::remove_file(new.join(&name));
        return Err(error);
    }
    Ok(new.join(name))
}

fn copy(raw: &RawMail, file: &mut File) -> io::Result<()> {
    for chunk in raw.chunks(1 << 20)? {
        file.write_all(&chunk?)?;
    }
    Ok(())
}

/// The mails waiting, oldest first, at most `most`.
pub fn waiting(folder: &Path, most: usize) -> Result<Vec<Spooled>, Error> {
    let new = folder.join("spool/new");
    let entries = match fs::read_dir(&new) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(io_error("read folder", &new)(e)),
    };
    let mut found: Vec<Spooled> = entries
        .filter_map(|e| e.ok())
        .filter(|e| e.file_type().is_ok_and(|t| t.is_file()))
        .filter_map(|e| parse(&e.path()))
        .collect();
    found.sort_by(|a, b| (a.arrival, &a.path).cmp(&(b.arrival, &b.path)));
    found.truncate(most);
    Ok(found)
}

/// How many mails wait; nothing is sorted or parsed.
pub fn count(folder: &Path) -> u64 {
    fs::read_dir(folder.join("spool/new")).map_or(0, |d| d.filter(|e| e.is_ok()).count() as u64)
}

/// How many mails stand in `spool/quarantine`.
pub fn set_aside(folder: &Path) -> u64 {
    fs::read_dir(folder.join("spool/quarantine")).map_or(0, |d| d.filter(|e| e.is_ok()).count() as u64)
}

fn parse(path: &Path) -> Option<Spooled> {
    let name = path.file_name()?.to_str()?;
    let mut fields = name.split(',').next()?.split('.');
    let seconds: i64 = fields.next()?.parse().ok()?;
    let micros: i64 = fields.next()?.split('_').next()?.parse().ok()?;
    let tries = fields.next()?.parse().ok()?;
    let arrival = Timestamp::new(seconds, i32::try_from(micros).ok()?.checked_mul(1000)?).ok()?;
    Some(Spooled { path: path.to_path_buf(), arrival, tries })
}

/// Length and hash of the whole message, where the spooled one was cut.
pub fn whole(path: &Path) -> Option<(u64, [u8; 32])> {
    let name = path.file_name()?.to_str()?;
    let length = name.split(',').find_map(|f| f.strip_prefix("L="))?.parse().ok()?;
    let digest = super::hex::decode(name.split(',').find_map(|f| f.strip_prefix("H="))?)?;
    Some((length, digest))
}

/// Held while a process takes up the spool: one at a time per state. The kernel frees it with the process.
#[derive(Debug)]
pub struct Drain {
    _file: File,
}

impl Drain {
    /// The right to take up the spool; None where another process is at it.
    pub fn take(folder: &Path) -> Result<Option<Drain>, Error> {
        let path = folder.join("spool.lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(io_error("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Drain { _file: file })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(source)) => Err(io_error("lock", &path)(source)),
        }
    }
}

/// Marks that a run begins to read this mail, so that one which kills its reader is found out.
///
/// Returns None where it has killed three already (it is then in `spool/quarantine`), or is gone.
pub fn begin(spooled: &Spooled, _drain: &Drain) -> Result<Option<PathBuf>, Error> {
    let name = spooled.path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let folder = spooled.path.parent().expect("a spooled mail stands in spool/new");
    if spooled.tries >= TRIES {
        let aside = folder.with_file_name("quarantine");
        fs::create_dir_all(&aside).map_err(io_error("create", &aside))?;
        move_to(&spooled.path, &aside.join(name))?;
        sync_folder(&aside)?;
        return Ok(None);
    }
    let next = folder.join(with_tries(name, spooled.tries + 1));
    Ok(move_to(&spooled.path, &next)?.then_some(next))
}

/// Takes the mark of [`begin`] back: the run ended in order, for a reason that is not the mail's.
pub fn put_back(spooled: &Spooled, begun: &Path) {
    // A mark that stays costs one of three tries, nothing else.
    let _ = fs::rename(begun, &spooled.path);
}

/// False where the mail is gone: another run has taken it in, or a person has removed it.
fn move_to(from: &Path, to: &Path) -> Result<bool, Error> {
    match fs::rename(from, to) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(io_error("rename", from)(e)),
    }
}

fn with_tries(name: &str, tries: u32) -> String {
    let (front, back) = name.split_once(',').map_or((name, String::new()), |(f, b)| (f, format!(",{b}")));
    let stem = front.rsplit_once('.').map_or(front, |(stem, _)| stem);
    format!("{stem}.{tries}{back}")
}

/// Removes a mail whose transaction is committed. A failure only means a `duplicate` later.
pub fn done(path: &Path) {
    let _ = fs::remove_file(path);
}

/// Removes what crashes left in `spool/tmp` more than 36 hours ago.
pub fn sweep(folder: &Path, now: Timestamp) {
    let Ok(entries) = fs::read_dir(folder.join("spool/tmp")) else { return };
    for entry in entries.filter_map(|e| e.ok()) {
        let old = entry
            .metadata()
            .and_then(|m| m.modified())
            .ok()
            .and_then(|t| Timestamp::try_from(t).ok())
            .is_some_and(|t| now.as_second() - t.as_second() > 36 * 3600);
        if old {
            let _ = fs::remove_file(entry.path());
        }
    }
}
