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

/// Most bytes of a value.
pub const VALUE_BYTES: usize = 256;
/// Most lines of a detail.
pub const DETAIL_LINES: usize = 10;
/// Most bytes of a detail.
pub const DETAIL_BYTES: usize = 4096;

/// What all blocks of a mail share.
#[derive(Debug, Clone, Copy)]
pub struct Context<'m, 'r> {
    pub mail: &'m Mail,
    pub source: &'m Source,
    pub rule: &'m FormatRule,
    pub patterns: &'m Patterns<'r>,
    pub failure_types: &'m [String],
    pub arrival: Timestamp,
    /// Seconds.
    pub skew: i64,
}

/// The record a block reports. One without a device is marked refused.
pub fn record(context: Context, block: &Block) -> AlertRecord {
    let reader = Reader { context, block, keys: key_lines(block.text) };
    let value = |field| reader.value(field);
    let normal = |field| value(field).map(|text| name::normal(&text)).filter(|text| !text.is_empty());
    let device_stated = value(Field::Device).unwrap_or_default();
    let mut device = name::composite(&device_stated);
    if let Some(text) = value(Field::Mac) {
        device.mac = name::composite(&text).mac.or(device.mac);
    }
    if let Some(text) = value(Field::Ip) {
        device.ip = name::composite(&text).ip.or(device.ip);
    }
    let location = value(Field::Location);
    let (building, room) = location.as_deref().map_or((None, None), stated::building_and_room);
    let detail = reader.detail();
    let announced = value(Field::Announced);
    let texts = [announced.as_deref().unwrap_or_default(), &detail, &context.mail.subject];
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
    }
}

struct Reader<'c, 'r> {
    context: Context<'c, 'r>,
    block: &'c Block<'c>,
    /// `Name: value` lines of the block.
    keys: Vec<(&'c str, &'c str)>,
}

impl Reader<'_, '_> {
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

    fn take(&self, take: &Take, field: Field) -> Option<String> {
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
        let (name, value) = str::split_once(line, [':', '='])?;
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
