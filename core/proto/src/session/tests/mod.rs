//! The session under a simulated clock: no sleeps, no sockets, one line of text for each action. The rules of `DESIGN.md` have a test
//! each, named after the sentence.
#![allow(clippy::unwrap_used, reason = "a test that fails shall panic")]

mod again;
mod announced;
mod closing;
mod dictated;
mod heartbeat;
mod liveness;
mod manners;
mod outbox;
mod overlap;
mod overlap_lives;
mod providers;
mod rate;
mod ready;
mod reconnect;
mod requests;
mod speed;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;

use super::{Action, Route, Session};
use crate::close::{CloseCode, CloseFrame};
use crate::error::{Error, ErrorCode};
use crate::event::{Close, Event, Heartbeat, Open, Question, ReadyState};
use crate::message::{Data, Message};
use crate::options::{Options, Providers, ReconnectOptions};

/// A session and its simulated surroundings.
struct Sim {
    session: Session,
    start: Instant,
    now: Instant,
    log: Vec<String>,
    asks: Vec<u64>,
    pings: Vec<Bytes>,
    closes: Vec<Close>,
    questions: Vec<Question>,
    errors: Vec<Error>,
    /// The time of each line of the log, in seconds since the start; kept by `take`.
    times: Vec<f64>,
}

impl Sim {
    fn new(options: Options) -> Self {
        Self::with(options, Providers::default(), 7)
    }

    fn with(options: Options, providers: Providers, seed: u64) -> Self {
        let start = Instant::now();
        let session = Session::new(Arc::new(options), providers, seed);
        Self {
            session,
            start,
            now: start,
            log: Vec::new(),
            asks: Vec::new(),
            pings: Vec::new(),
            closes: Vec::new(),
            questions: Vec::new(),
            errors: Vec::new(),
            times: Vec::new(),
        }
    }

    /// One that is open, its log empty.
    fn open(options: Options) -> Self {
        let mut sim = Self::new(options);
        sim.go(Session::start);
        sim.opened();
        sim.take();
        sim
    }

    /// Calls the session, now, and logs its actions.
    fn go<R>(&mut self, call: impl FnOnce(&mut Session, Instant) -> R) -> R {
        let result = call(&mut self.session, self.now);
        while let Some(action) = self.session.poll() {
            if matches!(action, Action::Barrier) {
                continue;
            }
            let line = self.line(action);
            self.log.push(line);
            self.times.push((self.now - self.start).as_secs_f64());
        }
        result
    }

    /// The log since the last time.
    fn take(&mut self) -> Vec<String> {
        self.times.clear();
        std::mem::take(&mut self.log)
    }

    /// The times of the lines that start like this.
    fn times_of(&self, start: &str) -> Vec<f64> {
        self.log.iter().zip(&self.times).filter(|(line, _)| line.starts_with(start)).map(|(_, time)| *time).collect()
    }

    /// Lets time pass; the driver calls at each deadline.
    fn pass(&mut self, seconds: f64) {
        let end = self.now + Duration::from_secs_f64(seconds);
        while let Some(deadline) = self.session.next_deadline().filter(|deadline| *deadline <= end) {
            self.now = deadline.max(self.now);
            self.go(Session::handle_timeout);
            assert!(self.session.next_deadline().is_none_or(|next| next > self.now), "no progress at {:?}", self.now - self.start);
        }
        self.now = end;
    }

    /// The connection opens, and the host is delivered the event.
    fn opened(&mut self) {
        self.opens();
        self.go(|session, _| session.handle_open_seen());
        self.go(Session::handle_open_delivered);
    }

    /// The connection opens, and the host does not know yet.
    fn opens(&mut self) {
        self.go(|session, now| session.handle_opened(now, open_event()));
    }

    /// The present dial succeeds, if there is one.
    fn opened_if_dialled(&mut self) {
        if self.session.is_dialling() {
            self.opened();
        }
    }

    fn request(&mut self, ticket: u64, text: &str, call: &crate::message::RequestCall<'_>) -> Result<(), ErrorCode> {
        self.go(|session, now| session.request(now, ticket, text, call)).map_err(|error| error.code())
    }

    fn received(&mut self) {
        self.go(|session, now| session.handle_received(now, 0));
    }

    fn message(&mut self, text: &str) {
        self.go(|session, now| {
            session.handle_received(now, 1);
            session.handle_message(now, Data::Text(text));
        });
    }

    fn refused(&mut self, status: u16) {
        self.dial_fails(refused(status));
    }

    fn dial_fails(&mut self, error: Error) {
        self.go(|session, now| session.handle_dial_failed(now, error));
    }

    fn peer_closes(&mut self, code: Option<u16>, reason: &str) {
        let frame = CloseFrame { code: code.map(CloseCode), reason: reason.to_owned() };
        self.go(|session, now| session.handle_peer_close(now, frame));
    }

    /// The TCP connection ends.
    fn lost(&mut self) {
        self.go(|session, now| session.handle_lost(now, None));
    }

    fn fails(&mut self) {
        let error = Error::new(ErrorCode::ProtocolError, "a reserved bit is set");
        self.go(|session, now| session.handle_failure(now, error, CloseCode::PROTOCOL_ERROR));
    }

    fn close(&mut self, code: u16, reason: &str) {
        self.go(|session, now| session.close(now, Some(CloseCode(code)), reason)).unwrap();
    }

    fn send(&mut self, text: &str) -> Result<Route, ErrorCode> {
        self.go(|session, now| session.send(now, Data::Text(text), None)).map_err(|error| error.code())
    }

    /// Answers the latest question.
    fn answer(&mut self, value: Value) {
        let id = *self.asks.last().unwrap();
        self.go(|session, now| session.handle_answer(now, id, Ok(value)));
    }

    fn state(&self) -> ReadyState {
        self.session.ready_state()
    }

    fn last_close(&self) -> &Close {
        self.closes.last().unwrap()
    }

    fn line(&mut self, action: Action) -> String {
        match action {
            Action::Dial(target) if target == super::Target::default() => "dial".into(),
            Action::Dial(target) => format!("dial {:?} {:?} {:?}", target.url.map(String::from), target.headers, target.protocols),
            Action::CancelDial => "cancel dial".into(),
            Action::Transmit(message, _) => format!("transmit {}", words(&message)),
            Action::Ping(payload) => {
                self.pings.push(payload);
                "ping".into()
            }
            Action::SendClose(None, reason) => format!("send close {reason}").trim_end().into(),
            Action::SendClose(Some(code), reason) => format!("send close {code} {reason}").trim_end().into(),
            Action::Drop => "drop".into(),
            Action::Emit(event) => self.event(event),
            Action::Barrier => "barrier".into(),
            Action::Replace(url, code) => format!("replace {:?} {code}", url.map(String::from)),
            Action::Beside(action) => format!("beside: {}", self.line(*action)),
            Action::HandOver => "hand over".into(),
            Action::DropParting => "drop old".into(),
            Action::Promote => "promote".into(),
            Action::Held { deliver: true } => "held is told".into(),
            Action::Held { deliver: false } => "held is dropped".into(),
        }
    }

    fn event(&mut self, event: Event) -> String {
        match event {
            Event::Open(_) => "open".into(),
            Event::Error(error) => {
                let line = format!("error {}", error.code().as_str());
                self.errors.push(error);
                line
            }
            Event::Close(close) => {
                let clean = if close.was_clean { "clean" } else { "unclean" };
                let error = close.error.as_ref().map_or("", |error| error.code().as_str());
                let again = if close.will_reconnect { "again" } else { "final" };
                let line =
                    format!("close {} {:?} {clean} {error} {again}", close.code, close.reason).replace("  ", " ").replace("\"\" ", "");
                self.closes.push(close);
                line
            }
            Event::Reconnecting(reconnecting) => format!("reconnecting {}", reconnecting.attempt),
            Event::Heartbeat(Heartbeat::Sent) => "beat sent".into(),
            Event::Heartbeat(Heartbeat::Answered { latency }) => format!("beat answered {}", latency.as_secs_f64()),
            Event::Heartbeat(Heartbeat::Missed { count }) => format!("beat missed {count}"),
            Event::Dropped(dropped) => {
                let messages: Vec<_> = dropped.messages.iter().map(words).collect();
                format!("dropped {} {}", dropped.reason.as_str(), messages.join(","))
            }
            Event::Ready => "ready".into(),
            Event::Throttled(throttled) => format!("throttled {} {}", throttled.waiting, throttled.delay.as_secs_f64()),
            Event::Settled(settled) => match settled.outcome {
                Ok(Some(reply)) => format!("settled {} {reply}", settled.ticket),
                Ok(None) => format!("settled {}", settled.ticket),
                Err(error) => format!("settled {} {}", settled.ticket, error.code().as_str()),
            },
            Event::Ask(ask) => {
                self.asks.push(ask.id);
                let line = match &ask.question {
                    Question::Url => "ask url",
                    Question::Headers => "ask headers",
                    Question::Protocols => "ask protocols",
                    Question::HeartbeatMessage { dictated: false } => "ask heartbeat",
                    Question::HeartbeatMessage { dictated: true } => "ask dictated heartbeat",
                    Question::Ready => "ask ready",
                    Question::ShouldReconnect(_) => "ask should_reconnect",
                };
                self.questions.push(ask.question);
                line.into()
            }
            other => panic!("not an event of the session: {other:?}"),
        }
    }
}

fn words(message: &Message) -> String {
    match message {
        Message::Text(text) => text.clone(),
        Message::Binary(bytes) => format!("{bytes:?}"),
    }
}

fn open_event() -> Open {
    Open { url: "ws://im.example/".into(), protocol: String::new(), extensions: String::new(), headers: Vec::new() }
}

fn refused(status: u16) -> Error {
    Error::new(ErrorCode::HttpRefused, "the server refused").with(|detail| detail.status = Some(status))
}

/// Reconnect with its defaults.
fn reconnecting() -> Options {
    reconnecting_with(ReconnectOptions::default())
}

fn reconnecting_with(reconnect: ReconnectOptions) -> Options {
    Options { reconnect: Some(reconnect), ..Options::default() }
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
