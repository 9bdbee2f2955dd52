//! Rust source as the house rules look at it: which paths a file names, which texts it holds.
//!
//! In: the text of a file. Out: its paths (groups of `use` expanded) and its string literals, each with its
//! line, without comments and without whatever is compiled for tests only. It is a scanner, not a compiler:
//! it sees names as they are written, so an alias is found where it is imported.

use crate::tree::files;
use std::fs;
use std::path::Path;

/// One source file.
#[derive(Debug)]
pub struct Source {
    /// Relative to the project, with `/`.
    pub path: String,
    pub text: String,
    /// The text with comments and insides of literals blanked; line for line the same.
    pub bare: String,
    /// The same without test-only items.
    pub code: String,
    /// String literals outside comments and tests, with their lines.
    pub strings: Vec<(usize, String)>,
    /// Files of modules that are compiled for tests only.
    test_modules: Vec<String>,
    /// Compiled for tests only, as a whole.
    pub test_only: bool,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let (mut code, literals) = blanked(text);
        let bare = String::from_utf8(code.clone()).expect("whole characters are blanked");
        let test_modules = without_tests(path, &mut code);
        let code = String::from_utf8(code).expect("whole items are blanked");
        let lines = Lines::of(text);
        // A literal inside a test lost its quotes with everything around it.
        let kept = |at: usize| code.as_bytes()[at] == b'"';
        let strings =
            literals.into_iter().filter(|(at, _)| kept(*at)).map(|(at, s)| (lines.at(at), s)).collect();
        Self { path: path.into(), text: text.into(), bare, code, strings, test_modules, test_only: false }
    }

    /// Every Rust file below a folder of the project, in order of their paths.
    pub fn all(root: &Path, folder: &str) -> Vec<Source> {
        let mut sources: Vec<Source> = files(root, folder)
            .into_iter()
            .filter(|path| path.ends_with(".rs"))
            .map(|path| {
                let text = fs::read_to_string(root.join(&path)).expect("a readable source file");
                Source::new(&path, &text)
            })
            .collect();
        mark_tests(&mut sources);
        sources
    }

    /// First folder or file below `src`; empty for `lib.rs` and `main.rs`.
    pub fn room(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or_default();
        match inside.split_once('/') {
            Some((room, _)) => room,
            None => inside.strip_suffix(".rs").filter(|s| *s != "lib" && *s != "main").unwrap_or_default(),
        }
    }

    /// Every path that is named, `a::b::c`, with its line; a macro ends with `!`.
    pub fn paths(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        let bytes = self.code.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            if is_word(bytes[at]) && (at == 0 || !is_word(bytes[at - 1])) {
                at = path(bytes, at, "", &mut found);
            } else {
                at += 1;
            }
        }
        let lines = Lines::of(&self.code);
        found.into_iter().map(|(at, path)| (lines.at(at), path)).collect()
    }

    /// How many modules deep the file stands below the crate: `src/mail/mod.rs` is 1, `src/mail/date.rs` 2.
    pub fn depth(&self) -> usize {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let parts = inside.split('/').count();
        if inside.ends_with("/mod.rs") { parts - 1 } else { parts }
    }

    /// `path:line`.
    pub fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path)
    }
}

/// Marks the files of test-only modules and of everything below them.
pub fn mark_tests(sources: &mut [Source]) {
    let modules: Vec<String> = sources.iter().flat_map(|s| s.test_modules.clone()).collect();
    for source in sources {
        source.test_only = modules.iter().any(|module| {
            source.path.strip_prefix(module.as_str()).is_some_and(|r| r == ".rs" || r.starts_with('/'))
        });
    }
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// Where the lines of a text begin.
pub struct Lines(Vec<usize>);

impl Lines {
    pub fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// Number of the line in which a byte stands, from 1.
    pub fn at(&self, byte: usize) -> usize {
        self.0.partition_point(|end| *end < byte) + 1
    }
}

fn blank(code: &mut [u8]) {
    for byte in code.iter_mut().filter(|b| **b != b'\n') {
        *byte = b' ';
    }
}

/// Blanks comments and the insides of literals; gives the string literals with the places of their quotes.
fn blanked(text: &str) -> (Vec<u8>, Vec<(usize, String)>) {
    let bytes = text.as_bytes();
    let (mut code, mut strings) = (bytes.to_vec(), Vec::new());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest.starts_with(b"//") {
            let end = at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
            blank(&mut code[at..end]);
            at = end;
        } else if rest.starts_with(b"/*") {
            let end = at + comment(rest);
            blank(&mut code[at..end]);
            at = end;
        } else if let Some((open, inside)) = string(bytes, at) {
            let (from, to) = (at + open, at + open + inside);
            strings.push((from - 1, text[from..to].to_owned()));
            blank(&mut code[from..to]);
            at = to + 1 + hashes(bytes, at);
        } else if rest[0] == b'\'' {
            let length = character(rest);
            if length > 1 {
                blank(&mut code[at + 1..at + length - 1]);
            }
            at += length;
        } else {
            at += 1;
        }
    }
    (code, strings)
}

/// Length of a block comment; they nest.
fn comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    break;
                }
            }
            _ => at += 1,
        }
    }
    at
}

/// Hashes of the raw string that begins here.
fn hashes(bytes: &[u8], at: usize) -> usize {
    if bytes[at] == b'r' { bytes[at + 1..].iter().take_while(|b| **b == b'#').count() } else { 0 }
}

/// A string literal that begins here: bytes up to its inside, bytes inside.
fn string(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    if bytes[at] == b'"' {
        let mut inside = 0;
        while let Some(byte) = bytes.get(at + 1 + inside).filter(|b| **b != b'"') {
            inside += if *byte == b'\\' { 2 } else { 1 };
        }
        return Some((1, inside.min(bytes.len() - at - 1)));
    }
    let prefixed = |n: usize| at.checked_sub(n).is_some_and(|i| is_word(bytes[i]));
    let raw = bytes[at] == b'r' && (!prefixed(1) || (matches!(bytes[at - 1], b'b' | b'c') && !prefixed(2)));
    if !raw {
        return None;
    }
    let hashes = hashes(bytes, at);
    let open = 2 + hashes;
    if bytes.get(at + 1 + hashes) != Some(&b'"') {
        return None;
    }
    let end = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    let inside = bytes[at + open..].windows(end.len()).position(|w| w == end)?;
    Some((open, inside))
}

/// Length of a character literal, or 1 for the mark of a lifetime.
fn character(rest: &[u8]) -> usize {
    if rest.get(1) == Some(&b'\\') {
        return rest[3..].iter().position(|b| *b == b'\'').map_or(1, |n| n + 4);
    }
    let width = match rest.get(1) {
        Some(0xf0..) => 4,
        Some(0xe0..) => 3,
        Some(0xc0..) => 2,
        _ => 1,
    };
    if rest.get(1 + width) == Some(&b'\'') { width + 2 } else { 1 }
}

/// Blanks items under `#[cfg(test)]`; gives the files (without ending) of modules declared by them.
fn without_tests(path: &str, code: &mut [u8]) -> Vec<String> {
    let mut modules = Vec::new();
    let mut from = 0;
    while let Some(start) = find(&code[from..], b"#[cfg(").map(|n| n + from) {
        let end = start + closing(&code[start + 1..]) + 1;
        from = end;
        let condition = String::from_utf8_lossy(&code[start + 6..end]).into_owned();
        let of_test = condition.split(|c: char| !c.is_alphanumeric()).any(|word| word == "test");
        if !of_test || condition.contains("not(") {
            continue;
        }
        let mut item = end;
        loop {
            item += code[item..].iter().take_while(|b| b.is_ascii_whitespace()).count();
            if !code[item..].starts_with(b"#[") {
                break;
            }
            item += 1 + closing(&code[item + 1..]);
        }
        let mut stop = item;
        while stop < code.len() && !matches!(code[stop], b';' | b'{') {
            stop += if matches!(code[stop], b'(' | b'[') { closing(&code[stop..]) } else { 1 };
        }
        if code.get(stop) == Some(&b';') {
            let words = String::from_utf8_lossy(&code[item..stop]).into_owned();
            if let Some((_, name)) = words.split_once("mod ") {
                modules.push(format!("{}/{}", folder_of_modules(path), name.trim()));
            }
            stop += 1;
        } else if stop < code.len() {
            stop += closing(&code[stop..]);
        }
        blank(&mut code[start..stop]);
        from = stop;
    }
    modules
}

/// Where the modules that a file declares have their files.
fn folder_of_modules(path: &str) -> &str {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    if matches!(name, "mod.rs" | "lib.rs" | "main.rs") { folder } else { path.trim_end_matches(".rs") }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|w| w == wanted)
}

/// Bytes up to and with the bracket that closes the one which stands first.
pub fn closing(code: &[u8]) -> usize {
    let mut depth = 0;
    for (at, byte) in code.iter().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

/// Reads one path, its groups expanded; gives where reading goes on.
fn path(code: &[u8], start: usize, prefix: &str, found: &mut Vec<(usize, String)>) -> usize {
    let mut at = start;
    let mut name = prefix.to_owned();
    loop {
        let end = at + code[at..].iter().take_while(|b| is_word(**b)).count();
        let word = String::from_utf8_lossy(&code[at..end]);
        match word.as_ref() {
            "self" if !prefix.is_empty() => {}
            word if name.is_empty() => name.push_str(word),
            word => name = format!("{name}::{word}"),
        }
        at = end;
        if !code[at..].starts_with(b"::") {
            break;
        }
        match code.get(at + 2) {
            Some(byte) if is_word(*byte) => at += 2,
            Some(b'{') => {
                let end = at + 2 + closing(&code[at + 2..]);
                let mut inside = at + 3;
                while inside < end {
                    if is_word(code[inside]) {
                        inside = path(code, inside, &name, found);
                        // An alias names nothing.
                        while inside < end && !matches!(code[inside], b',' | b'}') {
                            inside += 1;
                        }
                    } else {
                        inside += 1;
                    }
                }
                return end;
            }
            _ => break,
        }
    }
    if code.get(at) == Some(&b'!') && code.get(at + 1) != Some(&b'=') {
        name.push('!');
    }
    found.push((start, name));
    at
}

/// Names of the place where this was made, not of the product. Split, so that this file is not found itself.
pub fn workshop(path: &str, text: &str) -> Vec<String> {
    const NAMES: [&str; 6] = [
        concat!("/wo", "rk/"),
        concat!(".lib", "rary/"),
        concat!("sub", "agent"),
        concat!("fa", "rm-"),
        concat!("crates.io", "/api"),
        concat!("static.", "crates.io"),
    ];
    let said = |line: &str| NAMES.iter().find(|name| line.contains(**name)).copied();
    text.lines()
        .enumerate()
        .filter_map(|(n, line)| Some(format!("{path}:{}: names `{}`", n + 1, said(line)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        let source = Source::new("src/room/file.rs", text);
        source
            .paths()
            .into_iter()
            .map(|(_, path)| path)
            .filter(|p| p.contains("::") || p.ends_with('!'))
            .collect()
    }

    #[test]
    fn groups_are_expanded_and_aliases_found_where_they_are_imported() {
        let text =
            "use std::{fs::{self, File as F}, io};\nuse crate::{mail, store::Tx};\npub(crate) fn f() {}";
        let expected = ["std::fs", "std::fs::File", "std::io", "crate::mail", "crate::store::Tx"];
        assert_eq!(paths(text), expected);
        assert_eq!(paths("let x = a::b::<c::D>(e != f); vec![1]; g!{}"), ["a::b", "c::D", "vec!", "g!"]);
    }

    #[test]
    fn comments_and_literals_name_nothing() {
        let text = r####"
            // std::fs
            /* std::fs /* nested */ std::env */
            let a = "std::fs \" std::env"; let b = r#"std::"fs"# ; let c = br##"std::fs"##; let d = b"std::fs";
            let quote = '"'; let lifetime: &'static str = x; let e = '\''; let f = 'é'; std::net::here();
        "####;
        assert_eq!(paths(text), ["std::net::here"]);
        let strings: Vec<String> =
            Source::new("src/a.rs", text).strings.into_iter().map(|(_, text)| text).collect();
        assert_eq!(strings, [r#"std::fs \" std::env"#, r#"std::"fs"#, "std::fs", "std::fs"]);
    }

    #[test]
    fn test_only_items_and_their_files_are_left_out() {
        let text = "#[cfg(test)]\nmod tests;\n#[cfg(all(test, feature = \"x\"))]\n#[allow(unused)]\n\
            mod more { fn f(a: [u8; 2]) { std::fs::read(\"SELECT {\") } }\n\
            #[cfg(not(test))]\nuse a::b;\n#[cfg(test)]\nuse c::{d, e};\nuse f::g;\nconst S: &str = \"kept\";";
        let mut sources = [
            Source::new("src/room/mod.rs", text),
            Source::new("src/room/tests.rs", ""),
            Source::new("src/room/tests/deep.rs", ""),
            Source::new("src/room/tests_support.rs", ""),
        ];
        mark_tests(&mut sources);
        assert_eq!(sources.each_ref().map(|s| s.test_only), [false, true, true, false]);
        assert_eq!(paths(text), ["a::b", "f::g"]);
        assert_eq!(sources[0].strings, [(11, "kept".to_owned())]);
    }

    #[test]
    fn rooms_and_depths_are_read_from_paths() {
        let of = |path: &str| {
            let source = Source::new(path, "");
            (source.room().to_owned(), source.depth())
        };
        assert_eq!(of("src/mail/mod.rs"), ("mail".into(), 1));
        assert_eq!(of("src/mail/deep/date.rs"), ("mail".into(), 3));
        assert_eq!(of("src/outage.rs"), ("outage".into(), 1));
        assert_eq!(of("src/lib.rs"), (String::new(), 1));
    }

    #[test]
    fn lines_are_those_of_the_file() {
        let source = Source::new("src/a.rs", "// one\n\nuse b::{\n    c,\n    d,\n};\n");
        assert_eq!(source.paths()[1..], [(4, "b::c".to_owned()), (5, "b::d".to_owned())]);
    }
}
