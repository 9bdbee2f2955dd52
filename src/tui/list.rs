//! Rows of the list as lines: columns that stand under each other, and words that carry what colours repeat.
//!
//! In: the model, a row, columns. Out: one line. It does not know which rows are visible.

use super::model::{Entry, Model};
use super::rows::{Group, Row};
use super::text::{clean, count, fit, pad, right, width};
use super::theme::Theme;
use crate::redistribution::plan::Rebuilt;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Columns of the word about a command: `retokenised`.
const WORD: usize = 11;

/// From so many columns on, a row shows tool, job number and start as well.
const WIDE: usize = 96;

/// One row of exactly so many columns.
pub(super) fn line(model: &Model, row: Row, columns: usize, chosen: bool) -> Line<'static> {
    let gutter = if chosen { ">" } else { " " };
    let room = columns.saturating_sub(1);
    let theme = model.theme;
    let (text, style) = match row {
        Row::Notes => {
            let notes = count(model.notes.len(), "note on this plan", "notes on this plan");
            let first = model.notes.first().map_or("", String::as_str);
            (pad(&format!("! {notes}: {first}"), room, theme), theme.warning())
        }
        Row::Group(g) => (group(&model.groups[g], room, theme), theme.heading()),
        Row::Job(j) => job(model, j, room),
        Row::Command(j, c) => command(model, j, c, room),
    };
    let style = if chosen { style.patch(theme.chosen()) } else { style };
    Line::from(vec![Span::styled(gutter, style), Span::styled(text, style)])
}

fn group(group: &Group, room: usize, theme: Theme) -> String {
    let fold = if group.closed { theme.closed() } else { theme.opened() };
    let cause = if group.cause.is_empty() { "no cause recorded" } else { &group.cause };
    let jobs = count(group.jobs.len() - group.folded, "job", "jobs");
    let jobs = if group.folded > 0 { format!("{jobs}, {} folded", group.folded) } else { jobs };
    let recipients = count(group.recipients, "recipient", "recipients");
    let marked = if group.marked > 0 { format!(", {} marked", group.marked) } else { String::new() };
    let full = format!("  {jobs}, {recipients}: {}{marked}", group.outcomes());
    let short = format!("  {jobs}, {recipients}{marked}");
    let least = format!("  {jobs}");
    let cause_width = width(&clean(&cause.chars().take(room).collect::<String>(), theme)).min(24);
    let counts = [full, short, least].into_iter().find(|counts| width(counts) + cause_width + 2 <= room);
    let counts = counts.unwrap_or_default();
    let left = pad(&format!("{fold} {cause}"), room.saturating_sub(width(&counts)), theme);
    format!("{left}{counts}")
}

fn job(model: &Model, j: usize, room: usize) -> (String, Style) {
    let entry = &model.entries[j];
    let theme = model.theme;
    match &entry.commands[..] {
        [_] => command(model, j, 0, room),
        [] => {
            let left = columns(entry, &entry.job.id, "   ", entry.word(0), entry.job.recipients.failed.len());
            (row(left, entry, None, room, theme), style(entry, 0, theme))
        }
        more => {
            let marked = more.iter().filter(|shown| shown.marked).count();
            let mark = if marked == more.len() {
                "[x]"
            } else if marked > 0 {
                "[-]"
            } else {
                "[ ]"
            };
            let fold = if entry.closed { theme.closed() } else { theme.opened() };
            let bulk = (0..more.len()).any(|c| entry.bulk(c).is_ok());
            let mark = if bulk || marked > 0 { mark } else { " - " };
            let word = match entry.word(0) {
                word @ ("folded" | "blocked") => word,
                _ => "",
            };
            let id = format!("{fold} {}", entry.job.id);
            let left = columns(entry, &id, mark, word, entry.job.recipients.failed.len());
            (row(left, entry, None, room, theme), style(entry, 0, theme))
        }
    }
}

fn command(model: &Model, j: usize, c: usize, room: usize) -> (String, Style) {
    let entry = &model.entries[j];
    let shown = &entry.commands[c];
    let mark = match (shown.marked, entry.bulk(c)) {
        (true, _) => "[x]",
        (false, Ok(())) => "[ ]",
        // No place for a mark: approved singly, or not at all.
        (false, Err(_)) => " - ",
    };
    let left = columns(entry, &shown.built.id, mark, entry.word(c), shown.built.recipients.len());
    (row(left, entry, Some(&shown.built), room, model.theme), style(entry, c, model.theme))
}

/// The columns every row has: mark, id, word, recipients of all those of the run.
struct Left {
    mark: &'static str,
    id: String,
    word: &'static str,
    recipients: String,
}

fn columns(entry: &Entry, id: &str, mark: &'static str, word: &'static str, recipients: usize) -> Left {
    let all = entry.job.recipients.all.len();
    let recipients = if all > 0 { format!("{recipients}/{all}") } else { recipients.to_string() };
    Left { mark, id: id.to_owned(), word, recipients }
}

/// What a row says beyond that: of a command its recipients, of the only one of a job its packages before, and, where
/// there is room, tool, job number and start. Narrow screens leave out from the right.
fn row(left: Left, entry: &Entry, one: Option<&Rebuilt>, room: usize, theme: Theme) -> String {
    let id_width = if room >= 60 { 10 } else { 7 };
    let count_width = if room >= 60 { 9 } else { 6 };
    let mut out = format!("{} {}", left.mark, pad(&left.id, id_width, theme));
    if room >= 30 {
        out.push_str(&format!(" {}", pad(left.word, WORD, theme)));
    }
    if room >= 38 {
        out.push_str(&format!(" {}", right(&left.recipients, count_width, theme)));
    }
    let space = room.saturating_sub(width(&out) + 2);
    let job = &entry.job;
    let packages =
        if job.packages.is_empty() { "no package recorded".to_owned() } else { job.packages.join(" ") };
    let wide = space >= 4 && room >= WIDE;
    let space = if wide { space - 34 } else { space };
    let to = |built: &Rebuilt| {
        format!("to {}", built.recipients.iter().take(space).cloned().collect::<Vec<_>>().join(" "))
    };
    let words = match one {
        Some(built) if entry.commands.len() == 1 && space >= 20 => {
            // Of long names of packages there stays room for a recipient.
            let most = space.saturating_sub(to(built).chars().count().min(20) + 1).max(space / 3);
            format!("{} {}", fit(&packages, most, theme), to(built))
        }
        Some(built) => to(built),
        None => packages,
    };
    if wide {
        let start = job.run.as_ref().and_then(|run| run.start);
        let start = start.map_or(String::new(), |at| at.strftime("%m-%d %H:%M").to_string());
        let number = job.job.as_deref().unwrap_or("");
        let tool = if number.is_empty() { job.tool.clone() } else { format!("{} {number}", job.tool) };
        out.push_str(&format!("  {}", pad(&words, space, theme)));
        out.push_str(&format!(" {} {start:<11}", pad(&tool, 21, theme)));
    } else if space >= 4 {
        out.push_str(&format!("  {}", pad(&words, space, theme)));
    }
    pad(&out, room, theme)
}

fn style(entry: &Entry, command: usize, theme: Theme) -> Style {
    if entry.job.folded.is_some() {
        return theme.struck();
    }
    match entry.word(command) {
        "ambiguous" | "blocked" | "refused" | "aside" | "failed" | "unknown" => theme.warning(),
        "rejected" | "approved" | "confirmed" => theme.quiet(),
        _ => theme.plain(),
    }
}
