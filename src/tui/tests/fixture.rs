//! Plans to show.

use crate::redistribution::model::{Outcome, Place, Token};
use crate::redistribution::plan::*;
use crate::tui::UnknownCommand;
use jiff::Timestamp;

pub fn token(text: &str, line: u64) -> Token {
    let place = (line > 0).then(|| Place { file: "/var/log/dist/dist.log".into(), line });
    Token { text: text.into(), place, secret: false }
}

pub fn at(text: &str) -> Option<Timestamp> {
    Some(text.parse().expect("a time"))
}

pub fn failed(name: &str, outcome: Outcome, cause: &str, line: u64) -> FailedRecipient {
    let place = Some(Place { file: "/var/log/dist/dist.log".into(), line });
    FailedRecipient {
        name: name.into(),
        outcome,
        cause: Some(cause.into()),
        place,
        records: vec!["F1".into()],
    }
}

/// A job of clush, narrowed to those that failed.
pub fn job(number: usize, cause: &str, packages: &[&str], recipients: &[&str], outcome: Outcome) -> Job {
    let line = 100 * number as u64;
    let original =
        ["clush", "-w", "node[40-79]", "-b", "--copy", "/srv/pkg/editor-2.1.deb", "--dest", "/var/tmp"];
    let original_argv: Vec<Token> = original.iter().map(|text| token(text, line)).collect();
    let mut argv = original_argv.clone();
    argv[2] = token(&recipients.join(","), 0);
    Job {
        id: format!("J{number}"),
        tool: "clush".into(),
        server: "is38".into(),
        rule: "clush".into(),
        job: Some(format!("{}", 4000 + number)),
        run: Some(RunPlace {
            file: "/var/log/dist/dist.log".into(),
            line,
            start: at("2026-03-02T04:10:00Z"),
            end: at("2026-03-02T04:19:30Z"),
        }),
        packages: packages.iter().map(|p| (*p).to_owned()).collect(),
        list: Some("/etc/dist/lists/east.lst".into()),
        recipients: Recipients {
            folded: Vec::new(),
            aside: Vec::new(),
            all: (40..80).map(|n| format!("node{n}")).collect(),
            failed: recipients
                .iter()
                .zip(1..)
                .map(|(name, n)| failed(name, outcome, cause, line + n))
                .collect(),
            recovered: vec![(
                "node77".into(),
                Place { file: "/var/log/dist/dist.log".into(), line: line + 90 },
            )],
        },
        found_in: FoundIn { record: true, log: true },
        original: Some(original.join(" ")),
        original_argv,
        commands: vec![Rebuilt {
            id: format!("J{number}.1"),
            argv,
            recipients: recipients.iter().map(|r| (*r).to_owned()).collect(),
            narrowing: "replace".into(),
            grade: Grade::Exact,
            doubts: Vec::new(),
            hash: format!("{number:064x}"),
            directory: Some("/srv/pkg".into()),
            user: Some("dist".into()),
            list_file: None,
        }],
        refused: None,
        blocked: Vec::new(),
        folded: None,
        cause: cause.into(),
    }
}

/// One of everything.
pub fn plan() -> Plan {
    let refused = "connection refused";
    let mut jobs = vec![
        job(1, refused, &["editor-2.1", "fonts-1.0"], &["node42", "node57", "node63"], Outcome::Failed),
        job(2, "no space left on device", &["office-7.4"], &["node41"], Outcome::Failed),
        job(3, refused, &["kernel-6.12"], &["node42", "node44"], Outcome::Unreachable),
        job(4, refused, &["editor-2.0"], &["node42"], Outcome::Failed),
        job(
            5,
            "time limit",
            &["database-client-9.1", "database-tools-9.1", "certificates-2026"],
            &[],
            Outcome::Timeout,
        ),
        job(6, "cancelled by operator", &["printer-3"], &["node70"], Outcome::Cancelled),
        job(7, refused, &["shell-5"], &["node50", "node51", "node52"], Outcome::Failed),
    ];
    jobs[1].commands[0].grade = Grade::Ambiguous;
    jobs[1].commands[0].doubts = vec!["$DEST was set by a shell, and the log does not say to what".into()];
    jobs[2].commands[0].grade = Grade::Retokenised;
    jobs[2].commands[0].doubts = vec!["the log joined the elements with blanks".into()];
    jobs[3].folded = Some("editor-2.1 went to the same recipients later: J1".into());
    let many: Vec<String> = (0..25).map(|n| format!("node{}", 40 + n)).collect();
    jobs[4].commands[0].recipients = many.clone();
    jobs[4].commands[0].argv[2] = token(&many.join(","), 0);
    jobs[4].recipients.failed = many
        .iter()
        .zip(501..)
        .map(|(name, n)| failed(name, Outcome::Timeout, "no answer in 300 s", n))
        .collect();
    jobs[5].commands.clear();
    jobs[5].refused =
        Some("rule `clush` declares no narrowing for `--copy -a`: never more than what failed".into());
    jobs[5].found_in.log = false;
    let more = jobs[6].commands[0].clone();
    jobs[6].commands[0].recipients.truncate(2);
    jobs[6].commands.push(Rebuilt {
        id: "J7.2".into(),
        recipients: vec!["node52".into()],
        hash: "72".repeat(32),
        ..more
    });
    jobs[6].commands[1].argv.push(Token { secret: true, ..token("--token=hunter2", 703) });
    jobs[6].blocked = vec!["/etc/dist/lists/east.lst has changed since 2026-03-02".into()];
    Plan {
        schema: SCHEMA,
        server: "is38".into(),
        since: at("2026-03-01T00:00:00Z"),
        until: at("2026-03-08T00:00:00Z"),
        jobs,
        notes: vec!["14 lines of /var/log/dist/dist.log were understood by no rule".into()],
    }
}

pub fn unknown() -> Vec<UnknownCommand> {
    let job = job(9, "x", &["editor-2.1"], &["node42", "node57"], Outcome::Failed);
    vec![UnknownCommand {
        id: "J9.1".into(),
        server: "is38".into(),
        hash: "9".repeat(64),
        argv: job.commands[0].argv.clone(),
        recipients: job.commands[0].recipients.clone(),
        since: at("2026-03-02T05:00:00Z"),
        operator: Some("anna".into()),
        key: "9e795b21053e".into(),
        end: None,
    }]
}

/// One that its manager has: the command of J1.1.
pub fn waiting() -> UnknownCommand {
    let command = plan().jobs[0].commands[0].clone();
    UnknownCommand {
        id: "J7.1".into(),
        hash: command.hash,
        argv: command.argv,
        recipients: command.recipients,
        key: "0c1d2e3f4a5b".into(),
        end: Some("exit status 3".into()),
        ..unknown().remove(0)
    }
}
