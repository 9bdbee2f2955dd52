//! What is wrong in a rules folder, where, and what was probably meant.
//!
//! In: positions in source texts. Out: [`Mistake`]s in the order of the texts. Nothing here stops at the
//! first mistake, and nothing here knows what the texts mean.

use crate::shown::Shown;
use std::fmt;

/// One mistake in a rule file; `Display` gives `file:line:column: what, did you mean X?`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// As the operator would name it; embedded files carry the prefix `embedded:`.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// A lowercase fragment that names the thing and, where there is one, the way out.
    pub what: String,
    /// What was probably meant instead.
    pub hint: Option<String>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, what) = (Shown::new(&self.file), Shown::new(&self.what));
        write!(f, "{file}:{}:{}: {what}", self.line, self.column)?;
        match &self.hint {
            Some(hint) => write!(f, ", did you mean `{}`?", Shown::new(hint)),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Mistake {}

/// The candidate nearest to a word, if it is near enough to have been meant: a third of its letters may
/// differ (at least one, transposed neighbours count as one), ASCII case ignored.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(64).map(|c| c.to_ascii_lowercase()).collect();
    candidates
        .into_iter()
        .map(|candidate| {
            let other: Vec<char> = candidate.chars().map(|c| c.to_ascii_lowercase()).collect();
            (distance(&word, &other), other.len().max(word.len()), candidate)
        })
        .filter(|(distance, length, _)| *distance <= (length / 3).max(1) && *distance < *length)
        .min_by_key(|(distance, _, _)| *distance)
        .map(|(_, _, candidate)| candidate)
}

/// Edit distance with transpositions of neighbours (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + changed);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposed_letters_are_one_step() {
        let chars = |s: &str| s.chars().collect::<Vec<_>>();
        assert_eq!(distance(&chars("fiedls"), &chars("fields")), 1);
        assert_eq!(distance(&chars("treshold"), &chars("threshold")), 1);
        assert_eq!(distance(&chars(""), &chars("abc")), 3);
    }

    #[test]
    fn a_word_unlike_every_candidate_has_no_nearest() {
        assert_eq!(nearest("banana", ["when", "fields", "repeat"]), None);
        assert_eq!(nearest("fiedls", ["when", "fields", "repeat"]), Some("fields"));
        assert_eq!(nearest("x", ["in", "y"]), None);
    }
}
