//! The difference of two argument vectors, element by element.
//!
//! In: two sequences. Out: what stayed, went and came, in order. It does not know how it is shown.

/// Beyond so many pairs the differing middle is shown as a whole: removed, then added.
const PAIRS: usize = 1 << 20;

/// One step of the way from the old vector to the new one; indexes into them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Same(usize, usize),
    Removed(usize),
    Added(usize),
}

/// The longest common subsequence stays; what is removed at a place comes before what is added there.
pub(super) fn between<T: PartialEq>(old: &[T], new: &[T]) -> Vec<Change> {
    let front = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (a, b) = (&old[front..], &new[front..]);
    let back = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[..a.len() - back], &b[..b.len() - back]);

    let mut way: Vec<Change> = (0..front).map(|at| Change::Same(at, at)).collect();
    middle(a, b, front, &mut way);
    let (ends_a, ends_b) = (front + a.len(), front + b.len());
    way.extend((0..back).map(|at| Change::Same(ends_a + at, ends_b + at)));
    way
}

fn middle<T: PartialEq>(a: &[T], b: &[T], from: usize, way: &mut Vec<Change>) {
    let (mut i, mut j) = (0, 0);
    if a.len().saturating_mul(b.len()) <= PAIRS {
        let row = b.len() + 1;
        let mut common = vec![0_u32; (a.len() + 1) * row];
        for i in (0..a.len()).rev() {
            for j in (0..b.len()).rev() {
                common[i * row + j] = if a[i] == b[j] {
                    common[(i + 1) * row + j + 1] + 1
                } else {
                    common[(i + 1) * row + j].max(common[i * row + j + 1])
                };
            }
        }
        while i < a.len() && j < b.len() {
            if a[i] == b[j] {
                way.push(Change::Same(from + i, from + j));
                (i, j) = (i + 1, j + 1);
            } else if common[(i + 1) * row + j] >= common[i * row + j + 1] {
                way.push(Change::Removed(from + i));
                i += 1;
            } else {
                way.push(Change::Added(from + j));
                j += 1;
            }
        }
    }
    way.extend((i..a.len()).map(|at| Change::Removed(from + at)));
    way.extend((j..b.len()).map(|at| Change::Added(from + at)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(old: &[&str], new: &[&str]) -> String {
        let said = between(old, new).into_iter().map(|change| match change {
            Change::Same(i, _) => format!(" {}", old[i]),
            Change::Removed(i) => format!("-{}", old[i]),
            Change::Added(j) => format!("+{}", new[j]),
        });
        said.collect::<Vec<_>>().join(",")
    }

    #[test]
    fn replaced_elements_are_removed_then_added() {
        assert_eq!(
            written(&["clush", "-w", "n[1-3]", "x"], &["clush", "-w", "n2", "x"]),
            " clush, -w,-n[1-3],+n2, x"
        );
    }

    #[test]
    fn an_inserted_option_is_only_added() {
        assert_eq!(
            written(&["ap", "site.yml"], &["ap", "--limit", "n2", "site.yml"]),
            " ap,+--limit,+n2, site.yml"
        );
    }

    proptest! {
        #[test]
        fn both_vectors_can_be_read_back(old in prop::collection::vec(0_u8..4, 0..12), new in prop::collection::vec(0_u8..4, 0..12)) {
            let way = between(&old, &new);
            let kept = |f: fn(&Change) -> Option<usize>| way.iter().filter_map(f).collect::<Vec<_>>();
            let olds = kept(|c| match c { Change::Same(i, _) | Change::Removed(i) => Some(*i), Change::Added(_) => None });
            let news = kept(|c| match c { Change::Same(_, j) | Change::Added(j) => Some(*j), Change::Removed(_) => None });
            prop_assert_eq!(olds, (0..old.len()).collect::<Vec<_>>());
            prop_assert_eq!(news, (0..new.len()).collect::<Vec<_>>());
            for change in &way {
                if let Change::Same(i, j) = change { prop_assert_eq!(old[*i], new[*j]); }
            }
        }
    }
}
