//! What ping and route found, for repeats; hops that other traces share; the pace of traces across processes.
//!
//! In: reports and traces of this process. Out: those of all, and turns to trace. Each call is a short
//! transaction of its own: nothing is held while something is asked in the network.

use super::column::{from_json, json};
use super::{Doing, Error, Store};
use crate::diagnosis::{self, CLAIM, PathAsked, Report, Shared, SharedError, Trace, Turn};
use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use std::net::IpAddr;

/// Part of `reference.db`; a step of the ladder in `schema.rs` before.
pub(super) const TABLES: &str = "
-- The last report of a computer.
CREATE TABLE report(host TEXT PRIMARY KEY, at INTEGER NOT NULL, report TEXT NOT NULL) STRICT, WITHOUT ROWID;
-- The last trace into a network. `claimed` and `ended` are milliseconds since 1970 by the clock of the machine.
CREATE TABLE path(
  network TEXT PRIMARY KEY,
  claimed INTEGER NOT NULL,
  ended INTEGER NOT NULL DEFAULT 0,
  trace TEXT,                   -- JSON of diagnosis::Trace
  last_router TEXT              -- of the last trace that reached the network
) STRICT, WITHOUT ROWID;
-- From when on the next trace may start after a burst, in milliseconds since 1970.
CREATE TABLE pace(name TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

/// Findings and paths in `reference.db` of a state folder.
#[derive(Debug)]
pub struct SharedDiagnoses<'s>(pub &'s Store);

/// Traces looked at for the nearest one.
const MOST_PATHS: i64 = 10_000;
/// Paths older than this, in milliseconds, are forgotten; reports older than a day.
const PATHS_KEPT: i64 = 30 * 86_400_000;
const REPORTS_KEPT: i64 = 86_400;

impl SharedDiagnoses<'_> {
    /// All or nothing, and rolled back where it fails.
    fn at_once<T>(&self, work: impl FnOnce(&rusqlite::Connection) -> Result<T, Error>) -> Result<T, Error> {
        let transaction = self.0.reference()?.begin()?;
        let done = work(transaction.db())?;
        transaction.commit()?;
        Ok(done)
    }
}

/// `ended` and the JSON of a trace.
type Traced = (i64, Option<String>);

fn traced(db: &rusqlite::Connection, network: &str) -> Result<Option<(i64, Traced)>, Error> {
    db.prepare_cached("SELECT claimed,ended,trace FROM path WHERE network=?1")
        .and_then(|mut s| s.query_row([network], |r| Ok((r.get(0)?, (r.get(1)?, r.get(2)?)))).optional())
        .doing("read a path")
}

fn turn(db: &rusqlite::Connection, asked: &PathAsked<'_>) -> Result<Turn, Error> {
    if let Some((claimed, (ended, trace))) = traced(db, asked.network)? {
        if let Some(text) = trace {
            let trace: Trace = from_json("trace", &text)?;
            if asked.is_served_by(&trace, ended) {
                return Ok(Turn::Known(Box::new(trace)));
            }
        }
        if claimed > ended && (claimed..claimed + CLAIM).contains(&asked.now) {
            return Ok(Turn::Wait(50));
        }
    }
    let pace: i64 = db
        .prepare_cached("SELECT at FROM pace WHERE name='trace'")
        .and_then(|mut s| s.query_row([], |r| r.get(0)).optional())
        .doing("read the pace of traces")?
        .unwrap_or(0);
    let pace = match diagnosis::turn(pace, asked.now) {
        Ok(pace) => pace,
        Err(wait) => return Ok(Turn::Wait(wait)),
    };
    db.prepare_cached("INSERT INTO pace VALUES('trace',?1) ON CONFLICT DO UPDATE SET at=excluded.at")
        .and_then(|mut s| s.execute([pace]))
        .doing("keep the pace of traces")?;
    db.prepare_cached(
        "INSERT INTO path(network,claimed) VALUES(?1,?2) ON CONFLICT DO UPDATE SET claimed=excluded.claimed",
    )
    .and_then(|mut s| s.execute(params![asked.network, asked.now]))
    .doing("claim a path")?;
    Ok(Turn::Go)
}

impl Shared for SharedDiagnoses<'_> {
    fn report(&mut self, host: &str, since: Timestamp) -> Result<Option<Report>, SharedError> {
        let text: Option<String> = self
            .0
            .reference()?
            .connection
            .prepare_cached("SELECT report FROM report WHERE host=?1 AND at>=?2")
            .and_then(|mut s| s.query_row(params![host, since.as_second()], |r| r.get(0)).optional())
            .doing("read a report")?;
        Ok(text.map(|text| from_json("report", &text)).transpose()?)
    }

    fn keep_reports(&mut self, reports: &[Report]) -> Result<(), SharedError> {
        self.at_once(|db| {
            let newest = reports.iter().map(|report| report.at.as_second()).max().unwrap_or(0);
            db.execute("DELETE FROM report WHERE at<?1", [newest - REPORTS_KEPT]).doing("forget reports")?;
            for report in reports {
                db.prepare_cached(
                    "INSERT INTO report VALUES(?1,?2,?3) ON CONFLICT DO UPDATE SET at=excluded.at, report=excluded.report",
                )
                .and_then(|mut s| s.execute(params![report.host, report.at.as_second(), json(report)]))
                .doing("keep a report")?;
            }
            Ok(())
        })?;
        Ok(())
    }

    fn turn(&mut self, asked: &PathAsked<'_>) -> Result<Turn, SharedError> {
        Ok(self.at_once(|db| turn(db, asked))?)
    }

    fn traced(&mut self, network: &str, trace: Option<&Trace>, now: i64) -> Result<(), SharedError> {
        let router = trace.and_then(Trace::last_router);
        self.at_once(|db| {
            db.execute("DELETE FROM path WHERE claimed<?1", [now - PATHS_KEPT]).doing("forget paths")?;
            db.prepare_cached(
                "INSERT INTO path VALUES(?1,?2,?2,?3,?4) ON CONFLICT DO UPDATE SET claimed=min(claimed,excluded.ended),
                 ended=excluded.ended, trace=excluded.trace, last_router=coalesce(excluded.last_router,last_router)",
            )
            .and_then(|mut s| {
                s.execute(params![network, now, trace.map(json), router.map(|router| router.to_string())])
            })
            .doing("keep a trace")
        })?;
        Ok(())
    }

    fn last_router(&mut self, network: &str) -> Result<Option<IpAddr>, SharedError> {
        let text: Option<String> = self
            .0
            .reference()?
            .connection
            .prepare_cached("SELECT last_router FROM path WHERE network=?1")
            .and_then(|mut s| s.query_row([network], |r| r.get(0)).optional())
            .doing("read a path")?
            .flatten();
        Ok(text.and_then(|text| text.parse().ok()))
    }

    fn nearest(&mut self, address: IpAddr, answers: bool, since: i64) -> Result<Option<Trace>, SharedError> {
        let texts: Vec<String> = self
            .0
            .reference()?
            .connection
            .prepare_cached(
                "SELECT trace FROM path WHERE ended>=?1 AND trace IS NOT NULL ORDER BY ended DESC LIMIT ?2",
            )
            .and_then(|mut s| s.query_map([since, MOST_PATHS], |r| r.get(0))?.collect())
            .doing("read paths")?;
        let traces =
            texts.iter().map(|text| from_json("trace", text)).collect::<Result<Vec<Trace>, Error>>()?;
        Ok(diagnosis::nearest(address, answers, traces.iter()).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::{Hop, Tool};

    fn trace(target: &str, routers: &[&str], reached: bool) -> Trace {
        let target: IpAddr = target.parse().expect("an address");
        let steps = routers.iter().map(|r| r.parse().expect("an address")).chain(reached.then_some(target));
        let hops = (1..).zip(steps).map(|(ttl, a)| Hop { ttl, address: Some(a), rtt_us: Some(40) }).collect();
        Trace { target, hops, reached, refusal: None, tool: Tool::BuiltIn, at: Timestamp::UNIX_EPOCH }
    }

    fn asked(network: &str, now: i64, answers: bool) -> PathAsked<'_> {
        PathAsked { network, now, began: now, since: now - 300_000, answers }
    }

    #[test]
    fn two_processes_trace_one_path_once_and_keep_one_pace() {
        let folder = tempfile::tempdir().expect("a folder");
        let one = Store::init(&folder.path().join("state"), "test").expect("a state");
        let two = Store::open(one.folder(), super::super::Access::Write).expect("the same");
        let (mut one, mut two) = (SharedDiagnoses(&one), SharedDiagnoses(&two));
        let now = 1_800_000_000_000;
        let (a, b) = ("10.0.1.0/24", "10.0.2.0/24");
        assert_eq!(one.turn(&asked(a, now, true)).expect("a turn"), Turn::Go);
        assert_eq!(two.turn(&asked(a, now + 10, true)).expect("a turn"), Turn::Wait(50), "another traces it");
        let found = trace("10.0.1.7", &["10.9.0.1", "10.9.1.1"], true);
        one.traced(a, Some(&found), now + 100).expect("kept");
        let known = Turn::Known(Box::new(found.clone()));
        assert_eq!(two.turn(&asked(a, now + 150, true)).expect("a turn"), known);
        assert_eq!(
            two.turn(&asked(a, now + 150, false)).expect("a turn"),
            Turn::Go,
            "the network went silent since: the old trace says nothing any more"
        );
        for network in ["10.0.3.0/24", "10.0.4.0/24"] {
            assert_eq!(one.turn(&asked(network, now + 150, true)).expect("a turn"), Turn::Go);
        }
        assert!(matches!(two.turn(&asked(b, now + 150, true)).expect("a turn"), Turn::Wait(1..1001)));
        assert_eq!(two.turn(&asked(b, now + 1150, true)).expect("a turn"), Turn::Go);
        assert_eq!(two.last_router(a).expect("read"), Some("10.9.1.1".parse().expect("an address")));
        let nearest = two.nearest("10.0.2.9".parse().expect("an address"), true, now).expect("read");
        assert_eq!(nearest, Some(found));
    }

    #[test]
    fn a_claim_whose_process_died_is_taken_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::init(&folder.path().join("state"), "test").expect("a state");
        let mut shared = SharedDiagnoses(&store);
        let now = 1_800_000_000_000;
        assert_eq!(shared.turn(&asked("n", now, true)).expect("a turn"), Turn::Go);
        assert_eq!(shared.turn(&asked("n", now + CLAIM - 1, true)).expect("a turn"), Turn::Wait(50));
        assert_eq!(shared.turn(&asked("n", now + CLAIM, true)).expect("a turn"), Turn::Go);
    }
}
