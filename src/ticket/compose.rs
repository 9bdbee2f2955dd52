//! The mails of a ticket's thread: ticket, update, reminder, stand-down.
//!
//! In: facts, decision, what joined, the rules, the time in event time. Out: a [`Letter`]. The same input
//! gives the same bytes, at any time and place. It never fails: see [`super::template`] and
//! [`super::letter`] for what stands in for a broken template or address.

use super::letter::{self, Addresses, Draft};
use super::machine;
use super::template::Templates;
use super::times::{Times, span};
use super::view::{Occasion, View, alerts_words, finding_words, frequency, stem};
use super::{Decision, Joined, Kind, Letter, TicketFacts};
use crate::rules::model::RuleSet;
use jiff::Timestamp;

/// Composes many letters by one rule set: its templates are compiled once.
pub struct Composer<'a> {
    rules: &'a RuleSet,
    templates: Templates<'a>,
}

impl<'a> Composer<'a> {
    pub fn new(rules: &'a RuleSet) -> Self {
        Self { rules, templates: Templates::new(rules) }
    }

    /// The ticket, dated with the event time of its crossing, or when it was held no more.
    pub fn ticket(&self, facts: &TicketFacts, decision: &Decision) -> Letter {
        let at = decision.at.unwrap_or(facts.crossing.event);
        let occasion = Occasion { kind: Kind::Ticket, sequence: 0, at, joined: None, why: None };
        let found = finding_words(facts).map(|words| format!(", {words}")).unwrap_or_default();
        let subject = format!("{}, {}{found}", stem(facts), frequency(facts));
        self.letter(facts, decision, &occasion, &subject)
    }

    /// Tells of alerts that joined since the mail before. `sequence` counts from 1; `at` is when it was due.
    pub fn update(
        &self,
        facts: &TicketFacts,
        decision: &Decision,
        joined: &Joined,
        sequence: u32,
        at: Timestamp,
    ) -> Letter {
        let occasion = Occasion { kind: Kind::Update, sequence, at, joined: Some(*joined), why: None };
        let more = alerts_words(joined.alerts.len() as u64).replacen(" ", " more ", 1);
        let subject = format!("{}, update {sequence}: {more}", stem(facts));
        self.letter(facts, decision, &occasion, &subject)
    }

    /// Tells that the ticket is still alerting. `joined`: since the crossing.
    pub fn reminder(
        &self,
        facts: &TicketFacts,
        decision: &Decision,
        joined: &Joined,
        sequence: u32,
        at: Timestamp,
    ) -> Letter {
        let occasion = Occasion { kind: Kind::Reminder, sequence, at, joined: Some(*joined), why: None };
        let days = at.duration_since(facts.crossing.event).as_secs() / 86_400;
        let after =
            if days > 0 { format!("{days} d") } else { span(self.rules.settings.tickets.reminder_after) };
        let subject = format!("{}, reminder: still failing after {after}", stem(facts));
        self.letter(facts, decision, &occasion, &subject)
    }

    /// Tells that the repair is no longer needed, and why.
    pub fn stand_down(&self, facts: &TicketFacts, decision: &Decision, why: &str, at: Timestamp) -> Letter {
        let occasion = Occasion { kind: Kind::StandDown, sequence: 1, at, joined: None, why: Some(why) };
        let subject = format!("{}, stand down: no repair needed", stem(facts));
        self.letter(facts, decision, &occasion, &subject)
    }

    fn letter(&self, facts: &TicketFacts, decision: &Decision, occasion: &Occasion, subject: &str) -> Letter {
        let identity = &self.rules.settings.identity;
        let center = &decision.route.center;
        let domain = letter::usable_domain(&identity.domain);
        let reply_to = center.reply_to.as_deref().or(identity.reply_to.as_deref());
        let addresses = Addresses::of(&identity.from, reply_to, &center.mail, &center.name, domain);
        let times = Times::of(center);
        let mut view = View::of(facts, decision, occasion, &times);
        view.address_note.clone_from(&addresses.note);
        let mut template_faults = Vec::new();
        let name = template_name(occasion.kind);
        let text = self.templates.render(&format!("{name}.txt"), &view, &mut template_faults);
        let html = self.templates.render(&format!("{name}.html"), &view, &mut template_faults);
        let number = plain_number(&facts.number);
        let count = occasion.joined.map_or(facts.total, |joined| joined.total).to_string();
        let [_, building, _] = facts.place();
        let list = format!("autoticket tickets <autoticket.{domain}>");
        let headers = [
            ("Auto-Submitted", "auto-generated"),
            ("X-Auto-Response-Suppress", "All"),
            ("List-Id", &list),
            ("X-Autoticket-Loop", &facts.install),
            ("X-Autoticket-Id", &number),
            ("X-Autoticket-Kind", occasion.kind.word()),
            ("X-Autoticket-Device", &facts.device),
            ("X-Autoticket-Failure", &facts.failure),
            ("X-Autoticket-Count", &count),
            ("X-Autoticket-Building", building.as_deref().unwrap_or_default()),
            ("X-Autoticket-Version", env!("CARGO_PKG_VERSION")),
        ];
        let draft = Draft {
            kind: occasion.kind,
            sequence: occasion.sequence,
            number: &number,
            domain,
            addresses: &addresses,
            subject,
            date: times.header(occasion.at),
            headers: &headers,
            text,
            html,
            json: machine::json(facts, decision, occasion),
        };
        Letter {
            kind: occasion.kind,
            sequence: occasion.sequence,
            subject: letter::header_text(subject),
            message_id: letter::message_id(&number, occasion.kind, occasion.sequence, domain),
            envelope_from: letter::envelope_from(&number, domain),
            recipients: addresses.to.iter().map(|mailbox| mailbox.email.to_string()).collect(),
            bytes: letter::bytes(draft),
            template_faults,
        }
    }
}

/// [`Composer::ticket`] for one letter.
pub fn compose(facts: &TicketFacts, decision: &Decision, rules: &RuleSet) -> Letter {
    Composer::new(rules).ticket(facts, decision)
}

/// [`Composer::update`] for one letter.
pub fn compose_update(
    facts: &TicketFacts,
    decision: &Decision,
    joined: &Joined,
    sequence: u32,
    at: Timestamp,
    rules: &RuleSet,
) -> Letter {
    Composer::new(rules).update(facts, decision, joined, sequence, at)
}

/// [`Composer::reminder`] for one letter.
pub fn compose_reminder(
    facts: &TicketFacts,
    decision: &Decision,
    joined: &Joined,
    sequence: u32,
    at: Timestamp,
    rules: &RuleSet,
) -> Letter {
    Composer::new(rules).reminder(facts, decision, joined, sequence, at)
}

/// [`Composer::stand_down`] for one letter.
pub fn compose_stand_down(
    facts: &TicketFacts,
    decision: &Decision,
    why: &str,
    at: Timestamp,
    rules: &RuleSet,
) -> Letter {
    Composer::new(rules).stand_down(facts, decision, why, at)
}

fn template_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Ticket => "ticket",
        Kind::Update => "update",
        Kind::Reminder => "reminder",
        Kind::StandDown => "stand-down",
    }
}

/// Numbers are ours; what else a damaged record holds does not reach a Message-ID.
fn plain_number(number: &str) -> String {
    number.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(40).collect()
}

#[cfg(test)]
mod tests;
