//! Everything durable. The only room with SQL.
//!
//! In: what other rooms decided. Out: the same, after any crash. It does not know what rules mean.
//!
//! # On disk
//! A state folder holds `autoticket.db` (rollback journal in PERSIST mode beside it), `reference.db` (see
//! [`reference`]), `install-id` (the
//! same id as in the database: a database that vanished is noticed, never silently made anew), `spool/`
//! (mails that could not enter the database; see [`spool`]), `outgoing/` (file transport), `rules.cache`
//! (may be deleted at any time) and `flush.lock`.
//!
//! # The one instant of commitment
//! A mail is accepted when the `BEGIN IMMEDIATE` transaction that holds its raw bytes, outcome, alerts,
//! counts, failed distributions and crossing is committed with `synchronous=EXTRA` — or when its spool
//! file is renamed into `spool/new` and the folder is synced. Before that nothing of it exists: a
//! half-written transaction is rolled back by the next process that opens the database, a half-written
//! spool file stays in `spool/tmp` and is removed after 36 hours.

mod alerts;
mod audit;
mod column;
mod devices;
mod diagnoses;
mod failed;
mod faults;
pub mod hex;
pub mod journal;
mod lists;
mod locations;
mod mails;
mod notices;
mod outbox;
mod raw;
mod reference;
mod schema;
pub mod spool;
#[cfg(test)]
mod tests;
mod tickets;
mod tracking;

pub use alerts::{AlertRow, CountedNote};
pub use audit::{AuditEntry, Balance, Purged};
pub use devices::DeviceFacts;
pub use diagnoses::SharedDiagnoses;
pub use failed::{Delivered, FailedFilter, FailedRow};
pub use faults::RecoveryRow;
pub use lists::{ListChange, ListDiff, ListKind, ListNames, ListRow, NearMissRow, StoredLists};
pub use locations::{Double, LocationDiff, LocationList};
pub use mails::{Copies, MailRow, NewMail, Twin};
pub use notices::{NewNoticeFile, NoticeFile, NoticeRow};
pub use outbox::{OutboxRow, OutboxState};
pub use raw::{Packed, RawPlace, RawReader, pack};
pub use reference::{REFERENCE, Reference, ReferenceTx};
pub use tickets::{NewTicket, TicketBrief, TicketRow};
pub use tracking::{DeviceRow, ThresholdRow, TrackingRow};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Name of the database in the state folder.
pub const DATABASE: &str = "autoticket.db";
/// Name of the file that holds the install id.
pub const INSTALL_ID: &str = "install-id";
/// How long a locked database is waited for.
pub const BUSY: Duration = Duration::from_secs(45);

/// What can go wrong with the state: what was done, to what, and the way out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no state in {folder}: run `autoticket --state {folder} init`")]
    NoState { folder: PathBuf },
    #[error(
        "the database {path} is missing or empty while its install id {install} stands: restore it from a backup (README, Backup)"
    )]
    Missing { path: PathBuf, install: String },
    #[error(
        "the database {path} belongs to install {found}, the folder to install {expected}: restore the one that belongs here"
    )]
    ForeignInstall { path: PathBuf, found: String, expected: String },
    #[error(
        "the journal {path} is not what its record says, and nothing is issued by it: {fault}; `redistribute journal` names every row. Restore redistribution.db, redistribution-id and redistribution-head as they last stood together; where that cannot be, find out what was issued since (redistribution.logs) before you set them aside"
    )]
    Journal { path: PathBuf, fault: String },
    #[error(
        "the database {path} has version {found}, this autoticket knows {known}: run the newer autoticket"
    )]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("{path} belongs to uid {owner}, this process runs as uid {uid}: sudo -u '#{owner}' autoticket …")]
    Owner { path: PathBuf, owner: u32, uid: u32 },
    #[error("a state already stands in {folder}")]
    Exists { folder: PathBuf },
    #[error("{folder} is not empty and holds no state: name an empty folder")]
    NotEmpty { folder: PathBuf },
    #[error("{what} {path}")]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    #[error("{what} in the database")]
    Sql { what: &'static str, source: rusqlite::Error },
    #[error("{what} stored in the database cannot be read: {text}")]
    Stored { what: &'static str, text: String },
}

impl Error {
    /// Whether waiting may help (a lock, a full disk); a caller under a mail system spools anyway.
    pub fn is_busy(&self) -> bool {
        matches!(self, Error::Sql { source: rusqlite::Error::SqliteFailure(e, _), .. }
            if matches!(e.code, rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked))
    }
}

/// Names the operation of a failed statement.
pub(crate) trait Doing<T> {
    fn doing(self, what: &'static str) -> Result<T, Error>;
}

impl<T> Doing<T> for Result<T, rusqlite::Error> {
    fn doing(self, what: &'static str) -> Result<T, Error> {
        self.map_err(|source| Error::Sql { what, source })
    }
}

fn io_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_path_buf();
    move |source| Error::Io { what, path, source }
}

/// How the database is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// For a transaction or two: small cache.
    Write,
    /// For a mailbox: a cache that holds a whole batch.
    WriteMany,
    /// Reads only.
    Read,
    /// Writes that are always rolled back (`explain`): nothing reaches the disk.
    Rehearse,
}

/// An open state folder.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    folder: PathBuf,
    install: String,
    access: Access,
    reference: OnceCell<Reference>,
}

impl Store {
    /// Opens the state in `folder`. Never creates anything.
    ///
    /// # Errors
    /// [`Error::NoState`] without an install id, [`Error::Missing`] where only the database is gone,
    /// [`Error::Owner`] for anybody but the folder's owner, [`Error::Newer`] for a later schema.
    pub fn open(folder: &Path, access: Access) -> Result<Store, Error> {
        let install = install_id(folder)?;
        owned_by_us(folder)?;
        let path = folder.join(DATABASE);
        match fs::metadata(&path) {
            Ok(meta) if meta.len() > 0 => {}
            Ok(_) => return Err(Error::Missing { path, install }),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(Error::Missing { path, install }),
            Err(e) => return Err(Error::Io { what: "look at", path, source: e }),
        }
        let connection = connect(&path, OpenFlags::empty(), access)?;
        let store =
            Store { connection, folder: folder.to_path_buf(), install, access, reference: OnceCell::new() };
        // Under one lock; an upgrade needs its own.
        store.connection.execute_batch("BEGIN").doing("begin")?;
        let found = store.version(&path)?;
        let owner: String = store
            .connection
            .query_row("SELECT value FROM meta WHERE key = 'install'", [], |r| r.get(0))
            .doing("read the install id")?;
        if owner != store.install {
            return Err(Error::ForeignInstall { path, found: owner, expected: store.install.clone() });
        }
        store.connection.execute_batch("COMMIT").doing("end reading")?;
        match access {
            _ if found == schema::VERSION => {}
            Access::Write | Access::WriteMany => store.climb()?,
            // An upgrade is durable, whoever finds that it is due.
            Access::Read | Access::Rehearse => Store::open(folder, Access::Write)?.close()?,
        }
        Ok(store)
    }

    /// Makes a new state in an empty (or absent) folder.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::NotEmpty`], or what the file system says.
    pub fn init(folder: &Path, install: &str) -> Result<Store, Error> {
        if folder.join(INSTALL_ID).exists() {
            return Err(Error::Exists { folder: folder.to_path_buf() });
        }
        fs::create_dir_all(folder).map_err(io_error("create", folder))?;
        let mut entries = fs::read_dir(folder).map_err(io_error("read folder", folder))?;
        if entries.any(|e| e.is_ok_and(|e| e.file_name() != "lost+found")) {
            return Err(Error::NotEmpty { folder: folder.to_path_buf() });
        }
        owned_by_us(folder)?;
        for sub in ["spool", "spool/tmp", "spool/new", "spool/quarantine", "outgoing"] {
            let path = folder.join(sub);
            fs::create_dir_all(&path).map_err(io_error("create", &path))?;
            private(&path, 0o700)?;
        }
        let path = folder.join(DATABASE);
        let mut connection = connect(&path, OpenFlags::SQLITE_OPEN_CREATE, Access::Write)?;
        private(&path, 0o600)?;
        reference::attach(&connection, folder)?;
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).doing("begin")?;
        for step in schema::FRESH {
            transaction.execute_batch(&schema::bare(step)).doing("create the tables")?;
        }
        reference::create(&transaction, install)?;
        transaction
            .execute("INSERT INTO meta VALUES('install', ?1)", [install])
            .and_then(|_| transaction.pragma_update(None, "user_version", schema::VERSION))
            .doing("write the install id")?;
        transaction.commit().doing("commit the new tables")?;
        connection.execute_batch("DETACH reference").doing("detach reference.db")?;
        // Last: from here on the state exists.
        let id = folder.join(INSTALL_ID);
        spool::write_durably(&id, format!("{install}\n").as_bytes(), 0o600)?;
        let (folder, install) = (folder.to_path_buf(), install.to_owned());
        Ok(Store { connection, folder, install, access: Access::Write, reference: OnceCell::new() })
    }

    /// Version of the database, if this program knows it.
    fn version(&self, path: &Path) -> Result<i64, Error> {
        let found: i64 = self
            .connection
            .pragma_query_value(None, "user_version", |r| r.get(0))
            .doing("read the version")?;
        if found > schema::VERSION {
            return Err(Error::Newer { path: path.to_path_buf(), found, known: schema::VERSION });
        }
        if found < 1 {
            return Err(Error::Stored {
                what: "version",
                text: format!("{} is no database of ours", path.display()),
            });
        }
        Ok(found)
    }

    /// Brings an older database up to this version: all or nothing.
    fn climb(&self) -> Result<(), Error> {
        reference::attach(&self.connection, &self.folder)?;
        self.connection.execute_batch("BEGIN IMMEDIATE").doing("begin the upgrade")?;
        let found: i64 = self
            .connection
            .pragma_query_value(None, "user_version", |r| r.get(0))
            .doing("read the version")?;
        for (version, step) in schema::LADDER.iter().enumerate().skip(found.max(0) as usize) {
            self.connection.execute_batch(&schema::bare(step)).doing("upgrade the tables")?;
            if version + 1 == schema::PARTED {
                reference::create(&self.connection, &self.install)?;
                reference::take_over(&self.connection)?;
            }
        }
        self.connection.pragma_update(None, "user_version", schema::VERSION).doing("write the version")?;
        self.connection.execute_batch("COMMIT; DETACH reference").doing("commit the upgrade")
    }

    /// The state folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where mails too long for memory wait, in files without a name.
    pub fn spill_folder(&self) -> PathBuf {
        self.folder.join("spool/tmp")
    }

    /// The install id, by which our own mails are recognised.
    pub fn install(&self) -> &str {
        &self.install
    }

    /// Starts the transaction in which everything about a mail happens.
    pub fn begin(&self) -> Result<Tx<'_>, Error> {
        self.connection.execute_batch("BEGIN IMMEDIATE").doing("begin")?;
        Ok(Tx {
            store: self,
            open: true,
            ids: Ids::default(),
            pending: RefCell::default(),
            block: RefCell::default(),
            devices: RefCell::default(),
        })
    }

    /// Closes the connection, saying so if that fails.
    pub fn close(self) -> Result<(), Error> {
        drop(self.reference);
        self.connection.close().map_err(|(_, source)| Error::Sql { what: "close", source })
    }

    /// What `doctor` asks of the file.
    pub fn database_facts(&self) -> Result<DatabaseFacts, Error> {
        let number = |pragma| -> Result<i64, Error> {
            self.connection.pragma_query_value(None, pragma, |r| r.get(0)).doing("look at the database")
        };
        Ok(DatabaseFacts {
            version: number("user_version")?,
            known: schema::VERSION,
            bytes: (number("page_count")? * number("page_size")?) as u64,
            journal: self
                .connection
                .pragma_query_value(None, "journal_mode", |r| r.get(0))
                .doing("look at the database")?,
        })
    }

    /// SQLite's own check of the file, bounded to its first ten complaints.
    pub fn quick_check(&self) -> Result<Vec<String>, Error> {
        quick_check(&self.connection)
    }
}

fn quick_check(connection: &Connection) -> Result<Vec<String>, Error> {
    let mut statement = connection.prepare("PRAGMA quick_check(10)").doing("check")?;
    let lines = statement
        .query_map([], |r| r.get::<_, String>(0))
        .and_then(|rows| rows.collect::<Result<Vec<_>, _>>())
        .doing("check")?;
    Ok(lines.into_iter().filter(|l| l != "ok").collect())
}

/// The database file as SQLite sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// Version of its tables, and the one this program writes.
    pub version: i64,
    pub known: i64,
    pub bytes: u64,
    /// `wal` where somebody changed the file by hand; else what this connection uses.
    pub journal: String,
}

/// One `BEGIN IMMEDIATE` transaction; rolled back unless committed.
///
/// State that one mail reads and the next one reads again (tracking records, devices, next ids) is read once
/// and written once: a batch replays its events in order in memory.
#[derive(Debug)]
pub struct Tx<'a> {
    store: &'a Store,
    open: bool,
    ids: Ids,
    pending: RefCell<tracking::Pending>,
    /// The block stored last, which mails of one stretch share.
    block: RefCell<Option<(Arc<[u8]>, i64)>>,
    devices: RefCell<BTreeMap<String, devices::Known>>,
}

/// Next ids; 0: not asked yet.
#[derive(Debug, Default)]
struct Ids {
    mail: Cell<i64>,
    alert: Cell<i64>,
}

impl Tx<'_> {
    /// The instant of commitment.
    pub fn commit(mut self) -> Result<(), Error> {
        self.write_devices()?;
        self.write_tracking()?;
        self.open = false;
        let done = self.store.connection.execute_batch("COMMIT");
        if done.is_err() {
            // A failed COMMIT may leave the transaction open; roll back so that the locks go.
            let _ = self.store.connection.execute_batch("ROLLBACK");
        }
        done.doing("commit")
    }

    /// Forgets everything since [`Store::begin`].
    pub fn roll_back(self) {}

    pub(crate) fn db(&self) -> &Connection {
        &self.store.connection
    }

    /// The store it belongs to: reads inside the transaction.
    pub fn store(&self) -> &Store {
        self.store
    }
}

impl Drop for Tx<'_> {
    fn drop(&mut self) {
        if self.open {
            // An error here means that SQLite has rolled back already.
            let _ = self.store.connection.execute_batch("ROLLBACK");
        }
    }
}

/// The install id of a state folder.
pub fn install_id(folder: &Path) -> Result<String, Error> {
    let path = folder.join(INSTALL_ID);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Err(Error::NoState { folder: folder.to_path_buf() })
        }
        Err(source) => {
            // Whose it is tells more than that it cannot be read.
            if let Err(other @ Error::Owner { .. }) = owned_by_us(folder) {
                return Err(other);
            }
            Err(Error::Io { what: "read", path, source })
        }
    }
}

/// Files belong to the owner of the state folder: anybody else, root included, would leave files behind
/// that the mail system's user cannot open.
pub fn owned_by_us(folder: &Path) -> Result<(), Error> {
    let meta = fs::metadata(folder).map_err(io_error("look at", folder))?;
    let uid = rustix::process::geteuid().as_raw();
    if meta.uid() != uid {
        return Err(Error::Owner { path: folder.to_path_buf(), owner: meta.uid(), uid });
    }
    Ok(())
}

fn private(path: &Path, mode: u32) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(io_error("set the mode of", path))
}

fn connect(path: &Path, extra: OpenFlags, access: Access) -> Result<Connection, Error> {
    // For reading as well: what a killed writer left half done can only be rolled back by who may write.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let mut connection =
        Connection::open_with_flags(path, flags | extra | OpenFlags::SQLITE_OPEN_NO_MUTEX).doing("open")?;
    connection.busy_handler(Some(wait_a_little)).doing("set the busy handler")?;
    connection.set_prepared_statement_cache_capacity(64);
    let journal = match access {
        Access::Rehearse => "PRAGMA journal_mode=MEMORY; PRAGMA cache_spill=OFF;",
        Access::Read => "PRAGMA query_only=ON;",
        Access::Write | Access::WriteMany => "PRAGMA journal_mode=PERSIST; PRAGMA synchronous=EXTRA;",
    };
    let cache = match access {
        Access::WriteMany => "PRAGMA cache_size=-12000; PRAGMA journal_size_limit=1048576;",
        _ => "",
    };
    connection
        .execute_batch(&format!("{journal}{cache}PRAGMA trusted_schema=OFF;"))
        .doing("set up the connection")?;
    Ok(connection)
}

/// Waits for a lock: short naps that grow to 25 ms, with jitter, 45 s in all.
///
/// Returns whether to try again. The naps are counted, not timed: a stepped clock cannot cut them short.
fn wait_a_little(tried: i32) -> bool {
    let tried = tried.max(0) as u64;
    let jitter = u64::from(std::process::id()).wrapping_mul(2_654_435_761).wrapping_add(tried * 40_503) >> 7;
    let nap = (200 + tried * 150).min(25_000);
    let nap = nap / 2 + jitter % nap;
    std::thread::sleep(Duration::from_micros(nap));
    // 166 naps of growing length make 2.1 s; the others are 25 ms on average.
    tried < 166 + (BUSY.as_millis() as u64 - 2_100) / 25
}

#[cfg(test)]
impl Store {
    /// Every row of every table, in order, as text: two states are the same if this is, and the raw mails.
    /// In which blocks those are stored depends on the size of batches.
    pub(crate) fn dump(&self) -> Vec<String> {
        let mut lines = rows_of(&self.connection);
        lines.extend(rows_of(&self.reference().expect("reference").connection));
        lines
    }

    /// Makes the tables misbehave.
    pub(crate) fn sabotage(&self, sql: &str) {
        self.connection.execute_batch(sql).expect("a statement");
    }

    /// One number out of the tables.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.connection.query_row(sql, [], |r| r.get(0)).expect("a number")
    }
}

#[cfg(test)]
fn rows_of(connection: &Connection) -> Vec<String> {
    use rusqlite::types::ValueRef;
    let names: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type='table' AND name<>'raw' ORDER BY 1")
        .and_then(|mut s| s.query_map([], |r| r.get(0))?.collect())
        .expect("a schema");
    let mut lines = Vec::new();
    for name in names {
        let mut statement = connection.prepare(&format!("SELECT * FROM {name}")).expect("a table");
        let columns: Vec<usize> = (0..statement.column_count())
            .filter(|column| !["block", "at"].contains(&statement.column_name(*column).expect("its name")))
            .collect();
        let mut rows = statement.query([]).expect("rows");
        let mut table = Vec::new();
        while let Some(row) = rows.next().expect("a row") {
            let values: Vec<String> = columns
                .iter()
                .map(|column| match row.get_ref(*column).expect("a column") {
                    ValueRef::Blob(bytes) => hex::encode(bytes),
                    ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                    other => format!("{other:?}"),
                })
                .collect();
            table.push(format!("{name}: {}", values.join(" | ")));
        }
        table.sort();
        lines.extend(table);
    }
    lines
}
