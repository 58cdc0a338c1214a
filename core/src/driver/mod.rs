//! Who calls `Client::drive`: threads, clocks and wake-ups. [`Connection`] is what a face (Rust, Python, Node) holds of a socket.

pub mod exit;

use std::sync::Arc;
use std::time::Duration;

use crate::close::CloseCode;
use crate::error::Result;
use crate::event::{Batch, Event, ReadyState};
pub use crate::message::{Answer, Data, Message, SendOptions};
use crate::options::{Options, Providers};

/// Told, from any thread and without a lock held, that [`Connection::take`] has something; once for each change from empty to not empty.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// A socket as a face holds it. All calls may come from any thread; none blocks on the network, none runs user code.
#[derive(Clone)]
pub struct Connection {}

impl Connection {
    /// A socket that is `CONNECTING` and does nothing until [`Connection::start`].
    ///
    /// # Errors
    /// `invalid_url`, where `url` is not one of ws, wss, http, https, or has a fragment; `runtime_failed`.
    pub fn new(url: &str, options: Options, providers: Providers, wake: Wake) -> Result<Self> {
        todo!()
    }

    /// Begins to connect. Call it once events can be delivered.
    pub fn start(&self) {
        todo!()
    }

    /// Swaps the next batch into `batch` (which is cleared first). False, with an empty batch, when there is none.
    pub fn take(&self, batch: &mut Batch) -> bool {
        todo!()
    }

    /// To be called for each `Item::Event` before its handlers run: what the user sees (`ready_state`, `protocol` ...) changes here.
    /// False: do not show it (a message after `close()`, for one).
    pub fn enter(&self, event: &Event) -> bool {
        todo!()
    }

    /// Whether a message may be shown now: `ready_state` is `Open`. Ask before each message, for a handler may have closed the socket.
    pub fn may_deliver(&self) -> bool {
        todo!()
    }

    /// To be called at `Item::Barrier`.
    pub fn settle(&self) {
        todo!()
    }

    /// To be called when the handlers of a whole batch have run: lets reading go on and sends what the handlers sent.
    pub fn delivered(&self, batch: &Batch) {
        todo!()
    }

    /// Answers an `Event::Ask`.
    pub fn answer(&self, id: u64, answer: Answer) {
        todo!()
    }

    /// Sends a message, or queues it as `send_queue` says. In `CLOSING` and `CLOSED` it only grows `buffered_amount`.
    ///
    /// # Errors
    /// `invalid_state` in `CONNECTING` without a queue, `queue_full`, `forked`.
    pub fn send(&self, data: Data<'_>, options: SendOptions) -> Result<()> {
        todo!()
    }

    /// Sends one fragment of a message (RFC 6455 section 5.4); the first says whether the message is text. Other messages wait until `last`.
    ///
    /// # Errors
    /// `invalid_state` unless `OPEN`, `forked`.
    pub fn send_fragment(&self, data: Data<'_>, first: bool, last: bool) -> Result<()> {
        todo!()
    }

    /// Writes what `more` held back.
    pub fn flush(&self) {
        todo!()
    }

    /// Sends a ping. Its round trip comes with `Event::Pong`.
    ///
    /// # Errors
    /// `invalid_data` over 125 bytes, `invalid_state` unless `OPEN`, `forked`.
    pub fn ping(&self, payload: &[u8]) -> Result<()> {
        todo!()
    }

    /// Sends an unsolicited pong.
    ///
    /// # Errors
    /// As [`Connection::ping`].
    pub fn pong(&self, payload: &[u8]) -> Result<()> {
        todo!()
    }

    /// Starts the closing handshake; while connecting, gives up. Final: no reconnection follows.
    ///
    /// # Errors
    /// `invalid_close`: a code other than 1000 and 3000 to 4999, a reason over 123 bytes, or a reason without a code.
    pub fn close(&self, code: Option<CloseCode>, reason: &str) -> Result<()> {
        todo!()
    }

    /// Drops the connection at once: `close` 1006 with `terminated` follows. Final.
    pub fn terminate(&self) {
        todo!()
    }

    /// Stops reading, so that the peer is slowed down by TCP.
    pub fn pause(&self) {
        todo!()
    }

    /// Reads again.
    pub fn resume(&self) {
        todo!()
    }

    /// What the user sees.
    pub fn ready_state(&self) -> ReadyState {
        todo!()
    }

    /// The bytes of messages that have not left yet (WHATWG `bufferedAmount`).
    pub fn buffered_amount(&self) -> usize {
        todo!()
    }

    /// The URL, serialized by the WHATWG rules; with redirects and providers, the one in use. Credentials are kept, as the standard has it.
    pub fn url(&self) -> String {
        todo!()
    }

    /// The subprotocol in use, or empty.
    pub fn protocol(&self) -> String {
        todo!()
    }

    /// The extensions in use, or empty.
    pub fn extensions(&self) -> String {
        todo!()
    }

    /// The last measured round trip of a ping.
    pub fn latency(&self) -> Option<Duration> {
        todo!()
    }

    /// Whether the socket is at its end: `CLOSED`, and its last event was taken.
    pub fn is_finished(&self) -> bool {
        todo!()
    }

    /// Whether this process made the socket (false in a forked child).
    pub fn is_ours(&self) -> bool {
        todo!()
    }
}

/// To be called in a forked child, at once: its copies of the parent's sockets are closed without a word to the peer.
pub fn after_fork_in_child() {
    todo!()
}
