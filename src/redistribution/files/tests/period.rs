//! Only the files and bytes of the period are read, and never less.

use super::*;
use proptest::prelude::*;

/// A month of days in files, and in one file; both with much in a minute.
#[test]
fn byte_ranges_of_one_large_file_are_those_of_the_period() {
    let folder = Folder::new();
    let filler = "x".repeat(380);
    let days: Vec<String> = (1..=30)
        .map(|d| {
            let mut text = String::new();
            for n in 0..1440 * 5 {
                text += &format!("2026-03-{d:02}T{:02}:{:02}:00Z dm {filler}\n", n / 300, n / 5 % 60);
            }
            text
        })
        .collect();
    let three: u64 = days[9..12].iter().map(|text| text.len() as u64).sum();
    let one = folder.write("all.log", days.concat());
    for (d, text) in days.iter().enumerate() {
        folder.write(&format!("dist/dm-2026-03-{:02}.log", d + 1), text);
    }
    for paths in [[one], [folder.path("dist")]] {
        let asked = Wanted {
            since: Some(at("2026-03-10T00:00:00Z")),
            until: Some(at("2026-03-12T23:59:59Z")),
            limits: Limits::default(),
            ..wanted(&paths)
        };
        let choice = choose(&asked);
        assert!(choice.files.iter().all(|file| file.note.is_none()));
        let (found, report) = read(choice, &asked.limits, 2);
        let inside = |line: &&Line| ("2026-03-10".."2026-03-13").contains(&&line.2[..10]);
        assert_eq!(found.iter().filter(inside).count(), 3 * 1440 * 5);
        let ratio = report.bytes_read as f64 / three as f64;
        assert!(ratio <= 1.05, "{ratio}");
        let sum: u64 = report.bytes_skipped + report.files.iter().map(|file| file.read).sum::<u64>();
        assert_eq!(sum, days.iter().map(|text| text.len() as u64).sum::<u64>());
    }
}

#[test]
fn line_numbers_are_right_behind_a_skipped_range() {
    let folder = Folder::new();
    let path = folder.write("x.log", day("2026-03-01", 1440));
    let asked = Wanted { since: Some(at("2026-03-01T20:00:00Z")), ..wanted(std::slice::from_ref(&path)) };
    let choice = choose(&asked);
    assert!(choice.files[0].range.start > 0);
    let (found, _) = read(choice, &small(), 1);
    let all = read_all(&[path]).0;
    let behind = &all[all.len() - found.len()..];
    assert_eq!(found, behind);
    // Out of order by up to five minutes may be meant.
    assert!(found[0].2.starts_with("2026-03-01T19:55:00Z"), "{:?}", found[0]);
}

#[test]
fn a_file_out_of_order_is_read_whole_and_told() {
    let folder = Folder::new();
    let text = day("2026-03-02", 700) + &day("2026-03-01", 700) + &day("2026-03-03", 700);
    let path = folder.write("x.log", text);
    let asked = Wanted {
        since: Some(at("2026-03-02T00:00:00Z")),
        until: Some(at("2026-03-02T12:00:00Z")),
        ..wanted(std::slice::from_ref(&path))
    };
    let (found, report) = read(choose(&asked), &small(), 1);
    assert_eq!(found.len(), read_all(&[path]).0.len());
    let note = report.files[0].note.as_deref().expect("a note");
    assert!(note.contains("not in order of time"), "{note}");
}

#[test]
fn a_file_without_times_is_read_whole_and_told() {
    let folder = Folder::new();
    let path = folder.write("x.log", "clush: node[40-42]: exited with exit code 1\n".repeat(50));
    let asked = Wanted { since: Some(at("2026-03-02T00:00:00Z")), ..wanted(std::slice::from_ref(&path)) };
    let (found, report) = read(choose(&asked), &small(), 1);
    assert_eq!(found.len(), 50);
    assert_eq!(report.files[0].note.as_deref(), Some("read whole: no time was found in its first lines"));
}

#[test]
fn a_family_is_read_from_its_oldest_to_its_live_log() {
    let folder = Folder::new();
    folder.write("x.log", "2026-03-05T00:00:00Z e\n");
    folder.write("x.log.1", "2026-03-04T00:00:00Z d\n");
    folder.write("x.log.2.gz", gz(b"2026-03-03T00:00:00Z c\n"));
    folder.write("x-2026-03-01.log.zst", zst(b"2026-03-01T00:00:00Z a\n"));
    folder.write("x-2026-03-02.log.xz", xz(b"2026-03-02T00:00:00Z b\n"));
    folder.write("y.log", "another\n");
    let live = [folder.path("x.log")];
    let choice = choose(&wanted(&live));
    let order = ["x-2026-03-01.log.zst", "x-2026-03-02.log.xz", "x.log.2.gz", "x.log.1", "x.log"];
    assert_eq!(files_of(&choice), order);
    let since = Some(at("2026-03-03T12:00:00Z"));
    let choice = choose(&Wanted { since, ..wanted(&live) });
    assert_eq!(files_of(&choice), ["x.log.2.gz", "x.log.1", "x.log"]);
    let why: Vec<&str> = choice.report.left.iter().map(|left| left.why.as_str()).collect();
    let before = "the file after it begins 2026-03-02T00:00:00Z, before the period";
    assert_eq!(why[0], before);
    let until = Some(at("2026-03-02T12:00:00Z"));
    let choice = choose(&Wanted { until, ..wanted(&live) });
    assert_eq!(files_of(&choice), ["x-2026-03-01.log.zst", "x-2026-03-02.log.xz"]);
    assert!(choice.report.left.iter().any(|left| left.why == "none of its lines lies in the period"));
    assert!(choice.report.left.iter().any(|left| left.why.starts_with("it begins 2026-03-03T00:00:00Z")));
    // A name that has a rotation's ending stands for itself.
    assert_eq!(files_of(&choose(&wanted(&[folder.path("x.log.1")]))), ["x.log.1"]);
}

#[test]
fn of_daily_archives_only_those_of_the_period_are_read() {
    let folder = Folder::new();
    for d in 1..=9 {
        let date = format!("2026-03-{d:02}");
        folder.write(&format!("dm-{date}.log.zst"), zst(day(&date, 1440).as_bytes()));
    }
    let asked = |paths| Wanted {
        since: Some(at("2026-03-04T00:00:00Z")),
        until: Some(at("2026-03-06T23:59:59Z")),
        ..wanted(paths)
    };
    let paths = [folder.0.path().to_owned()];
    let choice = choose(&asked(&paths));
    assert_eq!(
        files_of(&choice),
        ["dm-2026-03-04.log.zst", "dm-2026-03-05.log.zst", "dm-2026-03-06.log.zst"]
    );
    // Numbered ones may have been rotated in the middle of anything.
    for d in 1..=9 {
        let from = folder.path(&format!("dm-2026-03-{d:02}.log.zst"));
        fs::rename(from, folder.path(&format!("dm.log.{}.zst", 10 - d))).expect("renamed");
    }
    let numbered = ["dm.log.7.zst", "dm.log.6.zst", "dm.log.5.zst", "dm.log.4.zst", "dm.log.3.zst"];
    assert_eq!(files_of(&choose(&asked(&paths))), numbered);
}

fn touch(path: &Path, time: &str) {
    let file = fs::File::options().write(true).open(path).expect("a file");
    file.set_modified(std::time::SystemTime::from(at(time))).expect("a time");
}

#[test]
fn a_file_last_written_before_the_period_is_not_even_opened_for_its_text() {
    let folder = Folder::new();
    let path = folder.write("x.log.2.gz", b"\x1f\x8bnot an archive at all");
    touch(&path, "2026-03-01T00:00:00Z");
    let choice = choose(&Wanted { since: Some(at("2026-03-05T00:00:00Z")), ..wanted(&[path]) });
    assert!(choice.files.is_empty() && choice.report.faults.is_empty());
    assert_eq!(choice.report.left[0].why, "last written 2026-03-01T00:00:00Z, before the period");
    assert_eq!((choice.report.bytes_read, choice.report.bytes_skipped), (0, 23));
}

#[test]
fn dates_in_names_leave_files_unread_unless_they_were_written_later() {
    let folder = Folder::new();
    for d in 1..=20 {
        let date = format!("2026-03-{d:02}");
        let path = folder.write(&format!("dm-{date}.log"), day(&date, 600));
        touch(&path, &format!("{date}T10:00:00Z"));
    }
    let paths = [folder.0.path().to_owned()];
    let until = Some(at("2026-03-03T00:00:00Z"));
    let choice = choose(&Wanted { until, ..wanted(&paths) });
    assert_eq!(files_of(&choice), ["dm-2026-03-01.log", "dm-2026-03-02.log", "dm-2026-03-03.log"]);
    let by_name =
        |choice: &Choice| choice.report.left.iter().filter(|l| l.why.contains("in its name")).count();
    assert!(by_name(&choice) >= 12, "{:?}", choice.report.left);
    // Touched since: the name may lie, the text decides.
    let late = folder.write("dm-2026-03-10.log", day("2026-02-28", 600));
    touch(&late, "2026-03-30T00:00:00Z");
    let choice = choose(&Wanted { until, ..wanted(&paths) });
    assert_eq!(files_of(&choice).len(), 4, "{:?}", files_of(&choice));
}

#[test]
fn segments_in_parallel_give_the_lines_of_the_file_in_order() {
    let folder = Folder::new();
    let path = folder.write("x.log", day("2026-03-01", 5000));
    let plain = read_all(std::slice::from_ref(&path)).0;
    for workers in [2, 3, 8] {
        for cut in [1, 1000, 50_000] {
            let limits = Limits { cut, ..small() };
            let choice = choose(&wanted(std::slice::from_ref(&path)));
            let parts = scan(&choice.files, workers, &limits, |segment| segment.start()).parts.len();
            assert!(parts > 1, "{workers} {cut}");
            assert_eq!(read(choice, &limits, workers).0, plain, "{workers} {cut}");
        }
    }
}

#[test]
fn files_in_parallel_give_their_lines_in_order() {
    let folder = Folder::new();
    for d in 1..=9 {
        let date = format!("2026-03-{d:02}");
        folder.write(&format!("x.log-2026030{d}.gz"), gz(day(&date, 100 * (10 - d)).as_bytes()));
    }
    let paths = [folder.0.path().to_owned()];
    let one = read(choose(&wanted(&paths)), &small(), 1);
    let two = read(choose(&wanted(&paths)), &small(), 2);
    assert_eq!(one, two);
    let mut sorted = one.0.iter().filter(|l| l.2.starts_with("2026")).map(|l| &l.2).collect::<Vec<_>>();
    sorted.sort();
    assert_eq!(sorted, one.0.iter().filter(|l| l.2.starts_with("2026")).map(|l| &l.2).collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(cases(200))]

    /// Lines out of order by no more than is allowed for, periods of any kind, lines without times between.
    #[test]
    fn no_line_of_the_period_is_ever_left(
        steps in proptest::collection::vec((0i64..400, 0i64..290, 0usize..55, 0usize..3), 1..400),
        from in 0f64..1.1,
        length in 0f64..0.5,
    ) {
        let base = at("2026-03-01T00:00:00Z").as_second();
        let (mut now, mut text, mut times) = (base, String::new(), Vec::new());
        for (step, back, filler, untimed) in steps {
            now += step;
            let time = Timestamp::from_second(now - back).expect("in range");
            times.push(time);
            text += &format!("{time} {}\n{}", "x".repeat(filler * 8), "  more\n".repeat(untimed));
        }
        let span = (now - base) as f64;
        let since = Timestamp::from_second(base + (span * from) as i64).expect("in range");
        let until = Timestamp::from_second(base + (span * (from + length)) as i64).expect("in range");
        let folder = Folder::new();
        let path = [folder.write("x.log", &text)];
        let asked = Wanted { since: Some(since), until: Some(until), ..wanted(&path) };
        let (found, report) = read(choose(&asked), &small(), 1);
        prop_assert_eq!(&report.faults, &[]);
        let inside = |time: &Timestamp| *time >= since && *time <= until;
        let read_times: Vec<Timestamp> =
            found.iter().filter_map(|l| l.2.split(' ').next()?.parse().ok()).filter(inside).collect();
        let expected: Vec<Timestamp> = times.into_iter().filter(inside).collect();
        prop_assert_eq!(read_times, expected);
    }
}
