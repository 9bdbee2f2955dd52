//! The texts a rule can look at.
//!
//! In: a [`Mail`], a [`Place`] and, inside a repeat, the block. Out: the texts of that place, borrowed.

use crate::mail::{Header, Mail};
use crate::rules::model::Place;

/// The texts of a place, in order. `block` is the text of the repeat block; outside of one, the body stands
/// in its place.
pub fn texts<'m>(
    mail: &'m Mail,
    place: &'m Place,
    block: Option<&'m str>,
) -> Box<dyn Iterator<Item = &'m str> + 'm> {
    match place {
        Place::Subject => Box::new(std::iter::once(mail.subject.as_str())),
        Place::Body => Box::new(std::iter::once(mail.body.as_str())),
        Place::Block => Box::new(std::iter::once(block.unwrap_or(&mail.body))),
        Place::Part(kind) => Box::new(
            mail.parts
                .iter()
                .filter(|part| part.content_type.eq_ignore_ascii_case(kind))
                .map(|part| part.text.as_str()),
        ),
        Place::Header(name) => Box::new(named(&mail.headers, name)),
        Place::EnclosedHeader(name) => Box::new(named(&mail.enclosed, name)),
    }
}

fn named<'m>(headers: &'m [Header], name: &'m str) -> impl Iterator<Item = &'m str> {
    headers
        .iter()
        .filter(move |header| header.name.eq_ignore_ascii_case(name))
        .map(|header| header.value.as_str())
}

/// As an operator writes it.
pub fn written(place: &Place) -> String {
    match place {
        Place::Subject => "subject".to_owned(),
        Place::Body => "body".to_owned(),
        Place::Block => "block".to_owned(),
        Place::Part(kind) => format!("part {kind}"),
        Place::Header(name) => format!("header {name}"),
        Place::EnclosedHeader(name) => format!("enclosed {name}"),
    }
}

/// Whether `needle` occurs in `text`, ASCII case ignored.
pub fn contains(text: &str, needle: &str) -> bool {
    let (text, needle) = (text.as_bytes(), needle.as_bytes());
    let Some(&first) = needle.first() else { return true };
    let Some(last_start) = text.len().checked_sub(needle.len()) else { return false };
    let starts = &text[..=last_start];
    memchr::memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), starts)
        .any(|at| text[at..at + needle.len()].eq_ignore_ascii_case(needle))
}

#[cfg(test)]
mod tests {
    use super::contains;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn contains_ignores_ascii_case_only(text in "[aAbBäÄ]{0,12}", needle in "[aAbBäÄ]{0,3}") {
            prop_assert_eq!(contains(&text, &needle), text.to_ascii_lowercase().contains(&needle.to_ascii_lowercase()));
        }
    }
}
