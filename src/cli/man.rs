//! `man`: the manual page, made from the command line itself and the sections below.
//!
//! One page holds every command with its options. `man/autoticket.1` is this page, committed; a test
//! compares both.

use super::show::{self, Out};
use super::{Exit, Failure, Globals, exit, man_redistribute};
use clap::{Arg, Command};
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use std::fs;
use std::path::{Path, PathBuf};

/// Print a manual page: autoticket(1), or redistribute(1)
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which one
    #[arg(value_parser = ["autoticket", "redistribute"], default_value = "autoticket")]
    page: String,
    /// Write both into this folder, as autoticket.1 and redistribute.1
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
    /// Say what would be written, write nothing
    #[arg(long, requires = "write")]
    dry_run: bool,
}

pub(super) fn run(_: &Globals, args: Args) -> Result<Exit, Failure> {
    let pages = [("autoticket", page()), ("redistribute", man_redistribute::page())];
    match args.write {
        Some(folder) => {
            for (name, text) in &pages {
                write(&folder, &format!("{name}.1"), text.as_bytes(), args.dry_run)?;
            }
        }
        None => {
            let mut out = Out::new();
            pages
                .iter()
                .filter(|(name, _)| *name == args.page)
                .for_each(|(_, text)| out.bytes(text.as_bytes()));
        }
    }
    Ok(Exit::Done)
}

/// Writes a generated document.
pub(super) fn write(folder: &Path, name: &str, bytes: &[u8], dry_run: bool) -> Result<(), Failure> {
    let path = folder.join(name);
    if dry_run {
        show::say(format_args!("would write {}", path.display()));
        return Ok(());
    }
    fs::create_dir_all(folder).and_then(|()| fs::write(&path, bytes)).map_err(|e| {
        Failure::new(Exit::Io, anyhow::Error::new(e).context(format!("write {}", path.display())))
    })
}

const DESCRIPTION: &[&str] = &[
    "Organisations push software to fleets through intermediate distribution servers. When a rollout fails, \
     error alerts arrive by mail. A mail pipeline runs \\fBautoticket ingest\\fR once per mail: the alert is \
     validated by the sender's domain, the subject and the node, read by a format rule, and counted per device \
     and failure type. When a threshold is met, one job ticket goes to the maintenance center responsible; \
     further alerts join it while it is open.",
    "\\fBingest\\fR commits and returns. \\fBautoticket run\\fR stays up and does the slow work: it judges \
     tickets, transmits them, writes update and reminder mails, watches Maildirs and refreshes lists. Where it \
     does not stay up, a timer runs \\fBautoticket flush\\fR. \\fBautoticket status\\fR says loudly when nobody does.",
    "Every mail ends in exactly one outcome: \\fBcounted\\fR, \\fBduplicate\\fR, \\fBrejected\\fR, \
     \\fBunrecognised\\fR, \\fBquarantined\\fR, \\fBrepair\\fR (recovery notices and replies to tickets) or \
     \\fBown\\fR (our own tickets coming back). \\fBautoticket audit\\fR proves the sum, \\fBautoticket explain\\fR \
     the reason of each.",
    "Every command that reads prints JSON with \\fB--json\\fR, one object per line with a \\fBschema\\fR. Every \
     command that acts has \\fB--dry-run\\fR. Times are RFC 3339, dates, spans that count back from now \
     (\\fB7d\\fR, \\fB90m\\fR), \\fByesterday\\fR or \\fBlast week\\fR.",
];

const INGEST_STATUS: &str = "\\fBingest\\fR under a mail system ends with 0 or 75 only: any other status would \
    bounce the mail. With 75, the first line on standard output is \\fB4.3.0 autoticket: …\\fR and nothing was kept. \
    With \\fB--strict\\fR it uses the table as well.";

const FILES: &[(&str, &str)] = &[
    (
        "/etc/autoticket",
        "Rules: autoticket.yaml, thresholds.yaml, centers.yaml, alerts/, conf.d/, templates/, lists/. See autoticket-rules(5).",
    ),
    ("/var/lib/autoticket", "State, unless the rules or --state name another folder."),
    ("autoticket.db, autoticket.db-journal", "The database and its journal; both belong together."),
    ("reference.db, reference.db-journal", "Outage notices, location records and findings, and its journal."),
    ("install-id", "Which database belongs here. While it stands, a missing database is never made anew."),
    (
        "redistribution.db, redistribution-id, redistribution-head",
        "The journal of redistribution, its id, and where its record ends. They belong together: a journal that is gone, \
         changed, cut or older than its head issues nothing.",
    ),
    ("spool/new", "Mails that could not enter the database; the next ingest, flush or run takes them up."),
    ("spool/quarantine", "Mails that killed three runs; nothing touches them."),
    ("outgoing", "Tickets of the file transport, the default."),
    ("rules.cache", "Compiled rules; may be deleted at any time."),
];

const ENVIRONMENT: &[(&str, &str)] = &[
    ("AUTOTICKET_RULES", "Folder of rules, where --rules is not given."),
    ("AUTOTICKET_STATE", "State folder, where --state is not given."),
    ("CREDENTIALS_DIRECTORY", "Where a credential named without a path is looked up; set by systemd(1)."),
    ("HOME, SSH_AUTH_SOCK", "Where .ssh and ssh-agent are, for redistribution over SSH."),
    ("SUDO_USER, LOGNAME, USER", "Who is named in the audit record."),
    ("TZ", "Zone of the times shown on a terminal; tickets use the zone of their center, JSON uses UTC."),
];

const EXAMPLES: &[(&str, &[&str])] = &[
    (
        "Make rules and state, and tell which domains and nodes are believed:",
        &[
            "autoticket --rules /etc/autoticket init",
            "autoticket domains import domains.txt",
            "autoticket nodes import nodes.csv",
        ],
    ),
    (
        "Take in a mail as a mail system does, and a mailbox by hand, transmitting tickets at once:",
        &["autoticket ingest < alert.eml", "autoticket ingest --flush /var/mail/alerts"],
    ),
    (
        "Why was this mail rejected? Mend the rule, then judge again what was rejected since yesterday:",
        &[
            "autoticket explain alert.eml",
            "autoticket rules test alert.eml",
            "autoticket mail retry --since yesterday",
        ],
    ),
    ("A server was repaired at two o'clock:", &["autoticket repaired is38 --at '2026-03-12 14:00'"]),
];

/// The page as roff.
pub(super) fn page() -> String {
    let mut command = super::command();
    command.build();
    let mut page = String::new();
    // By hand: clap_mangen leaves out an empty date, and the version slips into its place.
    raw(
        &mut page,
        concat!(
            ".TH AUTOTICKET 1 \"\" \"autoticket ",
            env!("CARGO_PKG_VERSION"),
            "\" \"autoticket manual\"\n"
        ),
    );
    section(&mut page, "NAME");
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    raw(&mut page, &format!(".PP\nautoticket \\- {}\n", lowered(&about)));
    section(&mut page, "SYNOPSIS");
    raw(&mut page, ".PP\n\\fBautoticket\\fR [\\fIglobal options\\fR] \\fIcommand\\fR [\\fIoptions\\fR]\n");
    section(&mut page, "DESCRIPTION");
    for text in DESCRIPTION {
        raw(&mut page, &format!(".PP\n{text}\n"));
    }
    section(&mut page, "GLOBAL OPTIONS");
    raw(&mut page, ".PP\nThey may stand before or after the command.\n");
    options(&mut page, command.get_arguments().filter(|a| is_shown(a)));
    section(&mut page, "COMMANDS");
    for sub in command.get_subcommands().filter(|c| c.get_name() != "help" && !c.is_hide_set()) {
        subcommand(&mut page, "autoticket", sub);
    }
    status(&mut page);
    tagged(&mut page, "FILES", FILES);
    tagged(&mut page, "ENVIRONMENT", ENVIRONMENT);
    examples(&mut page, EXAMPLES);
    section(&mut page, "SEE ALSO");
    raw(
        &mut page,
        ".PP\n\\fBredistribute\\fR(1), \\fBautoticket-rules\\fR(5), \\fBautoticket-logs\\fR(5), \\fBpipe\\fR(8postfix), \\fBsystemd.timer\\fR(5)\n",
    );
    page
}

/// As NAME sections have it.
pub(super) fn lowered(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

pub(super) fn raw(page: &mut String, text: &str) {
    // A hyphen that may be typed stays a hyphen.
    page.push_str(&text.replace("--", "\\-\\-").replace('…', "\\[u2026]"));
}

fn add(page: &mut String, roff: &Roff) {
    page.push_str(&roff.to_roff());
}

pub(super) fn section(page: &mut String, title: &str) {
    add(page, Roff::default().control("SH", [title]));
}

pub(super) fn is_shown(arg: &Arg) -> bool {
    !arg.is_hide_set() && !["help", "version"].contains(&arg.get_id().as_str())
}

/// A command, then those below it.
pub(super) fn subcommand(page: &mut String, above: &str, command: &Command) {
    let name = format!("{above} {}", command.get_name());
    let own: Vec<&Arg> = command.get_arguments().filter(|a| is_shown(a) && !a.is_global_set()).collect();
    let mut roff = Roff::default();
    roff.control("SS", [name.as_str()]);
    if !command.is_subcommand_required_set() {
        roff.text(synopsis(&name, &own));
    }
    let about = command.get_long_about().or_else(|| command.get_about());
    for paragraph in about.map(ToString::to_string).unwrap_or_default().split("\n\n") {
        roff.control("PP", []).text([roman(sentence(paragraph))]);
    }
    add(page, &roff);
    options(page, own.into_iter());
    for sub in command.get_subcommands().filter(|c| c.get_name() != "help" && !c.is_hide_set()) {
        subcommand(page, &name, sub);
    }
}

pub(super) fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', ':']) || text.is_empty() { text.to_owned() } else { format!("{text}.") }
}

fn synopsis(name: &str, arguments: &[&Arg]) -> Vec<Inline> {
    let mut line = vec![bold(name)];
    if arguments.iter().any(|a| !a.is_positional()) {
        line.push(roman(" [options]"));
    }
    for argument in arguments.iter().filter(|a| a.is_positional()) {
        let value =
            argument.get_value_names().map_or_else(|| argument.get_id().to_string(), |names| names.join(" "));
        let many = argument.get_num_args().is_some_and(|n| n.max_values() > 1);
        let dots = if many { " ..." } else { "" };
        line.push(roman(if argument.is_required_set() { " " } else { " [" }));
        line.push(italic(format!("{value}{dots}")));
        line.push(roman(if argument.is_required_set() { "" } else { "]" }));
    }
    line
}

pub(super) fn options<'a>(page: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    for argument in arguments {
        let value = argument.get_value_names().map(|names| names.join(" ")).unwrap_or_default();
        let head = match argument.get_long() {
            Some(long) if argument.get_action().takes_values() => {
                vec![bold(format!("--{long}")), roman(" "), italic(value)]
            }
            Some(long) => vec![bold(format!("--{long}"))],
            None => vec![italic(value)],
        };
        let mut text = argument
            .get_long_help()
            .or_else(|| argument.get_help())
            .map(ToString::to_string)
            .unwrap_or_default();
        let possible: Vec<String> =
            argument.get_possible_values().iter().map(|v| v.get_name().to_owned()).collect();
        if !possible.is_empty() && argument.get_action().takes_values() {
            text.push_str(&format!(" [one of {}]", possible.join(", ")));
        }
        let default: Vec<_> = argument.get_default_values().iter().map(|v| v.to_string_lossy()).collect();
        if argument.get_action().takes_values() && default.iter().any(|d| !d.is_empty()) {
            text.push_str(&format!(" [default: {}]", default.join(" ")));
        }
        add(page, Roff::default().control("TP", []).text(head).text([roman(sentence(&text))]));
    }
}

fn status(page: &mut String) {
    section(page, "EXIT STATUS");
    for (_, code, meaning) in exit::TABLE {
        add(
            page,
            Roff::default().control("TP", []).text([bold(code.to_string())]).text([roman(sentence(meaning))]),
        );
    }
    raw(page, &format!(".PP\n{INGEST_STATUS}\n"))
}

pub(super) fn tagged(page: &mut String, title: &str, entries: &[(&str, &str)]) {
    section(page, title);
    for (name, text) in entries {
        add(page, Roff::default().control("TP", []).text([bold(*name)]).text([roman(*text)]));
    }
}

pub(super) fn examples(page: &mut String, all: &[(&str, &[&str])]) {
    section(page, "EXAMPLES");
    for (text, lines) in all {
        let mut roff = Roff::default();
        roff.control("PP", []).text([roman(*text)]).control("PP", []).control("RS", ["4"]).control("nf", []);
        for line in *lines {
            roff.text([roman(*line)]);
        }
        roff.control("fi", []).control("RE", []);
        add(page, &roff);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_page_is_that_of_this_command_line() {
        for (name, made) in [("autoticket.1", page()), ("redistribute.1", man_redistribute::page())] {
            let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("man").join(name);
            let committed = fs::read_to_string(&path).expect("written by `make man`");
            assert!(committed == made, "{name}: make man");
        }
    }

    #[test]
    fn every_command_option_and_exit_status_is_in_the_page() {
        let made = page().replace("\\-", "-");
        fn each(command: &Command, name: &str, page: &str) {
            assert!(page.contains(&format!(".SS \"{name}\"")) || !name.contains(' '), "{name}");
            for long in command.get_arguments().filter(|a| is_shown(a)).filter_map(Arg::get_long) {
                assert!(page.contains(&format!("\\fB--{long}\\fR")), "{name} --{long}");
            }
            for sub in command.get_subcommands().filter(|c| c.get_name() != "help" && !c.is_hide_set()) {
                each(sub, &format!("{name} {}", sub.get_name()), page);
            }
        }
        let mut command = crate::cli::command();
        command.build();
        each(&command, "autoticket", &made);
        for (_, code, meaning) in exit::TABLE {
            assert!(made.contains(&format!("\\fB{code}\\fR\n{meaning}")), "{code}");
        }
    }
}
