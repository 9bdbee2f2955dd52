//! A decision as `explain` and `ticket show` print it: one step per question that was asked.
//!
//! In: a decision with its evidence. Out: steps, each with the line of the rules that said so.

use super::{Decision, State};
use crate::alert::Step;
use crate::location::Verification;
use crate::outage::Expectation;

/// Outage, diagnosis, location, center, then what became of it.
pub fn steps(decision: &Decision) -> Vec<Step> {
    let evidence = &decision.evidence;
    let mut steps = Vec::new();
    if !matches!(evidence.outage, Expectation::Expected { .. }) {
        steps.push(step("outage", true, "built in", &evidence.outage.words()));
    }
    let mut diagnosed = false;
    let mut located = false;
    // The first reason is the threshold, which counting explains.
    for reason in decision.reasons.iter().skip(1) {
        let (gate, passed) = match reason.split(':').next().unwrap_or_default() {
            "outage notices" => ("outage", false),
            "diagnostics" => {
                steps.extend(diagnostics(decision));
                diagnosed = true;
                ("findings", !matches!(decision.state, State::Deferred | State::Dropped))
            }
            "location records" => {
                located = true;
                ("location", !matches!(evidence.location, Verification::Contradictory { .. }))
            }
            "recovered" => ("outage", false),
            "still failing" | "counts as still failing" => ("outage", true),
            _ => {
                if !located {
                    located = true;
                    steps.push(step("location", true, "built in", &evidence.location.words()));
                }
                ("center", true)
            }
        };
        let rule = citation(reason).unwrap_or("built in");
        steps.push(step(gate, passed, rule, reason));
    }
    let held = matches!(evidence.outage, Expectation::Expected { .. });
    if !diagnosed && !held {
        steps.extend(diagnostics(decision));
    }
    if !located {
        steps.push(step("location", true, "built in", &evidence.location.words()));
    }
    let due = decision.due.map(|due| format!(", judged again at {due}")).unwrap_or_default();
    let text = format!("{}{due}", decision.state.word());
    steps.push(step("decision", decision.state == State::Queued, "built in", &text));
    steps
}

fn diagnostics(decision: &Decision) -> Vec<Step> {
    match decision.evidence.diagnosis.diagnosis() {
        None => vec![step("diagnosis", true, "built in", &decision.evidence.diagnosis.summary())],
        Some(found) => {
            found.words().iter().map(|line| step("diagnosis", true, "built in", line.trim_start())).collect()
        }
    }
}

fn step(gate: &str, passed: bool, rule: &str, text: &str) -> Step {
    Step { gate: gate.to_owned(), passed, rule: rule.to_owned(), text: text.to_owned() }
}

/// The last `file:line` in brackets.
pub fn citation(reason: &str) -> Option<&str> {
    reason.rsplit('(').find_map(|part| {
        let place = part.split(')').next()?;
        let (file, line) = place.rsplit_once(':')?;
        (!file.is_empty() && !line.is_empty() && line.chars().all(|c| c.is_ascii_digit())).then_some(place)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_place_in_brackets_is_the_citation() {
        assert_eq!(citation("a (b.yaml:1); c (rules/d.yaml:22)"), Some("rules/d.yaml:22"));
        assert_eq!(citation("from (the trace) (x.csv:3): more (words)"), Some("x.csv:3"));
        assert_eq!(citation("nothing (12:30 CET)"), None);
    }
}
