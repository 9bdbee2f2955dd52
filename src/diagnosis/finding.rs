//! What ping and route saw, and what that says of a computer.
//!
//! In: replies, refusals and hops as they came back. Out: a [`Finding`] with its [`Reason`], and the lines a
//! ticket shows. It sends nothing and knows no clock.
//!
//! # How `down` and `network` are told apart
//! Both mean that no echo request was answered. What decides is whether the computer's own network answers:
//! - `down`: another computer of its network (the same /24, for IPv6 the same /64) or that network's first or
//!   last address, where gateways stand, answers ping; or its own hops hold the router that was the last one
//!   when its network was last reached; or no router lies between. A router's `host unreachable` proves nothing
//!   by itself: a router says so of a computer that is switched off and of the next router that is dead.
//! - `network`: none of that, and a router says that there is no way, or hops answered and the last of them
//!   lies before the network; or none answered although they were traced and answered before.
//! - `unknown`: a filter refused on the way, or too little ran to say more. What did not run is never `down`.
//!
//! A computer that refuses ping itself is `up`: something there sent the refusal. One whose firewall swallows
//! ping without a word cannot be told from one that is switched off.

use super::path;
pub use crate::rules::findings::Finding;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// Why a finding is what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Echo requests were answered.
    Answered,
    /// Nothing came back in time.
    Timeout,
    /// Refused on the way, or by the computer itself.
    Refused(Refusal),
    /// The name does not exist (NXDOMAIN), or has no address.
    NoSuchName,
    /// No name server answered in time.
    NameTimeout,
    /// A name server answered with nothing that can be used.
    NameFailed(String),
    /// Not the name or address of one computer; nothing was asked.
    NotAName,
    /// Ping did not run.
    NotRun(NotRun),
}

/// A refusal in place of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub kind: RefusalKind,
    /// Who sent it; None: the kernel of this machine.
    pub by: Option<IpAddr>,
}

/// ICMP type 3 (RFC 792, RFC 1812) and ICMPv6 type 1 (RFC 4443) by what they mean, and what the own kernel says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// EHOSTUNREACH; codes 1, 7, 8, 12; ICMPv6 code 3.
    HostUnreachable,
    /// Codes 0, 6, 11; ICMPv6 code 0.
    NetUnreachable,
    /// ENETUNREACH: the own routing table has no route.
    NoRoute,
    /// EACCES; codes 9, 10, 13; ICMPv6 codes 1, 5, 6.
    Prohibited,
    /// EINVAL: the own routing table throws it away.
    BlackHole,
    /// Codes 2 and 3; ICMPv6 code 4: it reached a computer that does not serve it.
    Closed,
    /// Time exceeded: it went round in a circle.
    Loop,
    /// Another code of type 3, or of ICMPv6 type 1.
    Other(u8),
}

impl RefusalKind {
    /// Of a code of ICMP destination unreachable.
    pub fn of_v4(code: u8) -> Self {
        match code {
            0 | 6 | 11 => RefusalKind::NetUnreachable,
            1 | 7 | 8 | 12 => RefusalKind::HostUnreachable,
            2 | 3 => RefusalKind::Closed,
            9 | 10 | 13 => RefusalKind::Prohibited,
            other => RefusalKind::Other(other),
        }
    }

    /// Of a code of ICMPv6 destination unreachable.
    pub fn of_v6(code: u8) -> Self {
        match code {
            0 => RefusalKind::NetUnreachable,
            1 | 5 | 6 => RefusalKind::Prohibited,
            3 => RefusalKind::HostUnreachable,
            4 => RefusalKind::Closed,
            other => RefusalKind::Other(other),
        }
    }
}

impl fmt::Display for RefusalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RefusalKind::HostUnreachable => "host unreachable",
            RefusalKind::NetUnreachable => "net unreachable",
            RefusalKind::NoRoute => "no route",
            RefusalKind::Prohibited => "prohibited",
            RefusalKind::BlackHole => "black hole",
            RefusalKind::Closed => "port or protocol unreachable",
            RefusalKind::Loop => "time exceeded: a routing loop",
            RefusalKind::Other(code) => return write!(f, "unreachable (code {code})"),
        })
    }
}

/// Why something did not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotRun {
    /// No right to open an ICMP socket, and no system tool that has it.
    NoPrivilege(String),
    /// The limit of the whole pass was reached first.
    NoTime,
    /// Not asked for.
    Off,
    /// What the system or its tool said.
    Failed(String),
}

impl fmt::Display for NotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotRun::NoPrivilege(text) => write!(f, "no privilege ({text})"),
            NotRun::NoTime => f.write_str("no time left"),
            NotRun::Off => f.write_str("not asked for"),
            NotRun::Failed(text) => f.write_str(text),
        }
    }
}

/// What did the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tool {
    /// Sockets of our own.
    BuiltIn,
    /// A program of the system, by its path.
    Program(String),
    NotRun(NotRun),
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tool::BuiltIn => f.write_str("built in"),
            Tool::Program(path) => f.write_str(path),
            Tool::NotRun(why) => write!(f, "not run: {why}"),
        }
    }
}

/// Echo requests and their replies. Times in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {
    pub sent: u32,
    pub received: u32,
    /// Per cent, rounded down.
    pub loss: u32,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub min_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub avg_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_us: Option<u64>,
}

impl Ping {
    /// Adds up: how many were sent, and the round-trip time of each reply in microseconds.
    pub fn of(sent: u32, times: &[u64]) -> Self {
        let received = u32::try_from(times.len()).unwrap_or(u32::MAX).min(sent);
        let lost = u64::from(sent - received) * 100;
        Ping {
            sent,
            received,
            loss: lost.checked_div(u64::from(sent)).unwrap_or(0) as u32,
            min_us: times.iter().min().copied(),
            avg_us: times.iter().sum::<u64>().checked_div(times.len() as u64),
            max_us: times.iter().max().copied(),
        }
    }
}

/// One step of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    pub ttl: u8,
    /// None: nobody answered for this step.
    pub address: Option<IpAddr>,
    pub rtt_us: Option<u64>,
}

/// One traced route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    pub target: IpAddr,
    /// Ascending; silent steps after the last answer are left out.
    pub hops: Vec<Hop>,
    /// The target answered.
    pub reached: bool,
    pub refusal: Option<Refusal>,
    pub tool: Tool,
    pub at: Timestamp,
}

impl Trace {
    /// The router through which the target's network was reached: the step before the target, where it
    /// answered. None where the target may be that router itself.
    pub fn last_router(&self) -> Option<IpAddr> {
        let [.., router, target] = self.hops.as_slice() else { return None };
        let adjacent = target.address == Some(self.target) && router.ttl + 1 == target.ttl;
        router.address.filter(|_| self.reached && adjacent && !path::may_be_gateway(self.target))
    }
}

/// Which trace the hops of a report come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inherited {
    /// The address that was traced.
    pub from: IpAddr,
    pub at: Timestamp,
    /// It stands in the same network; else it is the nearest that was traced, and the last steps may differ.
    pub same_network: bool,
}

/// What diagnostics found of one computer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// As it was asked for.
    pub host: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub address: Option<IpAddr>,
    pub finding: Finding,
    pub reason: Reason,
    /// None: not run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ping: Option<Ping>,
    pub ping_tool: Tool,
    pub hops: Vec<Hop>,
    pub route_tool: Tool,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub inherited_from: Option<Inherited>,
    /// What answered last on the way; the computer itself where it is up.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_answering: Option<IpAddr>,
    /// Found at this time; earlier than asked where it was remembered.
    pub at: Timestamp,
    /// What else a reader must know.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub notes: Vec<String>,
}

/// What diagnostics found of a crossing's device and of its intermediate server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    pub device: Report,
    pub server: Option<Report>,
}

/// Whether diagnostics were asked, and what they said. *Not asked* is never *down*.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Diagnostics {
    #[default]
    NotAsked,
    /// Why not: switched off, or a clock that was set by hand. Never speaks against a ticket.
    NotRun(String),
    Asked(Box<Diagnosis>),
}

impl Diagnostics {
    /// The findings of device and intermediate server, as the finding table asks for them.
    pub fn findings(&self) -> (Option<Finding>, Option<Finding>) {
        match self {
            Diagnostics::NotAsked | Diagnostics::NotRun(_) => (None, None),
            Diagnostics::Asked(both) => {
                (Some(both.device.finding), both.server.as_ref().map(|server| server.finding))
            }
        }
    }
}

/// Everything that was seen of one computer that has an address.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    pub address: IpAddr,
    pub ping: &'a Ping,
    pub refusal: Option<Refusal>,
    /// An address of its network that answered.
    pub neighbour: Option<IpAddr>,
    /// No router lies between.
    pub on_link: bool,
    /// The route was traced, for it or for its network.
    pub traced: bool,
    pub hops: &'a [Hop],
    /// The last router on the way when its network was last reached.
    pub last_router: Option<IpAddr>,
    /// A router that refused a request into its network.
    pub refuser: Option<IpAddr>,
}

/// The finding of what was seen; see the head of this file.
pub fn judge(seen: &Seen<'_>) -> (Finding, Reason) {
    if seen.ping.received > 0 {
        return (Finding::Up, Reason::Answered);
    }
    let reason = seen.refusal.map_or(Reason::Timeout, Reason::Refused);
    let itself = seen.refusal.is_some_and(|refusal| refusal.by == Some(seen.address));
    let kind = seen.refusal.map(|refusal| refusal.kind);
    if itself && kind.is_some_and(|kind| matches!(kind, RefusalKind::Prohibited | RefusalKind::Closed)) {
        return (Finding::Up, reason);
    }
    let answered = |address: IpAddr| seen.hops.iter().any(|hop| hop.address == Some(address));
    let way_answers = seen.neighbour.is_some() || seen.on_link || seen.last_router.is_some_and(answered);
    let finding = match kind {
        Some(RefusalKind::Prohibited | RefusalKind::Closed | RefusalKind::Other(_)) => Finding::Unknown,
        Some(
            RefusalKind::NoRoute | RefusalKind::NetUnreachable | RefusalKind::Loop | RefusalKind::BlackHole,
        ) => Finding::Network,
        Some(RefusalKind::HostUnreachable) | None if way_answers => Finding::Down,
        Some(RefusalKind::HostUnreachable) => Finding::Network,
        None if seen.hops.iter().any(|hop| hop.address.is_some()) => Finding::Network,
        None if seen.traced && seen.last_router.is_some() => Finding::Network,
        None => Finding::Unknown,
    };
    (finding, reason)
}

/// The last address on the way that answered.
pub fn last_answering(seen: &Seen<'_>) -> Option<IpAddr> {
    if seen.ping.received > 0 {
        return Some(seen.address);
    }
    let hop = seen.hops.iter().rev().filter_map(|hop| hop.address).find(|a| *a != seen.address);
    let own = seen.refusal.and_then(|refusal| refusal.by);
    seen.neighbour.or(own).or(seen.refuser).or(hop)
}
