//! The system's ping and traceroute, where our own sockets are not permitted.
//!
//! In: an address, never a name. Out: what [`super::parse`] makes of the output, or why there is none. Programs come
//! from fixed folders, get an argument vector, an environment of their own and no input; their output and time
//! are bounded, and they are killed with their children when either ends.

use super::finding::{NotRun, Tool};
use super::parse::{self, MOST_HOPS, MOST_OUTPUT, Replies, Steps};
use std::io::Read;
use std::net::IpAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Where programs are looked for.
pub const FOLDERS: [&str; 4] = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"];

/// Finds a program of the system.
pub(super) fn find(folders: &[PathBuf], name: &str) -> Option<PathBuf> {
    let runs = |path: &PathBuf| rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok();
    folders.iter().map(|folder| folder.join(name)).find(runs)
}

/// Pings one address.
pub(super) fn ping(
    folders: &[PathBuf],
    address: IpAddr,
    count: u32,
    timeout: Duration,
) -> (Tool, Result<Replies, NotRun>) {
    let Some(program) = find(folders, "ping") else { return missing("ping") };
    let wait = timeout.as_secs().max(1);
    let argv = [
        if address.is_ipv4() { "-4" } else { "-6" }.to_owned(),
        "-n".to_owned(),
        format!("-c{count}"),
        "-i0.2".to_owned(),
        format!("-W{wait}"),
        "--".to_owned(),
        address.to_string(),
    ];
    let replies = run(&program, &argv, Duration::from_secs(wait + u64::from(count) + 1))
        .and_then(|(out, err)| parse::ping(&out, &err, address, count).map_err(said));
    (Tool::Program(program.display().to_string()), replies)
}

/// Traces the route to one address.
pub(super) fn traceroute(
    folders: &[PathBuf],
    address: IpAddr,
    limit: Duration,
) -> (Tool, Result<Steps, NotRun>) {
    let Some(program) = find(folders, "traceroute") else { return missing("traceroute") };
    // Few probes at once: a router answers six in a burst.
    let argv = [
        if address.is_ipv4() { "-4" } else { "-6" }.to_owned(),
        "-n".to_owned(),
        "-q1".to_owned(),
        "-N4".to_owned(),
        "-w1".to_owned(),
        format!("-m{}", MOST_HOPS.min(16)),
        "--".to_owned(),
        address.to_string(),
    ];
    let steps = run(&program, &argv, limit)
        .and_then(|(out, err)| parse::traceroute(&out, &err, address).map_err(said));
    (Tool::Program(program.display().to_string()), steps)
}

fn missing<T>(name: &str) -> (Tool, Result<T, NotRun>) {
    let why = NotRun::NoPrivilege(format!("no CAP_NET_RAW, and the system has no {name}"));
    (Tool::NotRun(why.clone()), Err(why))
}

/// What a tool says when it must not run, told from what it could not do.
fn said(text: String) -> NotRun {
    if text.contains("not permitted") || text.contains("ermission denied") {
        NotRun::NoPrivilege(text)
    } else {
        NotRun::Failed(text)
    }
}

/// Runs a program to its end, or to the limit of time or output: both are failures.
#[expect(clippy::disallowed_methods, reason = "the one place of this room that starts programs, by argv")]
fn run(program: &Path, argv: &[String], limit: Duration) -> Result<(String, String), NotRun> {
    let failed = |what: &str| NotRun::Failed(format!("{}: {what}", program.display()));
    let mut child = Command::new(program)
        .args(argv)
        .env_clear()
        .env("LC_ALL", "C")
        .env("PATH", FOLDERS.join(":"))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|e| said(format!("{}: {e}", program.display())))?;
    let end = Instant::now() + limit;
    let (to, from) = mpsc::channel();
    let streams: [(usize, Option<Box<dyn Read + Send>>); 2] = [
        (0, child.stdout.take().map(|s| Box::new(s) as Box<dyn Read + Send>)),
        (1, child.stderr.take().map(|s| Box::new(s) as Box<dyn Read + Send>)),
    ];
    for (index, stream) in streams {
        let Some(stream) = stream else { continue };
        let to = to.clone();
        let reader = move || {
            let mut bytes = Vec::new();
            let read = stream.take(MOST_OUTPUT as u64 + 1).read_to_end(&mut bytes);
            let _ = to.send((index, read.map(|_| bytes)));
        };
        if thread::Builder::new().stack_size(128 << 10).spawn(reader).is_err() {
            end_of(&mut child);
            return Err(failed("no thread to read its output"));
        }
    }
    drop(to);
    let mut texts = [String::new(), String::new()];
    for _ in 0..2 {
        match from.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok((index, Ok(bytes))) if bytes.len() <= MOST_OUTPUT => {
                texts[index] = String::from_utf8_lossy(&bytes).into_owned();
            }
            Ok((_, Ok(_))) => {
                end_of(&mut child);
                return Err(failed("more output than a ping or trace has"));
            }
            Ok((_, Err(e))) => {
                end_of(&mut child);
                return Err(failed(&e.to_string()));
            }
            Err(_) => {
                end_of(&mut child);
                return Err(failed("did not end in time"));
            }
        }
    }
    // It closed both streams; one that stays nevertheless is ended.
    while Instant::now() < end {
        match child.try_wait() {
            Ok(None) => thread::sleep(Duration::from_millis(2)),
            _ => {
                let [out, err] = texts;
                return Ok((out, err));
            }
        }
    }
    end_of(&mut child);
    Err(failed("did not end in time"))
}

/// Kills the program and what it started.
fn end_of(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}
