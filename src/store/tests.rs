//! The promises of this room, each against a real state folder.

use super::*;
use crate::alert::{AlertRecord, Outcome, Reason};
use crate::intake::tests_support::{Alert, INSTALL, at, reopen, state};
use crate::mail::{self, RawMail};
use crate::ticket::model::{Kind, Letter};
use jiff::Timestamp;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;

fn raw(text: &str) -> RawMail {
    mail::read::bytes(text.as_bytes().to_vec())
}

/// Four headers, then this body.
fn copy(body: &str) -> RawMail {
    raw(&format!(
        "Message-ID: <1@acme.example>\nFrom: dm@acme.example\nDate: Mon, 2 Mar 2026 10:00:00 +0000\nSubject: failed\n\n{body}"
    ))
}

fn keep(tx: &Tx<'_>, raw: &RawMail, outcome: Outcome, arrival: Timestamp) -> i64 {
    let place = tx.insert_raw(raw, pack(&[raw]).remove(0).as_ref()).expect("store its bytes");
    keep_at(tx, raw, place, outcome, arrival)
}

fn keep_at(tx: &Tx<'_>, raw: &RawMail, place: RawPlace, outcome: Outcome, arrival: Timestamp) -> i64 {
    tx.insert_mail(&NewMail {
        identity: &raw.identity,
        outcome,
        reason: &Reason::NoSender,
        arrival,
        event: arrival,
        length: raw.length,
        kept: raw.kept,
        raw: place,
        digest: raw.digest.as_ref(),
        sender: "dm@acme.example",
        subject: "failed",
        place: "stdin",
        first_alert: tx.next_alert().expect("next"),
        alerts: 0,
    })
    .expect("store a mail")
}

fn twin(tx: &Tx<'_>, raw: &RawMail) -> Twin {
    tx.twin(&raw.identity, |n| raw.key_of_prefix(n)).expect("look for twins")
}

fn record(device: &str, job: Option<&str>, second: i64) -> AlertRecord {
    AlertRecord {
        device: device.into(),
        failure: "connection".into(),
        tool: "native".into(),
        server: Some("is38".into()),
        job: job.map(str::to_owned),
        event: at(second),
        arrival: at(second),
        ..AlertRecord::default()
    }
}

mod spooling;

mod opening {
    use super::*;

    #[test]
    fn nothing_is_opened_where_no_state_is() {
        let folder = tempfile::tempdir().expect("a folder");
        for place in [folder.path().to_path_buf(), folder.path().join("nowhere")] {
            let error = Store::open(&place, Access::Write).expect_err("no state");
            assert!(matches!(&error, Error::NoState { folder } if *folder == place), "{error:?}");
        }
        assert_eq!(
            fs::read_dir(folder.path()).expect("still there").count(),
            0,
            "nothing is made by opening"
        );
    }

    #[test]
    fn missing_or_empty_database_is_told_from_no_state_and_never_made_anew() {
        let (_folder, store) = state();
        let (place, database) = (store.folder().to_path_buf(), store.folder().join(DATABASE));
        store.close().expect("close");
        fs::File::create(&database).expect("truncate");
        let error = Store::open(&place, Access::Write).expect_err("empty");
        assert!(matches!(&error, Error::Missing { install, .. } if install == INSTALL), "{error:?}");
        assert_eq!(fs::metadata(&database).expect("there").len(), 0);
        fs::remove_file(&database).expect("remove");
        let error = Store::open(&place, Access::Write).expect_err("missing");
        assert!(matches!(error, Error::Missing { .. }), "{error:?}");
        assert!(!database.exists());
    }

    #[test]
    fn foreign_newer_and_unknown_databases_are_refused_untouched() {
        let (_folder, store) = state();
        let place = store.folder().to_path_buf();
        store.connection.pragma_update(None, "user_version", schema::VERSION + 1).expect("a later version");
        let error = Store::open(&place, Access::Write).expect_err("newer");
        assert!(matches!(error, Error::Newer { found, known, .. } if found == known + 1), "{error:?}");
        store.connection.pragma_update(None, "user_version", schema::VERSION).expect("this version");
        fs::write(place.join(INSTALL_ID), "other\n").expect("another id");
        let error = Store::open(&place, Access::Write).expect_err("foreign");
        assert!(
            matches!(&error, Error::ForeignInstall { found, expected, .. } if found == INSTALL && expected == "other"),
            "{error:?}"
        );
        store.close().expect("close");
        let database = place.join(DATABASE);
        fs::remove_file(&database).expect("remove");
        Connection::open(&database).expect("open").execute_batch("CREATE TABLE theirs(x)").expect("theirs");
        let before = fs::read(&database).expect("bytes");
        let error = Store::open(&place, Access::Write).expect_err("not ours");
        assert!(matches!(error, Error::Stored { what: "version", .. }), "{error:?}");
        assert_eq!(
            fs::read(&database).expect("bytes"),
            before,
            "somebody else's database gets no tables of ours"
        );
    }

    #[test]
    fn a_file_that_is_no_database_is_an_error_and_stays() {
        let (_folder, store) = state();
        let place = store.folder().to_path_buf();
        store.close().expect("close");
        fs::write(place.join(DATABASE), vec![b'x'; 8192]).expect("rubbish");
        let error = Store::open(&place, Access::Write).expect_err("rubbish");
        assert!(matches!(error, Error::Sql { .. }), "{error:?}");
        assert_eq!(fs::read(place.join(DATABASE)).expect("bytes"), vec![b'x'; 8192]);
    }

    #[test]
    fn init_wants_an_empty_folder_and_makes_private_files() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("letter"), "x").expect("a file");
        let error = Store::init(folder.path(), "i").expect_err("not empty");
        assert!(matches!(error, Error::NotEmpty { .. }), "{error:?}");
        let (_folder, store) = state();
        let error = Store::init(store.folder(), "i").expect_err("exists");
        assert!(matches!(error, Error::Exists { .. }), "{error:?}");
        assert_eq!(install_id(store.folder()).expect("an id"), INSTALL, "the old id stands");
        for (name, mode) in [(DATABASE, 0o600), (INSTALL_ID, 0o600), ("spool", 0o700), ("spool/new", 0o700)] {
            let found = fs::metadata(store.folder().join(name)).expect("made").permissions().mode() & 0o777;
            assert_eq!(found, mode, "{name}");
        }
    }

    #[test]
    fn another_owners_folder_is_refused_with_the_sudo_line() {
        let (_folder, store) = state();
        let place = store.folder().to_path_buf();
        if !rustix::process::geteuid().is_root() {
            return;
        }
        std::os::unix::fs::chown(&place, Some(65_534), None).expect("root gives it away");
        let error = Store::open(&place, Access::Read).expect_err("somebody else's");
        assert!(matches!(error, Error::Owner { owner: 65_534, uid: 0, .. }), "{error:?}");
        assert!(error.to_string().contains("sudo -u '#65534' autoticket"), "{error}");
    }

    #[test]
    fn readers_and_rehearsals_leave_every_file_as_it_is() {
        let (_folder, store) = state();
        let database = store.folder().join(DATABASE);
        let before = fs::read(&database).expect("bytes");
        let reader = reopen(&store, Access::Read);
        let tx = reader.begin();
        assert!(tx.is_err() || tx.is_ok_and(|tx| tx.keep_note("a", "b").is_err()), "a reader writes nothing");
        let rehearsal = reopen(&store, Access::Rehearse);
        let tx = rehearsal.begin().expect("begin");
        tx.keep_note("a", "b").expect("inside");
        keep(&tx, &copy("body"), Outcome::Counted, at(0));
        tx.roll_back();
        assert_eq!(fs::read(&database).expect("bytes"), before);
        assert_eq!(store.note("a").expect("read"), None);
    }
}

mod twins {
    use super::*;

    #[test]
    fn same_mail_is_known_again_also_with_other_line_ends() {
        let (_folder, store) = state();
        let tx = store.begin().expect("begin");
        let mail = keep(&tx, &copy("a\nb\n"), Outcome::Counted, at(0));
        assert_eq!(twin(&tx, &copy("a\nb\n")), Twin::Same { mail });
        assert_eq!(twin(&tx, &copy("a\r\nb\r\n\r\n")), Twin::Same { mail });
    }

    #[test]
    fn longer_and_shorter_copies_find_each_other_whichever_came_first() {
        let (_folder, store) = state();
        let tx = store.begin().expect("begin");
        let mail = keep(&tx, &copy("one two"), Outcome::Counted, at(0));
        let longer = Twin::Copies(Copies { longer: vec![], shorter: vec![mail] });
        assert_eq!(twin(&tx, &copy("one two three")), longer);
        let shorter = Twin::Copies(Copies { longer: vec![mail], shorter: vec![] });
        assert_eq!(twin(&tx, &copy("one")), shorter);
        assert_eq!(twin(&tx, &copy("")), shorter, "cut off after the headers");
    }

    #[test]
    fn reused_message_id_with_another_body_is_another_mail() {
        let (_folder, store) = state();
        let tx = store.begin().expect("begin");
        keep(&tx, &copy("node7 failed"), Outcome::Counted, at(0));
        for body in ["node8 failed", "node8 failed and more of it", "x"] {
            assert_eq!(twin(&tx, &copy(body)), Twin::Copies(Copies::default()), "{body}");
        }
    }

    #[test]
    fn mail_without_message_id_has_no_prefixes() {
        let (_folder, store) = state();
        let tx = store.begin().expect("begin");
        let mail = keep(&tx, &raw("Subject: x\n\nnode7"), Outcome::Counted, at(0));
        assert_eq!(twin(&tx, &raw("Subject: x\n\nnode70")), Twin::Copies(Copies::default()));
        assert_eq!(twin(&tx, &raw("Subject: x\n\nnode7")), Twin::Same { mail });
    }

    #[test]
    fn superseded_copies_are_known_again_but_supersede_nothing() {
        let (_folder, store) = state();
        let tx = store.begin().expect("begin");
        let short = keep(&tx, &copy("one"), Outcome::Counted, at(0));
        let long = keep(&tx, &copy("one two"), Outcome::Counted, at(0));
        tx.set_outcome(short, Outcome::Duplicate, &Reason::PrefixOf { mail: long }, at(0), 0, 0)
            .expect("supersede");
        assert_eq!(twin(&tx, &copy("one")), Twin::Same { mail: short });
        let longest = Twin::Copies(Copies { longer: vec![], shorter: vec![long] });
        assert_eq!(twin(&tx, &copy("one two three")), longest);
    }

    #[test]
    fn flood_under_the_same_headers_is_looked_at_only_so_far() {
        let (_folder, store) = state();
        let tx = store.begin().expect("begin");
        for n in 0..50 {
            keep(&tx, &copy(&format!("{}{n}", "x".repeat(100 + n))), Outcome::Counted, at(0));
        }
        let asked = Cell::new(0);
        let new = copy(&"y".repeat(500));
        tx.twin(&new.identity, |n| {
            asked.set(asked.get() + 1);
            new.key_of_prefix(n)
        })
        .expect("look for twins");
        assert_eq!(asked.get(), 8);
    }

    #[test]
    fn key_outlives_the_raw_mail() {
        let (_folder, store) = state();
        let tx = store.begin().expect("begin");
        let mail = keep(&tx, &copy("one two"), Outcome::Counted, at(0));
        let purged = tx.purge(at(1), at(0), 100).expect("purge");
        assert_eq!((purged.raws, purged.records), (1, 0));
        assert_eq!(twin(&tx, &copy("one two")), Twin::Same { mail });
    }
}

mod raws {
    use super::*;

    #[test]
    fn kept_bytes_come_back_byte_for_byte() {
        let (_folder, store) = state();
        for length in [0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1, (5 << 20) + 7] {
            let bytes: Vec<u8> = (0..length).map(|n| (n * n / 7 % 251) as u8).collect();
            let raw = mail::read::message(&bytes[..], store.folder()).expect("read");
            assert_eq!(raw.spill.is_some(), length > mail::model::WINDOW_BYTES, "{length}");
            let tx = store.begin().expect("begin");
            let id = keep(&tx, &raw, Outcome::Unrecognised, at(0));
            tx.commit().expect("commit");
            let mut back = Vec::new();
            store.raw(id).expect("stored").read_to_end(&mut back).expect("read back");
            assert!(back == bytes, "{length} bytes");
        }
    }

    const CHUNK: usize = 1 << 20;

    fn read_back(store: &Store, mail: i64) -> Vec<u8> {
        let mut bytes = Vec::new();
        store.raw(mail).expect("stored").read_to_end(&mut bytes).expect("read back");
        bytes
    }

    #[test]
    fn mails_that_share_a_block_come_back_each_for_itself() {
        let (_folder, store) = state();
        let mails: Vec<RawMail> = (0..5).map(|n| copy(&format!("body {n}").repeat(n))).collect();
        let packed = pack(&mails.iter().collect::<Vec<_>>());
        let tx = store.begin().expect("begin");
        for (raw, packed) in mails.iter().zip(&packed) {
            let place = tx.insert_raw(raw, packed.as_ref()).expect("store");
            keep_at(&tx, raw, place, Outcome::Counted, at(0));
        }
        tx.commit().expect("commit");
        assert_eq!(store.number("SELECT count(*) FROM raw"), 1);
        for (n, raw) in mails.iter().enumerate() {
            assert_eq!(read_back(&store, n as i64 + 1), raw.head);
        }
    }

    /// A long mail between two of one block: the last mail's block is the older one.
    #[test]
    fn purging_never_takes_the_block_of_a_mail_that_is_kept() {
        let (_folder, store) = state();
        let (first, last) = (copy("first"), copy("last"));
        let long = mail::read::bytes(vec![b'x'; 3 << 20]);
        let packed = pack(&[&first, &long, &last]);
        assert!(packed[0].is_some() && packed[1].is_none() && packed[2].is_some());
        let tx = store.begin().expect("begin");
        for ((raw, packed), arrival) in [&first, &long, &last].into_iter().zip(&packed).zip([0, 100, 100]) {
            let place = tx.insert_raw(raw, packed.as_ref()).expect("store");
            keep_at(&tx, raw, place, Outcome::Counted, at(arrival));
        }
        tx.purge(at(50), at(-1), 10).expect("purge");
        tx.commit().expect("commit");
        assert_eq!(read_back(&store, 1), b"");
        assert!(read_back(&store, 2) == long.head);
        assert_eq!(read_back(&store, 3), last.head);
        assert!(store.balance().expect("balance").balanced());
        let tx = store.begin().expect("begin");
        tx.purge(at(150), at(-1), 10).expect("purge");
        tx.commit().expect("commit");
        assert_eq!(store.number("SELECT count(*) FROM raw"), 0);
    }
}

mod forgetting {
    use super::*;
    const DAY: i64 = 86_400;

    fn purge_all(store: &Store, now: i64, step: usize) -> (usize, usize) {
        let (mut raws, mut records) = (0, 0);
        loop {
            let tx = store.begin().expect("begin");
            let purged = tx.purge(at(now - 30 * DAY), at(now - 365 * DAY), step).expect("purge");
            tx.commit().expect("commit");
            (raws, records) = (raws + purged.raws, records + purged.records);
            if purged.ended {
                return (raws, records);
            }
        }
    }

    fn filled(arrivals: &[i64]) -> (tempfile::TempDir, Store) {
        let (folder, store) = state();
        let tx = store.begin().expect("begin");
        for (n, arrival) in arrivals.iter().enumerate() {
            keep(&tx, &copy(&format!("{n} body")), Outcome::ALL[n % 7], at(*arrival));
        }
        tx.commit().expect("commit");
        (folder, store)
    }

    #[test]
    fn raw_mails_go_after_thirty_days_records_after_a_year_and_the_balance_stays() {
        let (_folder, store) = filled(&[0, 0, 0, 40 * DAY, 390 * DAY]);
        let before = store.balance().expect("balance");
        assert!(before.balanced() && before.received == 5, "{before:?}");
        assert_eq!(purge_all(&store, 29 * DAY, 2), (0, 0));
        assert_eq!(purge_all(&store, 31 * DAY, 2), (3, 0));
        assert_eq!(purge_all(&store, 31 * DAY, 2), (0, 0), "nothing twice");
        assert_eq!(store.number("SELECT count(*) FROM raw"), 2);
        assert_eq!(purge_all(&store, 366 * DAY, 2), (1, 3));
        let after = store.balance().expect("balance");
        assert!(after.balanced(), "{after:?}");
        assert_eq!((after.received, after.outcomes), (before.received, before.outcomes));
        assert_eq!(store.outcome_counts().expect("counts"), before.outcomes);
        assert_eq!(store.number("SELECT count(*) FROM mail"), 2);
        assert_eq!(store.number("SELECT count(*) FROM seen"), 2);
    }

    #[test]
    fn young_mail_among_old_ones_is_forgotten_when_its_time_comes() {
        let (_folder, store) = filled(&[0, 20 * DAY, 0, 0, 500 * DAY]);
        assert_eq!(purge_all(&store, 31 * DAY, 100), (3, 0));
        assert_eq!(purge_all(&store, 51 * DAY, 100), (1, 0));
        assert_eq!(purge_all(&store, 400 * DAY, 1), (0, 4));
    }

    #[test]
    fn ids_of_forgotten_mails_and_alerts_are_never_given_again() {
        let (_folder, store) = state();
        let tx = store.begin().expect("begin");
        let first = tx.next_alert().expect("next");
        tx.insert_alert(1, &record("node7", None, 0), &CountedNote::default(), &[]).expect("an alert");
        let raw = copy("with an alert");
        let reason = Reason::NoSender;
        let mail = |body: &RawMail, arrival, first_alert, alerts| {
            tx.insert_mail(&NewMail {
                identity: &body.identity,
                outcome: Outcome::Counted,
                reason: &reason,
                arrival,
                event: arrival,
                length: 1,
                kept: 0,
                raw: RawPlace::default(),
                digest: None,
                sender: "",
                subject: "",
                place: "",
                first_alert,
                alerts,
            })
            .expect("store")
        };
        mail(&raw, at(0), first, 1);
        mail(&copy("another"), at(0), first + 1, 0);
        tx.commit().expect("commit");
        purge_all(&store, 366 * DAY, 10);
        let tx = store.begin().expect("begin");
        assert_eq!(tx.next_alert().expect("next"), first + 1, "tickets name alerts by their ids");
        assert_eq!(tx.next_mail().expect("next"), 3);
        drop(tx);
        assert!(store.balance().expect("balance").balanced());
    }
}

mod lists {
    use super::*;
    use crate::alert::Lists;

    fn row(name: &str, canonical: &str) -> ListRow {
        ListRow { name: name.into(), canonical: canonical.into(), only: vec![] }
    }

    #[test]
    fn replacing_a_list_tells_the_difference_and_is_all_or_nothing() {
        let (_folder, store) = state();
        let tx = store.begin().expect("begin");
        let rows = [row("is38", "is39"), row("node*", "nodes")];
        let diff = tx.replace_list(ListKind::Nodes, &rows, "d", "test", at(0)).expect("replace");
        assert_eq!((diff.added.count, diff.removed.count, diff.changed.count), (1, 0, 1));
        tx.roll_back();
        assert_eq!(store.lists().node("is38").expect("as before").name, "is38");
        let tx = store.begin().expect("begin");
        tx.replace_list(ListKind::Nodes, &rows, "d", "test", at(0)).expect("replace");
        tx.commit().expect("commit");
        let lists = store.lists();
        assert_eq!(lists.node("is38").expect("an alias").name, "is39");
        assert_eq!(lists.node("node77").expect("a glob").name, "nodes");
        assert!(lists.node("is3").is_none() && lists.node("xnode7").is_none());
        assert_eq!(lists.nodes(), 2);
        lists.check().expect("every question was answered");
    }

    #[test]
    fn accepting_a_node_twice_counts_it_once_and_forgets_its_near_misses() {
        let (_folder, store) = state();
        let tx = store.begin().expect("begin");
        let miss = crate::alert::model::NearMiss { node: "is40".into(), domain: "acme.example".into() };
        tx.insert_near_miss(&miss, 1, at(5)).expect("a near miss");
        tx.insert_near_miss(&miss, 2, at(3)).expect("another");
        let found = store.near_misses().expect("list");
        assert_eq!((found[0].mails, found[0].first, found[0].last), (2, at(3), at(5)));
        for _ in 0..2 {
            tx.add_list_row(ListKind::Nodes, &row("is40", "is40"), at(6)).expect("accept");
        }
        assert!(tx.forget_near_miss("is40").expect("forget"));
        assert_eq!(store.list_size(ListKind::Nodes).expect("size"), 2);
        assert!(store.near_misses().expect("list").is_empty());
    }
}

mod failed {
    use super::*;

    fn all(store: &Store) -> Vec<FailedRow> {
        store.failed(&FailedFilter { dismissed: true, ..FailedFilter::default() }).expect("list")
    }

    #[test]
    fn identity_is_tool_server_job_recipient_and_package() {
        let (_folder, store) = state();
        let tx = store.begin().expect("begin");
        let base = record("node7", Some("J1"), 0);
        let mut others = vec![base.clone(); 5];
        others[0].tool = "other".into();
        others[1].server = Some("is39".into());
        others[2].job = Some("J2".into());
        others[3].device = "node8".into();
        others[4].package = Some("jre".into());
        for (n, record) in [base.clone(), base].iter().chain(&others).enumerate() {
            assert!(tx.record_failed(n as i64 + 1, record).expect("record").is_some());
        }
        let found = all(&store);
        assert_eq!(found.len(), 6);
        let mut ids: Vec<_> = found.iter().map(|f| f.id.clone()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 6, "each has an id of its own");
        assert_eq!(
            tx.record_failed(9, &record("node7", None, 0)).expect("record"),
            None,
            "neither job nor package"
        );
    }

    #[test]
    fn later_and_earlier_alerts_widen_first_and_last() {
        let (_folder, store) = state();
        let tx = store.begin().expect("begin");
        for (alert, second) in [(1, 100), (2, 50), (3, 200)] {
            tx.record_failed(alert, &record("node7", Some("J1"), second)).expect("record");
        }
        let found = all(&store);
        assert_eq!((found.len(), found[0].first, found[0].last, found[0].alert), (1, at(50), at(200), 1));
    }

    #[test]
    fn dismissed_once_with_its_reason_and_back_when_it_fails_again() {
        let (_folder, store) = state();
        let tx = store.begin().expect("begin");
        let id = tx.record_failed(1, &record("node7", Some("J1"), 0)).expect("record").expect("an id");
        assert_eq!(tx.dismiss_failed("F-0000000000", "x").expect("dismiss"), None);
        let gone = tx.dismiss_failed(&id, "scrapped").expect("dismiss").expect("it stood");
        assert_eq!(gone.dismissed.as_deref(), Some("scrapped"));
        assert_eq!(tx.dismiss_failed(&id, "again").expect("dismiss"), None);
        assert!(store.failed(&FailedFilter::default()).expect("list").is_empty());
        assert_eq!(all(&store).len(), 1, "kept and shown on demand");
        tx.record_failed(2, &record("node7", Some("J1"), 60)).expect("record");
        assert_eq!(store.failed(&FailedFilter::default()).expect("list").len(), 1);
    }

    #[test]
    fn voiding_an_alert_takes_only_what_it_alone_named() {
        let (_folder, store) = state();
        let tx = store.begin().expect("begin");
        let (alone, shared) = (record("node7", Some("J1"), 0), record("node8", Some("J1"), 0));
        tx.record_failed(1, &alone).expect("record");
        tx.record_failed(2, &shared).expect("record");
        tx.record_failed(3, &shared).expect("record");
        tx.void_alert(1).expect("void");
        tx.void_alert(2).expect("void");
        let left: Vec<_> = all(&store).into_iter().map(|f| f.recipient).collect();
        assert_eq!(left, ["node8"]);
    }
}

mod outbox {
    use super::*;

    fn letter(recipients: &[&str]) -> Letter {
        Letter {
            kind: Kind::Ticket,
            sequence: 0,
            subject: "s".into(),
            message_id: "m@x".into(),
            envelope_from: "a@x".into(),
            recipients: recipients.iter().map(|r| (*r).to_owned()).collect(),
            bytes: b"To: x\r\n\r\nbody\r\n".to_vec(),
            template_faults: vec![],
        }
    }

    #[test]
    fn each_recipient_has_a_row_of_its_own_and_the_bytes_are_frozen() {
        let (_folder, store) = state();
        let tx = store.begin().expect("begin");
        tx.post(1, "T-1", &letter(&["a@x", "b@x"]), 0, at(0)).expect("post");
        tx.commit().expect("commit");
        let due = store.due_mails(at(0), 10).expect("due");
        assert_eq!(due.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["T-1.ticket.1", "T-1.ticket.2"]);
        assert!(due.iter().all(|r| r.message == "m@x" && r.attempts == 0));
        assert_eq!(store.letter(due[1].id).expect("bytes"), b"To: x\r\n\r\nbody\r\n");
        assert!(store.due_mails(at(-1), 10).expect("due").is_empty());
    }

    #[test]
    fn a_success_wakes_what_is_parked_and_neither_the_refused_nor_the_withdrawn() {
        let (_folder, store) = state();
        let tx = store.begin().expect("begin");
        tx.post(1, "T-1", &letter(&["a@x", "b@x", "c@x", "d@x"]), 0, at(0)).expect("post");
        let states =
            [OutboxState::Parked, OutboxState::Refused, OutboxState::Withdrawn, OutboxState::Accepted];
        for (mut row, state) in store.due_mails(at(0), 10).expect("due").into_iter().zip(states) {
            (row.state, row.next) = (state, None);
            tx.keep_outbox(&row).expect("keep");
        }
        assert_eq!(tx.wake_parked(at(9)).expect("wake"), 1);
        let due = store.due_mails(at(9), 10).expect("due");
        assert_eq!(due.iter().map(|r| r.recipient.as_str()).collect::<Vec<_>>(), ["a@x"]);
    }
}
