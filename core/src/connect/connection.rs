//! `heartwire::connect`: a connection that the caller's own task drives, as a stream of messages.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use serde_json::Value;

use super::receiving::{Receiving, Setup};
use crate::close::CloseCode;
use crate::error::Result;
use crate::event::{Close, Event};
use crate::message::{AsData, Message, RequestCall, SendOptions};
use crate::options::{Options, Providers};
use crate::websocket::WebSocket;

/// Opens a connection: `heartwire::connect(url).await`. The task that awaits, receives and sends drives it, without another thread.
///
/// ```
/// use heartwire::Message;
/// # use heartwire::testing::FaultServer;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> heartwire::Result<()> {
/// # let server = FaultServer::start(&serde_json::Value::Null).unwrap();
/// # let url = server.url();
/// let mut ws = heartwire::connect(&url).await?;
/// ws.send("hello").await?;
/// while let Some(message) = ws.next().await {
///     if message? == Message::from("hello") {
///         ws.close(None, "").await?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub fn connect(url: &str) -> Connect {
    Connect(Setup::new(url))
}

/// A connection that is to be opened. Await it, or give it options before.
#[must_use = "nothing happens before it is awaited"]
pub struct Connect(Setup);

impl Connect {
    /// The options. With `reconnect` the connection comes back by itself, and the stream of messages goes on.
    pub fn options(mut self, options: Options) -> Self {
        self.0.options = options;
        self
    }

    /// The values that [`Event::Ask`] asks for. Answer from [`Connect::on_event`] with [`WebSocket::answer`].
    pub fn providers(mut self, providers: Providers) -> Self {
        self.0.providers = providers;
        self
    }

    /// Calls `hook` for each event that is no message: `Open`, `Close`, `Reconnecting`, `Pong`, and the others. It runs on the task that drives.
    ///
    /// ```
    /// use heartwire::{Event, Options, ReconnectOptions};
    /// # use heartwire::testing::FaultServer;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> heartwire::Result<()> {
    /// # let server = FaultServer::start(&serde_json::Value::Null).unwrap();
    /// # let url = server.url();
    /// let options = Options::new().reconnect(ReconnectOptions::new());
    /// let mut ws = heartwire::connect(&url)
    ///     .options(options)
    ///     .on_event(|ws, event| match event {
    ///         Event::Open(_) => ws.send("log in").expect("it is open"),
    ///         Event::Reconnecting(next) => eprintln!("lost; attempt {} in {:?}", next.attempt, next.delay),
    ///         _ => {}
    ///     })
    ///     .await?;
    /// let first = ws.next().await.transpose()?;
    /// assert_eq!(first, Some("log in".into()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_event(mut self, hook: impl FnMut(&WebSocket, &Event) + Send + 'static) -> Self {
        self.0.hook = Some(Box::new(hook));
        self
    }
}

impl IntoFuture for Connect {
    type Output = Result<Connection>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Connection>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let mut connection = Connection(Receiving::begin(self.0)?);
            while !connection.0.has_opened()? {
                // A message before the login is done.
                if let Some(message) = poll_fn(|cx| connection.poll_message(cx, true)).await {
                    connection.0.keep(message);
                }
            }
            Ok(connection)
        })
    }
}

/// An open connection: a [`Stream`] of messages, driven by the task that uses it. Made by [`connect`].
///
/// While the task does not poll it, a thread of Heartwire answers pings and sends heartbeats as soon as the task is late by the option `keeper`
/// (0.5 s). The task has to run in a tokio runtime with its I/O driver enabled; in other executors a thread of Heartwire tells the task when there
/// is something to read. With `Options::driver(Driver::Background)` a thread of Heartwire drives all the time.
///
/// Dropping it sends Close 1001; without `close_on_exit` it drops the connection.
pub struct Connection(Receiving);

impl Connection {
    /// The next message. After the last one: the error of an abnormal end, once; then `None`. Cancel-safe. The same as the [`Stream`].
    pub async fn next(&mut self) -> Option<Result<Message>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Sends a text or binary message, by the type of `data` ([`AsData`]). Then waits while more than `write_limit` bytes wait to leave; the
    /// message is sent even if that wait is cancelled.
    ///
    /// # Errors
    /// The error of the end, or `invalid_state`, if the connection is closed. `invalid_state` while it reconnects without a queue; `queue_full`,
    /// `write_limit`, `forked`.
    pub async fn send(&mut self, data: impl AsData) -> Result<()> {
        self.send_with(data, SendOptions::new()).await
    }

    /// The same, with options.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub async fn send_with(&mut self, data: impl AsData, options: SendOptions) -> Result<()> {
        self.0.send(data, options)?;
        poll_fn(|cx| {
            while self.0.is_over_limit() {
                ready!(self.0.events.poll_ahead(cx));
            }
            Poll::Ready(())
        })
        .await;
        Ok(())
    }

    /// Sends a request and waits for its reply, by the rules of the option `request`. Other messages that come meanwhile are kept for
    /// [`Connection::next`].
    ///
    /// # Errors
    /// As [`WebSocket::request`]; `request_timeout`, `request_failed` with the reply as the error's body, `connection_lost`, `rate_limited`.
    pub async fn request(&mut self, value: &Value, call: &RequestCall<'_>) -> Result<Value> {
        let mut reply = pin!(self.0.socket.request(value, call)?);
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(reply) = reply.as_mut().poll(cx) {
                    return Poll::Ready(reply);
                }
                match ready!(self.poll_message(cx, false)) {
                    Some(message) => self.0.keep(message),
                    // The end has settled it.
                    None if self.0.has_ended() => return reply.as_mut().poll(cx),
                    None => {}
                }
            }
        })
        .await
    }

    /// Closes the connection, with 1000 if no code is given, and waits for the end. Final: no reconnection follows.
    ///
    /// # Errors
    /// `invalid_close` for a code that RFC 6455 does not allow in a Close frame, or a reason over 123 bytes.
    pub async fn close(&mut self, code: impl Into<Option<CloseCode>>, reason: &str) -> Result<()> {
        if self.0.close(code.into(), reason)? {
            while let Some(message) = poll_fn(|cx| self.poll_message(cx, false)).await {
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

    /// The next message that comes; `None` at the end. With `once` also after any other event.
    fn poll_message(&mut self, cx: &mut Context<'_>, once: bool) -> Poll<Option<Message>> {
        loop {
            let Some(shown) = ready!(self.0.events.poll_shown(cx)) else { return Poll::Ready(None) };
            let message = self.0.take(shown);
            if message.is_some() || once {
                return Poll::Ready(message);
            }
        }
    }
}

impl Stream for Connection {
    type Item = Result<Message>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let connection = self.get_mut();
        if let Some(message) = connection.0.kept() {
            return Poll::Ready(Some(Ok(message)));
        }
        Poll::Ready(match ready!(connection.poll_message(cx, false)) {
            Some(message) => Some(Ok(message)),
            None => connection.0.end(),
        })
    }
}
