//! Recipients by name: found however a command, a list or a record writes them; refused where a name is not safe to
//! be issued.
//!
//! In: names. Out: which one is meant, or why a name may not stand in a command. It does not know where they are
//! written or what became of them.

use crate::alert::name::{host, is_address, normal, same};
use crate::shown::is_hidden;
use std::borrow::Borrow;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

/// Names to be found: as written, else in their normal form, else short for FQDN and the other way round where that
/// names one only.
#[derive(Debug)]
pub struct Names<N> {
    all: Vec<N>,
    exact: HashMap<N, usize>,
    normal: OnceCell<Normal>,
}

/// Built only where a name is not found as it is written.
#[derive(Debug)]
struct Normal {
    forms: Vec<String>,
    whole: HashMap<String, usize>,
    hosts: HashMap<String, Vec<usize>>,
}

/// What a text names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Nothing,
    /// Index of the name; of names with one normal form, the first.
    One(usize),
    /// A short name that several could mean.
    Several,
}

impl<N: Borrow<str> + Clone + Eq + Hash> Names<N> {
    /// All of these, with the indices that they have here.
    pub fn new(names: impl IntoIterator<Item = N>) -> Self {
        let all: Vec<N> = names.into_iter().collect();
        let mut exact = HashMap::with_capacity(all.len());
        for (at, name) in all.iter().enumerate() {
            exact.entry(name.clone()).or_insert(at);
        }
        Self { all, exact, normal: OnceCell::new() }
    }

    /// Each of these once, in the order of its first.
    pub fn distinct(names: impl IntoIterator<Item = N>) -> Self {
        let (mut all, mut exact) = (Vec::new(), HashMap::new());
        for name in names {
            if let Entry::Vacant(place) = exact.entry(name) {
                all.push(place.key().clone());
                place.insert(all.len() - 1);
            }
        }
        Self { all, exact, normal: OnceCell::new() }
    }

    /// The names, by their indices.
    pub fn all(&self) -> &[N] {
        &self.all
    }

    pub fn find(&self, text: &str) -> Found {
        if let Some(at) = self.exact.get(text) {
            return Found::One(*at);
        }
        let index = self.normal.get_or_init(|| Normal::of(&self.all));
        let wanted = normal(text);
        if let Some(at) = index.whole.get(&wanted) {
            return Found::One(*at);
        }
        let alike = index.hosts.get(&host(&wanted)).map_or(&[][..], Vec::as_slice);
        let mut meant = alike.iter().copied().filter(|at| same(&index.forms[*at], &wanted));
        match (meant.next(), meant.next()) {
            (None, _) => Found::Nothing,
            (Some(at), None) => Found::One(at),
            _ => Found::Several,
        }
    }
}

impl Normal {
    fn of<N: Borrow<str>>(all: &[N]) -> Self {
        let forms: Vec<String> = all.iter().map(|name| normal(name.borrow())).collect();
        let (mut whole, mut hosts) = (HashMap::new(), HashMap::<String, Vec<usize>>::new());
        for (at, form) in forms.iter().enumerate() {
            // A name written in two ways is one name.
            if !whole.contains_key(form) {
                whole.insert(form.clone(), at);
                hosts.entry(host(form)).or_default().push(at);
            }
        }
        Self { forms, whole, hosts }
    }
}

/// Why a recipient may not be issued to, whatever the command: it would be taken for an option, or show as something
/// it is not.
pub fn unfit(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("is empty")
    } else if name.starts_with('-') {
        Some("begins with `-` and would be taken for an option")
    } else if name.contains(|c: char| is_hidden(c) || c.is_control()) {
        Some("holds control or invisible characters")
    } else if name.contains(char::is_whitespace) {
        Some("holds blanks")
    } else {
        None
    }
}

/// Why a name would be read as more than one recipient by a tool that takes patterns, groups or lists.
pub fn more_than_a_name(name: &str, separator: &str) -> Option<&'static str> {
    let pattern = |c: char| "*?[]{}()!&^<>|;,\"'`$\\#=".contains(c);
    if !separator.is_empty() && name.contains(separator) {
        Some("holds the separator of the list it would stand in")
    } else if name.starts_with(['@', '~', '/', '+', '%']) || name.contains(pattern) {
        Some("would be read as a pattern, a group or a file")
    } else if name.contains(':') && !is_address(&normal(name)) {
        Some("holds `:`, which separates names")
    } else if ["all", "ungrouped"].iter().any(|group| name.eq_ignore_ascii_case(group)) {
        Some("names a group of all recipients")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_however_it_is_written() {
        let names = Names::new([
            "node7.east.example",
            "NODE8",
            "10.1.2.3",
            "node9.east.example",
            "node9.west.example",
        ]);
        for (text, found) in [
            ("node7.east.example", Found::One(0)),
            ("Node7.East.Example.", Found::One(0)),
            ("node7", Found::One(0)),
            ("node8.west.example", Found::One(1)),
            ("[10.1.2.3]", Found::One(2)),
            ("node9", Found::Several),
            ("node9.west.example", Found::One(4)),
            ("node7.west.example", Found::Nothing),
            ("10", Found::Nothing),
        ] {
            assert_eq!(names.find(text), found, "{text}");
        }
    }

    #[test]
    fn hostile_names_are_refused() {
        for name in ["", "-l", "--limit=all", "a\nb", "a\u{1b}[2J", "a\u{202e}b", "a b"] {
            assert!(unfit(name).is_some(), "{name:?}");
        }
        for name in
            ["a,b", "*", "web[1-2]", "!a", "@/etc/hosts", "~a.*", "a:b", "all", "ALL", "{list}", "/etc/x"]
        {
            assert!(more_than_a_name(name, ",").is_some(), "{name:?}");
        }
        for name in ["node7", "node-7.east.example", "10.1.2.3", "fe80::1", "08:00:20:1a:2b:3c", "a_b"] {
            assert_eq!((unfit(name), more_than_a_name(name, ",")), (None, None), "{name:?}");
        }
    }
}
