//! `run` as a process: takes in a Maildir, keeps the last good rules, reloads, ends on SIGTERM.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;
use tempfile::TempDir;

/// What waiting for a line may take on a busy machine; each comes within about a second.
const PATIENCE: Duration = Duration::from_secs(20);

fn rules(maildir: &str, prefix: &str) -> String {
    format!(
        "gates: {{domain: {{enabled: false}}, node: {{enabled: false}}}}\nmaildirs: [{maildir}]\ninterval: 1s\n\
         identity: {{domain: {prefix}.example.com}}\n"
    )
}

struct Site {
    folder: TempDir,
    child: Option<Child>,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Site {
    /// With a state, rules, an empty Maildir, and `run` at work.
    fn up() -> Self {
        let (sender, lines) = mpsc::channel();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut site = Self { folder, child: None, lines, said: Vec::new() };
        for name in ["rules", "Maildir/new", "Maildir/cur", "Maildir/tmp"] {
            fs::create_dir_all(site.path(name)).expect("a folder");
        }
        fs::set_permissions(site.path("rules"), fs::Permissions::from_mode(0o755)).expect("its mode");
        site.say(&rules(&site.path("Maildir").to_string_lossy(), "one"));
        assert!(site.command(&["init", "--install-id", "test"]).status().expect("it runs").success());
        let mut run = site.command(&["run"]);
        let mut child = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        let out = child.stdout.take().expect("piped");
        let err = child.stderr.take().expect("piped");
        let other = sender.clone();
        std::thread::spawn(move || pass_on(BufReader::new(out), &sender));
        std::thread::spawn(move || pass_on(BufReader::new(err), &other));
        site.child = Some(child);
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn say(&self, text: &str) {
        let (new, path) = (self.path("rules/new"), self.path("rules/autoticket.yaml"));
        fs::write(&new, text).expect("write");
        fs::set_permissions(&new, fs::Permissions::from_mode(0o644)).expect("its mode");
        fs::rename(&new, &path).expect("rename");
    }

    #[expect(clippy::disallowed_methods, reason = "a process that stays up is what assert_cmd cannot give")]
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("autoticket"));
        command
            .env_clear()
            .env("AUTOTICKET_RULES", self.path("rules"))
            .env("AUTOTICKET_STATE", self.path("state"))
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .args(words);
        command
    }

    /// As a mail system delivers into a Maildir; the number makes it another mail.
    fn deliver(&self, number: u32) {
        let mail = format!(
            "From: dm@is38.east.example.com\nDate: Thu, 12 Mar 2026 17:{number:02}:00 +0000\n\
             Message-ID: <{number}@example.com>\nSubject: Distribution error on node7\n\n\
             autoticket-alert: 1\nDevice: node7\nJob: J42\nFailure: access\n"
        );
        let tmp = self.path(&format!("Maildir/tmp/{number}.test"));
        fs::write(&tmp, mail).expect("write");
        fs::rename(&tmp, self.path(&format!("Maildir/new/{number}.test"))).expect("rename");
    }

    /// Waits until `run` says a line with this in it.
    #[track_caller]
    fn hears(&mut self, part: &str) {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                panic!("never said `{part}`, but: {:#?}", self.said)
            };
            let found = line.contains(part);
            self.said.push(line);
            if found {
                return;
            }
        }
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = self.child.as_ref().expect("it is up").id();
        let pid = rustix::process::Pid::from_raw(id as i32).expect("a process id");
        rustix::process::kill_process(pid, signal).expect("it is up");
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn pass_on(lines: impl BufRead, to: &mpsc::Sender<String>) {
    for line in lines.lines().map_while(Result::ok) {
        if to.send(line).is_err() {
            return;
        }
    }
}

#[test]
fn run_takes_in_mails_keeps_the_last_good_rules_reloads_and_ends_on_sigterm() {
    let mut site = Site::up();
    let maildir = site.path("Maildir").to_string_lossy().into_owned();
    site.hears("autoticket: up; ");
    site.deliver(1);
    site.hears("counted: ");
    assert!(fs::read_dir(site.path("Maildir/new")).expect("a folder").next().is_none(), "taken into cur");

    site.say("gates: [\n");
    site.hears("autoticket: the rules are wrong");
    site.hears("the last good ones stay");
    site.deliver(2);
    site.hears("counted: ");

    site.say(&rules(&maildir, "two"));
    site.hears("rules reloaded (");
    site.deliver(3);
    site.hears("counted: ");

    site.signal(rustix::process::Signal::HUP);
    site.hears("rules reloaded (");
    site.deliver(4);
    site.hears("counted: ");

    site.signal(rustix::process::Signal::TERM);
    site.hears("autoticket: down");
    let status = site.child.take().expect("it is up").wait().expect("it ends");
    assert_eq!(status.code(), Some(0), "{:#?}", site.said);
    let audit = site.command(&["audit", "--json"]).stdout(Stdio::piped()).output().expect("it runs");
    let audit: serde_json::Value = serde_json::from_slice(&audit.stdout).expect("JSON");
    assert!(audit["balanced"] == true && audit["received"] == 4, "{audit}");
}
