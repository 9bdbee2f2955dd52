//! Lines to and from a program on the far machine, within bounds of length, of time and of patience.
//!
//! In: a session with a running program. Out: lines, and how the program ended. An end without a last word is for the
//! caller to judge: a missing exit status reads as 0 in this library, and so proves nothing.

use super::error::Error;
use super::jump::Jump;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use ssh2::{BlockDirections, Channel, Session};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// A line is at most this long.
pub(super) const MOST_LINE: usize = 128 << 20;
/// Kept of the beginning of what the program says on its standard error.
const MOST_SAID: usize = 16 << 10;
/// Between two looks at what the caller wants to send.
const TICK: Duration = Duration::from_millis(100);
/// For the farewell.
const FAREWELL: u32 = 3_000;

/// What carries the session; kept to wait on it.
#[derive(Debug)]
pub(super) enum Wire {
    Tcp(TcpStream),
    Through(UnixStream, Jump),
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Wire::Tcp(stream) => stream.as_fd(),
            Wire::Through(stream, _) => stream.as_fd(),
        }
    }
}

/// How the program ended, as far as was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) signal: Option<String>,
    /// 0 also where none was told.
    pub(super) status: Option<i32>,
}

/// A program on another machine, at the other end of two streams of lines.
pub struct Link {
    host: String,
    program: String,
    // In this order: a channel is freed before its session, the session before what carries it.
    channel: Channel,
    session: Session,
    wire: Wire,
    patience: Duration,
    heard: Instant,
    ticked: Instant,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that are known to hold no end of a line.
    looked: usize,
    said: Vec<u8>,
    is_over: bool,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("host", &self.host)
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

impl Link {
    #[expect(clippy::disallowed_methods, reason = "an edge: it measures silence")]
    pub(super) fn new(
        host: String,
        program: String,
        (session, channel): (Session, Channel),
        wire: Wire,
        patience: Duration,
    ) -> Link {
        session.set_blocking(false);
        let now = Instant::now();
        Link {
            host,
            program,
            channel,
            session,
            wire,
            patience,
            heard: now,
            ticked: now,
            buffer: Vec::new(),
            looked: 0,
            said: Vec::new(),
            is_over: false,
        }
    }

    /// How long the far machine may be silent.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// The far machine, as errors name it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Sends one line; its end is added.
    ///
    /// # Errors
    /// The connection is lost, or the far machine takes nothing for too long.
    #[expect(clippy::disallowed_methods, reason = "an edge: it measures silence")]
    pub fn send(&mut self, line: &[u8]) -> Result<(), Error> {
        let mut begun = Instant::now();
        for part in [line, b"\n"] {
            let mut rest = part;
            while !rest.is_empty() {
                match self.channel.write(rest) {
                    Ok(0) => return Err(self.lost("it takes nothing more")),
                    Ok(length) => {
                        rest = &rest[length..];
                        begun = Instant::now();
                    }
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                        if begun.elapsed() > self.patience {
                            return Err(self.silent());
                        }
                        self.wait();
                    }
                    Err(e) => return Err(self.lost(&e.to_string())),
                }
            }
        }
        Ok(())
    }

    /// The next line, without its end; None where the program says no more. While it waits, `tick` is asked several
    /// times a second for a line to send.
    ///
    /// # Errors
    /// The connection is lost, the far machine is silent for too long, or the line is too long.
    #[expect(clippy::disallowed_methods, reason = "an edge: it measures silence")]
    pub fn receive(&mut self, tick: &mut dyn FnMut() -> Option<Vec<u8>>) -> Result<Option<Vec<u8>>, Error> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[self.looked..]) {
                let rest = self.buffer.split_off(self.looked + at + 1);
                let mut line = std::mem::replace(&mut self.buffer, rest);
                self.looked = 0;
                line.pop();
                return Ok(Some(line));
            }
            self.looked = self.buffer.len();
            if self.looked > MOST_LINE {
                return Err(Error::TooLong { host: self.host.clone(), most: MOST_LINE });
            }
            if self.is_over {
                return Ok(None);
            }
            if self.ticked.elapsed() >= TICK {
                self.ticked = Instant::now();
                if let Some(line) = tick() {
                    self.send(&line)?;
                }
            }
            if !self.fill()? {
                if self.heard.elapsed() > self.patience {
                    return Err(self.silent());
                }
                self.wait();
            }
        }
    }

    /// Takes what has come; says whether anything has.
    #[expect(clippy::disallowed_methods, reason = "an edge: it measures silence")]
    fn fill(&mut self) -> Result<bool, Error> {
        let mut piece = [0; 32 << 10];
        let mut came = false;
        for stream in [1, 0] {
            match self.channel.stream(stream).read(&mut piece) {
                Ok(0) if stream == 0 && self.channel.eof() => {
                    self.is_over = true;
                    came = true;
                }
                Ok(0) => {}
                Ok(length) if stream == 0 => {
                    self.buffer.extend_from_slice(&piece[..length]);
                    came = true;
                }
                Ok(length) => {
                    let left = MOST_SAID.saturating_sub(self.said.len()).min(length);
                    self.said.extend_from_slice(&piece[..left]);
                    came = true;
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(self.lost(&e.to_string())),
            }
        }
        if came {
            self.heard = Instant::now();
        }
        Ok(came)
    }

    fn wait(&self) {
        let want = match self.session.block_directions() {
            BlockDirections::Outbound => PollFlags::OUT,
            BlockDirections::Both => PollFlags::IN | PollFlags::OUT,
            _ => PollFlags::IN,
        };
        let limit = Timespec { tv_sec: 0, tv_nsec: TICK.as_nanos() as i64 };
        // Interrupted or not: the caller looks again.
        let _ = poll(&mut [PollFd::new(&self.wire, want)], Some(&limit));
    }

    fn silent(&self) -> Error {
        Error::Silent { host: self.host.clone(), seconds: self.patience.as_secs() }
    }

    fn lost(&self, why: &str) -> Error {
        Error::Lost { host: self.host.clone(), why: why.to_owned() }
    }

    /// Takes leave, and learns how the program ended.
    fn farewell(&mut self) -> Ending {
        self.session.set_blocking(true);
        self.session.set_timeout(FAREWELL);
        let done = self.channel.close().and_then(|()| self.channel.wait_close());
        let signal = self.channel.exit_signal().ok().and_then(|signal| signal.exit_signal);
        let status = done.ok().and_then(|()| self.channel.exit_status().ok());
        self.session.set_blocking(false);
        Ending { signal, status }
    }

    /// After the program's last word: it has to end well, too. Gives what it said on its standard error.
    ///
    /// # Errors
    /// It was killed by a signal, or ended with another status than 0.
    pub fn close(mut self) -> Result<String, Error> {
        // Our end of its input: it has nothing to wait for any more.
        let _ = self.channel.send_eof();
        while !self.is_over {
            match self.receive(&mut || None) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return Err(self.ended()),
            }
        }
        let ending = self.farewell();
        match (&ending.signal, ending.status) {
            // Its last word was said: a status that was not told is no reason to doubt it.
            (None, Some(0) | None) => Ok(String::from_utf8_lossy(&self.said).into_owned()),
            _ => Err(self.told(&ending)),
        }
    }

    /// Why there is no last word, where the program says no more.
    pub fn ended(&mut self) -> Error {
        let ending = self.farewell();
        self.told(&ending)
    }

    fn told(&self, ending: &Ending) -> Error {
        Error::Ended {
            host: self.host.clone(),
            program: self.program.clone(),
            how: ending.to_string(),
            said: String::from_utf8_lossy(&self.said).into_owned(),
            status: ending.status,
        }
    }
}
