//! `centers.yaml`: who repairs what, when, and who does where nobody is.
//!
//! In: the merged tree. Out: [`Centers`]; chains of neighbours and of duty come to an end. Whether a zone's name exists is asked where the zones are (this
//! room opens no file); here only its form is checked.

use super::center::folded;
use super::hours::{parse_holiday, parse_hours};
use super::mistake::nearest;
use super::model::{Building, Center, Centers, Hours, Served, Way};
use super::reader::{Checker, Fields, Keys, Named};
use super::settings::{is_address, mailbox, optional};
use super::yaml::{Entry, Kind, Mark, Node};
use std::collections::{HashMap, HashSet};

macro_rules! keys {
    ($name:ident, $of:literal, $($key:literal)+) => {
        pub(super) static $name: Keys = Keys { file: "centers.yaml", of: $of, keys: &[$($key),+] };
    };
}

keys!(TOP, "", "default" "centers" "buildings" "regions" "servers" "packages" "failures" "network" "order");
keys!(CENTER, "centers.*", "name" "mail" "telephone" "owner" "reply_to" "zone" "language" "hours" "holidays" "duty");
keys!(BUILDING, "buildings.*", "center" "mail" "staff" "near" "coordinates");

/// What these rules name that is defined elsewhere.
#[derive(Default)]
pub(super) struct References {
    pub(super) centers: Vec<Named>,
    pub(super) failures: Vec<Named>,
}

/// Reads the centers, and what they refer to.
pub(super) fn read(c: &mut Checker<'_>, top: &Fields<'_>) -> Option<(Centers, References)> {
    let mut refers = References::default();
    let default = c.need(top, "default").and_then(|node| reference(c, node, "default", &mut refers));
    let centers = c.need(top, "centers").and_then(|node| {
        let names = c.names(node, "`centers`")?;
        let all: Vec<_> = names.entries().iter().map(|entry| center(c, entry, &mut refers)).collect();
        all.into_iter().collect::<Option<Vec<_>>>()
    });
    let buildings = entries(c, top, "buildings", |c, entry| building(c, entry, &mut refers));
    let regions = entries(c, top, "regions", |c, entry| served(c, entry, "regions", &mut refers));
    let servers = globs(c, top, "servers", &mut refers);
    let packages = globs(c, top, "packages", &mut refers);
    let failures = entries(c, top, "failures", |c, entry| {
        refers.failures.push((entry.at, entry.key.clone()));
        served(c, entry, "failures", &mut refers)
    });
    let network = top.entry("network").filter(|entry| !entry.value.is_null());
    let network = network.map_or(Some(None), |entry| served(c, entry, "network", &mut refers).map(Some));
    let order = order(c, top);
    let origin = c.origin(top.get("default").map_or(top.at, |node| node.at));
    let centers = Centers {
        centers: centers?,
        buildings: buildings?,
        regions: regions?,
        servers: servers?,
        packages: packages?,
        failures: failures?,
        network: network?,
        order: order?,
        default: default?,
        origin,
    };
    endless(c, top, &centers);
    Some((centers, refers))
}

/// A center's id, which has to be defined.
fn reference(c: &mut Checker<'_>, node: &Node, key: &str, refers: &mut References) -> Option<String> {
    let id = c.text(node, key)?;
    refers.centers.push((node.at, id.clone()));
    Some(id)
}

fn served(c: &mut Checker<'_>, entry: &Entry, key: &str, refers: &mut References) -> Option<Served> {
    let center = reference(c, &entry.value, key, refers)?;
    Some(Served { what: entry.key.clone(), center, origin: c.origin(entry.at) })
}

fn globs(c: &mut Checker<'_>, top: &Fields<'_>, key: &str, refers: &mut References) -> Option<Vec<Served>> {
    entries(c, top, key, |c, entry| {
        if let Err(what) = super::words::check_glob(&entry.key) {
            c.wrong(entry.at, format!("`{key}`: {what}"));
        }
        served(c, entry, key, refers)
    })
}

/// `B2: east`, or a map.
fn building(c: &mut Checker<'_>, entry: &Entry, refers: &mut References) -> Option<Building> {
    let mut building = Building {
        name: entry.key.clone(),
        center: None,
        mail: Vec::new(),
        near: Vec::new(),
        coordinates: None,
        origin: c.origin(entry.at),
    };
    if !matches!(entry.value.kind, Kind::Map(_)) {
        building.center = Some(reference(c, &entry.value, "buildings", refers)?);
        return Some(building);
    }
    let f = c.fields(&entry.value, &BUILDING, "a building")?;
    let staffed = f.get("staff").and_then(|node| c.word(node, "staff", &["local", "none"])) != Some("none");
    if let Some(node) = f.get("center") {
        building.center = Some(reference(c, node, "center", refers)?);
        if !staffed {
            c.wrong(node.at, "a building with `staff: none` has no `center`: name neighbours under `near`");
        }
    } else if staffed {
        c.wrong(f.at, "a building needs a `center`, or `staff: none`");
    }
    if let Some(node) = f.get("mail") {
        building.mail = recipients(c, node)?;
        if building.center.is_none() {
            c.wrong(node.at, "`mail` of a building is its own queue at its center: name the `center`");
        }
    }
    if let Some(node) = f.get("near") {
        building.near = c.texts(node, "near")?;
        if staffed {
            c.wrong(node.at, "`near` is for a building with `staff: none`");
        }
    }
    if let Some(node) = f.get("coordinates") {
        building.coordinates = Some(c.parsed(node, "coordinates", &[], str::parse)?);
    }
    Some(building)
}

fn order(c: &mut Checker<'_>, top: &Fields<'_>) -> Option<Vec<Way>> {
    let node = c.need(top, "order")?;
    let words = Way::ALL.map(Way::word);
    let mut order = Vec::new();
    for item in c.list(node, "order")? {
        let word = c.word(item, "order", &words)?;
        let way = Way::ALL.into_iter().find(|way| way.word() == word)?;
        if order.contains(&way) {
            c.wrong(item.at, format!("`{word}` stands twice in `order`"));
        }
        order.push(way);
    }
    Some(order)
}

/// Neighbours that are no buildings, and chains (of neighbours without staff, of duty) that come back to where
/// they began.
fn endless(c: &mut Checker<'_>, top: &Fields<'_>, centers: &Centers) {
    let known: HashMap<String, &Building> =
        centers.buildings.iter().map(|building| (folded(&building.name), building)).collect();
    for (node, building) in inner(top, "buildings", "near", |name| centers.building(name)) {
        for name in &building.near {
            if !known.contains_key(&folded(name)) {
                let hint = nearest(name, centers.buildings.iter().map(|b| b.name.as_str()));
                c.wrong_word(node.at, format!("`near`: no building `{name}` stands under `buildings`"), hint);
            }
        }
        let next = |name: &str| -> Vec<String> {
            let unstaffed = known.get(name).filter(|b| b.center.is_none());
            unstaffed.map_or_else(Vec::new, |b| b.near.iter().map(|name| folded(name)).collect())
        };
        if comes_back(&folded(&building.name), next) {
            let what =
                format!("the neighbours of `{}` lead back to it: name one that has staff", building.name);
            c.wrong(node.at, what);
        }
    }
    for (node, center) in inner(top, "centers", "duty", |id| centers.center(id)) {
        if comes_back(&center.id, |id| centers.center(id).and_then(|c| c.duty.clone()).into_iter().collect())
        {
            c.wrong(node.at, format!("the duty of `{}` leads back to it", center.id));
        }
    }
}

/// The nodes of one key in each entry of a map, each with what was read of the entry.
fn inner<'n, T>(
    top: &Fields<'n>,
    map: &str,
    key: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Vec<(&'n Node, T)> {
    let Some(Node { kind: Kind::Map(entries), .. }) = top.get(map) else { return Vec::new() };
    let found = entries.iter().filter_map(|entry| {
        let Kind::Map(fields) = &entry.value.kind else { return None };
        let field = fields.iter().find(|field| field.key == key && !field.value.is_null())?;
        Some((&field.value, read(&entry.key)?))
    });
    found.collect()
}

/// Whether a walk from `start` gets there again.
fn comes_back(start: &str, next: impl Fn(&str) -> Vec<String>) -> bool {
    let mut seen = HashSet::new();
    let mut open = next(start);
    while let Some(name) = open.pop() {
        if name == start {
            return true;
        }
        if seen.insert(name.clone()) {
            open.extend(next(&name));
        }
    }
    false
}

fn center(c: &mut Checker<'_>, entry: &Entry, refers: &mut References) -> Option<Center> {
    if !super::format::is_id(&entry.key) {
        c.wrong(
            entry.at,
            format!("`{}` is no name for a center: letters, digits, `-`, `_` and `.`", entry.key),
        );
    }
    let f = c.fields(&entry.value, &CENTER, "a center")?;
    let name = c.need(&f, "name").and_then(|node| c.text(node, "name"));
    let mail = c.need(&f, "mail").and_then(|node| recipients(c, node));
    let telephone = optional(c, &f, "telephone");
    let owner = optional(c, &f, "owner");
    let reply_to = f.get("reply_to").map_or(Some(None), |node| mailbox(c, node, "reply_to").map(Some));
    let zone = c.need(&f, "zone").and_then(|node| zone(c, node));
    let language = f.get("language").map_or(Some(None), |node| language(c, node).map(Some));
    let hours = hours(c, &f);
    let duty = f.get("duty").map_or(Some(None), |node| reference(c, node, "duty", refers).map(Some));
    Some(Center {
        id: entry.key.clone(),
        name: name?,
        mail: mail?,
        telephone: telephone?,
        owner: owner?,
        reply_to: reply_to?,
        zone: zone?,
        language: language?,
        hours: hours?,
        duty: duty?,
        origin: c.origin(entry.at),
    })
}

fn recipients(c: &mut Checker<'_>, node: &Node) -> Option<Vec<String>> {
    let recipients = c.texts(node, "mail")?;
    let wrong = recipients.iter().find(|address| !is_address(address));
    if let Some(address) = wrong {
        c.wrong(
            node.at,
            format!("`mail` must hold bare addresses such as `desk@example.com`, not `{address}`"),
        );
        return None;
    }
    Some(recipients)
}

/// The form of an IANA zone name.
pub(super) fn zone(c: &mut Checker<'_>, node: &Node) -> Option<String> {
    let zone = c.text(node, "zone")?;
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b))
    };
    if zone.len() > 64 || !zone.split('/').all(part) {
        c.wrong(
            node.at,
            format!("`zone` must be an IANA zone such as `Europe/Berlin` or `UTC`, not `{zone}`"),
        );
        return None;
    }
    Some(zone)
}

/// The form of a language tag.
fn language(c: &mut Checker<'_>, node: &Node) -> Option<String> {
    let language = c.text(node, "language")?;
    let part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    let first = language.split('-').next().unwrap_or("");
    let begins = (2..=3).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_alphabetic());
    if language.len() > 35 || !begins || !language.split('-').all(part) {
        c.wrong(node.at, format!("`language` must be a tag such as `de` or `pt-BR`, not `{language}`"));
        return None;
    }
    Some(language)
}

fn hours(c: &mut Checker<'_>, f: &Fields<'_>) -> Option<Option<Hours>> {
    let each = |c: &mut Checker<'_>, key: &str| -> Option<Vec<(Mark, String)>> {
        let Some(node) = f.get(key) else { return Some(Vec::new()) };
        if let Kind::List(items) = &node.kind {
            return items.iter().map(|item| Some((item.at, c.text(item, key)?))).collect();
        }
        let text = c.text(node, key)?;
        Some(text.split(';').map(|part| (node.at, part.to_owned())).collect())
    };
    let mut ranges = Vec::new();
    for (at, text) in each(c, "hours")? {
        match parse_hours(&text) {
            Ok(more) => ranges.extend(more),
            Err(what) => c.wrong(at, format!("`hours`: {what}")),
        }
    }
    if let Some(node) =
        f.get("hours").filter(|node| matches!(&node.kind, Kind::List(items) if items.is_empty()))
    {
        c.wrong(node.at, "`hours` is an empty list: leave it out where somebody is always there");
    }
    let mut holidays = Vec::new();
    for (at, text) in each(c, "holidays")? {
        match parse_holiday(&text) {
            Ok(holiday) => holidays.push(holiday),
            Err(what) => c.wrong(at, format!("`holidays`: {what}")),
        }
    }
    let Some(entry) = f.entry("hours").filter(|entry| !entry.value.is_null()) else {
        for key in ["holidays", "duty"] {
            if let Some(node) = f.get(key) {
                c.wrong(node.at, format!("`{key}` says something only together with `hours`"));
            }
        }
        return Some(None);
    };
    Some(Some(Hours { ranges, holidays, origin: c.origin(entry.at) }))
}

/// What stands under names, case ignored; a later layer's entry stands over an earlier one's.
fn entries<T>(
    c: &mut Checker<'_>,
    top: &Fields<'_>,
    key: &str,
    mut read: impl FnMut(&mut Checker<'_>, &Entry) -> Option<T>,
) -> Option<Vec<T>> {
    let Some(node) = top.get(key) else { return Some(Vec::new()) };
    let names = c.names(node, &format!("`{key}`"))?;
    let mut all: Vec<T> = Vec::new();
    let mut seen: HashMap<String, (usize, Mark)> = HashMap::new();
    for entry in names.entries() {
        let Some(one) = read(c, entry) else { continue };
        match seen.get(&folded(&entry.key)).copied() {
            Some((index, first)) if first.source != entry.at.source => all[index] = one,
            Some((_, first)) => {
                let first = c.place(first);
                let what = format!("`{}` stands twice in `{key}`, case ignored, first at {first}", entry.key);
                c.wrong(entry.at, what);
            }
            None => {
                seen.insert(folded(&entry.key), (all.len(), entry.at));
                all.push(one);
            }
        }
    }
    Some(all)
}
