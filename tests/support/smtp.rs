//! A scripted SMTP server on a loopback port: it does at each stage what a test tells it to.
//!
//! In: a [`Script`]. Out: the mails it accepted, byte for byte as they stood on the wire with the dots
//! unstuffed, and every command it heard. Without a script it accepts everything. Rules of a script that are
//! said for [`Script::once`] are used up first, over all connections.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Banner,
    Ehlo,
    Starttls,
    Auth,
    Reset,
    Mail,
    Rcpt,
    Data,
    /// After the dot.
    End,
    Quit,
}

/// Every stage a mail without TLS and login passes.
pub const STAGES: [Stage; 6] =
    [Stage::Banner, Stage::Ehlo, Stage::Mail, Stage::Rcpt, Stage::Data, Stage::End];

/// What the server does instead of agreeing.
#[derive(Debug, Clone)]
pub enum Act {
    /// Says this and CRLF, then goes on.
    Say(&'static str),
    /// Says this and CRLF, then closes.
    SayAndClose(&'static str),
    /// Says this and CRLF, then reads and says nothing until the client leaves.
    SayAndStall(&'static str),
    /// Says these bytes as they are, then goes on.
    Raw(&'static [u8]),
    /// Says this and CRLF, one byte each time after this wait.
    Trickle(&'static str, Duration),
    /// Says nothing until the client leaves.
    Stall,
    /// Closes without a word.
    Close,
    /// Reply lines that say that another follows, without an end.
    Flood,
    /// One line without an end.
    Endless,
}

#[derive(Default)]
pub struct Script {
    once: Vec<(Stage, VecDeque<Act>)>,
    always: Vec<(Stage, Act)>,
    recipients: Vec<(&'static str, Act)>,
    offers: Vec<&'static str>,
    tls: Option<Arc<rustls::ServerConfig>>,
    implicit: bool,
}

impl Script {
    pub fn new() -> Self {
        Self { offers: vec!["8BITMIME"], ..Self::default() }
    }

    /// Each time this stage is reached.
    pub fn always(mut self, stage: Stage, act: Act) -> Self {
        self.always.push((stage, act));
        self
    }

    /// The first time this stage is reached, the second time for the second such rule, and so on.
    pub fn once(mut self, stage: Stage, act: Act) -> Self {
        match self.once.iter_mut().find(|(s, _)| *s == stage) {
            Some((_, acts)) => acts.push_back(act),
            None => self.once.push((stage, VecDeque::from([act]))),
        }
        self
    }

    /// At RCPT of this recipient.
    pub fn recipient(mut self, recipient: &'static str, act: Act) -> Self {
        self.recipients.push((recipient, act));
        self
    }

    /// Announces exactly these extensions (STARTTLS is added by [`Script::starttls`]).
    pub fn offers(mut self, offers: &[&'static str]) -> Self {
        self.offers = offers.to_vec();
        self
    }

    pub fn starttls(mut self, config: Arc<rustls::ServerConfig>) -> Self {
        self.offers.push("STARTTLS");
        self.tls = Some(config);
        self
    }

    pub fn implicit(mut self, config: Arc<rustls::ServerConfig>) -> Self {
        (self.tls, self.implicit) = (Some(config), true);
        self
    }

    fn act(&mut self, stage: Stage, command: &str) -> Option<Act> {
        let named = self.recipients.iter().find(|(name, _)| command.contains(&format!("<{name}>")));
        if let (Stage::Rcpt, Some((_, act))) = (stage, named) {
            return Some(act.clone());
        }
        let queued = self.once.iter_mut().find(|(s, _)| *s == stage).and_then(|(_, acts)| acts.pop_front());
        queued.or_else(|| self.always.iter().find(|(s, _)| *s == stage).map(|(_, act)| act.clone()))
    }
}

/// A mail the server said 250 to (or would have, had it not been told otherwise).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The MAIL and RCPT commands, without their line end.
    pub mail: String,
    pub rcpt: String,
    pub bytes: Vec<u8>,
    pub encrypted: bool,
    /// Whether it was answered with 250.
    pub accepted: bool,
}

#[derive(Default)]
struct Heard {
    mails: Vec<Received>,
    commands: Vec<String>,
    connections: usize,
}

pub struct Server {
    pub address: SocketAddr,
    heard: Arc<Mutex<Heard>>,
    stop: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
        let address = listener.local_addr().expect("a bound socket");
        let (heard, stop) = (Arc::new(Mutex::new(Heard::default())), Arc::new(AtomicBool::new(false)));
        let script = Arc::new(Mutex::new(script));
        let shared = (heard.clone(), stop.clone());
        let thread = thread::spawn(move || {
            let (heard, stop) = shared;
            for socket in listener.incoming().flatten() {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                lock(&heard).connections += 1;
                let (script, heard, stop) = (script.clone(), heard.clone(), stop.clone());
                thread::spawn(move || {
                    let talk = Talk { socket, tls: None, ahead: Vec::new(), script, heard, stop };
                    // A client that leaves ends its dialogue: what a test asks is what was heard.
                    let _ = talk.run();
                });
            }
        });
        Self { address, heard, stop, listener: Some(thread) }
    }

    /// Mails whose bytes came whole.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.heard).mails.clone()
    }

    /// Mails answered with 250.
    pub fn accepted(&self) -> Vec<Received> {
        self.received().into_iter().filter(|mail| mail.accepted).collect()
    }

    /// Commands without their line ends, over all connections.
    pub fn commands(&self) -> Vec<String> {
        lock(&self.heard).commands.clone()
    }

    pub fn connections(&self) -> usize {
        lock(&self.heard).connections
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees the flag.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.listener.take() {
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread of the server panics")
}

/// One connection.
struct Talk {
    socket: TcpStream,
    tls: Option<Box<rustls::ServerConnection>>,
    ahead: Vec<u8>,
    script: Arc<Mutex<Script>>,
    heard: Arc<Mutex<Heard>>,
    stop: Arc<AtomicBool>,
}

impl Talk {
    fn run(mut self) -> io::Result<()> {
        self.socket.set_nodelay(true)?;
        if lock(&self.script).implicit {
            self.encrypt()?;
        }
        self.play(Stage::Banner, "", "220 scripted.example.com ESMTP")?;
        let (mut mail, mut rcpt) = (String::new(), String::new());
        loop {
            let line = self.line()?;
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            lock(&self.heard).commands.push(line.clone());
            match line.split(' ').next().unwrap_or_default() {
                "EHLO" => {
                    let offers = self.offers();
                    self.play(Stage::Ehlo, &line, &offers)?;
                }
                "STARTTLS" => {
                    if self.play(Stage::Starttls, &line, "220 go ahead")? {
                        self.encrypt()?;
                    }
                }
                "AUTH" => self.log_in(&line)?,
                "RSET" => drop(self.play(Stage::Reset, &line, "250 2.0.0 forgotten")?),
                "MAIL" => {
                    mail.clone_from(&line);
                    self.play(Stage::Mail, &line, "250 2.1.0 sender ok")?;
                }
                "RCPT" => {
                    rcpt.clone_from(&line);
                    self.play(Stage::Rcpt, &line, "250 2.1.5 recipient ok")?;
                }
                "DATA" => {
                    if self.play(Stage::Data, &line, "354 end with a dot")? {
                        self.mail(mail.clone(), rcpt.clone())?;
                    }
                }
                "QUIT" => {
                    self.play(Stage::Quit, &line, "221 2.0.0 bye")?;
                    return Ok(());
                }
                _ => self.say(b"502 5.5.2 what?\r\n")?,
            }
        }
    }

    fn offers(&self) -> String {
        let script = lock(&self.script);
        let mut lines = vec!["scripted.example.com".to_owned()];
        let hidden = |offer: &str| offer == "STARTTLS" && self.tls.is_some();
        lines.extend(script.offers.iter().filter(|offer| !hidden(offer)).map(|offer| (*offer).to_owned()));
        let last = lines.len() - 1;
        let line = |(at, text): (usize, &String)| format!("250{}{text}", if at == last { ' ' } else { '-' });
        lines.iter().enumerate().map(line).collect::<Vec<_>>().join("\r\n")
    }

    fn log_in(&mut self, line: &str) -> io::Result<()> {
        if line == "AUTH LOGIN" {
            for challenge in ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"] {
                self.say(format!("{challenge}\r\n").as_bytes())?;
                let answer = self.line()?;
                let answer = String::from_utf8_lossy(&answer).trim_end().to_owned();
                lock(&self.heard).commands.push(answer);
            }
        }
        self.play(Stage::Auth, line, "235 2.7.0 welcome").map(drop)
    }

    /// Reads a mail up to its dot.
    fn mail(&mut self, mail: String, rcpt: String) -> io::Result<()> {
        let mut bytes = Vec::new();
        loop {
            let line = self.line()?;
            if line == b".\r\n" {
                break;
            }
            bytes.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        let at = {
            let mut heard = lock(&self.heard);
            let encrypted = self.tls.is_some();
            heard.mails.push(Received { mail, rcpt, bytes, encrypted, accepted: false });
            heard.mails.len() - 1
        };
        // Marked before the word is out, so that a client which has heard it finds it marked.
        let act = lock(&self.script).act(Stage::End, "");
        lock(&self.heard).mails[at].accepted = act.is_none();
        self.perform(act, "250 2.0.0 Ok: queued as 4Zk1")?;
        Ok(())
    }

    /// Does what the script says, else agrees; whether the client may go on as if agreed.
    fn play(&mut self, stage: Stage, command: &str, agreement: &str) -> io::Result<bool> {
        let act = lock(&self.script).act(stage, command);
        self.perform(act, agreement)
    }

    fn perform(&mut self, act: Option<Act>, agreement: &str) -> io::Result<bool> {
        let Some(act) = act else {
            self.say(format!("{agreement}\r\n").as_bytes())?;
            return Ok(true);
        };
        match act {
            Act::Say(text) => {
                self.say(format!("{text}\r\n").as_bytes())?;
                Ok(text.starts_with(['2', '3']))
            }
            Act::Raw(bytes) => {
                self.say(bytes)?;
                Ok(bytes.starts_with(b"2") || bytes.starts_with(b"3"))
            }
            Act::Trickle(text, wait) => {
                for byte in format!("{text}\r\n").bytes() {
                    self.say(&[byte])?;
                    thread::sleep(wait);
                    self.go_on()?;
                }
                Ok(text.starts_with(['2', '3']))
            }
            Act::SayAndClose(text) => {
                self.say(format!("{text}\r\n").as_bytes())?;
                Err(ErrorKind::ConnectionAborted.into())
            }
            Act::Close => Err(ErrorKind::ConnectionAborted.into()),
            Act::SayAndStall(text) => {
                self.say(format!("{text}\r\n").as_bytes())?;
                self.stall()
            }
            Act::Stall => self.stall(),
            Act::Flood => loop {
                self.say(&b"250-and another thing\r\n".repeat(100))?;
                self.go_on()?;
            },
            Act::Endless => loop {
                self.say(&[b'2'; 4096])?;
                self.go_on()?;
            },
        }
    }

    fn stall(&self) -> io::Result<bool> {
        loop {
            thread::sleep(Duration::from_millis(5));
            self.go_on()?;
            self.socket.set_nonblocking(true)?;
            let seen = self.socket.peek(&mut [0]);
            self.socket.set_nonblocking(false)?;
            match seen {
                Ok(0) => return Err(ErrorKind::ConnectionAborted.into()),
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
    }

    fn go_on(&self) -> io::Result<()> {
        if self.stop.load(Ordering::SeqCst) { Err(ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }

    fn encrypt(&mut self) -> io::Result<()> {
        let config = lock(&self.script).tls.clone().ok_or(ErrorKind::Unsupported)?;
        let mut connection = rustls::ServerConnection::new(config).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut self.socket)?;
        }
        self.tls = Some(Box::new(connection));
        Ok(())
    }

    fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.tls {
            None => self.socket.write_all(bytes),
            Some(tls) => rustls::Stream::new(tls.as_mut(), &mut self.socket).write_all(bytes),
        }
    }

    /// One line with its end.
    fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.ahead.iter().position(|&byte| byte == b'\n') {
                let rest = self.ahead.split_off(at + 1);
                return Ok(std::mem::replace(&mut self.ahead, rest));
            }
            let mut bytes = [0; 4096];
            let count = match &mut self.tls {
                None => self.socket.read(&mut bytes)?,
                Some(tls) => rustls::Stream::new(tls.as_mut(), &mut self.socket).read(&mut bytes)?,
            };
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.ahead.extend_from_slice(&bytes[..count]);
        }
    }
}
