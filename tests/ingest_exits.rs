//! How `ingest` ends under a mail system: with 0 or 75 only, and after 0 the mail is stored or spooled.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const MAIL: &str = "From: dm@is38.east.example.com\r\nDate: Thu, 12 Mar 2026 17:00:00 +0000\r\n\
                    Message-ID: <1@example.com>\r\nSubject: Distribution error on node7\r\n\r\n\
                    autoticket-alert: 1\r\nDevice: node7\r\nJob: J42\r\nFailure: access\r\n\0\u{fe}";
/// Gates off, so that no lists are needed.
const GOOD: &str = "gates: {domain: {enabled: false}, node: {enabled: false}}\n";
const BROKEN: &str = "gates: [\n";

struct Site(TempDir);

impl Site {
    fn new(rules: &str) -> Self {
        let site = Self(tempfile::tempdir().expect("a temporary folder"));
        fs::create_dir(site.path("rules")).expect("a folder");
        site.mode("rules", 0o755);
        site.say(rules);
        site
    }

    fn with_state(rules: &str) -> Self {
        let site = Self::new(GOOD);
        let output = site.command(&["init", "--install-id", "test"]).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        site.say(rules);
        site
    }

    fn say(&self, rules: &str) {
        fs::write(self.path("rules/autoticket.yaml"), rules).expect("write");
        self.mode("rules/autoticket.yaml", 0o644);
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).expect("its mode");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    #[expect(clippy::disallowed_methods, reason = "a pipe to a full device is what assert_cmd cannot give")]
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("autoticket"));
        command
            .env_clear()
            .env("AUTOTICKET_RULES", self.path("rules"))
            .env("AUTOTICKET_STATE", self.path("state"))
            .current_dir(self.0.path())
            .args(words);
        command
    }

    fn ingest(&self, words: &[&str]) -> Output {
        self.fed(words, Stdio::piped(), Stdio::piped())
    }

    fn fed(&self, words: &[&str], out: Stdio, err: Stdio) -> Output {
        fs::write(self.path("mail"), MAIL).expect("write");
        let mail = fs::File::open(self.path("mail")).expect("open");
        let mut command = self.command(&["ingest"]);
        command.args(words).stdin(mail).stdout(out).stderr(err).output().expect("it runs")
    }

    /// The one mail in the spool, byte for byte.
    fn assert_spooled(&self) {
        let files = files(&self.path("state/spool/new"));
        assert_eq!(files.len(), 1, "{files:?}");
        assert!(fs::read(&files[0]).expect("read") == MAIL.as_bytes());
    }

    fn audit(&self) -> serde_json::Value {
        let output = self.command(&["audit", "--json"]).output().expect("it runs");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().map(|e| e.expect("an entry").path()).collect()
}

fn out(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn broken_rules_spool_the_mail_and_mended_ones_take_it_up() {
    let site = Site::with_state(BROKEN);
    let (code, line) = out(&site.ingest(&[]));
    assert_eq!(code, Some(0));
    assert!(line.starts_with("spooled: ") && line.contains("the rules are wrong"), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    site.assert_spooled();
    site.say(GOOD);
    let output = site.command(&["flush"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(files(&site.path("state/spool/new")).is_empty());
    let audit = site.audit();
    assert!(audit["balanced"] == true && audit["received"] == 1, "{audit}");
    let (code, line) = out(&site.ingest(&[]));
    assert!(code == Some(0) && line.starts_with("duplicate: "), "{line}");
}

#[test]
fn without_a_state_it_is_try_again_and_nothing_is_made() {
    let site = Site::new(GOOD);
    let (code, line) = out(&site.ingest(&[]));
    assert_eq!(code, Some(75));
    assert!(line.starts_with("4.3.0 autoticket: no state in "), "{line}");
    assert!(!site.path("state").exists());
    fs::create_dir(site.path("state")).expect("an empty folder");
    assert_eq!(out(&site.ingest(&[])).0, Some(75), "an empty folder named by the environment is no state");
    assert!(files(&site.path("state")).is_empty());
    let state = site.path("state");
    let (code, _) = out(&site.ingest(&["--state", &state.to_string_lossy()]));
    assert_eq!((code, files(&state).len()), (Some(75), 0), "nor one named on the mail system's command line");
}

#[test]
fn missing_database_is_spooled_for_and_never_made_anew() {
    let site = Site::with_state(GOOD);
    fs::remove_file(site.path("state/autoticket.db")).expect("remove");
    let (code, line) = out(&site.ingest(&[]));
    assert!(code == Some(0) && line.starts_with("spooled: ") && line.contains("missing"), "{line}");
    site.assert_spooled();
    assert!(!site.path("state/autoticket.db").exists());
}

#[test]
fn damaged_database_is_spooled_for() {
    let site = Site::with_state(GOOD);
    fs::write(site.path("state/autoticket.db"), vec![b'x'; 40_000]).expect("damage");
    let (code, line) = out(&site.ingest(&[]));
    assert!(code == Some(0) && line.starts_with("spooled: "), "{line}");
    site.assert_spooled();
}

#[test]
fn rules_that_others_may_write_are_not_used_but_the_mail_is_kept() {
    let site = Site::with_state(GOOD);
    site.mode("rules/autoticket.yaml", 0o664);
    let strict = site.ingest(&["--strict"]);
    assert_eq!(strict.status.code(), Some(77));
    let said = String::from_utf8_lossy(&strict.stderr).into_owned();
    assert!(said.contains("chmod go-w"), "{said}");
    let (code, line) = out(&site.ingest(&[]));
    assert!(code == Some(0) && line.starts_with("spooled: "), "{line}");
    site.assert_spooled();
}

#[test]
fn strict_gives_people_the_honest_codes_and_spools_nothing() {
    let site = Site::with_state(BROKEN);
    assert_eq!(site.ingest(&["--strict"]).status.code(), Some(78));
    assert!(files(&site.path("state/spool/new")).is_empty());
    assert_eq!(site.ingest(&["--strict", "--bogus"]).status.code(), Some(64));
    assert_eq!(Site::new(GOOD).ingest(&["--strict"]).status.code(), Some(69));
}

#[test]
fn a_wrong_command_line_is_try_again() {
    let site = Site::with_state(GOOD);
    for words in
        [&["--bogus"][..], &["--batch", "x"], &["--now", "yesteryear"], &["--size", "-1"], &["--state"]]
    {
        let (code, line) = out(&site.ingest(words));
        assert_eq!(code, Some(75), "{words:?}: {line}");
        assert!(line.starts_with("4.3.0 autoticket: "), "{words:?}: {line}");
    }
}

#[test]
fn mail_shorter_than_the_mail_system_said_is_try_again() {
    let site = Site::with_state(GOOD);
    let (code, line) = out(&site.ingest(&["--size", "90000"]));
    assert!(code == Some(75) && line.contains("cut off"), "{line}");
    assert_eq!(site.audit()["received"], 0);
    assert_eq!(out(&site.ingest(&["--size", &(MAIL.len() + 300).to_string()])).0, Some(0));
}

#[test]
fn a_full_or_closed_terminal_changes_nothing() {
    for rules in [GOOD, BROKEN] {
        let site = Site::with_state(rules);
        let full = || Stdio::from(fs::OpenOptions::new().write(true).open("/dev/full").expect("open"));
        assert_eq!(site.fed(&[], full(), full()).status.code(), Some(0));
        if rules == BROKEN {
            site.assert_spooled();
        } else {
            assert_eq!(site.audit()["received"], 1);
        }
    }
}

#[test]
fn flush_that_fails_after_the_mail_is_stored_spools_it_no_second_time() {
    let rules = format!(
        "{GOOD}delivery: {{transport: smtp, smtp: {{host: localhost, user: a, credential: /nonexistent/secret}}}}\n"
    );
    let site = Site::with_state(&rules);
    let output = site.ingest(&["--flush"]);
    let (code, line) = out(&output);
    assert_eq!(code, Some(0), "{output:?}");
    assert!(line.starts_with("counted: "), "{line}");
    assert!(files(&site.path("state/spool/new")).is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("the mail is stored"), "{output:?}");
    assert_eq!(site.audit()["received"], 1);
}
