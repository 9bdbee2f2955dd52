//! The promises of reading, on files made here: which files and bytes of a period, archives, rotation.

use super::*;
use jiff::Timestamp;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

mod archives;
mod period;
mod refused;
mod rotation;

#[expect(clippy::disallowed_methods, reason = "how many cases are tried is said in the environment")]
pub(super) fn cases(default: u32) -> proptest::test_runner::Config {
    let cases = std::env::var("AUTOTICKET_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    proptest::test_runner::Config { cases, failure_persistence: None, ..Default::default() }
}

/// A folder that goes away.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("inside the folder")).expect("a folder");
        fs::write(&path, bytes).expect("a file");
        path
    }
}

fn small() -> Limits {
    Limits { chunk: 128, line: 512, cut: u64::MAX, ..Limits::default() }
}

/// The time a line begins with: RFC 3339.
fn time_of(_: &About, line: &[u8]) -> Option<Timestamp> {
    std::str::from_utf8(line.split(|b| *b == b' ').next()?).ok()?.parse().ok()
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn wanted(paths: &[PathBuf]) -> Wanted<'_> {
    Wanted { paths, since: None, until: None, depth: 0, limits: small(), artifacts: true, time_of: &time_of }
}

/// File name, line number, line.
type Line = (String, u64, String);

fn name_of(file: &str) -> String {
    Path::new(file).file_name().expect("a name").to_string_lossy().into_owned()
}

/// All lines of a choice in order, and the whole report.
fn read(choice: Choice, limits: &Limits, workers: usize) -> (Vec<Line>, Report) {
    let Choice { files, mut report, .. } = choice;
    let scan = scan(&files, workers, limits, |segment| {
        let mut found = Vec::new();
        segment.blocks(|block| {
            for (n, (_, line)) in lines(block.bytes).enumerate() {
                found.push((block.lines_before + n as u64, String::from_utf8_lossy(line).into_owned()));
            }
        });
        found
    });
    report.add(scan.report);
    let all = scan.parts.into_iter().flat_map(|part| {
        let name = name_of(&files[part.file].about.file);
        let first = part.first_line.unwrap_or_else(|| files[part.file].line_at(part.start).expect("lines"));
        part.value.into_iter().map(move |(n, line)| (name.clone(), first + n, line))
    });
    (all.collect(), report)
}

fn read_all(paths: &[PathBuf]) -> (Vec<Line>, Report) {
    read(choose(&wanted(paths)), &small(), 1)
}

fn texts(found: &[Line]) -> Vec<&str> {
    found.iter().map(|line| line.2.as_str()).collect()
}

fn files_of(choice: &Choice) -> Vec<String> {
    choice.files.iter().map(|chosen| name_of(&chosen.about.file)).collect()
}

fn gz(text: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(text).expect("memory");
    packer.finish().expect("memory")
}

fn zst(text: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(text, 3).expect("memory")
}

fn bz2(text: &[u8]) -> Vec<u8> {
    let mut packer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
    packer.write_all(text).expect("memory");
    packer.finish().expect("memory")
}

fn xz(text: &[u8]) -> Vec<u8> {
    let mut packer = liblzma::write::XzEncoder::new(Vec::new(), 6);
    packer.write_all(text).expect("memory");
    packer.finish().expect("memory")
}

/// One line per minute from midnight of this day, `lines` of them, with a line without a time behind every fifth.
fn day(date: &str, lines: usize) -> String {
    let start = at(&format!("{date}T00:00:00Z"));
    let mut text = String::new();
    for n in 0..lines {
        let time = start + jiff::SignedDuration::from_mins(n as i64);
        text += &format!("{time} dm[7]: line {n} of {date}\n");
        if n % 5 == 0 {
            text += "    more about it\n";
        }
    }
    text
}
