//! Wrong rule files and their exact messages: what an operator reads, as a table.
//!
//! Each case stands on top of the embedded base files; its name is a sentence about the mistake.

use super::{Mistake, Source, compile, embedded};

/// The base files and whatever is given on top of them.
pub(super) fn on_top(files: &[(&str, &str)]) -> Vec<Source> {
    let base = ["embedded:autoticket.yaml", "embedded:thresholds.yaml", "embedded:centers.yaml"];
    let mut sources: Vec<_> = embedded().into_iter().filter(|s| base.contains(&s.file.as_str())).collect();
    sources.extend(files.iter().map(|(file, text)| Source { file: (*file).into(), text: (*text).into() }));
    sources
}

fn mistakes(files: &[(&str, &str)]) -> Vec<String> {
    match compile(&on_top(files)) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.iter().map(Mistake::to_string).collect(),
    }
}

struct Case {
    name: &'static str,
    file: &'static str,
    text: &'static str,
    messages: &'static [&'static str],
}

const FIELDS: &str = "when: [{in: body, exists: true}]\nfields: {device: {key: D}}\n";

#[test]
fn every_wrong_file_gets_exactly_its_messages() {
    let mut wrong = Vec::new();
    for case in SETTINGS.iter().chain(TABLES).chain(FORMATS) {
        let text = case.text.replace("$FIELDS", FIELDS);
        let got = mistakes(&[(case.file, &text)]);
        let wanted: Vec<_> = case.messages.iter().map(|message| format!("{}:{message}", case.file)).collect();
        if got != wanted {
            wrong.push(format!("{}\n  wanted {wanted:#?}\n  got    {got:#?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const SETTINGS: &[Case] = &[
    Case {
        name: "a misspelt key is told with the one that was meant",
        file: "autoticket.yaml",
        text: "identity: {domian: example.com}\ntikets: {}\n",
        messages: &[
            "1:12: unknown key `domian` in `identity`, did you mean `domain`?",
            "2:1: unknown key `tikets` in autoticket.yaml, did you mean `tickets`?",
        ],
    },
    Case {
        name: "a key like none of the known ones lists them",
        file: "autoticket.yaml",
        text: "keep: {forever: 1d}\n",
        messages: &["1:8: unknown key `forever` in `keep`; known are raw, records"],
    },
    Case {
        name: "a key of another file is sent there",
        file: "autoticket.yaml",
        text: "thresholds: []\n",
        messages: &["1:1: `thresholds` belongs into `thresholds.yaml`"],
    },
    Case {
        name: "yes is no boolean",
        file: "autoticket.yaml",
        text: "gates: {domain: {enabled: yes}, node: {enabled: 'false'}, subject: {enabled: maybe}}\n",
        messages: &[
            "1:27: `enabled` must be true or false, not `yes`, did you mean `true`?",
            "1:49: `enabled` must be true or false without quotes",
            "1:78: `enabled` must be true or false, not `maybe`",
        ],
    },
    Case {
        name: "a password in the rules is refused with the reason",
        file: "autoticket.yaml",
        text: "delivery:\n  smtp:\n    user: a\n    password: hunter2\n    credential: c\n    tls: starttls\n",
        messages: &[
            "4:5: rules are read by other programs, backups and people, so no password may stand here; \
             write it into a file only its owner can read and name that file as `credential`",
        ],
    },
    Case {
        name: "a user without a credential cannot log in",
        file: "autoticket.yaml",
        text: "delivery: {smtp: {user: autoticket}}\n",
        messages: &["1:25: `user` needs a `credential`, the file that holds the password"],
    },
    Case {
        name: "a password never travels in clear",
        file: "autoticket.yaml",
        text: "delivery: {smtp: {host: mx.example.com, user: a, credential: c, tls: none}}\n",
        messages: &["1:47: `user` with `tls: none` would send the password in clear; say `tls: starttls`"],
    },
    Case {
        name: "durations need units and have bounds",
        file: "autoticket.yaml",
        text: "interval: 30\ntickets: {reminder_after: 2y}\ndelivery: {timeout: 2h, retry: []}\n",
        messages: &[
            "1:11: `interval`: `30` is no duration; write it like `30s`, `5m`, `1h`, `2d` or `1h30m`",
            "2:27: `reminder_after`: `2y` is no duration; write it like `30s`, `5m`, `1h`, `2d` or `1h30m`",
            "3:21: `timeout` must be from 1s to 1h, not `2h`",
            "3:32: `retry` must hold from 1 to 20 waits, not 0",
        ],
    },
    Case {
        name: "raw mails do not outlive their keys",
        file: "autoticket.yaml",
        text: "keep: {raw: 400d}\n",
        messages: &[
            "1:13: `raw` must not be longer than `records`: a mail whose record is gone would count twice",
        ],
    },
    Case {
        name: "an unknown word names the allowed ones",
        file: "autoticket.yaml",
        text: "delivery: {transport: sendmial, smtp: {tls: ssl, port: 99999, host: 'a b'}}\n",
        messages: &[
            "1:23: `transport` must be one of files, smtp, sendmail, not `sendmial`, did you mean `sendmail`?",
            "1:45: `tls` must be one of none, starttls, implicit, not `ssl`",
            "1:56: `port` must be a whole number from 1 to 65535, not `99999`",
            "1:69: `host` must be a host name or an address, not `a b`",
        ],
    },
    Case {
        name: "addresses and domains have a form",
        file: "autoticket.yaml",
        text: "identity: {domain: 'tickets example', from: nobody, reply_to: 'Desk <desk@>'}\n",
        messages: &[
            "1:20: `domain` must be a domain such as `tickets.example.com`, not `tickets example`",
            "1:45: `from` must be an address such as `Name <name@example.com>`, not `nobody`",
            "1:63: `reply_to` must be an address such as `Name <name@example.com>`, not `Desk <desk@>`",
        ],
    },
    Case {
        name: "a value that would add a header is refused",
        file: "autoticket.yaml",
        text: "identity: {from: \"a@example.com\\r\\nBcc: b@example.com\"}\n",
        messages: &["1:18: `from` holds a control character or a line break"],
    },
    Case {
        name: "a list comes from one place and its command is no shell line",
        file: "autoticket.yaml",
        text: "lists:\n  nodes: {file: a, command: [b], every: 1h}\n  domains: {command: dm list, every: 1h}\n",
        messages: &[
            "2:29: `nodes` has both `file` and `command`; only one may stand",
            "3:22: `command` must be a list, program first, as no shell reads it: [program, argument]",
        ],
    },
    Case {
        name: "a list says how often it is refreshed",
        file: "autoticket.yaml",
        text: "lists: {nodes: {file: a}}\n",
        messages: &["1:16: `every` is missing"],
    },
    Case {
        name: "an effort needs something that tells it",
        file: "autoticket.yaml",
        text: "efforts:\n  office: {}\n  bad: {packages: ['[a']}\n  'two words': {jobs: x}\n",
        messages: &[
            "2:11: an effort needs `packages` or `jobs`",
            "3:19: `packages`: bad glob `[a`: unclosed character class; missing ']'",
            "4:3: `two words` is no name for an effort: letters, digits, `-`, `_` and `.`",
        ],
    },
    Case {
        name: "authentication needs to know whose word counts",
        file: "autoticket.yaml",
        text: "gates: {authentication: {enabled: true, methods: [dkim, arc]}}\n",
        messages: &["1:57: `methods` must be one of dkim, spf, dmarc, not `arc`"],
    },
    Case {
        name: "authentication without an authserv-id believes nobody",
        file: "autoticket.yaml",
        text: "gates:\n  authentication: {enabled: true}\n",
        messages: &[
            "2:19: `authentication` needs `identity.authserv_id`, the name of the server whose word counts",
        ],
    },
    Case {
        name: "a gate pattern is checked at its column",
        file: "autoticket.yaml",
        text: "gates:\n  domain: {depth: all}\n  subject: {prefixes: ['Odp:'], refuse: ['ok', 'a(b']}\n",
        messages: &[
            "2:19: `depth` must be `any` or a number of dots, 0 for the whole domain, not `all`",
            "3:23: `prefixes` are written without colon, not `Odp:`, did you mean `Odp`?",
            "3:50: `refuse`: unclosed group",
        ],
    },
    Case {
        name: "a relay says where the source is",
        file: "autoticket.yaml",
        text: "gates:\n  relays:\n    - {sender: a.example}\n    - {sender: b.example, matches: '(\\w+)'}\n    \
               - {sender: 'c d', source: inside}\n    - {sender: e.example, source: enclosed}\n    \
               - {sender: E.example, source: enclosed}\n",
        messages: &[
            "3:7: a relay needs one of source, matches",
            "4:36: `matches` of a relay must capture `(?<domain>…)` or `(?<node>…)`",
            "5:16: `sender` must be a domain such as `tickets.example.com`, not `c d`",
            "5:31: `source` must be one of enclosed, not `inside`",
            "7:7: relay `E.example` is declared twice, first at autoticket.yaml:6",
        ],
    },
    Case {
        name: "a section that is no map is told as such",
        file: "autoticket.yaml",
        text: "gates: [a]\nstate: {a: b}\nmaildirs: {a: b}\n",
        messages: &[
            "1:8: `gates` must be a map of keys and values, not a list",
            "2:8: `state` must be a text, not a map",
            "3:11: `maildirs` must be a text, not a map",
        ],
    },
    Case {
        name: "a file that is a list is told as such",
        file: "autoticket.yaml",
        text: "- a\n",
        messages: &["1:1: the file must be a map of keys and values, not a list"],
    },
    Case {
        name: "broken syntax is told at its place",
        file: "autoticket.yaml",
        text: "identity:\n  domain: 'example.com\n",
        messages: &["3:1: YAML syntax: invalid indentation in multiline quoted scalar"],
    },
    Case {
        name: "a file name that means nothing is told",
        file: "treshold.yaml",
        text: "thresholds: []\n",
        messages: &[
            "1:1: no rule file has this name; formats belong into `alerts`, templates into `templates`, \
             settings of the site into `conf.d`, did you mean `thresholds.yaml`?",
        ],
    },
];

const TABLES: &[Case] = &[
    Case {
        name: "every mistake of a threshold is told at once",
        file: "thresholds.yaml",
        text: "thresholds:\n  - {scope: biulding B2, failure: conection, count: 0, within: 400d}\n  - {count: four}\n",
        messages: &[
            "2:13: `scope`: `biulding` is no scope; one of device, building, server, region, package, \
             everywhere, did you mean `building`?",
            "2:35: unknown failure type `conection`; known are connection, distribution, failed-package, \
             access, disk, unknown, did you mean `connection`?",
            "2:53: `count` must be a whole number from 1 to 1000, not `0`",
            "2:64: `within` must be from 1s to 366d, not `400d`",
            "3:5: `failure` is missing",
            "3:5: `within` is missing",
            "3:13: `count` must be a whole number from 1 to 1000, not `four`",
        ],
    },
    Case {
        name: "two thresholds of one scope and failure type in a file are an error",
        file: "thresholds.yaml",
        text: "thresholds:\n  - {scope: device N7, failure: disk, count: 1, within: 1h}\n  \
               - {scope: device n7, failure: disk, count: 2, within: 1h}\n  \
               - {scope: device n7, failure: any, count: 2, within: 1h}\n",
        messages: &["3:5: a second threshold for disk, device n7; the first stands at thresholds.yaml:2"],
    },
    Case {
        name: "globs of one rank that can hold for one name leave open which is meant",
        file: "thresholds.yaml",
        text: "thresholds:\n  - {scope: device N*, failure: disk, count: 1, within: 1h}\n  \
               - {scope: device n7, failure: disk, count: 2, within: 1h}\n  \
               - {scope: server n*, failure: disk, count: 2, within: 1h}\n  \
               - {scope: device n*, failure: any, count: 2, within: 1h}\n  \
               - {scope: device m*, failure: disk, count: 2, within: 1h}\n  \
               - {scope: device *7, failure: disk, count: 2, within: 1h}\n",
        messages: &[
            "7:5: `device *7` has the rank of `device N*` (thresholds.yaml:2), and both can hold for one name; \
             make them exclude each other",
            "7:5: `device *7` has the rank of `device m*` (thresholds.yaml:6), and both can hold for one name; \
             make them exclude each other",
        ],
    },
    Case {
        name: "any is no failure type of its own",
        file: "thresholds.yaml",
        text: "failure_types: [any, 'a b', heat]\n",
        messages: &[
            "1:17: `any` stands for every failure type; choose another name",
            "1:22: `a b` is no name for a failure type: letters, digits, `-`, `_` and `.`",
        ],
    },
    Case {
        name: "a center that is not defined cannot be routed to",
        file: "centers.yaml",
        text: "default: servicedsek\nbuildings: {B2: nowhere, b2: servicedesk}\nregions: {EMEA: servicedesk}\n",
        messages: &[
            "1:10: no center `servicedsek` is defined under `centers`, did you mean `servicedesk`?",
            "2:17: no center `nowhere` is defined under `centers`",
            "2:26: `b2` stands twice in `buildings`, case ignored, first at centers.yaml:2",
        ],
    },
    Case {
        name: "buildings, hours, order and what else leads to a center are checked",
        file: "centers.yaml",
        text: "centers:\n  a: {name: A, mail: [a@b.example], zone: UTC, hours: [Mon 7-9], language: german!}\n  b: {name: B, mail: [a@b.example], zone: UTC, holidays: 24.12.}\nbuildings:\n  B3: {}\n  B4: {staff: nobody, center: a}\n  B5: {center: a, near: [B3], coordinates: '91, 0'}\nservers: {'is[': a}\norder: [building, building, planet]\n",
        messages: &[
            "2:56: `hours`: `7` is no time of day such as `07:00`",
            "2:76: `language` must be a tag such as `de` or `pt-BR`, not `german!`",
            "3:58: `holidays` says something only together with `hours`",
            "3:58: `holidays`: a holiday is a date such as `2026-12-24`, or `12-24` for every year, not `24.12.`",
            "5:7: a building needs a `center`, or `staff: none`",
            "6:15: `staff` must be one of local, none, not `nobody`",
            "7:25: `near` is for a building with `staff: none`",
            "7:44: `coordinates`: latitude must be degrees from -90 to 90, not `91`",
            "8:11: `servers`: bad glob `is[`: unclosed character class; missing ']'",
            "9:19: `building` stands twice in `order`",
            "9:29: `order` must be one of building, region, server, package, failure, not `planet`",
        ],
    },
    Case {
        name: "neighbours and duty come to an end",
        file: "centers.yaml",
        text: "centers:\n  a: {name: A, mail: [a@b.example], zone: UTC, hours: Mon 07:00-09:00, duty: b}\n  b: {name: B, mail: [a@b.example], zone: UTC, hours: Mon 07:00-09:00, duty: a}\nbuildings:\n  B1: {staff: none, near: [B2]}\n  B2: {staff: none, near: [b1, B9]}\nfailures: {dsik: a}\nnetwork: x\n",
        messages: &[
            "2:78: the duty of `a` leads back to it",
            "3:78: the duty of `b` leads back to it",
            "5:27: the neighbours of `B1` lead back to it: name one that has staff",
            "6:27: `near`: no building `B9` stands under `buildings`, did you mean `B1`?",
            "6:27: the neighbours of `B2` lead back to it: name one that has staff",
            "7:12: unknown failure type `dsik`; known are connection, distribution, failed-package, access, disk, unknown, did you mean `disk`?",
            "8:10: no center `x` is defined under `centers`",
        ],
    },
    Case {
        name: "a default center is mandatory",
        file: "centers.yaml",
        text: "default:\n",
        messages: &["1:1: `default` has no value"],
    },
    Case {
        name: "a center needs a name, recipients and a zone",
        file: "centers.yaml",
        text: "centers:\n  west: {mail: 'West <west@example.com>', zone: 'Europe Berlin', telefone: 1}\n  east:\n",
        messages: &[
            "2:9: `name` is missing",
            "2:16: `mail` must hold bare addresses such as `desk@example.com`, not `West <west@example.com>`",
            "2:49: `zone` must be an IANA zone such as `Europe/Berlin` or `UTC`, not `Europe Berlin`",
            "2:66: unknown key `telefone` in a center, did you mean `telephone`?",
            "3:7: a center must be a map of keys and values, not nothing",
        ],
    },
];

const FORMATS: &[Case] = &[
    Case {
        name: "a format needs an id, conditions and fields",
        file: "alerts/x.yaml",
        text: "order: 1.5\nfeilds: {}\n",
        messages: &[
            "1:1: `fields` is missing",
            "1:1: `format` is missing",
            "1:1: `when` is missing",
            "1:8: `order` must be a whole number from -1000000 to 1000000, not `1.5`",
            "2:1: unknown key `feilds` in a format rule, did you mean `fields`?",
        ],
    },
    Case {
        name: "patterns are placed where they go wrong",
        file: "alerts/x.yaml",
        text: "format: x\nwhen:\n  - {in: body, matches: 'a(?=b)'}\n  - {in: body, matches: (a)\\1}\n  \
               - {in: body, matches: \"it''s [z-a]\"}\n  - {in: body, matches: 'it''s [z-a]'}\n  \
               - {in: body, matches: '\\p{Greek}'}\n  - {in: body, matches: '(?:a{900}){900}'}\n\
               fields: {device: {matches: 'dev \\w+'}}\n",
        messages: &[
            "3:27: `matches`: look-around is not supported, as it takes more than linear time; use `when` with \
             `not: true`",
            "4:28: `matches`: backreferences are not supported, as they take more than linear time",
            "5:33: `matches`: invalid character class range, the start must be <= the end",
            "6:33: `matches`: invalid character class range, the start must be <= the end",
            "7:26: `matches`: this needs Unicode classes; say `unicode: true` in the rule",
            "8:25: `matches`: pattern compiles to more than 1048576 bytes; repeat less",
            "9:28: `matches` captures nothing; put `(?<device>…)` around the value",
        ],
    },
    Case {
        name: "a condition looks somewhere and asks one thing",
        file: "alerts/x.yaml",
        text: "format: x\nwhen:\n  - {in: subjet, contains: a}\n  - {in: body}\n  - {contains: a, exists: true}\n  \
               - {in: block, contains: a}\n  - {in: body, contains: []}\n  - {in: header, exists: true}\n\
               fields: {device: {key: D}}\nrepair: []\n",
        messages: &[
            "3:10: `in`: `subjet` is no place; one of subject, body, block, part, header, enclosed, did you mean \
             `subject`?",
            "4:5: a condition needs one of contains, matches, exists",
            "5:5: `in` is missing",
            "5:27: a condition has both `contains` and `exists`; only one may stand",
            "6:10: `when` is asked before blocks are cut; say `in: body`",
            "7:26: `contains` is an empty list",
            "8:10: `in`: `header` needs a header name after it, such as `header Auto-Submitted`, not ``",
            "10:9: `repair` is an empty list",
        ],
    },
    Case {
        name: "a field has a way that gives it a value",
        file: "alerts/x.yaml",
        text: "format: x\nwhen: [{in: body, exists: true}]\nfields:\n  devise: {key: D}\n  \
               tool: {value: x, in: body}\n  server: {source: host}\n  announced: {captured: true}\n  \
               mac: {host_of: {host_of: {key: a}}}\n  job: []\n  package: {}\n",
        messages: &[
            "4:3: unknown key `devise` in `fields`, did you mean `device`?",
            "5:24: `in` means nothing beside `value`",
            "6:20: `source` must be one of node, domain, address, not `host`",
            "7:25: `captured: true` needs `repeat: {lines: …}`",
            "8:28: `host_of` inside `host_of` means nothing",
            "9:8: `job` is an empty list",
            "10:12: a way to `package` needs one of key, matches, after, value, source, captured, host_of",
        ],
    },
    Case {
        name: "a format without a device counts nothing",
        file: "alerts/x.yaml",
        text: "format: x\nwhen: [{in: body, exists: true}]\nfields: {package: {key: P}}\n",
        messages: &["3:9: `fields` names neither `device` nor `mac` nor `ip`, so no alert could be counted"],
    },
    Case {
        name: "a repeat begins somewhere",
        file: "alerts/x.yaml",
        text: "format: x\nrepeat: {blocks: {in: block, start: '^'}, lines: {line: x}}\n$FIELDS",
        messages: &["2:50: `repeat` has both `blocks` and `lines`; only one may stand"],
    },
    Case {
        name: "a block that begins at every line is no block",
        file: "alerts/x.yaml",
        text: "format: x\nrepeat: {blocks: {in: block, start: '^\\s*'}}\n$FIELDS",
        messages: &[
            "2:23: `repeat` makes the blocks; say where it looks, such as `in: body`",
            "2:37: `start` matches an empty line, so every line would begin a block",
        ],
    },
    Case {
        name: "a captured field stands in the pattern of the lines",
        file: "alerts/x.yaml",
        text: "format: x\nwhen: [{in: body, exists: true}]\nrepeat: {lines: {line: '^(?<device>\\S+) failed'}}\n\
               fields: {device: {captured: true}, package: {captured: true}, job: {captured: false}}\n",
        messages: &[
            "4:56: the pattern of `repeat.lines` has no capture `(?<package>…)`",
            "4:79: `captured` can only be true; leave it out otherwise",
        ],
    },
    Case {
        name: "a failure type of a case is one of the closed list",
        file: "alerts/x.yaml",
        text: "format: x\n$FIELDSfailure:\n  cases:\n    - {type: dsik, contains: full}\n    - {type: disk}\n  \
               default: unknwon\n",
        messages: &[
            "6:14: unknown failure type `dsik`; known are connection, distribution, failed-package, access, \
             disk, unknown, did you mean `disk`?",
            "7:7: a case of `failure` needs `contains` or `matches`; use `default` for the rest",
            "8:12: unknown failure type `unknwon`; known are connection, distribution, failed-package, access, \
             disk, unknown, did you mean `unknown`?",
        ],
    },
    Case {
        name: "an id is a name and not what samples call no format",
        file: "alerts/x.yaml",
        text: "formats:\n  - {format: none, when: [{in: body, exists: true}], fields: {device: {key: D}}}\n  \
               - {format: 'a b', when: [{in: body, exists: true}], fields: {device: {key: D}}}\nformat: x\n",
        messages: &[
            "2:14: `none` is what samples call no format; choose another name",
            "3:14: `format` must be a name of letters, digits, `-`, `_` and `.`, at most 64, not `a b`",
            "4:1: unknown key `format` in a file with `formats`, did you mean `formats`?",
        ],
    },
];

#[test]
fn one_format_id_in_two_files_is_an_error_but_a_file_of_the_same_name_replaces() {
    let text = format!("format: x\n{FIELDS}");
    assert_eq!(
        mistakes(&[("alerts/a.yaml", &text), ("alerts/b.yaml", &text)]),
        ["alerts/b.yaml:1:1: format `x` is defined twice, first at alerts/a.yaml:1; to replace a shipped \
             format give the file its name"]
    );
    assert_eq!(
        mistakes(&[("embedded:alerts/a.yaml", &text), ("alerts/a.yaml", &text)]),
        Vec::<String>::new()
    );
}

#[test]
fn mistakes_of_several_files_come_in_the_order_of_the_files() {
    let got = mistakes(&[
        ("autoticket.yaml", "interval: x\nkeep: {raw: y}\n"),
        ("thresholds.yaml", "a: [\n"),
        ("alerts/x.yaml", "format: x\n"),
    ]);
    let files: Vec<_> = got.iter().map(|m| m.split(": ").next().unwrap_or_default()).collect();
    assert_eq!(
        files,
        [
            "autoticket.yaml:1:11",
            "autoticket.yaml:2:13",
            "thresholds.yaml:1:4",
            "alerts/x.yaml:1:1",
            "alerts/x.yaml:1:1"
        ]
    );
}

#[test]
fn a_file_beyond_its_bound_is_not_read() {
    let large = format!("# {}\n", "x".repeat(1 << 20));
    assert_eq!(
        mistakes(&[("autoticket.yaml", &large)]),
        ["autoticket.yaml:1:1: the file is larger than 1048576 bytes"]
    );
    assert_eq!(mistakes(&[("alerts/x.yaml", &large)]), Vec::<String>::new(), "an empty format file is fine");
}

#[test]
fn hostile_text_in_a_message_is_made_visible() {
    let got = mistakes(&[("autoticket.yaml", "\"inter\\e[2Jval\": 1s\n")]);
    assert_eq!(got.len(), 1);
    assert!(got[0].contains("inter\\x1b[2Jval"), "{got:?}");
}
