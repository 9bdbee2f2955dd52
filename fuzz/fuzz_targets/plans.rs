//! Any bytes are a plan file: it is no plan, or compared whole with what the logs give; only what is equal is issued.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../oracle/plans.rs"]
#[allow(dead_code, reason = "the plan itself is asked for by the replay of the seeds")]
mod plans;

fuzz_target!(|bytes: &[u8]| {
    plans::holds(bytes);
});
