//! The subject gate: replies, forwards and automatic answers are no error alerts.
//!
//! In: a [`Mail`] and the gate's rules. Out: the reason to refuse it, or none. It looks for the *grammar* of
//! a prefix (`Re:`, `AW: WG:`, `RE[2]:`, `回复：`), never for bare words: `Reply timeout on node7` is a real
//! alert.
//!
//! `In-Reply-To`, `References` and `Auto-Submitted: auto-replied` mark a person's or a robot's answer, with
//! two exceptions, because tools thread their mails too. A delivery report (`multipart/report`, or a
//! `message/delivery-status` part) carries the references of the mail it reports on and, from Postfix,
//! `auto-replied`: it is judged by the format rules. And a mail that says `Auto-Submitted: auto-generated`
//! may carry references to its own earlier mails. Neither exception holds against a reply prefix.

use super::model::Reason;
use super::pattern::Patterns;
use crate::mail::Mail;
use crate::rules::model::SubjectGate;

/// Reply and forward prefixes, lower case, by which mail programs of many languages mark them. Left out on
/// purpose: words that alerts begin with (`ref`, `ha`, `info`); a site adds what it needs.
#[rustfmt::skip]
const PREFIXES: &[&str] = &[
    "re", "fw", "fwd", "aw", "antw", "antwort", "wg", "sv", "vs", "vb", "vl", "vid", "videresendt", "tr", "rv",
    "rép", "rep", "enc", "res", "doorst", "r", "i", "rif", "inoltro", "odp", "pd", "ynt", "i̇lt", "ilt", "bls",
    "trs", "vá", "továbbítás", "atb", "ats", "vast", "edas", "απ", "σχετ", "πρθ", "ответ", "отв", "пересл",
    "переслать", "відп", "переадр", "回复", "转发", "答复", "回覆", "轉寄", "轉發", "返信", "転送", "회신",
    "전달", "תשובה", "הועבר", "رد",
];

/// Headers that answering robots set.
const ROBOTS: [&str; 6] = [
    "X-Autoreply",
    "X-Autorespond",
    "X-Autoreply-From",
    "X-Auto-Reply",
    "X-Mail-Autoreply",
    "X-Autorespondcode",
];

/// The reason to refuse a mail at the subject gate; the gate must be enabled.
pub fn refusal(mail: &Mail, gate: &SubjectGate, patterns: &Patterns) -> Option<Reason> {
    let origin = gate.origin.to_string();
    if let Some(prefix) = reply_prefix(&mail.subject, &gate.prefixes) {
        return Some(Reason::SubjectReply { prefix, origin });
    }
    if let Some(pattern) = gate.refuse.iter().find(|pattern| patterns.is_match(pattern, &mail.subject)) {
        return Some(Reason::SubjectRefused { pattern: pattern.text.clone(), origin });
    }
    if !gate.require.is_empty() && !gate.require.iter().any(|p| patterns.is_match(p, &mail.subject)) {
        return Some(Reason::SubjectRequired { origin });
    }
    if is_report(mail) {
        return None;
    }
    if is_auto_replied(mail) {
        return Some(Reason::SubjectAutoReplied);
    }
    if submitted(mail).is_some_and(|word| word.eq_ignore_ascii_case("auto-generated")) {
        return None;
    }
    ["In-Reply-To", "References"]
        .into_iter()
        .find(|name| mail.header(name).is_some_and(|value| !value.trim().is_empty()))
        .map(|header| Reason::SubjectReferences { header: header.to_owned() })
}

/// A delivery report (RFC 3464): a machine's statement about a mail, not an answer to it.
pub fn is_report(mail: &Mail) -> bool {
    mail.parts.iter().any(|part| part.content_type == "message/delivery-status")
        || mail.header("Content-Type").is_some_and(|value| {
            let value = value.trim_start();
            value.get(..16).is_some_and(|start| start.eq_ignore_ascii_case("multipart/report"))
        })
}

/// An automatic answer by its headers (RFC 3834 and what vacation programs set).
pub fn is_auto_replied(mail: &Mail) -> bool {
    submitted(mail).is_some_and(|word| word.eq_ignore_ascii_case("auto-replied"))
        || ROBOTS
            .iter()
            .any(|name| mail.header(name).is_some_and(|value| !value.trim().eq_ignore_ascii_case("no")))
        || mail.header("Precedence").is_some_and(|value| value.trim().eq_ignore_ascii_case("auto_reply"))
}

/// First word of Auto-Submitted.
fn submitted(mail: &Mail) -> Option<&str> {
    mail.header("Auto-Submitted")?.split([';', ' ', '(', '\t']).find(|word| !word.is_empty())
}

/// The reply or forward prefix a subject begins with, as written, if it begins with one.
///
/// Grammar: any number of `[tags]`, a prefix word, an optional counter (`[2]`, `(2)`, `^2`, `*2`), a colon
/// (ASCII or full width), with white space between. A prefix of one letter needs white space or the end after
/// its colon: drive letters and units do not have it.
pub fn reply_prefix(subject: &str, more: &[String]) -> Option<String> {
    let mut rest = subject.trim_start_matches(is_blank);
    while let Some((_, after)) = rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        rest = after.trim_start_matches(is_blank);
    }
    let (head, tail) = rest.split_once([':', '：'])?;
    if head.len() > 64 {
        return None;
    }
    let word = without_counter(head.trim_end_matches(is_blank)).trim_end_matches(is_blank).to_lowercase();
    let known = PREFIXES.contains(&word.as_str()) || more.iter().any(|prefix| prefix.to_lowercase() == word);
    let clear = word.chars().count() > 1 || tail.chars().next().is_none_or(is_blank);
    (known && clear).then(|| format!("{}:", head.trim_end_matches(is_blank)))
}

/// `Re[2]`, `Re(2)`, `Re^2`, `Re*2`, `Re 2` without their counter.
fn without_counter(word: &str) -> &str {
    let closed = word.strip_suffix([']', ')']).unwrap_or(word);
    let bare = closed.trim_end_matches(|c: char| c.is_ascii_digit());
    if bare.len() == closed.len() {
        return word;
    }
    bare.strip_suffix(['[', '(', '^', '*', ' ', '-']).unwrap_or(word)
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || crate::shown::is_hidden(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::pattern::Effort;
    use crate::mail::{Header, Part};
    use crate::rules::model::{Origin, Pattern};

    fn gate() -> SubjectGate {
        let origin = Origin { file: "autoticket.yaml".into(), line: 4, column: 1 };
        SubjectGate { enabled: true, prefixes: vec!["Kopie".into()], require: vec![], refuse: vec![], origin }
    }

    fn mail(subject: &str, headers: &[(&str, &str)]) -> Mail {
        let headers = headers.iter().map(|(n, v)| Header { name: (*n).into(), value: (*v).into() }).collect();
        Mail { subject: subject.into(), headers, ..Mail::default() }
    }

    fn ask(subject: &str, headers: &[(&str, &str)]) -> Option<Reason> {
        refusal(&mail(subject, headers), &gate(), &Patterns::new(Effort::OneMail))
    }

    #[test]
    fn replies_and_forwards_of_many_languages_are_recognised() {
        for subject in [
            "Re: x",
            "RE: x",
            "re:x",
            "Re : x",
            "Re\u{a0}: x",
            "RE[2]: x",
            "Re^2: x",
            "Re(3): x",
            "Re*2: x",
            "Fw: x",
            "FWD: x",
            "AW: x",
            "WG: x",
            "AW: WG: x",
            "SV: x",
            "VS: x",
            "VB: x",
            "TR: x",
            "RV: x",
            "ENC: x",
            "Antw: x",
            "Doorst: x",
            "R: x",
            "I: x",
            "RIF: x",
            "ODP: x",
            "PD: x",
            "YNT: x",
            "İLT: x",
            "回复: x",
            "回复：x",
            "转发：x",
            "答复: x",
            "回覆: x",
            "轉寄: x",
            "Ответ: x",
            "Пересл: x",
            "Отв: x",
            "ΑΠ: x",
            "[alerts] Re: x",
            "[a] [b]AW: x",
            "Kopie: x",
            "  Re: x",
            "\u{200b}Re: x",
            "Re:",
            "R:",
        ] {
            assert!(matches!(ask(subject, &[]), Some(Reason::SubjectReply { .. })), "{subject:?}");
        }
    }

    #[test]
    fn bare_words_are_alerts() {
        for subject in [
            "Reply timeout on node7",
            "Forward proxy failed on node7",
            "re-imaging failed: node7",
            "R:\\data is full",
            "I:/packages read error",
            "Reset: node7",
            "AWS: node7 down",
            "node7: Re: lost",
            "PROBLEM: Re",
            "RE node7 failed",
            "Rep1: failed",
            "Refused: connection",
            "[alerts] node7 down",
            "Forwarding table overflow: node7",
            "",
            "[",
            "HA: failover",
            "Ref: 4711 distribution failed",
            "Response: none",
        ] {
            assert_eq!(ask(subject, &[]), None, "{subject:?}");
        }
    }

    #[test]
    fn the_reason_shows_the_prefix_as_written() {
        let reason = ask("AW[2] : Fehler", &[]);
        assert_eq!(
            reason,
            Some(Reason::SubjectReply { prefix: "AW[2]:".into(), origin: "autoticket.yaml:4".into() })
        );
    }

    #[test]
    fn answers_are_known_by_their_headers() {
        assert_eq!(
            ask("node7 down", &[("in-reply-to", "<a@b>")]),
            Some(Reason::SubjectReferences { header: "In-Reply-To".into() })
        );
        assert_eq!(
            ask("node7 down", &[("References", "<a@b>")]),
            Some(Reason::SubjectReferences { header: "References".into() })
        );
        for header in [
            ("Auto-Submitted", "auto-replied (vacation)"),
            ("X-Autoreply", "yes"),
            ("X-Autorespond", "away"),
            ("Precedence", "auto_reply"),
        ] {
            assert_eq!(ask("node7 down", &[header]), Some(Reason::SubjectAutoReplied), "{header:?}");
        }
    }

    #[test]
    fn generated_mails_pass_and_may_thread() {
        assert_eq!(ask("node7 down", &[("Auto-Submitted", "auto-generated")]), None);
        assert_eq!(
            ask("node7 down", &[("Auto-Submitted", "auto-generated; x=y"), ("References", "<a@b>")]),
            None
        );
        assert_eq!(ask("node7 down", &[("X-Auto-Response-Suppress", "All"), ("Precedence", "bulk")]), None);
        assert!(ask("Re: node7 down", &[("Auto-Submitted", "auto-generated")]).is_some());
    }

    #[test]
    fn a_delivery_report_with_references_is_left_to_the_formats() {
        let headers = [("Auto-Submitted", "auto-replied"), ("References", "<a@b>"), ("In-Reply-To", "<a@b>")];
        let mut report = mail("Undelivered Mail Returned to Sender", &headers);
        report.parts.push(Part { content_type: "message/delivery-status".into(), text: String::new() });
        assert_eq!(refusal(&report, &gate(), &Patterns::new(Effort::OneMail)), None);
        let typed =
            [("Content-Type", "Multipart/Report; report-type=delivery-status"), ("References", "<a@b>")];
        assert_eq!(ask("Undelivered", &typed), None);
        assert!(
            ask("Undelivered", &[("Content-Type", "multipart/mixed"), ("References", "<a@b>")]).is_some()
        );
    }

    #[test]
    fn required_and_refused_patterns_of_the_site_hold() {
        let pattern = |text: &str| Pattern { text: text.into(), unicode: false };
        let gate =
            SubjectGate { require: vec![pattern("ALERT")], refuse: vec![pattern("(?i)test")], ..gate() };
        let mut patterns = Patterns::new(Effort::OneMail);
        gate.require.iter().chain(&gate.refuse).for_each(|p| patterns.add(p));
        let ask = |subject: &str| refusal(&mail(subject, &[]), &gate, &patterns);
        assert_eq!(ask("ALERT node7"), None);
        assert_eq!(ask("node7"), Some(Reason::SubjectRequired { origin: "autoticket.yaml:4".into() }));
        assert_eq!(
            ask("ALERT Test"),
            Some(Reason::SubjectRefused { pattern: "(?i)test".into(), origin: "autoticket.yaml:4".into() })
        );
    }
}
