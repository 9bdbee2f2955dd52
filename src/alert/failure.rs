//! The announced failure's type, out of the closed list.

use super::pattern::Patterns;
use super::places;
use crate::rules::model::{FailureCase, FailureRule};

/// The type of a failure: the announced text itself where it names a type of the closed list; else the first
/// case that holds for the announced text, then for the detail, then for the subject; else the rule's default.
pub fn classify(rule: &FailureRule, types: &[String], patterns: &Patterns, texts: [&str; 3]) -> String {
    let announced = texts[0].trim();
    let named = types.iter().find(|name| name.eq_ignore_ascii_case(announced) && *name != "unknown");
    if let Some(name) = named {
        return name.clone();
    }
    let case = texts
        .iter()
        .filter(|text| !text.is_empty())
        .find_map(|text| rule.cases.iter().find(|case| holds(case, patterns, text)));
    case.map_or_else(|| rule.default.clone(), |case| case.failure.clone())
}

fn holds(case: &FailureCase, patterns: &Patterns, text: &str) -> bool {
    case.contains.iter().any(|word| places::contains(text, word))
        || case.matches.as_ref().is_some_and(|pattern| patterns.is_match(pattern, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::pattern::Effort;
    use crate::rules::model::{Origin, Pattern};

    #[test]
    fn announced_speaks_before_detail_and_detail_before_subject() {
        let case = |failure: &str, contains: &[&str], matches: Option<&str>| FailureCase {
            failure: failure.into(),
            contains: contains.iter().map(|&word| word.to_owned()).collect(),
            matches: matches.map(|text| Pattern { text: text.into(), unicode: false }),
        };
        let rule = FailureRule {
            cases: vec![
                case("connection", &["timed out"], Some(r"E(CONN|HOST)\w+")),
                case("disk", &["no space"], None),
            ],
            default: "unknown".into(),
            origin: Origin::default(),
        };
        let types: Vec<String> = ["connection", "disk", "access", "unknown"].map(str::to_owned).into();
        let mut patterns = Patterns::new(Effort::OneMail);
        rule.cases.iter().filter_map(|case| case.matches.as_ref()).for_each(|p| patterns.add(p));
        let ask = |texts| classify(&rule, &types, &patterns, texts);
        assert_eq!(ask(["No Space left", "timed out", ""]), "disk");
        assert_eq!(ask(["odd", "ECONNREFUSED", "no space"]), "connection");
        assert_eq!(ask(["", "", "no space"]), "disk");
        assert_eq!(ask(["Access", "timed out", ""]), "access");
        assert_eq!(ask(["unknown", "timed out", ""]), "connection");
        assert_eq!(ask(["", "", ""]), "unknown");
    }
}
