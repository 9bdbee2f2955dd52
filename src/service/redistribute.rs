//! The story of issuing: wave by wave, each command taken in hand, started, seen to its end, and written down.
//!
//! In: a journal, approved commands, the rule of their server, limits. Out: what became of each, told as it happens.
//! It does not know how a command was rebuilt or what a screen looks like. `intent` is on disk before a command
//! starts; one that fails stops no other, unless the limit of errors is exceeded; what is not issued stays approved.

#[cfg(test)]
mod tests;

use crate::redistribution::issue::{self, Approved, End, Verdict, judge};
use crate::redistribution::run_command::{self, Ended, GRACE, Order, Stop};
use crate::redistribution::waves::{MaxErrors, Wave, schedule};
use crate::rules::redistribution::ServerRule;
use crate::store::Error;
use crate::store::journal::{Journal, JournalRow, Person, Step};
use jiff::Timestamp;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// What a log says about recipients of a command that has ended; nothing about those it does not name.
pub type Evidence<'a> = dyn FnMut(&Approved, &Ended) -> Vec<(String, Verdict)> + 'a;

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
    pub events: &'a mut dyn FnMut(&Event),
}

impl std::fmt::Debug for Issue<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issue").field("rule", self.rule).field("waves", &self.waves).finish_non_exhaustive()
    }
}

/// What happens while issuing goes on; ids are those of the commands.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    Progress(Progress),
}

/// Counts of commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// The operator asked.
    Asked,
    /// So many of the commands of the waves begun had failed.
    Errors { failed: usize, begun: usize },
}

/// What issuing came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
    /// Key of each command in hand.
    keys: Vec<String>,
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
        keys: vec![String::new(); commands.len()],
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
    }
    standing.finish()
}

impl Standing<'_, '_> {
    /// Whether more may be started, when the waves up to this command have begun.
    fn may_start(&mut self, begun: usize) -> bool {
        let failed = self.summary.failed.len();
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
        let claims = match self.journal.claim(&commands, self.work.who, (self.work.clock)()) {
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
                Ok(key) => self.run(index, start, key),
                Err(refused) => self.refuse(index, refused.to_string()),
            }
        }
        self.tell();
    }

    fn run(&mut self, index: usize, start: issue::Start, key: String) {
        let named = |(name, _): &&(String, String)| self.work.rule.environment.contains(name);
        let order = Order {
            start,
            key: key.clone(),
            environment: self.work.environment.iter().filter(named).cloned().collect(),
            limit: Duration::from_secs(u64::try_from(self.work.rule.time_limit.0).unwrap_or(0)),
            grace: GRACE,
            folder: self.journal.folder().to_path_buf(),
        };
        self.keys[index] = key;
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
                    self.unwritten.push(Step::Started { key: self.keys[index].clone(), program });
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
        let said = (self.work.evidence)(command, &ended);
        let several = command.recipients.len() > 1 && matches!(ended.end, End::Exit(_) | End::Signal(_));
        let own = match judge(&ended.end, &self.work.rule.manager) {
            // Some of them may have it: which, only a person or a log can say.
            Verdict::Failed(_) if several => Verdict::Waits,
            own => own,
        };
        let verdict_of = |name: &String| {
            let said = said.iter().find(|(other, _)| other == name);
            (name.clone(), said.map_or_else(|| own.clone(), |(_, verdict)| verdict.clone()))
        };
        let verdicts: Vec<(String, Verdict)> =
            command.recipients.iter().map(|(name, _)| verdict_of(name)).collect();
        let verdict = of_all(&verdicts);
        self.progress.running -= 1;
        let id = command.id.clone();
        match &verdict {
            Verdict::Confirmed => {
                self.progress.confirmed += 1;
                self.summary.confirmed.push(id.clone());
            }
            Verdict::Failed(why) => {
                self.progress.failed += 1;
                self.summary.failed.push((id.clone(), why.clone()));
            }
            Verdict::Waits => {
                self.progress.waiting += 1;
                self.summary.waiting.push(id.clone());
            }
        }
        let is_settled = !verdicts.iter().any(|(_, verdict)| *verdict == Verdict::Waits);
        lists.extend(ended.list.clone().filter(|_| is_settled));
        let Ended { end, log, list, .. } = ended;
        let key = self.keys[index].clone();
        let list = list.filter(|_| !is_settled);
        self.unwritten.push(Step::Ended { key, end: end.clone(), list, verdicts });
        Event::Ended { id, end, verdict, log }
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
        if !self.unwritten.is_empty() {
            self.write();
        }
        self.trouble.map_or(Ok(self.summary), Err)
    }
}

/// What the verdicts on recipients say about their command: a failure before what still waits.
fn of_all(verdicts: &[(String, Verdict)]) -> Verdict {
    let failed = verdicts.iter().find(|(_, verdict)| matches!(verdict, Verdict::Failed(_)));
    let waits = verdicts.iter().find(|(_, verdict)| *verdict == Verdict::Waits);
    failed.or(waits).map_or(Verdict::Confirmed, |(_, verdict)| verdict.clone())
}

/// Asks again after commands whose end or success is not known, and writes down what the logs say by now; gives how
/// many commands something was said about.
///
/// # Errors
/// Of the journal.
pub fn take_evidence(
    journal: &Journal,
    who: &Person,
    now: Timestamp,
    evidence: &mut dyn FnMut(&JournalRow) -> Vec<(String, Verdict)>,
) -> Result<usize, Error> {
    let mut rows = journal.waiting()?;
    rows.extend(journal.unknown()?);
    let mut steps = Vec::new();
    let mut lists = Vec::new();
    for row in rows {
        let verdicts = evidence(&row);
        if verdicts.is_empty()
            || steps.iter().any(|step| matches!(step, Step::Evidence { key, .. } if *key == row.key))
        {
            continue;
        }
        let is_said = |name: &String| verdicts.iter().any(|(n, v)| n == name && *v != Verdict::Waits);
        if row.recipients.iter().all(|(name, _)| is_said(name)) {
            lists.extend(row.list);
        }
        steps.push(Step::Evidence { key: row.key, verdicts });
    }
    journal.note(&steps, who, now)?;
    for list in lists {
        // Nobody reads it any more.
        let _ = std::fs::remove_file(list);
    }
    Ok(steps.len())
}
