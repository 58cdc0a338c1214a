//! Random lives of a socket: whatever the order of events, calls and timeouts, the rules hold. A model watches every action.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::json;

use super::stories::{Step, all_options, all_providers, step};
use super::{open_event, refused};
use crate::close::{CloseCode, CloseFrame};
use crate::error::{Error, ErrorCode};
use crate::event::{Close, DropReason, Event, ReadyState};
use crate::message::{Data, Message};
use crate::options::{Options, Overflow, Providers};
use crate::session::{Action, Route, Session};

/// What the world outside knows, and what it expects.
#[expect(clippy::struct_excessive_bools, reason = "a set of independent observations")]
struct Model {
    session: Session,
    options: Arc<Options>,
    now: Instant,
    dialling: bool,
    /// The open connection: since when.
    link: Option<Instant>,
    /// Whether our Close frame went out on it.
    closed_by_us: bool,
    /// Since when the connection whose end is not told yet was open.
    uptime: Option<Duration>,
    /// Whether an attempt runs whose `close` did not come yet.
    attempt: bool,
    /// The error event that must be followed by its close.
    error: Option<ErrorCode>,
    /// The close event that must be followed by `reconnecting`.
    again: Option<Close>,
    /// The next dial must not come before.
    not_before: Option<Instant>,
    retries: u32,
    finished: bool,
    left: bool,
    queued: VecDeque<Message>,
    /// Messages of the user, numbered; which must never be seen twice.
    sent: usize,
    asks: Vec<u64>,
    pings: Vec<bytes::Bytes>,
}

impl Model {
    fn new(options: Options, providers: Providers, seed: u64) -> Self {
        let options = Arc::new(options);
        Self {
            session: Session::new(Arc::clone(&options), providers, seed),
            options,
            now: Instant::now(),
            dialling: false,
            link: None,
            closed_by_us: false,
            uptime: None,
            attempt: true,
            error: None,
            again: None,
            not_before: None,
            retries: 0,
            finished: false,
            left: false,
            queued: VecDeque::new(),
            sent: 0,
            asks: Vec::new(),
            pings: Vec::new(),
        }
    }

    fn take(&mut self, step: &Step) {
        let now = self.now;
        match step.clone() {
            Step::Opened => {
                // A driver reports a dial once, if it was not cancelled.
                if std::mem::take(&mut self.dialling) {
                    self.link = Some(now);
                    self.closed_by_us = false;
                    self.session.handle_opened(now, open_event());
                }
            }
            Step::DialFailed(status) => {
                if std::mem::take(&mut self.dialling) {
                    self.session.handle_dial_failed(now, refused(status));
                }
            }
            Step::Received(messages) => self.session.handle_received(now, messages),
            Step::Text(text) => self.session.handle_message(now, Data::Text(text)),
            Step::PongOfLast => {
                if let Some(payload) = self.pings.last() {
                    self.session.handle_pong(now, payload);
                }
            }
            Step::PeerClose(code) => self.session.handle_peer_close(now, CloseFrame { code: code.map(CloseCode), reason: "why".into() }),
            Step::Failure => self.session.handle_failure(now, Error::new(ErrorCode::ProtocolError, "bad"), CloseCode::PROTOCOL_ERROR),
            Step::Lost => self.session.handle_lost(now, None),
            Step::EndRead => {
                if self.link.is_some() {
                    self.session.handle_end_read();
                }
            }
            Step::Reading(reading) => self.session.handle_reading(now, reading),
            Step::Pass(millis) => {
                let end = now + Duration::from_millis(millis.into());
                while let Some(deadline) = self.session.next_deadline().filter(|deadline| *deadline <= end) {
                    self.now = deadline.max(self.now);
                    self.timeout();
                }
                self.now = end;
            }
            Step::UntilDeadline => {
                if let Some(deadline) = self.session.next_deadline() {
                    self.now = deadline.max(now);
                    self.timeout();
                }
            }
            Step::LateBy(millis) => {
                if let Some(deadline) = self.session.next_deadline() {
                    self.now = deadline.max(now) + Duration::from_millis(millis.into());
                    self.timeout();
                }
            }
            Step::ClockJump => self.session.handle_clock_jump(now),
            Step::Send(length) => self.send(length),
            Step::UserPing => self.session.handle_user_ping(now, b"user"),
            Step::Close(code) => {
                self.left = true;
                self.session.close(now, code.map(CloseCode), "").unwrap();
            }
            Step::Terminate => {
                self.left = true;
                self.session.terminate(now);
            }
            Step::Goodbye => {
                self.left = true;
                self.session.goodbye(now);
            }
            Step::Answer(which, good) => {
                if let Some(id) = self.asks.iter().rev().nth(which).copied() {
                    let answer = if good { Ok(json!(["ws://im.example/"][0])) } else { Err("raised".to_owned()) };
                    self.session.handle_answer(now, id, answer);
                }
            }
        }
        self.watch();
    }

    fn timeout(&mut self) {
        self.session.handle_timeout(self.now);
        let next = self.session.next_deadline();
        assert!(next.is_none_or(|next| next > self.now), "handle_timeout makes no progress");
        self.watch();
    }

    fn send(&mut self, length: usize) {
        self.sent += 1;
        let text = format!("{}:{}", self.sent, "x".repeat(length));
        let route = self.session.send(self.now, Data::Text(&text), None);
        match route {
            // The client hands it to the protocol after what poll gave: nothing may wait in front of it.
            Ok(Route::Transmit) => {
                assert!(self.link.is_some() && self.queued.is_empty(), "transmitted past the queue, or without a connection");
            }
            Ok(Route::Queued) => {
                self.queued.push_back(Message::Text(text));
                assert!(self.options.reconnect.is_some() && !self.left);
            }
            Ok(Route::Dropped) => self.queued.push_back(Message::Text(text)),
            Ok(Route::Discarded) => assert!(self.session.ready_state() != ReadyState::Open),
            Err(error) if error.code() == ErrorCode::QueueFull => {
                assert_eq!(self.options.send_queue.as_ref().unwrap().overflow, Overflow::Error);
            }
            Err(error) => {
                assert_eq!(error.code(), ErrorCode::InvalidState);
                assert_eq!(self.session.ready_state(), ReadyState::Connecting);
            }
        }
    }

    fn watch(&mut self) {
        while let Some(action) = self.session.poll() {
            assert!(!self.finished, "{action:?} after the last close");
            if self.error.is_some() {
                assert!(matches!(action, Action::Emit(Event::Close(_))), "{action:?} between error and close");
            }
            if self.again.is_some() {
                assert!(matches!(action, Action::Emit(Event::Reconnecting(_))), "{action:?} between close and reconnecting");
            }
            self.act(action);
        }
        assert!(self.error.is_none() && self.again.is_none());
        let waiting: usize = self.queued.iter().map(Message::len).sum();
        assert_eq!(self.session.queued_bytes(), waiting, "queued_bytes lies");
        let state = match (self.finished, &self.link) {
            (true, _) => ReadyState::Closed,
            (false, Some(_)) if !self.closed_by_us => ReadyState::Open,
            _ => return,
        };
        assert_eq!(self.session.ready_state(), state);
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Dial(_) => {
                assert!(!self.dialling && self.link.is_none() && self.attempt && !self.left, "a dial out of turn");
                assert!(self.not_before.is_none_or(|earliest| self.now >= earliest), "a dial before its time");
                self.dialling = true;
            }
            Action::CancelDial => assert!(std::mem::take(&mut self.dialling)),
            Action::Transmit(message, _) => {
                assert!(self.link.is_some() && !self.closed_by_us, "a message where none can leave");
                if matches!(&message, Message::Text(text) if text.contains(':') && !text.starts_with("ws:")) {
                    assert_eq!(Some(message), self.queued.pop_front(), "queued messages leave in order, once");
                }
            }
            Action::Ping(payload) => {
                assert!(self.link.is_some() && !self.closed_by_us);
                self.pings.push(payload);
            }
            Action::SendClose(..) => {
                assert!(self.link.is_some() && !std::mem::replace(&mut self.closed_by_us, true), "one Close frame on an open connection");
            }
            Action::Drop => {
                let since = self.link.take().expect("drop of a connection that is there");
                self.uptime = Some(self.now - since);
            }
            Action::Emit(event) => self.event(event),
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Open(_) => assert!(self.link.is_some() && self.attempt),
            Event::Error(error) => self.error = Some(error.code()),
            Event::Close(close) => self.closed(close),
            Event::Reconnecting(reconnecting) => {
                let close = self.again.take().expect("reconnecting follows a close that announces it");
                assert_eq!(Some(reconnecting.delay), close.retry_in);
                self.retries += 1;
                assert_eq!(reconnecting.attempt, self.retries);
                self.not_before = self.now.checked_add(reconnecting.delay);
                self.attempt = true;
            }
            Event::Heartbeat(_) => assert!(self.link.is_some()),
            Event::Dropped(dropped) => {
                for message in dropped.messages {
                    if dropped.reason == DropReason::Overflow && self.queued.front() != Some(&message) {
                        // The newest: the call that brought it notes it a moment later, or has noted it.
                        assert_eq!(self.queued.pop_back(), Some(message));
                    } else {
                        assert_eq!(self.queued.pop_front(), Some(message), "dropped what was not there");
                    }
                }
            }
            Event::Ask(ask) => self.asks.push(ask.id),
            other => panic!("not an event of the session: {other:?}"),
        }
    }

    fn closed(&mut self, close: Close) {
        assert!(std::mem::take(&mut self.attempt), "close twice for one attempt");
        assert!(self.link.is_none() && !self.dialling, "close while something is there");
        let error = self.error.take();
        if let Some(code) = error {
            assert_eq!((close.code, close.error.as_ref().map(Error::code)), (CloseCode::ABNORMAL, Some(code)));
        }
        assert_eq!(close.code == CloseCode::ABNORMAL, !close.was_clean);
        assert!(close.was_clean || close.error.is_some(), "an abnormal end without a cause");
        assert_eq!(close.will_reconnect, close.retry_in.is_some());
        let uptime = self.uptime.take();
        if !close.will_reconnect {
            self.finished = true;
            assert!(self.queued.is_empty(), "messages lost in silence");
            return;
        }
        assert!(!self.left, "our own close is final");
        let options = self.options.reconnect.as_ref().expect("only with reconnect");
        if uptime.is_some_and(|uptime| uptime >= options.min_uptime) {
            self.retries = 0;
        }
        assert!(options.max_retries.is_none_or(|most| self.retries < most), "more attempts than allowed");
        let bound = (options.min_delay.as_secs_f64() * options.factor.powf(self.retries.into())).min(options.max_delay.as_secs_f64());
        let delay = close.retry_in.unwrap();
        assert!(!delay.is_zero() && delay.as_secs_f64() <= bound + 1e-6, "{delay:?} of {bound} s");
        self.again = Some(close);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_rules_hold(options in all_options(), providers in all_providers(), seed: u64, start_late in 0..4_usize, steps in prop::collection::vec(step(), 1..150)) {
        let mut model = Model::new(options, providers, seed);
        for (n, step) in steps.iter().enumerate() {
            if n == start_late {
                model.session.start(model.now);
                model.watch();
            }
            model.take(step);
        }
        // However it stands, terminate ends it, with every message accounted for.
        model.take(&Step::Terminate);
        prop_assert!(model.finished && model.queued.is_empty());
        prop_assert_eq!((model.session.next_deadline(), model.session.ready_state()), (None, ReadyState::Closed));
    }

    #[test]
    fn the_same_seed_and_story_give_the_same_actions(options in all_options(), providers in all_providers(), seed: u64, steps in prop::collection::vec(step(), 1..60)) {
        let play = || {
            let mut model = Model::new(options.clone(), providers, seed);
            let start = model.now;
            model.session.start(start);
            model.watch();
            steps.iter().map(|step| {
                model.take(step);
                (model.session.next_deadline().map(|deadline| deadline - start), model.retries, model.pings.clone())
            }).collect::<Vec<_>>()
        };
        prop_assert_eq!(play(), play());
    }
}
