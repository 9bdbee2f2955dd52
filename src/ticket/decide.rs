//! What is to become of a crossing.
//!
//! In: the facts with their evidence, the centers. Out: a state, a route, and each consideration in words.
//! It does not know what the rooms before did to find their evidence.

use super::view::threshold_words;
use super::{Decision, State, TicketFacts, route};
use crate::diagnosis::Diagnostics;
use crate::rules::model::Centers;
use crate::shown::Shown;

/// Decides. Nothing that was not asked speaks against a ticket: in this version each is queued, even one
/// whose maintenance center names no address ([`super::compose()`] then writes to who answers replies).
pub fn decide(facts: &TicketFacts, centers: &Centers) -> Decision {
    let route = route(&facts.crossing, centers);
    let mut reasons = vec![
        format!("threshold met: {}", threshold_words(&facts.choice.winner)),
        format!("outage notices: {}", facts.evidence.outage.words()),
        format!("diagnostics: {}", Shown::new(&finding_words(&facts.evidence.finding))),
        format!("location records: {}", Shown::new(&facts.evidence.location.words())),
        format!("maintenance center {}: {}", Shown::new(&route.center.name), Shown::new(&route.words())),
    ];
    if route.center.mail.is_empty() {
        reasons.push("the maintenance center has no mail address: to who answers replies".to_owned());
    }
    reasons.push("queued: nothing speaks against the ticket".to_owned());
    Decision { state: State::Queued, route, reasons }
}

pub(super) fn finding_words(finding: &Diagnostics) -> String {
    finding.summary()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ticket::fixture::{centers, facts};

    #[test]
    fn evidence_that_was_not_asked_queues_and_is_said() {
        let decision = decide(&facts(), &centers());
        assert_eq!(decision.state, State::Queued);
        assert_eq!(
            decision.reasons,
            [
                "threshold met: 4 alerts in 1 h for connection failures in building B2 (thresholds.yaml:7)",
                "outage notices: not asked",
                "diagnostics: not asked",
                "location records: not asked",
                "maintenance center East: it serves building B2 (centers.yaml:4)",
                "queued: nothing speaks against the ticket",
            ]
        );
    }

    #[test]
    fn center_without_address_is_said_and_still_gets_its_ticket_queued() {
        let centers = Centers { centers: vec![], ..centers() };
        let decision = decide(&facts(), &centers);
        assert_eq!(decision.state, State::Queued);
        assert_eq!(decision.reasons[5], "the maintenance center has no mail address: to who answers replies");
    }
}
