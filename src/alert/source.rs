//! Where a mail came from: the domain and node of its sender.
//!
//! In: a [`Mail`] and the declared relays. Out: a [`Source`], or why there is none. `From` is what the
//! gates judge, and it can be forged: exactly one header with exactly one address, nothing repaired by
//! guessing. Whether the domain or node is known is not asked here.

use super::model::Reason;
use super::name;
use super::pattern::Patterns;
use super::places;
use crate::mail::Mail;
use crate::rules::model::{Depth, Relay, RelaySource};
use serde::{Deserialize, Serialize};

/// A sender as the gates see it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// `local@domain` as written.
    pub address: String,
    /// Normal form, whole: `is38.east.acme.com`, or the address of an address literal.
    pub domain: String,
    /// First label of the domain: `is38`.
    pub node: String,
    /// The relay rule by which domain and node were found elsewhere than in From (`file:line`).
    pub relay: Option<String>,
}

impl Source {
    /// The source an address names; None where its domain is no domain.
    pub fn of(address: &str) -> Option<Self> {
        let (local, domain) = split(address)?;
        let domain = name::domain(domain)?;
        (!local.is_empty()).then(|| Self {
            address: address.trim().to_owned(),
            node: name::host(&domain),
            domain,
            relay: None,
        })
    }

    /// The forms of the domain that the domain list is asked for, in order.
    pub fn forms(&self, depth: Depth) -> Vec<&str> {
        let mut forms = vec![self.domain.as_str()];
        if !name::is_address(&self.domain) {
            forms.extend(self.domain.match_indices('.').map(|(dot, _)| &self.domain[dot + 1..]));
        }
        match depth {
            Depth::Any => forms,
            Depth::After(dots) => forms.into_iter().nth(usize::from(dots)).into_iter().collect(),
        }
    }
}

/// The two sides of the last `@`; None where the local part could hide another one.
fn split(address: &str) -> Option<(&str, &str)> {
    let (local, domain) = address.trim().rsplit_once('@')?;
    let quoted = local.len() >= 2 && local.starts_with('"') && local.ends_with('"');
    let bare = !local.contains(['@', '<', '>', '"', ',', ';', ':', '\\', ' ', '\t']);
    let hidden = local.chars().any(crate::shown::is_hidden);
    ((quoted || bare) && !hidden).then_some((local, domain))
}

/// The source of a mail.
///
/// For a relay's mail, domain and node come from where its rule says; where that place is empty, the mail is
/// the relay's own and so is the source.
pub fn of_mail(mail: &Mail, relays: &[Relay], patterns: &Patterns) -> Result<Source, Reason> {
    if mail.from_headers > 1 {
        return Err(Reason::SeveralFromHeaders { count: mail.from_headers });
    }
    if mail.from.len() > 1 {
        return Err(Reason::SeveralFromHeaders { count: mail.from.len() });
    }
    let from = mail.from.first().ok_or(Reason::NoSender)?;
    let sender = Source::of(&from.address).ok_or(Reason::NoSender)?;
    let Some(relay) = relays.iter().find(|relay| is_relay(&sender, &relay.sender)) else {
        return Ok(sender);
    };
    let found = match &relay.source {
        RelaySource::Enclosed => enclosed_sender(mail),
        RelaySource::Captures { place, pattern } => places::texts(mail, place, None).find_map(|text| {
            let domain = patterns.value_named(pattern, "domain", text);
            let node = patterns.value_named(pattern, "node", text);
            captured(&sender, domain, node)
        }),
    };
    let mut source = found.unwrap_or(sender);
    source.relay = Some(relay.origin.to_string());
    Ok(source)
}

fn captured(sender: &Source, domain: Option<String>, node: Option<String>) -> Option<Source> {
    let domain = domain.as_deref().and_then(name::domain);
    let node = node.map(|node| name::normal(&node)).filter(|node| !node.is_empty());
    if domain.is_none() && node.is_none() {
        return None;
    }
    let domain = domain.unwrap_or_else(|| sender.domain.clone());
    let node = node.map_or_else(|| name::host(&domain), |node| name::host(&node));
    Some(Source { address: sender.address.clone(), domain, node, relay: None })
}

/// Exactly one From header with one address in the enclosed message.
fn enclosed_sender(mail: &Mail) -> Option<Source> {
    let mut from = mail.enclosed.iter().filter(|header| header.name.eq_ignore_ascii_case("from"));
    let value = from.next().map(|header| header.value.trim())?;
    if from.next().is_some() {
        return None;
    }
    let address = match value.rsplit_once('<') {
        Some((_, rest)) => rest.strip_suffix('>')?,
        None => value,
    };
    Source::of(address)
}

/// Whether a relay rule's sender (an address, or a domain with everything below it) names this one.
fn is_relay(sender: &Source, relay: &str) -> bool {
    if let Some((local, domain)) = relay.rsplit_once('@').filter(|(local, _)| !local.is_empty()) {
        return split(&sender.address).is_some_and(|(own, _)| own.eq_ignore_ascii_case(local))
            && name::domain(domain).is_some_and(|domain| domain == sender.domain);
    }
    name::domain(relay.trim_start_matches('@'))
        .is_some_and(|domain| sender.forms(Depth::Any).contains(&domain.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::pattern::Effort;
    use crate::mail::{Address, Header};
    use crate::rules::model::{Origin, Pattern, Place};

    fn mail(from: &[&str]) -> Mail {
        Mail {
            from: from.iter().map(|a| Address { name: None, address: (*a).to_owned() }).collect(),
            from_headers: 1,
            ..Mail::default()
        }
    }

    fn relay(sender: &str, source: RelaySource) -> Relay {
        Relay {
            sender: sender.to_owned(),
            source,
            origin: Origin { file: "autoticket.yaml".into(), line: 9, column: 1 },
        }
    }

    #[test]
    fn node_and_domain_forms_come_from_the_address() {
        let source = Source::of("dm@is38.east.acme.com").expect("a source");
        assert_eq!((source.node.as_str(), source.domain.as_str()), ("is38", "is38.east.acme.com"));
        assert_eq!(source.forms(Depth::After(1)), ["east.acme.com"]);
        assert_eq!(source.forms(Depth::After(2)), ["acme.com"]);
        assert_eq!(source.forms(Depth::Any), ["is38.east.acme.com", "east.acme.com", "acme.com", "com"]);
        assert!(source.forms(Depth::After(4)).is_empty());
    }

    #[test]
    fn an_address_literal_has_one_form() {
        let source = Source::of("dm@[10.1.2.3]").expect("a source");
        assert_eq!((source.node.as_str(), source.forms(Depth::Any)), ("10.1.2.3", vec!["10.1.2.3"]));
    }

    #[test]
    fn labels_are_borders() {
        let source = Source::of("dm@evil-acme.com").expect("a source");
        assert!(!source.forms(Depth::Any).contains(&"acme.com"));
    }

    #[test]
    fn several_senders_are_refused() {
        let patterns = Patterns::new(Effort::OneMail);
        let two = mail(&["a@acme.com", "b@evil.example"]);
        assert_eq!(of_mail(&two, &[], &patterns), Err(Reason::SeveralFromHeaders { count: 2 }));
        let headers = Mail { from_headers: 3, ..mail(&["a@acme.com"]) };
        assert_eq!(of_mail(&headers, &[], &patterns), Err(Reason::SeveralFromHeaders { count: 3 }));
        assert_eq!(of_mail(&mail(&[]), &[], &patterns), Err(Reason::NoSender));
    }

    #[test]
    fn a_relay_speaks_for_the_enclosed_sender_and_nobody_else_does() {
        let patterns = Patterns::new(Effort::OneMail);
        let relays = [relay("master.acme.com", RelaySource::Enclosed)];
        let enclosed = vec![Header { name: "From".into(), value: "DM <dm@is38.east.acme.com>".into() }];
        let passed_on = Mail { enclosed: enclosed.clone(), ..mail(&["relay@master.acme.com"]) };
        let source = of_mail(&passed_on, &relays, &patterns).expect("a source");
        assert_eq!((source.node.as_str(), source.relay.as_deref()), ("is38", Some("autoticket.yaml:9")));
        let stranger = Mail { enclosed, ..mail(&["relay@evil-master.acme.com"]) };
        assert_eq!(of_mail(&stranger, &relays, &patterns).expect("a source").node, "evil-master");
        let own = mail(&["relay@master.acme.com"]);
        assert_eq!(of_mail(&own, &relays, &patterns).expect("a source").node, "master");
    }

    #[test]
    fn a_relay_may_name_node_and_domain_in_captures() {
        let source = RelaySource::Captures {
            place: Place::Subject,
            pattern: Pattern { text: r"\[(?<node>\w+)@(?<domain>[\w.]+)\]".into(), unicode: false },
        };
        let relays = [relay("Relay@master.acme.com", source)];
        let RelaySource::Captures { pattern, .. } = &relays[0].source else { unreachable!() };
        let mut patterns = Patterns::new(Effort::OneMail);
        patterns.add(pattern);
        let mail = Mail { subject: "[IS38@East.Acme.com] failed".into(), ..mail(&["relay@master.acme.com"]) };
        let source = of_mail(&mail, &relays, &patterns).expect("a source");
        assert_eq!((source.node.as_str(), source.domain.as_str()), ("is38", "east.acme.com"));
    }
}
