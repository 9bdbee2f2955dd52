//! Templates of tickets: the operator's, the embedded ones behind them.
//!
//! In: a rule set's templates and a [`View`]. Out: text, never an error: a template that fails is replaced by
//! the embedded one of the same name, that by a body built in code, and the fault is said in the letter.
//! Rendering is bounded in steps and in bytes. It does not know what becomes of the text.

use super::plain;
use super::view::View;
use crate::rules::model::RuleSet;
use crate::shown::Shown;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use std::io;

/// Most instructions one rendering may run; the embedded ticket with a hundred alerts needs about 10,000.
const FUEL: u64 = 2_000_000;
/// Most bytes one rendering may give.
const BYTES: usize = 1 << 20;
/// Columns of the text parts.
pub(super) const COLUMNS: usize = 76;
/// Column at which values start in the text parts.
pub(super) const VALUE: usize = 18;

/// The embedded templates: name as in [`RuleSet::templates`], text. The lowest layer of the rules.
pub fn embedded_templates() -> &'static [(&'static str, &'static str)] {
    &[
        ("ticket.txt", include_str!("../../rules/templates/ticket.txt.j2")),
        ("ticket.html", include_str!("../../rules/templates/ticket.html.j2")),
        ("update.txt", include_str!("../../rules/templates/update.txt.j2")),
        ("update.html", include_str!("../../rules/templates/update.html.j2")),
        ("reminder.txt", include_str!("../../rules/templates/reminder.txt.j2")),
        ("reminder.html", include_str!("../../rules/templates/reminder.html.j2")),
        ("stand-down.txt", include_str!("../../rules/templates/stand-down.txt.j2")),
        ("stand-down.html", include_str!("../../rules/templates/stand-down.html.j2")),
    ]
}

/// What is wrong with a template before it is used: its first syntax error as line and text. For `rules check`.
pub fn syntax_error(name: &str, text: &str) -> Option<(u32, String)> {
    let environment = environment();
    let error = environment.template_from_named_str(name, text).err()?;
    Some((u32::try_from(error.line().unwrap_or(1)).unwrap_or(u32::MAX), words(&error)))
}

/// The templates of a rule set, compiled.
pub(super) struct Templates<'a> {
    rules: &'a RuleSet,
    environment: Environment<'a>,
}

impl<'a> Templates<'a> {
    /// Compiles what compiles; the rest is reported when it is wanted.
    pub(super) fn new(rules: &'a RuleSet) -> Self {
        let mut environment = environment();
        for (name, template) in &rules.templates {
            // A syntax error comes up again, with its text, when this template is rendered.
            let _ = environment.add_template(name, &template.text);
        }
        Self { rules, environment }
    }

    /// The text of a part; `faults` takes what went wrong on the way to it.
    pub(super) fn render(&self, name: &str, view: &View, faults: &mut Vec<String>) -> String {
        let before = faults.len();
        let text = self.first_that_renders(name, view, faults);
        let html = name.ends_with(".html");
        match &faults[before..] {
            [] => text,
            new if html => plain::with_html_note(text, new),
            new => plain::with_note(text, new),
        }
    }

    fn first_that_renders(&self, name: &str, view: &View, faults: &mut Vec<String>) -> String {
        if let Some(template) = self.rules.templates.get(name) {
            let rendered = match self.environment.get_template(name) {
                Ok(ready) => bounded(&ready, view),
                Err(_) => self
                    .environment
                    .template_from_named_str(name, &template.text)
                    .and_then(|ready| bounded(&ready, view)),
            };
            match rendered {
                Ok(text) => return text,
                Err(error) => faults.push(self.fault(name, &error)),
            }
        }
        let embedded = embedded_templates().iter().find(|(embedded, _)| *embedded == name);
        if let Some((_, text)) = embedded {
            // An environment of its own: the operator's templates can't reach into the embedded ones.
            let environment = environment();
            match environment.template_from_named_str(name, text).and_then(|ready| bounded(&ready, view)) {
                Ok(text) => return text,
                Err(error) => faults.push(format!("embedded:{name}: {}", words(&error))),
            }
        }
        if name.ends_with(".html") { plain::html(view) } else { plain::text(view) }
    }

    /// `templates/ticket.txt.j2:12: undefined value: …`, in the file where it happened.
    fn fault(&self, name: &str, error: &Error) -> String {
        let template = error.name().and_then(|name| self.rules.templates.get(name));
        let origin = template.or_else(|| self.rules.templates.get(name)).map(|template| &template.origin);
        let file = origin.map_or(name, |origin| &origin.file);
        let above = origin.map_or(0, |origin| origin.line.saturating_sub(1) as usize);
        format!("{}:{}: {}", Shown::new(file), above + error.line().unwrap_or(1), words(error))
    }
}

fn environment<'a>() -> Environment<'a> {
    let mut environment = Environment::new();
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()
            .expect("the default delimiters are valid"),
    );
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|name| {
        if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None }
    });
    environment.set_fuel(Some(FUEL));
    environment.add_filter("fields", fields);
    environment.add_filter("wrap", wrap);
    environment
}

fn bounded(template: &minijinja::Template, view: &View) -> Result<String, Error> {
    let mut out = Bounded(Vec::new());
    template.render_captured_to(Value::from(Serde(view)), &mut out)?;
    Ok(String::from_utf8_lossy(&out.0).into_owned())
}

fn words(error: &Error) -> String {
    let said = match (std::error::Error::source(error), error.detail()) {
        (Some(source), _) => format!("{}: {source}", error.kind()),
        (None, Some(detail)) => format!("{}: {detail}", error.kind()),
        (None, None) => error.kind().to_string(),
    };
    Shown::new(&said).to_string()
}

/// Refuses to grow beyond [`BYTES`].
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > BYTES {
            return Err(io::Error::other(format!("the template gives more than {BYTES} bytes")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Filter: pairs `[label, value]` as lines, without those whose value is absent.
fn fields(pairs: Vec<Vec<Option<String>>>) -> Result<String, Error> {
    let mut lines = String::new();
    for pair in pairs {
        let [Some(label), value] = pair.as_slice() else {
            return Err(Error::new(ErrorKind::InvalidOperation, "fields takes pairs: [[label, value], …]"));
        };
        lines.push_str(&field(label, value.as_deref()));
    }
    Ok(lines.trim_end_matches('\n').to_owned())
}

/// A line `Label            value`, folded under the value's column; nothing for an absent value.
pub(super) fn field(label: &str, value: Option<&str>) -> String {
    match value.filter(|value| !value.is_empty()) {
        Some(value) => format!("{label:<VALUE$}{}\n", wrap(value, VALUE)),
        None => String::new(),
    }
}

/// Filter: folds at word ends to 76 columns; further lines start at column `indent`.
pub(super) fn wrap(text: &str, indent: usize) -> String {
    let indent = indent.min(COLUMNS / 2);
    let mut out = String::with_capacity(text.len());
    let mut column = indent;
    for word in text.split(' ') {
        let width = word.chars().count();
        if column > indent && column + 1 + width > COLUMNS {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if !out.is_empty() {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::model::Template;
    use crate::ticket::Kind;
    use crate::ticket::fixture::{at, decision, facts, origin, rules};
    use crate::ticket::times::Times;
    use crate::ticket::view::Occasion;

    fn view() -> View {
        let facts = facts();
        let decision = decision(&facts);
        let occasion = Occasion { kind: Kind::Ticket, sequence: 0, at: at(47), joined: None, why: None };
        View::of(&facts, &decision, &occasion, &Times::of(&decision.route.center))
    }

    fn rendered(name: &str, text: &str) -> (String, Vec<String>) {
        let mut rules = rules();
        let template = Template { text: text.into(), origin: origin("templates/own.j2", 1) };
        rules.templates.insert(name.into(), template);
        let mut faults = Vec::new();
        let text = Templates::new(&rules).render(name, &view(), &mut faults);
        (text, faults)
    }

    #[test]
    fn operators_template_is_used_and_its_last_line_end_stays() {
        assert_eq!(
            rendered("ticket.txt", "{{ number }} {{ device }}\n"),
            ("T-7K3M9QX2 node7\n".into(), vec![])
        );
    }

    #[test]
    fn html_is_escaped_and_text_is_not() {
        let template = "{{ '<b>' }}";
        assert_eq!(rendered("ticket.html", template).0, "&lt;b&gt;");
        assert_eq!(rendered("ticket.txt", template).0, "<b>");
    }

    #[test]
    fn misspelt_name_falls_back_to_the_embedded_template_and_is_said_with_its_line() {
        let (text, faults) = rendered("ticket.txt", "one\n{{ devize }}\n");
        assert_eq!(faults.len(), 1);
        assert!(faults[0].starts_with("templates/own.j2:2: undefined value"), "{faults:?}");
        assert!(text.contains("node7") && text.contains("templates/own.j2:2"), "{text}");
    }

    #[test]
    fn syntax_error_falls_back_and_is_said_with_its_line() {
        let (text, faults) = rendered("ticket.html", "one\n\n{% if %}\n");
        assert!(faults[0].starts_with("templates/own.j2:3: syntax error"), "{faults:?}");
        assert!(text.contains("node7") && text.contains("own.j2:3: syntax error"), "{text}");
        assert_eq!(syntax_error("ticket.html", "one\n\n{% if %}\n").map(|(line, _)| line), Some(3));
    }

    #[test]
    fn endless_template_ends_and_falls_back() {
        let loops = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
        assert!(rendered("ticket.txt", loops).1[0].contains("fuel"));
        let flood = "{% for a in range(9999) %}{{ 'x' * 1000 }}{% endfor %}";
        let (text, faults) = rendered("ticket.txt", flood);
        assert!(text.len() < 10_000 && faults[0].contains("1048576 bytes"), "{faults:?}");
    }

    #[test]
    fn unknown_template_name_gives_the_body_built_in_code() {
        let mut faults = Vec::new();
        let text = Templates::new(&rules()).render("letter.txt", &view(), &mut faults);
        assert!(faults.is_empty() && text.contains("T-7K3M9QX2") && text.contains("node7"));
    }

    #[test]
    fn every_embedded_template_renders_without_a_fault() {
        for (name, text) in embedded_templates() {
            assert_eq!(syntax_error(name, text), None, "{name}");
            let mut faults = Vec::new();
            Templates::new(&rules()).render(name, &view(), &mut faults);
            assert_eq!(faults, Vec::<String>::new(), "{name}");
        }
    }

    #[test]
    fn long_values_fold_under_their_column() {
        let value = "word ".repeat(20);
        let lines = field("Label", Some(value.trim_end()));
        assert!(lines.lines().count() == 2 && lines.lines().all(|line| line.len() <= COLUMNS), "{lines}");
        assert!(lines.starts_with("Label             word") && lines.contains("\n                  word"));
        assert_eq!(field("Label", None), "");
    }
}
