//! To be looked at by hand: `cargo test --lib look_at_it -- --ignored --nocapture` in a terminal.

use super::super::terminal::Terminal;
use super::super::*;
use super::fixture;
use std::time::Duration;

#[expect(clippy::disallowed_methods, reason = "a look by hand is told by its environment what to show")]
fn told(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// `LOOK`: `large`, `unknown`, `panic`; `NO_COLOR`, `LOOK_ASCII` as they say. Ends on q; approving shows an issue.
#[test]
#[ignore = "needs a terminal and somebody who looks"]
fn look_at_it() {
    let theme = Theme { colour: told("NO_COLOR").is_none(), unicode: told("LOOK_ASCII").is_none() };
    let look = told("LOOK").unwrap_or_default();
    let plan = if look == "large" { fixture::large(60_000) } else { fixture::plan() };
    let unknown = if look == "unknown" { fixture::unknown() } else { Vec::new() };
    let mut model = Model::new(plan, unknown, theme);
    let mut terminal = Terminal::open(theme).expect("a terminal");
    let mut issue: Option<Progress> = None;
    let mut seen = Vec::new();
    loop {
        for message in terminal.turn(&mut model, Duration::from_millis(200)) {
            seen.push(format!("{message:?}"));
            match message {
                Message::Approve(_) if look == "panic" => panic!("asked for"),
                Message::Approve(approved) => {
                    issue = Some(Progress { total: approved.len() + 20, ..Progress::default() });
                }
                Message::Edit { id, argv } => {
                    let mut built = model.command(&id).expect("it is shown").clone();
                    built.argv = argv.iter().map(|text| fixture::token(text, 0)).collect();
                    match argv.iter().any(|text| text.contains("refuse")) {
                        true => model.refuse(&id, "an element says refuse"),
                        false => drop(model.rebuilt(built)),
                    }
                }
                Message::Stop(stop) => issue.iter_mut().for_each(|progress| progress.stopping = Some(stop)),
                Message::Quit | Message::HungUp | Message::Terminated(_) => {
                    drop(terminal);
                    let said = seen.join("\n");
                    assert!(told("LOOK_OUT").is_none_or(|out| std::fs::write(out, &said).is_ok()));
                    return;
                }
                _ => {}
            }
        }
        let Some(progress) = &mut issue else { continue };
        progress.elapsed += Duration::from_millis(200);
        progress.confirmed += 1;
        progress.wave = Some(Wave { number: 2, of: 3, recipients: 10 });
        progress.left = Some(Duration::from_secs((progress.total - progress.confirmed) as u64));
        let running =
            |n| Running { id: format!("J{n}.1"), recipients: format!("node{n}"), since: progress.elapsed };
        progress.running =
            (progress.confirmed + 1..progress.total.min(progress.confirmed + 4)).map(running).collect();
        if progress.confirmed == 5 {
            progress.failed = vec![Failure {
                id: "J5.1".into(),
                recipients: 2,
                line: "clush: node44: exited with exit code 255".into(),
            }];
        }
        model.progress(progress.clone());
        if progress.confirmed + progress.failed.len() >= progress.total || progress.stopping.is_some() {
            let failed = std::mem::take(&mut progress.failed);
            model.ended(Ending {
                confirmed: progress.confirmed,
                recipients_confirmed: 30,
                failed,
                open: 2,
                elapsed: progress.elapsed,
                next: vec!["redistribute --list --server is38".into()],
                ..Ending::default()
            });
            issue = None;
        }
    }
}
