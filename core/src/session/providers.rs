//! What functions of the user give: the questions before an attempt, their answers checked and collected, and the content of a
//! heartbeat. Knows nothing of when to ask.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde_json::Value;

use super::action::{Outlet, Target};
use crate::error::{Error, ErrorCode, Result};
use crate::event::Question;
use crate::message::{Answer, Message};
use crate::options::Providers;

/// The questions of one attempt that are open, and what was answered so far.
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

    /// What was answered.
    pub(super) fn take_target(&mut self) -> Target {
        std::mem::take(&mut self.target)
    }

    /// Takes an answer; one that belongs to no open question is ignored.
    ///
    /// # Errors
    /// `provider_failed`: the function raised, or its value cannot be used.
    pub(super) fn answer(&mut self, id: u64, answer: Answer) -> Result<()> {
        if self.url.take_if(|asked| *asked == id).is_some() {
            let text = text_of("url", value_of("url", answer)?)?;
            self.target.url = Some(crate::address::parse_url(&text).map_err(|error| unusable("url", &error))?);
        } else if self.headers.take_if(|asked| *asked == id).is_some() {
            let headers = headers_of(value_of("headers", answer)?)?;
            headers
                .iter()
                .try_for_each(|(name, value)| crate::address::check_header(name, value))
                .map_err(|error| unusable("headers", &error))?;
            self.target.headers = Some(headers);
        } else if self.protocols.take_if(|asked| *asked == id).is_some() {
            let protocols = protocols_of(value_of("protocols", answer)?)?;
            crate::address::check_protocols(&protocols).map_err(|error| unusable("protocols", &error))?;
            self.target.protocols = Some(protocols);
        }
        Ok(())
    }
}

fn value_of(option: &str, answer: Answer) -> Result<Value> {
    answer.map_err(|words| Error::new(ErrorCode::ProviderFailed, format!("the function given for {option} failed: {words}")))
}

fn unusable(option: &str, error: &Error) -> Error {
    Error::new(ErrorCode::ProviderFailed, format!("what the function given for {option} gave cannot be used: {}", error.message))
}

/// The error of a value of the wrong type. The value itself may be a secret, so only its kind is told.
fn wrong_type(option: &str, wanted: &str, value: &Value) -> Error {
    let kind = match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    Error::new(ErrorCode::ProviderFailed, format!("the function given for {option} must give {wanted}, not {kind}"))
}

fn text_of(option: &str, value: Value) -> Result<String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(wrong_type(option, "a string", &other)),
    }
}

/// An object, or a list of pairs; nothing means none.
fn headers_of(value: Value) -> Result<Vec<(String, String)>> {
    const WANTED: &str = "an object of strings or a list of pairs of strings";
    let text = |value: Value| match value {
        Value::String(text) => Ok(text),
        other => Err(wrong_type("headers", WANTED, &other)),
    };
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Object(members) => members.into_iter().map(|(name, value)| Ok((name, text(value)?))).collect(),
        Value::Array(pairs) => pairs
            .into_iter()
            .map(|pair| match pair {
                Value::Array(pair) => match <[Value; 2]>::try_from(pair) {
                    Ok([name, value]) => Ok((text(name)?, text(value)?)),
                    Err(other) => Err(wrong_type("headers", WANTED, &Value::Array(other))),
                },
                other => Err(wrong_type("headers", WANTED, &other)),
            })
            .collect(),
        other => Err(wrong_type("headers", WANTED, &other)),
    }
}

/// A string, or a list of strings; nothing means none.
fn protocols_of(value: Value) -> Result<Vec<String>> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::String(protocol) => Ok(vec![protocol]),
        Value::Array(protocols) => protocols.into_iter().map(|protocol| text_of("protocols", protocol)).collect(),
        other => Err(wrong_type("protocols", "a string or a list of strings", &other)),
    }
}

/// What a heartbeat's function gave: a string is sent as it is, `{"$bytes": "<base64>"}` as bytes, any other value as its JSON text;
/// nothing means no beat this time.
pub(super) fn message_of(value: Value) -> Option<Message> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(Message::Text(text)),
        other => Some(bytes_of(&other).map_or_else(|| Message::Text(other.to_string()), Message::Binary)),
    }
}

fn bytes_of(value: &Value) -> Option<Bytes> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    BASE64.decode(members.get("$bytes")?.as_str()?).ok().map(Bytes::from)
}
