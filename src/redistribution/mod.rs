//! Logfile → runs → failed jobs → rebuilt commands → plan → journal.
//!
//! In: bytes of distribution logfiles, failed distributions, the operator's choice. Out: a plan of commands that
//! reissue exactly what failed. It knows neither mail nor tickets.

pub mod issue;
pub mod model;
pub mod plan;
pub mod run_command;
pub mod states;
pub mod waves;
