//! Attackers' text in every field, on screens of any size: no foreign control byte reaches the terminal.

use super::*;
use crate::redistribution::model::{Outcome, Place, Token};
use crate::redistribution::plan::*;
use crate::shown::is_hidden;
use proptest::prelude::*;
use ratatui::layout::Size;
use std::time::Duration;

#[expect(clippy::disallowed_methods, reason = "how many cases are tried is told by the environment")]
fn cases() -> u32 {
    std::env::var("AUTOTICKET_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(200)
}

/// What terminals obey, hide or measure in their own way.
const BAD: [&str; 32] = [
    "\x1b[2J",
    "\x1b]52;c;aGk=\x07",
    "\x1b]0;title\x1b\\",
    "\x1bP+q\x1b\\",
    "\x1b[31m",
    "\x1b[?1049l",
    "\u{9b}2J",
    "\u{9d}0;x\u{9c}",
    "\r",
    "\n",
    "\t",
    "\x08",
    "\x7f",
    "\0",
    "\x0e",
    "\u{202e}",
    "\u{2066}",
    "\u{200b}",
    "\u{200d}",
    "\u{feff}",
    "\u{ad}",
    "\u{e0041}",
    "\u{301}\u{301}\u{301}\u{301}\u{301}",
    "日本語",
    "👩\u{200d}👩\u{200d}👧",
    "🇩🇪",
    "\u{fe0f}",
    "ｈａｌｆ",
    "\u{3164}",
    "--limit=all",
    "'\"$(reboot)`",
    "J1.1",
];

/// A small generator: the same seed gives the same case.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }

    fn text(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..self.roll(5) {
            match self.roll(4) {
                0 => text.push_str("node7 "),
                1 => text.extend(char::from_u32(self.roll(0x11_0000) as u32)),
                _ => text.push_str(BAD[self.roll(BAD.len())]),
            }
        }
        if self.roll(12) == 0 { text.repeat(200) } else { text }
    }

    fn some<T>(&mut self, make: impl Fn(&mut Self) -> T) -> Option<T> {
        (self.roll(3) > 0).then(|| make(self))
    }

    fn many<T>(&mut self, most: usize, make: impl Fn(&mut Self) -> T) -> Vec<T> {
        (0..self.roll(most + 1)).map(|_| make(self)).collect()
    }

    fn place(&mut self) -> Place {
        Place { file: self.text().into(), line: self.roll(100) as u64 }
    }

    fn token(&mut self) -> Token {
        Token { text: self.text(), place: self.some(Self::place), secret: self.roll(6) == 0 }
    }

    fn recipient(&mut self) -> FailedRecipient {
        FailedRecipient {
            name: self.text(),
            outcome: Outcome::ALL[self.roll(8)],
            cause: self.some(Self::text),
            place: self.some(Self::place),
            records: self.many(2, Self::text),
        }
    }

    fn command(&mut self) -> Rebuilt {
        Rebuilt {
            id: self.text(),
            argv: self.many(6, Self::token),
            recipients: self.many(30, Self::text),
            narrowing: self.text(),
            grade: [Grade::Exact, Grade::Retokenised, Grade::Ambiguous][self.roll(3)],
            doubts: self.many(2, Self::text),
            hash: self.text(),
            directory: self.some(Self::text),
            user: self.some(Self::text),
            list_file: self.some(|d| ListFile { original: d.text(), token: 0, content: d.text() }),
        }
    }

    fn job(&mut self) -> Job {
        Job {
            id: self.text(),
            tool: self.text(),
            server: self.text(),
            rule: self.text(),
            job: self.some(Self::text),
            run: self.some(|d| RunPlace {
                file: d.text(),
                line: 1,
                start: None,
                end: fixture::at("2026-03-01T00:00:00Z"),
            }),
            packages: self.many(3, Self::text),
            list: self.some(Self::text),
            recipients: Recipients {
                folded: Vec::new(),
                aside: self.many(2, |d| (d.text(), d.text())),
                all: self.many(3, Self::text),
                failed: self.many(4, Self::recipient),
                recovered: self.many(2, |d| (d.text(), d.place())),
            },
            found_in: FoundIn { record: self.roll(2) == 0, log: self.roll(2) == 0 },
            original: self.some(Self::text),
            original_argv: self.many(6, Self::token),
            commands: self.many(3, Self::command),
            refused: (self.roll(4) == 0).then(|| self.text()),
            blocked: if self.roll(4) == 0 { self.many(2, Self::text) } else { Vec::new() },
            folded: (self.roll(6) == 0).then(|| self.text()),
            cause: self.text(),
        }
    }

    fn failure(&mut self) -> Failure {
        Failure { id: self.text(), recipients: 2, line: self.text() }
    }

    fn model(&mut self, theme: Theme) -> Model {
        let jobs = self.many(5, Self::job);
        let plan = Plan { server: self.text(), jobs, notes: self.many(2, Self::text), ..fixture::plan() };
        let unknown = self.many(2, |d| UnknownCommand {
            id: d.text(),
            server: d.text(),
            hash: d.text(),
            argv: d.many(4, Self::token),
            recipients: d.many(4, Self::text),
            since: None,
            operator: d.some(Self::text),
            key: d.text(),
            end: d.some(Self::text),
        });
        let unknown = if self.roll(4) == 0 { unknown } else { Vec::new() };
        let mut model = Model::new(plan, unknown, theme).limit(self.roll(30));
        match self.roll(8) {
            0 => model.progress(Progress {
                total: self.roll(9),
                failed: self.many(4, Self::failure),
                running: self.many(4, |d| Running {
                    id: d.text(),
                    recipients: d.text(),
                    since: Duration::ZERO,
                }),
                stopping: self.some(|_| Stop::Kill),
                ..Progress::default()
            }),
            1 => model.ended(Ending {
                failed: self.many(4, Self::failure),
                next: self.many(3, Self::text),
                ..Ending::default()
            }),
            2 => model.say(&self.text()),
            _ => {}
        }
        model
    }

    fn event(&mut self) -> Event {
        const LETTERS: &[u8] = b"jjjkhlgGnNaAxuedyyY?/q rfk123";
        let code = match self.roll(8) {
            0 => [KeyCode::Enter, KeyCode::Esc, KeyCode::Tab, KeyCode::PageDown, KeyCode::End][self.roll(5)],
            1 => [KeyCode::Backspace, KeyCode::Delete, KeyCode::Right, KeyCode::Down, KeyCode::Home]
                [self.roll(5)],
            2 => {
                return Event::Key(KeyEvent::new(
                    KeyCode::Char(char::from(b'a' + self.roll(26) as u8)),
                    KeyModifiers::CONTROL,
                ));
            }
            3 if self.roll(4) == 0 => return Event::Paste(self.text()),
            4 => KeyCode::Char(char::from_u32(self.roll(0x3000) as u32).unwrap_or('x')),
            _ => KeyCode::Char(char::from(LETTERS[self.roll(LETTERS.len())])),
        };
        Event::Key(KeyEvent::from(code))
    }
}

/// What may leave us: our own sequences and printable characters.
fn foreign(bytes: &[u8], theme: Theme) -> Option<String> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return Some(error.to_string()),
    };
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c != '\x1b' {
            if is_hidden(c) || (!theme.unicode && !c.is_ascii()) {
                return Some(format!("{c:?}"));
            }
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let end = rest.find(|c: char| c.is_ascii_alphabetic()).map_or(rest.len(), |end| end + 1);
        let (sequence, after) = rest.split_at(end);
        let ours = match sequence.strip_prefix("\x1b[") {
            Some("?25l" | "?25h" | "2J") => true,
            Some(style) if style.ends_with('m') => style[..style.len() - 1].split(';').all(|code| {
                matches!(code, "0" | "1" | "2" | "7" | "9")
                    || (theme.colour && matches!(code, "31" | "32" | "33" | "36"))
            }),
            Some(place) => {
                place.ends_with('H')
                    && place[..place.len() - 1].bytes().all(|b| b.is_ascii_digit() || b == b';')
            }
            None => false,
        };
        if !ours {
            return Some(format!("{sequence:?}"));
        }
        rest = after;
    }
    None
}

fn try_case(seed: u64) -> Result<(), TestCaseError> {
    let mut dice = Dice(seed | 1);
    for _ in 0..8 {
        dice.roll(2);
    }
    let theme = Theme { colour: dice.roll(2) == 0, unicode: dice.roll(3) > 0 };
    let mut model = dice.model(theme);
    let sizes = [
        (80, 24),
        (1 + dice.roll(200) as u16, 1 + dice.roll(60) as u16),
        (1 + dice.roll(40) as u16, 1 + dice.roll(14) as u16),
    ];
    for (columns, rows) in sizes {
        let paint = Paint::new(Vec::new(), theme, Size::new(columns, rows));
        let mut terminal = ratatui::Terminal::new(paint).expect("a vector takes all");
        for _ in 0..dice.roll(6) + 1 {
            let event = dice.event();
            update(&mut model, &event);
            let frame = terminal.draw(|frame| draw(&mut model, frame)).expect("a vector takes all");
            for cell in &frame.buffer.content {
                let hidden = cell.symbol().chars().any(is_hidden);
                prop_assert!(!hidden, "{:?} in a cell", cell.symbol());
                prop_assert!(
                    theme.unicode || cell.symbol().is_ascii(),
                    "{:?} where all is ASCII",
                    cell.symbol()
                );
            }
        }
        let bytes = std::mem::take(terminal.backend_mut().out());
        prop_assert_eq!(foreign(&bytes, theme), None);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn hostile_frames_hold_no_foreign_control_byte(seed in any::<u64>()) {
        try_case(seed)?;
    }
}

#[test]
fn the_scanner_sees_what_it_looks_for() {
    let plain = Theme { colour: false, unicode: false };
    for bad in ["\x1b[31m", "\x1b]0;x\x07", "\x1b[2K", "a\nb", "\u{202e}", "é", "\x1b[?1049l", "\x1b"] {
        assert!(foreign(bad.as_bytes(), plain).is_some(), "{bad:?}");
    }
    assert_eq!(foreign(b"\x1b[0;1;7m\x1b[2;10Hx\x1b[?25l\x1b[2J", plain), None);
}

#[test]
fn every_size_down_to_one_cell_is_drawn() {
    for over in ["", "?", "y", "A y", "e", "/x", "\n", "dG"] {
        let mut model = Model::new(fixture::plan(), Vec::new(), FULL);
        keys(&mut model, over);
        for columns in (1..=30).chain([60, 119, 120, 121, 300]) {
            for rows in (1..=18).chain([60]) {
                screen(&mut model, columns, rows);
            }
        }
    }
}
