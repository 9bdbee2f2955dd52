//! The story of issuing: wave by wave, each command taken in hand, started, seen to its end, and written down.
//!
//! In: a journal, approved commands, the rule of their server, limits. Out: what became of each, told as it happens.
//! What an end does not tell (a manager that only took it, one of several recipients) the log is asked, wave by wave.
//! It does not know how a command was rebuilt or what a screen looks like. `intent` is on disk before a command
//! starts; one that fails stops no other, unless the limit of errors is exceeded; what is not issued stays approved.

#[cfg(test)]
mod tests;

use crate::alert::name::same;
use crate::redistribution::evidence::{Issued, Said};
use crate::redistribution::issue::{self, Approved, End, Verdict, judge};
use crate::redistribution::run_command::{self, Ended, GRACE, Order, Stop};
use crate::redistribution::states::State;
use crate::redistribution::waves::{MaxErrors, Wave, schedule};
use crate::rules::redistribution::{Manager, ServerRule};
use crate::store::Error;
use crate::store::journal::{Journal, JournalRow, Person, Step};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// What the logs say about commands that were issued, in their order; nothing about recipients they do not name. None:
/// a log cannot be read, and its silence says nothing.
pub type Evidence<'a> = dyn FnMut(&[Issued]) -> Option<Vec<Said>> + 'a;

/// Who failed by what a command of this tool printed into this file.
pub type Output<'a> = dyn Fn(&str, &Path) -> Said + 'a;

/// What issuing needs besides the journal.
pub struct Issue<'a> {
    pub rule: &'a ServerRule,
    pub who: &'a Person,
    pub clock: &'a dyn Fn() -> Timestamp,
    /// The environment of this process; only the variables that the rule names are passed on.
    pub environment: &'a [(String, String)],
    /// Empty: all in one.
    pub waves: &'a [Wave],
    pub max_errors: Option<MaxErrors>,
    /// Commands at once, where fewer than the rule allows.
    pub parallel: Option<usize>,
    pub stop: &'a Arc<Stop>,
    pub evidence: &'a mut Evidence<'a>,
    pub output: &'a Output<'a>,
    pub events: &'a mut dyn FnMut(&Event),
}

impl std::fmt::Debug for Issue<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issue").field("rule", self.rule).field("waves", &self.waves).finish_non_exhaustive()
    }
}

/// What happens while issuing goes on; ids are those of the commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Wave `number` of `of` begins.
    Wave {
        number: usize,
        of: usize,
        commands: usize,
    },
    /// Nothing ran, and it is still approved: why.
    Refused {
        id: String,
        why: String,
    },
    Started {
        id: String,
        program: u32,
    },
    Ended {
        id: String,
        end: End,
        verdict: Verdict,
        log: Option<PathBuf>,
    },
    /// The log was asked about a command that had ended: what it says now.
    Judged {
        id: String,
        verdict: Verdict,
    },
    Progress(Progress),
}

/// Counts of commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    pub all: usize,
    pub running: usize,
    pub confirmed: usize,
    pub failed: usize,
    /// Taken by the manager; what became of them is still to be said.
    pub waiting: usize,
    pub refused: usize,
    /// At the pace so far; None before the first has ended.
    pub time_left: Option<Duration>,
}

impl Progress {
    /// Commands that ended.
    pub fn ended(&self) -> usize {
        self.confirmed + self.failed + self.waiting
    }
}

/// Why not everything was issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stopped {
    /// The operator asked.
    Asked,
    /// So many of the commands of the waves begun had failed.
    Errors { failed: usize, begun: usize },
}

/// What issuing came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Summary {
    pub confirmed: Vec<String>,
    /// With the reason.
    pub failed: Vec<(String, String)>,
    pub waiting: Vec<String>,
    /// With the reason; nothing ran for them.
    pub refused: Vec<(String, String)>,
    /// Not issued because issuing was stopped: still approved.
    pub left: Vec<String>,
    pub stopped: Option<Stopped>,
}

/// From the threads that see commands to their ends.
enum Message {
    Started(usize, u32),
    Ended(usize, Ended),
}

/// Where issuing stands.
struct Standing<'a, 'b> {
    journal: &'a Journal,
    commands: &'a [Approved],
    work: &'a mut Issue<'b>,
    summary: Summary,
    progress: Progress,
    begun: Instant,
    /// Key of each command in hand, and when it was taken.
    keys: Vec<(String, Timestamp)>,
    /// Commands that have ended and about which the log is to be asked.
    open: Vec<Open>,
    /// Commands that failed, or of which the exit says that something did.
    errors: BTreeSet<usize>,
    to: Sender<Message>,
    from: Receiver<Message>,
    /// What could not be written down, and why: nothing more is started then.
    unwritten: Vec<Step>,
    trouble: Option<Error>,
}

/// Issues approved commands; see the head of this file. Returns when nothing runs any more.
///
/// # Errors
/// Of the journal. Then nothing more was started, what ran was seen to its end, and what could not be written down
/// will be `unknown`.
#[expect(clippy::disallowed_methods, reason = "it waits for commands, and says how long it will take")]
pub fn issue(journal: &Journal, commands: &[Approved], work: &mut Issue<'_>) -> Result<Summary, Error> {
    let (to, from) = mpsc::channel();
    let mut standing = Standing {
        journal,
        commands,
        summary: Summary::default(),
        progress: Progress { all: commands.len(), ..Progress::default() },
        begun: Instant::now(),
        keys: vec![(String::new(), Timestamp::UNIX_EPOCH); commands.len()],
        open: Vec::new(),
        errors: BTreeSet::new(),
        to,
        from,
        unwritten: Vec::new(),
        trouble: None,
        work,
    };
    let waves = schedule(commands.len(), standing.work.waves);
    for (number, wave) in waves.iter().enumerate() {
        if !standing.may_start(wave.start) {
            standing.leave(wave.start..commands.len());
            break;
        }
        (standing.work.events)(&Event::Wave { number: number + 1, of: waves.len(), commands: wave.len() });
        let mut queue: VecDeque<usize> = wave.clone().collect();
        loop {
            let limit = standing.work.rule.parallel.min(standing.work.parallel.unwrap_or(usize::MAX)).max(1);
            if !queue.is_empty() && standing.may_start(wave.end) {
                let free = limit.saturating_sub(standing.progress.running).min(queue.len());
                standing.start(queue.drain(..free).collect());
            }
            if standing.progress.running > 0 {
                standing.attend();
            } else if queue.is_empty() || !standing.may_start(wave.end) {
                break;
            }
        }
        standing.leave(queue.into_iter());
        standing.ask_the_log();
    }
    standing.finish()
}

impl Standing<'_, '_> {
    /// Whether more may be started, when the waves up to this command have begun.
    fn may_start(&mut self, begun: usize) -> bool {
        let failed = self.errors.len();
        if self.trouble.is_some() || self.summary.stopped.is_some() {
            return false;
        }
        if self.work.stop.is_asked() {
            self.summary.stopped = Some(Stopped::Asked);
        } else if begun > 0 && self.work.max_errors.is_some_and(|most| most.is_exceeded(failed, begun)) {
            self.summary.stopped = Some(Stopped::Errors { failed, begun });
        }
        self.summary.stopped.is_none()
    }

    fn leave(&mut self, commands: impl Iterator<Item = usize>) {
        let ids = commands.map(|index| self.commands[index].id.clone());
        self.summary.left.extend(ids);
    }

    fn refuse(&mut self, index: usize, why: String) {
        let id = self.commands[index].id.clone();
        self.progress.refused += 1;
        (self.work.events)(&Event::Refused { id: id.clone(), why: why.clone() });
        self.summary.refused.push((id, why));
    }

    /// Takes commands in hand, all in one transaction, and starts them.
    fn start(&mut self, indexes: Vec<usize>) {
        let mut ready = Vec::new();
        for index in indexes {
            let start = issue::start(&self.commands[index], self.work.rule, &run_command::runs)
                .and_then(|start| run_command::may_run_as(&start).map(|()| start));
            match start {
                Ok(start) => ready.push((index, start)),
                Err(refusal) => self.refuse(index, refusal.to_string()),
            }
        }
        let commands: Vec<&Approved> = ready.iter().map(|(index, _)| &self.commands[*index]).collect();
        let now = (self.work.clock)();
        let claims = match self.journal.claim(&commands, self.work.who, now) {
            Ok(claims) => claims,
            Err(e) => {
                // Nothing was taken in hand.
                self.leave(ready.into_iter().map(|(index, _)| index));
                self.trouble = Some(e);
                return;
            }
        };
        for ((index, start), claim) in ready.into_iter().zip(claims) {
            match claim {
                Ok(key) => self.run(index, start, key, now),
                Err(refused) => self.refuse(index, refused.to_string()),
            }
        }
        self.tell();
    }

    fn run(&mut self, index: usize, start: issue::Start, key: String, now: Timestamp) {
        let named = |(name, _): &&(String, String)| self.work.rule.environment.contains(name);
        let order = Order {
            start,
            key: key.clone(),
            environment: self.work.environment.iter().filter(named).cloned().collect(),
            limit: Duration::from_secs(u64::try_from(self.work.rule.time_limit.0).unwrap_or(0)),
            grace: GRACE,
            folder: self.journal.folder().to_path_buf(),
        };
        self.keys[index] = (key, now);
        self.progress.running += 1;
        let (to, stop) = (self.to.clone(), Arc::clone(self.work.stop));
        let see = move || {
            let started = |program| {
                let _ = to.send(Message::Started(index, program));
            };
            let ended = run_command::run(&order, &stop, started);
            let _ = to.send(Message::Ended(index, ended));
        };
        if let Err(e) = thread::Builder::new().stack_size(256 << 10).spawn(see) {
            let end = End::NotStarted(format!("no thread to see to it: {e}"));
            let ended = Ended { end, took: Duration::ZERO, log: None, list: None };
            let _ = self.to.send(Message::Ended(index, ended));
        }
    }

    /// Waits for something to happen, and writes down all that has, in one transaction.
    fn attend(&mut self) {
        let Ok(first) = self.from.recv() else { return };
        let messages: Vec<Message> = [first].into_iter().chain(self.from.try_iter()).collect();
        let mut lists = Vec::new();
        let mut events = Vec::new();
        for message in messages {
            match message {
                Message::Started(index, program) => {
                    self.unwritten.push(Step::Started { key: self.keys[index].0.clone(), program });
                    events.push(Event::Started { id: self.commands[index].id.clone(), program });
                }
                Message::Ended(index, ended) => events.push(self.ended(index, ended, &mut lists)),
            }
        }
        self.write();
        if self.unwritten.is_empty() {
            for list in lists {
                // Nobody reads it any more; one that stays behind is private and named by its key.
                let _ = std::fs::remove_file(list);
            }
        }
        for event in &events {
            (self.work.events)(event);
        }
        self.tell();
    }

    fn ended(&mut self, index: usize, ended: Ended, lists: &mut Vec<PathBuf>) -> Event {
        let command = &self.commands[index];
        let ran = matches!(ended.end, End::Exit(_) | End::Signal(_));
        // A good exit is not the tool's last word where it prints who failed (clush, pdsh).
        let delivers = self.work.rule.manager == Manager::Exec;
        let printed = ended.log.as_deref().filter(|_| ran && delivers);
        let printed = printed.map(|log| (self.work.output)(&command.tool, log)).unwrap_or_default();
        let verdict = match judge(&ended.end, &self.work.rule.manager) {
            // One exit says nothing of each: that is for the log.
            _ if command.recipients.len() > 1 && ran => Verdict::Waits,
            Verdict::Confirmed => {
                about(&printed, &command.recipients[0].0).cloned().unwrap_or(Verdict::Confirmed)
            }
            own => own,
        };
        if ended.end != End::Exit(0) || matches!(verdict, Verdict::Failed(_)) {
            self.errors.insert(index);
        }
        self.progress.running -= 1;
        let id = command.id.clone();
        let Ended { end, log, list, .. } = ended;
        let waits = verdict == Verdict::Waits;
        if waits {
            self.progress.waiting += 1;
            self.open.push(Open { index, end: end.clone(), list: list.clone(), printed });
        } else {
            self.settle(&id, &verdict);
            lists.extend(list.clone());
        }
        let verdicts = command.recipients.iter().map(|(name, _)| (name.clone(), verdict.clone())).collect();
        let key = self.keys[index].0.clone();
        self.unwritten.push(Step::Ended { key, end: end.clone(), list: list.filter(|_| waits), verdicts });
        Event::Ended { id, end, verdict, log }
    }

    fn settle(&mut self, id: &str, verdict: &Verdict) {
        match verdict {
            Verdict::Confirmed => {
                self.progress.confirmed += 1;
                self.summary.confirmed.push(id.to_owned());
            }
            Verdict::Failed(why) => {
                self.progress.failed += 1;
                self.summary.failed.push((id.to_owned(), why.clone()));
            }
            Verdict::Waits => {
                self.progress.waiting += 1;
                self.summary.waiting.push(id.to_owned());
            }
        }
    }

    /// Asks the log once about all that has ended without an answer.
    fn ask_the_log(&mut self) {
        let open = std::mem::take(&mut self.open);
        if open.is_empty() {
            return;
        }
        let issued: Vec<Issued> = open.iter().map(|open| self.issued(open.index)).collect();
        // What cannot be written down is not looked for either: the next start does both.
        let said = self.trouble.is_none().then(|| (self.work.evidence)(&issued)).flatten();
        let readable = said.is_some();
        let mut said = said.unwrap_or_default();
        said.resize(open.len(), Said::new());
        let mut events = Vec::new();
        let mut lists = Vec::new();
        for (Open { index, end, list, printed }, said) in open.into_iter().zip(said) {
            let command = &self.commands[index];
            // Where the command itself delivers, its good exit speaks for those about whom the log is silent.
            let by_exit = readable && end == End::Exit(0) && self.work.rule.manager == Manager::Exec;
            let verdict_of = |name: &String| {
                let silent = if by_exit { Verdict::Confirmed } else { Verdict::Waits };
                let said = about(&said, name).or_else(|| about(&printed, name));
                (name.clone(), said.cloned().unwrap_or(silent))
            };
            let verdicts: Vec<(String, Verdict)> =
                command.recipients.iter().map(|(name, _)| verdict_of(name)).collect();
            let verdict = of_all(&verdicts);
            match verdict {
                Verdict::Confirmed => drop(self.errors.remove(&index)),
                Verdict::Failed(_) => drop(self.errors.insert(index)),
                Verdict::Waits => {}
            }
            self.progress.waiting -= 1;
            let id = command.id.clone();
            self.settle(&id, &verdict);
            if verdicts.iter().all(|(_, verdict)| *verdict != Verdict::Waits) {
                lists.extend(list);
            }
            if verdicts.iter().any(|(_, verdict)| *verdict != Verdict::Waits) {
                self.unwritten.push(Step::Evidence { key: self.keys[index].0.clone(), verdicts });
            }
            events.push(Event::Judged { id, verdict });
        }
        self.write();
        if self.unwritten.is_empty() {
            lists.into_iter().for_each(|list| drop(std::fs::remove_file(list)));
        }
        for event in &events {
            (self.work.events)(event);
        }
        self.tell();
    }

    fn issued(&self, index: usize) -> Issued {
        let command = &self.commands[index];
        let (key, at) = self.keys[index].clone();
        Issued {
            key,
            server: command.server.clone(),
            tool: command.tool.clone(),
            packages: command.packages.clone(),
            argv: command.masked().into_iter().map(str::to_owned).collect(),
            recipients: command.recipients.iter().map(|(name, _)| name.clone()).collect(),
            at,
        }
    }

    /// What cannot be written down now is tried again with what happens next.
    fn write(&mut self) {
        match self.journal.note(&self.unwritten, self.work.who, (self.work.clock)()) {
            Ok(()) => self.unwritten.clear(),
            Err(e) => self.trouble = Some(e),
        }
    }

    fn tell(&mut self) {
        let ended = u32::try_from(self.progress.ended()).unwrap_or(u32::MAX);
        let left = self.progress.all - self.progress.refused - self.progress.ended();
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        self.progress.time_left = (ended > 0).then(|| self.begun.elapsed() / ended * left);
        (self.work.events)(&Event::Progress(self.progress));
    }

    fn finish(mut self) -> Result<Summary, Error> {
        self.ask_the_log();
        if !self.unwritten.is_empty() {
            self.write();
        }
        self.trouble.map_or(Ok(self.summary), Err)
    }
}

/// A command that has ended and about which the log is to be asked.
struct Open {
    index: usize,
    end: End,
    /// Written for it.
    list: Option<PathBuf>,
    /// Who failed by what it printed.
    printed: Said,
}

/// What was said about a recipient.
fn about<'s>(said: &'s Said, name: &str) -> Option<&'s Verdict> {
    said.iter().find(|(other, _)| same(other, name)).map(|(_, verdict)| verdict)
}

/// What the verdicts on recipients say about their command: a failure before what still waits.
fn of_all(verdicts: &[(String, Verdict)]) -> Verdict {
    let failed = |(name, verdict): &'_ (String, Verdict)| match verdict {
        Verdict::Failed(why) => Some((name.clone(), why.clone())),
        _ => None,
    };
    let failures: Vec<(String, String)> = verdicts.iter().filter_map(failed).collect();
    match failures.first() {
        Some((_, why)) if verdicts.len() == 1 => Verdict::Failed(why.clone()),
        Some((name, why)) => {
            Verdict::Failed(format!("{} of {} recipients: {name}: {why}", failures.len(), verdicts.len()))
        }
        None if verdicts.iter().any(|(_, verdict)| *verdict == Verdict::Waits) => Verdict::Waits,
        None => Verdict::Confirmed,
    }
}

/// Asks the logs again about commands whose end or success is not known, and writes down what they say by now; gives
/// how many recipients something new was said about. `delivers`: the command itself delivers, so that its good exit
/// speaks for those about whom the log is silent, as it would have where issuing was killed before it asked.
///
/// # Errors
/// Of the journal.
pub fn take_evidence(
    journal: &Journal,
    who: &Person,
    now: Timestamp,
    wanted: &dyn Fn(&JournalRow) -> bool,
    delivers: bool,
    evidence: &mut Evidence<'_>,
    output: &Output<'_>,
) -> Result<usize, Error> {
    let mut rows: Vec<JournalRow> = Vec::new();
    for row in journal.waiting()?.into_iter().chain(journal.unknown()?).filter(wanted) {
        if rows.iter().all(|other| other.key != row.key) {
            rows.push(row);
        }
    }
    if rows.is_empty() {
        return Ok(0);
    }
    let issued: Vec<Issued> = rows.iter().map(issued_of).collect();
    let (mut steps, mut lists, mut new) = (Vec::new(), Vec::new(), 0);
    // A log that cannot be read is asked again at the next start.
    let Some(said) = evidence(&issued) else { return Ok(0) };
    for (row, said) in rows.into_iter().zip(said) {
        let open = |name: &String| {
            let state = row.recipients.iter().find(|(own, _)| own == name).and_then(|(_, state)| *state);
            matches!(state, Some(State::Intent | State::Issued | State::Unknown))
        };
        let mut verdicts: Said =
            said.into_iter().filter(|(name, verdict)| *verdict != Verdict::Waits && open(name)).collect();
        if delivers && row.state == State::Issued && row.end == Some(End::Exit(0)) {
            let silent = |name: &&String| open(name) && verdicts.iter().all(|(own, _)| own != *name);
            let names: Vec<String> =
                row.recipients.iter().map(|(name, _)| name).filter(silent).cloned().collect();
            let printed = output(&row.tool, &run_command::log_of(journal.folder(), &row.key));
            let verdict = |name: &String| about(&printed, name).cloned().unwrap_or(Verdict::Confirmed);
            let by_exit: Said = names.into_iter().map(|name| (name.clone(), verdict(&name))).collect();
            verdicts.extend(by_exit);
        }
        if verdicts.is_empty() {
            continue;
        }
        new += verdicts.len();
        let is_said = |name: &String| !open(name) || verdicts.iter().any(|(own, _)| own == name);
        if row.recipients.iter().all(|(name, _)| is_said(name)) {
            lists.extend(row.list.clone());
        }
        steps.push(Step::Evidence { key: row.key, verdicts });
    }
    journal.note(&steps, who, now)?;
    for list in lists {
        // Nobody reads it any more.
        let _ = std::fs::remove_file(list);
    }
    Ok(new)
}

fn issued_of(row: &JournalRow) -> Issued {
    Issued {
        key: row.key.clone(),
        server: row.server.clone(),
        tool: row.tool.clone(),
        packages: row.packages.clone(),
        argv: row.argv.clone(),
        recipients: row.recipients.iter().map(|(name, _)| name.clone()).collect(),
        at: row.at,
    }
}
