//! Consent: what would be approved, and the key, number or name that approves it.
//!
//! In: commands of the model, keys. Out: yes with exactly what was asked about, or no. It does not know what follows.

use super::keys::{control, typed};
use super::message::{Approved, UnknownCommand};
use super::model::{At, Model};
use super::text::{clean, count, fit, wrap};
use super::theme::Theme;
use ratatui::crossterm::event::{KeyCode, KeyEvent};
use ratatui::text::Line;
use std::collections::HashSet;

/// What the operator must type.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Demand {
    /// `y`.
    Key,
    /// The number of recipients.
    Number(usize),
    /// The command's id.
    Name(String),
}

/// A question about these commands. It holds what it asked about.
#[derive(Debug)]
pub(super) struct Consent {
    commands: Vec<At>,
    approved: Vec<Approved>,
    demand: Demand,
    said: Vec<String>,
    typed: String,
    wrong: bool,
}

pub(super) enum Answer {
    Wait,
    Yes,
    No,
}

/// That it was issued before, and the one way to issue it once more.
fn before(earlier: &UnknownCommand) -> String {
    let by = earlier.operator.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
    let end = earlier.end.as_deref().map_or("its end is not known".to_owned(), |end| {
        format!("{end}, and the log does not say yet what became of it")
    });
    format!(
        "was issued before{by} at {}: {end}; only `--again {}` or r at the next start issues it again",
        earlier.when(),
        earlier.key
    )
}

impl Consent {
    /// `by_name`: the id to type. `left_out`: what is not among these, and why.
    pub fn new(model: &Model, commands: Vec<At>, by_name: Option<String>, left_out: Vec<String>) -> Self {
        let builts = || commands.iter().map(|at| &model.at(*at).built);
        let recipients: usize = builts().map(|built| built.recipients.len()).sum();
        let different: HashSet<&str> =
            builts().flat_map(|b| b.recipients.iter().map(String::as_str)).collect();
        let also = match different.len() {
            n if n == recipients => String::new(),
            n => format!(" ({n} different)"),
        };
        let to = count(recipients, "recipient", "recipients");
        let mut said = vec![match &commands[..] {
            [at] => format!("Approve {} to {to}{also}?", model.at(*at).built.id),
            _ => format!("Approve {} to {to}{also}?", count(commands.len(), "command", "commands")),
        }];
        if let [at] = commands[..] {
            let entry = &model.entries[at.0];
            let built = &entry.commands[at.1].built;
            said.extend(model.issued_before(built).map(before));
            if !entry.commands[at.1].earlier.is_empty() {
                said.push("edited: this is not the original command".to_owned());
            }
            said.extend(entry.job.blocked.iter().map(|why| format!("blocked: {why}")));
            said.extend(built.doubts.iter().map(|why| format!("{}: {why}", built.grade.word())));
            said.push(format!("recipients: {}", built.recipients.join(", ")));
        } else {
            let ids: Vec<&str> = builts().map(|built| built.id.as_str()).collect();
            said.extend(builts().filter_map(|built| {
                model.issued_before(built).map(|earlier| format!("{} {}", built.id, before(earlier)))
            }));
            let edited = commands.iter().map(|at| model.at(*at)).filter(|shown| !shown.earlier.is_empty());
            let edited: Vec<&str> = edited.map(|shown| shown.built.id.as_str()).collect();
            if !edited.is_empty() {
                said.push(format!("edited: {}", edited.join(", ")));
            }
            said.push(format!("commands: {}", ids.join(", ")));
        }
        if let Some(first) = left_out.first() {
            let rest =
                if left_out.len() > 1 { format!(", and {} more", left_out.len() - 1) } else { String::new() };
            said.push(format!("left out: {first}{rest}; such are approved singly"));
        }
        let demand = match by_name {
            Some(id) => Demand::Name(id),
            None if recipients > model.limit => Demand::Number(recipients),
            None => Demand::Key,
        };
        let approved = builts().map(Approved::of).collect();
        Consent { commands, approved, demand, said, typed: String::new(), wrong: false }
    }

    /// About a command of an earlier session whose result nobody knows.
    pub fn again(approved: Approved, earlier: &UnknownCommand) -> Self {
        let recipients = count(earlier.recipients.len(), "recipient", "recipients");
        let known = match &earlier.end {
            None => "Nobody knows whether it ran. If it did,".to_owned(),
            Some(_) => format!("It was {}. If it reached them,", earlier.so_far()),
        };
        let said = vec![
            format!("Issue {} again to {recipients}?", approved.id),
            format!("{known} this distributes a second time: look at the distribution manager's log first."),
        ];
        let demand = Demand::Name(approved.id.clone());
        Consent {
            commands: Vec::new(),
            approved: vec![approved],
            demand,
            said,
            typed: String::new(),
            wrong: false,
        }
    }

    pub fn key(&mut self, key: KeyEvent) -> Answer {
        self.wrong = false;
        let wanted = match &self.demand {
            Demand::Key => {
                return match (key.code, typed(key)) {
                    (_, Some('y')) => Answer::Yes,
                    (_, Some('n' | 'q')) | (KeyCode::Esc, _) => Answer::No,
                    _ if control(key) == Some('c') => Answer::No,
                    _ => Answer::Wait,
                };
            }
            Demand::Number(number) => number.to_string(),
            Demand::Name(id) => id.clone(),
        };
        match key.code {
            KeyCode::Esc => return Answer::No,
            _ if control(key) == Some('c') => return Answer::No,
            KeyCode::Enter if self.typed == wanted => return Answer::Yes,
            KeyCode::Enter => {
                self.wrong = true;
                self.typed.clear();
            }
            KeyCode::Backspace => drop(self.typed.pop()),
            _ if self.typed.len() < 200 => self.typed.extend(typed(key)),
            _ => {}
        }
        Answer::Wait
    }

    /// What was approved, as it was asked about.
    pub fn into_approved(self) -> (Vec<At>, Vec<Approved>) {
        (self.commands, self.approved)
    }

    /// The box: the question always, of the rest what fits; what to type last.
    pub fn lines(&self, columns: usize, rows: usize, theme: Theme) -> Vec<Line<'static>> {
        let ask = match &self.demand {
            Demand::Key => "y approves, n goes back".to_owned(),
            Demand::Number(_) => format!("type the number of recipients and Enter: {}_", self.typed),
            Demand::Name(id) => {
                format!("type {} and Enter: {}_", clean(id, theme), clean(&self.typed, theme))
            }
        };
        let mut last: Vec<Line<'static>> = Vec::new();
        if self.wrong {
            last.push(Line::styled(
                fit("that is not it; nothing was approved", columns, theme),
                theme.warning(),
            ));
        }
        last.extend(wrap(&ask, columns, theme).into_iter().map(|line| Line::styled(line, theme.strong())));
        if self.demand != Demand::Key {
            last.push(Line::from(fit("Esc goes back", columns, theme)));
        }
        let mut lines = Vec::new();
        let room = rows.saturating_sub(last.len()).max(1);
        for (n, said) in self.said.iter().enumerate() {
            let style = if n == 0 { theme.strong() } else { theme.plain() };
            // Of a long list of names no more than may be shown is made printable.
            let most = columns.saturating_mul(4);
            lines.extend(
                wrap(&fit(said, most, theme), columns, theme).into_iter().map(|l| Line::styled(l, style)),
            );
        }
        if lines.len() > room {
            lines.truncate(room);
            if let Some(line) = lines.last_mut()
                && room > 1
            {
                *line =
                    Line::from(fit(&format!("{} more with a larger screen", theme.dots()), columns, theme));
            }
        }
        lines.extend(last);
        lines
    }
}
