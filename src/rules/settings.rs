//! `autoticket.yaml`: everything small.
//!
//! In: the merged tree of all layers. Out: [`Settings`]. No default stands here: the embedded
//! `autoticket.yaml` is the lowest layer and holds them all.

use super::findings;
use super::model::{
    Delivery, Effort, Identity, Keep, ListFrom, ListSource, Lists, Seconds, Settings, TicketRules, TimeRules,
    Tls, TransportRule,
};
use super::reader::{Checker, Fields, Keys, Named};
use super::yaml::{self, Entry, Node};

macro_rules! keys {
    ($name:ident, $of:literal, $($key:literal)+) => {
        pub(super) static $name: Keys = Keys { file: "autoticket.yaml", of: $of, keys: &[$($key),+] };
    };
}

keys!(TOP, "",
    "identity" "state" "gates" "lists" "efforts" "time" "delivery" "tickets" "keep" "maildirs" "interval"
    "outages" "diagnosis" "findings");
keys!(IDENTITY, "identity", "domain" "from" "reply_to" "authserv_id");
keys!(LISTS, "lists", "domains" "nodes");
keys!(LIST, "lists.*", "file" "command" "every");
keys!(EFFORT, "efforts.*", "packages" "jobs");
keys!(TIME, "time", "skew");
keys!(DELIVERY, "delivery", "transport" "files" "smtp" "sendmail" "retry" "timeout");
keys!(FILES, "delivery.files", "folder");
keys!(SMTP, "delivery.smtp", "host" "port" "tls" "user" "credential" "authority");
keys!(SENDMAIL, "delivery.sendmail", "program");
keys!(TICKETS, "tickets", "update_interval" "reminder_after" "cap");
keys!(KEEP, "keep", "raw" "records");

/// A year of 366 days: no duration in the rules is longer, except what is kept.
pub(super) const YEAR: i64 = 366 * 86_400;

/// Transmissions of one mail before it is parked.
const MOST_TRANSMISSIONS: usize = 20;

/// Reads everything except `gates`; also where failure types are named, for the check over the whole.
pub(super) fn read(c: &mut Checker<'_>, top: &Fields<'_>, types: &mut Vec<Named>) -> Option<Settings> {
    let identity = c.section(top, "identity", &IDENTITY).and_then(|f| identity(c, &f));
    let state = optional(c, top, "state");
    let lists = lists(c, top);
    let efforts = efforts(c, top);
    let time = c.section(top, "time", &TIME);
    let skew = time.and_then(|f| duration(c, &f, "skew", 0, YEAR));
    let delivery = c.section(top, "delivery", &DELIVERY).and_then(|f| delivery(c, &f));
    let tickets = c.section(top, "tickets", &TICKETS).and_then(|f| tickets(c, &f));
    let keep = c.section(top, "keep", &KEEP).and_then(|f| keep(c, &f));
    let maildirs = c.need(top, "maildirs").and_then(|node| c.texts_or_none(node, "maildirs"));
    let interval = duration(c, top, "interval", 1, 86_400);
    let outages = super::outages::read(c, top);
    let diagnosis = findings::read(c, top, types);
    Some(Settings {
        identity: identity?,
        state: state?,
        lists: lists?,
        efforts: efforts?,
        time: TimeRules { skew: skew? },
        delivery: delivery?,
        tickets: tickets?,
        keep: keep?,
        maildirs: maildirs?,
        interval: interval?,
        outages: outages?,
        diagnosis: diagnosis?,
    })
}

/// The state folder that one `autoticket.yaml` names, found without reading the rest: where the rules are
/// broken, a mail still has to be spooled beside the state. None where the line is not there, has no value
/// or is not a text on one line.
pub fn state_of(autoticket_yaml_text: &str) -> Option<String> {
    let text = autoticket_yaml_text.strip_prefix('\u{feff}').unwrap_or(autoticket_yaml_text);
    let line = text.lines().find(|line| {
        let rest = line.strip_prefix("state").map(str::trim_start);
        rest.is_some_and(|rest| rest == ":" || rest.starts_with(": "))
    })?;
    let root = yaml::read(line, 0, &mut Vec::new())?;
    let yaml::Kind::Map(entries) = root.kind else { return None };
    match &entries.first()?.value {
        value if value.is_null() => None,
        Node { kind: yaml::Kind::Scalar(scalar), .. } if scalar.style != yaml::Style::Block => {
            Some(scalar.text.clone())
        }
        _ => None,
    }
}

/// A key that may be left out: Some(None) then; None where it is there and wrong.
pub(super) fn optional(c: &mut Checker<'_>, f: &Fields<'_>, key: &str) -> Option<Option<String>> {
    f.get(key).map_or(Some(None), |node| c.text(node, key).map(Some))
}

pub(super) fn duration(
    c: &mut Checker<'_>,
    f: &Fields<'_>,
    key: &str,
    least: i64,
    most: i64,
) -> Option<Seconds> {
    let node = c.need(f, key)?;
    c.seconds(node, key, least..=most)
}

fn identity(c: &mut Checker<'_>, f: &Fields<'_>) -> Option<Identity> {
    let domain = c.need(f, "domain").and_then(|node| domain(c, node, "domain"));
    let from = c.need(f, "from").and_then(|node| mailbox(c, node, "from"));
    let reply_to = f.get("reply_to").map_or(Some(None), |node| mailbox(c, node, "reply_to").map(Some));
    let authserv_id = f.get("authserv_id").map_or(Some(None), |node| c.text(node, "authserv_id").map(Some));
    Some(Identity { domain: domain?, from: from?, reply_to: reply_to?, authserv_id: authserv_id? })
}

/// A domain name: labels of letters, digits and hyphens.
pub(super) fn domain(c: &mut Checker<'_>, node: &Node, key: &str) -> Option<String> {
    let text = c.text(node, key)?;
    if !is_domain(&text) {
        c.wrong(node.at, format!("`{key}` must be a domain such as `tickets.example.com`, not `{text}`"));
        return None;
    }
    Some(text)
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// One address, `local@domain` or `Name <local@domain>`.
pub(super) fn mailbox(c: &mut Checker<'_>, node: &Node, key: &str) -> Option<String> {
    let text = c.text(node, key)?;
    let address = match text.rsplit_once('<') {
        Some((_, rest)) => rest.strip_suffix('>').unwrap_or(""),
        None => &text,
    };
    if !is_address(address) {
        let what = format!("`{key}` must be an address such as `Name <name@example.com>`, not `{text}`");
        c.wrong(node.at, what);
        return None;
    }
    Some(text)
}

/// A bare address as it goes into an envelope.
pub(super) fn is_address(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else { return false };
    let local_fits = |c: char| !c.is_whitespace() && !c.is_control() && !"<>()[]:;,\\\"@".contains(c);
    (1..=64).contains(&local.len()) && local.chars().all(local_fits) && is_domain(host)
}

fn lists(c: &mut Checker<'_>, top: &Fields<'_>) -> Option<Lists> {
    let Some(node) = top.get("lists") else { return Some(Lists::default()) };
    let f = c.fields(node, &LISTS, "`lists`")?;
    let domains = f.get("domains").map_or(Some(None), |node| list_source(c, node, "domains").map(Some));
    let nodes = f.get("nodes").map_or(Some(None), |node| list_source(c, node, "nodes").map(Some));
    Some(Lists { domains: domains?, nodes: nodes? })
}

fn list_source(c: &mut Checker<'_>, node: &Node, key: &str) -> Option<ListSource> {
    let f = c.fields(node, &LIST, &format!("`{key}`"))?;
    let every = duration(c, &f, "every", 1, YEAR);
    let from = match c.one_of(&f, &["file", "command"], &format!("`{key}`"))? {
        ("file", node) => ListFrom::File(c.text(node, "file")?),
        (_, node) => ListFrom::Command(argv(c, node, "command")?),
    };
    Some(ListSource { from, every: every?, origin: c.origin(node.at) })
}

/// A command is a list, as no shell ever sees it.
pub(super) fn argv(c: &mut Checker<'_>, node: &Node, key: &str) -> Option<Vec<String>> {
    if matches!(node.kind, yaml::Kind::Scalar(_)) {
        c.wrong(
            node.at,
            format!("`{key}` must be a list, program first, as no shell reads it: [program, argument]"),
        );
        return None;
    }
    c.texts(node, key)
}

fn efforts(c: &mut Checker<'_>, top: &Fields<'_>) -> Option<Vec<Effort>> {
    let Some(node) = top.get("efforts") else { return Some(Vec::new()) };
    let names = c.names(node, "`efforts`")?;
    let all: Vec<_> = names.entries().iter().map(|entry| effort(c, entry)).collect();
    all.into_iter().collect()
}

fn effort(c: &mut Checker<'_>, entry: &Entry) -> Option<Effort> {
    if !super::format::is_id(&entry.key) {
        c.wrong(
            entry.at,
            format!("`{}` is no name for an effort: letters, digits, `-`, `_` and `.`", entry.key),
        );
        return None;
    }
    let f = c.fields(&entry.value, &EFFORT, "an effort")?;
    let packages = f.get("packages").map_or(Some(Vec::new()), |node| c.globs(node, "packages"));
    let jobs = f.get("jobs").map_or(Some(Vec::new()), |node| c.globs(node, "jobs"));
    if f.get("packages").is_none() && f.get("jobs").is_none() {
        c.wrong(f.at, "an effort needs `packages` or `jobs`");
        return None;
    }
    Some(Effort { name: entry.key.clone(), packages: packages?, jobs: jobs? })
}

fn delivery(c: &mut Checker<'_>, f: &Fields<'_>) -> Option<Delivery> {
    let transport = transport(c, f);
    let retry = c.need(f, "retry").and_then(|node| retry(c, node));
    let timeout = duration(c, f, "timeout", 1, 3_600);
    Some(Delivery { transport: transport?, retry: retry?, timeout: timeout? })
}

fn retry(c: &mut Checker<'_>, node: &Node) -> Option<Vec<Seconds>> {
    let items = c.list(node, "retry")?;
    if items.is_empty() || items.len() > MOST_TRANSMISSIONS {
        c.wrong(
            node.at,
            format!("`retry` must hold from 1 to {MOST_TRANSMISSIONS} waits, not {}", items.len()),
        );
        return None;
    }
    let all: Vec<_> = items.iter().map(|item| c.seconds(item, "retry", 0..=30 * 86_400)).collect();
    all.into_iter().collect()
}

/// All three transports are read, so that the one not in use is no nest of mistakes either.
fn transport(c: &mut Checker<'_>, f: &Fields<'_>) -> Option<TransportRule> {
    let word =
        c.need(f, "transport").and_then(|node| c.word(node, "transport", &["files", "smtp", "sendmail"]));
    let files = c.section(f, "files", &FILES).and_then(|f| {
        let node = c.need(&f, "folder")?;
        Some(TransportRule::Files { folder: c.text(node, "folder")? })
    });
    let smtp = c.need(f, "smtp").and_then(|node| smtp(c, node));
    let sendmail = c.section(f, "sendmail", &SENDMAIL).and_then(|f| {
        let node = c.need(&f, "program")?;
        let program = c.text(node, "program")?;
        if !program.starts_with('/') {
            c.wrong(node.at, format!("`program` must be an absolute path, not `{program}`"));
            return None;
        }
        Some(TransportRule::Sendmail { program })
    });
    match word? {
        "files" => files,
        "smtp" => smtp,
        _ => sendmail,
    }
}

fn smtp(c: &mut Checker<'_>, node: &Node) -> Option<TransportRule> {
    refuse_passwords(c, node);
    let f = c.fields_but(node, &SMTP, "`smtp`", &PASSWORDS)?;
    let host = c.need(&f, "host").and_then(|node| host(c, node));
    let port = c.need(&f, "port").and_then(|node| c.whole(node, "port", 1..=65_535));
    let tls = c.need(&f, "tls").and_then(|node| c.word(node, "tls", &["none", "starttls", "implicit"]));
    let user = optional(c, &f, "user");
    let credential = optional(c, &f, "credential");
    let authority = optional(c, &f, "authority");
    match (f.get("user"), f.get("credential")) {
        (Some(node), None) => {
            c.wrong(node.at, "`user` needs a `credential`, the file that holds the password")
        }
        (None, Some(node)) => c.wrong(node.at, "`credential` needs a `user`"),
        (Some(node), Some(_)) if tls == Some("none") && !host.as_deref().is_some_and(is_here) => {
            c.wrong(node.at, "`user` with `tls: none` would send the password in clear; say `tls: starttls`");
        }
        _ => {}
    }
    let tls = match tls? {
        "none" => Tls::None,
        "starttls" => Tls::Starttls,
        _ => Tls::Implicit,
    };
    Some(TransportRule::Smtp {
        host: host?,
        port: u16::try_from(port?).ok()?,
        tls,
        user: user?,
        credential: credential?,
        authority: authority?,
    })
}

/// Keys under which people write passwords.
const PASSWORDS: [&str; 4] = ["password", "passwd", "pass", "secret"];

fn refuse_passwords(c: &mut Checker<'_>, node: &Node) {
    let yaml::Kind::Map(entries) = &node.kind else { return };
    for entry in entries.iter().filter(|entry| PASSWORDS.contains(&entry.key.as_str())) {
        let what = "rules are read by other programs, backups and people, so no password may stand here; \
                    write it into a file only its owner can read and name that file as `credential`";
        c.wrong(entry.at, what);
    }
}

fn host(c: &mut Checker<'_>, node: &Node) -> Option<String> {
    let text = c.text(node, "host")?;
    if !is_domain(&text) && text.parse::<std::net::IpAddr>().is_err() {
        c.wrong(node.at, format!("`host` must be a host name or an address, not `{text}`"));
        return None;
    }
    Some(text)
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn tickets(c: &mut Checker<'_>, f: &Fields<'_>) -> Option<TicketRules> {
    let update_interval = duration(c, f, "update_interval", 0, YEAR);
    let reminder_after = duration(c, f, "reminder_after", 60, YEAR);
    let cap = c.need(f, "cap").and_then(|node| c.whole(node, "cap", 1..=10_000));
    Some(TicketRules {
        update_interval: update_interval?,
        reminder_after: reminder_after?,
        cap: u32::try_from(cap?).ok()?,
    })
}

fn keep(c: &mut Checker<'_>, f: &Fields<'_>) -> Option<Keep> {
    let raw = duration(c, f, "raw", 3_600, 100 * YEAR);
    let records = duration(c, f, "records", 86_400, 100 * YEAR);
    let keep = Keep { raw: raw?, records: records? };
    if keep.raw > keep.records {
        let at = f.get("raw").map_or(f.at, |node| node.at);
        c.wrong(at, "`raw` must not be longer than `records`: a mail whose record is gone would count twice");
        return None;
    }
    Some(keep)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_folder_is_found_without_reading_the_rest() {
        let text = "# state: no\nidentity: {broken\nstate: '/srv/it''s'  # ours\nkeep: [\n";
        assert_eq!(state_of(text).as_deref(), Some("/srv/it's"));
        assert_eq!(state_of("state:   /var/lib/x # y\r\n").as_deref(), Some("/var/lib/x"));
        assert_eq!(state_of("\u{feff}state: /a\n").as_deref(), Some("/a"));
        for none in [
            "",
            "  state: /nested\n",
            "state:\n",
            "state: ~\n",
            "states: /a\n",
            "state: [a]\n",
            "state: |\n  x\n",
        ] {
            assert_eq!(state_of(none), None, "{none:?}");
        }
    }

    #[test]
    fn a_name_and_an_address_are_told_from_a_mess() {
        for good in ["a@localhost", "first.last+tag@mail.example.com", "o'neill@example.com"] {
            assert!(is_address(good), "{good}");
        }
        for bad in ["", "a", "@b", "a@", "a b@example.com", "a@b@c", "<a@b>", "a@-b", "a@b..c", "a@b\r\nX: y"]
        {
            assert!(!is_address(bad), "{bad:?}");
        }
    }
}
