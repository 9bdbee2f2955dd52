//! How long one decision about a crossing takes: 100,000 notices (90 % devices, 9 % buildings and regions, 1 % globs,
//! 5 % of them recurring), devices out of a million. `cargo bench --bench outages [-- NOTICES]`.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a benchmark reads the clock and prints"
)]

use autoticket::outage::written::{Field, Setting, notice};
use autoticket::outage::{Expectation, Notice, Subject, Zone};
use autoticket::service::outages::Outages;
use autoticket::store::{NewNoticeFile, Store};
use jiff::{Span, Timestamp};
use std::time::{Duration, Instant};

/// Decisions that are measured.
const ASKED: u64 = 20_000;

/// Decisions of one round.
const PASS: u64 = 1000;

/// Numbers that look random and are the same each time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut n = self.0;
        n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (n ^ (n >> 31)) % most
    }
}

fn device(number: u64) -> String {
    format!("node{number}.region{}.example.com", number % 20)
}

fn posted(number: u64, dice: &mut Dice, now: Timestamp) -> Notice {
    let target = match number % 100 {
        0 => ("glob", format!("node{}?.*", dice.below(100_000))),
        1..=8 => ("building", format!("B{}", dice.below(500))),
        9 => ("region", format!("region{}", dice.below(20))),
        _ => ("device", device(dice.below(1_000_000))),
    };
    // From a month ago to a month ahead, a few hours each.
    let from = now.saturating_add(Span::new().minutes(dice.below(86_400) as i64 - 43_200)).expect("a time");
    let mut texts = vec![
        (target.0, target.1),
        ("id", format!("O-{number}")),
        ("from", from.to_string()),
        ("duration", format!("{}h", 1 + dice.below(12))),
        ("reason", "exchange of the switch on the second floor".to_owned()),
        ("author", "operations".to_owned()),
        ("zone", ["Europe/Berlin", "America/New_York", "UTC"][dice.below(3) as usize].to_owned()),
    ];
    if number % 20 == 7 || number % 200 == 9 {
        texts.push((
            "rrule",
            ["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=SA,SU", "FREQ=MONTHLY;BYDAY=-1SU"][dice.below(3) as usize]
                .to_owned(),
        ));
    }
    let field = |(key, text): (&str, String)| Field { key: key.to_owned(), text, line: 1, column: 1 };
    let fields: Vec<Field> = texts.into_iter().map(field).collect();
    notice(&fields, &Setting::new("bench.csv", Zone::utc()), 1, 1).expect("a notice")
}

fn main() {
    let count = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(100_000);
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::init(&folder.path().join("state"), "bench").expect("a state");
    let now: Timestamp = "2026-03-12T18:00:00Z".parse().expect("a time");
    let mut dice = Dice(1);
    let notices: Vec<Notice> = (0..count).map(|number| posted(number, &mut dice, now)).collect();
    let began = Instant::now();
    let tx = store.reference().expect("reference").begin().expect("begin");
    let file = NewNoticeFile { file: "bench.csv", digest: "x", stamp: "x", changed: None, mistakes: &[] };
    tx.replace_notice_file(&file, &notices, now).expect("stored");
    tx.commit().expect("committed");
    println!("{count} notices stored in {:.2} s", began.elapsed().as_secs_f64());
    let began = Instant::now();
    let outages = Outages::open(&store, Vec::new()).expect("open");
    println!("globs compiled in {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
    let (mut expected, mut longest, mut all) = (0, Duration::ZERO, Vec::new());
    for _ in 0..ASKED / PASS {
        // As a round of judging does.
        outages.forget();
        let round = || {
            for _ in 0..PASS {
                let number = dice.below(1_000_000);
                let (name, ip) =
                    (device(number), format!("10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255));
                let (building, region) = (format!("b{}", number % 500), format!("region{}", number % 20));
                let (names, ips, servers) = ([name.as_str()], [ip.as_str()], ["is38.east.example.com"]);
                let subject = Subject {
                    names: &names,
                    ips: &ips,
                    building: Some(&building),
                    region: Some(&region),
                    servers: &servers,
                    package: Some("office-12"),
                    ..Subject::default()
                };
                let began = Instant::now();
                let found = outages.ask(&store, &subject, now).expect("an answer");
                let took = began.elapsed();
                longest = longest.max(took);
                all.push(took);
                expected += u64::from(matches!(found, Expectation::Expected { .. }));
            }
            Ok::<(), autoticket::store::Error>(())
        };
        store.reference().expect("reference").at_once(round).expect("read");
    }
    all.sort_unstable();
    let mean = all.iter().sum::<Duration>().as_secs_f64() / ASKED as f64;
    let at = |share: f64| all[((all.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{ASKED} decisions, {expected} expected: mean {:.4} ms, median {:.4} ms, 99 % {:.4} ms, longest {:.3} ms",
        mean * 1e3,
        at(0.5),
        at(0.99),
        longest.as_secs_f64() * 1e3
    );
}
