//! Opens one log, and refuses what is none; what is known of an open one.
//!
//! In: a path. Out: an open regular file with its identity, or a fault in words. Nothing here blocks on a pipe.

use super::Limits;
use super::bisect::count_lines;
use super::decompress::{Packing, packing};
use super::report::{Fault, Kind};
use super::scan::INPUT;
use super::source::{Broken, Bytes, Encoding, Text, Unpacked};
use super::stream::Source;
use jiff::Timestamp;
use jiff::civil::Date;
use rustix::fs::OFlags;
use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is known of a file besides its text: what a year-less time can be completed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// As the operator would name it.
    pub file: Arc<str>,
    pub size: u64,
    /// When it was last written.
    pub modified: Option<Timestamp>,
    /// The date in its name.
    pub dated: Option<Date>,
    pub packing: Packing,
    pub encoding: Encoding,
}

/// A file that is to be read, and what of it. It stays the same file when it's renamed meanwhile.
#[derive(Debug, Clone)]
pub struct Chosen {
    pub about: About,
    /// Bytes of it that may hold the period; archives and UTF-16 are always read from the start.
    pub range: Range<u64>,
    /// Why more is read than the period asks for.
    pub note: Option<String>,
    /// Its lines end in CR.
    pub(super) cr: bool,
    pub(super) path: PathBuf,
    pub(super) id: Id,
    /// `None`: too many are open; it's opened again by its name, and must be the same.
    pub(super) held: Option<Arc<File>>,
}

/// Most bytes that are read again at once.
const REREAD: usize = 16 << 20;

/// Device and inode.
pub(super) type Id = (u64, u64);

pub(super) fn id_of(meta: &Metadata) -> Id {
    (meta.dev(), meta.ino())
}

/// Why a kind of file is refused.
pub(super) fn refusal(kind: FileType) -> Option<&'static str> {
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("a folder, where a logfile is expected")
    } else if kind.is_fifo() {
        Some("a named pipe: what is read from it would be lost to its reader; write it to a file first")
    } else if kind.is_socket() {
        Some("a socket, no logfile")
    } else if kind.is_block_device() || kind.is_char_device() {
        Some("a device, no logfile")
    } else if kind.is_symlink() {
        Some("a link in a folder isn't followed: name the file it leads to")
    } else {
        Some("no regular file")
    }
}

/// Opens a regular file without waiting, for reading. `follow`: links are followed, as for a path given by hand.
pub(super) fn open(path: &Path, follow: bool) -> Result<(File, Metadata), Fault> {
    let fault = |error: &io::Error| fault_of(path, error);
    let looked = if follow { std::fs::metadata(path) } else { std::fs::symlink_metadata(path) };
    let refuse = |kind| refusal(kind).map(|text| fault_in(path, Kind::Refused, text));
    // Before it is opened: opening a device can do something already.
    if let Some(fault) = refuse(looked.map_err(|e| fault(&e))?.file_type()) {
        return Err(fault);
    }
    let link = if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | link;
    // The flags of open(2) are small positive numbers.
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path);
    let file = opened.map_err(|e| fault(&e))?;
    let meta = file.metadata().map_err(|e| fault(&e))?;
    match refuse(meta.file_type()) {
        Some(fault) => Err(fault),
        None => Ok((file, meta)),
    }
}

pub(super) fn fault_in(path: &Path, kind: Kind, text: impl Into<String>) -> Fault {
    Fault { file: shown_path(path), offset: None, kind, text: text.into() }
}

pub(super) fn fault_of(path: &Path, error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::NotFound => fault_in(path, Kind::Missing, "there is no such file"),
        io::ErrorKind::PermissionDenied => {
            let text = "it may not be read: run as its owner, in its group, or with sudo";
            fault_in(path, Kind::Denied, text)
        }
        _ => fault_in(path, Kind::Io, error.to_string()),
    }
}

pub(super) fn shown_path(path: &Path) -> Arc<str> {
    Arc::from(path.to_string_lossy())
}

impl Chosen {
    /// The file itself.
    ///
    /// # Errors
    /// It was closed for want of room and can't be found again under any name in its folder.
    pub(super) fn file(&self) -> Result<Arc<File>, Fault> {
        if let Some(file) = &self.held {
            return Ok(Arc::clone(file));
        }
        let same = |path: &Path| {
            let (file, meta) = open(path, true).ok()?;
            (id_of(&meta) == self.id).then(|| Arc::new(file))
        };
        let renamed = || {
            let folder = self.path.parent()?;
            let entries =
                std::fs::read_dir(if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
            entries.ok()?.flatten().find_map(|entry| same(&entry.path()))
        };
        same(&self.path).or_else(renamed).ok_or_else(|| {
            let text = "it was rotated away before it was read: run again";
            fault_in(&self.path, Kind::Changed, text)
        })
    }

    pub(super) fn fault(&self, broken: Broken) -> Fault {
        let Broken { kind, offset, text } = broken;
        Fault { file: Arc::clone(&self.about.file), offset: Some(offset), kind, text }
    }

    /// Whether ranges of it can be read.
    pub(super) fn is_seekable(&self) -> bool {
        self.about.packing == Packing::Plain
            && matches!(self.about.encoding, Encoding::Bytes | Encoding::Utf8)
            && !self.cr
    }

    pub(super) fn text<'a>(
        &self,
        file: &'a File,
        range: Range<u64>,
        input: usize,
        limits: &Limits,
        total: &'a Unpacked,
    ) -> Result<Text<'a>, Broken> {
        let bytes = Bytes::new(file, range);
        Text::open(bytes, self.about.packing, self.about.encoding, input, limits, total)
    }

    /// The start of its text, at most `most` bytes: what a format is recognised by. Empty where it can't be read.
    pub fn head(&self, most: usize) -> Vec<u8> {
        self.file().map(|file| self.head_of(&file, most, &Limits::default()).0).unwrap_or_default()
    }

    /// The start of its text and how many bytes were read for it.
    pub(super) fn head_of(&self, file: &File, most: usize, limits: &Limits) -> (Vec<u8>, u64) {
        let total = Unpacked::default();
        let mut head = vec![0; most];
        let input = HEAD_INPUT.min(most.max(64));
        let Ok(mut text) = self.text(file, 0..self.about.size, input, limits, &total) else {
            return (Vec::new(), 0);
        };
        let mut len = 0;
        while len + 16 <= most {
            match text.read(&mut head[len..]) {
                Ok(n) if n > 0 => len += n,
                _ => break,
            }
        }
        head.truncate(len);
        if self.cr {
            head.iter_mut().filter(|b| **b == b'\r').for_each(|b| *b = b'\n');
        }
        (head, text.taken())
    }

    /// The number, from 1, of the line that holds the byte at `offset` of a plain file. It reads what stands before,
    /// as fast as the disk gives it: ask for places that are shown, not for every hit.
    ///
    /// # Errors
    /// The file can't be read, or its lines can't be counted that way (an archive, UTF-16): those are counted as
    /// they are read.
    pub fn line_at(&self, offset: u64) -> Result<u64, Fault> {
        Ok(self.lines_at(&[offset])?[0])
    }

    /// Text of a range that was read before; `None` where it can't be had again: of more than a few pieces (a long line in
    /// it), or because the file changed. An archive is unpacked up to there.
    pub fn reread(&self, range: Range<u64>, limits: &Limits) -> Option<Vec<u8>> {
        let length = usize::try_from(range.end - range.start).ok().filter(|length| *length <= REREAD)?;
        if !self.is_seekable() {
            return self.unpacked(range, length, limits);
        }
        let mut bytes = vec![0; length];
        self.file().ok()?.read_exact_at(&mut bytes, range.start).ok()?;
        Some(bytes)
    }

    fn unpacked(&self, range: Range<u64>, length: usize, limits: &Limits) -> Option<Vec<u8>> {
        let (file, total) = (self.file().ok()?, Unpacked::default());
        let mut text = self.text(&file, 0..self.about.size, INPUT, limits, &total).ok()?;
        let (mut buffer, mut at, mut bytes) = (vec![0; limits.chunk], 0u64, Vec::with_capacity(length));
        while at < range.end {
            let read = text.read(&mut buffer).ok().filter(|read| *read > 0)?;
            let from = usize::try_from(range.start.saturating_sub(at)).unwrap_or(usize::MAX).min(read);
            let to = usize::try_from(range.end - at).unwrap_or(usize::MAX).min(read);
            bytes.extend_from_slice(&buffer[from..to]);
            at += read as u64;
        }
        if self.cr {
            bytes.iter_mut().filter(|byte| **byte == b'\r').for_each(|byte| *byte = b'\n');
        }
        Some(bytes)
    }

    /// Whether [`Chosen::reread`] has to read all that stands before.
    pub fn is_read_from_its_start(&self) -> bool {
        !self.is_seekable()
    }

    /// As [`Chosen::line_at`], for several offsets in rising order, in one pass.
    ///
    /// # Errors
    /// As there.
    pub fn lines_at(&self, offsets: &[u64]) -> Result<Vec<u64>, Fault> {
        if !self.is_seekable() {
            let text = "its lines are counted as they are read, not afterwards";
            return Err(fault_in(&self.path, Kind::Refused, text));
        }
        let file = self.file()?;
        count_lines(&file, offsets).map_err(|error| fault_of(&self.path, &error))
    }
}

/// How many compressed bytes are read at once for the start of an archive.
const HEAD_INPUT: usize = 16 << 10;

/// How a file is packed and written, by its first bytes.
pub(super) struct Sniffed {
    pub(super) packing: Packing,
    pub(super) encoding: Encoding,
    pub(super) cr: bool,
}

/// Looks at the start of a file. The second value: bytes read.
pub(super) fn sniff(file: &File, size: u64, limits: &Limits) -> (Result<Sniffed, &'static str>, u64) {
    let mut first = [0; 512];
    let total = Unpacked::default();
    let mut bytes = Bytes::new(file, 0..size.min(first.len() as u64));
    let n = bytes.read(&mut first).unwrap_or(0);
    let packing = match packing(&first[..n]) {
        Ok(packing) => packing,
        Err(kind) => return (Err(kind), n as u64),
    };
    let head = |packing, encoding, most: usize| {
        let mut head = vec![0; most];
        let text =
            Text::open(Bytes::new(file, 0..size), packing, encoding, HEAD_INPUT.min(most), limits, &total);
        let Ok(mut text) = text else { return (head, 0) };
        let mut len = 0;
        while len + 16 <= most {
            match text.read(&mut head[len..]) {
                Ok(n) if n > 0 => len += n,
                _ => break,
            }
        }
        head.truncate(len);
        (head, text.taken())
    };
    let (start, mut read) = match packing {
        Packing::Plain => (first[..n].to_vec(), n as u64),
        packing => head(packing, Encoding::Bytes, 512),
    };
    let encoding = Encoding::of(&start);
    // A line end in the first bytes is the rule; else it is looked for further on.
    let only_cr = |text: &[u8]| text.contains(&b'\r') && !text.contains(&b'\n');
    let cr = only_cr(&start) || encoding != Encoding::Bytes;
    let cr = cr && {
        let (more, taken) = head(packing, encoding, 64 << 10);
        read += taken;
        only_cr(&more)
    };
    (Ok(Sniffed { packing, encoding, cr }), read)
}
