//! The one normaliser of names, used wherever two names are compared.
//!
//! In: a device, node, server or domain name as a tool, a mail or an operator wrote it. Out: the form under
//! which it is stored, counted and looked up. It knows no lists and resolves nothing.

use std::net::{IpAddr, Ipv6Addr};

/// What stands in place of a control, bidirectional or zero-width character: no real name holds it, so a
/// hostile name can neither vanish nor pass for another one.
const REPLACEMENT: char = '\u{fffd}';

/// The normal form: trimmed, lower case, without trailing dots and surrounding quotes or brackets; MAC and
/// IP addresses in their canonical form ([`mac`], [`ip`]).
///
/// Empty only where the name is: characters that would make a name invisible are replaced by U+FFFD, and
/// brackets around nothing stay. Normalising twice changes nothing.
pub fn normal(name: &str) -> String {
    let mut text = if name.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        name.trim().to_ascii_lowercase()
    } else {
        let lower = name.trim().chars().flat_map(char::to_lowercase);
        lower.map(|c| if crate::shown::is_hidden(c) { REPLACEMENT } else { c }).collect()
    };
    loop {
        let bare = stripped(&text).trim();
        if bare.is_empty() || bare.len() == text.len() {
            break;
        }
        text = bare.to_owned();
    }
    mac(&text).or_else(|| ip(&text)).unwrap_or(text)
}

/// One layer of whitespace, trailing dots and surrounding quotes or brackets less.
fn stripped(text: &str) -> &str {
    let text = text.trim().trim_end_matches('.');
    for (open, close) in
        [('"', '"'), ('\'', '\''), ('`', '`'), ('[', ']'), ('<', '>'), ('(', ')'), ('{', '}')]
    {
        if let Some(inner) = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)) {
            return inner;
        }
    }
    text
}

/// First label of a name: `node7` of `node7.east.acme.com`; an address is its own host.
pub fn host(name: &str) -> String {
    let whole = normal(name);
    if is_address(&whole) {
        return whole;
    }
    match whole.split_once('.') {
        Some((label, _)) if !label.trim().is_empty() => host(label),
        _ => whole,
    }
}

/// Whether two names mean the same computer: equal, or one is the short form of the other. Two names of
/// different domains are different computers, and an address equals nothing but itself.
pub fn same(a: &str, b: &str) -> bool {
    let (a, b) = (normal(a), normal(b));
    if a == b {
        return true;
    }
    let short = |name: &str| !name.contains('.') && !is_address(name);
    (short(&a) && a == host(&b)) || (short(&b) && b == host(&a))
}

/// Whether a normal name is a MAC or IP address.
pub fn is_address(normal: &str) -> bool {
    ip(normal).is_some() || mac(normal).is_some()
}

/// What a composite such as `08:00:20:1a:2b:3c/10.1.2.3` or `node7 (10.1.2.3)` names, each part normal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Composite {
    pub name: Option<String>,
    pub mac: Option<String>,
    pub ip: Option<String>,
}

impl Composite {
    /// The name under which the device is counted: its own, else its MAC, else its IP address.
    pub fn device(&self) -> Option<&str> {
        self.name.as_deref().or(self.mac.as_deref()).or(self.ip.as_deref())
    }
}

/// Takes a composite apart. A text none of whose pieces is an address is a name as a whole, so that
/// `B2/R14` stays what it is.
pub fn composite(text: &str) -> Composite {
    let mut found = Composite::default();
    let mut names = Vec::new();
    for piece in
        text.split(|c: char| c.is_whitespace() || matches!(c, '/' | ',' | ';' | '|' | '(' | ')' | '='))
    {
        let piece = normal(piece);
        if piece.is_empty() {
            continue;
        }
        if let Some(mac) = mac(&piece) {
            found.mac.get_or_insert(mac);
        } else if let Some(ip) = ip(&piece) {
            found.ip.get_or_insert(ip);
        } else {
            names.push(piece);
        }
    }
    let whole = normal(text);
    found.name = if found.mac.is_none() && found.ip.is_none() {
        (!whole.is_empty()).then_some(whole)
    } else {
        names.into_iter().next()
    };
    found
}

/// Canonical MAC address (`08:00:20:1a:2b:3c`) of one in colon, dash or dot notation; octets without their
/// leading zero (`8:0:20:1a:2b:3c`) are taken too.
pub fn mac(text: &str) -> Option<String> {
    let text = text.trim();
    let octets: Vec<u8> = if text.contains('.') {
        let groups: Vec<&str> = text.split('.').collect();
        if groups.len() != 3 || groups.iter().any(|group| group.len() != 4) {
            return None;
        }
        groups.iter().flat_map(|group| [group.get(..2), group.get(2..)]).map(octet).collect::<Option<_>>()?
    } else {
        let separator = if text.contains(':') { ':' } else { '-' };
        let short_allowed = separator == ':';
        text.split(separator)
            .map(|part| octet(Some(part).filter(|part| short_allowed || part.len() == 2)))
            .collect::<Option<_>>()?
    };
    (octets.len() == 6).then(|| octets.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"))
}

/// [`mac`], and six octets without any separator, or in two groups or more of four or six digits
/// (`0800-201a-2b3c`, `080020-1a2b3c`): only where a MAC address is meant, for a name may look like that.
pub fn mac_anyhow(text: &str) -> Option<String> {
    mac(text).or_else(|| {
        let text = text.trim();
        let groups: Vec<&str> = text.split(['-', ':', '.', ' ']).collect();
        let even = matches!(groups[0].len(), 4 | 6 | 12) && groups.iter().all(|g| g.len() == groups[0].len());
        let digits = groups.concat();
        let whole = even && digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if !whole {
            return None;
        }
        let pairs: Vec<&str> = (0..6).map(|at| &digits[2 * at..2 * at + 2]).collect();
        mac(&pairs.join(":"))
    })
}

fn octet(text: Option<&str>) -> Option<u8> {
    let text = text.filter(|t| (1..=2).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u8::from_str_radix(text, 16).ok()
}

/// Canonical IP address: brackets, `IPv6:` tag and zone removed, IPv6 shortened, mapped IPv4 as IPv4.
pub fn ip(text: &str) -> Option<String> {
    let mut text = text.trim();
    if let Some(inner) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        text = inner;
    }
    if text.get(..5).is_some_and(|tag| tag.eq_ignore_ascii_case("ipv6:")) {
        text = &text[5..];
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical().to_string());
    }
    let (address, zone) = text.split_once('%')?;
    let address: Ipv6Addr = address.parse().ok()?;
    zone.bytes().all(|b| b.is_ascii_alphanumeric()).then(|| address.to_canonical().to_string())
}

/// A mail domain fit to be looked up: lower case, no trailing dot, labels of letters, digits, `-` and `_`
/// (of any script: IDN), or the canonical form of an address literal. None for anything else.
pub fn domain(text: &str) -> Option<String> {
    let text = text.trim();
    if text.starts_with('[') {
        return text.ends_with(']').then(|| ip(text)).flatten();
    }
    let text = text.strip_suffix('.').unwrap_or(text).to_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.chars().count())
            && label.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '\u{307}'))
    };
    (text.len() <= 253 && text.split('.').all(label)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_name_has_one_normal_form() {
        for written in [
            "Node7.Plant.Example.",
            " node7.plant.example",
            "<NODE7.plant.example>",
            "\"node7.plant.example.\"",
            "[(node7.plant.example)]",
        ] {
            assert_eq!(normal(written), "node7.plant.example", "{written:?}");
        }
    }

    #[test]
    fn a_name_never_becomes_empty_by_accident() {
        for written in ["[]", "\"\"", ".", "\u{200b}", "<>", "'", "\u{7}"] {
            assert!(!normal(written).is_empty(), "{written:?}");
        }
        assert_eq!(normal("  "), "");
    }

    #[test]
    fn hostile_characters_are_replaced_and_do_not_collide_with_real_names() {
        assert_eq!(normal("no\u{1b}de\u{202e}7"), "no\u{fffd}de\u{fffd}7");
        assert!(!same("node\u{200b}7", "node7"));
    }

    #[test]
    fn short_name_and_full_name_are_the_same_but_two_domains_are_not() {
        assert!(same("node7", "NODE7.plant.example."));
        assert!(same("node7.plant.example", "node7"));
        assert!(!same("node7.plant.example", "node7.evil.example"));
        assert!(!same("10", "10.1.2.3"));
        assert!(!same("10.1.2.3", "10.1.2.4"));
    }

    #[test]
    fn host_of_an_address_is_the_address() {
        assert_eq!(host("is38.east.acme.com"), "is38");
        assert_eq!(host("10.1.2.3"), "10.1.2.3");
        assert_eq!(host("[2001:DB8::1]"), "2001:db8::1");
        assert_eq!(host(".hidden"), ".hidden");
    }

    #[test]
    fn composites_come_apart() {
        let all = |name: Option<&str>, mac: Option<&str>, ip: Option<&str>| Composite {
            name: name.map(str::to_owned),
            mac: mac.map(str::to_owned),
            ip: ip.map(str::to_owned),
        };
        let mac = Some("08:00:20:1a:2b:3c");
        assert_eq!(composite("08:00:20:1a:2b:3c/10.1.2.3"), all(None, mac, Some("10.1.2.3")));
        assert_eq!(composite("Node7 (10.1.2.3)"), all(Some("node7"), None, Some("10.1.2.3")));
        assert_eq!(composite("node7/0800.201a.2b3c"), all(Some("node7"), mac, None));
        assert_eq!(composite("8:0:20:1A:2B:3C"), all(None, mac, None));
        assert_eq!(composite("B2/R14"), all(Some("b2/r14"), None, None));
        assert_eq!(composite("08-00-20-1a-2b-3c").device(), mac);
    }

    #[test]
    fn addresses_have_one_form() {
        for written in ["08:00:20:1A:2B:3C", "08-00-20-1a-2b-3c", "0800.201A.2b3c", "8:0:20:1a:2b:3c"] {
            assert_eq!(mac(written).as_deref(), Some("08:00:20:1a:2b:3c"), "{written}");
        }
        for not in
            ["08:00:20:1a:2b", "08:00:20:1a:2b:3c:4d", "8-0-20-1a-2b-3c", "10.1.2.3", "+8:00:20:1a:2b:3c", ""]
        {
            assert_eq!(mac(not), None, "{not}");
        }
        for written in ["0800201A2b3c", "0800-201a-2b3c", "080020-1a2b3c", "8:0:20:1a:2b:3c"] {
            assert_eq!(mac_anyhow(written).as_deref(), Some("08:00:20:1a:2b:3c"), "{written}");
        }
        for not in ["0800201a2b3", "0800-201a2b3c", "node-201a-2b3c", "", "äöüäöü"] {
            assert_eq!(mac_anyhow(not), None, "{not}");
        }
        assert_eq!(ip("2001:0DB8:0:0::1").as_deref(), Some("2001:db8::1"));
        assert_eq!(ip("::ffff:10.1.2.3").as_deref(), Some("10.1.2.3"));
        assert_eq!(ip("[IPv6:fe80::1]").as_deref(), Some("fe80::1"));
        assert_eq!(ip("fe80::1%eth0").as_deref(), Some("fe80::1"));
        assert_eq!(ip("010.1.2.3"), None);
        assert_eq!(normal("08-00-20-1A-2B-3C"), "08:00:20:1a:2b:3c");
    }

    #[test]
    fn domains_are_labels_or_an_address_literal() {
        assert_eq!(domain("East.ACME.com.").as_deref(), Some("east.acme.com"));
        assert_eq!(domain("BÜCHER.example").as_deref(), Some("bücher.example"));
        assert_eq!(domain("[10.1.2.3]").as_deref(), Some("10.1.2.3"));
        assert_eq!(domain("[IPv6:2001:db8::1]").as_deref(), Some("2001:db8::1"));
        for not in [
            "",
            ".",
            "acme..com",
            "acme.com/evil",
            "acme com",
            "acme.com\u{0}",
            "[acme.com]",
            "acme\u{200b}.com",
            "acme.com>",
        ] {
            assert_eq!(domain(not), None, "{not:?}");
        }
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(name in "\\PC{0,20}|[\"'\\[\\](){}<>. a-fA-F0-9:%\u{200b}\u{0}\n-]{0,24}") {
            let once = normal(&name);
            prop_assert_eq!(normal(&once), once.clone());
            prop_assert_eq!(once.is_empty(), name.trim().is_empty());
            prop_assert!(same(&name, &once));
            prop_assert_eq!(host(&host(&name)), host(&name));
        }

        #[test]
        fn composite_parts_are_normal(text in "[a-z0-9:./ -]{0,40}") {
            let parts = composite(&text);
            for part in [parts.name, parts.mac, parts.ip].into_iter().flatten() {
                prop_assert_eq!(normal(&part), part);
            }
        }
    }
}
