//! Mails about our own tickets: the tickets themselves, their bounces, robots' and people's answers.
//!
//! In: a [`Mail`]. Out: [`Marks`], what the mail says about itself; then, with the install id and the
//! tickets' Message-IDs, the outcome. The marks are found without any list. A loop header of another
//! install is another autoticket's business and marks nothing.

use super::model::{Lists, Outcome, Reason};
use super::subject;
use crate::mail::{Header, Mail};
use serde::{Deserialize, Serialize};

/// Header of every mail we write; its value is the install id.
pub const LOOP_HEADER: &str = "X-Autoticket-Loop";
/// Header that names the ticket in every mail we write.
pub const TICKET_HEADER: &str = "X-Autoticket-Id";

/// What a mail says about its kinship with tickets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// Values by which a mail claims to be one of an autoticket's own, with the header that holds them.
    pub loops: Vec<(String, String)>,
    /// A report on, or return of, another mail.
    pub bounce: bool,
    /// Loop values in the returned mail's headers, or in the text where it is quoted there.
    pub returned_loops: Vec<String>,
    /// Ticket number in the returned mail's headers.
    pub returned_ticket: Option<String>,
    /// Ticket number in the address this mail was sent to: our envelope sender, which bounces and robots answer.
    pub returned_to: Option<String>,
    /// Message-ID of the returned mail.
    pub returned_id: Option<String>,
    pub auto_replied: bool,
    /// Message-IDs this mail answers.
    pub answers: Vec<String>,
}

impl Marks {
    pub fn of(mail: &Mail) -> Self {
        let bounce = is_bounce(mail);
        let mut marks = Self {
            loops: loop_values(&mail.headers),
            bounce,
            auto_replied: subject::is_auto_replied(mail),
            answers: mail.references.clone(),
            returned_to: ticket_in_recipient(mail),
            ..Self::default()
        };
        if bounce {
            marks.returned_loops = loop_values(&mail.enclosed).into_iter().map(|(_, value)| value).collect();
            marks.returned_loops.extend(quoted_values(mail, LOOP_HEADER));
            marks.returned_ticket =
                value(&mail.enclosed, TICKET_HEADER).or_else(|| quoted_values(mail, TICKET_HEADER).next());
            marks.returned_id = value(&mail.enclosed, "Message-ID")
                .map(|id| id.trim_matches(|c: char| c == '<' || c == '>' || c.is_whitespace()).to_owned());
        }
        marks
    }

    /// Whether this mail is ours or about one of our tickets.
    pub fn verdict(&self, lists: &dyn Lists, install_id: &str) -> Option<(Outcome, Reason)> {
        if let Some((header, _)) = self.loops.iter().find(|(_, value)| value == install_id) {
            return Some((Outcome::Own, Reason::OwnTicket { header: header.clone() }));
        }
        if self.bounce {
            let by_id = self.returned_id.as_deref().and_then(|id| lists.ticket_of_message(id));
            let ours =
                self.returned_to.is_some() || self.returned_loops.iter().any(|value| value == install_id);
            let answered = || self.answers.iter().find_map(|id| lists.ticket_of_message(id));
            let ticket = match by_id {
                Some(ticket) => Some(ticket),
                None if ours => {
                    let named = self.returned_ticket.as_ref().or(self.returned_to.as_ref());
                    Some(named.map_or_else(|| "without a number".to_owned(), Clone::clone))
                }
                None => answered(),
            };
            return ticket.map(|ticket| (Outcome::Own, Reason::BounceOfTicket { ticket }));
        }
        let ticket = self.answers.iter().find_map(|id| lists.ticket_of_message(id));
        if self.auto_replied {
            let ticket = ticket.or_else(|| self.returned_to.clone())?;
            return Some((Outcome::Own, Reason::VacationReply { ticket: Some(ticket) }));
        }
        ticket.map(|ticket| (Outcome::Repair, Reason::ReplyToTicket { ticket }))
    }
}

/// Delivery reports, and what older mail servers return: a mail from their mailer daemon.
fn is_bounce(mail: &Mail) -> bool {
    let daemon = |local: &str| {
        ["mailer-daemon", "postmaster", "mail-daemon", "double-bounce"]
            .iter()
            .any(|name| local.eq_ignore_ascii_case(name))
    };
    subject::is_report(mail)
        || mail.header("Return-Path").is_some_and(|path| path.trim() == "<>")
        || mail.header("X-Failed-Recipients").is_some()
        || mail.from.iter().any(|from| from.address.split('@').next().is_some_and(daemon))
}

/// Loop header values, and parameters of Auto-Submitted (`auto-generated; autoticket=ID`).
fn loop_values(headers: &[Header]) -> Vec<(String, String)> {
    let mut values = Vec::new();
    for header in headers {
        if header.name.eq_ignore_ascii_case(LOOP_HEADER) {
            values.push((LOOP_HEADER.to_owned(), header.value.trim().to_owned()));
        } else if header.name.eq_ignore_ascii_case("Auto-Submitted") {
            let parameters =
                header.value.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
            values.extend(
                parameters
                    .map(|(_, id)| ("Auto-Submitted".to_owned(), id.trim().trim_matches('"').to_owned())),
            );
        }
    }
    values
}

fn value(headers: &[Header], name: &str) -> Option<String> {
    headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case(name))
        .map(|header| header.value.trim().to_owned())
}

/// Values of `Name: value` lines in the text of a mail: bounces that quote the returned mail as plain text.
fn quoted_values<'m>(mail: &'m Mail, name: &'m str) -> impl Iterator<Item = String> + 'm {
    let texts = std::iter::once(mail.body.as_str()).chain(mail.parts.iter().map(|part| part.text.as_str()));
    texts.filter(move |text| super::places::contains(text, name)).flat_map(str::lines).filter_map(
        move |line| {
            let (head, value) = line.trim_start_matches(['>', ' ', '\t']).split_once(':')?;
            head.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        },
    )
}

/// The ticket of `autoticket+T-XXXXXXXX@…`, the envelope sender of our tickets, which only returns are sent to.
fn ticket_in_recipient(mail: &Mail) -> Option<String> {
    ["Delivered-To", "X-Original-To", "Envelope-To", "To"]
        .into_iter()
        .filter_map(|name| mail.header(name))
        .find_map(|address| {
            let (before, after) = address.split_once('+')?;
            let local = before.trim_start_matches(|c: char| c == '<' || c.is_whitespace());
            let (number, _) = after.split_once('@')?;
            let number = number.to_ascii_uppercase();
            let code = number.strip_prefix("T-")?;
            let plain = code.len() == 8 && code.chars().all(|c| c.is_ascii_alphanumeric());
            (local.eq_ignore_ascii_case("autoticket") && plain).then_some(number)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::lists::MemoryLists;
    use crate::mail::{Address, Part};

    fn headers(pairs: &[(&str, &str)]) -> Vec<Header> {
        pairs.iter().map(|(n, v)| Header { name: (*n).into(), value: (*v).into() }).collect()
    }

    fn lists() -> MemoryLists {
        let mut lists = MemoryLists::default();
        lists.tickets.insert("t1.ticket@acme.example".into(), "T-AAAA1111".into());
        lists
    }

    fn ask(mail: &Mail) -> Option<(Outcome, Reason)> {
        Marks::of(mail).verdict(&lists(), "demo")
    }

    fn bounce(enclosed: &[(&str, &str)]) -> Mail {
        Mail {
            parts: vec![Part { content_type: "message/delivery-status".into(), text: String::new() }],
            enclosed: headers(enclosed),
            ..Mail::default()
        }
    }

    #[test]
    fn our_loop_header_is_ours_and_anothers_is_not() {
        let ours = Mail { headers: headers(&[("x-autoticket-loop", " demo ")]), ..Mail::default() };
        assert_eq!(ask(&ours), Some((Outcome::Own, Reason::OwnTicket { header: LOOP_HEADER.into() })));
        let parameter = Mail {
            headers: headers(&[("Auto-Submitted", "auto-generated; autoticket=\"demo\"")]),
            ..Mail::default()
        };
        assert_eq!(
            ask(&parameter),
            Some((Outcome::Own, Reason::OwnTicket { header: "Auto-Submitted".into() }))
        );
        let other = Mail { headers: headers(&[(LOOP_HEADER, "other")]), ..Mail::default() };
        assert_eq!(ask(&other), None);
    }

    #[test]
    fn a_bounce_is_ours_by_loop_header_or_message_id() {
        let reason = |ticket: &str| Some((Outcome::Own, Reason::BounceOfTicket { ticket: ticket.into() }));
        assert_eq!(
            ask(&bounce(&[(LOOP_HEADER, "demo"), (TICKET_HEADER, "T-BBBB2222")])),
            reason("T-BBBB2222")
        );
        assert_eq!(ask(&bounce(&[("Message-Id", "<t1.ticket@acme.example>")])), reason("T-AAAA1111"));
        assert_eq!(ask(&bounce(&[(LOOP_HEADER, "other")])), None);
        assert_eq!(ask(&bounce(&[("Message-Id", "<x@tool.example>")])), None);
        let threaded = Mail { references: vec!["t1.ticket@acme.example".into()], ..bounce(&[]) };
        assert_eq!(ask(&threaded), reason("T-AAAA1111"));
    }

    #[test]
    fn a_bounce_that_quotes_the_ticket_as_text_is_ours() {
        let mail = Mail {
            from: vec![Address { name: None, address: "MAILER-DAEMON@mx.acme.example".into() }],
            headers: headers(&[("To", "autoticket+t-cccc3333@acme.example")]),
            body: "undeliverable\n\nSubject: T-CCCC3333\nX-Autoticket-Loop: demo\n".into(),
            ..Mail::default()
        };
        assert_eq!(ask(&mail), Some((Outcome::Own, Reason::BounceOfTicket { ticket: "T-CCCC3333".into() })));
    }

    #[test]
    fn a_bounce_to_our_envelope_sender_is_ours_even_without_the_ticket_in_it() {
        let to = |address: &str| Mail { headers: headers(&[("Delivered-To", address)]), ..bounce(&[]) };
        let reason = Reason::BounceOfTicket { ticket: "T-DDDD4444".into() };
        assert_eq!(ask(&to("<autoticket+T-DDDD4444@acme.example>")), Some((Outcome::Own, reason)));
        assert_eq!(ask(&to("dm+T-DDDD4444@acme.example")), None);
        assert_eq!(ask(&to("autoticket+T-DDDD4444x@acme.example")), None);
    }

    #[test]
    fn an_alert_that_quotes_our_loop_header_is_still_an_alert() {
        let mail = Mail { body: "X-Autoticket-Loop: demo\n".into(), ..Mail::default() };
        assert_eq!(ask(&mail), None);
    }

    #[test]
    fn answers_are_kept_apart_by_who_answers() {
        let answer = |pairs: &[(&str, &str)]| Mail {
            references: vec!["x@y".into(), "t1.ticket@acme.example".into()],
            headers: headers(pairs),
            ..Mail::default()
        };
        let ticket = "T-AAAA1111".to_owned();
        assert_eq!(
            ask(&answer(&[])),
            Some((Outcome::Repair, Reason::ReplyToTicket { ticket: ticket.clone() }))
        );
        assert_eq!(
            ask(&answer(&[("X-Autoreply", "yes")])),
            Some((Outcome::Own, Reason::VacationReply { ticket: Some(ticket) }))
        );
        let away =
            headers(&[("To", "autoticket+T-DDDD4444@acme.example"), ("Auto-Submitted", "auto-replied")]);
        assert_eq!(
            ask(&Mail { headers: away, ..Mail::default() }),
            Some((Outcome::Own, Reason::VacationReply { ticket: Some("T-DDDD4444".into()) }))
        );
        let stranger = Mail { references: vec!["x@y".into()], ..Mail::default() };
        assert_eq!(ask(&stranger), None);
    }
}
