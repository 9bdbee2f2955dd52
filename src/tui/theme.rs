//! Marks and styles: what a screen may use of its terminal.
//!
//! In: whether colours and Unicode are wanted. Out: styles and marks. It does not know what they mark.

use ratatui::style::{Color, Modifier, Style};

/// What a terminal can show. Marks and words carry everything; colours only repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// Colours; `false` (NO_COLOR, a dumb terminal): modifiers only, and no colour code at all.
    pub colour: bool,
    /// The locale is UTF-8; `false`: ASCII only, other characters are written as `\u{e9}`.
    pub unicode: bool,
}

impl Theme {
    /// As the environment asks: colours unless `NO_COLOR` holds anything or `TERM` is dumb, Unicode where the locale
    /// (`LC_ALL`, else `LC_CTYPE`, else `LANG`, the first that is not empty) says UTF-8.
    pub fn asked(no_color: Option<&str>, term: Option<&str>, locale: Option<&str>) -> Self {
        let locale = locale.unwrap_or("").to_ascii_lowercase();
        Theme {
            colour: no_color.is_none_or(str::is_empty) && term != Some("dumb"),
            unicode: locale.contains("utf-8") || locale.contains("utf8"),
        }
    }

    fn mark(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.unicode { unicode } else { ascii }
    }

    pub(super) fn opened(self) -> &'static str {
        self.mark("▾", "v")
    }

    pub(super) fn closed(self) -> &'static str {
        self.mark("▸", "+")
    }

    pub(super) fn dots(self) -> &'static str {
        self.mark("…", "...")
    }

    pub(super) fn rule(self) -> &'static str {
        self.mark("─", "-")
    }

    pub(super) fn wall(self) -> &'static str {
        self.mark("│", "|")
    }

    /// Of a box: upper left, upper right, lower left, lower right.
    pub(super) fn corners(self) -> [&'static str; 4] {
        if self.unicode { ["┌", "┐", "└", "┘"] } else { ["+"; 4] }
    }

    /// Begins each further line of an element that needs more than one.
    pub(super) fn turned(self) -> &'static str {
        self.mark("↪", "\\")
    }

    pub(super) fn full(self) -> &'static str {
        self.mark("█", "#")
    }

    pub(super) fn empty(self) -> &'static str {
        self.mark("░", ".")
    }

    fn tinted(self, style: Style, colour: Color) -> Style {
        if self.colour { style.fg(colour) } else { style }
    }

    pub(super) fn plain(self) -> Style {
        Style::new()
    }

    pub(super) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(super) fn quiet(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub(super) fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    pub(super) fn struck(self) -> Style {
        Style::new().add_modifier(Modifier::CROSSED_OUT | Modifier::DIM)
    }

    pub(super) fn heading(self) -> Style {
        self.tinted(self.strong(), Color::Cyan)
    }

    pub(super) fn bar(self) -> Style {
        self.chosen()
    }

    pub(super) fn warning(self) -> Style {
        self.tinted(self.strong(), Color::Yellow)
    }

    pub(super) fn added(self) -> Style {
        self.tinted(self.strong(), Color::Green)
    }

    pub(super) fn removed(self) -> Style {
        self.tinted(Style::new(), Color::Red)
    }
}

#[cfg(test)]
mod tests {
    use super::Theme;

    #[test]
    fn the_environment_decides_about_colours_and_unicode() {
        let asked = |no_color, term, locale| {
            let theme = Theme::asked(no_color, term, locale);
            (theme.colour, theme.unicode)
        };
        assert_eq!(asked(None, Some("xterm"), Some("de_DE.UTF-8")), (true, true));
        assert_eq!(asked(Some("1"), Some("xterm"), Some("C.utf8")), (false, true));
        assert_eq!(asked(Some(""), None, Some("C")), (true, false));
        assert_eq!(asked(None, Some("dumb"), None), (false, false));
    }
}
