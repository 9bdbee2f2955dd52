//! Every YAML key the code reads, in the order of the manual page.
//!
//! The readers check keys against these very tables, and `autoticket-rules(5)` lists them: a key in one of
//! the two places only fails a test.

use super::reader::Keys;
use super::{centers, findings, format, gates, outages, redistribution, samples, settings, thresholds};

/// The tables, file by file.
pub const KEYS: &[&Keys] = &[
    &settings::TOP,
    &settings::IDENTITY,
    &gates::GATES,
    &gates::AUTHENTICATION,
    &gates::DOMAIN,
    &gates::SUBJECT,
    &gates::NODE,
    &gates::RELAY,
    &settings::LISTS,
    &settings::LIST,
    &settings::EFFORT,
    &settings::TIME,
    &settings::DELIVERY,
    &settings::FILES,
    &settings::SMTP,
    &settings::SENDMAIL,
    &settings::TICKETS,
    &settings::KEEP,
    &outages::OUTAGES,
    &findings::DIAGNOSIS,
    &findings::FINDING,
    &thresholds::TOP,
    &thresholds::THRESHOLD,
    &centers::TOP,
    &centers::CENTER,
    &centers::BUILDING,
    &format::FORMATS,
    &format::FORMAT,
    &format::CONDITION,
    &format::REPEAT,
    &format::BLOCKS,
    &format::LINES,
    &format::GROUPS,
    &format::FIELDS,
    &format::TAKE,
    &format::FAILURE,
    &format::CASE,
    &outages::FILE,
    &outages::NOTICE,
    &redistribution::TOP,
    &redistribution::SERVER,
    &redistribution::MANAGER,
    &redistribution::REACHABILITY,
    &samples::TOP,
    &samples::SAMPLE,
    &samples::EXPECT,
];

/// A manual page and the tables it lists, read alike for every page.
#[cfg(test)]
pub(super) mod page {
    use crate::rules::reader::Keys;

    /// `file: map` and key of every `.It Cm` under a `.Ss` that begins with the name of a YAML file.
    pub(in crate::rules) fn documented(page: &str) -> Vec<(String, String)> {
        let mut heading = None;
        let mut keys = Vec::new();
        for line in page.lines() {
            if let Some(text) = line.strip_prefix(".Ss ") {
                heading = text.split(": ").next().is_some_and(|file| file.ends_with(".yaml")).then_some(text);
            } else if line.starts_with(".Sh ") {
                heading = None;
            } else if let (Some(heading), Some(key)) = (heading, line.strip_prefix(".It Cm ")) {
                keys.push((heading.to_owned(), key.to_owned()));
            }
        }
        keys
    }

    /// The same of the tables that the readers check keys against.
    pub(in crate::rules) fn read(tables: &[&'static Keys]) -> Vec<(String, String)> {
        let heading = |table: &Keys| match table.of {
            "" => table.file.to_owned(),
            of => format!("{}: {of}", table.file),
        };
        let of_table =
            |table: &&'static Keys| table.keys.iter().map(|key| (heading(table), (*key).to_owned()));
        tables.iter().flat_map(of_table).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const PAGE: &str = include_str!("../../man/autoticket-rules.5");

    #[test]
    fn the_manual_page_documents_every_key_and_no_other() {
        let (read, documented) = (page::read(KEYS), page::documented(PAGE));
        let set = |keys: &[(String, String)]| keys.iter().cloned().collect::<BTreeSet<_>>();
        let undocumented: Vec<_> = set(&read).difference(&set(&documented)).cloned().collect();
        let unread: Vec<_> = set(&documented).difference(&set(&read)).cloned().collect();
        assert_eq!((undocumented, unread), (Vec::new(), Vec::new()));
        assert_eq!(documented.len(), set(&documented).len(), "a key is documented twice");
        assert_eq!(read, documented, "the tables stand in the order of the manual page");
    }

    #[test]
    fn the_manual_page_names_every_place_and_scope() {
        let places = PAGE.split(".Sh PLACES").nth(1).expect("a section PLACES");
        for word in crate::rules::PLACE_WORDS {
            assert!(places.contains(&format!(".It Li {word}")), "{word}");
        }
        for word in crate::rules::SCOPE_WORDS {
            assert!(PAGE.contains(&format!(".Ql {word}")), "{word}");
        }
    }

    #[test]
    fn the_fields_of_the_model_are_the_keys_of_the_rules() {
        let words: Vec<_> = crate::rules::model::Field::ALL.iter().map(|(_, word)| *word).collect();
        assert_eq!(format::FIELDS.keys, words);
    }
}
