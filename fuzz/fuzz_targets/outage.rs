//! Any bytes are an outage file of each kind: it is read, or refused with a place, and asking it ends.
#![no_main]

use autoticket::outage::{Kind, Subject, Zone, check, judge, keys, read};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let names = ["node7.east.example.com", "node7"];
    let subject = Subject { names: &names, building: Some("B2"), ..Subject::default() };
    for kind in [Kind::Yaml, Kind::Csv, Kind::Calendar] {
        let found = read::read(kind, "outages/fuzz", bytes, &Zone::utc());
        for mistake in found.fault.iter().chain(&found.mistakes).chain(&found.warnings) {
            assert!(mistake.line > 0 && !mistake.to_string().contains('\u{1b}'));
        }
        for seconds in [0, 1_774_745_000, 1_792_890_000, 4_000_000_000] {
            let now = Timestamp::from_second(seconds).expect("inside the calendar");
            for notice in &found.notices {
                if let Some(stretch) = notice.covering(now) {
                    assert!(stretch.from <= now && stretch.until.is_none_or(|until| now < until));
                    assert!(notice.ends().is_none_or(|ends| now <= ends));
                    assert!(notice.begins() <= now);
                }
            }
            let words = judge(&subject, &found.notices, now).words();
            assert!(!words.contains('\u{1b}'));
            check(&found.notices, &|_| None, now);
        }
    }
    assert!(!keys(&subject).is_empty());
});
