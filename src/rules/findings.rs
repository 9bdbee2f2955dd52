//! `diagnosis` and `findings` of `autoticket.yaml`: how diagnostics are taken, and what becomes of a finding.
//!
//! In: the merged tree. Out: limits, and the finding table in its order, closed by a row that always holds.
//! Which row holds for a crossing is decided by `diagnosis`.

use super::model::{Origin, Seconds};
use super::reader::{Checker, Fields, Keys, Named};
use super::yaml::{Kind, Node};
use serde::{Deserialize, Serialize};

macro_rules! keys {
    ($name:ident, $of:literal, $($key:literal)+) => {
        pub(super) static $name: Keys = Keys { file: "autoticket.yaml", of: $of, keys: &[$($key),+] };
    };
}

keys!(DIAGNOSIS, "diagnosis", "enabled" "route" "limit" "names" "timeout" "count" "cache");
keys!(FINDING, "findings[]", "failure" "device" "server" "then" "after" "times");

/// What diagnostics say of a computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// It answers.
    Up,
    /// It is silent, and the way to it answers.
    Down,
    /// The way to it is broken before it.
    Network,
    /// Nothing can be said: diagnostics did not run, found no address, or met a filter. Never `down`.
    Unknown,
}

impl Finding {
    pub const ALL: [Finding; 4] = [Finding::Up, Finding::Down, Finding::Network, Finding::Unknown];

    /// As in rules, tickets and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Finding::Up => "up",
            Finding::Down => "down",
            Finding::Network => "network",
            Finding::Unknown => "unknown",
        }
    }
}

/// How diagnostics are taken.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct DiagnosisRules {
    pub enabled: bool,
    /// Whether the route is traced.
    pub route: bool,
    /// All diagnostics of one pass together.
    pub limit: Seconds,
    /// Resolving names.
    pub names: Seconds,
    /// Waiting for one reply.
    pub timeout: Seconds,
    /// Echo requests per computer.
    pub count: u32,
    /// How long what was found is good for repeats; 0: not at all.
    pub cache: Seconds,
    pub findings: Vec<FindingRow>,
}

/// One row of the finding table. The first that holds decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingRow {
    /// None: every failure type.
    pub failure: Option<String>,
    /// Findings of the device for which the row holds; empty: all, and diagnostics that were not asked.
    pub device: Vec<Finding>,
    /// The same of its intermediate server.
    pub server: Vec<Finding>,
    pub then: Then,
    pub origin: Origin,
}

/// What a finding leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Then {
    /// A ticket to the device's maintenance center.
    Ticket,
    /// Look again after this time, at most so many times; then the row no longer holds.
    Defer { after: Seconds, times: u32 },
    /// A ticket to the network's maintenance center.
    Network,
    /// A ticket to the intermediate server's maintenance center.
    Server,
    /// No ticket, and the count is corrected; the failed distribution stays.
    Drop,
}

impl Then {
    /// The words of `then`.
    pub const WORDS: [&'static str; 5] = ["ticket", "defer", "network", "server", "drop"];

    /// As in rules and reasons.
    pub fn word(self) -> &'static str {
        match self {
            Then::Ticket => "ticket",
            Then::Defer { .. } => "defer",
            Then::Network => "network",
            Then::Server => "server",
            Then::Drop => "drop",
        }
    }
}

/// Rechecks where a row does not say how many.
const TIMES: u32 = 4;
/// Rows of the table.
const MOST_ROWS: usize = 1000;

/// Reads both keys; also where rows name failure types, for the check over the whole.
pub(super) fn read(c: &mut Checker<'_>, top: &Fields<'_>, types: &mut Vec<Named>) -> Option<DiagnosisRules> {
    let rules = c.section(top, "diagnosis", &DIAGNOSIS).and_then(|f| diagnosis(c, &f));
    let node = c.need(top, "findings")?;
    let items = c.list(node, "findings")?;
    if items.len() > MOST_ROWS {
        c.wrong(node.at, format!("`findings` has {} rows, at most {MOST_ROWS} are read", items.len()));
        return None;
    }
    let rows: Vec<_> = items.iter().map(|item| row(c, item, types)).collect();
    let mut findings: Vec<FindingRow> = rows.into_iter().collect::<Option<_>>()?;
    findings.push(FindingRow {
        failure: None,
        device: Vec::new(),
        server: Vec::new(),
        then: Then::Ticket,
        origin: Origin { file: "built in".to_owned(), line: 0, column: 0 },
    });
    Some(DiagnosisRules { findings, ..rules? })
}

fn diagnosis(c: &mut Checker<'_>, f: &Fields<'_>) -> Option<DiagnosisRules> {
    let enabled = c.need(f, "enabled").and_then(|node| c.flag(node, "enabled"));
    let route = c.need(f, "route").and_then(|node| c.flag(node, "route"));
    let seconds = |c: &mut Checker<'_>, key: &str, range| {
        let node = c.need(f, key)?;
        c.seconds(node, key, range)
    };
    let limit = seconds(c, "limit", 1..=60);
    let names = seconds(c, "names", 1..=60);
    let timeout = seconds(c, "timeout", 1..=30);
    let count = c.need(f, "count").and_then(|node| c.whole(node, "count", 1..=20));
    let cache = seconds(c, "cache", 0..=86_400);
    Some(DiagnosisRules {
        enabled: enabled?,
        route: route?,
        limit: limit?,
        names: names?,
        timeout: timeout?,
        count: u32::try_from(count?).ok()?,
        cache: cache?,
        findings: Vec::new(),
    })
}

fn row(c: &mut Checker<'_>, node: &Node, types: &mut Vec<Named>) -> Option<FindingRow> {
    let f = c.fields(node, &FINDING, "a row of `findings`")?;
    let failure = match f.get("failure") {
        None => Some(None),
        Some(node) => c.text(node, "failure").map(|name| {
            (name != "any").then(|| {
                types.push((node.at, name.clone()));
                name
            })
        }),
    };
    let device = findings(c, &f, "device");
    let server = findings(c, &f, "server");
    let after = f.get("after").map(|node| c.seconds(node, "after", 1..=86_400));
    let times = f.get("times").map(|node| c.whole(node, "times", 1..=100));
    let then = c.need(&f, "then").and_then(|node| {
        let word = c.word(node, "then", &Then::WORDS)?;
        if word != "defer" && (after.is_some() || times.is_some()) {
            c.wrong(node.at, "`after` and `times` belong to `then: defer`");
            return None;
        }
        Some(match word {
            "defer" => {
                let Some(after) = after else {
                    c.wrong(node.at, "`then: defer` needs `after`, such as 15m");
                    return None;
                };
                let times = times.map_or(Some(TIMES), |times| u32::try_from(times?).ok())?;
                Then::Defer { after: after?, times }
            }
            "network" => Then::Network,
            "server" => Then::Server,
            "drop" => Then::Drop,
            _ => Then::Ticket,
        })
    });
    Some(FindingRow {
        failure: failure?,
        device: device?,
        server: server?,
        then: then?,
        origin: c.origin(node.at),
    })
}

/// One finding or a list of them; `any` or nothing is no condition.
fn findings(c: &mut Checker<'_>, f: &Fields<'_>, key: &str) -> Option<Vec<Finding>> {
    let Some(node) = f.get(key) else { return Some(Vec::new()) };
    let items = match &node.kind {
        Kind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut found = Vec::new();
    for item in items {
        let word = c.word(item, key, &["up", "down", "network", "unknown", "any"])?;
        match Finding::ALL.into_iter().find(|finding| finding.word() == word) {
            Some(finding) => found.push(finding),
            None => return Some(Vec::new()),
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::super::compile;
    use super::super::invalid::on_top;
    use super::*;

    fn mistakes(rows: &str) -> Vec<String> {
        let text = format!("findings:\n{rows}");
        let mistakes = compile(&on_top(&[("autoticket.yaml", &text)])).expect_err("wrong");
        mistakes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_shipped_table_cites_its_lines_and_ends_with_a_ticket() {
        let rules = compile(&on_top(&[])).expect("right");
        let rows = &rules.settings.diagnosis.findings;
        assert!(rows.len() >= 4, "{rows:?}");
        assert!(rows[0].origin.to_string().starts_with("embedded:autoticket.yaml:"), "{:?}", rows[0].origin);
        let last = rows.last().expect("closed");
        assert_eq!((last.then, last.origin.to_string().as_str()), (Then::Ticket, "built in"));
    }

    #[test]
    fn a_site_replaces_the_table_and_a_row_may_name_several_findings() {
        let site =
            "findings:\n  - {failure: disk, device: [down, network], then: defer, after: 2h, times: 2}\n";
        let rules = compile(&on_top(&[("conf.d/site.yaml", site)])).expect("right");
        let rows = &rules.settings.diagnosis.findings;
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].device, [Finding::Down, Finding::Network]);
        assert_eq!(rows[0].then, Then::Defer { after: Seconds(7200), times: 2 });
        assert_eq!(rows[0].origin.to_string(), "conf.d/site.yaml:2");
    }

    #[test]
    fn wrong_rows_are_told_with_place_and_hint() {
        assert_eq!(
            mistakes("  - {device: dwon, then: ticket}\n"),
            [
                "autoticket.yaml:2:14: `device` must be one of up, down, network, unknown, any, not `dwon`, did you mean `down`?"
            ]
        );
        assert_eq!(
            mistakes("  - {then: defer}\n"),
            ["autoticket.yaml:2:12: `then: defer` needs `after`, such as 15m"]
        );
        assert_eq!(
            mistakes("  - {then: drop, after: 1h}\n"),
            ["autoticket.yaml:2:12: `after` and `times` belong to `then: defer`"]
        );
        assert_eq!(mistakes("  - {failure: conection, then: drop}\n").len(), 1);
    }
}
