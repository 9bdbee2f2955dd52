//! The approval screen of `redistribute`: what failed, what would be issued, and the operator's consent.
//!
//! In: a plan, keys, the state of the issue. Out: frames and messages. It knows no files, SQL or network, and no
//! clock; only `terminal` touches the world, by way of the controlling terminal.
//!
//! A [`Model`] owns what it shows. [`update`] takes one event and returns messages, [`draw`] draws one frame; both
//! work without a terminal. What is approved is taken out of the model that was drawn, with the hash it was drawn
//! with.

mod approval;
mod consent;
mod detail;
mod difference;
mod editor;
mod frame;
mod help;
mod input;
mod keys;
mod list;
mod message;
mod model;
mod paint;
mod progress;
mod rows;
mod search;
pub mod terminal;
mod text;
mod theme;
mod unknown;

#[cfg(test)]
mod tests;

pub use message::{Approved, Message, State, Stop, UnknownCommand};
pub use model::{Model, draw, update};
pub use paint::Paint;
pub use progress::{Ending, Failure, Progress, Running, Wave};
pub use theme::Theme;
