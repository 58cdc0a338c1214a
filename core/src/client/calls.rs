//! The user's calls on a socket: send, ping, close, and the properties. They hold the lock for a moment, decide by the state that the user has seen
//! (`observed`), and leave the rest to the session.

use std::net::SocketAddr;
use std::sync::MutexGuard;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::link::{Link, Retired};
use super::{Client, Inner};
use crate::close::{self, CloseCode};
use crate::error::{Error, ErrorCode, Result};
use crate::event::ReadyState;
use crate::message::{Data, SendOptions, Way};
use crate::session::Route;

/// The work that a send leaves for its caller.
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// The driver has to take a turn.
    pub turn: bool,
    /// The message is the first one held back. Held messages leave with the next flush, and the caller has to arrange it.
    pub held: bool,
    /// The message waits for a connection or for the rate limit.
    pub queued: bool,
    /// The socket is closing or closed: only `buffered_amount` has grown, and it stays so (WHATWG).
    pub discarded: bool,
}

impl Client {
    pub(super) fn check_ours(&self) -> Result<()> {
        if self.is_ours() {
            return Ok(());
        }
        Err(Error::new(ErrorCode::Forked, "this socket belongs to the parent process: after a fork, make a new one in the child"))
    }

    /// Sends a message, or queues it. With `paced`, a message of a burst may wait for the next flush; meanwhile the clock is not read again.
    ///
    /// # Errors
    /// `invalid_state` in `CONNECTING` without a queue, `queue_full`, `write_limit`, `forked`.
    pub fn send(&self, clock: impl Fn() -> Instant, data: Data<'_>, options: SendOptions, paced: bool) -> Result<Sent> {
        self.send_by(clock, data, options, &Way::default(), paced)
    }

    /// As [`Client::send`], with a [`Way`]. If the rate limit delays the message, `queued` is set, and with a ticket `Event::Settled` follows.
    ///
    /// # Errors
    /// As [`Client::send`]; `rate_limited`; `invalid_data` for a key without `rate_limit.keys`.
    pub fn send_by(&self, clock: impl Fn() -> Instant, data: Data<'_>, options: SendOptions, way: &Way<'_>, paced: bool) -> Result<Sent> {
        self.check_ours()?;
        let state = self.ready_state();
        let queue = self.options.send_queue.is_some();
        if state == ReadyState::Connecting && !queue {
            return Err(wrong_state("send", state));
        }
        let mut inner = self.lock();
        let inner = &mut *inner;
        let now = inner.pace.since().filter(|_| paced).unwrap_or_else(&clock);
        let mut sent = Sent::default();
        if !queue && matches!(state, ReadyState::Closing | ReadyState::Closed) {
            inner.discarded += data.len();
            return Ok(Sent { discarded: true, ..Sent::default() });
        }
        self.check_room(inner)?;
        match inner.session.send_by(now, data, options.compress, way)? {
            Route::Transmit => {
                if let Some(link) = &mut inner.link {
                    link.send(data, options.compress);
                    if paced && !link.wants_write() && inner.pace.holds(now, link.unsent()) {
                        sent.held = inner.pace.is_first();
                        self.unflushed.store(true, Ordering::Release);
                    } else if options.more {
                        self.unflushed.store(true, Ordering::Release);
                    } else {
                        let now = if inner.pace.is_holding() { clock() } else { now };
                        self.flush_locked(inner, now);
                    }
                }
            }
            // The message expires one day (`send_queue.ttl`).
            Route::Queued => (sent.turn, sent.queued) = (true, true),
            Route::Dropped => {}
            Route::Discarded => {
                inner.discarded += data.len();
                sent.discarded = true;
            }
        }
        self.act(inner, now);
        sent.turn |= inner.needs_turn();
        Ok(sent)
    }

    /// Our own buffers must not grow without bound while the peer does not read.
    pub(super) fn check_room(&self, inner: &Inner) -> Result<()> {
        let waiting = inner.link.as_ref().map_or(0, Link::waiting);
        if waiting <= self.options.max_buffered {
            return Ok(());
        }
        let message =
            format!("{waiting} bytes wait to leave, more than max_buffered ({}): the peer does not read", self.options.max_buffered);
        Err(Error::new(ErrorCode::WriteLimit, message))
    }

    /// Sends one fragment of a message. True: the driver has to take a turn.
    ///
    /// # Errors
    /// `invalid_state` unless `OPEN` and in order, `invalid_data` for text within binary or the other way about, `write_limit`, `forked`.
    pub fn send_fragment(&self, now: Instant, data: Data<'_>, first: bool, last: bool, compress: Option<bool>) -> Result<bool> {
        let mut inner = self.open_link("send")?;
        let inner = &mut *inner;
        self.check_room(inner)?;
        if let Some(link) = &mut inner.link {
            link.send_fragment(data, first, last, compress)?;
            inner.session.handle_sent(now);
            self.flush_locked(inner, now);
        }
        if last && std::mem::take(&mut inner.hands_over_late) && inner.session.handle_hand_over(now) {
            self.pump(inner, now);
        }
        Ok(inner.needs_turn())
    }

    /// Reports that a message in fragments stays incomplete. Nothing else may follow its first part, so the connection is failed with a Close frame,
    /// and the same events follow as for any failed connection.
    pub fn abandon_message(&self, now: Instant) {
        if !self.is_ours() {
            return;
        }
        let mut inner = self.lock();
        if inner.session.ready_state() == ReadyState::Open && inner.link.as_ref().is_some_and(Link::is_amid_message) {
            let error =
                Error::new(ErrorCode::MessageAborted, "a message in fragments was not sent to its end, so its connection was closed");
            inner.session.handle_failure(now, error, CloseCode::INTERNAL);
            self.pump(&mut inner, now);
        }
    }

    /// The lock, if the user sees an open connection.
    pub(super) fn open_link(&self, call: &str) -> Result<MutexGuard<'_, Inner>> {
        self.check_ours()?;
        match self.ready_state() {
            ReadyState::Open => Ok(self.lock()),
            state => Err(wrong_state(call, state)),
        }
    }

    /// Writes held messages if that is worth it at the end of the host's turn, and returns the result of [`Client::flush`]. None: ask again after the
    /// next turn.
    pub fn flush_if_ripe(&self, now: Instant) -> Option<bool> {
        if !self.is_ours() {
            return Some(false);
        }
        let mut inner = self.lock();
        inner.pace.is_ripe(now).then(|| {
            self.flush_locked(&mut inner, now);
            inner.needs_turn()
        })
    }

    /// Writes waiting bytes. True: the driver has to take a turn.
    pub fn flush(&self, now: Instant) -> bool {
        if !self.is_ours() {
            return false;
        }
        let mut inner = self.lock();
        self.flush_locked(&mut inner, now);
        inner.needs_turn()
    }

    /// Sends a ping.
    ///
    /// # Errors
    /// `invalid_data` over 125 bytes, `invalid_state` unless `OPEN`, `write_limit`, `forked`.
    pub fn ping(&self, now: Instant, payload: &[u8]) -> Result<bool> {
        check_control(payload, "ping")?;
        let mut inner = self.open_link("ping")?;
        self.check_room(&inner)?;
        inner.session.handle_user_ping(now, payload);
        if let Some(link) = &mut inner.link {
            link.ping(payload);
        }
        self.flush_locked(&mut inner, now);
        Ok(inner.needs_turn())
    }

    /// Sends a pong.
    ///
    /// # Errors
    /// As [`Client::ping`].
    pub fn pong(&self, now: Instant, payload: &[u8]) -> Result<bool> {
        check_control(payload, "pong")?;
        let mut inner = self.open_link("pong")?;
        self.check_room(&inner)?;
        if let Some(link) = &mut inner.link {
            link.pong(payload);
        }
        self.flush_locked(&mut inner, now);
        Ok(inner.needs_turn())
    }

    /// Starts the closing handshake, or gives up connecting. Final.
    ///
    /// # Errors
    /// `invalid_close`.
    pub fn close(&self, now: Instant, code: Option<CloseCode>, reason: &str) -> Result<()> {
        self.check_ours()?;
        // A Close frame cannot carry a reason alone (RFC 6455 section 5.5.1).
        let code = code.or((!reason.is_empty()).then_some(CloseCode::NORMAL));
        let mut inner = self.lock();
        let waiting = inner.session.ready_state() == ReadyState::Connecting;
        if self.is_unseen(&inner) {
            close::check(code, reason)?;
            inner.session.abandon(now);
        } else {
            inner.session.close(now, code, reason)?;
            // Only acknowledgements from here on count as progress of the peer.
            if let Some(link) = &mut inner.link {
                link.has_progressed();
            }
        }
        inner.left = true;
        self.show_closing(waiting);
        self.pump(&mut inner, now);
        Ok(())
    }

    /// Drops the connection at once. Final.
    pub fn terminate(&self, now: Instant) {
        if !self.is_ours() {
            return;
        }
        let mut inner = self.lock();
        let waiting = inner.session.ready_state() == ReadyState::Connecting;
        inner.left = true;
        inner.terminated = true;
        if self.is_unseen(&inner) {
            inner.session.abandon(now);
        } else {
            inner.session.terminate(now);
        }
        self.show_closing(waiting);
        self.pump(&mut inner, now);
    }

    /// Whether the connection has opened and the user does not know it yet.
    fn is_unseen(&self, inner: &Inner) -> bool {
        inner.session.ready_state() == ReadyState::Open && matches!(self.ready_state(), ReadyState::Connecting | ReadyState::Closed)
    }

    /// Shows `CLOSING` at once after the user's `close()`. `waiting`: an attempt, or the wait for one, is given up.
    pub(super) fn show_closing(&self, waiting: bool) {
        if waiting || matches!(self.ready_state(), ReadyState::Connecting | ReadyState::Open) {
            self.show(ReadyState::Closing);
        }
    }

    /// Allows no further connection, and stops an attempt for which no message waits. Final.
    pub fn wind_down(&self, now: Instant) {
        let mut inner = self.lock();
        let waiting = inner.session.ready_state() == ReadyState::Connecting;
        inner.session.wind_down(now);
        if waiting && inner.session.ready_state() == ReadyState::Closed {
            inner.left = true;
            self.show_closing(true);
        }
        self.pump(&mut inner, now);
    }

    /// Whether no message waits to leave, and no request waits for its reply.
    pub fn has_done_its_work(&self) -> bool {
        let inner = self.lock();
        let buffered = inner.link.as_ref().map_or(0, Link::waiting) + inner.beside.as_ref().map_or(0, |beside| beside.buffered_amount());
        !inner.session.has_work() && buffered == 0
    }

    /// Whether the socket has no connection, and will have none.
    pub fn has_ended(&self) -> bool {
        let inner = self.lock();
        inner.session.ready_state() == ReadyState::Closed && inner.link.is_none()
    }

    /// Fails the connection for a reason of the driver.
    pub fn fail(&self, now: Instant, error: Error) {
        let mut inner = self.lock();
        inner.session.handle_failure(now, error, CloseCode::GOING_AWAY);
        self.pump(&mut inner, now);
    }

    /// Pauses reading, or resumes it.
    pub fn set_paused(&self, paused: bool) {
        self.lock().paused = paused;
    }

    /// Reports that the wall clock jumped: a link that slept may be dead, so it is probed at once.
    pub fn clock_jumped(&self, now: Instant) {
        let mut inner = self.lock();
        inner.session.handle_clock_jump(now);
        self.pump(&mut inner, now);
    }

    /// The bytes of messages that have not left (WHATWG section 3: no reset to zero once the connection closes). The bytes that a lost
    /// connection did not send count until the `close` event that announces the next connection.
    pub fn buffered_amount(&self) -> usize {
        if !self.is_ours() {
            return 0;
        }
        let inner = self.lock();
        let beside = inner.beside.as_ref().map_or(0, |beside| beside.buffered_amount());
        let leaving: usize = inner.retired.iter().map(Retired::buffered_amount).sum();
        inner.session.queued_bytes()
            + inner.link.as_ref().map_or(0, Link::buffered_amount)
            + leaving
            + beside
            + inner.left_behind
            + inner.discarded
    }

    /// The URL in use.
    pub fn url(&self) -> String {
        if !self.is_ours() {
            return String::new();
        }
        let inner = self.lock();
        inner.shown.url.clone().unwrap_or_else(|| inner.url.to_string())
    }

    /// The subprotocol in use.
    pub fn protocol(&self) -> String {
        if self.is_ours() { self.lock().shown.protocol.clone() } else { String::new() }
    }

    /// The extensions in use.
    pub fn extensions(&self) -> String {
        if self.is_ours() { self.lock().shown.extensions.clone() } else { String::new() }
    }

    /// The last measured round trip.
    pub fn latency(&self) -> Option<Duration> {
        if self.is_ours() { self.lock().latency } else { None }
    }

    /// Our address and the peer's (or the proxy's). `None` while no connection is open, and on a unix socket.
    pub fn addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        if self.is_ours() { self.lock().link.as_ref()?.addresses() } else { None }
    }

    /// Whether the last event was delivered.
    pub fn is_finished(&self) -> bool {
        !self.is_ours() || self.finished.load(Ordering::Acquire)
    }

    /// Whether the handlers of the last event have run, or never will.
    pub fn is_told(&self) -> bool {
        !self.is_ours() || self.told.load(Ordering::Acquire)
    }
}

fn check_control(payload: &[u8], call: &str) -> Result<()> {
    if payload.len() <= 125 {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::InvalidData,
        format!("{call}() takes at most 125 bytes (RFC 6455 section 5.5); {} were given", payload.len()),
    ))
}

fn wrong_state(call: &str, state: ReadyState) -> Error {
    let words = match state {
        ReadyState::Connecting => "CONNECTING: wait for the open event, or set send_queue",
        ReadyState::Open => "OPEN",
        ReadyState::Closing => "CLOSING: close() was called, or the peer closes",
        ReadyState::Closed => "CLOSED",
    };
    Error::new(ErrorCode::InvalidState, format!("{call}() needs an open connection; readyState is {words}"))
}
