//! Requests and their replies, matched by an id at a JSON pointer. Each accepted request is settled exactly once: by its reply, by the server's
//! error, by its deadline, by a loss, or by its cancellation. Knows no connection.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::matcher::Inbound;
use super::timing::seconds;
use crate::error::{Error, ErrorCode, Result};
use crate::message::RequestCall;
use crate::options;

/// A request that was not settled yet.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) text: String,
    pub(super) key: Option<Arc<str>>,
    pub(super) urgent: bool,
    id: String,
    deadline: Option<Instant>,
    time: Duration,
    resend: bool,
    deliver: bool,
    stage: Stage,
}

/// The progress of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It waits for a connection that is ready.
    Waits,
    /// It waits for the rate limit.
    InLine,
    /// It left on the present connection.
    Sent,
    /// It left on the old connection, which is drained.
    SentBefore,
}

/// The end of a request: its ticket, and the reply's text or the error.
pub(super) type Settled = (u64, Result<String>);

/// The requests of one socket.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// By their tickets, which are their order.
    open: BTreeMap<u64, Request>,
    by_id: HashMap<String, u64>,
    deadlines: BTreeSet<(Instant, u64)>,
    last_id: u64,
}

impl Requests {
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Accepts a request.
    ///
    /// # Errors
    /// `invalid_data`: the text is no JSON, has no room for an id, or has one that is in use; `queue_full`.
    pub(super) fn add(
        &mut self,
        now: Instant,
        ticket: u64,
        text: &str,
        call: &RequestCall<'_>,
        options: &options::RequestOptions,
    ) -> Result<()> {
        let invalid = |words: String| Error::new(ErrorCode::InvalidData, words);
        if self.open.len() >= options.max_pending {
            return Err(Error::new(
                ErrorCode::QueueFull,
                format!("{} requests wait for their replies already (request.max_pending)", self.open.len()),
            ));
        }
        let (text, id) = if let Some(id) = options.id.find(text).filter(|id| *id != "null") {
            (text.to_owned(), canonical(id))
        } else {
            let id = self.free_id();
            let text = options.id.put(text, &id).ok_or_else(|| {
                invalid(format!("request() needs JSON with room for an id at {:?} (request.id): an object", options.id.as_str()))
            })?;
            (text, id)
        };
        if self.by_id.contains_key(&id) {
            return Err(invalid(format!("a request with the id {id} waits for its reply already")));
        }
        let time = call.timeout.unwrap_or(options.timeout);
        let deadline = time.and_then(|time| now.checked_add(time));
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, ticket));
        }
        self.by_id.insert(id.clone(), ticket);
        let key = call.key.map(Arc::from);
        let (resend, deliver) = (call.resend.unwrap_or(options.resend), call.deliver.unwrap_or(options.deliver));
        let request =
            Request { text, key, urgent: call.urgent, id, deadline, time: time.unwrap_or_default(), resend, deliver, stage: Stage::Waits };
        self.open.insert(ticket, request);
        Ok(())
    }

    fn free_id(&mut self) -> String {
        loop {
            self.last_id += 1;
            let id = self.last_id.to_string();
            if !self.by_id.contains_key(&id) {
                return id;
            }
        }
    }

    /// Stores the progress of a request, unless it is settled already.
    pub(super) fn set_stage(&mut self, ticket: u64, stage: Stage) {
        if let Some(request) = self.open.get_mut(&ticket) {
            request.stage = stage;
        }
    }

    /// The unsent requests, in order.
    pub(super) fn unsent(&self) -> Vec<u64> {
        self.open.iter().filter(|(_, request)| request.stage == Stage::Waits).map(|(ticket, _)| *ticket).collect()
    }

    pub(super) fn get(&self, ticket: u64) -> Option<&Request> {
        self.open.get(&ticket)
    }

    /// Handles a message. If it is a reply: the end of its request, and whether the user sees the message, too.
    pub(super) fn message(&mut self, message: &Inbound<'_>, options: &options::RequestOptions) -> Option<(Settled, bool)> {
        let pointer = options.response_id.as_ref().unwrap_or(&options.id);
        let ticket = *self.by_id.get(&canonical(message.at(pointer)?))?;
        if !matches!(self.open.get(&ticket)?.stage, Stage::Sent | Stage::SentBefore) {
            return None;
        }
        let request = self.remove(ticket)?;
        let text = message.text().unwrap_or_default().to_owned();
        let outcome = if options.error.as_ref().is_some_and(|error| message.matches(error)) {
            let error =
                Error::new(ErrorCode::RequestFailed, "the server answered the request with an error: the reply is in the error's body");
            Err(error.with(|detail| detail.body = text.into_bytes()))
        } else {
            Ok(text)
        };
        Some(((ticket, outcome), request.deliver))
    }

    fn remove(&mut self, ticket: u64) -> Option<Request> {
        let request = self.open.remove(&ticket)?;
        self.by_id.remove(&request.id);
        if let Some(deadline) = request.deadline {
            self.deadlines.remove(&(deadline, ticket));
        }
        Some(request)
    }

    /// The caller no longer wants the reply. Returns whether the request was still open.
    pub(super) fn cancel(&mut self, ticket: u64) -> bool {
        self.remove(ticket).is_some()
    }

    /// The requests whose deadline has passed.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Settled> {
        let mut over = Vec::new();
        while let Some((deadline, ticket)) = self.deadlines.first().copied()
            && deadline <= now
        {
            let Some(request) = self.remove(ticket) else { break };
            let state =
                if matches!(request.stage, Stage::Sent | Stage::SentBefore) { "no reply came" } else { "the request could not be sent" };
            over.push((ticket, Err(Error::new(ErrorCode::RequestTimeout, format!("{state} within {}", seconds(request.time))))));
        }
        over
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// The connection is gone: requests that were sent are lost, unless they are marked for resending.
    pub(super) fn lose(&mut self, cause: Option<&Error>) -> Vec<Settled> {
        for request in self.open.values_mut().filter(|request| request.resend) {
            request.stage = Stage::Waits;
        }
        let lost: Vec<u64> = self.open.iter().filter(|(_, request)| request.stage == Stage::Sent).map(|(ticket, _)| *ticket).collect();
        self.give_up(lost, "the connection ended before the reply came", cause)
    }

    /// Another connection is the present one from now on.
    pub(super) fn hand_over(&mut self) {
        for request in self.open.values_mut().filter(|request| request.stage == Stage::Sent) {
            request.stage = Stage::SentBefore;
        }
    }

    /// The old connection is gone: requests sent on it are lost, unless they are marked for resending.
    pub(super) fn lose_handed_over(&mut self, cause: Option<&Error>) -> Vec<Settled> {
        let sent: Vec<u64> =
            self.open.iter().filter(|(_, request)| request.stage == Stage::SentBefore).map(|(ticket, _)| *ticket).collect();
        let (again, lost): (Vec<u64>, Vec<u64>) = sent.into_iter().partition(|ticket| self.open[ticket].resend);
        for ticket in again {
            self.set_stage(ticket, Stage::Waits);
        }
        self.give_up(lost, "the connection ended before the reply came", cause)
    }

    /// No connection follows.
    pub(super) fn end(&mut self, cause: Option<&Error>) -> Vec<Settled> {
        let all = self.open.keys().copied().collect();
        self.give_up(all, "the socket closed before the request was answered", cause)
    }

    fn give_up(&mut self, tickets: Vec<u64>, words: &str, cause: Option<&Error>) -> Vec<Settled> {
        let error = Error::new(ErrorCode::ConnectionLost, words);
        let error = match cause {
            Some(cause) => error.caused_by(cause),
            None => error,
        };
        tickets.into_iter().filter_map(|ticket| self.remove(ticket).map(|_| (ticket, Err(error.clone())))).collect()
    }
}

/// One spelling for each id: 7 and 7.0, "a" and "\u0061" are the same.
fn canonical(json: &str) -> String {
    let plain = json.bytes().all(|byte| byte.is_ascii_digit()) || (json.starts_with('"') && !json.contains('\\'));
    if plain {
        return json.to_owned();
    }
    let value: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    match value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 9e15) {
        Some(number) => (number as i64).to_string(),
        None => value.to_string(),
    }
}
