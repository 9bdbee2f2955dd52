//! Samples beside logfile rules (`logs/NAME.samples.yaml`): log texts and the runs they should give.
//!
//! In: one text. Out: [`Sample`]s, or every mistake in it. Nothing is read here by a rule.

use crate::rules::layers::Source;
use crate::rules::mistake::Mistake;
use crate::rules::model::Origin;
use crate::rules::reader::{Checker, Keys};
use crate::rules::yaml::{self, Mark, Node};

macro_rules! keys {
    ($name:ident, $of:literal, $($key:literal)+) => {
        pub(super) static $name: Keys = Keys { file: "logs/*.samples.yaml", of: $of, keys: &[$($key),+] };
    };
}

keys!(TOP, "", "samples");
keys!(SAMPLE, "samples[]", "name" "text" "rule" "runs" "not_understood");
keys!(RUN, "samples[].runs[]",
    "line" "last" "tool" "server" "job" "user" "directory" "packages" "list" "start" "end" "argv" "doubts" "outcome"
    "recipients");
keys!(RECIPIENT, "samples[].runs[].recipients[]", "name" "outcome" "cause" "parameters" "line");

/// Size of a samples file.
const MOST: usize = 4 << 20;

/// One log and what should be read from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    pub name: String,
    pub origin: Origin,
    pub text: String,
    /// The rule that should be recognised; `none`: no rule. Without it, the rule beside which the sample stands.
    pub rule: Option<String>,
    pub runs: Vec<ExpectedRun>,
    /// Lines no event matches.
    pub not_understood: u64,
}

/// What is expected of a run; what is not named is not compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExpectedRun {
    pub origin: Origin,
    /// Keys and texts, as [`RUN`] names them.
    pub texts: Vec<(String, String)>,
    /// Keys and lists.
    pub lists: Vec<(String, Vec<String>)>,
    pub recipients: Option<Vec<Vec<(String, String)>>>,
}

/// Reads one samples file.
///
/// # Errors
/// Every mistake in it.
pub fn parse(source: &Source) -> Result<Vec<Sample>, Vec<Mistake>> {
    let files = [source.file.clone()];
    let mut c = Checker::new(&files);
    let mut flaws = Vec::new();
    let root = match source.text.len() {
        ..=MOST => yaml::read(&source.text, 0, &mut flaws),
        _ => {
            flaws.push((
                Mark { source: 0, line: 1, column: 1 },
                format!("the file is larger than {MOST} bytes"),
            ));
            None
        }
    };
    c.flaws(flaws);
    let samples = root.map_or(Some(Vec::new()), |root| samples(&mut c, &root));
    match samples {
        Some(samples) if c.is_clean() => Ok(samples),
        _ => Err(c.into_mistakes()),
    }
}

fn samples(c: &mut Checker<'_>, root: &Node) -> Option<Vec<Sample>> {
    let f = c.fields(root, &TOP, "a samples file")?;
    let node = c.need(&f, "samples")?;
    let all: Vec<_> = c.list(node, "samples")?.iter().map(|item| sample(c, item)).collect();
    all.into_iter().collect()
}

fn sample(c: &mut Checker<'_>, node: &Node) -> Option<Sample> {
    let f = c.fields(node, &SAMPLE, "a sample")?;
    let name = c.need(&f, "name").and_then(|node| c.text(node, "name"));
    let text = c.need(&f, "text").and_then(|node| c.scalar(node, "text").map(|s| s.text.clone()));
    let rule = f.get("rule").map_or(Some(None), |node| c.text(node, "rule").map(Some));
    let lost = f.get("not_understood").map_or(Some(0), |node| c.whole(node, "not_understood", 0..=i64::MAX));
    let runs = f.get("runs").map_or(Some(Vec::new()), |node| {
        let all: Vec<_> = c.list(node, "runs")?.iter().map(|item| run(c, item)).collect();
        all.into_iter().collect()
    });
    Some(Sample {
        name: name?,
        origin: c.origin(node.at),
        text: text?,
        rule: rule?,
        runs: runs?,
        not_understood: u64::try_from(lost?).ok()?,
    })
}

fn run(c: &mut Checker<'_>, node: &Node) -> Option<ExpectedRun> {
    let f = c.fields(node, &RUN, "an expected run")?;
    let mut run = ExpectedRun { origin: c.origin(node.at), ..ExpectedRun::default() };
    for entry in f.entries() {
        match entry.key.as_str() {
            "argv" | "packages" | "doubts" => {
                let items = c.list(&entry.value, &entry.key)?;
                let texts: Vec<_> = items.iter().map(|item| c.scalar(item, &entry.key)).collect();
                let texts: Option<Vec<_>> = texts.into_iter().map(|s| Some(s?.text.clone())).collect();
                run.lists.push((entry.key.clone(), texts?));
            }
            "recipients" => {
                let items = c.list(&entry.value, "recipients")?;
                let all: Vec<_> = items.iter().map(|item| recipient(c, item)).collect();
                run.recipients = Some(all.into_iter().collect::<Option<_>>()?);
            }
            key => run.texts.push((key.to_owned(), c.scalar(&entry.value, key)?.text.clone())),
        }
    }
    Some(run)
}

fn recipient(c: &mut Checker<'_>, node: &Node) -> Option<Vec<(String, String)>> {
    let f = c.fields(node, &RECIPIENT, "an expected recipient")?;
    let texts = f
        .entries()
        .iter()
        .map(|entry| Some((entry.key.clone(), c.scalar(&entry.value, &entry.key)?.text.clone())));
    texts.collect()
}
