//! Bytes of a terminal to keys.
//!
//! In: bytes, in any pieces. Out: events. It does not know where they come from.
//!
//! The terminal is read by us and not by crossterm, whose reader never returns once the terminal is gone.

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use std::collections::VecDeque;

/// Longer sequences are no keys.
const LONGEST: usize = 32;

/// Of pasted text no more than this is kept.
const PASTE: usize = 64 * 1024;

/// What was typed and not yet taken.
#[derive(Debug, Default)]
pub(super) struct Keys {
    half: Vec<u8>,
    pasted: Option<Vec<u8>>,
    ready: VecDeque<Event>,
}

impl Keys {
    pub fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.byte(*byte);
        }
    }

    pub fn next(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    /// Whether the bytes so far may be the beginning of a key.
    pub fn is_half(&self) -> bool {
        !self.half.is_empty()
    }

    /// Nothing more came: an escape was the key itself.
    pub fn settle(&mut self) {
        if self.half.first() == Some(&0x1b) {
            self.key(KeyCode::Esc, KeyModifiers::NONE);
        }
        self.half.clear();
    }

    fn key(&mut self, code: KeyCode, modifiers: KeyModifiers) {
        self.ready.push_back(Event::Key(KeyEvent::new(code, modifiers)));
    }

    fn byte(&mut self, byte: u8) {
        if let Some(pasted) = &mut self.pasted {
            pasted.push(byte);
            if pasted.ends_with(b"\x1b[201~") {
                let end = pasted.len() - 6;
                let text = String::from_utf8_lossy(&pasted[..end]).into_owned();
                self.pasted = None;
                self.ready.push_back(Event::Paste(text));
            } else if pasted.len() > PASTE {
                // The end must still be seen.
                pasted.drain(..pasted.len() - 6);
            }
            return;
        }
        if byte == 0x1b && !self.half.is_empty() {
            self.settle();
        }
        self.half.push(byte);
        let done = match self.half[..] {
            [0x1b] | [0x1b, b'[' | b'O'] => false,
            [0x1b, b'[', .., last] => {
                let ends = (0x40..=0x7e).contains(&last);
                if ends {
                    self.sequence();
                }
                ends || self.half.len() > LONGEST
            }
            [0x1b, b'O', last] => {
                self.arrow(last);
                true
            }
            [0x1b, other] => {
                if other.is_ascii_graphic() {
                    self.key(KeyCode::Char(char::from(other)), KeyModifiers::ALT);
                }
                true
            }
            [byte] if byte < 0x80 => {
                self.plain(byte);
                true
            }
            _ => self.character(),
        };
        if done {
            self.half.clear();
        }
    }

    fn plain(&mut self, byte: u8) {
        let (code, modifiers) = match byte {
            b'\r' | b'\n' => (KeyCode::Enter, KeyModifiers::NONE),
            b'\t' => (KeyCode::Tab, KeyModifiers::NONE),
            0x7f | 0x08 => (KeyCode::Backspace, KeyModifiers::NONE),
            0x01..=0x1a => (KeyCode::Char(char::from(byte - 1 + b'a')), KeyModifiers::CONTROL),
            b' '..=b'~' => (KeyCode::Char(char::from(byte)), KeyModifiers::NONE),
            _ => return,
        };
        self.key(code, modifiers);
    }

    /// A character of several bytes; true when it is whole, or none.
    fn character(&mut self) -> bool {
        match std::str::from_utf8(&self.half) {
            Ok(text) => {
                if let Some(c) = text.chars().next() {
                    self.key(KeyCode::Char(c), KeyModifiers::NONE);
                }
                true
            }
            Err(error) => error.error_len().is_some(),
        }
    }

    fn arrow(&mut self, last: u8) {
        let code = match last {
            b'A' => KeyCode::Up,
            b'B' => KeyCode::Down,
            b'C' => KeyCode::Right,
            b'D' => KeyCode::Left,
            b'H' => KeyCode::Home,
            b'F' => KeyCode::End,
            b'Z' => KeyCode::BackTab,
            b'P'..=b'S' => KeyCode::F(last - b'P' + 1),
            b'M' => KeyCode::Enter,
            _ => return,
        };
        self.key(code, KeyModifiers::NONE);
    }

    /// `ESC [ … final`.
    fn sequence(&mut self) {
        let Some((last, numbers)) = self.half.get(2..).and_then(<[u8]>::split_last) else { return };
        if *last != b'~' {
            return self.arrow(*last);
        }
        let number = numbers.split(|b| *b == b';').next().unwrap_or_default();
        let code = match number {
            b"1" | b"7" => KeyCode::Home,
            b"3" => KeyCode::Delete,
            b"4" | b"8" => KeyCode::End,
            b"5" => KeyCode::PageUp,
            b"6" => KeyCode::PageDown,
            b"12" => KeyCode::F(2),
            b"200" => {
                self.pasted = Some(Vec::new());
                return;
            }
            _ => return,
        };
        self.key(code, KeyModifiers::NONE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(bytes: &[u8]) -> Vec<(KeyCode, KeyModifiers)> {
        let mut keys = Keys::default();
        keys.feed(bytes);
        keys.settle();
        let key = |event| match event {
            Event::Key(key) => Some((key.code, key.modifiers)),
            _ => None,
        };
        std::iter::from_fn(|| keys.next()).filter_map(key).collect()
    }

    fn codes(bytes: &[u8]) -> Vec<KeyCode> {
        keys(bytes).into_iter().map(|(code, _)| code).collect()
    }

    #[test]
    fn keys_of_common_terminals_are_known() {
        use KeyCode::*;
        assert_eq!(
            codes(b"\x1b[A\x1bOB\x1b[5~\x1b[6~\x1b[1~\x1b[F"),
            [Up, Down, PageUp, PageDown, Home, End]
        );
        assert_eq!(
            codes("jä日\r\x7f\t\x1b[Z".as_bytes()),
            [Char('j'), Char('ä'), Char('日'), Enter, Backspace, Tab, BackTab]
        );
        assert_eq!(
            keys(b"\x03\x1a"),
            [(Char('c'), KeyModifiers::CONTROL), (Char('z'), KeyModifiers::CONTROL)]
        );
        assert_eq!(keys(b"\x1by"), [(Char('y'), KeyModifiers::ALT)]);
        assert_eq!(codes(b"\x1b"), [Esc]);
        assert_eq!(codes(b"\x1b[99;5u\x1b[?1;2cq"), [Char('q')]);
    }

    #[test]
    fn pasted_text_is_no_key() {
        let mut keys = Keys::default();
        keys.feed(b"\x1b[200~yy\ny\x1b[201~q");
        assert_eq!(keys.next(), Some(Event::Paste("yy\ny".into())));
        assert_eq!(keys.next(), Some(Event::Key(KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE))));
    }

    proptest! {
        #[test]
        fn keys_do_not_depend_on_the_pieces_they_come_in(bytes in prop::collection::vec(any::<u8>(), 0..60), cut in 0_usize..60) {
            let (mut whole, mut pieces) = (Keys::default(), Keys::default());
            whole.feed(&bytes);
            let cut = cut.min(bytes.len());
            pieces.feed(&bytes[..cut]);
            pieces.feed(&bytes[cut..]);
            prop_assert_eq!(whole.ready, pieces.ready);
        }
    }
}
