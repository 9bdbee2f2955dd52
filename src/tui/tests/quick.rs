//! Frames of a large plan.

use super::*;
use std::time::Duration;

#[expect(clippy::disallowed_methods, reason = "a test measures what it claims")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// The slowest of some frames, with a key before each.
fn slowest(model: &mut Model, columns: u16, rows: u16) -> Duration {
    let mut terminal = ratatui::Terminal::new(TestBackend::new(columns, rows)).expect("a buffer");
    let mut slowest = Duration::ZERO;
    for key in "jjjGgkl\t\tdjnNe\x1bA A y\x1b/node59999\nnx".chars().cycle().take(120) {
        let start = now();
        keys(model, &key.to_string());
        terminal.draw(|frame| draw(model, frame)).expect("a buffer takes all");
        slowest = slowest.max(start.elapsed());
    }
    slowest
}

/// 16 ms when optimised; an unoptimised build on a busy machine gets ten times that.
#[test]
fn a_key_and_its_frame_over_60_000_jobs_are_quick() {
    let mut model = Model::new(fixture::large(60_000), Vec::new(), FULL);
    let limit = Duration::from_millis(if cfg!(debug_assertions) { 1500 } else { 16 });
    for (columns, rows) in [(80, 24), (200, 60)] {
        let took = slowest(&mut model, columns, rows);
        assert!(took <= limit, "{took:?} at {columns}x{rows}");
    }
}
