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
    use crate::rules::keys::page;
    use crate::rules::logs::model::{Does, Field, OUTCOMES, WRITINGS};

    const PAGE: &str = include_str!("../../../man/autoticket-logs.5");

    #[test]
    fn the_manual_page_documents_every_key_and_no_other_in_this_order() {
        assert_eq!(page::read(KEYS), page::documented(PAGE));
    }

    #[test]
    fn the_manual_page_names_every_field_event_outcome_and_writing() {
        let words = Field::ALL.iter().map(|(_, word)| *word).chain(Does::ALL.iter().map(|(_, word)| *word));
        for word in words.chain(OUTCOMES).chain(WRITINGS) {
            assert!(PAGE.contains(&format!(".It Li {word}\n")), "{word}");
        }
    }
}
