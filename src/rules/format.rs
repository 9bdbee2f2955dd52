//! Format rules (`alerts/*.yaml`): how one kind of error alert is recognised and read.
//!
//! In: the tree of one file, which holds one format or a list `formats:`. Out: [`FormatRule`]s whose
//! patterns compile, whose places and fields exist, and whose literals are known or derived. Whether a
//! failure type exists is asked later, over all files ([`super::whole`]).

use super::model::{
    Condition, FailureCase, FailureRule, Field, FieldRule, FormatRule, Pattern, Place, Repeat, Take, Test,
};
use super::reader::{Checker, Fields, Keys, Named};
use super::words::{PLACE_WORDS, parse_place};
use super::yaml::{Entry, Kind, Mark, Node};

/// Where a derived literal is this long, it is worth a search before any pattern.
const LEAST_LITERAL: usize = 3;

macro_rules! keys {
    ($name:ident, $of:literal, $($key:literal)+) => {
        pub(super) static $name: Keys = Keys { file: "alerts/*.yaml", of: $of, keys: &[$($key),+] };
    };
}

keys!(FORMATS, "", "formats");
keys!(FORMAT, "formats[]", "format" "order" "unicode" "literals" "when" "repair" "repeat" "fields" "failure");
keys!(CONDITION, "when[]", "in" "contains" "matches" "exists" "not");
keys!(REPEAT, "repeat", "blocks" "lines" "groups");
keys!(BLOCKS, "repeat.blocks", "in" "start" "end");
keys!(LINES, "repeat.lines", "in" "line");
keys!(GROUPS, "repeat.groups", "in" "key");
keys!(FIELDS, "fields",
    "id" "event_time" "tool" "region" "device" "mac" "ip" "server" "upstream" "job" "package" "announced"
    "building" "room" "location" "source_domain" "source_node" "detail");
keys!(TAKE, "fields.*", "key" "matches" "after" "value" "source" "captured" "host_of" "in");
keys!(FAILURE, "failure", "cases" "default");
keys!(CASE, "failure.cases[]", "type" "contains" "matches");

/// A format rule and where it begins.
pub(super) struct ReadFormat {
    pub(super) rule: FormatRule,
    pub(super) at: Mark,
}

/// Reads one file; every failure type it names goes to `types`, for the check over the whole.
pub(super) fn read(c: &mut Checker<'_>, root: &Node, types: &mut Vec<Named>) -> Vec<ReadFormat> {
    let several = matches!(&root.kind, Kind::Map(entries) if entries.iter().any(|e| e.key == "formats"));
    if !several {
        return format(c, root, types).into_iter().collect();
    }
    let Some(fields) = c.fields(root, &FORMATS, "a file with `formats`") else { return Vec::new() };
    let Some(node) = c.need(&fields, "formats") else { return Vec::new() };
    let items = c.list(node, "formats").unwrap_or_default();
    items.iter().filter_map(|item| format(c, item, types)).collect()
}

fn format(c: &mut Checker<'_>, node: &Node, types: &mut Vec<Named>) -> Option<ReadFormat> {
    let f = c.fields(node, &FORMAT, "a format rule")?;
    let unicode = match f.get("unicode") {
        Some(node) => c.flag(node, "unicode").unwrap_or(false),
        None => false,
    };
    let id = c.need(&f, "format").and_then(|node| id(c, node));
    let order = match f.get("order") {
        Some(node) => c.whole(node, "order", -1_000_000..=1_000_000),
        None => Some(500),
    };
    let when = c.need(&f, "when").and_then(|node| conditions(c, node, "when", unicode));
    let repair = f.get("repair").map_or(Some(Vec::new()), |node| conditions(c, node, "repair", unicode));
    let repeat = f.get("repeat").map_or(Some(None), |node| repeat(c, node, unicode).map(Some));
    let literals = match f.get("literals") {
        Some(node) => c.texts(node, "literals"),
        None => Some(derived_literals(when.as_deref().unwrap_or_default())),
    };
    let line_captures = match &repeat {
        Some(Some((_, captures))) => captures.as_deref(),
        _ => None,
    };
    let known = repeat.is_some();
    let fields =
        c.need(&f, "fields").and_then(|node| field_rules(c, node, unicode, known.then_some(line_captures)));
    let failure = failure(c, &f, unicode, types);
    let rule = FormatRule {
        id: id?,
        origin: c.origin(node.at),
        order: i32::try_from(order?).ok()?,
        literals: literals?,
        when: when?,
        repair: repair?,
        repeat: repeat?.map(|(repeat, _)| repeat),
        fields: fields?,
        failure: failure?,
    };
    Some(ReadFormat { rule, at: node.at })
}

fn id(c: &mut Checker<'_>, node: &Node) -> Option<String> {
    let id = c.text(node, "format")?;
    if !is_id(&id) {
        let what =
            format!("`format` must be a name of letters, digits, `-`, `_` and `.`, at most 64, not `{id}`");
        c.wrong(node.at, what);
        return None;
    }
    if id == "none" {
        c.wrong(node.at, "`none` is what samples call no format; choose another name");
        return None;
    }
    Some(id)
}

/// Names that operators choose for formats, centers and efforts.
pub(super) fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 64
        && id.starts_with(|c: char| c.is_ascii_alphanumeric())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn conditions(c: &mut Checker<'_>, node: &Node, key: &str, unicode: bool) -> Option<Vec<Condition>> {
    let items = c.list(node, key)?;
    if items.is_empty() {
        c.wrong(node.at, format!("`{key}` is an empty list"));
        return None;
    }
    let all: Vec<_> = items.iter().map(|item| condition(c, item, key, unicode)).collect();
    all.into_iter().collect()
}

fn condition(c: &mut Checker<'_>, node: &Node, key: &str, unicode: bool) -> Option<Condition> {
    let f = c.fields(node, &CONDITION, "a condition")?;
    let place = c.need(&f, "in").and_then(|node| {
        let place = place(c, node)?;
        if place == Place::Block {
            c.wrong(node.at, format!("`{key}` is asked before blocks are cut; say `in: body`"));
            return None;
        }
        Some(place)
    });
    let mut negate = match f.get("not") {
        Some(node) => c.flag(node, "not")?,
        None => false,
    };
    let test = match c.one_of(&f, &["contains", "matches", "exists"], "a condition")? {
        ("contains", node) => Test::Contains(c.texts(node, "contains")?),
        ("matches", node) => Test::Matches(c.pattern(node, "matches", unicode)?.pattern),
        (_, node) => {
            negate ^= !c.flag(node, "exists")?;
            Test::Exists
        }
    };
    Some(Condition { place: place?, test, negate })
}

fn place(c: &mut Checker<'_>, node: &Node) -> Option<Place> {
    c.parsed(node, "in", &PLACE_WORDS, parse_place)
}

/// Literals of the first condition that has to hold and gives any: the alternatives of a `contains`, if
/// all are long enough; where there is none, what a `matches` cannot match without. What stands in the
/// enclosed message is not searched for literals.
fn derived_literals(when: &[Condition]) -> Vec<String> {
    let must_hold = |c: &&Condition| !c.negate && !matches!(c.place, Place::EnclosedHeader(_));
    let contains = |condition: &Condition| match &condition.test {
        Test::Contains(texts) if texts.iter().all(|text| text.len() >= LEAST_LITERAL) => Some(texts.clone()),
        _ => None,
    };
    let matches = |condition: &Condition| match &condition.test {
        Test::Matches(pattern) => super::pattern::literals_of(pattern, LEAST_LITERAL),
        _ => None,
    };
    let when = || when.iter().filter(must_hold);
    when().find_map(contains).or_else(|| when().find_map(matches)).unwrap_or_default()
}

/// The repeat, and for `lines` the names its pattern captures.
type ReadRepeat = (Repeat, Option<Vec<String>>);

fn repeat(c: &mut Checker<'_>, node: &Node, unicode: bool) -> Option<ReadRepeat> {
    let f = c.fields(node, &REPEAT, "`repeat`")?;
    match c.one_of(&f, REPEAT.keys, "`repeat`")? {
        ("blocks", node) => {
            let f = c.fields(node, &BLOCKS, "`blocks`")?;
            let place = repeat_place(c, &f, Place::Body);
            let start = c.need(&f, "start").and_then(|node| not_empty(c, node, "start", unicode));
            let end = f.get("end").map_or(Some(None), |node| c.pattern(node, "end", unicode).map(Some));
            let end = end?.map(|end| end.pattern);
            Some((Repeat::Blocks { place: place?, start: start?.pattern, end }, None))
        }
        ("lines", node) => {
            let f = c.fields(node, &LINES, "`lines`")?;
            let place = repeat_place(c, &f, Place::Body);
            let line = c.need(&f, "line").and_then(|node| not_empty(c, node, "line", unicode))?;
            Some((Repeat::Lines { place: place?, line: line.pattern }, Some(line.names)))
        }
        (_, node) => {
            let f = c.fields(node, &GROUPS, "`groups`")?;
            let place = repeat_place(c, &f, Place::Part("message/delivery-status".to_owned()));
            let key = c.need(&f, "key").and_then(|node| c.text(node, "key"));
            Some((Repeat::Groups { place: place?, key: key? }, None))
        }
    }
}

fn repeat_place(c: &mut Checker<'_>, f: &Fields<'_>, default: Place) -> Option<Place> {
    let Some(node) = f.get("in") else { return Some(default) };
    let place = place(c, node)?;
    if place == Place::Block {
        c.wrong(node.at, "`repeat` makes the blocks; say where it looks, such as `in: body`");
        return None;
    }
    Some(place)
}

/// A pattern that would begin a block at every line is a mistake.
fn not_empty(c: &mut Checker<'_>, node: &Node, key: &str, unicode: bool) -> Option<super::pattern::Checked> {
    let checked = c.pattern(node, key, unicode)?;
    if checked.empty {
        c.wrong(node.at, format!("`{key}` matches an empty line, so every line would begin a block"));
        return None;
    }
    Some(checked)
}

/// `line_captures`: None where `repeat` itself was wrong, Some(None) where there are no `lines`.
fn field_rules(
    c: &mut Checker<'_>,
    node: &Node,
    unicode: bool,
    line_captures: Option<Option<&[String]>>,
) -> Option<Vec<FieldRule>> {
    let f = c.fields(node, &FIELDS, "`fields`")?;
    let mut rules = Vec::new();
    let mut sound = true;
    for entry in f.entries() {
        // An unknown field was told by the table of keys.
        let Some(field) = Field::from_word(&entry.key) else { continue };
        let mut reader = TakeReader { c, field, unicode, line_captures };
        match reader.takes(entry) {
            Some(takes) => rules.push(FieldRule { field, takes, origin: c.origin(entry.at) }),
            None => sound = false,
        }
    }
    let names_device = |entry: &Entry| matches!(entry.key.as_str(), "device" | "mac" | "ip");
    if !f.entries().iter().any(names_device) {
        c.wrong(f.at, "`fields` names neither `device` nor `mac` nor `ip`, so no alert could be counted");
        return None;
    }
    sound.then_some(rules)
}

/// Reads the ways to one field.
struct TakeReader<'c, 's, 'l> {
    c: &'c mut Checker<'s>,
    field: Field,
    unicode: bool,
    line_captures: Option<Option<&'l [String]>>,
}

impl TakeReader<'_, '_, '_> {
    fn takes(&mut self, entry: &Entry) -> Option<Vec<Take>> {
        match &entry.value.kind {
            Kind::List(items) if items.is_empty() => {
                self.c.wrong(entry.value.at, format!("`{}` is an empty list", entry.key));
                None
            }
            Kind::List(items) => {
                let all: Vec<_> = items.iter().map(|item| self.take(item, 0)).collect();
                all.into_iter().collect()
            }
            _ => self.take(&entry.value, 0).map(|take| vec![take]),
        }
    }

    fn take(&mut self, node: &Node, depth: usize) -> Option<Take> {
        const WAYS: [&str; 7] = ["key", "matches", "after", "value", "source", "captured", "host_of"];
        let word = self.field.word();
        let f = self.c.fields(node, &TAKE, &format!("a way to `{word}`"))?;
        let (way, value) = self.c.one_of(&f, &WAYS, &format!("a way to `{word}`"))?;
        if let (Some(node), false) = (f.get("in"), matches!(way, "key" | "matches" | "after")) {
            self.c.wrong(node.at, format!("`in` means nothing beside `{way}`"));
            return None;
        }
        let place = match f.get("in") {
            Some(node) => place(self.c, node),
            None => Some(Place::Block),
        };
        match way {
            "key" => Some(Take::Key { names: self.c.texts(value, "key")?, place: place? }),
            "matches" => Some(Take::Pattern { pattern: self.capturing(value)?, place: place? }),
            "after" => {
                let pattern = self.c.pattern(value, "after", self.unicode)?.pattern;
                Some(Take::After { pattern, place: place? })
            }
            "value" => Some(Take::Constant(self.c.text(value, "value")?)),
            "source" => Some(match self.c.word(value, "source", &["node", "domain", "address"])? {
                "node" => Take::SourceNode,
                "domain" => Take::SourceDomain,
                _ => Take::SenderAddress,
            }),
            "captured" => self.captured(value),
            _ if depth > 0 => {
                self.c.wrong(value.at, "`host_of` inside `host_of` means nothing");
                None
            }
            _ => Some(Take::HostOf(Box::new(self.take(value, depth + 1)?))),
        }
    }

    /// A pattern that says which part of its match is the value.
    fn capturing(&mut self, node: &Node) -> Option<Pattern> {
        let checked = self.c.pattern(node, "matches", self.unicode)?;
        if checked.captures == 0 {
            let word = self.field.word();
            self.c.wrong(node.at, format!("`matches` captures nothing; put `(?<{word}>…)` around the value"));
            return None;
        }
        Some(checked.pattern)
    }

    fn captured(&mut self, node: &Node) -> Option<Take> {
        let word = self.field.word();
        if !self.c.flag(node, "captured")? {
            self.c.wrong(node.at, "`captured` can only be true; leave it out otherwise");
            return None;
        }
        match self.line_captures {
            Some(None) => {
                self.c.wrong(node.at, "`captured: true` needs `repeat: {lines: …}`");
                None
            }
            Some(Some(names)) if !names.iter().any(|name| name == word) => {
                let what = format!("the pattern of `repeat.lines` has no capture `(?<{word}>…)`");
                self.c.wrong(node.at, what);
                None
            }
            _ => Some(Take::Captured),
        }
    }
}

fn failure(
    c: &mut Checker<'_>,
    format: &Fields<'_>,
    unicode: bool,
    types: &mut Vec<Named>,
) -> Option<FailureRule> {
    let Some(node) = format.get("failure") else {
        let origin = c.origin(format.at);
        return Some(FailureRule { cases: Vec::new(), default: "unknown".to_owned(), origin });
    };
    let f = c.fields(node, &FAILURE, "`failure`")?;
    let default = match f.get("default") {
        Some(node) => failure_type(c, node, "default", types),
        None => Some("unknown".to_owned()),
    };
    let cases = match f.get("cases") {
        Some(node) => c.list(node, "cases").and_then(|items| {
            let all: Vec<_> = items.iter().map(|item| case(c, item, unicode, types)).collect();
            all.into_iter().collect()
        }),
        None => Some(Vec::new()),
    };
    Some(FailureRule { cases: cases?, default: default?, origin: c.origin(node.at) })
}

fn case(c: &mut Checker<'_>, node: &Node, unicode: bool, types: &mut Vec<Named>) -> Option<FailureCase> {
    let f = c.fields(node, &CASE, "a case of `failure`")?;
    let failure = c.need(&f, "type").and_then(|node| failure_type(c, node, "type", types));
    let contains = f.get("contains").map_or(Some(Vec::new()), |node| c.texts(node, "contains"));
    let matches = f.get("matches").map_or(Some(None), |node| c.pattern(node, "matches", unicode).map(Some));
    if f.get("contains").is_none() && f.get("matches").is_none() {
        c.wrong(f.at, "a case of `failure` needs `contains` or `matches`; use `default` for the rest");
        return None;
    }
    let matches = matches?.map(|checked| checked.pattern);
    Some(FailureCase { failure: failure?, contains: contains?, matches })
}

fn failure_type(c: &mut Checker<'_>, node: &Node, key: &str, types: &mut Vec<Named>) -> Option<String> {
    let failure = c.text(node, key)?;
    types.push((node.at, failure.clone()));
    Some(failure)
}

/// A format rule with every kind of key, for tests.
#[cfg(test)]
pub(super) const EVERYTHING: &str = r#"
format: rsync
order: 400
when:
  - {in: subject, contains: [ftpsync, rsync]}
  - {in: body, matches: 'returncode (\d+)'}
  - {in: part message/delivery-status, exists: true}
  - {in: header Auto-Submitted, contains: auto-replied, not: true}
repair:
  - {in: subject, contains: RECOVERY}
repeat:
  lines:  {in: body, line: '^fatal: \[(?<device>[^\]]+)\]: (?<announced>\w+)'}
fields:
  device: {key: [Computer Server Name, Device]}
  package:
    - {key: Package}
    - {matches: '\((?<package>[^)]+)\)$', in: subject}
  tool: {value: rsync}
  server: {source: node}
  announced: {captured: true}
  mac: {host_of: {key: Final-Recipient}}
  detail: {after: '^Error text:', in: block}
failure:
  cases:
    - {type: connection, contains: [timed out, refused, unreachable], matches: 'E(CONN|HOST)\w+'}
  default: unknown
"#;

#[cfg(test)]
mod tests {
    use super::super::model::*;
    use super::super::{Source, compile, embedded};
    use super::EVERYTHING;

    /// The embedded base and one format file.
    fn formats(text: &str) -> Vec<FormatRule> {
        let mut sources: Vec<_> = embedded().into_iter().filter(|s| !s.file.contains("alerts/")).collect();
        sources.push(Source { file: "alerts/it.yaml".into(), text: text.into() });
        match compile(&sources) {
            Ok(rules) => rules.formats,
            Err(mistakes) => panic!("{}", mistakes.iter().map(|m| format!("{m}\n")).collect::<String>()),
        }
    }

    #[test]
    fn a_format_with_everything_is_read_whole() {
        let [rule] = <[FormatRule; 1]>::try_from(formats(EVERYTHING)).expect("one format");
        assert_eq!((rule.id.as_str(), rule.order), ("rsync", 400));
        assert_eq!(rule.origin.to_string(), "alerts/it.yaml:2");
        assert_eq!(rule.literals, ["ftpsync", "rsync"]);
        assert_eq!(rule.when.iter().map(|c| c.negate).collect::<Vec<_>>(), [false, false, false, true]);
        assert_eq!(rule.when[2].place, Place::Part("message/delivery-status".into()));
        assert_eq!(rule.repair.len(), 1);
        assert!(matches!(&rule.repeat, Some(Repeat::Lines { place: Place::Body, .. })));
        let fields: Vec<_> = rule.fields.iter().map(|f| (f.field.word(), f.takes.len())).collect();
        let wanted = [("device", 1), ("package", 2), ("tool", 1), ("server", 1), ("announced", 1)];
        assert_eq!(fields[..5], wanted);
        assert!(matches!(&rule.fields[5].takes[0], Take::HostOf(take)
            if matches!(&**take, Take::Key { place: Place::Block, names } if names == &["Final-Recipient"])));
        assert_eq!(rule.failure.cases[0].contains.len(), 3);
        assert_eq!(rule.failure.default, "unknown");
    }

    #[test]
    fn formats_are_tried_by_order_then_by_id() {
        let one = |id: &str, order: &str| {
            format!(
                "  - {{format: {id}, {order}when: [{{in: body, exists: true}}], fields: {{device: {{key: D}}}}}}\n"
            )
        };
        let text = format!("formats:\n{}{}{}", one("late", "order: 501, "), one("b", ""), one("a", ""));
        let ids: Vec<_> = formats(&text).into_iter().map(|f| f.id).collect();
        assert_eq!(ids, ["a", "b", "late"]);
    }

    #[test]
    fn literals_come_only_from_conditions_that_must_hold_and_are_long_enough() {
        let with = |when: &str| {
            let text = format!("format: x\nwhen: [{when}]\nfields: {{device: {{key: D}}}}\n");
            formats(&text).remove(0).literals
        };
        assert_eq!(with("{in: body, contains: [ab, abc]}"), Vec::<String>::new());
        assert_eq!(with("{in: body, contains: abc, not: true}"), Vec::<String>::new());
        assert_eq!(with("{in: body, matches: '^rule 7: .*'}, {in: subject, contains: abc}"), ["abc"]);
        assert_eq!(with("{in: body, matches: '^rule 7: .*'}, {in: subject, contains: ab}"), ["rule 7: "]);
        assert_eq!(with("{in: body, matches: 'abc', not: true}"), Vec::<String>::new());
        assert_eq!(with("{in: enclosed From, contains: abc}"), Vec::<String>::new());
        assert_eq!(with("{in: body, contains: ab}, {in: subject, contains: [abc, äx]}"), ["abc", "äx"]);
    }

    #[test]
    fn exists_false_is_exists_negated() {
        let text = "format: x\nwhen: [{in: header List-Id, exists: false}]\nfields: {device: {key: D}}\n";
        assert!(formats(text)[0].when[0].negate);
    }

    #[test]
    fn a_format_without_failure_says_unknown() {
        let text = "format: x\nwhen: [{in: body, exists: true}]\nfields: {device: {key: D}}\n";
        let rule = formats(text).remove(0);
        assert_eq!((rule.failure.default.as_str(), rule.failure.cases.len()), ("unknown", 0));
    }
}
