//! Alert records out of one block of a mail.
//!
//! In: a mail, its source, a format rule and a block. Out: one [`AlertRecord`], every value bounded and on one
//! line. It believes what the format says and judges nothing; whether the record counts is asked later.

use super::blocks::Block;
use super::model::{AlertRecord, Reason};
use super::pattern::Patterns;
use super::source::Source;
use super::{event, failure, name, places, stated};
use crate::mail::Mail;
use crate::rules::model::{Field, FormatRule, Place, Take};
use jiff::Timestamp;
use std::cell::RefCell;

/// Most bytes of a value.
pub const VALUE_BYTES: usize = 256;
/// Most lines of a detail.
pub const DETAIL_LINES: usize = 10;
/// Most bytes of a detail.
pub const DETAIL_BYTES: usize = 4096;

/// What all blocks of a mail share.
#[derive(Clone, Copy)]
pub struct Context<'m, 'r> {
    pub mail: &'m Mail,
    pub source: &'m Source,
    pub rule: &'m FormatRule,
    pub patterns: &'m Patterns<'r>,
    pub failure_types: &'m [String],
    pub arrival: Timestamp,
    /// Seconds.
    pub skew: i64,
    /// What takes from outside the block gave: asked once for a mail, however many blocks it has.
    pub outside: &'m Outside<'m>,
}

/// Values that are the same for every block of a mail, by the take that gave them.
pub type Outside<'m> = RefCell<Vec<(&'m Take, Option<String>)>>;

/// The record a block reports. One without a device is marked refused.
pub fn record(context: Context, block: &Block) -> AlertRecord {
    let reader = Reader { context, block, keys: key_lines(block.text) };
    let value = |field| reader.value(field);
    let normal = |field| value(field).map(|text| name::normal(&text)).filter(|text| !text.is_empty());
    let device_stated = value(Field::Device).unwrap_or_default();
    let mut device = name::composite(&device_stated);
    if let Some(text) = value(Field::Mac) {
        device.mac = name::composite(&text).mac.or_else(|| name::mac_anyhow(&text)).or(device.mac);
    }
    if let Some(text) = value(Field::Ip) {
        device.ip = name::composite(&text).ip.or(device.ip);
    }
    let location = value(Field::Location);
    let (building, room) = location.as_deref().map_or((None, None), stated::building_and_room);
    let detail = reader.detail();
    let announced = value(Field::Announced);
    let subject = cut(&context.mail.subject, DETAIL_BYTES);
    let texts = [announced.as_deref().unwrap_or_default(), &detail, subject];
    let failure = failure::classify(&context.rule.failure, context.failure_types, context.patterns, texts);
    let stated_time = value(Field::EventTime);
    let (event, event_note) =
        event::time(stated_time.as_deref(), context.mail.date, context.arrival, context.skew);
    let known = device.device().map(str::to_owned);
    AlertRecord {
        id: value(Field::Id),
        format: context.rule.id.clone(),
        event,
        arrival: context.arrival,
        event_note,
        tool: value(Field::Tool).unwrap_or_else(|| context.rule.id.clone()),
        region: value(Field::Region),
        device_stated: if device_stated.is_empty() {
            known.clone().unwrap_or_default()
        } else {
            device_stated
        },
        refused: known.is_none().then(|| Reason::FormatWithoutDevice {
            format: context.rule.id.clone(),
            origin: context.rule.origin.to_string(),
        }),
        device: known.unwrap_or_default(),
        mac: device.mac,
        ip: device.ip,
        source_domain: normal(Field::SourceDomain).unwrap_or_else(|| context.source.domain.clone()),
        source_node: normal(Field::SourceNode).unwrap_or_else(|| context.source.node.clone()),
        server: normal(Field::Server),
        upstream: normal(Field::Upstream),
        job: value(Field::Job),
        package: value(Field::Package),
        announced: announced.unwrap_or_else(|| one_line(&context.mail.subject)),
        failure,
        building: value(Field::Building).or(building),
        room: value(Field::Room).or(room),
        location,
        detail,
        routed: None,
    }
}

struct Reader<'c, 'm, 'r> {
    context: Context<'m, 'r>,
    block: &'c Block<'c>,
    /// `Name: value` lines of the block.
    keys: Vec<(&'c str, &'c str)>,
}

impl<'m> Reader<'_, 'm, '_> {
    fn value(&self, field: Field) -> Option<String> {
        self.taken(field).map(|text| one_line(&text)).filter(|text| !text.is_empty())
    }

    fn detail(&self) -> String {
        let detail = self.taken(Field::Detail).map(|text| first_lines(&dedented(&text)));
        detail.filter(|text| !text.is_empty()).unwrap_or_else(|| first_lines(self.block.text))
    }

    /// The first take that gives a non-empty value; else the capture called like the field.
    fn taken(&self, field: Field) -> Option<String> {
        let rule = self.context.rule.fields.iter().find(|rule| rule.field == field);
        let by_rule = rule.and_then(|rule| {
            rule.takes.iter().find_map(|take| self.take(take, field).filter(|text| !text.trim().is_empty()))
        });
        by_rule.or_else(|| self.captured(field))
    }

    fn captured(&self, field: Field) -> Option<String> {
        let named = self.block.captures.iter().find(|(name, _)| name == field.word());
        named.map(|(_, text)| text.clone()).filter(|text| !text.trim().is_empty())
    }

    fn take(&self, take: &'m Take, field: Field) -> Option<String> {
        let outside = match take {
            Take::Key { place, .. } | Take::Pattern { place, .. } | Take::After { place, .. } => {
                *place != Place::Block
            }
            _ => false,
        };
        if !outside {
            return self.taken_here(take, field);
        }
        let known =
            |(other, value): &(&Take, Option<String>)| std::ptr::eq(*other, take).then(|| value.clone());
        if let Some(value) = self.context.outside.borrow().iter().find_map(known) {
            return value;
        }
        let value = self.taken_here(take, field);
        self.context.outside.borrow_mut().push((take, value.clone()));
        value
    }

    fn taken_here(&self, take: &'m Take, field: Field) -> Option<String> {
        let Context { mail, source, patterns, .. } = self.context;
        let texts = |place| places::texts(mail, place, Some(self.block.text));
        match take {
            Take::Key { names, place: Place::Block } => keyed(&self.keys, names),
            Take::Key { names, place } => texts(place).find_map(|text| keyed(&key_lines(text), names)),
            Take::Pattern { pattern, place } => texts(place).find_map(|text| {
                patterns.value(pattern, field.word(), text).filter(|value| !value.is_empty())
            }),
            Take::After { pattern, place } => texts(place).find_map(|text| {
                let found = patterns.get(pattern)?.find(text)?;
                let next = text.as_bytes()[found.end()..].iter().position(|&byte| byte == b'\n')?;
                let following = &text[found.end() + next + 1..];
                let lines = following.lines().take_while(|line| !line.trim().is_empty()).take(DETAIL_LINES);
                Some(lines.collect::<Vec<_>>().join("\n"))
            }),
            Take::Captured => self.captured(field),
            Take::Constant(text) => Some(text.clone()),
            Take::SourceNode => Some(source.node.clone()),
            Take::SourceDomain => Some(source.domain.clone()),
            Take::SenderAddress => Some(source.address.clone()),
            Take::HostOf(take) => host_of(&self.take(take, field)?),
        }
    }
}

/// What stands after the last `@`, up to where an address ends; None without an `@`.
fn host_of(address: &str) -> Option<String> {
    let (_, host) = address.rsplit_once('@')?;
    let end = host.find(|c: char| c.is_whitespace() || matches!(c, '>' | ',' | ';' | ')' | '"' | '\''));
    Some(host[..end.unwrap_or(host.len())].to_owned()).filter(|host| !host.is_empty())
}

/// Lines `Name: value` or `Name = value` that begin with their name: an indented line is somebody's quoted
/// text, not a statement of the tool.
fn key_lines(text: &str) -> Vec<(&str, &str)> {
    let key = |line| -> Option<(&str, &str)> {
        let end = memchr::memchr2(b':', b'=', str::as_bytes(line))?;
        let (name, value) = (&line[..end], &line[end + 1..]);
        (!name.is_empty() && name.len() <= 64 && !name.starts_with(char::is_whitespace))
            .then(|| (name.trim_end(), value.trim()))
    };
    text.lines().filter_map(key).collect()
}

fn keyed(keys: &[(&str, &str)], names: &[String]) -> Option<String> {
    let named = |(key, _): &&(&str, &str)| names.iter().any(|name| name.eq_ignore_ascii_case(key));
    keys.iter().find(named).map(|(_, value)| (*value).to_owned())
}

/// On one line, trimmed, at most [`VALUE_BYTES`]; other control characters stay for the eyes of `Shown`.
fn one_line(text: &str) -> String {
    let text = text.trim();
    let text = cut(text, VALUE_BYTES).trim_end();
    if text.contains(['\n', '\r']) { text.replace(['\n', '\r'], " ") } else { text.to_owned() }
}

/// The first ten lines within 4 KiB, leading blank lines skipped.
fn first_lines(text: &str) -> String {
    let lines = text.lines().map(str::trim_end).skip_while(|line| line.is_empty()).take(DETAIL_LINES);
    let mut kept = String::new();
    for line in lines {
        if !kept.is_empty() {
            kept.push('\n');
        }
        let left = DETAIL_BYTES.saturating_sub(kept.len());
        kept.push_str(cut(line, left));
        if left <= line.len() {
            break;
        }
    }
    kept.truncate(kept.trim_end().len());
    kept
}

/// Without the white space that all lines but the first (which may follow a key) begin with.
fn dedented(text: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let common = text.lines().skip(1).filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    let lines = text
        .lines()
        .enumerate()
        .map(|(n, line)| if n == 0 { line.trim_start() } else { line.get(common..).unwrap_or("") });
    lines.collect::<Vec<_>>().join("\n")
}

/// At most this many bytes, whole characters.
fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::pattern::Effort;
    use crate::alert::tests_support::{key, mail, pattern, rule};
    use crate::rules::model::{FieldRule, Origin};

    fn field(field: Field, takes: Vec<Take>) -> FieldRule {
        FieldRule { field, takes, origin: Origin::default() }
    }

    fn read_at(mail: &Mail, fields: Vec<FieldRule>, arrival: &str) -> AlertRecord {
        let rule = FormatRule { fields, ..rule("simple") };
        let mut patterns = Patterns::new(Effort::OneMail);
        for take in rule.fields.iter().flat_map(|field| &field.takes) {
            if let Take::Pattern { pattern, .. } | Take::After { pattern, .. } = take {
                patterns.add(pattern);
            }
        }
        let source = Source::of(&mail.from[0].address).expect("a source");
        let context = Context {
            mail,
            source: &source,
            rule: &rule,
            patterns: &patterns,
            failure_types: &["unknown".to_owned()],
            arrival: arrival.parse().expect("a time"),
            skew: 3600,
            outside: &Outside::default(),
        };
        record(context, &Block { text: &mail.body, captures: vec![("job".into(), "J1".into())] })
    }

    fn read(body: &str, fields: Vec<FieldRule>) -> AlertRecord {
        read_at(&mail("dm@is38.east.acme.com", "subject line", body), fields, "2026-03-02T10:00:00Z")
    }

    #[test]
    fn keys_are_read_with_colon_or_equals_sign_at_the_beginning_of_a_line() {
        let device = || key(Field::Device, "Computer Server Name");
        for body in [
            "Computer Server Name: Node7",
            "x\nCOMPUTER server name =  Node7  \ny",
            "Computer Server Name : Node7\r\n",
        ] {
            let record = read(body, vec![device()]);
            assert_eq!(
                (record.device.as_str(), record.device_stated.as_str()),
                ("node7", "Node7"),
                "{body:?}"
            );
        }
        for body in ["  Computer Server Name: Node7", "> Computer Server Name: Node7", "Server Name: Node7"] {
            assert_eq!(read(body, vec![device()]).device, "", "{body:?}");
        }
    }

    #[test]
    fn the_first_way_that_gives_a_value_wins() {
        let takes = vec![
            Take::Key { names: vec!["Device".into()], place: Place::Block },
            Take::Pattern { pattern: pattern(r"on (?<device>\w+)$"), place: Place::Subject },
            Take::SourceNode,
        ];
        let device = |subject: &str, body: &str| {
            let mail = mail("dm@is38.east.acme.com", subject, body);
            read_at(&mail, vec![field(Field::Device, takes.clone())], "2026-03-02T10:00:00Z").device
        };
        assert_eq!(device("failed on node8", "Device: node7"), "node7");
        assert_eq!(device("failed on node8", "Device:  "), "node8");
        assert_eq!(device("failed", ""), "is38");
    }

    #[test]
    fn every_source_of_a_value_is_known() {
        let address = Take::Constant("rfc822; <User@Node7.acme.com>, x".into());
        let record = read(
            "head\n\nError text:\n  one\n  two\n\nthree",
            vec![
                field(Field::Device, vec![Take::HostOf(Box::new(address))]),
                field(Field::Server, vec![Take::SourceDomain]),
                field(Field::Region, vec![Take::SenderAddress]),
                field(
                    Field::Detail,
                    vec![Take::After { pattern: pattern("^Error text:"), place: Place::Block }],
                ),
            ],
        );
        assert_eq!(record.device, "node7.acme.com");
        assert_eq!(record.server.as_deref(), Some("is38.east.acme.com"));
        assert_eq!(record.region.as_deref(), Some("dm@is38.east.acme.com"));
        assert_eq!(record.detail, "one\ntwo");
        assert_eq!(record.job.as_deref(), Some("J1"), "a capture called like a field needs no rule");
        assert_eq!((record.tool.as_str(), record.announced.as_str()), ("simple", "subject line"));
    }

    #[test]
    fn a_device_without_a_name_is_counted_by_its_address() {
        let fields = || vec![key(Field::Device, "Device"), key(Field::Mac, "MAC"), key(Field::Ip, "IP")];
        let record = read("Device: 08:00:20:1A:2B:3C/10.1.2.3", fields());
        assert_eq!((record.device.as_str(), record.ip.as_deref()), ("08:00:20:1a:2b:3c", Some("10.1.2.3")));
        let record = read("MAC: 0800.201a.2b3c\nIP: nonsense", fields());
        assert_eq!((record.device.as_str(), record.ip.as_deref()), ("08:00:20:1a:2b:3c", None));
        assert_eq!(record.device_stated, "08:00:20:1a:2b:3c");
        let record = read("IP: [2001:DB8::1]", fields());
        assert_eq!(record.device, "2001:db8::1");
        assert!(matches!(read("nothing", fields()).refused, Some(Reason::FormatWithoutDevice { .. })));
    }

    #[test]
    fn detail_keeps_ten_lines_within_four_kibibytes() {
        let lines: Vec<String> = (1..=20).map(|n| format!("line {n}")).collect();
        let record = read(&format!("\n\n{}", lines.join("\n")), vec![]);
        assert_eq!(record.detail, lines[..10].join("\n"));
        let long = "ä".repeat(3000);
        assert_eq!(read(&long, vec![]).detail.len(), 4096);
        assert_eq!(read(&format!("a{long}"), vec![]).detail.len(), 4095, "whole characters");
    }

    #[test]
    fn an_event_time_far_from_the_arrival_is_noted() {
        let mail = mail("dm@is38.acme.com", "x", "Device: a\nTime: 2026-03-01 10:00:00");
        let fields = || vec![key(Field::Device, "Device"), key(Field::EventTime, "Time")];
        let record = read_at(&mail, fields(), "2026-03-02T10:00:00Z");
        assert_eq!(record.event, record.arrival);
        assert!(record.event_note.is_some());
        let record = read_at(&mail, fields(), "2026-03-01T10:30:00Z");
        assert_eq!((record.event.to_string().as_str(), record.event_note), ("2026-03-01T10:00:00Z", None));
    }
}
