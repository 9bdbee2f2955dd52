//! The SMTP transport against a scripted server on loopback.
#![allow(clippy::disallowed_methods, reason = "measures how long a transmission takes")]

#[path = "../../../tests/support/smtp.rs"]
#[allow(dead_code, reason = "shared with the integration tests, each of which uses a part of it")]
mod server;

use super::*;
use crate::rules::model::Tls;
use server::{Act, STAGES, Script, Server, Stage};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

/// Long enough for a loaded machine to finish a dialogue, where a test does not wait for it to pass.
const AMPLE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);
/// By how much a limit may be overrun.
const GRACE: Duration = Duration::from_secs(1);

const BYTES: &[u8] = b"Message-ID: <t-42.1@example.com>\r\nSubject: x\r\n\r\n.\r\n..\r\n.leading\r\nend\r\n";

fn parcel(recipient: &str) -> Parcel {
    Parcel {
        message_id: "t-42.1@example.com".into(),
        sender: "tickets@example.com".into(),
        recipient: recipient.into(),
        bytes: BYTES.to_vec(),
        name: "T-42-ticket-1".into(),
    }
}

fn plain(server: &Server, timeout: Duration) -> Smtp {
    Smtp::new("127.0.0.1".into(), server.address.port(), Security::None, None, timeout)
}

fn accepted() -> Attempt {
    Attempt::Accepted { reply: "250 2.0.0 Ok: queued as 4Zk1".into() }
}

fn postponed(attempt: Attempt) -> String {
    match attempt {
        Attempt::Postponed { reply } => reply,
        other => panic!("not postponed: {other:?}"),
    }
}

/// Starts a server with the script and transmits one mail to it.
fn one(script: Script, timeout: Duration) -> (Server, Attempt) {
    let server = Server::start(script);
    let attempt = plain(&server, timeout).transmit(&parcel("desk@example.com"));
    (server, attempt)
}

#[test]
fn frozen_bytes_arrive_unchanged_with_their_envelope_and_the_queue_id_comes_back() {
    let (server, attempt) = one(Script::new(), AMPLE);
    assert_eq!(attempt, accepted());
    let mails = server.accepted();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].bytes, BYTES);
    assert_eq!(mails[0].mail, "MAIL FROM:<tickets@example.com>");
    assert_eq!(mails[0].rcpt, "RCPT TO:<desk@example.com>");
    let commands = server.commands();
    let name = commands[0].strip_prefix("EHLO ").expect("EHLO comes first");
    assert!(name.contains('.'), "neither a full name nor an address: {name}");
    assert_eq!(commands.last().map(String::as_str), Some("QUIT"));
}

#[test]
fn bare_line_ends_become_crlf_and_the_null_sender_and_eight_bits_are_said() {
    let server = Server::start(Script::new());
    let mut smtp = plain(&server, AMPLE);
    let bytes = "a\n.\nb\r.\rGebäude".into();
    let attempt = smtp.transmit(&Parcel { sender: String::new(), bytes, ..parcel("desk@example.com") });
    assert_eq!(attempt, accepted());
    let mails = server.accepted();
    assert_eq!(mails[0].bytes, "a\r\n.\r\nb\r\n.\r\nGebäude\r\n".as_bytes());
    assert_eq!(mails[0].mail, "MAIL FROM:<> BODY=8BITMIME");
}

#[test]
fn a_5xx_reply_refuses_at_every_stage_and_its_words_are_kept() {
    for stage in STAGES {
        let (server, attempt) = one(Script::new().always(stage, Act::Say("554 5.7.1 no\x1b[2J")), AMPLE);
        let Attempt::Refused { reply } = attempt else { panic!("{stage:?}: {attempt:?}") };
        assert!(reply.ends_with(r": 554 5.7.1 no\x1b[2J"), "{stage:?}: {reply}");
        assert_eq!(server.accepted(), []);
    }
}

#[test]
fn a_4xx_reply_postpones_at_every_stage() {
    for stage in STAGES {
        let (_, attempt) = one(Script::new().always(stage, Act::Say("451 4.3.0 later")), AMPLE);
        let reply = postponed(attempt);
        assert!(reply.ends_with(": 451 4.3.0 later"), "{stage:?}: {reply}");
    }
}

#[test]
fn a_refused_recipient_does_not_stop_the_next_on_the_same_connection() {
    let script = Script::new().recipient("gone@example.com", Act::Say("550 5.1.1 no such user"));
    let server = Server::start(script);
    let mut smtp = plain(&server, AMPLE);
    let refused = Attempt::Refused { reply: "RCPT: 550 5.1.1 no such user".into() };
    assert_eq!(smtp.transmit(&parcel("gone@example.com")), refused);
    assert_eq!(smtp.transmit(&parcel("desk@example.com")), accepted());
    assert_eq!(smtp.transmit(&parcel("desk2@example.com")), accepted());
    assert_eq!((server.connections(), server.accepted().len()), (1, 2));
    assert_eq!(server.commands().iter().filter(|command| *command == "RSET").count(), 2);
}

#[test]
fn a_greylisted_mail_is_accepted_later_with_the_same_message_id() {
    let greylist = Act::Say("450 4.7.1 greylisted, come back");
    let server = Server::start(Script::new().once(Stage::Rcpt, greylist));
    let reply = postponed(plain(&server, AMPLE).transmit(&parcel("desk@example.com")));
    assert_eq!(reply, "RCPT: 450 4.7.1 greylisted, come back");
    assert_eq!(plain(&server, AMPLE).transmit(&parcel("desk@example.com")), accepted());
    let mails = server.accepted();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].bytes.starts_with(b"Message-ID: <t-42.1@example.com>\r\n"));
}

#[test]
fn a_server_that_stalls_trickles_or_never_ends_is_left_at_the_limit_at_every_stage() {
    let slow = Duration::from_millis(40);
    let acts = [Act::Stall, Act::Trickle("250 as slowly as can be", slow)];
    thread::scope(|scope| {
        for stage in STAGES {
            for act in acts.clone() {
                scope.spawn(move || {
                    let server = Server::start(Script::new().always(stage, act.clone()));
                    let start = Instant::now();
                    let attempt = plain(&server, SHORT).transmit(&parcel("desk@example.com"));
                    let took = start.elapsed();
                    assert!(postponed(attempt).ends_with(": time limit reached"), "{stage:?} {act:?}");
                    assert!(took >= SHORT && took < SHORT + GRACE, "{stage:?} {act:?}: {took:?}");
                    assert_eq!(server.accepted(), []);
                });
            }
        }
    });
}

#[test]
fn a_server_that_asks_for_the_mail_and_never_reads_it_is_left_at_the_limit() {
    let server = Server::start(Script::new().always(Stage::Data, Act::SayAndStall("354 go on")));
    let large = Parcel { bytes: b"0123456789abcde\n".repeat(1 << 20), ..parcel("desk@example.com") };
    let start = Instant::now();
    let reply = postponed(plain(&server, SHORT).transmit(&large));
    assert_eq!(reply, "end of mail: time limit reached");
    assert!(start.elapsed() < SHORT + GRACE, "{:?}", start.elapsed());
}

#[test]
fn a_refusal_in_the_middle_of_the_mail_is_heard_although_the_rest_cannot_be_written() {
    let act = Act::SayAndClose("354 go on\r\n552 5.3.4 too large");
    let server = Server::start(Script::new().always(Stage::Data, act));
    let large = Parcel { bytes: b"0123456789abcde\n".repeat(1 << 20), ..parcel("desk@example.com") };
    let attempt = plain(&server, AMPLE).transmit(&large);
    assert_eq!(attempt, Attempt::Refused { reply: "end of mail: 552 5.3.4 too large".into() });
}

#[test]
fn a_lost_connection_postpones_at_every_stage() {
    for stage in STAGES {
        let (server, attempt) = one(Script::new().always(stage, Act::Close), AMPLE);
        let reply = postponed(attempt);
        assert!(reply.contains(": connection lost: "), "{stage:?}: {reply}");
        assert_eq!(server.accepted(), []);
    }
}

#[test]
fn a_connection_closed_after_the_dot_is_ambiguous_and_tried_again() {
    let (server, attempt) = one(Script::new().always(Stage::End, Act::Close), AMPLE);
    assert!(postponed(attempt).starts_with("end of mail: connection lost"));
    assert_eq!(server.received()[0].bytes, BYTES);
}

#[test]
fn floods_endless_lines_and_garbage_are_bounded_long_before_the_limit() {
    let garbage = [
        (Act::Flood, "a reply without an end"),
        (Act::Endless, "a line without an end"),
        (Act::Raw(b"\x00\xff\x1b]0;x\x07\r\n"), "is no SMTP"),
        (Act::Raw(b"HTTP/1.1 400 Bad Request\r\n"), "`HTTP/1.1 400 Bad Request`"),
        (Act::Raw(b"250-one\r\n550 two\r\n"), "reply 250 goes on as 550"),
    ];
    for stage in STAGES {
        for (act, reason) in garbage.clone() {
            let start = Instant::now();
            let (_, attempt) = one(Script::new().always(stage, act), AMPLE);
            let reply = postponed(attempt);
            assert!(reply.contains(reason), "{stage:?}: {reply}");
            assert!(reply.len() <= 512 && !reply.contains(|c: char| c.is_control()), "{reply:?}");
            assert!(start.elapsed() < AMPLE / 2);
        }
    }
}

#[test]
fn replies_in_pieces_in_many_lines_and_without_carriage_returns_are_understood() {
    let pieces = Act::Trickle("250 2.1.0 in pieces", Duration::from_millis(1));
    let script = Script::new()
        .always(Stage::Mail, pieces)
        .always(Stage::Rcpt, Act::Raw(b"250-one\r\n250-two\r\n250\r\n"))
        .always(Stage::Data, Act::Raw(b"354 no carriage return\n"));
    assert_eq!(one(script, AMPLE).1, accepted());
}

#[test]
fn a_reply_of_any_length_is_kept_bounded() {
    static LONG: [u8; 1500] = {
        let mut line = [b'x'; 1500];
        (line[0], line[1], line[2], line[3]) = (b'5', b'5', b'0', b' ');
        (line[1498], line[1499]) = (b'\r', b'\n');
        line
    };
    let (_, attempt) = one(Script::new().always(Stage::Rcpt, Act::Raw(&LONG)), AMPLE);
    let Attempt::Refused { reply } = attempt else { panic!("not refused: {attempt:?}") };
    assert!(reply.starts_with("RCPT: 550 xxx") && reply.len() <= 512, "{}", reply.len());
}

#[test]
fn a_kept_connection_the_server_closed_is_made_anew_without_loss() {
    for act in [Act::Close, Act::SayAndClose("421 4.4.2 idle"), Act::Say("500 what?")] {
        let server = Server::start(Script::new().once(Stage::Reset, act.clone()));
        let mut smtp = plain(&server, AMPLE);
        for _ in 0..3 {
            assert_eq!(smtp.transmit(&parcel("desk@example.com")), accepted(), "{act:?}");
        }
        assert_eq!((server.connections(), server.accepted().len()), (2, 3), "{act:?}");
    }
}

#[test]
fn a_kept_connection_that_went_silent_costs_a_share_of_the_limit_and_no_mail() {
    let server = Server::start(Script::new().once(Stage::Reset, Act::Stall));
    let mut smtp = plain(&server, Duration::from_secs(2));
    assert_eq!(smtp.transmit(&parcel("desk@example.com")), accepted());
    assert_eq!(smtp.transmit(&parcel("desk@example.com")), accepted());
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_mail_on_a_kept_connection_has_the_whole_limit_again() {
    let slow = Act::Trickle("250 2.1.0 sender ok", Duration::from_millis(30));
    let server = Server::start(Script::new().always(Stage::Mail, slow));
    let mut smtp = plain(&server, Duration::from_secs(2));
    for _ in 0..2 {
        assert_eq!(smtp.transmit(&parcel("desk@example.com")), accepted());
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_server_that_says_421_is_not_asked_again_on_that_connection() {
    let server = Server::start(Script::new().once(Stage::Rcpt, Act::Say("421 4.3.2 closing")));
    let mut smtp = plain(&server, AMPLE);
    assert_eq!(postponed(smtp.transmit(&parcel("desk@example.com"))), "RCPT: 421 4.3.2 closing");
    assert_eq!(smtp.transmit(&parcel("desk@example.com")), accepted());
    assert_eq!(server.connections(), 2);
    assert!(!server.commands().contains(&"RSET".to_owned()));
}

#[test]
fn nobody_listening_postpones_at_once_and_a_silent_server_is_asked_once_per_limit() {
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    let mut smtp = Smtp::new("127.0.0.1".into(), port, Security::None, None, AMPLE);
    let reply = postponed(smtp.transmit(&parcel("desk@example.com")));
    assert!(reply.starts_with(&format!("connect to 127.0.0.1:{port}: Connection refused")), "{reply}");

    let server = Server::start(Script::new().always(Stage::Banner, Act::Stall));
    let mut smtp = plain(&server, SHORT);
    let start = Instant::now();
    for _ in 0..1000 {
        assert_eq!(postponed(smtp.transmit(&parcel("desk@example.com"))), "banner: time limit reached");
    }
    assert!(start.elapsed() < SHORT * 2 + GRACE);
    assert!((1..=3).contains(&server.connections()), "{}", server.connections());
}

#[test]
fn a_stalling_farewell_changes_nothing() {
    let start = Instant::now();
    let (server, attempt) = one(Script::new().always(Stage::Quit, Act::Stall), AMPLE);
    assert_eq!((attempt, server.accepted().len()), (accepted(), 1));
    assert!(start.elapsed() < FAREWELL + GRACE);
}

#[test]
fn addresses_smtp_cannot_say_are_refused_before_anything_is_sent() {
    let server = Server::start(Script::new());
    let mut smtp = plain(&server, AMPLE);
    for (recipient, reason) in [
        ("-desk@example.com", "starts with `-`"),
        ("a@example.com\r\nDATA", "control characters"),
        ("desk", "is no address for SMTP"),
        ("desk>@example.com", "is no address for SMTP"),
        ("gebäude@example.com", "no SMTPUTF8"),
    ] {
        let attempt = smtp.transmit(&parcel(recipient));
        let Attempt::Refused { reply } = attempt else { panic!("{recipient}: {attempt:?}") };
        assert!(reply.contains(reason), "{reply}");
    }
    assert!(!server.commands().iter().any(|command| command.starts_with("MAIL")));
}

fn secret() -> Option<Credentials> {
    Some(Credentials::new("user".into(), "secret".into()))
}

#[test]
fn a_login_on_loopback_is_said_as_the_server_offers_it() {
    let plain_words = ["AUTH PLAIN AHVzZXIAc2VjcmV0"].as_slice();
    let login_words = ["AUTH LOGIN", "dXNlcg==", "c2VjcmV0"].as_slice();
    for (offers, words) in
        [("AUTH LOGIN PLAIN", plain_words), ("AUTH LOGIN", login_words), ("AUTH=login", login_words)]
    {
        let server = Server::start(Script::new().offers(&[offers]));
        let port = server.address.port();
        let mut smtp = Smtp::new("127.0.0.1".into(), port, Security::None, secret(), AMPLE);
        assert_eq!(smtp.transmit(&parcel("desk@example.com")), accepted());
        assert_eq!(server.commands()[1..=words.len()], *words);
    }
}

#[test]
fn a_refused_login_is_our_fault_and_postpones_without_the_password_in_its_words() {
    let script = Script::new().offers(&["AUTH PLAIN"]).always(Stage::Auth, Act::Say("535 5.7.8 who?"));
    let server = Server::start(script);
    let mut smtp = Smtp::new("127.0.0.1".into(), server.address.port(), Security::None, secret(), AMPLE);
    assert_eq!(postponed(smtp.transmit(&parcel("desk@example.com"))), "AUTH: 535 5.7.8 who?");
    let server = Server::start(Script::new().offers(&["AUTH CRAM-MD5"]));
    let mut smtp = Smtp::new("127.0.0.1".into(), server.address.port(), Security::None, secret(), AMPLE);
    assert!(postponed(smtp.transmit(&parcel("desk@example.com"))).contains("neither AUTH PLAIN nor"));
}

/// An authority made for the test, and what it signed.
struct Authority {
    folder: tempfile::TempDir,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut about = rcgen::CertificateParams::new(Vec::new()).expect("no names");
        about.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = about.self_signed(&key).expect("a certificate");
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("authority.pem"), certificate.pem()).expect("writable");
        Self { folder, issuer: rcgen::Issuer::new(about, key) }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// A server's certificate for a name or address, valid to the end of this year.
    fn server(&self, name: &str, last_year: i32) -> Arc<rustls::ServerConfig> {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut about = rcgen::CertificateParams::new(vec![name.to_owned()]).expect("a name");
        about.not_before = rcgen::date_time_ymd(2020, 1, 1);
        about.not_after = rcgen::date_time_ymd(last_year, 12, 31);
        let certificate = about.signed_by(&key, &self.issuer).expect("a certificate");
        let private = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has them")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private);
        Arc::new(config.expect("key and certificate belong together"))
    }

    fn transport(&self, server: &Server, host: &str, tls: Tls) -> Smtp {
        let security = Security::open(tls, host, Some(self.path().as_path())).expect("our authority");
        Smtp::new(host.into(), server.address.port(), security, secret(), AMPLE)
    }
}

#[test]
fn a_certificate_of_the_named_authority_is_accepted_and_the_login_travels_inside() {
    let authority = Authority::new();
    for (tls, host) in [(Tls::Starttls, "localhost"), (Tls::Implicit, "127.0.0.1")] {
        let config = authority.server(host, 2999);
        let script = Script::new().offers(&["AUTH PLAIN"]);
        let script = if tls == Tls::Starttls { script.starttls(config) } else { script.implicit(config) };
        let server = Server::start(script);
        let mut smtp = authority.transport(&server, host, tls);
        assert_eq!(smtp.transmit(&parcel("desk@example.com")), accepted(), "{tls:?}");
        assert_eq!(smtp.transmit(&parcel("desk@example.com")), accepted(), "{tls:?}");
        drop(smtp);
        assert_eq!(server.connections(), 1);
        assert!(server.accepted().iter().all(|mail| mail.encrypted && mail.bytes == BYTES));
        assert_eq!(server.commands().last().map(String::as_str), Some("QUIT"));
    }
}

#[test]
fn a_wrong_host_an_expired_certificate_and_a_stranger_are_postponed_and_hear_nothing() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    for (config, reason) in [
        (authority.server("other.example.com", 2999), "not valid for name"),
        (authority.server("127.0.0.1", 2021), "expired"),
        // Same name, other key: what a forger would present.
        (stranger.server("127.0.0.1", 2999), "BadSignature"),
    ] {
        for tls in [Tls::Starttls, Tls::Implicit] {
            let script = Script::new().offers(&["AUTH PLAIN"]);
            let config = config.clone();
            let script = if tls == Tls::Starttls { script.starttls(config) } else { script.implicit(config) };
            let server = Server::start(script);
            let mut smtp = authority.transport(&server, "127.0.0.1", tls);
            let reply = postponed(smtp.transmit(&parcel("desk@example.com")));
            assert!(reply.starts_with("TLS with 127.0.0.1: ") && reply.contains(reason), "{reply}");
            let heard = server.commands();
            assert!(heard.iter().all(|c| c.starts_with("EHLO") || c == "STARTTLS"), "{heard:?}");
        }
    }
}

#[test]
fn a_stripped_starttls_is_never_followed_in_the_open() {
    let authority = Authority::new();
    for script in [
        Script::new().offers(&["AUTH PLAIN"]),
        Script::new().offers(&["AUTH PLAIN", "STARTTLS"]).always(Stage::Starttls, Act::Say("502 no")),
        Script::new().offers(&["STARTTLS"]).always(Stage::Starttls, Act::Raw(b"220 go\r\n250 injected\r\n")),
    ] {
        let server = Server::start(script);
        let mut smtp = authority.transport(&server, "127.0.0.1", Tls::Starttls);
        let reply = postponed(smtp.transmit(&parcel("desk@example.com")));
        let known = ["offers no STARTTLS", "STARTTLS: 502 no", "between STARTTLS and TLS"];
        assert!(known.iter().any(|reason| reply.contains(reason)), "{reply}");
        let heard = server.commands();
        assert!(!heard.iter().any(|c| c.starts_with("AUTH") || c.starts_with("MAIL")), "{heard:?}");
    }
}

#[test]
fn a_stalled_handshake_ends_at_the_limit() {
    let authority = Authority::new();
    let server = Server::start(Script::new().always(Stage::Banner, Act::Stall));
    let mut smtp = authority.transport(&server, "127.0.0.1", Tls::Implicit);
    smtp.timeout = SHORT;
    let start = Instant::now();
    let reply = postponed(smtp.transmit(&parcel("desk@example.com")));
    assert_eq!(reply, "TLS handshake: time limit reached");
    assert!(start.elapsed() < SHORT + GRACE);
}

#[test]
fn an_authority_file_without_certificates_or_a_host_without_a_name_is_an_error_at_opening() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "nothing here\n").expect("writable");
    let opened = |host, path: &Path| Security::open(Tls::Starttls, host, Some(path)).map(drop);
    assert!(matches!(opened("localhost", &empty), Err(super::super::Error::NoAuthority { .. })));
    let missing = Path::new("/nonexistent/authority.pem");
    assert!(matches!(opened("localhost", missing), Err(super::super::Error::Authority { .. })));
    assert!(matches!(opened("bad host", &empty), Err(super::super::Error::Host { .. })));
}
