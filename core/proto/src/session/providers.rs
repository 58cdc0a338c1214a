//! The user's functions: the questions before an attempt, their answers checked and collected, and the content of a
//! heartbeat. Knows nothing of when to ask.

use serde_json::Value;
use url::Url;

use super::action::{Outlet, Target};
use crate::error::{Error, ErrorCode, Result};
use crate::event::Question;
use crate::message::{Answer, Message};
use crate::options::{self, Payload, Providers};

/// The open questions of one attempt, and the answers so far.
#[derive(Debug, Default)]
pub(super) struct Questions {
    url: Option<u64>,
    headers: Option<u64>,
    protocols: Option<u64>,
    target: Target,
}

impl Questions {
    /// Asks for all that functions give, at once.
    pub(super) fn ask(providers: Providers, out: &mut Outlet) -> Self {
        Self {
            url: providers.url.then(|| out.ask(Question::Url)),
            headers: providers.headers.then(|| out.ask(Question::Headers)),
            protocols: providers.protocols.then(|| out.ask(Question::Protocols)),
            target: Target::default(),
        }
    }

    /// Whether nothing is open any more.
    pub(super) fn is_answered(&self) -> bool {
        self.url.is_none() && self.headers.is_none() && self.protocols.is_none()
    }

    /// The answers.
    pub(super) fn take_target(&mut self) -> Target {
        std::mem::take(&mut self.target)
    }

    /// Takes an answer; one that belongs to no open question is ignored.
    ///
    /// # Errors
    /// `provider_failed`: the function raised, or its value cannot be used.
    pub(super) fn answer(&mut self, id: u64, answer: Answer) -> Result<()> {
        if self.url.take_if(|asked| *asked == id).is_some() {
            self.target.url = Some(usable("url", answer, read_url)?);
        } else if self.headers.take_if(|asked| *asked == id).is_some() {
            self.target.headers = Some(usable("headers", answer, or_none(options::read_headers))?);
        } else if self.protocols.take_if(|asked| *asked == id).is_some() {
            self.target.protocols = Some(usable("protocols", answer, or_none(options::read_protocols))?);
        }
        Ok(())
    }
}

/// The function's value, read as the option that it replaces.
fn usable<T>(option: &str, answer: Answer, read: impl FnOnce(&Value) -> Result<T>) -> Result<T> {
    let refuse = |why: &str| Error::new(ErrorCode::ProviderFailed, format!("the function given for {option} failed: {why}"));
    let value = answer.map_err(|words| refuse(&words))?;
    read(&value).map_err(|error| refuse(&format!("what it gave cannot be used: {}", error.message)))
}

fn read_url(value: &Value) -> Result<Url> {
    let text = value.as_str().ok_or_else(|| Error::new(ErrorCode::InvalidUrl, "a URL must be text"))?;
    crate::address::parse_url(text)
}

/// A function that gives nothing gives an empty list.
fn or_none<T>(read: fn(&Value) -> Result<Vec<T>>) -> impl FnOnce(&Value) -> Result<Vec<T>> {
    move |value| if value.is_null() { Ok(Vec::new()) } else { read(value) }
}

/// The value of a heartbeat's function. `None` if it returned nothing: no beat is sent this time.
///
/// # Errors
/// `provider_failed`.
pub(super) fn heartbeat_message(answer: Answer) -> Result<Option<Message>> {
    usable("heartbeat.message", answer, |value| {
        if value.is_null() {
            return Ok(None);
        }
        Ok(match options::read_payload(value)? {
            Payload::Text(text) => Some(Message::Text(text)),
            Payload::Binary(bytes) => Some(Message::Binary(bytes.into())),
            Payload::Function => None,
        })
    })
}
