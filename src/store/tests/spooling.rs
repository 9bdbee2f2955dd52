//! Mails that could not enter the database: nothing of them is lost, none is read for ever.

use super::spool::*;
use super::*;

fn new_files(store: &Store) -> Vec<String> {
    let entries = fs::read_dir(store.folder().join("spool/new")).expect("a folder");
    entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn accepted_mail_waits_byte_for_byte_with_its_arrival() {
    let (_folder, store) = state();
    let bytes = Alert::new("1", "node7", "disk", 0).bytes();
    let arrival = at(0) + jiff::SignedDuration::from_micros(1234);
    let path = accept(store.folder(), &mail::read::bytes(bytes.clone()), arrival).expect("accept");
    assert_eq!(fs::read(&path).expect("bytes"), bytes);
    let waiting = waiting(store.folder(), 10).expect("waiting");
    assert_eq!((waiting.len(), waiting[0].arrival, waiting[0].tries), (1, arrival, 0));
    assert_eq!(waiting[0].path, path);
    assert_eq!(fs::read_dir(store.folder().join("spool/tmp")).expect("tmp").count(), 0);
}

#[test]
fn two_mails_of_one_instant_and_process_do_not_overwrite_each_other() {
    let (_folder, store) = state();
    for body in ["one", "two", "three"] {
        accept(store.folder(), &copy(body), at(0)).expect("accept");
    }
    assert_eq!(count(store.folder()), 3);
}

#[test]
fn spool_folders_that_are_gone_are_made_again() {
    let (_folder, store) = state();
    fs::remove_dir_all(store.folder().join("spool")).expect("remove");
    accept(store.folder(), &copy("one"), at(0)).expect("accept");
    assert_eq!(count(store.folder()), 1);
}

#[test]
fn oldest_comes_first_and_no_more_than_asked() {
    let (_folder, store) = state();
    for second in [30, 10, 20] {
        accept(store.folder(), &copy(&second.to_string()), at(second)).expect("accept");
    }
    let seconds: Vec<_> = waiting(store.folder(), 2).expect("waiting").iter().map(|s| s.arrival).collect();
    assert_eq!(seconds, [at(10), at(20)]);
}

#[test]
fn mail_that_kills_three_runs_is_set_aside_and_stays_in_the_balance() {
    let (_folder, store) = state();
    accept(store.folder(), &copy("poison"), at(0)).expect("accept");
    let drain = Drain::take(store.folder()).expect("lock").expect("nobody else");
    for tries in 0..3 {
        let spooled = waiting(store.folder(), 1).expect("waiting").remove(0);
        assert_eq!(spooled.tries, tries);
        assert!(begin(&spooled, &drain).expect("begin").is_some(), "run {tries} dies after this");
    }
    let spooled = waiting(store.folder(), 1).expect("waiting").remove(0);
    assert_eq!(begin(&spooled, &drain).expect("begin"), None);
    assert_eq!((count(store.folder()), set_aside(store.folder())), (0, 1));
    let balance = store.balance().expect("balance");
    assert!(balance.balanced() && balance.received == 1 && balance.spooled == 1, "{balance:?}");
}

#[test]
fn orderly_end_counts_no_try_and_a_mail_that_is_gone_is_no_trouble() {
    let (_folder, store) = state();
    let path = accept(store.folder(), &copy("one"), at(0)).expect("accept");
    let drain = Drain::take(store.folder()).expect("lock").expect("nobody else");
    let spooled = waiting(store.folder(), 1).expect("waiting").remove(0);
    let begun = begin(&spooled, &drain).expect("begin").expect("its first try");
    put_back(&spooled, &begun);
    assert!(path.exists() && waiting(store.folder(), 1).expect("waiting")[0].tries == 0);
    fs::remove_file(&path).expect("remove");
    assert_eq!(begin(&spooled, &drain).expect("begin"), None);
}

#[test]
fn one_process_takes_up_the_spool_at_a_time() {
    let (_folder, store) = state();
    let drain = Drain::take(store.folder()).expect("lock").expect("nobody else");
    assert!(Drain::take(store.folder()).expect("lock").is_none());
    drop(drain);
    assert!(Drain::take(store.folder()).expect("lock").is_some());
}

#[test]
fn oversize_mail_carries_length_and_hash_of_the_whole_in_its_name() {
    let (_folder, store) = state();
    let head = b"Message-ID: <big@acme.example>\n\n".to_vec();
    let length = mail::model::KEPT_BYTES + 5;
    let whole = head.chain(std::io::repeat(b'x')).take(length);
    let raw = mail::read::message(whole, store.folder()).expect("read");
    let path = accept(store.folder(), &raw, at(0)).expect("accept");
    assert_eq!(spool::whole(&path), Some((length, raw.digest.expect("of an oversize mail"))));
    let drain = Drain::take(store.folder()).expect("lock").expect("nobody else");
    let begun =
        begin(&waiting(store.folder(), 1).expect("waiting")[0], &drain).expect("begin").expect("begun");
    assert!(spool::whole(&begun).is_some(), "the mark leaves it: {begun:?}");
    assert_eq!(waiting(store.folder(), 1).expect("waiting")[0].tries, 1);
    assert_eq!(new_files(&store).len(), 1);
}

#[test]
fn sweeping_takes_what_crashes_left_and_never_what_was_accepted() {
    let (_folder, store) = state();
    let left = store.folder().join("spool/tmp/1.1_1_0.0");
    fs::write(&left, "half").expect("write");
    let accepted = accept(store.folder(), &copy("one"), at(0)).expect("accept");
    let written = Timestamp::try_from(fs::metadata(&left).and_then(|m| m.modified()).expect("a time"))
        .expect("in range");
    sweep(store.folder(), written + jiff::SignedDuration::from_hours(35));
    assert!(left.exists());
    sweep(store.folder(), written + jiff::SignedDuration::from_hours(37));
    assert!(!left.exists() && accepted.exists());
}
