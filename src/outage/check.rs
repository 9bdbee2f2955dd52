//! What is odd about notices that can be read: none of it is wrong, all of it is worth a look.

use super::judge::is_everything;
use super::model::Notice;
use crate::rules::model::Origin;
use jiff::Timestamp;

/// Something to see to about one notice.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Warning {
    pub notice: String,
    pub origin: Origin,
    /// A lowercase fragment.
    pub what: String,
}

/// Warns of notices without an end, of ones that match everything, that are past, and that never matched.
/// `matched` says of a notice whether it ever did; None where nothing is known of it yet.
pub fn check(notices: &[Notice], matched: &dyn Fn(&Notice) -> Option<bool>, now: Timestamp) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for notice in notices {
        let mut warn = |what: String| {
            warnings.push(Warning { notice: notice.id.clone(), origin: notice.origin.clone(), what });
        };
        if is_everything(notice) {
            warn("it matches every device: no ticket is written while it holds".to_owned());
        }
        match notice.ends() {
            None if notice.recurrence.is_some() => {
                warn("it recurs without an end and without `expires`".to_owned());
            }
            None => warn("it has no end and no `expires`: it holds until it is taken back".to_owned()),
            Some(end) if end <= now => {
                warn(format!("it is past since {}", end.strftime("%Y-%m-%d %H:%M:%SZ")));
            }
            Some(_) => {}
        }
        if notice.begins() <= now && matched(notice) == Some(false) {
            warn("it never matched an alert".to_owned());
        }
    }
    warnings
}
