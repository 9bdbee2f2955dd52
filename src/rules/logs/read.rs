//! Reads one logfile rule out of its tree.
//!
//! In: the tree of one file. Out: a [`LogRule`] whose patterns compile and whose words exist, or mistakes noted.

use super::model::{CommandRule, Does, Event, Field, Join, LogRule, Narrowing, OUTCOMES, WRITINGS};
use crate::rules::format::is_id;
use crate::rules::mistake::nearest;
use crate::rules::model::Pattern;
use crate::rules::reader::{Checker, Fields, Keys};
use crate::rules::yaml::Node;

macro_rules! keys {
    ($name:ident, $of:literal, $($key:literal)+) => {
        pub(super) static $name: Keys = Keys { file: "logs/*.yaml", of: $of, keys: &[$($key),+] };
    };
}

keys!(TOP, "",
    "log" "order" "tool" "recognise" "record" "continued" "times" "months" "events" "pairs" "outcomes" "command"
    "recipient" "idle" "narrowing" "join");
keys!(EVENT, "events[]", "does" "matches" "literal" "outcome" "cause");
keys!(COMMAND, "command", "writing" "program" "secret" "without_effect" "list" "packages" "recipients");
keys!(NARROWING, "narrowing", "replace" "insert" "listfile" "whole");
keys!(REPLACE, "narrowing.replace", "options" "separator");
keys!(INSERT, "narrowing.insert", "option" "also" "separator" "joined" "at");
keys!(LISTFILE, "narrowing.listfile", "options" "field");
keys!(JOIN, "join", "programs" "before" "after");

/// Seconds of a day: the longest window.
const DAY: i64 = 86_400;

pub(super) fn read(c: &mut Checker<'_>, root: &Node) -> Option<LogRule> {
    let f = c.fields(root, &TOP, "a logfile rule")?;
    let id = c.need(&f, "log").and_then(|node| id(c, node));
    let order = f.get("order").map_or(Some(500), |node| c.whole(node, "order", -1_000_000..=1_000_000));
    let tool = f.get("tool").map_or(Some(None), |node| c.text(node, "tool").map(Some));
    let recognise = f.get("recognise").map_or(Some(Vec::new()), |node| c.patterns(node, "recognise", false));
    let record = pattern(c, &f, "record");
    let continued = pattern(c, &f, "continued");
    let times = texts(c, &f, "times");
    let months = texts(c, &f, "months");
    if let (Some(node), Some(months)) = (f.get("months"), &months)
        && months.len() != 12
    {
        c.wrong(node.at, format!("`months` must name twelve, January first, not {}", months.len()));
    }
    let pairs = pairs(c, &f);
    let outcomes = outcomes(c, &f);
    let events = c.need(&f, "events").and_then(|node| events(c, node));
    let command = command(c, &f);
    let recipient = f.get("recipient").map_or(Some(None), |node| c.text(node, "recipient").map(Some));
    let idle =
        f.get("idle").map_or(Some(None), |node| c.seconds(node, "idle", 1..=30 * DAY).map(|s| Some(s.0)));
    let narrowing = f.get("narrowing").map_or(Some(None), |node| narrowing(c, node).map(Some));
    let join = f.get("join").map_or(Some(None), |node| join(c, node).map(Some));
    let (id, events) = (id?, events?);
    Some(LogRule {
        origin: c.origin(root.at),
        order: i32::try_from(order?).ok()?,
        tool: tool?.unwrap_or_else(|| id.clone()),
        recognise: recognise?,
        record: record?,
        continued: continued?,
        times: times?,
        months: months?,
        pairs: pairs?,
        outcomes: outcomes?,
        command: command?,
        recipient: recipient?,
        ends: events.iter().any(|event| event.does == Does::End),
        idle: idle?,
        narrowing: narrowing?,
        join: join?,
        id,
        events,
    })
}

fn id(c: &mut Checker<'_>, node: &Node) -> Option<String> {
    let id = c.text(node, "log")?;
    if !is_id(&id) {
        c.wrong(node.at, format!("`log` must be a name of letters, digits, `-`, `_` and `.`, not `{id}`"));
        return None;
    }
    Some(id)
}

fn pattern(c: &mut Checker<'_>, f: &Fields<'_>, key: &'static str) -> Option<Option<Pattern>> {
    f.get(key).map_or(Some(None), |node| c.pattern(node, key, false).map(|checked| Some(checked.pattern)))
}

fn texts(c: &mut Checker<'_>, f: &Fields<'_>, key: &'static str) -> Option<Vec<String>> {
    f.get(key).map_or(Some(Vec::new()), |node| c.texts(node, key))
}

fn events(c: &mut Checker<'_>, node: &Node) -> Option<Vec<Event>> {
    let items = c.list(node, "events")?;
    if items.is_empty() {
        c.wrong(node.at, "`events` is an empty list");
        return None;
    }
    let all: Vec<_> = items.iter().map(|item| event(c, item)).collect();
    all.into_iter().collect()
}

fn event(c: &mut Checker<'_>, node: &Node) -> Option<Event> {
    let f = c.fields(node, &EVENT, "an event")?;
    let words = Does::ALL.map(|(_, word)| word);
    let does = c.need(&f, "does").and_then(|node| c.word(node, "does", &words));
    let does = does.and_then(|word| Does::ALL.iter().find(|(_, own)| *own == word).map(|(does, _)| *does));
    let matches = c.need(&f, "matches").and_then(|node| {
        let checked = c.pattern(node, "matches", false)?;
        if checked.empty {
            c.wrong(node.at, "`matches` matches an empty line, so every line would be one");
        }
        for name in &checked.names {
            if Field::from_word(name).is_none() {
                let hint = nearest(name, Field::ALL.iter().map(|(_, word)| *word));
                c.wrong_word(node.at, format!("`matches` captures `{name}`, which is no field"), hint);
            }
        }
        Some(checked.pattern)
    });
    let literal =
        f.get("literal").map_or(Some(None), |node| c.scalar(node, "literal").map(|s| Some(s.text.clone())));
    let outcome = f.get("outcome").map_or(Some(None), |node| outcome(c, node).map(Some));
    let cause = f.get("cause").map_or(Some(None), |node| c.text(node, "cause").map(Some));
    Some(Event { does: does?, matches: matches?, literal: literal?, outcome: outcome?, cause: cause? })
}

fn outcome(c: &mut Checker<'_>, node: &Node) -> Option<String> {
    c.word(node, "outcome", &OUTCOMES).map(str::to_owned)
}

fn pairs(c: &mut Checker<'_>, f: &Fields<'_>) -> Option<Vec<(String, Field)>> {
    let Some(node) = f.get("pairs") else { return Some(Vec::new()) };
    let names = c.names(node, "`pairs`")?;
    let words = Field::ALL.map(|(_, word)| word);
    let mut pairs = Vec::new();
    for entry in names.entries() {
        let word = c.word(&entry.value, "pairs", &words)?;
        pairs.push((entry.key.clone(), Field::from_word(word)?));
    }
    Some(pairs)
}

fn outcomes(c: &mut Checker<'_>, f: &Fields<'_>) -> Option<Vec<(String, String)>> {
    let Some(node) = f.get("outcomes") else { return Some(Vec::new()) };
    let names = c.names(node, "`outcomes`")?;
    let mut outcomes = Vec::new();
    for entry in names.entries() {
        outcomes.push((entry.key.clone(), outcome(c, &entry.value)?));
    }
    Some(outcomes)
}

fn command(c: &mut Checker<'_>, f: &Fields<'_>) -> Option<CommandRule> {
    let Some(node) = f.get("command") else {
        return Some(CommandRule {
            writing: "joined".to_owned(),
            program: Vec::new(),
            secret: Vec::new(),
            without_effect: Vec::new(),
            list: Vec::new(),
            packages: Vec::new(),
            recipients: Vec::new(),
        });
    };
    let f = c.fields(node, &COMMAND, "`command`")?;
    let writing = f.get("writing").map_or(Some("joined"), |node| c.word(node, "writing", &WRITINGS));
    Some(CommandRule {
        writing: writing?.to_owned(),
        program: texts(c, &f, "program")?,
        secret: texts(c, &f, "secret")?,
        without_effect: texts(c, &f, "without_effect")?,
        list: texts(c, &f, "list")?,
        packages: texts(c, &f, "packages")?,
        recipients: texts(c, &f, "recipients")?,
    })
}

fn narrowing(c: &mut Checker<'_>, node: &Node) -> Option<Narrowing> {
    let f = c.fields(node, &NARROWING, "`narrowing`")?;
    let separator = |c: &mut Checker<'_>, f: &Fields<'_>| match f.get("separator") {
        Some(node) => c.scalar(node, "separator").map(|scalar| scalar.text.clone()),
        None => Some(",".to_owned()),
    };
    match c.one_of(&f, NARROWING.keys, "`narrowing`")? {
        ("replace", node) => {
            let f = c.fields(node, &REPLACE, "`replace`")?;
            Some(Narrowing::Replace { options: texts(c, &f, "options")?, separator: separator(c, &f)? })
        }
        ("insert", node) => {
            let f = c.fields(node, &INSERT, "`insert`")?;
            let option = c.need(&f, "option").and_then(|node| c.text(node, "option"));
            let joined = f.get("joined").map_or(Some(false), |node| c.flag(node, "joined"));
            let at = f.get("at").map_or(Some(1), |node| c.whole(node, "at", 1..=64));
            Some(Narrowing::Insert {
                also: texts(c, &f, "also")?,
                separator: separator(c, &f)?,
                option: option?,
                joined: joined?,
                at: usize::try_from(at?).ok()?,
            })
        }
        ("listfile", node) => {
            let f = c.fields(node, &LISTFILE, "`listfile`")?;
            let options = c.need(&f, "options").and_then(|node| c.texts(node, "options"));
            let field = f.get("field").map_or(Some(1), |node| c.whole(node, "field", 1..=64));
            Some(Narrowing::Listfile { options: options?, field: usize::try_from(field?).ok()? })
        }
        (_, node) => match c.flag(node, "whole")? {
            true => Some(Narrowing::Whole),
            false => {
                c.wrong(node.at, "`whole: false` says nothing; leave `narrowing` out to refuse");
                None
            }
        },
    }
}

fn join(c: &mut Checker<'_>, node: &Node) -> Option<Join> {
    let f = c.fields(node, &JOIN, "`join`")?;
    let programs = c.need(&f, "programs").and_then(|node| c.texts(node, "programs"));
    let before = f.get("before").map_or(Some(60), |node| c.seconds(node, "before", 0..=DAY).map(|s| s.0));
    let after = f.get("after").map_or(Some(2), |node| c.seconds(node, "after", 0..=DAY).map(|s| s.0));
    Some(Join { programs: programs?, before: before?, after: after? })
}
