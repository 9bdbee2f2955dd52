//! Outage notices: the last good copy of each file, those added by hand, and by which keys they are found.
//!
//! In: notices as they were read, keys of a device. Out: the notices that may mean it. Whether one does, and
//! whether it holds, is the business of the room `outage`. A region may have thousands of notices, so that a key
//! leads to the few that count: of those which do not recur, the ones that end last.

use super::column::{from_json, json, time};
use super::{Doing, Error, Reference, ReferenceTx};
use crate::outage::judge::{kept_globs, kept_under};
use crate::outage::{Notice, TargetKind};
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Part of `reference.db`; a step of the ladder in `schema.rs` before.
pub(super) const TABLES: &str = "
-- One row per file that was ever read, and one for what was added by hand (name ''). The notices of a file are
-- its last good copy; fault and since tell that the file itself cannot be used now.
CREATE TABLE notice_file(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  digest TEXT NOT NULL,         -- of the copy
  stamp TEXT NOT NULL,          -- size, times and inode when it was last looked at
  at INTEGER,                   -- when the copy was read
  changed INTEGER,              -- when the file says it was written
  fault TEXT, since INTEGER,
  mistakes TEXT NOT NULL        -- JSON list: notices of the copy that could not be read
) STRICT;

CREATE TABLE notice(
  id INTEGER PRIMARY KEY,
  file INTEGER NOT NULL, name TEXT NOT NULL,
  notice TEXT NOT NULL,         -- JSON of outage::Notice
  UNIQUE(file, name)
) STRICT;

-- Where a notice is found. kind: index of outage::TargetKind; last: end, or 2^62 without one.
CREATE TABLE notice_key(
  kind INTEGER NOT NULL, name TEXT NOT NULL, recurs INTEGER NOT NULL, last INTEGER NOT NULL, first INTEGER NOT NULL,
  notice INTEGER NOT NULL,
  PRIMARY KEY(kind, name, recurs, last, first, notice)
) STRICT, WITHOUT ROWID;
CREATE TABLE notice_glob(kind INTEGER NOT NULL, glob TEXT NOT NULL, notice INTEGER NOT NULL,
  PRIMARY KEY(kind, glob, notice)) STRICT, WITHOUT ROWID;

-- Which notices ever matched; outlives their files.
CREATE TABLE notice_match(file INTEGER NOT NULL, name TEXT NOT NULL, matched INTEGER NOT NULL, last INTEGER NOT NULL,
  PRIMARY KEY(file, name)) STRICT, WITHOUT ROWID;
";

/// The end of a notice without one.
const NEVER: i64 = 1 << 62;
/// Notices of one key that are looked at: of those that recur, and of the others.
const MOST_OF_KEY: i64 = 64;
/// What begins later than this is of no interest now.
const AHEAD: i64 = 7 * 86_400;

/// What is known of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeFile {
    /// As the operator would name it; empty for what was added by hand.
    pub file: String,
    pub digest: String,
    #[serde(skip)]
    pub stamp: String,
    /// When the copy that serves was read.
    pub read: Option<Timestamp>,
    /// When the file was written, as it says.
    pub changed: Option<Timestamp>,
    /// Why the file cannot be used now, and since when.
    pub fault: Option<String>,
    pub since: Option<Timestamp>,
    /// Notices of it that cannot be read.
    pub mistakes: Vec<String>,
    /// Notices of the copy.
    pub notices: u64,
}

/// What a file gave when it was read.
#[derive(Debug, Clone)]
pub struct NewNoticeFile<'a> {
    pub file: &'a str,
    pub digest: &'a str,
    pub stamp: &'a str,
    pub changed: Option<Timestamp>,
    pub mistakes: &'a [String],
}

/// A notice with how often it matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeRow {
    #[serde(flatten)]
    pub notice: Notice,
    /// File it stands in; empty: added by hand.
    pub file: String,
    pub matched: u64,
    pub last_matched: Option<Timestamp>,
}

impl ReferenceTx<'_> {
    /// Puts the notices of a file in place of those it had.
    pub fn replace_notice_file(
        &self,
        new: &NewNoticeFile<'_>,
        notices: &[Notice],
        now: Timestamp,
    ) -> Result<(), Error> {
        let file = self.notice_file_row(new.file)?;
        self.forget_notices(file)?;
        for notice in notices {
            self.insert_notice(file, notice)?;
        }
        self.db()
            .prepare_cached(
                "UPDATE notice_file SET digest=?2,stamp=?3,at=?4,changed=?5,fault=NULL,since=NULL,mistakes=?6
                 WHERE id=?1",
            )
            .and_then(|mut s| {
                let changed = new.changed.map(Timestamp::as_second);
                s.execute(params![file, new.digest, new.stamp, now.as_second(), changed, json(&new.mistakes)])
            })
            .doing("store an outage file")
            .map(|_| ())
    }

    /// The file is what it was when its copy was read (or its time alone changed).
    pub fn confirm_notice_file(
        &self,
        file: &str,
        stamp: &str,
        changed: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.db()
            .prepare_cached(
                "UPDATE notice_file SET stamp=?2,changed=?3,at=?4,fault=NULL,since=NULL WHERE name=?1",
            )
            .and_then(|mut s| {
                s.execute(params![file, stamp, changed.map(Timestamp::as_second), now.as_second()])
            })
            .doing("confirm an outage file")
            .map(|_| ())
    }

    /// The file cannot be used; its copy stays. The first time counts as `since`.
    pub fn fault_of_notice_file(
        &self,
        file: &str,
        stamp: &str,
        fault: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let row = self.notice_file_row(file)?;
        self.db()
            .prepare_cached("UPDATE notice_file SET stamp=?2,fault=?3,since=ifnull(since,?4) WHERE id=?1")
            .and_then(|mut s| s.execute(params![row, stamp, fault, now.as_second()]))
            .doing("store the fault of an outage file")
            .map(|_| ())
    }

    /// Forgets the notices of a file, but not the file.
    pub fn empty_notice_file(&self, file: &str) -> Result<(), Error> {
        let row = self.notice_file_row(file)?;
        self.forget_notices(row)?;
        self.db()
            .prepare_cached("UPDATE notice_file SET digest='' WHERE id=?1")
            .and_then(|mut s| s.execute([row]))
            .doing("empty an outage file")
            .map(|_| ())
    }

    /// Forgets a file with its notices.
    pub fn forget_notice_file(&self, file: &str) -> Result<(), Error> {
        let row = self.notice_file_row(file)?;
        self.forget_notices(row)?;
        self.db()
            .prepare_cached("DELETE FROM notice_file WHERE id=?1")
            .and_then(|mut s| s.execute([row]))
            .and_then(|_| self.db().prepare_cached("DELETE FROM notice_match WHERE file=?1")?.execute([row]))
            .doing("forget an outage file")
            .map(|_| ())
    }

    /// Adds a notice by hand, in place of one with its id.
    pub fn add_notice(&self, notice: &Notice) -> Result<(), Error> {
        let file = self.notice_file_row("")?;
        self.remove_notice(&notice.id)?;
        self.insert_notice(file, notice)
    }

    /// Removes a notice that was added by hand; false where none stood.
    pub fn remove_notice(&self, id: &str) -> Result<bool, Error> {
        let file = self.notice_file_row("")?;
        let row: Option<i64> = self
            .db()
            .prepare_cached("SELECT id FROM notice WHERE file=?1 AND name=?2")
            .and_then(|mut s| s.query_row(params![file, id], |r| r.get(0)).optional())
            .doing("look for a notice")?;
        let Some(row) = row else { return Ok(false) };
        self.forget_keys("notice=?1", row)?;
        self.db()
            .prepare_cached("DELETE FROM notice WHERE id=?1")
            .and_then(|mut s| s.execute([row]))
            .doing("remove a notice")?;
        Ok(true)
    }

    /// Counts a match of a notice: of which file (its origin's), which id, when.
    pub fn notice_matched(&self, file: &str, id: &str, at: Timestamp) -> Result<(), Error> {
        let row = self.reference().notice_file_id(file)?.map_or_else(|| self.notice_file_row(""), Ok)?;
        self.db()
            .prepare_cached(
                "INSERT INTO notice_match VALUES(?1,?2,1,?3)
                 ON CONFLICT(file,name) DO UPDATE SET matched=matched+1, last=max(last,excluded.last)",
            )
            .and_then(|mut s| s.execute(params![row, id, at.as_second()]))
            .doing("count a match of a notice")
            .map(|_| ())
    }

    fn notice_file_row(&self, file: &str) -> Result<i64, Error> {
        if let Some(row) = self.reference().notice_file_id(file)? {
            return Ok(row);
        }
        self.db()
            .prepare_cached("INSERT INTO notice_file(name,digest,stamp,mistakes) VALUES(?1,'','','[]')")
            .and_then(|mut s| s.insert([file]))
            .doing("store an outage file")
    }

    fn insert_notice(&self, file: i64, notice: &Notice) -> Result<(), Error> {
        let row = self
            .db()
            .prepare_cached("INSERT INTO notice(file,name,notice) VALUES(?1,?2,?3)")
            .and_then(|mut s| s.insert(params![file, notice.id, json(notice)]))
            .doing("store a notice")?;
        let recurs = notice.recurrence.is_some();
        let last = notice.ends().map_or(NEVER, Timestamp::as_second);
        let first = notice.begins().as_second();
        for (kind, name) in kept_under(notice) {
            self.db()
                .prepare_cached("INSERT OR IGNORE INTO notice_key VALUES(?1,?2,?3,?4,?5,?6)")
                .and_then(|mut s| s.execute(params![kind as i64, name, recurs, last, first, row]))
                .doing("store a key of a notice")?;
        }
        for (kind, glob) in kept_globs(notice) {
            self.db()
                .prepare_cached("INSERT OR IGNORE INTO notice_glob VALUES(?1,?2,?3)")
                .and_then(|mut s| s.execute(params![kind as i64, glob, row]))
                .doing("store a glob of a notice")?;
        }
        Ok(())
    }

    fn forget_notices(&self, file: i64) -> Result<(), Error> {
        self.forget_keys("notice IN (SELECT id FROM notice WHERE file=?1)", file)?;
        self.db()
            .prepare_cached("DELETE FROM notice WHERE file=?1")
            .and_then(|mut s| s.execute([file]))
            .doing("forget notices")
            .map(|_| ())
    }

    /// Keys are few against what they are kept for, so that they are searched whole.
    fn forget_keys(&self, which: &str, value: i64) -> Result<(), Error> {
        for table in ["notice_key", "notice_glob"] {
            self.db()
                .prepare_cached(&format!("DELETE FROM {table} WHERE {which}"))
                .and_then(|mut s| s.execute([value]))
                .doing("forget keys of notices")?;
        }
        Ok(())
    }
}

impl Reference {
    fn notice_file_id(&self, file: &str) -> Result<Option<i64>, Error> {
        self.connection
            .prepare_cached("SELECT id FROM notice_file WHERE name=?1")
            .and_then(|mut s| s.query_row([file], |r| r.get(0)).optional())
            .doing("look for an outage file")
    }

    /// Rows of notices found under these keys that may hold at `now` or adjoin one that does.
    pub fn notices_for(&self, keys: &[(TargetKind, String)], now: Timestamp) -> Result<Vec<i64>, Error> {
        let mut rows: Vec<i64> = Vec::new();
        for (kind, name) in keys {
            for recurs in [false, true] {
                let found = self
                    .connection
                    .prepare_cached(
                        "SELECT notice FROM notice_key WHERE kind=?1 AND name=?2 AND recurs=?3 AND last>?4
                         AND first<=?5 ORDER BY last DESC LIMIT ?6",
                    )
                    .and_then(|mut s| {
                        let now = now.as_second();
                        let of = params![*kind as i64, name, recurs, now, now + AHEAD, MOST_OF_KEY];
                        s.query_map(of, |r| r.get(0))?.collect::<Result<Vec<i64>, _>>()
                    })
                    .doing("look for notices")?;
                rows.extend(found);
            }
        }
        rows.sort_unstable();
        rows.dedup();
        Ok(rows)
    }

    /// A notice by its row; None where it was taken back meanwhile.
    pub fn notice_of(&self, row: i64) -> Result<Option<Notice>, Error> {
        let text: Option<String> = self
            .connection
            .prepare_cached("SELECT notice FROM notice WHERE id=?1")
            .and_then(|mut s| s.query_row([row], |r| r.get(0)).optional())
            .doing("read a notice")?;
        text.map(|text| from_json("notice", &text)).transpose()
    }

    /// All globs with the rows of their notices, for [`crate::outage::GlobIndex`].
    pub fn notice_globs(&self) -> Result<Vec<(TargetKind, String, i64)>, Error> {
        let read = |r: &Row<'_>| -> rusqlite::Result<(usize, String, i64)> {
            Ok((r.get::<_, i64>(0)?.max(0) as usize, r.get(1)?, r.get(2)?))
        };
        let rows: Vec<(usize, String, i64)> = self
            .connection
            .prepare_cached("SELECT kind,glob,notice FROM notice_glob ORDER BY kind,glob,notice")
            .and_then(|mut s| s.query_map([], read)?.collect())
            .doing("read the globs of notices")?;
        let kind = |index: usize| TargetKind::ALL.get(index).map(|(kind, _)| *kind);
        Ok(rows.into_iter().filter_map(|(at, glob, row)| Some((kind(at)?, glob, row))).collect())
    }

    /// What is known of every file, by name.
    pub fn notice_files(&self) -> Result<Vec<NoticeFile>, Error> {
        type Raw = (NoticeFile, String);
        let read = |r: &Row<'_>| -> rusqlite::Result<Raw> {
            let at = |index: usize| -> rusqlite::Result<Option<Timestamp>> {
                Ok(r.get::<_, Option<i64>>(index)?.map(time))
            };
            let file = NoticeFile {
                file: r.get(0)?,
                digest: r.get(1)?,
                stamp: r.get(2)?,
                read: at(3)?,
                changed: at(4)?,
                fault: r.get(5)?,
                since: at(6)?,
                mistakes: Vec::new(),
                notices: r.get::<_, i64>(8)?.max(0) as u64,
            };
            Ok((file, r.get(7)?))
        };
        let rows: Vec<Raw> = self
            .connection
            .prepare_cached(
                "SELECT name,digest,stamp,at,changed,fault,since,mistakes,
                 (SELECT count(*) FROM notice WHERE file=notice_file.id) FROM notice_file ORDER BY name",
            )
            .and_then(|mut s| s.query_map([], read)?.collect())
            .doing("list outage files")?;
        rows.into_iter()
            .map(|(mut file, mistakes)| {
                file.mistakes = from_json("mistakes of an outage file", &mistakes)?;
                Ok(file)
            })
            .collect()
    }

    /// Notices after row `after` (0: from the first one), at most `most`, each with its row.
    pub fn notice_rows(&self, after: i64, most: usize) -> Result<Vec<(i64, NoticeRow)>, Error> {
        type Raw = (i64, String, String, Option<i64>, Option<i64>);
        let rows: Vec<Raw> = self
            .connection
            .prepare_cached(
                "SELECT notice.id,notice.notice,notice_file.name,notice_match.matched,notice_match.last
                 FROM notice JOIN notice_file ON notice_file.id=notice.file
                 LEFT JOIN notice_match ON notice_match.file=notice.file AND notice_match.name=notice.name
                 WHERE notice.id>?1 ORDER BY notice.id LIMIT ?2",
            )
            .and_then(|mut s| {
                let most = i64::try_from(most).unwrap_or(i64::MAX);
                s.query_map(params![after, most], |r| {
                    Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?))
                })?
                .collect()
            })
            .doing("list notices")?;
        rows.into_iter()
            .map(|(row, notice, file, matched, last)| {
                let notice = from_json("notice", &notice)?;
                let matched = matched.unwrap_or(0).max(0) as u64;
                Ok((row, NoticeRow { notice, file, matched, last_matched: last.map(time) }))
            })
            .collect()
    }

    /// Another text whenever notices were added, changed or taken back.
    pub fn notices_mark(&self) -> Result<String, Error> {
        let mut hash = Sha256::new();
        for query in [
            "SELECT name||' '||digest FROM notice_file ORDER BY name",
            "SELECT notice.notice FROM notice_file JOIN notice ON notice.file=notice_file.id
             WHERE notice_file.name='' ORDER BY notice.name",
        ] {
            let texts: Vec<String> = self
                .connection
                .prepare_cached(query)
                .and_then(|mut s| s.query_map([], |r| r.get(0))?.collect())
                .doing("look whether notices changed")?;
            texts.iter().for_each(|text| hash.update(format!("{text}\n")));
        }
        Ok(super::hex::encode(&hash.finalize()))
    }
}
