//! Any bytes are a log: each shipped rule reads them within bounds, and what is planned reaches nobody who did not fail.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../oracle/logs.rs"]
mod logs;

fuzz_target!(|bytes: &[u8]| logs::holds(bytes));
