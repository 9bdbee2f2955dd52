//! Line ends: LF, CRLF, and the bare CR of mails that were stored on an old Macintosh.
//!
//! In: bytes. Out: the byte that ends their lines, and the same bytes with LF. A mail whose first line
//! ends in a bare CR uses it throughout; in any other mail a lone CR is part of a line (a progress bar in
//! a log, a broken header) until its text is shown to a reader.

use memchr::{memchr, memchr_iter, memchr2, memmem};
use std::borrow::Cow;

/// How far line ends are looked at; a longer first line ends in LF.
const LOOKED_AT_BYTES: usize = 64 << 10;

/// The byte that ends the lines of these bytes: `\r` where the first line ends in a bare CR and most of the
/// others do, else `\n`.
pub(super) fn end_of_line(bytes: &[u8]) -> u8 {
    let bytes = &bytes[..bytes.len().min(LOOKED_AT_BYTES)];
    match memchr2(b'\n', b'\r', bytes) {
        Some(at) if bytes[at] == b'\r' => {
            let all = memchr_iter(b'\r', bytes).count();
            let lf = memchr_iter(b'\n', bytes).count();
            let of_crlf = memmem::find_iter(bytes, b"\r\n").count();
            // A line that was cut off between CR and LF ends like any other.
            let cut_off = lf == 0 && bytes[at..].iter().all(|&byte| byte == b'\r');
            if all - of_crlf > lf && !cut_off { b'\r' } else { b'\n' }
        }
        _ => b'\n',
    }
}

/// Appends `bytes` to `out` with every CRLF and every lone CR as LF. A CR at the very end is a line end.
pub(super) fn append_with_lf(mut bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len());
    while let Some(at) = memchr(b'\r', bytes) {
        out.extend_from_slice(&bytes[..at]);
        bytes = &bytes[at + 1..];
        if bytes.first() != Some(&b'\n') {
            out.push(b'\n');
        }
    }
    out.extend_from_slice(bytes);
}

/// The bytes with CRLF (and CRCRLF, which gateways make of it) as LF; lone CRs stay.
pub(super) fn without_crlf(bytes: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr(b'\r', bytes) else { return Cow::Borrowed(bytes) };
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(&bytes[..first]);
    let mut rest = &bytes[first..];
    while let Some(at) = memchr(b'\r', rest) {
        out.extend_from_slice(&rest[..at]);
        let run = rest[at..].iter().take_while(|&&byte| byte == b'\r').count();
        if rest.get(at + run) != Some(&b'\n') {
            out.extend_from_slice(&rest[at..at + run]);
        }
        rest = &rest[at + run..];
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

/// The text as a reader sees it: every line end as LF.
pub(super) fn text_with_lf(text: String) -> String {
    if memchr(b'\r', text.as_bytes()).is_none() {
        return text;
    }
    let mut out = Vec::new();
    append_with_lf(text.as_bytes(), &mut out);
    String::from_utf8(out).expect("only CR, an ASCII byte, was taken out of valid UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_in_bare_cr_where_first_and_most_do() {
        assert_eq!(end_of_line(b"A: b\rC: d\r\rbody\n"), b'\r');
        assert_eq!(end_of_line(b"A: b\rc\r\n\r\n"), b'\n');
        assert_eq!(end_of_line(b"A: b\r\nC: d\r"), b'\n');
        assert_eq!(end_of_line(b"A: b\r\r\nC: d"), b'\n');
        assert_eq!(end_of_line(b"A: b\nC: d\r\r"), b'\n');
        assert_eq!(end_of_line(b""), b'\n');
    }

    #[test]
    fn lone_cr_survives_until_text_is_shown() {
        assert_eq!(without_crlf(b"a\r\nb\rc\r\r\nd\r").as_ref(), b"a\nb\rc\nd\r");
        assert_eq!(text_with_lf("10%\r50%\r\nend".into()), "10%\n50%\nend");
    }
}
