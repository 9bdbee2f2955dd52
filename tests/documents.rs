//! What the documents say is so: command lines, exit statuses, the first own rule, the transcript, and the
//! tests that ARCHITECTURE.md names.
#![allow(clippy::disallowed_methods, reason = "documents are tested by doing what they say")]

#[path = "support/tree.rs"]
mod tree;

use autoticket::redistribution::model::Place;
use autoticket::redistribution::plan::Plan;
use autoticket::redistribution::rebuild::LIST;
use autoticket::tui::{Model, Theme, draw};
use clap::error::ErrorKind;
use ratatui::backend::TestBackend;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};
use tree::files;

const BINARY: &str = env!("CARGO_BIN_EXE_autoticket");
const INSTALLED: &str = "/usr/local/bin/autoticket";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn document(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Fenced blocks: language, lines.
fn blocks(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match line.strip_prefix("```") {
            Some(language) if !inside => {
                found.push((language, Vec::new()));
                inside = true;
            }
            Some(_) => inside = false,
            None if inside => found.last_mut().expect("a block is open").1.push(line),
            None => {}
        }
    }
    found
}

/// Words as a shell splits them, as far as our documents go: quotes, comments, and what ends a command.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut found = vec![Vec::new()];
    let (mut word, mut started, mut quote) = (String::new(), false, None);
    for c in line.chars().chain([' ']) {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.push(c),
            (None, '\'' | '"') => (quote, started) = (Some(c), true),
            (None, '#') if !started => break,
            (None, ' ' | '|' | ';' | '<' | '>' | '&') => {
                if started {
                    found.last_mut().expect("never empty").push(std::mem::take(&mut word));
                }
                started = false;
                if c != ' ' {
                    found.push(Vec::new());
                }
            }
            (None, c) => {
                word.push(c);
                started = true;
            }
        }
    }
    found
}

/// The command lines of ours in a document: as they are to be typed, or `mentioned` in the text.
struct Line {
    words: Vec<String>,
    mentioned: bool,
}

fn ours(mut words: Vec<String>) -> Option<Vec<String>> {
    if words.first().is_some_and(|w| w == "sudo") {
        words.remove(0);
        if words.first().is_some_and(|w| w == "-u") {
            words.drain(..2);
        }
    }
    if words.first().is_some_and(|program| program == "redistribute") && words.len() > 1 {
        words.insert(0, "autoticket".to_owned());
    }
    let program = words.first()?;
    (program == "autoticket" || program == INSTALLED || program.ends_with("/release/autoticket"))
        .then_some(words)
}

fn command_lines(text: &str) -> Vec<Line> {
    let mut found = Vec::new();
    for (language, lines) in blocks(text) {
        let typed: Vec<String> = match language {
            "sh" => lines.iter().map(|line| (*line).to_owned()).collect(),
            "console" => {
                let prompt = |line: &&str| {
                    let typed = line.strip_prefix("$ ").or_else(|| line.strip_prefix("is38# "));
                    typed.map(str::to_owned)
                };
                lines.iter().filter_map(prompt).collect()
            }
            // Configuration of mail systems: an indented line goes on with the one before.
            _ => {
                let mut joined = lines.join("\n").replace("\n ", " ");
                while joined.contains("  ") {
                    joined = joined.replace("  ", " ");
                }
                let of_ours =
                    |line: &str| Some(line[line.find(INSTALLED)?..].trim_end_matches('"').to_owned());
                joined.lines().filter_map(of_ours).collect()
            }
        };
        let words = typed.iter().flat_map(|line| commands(line)).filter_map(ours);
        found.extend(words.map(|words| Line { words, mentioned: false }));
    }
    let mut fenced = false;
    for line in text.lines() {
        fenced ^= line.starts_with("```");
        if !fenced {
            let spans = line.split('`').skip(1).step_by(2);
            let words = spans.flat_map(commands).filter_map(ours);
            found.extend(words.map(|words| Line { words, mentioned: true }));
        }
    }
    found
}

/// What the command line itself has against a line.
fn refused(line: &Line) -> Option<String> {
    let placeholder = |word: &String| word.len() > 1 && word.bytes().all(|b| b.is_ascii_uppercase());
    let filled = |word: &String| match word {
        word if word.starts_with("${") || (line.mentioned && placeholder(word)) => "1".to_owned(),
        word => word.clone(),
    };
    let error = autoticket::cli::command().try_get_matches_from(line.words.iter().map(filled)).err()?;
    let incomplete = matches!(
        error.kind(),
        ErrorKind::MissingRequiredArgument
            | ErrorKind::MissingSubcommand
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    let shown = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let excused = shown || (line.mentioned && incomplete);
    (!excused).then(|| format!("{}: {error}", line.words.join(" ")))
}

#[test]
fn every_command_line_in_the_documents_is_understood() {
    for (name, least) in [("README.md", 50), ("ARCHITECTURE.md", 1), ("CHANGELOG.md", 3)] {
        let lines = command_lines(&document(name));
        assert!(lines.len() >= least, "{name}: only {} command lines found", lines.len());
        let wrong: Vec<String> = lines.iter().filter_map(refused).collect();
        assert!(wrong.is_empty(), "{name}\n{}", wrong.join("\n"));
    }
}

#[test]
fn a_wrong_command_line_would_be_found() {
    for wrong in [
        "`autoticket tickets list`",
        "`autoticket ticket list --colour`",
        "```sh\nsudo -u autoticket autoticket init --instal-id x\n```",
        "```console\n$ cat x | autoticket ingest --queueid 1\n```",
        "```cfg\na pipe\n  argv=/usr/local/bin/autoticket ingest\n  --sizes ${size}\n```",
        "```sh\nautoticket ticket show\n```",
    ] {
        let lines = command_lines(wrong);
        assert_eq!(lines.len(), 1, "{wrong}");
        assert!(refused(&lines[0]).is_some(), "{wrong}");
    }
    let right = "`autoticket ticket show` `autoticket mail show ID` `autoticket.service`\n\
        ```sh\nautoticket failed dismiss F-1 --reason 'it is gone' # autoticket no\nsudo cp autoticket x\n```";
    let lines = command_lines(right);
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| refused(line).is_none()));
}

/// Rows of the tables of a document: the texts of their cells.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let of_table = |line: &&str| line.starts_with('|');
    text.lines()
        .filter(of_table)
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

#[test]
fn the_exit_statuses_of_the_readme_are_those_of_the_code() {
    let code = document("src/cli/exit.rs");
    let table = &code[code.find("pub const TABLE").expect("the table of exit statuses")..];
    let table = &table[..table.find("];").expect("its end")];
    let wanted: Vec<(&str, &str)> = table
        .lines()
        .filter_map(|line| line.trim().strip_prefix("(Exit::")?.strip_suffix("\"),")?.split_once(", "))
        .filter_map(|(_, rest)| rest.split_once(", \""))
        .collect();
    assert!(wanted.len() >= 9, "{wanted:?}");
    let readme = document("README.md");
    let said: Vec<(&str, &str)> = rows(&readme)
        .into_iter()
        .filter(|cells| cells.len() == 2 && cells[0].parse::<u8>().is_ok())
        .map(|cells| (cells[0], cells[1]))
        .collect();
    assert_eq!(said, wanted);
}

fn text_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Writes a file that nobody else can write, whatever the umask is.
fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
    fs::write(path, text).expect("a writable folder");
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("our own file");
}

#[test]
fn the_first_rule_of_the_readme_reads_its_mail_and_its_samples_hold() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let rules = folder.path().join("rules");
    let readme = document("README.md");
    let mut mail = None;
    for (language, lines) in blocks(&readme) {
        let text = lines.join("\n") + "\n";
        match (language, lines[0].strip_prefix("# alerts/")) {
            ("yaml", Some(name)) => write(&rules.join("alerts").join(name), &text),
            ("yaml", None) => write(&rules.join("conf.d/readme.yaml"), &text),
            ("eml", _) => mail = Some(text),
            _ => {}
        }
    }
    let mail = mail.expect("the README shows a mail");
    let path = folder.path().join("push.eml");
    write(&path, &mail);
    let run = |arguments: &[&str]| {
        let rules = ["--rules", rules.to_str().expect("a plain path"), "rules"];
        Command::new(BINARY).args(rules).args(arguments).output().expect("the binary starts")
    };
    let samples = rules.join("alerts/swpush.samples.yaml");
    let claims = fs::read_to_string(&samples).expect("the README shows samples");
    for line in mail.lines().filter(|line| !line.is_empty()) {
        assert!(claims.contains(&format!("      {line}\n")), "the first sample is the mail shown: {line}");
    }
    for arguments in [&["check"] as &[&str], &["test"], &["test", path.to_str().expect("a plain path")]] {
        let output = run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text_of(&output));
        if arguments.len() == 2 {
            let said = text_of(&output);
            for wanted in ["read by swpush", "disk", "office-9.2", "4711", "is38"] {
                assert!(said.contains(wanted), "{wanted} in\n{said}");
            }
        }
    }
    write(&samples, &claims.replace("failure: disk", "failure: access"));
    assert!(!run(&["test"]).status.success(), "a wrong claim is found");
}

/// One command of a recipe: as make shows it (None: with `@`), and as a shell runs it here.
type Step = (Option<String>, String);

/// The environment and the commands of `make demo`.
fn demo(makefile: &str) -> (BTreeMap<String, String>, Vec<Step>) {
    let mut variables = BTreeMap::from([("RELEASE".to_owned(), String::new())]);
    let mut environment = BTreeMap::new();
    let mut recipe = Vec::new();
    let mut inside = false;
    for line in makefile.lines() {
        let export = line.strip_prefix("demo: export ");
        inside = if line.starts_with('\t') { inside } else { line.starts_with("demo: ") && export.is_none() };
        if let Some((name, value)) =
            export.unwrap_or(line).split_once(" := ").filter(|_| !line.starts_with('\t'))
        {
            let to = if export.is_some() { &mut environment } else { &mut variables };
            to.insert(name.to_owned(), value.to_owned());
        } else if inside && line.starts_with('\t') && !line.contains("cargo ") {
            recipe.push(line.trim_start());
        }
    }
    let expand = |line: &str, binary: Option<&str>| {
        let mut line = line.to_owned();
        if let Some(binary) = binary {
            line = line.replace("$(RELEASE)", binary);
        }
        for _ in 0..3 {
            for (name, value) in &variables {
                line = line.replace(&format!("$({name})"), value);
            }
        }
        line
    };
    let step = |line: &&str| {
        let silent = line.strip_prefix('@');
        let shown = silent.is_none().then(|| expand(line, None));
        (shown, expand(silent.unwrap_or(line), Some(BINARY)))
    };
    (environment, recipe.iter().map(step).collect())
}

#[test]
fn the_transcript_in_the_readme_is_what_make_demo_prints() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    symlink(root().join("fixtures"), folder.path().join("fixtures")).expect("a writable folder");
    let (environment, steps) = demo(&document("Makefile"));
    assert!(steps.len() >= 6, "{steps:?}");
    let mut printed = Vec::new();
    for (shown, step) in steps {
        printed.extend(shown);
        let mut shell = Command::new("sh");
        let output =
            shell.args(["-c", &step]).envs(&environment).current_dir(&folder).output().expect("sh starts");
        assert!(output.status.success(), "{step}: {}", text_of(&output));
        printed
            .extend(String::from_utf8_lossy(&output.stdout).lines().map(|line| line.trim_end().to_owned()));
    }
    let readme = document("README.md");
    let transcript = blocks(&readme)
        .into_iter()
        .find(|(language, lines)| *language == "console" && lines.len() > 5 && lines[0] == "$ make demo")
        .expect("the README has a transcript")
        .1;
    let mut rest = printed.as_slice();
    for stretch in transcript[1..].split(|line| *line == "…").filter(|stretch| !stretch.is_empty()) {
        let at = rest.windows(stretch.len()).position(|lines| lines == stretch);
        let at = at
            .unwrap_or_else(|| panic!("{stretch:#?}\nis not printed; what follows is\n{}", rest.join("\n")));
        rest = &rest[at + stretch.len()..];
    }
    let taken =
        fs::read_to_string(folder.path().join("demo-out/redistribution/taken")).expect("it was issued");
    assert_eq!(
        taken,
        "swdist|-p|jre-1.3.1_02|-l|LIST|-P|prio=3|--note|ask $OPS; then 'go'|\nnode8 -o replace\nnode9\n"
    );
    let here = fs::canonicalize(folder.path()).expect("it is there").join("demo-out/redistribution");
    let plan = fs::read_to_string(folder.path().join("demo-out/plan.json")).expect("the plan");
    the_picture_is_the_screen(&readme, &plan.replace(&*here.to_string_lossy(), "/srv/dm"));
    for outcome in ["counted", "duplicate", "rejected", "unrecognised", "quarantined", "repair", "own"] {
        let shown = |line: &str| line.contains(&format!(".eml: {outcome}: "));
        assert!(transcript.iter().any(|line| shown(line)), "no mail is {outcome}");
    }
    let state = folder.path().join("demo-out/state");
    let told: String = rows(&readme).iter().map(|cells| format!("{} ", cells[0])).collect();
    for entry in fs::read_dir(&state).expect("the demo made a state").filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(told.contains(&format!("`{name}")), "README says nothing about {name} in the state folder");
    }
}

/// The screen in the README is the one on which the plan of the demo is approved.
fn the_picture_is_the_screen(readme: &str, plan: &str) {
    let plan: serde_json::Value = serde_json::from_str(plan).expect("a plan file");
    let mut plan: Plan = serde_json::from_value(plan["plan"].clone()).expect("a plan");
    // A plan file holds no places of single words; where the rebuild read them, the screen says so.
    for job in &mut plan.jobs {
        let line = job.run.as_ref().expect("a run").line;
        let of_log = job.commands.iter_mut().flat_map(|command| &mut command.argv);
        for token in of_log.filter(|token| token.text != LIST) {
            token.place = Some(Place { file: "/srv/dm/dist.log".into(), line });
        }
    }
    let mut model = Model::new(plan, Vec::new(), Theme { colour: false, unicode: true });
    let mut terminal = ratatui::Terminal::new(TestBackend::new(80, 24)).expect("a buffer");
    terminal.draw(|frame| draw(&mut model, frame)).expect("a buffer takes all");
    let drawn = terminal.backend().to_string();
    let drawn: Vec<&str> =
        drawn.lines().map(|line| line.trim_matches('"').trim_end()).filter(|line| !line.is_empty()).collect();
    let shown = blocks(readme).into_iter().find(|(language, lines)| {
        *language == "text" && lines.first().is_some_and(|line| line.contains("redistribute"))
    });
    let shown: Vec<&str> =
        shown.expect("the README shows the screen").1.into_iter().filter(|line| !line.is_empty()).collect();
    assert_eq!(shown, drawn, "the screen is\n{}", drawn.join("\n"));
}

#[test]
fn the_wiring_uses_the_folders_of_the_units() {
    let unit = document("units/autoticket.service");
    let started = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("a command");
    let common = started.strip_suffix(" run").expect("the service runs `run`");
    let joined = document("README.md").replace("\n  ingest", " ingest");
    assert!(
        joined.contains(&format!("argv={common} ingest --size ${{size}} --queue-id ${{queue_id}}")),
        "{common}"
    );
}

#[test]
fn every_test_that_architecture_names_exists() {
    let text = document("ARCHITECTURE.md");
    let named: BTreeSet<(&str, &str)> = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|span| span.split_once("::"))
        .filter(|(file, _)| file.ends_with(".rs"))
        .collect();
    assert!(named.len() >= 30, "only {} tests are named", named.len());
    let missing: Vec<_> = named
        .iter()
        .filter(|(file, test)| {
            let code = fs::read_to_string(root().join(file)).unwrap_or_default();
            !code.contains(&format!("fn {test}("))
        })
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_file_that_the_documents_name_exists() {
    let all: BTreeSet<String> = files(root(), "src").into_iter().chain(files(root(), "tests")).collect();
    for name in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        let text = document(name);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let local = !target.contains("://") && !target.starts_with('#');
            assert!(!local || root().join(target).exists(), "{name} links to {target}");
        }
        for span in text.split('`').skip(1).step_by(2) {
            let path = span.split("::").next().unwrap_or_default();
            let of_ours = ["src/", "tests/"].iter().any(|f| path.starts_with(f)) && !path.contains(' ');
            let exists = all.contains(path) || root().join(path).is_dir();
            assert!(!of_ours || exists, "{name} names {path}");
        }
    }
}

#[test]
fn the_readme_has_the_sections_that_messages_send_people_to() {
    let readme = document("README.md");
    for file in files(root(), "src") {
        for rest in document(&file).split("(README, ").skip(1) {
            let section = rest.split(')').next().unwrap_or_default();
            assert!(
                readme.contains(&format!("\n## {section}\n")),
                "{file} sends people to README, {section}"
            );
        }
    }
}
