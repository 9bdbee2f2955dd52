//! Node and domain lists as files: one name per line, or CSV with `name,aliases,only`.
//!
//! In: bytes of a file or of a program's output. Out: rows sorted by name, each name once, or the first
//! mistakes with their lines. It does not know what is stored.

use super::{Exit, Failure};
use crate::alert::name;
use crate::location::cells;
use crate::rules::glob::{is_glob, matcher};
use crate::shown::Shown;
use crate::store::{ListKind, ListRow};
use rustix::process::{Pid, Signal};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Longest list that is read.
const MOST_BYTES: u64 = 256 << 20;
/// A program that gives a list may take this long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Mistakes that are told at once.
const TOLD: usize = 20;

/// A list as it was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entries {
    /// Sorted by name, each name once.
    pub rows: Vec<ListRow>,
    /// SHA-256 of the bytes it came from, hexadecimal.
    pub digest: String,
}

impl Entries {
    /// Adds names that are not in it.
    pub(super) fn keep(&mut self, names: Vec<String>) {
        for name in names {
            if let Err(at) = self.rows.binary_search_by(|row| row.name.cmp(&name)) {
                self.rows.insert(at, ListRow { canonical: name.clone(), name, only: Vec::new() });
            }
        }
    }
}

/// A node's name or glob as it is looked up.
pub(super) fn key(written: &str) -> String {
    let lower = written.trim().to_lowercase();
    if is_glob(&lower) { lower } else { name::normal(&lower) }
}

/// Reads a list from a file, or `-`.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |e: io::Error| {
        let exit = match e.kind() {
            io::ErrorKind::NotFound => Exit::Data,
            io::ErrorKind::PermissionDenied => Exit::Permission,
            _ => Exit::Io,
        };
        Failure::new(exit, anyhow::Error::new(e).context(format!("read the list {}", path.display())))
    };
    let bytes =
        if path == Path::new("-") { bounded(io::stdin().lock()) } else { File::open(path).and_then(bounded) };
    bytes.map_err(failed)
}

fn bounded(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 256 MiB"));
    }
    Ok(bytes)
}

/// Asks a program for a list: argv as it is, no shell, no input, bounded in time and output.
///
/// # Errors
/// [`Exit::Unavailable`] where it cannot be started, does not end in time or ends with a failure.
pub(super) fn ask(argv: &[String]) -> Result<Vec<u8>, Failure> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(Failure::say(Exit::Configuration, "a list command is empty"));
    };
    let program = Shown::new(program).to_string();
    let failed = |what: &str| Failure::say(Exit::Unavailable, format!("list command {program} {what}"));
    #[expect(clippy::disallowed_methods, reason = "the one program of the lists: the rules' argv, no shell")]
    let mut command = Command::new(&argv[0]);
    let mut child = command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // Its own group: whatever it starts ends with it.
        .process_group(0)
        .spawn()
        .map_err(|e| failed(&format!("cannot be started: {e}")))?;
    let output = child.stdout.take().expect("its output is piped");
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(bounded(output)));
    let read = receiver.recv_timeout(PATIENCE);
    let status = match read {
        Ok(Ok(_)) => ended(&mut child),
        _ => None,
    };
    if status.is_none() {
        end(&mut child);
    }
    match (read, status) {
        (Ok(Ok(bytes)), Some(status)) if status.success() => Ok(bytes),
        (Ok(Ok(_)), Some(status)) => Err(failed(&format!("failed: {status}"))),
        (Ok(Err(e)), _) => Err(failed(&format!("gave no list: {e}"))),
        _ => Err(failed("did not end within a minute")),
    }
}

/// After its output ended a program should end at once; five seconds are granted.
fn ended(child: &mut Child) -> Option<std::process::ExitStatus> {
    for _ in 0..100 {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    None
}

fn end(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Reads a list; `file` is how it is called in mistakes.
///
/// # Errors
/// [`Exit::Data`] with the mistakes: names that are none, names that stand for two nodes.
pub(super) fn parse(kind: ListKind, bytes: &[u8], file: &str) -> Result<Entries, Failure> {
    let text = str::from_utf8(bytes).map_err(|e| {
        let line = 1 + memchr::memchr_iter(b'\n', &bytes[..e.valid_up_to()]).count();
        Failure::say(Exit::Data, format!("{}:{line}: not UTF-8", Shown::new(file)))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { kind, rows: Vec::new(), wrong: Vec::new() };
    let mut lines = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .peekable();
    let columns = lines.peek().and_then(|(_, line)| Columns::of(line));
    if columns.is_some() {
        lines.next();
    }
    for (number, line) in lines {
        match &columns {
            Some(columns) => reader.record(number, line, columns),
            None => reader.name(number, line),
        }
    }
    reader.finish(file, crate::store::hex::encode(&Sha256::digest(bytes)))
}

/// Which column is which.
struct Columns {
    name: usize,
    aliases: Option<usize>,
    only: Option<usize>,
}

impl Columns {
    /// The header of a CSV: one of its columns is called `name`, and it is not the only word of a text list.
    fn of(line: &str) -> Option<Columns> {
        let heads: Vec<String> = cells(line, ',')?.iter().map(|h| h.trim().to_lowercase()).collect();
        let at = |word: &str| heads.iter().position(|h| h == word);
        Some(Columns { name: at("name")?, aliases: at("aliases"), only: at("only") })
    }
}

struct Reader {
    kind: ListKind,
    /// With the line of each.
    rows: Vec<(ListRow, u32)>,
    wrong: Vec<(usize, String)>,
}

impl Reader {
    fn name(&mut self, line: usize, text: &str) {
        // A comment may follow a name after a blank.
        let text = text
            .split_once(" #")
            .or_else(|| text.split_once("\t#"))
            .map_or(text, |(name, _)| name)
            .trim_end();
        if let Some(name) = self.key(line, text) {
            self.push(line, ListRow { canonical: name.clone(), name, only: Vec::new() });
        }
    }

    fn record(&mut self, line: usize, text: &str, columns: &Columns) {
        let Some(cells) = cells(text, ',') else {
            return self.wrong.push((line, "a quote that never ends".to_owned()));
        };
        let cell = |at: usize| cells.get(at).map_or("", |c| c.trim());
        let words = |at: Option<usize>| -> Vec<String> {
            let text = at.map_or("", cell);
            text.split([' ', '\t', ';']).filter(|w| !w.is_empty()).map(str::to_owned).collect()
        };
        let Some(name) = self.key(line, cell(columns.name)) else { return };
        let (aliases, only) = (words(columns.aliases), words(columns.only));
        for alias in &aliases {
            if let Some(alias) = self.key(line, alias).filter(|a| *a != name) {
                self.push(line, ListRow { name: alias, canonical: name.clone(), only: only.clone() });
            }
        }
        self.push(line, ListRow { canonical: name.clone(), name, only });
    }

    fn push(&mut self, line: usize, row: ListRow) {
        self.rows.push((row, u32::try_from(line).unwrap_or(u32::MAX)));
    }

    /// The name as it is looked up.
    fn key(&mut self, line: usize, written: &str) -> Option<String> {
        let found = match self.kind {
            ListKind::Domains => name::domain(written).filter(|d| !d.is_empty()),
            ListKind::Nodes if written.contains(char::is_whitespace) || written.contains(',') => None,
            ListKind::Nodes => Some(key(written)).filter(|k| !k.is_empty() && !k.contains('\u{fffd}')),
        };
        if found.is_none() {
            let what = if self.kind == ListKind::Domains { "domain" } else { "node" };
            self.wrong.push((line, format!("`{}` is no {what}", super::show::short(written))));
        } else if found.as_deref().is_some_and(|f| is_glob(f) && matcher(f).is_none()) {
            self.wrong.push((line, format!("`{}` is no glob", super::show::short(written))));
            return None;
        }
        found
    }

    fn finish(mut self, file: &str, digest: String) -> Result<Entries, Failure> {
        self.rows.sort_unstable_by(|(a, at), (b, bt)| (&a.name, at).cmp(&(&b.name, bt)));
        for pair in self.rows.windows(2) {
            let [(a, first), (b, second)] = pair else { continue };
            if a.name == b.name && a != b {
                let what =
                    format!("`{}` stands for another entry in line {first} already", Shown::new(&a.name));
                self.wrong.push((*second as usize, what));
            }
        }
        if !self.wrong.is_empty() {
            self.wrong.sort();
            return Err(mistaken(file, &self.wrong));
        }
        let mut rows: Vec<ListRow> = self.rows.into_iter().map(|(row, _)| row).collect();
        rows.dedup();
        Ok(Entries { rows, digest })
    }
}

fn mistaken(file: &str, wrong: &[(usize, String)]) -> Failure {
    let file = Shown::new(file);
    let mut lines: Vec<String> =
        wrong.iter().take(TOLD).map(|(line, what)| format!("{file}:{line}: {what}")).collect();
    if wrong.len() > TOLD {
        lines.push(format!("and {} more", wrong.len() - TOLD));
    }
    Failure::say(Exit::Data, format!("the list is wrong, nothing was imported\n{}", lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(kind: ListKind, text: &str) -> Vec<String> {
        let entries = parse(kind, text.as_bytes(), "x").expect("right");
        entries.rows.iter().map(|r| format!("{}>{} {}", r.name, r.canonical, r.only.join("+"))).collect()
    }

    fn wrong(kind: ListKind, text: &str) -> String {
        parse(kind, text.as_bytes(), "x").expect_err("wrong").error.to_string()
    }

    #[test]
    fn a_text_list_has_a_name_per_line_and_comments() {
        let text = "\u{feff}# all of them\r\n\r\nNode7.East.Example.COM.\r\n  is38 # the east one\nrack*-[0-9]\nis38\n";
        assert_eq!(
            rows(ListKind::Nodes, text),
            ["is38>is38 ", "node7.east.example.com>node7.east.example.com ", "rack*-[0-9]>rack*-[0-9] "]
        );
        assert_eq!(rows(ListKind::Domains, "East.Example.com\n"), ["east.example.com>east.example.com "]);
    }

    #[test]
    fn a_csv_list_has_aliases_and_may_be_narrowed() {
        let text = "site,Name,aliases,only\nB2,is38,IS38-old;is38b,\"office-* jre\"\n\"B3, left\",is39,,\n";
        assert_eq!(
            rows(ListKind::Nodes, text),
            ["is38>is38 office-*+jre", "is38-old>is38 office-*+jre", "is38b>is38 office-*+jre", "is39>is39 "]
        );
    }

    #[test]
    fn every_mistake_of_a_list_is_told_with_its_line() {
        let told = wrong(ListKind::Nodes, "name,aliases\nis38,x\nis39,x\n,y\n\"is40\n[,\n");
        assert_eq!(
            told,
            "the list is wrong, nothing was imported\nx:3: `x` stands for another entry in line 2 already\n\
             x:4: `` is no node\nx:5: a quote that never ends\nx:6: `[` is no glob"
        );
        assert!(wrong(ListKind::Nodes, "a b\n").ends_with("x:1: `a b` is no node"));
        assert!(wrong(ListKind::Domains, "dm@example.com\n").ends_with("x:1: `dm@example.com` is no domain"));
        assert_eq!(
            parse(ListKind::Nodes, b"a\n\xff\n", "x").expect_err("wrong").error.to_string(),
            "x:2: not UTF-8"
        );
    }

    #[test]
    fn accepted_names_stay_in_a_list_that_does_not_name_them() {
        let mut entries = parse(ListKind::Nodes, b"b\nd\n", "x").expect("right");
        entries.keep(vec!["c".into(), "d".into(), "e".into()]);
        let names: Vec<&str> = entries.rows.iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["b", "c", "d", "e"]);
    }

    #[test]
    fn a_list_command_that_fails_or_is_not_there_gives_no_list() {
        let argv = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        assert_eq!(ask(&argv(&["/bin/echo", "is38; rm x"])).expect("a list"), b"is38; rm x\n");
        let failed = ask(&argv(&["/bin/false"])).expect_err("no list");
        assert_eq!(
            (failed.exit, failed.line()),
            (Exit::Unavailable, "list command /bin/false failed: exit status: 1".into())
        );
        assert!(ask(&argv(&["/nowhere/lister"])).expect_err("no list").line().contains("cannot be started"));
    }
}
