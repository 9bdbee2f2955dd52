//! The command of a run, as the log has it.
//!
//! In: a command string or list, the rule that read it, its place. Out: a [`Command`] with doubts and flagged secrets,
//! and what its options name. It does not know results.

use super::model::{Command, Place, Token, Writing};
use super::shell;
use crate::rules::logs::LogRule;

/// The writing a rule names.
pub(super) fn writing_of(word: &str) -> Writing {
    match word {
        "json" => Writing::Json,
        "quoted" => Writing::Quoted,
        "shell" => Writing::Shell,
        _ => Writing::Joined,
    }
}

/// Takes the command string of a log apart.
pub(super) fn command(bytes: &[u8], writing: Writing, rule: &LogRule, place: &Place) -> Command {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let damaged = matches!(&text, text if text.as_bytes() != bytes);
    let (mut argv, mut doubts) = match shell::split(&text, writing) {
        Ok(split) => split,
        Err(reason) => (Vec::new(), vec![format!("the command could not be taken apart: {reason}")]),
    };
    if damaged {
        doubts.push("the log holds bytes that are no text".to_owned());
    }
    let implied = &rule.command.program;
    if !implied.is_empty() && !argv.is_empty() {
        argv.splice(0..0, implied.iter().cloned());
    }
    let secret = secrets(&argv, &rule.command.secret);
    let token = |(at, text): (usize, String)| Token {
        text,
        place: (at >= implied.len()).then(|| place.clone()),
        secret: secret[at],
    };
    Command {
        argv: argv.into_iter().enumerate().map(token).collect(),
        text,
        writing,
        doubts,
        directory: None,
        user: None,
        place: place.clone(),
    }
}

/// Which elements are secret: values of the options, or elements that hold option and value.
fn secrets(argv: &[String], options: &[String]) -> Vec<bool> {
    let is_option = |element: &String| options.contains(element);
    let holds_both = |element: &String| options.iter().any(|option| attached(element, option).is_some());
    (0..argv.len()).map(|at| at > 0 && (is_option(&argv[at - 1]) || holds_both(&argv[at]))).collect()
}

/// The value inside `--option=value`, or of a short option inside `-ovalue`.
fn attached<'a>(element: &'a str, option: &str) -> Option<&'a str> {
    let rest = element.strip_prefix(option).filter(|rest| !rest.is_empty())?;
    match rest.strip_prefix('=') {
        Some(value) => Some(value),
        None => (option.len() == 2 && option.starts_with('-') && !option.starts_with("--")).then_some(rest),
    }
}

/// The values that these options have in a vector, in its order.
pub(super) fn values_of<'a>(argv: &'a [Token], options: &[String]) -> Vec<&'a str> {
    let mut values = Vec::new();
    for (at, token) in argv.iter().enumerate().skip(1) {
        if token.text == "--" {
            break;
        }
        if options.contains(&argv[at - 1].text) {
            values.push(token.text.as_str());
        } else if !options.contains(&token.text) {
            values.extend(options.iter().find_map(|option| attached(&token.text, option)));
        }
    }
    values
}

/// The first option by which a command has no effect.
pub(super) fn without_effect<'a>(argv: &'a [Token], options: &[String]) -> Option<&'a str> {
    let given = argv.iter().skip(1).take_while(|token| token.text != "--");
    given.map(|token| token.text.as_str()).find(|text| options.iter().any(|option| option == text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(words: &[&str]) -> Vec<Token> {
        words.iter().map(|text| Token { text: (*text).to_owned(), place: None, secret: false }).collect()
    }

    #[test]
    fn values_are_found_behind_and_inside_options() {
        let options = ["-l".to_owned(), "--limit".to_owned()];
        let read = |words: &[&str]| {
            values_of(&argv(words), &options).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(read(&["x", "-l", "a", "--limit=b", "-lc", "--limits", "d"]), ["a", "b", "c"]);
        assert_eq!(read(&["x", "--", "-l", "a"]), Vec::<String>::new());
    }

    #[test]
    fn secrets_are_flagged_and_kept() {
        let options = ["--password".to_owned(), "-p".to_owned()];
        let words: Vec<String> =
            ["x", "--password", "a", "--password=b", "-pc", "d"].map(str::to_owned).to_vec();
        assert_eq!(secrets(&words, &options), [false, false, true, true, true, false]);
    }
}
