//! The end of a connection: the closing handshake, failures, losses, and the next attempt, if one follows. Each attempt and each connection passes
//! [`Session::end`] once, which makes its one `close` event.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::action::Action;
use super::end::{Closing, Ended};
use super::reconnect::Reconnect;
use super::timing::{earliest, seconds};
use super::{Intent, QueueWait, Session, State};
use crate::close::{self, CloseCode, CloseFrame};
use crate::error::{Error, ErrorCode, Result};
use crate::event::{Event, Question, Reconnecting};
use crate::message::Answer;

/// How long the peer gets to end the TCP connection once both Close frames passed (RFC 6455 section 7.1.1: the server ends it first).
const LINGER: Duration = Duration::from_secs(2);

impl Session {
    /// The user's `close()`: the closing handshake; while connecting, the end at once. Final.
    ///
    /// # Errors
    /// `invalid_close`, as [`close::check`] has it, in every state.
    pub fn close(&mut self, now: Instant, code: Option<CloseCode>, reason: &str) -> Result<()> {
        close::check(code, reason)?;
        if self.intent == Intent::Stay {
            self.intent = Intent::Leave;
        }
        self.leave(now, code, reason, "close() was called before the connection was open");
        Ok(())
    }

    /// The user ends a connection whose `open` event the user has not seen yet: it ends as an attempt does. Final.
    pub fn abandon(&mut self, now: Instant) {
        if !matches!(self.state, State::Open) {
            return self.terminate(now);
        }
        self.intent = Intent::Leave;
        self.end_overlap(Some(CloseCode::GOING_AWAY), "");
        self.out.push(Action::SendClose(Some(CloseCode::GOING_AWAY), String::new()));
        let error = Error::new(ErrorCode::Cancelled, "the socket was closed before the connection was open");
        self.drop_link(now, Ended::failed(error));
    }

    /// The process ends, or the part of the program that the socket belongs to: as `close()` with `code` (1001, or 1011 after an exception), but
    /// the peer's answer is awaited no longer than `close_on_exit` says, and the end of TCP behind both Close frames not at all. Final.
    pub fn goodbye(&mut self, now: Instant, code: CloseCode) {
        self.intent = Intent::LeaveInHaste;
        self.leave(now, Some(code), "", "the program left before the connection was open");
        if let (State::Closing(closing), Some(bound)) = (&mut self.state, self.options.close_on_exit) {
            closing.deadline = earliest([closing.deadline, now.checked_add(bound)]);
        }
        self.finish_in_haste(now);
    }

    /// The time for the closing handshake is over: the socket ends now, with or without the peer's answer. Final.
    pub fn end_goodbye(&mut self, now: Instant) {
        if matches!(self.state, State::Closing(Closing { theirs: None, .. })) {
            let error = Error::new(ErrorCode::Exiting, "the process ended before the peer had answered the goodbye");
            self.drop_link(now, Ended::lost(error));
        }
    }

    fn leave(&mut self, now: Instant, code: Option<CloseCode>, reason: &str, while_connecting: &str) {
        self.end_overlap(code, reason);
        match self.state {
            State::Open => {
                self.out.push(Action::SendClose(code, reason.to_owned()));
                let ours = CloseFrame { code, reason: reason.to_owned() };
                self.state =
                    State::Closing(Closing { ours: Some(ours), theirs: None, deadline: now.checked_add(self.options.close_timeout) });
            }
            State::Closing(_) | State::Closed => {}
            _ => self.cancel(now, while_connecting),
        }
    }

    /// Drops the connection at once. Final.
    pub fn terminate(&mut self, now: Instant) {
        self.intent = Intent::Leave;
        self.end_overlap(Some(CloseCode::GOING_AWAY), "");
        match self.state {
            State::Open | State::Closing(Closing { theirs: None, .. }) => {
                let error = Error::new(ErrorCode::Terminated, "terminate() dropped the connection");
                self.drop_link(now, Ended::lost(error));
            }
            State::Closing(_) => self.finish_handshake(now),
            State::Closed => {}
            _ => self.cancel(now, "terminate() was called before the connection was open"),
        }
    }

    /// Handles the user's close while no connection is open.
    fn cancel(&mut self, now: Instant, why: &str) {
        match std::mem::replace(&mut self.state, State::Closed) {
            // That attempt has ended already. Only its end was not reported yet.
            State::Deciding(.., ended) => return self.conclude(now, *ended, false),
            State::Dialling => self.out.push(Action::CancelDial),
            _ => {}
        }
        self.end(now, Ended::failed(Error::new(ErrorCode::Cancelled, why)));
    }

    /// The peer's Close frame, settled: it is echoed, and the peer ends the TCP connection.
    pub fn handle_peer_close(&mut self, now: Instant, frame: CloseFrame) {
        self.end_read = false;
        let linger = now.checked_add(LINGER.min(self.options.close_timeout));
        match &mut self.state {
            State::Open => {
                self.out.push(Action::SendClose(frame.code, String::new()));
                self.state = State::Closing(Closing { ours: None, theirs: Some(frame), deadline: linger });
            }
            State::Closing(closing) if closing.theirs.is_none() => {
                closing.theirs = Some(frame);
                closing.deadline = earliest([closing.deadline, linger]);
            }
            _ => {}
        }
        self.finish_in_haste(now);
    }

    /// The peer broke the protocol, settled: `code` goes to the peer, if no Close frame went before.
    pub fn handle_failure(&mut self, now: Instant, error: Error, code: CloseCode) {
        match self.state {
            State::Open => self.fail(now, error, code),
            State::Closing(Closing { theirs: None, .. }) => self.drop_link(now, Ended::failed(error)),
            State::Closing(_) => self.finish_handshake(now),
            _ => {}
        }
    }

    /// The stream ended (`None`) or broke, settled.
    pub fn handle_lost(&mut self, now: Instant, error: Option<Error>) {
        match self.state {
            State::Open | State::Closing(Closing { theirs: None, .. }) => {
                let error = error.unwrap_or_else(|| Error::new(ErrorCode::ConnectionLost, "the connection ended without a Close frame"));
                self.drop_link(now, Ended::lost(error));
            }
            State::Closing(_) => self.finish_handshake(now),
            _ => {}
        }
    }

    /// A deadline passed in silence. We still send a Close, in case the peer can hear us.
    pub(super) fn peer_is_dead(&mut self, now: Instant, error: Error, code: CloseCode) {
        self.fail(now, error, code);
    }

    /// Data before our Close still leaves, so the peer cannot have answered it.
    pub(super) fn closing_progresses(&mut self, now: Instant) {
        if let State::Closing(Closing { theirs: None, deadline, .. }) = &mut self.state
            && self.intent != Intent::LeaveInHaste
        {
            *deadline = now.checked_add(self.options.close_timeout);
        }
    }

    /// The closing handshake took too long.
    pub(super) fn closing_timed_out(&mut self, now: Instant) {
        if matches!(self.state, State::Closing(Closing { theirs: Some(_), .. })) {
            return self.finish_handshake(now);
        }
        let (limit, option) = match self.options.close_on_exit {
            Some(bound) if self.intent == Intent::LeaveInHaste => (bound.min(self.options.close_timeout), "close_on_exit"),
            _ => (self.options.close_timeout, "close_timeout"),
        };
        let error = Error::new(ErrorCode::CloseTimeout, format!("the peer sent no Close within {} ({option})", seconds(limit)));
        self.drop_link(now, Ended::lost(error));
    }

    /// Fails the connection (RFC 6455 section 7.1.7). The error's name is the reason on the wire; the program sees 1006.
    pub(super) fn fail(&mut self, now: Instant, error: Error, code: CloseCode) {
        self.out.push(Action::SendClose(Some(code), error.code().as_str().to_owned()));
        self.drop_link(now, Ended::failed(error));
    }

    /// Both Close frames passed and TCP is at its end, or waited for long enough.
    fn finish_handshake(&mut self, now: Instant) {
        let State::Closing(Closing { ours, theirs: Some(frame), .. }) = &mut self.state else { return };
        let (ours, frame) = (ours.take(), std::mem::take(frame));
        let ended = Ended::after_handshake(ours.as_ref(), frame, self.options.reconnect.as_ref());
        self.drop_link(now, ended);
    }

    fn finish_in_haste(&mut self, now: Instant) {
        if self.intent == Intent::LeaveInHaste {
            self.finish_handshake(now);
        }
    }

    fn drop_link(&mut self, now: Instant, ended: Ended) {
        self.out.push(Action::Drop);
        self.end(now, ended);
    }

    /// Ends an attempt or a connection: decides what follows, or asks the user's function.
    pub(super) fn end(&mut self, now: Instant, mut ended: Ended) {
        if let Some(error) = self.next_failure.take() {
            ended.error.get_or_insert(error);
        }
        if self.parting.is_some() {
            let error = Error::new(ErrorCode::Replaced, "the connection that replaced this one has ended before it was drained");
            self.part_with(now, &error);
        }
        let uptime = self.leave_connection(now, ended.error.as_ref());
        let (true, Some(reconnect), Some(options)) = (self.may_return(), &mut self.reconnect, &self.options.reconnect) else {
            return self.conclude(now, ended, false);
        };
        if self.overlap.is_some() {
            // Another connection is being opened already.
            reconnect.rest(uptime, options);
            return self.conclude(now, ended.followed_after(Duration::ZERO), true);
        }
        let again = reconnect.judge(ended.class, uptime, options, self.providers);
        let retry_after = ended.error.as_ref().and_then(|error| error.retry_after);
        ended.delay = Some(reconnect.delay(retry_after, options, &mut self.rng));
        if !self.providers.should_reconnect {
            return self.conclude(now, ended, again);
        }
        let id = self.out.ask(Question::ShouldReconnect(ended.close_event(again)));
        self.state = State::Deciding(id, again, Box::new(ended));
    }

    /// Ends the state of this connection, or of this attempt. Returns how long the connection was open.
    pub(super) fn leave_connection(&mut self, now: Instant, cause: Option<&Error>) -> Option<Duration> {
        self.lose_connection(cause);
        self.liveness.stop();
        self.heartbeat = None;
        self.end_read = false;
        self.queue_waits = QueueWait::Nothing;
        self.opened_at.take().map(|since| now.saturating_duration_since(since))
    }

    /// `should_reconnect` has answered. If it failed, the rules alone decide, and the error reports the failure.
    pub(super) fn decided(&mut self, now: Instant, answer: Answer) {
        let State::Deciding(_, default, mut ended) = std::mem::replace(&mut self.state, State::Closed) else { return };
        let failure = match answer {
            Ok(Value::Bool(again)) => return self.conclude(now, *ended, again),
            Ok(Value::Null) => return self.conclude(now, *ended, default),
            Ok(_) => "should_reconnect must give true, false or nothing".to_owned(),
            Err(words) => format!("should_reconnect failed: {words}"),
        };
        ended.error = Some(match ended.error.take() {
            Some(error) => error.with(|detail| detail.causes.push(failure)),
            None => Error::new(ErrorCode::ProviderFailed, failure),
        });
        self.conclude(now, *ended, default);
    }

    /// Reports the end, and begins what follows.
    pub(super) fn conclude(&mut self, now: Instant, mut ended: Ended, again: bool) {
        let close = ended.close_event(again);
        if !again && let Some(outbox) = &mut self.outbox {
            outbox.drop_all(&mut self.out);
        }
        self.settle_overdue(now, again, ended.error.as_ref());
        if ended.failed
            && let Some(error) = &ended.error
        {
            self.out.emit(Event::Error(error.clone()));
        }
        self.out.emit(Event::Close(close));
        self.state = State::Closed;
        if again && self.promote(now, ended.error.clone()) {
            return;
        }
        if let (true, Some(delay)) = (again, ended.delay) {
            let attempt = self.reconnect.as_mut().map_or(1, Reconnect::plan);
            let most = self.options.reconnect.as_ref().and_then(|options| options.max_retry_after);
            let asked = ended.error.as_ref().and_then(|error| error.retry_after);
            let capped = asked.filter(|asked| most.is_some_and(|most| *asked > most));
            self.out.emit(Event::Reconnecting(Reconnecting { attempt, delay, capped, cause: ended.error }));
            self.state = State::Waiting(now.checked_add(delay));
        }
    }
}
