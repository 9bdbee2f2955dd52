//! The sendmail transport: hands the mail to the program every Unix mail system installs.
//!
//! An argument vector from end to end, never a shell; the bytes on stdin with the line ends of the system.
//! Input and complaints pass through anonymous files in memory, so that a program which neither reads nor
//! ends can block nothing: it is killed at the time limit, with the processes it started.

use super::address::refusal;
use super::model::{Attempt, Parcel, Transport};
use super::{Error, chain, instant, told};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// sysexits.h: "temporary failure; user is invited to retry" and "cannot fork, out of files".
const TRY_AGAIN: [i32; 2] = [75, 71];
/// How often a running program is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// How long a killed program is waited for; one in an uninterruptible sleep is left to the system.
const BURIAL: Duration = Duration::from_millis(500);

pub(super) struct Sendmail {
    program: String,
    timeout: Duration,
}

impl Sendmail {
    pub(super) fn open(program: &str, timeout: Duration) -> Result<Self, Error> {
        if !Path::new(program).is_absolute() {
            return Err(Error::Program { program: program.into() });
        }
        Ok(Self { program: program.into(), timeout })
    }

    fn run(&self, parcel: &Parcel) -> io::Result<Attempt> {
        let mut complaints = File::from(memfd_create("complaints", MemfdFlags::CLOEXEC)?);
        let mut child = self.start(parcel, complaints.try_clone()?)?;
        let status = wait(&mut child, instant() + self.timeout)?;
        complaints.rewind()?;
        let mut said = Vec::new();
        complaints.take(2048).read_to_end(&mut said)?;
        Ok(judged(status, &told(&String::from_utf8_lossy(&said)), self.timeout))
    }

    #[allow(clippy::disallowed_methods, reason = "the one program this room runs: by argv, from the rules")]
    fn start(&self, parcel: &Parcel, complaints: File) -> io::Result<Child> {
        let mut input = File::from(memfd_create("mail", MemfdFlags::CLOEXEC)?);
        input.write_all(&unix_lines(&parcel.bytes))?;
        input.rewind()?;
        let sender = if parcel.sender.is_empty() { "<>" } else { &parcel.sender };
        Command::new(&self.program)
            .args(["-i", "-f", sender, "--", &parcel.recipient])
            .stdin(input)
            .stdout(Stdio::null())
            .stderr(complaints)
            .process_group(0)
            .spawn()
    }
}

impl Transport for Sendmail {
    fn transmit(&mut self, parcel: &Parcel) -> Attempt {
        if let Some(refused) = refusal(parcel) {
            return refused;
        }
        self.run(parcel).unwrap_or_else(|error| {
            let reply = format!("run {}: {}", self.program, chain(&error));
            Attempt::Postponed { reply: told(&reply) }
        })
    }

    fn name(&self) -> String {
        format!("sendmail {}", self.program)
    }
}

/// The exit status, or `None` where the program had to be killed.
fn wait(child: &mut Child, until: Instant) -> io::Result<Option<ExitStatus>> {
    while instant() < until {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(LOOK.min(until.saturating_duration_since(instant())));
    }
    // Its own group, made at its start and still led by it: not yet waited for, so the id is not reused.
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    match group {
        Some(group) => kill_process_group(group, Signal::KILL)?,
        None => child.kill()?,
    }
    let buried = instant() + BURIAL;
    while child.try_wait()?.is_none() && instant() < buried {
        std::thread::sleep(LOOK);
    }
    Ok(None)
}

fn judged(status: Option<ExitStatus>, said: &str, timeout: Duration) -> Attempt {
    let Some(status) = status else {
        return Attempt::Postponed {
            reply: format!("killed after {} s without an end", timeout.as_secs_f32()),
        };
    };
    let with = |what: String| if said.is_empty() { what } else { told(&format!("{what}: {said}")) };
    match status.code() {
        Some(0) => Attempt::Accepted { reply: with("exit 0".into()) },
        Some(code) if TRY_AGAIN.contains(&code) => Attempt::Postponed { reply: with(format!("exit {code}")) },
        Some(code) => Attempt::Refused { reply: with(format!("exit {code}")) },
        None => Attempt::Postponed { reply: with(format!("killed by signal {:?}", status.signal())) },
    }
}

/// CRLF to LF: sendmail takes mail with the line ends of the system.
fn unix_lines(bytes: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(bytes.len());
    for (at, &byte) in bytes.iter().enumerate() {
        if byte != b'\r' || bytes.get(at + 1) != Some(&b'\n') {
            lines.push(byte);
        }
    }
    lines
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "measures how long a transmission takes")]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    /// A program that does what `script` says, in its own folder.
    fn program(script: &str) -> (tempfile::TempDir, Sendmail) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("sendmail");
        fs::write(&path, format!("#!/bin/sh\ncd '{}'\n{script}\n", folder.path().display()))
            .expect("writable");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("our own file");
        let name = path.to_str().expect("a UTF-8 path");
        let sendmail = Sendmail::open(name, Duration::from_secs(5)).expect("an absolute path");
        (folder, sendmail)
    }

    fn parcel() -> Parcel {
        Parcel {
            message_id: "t-1@example.com".into(),
            sender: "tickets@example.com".into(),
            recipient: "desk@example.com;touch x".replace(' ', "+"),
            bytes: b"Subject: x\r\n\r\n.\r\n..\r\nbare\rcr\r\n".to_vec(),
            name: "t-1".into(),
        }
    }

    /// Another test's fork may hold our program open for writing for an instant (ETXTBSY): not our subject.
    fn transmit(sendmail: &mut Sendmail, parcel: &Parcel) -> Attempt {
        loop {
            match sendmail.transmit(parcel) {
                Attempt::Postponed { reply } if reply.contains("Text file busy") => {}
                attempt => return attempt,
            }
        }
    }

    #[test]
    fn the_program_gets_an_argument_vector_and_the_bytes_with_unix_line_ends() {
        let (folder, mut sendmail) = program("printf '%s\\n' \"$@\" > args; cat > mail");
        assert_eq!(transmit(&mut sendmail, &parcel()), Attempt::Accepted { reply: "exit 0".into() });
        let read = |name| fs::read(folder.path().join(name)).expect("written by the program");
        assert_eq!(read("args"), b"-i\n-f\ntickets@example.com\n--\ndesk@example.com;touch+x\n");
        assert_eq!(read("mail"), b"Subject: x\n\n.\n..\nbare\rcr\n");
        transmit(&mut sendmail, &Parcel { sender: String::new(), ..parcel() });
        assert_eq!(read("args"), b"-i\n-f\n<>\n--\ndesk@example.com;touch+x\n");
    }

    #[test]
    fn exit_statuses_decide_and_the_first_line_of_complaint_is_kept() {
        let postponed = |reply: &str| Attempt::Postponed { reply: reply.into() };
        let refused = |reply: &str| Attempt::Refused { reply: reply.into() };
        for (script, expected) in [
            ("echo 'queue full' >&2; echo more >&2; exit 75", postponed("exit 75: queue full")),
            ("exit 71", postponed("exit 71")),
            ("kill -9 $$", postponed("killed by signal Some(9)")),
            ("echo 'no such user' >&2; exit 67", refused("exit 67: no such user")),
            ("printf '\\033[2Jgone' >&2; exit 64", refused(r"exit 64: \x1b[2Jgone")),
        ] {
            let (_folder, mut sendmail) = program(script);
            assert_eq!(transmit(&mut sendmail, &parcel()), expected, "{script}");
        }
    }

    #[test]
    fn a_program_that_never_ends_is_killed_with_its_children_at_the_limit() {
        let (folder, mut sendmail) = program("sleep 30 & echo $! > child; wait");
        sendmail.timeout = Duration::from_millis(300);
        let large = Parcel { bytes: vec![b'x'; 1 << 20], ..parcel() };
        let start = Instant::now();
        let Attempt::Postponed { reply } = transmit(&mut sendmail, &large) else { panic!("not postponed") };
        assert_eq!(reply, "killed after 0.3 s without an end");
        assert!(start.elapsed() < Duration::from_millis(1300), "{:?}", start.elapsed());
        let child = fs::read_to_string(folder.path().join("child")).expect("written before the wait");
        let state = || fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
        let gone = || state().is_empty() || state().contains(") Z ");
        let deadline = Instant::now() + Duration::from_secs(1);
        while !gone() && Instant::now() < deadline {
            std::thread::sleep(LOOK);
        }
        assert!(gone(), "the child's child lives: {}", state());
    }

    #[test]
    fn a_missing_program_postpones_and_an_option_as_recipient_is_refused() {
        let mut missing = Sendmail::open("/nonexistent/sendmail", Duration::from_secs(1)).expect("absolute");
        let Attempt::Postponed { reply } = missing.transmit(&parcel()) else { panic!("not postponed") };
        assert!(reply.starts_with("run /nonexistent/sendmail: No such file"), "{reply}");
        let (folder, mut sendmail) = program("touch ran");
        let option = Parcel { recipient: "-bs".into(), ..parcel() };
        assert!(matches!(sendmail.transmit(&option), Attempt::Refused { .. }));
        assert!(!folder.path().join("ran").exists());
    }
}
