//! What diagnostics need of this machine: the right to ping and trace, names, a clock that is kept.
//!
//! In: the rules. Out: checks, each with the exact remedy. Sockets are opened and names looked up; nothing is sent to a
//! device.

use super::{Checks, show};
use crate::diagnosis::{self, Privileges, Reason};
use crate::rules::RuleSet;
use crate::rules::model::TransportRule;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Files that stand while a time service keeps the clock.
const TIME_SERVICES: [(&str, &str); 5] = [
    ("/run/systemd/timesync/synchronized", "systemd-timesyncd"),
    ("/run/chrony/chronyd.pid", "chrony"),
    ("/run/chronyd.pid", "chrony"),
    ("/run/ntpd.pid", "ntpd"),
    ("/run/openntpd.sock", "openntpd"),
];

/// ` (kept by chrony)`, or that no service is seen.
pub(super) fn clock_keeper() -> String {
    match TIME_SERVICES.iter().find(|(file, _)| Path::new(file).exists()) {
        Some((_, service)) => format!(", kept by {service}"),
        None => ", no time service seen on this machine".to_owned(),
    }
}

/// Whether ping and route can run, and by what.
pub(super) fn check_privileges(rules: &RuleSet, checks: &mut Checks) {
    if !rules.settings.diagnosis.enabled {
        return checks.ok("ping", "switched off (`diagnosis.enabled`)");
    }
    let may = diagnosis::privileges();
    let program = crate::cli::world::own_program();
    let remedy = remedy(&program);
    let range = fs::read_to_string("/proc/sys/net/ipv4/ping_group_range").unwrap_or_default();
    let range = range.split_whitespace().collect::<Vec<_>>().join(" ");
    match may {
        Privileges { raw: true, .. } => checks.ok("ping", "raw ICMP sockets, built in"),
        Privileges { datagram: true, .. } => checks.warn(
            "ping",
            format!(
                "ICMP sockets of datagrams only (ping_group_range {range}): what routers refuse is not seen"
            ),
            remedy.clone(),
        ),
        Privileges { system_ping: true, .. } => checks.warn(
            "ping",
            format!("no CAP_NET_RAW (ping_group_range {range}): the system's ping serves, which is slower"),
            format!("{remedy}; or sysctl -w net.ipv4.ping_group_range='0 2147483647'"),
        ),
        _ => checks.fail(
            "ping",
            format!("no CAP_NET_RAW (ping_group_range {range}) and no ping: every finding is unknown"),
            format!("{remedy}; or apt-get install iputils-ping"),
        ),
    }
    if !rules.settings.diagnosis.route {
        return checks.ok("route", "switched off (`diagnosis.route`)");
    }
    match may {
        Privileges { raw: true, .. } => checks.ok("route", "raw ICMP sockets, built in"),
        Privileges { system_traceroute: true, .. } => {
            checks.warn("route", "no CAP_NET_RAW: the system's traceroute serves, which is slower", remedy)
        }
        _ => checks.fail(
            "route",
            "no CAP_NET_RAW and no traceroute: tickets show no hops",
            format!("{remedy}; or apt-get install traceroute"),
        ),
    }
}

fn remedy(program: &str) -> String {
    format!(
        "setcap cap_net_raw+ep {}; or, in a systemd unit, AmbientCapabilities=CAP_NET_RAW",
        show::command(&[program.to_owned()])
    )
}

/// Whether names resolve in time: that of the mail server, else our own domain.
pub(super) fn check_names(rules: &RuleSet, checks: &mut Checks) {
    let name = match &rules.settings.delivery.transport {
        TransportRule::Smtp { host, .. } if host.parse::<std::net::IpAddr>().is_err() => host,
        _ => &rules.settings.identity.domain,
    };
    let seconds = rules.settings.diagnosis.names.0;
    let limit = Duration::from_secs(u64::try_from(seconds).unwrap_or(3));
    let remedy = "see /etc/resolv.conf; until then devices known by name only cannot be asked";
    match diagnosis::names_resolve(name, limit) {
        Ok(addresses) => {
            let first = addresses.first().map(ToString::to_string).unwrap_or_default();
            checks.ok("names", format!("{name} is {first}"));
        }
        Err(Reason::NoSuchName | Reason::NotAName) => {
            checks.ok("names", format!("answered, but {name} has no address"));
        }
        Err(reason) => checks.warn("names", format!("{name}: {reason}"), remedy),
    }
}
