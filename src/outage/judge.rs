//! Who is meant by a notice, and which notice holds.
//!
//! In: what is known of a device, the notices found by its keys, the time. Out: an [`Expectation`]. Where several
//! notices hold, the one counts whose narrowest target is narrowest (device and address, glob, building, server,
//! region, package); of those the one that names more kinds of things, then the one that ends last, then `aside`
//! before `drop`, then the smaller id. Its end is the real one: what adjoins or overlaps it with the same
//! action, of whatever notice, is taken together.

use super::model::{Action, Expectation, Notice, Target, TargetKind, key};
use super::recurrence::Stretch;
use crate::alert::name;
use crate::rules::glob;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use jiff::Timestamp;
use std::borrow::Borrow;

/// Adjoining periods that are followed to their end.
const MOST_CHAINED: usize = 100;

/// What is known of the device that crossed, of where it stands, and of what was sent to it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Subject<'a> {
    /// Name as counted, FQDN, short name, aliases.
    pub names: &'a [&'a str],
    pub mac: Option<&'a str>,
    pub ips: &'a [&'a str],
    pub building: Option<&'a str>,
    pub region: Option<&'a str>,
    /// Names of the intermediate server, and of what it stands behind.
    pub servers: &'a [&'a str],
    pub package: Option<&'a str>,
}

impl Subject<'_> {
    fn names_of(&self, kind: TargetKind) -> Vec<String> {
        let mut names: Vec<String> = match kind {
            TargetKind::Device | TargetKind::Glob => self.names.iter().map(|n| name::normal(n)).collect(),
            TargetKind::Mac => self.mac.iter().chain(self.names).filter_map(|n| name::mac(n)).collect(),
            TargetKind::Ip => self.ips.iter().chain(self.names).filter_map(|n| name::ip(n)).collect(),
            TargetKind::Server => self.servers.iter().map(|n| name::normal(n)).collect(),
            TargetKind::Building => self.building.iter().map(|n| key(kind, n)).collect(),
            TargetKind::Region => self.region.iter().map(|n| key(kind, n)).collect(),
            TargetKind::Package => self.package.iter().map(|n| key(kind, n)).collect(),
        };
        names.retain(|name| !name.is_empty());
        names
    }

    /// All names in their normal form.
    fn named(&self) -> Named {
        Named(TargetKind::ALL.map(|(kind, _)| self.names_of(kind)))
    }
}

/// The names of a subject by kind, normalised once for many notices.
struct Named([Vec<String>; TargetKind::ALL.len()]);

impl Named {
    /// Whether a target of a notice means this device, or what is about it.
    fn fits(&self, target: &Target) -> bool {
        let names = &self.0[target.kind as usize];
        if target.is_glob() {
            return glob::matcher(&target.name).is_some_and(|glob| {
                names.iter().any(|name| glob.is_match(name) || glob.is_match(name::host(name)))
            });
        }
        match target.kind {
            TargetKind::Device | TargetKind::Server => {
                let dotted = target.name.contains('.');
                let may = |name: &String| *name == target.name || name.contains('.') != dotted;
                names.iter().any(|name| may(name) && name::same(name, &target.name))
            }
            kind => names.contains(&key(kind, &target.name)),
        }
    }
}

/// Under which keys notices about this device are found; each once.
pub fn keys(subject: &Subject<'_>) -> Vec<(TargetKind, String)> {
    let mut keys = Vec::new();
    for (kind, _) in TargetKind::ALL.into_iter().filter(|(kind, _)| *kind != TargetKind::Glob) {
        for name in subject.names_of(kind) {
            if matches!(kind, TargetKind::Device | TargetKind::Server) {
                let host = name::host(&name);
                if host != name {
                    keys.push((kind, host));
                }
            }
            keys.push((kind, name));
        }
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Under which keys a notice is kept: the targets of its narrowest family; names under their short form as well.
/// Globs are kept apart.
pub fn kept_under(notice: &Notice) -> Vec<(TargetKind, String)> {
    let leading = notice.leading();
    let mut keys = Vec::new();
    for target in notice.targets.iter().filter(|t| t.kind.family() == leading && !t.is_glob()) {
        if matches!(target.kind, TargetKind::Device | TargetKind::Server) {
            keys.push((target.kind, name::host(&target.name)));
        }
        keys.push((target.kind, key(target.kind, &target.name)));
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The globs under which a notice is kept.
pub fn kept_globs(notice: &Notice) -> Vec<(TargetKind, String)> {
    let leading = notice.leading();
    let globs = notice.targets.iter().filter(|t| t.kind.family() == leading && t.is_glob());
    globs.map(|t| (t.kind, t.name.clone())).collect()
}

/// The target that fits, narrowest first, and how many families the notice names; None where one of them does not.
fn fitting<'n>(subject: &Named, notice: &'n Notice) -> Option<(Vec<&'n Target>, usize)> {
    let mut fitting: Vec<&Target> = Vec::new();
    let mut families: Vec<TargetKind> = notice.targets.iter().map(|t| t.kind.family()).collect();
    families.sort_unstable();
    families.dedup();
    for family in &families {
        let target =
            notice.targets.iter().filter(|t| t.kind.family() == *family).find(|t| subject.fits(t))?;
        fitting.push(target);
    }
    fitting.sort_by_key(|target| target.kind.rank());
    (!fitting.is_empty()).then_some((fitting, families.len()))
}

/// A notice that means the device and holds now.
struct Holding<'n> {
    notice: &'n Notice,
    targets: Vec<&'n Target>,
    families: usize,
    stretch: Stretch,
}

impl Holding<'_> {
    fn order(&self) -> impl Ord {
        let rank = self.targets.first().map_or(usize::MAX, |target| target.kind.rank());
        let end = std::cmp::Reverse(self.stretch.until.map_or((1, Timestamp::MAX), |until| (0, until)));
        (rank, std::cmp::Reverse(self.families), end, self.notice.action, self.notice.id.clone())
    }
}

/// Whether the failure was to be expected. `candidates` may hold notices that mean others, and some twice.
pub fn judge<N: Borrow<Notice>>(subject: &Subject<'_>, candidates: &[N], now: Timestamp) -> Expectation {
    let subject = &subject.named();
    let meant: Vec<(&Notice, Vec<&Target>, usize)> = candidates
        .iter()
        .map(Borrow::borrow)
        .filter_map(|notice| fitting(subject, notice).map(|(targets, families)| (notice, targets, families)))
        .collect();
    let holding = meant.iter().filter_map(|(notice, targets, families)| {
        let stretch = notice.covering(now)?;
        Some(Holding { notice, targets: targets.clone(), families: *families, stretch })
    });
    let Some(best) = holding.min_by(|a, b| a.order().cmp(&b.order())) else {
        return Expectation::NotExpected { notes: Vec::new() };
    };
    let notice = best.notice;
    let alike = meant.iter().map(|(notice, ..)| *notice).filter(|other| other.action == notice.action);
    let until = chained(best.stretch.until, &alike.collect::<Vec<_>>());
    let target = best.targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    Expectation::Expected {
        notice: notice.id.clone(),
        origin: notice.origin.clone(),
        action: notice.action,
        from: best.stretch.from,
        until,
        author: notice.author.clone(),
        reason: notice.reason.clone(),
        target,
        notes: Vec::new(),
    }
}

/// The end of what adjoins and overlaps. Where that goes on and on it is cut off: then it is judged again.
fn chained(until: Option<Timestamp>, notices: &[&Notice]) -> Option<Timestamp> {
    let mut until = until?;
    let most = 2 * notices.len() + MOST_CHAINED;
    let mut in_vain = 0;
    for notice in notices.iter().cycle().take(most) {
        match notice.covering(until) {
            None => in_vain += 1,
            Some(stretch) => (until, in_vain) = (stretch.until?, 0),
        }
        if in_vain >= notices.len() {
            break;
        }
    }
    Some(until)
}

/// Globs compiled once for many devices: which notices' globs fit.
#[derive(Debug, Default)]
pub struct GlobIndex {
    /// For each kind its globs as one set, and what each of them leads to.
    sets: Vec<(TargetKind, GlobSet, Vec<i64>)>,
}

impl GlobIndex {
    /// From kind, glob and row of the notice; a glob that cannot be compiled fits nothing.
    pub fn new(globs: &[(TargetKind, String, i64)]) -> Self {
        let mut sets = Vec::new();
        for kind in [TargetKind::Glob, TargetKind::Server, TargetKind::Package] {
            let mut builder = GlobSetBuilder::new();
            let mut rows = Vec::new();
            for (_, glob, row) in globs.iter().filter(|(k, ..)| *k == kind) {
                if let Ok(glob) = GlobBuilder::new(glob).case_insensitive(true).build() {
                    builder.add(glob);
                    rows.push(*row);
                }
            }
            if let Some(set) = builder.build().ok().filter(|_| !rows.is_empty()) {
                sets.push((kind, set, rows));
            }
        }
        Self { sets }
    }

    /// Rows of the notices one of whose globs fits; each once.
    pub fn matching(&self, subject: &Subject<'_>) -> Vec<i64> {
        let mut found = Vec::new();
        for (kind, set, rows) in &self.sets {
            for name in subject.names_of(*kind) {
                let host = name::host(&name);
                found.extend(set.matches(&name).into_iter().map(|at| rows[at]));
                if host != name {
                    found.extend(set.matches(&host).into_iter().map(|at| rows[at]));
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Whether a notice keeps devices aside for which it is worth a warning: it names everything.
pub(super) fn is_everything(notice: &Notice) -> bool {
    let all =
        |name: &str| !name.is_empty() && name.chars().all(|c| matches!(c, '*' | '?')) && name.contains('*');
    let leading = notice.leading();
    let families: Vec<_> = notice.targets.iter().map(|t| t.kind.family()).collect();
    families.iter().all(|family| *family == leading)
        && notice.targets.iter().any(|t| t.is_glob() && all(&t.name))
}

impl Action {
    /// From the word in files and on the command line.
    pub fn from_word(word: &str) -> Option<Action> {
        [Action::Aside, Action::Drop].into_iter().find(|action| action.word() == word)
    }
}
