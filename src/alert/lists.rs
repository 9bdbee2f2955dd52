//! Lists held in memory: what `rules test` and tests answer from. The store answers from its tables.

use super::model::{ListEntry, Lists};
use super::name;
use crate::rules::glob::{is_glob, matches};
use std::collections::HashMap;

/// Domains, nodes and ticket Message-IDs in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryLists {
    pub domains: HashMap<String, ListEntry>,
    /// By name and by alias.
    pub nodes: HashMap<String, ListEntry>,
    /// Entries whose name or alias is a glob.
    pub globs: Vec<(String, ListEntry)>,
    /// Message-ID to ticket number.
    pub tickets: HashMap<String, String>,
}

impl MemoryLists {
    /// Adds a domain that holds for `only` these efforts or packages (none: for all).
    pub fn add_domain(&mut self, domain: &str, only: &[&str]) {
        let name = name::normal(domain);
        let only = only.iter().map(|&item| item.to_owned()).collect();
        self.domains.insert(name.clone(), ListEntry { name, only });
    }

    /// Adds a node with its aliases; a name or alias may be a glob.
    pub fn add_node(&mut self, node: &str, aliases: &[&str], only: &[&str]) {
        let name = name::normal(node);
        let entry = ListEntry { name, only: only.iter().map(|&item| item.to_owned()).collect() };
        for &written in std::iter::once(&node).chain(aliases) {
            let key = written.trim().to_lowercase();
            if is_glob(&key) {
                self.globs.push((key, entry.clone()));
            } else {
                self.nodes.insert(name::normal(&key), entry.clone());
            }
        }
    }
}

impl Lists for MemoryLists {
    fn domain(&self, domain: &str) -> Option<ListEntry> {
        self.domains.get(domain).cloned()
    }

    fn node(&self, node: &str) -> Option<ListEntry> {
        let by_glob = || self.globs.iter().find(|(glob, _)| matches(glob, node)).map(|(_, entry)| entry);
        self.nodes.get(node).or_else(by_glob).cloned()
    }

    fn domains(&self) -> u64 {
        self.domains.len() as u64
    }

    fn nodes(&self) -> u64 {
        (self.nodes.len() + self.globs.len()) as u64
    }

    fn ticket_of_message(&self, message_id: &str) -> Option<String> {
        self.tickets.get(message_id).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_answer_by_name_alias_and_glob() {
        let mut lists = MemoryLists::default();
        lists.add_node("IS38", &["is38-old"], &[]);
        lists.add_node("node*", &[], &["jre-*"]);
        assert_eq!(lists.node("is38-old").map(|entry| entry.name), Some("is38".into()));
        assert_eq!(lists.node("node77").map(|entry| entry.only), Some(vec!["jre-*".into()]));
        assert_eq!(lists.node("is39"), None);
    }
}
