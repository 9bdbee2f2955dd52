//! The SMTP transport (RFC 5321): one mail, one recipient, one time limit over everything.
//!
//! Here a connection is kept over the parcels of a pass, and what went wrong is judged: a 5xx reply
//! refuses the mail, everything else postpones it. [`session`] is the dialogue, [`wire`] the bytes under
//! the time limit, [`security`] TLS. lettre gives the words (addresses, parameters, AUTH); its connection is
//! not used, because no time limit can be put over its reading: one byte per second, or a line without an
//! end, would hold it forever.

mod failure;
mod security;
mod session;
#[cfg(test)]
mod tests;
mod wire;

pub(super) use security::Security;

use super::address::refusal;
use super::model::{Attempt, Parcel, Transport};
use super::{instant, told};
use failure::Failure;
use lettre::transport::smtp::authentication::Credentials;
use session::{Session, Target};
use std::time::{Duration, Instant};

/// The share of the time limit in which a kept connection has to answer before a new one is made.
const RENEWAL_SHARE: u32 = 4;
/// How long the last `QUIT` may take.
const FAREWELL: Duration = Duration::from_millis(500);

pub(super) struct Smtp {
    target: Target,
    timeout: Duration,
    /// The connection of the parcel before, ready for the next.
    kept: Option<Session>,
    /// When a server last let the whole time limit pass before it was ready, and what was said of it.
    silent: Option<(Instant, String)>,
}

impl Smtp {
    pub(super) fn new(
        host: String,
        port: u16,
        security: Security,
        login: Option<Credentials>,
        timeout: Duration,
    ) -> Self {
        let target = Target { host, port, security, login };
        Self { target, timeout: timeout.max(Duration::from_millis(1)), kept: None, silent: None }
    }

    fn deliver(&mut self, parcel: &Parcel, until: Instant) -> Result<String, Failure> {
        let mut session = match self.renewed(until) {
            Some(session) => session,
            None => Session::open(&self.target, until)?,
        };
        let result = session.send(parcel);
        if result.as_ref().err().is_none_or(Failure::leaves_connection) {
            self.kept = Some(session);
        }
        result
    }

    /// The kept connection, if its server still answers: it may have closed it long ago.
    fn renewed(&mut self, until: Instant) -> Option<Session> {
        let mut session = self.kept.take()?;
        session.reset(instant() + self.timeout / RENEWAL_SHARE).ok()?;
        session.limit(until);
        Some(session)
    }
}

impl Transport for Smtp {
    fn transmit(&mut self, parcel: &Parcel) -> Attempt {
        if let Some(refused) = refusal(parcel) {
            return refused;
        }
        let start = instant();
        // A thousand parcels for a server that swallows connections must not wait a thousand limits.
        if let Some((since, reply)) = &self.silent
            && start.duration_since(*since) < self.timeout
        {
            return Attempt::Postponed { reply: reply.clone() };
        }
        self.silent = None;
        match self.deliver(parcel, start + self.timeout) {
            Ok(reply) => Attempt::Accepted { reply: told(&reply) },
            Err(failure) if failure.refuses_mail() => Attempt::Refused { reply: failure.reply() },
            Err(failure) => {
                let reply = failure.reply();
                if failure.is_silence() {
                    self.silent = Some((instant(), reply.clone()));
                }
                Attempt::Postponed { reply }
            }
        }
    }

    fn name(&self) -> String {
        format!("smtp {}:{}", self.target.host, self.target.port)
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        if let Some(session) = self.kept.take() {
            session.quit(instant() + FAREWELL.min(self.timeout));
        }
    }
}
