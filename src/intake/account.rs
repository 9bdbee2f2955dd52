//! What is said of one mail: one line, or one JSON object.

use crate::alert::{AlertRecord, Outcome, Reason, Step};
use crate::shown::Shown;
use crate::store::CountedNote;
use crate::tracking::{Choice, Counted};
use serde::Serialize;

/// What became of one mail. Serialises to the object which `ingest --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    pub schema: &'static str,
    pub mail: i64,
    pub place: String,
    pub outcome: Outcome,
    pub reason: ReasonAccount,
    pub alerts: Vec<AlertAccount>,
    /// Only of `explain`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
}

/// A reason as three answers: which gate, which rule, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReasonAccount {
    pub gate: String,
    pub rule: String,
    pub text: String,
}

impl From<&Reason> for ReasonAccount {
    fn from(reason: &Reason) -> Self {
        Self { gate: reason.gate().to_owned(), rule: reason.rule(), text: reason.text() }
    }
}

/// What became of one alert of a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlertAccount {
    pub device: String,
    pub failure: String,
    pub tool: String,
    pub job: Option<String>,
    pub package: Option<String>,
    pub server: Option<String>,
    /// Alerts of this device and failure type inside the window, this one included.
    pub count: Option<u32>,
    pub threshold: Option<u32>,
    pub ticket: Option<String>,
    /// Why this record was refused though its mail was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReasonAccount>,
}

impl AlertAccount {
    /// A record that counts nowhere: refused, or of a recovery notice.
    pub fn uncounted(record: &AlertRecord) -> Self {
        Self {
            device: record.device.clone(),
            failure: record.failure.clone(),
            tool: record.tool.clone(),
            job: record.job.clone(),
            package: record.package.clone(),
            server: record.server.clone(),
            count: None,
            threshold: None,
            ticket: None,
            reason: record.refused.as_ref().map(ReasonAccount::from),
        }
    }

    pub fn counted(record: &AlertRecord, note: &CountedNote) -> Self {
        Self {
            count: Some(note.in_window),
            threshold: Some(note.needed),
            ticket: note.ticket.clone(),
            ..Self::uncounted(record)
        }
    }
}

impl Account {
    pub fn new(mail: i64, place: &str, outcome: Outcome, reason: &Reason) -> Self {
        Self {
            schema: "autoticket.mail/1",
            mail,
            place: place.to_owned(),
            outcome,
            reason: reason.into(),
            alerts: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// What `ingest` would print of it.
    pub fn without_steps(mut self) -> Self {
        self.steps.clear();
        self
    }

    /// The one line a mail log shows: outcome, reason, tickets.
    pub fn line(&self) -> String {
        let mut tickets: Vec<&str> = self.alerts.iter().filter_map(|a| a.ticket.as_deref()).collect();
        tickets.dedup();
        let mut line = format!("{}: {}", self.outcome.word(), Shown::new(&self.reason.text));
        if self.outcome == Outcome::Counted {
            let counts: Vec<String> = self
                .alerts
                .iter()
                .take(3)
                .map(|a| match (a.count, a.threshold) {
                    (Some(n), Some(of)) => format!("{} {} {n}/{of}", Shown::new(&a.device), a.failure),
                    _ => format!("{} refused", Shown::new(&a.device)),
                })
                .collect();
            line.push_str(&format!("; {}", counts.join(", ")));
            if self.alerts.len() > 3 {
                line.push_str(&format!(" and {} more", self.alerts.len() - 3));
            }
        }
        for ticket in tickets.iter().take(3) {
            line.push_str(&format!("; ticket {ticket}"));
        }
        line
    }
}

/// How counting went, as `explain` prints it: winner and losers of the threshold scopes, window, ticket.
pub(super) fn steps_of_count(
    record: &AlertRecord,
    choice: &Choice,
    counted: &Counted,
    ticket: &Option<String>,
) -> Vec<Step> {
    let words = |t: &crate::rules::model::ThresholdRule| {
        let failure = t.failure.as_deref().unwrap_or("any failure");
        format!("{} in {} for {failure}, {}", t.count, t.window, t.scope)
    };
    let mut steps = vec![Step {
        gate: "threshold".into(),
        passed: counted.crossed,
        rule: choice.winner.origin.to_string(),
        text: format!(
            "{} {}: {} of {}{}",
            record.device,
            record.failure,
            counted.in_window,
            words(&choice.winner),
            if counted.straggler { "; older than the latest: counted, crosses nothing" } else { "" }
        ),
    }];
    steps.extend(choice.losers.iter().map(|loser| Step {
        gate: "threshold".into(),
        passed: false,
        rule: loser.origin.to_string(),
        text: format!("not used, less narrow: {}", words(loser)),
    }));
    steps.push(Step {
        gate: "ticket".into(),
        passed: ticket.is_some(),
        rule: "built in".into(),
        text: match ticket {
            Some(number) if counted.crossed => format!("ticket {number} for {}", record.device),
            Some(number) => format!("joins the open ticket {number}"),
            None => "no ticket: the threshold is not met".into(),
        },
    });
    steps
}
