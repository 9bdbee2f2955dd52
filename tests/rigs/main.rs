//! The reliability rigs: faults put under the real binary, against real components of Debian.
//!
//! Each test runs one rig, a Python program beside this file, with the share that CI takes; by hand the same
//! programs take more points and other seeds (`--help`). They need root and packages (`make real` installs
//! them), hence the feature `real`; a rig that can't run fails, it is never skipped. The binary is
//! `AUTOTICKET_UNDER_TEST` where that is set (CI names the release binary), else the one cargo has built.
#![cfg(feature = "real")]
#![allow(clippy::disallowed_methods, reason = "a rig starts programs and asks which binary it is given")]

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

/// The rigs use both cores themselves and measure patience: one at a time.
static TURN: Mutex<()> = Mutex::new(());

fn rig(name: &str, arguments: &[&str]) {
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rigs");
    let binary = std::env::var("AUTOTICKET_UNDER_TEST")
        .unwrap_or_else(|_| env!("CARGO_BIN_EXE_autoticket").to_owned());
    let status = Command::new("python3")
        .arg(folder.join(name))
        .args(["--autoticket", &binary])
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .status()
        .expect("python3 starts");
    assert!(status.success(), "{name}: {status}");
}

#[test]
fn kill_at_a_thousand_syscalls_loses_and_doubles_nothing() {
    rig("kill.py", &["--points", "1000"]);
}

#[test]
fn every_failing_syscall_ends_with_0_75_or_a_signal_and_keeps_the_mail() {
    rig("syscall_errors.py", &[]);
}

#[test]
fn power_cuts_lose_no_accepted_mail_while_the_controls_lose() {
    rig("power_cut.py", &["--trials", "10"]);
}

#[test]
fn kill_at_a_thousand_syscalls_of_issuing_sends_nothing_twice_and_nothing_unapproved() {
    rig("journal_kill.py", &["--points", "1000"]);
}

#[test]
fn power_cuts_while_issuing_send_nothing_twice_while_the_control_does() {
    rig("journal_power.py", &["--trials", "12"]);
}

#[test]
fn the_approval_screen_in_tmux_approves_what_it_shows_and_gives_the_terminal_back() {
    let this = std::env::current_exe().expect("this binary");
    rig("screen.py", &["--panics", &this.display().to_string()]);
}

/// Not a test of its own: the program that `screen.py` starts on a terminal of tmux.
#[test]
fn a_program_that_panics_on_the_screen() {
    if std::env::var_os("AUTOTICKET_PANIC_ON_SCREEN").is_none() {
        return;
    }
    let theme = autoticket::tui::Theme { colour: true, unicode: true };
    let mut terminal = autoticket::tui::terminal::Terminal::open(theme).expect("a terminal");
    let nothing = autoticket::redistribution::plan::Plan {
        schema: 1,
        server: "is1".into(),
        since: None,
        until: None,
        jobs: Vec::new(),
        notes: Vec::new(),
    };
    let mut model = autoticket::tui::Model::new(nothing, Vec::new(), theme);
    terminal.turn(&mut model, std::time::Duration::from_millis(100));
    panic!("it panics while it holds the terminal");
}

#[test]
fn two_hundred_at_once_all_succeed() {
    rig("crowd.py", &[]);
}

#[test]
fn postfix_defers_and_never_bounces_and_a_killed_pipe_counts_once() {
    rig("postfix.py", &[]);
}

#[test]
fn findings_are_as_expected_for_each_privilege_and_state_of_host() {
    rig("diagnosis.py", &[]);
}

#[test]
fn full_disks_limits_and_broken_databases_lose_no_mail() {
    rig("starved.py", &[]);
}

#[test]
fn calendars_of_python3_icalendar_hold_when_python_dateutil_says_so() {
    rig("calendars.py", &[]);
}

#[test]
fn redistribution_over_ssh_is_cut_anywhere_and_issues_nothing_twice_or_without_approval() {
    rig("remote.py", &[]);
}

// With `--by-hand` and `--truth` these rigs judge only themselves.
#[test]
fn a_failed_fan_out_is_redistributed_to_the_one_host_that_lacked_it() {
    rig("fanout.py", &[]);
}

#[test]
fn job_logs_of_gnu_parallel_hold_what_truly_ran() {
    rig("parallel_log.py", &[]);
}

#[test]
fn logs_of_ansible_and_sudo_hold_what_truly_ran() {
    rig("ansible_log.py", &[]);
}
