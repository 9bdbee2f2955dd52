//! Globs over names: what is one, and what it holds for.
//!
//! In: a text as an operator wrote it. Out: whether it is more than a name, and a matcher without regard to
//! case. Every room that looks names up asks here, so that all mean the same by a glob.

use globset::{GlobBuilder, GlobMatcher};

/// Whether a text is more than a name: it holds `*`, `?`, `[`, `{` or an escape.
pub fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '[', '{', '\\'])
}

/// A glob, case ignored; None where it cannot be read.
pub fn matcher(glob: &str) -> Option<GlobMatcher> {
    GlobBuilder::new(glob).case_insensitive(true).build().ok().map(|glob| glob.compile_matcher())
}

/// Whether a name fits, case ignored. A text that is no glob fits itself only.
pub fn matches(glob: &str, name: &str) -> bool {
    if !is_glob(glob) {
        return glob.eq_ignore_ascii_case(name);
    }
    matcher(glob).is_some_and(|matcher| matcher.is_match(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_fits_itself_and_a_glob_what_it_holds_for() {
        assert!(matches("IS38", "is38") && !matches("is3", "is38"));
        assert!(matches("is3?", "IS38") && matches("{a,is}*", "is38") && !matches("is[12]*", "is38"));
    }

    #[test]
    fn a_glob_that_cannot_be_read_fits_nothing() {
        assert!(is_glob("node[") && matcher("node[").is_none() && !matches("node[", "node["));
    }
}
