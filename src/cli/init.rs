//! `init`: the state folder and a commented rules folder.

use super::world::new_install_id;
use super::{Exit, Failure, Globals, show};
use crate::rules;
use crate::store::{INSTALL_ID, Store};
use std::fs;
use std::path::Path;

/// Make the state folder and a commented rules folder
///
/// Existing rule files are left as they are. Prints what was made and what to do next.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Install id, to replay mails into a fresh state with the same ticket numbers [default: random]
    #[arg(long, value_name = "ID")]
    install_id: Option<String>,
    /// Write the commented rules into this folder [default: what --rules names]
    #[arg(long, value_name = "DIR")]
    write_rules: Option<std::path::PathBuf>,
    /// Say what would be made
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(globals: &Globals, args: Args) -> Result<Exit, Failure> {
    let install = args.install_id.unwrap_or_else(new_install_id);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if install.is_empty() || install.len() > 64 || !install.chars().all(plain) {
        let text = "--install-id takes up to 64 letters, digits, `-` and `_`";
        return Err(Failure::say(Exit::Usage, text));
    }
    let folder = args.write_rules.or_else(|| globals.rules.clone());
    // The rules are written first: they may name the state.
    if let Some(folder) = &folder {
        write_rules(folder, args.dry_run)?;
    }
    let state = globals.state_folder();
    if args.dry_run {
        show::say(format_args!("would make the state {} with install id {install}", state.display()));
        return Ok(Exit::Done);
    }
    let store = match Store::init(&state, &install) {
        Ok(store) => store,
        Err(e @ crate::store::Error::Exists { .. }) => {
            return Err(Failure::from(e).hint("nothing was changed; `autoticket status` shows it"));
        }
        Err(e) => return Err(e.into()),
    };
    show::say(format_args!("state {} with {INSTALL_ID} {}", state.display(), store.install()));
    store.close()?;
    show::say(format_args!(
        "next: autoticket domains import FILE; autoticket nodes import FILE; autoticket doctor"
    ));
    Ok(Exit::Done)
}

fn write_rules(folder: &Path, dry_run: bool) -> Result<(), Failure> {
    let failed = |path: &Path, e: std::io::Error| {
        Failure::new(Exit::Io, anyhow::Error::new(e).context(format!("write {}", path.display())))
    };
    for (name, text) in rules::base_files() {
        let path = folder.join(name);
        if path.exists() {
            show::say(format_args!("kept {}", path.display()));
            continue;
        }
        if dry_run {
            show::say(format_args!("would write {}", path.display()));
            continue;
        }
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(|e| failed(parent, e))?;
        fs::write(&path, text).map_err(|e| failed(&path, e))?;
        show::say(format_args!("wrote {}", path.display()));
    }
    if !dry_run {
        for sub in ["alerts", "conf.d", "templates", "lists"] {
            let path = folder.join(sub);
            fs::create_dir_all(&path).map_err(|e| failed(&path, e))?;
        }
    }
    Ok(())
}
