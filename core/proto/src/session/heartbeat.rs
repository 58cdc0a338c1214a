//! The text heartbeat: the time of the next beat, its message, and its response. Knows nothing of connections; its owner makes a new one for each.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::action::Outlet;
use super::matcher::Inbound;
use super::providers::heartbeat_message;
use super::timing::{earliest, seconds};
use crate::close::CloseCode;
use crate::error::{Error, ErrorCode};
use crate::event::{self, Event, Question};
use crate::message::{Answer, Message};
use crate::options::{HeartbeatOptions, Payload};
use rand::RngExt as _;
use rand::rngs::SmallRng;

/// How long a function may take before its last value is sent instead: half an interval, at most this.
const MOST_PATIENCE: Duration = Duration::from_secs(5);

/// The heartbeat of one connection.
#[derive(Debug)]
pub(super) struct Heartbeat {
    options: HeartbeatOptions,
    /// Whether `set_heartbeat` gave the options: then its function is called.
    dictated: bool,
    /// The time of the next beat, if no other message is sent.
    due: Option<Instant>,
    /// The time of our last message.
    sent: Option<Instant>,
    /// The beats that wait for their response, oldest first.
    awaited: VecDeque<Awaited>,
    /// How many responses in a row are missing.
    missed: u32,
    /// The open question to the user's function.
    asked: Option<Asked>,
    /// The last value of the function.
    last: Option<Message>,
    /// The last value received at each source of `fill`, as JSON text.
    heard: Vec<Option<String>>,
}

#[derive(Debug)]
struct Awaited {
    sent: Instant,
    deadline: Option<Instant>,
}

#[derive(Debug)]
struct Asked {
    id: u64,
    /// The time at which the last value is sent instead of the answer.
    patience: Option<Instant>,
    /// Whether it was sent.
    replaced: bool,
}

impl Heartbeat {
    /// The heartbeat of a new connection. `jitter` is the random share of the first interval.
    pub(super) fn new(now: Instant, options: HeartbeatOptions, rng: &mut SmallRng) -> Self {
        let share = 1.0 - options.jitter.clamp(0.0, 1.0) * rng.random::<f64>();
        Self {
            dictated: false,
            due: now.checked_add(interval(&options).mul_f64(share)),
            sent: Some(now),
            awaited: VecDeque::new(),
            missed: 0,
            asked: None,
            last: None,
            heard: vec![None; options.fill.len()],
            options,
        }
    }

    /// Makes the heartbeat that the server requests, in place of `before`. Values at pointers that both watch are kept.
    pub(super) fn dictated(now: Instant, options: HeartbeatOptions, before: Option<&Self>, rng: &mut SmallRng) -> Self {
        let mut new = Self { dictated: true, ..Self::new(now, options, rng) };
        if let Some(before) = before {
            for (value, (_, source)) in new.heard.iter_mut().zip(&new.options.fill) {
                let known = before.options.fill.iter().zip(&before.heard).find(|((_, known), _)| known == source);
                *value = known.and_then(|(_, value)| value.clone());
            }
        }
        new
    }

    /// Notes that a message of ours was sent.
    pub(super) fn sent(&mut self, now: Instant) {
        self.sent = Some(now);
    }

    /// Reading resumes, or the peer has acknowledged queued data: responses get their full time again.
    pub(super) fn resume(&mut self, now: Instant) {
        for awaited in &mut self.awaited {
            awaited.deadline = self.options.timeout.and_then(|timeout| now.checked_add(timeout));
        }
    }

    /// Any frame arrived. It is the response, if no other response is described.
    pub(super) fn received(&mut self, now: Instant, out: &mut Outlet) {
        if self.options.response.is_none()
            && let Some(oldest) = self.awaited.front()
        {
            let latency = now.saturating_duration_since(oldest.sent);
            self.awaited.clear();
            self.answered(latency, out);
        }
    }

    /// Whether messages have to be looked at: one may be the response, or bring a value for `fill`.
    pub(super) fn looks_at_messages(&self) -> bool {
        !self.options.fill.is_empty() || (self.options.response.is_some() && !self.awaited.is_empty())
    }

    /// Handles a message. It may bring values for `fill`, and it may be the response to the oldest beat.
    pub(super) fn message(&mut self, now: Instant, message: &Inbound<'_>, out: &mut Outlet) {
        for ((_, source), heard) in self.options.fill.iter().zip(&mut self.heard) {
            if let Some(value) = message.at(source).filter(|value| *value != "null") {
                *heard = Some(value.to_owned());
            }
        }
        if !self.awaited.is_empty()
            && self.options.response.as_ref().is_some_and(|response| message.matches(response))
            && let Some(oldest) = self.awaited.pop_front()
        {
            self.answered(now.saturating_duration_since(oldest.sent), out);
        }
    }

    fn answered(&mut self, latency: Duration, out: &mut Outlet) {
        self.missed = 0;
        out.emit(Event::Heartbeat(event::Heartbeat::Answered { latency }));
    }

    /// Does the due work, or returns that the peer is dead. It makes no such verdict while reading is stopped.
    pub(super) fn timeout(&mut self, now: Instant, reading: bool, out: &mut Outlet) -> Option<Error> {
        let is_past = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        while reading && is_past(self.awaited.front().and_then(|oldest| oldest.deadline)) {
            self.awaited.pop_front();
            self.missed += 1;
            out.emit(Event::Heartbeat(event::Heartbeat::Missed { count: self.missed }));
            if self.missed >= self.options.max_missed {
                let times = if self.missed == 1 { "a heartbeat".to_owned() } else { format!("{} heartbeats in a row", self.missed) };
                let limit = seconds(self.options.timeout.unwrap_or_default());
                return Some(Error::new(ErrorCode::HeartbeatMissed, format!("{times} got no response within {limit}")));
            }
        }
        if is_past(self.patience()) {
            self.send_last_instead(now, out);
        }
        if is_past(self.due()) {
            self.beat(now, out);
        }
        None
    }

    /// When something is due.
    pub(super) fn next_deadline(&self, reading: bool) -> Option<Instant> {
        let response = self.awaited.front().and_then(|oldest| oldest.deadline).filter(|_| reading);
        earliest([response, self.patience(), self.due()])
    }

    fn due(&self) -> Option<Instant> {
        let due = self.due?;
        if self.options.only_when_idle { due.max(self.sent.unwrap_or(due).checked_add(interval(&self.options))?).into() } else { Some(due) }
    }

    fn patience(&self) -> Option<Instant> {
        self.asked.as_ref()?.patience
    }

    /// Sends a beat now. The next one keeps the rhythm, unless its time has passed already.
    pub(super) fn beat(&mut self, now: Instant, out: &mut Outlet) {
        let interval = interval(&self.options);
        let in_rhythm = self.due.filter(|due| *due <= now).and_then(|due| due.checked_add(interval));
        self.due = in_rhythm.filter(|next| *next > now && !self.options.only_when_idle).or_else(|| now.checked_add(interval));
        match &self.options.message {
            Payload::Text(text) => self.send(now, Message::Text(text.clone()), out),
            Payload::Binary(bytes) => self.send(now, Message::Binary(bytes.clone().into()), out),
            // A host that has not answered yet is not asked again: otherwise many questions would wait for its return.
            Payload::Function if self.asked.is_some() => self.send_last_instead(now, out),
            Payload::Function => {
                let patience =
                    (!self.options.mandatory && self.last.is_some()).then(|| now.checked_add((interval / 2).min(MOST_PATIENCE))).flatten();
                self.asked = Some(Asked { id: out.ask(Question::HeartbeatMessage { dictated: self.dictated }), patience, replaced: false });
            }
        }
    }

    /// The host is busy: sends the function's last value again, unless the function is mandatory or has not answered yet.
    fn send_last_instead(&mut self, now: Instant, out: &mut Outlet) {
        if let Some(asked) = &mut self.asked {
            asked.patience = None;
            if !self.options.mandatory && self.last.is_some() {
                asked.replaced = true;
            }
        }
        if let Some(last) = self.last.clone().filter(|_| !self.options.mandatory) {
            self.send(now, last, out);
        }
    }

    /// The function's answer. A null skips this beat; so does a failure, unless the last value can go out.
    pub(super) fn answer(&mut self, now: Instant, id: u64, answer: Answer, out: &mut Outlet) {
        let Some(asked) = self.asked.take_if(|asked| asked.id == id) else { return };
        let fresh = match heartbeat_message(answer) {
            Ok(Some(message)) => Some(self.last.insert(message).clone()),
            Ok(None) => None,
            Err(_) => self.last.clone().filter(|_| !self.options.mandatory),
        };
        if let Some(message) = fresh.filter(|_| !asked.replaced) {
            self.send(now, message, out);
        }
    }

    fn send(&mut self, now: Instant, message: Message, out: &mut Outlet) {
        self.sent = Some(now);
        out.send(self.filled(message));
        out.emit(Event::Heartbeat(event::Heartbeat::Sent));
        if self.options.timeout.is_none() {
            // No response is ever missed. Only the latest beat waits, so that its answer can be reported.
            self.awaited.clear();
        }
        if self.options.timeout.is_some() || self.options.response.is_some() {
            self.awaited.push_back(Awaited { sent: now, deadline: self.options.timeout.and_then(|timeout| now.checked_add(timeout)) });
        }
    }

    /// The message with the values of `fill` in it. A value that has not arrived yet keeps the message's own value. A message that is not JSON text
    /// stays as it is.
    fn filled(&self, message: Message) -> Message {
        let Message::Text(mut text) = message else { return message };
        for ((target, _), value) in self.options.fill.iter().zip(&self.heard) {
            if let Some(filled) = value.as_ref().and_then(|value| target.put(&text, value)) {
                text = filled;
            }
        }
        Message::Text(text)
    }

    /// The close code for a peer whose responses are missing.
    pub(super) fn close_code(&self) -> CloseCode {
        CloseCode(self.options.close_code)
    }
}

/// Never zero, so that time always passes between two beats.
fn interval(options: &HeartbeatOptions) -> Duration {
    options.interval.max(Duration::from_millis(1))
}
