//! Keys as files and blobs: what kind, which fingerprint, whether a passphrase protects it.
//!
//! In: texts and bytes. Out: names. It reads no file and signs nothing.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};

/// `SHA256:…`, as ssh shows a key.
pub(super) fn fingerprint(blob: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(blob)))
}

/// The kind of a public key: the first text of its blob.
pub(super) fn kind(blob: &[u8]) -> Option<&str> {
    std::str::from_utf8(text(blob)?).ok().filter(|kind| kind.bytes().all(|b| b.is_ascii_graphic()))
}

/// A text with its length before it.
fn text(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// The blob of a public key file: `ssh-ed25519 AAAA… comment`.
pub(super) fn public(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.split_whitespace().nth(1)?).ok()
}

/// Whether a private key file asks for a passphrase.
pub(super) fn is_encrypted(text: &str) -> bool {
    let Some((_, body)) = text.split_once("-----BEGIN OPENSSH PRIVATE KEY-----") else {
        return text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
            || text.contains("Proc-Type: 4,ENCRYPTED");
    };
    let base64: String =
        body.split("-----END").next().unwrap_or("").chars().filter(|c| !c.is_whitespace()).take(64).collect();
    let bytes = STANDARD.decode(base64).unwrap_or_default();
    let cipher = bytes.strip_prefix(b"openssh-key-v1\0".as_slice()).and_then(self::text);
    cipher.is_some_and(|cipher| cipher != b"none")
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made by ssh-keygen for this test; it opens nothing.
    const PUBLIC: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFLtikq7HaZXiw0T0FpFdLHKtyuFGpgLvxb5RgatNs9K example";

    #[test]
    fn a_key_has_the_kind_and_the_fingerprint_that_ssh_shows() {
        let blob = public(PUBLIC).expect("a blob");
        assert_eq!(kind(&blob), Some("ssh-ed25519"));
        assert_eq!(fingerprint(&blob), FINGERPRINT);
        assert_eq!(kind(b"\0\0\0\x09x"), None);
        assert_eq!(kind(b""), None);
    }

    const FINGERPRINT: &str = "SHA256:tkvhLVUJy34v1ydISUwIKHNQZnFPkgoLvrMYWLU+MRQ";

    #[test]
    fn a_passphrase_is_seen_in_every_form_of_file() {
        let framed = |inner: &[u8]| {
            let body = STANDARD.encode([b"openssh-key-v1\0", inner].concat());
            format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n")
        };
        let rest = [7; 60];
        assert!(is_encrypted(&framed(&[b"\0\0\0\x0aaes256-ctr".as_slice(), &rest].concat())));
        assert!(!is_encrypted(&framed(&[b"\0\0\0\x04none".as_slice(), &rest].concat())));
        assert!(is_encrypted(
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: x\n\nAAAA\n"
        ));
        assert!(is_encrypted("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n"));
        assert!(!is_encrypted("-----BEGIN PRIVATE KEY-----\nAAAA\n"));
        assert!(!is_encrypted("-----BEGIN OPENSSH PRIVATE KEY-----\n\n"));
    }
}
