//! Any bytes are a mail: it is read within bounds, and it is recognised again.
#![no_main]

use autoticket::mail;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let raw = mail::read::bytes(bytes.to_vec());
    let read = mail::parse(&raw);
    let text: usize = read.parts.iter().map(|part| part.text.len()).sum();
    assert!(text <= mail::model::TEXT_BYTES);
    assert!(read.headers.len() <= 1_000 && read.parts.len() <= 500);
    let whole = raw.key_of_prefix(raw.identity.body_length).expect("in memory");
    assert_eq!(whole, raw.identity.full);
    // The beginning of a mail has the key of a mail that was cut off there.
    if bytes.len() > 1 {
        let cut = mail::read::bytes(bytes[..bytes.len() / 2].to_vec());
        if cut.identity.head == raw.identity.head && cut.identity.body_length > 0 {
            raw.key_of_prefix(cut.identity.body_length).expect("in memory");
        }
    }
});
