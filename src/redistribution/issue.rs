//! What is issued: an approved command, the vector that the distribution manager gets, and what became of it.
//!
//! In: a job of the plan and one of its rebuilt commands, the rule of its server. Out: argument vectors and reasons
//! to refuse. It starts nothing and keeps nothing; whether a program exists it is told.

use super::model::Token;
use super::plan::{Job, ListFile, Rebuilt};
pub use super::rebuild::LIST;
pub use super::shell::MASK;
use crate::rules::redistribution::{Manager, ServerRule};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Folders in which programs without a path are looked up; also the PATH of every command.
pub const FOLDERS: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// The variable in which the manager finds the idempotency key.
pub const KEY_VARIABLE: &str = "AUTOTICKET_IDEMPOTENCY_KEY";

/// A command that a person consented to. The journal keeps it with its secrets masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    /// `J3.1`.
    pub id: String,
    pub server: String,
    pub tool: String,
    /// Tells its distribution job from every other one of the tool: see [`job_identity`].
    pub job: String,
    /// What is sent, as the log of the first run names it.
    pub packages: Vec<String>,
    pub argv: Vec<Token>,
    /// Recipients, each with the ids of its failed distributions.
    pub recipients: Vec<(String, Vec<String>)>,
    pub directory: Option<String>,
    pub user: Option<String>,
    pub list_file: Option<ListFile>,
    /// What approval binds, as lowercase hexadecimal SHA-256.
    pub hash: String,
    /// What the operator changed, in words without secrets.
    pub edits: Vec<String>,
}

impl Approved {
    /// Consent to one command of a job as it was shown.
    pub fn of(job: &Job, command: &Rebuilt, edits: Vec<String>) -> Approved {
        let ids = |name: &String| {
            let failed = job.recipients.failed.iter().find(|failed| failed.name == *name);
            failed.map(|failed| failed.records.clone()).unwrap_or_default()
        };
        Approved {
            id: command.id.clone(),
            server: job.server.clone(),
            tool: job.tool.clone(),
            job: job_identity(job),
            packages: job.packages.clone(),
            argv: command.argv.clone(),
            recipients: command.recipients.iter().map(|name| (name.clone(), ids(name))).collect(),
            directory: command.directory.clone(),
            user: command.user.clone(),
            list_file: command.list_file.clone(),
            hash: command.hash.clone(),
            edits,
        }
    }

    /// The same for the same server, tool, job, recipients and approval, whoever asks.
    pub fn identity(&self) -> String {
        let mut names: Vec<&str> = self.recipients.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let names = digest(&names.iter().map(|name| name.as_bytes()).collect::<Vec<_>>());
        digest(
            &[&self.server, &self.tool, &self.job, &names, &self.hash].map(|part: &String| part.as_bytes()),
        )
    }

    /// The key under which the manager sees one attempt at it; the first attempt is 1.
    pub fn key(&self, attempt: u32) -> String {
        digest(&[self.identity().as_bytes(), attempt.to_string().as_bytes()])
    }

    /// The vector as it may be shown and stored.
    pub fn masked(&self) -> Vec<&str> {
        self.argv.iter().map(|token| if token.secret { MASK } else { token.text.as_str() }).collect()
    }
}

/// Tells a distribution job from every other one of its server and tool.
///
/// Job numbers come back after years and one number may have several runs, so a job is told by its number and the start
/// of its run; without a number also by the original command, for two may begin in one second; without a start, by the
/// line of the log and the original command. Neither the path of the log, which rotation changes, nor where a command
/// was found is part of it.
pub fn job_identity(job: &Job) -> String {
    let run = job.run.as_ref();
    let start = run.and_then(|run| run.start).map(|at| at.to_string());
    let line = run.filter(|run| run.start.is_none()).map(|run| run.line.to_string());
    let original = job.original.as_deref().filter(|_| start.is_none() || job.job.is_none());
    let parts = [job.job.as_deref(), start.as_deref(), line.as_deref(), original];
    digest(&parts.map(|part| part.unwrap_or("").as_bytes()))
}

/// SHA-256 over parts of any content, each with its length before it, as lowercase hexadecimal digits.
pub fn digest(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Why a command is not started. Nothing ran.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the command is empty")]
    Empty,
    #[error(
        "`{program}` may not be started on {server}: add it to redistribution.yaml\nservers:\n  {server}:\n    allow: [{line}]"
    )]
    NotAllowed { program: String, server: String, line: String },
    #[error("`{program}` is in none of {}: install it, or name its absolute path", FOLDERS.join(", "))]
    NotFound { program: String },
    #[error("`{program}` is a path relative to a folder: name it absolutely")]
    Relative { program: String },
    #[error("`{program}` is no program that can be executed")]
    NoProgram { program: String },
    #[error("an argument holds a NUL byte, which no program can be given")]
    Nul,
    #[error("the folder `{directory}` is no absolute path")]
    Directory { directory: String },
    #[error("its working directory `{directory}` is gone")]
    NoDirectory { directory: String },
    #[error("no user `{user}` is known here")]
    NoUser { user: String },
    #[error(
        "it is to run as {user}: issue it as {user} or root, with a state that is theirs (--state; redistribute(1), WHOSE STATE)"
    )]
    OtherUser { user: String },
    #[error("the argument that is to name the distribution list does not")]
    List,
}

/// A command ready to be started, but for its key and its distribution list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Absolute.
    pub program: PathBuf,
    /// From `argv[0]` on, secrets intact.
    pub argv: Vec<String>,
    pub directory: String,
    pub user: Option<String>,
    /// Index in `argv` of the argument that ends in `{list}`, and what the list holds.
    pub list: Option<(usize, String)>,
}

/// What starting `approved` on its server comes to. `runs` says whether a path is a program that may be executed.
///
/// # Errors
/// See [`Refusal`].
pub fn start(approved: &Approved, rule: &ServerRule, runs: &dyn Fn(&Path) -> bool) -> Result<Start, Refusal> {
    let before: &[String] = match &rule.manager {
        Manager::Exec => &[],
        Manager::Submit(argv) => argv,
    };
    if approved.argv.is_empty() {
        return Err(Refusal::Empty);
    }
    let argv: Vec<String> =
        before.iter().cloned().chain(approved.argv.iter().map(|token| token.text.clone())).collect();
    if argv.iter().any(|argument| argument.contains('\0')) {
        return Err(Refusal::Nul);
    }
    let program = resolve(&argv[0], &rule.allow, &approved.server, runs)?;
    let directory =
        approved.directory.clone().or_else(|| rule.directory.clone()).unwrap_or_else(|| "/".into());
    if !directory.starts_with('/') {
        return Err(Refusal::Directory { directory });
    }
    let list = match &approved.list_file {
        Some(list) => {
            let token = before.len() + list.token;
            let names_it = argv.get(token).is_some_and(|argument| argument.ends_with(LIST));
            if !names_it || list.token == 0 {
                return Err(Refusal::List);
            }
            Some((token, list.content.clone()))
        }
        None => None,
    };
    let user = approved.user.clone().or_else(|| rule.user.clone());
    Ok(Start { program, argv, directory, user, list })
}

/// The file of an allowed program.
fn resolve(
    program: &str,
    allow: &[String],
    server: &str,
    runs: &dyn Fn(&Path) -> bool,
) -> Result<PathBuf, Refusal> {
    let named = || program.to_owned();
    if program.is_empty() {
        return Err(Refusal::Empty);
    }
    let path = look_up(program, runs);
    if path.is_none() && program.contains('/') {
        return Err(Refusal::Relative { program: named() });
    }
    let allowed = |path: &Path| allow.iter().any(|entry| look_up(entry, runs).as_deref() == Some(path));
    match path {
        Some(path) if allowed(&path) && runs(&path) => Ok(path),
        Some(path) if allowed(&path) => Err(Refusal::NoProgram { program: named() }),
        _ => {
            let entries: Vec<&str> = allow.iter().map(String::as_str).chain([program]).collect();
            match path {
                None if allow.iter().any(|entry| entry == program) => {
                    Err(Refusal::NotFound { program: named() })
                }
                _ => Err(Refusal::NotAllowed {
                    program: named(),
                    server: server.to_owned(),
                    line: entries.iter().map(|entry| yaml(entry)).collect::<Vec<_>>().join(", "),
                }),
            }
        }
    }
}

/// Absolute paths stand for themselves, bare names for the first program of the fixed folders.
pub fn look_up(program: &str, runs: &dyn Fn(&Path) -> bool) -> Option<PathBuf> {
    if program.starts_with('/') {
        return Some(PathBuf::from(program));
    }
    if program.contains('/') {
        return None;
    }
    FOLDERS.iter().map(|folder| Path::new(folder).join(program)).find(|path| runs(path))
}

/// A text as an item of a YAML list.
fn yaml(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'.' | b'+' | b'-');
    let first = text.bytes().next().is_some_and(|b| b == b'/' || b.is_ascii_alphabetic());
    if first && text.bytes().all(plain) { text.to_owned() } else { format!("{text:?}") }
}

/// How the program of a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    Exit(i32),
    /// By its name: `SIGKILL`.
    Signal(String),
    /// It took longer than it may, and was ended.
    TimeLimit,
    /// The operator had it ended.
    Stopped,
    /// Nothing ran: why.
    NotStarted(String),
}

impl End {
    /// In words.
    pub fn words(&self) -> String {
        match self {
            End::Exit(code) => format!("exit status {code}"),
            End::Signal(name) => format!("killed by {name}"),
            End::TimeLimit => "took longer than its time limit and was ended".to_owned(),
            End::Stopped => "ended by the operator".to_owned(),
            End::NotStarted(why) => format!("not started: {why}"),
        }
    }
}

/// What the evidence says about one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Confirmed,
    Failed(String),
    /// Nothing yet: the manager has the command.
    Waits,
}

/// What an end says by itself, where no log says more: a manager that only takes commands proves nothing by taking one,
/// and one that we ended may have reached anybody before.
pub fn judge(end: &End, manager: &Manager) -> Verdict {
    match (end, manager) {
        (End::Exit(0), Manager::Exec) => Verdict::Confirmed,
        (End::Exit(0), Manager::Submit(_)) | (End::TimeLimit | End::Stopped, _) => Verdict::Waits,
        (end, _) => Verdict::Failed(end.words()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Source;
    use crate::rules::redistribution::compile;
    use proptest::prelude::*;

    fn token(text: &str) -> Token {
        Token { text: text.to_owned(), place: None, secret: false }
    }

    fn approved(argv: &[&str]) -> Approved {
        Approved {
            id: "J1.1".into(),
            server: "is38".into(),
            tool: "dm".into(),
            job: "j".into(),
            packages: Vec::new(),
            argv: argv.iter().map(|text| token(text)).collect(),
            recipients: vec![("node7".into(), vec!["F-1".into()])],
            directory: None,
            user: None,
            list_file: None,
            hash: "00".into(),
            edits: Vec::new(),
        }
    }

    fn rule(text: &str) -> ServerRule {
        let text = format!("servers:\n  default: {{{text}}}\n");
        let source = Source { file: "redistribution.yaml".into(), text };
        compile(Some(source)).expect("rules").server(|_| false).clone()
    }

    /// Only these exist.
    fn here(path: &Path) -> bool {
        ["/usr/bin/clush", "/opt/dm", "/usr/bin/rm"].iter().any(|known| Path::new(known) == path)
    }

    #[test]
    fn only_allowed_programs_are_started_and_a_refusal_prints_the_line_to_add() {
        let rule = rule("allow: [clush, /opt/dm, dsh]");
        let program = |argv: &[&str]| start(&approved(argv), &rule, &here).map(|start| start.program);
        assert_eq!(program(&["clush", "-w", "node7"]), Ok("/usr/bin/clush".into()));
        assert_eq!(program(&["/usr/bin/clush"]), Ok("/usr/bin/clush".into()));
        assert_eq!(program(&["/opt/dm"]), Ok("/opt/dm".into()));
        assert_eq!(program(&["dsh"]), Err(Refusal::NotFound { program: "dsh".into() }));
        assert_eq!(program(&["./clush"]), Err(Refusal::Relative { program: "./clush".into() }));
        assert_eq!(
            program(&["/opt/../usr/bin/clush"]).map_err(|e| matches!(e, Refusal::NotAllowed { .. })),
            Err(true)
        );
        assert_eq!(program(&[]), Err(Refusal::Empty));
        assert_eq!(program(&["clush", "a\0b"]), Err(Refusal::Nul));
        let said = program(&["rm", "-rf", "/"]).expect_err("a refusal").to_string();
        assert_eq!(
            said,
            "`rm` may not be started on is38: add it to redistribution.yaml\nservers:\n  is38:\n    allow: [clush, /opt/dm, dsh, rm]"
        );
        let odd = program(&["-x: {"]).expect_err("a refusal").to_string();
        assert!(odd.ends_with("allow: [clush, /opt/dm, dsh, \"-x: {\"]"), "{odd}");
    }

    #[test]
    fn submit_puts_its_own_arguments_before_the_command_and_only_its_program_needs_leave() {
        let rule =
            rule("manager: {submit: [/opt/dm, submit, --]}, allow: [/opt/dm], directory: /srv, user: dm");
        let mut command = approved(&["clush", "-w", "a b", "--list={list}"]);
        command.list_file =
            Some(ListFile { original: "/etc/list".into(), token: 3, content: "node7 x\n".into() });
        let start = start(&command, &rule, &here).expect("allowed");
        assert_eq!(start.argv, ["/opt/dm", "submit", "--", "clush", "-w", "a b", "--list={list}"]);
        assert_eq!(start.list, Some((6, "node7 x\n".to_owned())));
        assert_eq!((start.directory.as_str(), start.user.as_deref()), ("/srv", Some("dm")));
        let mut wrong = command.clone();
        wrong.list_file.as_mut().expect("a list").token = 2;
        assert_eq!(super::start(&wrong, &rule, &here), Err(Refusal::List));
    }

    #[test]
    fn what_the_log_recorded_goes_before_what_is_configured() {
        let rule = rule("allow: [clush], directory: /srv, user: dm");
        let mut command = approved(&["clush"]);
        command.directory = Some("/var/dm".into());
        command.user = Some("root".into());
        let start = start(&command, &rule, &here).expect("allowed");
        assert_eq!((start.directory.as_str(), start.user.as_deref()), ("/var/dm", Some("root")));
        command.directory = Some("relative".into());
        assert!(matches!(super::start(&command, &rule, &here), Err(Refusal::Directory { .. })));
    }

    #[test]
    fn the_identity_is_that_of_server_tool_job_recipients_and_approval() {
        let one = approved(&["clush"]);
        let mut same = one.clone();
        same.id = "J9.9".into();
        same.recipients[0].1 = Vec::new();
        assert_eq!(one.identity(), same.identity());
        assert_ne!(one.key(1), one.key(2));
        let changes: [fn(&mut Approved); 5] = [
            |a| a.server.push('x'),
            |a| a.tool.push('x'),
            |a| a.job.push('x'),
            |a| a.recipients.push(("node8".into(), Vec::new())),
            |a| a.hash.push('x'),
        ];
        for change in changes {
            let mut other = one.clone();
            change(&mut other);
            assert_ne!(one.identity(), other.identity());
        }
    }

    #[test]
    fn taking_a_command_confirms_nothing_a_bad_end_is_a_failure_and_one_of_our_making_is_unclear() {
        let submit = Manager::Submit(vec!["dm".into()]);
        assert_eq!(judge(&End::Exit(0), &Manager::Exec), Verdict::Confirmed);
        assert_eq!(judge(&End::Exit(0), &submit), Verdict::Waits);
        for end in [End::Exit(1), End::Signal("SIGKILL".into()), End::NotStarted("no such file".into())] {
            for manager in [&Manager::Exec, &submit] {
                assert_eq!(judge(&end, manager), Verdict::Failed(end.words()));
            }
        }
        for end in [End::TimeLimit, End::Stopped] {
            assert_eq!(judge(&end, &Manager::Exec), Verdict::Waits);
        }
        assert_eq!(End::Signal("SIGKILL".into()).words(), "killed by SIGKILL");
    }

    fn cases() -> ProptestConfig {
        #[expect(clippy::disallowed_methods, reason = "a test asks how many cases to try")]
        let cases = std::env::var("AUTOTICKET_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(256);
        ProptestConfig::with_cases(cases)
    }

    proptest! {
        #![proptest_config(cases())]
        #[test]
        fn parts_that_differ_have_another_digest(a in prop::collection::vec(".{0,4}", 0..4), b in prop::collection::vec(".{0,4}", 0..4)) {
            let bytes = |parts: &[String]| digest(&parts.iter().map(String::as_bytes).collect::<Vec<_>>());
            prop_assert_eq!(bytes(&a) == bytes(&b), a == b);
        }

        #[test]
        fn the_vector_is_handed_on_unchanged(rest in prop::collection::vec("[^\\x00]{0,12}", 0..8)) {
            let rule = rule("allow: [clush]");
            let argv: Vec<&str> = ["clush"].into_iter().chain(rest.iter().map(String::as_str)).collect();
            let start = start(&approved(&argv), &rule, &here).expect("allowed");
            prop_assert_eq!(start.argv, argv);
        }
    }
}
