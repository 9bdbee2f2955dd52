//! The lowest layer: the shipped rule files, compiled in.
//!
//! Out: their texts. The files themselves stand in the `rules` folder of the source tree, commented for
//! operators; `init` writes the base files as they are. One line per file.

use super::layers::Source;

macro_rules! file {
    ($name:literal) => {
        (concat!("embedded:", $name), include_str!(concat!("../../rules/", $name)))
    };
}

/// Name and text of every shipped file: base files first, then formats, then templates.
const FILES: &[(&str, &str)] = &[
    file!("autoticket.yaml"),
    file!("thresholds.yaml"),
    file!("centers.yaml"),
    file!("redistribution.yaml"),
    // Formats (`alerts/NAME.yaml`).
    file!("alerts/ansible.yaml"),
    file!("alerts/awx.yaml"),
    file!("alerts/cron.yaml"),
    file!("alerts/nagios.yaml"),
    file!("alerts/native.yaml"),
    file!("alerts/package-build.yaml"),
    file!("alerts/rfc3464.yaml"),
    file!("alerts/rsync.yaml"),
    file!("alerts/unattended-upgrades.yaml"),
    // Templates (`templates/NAME.j2`).
    file!("templates/reminder.html.j2"),
    file!("templates/reminder.txt.j2"),
    file!("templates/stand-down.html.j2"),
    file!("templates/stand-down.txt.j2"),
    file!("templates/ticket.html.j2"),
    file!("templates/ticket.txt.j2"),
    file!("templates/update.html.j2"),
    file!("templates/update.txt.j2"),
];

/// The samples beside the shipped formats: read by `rules test` only.
const SAMPLES: &[(&str, &str)] = &[
    file!("alerts/ansible.samples.yaml"),
    file!("alerts/awx.samples.yaml"),
    file!("alerts/cron.samples.yaml"),
    file!("alerts/nagios.samples.yaml"),
    file!("alerts/native.samples.yaml"),
    file!("alerts/package-build.samples.yaml"),
    file!("alerts/rfc3464.samples.yaml"),
    file!("alerts/rsync.samples.yaml"),
    file!("alerts/unattended-upgrades.samples.yaml"),
];

/// The shipped samples files, to be given to [`super::samples::parse`].
pub fn embedded_samples() -> impl Iterator<Item = Source> {
    SAMPLES.iter().map(|(file, text)| Source { file: (*file).to_owned(), text: (*text).to_owned() })
}

/// The shipped rule files, to be given to [`super::compile`] before those of the operator.
pub fn embedded() -> Vec<Source> {
    FILES.iter().map(|(file, text)| Source { file: (*file).to_owned(), text: (*text).to_owned() }).collect()
}

/// The base files which `init` writes: name in a rules folder, text.
pub fn base_files() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES
        .iter()
        .filter_map(|(name, text)| Some((name.strip_prefix("embedded:")?, *text)))
        .filter(|(name, _)| !name.contains('/'))
}

/// Tells apart what is compiled in: part of the stamp of cached rules.
pub fn embedded_digest() -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    FILES.hash(&mut hasher);
    hasher.finish()
}
