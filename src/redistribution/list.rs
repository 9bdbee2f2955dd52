//! Distribution lists: whom they name, and the line of each.
//!
//! In: the text of a list, and which field of its lines is the recipient. Out: names in its order, a name found however
//! it is written, lines as they stand there. It does not know files, nor who failed.

use super::names::{Found, Names};
use std::cell::OnceCell;
use std::rc::Rc;

/// The distribution list a run recorded, as it is now: read by the caller.
#[derive(Debug, Clone)]
pub struct ListText {
    /// None: it cannot be read any more.
    pub list: Option<Rc<List>>,
    /// How it differs from the one the run used, in words: `changed on 2026-03-15, after the run`.
    pub changed: Option<String>,
}

impl ListText {
    /// A list of this text, the one that was used.
    pub fn of(text: impl Into<String>) -> Self {
        Self { list: Some(Rc::new(List::new(text))), changed: None }
    }

    /// A list that cannot be read any more.
    pub fn gone() -> Self {
        Self { list: None, changed: None }
    }
}

/// The text of a distribution list; taken apart once, however many runs used it.
#[derive(Debug)]
pub struct List {
    text: String,
    /// By the field that was asked for first: a list has one form.
    lines: OnceCell<(usize, Lines)>,
}

impl List {
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), lines: OnceCell::new() }
    }

    /// Its size in bytes.
    pub fn size(&self) -> usize {
        self.text.len()
    }

    /// Does something with its lines, of which `field` (from 1) is the recipient.
    pub fn with<T>(&self, field: usize, act: impl FnOnce(&Lines) -> T) -> T {
        let (first, lines) = self.lines.get_or_init(|| (field, Lines::of(&self.text, field)));
        if *first == field { act(lines) } else { act(&Lines::of(&self.text, field)) }
    }

    /// Whom it names, in its order.
    pub fn names(&self, field: usize) -> Vec<String> {
        self.with(field, |lines| lines.names().map(str::to_owned).collect())
    }
}

/// The lines of a list that are neither blank nor a remark, and long enough to name somebody.
#[derive(Debug)]
pub struct Lines {
    /// Each with the index of its name.
    lines: Vec<(Rc<str>, usize)>,
    /// Each name once.
    names: Names<Rc<str>>,
    /// Of each name its lines.
    of: Vec<Vec<usize>>,
}

impl Lines {
    fn of(text: &str, field: usize) -> Self {
        let is_line = |line: &&str| !line.trim_start().is_empty() && !line.trim_start().starts_with('#');
        let name = |line: &'_ str| line.split_ascii_whitespace().nth(field.max(1) - 1).map(Rc::<str>::from);
        let named: Vec<(Rc<str>, Rc<str>)> =
            text.lines().filter(is_line).filter_map(|line| Some((line.into(), name(line)?))).collect();
        let names = Names::distinct(named.iter().map(|(_, name)| Rc::clone(name)));
        let mut of = vec![Vec::new(); names.all().len()];
        let lines = named.into_iter().enumerate().map(|(number, (line, name))| {
            // Each name stands among them as it is written.
            let at = match names.find(&name) {
                Found::One(at) => at,
                Found::Nothing | Found::Several => 0,
            };
            of[at].push(number);
            (line, at)
        });
        Self { lines: lines.collect(), names, of }
    }

    /// Whom each line names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|(_, at)| &*self.names.all()[*at])
    }

    /// The index of a name, however it is written: a short one may mean several.
    pub fn find(&self, name: &str) -> Found {
        self.names.find(name)
    }

    /// A name as the list writes it.
    pub fn name(&self, at: usize) -> &str {
        &self.names.all()[at]
    }

    /// The numbers of the lines that name it; a list may name one more than once.
    pub fn numbers(&self, at: usize) -> &[usize] {
        &self.of[at]
    }

    /// A line as it stands there, without its end.
    pub fn line(&self, number: usize) -> &str {
        &self.lines[number].0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_by_the_field_that_is_asked_for() {
        let list = List::new("# of emea\nx a --mode=y\n\n  y b\nz\nx c\n");
        assert_eq!(list.names(2), ["a", "b", "c"]);
        assert_eq!(list.names(1), ["x", "y", "z", "x"]);
        list.with(1, |lines| {
            assert_eq!(lines.find("X"), Found::One(0));
            let of_x: Vec<&str> = lines.numbers(0).iter().map(|number| lines.line(*number)).collect();
            assert_eq!(of_x, ["x a --mode=y", "x c"]);
        });
    }
}
