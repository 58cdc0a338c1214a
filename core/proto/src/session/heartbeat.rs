//! The text heartbeat: when the next beat is due, what it says, and whether its response came. Knows nothing of connections; its owner
//! restarts it with each.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::SmallRng;
use serde_json::Value;

use super::action::{Action, Outlet};
use super::providers::heartbeat_message;
use super::{earliest, seconds};
use crate::error::{Error, ErrorCode};
use crate::event::{self, Event, Question};
use crate::message::{Answer, Data, Message};
use crate::options::{HeartbeatOptions, Matcher, Payload};

/// How long a function may take before its last value is sent in its stead: half an interval, at most this.
const MOST_PATIENCE: Duration = Duration::from_secs(5);

/// The heartbeat of one connection.
#[derive(Debug, Default)]
pub(super) struct Heartbeat {
    /// When the next beat is due, if nothing else was sent.
    due: Option<Instant>,
    /// When anything of ours was last sent.
    sent: Option<Instant>,
    /// The beats whose response is awaited, oldest first.
    awaited: VecDeque<Awaited>,
    /// How many responses in a row did not come.
    missed: u32,
    /// The question to the user's function that is open.
    asked: Option<Asked>,
    /// What the function gave last.
    last: Option<Message>,
}

#[derive(Debug)]
struct Awaited {
    sent: Instant,
    deadline: Option<Instant>,
}

#[derive(Debug)]
struct Asked {
    id: u64,
    /// When the last value goes out in the answer's stead.
    patience: Option<Instant>,
    /// Whether it did.
    replaced: bool,
}

impl Heartbeat {
    /// A new connection: clean counters, and a first interval that is random as far as `jitter` says.
    pub(super) fn restart(&mut self, now: Instant, options: &HeartbeatOptions, rng: &mut SmallRng) {
        let share = 1.0 - options.jitter.clamp(0.0, 1.0) * rng.random::<f64>();
        *self = Self { due: now.checked_add(interval(options).mul_f64(share)), sent: Some(now), ..Self::default() };
    }

    /// Something of ours was sent.
    pub(super) fn sent(&mut self, now: Instant) {
        self.sent = Some(now);
    }

    /// We read again after a pause of ours, or the peer takes what heartbeats wait behind: responses get their full time once more.
    pub(super) fn resume(&mut self, now: Instant, options: &HeartbeatOptions) {
        for awaited in &mut self.awaited {
            awaited.deadline = options.timeout.and_then(|timeout| now.checked_add(timeout));
        }
    }

    /// Anything came: the response, where none is described.
    pub(super) fn received(&mut self, now: Instant, options: &HeartbeatOptions, out: &mut Outlet) {
        if options.response.is_none()
            && let Some(oldest) = self.awaited.front()
        {
            let latency = now.saturating_duration_since(oldest.sent);
            self.awaited.clear();
            self.answered(latency, out);
        }
    }

    /// Whether a message could be the response to a beat.
    pub(super) fn awaits_message(&self, options: &HeartbeatOptions) -> bool {
        options.response.is_some() && !self.awaited.is_empty()
    }

    /// A message came. It answers the oldest beat, if it is the response.
    pub(super) fn message(&mut self, now: Instant, data: Data<'_>, options: &HeartbeatOptions, out: &mut Outlet) {
        if options.response.as_ref().is_some_and(|response| matches(response, data))
            && let Some(oldest) = self.awaited.pop_front()
        {
            self.answered(now.saturating_duration_since(oldest.sent), out);
        }
    }

    fn answered(&mut self, latency: Duration, out: &mut Outlet) {
        self.missed = 0;
        out.emit(Event::Heartbeat(event::Heartbeat::Answered { latency }));
    }

    /// Does what is due; or says that the peer is dead. While we do not read, nobody is judged.
    pub(super) fn timeout(&mut self, now: Instant, options: &HeartbeatOptions, reading: bool, out: &mut Outlet) -> Option<Error> {
        let is_past = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        while reading && is_past(self.awaited.front().and_then(|oldest| oldest.deadline)) {
            self.awaited.pop_front();
            self.missed += 1;
            out.emit(Event::Heartbeat(event::Heartbeat::Missed { count: self.missed }));
            if self.missed >= options.max_missed {
                let times = if self.missed == 1 { "a heartbeat".to_owned() } else { format!("{} heartbeats in a row", self.missed) };
                let limit = seconds(options.timeout.unwrap_or_default());
                return Some(Error::new(ErrorCode::HeartbeatMissed, format!("{times} got no response within {limit}")));
            }
        }
        if is_past(self.patience()) {
            self.send_last_instead(now, options, out);
        }
        if is_past(self.due(options)) {
            self.beat(now, options, out);
        }
        None
    }

    /// When something is due.
    pub(super) fn next_deadline(&self, options: &HeartbeatOptions, reading: bool) -> Option<Instant> {
        let response = self.awaited.front().and_then(|oldest| oldest.deadline).filter(|_| reading);
        earliest([response, self.patience(), self.due(options)])
    }

    fn due(&self, options: &HeartbeatOptions) -> Option<Instant> {
        let due = self.due?;
        if options.only_when_idle { due.max(self.sent.unwrap_or(due).checked_add(interval(options))?).into() } else { Some(due) }
    }

    fn patience(&self) -> Option<Instant> {
        self.asked.as_ref()?.patience
    }

    /// One beat, now; the next follows the rhythm, unless that is behind already.
    pub(super) fn beat(&mut self, now: Instant, options: &HeartbeatOptions, out: &mut Outlet) {
        let interval = interval(options);
        let in_rhythm = self.due.filter(|due| *due <= now).and_then(|due| due.checked_add(interval));
        self.due = in_rhythm.filter(|next| *next > now && !options.only_when_idle).or_else(|| now.checked_add(interval));
        match &options.message {
            Payload::Text(text) => self.send(now, Message::Text(text.clone()), options, out),
            Payload::Binary(bytes) => self.send(now, Message::Binary(bytes.clone().into()), options, out),
            // A host that has not answered yet is not asked again: it would only find a pile of questions when it is back.
            Payload::Function if self.asked.is_some() => self.send_last_instead(now, options, out),
            Payload::Function => {
                let patience =
                    (!options.mandatory && self.last.is_some()).then(|| now.checked_add((interval / 2).min(MOST_PATIENCE))).flatten();
                self.asked = Some(Asked { id: out.ask(Question::HeartbeatMessage), patience, replaced: false });
            }
        }
    }

    /// The host is busy: sends again what the function gave last, unless it must be asked each time or never answered yet.
    fn send_last_instead(&mut self, now: Instant, options: &HeartbeatOptions, out: &mut Outlet) {
        if let Some(asked) = &mut self.asked {
            asked.patience = None;
            if !options.mandatory && self.last.is_some() {
                asked.replaced = true;
            }
        }
        if let Some(last) = self.last.clone().filter(|_| !options.mandatory) {
            self.send(now, last, options, out);
        }
    }

    /// The function's answer. A null skips this beat; so does a failure, unless the last value can go out.
    pub(super) fn answer(&mut self, now: Instant, id: u64, answer: Answer, options: &HeartbeatOptions, out: &mut Outlet) {
        let Some(asked) = self.asked.take_if(|asked| asked.id == id) else { return };
        let fresh = match heartbeat_message(answer) {
            Ok(Some(message)) => Some(self.last.insert(message).clone()),
            Ok(None) => None,
            Err(_) => self.last.clone().filter(|_| !options.mandatory),
        };
        if let Some(message) = fresh.filter(|_| !asked.replaced) {
            self.send(now, message, options, out);
        }
    }

    fn send(&mut self, now: Instant, message: Message, options: &HeartbeatOptions, out: &mut Outlet) {
        self.sent = Some(now);
        out.push(Action::Transmit(message, None));
        out.emit(Event::Heartbeat(event::Heartbeat::Sent));
        if options.timeout.is_none() {
            // Nothing is ever missed; the latest beat alone waits, so that its answer can be told.
            self.awaited.clear();
        }
        if options.timeout.is_some() || options.response.is_some() {
            self.awaited.push_back(Awaited { sent: now, deadline: options.timeout.and_then(|timeout| now.checked_add(timeout)) });
        }
    }
}

/// Never zero, so that time always passes between two beats.
fn interval(options: &HeartbeatOptions) -> Duration {
    options.interval.max(Duration::from_millis(1))
}

/// Whether a message is the response that the matcher describes.
fn matches(response: &Matcher, data: Data<'_>) -> bool {
    match (response, data) {
        (Matcher::Text(expected), Data::Text(text)) => expected == text,
        (Matcher::Json(expected), Data::Text(text)) => serde_json::from_str(text).is_ok_and(|value| contains(&value, expected)),
        (_, Data::Binary(_)) => false,
    }
}

/// Whether `value` contains `expected`: each member of an object is there and contains in turn; anything else is equal.
fn contains(value: &Value, expected: &Value) -> bool {
    match (value, expected) {
        (Value::Object(members), Value::Object(wanted)) => {
            wanted.iter().all(|(name, wanted)| members.get(name).is_some_and(|member| contains(member, wanted)))
        }
        (Value::Array(items), Value::Array(wanted)) => {
            items.len() == wanted.len() && items.iter().zip(wanted).all(|(item, wanted)| equal(item, wanted))
        }
        _ => equal(value, expected),
    }
}

/// Equality as JSON has it: 1 and 1.0 are one number.
fn equal(value: &Value, expected: &Value) -> bool {
    match (value, expected) {
        (Value::Number(left), Value::Number(right)) => {
            left == right || (left.is_f64() != right.is_f64() && left.as_f64() == right.as_f64())
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len() && left.iter().all(|(name, left)| right.get(name).is_some_and(|right| equal(left, right)))
        }
        _ => value == expected,
    }
}
