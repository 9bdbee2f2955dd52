//! `centers.yaml`: who repairs the devices of a building or a region.
//!
//! In: the merged tree. Out: [`Centers`]. Whether a zone's name exists is asked where the zones are (this
//! room opens no file); here only its form is checked.

use super::model::{Center, Centers};
use super::reader::{Checker, Fields, Keys, Named};
use super::settings::{is_address, mailbox, optional};
use super::yaml::{Entry, Mark, Node};
use std::collections::HashMap;

macro_rules! keys {
    ($name:ident, $of:literal, $($key:literal)+) => {
        pub(super) static $name: Keys = Keys { file: "centers.yaml", of: $of, keys: &[$($key),+] };
    };
}

keys!(TOP, "", "default" "centers" "buildings" "regions");
keys!(CENTER, "centers.*", "name" "mail" "telephone" "owner" "reply_to" "zone");

/// Reads the centers, and every place that refers to one.
pub(super) fn read(c: &mut Checker<'_>, top: &Fields<'_>) -> Option<(Centers, Vec<Named>)> {
    let mut references = Vec::new();
    let default = c.need(top, "default").and_then(|node| {
        let id = c.text(node, "default")?;
        references.push((node.at, id.clone()));
        Some(id)
    });
    let centers = c.need(top, "centers").and_then(|node| {
        let names = c.names(node, "`centers`")?;
        let all: Vec<_> = names.entries().iter().map(|entry| center(c, entry)).collect();
        all.into_iter().collect::<Option<Vec<_>>>()
    });
    let buildings = routes(c, top, "buildings", &mut references);
    let regions = routes(c, top, "regions", &mut references);
    let origin = c.origin(top.get("default").map_or(top.at, |node| node.at));
    let centers =
        Centers { centers: centers?, buildings: buildings?, regions: regions?, default: default?, origin };
    Some((centers, references))
}

fn center(c: &mut Checker<'_>, entry: &Entry) -> Option<Center> {
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
    Some(Center {
        id: entry.key.clone(),
        name: name?,
        mail: mail?,
        telephone: telephone?,
        owner: owner?,
        reply_to: reply_to?,
        zone: zone?,
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

/// Names, case ignored, to centers; a later layer's entry stands over an earlier one's.
fn routes(
    c: &mut Checker<'_>,
    top: &Fields<'_>,
    key: &str,
    references: &mut Vec<Named>,
) -> Option<Vec<(String, String)>> {
    let Some(node) = top.get(key) else { return Some(Vec::new()) };
    let names = c.names(node, &format!("`{key}`"))?;
    let mut routes: Vec<(String, String)> = Vec::new();
    let mut seen: HashMap<String, (usize, Mark)> = HashMap::new();
    for entry in names.entries() {
        let Some(center) = c.text(&entry.value, key) else { continue };
        references.push((entry.value.at, center.clone()));
        let route = (entry.key.clone(), center);
        match seen.get(&entry.key.to_ascii_lowercase()).copied() {
            Some((index, first)) if first.source != entry.at.source => routes[index] = route,
            Some((_, first)) => {
                let first = c.place(first);
                let what = format!("`{}` stands twice in `{key}`, case ignored, first at {first}", entry.key);
                c.wrong(entry.at, what);
            }
            None => {
                seen.insert(entry.key.to_ascii_lowercase(), (routes.len(), entry.at));
                routes.push(route);
            }
        }
    }
    Some(routes)
}
