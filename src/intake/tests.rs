//! The story of one mail and of many, against a real state and the shipped rules.

use super::tests_support::*;
use super::*;
use crate::alert::pattern::Effort;
use crate::mail::mailbox::Mailbox;
use crate::store::{Access, FailedFilter, spool};
use crate::ticket::State;
use proptest::prelude::*;

mod retrying;

fn counts(account: &Account) -> Vec<(Option<u32>, Option<u32>)> {
    account.alerts.iter().map(|a| (a.count, a.threshold)).collect()
}

fn connection(id: &str, second: i64) -> Vec<u8> {
    Alert::new(id, "node7", "connection", second).bytes()
}

fn failed(store: &Store) -> usize {
    store.failed(&FailedFilter::default()).expect("list").len()
}

fn balanced(store: &Store) {
    let balance = store.balance().expect("balance");
    assert!(balance.balanced(), "{balance:?}");
}

mod outcomes {
    use super::*;

    fn outcome(bytes: &[u8]) -> (Outcome, String, String) {
        let (_folder, store) = state();
        let account = ingest(&store, &shipped(), bytes, 0);
        balanced(&store);
        (account.outcome, account.reason.gate, account.reason.text)
    }

    #[test]
    fn alert_of_a_listed_source_is_counted_and_its_failed_distribution_written_below_the_threshold() {
        let (_folder, store) = state();
        let account = ingest(&store, &shipped(), &connection("1", 0), 5);
        assert_eq!((account.outcome, account.mail), (Outcome::Counted, 1));
        assert_eq!(counts(&account), [(Some(1), Some(4))]);
        assert_eq!(account.alerts[0].ticket, None);
        assert_eq!(failed(&store), 1);
        balanced(&store);
    }

    #[test]
    fn same_mail_again_is_duplicate_and_changes_no_count() {
        let (_folder, store) = state();
        let rules = shipped();
        ingest(&store, &rules, &connection("1", 0), 5);
        let account = ingest(&store, &rules, &connection("1", 0), 9);
        assert_eq!((account.outcome, account.reason.text.contains('1')), (Outcome::Duplicate, true));
        assert!(account.alerts.is_empty());
        let tx = store.begin().expect("begin");
        assert_eq!(tx.tracking("node7", "connection").expect("tracking").window.total, 1);
        drop(tx);
        balanced(&store);
    }

    #[test]
    fn unlisted_domain_is_rejected_with_the_domain() {
        let mail =
            String::from_utf8(connection("1", 0)).expect("a text").replace("acme.example>", "evil.example>");
        let mail = mail.replace("is38.east.acme.example", "is38.evil-acme.example");
        let (outcome, gate, text) = outcome(mail.as_bytes());
        assert_eq!((outcome, gate.as_str()), (Outcome::Rejected, "domain"));
        assert!(text.contains("is38.evil-acme.example"), "{text}");
    }

    #[test]
    fn unlisted_node_of_a_listed_domain_is_rejected_and_listed_as_a_near_miss() {
        let (_folder, store) = state();
        let mail = String::from_utf8(connection("1", 0)).expect("a text").replace("dm@is38", "dm@is77");
        let account = ingest(&store, &shipped(), mail.as_bytes(), 0);
        assert_eq!((account.outcome, account.reason.gate.as_str()), (Outcome::Rejected, "node"));
        let misses = store.near_misses().expect("list");
        assert_eq!((misses.len(), misses[0].node.as_str(), misses[0].mails), (1, "is77", 1));
    }

    #[test]
    fn mail_of_a_listed_source_that_no_rule_knows_is_unrecognised() {
        let mail = b"From: dm@is38.east.acme.example\nDate: Mon, 2 Mar 2026 10:00:00 +0000\nSubject: canteen\n\nSoup.\n";
        assert_eq!(outcome(mail).0, Outcome::Unrecognised);
    }

    #[test]
    fn what_cannot_be_understood_is_quarantined_raw() {
        for bytes in [&b""[..], b"\0\xff\xfe", b"no header at all"] {
            let (_folder, store) = state();
            let account = ingest(&store, &shipped(), bytes, 0);
            assert_eq!(account.outcome, Outcome::Quarantined, "{bytes:?}: {}", account.reason.text);
            let mut kept = Vec::new();
            std::io::Read::read_to_end(&mut store.raw(account.mail).expect("stored"), &mut kept)
                .expect("read back");
            assert_eq!(kept, bytes);
            balanced(&store);
        }
    }

    #[test]
    fn recovery_notice_is_repair_and_counts_nowhere() {
        let (_folder, store) = state();
        let mut alert = Alert::new("1", "node7", "access", 0);
        alert.tail = "State: repaired\r\n".into();
        let account = ingest(&store, &shipped(), &alert.bytes(), 0);
        assert_eq!((account.outcome, counts(&account)), (Outcome::Repair, vec![(None, None)]));
        assert_eq!((failed(&store), store.number("SELECT count(*) FROM tracking WHERE failure>''")), (0, 0));
    }

    #[test]
    fn mail_with_our_loop_header_is_own_and_with_anothers_is_not() {
        let ours = [format!("X-Autoticket-Loop: {INSTALL}\r\n").into_bytes(), connection("1", 0)].concat();
        assert_eq!(outcome(&ours).0, Outcome::Own);
        let theirs = [b"X-Autoticket-Loop: another\r\n".to_vec(), connection("1", 0)].concat();
        assert_eq!(outcome(&theirs).0, Outcome::Counted);
    }
}

mod superseding;

mod crossing {
    use super::*;

    #[test]
    fn alert_dated_ahead_of_its_arrival_holds_no_window_open() {
        let (_folder, store) = state();
        let rules = shipped();
        ingest(&store, &rules, &connection("ahead", 23 * 3600), 0);
        let last =
            (1..=3).map(|n| ingest(&store, &rules, &connection(&n.to_string(), n * 60), n * 60)).last();
        let last = last.expect("three mails");
        assert_eq!(counts(&last), [(Some(4), Some(4))], "the first one counts at its arrival");
        assert!(last.alerts[0].ticket.is_some());
    }

    #[test]
    fn fourth_alert_crosses_once_and_the_fifth_joins() {
        let (_folder, store) = state();
        let rules = shipped();
        let accounts: Vec<_> =
            (0..5).map(|n| ingest(&store, &rules, &connection(&n.to_string(), n), n)).collect();
        let tickets: Vec<_> = accounts.iter().map(|a| a.alerts[0].ticket.clone()).collect();
        assert_eq!(tickets[..3], [None, None, None]);
        assert!(tickets[3].is_some() && tickets[3] == tickets[4]);
        let row = &store.tickets(&[], None, None, 10).expect("list")[..];
        assert_eq!((row.len(), row[0].state, row[0].total, row[0].joined), (1, State::Deferred, 4, 1));
        let alerts = store.alerts_by_id(&row[0].alerts).expect("read");
        assert!(alerts.iter().all(|a| a.action.iter().any(|act| act.contains(&row[0].number))), "{alerts:?}");
    }

    #[test]
    fn alerts_of_four_devices_or_of_more_than_an_hour_cross_nothing() {
        let (_folder, store) = state();
        let rules = shipped();
        for n in 0..4 {
            let other = Alert::new(&format!("d{n}"), &format!("other{n}"), "connection", n);
            ingest(&store, &rules, &other.bytes(), n);
            ingest(&store, &rules, &connection(&n.to_string(), n * 1201), n * 1201);
        }
        assert_eq!(store.number("SELECT count(*) FROM ticket"), 0);
    }

    #[test]
    fn ticket_of_an_alert_dated_ahead_is_due_at_once() {
        let (_folder, store) = state();
        let account = ingest(&store, &shipped(), &Alert::new("1", "node7", "access", 36_000).bytes(), 0);
        assert!(account.alerts[0].ticket.is_some());
        assert_eq!(store.tickets_due(at(0)).expect("count"), 1);
    }

    #[test]
    fn refused_record_of_a_counted_mail_keeps_its_reason_and_counts_nowhere() {
        let (_folder, store) = state();
        let mut rules = shipped();
        rules.gates.node.asks = crate::rules::model::NodeAsks::Device;
        let row = |name: &str| store::ListRow { name: name.into(), canonical: name.into(), only: vec![] };
        let tx = store.begin().expect("begin");
        tx.replace_list(store::ListKind::Nodes, &[row("node7")], "n", "test", at(0)).expect("nodes");
        tx.commit().expect("commit");
        let mut alert = Alert::new("1", "node7", "access", 0);
        alert.tail = "---\r\nDevice: node8\r\nFailure: permission denied\r\nJob: J9\r\n".into();
        let account = ingest(&store, &rules, &alert.bytes(), 0);
        assert_eq!(account.outcome, Outcome::Counted);
        let reasons: Vec<_> =
            account.alerts.iter().map(|a| a.reason.as_ref().map(|r| r.gate.as_str())).collect();
        assert_eq!(reasons, [None, Some("node")], "{account:?}");
        assert!(account.alerts[0].ticket.is_some() && account.alerts[1].ticket.is_none());
        assert_eq!((failed(&store), store.number("SELECT count(*) FROM tracking WHERE failure>''")), (1, 1));
        balanced(&store);
        let longer = [&alert.bytes()[..], b"Room: R14\r\n"].concat();
        ingest(&store, &rules, &longer, 1);
        assert_eq!(
            store.number("SELECT count(*) FROM tracking WHERE failure>''"),
            1,
            "withdrawing makes no key of a refused record"
        );
        balanced(&store);
    }
}

mod batches {
    use super::*;

    fn taken_in(alerts: &[Alert], size: usize) -> (tempfile::TempDir, Store) {
        let (folder, store) = state();
        let many = reopen(&store, Access::WriteMany);
        store.close().expect("close");
        let rules = shipped();
        let engine = Engine::new(&rules, Effort::Mailbox);
        let mailbox = Mailbox::open(&mbox(folder.path(), alerts)).expect("an mbox");
        let settled = batch::take_in(&many, &rules, &engine, mailbox, size, at(1_000_000), &mut |_| {});
        assert_eq!(settled.expect("taken in"), alerts.len() as u64);
        (folder, many)
    }

    /// All tables and all raw mails, without the folder in the places of the mails.
    fn tables((folder, store): &(tempfile::TempDir, Store)) -> Vec<String> {
        let place = folder.path().to_string_lossy().into_owned();
        let mut lines: Vec<String> = store.dump().into_iter().map(|line| line.replace(&place, "")).collect();
        for mail in 1..=store.number("SELECT max(id) FROM mail") {
            let mut raw = String::new();
            std::io::Read::read_to_string(&mut store.raw(mail).expect("stored"), &mut raw)
                .expect("read back");
            lines.push(format!("{mail}: {raw}"));
        }
        lines
    }

    #[test]
    fn every_table_is_the_same_at_batch_sizes_1_100_and_1000() {
        let alerts = rollout(7, 350);
        let one = taken_in(&alerts, 1);
        let reference = tables(&one);
        balanced(&one.1);
        assert!(one.1.number("SELECT count(*) FROM ticket") > 10, "enough happened");
        assert!(one.1.number("SELECT count(*) FROM mail WHERE outcome=1") > 20, "copies as well");
        assert!(one.1.number("SELECT count(*) FROM alert WHERE voided=1") > 5, "superseded ones as well");
        for size in [100, 1000] {
            let other = tables(&taken_in(&alerts, size));
            let differs = reference.iter().zip(&other).find(|(a, b)| a != b);
            assert!(differs.is_none() && other.len() == reference.len(), "size {size}: {differs:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(6))]
        #[test]
        fn any_sequence_leaves_the_same_tables_one_by_one_and_at_once(seed: u64, mails in 1usize..40) {
            let alerts = rollout(seed, mails);
            prop_assert_eq!(tables(&taken_in(&alerts, 1)), tables(&taken_in(&alerts, mails)));
        }
    }

    #[test]
    fn rehearsing_a_mailbox_tells_the_same_and_leaves_tables_and_file_as_they_are() {
        let alerts = rollout(3, 60);
        let (folder, store) = state();
        let rules = shipped();
        let engine = Engine::new(&rules, Effort::Mailbox);
        let path = mbox(folder.path(), &alerts);
        let rehearsal = reopen(&store, Access::Rehearse);
        let (tables, bytes) =
            (store.dump(), std::fs::read(store.folder().join("autoticket.db")).expect("bytes"));
        let mut told = Vec::new();
        batch::rehearse(
            &rehearsal,
            &rules,
            &engine,
            Mailbox::open(&path).expect("an mbox"),
            at(9_000),
            &mut |e| {
                if let batch::Event::Settled(account) = e {
                    told.push(account.clone());
                }
            },
        )
        .expect("rehearse");
        assert_eq!(store.dump(), tables);
        assert!(std::fs::read(store.folder().join("autoticket.db")).expect("bytes") == bytes);
        let mut done = Vec::new();
        batch::take_in(
            &store,
            &rules,
            &engine,
            Mailbox::open(&path).expect("an mbox"),
            7,
            at(9_000),
            &mut |e| {
                if let batch::Event::Settled(account) = e {
                    done.push(account.clone());
                }
            },
        )
        .expect("take in");
        assert_eq!(told, done);
    }

    #[test]
    fn explaining_a_mail_tells_what_ingest_does_plus_steps_and_changes_nothing() {
        let (_folder, store) = state();
        let rules = shipped();
        let engine = Engine::new(&rules, Effort::OneMail);
        for n in 0..5 {
            let arrived = arrived(&engine, &connection(&n.to_string(), n), n);
            let rehearsal = reopen(&store, Access::Rehearse);
            let (tables, bytes) =
                (store.dump(), std::fs::read(store.folder().join("autoticket.db")).expect("bytes"));
            let explained =
                rehearse(&rehearsal, &rules, &engine, &arrived, &mut |_, _| Ok(())).expect("explain");
            assert_eq!(store.dump(), tables);
            assert!(std::fs::read(store.folder().join("autoticket.db")).expect("bytes") == bytes);
            let gates: Vec<_> = explained.steps.iter().map(|s| s.gate.as_str()).collect();
            for gate in ["domain", "subject", "node", "threshold", "ticket"] {
                assert!(gates.contains(&gate), "{gate} in {gates:?}");
            }
            let done = super::super::take_in(&store, &rules, &engine, &arrived).expect("take in");
            assert_eq!(explained.without_steps(), done);
        }
    }
}

mod spooled {
    use super::*;

    fn spool_one(store: &Store, bytes: &[u8], second: i64) {
        spool::accept(store.folder(), &crate::mail::read::bytes(bytes.to_vec()), at(second)).expect("accept");
    }

    #[test]
    fn spooled_mails_enter_oldest_first_as_if_they_had_come_then() {
        let (_folder, store) = state();
        let rules = shipped();
        let engine = Engine::new(&rules, Effort::Mailbox);
        for n in [2, 0, 3, 1] {
            spool_one(&store, &connection(&n.to_string(), n), n);
        }
        let mut told = Vec::new();
        let entered = drain_spool(&store, &rules, &engine, 10, &mut |a| told.push(a.clone())).expect("drain");
        assert_eq!((entered, spool::count(store.folder())), (4, 0));
        assert_eq!(
            told.iter().map(|a| a.alerts[0].count).collect::<Vec<_>>(),
            [Some(1), Some(2), Some(3), Some(4)]
        );
        assert!(told[3].alerts[0].ticket.is_some());
        assert_eq!(store.mail(1).expect("read").expect("kept").arrival, at(0));
        balanced(&store);
    }

    #[test]
    fn unreadable_mail_counts_its_tries_and_stops_no_other() {
        let (_folder, store) = state();
        let rules = shipped();
        let engine = Engine::new(&rules, Effort::Mailbox);
        spool_one(&store, &connection("1", 0), 0);
        spool_one(&store, &connection("2", 9), 9);
        let poison = spool::waiting(store.folder(), 1).expect("waiting").remove(0).path;
        std::fs::remove_file(&poison).expect("remove");
        std::os::unix::fs::symlink("/nonexistent/mail", &poison).expect("a link to nowhere is no file");
        let entered = drain_spool(&store, &rules, &engine, 10, &mut |_| {}).expect("drain");
        assert_eq!(entered, 1);
    }

    #[test]
    fn trouble_of_the_database_counts_no_try_however_often() {
        let (_folder, store) = state();
        let rules = shipped();
        let engine = Engine::new(&rules, Effort::Mailbox);
        spool_one(&store, &connection("1", 0), 0);
        // A trigger that fails stands for a full disk.
        store
            .sabotage("CREATE TRIGGER full BEFORE INSERT ON mail BEGIN SELECT RAISE(FAIL, 'disk full'); END");
        for _ in 0..5 {
            assert!(drain_spool(&store, &rules, &engine, 10, &mut |_| {}).is_err());
        }
        assert_eq!((spool::count(store.folder()), spool::set_aside(store.folder())), (1, 0));
        store.sabotage("DROP TRIGGER full");
        assert_eq!(drain_spool(&store, &rules, &engine, 10, &mut |_| {}).expect("drain"), 1);
        balanced(&store);
    }

    #[test]
    fn mail_that_entered_before_a_crash_is_duplicate_and_gone() {
        let (_folder, store) = state();
        let rules = shipped();
        let engine = Engine::new(&rules, Effort::Mailbox);
        ingest(&store, &rules, &connection("1", 0), 0);
        spool_one(&store, &connection("1", 0), 0);
        let mut told = Vec::new();
        drain_spool(&store, &rules, &engine, 10, &mut |a| told.push(a.outcome)).expect("drain");
        assert_eq!((told, spool::count(store.folder())), (vec![Outcome::Duplicate], 0));
        balanced(&store);
    }

    #[test]
    fn while_another_process_takes_up_the_spool_nothing_is_touched() {
        let (_folder, store) = state();
        let rules = shipped();
        let engine = Engine::new(&rules, Effort::Mailbox);
        spool_one(&store, &connection("1", 0), 0);
        let drain = spool::Drain::take(store.folder()).expect("lock").expect("nobody else");
        assert_eq!(drain_spool(&store, &rules, &engine, 10, &mut |_| {}).expect("drain"), 0);
        drop(drain);
        assert_eq!(spool::waiting(store.folder(), 1).expect("waiting")[0].tries, 0);
    }
}

#[test]
fn eight_processes_at_once_lose_nothing_and_count_nothing_twice() {
    let (_folder, store) = state();
    let rules = shipped();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (store, rules) = (reopen(&store, Access::Write), &rules);
            scope.spawn(move || {
                for n in 0..50 {
                    // Half of them are the same mails in each thread.
                    let id = if n % 2 == 0 { format!("same{n}") } else { format!("{thread}-{n}") };
                    ingest(&store, rules, &Alert::new(&id, "node7", "unknown", n).bytes(), n);
                }
            });
        }
    });
    balanced(&store);
    let balance = store.balance().expect("balance");
    assert_eq!((balance.received, balance.outcomes[Outcome::Counted as usize]), (400, 225));
    let device = store.device("node7").expect("read").expect("known");
    assert_eq!(device.tracking[0].1.window.total, 225);
    assert_eq!(store.number("SELECT count(*) FROM ticket"), 1);
}

#[test]
fn threshold_set_while_running_beats_the_rules_of_the_same_scope() {
    let (_folder, store) = state();
    let rules = shipped();
    let mut rule = rules
        .thresholds
        .iter()
        .find(|t| t.failure.as_deref() == Some("connection"))
        .expect("shipped")
        .clone();
    rule.count = 2;
    let tx = store.begin().expect("begin");
    tx.set_threshold(&rule, "me", at(0)).expect("set");
    tx.commit().expect("commit");
    ingest(&store, &rules, &connection("1", 0), 0);
    let account = ingest(&store, &rules, &connection("2", 1), 1);
    assert_eq!(counts(&account), [(Some(2), Some(2))]);
    assert!(account.alerts[0].ticket.is_some());
}
