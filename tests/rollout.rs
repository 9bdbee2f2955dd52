//! The main job on our own failed rollout and on real mail, through the binary, as its users run it.
//!
//! Every fixture ends as `expect.yaml` says; `explain` says beforehand exactly what `ingest` then says; a
//! replayed mailbox and every size of batch give the same tickets as the live run, byte for byte; the real
//! bounce mails beside the project (where they are) balance.

use assert_cmd::Command;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

#[path = "support/corpus.rs"]
mod real;

const NOW: &str = "2026-03-04T12:00:00Z";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectations {
    mails: Vec<Expected>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    file: String,
    outcome: String,
    gate: Option<String>,
    #[serde(default)]
    alerts: Vec<ExpectedAlert>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedAlert {
    device: String,
    failure: Option<String>,
    #[serde(default)]
    refused: bool,
}

/// A site on the embedded defaults, with the rollout's lists.
struct Site {
    folder: TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        site.ok(&["init", "--install-id", "demo"]);
        site.ok(&["domains", "import", path(&rollout().join("domains.txt"))]);
        site.ok(&["nodes", "import", path(&rollout().join("nodes.csv"))]);
        site
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::cargo_bin("autoticket").expect("the binary is built");
        // Neither ./rules nor the environment: the embedded defaults.
        command.current_dir(self.folder.path()).env_clear().args(["--state", "state", "--now", NOW]);
        command.args(arguments);
        command
    }

    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("the binary runs");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        assert!(output.status.success(), "{arguments:?}: {}", text(output.stderr));
        text(output.stdout)
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(arguments)).expect("one JSON object")
    }

    /// What the file transport delivered: name to bytes.
    fn tickets(&self) -> BTreeMap<String, Vec<u8>> {
        let outgoing = self.folder.path().join("state/outgoing");
        let entries = fs::read_dir(outgoing).expect("a folder of tickets");
        entries
            .map(|entry| {
                let entry = entry.expect("an entry");
                (entry.file_name().into_string().expect("UTF-8"), fs::read(entry.path()).expect("a ticket"))
            })
            .collect()
    }
}

fn rollout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rollout")
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn expectations() -> Vec<Expected> {
    let text = fs::read_to_string(rollout().join("expect.yaml")).expect("part of the source tree");
    let expected: Expectations = serde_yaml::from_str(&text).expect("expect.yaml is sound");
    expected.mails
}

fn files() -> Vec<PathBuf> {
    expectations().iter().map(|e| rollout().join(&e.file)).collect()
}

/// The rollout as one mbox; lines that begin like a separator are quoted.
fn mbox() -> Vec<u8> {
    let mut mbox = Vec::new();
    for file in files() {
        mbox.extend(b"From dm@acme.example Mon Mar  2 00:00:00 2026\n");
        for line in fs::read(file).expect("a fixture").split_inclusive(|b| *b == b'\n') {
            let bare = line.iter().position(|b| *b != b'>').unwrap_or(0);
            if line[bare..].starts_with(b"From ") {
                mbox.push(b'>');
            }
            mbox.extend(line);
        }
        mbox.extend(b"\n");
    }
    mbox
}

#[test]
fn every_fixture_ends_as_expected_and_explain_says_it_before() {
    let site = Site::new();
    let mut outcomes = BTreeSet::new();
    for expected in expectations() {
        let file = rollout().join(&expected.file);
        let mut explained = site.json(&["explain", "--json", path(&file)]);
        let again = site.json(&["explain", "--json", path(&file)]);
        let said = site.json(&["ingest", "--json", "--strict", path(&file)]);
        assert_eq!(explained, again, "{}: explaining changes nothing", expected.file);
        explained.as_object_mut().expect("an object").remove("steps");
        assert_eq!(explained, said, "{}", expected.file);
        // A mail cut off by a killed pipe is counted until the longer copy comes; here the longer came first.
        assert_eq!(
            said["outcome"],
            expected.outcome.as_str(),
            "{}: {}",
            expected.file,
            said["reason"]["text"]
        );
        if let Some(gate) = &expected.gate {
            assert_eq!(said["reason"]["gate"], gate.as_str(), "{}", expected.file);
        }
        let alerts = said["alerts"].as_array().expect("a list");
        assert_eq!(alerts.len(), expected.alerts.len(), "{}", expected.file);
        for (said, expected) in alerts.iter().zip(&expected.alerts) {
            assert_eq!(said["device"], expected.device.as_str());
            assert_eq!(said.get("reason").is_some(), expected.refused, "{said}");
            if let Some(failure) = &expected.failure {
                assert_eq!(said["failure"], failure.as_str());
            }
        }
        outcomes.insert(expected.outcome);
    }
    assert_eq!(outcomes.len(), 7, "all seven outcomes: {outcomes:?}");
    assert_eq!(site.json(&["audit", "--json"])["balanced"], true);
}

#[test]
fn replayed_mailbox_and_every_batch_size_give_the_live_runs_tickets_byte_for_byte() {
    let live = Site::new();
    for file in files() {
        live.command(&["ingest", "--flush", path(&file)]).assert().success();
    }
    let expected = live.tickets();
    assert!(expected.len() >= 8, "{} tickets", expected.len());
    for batch in ["1", "7", "100", "10000"] {
        let replay = Site::new();
        let mbox_file = replay.folder.path().join("rollout.mbox");
        fs::write(&mbox_file, mbox()).expect("a mailbox");
        replay.ok(&["ingest", "--batch", batch, "rollout.mbox"]);
        replay.ok(&["flush"]);
        assert_eq!(replay.tickets().keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for (name, bytes) in replay.tickets() {
            assert!(bytes == expected[&name], "batch {batch}: {name} differs");
        }
        // The same mailbox again changes nothing.
        let before = replay.json(&["audit", "--json"]);
        replay.ok(&["ingest", "rollout.mbox", "--flush"]);
        let after = replay.json(&["audit", "--json"]);
        for kept in ["counted", "rejected", "unrecognised", "quarantined", "repair", "own"] {
            assert_eq!(before[kept], after[kept], "{kept}");
        }
        assert_eq!(replay.tickets().len(), expected.len());
    }
}

#[test]
fn reply_of_a_person_is_kept_with_its_ticket() {
    let site = Site::new();
    for file in files().iter().take(4) {
        site.ok(&["ingest", "--flush", path(file)]);
    }
    let tickets = site.json(&["ticket", "list", "--json"]);
    let number = tickets["items"][0]["ticket"].as_str().expect("a number").to_owned();
    let template = fs::read_to_string(rollout().join("reply-to-ticket.eml.template")).expect("a template");
    let sent = site.tickets().into_values().next().expect("a ticket");
    let sent = String::from_utf8(sent).expect("UTF-8");
    let id =
        sent.split("Message-ID: <").nth(1).and_then(|rest| rest.split('>').next()).expect("a Message-ID");
    let reply = site.folder.path().join("reply.eml");
    fs::write(&reply, template.replace("@TICKET@", id)).expect("a reply");
    let said = site.json(&["ingest", "--json", path(&reply)]);
    assert_eq!((said["outcome"].as_str(), said["reason"]["gate"].as_str()), (Some("repair"), Some("own")));
    let shown = site.ok(&["ticket", "show", &number]);
    assert!(shown.to_lowercase().contains("repl"), "{shown}");
}

/// All real mails as a Maildir.
fn maildir(corpus: &Path, at: &Path) -> usize {
    for sub in ["cur", "new", "tmp"] {
        fs::create_dir_all(at.join(sub)).expect("a Maildir");
    }
    let mut mails = Vec::new();
    for shelf in ["bsd", "dos", "mac", "err", "not"] {
        for entry in fs::read_dir(corpus.join(shelf)).expect("a shelf") {
            mails.push((shelf, entry.expect("an entry").path()));
        }
    }
    mails.sort();
    for (index, (shelf, mail)) in mails.iter().enumerate() {
        let leaf = mail.file_name().expect("a name").to_string_lossy().into_owned();
        let name = format!("17724{index:05}.M{index}P1.{shelf}-{leaf}");
        fs::copy(mail, at.join("new").join(name)).expect("a copy");
    }
    mails.len()
}

#[test]
fn real_bounces_balance_with_315_first_copies_and_a_second_pass_counts_nothing() {
    let Some(corpus) = real::mails() else { return };
    let site = Site::new();
    let rules = site.folder.path().join("rules");
    fs::create_dir_all(&rules).expect("a folder");
    let off = "gates:\n  domain: {enabled: false}\n  subject: {enabled: false}\n  node: {enabled: false}\n";
    fs::write(rules.join("autoticket.yaml"), off).expect("rules");
    let at = site.folder.path().join("bounces");
    assert_eq!(maildir(&corpus, &at), 392);

    let out = site.ok(&["ingest", "--json", "--rules", "rules", "bounces"]);
    let said: Vec<Value> = out.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!(said.len(), 392);
    let audit = site.json(&["audit", "--json"]);
    assert_eq!((&audit["received"], &audit["balanced"]), (&Value::from(392), &Value::from(true)));
    assert_eq!(audit["duplicate"], 77, "{audit}");

    let counted: Vec<&Value> = said
        .iter()
        .filter(|m| {
            m["outcome"] == "counted" && m["reason"]["text"].as_str().unwrap_or("").contains("rfc3464")
        })
        .collect();
    // 217 of the 392 mails hold a delivery report with a recipient (tests/corpus.rs); 174 of them come first.
    assert_eq!(counted.len(), 174);
    assert!(counted.iter().all(|m| m["alerts"][0]["device"].as_str().is_some_and(|d| !d.is_empty())));
    assert!(counted.iter().all(|m| !m["place"].as_str().unwrap_or("").contains(".not-")));

    for entry in fs::read_dir(at.join("cur")).expect("taken in mails") {
        let entry = entry.expect("an entry").path();
        let back = at.join("new").join(entry.file_name().expect("a name"));
        fs::rename(&entry, back).expect("put back");
    }
    site.ok(&["ingest", "--rules", "rules", "bounces"]);
    let again = site.json(&["audit", "--json"]);
    assert_eq!(again["duplicate"], 77 + 392, "a second pass counts nothing: {again}");
    assert_eq!(again["counted"], audit["counted"]);
    assert_eq!(again["balanced"], true);
}
