//! What two copies of this program say to each other, line by line, each a JSON value: a closed list.
//!
//! In: nothing. Out: plain types, and the reading of one bounded line. How lines travel it does not know. Secrets are
//! masked in it, as in a plan file: they never leave the machine whose log holds them.

use super::Ask;
use super::approve::Left;
use super::aside::Check;
use super::surveyed::Read;
use crate::redistribution::join::Record;
use crate::redistribution::plan::{Job, Plan};
use crate::service::redistribute::{Event, Summary};
use crate::store::journal::{Confirmation, JournalRow};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead};

/// Both sides have to speak this.
pub(super) const VERSION: u32 = 2;
/// A line is at most this long, and all lines of one side together.
pub(super) const MOST_LINE: u64 = 64 << 20;
pub(super) const MOST: u64 = 1 << 30;
/// Records, confirmations or reasons in one line.
pub(super) const STEP: usize = 1000;
/// Recipients that are asked for in one conversation.
pub(super) const MOST_ASKED: usize = 100_000;
/// Jobs of a plan that comes from elsewhere.
pub(super) const MOST_JOBS: u64 = 1_000_000;

/// What every first line holds, whatever else a later version says.
#[derive(Debug, Deserialize)]
pub(super) struct Versioned {
    pub(super) version: u32,
}

/// The first line of whoever calls.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Greeting {
    pub(super) version: u32,
    /// Silence of so many seconds counts as a lost connection.
    pub(super) patience: u64,
    pub(super) who: Caller,
    pub(super) wants: Request,
}

/// Who calls, in their own words.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Caller {
    pub(super) name: String,
    pub(super) origin: String,
}

/// What may be asked for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Request {
    /// Failed distributions of a server and period.
    Failed { server: String, since: Option<Timestamp>, until: Timestamp },
    /// These are delivered: take them out of the failed distributions.
    Confirm { items: Vec<Confirmation> },
    /// The plan of this machine.
    Plan {
        ask: Box<Ask>,
        /// It is to be issued: what earlier sessions left open is looked up first.
        acts: bool,
        /// Where nothing is left to do, that is a servicing of the server.
        services: bool,
    },
    /// Who of a plan, which follows in lines of its own, is to be set aside, and the plan without them.
    Aside(Box<Looking>),
    /// Who of these is in an outage that is posted at this machine.
    Expected { server: String, parcels: Vec<Parcel> },
    /// Issue commands of a plan, which follows in lines of its own.
    Issue(Box<Order>),
}

/// How recipients are looked after.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Looking {
    pub(super) ask: Ask,
    pub(super) check: Check,
    /// Ids of the commands whose recipients are meant.
    pub(super) commands: Vec<String>,
    /// Whom the caller knows to be in an outage.
    pub(super) expected: Vec<Reason>,
}

/// Packages and who is sent them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parcel {
    pub(super) packages: Vec<String>,
    pub(super) recipients: Vec<String>,
}

/// Why a recipient is set aside: of these packages, or of whatever it is sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reason {
    pub(super) recipient: String,
    pub(super) packages: Option<Vec<String>>,
    pub(super) why: String,
}

/// What is approved, and how it is to be issued.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    pub(super) ask: Ask,
    /// The plan was one of all of the server, up to the present.
    pub(super) whole: bool,
    pub(super) approve: Vec<Consent>,
    /// Keys of commands that are to be issued again.
    pub(super) again: Vec<String>,
    pub(super) pace: Words,
}

/// Consent to one command as it was shown.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Consent {
    pub(super) id: String,
    pub(super) hash: String,
}

/// The pace, as it was written.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    pub(super) waves: Option<String>,
    pub(super) max_errors: Option<String>,
    pub(super) parallel: Option<u16>,
}

/// What the caller says after its first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Sent {
    /// The plan as it was shown, without its jobs.
    Plan(Box<Plan>),
    Job(Box<Job>),
    /// Who is not in the plan, though it failed.
    Aside(Vec<Reason>),
    /// That were all jobs: begin.
    Go {
        jobs: u64,
    },
    /// Still here.
    Still,
    /// Start nothing more; `kill`: end what runs.
    Stop {
        kill: bool,
    },
}

/// What the agent says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Told {
    /// Still here.
    Still,
    Records(Vec<Record>),
    Plan(Box<Head>),
    Job(Box<Job>),
    /// Who is set aside, and what the operator must know of the asking.
    Aside {
        reasons: Vec<Reason>,
        notes: Vec<String>,
    },
    /// The approvals are stored; nothing was approved of these.
    Consented {
        refused: Vec<Left>,
    },
    Event(Event),
    Summary {
        summary: Box<Summary>,
        notes: Vec<String>,
    },
    /// Tickets that closed.
    Closed(Vec<String>),
    /// The last word where it did not work.
    Failed {
        exit: u8,
        text: String,
        hints: Vec<String>,
    },
    /// The last word where it did: how many items were said before it.
    End {
        items: u64,
    },
}

/// A survey without the jobs of its plan.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub(super) ask: Ask,
    pub(super) server: String,
    pub(super) period: String,
    pub(super) until: Timestamp,
    pub(super) whole: bool,
    pub(super) damage: Option<String>,
    pub(super) plan: Plan,
    pub(super) gathered: Read,
    pub(super) unknown: Vec<JournalRow>,
    pub(super) waiting: Vec<JournalRow>,
}

/// One line as bytes, its end included.
pub(super) fn line(value: &impl Serialize) -> Vec<u8> {
    // Keys are texts and paths are ours: nothing of these types cannot be written.
    serde_json::to_vec(value).unwrap_or_default()
}

/// The next line without its end; None at the end of input.
///
/// # Errors
/// Of the input; `InvalidData` where the line is too long or torn off.
pub(super) fn read_line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut bounded = io::Read::take(input, MOST_LINE);
    bounded.read_until(b'\n', &mut line)?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(line)),
        Some(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "a line without an end")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_on_the_list_is_not_understood() {
        for text in [
            r#"{"version":1,"patience":60,"who":{"name":"a","origin":"b"},"wants":{"shell":{"line":"id"}}}"#,
            r#"{"version":1,"patience":60,"who":{"name":"a","origin":"b"},"wants":{"failed":{"server":"x","until":"2026-03-01T00:00:00Z","more":1}}}"#,
            r#"{"version":2,"patience":60,"who":{"name":"a","origin":"b"},"wants":{"expected":{"server":"x","parcels":[{"packages":[],"recipients":["a"],"why":"b"}]}}}"#,
            r#"{"version":1,"wants":"plan"}"#,
            "[]",
        ] {
            assert!(serde_json::from_str::<Greeting>(text).is_err(), "{text}");
        }
        let later: Versioned = serde_json::from_str(r#"{"version":9,"new":[]}"#).expect("any later one");
        assert_eq!(later.version, 9);
    }

    #[test]
    fn a_line_is_whole_or_nothing() {
        let mut input: &[u8] = b"{\"stop\":{\"kill\":true}}\n\"still\"\n\"sti";
        let read = |input: &mut &[u8]| {
            read_line(input).map(|line| line.map(|line| String::from_utf8_lossy(&line).into_owned()))
        };
        assert_eq!(read(&mut input).expect("a line").as_deref(), Some("{\"stop\":{\"kill\":true}}"));
        let still = read(&mut input).expect("a line").expect("not the end");
        assert!(matches!(serde_json::from_str(&still), Ok(Sent::Still)));
        assert_eq!(read(&mut input).expect_err("torn").kind(), io::ErrorKind::InvalidData);
        assert_eq!(read(&mut &b""[..]).expect("the end"), None);
    }

    #[test]
    fn a_line_without_an_end_costs_bounded_memory() {
        let mut endless = io::BufReader::new(io::Read::take(io::repeat(b'x'), MOST_LINE * 2));
        assert_eq!(read_line(&mut endless).expect_err("too long").kind(), io::ErrorKind::InvalidData);
    }
}
