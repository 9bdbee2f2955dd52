//! Reading a mail: everything about it that no list can change.
//!
//! In: a [`Mail`] and the rules. Out: a [`Reading`], the heavy part of judging: what the mail says of itself,
//! its source, its subject's and authentication's verdict, its records. Worker threads share one [`Engine`];
//! [`Engine::judge`] then asks the lists, mail after mail.

use super::authentication;
use super::format::{Formats, Found, Trial};
use super::model::Reason;
use super::own::Marks;
use super::pattern::{Effort, Patterns};
use super::source::{self, Source};
use super::subject;
use crate::mail::{Mail, Note};
use crate::rules::RuleSet;
use crate::rules::model::RelaySource;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The rules, ready to judge mails.
#[derive(Debug)]
pub struct Engine<'r> {
    pub(super) rules: &'r RuleSet,
    pub(super) formats: Formats<'r>,
    /// Patterns of relays and of the subject gate.
    gate_patterns: Patterns<'r>,
}

/// What a mail says, whatever the lists hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    pub marks: Marks,
    /// Why it cannot be read at all.
    pub unreadable: Option<Reason>,
    pub source: Result<Source, Reason>,
    /// The method that passed, or the refusal; None where the gate is off.
    pub authentication: Option<Result<String, Reason>>,
    /// The subject gate's refusal.
    pub subject: Option<Reason>,
    /// None where a gate above refuses the mail in any case.
    pub found: Option<Found>,
    /// What was left out of the mail while reading, in words.
    pub shortened: Option<&'static str>,
}

impl<'r> Engine<'r> {
    /// Compiles no pattern; builds the literal gate.
    pub fn new(rules: &'r RuleSet, effort: Effort) -> Self {
        let mut gate_patterns = Patterns::new(effort);
        for relay in &rules.gates.relays {
            if let RelaySource::Captures { pattern, .. } = &relay.source {
                gate_patterns.add(pattern);
            }
        }
        let subject = &rules.gates.subject;
        subject.require.iter().chain(&subject.refuse).for_each(|pattern| gate_patterns.add(pattern));
        Self { rules, formats: Formats::new(rules, effort), gate_patterns }
    }

    /// Reads a mail that arrived at this time.
    pub fn read(&self, mail: &Mail, arrival: Timestamp) -> Reading {
        let gates = &self.rules.gates;
        let unreadable = unreadable(mail);
        let source = source::of_mail(mail, &gates.relays, &self.gate_patterns);
        let authentication = gates.authentication.enabled.then(|| self.authentication(mail));
        let subject = if gates.subject.enabled {
            subject::refusal(mail, &gates.subject, &self.gate_patterns)
        } else {
            None
        };
        let source_wanted = gates.domain.enabled || (gates.node.enabled && self.asks_source());
        let refused = unreadable.is_some()
            || matches!(authentication, Some(Err(_)))
            || subject.is_some()
            || (source_wanted && source.is_err());
        let found = (!refused).then(|| {
            let nobody = Source::default();
            self.formats.read(mail, source.as_ref().unwrap_or(&nobody), arrival)
        });
        Reading {
            marks: Marks::of(mail),
            unreadable,
            source,
            authentication,
            subject,
            found,
            shortened: shortened(mail),
        }
    }

    /// What the format rules read of a mail, whatever the gates say of it: for `rules test` and samples.
    pub fn recognise(&self, mail: &Mail, arrival: Timestamp) -> Found {
        let source = source::of_mail(mail, &self.rules.gates.relays, &self.gate_patterns);
        self.formats.read(mail, &source.unwrap_or_default(), arrival)
    }

    /// How every format rule fares with a mail, in the order in which they are tried.
    pub fn trials(&self, mail: &Mail) -> Vec<Trial> {
        self.formats.trials(mail)
    }

    pub(super) fn asks_source(&self) -> bool {
        use crate::rules::model::NodeAsks;
        matches!(self.rules.gates.node.asks, NodeAsks::Source | NodeAsks::Both)
    }

    /// Judged by the From header itself: a relay's enclosed sender was authenticated by the relay, if at all.
    fn authentication(&self, mail: &Mail) -> Result<String, Reason> {
        let gate = &self.rules.gates.authentication;
        let refusal = |found: String| Reason::NotAuthenticated {
            wanted: gate.methods.clone(),
            found,
            origin: gate.origin.to_string(),
        };
        let Some(ours) = &self.rules.settings.identity.authserv_id else {
            return Err(refusal("no authserv-id of ours is declared".to_owned()));
        };
        let sender = source::of_mail(mail, &[], &self.gate_patterns)?;
        authentication::passed(mail, ours, &gate.methods, &sender.domain).map_err(refusal)
    }
}

fn unreadable(mail: &Mail) -> Option<Reason> {
    if mail.notes.contains(&Note::NoHeaders) {
        return Some(Reason::CannotBeRead { what: "no header lines".to_owned() });
    }
    mail.notes.contains(&Note::HeadersUnfinished).then_some(Reason::Unfinished)
}

/// A mail of which a part was not read cannot be said to be no alert.
fn shortened(mail: &Mail) -> Option<&'static str> {
    mail.notes.iter().find_map(|note| match note {
        Note::HeadersCut => Some("more headers than are read"),
        Note::PartsCut => Some("more parts than are read"),
        Note::TooDeep => Some("nested deeper than is read"),
        Note::TextCut => Some("more text than is read"),
        Note::Oversize => Some("larger than what is kept"),
        _ => None,
    })
}
