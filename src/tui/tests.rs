//! The screens without a terminal: frames into a buffer, keys as events.

mod approve;
mod fixture;
mod hostile;
mod snapshots;

use super::*;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

const FULL: Theme = Theme { colour: false, unicode: true };

fn press(model: &mut Model, code: KeyCode) -> Vec<Message> {
    update(model, &Event::Key(KeyEvent::from(code)))
}

fn control(model: &mut Model, letter: char) -> Vec<Message> {
    update(model, &Event::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL)))
}

/// Types a text, `\n` being Enter and `\x1b` Escape; all messages that came.
fn keys(model: &mut Model, text: &str) -> Vec<Message> {
    let code = |c| match c {
        '\n' => KeyCode::Enter,
        '\x1b' => KeyCode::Esc,
        '\t' => KeyCode::Tab,
        c => KeyCode::Char(c),
    };
    text.chars().flat_map(|c| press(model, code(c))).collect()
}

/// One frame as text, a line per row.
fn screen(model: &mut Model, columns: u16, rows: u16) -> String {
    let mut terminal = ratatui::Terminal::new(TestBackend::new(columns, rows)).expect("a buffer");
    terminal.draw(|frame| draw(model, frame)).expect("a buffer takes all");
    let buffer = terminal.backend().buffer();
    let row = |y: u16| {
        let mut line = String::new();
        let mut x = 0;
        while x < columns {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            x += u16::try_from(text::width(symbol)).unwrap_or(1).max(1);
        }
        line.trim_end().to_owned()
    };
    (0..rows).map(row).collect::<Vec<_>>().join("\n")
}
