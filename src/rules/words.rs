//! The small languages inside values: durations, scopes, places, field names.
//!
//! In: one text. Out: the value or a lowercase fragment saying what is wrong with it. `Display` writes
//! what the parsers read. No positions and no YAML here: the command line uses the same words.

use super::model::{Field, Place, Scope, Seconds};
use std::fmt;

/// Units of a duration, longest first.
const UNITS: [(char, i64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Reads `30s`, `5m`, `1h`, `2d`, `1h30m`: whole numbers, each unit at most once, longest first.
pub fn parse_seconds(text: &str) -> Result<Seconds, String> {
    let wrong = || format!("`{text}` is no duration; write it like `30s`, `5m`, `1h`, `2d` or `1h30m`");
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut units = UNITS.iter();
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let number: i64 = number.parse().map_err(|_| wrong())?;
        let unit = tail.chars().next().ok_or_else(wrong)?;
        let (_, seconds) = units.find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        total = number
            .checked_mul(*seconds)
            .and_then(|part| total.checked_add(part))
            .ok_or_else(|| format!("`{text}` is too long a duration"))?;
        rest = &tail[1..];
    }
    Ok(Seconds(total))
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let mut rest = self.0.unsigned_abs();
        for (name, seconds) in UNITS {
            let seconds = seconds.unsigned_abs();
            if rest >= seconds {
                write!(f, "{}{name}", rest / seconds)?;
                rest %= seconds;
            }
        }
        Ok(())
    }
}

/// The words a scope begins with, narrowest first.
pub const SCOPE_WORDS: [&str; 6] = ["device", "building", "server", "region", "package", "everywhere"];

/// Reads `device GLOB`, `building NAME`, `server GLOB`, `region NAME`, `package GLOB` or `everywhere`.
pub fn parse_scope(text: &str) -> Result<Scope, String> {
    let text = text.trim();
    let (word, name) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let name = name.trim();
    if word == "everywhere" {
        return match name {
            "" => Ok(Scope::Everywhere),
            _ => Err(format!("nothing stands after `everywhere`, not `{name}`")),
        };
    }
    if !SCOPE_WORDS.contains(&word) {
        return Err(format!("`{word}` is no scope; one of {}", SCOPE_WORDS.join(", ")));
    }
    if name.is_empty() {
        return Err(format!("`{word}` needs a name after it"));
    }
    if name.chars().any(char::is_control) {
        return Err(format!("the name after `{word}` holds a control character"));
    }
    if matches!(word, "device" | "server" | "package") {
        check_glob(name)?;
    }
    let name = name.to_owned();
    Ok(match word {
        "device" => Scope::Device(name),
        "building" => Scope::Building(name),
        "server" => Scope::Server(name),
        "region" => Scope::Region(name),
        _ => Scope::Package(name),
    })
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Device(glob) => write!(f, "device {glob}"),
            Scope::Building(name) => write!(f, "building {name}"),
            Scope::Server(glob) => write!(f, "server {glob}"),
            Scope::Region(name) => write!(f, "region {name}"),
            Scope::Package(glob) => write!(f, "package {glob}"),
            Scope::Everywhere => f.write_str("everywhere"),
        }
    }
}

/// Whether a glob (`*`, `?`, `[a-z]`, `{a,b}`) can be used.
pub(super) fn check_glob(glob: &str) -> Result<(), String> {
    globset::Glob::new(glob).map(|_| ()).map_err(|error| format!("bad glob `{glob}`: {}", error.kind()))
}

/// The words a place begins with.
pub const PLACE_WORDS: [&str; 6] = ["subject", "body", "block", "part", "header", "enclosed"];

/// Reads `subject`, `body`, `block`, `part TYPE/SUBTYPE`, `header NAME` or `enclosed NAME`.
pub fn parse_place(text: &str) -> Result<Place, String> {
    let text = text.trim();
    let (word, name) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let name = name.trim();
    match word {
        "subject" | "body" | "block" if !name.is_empty() => {
            Err(format!("nothing stands after `{word}`, not `{name}`"))
        }
        "subject" => Ok(Place::Subject),
        "body" => Ok(Place::Body),
        "block" => Ok(Place::Block),
        "part" => match name.split_once('/') {
            Some((kind, sub)) if is_token(kind) && is_token(sub) => {
                Ok(Place::Part(name.to_ascii_lowercase()))
            }
            _ => {
                Err(format!("`part` needs a content type after it, such as `part text/plain`, not `{name}`"))
            }
        },
        "header" | "enclosed" if !is_header_name(name) => Err(format!(
            "`{word}` needs a header name after it, such as `{word} Auto-Submitted`, not `{name}`"
        )),
        "header" => Ok(Place::Header(name.to_owned())),
        "enclosed" => Ok(Place::EnclosedHeader(name.to_owned())),
        _ => Err(format!("`{word}` is no place; one of {}", PLACE_WORDS.join(", "))),
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Subject => f.write_str("subject"),
            Place::Body => f.write_str("body"),
            Place::Block => f.write_str("block"),
            Place::Part(kind) => write!(f, "part {kind}"),
            Place::Header(name) => write!(f, "header {name}"),
            Place::EnclosedHeader(name) => write!(f, "enclosed {name}"),
        }
    }
}

/// A token of RFC 2045, section 5.1.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&b))
}

/// A field name of RFC 5322, section 3.6.8.
pub(super) fn is_header_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b':')
}

impl Field {
    /// Every field with its word in rules and samples.
    pub const ALL: [(Field, &'static str); 18] = [
        (Field::Id, "id"),
        (Field::EventTime, "event_time"),
        (Field::Tool, "tool"),
        (Field::Region, "region"),
        (Field::Device, "device"),
        (Field::Mac, "mac"),
        (Field::Ip, "ip"),
        (Field::Server, "server"),
        (Field::Upstream, "upstream"),
        (Field::Job, "job"),
        (Field::Package, "package"),
        (Field::Announced, "announced"),
        (Field::Building, "building"),
        (Field::Room, "room"),
        (Field::Location, "location"),
        (Field::SourceDomain, "source_domain"),
        (Field::SourceNode, "source_node"),
        (Field::Detail, "detail"),
    ];

    /// The field's word in rules and samples; also the name of its capture.
    pub fn word(self) -> &'static str {
        Field::ALL
            .iter()
            .find(|(field, _)| *field == self)
            .map(|(_, word)| *word)
            .expect("the table lists every field, as a test shows")
    }

    pub fn from_word(word: &str) -> Option<Field> {
        Field::ALL.iter().find(|(_, w)| *w == word).map(|(field, _)| *field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_whole_numbers_with_units_longest_first() {
        for (text, seconds) in [
            ("0s", 0),
            ("30s", 30),
            ("5m", 300),
            ("1h", 3600),
            ("2d", 172_800),
            ("1h30m", 5400),
            ("90m", 5400),
        ] {
            assert_eq!(parse_seconds(text), Ok(Seconds(seconds)), "{text}");
        }
        for text in ["", "5", "m", "5 m", "-5m", "1m1h", "1h1h", "1.5h", "5x", "5µ", "99999999999999999999s"]
        {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
        assert_eq!(
            parse_seconds("999999999999999999d"),
            Err("`999999999999999999d` is too long a duration".into())
        );
    }

    #[test]
    fn scopes_are_one_word_and_a_name() {
        assert_eq!(parse_scope("building Main Hall"), Ok(Scope::Building("Main Hall".into())));
        assert_eq!(parse_scope(" device  node* "), Ok(Scope::Device("node*".into())));
        assert_eq!(parse_scope("everywhere"), Ok(Scope::Everywhere));
        assert_eq!(parse_scope("building"), Err("`building` needs a name after it".into()));
        assert_eq!(
            parse_scope("room 12"),
            Err("`room` is no scope; one of device, building, server, region, package, everywhere".into())
        );
        assert_eq!(
            parse_scope("device no[de"),
            Err("bad glob `no[de`: unclosed character class; missing ']'".into())
        );
        assert!(parse_scope("everywhere else").is_err());
    }

    #[test]
    fn places_name_what_they_need() {
        assert_eq!(
            parse_place("part Message/Delivery-Status"),
            Ok(Place::Part("message/delivery-status".into()))
        );
        assert_eq!(parse_place("header X-Loop"), Ok(Place::Header("X-Loop".into())));
        assert_eq!(parse_place("enclosed From"), Ok(Place::EnclosedHeader("From".into())));
        assert!(parse_place("part text").is_err());
        assert!(parse_place("header").is_err());
        assert!(parse_place("subject line").is_err());
    }

    #[test]
    fn every_field_has_one_word() {
        for (field, word) in Field::ALL {
            assert_eq!((field.word(), Field::from_word(word)), (word, Some(field)));
        }
    }

    fn any_scope() -> impl Strategy<Value = Scope> {
        let name = "[a-zA-Z0-9*?._-]([ a-zA-Z0-9*?._-]{0,12}[a-zA-Z0-9*?._-])?";
        (0..6u8, name).prop_map(|(which, name)| match which {
            0 => Scope::Device(name),
            1 => Scope::Building(name),
            2 => Scope::Server(name),
            3 => Scope::Region(name),
            4 => Scope::Package(name),
            _ => Scope::Everywhere,
        })
    }

    proptest! {
        #[test]
        fn a_written_duration_reads_back(seconds in 0..=i64::MAX) {
            prop_assert_eq!(parse_seconds(&Seconds(seconds).to_string()), Ok(Seconds(seconds)));
        }

        #[test]
        fn a_written_scope_reads_back(scope in any_scope()) {
            prop_assert_eq!(parse_scope(&scope.to_string()), Ok(scope));
        }

        #[test]
        fn no_text_makes_a_parser_panic(text in "\\PC{0,20}") {
            let _ = (parse_seconds(&text), parse_scope(&text), parse_place(&text));
        }
    }
}
