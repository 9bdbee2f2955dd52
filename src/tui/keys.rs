//! Keys by what they do: arrows and letters alike.
//!
//! In: a key event. Out: a motion, or the key itself. It does not know what moves.

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Motion {
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    First,
    Last,
}

/// A key that was pressed (or repeats); releases are nothing.
pub(super) fn pressed(event: &Event) -> Option<KeyEvent> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => Some(*key),
        _ => None,
    }
}

/// The letter of a Ctrl combination.
pub(super) fn control(key: KeyEvent) -> Option<char> {
    match key.code {
        KeyCode::Char(c) if key.modifiers.contains(KeyModifiers::CONTROL) => Some(c.to_ascii_lowercase()),
        _ => None,
    }
}

/// A character as typed.
pub(super) fn typed(key: KeyEvent) -> Option<char> {
    match key.code {
        KeyCode::Char(c) if !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => Some(c),
        _ => None,
    }
}

/// Arrows, their letters, and the keys of pages and ends.
pub(super) fn motion(key: KeyEvent) -> Option<Motion> {
    match (key.code, control(key)) {
        (_, Some('d' | 'f')) => return Some(Motion::PageDown),
        (_, Some('u' | 'b')) => return Some(Motion::PageUp),
        (_, Some(_)) => return None,
        _ => {}
    }
    Some(match key.code {
        KeyCode::Up | KeyCode::Char('k') => Motion::Up,
        KeyCode::Down | KeyCode::Char('j') => Motion::Down,
        KeyCode::Left | KeyCode::Char('h') => Motion::Left,
        KeyCode::Right | KeyCode::Char('l') => Motion::Right,
        KeyCode::PageUp => Motion::PageUp,
        KeyCode::PageDown => Motion::PageDown,
        KeyCode::Home | KeyCode::Char('g') => Motion::First,
        KeyCode::End | KeyCode::Char('G') => Motion::Last,
        _ => return None,
    })
}

/// Moves a first line within so many lines of which so many fit.
pub(super) fn scroll(top: usize, motion: Motion, lines: usize, height: usize) -> usize {
    let last = lines.saturating_sub(height.max(1));
    let page = height.saturating_sub(1).max(1);
    let to = match motion {
        Motion::Up => top.saturating_sub(1),
        Motion::Down => top.saturating_add(1),
        Motion::PageUp => top.saturating_sub(page),
        Motion::PageDown => top.saturating_add(page),
        Motion::First => 0,
        Motion::Last => last,
        Motion::Left | Motion::Right => top,
    };
    to.min(last)
}
