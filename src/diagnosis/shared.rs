//! What outlasts one call and is shared between processes: findings, paths, the pace of traces.
//!
//! In: reports and traces. Out: those of others, and turns to trace. `store` keeps them in the database;
//! [`Alone`] keeps them in memory, where no state folder stands.

use super::finding::{Report, Trace};
use super::path;
use jiff::Timestamp;
use std::collections::HashMap;
use std::net::IpAddr;

/// What to do about a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Trace it; others wait for the result.
    Go,
    /// Ask again after so many milliseconds.
    Wait(i64),
    /// Somebody traced it.
    Known(Box<Trace>),
}

/// Who asks for a path. Times in milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct PathAsked<'a> {
    pub network: &'a str,
    pub now: i64,
    /// When this pass began: a trace since then serves whatever it says.
    pub began: i64,
    /// A trace since then serves if it agrees with `answers`.
    pub since: i64,
    /// Something in this network answers now: then the trace must have reached it.
    pub answers: bool,
}

impl PathAsked<'_> {
    /// Whether a trace that ended at `at` still says how things stand.
    pub fn is_served_by(&self, trace: &Trace, at: i64) -> bool {
        at >= self.began || (at >= self.since && trace.reached == self.answers)
    }
}

/// How long others wait for one who said that he traces a path, in milliseconds.
pub const CLAIM: i64 = 4000;

/// Why what is shared could not be used; diagnostics go on without.
pub type SharedError = Box<dyn std::error::Error>;

/// What outlasts one call. Failures cost sharing, never a finding.
pub trait Shared {
    /// The report of a host since `since`.
    fn report(&mut self, host: &str, since: Timestamp) -> Result<Option<Report>, SharedError>;
    fn keep_reports(&mut self, reports: &[Report]) -> Result<(), SharedError>;
    fn turn(&mut self, asked: &PathAsked<'_>) -> Result<Turn, SharedError>;
    /// A trace that ended at `now`; None: it failed, and another may try.
    fn traced(&mut self, network: &str, trace: Option<&Trace>, now: i64) -> Result<(), SharedError>;
    /// The last router of a network when it was last reached.
    fn last_router(&mut self, network: &str) -> Result<Option<IpAddr>, SharedError>;
    /// Of all traces since `since`, the one to the address nearest to this one; those first that reached their
    /// target where `answers`, else those that did not.
    fn nearest(&mut self, address: IpAddr, answers: bool, since: i64) -> Result<Option<Trace>, SharedError>;
}

/// Shared with nobody.
#[derive(Debug, Default)]
pub struct Alone {
    reports: HashMap<String, Report>,
    paths: HashMap<String, (i64, Option<Trace>)>,
    last_routers: HashMap<String, IpAddr>,
    pace: i64,
}

impl Shared for Alone {
    fn report(&mut self, host: &str, since: Timestamp) -> Result<Option<Report>, SharedError> {
        Ok(self.reports.get(host).filter(|report| report.at >= since).cloned())
    }

    fn keep_reports(&mut self, reports: &[Report]) -> Result<(), SharedError> {
        self.reports.extend(reports.iter().map(|report| (report.host.clone(), report.clone())));
        Ok(())
    }

    fn turn(&mut self, asked: &PathAsked<'_>) -> Result<Turn, SharedError> {
        if let Some((at, Some(trace))) = self.paths.get(asked.network)
            && asked.is_served_by(trace, *at)
        {
            return Ok(Turn::Known(Box::new(trace.clone())));
        }
        Ok(match path::turn(self.pace, asked.now) {
            Ok(pace) => {
                self.pace = pace;
                Turn::Go
            }
            Err(wait) => Turn::Wait(wait),
        })
    }

    fn traced(&mut self, network: &str, trace: Option<&Trace>, now: i64) -> Result<(), SharedError> {
        if let Some(trace) = trace {
            if let Some(router) = trace.last_router() {
                self.last_routers.insert(network.to_owned(), router);
            }
            self.paths.insert(network.to_owned(), (now, Some(trace.clone())));
        }
        Ok(())
    }

    fn last_router(&mut self, network: &str) -> Result<Option<IpAddr>, SharedError> {
        Ok(self.last_routers.get(network).copied())
    }

    fn nearest(&mut self, address: IpAddr, answers: bool, since: i64) -> Result<Option<Trace>, SharedError> {
        let traces = self.paths.values().filter(|(at, _)| *at >= since).filter_map(|(_, t)| t.as_ref());
        Ok(nearest(address, answers, traces).cloned())
    }
}

/// The trace to the address nearest to this one, of the same family and with a hop that answered; one that
/// agrees with `answers` and is near goes before all others.
pub fn nearest<'t>(
    address: IpAddr,
    answers: bool,
    traces: impl Iterator<Item = &'t Trace>,
) -> Option<&'t Trace> {
    let near = |t: &Trace| path::is_near(address, t.target);
    traces
        .filter(|t| t.target.is_ipv4() == address.is_ipv4() && t.hops.iter().any(|hop| hop.address.is_some()))
        .max_by_key(|t| (t.reached == answers && near(t), path::nearness(address, t.target), t.at))
}
