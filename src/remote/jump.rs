//! The way through other machines: the system's `ssh -W`, started by an argument vector, its ends a socket of ours.
//!
//! In: the hops of ProxyJump, the target. Out: a socket that reaches it. The one place of this room that starts a
//! program. The hops' host keys are checked by that ssh, strictly.

use super::address::{Address, is_host};
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

/// Kept of what ssh says.
const KEPT: usize = 4 << 10;

/// The ssh that forwards; ended with this value.
#[derive(Debug)]
pub(super) struct Jump {
    child: Child,
    said: Arc<Mutex<Vec<u8>>>,
}

/// The argument vector after `ssh`, or what is wrong with the hops.
pub(super) fn argv(hops: &str, host: &str, port: u16, seconds: u64) -> Result<Vec<String>, String> {
    let mut addresses = Vec::new();
    for hop in hops.split(',') {
        let hop = hop.trim().trim_start_matches("ssh://");
        addresses.push(hop.parse::<Address>().map_err(|e| e.to_string())?);
    }
    let Some(last) = addresses.pop() else { return Err("ProxyJump names nothing".to_owned()) };
    if !is_host(host) {
        return Err(format!("`{host}` is no name of a host"));
    }
    let target = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut argv: Vec<String> = ["-a", "-x", "-T", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]
        .map(str::to_owned)
        .into();
    argv.extend(["-o".to_owned(), format!("ConnectTimeout={seconds}"), "-W".to_owned(), target]);
    if !addresses.is_empty() {
        let before: Vec<String> = addresses.iter().map(Address::to_string).collect();
        argv.extend(["-J".to_owned(), before.join(",")]);
    }
    if let Some(port) = last.port {
        argv.extend(["-p".to_owned(), port.to_string()]);
    }
    if let Some(user) = &last.user {
        argv.extend(["-l".to_owned(), user.clone()]);
    }
    argv.extend(["--".to_owned(), last.host]);
    Ok(argv)
}

impl Jump {
    /// Starts it; gives our end.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of this room that starts a program, by argv"
    )]
    pub(super) fn start(argv: &[String]) -> io::Result<(Jump, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut child = Command::new("ssh")
            .args(argv)
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs.try_clone()?)))
            .stdout(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
            .stderr(Stdio::piped())
            .spawn()?;
        let said = Arc::new(Mutex::new(Vec::new()));
        if let Some(mut errors) = child.stderr.take() {
            let said = Arc::clone(&said);
            std::thread::Builder::new().stack_size(128 << 10).spawn(move || {
                let mut buffer = [0; 1024];
                while let Ok(length @ 1..) = errors.read(&mut buffer) {
                    let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
                    let left = KEPT.saturating_sub(said.len()).min(length);
                    said.extend_from_slice(&buffer[..left]);
                }
            })?;
        }
        Ok((Jump { child, said }, ours))
    }

    /// What ssh said so far.
    pub(super) fn said(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&said).trim().to_owned()
    }
}

impl Drop for Jump {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::argv;

    #[test]
    fn hops_become_an_argument_vector_and_never_an_option() {
        let start = "-a -x -T -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=3 -W";
        let joined = |hops: &str, host: &str| argv(hops, host, 22, 3).map(|argv| argv.join(" "));
        assert_eq!(joined("gate", "is38"), Ok(format!("{start} is38:22 -- gate")));
        assert_eq!(
            joined("dm@a:2222, b,c@d", "fd00::1"),
            Ok(format!("{start} [fd00::1]:22 -J dm@a:2222,b -l c -- d"))
        );
        for hops in ["", "-oProxyCommand=x", "a,,b", "a b", "$(id)", "none,x y"] {
            assert!(joined(hops, "is38").is_err(), "{hops}");
        }
        assert!(joined("gate", "-x").is_err());
    }
}
