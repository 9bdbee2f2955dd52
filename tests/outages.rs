//! `autoticket outage` as an operator uses it: post, list, take back, check.

#[path = "support/site.rs"]
#[allow(dead_code, reason = "the site of all command line tests; these need a part of it")]
mod site;

use site::Site;

#[test]
fn a_notice_is_posted_listed_and_taken_back_and_a_dry_run_changes_nothing() {
    let site = Site::new();
    let add =
        ["outage", "add", "--building", "B2", "--until", "2026-03-13", "--reason", "power", "--id", "O-1"];
    let dry = site.run(&[&add[..], &["--dry-run"]].concat()).ok();
    assert!(
        dry.starts_with("would post O-1: building B2, 2026-03-12 18:00:00Z to 2026-03-14 00:00:00Z, aside"),
        "{dry}"
    );
    let listed = |site: &Site| {
        site.run(&["outage", "list", "--json"]).json()["items"].as_array().expect("items").len()
    };
    assert_eq!(listed(&site), 0);
    site.run(&add).ok();
    let item = site.run(&["outage", "list", "--json"]).json()["items"][0].clone();
    assert_eq!((item["holds"].as_bool(), item["author"].as_str()), (Some(true), Some("ann")));
    site.run(&["outage", "remove", "O-1"]).ok();
    assert_eq!(listed(&site), 0);
    assert_eq!(site.run(&["outage", "remove", "O-1"]).exit, 65);
    let log = site.run(&["audit", "log"]).ok();
    assert!(log.contains("outage add") && log.contains("outage remove"), "{log}");
}

#[test]
fn a_notice_that_names_nothing_or_nonsense_is_refused_as_usage() {
    let site = Site::new();
    for words in [
        &["outage", "add"][..],
        &["outage", "add", "--device", "n", "--until", "soon"],
        &["outage", "add", "--glob", "n["],
        &["outage", "add", "--device", "n", "--zone", "Mars/Base"],
        &["outage", "add", "--device", "n", "--rrule", "FREQ=DAILY"],
    ] {
        let gave = site.run(words);
        assert_eq!(gave.exit, 64, "{words:?}: {}{}", gave.out, gave.err);
    }
}

#[test]
fn check_tells_mistakes_with_their_places_and_says_who_is_expected() {
    let site = Site::new();
    site.file(
        "a.yaml",
        "outages:\n- {device: node7, from: 2026-03-12, until: 2026-03-12, reason: sw}\n- {devise: x}\n",
    );
    let gave = site.run(&["outage", "check", "a.yaml", "--device", "NODE7"]);
    assert_eq!(gave.exit, 1, "{}", gave.err);
    let lines: Vec<&str> = gave.out.lines().collect();
    assert_eq!(lines[0], "a.yaml:3:4: unknown key `devise` in a notice, did you mean `device`?");
    assert!(lines[1].starts_with("NODE7: kept aside: outage O-"), "{}", gave.out);
    assert_eq!(lines[2], "1 file, 1 notice: 1 finding");
}

#[test]
fn a_crossing_in_an_outage_is_explained_and_held_and_judged_when_the_notice_is_taken_back() {
    let site = Site::new();
    let add =
        ["outage", "add", "--device", "node7", "--until", "2026-03-13", "--reason", "power", "--id", "O-1"];
    site.run(&add).ok();
    site.alert(0, "node7", "transfer aborted");
    let mail = site::alert("is38", 1, "node7", "transfer aborted");
    let steps = site.fed(&["explain", "--json", "-"], &mail).json()["steps"].clone();
    let steps = steps.as_array().expect("steps");
    let of = |gate: &str| steps.iter().find(|step| step["gate"] == gate).expect("a step").clone();
    assert_eq!(of("outage")["passed"], false);
    assert!(of("outage")["text"].as_str().is_some_and(|text| text.contains("kept aside: outage O-1")));
    assert!(of("decision")["text"].as_str().is_some_and(|text| text.starts_with("held, judged again at")));
    site.alert(1, "node7", "transfer aborted");
    site.run(&["flush"]).ok();
    let state = |site: &Site| site.run(&["ticket", "list", "--json"]).json()["items"][0]["state"].clone();
    assert_eq!(state(&site), "held");
    let shown = site.run(&["ticket", "show", &site.ticket()]).ok();
    assert!(shown.contains("kept aside: outage O-1 of device node7"), "{shown}");
    site.run(&["outage", "remove", "O-1"]).ok();
    site.run(&["flush"]).ok();
    assert_eq!(state(&site), "sent", "it does not wait for the end that was posted");
    let explained = site.run(&["explain", &site.ticket()]).ok();
    assert!(explained.contains("still failing: outage O-1 ended"), "{explained}");
    assert!(explained.contains("not run: the clock was replaced"), "{explained}");
}

#[test]
fn doctor_tells_of_outage_files_that_cannot_be_used_or_stopped_changing() {
    let site = Site::new();
    site.file(
        "rules/outages/plant.yaml",
        "outages:\n- {device: node7, from: 2026-03-12, until: 2026-03-13}\n",
    );
    site.file("rules/conf.d/outages.yaml", "outages: {files: [plan.csv], stale_after: 1d}\n");
    site.file("rules/plan.csv", "device,from,until\nnode8,2026-03-12,2026-03-13\n");
    site.run(&["flush"]).ok();
    let doctor = |site: &Site| site.run(&["doctor"]).out;
    assert!(doctor(&site).contains("ok   outages: 2 notices in 2 files\n"), "{}", doctor(&site));
    site.dated("rules/plan.csv", 1_773_000_000);
    site.file("rules/outages/plant.yaml", "outages: [\n");
    site.run(&["flush"]).ok();
    let said = doctor(&site);
    assert!(said.contains("warn outages: plan.csv did not change since 2026-03-08 20:00:00Z\n"), "{said}");
    assert!(
        said.contains("warn outages: outages/plant.yaml cannot be used since 2026-03-12 18:00:00Z: "),
        "{said}"
    );
    assert!(said.contains("hint: autoticket outage check; its last good copy serves for a day\n"), "{said}");
}
