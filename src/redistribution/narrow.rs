//! `replace` and `insert`: a vector restricted to some of its recipients, everything else untouched.
//!
//! In: a vector, the way its rule narrows it, the recipients that stay. Out: the narrowed vector, or why it cannot
//! be proven to reach exactly those. It does not know runs, lists or grades.

use super::model::Token;
use super::names::{Found, Names, more_than_a_name};
use super::nodeset;
use super::shell::masked;
use crate::alert::name::normal;
use crate::shown::Shown;
use std::collections::{HashMap, HashSet};

/// How an element holds one of the options asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// `--limit a`, `-l a`: the next element is the value.
    Next,
    /// `-vl a`: behind other letters, the next element is the value.
    Cluster,
    /// `--limit=a`, `-la`: the value begins at this byte.
    Attached(usize),
}

/// Index of `--`, or the end: behind it nothing is an option.
pub fn terminator(argv: &[Token]) -> usize {
    argv.iter().skip(1).position(|token| token.text == "--").map_or(argv.len(), |at| at + 1)
}

/// An element for a message: masked and made visible.
fn said(token: &Token) -> String {
    format!("`{}`", Shown::new(masked(token)))
}

/// Whether an element holds one of `options`, and how. `Err`: it may, and nobody can tell.
fn spelling(token: &Token, options: &[&str]) -> Result<Option<Spelling>, String> {
    let text = token.text.as_str();
    if !text.starts_with('-') || text.len() < 2 {
        return Ok(None);
    }
    if options.contains(&text) {
        return Ok(Some(Spelling::Next));
    }
    for option in options.iter().filter(|option| option.len() > 2) {
        if let Some(value) = text.strip_prefix(option).and_then(|rest| rest.strip_prefix('=')) {
            return Ok(Some(Spelling::Attached(text.len() - value.len())));
        }
        let word = text.split('=').next().unwrap_or(text);
        if word.len() > 2 && word.starts_with("--") && option.starts_with(word) {
            return Err(format!("{} may be short for `{option}`", said(token)));
        }
    }
    for option in options.iter().filter(|option| option.len() == 2 && !text.starts_with("--")) {
        if text.starts_with(option) {
            return Ok(Some(Spelling::Attached(2 + usize::from(text[2..].starts_with('=')))));
        }
        let letter = &option[1..];
        let Some(at) = text[1..].find(letter).map(|at| at + 1) else { continue };
        if text[1..at].bytes().all(|byte| byte.is_ascii_alphabetic()) {
            if at + 1 == text.len() {
                return Ok(Some(Spelling::Cluster));
            }
            return Err(format!("{} may hold `{option}`", said(token)));
        }
    }
    Ok(None)
}

/// Refuses parameters that would themselves widen what was narrowed.
pub fn harmless(parameters: &[Token], options: &[&str]) -> Result<(), String> {
    for parameter in parameters {
        if parameter.text == "--" || spelling(parameter, options)?.is_some() {
            return Err(format!("the parameter {} would change whom the command reaches", said(parameter)));
        }
    }
    Ok(())
}

/// What `insert` needs of its rule.
pub struct Insert<'a> {
    pub option: &'a str,
    pub also: &'a [String],
    pub separator: &'a str,
    pub joined: bool,
    pub at: usize,
}

impl Insert<'_> {
    /// All spellings of the option.
    pub fn options(&self) -> Vec<&str> {
        std::iter::once(self.option).chain(self.also.iter().map(String::as_str)).collect()
    }

    /// The vector with the option naming exactly `names`; whatever it named before is taken out.
    pub fn apply(&self, argv: &[Token], names: &[&str]) -> Result<Vec<Token>, String> {
        let options = self.options();
        let program = argv[0].text.rsplit('/').next().unwrap_or_default();
        if WRAPPERS.contains(&program) {
            let why = format!("`{program}` runs another program, and `{}` belongs to that one", self.option);
            return Err(format!("the command begins with a wrapper: {why}"));
        }
        let end = terminator(argv);
        let mut kept: Vec<(usize, Token)> = Vec::with_capacity(argv.len() + 2);
        let mut at = 0;
        while at < argv.len() {
            let held = if (1..end).contains(&at) { spelling(&argv[at], &options)? } else { None };
            match held {
                None => kept.push((at, argv[at].clone())),
                Some(Spelling::Attached(_)) => {}
                Some(Spelling::Next | Spelling::Cluster) if at + 1 >= end => {
                    return Err(format!("{} in the command lacks its value", said(&argv[at])));
                }
                Some(Spelling::Next) => at += 1,
                Some(Spelling::Cluster) => {
                    let mut rest = argv[at].clone();
                    rest.text.pop();
                    kept.push((at, rest));
                    at += 1;
                }
            }
            at += 1;
        }
        let place = kept.iter().take_while(|(from, _)| *from < self.at.max(1).min(end)).count();
        let before = &kept[place - 1].1;
        if place > 1 && before.text.starts_with('-') && !before.text.contains('=') {
            return Err(format!("`{}` would come between {} and its value", self.option, said(before)));
        }
        let made = |text: String| Token { text, place: None, secret: false };
        let value = names.join(self.separator);
        let inserted = match (self.joined, self.option.len() == 2) {
            (false, _) => vec![made(self.option.to_owned()), made(value)],
            (true, true) => vec![made(format!("{}{value}", self.option))],
            (true, false) => vec![made(format!("{}={value}", self.option))],
        };
        let mut argv: Vec<Token> = kept.into_iter().map(|(_, token)| token).collect();
        argv.splice(place..place, inserted);
        Ok(argv)
    }
}

/// Programs that run the program behind them: an option right behind would be theirs.
const WRAPPERS: [&str; 19] = [
    "sudo", "doas", "su", "env", "nice", "ionice", "nohup", "time", "timeout", "setsid", "python", "python3",
    "perl", "ruby", "xargs", "sh", "bash", "dash", "zsh",
];

/// One place of a vector that names recipients.
struct Spot {
    token: usize,
    /// Where the value begins in the element.
    start: usize,
    /// The option's own element before it.
    option: Option<(usize, Spelling)>,
    pieces: Vec<Piece>,
}

/// A name or a folded set of them between two separators.
struct Piece {
    text: String,
    /// Names it stands for, and which recipients they are.
    members: Vec<(String, Option<usize>)>,
}

/// A vector whose recipients are all found, ready to be narrowed to some of them.
pub struct Replace<'a> {
    argv: &'a [Token],
    separator: &'a str,
    spots: Vec<Spot>,
    /// Why it may not be what it seems.
    pub doubts: Vec<String>,
}

impl<'a> Replace<'a> {
    /// Finds the recipients in a vector. `count` of `names` are the run's; each of them must be named, or the command
    /// reaches some of them by a way that is not known. `lossy`: the vector was cut at blanks.
    pub fn new(
        argv: &'a [Token],
        options: &[String],
        separator: &'a str,
        names: &Names<&str>,
        all: &[&str],
        lossy: bool,
    ) -> Result<Self, String> {
        let mut found = Self { argv, separator, spots: Vec::new(), doubts: Vec::new() };
        if options.is_empty() {
            found.anywhere(names)?;
            found.lookalikes(all)?;
        } else {
            let options: Vec<&str> = options.iter().map(String::as_str).collect();
            found.in_options(&options, names)?;
            if lossy {
                found.strays(names)?;
            }
        }
        found.account(names, all, options.is_empty())?;
        Ok(found)
    }

    fn in_options(&mut self, options: &[&str], names: &Names<&str>) -> Result<(), String> {
        let (argv, end) = (self.argv, terminator(self.argv));
        let mut at = 1;
        while at < end {
            match spelling(&argv[at], options)? {
                None => {}
                Some(Spelling::Attached(start)) => {
                    let pieces = self.pieces(&argv[at].text[start..], names)?;
                    let short = !argv[at].text.starts_with("--") && start <= 3;
                    if short && !pieces.iter().any(|piece| piece.members.iter().any(|(_, who)| who.is_some()))
                    {
                        return Err(format!("{} may be another option", said(&argv[at])));
                    }
                    self.spots.push(Spot { token: at, start, option: None, pieces });
                }
                Some(how @ (Spelling::Next | Spelling::Cluster)) => {
                    if at + 1 >= end {
                        return Err(format!("{} in the command lacks its value", said(&argv[at])));
                    }
                    let pieces = self.pieces(&argv[at + 1].text, names)?;
                    self.spots.push(Spot { token: at + 1, start: 0, option: Some((at, how)), pieces });
                    at += 1;
                }
            }
            at += 1;
        }
        Ok(())
    }

    /// Without declared options: every element that names a recipient.
    fn anywhere(&mut self, names: &Names<&str>) -> Result<(), String> {
        let (argv, end) = (self.argv, terminator(self.argv));
        for (at, token) in argv.iter().enumerate().skip(1) {
            let option = at < end && token.text.starts_with('-');
            let start = match token.text.split_once('=') {
                Some((word, _)) if option => word.len() + 1,
                _ if option => continue,
                _ => 0,
            };
            let names_one = |piece: &str| match nodeset::unfold(piece) {
                Some(members) => members.iter().any(|member| names.find(member) != Found::Nothing),
                None => names.find(piece) != Found::Nothing,
            };
            if self.cut(&token.text[start..]).into_iter().any(names_one) {
                let pieces = self.pieces(&token.text[start..], names)?;
                self.spots.push(Spot { token: at, start, option: None, pieces });
            }
        }
        Ok(())
    }

    /// A value at its separators, brackets left whole.
    fn cut<'t>(&self, value: &'t str) -> Vec<&'t str> {
        let pieces = match self.separator {
            "" => vec![value],
            "," => nodeset::pieces(value).unwrap_or_else(|| value.split(',').collect()),
            separator => value.split(separator).collect(),
        };
        pieces.into_iter().filter(|piece| !piece.is_empty()).collect()
    }

    fn pieces(&self, value: &str, names: &Names<&str>) -> Result<Vec<Piece>, String> {
        let mut pieces = Vec::new();
        for text in self.cut(value) {
            let plain = names.find(text) != Found::Nothing || !text.contains('[');
            let unfolded = if plain { Some(vec![text.to_owned()]) } else { nodeset::unfold(text) };
            let shown = Shown::new(text);
            let unfolded = unfolded.ok_or_else(|| {
                format!("`{shown}` in the command names recipients in a way that is not known")
            })?;
            let mut members = Vec::with_capacity(unfolded.len());
            for name in unfolded {
                let who = match names.find(&name) {
                    Found::One(at) => Some(at),
                    Found::Several => {
                        return Err(format!(
                            "`{}` in the command means several recipients",
                            Shown::new(&name)
                        ));
                    }
                    Found::Nothing => None,
                };
                if who.is_none() && (name.starts_with('-') || more_than_a_name(&name, "").is_some()) {
                    return Err(format!("whom `{}` in the command means is not known", Shown::new(&name)));
                }
                members.push((name, who));
            }
            pieces.push(Piece { text: text.to_owned(), members });
        }
        Ok(pieces)
    }

    /// Without declared options, an element that looks like a recipient of which the log says nothing.
    fn lookalikes(&mut self, all: &[&str]) -> Result<(), String> {
        let spots: HashSet<usize> = self.spots.iter().map(|spot| spot.token).collect();
        let shape = |name: &str| {
            let form = normal(name);
            let (before, digits, after) = nodeset::apart(&form);
            (!digits.is_empty()).then(|| (before.to_owned(), after.to_owned()))
        };
        let shapes: HashSet<(String, String)> = all.iter().filter_map(|name| shape(name)).collect();
        let (first, last) = (spots.iter().min().copied(), spots.iter().max().copied());
        for (at, token) in self.argv.iter().enumerate().skip(1) {
            if spots.contains(&at) || token.text.starts_with('-') {
                continue;
            }
            if self.cut(&token.text).into_iter().filter_map(shape).any(|shape| shapes.contains(&shape)) {
                return Err(format!("{} looks like a recipient of which the log says nothing", said(token)));
            }
            if first < Some(at) && Some(at) < last {
                let said = said(token);
                self.doubts
                    .push(format!("{said} stands between recipients; if it is one, it is not left out"));
            }
        }
        Ok(())
    }

    /// A vector cut at blanks may have lost the rest of a list.
    fn strays(&self, names: &Names<&str>) -> Result<(), String> {
        let spots: HashSet<usize> = self.spots.iter().map(|spot| spot.token).collect();
        for (at, token) in self.argv.iter().enumerate().skip(1) {
            if !spots.contains(&at) && names.find(&token.text) != Found::Nothing {
                let said = said(token);
                return Err(format!("{said} may belong to a list of recipients whose quoting the log lost"));
            }
        }
        Ok(())
    }

    /// Every recipient is named, and none of them in two ways.
    fn account(&self, names: &Names<&str>, all: &[&str], anywhere: bool) -> Result<(), String> {
        let mut named: HashMap<usize, (&str, usize)> = HashMap::new();
        for (index, spot) in self.spots.iter().enumerate() {
            for (text, who) in spot.pieces.iter().flat_map(|piece| &piece.members) {
                let Some(who) = who else { continue };
                let (known, first) = *named.entry(*who).or_insert((text, index));
                if known != text {
                    let (a, b) = (Shown::new(known), Shown::new(text));
                    return Err(format!("one recipient is named in two ways, `{a}` and `{b}`"));
                }
                if anywhere && first != index {
                    let name = Shown::new(text);
                    return Err(format!(
                        "`{name}` stands in the command twice; which is the recipient is not known"
                    ));
                }
            }
        }
        let missing = all.iter().find(|name| match names.find(name) {
            Found::One(at) => !named.contains_key(&at),
            _ => true,
        });
        match missing {
            Some(name) => Err(format!("the command reaches `{}` without naming it", Shown::new(name))),
            None => Ok(()),
        }
    }

    /// The vector with those recipients only, by index among the names.
    pub fn apply(&self, stay: &HashSet<usize>) -> Result<Vec<Token>, String> {
        let mut changed: HashMap<usize, Option<String>> = HashMap::new();
        for spot in &self.spots {
            let token = &self.argv[spot.token];
            let whole = spot.pieces.iter().flat_map(|piece| &piece.members);
            if whole.clone().all(|(_, who)| who.is_some_and(|who| stay.contains(&who)))
                && !spot.pieces.is_empty()
            {
                continue;
            }
            let value = self.kept(&spot.pieces, stay)?;
            if !value.is_empty() {
                changed.insert(spot.token, Some(format!("{}{value}", &token.text[..spot.start])));
                continue;
            }
            changed.insert(spot.token, None);
            match spot.option {
                Some((option, Spelling::Cluster)) => {
                    let mut rest = self.argv[option].text.clone();
                    rest.pop();
                    changed.insert(option, Some(rest));
                }
                Some((option, _)) => {
                    changed.insert(option, None);
                }
                None if spot.start == 0 && self.dangles(spot.token) => {
                    let option = said(&self.argv[spot.token - 1]);
                    return Err(format!(
                        "{option} would lose its value: the rule must name it among its options"
                    ));
                }
                None => {}
            }
        }
        let tokens = self.argv.iter().enumerate().filter_map(|(at, token)| match changed.get(&at) {
            None => Some(token.clone()),
            Some(None) => None,
            Some(Some(text)) => Some(Token { text: text.clone(), ..token.clone() }),
        });
        Ok(tokens.collect())
    }

    /// Whether the element may be the value of an option before it.
    fn dangles(&self, token: usize) -> bool {
        let before = &self.argv[token - 1].text;
        token > 1 && token < terminator(self.argv) && before.starts_with('-') && !before.contains('=')
    }

    fn kept(&self, pieces: &[Piece], stay: &HashSet<usize>) -> Result<String, String> {
        let mut kept: Vec<String> = Vec::new();
        for piece in pieces {
            let stays = |who: &Option<usize>| who.is_some_and(|who| stay.contains(&who));
            let names: Vec<String> =
                piece.members.iter().filter(|(_, who)| stays(who)).map(|(name, _)| name.clone()).collect();
            if names.len() == piece.members.len() {
                kept.push(piece.text.clone());
            } else if !names.is_empty() {
                let folded = nodeset::fold(&names);
                let back: Option<HashSet<String>> =
                    nodeset::unfold(&folded).map(|back| back.into_iter().collect());
                if back.is_none_or(|back| back != names.into_iter().collect()) {
                    return Err(format!("`{}` cannot be folded anew", Shown::new(&piece.text)));
                }
                kept.extend(nodeset::pieces(&folded).unwrap_or_default().into_iter().map(str::to_owned));
            }
        }
        if self.separator.is_empty() && kept.len() > 1 {
            return Err("the rule names no separator for several recipients".to_owned());
        }
        Ok(kept.join(self.separator))
    }
}
