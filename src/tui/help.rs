//! The help screen.
//!
//! In: a theme. Out: lines. It does not know the model.

use super::text::{pad, wrap};
use super::theme::Theme;
use ratatui::text::{Line, Span};

/// Keys and what they do, in groups; an empty key begins a group.
const KEYS: [(&str, &str); 34] = [
    ("", "Move"),
    ("arrows, h j k l", "up, down; left folds a cause or a job, right unfolds"),
    ("g, G", "first row, last row"),
    ("PgUp, PgDn", "a page (also Ctrl-U, Ctrl-D)"),
    ("Tab", "between list and detail"),
    ("Enter", "the detail on the whole screen; folds a cause"),
    ("/, n, N", "search names, packages, commands; next, previous"),
    ("d", "difference from the original, or the elements"),
    ("", "Choose"),
    ("space", "mark the row (all commands of a job or cause)"),
    ("a", "mark all of the cause"),
    ("A", "mark all"),
    ("x", "reject the marked ones, else the row"),
    ("e", "edit the command, one element per line"),
    ("u", "take back a rejection or an edit"),
    ("", "Approve"),
    ("y", "approve the marked ones, else the row"),
    ("Y", "approve the row, whatever is marked"),
    ("", "Words"),
    ("exact", "the original elements are certain"),
    ("retokenised", "the log had lost the quoting; nothing shows that it mattered"),
    ("ambiguous", "may not be the original: only singly, by typing its id"),
    ("blocked", "something has changed since: only singly, by typing its id"),
    ("edited", "changed here; the recorded original is kept"),
    ("folded", "a newer version went to the same recipients: not issued"),
    ("refused", "no command can be rebuilt; the detail says why"),
    ("2/40", "2 recipients undelivered of 40 in the run"),
    ("", "Screen"),
    ("?", "this help"),
    ("q, Esc", "back; at the list: leave"),
    ("Ctrl-L", "draw everything anew"),
    ("Ctrl-Z", "back to the shell; `fg` returns"),
    ("Ctrl-C", "leave; while commands run: asks how to stop"),
    ("", "Nothing is issued without y."),
];

/// Columns of the keys.
const NAMES: usize = 19;

/// Where there is little room, a key stands above what it does.
pub(super) fn lines(columns: usize, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (key, does) in KEYS {
        if key.is_empty() {
            lines.extend(
                wrap(does, columns, theme).into_iter().map(|part| Line::styled(part, theme.heading())),
            );
            continue;
        }
        let beside = columns >= 3 * NAMES;
        let margin = if beside { NAMES } else { 4 };
        let mut key = Span::styled(pad(&format!("  {key}"), margin.max(NAMES), theme), theme.strong());
        if !beside {
            lines.push(Line::from(std::mem::take(&mut key)));
        }
        for (n, part) in wrap(does, columns.saturating_sub(margin), theme).into_iter().enumerate() {
            let front = if n == 0 && beside { key.clone() } else { Span::raw(" ".repeat(margin)) };
            lines.push(Line::from(vec![front, Span::raw(part)]));
        }
    }
    lines
}
