//! `redistribute` on the command line: from a log to commands that a manager gets, and to nothing left.

#[path = "support/site.rs"]
#[allow(dead_code, reason = "each test takes what it needs of a site")]
mod site;

use site::Site;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// A server whose manager writes down each call: its arguments, and the distribution list that it got.
struct Server {
    site: Site,
}

impl Server {
    fn new() -> Self {
        let site = Site::bare();
        let manager = site.file(
            "swdist",
            "#!/bin/sh\n[ -n \"$AUTOTICKET_IDEMPOTENCY_KEY\" ] || exit 9\ncase \"$*\" in *broken*) exit 3;; esac\n\
             printf '%s|' \"$@\" | sed 's#[^|]*/lists/[0-9a-f]*[.]list#LIST#' >> calls; echo >> calls\n\
             while [ $# -gt 0 ]; do case \"$1\" in -l) cat \"$2\" >> calls;; esac; shift; done\n",
        );
        fs::set_permissions(&manager, fs::Permissions::from_mode(0o755)).expect("a mode");
        let server = Self { site };
        server.allow(&manager.display().to_string());
        server.site.file("J1.lst", "# fleet\nnode1 prio=1\nnode2 prio=2\nnode3 prio=3\n");
        server.site.dated("J1.lst", 1_770_000_000);
        server.log(&server.start("J1", "jre-1.3.1"), &[("J1", "node2", "FAILED type=disk no space left")]);
        server
    }

    fn path(&self, name: &str) -> String {
        self.site.folder.path().join(name).display().to_string()
    }

    fn allow(&self, program: &str) {
        let text = format!("servers:\n  default:\n    allow: [{program}]\n");
        self.site.file("own/redistribution.yaml", &text);
    }

    fn start(&self, job: &str, package: &str) -> String {
        format!(
            "START job={job} cmd=\"{} -p '{package}' -l {} -P prio=3\" dir={}",
            self.path("swdist"),
            self.path("J1.lst"),
            self.path("")
        )
    }

    fn log(&self, start: &str, lines: &[(&str, &str, &str)]) {
        let mut text = format!("2026-03-01T00:00:01Z is1 dm[7]: {start}\n");
        for (job, target, rest) in lines {
            text += &format!("2026-03-01T00:00:03Z is1 dm[8]: job={job} target={target} state={rest}\n");
        }
        let job = start.split(' ').nth(1).expect("job=");
        text += &format!("2026-03-01T00:00:05Z is1 dm[7]: END {job} rc=1\n");
        let path = self.site.folder.path().join("dist.log");
        let before = fs::read_to_string(&path).unwrap_or_default();
        self.site.file("dist.log", &(before + &text));
    }

    fn run(&self, words: &[&str]) -> site::Gave {
        let (log, state, rules) = (self.path("dist.log"), self.path("journal"), self.path("own"));
        let own = ["redistribute", "--log", &log, "--server", "is1", "--state", &state, "--rules", &rules];
        self.site.run(&[&own[..], words].concat())
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.path("calls")).unwrap_or_default()
    }
}

#[test]
fn exactly_the_recipient_that_failed_is_reissued_with_its_parameters_and_a_second_run_does_nothing() {
    let server = Server::new();
    let listed = server.run(&["--list"]);
    assert_eq!(listed.exit, 1, "{}{}", listed.out, listed.err);
    assert!(listed.out.contains("disk: 1 job, 1 recipient\n"), "{}", listed.out);
    assert!(listed.out.contains("J1.1  jre-1.3.1  node2       exact  "), "{}", listed.out);
    let issued = server.run(&["--approve", "all"]);
    assert_eq!(issued.exit, 0, "{}{}", issued.out, issued.err);
    assert_eq!(issued.out, "1 confirmed, 0 failed, 0 waiting for the manager, 0 not issued\n");
    let once = "-p|jre-1.3.1|-l|LIST|-P|prio=3|\nnode2 prio=2\n";
    assert_eq!(server.calls(), once);
    let again = server.run(&["--approve", "all"]);
    assert_eq!((again.exit, server.calls().as_str()), (0, once), "{}{}", again.out, again.err);
    let listed = server.run(&["--list"]);
    assert_eq!(listed.exit, 0, "{}", listed.out);
    assert!(listed.out.contains("0 jobs, 0 recipients left\n"), "{}", listed.out);
    let journal = server.site.run(&["redistribute", "journal", "--state", &server.path("journal")]);
    assert!(
        journal.out.contains("confirmed") && journal.out.contains("the record is whole: "),
        "{}",
        journal.out
    );
}

#[test]
fn a_damaged_cut_older_or_deleted_journal_issues_nothing_is_told_and_named() {
    let server = Server::new();
    let state = server.path("journal");
    let plan = server.path("plan.json");
    assert_eq!(server.run(&["--plan", &plan]).exit, 0);
    server.log(&server.start("J2", "broken-1"), &[("J2", "node1", "FAILED type=access")]);
    assert_eq!(server.run(&["--approve", "J2.1"]).exit, 1);
    let file = |name: &str| format!("{state}/{name}");
    let names = ["redistribution.db", "redistribution-id", "redistribution-head"];
    let older = names.map(|name| fs::read(file(name)).expect("ours"));
    assert_eq!(server.run(&["--approve", "J1.1"]).exit, 0);
    let once = server.calls();
    let newest = names.map(|name| fs::read(file(name)).expect("ours"));
    let put = |all: &[Vec<u8>; 3]| {
        names.iter().zip(all).for_each(|(name, bytes)| fs::write(file(name), bytes).expect("ours"))
    };
    let forge = |sql: &str| {
        let db = rusqlite::Connection::open(file(names[0])).expect("a database");
        db.execute_batch(sql).expect(sql);
    };
    let free = "DROP TRIGGER record_stays; DROP TRIGGER record_is_kept; ";
    type Damage<'a> = (&'a str, Box<dyn Fn() + 'a>);
    let damages: [Damage<'_>; 7] = [
        (
            "state is `failed`, the record says `confirmed`",
            Box::new(|| {
                forge(
                    "UPDATE command SET state='failed' WHERE id='J1.1'; UPDATE recipient SET state='failed'",
                )
            }),
        ),
        ("row 2: changed", Box::new(|| forge(&format!("{free}UPDATE record SET who='eve' WHERE id=2")))),
        (
            "gone: redistribution-head knows of row",
            Box::new(|| forge(&format!("{free}DELETE FROM record WHERE id>4"))),
        ),
        (
            "the record was cut, or is that of an older copy",
            Box::new(|| fs::write(file(names[0]), &older[0]).expect("ours")),
        ),
        ("it is gone or empty", Box::new(|| fs::remove_file(file(names[0])).expect("ours"))),
        ("redistribution-head: it is gone", Box::new(|| fs::remove_file(file(names[2])).expect("ours"))),
        (
            "it is gone or empty",
            Box::new(|| names.iter().for_each(|name| fs::remove_file(file(name)).expect("ours"))),
        ),
    ];
    for (said, damage) in damages {
        put(&newest);
        damage();
        let listed = server.run(&["--list"]);
        let told = listed.out.lines().find(|line| line.starts_with("DAMAGE: ")).unwrap_or_default();
        assert_eq!(
            (listed.exit, told.contains("is not what its record says")),
            (1, true),
            "{said}: {}",
            listed.out
        );
        for words in
            [&["--approve", "all"][..], &["--approve", "J2.1"], &["--approve", "all", "--dry-run"], &[]]
        {
            let refused = server.run(words);
            assert_eq!(refused.exit, 65, "{said}, {words:?}: {}{}", refused.out, refused.err);
            let way_out = refused.err.contains("find out what was issued since (redistribution.logs)");
            assert!(way_out && refused.err.contains("nothing is issued by it"), "{said}: {}", refused.err);
        }
        let apply = ["redistribute", "--apply", &plan, "--state", &state, "--rules", &server.path("own")];
        assert_eq!(server.site.run(&apply).exit, 65, "{said}");
        assert_eq!(server.site.run(&["redistribute", "sync", "--state", &state]).exit, 65, "{said}");
        let journal = server.site.run(&["redistribute", "journal", "--state", &state]);
        assert!(matches!(journal.exit, 1 | 65), "{said}: {}{}", journal.out, journal.err);
        assert!(
            format!("{}{}", journal.out, journal.err).contains(said),
            "{said}: {}{}",
            journal.out,
            journal.err
        );
        assert_eq!(server.calls(), once, "{said}");
    }
    put(&newest);
    assert_eq!(server.run(&["--approve", "J2.1"]).exit, 1, "the newest one is whole");
    assert_eq!(server.calls(), once);
}

#[test]
fn a_number_that_was_listed_means_the_same_package_after_another_one_was_confirmed() {
    let server = Server::new();
    server.log(&server.start("J2", "acrobat-5"), &[("J2", "node1", "FAILED type=disk")]);
    server.log(&server.start("J3", "perl-5.8"), &[("J3", "node3", "FAILED type=disk")]);
    let list = || server.run(&["--list"]).out.split_whitespace().collect::<Vec<_>>().join(" ");
    let listed = list();
    for said in ["J1.1 jre-1.3.1 node2 ", "J2.1 acrobat-5 node1 ", "J3.1 perl-5.8 node3 "] {
        assert!(listed.contains(said), "{said}: {}", listed);
    }
    assert_eq!(server.run(&["--approve", "J1.1"]).exit, 0);
    let listed = list();
    assert!(listed.contains("J2.1 acrobat-5 node1 "), "confirmed by the journal: {}", listed);
    // Another one arrived by a run of somebody else, which the log tells.
    server.log(&server.start("J4", "acrobat-5"), &[("J4", "node1", "OK bytes=12")]);
    let path = server.site.folder.path().join("dist.log");
    let text = fs::read_to_string(&path).expect("the log");
    let (before, after) = text.split_at(text.find("START job=J4").expect("J4") - 27);
    server.site.file("dist.log", &format!("{before}{}", after.replace("T00:00:0", "T01:00:0")));
    let listed = list();
    assert!(listed.contains("J3.1 perl-5.8 node3 "), "confirmed by the log: {}", listed);
    let finished = server.run(&["--approve", "J2.1"]);
    assert_eq!((finished.exit, finished.err.contains("there is no job or command J2.1")), (65, true));
    assert_eq!(server.run(&["--approve", "J3.1"]).exit, 0);
    assert!(server.calls().ends_with("-p|perl-5.8|-l|LIST|-P|prio=3|\nnode3 prio=3\n"), "{}", server.calls());
}

#[test]
fn a_server_of_which_the_logs_do_not_speak_is_told_with_those_of_which_they_do() {
    let server = Server::new();
    let plan = server.path("plan.json");
    let run = |name: &str, words: &[&str]| {
        let (log, state, rules) = (server.path("dist.log"), server.path("journal"), server.path("own"));
        let own = ["redistribute", "--log", &log, "--server", name, "--state", &state, "--rules", &rules];
        server.site.run(&[&own[..], words].concat())
    };
    let said = "note: nothing in these logs is of is: they speak of is1; `--server is1` asks for its jobs\n";
    for words in
        [&["--list"][..], &["--approve", "all"], &["--approve", "all", "--dry-run"], &["--plan", &plan]]
    {
        let gave = run("is", words);
        assert_eq!((gave.exit, gave.out.contains(said)), (1, true), "{words:?}: {}{}", gave.out, gave.err);
    }
    assert_eq!(server.calls(), "");
    assert_eq!(run("is1", &["--approve", "all"]).exit, 0);
    let nothing = run("is1", &["--list"]);
    assert_eq!((nothing.exit, nothing.out.contains("nothing in these logs")), (0, false), "{}", nothing.out);
    // Another server's line far into the log is one of its own.
    let text = fs::read_to_string(server.path("dist.log")).expect("the log");
    let ok = "2026-03-01T09:00:01Z is2 dm[7]: START job=J9 cmd=\"/bin/true -p a -l /l\"\n\
        2026-03-01T09:00:02Z is2 dm[7]: job=J9 target=c1 state=OK\n2026-03-01T09:00:04Z is2 dm[7]: END job=J9 rc=0\n";
    server.site.file("dist.log", &(text.repeat(1 + (70 << 10) / text.len()) + ok));
    let served = run("is2", &["--list"]);
    assert_eq!((served.exit, served.out.contains("nothing in these logs")), (0, false), "{}", served.out);
}

#[test]
fn a_server_without_logs_is_told_so_and_that_is_not_nothing() {
    let server = Server::new();
    let (state, rules) = (server.path("journal"), server.path("own"));
    let text = format!("servers:\n  is38:\n    logs: [{}]\n", server.path("dist.log"));
    server.site.file("own/redistribution.yaml", &text);
    server.site.run(&["init", "--state", &state, "--install-id", "test"]).ok();
    for words in [&["--list"][..], &["--approve", "all"], &["--plan", "plan.json"]] {
        let own = ["redistribute", "--server", "is39", "--state", &state, "--rules", &rules];
        let gave = server.site.run(&[&own[..], words].concat());
        let why = "no logfile is configured for is39, and no failed distribution of it is recorded";
        assert_eq!((gave.exit, gave.err.contains(why)), (69, true), "{words:?}: {}{}", gave.out, gave.err);
        assert!(gave.err.contains("they are configured for is38: --server names one"), "{}", gave.err);
    }
}

#[test]
fn a_dry_run_says_what_would_be_refused_and_why_and_a_folder_that_is_gone_is_named() {
    let server = Server::new();
    let gone = server.start("J2", "perl-5.8").replace(&format!("dir={}", server.path("")), "dir=/gone/away");
    server.log(&gone, &[("J2", "node1", "FAILED type=disk")]);
    let would = server.run(&["--approve", "all", "--dry-run"]);
    let why = "J2.1: its working directory `/gone/away` is gone\n";
    assert_eq!((would.exit, would.out.starts_with("would issue J1.1: ")), (1, true), "{}", would.out);
    assert!(would.out.contains(&format!("would not be issued: {why}")), "{}", would.out);
    let json = server.run(&["--approve", "all", "--dry-run", "--json"]).json();
    assert_eq!(
        (&json["would_issue"][0]["id"], &json["would_issue"][1]),
        (&"J1.1".into(), &serde_json::Value::Null)
    );
    assert_eq!(json["would_refuse"][0]["id"], "J2.1", "{json}");
    let issued = server.run(&["--approve", "J2.1"]);
    assert_eq!(
        (issued.exit, issued.out.contains(&format!("not issued: {why}"))),
        (1, true),
        "{}",
        issued.out
    );
    assert!(!issued.out.contains("No such file"), "{}", issued.out);
    fs::rename(server.path("swdist"), server.path("elsewhere")).expect("ours");
    let would = server.run(&["--approve", "J1.1", "--dry-run"]);
    let why = "would not be issued: J1.1: `SITE/swdist` is no program that can be executed\n";
    assert_eq!((would.exit, would.out.as_str()), (1, why));
    server.allow("/bin/true");
    let would = server.run(&["--approve", "J1.1", "--dry-run"]);
    let why =
        "would not be issued: J1.1: `SITE/swdist` may not be started on is1: add it to redistribution.yaml\n";
    assert_eq!((would.exit, would.out.starts_with(why)), (1, true), "{}", would.out);
    assert_eq!(server.calls(), "");
}

#[test]
fn a_plan_says_what_could_not_be_read_and_what_is_approved_one_by_one() {
    let server = Server::new();
    let (plan, none, state) = (server.path("plan.json"), server.path("none.json"), server.path("journal"));
    let rules = server.path("own");
    let own = ["redistribute", "--server", "is1", "--state", &state, "--rules", &rules];
    let unread = server.site.run(&[&own[..], &["--log", "nowhere.log", "--plan", &none]].concat());
    assert_eq!(unread.exit, 1, "{}{}", unread.out, unread.err);
    assert!(unread.out.contains("note: ") && unread.out.contains("there is no such file"), "{}", unread.out);
    server.log(&server.start("J2", "jre"), &[("J2", "--limit=all", "FAILED type=disk")]);
    server.site.dated("J1.lst", 1_780_000_000);
    let written = server.run(&["--plan", &plan]);
    let said = "not issued with the rest: 1 job refused, 1 command ambiguous or blocked, \
        which `redistribute --apply SITE/plan.json --approve J1.1` approves one by one";
    assert_eq!((written.exit, written.out.contains(&format!("{said}\n"))), (0, true), "{}", written.out);
    let by_job = server.run(&["--approve", "J1"]);
    assert!(by_job.out.contains("; approve it by its id: --approve J1.1\n"), "{}", by_job.out);
    let apply = |words: &[&str]| {
        server
            .site
            .run(&[&["redistribute", "--apply", &plan, "--state", &state, "--rules", &rules], words].concat())
    };
    let all = apply(&[]);
    assert_eq!((all.exit, all.err.contains(said)), (1, true), "{}{}", all.out, all.err);
    assert_eq!(server.calls(), "");
    assert_eq!(apply(&["--approve", "J1.1"]).exit, 0);
    assert_eq!(server.calls(), "-p|jre-1.3.1|-l|LIST|-P|prio=3|\nnode2 prio=2\n");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the program is started by the name of its link")]
fn global_options_stand_before_or_after_and_the_link_names_the_command() {
    let server = Server::new();
    assert_eq!(server.run(&["--approve", "all"]).exit, 0);
    let (state, rules, link) = (server.path("journal"), server.path("own"), server.path("redistribute"));
    std::os::unix::fs::symlink(assert_cmd::cargo::cargo_bin!("autoticket"), &link).expect("a link");
    let run = |words: &[&str]| {
        let output = std::process::Command::new(&link).args(words).output().expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    for words in [
        ["--rules", &rules, "--state", &state, "journal"],
        ["--rules", &rules, "journal", "--state", &state],
        ["journal", "--rules", &rules, "--state", &state],
    ] {
        let gave = run(&words);
        assert_eq!(
            (gave.0, gave.1.contains("the record is whole: ")),
            (Some(0), true),
            "{words:?}: {}",
            gave.2
        );
    }
    let long = server.site.run(&["redistribute", "--rules", &rules, "--state", &state, "journal"]);
    assert_eq!(long.exit, 0, "{}", long.err);
    let usage = run(&["--nonsense"]);
    assert_eq!(
        (usage.0, usage.2.contains("Usage: autoticket redistribute [OPTIONS]")),
        (Some(64), true),
        "{}",
        usage.2
    );
    let nobody = run(&["--server", "", "--list"]);
    assert_eq!(
        (nobody.0, nobody.2.contains("--server '' names no server")),
        (Some(64), true),
        "{}",
        nobody.2
    );
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the program is started as another user")]
fn a_state_that_keeps_us_out_is_not_one_from_which_nothing_was_issued() {
    use std::os::unix::process::CommandExt;
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let server = Server::new();
    assert_eq!(server.run(&["--approve", "all"]).exit, 0);
    let mode = |name: &str, mode| {
        fs::set_permissions(server.path(name), fs::Permissions::from_mode(mode)).expect("ours");
    };
    mode("", 0o755);
    mode("journal", 0o700);
    let own = server.path("autoticket");
    // By another process: a file that is open for writing here, or in what other tests fork meanwhile, does not run.
    let copied =
        std::process::Command::new("cp").arg(assert_cmd::cargo::cargo_bin!("autoticket")).arg(&own).status();
    assert!(copied.expect("cp runs").success());
    mode("autoticket", 0o755);
    for act in [&["journal"][..], &["sync"], &["--list", "--log", "dist.log"]] {
        let mut command = std::process::Command::new(&own);
        command.arg("redistribute").args(act).args(["--state", &server.path("journal")]);
        let gave =
            command.env_clear().uid(65534).gid(65534).current_dir(server.path("")).output().expect("it runs");
        let said = String::from_utf8_lossy(&gave.stderr);
        assert_eq!(gave.status.code(), Some(77), "{act:?}: {said}");
        assert!(said.contains("belongs to") && said.contains("sudo -u "), "{act:?}: {said}");
    }
}

#[test]
fn two_operators_at_the_same_moment_issue_a_command_once() {
    let server = Server::new();
    let run = || server.run(&["--approve", "all"]);
    let gave = std::thread::scope(|scope| {
        let both = [scope.spawn(run), scope.spawn(run)];
        both.map(|one| one.join().expect("it ends"))
    });
    assert_eq!(server.calls(), "-p|jre-1.3.1|-l|LIST|-P|prio=3|\nnode2 prio=2\n");
    for gave in &gave {
        let is_second =
            ["in the hands of", "nothing is left", "is confirmed"].iter().any(|said| gave.out.contains(said));
        assert!(gave.out.starts_with("1 confirmed") || is_second, "{}{}", gave.out, gave.err);
    }
    let journal = server.site.run(&["redistribute", "journal", "--state", &server.path("journal")]);
    assert!(journal.out.contains("the record is whole: "), "{}", journal.out);
}

#[test]
fn who_succeeded_since_is_left_out_with_the_line_that_says_so() {
    let server = Server::new();
    let again = server.start("J2", "jre-1.3.1").replace("00:01Z", "09:01Z");
    server.log(&again, &[("J2", "node2", "OK bytes=12")]);
    let path = server.site.folder.path().join("dist.log");
    let text = fs::read_to_string(&path).expect("the log");
    let (before, after) = text.split_at(text.find("START job=J2").expect("J2") - 27);
    server.site.file("dist.log", &format!("{before}{}", after.replace("T00:00:0", "T01:00:0")));
    let listed = server.run(&["--list"]);
    assert_eq!(listed.exit, 0, "{}", listed.out);
    assert!(listed.out.contains("`node2` by ") && listed.out.contains("dist.log:5"), "{}", listed.out);
    assert_eq!((server.run(&["--approve", "all"]).exit, server.calls().as_str()), (0, ""));
}

#[test]
fn a_program_that_is_not_allowed_is_refused_with_the_line_to_add() {
    let server = Server::new();
    server.allow("/bin/true");
    let refused = server.run(&["--approve", "all"]);
    assert_eq!((refused.exit, server.calls().as_str()), (1, ""), "{}", refused.out);
    let told = "may not be started on is1: add it to redistribution.yaml\nservers:\n  is1:\n    allow: [/bin/true, SITE/swdist]";
    assert!(refused.out.contains(told), "{}", refused.out);
}

#[test]
fn a_plan_is_applied_as_it_was_reviewed_and_refused_where_it_was_edited_or_the_log_went_on() {
    let server = Server::new();
    let (plan, edited) = (server.path("plan.json"), server.path("edited.json"));
    assert_eq!(server.run(&["--plan", &plan]).exit, 0);
    let again = server.run(&["--plan", &plan]);
    assert_eq!(again.exit, 74, "never over another file: {}", again.err);
    let apply = |file: &str| {
        let (state, rules) = (server.path("journal"), server.path("own"));
        server.site.run(&["redistribute", "--apply", file, "--state", &state, "--rules", &rules])
    };
    let text = fs::read_to_string(&plan).expect("the plan");
    server.site.file("edited.json", &text.replace("\"prio=3\"", "\"prio=9\""));
    let refused = apply(&edited);
    assert_eq!((refused.exit, server.calls().as_str()), (65, ""), "{}", refused.err);
    assert!(refused.err.contains("the plan says \"prio=9\", the logs say \"prio=3\""), "{}", refused.err);
    let applied = apply(&plan);
    assert_eq!(applied.exit, 0, "{}{}", applied.out, applied.err);
    assert_eq!(server.calls(), "-p|jre-1.3.1|-l|LIST|-P|prio=3|\nnode2 prio=2\n");
    let twice = apply(&plan);
    assert_eq!(twice.exit, 65, "what was issued is no longer in the logs' plan: {}", twice.err);
}

#[test]
fn a_dry_run_issues_nothing_and_a_failure_is_told_and_found_again() {
    let server = Server::new();
    let would = server.run(&["--approve", "all", "--dry-run"]);
    assert_eq!((would.exit, server.calls().as_str()), (0, ""), "{}", would.err);
    assert!(would.out.starts_with("would issue J1.1: "), "{}", would.out);
    server.log(&server.start("J2", "broken-1"), &[("J2", "node1", "FAILED type=access")]);
    let issued = server.run(&["--approve", "J2"]);
    assert_eq!(issued.exit, 1, "{}", issued.out);
    assert!(issued.out.starts_with("failed: J2.1: exit status 3\n"), "{}", issued.out);
    let left = server.run(&["--list"]);
    assert!(left.out.contains("2 jobs, 2 recipients left\n"), "{}", left.out);
}

#[test]
fn without_a_terminal_the_ways_to_approve_are_named() {
    let server = Server::new();
    let gave = server.run(&[]);
    assert_eq!(gave.exit, 64, "{}", gave.out);
    assert!(gave.err.contains("`--plan FILE`") && gave.err.contains("`--approve all`"), "{}", gave.err);
    assert_eq!(server.calls(), "");
}

#[test]
fn rules_beside_the_operator_are_not_taken_and_those_others_may_write_are_refused() {
    let server = Server::new();
    server.site.file("rules/redistribution.yaml", "servers: {default: {allow: [/bin/true]}}\n");
    let path = server.site.folder.path().join("own/redistribution.yaml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("a mode");
    let refused = server.run(&["--list"]);
    assert_eq!(refused.exit, 77, "{}", refused.err);
    assert!(refused.err.contains("may be written by others (mode 666)"), "{}", refused.err);
}

#[test]
fn hostile_words_of_a_log_stay_one_argument_and_are_shown_escaped() {
    let server = Server::new();
    server.site.file("dist.log", "");
    let start = server.start("J1", "x; touch pwned $(id) \u{202e}");
    server.log(&start, &[("J1", "node2", "FAILED type=disk")]);
    let listed = server.run(&["--list"]);
    assert!(listed.out.contains("\\u{202e}") && !listed.out.contains('\u{202e}'), "{}", listed.out);
    server.run(&["--approve", "J1.1"]);
    assert_eq!(server.calls(), "-p|x; touch pwned $(id) \u{202e}|-l|LIST|-P|prio=3|\nnode2 prio=2\n");
    server.site.file("dist.log", "");
    server.log(&server.start("J1", "jre"), &[("J1", "--limit=all", "FAILED type=disk")]);
    let refused = server.run(&["--list"]);
    assert!(refused.out.contains("refused"), "{}", refused.out);
}

#[test]
fn whom_a_cancelled_run_never_came_to_is_shown_as_such_and_reissued_from_its_list() {
    let server = Server::new();
    let start = server.start("J1", "jre-1.3.1");
    let lines = "2026-03-01T00:00:03Z is1 dm[8]: job=J1 target=node1 state=OK\n";
    let end = "2026-03-01T00:00:05Z is1 dm[7]: END job=J1 state=CANCELLED\n";
    server.site.file("dist.log", &format!("2026-03-01T00:00:01Z is1 dm[7]: {start}\n{lines}{end}"));
    let listed = server.run(&["--list"]);
    assert!(listed.out.contains("never started: 1 job, 2 recipients\n"), "{}", listed.out);
    let json = server.run(&["--list", "--json"]).json();
    assert_eq!(json["jobs"][0]["recipients"]["failed"][0]["outcome"], "cancelled");
    let issued = server.run(&["--approve", "all"]);
    assert_eq!(issued.exit, 0, "{}{}", issued.out, issued.err);
    assert_eq!(server.calls(), "-p|jre-1.3.1|-l|LIST|-P|prio=3|\nnode2 prio=2\nnode3 prio=3\n");
}

#[test]
fn a_recipients_own_time_limit_is_not_the_runs() {
    let server = Server::new();
    server.site.file("dist.log", "");
    let outcomes = [("J1", "node1", "OK"), ("J1", "node2", "CANCELLED")];
    server.log(&server.start("J1", "jre-1.3.1"), &outcomes);
    let json = server.run(&["--list", "--json"]).json();
    let failed = json["jobs"][0]["recipients"]["failed"].as_array().expect("failed");
    assert_eq!((failed.len(), failed[0]["name"].as_str()), (1, Some("node2")), "{failed:?}");
}
