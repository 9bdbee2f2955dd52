//! The seeds of the fuzz targets, replayed: nothing among them may stop a reader.

use autoticket::mail;
use autoticket::outage::{Kind, Zone, read};
use std::path::Path;

#[path = "../fuzz/oracle/logs.rs"]
mod logs;
#[path = "../fuzz/oracle/plans.rs"]
mod plans;

#[test]
fn every_seed_is_read_within_bounds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/mail");
    let mut read = 0;
    for entry in std::fs::read_dir(&folder).expect("the seeds") {
        let path = entry.expect("a seed").path();
        let raw = mail::read::bytes(std::fs::read(&path).expect("a readable seed"));
        let mail = mail::parse(&raw);
        let text: usize = mail.parts.iter().map(|part| part.text.len()).sum();
        assert!(text <= mail::model::TEXT_BYTES, "{}", path.display());
        assert!(mail.headers.len() <= 1_000, "{}", path.display());
        let key = raw.key_of_prefix(raw.identity.body_length).expect("in memory");
        assert_eq!(key, raw.identity.full, "{}", path.display());
        read += 1;
    }
    assert!(read >= 20, "{read} seeds");
}

#[test]
fn every_seed_of_the_tools_is_read_or_not_run() {
    use autoticket::diagnosis::parse;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/tools");
    let mut read = 0;
    for entry in std::fs::read_dir(&folder).expect("the seeds") {
        let path = entry.expect("a seed").path();
        let text = std::fs::read_to_string(&path).expect("a readable seed");
        let (first, rest) = text.split_once('\n').expect("an address first");
        let address = first.parse().expect("an address");
        let (out, err) = rest.split_once("\n%\n").unwrap_or((rest, ""));
        let ping = parse::ping(out, err, address, 3).is_ok();
        let trace = parse::traceroute(out, err, address).is_ok();
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        assert_eq!(ping, name.starts_with("ping"), "{name}");
        assert_eq!(trace, name.starts_with("trace") || name == "ping-no-route", "{name}");
        read += 1;
    }
    assert!(read >= 7, "{read} seeds");
}

#[test]
fn every_outage_seed_has_notices_as_its_own_kind_and_stops_no_other() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/outage");
    let mut found = 0;
    for entry in std::fs::read_dir(&folder).expect("the seeds") {
        let path = entry.expect("a seed").path();
        let (name, bytes) = (path.to_string_lossy(), std::fs::read(&path).expect("a readable seed"));
        let own = Kind::of(&name).expect("a kind");
        for kind in [Kind::Yaml, Kind::Csv, Kind::Calendar] {
            let read = read::read(kind, &name, &bytes, &Zone::utc());
            assert_eq!(kind == own, !read.notices.is_empty(), "{name} as {kind:?}: {:?}", read.fault);
        }
        found += 1;
    }
    assert!(found >= 3, "{found} seeds");
}

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let entries = std::fs::read_dir(&folder).expect("the seeds").map(|entry| entry.expect("a seed"));
    let read = |entry: std::fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        (name, std::fs::read(entry.path()).expect("a readable seed"))
    };
    entries.map(read).collect()
}

#[test]
fn every_seed_of_a_log_is_read_within_bounds_and_its_plan_spares_whom_it_should() {
    let seeds = seeds("logs");
    seeds.iter().for_each(|(_, bytes)| logs::holds(bytes));
    assert!(seeds.len() >= 15, "{}", seeds.len());
}

#[test]
fn every_seed_of_a_plan_is_compared_and_only_the_one_that_the_logs_give_is_issued() {
    let seeds = seeds("plans");
    for (name, bytes) in &seeds {
        let wanted = match name.as_str() {
            "given.json" => Some(true),
            "no-plan.json" => None,
            _ => Some(false),
        };
        assert_eq!(plans::holds(bytes), wanted, "{name}");
        if wanted == Some(true) {
            assert_eq!(String::from_utf8_lossy(bytes), plans::given(), "the seed is the plan of plan.log");
        }
    }
    assert!(seeds.len() >= 4, "{}", seeds.len());
}
