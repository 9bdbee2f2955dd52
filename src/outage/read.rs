//! An outage file of any kind, read.
//!
//! In: a file's name and bytes. Out: its notices, the mistakes of those that cannot be read, or the fault for
//! which nothing of it can be used: then the last good copy serves.

use super::model::Notice;
use super::written::Setting;
use super::zone::Zone;
use super::{calendar, items, rows};
use crate::rules::Mistake;
use std::collections::HashMap;

/// Longest outage file.
pub const MOST_BYTES: u64 = 16 << 20;
/// Notices of one file.
pub const MOST_NOTICES: usize = 200_000;

/// How a file is written, by the ending of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Yaml,
    Csv,
    Calendar,
}

impl Kind {
    /// By `.yaml`, `.yml`, `.csv`, `.ics`; hidden files and what an editor leaves behind are no outage files.
    pub fn of(name: &str) -> Option<Kind> {
        let leaf = name.rsplit('/').next()?;
        let (stem, ending) = leaf.rsplit_once('.')?;
        if stem.is_empty() || leaf.starts_with(['.', '#']) {
            return None;
        }
        match ending.to_ascii_lowercase().as_str() {
            "yaml" | "yml" => Some(Kind::Yaml),
            "csv" => Some(Kind::Csv),
            "ics" => Some(Kind::Calendar),
            _ => None,
        }
    }
}

/// What a reader of one kind found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub notices: Vec<Notice>,
    pub mistakes: Vec<Mistake>,
    pub warnings: Vec<Mistake>,
    pub fault: Option<Mistake>,
}

impl Found {
    pub(super) fn fault(fault: Mistake) -> Self {
        Self { fault: Some(fault), ..Self::default() }
    }
}

/// What one file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Each id once.
    pub notices: Vec<Notice>,
    /// Notices that cannot be read; they void no other.
    pub mistakes: Vec<Mistake>,
    /// What is odd and voids nothing.
    pub warnings: Vec<Mistake>,
    /// Why nothing of the file can be used.
    pub fault: Option<Mistake>,
}

/// Reads a file; `file` is how the operator would name it, `zone` holds for times that name none.
pub fn read(kind: Kind, file: &str, bytes: &[u8], zone: &Zone) -> Read {
    let setting = Setting::new(file, zone.clone());
    let fault =
        |line: u32, what: String| Read { fault: Some(setting.mistake(line, 1, what)), ..Read::default() };
    if bytes.len() as u64 > MOST_BYTES {
        return fault(1, format!("longer than {MOST_BYTES} bytes"));
    }
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let line = 1 + memchr::memchr_iter(b'\n', &bytes[..error.valid_up_to()]).count();
            return fault(u32::try_from(line).unwrap_or(u32::MAX), "not UTF-8".to_owned());
        }
    };
    let mut found = match kind {
        Kind::Yaml => items::read(text, setting.clone()),
        Kind::Csv => rows::read(text, &setting),
        Kind::Calendar => calendar::read(text, &setting),
    };
    if found.fault.is_some() {
        return Read { fault: found.fault, ..Read::default() };
    }
    let mut lines: HashMap<String, u32> = HashMap::new();
    found.notices.retain(|notice| match lines.get(&notice.id) {
        None => {
            lines.insert(notice.id.clone(), notice.origin.line);
            true
        }
        Some(line) => {
            let what = format!("notice `{}` stands in line {line} already", notice.id);
            let origin = &notice.origin;
            found.mistakes.push(setting.mistake(origin.line, origin.column, what));
            false
        }
    });
    found.mistakes.sort();
    Read { notices: found.notices, mistakes: found.mistakes, warnings: found.warnings, fault: None }
}
