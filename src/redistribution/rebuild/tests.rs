//! Rebuilt commands reach exactly who failed, and are the original ones but for that.
//!
//! In: runs as a log would give them. Out: nothing. It reads no log.

use super::*;
use crate::redistribution::model::{Outcome, Place};
use crate::redistribution::{nodeset, shell};
use proptest::prelude::*;

fn place(line: u64) -> Place {
    Place { file: "dist.log".into(), line }
}

fn recipient(name: &str, outcome: Outcome, parameters: &[&str]) -> Recipient {
    let parameters = parameters.iter().map(|p| (*p).to_owned()).collect();
    Recipient { name: name.to_owned(), outcome, cause: None, parameters, place: place(9), at: None }
}

/// A run of `line`, in which the names behind `-` failed.
fn run(line: &str, writing: Writing, names: &[&str]) -> Run {
    let (argv, doubts) = shell::split(line, writing).expect("a command");
    let token = |text: String| Token { text, place: Some(place(1)), secret: false };
    let outcome = |name: &&str| match name.strip_prefix('-') {
        Some(name) => recipient(name, Outcome::Failed, &[]),
        None => recipient(name, Outcome::Ok, &[]),
    };
    Run {
        rule: "native".to_owned(),
        tool: "swdist".to_owned(),
        server: None,
        job: None,
        packages: Vec::new(),
        list: None,
        command: Some(Command {
            text: line.to_owned(),
            argv: argv.into_iter().map(token).collect(),
            writing,
            doubts,
            directory: Some("/srv".to_owned()),
            user: None,
            place: place(1),
        }),
        start: None,
        end: None,
        place: place(1),
        last: place(10),
        recipients: names.iter().map(outcome).collect(),
        outcome: Outcome::Failed,
        why: None,
    }
}

fn failed(run: &Run) -> Vec<&Recipient> {
    run.recipients.iter().filter(|recipient| recipient.outcome.is_undelivered()).collect()
}

fn replace(options: &[&str]) -> Narrowing {
    let options = options.iter().map(|o| (*o).to_owned()).collect();
    Narrowing::Replace { options, separator: ",".to_owned() }
}

fn insert(option: &str, also: &[&str], joined: bool, at: usize) -> Narrowing {
    let also = also.iter().map(|o| (*o).to_owned()).collect();
    Narrowing::Insert { option: option.to_owned(), also, separator: ",".to_owned(), joined, at }
}

fn listfile(options: &[&str]) -> Narrowing {
    Narrowing::Listfile { options: options.iter().map(|o| (*o).to_owned()).collect(), field: 1 }
}

fn lines(commands: &[Rebuilt]) -> Vec<String> {
    commands.iter().map(|command| shell::shown(&command.argv)).collect()
}

fn built(run: &Run, narrowing: &Narrowing) -> Result<Vec<String>, String> {
    rebuild(run, Some(narrowing), &failed(run), None).map(|c| lines(&c)).map_err(|why| why.to_string())
}

fn one(line: &str, names: &[&str], narrowing: &Narrowing) -> String {
    let mut lines =
        built(&run(line, Writing::Quoted, names), narrowing).unwrap_or_else(|why| panic!("{line}: {why}"));
    assert_eq!(lines.len(), 1, "{line}");
    lines.remove(0)
}

fn refused(line: &str, names: &[&str], narrowing: &Narrowing) -> String {
    match built(&run(line, Writing::Quoted, names), narrowing) {
        Ok(lines) => panic!("{line} became {lines:?}"),
        Err(why) => why,
    }
}

#[test]
fn lists_and_sets_keep_those_that_failed() {
    let w = replace(&["-w", "--target"]);
    for (line, names, narrowed) in [
        ("clush -w a,b,c -b 'x y'", &["a", "-b", "c"][..], "clush -w b -b 'x y'"),
        ("clush -wa,b x", &["-a", "b"], "clush -wa x"),
        ("clush --target=a,b --target c x", &["-a", "b", "c"], "clush --target=a x"),
        (
            "clush -w node[40-42,50] x",
            &["node40", "-node41", "-node42", "node50"],
            "clush -w 'node[41-42]' x",
        ),
        ("clush -w a,node[08-10] x", &["-a", "-node08", "node09", "-node10"], "clush -w 'a,node[08,10]' x"),
        ("clush -bw a,b x", &["a", "-b"], "clush -bw b x"),
        ("clush -bw a -w b x", &["a", "-b"], "clush -b -w b x"),
        ("clush -w a,b x -- -w b", &["a", "-b"], "clush -w b x -- -w b"),
        ("clush -w A.east.example,b x", &["-a", "b"], "clush -w A.east.example x"),
        // Those of which the log says nothing did not fail.
        ("clush -w a,b,c x", &["-b"], "clush -w b x"),
    ] {
        assert_eq!(one(line, names, &w), narrowed, "{line}");
    }
    let anywhere = replace(&[]);
    for (line, names, narrowed) in [
        ("push pkg a b c", &["a", "-b", "-c"][..], "push pkg b c"),
        ("push --to=a,b pkg", &["a", "-b"], "push --to=b pkg"),
        ("push -- a b", &["-a", "b"], "push -- a"),
        ("push node[1-3]", &["node1", "-node2", "-node3"], "push 'node[2-3]'"),
    ] {
        assert_eq!(one(line, names, &anywhere), narrowed, "{line}");
    }
}

#[test]
fn what_cannot_be_replaced_for_sure_is_refused() {
    let w = replace(&["-w"]);
    for (line, names, why) in [
        ("clush -w @web x", &["-a"][..], "whom `@web` in the command means is not known"),
        (
            "clush -w node[1-3]!node2 x",
            &["-node1"],
            "`node[1-3]!node2` in the command names recipients in a way that is not known",
        ),
        ("clush -w a --hostfile f x", &["-a", "b"], "the command reaches `b` without naming it"),
        ("clush x", &["-a"], "the command reaches `a` without naming it"),
        ("clush -w", &["-a"], "`-w` in the command lacks its value"),
        ("clush -w a,A x", &["-a"], "one recipient is named in two ways, `a` and `A`"),
        ("clush -wait -w a", &["-a"], "`-wait` may be another option"),
        ("clush -bwa x", &["-a"], "`-bwa` may hold `-w`"),
        (
            "clush -w a x",
            &["-a", "-a,b"],
            "recipient `a,b` holds the separator of the list it would stand in",
        ),
        (
            "clush -w a x",
            &["--limit=all"],
            "recipient `-limit=all` begins with `-` and would be taken for an option",
        ),
    ] {
        assert_eq!(refused(line, names, &w), why, "{line}");
    }
    let anywhere = replace(&[]);
    for (line, names, why) in [
        (
            "push -n a -n b",
            &["a", "-b"][..],
            "`-n` would lose its value: the rule must name it among its options",
        ),
        ("push node1 node2", &["-node1"], "`node2` looks like a recipient of which the log says nothing"),
        (
            "push web node,web",
            &["-web"],
            "`web` stands in the command twice; which is the recipient is not known",
        ),
        ("push a", &["-a", "b"], "the command reaches `b` without naming it"),
    ] {
        assert_eq!(refused(line, names, &anywhere), why, "{line}");
    }
}

#[test]
fn what_stands_between_recipients_makes_it_ambiguous() {
    let run = run("push a pkg b", Writing::Quoted, &["-a", "b"]);
    let built = rebuild(&run, Some(&replace(&[])), &failed(&run), None).expect("a command");
    assert_eq!(lines(&built), ["push a pkg"]);
    assert_eq!(built[0].grade, Grade::Ambiguous);
    assert_eq!(built[0].doubts, ["`pkg` stands between recipients; if it is one, it is not left out"]);
}

#[test]
fn an_option_is_inserted_once() {
    let limit = insert("--limit", &["-l"], false, 1);
    for (line, narrowed) in [
        ("ansible-playbook site.yml -i hosts", "ansible-playbook --limit b,c site.yml -i hosts"),
        ("ansible-playbook -l web site.yml", "ansible-playbook --limit b,c site.yml"),
        ("ansible-playbook -lweb --limit=db site.yml -l x", "ansible-playbook --limit b,c site.yml"),
        ("ansible-playbook -vvvl web site.yml", "ansible-playbook --limit b,c -vvv site.yml"),
        ("ansible-playbook site.yml -- -l web", "ansible-playbook --limit b,c site.yml -- -l web"),
        ("ansible-playbook", "ansible-playbook --limit b,c"),
    ] {
        assert_eq!(one(line, &["a", "-b", "-c"], &limit), narrowed, "{line}");
    }
    let later = |joined| insert("--hosts", &[], joined, 2);
    assert_eq!(one("cap production deploy", &["-b"], &later(true)), "cap production --hosts=b deploy");
    assert_eq!(
        one("cap --hosts=x production deploy", &["-b"], &later(false)),
        "cap --hosts b production deploy"
    );
    assert_eq!(one("cap -- deploy", &["-b"], &later(true)), "cap --hosts=b -- deploy");
    assert_eq!(one("clush x", &["-b", "-c"], &insert("-w", &[], true, 1)), "clush -wb,c x");
}

#[test]
fn what_cannot_be_inserted_for_sure_is_refused() {
    let limit = insert("--limit", &["-l"], false, 1);
    for (line, names, why) in [
        (
            "sudo ansible-playbook x",
            &["-a"][..],
            "the command begins with a wrapper: `sudo` runs another program, and `--limit` belongs to that one",
        ),
        ("ansible-playbook --lim web x", &["-a"], "`--lim` may be short for `--limit`"),
        ("ansible-playbook -vlweb x", &["-a"], "`-vlweb` may hold `-l`"),
        ("ansible-playbook x -l", &["-a"], "`-l` in the command lacks its value"),
        ("ansible-playbook x", &["-all"], "recipient `all` names a group of all recipients"),
        (
            "ansible-playbook x",
            &["-@/etc/hosts"],
            "recipient `@/etc/hosts` would be read as a pattern, a group or a file",
        ),
        (
            "ansible-playbook x",
            &["-a\n--limit=b"],
            "recipient `a\\n--limit=b` holds control or invisible characters",
        ),
    ] {
        assert_eq!(refused(line, names, &limit), why, "{line}");
    }
    let between = insert("--limit", &[], false, 2);
    assert_eq!(
        refused("ansible-playbook -i hosts x", &["-a"], &between),
        "`--limit` would come between `-i` and its value"
    );
}

#[test]
fn a_list_keeps_the_failed_recipients_own_lines() {
    let mut run = run("swdist -p pkg-1.2 -l /srv/lists/all", Writing::Quoted, &["a", "-b", "-c"]);
    run.list = Some("/srv/lists/all".to_owned());
    let text = "# all of them\na  --mode=x\n\n b --mode=y # late\nc.east.example --mode=z\n#c --mode=old\n";
    let list = ListText::of(text);
    let narrowing = listfile(&["-l", "--list"]);
    let built = rebuild(&run, Some(&narrowing), &failed(&run), Some(&list)).expect("a command");
    assert_eq!(lines(&built), ["swdist -p pkg-1.2 -l '{list}'"]);
    let file = built[0].list_file.as_ref().expect("a list");
    assert_eq!(file.content, " b --mode=y # late\nc.east.example --mode=z\n");
    assert_eq!((file.original.as_str(), file.token), ("/srv/lists/all", 4));
    assert_eq!(
        (built[0].grade, built[0].recipients.as_slice()),
        (Grade::Exact, &["b".to_owned(), "c".to_owned()][..])
    );

    let changed = ListText { changed: Some("its time is after the run".to_owned()), ..list.clone() };
    let built = rebuild(&run, Some(&narrowing), &failed(&run), Some(&changed)).expect("a command");
    assert_eq!(built[0].grade, Grade::Ambiguous);
    assert_eq!(
        built[0].doubts,
        ["the list `/srv/lists/all` is not the one that was used: its time is after the run"]
    );
    let shorter = ListText::of("b\n");
    let why = rebuild(&run, Some(&narrowing), &failed(&run), Some(&shorter)).expect_err("no line");
    assert_eq!(why.to_string(), "the list `/srv/lists/all` holds no line of `c` any more");
    let twice = ListText::of("b\nc.east.example\nc.west.example\n");
    let why = rebuild(&run, Some(&narrowing), &failed(&run), Some(&twice)).expect_err("two lines");
    assert_eq!(why.to_string(), "recipient `c` means several lines of the list `/srv/lists/all`");
}

#[test]
fn a_list_that_is_gone_is_refused_unless_the_log_knows_each_parameter() {
    let mut run = run("swdist --list=/l x", Writing::Quoted, &["a", "-b"]);
    let narrowing = listfile(&["--list"]);
    let why = rebuild(&run, Some(&narrowing), &failed(&run), None).expect_err("gone");
    assert_eq!(why.to_string(), "the list `/l` is gone, and with it the parameters of `b`: restore it");
    run.recipients[1].parameters = vec!["--mode=y".to_owned(), "--fast".to_owned()];
    let built = rebuild(&run, Some(&narrowing), &failed(&run), None).expect("a command");
    assert_eq!(lines(&built), ["swdist '--list={list}' x"]);
    assert_eq!(built[0].list_file.as_ref().map(|l| l.content.as_str()), Some("b --mode=y --fast\n"));
    assert_eq!(built[0].grade, Grade::Ambiguous);
}

#[test]
fn a_list_is_where_its_rule_expects_it_or_refused() {
    for (line, why) in [
        ("swdist x", "the command does not name the distribution list where its rule expects it"),
        ("swdist -l /a -l /b", "the command names more than one distribution list"),
        ("swdist -l", "`-l` in the command lacks its value"),
        ("swdist -- -l /a", "the command does not name the distribution list where its rule expects it"),
    ] {
        assert_eq!(refused(line, &["-a"], &listfile(&["-l"])), why, "{line}");
    }
}

#[test]
fn a_whole_command_is_one_recipients() {
    assert_eq!(one("apt-get install -y a", &["-is38"], &Narrowing::Whole), "apt-get install -y a");
    assert_eq!(
        refused("rsync x", &["-a", "b"], &Narrowing::Whole),
        "rule `native` says that a command is one recipient's, and this one reached 2"
    );
}

#[test]
fn without_narrowing_or_command_nothing_is_built() {
    let mut run = run("push a", Writing::Quoted, &["-a"]);
    let why = rebuild(&run, None, &failed(&run), None).expect_err("no narrowing");
    assert_eq!(why, Refusal::NoNarrowing { rule: "native".to_owned() });
    run.command = None;
    assert_eq!(rebuild(&run, Some(&Narrowing::Whole), &failed(&run), None), Err(Refusal::NoCommand));
    assert_eq!(rebuild(&run, Some(&Narrowing::Whole), &[], None), Ok(Vec::new()));
}

#[test]
fn recipients_with_equal_parameters_share_a_command() {
    let mut run = run("push -w a,b,c,d x -- y", Writing::Quoted, &["-a", "-b", "-c", "d"]);
    for (at, parameters) in [(0, &["--mode=x"][..]), (1, &[]), (2, &["--mode=x"])] {
        run.recipients[at].parameters = parameters.iter().map(|p| (*p).to_owned()).collect();
    }
    let commands = rebuild(&run, Some(&replace(&["-w"])), &failed(&run), None).expect("commands");
    assert_eq!(lines(&commands), ["push -w a,c x --mode=x -- y", "push -w b x -- y"]);
    assert_eq!(commands[0].grade, Grade::Ambiguous);
    assert_eq!(commands[1].grade, Grade::Exact);
    run.recipients[0].parameters = vec!["-wd".to_owned()];
    let why = rebuild(&run, Some(&replace(&["-w"])), &failed(&run), None).expect_err("widens");
    assert_eq!(why.to_string(), "the parameter `-wd` would change whom the command reaches");
}

#[test]
fn grades_follow_the_writing_and_the_doubts() {
    for (line, writing, grade) in [
        (r#"["push", "-w", "a"]"#, Writing::Json, Grade::Exact),
        ("push -w a", Writing::Shell, Grade::Exact),
        ("push -w a", Writing::Joined, Grade::Retokenised),
        ("push -w a $x", Writing::Shell, Grade::Ambiguous),
        ("push -w a 'x y'", Writing::Joined, Grade::Ambiguous),
    ] {
        let run = run(line, writing, &["-a"]);
        let built = rebuild(&run, Some(&replace(&["-w"])), &failed(&run), None).expect("a command");
        assert_eq!(built[0].grade, grade, "{line}");
        assert_eq!(built[0].doubts.is_empty(), grade != Grade::Ambiguous, "{line}");
    }
    let lossy = run("pssh -H a b x", Writing::Joined, &["-a", "b"]);
    let why = built(&lossy, &replace(&["-H"])).expect_err("the list was cut");
    assert_eq!(why, "`b` may belong to a list of recipients whose quoting the log lost");
}

#[test]
fn every_token_knows_where_it_was_read() {
    let run = run("push -w a,b x", Writing::Quoted, &["-a", "b"]);
    let built =
        rebuild(&run, Some(&insert("--only", &[], false, 1)), &failed(&run), None).expect("a command");
    let places: Vec<bool> = built[0].argv.iter().map(|token| token.place.is_some()).collect();
    assert_eq!(places, [true, false, false, true, true, true]);
}

#[test]
fn secrets_are_issued_and_stand_in_no_message() {
    let mut run = run("push --limi=geheim9 x", Writing::Quoted, &["-a"]);
    if let Some(command) = &mut run.command {
        command.argv[1].secret = true;
    }
    let why = built(&run, &insert("--limit", &[], false, 1)).expect_err("an abbreviation");
    assert_eq!(why, "`******` may be short for `--limit`");
    let built =
        rebuild(&run, Some(&insert("--only", &[], false, 1)), &failed(&run), None).expect("a command");
    assert_eq!(built[0].argv[3].text, "--limi=geheim9");
    assert_eq!(lines(&built), ["push --only a ****** x"]);
}

/// Names that share prefixes, domains and numbers.
fn names() -> impl Strategy<Value = Vec<(String, bool)>> {
    let name = "(node|web|a)[0-9]{1,2}(\\.east|\\.west)?";
    proptest::collection::btree_map(name, any::<bool>(), 1..9).prop_map(|names| names.into_iter().collect())
}

/// Elements around the recipients; none of them names one.
fn around() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("--[a-k]{2,4}(=[x-z ]{0,3})?|-[a-k]|[x-z '\"$]{0,4}", 0..5)
}

/// A run of that vector, whose recipients have these outcomes.
fn run_of(argv: &[String], names: &[(String, bool)]) -> Run {
    let line = shell::quote(argv.iter().map(String::as_str));
    let mut made = run(&line, Writing::Quoted, &[]);
    let outcome = |failed: &bool| if *failed { Outcome::Failed } else { Outcome::Ok };
    made.recipients = names.iter().map(|(name, failed)| recipient(name, outcome(failed), &[])).collect();
    made
}

/// The values of `-w` and `--target` in a vector, and everything else.
fn apart(argv: &[Token]) -> (Vec<String>, Vec<&str>) {
    let (mut values, mut rest) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < argv.len() {
        let text = argv[at].text.as_str();
        if let Some(value) = text.strip_prefix("--target=") {
            values.push(value.to_owned());
        } else if text == "-w" || text == "--target" {
            at += 1;
            values.push(argv[at].text.clone());
        } else if let Some(value) = text.strip_prefix("-w") {
            values.push(value.to_owned());
        } else {
            rest.push(text);
        }
        at += 1;
    }
    (values, rest)
}

proptest! {
    #![proptest_config(crate::redistribution::cases())]
    #[test]
    fn replaced_commands_reach_exactly_who_failed(
        names in names(), before in around(), after in around(), cuts in proptest::collection::vec(0usize..4, 9), fold in any::<bool>()
    ) {
        let mut argv = vec!["push".to_owned()];
        argv.extend(before.iter().cloned());
        let mut rest: &[(String, bool)] = &names;
        for cut in &cuts {
            let (part, left) = rest.split_at((cut % 3 + 1).min(rest.len()));
            rest = left;
            if part.is_empty() {
                break;
            }
            let part: Vec<String> = part.iter().map(|(name, _)| name.clone()).collect();
            let value = if fold { nodeset::fold(&part) } else { part.join(",") };
            match cut {
                0 => argv.extend(["-w".to_owned(), value]),
                1 => argv.push(format!("-w{value}")),
                2 => argv.push(format!("--target={value}")),
                _ => argv.extend(["--target".to_owned(), value]),
            }
        }
        argv.extend(after.iter().cloned());
        let run = run_of(&argv, &names);
        let (values, others) = apart(&run.command.as_ref().expect("a command").argv);
        prop_assume!(rest.is_empty() && !values.is_empty());
        match rebuild(&run, Some(&replace(&["-w", "--target"])), &failed(&run), None) {
            Ok(commands) => {
                let mut reached: Vec<String> = Vec::new();
                for command in &commands {
                    let (values, rest) = apart(&command.argv);
                    prop_assert_eq!(&rest, &others);
                    reached.extend(values.iter().flat_map(|value| nodeset::unfold(value).expect("names")));
                }
                reached.sort();
                let wanted: Vec<String> = names.iter().filter(|(_, failed)| *failed).map(|(name, _)| name.clone()).collect();
                let mut wanted = wanted;
                wanted.sort();
                prop_assert_eq!(reached, wanted);
            }
            // Short names and full ones of one computer are told apart by nobody.
            Err(why) => {
                let shorts = names.iter().any(|(name, _)| names.iter().any(|(other, _)| other.starts_with(&format!("{name}."))));
                prop_assert!(shorts, "{} {:?}", why, argv);
            }
        }
    }

    #[test]
    fn inserted_commands_differ_in_their_option_only(
        names in names(), before in around(), after in around(), old in "-l|--limit|--limit=|-l=|none", at in 1usize..3, joined in any::<bool>()
    ) {
        let mut argv = vec!["push".to_owned()];
        argv.extend(before.iter().cloned());
        match old.as_str() {
            "none" => {}
            "-l" | "--limit" => argv.extend([old.clone(), "zone".to_owned()]),
            _ => argv.push(format!("{old}zone")),
        }
        argv.extend(after.iter().cloned());
        let run = run_of(&argv, &names);
        let wanted: Vec<&str> = names.iter().filter(|(_, failed)| *failed).map(|(name, _)| name.as_str()).collect();
        let mut rest: Vec<&str> = vec!["push"];
        rest.extend(before.iter().chain(&after).map(String::as_str));
        match rebuild(&run, Some(&insert("--limit", &["-l"], joined, at)), &failed(&run), None) {
            Ok(commands) if wanted.is_empty() => prop_assert!(commands.is_empty()),
            Ok(commands) => {
                prop_assert_eq!(commands.len(), 1);
                let list = wanted.join(",");
                let option = if joined { vec![format!("--limit={list}")] } else { vec!["--limit".to_owned(), list] };
                let argv: Vec<&str> = commands[0].argv.iter().map(|token| token.text.as_str()).collect();
                let at = argv.windows(option.len()).position(|part| part == option).expect("the option");
                let (mut others, inserted) = (argv.clone(), option.len());
                others.drain(at..at + inserted);
                prop_assert_eq!(others, rest);
                prop_assert!(argv[at + inserted..].iter().all(|text| !text.starts_with("--limit")));
            }
            Err(why) => prop_assert!(why.to_string().contains("between"), "{} {:?}", why, argv),
        }
    }

    #[test]
    fn a_list_holds_the_lines_of_exactly_who_failed(names in names(), blanks in proptest::collection::vec("[ \t]{0,2}", 9), tail in "( [x-z=-]{1,5}){0,2}") {
        let line = |(at, (name, _)): (usize, &(String, bool))| format!("{}{name}{tail}\n", blanks[at % blanks.len()]);
        let text: String = names.iter().enumerate().map(line).collect();
        let run = run_of(&["push".to_owned(), "-l".to_owned(), "/l".to_owned()], &names);
        let list = ListText::of(format!("# head\n{text}\n"));
        let built = rebuild(&run, Some(&listfile(&["-l"])), &failed(&run), Some(&list)).expect("lines of all");
        let wanted: String = names.iter().enumerate().filter(|(_, (_, failed))| *failed).map(line).collect();
        let content: String = built.iter().filter_map(|c| c.list_file.as_ref()).map(|list| list.content.as_str()).collect();
        prop_assert_eq!(content, wanted);
    }

    #[test]
    fn hostile_vectors_are_narrowed_or_refused(
        argv in proptest::collection::vec("(-w|-l|--limit|=|,|a|b1|b2|\\[1-2\\]|!|@|--|-|\u{1b}| ){0,5}", 0..6),
        hostile in "(a|b1|-|,|\u{202e}|=|\n|@){1,4}",
        anywhere in any::<bool>()
    ) {
        let mut all = vec!["push".to_owned()];
        all.extend(argv);
        let names = [("a".to_owned(), true), ("b1".to_owned(), false), ("b2".to_owned(), true), (hostile.clone(), true)];
        for count in [3, 4] {
            let run = run_of(&all, &names[..count]);
            for narrowing in [replace(if anywhere { &[] } else { &["-w"] }), insert("--limit", &["-l"], true, 1), listfile(&["-l"])] {
                let list = ListText::of("a\nb1\nb2\n");
                if let Ok(commands) = rebuild(&run, Some(&narrowing), &failed(&run), Some(&list)) {
                    let harmless = unfit(&hostile).is_none() && !hostile.contains(',');
                    prop_assert!(count == 3 || harmless, "{:?}", hostile);
                    let reached: usize = commands.iter().map(|command| command.recipients.len()).sum();
                    prop_assert_eq!(reached, failed(&run).len());
                    if let Narrowing::Replace { .. } = narrowing {
                        let named = |text: &str| text == "b1" || text.split(['=', ',']).any(|part| part == "b1");
                        let before_end = commands[0].argv.iter().take(terminator(&commands[0].argv));
                        prop_assert!(!anywhere || !before_end.skip(1).any(|token| named(&token.text)), "{:?}", commands[0].argv);
                    }
                }
            }
        }
    }
}
