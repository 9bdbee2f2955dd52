//! Which text a rule file is, which layer wins, and how trees of one kind merge.
//!
//! In: sources, lowest layer first, and trees. Out: for each kind of file the texts that count, and for
//! settings one merged tree whose nodes still know their own source. It does not know what keys mean,
//! except which lists grow from layer to layer.

use super::yaml::{Entry, Kind, Node};
use std::collections::HashMap;

/// One text of the rules folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Name as the operator would say it, relative to the rules folder: `alerts/native.yaml`; those
    /// compiled in carry the prefix `embedded:`. A longer path counts by its end.
    pub file: String,
    pub text: String,
}

/// Prefix of the names of files that are compiled in.
pub const EMBEDDED: &str = "embedded:";

/// What a file of the rules folder is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role<'f> {
    Autoticket,
    Thresholds,
    Centers,
    /// `conf.d/*.yaml`: keys of the three above.
    Site,
    /// `alerts/NAME.yaml`, by its name relative to the folder.
    Format(&'f str),
    /// `templates/NAME.j2`, by the name without the ending.
    Template(&'f str),
    /// Belongs to the folder, but is read by somebody else.
    Elsewhere,
    Unknown,
}

/// Folders of the rules folder which are read elsewhere, or later.
const ELSEWHERE: [&str; 3] = ["lists", "outages", "logs"];

/// What a file is for, by the end of its name.
pub(super) fn role(file: &str) -> Role<'_> {
    let file = file.strip_prefix(EMBEDDED).unwrap_or(file);
    let mut parts = file.rsplit('/');
    let name = parts.next().unwrap_or_default();
    let folder = parts.next().unwrap_or_default();
    let yaml = name.ends_with(".yaml") && !name.starts_with('.');
    match folder {
        "alerts" if name.ends_with(".samples.yaml") => Role::Elsewhere,
        "alerts" if yaml => Role::Format(&file[file.len() - name.len() - "alerts/".len()..]),
        "templates" => Role::Template(name.strip_suffix(".j2").unwrap_or(name)),
        "conf.d" if yaml => Role::Site,
        folder if ELSEWHERE.contains(&folder) => Role::Elsewhere,
        _ => match name {
            "autoticket.yaml" => Role::Autoticket,
            "thresholds.yaml" => Role::Thresholds,
            "centers.yaml" => Role::Centers,
            "redistribution.yaml" => Role::Elsewhere,
            _ => Role::Unknown,
        },
    }
}

/// File names that mean something, for did-you-mean.
pub(super) const FILES: [&str; 3] = ["autoticket.yaml", "thresholds.yaml", "centers.yaml"];

/// Lists which a higher layer adds to; every other list it replaces.
const GROWING: [&str; 8] = [
    "failure_types",
    "gates.relays",
    "gates.subject.prefixes",
    "gates.subject.refuse",
    "gates.subject.require",
    "maildirs",
    "outages.files",
    "thresholds",
];

/// Maps which a higher layer replaces whole, as their keys exclude each other.
const WHOLE: [&str; 2] = ["lists.domains", "lists.nodes"];

/// Merges a higher layer over a lower one, key by key: maps merge, growing lists append, the rest is
/// replaced. A text that stands in a growing list already is not appended again. A key written without a value leaves a lower map or list as it is and takes a lower text away.
pub(super) fn merge(lower: Node, upper: Node) -> Node {
    merge_at(lower, upper, "")
}

fn merge_at(lower: Node, upper: Node, path: &str) -> Node {
    let null = upper.is_null();
    let at = upper.at;
    match (lower.kind, upper.kind) {
        (Kind::Map(lower), Kind::Map(upper)) if !WHOLE.contains(&path) => {
            Node { at, kind: Kind::Map(merge_maps(lower, upper, path)) }
        }
        (Kind::List(mut lower), Kind::List(upper)) if GROWING.contains(&path) => {
            let new =
                |item: &Node| !lower.iter().any(|own| own.text().is_some() && own.text() == item.text());
            let new: Vec<_> = upper.into_iter().filter(new).collect();
            lower.extend(new);
            Node { at, kind: Kind::List(lower) }
        }
        (kind @ (Kind::Map(_) | Kind::List(_)), _) if null && !WHOLE.contains(&path) => {
            Node { at: lower.at, kind }
        }
        (_, kind) => Node { at, kind },
    }
}

fn merge_maps(mut lower: Vec<Entry>, upper: Vec<Entry>, path: &str) -> Vec<Entry> {
    let places: HashMap<String, usize> =
        lower.iter().enumerate().map(|(index, entry)| (entry.key.clone(), index)).collect();
    for entry in upper {
        match places.get(&entry.key) {
            Some(&index) => {
                let own = &mut lower[index];
                let path = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
                let nothing = Node { at: own.at, kind: Kind::List(Vec::new()) };
                let value = std::mem::replace(&mut own.value, nothing);
                *own = Entry { value: merge_at(value, entry.value, &path), ..entry };
            }
            None => lower.push(entry),
        }
    }
    lower
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;
    use proptest::prelude::*;

    fn tree(text: &str, source: u16) -> Node {
        let mut flaws = Vec::new();
        let node = yaml::read(text, source, &mut flaws).expect("a tree");
        assert_eq!(flaws, []);
        node
    }

    /// The tree as a text, without positions.
    fn shape(node: &Node) -> String {
        match &node.kind {
            Kind::Scalar(s) => s.text.clone(),
            Kind::List(items) => format!("[{}]", items.iter().map(shape).collect::<Vec<_>>().join(",")),
            Kind::Map(entries) => {
                let inner: Vec<_> =
                    entries.iter().map(|e| format!("{}:{}", e.key, shape(&e.value))).collect();
                format!("{{{}}}", inner.join(","))
            }
        }
    }

    #[test]
    fn later_layers_win_key_by_key_and_growing_lists_append() {
        let lower = tree("delivery: {transport: files, retry: [0s, 1m]}\nmaildirs: [a]\n", 0);
        let upper = tree("delivery: {transport: smtp, retry: [5s]}\nmaildirs: [a, b]\n", 1);
        let merged = merge(lower, upper);
        assert_eq!(shape(&merged), "{delivery:{transport:smtp,retry:[5s]},maildirs:[a,b]}");
    }

    #[test]
    fn an_empty_key_leaves_maps_alone_and_takes_a_text_away() {
        let lower = tree("identity: {from: a@example.com}\ncenters: {a: {telephone: '1'}}\n", 0);
        let upper = tree("identity:\ncenters: {a: {telephone: }}\n", 1);
        assert_eq!(shape(&merge(lower, upper)), "{identity:{from:a@example.com},centers:{a:{telephone:~}}}");
    }

    #[test]
    fn a_list_source_is_replaced_whole() {
        let lower = tree("lists: {nodes: {file: nodes.txt, every: 1h}}", 0);
        let upper = tree("lists: {nodes: {command: [dm, nodes], every: 2h}}", 1);
        assert_eq!(shape(&merge(lower, upper)), "{lists:{nodes:{command:[dm,nodes],every:2h}}}");
    }

    #[test]
    fn roles_go_by_the_end_of_the_name() {
        assert_eq!(role("embedded:alerts/rsync.yaml"), Role::Format("alerts/rsync.yaml"));
        assert_eq!(role("/etc/autoticket/alerts/rsync.yaml"), Role::Format("alerts/rsync.yaml"));
        assert_eq!(role("alerts/rsync.samples.yaml"), Role::Elsewhere);
        assert_eq!(role("templates/ticket.txt.j2"), Role::Template("ticket.txt"));
        assert_eq!(role("conf.d/10-site.yaml"), Role::Site);
        assert_eq!(role("thresholds.yaml"), Role::Thresholds);
        assert_eq!(role("lists/nodes.yaml"), Role::Elsewhere);
        assert_eq!(role("redistribution.yaml"), Role::Elsewhere);
        assert_eq!(role("treshold.yaml"), Role::Unknown);
    }

    proptest! {
        #[test]
        fn merging_is_associative(texts in prop::collection::vec("\\{(a: [0-9], )?b: \\{(c: \\[[0-9]\\], )?d: [0-9]\\}, maildirs: \\[[a-c]\\]\\}", 3)) {
            let t = |i: usize| tree(&texts[i], 0);
            let left = merge(merge(t(0), t(1)), t(2));
            let right = merge(t(0), merge(t(1), t(2)));
            prop_assert_eq!(shape(&left), shape(&right));
        }
    }
}
