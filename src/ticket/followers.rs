//! When further mails of an open ticket's thread are due, in event time: a replay gives the same mails.
//!
//! In: the times of a thread's mails and of the alerts that joined. Out: a due time. Whoever composes then
//! takes the alerts with event times up to that due time. It knows no clock: due times may lie in the past.

use crate::rules::model::TicketRules;
use jiff::{SignedDuration, Timestamp};

/// When the update is due that tells of the alerts since `first_unreported`: one interval after it, and after
/// the mail before it (`last_mail`: the ticket's or the last update's time), so that a center gets at most one
/// per interval.
pub fn update_due(last_mail: Timestamp, first_unreported: Timestamp, rules: &TicketRules) -> Timestamp {
    later(last_mail.max(first_unreported), rules.update_interval.0)
}

/// Whether an alert that joins makes a reminder due, and when: the ticket is still alerting
/// `reminder_after` the crossing, or after the reminder before (`since`). Asked in event order, the first
/// alert that says yes is the reminder's time.
pub fn reminder_due(since: Timestamp, alert: Timestamp, rules: &TicketRules) -> Option<Timestamp> {
    (alert >= later(since, rules.reminder_after.0)).then_some(alert)
}

/// Saturates at the end of time, which a hostile event time may be near.
fn later(at: Timestamp, seconds: i64) -> Timestamp {
    at.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::model::Seconds;

    const RULES: TicketRules =
        TicketRules { update_interval: Seconds(3600), reminder_after: Seconds(3 * 86_400), cap: 20 };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).expect("a time in range")
    }

    #[test]
    fn update_waits_one_interval_after_the_mail_before_and_the_first_unreported_alert() {
        assert_eq!(update_due(at(0), at(10), &RULES), at(3610));
        assert_eq!(update_due(at(5000), at(4000), &RULES), at(8600), "a straggler");
        assert_eq!(update_due(at(0), at(90_000), &RULES), at(93_600));
    }

    #[test]
    fn updates_are_never_closer_than_the_interval() {
        let mut last_mail = at(0);
        for first_unreported in [1, 2, 3000, 3601, 3602, 9000].map(at) {
            if first_unreported <= last_mail {
                continue;
            }
            let due = update_due(last_mail, first_unreported, &RULES);
            assert!(due.duration_since(last_mail).as_secs() >= 3600);
            last_mail = due;
        }
    }

    #[test]
    fn reminder_is_due_at_the_first_alert_three_days_after_the_crossing() {
        assert_eq!(reminder_due(at(0), at(259_199), &RULES), None);
        assert_eq!(reminder_due(at(0), at(259_200), &RULES), Some(at(259_200)));
        assert_eq!(reminder_due(at(259_200), at(300_000), &RULES), None, "not twice");
    }

    #[test]
    fn end_of_time_does_not_overflow() {
        assert_eq!(update_due(Timestamp::MAX, at(0), &RULES), Timestamp::MAX);
        let forever = TicketRules { reminder_after: Seconds(i64::MAX), ..RULES };
        assert_eq!(reminder_due(at(0), at(1), &forever), None);
    }
}
