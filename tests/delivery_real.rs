//! Delivery against what other people wrote: Postfix's `smtp-sink`, which refuses, greylists, drops and
//! stalls at each stage, and a file system that is full. Needs root and the Debian package postfix, whose
//! service need not run. A missing program is a failure, not a skip.
#![cfg(feature = "real")]
#![allow(clippy::disallowed_methods, reason = "starts smtp-sink and measures how long a transmission takes")]

use autoticket::delivery::{self, Attempt, Parcel};
use autoticket::rules::model::{Tls, TransportRule};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Every stage of a mail, as smtp-sink calls them.
const STAGES: [&str; 6] = ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."];
const AMPLE: Duration = Duration::from_secs(20);
const GRACE: Duration = Duration::from_secs(1);

struct Sink {
    port: u16,
    process: Child,
}

impl Sink {
    fn start(options: &[&str]) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        Self::start_at(free.expect("a free loopback port").port(), options)
    }

    fn start_at(port: u16, options: &[&str]) -> Self {
        let process = Command::new("/usr/sbin/smtp-sink")
            .args(["-4", "-u", "nobody"])
            .args(options)
            .args([&format!("127.0.0.1:{port}"), "100"])
            .stdin(Stdio::null())
            .spawn()
            .expect("smtp-sink is installed (Debian package postfix)");
        let sink = Self { port, process };
        let patience = Instant::now() + AMPLE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < patience, "smtp-sink does not listen");
            thread::sleep(Duration::from_millis(10));
        }
        sink
    }

    fn transmit(&self, timeout: Duration) -> Attempt {
        let rule = TransportRule::Smtp {
            host: "127.0.0.1".into(),
            port: self.port,
            tls: Tls::None,
            user: None,
            credential: None,
            authority: None,
        };
        let mut transport =
            delivery::open(&rule, Path::new("/nonexistent"), timeout, None).expect("nothing to fail");
        transport.transmit(&parcel())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn parcel() -> Parcel {
    Parcel {
        message_id: "t-42.1@example.com".into(),
        sender: "tickets@example.com".into(),
        recipient: "desk@example.com".into(),
        bytes: b"Message-ID: <t-42.1@example.com>\r\nSubject: x\r\n\r\n.\r\n..\r\n.leading\r\nend\r\n"
            .to_vec(),
        name: "T-42-ticket-1".into(),
    }
}

fn postponed(attempt: Attempt) -> String {
    match attempt {
        Attempt::Postponed { reply } => reply,
        other => panic!("not postponed: {other:?}"),
    }
}

/// A folder smtp-sink may dump into, and what it dumped.
struct Dumps(tempfile::TempDir);

impl Dumps {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("our own folder");
        Self(folder)
    }

    fn template(&self) -> String {
        self.0.path().join("mail").display().to_string()
    }

    fn texts(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("our own folder");
        let read = |entry: std::io::Result<fs::DirEntry>| fs::read_to_string(entry.ok()?.path()).ok();
        entries.filter_map(read).filter(|text| !text.is_empty()).collect()
    }
}

#[test]
fn a_mail_arrives_byte_for_byte() {
    let dumps = Dumps::new();
    let sink = Sink::start(&["-d", &dumps.template()]);
    assert_eq!(sink.transmit(AMPLE), Attempt::Accepted { reply: "250 2.0.0 Ok".into() });
    drop(sink);
    let texts = dumps.texts();
    let whole = String::from_utf8(parcel().bytes).expect("ASCII").replace("\r\n", "\n");
    assert_eq!(texts.len(), 1);
    assert!(texts[0].contains(&whole), "{}", texts[0]);
    assert!(texts[0].contains("X-Rcpt-Args: <desk@example.com>"), "{}", texts[0]);
    assert!(texts[0].contains("X-Mail-Args: <tickets@example.com>"), "{}", texts[0]);
}

#[test]
fn a_server_that_refuses_at_any_stage_refuses_the_mail() {
    for stage in STAGES {
        let attempt = Sink::start(&["-f", stage]).transmit(AMPLE);
        let Attempt::Refused { reply } = attempt else { panic!("{stage}: {attempt:?}") };
        assert!(reply.ends_with(": 500 5.3.0 Error: command failed"), "{stage}: {reply}");
    }
    let attempt = Sink::start(&["-A", "0"]).transmit(AMPLE);
    assert!(matches!(attempt, Attempt::Refused { .. }), "{attempt:?}");
}

#[test]
fn a_server_that_greylists_takes_the_same_mail_later() {
    let dumps = Dumps::new();
    for stage in STAGES {
        let sink = Sink::start(&["-r", stage]);
        let reply = postponed(sink.transmit(AMPLE));
        assert!(reply.ends_with(": 450 4.3.0 Error: command failed"), "{stage}: {reply}");
    }
    let sink = Sink::start(&["-r", "RCPT"]);
    let port = sink.port;
    postponed(sink.transmit(AMPLE));
    drop(sink);
    let sink = Sink::start_at(port, &["-d", &dumps.template()]);
    assert!(matches!(sink.transmit(AMPLE), Attempt::Accepted { .. }));
    drop(sink);
    assert!(dumps.texts()[0].contains("\nMessage-ID: <t-42.1@example.com>\n"));
}

#[test]
fn a_server_that_drops_the_connection_at_any_stage_postpones() {
    for stage in STAGES {
        let reply = postponed(Sink::start(&["-q", stage]).transmit(AMPLE));
        assert!(reply.contains("connection lost"), "{stage}: {reply}");
        let reply = postponed(Sink::start(&["-Q", stage]).transmit(AMPLE));
        assert!(reply.contains(": 421 "), "{stage}: {reply}");
    }
}

#[test]
fn a_server_that_stalls_at_any_stage_is_left_at_the_limit() {
    let limit = Duration::from_millis(500);
    let slow = STAGES.iter().map(|stage| ["-W".to_owned(), format!("{stage}:30")]);
    for options in slow.chain([["-w".to_owned(), "30".to_owned()]]) {
        let sink = Sink::start(&[&options[0], &options[1]]);
        let start = Instant::now();
        let reply = postponed(sink.transmit(limit));
        let took = start.elapsed();
        assert!(reply.ends_with(": time limit reached"), "{options:?}: {reply}");
        assert!(took >= limit && took < limit + GRACE, "{options:?}: {took:?}");
    }
}

/// A file system of 16 KiB, gone with the value.
struct Tiny(tempfile::TempDir);

impl Tiny {
    fn mount() -> Self {
        let tiny = Self(tempfile::tempdir().expect("a temporary folder"));
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=16k", "tmpfs"]).arg(tiny.0.path());
        assert!(mount.status().expect("mount is installed").success(), "root can mount a tmpfs");
        tiny
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_postpones_leaves_nothing_half_and_takes_the_mail_when_there_is_room() {
    let disk = Tiny::mount();
    let folder = disk.0.path().join("outgoing");
    let rule = TransportRule::Files { folder: "outgoing".into() };
    let mut files = delivery::open(&rule, disk.0.path(), AMPLE, None).expect("an empty disk");
    fs::write(disk.0.path().join("ballast"), vec![0; 12 << 10]).expect("there is room for it");
    let large = Parcel { bytes: vec![b'x'; 8 << 10], ..parcel() };
    let reply = postponed(files.transmit(&large));
    assert!(reply.contains("No space left on device"), "{reply}");
    assert_eq!(fs::read_dir(&folder).expect("our own folder").count(), 0);
    fs::remove_file(disk.0.path().join("ballast")).expect("our own file");
    assert!(matches!(files.transmit(&large), Attempt::Accepted { .. }));
    assert_eq!(fs::read(folder.join("T-42-ticket-1.eml")).expect("the mail"), large.bytes);
}
