//! `autoticket agent`, asked line by line as a caller on another machine asks it: who is set aside, what is issued, when
//! the server counts as serviced, and what becomes of a caller that reads nothing.

#[path = "support/site.rs"]
#[allow(dead_code, reason = "each test takes what it needs of a site")]
mod site;

use serde_json::{Value, json};
use site::Site;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

/// What both sides speak.
const VERSION: u64 = 2;

/// An intermediate server with an agent; its manager writes down each call.
struct Server {
    site: Site,
}

impl Server {
    fn new(keys: &str) -> Self {
        let server = Self { site: Site::new() };
        let manager =
            server.site.file("dm", "#!/bin/sh\nprintf '%s|' \"$@\" >> calls; echo >> calls\nsleep 0.05\n");
        fs::set_permissions(&manager, fs::Permissions::from_mode(0o755)).expect("a mode");
        let folder = server.site.folder.path().display().to_string();
        let rules = format!(
            "servers:\n  default:\n    allow: [{folder}/dm]\n    directory: {folder}\n    logs: [{folder}/dist.log]\n    manager: exec\n    {keys}\n"
        );
        server.site.file("rules/redistribution.yaml", &rules);
        let native = include_str!("../rules/logs/native.yaml")
            .replace("  list: [-l, --list]\n", "  list: [-l, --list]\n  recipients: [-w]\n")
            .replace("  listfile: {options: [-l, --list]}", "  replace: {options: [-w]}");
        server.site.file("rules/logs/native.yaml", &native);
        server.site.file("dist.log", "");
        server
    }

    /// A run to these recipients, all of whom failed; it is of yesterday for whoever asks since the last week.
    fn fails(&self, job: &str, names: &[&str]) {
        let folder = self.site.folder.path().display();
        let at = "2026-03-12T17:04";
        let mut text = format!(
            "{at}:01Z is38 dm[7]: START job={job} tool=swdist argv=[\"{folder}/dm\",\"-p\",\"jre\",\"-w\",\"{}\"] package=jre\n",
            names.join(",")
        );
        for name in names {
            text += &format!("{at}:03Z is38 dm[8]: job={job} target={name} state=UNREACHABLE\n");
        }
        text += &format!("{at}:05Z is38 dm[7]: END job={job} rc=1\n");
        let before = fs::read_to_string(self.site.folder.path().join("dist.log")).unwrap_or_default();
        self.site.file("dist.log", &(before + &text));
    }

    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.site.folder.path().join("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    #[expect(clippy::disallowed_methods, reason = "a conversation is what assert_cmd cannot give")]
    fn agent(&self, out: Stdio, wants: &Value) -> (Child, ChildStdin) {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin!("autoticket"))
            .env_clear()
            .env("AUTOTICKET_RULES", self.site.folder.path().join("rules"))
            .env("AUTOTICKET_STATE", self.site.folder.path().join("state"))
            .current_dir(self.site.folder.path())
            .arg("agent")
            .stdin(Stdio::piped())
            .stdout(out)
            .stderr(Stdio::null())
            .spawn()
            .expect("it runs");
        let mut input = child.stdin.take().expect("piped");
        let who = json!({ "name": "ann", "origin": "h1" });
        say(&mut input, &json!({ "version": VERSION, "patience": 2, "who": who, "wants": wants }));
        (child, input)
    }

    /// What the agent says to this request and these lines, but for its signs of life. Its input stays open.
    fn asked(&self, wants: &Value, lines: &[Value]) -> Vec<Value> {
        let (mut child, mut input) = self.agent(Stdio::piped(), wants);
        lines.iter().for_each(|line| say(&mut input, line));
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let words = out.lines().map(|line| serde_json::from_str(&line.expect("a line")).expect("JSON"));
        let words: Vec<Value> = words.filter(|word| *word != json!("still")).collect();
        assert!(child.wait().expect("it ends").success());
        words
    }

    /// The plan of the agent: its head, its jobs as a caller sends them back, the word to go on included.
    fn plan(&self, ask: &Value, services: bool) -> (Value, Vec<Value>) {
        sent_back(&self.asked(&json!({ "plan": { "ask": ask, "acts": true, "services": services } }), &[]))
    }

    fn serviced(&self) -> bool {
        let words = ["redistribute", "--server", "is38", "--list", "--since", "servicing"];
        let output = self.site.command(&words).output().expect("it runs");
        assert!(matches!(output.status.code(), Some(0 | 65)), "{output:?}");
        output.status.code() == Some(0)
    }
}

fn say(input: &mut ChildStdin, line: &Value) {
    // One that is gone hears nothing.
    let _ = writeln!(input, "{line}");
}

/// The head of a plan that was told, and the lines in which a caller sends it back.
fn sent_back(words: &[Value]) -> (Value, Vec<Value>) {
    let of = |kind: &str| words.iter().filter_map(|word| word.get(kind)).cloned().collect::<Vec<_>>();
    let head = of("plan").first().cloned().unwrap_or_else(|| panic!("a plan: {words:?}"));
    let jobs = of("job");
    let mut lines = vec![json!({ "plan": head["plan"] })];
    lines.extend(jobs.iter().map(|job| json!({ "job": job })));
    lines.push(json!({ "go": { "jobs": jobs.len() } }));
    (head, lines)
}

/// Consent to every command of a plan.
fn consents(lines: &[Value]) -> Vec<Value> {
    let commands = lines.iter().filter_map(|line| line["job"]["commands"].as_array()).flatten();
    commands.map(|own| json!({ "id": own["id"], "hash": own["hash"] })).collect()
}

fn order(ask: &Value, approve: &[Value], whole: &Value) -> Value {
    let pace = json!({ "waves": null, "max_errors": null, "parallel": 1 });
    json!({ "issue": { "ask": ask, "whole": whole, "approve": approve, "again": [], "pace": pace } })
}

fn ask() -> Value {
    let none = Value::Null;
    json!({ "server": "is38", "since": "2026-03-12", "until": none, "ticket": none, "package": none, "job": none,
        "recipient": none, "cause": none, "log": [], "format": none })
}

fn summary(words: &[Value]) -> &Value {
    let found = words.iter().find_map(|word| word.get("summary"));
    &found.unwrap_or_else(|| panic!("a summary: {words:?}"))["summary"]
}

#[test]
fn the_machine_that_issues_sets_aside_who_does_not_answer_and_whom_the_caller_knows_in_an_outage() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let server = Server::new(&format!("reachability: {{port: {port}}}"));
    server.fails("J42", &["127.0.0.1", "127.0.0.2", "node3"]);
    server.fails("J43", &["127.0.0.2"]);
    let (head, shown) = server.plan(&ask(), true);
    assert_eq!(consents(&shown).len(), 2, "{shown:?}");
    let known = json!({ "recipient": "NODE3", "packages": ["jre"], "why": "kept aside: outage of h1" });
    let looking = |check: &str| json!({ "aside": { "ask": head["ask"], "check": check, "commands": ["J1.1", "J2.1"], "expected": [known] } });
    let told = server.asked(&looking("rules"), &shown);
    let found = &told[0]["aside"]["reasons"];
    let closed = format!("port {port}: closed");
    let why = |at: usize| found[at]["why"].as_str().unwrap_or_default();
    assert_eq!(
        (&found[0]["recipient"], why(0).starts_with(&closed)),
        (&json!("127.0.0.2"), true),
        "{told:?}"
    );
    assert_eq!((&found[1]["recipient"], why(1)), (&json!("node3"), "kept aside: outage of h1"), "{told:?}");
    assert_eq!(found.as_array().map(Vec::len), Some(2), "{told:?}");
    // The plan without them has one command, for the one that answers.
    let (_, mut narrowed) = sent_back(&told);
    let approve = consents(&narrowed);
    assert_eq!(approve.len(), 1, "{narrowed:?}");
    assert_ne!(approve[0]["hash"], consents(&shown)[0]["hash"]);
    // Consent to the whole command is none to the narrowed one, and none without saying who was set aside.
    let aside = json!({ "aside": found });
    let refused = server.asked(&order(&head["ask"], &approve, &json!(false)), &narrowed);
    assert!(refused[0]["failed"]["text"].as_str().is_some_and(|why| why.contains("nothing was issued")));
    let go = narrowed.pop().expect("the word to go on");
    narrowed.extend([aside, go]);
    let refused = server.asked(&order(&head["ask"], &consents(&shown), &json!(false)), &narrowed);
    let why = refused[0]["failed"]["text"].as_str().unwrap_or_default();
    assert_eq!(why, "J1.1 is not the command that was approved: nothing was");
    assert_eq!(server.calls(), [""; 0]);
    let issued = server.asked(&order(&head["ask"], &approve, &json!(true)), &narrowed);
    assert_eq!(summary(&issued)["confirmed"], json!(["J1.1"]), "{issued:?}");
    assert_eq!(server.calls(), ["-p|jre|-w|127.0.0.1|"]);
    assert!(!server.serviced(), "somebody was set aside");
    // Who answers by now, and whose outage is over, is served; nobody else.
    let second = TcpListener::bind(("127.0.0.2", port)).expect("the port");
    let (head, shown) = server.plan(&ask(), true);
    let told = server.asked(
        &json!({ "aside": { "ask": head["ask"], "check": "never", "commands": [], "expected": [] } }),
        &shown,
    );
    assert_eq!(told, [json!({ "aside": { "reasons": [], "notes": [] } }), json!({ "end": { "items": 0 } })]);
    let issued = server.asked(&order(&head["ask"], &consents(&shown), &json!(false)), &shown);
    assert_eq!(summary(&issued)["failed"], json!([]), "{issued:?}");
    let mut calls = server.calls();
    calls.sort();
    assert_eq!(calls, ["-p|jre|-w|127.0.0.1|", "-p|jre|-w|127.0.0.2|", "-p|jre|-w|node3|"]);
    drop(second);
}

#[test]
fn a_plan_that_the_logs_no_longer_give_sets_nobody_aside() {
    let server = Server::new("reachability: off");
    server.fails("J42", &["node1"]);
    let (head, shown) = server.plan(&ask(), false);
    server.fails("J43", &["node2"]);
    let looking =
        json!({ "aside": { "ask": head["ask"], "check": "always", "commands": ["J1.1"], "expected": [] } });
    let told = server.asked(&looking, &shown);
    let why = told[0]["failed"]["text"].as_str().unwrap_or_default();
    assert!(why.starts_with("the plan is not the one that the logs give now"), "{told:?}");
}

#[test]
fn what_is_approved_later_of_a_plan_is_issued_though_the_first_of_it_was_served() {
    let server = Server::new("reachability: off");
    server.fails("J42", &["node1"]);
    server.fails("J43", &["node2"]);
    let (head, shown) = server.plan(&ask(), false);
    for (consent, id) in consents(&shown).into_iter().zip(["J1.1", "J2.1"]) {
        let issued = server.asked(&order(&head["ask"], &[consent], &json!(false)), &shown);
        assert_eq!(summary(&issued)["confirmed"], json!([id]), "{issued:?}");
    }
    // Once more, nothing of it is the plan any longer.
    let refused = server.asked(&order(&head["ask"], &consents(&shown)[..1], &json!(false)), &shown);
    let why = refused[0]["failed"]["text"].as_str().unwrap_or_default();
    assert!(why.starts_with("the plan is not the one that the logs give now"), "{refused:?}");
    assert_eq!(server.calls().len(), 2);
}

#[test]
fn a_service_center_tells_which_recipients_are_in_an_outage_posted_there() {
    let server = Server::new("reachability: off");
    let window = ["--from", "2026-03-12T17:30:00Z", "--until", "2126-03-12T19:00:00Z"];
    let add = [&["outage", "add", "--device", "node2", "--reason", "moving"], &window[..]].concat();
    server.site.run(&add).ok();
    let parcels = json!([{ "packages": ["jre"], "recipients": ["node1", "node2"] },
        { "packages": [], "recipients": ["Node2"] }]);
    let told =
        server.asked(&json!({ "expected": { "server": "IS38.east.example.com", "parcels": parcels } }), &[]);
    let found = told[0]["aside"]["reasons"].as_array().cloned().unwrap_or_default();
    let named: Vec<_> = found.iter().map(|own| (&own["recipient"], &own["packages"])).collect();
    assert_eq!(named, [(&json!("node2"), &json!(["jre"])), (&json!("node2"), &json!([]))], "{told:?}");
    assert!(found[0]["why"].as_str().is_some_and(|why| why.starts_with("kept aside: outage ")), "{told:?}");
    assert_eq!(told[1], json!({ "end": { "items": 2 } }));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the agent's clock is the true one")]
fn a_look_from_afar_that_finds_nothing_left_and_an_issue_of_all_of_it_are_a_servicing() {
    let whole = json!({ "server": "is38", "since": null, "until": null, "ticket": null, "package": null, "job": null,
        "recipient": null, "cause": null, "log": [], "format": null });
    let server = Server::new("reachability: off");
    let part = json!({ "server": "is38", "since": null, "until": null, "ticket": null, "package": "x*", "job": null,
        "recipient": null, "cause": null, "log": [], "format": null });
    server.plan(&whole, false);
    server.plan(&part, true);
    assert!(!server.serviced(), "a part, and a look that only wants to know");
    server.plan(&whole, true);
    assert!(server.serviced());
    // What is left is none; once all of it is delivered, it is.
    let server = Server::new("reachability: off");
    let log = server.site.folder.path().join("dist.log");
    server.fails("J42", &["node1"]);
    let recent = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() - 3600).expect("a time");
    let text = fs::read_to_string(&log).expect("the log");
    fs::write(&log, text.replace("2026-03-12T17:04", &recent.to_string()[..16])).expect("the log");
    let (head, shown) = server.plan(&whole, true);
    assert!(!server.serviced());
    assert_eq!(head["whole"], json!(true));
    let issued = server.asked(&order(&head["ask"], &consents(&shown), &head["whole"]), &shown);
    assert_eq!(summary(&issued)["confirmed"], json!(["J1.1"]), "{issued:?}");
    assert!(server.serviced());
}

#[test]
fn a_caller_that_reads_nothing_stops_what_is_to_come_and_every_command_has_a_state() {
    let server = Server::new("reachability: off");
    for number in 0..150 {
        server.fails(&format!("J{number}"), &[&format!("node{number}")]);
    }
    let (head, shown) = server.plan(&ask(), false);
    let approve = consents(&shown);
    assert_eq!(approve.len(), 150);
    let (reading, writing) = rustix::pipe::pipe().expect("a pipe");
    rustix::pipe::fcntl_setpipe_size(&writing, 4096).expect("a small one");
    let (mut child, mut input) =
        server.agent(Stdio::from(writing), &order(&head["ask"], &approve, &json!(false)));
    shown.iter().for_each(|line| say(&mut input, line));
    // It says that it is there, and takes nothing of what it is told.
    let (done, end) = std::sync::mpsc::channel();
    let talking = std::thread::spawn(move || {
        while end.recv_timeout(Duration::from_millis(300)).is_err() {
            say(&mut input, &json!("still"));
        }
    });
    assert!(child.wait().expect("it ends").success());
    done.send(()).expect("it talks");
    talking.join().expect("it talked");
    drop(reading);
    let journal = ["redistribute", "journal", "--limit", "1000", "--json"];
    let output = server.site.command(&journal).output().expect("it runs");
    let journal: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let items = journal["items"].as_array().expect("items");
    let in_state = |state: &str| items.iter().filter(|row| row["state"] == state).count();
    let (confirmed, left) = (in_state("confirmed"), in_state("approved"));
    assert_eq!((items.len(), confirmed + left), (150, 150), "{items:?}");
    assert!(left > 0, "it was stopped");
    assert_eq!(server.calls().len(), confirmed);
}
