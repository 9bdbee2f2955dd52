//! Whether two globs can hold for the same name.
//!
//! In: two globs. Out: yes, or no. Names compare without ASCII case. Classes count as any one character;
//! globs with alternatives (`{a,b}`) or escapes are never said to overlap, as a check must not refuse what
//! is right.

/// One step of a glob; wildcards sort first, so that a glob stands before those its beginning begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Any,
    One,
    Letter(char),
}

/// A glob as steps, ready to be compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Steps(Vec<Step>);

impl Steps {
    /// None where this check does not understand the glob.
    pub(super) fn of(glob: &str) -> Option<Steps> {
        let mut steps = Vec::new();
        let mut letters = glob.chars();
        while let Some(letter) = letters.next() {
            steps.push(match letter {
                '{' | '\\' => return None,
                '*' => Step::Any,
                '?' => Step::One,
                '[' => {
                    // A `]` right at the beginning of a class, negated or not, belongs to it.
                    let first = letters.find(|c| *c != '!' && *c != '^');
                    first.and_then(|_| letters.find(|c| *c == ']'))?;
                    Step::One
                }
                letter => Step::Letter(letter.to_ascii_lowercase()),
            });
        }
        Some(Steps(steps))
    }

    /// What every name it holds for begins with.
    fn prefix(&self) -> &[Step] {
        let letters = self.0.iter().take_while(|step| matches!(step, Step::Letter(_))).count();
        &self.0[..letters]
    }

    /// Neither literal beginning begins with the other: nothing sorted after `other` overlaps either.
    pub(super) fn is_apart(&self, other: &Steps) -> bool {
        let (a, b) = (self.prefix(), other.prefix());
        !a.starts_with(b) && !b.starts_with(a)
    }

    /// Whether some name fits both.
    pub(super) fn overlaps(&self, other: &Steps) -> bool {
        let (a, b) = (&self.0, &other.0);
        // meets[j]: the rests a[i..] and b[j..] have a name in common.
        let mut below: Vec<bool> = Vec::new();
        for i in (0..=a.len()).rev() {
            let mut meets = vec![false; b.len() + 1];
            for j in (0..=b.len()).rev() {
                let skip_a = |row: &[bool]| row.get(j).copied().unwrap_or(false);
                meets[j] = match (a.get(i), b.get(j)) {
                    (None, None) => true,
                    (Some(Step::Any), _) => skip_a(&below) || meets.get(j + 1).copied().unwrap_or(false),
                    (_, Some(Step::Any)) => meets[j + 1] || skip_a(&below),
                    (None, Some(_)) | (Some(_), None) => false,
                    (Some(Step::Letter(x)), Some(Step::Letter(y))) if x != y => false,
                    _ => below.get(j + 1).copied().unwrap_or(false),
                };
            }
            below = meets;
        }
        below[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn overlap(a: &str, b: &str) -> bool {
        let steps = |glob| Steps::of(glob).expect("understood");
        assert_eq!(steps(a).overlaps(&steps(b)), steps(b).overlaps(&steps(a)), "{a} {b}");
        steps(a).overlaps(&steps(b))
    }

    #[test]
    fn globs_overlap_where_one_name_fits_both() {
        for (a, b) in
            [("node*", "*7"), ("a?c", "ab*"), ("*", "*"), ("N*", "n7*"), ("a*b*c", "*b"), ("[ab]x", "?x")]
        {
            assert_eq!(overlap(a, b), (a, b) != ("a*b*c", "*b"), "{a} {b}");
        }
        for (a, b) in [("node*", "srv*"), ("a?", "a"), ("*.emea", "*.apac"), ("a*x", "b*x")] {
            assert!(!overlap(a, b), "{a} {b}");
        }
        assert_eq!((Steps::of("{a,b}"), Steps::of("a\\*")), (None, None));
    }

    fn fits(glob: &str, name: &str) -> bool {
        globset::Glob::new(glob).expect("a glob").compile_matcher().is_match(name)
    }

    proptest! {
        #[test]
        fn a_name_that_fits_both_is_an_overlap(a in "[ab*?]{1,5}", b in "[ab*?]{1,5}", name in "[ab]{1,6}") {
            if fits(&a, &name) && fits(&b, &name) {
                prop_assert!(overlap(&a, &b));
            }
        }

        #[test]
        fn an_overlap_has_a_name(a in "[ab*?]{1,4}", b in "[ab*?]{1,4}") {
            // A shortest common name has at most as many letters as both globs have steps.
            let names = (0..=8u32).flat_map(|n| (0..1u32 << n).map(move |bits| {
                (0..n).map(|i| if bits >> i & 1 == 0 { 'a' } else { 'b' }).collect::<String>()
            }));
            let (fit_a, fit_b) = (globset::Glob::new(&a).expect("a glob").compile_matcher(), globset::Glob::new(&b).expect("a glob").compile_matcher());
            let common = names.into_iter().any(|name| fit_a.is_match(&name) && fit_b.is_match(&name));
            prop_assert_eq!(overlap(&a, &b), common);
        }
    }
}
