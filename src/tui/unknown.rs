//! Commands of earlier sessions whose result nobody knows: shown before anything else.
//!
//! In: these commands, keys. Out: one of them approved anew by typing its id, or nothing. It does not know the
//! journal they come from.

use super::consent::{Answer, Consent};
use super::detail::moment;
use super::keys::{control, motion, scroll};
use super::message::{Approved, Message, UnknownCommand};
use super::model::{Model, Stage};
use super::text::{count, element, fit, wrap};
use super::theme::Theme;
use ratatui::crossterm::event::{KeyCode, KeyEvent};
use ratatui::text::Line;

pub(super) struct UnknownScreen {
    commands: Vec<(UnknownCommand, bool)>,
    chosen: usize,
    consent: Option<Consent>,
}

impl UnknownScreen {
    pub fn new(commands: Vec<UnknownCommand>) -> Self {
        let commands = commands.into_iter().map(|command| (command, false)).collect();
        UnknownScreen { commands, chosen: 0, consent: None }
    }

    pub fn consent(&self) -> Option<&Consent> {
        self.consent.as_ref()
    }

    /// What happened, the commands, and the chosen one whole, as far as there is room.
    pub fn lines(&self, columns: usize, rows: usize, theme: Theme) -> Vec<Line<'static>> {
        let many = self.commands.len();
        let head = format!(
            "{} of an earlier session ended without a known result. What was to be done was written down, then \
             autoticket, the server or the connection stopped before the result was. Each may have run, in part or \
             whole. Look at the distribution manager's own log before you reissue one: reissued, it may be \
             distributed twice; left, it stays unknown and is shown again.",
            count(many, "command", "commands")
        );
        let mut lines: Vec<Line<'static>> = wrap(&head, columns, theme).into_iter().map(Line::from).collect();
        lines.truncate(rows.saturating_sub(3).max(rows / 3));
        lines.push(Line::default());
        let room = rows.saturating_sub(lines.len());
        let height = (room / 2).clamp(1, many.max(1));
        let top = self.chosen.saturating_sub(height.saturating_sub(1));
        for (n, (command, again)) in self.commands.iter().enumerate().skip(top).take(height) {
            let mark = if n == self.chosen { ">" } else { " " };
            let state = if *again { "reissued" } else { "unknown" };
            let since = command.since.map_or("time not known".to_owned(), moment);
            let by = command.operator.as_deref().unwrap_or("not recorded");
            let to = count(command.recipients.len(), "recipient", "recipients");
            let said = format!(
                "{mark} {} {state:<8}  {to} on {}, since {since}, approved by {by}",
                command.id, command.server
            );
            let style = if n == self.chosen { theme.chosen() } else { theme.plain() };
            lines.push(Line::styled(fit(&said, columns, theme), style));
        }
        if let Some((command, _)) = self.commands.get(self.chosen) {
            lines.push(Line::default());
            lines.push(Line::styled("command, one element per line", theme.heading()));
            for (n, token) in command.argv.iter().enumerate().take(rows) {
                lines.push(Line::from(fit(&format!("{n:>3} {}", element(token)), columns, theme)));
            }
            let names = command.recipients.iter().take(columns).cloned().collect::<Vec<_>>().join(", ");
            lines.push(Line::from(fit(&format!("recipients: {names}"), columns, theme)));
        }
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
                screen.consent = Some(Consent::again(approved, command.recipients.len()));
            }
        }
        _ => {
            if let Some(motion) = motion(key) {
                screen.chosen = scroll(screen.chosen, motion, screen.commands.len(), 1);
            }
        }
    }
    Vec::new()
}
