//! Bytes to a bounded [`RawMail`].
//!
//! In: a stream that ends where the message ends. Out: what is kept of it, its digest and its identity.
//! At most [`WINDOW_BYTES`] are held in memory; a longer message goes to an unnamed file, and of one
//! longer than [`KEPT_BYTES`] only headers and the first MiB stay, while the rest is read and hashed.
//! Whether a stream that ended cleanly was whole, it cannot know.

use super::fields::{Fields, opening};
use super::identity::Making;
use super::lines::end_of_line;
use super::model::{KEPT_BYTES, RawMail, WINDOW_BYTES};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What one read asks for: first what most mails fit into, then what a pipe holds.
const FIRST_BYTES: usize = 8 << 10;
const BUFFER_BYTES: usize = 64 << 10;
/// Of a message that is not kept whole: most bytes of headers, and of the body after them.
const OVERSIZE_BYTES: usize = 1 << 20;

/// Reads one message to the end of the stream. A long one is put into an unnamed file in `spill_folder`.
///
/// # Errors
/// What the stream or the unnamed file answers; an interrupted read is repeated.
pub fn message(mut input: impl Read, spill_folder: &Path) -> io::Result<RawMail> {
    let mut intake = Intake::new();
    let mut buffer = vec![0; FIRST_BYTES];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(intake.finish()),
            Ok(length) => {
                intake.push(&buffer[..length], spill_folder)?;
                if length == buffer.len() {
                    buffer.resize(BUFFER_BYTES, 0);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A message that is in memory already. (One longer than the window is read from the bytes as given:
/// they stay in `head`, and nothing is spilled.)
pub fn bytes(message: Vec<u8>) -> RawMail {
    let length = message.len() as u64;
    let (window, beyond) = message.split_at(message.len().min(WINDOW_BYTES));
    let mut identity = Making::of_window(window);
    identity.body(beyond);
    let identity = identity.finish();
    let oversize = length > KEPT_BYTES;
    let digest = oversize.then(|| Sha256::digest(&message).into());
    let mut head = message;
    if oversize {
        cut_to_oversize(&mut head);
    }
    RawMail { kept: head.len() as u64, head, spill: None, length, oversize, digest, identity }
}

/// A message on its way in.
pub(super) struct Intake {
    head: Vec<u8>,
    length: u64,
    rest: Option<Rest>,
}

/// What goes on once the message is longer than the window.
struct Rest {
    digest: Sha256,
    identity: Making,
    /// None once the message is longer than what is kept.
    spill: Option<File>,
}

impl Intake {
    pub(super) fn new() -> Self {
        Self { head: Vec::new(), length: 0, rest: None }
    }

    pub(super) fn push(&mut self, piece: &[u8], spill_folder: &Path) -> io::Result<()> {
        let (window, beyond) = piece.split_at(piece.len().min(WINDOW_BYTES.saturating_sub(self.head.len())));
        if self.rest.is_none() {
            self.head.extend_from_slice(window);
            self.length += window.len() as u64;
        }
        let beyond = if self.rest.is_none() { beyond } else { piece };
        if beyond.is_empty() {
            return Ok(());
        }
        let rest = match &mut self.rest {
            Some(rest) => rest,
            none => none.insert(Rest::begin(&self.head, spill_folder)?),
        };
        self.length += beyond.len() as u64;
        rest.digest.update(beyond);
        rest.identity.body(beyond);
        if self.length > KEPT_BYTES {
            if rest.spill.take().is_some() {
                cut_to_oversize(&mut self.head);
            }
        } else if let Some(spill) = &mut rest.spill {
            spill.write_all(beyond)?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> RawMail {
        let Some(rest) = self.rest else { return bytes(self.head) };
        let oversize = self.length > KEPT_BYTES;
        RawMail {
            kept: if oversize { self.head.len() as u64 } else { self.length },
            head: self.head,
            spill: rest.spill,
            length: self.length,
            oversize,
            digest: oversize.then(|| rest.digest.finalize().into()),
            identity: rest.identity.finish(),
        }
    }
}

impl Rest {
    fn begin(head: &[u8], spill_folder: &Path) -> io::Result<Self> {
        let mut spill = tempfile::tempfile_in(spill_folder)?;
        spill.write_all(head)?;
        Ok(Self {
            digest: Sha256::new_with_prefix(head),
            identity: Making::of_window(head),
            spill: Some(spill),
        })
    }
}

/// Leaves the headers and the first MiB of the body.
fn cut_to_oversize(head: &mut Vec<u8>) {
    let end_of_line = end_of_line(head);
    let mut fields = Fields::new(head, opening(head, end_of_line).at, end_of_line);
    fields.by_ref().for_each(drop);
    head.truncate(fields.body_at().min(OVERSIZE_BYTES) + OVERSIZE_BYTES);
    head.shrink_to_fit();
}

impl RawMail {
    /// All kept bytes in pieces of `size` bytes (the last one may be shorter); one piece in memory at a time.
    ///
    /// # Errors
    /// Where a message that waits in a file cannot be read back, or is shorter than it was.
    pub fn chunks(&self, size: usize) -> io::Result<impl Iterator<Item = io::Result<Vec<u8>>>> {
        if size == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "pieces of a mail of 0 bytes each"));
        }
        let (kept, step) = (self.kept, size as u64);
        Ok((0..kept.div_ceil(step))
            .map(move |at| self.piece(at * step, (kept - at * step).min(step) as usize)))
    }

    /// The key (`Identity::full`) of the same headers with the first `body_length` bytes of this
    /// normalised body: that of a copy of this message that was cut off there. Of an oversize message
    /// only the kept bytes count; a longer beginning gets a key that no such copy has.
    ///
    /// # Errors
    /// Where a message that waits in a file cannot be read back.
    pub fn key_of_prefix(&self, body_length: u64) -> io::Result<[u8; 32]> {
        if body_length == self.identity.body_length {
            return Ok(self.identity.full);
        }
        let window = &self.head[..self.head.len().min(WINDOW_BYTES)];
        let mut making = Making::bounded(window, body_length);
        let mut at = window.len() as u64;
        while at < self.kept && !making.is_full() {
            let piece = self.piece(at, (self.kept - at).min(BUFFER_BYTES as u64) as usize)?;
            making.body(&piece);
            at += piece.len() as u64;
        }
        Ok(making.finish().full)
    }

    fn piece(&self, at: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut piece = vec![0; length];
        match &self.spill {
            Some(spill) => spill.read_exact_at(&mut piece, at)?,
            None => piece.copy_from_slice(&self.head[at as usize..at as usize + length]),
        }
        Ok(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a long message in odd pieces, with interruptions.
    struct Dripping {
        left: Vec<u8>,
        reads: usize,
    }

    impl Read for Dripping {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.reads += 1;
            if self.reads.is_multiple_of(3) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let length = self.left.len().min(buffer.len()).min(40_001);
            buffer[..length].copy_from_slice(&self.left[..length]);
            self.left.drain(..length);
            Ok(length)
        }
    }

    fn long(length: usize) -> Vec<u8> {
        let mut mail = b"From: dm@example.com\r\nSubject: long\r\n\r\n".to_vec();
        let mut line = 0_u64;
        while mail.len() < length {
            mail.extend_from_slice(format!("line {line}\r\n").as_bytes());
            line += 1;
        }
        mail.truncate(length);
        mail
    }

    fn read(mail: &[u8]) -> RawMail {
        let folder = tempfile::tempdir().expect("a folder for spills");
        message(Dripping { left: mail.to_vec(), reads: 0 }, folder.path()).expect("reads")
    }

    fn kept(raw: &RawMail, size: usize) -> Vec<u8> {
        let pieces: io::Result<Vec<_>> = raw.chunks(size).expect("a size").collect();
        pieces.expect("readable").concat()
    }

    #[test]
    fn message_up_to_the_window_stays_in_memory() {
        for length in [0, 1, 100_000, WINDOW_BYTES] {
            let mail = if length < 100 { vec![b'x'; length] } else { long(length) };
            let raw = read(&mail);
            assert!(raw.spill.is_none(), "{length}");
            assert_eq!((raw.kept, raw.length, raw.oversize), (length as u64, length as u64, false));
            assert_eq!(kept(&raw, 4096), mail);
            assert_eq!(raw.digest, None, "all of it is kept");
        }
    }

    #[test]
    fn longer_message_waits_whole_in_a_file() {
        let mail = long(WINDOW_BYTES + 123_457);
        let raw = read(&mail);
        assert_eq!(raw.head.len(), WINDOW_BYTES);
        assert_eq!(raw.kept, mail.len() as u64);
        assert!(kept(&raw, 1 << 20) == mail, "kept bytes differ");
        let in_memory = bytes(mail.clone());
        assert_eq!((raw.digest, &raw.identity), (in_memory.digest, &in_memory.identity));
        let cut = bytes(mail[..WINDOW_BYTES + 3].to_vec());
        assert_eq!(raw.key_of_prefix(cut.identity.body_length).expect("readable"), cut.identity.full);
        assert_ne!(raw.key_of_prefix(cut.identity.body_length + 1).expect("readable"), cut.identity.full);
    }

    #[test]
    fn oversize_message_keeps_headers_and_first_mebibyte() {
        let mail = long(KEPT_BYTES as usize + 70_000);
        let raw = read(&mail);
        let headers = b"From: dm@example.com\r\nSubject: long\r\n\r\n".len();
        assert!(raw.oversize && raw.spill.is_none());
        assert_eq!((raw.kept, raw.length), ((headers + (1 << 20)) as u64, mail.len() as u64));
        assert!(raw.head == mail[..headers + (1 << 20)], "kept bytes differ");
        assert_eq!(raw.digest, Some(<[u8; 32]>::from(Sha256::digest(&mail))));
        let in_memory = bytes(mail.clone());
        assert_eq!((&raw.identity, raw.kept), (&in_memory.identity, in_memory.kept));
        let cut = bytes(mail[..65_536].to_vec());
        assert_eq!(raw.key_of_prefix(cut.identity.body_length).expect("in memory"), cut.identity.full);
    }

    #[test]
    fn unreadable_stream_is_an_error() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("disk on fire"))
            }
        }
        let error = message(Broken, Path::new(".")).expect_err("broken");
        assert_eq!(error.to_string(), "disk on fire");
    }
}
