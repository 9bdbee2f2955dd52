//! Messages in files, folders, Maildirs and mboxes, one after the other.
//!
//! In: a path. Out: each message bounded, with the time of its arrival as far as the mailbox knows it
//! (a Received header is read later) and the place it came from. A file that cannot be read is an error of
//! its own; the messages after it are not affected. It follows no symbolic links inside a folder, and
//! takes nothing away: only [`Place::settle`] moves a Maildir's message from `new` to `cur`, and that
//! rename is the moment at which the message counts as taken.

use super::mbox::Mbox;
use super::model::RawMail;
use super::read;
use jiff::Timestamp;
use rustix::fs::OFlags;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Deepest folder below the one that was named.
const DEPTH: usize = 16;

/// Which folders of a Maildir are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaildirFolders {
    /// What nobody has taken yet.
    NewOnly,
    /// What was taken as well.
    NewAndCur,
}

/// A message of a mailbox.
#[derive(Debug)]
pub struct Item {
    pub raw: RawMail,
    /// By the mbox From_ line, else the Maildir name, else the file's time.
    pub arrival: Option<Timestamp>,
    pub place: Place,
}

/// Where a message came from; shown as a path, or `box.mbox:offset`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    File(PathBuf),
    /// The offset is that of the From_ line, in bytes.
    Mbox {
        path: PathBuf,
        offset: u64,
    },
    /// A message in `new` or `cur` of `maildir`.
    Maildir {
        maildir: PathBuf,
        folder: &'static str,
        name: OsString,
    },
}

/// A mailbox that is being read.
pub struct Mailbox {
    /// What was not opened yet, in reading order.
    waiting: std::vec::IntoIter<Place>,
    open: Option<OpenMbox>,
    /// The one file was named by hand, and may be a link.
    by_hand: bool,
}

struct OpenMbox {
    path: PathBuf,
    mbox: Mbox<File>,
    modified: Option<Timestamp>,
}

impl Mailbox {
    /// Opens a message, an mbox, a Maildir (`new` only) or a folder of these.
    ///
    /// # Errors
    /// Where the path does not exist or a folder cannot be listed.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::open_with(path, MaildirFolders::NewOnly)
    }

    /// The same, with a say in what is read of a Maildir.
    ///
    /// # Errors
    /// Where the path does not exist or a folder cannot be listed.
    pub fn open_with(path: &Path, folders: MaildirFolders) -> io::Result<Self> {
        let mut places = Vec::new();
        let by_hand = !fs::metadata(path).map_err(|error| naming("open", path, error))?.is_dir();
        if by_hand {
            places.push(Place::File(path.to_path_buf()));
        } else {
            list(path, folders, 0, &mut places)?;
        }
        Ok(Self { waiting: places.into_iter(), open: None, by_hand })
    }

    /// The next message; a long one is put into an unnamed file in `spill_folder`. None at the end. After
    /// an error the next messages can still be read.
    pub fn next(&mut self, spill_folder: &Path) -> Option<io::Result<Item>> {
        loop {
            if let Some(mut open) = self.open.take() {
                match open.mbox.next(spill_folder) {
                    Ok(None) => {}
                    Ok(Some(message)) => {
                        let place = Place::Mbox { path: open.path.clone(), offset: message.offset };
                        let arrival = message.arrival.or(open.modified);
                        self.open = Some(open);
                        return Some(Ok(Item { raw: message.raw, arrival, place }));
                    }
                    Err(error) => return Some(Err(naming("read", &open.path, error))),
                }
            }
            let place = self.waiting.next()?;
            let path = place.path();
            match self.begin(place, &path, spill_folder) {
                Ok(None) => {}
                Ok(Some(item)) => return Some(Ok(item)),
                Err(error) => return Some(Err(naming("read", &path, error))),
            }
        }
    }

    /// Opens the next file: a message is read at once, an mbox stays open.
    fn begin(&mut self, place: Place, path: &Path, spill_folder: &Path) -> io::Result<Option<Item>> {
        let file = match open(path, self.by_hand) {
            Ok(file) => file,
            // Somebody else took it between the listing and now.
            Err(error) if error.kind() == io::ErrorKind::NotFound && place.is_in_maildir() => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        let modified = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
        let may_be_mbox = !place.is_in_maildir() && path.extension().is_none_or(|end| end != "eml");
        if !may_be_mbox {
            let arrival = place.time_in_name().or(modified);
            return Ok(Some(Item { raw: read::message(file, spill_folder)?, arrival, place }));
        }
        let mbox = Mbox::open(file)?;
        if mbox.is_mbox() {
            self.open = Some(OpenMbox { path: path.to_path_buf(), mbox, modified });
            return Ok(None);
        }
        let raw = read::message(mbox.into_stream(), spill_folder)?;
        Ok(Some(Item { raw, arrival: modified, place }))
    }
}

/// What a folder holds, in reading order: by name, of a Maildir `new` and then `cur`.
fn list(folder: &Path, folders: MaildirFolders, depth: usize, places: &mut Vec<Place>) -> io::Result<()> {
    if ["new", "cur", "tmp"].iter().all(|name| folder.join(name).is_dir()) {
        let wanted: &[&'static str] =
            if folders == MaildirFolders::NewOnly { &["new"] } else { &["new", "cur"] };
        for &name in wanted {
            for entry in sorted(&folder.join(name))? {
                if entry.1.is_file() && !entry.0.as_bytes().starts_with(b".") {
                    places.push(Place::Maildir {
                        maildir: folder.to_path_buf(),
                        folder: name,
                        name: entry.0,
                    });
                }
            }
        }
        return Ok(());
    }
    for (name, kind) in sorted(folder)? {
        let path = folder.join(name);
        if kind.is_file() {
            places.push(Place::File(path));
        } else if kind.is_dir() && depth < DEPTH {
            list(&path, folders, depth + 1, places)?;
        }
    }
    Ok(())
}

fn sorted(folder: &Path) -> io::Result<Vec<(OsString, fs::FileType)>> {
    let entries = fs::read_dir(folder).map_err(|error| naming("list", folder, error))?;
    let mut found = entries
        .map(|entry| entry.and_then(|entry| Ok((entry.file_name(), entry.file_type()?))))
        .collect::<io::Result<Vec<_>>>()
        .map_err(|error| naming("list", folder, error))?;
    found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

/// A link named by hand is followed; one that took a file's place inside a folder is not.
fn open(path: &Path, follow: bool) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.read(true);
    if !follow {
        options.custom_flags(OFlags::NOFOLLOW.bits() as i32);
    }
    options.open(path)
}

fn naming(operation: &str, path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{operation} {}: {error}", path.display()))
}

impl Place {
    /// The file that holds the message.
    pub fn path(&self) -> PathBuf {
        match self {
            Self::File(path) | Self::Mbox { path, .. } => path.clone(),
            Self::Maildir { maildir, folder, name } => maildir.join(folder).join(name),
        }
    }

    fn is_in_maildir(&self) -> bool {
        matches!(self, Self::Maildir { .. })
    }

    /// The seconds a Maildir name begins with.
    fn time_in_name(&self) -> Option<Timestamp> {
        let Self::Maildir { name, .. } = self else { return None };
        let digits: i64 = name.to_str()?.split_once('.')?.0.parse().ok()?;
        Timestamp::from_second(digits).ok()
    }

    /// Marks the message as taken: of a Maildir, from `new` to `cur` as seen (`:2,S`), durably. A message
    /// that is in `new` no more was settled before. Elsewhere there is nothing to do.
    ///
    /// # Errors
    /// Where the rename or the sync of the folders fails; the message is then met again.
    pub fn settle(&self) -> io::Result<()> {
        settle_all([self])
    }
}

/// [`Place::settle`] of many, with one sync of each folder.
///
/// # Errors
/// The first rename or sync that fails; the messages after it are then met again.
pub fn settle_all<'a>(places: impl IntoIterator<Item = &'a Place>) -> io::Result<()> {
    let mut touched = BTreeSet::new();
    let mut failed = Ok(());
    for place in places {
        let Place::Maildir { maildir, folder: "new", name } = place else { continue };
        let mut seen = name.clone();
        if !name.as_bytes().windows(3).any(|flags| flags == b":2,") {
            seen.push(":2,S");
        }
        match fs::rename(maildir.join("new").join(name), maildir.join("cur").join(seen)) {
            Ok(()) => {
                touched.insert(maildir);
            }
            // The sync after an earlier rename may have been cut off.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                touched.insert(maildir);
            }
            Err(error) => {
                failed = Err(naming("settle", &place.path(), error));
                break;
            }
        }
    }
    for maildir in touched {
        for folder in ["cur", "new"] {
            let path = maildir.join(folder);
            File::open(&path)
                .and_then(|folder| folder.sync_all())
                .map_err(|error| naming("sync", &path, error))?;
        }
    }
    failed
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mbox { path, offset } => write!(f, "{}:{offset}", path.display()),
            _ => write!(f, "{}", self.path().display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "From: dm@example.com\nSubject: ";

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().expect("a folder"))
        }

        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().expect("inside the folder")).expect("folder");
            fs::write(&path, text).expect("file");
            path
        }

        fn maildir() -> Self {
            let folder = Self::new();
            for name in ["new", "cur", "tmp"] {
                fs::create_dir(folder.0.path().join(name)).expect("folder");
            }
            folder
        }

        /// Subjects and places, or errors, as read.
        fn read(&self, path: &str, folders: MaildirFolders) -> Vec<String> {
            let mut mailbox = Mailbox::open_with(&self.0.path().join(path), folders).expect("opens");
            let mut found = Vec::new();
            while let Some(item) = mailbox.next(self.0.path()) {
                let text = match item {
                    Ok(item) => format!("{} {}", crate::mail::parse(&item.raw).subject, item.place),
                    Err(error) => format!("error {error}"),
                };
                found.push(text.replace(&format!("{}/", self.0.path().display()), ""));
            }
            found
        }
    }

    #[test]
    fn folder_is_read_by_name_with_what_it_holds() {
        let folder = Folder::new();
        folder.write("b.eml", &format!("From dm Thu Feb 26 10:00:00 2026\n{MAIL}b\n\n"));
        folder.write("a/2", &format!("{MAIL}a2\n\n"));
        folder.write("a/1", &format!("{MAIL}a1\n\n"));
        let from = "From dm@example.com Thu Feb 26 10:00:00 2026\n";
        folder.write("c.mbox", &format!("{from}{MAIL}c1\n\n\n{from}{MAIL}c2\n\n"));
        std::os::unix::fs::symlink(folder.0.path().join("b.eml"), folder.0.path().join("link"))
            .expect("link");
        assert_eq!(
            folder.read("", MaildirFolders::NewOnly),
            ["a1 a/1", "a2 a/2", "b b.eml", "c1 c.mbox:0", "c2 c.mbox:80"]
        );
        assert_eq!(folder.read("link", MaildirFolders::NewOnly), ["b link:0"]);
    }

    #[test]
    fn maildir_gives_new_and_on_request_cur() {
        let folder = Folder::maildir();
        folder.write("new/1772100000.1.host", &format!("{MAIL}one\n\n"));
        folder.write("cur/1772000000.1.host:2,S", &format!("{MAIL}zero\n\n"));
        folder.write("tmp/1772100001.1.host", &format!("{MAIL}unfinished\n\n"));
        assert_eq!(folder.read("", MaildirFolders::NewOnly), ["one new/1772100000.1.host"]);
        assert_eq!(
            folder.read("", MaildirFolders::NewAndCur),
            ["one new/1772100000.1.host", "zero cur/1772000000.1.host:2,S"]
        );
    }

    #[test]
    fn settled_message_is_in_cur_and_settling_again_changes_nothing() {
        let folder = Folder::maildir();
        folder.write("new/1772100000.1.host", &format!("{MAIL}one\n\n"));
        let mut mailbox = Mailbox::open(folder.0.path()).expect("opens");
        let item = mailbox.next(folder.0.path()).expect("one").expect("readable");
        assert_eq!(item.arrival.map(|time| time.as_second()), Some(1_772_100_000));
        assert!(mailbox.next(folder.0.path()).is_none());
        item.place.settle().expect("settles");
        item.place.settle().expect("settles again");
        assert!(folder.0.path().join("cur/1772100000.1.host:2,S").exists());
        assert!(folder.read("", MaildirFolders::NewOnly).is_empty());
    }

    #[test]
    fn unreadable_file_is_an_error_and_the_next_is_read() {
        let folder = Folder::maildir();
        folder.write("new/1.a", &format!("{MAIL}one\n\n"));
        folder.write("new/2.b", &format!("{MAIL}two\n\n"));
        let mut mailbox = Mailbox::open(folder.0.path()).expect("opens");
        // A link that took the file's place after the listing.
        fs::remove_file(folder.0.path().join("new/1.a")).expect("removed");
        std::os::unix::fs::symlink("../new/2.b", folder.0.path().join("new/1.a")).expect("link");
        let error = mailbox.next(folder.0.path()).expect("first").expect_err("a link");
        assert!(error.to_string().contains("new/1.a"), "{error}");
        assert!(mailbox.next(folder.0.path()).expect("second").is_ok());
    }

    #[test]
    fn message_that_somebody_else_took_is_passed() {
        let folder = Folder::maildir();
        let path = folder.write("new/1.a", &format!("{MAIL}one\n\n"));
        folder.write("new/2.b", &format!("{MAIL}two\n\n"));
        let mut mailbox = Mailbox::open(folder.0.path()).expect("opens");
        fs::remove_file(path).expect("removed");
        let item = mailbox.next(folder.0.path()).expect("second").expect("readable");
        assert!(item.place.to_string().ends_with("new/2.b"));
    }

    #[test]
    fn absent_path_is_named() {
        let error = Mailbox::open(Path::new("does/not/exist")).err().expect("an error");
        assert!(error.to_string().starts_with("open does/not/exist: "), "{error}");
    }
}
