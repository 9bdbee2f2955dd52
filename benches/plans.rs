//! How long a plan of 60,000 failed jobs takes, and a frame of the screen that shows it; narrowing `listfile`.
//! `cargo bench --bench plans [-- JOBS]`.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a benchmark reads the clock and prints"
)]

use autoticket::redistribution::list::ListText;
use autoticket::redistribution::model::{Command, Narrowing, Outcome, Place, Recipient, Run, Token, Writing};
use autoticket::redistribution::plan::Plan;
use autoticket::redistribution::planning::{Selection, World, plan};
use autoticket::tui::{Model, Theme, draw, update};
use jiff::{SignedDuration, Timestamp};
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A run in which one recipient of its list failed.
fn run(job: u64, file: &Arc<str>, began: Timestamp) -> Run {
    let place = |line: u64| Place { file: Arc::clone(file), line: job * 4 + line };
    let argv = ["swdist", "-p", "pkg-1.0", "-m", "push", "-l", "/var/dist/lists/J.lst", "-P", "prio=3"];
    let start = began + SignedDuration::from_secs(i64::try_from(job).unwrap_or(0));
    Run {
        rule: "native".to_owned(),
        tool: "swdist".to_owned(),
        server: None,
        job: Some(format!("J{job}")),
        packages: vec![format!("pkg{job}-1.0")],
        list: Some("/var/dist/lists/J.lst".to_owned()),
        command: Some(Command {
            text: argv.join(" "),
            argv: argv
                .iter()
                .map(|text| Token { text: (*text).to_owned(), place: Some(place(1)), secret: false })
                .collect(),
            writing: Writing::Quoted,
            doubts: Vec::new(),
            directory: None,
            user: None,
            place: place(1),
        }),
        start: Some(start),
        end: Some(start),
        place: place(1),
        last: place(3),
        recipients: vec![Recipient {
            name: format!("cl{:05}", job % 2000),
            outcome: Outcome::Failed,
            cause: Some(["connection", "disk", "access"][(job % 3) as usize].to_owned()),
            parameters: Vec::new(),
            place: place(2),
            at: None,
        }],
        outcome: Outcome::Failed,
        why: None,
    }
}

fn planned(jobs: u64) -> Plan {
    let file: Arc<str> = Arc::from("dist.log");
    let began: Timestamp = "2026-03-01T00:00:00Z".parse().expect("a time");
    let list: String = (0..2000).map(|n| format!("cl{n:05} prio=3\n")).collect();
    let text = ListText::of(list);
    let world = World {
        narrowing: &|_| Some(Narrowing::Listfile { options: vec!["-l".to_owned()], field: 1 }),
        list: &|_| Some(text.clone()),
        device: &|_| None,
        program: &|_| Some("/usr/bin/swdist".to_owned()),
        delivered: None,
        against: &|_| Vec::new(),
        manager: &[],
        aside: &|_, _| None,
        directory: None,
        user: None,
        environment: &[],
    };
    let selection = Selection { server: "is38".to_owned(), ..Selection::default() };
    let runs: Vec<Run> = (0..jobs).map(|job| run(job, &file, began)).collect();
    let begun = Instant::now();
    let plan = plan(runs, &[], &[], &selection, &world);
    let commands: usize = plan.jobs.iter().map(|job| job.commands.len()).sum();
    println!("{jobs} runs: {} jobs, {commands} commands in {:.2?}", plan.jobs.len(), begun.elapsed());
    plan
}

fn frames(plan: Plan) {
    let mut model = Model::new(plan, Vec::new(), Theme { colour: false, unicode: true });
    for (columns, rows) in [(80, 24), (200, 60)] {
        let mut terminal = ratatui::Terminal::new(TestBackend::new(columns, rows)).expect("a buffer");
        let (mut key_time, mut frame_time) = (Duration::ZERO, Duration::ZERO);
        for key in "jjjGgjj  dNj".chars().cycle().take(120) {
            let begun = Instant::now();
            update(&mut model, &Event::Key(KeyEvent::from(KeyCode::Char(key))));
            let between = Instant::now();
            terminal.draw(|frame| draw(&mut model, frame)).expect("a buffer takes all");
            key_time = key_time.max(between - begun);
            frame_time = frame_time.max(between.elapsed());
        }
        println!("{columns}x{rows}: slowest frame {frame_time:.2?}, slowest key {key_time:.2?}");
    }
}

fn main() {
    let jobs = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(60_000);
    frames(planned(jobs));
}
