//! Location records in CSV, as NetBox, GLPI and spreadsheets export them.
//!
//! In: bytes, read line by line. Out: a record or mistakes per row. Separator (`,`, `;`, tab or `|`) and
//! columns come from the header. A quote that never ends voids its own line only.

use super::field::{self, Field, Row, mistake};
use super::{Item, MOST_BYTES, MOST_ROWS, Wrong};
use crate::rules::model::Origin;
use std::collections::VecDeque;
use std::io::{BufRead, Read};

/// Longest row, line ends inside quotes included, in bytes.
const MOST_ROW: usize = 64 * 1024;
/// Most lines of one row.
const MOST_LINES: usize = 64;

/// The cells of one row (RFC 4180); None where a quote does not end in it.
pub fn cells(text: &str, separator: char) -> Option<Vec<String>> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let cell = cells.last_mut().expect("never empty");
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() => quoted = true,
            c if c == separator && !quoted => cells.push(String::new()),
            c => cell.push(c),
        }
    }
    (!quoted).then_some(cells)
}

/// Reads row after row; memory is bounded by one row.
pub(super) struct Reader<R> {
    input: std::io::Take<R>,
    file: String,
    /// Lines read ahead while a quote was open.
    ahead: VecDeque<Vec<u8>>,
    /// Number of the line that is taken next, from 1.
    line: u32,
    rows: usize,
    separator: char,
    columns: Option<Vec<Option<(Field, usize)>>>,
    waiting: VecDeque<Item>,
    over: bool,
}

impl<R: BufRead> Reader<R> {
    pub(super) fn new(input: R, file: &str) -> Self {
        Self {
            input: input.take(MOST_BYTES + 1),
            file: file.to_owned(),
            ahead: VecDeque::new(),
            line: 1,
            rows: 0,
            separator: ',',
            columns: None,
            waiting: VecDeque::new(),
            over: false,
        }
    }

    fn origin(&self, line: u32) -> Origin {
        Origin { file: self.file.clone(), line, column: 1 }
    }

    fn end(&mut self, line: u32, what: impl Into<String>) {
        self.over = true;
        let mistake = mistake(&self.origin(line), what);
        self.waiting.push_back(Err(Wrong { mistake, whole_file: true }));
    }

    fn wrong(&mut self, line: u32, what: impl Into<String>) {
        let mistake = mistake(&self.origin(line), what);
        self.waiting.push_back(Err(Wrong { mistake, whole_file: false }));
    }

    /// One line as it came from the file, at most [`MOST_ROW`] of it; None at the end.
    fn fetch(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        (&mut self.input).take(MOST_ROW as u64 + 1).read_until(b'\n', &mut line)?;
        if line.len() > MOST_ROW && line.last() != Some(&b'\n') {
            // The rest of a line that is too long is passed over.
            let mut more = true;
            while more {
                let buffer = self.input.fill_buf()?;
                let end = memchr::memchr(b'\n', buffer);
                let passed = end.map_or(buffer.len(), |at| at + 1);
                more = end.is_none() && passed > 0;
                self.input.consume(passed);
            }
        }
        if self.input.limit() == 0 {
            return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, "longer than 1 GiB"));
        }
        Ok((!line.is_empty()).then_some(line))
    }

    /// One logical row: its line, and its cells. None where the file is at its end, or the row was told wrong.
    fn row(&mut self) -> std::io::Result<Option<(u32, Vec<String>)>> {
        let first = self.line;
        let mut text = String::new();
        let mut taken = 0;
        loop {
            if taken == self.ahead.len() {
                match self.fetch()? {
                    Some(line) => self.ahead.push_back(line),
                    None if taken == 0 => {
                        self.over = true;
                        return Ok(None);
                    }
                    None => break,
                }
            }
            let Ok(line) = str::from_utf8(&self.ahead[taken]) else {
                if taken > 0 {
                    break;
                }
                self.pass(1);
                let what = "not UTF-8: convert the file, for example with iconv -f latin1 -t utf8";
                self.wrong(first, what);
                return Ok(None);
            };
            text.push_str(if first == 1 && taken == 0 { line.trim_start_matches('\u{feff}') } else { line });
            taken += 1;
            if self.columns.is_none() {
                self.separator = separator(&text);
            }
            if text.len() > MOST_ROW || taken > MOST_LINES {
                break;
            }
            if let Some(cells) = cells(text.trim_end_matches(['\r', '\n']), self.separator) {
                self.pass(taken);
                return Ok(Some((first, cells)));
            }
        }
        let long = self.ahead[0].len() > MOST_ROW;
        self.pass(1);
        self.wrong(first, if long { "a row longer than 64 KiB" } else { "a quote that never ends" });
        Ok(None)
    }

    fn pass(&mut self, lines: usize) {
        self.ahead.drain(..lines);
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
    }

    fn header(&mut self, line: u32, cells: &[String]) {
        let fields: Vec<_> = cells.iter().map(|cell| field::of_header(cell)).collect();
        if fields.iter().flatten().any(|(field, _)| *field == Field::Name) {
            self.columns = Some(fields);
        } else {
            self.end(
                line,
                "the header names no column `name`: the first line must be the names of the columns",
            );
        }
    }

    fn record(&mut self, line: u32, cells: &[String]) {
        let Some(columns) = &self.columns else { return };
        self.rows += 1;
        if self.rows > MOST_ROWS {
            return self.end(line, format!("more than {MOST_ROWS} rows"));
        }
        let (wanted, found) = (columns.len(), cells.len());
        if found > wanted && cells[wanted..].iter().any(|cell| !cell.trim().is_empty()) {
            return self.wrong(line, format!("{found} cells under {wanted} columns"));
        }
        let mut row = Row::default();
        for (field, cell) in columns.iter().zip(cells) {
            if let Some(field) = field {
                row.add(*field, cell);
            }
        }
        match row.record(self.origin(line)) {
            Ok(record) => self.waiting.push_back(Ok(record)),
            Err(mistakes) => self
                .waiting
                .extend(mistakes.into_iter().map(|mistake| Err(Wrong { mistake, whole_file: false }))),
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(item) = self.waiting.pop_front() {
                return Some(item);
            }
            if self.over {
                return None;
            }
            match self.row() {
                Err(error) => self.end(self.line, format!("cannot be read: {error}")),
                Ok(None) if self.over && self.columns.is_none() => self.end(1, "the file is empty"),
                Ok(None) => {}
                Ok(Some((_, cells))) if cells.iter().all(|cell| cell.trim().is_empty()) => {}
                Ok(Some((line, cells))) if self.columns.is_none() => {
                    self.header(line, &cells);
                }
                Ok(Some((line, cells))) => self.record(line, &cells),
            }
        }
    }
}

/// The separator of a header: the one that stands in it most often.
fn separator(header: &str) -> char {
    let count = |separator: char| header.matches(separator).count();
    [',', ';', '\t', '|'].into_iter().rev().max_by_key(|c| count(*c)).unwrap_or(',')
}
