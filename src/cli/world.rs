//! Arguments, environment and rules folder resolved: what a command works with.

use super::rules_folder;
use super::{Exit, Failure, show, times};
use crate::alert::engine::Engine;
use crate::alert::pattern::Effort;
use crate::rules::RuleSet;
use crate::store::{Access, Store};
use jiff::Timestamp;
use std::path::{Path, PathBuf};

/// Options every command takes, before or after its name
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Global options")]
pub struct Globals {
    /// Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]
    #[arg(long, global = true, value_name = "DIR")]
    pub rules: Option<PathBuf>,
    /// State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]
    #[arg(long, global = true, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Take this for the present time (RFC 3339); recorded where it has consequences
    #[arg(long, global = true, value_name = "TIME")]
    pub now: Option<String>,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Never the present folder's rules, where anybody could have put some: for commands that start programs.
    #[arg(skip)]
    pub never_here: bool,
}

impl Globals {
    /// Options that take the next argument as their value.
    pub(super) const VALUED: [&'static str; 3] = ["--rules", "--state", "--now"];

    /// The present time, or what `--now` says.
    pub fn now(&self) -> Result<Timestamp, Failure> {
        match &self.now {
            None => Ok(times::clock()),
            Some(text) => times::parse(text, times::clock())
                .map_err(|e| Failure::say(Exit::Usage, format!("--now: {e}"))),
        }
    }

    /// The clock of this command: stands still where `--now` is given.
    pub fn clock(&self) -> Result<impl Fn() -> Timestamp + use<>, Failure> {
        let fixed = self.now.is_some().then(|| self.now()).transpose()?;
        Ok(move || fixed.unwrap_or_else(times::clock))
    }

    /// Where the rules are looked for; None: those compiled in.
    pub fn rules_folder(&self) -> Option<PathBuf> {
        self.rules.clone().or_else(|| environment("AUTOTICKET_RULES")).or_else(|| {
            ["/etc/autoticket", "./rules"]
                .iter()
                .map(PathBuf::from)
                .take(if self.never_here { 1 } else { 2 })
                .find(|p| p.join("autoticket.yaml").is_file() || p.join("alerts").is_dir())
        })
    }

    /// The state folder, even where the rest of the rules is broken.
    pub fn state_folder(&self) -> PathBuf {
        self.state
            .clone()
            .or_else(|| environment("AUTOTICKET_STATE"))
            .or_else(|| self.rules_folder().and_then(|f| rules_folder::state_said_in(&f)))
            .unwrap_or_else(|| PathBuf::from("/var/lib/autoticket"))
    }
}

impl Globals {
    /// Opens the state, whatever the rules say. Makes nothing.
    pub fn store(&self, access: Access) -> Result<Store, Failure> {
        Ok(Store::open(&self.state_folder(), access)?)
    }

    /// Opens the state for a command that acts; where `--state` names an empty folder by hand, makes it first,
    /// unless this is a dry run.
    pub fn store_to_act(&self, access: Access, dry_run: bool) -> Result<Store, Failure> {
        let state = self.state_folder();
        if !dry_run && self.state.is_some() && is_empty(&state) {
            Store::init(&state, &new_install_id())?.close()?;
            show::tell(format_args!("autoticket: made a new state in {}", state.display()));
        }
        self.store(access)
    }
}

#[expect(clippy::disallowed_methods, reason = "cli is the room that reads the environment")]
pub(super) fn environment(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from)
}

/// Where a long mail waits while a command looks at it.
#[expect(
    clippy::disallowed_methods,
    reason = "unnamed files only; a reader of mails may have no state to put them into"
)]
pub(super) fn spill_folder() -> PathBuf {
    std::env::temp_dir()
}

/// Who acts, for audit records: the login name where sudo or the shell tells it, else the uid.
pub(super) fn who() -> String {
    ["SUDO_USER", "LOGNAME", "USER"].iter().find_map(|name| environment(name)).map_or_else(
        || format!("uid {}", rustix::process::getuid().as_raw()),
        |name| crate::shown::Shown::new(&name.to_string_lossy()).to_string(),
    )
}

/// What a command works with.
#[derive(Debug)]
pub struct World {
    pub rules: RuleSet,
    pub folder: Option<PathBuf>,
    pub state: PathBuf,
    pub now: Timestamp,
    pub json: bool,
}

impl World {
    /// Resolves the global options and loads the rules.
    ///
    /// # Errors
    /// [`Exit::Configuration`] with every mistake of the rules.
    pub fn load(globals: &Globals) -> Result<World, Failure> {
        let now = globals.now()?;
        let state = globals.state_folder();
        let folder = globals.rules_folder();
        let rules = rules_folder::load(folder.as_deref(), Some(&state))?;
        Ok(World { rules, folder, state, now, json: globals.json })
    }

    pub fn engine(&self, effort: Effort) -> Engine<'_> {
        Engine::new(&self.rules, effort)
    }
}

/// The path of this program, for command lines that are to be run by somebody else.
pub(super) fn own_program() -> String {
    std::env::current_exe().map_or_else(|_| "autoticket".to_owned(), |path| path.display().to_string())
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// A random install id: 16 hexadecimal digits.
pub(super) fn new_install_id() -> String {
    let mut bytes = [0u8; 8];
    let read =
        std::fs::File::open("/dev/urandom").and_then(|mut f| std::io::Read::read_exact(&mut f, &mut bytes));
    if read.is_err() {
        let mix = times::clock().as_nanosecond() as u64 ^ (u64::from(std::process::id()) << 40);
        bytes = mix.to_be_bytes();
    }
    crate::store::hex::encode(&bytes)
}
