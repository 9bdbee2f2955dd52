//! The editor of an argument vector, one element per line.
//!
//! In: a command, keys. Out: a vector that could be one. It does not know whether the caller will take it.

use super::keys::{control, typed};
use super::text::{clean, element, fit, width};
use super::theme::Theme;
use crate::redistribution::model::Token;
use crate::redistribution::plan::Rebuilt;
use crate::redistribution::rebuild::LIST;
use ratatui::crossterm::event::{KeyCode, KeyEvent};
use ratatui::text::{Line, Span};

/// Steps that can be taken back.
const STEPS: usize = 100;

#[derive(Debug)]
pub(super) struct Editor {
    id: String,
    pieces: Vec<Token>,
    first: Vec<Token>,
    needs_list: bool,
    row: usize,
    /// In characters of the row.
    column: usize,
    before: Vec<(Vec<Token>, usize, usize)>,
    /// The row that the last step typed into: further letters belong to the same step.
    typing: Option<usize>,
    said: String,
    leaving: bool,
    top: usize,
}

pub(super) enum Outcome {
    Wait,
    Back,
    Done(Vec<String>),
}

impl Editor {
    pub fn new(built: &Rebuilt) -> Self {
        Editor {
            id: built.id.clone(),
            pieces: built.argv.clone(),
            first: built.argv.clone(),
            needs_list: built.list_file.is_some(),
            row: 0,
            column: 0,
            before: Vec::new(),
            typing: None,
            said: String::new(),
            leaving: false,
            top: 0,
        }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn refuse(&mut self, why: &str) {
        why.clone_into(&mut self.said);
    }

    fn keep(&mut self) {
        if self.before.len() == STEPS {
            self.before.remove(0);
        }
        self.before.push((self.pieces.clone(), self.row, self.column));
    }

    fn length(&self) -> usize {
        self.pieces.get(self.row).map_or(0, |piece| if piece.secret { 0 } else { piece.text.chars().count() })
    }

    fn byte(&self) -> usize {
        let text = &self.pieces[self.row].text;
        text.char_indices().nth(self.column).map_or(text.len(), |(at, _)| at)
    }

    /// Before a letter comes or goes: one step per row typed into; a secret is replaced as a whole.
    fn touch(&mut self) {
        if self.typing != Some(self.row) {
            self.keep();
            self.typing = Some(self.row);
        }
        if self.pieces[self.row].secret {
            self.pieces[self.row] = Token { text: String::new(), place: None, secret: false };
            self.column = 0;
        }
    }

    fn go(&mut self, row: usize) {
        self.row = row.min(self.pieces.len().saturating_sub(1));
        self.column = self.column.min(self.length());
        self.typing = None;
    }

    pub fn key(&mut self, key: KeyEvent) -> Outcome {
        let leaving = std::mem::take(&mut self.leaving);
        self.said.clear();
        match (key.code, control(key)) {
            (KeyCode::Esc, _) | (_, Some('c')) => {
                if self.pieces == self.first || leaving {
                    return Outcome::Back;
                }
                "the edit would be lost: Esc again leaves, Ctrl-S keeps it".clone_into(&mut self.said);
                self.leaving = true;
            }
            (KeyCode::F(2), _) | (_, Some('s')) => match self.checked() {
                Ok(argv) => return Outcome::Done(argv),
                Err(why) => self.said = why,
            },
            (_, Some('u')) => match self.before.pop() {
                Some((pieces, row, column)) => {
                    (self.pieces, self.row, self.column, self.typing) = (pieces, row, column, None);
                }
                None => "there is nothing to take back".clone_into(&mut self.said),
            },
            (_, Some('x')) => self.remove(),
            (_, Some('a')) => self.column = 0,
            (_, Some('e')) => self.column = self.length(),
            (KeyCode::Up, _) => self.go(self.row.saturating_sub(1)),
            (KeyCode::Down, _) => self.go(self.row + 1),
            (KeyCode::PageUp, _) => self.go(self.row.saturating_sub(10)),
            (KeyCode::PageDown, _) => self.go(self.row + 10),
            (KeyCode::Home, _) => self.column = 0,
            (KeyCode::End, _) => self.column = self.length(),
            (KeyCode::Left, _) => self.column = self.column.saturating_sub(1),
            (KeyCode::Right, _) => self.column = (self.column + 1).min(self.length()),
            (KeyCode::Enter, _) => {
                self.keep();
                self.row = (self.row + 1).min(self.pieces.len());
                self.pieces.insert(self.row, Token { text: String::new(), place: None, secret: false });
                (self.column, self.typing) = (0, Some(self.row));
            }
            (KeyCode::Backspace | KeyCode::Delete, _) if self.pieces.is_empty() => {}
            (KeyCode::Backspace, _) => {
                self.touch();
                if self.column > 0 {
                    self.column -= 1;
                    let at = self.byte();
                    self.pieces[self.row].text.remove(at);
                }
            }
            (KeyCode::Delete, _) => {
                self.touch();
                if self.column < self.length() {
                    let at = self.byte();
                    self.pieces[self.row].text.remove(at);
                }
            }
            _ => {
                if let Some(c) = typed(key).filter(|_| !self.pieces.is_empty()) {
                    self.touch();
                    let at = self.byte();
                    self.pieces[self.row].text.insert(at, c);
                    self.column += 1;
                }
            }
        }
        Outcome::Wait
    }

    fn remove(&mut self) {
        if self.row < self.pieces.len() {
            self.keep();
            self.pieces.remove(self.row);
            self.go(self.row);
        }
    }

    /// What can be seen to be wrong without knowing programs, recipients or rules.
    fn checked(&self) -> Result<Vec<String>, String> {
        match self.pieces.first() {
            None => return Err("a command needs a program".to_owned()),
            Some(program) if program.text.trim().is_empty() => {
                return Err("the first element is the program: it can't be empty".to_owned());
            }
            Some(_) => {}
        }
        if let Some(at) = self.pieces.iter().position(|piece| piece.text.contains('\0')) {
            return Err(format!("element {at} holds a NUL, which no program can be given"));
        }
        if self.needs_list && !self.pieces.iter().any(|piece| piece.text.ends_with(LIST)) {
            return Err(format!("one element must end in {LIST}, the new distribution list"));
        }
        if self.pieces == self.first {
            return Err("nothing has changed: Esc goes back".to_owned());
        }
        Ok(self.pieces.iter().map(|piece| piece.text.clone()).collect())
    }

    /// What was said about the last key.
    pub fn said(&self) -> &str {
        &self.said
    }

    /// The visible elements, the row that is edited with its cursor.
    pub fn lines(&mut self, columns: usize, rows: usize, theme: Theme) -> Vec<Line<'static>> {
        let lowest = (self.row + 1).saturating_sub(rows.max(1));
        self.top = self.top.clamp(lowest, self.row.max(lowest));
        let shown = self.pieces.iter().enumerate().skip(self.top).take(rows);
        let mut lines: Vec<Line<'static>> = Vec::new();
        for (at, piece) in shown {
            let head = format!("{}{at:>3} ", if at == self.row { ">" } else { " " });
            let room = columns.saturating_sub(head.len());
            if at == self.row {
                let mut spans = vec![Span::styled(head, theme.strong())];
                spans.extend(self.edited(piece, room, theme));
                lines.push(Line::from(spans));
            } else {
                let text = fit(&element(piece), room, theme);
                lines.push(Line::from(vec![Span::styled(head, theme.quiet()), Span::raw(text)]));
            }
        }
        lines
    }

    /// The row with the cursor: text before it, the character at it reversed, text behind it.
    fn edited(&self, piece: &Token, room: usize, theme: Theme) -> Vec<Span<'static>> {
        if piece.secret {
            let masked = fit(&element(piece), room, theme);
            return vec![Span::styled(masked, theme.chosen())];
        }
        let at = self.byte();
        let (front, back) = piece.text.split_at(at);
        let mut rest = back.chars();
        let under = rest.next().map_or_else(|| " ".to_owned(), |c| clean(c.encode_utf8(&mut [0; 4]), theme));
        let space = room.saturating_sub(width(&under));
        // Only as much as may be seen of a long element is made printable.
        let near: Vec<char> = front.chars().rev().take(space + 1).collect();
        let cut = near.len() < self.column;
        let mut before = clean(&near.into_iter().rev().collect::<String>(), theme);
        let most = space.saturating_sub(space / 4);
        let dots = theme.dots();
        if cut || width(&before) > most {
            let keep = most.saturating_sub(width(dots));
            while width(&before) > keep && !before.is_empty() {
                before.remove(0);
            }
            before = if width(dots) <= most { format!("{dots}{before}") } else { String::new() };
        }
        let after = fit(rest.as_str(), space.saturating_sub(width(&before)), theme);
        vec![Span::raw(before), Span::styled(fit(&under, room, theme), theme.chosen()), Span::raw(after)]
    }
}
