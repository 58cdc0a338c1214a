//! `reconnect()`: the user asks for another connection, now and without a delay. Knows when that is possible, and what becomes of the present one.

use std::time::{Duration, Instant};

use url::Url;

use super::action::Action;
use super::end::Ended;
use super::{Intent, Session, State};
use crate::close::{self, CloseCode};
use crate::error::{Error, ErrorCode, Result};

impl Session {
    /// Whether [`Session::reconnect`] would do something.
    ///
    /// # Errors
    /// `invalid_state` after `close()` and the last `close` event; `invalid_close`.
    pub fn check_reconnect(&self, code: Option<CloseCode>, reason: &str) -> Result<()> {
        close::check(code, reason)?;
        let why = match self.state {
            _ if self.intent != Intent::Stay => "close() is final",
            State::Closed => "the socket is closed for good",
            _ => return Ok(()),
        };
        Err(Error::new(ErrorCode::InvalidState, format!("reconnect() cannot open another connection: {why}; make a new socket")))
    }

    /// Drops the connection, with `code` for the peer, and begins the next attempt at once, to `url` if one is given. Between two attempts the
    /// next one begins; one that is under way goes on, unless it goes elsewhere than to `url`. A later attempt goes where the options say.
    ///
    /// # Errors
    /// As [`Session::check_reconnect`].
    pub fn reconnect(&mut self, now: Instant, url: Option<Url>, code: Option<CloseCode>, reason: &str) -> Result<()> {
        self.check_reconnect(code, reason)?;
        let elsewhere = url.is_some();
        self.next_url = url;
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Waiting(_) => self.attempt(),
            State::Asking(_) if elsewhere => self.attempt(),
            State::Dialling if elsewhere => {
                // Its end begins the attempt that is wanted.
                self.diverted = true;
                self.state = State::Dialling;
            }
            State::Open => {
                self.out.push(Action::SendClose(code.or(Some(CloseCode::NORMAL)), reason.to_owned()));
                self.replace(now);
            }
            State::Closing(_) => self.replace(now),
            State::Deciding(.., ended) => self.conclude(now, ended.followed_after(Duration::ZERO), true),
            unchanged @ (State::New | State::Asking(_) | State::Dialling | State::Closed) => self.state = unchanged,
        }
        Ok(())
    }

    /// The attempt that `reconnect()` replaced is over, and the new one starts. Returns false without such an attempt.
    pub(super) fn diverts(&mut self) -> bool {
        let diverted = std::mem::take(&mut self.diverted);
        if diverted {
            self.attempt();
        }
        diverted
    }

    /// Drops the connection for another one.
    fn replace(&mut self, now: Instant) {
        let error = Error::new(ErrorCode::Replaced, "reconnect() replaced the connection by another one");
        self.out.push(Action::Drop);
        let uptime = self.leave_connection(now, Some(&error));
        if let (Some(reconnect), Some(options)) = (&mut self.reconnect, &self.options.reconnect) {
            reconnect.rest(uptime, options);
        }
        self.conclude(now, Ended::lost(error).followed_after(Duration::ZERO), true);
    }
}
