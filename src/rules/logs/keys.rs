//! Every YAML key of logfile rules and their samples, in the order of the manual page.
//!
//! The readers check keys against these very tables, and `autoticket-logs(5)` lists them: a key in one of the two
//! places only fails a test.

use super::{read, samples};
use crate::rules::reader::Keys;

/// The tables, file by file.
pub const KEYS: &[&Keys] = &[
    &read::TOP,
    &read::EVENT,
    &read::COMMAND,
    &read::NARROWING,
    &read::REPLACE,
    &read::INSERT,
    &read::LISTFILE,
    &read::JOIN,
    &samples::TOP,
    &samples::SAMPLE,
    &samples::RUN,
    &samples::RECIPIENT,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::logs::model::{Does, Field, OUTCOMES, WRITINGS};

    const PAGE: &str = include_str!("../../../man/autoticket-logs.5");

    fn documented() -> Vec<(String, String)> {
        let mut heading = None;
        let mut keys = Vec::new();
        for line in PAGE.lines() {
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

    #[test]
    fn the_manual_page_documents_every_key_and_no_other_in_this_order() {
        let heading = |table: &Keys| match table.of {
            "" => table.file.to_owned(),
            of => format!("{}: {of}", table.file),
        };
        let of_table =
            |table: &&'static Keys| table.keys.iter().map(|key| (heading(table), (*key).to_owned()));
        let read: Vec<_> = KEYS.iter().flat_map(of_table).collect();
        assert_eq!(read, documented());
    }

    #[test]
    fn the_manual_page_names_every_field_event_outcome_and_writing() {
        let words = Field::ALL.iter().map(|(_, word)| *word).chain(Does::ALL.iter().map(|(_, word)| *word));
        for word in words.chain(OUTCOMES).chain(WRITINGS) {
            assert!(PAGE.contains(&format!(".It Li {word}\n")), "{word}");
        }
    }
}
