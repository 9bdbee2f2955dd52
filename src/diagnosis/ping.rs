//! Echo requests through one ICMP socket per address family (surge-ping).
//!
//! In: addresses. Out: for each the times of its replies, or a refusal. The one tokio island of the house: a
//! runtime on this thread, gone when all replies are in.

use super::finding::{NotRun, Refusal, RefusalKind};
use super::parse::Replies;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use surge_ping::{Client, Config, ICMP, IcmpPacket, PingIdentifier, PingSequence, SurgeError};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

/// Requests sent before replies are taken in: a socket's buffer holds 256 replies, and what it cannot hold is
/// lost like a dead host.
const TOGETHER: usize = 48;
/// Between two requests to one address.
const INTERVAL: Duration = Duration::from_millis(200);
const PAYLOAD: [u8; 56] = [0x61; 56];

/// How requests are sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Requests {
    pub(super) count: u32,
    pub(super) timeout: Duration,
    /// All of it ends then.
    pub(super) limit: Duration,
}

/// What came back from each address; those for whose family no socket could be opened are missing, and said.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) found: Vec<(IpAddr, Result<Replies, NotRun>)>,
    /// Families without a socket: true for IPv4.
    pub(super) refused: HashMap<bool, NotRun>,
}

/// Whether an ICMP socket can be opened; raw or, within `ping_group_range`, of datagrams.
pub(super) fn permitted(v4: bool) -> io::Result<Type> {
    let (domain, protocol) =
        if v4 { (Domain::IPV4, Protocol::ICMPV4) } else { (Domain::IPV6, Protocol::ICMPV6) };
    Socket::new(domain, Type::RAW, Some(protocol))
        .map(|_| Type::RAW)
        .or_else(|_| Socket::new(domain, Type::DGRAM, Some(protocol)).map(|_| Type::DGRAM))
}

/// Whether an address is one of this machine's own.
fn is_ours(address: IpAddr) -> bool {
    let domain = if address.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    Socket::new(domain, Type::DGRAM, None)
        .and_then(|socket| socket.bind(&SockAddr::from(SocketAddr::new(address, 0))))
        .is_ok()
}

/// Pings all addresses at once.
pub(super) fn ping(addresses: &[IpAddr], requests: Requests) -> Answers {
    let mut answers = Answers::default();
    let runtime = match Builder::new_current_thread().enable_io().enable_time().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            let why = NotRun::Failed(e.to_string());
            answers.found.extend(addresses.iter().map(|address| (*address, Err(why.clone()))));
            return answers;
        }
    };
    let mut clients = HashMap::new();
    for v4 in [true, false] {
        if addresses.iter().any(|address| address.is_ipv4() == v4) {
            match open(&runtime, v4) {
                Ok(client) => {
                    clients.insert(v4, client);
                }
                Err(why) => {
                    answers.refused.insert(v4, why);
                }
            }
        }
    }
    let asked: Vec<IpAddr> =
        addresses.iter().copied().filter(|address| clients.contains_key(&address.is_ipv4())).collect();
    // As a task, not as the runtime's own future: waking that one costs a system call for each reply.
    let found = runtime.block_on(async { tokio::spawn(all(asked.clone(), clients, requests)).await });
    let found = found.unwrap_or_else(|e| vec![Err(NotRun::Failed(e.to_string())); asked.len()]);
    answers.found = asked.into_iter().zip(found).collect();
    answers
}

fn open(runtime: &Runtime, v4: bool) -> Result<Client, NotRun> {
    let kind = if v4 { ICMP::V4 } else { ICMP::V6 };
    // Raw first: refusals of routers do not reach a socket of datagrams.
    let config = Config::builder().kind(kind).sock_type_hint(Type::RAW).build();
    let _inside = runtime.enter();
    Client::new(&config).map_err(|e| {
        let text = e.to_string().lines().next().unwrap_or_default().to_owned();
        match e.kind() {
            io::ErrorKind::PermissionDenied => NotRun::NoPrivilege(text),
            _ => NotRun::Failed(text),
        }
    })
}

/// What came back, in the order of the addresses.
async fn all(
    addresses: Vec<IpAddr>,
    clients: HashMap<bool, Client>,
    requests: Requests,
) -> Vec<Result<Replies, NotRun>> {
    let end = Instant::now() + requests.limit;
    // Unlike that of any other process now, and unlike those of our traces.
    let identifier = PingIdentifier(std::process::id() as u16);
    let mut tasks: JoinSet<(usize, Result<Reply, NotRun>)> = JoinSet::new();
    let mut found = vec![Ok(Replies::default()); addresses.len()];
    // A timer that is due before all others: without one, each of theirs costs a system call.
    let first = Instant::now() + requests.timeout.mul_f32(0.9);
    tokio::spawn(sleep_until(first));
    for round in 0..requests.count {
        let begun = Instant::now();
        for (index, address) in addresses.iter().copied().enumerate() {
            let Some(client) = clients.get(&address.is_ipv4()).cloned() else { continue };
            tasks.spawn(async move {
                let mut pinger = client.pinger(address, identifier).await;
                pinger.timeout(requests.timeout);
                (index, read(pinger.ping(PingSequence(round as u16), &PAYLOAD).await))
            });
            if index % TOGETHER == TOGETHER - 1 {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
                while let Some(done) = tasks.try_join_next() {
                    take(&mut found, done);
                }
            }
        }
        if round + 1 < requests.count {
            sleep_until((begun + INTERVAL).min(end)).await;
        }
    }
    while let Ok(Some(done)) = timeout_at(end, tasks.join_next()).await {
        take(&mut found, done);
    }
    for refusal in found.iter_mut().filter_map(|replies| replies.as_mut().ok()?.refusal.as_mut()) {
        refusal.by = refusal.by.filter(|by| !is_ours(*by));
    }
    found
}

type Done = Result<(usize, Result<Reply, NotRun>), tokio::task::JoinError>;

/// Adds what one request came to.
fn take(found: &mut [Result<Replies, NotRun>], done: Done) {
    let Ok((index, reply)) = done else { return };
    let entry = &mut found[index];
    match (reply, &mut *entry) {
        (Ok(Reply::Answer(us)), Ok(replies)) => replies.times.push(us),
        (Ok(Reply::Answer(us)), Err(_)) => *entry = Ok(Replies { times: vec![us], refusal: None }),
        (Ok(Reply::Refused(refusal)), Ok(replies)) => replies.refusal = Some(refusal),
        (Ok(Reply::Refused(_) | Reply::Nothing), _) => {}
        // One that could not be sent says nothing where another was answered.
        (Err(why), Ok(replies)) if replies.times.is_empty() && replies.refusal.is_none() => *entry = Err(why),
        (Err(_), _) => {}
    }
}

/// What one request came to; times in microseconds.
enum Reply {
    Answer(u64),
    Refused(Refusal),
    Nothing,
}

fn read(result: Result<(IcmpPacket, Duration), SurgeError>) -> Result<Reply, NotRun> {
    let time = |rtt: Duration| u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX);
    match result {
        // An answer is not yet a reply: refusals come the same way.
        Ok((IcmpPacket::V4(packet), rtt)) => {
            let by = Some(IpAddr::V4(packet.get_source()));
            Ok(match (packet.get_icmp_type().0, packet.get_icmp_code().0) {
                (0, _) => Reply::Answer(time(rtt)),
                (3, code) => Reply::Refused(Refusal { kind: RefusalKind::of_v4(code), by }),
                (11, _) => Reply::Refused(Refusal { kind: RefusalKind::Loop, by }),
                _ => Reply::Nothing,
            })
        }
        Ok((IcmpPacket::V6(packet), rtt)) => {
            let by = Some(IpAddr::V6(packet.get_source()));
            Ok(match (packet.get_icmpv6_type().0, packet.get_icmpv6_code().0) {
                (129, _) => Reply::Answer(time(rtt)),
                (1, code) => Reply::Refused(Refusal { kind: RefusalKind::of_v6(code), by }),
                (3, _) => Reply::Refused(Refusal { kind: RefusalKind::Loop, by }),
                _ => Reply::Nothing,
            })
        }
        Err(SurgeError::Timeout { .. }) => Ok(Reply::Nothing),
        Err(SurgeError::IOError(e)) => match own_refusal(&e) {
            Some(kind) => Ok(Reply::Refused(Refusal { kind, by: None })),
            None => Err(NotRun::Failed(format!("an echo request could not be sent: {e}"))),
        },
        Err(other) => Err(NotRun::Failed(other.to_string())),
    }
}

/// What the kernel of this machine says of a way it will not take.
pub(super) fn own_refusal(error: &io::Error) -> Option<RefusalKind> {
    let is = |errno: rustix::io::Errno| error.raw_os_error() == Some(errno.raw_os_error());
    if is(rustix::io::Errno::HOSTUNREACH) {
        Some(RefusalKind::HostUnreachable)
    } else if is(rustix::io::Errno::NETUNREACH) {
        Some(RefusalKind::NoRoute)
    } else if is(rustix::io::Errno::ACCESS) {
        Some(RefusalKind::Prohibited)
    } else if is(rustix::io::Errno::INVAL) {
        Some(RefusalKind::BlackHole)
    } else {
        None
    }
}
