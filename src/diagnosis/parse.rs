//! What the system's ping and traceroute print, and the kernel's routing table, read strictly.
//!
//! In: bounded text of iputils' ping and of Linux traceroute in the C locale. Out: the same as our own sockets
//! give. A line that does not fit what was asked makes the whole output worthless: it is then *not run*, never
//! *down*.

use super::finding::{Hop, Refusal, RefusalKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest output that is read.
pub const MOST_OUTPUT: usize = 64 << 10;
/// Steps of a route.
pub const MOST_HOPS: u8 = 30;
/// A round-trip time above this is no time but a forgery, in microseconds.
const LONGEST_RTT: u64 = 3_600_000_000;

/// What a ping of one computer gave: the times of its replies in microseconds, and a refusal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replies {
    pub times: Vec<u64>,
    pub refusal: Option<Refusal>,
}

/// What a trace gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Steps {
    pub hops: Vec<Hop>,
    pub reached: bool,
    pub refusal: Option<Refusal>,
}

/// Reads what `ping -n -c COUNT -- ADDRESS` printed on standard output and on standard error.
///
/// # Errors
/// The first line that was not understood, or what the tool says it could not do.
pub fn ping(out: &str, err: &str, address: IpAddr, count: u32) -> Result<Replies, String> {
    let mut replies = Replies::default();
    let mut seen = Vec::new();
    let mut totals = None;
    for line in out.lines() {
        if line.trim().is_empty() || line.starts_with("PING ") || line.starts_with("---") {
            continue;
        }
        if line.starts_with("rtt ") || line.starts_with("pipe ") {
            continue;
        }
        if let Some(rest) = line.split_once(" bytes from ").map(|(_, rest)| rest) {
            let (from, sequence, time) = reply(rest).ok_or_else(|| not_understood(line))?;
            if from != address || !(1..=count).contains(&sequence) {
                return Err(not_understood(line));
            }
            // A reply that came twice counts once.
            if !seen.contains(&sequence) {
                seen.push(sequence);
                replies.times.push(time);
            }
        } else if let Some(rest) = line.strip_prefix("From ") {
            replies.refusal = Some(refusal(rest).ok_or_else(|| not_understood(line))?);
        } else if let Some((sent, rest)) = line.split_once(" packets transmitted, ") {
            let received = rest.split(' ').next().and_then(|n| n.parse::<usize>().ok());
            totals = sent.parse::<u32>().ok().zip(received);
            if totals.is_none() {
                return Err(not_understood(line));
            }
        } else {
            return Err(not_understood(line));
        }
    }
    if let Some(complaint) = err.lines().find(|line| !line.trim().is_empty()) {
        match local_refusal(complaint) {
            Some(kind) => replies.refusal = Some(Refusal { kind, by: None }),
            None if replies.times.is_empty() => return Err(complaint.trim().to_owned()),
            None => {}
        }
    }
    match totals {
        Some((sent, received)) if sent <= count && received == replies.times.len() => Ok(replies),
        None if replies.refusal.is_some_and(|r| r.by.is_none()) && replies.times.is_empty() => Ok(replies),
        Some(_) => Err("the totals do not agree with the replies".to_owned()),
        None => Err("the output ends without its totals".to_owned()),
    }
}

/// `10.1.1.1: icmp_seq=1 ttl=64 time=0.045 ms`.
fn reply(rest: &str) -> Option<(IpAddr, u32, u64)> {
    let (from, rest) = rest.split_once(": ")?;
    let mut words = rest.split(' ');
    let sequence = words.next()?.strip_prefix("icmp_seq=")?.parse().ok()?;
    let time = words.find_map(|word| word.strip_prefix("time="))?;
    (words.next()? == "ms").then_some(())?;
    Some((from.parse().ok()?, sequence, microseconds(time)?))
}

/// Milliseconds with at most three decimals, as microseconds.
fn microseconds(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > 3 {
        return None;
    }
    let part: u64 = if part.is_empty() { 0 } else { format!("{part:0<3}").parse().ok()? };
    whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(part).filter(|us| *us < LONGEST_RTT)
}

/// `10.77.3.2 icmp_seq=1 Destination Host Unreachable`.
fn refusal(rest: &str) -> Option<Refusal> {
    let (by, rest) = rest.split_once(' ')?;
    let by = by.trim_end_matches(':').parse().ok()?;
    let (sequence, what) = rest.split_once(' ')?;
    sequence.strip_prefix("icmp_seq=")?.parse::<u32>().ok()?;
    let kind = match what.trim() {
        "Destination Host Unreachable"
        | "Destination Host Unknown"
        | "Destination Host Unreachable for Type Of Service"
        | "Destination Host Isolated"
        | "Source Host Isolated"
        | "Destination unreachable: Address unreachable" => RefusalKind::HostUnreachable,
        "Destination Net Unreachable"
        | "Destination Net Unknown"
        | "Destination Net Unreachable for Type Of Service"
        | "Destination unreachable: No route" => RefusalKind::NetUnreachable,
        "Destination Net Prohibited"
        | "Destination Host Prohibited"
        | "Packet filtered"
        | "Destination unreachable: Administratively prohibited"
        | "Destination unreachable: Failed policy"
        | "Destination unreachable: Source address failed ingress/egress policy"
        | "Destination unreachable: Reject route" => RefusalKind::Prohibited,
        "Destination Port Unreachable"
        | "Destination Protocol Unreachable"
        | "Destination unreachable: Port unreachable" => RefusalKind::Closed,
        "Time to live exceeded" | "Time exceeded: Hop limit" => RefusalKind::Loop,
        other => {
            let code = other.strip_prefix("Dest Unreachable, Bad Code: ")?;
            RefusalKind::Other(code.parse().ok()?)
        }
    };
    Some(Refusal { kind, by: Some(by) })
}

/// What the kernel of this machine said, from a tool's standard error.
fn local_refusal(line: &str) -> Option<RefusalKind> {
    let said = |text: &str| line.trim_end().ends_with(text);
    if said(": Network is unreachable") {
        Some(RefusalKind::NoRoute)
    } else if said(": No route to host") {
        Some(RefusalKind::HostUnreachable)
    } else if said(": Invalid argument") {
        Some(RefusalKind::BlackHole)
    } else if line.contains("Do you want to ping broadcast?") {
        // What iputils makes of EACCES.
        Some(RefusalKind::Prohibited)
    } else if said(": Permission denied") && (line.contains("connect") || line.contains("send")) {
        Some(RefusalKind::Prohibited)
    } else {
        None
    }
}

/// Reads what `traceroute -n -q 1 -- ADDRESS` printed on standard output and on standard error.
///
/// # Errors
/// The first line that was not understood, or what the tool says it could not do.
pub fn traceroute(out: &str, err: &str, address: IpAddr) -> Result<Steps, String> {
    let mut steps = Steps::default();
    for (index, line) in out.lines().filter(|line| !line.trim().is_empty()).enumerate() {
        if index == 0 && line.starts_with("traceroute to ") {
            continue;
        }
        let (hop, refusal) = step(line).ok_or_else(|| not_understood(line))?;
        let expected = steps.hops.last().map_or(1, |last| last.ttl + 1);
        if hop.ttl != expected || hop.ttl > MOST_HOPS {
            return Err(not_understood(line));
        }
        steps.reached |= hop.address == Some(address);
        steps.hops.push(hop);
        if refusal.is_some() && !steps.reached {
            steps.refusal = refusal;
        }
        if steps.reached || steps.refusal.is_some() {
            break;
        }
    }
    if steps.hops.is_empty() {
        let complaint = err.lines().find(|line| !line.trim().is_empty());
        return match complaint.and_then(local_refusal) {
            Some(kind) => Ok(Steps { refusal: Some(Refusal { kind, by: None }), ..Steps::default() }),
            None => Err(complaint.unwrap_or("no output").trim().to_owned()),
        };
    }
    trim(&mut steps.hops);
    Ok(steps)
}

/// ` 4  10.77.3.2  0.045 ms !H`, ` 5  *`.
fn step(line: &str) -> Option<(Hop, Option<Refusal>)> {
    let mut words = line.split_whitespace();
    let ttl = words.next()?.parse().ok()?;
    let address = words.next()?;
    if address == "*" {
        return words.next().is_none().then_some((Hop { ttl, address: None, rtt_us: None }, None));
    }
    let address: IpAddr = address.parse().ok()?;
    let rtt_us = Some(microseconds(words.next()?)?);
    (words.next()? == "ms").then_some(())?;
    let kind = match words.next() {
        None => None,
        Some("!H") => Some(RefusalKind::HostUnreachable),
        Some("!N") => Some(RefusalKind::NetUnreachable),
        Some("!X") => Some(RefusalKind::Prohibited),
        Some("!P") => Some(RefusalKind::Closed),
        Some(other) => Some(RefusalKind::Other(
            other.strip_prefix('!')?.trim_matches(['<', '>']).parse().unwrap_or(u8::MAX),
        )),
    };
    words.next().is_none().then_some(())?;
    Some((Hop { ttl, address: Some(address), rtt_us }, kind.map(|kind| Refusal { kind, by: Some(address) })))
}

/// Leaves out silent steps at the end, and repeats of one address.
pub fn trim(hops: &mut Vec<Hop>) {
    hops.dedup_by(|next, hop| next.address.is_some() && next.address == hop.address);
    while hops.last().is_some_and(|hop| hop.address.is_none()) {
        hops.pop();
    }
}

fn not_understood(line: &str) -> String {
    format!("output not understood: {}", line.chars().take(80).collect::<String>())
}

/// Whether the way to an address leads through no router, by the text of `/proc/net/route` or
/// `/proc/net/ipv6_route`: its narrowest route has no gateway. Without any route: no.
pub fn is_on_link(address: IpAddr, table: &str) -> bool {
    let routes = table.lines().filter_map(|line| match address {
        IpAddr::V4(v4) => route_v4(line, v4),
        IpAddr::V6(v6) => route_v6(line, v6),
    });
    routes.max_by_key(|(length, _)| *length).is_some_and(|(_, direct)| direct)
}

/// Length of the prefix, and whether the route has no gateway; None where it does not hold for the address.
fn route_v4(line: &str, address: Ipv4Addr) -> Option<(u32, bool)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |index: usize| words.get(index).and_then(|w| u32::from_str_radix(w, 16).ok());
    // Addresses stand there as the machine keeps them in memory.
    let (net, gateway, mask) = (number(1)?, number(2)?, number(7)?);
    let own = u32::from_ne_bytes(address.octets());
    let up = number(3)? & 1 == 1 && number(3)? & 0x200 == 0;
    (up && own & mask == net).then_some((mask.count_ones(), gateway == 0))
}

fn route_v6(line: &str, address: Ipv6Addr) -> Option<(u32, bool)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |index: usize| words.get(index).and_then(|w| u128::from_str_radix(w, 16).ok());
    let (net, length, gateway, flags) = (number(0)?, number(1)? as u32, number(4)?, number(8)?);
    let mask = if length == 0 { 0 } else { u128::MAX << (128 - length.min(128)) };
    let up = flags & 1 == 1 && flags & 0x200 == 0;
    (up && address.to_bits() & mask == net).then_some((length, gateway == 0))
}
