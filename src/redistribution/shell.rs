//! Command strings of logs, taken apart without a shell; and vectors written so that a person may paste them.
//!
//! In: a text and how its log writes vectors down. Out: the elements, and why they may not be the original ones.
//! It never expands anything, and does not know what a command does.

use super::model::{Token, Writing};
use crate::shown::is_hidden;

/// What stands in place of a secret wherever one is shown or stored.
pub const MASK: &str = "******";

/// Elements of one command, at most.
const MOST: usize = 100_000;

/// Takes a command string apart: its elements, and the doubts about them (none: nothing speaks against it).
///
/// `Json` and `Quoted` give back exactly what was written. `Shell` removes quoting as a POSIX shell does and doubts
/// whatever only a shell could have expanded. `Joined` cuts at blanks and doubts where lost quoting shows.
/// Fails with the reason where nothing can be taken: empty, a quote left open, NUL, no list of texts.
pub fn split(text: &str, writing: Writing) -> Result<(Vec<String>, Vec<String>), String> {
    if text.contains('\0') {
        return Err("it holds a NUL byte, which no argument can".to_owned());
    }
    let (argv, doubts) = match writing {
        Writing::Json => (json(text)?, Vec::new()),
        Writing::Quoted | Writing::Shell => Words::new(text, writing == Writing::Shell).all()?,
        Writing::Joined => joined(text),
    };
    if argv.is_empty() || argv[0].is_empty() {
        return Err("it names no program".to_owned());
    }
    if argv.len() > MOST {
        return Err(format!("it has more than {MOST} elements"));
    }
    Ok((argv, doubts))
}

fn json(text: &str) -> Result<Vec<String>, String> {
    let argv: Vec<String> =
        serde_json::from_str(text).map_err(|error| format!("it is no JSON list of texts: {error}"))?;
    if argv.iter().any(|element| element.contains('\0')) {
        return Err("it holds a NUL byte, which no argument can".to_owned());
    }
    Ok(argv)
}

/// Cut at blanks. What quoting was lost can only be guessed at.
fn joined(text: &str) -> (Vec<String>, Vec<String>) {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    let argv: Vec<String> =
        text.split([' ', '\t', '\r', '\n']).filter(|e| !e.is_empty()).map(str::to_owned).collect();
    let mut doubts = Vec::new();
    let mut doubt = |shows: bool, why: &str| {
        if shows {
            doubts.push(why.to_owned());
        }
    };
    doubt(
        text.contains("  "),
        "the log joins elements by blanks, and two stand together: an element was empty or held blanks",
    );
    doubt(
        text.contains(['\t', '\r', '\n']),
        "the log joins elements by blanks, and one held a tab or a line end",
    );
    doubt(
        text.contains(['"', '\'', '`']),
        "the log joins elements by blanks and lost their quoting; a quote in it may have held blanks",
    );
    doubt(text.contains('\\'), "the log lost its quoting; what the backslash stood for is not known");
    let open = |element: &String| {
        let count = |c: char| element.matches(c).count();
        count('{') != count('}') || count('[') != count(']') || count('(') != count(')')
    };
    doubt(
        argv.iter().any(open),
        "the log joins elements by blanks, and a bracket opens in one element and closes in another",
    );
    let assigns = |element: &String| {
        let name = element.split_once('=').map_or("", |(name, _)| name);
        !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
            && !name.starts_with('-')
    };
    doubt(
        argv.windows(2).any(|pair| assigns(&pair[0]) && assigns(&pair[1])),
        "the log joins elements by blanks, and neighbouring settings (`a=1 b=2`) may have been one element",
    );
    (argv, doubts)
}

/// Words of a shell's line.
struct Words<'a> {
    text: &'a str,
    at: usize,
    /// Handed to a shell, which would have expanded it.
    expanded: bool,
    word: Vec<u8>,
    /// Something of the word was read: an empty quoted word is one, too.
    begun: bool,
    words: Vec<String>,
    doubts: Vec<String>,
}

impl<'a> Words<'a> {
    fn new(text: &'a str, expanded: bool) -> Self {
        Self { text, at: 0, expanded, word: Vec::new(), begun: false, words: Vec::new(), doubts: Vec::new() }
    }

    fn next(&mut self) -> Option<u8> {
        let byte = *self.text.as_bytes().get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn push(&mut self, byte: u8) {
        self.word.push(byte);
        self.begun = true;
    }

    fn doubt(&mut self, why: &str) {
        if !self.doubts.iter().any(|known| known == why) {
            self.doubts.push(why.to_owned());
        }
    }

    fn end(&mut self) -> Result<(), String> {
        if std::mem::take(&mut self.begun) {
            let word = String::from_utf8(std::mem::take(&mut self.word))
                .map_err(|_| "an escape in it makes bytes that are no text".to_owned())?;
            if word.contains('\0') {
                return Err("it holds a NUL byte, which no argument can".to_owned());
            }
            self.words.push(word);
        }
        Ok(())
    }

    fn all(mut self) -> Result<(Vec<String>, Vec<String>), String> {
        while let Some(byte) = self.next() {
            match byte {
                b' ' | b'\t' => self.end()?,
                b'\r' | b'\n' => {
                    self.end()?;
                    if !self.text[self.at..].trim().is_empty() {
                        self.doubt("a line end in it separates commands in a shell");
                    }
                }
                b'\'' => self.single()?,
                b'"' => self.double()?,
                b'\\' => match self.next() {
                    None => return Err("it ends in a backslash".to_owned()),
                    Some(b'\n') => {}
                    Some(escaped) => self.push(escaped),
                },
                b'$' if self.peek() == Some(b'\'') => {
                    self.at += 1;
                    self.ansi()?;
                }
                _ => {
                    self.doubt_bare(byte);
                    self.push(byte);
                }
            }
        }
        self.end()?;
        Ok((self.words, self.doubts))
    }

    /// A byte outside of quotes.
    fn doubt_bare(&mut self, byte: u8) {
        match byte {
            b'$' => self.doubt("`$` in it: a value only the shell of that time knew"),
            b'`' => self.doubt("a backtick in it: output only the shell of that time knew"),
            b'|' | b'&' | b';' | b'<' | b'>' | b'(' | b')' => {
                self.doubt("a pipe, redirection or list in it, which only a shell can run");
            }
            b'*' | b'?' | b'[' if self.expanded => {
                self.doubt("a glob in it: which files it meant only the shell of that time knew");
            }
            b'{' if self.expanded => self.doubt("braces in it, which a shell may have expanded"),
            b'~' if self.expanded && (!self.begun || self.word.ends_with(b"=")) => {
                self.doubt("`~` in it: whose folder it meant only the shell of that time knew");
            }
            b'=' if self.expanded && self.words.is_empty() && is_name(&self.word) => {
                self.doubt("it begins with a variable that a shell would set for it");
            }
            b'#' if self.expanded && !self.begun => self.doubt("`#` in it begins a comment in a shell"),
            b'!' if self.expanded => self.doubt("`!` in it, which an interactive shell may have expanded"),
            _ => {}
        }
    }

    fn single(&mut self) -> Result<(), String> {
        self.begun = true;
        loop {
            match self.next() {
                None => return Err("a quote (') in it is left open".to_owned()),
                Some(b'\'') => return Ok(()),
                Some(byte) => self.word.push(byte),
            }
        }
    }

    fn double(&mut self) -> Result<(), String> {
        self.begun = true;
        loop {
            match self.next() {
                None => return Err("a quote (\") in it is left open".to_owned()),
                Some(b'"') => return Ok(()),
                Some(b'\\') => match self.next() {
                    None => return Err("a quote (\") in it is left open".to_owned()),
                    Some(b'\n') => {}
                    Some(byte @ (b'"' | b'\\' | b'$' | b'`')) => self.word.push(byte),
                    Some(byte) => self.word.extend([b'\\', byte]),
                },
                Some(byte @ (b'$' | b'`')) => {
                    self.doubt_bare(byte);
                    self.word.push(byte);
                }
                Some(byte) => self.word.push(byte),
            }
        }
    }

    /// `$'…'`, as bash's `printf %q` and POSIX.1-2024 write it.
    fn ansi(&mut self) -> Result<(), String> {
        self.begun = true;
        loop {
            let byte = self.next().ok_or("a quote ($') in it is left open")?;
            match byte {
                b'\'' => return Ok(()),
                b'\\' => {
                    let escape = self.next().ok_or("a quote ($') in it is left open")?;
                    match escape {
                        b'a' => self.word.push(7),
                        b'b' => self.word.push(8),
                        b'e' | b'E' => self.word.push(0x1b),
                        b'f' => self.word.push(12),
                        b'n' => self.word.push(b'\n'),
                        b'r' => self.word.push(b'\r'),
                        b't' => self.word.push(b'\t'),
                        b'v' => self.word.push(11),
                        b'x' => {
                            let value = self.digits(2, 16).ok_or("`\\x` in it lacks its digits")?;
                            self.word.push(value as u8);
                        }
                        b'u' | b'U' => {
                            let most = if escape == b'u' { 4 } else { 8 };
                            let value = self.digits(most, 16).and_then(char::from_u32);
                            let value = value.ok_or("`\\u` in it names no character")?;
                            self.word.extend(value.to_string().bytes());
                        }
                        b'0'..=b'7' => {
                            self.at -= 1;
                            let value = self.digits(3, 8).unwrap_or(0);
                            self.word
                                .push(u8::try_from(value).map_err(|_| "an escape in it is out of range")?);
                        }
                        b'c' => {
                            let control = self.next().ok_or("a quote ($') in it is left open")?;
                            self.word.push(control & 0x1f);
                        }
                        b'\\' | b'\'' | b'"' | b'?' => self.word.push(escape),
                        other => self.word.extend([b'\\', other]),
                    }
                }
                byte => self.word.push(byte),
            }
        }
    }

    fn digits(&mut self, most: usize, radix: u32) -> Option<u32> {
        let rest = &self.text.as_bytes()[self.at..];
        let length = rest.iter().take(most).take_while(|byte| (**byte as char).is_digit(radix)).count();
        let digits = std::str::from_utf8(&rest[..length]).ok()?;
        self.at += length;
        u32::from_str_radix(digits, radix).ok()
    }
}

/// Whether a shell would take it for the name of a variable.
fn is_name(word: &[u8]) -> bool {
    word.first().is_some_and(|byte| !byte.is_ascii_digit())
        && word.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// One line that a POSIX shell takes apart into exactly these elements. Nothing in it can change how a terminal or a
/// reader sees it: control, bidirectional and zero-width characters are written as `$'\x1b'`, `$'\u202e'`.
pub fn quote<'a>(argv: impl IntoIterator<Item = &'a str>) -> String {
    let mut line = String::new();
    for (at, element) in argv.into_iter().enumerate() {
        if at > 0 {
            line.push(' ');
        }
        quote_one(element, at == 0, &mut line);
    }
    line
}

/// [`quote`] with secrets masked: what is shown and stored of a vector.
pub fn shown(argv: &[Token]) -> String {
    quote(argv.iter().map(masked))
}

/// The text of an element as it may be shown or stored.
pub fn masked(token: &Token) -> &str {
    if token.secret { MASK } else { &token.text }
}

fn quote_one(element: &str, first: bool, line: &mut String) {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"%+,-./:=@_".contains(&byte);
    // In the first place, `a=b` would set a variable.
    let strange = element.starts_with('=') || (first && element.contains('='));
    let bare = !element.is_empty() && !strange && element.bytes().all(safe);
    // The mask stands for something that nobody may paste: it reads better without quotes.
    if bare || element == MASK {
        line.push_str(element);
    } else if element.contains(is_hidden) {
        line.push_str("$'");
        for c in element.chars() {
            match c {
                '\n' => line.push_str("\\n"),
                '\t' => line.push_str("\\t"),
                '\r' => line.push_str("\\r"),
                '\\' | '\'' => line.extend(['\\', c]),
                c if !is_hidden(c) => line.push(c),
                c if c.is_ascii() => line.push_str(&format!("\\x{:02x}", c as u32)),
                c if (c as u32) < 0x1_0000 => line.push_str(&format!("\\u{:04x}", c as u32)),
                c => line.push_str(&format!("\\U{:08x}", c as u32)),
            }
        }
        line.push('\'');
    } else {
        line.push('\'');
        line.push_str(&element.replace('\'', "'\\''"));
        line.push('\'');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exact(text: &str, writing: Writing) -> Vec<String> {
        let (argv, doubts) = split(text, writing).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!(doubts, Vec::<String>::new(), "{text}");
        argv
    }

    fn doubts(text: &str, writing: Writing) -> Vec<String> {
        split(text, writing).unwrap_or_else(|why| panic!("{text}: {why}")).1
    }

    #[test]
    fn json_is_exact() {
        assert_eq!(exact(r#"["cp", "a b", "", "$x"]"#, Writing::Json), ["cp", "a b", "", "$x"]);
        for broken in ["[]", "{}", "[1]", "cp a", r#"["a\u0000b"]"#, r#"[""]"#] {
            assert!(split(broken, Writing::Json).is_err(), "{broken}");
        }
    }

    #[test]
    fn quoting_is_removed_as_a_shell_does() {
        let cases: [(&str, &[&str]); 8] = [
            ("cp 'a b' c", &["cp", "a b", "c"]),
            ("cp \"a \\\"b\\\" \\c\" ''", &["cp", "a \"b\" \\c", ""]),
            ("cp a\\ b 'it'\"'\"'s' 'it'\\''s'", &["cp", "a b", "it's", "it's"]),
            ("cp $'a\\nb\\x1b\\u00e4\\101\\''", &["cp", "a\nb\u{1b}äA'"]),
            ("'zypper' 'install' '--force' 'man'", &["zypper", "install", "--force", "man"]),
            ("  cp\t a  b \n", &["cp", "a", "b"]),
            ("cp a\\\nb", &["cp", "ab"]),
            ("cp --limit='a,b'", &["cp", "--limit=a,b"]),
        ];
        for (text, argv) in cases {
            assert_eq!(exact(text, Writing::Quoted), argv, "{text}");
            assert_eq!(exact(text, Writing::Shell), argv, "{text}");
        }
        assert_eq!(exact("cap servers:start[a,0.1]", Writing::Quoted), ["cap", "servers:start[a,0.1]"]);
    }

    #[test]
    fn what_cannot_be_taken_apart_says_why() {
        for (text, why) in [
            ("cp 'a", "a quote (') in it is left open"),
            ("cp \"a", "a quote (\") in it is left open"),
            ("cp $'a", "a quote ($') in it is left open"),
            ("cp a\\", "it ends in a backslash"),
            ("", "it names no program"),
            ("'' a", "it names no program"),
            ("cp $'\\xff'", "an escape in it makes bytes that are no text"),
            ("cp a\0b", "it holds a NUL byte, which no argument can"),
            ("cp $'\\0'", "it holds a NUL byte, which no argument can"),
        ] {
            assert_eq!(split(text, Writing::Quoted), Err(why.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn what_only_a_shell_could_expand_is_doubted() {
        for text in [
            "cp $a b",
            "cp \"$a\" b",
            "cp `a` b",
            "cp \"`a`\"",
            "cp * b",
            "cp node[1-2] b",
            "cp a?c",
            "a | b",
            "a > b",
            "a; b",
            "a & b",
            "(a)",
            "cp ~/a",
            "cp {a,b}",
            "A=1 cp",
            "cp a # b",
            "cp a\ncp b",
            "cp --to=~/a",
        ] {
            assert_eq!(doubts(text, Writing::Shell).len(), 1, "{text}");
        }
        assert_eq!(doubts("cp '$a' '`b`' '*' 'a|b' a~ a#b", Writing::Shell), Vec::<String>::new());
        assert_eq!(doubts("cp a | b", Writing::Quoted).len(), 1);
    }

    #[test]
    fn lost_quoting_is_doubted_where_it_shows() {
        assert_eq!(exact("ansible-playbook site.yml -i hosts", Writing::Joined).len(), 4);
        for text in ["a  b", "a \"b c\"", "a 'b", "a \\b", "a {x: y}", "a b\tc", "a -e x=1 y=2"] {
            assert_eq!(doubts(text, Writing::Joined).len(), 1, "{text}");
        }
        assert_eq!(exact("a -e x=1 --y=2 z ", Writing::Joined), ["a", "-e", "x=1", "--y=2", "z"]);
    }

    #[test]
    fn a_pasted_line_is_harmless_and_readable() {
        assert_eq!(quote(["cp", "a b", "it's", "", "--limit=a,b"]), "cp 'a b' 'it'\\''s' '' --limit=a,b");
        assert_eq!(quote(["cp", "\u{1b}[2J", "a\u{202e}b"]), "cp $'\\x1b[2J' $'a\\u202eb'");
        assert_eq!(quote(["A=1", "=ls", "~", "#", "$x"]), "'A=1' '=ls' '~' '#' '$x'");
    }

    #[test]
    fn secrets_are_masked_whole() {
        let token = |text: &str, secret| Token { text: text.to_owned(), place: None, secret };
        assert_eq!(shown(&[token("cp", false), token("pa ss", true)]), "cp ******");
    }

    proptest! {
        #![proptest_config(super::super::cases())]
        #[test]
        fn quoting_and_splitting_gives_the_same_vector(
            program in "[a-z=~#\u{1b}]{1,6}",
            rest in proptest::collection::vec("[^\u{0}]{0,8}|[ '\"\\\\$`\n\u{202e}a-f0-9]{0,8}", 0..6)
        ) {
            let argv: Vec<String> = std::iter::once(program).chain(rest).collect();
            let line = quote(argv.iter().map(String::as_str));
            prop_assert!(!line.contains(is_hidden), "{:?}", line);
            for writing in [Writing::Quoted, Writing::Shell] {
                prop_assert_eq!(split(&line, writing), Ok((argv.clone(), Vec::new())), "{}", line);
            }
        }

        #[test]
        fn plain_elements_survive_every_writing(argv in proptest::collection::vec("[a-z0-9./,:@%+_-]{1,8}", 1..8)) {
            let line = argv.join(" ");
            for writing in [Writing::Quoted, Writing::Shell, Writing::Joined] {
                prop_assert_eq!(split(&line, writing), Ok((argv.clone(), Vec::new())));
            }
        }

        #[test]
        fn any_text_is_split_or_refused(text in "[a ='\"\\\\$`ux0-9\n{}]{0,30}") {
            for writing in [Writing::Json, Writing::Quoted, Writing::Shell, Writing::Joined] {
                if let Ok((argv, _)) = split(&text, writing) {
                    prop_assert!(!argv[0].is_empty());
                }
            }
        }
    }
}
