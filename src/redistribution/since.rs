//! What was delivered since it failed: what a second pass over the same logs looks for.
//!
//! In: names of recipients that failed, and whether a run brought one of them what it lacked. Out: which lines and runs
//! are worth keeping. It does not read anything itself: see [`Engine::since`](super::engine::Engine::since).

use super::model::{Outcome, Recipient, Run};
use super::reader::{Reader, Values};
use super::scan::literals;
use crate::rules::logs::model::Field;
use regex::bytes::{Regex, RegexBuilder};
use std::collections::HashSet;
use std::fmt;

/// Whether a run's delivery to this recipient makes good what failed: same packages (or list), and later.
type MakesGood = Box<dyn Fn(&Run, &Recipient) -> bool + Send + Sync>;

/// What failed.
pub struct Since {
    recipients: HashSet<Vec<u8>>,
    makes_good: MakesGood,
    literals: Option<Regex>,
}

impl fmt::Debug for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Since").field("recipients", &self.recipients.len()).finish_non_exhaustive()
    }
}

impl Since {
    /// `recipients`: names as the log has them. `makes_good`: asked of each delivery to one of them.
    pub fn new<'n>(
        reader: &Reader,
        recipients: impl IntoIterator<Item = &'n str>,
        makes_good: impl Fn(&Run, &Recipient) -> bool + Send + Sync + 'static,
    ) -> Since {
        let texts = literals(reader.rule())
            .map(|texts| texts.iter().map(|text| regex::escape(text)).collect::<Vec<_>>());
        let regex = texts.and_then(|texts| RegexBuilder::new(&texts.join("|")).unicode(false).build().ok());
        let recipients = recipients.into_iter().map(|name| name.as_bytes().to_vec()).collect();
        Since { recipients, makes_good: Box::new(makes_good), literals: regex }
    }

    /// In logs that literals lead through: whether a line is about one of the recipients, or about a job as a whole.
    pub(super) fn may_matter(&self, reader: &Reader, line: &[u8]) -> bool {
        let Some(literals) = &self.literals else { return true };
        reader.paired_recipient(line).is_none_or(|name| self.recipients.contains(name))
            || literals.is_match(line)
    }

    pub(super) fn names(&self, values: &Values<'_>) -> bool {
        // A list of several is looked at once its run is built.
        values.get(Field::Recipients).is_some()
            || values.get(Field::Recipient).is_some_and(|name| self.recipients.contains(name))
    }

    /// The deliveries of a run that make something good.
    pub fn deliveries<'r>(&'r self, run: &'r Run) -> impl Iterator<Item = &'r Recipient> {
        let delivered = run.recipients.iter().filter(|recipient| recipient.outcome == Outcome::Ok);
        let named = delivered.filter(|recipient| self.recipients.contains(recipient.name.as_bytes()));
        named.filter(|recipient| (self.makes_good)(run, recipient))
    }

    pub(super) fn keeps(&self, run: &Run) -> bool {
        self.deliveries(run).next().is_some()
    }
}
