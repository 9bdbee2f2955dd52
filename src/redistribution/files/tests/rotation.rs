//! A log that is rotated, packed or emptied meanwhile: no record is lost, none is read twice, or it is said.

use super::*;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[test]
fn a_file_renamed_after_the_choice_is_the_same_file() {
    let folder = Folder::new();
    let path = folder.write("x.log", "one\n");
    let choice = choose(&wanted(std::slice::from_ref(&path)));
    fs::rename(&path, folder.path("x.log.1")).expect("renamed");
    folder.write("x.log", "two\n");
    assert_eq!(texts(&read(choice, &small(), 1).0), ["one"]);
}

#[test]
fn a_file_under_two_names_or_asked_for_twice_is_read_once() {
    let folder = Folder::new();
    let path = folder.write("x.log", "one\n");
    fs::hard_link(&path, folder.path("x.log.1")).expect("a link");
    let (found, _) = read_all(&[path.clone(), folder.0.path().to_owned(), path, folder.path("x.log.1")]);
    assert_eq!(found.len(), 1);
}

#[test]
fn an_archive_in_the_making_beside_its_original_is_left() {
    let folder = Folder::new();
    let text = day("2026-03-01", 3000);
    folder.write("x.log.1", &text);
    folder.write("x.log", "2026-03-04T00:00:00Z new\n");
    let whole = gz(text.as_bytes());
    for packed in [&whole[..], &whole[..whole.len() / 2], &whole[..12]] {
        folder.write("x.log.1.gz", packed);
        let choice = choose(&wanted(&[folder.path("x.log")]));
        assert_eq!(files_of(&choice), ["x.log.1", "x.log"], "{}", packed.len());
        assert!(choice.report.left[0].why.ends_with("x.log.1, which is read"), "{:?}", choice.report.left);
    }
    // Another text under that name is none.
    folder.write("x.log.1.gz", gz(day("2026-02-01", 300).as_bytes()));
    assert_eq!(files_of(&choose(&wanted(&[folder.path("x.log")]))).len(), 3);
}

#[test]
fn a_copy_beside_a_log_that_is_about_to_be_emptied_is_read_once() {
    let folder = Folder::new();
    let text = day("2026-03-01", 300);
    folder.write("x.log", &text);
    folder.write("x.log.1", &text);
    let since = Some(at("2026-01-01T00:00:00Z"));
    let paths = [folder.path("x.log")];
    let choice = choose(&Wanted { since, ..wanted(&paths) });
    assert_eq!(choice.files.len(), 1);
    // Without times equal logs are two logs.
    folder.write("y.log", "node1: exited with exit code 1\n");
    folder.write("y.log.1", "node1: exited with exit code 1\n");
    assert_eq!(read_all(&[folder.path("y.log")]).0.len(), 2);
}

#[test]
fn a_log_emptied_while_it_is_read_is_told() {
    let folder = Folder::new();
    let path = folder.write("x.log", "a line\n".repeat(1000));
    let choice = choose(&wanted(std::slice::from_ref(&path)));
    let file = fs::File::options().write(true).open(&path).expect("a file");
    let done = scan(&choice.files, 1, &small(), |segment| {
        let mut lines = 0;
        segment.blocks(|block| {
            lines += block.bytes.iter().filter(|b| **b == b'\n').count();
            file.set_len(0).expect("emptied");
        });
        lines
    });
    assert!(done.parts[0].value < 1000);
    let [fault] = &done.report.faults[..] else { panic!("{:?}", done.report.faults) };
    assert_eq!(fault.kind, Kind::Changed);
    assert!(fault.text.starts_with("it was shortened while it was read"), "{fault}");
    assert!(fault.offset.is_some_and(|offset| offset > 0 && offset < 7000));
}

#[test]
fn a_log_that_grows_while_it_is_read_ends_where_it_ended() {
    let folder = Folder::new();
    let path = folder.write("x.log", "one\ntw");
    let choice = choose(&wanted(std::slice::from_ref(&path)));
    fs::write(&path, "one\ntwo\nthree\n").expect("written");
    let (found, report) = read(choice, &small(), 1);
    assert_eq!(texts(&found), ["one", "tw"]);
    assert!(report.files[0].torn);
}

/// A writer that numbers its records and renames all its files every few of them.
fn rotate(folder: &Path, stop: &AtomicBool, written: &AtomicU64, pack: bool) {
    let live = folder.join("x.log");
    let name = |n: usize| folder.join(format!("x.log.{n}"));
    let (mut record, mut files) = (0, 0);
    while !stop.load(Ordering::SeqCst) && files < 150 {
        let mut file = fs::File::create(&live).expect("a log");
        for _ in 0..7 {
            // In one write, as a log is appended to: a torn line is another test's.
            file.write_all(format!("{record:06}\n").as_bytes()).expect("written");
            record += 1;
            written.store(record, Ordering::SeqCst);
        }
        drop(file);
        let step = |from: PathBuf, to: PathBuf| {
            if from.exists() {
                fs::rename(from, to).expect("renamed");
            }
        };
        for n in (1..=files).rev() {
            let packed = |n| folder.join(format!("x.log.{n}.gz"));
            step(packed(n), packed(n + 1));
            step(name(n), name(n + 1));
        }
        fs::rename(&live, name(1)).expect("renamed");
        std::thread::sleep(std::time::Duration::from_millis(6));
        files += 1;
        if pack && files > 2 && name(2).exists() {
            let text = fs::read(name(2)).expect("a log");
            fs::write(folder.join("x.log.2.gz"), gz(&text)).expect("packed");
            fs::remove_file(name(2)).expect("removed");
        }
    }
}

fn whole_while_rotated(pack: bool) {
    let folder = Folder::new();
    let (stop, written) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| rotate(folder.0.path(), &stop, &written, pack));
        let mut rounds = 0;
        while !writer.is_finished() {
            let before = written.load(Ordering::SeqCst);
            if before == 0 {
                continue;
            }
            let (found, report) = read_all(&[folder.path("x.log")]);
            if report.faults.iter().any(|fault| fault.text.contains("went on being renamed")) {
                continue;
            }
            assert_eq!(report.faults, [], "after {rounds} rounds");
            let numbers: Vec<u64> = found.iter().filter_map(|line| line.2.parse().ok()).collect();
            let expected: Vec<u64> = (0..numbers.len() as u64).collect();
            assert_eq!(numbers, expected, "after {rounds} rounds");
            assert!(numbers.len() as u64 >= before, "{} of {before}", numbers.len());
            rounds += 1;
        }
        stop.store(true, Ordering::SeqCst);
        assert!(rounds > 0, "{rounds}");
    });
}

#[test]
fn while_a_log_is_rotated_each_record_is_read_exactly_once() {
    whole_while_rotated(false);
}

#[test]
fn while_a_log_is_rotated_and_packed_each_record_is_read_exactly_once() {
    whole_while_rotated(true);
}
