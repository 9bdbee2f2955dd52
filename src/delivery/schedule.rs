//! When a parcel is transmitted again.
//!
//! In: the waits of the rules, how many transmissions were made, when the last one ended. Out: the next
//! time, or that the parcel is parked. Pure: what wakes a parked parcel is the store's business (the next
//! success on that transport, or `ticket resend`, which starts the count anew), and so is the freezing of
//! its bytes at the first attempt.

use crate::rules::model::Seconds;
use jiff::{SignedDuration, Timestamp};

/// What happens to a parcel that is not delivered yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Transmit at this time or later.
    At(Timestamp),
    /// Every transmission of the schedule was made: visible, never deleted, not tried again by itself.
    Park,
}

/// The next transmission of a parcel after `attempts_made` of them, the last of which ended at `ended`
/// (with none made: when it was queued).
///
/// `retry` holds one wait per transmission, counted from the end of the one before: `[0s, 30s, 5m, 1h]` makes
/// four transmissions. A time beyond the calendar is its end.
pub fn next(retry: &[Seconds], attempts_made: u32, ended: Timestamp) -> Next {
    match retry.get(attempts_made as usize) {
        None => Next::Park,
        Some(Seconds(wait)) => {
            let wait = SignedDuration::from_secs((*wait).max(0));
            Next::At(ended.checked_add(wait).unwrap_or(Timestamp::MAX))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SHIPPED: [Seconds; 4] = [Seconds(0), Seconds(30), Seconds(300), Seconds(3600)];

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("within the calendar")
    }

    #[test]
    fn each_wait_counts_from_the_end_of_the_attempt_before_and_the_fifth_is_parked() {
        for (made, ended, expected) in [
            (0, 1_000, Next::At(at(1_000))),
            (1, 1_060, Next::At(at(1_090))),
            (2, 1_150, Next::At(at(1_450))),
            (3, 1_510, Next::At(at(5_110))),
            (4, 5_170, Next::Park),
            (u32::MAX, 5_170, Next::Park),
        ] {
            assert_eq!(next(&SHIPPED, made, at(ended)), expected, "after {made} attempts");
        }
    }

    #[test]
    fn an_empty_schedule_parks_at_once_and_odd_waits_stay_inside_the_calendar() {
        assert_eq!(next(&[], 0, at(0)), Next::Park);
        assert_eq!(next(&[Seconds(-5)], 0, at(100)), Next::At(at(100)));
        assert_eq!(next(&[Seconds(i64::MAX)], 0, at(100)), Next::At(Timestamp::MAX));
    }

    proptest! {
        #[test]
        fn as_many_transmissions_as_waits_and_never_back_in_time(
            waits in proptest::collection::vec(0i64..1_000_000, 0..8), start in 0i64..4_000_000_000,
        ) {
            let retry: Vec<Seconds> = waits.iter().copied().map(Seconds).collect();
            let (mut made, mut time) = (0, at(start));
            while let Next::At(due) = next(&retry, made, time) {
                prop_assert!(due >= time);
                (made, time) = (made + 1, due);
            }
            prop_assert_eq!(made as usize, waits.len());
            prop_assert_eq!(time, at(start + waits.iter().sum::<i64>()));
        }
    }
}
