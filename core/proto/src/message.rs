//! Messages on their way out: borrowed data, how to send it, and answers to what the user's functions were asked. A leaf.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

/// An owned message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Bytes),
}

impl Message {
    /// The length of its payload in bytes.
    pub fn len(&self) -> usize {
        Data::from(self).len()
    }

    /// Whether it has no payload.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Data to send, borrowed: it is copied before the call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
}

impl Data<'_> {
    /// The length in bytes.
    pub fn len(self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether there is nothing.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// A copy that is kept.
    pub fn to_message(self) -> Message {
        match self {
            Self::Text(text) => Message::Text(text.to_owned()),
            Self::Binary(bytes) => Message::Binary(Bytes::copy_from_slice(bytes)),
        }
    }
}

impl<'a> From<&'a Message> for Data<'a> {
    fn from(message: &'a Message) -> Self {
        match message {
            Message::Text(text) => Self::Text(text),
            Message::Binary(bytes) => Self::Binary(bytes),
        }
    }
}

impl<'a> From<&'a str> for Data<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Data<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Data<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Binary(bytes)
    }
}

/// How to send a message.
#[derive(Clone, Copy, Debug, Default)]
pub struct SendOptions {
    /// Whether to compress it; none: as the options and the size say.
    pub compress: Option<bool>,
    /// Whether more follows at once: the bytes leave with the next `flush`, at the latest when the batch under way is reported as delivered.
    pub more: bool,
}

/// How a message goes its way where it may have to wait.
#[derive(Clone, Copy, Debug, Default)]
pub struct Way<'a> {
    /// What it is told apart by (`rate_limit.keys`): the order within a key is kept.
    pub key: Option<&'a str>,
    /// Whether it waits for no login, and uses the reserve of the rate limit.
    pub urgent: bool,
    /// If it has to wait, `Event::Settled` with this ticket tells that it left, or was dropped.
    pub ticket: Option<u64>,
}

/// How to send a request; what is none is as the option `request` says.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestOptions<'a> {
    /// How long the reply may take, from the call on; the inner none: no limit.
    pub timeout: Option<Option<Duration>>,
    /// Whether it is sent again on the next connection if this one ends before the reply.
    pub resend: Option<bool>,
    /// Whether the reply is a `message` event, too.
    pub deliver: Option<bool>,
    /// As in [`Way`].
    pub key: Option<&'a str>,
    /// As in [`Way`].
    pub urgent: bool,
}

/// An answer to an `Event::Ask`: the function's value, or what it raised, in words.
pub type Answer = Result<Value, String>;
