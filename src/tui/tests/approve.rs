//! What can be approved, and how; what comes back is what was shown.

use super::*;
use crate::redistribution::model::Outcome;
use crate::redistribution::plan::Plan;

fn model() -> Model {
    Model::new(fixture::plan(), Vec::new(), FULL)
}

/// Moves to the row of this id.
fn go(model: &mut Model, id: &str) {
    keys(model, "g");
    while !screen(model, 200, 60).lines().any(|line| line.starts_with('>') && line.contains(id)) {
        let before = model.list.cursor;
        keys(model, "j");
        assert_ne!(model.list.cursor, before, "{id} has no row");
    }
}

fn ids(messages: &[Message]) -> Vec<String> {
    let of = |message: &Message| match message {
        Message::Approve(approved) => approved.iter().map(|one| one.id.clone()).collect(),
        Message::Reject(ids) | Message::Readmit(ids) => ids.clone(),
        other => vec![format!("{other:?}")],
    };
    messages.iter().flat_map(of).collect()
}

#[test]
fn one_command_is_approved_with_the_hash_and_the_elements_that_were_shown() {
    let mut model = model();
    go(&mut model, "J1.1");
    let shown = model.command("J1.1").expect("it is shown").clone();
    assert_eq!(keys(&mut model, "y"), []);
    assert!(screen(&mut model, 80, 24).contains("Approve J1.1 to 3 recipients?"));
    let argv = shown.argv.iter().map(|token| token.text.clone()).collect();
    let approved = Approved { id: "J1.1".into(), hash: shown.hash, argv };
    assert_eq!(keys(&mut model, "y"), [Message::Approve(vec![approved])]);
    assert!(screen(&mut model, 80, 24).contains("J1.1       approved"));
    assert_eq!(keys(&mut model, "yy"), [], "approved twice");
}

#[test]
fn a_command_that_changes_under_an_open_consent_is_not_approved() {
    let mut model = model();
    go(&mut model, "J1.1");
    keys(&mut model, "y");
    let mut other = model.command("J1.1").expect("it is shown").clone();
    other.hash = "f".repeat(64);
    assert!(model.rebuilt(other));
    assert_eq!(keys(&mut model, "n"), [], "the consent is closed");
    go(&mut model, "J1.1");
    keys(&mut model, "y");
    let Some(Message::Approve(approved)) = keys(&mut model, "y").pop() else { panic!("not approved") };
    assert_eq!(approved[0].hash, "f".repeat(64));
}

#[test]
fn many_recipients_are_approved_by_typing_their_number() {
    let mut model = model();
    go(&mut model, "J5.1");
    assert_eq!(keys(&mut model, "yy\n24\n"), []);
    assert!(screen(&mut model, 80, 24).contains("that is not it; nothing was approved"));
    assert_eq!(ids(&keys(&mut model, "25\n")), ["J5.1"]);
}

#[test]
fn the_limit_of_recipients_is_the_callers() {
    let mut model = model().limit(2);
    go(&mut model, "J1.1");
    assert_eq!(ids(&keys(&mut model, "yy3\n")), Vec::<String>::new());
    assert_eq!(ids(&keys(&mut model, "3\n")), ["J1.1"]);
}

#[test]
fn ambiguous_and_blocked_ones_are_approved_only_singly_and_by_name() {
    let mut model = model();
    keys(&mut model, "A");
    assert_eq!(model.totals.marked, 3, "J5.1, J1.1, J3.1");
    keys(&mut model, "A");
    for id in ["J2.1", "J7.2"] {
        go(&mut model, id);
        keys(&mut model, " ");
        assert_eq!(model.totals.marked, 0);
        assert!(model.said.starts_with(&format!("not marked: {id} is ")), "{}", model.said);
        go(&mut model, id);
        assert_eq!(keys(&mut model, "yy\n"), []);
        assert_eq!(ids(&keys(&mut model, &format!("{id}\n"))), [id]);
    }
}

#[test]
fn a_job_whose_commands_are_blocked_is_not_approved_as_a_whole() {
    let mut model = model();
    go(&mut model, "J7 ");
    assert_eq!(keys(&mut model, "yy\n"), []);
    assert!(model.said.is_empty() || model.said.contains("singly"), "{}", model.said);
}

#[test]
fn all_of_a_cause_are_approved_without_those_that_may_not() {
    let mut model = model();
    go(&mut model, "connection refused");
    keys(&mut model, "y");
    let box_ = screen(&mut model, 80, 24);
    assert!(box_.contains("Approve 2 commands to 5 recipients (4 different)?"), "{box_}");
    assert!(box_.contains("left out: J4.1 is folded"), "{box_}");
    assert_eq!(ids(&keys(&mut model, "y")), ["J1.1", "J3.1"]);
}

#[test]
fn marked_ones_go_before_the_row_and_capital_y_takes_the_row() {
    let mut model = model();
    go(&mut model, "J3.1");
    keys(&mut model, " ");
    go(&mut model, "J1.1");
    assert_eq!(ids(&keys(&mut model, "Yy")), ["J1.1"]);
    assert_eq!(ids(&keys(&mut model, "yy")), ["J3.1"]);
}

#[test]
fn folded_and_refused_jobs_cannot_be_approved() {
    let mut model = model();
    for (row, why) in [("J4.1", "a newer version went"), ("J6", "no command to approve")] {
        go(&mut model, row);
        assert_eq!(keys(&mut model, "y"), []);
        assert!(model.said.contains(why), "{}", model.said);
        assert_eq!(keys(&mut model, "y\n"), []);
        keys(&mut model, "\x1b");
    }
}

#[test]
fn a_rejected_command_is_out_until_that_is_taken_back() {
    let mut model = model();
    go(&mut model, "J1.1");
    assert_eq!(keys(&mut model, "x"), [Message::Reject(vec!["J1.1".into()])]);
    assert_eq!(keys(&mut model, "yy"), []);
    assert_eq!(keys(&mut model, "u"), [Message::Readmit(vec!["J1.1".into()])]);
    assert_eq!(ids(&keys(&mut model, "yy")), ["J1.1"]);
}

#[test]
fn an_edit_asks_the_caller_and_is_shown_as_edited_until_undone() {
    let mut model = model();
    go(&mut model, "J1.1");
    let before = model.command("J1.1").expect("it is shown").clone();
    keys(&mut model, "e");
    for code in [KeyCode::Down, KeyCode::Down, KeyCode::End] {
        press(&mut model, code);
    }
    keys(&mut model, ",node64");
    let messages = control(&mut model, 's');
    let [Message::Edit { id, argv }] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!((id.as_str(), argv[2].as_str()), ("J1.1", "node42,node57,node63,node64"));
    model.refuse("J1.1", "node64 did not fail");
    assert!(screen(&mut model, 80, 24).contains("node64 did not fail"));
    let mut built = before.clone();
    built.hash = "e".repeat(64);
    built.argv[2].text.push_str(",node64");
    assert!(model.rebuilt(built));
    let drawn = screen(&mut model, 80, 40);
    assert!(drawn.contains("J1.1       edited") && drawn.contains("clush -w node[40-79] -b"), "{drawn}");
    keys(&mut model, "u");
    assert_eq!(model.command("J1.1"), Some(&before));
    let Some(Message::Approve(approved)) = keys(&mut model, "yy").pop() else { panic!("not approved") };
    assert_eq!(approved[0].hash, before.hash);
}

#[test]
fn the_editor_refuses_what_can_be_no_command_and_takes_steps_back() {
    let mut model = model();
    go(&mut model, "J1.1");
    keys(&mut model, "e");
    for _ in 0..5 {
        press(&mut model, KeyCode::Delete);
    }
    assert_eq!(control(&mut model, 's'), []);
    assert!(screen(&mut model, 80, 24).contains("the first element is the program"));
    control(&mut model, 'u');
    assert_eq!(control(&mut model, 's'), []);
    assert!(screen(&mut model, 80, 24).contains("nothing has changed"));
    keys(&mut model, "\n--verbose");
    assert!(keys(&mut model, "\x1b").is_empty() && screen(&mut model, 80, 24).contains("Esc again leaves"));
    keys(&mut model, "\x1b");
    assert_eq!(model.said, "the command stays as it was");
}

#[test]
fn secrets_are_never_drawn_and_are_approved_intact() {
    let mut model = model();
    go(&mut model, "J7.2");
    keys(&mut model, "\n");
    let drawn = screen(&mut model, 200, 60);
    assert!(drawn.contains("********") && !drawn.contains("hunter2"), "{drawn}");
    keys(&mut model, "/hunter2\n");
    assert!(model.said.contains("nothing holds"), "a search would tell a secret: {}", model.said);
    let Some(Message::Approve(approved)) = keys(&mut model, "yJ7.2\n").pop() else { panic!("not approved") };
    assert_eq!(approved[0].argv.last().map(String::as_str), Some("--token=hunter2"));
    assert!(!format!("{approved:?}").contains("hunter2"));
}

#[test]
fn pasted_text_and_control_keys_approve_nothing() {
    let mut model = model();
    go(&mut model, "J1.1");
    assert_eq!(update(&mut model, &Event::Paste("yy\ny\n".into())), []);
    assert_eq!(control(&mut model, 'y'), []);
    keys(&mut model, "y");
    assert_eq!(update(&mut model, &Event::Paste("y".into())), []);
    assert_eq!(control(&mut model, 'y'), []);
    assert_eq!(control(&mut model, 'c'), []);
    assert_eq!(model.said, "nothing was approved");
}

#[test]
fn leaving_with_marks_asks_and_without_does_not() {
    let mut model = model();
    assert_eq!(keys(&mut model, "q"), [Message::Quit]);
    keys(&mut model, "A");
    assert_eq!(keys(&mut model, "q"), []);
    assert!(screen(&mut model, 80, 24).contains("3 commands are marked and not approved."));
    assert_eq!(keys(&mut model, "n\x1by"), [Message::Quit]);
}

#[test]
fn search_opens_what_is_folded_and_goes_round() {
    let mut model = model();
    go(&mut model, "no space");
    keys(&mut model, "h/OFFICE\n");
    assert!(
        screen(&mut model, 80, 24).lines().any(|line| line.starts_with('>') && line.contains("office-7.4"))
    );
    keys(&mut model, "/editor-2\nn");
    let first = model.list.cursor;
    keys(&mut model, "nN");
    assert_eq!(model.list.cursor, first);
    keys(&mut model, "/absent\n");
    assert_eq!(model.said, "nothing holds `absent`");
}

#[test]
fn commands_of_earlier_sessions_come_first_and_are_reissued_by_name_only() {
    let mut model = Model::new(fixture::plan(), fixture::unknown(), FULL);
    assert!(screen(&mut model, 80, 24).contains("result unknown"));
    assert_eq!(keys(&mut model, "ry\n"), []);
    let Some(Message::Reissue(approved)) = keys(&mut model, "J9.1\n").pop() else { panic!("not reissued") };
    assert_eq!((approved.id.as_str(), approved.hash), ("J9.1", "9".repeat(64)));
    assert_eq!(keys(&mut model, "r"), [], "once is enough");
    assert_eq!(keys(&mut model, "J9.1\n"), []);
    assert!(screen(&mut model, 80, 24).contains("J5.1"), "Enter leaves them and goes to the plan");
}

#[test]
fn what_its_manager_has_is_shown_first_and_reissued_by_name_only() {
    let commands = [fixture::unknown(), vec![fixture::waiting()]].concat();
    let mut model = Model::new(fixture::plan(), commands, FULL);
    keys(&mut model, "j");
    let drawn = screen(&mut model, 200, 60);
    for said in [
        "2 commands were issued in an earlier session, and what became of it is not known",
        "> J7.1 waiting   3 recipients on is38, since",
        "exit status 3: the manager has it, or its end is not known; the log does not say yet",
    ] {
        assert!(drawn.contains(said), "{said}: {drawn}");
    }
    assert_eq!(keys(&mut model, "ry\n"), []);
    let box_ = screen(&mut model, 200, 60);
    assert!(box_.contains("It was issued at 2026-03-02") && box_.contains("exit status 3"), "{box_}");
    let Some(Message::Reissue(approved)) = keys(&mut model, "J7.1\n").pop() else { panic!("not reissued") };
    assert_eq!(approved.hash, fixture::waiting().hash);
}

#[test]
fn the_consent_says_that_a_command_was_issued_before_and_when_and_how_it_is_issued_again() {
    let mut model = Model::new(fixture::plan(), vec![fixture::waiting()], FULL);
    keys(&mut model, "\n");
    go(&mut model, "J1.1");
    keys(&mut model, "y");
    let drawn = screen(&mut model, 200, 60);
    for said in ["was issued before by anna at 2026-03-02", "exit status 3", "--again 0c1d2e3f4a5b"] {
        assert!(drawn.contains(said), "{said}: {drawn}");
    }
}

#[test]
fn the_consent_says_that_a_command_is_edited() {
    let mut model = model();
    let mut built = model.command("J1.1").expect("it is shown").clone();
    built.hash = "e".repeat(64);
    assert!(model.rebuilt(built));
    go(&mut model, "J1.1");
    keys(&mut model, "y");
    assert!(screen(&mut model, 80, 24).contains("edited: this is not the original command"));
}

#[test]
fn what_is_neither_approved_nor_rejected_is_counted_as_it_stands() {
    let mut model = model();
    assert_eq!(model.open(), 6, "J6 has no command, J4.1 is folded");
    go(&mut model, "J1.1");
    keys(&mut model, "x");
    assert_eq!(model.open(), 5);
    model.set_state("J3.1", State::Confirmed);
    assert_eq!(model.open(), 4);
    model.set_state("J3.1", State::Open);
    go(&mut model, "J3.1");
    assert_eq!(ids(&keys(&mut model, "yy")), ["J3.1"], "what did not run is approved again");
}

#[test]
fn stopping_an_issue_asks_how() {
    let mut model = model();
    model.progress(Progress { total: 3, ..Progress::default() });
    assert_eq!(control(&mut model, 'c'), []);
    assert!(screen(&mut model, 80, 24).contains("Stop? No further command is started."));
    assert_eq!(keys(&mut model, "g"), []);
    assert_eq!(keys(&mut model, "qf"), [Message::Stop(Stop::Finish)]);
    assert_eq!(keys(&mut model, "qk"), [Message::Stop(Stop::Kill)]);
    model.ended(Ending { open: 2, ..Ending::default() });
    assert!(screen(&mut model, 80, 24).contains("2 commands neither approved nor rejected"));
    assert_eq!(keys(&mut model, "\nq"), [Message::Quit]);
}

#[test]
fn an_empty_plan_says_that_nothing_failed() {
    let empty = Plan { jobs: Vec::new(), notes: Vec::new(), ..fixture::plan() };
    let mut model = Model::new(empty, Vec::new(), FULL);
    assert_eq!(keys(&mut model, "jkgG lhaAxuey?q/\n"), []);
    keys(&mut model, "\x1b");
    assert!(screen(&mut model, 80, 24).contains("Nothing failed"));
}

#[test]
fn the_state_of_a_command_is_shown_by_its_word() {
    let mut model = model();
    for state in [State::Approved, State::Confirmed, State::Failed, State::Unknown] {
        assert!(model.set_state("J1.1", state));
        assert!(screen(&mut model, 80, 24).contains(&format!("J1.1       {}", state.word())));
    }
    assert!(!model.set_state("J99.1", State::Failed));
    let job = fixture::job(1, "x", &[], &[], Outcome::Failed);
    assert!(!model.rebuilt(job.commands[0].clone()), "what was issued is not edited");
}

#[test]
fn a_screen_too_small_to_read_approves_nothing() {
    let mut model = model();
    go(&mut model, "J1.1");
    keys(&mut model, "y");
    assert!(screen(&mut model, 19, 6).starts_with("too small: 20x6"));
    assert_eq!(keys(&mut model, "yyy"), []);
    assert_eq!(control(&mut model, 'c'), [Message::Quit]);
    screen(&mut model, 20, 6);
    assert_eq!(ids(&keys(&mut model, "y")), ["J1.1"]);
}
