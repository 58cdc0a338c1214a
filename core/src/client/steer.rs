//! The user's calls that change a connection's life: another heartbeat, another connection, requests, rate limits. The first two concern the
//! connection that the user has seen; if it has gone meanwhile, they do nothing.

use std::time::{Duration, Instant};

use url::Url;

use super::link::Ending;
use super::{Client, Inner};
use crate::close::CloseCode;
use crate::error::Result;
use crate::event::{Item, ReadyState};
use crate::message::RequestCall;
use crate::options::HeartbeatOptions;

impl Client {
    /// Sets the heartbeat of the present connection; `None` turns it off. Returns true if the driver has to take a turn.
    ///
    /// # Errors
    /// `invalid_state` unless `OPEN`, `forked`.
    pub fn set_heartbeat(&self, now: Instant, options: Option<HeartbeatOptions>) -> Result<bool> {
        let mut inner = self.open_link("set_heartbeat")?;
        if inner.is_seen() && inner.session.ready_state() == ReadyState::Open {
            inner.session.set_heartbeat(now, options)?;
            self.pump(&mut inner, now);
        }
        Ok(true)
    }

    /// Replaces the connection by another one, once all its messages are delivered; or begins the next attempt at once.
    ///
    /// # Errors
    /// `invalid_state` after `close()` and the last event, `invalid_close`, `forked`.
    pub fn reconnect(&self, now: Instant, url: Option<Url>, code: Option<CloseCode>, reason: &str) -> Result<()> {
        self.check_ours()?;
        let mut inner = self.lock();
        let inner = &mut *inner;
        inner.session.check_reconnect(code, reason)?;
        let seen = inner.is_seen() && self.ready_state() == ReadyState::Open;
        match &mut inner.link {
            Some(link) if seen && inner.session.ready_state() == ReadyState::Open => {
                // Its end was read, or it is being replaced already. The next attempt follows anyway, so this only sets its URL.
                let barrier = link.ending.is_none();
                link.ending = Some(Ending::Replaced(url, code, reason.to_owned()));
                if barrier {
                    inner.session.handle_end_read(None);
                    inner.emitted.items.push(Item::Barrier);
                }
            }
            _ => {
                inner.session.reconnect(now, url, code, reason)?;
                self.pump(inner, now);
            }
        }
        Ok(())
    }

    /// Opens another connection beside the present one. Once it is ready and everything read before is delivered, the present one is closed and
    /// drained. If no connection is open, the next attempt begins at once.
    ///
    /// # Errors
    /// As [`Client::reconnect`]; also `invalid_state` if a function logs in.
    pub fn reconnect_beside(&self, now: Instant, url: Option<Url>, code: Option<CloseCode>, reason: &str) -> Result<()> {
        self.check_ours()?;
        let mut inner = self.lock();
        inner.session.check_overlap(code, reason)?;
        let open =
            inner.is_seen() && self.ready_state() == ReadyState::Open && inner.link.as_ref().is_some_and(|link| link.ending.is_none());
        if !open {
            drop(inner);
            return self.reconnect(now, url, code, reason);
        }
        inner.session.reconnect_beside(now, url, code, reason)?;
        self.pump(&mut inner, now);
        Ok(())
    }

    /// The server has asked its clients to connect again. Everything that was read is delivered first. A server behind wss may lead to ws only if a
    /// redirect might do so, too.
    pub(super) fn announced(&self, inner: &mut Inner, url: Option<Url>, code: CloseCode) {
        let url = url.filter(|url| url.scheme() == "wss" || inner.url.scheme() == "ws" || self.options.allow_insecure_redirect);
        if let Some(link) = inner.link.as_mut().filter(|link| link.ending.is_none()) {
            link.ending = Some(Ending::Replaced(url, Some(code), String::new()));
        }
    }
}

impl Client {
    /// Sends a request once the connection is ready. `Event::Settled` with this ticket reports its end, exactly once. The driver has to take a turn.
    ///
    /// # Errors
    /// `invalid_state` after `close()` and the last event, `invalid_data`, `queue_full`, `forked`.
    pub fn request(&self, now: Instant, ticket: u64, text: &str, call: &RequestCall<'_>) -> Result<()> {
        self.check_ours()?;
        let mut inner = self.lock();
        self.check_room(&inner)?;
        inner.session.request(now, ticket, text, call)?;
        self.pump(&mut inner, now);
        Ok(())
    }

    /// Cancels that request: its caller no longer wants the reply.
    pub fn cancel_request(&self, now: Instant, ticket: u64) {
        if self.is_ours() {
            self.lock().session.cancel_request(now, ticket);
        }
    }

    /// Holds messages that are not urgent, or those with this key, for so long. The driver has to take a turn.
    ///
    /// # Errors
    /// `invalid_state` without `rate_limit`; `invalid_data` for a key without `rate_limit.keys`; `forked`.
    pub fn throttle(&self, now: Instant, time: Duration, key: Option<&str>) -> Result<()> {
        self.check_ours()?;
        let mut inner = self.lock();
        inner.session.throttle(now, time, key)?;
        self.pump(&mut inner, now);
        Ok(())
    }
}

impl Client {
    /// How many connections the user has seen open. A forked child has none: 0.
    pub fn opens_seen(&self) -> u64 {
        if self.is_ours() { self.lock().opens_seen } else { 0 }
    }
}

impl Inner {
    /// Whether the user has seen the `open` of the session's present connection, not only of an earlier one.
    pub(super) fn is_seen(&self) -> bool {
        self.opens_seen == self.opens
    }
}
