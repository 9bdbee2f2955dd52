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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 5, 7));

    /// A folder with a ping and a traceroute that do what `script` says.
    fn tools(script: &str) -> (tempfile::TempDir, Vec<PathBuf>) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["ping", "traceroute"] {
            let path = folder.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("writable");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("our own file");
        }
        let folders = vec![folder.path().to_path_buf()];
        (folder, folders)
    }

    /// Another test's fork may hold the script open for writing for an instant (ETXTBSY): not our subject.
    fn pinged(folders: &[PathBuf]) -> Result<Replies, NotRun> {
        loop {
            match ping(folders, ADDRESS, 3, Duration::from_secs(1)).1 {
                Err(NotRun::Failed(text)) if text.contains("Text file busy") => {}
                result => return result,
            }
        }
    }

    fn failed(result: Result<Replies, NotRun>) -> String {
        match result {
            Err(NotRun::Failed(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "it measures how long was waited")]
    fn endless_output_and_a_program_that_hangs_are_left_and_killed_with_their_children() {
        let (_endless, folders) = tools("while :; do echo '64 bytes from 10.0.5.7: x'; done");
        assert!(failed(pinged(&folders)).ends_with("more output than a ping or trace has"));
        let (folder, _) = tools("sleep 600 & echo $! > \"$1\"; wait");
        let child = folder.path().join("child");
        let argv = [child.display().to_string()];
        let begun = Instant::now();
        let result = run(&folder.path().join("ping"), &argv, Duration::from_millis(500));
        assert!(
            matches!(&result, Err(NotRun::Failed(text)) if text.ends_with("did not end in time")),
            "{result:?}"
        );
        assert!(begun.elapsed() < Duration::from_secs(5));
        let number: i32 = fs::read_to_string(child).expect("it started").trim().parse().expect("a number");
        let gone = || {
            let stat = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        while !gone() {
            assert!(begun.elapsed() < Duration::from_secs(20), "its child lives on");
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_tool_gets_an_argument_vector_with_the_address_last_in_the_c_locale_and_no_environment() {
        let (folder, _) = tools("printf '%s ' \"$@\" $LC_ALL ${HOME-none}");
        let program = folder.path().join("ping");
        let argv = ["--".to_owned(), "10.0.5.7;reboot".to_owned()];
        let out = loop {
            match run(&program, &argv, Duration::from_secs(5)) {
                Err(NotRun::Failed(text)) if text.contains("Text file busy") => {}
                result => break result.expect("it runs").0,
            }
        };
        assert_eq!(out, "-- 10.0.5.7;reboot C none ");
    }

    #[test]
    fn forged_or_missing_tools_are_not_run() {
        let (_forged, folders) = tools("echo '3 packets transmitted, 3 received, 0% packet loss, time 1ms'");
        assert_eq!(failed(pinged(&folders)), "the totals do not agree with the replies");
        let (tool, result) = traceroute(&[], ADDRESS, Duration::from_secs(1));
        assert!(matches!(tool, Tool::NotRun(NotRun::NoPrivilege(_))));
        assert!(matches!(result, Err(NotRun::NoPrivilege(_))));
        let (_forbidden, folders) = tools("echo 'ping: socket: Operation not permitted' >&2; exit 2");
        assert!(matches!(pinged(&folders), Err(NotRun::NoPrivilege(_))));
    }
}
