//! What rules make of logs, through the program: coverage, samples, ansible-runner's folders, and rules of others.

#[path = "support/site.rs"]
#[allow(dead_code, reason = "each test takes what it needs of a site")]
mod site;

use serde_json::Value;
use site::Site;
use std::fs;
use std::os::unix::fs::PermissionsExt;

const LOG: &str = "2026-03-01T00:00:01Z is1 dm[7]: START job=J1 cmd=\"swdist -p a -l /l\"\n\
    2026-03-01T00:00:02Z is1 dm[7]: job=J1 target=c1 state=OK\n\
    2026-03-01T00:00:03Z is1 dm[7]: job=J1 target=c2 state=PONDERING\n\
    \x1b[2Jwhat is this\u{202e}?\n\
    2026-03-01T00:00:04Z is1 dm[7]: END job=J1 state=CANCELLED\n";

/// A site without rules of its own.
fn site() -> Site {
    let site = Site::bare();
    site.file("rules/conf.d/none.yaml", "");
    site
}

#[test]
fn lines_are_counted_per_event_and_those_no_rule_understands_are_shown_escaped() {
    let site = site();
    site.file("dist.log", LOG);
    let gave = site.run(&["rules", "test", "dist.log"]);
    assert_eq!(gave.exit, 0, "{}{}", gave.out, gave.err);
    for wanted in [
        "dist.log: native: its patterns match, and 3 of the first 5 lines are understood\n",
        "native: 3 of 5 lines understood\n",
        "1  event 1 (start)  ",
        "1  event 4 (recipient)  ",
        "  1 run (1 cancelled), 1 with a command\n",
        "  1 recipient (1 ok)\n",
        "  2 lines understood by no event; the first:\n",
        "dist.log:4: \\x1b[2Jwhat is this\\u{202e}?\n",
    ] {
        assert!(gave.out.contains(wanted), "{wanted}\n{}", gave.out);
    }
    assert!(!gave.out.contains('\u{1b}') && !gave.out.contains('\u{202e}'));
    let json = site.run(&["rules", "test", "dist.log", "--json"]).json();
    let rule = &json["rules"][0];
    assert_eq!((&rule["not_understood"], &json["passed"]), (&Value::from(2), &Value::from(true)), "{json}");
    let records: Vec<_> = rule["events"].as_array().expect("events").iter().map(|e| &e["records"]).collect();
    assert_eq!(records, [&Value::from(1), &Value::from(1), &Value::from(0), &Value::from(1)]);
}

#[test]
fn of_a_log_in_which_no_event_matches_nothing_is_understood() {
    let site = site();
    site.file("dist.log", LOG);
    site.file("ansible.log", "PLAY [all] ****\n\nTASK [one] ****\nok: [c1]\n");
    let gave = site.run(&["rules", "test", "dist.log", "--format", "ansible"]);
    assert!(gave.out.contains("ansible: 0 of 5 lines understood\n"), "{}", gave.out);
    assert!(gave.out.contains("  5 lines understood by no event; the first:\n    "), "{}", gave.out);
    assert!(gave.out.contains("dist.log:1: 2026-03-01T00:00:01Z is1 dm[7]: START "), "{}", gave.out);
    site.file("own/redistribution.yaml", "servers: {}\n");
    for (log, format, said) in [
        ("dist.log", "ansible", "note: 5 of 5 lines not understood by ansible, first "),
        ("ansible.log", "native", "note: 4 of 4 lines not understood by native"),
    ] {
        let words =
            ["--rules", "own", "redistribute", "--log", log, "--format", format, "--server", "is1", "--list"];
        let gave = site.run(&words);
        assert_eq!((gave.exit, gave.out.contains(said)), (1, true), "{log}: {}{}", gave.out, gave.err);
    }
    let right = [
        "--rules",
        "own",
        "redistribute",
        "--log",
        "dist.log",
        "--format",
        "native",
        "--server",
        "is9",
        "--list",
    ];
    let out = site.run(&right).out;
    assert!(
        !out.contains("5 of 5 lines not understood"),
        "most lines that are passed over are understood: {out}"
    );
}

#[test]
fn a_limit_on_lines_not_understood_fails() {
    let site = site();
    site.file("dist.log", LOG);
    for (most, exit) in [("2", 0), ("1", 1), ("40%", 0), ("39%", 1), ("0", 1)] {
        let gave = site.run(&["rules", "test", "dist.log", "--most-unknown", most]);
        assert_eq!(gave.exit, exit, "{most}: {}{}", gave.out, gave.err);
        assert_eq!(gave.out.contains(&format!("by no event, more than {most}; the first:")), exit == 1);
    }
    assert_eq!(site.run(&["rules", "test", "dist.log", "--most-unknown", "many"]).exit, 64);
}

#[test]
fn a_log_without_a_rule_says_so_and_mails_are_told_from_logs() {
    let site = site();
    site.file("what.log", "this and that\n");
    let gave = site.run(&["rules", "test", "what.log"]);
    assert_eq!(gave.exit, 1, "{}", gave.out);
    assert!(
        gave.out.contains("what.log: no logfile rule recognises it; name one with --format"),
        "{}",
        gave.out
    );
    let gave = site.run(&["rules", "test", "what.log", "--format", "sudo"]);
    assert!(gave.out.contains("sudo: 0 of 1 line understood\n"), "{}", gave.out);
    let gave = site.run(&["rules", "test", "what.log", "--format", "sudoo"]);
    assert!(gave.exit == 64 && gave.err.contains("no logfile rule is called `sudoo`"), "{}", gave.err);
    assert!(site.run(&["rules", "test", "what.log", "--mail"]).out.contains("no format matches"));
    let mail = site::alert("is38", 1, "node7", "disk");
    site.file("mail", &mail);
    assert!(site.run(&["rules", "test", "mail"]).out.contains("read by native"));
    assert_eq!(site.run(&["rules", "test", "mail", "--log"]).exit, 1);
    assert_eq!(site.run(&["rules", "test", "mail", "--log", "--mail"]).exit, 64);
}

#[test]
fn samples_of_logfile_rules_are_run_and_a_wrong_claim_is_told_with_its_line() {
    let site = site();
    let rule = "log: own\nrecognise: ['^x ']\nevents: [{does: whole, matches: '^x (?<command>.+)'}]\n";
    site.file("own/logs/own.yaml", rule);
    let check = |site: &Site| site.run(&["--rules", "own", "rules", "check"]);
    let gave = check(&site);
    assert!(
        gave.exit == 0 && gave.out.contains("logs/own.yaml:1:1: logfile rule `own` has no samples: write ")
    );
    let claim = "samples:\n  - name: one\n    text: |\n      x rsync a b\n    runs: [{argv: [rsync, a]}]\n";
    site.file("own/logs/own.samples.yaml", claim);
    let gave = site.run(&["--rules", "own", "rules", "test"]);
    assert_eq!(gave.exit, 1);
    let said = r#"line 5: argv is `["rsync","a","b"]`, not `["rsync","a"]`"#;
    assert!(
        gave.out.contains("FAIL logs/own.samples.yaml:2 one\n") && gave.out.contains(said),
        "{}",
        gave.out
    );
    let gave = check(&site);
    assert_eq!(gave.exit, 78);
    assert!(gave.out.contains("logs/own.samples.yaml:5:1: sample one: argv is "), "{}", gave.out);
    site.file("own/logs/own.samples.yaml", &claim.replace("[rsync, a]}", "[rsync, a, b]}"));
    assert_eq!((check(&site).exit, site.run(&["--rules", "own", "rules", "test"]).exit), (0, 0));
    site.file("own/logs/own.samples.yaml", "samples: [{nam: x}]\n");
    let gave = check(&site);
    assert!(gave.exit == 78 && gave.out.contains("did you mean `name`?"), "{}", gave.out);
}

/// An artifact of ansible-runner: c1 delivered, c2 failed, c3 could not be reached.
fn artifact(site: &Site, ident: &str) {
    let folder = format!("artifacts/{ident}");
    let command = r#"{"command":["ansible-playbook","-i","hosts","two words.yml","-l","web"],"cwd":"/srv","env":{"TOKEN":"x"}}"#;
    site.file(&format!("{folder}/command"), command);
    site.file(&format!("{folder}/rc"), "4");
    site.file(&format!("{folder}/status"), "failed");
    site.file(&format!("{folder}/stdout"), "PLAY [web] ***\n");
    let event = |number: u32, text: &str| {
        site.file(&format!("{folder}/job_events/{number}-0ab.json"), text);
    };
    event(1, r#"{"event":"playbook_on_start","created":"2026-03-01T09:59:00.1","event_data":{}}"#);
    event(9, r#"{"event":"runner_on_ok","created":"2026-03-01T09:59:30","event_data":{"host":"c1"}}"#);
    event(
        10,
        r#"{"event":"playbook_on_stats","created":"2026-03-01T10:00:00","event_data":{"ok":{"c1":3},"failures":{"c2":1},"dark":{"c3":1},"processed":{"c1":1,"c2":1,"c3":1}}}"#,
    );
}

#[test]
fn artifacts_of_ansible_runner_are_recognised_read_and_narrowed() {
    let site = site();
    artifact(&site, "7f");
    site.file("own/redistribution.yaml", "servers: {}\n");
    let list = |log: &str, more: &[&str]| {
        site.run(&[&["--rules", "own", "redistribute", "--log", log, "--list", "--json"][..], more].concat())
    };
    for log in ["artifacts", "artifacts/7f"] {
        let gave = list(log, &[]);
        assert_eq!(gave.exit, 1, "{}{}", gave.out, gave.err);
        let plan = gave.json();
        let job = &plan["jobs"][0];
        assert_eq!((&job["job"], &job["rule"]), (&"7f".into(), &"ansible-runner".into()), "{plan}");
        let argv =
            serde_json::json!(["ansible-playbook", "--limit", "c2,c3", "-i", "hosts", "two words.yml"]);
        let argv_of = |command: &Value| {
            command["argv"]
                .as_array()
                .expect("argv")
                .iter()
                .map(|token| token["text"].clone())
                .collect::<Value>()
        };
        let command = &job["commands"][0];
        let found = if command["argv"][0].is_string() { command["argv"].clone() } else { argv_of(command) };
        assert_eq!((found, &command["grade"]), (argv, &"exact".into()), "{command}");
        assert_eq!(job["run"]["start"], "2026-03-01T09:59:00.1Z");
        assert!(!plan.to_string().contains("TOKEN"));
    }
    assert_eq!(
        list("artifacts", &["--format", "ansible-runner"]).json()["jobs"].as_array().map(Vec::len),
        Some(1)
    );
    // Read as something else, its files are logs like any others.
    assert_eq!(list("artifacts", &["--format", "native"]).json()["jobs"].as_array().map(Vec::len), Some(0));
    site.file("dist.log", LOG);
    let gave = list("dist.log", &["--format", "ansible-runner"]);
    assert!(gave.out.contains("it is no artifact of ansible-runner"), "{}", gave.out);
    let gave = site.run(&["rules", "test", "artifacts"]);
    assert_eq!(gave.exit, 0, "{}{}", gave.out, gave.err);
    assert!(gave.out.contains("  3 recipients (1 ok, 1 failed, 1 unreachable)\n"), "{}", gave.out);
    site.file("artifacts/7f/command", "{\"command\": [\"ans");
    let gave = site.run(&["rules", "test", "artifacts"]);
    assert!(gave.exit == 1 && gave.out.contains("artifacts/7f/command: EOF while parsing"), "{}", gave.out);
}

#[test]
fn rules_reached_through_a_folder_that_others_may_write_are_refused() {
    let site = site();
    site.file("dist.log", LOG);
    site.file("above/own/redistribution.yaml", "servers: {}\n");
    let above = site.folder.path().join("above");
    let mode = |mode| fs::set_permissions(&above, fs::Permissions::from_mode(mode)).expect("ours");
    let commands: [&[&str]; 3] = [
        &["redistribute", "--log", "dist.log", "--list"],
        &["rules", "check"],
        &["rules", "test", "dist.log"],
    ];
    for (bits, refused) in [(0o777, true), (0o775, true), (0o1777, false), (0o755, false)] {
        mode(bits);
        for command in commands {
            let gave = site.run(&[&["--rules", "above/own"], command].concat());
            assert_eq!(gave.exit == 77, refused, "{bits:o} {command:?}: {}", gave.err);
            assert_eq!(
                gave.err.contains("SITE/above may be written by others (mode 77"),
                refused,
                "{}",
                gave.err
            );
        }
    }
}

#[test]
fn redistribute_never_takes_the_rules_of_the_present_folder() {
    let site = site();
    site.file("dist.log", LOG);
    // Rules that would be found wrong if they were read, and a state that they name.
    site.file("rules/autoticket.yaml", "state: evil\n");
    site.file("rules/redistribution.yaml", "server: {}\n");
    site.file("evil/redistribution-id", "x\n");
    let mut command = site.command(&["redistribute", "--log", "dist.log", "--list"]);
    let gave =
        command.env_remove("AUTOTICKET_RULES").env_remove("AUTOTICKET_STATE").output().expect("it runs");
    let said = String::from_utf8_lossy(&gave.stderr).into_owned() + &String::from_utf8_lossy(&gave.stdout);
    assert_eq!(gave.status.code(), Some(1), "they are logs of is1: {said}");
    assert!(!said.contains("evil") && !said.contains("server: {}"), "{said}");
}
