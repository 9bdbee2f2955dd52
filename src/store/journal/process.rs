//! Which process has a command in hand, and whether it still lives.
//!
//! In: `/proc`. Out: an identity that no later process can have: number, boot, and the instant it started.

use super::super::{Error, io_error};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

const BOOT: &str = "/proc/sys/kernel/random/boot_id";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    pid: u32,
    boot: String,
    /// In clock ticks since the boot.
    started: u64,
}

impl Process {
    /// This process.
    pub(super) fn this() -> Result<Process, Error> {
        let pid = std::process::id();
        let path = format!("/proc/{pid}/stat");
        let stat = fs::read_to_string(&path).map_err(io_error("read", Path::new(&path)))?;
        let boot = fs::read_to_string(BOOT).map_err(io_error("read", Path::new(BOOT)))?;
        let (_, started) =
            fields(&stat).ok_or_else(|| Error::Stored { what: "start of this process", text: path })?;
        Ok(Process { pid, boot: boot.trim().to_owned(), started })
    }

    /// One that is over.
    #[cfg(test)]
    pub(super) fn gone() -> Process {
        let this = Process::this().expect("a process");
        Process { started: this.started + 1, ..this }
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it is over. Where that cannot be found out it counts as alive: nothing is then issued again.
    pub(super) fn is_gone(&self) -> bool {
        match fs::read_to_string(BOOT) {
            Ok(boot) if boot.trim() != self.boot => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
        match fs::read_to_string(format!("/proc/{}/stat", self.pid)) {
            Ok(stat) => fields(&stat)
                .is_some_and(|(state, started)| started != self.started || matches!(state, 'Z' | 'X')),
            Err(_) => !Path::new(&format!("/proc/{}", self.pid)).exists(),
        }
    }
}

/// State and start of a process; its name, which it chooses itself, may hold anything.
fn fields(stat: &str) -> Option<(char, u64)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut words = rest.split_whitespace();
    let state = words.next()?.chars().next()?;
    Some((state, words.nth(18)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_one_of_another_start_or_boot_is_gone() {
        let this = Process::this().expect("a process");
        assert!(!this.is_gone());
        assert!(Process { started: this.started + 1, ..this.clone() }.is_gone());
        assert!(Process { boot: "another".into(), ..this.clone() }.is_gone());
        assert!(Process { pid: u32::MAX, ..this }.is_gone());
    }

    #[test]
    fn a_name_with_parentheses_moves_no_field() {
        let stat = "7 (a) Z (b) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 1 2";
        assert_eq!(fields(stat), Some(('S', 12345)));
        assert_eq!(fields("7 (a"), None);
    }
}
