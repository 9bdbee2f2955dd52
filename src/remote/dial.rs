//! From an address to a running program: ssh's files, a socket, the host key, our keys.
//!
//! In: an address, where our home and our agent are. Out: a [`Link`], or an error that says the way out. The only
//! place that opens ssh's files and sockets.

use super::address::Address;
use super::config::{self, Settings, Text};
use super::error::{Error, named};
use super::jump::{self, Jump};
use super::key::{fingerprint, is_encrypted, kind, public};
use super::known_hosts::{self, Verdict};
use super::link::{Link, Wire};
use ssh2::{MethodType, Session};
use std::fs;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Unless ConnectTimeout says otherwise.
const CONNECT: u64 = 10;
/// Unless ServerAliveInterval and ServerAliveCountMax say otherwise.
const PATIENCE: u64 = 60;
/// One of ssh's files is at most this long.
const MOST: u64 = 16 << 20;
/// Keys of an agent that are tried.
const MOST_KEYS: usize = 20;
/// Kinds of host keys that are taken: no SHA-1, no certificates.
const KINDS: [(&str, &str); 5] = [
    ("ssh-ed25519", "ssh-ed25519"),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"),
    ("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"),
    ("ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"),
    ("ssh-rsa", "rsa-sha2-512,rsa-sha2-256"),
];
/// Keys that are tried where no IdentityFile is named.
const OWN_KEYS: [&str; 3] = ["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"];

/// Who connects.
#[derive(Debug)]
pub struct Dial<'a> {
    /// Our home folder, in which `.ssh` lies.
    pub home: &'a Path,
    /// Our name here: who we are there, where nothing says otherwise.
    pub login: &'a str,
    /// The socket of ssh-agent.
    pub agent: Option<&'a Path>,
}

/// Where ssh's files lead.
struct Target<'a> {
    dial: &'a Dial<'a>,
    host: String,
    user: String,
    port: u16,
    settings: Settings,
    limit: Duration,
}

/// Connects, checks the host key, is let in by a key, and starts `PROGRAM agent` there. `note` is told what of ssh's
/// files was not understood.
///
/// # Errors
/// See [`Error`].
pub fn connect(
    address: &Address,
    program: &str,
    dial: &Dial<'_>,
    note: &mut dyn FnMut(&str),
) -> Result<Link, Error> {
    let target = resolve(address, dial)?;
    target.settings.notes.iter().for_each(|text| note(text));
    let name = known_hosts::name(
        target.settings.host_key_alias.as_deref().unwrap_or(&target.host),
        if target.settings.host_key_alias.is_some() { 22 } else { target.port },
    );
    let known = target.known_hosts();
    let wire = target.open()?;
    let host = named(address);
    let refused = |e: ssh2::Error, wire: &Wire| {
        let mut why = e.message().to_owned();
        if let Wire::Through(_, jump) = wire {
            why = format!("{why} {}", jump.said());
        }
        Error::Handshake { host: host.clone(), port: target.port, why }
    };
    let mut session = Session::new().map_err(|e| refused(e, &wire))?;
    let wanted = known_hosts::kinds(&known, &name);
    let is_wanted = |kind: &str| wanted.iter().any(|own| own == kind);
    let (first, rest): (Vec<_>, Vec<_>) = KINDS.into_iter().partition(|(kind, _)| is_wanted(kind));
    let kinds: Vec<&str> = first.iter().chain(&rest).map(|(_, methods)| *methods).collect();
    session.method_pref(MethodType::HostKey, &kinds.join(",")).map_err(|e| refused(e, &wire))?;
    session.set_timeout(u32::try_from(target.limit.as_millis()).unwrap_or(u32::MAX));
    match &wire {
        Wire::Tcp(stream) => session.set_tcp_stream(stream.try_clone().map_err(|e| target.no_way(&e))?),
        Wire::Through(stream, _) => {
            session.set_tcp_stream(stream.try_clone().map_err(|e| target.no_way(&e))?)
        }
    }
    session.handshake().map_err(|e| refused(e, &wire))?;
    target.check(&session, &name, &known)?;
    target.be_let_in(&session, &host)?;
    let not_started = |e: ssh2::Error| Error::NotStarted {
        host: host.clone(),
        program: program.to_owned(),
        why: e.message().to_owned(),
    };
    let mut channel = session.channel_session().map_err(not_started)?;
    // The whole line that a shell over there ever sees.
    channel.exec(&format!("{program} agent")).map_err(not_started)?;
    let settings = &target.settings;
    let patience = match settings.alive_interval {
        Some(seconds) if seconds > 0 => seconds * settings.alive_count.unwrap_or(3).max(1),
        _ => PATIENCE,
    };
    let patience = Duration::from_secs(patience.clamp(2, 600));
    Ok(Link::new(host, program.to_owned(), (session, channel), wire, patience))
}

/// What ssh's files say about an address.
fn resolve<'a>(address: &Address, dial: &'a Dial<'a>) -> Result<Target<'a>, Error> {
    let own = dial.home.join(".ssh/config");
    if let Ok(meta) = fs::metadata(&own)
        && ((meta.uid() != 0 && meta.uid() != rustix::process::getuid().as_raw()) || meta.mode() & 0o022 != 0)
    {
        let text = format!("{} may be written by others: chmod go-w it, or chown it to us", own.display());
        return Err(Error::Config(text));
    }
    let files: Vec<Text> =
        [(own, "~/.ssh/config"), (PathBuf::from("/etc/ssh/ssh_config"), "/etc/ssh/ssh_config")]
            .into_iter()
            .filter_map(|(path, name)| Some((name.to_owned(), text(&path)?)))
            .collect();
    let include = |pattern: &str| included(pattern, dial.home);
    let settings = config::read(&files, &address.host, &include).map_err(|e| Error::Config(e.to_string()))?;
    if let (Some(place), None) = (&settings.proxy_command, &settings.proxy_jump) {
        return Err(Error::ProxyCommand { host: address.host.clone(), place: place.clone() });
    }
    Ok(Target {
        dial,
        host: settings.host_name.clone().unwrap_or_else(|| address.host.clone()),
        user: address.user.clone().or_else(|| settings.user.clone()).unwrap_or_else(|| dial.login.to_owned()),
        port: address.port.or(settings.port).unwrap_or(22),
        limit: Duration::from_secs(settings.connect_timeout.filter(|n| *n > 0).unwrap_or(CONNECT)),
        settings,
    })
}

fn text(path: &Path) -> Option<String> {
    let meta = fs::metadata(path).ok()?;
    let bytes = if meta.is_file() && meta.len() <= MOST { fs::read(path).ok()? } else { return None };
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The files that an `Include` names, in the order of their names.
fn included(pattern: &str, home: &Path) -> Vec<Text> {
    let path = match (pattern.strip_prefix("~/"), pattern.starts_with('/')) {
        (Some(rest), _) => home.join(rest),
        (None, true) => PathBuf::from(pattern),
        (None, false) => home.join(".ssh").join(pattern),
    };
    let (Some(folder), Some(leaf)) = (path.parent(), path.file_name().and_then(|leaf| leaf.to_str())) else {
        return Vec::new();
    };
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut paths: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| config::fits(leaf, name)))
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths.iter().filter_map(|path| Some((path.display().to_string(), text(path)?))).collect()
}

impl Target<'_> {
    /// A path of ssh_config: `~`, `%d`, `%h`, `%r`, `%u`, `%%`.
    fn path(&self, text: &str) -> PathBuf {
        let home = self.dial.home.to_string_lossy();
        let mut path = String::new();
        let mut letters = text.chars();
        while let Some(c) = letters.next() {
            match (c, if c == '%' { letters.next() } else { None }) {
                ('%', Some('d')) => path += &home,
                ('%', Some('h')) => path += &self.host,
                ('%', Some('r')) => path += &self.user,
                ('%', Some('u')) => path += self.dial.login,
                ('%', Some('%')) => path.push('%'),
                ('%', Some(other)) => path.extend(['%', other]),
                (c, _) => path.push(c),
            }
        }
        match path.strip_prefix("~/") {
            Some(rest) => self.dial.home.join(rest),
            None => PathBuf::from(path),
        }
    }

    fn known_hosts(&self) -> Vec<Text> {
        let named = |given: &Option<Vec<String>>, usual: [&str; 2]| {
            given.clone().unwrap_or_else(|| usual.map(str::to_owned).into())
        };
        let own = named(&self.settings.user_known_hosts, ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"]);
        let all = named(
            &self.settings.global_known_hosts,
            ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"],
        );
        let paths = own.iter().chain(&all).filter(|name| !name.eq_ignore_ascii_case("none"));
        paths
            .map(|name| self.path(name))
            .filter_map(|path| Some((path.display().to_string(), text(&path)?)))
            .collect()
    }

    fn no_way(&self, error: &std::io::Error) -> Error {
        Error::Connect { host: self.host.clone(), port: self.port, why: error.to_string() }
    }

    fn open(&self) -> Result<Wire, Error> {
        if let Some(hops) =
            self.settings.proxy_jump.as_ref().filter(|hops| !hops.eq_ignore_ascii_case("none"))
        {
            let failed = |why: String| Error::Jump { host: self.host.clone(), jump: hops.clone(), why };
            let argv = jump::argv(hops, &self.host, self.port, self.limit.as_secs()).map_err(failed)?;
            let (jump, stream) =
                Jump::start(&argv).map_err(|e| failed(format!("ssh does not start: {e}")))?;
            return Ok(Wire::Through(stream, jump));
        }
        let mut last = None;
        for address in self.addresses()? {
            match TcpStream::connect_timeout(&address, self.limit) {
                Ok(stream) => {
                    // Small lines are not to wait for others.
                    let _ = stream.set_nodelay(true);
                    return Ok(Wire::Tcp(stream));
                }
                Err(e) => last = Some(e),
            }
        }
        Err(self.no_way(&last.unwrap_or_else(|| std::io::ErrorKind::AddrNotAvailable.into())))
    }

    /// `getaddrinfo` knows no time limit: it runs in a thread that is left behind when the time is up.
    #[expect(clippy::disallowed_methods, reason = "an edge: it waits")]
    fn addresses(&self) -> Result<Vec<SocketAddr>, Error> {
        let (to, from) = mpsc::channel();
        let (host, port, begun) = (self.host.clone(), self.port, Instant::now());
        std::thread::spawn(move || {
            let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
            let _ = to.send(found);
        });
        let none = |why: String| Error::NoAddress { host: self.host.clone(), why };
        match from.recv_timeout(self.limit.saturating_sub(begun.elapsed())) {
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(e)) => Err(none(e.to_string())),
            Err(_) => Err(none(format!("no answer within {} s", self.limit.as_secs()))),
        }
    }

    /// The host key is the one that is known, or nothing more is said.
    fn check(&self, session: &Session, name: &str, known: &[Text]) -> Result<(), Error> {
        let Some((blob, _)) = session.host_key() else {
            let why = "it shows no host key".to_owned();
            return Err(Error::Handshake { host: self.host.clone(), port: self.port, why });
        };
        let kind = kind(blob).unwrap_or("of an unknown kind").to_owned();
        let (name, fingerprint) = (name.to_owned(), fingerprint(blob));
        let file = match &self.settings.user_known_hosts {
            Some(files) => files.first().cloned().unwrap_or_default(),
            None => "~/.ssh/known_hosts".to_owned(),
        };
        match known_hosts::judge(known, &name, blob) {
            Verdict::Known => Ok(()),
            Verdict::Revoked { place } => Err(Error::RevokedKey { name, kind, fingerprint, place }),
            Verdict::Changed { place } => Err(Error::ChangedKey { name, kind, fingerprint, place, file }),
            Verdict::Unknown { others } => {
                let port = if self.port == 22 { String::new() } else { format!("-p {} ", self.port) };
                let scan = format!("ssh-keyscan {port}{}", self.host);
                let authority = known_hosts::has_authority(known, &name);
                Err(Error::UnknownKey { name, kind, fingerprint, others, scan, file, authority })
            }
        }
    }

    /// By the keys of the agent, then by key files.
    fn be_let_in(&self, session: &Session, host: &str) -> Result<(), Error> {
        let (mut tried, mut encrypted) = (Vec::new(), Vec::new());
        let lost = |e: &ssh2::Error| Error::Lost { host: host.to_owned(), why: e.message().to_owned() };
        let named: Vec<PathBuf> = self.settings.identity_files.iter().map(|name| self.path(name)).collect();
        let only = self.settings.identities_only == Some(true);
        let publics: Vec<Vec<u8>> =
            named.iter().filter_map(|path| public(&text(&public_of(path))?)).collect();
        let agent = self.agent();
        if let Some(socket) = &agent {
            match self.by_agent(session, socket, only, &publics, &mut tried) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(e) if is_loss(&e) => return Err(lost(&e)),
                Err(e) => tried.push(format!("ssh-agent: {}", e.message())),
            }
        }
        let files = if named.is_empty() { OWN_KEYS.map(|name| self.path(name)).to_vec() } else { named };
        for path in files {
            let shown = crate::shown::Shown::new(&path.display().to_string()).to_string();
            let Some(key) = text(&path) else {
                if !self.settings.identity_files.is_empty() {
                    tried.push(format!("{shown} cannot be read"));
                }
                continue;
            };
            if fs::metadata(&path).is_ok_and(|meta| meta.mode() & 0o077 != 0) {
                tried.push(format!("{shown} can be read by others: chmod 600"));
                continue;
            }
            if is_encrypted(&key) {
                tried.push(format!("{shown} has a passphrase"));
                encrypted.push(shown);
                continue;
            }
            match session.userauth_pubkey_file(&self.user, None, &path, None) {
                Ok(()) if session.authenticated() => return Ok(()),
                Ok(()) => tried.push(format!("{shown} is not enough")),
                Err(e) if tried.is_empty() && is_loss(&e) => return Err(lost(&e)),
                Err(e) => tried.push(format!("{shown}: {}", crate::shown::Shown::new(e.message()))),
            }
        }
        let (host, user, has_agent) = (host.to_owned(), self.user.clone(), agent.is_some());
        Err(Error::NotLetIn { host, user, tried, encrypted, has_agent })
    }

    /// The socket of the agent: IdentityAgent, else that of our environment.
    fn agent(&self) -> Option<PathBuf> {
        match self.settings.identity_agent.as_deref() {
            Some("none") => None,
            Some("SSH_AUTH_SOCK" | "$SSH_AUTH_SOCK") | None => self.dial.agent.map(Path::to_path_buf),
            Some(path) => Some(self.path(path)),
        }
    }

    fn by_agent(
        &self,
        session: &Session,
        socket: &Path,
        only: bool,
        publics: &[Vec<u8>],
        tried: &mut Vec<String>,
    ) -> Result<bool, ssh2::Error> {
        let mut agent = session.agent()?;
        agent.set_identity_path(socket)?;
        agent.connect()?;
        agent.list_identities()?;
        let mut identities = agent.identities()?;
        let rank = |blob: &[u8]| !publics.iter().any(|own| own == blob);
        if only {
            identities.retain(|identity| !rank(identity.blob()));
        }
        identities.sort_by_key(|identity| rank(identity.blob()));
        for identity in identities.iter().take(MOST_KEYS) {
            match agent.userauth(&self.user, identity) {
                Ok(()) if session.authenticated() => return Ok(true),
                Err(e) if tried.is_empty() && is_loss(&e) => return Err(e),
                Ok(()) | Err(_) => {
                    tried.push(format!("ssh-agent's {} is not taken", fingerprint(identity.blob())))
                }
            }
        }
        Ok(false)
    }
}

/// Whether the connection was lost while a key was tried. A server that has denied several may hang up, too: then it
/// is known already that it lets nobody in.
fn is_loss(error: &ssh2::Error) -> bool {
    // Of libssh2.h: SOCKET_SEND, TIMEOUT, SOCKET_DISCONNECT, SOCKET_TIMEOUT, SOCKET_RECV. An answer to a key that never
    // came is told by its words alone: its code is that of a key that is denied.
    matches!(error.code(), ssh2::ErrorCode::Session(-7 | -9 | -13 | -30 | -43))
        || error.message().starts_with("Waiting for ")
}

/// The public half beside a key file.
fn public_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ssh2::{Error, ErrorCode};

    #[test]
    fn a_lost_connection_is_told_from_a_key_that_is_denied() {
        let error = |code: i32, text: &'static str| Error::new(ErrorCode::Session(code), text);
        assert!(is_loss(&error(-43, "Error waiting on socket")));
        assert!(is_loss(&error(-19, "Waiting for publickey USERAUTH response")));
        for denied in ["Username/PublicKey combination invalid", "Invalid signature for supplied public key"]
        {
            assert!(!is_loss(&error(-19, denied)) && !is_loss(&error(-18, denied)), "{denied}");
        }
    }
}
