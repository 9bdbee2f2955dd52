//! Due work against a real state, with a transport that answers as told and a clock that is set by hand.

use super::endings::{By, end, repair};
use super::*;
use crate::alert::Outcome;
use crate::delivery::{Attempt, Parcel, Transport};
use crate::intake::tests_support::*;
use crate::store::{FailedFilter, OutboxRow, OutboxState, TicketRow};
use crate::ticket::State;
use std::cell::Cell;
use std::collections::VecDeque;

const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

/// Answers from a list, then yes; keeps what it was given.
#[derive(Default)]
struct Scripted {
    answers: VecDeque<Attempt>,
    /// This recipient is always answered so.
    stubborn: Option<(&'static str, Attempt)>,
    given: Vec<Parcel>,
    /// Seconds each transmission takes.
    takes: i64,
}

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(0) };
}

impl Transport for Scripted {
    fn transmit(&mut self, parcel: &Parcel) -> Attempt {
        self.given.push(parcel.clone());
        NOW.set(NOW.get() + self.takes);
        match &self.stubborn {
            Some((recipient, answer)) if parcel.recipient == *recipient => answer.clone(),
            _ => self.answers.pop_front().unwrap_or(Attempt::Accepted { reply: "250 ok".into() }),
        }
    }
    fn name(&self) -> String {
        "scripted".into()
    }
}

fn busy() -> Attempt {
    Attempt::Postponed { reply: "451 later".into() }
}

fn no() -> Attempt {
    Attempt::Refused { reply: "550 no such user".into() }
}

/// No network in tests that are not about it.
fn nobody_asks(_: &[crate::diagnosis::Target]) -> Result<Vec<crate::diagnosis::Report>, String> {
    Err("no network here".to_owned())
}

fn flush_at(store: &Store, rules: &RuleSet, transport: &mut Scripted, second: i64) -> Report {
    NOW.set(second);
    let stop = AtomicBool::new(false);
    let mut work = Work {
        rules,
        clock: &|| at(NOW.get()),
        stop: &stop,
        folder: None,
        diagnose: &mut nobody_asks,
        progress: &mut |_| {},
    };
    let turn = Turn::take(store).expect("nobody else is at work");
    flush(store, &turn, transport, &mut work).expect("flush")
}

/// An alert of a failure type whose threshold is one.
fn access(id: &str, second: i64) -> Vec<u8> {
    Alert::new(id, "node7", "access", second).bytes()
}

fn only_ticket(store: &Store) -> TicketRow {
    let mut rows = store.tickets(&[], None, None, 10).expect("list");
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

fn mails(store: &Store) -> Vec<OutboxRow> {
    store.outbox_of(only_ticket(store).id).expect("list")
}

fn by<'a>(why: &'a str, now: i64, mended: i64) -> By<'a> {
    By { who: "me", why, now: at(now), at: at(mended) }
}

fn repaired(store: &Store, rules: &RuleSet, now: i64, mended: i64) -> Vec<endings::Repaired> {
    let tx = store.begin().expect("begin");
    let done = repair(&tx, rules, "node7", None, by("cable replaced", now, mended)).expect("repair");
    tx.commit().expect("commit");
    done
}

fn close(store: &Store, rules: &RuleSet, now: i64) -> bool {
    let row = only_ticket(store);
    let tx = store.begin().expect("begin");
    let told = end(&tx, rules, row, State::Closed, by("not needed", now, now), false).expect("close");
    tx.commit().expect("commit");
    told
}

mod judging;

mod delivering {
    use super::*;

    #[test]
    fn deferred_ticket_is_judged_queued_and_sent() {
        let (_folder, store) = state();
        let rules = shipped();
        ingest(&store, &rules, &access("1", 0), 0);
        assert_eq!(only_ticket(&store).state, State::Deferred);
        let mut transport = Scripted { answers: [busy()].into(), ..Scripted::default() };
        let report = flush_at(&store, &rules, &mut transport, 10);
        assert_eq!((report.judged, report.postponed, report.accepted), (1, 1, 0));
        assert_eq!(only_ticket(&store).state, State::Queued);
        assert_eq!(flush_at(&store, &rules, &mut transport, 40).accepted, 1);
        assert_eq!(only_ticket(&store).state, State::Sent);
        let decision = only_ticket(&store).decision.expect("judged");
        assert!(
            decision.reasons[1]
                .starts_with("diagnostics: access, device not asked, server not asked: ticket (")
        );
        assert_eq!(flush_at(&store, &rules, &mut transport, 9_000), Report::default(), "nothing is left");
    }

    #[test]
    fn four_transmissions_each_counted_from_the_end_of_the_one_before_then_parked() {
        let (_folder, store) = state();
        let rules = shipped();
        ingest(&store, &rules, &access("1", 0), 0);
        let mut transport =
            Scripted { answers: [busy(), busy(), busy(), busy()].into(), takes: 7, ..Scripted::default() };
        flush_at(&store, &rules, &mut transport, 100);
        for (too_early, due) in [(136, 137), (443, 444), (4050, 4051)] {
            assert_eq!(mails(&store)[0].next, Some(at(due)), "counted from the end of the attempt before");
            let before = transport.given.len();
            flush_at(&store, &rules, &mut transport, too_early);
            assert_eq!(transport.given.len(), before, "not at {too_early}");
            flush_at(&store, &rules, &mut transport, due);
            assert_eq!(transport.given.len(), before + 1, "at {due}");
        }
        let row = &mails(&store)[0];
        assert_eq!((row.state, row.attempts, row.next), (OutboxState::Parked, 4, None));
        assert_eq!(row.reply.as_deref(), Some("451 later"));
        assert_eq!(only_ticket(&store).state, State::Parked);
        flush_at(&store, &rules, &mut transport, 90 * DAY);
        assert_eq!(transport.given.len(), 4, "not tried again by itself");
        assert!(
            transport.given.windows(2).all(|pair| pair[0] == pair[1]),
            "the same bytes and Message-ID each time"
        );
    }

    #[test]
    fn waits_before_the_first_transmission_as_the_rules_say() {
        let (_folder, store) = state();
        let mut rules = shipped();
        rules.settings.delivery.retry = vec![crate::rules::model::Seconds(60)];
        ingest(&store, &rules, &access("1", 0), 0);
        let mut transport = Scripted::default();
        flush_at(&store, &rules, &mut transport, 10);
        assert!(transport.given.is_empty());
        flush_at(&store, &rules, &mut transport, 70);
        assert_eq!(transport.given.len(), 1);
    }

    #[test]
    fn parked_mail_is_woken_once_by_the_next_success() {
        let (_folder, store) = state();
        let mut rules = shipped();
        rules.settings.delivery.retry.truncate(1);
        ingest(&store, &rules, &access("1", 0), 0);
        let mut transport = Scripted { answers: [busy()].into(), ..Scripted::default() };
        assert_eq!(flush_at(&store, &rules, &mut transport, 10).parked, 1);
        ingest(&store, &rules, &Alert::new("2", "node8", "access", 20).bytes(), 20);
        transport.answers = [Attempt::Accepted { reply: "250".into() }, busy()].into();
        let report = flush_at(&store, &rules, &mut transport, 30);
        assert_eq!(
            (report.accepted, report.parked, transport.given.len()),
            (1, 1, 3),
            "one more transmission"
        );
        assert_eq!(transport.given[0], transport.given[2]);
        flush_at(&store, &rules, &mut transport, 40);
        assert_eq!(transport.given.len(), 3, "no success, no other try");
        ingest(&store, &rules, &Alert::new("3", "node9", "access", 50).bytes(), 50);
        flush_at(&store, &rules, &mut transport, 60);
        assert_eq!(transport.given.len(), 5);
        assert!(store.tickets(&[], None, None, 9).expect("list").iter().all(|t| t.state == State::Sent));
    }

    #[test]
    fn refused_recipient_stops_no_other_and_is_not_tried_again() {
        let (_folder, store) = state();
        let mut rules = shipped();
        rules.centers.centers[0].mail = vec!["a@acme.example".into(), "b@acme.example".into()];
        ingest(&store, &rules, &access("1", 0), 0);
        let mut transport = Scripted { stubborn: Some(("a@acme.example", no())), ..Scripted::default() };
        let report = flush_at(&store, &rules, &mut transport, 10);
        assert_eq!((report.refused, report.accepted), (1, 1));
        assert_eq!(only_ticket(&store).state, State::Sent);
        let states: Vec<_> = mails(&store).iter().map(|m| (m.state, m.reply.clone())).collect();
        assert_eq!(states[0], (OutboxState::Refused, Some("550 no such user".into())));
        assert_eq!(states[1].0, OutboxState::Accepted);
        flush_at(&store, &rules, &mut transport, 90 * DAY);
        assert_eq!(transport.given.len(), 2);
        assert_eq!(store.outbox_counts(at(90 * DAY)).expect("counts"), (0, 0, 1), "status shows it");
    }

    #[test]
    fn ticket_that_every_recipient_refuses_is_parked_and_shown() {
        let (_folder, store) = state();
        let rules = shipped();
        ingest(&store, &rules, &access("1", 0), 0);
        flush_at(&store, &rules, &mut Scripted { answers: [no()].into(), ..Scripted::default() }, 10);
        assert_eq!(only_ticket(&store).state, State::Parked);
    }

    #[test]
    fn crash_after_the_receivers_yes_sends_the_same_mail_again() {
        let (_folder, store) = state();
        let rules = shipped();
        ingest(&store, &rules, &access("1", 0), 0);
        let mut transport = Scripted::default();
        store.sabotage("CREATE TRIGGER crash BEFORE UPDATE ON outbox BEGIN SELECT RAISE(FAIL, 'crash'); END");
        NOW.set(10);
        let stop = AtomicBool::new(false);
        let mut work = Work {
            rules: &rules,
            clock: &|| at(NOW.get()),
            stop: &stop,
            folder: None,
            diagnose: &mut nobody_asks,
            progress: &mut |_| {},
        };
        let turn = Turn::take(&store).expect("nobody else");
        assert!(flush(&store, &turn, &mut transport, &mut work).is_err());
        drop(turn);
        store.sabotage("DROP TRIGGER crash");
        assert_eq!(mails(&store)[0].attempts, 0);
        flush_at(&store, &rules, &mut transport, 11);
        assert_eq!(transport.given.len(), 2);
        assert_eq!(transport.given[0], transport.given[1]);
    }

    #[test]
    fn one_flush_is_at_work_at_a_time() {
        let (_folder, store) = state();
        let turn = Turn::take(&store).expect("the first");
        let second = Turn::take(&store).expect_err("the second");
        assert!(matches!(&second, Error::AtWork { folder } if folder == store.folder()), "{second:?}");
        drop(turn);
        Turn::take(&store).expect("free again");
    }

    #[test]
    fn ticket_mail_that_comes_back_is_own_and_a_reply_to_it_is_kept_with_the_ticket() {
        let (_folder, store) = state();
        let rules = shipped();
        ingest(&store, &rules, &access("1", 0), 0);
        let mut transport = Scripted::default();
        flush_at(&store, &rules, &mut transport, 10);
        assert_eq!(ingest(&store, &rules, &transport.given[0].bytes, 20).outcome, Outcome::Own);
        let reply = format!(
            "From: jana@elsewhere.example\r\nSubject: AW: ticket\r\nIn-Reply-To: <{}>\r\n\r\nOn my way.\r\n",
            transport.given[0].message_id
        );
        let account = ingest(&store, &rules, reply.as_bytes(), 30);
        assert_eq!(account.outcome, Outcome::Repair);
        assert_eq!(store.replies(only_ticket(&store).id).expect("list"), [account.mail]);
    }
}

mod following {
    use super::*;

    #[test]
    fn further_alerts_give_at_most_one_update_an_hour() {
        let (_folder, store) = state();
        let rules = shipped();
        let mut transport = Scripted::default();
        ingest(&store, &rules, &access("0", 0), 0);
        flush_at(&store, &rules, &mut transport, 1);
        let mut sent = Vec::new();
        for minute in 1..=240 {
            let second = minute * 60;
            if minute <= 180 {
                ingest(&store, &rules, &access(&minute.to_string(), second), second);
            }
            if flush_at(&store, &rules, &mut transport, second + 1).followers > 0 {
                sent.push(minute);
            }
        }
        assert!(sent.len() == 3 || sent.len() == 4, "{sent:?}");
        assert!(sent.windows(2).all(|pair| pair[1] - pair[0] >= 60), "{sent:?}");
        let row = only_ticket(&store);
        assert_eq!((row.joined, row.unreported, row.due), (180, None, None), "all are told");
        let last = String::from_utf8_lossy(&transport.given.last().expect("an update").bytes).into_owned();
        assert!(last.contains("181"), "the last update tells the total: {last}");
    }

    #[test]
    fn straggler_from_before_the_last_update_is_told_by_the_next() {
        let (_folder, store) = state();
        let rules = shipped();
        let mut transport = Scripted::default();
        ingest(&store, &rules, &access("0", 0), 0);
        flush_at(&store, &rules, &mut transport, 1);
        ingest(&store, &rules, &access("1", 600), 600);
        assert_eq!(flush_at(&store, &rules, &mut transport, 600 + HOUR).followers, 1);
        ingest(&store, &rules, &access("late", 300), 900 + HOUR);
        let due = only_ticket(&store).due.expect("an update is due");
        assert_eq!(
            flush_at(&store, &rules, &mut transport, due.as_second() - at(0).as_second()).followers,
            1
        );
        assert_eq!(only_ticket(&store).due, None);
    }

    #[test]
    fn ticket_still_alerting_after_three_days_sends_a_reminder() {
        let (_folder, store) = state();
        let rules = shipped();
        let mut transport = Scripted::default();
        ingest(&store, &rules, &access("0", 0), 0);
        flush_at(&store, &rules, &mut transport, 1);
        ingest(&store, &rules, &access("1", 3 * DAY - 1), 3 * DAY - 1);
        flush_at(&store, &rules, &mut transport, 3 * DAY - 1);
        assert_eq!(only_ticket(&store).reminders, 0);
        ingest(&store, &rules, &access("2", 3 * DAY), 3 * DAY);
        flush_at(&store, &rules, &mut transport, 3 * DAY);
        assert_eq!(only_ticket(&store).reminders, 1);
        ingest(&store, &rules, &access("3", 4 * DAY), 4 * DAY);
        flush_at(&store, &rules, &mut transport, 4 * DAY + 2 * HOUR);
        assert_eq!(only_ticket(&store).reminders, 1, "the next after three more days");
        let kinds: Vec<_> = mails(&store).into_iter().map(|m| m.kind).collect();
        assert_eq!(kinds.iter().filter(|k| *k == "reminder").count(), 1, "{kinds:?}");
    }

    #[test]
    fn parked_ticket_is_shown_and_its_alerts_are_told_on_and_a_closed_one_gives_way_to_a_new_one() {
        let (_folder, store) = state();
        let mut rules = shipped();
        rules.settings.delivery.retry.truncate(1);
        ingest(&store, &rules, &access("0", 0), 0);
        let mut transport = Scripted { answers: [busy(), busy()].into(), ..Scripted::default() };
        flush_at(&store, &rules, &mut transport, 1);
        let first = only_ticket(&store);
        assert_eq!(first.state, State::Parked);
        let joined = ingest(&store, &rules, &access("1", 7 * DAY), 7 * DAY);
        assert_eq!(joined.alerts[0].ticket.as_deref(), Some(first.number.as_str()));
        assert_eq!(store.outbox_counts(at(7 * DAY)).expect("counts").1, 1, "parked: status exits 1");
        let report = flush_at(&store, &rules, &mut transport, 7 * DAY + 2 * HOUR);
        assert!(report.followers >= 1, "the center is told on: {report:?}");
        transport.answers.clear();
        ingest(&store, &rules, &access("2", 8 * DAY), 8 * DAY);
        flush_at(&store, &rules, &mut transport, 8 * DAY + 2 * HOUR);
        assert_eq!(only_ticket(&store).state, State::Sent, "an update that got through wakes the ticket");
        close(&store, &rules, 9 * DAY);
        let account = ingest(&store, &rules, &access("3", 9 * DAY + 1), 9 * DAY + 1);
        let number = account.alerts[0].ticket.clone().expect("a new ticket");
        assert_ne!(number, first.number);
        assert_eq!(store.tickets(&[State::Deferred], None, None, 9).expect("list").len(), 1);
    }
}

mod ending {
    use super::*;

    #[test]
    fn repair_after_sending_resets_counts_ends_the_ticket_and_tells_the_center() {
        let (_folder, store) = state();
        let rules = shipped();
        let mut transport = Scripted::default();
        ingest(&store, &rules, &access("0", 0), 0);
        ingest(&store, &rules, &Alert::new("1", "node7", "connection", 5).bytes(), 5);
        flush_at(&store, &rules, &mut transport, 10);
        let number = only_ticket(&store).number;
        let done = repaired(&store, &rules, 100, 100);
        let told: Vec<_> =
            done.iter().map(|d| (d.failure.as_str(), d.total, d.first, d.ticket.clone())).collect();
        assert_eq!(told, [("access", 1, Some(at(0)), Some(number)), ("connection", 1, Some(at(5)), None)]);
        let row = only_ticket(&store);
        assert_eq!((row.state, row.why.as_deref(), row.due), (State::Repaired, Some("cable replaced"), None));
        let totals: Vec<_> = store
            .device("node7")
            .expect("read")
            .expect("known")
            .tracking
            .iter()
            .map(|(_, t)| t.window.total)
            .collect();
        assert_eq!(totals, [0, 0]);
        assert_eq!(
            store.failed(&FailedFilter::default()).expect("list").len(),
            1,
            "failed distributions stay"
        );
        flush_at(&store, &rules, &mut transport, 101);
        let last = transport.given.last().expect("a stand-down");
        let text = String::from_utf8_lossy(&last.bytes).into_owned();
        assert!(text.contains("cable replaced") && text.contains("References:"), "{text}");
        assert_eq!(
            mails(&store).last().map(|m| (m.kind.as_str(), m.state)),
            Some(("stand-down", OutboxState::Accepted))
        );
    }

    #[test]
    fn ticket_that_was_never_sent_is_withdrawn_without_a_stand_down_and_no_success_wakes_it() {
        for parked in [false, true] {
            let (_folder, store) = state();
            let mut rules = shipped();
            rules.settings.delivery.retry.truncate(if parked { 1 } else { 4 });
            ingest(&store, &rules, &access("0", 0), 0);
            let mut transport = Scripted { answers: [busy()].into(), ..Scripted::default() };
            flush_at(&store, &rules, &mut transport, 10);
            assert!(!close(&store, &rules, 20));
            let states: Vec<_> = mails(&store).iter().map(|m| (m.kind.clone(), m.state)).collect();
            assert_eq!(states, [("ticket".to_owned(), OutboxState::Withdrawn)]);
            ingest(&store, &rules, &Alert::new("2", "node8", "access", 30).bytes(), 30);
            flush_at(&store, &rules, &mut transport, 5000);
            assert_eq!(transport.given.len(), 2, "one of each ticket");
            assert_eq!(
                store.outbox_counts(at(5000)).expect("counts"),
                (0, 0, 0),
                "nothing is left to see to"
            );
        }
    }

    #[test]
    fn ticket_closed_while_its_mail_is_on_the_wire_is_not_tried_again() {
        struct Closing<'a>(&'a Store, &'a RuleSet);
        impl Transport for Closing<'_> {
            fn transmit(&mut self, _: &Parcel) -> Attempt {
                close(&reopen(self.0, store::Access::Write), self.1, 15);
                busy()
            }
            fn name(&self) -> String {
                "closing".into()
            }
        }
        let (_folder, store) = state();
        let rules = shipped();
        ingest(&store, &rules, &access("0", 0), 0);
        let stop = AtomicBool::new(false);
        NOW.set(10);
        let mut work = Work {
            rules: &rules,
            clock: &|| at(NOW.get()),
            stop: &stop,
            folder: None,
            diagnose: &mut nobody_asks,
            progress: &mut |_| {},
        };
        let turn = Turn::take(&store).expect("nobody else");
        flush(&store, &turn, &mut Closing(&store, &rules), &mut work).expect("flush");
        assert_eq!((mails(&store)[0].state, mails(&store)[0].next), (OutboxState::Withdrawn, None));
        assert_eq!(only_ticket(&store).state, State::Closed);
    }

    #[test]
    fn repair_of_an_earlier_time_keeps_what_failed_after_it() {
        let (_folder, store) = state();
        let rules = shipped();
        for n in 0..3 {
            ingest(
                &store,
                &rules,
                &Alert::new(&n.to_string(), "node7", "connection", n * 100).bytes(),
                n * 100,
            );
        }
        repaired(&store, &rules, 1000, 150);
        let device = store.device("node7").expect("read").expect("known");
        assert_eq!(
            (device.tracking[0].1.window.total, device.tracking[0].1.window.first),
            (1, Some(at(200)))
        );
    }

    #[test]
    fn repair_of_a_healthy_device_does_nothing_and_is_audited() {
        let (_folder, store) = state();
        assert!(repaired(&store, &shipped(), 10, 10).is_empty());
        assert_eq!(store.audit_entries(1).expect("audit")[0].act, "repaired");
    }
}

mod replaying {
    use super::*;

    /// Name and bytes of what was transmitted, by name.
    fn letters(transport: &Scripted, kind: &str) -> Vec<(String, Vec<u8>)> {
        let mut letters: Vec<_> = transport
            .given
            .iter()
            .filter(|p| p.name.contains(kind))
            .map(|p| (p.name.clone(), p.bytes.clone()))
            .collect();
        letters.sort();
        letters
    }

    /// A list of what is over the cap grows while it is open: live it begins with one device.
    fn uncapped() -> RuleSet {
        let mut rules = shipped();
        rules.settings.tickets.cap = 10_000;
        rules
    }

    /// Each alert taken in when it was sent, flushed after each.
    fn live(alerts: &[Alert]) -> Scripted {
        let (_folder, store) = state();
        let (rules, mut transport) = (uncapped(), Scripted::default());
        let mut now = 0;
        for alert in alerts {
            now = now.max(alert.second);
            ingest(&store, &rules, &alert.bytes(), now);
            flush_at(&store, &rules, &mut transport, now + 1);
        }
        flush_at(&store, &rules, &mut transport, now + 30 * DAY);
        transport
    }

    /// The same mails taken in at once, flushed at the end.
    fn replay(alerts: &[Alert]) -> Scripted {
        let (_folder, store) = state();
        let (rules, mut transport) = (uncapped(), Scripted::default());
        let mut now = 0;
        for alert in alerts {
            now = now.max(alert.second);
            ingest(&store, &rules, &alert.bytes(), now);
        }
        flush_at(&store, &rules, &mut transport, now + 30 * DAY);
        transport
    }

    #[test]
    fn replayed_mails_give_the_same_tickets_byte_for_byte() {
        for seed in [5, 6] {
            let alerts = rollout(seed, 120);
            let (live, replay) = (live(&alerts), replay(&alerts));
            let tickets = letters(&live, ".ticket");
            assert!(tickets.len() >= 8, "{}", tickets.len());
            assert!(tickets == letters(&replay, ".ticket"), "seed {seed}");
        }
    }

    #[test]
    fn updates_and_reminders_of_alerts_in_event_order_are_replayed_as_well() {
        let mut alerts: Vec<Alert> = Vec::new();
        for n in 0..90 {
            alerts.push(Alert::new(&format!("n{n}"), "node7", "access", n * HOUR));
        }
        let (live, replay) = (live(&alerts), replay(&alerts));
        for kind in [".ticket", ".update", ".reminder"] {
            let (a, b) = (letters(&live, kind), letters(&replay, kind));
            let names =
                |letters: &[(String, Vec<u8>)]| letters.iter().map(|l| l.0.clone()).collect::<Vec<_>>();
            assert_eq!(names(&a), names(&b), "{kind}");
            assert!(!a.is_empty() && a == b, "{kind}");
        }
    }
}

#[test]
fn purge_forgets_by_the_rules_and_sweeps_the_spool() {
    let (_folder, store) = state();
    let rules = shipped();
    ingest(&store, &rules, &access("0", 0), 0);
    ingest(&store, &rules, &access("1", 40 * DAY), 40 * DAY);
    let stop = AtomicBool::new(false);
    NOW.set(41 * DAY);
    let work = Work {
        rules: &rules,
        clock: &|| at(NOW.get()),
        stop: &stop,
        folder: None,
        diagnose: &mut nobody_asks,
        progress: &mut |_| {},
    };
    assert_eq!(purge(&store, &work).expect("purge"), (1, 0));
    assert_eq!(purge(&store, &work).expect("purge"), (0, 0));
    assert!(store.balance().expect("balance").balanced());
}
