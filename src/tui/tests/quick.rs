//! Frames of a large plan.

use super::*;
use std::time::Duration;

/// Time this thread has had on a processor: a busy machine changes nothing.
fn spent() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts it");
    Duration::from_nanos(text.split(' ').next().and_then(|first| first.parse().ok()).expect("a number"))
}

/// The slowest key and the slowest frame of some.
fn slowest(model: &mut Model, columns: u16, rows: u16) -> (Duration, Duration) {
    let mut terminal = ratatui::Terminal::new(TestBackend::new(columns, rows)).expect("a buffer");
    let (mut key_time, mut frame_time) = (Duration::ZERO, Duration::ZERO);
    for key in "jjjGgkl\t\tdjnNe\x1bA A y\x1b/node59999\nnx".chars().cycle().take(120) {
        let start = spent();
        keys(model, &key.to_string());
        let between = spent();
        terminal.draw(|frame| draw(model, frame)).expect("a buffer takes all");
        key_time = key_time.max(between - start);
        frame_time = frame_time.max(spent() - between);
    }
    (key_time, frame_time)
}

/// When optimised, 16 ms for a frame and 200 ms for what a key asks of all jobs; ten times that when not.
#[test]
fn a_frame_over_60_000_jobs_is_quick() {
    let mut model = Model::new(fixture::large(60_000), Vec::new(), FULL);
    let slow = if cfg!(debug_assertions) { 10 } else { 1 };
    for (columns, rows) in [(80, 24), (200, 60)] {
        let (key, frame) = slowest(&mut model, columns, rows);
        let said = format!("{columns}x{rows}: slowest key {key:?}, slowest frame {frame:?}");
        assert!(frame <= slow * Duration::from_millis(16), "{said}");
        assert!(key <= slow * Duration::from_millis(200), "{said}");
    }
}

/// `cargo test --release --lib figures_of_frames -- --ignored` tells them in its failure.
#[test]
#[ignore = "tells figures"]
fn figures_of_frames() {
    let mut model = Model::new(fixture::large(60_000), Vec::new(), FULL);
    let figures = [(80, 24), (200, 60)].map(|(columns, rows)| slowest(&mut model, columns, rows));
    panic!("slowest key and frame at 80x24 and 200x60: {figures:?}");
}
