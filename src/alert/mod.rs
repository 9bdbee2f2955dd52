//! A mail's verdict (domain, subject, node) and its alert records, by format rules.
//!
//! In: a [`crate::mail::Mail`], the rules, and answers about the lists. Out: one [`Judgement`]: the
//! outcome with its typed reason, the records, and the steps that led there. Pure: it knows no counts,
//! no clock and no database; lists are asked through [`Lists`].

/// Authentication-Results of our own mail server.
pub mod authentication;
mod blocks;
/// Reading a mail: everything about it that no list can change.
pub mod engine;
mod event;
mod extract;
mod failure;
/// Which format rule wins a mail, and what it reads.
pub mod format;
mod judge;
/// Lists held in memory.
pub mod lists;
mod literals;
pub mod model;
/// The one normaliser of names.
pub mod name;
/// Mails about our own tickets.
pub mod own;
/// Patterns compiled at their first use.
pub mod pattern;
mod places;
mod reason;
/// Whether a mail is read as its sample claims.
pub mod samples;
/// Where a mail came from.
pub mod source;
mod stated;
/// The subject gate.
pub mod subject;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_support;

pub use engine::{Engine, Reading};
pub use model::{AlertRecord, Judgement, ListEntry, Lists, Outcome, Reason, Step};
pub use pattern::Effort;
pub use stated::building_and_room;
