//! What a command that only looks, or only says what it would do, leaves alone.

#[path = "support/site.rs"]
#[allow(dead_code, reason = "each test takes what it needs of a site")]
mod site;

use site::Site;

#[test]
fn only_a_command_that_acts_makes_a_state_in_an_empty_folder() {
    let site = Site::new();
    let empty = site.folder.path().join("empty");
    std::fs::create_dir(&empty).expect("a folder");
    let state = empty.to_string_lossy().into_owned();
    let count = || std::fs::read_dir(&empty).expect("a folder").count();
    for words in [&["ticket", "list"][..], &["audit"], &["flush", "--dry-run"], &["run", "--dry-run"]] {
        assert_eq!(site.run(&[words, &["--state", &state]].concat()).exit, 69, "{words:?}");
        assert_eq!(count(), 0, "{words:?}");
    }
    site.run(&["flush", "--state", &state]).ok();
    assert!(count() > 0);
}

#[test]
fn generated_documents_are_not_written_in_a_dry_run() {
    let site = Site::bare();
    assert_eq!(
        site.run(&["man", "--write", "out", "--dry-run"]).ok(),
        "would write out/autoticket.1\nwould write out/redistribute.1\n"
    );
    assert!(
        site.run(&["completions", "--write", "out", "--dry-run"])
            .ok()
            .contains("would write out/_autoticket\n")
    );
    assert!(!site.folder.path().join("out").exists());
}
