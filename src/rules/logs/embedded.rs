//! The shipped logfile rules, compiled in; they are no part of what `ingest` reads.
//!
//! Out: their texts. One line per file.

use crate::rules::layers::Source;

macro_rules! file {
    ($name:literal) => {
        (concat!("embedded:", $name), include_str!(concat!("../../../rules/", $name)))
    };
}

const FILES: &[(&str, &str)] = &[
    file!("logs/ansible.yaml"),
    file!("logs/ansible1.yaml"),
    file!("logs/apt.yaml"),
    file!("logs/bash-history.yaml"),
    file!("logs/capistrano.yaml"),
    file!("logs/clush.yaml"),
    file!("logs/cron.yaml"),
    file!("logs/ftpsync.yaml"),
    file!("logs/joblog.yaml"),
    file!("logs/native.yaml"),
    file!("logs/sudo.yaml"),
    file!("logs/zsh-history.yaml"),
];

const SAMPLES: &[(&str, &str)] = &[
    file!("logs/ansible.samples.yaml"),
    file!("logs/ansible1.samples.yaml"),
    file!("logs/apt.samples.yaml"),
    file!("logs/bash-history.samples.yaml"),
    file!("logs/capistrano.samples.yaml"),
    file!("logs/clush.samples.yaml"),
    file!("logs/cron.samples.yaml"),
    file!("logs/ftpsync.samples.yaml"),
    file!("logs/joblog.samples.yaml"),
    file!("logs/native.samples.yaml"),
    file!("logs/sudo.samples.yaml"),
    file!("logs/zsh-history.samples.yaml"),
];

fn sources(files: &[(&str, &str)]) -> Vec<Source> {
    files.iter().map(|(file, text)| Source { file: (*file).to_owned(), text: (*text).to_owned() }).collect()
}

/// The shipped rules, to be given to [`super::compile`] before those of the operator.
pub fn embedded() -> Vec<Source> {
    sources(FILES)
}

/// The samples beside them, to be given to [`super::samples::parse`].
pub fn embedded_samples() -> Vec<Source> {
    sources(SAMPLES)
}
