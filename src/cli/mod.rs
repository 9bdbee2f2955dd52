//! One file per command: arguments, output, hints, exit statuses.
//!
//! The only room that prints, reads the environment or the clock. It decides nothing about mails or
//! tickets. `ingest` is dispatched before the other commands are even built: it runs once per mail.

mod alert;
mod audit;
mod completions;
mod device;
mod device_import;
mod diagnose;
mod doctor;
mod error;
mod exit;
mod explain;
mod failed;
mod flush;
mod ingest;
mod init;
mod list_file;
mod lists;
mod mail;
mod man;
mod man_redistribute;
mod outage;
mod redistribute;
mod repaired;
mod rules;
mod rules_folder;
mod rules_logs;
mod rules_route;
mod run;
mod show;
mod status;
mod threshold;
mod ticket;
mod times;
mod world;

pub use error::Failure;
pub use exit::Exit;
pub use world::{Globals, World};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

/// Turns software distribution error alerts into job tickets
///
/// A mail pipeline runs `autoticket ingest`: each error alert is validated, counted per device and failure
/// type against thresholds, and becomes one job ticket to the maintenance center responsible. `autoticket
/// run` (or `flush` from a timer) does the slow work.
#[derive(Debug, Parser)]
#[command(name = "autoticket", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Ingest(ingest::Args),
    Explain(explain::Args),
    Flush(flush::Args),
    Run(run::Args),
    Status(status::Args),
    Mail(mail::Args),
    Alert(alert::Args),
    Ticket(ticket::Args),
    Threshold(threshold::Args),
    Outage(Box<outage::Args>),
    Device(device::Args),
    Nodes(lists::NodesArgs),
    Domains(lists::DomainsArgs),
    Failed(failed::Args),
    Repaired(repaired::Args),
    Redistribute(Box<redistribute::Args>),
    #[command(hide = true)]
    Agent(redistribute::AgentArgs),
    Audit(audit::Args),
    Rules(rules::Args),
    Diagnose(diagnose::Args),
    Doctor(doctor::Args),
    Man(man::Args),
    Completions(completions::Args),
}

/// The clap tree, for the man page and completions.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "the edge where arguments come in")]
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    // A link or copy of that name is that command.
    let own = arguments.first().map(std::path::Path::new).and_then(std::path::Path::file_name);
    if own.is_some_and(|name| name == "redistribute") {
        // Usage lines name the command that the link stands for.
        arguments[0] = "autoticket".into();
        arguments.insert(1, "redistribute".into());
    }
    if let Some(rest) = ingest_alone(&arguments) {
        return ingest::main(rest).into();
    }
    let arguments = globals_last(arguments);
    let matches = match Cli::command().try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        // `--state $EMPTY ingest` is no known command, but a mail system waits: it must not bounce.
        Err(error) if error.use_stderr() && arguments.iter().any(|a| a == "ingest") => {
            return ingest::misused(&error).into();
        }
        Err(error) => return usage(&error).into(),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return usage(&error).into(),
    };
    match dispatch(cli) {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report().into(),
    }
}

fn dispatch(cli: Cli) -> Result<Exit, Failure> {
    let globals = cli.globals;
    match cli.command {
        Command::Init(args) => init::run(&globals, args),
        Command::Ingest(args) => Ok(ingest::run(&globals, args)),
        Command::Explain(args) => explain::run(&globals, args),
        Command::Flush(args) => flush::run(&globals, args),
        Command::Run(args) => run::run(&globals, args),
        Command::Status(args) => status::run(&globals, args),
        Command::Mail(args) => mail::run(&globals, args),
        Command::Alert(args) => alert::run(&globals, args),
        Command::Ticket(args) => ticket::run(&globals, args),
        Command::Threshold(args) => threshold::run(&globals, args),
        Command::Outage(args) => outage::run(&globals, *args),
        Command::Device(args) => device::run(&globals, args),
        Command::Nodes(args) => lists::run_nodes(&globals, args),
        Command::Domains(args) => lists::run_domains(&globals, args),
        Command::Failed(args) => failed::run(&globals, args),
        Command::Repaired(args) => repaired::run(&globals, args),
        Command::Redistribute(args) => redistribute::run(&globals, *args),
        Command::Agent(args) => redistribute::answer(&globals, args),
        Command::Audit(args) => audit::run(&globals, args),
        Command::Rules(args) => rules::run(&globals, args),
        Command::Diagnose(args) => diagnose::run(&globals, args),
        Command::Doctor(args) => doctor::run(&globals, args),
        Command::Man(args) => man::run(&globals, args),
        Command::Completions(args) => completions::run(args),
    }
}

/// Prints what clap says; help and version are no errors.
fn usage(error: &clap::Error) -> Exit {
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Done }
}

/// The arguments without the word `ingest`, where that is the command.
fn ingest_alone(arguments: &[OsString]) -> Option<Vec<OsString>> {
    let mut index = 1;
    while let Some(argument) = arguments.get(index) {
        let text = argument.to_str()?;
        if text == "ingest" {
            let mut rest = arguments.to_vec();
            rest.remove(index);
            return Some(rest);
        }
        // Before the command only global options stand; those with a value of their own take two places.
        index += if Globals::VALUED.contains(&text) {
            2
        } else if text.starts_with("--") {
            1
        } else {
            return None;
        };
    }
    None
}

/// Global options between a command and one of its own go behind that: no option may precede it.
fn globals_last(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let command = after_globals(&arguments, 1);
    let inner = after_globals(&arguments, command + 1);
    let is_word = |word: &OsString| !word.as_encoded_bytes().starts_with(b"-");
    if arguments.get(inner).is_some_and(is_word)
        && let Some(part) = arguments.get_mut(command + 1..=inner)
    {
        part.rotate_right(1);
    }
    arguments
}

/// Where the global options that begin at an argument end.
fn after_globals(arguments: &[OsString], mut index: usize) -> usize {
    while let Some(text) = arguments.get(index).and_then(|argument| argument.to_str()) {
        let valued = |name: &str| text.strip_prefix(name).is_some_and(|rest| rest.starts_with('='));
        index += match () {
            () if Globals::VALUED.contains(&text) => 2,
            () if text == "--json" || Globals::VALUED.iter().any(|name| valued(name)) => 1,
            () => break,
        };
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn global_options_before_an_inner_command_are_put_behind_it_and_no_others() {
        let last = |line: &str| {
            let words = globals_last(line.split(' ').map(OsString::from).collect());
            words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
        };
        for (given, wanted) in [
            (
                "a redistribute --rules R --state=S --json journal --limit 3",
                "a redistribute journal --rules R --state=S --json --limit 3",
            ),
            ("a --now T audit --now U log", "a --now T audit log --now U"),
            ("a redistribute --rules R --list", "a redistribute --rules R --list"),
            ("a redistribute --list --rules R", "a redistribute --list --rules R"),
            ("a redistribute journal --rules R", "a redistribute journal --rules R"),
            ("a redistribute --rules", "a redistribute --rules"),
            ("a", "a"),
        ] {
            assert_eq!(last(given), wanted);
        }
    }

    fn assert_own_names(command: &clap::Command, globals: &[String]) {
        for argument in command.get_arguments().filter(|a| !a.is_global_set()) {
            let id = argument.get_id().as_str();
            assert!(
                !globals.iter().any(|g| g == id),
                "{}: `{id}` hides the global option",
                command.get_name()
            );
        }
        command.get_subcommands().for_each(|inner| assert_own_names(inner, globals));
    }

    #[test]
    fn no_command_has_an_option_with_the_name_of_a_global_one() {
        let command = command();
        let globals: Vec<_> =
            command.get_arguments().filter(|a| a.is_global_set()).map(|a| a.get_id().to_string()).collect();
        assert!(globals.iter().any(|g| g == "state"));
        command.get_subcommands().for_each(|inner| assert_own_names(inner, &globals));
    }
}
