//! What `connect` and `sync::connect` share: the arguments, the meaning of events for a program that receives messages, and the checks of a send.
//! It must not know who waits.

use std::collections::VecDeque;
use std::time::Instant;

use crate::close::CloseCode;
use crate::delivery::{Events, Shown};
use crate::error::{Error, ErrorCode, Result};
use crate::event::{Close, Event, ReadyState};
use crate::message::{AsData, Message, SendOptions};
use crate::options::{Options, Providers};
use crate::websocket::WebSocket;

type Hook = Box<dyn FnMut(&WebSocket, &Event) + Send>;

/// The arguments of a connection.
pub(super) struct Setup {
    pub(super) url: String,
    pub(super) options: Options,
    pub(super) providers: Providers,
    pub(super) hook: Option<Hook>,
}

impl Setup {
    pub(super) fn new(url: &str) -> Self {
        Self { url: url.to_owned(), options: Options::new(), providers: Providers::default(), hook: None }
    }
}

/// The socket under a connection, and what its events have told.
pub(super) struct Receiving {
    pub(super) socket: WebSocket,
    pub(super) events: Events,
    hook: Option<Hook>,
    /// Messages that came while the caller waited for something else.
    messages: VecDeque<Message>,
    write_limit: usize,
    logs_in: bool,
    is_open: bool,
    /// The last end of a connection.
    last_close: Option<Close>,
    /// The error of the end was given to the caller.
    told: bool,
}

impl Receiving {
    /// Begins to connect.
    pub(super) fn begin(setup: Setup) -> Result<Self> {
        let Setup { url, options, providers, hook } = setup;
        let (write_limit, logs_in) = (options.write_limit, options.ready.is_some());
        let (socket, events) = WebSocket::open(&url, options, providers, true)?;
        Ok(Self { socket, events, hook, messages: VecDeque::new(), write_limit, logs_in, is_open: false, last_close: None, told: false })
    }

    /// Takes note of what happened. A message is the caller's.
    pub(super) fn take(&mut self, shown: Shown) -> Option<Message> {
        let event = match shown {
            Shown::Message(message) => return Some(message),
            Shown::Event(event) => event,
        };
        if let Some(hook) = &mut self.hook {
            hook(&self.socket, &event);
        }
        match *event {
            Event::Open(_) if !self.logs_in => self.is_open = true,
            Event::Ready => self.is_open = true,
            Event::Close(close) => self.last_close = Some(close),
            _ => {}
        }
        None
    }

    /// Keeps a message for the next call that receives.
    pub(super) fn keep(&mut self, message: Message) {
        self.messages.push_back(message);
    }

    /// The oldest message that was kept.
    pub(super) fn kept(&mut self) -> Option<Message> {
        self.messages.pop_front()
    }

    /// Whether the connection is open, and logged in; an error if it will never be.
    pub(super) fn has_opened(&self) -> Result<bool> {
        if self.is_open || !self.has_ended() { Ok(self.is_open) } else { Err(self.error("connect")) }
    }

    /// The item behind the last message: the error of an abnormal end, once, and then nothing.
    pub(super) fn end(&mut self) -> Option<Result<Message>> {
        let told = std::mem::replace(&mut self.told, true);
        let error = self.last_close.as_ref()?.error.clone().filter(|_| !told)?;
        Some(Err(error))
    }

    pub(super) fn last_close(&self) -> Option<&Close> {
        self.last_close.as_ref()
    }

    /// Why `call` is not possible after the end.
    pub(super) fn error(&self, call: &str) -> Error {
        let close = self.last_close.as_ref();
        close.and_then(|close| close.error.clone()).unwrap_or_else(|| {
            let how = close.map_or_else(String::new, |close| format!(" with {}", close.code));
            Error::new(ErrorCode::InvalidState, format!("{call}() needs an open connection; it was closed{how}"))
        })
    }

    /// Sends a message. Bytes that the kernel does not take wait in memory.
    pub(super) fn send(&self, data: impl AsData, options: SendOptions) -> Result<()> {
        let returns = self.last_close.as_ref().is_some_and(|close| close.will_reconnect);
        if matches!(self.socket.ready_state(), ReadyState::Closing | ReadyState::Closed) && !returns {
            return Err(self.error("send"));
        }
        self.socket.send_with(data, options)
    }

    /// Whether a sender has to wait: more than `write_limit` bytes wait to leave, and they still may.
    pub(super) fn is_over_limit(&self) -> bool {
        self.socket.buffered_amount() > self.write_limit
            && matches!(self.socket.ready_state(), ReadyState::Open | ReadyState::Closing)
            && !self.events.meets_end()
    }

    /// Starts the closing handshake, with 1000 if no code is given. Returns false if there is nothing to wait for.
    pub(super) fn close(&self, code: Option<CloseCode>, reason: &str) -> Result<bool> {
        if self.has_ended() {
            return Ok(false);
        }
        self.socket.close(code.unwrap_or(CloseCode::NORMAL), reason)?;
        Ok(true)
    }

    /// The next message that comes on this thread. `None` at the end, or when the time is over.
    pub(super) fn message_until(&mut self, until: Option<Instant>) -> Option<Message> {
        loop {
            let shown = self.events.shown_until(until)?;
            if let Some(message) = self.take(shown) {
                return Some(message);
            }
        }
    }

    /// Whether the connection is closed for good.
    pub(super) fn has_ended(&self) -> bool {
        self.last_close.as_ref().is_some_and(|close| !close.will_reconnect)
    }
}
