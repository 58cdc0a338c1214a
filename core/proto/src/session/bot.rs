//! Login, requests and rate limits together on one socket: which one waits for which, and the consequences of an end. Each has its own file that
//! knows nothing of the others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::action::{Action, Route};
use super::rate::{Key, Limiter, Verdict, Waiting, check_key};
use super::ready::{Login, Progress};
use super::requests::{self, Stage};
use super::{Intent, Session, State};
use crate::close::CloseCode;
use crate::error::{Error, ErrorCode, Result};
use crate::event::{DropReason, Dropped, Event, Settled, Throttled};
use crate::message::{Answer, Data, Message, RequestCall, Way};
use crate::options::{Overflow, RateScope};

impl Session {
    /// A connection opened: the login begins, if there is one.
    pub(super) fn begin_login(&mut self, now: Instant) {
        if let (Some(limiter), Some(options)) = (&mut self.limiter, &self.options.rate_limit) {
            limiter.opened(options.scope == RateScope::Connection);
        }
        let Some(options) = &self.options.ready else { return self.be_ready(now) };
        self.login = Login::begin(now, options, self.providers.ready, &mut self.out).map(Box::new);
        self.meter(now);
        if self.login.is_none() {
            self.out.emit(Event::Ready);
            self.be_ready(now);
        }
    }

    /// Releases the messages that waited for a ready connection.
    pub(super) fn be_ready(&mut self, now: Instant) {
        self.is_ready = true;
        if let Some(limiter) = &mut self.limiter {
            limiter.set_ready();
        }
        self.flush_queue(now);
        self.send_unsent(now);
        self.release(now);
    }

    /// Sends the requests that wait for a connection.
    pub(super) fn send_unsent(&mut self, now: Instant) {
        let unsent = self.requests.as_ref().map(|requests| requests.unsent()).unwrap_or_default();
        for ticket in unsent {
            self.send_request(now, ticket);
        }
    }

    /// The outcome of the login.
    fn proceed(&mut self, now: Instant, progress: Progress) {
        match progress {
            Progress::None => {}
            Progress::Done => {
                self.login = None;
                self.out.emit(Event::Ready);
                self.be_ready(now);
            }
            Progress::Failed(error) => self.fail(now, error, CloseCode::GOING_AWAY),
        }
    }

    /// Whether the login or a request wants to see messages.
    pub(super) fn bot_looks_at_messages(&self) -> bool {
        (self.login.is_some() && self.options.ready.as_ref().is_some_and(|ready| ready.expect.is_some() || ready.reject.is_some()))
            || self.requests.as_ref().is_some_and(|requests| !requests.is_empty())
    }

    /// Handles a message. False: it is a reply, and no handler gets it.
    pub(super) fn bot_message(&mut self, now: Instant, message: &super::matcher::Inbound<'_>) -> bool {
        let reply = self.requests.as_mut().and_then(|requests| requests.message(message, &self.options.request));
        let mut deliver = true;
        if let Some((settled, delivered)) = reply {
            deliver = delivered;
            self.settle_request(settled);
        }
        if let (Some(_), Some(options)) = (&self.login, &self.options.ready) {
            let progress = Login::message(message, options);
            self.proceed(now, progress);
        }
        deliver
    }

    /// Handles a message on the old connection, which is being drained. False: it is a reply, and no handler gets it.
    pub fn handle_parting_message(&mut self, data: Data<'_>) -> bool {
        let message = super::matcher::Inbound::new(data);
        let Some((settled, deliver)) = self.requests.as_mut().and_then(|requests| requests.message(&message, &self.options.request)) else {
            return true;
        };
        self.settle_request(settled);
        deliver
    }

    pub(super) fn login_answer(&mut self, now: Instant, id: u64, answer: &Answer) {
        if let Some(login) = &self.login {
            let progress = login.answer(id, answer);
            self.proceed(now, progress);
        }
    }

    /// Does the work of an open connection that is due.
    pub(super) fn bot_timeout(&mut self, now: Instant) {
        if let (Some(login), Some(options), true) = (&self.login, &self.options.ready, self.reading) {
            let progress = login.timeout(now, options);
            self.proceed(now, progress);
        }
        if matches!(self.state, State::Open) {
            self.release(now);
        }
    }

    pub(super) fn bot_deadline(&self) -> Option<Instant> {
        let login = self.login.as_ref().filter(|_| self.reading).and_then(|login| login.next_deadline());
        super::timing::earliest([login, self.limiter.as_ref().and_then(|limiter| limiter.next_deadline())])
    }

    /// Ends the requests whose deadline has passed, in any state.
    pub(super) fn expire_requests(&mut self, now: Instant) {
        let over = self.requests.as_mut().map(|requests| requests.expire(now)).unwrap_or_default();
        for settled in over {
            if let Some(limiter) = &mut self.limiter {
                limiter.withdraw(now, settled.0);
            }
            self.settle_request(settled);
        }
    }

    pub(super) fn settle_request(&mut self, (ticket, outcome): requests::Settled) {
        self.out.emit(Event::Settled(Settled { ticket, outcome: outcome.map(Some) }));
    }

    // Requests ---------------------------------------------------------------------------------------------------------------

    /// Sends a request, as JSON text, once the connection is ready. [`Event::Settled`] with this ticket reports its end, exactly once.
    ///
    /// # Errors
    /// `invalid_state` after `close()` and the last `close` event; `invalid_data`, `queue_full`.
    pub fn request(&mut self, now: Instant, ticket: u64, text: &str, call: &RequestCall<'_>) -> Result<()> {
        if self.intent != Intent::Stay || matches!(self.state, State::Closed) {
            return Err(Error::new(ErrorCode::InvalidState, "request() needs a connection, and none will come: the socket is closed"));
        }
        check_key(self.limiter.as_deref(), call.key)?;
        self.requests.get_or_insert_default().add(now, ticket, text, call, &self.options.request)?;
        if matches!(self.state, State::Open) && !self.end_read && (self.is_ready || call.urgent) {
            self.send_request(now, ticket);
        }
        Ok(())
    }

    fn send_request(&mut self, now: Instant, ticket: u64) {
        let Some(request) = self.requests.as_ref().and_then(|requests| requests.get(ticket)) else { return };
        let (message, key, urgent) = (Message::Text(request.text.clone()), request.key.clone(), request.urgent);
        if let Some(limiter) = &mut self.limiter
            && limiter.offer(now, &key, urgent) == Verdict::Waits
        {
            self.note_request(ticket, Stage::InLine);
            return self.wait(now, &key, urgent, Waiting { message, compress: None, ticket: Some(ticket) });
        }
        self.note_request(ticket, Stage::Sent);
        self.handle_sent(now);
        self.out.push(Action::Transmit(message, None));
    }

    fn note_request(&mut self, ticket: u64, stage: Stage) {
        if let Some(requests) = &mut self.requests {
            requests.set_stage(ticket, stage);
        }
    }

    /// Cancels a request. A reply that still arrives is an ordinary message.
    pub fn cancel_request(&mut self, now: Instant, ticket: u64) {
        let was_open = self.requests.as_mut().is_some_and(|requests| requests.cancel(ticket));
        if was_open && let Some(limiter) = &mut self.limiter {
            limiter.withdraw(now, ticket);
        }
    }

    // Rate limits ------------------------------------------------------------------------------------------------------------

    /// Decides about a message on the open connection: it leaves, waits, or is dropped.
    pub(super) fn send_metered(&mut self, now: Instant, data: Data<'_>, compress: Option<bool>, way: &Way<'_>) -> Result<Route> {
        check_key(self.limiter.as_deref(), way.key)?;
        let Some(limiter) = &mut self.limiter else {
            self.handle_sent(now);
            return Ok(Route::Transmit);
        };
        let key: Key = way.key.map(Arc::from);
        // A message sent while a function logs in may be the login itself.
        let urgent = way.urgent || self.login.as_ref().is_some_and(|login| login.is_function());
        if limiter.offer(now, &key, urgent) == Verdict::Leaves {
            self.handle_sent(now);
            return Ok(Route::Transmit);
        }
        if !self.make_room(data)? {
            return Ok(Route::Dropped);
        }
        self.wait(now, &key, urgent, Waiting { message: data.to_message(), compress, ticket: way.ticket });
        Ok(Route::Queued)
    }

    /// Makes room for one more waiting message, by the rule for overflow. False: the message itself was dropped.
    fn make_room(&mut self, data: Data<'_>) -> Result<bool> {
        let (Some(limiter), Some(options)) = (&mut self.limiter, &self.options.rate_limit) else { return Ok(true) };
        let fits =
            |limiter: &Limiter| limiter.waiting() < options.max_messages && limiter.bytes().saturating_add(data.len()) <= options.max_bytes;
        if fits(limiter) {
            return Ok(true);
        }
        let mut dropped = Vec::new();
        match options.overflow {
            Overflow::Error => {
                let words = format!(
                    "the rate limit is reached, and {} messages ({} bytes) wait for it already",
                    limiter.waiting(),
                    limiter.bytes()
                );
                return Err(Error::new(ErrorCode::RateLimited, words));
            }
            Overflow::DropOldest if data.len() <= options.max_bytes => {
                while !fits(limiter)
                    && let Some(oldest) = limiter.drop_oldest()
                {
                    dropped.push(oldest);
                }
            }
            Overflow::DropOldest | Overflow::DropNewest => {}
        }
        let kept = fits(limiter);
        let newest = (!kept).then(|| Waiting { message: data.to_message(), compress: None, ticket: None });
        self.drop_messages(dropped.into_iter().chain(newest).collect(), DropReason::Overflow);
        Ok(kept)
    }

    fn drop_messages(&mut self, dropped: Vec<Waiting>, reason: DropReason) {
        let mut messages = Vec::new();
        for waiting in dropped {
            let (is_request, code) = (waiting.ticket.is_some_and(|ticket| self.is_request(ticket)), ErrorCode::RateLimited);
            if let Some(ticket) = waiting.ticket {
                if is_request && let Some(requests) = &mut self.requests {
                    requests.cancel(ticket);
                }
                let words = "the message was dropped while it waited for the rate limit";
                self.out.emit(Event::Settled(Settled { ticket, outcome: Err(Error::new(code, words)) }));
            }
            if !is_request {
                messages.push(waiting.message);
            }
        }
        if !messages.is_empty() {
            self.out.emit(Event::Dropped(Dropped { messages, reason }));
        }
    }

    fn is_request(&self, ticket: u64) -> bool {
        self.requests.as_ref().is_some_and(|requests| requests.get(ticket).is_some())
    }

    fn wait(&mut self, now: Instant, key: &Key, urgent: bool, waiting: Waiting) {
        let Some(limiter) = &mut self.limiter else { return };
        limiter.push(now, key, urgent, waiting);
        self.throttled += 1;
        if limiter.waiting() == 1 && self.is_ready {
            self.out.emit(Event::Throttled(Throttled { delay: limiter.delay(now, key), waiting: 1 }));
        }
    }

    /// Sends a message of the send queue, unless the rate limit makes it wait.
    pub(super) fn send_queued(&mut self, now: Instant, message: Message, compress: Option<bool>, key: &Key) {
        if let Some(limiter) = &mut self.limiter
            && limiter.offer(now, key, false) == Verdict::Waits
        {
            return self.wait(now, key, false, Waiting { message, compress, ticket: None });
        }
        self.out.push(Action::Transmit(message, compress));
    }

    /// Sends the messages of heartbeat and login. Under a rate limit they are urgent.
    pub(super) fn meter(&mut self, now: Instant) {
        while let Some(message) = self.out.take_metered() {
            let waits = self.limiter.as_mut().is_some_and(|limiter| limiter.offer(now, &None, true) == Verdict::Waits);
            if waits {
                self.wait(now, &None, true, Waiting { message, compress: None, ticket: None });
            } else {
                self.out.push(Action::Transmit(message, None));
            }
        }
    }

    /// A pong left: it counts, and waits for nothing.
    pub fn handle_pong_sent(&mut self, now: Instant) {
        if let Some(limiter) = &mut self.limiter {
            limiter.count(now);
        }
    }

    /// Sends the messages that the limits allow now.
    fn release(&mut self, now: Instant) {
        let released = self.limiter.as_mut().map(|limiter| limiter.release(now)).unwrap_or_default();
        for waiting in released {
            self.handle_sent(now);
            self.out.push(Action::Transmit(waiting.message, waiting.compress));
            match waiting.ticket {
                Some(ticket) if self.is_request(ticket) => self.note_request(ticket, Stage::Sent),
                Some(ticket) => self.out.emit(Event::Settled(Settled { ticket, outcome: Ok(None) })),
                None => {}
            }
        }
    }

    /// The server said "slow down": for this time only urgent messages leave, or none with this key.
    ///
    /// # Errors
    /// `invalid_state` without `rate_limit`; `invalid_data` for a key without `rate_limit.keys`.
    pub fn throttle(&mut self, now: Instant, time: Duration, key: Option<&str>) -> Result<()> {
        check_key(self.limiter.as_deref(), key)?;
        let key: Key = key.map(Arc::from);
        let Some(limiter) = &mut self.limiter else {
            return Err(Error::new(ErrorCode::InvalidState, "throttle() needs the option rate_limit"));
        };
        limiter.throttle(now, time, &key);
        if !time.is_zero() {
            self.out.emit(Event::Throttled(Throttled { delay: time, waiting: limiter.waiting() }));
        }
        if matches!(self.state, State::Open) {
            self.release(now);
        }
        Ok(())
    }

    // Ends -------------------------------------------------------------------------------------------------------------------

    /// The connection is gone: unanswered requests are lost, and messages held by the limits wait for the next connection.
    pub(super) fn lose_connection(&mut self, cause: Option<&Error>) {
        self.login = None;
        self.is_ready = false;
        for (key, _, waiting) in self.limiter.as_mut().map(|limiter| limiter.take_all()).unwrap_or_default() {
            match waiting.ticket {
                Some(ticket) if self.is_request(ticket) => self.note_request(ticket, Stage::Waits),
                _ => self.overdue.push((key, waiting)),
            }
        }
        self.lose_requests(cause);
    }

    /// Ends the requests sent on the present connection, because no reply can arrive any more.
    pub(super) fn lose_requests(&mut self, cause: Option<&Error>) {
        let lost = self.requests.as_mut().map(|requests| requests.lose(cause)).unwrap_or_default();
        for settled in lost {
            self.settle_request(settled);
        }
    }

    /// Settles the messages that the rate limits held back, once the decision to reconnect is known: they go to the queue, or they are dropped.
    pub(super) fn settle_overdue(&mut self, now: Instant, again: bool, cause: Option<&Error>) {
        let overdue = std::mem::take(&mut self.overdue);
        if let (true, Some(outbox)) = (again, &mut self.outbox) {
            let mut kept = Vec::new();
            for (key, waiting) in overdue {
                kept.push((waiting.message, waiting.compress, key));
                if let Some(ticket) = waiting.ticket {
                    // From here on the queue owns it, and no caller waits for it.
                    self.out.emit(Event::Settled(Settled { ticket, outcome: Ok(None) }));
                }
            }
            outbox.put_back(now, kept);
        } else {
            self.drop_messages(overdue.into_iter().map(|(_, waiting)| waiting).collect(), DropReason::Closed);
        }
        if !again {
            let lost = self.requests.as_mut().map(|requests| requests.end(cause)).unwrap_or_default();
            for settled in lost {
                self.settle_request(settled);
            }
        }
    }
}
