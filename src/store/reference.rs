//! What we are told and what we found out: outage notices, location records, findings of the network. A database of
//! its own, `reference.db`, which a mail never opens and whose imports lock no mail out.
//!
//! In: the state folder. Out: a connection and its transactions. Which notices and records there are, it does not
//! know: see [`super::notices`], [`super::locations`], [`super::diagnoses`].

use super::{Access, Doing, Error, Store, connect, diagnoses, locations, notices, schema};
use rusqlite::{Connection, OpenFlags};
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Name of the database in the state folder.
pub const REFERENCE: &str = "reference.db";

/// Each step brings it from version `index` to `index + 1`.
const LADDER: &[&str] = &[FIRST];
/// The tables of version 1 are those that earlier versions of the main database held.
const FIRST: &str = "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;";
const MOVED: [&str; 3] = [notices::TABLES, locations::TABLES, diagnoses::TABLES];
const VERSION: i64 = LADDER.len() as i64;

/// The open database.
#[derive(Debug)]
pub struct Reference {
    pub(super) connection: Connection,
}

impl Reference {
    /// Opens the one that stands in `folder`; never creates it.
    ///
    /// # Errors
    /// [`Error::Missing`] where it is gone or empty, [`Error::ForeignInstall`], [`Error::Newer`].
    pub(super) fn open(folder: &Path, install: &str, access: Access) -> Result<Self, Error> {
        let path = folder.join(REFERENCE);
        match std::fs::metadata(&path) {
            Ok(meta) if meta.len() > 0 => {}
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(Error::Io { what: "look at", path, source: e });
            }
            _ => return Err(Error::Missing { path, install: install.to_owned() }),
        }
        let connection = connect(&path, OpenFlags::empty(), access)?;
        connection.execute_batch("BEGIN").doing("begin")?;
        let found: i64 =
            connection.pragma_query_value(None, "user_version", |r| r.get(0)).doing("read the version")?;
        if found > VERSION {
            return Err(Error::Newer { path, found, known: VERSION });
        }
        let owner: String = connection
            .query_row("SELECT value FROM meta WHERE key='install'", [], |r| r.get(0))
            .doing("read the install id")?;
        if owner != install {
            return Err(Error::ForeignInstall { path, found: owner, expected: install.to_owned() });
        }
        connection.execute_batch("COMMIT").doing("end reading")?;
        Ok(Self { connection })
    }

    /// Starts a transaction that no other process writes beside.
    ///
    /// # Errors
    /// [`Error::Sql`] where the lock did not come in time.
    pub fn begin(&self) -> Result<ReferenceTx<'_>, Error> {
        self.connection.execute_batch("BEGIN IMMEDIATE").doing("begin")?;
        Ok(ReferenceTx { reference: self, open: true })
    }

    /// Reads many times under one lock, and all of it as it was at the first; writers wait meanwhile.
    ///
    /// # Errors
    /// Those of `work`, and [`Error::Sql`].
    pub fn at_once<T, E: From<Error>>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.connection.execute_batch("BEGIN").doing("begin")?;
        let done = work();
        // Nothing was written: to roll back is to end.
        self.connection.execute_batch("ROLLBACK").doing("end reading")?;
        done
    }

    /// SQLite's own check of the file, bounded to its first ten complaints.
    ///
    /// # Errors
    /// [`Error::Sql`] where the check itself fails.
    pub fn quick_check(&self) -> Result<Vec<String>, Error> {
        super::quick_check(&self.connection)
    }
}

/// One `BEGIN IMMEDIATE` transaction; rolled back unless committed.
#[derive(Debug)]
pub struct ReferenceTx<'a> {
    reference: &'a Reference,
    open: bool,
}

impl ReferenceTx<'_> {
    /// The instant from which others see it.
    ///
    /// # Errors
    /// [`Error::Sql`]; then nothing of it happened.
    pub fn commit(mut self) -> Result<(), Error> {
        self.open = false;
        let done = self.db().execute_batch("COMMIT");
        if done.is_err() {
            // A failed COMMIT may leave the transaction open; roll back so that the locks go.
            let _ = self.db().execute_batch("ROLLBACK");
        }
        done.doing("commit")
    }

    /// Forgets everything since [`Reference::begin`].
    pub fn roll_back(self) {}

    pub(super) fn db(&self) -> &Connection {
        &self.reference.connection
    }

    /// What it belongs to: reads inside the transaction.
    pub fn reference(&self) -> &Reference {
        self.reference
    }
}

impl Drop for ReferenceTx<'_> {
    fn drop(&mut self) {
        if self.open {
            // An error here means that SQLite has rolled back already.
            let _ = self.db().execute_batch("ROLLBACK");
        }
    }
}

impl Store {
    /// Notices, location records and findings; opened when first asked for.
    ///
    /// # Errors
    /// [`Error::Missing`] where the file is gone: what was added by hand cannot be made anew.
    pub fn reference(&self) -> Result<&Reference, Error> {
        if let Some(reference) = self.reference.get() {
            return Ok(reference);
        }
        let opened = Reference::open(&self.folder, &self.install, self.access)?;
        Ok(self.reference.get_or_init(|| opened))
    }
}

/// Makes the tables in a database attached as `reference`, in the transaction that is open on `main`.
pub(super) fn create(main: &Connection, install: &str) -> Result<(), Error> {
    for step in MOVED.iter().chain(LADDER) {
        let step = schema::bare(step).replace("CREATE TABLE ", "CREATE TABLE reference.");
        main.execute_batch(&step).doing("create the tables of reference.db")?;
    }
    main.execute("INSERT INTO reference.meta VALUES('install',?1)", [install])
        .and_then(|_| main.pragma_update(Some("reference"), "user_version", VERSION))
        .doing("write the install id")
}

/// Attaches the file to the main connection, for the one transaction that makes or fills it.
pub(super) fn attach(main: &Connection, folder: &Path) -> Result<(), Error> {
    let path = folder.join(REFERENCE);
    // SQLite attaches what is there; an empty file is an empty database.
    let made = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
    made.map_err(super::io_error("create", &path))?;
    main.execute("ATTACH ?1 AS reference", [path.to_string_lossy()])
        .and_then(|_| {
            main.execute_batch("PRAGMA reference.journal_mode=PERSIST; PRAGMA reference.synchronous=EXTRA;")
        })
        .doing("attach reference.db")
}

/// Copies what earlier versions kept in the main database, and drops it there.
pub(super) fn take_over(main: &Connection) -> Result<(), Error> {
    let tables = MOVED.iter().flat_map(|step| step.split("CREATE TABLE ").skip(1));
    for table in tables.filter_map(|text| text.split('(').next()) {
        main.execute_batch(&format!(
            "INSERT INTO reference.{table} SELECT * FROM main.{table}; DROP TABLE main.{table};"
        ))
        .doing("move tables to reference.db")?;
    }
    Ok(())
}
