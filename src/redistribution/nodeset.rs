//! Folded node sets: `node[40-42,50]` and the names it stands for.
//!
//! In: a text, or names. Out: names, or a text. It does not know what the names mean or where they came from.

use std::collections::HashSet;

/// Names that one text may stand for, at most.
pub const MOST: usize = 100_000;

/// Length of a name, at most (RFC 1035: 255).
const LONGEST: usize = 255;

/// The names a text stands for, in its order, each once: `a,node[08-10,12],rack[1-2]n[1-3]`; steps (`[0-8/2]`) and
/// zero padding as ClusterShell and pdsh write them. A plain name is itself.
///
/// None where it is no node set: unbalanced brackets, a descending or mixed range, a group (`@web`), set operators
/// (`!`, `&`, `^`), blanks or control characters, an empty piece, more than [`MOST`] names.
pub fn unfold(text: &str) -> Option<Vec<String>> {
    let strange = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '!' | '&' | '^');
    if text.contains(strange) {
        return None;
    }
    let mut names = Vec::new();
    for piece in pieces(text)? {
        if piece.is_empty() || piece.starts_with('@') {
            return None;
        }
        unfold_piece(piece, &mut names)?;
    }
    if names.len() > 1 {
        let mut seen = HashSet::with_capacity(names.len());
        let fresh: Vec<bool> = names.iter().map(|name| seen.insert(name.as_str())).collect();
        let mut fresh = fresh.into_iter();
        names.retain(|_| fresh.next().unwrap_or(true));
    }
    Some(names)
}

/// Cut at commas outside brackets.
pub(super) fn pieces(text: &str) -> Option<Vec<&str>> {
    let (mut found, mut start, mut inside) = (Vec::new(), 0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' if inside => return None,
            b'[' => inside = true,
            b']' if !inside => return None,
            b']' => inside = false,
            b',' if !inside => {
                found.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&text[start..]);
    (!inside).then_some(found)
}

fn unfold_piece(piece: &str, names: &mut Vec<String>) -> Option<()> {
    let mut heads = vec![String::new()];
    let mut rest = piece;
    while let Some((plain, after)) = rest.split_once('[') {
        let (ranges, after) = after.split_once(']')?;
        let numbers = numbers(ranges)?;
        let total = heads.len().checked_mul(numbers.len()).filter(|n| n + names.len() <= MOST)?;
        let mut longer = Vec::with_capacity(total);
        for head in &heads {
            for number in &numbers {
                let name = format!("{head}{plain}{number}");
                if name.len() > LONGEST {
                    return None;
                }
                longer.push(name);
            }
        }
        (heads, rest) = (longer, after);
    }
    if heads.len() + names.len() > MOST || rest.len() > LONGEST {
        return None;
    }
    for mut head in heads {
        head.push_str(rest);
        if head.len() > LONGEST {
            return None;
        }
        names.push(head);
    }
    Some(())
}

/// What stands between two brackets: `08-10,12,20-30/5`.
fn numbers(ranges: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    for range in ranges.split(',') {
        let (bounds, step) = match range.split_once('/') {
            Some((bounds, step)) => (bounds, number(step)?),
            None => (range, 1),
        };
        let (low, high) = bounds.split_once('-').unwrap_or((bounds, bounds));
        let (first, last) = (number(low)?, number(high)?);
        let padded = |digits: &str| digits.len() > 1 && digits.starts_with('0');
        let mixed = low.len() != high.len() && (padded(high) || (padded(low) && high.len() < low.len()));
        if step == 0 || last < first || mixed || (last - first) / step >= (MOST - found.len()) as u64 {
            return None;
        }
        let width = if padded(low) || padded(high) { low.len() } else { 0 };
        let mut at = first;
        while at <= last {
            found.push(format!("{at:0width$}"));
            at = at.checked_add(step)?;
        }
    }
    Some(found)
}

fn number(digits: &str) -> Option<u64> {
    let plain = (1..=18).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// The shortest simple writing of names: neighbours in one bracket, everything else as it is; order of first mention,
/// numbers ascending. [`unfold`] gives the same names back (each once) where each of them is one name by itself.
pub fn fold(names: &[String]) -> String {
    struct Group<'a> {
        before: &'a str,
        after: &'a str,
        /// Digits; empty: a name without a number.
        members: Vec<&'a str>,
    }
    let mut groups: Vec<Group> = Vec::new();
    let mut index = std::collections::HashMap::new();
    for name in names {
        let (before, digits, after) = apart(name);
        let at = *index.entry((before, after, digits.is_empty())).or_insert_with(|| {
            groups.push(Group { before, after, members: Vec::new() });
            groups.len() - 1
        });
        groups[at].members.push(digits);
    }
    let mut sets: Vec<String> = Vec::new();
    for Group { before, after, mut members } in groups {
        if members[0].is_empty() {
            sets.push(format!("{before}{after}"));
            continue;
        }
        members.sort_unstable_by_key(|digits| (digits.len(), *digits));
        members.dedup();
        // One length with a leading zero is padded to that length, and gets a bracket of its own: some tools know
        // only one padding per bracket.
        let mut natural: Vec<&str> = Vec::new();
        let mut classes: Vec<Vec<&str>> = Vec::new();
        for class in members.chunk_by(|a, b| a.len() == b.len()) {
            if class[0].len() > 1 && class[0].starts_with('0') {
                classes.push(class.to_vec());
            } else {
                natural.extend(class);
            }
        }
        if !natural.is_empty() {
            classes.insert(0, natural);
        }
        sets.extend(classes.iter().map(|class| match &class[..] {
            [one] => format!("{before}{one}{after}"),
            many => format!("{before}[{}]{after}", ranges(many)),
        }));
    }
    sets.join(",")
}

fn ranges(digits: &[&str]) -> String {
    let value = |digits: &str| digits.parse::<u64>().unwrap_or(u64::MAX);
    let runs = digits.chunk_by(|a, b| value(a).checked_add(1) == Some(value(b)));
    let written = runs.map(|run| match run {
        [one] => (*one).to_owned(),
        many => format!("{}-{}", many[0], many[many.len() - 1]),
    });
    written.collect::<Vec<_>>().join(",")
}

/// A name around the number that is counted: the last one of its first label, of an address the last one.
pub(super) fn apart(name: &str) -> (&str, &str, &str) {
    let address = name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let label = if address { name.len() } else { name.find('.').unwrap_or(name.len()) };
    let digit = |byte: &u8| byte.is_ascii_digit();
    let end = name.as_bytes()[..label].iter().rposition(digit).map_or(0, |at| at + 1);
    let start = name.as_bytes()[..end].iter().rposition(|byte| !digit(byte)).map_or(0, |at| at + 1);
    if start == end || end - start > 18 || name.contains(['[', ']', ',']) {
        return (name, "", "");
    }
    (&name[..start], &name[start..end], &name[end..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(text: &str) -> Vec<String> {
        unfold(text).unwrap_or_else(|| panic!("{text} is a node set"))
    }

    #[test]
    fn folded_sets_come_apart() {
        assert_eq!(names("node7"), ["node7"]);
        assert_eq!(names("node[40-42,50]"), ["node40", "node41", "node42", "node50"]);
        assert_eq!(names("n[08-10]"), ["n08", "n09", "n10"]);
        assert_eq!(names("n[098-100].east"), ["n098.east", "n099.east", "n100.east"]);
        assert_eq!(names("r[1-2]n[1-2]"), ["r1n1", "r1n2", "r2n1", "r2n2"]);
        assert_eq!(names("a,n[1,1-2],a"), ["a", "n1", "n2"]);
        assert_eq!(names("n[0-8/4]"), ["n0", "n4", "n8"]);
    }

    #[test]
    fn what_is_no_node_set_is_refused() {
        let texts = [
            "",
            "a,,b",
            "n[",
            "n]",
            "n[]",
            "n[1-]",
            "n[3-1]",
            "n[a-b]",
            "[::1]",
            "n[[1]]",
            "@web",
            "a,@all",
            "n[1-9]!n5",
            "a b",
            "n[1-3/0]",
            "n[1-010]",
            "n[010-11]",
            "n\u{1b}",
        ];
        for text in texts {
            assert_eq!(unfold(text), None, "{text:?}");
        }
    }

    #[test]
    fn size_is_bounded() {
        assert_eq!(names("n[1-100000]").len(), MOST);
        assert_eq!(unfold("n[1-100001]"), None);
        assert_eq!(unfold("n[1-999999999999999999]"), None);
        assert_eq!(unfold("n[1-1000]m[1-1000]"), None);
        assert_eq!(unfold("n[1-100000],m"), None);
        assert_eq!(unfold(&format!("{}[1-100000]", "n".repeat(1000))), None);
    }

    #[test]
    fn names_fold_by_neighbours() {
        let fold = |names: &[&str]| super::fold(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
        assert_eq!(fold(&["node40", "node41", "node42", "node50"]), "node[40-42,50]");
        assert_eq!(fold(&["n9", "n10", "n08", "n09"]), "n9,n[08-10]");
        assert_eq!(fold(&["n7.east1.example", "n8.east1.example", "web"]), "n[7-8].east1.example,web");
        assert_eq!(fold(&["10.1.2.3", "10.1.2.4"]), "10.1.2.[3-4]");
        assert_eq!(fold(&["node7"]), "node7");
        assert_eq!(fold(&[]), "");
    }

    proptest! {
        #![proptest_config(super::super::cases())]
        #[test]
        fn folding_and_unfolding_gives_the_same_names(
            written in proptest::collection::vec("[a-c]{0,2}[0-9]{0,3}(\\.[a-b]{1,2}[0-9]?)?", 1..40)
        ) {
            let mut written: Vec<String> = written.into_iter().filter(|name| !name.is_empty()).collect();
            prop_assume!(!written.is_empty());
            let mut back = names(&fold(&written));
            written.sort();
            written.dedup();
            back.sort();
            prop_assert_eq!(back, written);
        }

        #[test]
        fn any_text_is_taken_apart_within_bounds(text in "[a-b0-9,/@\\[\\]-]{0,24}") {
            prop_assert!(unfold(&text).is_none_or(|names| names.len() <= MOST));
        }
    }
}
