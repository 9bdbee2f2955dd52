//! Edits of the approval screen: which are taken, and how they are kept.
//!
//! In: a vector that the operator wrote. Out: the command with it, or why it cannot be; what was changed, in words
//! without secrets. It issues nothing.

use super::surveyed::Survey;
use crate::redistribution::issue::{self, Approved, LIST};
use crate::redistribution::model::Token;
use crate::redistribution::plan::Rebuilt;
use crate::redistribution::run_command;
use crate::rules::redistribution::{Manager, ServerRule};
use crate::tui::Model;

/// The command with another vector, its hash made anew. Whom it reaches cannot be edited: that is what was looked up,
/// claimed and confirmed.
pub(super) fn edit(survey: &Survey, model: &Model, id: &str, argv: &[String]) -> Result<Rebuilt, String> {
    if let Some(far) = &survey.on {
        return Err(format!(
            "commands of a plan made on {} are edited there: redistribute in a terminal of it",
            far.name()
        ));
    }
    let shown = model.command(id).ok_or("there is no such command")?;
    let (job, original) = survey.job_of(id).ok_or("there is no such command")?;
    if argv.first().is_none_or(|program| program.trim().is_empty()) {
        return Err("the first element is the program: it cannot be empty".to_owned());
    }
    if let Some(at) = argv.iter().position(|text| text.contains('\0')) {
        return Err(format!("element {} holds a NUL byte, which no argument can", at + 1));
    }
    let known: Vec<&String> = job.recipients.all.iter().chain(&shown.recipients).collect();
    let names = |text: &str| text.contains('[') || known.iter().any(|name| text.contains(name.as_str()));
    let before = shown.argv.iter().map(|token| token.text.as_str()).filter(|text| names(text));
    let after = argv.iter().map(String::as_str).filter(|text| names(text));
    if !before.eq(after) {
        return Err(
            "elements that name recipients stay as they are: approve or reject the command".to_owned()
        );
    }
    let mut built = Rebuilt { argv: Vec::with_capacity(argv.len()), ..shown.clone() };
    for (at, text) in argv.iter().enumerate() {
        let known = shown.argv.iter().find(|token| token.text == *text).cloned();
        // What stands where a secret stood is one.
        let secret = shown.argv.get(at).is_some_and(|token| token.secret);
        built.argv.push(known.unwrap_or_else(|| Token { text: text.clone(), place: None, secret }));
    }
    if let Some(list) = &mut built.list_file {
        let named: Vec<usize> = (0..argv.len()).filter(|at| argv[*at].ends_with(LIST)).collect();
        match named[..] {
            [at] if at > 0 => list.token = at,
            _ => {
                return Err(format!(
                    "{LIST} stands for the new distribution list: exactly one element ends in it"
                ));
            }
        }
    }
    may_start(&survey.rule, original, &Approved::of(job, &built, Vec::new()))?;
    built.hash = survey.hash(&built);
    Ok(built)
}

/// Another program than that of the original has to be one that may be started, whoever starts it: an element that was
/// taken away must not make an argument the program.
fn may_start(rule: &ServerRule, original: &Rebuilt, edited: &Approved) -> Result<(), String> {
    if original.argv.first().map(|token| &token.text) == edited.argv.first().map(|token| &token.text) {
        return Ok(());
    }
    let rule = ServerRule { manager: Manager::Exec, ..rule.clone() };
    let started = issue::start(edited, &rule, &run_command::runs);
    started.map(|_| ()).map_err(|refusal| format!("the first element is the program: {refusal}"))
}

/// What an edit changed, element by element where as many stay, else what lies between the ends that are the same.
pub(super) fn edits(before: &[Token], after: &[Token]) -> Vec<String> {
    let same = |pair: &(&Token, &Token)| pair.0.text == pair.1.text;
    let masked = |tokens: &[Token]| format!("`{}`", crate::redistribution::shell::shown(tokens));
    if before.len() == after.len() {
        let changed = before.iter().zip(after).enumerate().filter(|(_, pair)| !same(pair));
        let one = |(at, (old, new)): (usize, (&Token, &Token))| {
            format!(
                "element {at}: {} → {}",
                masked(std::slice::from_ref(old)),
                masked(std::slice::from_ref(new))
            )
        };
        return changed.map(one).collect();
    }
    let head = before.iter().zip(after).take_while(same).count();
    let (old, new) = (&before[head..], &after[head..]);
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(same).count();
    let (old, new) = (&old[..old.len() - tail], &new[..new.len() - tail]);
    let part = |tokens: &[Token]| if tokens.is_empty() { "nothing".to_owned() } else { masked(tokens) };
    vec![format!("from element {head}: {} → {}", part(old), part(new))]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(words: &[&str]) -> Vec<Token> {
        let token =
            |text: &&str| Token { text: (*text).into(), place: None, secret: text.starts_with("--token") };
        words.iter().map(token).collect()
    }

    #[test]
    fn an_edit_is_kept_by_its_element_before_and_after_without_secrets() {
        let before = tokens(&["dm", "-p", "jre", "--token=a"]);
        let said = |after: &[&str]| edits(&before, &tokens(after));
        assert_eq!(said(&["dm", "-p", "jre", "--token=a"]), [""; 0]);
        assert_eq!(said(&["dm", "-p", "jdk", "--token=a"]), ["element 2: `jre` → `jdk`"]);
        assert_eq!(said(&["dm", "-p", "jre", "-v", "--token=a"]), ["from element 3: nothing → `-v`"]);
        assert_eq!(said(&["-p", "jre", "--token=a"]), ["from element 0: `dm` → nothing"]);
        let masked = said(&["dm", "-p", "jre", "--token=b"]).concat();
        assert!(masked.starts_with("element 3: ") && !masked.contains("token=b"), "{masked}");
    }

    #[test]
    fn an_edit_that_starts_another_program_is_refused_unless_that_is_allowed() {
        let text =
            "servers:\n  default: {manager: {submit: [/bin/cat]}, allow: [/bin/sh, /bin/cat]}\n".to_owned();
        let source = crate::rules::Source { file: "redistribution.yaml".into(), text };
        let rules = crate::rules::redistribution::compile(Some(source)).expect("rules");
        let original = Rebuilt {
            id: "J1.1".into(),
            argv: tokens(&["dm", "-p", "jre"]),
            recipients: Vec::new(),
            narrowing: "replace".into(),
            grade: crate::redistribution::plan::Grade::Exact,
            doubts: Vec::new(),
            hash: String::new(),
            directory: None,
            user: None,
            list_file: None,
        };
        let said = |argv: &[&str]| {
            let edited = Approved {
                id: "J1.1".into(),
                server: "is38".into(),
                tool: "dm".into(),
                job: "j".into(),
                packages: Vec::new(),
                argv: tokens(argv),
                recipients: Vec::new(),
                directory: None,
                user: None,
                list_file: None,
                hash: String::new(),
                edits: Vec::new(),
            };
            may_start(rules.server(|_| false), &original, &edited)
        };
        assert_eq!(said(&["dm", "-p", "jdk"]), Ok(()));
        assert_eq!(said(&["/bin/sh", "-p", "jre"]), Ok(()));
        let removed = said(&["-p", "jre"]).expect_err("no program is left");
        assert!(
            removed.starts_with("the first element is the program: `-p` may not be started on is38"),
            "{removed}"
        );
        assert!(said(&[]).is_err_and(|why| why.contains("the command is empty")));
    }
}
