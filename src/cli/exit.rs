//! The exit statuses, in one table.

use std::process::ExitCode;

/// How a command ends; numbers of sysexits.h where one fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// The command worked, and there is something to see to.
    Findings,
    Usage,
    Data,
    Unavailable,
    Io,
    TryAgain,
    Permission,
    Configuration,
}

/// Status, number, meaning: the table of the man page and of the README.
pub const TABLE: [(Exit, u8, &str); 9] = [
    (Exit::Done, 0, "done"),
    (Exit::Findings, 1, "done, with findings: something is left to see to"),
    (Exit::Usage, 64, "the command line is wrong"),
    (Exit::Data, 65, "the data given is wrong"),
    (Exit::Unavailable, 69, "something needed is not there"),
    (Exit::Io, 74, "reading or writing failed"),
    (Exit::TryAgain, 75, "temporary trouble: try again"),
    (Exit::Permission, 77, "not permitted"),
    (Exit::Configuration, 78, "the rules are wrong"),
];

impl Exit {
    pub fn code(self) -> u8 {
        TABLE.iter().find(|(exit, ..)| *exit == self).map_or(70, |(_, code, _)| *code)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_has_its_own_number() {
        let mut codes: Vec<u8> = TABLE
            .iter()
            .map(|(exit, code, _)| {
                assert_eq!(exit.code(), *code);
                *code
            })
            .collect();
        codes.dedup();
        assert_eq!(codes.len(), TABLE.len());
        assert!(!codes.contains(&70), "70 is what a missing row would give");
    }
}
