//! Which computers share a path, and when the next trace may start.
//!
//! In: addresses, and times in milliseconds. Out: names of networks, nearness, turns. It sends nothing.
//!
//! A router with Linux defaults answers a burst of six traces from one machine, then one a second
//! (`icmp_ratelimit`), and every trace of a machine goes through the same first router: one path is traced
//! once, and all traces of all processes keep one pace.

use std::net::IpAddr;

/// Traces that may start at once.
const BURST: i64 = 4;
/// Milliseconds between traces after the burst.
const STEP: i64 = 1000;

/// The network of an address by which paths are shared: /24, for IPv6 /64.
pub fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(v6) => {
            let bits = v6.to_bits() & !u128::from(u64::MAX);
            format!("{}/64", std::net::Ipv6Addr::from_bits(bits))
        }
    }
}

/// Where gateways of an address's network commonly stand: its first and last address, the address left out.
pub fn gateways(address: IpAddr) -> Vec<IpAddr> {
    let candidates: Vec<IpAddr> = match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            [1, 254].map(|d| IpAddr::from([a, b, c, d])).to_vec()
        }
        IpAddr::V6(v6) => {
            let bits = v6.to_bits() & !u128::from(u64::MAX);
            vec![IpAddr::from(std::net::Ipv6Addr::from_bits(bits | 1))]
        }
    };
    candidates.into_iter().filter(|candidate| *candidate != address).collect()
}

/// Whether an address stands where gateways commonly stand in its network.
pub fn may_be_gateway(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => matches!(v4.octets()[3], 1 | 254),
        IpAddr::V6(v6) => v6.to_bits() as u64 == 1,
    }
}

/// Leading bits two addresses have in common; 0 for different families.
pub fn nearness(a: IpAddr, b: IpAddr) -> u32 {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        _ => 0,
    }
}

/// Whether two addresses are near enough for the silence behind one to say something of the other: the same /16,
/// for IPv6 the same /48, as sites are numbered.
pub fn is_near(a: IpAddr, b: IpAddr) -> bool {
    nearness(a, b) >= if a.is_ipv4() { 16 } else { 48 }
}

/// Whether an address can be that of one computer to ask: not unspecified, multicast or broadcast, and not of one
/// link only (`fe80::`), which means nothing without its interface.
pub fn is_one_computer(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast() || v4.octets()[0] == 0);
    let link = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    !(link || address.is_unspecified() || address.is_multicast() || broadcast)
}

/// May a trace start at `now`? `Ok` holds the pace to keep from then on, `Err` the milliseconds to wait.
/// `pace` is 0 in the beginning; one far in the future (the clock was set back) counts as none.
pub fn turn(pace: i64, now: i64) -> Result<i64, i64> {
    let pace = if pace > now + 60_000 { now } else { pace.max(now) };
    let wait = pace - now - (BURST - 1) * STEP;
    if wait > 0 { Err(wait) } else { Ok(pace + STEP) }
}
