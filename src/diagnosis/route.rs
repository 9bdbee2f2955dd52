//! Traces a route (trippy-core). The one file that knows that crate.
//!
//! In: an address. Out: hops. A tracer reads every ICMP packet that comes to this machine and knows its own by
//! an identifier, so that no two of one moment may share it.

use super::finding::{Hop, NotRun, Refusal, RefusalKind};
use super::parse::{self, MOST_HOPS, Steps};
use super::ping::own_refusal;
use std::io;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use trippy_core::{Builder, Error, IcmpPacketType, ProbeStatus, Round};

/// Silent steps after which a trace goes no further: a router answers six in a burst.
const AHEAD: u8 = 5;
/// Waiting for what comes back after the target has answered.
const GRACE: Duration = Duration::from_millis(50);

static TRACES: AtomicU16 = AtomicU16::new(0);

/// Traces of processes with neighbouring numbers, up to 32 each before one repeats, have different identifiers;
/// 0 is everybody's, and the process number itself is that of our pings.
fn identifier() -> u16 {
    let own = std::process::id() as u16;
    let next = TRACES.fetch_add(1, Ordering::Relaxed) % 31 + 1;
    match own.wrapping_mul(32).wrapping_add(next) {
        0 => u16::MAX,
        taken if taken == own => own ^ 0x8000,
        free => free,
    }
}

/// Traces the route to one address; silent ends cost `longest`.
pub(super) fn trace(address: IpAddr, longest: Duration) -> Result<Steps, NotRun> {
    let tracer = Builder::new(address)
        .trace_identifier(identifier())
        .max_rounds(Some(1))
        .max_ttl(MOST_HOPS)
        .max_inflight(AHEAD)
        .min_round_duration(Duration::from_millis(100))
        .max_round_duration(longest)
        .grace_duration(GRACE)
        .build()
        .map_err(|e| NotRun::Failed(e.to_string()))?;
    let steps = Mutex::new(Steps::default());
    let ran = tracer.run_with(|round| {
        if let Ok(mut steps) = steps.lock() {
            *steps = read(round, address);
        }
    });
    match ran {
        Ok(()) => Ok(steps.into_inner().unwrap_or_default()),
        Err(error) => refused(error),
    }
}

fn read(round: &Round<'_>, address: IpAddr) -> Steps {
    let mut steps = Steps::default();
    for probe in round.probes {
        let hop = match probe {
            ProbeStatus::Complete(done) => {
                if let IcmpPacketType::Unreachable(code) = done.icmp_packet_type {
                    let kind = match address {
                        IpAddr::V4(_) => RefusalKind::of_v4(code.0),
                        IpAddr::V6(_) => RefusalKind::of_v6(code.0),
                    };
                    steps.refusal = Some(Refusal { kind, by: Some(done.host) });
                }
                let rtt = done.received.duration_since(done.sent).unwrap_or_default();
                let rtt_us = u64::try_from(rtt.as_micros()).ok();
                Hop { ttl: done.ttl.0, address: Some(done.host), rtt_us }
            }
            ProbeStatus::Awaited(probe) => Hop { ttl: probe.ttl.0, address: None, rtt_us: None },
            ProbeStatus::Failed(probe) => Hop { ttl: probe.ttl.0, address: None, rtt_us: None },
            ProbeStatus::NotSent | ProbeStatus::Skipped => continue,
        };
        steps.hops.push(hop);
        steps.reached |= hop.address == Some(address);
        if steps.reached || steps.refusal.is_some() {
            break;
        }
    }
    parse::trim(&mut steps.hops);
    steps
}

/// The kernel's own refusal is an answer; a missing right is none.
fn refused(error: Error) -> Result<Steps, NotRun> {
    let text = error.to_string();
    // The crate shows its input and output errors by their texts only.
    let number = text.rsplit_once("(os error ").and_then(|(_, rest)| rest.split(')').next()?.parse().ok());
    let known = number.map(io::Error::from_raw_os_error);
    let opened = !text.contains("create new socket");
    match (error, known) {
        (Error::PrivilegeError(_), _) => Err(NotRun::NoPrivilege(text)),
        (_, Some(io)) if io.kind() == io::ErrorKind::PermissionDenied && !opened => {
            Err(NotRun::NoPrivilege(text))
        }
        (_, Some(io)) => match own_refusal(&io) {
            Some(kind) => Ok(Steps { refusal: Some(Refusal { kind, by: None }), ..Steps::default() }),
            None if io.kind() == io::ErrorKind::PermissionDenied => Err(NotRun::NoPrivilege(text)),
            None => Err(NotRun::Failed(text)),
        },
        _ => Err(NotRun::Failed(text)),
    }
}
