//! The sliding window of one (device, failure type), in event time.
//!
//! In: the window as kept and one alert's event time. Out: the window as it must be kept, and whether the
//! alert made it meet its threshold. It knows neither which key it counts for nor why a threshold holds.
//!
//! A threshold of N alerts in W is met when the N latest event times lie within W, both ends included. The
//! window keeps the latest alerts only, at least a hundred (a ticket lists so many) and never fewer than the
//! largest N it was ever counted against, so that a raised threshold forgets nothing.

use super::model::MOST_COUNT;
use super::{Counted, Seen, Window};
use crate::rules::model::ThresholdRule;
use jiff::Timestamp;

/// Alerts kept whatever the threshold asks for: as many as a ticket lists.
const LEAST_KEPT: usize = 100;

/// Counts one alert. The caller hands each alert over once; the same row twice counts twice.
///
/// [`Counted::in_window`] saturates at the number of alerts kept.
pub fn count(window: &mut Window, seen: Seen, threshold: &ThresholdRule) -> Counted {
    let wanted = threshold.count.clamp(1, MOST_COUNT) as usize;
    let kept = wanted.max(LEAST_KEPT).max(window.recent.len());
    let at = window.recent.partition_point(|other| *other <= seen);
    window.recent.insert(at, seen);
    let straggler = window.recent.len() - at > wanted;
    if window.recent.len() > kept {
        window.recent.remove(0);
    }
    window.total += 1;
    window.first = Some(window.first.map_or(seen.event, |first| first.min(seen.event)));
    window.last = Some(window.last.map_or(seen.event, |last| last.max(seen.event)));
    Counted {
        in_window: in_window(&window.recent, threshold),
        crossed: !straggler && met(&window.recent, wanted, threshold),
        straggler,
    }
}

/// A repair: counting starts anew.
pub fn reset(window: &mut Window) {
    *window = Window::default();
}

/// A repair at `at`: alerts up to and with that moment are forgotten, later ones stay counted, so that a
/// device that failed again after the stated repair is not taken for healthy. Where more alerts came after
/// it than are kept, `total` becomes the number of those kept.
pub fn reset_until(window: &mut Window, at: Timestamp) {
    window.recent.retain(|seen| seen.event > at);
    window.total = window.recent.len() as u64;
    window.first = window.recent.first().map(|seen| seen.event);
    window.last = window.recent.last().map(|seen| seen.event);
}

/// Takes an alert out again, because its mail was superseded by a longer copy. Says whether it was counted.
///
/// `last` is exact afterwards. `first` is exact as long as all alerts are kept; once older ones have fallen
/// out of the window it stays as it was, as the one before it is no longer known. An alert that can't be in
/// this window (a repair came between) changes nothing.
pub fn uncount(window: &mut Window, seen: Seen) -> bool {
    let whole = window.total == window.recent.len() as u64;
    match window.recent.iter().rposition(|other| other.alert == seen.alert) {
        Some(at) => {
            window.recent.remove(at);
        }
        None if whole || !older_than_kept(window, seen) => return false,
        None => {}
    }
    window.total = window.total.saturating_sub(1);
    if whole || window.total == 0 {
        window.first = window.recent.first().map(|seen| seen.event);
    }
    window.last = window.recent.last().map(|seen| seen.event);
    true
}

/// Whether the alert may be one of those counted that are no longer kept.
fn older_than_kept(window: &Window, seen: Seen) -> bool {
    window.first.is_some_and(|first| first <= seen.event)
        && window.recent.first().is_none_or(|oldest| seen < *oldest)
}

fn met(recent: &[Seen], wanted: usize, threshold: &ThresholdRule) -> bool {
    let Some(nth) = recent.len().checked_sub(wanted) else { return false };
    match recent.last() {
        Some(last) => within(recent[nth], *last, threshold),
        None => false,
    }
}

fn in_window(recent: &[Seen], threshold: &ThresholdRule) -> u32 {
    let Some(last) = recent.last() else { return 0 };
    let older = recent.partition_point(|seen| !within(*seen, *last, threshold));
    u32::try_from(recent.len() - older).unwrap_or(u32::MAX)
}

fn within(earlier: Seen, last: Seen, threshold: &ThresholdRule) -> bool {
    last.event.duration_since(earlier.event) <= jiff::SignedDuration::from_secs(threshold.window.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::model::{Origin, Scope, Seconds};
    use proptest::prelude::*;

    fn threshold(count: u32, window: i64) -> ThresholdRule {
        ThresholdRule {
            scope: Scope::Everywhere,
            failure: None,
            count,
            window: Seconds(window),
            origin: Origin::default(),
        }
    }

    fn seen(second: i64, alert: i64) -> Seen {
        Seen { event: Timestamp::from_second(1_790_000_000 + second).expect("a time in range"), alert }
    }

    fn crossings(seconds: &[i64], threshold: &ThresholdRule) -> Vec<bool> {
        let mut window = Window::default();
        (1..)
            .zip(seconds)
            .map(|(row, second)| count(&mut window, seen(*second, row), threshold).crossed)
            .collect()
    }

    #[test]
    fn fourth_alert_exactly_at_the_window_end_crosses_and_a_second_later_does_not() {
        let four_in_an_hour = threshold(4, 3600);
        assert_eq!(crossings(&[0, 10, 20, 3600], &four_in_an_hour), [false, false, false, true]);
        assert_eq!(crossings(&[0, 10, 20, 3601], &four_in_an_hour), [false; 4]);
    }

    #[test]
    fn exceeding_alerts_keep_the_threshold_met() {
        assert_eq!(crossings(&[0, 1, 2, 3], &threshold(2, 60)), [false, true, true, true]);
        assert_eq!(crossings(&[0], &threshold(1, 0)), [true]);
    }

    #[test]
    fn late_mail_that_completes_the_latest_n_crosses() {
        assert_eq!(crossings(&[100, 300, 200], &threshold(3, 3600)), [false, false, true]);
    }

    #[test]
    fn straggler_is_counted_in_total_and_crosses_nothing() {
        let rule = threshold(2, 60);
        let mut window = Window::default();
        count(&mut window, seen(1000, 1), &rule);
        count(&mut window, seen(1010, 2), &rule);
        let counted = count(&mut window, seen(5, 3), &rule);
        assert_eq!(counted, Counted { in_window: 2, crossed: false, straggler: true });
        assert_eq!((window.total, window.first), (3, Some(seen(5, 3).event)));
    }

    #[test]
    fn raised_threshold_remembers_what_a_lower_one_counted() {
        let mut window = Window::default();
        for row in 0..250 {
            count(&mut window, seen(row, row), &threshold(2, 3600));
        }
        assert_eq!((window.recent.len(), window.total), (LEAST_KEPT, 250));
        assert!(count(&mut window, seen(251, 251), &threshold(90, 3600)).crossed);
        for row in 252..600 {
            count(&mut window, seen(row, row), &threshold(300, 3600));
        }
        count(&mut window, seen(600, 600), &threshold(2, 3600));
        assert_eq!(window.recent.len(), 300);
    }

    #[test]
    fn repair_at_a_time_keeps_later_alerts() {
        let mut window = Window::default();
        for row in 0..4 {
            count(&mut window, seen(row * 10, row), &threshold(4, 3600));
        }
        let mut whole = window.clone();
        reset_until(&mut window, seen(10, 0).event);
        assert_eq!(window.recent, [seen(20, 2), seen(30, 3)]);
        assert_eq!((window.total, window.first, window.last), (2, Some(seen(20, 2).event), whole.last));
        reset(&mut whole);
        assert_eq!(whole, Window::default());
    }

    #[test]
    fn superseded_alert_of_before_the_repair_is_not_taken_out_twice() {
        let mut window = Window::default();
        count(&mut window, seen(0, 1), &threshold(4, 3600));
        reset(&mut window);
        count(&mut window, seen(50, 2), &threshold(4, 3600));
        assert!(!uncount(&mut window, seen(0, 1)));
        assert_eq!(window.total, 1);
    }

    #[test]
    fn alert_that_fell_out_of_the_kept_ones_leaves_only_the_total() {
        let mut window = Window::default();
        for row in 0..150 {
            count(&mut window, seen(row, row), &threshold(4, 3600));
        }
        let before = window.clone();
        assert!(uncount(&mut window, seen(20, 20)));
        assert_eq!(window, Window { total: 149, ..before.clone() });
        assert!(!uncount(&mut window, seen(120, 999)), "an event among the kept ones that is not kept");
        assert!(uncount(&mut window, seen(149, 149)));
        assert_eq!(window.last, Some(seen(148, 148).event));
    }

    /// The definition, over the whole history.
    fn defined(history: &[Seen], newest: Seen, rule: &ThresholdRule) -> (bool, bool) {
        let mut all = history.to_vec();
        all.sort();
        let latest = all.split_off(all.len().saturating_sub(rule.count as usize));
        let enough = latest.len() == rule.count as usize;
        let span = |latest: &[Seen]| {
            latest[latest.len() - 1].event.as_second() - latest[0].event.as_second() <= rule.window.0
        };
        let among = latest.contains(&newest);
        (among && enough && span(&latest), !among)
    }

    fn alerts() -> impl Strategy<Value = Vec<Seen>> {
        proptest::collection::vec(0..4000_i64, 1..160)
            .prop_map(|seconds| (0..).zip(seconds).map(|(row, second)| seen(second, row)).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn counting_agrees_with_the_definition(history in alerts(), n in 1..12_u32, w in 0..3000_i64) {
            let rule = threshold(n, w);
            let mut window = Window::default();
            for (at, newest) in history.iter().enumerate() {
                let counted = count(&mut window, *newest, &rule);
                prop_assert_eq!((counted.crossed, counted.straggler), defined(&history[..=at], *newest, &rule));
                prop_assert!(!counted.crossed || counted.in_window >= n);
            }
        }

        #[test]
        fn final_state_is_independent_of_arrival_order(history in alerts(), n in 1..120_u32, seed in any::<u64>()) {
            let rule = threshold(n, 600);
            let mut shuffled = history.clone();
            shuffled.sort_by_key(|seen| (seen.alert as u64 + 1).wrapping_mul(seed | 1));
            let (mut one, mut other) = (Window::default(), Window::default());
            history.iter().for_each(|seen| { count(&mut one, *seen, &rule); });
            shuffled.iter().for_each(|seen| { count(&mut other, *seen, &rule); });
            prop_assert!(one.recent.is_sorted());
            prop_assert_eq!(one, other);
        }

        #[test]
        fn batch_equals_one_by_one_with_the_window_stored_between(history in alerts(), every in 1..20_usize) {
            let rule = threshold(4, 600);
            let (mut batch, mut stored) = (Window::default(), Window::default());
            for (at, seen) in history.iter().enumerate() {
                let in_batch = count(&mut batch, *seen, &rule);
                if at % every == 0 {
                    let bytes = postcard::to_stdvec(&stored).expect("a window can be stored");
                    stored = postcard::from_bytes(&bytes).expect("and read back");
                }
                prop_assert_eq!(in_batch, count(&mut stored, *seen, &rule));
            }
            prop_assert_eq!(batch, stored);
        }

        #[test]
        fn uncount_undoes_count_while_all_alerts_are_kept(history in proptest::collection::vec(0..4000_i64, 1..90), pick in any::<usize>()) {
            let rule = threshold(4, 600);
            let history: Vec<_> = (0..).zip(history).map(|(row, second)| seen(second, row)).collect();
            let gone = history[pick % history.len()];
            let (mut window, mut without) = (Window::default(), Window::default());
            history.iter().for_each(|seen| { count(&mut window, *seen, &rule); });
            history.iter().filter(|seen| **seen != gone).for_each(|seen| { count(&mut without, *seen, &rule); });
            prop_assert!(uncount(&mut window, gone));
            prop_assert_eq!(window, without);
        }

        #[test]
        fn alerts_of_other_keys_never_change_a_count(history in alerts()) {
            let rule = threshold(3, 300);
            let mut alone = Window::default();
            let expected: Vec<_> = history.iter().map(|seen| count(&mut alone, *seen, &rule)).collect();
            let (mut mine, mut noise) = (Window::default(), Window::default());
            for (seen, expected) in history.iter().zip(expected) {
                count(&mut noise, Seen { alert: seen.alert + 10_000, ..*seen }, &rule);
                prop_assert_eq!(count(&mut mine, *seen, &rule), expected);
            }
        }
    }
}
