//! A compiled rule set as bytes, so that a process that handles one mail reads no YAML.
//!
//! In: a rule set and a stamp that says of which files it was made (the caller's: names, sizes, times). Out:
//! bytes; and from bytes the rule set again, or nothing. A torn, changed, foreign or outdated file is
//! nothing, never an error: the caller compiles anew. Where the bytes are kept is not known here.
//!
//! Layout: magic, fingerprint of crate version and model (8 bytes), checksum of all that follows (8 bytes),
//! length of the stamp (8 bytes), stamp, rule set (postcard). Numbers are little-endian.

use super::model::RuleSet;

const MAGIC: &[u8; 8] = b"ATRULES1";
const HEADER: usize = 32;

/// Changes with the crate's version and with every change of the model, so that no byte is read as
/// something it was not written as.
const FINGERPRINT: u64 =
    checksum(include_bytes!("model.rs"), checksum(env!("CARGO_PKG_VERSION").as_bytes(), 0));

/// The rule set as bytes that [`decode`] reads under the same stamp.
pub fn encode(rules: &RuleSet, stamp: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; HEADER];
    bytes.extend_from_slice(stamp);
    let mut bytes = postcard::to_extend(rules, bytes).expect("plain data goes into a Vec");
    bytes[24..32].copy_from_slice(&(stamp.len() as u64).to_le_bytes());
    let sum = checksum(&bytes[24..], FINGERPRINT);
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..16].copy_from_slice(&FINGERPRINT.to_le_bytes());
    bytes[16..24].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// The rule set, if the bytes are whole, of this very program and of this stamp.
pub fn decode(bytes: &[u8], stamp: &[u8]) -> Option<RuleSet> {
    if bytes.get(..8)? != MAGIC || number(bytes, 8)? != FINGERPRINT {
        return None;
    }
    let length = usize::try_from(number(bytes, 24)?).ok()?;
    let (found, rules) = bytes.get(HEADER..)?.split_at_checked(length)?;
    if found != stamp || number(bytes, 16)? != checksum(&bytes[24..], FINGERPRINT) {
        return None;
    }
    match postcard::take_from_bytes(rules) {
        Ok((rules, [])) => Some(rules),
        _ => None,
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// A checksum against accidents, not against people: 32 bytes a step, as a cryptographic hash would take
/// longer than reading the rules. Each step is a bijection of a lane's state, so that a change within one
/// lane and step always shows.
const fn checksum(bytes: &[u8], seed: u64) -> u64 {
    let mut lanes = [seed, step(seed, 1), step(seed, 2), step(seed, bytes.len() as u64)];
    let mut rest = bytes;
    while let Some((chunk, tail)) = rest.split_first_chunk::<32>() {
        let ([a, b, c, d], _) = chunk.as_chunks::<8>() else { break };
        lanes[0] = step(lanes[0], u64::from_le_bytes(*a));
        lanes[1] = step(lanes[1], u64::from_le_bytes(*b));
        lanes[2] = step(lanes[2], u64::from_le_bytes(*c));
        lanes[3] = step(lanes[3], u64::from_le_bytes(*d));
        rest = tail;
    }
    let mut sum = step(step(step(lanes[0], lanes[1]), lanes[2]), lanes[3]);
    while let Some((byte, tail)) = rest.split_first() {
        sum = step(sum, *byte as u64);
        rest = tail;
    }
    sum ^ (sum >> 32)
}

const fn step(state: u64, word: u64) -> u64 {
    (state ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}

#[cfg(test)]
mod tests {
    use super::super::{compile, embedded};
    use super::*;
    use proptest::prelude::*;

    fn rules() -> RuleSet {
        compile(&embedded()).expect("the shipped rules are right")
    }

    #[test]
    fn a_rule_set_comes_back_as_it_went() {
        let rules = rules();
        let back = decode(&encode(&rules, b"stamp"), b"stamp").expect("whole");
        assert_eq!(format!("{back:?}"), format!("{rules:?}"));
    }

    #[test]
    fn another_stamp_is_another_rule_set() {
        let bytes = encode(&rules(), b"stamp");
        assert!(decode(&bytes, b"stamq").is_none());
        assert!(decode(&bytes, b"").is_none());
        assert!(decode(&bytes, b"stamp and more").is_none());
    }

    #[test]
    fn every_torn_file_is_nothing() {
        let bytes = encode(&rules(), b"stamp");
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end], b"stamp").is_none(), "cut at {end}");
        }
        let zeros = [bytes.as_slice(), &[0]].concat();
        assert!(decode(&zeros, b"stamp").is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn changed_bytes_are_nothing(changes in prop::collection::vec((any::<prop::sample::Index>(), 1..=255u8), 1..4)) {
            let whole = encode(&rules(), b"stamp");
            let mut bytes = whole.clone();
            for (index, change) in changes {
                bytes[index.index(whole.len())] ^= change;
            }
            prop_assume!(bytes != whole);
            prop_assert!(decode(&bytes, b"stamp").is_none());
        }

        #[test]
        fn foreign_bytes_are_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(decode(&bytes, b"stamp").is_none());
        }

        #[test]
        fn a_payload_that_is_no_rule_set_never_panics(payload in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = [&[0; 24], 0u64.to_le_bytes().as_slice(), &payload].concat();
            let sum = checksum(&bytes[24..], FINGERPRINT);
            bytes[..8].copy_from_slice(MAGIC);
            bytes[8..16].copy_from_slice(&FINGERPRINT.to_le_bytes());
            bytes[16..24].copy_from_slice(&sum.to_le_bytes());
            decode(&bytes, b"");
        }
    }
}
