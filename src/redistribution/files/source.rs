//! A file as text: its bytes from one offset to another, unpacked, without byte order mark, UTF-16 as UTF-8.
//!
//! In: an open file and what is known of it. Out: text, or the fault that ends it. It does not know lines.

use super::Limits;
use super::decompress::{Packing, State, Unpacker};
use super::report::Kind;
use super::stream::Source;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// Bytes, UTF-8 as a rule; what is not stays as it is.
    Bytes,
    /// With a byte order mark.
    Utf8,
    Utf16Le,
    Utf16Be,
}

impl Encoding {
    pub(super) fn of(head: &[u8]) -> Self {
        match head {
            [0xef, 0xbb, 0xbf, ..] => Encoding::Utf8,
            [0xff, 0xfe, ..] => Encoding::Utf16Le,
            [0xfe, 0xff, ..] => Encoding::Utf16Be,
            _ => Encoding::Bytes,
        }
    }

    /// Bytes of the mark at the start.
    pub(super) fn mark(self) -> usize {
        match self {
            Encoding::Bytes => 0,
            Encoding::Utf8 => 3,
            Encoding::Utf16Le | Encoding::Utf16Be => 2,
        }
    }
}

/// Why a text ends before its end.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) kind: Kind,
    /// In the file on disk.
    pub(super) offset: u64,
    pub(super) text: String,
}

/// A part of a file, read without moving anybody's place in it.
pub(super) struct Bytes<'a> {
    file: &'a File,
    range: Range<u64>,
}

impl<'a> Bytes<'a> {
    pub(super) fn new(file: &'a File, range: Range<u64>) -> Self {
        Self { file, range }
    }

    pub(super) fn read(&mut self, out: &mut [u8]) -> Result<usize, Broken> {
        let left = self.range.end - self.range.start;
        let most = out.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        let offset = self.range.start;
        let n = loop {
            match self.file.read_at(&mut out[..most], offset) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Broken { kind: Kind::Io, offset, text: error.to_string() }),
                Ok(n) => break n,
            }
        };
        if n == 0 {
            let text = format!(
                "it was shortened while it was read: {left} bytes are gone; read the copy its rotation made as well"
            );
            return Err(Broken { kind: Kind::Changed, offset, text });
        }
        self.range.start += n as u64;
        Ok(n)
    }
}

/// What all archives of one scan have unpacked to.
#[derive(Debug, Default)]
pub(super) struct Unpacked(AtomicU64);

/// Compressed bytes and what unpacks them.
struct Archive<'a> {
    unpacker: Unpacker,
    packing: Packing,
    input: Vec<u8>,
    at: usize,
    len: usize,
    /// No more compressed bytes follow those in `input`.
    drained: bool,
    /// Where a new archive would begin.
    between: bool,
    given: u64,
    failed: Option<Broken>,
    limits: Limits,
    total: &'a Unpacked,
}

/// From where on the ratio of an archive counts.
const RATIO_FROM: u64 = 256 << 20;

impl Archive<'_> {
    fn read(&mut self, bytes: &mut Bytes<'_>, out: &mut [u8]) -> Result<usize, Broken> {
        if let Some(broken) = self.failed.take() {
            return Err(broken);
        }
        loop {
            if self.at == self.len && !self.drained {
                (self.at, self.len) = (0, 0);
                match bytes.read(&mut self.input) {
                    Ok(n) => (self.len, self.drained) = (n, n == 0),
                    Err(broken) => return Err(broken),
                }
            }
            let start = bytes.range.start - (self.len - self.at) as u64;
            if self.between {
                // Zeros between archives and behind the last are padding of tapes and blocks.
                let zeros = self.input[self.at..self.len].iter().take_while(|b| **b == 0).count();
                self.at += zeros;
                if self.at == self.len {
                    if self.drained {
                        return Ok(0);
                    }
                    continue;
                }
                self.between = false;
            }
            let last = bytes.range.is_empty();
            let step = self.unpacker.step(&self.input[self.at..self.len], self.drained || last, out);
            self.at += step.taken;
            self.given += step.given as u64;
            let offset = start + step.taken as u64;
            let broken = match step.state {
                State::Ended => {
                    self.between = true;
                    None
                }
                State::Broken(why) => Some(self.corrupt(offset, &why)),
                State::Going if step.taken == 0 && step.given == 0 && self.drained => Some(Broken {
                    kind: Kind::Incomplete,
                    offset,
                    text: format!(
                        "the {} archive ends in the middle: it is torn or still being written",
                        self.name()
                    ),
                }),
                State::Going => None,
            };
            let broken = broken.or_else(|| self.bomb(offset, step.given));
            match (broken, step.given) {
                (Some(broken), 0) => return Err(broken),
                (broken, given) if given > 0 => {
                    self.failed = broken;
                    return Ok(given);
                }
                _ => {}
            }
        }
    }

    fn name(&self) -> &'static str {
        match self.packing {
            Packing::Plain => "plain",
            Packing::Gz => "gz",
            Packing::Zst => "zst",
            Packing::Bz2 => "bz2",
            Packing::Xz => "xz",
        }
    }

    fn corrupt(&self, offset: u64, why: &str) -> Broken {
        let text = format!(
            "the {} archive is damaged ({why}): what came before was read, nothing after it",
            self.name()
        );
        Broken { kind: Kind::Corrupt, offset, text }
    }

    fn bomb(&self, offset: u64, given: usize) -> Option<Broken> {
        let all = self.total.0.fetch_add(given as u64, Ordering::Relaxed) + given as u64;
        let text = if all > self.limits.unpacked {
            format!("archives unpacked to more than {} bytes: the rest was not read", self.limits.unpacked)
        } else if self.given > RATIO_FROM && self.given / offset.max(1) > self.limits.ratio {
            format!("it unpacks to more than {} times its size: the rest was not read", self.limits.ratio)
        } else {
            return None;
        };
        Some(Broken { kind: Kind::Bomb, offset, text })
    }
}

/// The text of a file, or of a range of a plain one.
pub(super) struct Text<'a> {
    bytes: Bytes<'a>,
    start: u64,
    archive: Option<Archive<'a>>,
    /// Bytes of a byte order mark still to be left out.
    mark: usize,
    utf16: Option<Utf16>,
}

impl<'a> Text<'a> {
    pub(super) fn open(
        bytes: Bytes<'a>,
        packing: Packing,
        encoding: Encoding,
        input: usize,
        limits: &Limits,
        total: &'a Unpacked,
    ) -> Result<Self, Broken> {
        let broken = |text: String| Broken { kind: Kind::Corrupt, offset: 0, text };
        let archive = Unpacker::new(packing, limits.memory).map_err(broken)?.map(|unpacker| Archive {
            unpacker,
            packing,
            input: vec![0; input],
            at: 0,
            len: 0,
            drained: false,
            between: false,
            given: 0,
            failed: None,
            limits: *limits,
            total,
        });
        let utf16 = match encoding {
            Encoding::Utf16Le => Some(Utf16::new(u16::from_le_bytes)),
            Encoding::Utf16Be => Some(Utf16::new(u16::from_be_bytes)),
            _ => None,
        };
        let start = bytes.range.start;
        let mark = if start == 0 { encoding.mark() } else { 0 };
        Ok(Self { bytes, start, archive, mark, utf16 })
    }

    /// Bytes read from the file so far.
    pub(super) fn taken(&self) -> u64 {
        self.bytes.range.start - self.start
    }

    fn raw(&mut self, out: &mut [u8]) -> Result<usize, Broken> {
        match &mut self.archive {
            Some(archive) => archive.read(&mut self.bytes, out),
            None => self.bytes.read(out),
        }
    }
}

impl Source for Text<'_> {
    type Error = Broken;

    fn read(&mut self, out: &mut [u8]) -> Result<usize, Broken> {
        while self.mark > 0 {
            let mut mark = [0; 3];
            let most = self.mark;
            match self.raw(&mut mark[..most])? {
                0 => return Ok(0),
                n => self.mark -= n,
            }
        }
        let Some(mut utf16) = self.utf16.take() else { return self.raw(out) };
        let result = utf16.read(self, out);
        self.utf16 = Some(utf16);
        result
    }
}

/// UTF-16 on its way to UTF-8; half pairs become U+FFFD.
struct Utf16 {
    unit: fn([u8; 2]) -> u16,
    odd: Option<u8>,
    high: Option<u16>,
    input: Vec<u8>,
    ended: bool,
}

impl Utf16 {
    fn new(unit: fn([u8; 2]) -> u16) -> Self {
        Self { unit, odd: None, high: None, input: Vec::new(), ended: false }
    }

    fn read(&mut self, text: &mut Text<'_>, out: &mut [u8]) -> Result<usize, Broken> {
        let mut given = 0;
        while given == 0 && !self.ended {
            // Two bytes give at most three, and what was kept at most six more.
            self.input.resize((out.len().saturating_sub(6) / 3 * 2).clamp(2, 64 << 10), 0);
            let mut input = std::mem::take(&mut self.input);
            let n = text.raw(&mut input)?;
            self.ended = n == 0;
            for byte in &input[..n] {
                match self.odd.take() {
                    None => self.odd = Some(*byte),
                    Some(first) => self.push((self.unit)([first, *byte]), out, &mut given),
                }
            }
            self.input = input;
            if self.ended && (self.odd.take().is_some() | self.high.take().is_some()) {
                put(char::REPLACEMENT_CHARACTER, out, &mut given);
            }
        }
        Ok(given)
    }

    fn push(&mut self, unit: u16, out: &mut [u8], given: &mut usize) {
        let is_high = (0xd800..0xdc00).contains(&unit);
        let pair: &[u16] = match (self.high.take(), is_high) {
            (high, true) => {
                if high.is_some() {
                    put(char::REPLACEMENT_CHARACTER, out, given);
                }
                self.high = Some(unit);
                return;
            }
            (Some(high), false) => &[high, unit],
            (None, false) => &[unit],
        };
        for decoded in char::decode_utf16(pair.iter().copied()) {
            put(decoded.unwrap_or(char::REPLACEMENT_CHARACTER), out, given);
        }
    }
}

fn put(char: char, out: &mut [u8], given: &mut usize) {
    *given += char.encode_utf8(&mut out[*given..]).len();
}
