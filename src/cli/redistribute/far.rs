//! The caller's side: what a copy of this program on another machine is asked for, and what it answers.
//!
//! In: an address, requests. Out: records, a survey, what issuing came to; or a failure that says how far it got.
//! Answers are hostile text within bounds. It knows nothing of SSH but that it carries lines.

use super::super::world::{environment, who};
use super::super::{Exit, Failure, Globals, show};
use super::Ask;
use super::approve::{Done, Left, Pace};
use super::aside::{Aside, Check};
use super::record::person;
use super::surveyed::{Survey, rules};
use super::wire::{
    Caller, Consent, Greeting, Looking, MOST, MOST_ASKED, MOST_JOBS, Order, Parcel, Reason, Request, STEP,
    Sent, Told, VERSION, line,
};
use crate::alert::name;
use crate::redistribution::issue::{Approved, Verdict};
use crate::redistribution::join::Record;
use crate::redistribution::plan::{Job, Plan};
use crate::redistribution::run_command::Stop;
use crate::remote::{self, Address, Dial, Link};
use crate::rules::redistribution::ServerRule;
use crate::service::redistribute::{Event, Summary};
use crate::store::journal::Confirmation;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The program there, where nothing else is said.
const PROGRAM: &str = "autoticket";
/// Stands for no service center, whatever the rules say.
pub(super) const NONE: &str = "none";

/// Another machine with a copy of this program.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Far {
    address: String,
    program: String,
}

impl Far {
    /// Checked: an address, and a program of harmless characters.
    pub(super) fn new(address: &str, program: Option<&str>) -> Result<Far, Failure> {
        let wrong = |e: remote::Unclear| Failure::say(Exit::Usage, e.to_string());
        let program = remote::program(program.unwrap_or(PROGRAM)).map_err(wrong)?;
        address.parse::<Address>().map_err(wrong)?;
        Ok(Far { address: address.to_owned(), program: program.to_owned() })
    }

    /// The machine that `--on` names.
    pub(super) fn on(globals: &Globals, address: &str, program: Option<&str>) -> Result<Far, Failure> {
        let far = Far::new(address, program)?;
        let host = address.parse::<Address>().map(|address| address.host).unwrap_or_default();
        let (_, rules) = rules(globals)?;
        let own = rules.server(|own| name::same(own, &host)).remote_program.clone();
        match (program, own) {
            (None, Some(own)) => Far::new(address, Some(&own)),
            _ => Ok(far),
        }
    }

    /// The service center of a server: the one named, else that of the rules.
    pub(super) fn center(named: Option<&str>, rule: &ServerRule) -> Result<Option<Far>, Failure> {
        let address = named.or(rule.service_center.as_deref()).filter(|address| *address != NONE);
        address.map(|address| Far::new(address, rule.remote_program.as_deref())).transpose()
    }

    /// As [`Far::read`] takes it.
    pub(super) fn text(&self) -> String {
        format!("{} {}", self.address, self.program)
    }

    /// One that was kept.
    pub(super) fn read(text: &str) -> Result<Far, Failure> {
        let (address, program) = text.split_once(' ').unwrap_or((text, PROGRAM));
        Far::new(address, Some(program))
    }

    /// As people know it.
    pub(super) fn name(&self) -> &str {
        &self.address
    }

    fn ask(&self, wants: Request) -> Result<Talk, Failure> {
        let address: Address =
            self.address.parse().map_err(|e: remote::Unclear| Failure::say(Exit::Usage, e.to_string()))?;
        let home = environment("HOME").unwrap_or_else(|| PathBuf::from("/"));
        let login = ["LOGNAME", "USER"].iter().find_map(|name| environment(name));
        let login = login.map_or_else(|| "root".to_owned(), |name| name.to_string_lossy().into_owned());
        let agent = environment("SSH_AUTH_SOCK");
        let dial = Dial { home: &home, login: &login, agent: agent.as_deref() };
        let mut note = |text: &str| show::tell(format_args!("autoticket: {text}"));
        let mut link = remote::connect(&address, &self.program, &dial, &mut note).map_err(failed)?;
        let who = Caller { name: who(), origin: person().origin };
        let patience = link.patience().as_secs();
        let greeting = Greeting { version: VERSION, patience, who, wants };
        link.send(&line(&greeting)).map_err(failed)?;
        Ok(Talk::new(link))
    }

    /// Failed distributions that the service center holds of a server and a period.
    pub(super) fn failed(
        &self,
        server: &str,
        since: Option<Timestamp>,
        until: Timestamp,
    ) -> Result<Vec<Record>, Failure> {
        let mut talk = self.ask(Request::Failed { server: server.to_owned(), since, until })?;
        let mut records = Vec::new();
        loop {
            match talk.hear()? {
                Told::Records(more) => records.extend(more),
                Told::End { items } if items == records.len() as u64 => break,
                other => return Err(talk.out_of_turn(&other)),
            }
        }
        talk.close()?;
        Ok(records)
    }

    /// Tells the service center what is delivered; on return it is kept there. To tell it twice is harmless.
    /// Gives the tickets that closed by it.
    pub(super) fn confirm(&self, items: &[Confirmation]) -> Result<Vec<String>, Failure> {
        let mut closed = Vec::new();
        for items in items.chunks(STEP) {
            let mut talk = self.ask(Request::Confirm { items: items.to_vec() })?;
            match talk.hear()? {
                Told::Closed(more) => closed.extend(more),
                other => return Err(talk.out_of_turn(&other)),
            }
            match talk.hear()? {
                Told::End { items: told } if told == items.len() as u64 => talk.close()?,
                other => return Err(talk.out_of_turn(&other)),
            }
        }
        Ok(closed)
    }

    /// Who of these is in an outage that is posted at the service center.
    pub(super) fn expected(&self, server: &str, parcels: &[Parcel]) -> Result<Vec<Reason>, Failure> {
        let mut reasons = Vec::new();
        let some = |Parcel { packages, recipients }: &Parcel| {
            let packages = packages.clone();
            let part =
                move |part: &[String]| Parcel { packages: packages.clone(), recipients: part.to_vec() };
            recipients.chunks(MOST_ASKED).map(part).collect::<Vec<_>>()
        };
        let mut parcels = parcels.iter().flat_map(some).peekable();
        while let Some(first) = parcels.next() {
            let mut many = first.recipients.len();
            let mut asked = vec![first];
            while let Some(next) = parcels.next_if(|next| many + next.recipients.len() <= MOST_ASKED) {
                many += next.recipients.len();
                asked.push(next);
            }
            let mut talk = self.ask(Request::Expected { server: server.to_owned(), parcels: asked })?;
            let mut heard = 0;
            loop {
                match talk.hear()? {
                    Told::Aside { reasons: more, .. } if heard + more.len() <= many => {
                        heard += more.len();
                        reasons.extend(more);
                    }
                    Told::End { items } if items == heard as u64 => break,
                    other => return Err(talk.out_of_turn(&other)),
                }
            }
            talk.close()?;
        }
        Ok(reasons)
    }

    /// Has that machine look after the recipients of these commands, which it will issue. Besides those whom it finds,
    /// those are set aside whom we know to be in an outage. Gives the plan without them, too.
    pub(super) fn aside(
        &self,
        survey: &Survey,
        check: Check,
        commands: Vec<String>,
        expected: Vec<Reason>,
    ) -> Result<Aside, Failure> {
        let harmless = |failure: Failure| Failure {
            error: failure.error.context(format!("{} looked after nobody: nothing was issued", self.address)),
            ..failure
        };
        let looking = Looking { ask: survey.ask.clone(), check, commands, expected };
        let mut talk = self.ask(Request::Aside(Box::new(looking))).map_err(harmless)?;
        talk.say_plan(&survey.plan, &[]).map_err(harmless)?;
        talk.say(&Sent::Go { jobs: survey.plan.jobs.len() as u64 }).map_err(harmless)?;
        let (mut aside, mut jobs) = (Aside::default(), Vec::new());
        loop {
            match talk.hear().map_err(harmless)? {
                Told::Aside { reasons, notes } if aside.plan.is_none() => {
                    aside.take(reasons);
                    aside.notes.extend(notes);
                }
                Told::Plan(head) if aside.plan.is_none() => aside.plan = Some(head.plan),
                Told::Job(job) if aside.plan.is_some() && (jobs.len() as u64) < MOST_JOBS => jobs.push(*job),
                Told::End { items } if items == jobs.len() as u64 => break,
                other => return Err(talk.out_of_turn(&other)),
            }
        }
        talk.close().map_err(harmless)?;
        if aside.plan.is_none() && !aside.is_empty() {
            let text = format!("{} sets recipients aside and tells no plan without them", self.address);
            return Err(Failure::say(Exit::Data, text));
        }
        if let Some(plan) = &mut aside.plan {
            plan.jobs = jobs;
        }
        Ok(aside)
    }

    /// The plan of that machine. Nothing is approved or issued by it. `services`: where nothing is left, that is
    /// remembered there as its servicing.
    pub(super) fn survey(
        &self,
        globals: &Globals,
        ask: Ask,
        acts: bool,
        services: bool,
    ) -> Result<Survey, Failure> {
        let (logs, rules) = rules(globals)?;
        let harmless = |failure: Failure| Failure {
            error: failure
                .error
                .context(format!("no plan came from {}: nothing was approved or issued", self.address)),
            ..failure
        };
        let mut talk = self.ask(Request::Plan { ask: Box::new(ask), acts, services }).map_err(harmless)?;
        let mut head = match talk.hear().map_err(harmless)? {
            Told::Plan(head) => *head,
            other => return Err(talk.out_of_turn(&other)),
        };
        let mut jobs: Vec<Job> = Vec::new();
        loop {
            match talk.hear().map_err(harmless)? {
                Told::Job(job) if (jobs.len() as u64) < MOST_JOBS => jobs.push(*job),
                Told::End { items } if items == jobs.len() as u64 => break,
                other => return Err(talk.out_of_turn(&other)),
            }
        }
        talk.close().map_err(harmless)?;
        head.plan.jobs = jobs;
        let rule = rules.server(|own| name::same(own, &head.server)).clone();
        Ok(Survey::of(head, (logs, rule), self.clone()))
    }

    /// Has approved commands issued there.
    pub(super) fn issue(
        &self,
        survey: &Survey,
        approved: &[Approved],
        again: &BTreeSet<String>,
        pace: &Pace,
        stop: &Arc<Stop>,
        events: &mut dyn FnMut(&Event),
    ) -> Result<Done, Failure> {
        let consent = |one: &Approved| Consent { id: one.id.clone(), hash: one.hash.clone() };
        let order = Order {
            ask: survey.ask.clone(),
            whole: survey.whole,
            approve: approved.iter().map(consent).collect(),
            again: again.iter().cloned().collect(),
            pace: pace.words.clone(),
        };
        let mut far = Course::default();
        let done = self.follow(order, survey, stop, &mut far, events);
        // Its summary was all that was still to be said.
        match (done, far.summary.take()) {
            (Ok(()), Some(summary)) => Ok(Done { summary, notes: far.notes, refused: far.refused }),
            (Err(failure), Some(summary)) => {
                far.notes.push(format!("all was issued, but {}", failure.line()));
                Ok(Done { summary, notes: far.notes, refused: far.refused })
            }
            (Ok(()), None) => Err(Failure::say(Exit::Data, format!("{} told no result", self.address))),
            (Err(failure), None) => Err(far.cut_off(failure, &self.address)),
        }
    }

    fn follow(
        &self,
        order: Order,
        survey: &Survey,
        stop: &Arc<Stop>,
        far: &mut Course,
        events: &mut dyn FnMut(&Event),
    ) -> Result<(), Failure> {
        let mut talk = self.ask(Request::Issue(Box::new(order)))?;
        // The plan that holds what was approved.
        let plan = survey.found.plan.as_ref().unwrap_or(&survey.plan);
        talk.say_plan(plan, &survey.found.reasons())?;
        far.sent = true;
        talk.say(&Sent::Go { jobs: plan.jobs.len() as u64 })?;
        talk.stop = Some(Arc::clone(stop));
        loop {
            match talk.hear()? {
                Told::Consented { refused } => {
                    far.consented = true;
                    far.refused = refused;
                }
                Told::Event(event) => {
                    far.take(&event);
                    events(&event);
                }
                Told::Summary { summary, notes } => {
                    far.summary = Some(*summary);
                    far.notes = notes;
                }
                Told::End { .. } => break,
                other => return Err(talk.out_of_turn(&other)),
            }
        }
        talk.close()
    }
}

/// How far the far machine got, as far as was told.
#[derive(Default)]
struct Course {
    sent: bool,
    consented: bool,
    refused: Vec<Left>,
    begun: BTreeSet<String>,
    confirmed: usize,
    failed: usize,
    summary: Option<Summary>,
    notes: Vec<String>,
}

impl Course {
    fn take(&mut self, event: &Event) {
        match event {
            Event::Started { id, .. } => drop(self.begun.insert(id.clone())),
            Event::Ended { id, verdict, .. } => {
                self.begun.remove(id);
                match verdict {
                    Verdict::Confirmed => self.confirmed += 1,
                    Verdict::Failed(_) => self.failed += 1,
                    Verdict::Waits => {}
                }
            }
            _ => {}
        }
    }

    /// What is known where the connection was lost, in words.
    fn cut_off(&self, failure: Failure, host: &str) -> Failure {
        let lost = failure.error.downcast_ref::<remote::Error>().is_some_and(remote::Error::may_pass);
        if !self.sent || !lost {
            // Refused, or never begun: its own words say so.
            return failure;
        }
        let known = if self.consented {
            format!(
                "{} confirmed, {} failed, {} begun whose end was not told; it sees them to their ends and starts nothing more once it notices",
                self.confirmed,
                self.failed,
                self.begun.len()
            )
        } else {
            "whether the approval arrived was not told".to_owned()
        };
        let words =
            format!("the connection was cut while {host} issued: {known}. Its journal says what was done");
        Failure { exit: Exit::TryAgain, error: failure.error.context(words), hints: failure.hints }
            .hint(format!("redistribute --on {host} --list shows how it stands; nothing is issued twice"))
    }
}

/// One conversation.
struct Talk {
    link: Link,
    heard: u64,
    spoke: Instant,
    stop: Option<Arc<Stop>>,
    /// What of the stop was said: 1 finish, 2 kill.
    stopped: u8,
}

impl Talk {
    #[expect(clippy::disallowed_methods, reason = "says now and then that we are still there")]
    fn new(link: Link) -> Talk {
        Talk { link, heard: 0, spoke: Instant::now(), stop: None, stopped: 0 }
    }

    fn say(&mut self, word: &Sent) -> Result<(), Failure> {
        self.link.send(&line(word)).map_err(failed)
    }

    /// The plan as it was shown, and who is not in it though it failed; the word to go on is still to be said.
    fn say_plan(&mut self, plan: &Plan, aside: &[Reason]) -> Result<(), Failure> {
        let head = Plan { jobs: Vec::new(), ..plan.clone() };
        self.say(&Sent::Plan(Box::new(head)))?;
        for job in &plan.jobs {
            self.say(&Sent::Job(Box::new(job.clone())))?;
        }
        aside.chunks(STEP).try_for_each(|some| self.say(&Sent::Aside(some.to_vec())))
    }

    /// The next word that says something.
    #[expect(clippy::disallowed_methods, reason = "says now and then that we are still there")]
    fn hear(&mut self) -> Result<Told, Failure> {
        loop {
            let every = (self.link.patience() / 4).min(Duration::from_secs(5));
            let (spoke, stopped, stop) = (&mut self.spoke, &mut self.stopped, &self.stop);
            let mut tick = || {
                // Before the agent listens to more, nothing may be said to it.
                let stop = stop.as_ref()?;
                let asked = u8::from(stop.is_asked()) + u8::from(stop.kills());
                if asked > *stopped {
                    *stopped = asked;
                    return Some(line(&Sent::Stop { kill: asked > 1 }));
                }
                (spoke.elapsed() >= every).then(|| {
                    *spoke = Instant::now();
                    line(&Sent::Still)
                })
            };
            let Some(bytes) = self.link.receive(&mut tick).map_err(failed)? else {
                return Err(failed(self.link.ended()));
            };
            self.heard += bytes.len() as u64;
            if self.heard > MOST {
                return Err(Failure::say(
                    Exit::Data,
                    format!("{} says more than {MOST} bytes", self.link.host()),
                ));
            }
            match serde_json::from_slice::<Told>(&bytes) {
                Ok(Told::Still) => {}
                Ok(Told::Failed { exit, text, hints }) => return Err(self.refused(exit, &text, &hints)),
                Ok(word) => return Ok(word),
                Err(e) => {
                    let begin = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
                    let text = format!("{} says what is not understood: {begin}: {e}", self.link.host());
                    return Err(Failure::say(Exit::Data, text).hint(
                        "both machines need this version of autoticket, and a login there must print nothing",
                    ));
                }
            }
        }
    }

    /// The far side's failure, as ours.
    fn refused(&self, code: u8, text: &str, hints: &[String]) -> Failure {
        let exit =
            super::super::exit::TABLE.iter().find(|(_, own, _)| *own == code).map_or(Exit::Data, |row| row.0);
        let cut = |text: &str| text.chars().take(4000).collect::<String>();
        let mut failure = Failure::say(exit, format!("{}: {}", self.link.host(), cut(text)));
        failure.hints =
            hints.iter().take(8).map(|hint| format!("on {}: {}", self.link.host(), cut(hint))).collect();
        failure
    }

    fn out_of_turn(&self, word: &Told) -> Failure {
        let begin: String = format!("{word:?}").chars().take(60).collect();
        Failure::say(Exit::Data, format!("{} says something out of turn: {begin}", self.link.host()))
    }

    fn close(self) -> Result<(), Failure> {
        let host = self.link.host().to_owned();
        for line in self.link.close().map_err(failed)?.lines().take(20) {
            show::tell(format_args!("{host}: {line}"));
        }
        Ok(())
    }
}

/// A failure of the connection, with the way out.
fn failed(error: remote::Error) -> Failure {
    use remote::Error as E;
    let exit = match &error {
        E::Config(_) | E::ProxyCommand { .. } => Exit::Configuration,
        E::UnknownKey { .. } | E::ChangedKey { .. } | E::RevokedKey { .. } | E::NotLetIn { .. } => {
            Exit::Permission
        }
        E::NoAddress { .. }
        | E::Connect { .. }
        | E::Jump { .. }
        | E::Handshake { .. }
        | E::NotStarted { .. } => Exit::Unavailable,
        E::Ended { status: Some(126 | 127), .. } => Exit::Unavailable,
        E::Lost { .. } | E::Silent { .. } | E::Ended { .. } => Exit::TryAgain,
        E::TooLong { .. } => Exit::Data,
    };
    let hints = error.hints();
    let mut failure = Failure::new(exit, error);
    failure.hints = hints;
    failure
}

/// Whether a failure is one of the connection, which may pass.
pub(super) fn may_pass(failure: &Failure) -> bool {
    failure.error.downcast_ref::<remote::Error>().is_some_and(remote::Error::may_pass)
}

/// Paths of logs as the far machine sees them: its own.
pub(super) fn absolute(logs: &[PathBuf]) -> Result<(), Failure> {
    match logs.iter().find(|path| !path.is_absolute()) {
        Some(path) => Err(Failure::say(
            Exit::Usage,
            format!(
                "--log {}: with --on it is a path of that machine, and has to be absolute",
                show::one(&path.display().to_string())
            ),
        )),
        None => Ok(()),
    }
}
