//! The systemd units: alike where they must be, and what systemd itself says of them.

use std::fs;
use std::path::Path;

fn unit(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("units").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()))
}

/// From the comment that opens it to the end of its section.
fn sandbox(text: &str) -> &str {
    let start = text.find("# Sandbox:").expect("each service has a sandbox");
    let rest = &text[start..];
    rest[..rest.find("\n[").unwrap_or(rest.len())].trim_end()
}

#[test]
fn both_services_run_in_the_same_sandbox() {
    let (run, flush) = (unit("autoticket.service"), unit("autoticket-flush.service"));
    assert_eq!(sandbox(&run), sandbox(&flush));
    for line in [
        "User=autoticket",
        "UMask=0077",
        "StateDirectory=autoticket",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "MemoryDenyWriteExecute=yes",
        "SystemCallFilter=@system-service",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    ] {
        assert!(sandbox(&run).lines().any(|other| other == line), "{line} is missing");
    }
}

#[test]
fn a_reload_asks_run_to_read_its_rules_again() {
    assert!(unit("autoticket.service").lines().any(|line| line == "ExecReload=/bin/kill -HUP $MAINPID"));
}

#[test]
fn the_services_use_the_user_and_folders_that_the_snippets_make() {
    for name in ["autoticket.service", "autoticket-flush.service"] {
        let text = unit(name);
        let command = text.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("a command");
        assert!(command.starts_with("/usr/local/bin/autoticket --rules /etc/autoticket "), "{command}");
    }
    assert!(unit("autoticket.sysusers.conf").lines().any(|line| line.starts_with("u autoticket - ")));
    let folders = unit("autoticket.tmpfiles.conf");
    assert!(folders.lines().any(|line| line == "d /var/lib/autoticket 0700 autoticket autoticket -"));
}

#[cfg(feature = "real")]
mod real {
    use super::*;
    use std::path::PathBuf;
    use std::process::Command;

    /// The units in a folder of their own, with a program that exists here.
    fn installed(folder: &Path) -> Vec<PathBuf> {
        let install = |name: &&str| {
            let path = folder.join(name);
            let text = unit(name).replace("/usr/local/bin/autoticket", env!("CARGO_BIN_EXE_autoticket"));
            fs::write(&path, text).expect("a writable folder");
            path
        };
        ["autoticket.service", "autoticket-flush.service", "autoticket-flush.timer"]
            .iter()
            .map(install)
            .collect()
    }

    /// Overall exposure by `systemd-analyze security`, times ten. 1.3 to 1.5 is what SMTP and its resolver cost.
    const EXPOSURE: &str = "15";

    #[allow(clippy::disallowed_methods, reason = "the judge of the units is systemd's own program")]
    fn systemd_analyze(arguments: &[&str], units: &[PathBuf]) -> (bool, String) {
        let output = Command::new("systemd-analyze")
            .args(arguments)
            .args(units)
            .env("SYSTEMD_LOG_LEVEL", "notice")
            .output()
            .expect("systemd-analyze is installed (Debian package systemd)");
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.success(), said.into_owned())
    }

    #[test]
    fn systemd_finds_no_fault_in_the_units() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (passed, said) = systemd_analyze(&["verify", "--man=no"], &installed(folder.path()));
        let about_ours: Vec<&str> = said.lines().filter(|line| line.contains("autoticket")).collect();
        assert!(passed && about_ours.is_empty(), "{said}");
    }

    #[test]
    fn a_mistyped_line_would_be_found() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let units = installed(folder.path());
        let text = fs::read_to_string(&units[0]).expect("just written");
        fs::write(&units[0], text.replace("ProtectSystem=", "ProtectSystm=")).expect("a writable folder");
        let (_, said) = systemd_analyze(&["verify", "--man=no"], &units);
        assert!(said.contains("ProtectSystm"), "{said}");
    }

    #[test]
    fn both_services_stay_below_the_exposure_we_reached() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for service in &installed(folder.path())[..2] {
            let arguments = ["security", "--offline=true", "--no-pager", "--threshold", EXPOSURE];
            let (passed, said) = systemd_analyze(&arguments, std::slice::from_ref(service));
            assert!(passed, "{said}");
        }
    }
}
