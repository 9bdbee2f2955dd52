//! The one way in which hostile text becomes printable.
//!
//! Mails, names, log lines and server replies are attackers' text. Whatever is written to a terminal or
//! into a ticket passes [`Shown`], which makes C0, C1, DEL, bidirectional controls and zero-width
//! characters visible (`\x1b`, `\u{202e}`) and leaves everything else as it is.

use std::fmt::{self, Display};

/// Displays a text with every invisible or terminal-controlling character made visible.
///
/// Line feeds and tabs are escaped too, unless [`Shown::lines`] built it, which keeps both.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    text: &'a str,
    keep_lines: bool,
}

impl<'a> Shown<'a> {
    /// For one-line places: line feeds and tabs are escaped as well.
    pub fn new(text: &'a str) -> Self {
        Self { text, keep_lines: false }
    }

    /// For blocks of text: line feeds and tabs stay.
    pub fn lines(text: &'a str) -> Self {
        Self { text, keep_lines: true }
    }
}

/// Whether a character could change how a terminal or a reader sees the text around it.
///
/// Covers C0, DEL, C1, everything Unicode calls Default_Ignorable (zero-width characters, bidirectional
/// controls, fillers, variation selectors, tags), and the line separators U+2028 and U+2029.
pub fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}'
        | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return f.write_str(self.text);
        }
        let mut plain = 0;
        for (at, c) in self.text.char_indices() {
            if !is_hidden(c) || (self.keep_lines && matches!(c, '\n' | '\t')) {
                continue;
            }
            f.write_str(&self.text[plain..at])?;
            match c {
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if (c as u32) < 0x100 => write!(f, "\\x{:02x}", c as u32)?,
                c => write!(f, "\\u{{{:x}}}", c as u32)?,
            }
            plain = at + c.len_utf8();
        }
        f.write_str(&self.text[plain..])
    }
}

#[cfg(test)]
mod tests {
    use super::Shown;

    #[test]
    fn terminal_controls_become_visible() {
        let hostile = "a\x1b]52;c;x\x07b\u{202e}c\u{200b}d\u{9b}e\x7f";
        assert_eq!(Shown::new(hostile).to_string(), r"a\x1b]52;c;x\x07b\u{202e}c\u{200b}d\x9be\x7f");
    }

    #[test]
    fn lines_and_tabs_stay_only_in_blocks() {
        assert_eq!(Shown::new("a\n\tb\r").to_string(), r"a\n\tb\r");
        assert_eq!(Shown::lines("a\n\tb\r").to_string(), "a\n\tb\\r");
    }

    #[test]
    fn ordinary_text_of_any_language_is_unchanged() {
        for text in ["node7", "Gebäude 7 – Raum 2", "сообщение", "日本"] {
            assert_eq!(Shown::new(text).to_string(), text);
        }
    }
}
