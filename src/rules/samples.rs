//! Samples beside format rules (`alerts/NAME.samples.yaml`): mails and what the rules should make of them.
//!
//! In: one text. Out: [`Sample`]s, or every mistake in it. Nothing is run here, and no mail file is opened;
//! `ingest` never reads samples.

use super::format::FIELDS;
use super::layers::Source;
use super::mistake::Mistake;
use super::model::{Field, Origin};
use super::reader::{Checker, Keys};
use super::yaml::{self, Kind, Node};
use std::collections::HashMap;

macro_rules! keys {
    ($name:ident, $of:literal, $($key:literal)+) => {
        pub(super) static $name: Keys = Keys { file: "alerts/*.samples.yaml", of: $of, keys: &[$($key),+] };
    };
}

keys!(TOP, "", "samples");
keys!(SAMPLE, "samples[]", "name" "mail" "file" "expect" "near_miss");
keys!(EXPECT, "expect", "format" "repair" "alerts");

/// Size of a samples file; mails stand in it.
const MOST: usize = 4 << 20;

/// One mail and what should become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// A claim, such as `connection_failure_is_read_whole`.
    pub name: String,
    pub origin: Origin,
    pub mail: SampleMail,
    pub expect: Expect,
    /// The rule beside which the sample stands must not match.
    pub near_miss: bool,
}

/// Where the mail of a sample is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SampleMail {
    /// Written out, with LF line ends.
    Text(String),
    /// Path relative to the samples file.
    File(String),
}

/// What is expected; what is not named is not compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expect {
    pub format: Option<ExpectedFormat>,
    /// Whether the mail is a recovery notice.
    pub repair: Option<bool>,
    /// The records, in order and number.
    pub alerts: Option<Vec<ExpectedAlert>>,
}

/// Which format should win the mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectedFormat {
    None,
    Named(String),
}

/// One expected alert record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedAlert {
    pub origin: Origin,
    pub failure: Option<String>,
    /// The named fields; None where the field must be absent.
    pub fields: Vec<(Field, Option<String>)>,
}

/// Reads one samples file.
///
/// # Errors
/// Every mistake in it.
pub fn parse(source: &Source) -> Result<Vec<Sample>, Vec<Mistake>> {
    let files = [source.file.clone()];
    let mut c = Checker::new(&files);
    let mut flaws = Vec::new();
    let first = yaml::Mark { source: 0, line: 1, column: 1 };
    let root = match source.text.len() {
        ..=MOST => yaml::read(&source.text, 0, &mut flaws),
        _ => {
            flaws.push((first, format!("the file is larger than {MOST} bytes")));
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
    let items = c.list(node, "samples")?;
    let mut seen: HashMap<String, u32> = HashMap::new();
    let mut samples = Vec::new();
    for item in items {
        let Some(sample) = sample(c, item) else { continue };
        if let Some(line) = seen.insert(sample.name.clone(), item.at.line) {
            c.wrong(item.at, format!("a second sample called `{}`, first at line {line}", sample.name));
        }
        samples.push(sample);
    }
    Some(samples)
}

fn sample(c: &mut Checker<'_>, node: &Node) -> Option<Sample> {
    let f = c.fields(node, &SAMPLE, "a sample")?;
    let name = c.need(&f, "name").and_then(|node| c.text(node, "name"));
    let mail = match c.one_of(&f, &["mail", "file"], "a sample") {
        Some(("mail", node)) => c.scalar(node, "mail").map(|mail| SampleMail::Text(mail.text.clone())),
        Some((_, node)) => file(c, node),
        None => None,
    };
    let near_miss = f.get("near_miss").map_or(Some(false), |node| c.flag(node, "near_miss"));
    let expected = f.get("expect").map_or(Some(Expect::default()), |node| expect(c, node));
    if f.get("expect").is_none() && f.get("near_miss").is_none() {
        c.wrong(f.at, "a sample needs `expect` or `near_miss: true`, else it claims nothing");
    }
    Some(Sample {
        name: name?,
        origin: c.origin(node.at),
        mail: mail?,
        expect: expected?,
        near_miss: near_miss?,
    })
}

fn file(c: &mut Checker<'_>, node: &Node) -> Option<SampleMail> {
    let path = c.text(node, "file")?;
    if path.starts_with('/') {
        c.wrong(node.at, format!("`file` must be relative to the samples file, not `{path}`"));
        return None;
    }
    Some(SampleMail::File(path))
}

fn expect(c: &mut Checker<'_>, node: &Node) -> Option<Expect> {
    let f = c.fields(node, &EXPECT, "`expect`")?;
    let format = f.get("format").map_or(Some(None), |node| {
        Some(Some(match c.text(node, "format")? {
            none if none == "none" => ExpectedFormat::None,
            named => ExpectedFormat::Named(named),
        }))
    });
    let repair = f.get("repair").map_or(Some(None), |node| c.flag(node, "repair").map(Some));
    let alerts = f.get("alerts").map_or(Some(None), |node| {
        let all: Vec<_> = c.list(node, "alerts")?.iter().map(|item| alert(c, item)).collect();
        all.into_iter().collect::<Option<Vec<_>>>().map(Some)
    });
    Some(Expect { format: format?, repair: repair?, alerts: alerts? })
}

fn alert(c: &mut Checker<'_>, node: &Node) -> Option<ExpectedAlert> {
    let names = c.names(node, "an expected alert")?;
    let mut alert = ExpectedAlert { origin: c.origin(node.at), failure: None, fields: Vec::new() };
    for entry in names.entries() {
        if entry.key == "failure" {
            alert.failure = Some(c.text(&entry.value, "failure")?);
            continue;
        }
        let Some(field) = Field::from_word(&entry.key) else {
            let words = FIELDS.keys.iter().copied().chain(["failure"]);
            let hint = super::mistake::nearest(&entry.key, words);
            c.wrong_word(entry.at, format!("unknown key `{}` in an expected alert", entry.key), hint);
            continue;
        };
        let value = match &entry.value.kind {
            _ if entry.value.is_null() => None,
            Kind::Scalar(scalar) => Some(scalar.text.clone()),
            _ => {
                let what = format!("`{}` must be a text, not {}", entry.key, entry.value.noun());
                c.wrong(entry.value.at, what);
                continue;
            }
        };
        alert.fields.push((field, value));
    }
    Some(alert)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Sample>, Vec<String>> {
        let source = Source { file: "alerts/x.samples.yaml".into(), text: text.into() };
        parse(&source).map_err(|mistakes| mistakes.iter().map(Mistake::to_string).collect())
    }

    #[test]
    fn a_sample_holds_its_mail_as_written_and_only_the_named_fields() {
        let text = "samples:\n  - name: one\n    mail: |\n      From: a@example.com\n\n      Device: node7\n    \
                    expect:\n      format: rsync\n      repair: false\n      alerts:\n        \
                    - {device: node7, failure: connection, package: jre-1.3.1, room: }\n  \
                    - name: two\n    near_miss: true\n    file: two.eml\n    expect: {format: none}\n";
        let samples = read(text).expect("right");
        assert_eq!(samples[0].mail, SampleMail::Text("From: a@example.com\n\nDevice: node7\n".into()));
        assert_eq!(samples[0].expect.format, Some(ExpectedFormat::Named("rsync".into())));
        assert_eq!(samples[0].expect.repair, Some(false));
        let alerts = samples[0].expect.alerts.as_deref().expect("named");
        assert_eq!(alerts[0].failure.as_deref(), Some("connection"));
        let package = Some("jre-1.3.1".to_owned());
        let wanted =
            [(Field::Device, Some("node7".to_owned())), (Field::Package, package), (Field::Room, None)];
        assert_eq!(alerts[0].fields, wanted);
        assert_eq!((samples[1].near_miss, &samples[1].mail), (true, &SampleMail::File("two.eml".into())));
        assert_eq!(samples[1].expect.format, Some(ExpectedFormat::None));
        assert_eq!((samples[1].origin.line, samples[1].origin.column), (12, 5));
    }

    #[test]
    fn every_mistake_of_a_samples_file_is_told() {
        let text = "samples:\n  - name: a\n    mail: x\n  - nam: b\n    file: /etc/x\n    near_miss: yes\n  \
                    - name: a\n    mail: x\n    file: y\n    expect:\n      alerts: [{devise: n, job: [1]}]\n";
        assert_eq!(
            read(text).expect_err("wrong"),
            [
                "alerts/x.samples.yaml:2:5: a sample needs `expect` or `near_miss: true`, else it claims nothing",
                "alerts/x.samples.yaml:4:5: `name` is missing",
                "alerts/x.samples.yaml:4:5: unknown key `nam` in a sample, did you mean `name`?",
                "alerts/x.samples.yaml:5:11: `file` must be relative to the samples file, not `/etc/x`",
                "alerts/x.samples.yaml:6:16: `near_miss` must be true or false, not `yes`, did you mean `true`?",
                "alerts/x.samples.yaml:9:11: a sample has both `mail` and `file`; only one may stand",
                "alerts/x.samples.yaml:11:17: unknown key `devise` in an expected alert, did you mean `device`?",
                "alerts/x.samples.yaml:11:33: `job` must be a text, not a list",
            ]
        );
    }

    #[test]
    fn an_empty_samples_file_has_no_samples() {
        assert_eq!(read("# none yet\n"), Ok(Vec::new()));
    }
}
