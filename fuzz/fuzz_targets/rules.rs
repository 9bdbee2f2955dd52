//! Any text is a rules file: it compiles, or its mistakes are listed.
#![no_main]

use autoticket::rules::{Source, compile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for file in ["autoticket.yaml", "thresholds.yaml", "centers.yaml", "alerts/fuzz.yaml"] {
        if let Err(mistakes) = compile(&[Source { file: file.into(), text: text.into() }]) {
            assert!(!mistakes.is_empty(), "refused without a mistake");
        }
    }
});
