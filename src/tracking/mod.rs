//! Windows, thresholds and scopes: pure arithmetic over event times.
//!
//! In: the window kept for a (device, failure type) and one more event. Out: the window as it must be
//! kept, and whether the threshold was crossed, with the reason. It knows no mail and no database.

pub mod model;
mod thresholds;
mod window;

pub use model::{Choice, Counted, Seen, Subject, Window};
pub use thresholds::{Thresholds, choose};
pub use window::{count, reset, reset_until, uncount};
