//! One frame: where list, detail, boxes and keys stand, for any size.
//!
//! In: the model, a frame. Out: the frame drawn. It does not know keys.

use super::detail;
use super::help;
use super::list;
use super::model::{Focus, Model, Over, Stage};
use super::text::{count, fit, pad, width};
use super::theme::Theme;
use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Clear;

/// Below this nothing can be read, and so nothing approved.
const LEAST: (u16, u16) = (20, 6);

/// From so many columns on, list and detail stand side by side.
const BESIDE: u16 = 120;

/// From so many rows on, the detail stands below the list; else Enter opens it.
const BELOW: u16 = 14;

type Hints = &'static [(&'static str, &'static str)];

pub(super) fn draw(model: &mut Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    let theme = model.theme;
    model.readable = area.width >= LEAST.0 && area.height >= LEAST.1;
    if !model.readable {
        let words = format!("too small: {}x{} needed", LEAST.0, LEAST.1);
        for (y, part) in super::text::wrap(&words, area.width.into(), theme).iter().enumerate() {
            put(frame, area, y, Line::from(part.clone()));
        }
        return;
    }
    let body = Rect { y: 1, height: area.height - 3, ..area };
    let (title, said, hints): (String, String, Hints) = match &mut model.stage {
        Stage::Approval => {
            approval(model, frame, body);
            (title(model), status(model, body), approval_hints(model))
        }
        Stage::Unknown(screen) => {
            lines(frame, body, screen.lines(body.width.into(), body.height.into(), theme));
            if let Some(consent) = screen.consent() {
                boxed(frame, body, "again", theme, |columns, rows| consent.lines(columns, rows, theme));
            }
            let asks = screen.consent().is_some();
            let hints: Hints = if asks {
                &[("Esc", "back")]
            } else {
                &[("Enter", "leave as they are"), ("r", "reissue"), ("up/down", "choose"), ("q", "quit")]
            };
            ("commands of an earlier session: result unknown".to_owned(), screen.said(), hints)
        }
        Stage::Progress(screen) => {
            lines(frame, body, screen.lines(body.width.into(), body.height.into(), theme));
            let hints: Hints = if screen.asks() {
                ask(frame, body, theme);
                &[("f", "finish"), ("k", "kill"), ("g", "go on")]
            } else {
                &[("q", "stop: asks how"), ("up/down", "scroll")]
            };
            ("issuing".to_owned(), String::new(), hints)
        }
        Stage::Ending(screen) => {
            lines(frame, body, screen.lines(body.width.into(), body.height.into(), theme));
            (
                "result".to_owned(),
                String::new(),
                &[("Enter", "back to the plan"), ("q", "quit"), ("up/down", "scroll")],
            )
        }
    };
    let columns = usize::from(area.width);
    let head = format!(" redistribute {}  {title}", model.server);
    put(frame, area, 0, Line::styled(pad(&head, columns, theme), theme.bar()));
    put(frame, area, usize::from(area.height) - 2, Line::styled(fit(&said, columns, theme), theme.strong()));
    put(frame, area, usize::from(area.height) - 1, hint_line(hints, columns, theme));
}

/// Counts, and the period.
fn title(model: &Model) -> String {
    let totals = model.totals;
    let jobs = count(totals.jobs, "job", "jobs");
    let mut said = format!("{jobs}, {}", count(totals.recipients, "recipient", "recipients"));
    for (n, word) in [(totals.marked, "marked"), (totals.approved, "approved"), (totals.rejected, "rejected")]
    {
        if n > 0 {
            said.push_str(&format!(", {n} {word}"));
        }
    }
    let day = |at: Timestamp| {
        let midnight = at.as_second().rem_euclid(86_400) == 0;
        at.strftime(if midnight { "%Y-%m-%d" } else { "%Y-%m-%d %H:%MZ" }).to_string()
    };
    match (model.since, model.until) {
        (None, None) => {}
        (since, until) => {
            let (since, until) = (since.map_or("?".to_owned(), day), until.map_or("now".to_owned(), day));
            said.push_str(&format!("  {since} to {until}"));
        }
    }
    said
}

fn status(model: &Model, body: Rect) -> String {
    match &model.over {
        Over::Search(words) => format!("/{words}_"),
        Over::Editor(editor) => editor.said().to_owned(),
        Over::Help(top) => {
            let all = help::lines(body.width.into(), model.theme).len();
            match all.saturating_sub(top + usize::from(body.height)) {
                0 => String::new(),
                below => format!("{below} more below"),
            }
        }
        _ => model.said.clone(),
    }
}

fn approval_hints(model: &Model) -> Hints {
    match &model.over {
        Over::Search(_) => &[("Enter", "find"), ("Esc", "back")],
        Over::Help(_) => &[("up/down", "scroll"), ("Esc", "back")],
        Over::Consent(_) => &[("Esc", "back")],
        Over::Leave => &[("y", "leave"), ("n", "stay")],
        Over::Editor(_) => &[
            ("Ctrl-S", "done"),
            ("Esc", "back"),
            ("Enter", "new element"),
            ("Ctrl-X", "remove"),
            ("Ctrl-U", "undo"),
        ],
        Over::Nothing if model.opened || model.focus == Focus::Detail => &[
            ("?", "help"),
            ("y", "approve"),
            ("up/down", "scroll"),
            ("q", "back"),
            ("d", "difference"),
            ("e", "edit"),
            ("x", "reject"),
            ("u", "undo"),
        ],
        Over::Nothing => &[
            ("?", "help"),
            ("y", "approve"),
            ("space", "mark"),
            ("a", "cause"),
            ("A", "all"),
            ("Enter", "open"),
            ("e", "edit"),
            ("x", "reject"),
            ("d", "diff"),
            ("/", "search"),
            ("q", "leave"),
            ("u", "undo"),
            ("Tab", "detail"),
        ],
    }
}

/// As many whole hints as there is room for.
fn hint_line(hints: Hints, columns: usize, theme: Theme) -> Line<'static> {
    let mut spans = Vec::new();
    let mut used = 0;
    for (key, does) in hints {
        let gap = if used == 0 { 0 } else { 2 };
        let wide = gap + width(key) + 1 + width(does);
        if used + wide > columns {
            break;
        }
        used += wide;
        spans.push(Span::raw(" ".repeat(gap)));
        spans.push(Span::styled(*key, theme.strong()));
        spans.push(Span::raw(format!(" {does}")));
    }
    Line::from(spans)
}

fn approval(model: &mut Model, frame: &mut Frame<'_>, body: Rect) {
    let theme = model.theme;
    if model.opened {
        detail_area(model, frame, body);
    } else if body.width >= BESIDE {
        let left = (body.width / 2).clamp(60, 110);
        list_area(model, frame, Rect { width: left, ..body });
        for y in 0..body.height {
            let at = Rect { x: body.x + left, y: body.y + y, width: 1, height: 1 };
            put(frame, at, 0, Line::styled(theme.wall(), theme.quiet()));
        }
        let right = Rect { x: body.x + left + 2, width: body.width - left - 2, ..body };
        detail_area(model, frame, right);
    } else if body.height >= BELOW {
        let most = body.height * 45 / 100;
        let rows = u16::try_from(model.list.rows.len()).unwrap_or(u16::MAX).clamp(3, most.max(3));
        list_area(model, frame, Rect { height: rows, ..body });
        detail_area(model, frame, Rect { y: body.y + rows, height: body.height - rows, ..body });
    } else if model.focus == Focus::Detail {
        detail_area(model, frame, body);
    } else {
        list_area(model, frame, body);
    }
    over(model, frame, body);
}

fn over(model: &mut Model, frame: &mut Frame<'_>, body: Rect) {
    let theme = model.theme;
    let (columns, rows) = (usize::from(body.width), usize::from(body.height));
    match &mut model.over {
        Over::Nothing | Over::Search(_) => {}
        Over::Help(top) => {
            let all = help::lines(columns, theme);
            *top = (*top).min(all.len().saturating_sub(rows.max(1)));
            frame.render_widget(Clear, body);
            lines(frame, body, all.into_iter().skip(*top).collect());
        }
        Over::Consent(consent) => boxed(frame, body, "approve", theme, |c, r| consent.lines(c, r, theme)),
        Over::Editor(editor) => {
            frame.render_widget(Clear, body);
            let title = format!("edit {}: one element per line; the first is the program", editor.id());
            put(frame, body, 0, Line::styled(fit(&title, columns, theme), theme.heading()));
            let below = Rect { y: body.y + 1, height: body.height - 1, ..body };
            let shown = editor.lines(columns, rows - 1, theme);
            lines(frame, below, shown);
        }
        Over::Leave => {
            let marked = count(model.totals.marked, "command is", "commands are");
            let words = [
                format!("{marked} marked and not approved."),
                "Leave? Nothing of it is issued.".to_owned(),
                "y leaves, n stays".to_owned(),
            ];
            boxed(frame, body, "leave", theme, |columns, _| said(&words, columns, theme));
        }
    }
}

/// How to stop.
fn ask(frame: &mut Frame<'_>, body: Rect, theme: Theme) {
    let words = [
        "Stop? No further command is started.".to_owned(),
        "f  finish those that run".to_owned(),
        "k  kill those that run: their result is unknown".to_owned(),
        "g  go on as before".to_owned(),
    ];
    boxed(frame, body, "stop", theme, |columns, _| said(&words, columns, theme));
}

fn said(words: &[String], columns: usize, theme: Theme) -> Vec<Line<'static>> {
    words.iter().flat_map(|words| super::text::wrap(words, columns, theme)).map(Line::from).collect()
}

fn list_area(model: &mut Model, frame: &mut Frame<'_>, area: Rect) {
    let columns = usize::from(area.width);
    if model.list.rows.is_empty() {
        put(
            frame,
            area,
            0,
            Line::from(fit("Nothing failed: there is nothing to redistribute.", columns, model.theme)),
        );
        return;
    }
    let visible = model.list.visible(area.height.into());
    for (y, at) in visible.enumerate() {
        let line = list::line(model, model.list.rows[at], columns, at == model.list.cursor);
        put(frame, area, y, line);
    }
}

fn detail_area(model: &mut Model, frame: &mut Frame<'_>, area: Rect) {
    let theme = model.theme;
    let columns = usize::from(area.width);
    let shown = detail::lines(model, columns, usize::from(area.height) - 1);
    lines(frame, Rect { y: area.y + 1, height: area.height - 1, ..area }, shown);
    let name = match model.row() {
        None => String::new(),
        Some(super::rows::Row::Notes) => "notes".to_owned(),
        Some(super::rows::Row::Group(_)) => "cause".to_owned(),
        Some(super::rows::Row::Job(j)) => match &model.entries[j].commands[..] {
            [one] => format!("{} {}", one.built.id, model.entries[j].word(0)),
            _ => format!("{} {}", model.entries[j].job.id, model.entries[j].word(0)),
        },
        Some(super::rows::Row::Command(j, c)) => {
            format!("{} {}", model.at((j, c)).built.id, model.entries[j].word(c))
        }
    };
    let below = model.detail.below();
    let more = if below > 0 { format!(" {below} more below ") } else { String::new() };
    let focus = if model.focus == Focus::Detail || model.opened { ">" } else { theme.rule() };
    let front =
        format!("{focus}{} {} ", theme.rule(), fit(&name, columns.saturating_sub(width(&more) + 6), theme));
    let fill = columns.saturating_sub(width(&front) + width(&more));
    let style = if focus == ">" { theme.strong() } else { theme.quiet() };
    let rule = format!("{front}{}{more}", theme.rule().repeat(fill));
    put(frame, area, 0, Line::styled(rule, style));
}

/// A box over the middle of the body, no larger than its lines need.
fn boxed(
    frame: &mut Frame<'_>,
    body: Rect,
    title: &str,
    theme: Theme,
    make: impl FnOnce(usize, usize) -> Vec<Line<'static>>,
) {
    // Beside a box nothing is left that could not be read.
    let wide = if body.width <= 84 { body.width } else { 76 };
    let made = make(usize::from(wide) - 4, usize::from(body.height.saturating_sub(2)).max(1));
    let high = u16::try_from(made.len() + 2).unwrap_or(u16::MAX).min(body.height);
    let area = Rect {
        x: body.x + (body.width - wide) / 2,
        y: body.y + (body.height - high) / 2,
        width: wide,
        height: high,
    };
    frame.render_widget(Clear, area);
    let columns = usize::from(wide);
    let corners = theme.corners();
    let rule = |left: &str, words: &str, right: &str| {
        format!("{left}{words}{}{right}", theme.rule().repeat(columns.saturating_sub(width(words) + 2)))
    };
    let top = rule(corners[0], &format!("{} {title} ", theme.rule()), corners[1]);
    put(frame, area, 0, Line::styled(top, theme.strong()));
    let bottom = rule(corners[2], "", corners[3]);
    put(frame, area, usize::from(high) - 1, Line::styled(bottom, theme.strong()));
    for y in 1..high.saturating_sub(1) {
        for x in [area.x, area.x + wide - 1] {
            put(
                frame,
                Rect { x, y: area.y + y, width: 1, height: 1 },
                0,
                Line::styled(theme.wall(), theme.strong()),
            );
        }
    }
    let inner = Rect { x: area.x + 2, y: area.y + 1, width: wide - 4, height: high.saturating_sub(2) };
    lines(frame, inner, made);
}

fn lines(frame: &mut Frame<'_>, area: Rect, lines: Vec<Line<'static>>) {
    for (y, line) in lines.into_iter().take(area.height.into()).enumerate() {
        put(frame, area, y, line);
    }
}

/// One line at a row of an area; nothing outside of it.
fn put(frame: &mut Frame<'_>, area: Rect, row: usize, line: Line<'_>) {
    let Ok(row) = u16::try_from(row) else { return };
    if row < area.height && area.width > 0 {
        let style: Style = line.style;
        frame.buffer_mut().set_line(area.x, area.y + row, &line.style(style), area.width);
    }
}
