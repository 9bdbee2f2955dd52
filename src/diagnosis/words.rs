//! Reports in words, as tickets, `diagnose` and `explain` show them.
//!
//! In: a report. Out: lines. Texts of other machines in them are made inert by whoever prints.

use super::finding::{Diagnosis, Diagnostics, Hop, Ping, Reason, Report, Tool};
use std::fmt;
use std::net::IpAddr;

/// Microseconds as milliseconds: `0.042 ms`.
fn milliseconds(us: u64) -> String {
    format!("{}.{:03} ms", us / 1000, us % 1000)
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Answered => f.write_str("it answers"),
            Reason::Timeout => f.write_str("nothing came back in time"),
            Reason::Refused(refusal) => match refusal.by {
                Some(by) => write!(f, "{}, says {by}", refusal.kind),
                None => write!(f, "{}, says this machine", refusal.kind),
            },
            Reason::NoSuchName => f.write_str("no such name"),
            Reason::NameTimeout => f.write_str("the name was not resolved in time"),
            Reason::NameFailed(text) => write!(f, "the name was not resolved: {text}"),
            Reason::NotAName => f.write_str("not the name or address of one computer"),
            Reason::NotRun(why) => write!(f, "not run: {why}"),
        }
    }
}

impl Report {
    /// `down: nothing came back in time; last seen answering 10.1.5.1`.
    pub fn summary(&self) -> String {
        let last = match self.last_answering {
            Some(last) if Some(last) != self.address => format!("; last seen answering {last}"),
            _ => String::new(),
        };
        format!("{}: {}{last}", self.finding.word(), self.reason)
    }

    /// The computer, its address, and the summary.
    pub fn headline(&self) -> String {
        let address = match self.address {
            Some(address) if address.to_string() != self.host => format!(" ({address})"),
            _ => String::new(),
        };
        format!("{}{address} {}", self.host, self.summary())
    }

    /// All of it, one fact a line: finding, ping, route, notes.
    pub fn words(&self) -> Vec<String> {
        let mut lines = vec![self.headline(), self.ping_words()];
        lines.push(self.route_words());
        lines.extend(self.hops.iter().map(hop_words));
        lines.extend(self.notes.iter().map(|note| format!("note: {note}")));
        lines
    }

    fn ping_words(&self) -> String {
        let Some(ping) = &self.ping else { return format!("ping {}", self.ping_tool) };
        let times = match (ping.min_us, ping.avg_us, ping.max_us) {
            (Some(min), Some(avg), Some(max)) => {
                let [min, avg, max] = [min, avg, max].map(milliseconds);
                format!(", min {min}, avg {avg}, max {max}")
            }
            _ => String::new(),
        };
        let Ping { sent, received, loss, .. } = ping;
        format!("ping ({}): {sent} sent, {received} received, {loss} % lost{times}", self.ping_tool)
    }

    fn route_words(&self) -> String {
        if let Tool::NotRun(_) = self.route_tool {
            return format!("route {}", self.route_tool);
        }
        let answered = self.hops.iter().filter(|hop| hop.address.is_some()).count();
        let steps = if answered == 1 { "1 hop".to_owned() } else { format!("{answered} hops") };
        let from = match &self.inherited_from {
            None => String::new(),
            Some(from) if from.same_network => {
                format!(", from the trace to {} in its network at {}", from.from, from.at)
            }
            Some(from) => format!(
                ", from the trace to {} at {}, the nearest that was traced: the last hops may differ",
                from.from, from.at
            ),
        };
        format!("route ({}): {steps} answered{from}", self.route_tool)
    }
}

fn hop_words(hop: &Hop) -> String {
    let address = hop.address.map_or_else(|| "silent".to_owned(), |a: IpAddr| a.to_string());
    match hop.rtt_us {
        Some(us) => format!("{:>3}  {address}  {}", hop.ttl, milliseconds(us)),
        None => format!("{:>3}  {address}", hop.ttl),
    }
}

impl Diagnosis {
    /// The lines of the device, then of its intermediate server.
    pub fn words(&self) -> Vec<String> {
        let mut lines = self.device.words();
        if let Some(server) = &self.server {
            lines.push("intermediate server:".to_owned());
            lines.extend(server.words());
        }
        lines
    }
}

impl Diagnostics {
    /// One line for a list of considerations.
    pub fn summary(&self) -> String {
        match self {
            Diagnostics::NotAsked => "not asked".to_owned(),
            Diagnostics::NotRun(why) => format!("not run: {why}"),
            Diagnostics::Asked(diagnosis) => {
                let device = diagnosis.device.summary();
                match &diagnosis.server {
                    Some(server) => format!("{device}; intermediate server {}", server.summary()),
                    None => device,
                }
            }
        }
    }

    /// What was found, where it was asked.
    pub fn diagnosis(&self) -> Option<&Diagnosis> {
        match self {
            Diagnostics::NotAsked | Diagnostics::NotRun(_) => None,
            Diagnostics::Asked(diagnosis) => Some(diagnosis),
        }
    }
}
