//! All rule files together: one [`RuleSet`], or every mistake in them.
//!
//! In: the sources, lowest layer first. Out: what [`compile`] says. Here stand the checks that need more
//! than one file: names that refer to something defined elsewhere, doubles, the budget.

use super::layers::{FILES, Role, Source, merge, role};
use super::mistake::{Mistake, nearest};
use super::model::{Centers, FormatRule, Gates, Origin, RuleSet, Settings, Template, ThresholdRule};
use super::reader::{Checker, Keys, Named};
use super::yaml::{self, Entry, Kind, Mark, Node};
use super::{centers, format, gates, settings, thresholds};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// Files of all layers.
const MOST_FILES: usize = 20_000;
/// Size of a settings file, in bytes.
const MOST_SETTINGS: usize = 1 << 20;
/// Size of a file of formats: two thousand rules fit.
const MOST_FORMATS: usize = 4 << 20;
/// Size of a template.
const MOST_TEMPLATE: usize = 256 << 10;

/// Top-level keys of `conf.d/*.yaml`, and of the merged tree: those of all three settings files.
static SITE: Keys = Keys {
    file: "conf.d/*.yaml",
    of: "",
    keys: &[
        "identity",
        "state",
        "gates",
        "lists",
        "efforts",
        "time",
        "delivery",
        "tickets",
        "keep",
        "maildirs",
        "interval",
        "outages",
        "diagnosis",
        "findings",
        "failure_types",
        "thresholds",
        "default",
        "centers",
        "buildings",
        "regions",
        "servers",
        "packages",
        "failures",
        "network",
        "order",
    ],
};

/// Compiles rule files into a rule set.
///
/// Sources are given lowest layer first, [`super::embedded`] before all, `conf.d` after the files beside
/// it. A format or template file replaces one of the same name in a lower layer (an empty format file
/// switches it off); `autoticket.yaml`, `thresholds.yaml`, `centers.yaml` and `conf.d/*.yaml` merge key by
/// key. A value that a later layer replaces is not looked at. Samples and files of `lists`, `outages` and
/// `logs` are skipped.
///
/// # Errors
/// Every mistake found, in the order of sources, lines and columns; nothing is half compiled.
pub fn compile(sources: &[Source]) -> Result<RuleSet, Vec<Mistake>> {
    if let Some(source) = sources.get(MOST_FILES) {
        let what = format!("more than {MOST_FILES} rule files");
        return Err(vec![Mistake { file: source.file.clone(), line: 1, column: 1, what, hint: None }]);
    }
    let files: Vec<String> = sources.iter().map(|source| source.file.clone()).collect();
    let mut c = Checker::new(&files);
    let mut settings = None;
    let mut formats: Vec<(&str, u16)> = Vec::new();
    let mut templates = BTreeMap::new();
    let mut digest = Sha256::new();
    for (index, source) in sources.iter().enumerate() {
        let index = u16::try_from(index).unwrap_or(u16::MAX);
        let kind = role(&source.file);
        if kind == Role::Elsewhere {
            continue;
        }
        for part in [&source.file, &source.text] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        match kind {
            Role::Autoticket => settings = layer(&mut c, settings, source, index, &settings::TOP),
            Role::Thresholds => settings = layer(&mut c, settings, source, index, &thresholds::TOP),
            Role::Centers => settings = layer(&mut c, settings, source, index, &centers::TOP),
            Role::Site => settings = layer(&mut c, settings, source, index, &SITE),
            Role::Format(name) => {
                formats.retain(|(other, _)| *other != name);
                formats.push((name, index));
            }
            Role::Template(name) => {
                if let Some(text) = template(&mut c, source, index) {
                    templates.insert(name.to_owned(), text);
                }
            }
            Role::Elsewhere | Role::Unknown => unknown_file(&mut c, &source.file, index),
        }
    }
    let parts = whole(&mut c, settings, sources, &formats);
    match parts {
        Some((settings, gates, failure_types, thresholds, centers, formats)) if c.is_clean() => {
            let digest = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            Ok(RuleSet { settings, gates, failure_types, thresholds, centers, formats, templates, digest })
        }
        _ => Err(c.into_mistakes()),
    }
}

fn first(source: u16) -> Mark {
    Mark { source, line: 1, column: 1 }
}

fn unknown_file(c: &mut Checker<'_>, file: &str, index: u16) {
    let name = file.rsplit('/').next().unwrap_or(file);
    let what = "no rule file has this name; formats belong into `alerts`, templates into `templates`, \
                settings of the site into `conf.d`";
    c.wrong_word(first(index), what, nearest(name, FILES));
}

/// The tree of one text, with its mistakes of form noted.
fn tree(c: &mut Checker<'_>, source: &Source, index: u16, bound: usize) -> Option<Node> {
    if source.text.len() > bound {
        c.wrong(first(index), format!("the file is larger than {bound} bytes"));
        return None;
    }
    let mut flaws = Vec::new();
    let node = yaml::read(&source.text, index, &mut flaws);
    c.flaws(flaws);
    node
}

/// Merges one settings file over the layers below it; its top-level keys are checked here, where the file
/// is still known.
fn layer(
    c: &mut Checker<'_>,
    below: Option<Node>,
    source: &Source,
    index: u16,
    table: &'static Keys,
) -> Option<Node> {
    let Some(mut node) = tree(c, source, index, MOST_SETTINGS) else { return below };
    let Kind::Map(entries) = &mut node.kind else {
        c.wrong(node.at, format!("the file must be a map of keys and values, not {}", node.noun()));
        return below;
    };
    entries.retain(|entry| top_key(c, entry, table));
    match below {
        Some(below) => Some(merge(below, node)),
        None => Some(node),
    }
}

fn top_key(c: &mut Checker<'_>, entry: &Entry, table: &'static Keys) -> bool {
    let key = entry.key.as_str();
    if table.keys.contains(&key) {
        return true;
    }
    let home = [&settings::TOP, &thresholds::TOP, &centers::TOP].into_iter().find(|t| t.keys.contains(&key));
    match home {
        Some(home) => c.wrong(entry.at, format!("`{key}` belongs into `{}`", home.file)),
        None => {
            let hint = nearest(key, table.keys.iter().copied());
            c.wrong_word(entry.at, format!("unknown key `{key}` in {}", table.file), hint);
        }
    }
    false
}

fn template(c: &mut Checker<'_>, source: &Source, index: u16) -> Option<Template> {
    if source.text.len() > MOST_TEMPLATE {
        c.wrong(first(index), format!("the template is larger than {MOST_TEMPLATE} bytes"));
        return None;
    }
    let origin = Origin { file: source.file.clone(), line: 1, column: 1 };
    Some(Template { text: source.text.clone(), origin })
}

type Parts = (Settings, Gates, Vec<String>, Vec<ThresholdRule>, Centers, Vec<FormatRule>);

fn whole(
    c: &mut Checker<'_>,
    settings: Option<Node>,
    sources: &[Source],
    formats: &[(&str, u16)],
) -> Option<Parts> {
    let empty = || Node { at: first(0), kind: Kind::Map(Vec::new()) };
    let root = settings.unwrap_or_else(empty);
    let top = c.fields(&root, &SITE, "the settings")?;
    let mut named = Vec::new();
    let settings = settings::read(c, &top, &mut named);
    let gates = gates::read(c, &top);
    if let (Some(settings), Some(gates)) = (&settings, &gates) {
        authentication_has_a_server(c, &top, settings, gates);
    }
    let types = thresholds::read_types(c, &top);
    let thresholds = thresholds::read(c, &top);
    let centers = centers::read(c, &top);
    named.extend(thresholds.iter().flat_map(|(_, named)| named.clone()));
    let formats = read_formats(c, sources, formats, &mut named);
    named.extend(centers.iter().flat_map(|(_, refers)| refers.failures.iter().cloned()));
    if let Some(types) = &types {
        for (at, name) in &named {
            known_type(c, *at, name, types);
        }
    }
    if let Some((centers, refers)) = &centers {
        for (at, id) in &refers.centers {
            known_center(c, *at, id, centers);
        }
    }
    let (thresholds, _) = thresholds?;
    let (centers, _) = centers?;
    let formats = formats.into_iter().map(|format| format.rule).collect();
    Some((settings?, gates?, types?, thresholds, centers, formats))
}

fn authentication_has_a_server(
    c: &mut Checker<'_>,
    top: &super::reader::Fields<'_>,
    settings: &Settings,
    gates: &Gates,
) {
    if gates.authentication.enabled && settings.identity.authserv_id.is_none() {
        let Origin { line, column, .. } = gates.authentication.origin;
        let source = top.get("gates").map_or(0, |node| node.at.source);
        let what = "`authentication` needs `identity.authserv_id`, the name of the server whose word counts";
        c.wrong(Mark { source, line, column }, what);
    }
}

fn known_type(c: &mut Checker<'_>, at: Mark, name: &str, types: &[String]) {
    if !types.iter().any(|known| known == name) {
        let hint = nearest(name, types.iter().map(String::as_str));
        let what = format!("unknown failure type `{name}`; known are {}", types.join(", "));
        c.wrong_word(at, what, hint);
    }
}

fn known_center(c: &mut Checker<'_>, at: Mark, id: &str, centers: &Centers) {
    if !centers.centers.iter().any(|center| center.id == id) {
        let hint = nearest(id, centers.centers.iter().map(|center| center.id.as_str()));
        c.wrong_word(at, format!("no center `{id}` is defined under `centers`"), hint);
    }
}

/// The formats that count, in the order in which they are tried; ids are unique.
fn read_formats(
    c: &mut Checker<'_>,
    sources: &[Source],
    files: &[(&str, u16)],
    named: &mut Vec<Named>,
) -> Vec<format::ReadFormat> {
    let mut formats = Vec::new();
    let mut last = first(0);
    for (_, index) in files {
        let Some(root) = tree(c, &sources[usize::from(*index)], *index, MOST_FORMATS) else { continue };
        formats.extend(format::read(c, &root, named));
        last = first(*index);
    }
    let mut seen: HashMap<String, Mark> = HashMap::new();
    for format in &formats {
        if let Some(first) = seen.get(&format.rule.id) {
            let first = c.place(*first);
            let what = format!(
                "format `{}` is defined twice, first at {first}; to replace a shipped format give the file its name",
                format.rule.id
            );
            c.wrong(format.at, what);
        } else {
            seen.insert(format.rule.id.clone(), format.at);
        }
    }
    c.check_budget(last);
    formats.sort_by(|a, b| (a.rule.order, &a.rule.id).cmp(&(b.rule.order, &b.rule.id)));
    formats
}

#[cfg(test)]
mod tests {
    use super::super::embedded;
    use super::super::invalid::on_top;
    use super::super::model::{RelaySource, Seconds, Tls, TransportRule};
    use super::*;
    use proptest::prelude::*;

    /// A rule set as text, without origins and digest, which name files.
    fn meaning(rules: &RuleSet) -> String {
        let mut rules = rules.clone();
        rules.digest.clear();
        let text = format!("{rules:?}");
        let mut parts = text.split("Origin { ");
        let mut meaning = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            meaning.push_str(part.split_once('}').map_or("", |(_, rest)| rest));
        }
        meaning
    }

    #[test]
    fn the_shipped_rules_are_right_and_name_their_origin() {
        let rules = compile(&embedded()).expect("right");
        assert_eq!(rules.centers.default, "servicedesk");
        assert_eq!(rules.centers.centers[0].mail, ["servicedesk@localhost"]);
        assert_eq!(rules.centers.origin.file, "embedded:centers.yaml");
        assert_eq!(rules.failure_types.last().map(String::as_str), Some("unknown"));
        let retry = [Seconds(0), Seconds(30), Seconds(300), Seconds(3600)];
        assert_eq!(rules.settings.delivery.retry, retry);
        assert!(
            matches!(&rules.settings.delivery.transport, TransportRule::Files { folder } if folder == "outgoing")
        );
        assert_eq!(
            (rules.settings.keep.raw, rules.settings.keep.records),
            (Seconds(30 * 86_400), Seconds(365 * 86_400))
        );
        assert_eq!(rules.settings.tickets.reminder_after, Seconds(3 * 86_400));
        assert!(rules.gates.domain.enabled && rules.gates.subject.enabled && rules.gates.node.enabled);
        assert!(!rules.gates.authentication.enabled);
        let state = rules.settings.state.expect("the shipped file names a state folder");
        let text = embedded()
            .into_iter()
            .find(|source| source.file.ends_with("autoticket.yaml"))
            .expect("shipped")
            .text;
        assert_eq!(super::super::state_of(&text), Some(state));
    }

    #[test]
    fn a_copy_of_the_shipped_files_changes_nothing() {
        let copies: Vec<_> = embedded()
            .into_iter()
            .map(|source| Source { file: source.file.replace("embedded:", ""), text: source.text })
            .collect();
        let alone = compile(&embedded()).expect("right");
        let copied = compile(&[embedded(), copies].concat()).expect("right");
        assert_eq!(meaning(&copied), meaning(&alone));
        assert_ne!(copied.digest, alone.digest);
    }

    #[test]
    fn every_default_stands_in_the_embedded_file_alone() {
        // Without the lowest layer nothing has a value: each mandatory key is reported missing.
        let Err(mistakes) = compile(&[Source { file: "autoticket.yaml".into(), text: "state: /a\n".into() }])
        else {
            panic!("a value came from the code")
        };
        let missing: Vec<_> = mistakes.iter().map(|m| m.what.as_str()).collect();
        let wanted = [
            "centers",
            "default",
            "delivery",
            "diagnosis",
            "failure_types",
            "findings",
            "gates",
            "identity",
            "interval",
            "keep",
            "maildirs",
            "order",
            "outages",
            "thresholds",
            "tickets",
            "time",
        ];
        assert_eq!(missing, wanted.map(|key| format!("`{key}` is missing")));
    }

    #[test]
    fn a_site_changes_single_keys_from_conf_d() {
        let base = "delivery:\n  transport: smtp\n  smtp: {host: mx.example.com, port: 587, tls: starttls}\n";
        let site = "delivery: {smtp: {user: autoticket, credential: smtp.credential}}\nbuildings: {B2: servicedesk}\n";
        let rules =
            compile(&on_top(&[("autoticket.yaml", base), ("conf.d/10-site.yaml", site)])).expect("right");
        let TransportRule::Smtp { host, port, tls, user, credential, authority } =
            rules.settings.delivery.transport
        else {
            panic!("smtp")
        };
        assert_eq!((host.as_str(), port, tls), ("mx.example.com", 587, Tls::Starttls));
        assert_eq!(
            (user.as_deref(), credential.as_deref(), authority),
            (Some("autoticket"), Some("smtp.credential"), None)
        );
        let [building] = rules.centers.buildings.as_slice() else { panic!("one building") };
        assert_eq!((building.name.as_str(), building.center.as_deref()), ("B2", Some("servicedesk")));
    }

    #[test]
    fn a_later_relay_stands_over_one_of_the_same_sender() {
        let below = "gates: {relays: [{sender: m.example.com, source: enclosed}, {sender: a@example.com, source: enclosed}]}\n";
        let above = "gates: {relays: [{sender: M.example.com, matches: 'from (?<node>\\w+)'}]}\n";
        let rules = compile(&on_top(&[("autoticket.yaml", below), ("conf.d/x.yaml", above)])).expect("right");
        let relays: Vec<_> =
            rules.gates.relays.iter().map(|r| (r.sender.as_str(), r.origin.file.as_str())).collect();
        assert_eq!(relays, [("M.example.com", "conf.d/x.yaml"), ("a@example.com", "autoticket.yaml")]);
        assert!(matches!(rules.gates.relays[0].source, RelaySource::Captures { .. }));
    }

    #[test]
    fn a_template_replaces_the_one_of_the_same_name() {
        let sources = on_top(&[
            ("embedded:templates/ticket.txt.j2", "shipped"),
            ("templates/ticket.txt.j2", "ours {{ broken"),
            ("templates/update.txt.j2", "update"),
        ]);
        let templates = compile(&sources).expect("templates are not compiled here").templates;
        let texts: Vec<_> = templates
            .iter()
            .map(|(name, t)| (name.as_str(), t.text.as_str(), t.origin.file.as_str()))
            .collect();
        assert_eq!(
            texts,
            [
                ("ticket.txt", "ours {{ broken", "templates/ticket.txt.j2"),
                ("update.txt", "update", "templates/update.txt.j2")
            ]
        );
    }

    #[test]
    fn an_empty_format_file_switches_the_shipped_format_off() {
        let text = "format: x\nwhen: [{in: body, exists: true}]\nfields: {device: {key: D}}\n";
        let shipped = ("embedded:alerts/x.yaml", text);
        assert_eq!(compile(&on_top(&[shipped])).expect("right").formats.len(), 1);
        assert_eq!(
            compile(&on_top(&[shipped, ("alerts/x.yaml", "# off\n")])).expect("right").formats.len(),
            0
        );
    }

    #[test]
    fn the_digest_names_the_texts_that_count_and_no_samples() {
        let digest = |files: &[(&str, &str)]| compile(&on_top(files)).expect("right").digest;
        let plain = digest(&[]);
        assert_eq!(plain.len(), 64);
        assert_eq!(digest(&[("alerts/x.samples.yaml", "samples: []")]), plain);
        assert_ne!(digest(&[("conf.d/x.yaml", "# a comment\n")]), plain);
    }

    /// The shipped base files and a format with everything, from which some lines are taken, doubled,
    /// swapped or cut.
    fn damaged() -> impl Strategy<Value = Vec<Source>> {
        let edit = (0..4usize, any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..4u8);
        prop::collection::vec(edit, 1..6).prop_map(|edits| {
            let mut sources = on_top(&[("alerts/x.yaml", format::EVERYTHING)]);
            for (file, line, other, how) in edits {
                let mut lines: Vec<_> = sources[file].text.lines().map(str::to_owned).collect();
                if lines.is_empty() {
                    continue;
                }
                let (line, other) = (line.index(lines.len()), other.index(lines.len()));
                match how {
                    0 => drop(lines.remove(line)),
                    1 => lines.insert(other, lines[line].clone()),
                    2 => lines.swap(line, other),
                    _ => {
                        let half = lines[line].chars().count() / 2;
                        lines[line] = lines[line].chars().take(half).collect();
                    }
                }
                sources[file].text = lines.join("\n");
            }
            sources
        })
    }

    proptest! {
        #[test]
        fn damaged_rules_compile_or_are_told_where_they_are_wrong(sources in damaged()) {
            if let Err(mistakes) = compile(&sources) {
                prop_assert!(!mistakes.is_empty());
                for mistake in mistakes {
                    let source = sources.iter().find(|source| source.file == mistake.file);
                    let lines = source.map_or(0, |source| source.text.lines().count());
                    prop_assert!(mistake.line >= 1 && mistake.column >= 1, "{mistake}");
                    prop_assert!(usize::try_from(mistake.line).is_ok_and(|line| line <= lines + 1), "{mistake}");
                }
            }
        }
    }

    #[test]
    fn two_thousand_rules_fit_and_too_many_unicode_patterns_do_not() {
        let many = |count: usize, unicode: bool| {
            let rule = |i: usize| {
                format!(
                    "- {{format: r{i}, unicode: {unicode}, when: [{{in: body, matches: 'rule {i}: (x|y)'}}], \
                     fields: {{device: {{key: Device}}, package: {{key: [Package, Failed package]}}}}}}\n"
                )
            };
            format!("formats:\n{}", (0..count).map(rule).collect::<String>())
        };
        let large = many(2_000, false);
        assert_eq!(compile(&on_top(&[("alerts/many.yaml", &large)])).expect("right").formats.len(), 2_000);
        let slow = many(201, true);
        let mistakes = compile(&on_top(&[("alerts/slow.yaml", &slow)])).expect_err("over the budget");
        let told: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "alerts/slow.yaml:1:1: 201 patterns with `unicode: true`; at most 200, as each is slow to start"
            ]
        );
    }
}
