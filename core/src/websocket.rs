//! The socket of the Rust API: a [`WebSocket`] to send with, whose events come as an async stream or to a callback. Thin over the driver's connection.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::close::CloseCode;
use crate::delivery::Events;
use crate::driver::{Connection, FragmentWriter, Listener, exit};
use crate::error::{Error, ErrorCode, Result};
use crate::event::{Event, ReadyState};
use crate::message::{Answer, AsData, RequestCall, SendOptions, Way};
use crate::options::{ConnectUntil, Driver, HeartbeatOptions, Options, Providers};
use crate::reply::{Replies, Reply};
use crate::stats::Stats;
use crate::trace;

/// A socket. Clones are the same socket; all methods may be called from any thread and do not block.
///
/// ```no_run
/// use heartwire::{Event, Message, Options, ReconnectOptions, WebSocket};
///
/// # async fn chat() -> heartwire::Result<()> {
/// let options = Options::new().reconnect(ReconnectOptions::new());
/// let (ws, mut events) = WebSocket::connect("wss://im.example/ws", options)?;
/// while let Some(event) = events.next().await {
///     match event {
///         Event::Open(_) => ws.send("hello")?,
///         Event::Message(Message::Text(text)) if text == "ping" => ws.send("pong")?,
///         Event::Close(close) => println!("closed with {}: {}", close.code, close.reason),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct WebSocket {
    connection: Connection,
    replies: Arc<Replies>,
}

impl WebSocket {
    /// A socket whose events come as a stream. It begins to connect at once, in the background. For messages alone, and for the shortest round
    /// trips, see [`connect`](crate::connect()).
    ///
    /// # Errors
    /// `invalid_url`, `invalid_protocol`, `invalid_header`, `runtime_failed`.
    pub fn connect(url: &str, options: Options) -> Result<(Self, Events)> {
        Self::connect_with(url, options, Providers::default())
    }

    /// As [`WebSocket::connect`], with `providers`: the values that [`Event::Ask`] asks for. Answer with [`WebSocket::answer`].
    ///
    /// # Errors
    /// As [`WebSocket::connect`].
    pub fn connect_with(url: &str, options: Options, providers: Providers) -> Result<(Self, Events)> {
        let hosted = options.driver == Driver::Host;
        Self::open(url, options, providers, hosted)
    }

    /// The same. If `hosted`, the task or the thread that takes the events drives the socket, unless the option `driver` says otherwise.
    pub(crate) fn open(url: &str, mut options: Options, providers: Providers, hosted: bool) -> Result<(Self, Events)> {
        if options.connect_limit_until == ConnectUntil::Auto {
            options.connect_limit_until = ConnectUntil::Tls;
        }
        trace::heed();
        let listener = Arc::new(Listener::default());
        let waking = Arc::clone(&listener);
        let wake = Arc::new(move || waking.ring());
        let make = if hosted { Connection::hosted } else { Connection::new };
        let connection = make(url, options, providers, wake)?;
        let replies = Arc::new(Replies::default());
        let settles = Arc::clone(&replies);
        connection.settle_with(move |settled| settles.settle(settled));
        let events = Events::new(connection.clone(), Arc::clone(&replies), listener);
        let socket = Self { connection, replies };
        socket.start();
        Ok((socket, events))
    }

    /// A socket whose events go to `handler`, one at a time and in order, on the socket's own thread. The thread ends after the last `close` event;
    /// join it to wait for that. A handler that panics ends the socket.
    ///
    /// ```no_run
    /// use heartwire::{Event, Options, WebSocket};
    ///
    /// # fn main() -> heartwire::Result<()> {
    /// let (ws, thread) = WebSocket::with_handler("ws://127.0.0.1:9605/ws", Options::new(), |ws, event| {
    ///     if let Event::Open(_) = event {
    ///         ws.send("hello").expect("the socket is open");
    ///     }
    /// })?;
    /// thread.join().expect("the handler did not panic");
    /// # drop(ws);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`WebSocket::connect`].
    pub fn with_handler(
        url: &str,
        options: Options,
        mut handler: impl FnMut(&Self, Event) + Send + 'static,
    ) -> Result<(Self, JoinHandle<()>)> {
        let (socket, mut events) = Self::connect(url, options)?;
        let own = socket.clone();
        let thread = std::thread::Builder::new()
            .name("heartwire-handler".to_owned())
            .spawn(move || {
                while let Some(event) = events.next_blocking(None) {
                    handler(&own, event);
                }
            })
            .map_err(|error| Error::new(ErrorCode::RuntimeFailed, "no thread could be started for the handler").caused_by(&error))?;
        Ok((socket, thread))
    }

    fn start(&self) {
        if self.connection.closes_on_exit() {
            exit::watch_signals();
            exit::watch_normal_end();
        }
        self.connection.start();
    }

    /// Sends a text or binary message, by the type of `data` ([`AsData`]). With `send_queue` it is queued while the connection is down.
    ///
    /// # Errors
    /// `invalid_state` while connecting without a queue, `queue_full`, `write_limit`, `forked`. After `close` nothing is sent, without an error.
    pub fn send(&self, data: impl AsData) -> Result<()> {
        self.connection.send(data.as_data(), SendOptions::new())
    }

    /// As [`WebSocket::send`], with options.
    ///
    /// # Errors
    /// As [`WebSocket::send`].
    pub fn send_with(&self, data: impl AsData, options: SendOptions) -> Result<()> {
        self.connection.send(data.as_data(), options)
    }

    /// Sends a message with a key or as urgent, within `rate_limit`. Returns true if it has to wait.
    ///
    /// # Errors
    /// As [`WebSocket::send`]; `rate_limited`; `invalid_data` for a key without `rate_limit.keys`.
    pub fn send_by(&self, data: impl AsData, way: &Way<'_>) -> Result<bool> {
        self.connection.send_by(data.as_data(), SendOptions::new(), &way.ticket(None))
    }

    /// Sends a request and returns its reply, by the rules of the option `request`: a request without an id gets one. It waits until the
    /// connection is open and ready.
    ///
    /// ```no_run
    /// # async fn ask(ws: heartwire::WebSocket) -> heartwire::Result<()> {
    /// let reply = ws.request(&serde_json::json!({"action": "get_login_info"}), &Default::default())?.await?;
    /// println!("{}", reply["data"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `invalid_state` after `close` and the last event; `invalid_data`: not an object, or an id in use; `queue_full`; `forked`.
    pub fn request(&self, value: &serde_json::Value, call: &RequestCall<'_>) -> Result<Reply> {
        let ticket = self.replies.expect();
        if let Err(error) = self.connection.request(ticket, &value.to_string(), call) {
            self.replies.forget(ticket);
            return Err(error);
        }
        Ok(Reply::new(self.connection.clone(), Arc::clone(&self.replies), ticket))
    }

    /// Holds back all messages for this time, except urgent ones, or only those with this key: for a server that asks to slow down. Zero ends it.
    ///
    /// # Errors
    /// `invalid_state` without `rate_limit`; `invalid_data` for a key without `rate_limit.keys`; `forked`.
    pub fn throttle(&self, time: Duration, key: Option<&str>) -> Result<()> {
        self.connection.throttle(time, key)
    }

    /// Begins a message that leaves in fragments as its parts arrive (RFC 6455 section 5.4). `text` gives its kind; without it the first part does,
    /// and a message without parts is text. `compress` overrides the options. Other messages wait until it has ended.
    pub fn fragments(&self, text: Option<bool>, compress: Option<bool>) -> FragmentWriter {
        self.connection.fragments(text, compress)
    }

    /// Sends a ping; the round trip comes with [`Event::Pong`].
    ///
    /// # Errors
    /// `invalid_data` over 125 bytes, `invalid_state` unless open, `forked`.
    pub fn ping(&self, payload: &[u8]) -> Result<()> {
        self.connection.ping(payload)
    }

    /// Sends an unsolicited pong.
    ///
    /// # Errors
    /// As [`WebSocket::ping`].
    pub fn pong(&self, payload: &[u8]) -> Result<()> {
        self.connection.pong(payload)
    }

    /// Starts the closing handshake, or gives up connecting. Final: no reconnection follows.
    ///
    /// # Errors
    /// `invalid_close` for a code that RFC 6455 does not allow in a Close frame, or a reason over 123 bytes.
    pub fn close(&self, code: impl Into<Option<CloseCode>>, reason: &str) -> Result<()> {
        self.connection.close(code.into(), reason)
    }

    /// Drops the connection at once.
    pub fn terminate(&self) {
        self.connection.terminate();
    }

    /// Sets the heartbeat of the present connection, as a server requests it in its greeting. `None` turns it off. The next connection starts with
    /// the heartbeat of the options.
    ///
    /// # Errors
    /// `invalid_option`, `invalid_state` unless open, `forked`.
    pub fn set_heartbeat(&self, options: impl Into<Option<HeartbeatOptions>>) -> Result<()> {
        self.connection.set_heartbeat(options.into())
    }

    /// Opens another connection now, without a delay, to `url` if one is given (for this attempt only). All events of the old one are delivered. Its
    /// peer gets `code` (1000 if none), and it ends with an [`Event::Close`] whose error is `replaced`. If no connection is open, the next attempt
    /// begins at once.
    ///
    /// # Errors
    /// `invalid_url`, `invalid_close`, `invalid_state` after `close` and the last event, `forked`.
    pub fn reconnect(&self, url: Option<&str>, code: impl Into<Option<CloseCode>>, reason: &str) -> Result<()> {
        self.connection.reconnect(url, code.into(), reason)
    }

    /// As [`WebSocket::reconnect`], but the other connection is opened, and logged in by `ready`, first. Then everything read before is delivered,
    /// the old peer gets `code` (1000 if none), and its last messages are delivered. Its [`Event::Close`] follows, and then [`Event::Open`] and the
    /// events of the new one; `ready_state` stays `Open`. If the new one fails, the old one stays.
    ///
    /// # Errors
    /// As [`WebSocket::reconnect`]; also `invalid_state` if a function logs in.
    pub fn reconnect_beside(&self, url: Option<&str>, code: Option<CloseCode>, reason: &str) -> Result<()> {
        self.connection.reconnect_beside(url, code, reason)
    }

    /// Stops reading until `resume` or `close`. TCP then slows the peer down.
    pub fn pause(&self) {
        self.connection.pause();
    }

    /// Reads again.
    pub fn resume(&self) {
        self.connection.resume();
    }

    /// Answers an [`Event::Ask`].
    pub fn answer(&self, id: u64, answer: Answer) {
        self.connection.answer(id, answer);
    }

    /// The state, after the events that were delivered.
    pub fn ready_state(&self) -> ReadyState {
        self.connection.ready_state()
    }

    /// The bytes of messages that the kernel has not accepted. As in WHATWG, it is not reset when the connection closes.
    pub fn buffered_amount(&self) -> usize {
        self.connection.buffered_amount()
    }

    /// The URL in use.
    pub fn url(&self) -> String {
        self.connection.url()
    }

    /// The subprotocol in use, or empty.
    pub fn protocol(&self) -> String {
        self.connection.protocol()
    }

    /// The extensions in use, or empty.
    pub fn extensions(&self) -> String {
        self.connection.extensions()
    }

    /// The last measured round trip of a ping.
    pub fn latency(&self) -> Option<Duration> {
        self.connection.latency()
    }

    /// The counts so far, over all connections of this socket. [`crate::stats()`] sums up all sockets of the process.
    pub fn stats(&self) -> Stats {
        self.connection.stats()
    }
}
