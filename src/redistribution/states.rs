//! The states of a redistribution job, and which may follow which.
//!
//! In: nothing. Out: words and legal changes. It does not know where states are kept.

use serde::{Deserialize, Serialize};

/// Where a redistribution job stands. Its journal keeps the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Something failed; no command could be rebuilt yet.
    Found,
    /// A command was rebuilt.
    Built,
    /// A person consented to exactly this command.
    Approved,
    /// On disk before the command starts.
    Intent,
    /// The command runs, or ran and its evidence is waited for.
    Issued,
    /// There is evidence that every recipient got it.
    Confirmed,
    /// There is evidence that it did not reach all of its recipients, or it never started.
    Failed,
    /// Nobody knows: the process that issued it ended in between. Only a person may let it be issued again.
    Unknown,
}

impl State {
    pub const ALL: [State; 8] = [
        State::Found,
        State::Built,
        State::Approved,
        State::Intent,
        State::Issued,
        State::Confirmed,
        State::Failed,
        State::Unknown,
    ];

    /// As written in the journal and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            State::Found => "found",
            State::Built => "built",
            State::Approved => "approved",
            State::Intent => "intent",
            State::Issued => "issued",
            State::Confirmed => "confirmed",
            State::Failed => "failed",
            State::Unknown => "unknown",
        }
    }

    /// The state of a word.
    pub fn of(word: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether `next` may follow. What was issued is never approved again: a new attempt is a new row.
    pub fn may_become(self, next: State) -> bool {
        use State::{Approved, Built, Confirmed, Failed, Found, Intent, Issued, Unknown};
        matches!(
            (self, next),
            (Found, Built)
                | (Built, Approved)
                // Consent withdrawn before anything ran.
                | (Approved, Built | Intent)
                // Failed: it did not start.
                | (Intent, Issued | Failed | Unknown)
                | (Issued, Confirmed | Failed | Unknown)
                // Evidence that came later.
                | (Unknown, Confirmed | Failed)
        )
    }

    /// Whether the command may have reached the distribution manager.
    pub fn may_have_run(self) -> bool {
        matches!(self, State::Intent | State::Issued | State::Confirmed | State::Failed | State::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::State::{self, *};

    #[test]
    fn every_pair_of_states_is_legal_or_not_as_written_here() {
        let legal = [
            (Found, Built),
            (Built, Approved),
            (Approved, Built),
            (Approved, Intent),
            (Intent, Issued),
            (Intent, Failed),
            (Intent, Unknown),
            (Issued, Confirmed),
            (Issued, Failed),
            (Issued, Unknown),
            (Unknown, Confirmed),
            (Unknown, Failed),
        ];
        for from in State::ALL {
            for to in State::ALL {
                assert_eq!(from.may_become(to), legal.contains(&(from, to)), "{from:?} → {to:?}");
            }
        }
    }

    #[test]
    fn nothing_that_may_have_run_leads_back_to_approval() {
        for from in State::ALL.into_iter().filter(|state| state.may_have_run()) {
            for to in [Found, Built, Approved, Intent] {
                assert!(!from.may_become(to), "{from:?} → {to:?}");
            }
        }
    }

    #[test]
    fn words_are_read_back() {
        for state in State::ALL {
            assert_eq!(State::of(state.word()), Some(state));
            assert_eq!(serde_json::to_string(&state).expect("a word"), format!("{:?}", state.word()));
        }
        assert_eq!(State::of("done"), None);
    }
}
