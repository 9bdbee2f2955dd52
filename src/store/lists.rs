//! The imported node and domain lists, and the near misses beside them.

use super::column::{from_json, json, time};
use super::{Doing, Error, Store, Tx};
use crate::alert::model::NearMiss;
use crate::alert::{ListEntry, Lists};
use globset::{GlobBuilder, GlobMatcher};
use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;

/// Most near misses kept: a flood of invented names must not fill the disk.
const MOST_NEAR_MISSES: i64 = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    Domains,
    Nodes,
}

impl ListKind {
    pub fn word(self) -> &'static str {
        match self {
            ListKind::Domains => "domains",
            ListKind::Nodes => "nodes",
        }
    }
}

/// One line of a list to be imported: a name (or glob), what it stands for, and for what alone it holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListRow {
    pub name: String,
    pub canonical: String,
    pub only: Vec<String>,
}

/// How one entry of a list differs from what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListChange {
    Added,
    Removed,
    Changed,
}

/// What an import changes: how many, and the first names of each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ListDiff {
    pub added: ListNames,
    pub removed: ListNames,
    /// Another canonical name, or holding for others.
    pub changed: ListNames,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ListNames {
    pub count: u64,
    /// The first ten.
    pub first: Vec<String>,
}

impl ListNames {
    pub(super) fn note(&mut self, name: &str) {
        const FIRST: usize = 10;
        self.count += 1;
        if self.first.len() < FIRST {
            self.first.push(name.to_owned());
        }
    }
}

impl ListDiff {
    fn note(&mut self, change: ListChange, name: &str) {
        let names = match change {
            ListChange::Added => &mut self.added,
            ListChange::Removed => &mut self.removed,
            ListChange::Changed => &mut self.changed,
        };
        names.note(name);
    }
}

/// An unknown node of a known domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NearMissRow {
    pub node: String,
    pub domain: String,
    pub mails: u64,
    pub first: Timestamp,
    pub last: Timestamp,
}

fn is_glob(name: &str) -> bool {
    name.contains(['*', '?', '[', '{'])
}

/// Answers of the lists inside one transaction, each asked of the tables once.
#[derive(Debug)]
pub struct StoredLists<'a> {
    store: &'a Store,
    domains: RefCell<HashMap<String, Option<ListEntry>>>,
    nodes: RefCell<HashMap<String, Option<ListEntry>>>,
    globs: OnceCell<Vec<(GlobMatcher, ListEntry)>>,
    /// The first failure to read a list: the mail is then spooled, never judged by half a list.
    failure: RefCell<Option<Error>>,
}

impl StoredLists<'_> {
    /// Fails if any question could not be answered.
    pub fn check(&self) -> Result<(), Error> {
        self.failure.borrow_mut().take().map_or(Ok(()), Err)
    }

    fn keep<T: Default>(&self, result: Result<T, Error>) -> T {
        result.unwrap_or_else(|error| {
            self.failure.borrow_mut().get_or_insert(error);
            T::default()
        })
    }
}

impl Lists for StoredLists<'_> {
    fn domain(&self, domain: &str) -> Option<ListEntry> {
        if let Some(known) = self.domains.borrow().get(domain) {
            return known.clone();
        }
        let found =
            self.keep(self.store.list_entry("SELECT name,only_for FROM domain WHERE name=?1", domain));
        self.domains.borrow_mut().insert(domain.to_owned(), found.clone());
        found
    }

    fn node(&self, node: &str) -> Option<ListEntry> {
        if let Some(known) = self.nodes.borrow().get(node) {
            return known.clone();
        }
        let found = self
            .keep(self.store.list_entry("SELECT canonical,only_for FROM node WHERE name=?1", node))
            .or_else(|| {
                let globs = self.globs.get_or_init(|| self.keep(self.store.globs()));
                globs.iter().find(|(glob, _)| glob.is_match(node)).map(|(_, entry)| entry.clone())
            });
        self.nodes.borrow_mut().insert(node.to_owned(), found.clone());
        found
    }

    fn domains(&self) -> u64 {
        self.keep(self.store.list_size(ListKind::Domains))
    }

    fn nodes(&self) -> u64 {
        self.keep(self.store.list_size(ListKind::Nodes))
    }

    fn ticket_of_message(&self, message_id: &str) -> Option<String> {
        self.keep(self.store.ticket_of_message(message_id))
    }
}

impl Store {
    /// The lists as this transaction or reader sees them.
    pub fn lists(&self) -> StoredLists<'_> {
        StoredLists {
            store: self,
            domains: RefCell::default(),
            nodes: RefCell::default(),
            globs: OnceCell::new(),
            failure: RefCell::default(),
        }
    }

    fn list_entry(&self, sql: &str, name: &str) -> Result<Option<ListEntry>, Error> {
        let found: Option<(String, String)> = self
            .connection
            .prepare_cached(sql)
            .and_then(|mut s| s.query_row([name], |r| Ok((r.get(0)?, r.get(1)?))).optional())
            .doing("look into a list")?;
        found.map(|(name, only)| Ok(ListEntry { name, only: from_json("list entry", &only)? })).transpose()
    }

    fn globs(&self) -> Result<Vec<(GlobMatcher, ListEntry)>, Error> {
        let rows: Vec<(String, String, String)> = self
            .connection
            .prepare_cached("SELECT glob,canonical,only_for FROM node_glob ORDER BY glob")
            .and_then(|mut s| s.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?.collect())
            .doing("read the globs of the node list")?;
        rows.into_iter()
            .filter_map(|(glob, canonical, only)| {
                let matcher = GlobBuilder::new(&glob).case_insensitive(true).build().ok()?.compile_matcher();
                Some(
                    from_json("list entry", &only).map(|only| (matcher, ListEntry { name: canonical, only })),
                )
            })
            .collect()
    }

    /// Entries of a list; 0 where it was never imported.
    pub fn list_size(&self, kind: ListKind) -> Result<u64, Error> {
        self.connection
            .prepare_cached("SELECT entries FROM list WHERE kind=?1")
            .and_then(|mut s| s.query_row([kind.word()], |r| r.get::<_, i64>(0)).optional())
            .doing("read the size of a list")
            .map(|n| n.unwrap_or(0) as u64)
    }

    /// When and from where a list was last imported: (entries, digest, time, origin).
    pub fn list_state(&self, kind: ListKind) -> Result<Option<(u64, String, Timestamp, String)>, Error> {
        self.connection
            .prepare_cached("SELECT entries,digest,at,origin FROM list WHERE kind=?1")
            .and_then(|mut s| {
                s.query_row([kind.word()], |r| {
                    Ok((r.get::<_, i64>(0)? as u64, r.get(1)?, time(r.get(2)?), r.get(3)?))
                })
                .optional()
            })
            .doing("read the state of a list")
    }

    /// Rows of a list after `after`, by name, at most `most`.
    pub fn list_rows(&self, kind: ListKind, after: &str, most: usize) -> Result<Vec<ListRow>, Error> {
        let mut rows = Vec::new();
        self.each_list_row(kind, after, most, |row| {
            rows.push(row);
            Ok(())
        })?;
        Ok(rows)
    }

    /// Walks the stored list and `rows` side by side; of what differs tells the change, the name, and its
    /// index in `rows` where it is there.
    fn compare_list(
        &self,
        kind: ListKind,
        rows: &[ListRow],
        mut each: impl FnMut(ListChange, &str, Option<usize>),
    ) -> Result<(), Error> {
        debug_assert!(rows.is_sorted_by(|a, b| a.name < b.name), "sorted, each name once");
        let mut next = 0;
        self.each_list_row(kind, "", usize::MAX >> 1, |stored| {
            while rows.get(next).is_some_and(|row| row.name < stored.name) {
                each(ListChange::Added, &rows[next].name, Some(next));
                next += 1;
            }
            match rows.get(next).filter(|row| row.name == stored.name) {
                None => each(ListChange::Removed, &stored.name, None),
                Some(row) => {
                    if *row != stored {
                        each(ListChange::Changed, &row.name, Some(next));
                    }
                    next += 1;
                }
            }
            Ok(())
        })?;
        for (index, row) in rows.iter().enumerate().skip(next) {
            each(ListChange::Added, &row.name, Some(index));
        }
        Ok(())
    }

    fn each_list_row(
        &self,
        kind: ListKind,
        after: &str,
        most: usize,
        mut each: impl FnMut(ListRow) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let sql = match kind {
            ListKind::Domains => "SELECT name,name,only_for FROM domain WHERE name>?1 ORDER BY 1 LIMIT ?2",
            ListKind::Nodes => {
                "SELECT name,canonical,only_for FROM node WHERE name>?1
                 UNION ALL SELECT glob,canonical,only_for FROM node_glob WHERE glob>?1 ORDER BY 1 LIMIT ?2"
            }
        };
        let mut statement = self.connection.prepare_cached(sql).doing("read a list")?;
        let mut rows = statement.query(params![after, most as i64]).doing("read a list")?;
        while let Some(row) = rows.next().doing("read a list")? {
            let get = |column| row.get::<_, String>(column).doing("read a list");
            let only = from_json("list entry", &get(2)?)?;
            each(ListRow { name: get(0)?, canonical: get(1)?, only })?;
        }
        Ok(())
    }

    /// Near misses, most mails first.
    pub fn near_misses(&self) -> Result<Vec<NearMissRow>, Error> {
        self.connection
            .prepare_cached("SELECT node,domain,mails,first,last FROM near_miss ORDER BY mails DESC,node")
            .and_then(|mut s| {
                s.query_map([], |r| {
                    Ok(NearMissRow {
                        node: r.get(0)?,
                        domain: r.get(1)?,
                        mails: r.get::<_, i64>(2)? as u64,
                        first: time(r.get(3)?),
                        last: time(r.get(4)?),
                    })
                })?
                .collect()
            })
            .doing("list near misses")
    }
}

impl Tx<'_> {
    /// Replaces a list by these rows, sorted by name and each name once: all or nothing. Rows that did not
    /// change are not written. Gives what changed.
    pub fn replace_list(
        &self,
        kind: ListKind,
        rows: &[ListRow],
        digest: &str,
        origin: &str,
        now: Timestamp,
    ) -> Result<ListDiff, Error> {
        let mut diff = ListDiff::default();
        let mut insert = Vec::new();
        let mut remove = Vec::new();
        self.store.compare_list(kind, rows, |change, name, index| {
            diff.note(change, name);
            match index {
                Some(index) => insert.push(index),
                None => remove.push(name.to_owned()),
            }
        })?;
        for name in &remove {
            self.remove_list_row(kind, name)?;
        }
        for index in insert {
            self.insert_list_row(kind, &rows[index])?;
        }
        self.db()
            .execute(
                "INSERT OR REPLACE INTO list(kind,entries,digest,at,origin) VALUES(?1,?2,?3,?4,?5)",
                params![kind.word(), rows.len() as i64, digest, now.as_second(), origin],
            )
            .doing("write the state of a list")?;
        Ok(diff)
    }

    /// Takes one entry out of a list by hand (`nodes forget`). False where it was not in it.
    pub fn drop_list_row(&self, kind: ListKind, name: &str) -> Result<bool, Error> {
        let removed = self.remove_list_row(kind, name)?;
        if removed {
            self.db()
                .execute("UPDATE list SET entries=entries-1, digest='' WHERE kind=?1", [kind.word()])
                .doing("write the state of a list")?;
        }
        Ok(removed)
    }

    /// Adds one entry to a list by hand (`nodes accept`).
    pub fn add_list_row(&self, kind: ListKind, row: &ListRow, now: Timestamp) -> Result<(), Error> {
        self.drop_list_row(kind, &row.name)?;
        self.insert_list_row(kind, row)?;
        self.db()
            .execute(
                "INSERT INTO list(kind,entries,digest,at,origin) VALUES(?1,1,'',?2,'by hand')
                 ON CONFLICT(kind) DO UPDATE SET entries=entries+1, digest=''",
                params![kind.word(), now.as_second()],
            )
            .doing("write the state of a list")
            .map(|_| ())
    }

    fn insert_list_row(&self, kind: ListKind, row: &ListRow) -> Result<(), Error> {
        let only = json(&row.only);
        match kind {
            ListKind::Domains => self
                .db()
                .prepare_cached("INSERT OR REPLACE INTO domain(name,only_for) VALUES(?1,?2)")
                .and_then(|mut s| s.execute(params![row.name, only])),
            ListKind::Nodes if is_glob(&row.name) => self
                .db()
                .prepare_cached("INSERT OR REPLACE INTO node_glob(glob,canonical,only_for) VALUES(?1,?2,?3)")
                .and_then(|mut s| s.execute(params![row.name, row.canonical, only])),
            ListKind::Nodes => self
                .db()
                .prepare_cached("INSERT OR REPLACE INTO node(name,canonical,only_for) VALUES(?1,?2,?3)")
                .and_then(|mut s| s.execute(params![row.name, row.canonical, only])),
        }
        .doing("write a list entry")
        .map(|_| ())
    }

    fn remove_list_row(&self, kind: ListKind, name: &str) -> Result<bool, Error> {
        let sql = match kind {
            ListKind::Domains => "DELETE FROM domain WHERE name=?1",
            ListKind::Nodes if is_glob(name) => "DELETE FROM node_glob WHERE glob=?1",
            ListKind::Nodes => "DELETE FROM node WHERE name=?1",
        };
        self.db().execute(sql, [name]).doing("remove a list entry").map(|n| n > 0)
    }

    /// Lists an unknown node of a known domain.
    pub fn insert_near_miss(&self, miss: &NearMiss, mail: i64, event: Timestamp) -> Result<(), Error> {
        let updated = self
            .db()
            .prepare_cached(
                "UPDATE near_miss SET mails=mails+1, first=min(first,?3), last=max(last,?3), last_mail=?4
                 WHERE node=?1 AND domain=?2",
            )
            .and_then(|mut s| s.execute(params![miss.node, miss.domain, event.as_second(), mail]))
            .doing("list a near miss")?;
        if updated == 0 {
            self.db()
                .prepare_cached(
                    "INSERT INTO near_miss(node,domain,mails,first,last,last_mail) SELECT ?1,?2,1,?3,?3,?4
                     WHERE (SELECT count(*) FROM near_miss)<?5",
                )
                .and_then(|mut s| {
                    s.execute(params![miss.node, miss.domain, event.as_second(), mail, MOST_NEAR_MISSES])
                })
                .doing("list a near miss")?;
        }
        Ok(())
    }

    /// Forgets the near misses of a node that was accepted. Returns whether there were any.
    pub fn forget_near_miss(&self, node: &str) -> Result<bool, Error> {
        self.db()
            .execute("DELETE FROM near_miss WHERE node=?1", [node])
            .doing("forget a near miss")
            .map(|n| n > 0)
    }
}
