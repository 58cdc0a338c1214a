//! The events of a connection, as the user sees them, and the batch that carries them from the socket to the host.
//! Knows nothing of sockets, threads or languages.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;

use crate::close::CloseCode;
use crate::error::Error;
use crate::message::Message;

/// The states of the WHATWG `WebSocket` (`readyState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ReadyState {
    /// Not open yet, or between two connections of a socket that reconnects.
    Connecting = 0,
    /// Messages can be sent and received.
    Open = 1,
    /// The closing handshake has begun.
    Closing = 2,
    /// Closed for good: no event follows.
    Closed = 3,
}

/// An event of a socket. `Error` comes just before its `Close`, and only if we failed the connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The connection is open.
    Open(Open),
    /// A message arrived.
    Message(Message),
    /// We failed the connection, or could not open it.
    Error(Error),
    /// The connection, or the attempt to open one, ended. There is one for each.
    Close(Close),
    /// The next attempt is planned.
    Reconnecting(Reconnecting),
    /// The peer's ping, already answered.
    Ping(Bytes),
    /// A pong, with the round-trip time if it answers our ping.
    Pong {
        /// The pong's payload.
        payload: Bytes,
        /// The time since the ping that it answers.
        latency: Option<Duration>,
    },
    /// The text heartbeat was sent, answered or missed.
    Heartbeat(Heartbeat),
    /// `buffered_amount` was above `write_limit`, and all of that data has now been sent.
    Drain,
    /// Messages of the send queue were dropped: they are never sent.
    Dropped(Dropped),
    /// The login is done (`ready`). Messages that waited for it are sent now.
    Ready,
    /// Messages have to wait for the rate limit.
    Throttled(Throttled),
    /// A request ended, or a send that a caller awaits. For bindings: no handler sees it.
    Settled(Settled),
    /// A question to a function of the user. The binding calls it and answers with its value.
    Ask(Ask),
}

/// The connection is open. `Debug` omits possible secrets: the query, the subprotocol and the values of headers.
#[derive(Clone, PartialEq, Eq)]
pub struct Open {
    /// The URL after redirects, without credentials.
    pub url: String,
    /// The subprotocol that the server chose, or empty.
    pub protocol: String,
    /// The extensions in use, as in `Sec-WebSocket-Extensions`, or empty.
    pub extensions: String,
    /// The response's headers, names in lower case.
    pub headers: Vec<(String, String)>,
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.url.split_once('?').map_or(self.url.as_str(), |(place, _)| place);
        let names = self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>();
        f.debug_struct("Open").field("url", &place).field("extensions", &self.extensions).field("headers", &names).finish_non_exhaustive()
    }
}

/// The end of a connection or of an attempt.
#[derive(Clone, Debug)]
pub struct Close {
    /// The received code. 1005 means a Close without a code; 1006 means that no Close arrived or that we failed the connection.
    pub code: CloseCode,
    /// The received reason.
    pub reason: String,
    /// Whether both sides sent their Close frame.
    pub was_clean: bool,
    /// The cause of an abnormal end.
    pub error: Option<Error>,
    /// Whether another attempt follows.
    pub will_reconnect: bool,
    /// The delay before it.
    pub retry_in: Option<Duration>,
    /// How many bytes of messages the kernel had not accepted when the connection ended. Accepted bytes may be lost as well: only the peer knows
    /// what it received.
    pub unsent: usize,
    /// The next connection was opened beside this one (`overlap`): `Open` follows at once, and `ready_state` stays `Open`.
    pub overlapped: bool,
}

/// The next attempt is planned.
#[derive(Clone, Debug)]
pub struct Reconnecting {
    /// 1 for the first attempt after the loss.
    pub attempt: u32,
    /// The delay before it.
    pub delay: Duration,
    /// The server's Retry-After, if it was longer than `reconnect.max_retry_after`. The socket then waits for the latter.
    pub capped: Option<Duration>,
    /// The reason.
    pub cause: Option<Error>,
}

/// The outcome of a text heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heartbeat {
    /// It was sent.
    Sent,
    /// Its response arrived.
    Answered {
        /// The time since it was sent.
        latency: Duration,
    },
    /// Its response did not arrive in time.
    Missed {
        /// How many responses in a row are missing, with this one.
        count: u32,
    },
}

/// Messages of the send queue that will never be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The messages, oldest first.
    pub messages: Vec<Message>,
    /// The reason.
    pub reason: DropReason,
}

/// Why queued messages were dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// They waited longer than `send_queue.ttl`.
    Expired,
    /// The queue was full.
    Overflow,
    /// The socket closed for good.
    Closed,
}

impl DropReason {
    /// The name, the same in every language.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Overflow => "overflow",
            Self::Closed => "closed",
        }
    }
}

/// Messages have to wait for the rate limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throttled {
    /// How long the first of them waits.
    pub delay: Duration,
    /// How many wait.
    pub waiting: usize,
}

/// The end of a request, or of a send that a caller awaits.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The caller's ticket.
    pub ticket: u64,
    /// The text of the reply (`None` for a send), or the error.
    pub outcome: Result<Option<String>, Error>,
}

/// A question to a function of the user.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The answer must carry it.
    pub id: u64,
    /// The question.
    pub question: Question,
}

/// The requested value.
#[derive(Clone, Debug)]
pub enum Question {
    /// The URL of the next attempt: a string.
    Url,
    /// The headers of the next attempt: an object or a list of pairs.
    Headers,
    /// The subprotocols of the next attempt: a string or a list of strings.
    Protocols,
    /// The text of the next heartbeat.
    HeartbeatMessage {
        /// Whether the function was given to `set_heartbeat`, not to the options.
        dictated: bool,
    },
    /// The user's login. Its value is ignored, except `false`, which rejects the login.
    Ready,
    /// Whether to try again after this end: a boolean, or null to accept the decision of the rules (`will_reconnect`).
    ShouldReconnect(Close),
}

/// The content of a [`Batch`], in order.
#[derive(Debug)]
pub enum Item {
    /// A text message with a character outside ASCII: a range of the batch's bytes, checked to be UTF-8.
    Text(Range<usize>),
    /// A text message in ASCII: a range of the batch's bytes.
    Ascii(Range<usize>),
    /// A binary message: a range of the batch's bytes.
    Binary(Range<usize>),
    /// Any other event.
    Event(Box<Event>),
    /// A barrier: it waits until every earlier event is delivered and the messages that their handlers sent have left. After `open` the send queue
    /// waits for it; elsewhere the end of the connection does. `Client::settle` then continues. The user never sees it.
    Barrier,
}

/// The result of one turn of the connection: the payloads in one buffer, the events in order. Its driver uses it again.
#[derive(Debug, Default)]
pub struct Batch {
    /// The payloads. Ranges of [`Item`] point in here.
    pub bytes: Vec<u8>,
    /// The events, in order.
    pub items: Vec<Item>,
    /// The payload bytes of messages that have buffers of their own.
    pub owned: usize,
}

impl Batch {
    /// Whether it holds no event.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Moves the content of another batch behind its own. Messages become separate events.
    pub fn append(&mut self, other: &mut Self) {
        let Self { bytes, items, owned } = other;
        self.owned += std::mem::take(owned);
        for item in items.drain(..) {
            let message = match item {
                Item::Text(range) | Item::Ascii(range) => Message::Text(String::from_utf8_lossy(&bytes[range]).into_owned()),
                Item::Binary(range) => Message::Binary(Bytes::copy_from_slice(&bytes[range])),
                other => {
                    self.items.push(other);
                    continue;
                }
            };
            self.owned += message.len();
            self.items.push(Item::Event(Box::new(Event::Message(message))));
        }
        bytes.clear();
    }

    /// Removes the content and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.items.clear();
        self.owned = 0;
    }

    /// Its weight for `read_limit`: its payloads, and a little for each event.
    pub fn weight(&self) -> usize {
        self.bytes.len() + self.owned + self.items.len() * size_of::<Item>()
    }

    /// The text at `range`, which must be that of an [`Item::Text`] or [`Item::Ascii`] of this batch.
    pub fn text(&self, range: &Range<usize>) -> &str {
        // The protocol layer checked it when it made the item. A second check is cheap outside the hot path,
        // and the bindings' hot paths read `bytes` themselves.
        std::str::from_utf8(&self.bytes[range.clone()]).unwrap_or_default()
    }
}
