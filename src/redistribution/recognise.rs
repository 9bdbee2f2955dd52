//! Which rule reads a log.
//!
//! In: the beginning of a file. Out: the rule, or why none. It does not know the file's name.

use super::reader::Reader;
use std::sync::Arc;

/// Bytes of a beginning that are enough.
pub const BEGINNING: usize = 64 << 10;

/// A rule that reads a log, and why it does.
#[derive(Debug, Clone)]
pub struct Recognised {
    pub reader: Arc<Reader>,
    /// `native: its patterns match, and 98 of 100 lines are understood`.
    pub reason: String,
}

/// The first rule, in their order, whose patterns all match and which understands a line of the beginning.
///
/// # Errors
/// Why no rule does, and the way out.
pub fn recognise(readers: &[Arc<Reader>], beginning: &[u8]) -> Result<Recognised, String> {
    let mut beginning = &beginning[..beginning.len().min(BEGINNING)];
    beginning = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning);
    // A torn last line is nobody's.
    if beginning.len() == BEGINNING
        && let Some(end) = memchr::memrchr(b'\n', beginning)
    {
        beginning = &beginning[..=end];
    }
    for reader in readers {
        if let Some((understood, lines)) =
            reader.recognises(beginning).filter(|(understood, _)| *understood > 0)
        {
            let id = &reader.rule().id;
            let reason = format!(
                "{id}: its patterns match, and {understood} of the first {lines} lines are understood"
            );
            return Ok(Recognised { reader: Arc::clone(reader), reason });
        }
    }
    let known: Vec<_> = readers.iter().map(|reader| reader.rule().id.as_str()).collect();
    Err(format!(
        "no logfile rule recognises it; name one with --format ({}), or write logs/NAME.yaml",
        known.join(", ")
    ))
}
