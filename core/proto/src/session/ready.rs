//! The login: the first message of each connection, the server's answer, and the time limit. Knows nothing of the messages that wait for it.

use std::time::Instant;

use super::action::Outlet;
use super::matcher::Inbound;
use super::timing::seconds;
use crate::error::{Error, ErrorCode};
use crate::event::Question;
use crate::message::{Answer, Message};
use crate::options::{Payload, ReadyOptions};

/// The present login.
#[derive(Debug)]
pub(super) struct Login {
    /// The deadline of the server, or of the user's function.
    deadline: Option<Instant>,
    /// The question to the user's function.
    asked: Option<u64>,
}

/// The progress of a login.
#[derive(Debug)]
pub(super) enum Progress {
    /// Nothing new.
    None,
    Done,
    /// It was rejected, or took too long.
    Failed(Error),
}

impl Login {
    /// Starts a login. `None` if there is nothing to wait for.
    pub(super) fn begin(now: Instant, options: &ReadyOptions, function: bool, out: &mut Outlet) -> Option<Self> {
        match &options.send {
            Some(Payload::Text(text)) => out.send(Message::Text(text.clone())),
            Some(Payload::Binary(bytes)) => out.send(Message::Binary(bytes.clone().into())),
            Some(Payload::Function) | None => {}
        }
        let asked = function.then(|| out.ask(Question::Ready));
        (function || options.expect.is_some()).then(|| Self { deadline: now.checked_add(options.timeout), asked })
    }

    /// Whether a function of the user does it.
    pub(super) fn is_function(&self) -> bool {
        self.asked.is_some()
    }

    /// Handles a message.
    pub(super) fn message(message: &Inbound<'_>, options: &ReadyOptions) -> Progress {
        if options.reject.as_ref().is_some_and(|reject| message.matches(reject)) {
            return Progress::Failed(Error::new(
                ErrorCode::ReadyRejected,
                "the server rejected the login: its answer is what ready.reject describes",
            ));
        }
        if options.expect.as_ref().is_some_and(|expect| message.matches(expect)) { Progress::Done } else { Progress::None }
    }

    /// Takes the value of the user's function: `false` rejects, any other value accepts.
    pub(super) fn answer(&self, id: u64, answer: &Answer) -> Progress {
        match answer {
            _ if self.asked != Some(id) => Progress::None,
            Ok(serde_json::Value::Bool(false)) => {
                Progress::Failed(Error::new(ErrorCode::ReadyRejected, "the function given for ready returned false"))
            }
            Ok(_) => Progress::Done,
            Err(words) => {
                let error = Error::new(ErrorCode::ProviderFailed, format!("the function given for ready failed: {words}"));
                Progress::Failed(error.with(|detail| detail.phase = crate::error::Phase::Ready).retryable(true))
            }
        }
    }

    /// Checks whether the time is over.
    pub(super) fn timeout(&self, now: Instant, options: &ReadyOptions) -> Progress {
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return Progress::None;
        }
        let what = if self.asked.is_some() { "the function given for ready did not return" } else { "the server did not answer the login" };
        let words = format!("{what} within {} (ready.timeout)", seconds(options.timeout));
        Progress::Failed(Error::new(ErrorCode::ReadyTimeout, words))
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadline
    }
}
