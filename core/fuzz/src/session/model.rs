//! The world outside a session, as a model: it takes steps, watches every action, and panics if a rule is broken.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heartwire::{
    Ask, Close, CloseCode, Data, DropReason, Error, ErrorCode, Event, Heartbeat, Message, Open, Options, Overflow, Providers, Question,
    ReadyState,
};
use heartwire_proto::close::CloseFrame;
use heartwire_proto::session::{Action, Route, Session, Target};

use serde_json::json;

use super::story::Step;

#[expect(clippy::struct_excessive_bools, reason = "a set of independent observations")]
pub struct Model {
    session: Session,
    options: Arc<Options>,
    providers: Providers,
    start: Instant,
    now: Instant,
    started: bool,
    dialling: bool,
    /// The open connection: since when.
    link: Option<Instant>,
    was_open: bool,
    /// Whether our Close frame went out on it.
    closed_by_us: bool,
    /// How long the connection was open whose end is not reported yet.
    uptime: Option<Duration>,
    /// Whether an attempt runs whose `close` has not come yet.
    attempt: bool,
    /// The error event that must be followed by its close.
    error: Option<ErrorCode>,
    /// The close event that must be followed by `reconnecting`.
    again: Option<Close>,
    /// The next dial must not come before.
    not_before: Option<Instant>,
    /// The counts of the rules: attempts, and refusals for good.
    retries: u32,
    unwelcome: u32,
    finished: bool,
    left: bool,
    queued: VecDeque<(Message, Option<bool>)>,
    /// How far the host is with the `open` event, if a queue waits for that.
    opening: Opening,
    /// `should_reconnect` was asked, with the verdict of the rules about the next end.
    judged: bool,
    /// Messages of the user, numbered; each may be seen only once.
    sent: usize,
    /// Heartbeats that were given to the protocol and not reported yet.
    beats: usize,
    asks: Vec<Ask>,
    pings: Vec<bytes::Bytes>,
}

/// See `Model::opening`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Opening {
    Unseen,
    Seen,
    Done,
}

impl Model {
    pub fn new(options: Options, providers: Providers, seed: u64) -> Self {
        let options = Arc::new(options);
        let start = Instant::now();
        Self {
            session: Session::new(Arc::clone(&options), providers, seed),
            options,
            providers,
            start,
            now: start,
            started: false,
            dialling: false,
            link: None,
            was_open: false,
            closed_by_us: false,
            uptime: None,
            attempt: true,
            error: None,
            again: None,
            not_before: None,
            retries: 0,
            unwelcome: 0,
            finished: false,
            left: false,
            queued: VecDeque::new(),
            opening: Opening::Done,
            judged: false,
            sent: 0,
            beats: 0,
            asks: Vec::new(),
            pings: Vec::new(),
        }
    }

    pub fn start(&mut self) {
        self.started = true;
        self.session.start(self.now);
        self.watch();
    }

    /// In any state `terminate` ends it, with every message accounted for.
    pub fn finish(&mut self) {
        self.take(Step::Terminate);
        assert!(self.finished && self.queued.is_empty());
        assert_eq!((self.session.next_deadline(), self.session.ready_state()), (None, ReadyState::Closed));
    }

    pub fn take(&mut self, step: Step) {
        self.come_to_open(matches!(step, Step::Pass(_)), matches!(step, Step::Received(_)));
        let now = self.now;
        match step {
            Step::Opened => {
                // A driver reports a dial once, if it was not cancelled.
                if std::mem::take(&mut self.dialling) {
                    self.link = Some(now);
                    (self.was_open, self.closed_by_us) = (true, false);
                    let (url, protocol) = ("ws://im.example/".to_owned(), String::new());
                    self.session.handle_opened(now, Open { url, extensions: protocol.clone(), protocol, headers: Vec::new() });
                }
            }
            Step::DialFailed(status, retry_after) => self.dial_failed(ErrorCode::HttpRefused, Some(status), retry_after),
            Step::DialHopeless => self.dial_failed(ErrorCode::TlsCertificate, None, None),
            Step::Received(messages) => self.session.handle_received(now, messages),
            Step::Text(text) => {
                self.session.handle_message(now, Data::Text(text));
            }
            Step::PongOfLast => {
                if let Some(payload) = self.pings.last() {
                    self.session.handle_pong(now, payload);
                }
            }
            Step::PeerClose(code) => self.session.handle_peer_close(now, CloseFrame { code: code.map(CloseCode), reason: "why".into() }),
            Step::Failure => self.session.handle_failure(now, Error::new(ErrorCode::ProtocolError, "bad"), CloseCode::PROTOCOL_ERROR),
            Step::Lost => self.session.handle_lost(now, None),
            Step::EndRead if self.link.is_some() => self.session.handle_end_read(None),
            Step::EndRead => {}
            Step::Reading(reading) => self.session.handle_reading(now, reading),
            Step::Pass(millis) => {
                let end = now + Duration::from_millis(millis.into());
                while let Some(deadline) = self.session.next_deadline().filter(|deadline| *deadline <= end) {
                    self.timeout(deadline);
                }
                self.now = end;
            }
            Step::UntilDeadline => {
                if let Some(deadline) = self.session.next_deadline() {
                    self.timeout(deadline);
                }
            }
            Step::LateBy(millis) => {
                if let Some(deadline) = self.session.next_deadline() {
                    self.timeout(deadline.max(now) + Duration::from_millis(millis.into()));
                }
            }
            Step::ClockJump => self.session.handle_clock_jump(now),
            Step::Send(length, compress) => self.send(length, compress),
            Step::SentFragment => self.session.handle_sent(now),
            Step::UserPing => self.session.handle_user_ping(now, b"user"),
            Step::Close(code) => {
                self.left = true;
                self.session.close(now, code.map(CloseCode), "").expect("an allowed code");
            }
            Step::Abandon => {
                self.left = true;
                self.session.abandon(now);
            }
            Step::Terminate => {
                self.left = true;
                self.session.terminate(now);
            }
            Step::Goodbye => {
                self.left = true;
                self.session.goodbye(now, CloseCode::GOING_AWAY);
            }
            Step::Answer(which, answer) => {
                // The latest is the most likely one to be open still.
                if let Some(ask) = self.asks.iter().rev().nth(which) {
                    let fitting = match ask.question {
                        Question::Url => json!("ws://im.example/"),
                        Question::Headers => json!({"x-number": "1"}),
                        Question::Protocols => json!(["v1"]),
                        Question::HeartbeatMessage { .. } => json!("beat"),
                        Question::Ready => json!(null),
                        Question::ShouldReconnect(_) => json!(true),
                    };
                    self.session.handle_answer(now, ask.id, answer.unwrap_or(Ok(fitting)));
                }
            }
        }
        self.watch();
    }

    /// The host gets its `open` event: with its handlers, or the event alone, whose handlers then run.
    fn come_to_open(&mut self, whole: bool, alone: bool) {
        if self.opening == Opening::Unseen && (whole || alone) {
            self.session.handle_open_seen();
            self.opening = Opening::Seen;
        }
        if self.opening == Opening::Seen && whole {
            self.session.handle_open_delivered(self.now);
            self.opening = Opening::Done;
            self.watch();
        }
    }

    fn dial_failed(&mut self, code: ErrorCode, status: Option<u16>, retry_after: Option<Duration>) {
        if std::mem::take(&mut self.dialling) {
            let error = Error::new(code, "as the story wants it").with(|detail| {
                detail.status = status;
                detail.retry_after = retry_after;
            });
            self.session.handle_dial_failed(self.now, error);
        }
    }

    fn timeout(&mut self, at: Instant) {
        self.now = at.max(self.now);
        self.session.handle_timeout(self.now);
        let next = self.session.next_deadline();
        assert!(next.is_none_or(|next| next > self.now), "handle_timeout makes no progress");
        self.watch();
    }

    fn send(&mut self, length: usize, compress: Option<bool>) {
        self.sent += 1;
        let text = format!("#{} {}", self.sent, "x".repeat(length));
        let route = self.session.send(self.now, Data::Text(&text), compress);
        match route {
            // The client hands it to the protocol after the actions of poll: no message may wait in front of it.
            Ok(Route::Transmit) => {
                assert!(self.link.is_some() && !self.closed_by_us, "transmitted without a connection");
                assert!(self.opening != Opening::Unseen, "transmitted before the open event");
                assert!(self.queued.is_empty() || self.opening == Opening::Seen, "transmitted past the queue");
            }
            Ok(Route::Queued) => {
                self.queued.push_back((Message::Text(text), compress));
                assert!(self.options.send_queue.is_some() && !self.left);
            }
            Ok(Route::Dropped) => self.queued.push_back((Message::Text(text), compress)),
            Ok(Route::Discarded) => assert!(matches!(self.session.ready_state(), ReadyState::Closing | ReadyState::Closed)),
            Err(error) if error.code() == ErrorCode::QueueFull => {
                assert_eq!(self.options.send_queue.as_ref().map(|queue| queue.overflow), Some(Overflow::Error));
            }
            Err(error) => {
                assert_eq!(error.code(), ErrorCode::InvalidState);
                assert_eq!(self.session.ready_state(), ReadyState::Connecting);
            }
        }
    }

    /// Carries out the session's actions, and checks its properties.
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
        assert_eq!(self.beats, 0, "a heartbeat that nobody is told of");
        let waiting: usize = self.queued.iter().map(|(message, _)| message.len()).sum();
        assert_eq!(self.session.queued_bytes(), waiting, "queued_bytes lies");
        if let Some(queue) = &self.options.send_queue {
            assert!(waiting <= queue.max_bytes && self.queued.len() <= queue.max_messages, "the queue has no bounds");
        }
        let state = match (self.finished, &self.link) {
            (true, _) => ReadyState::Closed,
            (false, Some(_)) if !self.closed_by_us => ReadyState::Open,
            (false, None) if self.dialling || self.not_before.is_some() => ReadyState::Connecting,
            _ => return,
        };
        assert_eq!(self.session.ready_state(), state);
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Dial(target) => {
                assert!(!self.dialling && self.link.is_none() && self.attempt && !self.left && self.started, "a dial out of turn");
                assert!(self.not_before.take().is_none_or(|earliest| self.now >= earliest), "a dial before its time");
                self.check_target(&target);
                self.dialling = true;
            }
            Action::CancelDial => assert!(std::mem::take(&mut self.dialling)),
            Action::Barrier => {
                assert!(self.link.is_some() && self.options.send_queue.is_some(), "a barrier without a queue");
                self.opening = Opening::Unseen;
            }
            Action::Transmit(message, compress) => {
                assert!(self.link.is_some() && !self.closed_by_us, "a message where none can leave");
                if matches!(&message, Message::Text(text) if text.starts_with('#')) {
                    assert_eq!(
                        Some((message, compress)),
                        self.queued.pop_front(),
                        "queued messages leave in order, once, as they were given"
                    );
                } else {
                    assert!(self.options.heartbeat.is_some());
                    self.beats += 1;
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
                self.opening = Opening::Done;
                let since = self.link.take().expect("drop of a connection that is there");
                self.uptime = Some(self.now - since);
            }
            Action::Emit(event) => self.event(event),
            other => panic!("{other:?} without an overlap"),
        }
    }

    /// The values of functions are used, and nothing else.
    fn check_target(&self, target: &Target) {
        let Providers { url, headers, protocols, .. } = self.providers;
        let given = (target.url.is_some(), target.headers.is_some(), target.protocols.is_some());
        assert_eq!(given, (url, headers, protocols), "{target:?}");
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
            Event::Heartbeat(Heartbeat::Sent) => {
                self.beats = self.beats.checked_sub(1).expect("told of a heartbeat that was not sent");
            }
            Event::Heartbeat(Heartbeat::Missed { count }) => {
                let most = self.options.heartbeat.as_ref().map_or(0, |heartbeat| heartbeat.max_missed);
                assert!(self.link.is_some() && (1..=most).contains(&count));
            }
            Event::Heartbeat(Heartbeat::Answered { .. }) => assert!(self.link.is_some()),
            Event::Dropped(dropped) => {
                for message in dropped.messages {
                    self.dropped(&message, dropped.reason);
                }
            }
            Event::Ask(ask) => {
                let (error, now) = (&self.error, self.link.is_some());
                let fits = match ask.question {
                    Question::Url => self.providers.url && !now,
                    Question::Headers => self.providers.headers && !now,
                    Question::Protocols => self.providers.protocols && !now,
                    Question::HeartbeatMessage { .. } | Question::Ready => now,
                    Question::ShouldReconnect(_) => self.providers.should_reconnect && !now && !self.left,
                };
                assert!(fits && error.is_none() && self.asks.iter().all(|other| other.id != ask.id), "{ask:?}");
                // The dial needs only the values of the functions: the wait is over.
                if matches!(ask.question, Question::Url | Question::Headers | Question::Protocols) {
                    assert!(self.not_before.take().is_none_or(|earliest| self.now >= earliest), "asked before its time");
                }
                if let Question::ShouldReconnect(close) = &ask.question {
                    self.judge(close);
                    self.judged = true;
                }
                self.asks.push(ask);
            }
            other => panic!("not an event of the session: {other:?}"),
        }
    }

    fn dropped(&mut self, message: &Message, reason: DropReason) {
        let is = |entry: Option<&(Message, Option<bool>)>| entry.is_some_and(|(queued, _)| queued == message);
        if is(self.queued.front()) {
            self.queued.pop_front();
        } else {
            // The newest: the call that brought it has noted it.
            assert!(
                reason == DropReason::Overflow && is(self.queued.back()),
                "{message:?} is dropped ({reason:?}) out of its order, or was not there"
            );
            self.queued.pop_back();
        }
    }

    fn closed(&mut self, close: Close) {
        assert!(std::mem::take(&mut self.attempt), "close twice for one attempt");
        assert!(self.link.is_none() && !self.dialling, "close while something is there");
        self.not_before = None;
        if let Some(code) = self.error.take() {
            assert_eq!((close.code, close.error.as_ref().map(Error::code)), (CloseCode::ABNORMAL, Some(code)));
        }
        assert_eq!(close.code == CloseCode::ABNORMAL, !close.was_clean);
        assert!(close.was_clean || close.error.is_some(), "an abnormal end without a cause");
        assert_eq!(close.will_reconnect, close.retry_in.is_some());
        if !std::mem::take(&mut self.judged) && !self.left {
            self.judge(&close);
        }
        if !close.will_reconnect {
            self.finished = true;
            assert!(self.queued.is_empty(), "messages lost in silence");
            return;
        }
        assert!(!self.left, "our own close is final");
        let options = self.options.reconnect.as_ref().expect("only with reconnect");
        let bound = (options.min_delay.as_secs_f64() * options.factor.powf(self.retries.into())).min(options.max_delay.as_secs_f64());
        let retry_after = close.error.as_ref().and_then(|error| error.retry_after).unwrap_or_default();
        let delay = close.retry_in.and_then(|delay| delay.checked_sub(retry_after)).expect("not before the server wants it");
        assert!((!delay.is_zero() || bound == 0.0) && delay.as_secs_f64() <= bound + 1e-6, "{delay:?} of {bound} s");
        self.again = Some(close);
    }

    /// Stores the verdict of the rules about an end, before `should_reconnect` overrules it.
    fn judge(&mut self, close: &Close) {
        let uptime = self.uptime.take();
        let Some(options) = &self.options.reconnect else { return };
        if uptime.is_some_and(|uptime| uptime >= options.min_uptime) {
            (self.retries, self.unwelcome) = (0, 0);
        }
        let status = close.error.as_ref().and_then(|error| error.status);
        let code = close.error.as_ref().map(Error::code);
        let is_fatal = |code| options.fatal_close_codes.contains(&code) && !options.retry_close_codes.contains(&code);
        let is_unwelcome = matches!(status, Some(401 | 403)) || (close.was_clean && is_fatal(close.code.0));
        self.unwelcome += u32::from(is_unwelcome);
        if !close.will_reconnect {
            return;
        }
        let asks = self.providers.url || self.providers.headers || self.providers.protocols;
        let budget = options.max_auth_failures.unwrap_or(if asks { 2 } else { 1 });
        assert!(!is_unwelcome || self.unwelcome < budget, "back where nobody wants us");
        assert!(options.max_retries.is_none_or(|most| self.retries < most), "more attempts than allowed");
        assert!(self.was_open || options.retry_on_first_connect, "back to what never opened");
        assert!(code != Some(ErrorCode::TlsCertificate), "back where there is no hope");
        assert!(status != Some(404), "back to what is not there");
    }
}

/// The visible state, for the comparison of two runs.
impl fmt::Display for Model {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let deadline = self.session.next_deadline().map(|deadline| deadline - self.start);
        let Self { retries, unwelcome, finished, sent, asks, pings, queued, .. } = self;
        write!(
            formatter,
            "{deadline:?} {retries} {unwelcome} {finished} {sent} {} {pings:?} {queued:?} {:?}",
            asks.len(),
            self.session.ready_state()
        )
    }
}
