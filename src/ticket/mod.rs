//! Decide, compose and render job tickets.
//!
//! In: the facts of a crossing, the evidence of the rooms before, the rules. Out: a decision with its
//! reasons, and the bytes of a mail. Pure: `now` comes in; no SMTP, no SQL.

pub mod model;

pub use model::{Evidence, State, TicketFacts};
