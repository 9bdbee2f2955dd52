//! The mails of `../shared/corpus` (or `AUTOTICKET_CORPUS`), which nobody on this project wrote. They are
//! not part of the project; where they are absent the test says so on one line.

use autoticket::mail::mailbox::Mailbox;
use autoticket::mail::{self, Mail, Note};
use std::collections::{BTreeMap, BTreeSet};

#[path = "support/corpus.rs"]
mod real;

struct Read {
    place: String,
    mail: Mail,
    key: [u8; 32],
}

/// Mails by the folder they stand in.
fn corpus() -> Option<BTreeMap<String, Vec<Read>>> {
    let folder = real::mails()?;
    let spill = tempfile::tempdir().expect("a folder for spills");
    let mut found = BTreeMap::new();
    for kind in ["bsd", "dos", "err", "mac", "not"] {
        let mut mailbox = Mailbox::open(&folder.join(kind)).expect("a folder of the corpus");
        let mails: &mut Vec<_> = found.entry(kind.to_owned()).or_default();
        while let Some(item) = mailbox.next(spill.path()) {
            let item = item.expect("a readable mail");
            mails.push(Read {
                place: item.place.to_string(),
                mail: mail::parse(&item.raw),
                key: item.raw.identity.full,
            });
        }
    }
    Some(found)
}

fn is_bounce(mail: &Mail) -> bool {
    let status = mail.parts.iter().filter(|part| part.content_type == "message/delivery-status");
    status
        .flat_map(|part| part.text.lines())
        .any(|line| line.to_ascii_lowercase().starts_with("final-recipient:"))
}

#[test]
fn real_bounces_are_read_and_recognised_again() {
    let Some(corpus) = corpus() else { return };
    let all = || corpus.values().flatten();
    assert_eq!(all().count(), 392);
    let keys: BTreeSet<_> = all().map(|read| read.key).collect();
    assert_eq!(keys.len(), 315, "first copies");
    let bounces = all().filter(|read| is_bounce(&read.mail)).count();
    assert!((215..=220).contains(&bounces), "{bounces} mails have a delivery status with Final-Recipient");
    assert!(!corpus["not"].iter().any(|read| is_bounce(&read.mail)));
    for Read { place, mail, .. } in &corpus["mac"] {
        assert!(
            mail.notes.contains(&Note::BareCr) && !mail.from.is_empty() && !mail.body.is_empty(),
            "{place}"
        );
    }
}

#[test]
fn line_ends_change_nothing_that_is_read() {
    let Some(corpus) = corpus() else { return };
    let by_key =
        |kind: &str| corpus[kind].iter().map(|read| (read.key, &read.mail)).collect::<BTreeMap<_, _>>();
    let (bsd, mut compared) = (by_key("bsd"), 0);
    for kind in ["dos", "mac"] {
        for (key, mail) in by_key(kind) {
            let Some(same) = bsd.get(&key) else { continue };
            assert_eq!(mail.body.trim_end(), same.body.trim_end(), "{kind} {:?}", mail.message_id);
            assert_eq!(mail.headers, same.headers);
            compared += 1;
        }
    }
    assert!(compared > 50, "{compared}");
}
