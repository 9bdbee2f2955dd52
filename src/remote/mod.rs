//! Lines of text exchanged with a program on another machine over SSH: the only room that speaks it.
//!
//! In: an address, the texts of ssh's own files, a program's name. Out: a [`Link`] that sends and receives bounded
//! lines, or why there is none. What the lines mean it does not know. A host key is always checked, no password is
//! ever asked for or sent, and the far machine's shell gets one constant line: `PROGRAM agent`.

#![expect(clippy::result_large_err, reason = "a connection fails once, and its error carries the way out")]

mod address;
mod config;
mod dial;
mod error;
mod jump;
mod key;
mod known_hosts;
mod link;

pub use address::{Address, Unclear, program};
pub use dial::{Dial, connect};
pub use error::Error;
pub use link::Link;
