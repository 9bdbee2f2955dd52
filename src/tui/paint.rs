//! Cells to bytes: the only writer of escape sequences.
//!
//! In: the cells of a frame that changed. Out: bytes for a terminal, into whatever is given. It does not know
//! whether that is a terminal.
//!
//! Three kinds of sequences leave it: cursor (`ESC [ y ; x H`, shown, hidden), erase, and SGR. SGR holds colours only
//! where the theme has them: ratatui's own backend resets colours after each frame, which is a colour code too.

use super::theme::Theme;
use crate::shown::is_hidden;
use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::style::{Color, Modifier};
use std::io::{self, Write};

/// A ratatui backend over any writer.
#[derive(Debug)]
pub struct Paint<W> {
    out: W,
    theme: Theme,
    /// Columns and rows; whoever owns the terminal keeps it true.
    pub size: Size,
}

impl<W: Write> Paint<W> {
    pub fn new(out: W, theme: Theme, size: Size) -> Self {
        Paint { out, theme, size }
    }

    /// What was written to.
    pub fn out(&mut self) -> &mut W {
        &mut self.out
    }

    fn style(&mut self, cell: &Cell) -> io::Result<()> {
        const MODIFIERS: [(Modifier, &str); 6] = [
            (Modifier::BOLD, ";1"),
            (Modifier::DIM, ";2"),
            (Modifier::ITALIC, ";3"),
            (Modifier::UNDERLINED, ";4"),
            (Modifier::REVERSED, ";7"),
            (Modifier::CROSSED_OUT, ";9"),
        ];
        write!(self.out, "\x1b[0")?;
        for (modifier, code) in MODIFIERS {
            if cell.modifier.contains(modifier) {
                self.out.write_all(code.as_bytes())?;
            }
        }
        if self.theme.colour
            && let Some(code) = code(cell.fg)
        {
            write!(self.out, ";{code}")?;
        }
        self.out.write_all(b"m")
    }

    fn symbol(&mut self, cell: &Cell) -> io::Result<()> {
        let symbol = cell.symbol();
        let fine =
            !symbol.is_empty() && !symbol.chars().any(is_hidden) && (self.theme.unicode || symbol.is_ascii());
        self.out.write_all(if fine { symbol.as_bytes() } else { b"?" })
    }
}

/// Of the eight colours every terminal has; the theme uses no other.
fn code(colour: Color) -> Option<u8> {
    match colour {
        Color::Red => Some(31),
        Color::Green => Some(32),
        Color::Yellow => Some(33),
        Color::Blue => Some(34),
        Color::Magenta => Some(35),
        Color::Cyan => Some(36),
        _ => None,
    }
}

impl<W: Write> Backend for Paint<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut next = None;
        let mut style = (Modifier::empty(), Color::Reset);
        self.out.write_all(b"\x1b[0m")?;
        for (x, y, cell) in content {
            if next != Some((x, y)) {
                write!(self.out, "\x1b[{};{}H", y + 1, x + 1)?;
            }
            if style != (cell.modifier, cell.fg) {
                self.style(cell)?;
                style = (cell.modifier, cell.fg);
            }
            self.symbol(cell)?;
            // Terminals differ about the width of what is not ASCII: the cursor is set again behind it.
            next = cell.symbol().is_ascii().then_some((x + 1, y));
        }
        self.out.write_all(b"\x1b[0m")
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.out.write_all(b"\x1b[?25l")
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.out.write_all(b"\x1b[?25h")
    }

    /// Nobody asks the terminal: its answer would have to be told from keys.
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let Position { x, y } = position.into();
        write!(self.out, "\x1b[{};{}H", y + 1, x + 1)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.out.write_all(b"\x1b[0m\x1b[2J")
    }

    fn clear_region(&mut self, _: ClearType) -> io::Result<()> {
        self.clear()
    }

    fn size(&self) -> io::Result<Size> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.size, pixels: Size::default() })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Style;

    fn bytes(theme: Theme, cell: &Cell) -> String {
        let mut paint = Paint::new(Vec::new(), theme, Size::new(1, 1));
        paint.draw([(0, 0, cell)].into_iter()).expect("a vector takes all");
        String::from_utf8(paint.out).expect("text")
    }

    #[test]
    fn without_colour_no_colour_code_is_written() {
        let mut cell = Cell::new("x");
        cell.set_style(Style::new().fg(Color::Red).add_modifier(Modifier::BOLD));
        let plain = bytes(Theme { colour: false, unicode: true }, &cell);
        assert_eq!(plain, "\x1b[0m\x1b[1;1H\x1b[0;1mx\x1b[0m");
        let tinted = bytes(Theme { colour: true, unicode: true }, &cell);
        assert_eq!(tinted, "\x1b[0m\x1b[1;1H\x1b[0;1;31mx\x1b[0m");
    }

    #[test]
    fn a_control_byte_that_came_so_far_stops_here() {
        let theme = Theme { colour: false, unicode: false };
        for symbol in ["\x1b[2J", "\u{202e}", "ä", ""] {
            assert_eq!(bytes(theme, Cell::default().set_symbol(symbol)), "\x1b[0m\x1b[1;1H?\x1b[0m");
        }
    }
}
