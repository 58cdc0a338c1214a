//! `reconnect()`: another connection, now and without a delay, because the user asks for it or the server has announced it. Knows when that is
//! possible, and what happens to the present connection.

use std::time::{Duration, Instant};

use url::Url;

use super::action::Action;
use super::end::Ended;
use super::matcher::Inbound;
use super::successor::Wish;
use super::{Intent, Session, State};
use crate::address;
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
            _ if self.winding_down => "the program shuts down",
            _ => return Ok(()),
        };
        Err(Error::new(ErrorCode::InvalidState, format!("reconnect() cannot open another connection: {why}; make a new socket")))
    }

    /// As [`Session::check_reconnect`], for a connection beside the present one.
    ///
    /// # Errors
    /// As [`Session::check_reconnect`]; also `invalid_state` if a function logs in: it could not tell the two connections apart.
    pub fn check_overlap(&self, code: Option<CloseCode>, reason: &str) -> Result<()> {
        self.check_reconnect(code, reason)?;
        if !self.providers.ready {
            return Ok(());
        }
        let words = "reconnect() with overlap needs a login without a function: ready with send and expect";
        Err(Error::new(ErrorCode::InvalidState, words))
    }

    /// Opens another connection beside the present one, and then closes that with `code` (1000 if none). If no connection is open, the next attempt
    /// begins now.
    ///
    /// # Errors
    /// As [`Session::check_overlap`].
    pub fn reconnect_beside(&mut self, now: Instant, url: Option<Url>, code: Option<CloseCode>, reason: &str) -> Result<()> {
        self.check_overlap(code, reason)?;
        if !matches!(self.state, State::Open) {
            return self.reconnect(now, url, code, reason);
        }
        self.open_beside(now, Wish { url, code, reason: reason.to_owned() });
        Ok(())
    }

    /// Whether messages are searched for the server's request to connect again.
    pub(super) fn awaits_announcement(&self) -> bool {
        self.options.reconnect.as_ref().is_some_and(|reconnect| reconnect.on.is_some())
    }

    /// Handles a message that may be the server's announcement. Its URL counts for one attempt. A value that is not a WebSocket URL is ignored.
    pub(super) fn heed_announcement(&mut self, message: &Inbound<'_>, now: Instant) {
        let Some(options) = &self.options.reconnect else { return };
        // The session of a next connection has no rules of reconnection.
        let is_next = self.reconnect.is_none();
        if !(is_next || self.may_return()) || !options.on.as_ref().is_some_and(|on| message.matches(on)) {
            return;
        }
        let text = options.url.as_ref().and_then(|pointer| message.at(pointer)).and_then(|json| serde_json::from_str::<String>(json).ok());
        let url = text.and_then(|text| address::parse_url(&text).ok());
        let (code, overlap) = (CloseCode(options.close_code), options.overlap);
        if is_next {
            self.announced = Some(Wish { url, code: Some(code), reason: String::new() });
        } else if overlap && !self.end_read {
            self.open_beside(now, Wish { url, code: Some(code), reason: String::new() });
        } else {
            // The connection may end before that is done.
            self.next_url.clone_from(&url);
            self.out.push(Action::Replace(url, code));
        }
    }

    /// Drops the connection, with `code` for the peer, and begins the next attempt at once, to `url` if one is given. Between two attempts it begins
    /// the next one now. A running attempt continues, unless `url` differs from its URL. Later attempts use the URL of the options.
    ///
    /// # Errors
    /// As [`Session::check_reconnect`].
    pub fn reconnect(&mut self, now: Instant, url: Option<Url>, code: Option<CloseCode>, reason: &str) -> Result<()> {
        self.check_reconnect(code, reason)?;
        let elsewhere = url.is_some();
        if elsewhere {
            self.give_up_next(code, reason);
        }
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
        self.part_with(now, &error);
        self.out.push(Action::Drop);
        let uptime = self.leave_connection(now, Some(&error));
        if let (Some(reconnect), Some(options)) = (&mut self.reconnect, &self.options.reconnect) {
            reconnect.rest(uptime, options);
        }
        self.conclude(now, Ended::lost(error).followed_after(Duration::ZERO), true);
    }
}
