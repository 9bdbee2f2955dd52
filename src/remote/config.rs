//! `ssh_config`: what ssh's own files say about one host, as far as it is used here.
//!
//! In: texts of files in the order in which ssh reads them, the name that the operator gave, a way to the files that
//! `Include` names. Out: [`Settings`], of each option the first value. It opens nothing. What cannot be followed is a
//! mistake where it decides whom we reach (`ProxyCommand`), else a note.

use super::address::{is_host, is_user};

/// What is used of `ssh_config`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) host_name: Option<String>,
    pub(super) user: Option<String>,
    pub(super) port: Option<u16>,
    /// As written: `~` and `%` are still in them.
    pub(super) identity_files: Vec<String>,
    pub(super) identities_only: Option<bool>,
    pub(super) identity_agent: Option<String>,
    pub(super) user_known_hosts: Option<Vec<String>>,
    pub(super) global_known_hosts: Option<Vec<String>>,
    pub(super) host_key_alias: Option<String>,
    pub(super) proxy_jump: Option<String>,
    /// Where a ProxyCommand stands.
    pub(super) proxy_command: Option<String>,
    pub(super) connect_timeout: Option<u64>,
    pub(super) alive_interval: Option<u64>,
    pub(super) alive_count: Option<u64>,
    /// What was not understood and may have said something about this host.
    pub(super) notes: Vec<String>,
}

/// A file: its name, for places, and its text.
pub(super) type Text = (String, String);

/// What is wrong in a file, with its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", crate::shown::Shown::new(.0))]
pub(super) struct Mistake(pub(super) String);

/// Files within files, at most.
const DEPTH: usize = 16;

struct Reading<'a> {
    host: &'a str,
    include: &'a dyn Fn(&str) -> Vec<Text>,
    settings: Settings,
}

/// Reads files one after the other; of each option the first value holds.
///
/// # Errors
/// An option that cannot be read, with its place.
pub(super) fn read(
    files: &[Text],
    host: &str,
    include: &dyn Fn(&str) -> Vec<Text>,
) -> Result<Settings, Mistake> {
    let mut reading = Reading { host, include, settings: Settings::default() };
    for file in files {
        reading.file(file, true, 0)?;
    }
    Ok(reading.settings)
}

impl Reading<'_> {
    fn file(&mut self, (name, text): &Text, whole: bool, depth: usize) -> Result<(), Mistake> {
        if depth > DEPTH {
            return Err(Mistake(format!("{name}: Include is nested more than {DEPTH} deep")));
        }
        let mut active = whole;
        for (line, number) in text.lines().zip(1..) {
            let at = || format!("{name}:{number}");
            let Some((key, values)) = words(line).map_err(|what| Mistake(format!("{}: {what}", at())))?
            else {
                continue;
            };
            match key.as_str() {
                "host" => active = whole && is_meant(&values, self.host),
                "match" => active = whole && self.matches(&values, &at()),
                _ if !active => {}
                "include" => {
                    for pattern in &values {
                        for file in (self.include)(pattern) {
                            self.file(&file, true, depth + 1)?;
                        }
                    }
                }
                key => {
                    let first =
                        values.first().ok_or_else(|| Mistake(format!("{}: {key} has no value", at())))?;
                    self.option(key, first, &values).map_err(|what| Mistake(format!("{}: {what}", at())))?;
                    if key == "proxycommand" && !first.eq_ignore_ascii_case("none") {
                        self.settings.proxy_command.get_or_insert(at());
                    }
                }
            }
        }
        Ok(())
    }

    /// `Match all` holds, every other one is left out: what it asks about is not known here.
    fn matches(&mut self, values: &[String], at: &str) -> bool {
        let all = matches!(values, [all] if all.eq_ignore_ascii_case("all"));
        let last = values.first().is_some_and(|word| word.eq_ignore_ascii_case("final"));
        if !all && !last {
            let what = format!("{at}: Match is not understood here, what it sets is not used");
            self.settings.notes.push(what);
        }
        all
    }

    fn option(&mut self, key: &str, first: &str, values: &[String]) -> Result<(), String> {
        let settings = &mut self.settings;
        match key {
            "hostname" => {
                let name = first.replace("%h", self.host).replace("%%", "%");
                if !is_host(&name) {
                    return Err(format!("HostName `{first}` is no name of a host"));
                }
                settings.host_name.get_or_insert(name);
            }
            "user" if is_user(first) => drop(settings.user.get_or_insert(first.to_owned())),
            "user" => return Err(format!("User `{first}` is no name of a user")),
            "port" => match first.parse::<u16>() {
                Ok(port) if port > 0 => drop(settings.port.get_or_insert(port)),
                _ => return Err(format!("Port `{first}` is no port")),
            },
            "identityfile" => settings.identity_files.push(first.to_owned()),
            "identitiesonly" => {
                let is = first.eq_ignore_ascii_case("yes") || first.eq_ignore_ascii_case("true");
                settings.identities_only.get_or_insert(is);
            }
            "identityagent" => drop(settings.identity_agent.get_or_insert(first.to_owned())),
            "userknownhostsfile" => drop(settings.user_known_hosts.get_or_insert(values.to_vec())),
            "globalknownhostsfile" => drop(settings.global_known_hosts.get_or_insert(values.to_vec())),
            "hostkeyalias" => drop(settings.host_key_alias.get_or_insert(first.to_lowercase())),
            // Whichever of both stands first holds.
            "proxyjump" if settings.proxy_command.is_none() => {
                settings.proxy_jump.get_or_insert(first.to_owned());
            }
            "connecttimeout" => drop(settings.connect_timeout.get_or_insert(number(key, first)?)),
            "serveraliveinterval" => drop(settings.alive_interval.get_or_insert(number(key, first)?)),
            "serveralivecountmax" => drop(settings.alive_count.get_or_insert(number(key, first)?)),
            _ => {}
        }
        Ok(())
    }
}

/// Seconds, or a count.
fn number(key: &str, text: &str) -> Result<u64, String> {
    match text.trim_end_matches('s').parse::<u64>() {
        Ok(number) if number <= 86_400 => Ok(number),
        _ => Err(format!("{key} `{text}` is no number of seconds")),
    }
}

/// The keyword in lower case and its values; None for a line that says nothing.
fn words(line: &str) -> Result<Option<(String, Vec<String>)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let end = line.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(line.len());
    let key = line[..end].to_ascii_lowercase();
    let rest = line[end..].trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest);
    let (mut values, mut word, mut quoted, mut begun) = (Vec::new(), String::new(), None, false);
    let mut letters = rest.chars().peekable();
    while let Some(c) = letters.next() {
        match (quoted, c) {
            (None, '"' | '\'') => (quoted, begun) = (Some(c), true),
            (Some(quote), c) if c == quote => quoted = None,
            (_, '\\') if matches!(letters.peek(), Some('"' | '\'' | '\\')) => {
                word.extend(letters.next());
                begun = true;
            }
            (None, '#') if !begun => break,
            (None, c) if c.is_whitespace() => {
                if begun {
                    values.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            (_, c) => {
                word.push(c);
                begun = true;
            }
        }
    }
    if quoted.is_some() {
        return Err("a quotation mark is not closed".to_owned());
    }
    if begun {
        values.push(word);
    }
    Ok(Some((key, values)))
}

/// Whether a `Host` line means this host: one pattern does, and none with `!` before it.
fn is_meant(patterns: &[String], host: &str) -> bool {
    let mut meant = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(pattern) if fits(pattern, host) => return false,
            Some(_) => {}
            None => meant |= fits(pattern, host),
        }
    }
    meant
}

/// `*` stands for any text, `?` for one character; case says nothing.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase().into_bytes(), text.to_lowercase().into_bytes());
    let (mut p, mut t) = (0, 0);
    // Where the last star stands, and how far it reaches.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(b) if *b == b'?' || *b == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, reach)) => {
                    star = Some((at, reach + 1));
                    (p, t) = (at + 1, reach + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, host: &str) -> Settings {
        read(&[("config".into(), text.into())], host, &|_| Vec::new()).expect("no mistake")
    }

    /// As people write them: the user's file, then Debian's.
    const USER: &str = "\
# the fleet
Host is38 is39 !is39
  HostName=%h.east.acme.com
  User dm
  Port 2222
  IdentityFile ~/.ssh/fleet
  IdentityFile \"~/.ssh/with blank\"
  IdentitiesOnly yes

Host *.east.acme.com !gate.east.acme.com
\tProxyJump dm@gate.east.acme.com:2200   # the only way in
Host is4?
    ServerAliveInterval 15
    ServerAliveCountMax 2
    UserKnownHostsFile ~/.ssh/known_hosts ~/.ssh/fleet_hosts
Host *
  User nobody
  ConnectTimeout 3
";
    const DEBIAN: &str = "\
Include /etc/ssh/ssh_config.d/*.conf

Host *
#   Port 22
    SendEnv LANG LC_*
    HashKnownHosts yes
    GSSAPIAuthentication yes
";

    #[test]
    fn of_each_option_the_first_value_holds_and_patterns_may_exclude() {
        let is38 = of(USER, "is38");
        assert_eq!(is38.host_name.as_deref(), Some("is38.east.acme.com"));
        assert_eq!(
            (is38.user.as_deref(), is38.port, is38.connect_timeout),
            (Some("dm"), Some(2222), Some(3))
        );
        assert_eq!(is38.identity_files, ["~/.ssh/fleet", "~/.ssh/with blank"]);
        assert_eq!(is38.identities_only, Some(true));
        let is39 = of(USER, "is39");
        assert_eq!((is39.user.as_deref(), is39.port), (Some("nobody"), None));
        let behind = of(USER, "is7.EAST.acme.com");
        assert_eq!(behind.proxy_jump.as_deref(), Some("dm@gate.east.acme.com:2200"));
        assert_eq!(of(USER, "gate.east.acme.com").proxy_jump, None);
        let is40 = of(USER, "is40");
        assert_eq!((is40.alive_interval, is40.alive_count), (Some(15), Some(2)));
        assert_eq!(is40.user_known_hosts.map(|files| files.len()), Some(2));
    }

    #[test]
    fn included_files_are_read_where_they_are_named_and_only_there() {
        let include = |pattern: &str| match pattern {
            "/etc/ssh/ssh_config.d/*.conf" => {
                vec![("site.conf".to_owned(), "Host *\nPort 2022\n".to_owned())]
            }
            "inner" => vec![("inner".to_owned(), "Host nobody\nHost is38\nUser inner\n".to_owned())],
            _ => vec![("round".to_owned(), "Include round\n".to_owned())],
        };
        let read_them =
            |text: &str| read(&[("c".into(), text.into()), ("d".into(), DEBIAN.into())], "is38", &include);
        assert_eq!(read_them("").expect("fine").port, Some(2022));
        let inside = read_them("Host is38\nInclude inner\nPort 1\n").expect("fine");
        assert_eq!((inside.user.as_deref(), inside.port), (Some("inner"), Some(1)));
        assert_eq!(read_them("Host other\nInclude inner\n").expect("fine").user, None);
        assert_eq!(
            read_them("Include round\n").expect_err("endless").to_string(),
            "round: Include is nested more than 16 deep"
        );
    }

    #[test]
    fn match_is_left_out_and_said_except_for_all_and_final() {
        let said = of(
            "Match host is38 exec \"true\"\n  User evil\nMatch all\n  Port 7\nMatch final all\n  Port 8\n",
            "is38",
        );
        assert_eq!((said.user, said.port), (None, Some(7)));
        assert_eq!(said.notes, ["config:1: Match is not understood here, what it sets is not used"]);
    }

    #[test]
    fn a_proxy_command_is_known_by_its_place_and_none_is_none() {
        assert_eq!(
            of("ProxyCommand nc %h %p\nProxyJump gate\n", "x").proxy_command.as_deref(),
            Some("config:1")
        );
        assert_eq!(of("ProxyCommand none\n", "x").proxy_command, None);
        let first = of("ProxyJump gate\nProxyCommand nc %h %p\n", "x");
        assert_eq!(
            (first.proxy_jump.as_deref(), first.proxy_command.as_deref()),
            (Some("gate"), Some("config:2"))
        );
    }

    #[test]
    fn mistakes_are_told_with_their_place_and_hostile_values_reach_nobody() {
        let said = |text: &str| {
            read(&[("~/.ssh/config".into(), text.into())], "x", &|_| Vec::new())
                .expect_err("a mistake")
                .to_string()
        };
        assert_eq!(said("\nPort 0\n"), "~/.ssh/config:2: Port `0` is no port");
        assert_eq!(said("User -x\n"), "~/.ssh/config:1: User `-x` is no name of a user");
        assert_eq!(said("HostName \x1b[2J\n"), r"~/.ssh/config:1: HostName `\x1b[2J` is no name of a host");
        assert_eq!(said("IdentityFile \"a\n"), "~/.ssh/config:1: a quotation mark is not closed");
        assert_eq!(said("User\n"), "~/.ssh/config:1: user has no value");
        assert_eq!(
            said("ConnectTimeout soon\n"),
            "~/.ssh/config:1: connecttimeout `soon` is no number of seconds"
        );
    }

    #[test]
    fn patterns_fit_as_those_of_ssh_do() {
        for (pattern, text, fit) in [
            ("*", "", true),
            ("is*", "IS38", true),
            ("is?8", "is38", true),
            ("is?8", "is8", false),
            ("*.acme.com", "acme.com", false),
            ("*a*b*c", "xaxbxbxc", true),
            ("*a*b*c", "xaxcxb", false),
            ("", "x", false),
        ] {
            assert_eq!(fits(pattern, text), fit, "{pattern} {text}");
        }
    }
}
