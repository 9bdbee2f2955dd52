//! Decide, compose and render job tickets.
//!
//! In: the facts of a crossing, the evidence of the rooms before, the rules. Out: a decision with its
//! reasons, and the bytes of a mail. Pure: `now` comes in; no SMTP, no SQL.

mod compose;
mod decide;
#[cfg(test)]
mod fixture;
mod followers;
mod letter;
mod machine;
pub mod model;
mod number;
mod plain;
mod route;
mod steps;
pub mod template;
mod times;
mod view;

pub use compose::{Composer, compose, compose_reminder, compose_stand_down, compose_update};
pub use decide::decide;
pub use followers::{reminder_due, update_due};
pub use model::{
    Decision, Evidence, Fault, Joined, Kind, Letter, Member, Recovery, Route, RouteReason, SUPERSEDED, State,
    TicketFacts,
};
pub use number::number;
pub use route::{RouteQuery, route, route_query};
pub use steps::{citation, steps};
pub use times::span;
pub use view::{View, threshold_words};
