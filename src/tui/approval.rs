//! The approval screen's keys: move, mark, reject, edit, approve.
//!
//! In: the model and one event. Out: the model changed, and messages. It does not know how anything is drawn.

use super::consent::{Answer, Consent};
use super::editor::{Editor, Outcome};
use super::keys::{Motion, control, motion, pressed, scroll, typed};
use super::message::{Message, State};
use super::model::{Alone, At, Focus, Model, Over, Stage};
use super::rows::Row;
use super::{progress, search, text, unknown};
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent};

/// One event for whichever screen is up.
pub(super) fn update(model: &mut Model, event: &Event) -> Vec<Message> {
    if let Event::Paste(text) = event {
        paste(model, text);
    }
    let Some(key) = pressed(event) else { return Vec::new() };
    match control(key) {
        Some('l') => return vec![Message::Redraw],
        Some('z') => return vec![Message::Suspend],
        // What can't be read is not consented to.
        other if !model.readable => {
            let leaves = other == Some('c') && !matches!(model.stage, Stage::Progress(_));
            return if leaves { vec![Message::Quit] } else { Vec::new() };
        }
        _ => {}
    }
    match model.stage {
        Stage::Unknown(_) => unknown::update(model, key),
        Stage::Progress(_) => progress::update(model, key),
        Stage::Ending(_) => progress::update_ending(model, key),
        Stage::Approval => match model.over {
            Over::Nothing => list_or_detail(model, key),
            _ => over(model, key),
        },
    }
}

/// Pasted text is text: outside of a field it is nothing, least of all a consent.
fn paste(model: &mut Model, pasted: &str) {
    let letters = pasted.chars().filter(|c| !c.is_control());
    match &mut model.over {
        Over::Search(words) => words.extend(letters),
        Over::Editor(editor) => {
            for c in letters {
                editor.key(KeyEvent::from(KeyCode::Char(c)));
            }
        }
        _ => {}
    }
}

fn over(model: &mut Model, key: KeyEvent) -> Vec<Message> {
    match std::mem::replace(&mut model.over, Over::Nothing) {
        Over::Nothing => {}
        Over::Help(top) => {
            let leaves = matches!(key.code, KeyCode::Esc | KeyCode::Char('q' | '?') | KeyCode::Enter);
            if !leaves && control(key) != Some('c') {
                // The next frame knows how many lines there are.
                let to = motion(key).map_or(top, |m| scroll(top, m, usize::MAX, model.list.height));
                model.over = Over::Help(to);
            }
        }
        Over::Search(mut words) => match key.code {
            KeyCode::Enter => {
                model.search = words;
                find(model, false);
            }
            KeyCode::Esc => {}
            KeyCode::Backspace if words.pop().is_none() => {}
            KeyCode::Backspace => model.over = Over::Search(words),
            _ if control(key) == Some('c') => {}
            _ => {
                words.extend(typed(key));
                model.over = Over::Search(words);
            }
        },
        Over::Consent(mut consent) => match consent.key(key) {
            Answer::Yes => return approve(model, *consent),
            Answer::No => model.say("nothing was approved"),
            Answer::Wait => model.over = Over::Consent(consent),
        },
        Over::Editor(mut editor) => match editor.key(key) {
            Outcome::Wait => model.over = Over::Editor(editor),
            Outcome::Back => model.say("the command stays as it was"),
            Outcome::Done(argv) => {
                let id = editor.id().to_owned();
                model.over = Over::Editor(editor);
                return vec![Message::Edit { id, argv }];
            }
        },
        Over::Leave => match (key.code, typed(key)) {
            (_, Some('y')) => return vec![Message::Quit],
            (_, Some('n')) | (KeyCode::Esc, _) => {}
            _ => model.over = Over::Leave,
        },
    }
    Vec::new()
}

fn list_or_detail(model: &mut Model, key: KeyEvent) -> Vec<Message> {
    model.said.clear();
    if control(key) == Some('c') {
        return leave(model);
    }
    let in_detail = model.focus == Focus::Detail || model.opened;
    if let Some(motion) = motion(key) {
        if in_detail && motion == Motion::Left {
            (model.focus, model.opened) = (Focus::List, false);
        } else if in_detail {
            model.detail.scroll(motion);
        } else {
            travel(model, motion);
        }
        return Vec::new();
    }
    if matches!(key.code, KeyCode::Char(_)) && typed(key).is_none() {
        return Vec::new();
    }
    match key.code {
        KeyCode::Esc | KeyCode::Char('q') if in_detail => {
            (model.focus, model.opened) = (Focus::List, false);
        }
        KeyCode::Esc | KeyCode::Char('q') => return leave(model),
        KeyCode::Tab | KeyCode::BackTab => {
            model.focus = if in_detail { Focus::List } else { Focus::Detail };
            model.opened = false;
        }
        KeyCode::Enter => match model.row() {
            Some(Row::Group(g)) if !model.opened => fold(model, Row::Group(g), None),
            Some(_) => model.opened = !model.opened,
            None => {}
        },
        KeyCode::Char('?') => model.over = Over::Help(0),
        KeyCode::Char('/') => model.over = Over::Search(String::new()),
        KeyCode::Char('n') => find(model, false),
        KeyCode::Char('N') => find(model, true),
        KeyCode::Char('d') => model.detail.turn(),
        KeyCode::Char(' ') => {
            let commands = under_cursor(model);
            mark(model, &commands);
            if !in_detail {
                model.list.by(1);
            }
        }
        KeyCode::Char('a') => {
            let commands =
                cause_under_cursor(model).map(|g| of_row(model, Row::Group(g))).unwrap_or_default();
            mark(model, &commands);
        }
        KeyCode::Char('A') => {
            let groups = 0..model.groups.len();
            let commands: Vec<At> = groups.flat_map(|g| of_row(model, Row::Group(g))).collect();
            mark(model, &commands);
        }
        KeyCode::Char('x') => return reject(model),
        KeyCode::Char('u') => return undo(model),
        KeyCode::Char('e') => edit(model),
        KeyCode::Char('y') => {
            let commands = if model.totals.marked > 0 { marked(model) } else { under_cursor(model) };
            ask(model, &commands);
        }
        KeyCode::Char('Y') => {
            let commands = under_cursor(model);
            ask(model, &commands);
        }
        _ => {}
    }
    Vec::new()
}

fn leave(model: &mut Model) -> Vec<Message> {
    if model.totals.marked == 0 {
        return vec![Message::Quit];
    }
    model.over = Over::Leave;
    Vec::new()
}

fn travel(model: &mut Model, motion: Motion) {
    let page = isize::try_from(model.list.height.saturating_sub(1).max(1)).unwrap_or(isize::MAX);
    match motion {
        Motion::Up => model.list.by(-1),
        Motion::Down => model.list.by(1),
        Motion::PageUp => model.list.by(-page),
        Motion::PageDown => model.list.by(page),
        Motion::First => model.list.by(isize::MIN),
        Motion::Last => model.list.by(isize::MAX),
        Motion::Left => match model.row() {
            Some(Row::Group(g)) => fold(model, Row::Group(g), Some(true)),
            Some(Row::Job(j)) if model.entries[j].commands.len() > 1 && !model.entries[j].closed => {
                fold(model, Row::Job(j), Some(true));
            }
            Some(Row::Command(j, _)) => fold(model, Row::Job(j), Some(true)),
            Some(Row::Job(_)) => {
                if let Some(g) = cause_under_cursor(model) {
                    fold(model, Row::Group(g), Some(true));
                }
            }
            Some(Row::Notes) | None => {}
        },
        Motion::Right => match model.row() {
            Some(Row::Group(g)) if model.groups[g].closed => fold(model, Row::Group(g), Some(false)),
            Some(Row::Job(j)) if model.entries[j].closed => fold(model, Row::Job(j), Some(false)),
            Some(_) => model.focus = Focus::Detail,
            None => {}
        },
    }
}

/// Folds (`true`), unfolds, or turns over; the cursor goes to the row that folds.
fn fold(model: &mut Model, row: Row, closed: Option<bool>) {
    let flag = match row {
        Row::Group(g) => &mut model.groups[g].closed,
        Row::Job(j) => &mut model.entries[j].closed,
        Row::Notes | Row::Command(..) => return,
    };
    *flag = closed.unwrap_or(!*flag);
    model.list.refill(&model.groups, &model.entries, Some(row));
}

fn find(model: &mut Model, back: bool) {
    let Some(row) = search::next(model, &model.search, back) else {
        let words = text::clean(&model.search, model.theme);
        model.said = if words.is_empty() {
            "/ begins a search".to_owned()
        } else {
            format!("nothing holds `{words}`")
        };
        return;
    };
    let Row::Job(job) = row else { return };
    if let Some(group) = model.groups.iter_mut().find(|group| group.jobs.contains(&job)) {
        group.closed = false;
    }
    model.list.refill(&model.groups, &model.entries, Some(row));
}

fn cause_under_cursor(model: &Model) -> Option<usize> {
    match model.row()? {
        Row::Notes => None,
        Row::Group(g) => Some(g),
        Row::Job(j) | Row::Command(j, _) => {
            let cause = &model.entries[j].job.cause;
            model.groups.iter().position(|group| group.cause == *cause)
        }
    }
}

fn of_row(model: &Model, row: Row) -> Vec<At> {
    let all = |j: usize| (0..model.entries[j].commands.len()).map(move |c| (j, c));
    match row {
        Row::Notes => Vec::new(),
        Row::Group(g) => model.groups[g].jobs.iter().flat_map(|j| all(*j)).collect(),
        Row::Job(j) => all(j).collect(),
        Row::Command(j, c) => vec![(j, c)],
    }
}

fn under_cursor(model: &Model) -> Vec<At> {
    model.row().map(|row| of_row(model, row)).unwrap_or_default()
}

fn marked(model: &Model) -> Vec<At> {
    let groups = 0..model.groups.len();
    groups.flat_map(|g| of_row(model, Row::Group(g))).filter(|at| model.at(*at).marked).collect()
}

/// Those that may be approved together, and why the others may not.
fn sort(model: &Model, commands: &[At]) -> (Vec<At>, Vec<String>) {
    let (mut together, mut left_out) = (Vec::new(), Vec::new());
    for (j, c) in commands {
        match model.entries[*j].bulk(*c) {
            Ok(()) => together.push((*j, *c)),
            Err(Alone::ByName(why) | Alone::Never(why)) => {
                left_out.push(format!("{} {why}", model.at((*j, *c)).built.id));
            }
        }
    }
    (together, left_out)
}

/// Marks those that may be marked; if all of them are, takes the marks away.
fn mark(model: &mut Model, commands: &[At]) {
    let (together, left_out) = sort(model, commands);
    let on = !together.iter().all(|at| model.at(*at).marked);
    for (j, c) in &together {
        model.entries[*j].commands[*c].marked = on;
    }
    model.said = match (together.len(), left_out.first()) {
        (0, None) => "there is no command to mark".to_owned(),
        (0, Some(why)) => format!("not marked: {why}"),
        (_, None) => String::new(),
        (n, Some(why)) => {
            format!("{n} {}; left out: {}", if on { "marked" } else { "unmarked" }, more(why, &left_out))
        }
    };
    model.changed();
}

fn more(first: &str, all: &[String]) -> String {
    if all.len() == 1 { first.to_owned() } else { format!("{first}, and {} more", all.len() - 1) }
}

/// Opens the consent: of one command in its own right, of several only those that may go together.
fn ask(model: &mut Model, commands: &[At]) {
    if let [at] = *commands {
        match model.entries[at.0].bulk(at.1) {
            Err(Alone::Never(why)) => model.said = format!("{} {why}", model.at(at).built.id),
            alone => {
                let by_name = alone.err().map(|_| model.at(at).built.id.clone());
                model.over = Over::Consent(Box::new(Consent::new(model, vec![at], by_name, Vec::new())));
            }
        }
        return;
    }
    let (together, left_out) = sort(model, commands);
    if together.is_empty() {
        model.said = match left_out.first() {
            Some(why) => format!("none goes with others: {}; approve them singly", more(why, &left_out)),
            None => "there is no command to approve".to_owned(),
        };
        return;
    }
    model.over = Over::Consent(Box::new(Consent::new(model, together, None, left_out)));
}

fn approve(model: &mut Model, consent: Consent) -> Vec<Message> {
    let (commands, approved) = consent.into_approved();
    for (j, c) in commands {
        let shown = &mut model.entries[j].commands[c];
        (shown.state, shown.marked) = (State::Approved, false);
    }
    model.said = format!("{} approved", text::count(approved.len(), "command", "commands"));
    model.changed();
    vec![Message::Approve(approved)]
}

/// Sets the state of those of these commands that are in another; their ids.
fn turn(model: &mut Model, commands: &[At], from: State, to: State) -> Vec<String> {
    let mut ids = Vec::new();
    for (j, c) in commands {
        let shown = &mut model.entries[*j].commands[*c];
        if shown.state == from {
            (shown.state, shown.marked) = (to, false);
            ids.push(shown.built.id.clone());
        }
    }
    model.changed();
    ids
}

fn reject(model: &mut Model) -> Vec<Message> {
    let commands = if model.totals.marked > 0 { marked(model) } else { under_cursor(model) };
    let ids = turn(model, &commands, State::Open, State::Rejected);
    model.said = format!("{} rejected; u takes that back", text::count(ids.len(), "command", "commands"));
    if ids.is_empty() { Vec::new() } else { vec![Message::Reject(ids)] }
}

fn undo(model: &mut Model) -> Vec<Message> {
    let commands = under_cursor(model);
    let ids = turn(model, &commands, State::Rejected, State::Open);
    if !ids.is_empty() {
        model.said = format!("{} open again", text::count(ids.len(), "command", "commands"));
        return vec![Message::Readmit(ids)];
    }
    model.said = "there is nothing to take back".to_owned();
    if let [(j, c)] = commands[..] {
        let shown = &mut model.entries[j].commands[c];
        if shown.state == State::Open
            && let Some(before) = shown.earlier.pop()
        {
            shown.built = before;
            model.said = format!("{}: the last edit is taken back", model.at((j, c)).built.id);
            model.changed();
        }
    }
    Vec::new()
}

fn edit(model: &mut Model) {
    let [at] = under_cursor(model)[..] else {
        model.say("one command at a time is edited: go to it");
        return;
    };
    match model.entries[at.0].bulk(at.1) {
        Err(Alone::Never(why)) => model.said = format!("{} {why}", model.at(at).built.id),
        _ => model.over = Over::Editor(Box::new(Editor::new(&model.at(at).built))),
    }
}
