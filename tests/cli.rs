//! The command line as people and monitoring use it: outputs, JSON, exit statuses. The environment is empty,
//! the clock stands still, the state is a temporary folder.

#[path = "support/site.rs"]
#[allow(dead_code, reason = "each test takes what it needs of a site")]
mod site;

use serde_json::Value;
use site::{NOW, Site, alert};
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn an_alert_that_meets_its_threshold_becomes_a_ticket_that_is_sent_once() {
    let site = Site::new();
    let first = site.alert(1, "node7", "distribution");
    assert_eq!(first, "counted: 1 alert read by format native; node7 distribution 1/2\n");
    let second = site.alert(2, "node7", "distribution");
    let ticket = site.ticket();
    assert_eq!(
        second,
        format!("counted: 1 alert read by format native; node7 distribution 2/2; ticket {ticket}\n")
    );
    let again = site.alert(2, "node7", "distribution");
    assert_eq!(again, "duplicate: the same mail as 2; nothing changed\n");
    site.run(&["flush"]).ok();
    assert!(site.folder.path().join(format!("state/outgoing/{ticket}.ticket.eml")).is_file());
    assert_eq!(site.run(&["flush"]).ok(), "", "nothing is due");
}

#[test]
fn lists_show_what_happened_in_columns() {
    let site = Site::new();
    site.alert(1, "node7", "distribution");
    site.alert(2, "node7", "distribution");
    site.fed(
        &["ingest"],
        &alert("is38", 3, "node8", "connection").replace("is38.east.example.com", "spam.example"),
    );
    let ticket = site.ticket();
    let shown = |words: &[&str]| site.run(words).ok().replace(&ticket, "T-XXXXXXXX");
    insta::assert_snapshot!("mail_list", shown(&["mail", "list"]));
    insta::assert_snapshot!("alert_list", shown(&["alert", "list"]));
    insta::assert_snapshot!("ticket_list", shown(&["ticket", "list"]));
    insta::assert_snapshot!("device_show", shown(&["device", "show", "NODE7."]));
    insta::assert_snapshot!("failed_list", shown(&["failed", "list", "--server", "IS38"]));
    insta::assert_snapshot!("alert_show", shown(&["alert", "show", "2"]));
    site.run(&["flush"]).ok();
    insta::assert_snapshot!("ticket_show", shown(&["ticket", "show", &ticket]));
}

#[test]
fn every_json_object_names_its_schema_and_lists_hold_items() {
    let site = Site::new();
    site.alert(1, "node7", "disk");
    let ticket = site.ticket();
    let lists: &[(&[&str], &str)] = &[
        (&["mail", "list"], "autoticket.mails/1"),
        (&["alert", "list"], "autoticket.alerts/1"),
        (&["ticket", "list"], "autoticket.tickets/1"),
        (&["threshold", "list"], "autoticket.thresholds/1"),
        (&["device", "list"], "autoticket.devices/1"),
        (&["nodes", "list"], "autoticket.nodes/1"),
        (&["nodes", "misses"], "autoticket.misses/1"),
        (&["domains", "list"], "autoticket.domains/1"),
        (&["failed", "list"], "autoticket.failed/1"),
        (&["audit", "log"], "autoticket.audit-log/1"),
        (&["rules", "list"], "autoticket.formats/1"),
        (&["rules", "check"], "autoticket.rules-check/1"),
        (&["rules", "test"], "autoticket.rules-test/1"),
        (&["doctor"], "autoticket.doctor/1"),
    ];
    for (words, schema) in lists {
        let object = site.run(&[*words, &["--json"]].concat()).json();
        assert_eq!(object["schema"], *schema, "{words:?}");
        assert!(object["items"].is_array(), "{words:?}");
    }
    let others: &[(&[&str], &str)] = &[
        (&["mail", "show", "1"], "autoticket.mail-stored/1"),
        (&["alert", "show", "1"], "autoticket.alert/1"),
        (&["ticket", "show", &ticket], "autoticket.ticket/1"),
        (&["device", "show", "node7"], "autoticket.device/1"),
        (&["status"], "autoticket.status/1"),
        (&["audit"], "autoticket.audit/1"),
        (&["rules", "show"], "autoticket.settings/1"),
        (&["mail", "retry", "--dry-run"], "autoticket.retry/1"),
        (&["repaired", "node7", "--dry-run"], "autoticket.repaired/1"),
        (&["ticket", "close", &ticket, "--reason", "x", "--dry-run"], "autoticket.ticket-closed/1"),
        (&["ticket", "resend", &ticket, "--dry-run"], "autoticket.ticket-resent/1"),
        (&["explain", "1"], "autoticket.mail/1"),
        (&["flush", "--dry-run"], "autoticket.due/1"),
    ];
    for (words, schema) in others {
        assert_eq!(site.run(&[*words, &["--json"]].concat()).json()["schema"], *schema, "{words:?}");
    }
}

#[test]
fn global_options_stand_before_or_after_the_command() {
    let site = Site::new();
    let before = site.run(&["--json", "audit"]).ok();
    assert_eq!(before, site.run(&["audit", "--json"]).ok());
    assert_eq!(before, site.run(&["audit", "--json", "--state", "state", "--now", NOW]).ok());
}

#[test]
fn a_usage_error_of_ingest_is_temporary_for_the_mail_system() {
    let site = Site::new();
    for words in
        [&["ingest", "--nonsense"][..], &["--json", "ingest", "--size", "many"], &["ingest", "--now", "soon"]]
    {
        let gave = site.fed(words, &alert("is38", 1, "node7", "disk"));
        assert_eq!(gave.exit, 75, "{words:?}");
        assert!(gave.out.starts_with("4.3.0 autoticket: "), "{words:?}: {}", gave.out);
    }
    assert_eq!(site.run(&["ingest", "--nonsense", "--strict"]).exit, 64);
    assert_eq!(site.run(&["mail", "list", "--nonsense"]).exit, 64);
    assert_eq!(site.run(&["audit", "--json"]).json()["received"], 0, "nothing was kept");
}

#[test]
fn broken_rules_spool_mails_and_hide_nothing_that_is_stored() {
    let site = Site::new();
    site.alert(1, "node7", "distribution");
    site.file("rules/alerts/x.yaml", "forrmat: x\n");
    let spooled = site.alert(2, "node7", "distribution");
    assert!(spooled.starts_with("spooled: the rules are wrong"), "{spooled}");
    let checked = site.run(&["rules", "check"]);
    assert_eq!(checked.exit, 78);
    assert!(
        checked
            .out
            .contains("alerts/x.yaml:1:1: unknown key `forrmat` in a format rule, did you mean `format`?")
    );
    let status = site.run(&["status"]);
    assert_eq!(status.exit, 1);
    assert!(status.out.contains("2 received: 1 counted, 1 spooled"), "{}", status.out);
    assert!(
        status.out.contains("! the rules are wrong: mails are spooled meanwhile; autoticket rules check"),
        "{}",
        status.out
    );
    assert_eq!(site.run(&["mail", "list", "--json"]).json()["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(site.run(&["threshold", "list"]).exit, 78);
    fs::remove_file(site.folder.path().join("rules/alerts/x.yaml")).expect("removed");
    site.run(&["flush"]).ok();
    let audit = site.run(&["audit", "--json"]).json();
    assert_eq!(
        (&audit["counted"], &audit["spooled"], &audit["balanced"]),
        (&2.into(), &0.into(), &true.into())
    );
}

#[test]
fn audit_adds_up_and_says_so() {
    let site = Site::new();
    site.alert(1, "node7", "disk");
    site.alert(1, "node7", "disk");
    let gave = site.run(&["audit"]);
    assert_eq!(
        gave.out,
        "2 received = 1 counted + 1 duplicate + 0 rejected + 0 unrecognised + 0 quarantined + 0 repair + 0 own + 0 spooled\n\
         1 alert records = the 1 their mails name\nbalanced\n"
    );
    assert_eq!(gave.exit, 0);
}

#[test]
fn status_is_loud_while_nobody_flushes() {
    let site = Site::new();
    assert_eq!(site.run(&["status"]).exit, 0, "nothing is due");
    site.alert(1, "node7", "disk");
    let gave = site.run(&["status"]);
    assert_eq!(gave.exit, 1);
    let loud = "! 1 due, last flush never: run `autoticket flush` or `autoticket run`\n";
    assert!(gave.out.ends_with(loud), "{}", gave.out);
    site.run(&["flush"]).ok();
    let gave = site.run(&["status"]);
    assert_eq!(
        (gave.exit, gave.out.contains("last flush     2026-03-12 18:00:00Z\n")),
        (0, true),
        "{}",
        gave.out
    );
}

#[test]
fn closing_a_ticket_needs_a_reason_and_tells_the_center() {
    let site = Site::new();
    site.alert(1, "node7", "disk");
    site.run(&["flush"]).ok();
    let ticket = site.ticket();
    let short = ticket.trim_start_matches("T-").to_lowercase();
    assert_eq!(site.run(&["ticket", "close", &short]).exit, 64);
    let would = site.run(&["ticket", "close", &short, "--reason", "replaced", "--dry-run"]).ok();
    assert_eq!(would, format!("would close {ticket}: node7 disk; its center is told to stand down\n"));
    let state = || site.run(&["ticket", "show", &ticket, "--json"]).json()["state"].clone();
    assert_eq!(state(), "sent");
    site.run(&["ticket", "close", &short, "--reason", "replaced"]).ok();
    assert_eq!(state(), "closed");
    site.run(&["flush"]).ok();
    let letter = site.run(&["ticket", "show", &ticket, "--letter"]).ok();
    assert!(letter.matches("Message-ID: ").count() >= 2, "ticket and stand-down: {letter}");
    let again = site.run(&["ticket", "close", &ticket, "--reason", "replaced"]);
    let hint = format!("hint: autoticket ticket show {ticket}");
    assert_eq!(again.failure(), (65, &*format!("autoticket: ticket {ticket} is already closed"), &*hint));
    let unknown = site.run(&["ticket", "show", "nonsense"]);
    assert_eq!(
        unknown.failure(),
        (65, "autoticket: no ticket T-NONSENSE is stored", "hint: autoticket ticket list")
    );
}

#[test]
fn a_ticket_closed_before_it_was_sent_is_never_sent() {
    let site = Site::new();
    site.alert(1, "node7", "disk");
    let ticket = site.ticket();
    let closed = site.run(&["ticket", "close", &ticket, "--reason", "x"]).ok();
    assert_eq!(closed, format!("closed {ticket}: node7 disk; it was never sent\n"));
    // A later success must not wake it.
    site.alert(2, "node8", "disk");
    site.run(&["flush"]).ok();
    let outgoing = fs::read_dir(site.folder.path().join("state/outgoing")).expect("a folder");
    assert!(outgoing.filter_map(Result::ok).all(|f| !f.file_name().to_string_lossy().starts_with(&ticket)));
    assert_eq!(site.run(&["status"]).exit, 0);
}

#[test]
fn parked_and_refused_mails_of_a_ticket_are_sent_again_by_hand() {
    for (exit, state) in [(75, "parked"), (1, "refused")] {
        let site = Site::new();
        let program = site.file("sendmail", &format!("#!/bin/sh\ncat > /dev/null\nexit {exit}\n"));
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("its mode");
        let settings = format!(
            "delivery:\n  transport: sendmail\n  sendmail: {{program: {}}}\n  retry: [0s]\n",
            program.display()
        );
        site.file("rules/conf.d/broken.yaml", &settings);
        site.alert(1, "node7", "disk");
        let ticket = site.ticket();
        site.run(&["flush"]).ok();
        let shown = || site.run(&["ticket", "show", &ticket, "--json"]).json();
        assert_eq!((&shown()["state"], &shown()["outbox"][0]["state"]), (&"parked".into(), &state.into()));
        let status = site.run(&["status"]);
        assert_eq!(status.exit, 1);
        assert!(status.out.contains(&format!("! 1 {state}")), "{}", status.out);
        fs::remove_file(site.folder.path().join("rules/conf.d/broken.yaml")).expect("removed");
        site.run(&["ticket", "resend", &ticket, "--dry-run"]).ok();
        assert_eq!(shown()["outbox"][0]["state"], state);
        site.run(&["ticket", "resend", &ticket]).ok();
        site.run(&["flush"]).ok();
        assert_eq!((&shown()["state"], &shown()["outbox"][0]["attempts"]), (&"sent".into(), &1.into()));
        assert_eq!(site.run(&["status"]).exit, 0);
    }
}

#[test]
fn thresholds_are_set_and_unset_while_running_and_the_record_says_by_whom() {
    let site = Site::new();
    let set = |dry: bool| {
        let mut words = vec!["threshold", "set", "device node7*", "connection", "2", "1h"];
        words.extend(dry.then_some("--dry-run"));
        site.run(&words).ok()
    };
    assert_eq!(set(true), "would set device node7* connection: 2 in 1h, none before\n");
    assert!(!site.run(&["threshold", "list"]).ok().contains("node7"));
    assert_eq!(set(false), "set device node7* connection: 2 in 1h, none before\n");
    let listed = site.run(&["threshold", "list"]).ok();
    assert_eq!(
        listed.lines().nth(1),
        Some("device node7*  connection      2      1h      set by ann"),
        "narrowest first"
    );
    site.alert(1, "node7", "connection");
    assert!(site.alert(2, "node7", "connection").contains("node7 connection 2/2; ticket T-"));
    site.run(&["threshold", "unset", "device node7*", "connection"]).ok();
    let unset = site.run(&["threshold", "unset", "device node7*", "connection"]);
    assert_eq!(unset.exit, 65);
    let log = site.run(&["audit", "log", "--json"]).json();
    let acts: Vec<_> =
        log["items"].as_array().expect("a list").iter().take(2).map(|e| (&e["act"], &e["who"])).collect();
    assert_eq!(acts, [(&"threshold unset".into(), &"ann".into()), (&"threshold set".into(), &"ann".into())]);
    let typo = site.run(&["threshold", "set", "everywhere", "connecton", "2", "1h"]);
    assert_eq!(typo.failure().1, "autoticket: `connecton` is no failure type, did you mean `connection`?");
    assert_eq!(typo.exit, 64);
    assert_eq!(site.run(&["threshold", "set", "somewhere", "disk", "2", "1h"]).exit, 64);
}

#[test]
fn accepting_an_unknown_node_counts_its_rejected_mails_and_survives_imports() {
    let site = Site::new();
    let rejected = site.fed(&["ingest"], &alert("is77", 1, "node9", "disk")).ok();
    assert!(rejected.starts_with("rejected: source node is77 "), "{rejected}");
    assert_eq!(site.run(&["nodes", "misses", "--json"]).json()["items"][0]["node"], "is77");
    let would = site.run(&["nodes", "accept", "is77", "--dry-run"]).ok();
    assert_eq!(would, "would accept is77; 1 rejected mail would be judged anew\n");
    let accepted = site.run(&["nodes", "accept", "IS77"]).ok();
    assert!(
        accepted.starts_with(
            "mail 1: was rejected, counted: 1 alert read by format native; node9 disk 1/1; ticket T-"
        ),
        "{accepted}"
    );
    assert!(accepted.ends_with("1 mail judged anew, 1 with another outcome\n"), "{accepted}");
    assert_eq!(site.run(&["nodes", "misses", "--json"]).json()["items"], Value::Array(Vec::new()));
    site.run(&["nodes", "import", "nodes.csv"]).ok();
    let names = || site.run(&["nodes", "list"]).ok();
    assert!(names().contains("is77"), "what a person accepted stays");
    site.run(&["nodes", "forget", "is77"]).ok();
    assert!(!names().contains("is77"));
    assert_eq!(site.run(&["nodes", "forget", "is38"]).exit, 65, "is38 was imported");
    assert_eq!(site.run(&["audit"]).exit, 0);
}

#[test]
fn a_list_that_shrank_by_half_is_refused_unless_forced() {
    let site = Site::new();
    site.file("half.txt", "is38\n");
    let refused = site.run(&["nodes", "import", "half.txt"]);
    let told = "autoticket: the list of nodes would shrink from 3 to 1: refused";
    assert_eq!((refused.exit, refused.failure().1), (65, told));
    let would = site.run(&["nodes", "import", "half.txt", "--dry-run"]).ok();
    assert_eq!(would, "nodes: 1 entry; would be 0 added, 2 removed, 0 changed\n  - is1\n  - is38-old\n");
    assert_eq!(site.run(&["nodes", "list"]).ok().lines().count(), 4);
    site.run(&["nodes", "import", "half.txt", "--force"]).ok();
    assert_eq!(site.run(&["nodes", "list"]).ok().lines().count(), 2);
    site.file("wrong.txt", "is38\na b\n");
    let wrong = site.run(&["nodes", "import", "wrong.txt"]);
    assert_eq!(
        wrong.failure(),
        (65, "autoticket: the list is wrong, nothing was imported", "wrong.txt:2: `a b` is no node")
    );
}

#[test]
fn run_refreshes_lists_from_files_and_programs_and_keeps_the_old_one_where_that_fails() {
    let site = Site::new();
    let settings = "lists:\n  nodes: {file: lists/nodes.txt, every: 1h}\n  domains: {command: [/bin/echo, example.org], every: 1h}\n";
    site.file("rules/conf.d/lists.yaml", settings);
    let round = |now: &str| {
        let output = site.command(&["--now", now, "run", "--once"]).output().expect("it runs");
        assert!(output.status.success());
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    let told = round("2026-03-12T20:00:00Z");
    assert!(told.contains("nodes not refreshed, the old list stays: read the list "), "{told}");
    assert!(told.contains("domains refreshed: 1 added, 1 removed, 0 changed"), "{told}");
    site.file("rules/lists/nodes.txt", "is1\nis2\nis38\n");
    assert!(!round("2026-03-12T20:05:00Z").contains("nodes"), "a failed refresh waits ten minutes");
    let told = round("2026-03-12T20:11:00Z");
    assert!(told.contains("nodes refreshed: 1 added, 1 removed, 0 changed"), "{told}");
    site.file("rules/lists/nodes.txt", "is1\n");
    let told = round("2026-03-12T22:00:00Z");
    assert!(told.contains("the list of nodes would shrink from 3 to 1: refused"), "{told}");
}

#[test]
fn mails_are_judged_anew_once_a_list_grew() {
    let site = Site::new();
    let stranger = alert("is38", 1, "node7", "disk")
        .replace("example.com>", "x>")
        .replace("east.example.com", "acme.example");
    let rejected = site.fed(&["ingest"], &stranger).ok();
    assert!(rejected.starts_with("rejected: domain "), "{rejected}");
    site.file("more.txt", "example.com\nacme.example\n");
    site.run(&["domains", "import", "more.txt"]).ok();
    let would = site.run(&["mail", "retry", "--dry-run"]).ok();
    assert!(would.ends_with("1 mail would be judged anew, 1 with another outcome\n"), "{would}");
    assert_eq!(site.run(&["mail", "show", "1", "--json"]).json()["outcome"], "rejected");
    site.run(&["mail", "retry", "1"]).ok();
    assert_eq!(site.run(&["mail", "show", "1", "--json"]).json()["outcome"], "counted");
    let left = site.run(&["mail", "retry", "1"]);
    assert_eq!(left.failure().1, "autoticket: mail 1 is counted: left as it is");
    assert_eq!(site.run(&["mail", "retry", "--outcome", "counted"]).exit, 64);
    assert_eq!(
        site.run(&["mail", "retry", "7"]).failure(),
        (65, "autoticket: no mail 7 is stored", "hint: autoticket mail list")
    );
}

#[test]
fn a_stored_mail_comes_back_byte_for_byte() {
    let site = Site::new();
    let mail = alert("is38", 1, "node7", "disk");
    site.fed(&["ingest"], &mail).ok();
    assert_eq!(site.run(&["mail", "show", "1", "--raw"]).ok(), mail);
}

#[test]
fn failed_distributions_stay_until_a_person_dismisses_them_with_a_reason() {
    let site = Site::new();
    site.alert(1, "node7", "connection");
    let listed = || site.run(&["failed", "list", "--json"]).json()["items"].clone();
    let id = listed()[0]["id"].as_str().expect("an id").to_owned();
    site.run(&["repaired", "node7"]).ok();
    assert_eq!(listed()[0]["id"], *id, "a repair removes none");
    assert_eq!(site.run(&["failed", "dismiss", &id]).exit, 64);
    let would = site.run(&["failed", "dismiss", &id, "--reason", "scrapped", "--dry-run"]).ok();
    assert_eq!(would, format!("would dismiss {id}: jre-1.3.1 for node7 from is38\n"));
    assert_eq!(listed()[0]["dismissed"], Value::Null);
    site.run(&["failed", "dismiss", &id.to_lowercase(), "--reason", "scrapped"]).ok();
    assert_eq!(listed(), Value::Array(Vec::new()));
    let all = site.run(&["failed", "list", "--all", "--json"]).json();
    assert_eq!(all["items"][0]["dismissed"], "scrapped");
    let again = site.run(&["failed", "dismiss", &id, "--reason", "x"]);
    assert_eq!(again.failure().2, "hint: autoticket failed list --all");
}

#[test]
fn a_repair_resets_the_counts_ends_the_ticket_and_says_what_to_redistribute() {
    let site = Site::new();
    site.alert(1, "node7", "distribution");
    site.alert(2, "node7", "distribution");
    let ticket = site.ticket();
    let words = ["repaired", &ticket, "--at", "2026-03-12T17:30:00Z"];
    let would = site.run(&[&words[..], &["--dry-run"]].concat()).ok();
    let told = format!(
        "reset node7 distribution: 2 alerts, ticket {ticket} repaired\n\
         down from 2026-03-12 17:01:00Z to 2026-03-12 17:30:00Z\n\
         is38: 1 failed distribution\n  \
         redistribute --server is38 --since 2026-03-12T17:01:00Z --until 2026-03-12T17:30:00Z\n"
    );
    assert_eq!(would, format!("would {told}"));
    assert_eq!(site.run(&["ticket", "list", "--open", "--json"]).json()["items"][0]["ticket"], *ticket);
    assert_eq!(site.run(&words).ok(), told);
    assert_eq!(site.run(&["ticket", "list", "--json"]).json()["items"][0]["state"], "repaired");
    assert!(site.alert(40, "node7", "distribution").contains("node7 distribution 1/2"), "it counts anew");
    assert!(site.alert(41, "node7", "distribution").contains("2/2; ticket T-"), "and makes another ticket");
    let old = site.run(&["repaired", &ticket]);
    assert_eq!(old.failure().0, 65);
    assert_eq!(old.failure().1, format!("autoticket: ticket {ticket} is already repaired"));
    assert!(old.err.contains("autoticket repaired node7 --failure distribution"), "{}", old.err);
    let open = site.run(&["ticket", "list", "--open", "--json"]).json();
    assert_eq!(open["items"].as_array().map(Vec::len), Some(1), "the other ticket stays open");
    assert_eq!(site.run(&["repaired", "node7", "--at", "2026-03-12T18:00:01Z"]).exit, 64);
    let unknown = site.run(&["repaired", "node99"]);
    assert_eq!(unknown.failure().1, "autoticket: no alert of a device node99 was ever counted");
}

#[test]
fn hostile_names_stay_inert_in_text_and_in_json() {
    let site = Site::new();
    let hostile =
        alert("is38", 1, "node7", "disk").replace("Package: jre-1.3.1", "Package: a\u{1b}]0;x\u{7}\u{202e}b");
    site.fed(&["ingest"], &hostile).ok();
    for words in [
        &["alert", "list"][..],
        &["alert", "show", "1"],
        &["failed", "list"],
        &["alert", "show", "1", "--json"],
    ] {
        let out = site.run(words).ok();
        assert!(!out.chars().any(|c| c != '\n' && autoticket::shown::is_hidden(c)), "{words:?}: {out:?}");
    }
}

#[test]
fn a_hostile_file_name_stays_inert_wherever_it_is_told() {
    let site = Site::new();
    let hostile = "gone\u{1b}[2J\n\u{202e}";
    let told = site.run(&["init", "--dry-run", "--state", hostile]).ok();
    assert!(told.contains(r"would make the state gone\x1b[2J\n\u{202e} "), "{told}");
    let missing = site.run(&["status", "--state", hostile]).err;
    assert!(missing.contains(r"gone\x1b[2J"), "{missing}");
    assert!(!(told + &missing).chars().any(|c| c != '\n' && autoticket::shown::is_hidden(c)));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let site = Site::new();
    for minute in 0..50 {
        site.alert(minute, "node7", "connection");
    }
    let program = assert_cmd::cargo::cargo_bin!("autoticket");
    #[expect(clippy::disallowed_methods, reason = "a pipe between two programs is what is tested")]
    let mut shell = std::process::Command::new("/bin/sh");
    let output = shell
        .args(["-c", r#""$0" rules show --json | true; "$0" mail list --limit 0 --json | head -c 1"#])
        .arg(program)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("AUTOTICKET_STATE", site.folder.path().join("state"))
        .env("AUTOTICKET_RULES", site.folder.path().join("rules"))
        .output()
        .expect("a shell");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.stdout, b"{");
}

#[test]
fn doctor_finds_an_empty_list_and_says_the_way_out() {
    let site = Site::bare();
    site.run(&["init"]).ok();
    let gave = site.run(&["doctor"]);
    assert_eq!(gave.exit, 1);
    let told = "fail nodes: the list is empty: every mail is rejected\n     hint: autoticket nodes import FILE, or switch the gate off\n";
    assert!(gave.out.contains(told), "{}", gave.out);
    let well = Site::new();
    let gave = well.run(&["doctor"]);
    assert_eq!(gave.exit, 0, "{}", gave.out);
    assert!(gave.out.lines().all(|l| l.starts_with("ok   ")), "{}", gave.out);
}

#[test]
fn doctor_goes_on_where_there_is_no_state() {
    let site = Site::bare();
    let gave = site
        .command(&["--state", "nowhere/at/all", "--rules", "norules", "doctor"])
        .output()
        .expect("it runs");
    let out = String::from_utf8(gave.stdout).expect("UTF-8");
    assert_eq!(gave.status.code(), Some(1));
    assert!(
        out.contains("fail rules: ") && out.contains("fail database: no state in nowhere/at/all"),
        "{out}"
    );
}

#[test]
fn rules_check_finds_a_template_that_cannot_be_written_and_a_format_without_samples() {
    let site = Site::new();
    assert!(!site.run(&["rules", "check"]).ok().contains("a warning"), "what init writes is complete");
    site.file(
        "rules/alerts/own.yaml",
        "format: own\nwhen: [{in: subject, contains: own tool}]\nfields: {device: {key: Host}}\n",
    );
    let warned = site.run(&["rules", "check"]).ok();
    assert!(
        warned.contains("alerts/own.yaml:1:1: format `own` has no samples: write alerts/own.samples.yaml")
    );
    site.file("rules/templates/update.txt.j2", "{{ ticket.number }}\n\n{% if %}\n");
    let checked = site.run(&["rules", "check"]);
    assert_eq!(checked.exit, 78);
    assert!(checked.out.contains("templates/update.txt.j2:3:1: syntax error: "), "{}", checked.out);
    site.file("rules/thresholds.yaml", "thresholds: 7\n");
    let both = site.run(&["rules", "check"]);
    assert!(
        both.out.contains("thresholds.yaml:1:") && both.out.contains("update.txt.j2:3:1:"),
        "{}",
        both.out
    );
}

#[test]
fn rules_test_passes_the_shipped_samples_and_fails_a_wrong_claim() {
    let site = Site::new();
    let gave = site.run(&["rules", "test"]);
    assert!(gave.exit == 0 && gave.out.ends_with(" passed, 0 failed\n"), "{}", gave.out);
    let sample = "samples:\n  - name: a_claim_that_is_wrong\n    mail: |\n      From: a@example.com\n      Subject: hello\n\n      hello\n    expect: {format: native}\n";
    site.file("rules/alerts/own.samples.yaml", sample);
    let gave = site.run(&["rules", "test"]);
    assert_eq!(gave.exit, 1);
    assert!(
        gave.out.contains(
            "FAIL alerts/own.samples.yaml:2 a_claim_that_is_wrong\n       format is none, not native"
        ),
        "{}",
        gave.out
    );
}

#[test]
fn rules_test_shows_for_a_mail_which_conditions_hold_and_what_is_read() {
    let site = Site::new();
    site.file("a.eml", &alert("is38", 1, "node7", "disk"));
    let gave = site.run(&["rules", "test", "a.eml"]);
    assert_eq!(gave.exit, 0);
    assert!(gave.out.starts_with("a.eml: read by native (embedded:alerts/native.yaml:"), "{}", gave.out);
    assert!(gave.out.contains("    device         node7\n"), "{}", gave.out);
    let rule = "format: own\norder: 1\nwhen:\n  - {in: subject, contains: [Distribution]}\n  - {in: body, matches: 'returncode'}\nfields: {device: {key: Device}}\nfailure: {default: unknown}\n";
    site.file("rules/alerts/own.yaml", rule);
    let gave = site.run(&["rules", "test", "a.eml"]).ok();
    let trial = "  own (alerts/own.yaml:1): does not match\n    + subject to hold `Distribution`\n    - body to match `returncode`\n";
    assert!(gave.contains(trial), "{gave}");
    site.file("b.eml", "From: a@example.com\nSubject: hello\n\nhello\n");
    assert_eq!(site.run(&["rules", "test", "b.eml"]).exit, 1);
}

#[test]
fn the_same_commands_without_a_state_say_how_to_make_one() {
    let site = Site::bare();
    fs::create_dir(site.folder.path().join("rules")).expect("a folder");
    for words in [&["status"][..], &["mail", "list"], &["ticket", "list"], &["audit"], &["flush"]] {
        let gave = site.run(words);
        assert_eq!(gave.exit, 69, "{words:?}");
    }
    let gave = site.command(&["status"]).output().expect("it runs");
    assert!(String::from_utf8_lossy(&gave.stderr).contains("init"), "{gave:?}");
}
