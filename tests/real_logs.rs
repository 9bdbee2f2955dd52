//! The logs of `../shared/corpus` (or `AUTOTICKET_CORPUS`), which nobody on this project wrote, read by the program. They
//! are not part of the project; where they are absent the test says so on one line.

#[path = "support/corpus.rs"]
mod real;
#[path = "support/site.rs"]
#[allow(dead_code, reason = "each test takes what it needs of a site")]
mod site;

use serde_json::Value;
use site::Site;
use std::path::PathBuf;

fn log(name: &str) -> Option<PathBuf> {
    Some(real::folder("log")?.join(name))
}

/// What `rules test` says of logs, and what is left of them by `redistribute --list`.
fn told(names: &[&str]) -> Option<(Value, Value)> {
    let paths: Vec<String> =
        names.iter().map(|name| Some(log(name)?.display().to_string())).collect::<Option<_>>()?;
    let site = Site::bare();
    site.file("own/redistribution.yaml", "servers: {}\n");
    let rules = ["--rules", "own"];
    let mut test = vec!["rules", "test", "--log", "--json"];
    test.extend(paths.iter().map(String::as_str));
    let tested = site.run(&[&rules[..], &test].concat());
    let all = paths.join(",");
    let list = ["redistribute", "--log", &all, "--list", "--json"];
    let listed = site.run(&[&rules[..], &list].concat());
    Some((tested.json(), listed.json()))
}

/// The one rule that reads a log: counts of its runs and recipients, and that every line is understood.
fn only<'v>(tested: &'v Value, rule: &str) -> &'v Value {
    let rules = tested["rules"].as_array().expect("rules");
    assert_eq!((rules.len(), rules[0]["rule"].as_str()), (1, Some(rule)), "{tested}");
    assert_eq!(rules[0]["not_understood"], 0, "{tested}");
    &rules[0]
}

fn names(job: &Value) -> Vec<&str> {
    let failed = job["recipients"]["failed"].as_array().expect("recipients");
    failed.iter().map(|recipient| recipient["name"].as_str().expect("a name")).collect()
}

#[test]
fn ansible_1_has_19_runs_with_their_commands_18_without_effect_and_none_to_reissue() {
    let Some((tested, listed)) = told(&["ansible1-cscfi.log"]) else { return };
    let read = only(&tested, "ansible1");
    assert_eq!((&read["commands"], &read["runs"]["skipped"]), (&Value::from(19), &Value::from(18)), "{read}");
    assert_eq!(read["runs"]["ok"], 1, "{read}");
    assert_eq!(listed["jobs"].as_array().map(Vec::len), Some(0), "{listed}");
}

#[test]
fn capistrano_has_10_runs_five_unfinished_and_no_probe_is_a_failure() {
    let Some((tested, listed)) = told(&["capistrano-joutes.log"]) else { return };
    let read = only(&tested, "capistrano");
    // The tenth is `cap production deplox`, a task that does not exist: nothing was begun.
    assert_eq!(read["runs"], serde_json::json!({ "ok": 4, "unfinished": 5, "unknown": 1 }), "{read}");
    assert_eq!(read["commands"], 10);
    let path = log("capistrano-joutes.log").expect("at hand");
    let text = std::fs::read_to_string(path).expect("readable");
    let probes = text.lines().filter(|line| line.contains(" (failed)")).count();
    assert_eq!(probes, 41, "lines that end with another status and are no failure");
    let hosts = text.lines().filter(|line| line.contains(" as joutes@joutes.mycpnv.ch")).count();
    assert!(hosts > 100, "{hosts}");
    assert!(read["recipients"]["failed"].is_null(), "{read}");
    // What is left is what was unfinished at the one host, the last attempt for the others.
    let jobs = listed["jobs"].as_array().expect("jobs");
    let open: Vec<_> = jobs.iter().filter(|job| job["folded"].is_null() && !names(job).is_empty()).collect();
    for job in &open {
        assert_eq!(names(job), ["joutes.mycpnv.ch"], "{job}");
        assert_eq!(job["recipients"]["failed"][0]["outcome"], "unfinished", "{job}");
    }
}

#[test]
fn apt_has_every_transaction_and_one_failed() {
    let Some((tested, listed)) = told(&["plaso-apt_history.log"]) else { return };
    let read = only(&tested, "apt");
    assert_eq!(read["runs"], serde_json::json!({ "ok": 9, "failed": 1 }), "{read}");
    assert_eq!(read["commands"], 10);
    let jobs = listed["jobs"].as_array().expect("jobs");
    let originals: Vec<_> = jobs.iter().map(|job| job["original"].as_str()).collect();
    assert_eq!(originals, [Some("apt-get install -y docker-ce docker-ce-cli containerd.io")], "{listed}");
}

#[test]
fn the_compressed_syslogs_are_equal() {
    let Some(gz) = told(&["plaso-syslog.gz"]) else { return };
    for name in ["plaso-syslog.bz2", "plaso-syslog.xz"] {
        let other = told(&[name]).expect("at hand");
        let strip = |tested: &Value| tested["rules"].to_string().replace("plaso-syslog.gz", name);
        assert_eq!(strip(&other.0), strip(&gz.0));
        for key in ["text_bytes", "long_lines"] {
            assert_eq!(other.0["read"][key], gz.0["read"][key], "{name} {key}");
        }
        assert_eq!(other.1["jobs"], gz.1["jobs"]);
    }
}

#[test]
fn cron_and_zsh_give_commands_to_join_the_torn_last_line_too() {
    let Some((tested, _)) = told(&["plaso-syslog_cron.log"]) else { return };
    assert_eq!(only(&tested, "cron")["commands"], 9);
    let (tested, listed) = told(&["plaso-zsh_extended_history.txt"]).expect("at hand");
    let read = only(&tested, "zsh-history");
    assert_eq!((&read["commands"], &read["runs"]["unknown"]), (&Value::from(4), &Value::from(4)), "{read}");
    assert_eq!(listed["jobs"].as_array().map(Vec::len), Some(0), "a command alone failed nowhere");
}
