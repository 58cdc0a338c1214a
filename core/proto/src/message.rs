//! Messages on their way out: borrowed data and what can be sent as such, how to send it, and answers to what the user's functions were asked.
//! A leaf.

use std::borrow::Cow;
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

/// What can be sent as a message, without a copy: text (`&str`, `String`) as a text message, bytes (`&[u8]`, `b"..."`, `Vec<u8>`, `Bytes`) as
/// a binary one, and a [`Message`] as what it is.
pub trait AsData {
    /// The data, borrowed.
    fn as_data(&self) -> Data<'_>;
}

impl AsData for Data<'_> {
    fn as_data(&self) -> Data<'_> {
        *self
    }
}

impl<T: AsData + ?Sized> AsData for &T {
    fn as_data(&self) -> Data<'_> {
        (**self).as_data()
    }
}

/// Implements [`AsData`] for what can be seen as text or as bytes.
macro_rules! sendable {
    ($kind:ident: $($type:ty $(, $length:ident)?;)+) => {$(
        impl$(<const $length: usize>)? AsData for $type {
            fn as_data(&self) -> Data<'_> {
                Data::$kind(self.as_ref())
            }
        }
    )+};
}

sendable! { Text: str; String; Cow<'_, str>; }
sendable! { Binary: [u8]; [u8; N], N; Vec<u8>; Bytes; Cow<'_, [u8]>; }

impl AsData for Message {
    fn as_data(&self) -> Data<'_> {
        self.into()
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&[u8]> for Message {
    fn from(bytes: &[u8]) -> Self {
        Self::Binary(Bytes::copy_from_slice(bytes))
    }
}

impl<const N: usize> From<&[u8; N]> for Message {
    fn from(bytes: &[u8; N]) -> Self {
        bytes.as_slice().into()
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
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
#[non_exhaustive]
pub struct SendOptions {
    /// Whether to compress it; none: as the options and the size say.
    pub compress: Option<bool>,
    /// Whether more follows at once: the bytes leave with the next `flush`, at the latest when the batch under way is reported as delivered.
    pub more: bool,
}

impl SendOptions {
    /// The defaults, to be changed by the methods that have the names of the options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether to compress it; none: as the options and the size say.
    #[must_use]
    pub fn compress(mut self, compress: impl Into<Option<bool>>) -> Self {
        self.compress = compress.into();
        self
    }

    /// Whether more follows at once.
    #[must_use]
    pub fn more(mut self, more: bool) -> Self {
        self.more = more;
        self
    }
}

/// How a message goes its way where it may have to wait.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Way<'a> {
    /// The key of the message (`rate_limit.keys`): messages with one key keep their order.
    pub key: Option<&'a str>,
    /// Whether it waits for no login, and uses the reserve of the rate limit.
    pub urgent: bool,
    /// If it has to wait, `Event::Settled` with this ticket tells that it left, or was dropped.
    #[doc(hidden)]
    pub ticket: Option<u64>,
}

impl<'a> Way<'a> {
    /// Without a key, and not urgent.
    pub fn new() -> Self {
        Self::default()
    }

    /// The key of the message (`rate_limit.keys`): messages with one key keep their order.
    #[must_use]
    pub fn key(mut self, key: impl Into<Option<&'a str>>) -> Self {
        self.key = key.into();
        self
    }

    /// Whether it waits for no login, and uses the reserve of the rate limit.
    #[must_use]
    pub fn urgent(mut self, urgent: bool) -> Self {
        self.urgent = urgent;
        self
    }

    /// If it has to wait, `Event::Settled` with this ticket tells that it left, or was dropped.
    #[doc(hidden)]
    #[must_use]
    pub fn ticket(mut self, ticket: impl Into<Option<u64>>) -> Self {
        self.ticket = ticket.into();
        self
    }
}

/// How to send one request. The option `request` decides what is not given here.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct RequestCall<'a> {
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

impl<'a> RequestCall<'a> {
    /// As the option `request` says.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long the reply may take, from the call on; none: no limit.
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = Some(timeout.into());
        self
    }

    /// Whether it is sent again on the next connection if this one ends before the reply.
    #[must_use]
    pub fn resend(mut self, resend: impl Into<Option<bool>>) -> Self {
        self.resend = resend.into();
        self
    }

    /// Whether the reply is a `message` event, too.
    #[must_use]
    pub fn deliver(mut self, deliver: impl Into<Option<bool>>) -> Self {
        self.deliver = deliver.into();
        self
    }

    /// As in [`Way`].
    #[must_use]
    pub fn key(mut self, key: impl Into<Option<&'a str>>) -> Self {
        self.key = key.into();
        self
    }

    /// As in [`Way`].
    #[must_use]
    pub fn urgent(mut self, urgent: bool) -> Self {
        self.urgent = urgent;
        self
    }
}

/// An answer to an `Event::Ask`: the function's value, or what it raised, in words.
pub type Answer = Result<Value, String>;
