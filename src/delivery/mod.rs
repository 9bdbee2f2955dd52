//! The outbox schedule and the transports.
//!
//! In: a [`Parcel`] whose bytes are frozen. Out: an [`Attempt`] that says whether to try again. It does
//! not know how a ticket was decided, and it is the only room that speaks SMTP.

pub mod model;

pub use model::{Attempt, Parcel, Transport};
