//! The entities of a multipart, RFC 2046, section 5.1.
//!
//! In: the body of a multipart with LF line ends, and its boundary. Out: the bytes of each entity, headers
//! and body. One search over the body; it does not look into the entities.

use memchr::memmem;

/// Longest line that is taken for a delimiter nobody declared; RFC 2046 allows 74 bytes.
const BOUNDARY_BYTES: usize = 120;
/// Most lines that are kept in mind as such.
const OPENINGS: usize = 16;

/// The entities between the delimiters of a multipart, RFC 2046, 5.1.1; without the last delimiter the
/// last one goes on to the end.
pub(super) struct Pieces<'a> {
    finder: memmem::Finder<'static>,
    body: &'a [u8],
    /// Where the next entity begins.
    at: Option<usize>,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(boundary: &[u8], body: &'a [u8]) -> Self {
        let delimiter = [b"--", boundary].concat();
        let mut pieces = Self { finder: memmem::Finder::new(&delimiter).into_owned(), body, at: Some(0) };
        pieces.at = pieces.delimiter(0).and_then(|delimiter| delimiter.next);
        pieces
    }

    /// The boundary never comes.
    pub(super) fn is_empty(&self) -> bool {
        self.at.is_none()
    }

    /// The first delimiter line at or after `from`.
    fn delimiter(&self, from: usize) -> Option<Delimiter> {
        let mut search = from;
        while let Some(found) = self.finder.find(&self.body[search..]) {
            let begin = search + found;
            let after = begin + self.finder.needle().len();
            search = after;
            // Gateways indent: white space may stand before it.
            let blanks =
                self.body[..begin].iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            let before = &self.body[..begin - blanks];
            if before.last().is_some_and(|&byte| byte != b'\n') {
                continue;
            }
            let begin = before.len();
            let rest = &self.body[after..];
            let (last, rest) = match rest.strip_prefix(b"--") {
                Some(rest) => (true, rest),
                None => (false, rest),
            };
            let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
            match rest.get(blank) {
                Some(b'\n') => {
                    let next = self.body.len() - rest.len() + blank + 1;
                    return Some(Delimiter { begin, next: (!last).then_some(next) });
                }
                None => return Some(Delimiter { begin, next: None }),
                Some(_) => {}
            }
        }
        None
    }
}

/// The boundary of a multipart that uses another one than it declares: that of the first closing
/// delimiter whose opening one stands before it.
pub(super) fn boundary_in_use(body: &[u8]) -> Option<&[u8]> {
    let mut openings: Vec<&[u8]> = Vec::new();
    for at in memmem::find_iter(body, b"--").filter(|&at| at == 0 || body[at - 1] == b'\n') {
        let window = &body[at + 2..body.len().min(at + BOUNDARY_BYTES)];
        let end = window.iter().position(|&byte| byte == b'\n').unwrap_or(window.len());
        let line = window[..end].trim_ascii_end();
        if let Some(closed) = line.strip_suffix(b"--")
            && openings.contains(&closed)
        {
            return Some(closed);
        }
        let is_new = !openings.contains(&line);
        if is_new && openings.len() < OPENINGS && line.iter().any(u8::is_ascii_alphanumeric) {
            openings.push(line);
        }
    }
    None
}

struct Delimiter {
    begin: usize,
    /// Where the entity after it begins; none after the last one.
    next: Option<usize>,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let begin = self.at.take()?;
        let Some(delimiter) = self.delimiter(begin) else { return Some(&self.body[begin..]) };
        self.at = delimiter.next;
        // The line end before a delimiter belongs to it.
        Some(&self.body[begin..delimiter.begin.saturating_sub(1).max(begin)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces<'a>(boundary: &str, body: &'a str) -> Vec<&'a str> {
        let text = |piece: &'a [u8]| std::str::from_utf8(piece).expect("text");
        Pieces::new(boundary.as_bytes(), body.as_bytes()).map(text).collect()
    }

    #[test]
    fn entities_stand_between_whole_delimiter_lines() {
        assert_eq!(pieces("b", "pre\n--b\none\n\n--b \t\ntwo\n--b--\nepilogue\n--b\nx"), ["one\n", "two"]);
        assert_eq!(pieces("b", "--b\n--b\n --b\nx --b\n--bc\n"), ["", "", "x --b\n--bc\n"]);
        assert_eq!(pieces("b", "--b\nnever closed\n--b"), ["never closed"]);
        assert!(pieces("b", "--b--\nx").is_empty() && pieces("b", "").is_empty());
    }

    #[test]
    fn boundary_is_found_by_its_closing_delimiter() {
        let found = |body: &'static str| boundary_in_use(body.as_bytes());
        assert_eq!(found("----\n--a\n\n--z1\n\nx\n--z1--\n--a--\n"), Some(&b"z1"[..]));
        assert_eq!(found("--a\nx\n--b--\n"), None);
        assert_eq!(found("---- Original message ----\n-- \nsignature\n"), None);
    }
}
