//! Bytes to a bounded [`Mail`].
//!
//! In: one message as bytes, or a mailbox of them. Out: [`RawMail`] (what is kept, with the identity of
//! the message) and [`Mail`] (what rules read). Bounds on size, headers, parts, depth and decoded text
//! hold before anything is decoded: the structure of a mail is walked here, in one pass over at most
//! [`model::WINDOW_BYTES`], and mail-parser only ever sees single dates, addresses, content types,
//! charsets and base64 runs. (Its message parser recurses over nested messages and overflows the stack.)
//! It knows nothing of alerts.

mod date;
mod decode;
mod fields;
mod html;
mod identity;
mod lines;
/// Messages in files, folders, Maildirs and mboxes, one after the other.
pub mod mailbox;
mod mbox;
pub mod model;
mod multipart;
mod parse;
mod parts;
/// Bytes to a bounded [`RawMail`].
pub mod read;

pub use model::{Address, Header, Identity, Mail, Note, Part, RawMail};
pub use parse::parse;
