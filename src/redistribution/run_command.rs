//! Starts one command and sees it to its end: the one place of this room that starts programs.
//!
//! In: a checked [`Start`], its key, its limits. Out: how it ended, and a bounded log of what it printed. It does not
//! know why the command runs or who keeps the result. Never a shell: a vector from end to end.

use super::issue::{End, FOLDERS, KEY_VARIABLE, LIST, Refusal, Start};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use std::collections::VecDeque;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Folder, below the state, of what commands have printed.
pub const LOGS: &str = "redistribution.logs";

/// Where stands what a command of this key printed, in a state folder.
pub fn log_of(folder: &Path, key: &str) -> PathBuf {
    folder.join(LOGS).join(format!("{key}.log"))
}
/// Kept of the beginning and of the end of what a command prints, in bytes each.
const KEPT: usize = 64 << 10;
/// Between SIGTERM and SIGKILL.
pub const GRACE: Duration = Duration::from_secs(10);
/// What still comes out of a pipe after the command has ended is waited for so long: a child in the background may
/// hold it for ever.
const DRAIN: Duration = Duration::from_secs(1);
/// The longest sleep between two looks at a running command.
const NAP: Duration = Duration::from_millis(20);

/// Lists for commands of another user, who cannot enter our state folder. Only root makes them.
const SHARED_LISTS: &str = "/run/autoticket";

/// How issuing is stopped: by finishing what runs, or by ending it.
#[derive(Debug, Default)]
pub struct Stop(AtomicU8);

impl Stop {
    /// Starts nothing more.
    pub fn finish(&self) {
        self.0.fetch_max(1, Ordering::Relaxed);
    }

    /// Starts nothing more, and ends what runs.
    pub fn kill(&self) {
        self.0.fetch_max(2, Ordering::Relaxed);
    }

    /// Whether nothing more is to be started.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// Whether what runs is to be ended, too.
    pub fn kills(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 1
    }
}

/// One start of one command.
#[derive(Debug, Clone)]
pub struct Order {
    pub start: Start,
    pub key: String,
    /// Variables passed on, with their values.
    pub environment: Vec<(String, String)>,
    pub limit: Duration,
    /// Between SIGTERM and SIGKILL: [`GRACE`].
    pub grace: Duration,
    /// State folder: `lists` and `redistribution.logs` below it are ours.
    pub folder: PathBuf,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub end: End,
    pub took: Duration,
    /// What it printed, beginning and end; None: it did not start, or this could not be kept.
    pub log: Option<PathBuf>,
    /// The distribution list that was written for it, to be removed once nobody reads it any more.
    pub list: Option<PathBuf>,
}

/// Whether a file is a program that this process may execute.
pub fn runs(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file())
        && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// Whether this process may issue as the user of `start`, in its folder; asked before anything is said to run.
///
/// # Errors
/// [`Refusal::NoUser`], [`Refusal::OtherUser`], [`Refusal::NoDirectory`].
pub fn may_run_as(start: &Start) -> Result<(), Refusal> {
    switch(start)?;
    match fs::metadata(&start.directory) {
        Ok(meta) if !meta.is_dir() => Err(Refusal::NoDirectory { directory: start.directory.clone() }),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            Err(Refusal::NoDirectory { directory: start.directory.clone() })
        }
        // One that we may not look into may be open to that user.
        _ => Ok(()),
    }
}

/// A user of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Account {
    name: String,
    uid: u32,
    gid: u32,
    home: String,
}

/// The user to become; None: we are that user.
fn switch(start: &Start) -> Result<Option<Account>, Refusal> {
    let Some(user) = &start.user else { return Ok(None) };
    let us = rustix::process::geteuid();
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    match account(&passwd, user) {
        None => Err(Refusal::NoUser { user: user.clone() }),
        Some(account) if account.uid == us.as_raw() => Ok(None),
        Some(account) if us.is_root() => Ok(Some(account)),
        Some(_) => Err(Refusal::OtherUser { user: user.clone() }),
    }
}

fn account(passwd: &str, user: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, _, home, ..] = fields[..] else { return None };
        let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
        (name == user).then(|| Account { name: name.to_owned(), uid, gid, home: home.to_owned() })
    })
}

/// Starts a command and waits for its end. `started` is told the id of its process, which leads its own group.
///
/// Whatever keeps it from starting is [`End::NotStarted`]: then nothing ran.
#[expect(clippy::disallowed_methods, reason = "an edge: it waits, and measures how long")]
pub fn run(order: &Order, stop: &Stop, started: impl FnOnce(u32)) -> Ended {
    let begun = Instant::now();
    let mut ended = Ended { end: End::Exit(0), took: Duration::ZERO, log: None, list: None };
    let account = match switch(&order.start) {
        Ok(account) => account,
        Err(refusal) => return Ended { end: End::NotStarted(refusal.to_string()), ..ended },
    };
    if stop.kills() {
        return Ended { end: End::NotStarted("issuing was stopped before".to_owned()), ..ended };
    }
    let mut argv = order.start.argv.clone();
    if let Some((token, content)) = &order.start.list {
        match write_list(order, content, account.as_ref()) {
            Ok(path) => {
                let option = argv[*token].strip_suffix(LIST).unwrap_or_default();
                argv[*token] = format!("{option}{}", path.display());
                ended.list = Some(path);
            }
            Err(e) => {
                return Ended { end: End::NotStarted(format!("write its distribution list: {e}")), ..ended };
            }
        }
    }
    let captured = Arc::new(Mutex::new(Captured::default()));
    let (child, drained) = match spawn(order, &argv, account.as_ref(), &captured) {
        Ok(running) => running,
        Err(e) => {
            if let Some(list) = ended.list.take() {
                // It was written for nobody.
                let _ = fs::remove_file(list);
            }
            // The system names neither: a folder that is gone is not blamed on the program.
            let why = match may_run_as(&order.start) {
                Err(refusal) => refusal.to_string(),
                Ok(()) => format!("{}: {e}", order.start.program.display()),
            };
            return Ended { end: End::NotStarted(why), ..ended };
        }
    };
    started(child.id());
    ended.end = see_to_its_end(child, order, stop, begun);
    // An answer or a closed channel: the reader is done either way.
    let _ = drained.recv_timeout(DRAIN);
    ended.took = begun.elapsed();
    // Output that cannot be kept changes nothing about what ran.
    ended.log = write_log(order, &guard(&captured)).ok();
    ended
}

#[expect(clippy::disallowed_methods, reason = "the one place of this room that starts programs, by argv")]
fn spawn(
    order: &Order,
    argv: &[String],
    account: Option<&Account>,
    captured: &Arc<Mutex<Captured>>,
) -> io::Result<(Child, mpsc::Receiver<()>)> {
    let (output, writer) = io::pipe()?;
    let mut command = Command::new(&order.start.program);
    command
        .arg0(&argv[0])
        .args(&argv[1..])
        .env_clear()
        .envs(order.environment.iter().map(|(name, value)| (name, value)))
        .env("PATH", FOLDERS.join(":"))
        .env("LANG", "C.UTF-8")
        .env(KEY_VARIABLE, &order.key)
        .current_dir(&order.start.directory)
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0);
    if let Some(account) = account {
        // Supplementary groups go as well: a process of root's that names a user and no groups gives them up.
        command.gid(account.gid).uid(account.uid);
        command.env("HOME", &account.home).env("USER", &account.name).env("LOGNAME", &account.name);
    }
    let (to, drained) = mpsc::channel();
    let captured = Arc::clone(captured);
    // Before the start: without a reader nothing runs.
    thread::Builder::new().stack_size(128 << 10).spawn(move || {
        capture(output, &captured);
        let _ = to.send(());
    })?;
    Ok((command.spawn()?, drained))
}

/// Waits; ends the group when the time is up or the operator wants it. The leader is not reaped before the last
/// signal is sent, so that its group's number cannot have become another's.
#[expect(clippy::disallowed_methods, reason = "an edge: it waits, and measures how long")]
fn see_to_its_end(mut child: Child, order: &Order, stop: &Stop, begun: Instant) -> End {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let signal = |signal| group.map(|group| rustix::process::kill_process_group(group, signal));
    let mut nap = Duration::from_millis(1);
    let mut ending: Option<(End, Instant)> = None;
    while !has_ended(group) {
        let now = Instant::now();
        match &ending {
            None if stop.kills() || now.duration_since(begun) >= order.limit => {
                let end = if stop.kills() { End::Stopped } else { End::TimeLimit };
                signal(Signal::TERM);
                ending = Some((end, now + order.grace));
            }
            Some((_, kill_at)) if now >= *kill_at => break,
            _ => {}
        }
        thread::sleep(nap);
        nap = (nap * 2).min(NAP);
    }
    if ending.is_some() {
        signal(Signal::KILL);
    }
    match (child.wait(), ending) {
        (_, Some((end, _))) => end,
        (Ok(status), None) => end_of(status),
        (Err(e), None) => End::Signal(format!("an unknown end ({e})")),
    }
}

/// Whether the process is over, without reaping it.
fn has_ended(process: Option<Pid>) -> bool {
    let Some(process) = process else { return true };
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(rustix::process::waitid(WaitId::Pid(process), look), Ok(None) | Err(rustix::io::Errno::INTR))
}

fn end_of(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Exit(code),
        (None, Some(signal)) => End::Signal(signal_name(signal)),
        (None, None) => End::Signal("an unknown signal".to_owned()),
    }
}

fn signal_name(number: i32) -> String {
    const NAMES: [(i32, &str); 19] = [
        (1, "SIGHUP"),
        (2, "SIGINT"),
        (3, "SIGQUIT"),
        (4, "SIGILL"),
        (5, "SIGTRAP"),
        (6, "SIGABRT"),
        (7, "SIGBUS"),
        (8, "SIGFPE"),
        (9, "SIGKILL"),
        (10, "SIGUSR1"),
        (11, "SIGSEGV"),
        (12, "SIGUSR2"),
        (13, "SIGPIPE"),
        (14, "SIGALRM"),
        (15, "SIGTERM"),
        (24, "SIGXCPU"),
        (25, "SIGXFSZ"),
        (30, "SIGPWR"),
        (31, "SIGSYS"),
    ];
    let known = NAMES.iter().find(|(n, _)| *n == number);
    known.map_or_else(|| format!("signal {number}"), |(_, name)| (*name).to_owned())
}

/// The distribution list of one start: made anew, private, on disk before the command can read it.
fn write_list(order: &Order, content: &str, account: Option<&Account>) -> io::Result<PathBuf> {
    let folder = match account {
        Some(_) => made(Path::new(SHARED_LISTS), 0o711)?,
        None => made(&order.folder.join("lists"), 0o700)?,
    };
    let path = folder.join(format!("{}.list", order.key));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    let written = file
        .write_all(content.as_bytes())
        .and_then(|()| account.map_or(Ok(()), |a| std::os::unix::fs::fchown(&file, Some(a.uid), Some(a.gid))))
        .and_then(|()| file.sync_all())
        .and_then(|()| File::open(&folder)?.sync_all());
    if let Err(e) = written {
        let _ = fs::remove_file(&path);
        return Err(e);
    }
    Ok(path)
}

/// A folder of ours, made where it is missing.
fn made(folder: &Path, mode: u32) -> io::Result<PathBuf> {
    match DirBuilder::new().mode(mode).create(folder) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(e),
    }
    Ok(folder.to_path_buf())
}

/// The beginning and the end of an output of any length.
#[derive(Debug, Default)]
struct Captured {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    left_out: u64,
}

impl Captured {
    fn take(&mut self, bytes: &[u8]) {
        let (head, rest) = bytes.split_at(bytes.len().min(KEPT - self.head.len()));
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..over);
        self.left_out += over as u64;
    }
}

fn guard(captured: &Mutex<Captured>) -> MutexGuard<'_, Captured> {
    captured.lock().unwrap_or_else(PoisonError::into_inner)
}

fn capture(mut output: impl Read, captured: &Mutex<Captured>) {
    let mut buffer = [0; 16 << 10];
    loop {
        match output.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => guard(captured).take(&buffer[..length]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

fn write_log(order: &Order, captured: &Captured) -> io::Result<PathBuf> {
    made(&order.folder.join(LOGS), 0o700)?;
    let path = log_of(&order.folder, &order.key);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    file.write_all(&captured.head)?;
    if captured.left_out > 0 {
        write!(file, "\n[{} bytes left out]\n", captured.left_out)?;
    }
    let (first, second) = captured.tail.as_slices();
    file.write_all(first).and_then(|()| file.write_all(second))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn order(folder: &Path, argv: &[&str]) -> Order {
        Order {
            start: Start {
                program: argv[0].into(),
                argv: argv.iter().map(|text| (*text).to_owned()).collect(),
                directory: "/".into(),
                user: None,
                list: None,
            },
            key: "k1".into(),
            environment: Vec::new(),
            limit: Duration::from_secs(60),
            grace: Duration::from_millis(200),
            folder: folder.to_path_buf(),
        }
    }

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary folder")
    }

    fn printed(ended: &Ended) -> Vec<u8> {
        fs::read(ended.log.as_ref().expect("a log")).expect("readable")
    }

    #[test]
    fn a_command_sees_our_environment_its_folder_no_input_and_nothing_else() {
        let state = folder();
        let mut order = order(state.path(), &["/usr/bin/env"]);
        order.environment = vec![("SSH_AUTH_SOCK".into(), "/run/a b".into()), ("LANG".into(), "tlh".into())];
        let ended = run(&order, &Stop::default(), |_| ());
        assert_eq!(ended.end, End::Exit(0));
        let text = String::from_utf8(printed(&ended)).expect("text");
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        let path = format!("PATH={}", FOLDERS.join(":"));
        assert_eq!(
            lines,
            ["AUTOTICKET_IDEMPOTENCY_KEY=k1", "LANG=C.UTF-8", path.as_str(), "SSH_AUTH_SOCK=/run/a b"]
        );
        let mode = fs::metadata(ended.log.expect("a log")).expect("its data").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);

        order.start.argv = ["/bin/sh", "-c", "pwd; wc -c; echo >&2 err; exit 3"].map(str::to_owned).into();
        order.start.program = "/bin/sh".into();
        order.start.directory = "/usr".into();
        let ended = run(&order, &Stop::default(), |_| ());
        assert_eq!((ended.end.clone(), printed(&ended)), (End::Exit(3), b"/usr\n0\nerr\n".to_vec()));
    }

    #[test]
    fn death_by_a_signal_is_named_and_what_does_not_start_says_why() {
        let state = folder();
        let killed = order(state.path(), &["/bin/sh", "-c", "kill -KILL $$"]);
        assert_eq!(run(&killed, &Stop::default(), |_| ()).end, End::Signal("SIGKILL".into()));
        let absent = order(state.path(), &["/nowhere/dm"]);
        let mut told = false;
        let ended = run(&absent, &Stop::default(), |_| told = true);
        assert!(matches!(&ended.end, End::NotStarted(why) if why.starts_with("/nowhere/dm: ")), "{ended:?}");
        assert!(!told);
        let mut elsewhere = order(state.path(), &["/bin/true"]);
        elsewhere.start.directory = "/nowhere".into();
        assert!(matches!(run(&elsewhere, &Stop::default(), |_| ()).end, End::NotStarted(_)));
    }

    #[test]
    fn a_command_over_its_limit_is_ended_with_its_children_even_where_it_ignores_sigterm() {
        let state = folder();
        let child = state.path().join("child");
        let script =
            "trap '' TERM; sh -c 'trap \"\" TERM; sleep 600' & echo $! > \"$1\"; wait; wait; sleep 600";
        let path = child.display().to_string();
        let mut slow = order(state.path(), &["/bin/sh", "-c", script, "sh", &path]);
        slow.limit = Duration::from_millis(500);
        let ended = run(&slow, &Stop::default(), |_| ());
        assert_eq!(ended.end, End::TimeLimit);
        assert!(ended.took < Duration::from_secs(30), "{:?}", ended.took);
        let number: u32 = fs::read_to_string(child).expect("it started").trim().parse().expect("a number");
        let gone = || {
            let stat = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        for _ in 0..2_000 {
            if gone() {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("its child lives on");
    }

    #[test]
    fn stopping_may_kill_and_a_child_left_in_the_background_is_not_waited_for() {
        let state = folder();
        let stop = Stop::default();
        let ended = run(&order(state.path(), &["/bin/sleep", "600"]), &stop, |_| stop.kill());
        assert_eq!(ended.end, End::Stopped);
        let ended =
            run(&order(state.path(), &["/bin/sh", "-c", "sleep 20 & echo left"]), &Stop::default(), |_| ());
        assert_eq!((ended.end.clone(), printed(&ended)), (End::Exit(0), b"left\n".to_vec()));
        assert!(ended.took < Duration::from_secs(15), "{:?}", ended.took);
    }

    #[test]
    fn output_of_any_length_keeps_its_beginning_and_end() {
        let state = folder();
        let script = "echo begin; head -c 1000000 /dev/zero; echo end";
        let ended = run(&order(state.path(), &["/bin/sh", "-c", script]), &Stop::default(), |_| ());
        let log = printed(&ended);
        assert!(log.starts_with(b"begin\n") && log.ends_with(b"end\n"));
        let said = format!("[{} bytes left out]", 1_000_010 - 2 * KEPT);
        assert!(log.windows(said.len()).any(|w| w == said.as_bytes()));
        assert!(log.len() < 2 * KEPT + 64);
    }

    #[test]
    fn a_list_is_private_never_an_existing_file_and_named_in_its_argument() {
        let state = folder();
        let script = "printf '%s ' \"$1\"; stat -c %a \"${1#--list=}\"; cat \"${1#--list=}\"";
        let mut with = order(state.path(), &["/bin/sh", "-c", script, "sh", "--list={list}"]);
        with.start.list = Some((4, "node7 -x 1\n".into()));
        let ended = run(&with, &Stop::default(), |_| ());
        let list = ended.list.clone().expect("it is left to whoever reads the evidence");
        let said = format!("--list={} 600\nnode7 -x 1\n", list.display());
        assert_eq!(
            (ended.end.clone(), String::from_utf8(printed(&ended)).expect("text")),
            (End::Exit(0), said)
        );
        let again = run(&with, &Stop::default(), |_| ());
        assert!(matches!(&again.end, End::NotStarted(why) if why.contains("distribution list")), "{again:?}");
    }

    #[test]
    fn only_root_becomes_somebody_else() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\ndm:x:998:997::/var/dm:/bin/sh\n";
        let dm = account(passwd, "dm").expect("a user");
        assert_eq!((dm.uid, dm.gid, dm.home.as_str()), (998, 997, "/var/dm"));
        assert_eq!(account(passwd, "broken"), None);
        let state = folder();
        let mut order = order(state.path(), &["/usr/bin/id"]);
        order.start.user = Some("no-such-user".into());
        assert_eq!(may_run_as(&order.start), Err(Refusal::NoUser { user: "no-such-user".into() }));
        order.start.user = Some("nobody".into());
        order.start.list = None;
        let ended = run(&order, &Stop::default(), |_| ());
        if rustix::process::geteuid().is_root() {
            assert_eq!(ended.end, End::Exit(0));
            let said = String::from_utf8(printed(&ended)).expect("text");
            assert!(said.starts_with("uid=65534(nobody)") && !said.contains("root"), "{said}");
        } else {
            let refused = Refusal::OtherUser { user: "nobody".into() };
            assert_eq!(ended.end, End::NotStarted(refused.to_string()));
        }
    }
}
