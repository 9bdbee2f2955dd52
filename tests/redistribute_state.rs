//! `redistribute` with a service center's state beside it: failed distributions, tickets, outages, servicing, names.

#[path = "support/site.rs"]
#[allow(dead_code, reason = "each test takes what it needs of a site")]
mod site;

use site::{Gave, Site, alert};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// An intermediate server whose manager takes commands; what became of them it writes into its log later.
struct Server {
    site: Site,
}

impl Server {
    fn new() -> Self {
        let site = Site::new();
        let manager = site.file("dm", "#!/bin/sh\nprintf '%s|' \"$@\" >> calls; echo >> calls\n");
        fs::set_permissions(&manager, fs::Permissions::from_mode(0o755)).expect("a mode");
        let server = Self { site };
        server.rules("manager: {submit: [SITE/dm, submit, --]}");
        server.site.file("dist.log", "");
        server
    }

    fn path(&self, name: &str) -> String {
        self.site.folder.path().join(name).display().to_string()
    }

    /// `keys`: more of the server's entry; `SITE` stands for the folder.
    fn rules(&self, keys: &str) {
        let text = format!(
            "servers:\n  default:\n    allow: [SITE/dm]\n    directory: SITE\n    logs: [SITE/dist.log]\n    {keys}\n"
        );
        self.site
            .file("rules/redistribution.yaml", &text.replace("SITE", self.path("").trim_end_matches('/')));
    }

    /// A run in the log; its clock is that of a line's beginning.
    fn log(&self, job: &str, clock: &str, names: &str, lines: &[(&str, &str)]) {
        let mut text = format!(
            "2026-03-12T{clock}:01Z is38 dm[7]: START job={job} tool=swdist argv=[\"{}\",\"-p\",\"jre-1.3.1\",\"-w\",\"{names}\"] package=jre-1.3.1\n",
            self.path("dm")
        );
        for (target, rest) in lines {
            text += &format!("2026-03-12T{clock}:03Z is38 dm[8]: job={job} target={target} state={rest}\n");
        }
        text += &format!("2026-03-12T{clock}:05Z is38 dm[7]: END job={job} rc=1\n");
        let before = fs::read_to_string(self.path("dist.log")).unwrap_or_default();
        self.site.file("dist.log", &(before + &text));
    }

    /// The rule of this server's log: recipients stand in `-w`.
    fn with_names(self) -> Self {
        let text = include_str!("../rules/logs/native.yaml");
        let own = text
            .replace("  list: [-l, --list]\n", "  list: [-l, --list]\n  recipients: [-w]\n")
            .replace("  listfile: {options: [-l, --list]}", "  replace: {options: [-w]}");
        self.site.file("rules/logs/native.yaml", &own);
        self
    }

    fn run(&self, words: &[&str]) -> Gave {
        self.site.run(&[&["redistribute", "--server", "is38"], words].concat())
    }

    fn fails(&self, minute: u32, device: &str) {
        self.site.fed(&["ingest"], &alert("is38", minute, device, "disk")).ok();
    }

    fn failed(&self) -> Vec<String> {
        let listed = self.site.run(&["failed", "list", "--json"]).json();
        let names = listed["items"].as_array().expect("items").iter();
        names.map(|row| row["recipient"].as_str().expect("a name").to_owned()).collect()
    }

    fn ticket_of(&self, device: &str) -> (String, String) {
        let listed = self.site.run(&["ticket", "list", "--json"]).json();
        let items = listed["items"].as_array().expect("items").clone();
        let own = items.iter().find(|row| row["device"] == device).expect("its ticket");
        (
            own["ticket"].as_str().expect("a number").to_owned(),
            own["state"].as_str().expect("a state").to_owned(),
        )
    }

    fn calls(&self) -> String {
        let text = fs::read_to_string(self.path("calls")).unwrap_or_default();
        text.replace(self.path("").trim_end_matches('/'), "SITE")
    }
}

#[test]
fn what_is_left_of_a_command_whose_end_nobody_knows_is_issued_again_by_id_and_key() {
    let server = Server::new().with_names();
    let failed = [("node1", "FAILED type=disk"), ("node2", "FAILED type=disk")];
    server.log("J42", "17:04", "node1,node2", &failed);
    assert_eq!(server.run(&["--approve", "all"]).exit, 1, "the manager took it, and says nothing");
    // One of both is served: the other's command is another one now.
    server.log("J50", "18:00", "node1", &[("node1", "OK")]);
    let listed = server.run(&["--list", "--json"]).json();
    assert_eq!(listed["jobs"][0]["commands"][0]["recipients"], serde_json::json!(["node2"]), "{listed}");
    let key = listed["waiting"][0]["key"].as_str().expect("a key")[..12].to_owned();
    let refused = server.run(&["--again", &key]);
    assert_eq!(refused.exit, 65, "{}{}", refused.out, refused.err);
    let way = format!("--approve J1.1 --again {key}");
    assert!(
        refused.err.contains("is another command than was issued") && refused.err.contains(&way),
        "{}",
        refused.err
    );
    server.run(&["--approve", "J1.1", "--again", &key]);
    let calls = server.calls();
    assert_eq!(calls.lines().last(), Some("submit|--|SITE/dm|-p|jre-1.3.1|-w|node2|"), "{calls}");
    assert_eq!(calls.lines().count(), 2, "{calls}");
}

#[test]
fn what_a_manager_only_took_is_confirmed_by_its_log_and_closes_the_ticket() {
    let server = Server::new().with_names();
    server.fails(5, "node1");
    server.fails(6, "node2");
    server.log(
        "J42",
        "17:04",
        "node1,node2",
        &[("node1", "FAILED type=disk"), ("node2", "FAILED type=disk")],
    );
    let issued = server.run(&["--approve", "all"]);
    assert_eq!(issued.exit, 1, "{}{}", issued.out, issued.err);
    assert_eq!(issued.out, "0 confirmed, 0 failed, 1 waiting for the manager, 0 not issued\n");
    assert_eq!(server.calls(), "submit|--|SITE/dm|-p|jre-1.3.1|-w|node1,node2|\n");
    assert_eq!(server.failed(), ["node1", "node2"], "taken is not delivered");
    let again = server.run(&["--approve", "all"]);
    assert!(again.out.contains("and the manager's log does not say yet how it ended"), "{}", again.out);
    let would = server.run(&["--approve", "all", "--dry-run"]);
    assert_eq!(
        (would.exit, would.out.starts_with("would not be issued: J1.1: ")),
        (1, true),
        "{}",
        would.out
    );
    assert!(would.out.contains("and the manager's log does not say yet how it ended"), "{}", would.out);
    let key = again.out.split_once("redistribute --again ").expect("the way is named").1;
    let key = key.split_whitespace().next().expect("a key");
    assert_eq!(key.len(), 12, "{key}");
    let journal = server.site.run(&["redistribute", "journal"]).out;
    assert!(journal.contains(&format!("{key} J1.1: exit status 0, log ")), "{journal}");
    // The manager works it off: one gets it, the other does not.
    server.log("J50", "18:00", "node1,node2", &[("node1", "OK"), ("node2", "FAILED type=disk")]);
    let synced = server.site.run(&["redistribute", "sync"]);
    assert_eq!(synced.exit, 0, "{}{}", synced.out, synced.err);
    assert_eq!(synced.out, "told the service center of 1 delivery\n");
    assert_eq!(server.failed(), ["node2"], "whose line says failed stays failed");
    let (number, state) = server.ticket_of("node1");
    assert_eq!(state, "closed");
    assert!(
        synced.err.contains(&format!("ticket {number} closed: all its recipients are confirmed")),
        "{}",
        synced.err
    );
    assert_ne!(server.ticket_of("node2").1, "closed");
    let shown = server.site.run(&["ticket", "show", &number]).ok();
    assert!(shown.contains("failed distributions, 0 of 1 left:"), "{shown}");
    assert!(shown.contains("confirmed at 2026-03-12T18:00:00Z"), "{shown}");
    let alerts = server.site.run(&["alert", "list", "--device", "node1", "--json"]).json();
    let action = alerts["items"][0]["action"].to_string();
    assert!(
        action.contains("redistributed ") && action.contains(&format!("ticket {number} closed")),
        "{action}"
    );
    let twice = server.site.run(&["redistribute", "sync"]);
    assert_eq!((twice.exit, twice.out.as_str()), (0, "told the service center of 0 deliveries\n"));
    assert_eq!(server.calls().lines().count(), 1, "nothing was issued twice");
}

#[test]
fn a_repaired_ticket_closes_when_its_recipient_is_confirmed_and_is_told_of_once() {
    let server = Server::new().with_names();
    server.rules("manager: exec");
    server.fails(5, "node1");
    server.site.run(&["flush"]).ok();
    let (number, state) = server.ticket_of("node1");
    assert_eq!(state, "sent");
    server.site.run(&["repaired", &number]).ok();
    server.site.run(&["flush"]).ok();
    let sent = || fs::read_dir(server.path("state/outgoing")).expect("mails").count();
    let before = sent();
    server.log("J42", "17:04", "node1", &[("node1", "FAILED type=disk")]);
    let issued = server.run(&["--approve", "all"]);
    assert_eq!(issued.exit, 0, "{}{}", issued.out, issued.err);
    assert_eq!(server.ticket_of("node1"), (number, "closed".to_owned()));
    server.site.run(&["flush"]).ok();
    assert_eq!(sent(), before, "its repair told the center already");
    let listed = server.run(&["--list"]);
    assert_eq!(listed.exit, 0, "a second run finds nothing: {}", listed.out);
}

#[test]
fn failed_distributions_are_found_under_every_spelling_of_the_server() {
    let server = Server::new().with_names();
    server.site.file("places.csv", "name,aliases\nis38,\ndist-north,is38.old.example.com\n");
    let mail = |spelling: &str, minute: u32, device: &str| {
        let text =
            alert("is38", minute, device, "disk").replace("Server: is38", &format!("Server: {spelling}"));
        server.site.fed(&["ingest"], &text).ok();
    };
    mail("IS38.East.Example.COM", 5, "node1");
    mail("is38", 6, "node2");
    mail("is39", 7, "node3");
    for asked in ["is38", "IS38", "is38.east.example.com"] {
        let listed = server.site.run(&["redistribute", "--server", asked, "--list", "--json"]).json();
        let jobs = listed["jobs"].as_array().expect("jobs");
        let names: Vec<&str> = jobs
            .iter()
            .flat_map(|job| job["recipients"]["failed"].as_array().expect("failed"))
            .map(|recipient| recipient["name"].as_str().expect("a name"))
            .collect();
        assert_eq!(names, ["node1", "node2"], "asked for {asked}");
    }
}

#[test]
fn who_is_in_an_outage_is_set_aside_with_the_notice_and_the_command_is_narrowed_to_the_others() {
    let server = Server::new().with_names();
    server.rules("manager: exec");
    server.fails(5, "node1");
    server.fails(6, "node2");
    server.log(
        "J42",
        "17:04",
        "node1,node2",
        &[("node1", "FAILED type=disk"), ("node2", "FAILED type=disk")],
    );
    let window = ["--from", "2026-03-12T17:30:00Z", "--until", "2026-03-12T19:00:00Z"];
    let add = [&["outage", "add", "--device", "node2", "--reason", "moving"], &window[..]].concat();
    server.site.run(&add).ok();
    let listed = server.run(&["--list"]);
    assert_eq!(listed.exit, 1, "{}", listed.out);
    assert!(listed.out.contains("set aside: node2: kept aside: outage "), "{}", listed.out);
    assert!(listed.out.contains("1 job, 2 recipients left"), "they stay failed: {}", listed.out);
    let issued = server.run(&["--approve", "all"]);
    assert_eq!(issued.exit, 1, "{}{}", issued.out, issued.err);
    assert_eq!(server.calls(), "-p|jre-1.3.1|-w|node1|\n");
    assert!(issued.out.contains("set aside, stays failed: node2: kept aside: outage "), "{}", issued.out);
    assert!(
        issued.out.ends_with("1 confirmed, 0 failed, 0 waiting for the manager, 0 not issued\n"),
        "{}",
        issued.out
    );
    assert_eq!(server.failed(), ["node2"]);
    let left = server.run(&["--approve", "all"]);
    assert!(left.out.contains("not approved: J1.1: all its recipients are set aside"), "{}", left.out);
    // The outage is over.
    let later = ["--now", "2026-03-12T20:00:00Z", "redistribute", "--server", "is38", "--approve", "all"];
    let output = server.site.command(&later).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(server.calls(), "-p|jre-1.3.1|-w|node1|\n-p|jre-1.3.1|-w|node2|\n");
    assert_eq!(server.failed(), [""; 0]);
}

#[test]
fn who_does_not_answer_on_the_port_is_set_aside_and_is_issued_to_once_it_does() {
    let server = Server::new().with_names();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    server.rules(&format!("manager: exec\n    reachability: {{port: {port}}}"));
    let failed = [("127.0.0.1", "FAILED type=disk"), ("127.0.0.2", "UNREACHABLE")];
    server.log("J42", "17:04", "127.0.0.1,127.0.0.2", &failed);
    let run = |words: &[&str]| {
        let own = ["redistribute", "--server", "is38", "--since", "2026-03-12"];
        let output = server.site.command(&[&own[..], words].concat()).output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let listed = run(&["--list", "--check"]);
    assert!(listed.1.contains(&format!("set aside: 127.0.0.2: port {port}: closed")), "{}", listed.1);
    assert!(!run(&["--list"]).1.contains("set aside"), "a list asks nobody unless told to");
    let issued = run(&["--approve", "all"]);
    assert_eq!(issued.0, Some(1), "{}", issued.1);
    assert_eq!(server.calls(), "-p|jre-1.3.1|-w|127.0.0.1|\n");
    let second = std::net::TcpListener::bind(("127.0.0.2", port)).expect("the port");
    let issued = run(&["--approve", "all"]);
    assert_eq!((issued.0, issued.1.contains("1 confirmed")), (Some(0), true), "{}", issued.1);
    assert_eq!(server.calls().lines().last(), Some("-p|jre-1.3.1|-w|127.0.0.2|"));
    drop(second);
}

#[test]
fn a_replaced_clock_asks_nobody_and_sets_nobody_aside() {
    let server = Server::new().with_names();
    server.rules("manager: exec\n    reachability: ping");
    server.log("J42", "17:04", "node1", &[("node1", "FAILED type=disk")]);
    let issued = server.run(&["--approve", "all"]);
    assert_eq!(issued.exit, 0, "{}{}", issued.out, issued.err);
    assert!(issued.err.contains("recipients were not asked whether they answer"), "{}", issued.err);
}

#[test]
fn a_run_that_ended_before_anybody_was_named_is_listed_and_is_not_nothing() {
    let server = Server::new();
    server.site.file(
        "dist.log",
        "2026-03-12T17:04:01Z is38 dm[7]: START job=J9 argv=[\"/bin/dm\",\"-p\",\"jre-1.3.1\"]\n",
    );
    let listed = server.run(&["--list"]);
    assert_eq!(listed.exit, 1, "{}", listed.out);
    assert!(
        listed.out.contains("J1  jre-1.3.1  -           refused  the log names no recipient of this run"),
        "{}",
        listed.out
    );
    assert!(listed.out.contains("1 job, 0 recipients left"), "{}", listed.out);
}

#[test]
fn a_look_at_all_of_a_server_that_finds_nothing_is_its_servicing() {
    let server = Server::new().with_names();
    let never = server.run(&["--list", "--since", "servicing"]);
    assert!(never.err.contains("is38 was never serviced here"), "{}", never.err);
    // A part, a log named by hand and a rehearsal are no servicing.
    let log = server.path("dist.log");
    for part in [&["--recipient", "node1"][..], &["--log", &log], &["--dry-run"], &["--list"]] {
        let looked = server.run(part);
        assert_eq!(looked.exit, 0, "{part:?}: {}{}", looked.out, looked.err);
        assert_eq!(server.run(&["--list", "--since", "servicing"]).exit, 65, "after {part:?}");
    }
    let looked = server.run(&[]);
    assert_eq!(looked.exit, 0, "{}{}", looked.out, looked.err);
    assert!(looked.out.contains("nothing is left to redistribute"), "{}", looked.out);
    let next = server.site.run(&["redistribute", "--server", "IS38.East.Example.COM", "--list"]);
    assert!(next.out.contains(", the last servicing of is38"), "{}{}", next.out, next.err);
}
