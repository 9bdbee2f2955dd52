//! Names to addresses, with a limit.
//!
//! In: names. Out: addresses, or why there are none. `getaddrinfo` knows no time limit, so it runs in threads
//! that are left behind when time is up; they end by themselves.

use super::finding::Reason;
use super::path;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Threads that resolve at once.
const THREADS: usize = 16;

/// Whether a text can be the name of a computer: letters, digits, `-`, `_`, `.`, not `-` in front (RFC 1123, and
/// the underscore that sites use).
pub(super) fn is_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=253).contains(&text.len()) && !text.starts_with(['-', '.']) && text.bytes().all(fits)
}

/// The addresses of each name: at most the first of each family, in the order the system prefers.
#[expect(clippy::disallowed_methods, reason = "an edge: it waits")]
pub(super) fn resolve(names: &[&str], limit: Duration) -> HashMap<String, Result<Vec<IpAddr>, Reason>> {
    let mut found: HashMap<String, Result<Vec<IpAddr>, Reason>> = HashMap::new();
    let mut open: Vec<String> = Vec::new();
    for name in names {
        if !found.contains_key(*name) {
            found.insert((*name).to_owned(), Err(Reason::NameTimeout));
            open.push((*name).to_owned());
        }
    }
    let threads = open.len().min(THREADS);
    let left = open.len();
    let queue = Arc::new(Mutex::new(open));
    let (to, from) = mpsc::channel();
    for _ in 0..threads {
        let (queue, to) = (Arc::clone(&queue), to.clone());
        // A thread that cannot start leaves its names to the others, or to the limit.
        let _ = thread::Builder::new().stack_size(256 << 10).spawn(move || {
            while let Some(name) = queue.lock().ok().and_then(|mut queue| queue.pop()) {
                let addresses = look_up(&name);
                if to.send((name, addresses)).is_err() {
                    return;
                }
            }
        });
    }
    drop(to);
    let end = Instant::now() + limit;
    for _ in 0..left {
        match from.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok((name, addresses)) => found.insert(name, addresses),
            Err(_) => break,
        };
    }
    // What still waits is nobody's any more.
    if let Ok(mut queue) = queue.lock() {
        queue.clear();
    }
    found
}

fn look_up(name: &str) -> Result<Vec<IpAddr>, Reason> {
    let all: Vec<IpAddr> = (name, 0).to_socket_addrs().map_err(|e| reason(&e))?.map(|a| a.ip()).collect();
    let first = |v4: bool| all.iter().copied().find(|a| a.is_ipv4() == v4 && path::is_one_computer(*a));
    let mut addresses: Vec<IpAddr> = [first(false), first(true)].into_iter().flatten().collect();
    addresses.sort_by_key(|address| all.iter().position(|a| a == address));
    if addresses.is_empty() { Err(Reason::NotAName) } else { Ok(addresses) }
}

/// `getaddrinfo` tells its errors apart by texts only, which are those of the C locale: nobody sets another.
fn reason(error: &io::Error) -> Reason {
    let text = error.to_string();
    let said = |what: &str| text.contains(what);
    if said("Name or service not known") || said("No address associated with hostname") {
        Reason::NoSuchName
    } else if said("Temporary failure in name resolution") {
        Reason::NameTimeout
    } else {
        let text = text.rsplit(": ").next().unwrap_or(&text).to_owned();
        Reason::NameFailed(text)
    }
}
