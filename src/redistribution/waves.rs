//! In which waves approved commands are issued, and at how many errors no further one is.
//!
//! In: the operator's words (`1,10%,rest`, `5%`) and counts. Out: ranges, and whether to stop. Pure arithmetic.

use std::fmt;
use std::ops::Range;

/// How many commands one wave has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wave {
    Count(usize),
    /// Of all commands, in hundredths of a percent; rounded up.
    Share(u32),
    Rest,
}

/// More failed commands than this end the issuing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxErrors {
    Count(usize),
    /// Of the commands of all waves begun so far, in hundredths of a percent.
    Share(u32),
}

/// Why the words for waves or errors mean nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` {why}")]
pub struct Unclear {
    pub word: String,
    pub why: &'static str,
}

/// One hundred percent.
const WHOLE: u32 = 10_000;
/// Waves that one line may name.
const MOST_WAVES: usize = 1_000;

/// Reads `1,10%,rest`. What the named waves leave over is one more wave.
///
/// # Errors
/// For an empty or unknown word, a wave of nothing, more than 100 %, and anything after `rest`.
pub fn parse_waves(text: &str) -> Result<Vec<Wave>, Unclear> {
    let unclear = |word: &str, why| Unclear { word: word.to_owned(), why };
    let mut waves = Vec::new();
    for word in text.split(',').map(str::trim) {
        if waves.last() == Some(&Wave::Rest) {
            return Err(unclear(word, "stands after `rest`, which leaves nothing"));
        }
        if waves.len() == MOST_WAVES {
            return Err(unclear(word, "is one wave too many"));
        }
        let wave = match word {
            "rest" => Wave::Rest,
            word => match amount(word) {
                Some(Amount::Count(0) | Amount::Share(0)) => {
                    return Err(unclear(word, "is a wave of nothing"));
                }
                Some(Amount::Count(count)) => Wave::Count(count),
                Some(Amount::Share(share)) => Wave::Share(share),
                None => return Err(unclear(word, "is no wave: a number, a share such as `10%`, or `rest`")),
            },
        };
        waves.push(wave);
    }
    Ok(waves)
}

/// Reads `5%`, `2.5%` or `3`; 0: the first error ends it.
///
/// # Errors
/// For anything else.
pub fn parse_max_errors(text: &str) -> Result<MaxErrors, Unclear> {
    match amount(text.trim()) {
        Some(Amount::Count(count)) => Ok(MaxErrors::Count(count)),
        Some(Amount::Share(share)) => Ok(MaxErrors::Share(share)),
        None => Err(Unclear { word: text.to_owned(), why: "is no limit: a number, or a share such as `5%`" }),
    }
}

enum Amount {
    Count(usize),
    Share(u32),
}

fn amount(word: &str) -> Option<Amount> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let Some(percent) = word.strip_suffix('%') else {
        return digits(word).then(|| word.parse().ok().map(Amount::Count))?;
    };
    let (whole, part) = percent.split_once('.').unwrap_or((percent, "0"));
    if !digits(whole) || !digits(part) || part.len() > 2 {
        return None;
    }
    let part: u32 = format!("{part:0<2}").parse().ok()?;
    let share = whole.parse::<u32>().ok()?.checked_mul(100)?.checked_add(part)?;
    (share <= WHOLE).then_some(Amount::Share(share))
}

/// The commands of each wave, in order: every command stands in exactly one.
pub fn schedule(commands: usize, waves: &[Wave]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut from = 0;
    for wave in waves.iter().chain([&Wave::Rest]) {
        let left = commands - from;
        let size = match *wave {
            Wave::Count(count) => count.min(left),
            Wave::Share(share) => part_of(commands, share).max(1).min(left),
            Wave::Rest => left,
        };
        if size > 0 {
            ranges.push(from..from + size);
        }
        from += size;
    }
    ranges
}

/// A share of a number, rounded up.
fn part_of(number: usize, share: u32) -> usize {
    let part = (number as u128 * u128::from(share)).div_ceil(u128::from(WHOLE));
    usize::try_from(part).unwrap_or(usize::MAX)
}

impl MaxErrors {
    /// Whether so many failures, among the commands of the waves begun so far, are too many.
    pub fn is_exceeded(self, failed: usize, begun: usize) -> bool {
        match self {
            MaxErrors::Count(most) => failed > most,
            MaxErrors::Share(share) => failed as u128 * u128::from(WHOLE) > begun as u128 * u128::from(share),
        }
    }
}

impl fmt::Display for MaxErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            MaxErrors::Count(count) => write!(f, "{count}"),
            MaxErrors::Share(share) if share % 100 == 0 => write!(f, "{}%", share / 100),
            MaxErrors::Share(share) => write!(f, "{}.{:02}%", share / 100, share % 100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "one wave is one range")]
    fn one_then_a_tenth_then_the_rest() {
        let waves = parse_waves("1, 10%,rest").expect("three waves");
        assert_eq!(waves, [Wave::Count(1), Wave::Share(1_000), Wave::Rest]);
        assert_eq!(schedule(95, &waves), [0..1, 1..11, 11..95]);
        assert_eq!(schedule(1, &waves), [0..1]);
        assert_eq!(schedule(0, &waves), [] as [Range<usize>; 0]);
        assert_eq!(schedule(7, &[]), [0..7]);
        assert_eq!(schedule(7, &[Wave::Count(3)]), [0..3, 3..7]);
    }

    #[test]
    fn words_that_mean_nothing_are_named() {
        for (text, word) in [
            ("", ""),
            ("1,,rest", ""),
            ("0", "0"),
            ("1,0%", "0%"),
            ("101%", "101%"),
            ("rest,1", "1"),
            ("-1", "-1"),
            ("1.5", "1.5"),
            ("+1", "+1"),
            ("half", "half"),
            ("0.001%", "0.001%"),
        ] {
            assert_eq!(parse_waves(text).expect_err(text).word, word);
        }
        for text in ["", "%", "5 %", "-1", "200%", "many"] {
            assert!(parse_max_errors(text).is_err(), "{text}");
        }
    }

    #[test]
    fn errors_are_measured_against_the_waves_begun() {
        let five = parse_max_errors("5%").expect("a share");
        assert!(five.is_exceeded(1, 1), "the first wave of one is a trial");
        assert!(!five.is_exceeded(5, 100));
        assert!(five.is_exceeded(6, 100));
        assert!(parse_max_errors("0").expect("a number").is_exceeded(1, 1_000));
        assert!(!MaxErrors::Count(3).is_exceeded(3, 3));
        assert_eq!((five.to_string(), MaxErrors::Share(250).to_string()), ("5%".into(), "2.50%".into()));
    }

    fn cases() -> ProptestConfig {
        #[expect(clippy::disallowed_methods, reason = "a test asks how many cases to try")]
        let cases = std::env::var("AUTOTICKET_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(256);
        ProptestConfig::with_cases(cases)
    }

    fn wave() -> impl Strategy<Value = Wave> {
        prop_oneof![
            (1usize..5_000).prop_map(Wave::Count),
            (1u32..=WHOLE).prop_map(Wave::Share),
            Just(Wave::Rest)
        ]
    }

    proptest! {
        #![proptest_config(cases())]
        #[test]
        fn every_command_is_in_exactly_one_wave(commands in 0usize..20_000, waves in prop::collection::vec(wave(), 0..6)) {
            let ranges = schedule(commands, &waves);
            let mut next = 0;
            for range in &ranges {
                prop_assert_eq!(range.start, next);
                prop_assert!(range.end > range.start);
                next = range.end;
            }
            prop_assert_eq!(next, commands);
        }

        #[test]
        fn no_words_panic(text in "[0-9%.,rest \\-]{0,20}") {
            let _ = (parse_waves(&text), parse_max_errors(&text));
        }
    }
}
