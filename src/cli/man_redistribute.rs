//! The manual page redistribute(1): options out of the command line, the rest out of the sections below.
//!
//! In: the command line. Out: roff. `man/redistribute.1` is this page, committed; a test of [`super::man`] compares both.

use super::exit;
use super::man::{examples, lowered, options, raw, section, sentence, subcommand, tagged};
use crate::redistribution::states::State;
use clap_mangen::roff::{Roff, bold, roman};

const DESCRIPTION: &[&str] = &[
    "Once the cause of a failed rollout is repaired, an operator runs \\fBredistribute\\fR on the intermediate server \
     that executed it. It finds the failed distribution jobs of a period, takes the original distribution parameters, \
     package list and distribution list from the distribution logfiles, rebuilds the command strings for exactly the \
     recipients that failed, shows them for approval or edit, hands them to the distribution manager, and cleans the \
     failed distribution files of what is confirmed. Nothing is issued without approval, nothing twice, and never to \
     anybody who did not fail.",
    "\\fBredistribute\\fR is a link to or copy of \\fBautoticket\\fR; \\fBautoticket redistribute\\fR is the same.",
];

/// Title and paragraphs.
const SECTIONS: &[(&str, &[&str])] = &[
    (
        "HOW IT WORKS",
        &[
            "1. Logfiles are read by logfile rules (autoticket\\-logs(5)): each executed command is a run, with its \
             recipients and what became of each. Compressed and rotated files beside a log belong to it. Where a log \
             lacks its commands, they are taken from those of sudo, cron or a shell's history beside it.",
            "2. Failed distributions of the state, where there is one, are joined with the runs: by job number, else by \
             recipient, package and time. Recipients that succeeded since are left out, with the line that says so; \
             older versions of a package are folded under the newer one. Two that differ in a bare number alone \
             (kb\\-1001, kb\\-1002; a date is none) may be two packages: neither is folded, and none of them is approved \
             in bulk.",
            "3. The original command of each run is narrowed to the recipients that failed in the one way its rule \
             declares: \\fBreplace\\fR, \\fBinsert\\fR, \\fBlistfile\\fR or \\fBwhole\\fR. Parameters of single recipients \
             stay with them, in as many commands as there are groups. Where the narrowing cannot be proven, it is \
             refused and says why. A command is \\fBexact\\fR, \\fBretokenised\\fR (the log had lost its quoting, and \
             nothing shows that it mattered) or \\fBambiguous\\fR (never approved in bulk). In place of a grade, lists say \
             \\fBblocked\\fR where something speaks against it, such as a list that changed: approved by its id only; \
             \\fBrefused\\fR where no command could be rebuilt, with the reason; \\fBfolded\\fR where a newer version of \
             the package went to the same recipients: not issued; \\fBaside\\fR where all its recipients are set aside.",
            "4. Approval binds a hash over server, program, arguments, directory, user, environment and list. On a \
             terminal a screen asks; \\fB?\\fR shows its keys. Without one: \\fB--approve\\fR, or \\fB--plan\\fR and \
             \\fB--apply\\fR.",
            "5. Approved commands are written down before they are started, and issued by argument vector, never \
             through a shell. Success is read from the manager's exit and from its log by the same rules. With \
             \\fB--waves\\fR, what the named waves leave over is the last one: \\fB1\\fR is one command, then all the \
             others, as \\fB1,rest\\fR.",
        ],
    ),
    (
        "PERIOD",
        &[
            "With \\fB--log\\fR, all of the logs named. Else since the last servicing of this server, which is \
             remembered whenever all of it was looked at and nothing was left; else the last seven days. \\fB--since\\fR \
             and \\fB--until\\fR take RFC 3339, dates, spans that count back from now (\\fB7d\\fR), \\fBlast week\\fR or \
             \\fBservicing\\fR; \\fB--ticket\\fR is the downtime of a job ticket. The period is printed first. What \
             succeeded after it counts, too.",
        ],
    ),
    (
        "WHO IS SET ASIDE",
        &[
            "Before anything is issued, recipients in a posted outage are set aside, and with \\fBreachability:\\fR in \
             redistribution.yaml or \\fB--check\\fR those that do not answer. Each is shown with the notice or the finding and \
             stays failed; commands are narrowed to the others, and it is those that are shown, approved and issued. Who could \
             not be asked is not set aside. \\fB--list\\fR asks the network only with \\fB--check\\fR.",
            "The machine that issues looks: with \\fB--on\\fR that server, by its own rules. Outages count wherever they are \
             posted: in the state of the machine that issues, at its service center, and with \\fB--on\\fR in the state of the \
             machine where the command is given.",
        ],
    ),
    (
        "WHOSE STATE",
        &[
            "The state is its owner's, and nobody else opens it, root included. A command that is to run as another user \
             (the log names one, or \\fBuser:\\fR in redistribution.yaml) can be issued by that user or by root only. Where \
             the owner of the state is neither, as with \\fB/var/lib/autoticket\\fR of the user autoticket and commands of \
             root, let root keep the journal of redistribution in a folder of its own, always the same one: make it \
             empty with mode 0700, and set \\fBAUTOTICKET_STATE\\fR or \\fB--state\\fR to it for every redistribute on that \
             server. Failed distributions then come over SSH from the service center, of this machine too: \
             \\fB--service-center autoticket@localhost\\fR, or \\fBservice_center:\\fR in redistribution.yaml; \
             \\fB--service-center none\\fR goes by the logs alone. What was issued from one journal, another does not know: \
             do not change between two.",
            "A copy of the state that is put back no longer knows what was issued after it was made, and issues it again \
             as soon as somebody approves it. Before anything is approved then, compare \\fBredistribute journal\\fR with \
             the log of the distribution manager.",
        ],
    ),
    (
        "SECURITY",
        &[
            "Log lines, names and replies are other people's text. They are shown escaped, and reach a command as one \
             argument or not at all; a recipient that could be an option is refused.",
            "Only programs that \\fBallow\\fR in redistribution.yaml names are started; a refusal prints the line to \
             add. Rules that others may write, or that are reached through a folder others may write, are refused \
             (77). Rules of the present folder are never taken.",
            "Values of options that a rule calls secret are masked wherever they are shown or stored, and issued intact.",
        ],
    ),
];

/// What each state of a command in the journal means.
fn meaning(state: State) -> &'static str {
    match state {
        State::Found => "The job was found.",
        State::Built => "Its command was rebuilt.",
        State::Approved => "Somebody approved it; it has not been started.",
        State::Intent => "It is about to be started. What is left here by a crash is unknown.",
        State::Issued => {
            "It was started. Where its program ended, the manager has it, or failed or was ended with several recipients, \
             and the log does not say yet what became of each: shown first, and issued again only by a person, with \
             --again or on the screen."
        }
        State::Confirmed => {
            "There is evidence that it worked; its recipients leave the failed distribution files."
        }
        State::Failed => "It did not work; its recipients are found again.",
        State::Unknown => {
            "Nobody knows whether it ran: shown first, and issued again only by a person, with --again or on the screen."
        }
    }
}

const FILES: &[(&str, &str)] = &[
    (
        "/etc/autoticket/redistribution.yaml",
        "How commands are issued on each server, which programs may be, and where its logs are. See autoticket-rules(5).",
    ),
    ("/etc/autoticket/logs", "Logfile rules beside the shipped ones. See autoticket-logs(5)."),
    (
        "/var/lib/autoticket/redistribution.db, redistribution-id, redistribution-head",
        "The journal: who approved what, when, with which edits, and what became of it; its id; and where its record ends. \
         They belong together: one without the others, or an older one of them, is refused.",
    ),
    (
        "/var/lib/autoticket/redistribution-centers",
        "Which service center each server's failed distributions came from, and is told what is delivered.",
    ),
    ("/var/lib/autoticket/redistribution.logs", "What issued commands printed, a file for each key."),
    ("/var/lib/autoticket/lists", "Distribution lists of commands that are not settled yet."),
    ("/run/autoticket", "The same for commands that run as another user than root, who issues them."),
];

const EXAMPLES: &[(&str, &[&str])] = &[
    (
        "What is left of a log, without any configuration:",
        &["redistribute --log /var/log/swdist/swdist.log --list"],
    ),
    (
        "Reviewed by somebody else before it is issued:",
        &["redistribute --since 'last week' --plan plan.json", "redistribute --apply plan.json"],
    ),
    (
        "One server first, then a tenth, then the others:",
        &["redistribute --approve all --waves 1,10%,rest --max-errors 5%"],
    ),
    ("Who approved what, and is the record whole?", &["redistribute journal"]),
];

/// The page as roff.
pub(super) fn page() -> String {
    let mut command = super::command();
    command.build();
    let mut page = String::new();
    let Some(own) = command.get_subcommands().find(|sub| sub.get_name() == "redistribute") else {
        return page;
    };
    let version = env!("CARGO_PKG_VERSION");
    raw(&mut page, &format!(".TH REDISTRIBUTE 1 \"\" \"autoticket {version}\" \"autoticket manual\"\n"));
    section(&mut page, "NAME");
    let about = own.get_about().map(ToString::to_string).unwrap_or_default();
    raw(&mut page, &format!(".PP\nredistribute \\- {}\n", lowered(&about)));
    section(&mut page, "SYNOPSIS");
    raw(&mut page, ".PP\n\\fBredistribute\\fR [\\fIglobal options\\fR] [\\fIoptions\\fR]\n");
    for sub in own.get_subcommands().filter(|sub| sub.get_name() != "help") {
        raw(&mut page, &format!(".PP\n\\fBredistribute {}\\fR [\\fIoptions\\fR]\n", sub.get_name()));
    }
    section(&mut page, "DESCRIPTION");
    for text in DESCRIPTION {
        raw(&mut page, &format!(".PP\n{text}\n"));
    }
    section(&mut page, "OPTIONS");
    options(&mut page, own.get_arguments().filter(|arg| super::man::is_shown(arg) && !arg.is_global_set()));
    section(&mut page, "COMMANDS");
    for sub in own.get_subcommands().filter(|sub| sub.get_name() != "help") {
        subcommand(&mut page, "redistribute", sub);
    }
    section(&mut page, "GLOBAL OPTIONS");
    options(&mut page, command.get_arguments().filter(|arg| super::man::is_shown(arg)));
    for (title, paragraphs) in SECTIONS {
        section(&mut page, title);
        for text in *paragraphs {
            raw(&mut page, &format!(".PP\n{text}\n"));
        }
    }
    section(&mut page, "STATES");
    raw(&mut page, ".PP\nWhat \\fBredistribute journal\\fR says of a command:\n");
    // The first that is written down is the approval.
    for state in State::ALL.into_iter().filter(|state| !matches!(state, State::Found | State::Built)) {
        let mut roff = Roff::default();
        roff.control("TP", []).text([bold(state.word())]).text([roman(meaning(state))]);
        raw(&mut page, &roff.to_roff());
    }
    section(&mut page, "EXIT STATUS");
    for (_, code, text) in exit::TABLE {
        let mut roff = Roff::default();
        roff.control("TP", []).text([bold(code.to_string())]).text([roman(sentence(text))]);
        raw(&mut page, &roff.to_roff());
    }
    raw(
        &mut page,
        ".PP\n\\fB--list\\fR ends with 1 where something is left to do, something could not be read, or the logs speak of \
         other servers alone; \\fB--dry-run\\fR where a command would not be issued; 69 where no logfile is configured for \
         the server and no failed distribution of it is known.\n",
    );
    tagged(&mut page, "FILES", FILES);
    examples(&mut page, EXAMPLES);
    section(&mut page, "SEE ALSO");
    raw(&mut page, ".PP\n\\fBautoticket\\fR(1), \\fBautoticket-logs\\fR(5), \\fBautoticket-rules\\fR(5)\n");
    page
}
