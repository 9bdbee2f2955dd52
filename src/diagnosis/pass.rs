//! One pass of diagnostics over many computers, all at once and within one limit.
//!
//! In: targets, limits, what is shared with other passes. Out: one report per target, in order. Names are
//! resolved, all addresses pinged, then the networks of the silent ones asked for a neighbour that answers, then each
//! path traced once. What does not end in time is *not run*.

use super::finding::{
    Finding, Inherited, NotRun, Ping, Reason, Report, Seen, Tool, Trace, judge, last_answering,
};
use super::parse::{self, Replies, Steps};
use super::path;
use super::ping::{self, Requests};
use super::programs;
use super::resolve::{is_name, resolve};
use super::route;
use super::shared::{PathAsked, Shared, SharedError, Turn};
use crate::rules::findings::DiagnosisRules;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// A computer to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// A name, or an address in text.
    pub host: String,
    /// The address known of it, used where the name has none.
    pub address: Option<IpAddr>,
    /// What was found before then says nothing: an outage ended, a repair was told.
    pub not_before: Option<Timestamp>,
}

impl Target {
    /// A target known by name or address only.
    pub fn named(host: impl Into<String>) -> Self {
        Target { host: host.into(), address: None, not_before: None }
    }
}

/// How long, how often, and with what.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The time of the reports.
    pub now: Timestamp,
    /// The whole pass.
    pub whole: Duration,
    pub names: Duration,
    pub timeout: Duration,
    pub count: u32,
    /// How old what is remembered may be; zero: nothing is.
    pub cache: Duration,
    pub route: bool,
    /// Folders of the system's tools.
    pub folders: Vec<PathBuf>,
}

impl Limits {
    /// As the rules say.
    pub fn of(rules: &DiagnosisRules, now: Timestamp) -> Self {
        let seconds = |s: crate::rules::model::Seconds| Duration::from_secs(u64::try_from(s.0).unwrap_or(0));
        Limits {
            now: Timestamp::from_second(now.as_second()).unwrap_or(now),
            whole: seconds(rules.limit),
            names: seconds(rules.names),
            timeout: seconds(rules.timeout),
            count: rules.count,
            cache: seconds(rules.cache),
            route: rules.route,
            folders: programs::FOLDERS.map(PathBuf::from).to_vec(),
        }
    }
}

/// The longest a trace whose end is silent takes.
const TRACE: Duration = Duration::from_millis(1000);
/// The longest the system's traceroute may take.
const TRACEROUTE: Duration = Duration::from_millis(5500);
/// Left at the end of a pass for what is not yet said.
const MARGIN: Duration = Duration::from_millis(500);
/// System tools that run at once.
const TOOLS: usize = 12;

/// What is known of a target while the pass goes on.
struct Case {
    host: String,
    /// Candidates, best first; the error says why there is none.
    addresses: Result<Vec<IpAddr>, Reason>,
    remembered: Option<Box<Report>>,
    notes: Vec<String>,
}

/// The outcome of pinging one address.
#[derive(Clone)]
struct Pinged {
    tool: Tool,
    replies: Result<Replies, NotRun>,
}

/// What is known of the way to a network.
#[derive(Default)]
struct Way {
    /// Addresses of targets in it.
    targets: Vec<IpAddr>,
    /// One that answers, a target or a gateway.
    answers: Option<IpAddr>,
    on_link: bool,
    trace: Option<Trace>,
    inherited: bool,
    failed: Option<NotRun>,
    last_router: Option<IpAddr>,
    /// A router that refused a request into it.
    refuser: Option<IpAddr>,
}

/// Asks after all targets; see the head of this file. Never longer than `limits.whole`, but for what ends at once.
#[expect(
    clippy::disallowed_methods,
    reason = "an edge: it waits, and paces traces by the clock of the machine"
)]
pub fn diagnose(targets: &[Target], limits: &Limits, shared: &mut dyn Shared) -> Vec<Report> {
    let begun = Instant::now();
    let end = begun + limits.whole;
    let began = milliseconds();
    let mut trouble = None;
    let mut cases = named(targets, limits, shared, &mut trouble);
    let wanted: Vec<IpAddr> = addresses(&cases);
    let mut pinged = ping_all(&wanted, limits, end, limits.count);
    let mut ways: BTreeMap<String, Way> = BTreeMap::new();
    if limits.route {
        ways = networks(&wanted, &pinged);
        ask_gateways(&mut ways, limits, end, &mut pinged);
        trace_all(&mut ways, limits, end, began, shared, &mut trouble);
    }
    for way in ways.values_mut() {
        way.refuser = refuser(way, &pinged);
    }
    let mut fresh = Vec::new();
    let mut reports = Vec::with_capacity(cases.len());
    for case in &mut cases {
        let report = match case.remembered.take() {
            Some(report) => *report,
            None => {
                let report = report(case, limits, &pinged, &ways, trouble.as_deref());
                if !limits.cache.is_zero() && is_worth_keeping(&report) {
                    fresh.push(report.clone());
                }
                report
            }
        };
        reports.push(report);
    }
    if !fresh.is_empty() {
        // A finding that cannot be kept is asked for again: nothing to say.
        let _ = shared.keep_reports(&fresh);
    }
    reports
}

/// Whether a repeat within the cache time may be answered with it: only what really ran.
fn is_worth_keeping(report: &Report) -> bool {
    report.ping.is_some() && !matches!(report.route_tool, Tool::NotRun(NotRun::NoTime | NotRun::Off))
}

#[expect(clippy::disallowed_methods, reason = "an edge: traces of several processes keep one pace")]
fn milliseconds() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Keeps the first trouble with what is shared, and goes on without.
fn tried<T>(result: Result<T, SharedError>, trouble: &mut Option<String>) -> Option<T> {
    result.map_err(|e| trouble.get_or_insert_with(|| format!("not shared with other passes: {e}"))).ok()
}

/// Resolves names, except of what is remembered.
fn named(
    targets: &[Target],
    limits: &Limits,
    shared: &mut dyn Shared,
    trouble: &mut Option<String>,
) -> Vec<Case> {
    let since = limits.now - SignedDuration::try_from(limits.cache).unwrap_or_default();
    let mut cases: Vec<Case> = Vec::with_capacity(targets.len());
    for target in targets {
        let remembered = if limits.cache.is_zero() {
            None
        } else {
            let since = target.not_before.map_or(since, |least| least.max(since));
            tried(shared.report(&target.host, since), trouble).flatten()
        };
        let usable =
            remembered.filter(|r| !limits.route || !matches!(r.route_tool, Tool::NotRun(_))).map(Box::new);
        let addresses = match target.host.parse::<IpAddr>() {
            Ok(address) if path::is_one_computer(address) => Ok(vec![address]),
            _ => Err(Reason::NotAName),
        };
        cases.push(Case { host: target.host.clone(), addresses, remembered: usable, notes: Vec::new() });
    }
    let open = |case: &Case| {
        case.remembered.is_none() && is_name(&case.host) && case.host.parse::<IpAddr>().is_err()
    };
    let names: Vec<&str> = cases.iter().filter(|case| open(case)).map(|case| case.host.as_str()).collect();
    let limit = limits.names.min(limits.whole.saturating_sub(limits.timeout));
    let found = if names.is_empty() { HashMap::new() } else { resolve(&names, limit) };
    for (case, target) in cases.iter_mut().zip(targets) {
        if let Some(result) = found.get(&case.host) {
            case.addresses.clone_from(result);
        }
        let known = target.address.filter(|address| path::is_one_computer(*address));
        if let (Err(reason), Some(address)) = (&case.addresses, known) {
            case.notes.push(format!("{reason}: its known address was asked"));
            case.addresses = Ok(vec![address]);
        }
    }
    cases
}

/// Every address once.
fn addresses(cases: &[Case]) -> Vec<IpAddr> {
    let open = cases.iter().filter(|case| case.remembered.is_none());
    let mut all: Vec<IpAddr> =
        open.filter_map(|case| case.addresses.as_ref().ok()).flatten().copied().collect();
    let mut seen = std::collections::HashSet::new();
    all.retain(|address| seen.insert(*address));
    all
}

/// Pings with our own sockets, or with the system's tool where those are not permitted.
#[expect(clippy::disallowed_methods, reason = "an edge: it waits")]
fn ping_all(addresses: &[IpAddr], limits: &Limits, end: Instant, count: u32) -> HashMap<IpAddr, Pinged> {
    let left = end.saturating_duration_since(Instant::now());
    let answers = ping::ping(addresses, Requests { count, timeout: limits.timeout, limit: left });
    let own = answers.found.into_iter();
    let mut pinged: HashMap<IpAddr, Pinged> =
        own.map(|(address, replies)| (address, Pinged { tool: Tool::BuiltIn, replies })).collect();
    let refused: Vec<IpAddr> =
        addresses.iter().copied().filter(|a| answers.refused.contains_key(&a.is_ipv4())).collect();
    if refused.is_empty() {
        return pinged;
    }
    let (folders, timeout) = (limits.folders.clone(), limits.timeout);
    let work = move |address| programs::ping(&folders, address, count, timeout);
    let results = in_threads(refused.clone(), TOOLS, work);
    for _ in 0..refused.len() {
        let Ok((address, (tool, replies))) =
            results.recv_timeout(end.saturating_duration_since(Instant::now()))
        else {
            break;
        };
        pinged.insert(address, Pinged { tool, replies });
    }
    for address in refused {
        pinged
            .entry(address)
            .or_insert_with(|| Pinged { tool: Tool::NotRun(NotRun::NoTime), replies: Err(NotRun::NoTime) });
    }
    pinged
}

/// Does `work` on each item, on several threads that nobody waits for.
fn in_threads<T: Send + 'static>(
    items: Vec<IpAddr>,
    threads: usize,
    work: impl Fn(IpAddr) -> T + Send + Sync + 'static,
) -> Receiver<(IpAddr, T)> {
    let (to, from): (Sender<(IpAddr, T)>, _) = mpsc::channel();
    let threads = threads.min(items.len());
    let queue = Arc::new(Mutex::new(items));
    let work = Arc::new(work);
    for _ in 0..threads {
        let (queue, to, work) = (Arc::clone(&queue), to.clone(), Arc::clone(&work));
        let _ = thread::Builder::new().spawn(move || {
            while let Some(item) = queue.lock().ok().and_then(|mut queue| queue.pop()) {
                if to.send((item, work(item))).is_err() {
                    return;
                }
            }
        });
    }
    from
}

fn answered(pinged: &HashMap<IpAddr, Pinged>, address: IpAddr) -> bool {
    let replies = pinged.get(&address).and_then(|pinged| pinged.replies.as_ref().ok());
    replies.is_some_and(|replies| !replies.times.is_empty())
}

/// The networks of all addresses that could be asked.
fn networks(addresses: &[IpAddr], pinged: &HashMap<IpAddr, Pinged>) -> BTreeMap<String, Way> {
    let table = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let (v4, v6) = (table("/proc/net/route"), table("/proc/net/ipv6_route"));
    let mut ways: BTreeMap<String, Way> = BTreeMap::new();
    for address in addresses {
        let way = ways.entry(path::network(*address)).or_default();
        let table = if address.is_ipv4() { &v4 } else { &v6 };
        way.on_link = way.on_link || address.is_loopback() || parse::is_on_link(*address, table);
        way.targets.push(*address);
        if way.answers.is_none() && answered(pinged, *address) {
            way.answers = Some(*address);
        }
    }
    ways
}

/// Who refused on the way to a network's addresses: the same for all of them, as routers refuse only some.
fn refuser(way: &Way, pinged: &HashMap<IpAddr, Pinged>) -> Option<IpAddr> {
    let traced = way.trace.as_ref().and_then(|trace| trace.refusal);
    let gateways = way.targets.first().map(|a| path::gateways(*a)).unwrap_or_default();
    let asked = way.targets.iter().chain(&gateways);
    let said = asked.filter_map(|a| pinged.get(a)?.replies.as_ref().ok()?.refusal);
    said.chain(traced).filter_map(|refusal| refusal.by).find(|by| !way.targets.contains(by))
}

/// Where a whole network is silent, asks where its gateways stand: if one answers, the way is whole.
#[expect(clippy::disallowed_methods, reason = "an edge: it waits")]
fn ask_gateways(
    ways: &mut BTreeMap<String, Way>,
    limits: &Limits,
    end: Instant,
    pinged: &mut HashMap<IpAddr, Pinged>,
) {
    let silent = ways.values().filter(|way| way.answers.is_none() && !way.on_link);
    let first = silent.filter_map(|way| way.targets.first());
    let asked: Vec<IpAddr> =
        first.flat_map(|a| path::gateways(*a)).filter(|a| !pinged.contains_key(a)).collect();
    if asked.is_empty() || end.saturating_duration_since(Instant::now()) < limits.timeout + TRACE {
        return;
    }
    let found = ping_all(&asked, limits, end, 1);
    for way in ways.values_mut().filter(|way| way.answers.is_none()) {
        let gateways = way.targets.first().map(|a| path::gateways(*a)).unwrap_or_default();
        way.answers = gateways.into_iter().find(|gateway| answered(&found, *gateway));
    }
    pinged.extend(found);
}

/// Traces each path once, in turns, until all are known or the time is up; then the nearest known one serves.
#[expect(clippy::disallowed_methods, reason = "an edge: it waits")]
fn trace_all(
    ways: &mut BTreeMap<String, Way>,
    limits: &Limits,
    end: Instant,
    began: i64,
    shared: &mut dyn Shared,
    trouble: &mut Option<String>,
) {
    let last = end.checked_sub(MARGIN).unwrap_or(end);
    let cache = i64::try_from(limits.cache.as_millis()).unwrap_or(i64::MAX);
    let since = began.saturating_sub(cache);
    let (to, from) = mpsc::channel::<(String, IpAddr, Tool, Result<Steps, NotRun>)>();
    let mut running = 0;
    for (network, way) in ways.iter_mut() {
        way.last_router = tried(shared.last_router(network), trouble).flatten();
    }
    let mut open: Vec<String> = ways.keys().cloned().collect();
    while (!open.is_empty() || running > 0) && Instant::now() < last {
        let mut wait = 50;
        let mut still = Vec::new();
        let may_start = Instant::now() + TRACE < last;
        for network in open.drain(..) {
            let Some(way) = ways.get_mut(&network) else { continue };
            if !may_start {
                still.push(network);
                continue;
            }
            let now = milliseconds();
            let answers = way.answers.is_some();
            let asked = PathAsked { network: &network, now, began, since, answers };
            match tried(shared.turn(&asked), trouble).unwrap_or(Turn::Go) {
                Turn::Known(trace) => {
                    way.inherited = true;
                    way.trace = Some(*trace);
                }
                Turn::Wait(milliseconds) => {
                    wait = wait.min(milliseconds.max(10));
                    still.push(network);
                }
                Turn::Go => {
                    let Some(target) = way.answers.or_else(|| way.targets.first().copied()) else { continue };
                    let (to, folders) = (to.clone(), limits.folders.clone());
                    let limit = TRACEROUTE.min(last.saturating_duration_since(Instant::now()));
                    let started = thread::Builder::new().spawn(move || {
                        let (tool, steps) = one_trace(&folders, target, limit);
                        let _ = to.send((network, target, tool, steps));
                    });
                    running += usize::from(started.is_ok());
                }
            }
        }
        open = still;
        // Nothing runs, and nothing may start any more.
        if running == 0 && (open.is_empty() || !may_start) {
            break;
        }
        let patience = if open.is_empty() {
            last.saturating_duration_since(Instant::now())
        } else {
            Duration::from_millis(u64::try_from(wait).unwrap_or(50))
        };
        if let Ok((network, target, tool, steps)) = from.recv_timeout(patience) {
            running -= 1;
            let Some(way) = ways.get_mut(&network) else { continue };
            match steps {
                Ok(steps) => {
                    let Steps { hops, reached, refusal } = steps;
                    let trace = Trace { target, hops, reached, refusal, tool, at: limits.now };
                    tried(shared.traced(&network, Some(&trace), milliseconds()), trouble);
                    way.trace = Some(trace);
                }
                Err(why) => {
                    tried(shared.traced(&network, None, milliseconds()), trouble);
                    way.failed = Some(why);
                }
            }
        }
    }
    for way in ways.values_mut().filter(|way| way.trace.is_none() && way.failed.is_none()) {
        let Some(address) = way.targets.first() else { continue };
        way.trace = tried(shared.nearest(*address, way.answers.is_some(), since), trouble).flatten();
        way.inherited = way.trace.is_some();
    }
}

/// With our own sockets, or with the system's tool where those are not permitted.
fn one_trace(folders: &[PathBuf], target: IpAddr, limit: Duration) -> (Tool, Result<Steps, NotRun>) {
    match route::trace(target, TRACE) {
        Err(NotRun::NoPrivilege(_)) => programs::traceroute(folders, target, limit),
        steps => (Tool::BuiltIn, steps),
    }
}

/// The report of one target from everything the pass has found.
fn report(
    case: &Case,
    limits: &Limits,
    pinged: &HashMap<IpAddr, Pinged>,
    ways: &BTreeMap<String, Way>,
    trouble: Option<&str>,
) -> Report {
    let mut report = Report {
        host: case.host.clone(),
        address: None,
        finding: Finding::Unknown,
        reason: Reason::NotAName,
        ping: None,
        ping_tool: Tool::NotRun(NotRun::Off),
        hops: Vec::new(),
        route_tool: Tool::NotRun(NotRun::Off),
        inherited_from: None,
        last_answering: None,
        at: limits.now,
        notes: case.notes.iter().cloned().chain(trouble.map(str::to_owned)).collect(),
    };
    let candidates = match &case.addresses {
        Ok(candidates) => candidates,
        Err(reason) => {
            report.reason = reason.clone();
            let why = NotRun::Failed("no address".to_owned());
            report.ping_tool = Tool::NotRun(why.clone());
            report.route_tool = Tool::NotRun(why);
            return report;
        }
    };
    // Of several addresses the first that answers, else the first that was asked.
    let asked = |a: &&IpAddr| pinged.get(*a).is_some_and(|p| p.replies.is_ok());
    let chosen = candidates.iter().find(|a| answered(pinged, **a));
    let Some(address) = chosen.or_else(|| candidates.iter().find(asked)).or(candidates.first()).copied()
    else {
        return report;
    };
    report.address = Some(address);
    let way = ways.get(&path::network(address));
    if let Some(way) = way {
        take_route(&mut report, way, address);
    }
    let replies = match pinged.get(&address) {
        Some(Pinged { replies: Ok(replies), tool }) => {
            report.ping_tool = tool.clone();
            replies
        }
        Some(Pinged { replies: Err(why), .. }) => {
            report.ping_tool = Tool::NotRun(why.clone());
            report.reason = Reason::NotRun(why.clone());
            return report;
        }
        None => {
            report.ping_tool = Tool::NotRun(NotRun::NoTime);
            report.reason = Reason::NotRun(NotRun::NoTime);
            return report;
        }
    };
    let ping = Ping::of(limits.count, &replies.times);
    let own_trace = way.and_then(|way| way.trace.as_ref()).filter(|trace| trace.target == address);
    let neighbour = way.and_then(|way| way.answers).filter(|answers| *answers != address);
    // The route into another network is evidence only of a common silence.
    let telling = way.and_then(|way| way.trace.as_ref()).is_some_and(|trace| {
        path::network(trace.target) == path::network(address)
            || (!trace.reached && path::is_near(trace.target, address))
    });
    let seen = Seen {
        address,
        ping: &ping,
        refusal: replies.refusal.or_else(|| own_trace.and_then(|trace| trace.refusal)),
        neighbour,
        on_link: way.is_some_and(|way| way.on_link),
        traced: telling,
        hops: if telling { &report.hops } else { &[] },
        last_router: way.and_then(|way| way.last_router),
        refuser: way.and_then(|way| way.refuser),
    };
    (report.finding, report.reason) = judge(&seen);
    report.last_answering = last_answering(&seen);
    report.ping = Some(ping);
    report
}

/// The hops of a report: own, or those of the trace its network shares.
fn take_route(report: &mut Report, way: &Way, address: IpAddr) {
    let Some(trace) = &way.trace else {
        let why = way.failed.clone().unwrap_or(NotRun::NoTime);
        report.route_tool = Tool::NotRun(why);
        return;
    };
    report.route_tool = trace.tool.clone();
    report.hops.clone_from(&trace.hops);
    if trace.target == address && !way.inherited {
        return;
    }
    // Another computer at the end of the trace is no step of this one's way; a gateway is.
    let same_network = path::network(trace.target) == path::network(address);
    let ends_elsewhere = trace.target != address && !path::gateways(address).contains(&trace.target);
    if ends_elsewhere && report.hops.len() > 1 {
        report.hops.retain(|hop| hop.address != Some(trace.target));
    }
    report.inherited_from = Some(Inherited { from: trace.target, at: trace.at, same_network });
}
