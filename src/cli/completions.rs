//! `completions`: what shells need to complete our commands.

use super::show::Out;
use super::{Exit, Failure};
use clap_complete::Shell;
#[cfg(test)]
use std::fs;
use std::path::PathBuf;

/// Print the completions of a shell
#[derive(Debug, clap::Args)]
pub struct Args {
    /// bash, zsh or fish
    #[arg(value_parser = shells(), required_unless_present = "write")]
    shell: Option<Shell>,
    /// Write those of all shells into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "shell")]
    write: Option<PathBuf>,
    /// Say what would be written, write nothing
    #[arg(long, requires = "write")]
    dry_run: bool,
}

const SHELLS: [(Shell, &str); 3] = [(Shell::Bash, "bash"), (Shell::Zsh, "zsh"), (Shell::Fish, "fish")];

fn shells() -> impl clap::builder::TypedValueParser<Value = Shell> {
    use clap::builder::TypedValueParser;
    clap::builder::PossibleValuesParser::new(SHELLS.map(|(_, word)| word)).map(|word| {
        SHELLS
            .iter()
            .find(|(_, w)| *w == word)
            .map(|(shell, _)| *shell)
            .expect("only these words are possible")
    })
}

pub(super) fn run(args: Args) -> Result<Exit, Failure> {
    let Some(folder) = args.write else {
        if let Some(shell) = args.shell {
            Out::new().bytes(&text(shell));
        }
        return Ok(Exit::Done);
    };
    for (shell, _) in SHELLS {
        super::man::write(&folder, &file(shell), &text(shell), args.dry_run)?;
    }
    Ok(Exit::Done)
}

/// As each shell looks for it.
fn file(shell: Shell) -> String {
    match shell {
        Shell::Zsh => "_autoticket".to_owned(),
        Shell::Fish => "autoticket.fish".to_owned(),
        _ => "autoticket.bash".to_owned(),
    }
}

fn text(shell: Shell) -> Vec<u8> {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut super::command(), "autoticket", &mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_completions_are_those_of_this_command_line() {
        for (shell, _) in SHELLS {
            let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("completions").join(file(shell));
            let committed = fs::read_to_string(&path).expect("written by `make man`");
            assert_eq!(
                committed,
                String::from_utf8(text(shell)).expect("UTF-8"),
                "{}: make man",
                path.display()
            );
        }
    }
}
