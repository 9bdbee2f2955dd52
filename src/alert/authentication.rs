//! Authentication-Results (RFC 8601) of our own mail server.
//!
//! In: the mail's headers, our authserv-id and the sender's domain. Out: whether one of the wanted methods
//! passed for that domain. Headers with another authserv-id are anybody's text and are not read; that a
//! stranger's header with our authserv-id never arrives is our border server's duty (RFC 8601 section 5).

use crate::mail::Mail;

/// One `method=result` with its properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Lower case, without version.
    pub method: String,
    /// Lower case.
    pub result: String,
    /// `ptype.property` in lower case and its value as written.
    pub properties: Vec<(String, String)>,
}

/// Findings of our own authserv-id; of each method only those of the topmost header that names it.
pub fn findings(mail: &Mail, authserv_id: &str) -> Vec<Finding> {
    let mut all: Vec<Finding> = Vec::new();
    for value in mail.headers_named("Authentication-Results") {
        let new: Vec<Finding> = match parse(value) {
            Some((id, findings)) if id.eq_ignore_ascii_case(authserv_id) => findings,
            _ => continue,
        };
        let known: Vec<String> = all.iter().map(|finding| finding.method.clone()).collect();
        all.extend(new.into_iter().filter(|finding| !known.contains(&finding.method)));
    }
    all
}

/// Whether one of the methods passed for this domain; else what was found instead, in words.
///
/// A pass that names another domain than the sender's is a stranger's signature and does not count. A
/// domain above or below the sender's is the sender's (relaxed alignment as in RFC 7489 section 3.1).
pub fn passed(mail: &Mail, authserv_id: &str, methods: &[String], domain: &str) -> Result<String, String> {
    let findings = findings(mail, authserv_id);
    let mut seen = Vec::new();
    for finding in &findings {
        if !methods.iter().any(|method| method.eq_ignore_ascii_case(&finding.method)) {
            continue;
        }
        let named = authenticated_domain(finding);
        if finding.result == "pass" && named.as_deref().is_none_or(|named| aligned(named, domain)) {
            return Ok(finding.method.clone());
        }
        let named = named.map(|named| format!(" for {named}")).unwrap_or_default();
        seen.push(format!("{}={}{named}", finding.method, finding.result));
    }
    Err(if seen.is_empty() { format!("{authserv_id} says nothing of them") } else { seen.join(", ") })
}

fn authenticated_domain(finding: &Finding) -> Option<String> {
    let wanted: &[&str] = match finding.method.as_str() {
        "dkim" => &["header.d", "header.i"],
        "spf" => &["smtp.mailfrom", "smtp.helo"],
        _ => &["header.from"],
    };
    let value = wanted.iter().find_map(|name| {
        finding.properties.iter().find(|(property, _)| property == name).map(|(_, value)| value)
    })?;
    let domain = value.rsplit('@').next().unwrap_or(value);
    Some(domain.trim_end_matches('.').to_lowercase())
}

fn aligned(a: &str, b: &str) -> bool {
    let below = |child: &str, parent: &str| {
        parent.contains('.') && child.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.'))
    };
    a == b || below(a, b) || below(b, a)
}

/// Header value to (authserv-id, findings); None where the value is not of the grammar.
pub fn parse(value: &str) -> Option<(String, Vec<Finding>)> {
    let words = words(value)?;
    let mut parts = words.split(|word| matches!(word, Word::Semicolon));
    let Some(Word::Text(id)) = parts.next()?.first() else { return None };
    let mut findings = Vec::new();
    for part in parts {
        let texts: Vec<&str> = part.iter().filter_map(Word::text).collect();
        let mut pairs = pairs(&texts).into_iter();
        let Some((method, result)) = pairs.next() else { continue };
        findings.push(Finding {
            method: method.split('/').next().unwrap_or_default().to_lowercase(),
            result: result.to_lowercase(),
            properties: pairs.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect(),
        });
    }
    Some((id.clone(), findings))
}

#[derive(Debug)]
enum Word {
    Text(String),
    Semicolon,
}

impl Word {
    fn text(&self) -> Option<&str> {
        match self {
            Word::Text(text) => Some(text),
            Word::Semicolon => None,
        }
    }
}

/// Comments dropped, quoted strings unquoted, `=` a word of its own.
fn words(value: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut text = String::new();
    let mut depth = 0usize;
    let mut chars = value.chars();
    let flush = |text: &mut String, words: &mut Vec<Word>| {
        if !text.is_empty() {
            words.push(Word::Text(std::mem::take(text)));
        }
    };
    while let Some(c) = chars.next() {
        match c {
            '\\' if depth > 0 => drop(chars.next()),
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            _ if depth > 0 => {}
            '"' => loop {
                match chars.next()? {
                    '"' => break,
                    '\\' => text.push(chars.next()?),
                    c => text.push(c),
                }
            },
            ';' => {
                flush(&mut text, &mut words);
                words.push(Word::Semicolon);
            }
            '=' => {
                flush(&mut text, &mut words);
                words.push(Word::Text("=".to_owned()));
            }
            c if c.is_whitespace() => flush(&mut text, &mut words),
            c => text.push(c),
        }
    }
    flush(&mut text, &mut words);
    (depth == 0).then_some(words)
}

/// `a = b` triples; a value that itself holds `=` (a signature's fragment) ends at it.
fn pairs<'t>(texts: &[&'t str]) -> Vec<(&'t str, &'t str)> {
    let mut pairs = Vec::new();
    let mut at = 0;
    while at + 2 < texts.len() {
        if texts[at + 1] == "=" && texts[at] != "=" && texts[at + 2] != "=" {
            pairs.push((texts[at], texts[at + 2]));
            at += 3;
        } else {
            at += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Header;

    fn mail(values: &[&str]) -> Mail {
        let header = |v: &&str| Header { name: "authentication-results".into(), value: (*v).to_owned() };
        Mail { headers: values.iter().map(header).collect(), ..Mail::default() }
    }

    fn ask(values: &[&str], methods: &[&str], domain: &str) -> Result<String, String> {
        let methods: Vec<String> = methods.iter().map(|m| (*m).to_owned()).collect();
        passed(&mail(values), "mx.acme.com", &methods, domain)
    }

    #[test]
    fn a_pass_of_our_own_server_counts() {
        let ours = "MX.acme.com 1; spf=fail (bad; \\) host) smtp.mailfrom=is38.acme.com;\r\n dkim/1=pass (2048-bit key) header.d=acme.com header.b=\"ab=cd\"";
        assert_eq!(ask(&[ours], &["dkim"], "is38.acme.com"), Ok("dkim".into()));
        assert_eq!(ask(&[ours], &["spf"], "is38.acme.com"), Err("spf=fail for is38.acme.com".into()));
    }

    #[test]
    fn a_strangers_header_is_not_read() {
        assert_eq!(
            ask(&["mx.evil.example; dkim=pass header.d=acme.com"], &["dkim"], "acme.com"),
            Err("mx.acme.com says nothing of them".into())
        );
        assert!(ask(&["evil (mx.acme.com); dkim=pass header.d=acme.com"], &["dkim"], "acme.com").is_err());
        assert!(ask(&["\"mx.acme.com\"x; dkim=pass"], &["dkim"], "acme.com").is_err());
    }

    #[test]
    fn another_domains_signature_is_no_pass() {
        for named in ["evil.example", "evil-acme.com", "com", "acme.com.evil.example"] {
            let ours = format!("mx.acme.com; dkim=pass header.d={named}");
            assert_eq!(ask(&[&ours], &["dkim"], "acme.com"), Err(format!("dkim=pass for {named}")));
        }
        assert!(ask(&["mx.acme.com; dkim=pass header.i=@east.acme.com"], &["dkim"], "acme.com").is_ok());
    }

    #[test]
    fn the_topmost_header_speaks_for_a_method() {
        let headers =
            ["mx.acme.com; dkim=fail header.d=acme.com", "mx.acme.com; dkim=pass header.d=acme.com"];
        assert_eq!(ask(&headers, &["dkim"], "acme.com"), Err("dkim=fail for acme.com".into()));
    }

    #[test]
    fn a_pass_inside_a_comment_or_a_string_is_text() {
        for value in [
            "mx.acme.com; none (dkim=pass)",
            "mx.acme.com; dkim=none reason=\"; dkim=pass\"",
            "mx.acme.com; dkim=pass (unclosed",
            "mx.acme.com",
            "",
        ] {
            assert!(ask(&[value], &["dkim"], "acme.com").is_err(), "{value}");
        }
    }

    #[test]
    fn any_of_the_wanted_methods_will_do() {
        let ours = "mx.acme.com; dkim=none; dmarc=pass header.from=acme.com";
        assert_eq!(ask(&[ours], &["dkim", "spf", "dmarc"], "is1.acme.com"), Ok("dmarc".into()));
    }
}
