//! Logfile → runs → failed jobs → rebuilt commands → plan → journal.
//!
//! In: bytes of distribution logfiles, failed distributions, the operator's choice. Out: a plan of commands that
//! reissue exactly what failed. It knows neither mail nor tickets.

pub mod approval;
mod arena;
mod artifacts;
pub mod attempts;
pub mod claims;
mod command;
pub mod comparison;
mod elsewhere;
pub mod engine;
pub mod evidence;
pub mod files;
pub mod gather;
pub mod issue;
pub mod join;
mod lacking;
pub mod list;
pub mod model;
pub mod moment;
pub mod names;
pub mod narrow;
pub mod nodeset;
pub mod plan;
pub mod planning;
pub mod reader;
pub mod rebuild;
pub mod recognise;
pub mod run_command;
pub mod runner;
pub mod scan;
pub mod shell;
pub mod states;
pub mod waves;
mod written;

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod original;
#[cfg(test)]
mod samples;

/// How many cases property tests try: `AUTOTICKET_CASES`, else what proptest tries.
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests alone read how long they may take")]
fn cases() -> proptest::prelude::ProptestConfig {
    let cases = std::env::var("AUTOTICKET_CASES").ok().and_then(|count| count.parse().ok());
    let usual = proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() };
    proptest::prelude::ProptestConfig { cases: cases.unwrap_or(usual.cases), ..usual }
}

/// From where property tests with dice of their own start: `AUTOTICKET_SEED`, else 1.
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests alone read which cases they try")]
fn seed() -> u64 {
    std::env::var("AUTOTICKET_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1)
}
