//! The tables, and the ladder from one version of them to the next.
//!
//! Rules of the house: STRICT tables; times are whole seconds since 1970 (UTC); a row that must be found
//! by name is stored by name (`WITHOUT ROWID`), so that one mail touches one leaf per table; no index that
//! counting does not need; keys carry the time in front, so that a mail's neighbours are its contemporaries
//! and old ones are forgotten by one range.

use super::{diagnoses, faults, locations, notices};

/// Each step brings the database from version `index` to `index + 1` (`PRAGMA user_version`).
pub(super) const LADDER: &[&str] =
    &[V1, notices::TABLES, locations::TABLES, diagnoses::TABLES, faults::TABLES, V6, V7];

/// The version from which notices, location records and findings are kept in `reference.db`.
pub(super) const PARTED: usize = 7;

/// A new database at once, without the tables that came and went.
pub(super) const FRESH: &[&str] = &[V1, faults::TABLES, V6, V7];

/// Version this program reads and writes.
pub(super) const VERSION: i64 = LADDER.len() as i64;

/// A step without remarks and blanks: SQLite keeps them, and each process reads the whole schema at its start.
pub(super) fn bare(step: &str) -> String {
    let code = step.lines().map(|line| line.split_once("--").map_or(line, |(code, _)| code));
    let words = code.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ");
    words.replace(", ", ",").replace(" (", "(").replace("( ", "(").replace(" )", ")")
}

const V1: &str = "
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- Every mail, exactly one outcome. Ids have no gaps: their highest is the number of mails received.
CREATE TABLE mail(
  id INTEGER PRIMARY KEY,
  key BLOB NOT NULL,            -- Identity.full
  outcome INTEGER NOT NULL,     -- index into Outcome::ALL
  reason TEXT NOT NULL,         -- JSON of alert::Reason
  arrival INTEGER NOT NULL,
  event INTEGER NOT NULL,
  length INTEGER NOT NULL,      -- of the whole message
  kept INTEGER NOT NULL,        -- bytes in `raw`; 0: none of its own (an exact duplicate, or purged)
  block INTEGER NOT NULL, at INTEGER NOT NULL,
  digest BLOB,                  -- SHA-256 of the whole message, where not all of it was kept
  head INTEGER NOT NULL,        -- key into `seen`
  body_length INTEGER NOT NULL,
  first_alert INTEGER NOT NULL,
  alerts INTEGER NOT NULL,
  sender TEXT NOT NULL,
  subject TEXT NOT NULL,
  place TEXT NOT NULL           -- where it was read: stdin, path, path:offset, spool
) STRICT;

-- Raw mails, one after the other, in blocks of zstd: a mail begins at byte `at` of block `block` and may run
-- on into the next blocks. Neighbours of one mailbox share a block, as they share most of their text.
CREATE TABLE raw(id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;

-- By what a mail is recognised again: head = minute of its Date << 37 | 37 bits of Identity.head (before version 7:
-- day << 44 | 44 bits).
CREATE TABLE seen(
  head INTEGER NOT NULL, length INTEGER NOT NULL, digest INTEGER NOT NULL, mail INTEGER NOT NULL,
  PRIMARY KEY(head, length, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE alert(
  id INTEGER PRIMARY KEY,
  mail INTEGER NOT NULL,
  event INTEGER NOT NULL,
  device TEXT NOT NULL,
  failure TEXT NOT NULL,
  voided INTEGER NOT NULL DEFAULT 0, -- 1: its mail was superseded by a longer copy
  counted TEXT NOT NULL,        -- JSON: in_window, needed, ticket, scope
  record TEXT NOT NULL,         -- JSON of alert::AlertRecord
  action TEXT NOT NULL          -- JSON list: what every room that acted did
) STRICT;

CREATE TABLE device(
  name TEXT PRIMARY KEY, first INTEGER NOT NULL, facts TEXT NOT NULL -- JSON of store::DeviceFacts
) STRICT, WITHOUT ROWID;

-- The tracking record: one row per device and failure type.
CREATE TABLE tracking(
  device TEXT NOT NULL, failure TEXT NOT NULL, total INTEGER NOT NULL,
  first INTEGER, last INTEGER, recent BLOB NOT NULL,
  ticket INTEGER,               -- the open ticket of this key
  PRIMARY KEY(device, failure)
) STRICT, WITHOUT ROWID;

CREATE TABLE ticket(
  id INTEGER PRIMARY KEY,
  number TEXT NOT NULL UNIQUE,
  device TEXT NOT NULL, failure TEXT NOT NULL,
  state TEXT NOT NULL,
  crossed INTEGER NOT NULL,     -- event time of the crossing alert
  crossing INTEGER NOT NULL,    -- alert
  alerts TEXT NOT NULL,         -- JSON list of alert ids up to and with the crossing
  total INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  choice TEXT NOT NULL,         -- JSON of tracking::Choice
  decision TEXT,                -- JSON of ticket::Decision, once judged
  joined INTEGER NOT NULL DEFAULT 0,
  last_joined INTEGER,          -- event time
  unreported INTEGER,           -- event time of the first joined alert no update mail told of
  updated INTEGER,              -- event time up to which update mails told
  updates INTEGER NOT NULL DEFAULT 0,
  reminders INTEGER NOT NULL DEFAULT 0,
  reminded INTEGER,             -- event time for which the last reminder was due
  due INTEGER,                  -- when flush must look at it next
  ended INTEGER, why TEXT
) STRICT;
CREATE INDEX ticket_due ON ticket(due) WHERE due IS NOT NULL;

CREATE TABLE ticket_alert(ticket INTEGER NOT NULL, alert INTEGER NOT NULL, PRIMARY KEY(ticket, alert)) STRICT, WITHOUT ROWID;
CREATE TABLE ticket_reply(ticket INTEGER NOT NULL, mail INTEGER NOT NULL, PRIMARY KEY(ticket, mail)) STRICT, WITHOUT ROWID;
-- Message-IDs of everything sent, to recognise replies and bounces.
CREATE TABLE message(id TEXT PRIMARY KEY, ticket INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- One row per mail and recipient. state: due accepted refused parked withdrawn.
CREATE TABLE outbox(
  id INTEGER PRIMARY KEY,
  ticket INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
  message TEXT NOT NULL, sender TEXT NOT NULL, recipient TEXT NOT NULL,
  bytes BLOB NOT NULL,          -- zstd; frozen when it was queued
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  next INTEGER,                 -- when due
  ended INTEGER, reply TEXT
) STRICT;
CREATE INDEX outbox_due ON outbox(next) WHERE next IS NOT NULL;

CREATE TABLE failed(
  server TEXT NOT NULL, recipient TEXT NOT NULL, package TEXT NOT NULL, job TEXT NOT NULL, tool TEXT NOT NULL,
  id TEXT NOT NULL, device TEXT NOT NULL, upstream TEXT, failure TEXT NOT NULL,
  first INTEGER NOT NULL, last INTEGER NOT NULL, alert INTEGER NOT NULL, last_alert INTEGER NOT NULL,
  dismissed TEXT,               -- why, when a person said so
  PRIMARY KEY(server, recipient, package, job, tool)
) STRICT, WITHOUT ROWID;

CREATE TABLE node(name TEXT PRIMARY KEY, canonical TEXT NOT NULL, only_for TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE node_glob(glob TEXT PRIMARY KEY, canonical TEXT NOT NULL, only_for TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE domain(name TEXT PRIMARY KEY, only_for TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE list(kind TEXT PRIMARY KEY, entries INTEGER NOT NULL, digest TEXT NOT NULL, at INTEGER NOT NULL, origin TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE near_miss(
  node TEXT NOT NULL, domain TEXT NOT NULL, mails INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, last_mail INTEGER NOT NULL,
  PRIMARY KEY(node, domain)
) STRICT, WITHOUT ROWID;

-- Thresholds set while running; they beat the rules' of the same scope.
CREATE TABLE threshold(scope TEXT NOT NULL, failure TEXT NOT NULL, count INTEGER NOT NULL, seconds INTEGER NOT NULL,
  who TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY(scope, failure)) STRICT, WITHOUT ROWID;

-- Who changed what by hand, and what reacted.
CREATE TABLE audit(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, act TEXT NOT NULL,
  subject TEXT NOT NULL, detail TEXT NOT NULL) STRICT;
";

/// What a mail writes lies where the mails beside it write: failed distributions one after the other, as their
/// alerts came, and a device beside its tracking records. With a long history each of them cost a page of its own.
const V6: &str = "
ALTER TABLE failed RENAME TO failed_v1;
-- What one alert says was not delivered. A failed distribution is all that share an id.
CREATE TABLE failed(
  alert INTEGER PRIMARY KEY, event INTEGER NOT NULL, id TEXT NOT NULL, failure TEXT NOT NULL,
  server TEXT NOT NULL, recipient TEXT NOT NULL, package TEXT NOT NULL, job TEXT NOT NULL, tool TEXT NOT NULL,
  upstream TEXT
) STRICT;
INSERT INTO failed SELECT alert,first,id,failure,server,recipient,package,job,tool,upstream FROM failed_v1;
INSERT INTO failed SELECT last_alert,last,id,failure,server,recipient,package,job,tool,upstream FROM failed_v1
  WHERE last_alert<>alert;
-- Dismissed by a person; an alert after `alert` brings it back.
CREATE TABLE failed_dismissed(id TEXT PRIMARY KEY, alert INTEGER NOT NULL, why TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO failed_dismissed SELECT id,last_alert,dismissed FROM failed_v1 WHERE dismissed IS NOT NULL;
DROP TABLE failed_v1;

-- In `tracking` the row of the empty failure type is the device itself: its first alert, and `recent` is JSON of DeviceFacts.
INSERT INTO tracking(device,failure,total,first,last,recent,ticket)
  SELECT name,'',0,first,NULL,CAST(facts AS BLOB),NULL FROM device;
DROP TABLE device;

CREATE INDEX outbox_ticket ON outbox(ticket);
CREATE INDEX outbox_stopped ON outbox(state) WHERE state='parked' OR state='refused';
";

/// The mails of one minute lie together, where those of one day did: a mailbox of a busy day wrote half of the day's
/// pages in each transaction. The minute of a mail that is stored is that of its event, which is its Date unless that
/// lay beyond the allowed skew.
const V7: &str = "
UPDATE mail SET head=
  CASE WHEN event>0 AND event/86400=head>>44 THEN event/60 ELSE (head>>44)*1440 END<<37|(head&((1<<37)-1));
ALTER TABLE seen RENAME TO seen_v1;
CREATE TABLE seen(
  head INTEGER NOT NULL, length INTEGER NOT NULL, digest INTEGER NOT NULL, mail INTEGER NOT NULL,
  PRIMARY KEY(head, length, digest)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO seen SELECT mail.head,seen_v1.length,seen_v1.digest,seen_v1.mail FROM seen_v1 JOIN mail ON mail.id=seen_v1.mail
  ORDER BY mail.head,seen_v1.length,seen_v1.digest;
DROP TABLE seen_v1;
";

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    #[test]
    fn stored_schema_is_that_of_the_ladder_without_remarks() {
        let schema = |bare_of: &dyn Fn(&str) -> String| -> Vec<String> {
            let db = Connection::open_in_memory().expect("a database");
            for step in LADDER {
                db.execute_batch(&bare_of(step)).expect("a step of the ladder");
            }
            let mut statement = db
                .prepare(
                    "SELECT m.name||' '||coalesce(group_concat(c.name||' '||c.type||' '||c.\"notnull\"||' '||c.pk||' '
                     ||coalesce(c.dflt_value,'')),'') FROM sqlite_schema m LEFT JOIN pragma_table_xinfo(m.name) c
                     GROUP BY m.name ORDER BY m.name",
                )
                .expect("prepare");
            let rows = statement.query_map([], |r| r.get(0)).expect("query");
            rows.map(|r| r.expect("a row")).collect()
        };
        assert_eq!(schema(&|step| bare(step)), schema(&|step| step.to_owned()));
        for step in LADDER {
            assert!(!bare(step).contains("--") && !bare(step).contains("  "), "{}", bare(step));
        }
    }

    #[test]
    fn an_upgraded_database_has_the_tables_of_a_new_one_and_its_notices_and_records_move_beside_it() {
        use super::super::{Access, DATABASE, INSTALL_ID, Store};
        let folder = tempfile::tempdir().expect("a folder");
        let old = folder.path().join("old");
        std::fs::create_dir(&old).expect("a folder");
        let db = Connection::open(old.join(DATABASE)).expect("a database");
        for step in &LADDER[..PARTED - 1] {
            db.execute_batch(&bare(step)).expect("a step of the ladder");
        }
        let mail = |id: i64, event: i64, day: i64| {
            let head = day << 44 | 5;
            format!(
                "INSERT INTO mail VALUES({id},x'00',0,'{{}}',{event},{event},9,0,0,0,NULL,{head},9,1,1,'','','stdin');
                 INSERT INTO seen VALUES({head},9,7,{id});"
            )
        };
        db.execute_batch(&(mail(1, 20_510 * 86_400 + 36_000, 20_510) + &mail(2, 20_510 * 86_400, 3)))
            .expect("mails");
        db.execute_batch(
            "INSERT INTO meta VALUES('install','0f4c7d5e'); PRAGMA user_version=6;
             INSERT INTO location VALUES('node7',3,'{}');
             INSERT INTO notice_file VALUES(4,'outages/a.yaml','d','s',1,2,NULL,NULL,'[]');",
        )
        .expect("rows");
        drop(db);
        std::fs::write(old.join(INSTALL_ID), "0f4c7d5e\n").expect("an id");
        let climbed = Store::open(&old, Access::Read).expect("climbs");
        let fresh = Store::init(&folder.path().join("new"), "0f4c7d5e").expect("a new state");
        let tables = |db: &Connection| -> Vec<String> {
            let mut statement = db.prepare("SELECT name FROM sqlite_schema ORDER BY 1").expect("prepare");
            let rows = statement.query_map([], |r| r.get(0)).expect("query");
            rows.map(|r| r.expect("a row")).collect()
        };
        assert_eq!(tables(&climbed.connection), tables(&fresh.connection));
        let beside = |store: &Store| tables(&store.reference().expect("reference").connection);
        assert_eq!(beside(&climbed), beside(&fresh));
        let heads = |table: &str, id: &str| -> Vec<i64> {
            let mut statement = climbed
                .connection
                .prepare(&format!("SELECT head FROM {table} ORDER BY {id}"))
                .expect("prepare");
            let rows = statement.query_map([], |r| r.get(0)).expect("query");
            rows.map(|r| r.expect("a row")).collect()
        };
        let minutes = [(20_510 * 1_440 + 600) << 37 | 5, (3 * 1_440) << 37 | 5];
        assert_eq!(heads("mail", "id"), minutes, "the minute of the event, or the day that the Date named");
        assert_eq!(heads("seen", "mail"), minutes);
        let reference = climbed.reference().expect("reference");
        let row =
            |sql: &str| -> String { reference.connection.query_row(sql, [], |r| r.get(0)).expect("a row") };
        assert_eq!(row("SELECT name||line||record FROM location"), "node73{}");
        assert_eq!(row("SELECT id||name||changed FROM notice_file"), "4outages/a.yaml2");
        std::fs::remove_file(old.join(super::super::REFERENCE)).expect("removed");
        let again = Store::open(&old, Access::Write).expect("mails need it not");
        let error = again.reference().expect_err("it is gone").to_string();
        assert!(error.contains("reference.db is missing") && error.contains("backup"), "{error}");
    }

    #[test]
    fn upgrade_from_the_first_version_keeps_devices_failed_distributions_and_dismissals() {
        let db = Connection::open_in_memory().expect("a database");
        db.execute_batch(V1).expect("version 1");
        db.execute_batch(
            "INSERT INTO device VALUES('node7',100,'{\"room\":\"R1\"}');
             INSERT INTO failed VALUES('is1','node7','vim','J1','dm','F-1','node7',NULL,'distribution',100,160,3,9,NULL);
             INSERT INTO failed VALUES('is1','node8','vim','J1','dm','F-2','node8','is0','disk',50,50,4,4,'scrapped');",
        )
        .expect("rows");
        for step in &LADDER[1..] {
            db.execute_batch(step).expect("a step of the ladder");
        }
        let texts = |sql: &str| -> Vec<String> {
            let mut statement = db.prepare(sql).expect("prepare");
            let rows = statement.query_map([], |r| r.get(0)).expect("query");
            rows.map(|r| r.expect("a row")).collect()
        };
        assert_eq!(
            texts("SELECT device||' '||first||' '||CAST(recent AS TEXT) FROM tracking WHERE failure=''"),
            ["node7 100 {\"room\":\"R1\"}"]
        );
        assert_eq!(
            texts(
                "SELECT alert||' '||event||' '||id||' '||recipient||' '||failure FROM failed ORDER BY alert"
            ),
            ["3 100 F-1 node7 distribution", "4 50 F-2 node8 disk", "9 160 F-1 node7 distribution"]
        );
        assert_eq!(texts("SELECT id||' '||alert||' '||why FROM failed_dismissed"), ["F-2 4 scrapped"]);
    }
}
