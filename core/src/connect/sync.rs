//! The blocking API: a connection that the caller's own thread drives, as an iterator of messages.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::receiving::{Receiving, Setup};
use crate::close::CloseCode;
use crate::error::Result;
use crate::event::{Close, Event};
use crate::message::{AsData, Message, RequestCall, SendOptions};
use crate::options::{Options, Providers};
use crate::websocket::WebSocket;

/// A connection for programs without async: `heartwire::sync::connect(url).open()`. The thread that receives and sends drives it.
///
/// ```
/// use heartwire::{Message, sync};
/// # use heartwire::testing::FaultServer;
///
/// # fn main() -> heartwire::Result<()> {
/// # let server = FaultServer::start(&serde_json::Value::Null).unwrap();
/// # let url = server.url();
/// let mut ws = sync::connect(&url).open()?;
/// ws.send("hello")?;
/// while let Some(message) = ws.next() {
///     if message? == Message::from("hello") {
///         ws.close(None, "")?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub fn connect(url: &str) -> Connect {
    Connect(Setup::new(url))
}

/// A connection that is to be opened with [`Connect::open`].
#[must_use = "nothing happens before it is opened"]
pub struct Connect(Setup);

impl Connect {
    /// The options. With `reconnect` the connection comes back by itself, and the iterator of messages goes on.
    pub fn options(mut self, options: Options) -> Self {
        self.0.options = options;
        self
    }

    /// The values that [`Event::Ask`] asks for. Answer from [`Connect::on_event`] with [`WebSocket::answer`].
    pub fn providers(mut self, providers: Providers) -> Self {
        self.0.providers = providers;
        self
    }

    /// Calls `hook` for each event that is no message: `Open`, `Close`, `Reconnecting`, `Pong`, and the others. It runs on the thread that drives.
    pub fn on_event(mut self, hook: impl FnMut(&WebSocket, &Event) + Send + 'static) -> Self {
        self.0.hook = Some(Box::new(hook));
        self
    }

    /// Opens the connection. With `reconnect` it waits through the attempts that `reconnect` allows.
    ///
    /// # Errors
    /// As [`WebSocket::connect`], and the error of the last attempt.
    pub fn open(self) -> Result<Connection> {
        let mut connection = Connection(Receiving::begin(self.0)?);
        while !connection.0.has_opened()? {
            if let Some(shown) = connection.0.events.shown_until(None)
                && let Some(message) = connection.0.take(shown)
            {
                connection.0.keep(message);
            }
        }
        Ok(connection)
    }
}

/// An open connection: an iterator of messages, driven by the thread that uses it. Made by [`connect`].
///
/// While no call of it runs, a thread of Heartwire answers pings and sends heartbeats as soon as the thread is late by the option `keeper` (0.5 s).
/// Dropping it sends Close 1001; without `close_on_exit` it drops the connection.
pub struct Connection(Receiving);

impl Connection {
    /// The next message. `None` if none came within `at_most`, or after the last one ([`Connection::has_ended`] tells which). Without a limit it
    /// waits.
    ///
    /// # Errors
    /// After the last message: the error of an abnormal end, once.
    pub fn recv(&mut self, at_most: impl Into<Option<Duration>>) -> Result<Option<Message>> {
        if let Some(message) = self.0.kept() {
            return Ok(Some(message));
        }
        let until = at_most.into().and_then(|at_most| Instant::now().checked_add(at_most));
        match self.0.message_until(until) {
            None if self.0.has_ended() => self.0.end().transpose(),
            message => Ok(message),
        }
    }

    /// Whether the connection is closed for good.
    pub fn has_ended(&self) -> bool {
        self.0.has_ended()
    }

    /// Sends a text or binary message, by the type of `data` ([`AsData`]), and waits while more than `write_limit` bytes wait to leave.
    ///
    /// # Errors
    /// The error of the end, or `invalid_state`, if the connection is closed. `invalid_state` while it reconnects without a queue; `queue_full`,
    /// `write_limit`, `forked`.
    pub fn send(&mut self, data: impl AsData) -> Result<()> {
        self.send_with(data, SendOptions::new())
    }

    /// The same, with options.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub fn send_with(&mut self, data: impl AsData, options: SendOptions) -> Result<()> {
        self.0.send(data, options)?;
        while self.0.is_over_limit() {
            self.0.events.wait_ahead(None);
        }
        Ok(())
    }

    /// Sends a request and waits for its reply, by the rules of the option `request`. Other messages that come meanwhile are kept for
    /// [`Connection::recv`].
    ///
    /// # Errors
    /// As [`WebSocket::request`]; `request_timeout`, `request_failed` with the reply as the error's body, `connection_lost`, `rate_limited`.
    pub fn request(&mut self, value: &Value, call: &RequestCall<'_>) -> Result<Value> {
        let mut reply = pin!(self.0.socket.request(value, call)?);
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(reply) = reply.as_mut().poll(&mut cx) {
                return reply;
            }
            // One step at a time: the reply may be there without an event.
            match self.0.events.pop() {
                Some(shown) => {
                    if let Some(message) = self.0.take(shown) {
                        self.0.keep(message);
                    }
                }
                None if self.0.has_ended() => return Err(self.0.error("request")),
                None => _ = self.0.events.wait_ahead(None),
            }
        }
    }

    /// Closes the connection, with 1000 if no code is given, and waits for the end. Final: no reconnection follows.
    ///
    /// # Errors
    /// `invalid_close` for a code that RFC 6455 does not allow in a Close frame, or a reason over 123 bytes.
    pub fn close(&mut self, code: impl Into<Option<CloseCode>>, reason: &str) -> Result<()> {
        if self.0.close(code.into(), reason)? {
            while let Some(message) = self.0.message_until(None) {
                self.0.keep(message);
            }
        }
        Ok(())
    }

    /// The socket underneath. A clone of it sends, pings and closes from any thread.
    pub fn socket(&self) -> &WebSocket {
        &self.0.socket
    }

    /// How the last connection ended, if one has.
    pub fn last_close(&self) -> Option<&Close> {
        self.0.last_close()
    }
}

impl Iterator for Connection {
    type Item = Result<Message>;

    fn next(&mut self) -> Option<Self::Item> {
        self.recv(None).transpose()
    }
}
