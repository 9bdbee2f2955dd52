//! YAML text to a tree whose every node knows its line and column.
//!
//! In: one text. Out: a [`Node`] with raw scalar texts (`0042`, `1.10`, `on` stay what was written) and the
//! mistakes of form: syntax, duplicate keys, anchors, aliases, tags, a second document, depth, size. It
//! does not know what any key means. Only this file touches the YAML parser.

use serde_yaml::granit_parser::{Event, Parser, ScalarStyle, Span};
use std::collections::HashMap;

/// Collections within collections; operators' YAML has four or five.
pub const MOST_DEPTH: usize = 32;

/// Where a node begins: index of its source, line and column from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Mark {
    pub source: u16,
    pub line: u32,
    pub column: u32,
}

/// One value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub at: Mark,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// The raw text of a scalar, after YAML's escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    pub text: String,
    pub style: Style,
    /// Begins and ends on one line, so that a place inside the text has a column.
    pub one_line: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    Single,
    Double,
    Block,
}

/// One `key: value` of a map; keys are unique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub at: Mark,
    pub value: Node,
}

impl Node {
    /// Nothing written (`key:`), `~` or `null`, unquoted.
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(s) if s.style == Style::Plain
            && matches!(s.text.as_str(), "" | "~" | "null"))
    }

    /// The raw text, where this is a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }

    /// What this is, as a message says it.
    pub fn noun(&self) -> &'static str {
        match self.kind {
            Kind::Scalar(_) if self.is_null() => "nothing",
            Kind::Scalar(_) => "a text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }
}

/// A mistake of form: where, and what.
pub type Flaw = (Mark, String);

/// Reads one text. `None` where it is empty (or only comments) or where its syntax is broken: then there
/// is at least one flaw. After a flaw that is no syntax error reading goes on.
pub fn read(text: &str, source: u16, flaws: &mut Vec<Flaw>) -> Option<Node> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder { events: Parser::new_from_str(text), source, flaws };
    builder.document().unwrap_or(None)
}

/// The syntax error is already among the flaws; there is nothing more to read.
struct Broken;

struct Builder<'t, 'f> {
    events: Parser<'t, serde_yaml::granit_parser::StrInput<'t>>,
    source: u16,
    flaws: &'f mut Vec<Flaw>,
}

impl<'t> Builder<'t, '_> {
    fn document(&mut self) -> Result<Option<Node>, Broken> {
        let mut root = None;
        let mut second = false;
        loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentEnd, _) => {}
                (Event::StreamEnd, _) => return Ok(root),
                (Event::DocumentStart(..), span) => {
                    if second {
                        self.flaw(&span, "a rule file holds one document; remove this `---`".to_owned());
                        return Ok(root);
                    }
                    second = true;
                }
                (event, span) => root = Some(self.node(event, &span, 0)?).filter(|node| !node.is_null()),
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Broken> {
        match self.events.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let marker = error.marker();
                let at = Mark {
                    source: self.source,
                    line: number(marker.line()).max(1),
                    column: number(marker.col()).saturating_add(1),
                };
                self.flaws.push((at, format!("YAML syntax: {}", error.info())));
                Err(Broken)
            }
            None => Err(Broken),
        }
    }

    fn mark(&self, span: &Span) -> Mark {
        Mark {
            source: self.source,
            line: number(span.start.line()),
            column: number(span.start.col()).saturating_add(1),
        }
    }

    fn flaw(&mut self, span: &Span, what: String) {
        let at = self.mark(span);
        self.flaws.push((at, what));
    }

    fn node(&mut self, event: Event<'t>, span: &Span, depth: usize) -> Result<Node, Broken> {
        let at = self.mark(span);
        if depth > MOST_DEPTH {
            self.flaw(span, format!("nested deeper than {MOST_DEPTH} levels"));
            return Err(Broken);
        }
        let (anchor, tag) = match &event {
            Event::Scalar(_, _, anchor, tag)
            | Event::SequenceStart(_, anchor, tag)
            | Event::MappingStart(_, anchor, tag) => (*anchor != 0, tag.is_some()),
            _ => (false, false),
        };
        if anchor {
            self.flaw(span, "anchors (`&name`) are not allowed in rules; write the value out".to_owned());
        }
        if tag {
            self.flaw(
                span,
                "tags (`!name`) are not allowed in rules; quote the text if it begins with `!`".to_owned(),
            );
        }
        let kind = match event {
            Event::Scalar(text, style, ..) => Kind::Scalar(Scalar {
                text: text.into_owned(),
                style: match style {
                    ScalarStyle::SingleQuoted => Style::Single,
                    ScalarStyle::DoubleQuoted => Style::Double,
                    ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
                    _ => Style::Plain,
                },
                one_line: span.start.line() == span.end.line(),
            }),
            Event::SequenceStart(..) => Kind::List(self.list(depth)?),
            Event::MappingStart(..) => Kind::Map(self.map(depth)?),
            _ => {
                self.flaw(span, "aliases (`*name`) are not allowed in rules; write the value out, or quote a text that begins with `*`".to_owned());
                Kind::Scalar(Scalar { text: String::new(), style: Style::Plain, one_line: true })
            }
        };
        Ok(Node { at, kind })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Broken> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, &span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<Entry>, Broken> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen: HashMap<String, u32> = HashMap::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, _) => return Ok(entries),
                (event, span) => self.node(event, &span, depth + 1)?,
            };
            let (event, span) = self.next()?;
            let value = self.node(event, &span, depth + 1)?;
            let at = key.at;
            let Kind::Scalar(Scalar { text: key, .. }) = key.kind else {
                self.flaws.push((at, format!("a key must be a text, not {}", key.noun())));
                continue;
            };
            if let Some(line) = seen.get(&key) {
                self.flaws.push((at, format!("duplicate key `{key}`, first at line {line}")));
                continue;
            }
            seen.insert(key.clone(), at.line);
            entries.push(Entry { key, at, value });
        }
    }
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn flaws_of(text: &str) -> Vec<(u32, u32, String)> {
        let mut flaws = Vec::new();
        read(text, 0, &mut flaws);
        flaws.into_iter().map(|(at, what)| (at.line, at.column, what)).collect()
    }

    #[test]
    fn raw_texts_and_positions_survive() {
        let mut flaws = Vec::new();
        let node = read("# comment\nid: 0042\nlist: [1.10, 'on', \"é\"]\n", 7, &mut flaws).expect("a map");
        assert_eq!(flaws, []);
        let Kind::Map(entries) = node.kind else { panic!("a map") };
        assert_eq!((entries[0].key.as_str(), entries[0].at), ("id", Mark { source: 7, line: 2, column: 1 }));
        assert_eq!(entries[0].value.at, Mark { source: 7, line: 2, column: 5 });
        let Kind::List(items) = &entries[1].value.kind else { panic!("a list") };
        let scalars: Vec<_> = items
            .iter()
            .map(|item| match &item.kind {
                Kind::Scalar(s) => (s.text.as_str(), s.style, item.at.column),
                other => panic!("scalar, not {other:?}"),
            })
            .collect();
        assert_eq!(scalars, [("1.10", Style::Plain, 8), ("on", Style::Single, 14), ("é", Style::Double, 20)]);
    }

    #[test]
    fn every_flaw_of_form_is_told_at_its_place() {
        assert_eq!(
            flaws_of("a: 1\nb: &x 2\na: 3\nc: *x\nd: !t 5\n"),
            [
                (2, 7, "anchors (`&name`) are not allowed in rules; write the value out".to_owned()),
                (3, 1, "duplicate key `a`, first at line 1".to_owned()),
                (
                    4,
                    4,
                    "aliases (`*name`) are not allowed in rules; write the value out, or quote a text that begins with `*`"
                        .to_owned()
                ),
                (
                    5,
                    7,
                    "tags (`!name`) are not allowed in rules; quote the text if it begins with `!`".to_owned()
                ),
            ]
        );
        assert_eq!(
            flaws_of("a: 1\n---\nb: 2\n"),
            [(2, 1, "a rule file holds one document; remove this `---`".to_owned())]
        );
        assert_eq!(flaws_of("[a]: 1\n"), [(1, 1, "a key must be a text, not a list".to_owned())]);
    }

    #[test]
    fn depth_is_bounded_without_a_deep_stack() {
        let deep = "[".repeat(100_000);
        assert_eq!(flaws_of(&deep).len(), 1);
        let fine = format!("{}{}", "[".repeat(MOST_DEPTH), "]".repeat(MOST_DEPTH));
        assert_eq!(flaws_of(&fine), []);
    }

    #[test]
    fn an_empty_file_is_no_mistake() {
        for text in ["", "\n# only a comment\n", "---\n", "\u{feff}"] {
            let mut flaws = Vec::new();
            assert_eq!((read(text, 0, &mut flaws), flaws), (None, vec![]), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[\\[\\]{}:,&*!|>'\"%@`#\\-? \n\ta-c0-9~]{0,80}") {
            let mut flaws = Vec::new();
            read(&text, 0, &mut flaws);
        }
    }
}
