//! `agent`: the far side. A copy of this program on another machine asks over standard input, and is answered.
//!
//! In: one request of a closed list, bounded. Out: lines, the last of which says that all was said. Commands are issued
//! with the journal of this machine; a caller that is gone is noticed, and then nothing more is started.

use super::super::world::who;
use super::super::{Exit, Failure, Globals, show};
use super::Ask;
use super::approve::{Pace, again, consented, issue_them, open_journal, serviced};
use super::evidence;
use super::record::{called_by, stop_on_signals, take_in};
use super::surveyed::{Look, Survey, records, survey};
use super::wire::{
    Caller, Greeting, MOST, MOST_JOBS, Order, Request, STEP, Sent, Told, VERSION, Versioned, line, read_line,
};
use crate::alert::name;
use crate::redistribution::comparison::compare;
use crate::redistribution::issue::Approved;
use crate::redistribution::plan::Plan;
use crate::redistribution::run_command::Stop;
use crate::service::redistribute::Event;
use crate::store::Access;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Answer a copy of this program on another machine (started over SSH, speaks JSON lines)
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {}

/// The way to the caller; lines of several threads stay whole.
#[derive(Clone)]
struct Voice {
    out: Arc<Mutex<io::Stdout>>,
    gone: Arc<AtomicBool>,
}

impl Voice {
    /// Says a word. Where nobody listens any more, that is remembered.
    fn say(&self, word: &Told) {
        let mut bytes = line(word);
        bytes.push(b'\n');
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if out.write_all(&bytes).and_then(|()| out.flush()).is_err() {
            self.gone.store(true, Ordering::Relaxed);
        }
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}

pub(in crate::cli) fn run(globals: &Globals, _: Args) -> Result<Exit, Failure> {
    if io::stdin().is_terminal() {
        return Err(Failure::say(Exit::Usage, "agent answers a copy of this program over SSH, not a person")
            .hint("redistribute --on USER@HOST, or --service-center USER@HOST, starts it"));
    }
    let mut input = BufReader::with_capacity(1 << 16, io::stdin());
    let voice = Voice { out: Arc::new(Mutex::new(io::stdout())), gone: Arc::default() };
    let failed = |failure: &Failure| Told::Failed {
        exit: failure.exit.code(),
        text: format!("{:#}", failure.error),
        hints: failure.hints.clone(),
    };
    let greeting = match greeting(&mut input) {
        Ok(greeting) => greeting,
        Err(failure) => {
            voice.say(&failed(&failure));
            return Ok(failure.exit);
        }
    };
    let patience = Duration::from_secs(greeting.patience.clamp(2, 600));
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
        Request::Plan { ask, acts } => plan_of(globals, &ask, acts).map(|survey| tell_plan(&voice, survey)),
        Request::Issue(order) => issue(globals, &voice, input, *order, patience),
    };
    match done {
        Ok(items) => voice.say(&Told::End { items }),
        Err(failure) => voice.say(&failed(&failure)),
    }
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

/// A plan that is to be issued has to stay what it is: what earlier sessions left open is looked up first.
fn plan_of(globals: &Globals, ask: &Ask, acts: bool) -> Result<Survey, Failure> {
    if acts {
        evidence::take_up(globals, Some(ask))?;
    }
    survey(globals, ask, Look::Present)
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

/// The plan that the caller saw.
fn plan(input: &mut impl BufRead) -> Result<Plan, Failure> {
    let mut heard = 0;
    let mut next = || word(&mut *input, &mut heard);
    let Sent::Plan(mut plan) = next()? else { return Err(wrong("no plan came: nothing was approved")) };
    plan.jobs.clear();
    loop {
        match next()? {
            Sent::Job(job) if (plan.jobs.len() as u64) < MOST_JOBS => plan.jobs.push(*job),
            Sent::Go { jobs } if jobs == plan.jobs.len() as u64 => return Ok(*plan),
            Sent::Still => {}
            _ => return Err(wrong("the plan was cut off: nothing was approved")),
        }
    }
}

fn issue(
    globals: &Globals,
    voice: &Voice,
    mut input: BufReader<io::Stdin>,
    order: Order,
    patience: Duration,
) -> Result<u64, Failure> {
    let shown = plan(&mut input)?;
    let pace = Pace::read(order.pace)?;
    let stop = Arc::new(Stop::default());
    listen(input, &stop, voice, patience);
    evidence::take_up(globals, Some(&order.ask))?;
    let survey = survey(globals, &order.ask, Look::Present)?;
    survey.may_issue()?;
    let differences = compare(&shown, &survey.plan);
    if !differences.is_empty() {
        return Err(super::differs(&differences));
    }
    let mut approved = Vec::new();
    for consent in &order.approve {
        let found = survey.job_of(&consent.id).filter(|(_, command)| command.hash == consent.hash);
        let Some((job, command)) = found else {
            return Err(wrong(format!("{} is not the command that was approved: nothing was", consent.id)));
        };
        approved.push(Approved::of(job, command, Vec::new()));
    }
    let keys = again(&survey, &order.again)?;
    if stop.is_asked() {
        return Err(Failure::say(Exit::TryAgain, "the caller is gone: nothing was approved"));
    }
    let journal = open_journal(globals)?;
    let (may, refused) = consented(globals, &journal, approved, &keys)?;
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

/// Hears the caller while commands run: a word to stop, or its silence.
#[expect(clippy::disallowed_methods, reason = "measures the caller's silence")]
fn listen(mut input: BufReader<io::Stdin>, stop: &Arc<Stop>, voice: &Voice, patience: Duration) {
    let heard = Arc::new(Mutex::new(Instant::now()));
    let (of_reader, reader_stop) = (Arc::clone(&heard), Arc::clone(stop));
    std::thread::spawn(move || {
        loop {
            let word =
                read_line(&mut input).ok().flatten().and_then(|bytes| serde_json::from_slice(&bytes).ok());
            *of_reader.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            match word {
                Some(Sent::Stop { kill: true }) => reader_stop.kill(),
                Some(Sent::Stop { kill: false }) => reader_stop.finish(),
                Some(_) => {}
                // The end of the conversation, or nonsense: nothing more is started.
                None => return reader_stop.finish(),
            }
        }
    });
    let (stop, voice) = (Arc::clone(stop), voice.clone());
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(200));
            let silence = heard.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
            if silence > patience || voice.is_gone() {
                return stop.finish();
            }
        }
    });
}
