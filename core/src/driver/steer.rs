//! A binding's calls that steer a socket: requests, rate limits, another heartbeat, another connection. The client does the work.

use std::time::{Duration, Instant};

use super::{Connection, Shared};
use crate::address;
use crate::close::CloseCode;
use crate::error::{Error, Result};
use crate::event::{Batch, Event, Item, Settled};
use crate::message::{Data, RequestCall, SendOptions, Way};
use crate::options::HeartbeatOptions;

impl Shared {
    /// Removes the ends of requests from a batch, if a hook gets them instead of the host. No lock is held.
    pub(super) fn settle(&self, batch: &mut Batch) {
        let Some(hook) = self.settles.get() else { return };
        let weight = batch.weight();
        batch.items.retain(|item| match item {
            Item::Event(event) => match &**event {
                Event::Settled(settled) => {
                    hook(settled.clone());
                    false
                }
                _ => true,
            },
            _ => true,
        });
        if batch.items.is_empty() {
            // Nobody reports it as delivered.
            batch.clear();
        }
        if batch.weight() < weight {
            self.client.delivered(Instant::now, weight - batch.weight());
        }
    }
}

impl Connection {
    /// Takes the ends of requests out of a batch that nobody has walked yet, and tells them ([`Connection::settle_with`]).
    pub fn settle_requests(&self, batch: &mut Batch) {
        self.0.settle(batch);
    }

    /// Fails the connection, because its driver cannot go on.
    pub fn fail(&self, error: Error) {
        self.0.client.fail(Instant::now(), error);
    }

    /// Reports that the message in fragments stays incomplete.
    pub(super) fn abandon_message(&self) {
        self.0.client.abandon_message(Instant::now());
        self.0.poke();
    }

    /// As [`Connection::send`], with a [`Way`]. True: the message has to wait, for a connection or for the rate limit. With a ticket,
    /// `Event::Settled` reports that the rate limit has released it.
    ///
    /// # Errors
    /// As [`Connection::send`]; `rate_limited`; `invalid_data` for a key without `rate_limit.keys`.
    pub fn send_by(&self, data: Data<'_>, options: SendOptions, way: &Way<'_>) -> Result<bool> {
        let sent = self.0.client.send_by(Instant::now, data, options, way, false)?;
        self.poke_if(sent.turn);
        Ok(sent.queued)
    }

    /// Sends a request, as JSON text, once the connection is ready. `Event::Settled` with this ticket reports its end, exactly once, unless it is
    /// cancelled.
    ///
    /// # Errors
    /// `invalid_state` after `close()` and the last event; `invalid_data`: not JSON, no place for an id, or an id in use; `queue_full`; `forked`.
    pub fn request(&self, ticket: u64, text: &str, call: &RequestCall<'_>) -> Result<()> {
        self.0.client.request(Instant::now(), ticket, text, call)?;
        self.0.poke();
        Ok(())
    }

    /// Cancels that request: its caller no longer wants the reply.
    pub fn cancel_request(&self, ticket: u64) {
        self.0.client.cancel_request(Instant::now(), ticket);
    }

    /// The server asked us to slow down: for so long only urgent messages leave, or none with this key. Zero ends it.
    ///
    /// # Errors
    /// `invalid_state` without `rate_limit`; `invalid_data` for a key without `rate_limit.keys`; `forked`.
    pub fn throttle(&self, time: Duration, key: Option<&str>) -> Result<()> {
        self.0.client.throttle(Instant::now(), time, key)?;
        self.0.poke();
        Ok(())
    }

    /// Sends the ends of requests to `hook`, on the thread that drives, instead of the host. Call it once, before [`Connection::start`]. The host of
    /// a hosted socket calls [`Connection::settle_requests`] after its own turns.
    pub fn settle_with(&self, hook: impl Fn(Settled) + Send + Sync + 'static) {
        let _ = self.0.settles.set(Box::new(hook));
    }

    /// Sets the heartbeat of the present connection, as a server requests it; `None` turns it off.
    ///
    /// # Errors
    /// `invalid_option`, `invalid_state` unless `OPEN`, `forked`.
    pub fn set_heartbeat(&self, options: Option<HeartbeatOptions>) -> Result<()> {
        options.as_ref().map_or(Ok(()), HeartbeatOptions::check)?;
        self.poke_if(self.0.client.set_heartbeat(Instant::now(), options)?);
        Ok(())
    }

    /// Replaces the connection by another one, to `url` if one is given, at once and without a delay. All events of the old connection are delivered
    /// first, messages that their handlers send still leave, and its peer gets `code` (1000 if none). If no connection is open, the next attempt
    /// begins now.
    ///
    /// # Errors
    /// `invalid_url`, `invalid_close`, `invalid_state` after `close()` and the last event, `forked`.
    pub fn reconnect(&self, url: Option<&str>, code: Option<CloseCode>, reason: &str) -> Result<()> {
        let url = url.map(address::parse_url).transpose()?;
        self.0.client.reconnect(Instant::now(), url, code, reason)?;
        self.0.poke();
        Ok(())
    }

    /// As [`Connection::reconnect`], but the other connection is opened, and logged in by `ready`, beside the present one. Then everything read is
    /// delivered, the present peer gets `code`, and its last messages are read. After that its `close` event follows, and then the events of the new
    /// connection.
    ///
    /// # Errors
    /// As [`Connection::reconnect`]; also `invalid_state` if a function logs in.
    pub fn reconnect_beside(&self, url: Option<&str>, code: Option<CloseCode>, reason: &str) -> Result<()> {
        let url = url.map(address::parse_url).transpose()?;
        self.0.client.reconnect_beside(Instant::now(), url, code, reason)?;
        self.0.poke();
        Ok(())
    }
}
