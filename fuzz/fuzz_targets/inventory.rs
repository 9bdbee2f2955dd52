//! Any bytes are an inventory in each format: every row is a record or a mistake, each with its line, and a
//! record is found by each of its own keys.
#![no_main]

use autoticket::location::{Format, Stated, read, verify};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for format in [Format::Csv, Format::Ansible, Format::Yaml] {
        for item in read(format, "inventory", bytes) {
            match item {
                Ok(record) => {
                    assert!(!record.name.is_empty() && record.origin.line > 0);
                    let stated = Stated {
                        names: vec![record.name.clone()],
                        mac: record.macs.first().cloned(),
                        ip: record.ips.first().cloned(),
                        ..Stated::default()
                    };
                    let own = record.keys();
                    assert!(stated.keys().iter().any(|key| own.contains(key)), "{own:?}");
                    assert_eq!(verify(&stated, std::slice::from_ref(&record)).record(), Some(&record));
                }
                Err(wrong) => assert!(wrong.mistake.line > 0 && !wrong.mistake.what.is_empty()),
            }
        }
    }
});
