//! Claims of the room: what is seen and what it means, output of tools, turns, the table.

use super::finding::*;
use super::parse::{self, Replies};
use super::path;
use super::shared::{Alone, PathAsked, Shared, Turn, nearest};
use super::table::verdict;
use crate::rules::findings::{FindingRow, Then};
use crate::rules::model::{Origin, Seconds};
use jiff::Timestamp;
use proptest::prelude::*;
use std::net::IpAddr;

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn hops(addresses: &[&str]) -> Vec<Hop> {
    (1..).zip(addresses).map(|(ttl, a)| Hop { ttl, address: a.parse().ok(), rtt_us: Some(40) }).collect()
}

const SILENT: Ping = Ping { sent: 3, received: 0, loss: 100, min_us: None, avg_us: None, max_us: None };

fn seen<'a>(ping: &'a Ping, hops: &'a [Hop]) -> Seen<'a> {
    Seen {
        address: ip("10.0.5.7"),
        ping,
        refusal: None,
        neighbour: None,
        on_link: false,
        traced: true,
        hops,
        last_router: None,
        refuser: None,
    }
}

fn refused(kind: RefusalKind, by: Option<&str>) -> Option<Refusal> {
    Some(Refusal { kind, by: by.map(ip) })
}

#[test]
fn one_reply_is_up_whatever_else_was_said() {
    let ping = Ping::of(3, &[120]);
    let found = Seen { refusal: refused(RefusalKind::NetUnreachable, Some("10.0.1.1")), ..seen(&ping, &[]) };
    assert_eq!(judge(&found), (Finding::Up, Reason::Answered));
    assert_eq!((ping.loss, ping.min_us, ping.avg_us), (66, Some(120), Some(120)));
}

#[test]
fn silence_is_down_only_where_the_way_to_it_answers() {
    let way = hops(&["10.0.1.1", "10.0.2.1"]);
    let silent = seen(&SILENT, &way);
    assert_eq!(judge(&silent), (Finding::Network, Reason::Timeout), "the last hop lies before the network");
    let neighbour = Seen { neighbour: Some(ip("10.0.5.1")), ..silent };
    assert_eq!(judge(&neighbour), (Finding::Down, Reason::Timeout), "its gateway answers");
    let router = Seen { last_router: Some(ip("10.0.2.1")), ..silent };
    assert_eq!(judge(&router), (Finding::Down, Reason::Timeout), "the last router of old answers");
    let shorter = Seen { last_router: Some(ip("10.0.3.1")), ..silent };
    assert_eq!(judge(&shorter), (Finding::Network, Reason::Timeout), "that router no longer answers");
    let linked = Seen { on_link: true, hops: &[], ..silent };
    assert_eq!(judge(&linked), (Finding::Down, Reason::Timeout), "nothing lies between");
}

#[test]
fn what_did_not_run_is_never_down() {
    let untraced = Seen { traced: false, ..seen(&SILENT, &[]) };
    assert_eq!(judge(&untraced).0, Finding::Unknown);
    let never_answered = seen(&SILENT, &[]);
    assert_eq!(
        judge(&never_answered).0,
        Finding::Unknown,
        "routers that never answered say nothing by silence"
    );
    let answered_before = Seen { last_router: Some(ip("10.0.2.1")), ..never_answered };
    assert_eq!(judge(&answered_before).0, Finding::Network);
}

#[test]
fn each_refusal_has_its_own_finding() {
    let way = hops(&["10.0.1.1"]);
    let router = Some("10.0.1.1");
    for (kind, by, finding) in [
        (RefusalKind::HostUnreachable, router, Finding::Network),
        (RefusalKind::NetUnreachable, router, Finding::Network),
        (RefusalKind::NoRoute, None, Finding::Network),
        (RefusalKind::BlackHole, None, Finding::Network),
        (RefusalKind::Loop, router, Finding::Network),
        (RefusalKind::Prohibited, router, Finding::Unknown),
        (RefusalKind::Prohibited, None, Finding::Unknown),
        (RefusalKind::Prohibited, Some("10.0.5.7"), Finding::Up),
        (RefusalKind::Closed, Some("10.0.5.7"), Finding::Up),
        (RefusalKind::Other(5), router, Finding::Unknown),
    ] {
        let refusal = refused(kind, by);
        let found = Seen { refusal, ..seen(&SILENT, &way) };
        assert_eq!(judge(&found), (finding, Reason::Refused(refusal.expect("set"))), "{kind} by {by:?}");
    }
    let refusal = refused(RefusalKind::HostUnreachable, router);
    let found = Seen { refusal, neighbour: Some(ip("10.0.5.1")), ..seen(&SILENT, &way) };
    assert_eq!(judge(&found).0, Finding::Down, "its gateway answers and says that it is not there");
    assert_eq!(last_answering(&found), Some(ip("10.0.5.1")));
}

#[test]
fn codes_of_icmp_are_told_apart() {
    use RefusalKind::*;
    let v4 = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14].map(RefusalKind::of_v4);
    let wanted = [
        NetUnreachable,
        HostUnreachable,
        Closed,
        Closed,
        Other(4),
        Other(5),
        NetUnreachable,
        HostUnreachable,
        HostUnreachable,
        Prohibited,
        Prohibited,
        NetUnreachable,
        HostUnreachable,
        Prohibited,
        Other(14),
    ];
    assert_eq!(v4, wanted);
    let v6 = [0, 1, 2, 3, 4, 5, 6].map(RefusalKind::of_v6);
    assert_eq!(v6, [NetUnreachable, Prohibited, Other(2), HostUnreachable, Closed, Prohibited, Prohibited]);
}

const PING: &str = "\
PING 10.0.5.7 (10.0.5.7) 56(84) bytes of data.
64 bytes from 10.0.5.7: icmp_seq=1 ttl=64 time=0.045 ms
64 bytes from 10.0.5.7: icmp_seq=2 ttl=64 time=12.3 ms

--- 10.0.5.7 ping statistics ---
3 packets transmitted, 2 received, 33.3333% packet loss, time 400ms
rtt min/avg/max/mdev = 0.045/6.172/12.300/6.127 ms
";

#[test]
fn output_of_ping_is_read() {
    let read = parse::ping(PING, "", ip("10.0.5.7"), 3);
    assert_eq!(read, Ok(Replies { times: vec![45, 12_300], refusal: None }));
    let refusal = "PING 10.0.5.7 (10.0.5.7) 56(84) bytes of data.\n\
        From 10.0.1.1 icmp_seq=1 Destination Host Unreachable\nFrom 10.0.1.1 icmp_seq=2 Packet filtered\n\n\
        --- 10.0.5.7 ping statistics ---\n3 packets transmitted, 0 received, +2 errors, 100% packet loss, time 9ms\n";
    let read = parse::ping(refusal, "", ip("10.0.5.7"), 3).expect("read");
    assert_eq!(read.refusal, refused(RefusalKind::Prohibited, Some("10.0.1.1")));
}

#[test]
fn forged_output_of_ping_is_not_run() {
    let read = |text: &str| parse::ping(text, "", ip("10.0.5.7"), 3);
    for (from, to) in [
        ("from 10.0.5.7: icmp_seq=2", "from 10.0.5.8: icmp_seq=2"),
        ("icmp_seq=2", "icmp_seq=4"),
        ("2 received", "3 received"),
        ("3 packets", "9 packets"),
        ("time=12.3 ms", "time=-1 ms"),
        ("time=12.3 ms", "time=99999999999999999999 ms"),
        ("rtt min", "\u{1b}[2Jrtt min"),
        ("64 bytes from 10.0.5.7: icmp_seq=1 ttl=64 time=0.045 ms\n", ""),
    ] {
        let forged = PING.replace(from, to);
        assert_ne!(forged, PING);
        assert!(read(&forged).is_err(), "{to}");
    }
    assert_eq!(read(""), Err("the output ends without its totals".to_owned()));
    let twice = PING.replace("icmp_seq=2 ttl=64 time=12.3 ms", "icmp_seq=1 ttl=64 time=12.3 ms (DUP!)");
    let twice = twice.replace("2 received", "1 received, +1 duplicates");
    assert_eq!(read(&twice).map(|r| r.times), Ok(vec![45]));
}

#[test]
fn what_a_tool_may_not_or_cannot_do_is_no_silence() {
    let read = |err: &str| parse::ping("", err, ip("10.0.5.7"), 3);
    assert_eq!(
        read("ping: socket: Operation not permitted\n").expect_err("not run"),
        "ping: socket: Operation not permitted"
    );
    for (err, kind) in [
        ("ping: connect: Network is unreachable\n", RefusalKind::NoRoute),
        ("ping: connect: No route to host\n", RefusalKind::HostUnreachable),
        ("ping: connect: Invalid argument\n", RefusalKind::BlackHole),
        ("ping: connect: Permission denied\n", RefusalKind::Prohibited),
        (
            "/usr/bin/ping: Do you want to ping broadcast? Then -b. If not, check your local firewall rules\n",
            RefusalKind::Prohibited,
        ),
    ] {
        assert_eq!(read(err).expect("a refusal").refusal, refused(kind, None), "{err}");
    }
    assert!(read("ping: socket: Permission denied\n").is_err());
}

#[test]
fn output_of_traceroute_is_read_strictly() {
    let text = "traceroute to 10.0.5.7 (10.0.5.7), 30 hops max, 60 byte packets\n 1  10.0.1.1  0.045 ms\n 2  *\n 3  10.0.5.7  1.5 ms\n";
    let steps = parse::traceroute(text, "", ip("10.0.5.7")).expect("read");
    assert!(steps.reached);
    assert_eq!(
        steps.hops.iter().map(|hop| hop.address).collect::<Vec<_>>(),
        [Some(ip("10.0.1.1")), None, Some(ip("10.0.5.7"))]
    );
    let refused_at = text.replace(" 2  *", " 2  10.0.2.1  0.5 ms !X");
    let steps = parse::traceroute(&refused_at, "", ip("10.0.5.7")).expect("read");
    assert_eq!((steps.hops.len(), steps.refusal), (2, refused(RefusalKind::Prohibited, Some("10.0.2.1"))));
    let silent = parse::traceroute(" 1  *\n 2  *\n", "", ip("10.0.5.7")).expect("read");
    assert!(silent.hops.is_empty());
    for (from, to) in
        [(" 2  *", " 4  *"), (" 2  *", " 2  host.example  0.1 ms"), (" 2  *", " 2  10.0.2.1  x ms")]
    {
        assert!(parse::traceroute(&text.replace(from, to), "", ip("10.0.5.7")).is_err(), "{to}");
    }
    assert!(parse::traceroute("", "You do not have enough privileges\n", ip("10.0.5.7")).is_err());
}

#[test]
fn the_routing_table_says_what_lies_on_the_link() {
    let v4 = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\nv0\t00000000\t0200420A\t0003\t0\t0\t0\t00000000\nv0\t0000420A\t00000000\t0001\t0\t0\t0\t00FFFFFF\n";
    assert!(parse::is_on_link(ip("10.66.0.77"), v4));
    assert!(!parse::is_on_link(ip("10.66.1.77"), v4));
    let v6 = "fd000000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001 v0\n\
        00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000000000000000000000000000002 00000400 00000001 00000000 00000003 v0\n";
    assert!(parse::is_on_link(ip("fd00::7"), v6));
    assert!(!parse::is_on_link(ip("fd00:0:0:1::7"), v6));
    assert!(!parse::is_on_link(ip("10.66.0.77"), ""));
}

#[test]
fn a_network_its_gateways_and_who_may_be_asked() {
    assert_eq!(path::network(ip("10.0.5.7")), "10.0.5.0/24");
    assert_eq!(path::network(ip("fd00:0:0:5::7")), "fd00:0:0:5::/64");
    assert_eq!(path::gateways(ip("10.0.5.1")), [ip("10.0.5.254")]);
    assert_eq!(path::gateways(ip("fd00::7")), [ip("fd00::1")]);
    for refused in ["255.255.255.255", "fe80::1", "224.0.0.1", "0.0.0.0", "0.1.2.3", "::", "ff02::1"] {
        assert!(!path::is_one_computer(ip(refused)), "{refused}");
    }
    for name in ["-f", "a;reboot", "a b", "", ".a", "a\n", "\u{202e}a", &"a".repeat(254)] {
        assert!(!super::resolve::is_name(name), "{name:?}");
    }
    assert!(super::resolve::is_name("is38.east_1.acme.com"));
}

#[test]
fn four_traces_start_at_once_and_then_one_a_second() {
    let (mut pace, mut started) = (0, Vec::new());
    for now in (0..10_000).step_by(10) {
        while let Ok(next) = path::turn(pace, 1_000_000 + now) {
            (pace, _) = (next, started.push(now));
        }
    }
    assert_eq!(started, [0, 0, 0, 0, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000]);
    assert!(path::turn(i64::MAX, 1_000_000).is_ok(), "a clock that was set back stops no trace");
}

#[test]
fn the_last_router_is_known_only_of_a_device_that_was_reached_through_it() {
    assert_eq!(trace("10.0.5.7", true).last_router(), Some(ip("10.9.0.1")));
    assert_eq!(trace("10.0.5.7", false).last_router(), None, "not reached");
    assert_eq!(trace("10.0.5.1", true).last_router(), None, "a gateway is the last router itself");
    let mut silent = trace("10.0.5.7", true);
    silent.hops[1].ttl = 3;
    assert_eq!(silent.last_router(), None, "the step before it was silent");
}

fn trace(target: &str, reached: bool) -> Trace {
    let at = Timestamp::UNIX_EPOCH;
    let way = if reached { hops(&["10.9.0.1", target]) } else { hops(&["10.9.0.1"]) };
    Trace { target: ip(target), hops: way, reached, refusal: None, tool: Tool::BuiltIn, at }
}

#[test]
fn a_trace_serves_others_while_it_says_how_things_stand() {
    let mut alone = Alone::default();
    let asked =
        |now, answers| PathAsked { network: "10.0.5.0/24", now, began: now, since: now - 300_000, answers };
    assert_eq!(alone.turn(&asked(1000, true)).expect("alone"), Turn::Go);
    let whole = trace("10.0.5.7", true);
    alone.traced("10.0.5.0/24", Some(&whole), 1100).expect("alone");
    assert_eq!(alone.turn(&asked(2000, true)).expect("alone"), Turn::Known(Box::new(whole)));
    assert_eq!(alone.turn(&asked(2000, false)).expect("alone"), Turn::Go, "it is silent since");
    assert_eq!(alone.turn(&asked(400_000, true)).expect("alone"), Turn::Go, "too old");
    assert_eq!(alone.last_router("10.0.5.0/24").expect("alone"), Some(ip("10.9.0.1")));
}

#[test]
fn silence_next_door_goes_before_a_whole_path_still_nearer() {
    let traces = [trace("10.0.4.1", true), trace("10.0.200.1", false), trace("192.0.2.1", false)];
    let of = |answers| nearest(ip("10.0.5.7"), answers, traces.iter()).map(|t| t.target);
    assert_eq!(of(true), Some(ip("10.0.4.1")));
    assert_eq!(of(false), Some(ip("10.0.200.1")));
    assert_eq!(nearest(ip("fd00::1"), true, traces.iter()), None);
}

fn row(failure: Option<&str>, device: &[Finding], server: &[Finding], then: Then, line: u32) -> FindingRow {
    let origin = Origin { file: "autoticket.yaml".into(), line, column: 5 };
    FindingRow {
        failure: failure.map(str::to_owned),
        device: device.to_vec(),
        server: server.to_vec(),
        then,
        origin,
    }
}

#[test]
fn the_first_row_that_holds_decides_and_is_cited() {
    use Finding::*;
    let defer = Then::Defer { after: Seconds(900), times: 2 };
    let table = [
        row(Some("connection"), &[], &[Down], Then::Server, 3),
        row(Some("connection"), &[Network], &[], Then::Network, 4),
        row(Some("connection"), &[Up], &[], defer, 5),
        row(Some("disk"), &[Up, Unknown], &[], Then::Drop, 6),
        row(None, &[], &[], Then::Ticket, 7),
    ];
    let says = |failure, device, server, rechecks| verdict(&table, failure, device, server, rechecks).1;
    assert_eq!(
        says("connection", Some(Network), Some(Down), 0),
        "connection, device network, server down: ticket to the server's center (autoticket.yaml:3)"
    );
    assert_eq!(
        says("connection", Some(Network), None, 0),
        "connection, device network, server not asked: ticket to the network's center (autoticket.yaml:4)"
    );
    assert_eq!(
        says("connection", Some(Up), Some(Up), 1),
        "connection, device up, server up: look again in 15m, 2 of 2 (autoticket.yaml:5)"
    );
    assert_eq!(
        says("connection", Some(Up), Some(Up), 2),
        "connection, device up, server up: ticket (autoticket.yaml:7); looked again 2 times (autoticket.yaml:5)"
    );
    assert_eq!(verdict(&table, "disk", Some(Unknown), None, 0).0.then, Then::Drop);
    assert_eq!(verdict(&table, "disk", None, None, 0).0.then, Then::Ticket, "not asked meets no condition");
}

#[test]
fn a_report_in_words_says_loss_times_hops_and_whose_trace_it_is() {
    let report = Report {
        host: "n40".into(),
        address: Some(ip("10.0.5.7")),
        finding: Finding::Down,
        reason: Reason::Timeout,
        ping: Some(Ping::of(3, &[])),
        ping_tool: Tool::BuiltIn,
        hops: hops(&["10.0.1.1", "-"]),
        route_tool: Tool::Program("/usr/bin/traceroute".into()),
        inherited_from: Some(Inherited {
            from: ip("10.0.5.1"),
            at: Timestamp::UNIX_EPOCH,
            same_network: true,
        }),
        last_answering: Some(ip("10.0.5.1")),
        at: Timestamp::UNIX_EPOCH,
        notes: vec!["no such name: its known address was asked".into()],
    };
    assert_eq!(
        report.words(),
        [
            "n40 (10.0.5.7) down: nothing came back in time; last seen answering 10.0.5.1",
            "ping (built in): 3 sent, 0 received, 100 % lost",
            "route (/usr/bin/traceroute): 1 hop answered, from the trace to 10.0.5.1 in its network at 1970-01-01T00:00:00Z",
            "  1  10.0.1.1  0.040 ms",
            "  2  silent  0.040 ms",
            "note: no such name: its known address was asked",
        ]
    );
    let text = serde_json::to_string(&report).expect("JSON");
    assert_eq!(serde_json::from_str::<Report>(&text).expect("read back"), report);
}

proptest! {
    #[test]
    fn no_output_of_a_tool_makes_the_readers_panic_or_forget_the_bounds(out in "[ -~\n]{0,400}", err in "[ -~\n]{0,80}") {
        let address = ip("10.0.5.7");
        if let Ok(replies) = parse::ping(&out, &err, address, 3) {
            prop_assert!(replies.times.len() <= 3);
        }
        if let Ok(steps) = parse::traceroute(&out, &err, address) {
            prop_assert!(steps.hops.len() <= usize::from(parse::MOST_HOPS));
        }
        let _ = parse::is_on_link(address, &out);
    }

    #[test]
    fn silence_is_never_up_and_what_was_not_traced_never_down(kind in 0u8..16, by in any::<bool>(), refused in any::<bool>()) {
        let refusal = refused.then(|| Refusal { kind: RefusalKind::of_v4(kind), by: by.then(|| ip("10.0.1.1")) });
        let found = Seen { refusal, traced: false, ..seen(&SILENT, &[]) };
        let (finding, _) = judge(&found);
        prop_assert!(finding != Finding::Up && finding != Finding::Down, "{finding:?}");
    }
}
