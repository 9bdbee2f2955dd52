//! Claims about the journal.

use super::*;
use crate::redistribution::model::Token;
use std::os::unix::fs::PermissionsExt;
use std::slice::from_ref;

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("a time")
}

pub(super) fn person(name: &str) -> Person {
    Person { name: name.into(), uid: 1000, origin: "pts/1 from 10.0.5.7".into() }
}

pub(super) fn command(id: &str, recipients: &[&str]) -> Approved {
    let token = |text: &str, secret| Token { text: text.into(), place: None, secret };
    Approved {
        id: id.into(),
        server: "is38".into(),
        tool: "dm".into(),
        job: "job".into(),
        packages: Vec::new(),
        argv: vec![token("dm", false), token("--password=geheim", true)],
        recipients: recipients.iter().map(|name| ((*name).to_owned(), vec![format!("F-{name}")])).collect(),
        directory: None,
        user: None,
        list_file: None,
        hash: "ab".into(),
        edits: vec!["-v added".into()],
    }
}

pub(super) fn open(folder: &tempfile::TempDir) -> Journal {
    Journal::open(folder.path(), at(0)).expect("a journal")
}

pub(super) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

pub(super) fn approve(
    journal: &Journal,
    commands: &[Approved],
    consents: &[&str],
) -> Vec<Result<String, Refused>> {
    let consents = consents.iter().map(|key| (*key).to_owned()).collect();
    journal.approve(commands, &consents, &person("ada"), at(1)).expect("kept")
}

pub(super) fn claim(journal: &Journal, command: &Approved) -> Result<String, Refused> {
    journal.claim(&[command], &person("ada"), at(2)).expect("kept").remove(0)
}

pub(super) fn ended(key: &str, end: End, verdicts: &[(&str, Verdict)]) -> Step {
    let verdicts = verdicts.iter().map(|(name, verdict)| ((*name).to_owned(), verdict.clone())).collect();
    Step::Ended { key: key.to_owned(), end, list: None, verdicts }
}

pub(super) fn note(journal: &Journal, steps: &[Step]) {
    journal.note(steps, &person("ada"), at(3)).expect("kept");
}

fn states(journal: &Journal) -> Vec<(String, State)> {
    journal.rows(100).expect("rows").into_iter().map(|row| (row.id, row.state)).collect()
}

/// Taken in hand by a process that is gone by now.
fn claim_and_die(journal: &Journal, command: &Approved) -> String {
    let dead = Process::gone();
    let claimed = journal.at_once(|db| acts::claim(db, command, &dead, &person("ada"), at(2)));
    claimed.expect("kept").expect("ours")
}

#[test]
fn a_command_goes_from_approval_to_confirmation_and_is_then_done() {
    let folder = folder();
    let journal = open(&folder);
    let command = command("J1.1", &["node7", "node8"]);
    assert_eq!(claim(&journal, &command), Err(Refused::NotApproved { id: "J1.1".into() }));
    let key = approve(&journal, from_ref(&command), &[]).remove(0).expect("approved");
    assert_eq!(key, command.key(1));
    assert_eq!(states(&journal), [("J1.1".into(), State::Approved)]);
    assert_eq!(claim(&journal, &command), Ok(key.clone()));
    assert_eq!(states(&journal), [("J1.1".into(), State::Intent)]);
    note(&journal, &[Step::Started { key: key.clone(), program: 4711 }]);
    assert_eq!(states(&journal), [("J1.1".into(), State::Issued)]);
    let verdicts = [("node7", Verdict::Confirmed), ("NODE8", Verdict::Confirmed)];
    note(&journal, &[ended(&key, End::Exit(0), &verdicts)]);
    let row = journal.rows(9).expect("rows").remove(0);
    assert_eq!((row.state, row.program, row.end), (State::Confirmed, Some(4711), Some(End::Exit(0))));
    assert_eq!(row.argv, ["dm", "******"]);
    let pending = journal.pending_confirmations(9).expect("confirmations");
    let records: Vec<_> = pending.iter().map(|c| (c.server.as_str(), c.records.concat())).collect();
    assert_eq!(records, [("is38", "F-node7".to_owned()), ("is38", "F-node8".to_owned())]);
    journal.told(&[pending[0].id], &person("ada"), at(9)).expect("kept");
    assert_eq!(journal.pending_confirmations(9).expect("confirmations"), pending[1..]);
    let again = approve(&journal, &[command], &[]).remove(0);
    assert!(matches!(again, Err(Refused::Confirmed { recipient, .. }) if recipient == "node7"));
}

#[test]
fn the_second_operator_is_told_who_has_it_and_since_when() {
    let folder = folder();
    let (one, two) = (open(&folder), open(&folder));
    let whole = command("J1.1", &["node7", "node8"]);
    let part = command("J7.1", &["Node8"]);
    for journal in [&one, &two] {
        assert!(approve(journal, &[whole.clone(), part.clone()], &[]).iter().all(Result::is_ok));
    }
    assert!(claim(&one, &whole).is_ok());
    for (command, recipient) in [(&whole, "node7"), (&part, "Node8")] {
        let refused = claim(&two, command).expect_err("taken");
        let expected = Refused::InHand {
            id: command.id.clone(),
            recipient: recipient.into(),
            who: "ada".into(),
            pid: std::process::id(),
            at: at(2),
        };
        assert_eq!(refused, expected);
    }
    // Opening does not take a living process' work away.
    assert_eq!(open(&folder).unknown().expect("rows").len(), 0);
}

#[test]
fn what_a_dead_process_had_in_hand_is_unknown_and_only_consent_reissues_it() {
    let folder = folder();
    let journal = open(&folder);
    let (first, second) = (command("J1.1", &["node7"]), command("J2.1", &["node8"]));
    approve(&journal, &[first.clone(), second.clone()], &[]);
    let key = claim_and_die(&journal, &first);
    let other = claim_and_die(&journal, &second);
    note(&journal, &[Step::Started { key: other.clone(), program: 1 }]);
    drop(journal);
    let journal = open(&folder);
    assert_eq!(states(&journal), [("J2.1".into(), State::Unknown), ("J1.1".into(), State::Unknown)]);
    assert!(matches!(approve(&journal, from_ref(&first), &[])[0], Err(Refused::Unknown { .. })));
    assert!(matches!(claim(&journal, &first), Err(Refused::Unknown { .. })));
    assert!(matches!(approve(&journal, from_ref(&first), &[&other])[0], Err(Refused::Unknown { .. })));
    let next = approve(&journal, from_ref(&first), &[&key, &other]).remove(0).expect("consented");
    assert_eq!(next, first.key(2));
    assert_eq!(claim(&journal, &first), Ok(next.clone()));
    let unknown: Vec<_> = journal.unknown().expect("rows").into_iter().map(|row| row.id).collect();
    assert_eq!(unknown, ["J2.1"], "consent to both keys follows only what this command holds");
    let followed = journal.rows(9).expect("rows").into_iter().find(|row| row.key == key).expect("a row");
    assert_eq!(followed.follower, Some(next.clone()));
    // Evidence about the first attempt does not settle what the second holds.
    let late = Step::Evidence { key, verdicts: vec![("node7".into(), Verdict::Confirmed)] };
    note(&journal, &[late]);
    assert!(matches!(claim(&journal, &first), Err(Refused::InHand { .. })));
    note(&journal, &[Step::Evidence { key: other, verdicts: vec![("node8".into(), Verdict::Confirmed)] }]);
    assert_eq!(journal.unknown().expect("rows").len(), 0);
}

#[test]
fn a_failed_command_needs_a_new_approval_and_gets_another_key() {
    let folder = folder();
    let journal = open(&folder);
    let command = command("J1.1", &["node7", "node8"]);
    approve(&journal, from_ref(&command), &[]);
    let key = claim(&journal, &command).expect("ours");
    let why = End::NotStarted("no such file".into());
    let failed = Verdict::Failed(why.words());
    note(&journal, &[ended(&key, why, &[("node7", failed.clone()), ("node8", failed)])]);
    assert_eq!(states(&journal), [("J1.1".into(), State::Failed)]);
    assert_eq!(claim(&journal, &command), Err(Refused::NotApproved { id: "J1.1".into() }));
    approve(&journal, from_ref(&command), &[]);
    let next = claim(&journal, &command).expect("ours");
    assert_ne!(next, key);
    let verdicts = [("node7", Verdict::Confirmed), ("node8", Verdict::Failed("no route".into()))];
    note(&journal, &[ended(&next, End::Exit(1), &verdicts)]);
    let row = journal.rows(1).expect("rows").remove(0);
    assert_eq!(row.state, State::Failed);
    let expected = [("node7".to_owned(), Some(State::Confirmed)), ("node8".to_owned(), Some(State::Failed))];
    assert_eq!(row.recipients, expected, "one dead recipient takes nothing from the others");
    let standing = journal.standing("is38", "dm", "job").expect("read");
    assert_eq!(standing["node7"], (State::Confirmed, next.clone()));
    assert_eq!(standing["node8"], (State::Failed, next));
    assert!(journal.standing("is38", "dm", "other").expect("read").is_empty());
    assert_eq!(journal.pending_confirmations(9).expect("confirmations").len(), 1);
}

#[test]
fn a_manager_that_only_took_it_is_waited_for_until_the_log_or_a_person_says() {
    let folder = folder();
    let journal = open(&folder);
    let command = command("J1.1", &["node7"]);
    approve(&journal, from_ref(&command), &[]);
    let key = claim_and_die(&journal, &command);
    note(&journal, &[ended(&key, End::Exit(0), &[("node7", Verdict::Waits)])]);
    drop(journal);
    let journal = open(&folder);
    assert_eq!(states(&journal), [("J1.1".into(), State::Issued)], "its end is known");
    assert_eq!(journal.waiting().expect("rows").len(), 1);
    assert!(matches!(claim(&journal, &command), Err(Refused::Waits { .. })));
    approve(&journal, from_ref(&command), &[&key]);
    let next = claim(&journal, &command).expect("consented");
    let evidence = vec![("node7".to_owned(), Verdict::Confirmed)];
    note(
        &journal,
        &[
            ended(&next, End::Exit(0), &[("node7", Verdict::Waits)]),
            Step::Evidence { key: next.clone(), verdicts: evidence.clone() },
        ],
    );
    note(&journal, &[Step::Evidence { key: next, verdicts: evidence }]);
    assert_eq!(journal.pending_confirmations(9).expect("confirmations").len(), 1, "evidence may come twice");
    assert_eq!(journal.waiting().expect("rows").len(), 0);
}

#[test]
fn an_approval_can_be_taken_back_until_it_is_issued() {
    let folder = folder();
    let journal = open(&folder);
    let command = command("J1.1", &["node7"]);
    let key = approve(&journal, from_ref(&command), &[]).remove(0).expect("approved");
    assert!(journal.withdraw(&key, &person("ada"), at(2)).expect("kept"));
    assert_eq!(claim(&journal, &command), Err(Refused::NotApproved { id: "J1.1".into() }));
    approve(&journal, from_ref(&command), &[]);
    assert_eq!(claim(&journal, &command), Ok(key.clone()));
    assert!(!journal.withdraw(&key, &person("ada"), at(2)).expect("nothing to keep"));
}

#[test]
fn the_record_tells_who_did_what_without_secrets_and_takes_no_change() {
    let folder = folder();
    let journal = open(&folder);
    assert_eq!(journal.verify().expect("read"), Chain::Whole { rows: 0, head: String::new() });
    let command = command("J1.1", &["node7"]);
    approve(&journal, from_ref(&command), &[]);
    claim(&journal, &command).expect("ours");
    journal.keep_servicing("IS38", at(7), &person("bob"), at(8)).expect("kept");
    let Chain::Whole { rows: 3, head } = journal.verify().expect("read") else { panic!("broken") };
    assert_eq!(journal.entries(1).expect("rows")[0].hash, head);
    let text = format!("{:?}", journal.entries(9).expect("rows"));
    assert!(text.contains("-v added") && text.contains("******") && !text.contains("geheim"), "{text}");
    assert!(journal.connection.execute_batch("UPDATE record SET who='eve'").is_err(), "append-only");
    assert!(journal.connection.execute_batch("DELETE FROM record").is_err(), "append-only");
}

#[test]
fn the_last_servicing_of_a_server_never_goes_back() {
    let folder = folder();
    let journal = open(&folder);
    assert_eq!(journal.last_servicing("is38").expect("read"), None);
    for second in [50, 20] {
        journal.keep_servicing("Is38", at(second), &person("ada"), at(60)).expect("kept");
    }
    assert_eq!(journal.last_servicing("is38").expect("read"), Some(at(50)));
}

#[test]
fn the_journal_is_private_stands_alone_and_never_begins_anew() {
    let folder = folder();
    drop(open(&folder));
    let path = folder.path().join(JOURNAL);
    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o7777;
    assert_eq!((mode(&path), mode(&folder.path().join(JOURNAL_ID))), (0o600, 0o600));
    assert!(!folder.path().join(super::super::DATABASE).exists());
    let id = fs::read_to_string(folder.path().join(JOURNAL_ID)).expect("an id");
    // Killed between the two files: the id is written again.
    fs::remove_file(folder.path().join(JOURNAL_ID)).expect("ours");
    drop(open(&folder));
    assert_eq!(fs::read_to_string(folder.path().join(JOURNAL_ID)).expect("an id"), id);
    fs::write(folder.path().join(JOURNAL_ID), "other\n").expect("ours");
    assert!(matches!(Journal::open(folder.path(), at(0)), Err(Error::ForeignInstall { .. })));
    fs::write(folder.path().join(JOURNAL_ID), id).expect("ours");
    for empty in [true, false] {
        if empty {
            fs::write(&path, "").expect("ours");
        } else {
            fs::remove_file(&path).expect("ours");
        }
        assert!(matches!(Journal::open(folder.path(), at(0)), Err(Error::Journal { .. })));
    }
}

#[test]
fn a_later_version_is_left_alone_and_illegal_steps_change_nothing() {
    let folder = folder();
    let journal = open(&folder);
    let command = command("J1.1", &["node7"]);
    let key = approve(&journal, &[command], &[]).remove(0).expect("approved");
    let steps = [ended(&key, End::Exit(0), &[("node7", Verdict::Confirmed)])];
    // An end without a claim is no end.
    assert!(journal.note(&steps, &person("ada"), at(3)).is_err());
    assert_eq!(states(&journal), [("J1.1".into(), State::Approved)]);
    assert!(
        journal.note(&[Step::Started { key: "none".into(), program: 1 }], &person("ada"), at(3)).is_err()
    );
    journal.connection.pragma_update(None, "user_version", VERSION + 1).expect("a version");
    drop(journal);
    assert!(matches!(Journal::open(folder.path(), at(0)), Err(Error::Newer { .. })));
}

#[test]
fn two_operators_lose_no_service_center() {
    let folder = folder();
    open(&folder).close().expect("closed");
    std::thread::scope(|scope| {
        for who in ["a", "b", "c", "d"] {
            let folder = &folder;
            scope.spawn(move || {
                let journal = open(folder);
                for n in 0..8 {
                    journal.keep_center(&format!("{who}{n}"), "dm@center").expect("kept");
                }
            });
        }
    });
    let journal = open(&folder);
    let kept = |server: &str| journal.center(server).expect("read").is_some();
    for who in ["a", "b", "c", "d"] {
        assert!((0..8).all(|n| kept(&format!("{who}{n}"))), "one of {who} is lost");
    }
}

#[test]
fn a_server_is_serviced_under_every_spelling() {
    let folder = folder();
    let journal = open(&folder);
    journal.keep_servicing("is38.acme.com", at(7), &person("ada"), at(8)).expect("kept");
    journal.keep_servicing("IS38", at(5), &person("ada"), at(9)).expect("kept");
    for name in ["is38", "is38.acme.com", "Is38.Acme.com"] {
        assert_eq!(journal.last_servicing(name).expect("read"), Some(at(7)), "{name}");
    }
    assert_eq!(journal.last_servicing("is39").expect("read"), None);
}
