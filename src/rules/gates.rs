//! `gates:` of `autoticket.yaml`: what every mail has to pass.
//!
//! In: the merged tree. Out: [`Gates`]. No default stands here; see the embedded file.

use super::model::{
    AuthenticationGate, Depth, DomainGate, Gates, NodeAsks, NodeGate, Place, Relay, RelaySource, SubjectGate,
};
use super::reader::{Checker, Fields, Keys};
use super::words::{PLACE_WORDS, parse_place};
use super::yaml::Node;

macro_rules! keys {
    ($name:ident, $of:literal, $($key:literal)+) => {
        pub(super) static $name: Keys = Keys { file: "autoticket.yaml", of: $of, keys: &[$($key),+] };
    };
}

keys!(GATES, "gates", "authentication" "domain" "subject" "node" "relays");
keys!(AUTHENTICATION, "gates.authentication", "enabled" "methods");
keys!(DOMAIN, "gates.domain", "enabled" "depth");
keys!(SUBJECT, "gates.subject", "enabled" "prefixes" "require" "refuse");
keys!(NODE, "gates.node", "enabled" "asks");
keys!(RELAY, "gates.relays[]", "sender" "source" "matches" "in");

/// Dots that may stand before the listed part of a domain.
const MOST_DOTS: i64 = 16;

/// Reads `gates`. That authentication needs an `authserv_id` is asked over the whole.
pub(super) fn read(c: &mut Checker<'_>, top: &Fields<'_>) -> Option<Gates> {
    let f = c.section(top, "gates", &GATES)?;
    let authentication = c.section(&f, "authentication", &AUTHENTICATION).and_then(|f| authentication(c, &f));
    let domain = c.section(&f, "domain", &DOMAIN).and_then(|f| domain(c, &f));
    let subject = c.section(&f, "subject", &SUBJECT).and_then(|f| subject(c, &f));
    let node = c.section(&f, "node", &NODE).and_then(|f| node_gate(c, &f));
    let relays = c.need(&f, "relays").and_then(|node| relays(c, node));
    Some(Gates {
        authentication: authentication?,
        domain: domain?,
        subject: subject?,
        node: node?,
        relays: relays?,
    })
}

fn enabled(c: &mut Checker<'_>, f: &Fields<'_>) -> Option<bool> {
    let node = c.need(f, "enabled")?;
    c.flag(node, "enabled")
}

fn authentication(c: &mut Checker<'_>, f: &Fields<'_>) -> Option<AuthenticationGate> {
    let enabled = enabled(c, f);
    let methods = c.need(f, "methods").and_then(|node| {
        let words = c.texts(node, "methods")?;
        let nodes = match &node.kind {
            super::yaml::Kind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let all: Vec<_> =
            nodes.iter().map(|node| c.word(node, "methods", &["dkim", "spf", "dmarc"])).collect();
        all.iter().all(Option::is_some).then_some(words)
    });
    Some(AuthenticationGate { enabled: enabled?, methods: methods?, origin: c.origin(f.at) })
}

fn domain(c: &mut Checker<'_>, f: &Fields<'_>) -> Option<DomainGate> {
    let enabled = enabled(c, f);
    let depth = c.need(f, "depth").and_then(|node| match c.scalar(node, "depth")?.text.as_str() {
        "any" => Some(Depth::Any),
        text if text.bytes().all(|b| b.is_ascii_digit()) => {
            let dots = c.whole(node, "depth", 0..=MOST_DOTS)?;
            Some(Depth::After(u8::try_from(dots).ok()?))
        }
        text => {
            let what =
                format!("`depth` must be `any` or a number of dots, 0 for the whole domain, not `{text}`");
            c.wrong(node.at, what);
            None
        }
    });
    Some(DomainGate { enabled: enabled?, depth: depth?, origin: c.origin(f.at) })
}

fn subject(c: &mut Checker<'_>, f: &Fields<'_>) -> Option<SubjectGate> {
    let enabled = enabled(c, f);
    let prefixes = c.need(f, "prefixes").and_then(|node| {
        let prefixes = c.texts_or_none(node, "prefixes")?;
        if let Some(prefix) = prefixes.iter().find(|prefix| prefix.contains(':')) {
            let bare = prefix.trim_end_matches(':').trim_end().to_owned();
            c.wrong_word(
                node.at,
                format!("`prefixes` are written without colon, not `{prefix}`"),
                Some(&bare),
            );
            return None;
        }
        Some(prefixes)
    });
    let require = c.need(f, "require").and_then(|node| c.patterns(node, "require", false));
    let refuse = c.need(f, "refuse").and_then(|node| c.patterns(node, "refuse", false));
    Some(SubjectGate {
        enabled: enabled?,
        prefixes: prefixes?,
        require: require?,
        refuse: refuse?,
        origin: c.origin(f.at),
    })
}

fn node_gate(c: &mut Checker<'_>, f: &Fields<'_>) -> Option<NodeGate> {
    let enabled = enabled(c, f);
    let asks = c.need(f, "asks").and_then(|node| c.word(node, "asks", &["source", "device", "both"]));
    let asks = match asks? {
        "source" => NodeAsks::Source,
        "device" => NodeAsks::Device,
        _ => NodeAsks::Both,
    };
    Some(NodeGate { enabled: enabled?, asks, origin: c.origin(f.at) })
}

/// Later layers come last and stand over an earlier relay of the same sender.
fn relays(c: &mut Checker<'_>, node: &Node) -> Option<Vec<Relay>> {
    let items = c.list(node, "relays")?;
    let mut relays: Vec<(u16, Relay)> = Vec::new();
    let mut sound = true;
    for item in items {
        let Some(relay) = relay(c, item) else {
            sound = false;
            continue;
        };
        let same = relays.iter().position(|(_, other)| other.sender.eq_ignore_ascii_case(&relay.sender));
        match same {
            Some(index) if relays[index].0 != item.at.source => relays[index] = (item.at.source, relay),
            Some(index) => {
                let first = relays[index].1.origin.to_string();
                c.wrong(item.at, format!("relay `{}` is declared twice, first at {first}", relay.sender));
                sound = false;
            }
            None => relays.push((item.at.source, relay)),
        }
    }
    sound.then(|| relays.into_iter().map(|(_, relay)| relay).collect())
}

fn relay(c: &mut Checker<'_>, node: &Node) -> Option<Relay> {
    let f = c.fields(node, &RELAY, "a relay")?;
    let sender = c.need(&f, "sender").and_then(|node| {
        let text = c.text(node, "sender")?;
        if text.contains('@') {
            if super::settings::is_address(&text) {
                return Some(text);
            }
            c.wrong(node.at, format!("`sender` must be a domain or a bare address, not `{text}`"));
            return None;
        }
        super::settings::domain(c, node, "sender")
    });
    let source = match c.one_of(&f, &["source", "matches"], "a relay")? {
        ("source", node) => {
            c.word(node, "source", &["enclosed"])?;
            RelaySource::Enclosed
        }
        (_, pattern) => {
            let place = match f.get("in") {
                Some(node) => c.parsed(node, "in", &PLACE_WORDS, parse_place),
                None => Some(Place::Body),
            };
            let checked = c.pattern(pattern, "matches", false)?;
            if !checked.has("domain") && !checked.has("node") {
                c.wrong(pattern.at, "`matches` of a relay must capture `(?<domain>…)` or `(?<node>…)`");
                return None;
            }
            RelaySource::Captures { place: place?, pattern: checked.pattern }
        }
    };
    Some(Relay { sender: sender?, source, origin: c.origin(node.at) })
}
