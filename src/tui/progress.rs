//! The issue while it runs, and what remains when it is over.
//!
//! In: counts and words of whoever issues, keys. Out: how to stop, or to go back. It does not know how commands are
//! run, and measures no time.

use super::keys::{control, motion, scroll, typed};
use super::message::{Message, Stop};
use super::model::{Model, Stage};
use super::text::{count, fit, pad, wrap};
use super::theme::Theme;
use ratatui::crossterm::event::{KeyCode, KeyEvent};
use ratatui::text::{Line, Span};
use std::time::Duration;

/// One command that runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Running {
    pub id: String,
    /// Recipients, as one line.
    pub recipients: String,
    pub since: Duration,
}

/// One command that failed, or of which nobody knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failure {
    pub id: String,
    pub recipients: usize,
    /// The first line of its error.
    pub line: String,
}

/// A wave of `--waves`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wave {
    /// From 1.
    pub number: usize,
    pub of: usize,
    /// Recipients in it.
    pub recipients: usize,
}

/// The state of the issue; numbers are commands where nothing else is said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    pub total: usize,
    pub confirmed: usize,
    pub failed: Vec<Failure>,
    pub unknown: Vec<Failure>,
    /// Recipients set aside before anything was issued: unreachable, or in an outage.
    pub aside: usize,
    pub running: Vec<Running>,
    pub wave: Option<Wave>,
    pub elapsed: Duration,
    /// `None`: nothing has finished yet.
    pub left: Option<Duration>,
    pub stopping: Option<Stop>,
}

impl Progress {
    fn done(&self) -> usize {
        self.confirmed + self.failed.len() + self.unknown.len()
    }

    fn waiting(&self) -> usize {
        self.total.saturating_sub(self.done() + self.running.len())
    }
}

/// What became of the issue.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ending {
    pub confirmed: usize,
    pub recipients_confirmed: usize,
    pub failed: Vec<Failure>,
    pub unknown: Vec<Failure>,
    /// Approved, and not started: the issue was stopped.
    pub not_started: usize,
    pub aside: usize,
    /// Commands of the plan that are still open.
    pub open: usize,
    pub elapsed: Duration,
    /// What to do next, a line each, the caller's words first.
    pub next: Vec<String>,
}

pub(super) struct ProgressScreen {
    progress: Progress,
    asking: bool,
    top: usize,
    height: usize,
}

impl ProgressScreen {
    pub fn new(progress: Progress) -> Self {
        ProgressScreen { progress, asking: false, top: 0, height: 1 }
    }

    pub fn set(&mut self, progress: Progress) {
        self.progress = progress;
    }

    pub fn asks(&self) -> bool {
        self.asking
    }

    pub fn lines(&mut self, columns: usize, rows: usize, theme: Theme) -> Vec<Line<'static>> {
        let progress = &self.progress;
        let mut lines = vec![bar(progress, columns, theme)];
        let mut said = format!(
            "{} confirmed, {} failed, {} unknown, {} running, {} waiting",
            progress.confirmed,
            progress.failed.len(),
            progress.unknown.len(),
            progress.running.len(),
            progress.waiting()
        );
        if progress.aside > 0 {
            said.push_str(&format!("; {} set aside", count(progress.aside, "recipient", "recipients")));
        }
        let left = progress
            .left
            .map_or("time left not known yet".to_owned(), |left| format!("about {} left", span(left)));
        let mut when = format!("{} gone, {left}", span(progress.elapsed));
        if let Some(wave) = progress.wave {
            let to = count(wave.recipients, "recipient", "recipients");
            when.push_str(&format!("; wave {} of {}, {to}", wave.number, wave.of));
        }
        for said in [said, when] {
            lines.extend(wrap(&said, columns, theme).into_iter().map(Line::from));
        }
        if let Some(stop) = progress.stopping {
            let words = match stop {
                Stop::Finish => "stopping: the running commands finish, no other is started",
                Stop::Kill => "stopping: the running commands are killed",
            };
            lines.extend(
                wrap(words, columns, theme).into_iter().map(|line| Line::styled(line, theme.warning())),
            );
        }
        lines.truncate(rows);
        self.height = rows.saturating_sub(lines.len());
        let all = progress.running.len() + progress.failed.len() + progress.unknown.len() + 2;
        self.top = self.top.min(all.saturating_sub(self.height.max(1)));
        let heading = |words: String| Line::styled(fit(&words, columns, theme), theme.heading());
        let running = progress.running.iter().map(|one| {
            let said = format!("  {} for {}  {}", pad(&one.id, 9, theme), span(one.since), one.recipients);
            Line::from(fit(&said, columns, theme))
        });
        let lost = failures(&progress.failed, &progress.unknown, columns, theme);
        let blocks = std::iter::once(heading(format!("running: {}", progress.running.len())))
            .chain(running)
            .chain(std::iter::once(heading(format!("failed or unknown: {}", lost.len()))));
        lines.extend(blocks.chain(lost).skip(self.top).take(self.height));
        lines
    }
}

fn failures<'a>(
    failed: &'a [Failure],
    unknown: &'a [Failure],
    columns: usize,
    theme: Theme,
) -> impl ExactSizeIterator<Item = Line<'static>> + use<'a> {
    let all: Vec<(&'static str, &Failure)> =
        failed.iter().map(|one| ("failed", one)).chain(unknown.iter().map(|one| ("unknown", one))).collect();
    all.into_iter().map(move |(word, one)| {
        let to = count(one.recipients, "recipient", "recipients");
        let said = format!("  {} {word:<8} {to}: {}", pad(&one.id, 9, theme), one.line);
        Line::from(Span::styled(fit(&said, columns, theme), theme.warning()))
    })
}

/// The same, each whole: a refusal says which line to add.
fn whole_failures(
    failed: &[Failure],
    unknown: &[Failure],
    columns: usize,
    theme: Theme,
) -> Vec<Line<'static>> {
    let all = failed.iter().map(|one| ("failed", one)).chain(unknown.iter().map(|one| ("unknown", one)));
    let mut lines = Vec::new();
    for (word, one) in all {
        let to = count(one.recipients, "recipient", "recipients");
        let said = format!("{} {word} {to}: {}", one.id, one.line);
        for (n, part) in said.lines().enumerate() {
            let inner = part.trim_start_matches(' ');
            // A line of YAML keeps its indentation: that is what is to be added.
            let margin = if n == 0 { 2 } else { 4 + part.len() - inner.len() };
            let room = columns.saturating_sub(margin).max(columns.min(10));
            for part in wrap(inner, room, theme) {
                let line = format!("{}{part}", " ".repeat(margin.min(columns - room)));
                lines.push(Line::from(Span::styled(line, theme.warning())));
            }
        }
    }
    lines
}

fn bar(progress: &Progress, columns: usize, theme: Theme) -> Line<'static> {
    let done = progress.done().min(progress.total);
    let said = format!(" {done} of {}", count(progress.total, "command", "commands"));
    let cells = columns.saturating_sub(said.len()).min(60);
    let full = (cells * done).checked_div(progress.total).unwrap_or(cells);
    let drawn = format!("{}{}", theme.full().repeat(full), theme.empty().repeat(cells - full));
    Line::from(vec![
        Span::styled(drawn, theme.added()),
        Span::styled(fit(&said, columns, theme), theme.strong()),
    ])
}

/// `1 h 05 min`, `3 min 07 s`, `9 s`.
fn span(time: Duration) -> String {
    match time.as_secs() {
        s @ 0..60 => format!("{s} s"),
        s @ 60..3600 => format!("{} min {:02} s", s / 60, s % 60),
        s => format!("{} h {:02} min", s / 3600, s % 3600 / 60),
    }
}

/// Stopping asks: finish the running ones, kill them, or go on.
pub(super) fn update(model: &mut Model, key: KeyEvent) -> Vec<Message> {
    let Stage::Progress(screen) = &mut model.stage else { return Vec::new() };
    if screen.asking {
        let answer = match (key.code, typed(key)) {
            (_, Some('f')) => Some(Stop::Finish),
            (_, Some('k')) => Some(Stop::Kill),
            (_, Some('g')) | (KeyCode::Esc, _) => None,
            _ => return Vec::new(),
        };
        screen.asking = false;
        return answer.into_iter().map(Message::Stop).collect();
    }
    if control(key) == Some('c') || key.code == KeyCode::Esc || typed(key) == Some('q') {
        screen.asking = true;
    } else if let Some(motion) = motion(key) {
        // The next frame knows how many lines there are.
        screen.top = scroll(screen.top, motion, usize::MAX, screen.height);
    }
    Vec::new()
}

pub(super) struct EndingScreen {
    ending: Ending,
    top: usize,
    lines: usize,
    height: usize,
}

impl EndingScreen {
    pub fn new(ending: Ending) -> Self {
        EndingScreen { ending, top: 0, lines: 0, height: 1 }
    }

    /// What is confirmed, what remains and what to do about it, then the failures.
    pub fn lines(&mut self, columns: usize, rows: usize, theme: Theme) -> Vec<Line<'static>> {
        let ending = &self.ending;
        let mut lines = Vec::new();
        let mut say = |words: &str, style| {
            lines.extend(wrap(words, columns, theme).into_iter().map(|line| Line::styled(line, style)));
        };
        let to = count(ending.recipients_confirmed, "recipient", "recipients");
        say(
            &format!(
                "{} confirmed to {to} in {}",
                count(ending.confirmed, "command", "commands"),
                span(ending.elapsed)
            ),
            theme.strong(),
        );
        say("", theme.plain());
        let remains = [
            (ending.failed.len(), "failed: what failed is proposed again by the next plan"),
            (
                ending.unknown.len(),
                "without a known result: shown first at the next start; only you can reissue them",
            ),
            (
                ending.not_started,
                "approved and not started: nothing ran of them; approve them again, now or later",
            ),
            (ending.open, "neither approved nor rejected"),
        ];
        if remains.iter().all(|(n, _)| *n == 0) && ending.aside == 0 {
            say("Nothing remains.", theme.strong());
        } else {
            say("What remains", theme.heading());
            for (n, words) in remains.iter().filter(|(n, _)| *n > 0) {
                say(&format!("{} {words}", count(*n, "command", "commands")), theme.plain());
            }
            if ending.aside > 0 {
                let to = count(ending.aside, "recipient", "recipients");
                say(&format!("{to} set aside: unreachable or in an outage"), theme.plain());
            }
        }
        if !ending.next.is_empty() {
            say("", theme.plain());
            say("What to do next", theme.heading());
            for words in &ending.next {
                say(words, theme.plain());
            }
        }
        let lost = whole_failures(&ending.failed, &ending.unknown, columns, theme);
        if !lost.is_empty() {
            lines.push(Line::default());
            lines.push(Line::styled(fit("Failed or unknown", columns, theme), theme.heading()));
        }
        self.lines = lines.len() + lost.len();
        self.height = rows;
        self.top = self.top.min(self.lines.saturating_sub(rows.max(1)));
        lines.into_iter().chain(lost).skip(self.top).take(rows).collect()
    }
}

pub(super) fn update_ending(model: &mut Model, key: KeyEvent) -> Vec<Message> {
    let Stage::Ending(screen) = &mut model.stage else { return Vec::new() };
    if control(key) == Some('c') || typed(key) == Some('q') {
        return vec![Message::Quit];
    }
    match key.code {
        KeyCode::Esc | KeyCode::Enter => model.stage = Stage::Approval,
        _ => {
            if let Some(motion) = motion(key) {
                screen.top = scroll(screen.top, motion, screen.lines, screen.height);
            }
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_in_two_units_at_most() {
        let said = [9, 187, 3900].map(|s| span(Duration::from_secs(s)));
        assert_eq!(said, ["9 s", "3 min 07 s", "1 h 05 min"]);
    }
}
