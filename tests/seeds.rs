//! The seeds of the fuzz target `mail`, replayed: nothing among them may stop the parser.

use autoticket::mail;
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
