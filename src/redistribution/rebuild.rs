//! Original commands, narrowed to exactly the recipients that failed.
//!
//! In: a run, the way its rule narrows commands, who failed, the distribution list as it is now. Out: commands whose
//! recipients together are those that failed, each with its grade; or why that cannot be proven. It does not know how
//! a log is read, who approves, or what approval binds: ids and hashes are filled in by `planning`.

use super::list::{Lines, ListText};
use super::model::{Command, Narrowing, Recipient, Run, Token, Writing};
use super::names::{Found, Names, more_than_a_name, unfit};
use super::narrow::{Insert, Replace, harmless, terminator};
use super::plan::{Grade, ListFile, Rebuilt};
use super::shell::{MASK, masked};
use crate::shown::Shown;
use std::collections::{HashMap, HashSet};

/// What stands in the argument vector where the new distribution list's path will.
pub const LIST: &str = "{list}";

/// Recipients named in one message, at most.
const NAMED: usize = 5;

/// Why no command was rebuilt. Secrets are masked in it, and foreign text is visible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the log does not hold the command of this run: issue it by hand")]
    NoCommand,
    #[error(
        "rule `{rule}` does not say how its commands are restricted to recipients: add `narrowing:` to it, or issue by hand"
    )]
    NoNarrowing { rule: String },
    #[error("recipient `{name}` {why}")]
    Recipient { name: String, why: String },
    /// The command cannot be narrowed in the way its rule declares.
    #[error("{0}")]
    Unproven(String),
}

fn unproven(why: impl Into<String>) -> Refusal {
    Refusal::Unproven(why.into())
}

/// The commands that reach exactly `failed`, in as many as there are groups of equal parameters.
///
/// `failed` need not be among the run's recipients as the log has them: a failed distribution may name one more.
/// No recipient failed: no command. Ids and hashes are left empty.
///
/// Fails where the recipients of the commands could be others than those that failed, or nobody can tell.
pub fn rebuild(
    run: &Run,
    narrowing: Option<&Narrowing>,
    failed: &[&Recipient],
    list: Option<&ListText>,
) -> Result<Vec<Rebuilt>, Refusal> {
    if failed.is_empty() {
        return Ok(Vec::new());
    }
    let command =
        run.command.as_ref().filter(|command| !command.argv.is_empty()).ok_or(Refusal::NoCommand)?;
    let narrowing = narrowing.ok_or_else(|| Refusal::NoNarrowing { rule: run.rule.clone() })?;
    check_command(command)?;
    let built = Rebuilding { run, command, narrowing };
    let separator = match narrowing {
        Narrowing::Replace { separator, .. } | Narrowing::Insert { separator, .. } => {
            Some(separator.as_str())
        }
        Narrowing::Listfile { .. } | Narrowing::Whole => None,
    };
    let mut seen = HashSet::with_capacity(failed.len());
    for recipient in failed {
        let name = recipient.name.as_str();
        let why = unfit(name).or_else(|| more_than_a_name(name, separator?));
        let why = why.or_else(|| (!seen.insert(name)).then_some("is named twice"));
        if let Some(why) = why {
            return Err(Refusal::Recipient { name: Shown::new(name).to_string(), why: why.to_owned() });
        }
    }
    let mut commands = match narrowing {
        Narrowing::Replace { options, separator } => built.replace(options, separator, failed)?,
        Narrowing::Insert { option, also, separator, joined, at } => {
            let insert = Insert { option, also, separator, joined: *joined, at: *at };
            built.insert(&insert, failed)?
        }
        Narrowing::Listfile { options, field } => vec![built.listfile(options, *field, failed, list)?],
        Narrowing::Whole => vec![built.whole(failed)?],
    };
    let secrets = secrets(command);
    for built in &mut commands {
        built.doubts.iter_mut().for_each(|doubt| *doubt = scrubbed(doubt, &secrets));
    }
    Ok(commands)
}

fn check_command(command: &Command) -> Result<(), Refusal> {
    if command.argv.iter().any(|token| token.text.contains('\0')) {
        return Err(unproven("the command holds a NUL byte, which no argument can"));
    }
    let program = masked(&command.argv[0]);
    if command.argv[0].secret || unfit(program).is_some_and(|_| !program.contains(' ')) {
        return Err(unproven(format!("`{}` is no name of a program", Shown::new(program))));
    }
    Ok(())
}

/// Texts of a command that are masked wherever they stand. Short ones are left: they would mask half the words.
pub fn secrets(command: &Command) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    for token in command.argv.iter().filter(|token| token.secret) {
        let value = token.text.split_once('=').map_or("", |(_, value)| value);
        found.extend([token.text.as_str(), value].into_iter().filter(|text| text.len() > 3));
    }
    // The longer first: one may hold another.
    found.sort_by_key(|text| std::cmp::Reverse(text.len()));
    found
}

/// A text in which no secret stands.
pub fn scrubbed(text: &str, secrets: &[&str]) -> String {
    secrets.iter().fold(text.to_owned(), |text, secret| {
        if text.contains(secret) { text.replace(secret, MASK) } else { text }
    })
}

struct Rebuilding<'a> {
    run: &'a Run,
    command: &'a Command,
    narrowing: &'a Narrowing,
}

/// Recipients with equal parameters, in the order of their first.
fn groups<'a>(failed: &[&'a Recipient]) -> Vec<(&'a [String], Vec<&'a Recipient>)> {
    let mut groups: Vec<(&[String], Vec<&Recipient>)> = Vec::new();
    let mut index: HashMap<&[String], usize> = HashMap::new();
    for recipient in failed {
        let parameters = recipient.parameters.as_slice();
        let at = *index.entry(parameters).or_insert_with(|| {
            groups.push((parameters, Vec::new()));
            groups.len() - 1
        });
        groups[at].1.push(recipient);
    }
    groups
}

fn list_names<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> String {
    let count = names.len();
    let shown: Vec<String> = names.take(NAMED).map(|name| format!("`{}`", Shown::new(name))).collect();
    let more = if count > NAMED { format!(" and {} more", count - NAMED) } else { String::new() };
    shown.join(", ") + &more
}

impl Rebuilding<'_> {
    fn made(&self, argv: Vec<Token>, recipients: &[&Recipient], mut doubts: Vec<String>) -> Rebuilt {
        let mut all = self.command.doubts.clone();
        all.append(&mut doubts);
        let grade = match self.command.writing {
            _ if !all.is_empty() => Grade::Ambiguous,
            Writing::Joined => Grade::Retokenised,
            Writing::Json | Writing::Quoted | Writing::Shell => Grade::Exact,
        };
        Rebuilt {
            id: String::new(),
            argv,
            recipients: recipients.iter().map(|recipient| recipient.name.clone()).collect(),
            narrowing: self.narrowing.word().to_owned(),
            grade,
            doubts: all,
            hash: String::new(),
            directory: self.command.directory.clone(),
            user: self.command.user.clone(),
            list_file: None,
        }
    }

    /// The recipients' own parameters in a vector. Where the original holds them, they stand there already.
    fn with_parameters(
        &self,
        mut argv: Vec<Token>,
        group: &(&[String], Vec<&Recipient>),
        alone: bool,
        options: &[&str],
        doubts: &mut Vec<String>,
    ) -> Result<Vec<Token>, Refusal> {
        let parameters = group.0;
        let texts: Vec<&str> = self.command.argv.iter().map(|token| token.text.as_str()).collect();
        let stand = parameters.is_empty() || texts.windows(parameters.len()).any(|part| part == parameters);
        if stand && (alone || parameters.is_empty()) {
            return Ok(argv);
        }
        let who = list_names(group.1.iter().map(|recipient| recipient.name.as_str()));
        if stand {
            doubts.push(format!(
                "parameters of {who} stand in the original, which reached others without them"
            ));
            return Ok(argv);
        }
        let secret = |text: &str| self.command.argv.iter().any(|token| token.secret && token.text == text);
        let place = group.1.first().map(|recipient| recipient.place.clone());
        let added: Vec<Token> = parameters
            .iter()
            .map(|text| Token { text: text.clone(), place: place.clone(), secret: secret(text) })
            .collect();
        if added.iter().any(|token| token.text.contains('\0')) {
            return Err(unproven(format!("a parameter of {who} holds a NUL byte")));
        }
        harmless(&added, options).map_err(Refusal::Unproven)?;
        doubts.push(format!(
            "parameters of {who} are added as the log names them; where the tool takes them is not known"
        ));
        let end = terminator(&argv);
        argv.splice(end..end, added);
        Ok(argv)
    }

    fn replace(
        &self,
        options: &[String],
        separator: &str,
        failed: &[&Recipient],
    ) -> Result<Vec<Rebuilt>, Refusal> {
        let mut all: Vec<&str> =
            self.run.recipients.iter().map(|recipient| recipient.name.as_str()).collect();
        let known: HashSet<&str> = all.iter().copied().collect();
        all.extend(
            failed.iter().map(|recipient| recipient.name.as_str()).filter(|name| !known.contains(name)),
        );
        let names = Names::new(all.iter().copied());
        let lossy = self.command.writing == Writing::Joined;
        let replace = Replace::new(&self.command.argv, options, separator, &names, &all, lossy)
            .map_err(Refusal::Unproven)?;
        let words: Vec<&str> = options.iter().map(String::as_str).collect();
        let groups = groups(failed);
        let mut commands = Vec::with_capacity(groups.len());
        for group in &groups {
            let stay = group.1.iter().filter_map(|recipient| match names.find(&recipient.name) {
                Found::One(at) => Some(at),
                Found::Nothing | Found::Several => None,
            });
            let stay: HashSet<usize> = stay.collect();
            let argv = replace.apply(&stay).map_err(Refusal::Unproven)?;
            let mut doubts = replace.doubts.clone();
            let argv = self.with_parameters(argv, group, groups.len() == 1, &words, &mut doubts)?;
            commands.push(self.made(argv, &group.1, doubts));
        }
        Ok(commands)
    }

    fn insert(&self, insert: &Insert, failed: &[&Recipient]) -> Result<Vec<Rebuilt>, Refusal> {
        let groups = groups(failed);
        let mut commands = Vec::with_capacity(groups.len());
        for group in &groups {
            let names: Vec<&str> = group.1.iter().map(|recipient| recipient.name.as_str()).collect();
            if insert.separator.is_empty() && names.len() > 1 {
                return Err(unproven("the rule names no separator for several recipients"));
            }
            let argv = insert.apply(&self.command.argv, &names).map_err(Refusal::Unproven)?;
            let mut doubts = Vec::new();
            let argv =
                self.with_parameters(argv, group, groups.len() == 1, &insert.options(), &mut doubts)?;
            commands.push(self.made(argv, &group.1, doubts));
        }
        Ok(commands)
    }

    fn whole(&self, failed: &[&Recipient]) -> Result<Rebuilt, Refusal> {
        let run = self.run.recipients.iter().map(|recipient| recipient.name.as_str());
        let all: HashSet<&str> = run.chain(failed.iter().map(|recipient| recipient.name.as_str())).collect();
        if all.len() != 1 {
            return Err(unproven(format!(
                "rule `{}` says that a command is one recipient's, and this one reached {}",
                self.run.rule,
                all.len()
            )));
        }
        Ok(self.made(self.command.argv.clone(), failed, Vec::new()))
    }

    fn listfile(
        &self,
        options: &[String],
        field: usize,
        failed: &[&Recipient],
        list: Option<&ListText>,
    ) -> Result<Rebuilt, Refusal> {
        let (token, start) = self.list_token(options)?;
        let mut argv = self.command.argv.clone();
        let original = argv[token].text[start..].to_owned();
        let mut doubts = Vec::new();
        if let Some(recorded) =
            self.run.list.as_deref().filter(|recorded| !self.same_path(recorded, &original))
        {
            let (recorded, original) = (Shown::new(recorded), Shown::new(&original));
            doubts.push(format!("the log names the list `{recorded}`, the command `{original}`"));
        }
        let path = Shown::new(&original).to_string();
        let content = match list.and_then(|list| list.list.as_deref()) {
            Some(list) => list.with(field, |lines| self.lines_of(lines, failed, &path, &mut doubts))?,
            None => lines_from_log(field, failed, &path, &mut doubts)?,
        };
        if let Some(changed) = list.and_then(|list| list.changed.as_deref()) {
            doubts.push(format!("the list `{path}` is not the one that was used: {}", Shown::new(changed)));
        }
        argv[token] =
            Token { text: format!("{}{LIST}", &argv[token].text[..start]), place: None, secret: false };
        let mut built = self.made(argv, failed, doubts);
        built.list_file = Some(ListFile { original, token, content });
        Ok(built)
    }

    /// Where the list's path stands: index of the element, and the byte where it begins there.
    fn list_token(&self, options: &[String]) -> Result<(usize, usize), Refusal> {
        let argv = &self.command.argv;
        let end = terminator(argv);
        let mut found = Vec::new();
        let mut at = 1;
        while at < argv.len() {
            let text = argv[at].text.as_str();
            let attached = |option: &String| {
                let rest = text.strip_prefix(option.as_str())?;
                let start = match rest.strip_prefix('=') {
                    Some(value) => text.len() - value.len(),
                    None if option.len() == 2 && !rest.is_empty() => option.len(),
                    None => return None,
                };
                Some((at, start))
            };
            if options.is_empty() {
                let start =
                    if at < end && text.starts_with('-') { text.find('=').map(|at| at + 1) } else { Some(0) };
                let names = |start: &usize| {
                    self.run.list.as_deref().is_some_and(|l| self.same_path(l, &text[*start..]))
                };
                found.extend(start.filter(names).map(|start| (at, start)));
            } else if at < end && options.iter().any(|option| option == text) {
                if at + 1 >= end {
                    return Err(unproven(format!("`{}` in the command lacks its value", Shown::new(text))));
                }
                at += 1;
                found.push((at, 0));
            } else if at < end {
                found.extend(options.iter().find_map(attached));
            }
            at += 1;
        }
        match found[..] {
            [one] => Ok(one),
            [] => Err(unproven("the command does not name the distribution list where its rule expects it")),
            _ => Err(unproven("the command names more than one distribution list")),
        }
    }

    /// The failed recipients' own lines of a list, as they stand there.
    fn lines_of(
        &self,
        list: &Lines,
        failed: &[&Recipient],
        path: &str,
        doubts: &mut Vec<String>,
    ) -> Result<String, Refusal> {
        let others: HashSet<&str> =
            self.run.recipients.iter().map(|recipient| recipient.name.as_str()).collect();
        let mut wanted: HashMap<usize, &Recipient> = HashMap::with_capacity(failed.len());
        let mut missing = Vec::new();
        for recipient in failed {
            // A name is looked for among those of the list, so that a short one that means several lines is seen.
            let at = match list.find(&recipient.name) {
                Found::One(at) if list.name(at) == recipient.name || !others.contains(list.name(at)) => at,
                Found::One(at) => {
                    let (name, other) = (Shown::new(&recipient.name), Shown::new(list.name(at)));
                    return Err(unproven(format!(
                        "the list `{path}` writes `{name}` as `{other}`, which is another recipient"
                    )));
                }
                Found::Nothing => {
                    missing.push(recipient.name.as_str());
                    continue;
                }
                Found::Several => {
                    let name = Shown::new(&recipient.name).to_string();
                    return Err(Refusal::Recipient {
                        name,
                        why: format!("means several lines of the list `{path}`"),
                    });
                }
            };
            if let Some(other) = wanted.insert(at, recipient) {
                let (a, b) = (Shown::new(&other.name), Shown::new(&recipient.name));
                return Err(unproven(format!("`{a}` and `{b}` are one line of the list `{path}`")));
            }
        }
        if !missing.is_empty() {
            let missing = list_names(missing.into_iter());
            return Err(unproven(format!("the list `{path}` holds no line of {missing} any more")));
        }
        let lines = wanted
            .iter()
            .flat_map(|(at, recipient)| list.numbers(*at).iter().map(move |n| (*n, *at, *recipient)));
        let mut lines: Vec<(usize, usize, &Recipient)> = lines.collect();
        lines.sort_unstable_by_key(|(number, ..)| *number);
        let mut content = String::new();
        for (number, at, recipient) in lines {
            let (line, name) = (list.line(number), list.name(at));
            if line.trim_end_matches('\r').contains(|c: char| c.is_control() && c != '\t') {
                let name = Shown::new(name);
                return Err(unproven(format!(
                    "the line of `{name}` in the list `{path}` holds control characters"
                )));
            }
            content.push_str(line);
            content.push('\n');
            let stands =
                |parameter: &String| parameter.split_ascii_whitespace().all(|part| line.contains(part));
            if !recipient.parameters.iter().all(stands) {
                let (name, log) = (Shown::new(name), recipient.parameters.join(" "));
                let log = Shown::new(&log).to_string();
                doubts.push(format!(
                    "the list `{path}` gives `{name}` other parameters than the log, which says `{log}`"
                ));
            }
        }
        Ok(content)
    }

    fn same_path(&self, recorded: &str, written: &str) -> bool {
        let directory = self.command.directory.as_deref().unwrap_or_default().trim_end_matches('/');
        let written = written.strip_prefix("./").unwrap_or(written);
        recorded == written
            || recorded.strip_prefix("./") == Some(written)
            || recorded == format!("{directory}/{written}")
    }
}

/// Lines put together from what the log says of each recipient, where the list is gone.
fn lines_from_log(
    field: usize,
    failed: &[&Recipient],
    path: &str,
    doubts: &mut Vec<String>,
) -> Result<String, Refusal> {
    let blank = |recipient: &&&Recipient| {
        let odd =
            |text: &String| text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control());
        recipient.parameters.is_empty() || recipient.parameters.iter().any(odd)
    };
    let unknown: Vec<&str> = failed.iter().filter(blank).map(|recipient| recipient.name.as_str()).collect();
    if field > 1 || !unknown.is_empty() {
        let who =
            if unknown.is_empty() { "its recipients".to_owned() } else { list_names(unknown.into_iter()) };
        return Err(unproven(format!(
            "the list `{path}` is gone, and with it the parameters of {who}: restore it"
        )));
    }
    doubts.push(format!("the list `{path}` is gone: its lines are put together from what the log says"));
    let line = |recipient: &&Recipient| format!("{} {}\n", recipient.name, recipient.parameters.join(" "));
    Ok(failed.iter().map(line).collect())
}

#[cfg(test)]
mod tests;
