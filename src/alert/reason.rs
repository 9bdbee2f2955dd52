//! What a reason says: at which gate, by which rule, and in words.

use super::model::Reason;
use crate::shown::Shown;

impl Reason {
    /// The gate that decided: `format`, `duplicate`, `own`, `authentication`, `domain`, `subject`, `node`,
    /// `record` or `bounds`.
    pub fn gate(&self) -> &'static str {
        match self {
            Reason::Counted { .. } | Reason::RecoveryNotice { .. } | Reason::NoFormat { .. } => "format",
            Reason::FormatWithoutDevice { .. } => "format",
            Reason::SameMail { .. } | Reason::PrefixOf { .. } => "duplicate",
            Reason::OwnTicket { .. } | Reason::BounceOfTicket { .. } | Reason::VacationReply { .. } => "own",
            Reason::ReplyToTicket { .. } => "own",
            Reason::NotAuthenticated { .. } => "authentication",
            Reason::NoSender | Reason::SeveralFromHeaders { .. } | Reason::DomainUnlisted { .. } => "domain",
            Reason::SubjectReply { .. } | Reason::SubjectAutoReplied | Reason::SubjectReferences { .. } => {
                "subject"
            }
            Reason::SubjectRefused { .. } | Reason::SubjectRequired { .. } => "subject",
            Reason::NodeUnlisted { .. } => "node",
            Reason::Narrowed { .. } => "record",
            Reason::AllRecordsRefused { first } => first.gate(),
            Reason::CannotBeRead { .. } | Reason::Unfinished => "bounds",
        }
    }

    /// What decided: `file:line` of a rule, the name of a list, or `built in`.
    pub fn rule(&self) -> String {
        match self {
            Reason::Counted { origin, .. }
            | Reason::RecoveryNotice { origin, .. }
            | Reason::FormatWithoutDevice { origin, .. }
            | Reason::NotAuthenticated { origin, .. }
            | Reason::DomainUnlisted { origin, .. }
            | Reason::SubjectReply { origin, .. }
            | Reason::SubjectRefused { origin, .. }
            | Reason::SubjectRequired { origin }
            | Reason::NodeUnlisted { origin, .. } => origin.clone(),
            Reason::Narrowed { list, .. } => list.clone(),
            Reason::AllRecordsRefused { first } => first.rule(),
            _ => "built in".to_owned(),
        }
    }

    /// One line of plain English that names the thing and, where there is one, the way out. Safe to print.
    pub fn text(&self) -> String {
        let shown = |text: &str| Shown::new(text).to_string();
        match self {
            Reason::Counted { format, alerts, refused, shortened, .. } => {
                let refused = match refused {
                    0 => String::new(),
                    n => format!(", {n} refused on {}", if *n == 1 { "its own" } else { "their own" }),
                };
                let rest = match shortened {
                    Some(what) => format!("; {what}: look for further alerts in the raw mail"),
                    None => String::new(),
                };
                format!("{alerts} {} read by format {format}{refused}{rest}", plural(*alerts, "alert"))
            }
            Reason::RecoveryNotice { format, devices, .. } => {
                format!("recovery notice for {} read by format {format}", shown(&listed(devices)))
            }
            Reason::ReplyToTicket { ticket } => {
                format!("reply to ticket {0}; `autoticket ticket show {0}`", shown(ticket))
            }
            Reason::SameMail { mail } => format!("the same mail as {mail}; nothing changed"),
            Reason::PrefixOf { mail } => format!("a shorter copy of mail {mail}, which is counted instead"),
            Reason::OwnTicket { header } => format!("one of our own tickets by its {} header", shown(header)),
            Reason::BounceOfTicket { ticket } => {
                format!("ticket {0} came back undelivered; `autoticket ticket show {0}`", shown(ticket))
            }
            Reason::VacationReply { ticket: Some(ticket) } => {
                format!("automatic reply to ticket {}", shown(ticket))
            }
            Reason::VacationReply { ticket: None } => "automatic reply to one of our tickets".to_owned(),
            Reason::NotAuthenticated { wanted, found, .. } => format!(
                "no pass of {} in an Authentication-Results header of ours ({})",
                wanted.join(" or "),
                shown(found)
            ),
            Reason::NoSender => "no usable address in the From header".to_owned(),
            Reason::SeveralFromHeaders { count } => {
                format!("{count} senders in From where exactly one is allowed")
            }
            Reason::DomainUnlisted { domain, origin } => {
                format!("domain {} is not in the {origin}; `autoticket domains import`", shown(domain))
            }
            Reason::SubjectReply { prefix, .. } => {
                format!("the subject is a reply or forward: it begins with `{}`", shown(prefix))
            }
            Reason::SubjectAutoReplied => "an automatic reply by its headers".to_owned(),
            Reason::SubjectReferences { header } => {
                format!("a reply: it carries the header {}", shown(header))
            }
            Reason::SubjectRefused { pattern, .. } => {
                format!("the subject matches the refused pattern `{}`", shown(pattern))
            }
            Reason::SubjectRequired { .. } => "the subject matches none of the required patterns".to_owned(),
            Reason::NodeUnlisted { node, asked, domain, origin } => format!(
                "{} node {1} of domain {2} is not in the {origin}; `autoticket nodes accept {1}`",
                shown(asked),
                shown(node),
                shown(domain)
            ),
            Reason::Narrowed { list, entry, only, package, job } => format!(
                "{} of the {} list holds only for {}, not for package {} of job {}",
                shown(entry),
                shown(list),
                shown(&only.join(", ")),
                shown(package.as_deref().unwrap_or("(none)")),
                shown(job.as_deref().unwrap_or("(none)"))
            ),
            Reason::AllRecordsRefused { first } => {
                format!("every alert was refused; the first: {}", first.text())
            }
            Reason::NoFormat { tried, nearest } => {
                let nearest = match nearest {
                    Some(rule) => format!("; nearest: {}", shown(rule)),
                    None => String::new(),
                };
                format!("no format rule matches ({tried} tried{nearest}); `autoticket rules test FILE`")
            }
            Reason::CannotBeRead { what } => format!("cannot be understood: {}", shown(what)),
            Reason::Unfinished => "cut off inside its headers".to_owned(),
            Reason::FormatWithoutDevice { format, .. } => {
                format!(
                    "format {format} matches but finds no device; mend its `device:` and `autoticket mail retry`"
                )
            }
        }
    }
}

fn plural(count: u32, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

/// At most five names, the rest counted.
fn listed(names: &[String]) -> String {
    match names.len() {
        0..=5 => names.join(", "),
        n => format!("{} and {} more", names[..5].join(", "), n - 5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_names_gate_rule_and_way_out() {
        let reason = Reason::DomainUnlisted {
            domain: "spam.example".into(),
            origin: "domain list (3 entries)".into(),
        };
        assert_eq!(reason.gate(), "domain");
        assert_eq!(reason.rule(), "domain list (3 entries)");
        assert_eq!(
            reason.text(),
            "domain spam.example is not in the domain list (3 entries); `autoticket domains import`"
        );
        let all = Reason::AllRecordsRefused { first: Box::new(reason) };
        assert_eq!((all.gate(), all.rule().as_str()), ("domain", "domain list (3 entries)"));
    }

    #[test]
    fn hostile_names_are_shown_and_stay_on_one_line() {
        let reason = Reason::NodeUnlisted {
            node: "a\n\u{1b}[2J".into(),
            asked: "source".into(),
            domain: "acme.example".into(),
            origin: "node list (empty)".into(),
        };
        assert_eq!(
            reason.text(),
            r"source node a\n\x1b[2J of domain acme.example is not in the node list (empty); `autoticket nodes accept a\n\x1b[2J`"
        );
    }
}
