//! Building and room out of a location as somebody stated it.
//!
//! In: `Building 12, Room 345`, `B2/R14`, `B2-R14`, `Bldg. 7 Rm. 2`. Out: building and room as written, for
//! routing and for the location record to correct. It knows no buildings.

/// Building and room named in a text, where they can be told.
///
/// A worded form names the bare token (`12` of `Building 12`); a short code is kept whole (`B2` of `B2/R14`),
/// because that is the building's name there.
pub fn building_and_room(location: &str) -> (Option<String>, Option<String>) {
    let after = |words: &[&str]| token_after(location, words);
    let building = after(&["building", "bldg", "gebäude", "bâtiment"]);
    let room = after(&["room", "rm", "raum", "zimmer", "salle"]);
    if building.is_some() || room.is_some() {
        return (building, room);
    }
    let mut codes = location
        .split([',', ' ', ';', '\t'])
        .filter_map(|word| word.split_once('/').or_else(|| word.split_once('-')))
        .filter(|(b, r)| is_code(b, 'B') && is_code(r, 'R'));
    codes.next().map_or((None, None), |(b, r)| (Some(b.to_owned()), Some(r.to_owned())))
}

/// `B2`, `b12a`: the letter, then a digit, then letters and digits.
fn is_code(text: &str, letter: char) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.eq_ignore_ascii_case(&letter))
        && chars.next().is_some_and(|c| c.is_ascii_digit())
        && chars.all(|c| c.is_ascii_alphanumeric())
}

/// The token after the first of these words, which stands as a word of its own.
fn token_after(text: &str, words: &[&str]) -> Option<String> {
    let tokens: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ':' | '=' | '#' | '/'))
        .filter(|t| !t.is_empty())
        .collect();
    tokens.windows(2).find_map(|pair| {
        let word = pair[0].trim_end_matches('.').to_lowercase();
        let next = pair[1].trim_end_matches(['.', ')']);
        (words.contains(&word.as_str()) && !next.is_empty()).then(|| next.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::building_and_room;

    #[test]
    fn buildings_and_rooms_are_read_out_of_stated_locations() {
        for (stated, building, room) in [
            ("Building 12, Room 345", Some("12"), Some("345")),
            ("B2/R14", Some("B2"), Some("R14")),
            ("B2-R14", Some("B2"), Some("R14")),
            ("Plant East, b2/r14a", Some("b2"), Some("r14a")),
            ("Bldg. 7 Rm. 2", Some("7"), Some("2")),
            ("Gebäude 4, Raum 4.012", Some("4"), Some("4.012")),
            ("building: HQ", Some("HQ"), None),
            ("Room 9", None, Some("9")),
            ("Rebuilding 12", None, None),
            ("B-R", None, None),
            ("somewhere", None, None),
            ("", None, None),
            ("Building", None, None),
        ] {
            let got = building_and_room(stated);
            assert_eq!((got.0.as_deref(), got.1.as_deref()), (building, room), "{stated}");
        }
    }
}
