//! Archives, encodings, line ends: what comes out of a file, and what is wrong with it.

use super::*;

type Packer = fn(&[u8]) -> Vec<u8>;

const PACKERS: [(&str, Packer, Packing); 4] = [
    ("gz", gz, Packing::Gz),
    ("zst", zst, Packing::Zst),
    ("bz2", bz2, Packing::Bz2),
    ("xz", xz, Packing::Xz),
];

/// Text that does not pack to nothing.
fn noise(lines: usize) -> String {
    let mut seed = 7_u64;
    (0..lines)
        .map(|n| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            format!("line {n} {seed:016x}\n")
        })
        .collect()
}

fn read_large(path: PathBuf) -> (Vec<Line>, Report) {
    read(choose(&wanted(&[path])), &Limits::default(), 1)
}

#[test]
fn an_archive_is_known_by_its_bytes_not_by_its_name() {
    let folder = Folder::new();
    for (name, pack, packing) in PACKERS {
        let path = folder.write(&format!("{name}-under-a-plain-name.log"), pack(b"one\ntwo\n"));
        let choice = choose(&wanted(&[path]));
        assert_eq!(choice.files[0].about.packing, packing);
        let (found, report) = read(choice, &small(), 1);
        assert_eq!(texts(&found), ["one", "two"], "{name}");
        assert_eq!(report.faults, [], "{name}");
    }
    let path = folder.write("plain.gz", "one\ntwo\n");
    assert_eq!(texts(&read_all(&[path]).0), ["one", "two"]);
}

#[test]
fn archives_one_behind_the_other_are_one_text() {
    let folder = Folder::new();
    for (name, pack, _) in PACKERS {
        let bytes = [pack(b"one\nt"), pack(b""), pack(b"wo\n")].concat();
        let (found, report) = read_all(&[folder.write(name, bytes)]);
        assert_eq!(texts(&found), ["one", "two"], "{name}");
        assert_eq!(report.faults, [], "{name}");
    }
    let padded = [gz(b"one\n"), vec![0; 1024]].concat();
    let (found, report) = read_all(&[folder.write("padded.gz", padded)]);
    assert_eq!((texts(&found), report.faults), (vec!["one"], vec![]));
}

#[test]
fn of_a_torn_archive_what_came_before_is_delivered() {
    let folder = Folder::new();
    let text = noise(120_000);
    for (name, pack, _) in PACKERS {
        let whole = pack(text.as_bytes());
        let torn = &whole[..whole.len() / 2];
        let (found, report) = read_large(folder.write(name, torn));
        let [fault] = &report.faults[..] else { panic!("{name}: {:?}", report.faults) };
        assert_eq!((fault.kind, fault.offset), (Kind::Incomplete, Some(torn.len() as u64)), "{name}");
        assert!(fault.to_string().contains("ends in the middle"), "{fault}");
        let expected: Vec<&str> = text.lines().take(found.len() - 1).collect();
        assert_eq!(texts(&found[..found.len() - 1]), expected, "{name}");
        // Whole blocks.
        assert!(found.len() > 9_000, "{name}: {}", found.len());
        assert!(report.files[0].torn, "{name}");
    }
}

#[test]
fn of_a_damaged_archive_what_came_before_is_delivered() {
    let folder = Folder::new();
    let text = noise(120_000);
    for (name, pack, _) in PACKERS {
        let mut bytes = pack(text.as_bytes());
        let middle = bytes.len() / 2;
        bytes[middle..middle + 64].fill(0xff);
        let (found, report) = read_large(folder.write(name, &bytes));
        let [fault] = &report.faults[..] else { panic!("{name}: {:?}", report.faults) };
        assert_eq!(fault.kind, Kind::Corrupt, "{name}");
        let offset = fault.offset.expect("a place");
        assert!(
            offset <= bytes.len() as u64 && offset as usize + (1 << 20) >= middle,
            "{name}: {offset} {middle}"
        );
        let good = found.iter().zip(text.lines()).take_while(|(found, line)| found.2 == *line).count();
        assert!(good > 20_000, "{name}: {good} of {}", found.len());
    }
}

#[test]
fn what_follows_an_archive_and_is_none_is_a_fault() {
    let folder = Folder::new();
    for (name, pack, _) in PACKERS {
        let first = pack(b"one\n");
        let bytes = [first.as_slice(), b"rubbish, rubbish, rubbish"].concat();
        let (found, report) = read_all(&[folder.write(name, bytes)]);
        assert_eq!(texts(&found), ["one"], "{name}");
        let [fault] = &report.faults[..] else { panic!("{name}: {:?}", report.faults) };
        assert_eq!(fault.kind, Kind::Corrupt, "{name}");
        assert!(fault.offset >= Some(first.len() as u64), "{name}: {fault}");
    }
}

#[test]
fn a_bomb_ends_at_the_limit() {
    let folder = Folder::new();
    let bomb = noise(1) + &"\0".repeat(4 << 20);
    for (name, pack, _) in PACKERS {
        let path = folder.write(name, pack(bomb.as_bytes()));
        let limits = Limits { unpacked: 1 << 20, ..small() };
        let (found, report) = read(choose(&wanted(std::slice::from_ref(&path))), &limits, 1);
        assert_eq!(found.len(), 1, "{name}");
        let [fault] = &report.faults[..] else { panic!("{name}: {:?}", report.faults) };
        assert_eq!(fault.kind, Kind::Bomb, "{name}");
        assert!(fault.text.contains("more than 1048576 bytes"), "{fault}");
        assert!(report.text_bytes < (1 << 20) + 4096, "{name}: {}", report.text_bytes);
        assert_eq!(report.long_lines, 1);
    }
}

#[test]
fn an_archive_that_asks_for_too_much_memory_is_a_fault() {
    let folder = Folder::new();
    let mut packer = zstd::stream::Encoder::new(Vec::new(), 3).expect("memory");
    packer.window_log(27).expect("a window");
    packer.write_all(&vec![b'x'; 1 << 20]).expect("memory");
    for (name, bytes) in [("zst", packer.finish().expect("memory")), ("xz", xz(b"one\n"))] {
        let path = folder.write(name, bytes);
        let limits = Limits { memory: 1 << 20, ..small() };
        let (found, report) = read(choose(&wanted(&[path])), &limits, 1);
        assert_eq!((found.len(), report.faults.len()), (0, 1), "{name}: {:?}", report.faults);
        assert_eq!(report.faults[0].kind, Kind::Corrupt, "{name}");
    }
}

#[test]
fn archives_that_are_not_read_are_named() {
    let folder = Folder::new();
    let path = folder.write("x.zip", b"PK\x03\x04rest");
    let (found, report) = read_all(&[path]);
    assert_eq!(found, []);
    assert!(report.faults[0].to_string().ends_with("it is a zip archive, which isn't read: unpack it first"));
}

#[test]
fn utf_16_is_read_as_utf_8() {
    let folder = Folder::new();
    let text = "\u{feff}one ü €\r\ntwo 😀 end\r\n";
    let units = || text.encode_utf16();
    let little: Vec<u8> = units().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = units().flat_map(u16::to_be_bytes).collect();
    for (name, bytes) in [("le", little.clone()), ("be", big), ("le.gz", gz(&little))] {
        let (found, report) = read_all(&[folder.write(name, bytes)]);
        assert_eq!(texts(&found), ["one ü €", "two 😀 end"], "{name}");
        assert_eq!(report.faults, []);
    }
    let halves = [0xff, 0xfe, 0x3d, 0xd8, 0x3d, 0xd8, 0x00, 0xde, 0x00, 0xdc, b'a', 0, b'b'];
    let (found, _) = read_all(&[folder.write("halves", halves)]);
    assert_eq!(texts(&found), ["\u{fffd}😀\u{fffd}a\u{fffd}"]);
}

#[test]
fn bytes_that_are_no_text_come_through() {
    let folder = Folder::new();
    let bytes = b"\xef\xbb\xbfone \xff\xfe\r\n\0two\0\r\nthree \r bare\n";
    let path = folder.write("x", bytes);
    let choice = choose(&wanted(&[path]));
    let scan = scan(&choice.files, 1, &small(), |segment| {
        let mut all = Vec::new();
        segment.blocks(|block| {
            assert!(block.offset >= 3);
            all.extend_from_slice(block.bytes);
        });
        all
    });
    assert_eq!(scan.parts[0].value, bytes[3..]);
    let found: Vec<&[u8]> = lines(&scan.parts[0].value).map(|(_, line)| line).collect();
    assert_eq!(found, [b"one \xff\xfe".as_slice(), b"\0two\0", b"three \r bare"]);
}

#[test]
fn a_file_whose_lines_end_in_cr_is_read_by_lines() {
    let folder = Folder::new();
    let long = "a line that is a good deal longer than the first look\r".repeat(100);
    for (name, bytes) in [("a", b"one\rtwo\r".to_vec()), ("b", long.into_bytes()), ("c.gz", gz(b"one\rtwo"))]
    {
        let (found, _) = read_all(&[folder.write(name, bytes)]);
        assert!(found.len() >= 2, "{name}: {found:?}");
    }
}

#[test]
fn a_torn_last_line_is_delivered_and_told() {
    let folder = Folder::new();
    let path = folder.write("x.log", "one\ntw");
    let choice = choose(&wanted(&[path]));
    let scan = scan(&choice.files, 1, &small(), |segment| {
        let mut torn = Vec::new();
        segment.blocks(|block| torn.push((block.bytes.to_vec(), block.torn)));
        torn
    });
    assert_eq!(scan.parts[0].value, [(b"one\n".to_vec(), false), (b"tw".to_vec(), true)]);
    assert!(scan.report.files[0].torn);
}

#[test]
fn a_line_of_a_hundred_megabytes_is_skipped_and_counted() {
    let folder = Folder::new();
    let mut file = fs::File::create(folder.path("x.log")).expect("a file");
    file.write_all(b"one\n").expect("written");
    for _ in 0..100 {
        file.write_all(&vec![b'x'; 1 << 20]).expect("written");
    }
    file.write_all(b"\ntwo\n").expect("written");
    let limits = Limits::default();
    let (found, report) = read(choose(&wanted(&[folder.path("x.log")])), &limits, 2);
    assert_eq!(texts(&found), ["one", "two"]);
    assert_eq!(found[1].1, 3);
    assert_eq!((report.long_lines, &report.files[0].long_at[..]), (1, [4].as_slice()));
}
