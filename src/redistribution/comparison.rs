//! A plan that was written down, compared with the plan the logs give now: `--apply` issues only what is equal.
//!
//! In: two plans. Out: every place where they differ. It does not know which of them is right.

use super::plan::Plan;
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;

/// One place where two plans differ. A value that one of them lacks is None.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `jobs[J3].commands[J3.1].argv[2]`.
    pub at: String,
    /// In the plan that was written down, as JSON.
    pub was: Option<String>,
    /// In the plan made now.
    pub is: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        let line = format!("{}: the plan says {}, the logs say {}", self.at, said(&self.was), said(&self.is));
        write!(f, "{}", crate::shown::Shown::new(&line))
    }
}

/// Every difference, in the order of the plans. Notes may differ: they bind nobody.
pub fn compare(old: &Plan, new: &Plan) -> Vec<Difference> {
    let value = |plan: &Plan| {
        let plan = Plan { notes: Vec::new(), ..plan.clone() };
        serde_json::to_value(plan).unwrap_or(Value::Null)
    };
    let mut found = Vec::new();
    differences(String::new(), Some(&value(old)), Some(&value(new)), &mut found);
    found
}

fn id(value: &Value) -> Option<&str> {
    value.get("id")?.as_str()
}

fn differences(at: String, old: Option<&Value>, new: Option<&Value>, found: &mut Vec<Difference>) {
    match (old, new) {
        (Some(a), Some(b)) if a == b => {}
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let dot = if at.is_empty() { "" } else { "." };
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                differences(format!("{at}{dot}{key}"), a.get(key), b.get(key), found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b)))
            if a.iter().chain(b).all(|value| id(value).is_some()) =>
        {
            // By id: a job more or less is one difference.
            let mut left: HashMap<&str, &Value> =
                b.iter().filter_map(|value| Some((id(value)?, value))).collect();
            for (id, value) in a.iter().filter_map(|value| Some((id(value)?, value))) {
                differences(format!("{at}[{id}]"), Some(value), left.remove(id), found);
            }
            for (id, value) in b.iter().filter_map(|value| Some((id(value)?, value))) {
                if left.contains_key(id) {
                    differences(format!("{at}[{id}]"), None, Some(value), found);
                }
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            for index in 0..a.len().max(b.len()) {
                differences(format!("{at}[{index}]"), a.get(index), b.get(index), found);
            }
        }
        _ => {
            let text = |value: &Value| value.to_string();
            found.push(Difference { at, was: old.map(text), is: new.map(text) });
        }
    }
}
