//! Reads values out of a tree and collects every mistake on the way.
//!
//! In: nodes of [`super::yaml`] and the tables of keys. Out: checked values (`None` where one was wrong,
//! after the mistake was noted) and the sorted list of mistakes. It does not know what the values are for.

use super::mistake::{Mistake, nearest};
use super::model::{Origin, Seconds};
use super::words;
use super::yaml::{Entry, Flaw, Kind, Mark, Node, Scalar, Style};
use std::collections::BTreeSet;

/// The keys of one kind of map; together these tables are what `autoticket-rules(5)` documents.
#[derive(Debug, PartialEq, Eq)]
pub struct Keys {
    /// File (`autoticket.yaml`, `alerts/*.yaml`, …).
    pub file: &'static str,
    /// Which map in it: dotted path, `[]` for items of a list, empty for the file's top level.
    pub of: &'static str,
    pub keys: &'static [&'static str],
}

/// A name that has to be defined somewhere else, and where it is written.
pub(super) type Named = (Mark, String);

/// One map whose keys were checked against their table.
#[derive(Clone, Copy)]
pub(super) struct Fields<'n> {
    pub(super) at: Mark,
    entries: &'n [Entry],
    table: Option<&'static Keys>,
}

impl<'n> Fields<'n> {
    /// The value of a key; one that is written but empty counts as not written.
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entry(key).map(|entry| &entry.value).filter(|value| !value.is_null())
    }

    pub(super) fn entry(&self, key: &str) -> Option<&'n Entry> {
        debug_assert!(self.table.is_none_or(|table| table.keys.contains(&key)), "undocumented key {key}");
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(super) fn entries(&self) -> &'n [Entry] {
        self.entries
    }
}

/// Collects mistakes while values are read.
pub(super) struct Checker<'s> {
    files: &'s [String],
    found: BTreeSet<(Mark, String, Option<String>)>,
    /// Patterns checked so far and what they compile to, for the budget.
    pub(super) spent: super::pattern::Spent,
}

impl<'s> Checker<'s> {
    /// `files`: names of the sources, by the index that marks carry.
    pub(super) fn new(files: &'s [String]) -> Self {
        Self { files, found: BTreeSet::new(), spent: super::pattern::Spent::default() }
    }

    pub(super) fn wrong(&mut self, at: Mark, what: impl Into<String>) {
        self.found.insert((at, what.into(), None));
    }

    pub(super) fn wrong_word(&mut self, at: Mark, what: impl Into<String>, hint: Option<&str>) {
        self.found.insert((at, what.into(), hint.map(str::to_owned)));
    }

    pub(super) fn flaws(&mut self, flaws: Vec<Flaw>) {
        self.found.extend(flaws.into_iter().map(|(at, what)| (at, what, None)));
    }

    pub(super) fn is_clean(&self) -> bool {
        self.found.is_empty()
    }

    /// The mistakes in the order of the sources, then of lines and columns.
    pub(super) fn into_mistakes(self) -> Vec<Mistake> {
        let Self { files, found, .. } = self;
        let mistake = |(at, what, hint): (Mark, String, Option<String>)| Mistake {
            file: name(files, at).to_owned(),
            line: at.line,
            column: at.column,
            what,
            hint,
        };
        found.into_iter().map(mistake).collect()
    }

    pub(super) fn origin(&self, at: Mark) -> Origin {
        Origin { file: name(self.files, at).to_owned(), line: at.line, column: at.column }
    }

    /// `file:line` of another place a message points to.
    pub(super) fn place(&self, at: Mark) -> String {
        self.origin(at).to_string()
    }

    /// A map with only the keys of the table; `noun` is what it is in a message: `a format rule`.
    pub(super) fn fields<'n>(
        &mut self,
        node: &'n Node,
        table: &'static Keys,
        noun: &str,
    ) -> Option<Fields<'n>> {
        self.fields_but(node, table, noun, &[])
    }

    /// The same, where some unknown keys were already told for a reason of their own.
    pub(super) fn fields_but<'n>(
        &mut self,
        node: &'n Node,
        table: &'static Keys,
        noun: &str,
        told: &[&str],
    ) -> Option<Fields<'n>> {
        let entries = self.map(node, noun)?;
        for entry in entries {
            let key = entry.key.as_str();
            if !table.keys.contains(&key) && !told.contains(&key) {
                let hint = nearest(&entry.key, table.keys.iter().copied());
                let known = match hint {
                    Some(_) => String::new(),
                    None => format!("; known are {}", table.keys.join(", ")),
                };
                self.wrong_word(entry.at, format!("unknown key `{}` in {noun}{known}", entry.key), hint);
            }
        }
        Some(Fields { at: node.at, entries, table: Some(table) })
    }

    /// A map whose keys are names chosen by the operator.
    pub(super) fn names<'n>(&mut self, node: &'n Node, noun: &str) -> Option<Fields<'n>> {
        let entries = self.map(node, noun)?;
        Some(Fields { at: node.at, entries, table: None })
    }

    fn map<'n>(&mut self, node: &'n Node, noun: &str) -> Option<&'n [Entry]> {
        match &node.kind {
            Kind::Map(entries) => Some(entries),
            _ => {
                self.wrong(node.at, format!("{noun} must be a map of keys and values, not {}", node.noun()));
                None
            }
        }
    }

    /// The value of a key that has to be there.
    pub(super) fn need<'n>(&mut self, fields: &Fields<'n>, key: &str) -> Option<&'n Node> {
        match fields.entry(key) {
            Some(entry) if entry.value.is_null() => {
                self.wrong(entry.at, format!("`{key}` has no value"));
                None
            }
            Some(entry) => Some(&entry.value),
            None => {
                self.wrong(fields.at, format!("`{key}` is missing"));
                None
            }
        }
    }

    pub(super) fn section<'n>(
        &mut self,
        fields: &Fields<'n>,
        key: &str,
        table: &'static Keys,
    ) -> Option<Fields<'n>> {
        let node = self.need(fields, key)?;
        self.fields(node, table, &format!("`{key}`"))
    }

    pub(super) fn list<'n>(&mut self, node: &'n Node, key: &str) -> Option<&'n [Node]> {
        match &node.kind {
            Kind::List(items) => Some(items),
            _ => {
                self.wrong(node.at, format!("`{key}` must be a list, not {}", node.noun()));
                None
            }
        }
    }

    pub(super) fn scalar<'n>(&mut self, node: &'n Node, key: &str) -> Option<&'n Scalar> {
        match &node.kind {
            Kind::Scalar(scalar) if !node.is_null() => Some(scalar),
            _ => {
                self.wrong(node.at, format!("`{key}` must be a text, not {}", node.noun()));
                None
            }
        }
    }

    /// A text that is not empty and holds no control characters.
    pub(super) fn text(&mut self, node: &Node, key: &str) -> Option<String> {
        let text = &self.scalar(node, key)?.text;
        if text.trim().is_empty() {
            self.wrong(node.at, format!("`{key}` is empty"));
            return None;
        }
        if text.chars().any(char::is_control) {
            self.wrong(node.at, format!("`{key}` holds a control character or a line break"));
            return None;
        }
        Some(text.clone())
    }

    /// One text or a list of texts; never empty.
    pub(super) fn texts(&mut self, node: &Node, key: &str) -> Option<Vec<String>> {
        let texts = self.texts_or_none(node, key)?;
        if texts.is_empty() {
            self.wrong(node.at, format!("`{key}` is an empty list"));
            return None;
        }
        Some(texts)
    }

    /// One text or a list of texts, which may be empty.
    pub(super) fn texts_or_none(&mut self, node: &Node, key: &str) -> Option<Vec<String>> {
        match &node.kind {
            Kind::List(items) => {
                let texts: Vec<_> = items.iter().map(|item| self.text(item, key)).collect();
                texts.into_iter().collect()
            }
            _ => self.text(node, key).map(|text| vec![text]),
        }
    }

    /// `true` or `false` and nothing else; `yes` and `on` are other people's booleans.
    pub(super) fn flag(&mut self, node: &Node, key: &str) -> Option<bool> {
        let scalar = self.scalar(node, key)?;
        let plain = scalar.style == Style::Plain;
        match scalar.text.as_str() {
            "true" if plain => Some(true),
            "false" if plain => Some(false),
            "true" | "false" => {
                self.wrong(node.at, format!("`{key}` must be true or false without quotes"));
                None
            }
            other => {
                let hint = match other.to_ascii_lowercase().as_str() {
                    "yes" | "on" | "y" | "1" | "true" => Some("true"),
                    "no" | "off" | "n" | "0" | "false" => Some("false"),
                    _ => None,
                };
                self.wrong_word(node.at, format!("`{key}` must be true or false, not `{other}`"), hint);
                None
            }
        }
    }

    /// A whole number in a range, in decimal digits.
    pub(super) fn whole(
        &mut self,
        node: &Node,
        key: &str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Option<i64> {
        let scalar = self.scalar(node, key)?;
        let digits = scalar.text.strip_prefix('-').unwrap_or(&scalar.text);
        let whole = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        match scalar.text.parse::<i64>() {
            Ok(number) if whole && range.contains(&number) => Some(number),
            _ => {
                let (low, high) = (range.start(), range.end());
                let what =
                    format!("`{key}` must be a whole number from {low} to {high}, not `{}`", scalar.text);
                self.wrong(node.at, what);
                None
            }
        }
    }

    /// A duration in a range.
    pub(super) fn seconds(
        &mut self,
        node: &Node,
        key: &str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Option<Seconds> {
        let scalar = self.scalar(node, key)?;
        match words::parse_seconds(&scalar.text) {
            Ok(seconds) if range.contains(&seconds.0) => Some(seconds),
            Ok(_) => {
                let (low, high) = (Seconds(*range.start()), Seconds(*range.end()));
                self.wrong(node.at, format!("`{key}` must be from {low} to {high}, not `{}`", scalar.text));
                None
            }
            Err(what) => {
                self.wrong(node.at, format!("`{key}`: {what}"));
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn word<'w>(&mut self, node: &Node, key: &str, words: &[&'w str]) -> Option<&'w str> {
        let scalar = self.scalar(node, key)?;
        let found = words.iter().copied().find(|word| *word == scalar.text);
        if found.is_none() {
            let what = format!("`{key}` must be one of {}, not `{}`", words.join(", "), scalar.text);
            self.wrong_word(node.at, what, nearest(&scalar.text, words.iter().copied()));
        }
        found
    }

    /// A text that a parser of [`super::words`] reads; its first word is compared for did-you-mean.
    pub(super) fn parsed<T>(
        &mut self,
        node: &Node,
        key: &str,
        words: &[&str],
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = &self.scalar(node, key)?.text;
        match parse(text) {
            Ok(value) => Some(value),
            Err(what) => {
                let first = text.split_whitespace().next().unwrap_or("");
                let hint = nearest(first, words.iter().copied()).filter(|hint| *hint != first);
                self.wrong_word(node.at, format!("`{key}`: {what}"), hint);
                None
            }
        }
    }

    /// Globs, one or a list, each of which compiles.
    pub(super) fn globs(&mut self, node: &Node, key: &str) -> Option<Vec<String>> {
        let globs = self.texts(node, key)?;
        for glob in &globs {
            if let Err(what) = words::check_glob(glob) {
                self.wrong(node.at, format!("`{key}`: {what}"));
                return None;
            }
        }
        Some(globs)
    }

    /// Exactly one of these keys; which, and its value.
    pub(super) fn one_of<'n, 'k>(
        &mut self,
        fields: &Fields<'n>,
        keys: &[&'k str],
        noun: &str,
    ) -> Option<(&'k str, &'n Node)> {
        let given: Vec<_> = keys.iter().filter_map(|key| Some((*key, fields.get(key)?))).collect();
        match given.as_slice() {
            [one] => Some(*one),
            [] => {
                self.wrong(fields.at, format!("{noun} needs one of {}", keys.join(", ")));
                None
            }
            [(first, _), (second, node), ..] => {
                self.wrong(node.at, format!("{noun} has both `{first}` and `{second}`; only one may stand"));
                None
            }
        }
    }
}

fn name(files: &[String], at: Mark) -> &str {
    files.get(usize::from(at.source)).map_or("", String::as_str)
}
