//! Bytes to and from a server, plain or in TLS, under one time limit.
//!
//! Before every single read and write the socket gets the time that is left, so that neither a byte per
//! second nor a write that nobody reads outlasts the limit. Replies are bounded in line length and lines.

use super::super::{instant, told};
use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// RFC 5321 4.5.3.1.5 says 512; some servers write more.
const LINE_LIMIT: usize = 2048;
const LINES_LIMIT: usize = 128;

/// A reply of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: u16,
    /// Texts after the code, at least one.
    pub(super) lines: Vec<String>,
}

impl Reply {
    pub(super) fn is_permanent(&self) -> bool {
        (500..600).contains(&self.code)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, told(self.lines.first().map_or("", String::as_str)))
    }
}

/// A socket that knows until when.
#[derive(Debug)]
struct Clocked {
    socket: TcpStream,
    until: Instant,
}

impl Clocked {
    fn left(&self) -> io::Result<Duration> {
        left(self.until)
    }
}

/// The time left, or the error that it is over.
pub(super) fn left(until: Instant) -> io::Result<Duration> {
    match until.saturating_duration_since(instant()) {
        Duration::ZERO => Err(ErrorKind::TimedOut.into()),
        left => Ok(left),
    }
}

/// Sockets report an expired limit as "would block".
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { error }
}

impl Read for Clocked {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(self.left()?))?;
        self.socket.read(bytes).map_err(timed_out)
    }
}

impl Write for Clocked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(self.left()?))?;
        self.socket.write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

enum Stream {
    Plain(Clocked),
    Tls(Box<StreamOwned<ClientConnection, Clocked>>),
}

pub(super) struct Wire {
    stream: Stream,
    /// Received and not yet used.
    ahead: Vec<u8>,
}

impl Wire {
    /// Connects to one address; `until` stays the limit of everything that follows.
    pub(super) fn connect(address: SocketAddr, share: Duration, until: Instant) -> io::Result<Self> {
        let socket = TcpStream::connect_timeout(&address, share)?;
        // Commands are small and each waits for its reply.
        socket.set_nodelay(true)?;
        Ok(Self { stream: Stream::Plain(Clocked { socket, until }), ahead: Vec::new() })
    }

    /// Sets a new limit for all that follows.
    pub(super) fn limit(&mut self, until: Instant) {
        match &mut self.stream {
            Stream::Plain(clocked) => clocked.until = until,
            Stream::Tls(tls) => tls.sock.until = until,
        }
    }

    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// Whether bytes were received that nobody asked for yet.
    pub(super) fn is_ahead(&self) -> bool {
        !self.ahead.is_empty()
    }

    pub(super) fn socket(&self) -> &TcpStream {
        match &self.stream {
            Stream::Plain(clocked) => &clocked.socket,
            Stream::Tls(tls) => &tls.sock.socket,
        }
    }

    /// Goes on in TLS; the certificate must be valid for `name`.
    pub(super) fn encrypt(self, config: Arc<ClientConfig>, name: ServerName<'static>) -> io::Result<Self> {
        let Stream::Plain(mut clocked) = self.stream else {
            return Err(io::Error::other("already encrypted"));
        };
        let mut connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut clocked)?;
        }
        let tls = StreamOwned::new(connection, clocked);
        Ok(Self { stream: Stream::Tls(Box::new(tls)), ahead: Vec::new() })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(clocked) => clocked.write_all(bytes),
            Stream::Tls(tls) => tls.write_all(bytes).and_then(|()| tls.flush()),
        }
    }

    /// Reads one reply, all its lines.
    pub(super) fn reply(&mut self) -> io::Result<Reply> {
        let (code, last, text) = reply_line(&self.line()?)?;
        let mut reply = Reply { code, lines: vec![text] };
        let mut last = last;
        while !last {
            let (again, ends, text) = reply_line(&self.line()?)?;
            if again != code {
                return Err(garbage(&format!("reply {code} goes on as {again}")));
            }
            if reply.lines.len() == LINES_LIMIT {
                return Err(garbage("a reply without an end"));
            }
            reply.lines.push(text);
            last = ends;
        }
        Ok(reply)
    }

    /// Says goodbye to TLS; whether anybody hears it does not matter any more.
    pub(super) fn close(mut self) {
        if let Stream::Tls(tls) = &mut self.stream {
            tls.conn.send_close_notify();
            let _ = tls.flush();
        }
    }

    /// One line without its end, CRLF or LF.
    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = self.ahead.iter().position(|&byte| byte == b'\n') {
                let rest = self.ahead.split_off(at + 1);
                let line = std::mem::replace(&mut self.ahead, rest);
                let line = line[..at].strip_suffix(b"\r").unwrap_or(&line[..at]);
                return Ok(String::from_utf8_lossy(line).into_owned());
            }
            if self.ahead.len() > LINE_LIMIT {
                return Err(garbage("a line without an end"));
            }
            self.receive()?;
        }
    }

    fn receive(&mut self) -> io::Result<()> {
        let mut bytes = [0; LINE_LIMIT];
        let read = match &mut self.stream {
            Stream::Plain(clocked) => clocked.read(&mut bytes),
            Stream::Tls(tls) => tls.read(&mut bytes),
        };
        match read {
            Ok(0) => Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed it")),
            Ok(count) => {
                self.ahead.extend_from_slice(&bytes[..count]);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Code, whether this is the last line, text.
fn reply_line(line: &str) -> io::Result<(u16, bool, String)> {
    let (digits, rest) = line.split_at_checked(3).unwrap_or((line, ""));
    let code = digits.parse().ok().filter(|code| (200..600).contains(code) && !digits.starts_with('+'));
    match (code, rest.as_bytes().first()) {
        (Some(code), None | Some(b' ')) => Ok((code, true, rest.get(1..).unwrap_or_default().into())),
        (Some(code), Some(b'-')) => Ok((code, false, rest[1..].into())),
        _ => Err(garbage(&format!("`{}`", told(line)))),
    }
}

fn garbage(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reply_lines_are_read_as_rfc_5321_writes_them_and_nothing_else_is() {
        let read = |line| reply_line(line).map_err(|e| e.to_string());
        assert_eq!(read("250 ok"), Ok((250, true, "ok".into())));
        assert_eq!(read("250-SIZE 1"), Ok((250, false, "SIZE 1".into())));
        assert_eq!(read("354"), Ok((354, true, String::new())));
        for line in ["", "25", "hello", "2500 ok", "+25 ok", "199 ok", "600 no", "25\u{e9} x", "250\tok"] {
            let error = read(line).expect_err(line);
            assert_eq!(error, format!("`{}`", told(line)));
        }
    }
}
