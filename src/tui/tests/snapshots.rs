//! Whole screens as they are seen.

use super::*;
use std::time::Duration;

fn model() -> Model {
    Model::new(fixture::plan(), Vec::new(), FULL)
}

/// The screen after these keys, in three sizes.
fn sizes(model: &mut Model) -> String {
    let drawn = [(80, 24), (200, 60), (40, 12)].map(|(columns, rows)| {
        let frame = screen(model, columns, rows);
        format!("{columns}x{rows}\n{frame}\n")
    });
    drawn.join("\n")
}

#[test]
fn the_plan() {
    insta::assert_snapshot!(sizes(&mut model()));
}

#[test]
fn the_difference_of_a_command() {
    let mut model = model();
    keys(&mut model, "jjd");
    insta::assert_snapshot!(sizes(&mut model));
}

#[test]
fn one_detail_on_the_whole_screen() {
    let mut model = model();
    keys(&mut model, "Gkk\n");
    insta::assert_snapshot!(sizes(&mut model));
}

#[test]
fn the_consent_to_marked_commands() {
    let mut model = model();
    keys(&mut model, "Ay3");
    insta::assert_snapshot!(sizes(&mut model));
}

#[test]
fn the_consent_to_an_ambiguous_command() {
    let mut model = model();
    keys(&mut model, "/office\nyJ");
    insta::assert_snapshot!(sizes(&mut model));
}

#[test]
fn the_editor() {
    let mut model = model();
    keys(&mut model, "jje");
    press(&mut model, KeyCode::Down);
    press(&mut model, KeyCode::Down);
    insta::assert_snapshot!(sizes(&mut model));
}

#[test]
fn the_help() {
    let mut model = model();
    keys(&mut model, "?");
    insta::assert_snapshot!(sizes(&mut model));
}

#[test]
fn commands_of_an_earlier_session() {
    insta::assert_snapshot!(sizes(&mut Model::new(fixture::plan(), fixture::unknown(), FULL)));
}

#[test]
fn an_issue_that_runs_and_is_to_be_stopped() {
    let failure =
        Failure { id: "J3.1".into(), recipients: 2, line: "ssh: connect to host node44 port 22".into() };
    let mut model = model();
    model.progress(Progress {
        total: 12,
        confirmed: 4,
        failed: vec![failure],
        aside: 1,
        running: vec![Running {
            id: "J5.1".into(),
            recipients: "node40".into(),
            since: Duration::from_secs(75),
        }],
        wave: Some(Wave { number: 2, of: 3, recipients: 10 }),
        elapsed: Duration::from_secs(130),
        left: Some(Duration::from_secs(240)),
        ..Progress::default()
    });
    let running = sizes(&mut model);
    keys(&mut model, "q");
    insta::assert_snapshot!(format!("{running}\n{}", screen(&mut model, 80, 24)));
}

#[test]
fn a_result_and_what_remains() {
    let failure =
        Failure { id: "J3.1".into(), recipients: 2, line: "ssh: connect to host node44 port 22".into() };
    let mut model = model();
    model.ended(Ending {
        confirmed: 9,
        recipients_confirmed: 31,
        failed: vec![failure],
        not_started: 2,
        aside: 1,
        open: 3,
        elapsed: Duration::from_secs(300),
        next: vec!["`redistribute --server is38 --since servicing` proposes what failed again".into()],
        ..Ending::default()
    });
    insta::assert_snapshot!(sizes(&mut model));
}

#[test]
fn ascii_where_the_locale_is_not_utf8() {
    let mut model = Model::new(fixture::plan(), Vec::new(), Theme { colour: false, unicode: false });
    keys(&mut model, "jj");
    let drawn = sizes(&mut model);
    assert!(drawn.is_ascii());
    insta::assert_snapshot!(drawn);
}

/// Columns stand under each other also behind wide characters, and hostile ones are written out.
#[test]
fn hostile_and_wide_names() {
    let mut plan = fixture::plan();
    plan.jobs[0].packages = vec!["日本語の編集".into(), "\u{202e}gpj.exe".into()];
    plan.jobs[0].cause = "refused\x1b[2J\nby peer".into();
    plan.jobs[0].commands[0].argv[2].text = "--limit=all\x1b]0;owned\x07\u{200b}".into();
    let mut model = Model::new(plan, Vec::new(), FULL);
    keys(&mut model, "/J1.1\n");
    insta::assert_snapshot!(sizes(&mut model));
}
