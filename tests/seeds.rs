//! The seeds of the fuzz targets `mail` and `outage`, replayed: nothing among them may stop the parser.

use autoticket::mail;
use autoticket::outage::{Kind, Zone, read};
use std::path::Path;

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
