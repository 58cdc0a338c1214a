//! Outbound messages: borrowed data, the types that can be sent, the options of a send, and the answers of the user's functions. A leaf.

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
    /// The length of the payload in bytes.
    pub fn len(&self) -> usize {
        Data::from(self).len()
    }

    /// Whether the payload is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Borrowed data to send. It is copied before the call returns.
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

    /// Whether the data is empty.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// An owned copy.
    pub fn to_message(self) -> Message {
        match self {
            Self::Text(text) => Message::Text(text.to_owned()),
            Self::Binary(bytes) => Message::Binary(Bytes::copy_from_slice(bytes)),
        }
    }
}

/// The types that can be sent without a copy: text (`&str`, `String`) as a text message, bytes (`&[u8]`, `b"..."`, `Vec<u8>`, `Bytes`) as a
/// binary one, and a [`Message`] as either.
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

/// Implements [`AsData`] for types that borrow as text or as bytes.
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
    /// Whether to compress the message. By default the options and the size decide.
    pub compress: Option<bool>,
    /// Whether more messages follow at once. The bytes then leave with the next `flush`, or when the present batch is delivered.
    pub more: bool,
}

impl SendOptions {
    /// The defaults. The methods that have the names of the options change them.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether to compress the message. By default the options and the size decide.
    #[must_use]
    pub fn compress(mut self, compress: impl Into<Option<bool>>) -> Self {
        self.compress = compress.into();
        self
    }

    /// Whether more messages follow at once.
    #[must_use]
    pub fn more(mut self, more: bool) -> Self {
        self.more = more;
        self
    }
}

/// How to send a message that may have to wait for a rate limit or a login.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Way<'a> {
    /// The key of the message (`rate_limit.keys`): messages with one key keep their order.
    pub key: Option<&'a str>,
    /// Whether the message does not wait for a login and may use the reserve of the rate limit.
    pub urgent: bool,
    /// If the message has to wait, `Event::Settled` with this ticket reports that it left or was dropped.
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

    /// Whether the message does not wait for a login and may use the reserve of the rate limit.
    #[must_use]
    pub fn urgent(mut self, urgent: bool) -> Self {
        self.urgent = urgent;
        self
    }

    /// If the message has to wait, `Event::Settled` with this ticket reports that it left or was dropped.
    #[doc(hidden)]
    #[must_use]
    pub fn ticket(mut self, ticket: impl Into<Option<u64>>) -> Self {
        self.ticket = ticket.into();
        self
    }
}

/// How to send one request. Values that are not given come from the option `request`.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct RequestCall<'a> {
    /// The time limit for the reply, from the call. The inner `None` means no limit.
    pub timeout: Option<Option<Duration>>,
    /// Whether to send it again on the next connection if this one ends before the reply.
    pub resend: Option<bool>,
    /// Whether the reply is a `message` event, too.
    pub deliver: Option<bool>,
    /// As in [`Way`].
    pub key: Option<&'a str>,
    /// As in [`Way`].
    pub urgent: bool,
}

impl<'a> RequestCall<'a> {
    /// A call with the defaults of the option `request`.
    pub fn new() -> Self {
        Self::default()
    }

    /// The time limit for the reply, from the call. `None` means no limit.
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = Some(timeout.into());
        self
    }

    /// Whether to send it again on the next connection if this one ends before the reply.
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

/// An answer to an `Event::Ask`: the function's value, or the text of its exception.
pub type Answer = Result<Value, String>;
