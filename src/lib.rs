//! autoticket: error alerts become job tickets, failed distributions are reissued, nothing is lost.
//!
//! The rooms below are in reading order; data goes one way, from the mail to the maintenance center.
//! `ARCHITECTURE.md` draws the arrows and names the test that keeps each of them.

/// A mail's verdict (domain, subject, node) and its alert records by format rules. Pure.
pub mod alert;
/// One file per command: arguments, output, hints, exit statuses.
pub mod cli;
/// The outbox schedule and the SMTP, sendmail and file transports.
pub mod delivery;
/// Ping and route to a finding.
pub mod diagnosis;
/// The story of one mail, readable top to bottom: read, judge, count, decide, commit.
pub mod intake;
/// Location records and their verification. Pure.
pub mod location;
/// Bytes to a bounded [`mail::Mail`]; readers for stdin, files, Maildir and mbox.
pub mod mail;
/// Outage notices and calendars: is this device expected to fail now? Pure.
pub mod outage;
/// Logfile to runs, failed jobs, rebuilt commands, plan and journal.
pub mod redistribution;
/// Lines exchanged with a program on another machine over SSH.
pub mod remote;
/// Operators' YAML: read, layered, checked, compiled. Pure.
pub mod rules;
/// `run` and `flush`: makes due things happen.
pub mod service;
/// The one way in which hostile text becomes printable.
pub mod shown;
/// Everything durable: the schema, transactions, the spool. The only room with SQL.
pub mod store;
/// Decide, compose and render job tickets. Pure.
pub mod ticket;
/// Windows, thresholds and scopes: arithmetic over event times. Pure.
pub mod tracking;
/// The approval screen of `redistribute`: draws a model, returns messages.
pub mod tui;
