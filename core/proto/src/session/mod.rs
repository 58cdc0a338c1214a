//! The life of one socket object: when to dial, what each end of a connection means, when to reconnect, what to send to stay alive. It is a pure
//! state machine: its input is events and the time, its output is actions ([`Action`]). It reads no clock, does no I/O, has no thread, and knows
//! nothing of frames, sockets or languages.
//!
//! This file owns the states and the path to an open connection. `ending` owns the path out of it, and each file named after a feature owns that
//! feature.

mod action;
mod again;
mod bot;
mod due;
mod end;
mod ending;
mod figures;
mod heartbeat;
mod liveness;
mod matcher;
mod outbox;
mod overlap;
mod providers;
mod rate;
mod ready;
mod reconnect;
mod requests;
mod successor;
#[cfg(test)]
mod tests;
mod timing;
mod winding;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use url::Url;

use self::action::Outlet;
pub use self::action::{Action, Route, Target};
use self::end::{Closing, Ended};
use self::heartbeat::Heartbeat;
use self::liveness::Liveness;
use self::matcher::Inbound;
use self::outbox::Outbox;
use self::providers::Questions;
use self::rate::{Limiter, check_key};
use self::ready::Login;
use self::reconnect::Reconnect;
use self::requests::Requests;
use self::successor::{Overlap, Parting, Wish};
use crate::error::{Error, ErrorCode, Result};
use crate::event::{Event, Open, ReadyState};
use crate::message::{Answer, Data, Way};
use crate::options::{HeartbeatOptions, Options, Providers};

/// The state machine of a socket.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the present connection")]
pub struct Session {
    options: Arc<Options>,
    providers: Providers,
    rng: SmallRng,
    out: Outlet,
    state: State,
    intent: Intent,
    /// The time at which the connection opened; kept until its end is reported.
    opened_at: Option<Instant>,
    /// False while back-pressure or `pause()` stops reading.
    reading: bool,
    /// The URL of the next attempt, from `reconnect()`.
    next_url: Option<Url>,
    /// The present attempt has another URL than `reconnect()` wants: at its end the next one begins at once.
    diverted: bool,
    /// The connection's end was read and waits behind a barrier.
    end_read: bool,
    liveness: Liveness,
    heartbeat: Option<Box<Heartbeat>>,
    reconnect: Option<Reconnect>,
    outbox: Option<Outbox>,
    /// The present login, and whether the connection is ready for the messages that wait for it.
    login: Option<Box<Login>>,
    is_ready: bool,
    requests: Option<Box<Requests>>,
    limiter: Option<Box<Limiter>>,
    /// Messages that the rate limit held back when the connection ended, until it is known what follows.
    overdue: Vec<(rate::Key, rate::Waiting)>,
    /// The connection that is opened beside the present one; the old one that is drained; why the last attempt to open one beside it failed.
    overlap: Option<Box<Overlap<Self>>>,
    parting: Option<Box<Parting>>,
    next_failure: Option<Error>,
    /// Of a next connection: its server has asked the client to connect again. This counts once it is the present connection.
    announced: Option<Wish>,
    /// No further connection follows.
    winding_down: bool,
    /// How many messages had to wait for the rate limit.
    throttled: u64,
    queue_waits: QueueWait,
}

/// The event that the send queue of an open connection waits for, so that a login sent by an `open` handler comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum QueueWait {
    Nothing,
    /// The user has not seen the `open` event yet: messages sent now belong behind the queue.
    OpenEvent,
    /// The handlers of the `open` event: their messages leave before the queue.
    OpenHandlers,
}

/// The user's intention for this socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Intent {
    Stay,
    /// `close()` or `terminate()` was called: no other connection follows.
    Leave,
    /// The process ends, too: no waiting for the end of TCP once both Close frames passed.
    LeaveInHaste,
}

#[derive(Debug)]
enum State {
    /// Before `start`.
    New,
    /// Functions of the user were asked for the values of the attempt.
    Asking(Box<Questions>),
    Dialling,
    Open,
    /// A Close frame was sent, received, or both.
    Closing(Closing),
    /// The connection is gone, and `should_reconnect` was asked with this id. The flag is the decision of the rules, for the case that the function
    /// fails.
    Deciding(u64, bool, Box<Ended>),
    /// Until the next attempt.
    Waiting(Option<Instant>),
    Closed,
}

impl Session {
    /// A session that does nothing until [`Session::start`]. `seed` feeds its random delays.
    pub fn new(options: Arc<Options>, providers: Providers, seed: u64) -> Self {
        let reconnect = options.reconnect.is_some();
        Self {
            providers,
            rng: SmallRng::seed_from_u64(seed),
            out: Outlet::metered(options.rate_limit.is_some()),
            state: State::New,
            intent: Intent::Stay,
            opened_at: None,
            reading: true,
            next_url: None,
            diverted: false,
            end_read: false,
            liveness: Liveness::default(),
            heartbeat: None,
            reconnect: reconnect.then(Reconnect::default),
            outbox: (reconnect && options.send_queue.is_some()).then(Outbox::default),
            queue_waits: QueueWait::Nothing,
            login: None,
            is_ready: false,
            requests: None,
            limiter: options.rate_limit.as_ref().map(Limiter::new).map(Box::new),
            overdue: Vec::new(),
            overlap: None,
            parting: None,
            next_failure: None,
            announced: None,
            winding_down: false,
            throttled: 0,
            options,
        }
    }

    /// Begins the first attempt. Once only; nothing after a `close()`.
    pub fn start(&mut self, now: Instant) {
        if matches!(self.state, State::New) {
            self.state = State::Waiting(Some(now));
            self.handle_timeout(now);
        }
    }

    /// Asks the functions of the user, if any, then dials.
    fn attempt(&mut self) {
        let questions = Questions::ask(self.providers, &mut self.out);
        self.state = State::Asking(Box::new(questions));
        self.dial_if_answered();
    }

    fn dial_if_answered(&mut self) {
        if let State::Asking(questions) = &mut self.state
            && questions.is_answered()
        {
            let mut target = questions.take_target();
            target.url = self.next_url.take().or(target.url);
            self.state = State::Dialling;
            self.out.push(Action::Dial(target));
        }
    }

    /// The dial succeeded. Emits `open`; the queue follows once its handlers have run.
    pub fn handle_opened(&mut self, now: Instant, open: Open) {
        if !matches!(self.state, State::Dialling) {
            return self.out.push(Action::Drop);
        }
        if self.diverted {
            self.out.push(Action::Drop);
            self.diverts();
            return;
        }
        self.state = State::Open;
        self.opened_at = Some(now);
        self.reading = true;
        self.liveness.restart(now);
        self.heartbeat = self.options.heartbeat.clone().map(|options| Box::new(Heartbeat::new(now, options, &mut self.rng)));
        if let Some(reconnect) = &mut self.reconnect {
            reconnect.opened();
        }
        self.out.emit(Event::Open(open));
        if self.outbox.is_some() {
            self.queue_waits = QueueWait::OpenEvent;
            self.out.push(Action::Barrier);
        }
        self.begin_login(now);
    }

    /// The host reaches the `open` event of the present connection: from now on `send` uses it.
    pub fn handle_open_seen(&mut self) {
        if self.queue_waits == QueueWait::OpenEvent {
            self.queue_waits = QueueWait::OpenHandlers;
        }
    }

    /// The host reached [`Action::Barrier`]: the messages of `open` handlers went out, and the queue follows. Returns whether the queue waited for
    /// that.
    pub fn handle_open_delivered(&mut self, now: Instant) -> bool {
        if std::mem::replace(&mut self.queue_waits, QueueWait::Nothing) == QueueWait::Nothing {
            return false;
        }
        self.flush_queue(now);
        true
    }

    /// The queue leaves, once `open` handlers have run and the login is done.
    fn flush_queue(&mut self, now: Instant) {
        if !matches!(self.state, State::Open) || !self.is_ready || self.queue_waits != QueueWait::Nothing {
            return;
        }
        let (Some(outbox), Some(options)) = (&mut self.outbox, &self.options.send_queue) else { return };
        let queued = outbox.take(now, options, &mut self.out);
        if !queued.is_empty() {
            self.handle_sent(now);
        }
        for (message, compress, key) in queued {
            self.send_queued(now, message, compress, &key);
        }
    }

    #[cfg(test)]
    fn is_dialling(&self) -> bool {
        matches!(self.state, State::Dialling)
    }

    /// The dial failed.
    pub fn handle_dial_failed(&mut self, now: Instant, error: Error) {
        if matches!(self.state, State::Dialling) && !self.diverts() {
            self.end(now, Ended::failed(error));
        }
    }

    /// Bytes arrived, with `data_messages` complete data messages. Within a turn, call it before [`Session::handle_timeout`]: bytes that waited in
    /// the kernel are a sign of life, too.
    pub fn handle_received(&mut self, now: Instant, data_messages: usize) {
        if matches!(self.state, State::Open) {
            self.liveness.received(now, data_messages > 0);
            if let Some(heartbeat) = &mut self.heartbeat {
                heartbeat.received(now, &mut self.out);
            }
        }
    }

    /// A pong arrived. Returns the round trip if it answers a ping of the session, or one reported to [`Session::handle_user_ping`].
    pub fn handle_pong(&mut self, now: Instant, payload: &[u8]) -> Option<Duration> {
        self.liveness.pong(now, payload)
    }

    /// The user's ping was handed to the protocol.
    pub fn handle_user_ping(&mut self, now: Instant, payload: &[u8]) {
        if matches!(self.state, State::Open) {
            self.liveness.pinged(now, bytes::Bytes::copy_from_slice(payload));
        }
    }

    /// Whether messages that arrive now are for the user: the connection is open, or closes by our own wish with `deliver_after_close`.
    pub fn delivers_messages(&self) -> bool {
        match &self.state {
            State::Open => true,
            State::Closing(closing) => closing.waits_for_peer() && self.options.deliver_after_close,
            _ => false,
        }
    }

    /// Whether [`Session::handle_message`] wants to see messages now.
    pub fn looks_at_messages(&self) -> bool {
        matches!(self.state, State::Open)
            && (self.heartbeat.as_ref().is_some_and(|heartbeat| heartbeat.looks_at_messages())
                || self.bot_looks_at_messages()
                || self.awaits_announcement())
    }

    /// A message that a feature may want to see. False: it is the reply to a request, and no event.
    pub fn handle_message(&mut self, now: Instant, data: Data<'_>) -> bool {
        if !self.looks_at_messages() {
            return true;
        }
        let message = Inbound::new(data);
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.message(now, &message, &mut self.out);
        }
        self.heed_announcement(&message, now);
        self.bot_message(now, &message)
    }

    /// Sets the heartbeat that the server requests for the present connection, or turns it off, until the connection ends.
    ///
    /// # Errors
    /// `invalid_state` unless open.
    pub fn set_heartbeat(&mut self, now: Instant, options: Option<HeartbeatOptions>) -> Result<()> {
        if !matches!(self.state, State::Open) {
            return Err(Error::new(ErrorCode::InvalidState, "set_heartbeat() needs an open connection: each connection has its own"));
        }
        let before = self.heartbeat.take();
        self.heartbeat = options.map(|options| Box::new(Heartbeat::dictated(now, options, before.as_deref(), &mut self.rng)));
        Ok(())
    }

    /// Something was sent otherwise than by [`Session::send`] (a fragment): the heartbeat's `only_when_idle` counts it.
    pub fn handle_sent(&mut self, now: Instant) {
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.sent(now);
        }
    }

    /// Reading stops (back-pressure, `pause`) or resumes. While we do not read, silence says nothing about the peer.
    pub fn handle_reading(&mut self, now: Instant, reading: bool) {
        if reading && !self.reading {
            self.liveness.resume(now);
            if let Some(heartbeat) = &mut self.heartbeat {
                heartbeat.resume(now);
            }
        }
        self.reading = reading;
    }

    /// The peer has acknowledged queued data, so it is alive. Its pong, response or Close comes behind that data, so it gets its full time again.
    pub fn handle_progress(&mut self, now: Instant) {
        self.liveness.progress(now);
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.resume(now);
        }
        self.closing_progresses(now);
    }

    /// The connection's end (Close, failure or loss) was read but waits behind a barrier: no more data can arrive, and no deadline of the connection
    /// runs, until [`Session::handle_peer_close`], [`Session::handle_failure`] or [`Session::handle_lost`] settles it. Requests learn of it at once,
    /// because no reply can arrive.
    pub fn handle_end_read(&mut self, cause: Option<&Error>) {
        self.end_read = matches!(self.state, State::Open | State::Closing(_));
        if self.end_read {
            self.lose_requests(cause);
        }
    }

    /// The host's answer to an `Event::Ask`. An unknown or forgotten id is ignored.
    pub fn handle_answer(&mut self, now: Instant, id: u64, answer: Answer) {
        if self.overlap.is_some() {
            self.beside(|next| next.handle_answer(now, id, answer.clone()), now);
        }
        match &mut self.state {
            State::Asking(questions) => match questions.answer(id, answer) {
                Ok(()) => self.dial_if_answered(),
                Err(error) => {
                    self.end(now, Ended::failed(error));
                }
            },
            State::Deciding(asked, ..) if *asked == id => self.decided(now, answer),
            State::Open => {
                self.login_answer(now, id, &answer);
                if let Some(heartbeat) = &mut self.heartbeat {
                    heartbeat.answer(now, id, answer, &mut self.out);
                }
                self.meter(now);
            }
            _ => {}
        }
    }

    /// The wall clock jumped: the machine may have slept. The peer is probed at once, by a ping, or by a heartbeat if pings are off.
    pub fn handle_clock_jump(&mut self, now: Instant) {
        if !matches!(self.state, State::Open) || self.end_read {
            return;
        }
        if self.options.ping_interval.is_some() {
            self.liveness.probe(now, &mut self.rng, &mut self.out);
        } else if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.beat(now, &mut self.out);
        }
        self.meter(now);
    }

    /// Decides what happens to a message. A queued message keeps its `compress`.
    ///
    /// # Errors
    /// `invalid_state` while connecting without a queue; `queue_full`.
    pub fn send(&mut self, now: Instant, data: Data<'_>, compress: Option<bool>) -> Result<Route> {
        self.send_by(now, data, compress, &Way::default())
    }

    /// As [`Session::send`], with a [`Way`].
    ///
    /// # Errors
    /// As [`Session::send`]; `rate_limited`; `invalid_data` for a key without `rate_limit.keys`.
    pub fn send_by(&mut self, now: Instant, data: Data<'_>, compress: Option<bool>, way: &Way<'_>) -> Result<Route> {
        match self.state {
            State::Open if self.queue_waits != QueueWait::OpenEvent => {
                if self.limiter.is_some() || way.key.is_some() {
                    return self.send_metered(now, data, compress, way);
                }
                self.handle_sent(now);
                return Ok(Route::Transmit);
            }
            State::Closed => return Ok(Route::Discarded),
            // The next connection may carry it, if there may be one.
            State::Closing(_) | State::Deciding(..) if self.intent != Intent::Stay || self.outbox.is_none() => return Ok(Route::Discarded),
            _ => {}
        }
        match (&mut self.outbox, &self.options.send_queue) {
            (Some(outbox), Some(options)) => {
                if way.key.is_some() {
                    check_key(self.limiter.as_deref(), way.key)?;
                }
                outbox.push(now, data, compress, way.key, options, &mut self.out)
            }
            _ => Err(Error::new(ErrorCode::InvalidState, "the connection is not open yet, and no send_queue holds messages until it is")),
        }
    }

    /// The session's own state. The state that the user sees changes later, as the host reaches the events.
    pub fn ready_state(&self) -> ReadyState {
        match self.state {
            State::New | State::Asking(_) | State::Dialling | State::Waiting(_) => ReadyState::Connecting,
            State::Open => ReadyState::Open,
            State::Closing(_) | State::Deciding(..) => ReadyState::Closing,
            State::Closed => ReadyState::Closed,
        }
    }

    /// The payload bytes that the send queue holds: a part of `buffered_amount`.
    pub fn queued_bytes(&self) -> usize {
        self.outbox.as_ref().map_or(0, Outbox::bytes) + self.limiter.as_ref().map_or(0, |limiter| limiter.bytes())
    }

    /// What to do next.
    pub fn poll(&mut self) -> Option<Action> {
        self.out.poll()
    }
}
