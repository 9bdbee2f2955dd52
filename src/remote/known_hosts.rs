//! `known_hosts`: is this key the one of that host?
//!
//! In: texts of files, the name and port of a host, a key. Out: a verdict with places. Names may be lists, patterns,
//! `[host]:port` or hashed. It adds nothing to the files: accepting a key is a person's decision, made with ssh.

use super::config::{Text, fits};
use super::key::kind;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// What the files say about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Known,
    /// No line has a key of its kind for this host; `others`: lines with keys of other kinds.
    Unknown {
        others: Vec<String>,
    },
    /// Another key of its kind is this host's: where that stands.
    Changed {
        place: String,
    },
    /// Somebody took this key out of use: where.
    Revoked {
        place: String,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    None,
    Revoked,
    Authority,
}

/// A line that names the host.
struct Line {
    place: String,
    mark: Mark,
    kind: String,
    blob: Vec<u8>,
}

/// The name under which a host stands in the files.
pub(super) fn name(host: &str, port: u16) -> String {
    let host = host.to_lowercase();
    if port == 22 { host } else { format!("[{host}]:{port}") }
}

/// Lines that name the host; those that nobody could read are left out, as ssh does.
fn lines(files: &[Text], name: &str) -> Vec<Line> {
    let mut found = Vec::new();
    for (file, text) in files {
        for (line, number) in text.lines().zip(1..) {
            let mut words = line.split_ascii_whitespace();
            let Some(first) = words.next().filter(|first| !first.starts_with('#')) else { continue };
            let (mark, hosts) = match first {
                "@revoked" => (Mark::Revoked, words.next()),
                "@cert-authority" => (Mark::Authority, words.next()),
                marked if marked.starts_with('@') => continue,
                hosts => (Mark::None, Some(hosts)),
            };
            let (Some(hosts), Some(kind), Some(key)) = (hosts, words.next(), words.next()) else { continue };
            let Ok(blob) = STANDARD.decode(key) else { continue };
            if is_named(hosts, name) {
                found.push(Line { place: format!("{file}:{number}"), mark, kind: kind.to_owned(), blob });
            }
        }
    }
    found
}

fn is_named(hosts: &str, name: &str) -> bool {
    if let Some(hashed) = hosts.strip_prefix("|1|") {
        return is_hash_of(hashed, name);
    }
    let mut named = false;
    for pattern in hosts.split(',') {
        match pattern.strip_prefix('!') {
            Some(pattern) if fits(pattern, name) => return false,
            Some(_) => {}
            None => named |= fits(pattern, name),
        }
    }
    named
}

/// `SALT|HASH`: HMAC-SHA-1 of the name.
fn is_hash_of(hashed: &str, name: &str) -> bool {
    let Some((salt, hash)) = hashed.split_once('|') else { return false };
    let (Ok(salt), Ok(hash)) = (STANDARD.decode(salt), STANDARD.decode(hash)) else { return false };
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    hmac::verify(&key, name.as_bytes(), &hash).is_ok()
}

/// What the files say about the key that a host showed.
pub(super) fn judge(files: &[Text], name: &str, blob: &[u8]) -> Verdict {
    let lines = lines(files, name);
    let same = |line: &&Line| line.blob == blob;
    if let Some(line) = lines.iter().filter(same).find(|line| line.mark == Mark::Revoked) {
        return Verdict::Revoked { place: line.place.clone() };
    }
    let plain = || lines.iter().filter(|line| line.mark == Mark::None);
    if plain().any(|line| same(&line)) {
        return Verdict::Known;
    }
    let own = kind(blob).unwrap_or_default();
    match plain().find(|line| line.kind == own) {
        Some(line) => Verdict::Changed { place: line.place.clone() },
        None => Verdict::Unknown { others: plain().map(|line| line.place.clone()).collect() },
    }
}

/// The kinds of keys known of a host: those that it is to show first.
pub(super) fn kinds(files: &[Text], name: &str) -> Vec<String> {
    let mut kinds: Vec<String> = Vec::new();
    for line in lines(files, name).into_iter().filter(|line| line.mark == Mark::None) {
        if !kinds.contains(&line.kind) {
            kinds.push(line.kind);
        }
    }
    kinds
}

/// Whether an authority vouches for this host: its certificates are not understood here.
pub(super) fn has_authority(files: &[Text], name: &str) -> bool {
    lines(files, name).iter().any(|line| line.mark == Mark::Authority)
}

#[cfg(test)]
mod tests {
    use super::super::key::public;
    use super::*;

    // Made by ssh-keygen, the hashed names by `ssh-keygen -H`.
    const ED: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFLtikq7HaZXiw0T0FpFdLHKtyuFGpgLvxb5RgatNs9K";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAviqbLZ5l2OZO2mDgn0qi+pBSTxgBLPUWTy5Dn61yvw";
    const EC: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBGtHsjIwfRxBYrDXQcbiyGiLmPslcl4t9FZoELP7g9JWOqWE0FVw3/pEItKeZE6QciZQeluUe3yF//ixdB7+VWc=";
    const HASHED: &str = "|1|adYdL1ftHhqlqBiLzkHHA4wKIUM=|nMvBe44oh1pT3ofvNuTPCm/mBe0=";
    const HASHED_PORT: &str = "|1|9JdXHU2ILvhL5cd06tcryQmFPMw=|gu3099GEw1J9ZeNataMV0rp19iE=";

    fn judged(text: &str, host: &str, port: u16, key: &str) -> Verdict {
        let files = [("known_hosts".to_owned(), text.to_owned())];
        judge(&files, &name(host, port), &public(key).expect("a key"))
    }

    fn place(line: usize) -> String {
        format!("known_hosts:{line}")
    }

    #[test]
    fn a_key_is_known_by_name_list_pattern_port_and_hash() {
        for (hosts, host, port) in [
            ("node7", "node7", 22),
            ("node7,10.1.2.3", "10.1.2.3", 22),
            ("NODE7", "node7", 22),
            ("node7", "NODE7", 22),
            ("*.acme.com,!evil.acme.com", "is38.acme.com", 22),
            ("[node7]:2222", "node7", 2222),
            ("[fd00::1]:2222", "fd00::1", 2222),
            (HASHED, "node7", 22),
            (HASHED_PORT, "node7", 2222),
        ] {
            let text = format!("# remark\n\n{hosts} {ED} somebody\n");
            assert_eq!(judged(&text, host, port, ED), Verdict::Known, "{hosts}");
        }
    }

    #[test]
    fn a_name_that_only_looks_alike_is_not_the_host() {
        for (hosts, host, port) in [
            ("node7", "node70", 22),
            ("node7", "node7", 2222),
            ("[node7]:2222", "node7", 22),
            ("*.acme.com,!evil.acme.com", "evil.acme.com", 22),
            (HASHED, "node8", 22),
            (HASHED, "node7", 2222),
            ("|1|x|y", "node7", 22),
            ("|1|", "node7", 22),
        ] {
            let text = format!("{hosts} {ED}\n");
            assert_eq!(judged(&text, host, port, ED), Verdict::Unknown { others: Vec::new() }, "{hosts}");
        }
    }

    #[test]
    fn a_changed_key_an_unknown_one_and_a_revoked_one_are_told_apart() {
        let text = format!("other {OTHER}\nnode7 {ED}\n");
        assert_eq!(judged(&text, "node7", 22, OTHER), Verdict::Changed { place: place(2) });
        assert_eq!(judged(&text, "node7", 22, EC), Verdict::Unknown { others: vec![place(2)] });
        // Two keys of one kind, as while keys are changed: either is known.
        let text = format!("node7 {ED}\nnode7 {OTHER}\n");
        assert_eq!(judged(&text, "node7", 22, OTHER), Verdict::Known);
        // Taken out of use, whatever else is said.
        let text = format!("node7 {ED}\n@revoked * {ED}\n");
        assert_eq!(judged(&text, "node7", 22, ED), Verdict::Revoked { place: place(2) });
        assert_eq!(
            judged(&format!("@revoked node7 {ED}\n"), "node7", 22, OTHER),
            Verdict::Unknown { others: vec![] }
        );
    }

    #[test]
    fn an_authority_is_no_key_of_the_host() {
        let files =
            [("k".to_owned(), format!("@cert-authority *.acme.com {ED}\n@unheard *.acme.com {ED}\n"))];
        assert!(has_authority(&files, "is38.acme.com") && !has_authority(&files, "is38"));
        let blob = public(ED).expect("a key");
        assert_eq!(judge(&files, "is38.acme.com", &blob), Verdict::Unknown { others: Vec::new() });
        assert_eq!(kinds(&files, "is38.acme.com"), Vec::<String>::new());
    }

    #[test]
    fn lines_that_cannot_be_read_say_nothing() {
        let text = format!(
            "node7\nnode7 ssh-ed25519\nnode7 ssh-ed25519 ***\n@revoked\n\x00\u{202e}\nnode7 {ED}\nnode7 {EC}\n"
        );
        assert_eq!(judged(&text, "node7", 22, ED), Verdict::Known);
        let files = [("k".to_owned(), text)];
        assert_eq!(kinds(&files, "node7"), ["ssh-ed25519", "ecdsa-sha2-nistp256"]);
    }
}
