//! Notices of a CSV file: one a row, the first row names the columns.
//!
//! In: the text of one file, comma, semicolon or tab between its cells. Out: its notices, and the mistakes of
//! rows that cannot be read, which void no other. Several names in one cell are separated by `;` or `|`.

use super::model::TargetKind;
use super::read::{Found, MOST_NOTICES};
use super::written::{Field, Setting, notice};
use crate::rules::nearest;
use crate::rules::outages::NOTICE;
use csv::{ReaderBuilder, StringRecord};

/// Columns of one file.
const MOST_COLUMNS: usize = 200;

/// Other names of columns, as exports of inventories and calendars call them.
const ALIASES: [(&str, &[&str]); 17] = [
    ("id", &["uid", "notice", "number"]),
    (
        "device",
        &["name", "host", "hostname", "host_name", "node", "computer", "device_name", "devices", "fqdn"],
    ),
    ("mac", &["mac_address"]),
    ("ip", &["ip_address", "address", "primary_ip"]),
    ("glob", &["pattern", "devices_glob"]),
    ("building", &["bldg", "buildings"]),
    ("server", &["intermediate_server", "servers"]),
    ("region", &["regions"]),
    ("package", &["packages", "software"]),
    ("from", &["start", "begin", "starts", "begins", "start_time", "dtstart", "start_date"]),
    ("until", &["end", "ends", "to", "till", "end_time", "dtend", "stop", "end_date"]),
    ("rrule", &["recurrence", "repeat", "rule"]),
    ("exdate", &["except", "exceptions"]),
    ("zone", &["timezone", "time_zone", "tz"]),
    ("author", &["by", "who", "posted_by", "created_by", "contact"]),
    ("reason", &["why", "comment", "description", "summary", "text"]),
    ("expires", &["expiry", "expire", "valid_until"]),
];

/// The key a column means; None for one that is none of ours.
fn column(head: &str) -> Option<&'static str> {
    let word = head.trim().to_lowercase().replace([' ', '-'], "_");
    let own = NOTICE.keys.iter().find(|key| **key == word).copied();
    own.or_else(|| ALIASES.iter().find(|(_, words)| words.contains(&word.as_str())).map(|(key, _)| *key))
}

/// Reads a file. Without a header that names something and `from` nothing of it can be told.
pub(super) fn read(text: &str, setting: &Setting) -> Found {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let head =
        text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#')).unwrap_or_default();
    let often = |separator: char| head.matches(separator).count();
    let delimiter = [',', ';', '\t'].into_iter().max_by_key(|s| (often(*s), *s == ',')).unwrap_or(',');
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter as u8)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let mut found = Found::default();
    let mut columns: Option<Vec<Option<&'static str>>> = None;
    let mut record = StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                let line = error.position().map_or(1, csv::Position::line);
                found.mistakes.push(setting.mistake(number(line), 1, format!("row cannot be read: {error}")));
                continue;
            }
        }
        let line = number(record.position().map_or(1, csv::Position::line));
        let Some(columns) = &columns else {
            match heads(&record, line, setting) {
                Ok((heads, told)) => {
                    columns = Some(heads);
                    found.warnings.extend(told);
                }
                Err(fault) => return Found::fault(*fault),
            }
            continue;
        };
        if found.notices.len() + found.mistakes.len() >= MOST_NOTICES {
            return Found::fault(setting.mistake(
                line,
                1,
                format!("more than {MOST_NOTICES} notices in one file"),
            ));
        }
        row(&record, columns, line, setting, delimiter, &mut found);
    }
    match columns {
        Some(_) => found,
        None => Found::fault(setting.mistake(1, 1, "the file is empty; its first row names the columns")),
    }
}

type Heads = (Vec<Option<&'static str>>, Vec<crate::rules::Mistake>);

fn heads(record: &StringRecord, line: u32, setting: &Setting) -> Result<Heads, Box<crate::rules::Mistake>> {
    let mut told = Vec::new();
    let mut columns: Vec<Option<&'static str>> = Vec::new();
    if record.len() > MOST_COLUMNS {
        return Err(Box::new(setting.mistake(line, 1, format!("more than {MOST_COLUMNS} columns"))));
    }
    for (index, head) in record.iter().enumerate() {
        let place = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let key = column(head);
        if let Some(key) = key.filter(|key| columns.contains(&Some(*key))) {
            let what = format!("two columns mean `{key}`; the second is `{head}`, column {place}");
            return Err(Box::new(setting.mistake(line, 1, what)));
        }
        if key.is_none() && !head.trim().is_empty() {
            let word = head.trim().to_lowercase();
            let hint = nearest(&word, NOTICE.keys.iter().copied()).map(str::to_owned);
            let mut mistake = setting.mistake(line, 1, format!("column {place} `{head}` is none of ours"));
            if hint.is_some() {
                // What was meant to narrow a notice would be left out of it.
                mistake.hint = hint;
                return Err(Box::new(mistake));
            }
            mistake.what.push_str(" and is not read");
            told.push(mistake);
        }
        columns.push(key);
    }
    let has = |key: &str| columns.contains(&Some(key));
    if !has("from") || !TargetKind::ALL.iter().any(|(_, word)| has(word)) {
        let what = "the first row must name the columns: `from` and one of device, mac, ip, glob, building, \
                    server, region, package";
        return Err(Box::new(setting.mistake(line, 1, what)));
    }
    Ok((columns, told))
}

fn row(
    record: &StringRecord,
    columns: &[Option<&'static str>],
    line: u32,
    setting: &Setting,
    delimiter: char,
    found: &mut Found,
) {
    if record.iter().all(|cell| cell.trim().is_empty()) {
        return;
    }
    let written = record.len();
    let surplus = record.iter().skip(columns.len()).any(|cell| !cell.trim().is_empty());
    if surplus || written < columns.len() {
        let what = format!("the row has {written} cells, the first row names {} columns", columns.len());
        found.mistakes.push(setting.mistake(line, 1, what));
        return;
    }
    let mut fields = Vec::new();
    for (key, cell) in columns.iter().zip(record.iter()) {
        let Some(key) = key else { continue };
        let many = TargetKind::from_word(key).is_some() || *key == "rdate" || *key == "exdate";
        let one = [cell];
        let separators: &[char] = if delimiter == ';' { &['|'] } else { &[';', '|'] };
        let texts: Vec<&str> = if many { cell.split(separators).collect() } else { one.to_vec() };
        fields.extend(texts.into_iter().map(str::trim).filter(|text| !text.is_empty()).map(|text| Field {
            key: (*key).to_owned(),
            text: text.to_owned(),
            line,
            column: 1,
        }));
    }
    match notice(&fields, setting, line, 1) {
        Ok(notice) => found.notices.push(notice),
        Err(mistakes) => found.mistakes.extend(mistakes),
    }
}

fn number(line: u64) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}
