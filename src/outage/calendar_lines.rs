//! The lines of an iCalendar file (RFC 5545, section 3.1): unfolded, taken apart, in their components.
//!
//! In: the text of one file. Out: the events and zones of its calendars with their properties and the line in which
//! each begins. It does not know what a property means.

use super::read::MOST_NOTICES;

/// Longest property after unfolding, in bytes.
const MOST_LENGTH: usize = 256 << 10;
/// Components within components.
const MOST_DEPTH: usize = 16;
/// Properties of one component.
const MOST_PROPERTIES: usize = 20_000;

/// One property: `NAME;PARAMETER=value:text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Property {
    /// Upper case.
    pub name: String,
    /// Names in upper case, values without quotes.
    pub parameters: Vec<(String, String)>,
    /// As written, escapes and all.
    pub value: String,
    /// From 1.
    pub line: u32,
}

impl Property {
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The text without RFC 5545's escapes.
    pub(super) fn text(&self) -> String {
        unescaped(&self.value)
    }

    /// The texts of a list, escaped commas not taken for separators.
    pub(super) fn texts(&self) -> Vec<String> {
        let mut texts = vec![String::new()];
        let mut escaped = false;
        for c in self.value.chars() {
            if c == ',' && !escaped {
                texts.push(String::new());
                continue;
            }
            escaped = c == '\\' && !escaped;
            texts.last_mut().expect("never empty").push(c);
        }
        texts.iter().map(|text| unescaped(text).trim().to_owned()).filter(|text| !text.is_empty()).collect()
    }
}

fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n' | 'N') => text.push('\n'),
                Some(other) => text.push(other),
                None => text.push('\\'),
            },
            c => text.push(c),
        }
    }
    text
}

/// One component and what stands in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Component {
    pub name: String,
    pub line: u32,
    pub properties: Vec<Property>,
    pub inside: Vec<Component>,
}

impl Component {
    pub(super) fn get(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Property> {
        self.properties.iter().filter(move |property| property.name == name)
    }
}

/// A fault: the line, and what.
pub(super) type Fault = (u32, String);

/// The calendars of a file. A file that ends within a component is half-written.
pub(super) fn calendars(text: &str) -> Result<Vec<Component>, Fault> {
    let mut open: Vec<Component> = Vec::new();
    let mut calendars = Vec::new();
    let mut components = 0;
    let mut last = 1;
    for logical in Unfolded::of(text) {
        let (line, text) = logical?;
        last = line;
        if text.trim().is_empty() {
            continue;
        }
        let Some(property) = property(&text, line) else {
            return Err((line, "a line that is no NAME:value".to_owned()));
        };
        let component = property.value.trim().to_ascii_uppercase();
        match property.name.as_str() {
            "BEGIN" => {
                components += 1;
                if open.len() >= MOST_DEPTH || components > 4 * MOST_NOTICES {
                    return Err((line, "too many components".to_owned()));
                }
                if open.is_empty() && component != "VCALENDAR" {
                    return Err((line, "the file does not begin with BEGIN:VCALENDAR".to_owned()));
                }
                open.push(Component { name: component, line, ..Component::default() });
            }
            "END" => match open.pop() {
                Some(done) if done.name == component => match open.last_mut() {
                    Some(outer) => outer.inside.push(done),
                    None => calendars.push(done),
                },
                _ => return Err((line, format!("END:{component} without its BEGIN"))),
            },
            _ => {
                let Some(current) = open.last_mut() else {
                    return Err((line, "the file does not begin with BEGIN:VCALENDAR".to_owned()));
                };
                if current.properties.len() >= MOST_PROPERTIES {
                    return Err((line, "a component with too many lines".to_owned()));
                }
                current.properties.push(property);
            }
        }
    }
    match open.last() {
        Some(open) => Err((last, format!("the file ends before END:{}: it is half-written", open.name))),
        None if calendars.is_empty() => {
            Err((1, "the file is empty; a calendar begins with BEGIN:VCALENDAR".to_owned()))
        }
        None => Ok(calendars),
    }
}

/// Logical lines: a line that begins with a blank continues the one before.
struct Unfolded<'a> {
    lines: std::iter::Peekable<std::iter::Enumerate<std::str::Lines<'a>>>,
}

impl<'a> Unfolded<'a> {
    fn of(text: &'a str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self { lines: text.lines().enumerate().peekable() }
    }
}

impl Iterator for Unfolded<'_> {
    type Item = Result<(u32, String), Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let (index, line) = self.lines.next()?;
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let mut whole = line.to_owned();
        while let Some((_, more)) = self.lines.next_if(|(_, line)| line.starts_with([' ', '\t'])) {
            whole.push_str(&more[1..]);
            if whole.len() > MOST_LENGTH {
                return Some(Err((number, format!("a line longer than {MOST_LENGTH} bytes"))));
            }
        }
        Some(Ok((number, whole)))
    }
}

/// Takes one logical line apart; quoted parameters may hold `:` and `;`.
fn property(text: &str, line: u32) -> Option<Property> {
    let mut quoted = false;
    let colon = text.char_indices().find(|(_, c)| {
        quoted ^= *c == '"';
        *c == ':' && !quoted
    })?;
    let (head, value) = (&text[..colon.0], &text[colon.0 + 1..]);
    let mut quoted = false;
    let mut parts = head.split(|c: char| {
        quoted ^= c == '"';
        c == ';' && !quoted
    });
    let name = parts.next()?.trim().to_ascii_uppercase();
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return None;
    }
    let parameters = parts
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| (name.trim().to_ascii_uppercase(), value.trim().trim_matches('"').to_owned()))
        .collect();
    Some(Property { name, parameters, value: value.to_owned(), line })
}
