//! What the screens show, and which of them is up.
//!
//! In: a plan, taken over whole; commands of earlier sessions; the state of the issue. Out: frames, messages. It does
//! not know how a plan was made or a command is issued.
//!
//! Nothing outside can change a command that is shown: the model owns it, and gives it out by value when it is
//! approved. A new [`Rebuilt`] for it comes in only through [`Model::rebuilt`], which closes an open consent.

use super::approval;
use super::consent::Consent;
use super::detail::Detail;
use super::editor::Editor;
use super::frame;
use super::message::{Message, State, UnknownCommand};
use super::progress::{Ending, EndingScreen, Progress, ProgressScreen};
use super::rows::{Group, List, Row, Totals};
use super::theme::Theme;
use super::unknown::UnknownScreen;
use crate::redistribution::model::Token;
use crate::redistribution::plan::{Grade, Job, Plan, Rebuilt};
use jiff::Timestamp;
use ratatui::Frame;
use ratatui::crossterm::event::Event;
use std::collections::HashMap;

/// More recipients than this are approved by typing their number.
pub(super) const LIMIT: usize = 20;

/// One command as it is shown now.
#[derive(Debug)]
pub(super) struct Shown {
    pub built: Rebuilt,
    /// What edits replaced, the plan's own first.
    pub earlier: Vec<Rebuilt>,
    pub state: State,
    pub marked: bool,
}

/// One job of the plan; its commands stand in `commands`, not in `job`.
#[derive(Debug)]
pub(super) struct Entry {
    pub job: Job,
    pub commands: Vec<Shown>,
    /// Its list of commands is folded away.
    pub closed: bool,
}

/// Which command: index of the job, index in its commands.
pub(super) type At = (usize, usize);

/// Why a command is not approved together with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alone {
    /// Only singly, by typing its id.
    ByName(&'static str),
    /// Not at all.
    Never(&'static str),
}

impl Entry {
    /// `Ok`: may be approved in bulk.
    pub fn bulk(&self, command: usize) -> Result<(), Alone> {
        let Some(shown) = self.commands.get(command) else {
            return Err(Alone::Never("has no command"));
        };
        if self.job.folded.is_some() {
            return Err(Alone::Never("is folded: a newer version went to the same recipients"));
        }
        match shown.state {
            State::Open => {}
            State::Rejected => return Err(Alone::Never("is rejected: u takes that back")),
            State::Approved => return Err(Alone::Never("is approved already")),
            State::Confirmed => return Err(Alone::Never("is confirmed already")),
            State::Failed => return Err(Alone::Never("failed: find failed distributions anew")),
            State::Unknown => return Err(Alone::Never("was issued with unknown result: see the next start")),
        }
        if shown.built.grade == Grade::Ambiguous {
            return Err(Alone::ByName("is ambiguous"));
        }
        if !self.job.blocked.is_empty() {
            return Err(Alone::ByName("is blocked"));
        }
        Ok(())
    }

    /// The one word about a command, or about a job without one.
    pub fn word(&self, command: usize) -> &'static str {
        if self.job.folded.is_some() {
            return "folded";
        }
        let Some(shown) = self.commands.get(command) else {
            return if self.job.refused.is_some() { "refused" } else { "aside" };
        };
        match shown.state {
            State::Open if shown.built.grade == Grade::Ambiguous => Grade::Ambiguous.word(),
            State::Open if !self.job.blocked.is_empty() => "blocked",
            State::Open if !shown.earlier.is_empty() => "edited",
            State::Open => shown.built.grade.word(),
            state => state.word(),
        }
    }
}

/// What lies over the approval screen.
#[derive(Debug)]
pub(super) enum Over {
    Nothing,
    Help(usize),
    Search(String),
    Consent(Box<Consent>),
    Editor(Box<Editor>),
    Leave,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Focus {
    List,
    Detail,
}

pub(super) enum Stage {
    Unknown(UnknownScreen),
    Approval,
    Progress(ProgressScreen),
    Ending(EndingScreen),
}

/// The whole of what is shown.
pub struct Model {
    pub(super) theme: Theme,
    pub(super) server: String,
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    pub(super) notes: Vec<String>,
    pub(super) entries: Vec<Entry>,
    pub(super) groups: Vec<Group>,
    pub(super) totals: Totals,
    pub(super) list: List,
    pub(super) detail: Detail,
    pub(super) focus: Focus,
    /// The detail has the whole screen.
    pub(super) opened: bool,
    pub(super) over: Over,
    pub(super) stage: Stage,
    pub(super) search: String,
    /// One line for the operator.
    pub(super) said: String,
    pub(super) limit: usize,
    /// The last frame was large enough to be read.
    pub(super) readable: bool,
    /// Commands of earlier sessions, as they were shown first.
    earlier: Vec<UnknownCommand>,
    by_id: HashMap<String, At>,
}

impl Model {
    /// Takes the plan over. `unknown`: commands of earlier sessions without a result, those that their manager has
    /// among them, shown before anything else.
    pub fn new(plan: Plan, unknown: Vec<UnknownCommand>, theme: Theme) -> Self {
        let entries: Vec<Entry> = plan.jobs.into_iter().map(entry).collect();
        let mut by_id = HashMap::new();
        for (j, entry) in entries.iter().enumerate() {
            by_id
                .extend(entry.commands.iter().enumerate().map(|(c, shown)| (shown.built.id.clone(), (j, c))));
        }
        let groups = Group::all(&entries);
        let list = List::new(&groups, &entries, !plan.notes.is_empty());
        let earlier = unknown.clone();
        let stage =
            if unknown.is_empty() { Stage::Approval } else { Stage::Unknown(UnknownScreen::new(unknown)) };
        let mut model = Model {
            theme,
            server: plan.server,
            since: plan.since,
            until: plan.until,
            notes: plan.notes,
            entries,
            groups,
            totals: Totals::default(),
            list,
            detail: Detail::default(),
            focus: Focus::List,
            opened: false,
            over: Over::Nothing,
            stage,
            search: String::new(),
            said: String::new(),
            limit: LIMIT,
            readable: true,
            earlier,
            by_id,
        };
        model.recount();
        model
    }

    /// More than so many recipients are approved by typing their number (20 unless told).
    pub fn limit(mut self, recipients: usize) -> Self {
        self.limit = recipients;
        self
    }

    /// The answer to [`Message::Edit`]: the command of this id is shown as `edited` from now on. A consent that is
    /// open is closed, because what it asked about has changed. False: no such command is open.
    pub fn rebuilt(&mut self, built: Rebuilt) -> bool {
        let Some(at) = self.by_id.get(&built.id).copied() else { return false };
        let shown = &mut self.entries[at.0].commands[at.1];
        if shown.state != State::Open {
            return false;
        }
        self.said = format!("{} is edited; u takes the edit back", built.id);
        let earlier = std::mem::replace(&mut shown.built, built);
        shown.earlier.push(earlier);
        if matches!(self.over, Over::Consent(_) | Over::Editor(_)) {
            self.over = Over::Nothing;
        }
        self.changed();
        true
    }

    /// The other answer to [`Message::Edit`]: why this vector cannot be. The editor stays open.
    pub fn refuse(&mut self, id: &str, why: &str) {
        match &mut self.over {
            Over::Editor(editor) if editor.id() == id => editor.refuse(why),
            _ => self.said = format!("{id}: {why}"),
        }
    }

    /// What became of a command. False: there is none of this id.
    pub fn set_state(&mut self, id: &str, state: State) -> bool {
        let Some((j, c)) = self.by_id.get(id).copied() else { return false };
        self.entries[j].commands[c].state = state;
        self.entries[j].commands[c].marked = false;
        self.changed();
        true
    }

    /// Shows the issue that runs; called again with each change.
    pub fn progress(&mut self, progress: Progress) {
        match &mut self.stage {
            Stage::Progress(screen) => screen.set(progress),
            _ => self.stage = Stage::Progress(ProgressScreen::new(progress)),
        }
    }

    /// The issue is over: what became of it, and what remains.
    pub fn ended(&mut self, ending: Ending) {
        self.stage = Stage::Ending(EndingScreen::new(ending));
    }

    /// One line for the operator, shown above the keys.
    pub fn say(&mut self, words: &str) {
        words.clone_into(&mut self.said);
    }

    /// The command of this id, as it is shown now.
    pub fn command(&self, id: &str) -> Option<&Rebuilt> {
        self.by_id.get(id).map(|(j, c)| &self.entries[*j].commands[*c].built)
    }

    /// Commands that are neither approved nor rejected, and that a newer version did not fold.
    pub fn open(&self) -> usize {
        let open = self.entries.iter().filter(|entry| entry.job.folded.is_none());
        open.flat_map(|entry| &entry.commands).filter(|shown| shown.state == State::Open).count()
    }

    /// The attempt of an earlier session at this very command.
    pub(super) fn issued_before(&self, built: &Rebuilt) -> Option<&UnknownCommand> {
        self.earlier.iter().find(|earlier| earlier.hash == built.hash)
    }

    pub(super) fn at(&self, (j, c): At) -> &Shown {
        &self.entries[j].commands[c]
    }

    pub(super) fn row(&self) -> Option<Row> {
        self.list.chosen()
    }

    /// After anything that counts or is drawn from a cache has changed.
    pub(super) fn changed(&mut self) {
        self.detail.stale();
        self.recount();
    }

    fn recount(&mut self) {
        self.totals = Totals::of(&mut self.groups, &self.entries);
    }
}

fn entry(mut job: Job) -> Entry {
    let commands = std::mem::take(&mut job.commands);
    let open = |built| Shown { built, earlier: Vec::new(), state: State::Open, marked: false };
    Entry { job, commands: commands.into_iter().map(open).collect(), closed: false }
}

/// The elements of a vector for comparing and copying: secrets hold their text.
pub(super) fn texts(argv: &[Token]) -> Vec<&str> {
    argv.iter().map(|token| token.text.as_str()).collect()
}

/// Takes one event; what the caller must do about it comes back, in order.
pub fn update(model: &mut Model, event: &Event) -> Vec<Message> {
    approval::update(model, event)
}

/// Draws one frame, whatever its size.
pub fn draw(model: &mut Model, frame: &mut Frame<'_>) {
    frame::draw(model, frame);
}
