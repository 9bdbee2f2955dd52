//! Ticket numbers.
//!
//! In: what makes a crossing unique. Out: `T-` and eight characters that a person can read over a telephone.
//! It does not know which numbers are taken.

use sha2::{Digest, Sha256};

/// Crockford's base 32: no I, L, O, U.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The number of the ticket that this crossing makes: `T-` and 40 bits of a SHA-256 in Crockford's base 32.
///
/// `salt` is 0, and one more for each number of the same crossing that another ticket already has.
/// The fields are hashed with their lengths, so that no two different keys hash the same bytes.
pub fn number(install: &str, device: &str, failure: &str, crossing_key: &[u8; 32], salt: u32) -> String {
    let mut hash = Sha256::new();
    for field in [install.as_bytes(), device.as_bytes(), failure.as_bytes(), crossing_key] {
        hash.update((field.len() as u64).to_be_bytes());
        hash.update(field);
    }
    hash.update(salt.to_be_bytes());
    let bits = hash.finalize()[..5].iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let digits = (0..8).rev().map(|at| char::from(LETTERS[(bits >> (5 * at) & 31) as usize]));
    format!("T-{}", digits.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn number_is_a_function_of_install_device_failure_and_crossing() {
        let one = number("i1", "node7", "connection", &[7; 32], 0);
        assert_eq!(one, number("i1", "node7", "connection", &[7; 32], 0));
        assert_eq!(one, "T-XDHFKWXE", "a changed number would send every open ticket a second time");
        let others = [
            number("i2", "node7", "connection", &[7; 32], 0),
            number("i1", "node8", "connection", &[7; 32], 0),
            number("i1", "node7", "disk", &[7; 32], 0),
            number("i1", "node7", "connection", &[8; 32], 0),
            number("i1", "node7", "connection", &[7; 32], 1),
            number("i1", "node7c", "onnection", &[7; 32], 0),
        ];
        for other in others {
            assert_ne!(one, other);
            assert!(other.len() == 10 && !other[2..].contains(['I', 'L', 'O', 'U']), "{other}");
        }
    }
}
