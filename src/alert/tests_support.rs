//! Rules and mails made by hand, for the tests of this room.

use crate::mail::{Address, Mail};
use crate::rules::model::*;

/// A format rule without conditions or fields.
pub fn rule(id: &str) -> FormatRule {
    let origin = Origin { file: format!("alerts/{id}.yaml"), line: 1, column: 1 };
    FormatRule {
        id: id.into(),
        origin: origin.clone(),
        order: 500,
        literals: vec![],
        when: vec![],
        repair: vec![],
        repeat: None,
        fields: vec![],
        failure: FailureRule { cases: vec![], default: "unknown".into(), origin },
    }
}

pub fn pattern(text: &str) -> Pattern {
    Pattern { text: text.into(), unicode: false }
}

pub fn key(field: Field, name: &str) -> FieldRule {
    let takes = vec![Take::Key { names: vec![name.into()], place: Place::Block }];
    FieldRule { field, takes, origin: Origin::default() }
}

pub fn contains(place: Place, text: &str) -> Condition {
    Condition { place, test: Test::Contains(vec![text.into()]), negate: false }
}

/// Gates as shipped: all but authentication enabled.
pub fn rules(formats: Vec<FormatRule>) -> RuleSet {
    let origin = |line| Origin { file: "autoticket.yaml".into(), line, column: 1 };
    RuleSet {
        settings: Settings {
            identity: Identity {
                domain: "tickets.acme.example".into(),
                from: "autoticket <autoticket@tickets.acme.example>".into(),
                reply_to: None,
                authserv_id: Some("mx.acme.example".into()),
            },
            state: None,
            lists: Lists::default(),
            efforts: vec![Effort {
                name: "Spring".into(),
                packages: vec!["jre-*".into()],
                jobs: vec!["S-*".into()],
            }],
            time: TimeRules { skew: Seconds(86_400) },
            delivery: Delivery {
                transport: TransportRule::Files { folder: "outgoing".into() },
                retry: vec![],
                timeout: Seconds(60),
            },
            tickets: TicketRules {
                update_interval: Seconds(3600),
                reminder_after: Seconds(259_200),
                cap: 20,
            },
            keep: Keep { raw: Seconds(0), records: Seconds(0) },
            maildirs: vec![],
            interval: Seconds(60),
            outages: crate::rules::model::OutageRules::default(),
            diagnosis: Default::default(),
        },
        gates: Gates {
            authentication: AuthenticationGate {
                enabled: false,
                methods: vec!["dkim".into()],
                origin: origin(2),
            },
            domain: DomainGate { enabled: true, depth: Depth::Any, origin: origin(3) },
            subject: SubjectGate {
                enabled: true,
                prefixes: vec![],
                require: vec![],
                refuse: vec![],
                origin: origin(4),
            },
            node: NodeGate { enabled: true, asks: NodeAsks::Source, origin: origin(5) },
            relays: vec![],
        },
        failure_types: ["connection", "distribution", "failed-package", "access", "disk", "unknown"]
            .map(str::to_owned)
            .into(),
        thresholds: vec![],
        centers: Centers {
            centers: vec![],
            buildings: vec![],
            regions: vec![],
            servers: vec![],
            packages: vec![],
            failures: vec![],
            network: None,
            order: vec![],
            default: "c".into(),
            origin: origin(1),
        },
        formats,
        templates: std::collections::BTreeMap::new(),
        digest: String::new(),
    }
}

/// A mail from this address.
pub fn mail(from: &str, subject: &str, body: &str) -> Mail {
    Mail {
        from: vec![Address { name: None, address: from.into() }],
        from_headers: 1,
        subject: subject.into(),
        date: Some("2026-03-02T10:00:00Z".parse().expect("a time")),
        body: body.into(),
        ..Mail::default()
    }
}
