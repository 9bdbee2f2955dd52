//! Samples beside format rules: whether a mail is read as its sample claims.
//!
//! In: a [`Sample`], the formats that stand beside it and what was [`Found`]. Out: every difference in words.
//! The mail was read by whoever calls; gates are not asked.

use super::format::Found;
use super::model::AlertRecord;
use crate::rules::model::Field;
use crate::rules::samples::{ExpectedFormat, Sample};

/// Every difference between what a sample claims and what was found; none: the claim holds.
///
/// `beside`: the formats of the rule file the samples stand beside; a near miss must be read by none of them.
pub fn differences(sample: &Sample, beside: &[&str], found: &Found) -> Vec<String> {
    let mut wrong = Vec::new();
    let none = Vec::new();
    let (won, failures, recoveries) = match found {
        Found::Records { format, failures, recoveries, .. } => (format.as_str(), failures, recoveries),
        Found::Unusable(reason) => {
            wrong.push(reason.text());
            ("none", &none, &none)
        }
        Found::Nothing { .. } => ("none", &none, &none),
    };
    if sample.near_miss && beside.contains(&won) {
        wrong.push(format!("near miss, but format {won} reads it"));
    }
    let wanted = match &sample.expect.format {
        Some(ExpectedFormat::Named(name)) => Some(name.as_str()),
        Some(ExpectedFormat::None) => Some("none"),
        None => None,
    };
    if let Some(wanted) = wanted.filter(|wanted| *wanted != won) {
        wrong.push(format!("format is {won}, not {wanted}{}", nearest(found)));
    }
    let repair = failures.is_empty() && !recoveries.is_empty();
    if let Some(wanted) = sample.expect.repair.filter(|wanted| *wanted != repair) {
        wrong.push(format!("repair is {repair}, not {wanted}"));
    }
    let records = if repair { recoveries } else { failures };
    if let Some(wanted) = &sample.expect.alerts {
        if wanted.len() != records.len() {
            wrong.push(format!("{} alerts, not {}", records.len(), wanted.len()));
        }
        for (n, (wanted, record)) in wanted.iter().zip(records).enumerate() {
            let mut compare = |name: &str, is: Option<&str>, wanted: Option<&str>| {
                if is != wanted {
                    let word =
                        |text: Option<&str>| text.map_or("absent".to_owned(), |text| format!("`{text}`"));
                    wrong.push(format!("alert {}: {name} is {}, not {}", n + 1, word(is), word(wanted)));
                }
            };
            if let Some(failure) = &wanted.failure {
                compare("failure", Some(&record.failure), Some(failure));
            }
            for (field, value) in &wanted.fields {
                compare(field.word(), record.field(*field).as_deref(), value.as_deref());
            }
        }
    }
    wrong
}

fn nearest(found: &Found) -> String {
    match found {
        Found::Nothing { nearest: Some(nearest), .. } => format!("; nearest: {nearest}"),
        _ => String::new(),
    }
}

impl AlertRecord {
    /// A field as text; None where it is empty.
    pub fn field(&self, field: Field) -> Option<String> {
        let text = match field {
            Field::Id => self.id.clone(),
            Field::EventTime => Some(self.event.to_string()),
            Field::Tool => Some(self.tool.clone()),
            Field::Region => self.region.clone(),
            Field::Device => Some(self.device.clone()),
            Field::Mac => self.mac.clone(),
            Field::Ip => self.ip.clone(),
            Field::Server => self.server.clone(),
            Field::Upstream => self.upstream.clone(),
            Field::Job => self.job.clone(),
            Field::Package => self.package.clone(),
            Field::Announced => Some(self.announced.clone()),
            Field::Building => self.building.clone(),
            Field::Room => self.room.clone(),
            Field::Location => self.location.clone(),
            Field::SourceDomain => Some(self.source_domain.clone()),
            Field::SourceNode => Some(self.source_node.clone()),
            Field::Detail => Some(self.detail.clone()),
        };
        text.filter(|text| !text.is_empty())
    }
}
