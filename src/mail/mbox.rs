//! An mbox, one message after the other, in bounded memory.
//!
//! In: a stream that begins with a From_ line. Out: each message without its From_ line and without the
//! empty line that ends it; the date of the From_ line; where the line stood. A From_ line counts at the
//! start of the file or after an empty line, and only where it ends in a date: anything else that begins
//! with `From ` stays with the mail before it. Quoting (`>From `, mboxo and mboxrd) is left as it is.

use super::model::RawMail;
use super::read::Intake;
use super::{date, lines};
use jiff::Timestamp;
use memchr::{memchr, memmem};
use std::io::{self, Read};
use std::path::Path;

const BUFFER_BYTES: usize = 256 << 10;
/// Longest From_ line; also what stays in the buffer until it is known not to hold one.
const FROM_LINE_BYTES: usize = 1024;

pub(super) struct Mbox<R> {
    input: R,
    buffer: Vec<u8>,
    /// Read and not yet given away: `buffer[begin..end]`.
    begin: usize,
    end: usize,
    /// Where `buffer[begin]` stands in the file.
    offset: u64,
    at_end: bool,
    end_of_line: u8,
    /// An end of line and `From `.
    separator: memmem::Finder<'static>,
}

/// A message of an mbox.
pub(super) struct Message {
    pub(super) raw: RawMail,
    pub(super) arrival: Option<Timestamp>,
    /// Of the From_ line, in bytes from the start of the file.
    pub(super) offset: u64,
}

impl<R: Read> Mbox<R> {
    /// Begins to read; the first bytes tell what ends the lines.
    pub(super) fn open(input: R) -> io::Result<Self> {
        let mut mbox = Self {
            input,
            buffer: vec![0; BUFFER_BYTES],
            begin: 0,
            end: 0,
            offset: 0,
            at_end: false,
            end_of_line: b'\n',
            separator: memmem::Finder::new(b"\nFrom "),
        };
        mbox.fill()?;
        mbox.end_of_line = lines::end_of_line(mbox.window());
        if mbox.end_of_line == b'\r' {
            mbox.separator = memmem::Finder::new(b"\rFrom ");
        }
        Ok(mbox)
    }

    /// Does it begin with a From_ line?
    pub(super) fn is_mbox(&self) -> bool {
        self.window().starts_with(b"From ")
    }

    /// All of it as one stream, where it is no mbox.
    pub(super) fn into_stream(mut self) -> impl Read {
        self.buffer.truncate(self.end);
        io::Cursor::new(self.buffer).chain(self.input)
    }

    /// The next message; none at the end.
    ///
    /// # Errors
    /// What the file or the spill answers. After one, nothing more can be told of this file.
    pub(super) fn next(&mut self, spill_folder: &Path) -> io::Result<Option<Message>> {
        self.fill_up_to(FROM_LINE_BYTES)?;
        if self.window().is_empty() {
            return Ok(None);
        }
        let offset = self.offset;
        let arrival = self.pass_from_line();
        let mut intake = Intake::new();
        // From here on `searched` bytes of the window are known to hold no From_ line.
        let mut searched = 0;
        loop {
            if let Some(line) = self.find_from_line(searched) {
                let mail = &self.window()[..line];
                intake.push(self.without_empty_line(mail), spill_folder)?;
                self.give(line);
                break;
            }
            if self.at_end {
                intake.push(self.without_empty_line(self.window()), spill_folder)?;
                self.give(self.end - self.begin);
                break;
            }
            searched = (self.end - self.begin).saturating_sub(FROM_LINE_BYTES);
            if self.end - self.begin == self.buffer.len() {
                // Some bytes before the next search stay: they tell whether an empty line came before.
                let known = searched.saturating_sub(FROM_LINE_BYTES);
                intake.push(&self.window()[..known], spill_folder)?;
                self.give(known);
                searched -= known;
            }
            self.fill()?;
        }
        Ok(Some(Message { raw: intake.finish(), arrival, offset }))
    }

    fn window(&self) -> &[u8] {
        &self.buffer[self.begin..self.end]
    }

    fn give(&mut self, length: usize) {
        self.begin += length;
        self.offset += length as u64;
    }

    fn fill_up_to(&mut self, length: usize) -> io::Result<()> {
        while !self.at_end && self.end - self.begin < length {
            self.fill()?;
        }
        Ok(())
    }

    /// One more read into the buffer.
    fn fill(&mut self) -> io::Result<()> {
        if self.end == self.buffer.len() {
            self.buffer.copy_within(self.begin..self.end, 0);
            self.end -= self.begin;
            self.begin = 0;
        }
        loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(length) => {
                    self.at_end |= length == 0;
                    self.end += length;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Passes the From_ line that the window begins with. One that is broken stays with its mail.
    fn pass_from_line(&mut self) -> Option<Timestamp> {
        let line = self.line(0)?;
        let length = line.len();
        let arrival = date::of_from_line(line)?;
        self.give((length + 1).min(self.end - self.begin));
        Some(arrival)
    }

    /// The line at `at`, where it ends within the bound.
    fn line(&self, at: usize) -> Option<&[u8]> {
        let window = &self.window()[at..];
        let bounded = &window[..window.len().min(FROM_LINE_BYTES)];
        match memchr(self.end_of_line, bounded) {
            Some(end) => Some(&bounded[..end]),
            None => (self.at_end && bounded.len() == window.len()).then_some(bounded),
        }
    }

    /// Where in the window the next From_ line begins.
    fn find_from_line(&self, searched: usize) -> Option<usize> {
        let window = self.window();
        // The end of the line before may be the last byte that was searched.
        let mut from = searched.saturating_sub(1);
        while let Some(found) = self.separator.find(&window[from..]) {
            let line = from + found + 1;
            if self.follows_empty_line(line) && self.line(line).and_then(date::of_from_line).is_some() {
                return Some(line);
            }
            from = line;
        }
        None
    }

    fn follows_empty_line(&self, at: usize) -> bool {
        let before = &self.window()[..at];
        self.without_empty_line(before).len() < before.len()
    }

    /// The mail without the empty line at its end, where there is one.
    fn without_empty_line<'a>(&self, mail: &'a [u8]) -> &'a [u8] {
        let without = mail.strip_suffix(b"\r\n").or_else(|| mail.strip_suffix(&[self.end_of_line]));
        match without {
            Some(without) if without.is_empty() || without.ends_with(&[self.end_of_line]) => without,
            _ => mail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::model::WINDOW_BYTES;
    use proptest::prelude::*;

    /// Gives at most so many bytes at once.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.0.len().min(buffer.len()).min(self.1);
            buffer[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    const FROM: &str = "From dm@example.com Thu Feb 26 10:00:00 2026";

    fn read(bytes: &[u8], piece: usize) -> Vec<(Vec<u8>, Option<String>, u64)> {
        let folder = tempfile::tempdir().expect("a folder for spills");
        let mut mbox = Mbox::open(Pieces(bytes, piece)).expect("opens");
        let mut found = Vec::new();
        while let Some(message) = mbox.next(folder.path()).expect("reads") {
            let pieces: io::Result<Vec<_>> = message.raw.chunks(1 << 20).expect("a size").collect();
            let arrival = message.arrival.map(|arrival| arrival.to_string());
            found.push((pieces.expect("readable").concat(), arrival, message.offset));
        }
        found
    }

    fn texts(bytes: &[u8]) -> Vec<String> {
        read(bytes, usize::MAX).into_iter().map(|(mail, ..)| String::from_utf8(mail).expect("text")).collect()
    }

    #[test]
    fn mails_are_split_at_from_lines_after_empty_lines() {
        for end in ["\n", "\r\n", "\r"] {
            let mails = ["A: 1\n\nfirst\n", "B: 2\n\n>From quoted\n", "C: 3\n"];
            let text: String = mails.iter().map(|mail| format!("{FROM}\n{mail}\n")).collect();
            let found = read(text.replace('\n', end).as_bytes(), usize::MAX);
            let expected: Vec<_> = mails.iter().map(|mail| mail.replace('\n', end).into_bytes()).collect();
            assert_eq!(found.iter().map(|found| found.0.clone()).collect::<Vec<_>>(), expected, "{end:?}");
            assert!(found.iter().all(|found| found.1.as_deref() == Some("2026-02-26T10:00:00Z")));
            let second = (FROM.len() + mails[0].len() + 2) + end.len().saturating_sub(1) * 5;
            assert_eq!((found[0].2, found[1].2), (0, second as u64), "{end:?}");
        }
    }

    #[test]
    fn what_only_looks_like_a_from_line_stays_with_the_mail_before() {
        let unquoted = format!("{FROM}\nA: 1\n\nFrom here on it failed.\n{FROM}\nstill the first\n");
        let text = format!("{unquoted}\n\n{FROM}\nB: 2\n");
        assert_eq!(
            texts(text.as_bytes()),
            [&unquoted[FROM.len() + 1..], "B: 2\n"].map(|t| if t.starts_with('A') {
                format!("{t}\n")
            } else {
                t.to_owned()
            })
        );
    }

    #[test]
    fn broken_first_from_line_is_kept_with_its_mail() {
        let text = format!("From nobody\nA: 1\n\nx\n\n{FROM}\nB: 2\n");
        assert_eq!(texts(text.as_bytes()), ["From nobody\nA: 1\n\nx\n", "B: 2\n"]);
        assert_eq!(read(text.as_bytes(), 7)[0].1, None);
    }

    #[test]
    fn box_of_from_lines_holds_empty_mails() {
        assert_eq!(texts(format!("{FROM}\n\n{FROM}\n\n").as_bytes()), ["", ""]);
        assert_eq!(texts(FROM.as_bytes()), [""]);
        assert!(texts(b"").is_empty());
    }

    #[test]
    fn mail_longer_than_buffer_and_window_is_whole() {
        let long = format!("A: 1\n\n{}", "0123456789abcde\n".repeat((WINDOW_BYTES + 700_000) / 16));
        let text = format!("{FROM}\n{long}\n{FROM}\nB: 2\n");
        for piece in [usize::MAX, 100_003] {
            let found = read(text.as_bytes(), piece);
            assert_eq!(found.len(), 2);
            assert!(found[0].0 == long.as_bytes(), "{} bytes", found[0].0.len());
            assert_eq!(found[1].0, b"B: 2\n");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn splitting_depends_on_no_border(sizes in prop::collection::vec(0_usize..3000, 1..40), piece in 1_usize..5000) {
            let mails: Vec<_> = sizes.iter().map(|size| format!("A: 1\n\n{}\n", "From x\n\n".repeat(size / 8))).collect();
            let text: String = mails.iter().map(|mail| format!("{FROM}\n{mail}\n")).collect();
            let text = text.repeat(1 + 300_000 / text.len());
            let found = read(text.as_bytes(), piece);
            prop_assert_eq!(found.len() % mails.len(), 0);
            for (at, found) in found.iter().enumerate() {
                prop_assert_eq!(&found.0, mails[at % mails.len()].as_bytes());
            }
        }
    }
}
