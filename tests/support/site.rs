//! A site of its own for a test: rules, a state and lists in a temporary folder, the binary run with an empty
//! environment and a clock that stands still.

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

pub const NOW: &str = "2026-03-12T18:00:00Z";

/// A site with rules, a state and lists.
pub struct Site {
    pub folder: TempDir,
}

/// What a command gave.
pub struct Gave {
    pub exit: i32,
    pub out: String,
    pub err: String,
}

impl Gave {
    pub fn json(&self) -> Value {
        assert_eq!(self.out.lines().count(), 1, "one object on one line: {}", self.out);
        serde_json::from_str(&self.out).expect("JSON")
    }

    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.exit, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// Exit, first line of the error, first hint.
    pub fn failure(&self) -> (i32, &str, &str) {
        let mut lines = self.err.lines();
        (self.exit, lines.next().unwrap_or_default(), lines.next().unwrap_or_default())
    }
}

impl Site {
    /// Only a folder.
    pub fn bare() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// With state, rules and lists.
    pub fn new() -> Self {
        let site = Self::bare();
        site.run(&["init", "--install-id", "test"]).ok();
        site.file("domains.txt", "example.com\n");
        site.file("nodes.csv", "name,aliases\nis38,is38-old\nis1,\n");
        site.run(&["domains", "import", "domains.txt"]).ok();
        site.run(&["nodes", "import", "nodes.csv"]).ok();
        site
    }

    /// Gives a file of the site another time of change, in seconds since 1970.
    pub fn dated(&self, name: &str, at: u64) {
        let file = fs::File::options().append(true).open(self.folder.path().join(name)).expect("the file");
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(at)).expect("its time");
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().expect("inside the folder")).expect("a folder");
        fs::write(&path, text).expect("a file");
        path
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = assert_cmd::cargo::cargo_bin_cmd!("autoticket");
        command
            .env_clear()
            .env("TZ", "UTC")
            .env("LOGNAME", "ann")
            .env("AUTOTICKET_RULES", self.folder.path().join("rules"));
        command.env("AUTOTICKET_STATE", self.folder.path().join("state"));
        command.current_dir(self.folder.path()).args(words);
        command
    }

    pub fn run(&self, words: &[&str]) -> Gave {
        self.fed(words, "")
    }

    /// With standard input.
    pub fn fed(&self, words: &[&str], input: &str) -> Gave {
        let rules = self.folder.path().join("rules");
        let mut all = vec!["--now", NOW];
        let rules = rules.to_string_lossy();
        if words.first() == Some(&"init") {
            all.extend(["--rules", &rules]);
        }
        all.extend(words);
        let output = self.command(&all).write_stdin(input).output().expect("it runs");
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).expect("UTF-8");
            text.replace(&*self.folder.path().to_string_lossy(), "SITE")
        };
        Gave {
            exit: output.status.code().expect("no signal"),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// Takes in one alert; the minute makes it another mail.
    pub fn alert(&self, minute: u32, device: &str, failure: &str) -> String {
        self.fed(&["ingest"], &alert("is38", minute, device, failure)).ok()
    }

    pub fn ticket(&self) -> String {
        let tickets = self.run(&["ticket", "list", "--json"]).json();
        tickets["items"][0]["ticket"].as_str().expect("a ticket").to_owned()
    }
}

pub fn alert(node: &str, minute: u32, device: &str, failure: &str) -> String {
    format!(
        "From: dm@{node}.east.example.com\r\nTo: alerts@example.com\r\nDate: Thu, 12 Mar 2026 17:{minute:02}:00 +0000\r\n\
         Message-ID: <{node}.{device}.{minute}@example.com>\r\nSubject: Distribution error on {device}\r\n\r\n\
         autoticket-alert: 1\r\nId: E-{minute}\r\nDevice: {device}\r\nTool: swdist\r\nJob: J42\r\nPackage: jre-1.3.1\r\n\
         Server: {node}\r\nFailure: {failure}\r\n"
    )
}
