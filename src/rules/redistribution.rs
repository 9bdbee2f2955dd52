//! `redistribution.yaml`: how commands are issued on each intermediate server.
//!
//! In: the texts of that file. Out: [`RedistributionRules`], or every mistake. It stands beside the other rules,
//! not among them: `ingest` never reads it. It does not know whether a program exists.

use super::layers::{self, EMBEDDED, Source};
use super::mistake::Mistake;
use super::model::{Origin, Seconds};
use super::reader::{Checker, Fields, Keys};
use super::settings::{YEAR, argv, duration, optional};
use super::words::check_glob;
use super::yaml::{self, Entry, Mark, Node};

/// Its name in a rules folder.
pub const FILE: &str = "redistribution.yaml";

pub(super) static TOP: Keys = Keys { file: FILE, of: "", keys: &["servers"] };
pub(super) static SERVER: Keys = Keys {
    file: FILE,
    of: "servers.*",
    keys: &[
        "manager",
        "allow",
        "directory",
        "user",
        "parallel",
        "time_limit",
        "logs",
        "environment",
        "service_center",
        "remote_program",
        "reachability",
    ],
};
pub(super) static MANAGER: Keys = Keys { file: FILE, of: "servers.*.manager", keys: &["submit"] };
pub(super) static REACHABILITY: Keys = Keys { file: FILE, of: "servers.*.reachability", keys: &["port"] };

/// The entry that serves every server.
const DEFAULT: &str = "default";
/// Variables that are always ours, or would let a file decide what a program does.
const OURS: [&str; 6] = ["PATH", "LANG", "LC_ALL", "IFS", "BASH_ENV", "ENV"];

/// How commands become running programs on one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manager {
    /// The rebuilt command itself.
    Exec,
    /// This program and its arguments, the rebuilt command appended.
    Submit(Vec<String>),
}

/// How recipients are looked after before anything is issued to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reachability {
    Off,
    Ping,
    /// This TCP port has to be open.
    Port(u16),
}

impl Reachability {
    /// As the operator is told of it.
    pub fn words(self) -> String {
        match self {
            Reachability::Off => "off".to_owned(),
            Reachability::Ping => "ping".to_owned(),
            Reachability::Port(port) => format!("port {port}"),
        }
    }
}

/// What is configured for one server, or for all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerRule {
    pub manager: Manager,
    /// Absolute paths, or names to be looked up.
    pub allow: Vec<String>,
    /// Where the log records none.
    pub directory: Option<String>,
    pub user: Option<String>,
    /// Commands at once.
    pub parallel: usize,
    /// Of one command.
    pub time_limit: Seconds,
    /// Globs of distribution logfiles.
    pub logs: Vec<String>,
    /// Names of variables passed on.
    pub environment: Vec<String>,
    /// Where its failed distributions are recorded, if on another machine: `USER@HOST[:PORT]`.
    pub service_center: Option<String>,
    /// This program on other machines.
    pub remote_program: Option<String>,
    pub reachability: Reachability,
    pub origin: Origin,
}

/// All of `redistribution.yaml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedistributionRules {
    named: Vec<(String, ServerRule)>,
    default: ServerRule,
}

impl RedistributionRules {
    /// The rule of a server: the one whose name `is` that server, else the default.
    pub fn server(&self, is: impl Fn(&str) -> bool) -> &ServerRule {
        self.named.iter().find(|(name, _)| is(name)).map_or(&self.default, |(_, rule)| rule)
    }

    /// The servers named in it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(|(name, _)| name.as_str())
    }
}

/// Reads the operator's file, if there is one, over the shipped one.
///
/// # Errors
/// Every mistake in it.
pub fn compile(own: Option<Source>) -> Result<RedistributionRules, Vec<Mistake>> {
    let shipped =
        super::embedded::embedded().into_iter().filter(|source| source.file == format!("{EMBEDDED}{FILE}"));
    let sources: Vec<Source> = shipped.chain(own).collect();
    let files: Vec<String> = sources.iter().map(|source| source.file.clone()).collect();
    let mut c = Checker::new(&files);
    let mut flaws = Vec::new();
    let trees =
        sources.iter().zip(0..).filter_map(|(source, index)| yaml::read(&source.text, index, &mut flaws));
    // A file of nothing but remarks adds nothing.
    let trees: Vec<Node> = trees.filter(|tree| !tree.is_null()).collect();
    c.flaws(flaws);
    let merged = trees.into_iter().reduce(layers::merge);
    match merged.and_then(|root| rules(&mut c, &root)) {
        Some(rules) if c.is_clean() => Ok(rules),
        _ => Err(c.into_mistakes()),
    }
}

fn rules(c: &mut Checker<'_>, root: &Node) -> Option<RedistributionRules> {
    let top = c.fields(root, &TOP, FILE)?;
    let servers = c.need(&top, "servers")?;
    let names = c.names(servers, "`servers`")?;
    let shared = c.need(&names, DEFAULT)?;
    let default = server(c, shared, shared.at);
    let own = names.entries().iter().filter(|entry| entry.key != DEFAULT);
    let named: Vec<_> = own.map(|entry| one(c, entry, shared)).collect();
    let named: Option<Vec<_>> = named.into_iter().collect();
    Some(RedistributionRules { named: named?, default: default? })
}

fn one(c: &mut Checker<'_>, entry: &Entry, shared: &Node) -> Option<(String, ServerRule)> {
    let name = entry.key.as_str();
    if name.is_empty() || name.starts_with('-') || name.chars().any(|c| c.is_control() || c.is_whitespace()) {
        c.wrong(entry.at, format!("`{name}` is no name of a server"));
        return None;
    }
    let whole = layers::merge(shared.clone(), entry.value.clone());
    Some((name.to_owned(), server(c, &whole, entry.at)?))
}

fn server(c: &mut Checker<'_>, node: &Node, at: Mark) -> Option<ServerRule> {
    let f = c.fields(node, &SERVER, "a server")?;
    let manager = c.need(&f, "manager").and_then(|node| manager(c, node));
    let allow = c.need(&f, "allow").and_then(|node| programs(c, node));
    let directory = directory(c, &f);
    let user = optional(c, &f, "user");
    let parallel = c.need(&f, "parallel").and_then(|node| c.whole(node, "parallel", 1..=256));
    let time_limit = duration(c, &f, "time_limit", 1, YEAR);
    let logs = c.need(&f, "logs").and_then(|node| logs(c, node));
    let environment = c.need(&f, "environment").and_then(|node| environment(c, node));
    let service_center = word(c, &f, "service_center");
    let remote_program = word(c, &f, "remote_program");
    let reachability = c.need(&f, "reachability").and_then(|node| reachability(c, node));
    Some(ServerRule {
        reachability: reachability?,
        manager: manager?,
        allow: allow?,
        directory: directory?,
        user: user?,
        parallel: usize::try_from(parallel?).ok()?,
        time_limit: time_limit?,
        logs: logs?,
        environment: environment?,
        service_center: service_center?,
        remote_program: remote_program?,
        origin: c.origin(at),
    })
}

fn manager(c: &mut Checker<'_>, node: &Node) -> Option<Manager> {
    if node.text().is_some() {
        return c.word(node, "manager", &["exec"]).map(|_| Manager::Exec);
    }
    let f = c.fields(node, &MANAGER, "`manager`")?;
    let submit = c.need(&f, "submit").and_then(|node| argv(c, node, "submit"))?;
    Some(Manager::Submit(submit))
}

/// A text that reaches a command line elsewhere: one word, no option.
fn word(c: &mut Checker<'_>, f: &Fields<'_>, key: &'static str) -> Option<Option<String>> {
    let text = optional(c, f, key)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._+-@:[]".contains(&b);
    match (&text, f.get(key)) {
        (Some(word), Some(node)) if word.starts_with('-') || !word.bytes().all(plain) => {
            c.wrong(node.at, format!("`{key}`: `{word}` holds more than letters, digits and /._+-@:[]"));
            None
        }
        _ => Some(text),
    }
}

fn reachability(c: &mut Checker<'_>, node: &Node) -> Option<Reachability> {
    if node.text().is_some() {
        let word = c.word(node, "reachability", &["off", "ping"])?;
        return Some(if word == "ping" { Reachability::Ping } else { Reachability::Off });
    }
    let f = c.fields(node, &REACHABILITY, "`reachability`")?;
    let port = c.need(&f, "port").and_then(|node| c.whole(node, "port", 1..=65_535))?;
    u16::try_from(port).ok().map(Reachability::Port)
}

fn programs(c: &mut Checker<'_>, node: &Node) -> Option<Vec<String>> {
    let programs = c.texts_or_none(node, "allow")?;
    for program in programs.iter().filter(|program| program.contains('/') && !program.starts_with('/')) {
        c.wrong(node.at, format!("`allow`: `{program}` is neither an absolute path nor a bare name"));
    }
    Some(programs)
}

fn directory(c: &mut Checker<'_>, f: &Fields<'_>) -> Option<Option<String>> {
    let directory = optional(c, f, "directory")?;
    if let (Some(path), Some(node)) = (&directory, f.get("directory"))
        && !path.starts_with('/')
    {
        c.wrong(node.at, format!("`directory` must be an absolute path, not `{path}`"));
        return None;
    }
    Some(directory)
}

fn logs(c: &mut Checker<'_>, node: &Node) -> Option<Vec<String>> {
    let logs = c.texts_or_none(node, "logs")?;
    for log in &logs {
        if !log.starts_with('/') {
            c.wrong(node.at, format!("`logs`: `{log}` is no absolute path"));
        } else if let Err(what) = check_glob(log) {
            c.wrong(node.at, format!("`logs`: {what}"));
        }
    }
    Some(logs)
}

fn environment(c: &mut Checker<'_>, node: &Node) -> Option<Vec<String>> {
    let names = c.texts_or_none(node, "environment")?;
    for name in &names {
        let fits =
            |(at, b): (usize, u8)| b == b'_' || b.is_ascii_alphabetic() || (at > 0 && b.is_ascii_digit());
        if !name.bytes().enumerate().all(fits) {
            c.wrong(
                node.at,
                format!("`environment`: `{name}` is no name of a variable; values are not written here"),
            );
        } else if OURS.contains(&name.as_str()) || name.starts_with("AUTOTICKET_") || name.starts_with("LD_")
        {
            c.wrong(node.at, format!("`environment`: `{name}` is never passed on"));
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(text: &str) -> Option<Source> {
        Some(Source { file: FILE.to_owned(), text: text.to_owned() })
    }

    fn mistakes(text: &str) -> Vec<String> {
        let mistakes = compile(own(text)).expect_err("a mistake");
        mistakes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_shipped_file_allows_nothing() {
        for text in [None, own(""), own("# nothing yet\n")] {
            let rules = compile(text).expect("no mistakes");
            let rule = rules.server(|_| true);
            assert_eq!((&rule.manager, rule.allow.len(), rule.parallel), (&Manager::Exec, 0, 4));
            assert_eq!(rule.time_limit, Seconds(3_600));
            assert_eq!(rules.names().count(), 0);
        }
    }

    #[test]
    fn a_server_changes_single_keys_of_the_default() {
        let text = "servers:\n  default: {allow: [clush], user: dm}\n  is39:\n    manager: {submit: [/opt/dm, --]}\n    parallel: 9\n    reachability: {port: 22}\n";
        let rules = compile(own(text)).expect("no mistakes");
        let rule = rules.server(|name| name == "is39");
        assert_eq!(rule.manager, Manager::Submit(vec!["/opt/dm".into(), "--".into()]));
        assert_eq!((rule.parallel, rule.user.as_deref()), (9, Some("dm")));
        assert_eq!(rule.allow, ["clush"]);
        assert_eq!(rule.reachability, Reachability::Port(22));
        assert_eq!(rule.origin.to_string(), "redistribution.yaml:3");
        let other = rules.server(|name| name == "is40");
        assert_eq!((&other.manager, other.parallel), (&Manager::Exec, 4));
        assert_eq!(other.reachability, Reachability::Off);
    }

    #[test]
    fn mistakes_are_told_with_their_place_and_what_was_meant() {
        assert_eq!(
            mistakes("servers:\n  is38:\n    alow: [clush]\n    manager: submit\n"),
            [
                "redistribution.yaml:3:5: unknown key `alow` in a server, did you mean `allow`?",
                "redistribution.yaml:4:14: `manager` must be one of exec, not `submit`",
            ]
        );
        assert_eq!(mistakes("server: {}\n").len(), 1);
        for wrong in [
            "manager: {submit: dm --}",
            "manager: {submit: []}",
            "allow: [bin/dm]",
            "directory: srv",
            "environment: [LD_PRELOAD]",
            "environment: [A=b]",
            "environment: [PATH]",
            "logs: [dm.log]",
            "parallel: 0",
            "reachability: pong",
            "reachability: {port: 0}",
            "reachability: {}",
            "time_limit: 0s",
            "user: ''",
            "service_center: -oProxyCommand=x",
            "service_center: dm@center;id",
            "remote_program: 'a b'",
        ] {
            let said = mistakes(&format!("servers:\n  is38:\n    {wrong}\n"));
            assert_eq!(said.len(), 1, "{wrong}: {said:?}");
        }
        assert_eq!(mistakes("servers:\n  '-x': {parallel: 2}\n").len(), 1);
    }
}
