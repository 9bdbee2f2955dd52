//! Whether a TCP port of computers is open, asked of all of them within one limit.
//!
//! In: targets, a port, limits. Out: for each in order what came of it. What could not be asked is never `down`. Nothing
//! is sent: a connection that stands is closed again.

use super::finding::{NotRun, Reason};
use super::path;
use super::resolve::{is_name, resolve};
use super::{Limits, Target};
use std::fmt;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Connections that are tried at once.
const AT_ONCE: usize = 64;

/// What came of one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Port {
    Open,
    /// The computer is there, and nobody listens.
    Closed,
    /// Nothing came back in time.
    Silent,
    /// The way to it is broken: what the system said.
    Unreachable(String),
    /// It was not asked.
    NotRun(Reason),
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Port::Open => f.write_str("open"),
            Port::Closed => f.write_str("closed"),
            Port::Silent => f.write_str("nothing came back in time"),
            Port::Unreachable(text) => write!(f, "unreachable: {text}"),
            Port::NotRun(reason) => write!(f, "not asked: {reason}"),
        }
    }
}

/// Tries the port of each target; the whole takes no longer than `limits.whole`, one no longer than `limits.timeout`.
#[expect(clippy::disallowed_methods, reason = "an edge: it waits")]
pub fn connect(targets: &[Target], port: u16, limits: &Limits) -> Vec<Port> {
    let end = Instant::now() + limits.whole;
    let open = |target: &&Target| is_name(&target.host) && target.host.parse::<IpAddr>().is_err();
    let names: Vec<&str> = targets.iter().filter(open).map(|target| target.host.as_str()).collect();
    let limit = limits.names.min(limits.whole.saturating_sub(limits.timeout));
    let found = if names.is_empty() { Default::default() } else { resolve(&names, limit) };
    let mut ports = vec![Port::NotRun(Reason::NotRun(NotRun::NoTime)); targets.len()];
    let mut queue: Vec<(usize, Vec<IpAddr>)> = Vec::new();
    for (at, target) in targets.iter().enumerate() {
        let own = target.host.parse::<IpAddr>().ok().filter(|address| path::is_one_computer(*address));
        let resolved = found.get(&target.host).cloned().unwrap_or(Err(Reason::NotAName));
        let known = target.address.filter(|address| path::is_one_computer(*address));
        match own.map_or(resolved, |address| Ok(vec![address])) {
            Ok(addresses) => queue.push((at, addresses)),
            Err(_) if known.is_some() => queue.push((at, known.into_iter().collect())),
            Err(reason) => ports[at] = Port::NotRun(reason),
        }
    }
    let left = queue.len();
    let (to, from) = mpsc::channel();
    let queue = Arc::new(Mutex::new(queue));
    let timeout = limits.timeout;
    for _ in 0..left.min(AT_ONCE) {
        let (queue, to) = (Arc::clone(&queue), to.clone());
        // A thread that cannot start leaves its targets to the others, or to the limit.
        let _ = thread::Builder::new().stack_size(128 << 10).spawn(move || {
            while let Some((at, addresses)) = queue.lock().ok().and_then(|mut queue| queue.pop()) {
                let rest = end.saturating_duration_since(Instant::now());
                if rest.is_zero() || to.send((at, one(&addresses, port, timeout.min(rest)))).is_err() {
                    return;
                }
            }
        });
    }
    drop(to);
    for _ in 0..left {
        let Ok((at, answer)) = from.recv_timeout(end.saturating_duration_since(Instant::now())) else {
            break;
        };
        ports[at] = answer;
    }
    if let Ok(mut queue) = queue.lock() {
        queue.clear();
    }
    ports
}

/// Of several addresses the best answer.
fn one(addresses: &[IpAddr], port: u16, timeout: Duration) -> Port {
    let mut best = Port::NotRun(Reason::NotAName);
    for address in addresses {
        let answer = match TcpStream::connect_timeout(&SocketAddr::new(*address, port), timeout) {
            Ok(_) => return Port::Open,
            Err(e) => match e.kind() {
                ErrorKind::ConnectionRefused => Port::Closed,
                ErrorKind::TimedOut | ErrorKind::WouldBlock => Port::Silent,
                _ => Port::Unreachable(e.to_string()),
            },
        };
        if best != Port::Closed {
            best = answer;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn limits() -> Limits {
        Limits {
            now: jiff::Timestamp::UNIX_EPOCH,
            whole: Duration::from_secs(10),
            names: Duration::from_secs(2),
            timeout: Duration::from_secs(5),
            count: 1,
            cache: Duration::ZERO,
            route: false,
            folders: Vec::new(),
        }
    }

    #[test]
    fn an_open_port_is_open_a_closed_one_closed_and_what_is_no_computer_was_not_asked() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let targets = ["127.0.0.1", "-l", "127.0.0.2"].map(Target::named);
        let known = Target { address: "127.0.0.1".parse().ok(), ..Target::named("no such name") };
        let ports = connect(&[&targets[..], &[known]].concat(), port, &limits());
        let no_name = Port::NotRun(Reason::NotAName);
        assert_eq!(ports, [Port::Open, no_name, Port::Closed, Port::Open]);
    }

    #[test]
    fn without_time_nothing_was_asked_and_nothing_is_down() {
        let limits = Limits { whole: Duration::ZERO, ..limits() };
        let ports = connect(&[Target::named("127.0.0.1")], 9, &limits);
        assert_eq!(ports, [Port::NotRun(Reason::NotRun(NotRun::NoTime))]);
    }
}
