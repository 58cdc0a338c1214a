//! A second connection beside the present one: `reconnect()` with `overlap`. The next connection is opened and logged in by a session of its own.
//! Then the old one is closed with 1000 and drained, and its end is reported. The events of the next one follow after that, so the program sees one
//! connection after the other.
//!
//! | what happens meanwhile | what follows |
//! |---|---|
//! | the next one fails | the old one stays; the next attempt follows by the rules of `reconnect`, if they allow one |
//! | the old one ends | the next one is the socket's connection at once, in any state |
//! | the old one does not answer the Close | it is dropped after `close_timeout` |
//! | `close()`, `terminate()` | both end; the next one gets the same code, and its answer is not awaited |

use std::time::{Duration, Instant};

use super::action::Action;
use super::end::Ended;
use super::reconnect::{self, Reconnect};
use super::successor::{Overlap, Parting, Wish};
use super::timing::{earliest, seconds};
use super::{Intent, QueueWait, Session, State};
use crate::close::{CloseCode, CloseFrame};
use crate::error::{Error, ErrorCode};
use crate::event::{Close, Event, Reconnecting};
use crate::options::{Providers, RateScope};

impl Session {
    /// Opens another connection beside the present one, which must be open. A running attempt continues, unless the URL differs.
    pub(super) fn open_beside(&mut self, now: Instant, wish: Wish) {
        if let Some(parting) = &mut self.parting {
            parting.again = Some(wish);
            return;
        }
        if self.overlap.as_ref().is_some_and(|overlap| overlap.is_ready || wish.url.is_none()) {
            return;
        }
        self.give_up_next(None, "");
        let attempt = self.reconnect.as_mut().map_or(1, Reconnect::plan);
        let cause = Some(Error::new(ErrorCode::Replaced, "reconnect() opens another connection beside this one"));
        self.out.emit(Event::Reconnecting(Reconnecting { attempt, delay: Duration::ZERO, capped: None, cause }));
        self.open_next(now, now, wish);
    }

    /// Makes the next connection's session, whose attempt begins at `at`.
    fn open_next(&mut self, now: Instant, at: Instant, mut wish: Wish) {
        let providers = Providers { should_reconnect: false, ready: false, ..self.providers };
        let mut next = Self::new(std::sync::Arc::clone(&self.options), providers, rand::RngExt::random(&mut self.rng));
        // It does not reconnect by itself, queues no messages, and does not wait for the end of TCP after both Close frames.
        (next.reconnect, next.outbox, next.intent) = (None, None, Intent::LeaveInHaste);
        if self.options.rate_limit.as_ref().is_some_and(|limit| limit.scope == RateScope::Socket) {
            next.limiter = None;
        }
        next.out.number_after(&self.out);
        next.next_url = wish.url.take();
        next.reading = self.reading;
        next.state = State::Waiting(Some(at));
        self.overlap = Some(Box::new(Overlap { next, open: None, is_ready: false, wish }));
        self.beside(|next| next.handle_timeout(now), now);
    }

    /// Calls the next connection's session. `None`: there is no such connection.
    pub fn beside<R>(&mut self, call: impl FnOnce(&mut Self) -> R, now: Instant) -> Option<R> {
        let result = self.overlap.as_mut().map(|overlap| call(&mut overlap.next));
        if result.is_some() {
            self.relay(now);
        }
        result
    }

    /// Whether another connection is being opened beside the present one, or the old one is being drained.
    pub fn overlaps(&self) -> bool {
        self.overlap.is_some() || self.parting.is_some()
    }

    /// Whether the next connection is logged in: its end then waits behind its messages.
    pub fn is_next_ready(&self) -> bool {
        self.overlap.as_ref().is_some_and(|overlap| overlap.is_ready)
    }

    /// Carries out the actions of the next connection's session.
    fn relay(&mut self, now: Instant) {
        let mut end = None;
        while let Some(overlap) = &mut self.overlap
            && let Some(action) = overlap.next.poll()
        {
            match action {
                Action::Emit(Event::Open(open)) => overlap.open = Some(open),
                Action::Emit(Event::Close(close)) => end = Some(close),
                Action::Emit(Event::Ask(ask)) => self.out.emit(Event::Ask(ask)),
                // Its close carries the error, and `ready` is reported once it is the socket's connection.
                Action::Emit(Event::Error(_) | Event::Ready) | Action::Barrier => {}
                Action::Transmit(..) if overlap.next.limiter.is_none() => {
                    if let Some(limiter) = &mut self.limiter {
                        limiter.count(now);
                    }
                    self.out.push(Action::Beside(Box::new(action)));
                }
                action => self.out.push(Action::Beside(Box::new(action))),
            }
        }
        match (&mut self.overlap, end) {
            (Some(_), Some(close)) => self.next_failed(now, close),
            (Some(overlap), None) if overlap.next.is_ready && !overlap.is_ready => {
                overlap.is_ready = true;
                if !self.end_read {
                    self.out.push(Action::Barrier);
                }
            }
            _ => {}
        }
    }

    /// The next connection, or the attempt to open it, has failed. The old one stays.
    fn next_failed(&mut self, now: Instant, close: Close) {
        let Some(overlap) = self.overlap.take() else { return };
        // Messages of a connection that was ready are not lost.
        self.out.push(Action::Held { deliver: overlap.is_ready });
        let class = match &close.error {
            Some(error) if error.code() != ErrorCode::ClosedByPeer => reconnect::class_of_error(error),
            _ => reconnect::class_of_close(close.code, self.options.reconnect.as_ref()),
        };
        let retry_after = close.error.as_ref().and_then(|error| error.retry_after);
        self.next_failure.clone_from(&close.error);
        if let (Intent::Stay, Some(reconnect), Some(options)) = (self.intent, &mut self.reconnect, &self.options.reconnect)
            && reconnect.judge(class, None, options, self.providers)
        {
            let delay = reconnect.delay(retry_after, options, &mut self.rng);
            let attempt = reconnect.plan();
            self.out.emit(Event::Reconnecting(Reconnecting { attempt, delay, capped: None, cause: close.error }));
            if let Some(at) = now.checked_add(delay) {
                self.open_next(now, at, Wish { url: None, ..overlap.wish });
            }
        }
    }

    /// The host reached the barrier at which the next connection was ready. All earlier messages are answered, so the old connection is closed.
    /// Returns whether it waited for that.
    pub fn handle_hand_over(&mut self, now: Instant) -> bool {
        let ready = self.overlap.take_if(|overlap| overlap.is_ready && matches!(self.state, State::Open) && !self.end_read);
        let Some(overlap) = ready else { return false };
        let Overlap { mut next, open, wish: Wish { code, reason, .. }, .. } = *overlap;
        let again = next.announced.take();
        let code = code.or(Some(CloseCode::NORMAL));
        self.out.push(Action::SendClose(code, reason.clone()));
        self.out.push(Action::HandOver);
        let deadline = now.checked_add(self.options.close_timeout);
        self.parting = Some(Box::new(Parting { ours: CloseFrame { code, reason }, deadline, open, again }));
        let uptime = self.opened_at.take().map(|since| now.saturating_duration_since(since));
        if let (Some(reconnect), Some(options)) = (&mut self.reconnect, &self.options.reconnect) {
            reconnect.rest(uptime, options);
        }
        if let Some(requests) = &mut self.requests {
            requests.hand_over();
        }
        self.take_place(now, next);
        true
    }

    /// The next connection's state is the socket's from now on.
    fn take_place(&mut self, now: Instant, mut next: Self) {
        self.state = next.state;
        self.opened_at = next.opened_at;
        self.liveness = next.liveness;
        self.heartbeat = next.heartbeat;
        self.login = next.login;
        self.end_read = next.end_read;
        self.reading = next.reading;
        self.next_url = next.next_url.take();
        self.diverted = next.diverted;
        self.queue_waits = QueueWait::Nothing;
        self.is_ready = false;
        self.next_failure = None;
        self.throttled += next.throttled;
        self.out.number_after(&next.out);
        if let Some(reconnect) = &mut self.reconnect
            && self.opened_at.is_some()
        {
            reconnect.opened();
        }
        if let Some(limiter) = &mut self.limiter {
            limiter.follow(now, next.limiter.map(|limiter| *limiter));
        }
        if next.is_ready {
            self.be_ready(now);
        }
    }

    /// Handles the old connection's Close.
    pub fn handle_parting_close(&mut self, now: Instant, frame: CloseFrame) {
        let Some(parting) = &mut self.parting else { return };
        let ours = std::mem::take(&mut parting.ours);
        let ended = Ended::after_handshake(Some(&ours), frame, self.options.reconnect.as_ref());
        self.part(now, ended, true);
    }

    /// The old connection ended without a Close, or broke the protocol.
    pub fn handle_parting_lost(&mut self, now: Instant, error: Option<Error>) {
        let lost = || Error::new(ErrorCode::ConnectionLost, "the old connection ended without a Close frame");
        self.part(now, Ended::lost(error.unwrap_or_else(lost)), true);
    }

    /// When the old connection's peer must have answered.
    pub(super) fn parting_deadline(&self) -> Option<Instant> {
        self.parting.as_ref().and_then(|parting| parting.deadline)
    }

    /// Handles the deadlines of the next and of the old connection.
    pub(super) fn overlap_timeout(&mut self, now: Instant) {
        if self.parting_deadline().is_some_and(|deadline| deadline <= now) {
            let limit = seconds(self.options.close_timeout);
            let words = format!("the old connection's peer sent no Close within {limit} (close_timeout)");
            self.part(now, Ended::lost(Error::new(ErrorCode::CloseTimeout, words)), true);
        }
        if self.overlap.as_ref().is_some_and(|overlap| overlap.next.next_deadline().is_some_and(|deadline| deadline <= now)) {
            self.beside(|next| next.handle_timeout(now), now);
        }
    }

    pub(super) fn overlap_deadline(&self) -> Option<Instant> {
        let next = self.overlap.as_ref().and_then(|overlap| overlap.next.next_deadline());
        earliest([self.parting_deadline(), next])
    }

    /// Reading the old connection stops or resumes: its peer gets its full time again.
    pub fn handle_parting_reading(&mut self, now: Instant, reading: bool) {
        if let Some(parting) = &mut self.parting {
            parting.deadline = now.checked_add(self.options.close_timeout).filter(|_| reading);
        }
    }

    /// The old connection has ended. Reports that, then that the next one is open, and then the events of the next one. `stays`: the new one
    /// continues.
    fn part(&mut self, now: Instant, ended: Ended, stays: bool) {
        let Some(parting) = self.parting.take() else { return };
        let mut ended = ended.followed_after(Duration::ZERO);
        self.out.push(Action::DropParting);
        let lost = self.requests.as_mut().map(|requests| requests.lose_handed_over(ended.error.as_ref())).unwrap_or_default();
        for settled in lost {
            self.settle_request(settled);
        }
        self.out.emit(Event::Close(Close { overlapped: true, ..ended.close_event(true) }));
        if let Some(open) = parting.open {
            self.out.emit(Event::Open(open));
        }
        self.tell_ready();
        self.out.push(Action::Held { deliver: true });
        if self.is_ready && stays {
            self.send_unsent(now);
        }
        if let Some(wish) = parting.again {
            self.open_beside(now, wish);
        }
    }

    /// The connection that was just reported as open has logged in before.
    fn tell_ready(&mut self) {
        if self.is_ready && self.options.ready.is_some() {
            self.out.emit(Event::Ready);
        }
    }

    /// The present connection has ended, and `close` has reported it, while the next one was being opened. The next one takes its place, in any
    /// state. False means that no next one was being opened.
    pub(super) fn promote(&mut self, now: Instant, cause: Option<Error>) -> bool {
        let Some(overlap) = self.overlap.take() else { return false };
        let Overlap { mut next, open, .. } = *overlap;
        let again = next.announced.take();
        let attempt = self.reconnect.as_mut().map_or(1, Reconnect::plan);
        let delay = match next.state {
            State::Waiting(Some(at)) => at.saturating_duration_since(now),
            _ => Duration::ZERO,
        };
        self.out.emit(Event::Reconnecting(Reconnecting { attempt, delay, capped: None, cause }));
        self.out.push(Action::Promote);
        let is_ready = next.is_ready;
        if let Some(open) = open {
            self.out.emit(Event::Open(open));
            if is_ready && self.options.ready.is_some() {
                self.out.emit(Event::Ready);
            }
        }
        self.out.push(Action::Held { deliver: true });
        self.take_place(now, next);
        if let Some(wish) = again.filter(|_| matches!(self.state, State::Open) && !self.end_read) {
            self.open_beside(now, wish);
        }
        true
    }

    /// No connection follows the present one: the next one is given up, and the old one is not drained any more. The messages of the next one stay
    /// behind the delivered ones.
    pub(super) fn end_overlap(&mut self, code: Option<CloseCode>, reason: &str) {
        self.give_up_next(code, reason);
        if self.parting.take().is_some() {
            self.out.push(Action::DropParting);
            self.out.push(Action::Held { deliver: true });
        }
    }

    /// As [`Session::part`], without waiting for the old connection any longer.
    pub(super) fn part_with(&mut self, now: Instant, error: &Error) {
        if let Some(parting) = &mut self.parting {
            // The present connection ends, too: another one follows in any case.
            parting.again = None;
            self.part(now, Ended::lost(error.clone()), false);
        }
    }

    pub(super) fn give_up_next(&mut self, code: Option<CloseCode>, reason: &str) {
        let Some(overlap) = self.overlap.take() else { return };
        match overlap.next.state {
            State::Dialling => self.out.push(Action::Beside(Box::new(Action::CancelDial))),
            State::Open | State::Closing(_) => {
                let code = code.or(Some(CloseCode::NORMAL));
                self.out.push(Action::Beside(Box::new(Action::SendClose(code, reason.to_owned()))));
                self.out.push(Action::Beside(Box::new(Action::Drop)));
            }
            _ => {}
        }
        self.out.push(Action::Held { deliver: overlap.is_ready });
    }
}
