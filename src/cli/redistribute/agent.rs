//! `agent`: the far side. A copy of this program on another machine asks over standard input, and is answered.
//!
//! In: one request of a closed list, bounded. Out: lines, the last of which says that all was said. Commands are issued
//! with the journal of this machine; a caller that is gone is noticed, and then nothing more is started.

use super::super::world::who;
use super::super::{Exit, Failure, Globals, show};
use super::Ask;
use super::approve::{Pace, again, consented, issue_them, nothing_left, open_journal, serviced};
use super::aside::{Aside, expected_here, look};
use super::evidence;
use super::record::{called_by, stop_on_signals, take_in};
use super::surveyed::{Look, Survey, records, survey};
use super::voice::{Patient, Voice};
use super::wire::{
    Caller, Consent, Greeting, Looking, MOST, MOST_JOBS, Order, Parcel, Reason, Request, STEP, Sent, Told,
    VERSION, Versioned, read_line,
};
use crate::alert::name;
use crate::redistribution::comparison::compare;
use crate::redistribution::issue::Approved;
use crate::redistribution::plan::{Plan, Rebuilt};
use crate::redistribution::run_command::Stop;
use crate::service::redistribute::Event;
use crate::store::Access;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

/// With a caller that has not said yet how patient it is.
const PATIENCE: Duration = Duration::from_secs(60);

/// Answer a copy of this program on another machine (started over SSH, speaks JSON lines)
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {}

pub(in crate::cli) fn run(globals: &Globals, _: Args) -> Result<Exit, Failure> {
    if io::stdin().is_terminal() {
        return Err(Failure::say(Exit::Usage, "agent answers a copy of this program over SSH, not a person")
            .hint("redistribute --on USER@HOST, or --service-center USER@HOST, starts it"));
    }
    let stream = |from: io::Result<OwnedFd>| from.map(File::from).map_err(|e| Failure::new(Exit::Io, e));
    let own = Patient { input: stream(io::stdin().as_fd().try_clone_to_owned())?, patience: PATIENCE };
    let out = stream(io::stdout().as_fd().try_clone_to_owned())?;
    let mut input = BufReader::with_capacity(1 << 16, own);
    let failed = |failure: &Failure| Told::Failed {
        exit: failure.exit.code(),
        text: format!("{:#}", failure.error),
        hints: failure.hints.clone(),
    };
    let greeting = match greeting(&mut input) {
        Ok(greeting) => greeting,
        Err(failure) => {
            let voice = Voice::new(out, PATIENCE);
            voice.say(&failed(&failure));
            voice.finish();
            return Ok(failure.exit);
        }
    };
    let patience = Duration::from_secs(greeting.patience.clamp(2, 600));
    input.get_mut().patience = patience;
    let voice = Voice::new(out, patience);
    called_by(&bounded(greeting.who));
    let ticking = voice.clone();
    std::thread::spawn(move || {
        while !ticking.is_gone() {
            std::thread::sleep((patience / 4).min(Duration::from_secs(5)));
            ticking.say(&Told::Still);
        }
    });
    let done = match greeting.wants {
        Request::Failed { server, since, until } => {
            failures(globals, &voice, &name::normal(&server), since, until)
        }
        Request::Confirm { items } => {
            let count = items.len() as u64;
            take_in(globals, &items, &who()).map(|closed| {
                voice.say(&Told::Closed(closed));
                count
            })
        }
        Request::Plan { ask, acts, services } => {
            plan_of(globals, &ask, acts, services).map(|survey| tell_plan(&voice, survey))
        }
        Request::Aside(looking) => look_after(globals, &voice, &mut input, *looking),
        Request::Expected { server, parcels } => expected(globals, &voice, &name::normal(&server), &parcels),
        Request::Issue(order) => issue(globals, &voice, input, *order),
    };
    match done {
        Ok(items) => voice.say(&Told::End { items }),
        Err(failure) => voice.say(&failed(&failure)),
    }
    voice.finish();
    Ok(Exit::Done)
}

fn wrong(text: impl Into<String>) -> Failure {
    Failure::say(Exit::Data, text)
}

fn greeting(input: &mut impl BufRead) -> Result<Greeting, Failure> {
    let bytes =
        read_line(input).map_err(|e| Failure::new(Exit::Io, e))?.ok_or_else(|| wrong("no request came"))?;
    let version: Versioned = serde_json::from_slice(&bytes).map_err(|e| wrong(format!("no request: {e}")))?;
    if version.version != VERSION {
        let text = format!(
            "the caller speaks version {} of this exchange, autoticket {} here version {VERSION}",
            version.version,
            env!("CARGO_PKG_VERSION")
        );
        return Err(Failure::say(Exit::Unavailable, text).hint("install the same version on both machines"));
    }
    serde_json::from_slice(&bytes).map_err(|e| wrong(format!("the request is not understood: {e}")))
}

/// The caller's words, shown and short.
fn bounded(caller: Caller) -> Caller {
    let short = |text: &str| show::one(&text.chars().take(100).collect::<String>());
    Caller { name: short(&caller.name), origin: short(&caller.origin) }
}

fn failures(
    globals: &Globals,
    voice: &Voice,
    server: &str,
    since: Option<jiff::Timestamp>,
    until: jiff::Timestamp,
) -> Result<u64, Failure> {
    let store = globals.store(Access::Read)?;
    let records = records(&store, server, since, until)?;
    for some in records.chunks(STEP) {
        voice.say(&Told::Records(some.to_vec()));
    }
    Ok(records.len() as u64)
}

fn expected(globals: &Globals, voice: &Voice, server: &str, parcels: &[Parcel]) -> Result<u64, Failure> {
    let reasons = expected_here(globals, server, parcels)?;
    tell_aside(voice, &reasons);
    Ok(reasons.len() as u64)
}

fn tell_aside(voice: &Voice, reasons: &[Reason]) {
    for some in reasons.chunks(STEP) {
        voice.say(&Told::Aside { reasons: some.to_vec(), notes: Vec::new() });
    }
}

/// A plan that is to be issued has to stay what it is: what earlier sessions left open is looked up first.
fn plan_of(globals: &Globals, ask: &Ask, acts: bool, services: bool) -> Result<Survey, Failure> {
    if acts {
        evidence::take_up(globals, Some(ask))?;
    }
    let survey = survey(globals, ask, Look::Present)?;
    if services && survey.is_done() {
        nothing_left(globals, &survey)?;
    }
    Ok(survey)
}

/// Who of the plan that the caller saw is to be set aside, and that plan without them: this machine would issue it, and
/// its network reaches the recipients.
fn look_after(
    globals: &Globals,
    voice: &Voice,
    input: &mut impl BufRead,
    looking: Looking,
) -> Result<u64, Failure> {
    let (shown, _) = plan(input)?;
    let mut survey = survey(globals, &looking.ask, Look::Present)?;
    is_same(&shown, &survey.plan)?;
    let wanted: HashSet<String> = looking.commands.into_iter().collect();
    let commands = survey.open_jobs().flat_map(|job| job.commands.iter().map(move |command| (job, command)));
    let commands = commands.filter(|(_, command)| wanted.contains(&command.id));
    let found = look(globals, &survey, looking.check, commands, looking.expected)?;
    tell_aside(voice, &found.reasons());
    voice.say(&Told::Aside { reasons: Vec::new(), notes: found.notes.clone() });
    if found.is_empty() {
        return Ok(0);
    }
    survey.plan = survey.without(globals, &found)?;
    Ok(tell_plan(voice, survey))
}

/// The plan that the caller saw is the one that the logs give now.
fn is_same(shown: &Plan, now: &Plan) -> Result<(), Failure> {
    let differences = compare(shown, now);
    if differences.is_empty() { Ok(()) } else { Err(super::differs(&differences)) }
}

/// The jobs of a plan of which something was approved. Others may have been served since it was shown: on a screen,
/// one after the other is.
fn part(plan: &Plan, approve: &[Consent]) -> Plan {
    let wanted: HashSet<&str> = approve.iter().map(|consent| job_of(&consent.id)).collect();
    let jobs = plan.jobs.iter().filter(|job| wanted.contains(job.id.as_str())).cloned().collect();
    let Plan { schema, server, since, until, .. } = plan;
    Plan { schema: *schema, server: server.clone(), since: *since, until: *until, jobs, notes: Vec::new() }
}

/// The job of a command, by their ids.
fn job_of(command: &str) -> &str {
    command.rsplit_once('.').map_or("", |(job, _)| job)
}

fn tell_plan(voice: &Voice, survey: Survey) -> u64 {
    let (head, jobs) = survey.head();
    voice.say(&Told::Plan(Box::new(head)));
    let count = jobs.len() as u64;
    for job in jobs {
        voice.say(&Told::Job(Box::new(job)));
    }
    count
}

/// The next line of the plan.
fn word(input: &mut impl BufRead, heard: &mut u64) -> Result<Sent, Failure> {
    let bytes = read_line(input)
        .map_err(|e| Failure::new(Exit::Io, e))?
        .ok_or_else(|| wrong("the plan was cut off: nothing was approved"))?;
    *heard += bytes.len() as u64;
    if *heard > MOST {
        return Err(wrong(format!("the plan has more than {MOST} bytes")));
    }
    serde_json::from_slice(&bytes).map_err(|e| wrong(format!("the plan is not understood: {e}")))
}

/// The plan that the caller saw, and who is not in it though it failed.
fn plan(input: &mut impl BufRead) -> Result<(Plan, Aside), Failure> {
    let mut heard = 0;
    let mut next = || word(&mut *input, &mut heard);
    let Sent::Plan(mut plan) = next()? else { return Err(wrong("no plan came: nothing was approved")) };
    let mut aside = Aside::default();
    plan.jobs.clear();
    loop {
        match next()? {
            Sent::Job(job) if (plan.jobs.len() as u64) < MOST_JOBS => plan.jobs.push(*job),
            Sent::Aside(reasons) => aside.take(reasons),
            Sent::Go { jobs } if jobs == plan.jobs.len() as u64 => return Ok((*plan, aside)),
            Sent::Still => {}
            _ => return Err(wrong("the plan was cut off: nothing was approved")),
        }
    }
}

/// The command of the plan that is meant: by its job, and by what was approved of it. Where others of its job were set
/// aside, its own number in it may be another.
fn approved(plan: &Plan, consent: &Consent) -> Option<Approved> {
    let job = plan.jobs.iter().find(|job| job.id == job_of(&consent.id))?;
    let command = job.commands.iter().find(|command| command.hash == consent.hash)?;
    Some(Approved::of(job, &Rebuilt { id: consent.id.clone(), ..command.clone() }, Vec::new()))
}

fn issue(
    globals: &Globals,
    voice: &Voice,
    mut input: BufReader<Patient>,
    order: Order,
) -> Result<u64, Failure> {
    let (shown, aside) = plan(&mut input)?;
    let pace = Pace::read(order.pace)?;
    let stop = Arc::new(Stop::default());
    listen(input, &stop, voice);
    evidence::take_up(globals, Some(&order.ask))?;
    let mut survey = survey(globals, &order.ask, Look::Present)?;
    survey.may_issue()?;
    // What is asked for now names a period and logs, and so seems to be a part.
    survey.whole = order.whole;
    survey.set_aside(globals, aside)?;
    is_same(&part(&shown, &order.approve), &part(&survey.plan, &order.approve))?;
    let mut commands = Vec::new();
    for consent in &order.approve {
        let Some(approved) = approved(&survey.plan, consent) else {
            return Err(wrong(format!("{} is not the command that was approved: nothing was", consent.id)));
        };
        commands.push(approved);
    }
    let keys = again(&survey, &order.again)?;
    if stop.is_asked() {
        return Err(Failure::say(Exit::TryAgain, "the caller is gone: nothing was approved"));
    }
    let journal = open_journal(globals)?;
    let (may, refused) = consented(globals, &journal, commands, &keys)?;
    voice.say(&Told::Consented { refused });
    stop_on_signals(&stop)?;
    let mut events = |event: &Event| {
        voice.say(&Told::Event(event.clone()));
        if voice.is_gone() {
            stop.finish();
        }
    };
    let done = issue_them(globals, &journal, &survey, &may, &pace, &stop, &mut events)?;
    serviced(globals, &journal, &survey, &done.summary)?;
    journal.close()?;
    voice.say(&Told::Summary { summary: Box::new(done.summary), notes: done.notes });
    Ok(1)
}

/// Hears the caller while commands run: a word to stop, its silence, or that it takes nothing more.
fn listen(mut input: BufReader<Patient>, stop: &Arc<Stop>, voice: &Voice) {
    let of_reader = Arc::clone(stop);
    std::thread::spawn(move || {
        loop {
            let word =
                read_line(&mut input).ok().flatten().and_then(|bytes| serde_json::from_slice(&bytes).ok());
            match word {
                Some(Sent::Stop { kill: true }) => of_reader.kill(),
                Some(Sent::Stop { kill: false }) => of_reader.finish(),
                Some(_) => {}
                // The end of the conversation, silence, or nonsense: nothing more is started.
                None => return of_reader.finish(),
            }
        }
    });
    let (stop, voice) = (Arc::clone(stop), voice.clone());
    std::thread::spawn(move || {
        while !voice.is_gone() {
            std::thread::sleep(Duration::from_millis(200));
        }
        stop.finish();
    });
}
