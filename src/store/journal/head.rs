//! Where the record of the journal ends, kept beside it: `redistribution-head`.
//!
//! In: the number and hash of the last row. Out: whether a journal is the one that was left here. It does not know what
//! the rows say.
//!
//! Lines are appended and synced: `next N HASH` before the COMMIT of a transaction that makes the record end so, `is N
//! HASH` after it. So a record ends as the last `is` says, or as the `next` behind it does where a crash came between
//! the two; one that ends otherwise was cut, was added to, or comes from an older copy. Nothing is started before the
//! `is` of its `intent` is on disk.

use super::super::spool::write_durably;
use super::super::{Error, io_error};
use super::verify::{self, Fault};
use super::{JOURNAL, JOURNAL_HEAD, Journal, chain};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Number and hash of a row; 0 and nothing: there is none.
pub(super) type End = (i64, String);

/// A longer file is written anew with its last line.
const LONG: usize = 16 << 10;

/// What the file says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) is: End,
    pub(super) next: Option<End>,
    /// Bytes up to the last whole line.
    whole: usize,
    bytes: usize,
}

impl Ends {
    /// Reads the lines; one without its end was being written when the power went, and says nothing.
    fn parse(text: &[u8]) -> Option<Ends> {
        let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let (mut is, mut next) = (None, None);
        for line in std::str::from_utf8(&text[..whole]).ok()?.lines() {
            let mut words = line.split(' ');
            let (word, number, hash) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
            let end: End = (number, if hash == "-" { String::new() } else { hash.to_owned() });
            match word {
                "is" => (is, next) = (Some(end), None),
                "next" => next = Some(end),
                _ => return None,
            }
        }
        Some(Ends { is: is?, next, whole, bytes: text.len() })
    }

    /// What is wrong with a record that ends so, beside this head; `hash_of` gives the hash of one of its rows.
    pub(super) fn fault(&self, end: &End, hash_of: &dyn Fn(i64) -> Option<String>) -> Option<Fault> {
        if *end == self.is || Some(end) == self.next.as_ref() {
            return None;
        }
        let (known, hash) = &self.is;
        let (place, why) = if end.0 < *known {
            let rows = if end.0 + 1 == *known {
                format!("row {known}")
            } else {
                format!("rows {} to {known}", end.0 + 1)
            };
            let why = format!(
                "gone: {JOURNAL_HEAD} knows of row {known}; the record was cut, or is that of an older copy"
            );
            (rows, why)
        } else if hash_of(*known).is_some_and(|own| own == *hash) || *known == 0 {
            let added = format!("rows {} to {}", known + 1, end.0);
            (added, format!("added by nobody who keeps {JOURNAL_HEAD}, which ends with row {known}"))
        } else {
            (format!("row {known}"), format!("another one than {JOURNAL_HEAD} knows"))
        };
        Some(Fault { place, why })
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join(JOURNAL_HEAD)
}

fn line(word: &str, (number, hash): &End) -> String {
    format!("{word} {number} {}\n", if hash.is_empty() { "-" } else { hash })
}

/// The first head of a journal that holds nothing yet.
pub(super) fn begin(folder: &Path) -> Result<(), Error> {
    write_durably(&path(folder), line("is", &(0, String::new())).as_bytes(), 0o600)
}

/// What the head of a folder says, or what is wrong with it.
pub(super) fn read(folder: &Path) -> Result<Result<Ends, Fault>, Error> {
    let path = path(folder);
    let fault = |why: &str| Fault { place: JOURNAL_HEAD.to_owned(), why: why.to_owned() };
    match fs::read(&path) {
        Ok(text) => Ok(Ends::parse(&text).ok_or_else(|| fault("it does not say where the record ends"))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Err(fault("it is gone"))),
        Err(source) => Err(Error::Io { what: "read", path, source }),
    }
}

/// The head while its lock is ours.
pub(super) struct Head<'a> {
    folder: &'a Path,
    lock: &'a File,
    ends: Ends,
}

impl<'a> Head<'a> {
    /// Waits for the lock: who has it has committed, and writes its line.
    pub(super) fn take(journal: &'a Journal) -> Result<Head<'a>, Error> {
        let path = journal.folder.join(JOURNAL);
        let Some(lock) = journal.lock.as_ref() else {
            return Err(Error::Stored {
                what: "id of the journal",
                text: "it is not written yet".to_owned(),
            });
        };
        while let Err(e) = flock(lock, FlockOperation::LockExclusive) {
            if e != Errno::INTR {
                return Err(io_error("lock", &path)(e.into()));
            }
        }
        let ends =
            read(&journal.folder).and_then(|ends| ends.map_err(|fault| verify::refusal(path, &[fault])));
        match ends {
            Ok(ends) => Ok(Head { folder: &journal.folder, lock, ends }),
            Err(e) => {
                let _ = flock(lock, FlockOperation::Unlock);
                Err(e)
            }
        }
    }

    /// That a record which ends so is the one that was left; one that a crash left behind its head is caught up with.
    pub(super) fn holds(&mut self, end: &End) -> Result<(), Error> {
        if let Some(fault) = self.ends.fault(end, &|_| None) {
            return Err(verify::refusal(self.folder.join(JOURNAL), &[fault]));
        }
        if self.ends.bytes > LONG {
            let text = line("is", end);
            write_durably(&path(self.folder), text.as_bytes(), 0o600)?;
            self.ends = Ends { is: end.clone(), next: None, whole: text.len(), bytes: text.len() };
        }
        if *end == self.ends.is { Ok(()) } else { self.advance(end) }
    }

    /// Before the COMMIT.
    pub(super) fn announce(&mut self, end: &End) -> Result<(), Error> {
        self.append(&line("next", end))?;
        self.ends.next = Some(end.clone());
        Ok(())
    }

    /// After it.
    pub(super) fn advance(&mut self, end: &End) -> Result<(), Error> {
        self.append(&line("is", end))?;
        (self.ends.is, self.ends.next) = (end.clone(), None);
        Ok(())
    }

    fn append(&mut self, text: &str) -> Result<(), Error> {
        let path = path(self.folder);
        let written = OpenOptions::new().append(true).open(&path).and_then(|mut file| {
            if self.ends.whole < self.ends.bytes {
                file.set_len(self.ends.whole as u64)?;
            }
            file.write_all(text.as_bytes())?;
            file.sync_data()
        });
        written.map_err(io_error("write", &path))?;
        self.ends.whole += text.len();
        self.ends.bytes = self.ends.whole;
        Ok(())
    }
}

impl Drop for Head<'_> {
    fn drop(&mut self) {
        // It goes with the file at the latest.
        let _ = flock(self.lock, FlockOperation::Unlock);
    }
}

/// Has the head say what a crash kept it from saying.
pub(super) fn catch_up(journal: &Journal) -> Result<(), Error> {
    match read(&journal.folder)? {
        Ok(Ends { next: None, whole, bytes, .. }) if whole == bytes => Ok(()),
        _ => journal.transaction(|db| Head::take(journal)?.holds(&chain::end(db)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(number: i64) -> End {
        (number, if number == 0 { String::new() } else { format!("h{number}") })
    }

    #[test]
    fn the_last_whole_line_says_where_the_record_ends() {
        let ends = Ends::parse(b"is 0 -\nnext 2 h2\nis 2 h2\nnext 3 h3\nis 3 h").expect("a head");
        assert_eq!((ends.is, ends.next), (end(2), Some(end(3))));
        assert_eq!((ends.whole, ends.bytes), (35, 41));
        for text in ["", "is 0", "next 1 h1\n", "is one h1\n", "was 1 h1\n", "is 0 -\n\n", "is 0\n"] {
            assert_eq!(Ends::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn a_record_that_ends_otherwise_is_named_by_what_became_of_it() {
        let ends = Ends::parse(b"is 3 h3\nnext 5 h5\n").expect("a head");
        let hash_of = |number: i64| Some(format!("h{number}"));
        let said = |number, hash: &dyn Fn(i64) -> Option<String>| {
            ends.fault(&end(number), hash).map(|fault| format!("{}: {}", fault.place, fault.why))
        };
        assert_eq!(said(3, &hash_of), None);
        assert_eq!(said(5, &hash_of), None);
        let gone =
            "gone: redistribution-head knows of row 3; the record was cut, or is that of an older copy";
        assert_eq!(said(2, &hash_of), Some(format!("row 3: {gone}")));
        assert_eq!(said(0, &hash_of), Some(format!("rows 1 to 3: {gone}")));
        assert_eq!(
            said(4, &hash_of),
            Some("rows 4 to 4: added by nobody who keeps redistribution-head, which ends with row 3".into())
        );
        let other = said(4, &|_| Some("other".to_owned()));
        assert_eq!(other, Some("row 3: another one than redistribution-head knows".into()));
    }
}
