//! Commands of earlier sessions whose result nobody knows, or whose manager has not said yet: shown before anything else.
//!
//! In: these commands, keys. Out: one of them approved anew by typing its id, or nothing. It does not know the
//! journal they come from.

use super::consent::{Answer, Consent};
use super::keys::{Motion, control, motion, scroll};
use super::message::{Approved, Message, UnknownCommand};
use super::model::{Model, Stage};
use super::text::{chop, count, element, fit, pad, wrap};
use super::theme::Theme;
use ratatui::crossterm::event::{KeyCode, KeyEvent};
use ratatui::text::Line;

pub(super) struct UnknownScreen {
    commands: Vec<(UnknownCommand, bool)>,
    chosen: usize,
    consent: Option<Consent>,
    /// First line of the chosen command that is shown, and how many are not.
    top: usize,
    below: usize,
}

impl UnknownScreen {
    pub fn new(commands: Vec<UnknownCommand>) -> Self {
        let commands = commands.into_iter().map(|command| (command, false)).collect();
        UnknownScreen { commands, chosen: 0, consent: None, top: 0, below: 0 }
    }

    pub fn consent(&self) -> Option<&Consent> {
        self.consent.as_ref()
    }

    /// One line for the operator.
    pub fn said(&self) -> String {
        if self.below > 0 { format!("{} more below: PgDn", self.below) } else { String::new() }
    }

    /// What happened, the commands, and the chosen one whole; what there is no room for can be scrolled to.
    pub fn lines(&mut self, columns: usize, rows: usize, theme: Theme) -> Vec<Line<'static>> {
        let many = self.commands.len();
        let (of, stays) = if self.commands.iter().any(|(command, _)| command.end.is_some()) {
            ("was issued in an earlier session, and what became of it is not known", "as it is")
        } else {
            ("of an earlier session began, and the result was never recorded", "unknown")
        };
        let of = if many > 1 {
            of.replacen("was", "were", usize::from(of.starts_with("was")))
        } else {
            of.to_owned()
        };
        let head = format!(
            "{} {of}: each may have run, in part or whole. Look at the distribution manager's log first. Reissued, it \
             may be distributed twice; left, it stays {stays} and is shown again.",
            count(many, "command", "commands")
        );
        let mut lines: Vec<Line<'static>> = wrap(&head, columns, theme).into_iter().map(Line::from).collect();
        let most = (rows / 2).max(2);
        if lines.len() > most {
            lines.truncate(most - 1);
            lines.push(Line::from(theme.dots()));
        }
        lines.push(Line::default());
        let room = rows.saturating_sub(lines.len());
        let height = (room / 2).clamp(1, many.max(1));
        let top = self.chosen.saturating_sub(height.saturating_sub(1));
        for (n, (command, again)) in self.commands.iter().enumerate().skip(top).take(height) {
            let mark = if n == self.chosen { ">" } else { " " };
            let state = if *again { "reissued" } else { command.word() };
            let since = command.when();
            let to = count(command.recipients.len(), "recipient", "recipients");
            let said = format!("{mark} {} {state:<8}  {to} on {}, since {since}", command.id, command.server);
            let style = if n == self.chosen { theme.chosen() } else { theme.plain() };
            lines.push(Line::styled(fit(&said, columns, theme), style));
        }
        let mut whole: Vec<Line<'static>> = Vec::new();
        if let Some((command, _)) = self.commands.get(self.chosen) {
            whole.push(Line::default());
            whole.push(Line::styled(fit("command, one element per line", columns, theme), theme.heading()));
            for (n, token) in command.argv.iter().enumerate() {
                let parts = chop(&element(token), columns.saturating_sub(4), theme);
                let head =
                    |part: usize| if part == 0 { format!("{n:>3} ") } else { pad(theme.turned(), 4, theme) };
                whole.extend(parts.iter().enumerate().map(|(p, part)| Line::from(head(p) + part)));
            }
            let names = format!("recipients: {}", command.recipients.join(", "));
            let by = command.operator.as_deref().unwrap_or("not recorded");
            let approved = format!("approved by {by}, {}, on {}", command.when(), command.server);
            if command.end.is_some() {
                whole.extend(wrap(&command.so_far(), columns, theme).into_iter().map(Line::from));
            }
            whole.extend(wrap(&approved, columns, theme).into_iter().map(Line::from));
            whole.extend(wrap(&names, columns, theme).into_iter().map(Line::from));
        }
        let room = rows.saturating_sub(lines.len());
        self.top = self.top.min(whole.len().saturating_sub(room.max(1)));
        self.below = whole.len().saturating_sub(self.top + room);
        lines.extend(whole.into_iter().skip(self.top));
        lines.truncate(rows);
        lines
    }
}

pub(super) fn update(model: &mut Model, key: KeyEvent) -> Vec<Message> {
    let Stage::Unknown(screen) = &mut model.stage else { return Vec::new() };
    if let Some(consent) = &mut screen.consent {
        match consent.key(key) {
            Answer::Wait => {}
            Answer::No => screen.consent = None,
            Answer::Yes => {
                let approved = screen.consent.take().map(|consent| consent.into_approved().1);
                if let Some((_, again)) = screen.commands.get_mut(screen.chosen) {
                    *again = true;
                }
                return approved.into_iter().flatten().map(Message::Reissue).collect();
            }
        }
        return Vec::new();
    }
    if control(key) == Some('c') || key.code == KeyCode::Char('q') {
        return vec![Message::Quit];
    }
    match key.code {
        // Left as they are.
        KeyCode::Enter | KeyCode::Esc => model.stage = Stage::Approval,
        KeyCode::Char('r') => {
            if let Some((command, false)) = screen.commands.get(screen.chosen) {
                let approved = Approved {
                    id: command.id.clone(),
                    hash: command.hash.clone(),
                    argv: command.argv.iter().map(|token| token.text.clone()).collect(),
                };
                screen.consent = Some(Consent::again(approved, command));
            }
        }
        _ => {
            let motion = motion(key);
            if let Some(motion @ (Motion::PageUp | Motion::PageDown)) = motion {
                screen.top = scroll(screen.top, motion, usize::MAX, 6);
            } else if let Some(motion) = motion {
                screen.top = 0;
                screen.chosen = scroll(screen.chosen, motion, screen.commands.len(), 1);
            }
        }
    }
    Vec::new()
}
