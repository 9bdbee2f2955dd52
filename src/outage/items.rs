//! Notices of a YAML file.
//!
//! In: the tree of one file. Out: its notices, and the mistakes of those that cannot be read, which void no other.

use super::read::{Found, MOST_NOTICES};
use super::written::{Field, Setting, notice};
use super::zone::Zone;
use crate::rules::outages::{FILE, NOTICE};
use crate::rules::yaml::{self, Entry, Kind, Mark, Node};
use crate::rules::{Mistake, nearest};

/// Reads a file; a fault of form voids all of it, as what stands where can no longer be told.
pub(super) fn read(text: &str, mut setting: Setting) -> Found {
    let mut flaws = Vec::new();
    let root = yaml::read(text, 0, &mut flaws);
    flaws.sort();
    if let Some((at, what)) = flaws.into_iter().next() {
        return Found::fault(setting.mistake(at.line, at.column, what));
    }
    let Some(root) = root else {
        return Found::fault(setting.mistake(
            1,
            1,
            "the file is empty; without notices it says `outages: []`",
        ));
    };
    let Kind::Map(entries) = &root.kind else {
        let what = format!("an outage file is a map with the key `outages`, not {}", root.noun());
        return Found::fault(setting.mistake(root.at.line, root.at.column, what));
    };
    if let Some(entry) = entries.iter().find(|entry| !FILE.keys.contains(&entry.key.as_str())) {
        return Found::fault(unknown(&setting, entry, FILE.keys, "an outage file"));
    }
    let get = |key: &str| entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value);
    if let Some(node) = get("zone") {
        match node.text().ok_or_else(|| "`zone` must be a text".to_owned()).and_then(Zone::iana) {
            Ok(zone) => setting.zone = zone,
            Err(what) => return Found::fault(setting.mistake(node.at.line, node.at.column, what)),
        }
    }
    setting.author = get("author").and_then(Node::text).map(str::to_owned).filter(|a| !a.trim().is_empty());
    let Some(list) = get("outages") else {
        return Found::fault(setting.mistake(root.at.line, root.at.column, "`outages` is missing"));
    };
    let items = match &list.kind {
        Kind::List(items) => items,
        _ => {
            let what = format!("`outages` must be a list, not {}", list.noun());
            return Found::fault(setting.mistake(list.at.line, list.at.column, what));
        }
    };
    if items.len() > MOST_NOTICES {
        let what = format!("more than {MOST_NOTICES} notices in one file");
        return Found::fault(setting.mistake(list.at.line, list.at.column, what));
    }
    let mut found = Found::default();
    for item in items {
        match fields(item, &setting)
            .and_then(|fields| notice(&fields, &setting, item.at.line, item.at.column))
        {
            Ok(notice) => found.notices.push(notice),
            Err(mistakes) => found.mistakes.extend(mistakes),
        }
    }
    found
}

fn unknown(setting: &Setting, entry: &Entry, keys: &[&'static str], noun: &str) -> Mistake {
    let mut mistake =
        setting.mistake(entry.at.line, entry.at.column, format!("unknown key `{}` in {noun}", entry.key));
    mistake.hint = nearest(&entry.key, keys.iter().copied()).map(str::to_owned);
    mistake
}

/// The texts of one notice; a list gives its key several.
fn fields(item: &Node, setting: &Setting) -> Result<Vec<Field>, Vec<Mistake>> {
    let wrong = |at: Mark, what: String| vec![setting.mistake(at.line, at.column, what)];
    let Kind::Map(entries) = &item.kind else {
        return Err(wrong(item.at, format!("a notice is a map of keys and values, not {}", item.noun())));
    };
    let mut fields = Vec::new();
    for entry in entries {
        if !NOTICE.keys.contains(&entry.key.as_str()) {
            return Err(vec![unknown(setting, entry, NOTICE.keys, "a notice")]);
        }
        let nodes = match &entry.value.kind {
            Kind::List(nodes) => nodes.as_slice(),
            _ => std::slice::from_ref(&entry.value),
        };
        if nodes.is_empty() {
            return Err(wrong(entry.at, format!("`{}` is an empty list", entry.key)));
        }
        for node in nodes {
            let Some(text) = node.text().filter(|_| !node.is_null()) else {
                return Err(wrong(node.at, format!("`{}` must be a text, not {}", entry.key, node.noun())));
            };
            if text.trim().is_empty() {
                return Err(wrong(node.at, format!("`{}` is empty", entry.key)));
            }
            fields.push(Field {
                key: entry.key.clone(),
                text: text.to_owned(),
                line: node.at.line,
                column: node.at.column,
            });
        }
    }
    Ok(fields)
}
