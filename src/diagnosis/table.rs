//! The finding table: what a finding leads to.
//!
//! In: the table of the rules, the failure type, the findings of device and intermediate server, and how often
//! was looked again. Out: the row that holds, and why in words.

use super::finding::Finding;
use crate::rules::findings::{FindingRow, Then};

/// The first row that holds, and the reason with the row's file and line.
///
/// A finding of None was not asked and meets no condition. A `defer` row whose rechecks are spent is passed over,
/// and the reason says so. The table of the rules is closed by a row that always holds; of a table without
/// one the last row is taken.
///
/// # Panics
/// On an empty table, which the rules never give.
pub fn verdict<'t>(
    table: &'t [FindingRow],
    failure: &str,
    device: Option<Finding>,
    server: Option<Finding>,
    rechecks: u32,
) -> (&'t FindingRow, String) {
    let asked = |wanted: &[Finding], found: Option<Finding>| {
        wanted.is_empty() || found.is_some_and(|found| wanted.contains(&found))
    };
    let mut spent = String::new();
    let mut chosen = table.last().expect("the rules close the table");
    for row in table {
        let holds = row.failure.as_deref().is_none_or(|wanted| wanted == failure)
            && asked(&row.device, device)
            && asked(&row.server, server);
        match row.then {
            Then::Defer { times, .. } if holds && rechecks >= times => {
                spent = format!("; looked again {rechecks} times ({})", row.origin);
            }
            _ if holds => {
                chosen = row;
                break;
            }
            _ => {}
        }
    }
    let word = |finding: Option<Finding>| finding.map_or("not asked", Finding::word);
    let then = match chosen.then {
        Then::Defer { after, times } => format!("look again in {after}, {} of {times}", rechecks + 1),
        Then::Ticket => "ticket".to_owned(),
        Then::Network => "ticket to the network's center".to_owned(),
        Then::Server => "ticket to the server's center".to_owned(),
        Then::Drop => "dropped".to_owned(),
    };
    let reason = format!(
        "{failure}, device {}, server {}: {then} ({}){spent}",
        word(device),
        word(server),
        chosen.origin
    );
    (chosen, reason)
}
