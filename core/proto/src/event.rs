//! What happens on a connection, as the user sees it, and the batch in which it travels from the socket to the host.
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
    /// The closing handshake is under way.
    Closing = 2,
    /// The end.
    Closed = 3,
}

/// An event of a socket. `Error` comes just before its `Close`, and only where we failed the connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The connection is open.
    Open(Open),
    /// A message came.
    Message(Message),
    /// We failed the connection, or could not open it.
    Error(Error),
    /// The connection, or the attempt to open one, ended. Exactly once for each.
    Close(Close),
    /// The next attempt is planned.
    Reconnecting(Reconnecting),
    /// The peer's ping, already answered.
    Ping(Bytes),
    /// A pong, with the round trip if it answers a ping of ours.
    Pong {
        /// The pong's payload.
        payload: Bytes,
        /// The time since the ping that it answers.
        latency: Option<Duration>,
    },
    /// The text heartbeat was sent, answered or missed.
    Heartbeat(Heartbeat),
    /// Everything that was waiting has left after `buffered_amount` had passed `write_limit`.
    Drain,
    /// Messages of the send queue will never be sent.
    Dropped(Dropped),
    /// The login is done (`ready`): what waited for it leaves now.
    Ready,
    /// Messages have to wait for the rate limit.
    Throttled(Throttled),
    /// A request, or a send that was waited for, came to its end. For the face alone: no handler sees it.
    Settled(Settled),
    /// The host is asked for a value that a function of the user gives; it answers with `Client::answer`.
    Ask(Ask),
}

/// The connection is open. `Debug` leaves out what may be secret: the query, the subprotocol and the values of headers.
#[derive(Clone, PartialEq, Eq)]
pub struct Open {
    /// The URL that was opened in the end, without credentials.
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
    /// The code received; 1005 for a Close without one, 1006 where no Close came or we failed the connection.
    pub code: CloseCode,
    /// The reason received.
    pub reason: String,
    /// Whether both Close frames passed.
    pub was_clean: bool,
    /// The cause of an abnormal end.
    pub error: Option<Error>,
    /// Whether another attempt follows.
    pub will_reconnect: bool,
    /// In how long.
    pub retry_in: Option<Duration>,
    /// How many bytes of messages the system had not taken when the connection ended. What it had taken may be lost as well, if the peer did not get
    /// it: only the peer knows.
    pub unsent: usize,
}

/// The next attempt is planned.
#[derive(Clone, Debug)]
pub struct Reconnecting {
    /// 1 for the first attempt after the loss.
    pub attempt: u32,
    /// How long until then.
    pub delay: Duration,
    /// The Retry-After that the server asked for, where it was longer than `reconnect.max_retry_after`, which was waited instead.
    pub capped: Option<Duration>,
    /// Why.
    pub cause: Option<Error>,
}

/// What became of a text heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heartbeat {
    /// It was sent.
    Sent,
    /// Its response came.
    Answered {
        /// The time since it was sent.
        latency: Duration,
    },
    /// Its response did not come in time.
    Missed {
        /// How many in a row, this one included.
        count: u32,
    },
}

/// Messages of the send queue that will never be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The messages, oldest first.
    pub messages: Vec<Message>,
    /// Why.
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
    /// The name that all languages show.
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
    /// How long the first of them has to wait.
    pub delay: Duration,
    /// How many wait.
    pub waiting: usize,
}

/// The end of a request, or of a send that somebody waits for.
#[derive(Clone, Debug)]
pub struct Settled {
    /// What the caller gave.
    pub ticket: u64,
    /// The text of the reply (none for a send), or why there is none.
    pub outcome: Result<Option<String>, Error>,
}

/// A question to a function of the user.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Goes back with the answer.
    pub id: u64,
    /// What is asked.
    pub question: Question,
}

/// What a function of the user is asked for.
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
        /// Whether the function is that of `set_heartbeat`, and not that of the options.
        dictated: bool,
    },
    /// The user's login: what it gives is ignored, but for `false`, which rejects.
    Ready,
    /// Whether to try again after this end: a boolean, or null for what the rules say (`will_reconnect`).
    ShouldReconnect(Close),
}

/// The content of a [`Batch`], in order.
#[derive(Debug)]
pub enum Item {
    /// A text message: a range of the batch's bytes, already known to be UTF-8, and not all ASCII.
    Text(Range<usize>),
    /// A text message of ASCII alone: a range of the batch's bytes.
    Ascii(Range<usize>),
    /// A binary message: a range of the batch's bytes.
    Binary(Range<usize>),
    /// Any other event.
    Event(Box<Event>),
    /// Something waits until the host has come so far: then every earlier event was delivered, and what their handlers sent goes out first.
    /// Behind `open` it is the send queue, elsewhere the connection's end, as it was read here. `Client::settle` then lets it happen.
    /// Never shown to the user.
    Barrier,
}

/// What one turn of the connection brought: the payloads in one buffer, the events in order. Kept and used again by its driver.
#[derive(Debug, Default)]
pub struct Batch {
    /// The payloads. Ranges of [`Item`] point in here.
    pub bytes: Vec<u8>,
    /// The events, in order.
    pub items: Vec<Item>,
    /// The payload bytes of the messages that are items of their own, not ranges of `bytes`.
    pub owned: usize,
}

impl Batch {
    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Forgets the content, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.items.clear();
        self.owned = 0;
    }

    /// What it weighs against `read_limit`: its payloads, and a little for each event.
    pub fn weight(&self) -> usize {
        self.bytes.len() + self.owned + self.items.len() * size_of::<Item>()
    }

    /// The text at `range`, which must be that of an [`Item::Text`] or [`Item::Ascii`] of this batch.
    pub fn text(&self, range: &Range<usize>) -> &str {
        // The protocol layer checked it when it made the item; checking again costs nothing that matters off the hot path,
        // and the bindings' hot paths read `bytes` themselves.
        std::str::from_utf8(&self.bytes[range.clone()]).unwrap_or_default()
    }
}
