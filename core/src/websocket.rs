//! The Rust face: a [`WebSocket`] to send with, and its events as an async stream or to a callback. Thin over the driver's connection.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_core::Stream;

use crate::close::CloseCode;
use crate::driver::{Connection, FragmentWriter, exit};
use crate::error::{Error, ErrorCode, Result};
use crate::event::{Batch, Event, Item, ReadyState};
use crate::message::{Answer, AsData, Data, Message, RequestCall, SendOptions, Way};
use crate::options::{ConnectUntil, HeartbeatOptions, Options, Providers};
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
    /// A socket whose events come as a stream. It begins to connect at once, in the background.
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
    pub fn connect_with(url: &str, mut options: Options, providers: Providers) -> Result<(Self, Events)> {
        if options.connect_limit_until == ConnectUntil::Auto {
            options.connect_limit_until = ConnectUntil::Tls;
        }
        trace::heed();
        let bell = Arc::new(Bell::default());
        let wake = Arc::clone(&bell);
        let connection = Connection::new(url, options, providers, Arc::new(move || wake.ring()))?;
        let replies = Arc::new(Replies::default());
        let settles = Arc::clone(&replies);
        connection.settle_with(move |settled| settles.settle(settled));
        let socket = Self { connection, replies };
        let events = Events { socket: socket.clone(), bell, batch: Batch::default(), position: 0 };
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

    /// The counts so far, over all connections of this socket. [`crate::stats`] sums up all sockets of the process.
    pub fn stats(&self) -> Stats {
        self.connection.stats()
    }
}

/// The events of a socket, in order. Ends after the last `close`. Dropping it (by a return from `main` or a panic too) sends Close
/// 1001; without `close_on_exit` it drops the connection.
pub struct Events {
    socket: WebSocket,
    bell: Arc<Bell>,
    batch: Batch,
    position: usize,
}

impl Events {
    /// The next event; `None` after the last. Cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// The next event, blocking this thread; `None` after the last, or when `at_most` is over.
    pub fn next_blocking(&mut self, at_most: Option<Duration>) -> Option<Event> {
        let until = at_most.map(|at_most| std::time::Instant::now() + at_most);
        loop {
            if let Some(event) = self.pop() {
                return Some(event);
            }
            if self.socket.connection.is_finished() || !self.bell.wait(until) {
                return None;
            }
        }
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if let Some(event) = self.pop() {
            return Poll::Ready(Some(event));
        }
        self.bell.listen(cx.waker());
        // Events that arrived before this task waited have woken nobody.
        if let Some(event) = self.pop() {
            return Poll::Ready(Some(event));
        }
        if self.socket.connection.is_finished() { Poll::Ready(None) } else { Poll::Pending }
    }

    /// The next event that the user may see.
    fn pop(&mut self) -> Option<Event> {
        let connection = &self.socket.connection;
        loop {
            let Some(item) = self.batch.items.get_mut(self.position) else {
                if self.position > 0 {
                    connection.delivered(&self.batch);
                }
                self.position = 0;
                if !connection.take(&mut self.batch) {
                    return None;
                }
                trace::frames();
                continue;
            };
            self.position += 1;
            match item {
                Item::Barrier => connection.settle(),
                Item::Text(range) | Item::Ascii(range) if connection.may_deliver() => {
                    return Some(Event::Message(Message::Text(text(&self.batch.bytes[range.clone()]))));
                }
                Item::Binary(range) if connection.may_deliver() => {
                    return Some(Event::Message(Data::Binary(&self.batch.bytes[range.clone()]).to_message()));
                }
                Item::Text(_) | Item::Ascii(_) | Item::Binary(_) => {}
                Item::Event(event) => {
                    if connection.enter(event) {
                        trace::event(|| connection.url(), event);
                        // The batch still reports the weight of the event, so the event stays there and a copy is returned.
                        return Some((**event).clone());
                    }
                }
            }
        }
    }
}

/// Converts bytes that the protocol has found to be UTF-8. Checking them again is cheap.
fn text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes).into_owned(), str::to_owned)
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.get_mut().poll_event(cx)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let connection = &self.socket.connection;
        if connection.closes_on_exit() {
            connection.go_away(CloseCode::GOING_AWAY);
        } else {
            connection.terminate();
        }
    }
}

/// Wakes the task or the thread that waits for events. Not an `AtomicWaker`, because a thread may wait as well.
#[derive(Default)]
struct Bell {
    state: Mutex<BellState>,
    changed: Condvar,
}

#[derive(Default)]
struct BellState {
    rung: bool,
    waker: Option<Waker>,
}

impl Bell {
    fn ring(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.rung = true;
        let waker = state.waker.take();
        drop(state);
        self.changed.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn listen(&self, waker: &Waker) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).waker = Some(waker.clone());
    }

    /// Waits until it rings. False when the time is over.
    fn wait(&self, until: Option<std::time::Instant>) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while !state.rung {
            state = match until {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(std::time::Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        state.rung = false;
        true
    }
}
