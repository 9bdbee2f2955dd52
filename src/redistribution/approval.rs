//! What an approval binds, as one hash.
//!
//! In: everything that decides what a command does. Out: SHA-256 over it. It does not know who approves or issues.

use sha2::{Digest, Sha256};

/// Names the form of what is hashed; another form gets another name.
const FORM: &str = "autoticket approval 2";

/// All that an approval binds: another value of any of these is another command (DESIGN 6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound<'a> {
    /// Whose distribution manager issues it.
    pub server: &'a str,
    /// The program that takes the command, as it will be started, and its arguments; none: the command itself is
    /// started.
    pub manager: &'a [String],
    /// The program as it will be started: an absolute path.
    pub program: &'a str,
    /// Intact, secrets too; the element that names a new list holds `{list}`.
    pub argv: Vec<&'a str>,
    pub directory: Option<&'a str>,
    pub user: Option<&'a str>,
    /// Names and values that we set, in the order of the settings.
    pub environment: &'a [(String, String)],
    /// What the new distribution list will hold.
    pub list: Option<&'a str>,
}

/// The bytes that are hashed: each text behind its length (64 bit, little endian), each list behind its count, each
/// optional text behind 0 or 1. Different values have different encodings.
pub fn encode(bound: &Bound) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    let text = |bytes: &mut Vec<u8>, text: &str| {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.bytes());
    };
    let maybe = |bytes: &mut Vec<u8>, maybe: Option<&str>| {
        bytes.push(u8::from(maybe.is_some()));
        maybe.into_iter().for_each(|words| text(bytes, words));
    };
    text(&mut bytes, FORM);
    text(&mut bytes, bound.server);
    bytes.extend((bound.manager.len() as u64).to_le_bytes());
    bound.manager.iter().for_each(|element| text(&mut bytes, element));
    text(&mut bytes, bound.program);
    bytes.extend((bound.argv.len() as u64).to_le_bytes());
    bound.argv.iter().for_each(|element| text(&mut bytes, element));
    maybe(&mut bytes, bound.directory);
    maybe(&mut bytes, bound.user);
    bytes.extend((bound.environment.len() as u64).to_le_bytes());
    for (name, value) in bound.environment {
        text(&mut bytes, name);
        text(&mut bytes, value);
    }
    maybe(&mut bytes, bound.list);
    bytes
}

/// Lowercase hexadecimal SHA-256 over [`encode`].
pub fn hash(bound: &Bound) -> String {
    use std::fmt::Write;
    Sha256::digest(encode(bound)).iter().fold(String::with_capacity(64), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes everything");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Owned = (
        String,
        Vec<String>,
        String,
        Vec<String>,
        Option<String>,
        Option<String>,
        Vec<(String, String)>,
        Option<String>,
    );

    fn bound(of: &Owned) -> Bound<'_> {
        Bound {
            server: &of.0,
            manager: &of.1,
            program: &of.2,
            argv: of.3.iter().map(String::as_str).collect(),
            directory: of.4.as_deref(),
            user: of.5.as_deref(),
            environment: &of.6,
            list: of.7.as_deref(),
        }
    }

    fn any() -> impl Strategy<Value = Owned> {
        let text = || "[ab\u{0}\u{1}]{0,3}";
        (
            text(),
            proptest::collection::vec(text(), 0..3),
            text(),
            proptest::collection::vec(text(), 0..3),
            proptest::option::of(text()),
            proptest::option::of(text()),
            proptest::collection::vec((text(), text()), 0..3),
            proptest::option::of(text()),
        )
    }

    /// Reads an encoding back: that there is one way to do so is what makes it unambiguous.
    fn decode(bytes: &[u8]) -> Owned {
        fn number(bytes: &mut &[u8]) -> usize {
            let (count, rest) = bytes.split_first_chunk::<8>().expect("a count");
            *bytes = rest;
            u64::from_le_bytes(*count) as usize
        }
        fn text(bytes: &mut &[u8]) -> String {
            let length = number(bytes);
            let (words, rest) = bytes.split_at(length);
            *bytes = rest;
            String::from_utf8(words.to_vec()).expect("text")
        }
        fn maybe(bytes: &mut &[u8]) -> Option<String> {
            let (flag, rest) = bytes.split_first().expect("a flag");
            *bytes = rest;
            (*flag == 1).then(|| text(bytes))
        }
        let rest = &mut &*bytes;
        assert_eq!(text(rest), FORM);
        let server = text(rest);
        let manager = (0..number(rest)).map(|_| text(rest)).collect();
        let program = text(rest);
        let argv = (0..number(rest)).map(|_| text(rest)).collect();
        let (directory, user) = (maybe(rest), maybe(rest));
        let environment = (0..number(rest)).map(|_| (text(rest), text(rest))).collect();
        let read = (server, manager, program, argv, directory, user, environment, maybe(rest));
        assert!(rest.is_empty());
        read
    }

    #[test]
    fn the_hash_is_that_of_the_written_form() {
        let argv = vec!["clush", "-w", "node7"];
        let environment = [("PATH".to_owned(), "/usr/bin".to_owned())];
        let bound = Bound {
            server: "is38",
            manager: &[],
            program: "/usr/bin/clush",
            argv,
            directory: Some("/srv"),
            user: None,
            environment: &environment,
            list: None,
        };
        assert_eq!(hash(&bound).len(), 64);
        let mut other = bound.clone();
        other.argv = vec!["clush", "-wnode7"];
        assert_ne!(hash(&bound), hash(&other));
        other = Bound { user: Some(""), ..bound.clone() };
        assert_ne!(hash(&bound), hash(&other));
        let submit = ["/opt/dm".to_owned(), "submit".to_owned()];
        other = Bound { manager: &submit, ..bound.clone() };
        assert_ne!(hash(&bound), hash(&other), "another way to the manager is another approval");
    }

    proptest! {
        #![proptest_config(super::super::cases())]
        #[test]
        fn different_commands_have_different_encodings(a in any(), b in any()) {
            prop_assert_eq!(&decode(&encode(&bound(&a))), &a);
            prop_assert_eq!(encode(&bound(&a)) == encode(&bound(&b)), a == b);
        }
    }
}
