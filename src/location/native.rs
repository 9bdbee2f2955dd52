//! Location records in our own YAML: `devices:` and a list of maps.
//!
//! In: the text. Out: a record or mistakes per device, each at the line and column of what is wrong.

use super::field::{Field, OWN, Row, mistake};
use super::{Item, MOST_ROWS, MOST_YAML, Wrong};
use crate::rules::model::Origin;
use crate::rules::nearest;
use crate::rules::yaml::{self, Kind, Mark, Node};
use std::io::{BufRead, Read};

pub(super) fn read(file: &str, input: impl BufRead) -> Vec<Item> {
    let mut reader = Reader { file, items: Vec::new() };
    let mut bytes = Vec::new();
    let top = Mark { source: 0, line: 1, column: 1 };
    match input.take(MOST_YAML + 1).read_to_end(&mut bytes) {
        Err(error) => reader.end(top, format!("cannot be read: {error}")),
        Ok(length) if length as u64 > MOST_YAML => {
            reader.end(top, "longer than 32 MiB: import a list of this length as CSV".to_owned());
        }
        Ok(_) => match str::from_utf8(&bytes) {
            Ok(text) => reader.text(text),
            Err(e) => {
                let line = 1 + memchr::memchr_iter(b'\n', &bytes[..e.valid_up_to()]).count();
                let line = u32::try_from(line).unwrap_or(u32::MAX);
                reader.end(Mark { line, ..top }, "not UTF-8".to_owned());
            }
        },
    }
    reader.items
}

struct Reader<'f> {
    file: &'f str,
    items: Vec<Item>,
}

impl Reader<'_> {
    fn origin(&self, at: Mark) -> Origin {
        Origin { file: self.file.to_owned(), line: at.line, column: at.column }
    }

    fn end(&mut self, at: Mark, what: String) {
        self.items.push(Err(Wrong { mistake: mistake(&self.origin(at), what), whole_file: true }));
    }

    fn wrong(&mut self, at: Mark, what: String, hint: Option<&str>) {
        let mut mistake = mistake(&self.origin(at), what);
        mistake.hint = hint.map(str::to_owned);
        self.items.push(Err(Wrong { mistake, whole_file: false }));
    }

    fn text(&mut self, text: &str) {
        let mut flaws = Vec::new();
        let root = yaml::read(text, 0, &mut flaws);
        // Syntax that is broken somewhere leaves no tree; other flaws are of single values.
        let broken = root.is_none();
        for (at, what) in flaws {
            if broken { self.end(at, what) } else { self.wrong(at, what, None) }
        }
        let top = Mark { source: 0, line: 1, column: 1 };
        let Some(root) = root else {
            if self.items.is_empty() {
                self.end(top, "the file is empty".to_owned());
            }
            return;
        };
        let devices = match &root.kind {
            Kind::Map(entries) => entries.iter().find(|entry| entry.key == "devices").map(|e| &e.value),
            _ => None,
        };
        let Some(Node { kind: Kind::List(devices), .. }) = devices else {
            return self.end(root.at, "`devices` with a list of devices is missing".to_owned());
        };
        for node in devices.iter().take(MOST_ROWS) {
            self.device(node);
        }
        if let Some(node) = devices.get(MOST_ROWS) {
            self.end(node.at, format!("more than {MOST_ROWS} devices"));
        }
    }

    fn device(&mut self, node: &Node) {
        let Kind::Map(entries) = &node.kind else {
            return self.wrong(
                node.at,
                format!("a device must be a map of keys and values, not {}", node.noun()),
                None,
            );
        };
        let mut row = Row::default();
        for entry in entries {
            let field = OWN.iter().find(|(word, _)| *word == entry.key).map(|(_, field)| *field);
            let Some(field) = field else {
                let hint = nearest(&entry.key, OWN.iter().map(|(word, _)| *word));
                self.wrong(entry.at, format!("unknown key `{}` in a device", entry.key), hint);
                continue;
            };
            self.value(&mut row, field, &entry.value);
        }
        match row.record(self.origin(node.at)) {
            Ok(record) => self.items.push(Ok(record)),
            Err(mistakes) => self
                .items
                .extend(mistakes.into_iter().map(|mistake| Err(Wrong { mistake, whole_file: false }))),
        }
    }

    fn value(&mut self, row: &mut Row, field: Field, node: &Node) {
        match &node.kind {
            Kind::Scalar(_) if node.is_null() => {}
            Kind::Scalar(scalar) => row.add((field, 0), &scalar.text),
            Kind::List(items) if matches!(field, Field::Aliases | Field::Mac | Field::Ip) => {
                items.iter().for_each(|item| self.value(row, field, item));
            }
            _ => self.wrong(node.at, format!("a text is wanted here, not {}", node.noun()), None),
        }
    }
}
