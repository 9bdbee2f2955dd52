//! What holds of any bytes as a plan file: it is no plan, or it is compared with the plan that the logs give; nothing of
//! it would be issued unless both are equal. The fuzz target `plans` and the replay of its seeds ask it.

use autoticket::redistribution::claims;
use autoticket::redistribution::comparison::compare;
use autoticket::redistribution::list::ListText;
use autoticket::redistribution::model::Run;
use autoticket::redistribution::plan::Plan;
use autoticket::redistribution::planning::{Selection, World, plan};
use autoticket::redistribution::reader::Reader;
use autoticket::rules::logs::{compile, embedded};
use serde_json::Value;
use std::sync::{Arc, LazyLock};

/// The log from which the seeds were planned.
const LOG: &str = include_str!("../seeds/logs/plan.log");

static PLAN: LazyLock<Plan> = LazyLock::new(|| {
    let rules = compile(&embedded()).expect("the shipped rules are right");
    let rule = rules.named("native").expect("shipped");
    let reader = Arc::new(Reader::new(rule));
    let runs: Vec<Run> = claims::read(&reader, LOG.as_bytes()).iter().collect();
    let list = ListText::of("node1 a=1\nnode2 a=2\nnode3 a=3\n");
    let world = World {
        narrowing: &|_| rule.narrowing.clone(),
        list: &|_| Some(list.clone()),
        device: &|_| None,
        program: &|name| Some(format!("/opt/dm/bin/{name}")),
        delivered: None,
        against: &|_| Vec::new(),
        aside: &|_, _| None,
        manager: &[],
        directory: None,
        user: None,
        environment: &[],
    };
    plan(runs, &[], &[], &Selection { server: "is38".to_owned(), ..Selection::default() }, &world)
});

/// The plan that the logs give, as it is written down.
pub fn given() -> String {
    serde_json::to_string_pretty(&*PLAN).expect("plain data")
}

/// Whether the bytes are a plan, and then whether it would be issued. Panics where something does not hold.
pub fn holds(bytes: &[u8]) -> Option<bool> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let value = value.get("plan").cloned().unwrap_or(value);
    let read: Plan = serde_json::from_value(value).ok()?;
    let again: Plan =
        serde_json::from_value(serde_json::to_value(&read).expect("plain data")).expect("a plan");
    assert!(compare(&read, &again).is_empty(), "what was read is not what is written");
    let differences = compare(&read, &PLAN);
    let bare =
        |plan: &Plan| serde_json::to_value(Plan { notes: Vec::new(), ..plan.clone() }).expect("plain data");
    assert_eq!(differences.is_empty(), bare(&read) == bare(&PLAN), "{differences:?}");
    for difference in &differences {
        assert!(
            difference.was != difference.is && !difference.to_string().contains('\u{1b}'),
            "{difference:?}"
        );
    }
    if differences.is_empty() {
        for (ours, theirs) in PLAN.jobs.iter().zip(&read.jobs) {
            assert_eq!(ours.commands.len(), theirs.commands.len());
            assert!(ours.commands.iter().zip(&theirs.commands).all(|(a, b)| a.hash == b.hash));
        }
    }
    Some(differences.is_empty())
}
