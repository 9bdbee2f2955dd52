//! Stored mails judged anew.
//!
//! In: a state whose mails were refused or not understood, and mended rules. Out: the claim that a retry does
//! what taking the mail in would have done.

use super::*;
use crate::store::{ListKind, ListRow};

#[test]
fn mails_are_judged_anew_in_event_order_whatever_the_order_of_their_arrival() {
    let (_folder, store) = state();
    let mut broken = shipped();
    broken.formats.clear();
    // The last to happen arrives first; five minutes apart, so that the fourth crosses.
    for n in [3, 0, 2, 1] {
        let account = ingest(&store, &broken, &connection(&n.to_string(), n * 300), 4000 - n);
        assert_eq!(account.outcome, Outcome::Unrecognised);
    }
    let rules = shipped();
    let engine = Engine::new(&rules, Effort::Mailbox);
    let mails = store.mails(&retry::RETRIED, None, i64::MAX, 10).expect("list");
    let tables = store.dump();
    let would = retry::retry(&store, &rules, &engine, mails.clone(), "me", at(9), true).expect("dry run");
    assert_eq!(store.dump(), tables, "a dry run changes nothing");
    let done = retry::retry(&store, &rules, &engine, mails.clone(), "me", at(9), false).expect("retry");
    assert_eq!(format!("{would:?}"), format!("{done:?}"));
    let order: Vec<_> = done.iter().map(|r| r.account.mail).collect();
    assert_eq!(order, [2, 4, 3, 1]);
    let counts: Vec<_> = done.iter().map(|r| r.account.alerts[0].count).collect();
    assert_eq!(counts, [Some(1), Some(2), Some(3), Some(4)]);
    assert!(done[3].account.alerts[0].ticket.is_some());
    balanced(&store);
    assert_eq!(store.audit_entries(1).expect("audit")[0].act, "mail retry");
    let again = retry::retry(&store, &rules, &engine, mails, "me", at(9), false);
    assert_eq!(again.expect("retry").len(), 0, "the caller looked before; what is stored now decides");
    balanced(&store);
}

/// A mail of a listed source that no rule knows, as if only its beginning had been kept.
fn oversize(engine: &Engine<'_>) -> Arrived {
    let bytes = b"From: dm@is38.east.acme.example\nMessage-ID: <big@acme.example>\n\
                  Date: Mon, 2 Mar 2026 10:00:00 +0000\nSubject: canteen\n\nSoup.\n";
    let mut raw = crate::mail::read::bytes(bytes.to_vec());
    (raw.length, raw.oversize, raw.digest) = (40 << 20, true, Some([7; 32]));
    (raw.identity.full, raw.identity.body_length) = ([9; 32], 39 << 20);
    Arrived::read(Arc::new(raw), engine, Arrival::Known(at(0)), STDIN.to_owned())
}

#[test]
fn mail_of_which_only_the_beginning_was_kept_is_still_known_as_cut() {
    let (_folder, store) = state();
    let rules = shipped();
    let engine = Engine::new(&rules, Effort::Mailbox);
    let big = oversize(&engine);
    let account = super::super::take_in(&store, &rules, &engine, &big).expect("take in");
    assert_eq!(account.outcome, Outcome::Quarantined, "what was not kept may be the alert");
    let row = store.mail(account.mail).expect("read").expect("kept");
    let raw = store.raw_mail(&row).expect("read back");
    assert!(crate::mail::parse(&raw).notes.contains(&crate::mail::Note::Oversize));
    assert_eq!((raw.length, raw.digest, &raw.head), (40 << 20, Some([7; 32]), &big.raw.head));
    assert_eq!(raw.identity, big.raw.identity, "by which the whole is recognised");
    let done = retry::retry(&store, &rules, &engine, vec![row], "me", at(9), false).expect("retry");
    assert_eq!((done.len(), done[0].account.outcome), (1, Outcome::Quarantined));
}

#[test]
fn what_was_stored_of_the_arrival_beats_a_received_header_and_a_mailbox_does_not() {
    let rules = shipped();
    let engine = Engine::new(&rules, Effort::Mailbox);
    let received = b"Received: from x by mx.acme.example; Mon, 2 Mar 2026 09:00:00 +0000\r\n";
    let bytes = [&received[..], &connection("1", 0)].concat();
    let read = |arrival| {
        let raw = Arc::new(crate::mail::read::bytes(bytes.clone()));
        Arrived::read(raw, &engine, arrival, "stdin 4F2A".to_owned()).arrival
    };
    assert_eq!(read(Arrival::Known(at(5))), at(5));
    assert_eq!(read(Arrival::OfMailbox { said: Some(at(5)), now: at(6) }), at(-3600));
    let (_folder, store) = state();
    let mut broken = shipped();
    broken.formats.clear();
    let account = ingest(&store, &broken, &bytes, 5);
    let row = store.mail(account.mail).expect("read").expect("kept");
    let again = retry::read(&store, &engine, &row).expect("read again");
    assert_eq!((again.arrival, again.place), (at(5), row.place));
}

fn retried(store: &Store, rules: &RuleSet) -> Account {
    let engine = Engine::new(rules, Effort::Mailbox);
    let mails = store.mails(&retry::RETRIED, None, i64::MAX, 10).expect("list");
    retry::retry(store, rules, &engine, mails, "me", at(9), false).expect("retry").remove(0).account
}

#[test]
fn near_miss_that_only_a_retry_sees_is_listed_and_counts_its_mail_once() {
    let (_folder, store) = state();
    let rules = shipped();
    let text = String::from_utf8(connection("1", 0)).expect("a text");
    let mail = text.replace("is38.east.acme.example", "is77.other.example");
    assert_eq!(ingest(&store, &rules, mail.as_bytes(), 0).reason.gate, "domain");
    let row = |name: &str| ListRow { name: name.into(), canonical: name.into(), only: vec![] };
    let tx = store.begin().expect("begin");
    tx.replace_list(ListKind::Domains, &[row("acme.example"), row("other.example")], "d", "test", at(1))
        .expect("domains");
    tx.commit().expect("commit");
    for _ in 0..2 {
        assert_eq!(retried(&store, &rules).reason.gate, "node");
        let misses = store.near_misses().expect("list");
        assert_eq!((misses.len(), misses[0].node.as_str(), misses[0].mails), (1, "is77", 1));
    }
}

#[test]
fn retried_mail_gets_its_event_time_and_its_uncounted_alerts_are_told() {
    let (_folder, store) = state();
    let mut broken = shipped();
    broken.formats.clear();
    let mut alert = Alert::new("1", "node7", "access", 0);
    alert.tail = "State: repaired\r\n".into();
    let mail = ingest(&store, &broken, &alert.bytes(), 500).mail;
    assert_eq!(store.mail(mail).expect("read").expect("kept").event, at(500));
    let account = retried(&store, &shipped());
    assert_eq!((account.outcome, counts(&account)), (Outcome::Repair, vec![(None, None)]));
    assert_eq!(store.mail(mail).expect("read").expect("kept").event, at(0));
}
