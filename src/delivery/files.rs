//! The file transport, which needs no server: each mail becomes one file of a folder.
//!
//! A mail is there when its name is there: the bytes are written and synced under a hidden name, which is
//! then linked to the real one without replacing anything, and the folder is synced. A kill before that
//! leaves a hidden `.part` file, which a later [`Files::open`] removes; a kill after it leaves the mail, and
//! the same parcel again finds its own bytes and is accepted.

use super::address::refusal;
use super::model::{Attempt, Parcel, Transport};
use super::{Error, chain};
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Files of different bytes under one stem before we give up; a stem holds ticket, kind and sequence.
const SUFFIXES: u32 = 1000;
/// Hidden files older than this have no writer any more.
const ABANDONED: Duration = Duration::from_secs(3600);
const PREFIX: &str = ".autoticket-";
const PART: &str = ".part";

pub(super) struct Files {
    folder: PathBuf,
}

impl Files {
    /// Creates the folder where it is missing and removes what killed writers left.
    pub(super) fn open(folder: PathBuf) -> Result<Self, Error> {
        let failed = |source| Error::Folder { folder: folder.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
        if let Some(parent) = folder.parent() {
            sync(parent).map_err(failed)?;
        }
        remove_abandoned(&folder).map_err(failed)?;
        Ok(Self { folder })
    }

    /// Puts the mail under its name, or under the next free one where other bytes hold it.
    fn put(&self, parcel: &Parcel) -> io::Result<PathBuf> {
        let mut part = None;
        for suffix in 1..=SUFFIXES {
            let path = self.folder.join(file_name(&parcel.name, suffix));
            if !path.try_exists()? {
                let written = match part.take() {
                    Some(written) => written,
                    None => self.write(&parcel.bytes)?,
                };
                match written.persist_noclobber(&path) {
                    Ok(_) => {
                        sync(&self.folder)?;
                        return Ok(path);
                    }
                    Err(lost) if lost.error.kind() == ErrorKind::AlreadyExists => part = Some(lost.file),
                    Err(lost) => return Err(lost.error),
                }
            }
            if holds(&path, &parcel.bytes)? {
                // Whoever put it there may have been killed before the folder was synced.
                sync(&self.folder)?;
                return Ok(path);
            }
        }
        Err(io::Error::new(ErrorKind::AlreadyExists, format!("{SUFFIXES} other mails have this name")))
    }

    fn write(&self, bytes: &[u8]) -> io::Result<tempfile::NamedTempFile> {
        // Created with mode 0600, removed again when dropped before it has its name.
        let mut part = tempfile::Builder::new().prefix(PREFIX).suffix(PART).tempfile_in(&self.folder)?;
        part.write_all(bytes)?;
        part.as_file().sync_all()?;
        Ok(part)
    }
}

impl Transport for Files {
    fn transmit(&mut self, parcel: &Parcel) -> Attempt {
        if let Some(refused) = refusal(parcel) {
            return refused;
        }
        if !fit(&parcel.name) {
            return Attempt::Refused { reply: super::told(&format!("`{}` is no file name", parcel.name)) };
        }
        match self.put(parcel) {
            Ok(path) => Attempt::Accepted { reply: super::told(&path.display().to_string()) },
            Err(error) => {
                let reply = format!("write into {}: {}", self.folder.display(), chain(&error));
                Attempt::Postponed { reply: super::told(&reply) }
            }
        }
    }

    fn name(&self) -> String {
        format!("files {}", self.folder.display())
    }
}

/// Letters, digits, `-` and `.`, and visible: no path, no hidden file.
fn fit(name: &str) -> bool {
    !name.starts_with('.')
        && (1..=200).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
}

fn file_name(stem: &str, suffix: u32) -> String {
    if suffix == 1 { format!("{stem}.eml") } else { format!("{stem}-{suffix}.eml") }
}

fn holds(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let same_length = fs::symlink_metadata(path)?.len() == bytes.len() as u64;
    Ok(same_length && fs::read(path)? == bytes)
}

fn sync(folder: &Path) -> io::Result<()> {
    // A relative path of one component has the empty path as its parent.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}

fn remove_abandoned(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let part = name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(PART));
        // Another pass may be at work: it renames or removes its own file under our hands.
        let age = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
        if part && age().is_some_and(|age| age > ABANDONED) {
            fs::remove_file(entry.path()).or_else(|e| match e.kind() {
                ErrorKind::NotFound => Ok(()),
                _ => Err(e),
            })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::time::SystemTime;

    fn parcel(bytes: &[u8]) -> Parcel {
        Parcel {
            message_id: "t-42.1@example.com".into(),
            sender: String::new(),
            recipient: "desk@example.com".into(),
            bytes: bytes.to_vec(),
            name: "T-42-ticket-1".into(),
        }
    }

    fn listing(folder: &Path) -> Vec<String> {
        let name = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
        let mut names: Vec<String> = fs::read_dir(folder).expect("a folder").filter_map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn a_mail_becomes_one_private_file_with_its_bytes_in_a_folder_made_for_it() {
        let state = tempfile::tempdir().expect("a temporary folder");
        let folder = state.path().join("a/outgoing");
        let mut files = Files::open(folder.clone()).expect("a folder can be made");
        let bytes = b"Subject: x\r\n\r\n.\r\nline\nbare\r\n";
        let path = folder.join("T-42-ticket-1.eml");
        let accepted = Attempt::Accepted { reply: path.display().to_string() };
        assert_eq!(files.transmit(&parcel(bytes)), accepted);
        assert_eq!(fs::read(&path).expect("the mail"), bytes);
        assert_eq!(fs::metadata(&path).expect("the mail").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&folder).expect("the folder").permissions().mode() & 0o777, 0o700);
        assert_eq!(listing(&folder), ["T-42-ticket-1.eml"]);
    }

    #[test]
    fn the_same_mail_again_is_accepted_once_more_and_stays_one_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut files = Files::open(folder.path().into()).expect("a folder");
        let first = files.transmit(&parcel(b"one"));
        assert_eq!(files.transmit(&parcel(b"one")), first);
        assert_eq!(listing(folder.path()), ["T-42-ticket-1.eml"]);
    }

    #[test]
    fn another_mail_of_the_same_name_gets_the_next_free_one_and_nothing_is_overwritten() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut files = Files::open(folder.path().into()).expect("a folder");
        for bytes in [b"one".as_slice(), b"two", b"six", b"two"] {
            assert!(matches!(files.transmit(&parcel(bytes)), Attempt::Accepted { .. }));
        }
        let read = |name: &str| fs::read(folder.path().join(name)).expect("a mail");
        assert_eq!(
            listing(folder.path()),
            ["T-42-ticket-1-2.eml", "T-42-ticket-1-3.eml", "T-42-ticket-1.eml"]
        );
        assert_eq!(read("T-42-ticket-1.eml"), b"one");
        assert_eq!(read("T-42-ticket-1-2.eml"), b"two");
        assert_eq!(read("T-42-ticket-1-3.eml"), b"six");
    }

    #[test]
    fn two_writers_at_once_lose_nothing() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::thread::scope(|scope| {
            for writer in 0..8u8 {
                let folder = folder.path().to_owned();
                scope.spawn(move || {
                    let mut files = Files::open(folder).expect("a folder");
                    for mail in 0..5u8 {
                        let attempt = files.transmit(&parcel(&[writer, mail]));
                        assert!(matches!(attempt, Attempt::Accepted { .. }), "{attempt:?}");
                    }
                });
            }
        });
        let names = listing(folder.path());
        let mails: std::collections::BTreeSet<Vec<u8>> =
            names.iter().map(|name| fs::read(folder.path().join(name)).expect("a mail")).collect();
        assert_eq!((names.len(), mails.len()), (40, 40));
    }

    #[test]
    fn a_folder_that_vanished_postpones() {
        let state = tempfile::tempdir().expect("a temporary folder");
        let folder = state.path().join("outgoing");
        let mut files = Files::open(folder.clone()).expect("a folder");
        fs::remove_dir(&folder).expect("an empty folder");
        let Attempt::Postponed { reply } = files.transmit(&parcel(b"one")) else { panic!("not postponed") };
        assert!(reply.starts_with(&format!("write into {}: No such file", folder.display())), "{reply}");
    }

    #[test]
    fn a_name_that_is_a_path_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut files = Files::open(folder.path().join("outgoing")).expect("a folder");
        for name in ["../escape", "a/b", ".hidden", "", "a\nb", "ä"] {
            let attempt = files.transmit(&Parcel { name: name.into(), ..parcel(b"x") });
            assert!(matches!(attempt, Attempt::Refused { .. }), "{name}: {attempt:?}");
        }
        assert_eq!(listing(folder.path()), ["outgoing"]);
    }

    #[test]
    fn what_a_killed_writer_left_is_removed_an_hour_later_and_never_sooner() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, age) in [(".autoticket-old.part", 7200), (".autoticket-new.part", 60), ("old.eml", 7200)] {
            let file = File::create(folder.path().join(name)).expect("a writable folder");
            let time = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970") - Duration::from_secs(age);
            file.set_modified(SystemTime::UNIX_EPOCH + time).expect("our own file");
        }
        Files::open(folder.path().into()).expect("a folder");
        assert_eq!(listing(folder.path()), [".autoticket-new.part", "old.eml"]);
    }
}
