//! A mail's verdict (domain, subject, node) and its alert records, by format rules.
//!
//! In: a [`crate::mail::Mail`], the rules, and answers about the lists. Out: one [`Judgement`]: the
//! outcome with its typed reason, the records, and the steps that led there. Pure: it knows no counts,
//! no clock and no database; lists are asked through [`Lists`].

pub mod model;

pub use model::{AlertRecord, Judgement, ListEntry, Lists, Outcome, Reason, Step};
