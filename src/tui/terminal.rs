//! The terminal: the one edge of this room.
//!
//! In: the controlling terminal, signals. Out: frames on it, messages of the model. It does not know what is shown.
//!
//! Raw mode and the alternate screen are left again on drop, in a panic (before its message is printed), when a signal
//! asks us to end, and while we are stopped. A terminal that is gone gives [`Message::HungUp`] from then on.

use super::input::Keys;
use super::message::Message;
use super::model::{Model, draw, update};
use super::paint::Paint;
use super::theme::Theme;
use ratatui::crossterm::event::Event;
use ratatui::layout::Size;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Signal, kill_current_process_group};
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};
use signal_hook::SigId;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGWINCH};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

const TTY: &str = "/dev/tty";
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?2004h\x1b[?25l\x1b[0m\x1b[2J";
const LEAVE: &[u8] = b"\x1b[0m\x1b[?2004l\x1b[?25h\x1b[?1049l";

/// So long an escape waits for the rest of a key.
const ESCAPE: Duration = Duration::from_millis(40);

/// In the order of `Signals::told`.
const SIGNALS: [i32; 5] = [SIGHUP, SIGTERM, SIGINT, SIGCONT, SIGWINCH];

#[derive(Debug, thiserror::Error)]
pub enum TerminalError {
    #[error(
        "there is no terminal to approve on ({0}): `--list` shows what failed, `--plan FILE` writes a plan to review \
         and `--apply FILE` applies it, `--approve all` or `--approve ID` approves without a screen"
    )]
    None(io::Error),
    #[error("the terminal can't be used: {0}")]
    Io(#[from] io::Error),
}

/// What the terminal was before, for whoever must give it back.
static BEFORE: Mutex<Option<(Arc<File>, Termios)>> = Mutex::new(None);
static HOOK: Once = Once::new();

/// The controlling terminal, held in raw mode on its alternate screen.
pub struct Terminal {
    screen: ratatui::Terminal<Paint<BufWriter<Tty>>>,
    tty: Arc<File>,
    keys: Keys,
    signals: Signals,
    gone: bool,
}

/// Writes to the terminal through a shared handle.
struct Tty(Arc<File>);

impl Write for Tty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Signals as flags, and a pipe that wakes whoever waits.
struct Signals {
    told: [Arc<AtomicBool>; SIGNALS.len()],
    wake: OwnedFd,
    ids: Vec<SigId>,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let (wake, write) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC | rustix::pipe::PipeFlags::NONBLOCK)?;
        let told: [Arc<AtomicBool>; SIGNALS.len()] = Default::default();
        let mut signals = Signals { told, wake, ids: Vec::new() };
        for (signal, told) in SIGNALS.into_iter().zip(signals.told.clone()) {
            signals.ids.push(signal_hook::flag::register(signal, told)?);
            signals.ids.push(signal_hook::low_level::pipe::register(signal, write.try_clone()?)?);
        }
        Ok(signals)
    }

    /// Which signal came, once; the gravest first.
    fn take(&self) -> Option<i32> {
        let come = SIGNALS.into_iter().zip(&self.told).find(|(_, told)| told.swap(false, Ordering::SeqCst));
        come.map(|(signal, _)| signal)
    }

    fn drain(&self) {
        while rustix::io::read(&self.wake, &mut [0; 64]).is_ok_and(|n| n > 0) {}
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.ids.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}

/// Gives the terminal back, once. A terminal that is gone takes no bytes: that is no error here.
fn restore() {
    // A panic may come while this is locked; then somebody is just giving it back.
    let Ok(mut before) = BEFORE.try_lock() else { return };
    if let Some((tty, termios)) = before.take() {
        let _ = (&*tty).write_all(LEAVE);
        let _ = tcsetattr(&*tty, OptionalActions::Now, &termios);
    }
}

fn enter(tty: &Arc<File>) -> io::Result<()> {
    let termios = tcgetattr(&**tty)?;
    let mut raw = termios.clone();
    raw.make_raw();
    let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
    tcsetattr(&**tty, OptionalActions::Now, &raw)?;
    *before = Some((Arc::clone(tty), termios));
    (&**tty).write_all(ENTER)
}

fn size(tty: &File) -> Size {
    tcgetwinsize(tty).map_or(Size::new(80, 24), |size| Size::new(size.ws_col, size.ws_row))
}

impl Terminal {
    /// Takes the controlling terminal over.
    ///
    /// # Errors
    /// [`TerminalError::None`] where this process has none (cron, a pipeline of a service); it names the ways to
    /// approve without one.
    pub fn open(theme: Theme) -> Result<Self, TerminalError> {
        let tty = File::options().read(true).write(true).open(TTY).map_err(TerminalError::None)?;
        if !isatty(&tty) {
            return Err(TerminalError::None(io::Error::other("/dev/tty is none")));
        }
        let tty = Arc::new(tty);
        let signals = Signals::new()?;
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                restore();
                before(panic);
            }));
        });
        enter(&tty)?;
        let paint = Paint::new(BufWriter::with_capacity(1 << 16, Tty(Arc::clone(&tty))), theme, size(&tty));
        let screen = ratatui::Terminal::new(paint).inspect_err(|_| restore())?;
        Ok(Terminal { screen, tty, keys: Keys::default(), signals, gone: false })
    }

    /// Draws the model, waits for one event and updates the model with it. Waits no longer than `patience`, so that
    /// an issue that runs can be shown: then no message comes. [`Message::Redraw`] and [`Message::Suspend`] are done
    /// here and do not come out.
    pub fn turn(&mut self, model: &mut Model, patience: Duration) -> Vec<Message> {
        if self.gone || self.screen.draw(|frame| draw(model, frame)).is_err() {
            return self.hung_up();
        }
        let messages = match self.wait(patience) {
            Ok(Come::Event(event)) => update(model, &event),
            Ok(Come::Signal(signal)) => vec![Message::Terminated(signal)],
            Ok(Come::Again) => Vec::new(),
            Err(_) => return self.hung_up(),
        };
        let mut out = Vec::new();
        for message in messages {
            let done = match message {
                Message::Redraw => self.again(),
                Message::Suspend => self.suspend(),
                message => {
                    out.push(message);
                    Ok(())
                }
            };
            if done.is_err() {
                return self.hung_up();
            }
        }
        out
    }

    /// Gives the terminal back for good, at once: whoever issues has still to wait.
    pub fn leave(&mut self) {
        restore();
        self.gone = true;
    }

    /// Whether a signal came since that asks to end. A terminal that goes sends its own: that is none.
    pub fn is_asked_to_end(&self) -> bool {
        let mut asked = false;
        while let Some(signal) = self.signals.take() {
            asked |= matches!(signal, SIGTERM | SIGINT);
        }
        asked
    }

    fn hung_up(&mut self) -> Vec<Message> {
        self.gone = true;
        vec![Message::HungUp]
    }

    /// Everything is drawn anew, in the size the terminal has now.
    fn again(&mut self) -> io::Result<()> {
        self.screen.backend_mut().size = size(&self.tty);
        self.screen.autoresize()?;
        self.screen.clear()
    }

    /// Gives the terminal back and stops until the shell resumes us.
    fn suspend(&mut self) -> io::Result<()> {
        restore();
        self.signals.drain();
        kill_current_process_group(Signal::TSTP)?;
        // The signal may stop another thread first. Where nobody would resume us it does nothing.
        let mut woken = [PollFd::new(&self.signals.wake, PollFlags::IN)];
        let _ = poll(&mut woken, Some(&Timespec { tv_sec: 0, tv_nsec: 300_000_000 }));
        enter(&self.tty)?;
        self.again()
    }

    /// An error: the terminal is gone.
    fn wait(&mut self, patience: Duration) -> io::Result<Come> {
        if let Some(event) = self.keys.next() {
            return Ok(Come::Event(event));
        }
        match self.signals.take() {
            Some(SIGHUP) => return Err(Errno::IO.into()),
            Some(SIGCONT) => {
                // The shell may have changed the terminal while we were stopped.
                restore();
                enter(&self.tty)?;
                self.again()?;
                return Ok(Come::Again);
            }
            Some(SIGWINCH) => {
                let now = size(&self.tty);
                self.screen.backend_mut().size = now;
                return Ok(Come::Event(Event::Resize(now.width, now.height)));
            }
            Some(signal) => return Ok(Come::Signal(signal)),
            None => {}
        }
        let patience = if self.keys.is_half() { ESCAPE } else { patience };
        let mut asked =
            [PollFd::new(&*self.tty, PollFlags::IN), PollFd::new(&self.signals.wake, PollFlags::IN)];
        let limit = Timespec {
            tv_sec: patience.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: patience.subsec_nanos().into(),
        };
        match poll(&mut asked, Some(&limit)) {
            Err(Errno::INTR) => return Ok(Come::Again),
            Err(error) => return Err(error.into()),
            Ok(0) => {
                self.keys.settle();
                return Ok(self.keys.next().map_or(Come::Again, Come::Event));
            }
            Ok(_) => {}
        }
        let (on_tty, on_wake) = (asked[0].revents(), asked[1].revents());
        if !on_wake.is_empty() {
            self.signals.drain();
        }
        if on_tty.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            return Err(Errno::IO.into());
        }
        if on_tty.contains(PollFlags::IN) {
            let mut bytes = [0; 4096];
            match rustix::io::read(&*self.tty, &mut bytes) {
                Ok(0) => return Err(Errno::IO.into()),
                Ok(n) => self.keys.feed(&bytes[..n]),
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.keys.next().map_or(Come::Again, Come::Event))
    }
}

enum Come {
    Event(Event),
    /// Asks us to end.
    Signal(i32),
    /// Nothing to do but to draw.
    Again,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}
