//! Copies of one mail: a longer one takes over, a refused one suppresses nothing.

use super::*;

/// The first `lines` of an alert, and the whole.
fn cut(failure: &str, lines: usize) -> (Vec<u8>, Vec<u8>) {
    let whole = Alert::new("1", "node7", failure, 0).bytes();
    let text = String::from_utf8(whole.clone()).expect("a text");
    (text.split_inclusive("\r\n").take(lines).collect::<String>().into_bytes(), whole)
}

#[test]
fn longer_copy_takes_over_and_the_counts_move() {
    let (_folder, store) = state();
    let rules = shipped();
    let (cut, whole) = cut("connection", 9);
    let first = ingest(&store, &rules, &cut, 0);
    assert_eq!((first.outcome, first.alerts[0].job.as_deref()), (Outcome::Counted, None));
    let second = ingest(&store, &rules, &whole, 1);
    assert_eq!((second.outcome, counts(&second)), (Outcome::Counted, vec![(Some(1), Some(4))]));
    let old = store.mail(first.mail).expect("read").expect("it stays");
    assert_eq!((old.outcome, old.reason), (Outcome::Duplicate, Reason::PrefixOf { mail: second.mail }));
    let device = store.device("node7").expect("read").expect("known");
    assert_eq!(device.tracking[0].1.window.total, 1, "counted once");
    balanced(&store);
    assert_eq!(ingest(&store, &rules, &cut, 2).outcome, Outcome::Duplicate);
    assert_eq!(ingest(&store, &rules, &whole, 2).outcome, Outcome::Duplicate);
}

#[test]
fn counts_move_to_another_failure_type_where_the_whole_mail_says_so() {
    let (_folder, store) = state();
    let rules = shipped();
    let (cut, whole) = cut("connection", 8);
    assert_eq!(ingest(&store, &rules, &cut, 0).alerts[0].failure, "unknown");
    assert_eq!(ingest(&store, &rules, &whole, 0).alerts[0].failure, "connection");
    let totals: Vec<_> = store.device("node7").expect("read").expect("known").tracking;
    let totals: Vec<_> = totals.iter().map(|(f, row)| (f.as_str(), row.window.total)).collect();
    assert_eq!(totals, [("connection", 1), ("unknown", 0)]);
}

#[test]
fn cut_copy_after_the_whole_is_duplicate() {
    let (_folder, store) = state();
    let rules = shipped();
    let (cut, whole) = cut("connection", 9);
    ingest(&store, &rules, &whole, 0);
    let account = ingest(&store, &rules, &cut, 1);
    assert_eq!((account.outcome, account.reason.gate.as_str()), (Outcome::Duplicate, "duplicate"));
    balanced(&store);
}

/// Refuses mails that end in rubbish, as a site's own rule may.
fn refusing() -> RuleSet {
    let mut rules = shipped();
    rules.settings.identity.authserv_id = Some("mx.acme.example".into());
    rules.gates.authentication.enabled = true;
    rules
}

fn with_pass(mail: &[u8]) -> Vec<u8> {
    let pass = b"Authentication-Results: mx.acme.example; dkim=pass header.d=is38.east.acme.example\r\n";
    [&pass[..], mail].concat()
}

#[test]
fn refused_longer_copy_suppresses_nothing_whichever_came_first() {
    for longer_first in [false, true] {
        let (_folder, store) = state();
        let rules = refusing();
        let whole = Alert::new("1", "node7", "access", 0).bytes();
        let forged = [&whole[..], b"rubbish\r\n"].concat();
        let genuine = with_pass(&whole);
        let mails = if longer_first { [&forged, &genuine] } else { [&genuine, &forged] };
        let outcomes = mails.map(|mail| ingest(&store, &rules, mail, 0).outcome);
        let expected = if longer_first {
            [Outcome::Rejected, Outcome::Counted]
        } else {
            [Outcome::Counted, Outcome::Rejected]
        };
        assert_eq!(outcomes, expected, "longer first: {longer_first}");
        let device = store.device("node7").expect("read").expect("known");
        assert_eq!(device.tracking[0].1.window.total, 1);
        balanced(&store);
    }
}

#[test]
fn refused_longer_copy_that_is_counted_by_a_retry_takes_over_then() {
    let (_folder, store) = state();
    let whole = Alert::new("1", "node7", "access", 0).bytes();
    let longer = [&whole[..], b"Room: R14\r\n"].concat();
    ingest(&store, &refusing(), &with_pass(&whole), 0);
    let refused = ingest(&store, &refusing(), &longer, 0);
    assert_eq!(refused.outcome, Outcome::Rejected);
    let rules = shipped();
    let engine = Engine::new(&rules, Effort::Mailbox);
    let mails = store.mails(&retry::RETRIED, None, i64::MAX, 10).expect("list");
    let done = retry::retry(&store, &rules, &engine, mails, "me", at(9), false).expect("retry");
    assert_eq!((done.len(), done[0].account.outcome), (1, Outcome::Counted));
    let device = store.device("node7").expect("read").expect("known");
    assert_eq!(device.tracking[0].1.window.total, 1, "one alert, counted once");
    assert_eq!(store.mail(1).expect("read").expect("kept").outcome, Outcome::Duplicate);
    balanced(&store);
}

#[test]
fn refused_first_copy_does_not_suppress_the_same_mail_with_its_pass() {
    let (_folder, store) = state();
    let rules = refusing();
    let forged = Alert::new("1", "node7", "access", 0).bytes();
    assert_eq!(ingest(&store, &rules, &forged, 0).outcome, Outcome::Rejected);
    assert_eq!(ingest(&store, &rules, &forged, 1).outcome, Outcome::Duplicate, "the same again");
    let genuine = ingest(&store, &rules, &with_pass(&forged), 2);
    assert_eq!((genuine.outcome, counts(&genuine)), (Outcome::Counted, vec![(Some(1), Some(1))]));
    let first = store.mail(1).expect("read").expect("it stays");
    assert_eq!((first.outcome, first.reason), (Outcome::Duplicate, Reason::SameMail { mail: genuine.mail }));
    for copy in [&forged, &with_pass(&forged)] {
        assert_eq!(ingest(&store, &rules, copy, 3).outcome, Outcome::Duplicate, "counted once");
    }
    balanced(&store);
}

#[test]
fn longer_copy_that_says_something_else_takes_nothing_over() {
    let (_folder, store) = state();
    let rules = shipped();
    let genuine = Alert::new("1", "node7", "access", 0).bytes();
    ingest(&store, &rules, &genuine, 0);
    // The same key, but a header outside it turns the genuine alert into a preamble nobody reads.
    let text = String::from_utf8(genuine).expect("a text");
    let decoy = text.replacen("Date:", "Content-Type: multipart/mixed; boundary=x\r\nDate:", 1)
        + "--x\r\n\r\nautoticket-alert: 1\r\nDevice: decoy\r\nFailure: disk full\r\n--x--\r\n";
    assert_eq!(ingest(&store, &rules, decoy.as_bytes(), 0).alerts[0].device, "decoy");
    assert_eq!(store.mail(1).expect("read").expect("it stays").outcome, Outcome::Counted);
    let device = store.device("node7").expect("read").expect("known");
    assert_eq!(device.tracking[0].1.window.total, 1, "the genuine alert still counts");
}

#[test]
fn ticket_for_a_device_that_only_a_cut_copy_named_is_dropped() {
    let (_folder, store) = state();
    let rules = shipped();
    let mail = |device: &str| {
        let text = String::from_utf8(Alert::new("1", "node7", "access", 0).bytes()).expect("a text");
        let head = text.split_once("\r\n\r\n").expect("a body").0.to_owned();
        format!("{head}\r\n\r\nautoticket-alert: 1\r\nFailure: permission denied\r\nDevice: {device}")
    };
    let cut = ingest(&store, &rules, mail("node8").as_bytes(), 0);
    let false_ticket = cut.alerts[0].ticket.clone().expect("a threshold of one");
    let whole = ingest(&store, &rules, mail("node815.plant2").as_bytes(), 1);
    assert_eq!(whole.alerts[0].device, "node815.plant2");
    let dropped = store.ticket_numbered(&false_ticket).expect("read").expect("it stays");
    assert_eq!((dropped.state, dropped.why.as_deref()), (State::Dropped, Some(ticket::SUPERSEDED)));
    assert_eq!(dropped.due, None, "flush has nothing to do with it");
}

#[test]
fn ticket_of_a_superseded_crossing_stays_and_the_longer_copy_joins_it() {
    let (_folder, store) = state();
    let rules = shipped();
    let (cut, whole) = cut("access", 9);
    let ticket = ingest(&store, &rules, &cut, 0).alerts[0].ticket.clone().expect("a threshold of one");
    assert_eq!(ingest(&store, &rules, &whole, 0).alerts[0].ticket.as_deref(), Some(ticket.as_str()));
    assert_eq!(store.number("SELECT count(*) FROM ticket"), 1);
}
