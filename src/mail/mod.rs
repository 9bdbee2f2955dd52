//! Bytes to a bounded [`Mail`].
//!
//! In: one message as bytes, or a mailbox of them. Out: [`RawMail`] (what is kept, with the identity of
//! the message) and [`Mail`] (what rules read). Bounds on size, headers, parts, depth and decoded text
//! hold before the parser sees a byte. It knows nothing of alerts.

pub mod model;

pub use model::{Address, Header, Identity, Mail, Note, Part, RawMail};
