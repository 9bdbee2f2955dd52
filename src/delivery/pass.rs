//! One pass over what is due: transmit, tell, go on.
//!
//! In: due parcels with the caller's own key, a transport, a stop flag. Out: a tally. What has to be durable
//! before and after each transmission is the caller's: it is told of both, and nothing is transmitted that
//! it did not agree to. It does not know the schedule, the store or the clock.

use super::model::{Attempt, Parcel, Transport};
use std::sync::atomic::{AtomicBool, Ordering};

/// What the caller is told, in this order for each parcel.
#[derive(Debug)]
pub enum Step<'a, K> {
    /// About to transmit: the moment to freeze bytes and take the lease. Answering `false` passes the
    /// parcel over (another process has it, its ticket was closed).
    Before { key: &'a K, parcel: &'a Parcel },
    /// Transmitted: the moment to write down what came of it. The answer is ignored.
    After { key: &'a K, parcel: &'a Parcel, attempt: &'a Attempt },
}

/// What one pass did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub accepted: usize,
    pub postponed: usize,
    pub refused: usize,
    /// Whether the stop flag ended the pass before the parcels did.
    pub stopped: bool,
}

/// Transmits what is due, one parcel after the other, until none is left or `stop` is set.
///
/// One refused or postponed recipient stops no other. An error of `record` ends the pass: a transmission
/// that cannot be written down must not be followed by more of them.
pub fn pass<K, E>(
    due: impl IntoIterator<Item = (K, Parcel)>,
    transport: &mut dyn Transport,
    stop: &AtomicBool,
    mut record: impl FnMut(Step<'_, K>) -> Result<bool, E>,
) -> Result<Tally, E> {
    let mut tally = Tally::default();
    for (key, parcel) in due {
        if stop.load(Ordering::Relaxed) {
            tally.stopped = true;
            break;
        }
        if !record(Step::Before { key: &key, parcel: &parcel })? {
            continue;
        }
        let attempt = transport.transmit(&parcel);
        match attempt {
            Attempt::Accepted { .. } => tally.accepted += 1,
            Attempt::Postponed { .. } => tally.postponed += 1,
            Attempt::Refused { .. } => tally.refused += 1,
        }
        record(Step::After { key: &key, parcel: &parcel, attempt: &attempt })?;
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    /// Refuses `bad@…`, postpones `slow@…`, accepts the rest.
    struct Picky(Vec<String>);

    impl Transport for Picky {
        fn transmit(&mut self, parcel: &Parcel) -> Attempt {
            self.0.push(parcel.recipient.clone());
            let reply = "said so".to_owned();
            match parcel.recipient.split('@').next() {
                Some("bad") => Attempt::Refused { reply },
                Some("slow") => Attempt::Postponed { reply },
                _ => Attempt::Accepted { reply },
            }
        }
        fn name(&self) -> String {
            "picky".into()
        }
    }

    fn due(recipients: &[&str]) -> Vec<(usize, Parcel)> {
        let parcel = |recipient: &&str| Parcel {
            message_id: "t-1@example.com".into(),
            sender: String::new(),
            recipient: (*recipient).into(),
            bytes: b"Subject: x\r\n\r\n".to_vec(),
            name: "t-1".into(),
        };
        recipients.iter().map(parcel).enumerate().collect()
    }

    #[test]
    fn one_refused_recipient_stops_no_other_and_each_step_is_told_in_order() {
        let mut transport = Picky(Vec::new());
        let mut story = Vec::new();
        let parcels = due(&["bad@example.com", "slow@example.com", "good@example.com"]);
        let tally = pass(parcels, &mut transport, &AtomicBool::new(false), |step| {
            story.push(match step {
                Step::Before { key, .. } => format!("before {key}"),
                Step::After { key, attempt: Attempt::Refused { .. }, .. } => format!("refused {key}"),
                Step::After { key, attempt: Attempt::Postponed { .. }, .. } => format!("postponed {key}"),
                Step::After { key, attempt: Attempt::Accepted { .. }, .. } => format!("accepted {key}"),
            });
            Ok::<_, Infallible>(true)
        });
        assert_eq!(tally, Ok(Tally { accepted: 1, postponed: 1, refused: 1, stopped: false }));
        let expected = ["before 0", "refused 0", "before 1", "postponed 1", "before 2", "accepted 2"];
        assert_eq!(story, expected);
    }

    #[test]
    fn the_stop_flag_ends_the_pass_after_the_parcel_in_hand() {
        let (mut transport, stop) = (Picky(Vec::new()), AtomicBool::new(false));
        let tally = pass(due(&["a@example.com", "b@example.com"]), &mut transport, &stop, |step| {
            stop.store(matches!(step, Step::After { .. }), Ordering::Relaxed);
            Ok::<_, Infallible>(true)
        });
        assert_eq!(tally, Ok(Tally { accepted: 1, stopped: true, ..Tally::default() }));
        assert_eq!(transport.0, ["a@example.com"]);
    }

    #[test]
    fn nothing_is_transmitted_that_could_not_be_written_down_or_was_passed_over() {
        let mut transport = Picky(Vec::new());
        let stop = AtomicBool::new(false);
        let failed = pass(due(&["a@example.com"]), &mut transport, &stop, |_| Err("disk full"));
        assert_eq!(failed, Err("disk full"));
        let passed_over =
            pass(due(&["a@example.com"]), &mut transport, &stop, |_| Ok::<_, Infallible>(false));
        assert_eq!(passed_over, Ok(Tally::default()));
        assert!(transport.0.is_empty());
    }
}
