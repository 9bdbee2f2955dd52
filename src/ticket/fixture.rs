//! A ticket as the tests of this room tell it: node7 in building B2 can't be reached.
//!
//! Zones are POSIX texts, so that the tests need no zone database.

use super::{Decision, Evidence, TicketFacts, decide};
use crate::alert::AlertRecord;
use crate::rules::findings::{DiagnosisRules, FindingRow, Then};
use crate::rules::model::{
    AuthenticationGate, Building, Center, Centers, Delivery, Depth, DomainGate, Gates, Identity, Keep, Lists,
    NodeAsks, NodeGate, Origin, RuleSet, Scope, Seconds, Served, Settings, SubjectGate, ThresholdRule,
    TicketRules, TimeRules, TransportRule, Way,
};
use crate::tracking::Choice;
use jiff::Timestamp;
use std::collections::BTreeMap;

pub(super) fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_795_162_323 + minute * 60).expect("a time in range")
}

pub(super) fn origin(file: &str, line: u32) -> Origin {
    Origin { file: file.to_owned(), line, column: 1 }
}

pub(super) fn alert(minute: i64) -> AlertRecord {
    AlertRecord {
        id: Some(format!("A-{minute}")),
        format: "rsync".into(),
        event: at(minute),
        arrival: at(minute),
        tool: "rsync".into(),
        region: Some("east".into()),
        device: "node7".into(),
        device_stated: "NODE7.east.acme.example".into(),
        mac: Some("08:00:20:1a:2b:3c".into()),
        ip: Some("192.0.2.7".into()),
        source_domain: "is38.east.acme.example".into(),
        source_node: "is38".into(),
        server: Some("is38".into()),
        upstream: Some("master1".into()),
        job: Some("4711".into()),
        package: Some("jre-1.3.1".into()),
        announced: "Connection timed out".into(),
        failure: "connection".into(),
        building: Some("B2".into()),
        room: Some("R14".into()),
        location: Some("B2/R14, second rack from the door".into()),
        detail: "ssh: connect to host node7 port 22: Connection timed out\nrsync: connection unexpectedly \
                 closed (0 bytes received so far) [sender]\nrsync error: unexplained error (code 255)"
            .into(),
        ..AlertRecord::default()
    }
}

pub(super) fn facts() -> TicketFacts {
    let rule = |scope, failure: Option<&str>, count, window, line| ThresholdRule {
        scope,
        failure: failure.map(str::to_owned),
        count,
        window: Seconds(window),
        origin: origin("thresholds.yaml", line),
    };
    let alerts: Vec<_> = [0, 12, 31, 47].map(alert).into();
    TicketFacts {
        number: "T-7K3M9QX2".into(),
        install: "0f4c7d5e".into(),
        device: "node7".into(),
        failure: "connection".into(),
        crossing: alert(47),
        alerts,
        total: 6,
        first: at(-300),
        last: at(47),
        choice: Choice {
            winner: rule(Scope::Building("B2".into()), Some("connection"), 4, 3600, 7),
            losers: vec![rule(Scope::Everywhere, None, 10, 86_400, 2)],
        },
        evidence: Evidence::default(),
        fault: None,
        members: vec![],
    }
}

pub(super) fn centers() -> Centers {
    let center = |id: &str, name: &str, line| Center {
        id: id.into(),
        name: name.into(),
        mail: vec![format!("{id}@maintenance.acme.example")],
        telephone: Some("+49 30 5550142".into()),
        owner: Some("Jana Groß".into()),
        reply_to: None,
        zone: "CET-1CEST,M3.5.0,M10.5.0/3".into(),
        language: None,
        hours: None,
        duty: None,
        origin: origin("centers.yaml", line),
    };
    Centers {
        centers: vec![center("east", "East", 4), center("west", "West", 11)],
        buildings: vec![Building {
            name: "B2".into(),
            center: Some("east".into()),
            mail: vec![],
            near: vec![],
            coordinates: None,
            origin: origin("centers.yaml", 4),
        }],
        regions: vec![Served {
            what: "west".into(),
            center: "west".into(),
            origin: origin("centers.yaml", 11),
        }],
        servers: vec![],
        packages: vec![],
        failures: vec![],
        network: None,
        order: Way::ALL.to_vec(),
        default: "west".into(),
        origin: origin("centers.yaml", 1),
    }
}

pub(super) fn decision(facts: &TicketFacts) -> Decision {
    decide(facts, None, &rules(), at(47))
}

/// A rule set without templates: the embedded ones are used.
pub(super) fn rules() -> RuleSet {
    RuleSet {
        settings: Settings {
            identity: Identity {
                domain: "tickets.acme.example".into(),
                from: "Autoticket <autoticket@tickets.acme.example>".into(),
                reply_to: Some("Service Center <service@acme.example>".into()),
                authserv_id: None,
            },
            state: None,
            lists: Lists::default(),
            efforts: vec![],
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
            keep: Keep { raw: Seconds(1), records: Seconds(1) },
            maildirs: vec![],
            interval: Seconds(60),
            outages: crate::rules::model::OutageRules::default(),
            diagnosis: DiagnosisRules {
                findings: vec![FindingRow {
                    failure: None,
                    device: vec![],
                    server: vec![],
                    then: Then::Ticket,
                    origin: origin("autoticket.yaml", 30),
                }],
                ..DiagnosisRules::default()
            },
        },
        gates: Gates {
            authentication: AuthenticationGate { enabled: false, methods: vec![], origin: Origin::default() },
            domain: DomainGate { enabled: false, depth: Depth::Any, origin: Origin::default() },
            subject: SubjectGate {
                enabled: false,
                prefixes: vec![],
                require: vec![],
                refuse: vec![],
                origin: Origin::default(),
            },
            node: NodeGate { enabled: false, asks: NodeAsks::Device, origin: Origin::default() },
            relays: vec![],
        },
        failure_types: vec!["connection".into(), "unknown".into()],
        thresholds: vec![],
        centers: centers(),
        formats: vec![],
        templates: BTreeMap::new(),
        digest: String::new(),
    }
}
