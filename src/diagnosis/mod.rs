//! Ping and route to a finding.
//!
//! In: names and addresses of computers, limits, what other passes found. Out: for each a [`Report`]: up, down,
//! network or unknown, with its reason, loss, times and hops, and the row of the finding table that holds. It
//! knows nothing of tickets and of the database. Never in the mail's way: `flush`, `run` and `diagnose` call it.

mod finding;
pub mod parse;
mod pass;
mod path;
mod ping;
mod port;
mod programs;
mod resolve;
mod route;
mod shared;
mod table;
#[cfg(test)]
mod tests;
mod words;

pub use finding::{
    Diagnosis, Diagnostics, Finding, Hop, Inherited, NotRun, Ping, Reason, Refusal, RefusalKind, Report,
    Seen, Tool, Trace, judge, last_answering,
};
pub use pass::{Limits, Target, diagnose};
pub use path::turn;
pub use port::{Port, connect};
pub use programs::FOLDERS;
pub use shared::{Alone, CLAIM, PathAsked, Shared, SharedError, Turn, nearest};
pub use table::verdict;

/// What this process may do by itself, and what the system's tools would do for it; for `doctor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Privileges {
    /// Raw ICMP sockets: ping and route of our own.
    pub raw: bool,
    /// ICMP sockets of datagrams (`ping_group_range`): ping of our own, without refusals of routers.
    pub datagram: bool,
    pub system_ping: bool,
    pub system_traceroute: bool,
}

/// Asks the system; opens sockets and sends nothing.
pub fn privileges() -> Privileges {
    let folders = FOLDERS.map(std::path::PathBuf::from);
    let kind = ping::permitted(true).ok();
    Privileges {
        raw: kind == Some(socket2::Type::RAW),
        datagram: kind == Some(socket2::Type::DGRAM),
        system_ping: programs::find(&folders, "ping").is_some(),
        system_traceroute: programs::find(&folders, "traceroute").is_some(),
    }
}

/// Whether the name resolution of this machine answers within the limit, whatever it says of the name.
pub fn names_resolve(name: &str, limit: std::time::Duration) -> Result<Vec<std::net::IpAddr>, Reason> {
    resolve::resolve(&[name], limit).remove(name).unwrap_or(Err(Reason::NameTimeout))
}
