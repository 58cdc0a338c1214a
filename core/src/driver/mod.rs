//! The drivers, which call `Client::drive`: threads, clocks and wake-ups. [`Connection`] is a binding's handle of a socket.

mod attempt;
mod background;
mod beside;
mod counted;
pub mod exit;
mod forget;
mod fragments;
mod host;
mod inbox;
mod keeper;
mod listener;
mod notice;
mod own_loop;
mod queue;
mod runtime;
pub mod shutdown;
#[cfg_attr(windows, path = "console.rs")]
mod signals;
pub mod stats;
mod steer;
mod sync;
mod task;
mod watch;
mod weak;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use tokio::sync::Notify;

use crate::address;
use crate::client::{self, Client};
use crate::close::CloseCode;
use crate::error::{Error, ErrorCode, Result};
use crate::event::{Batch, Event, ReadyState, Settled};
use crate::message::{Answer, Data, SendOptions};
use crate::options::{Driver, Options, Providers};
use crate::process;

use queue::Queue;

pub use crate::client::LinkId;
pub use crate::process::PerProcess;
pub use fragments::FragmentWriter;
pub use host::Plan;
pub use inbox::LoopHandle;
pub use keeper::times_stood_in;
pub use listener::{Listener, TOKEN};
pub use own_loop::{Descriptor, Driven, OwnLoop, Watch};
pub use queue::{Wake, give_back as give_back_batch, spare as spare_batch};
pub use task::TaskDriver;
pub use weak::WeakConnection;

/// The destination of the core's warnings: see [`set_hook`](warnings::set_hook).
pub mod warnings {
    pub use crate::warning::{Hook, set_hook};
}

/// Checks options. Many sockets often have the same options: those are checked and kept once.
fn share(options: Options) -> Result<Arc<Options>> {
    thread_local! {
        static LAST: RefCell<Weak<Options>> = const { RefCell::new(Weak::new()) };
    }
    LAST.with_borrow_mut(|last| {
        if let Some(known) = last.upgrade().filter(|known| **known == options) {
            return Ok(known);
        }
        options.check()?;
        let options = Arc::new(options);
        *last = Arc::downgrade(&options);
        Ok(options)
    })
}

/// The part that a socket's binding and its driver share.
struct Shared {
    client: Client,
    queue: Queue,
    poke: Notify,
    started: AtomicBool,
    hosted: Option<host::Hosted>,
    beside_poke: Notify,
    beside_tasked: AtomicBool,
    /// The receiver of the ends of requests, if it is not the host.
    settles: OnceLock<Box<dyn Fn(Settled) + Send + Sync>>,
}

impl Shared {
    /// Makes the present driver take a turn.
    fn poke(&self) {
        match &self.hosted {
            Some(hosted) => {
                if hosted.ring() {
                    self.queue.wake();
                }
                // The host may be busy for long; if the background stands in, it takes the turn.
                if hosted.is_kept() {
                    self.poke.notify_one();
                }
            }
            None => self.poke.notify_one(),
        }
    }
}

/// A binding's handle of a socket. All calls may come from any thread. They do not block on the network, and run no user code.
#[derive(Clone)]
pub struct Connection(Arc<Shared>);

impl Connection {
    /// A socket that is `CONNECTING` and does nothing until [`Connection::start`].
    ///
    /// # Errors
    /// `invalid_url` if `url` is not one of ws, wss, http, https, or has a fragment; `runtime_failed`; those of [`Options::check`].
    pub fn new(url: &str, options: Options, providers: Providers, wake: Wake) -> Result<Self> {
        Self::make(url, options, providers, wake, false)
    }

    /// As [`Connection::new`], for a socket that the host's own event loop drives with [`Connection::drive`], unless the option `driver` says
    /// otherwise ([`Connection::is_hosted`]).
    ///
    /// # Errors
    /// As [`Connection::new`].
    pub fn hosted(url: &str, options: Options, providers: Providers, wake: Wake) -> Result<Self> {
        Self::make(url, options, providers, wake, true)
    }

    fn make(url: &str, options: Options, providers: Providers, wake: Wake, hosted: bool) -> Result<Self> {
        let (url, zoned) = address::parse_zoned_url(url)?;
        let options = share(match zoned {
            Some(place) if options.connect_to.is_none() => options.connect_to(place),
            _ => options,
        })?;
        let hosted = match (options.driver, hosted) {
            (Driver::Background, _) | (Driver::Auto, false) => None,
            (Driver::Host, false) => {
                return Err(Error::new(ErrorCode::InvalidOption, "driver: no event loop here can drive the connection; got \"host\""));
            }
            (_, true) => Some(host::Hosted::new(options.keeper)),
        };
        runtime::handle()?;
        let shared = Arc::new(Shared {
            client: Client::new(url, options, providers, u64::from_ne_bytes(process::random())),
            queue: Queue::new(wake),
            poke: Notify::new(),
            started: AtomicBool::new(false),
            hosted,
            beside_poke: Notify::new(),
            beside_tasked: AtomicBool::new(false),
            settles: OnceLock::new(),
        });
        Ok(Self(shared))
    }

    /// Whether the host has to call [`Connection::drive`].
    pub fn is_hosted(&self) -> bool {
        self.0.hosted.is_some()
    }

    /// Begins to connect. Call it once events can be delivered.
    pub fn start(&self) {
        self.begin(runtime::SHUTDOWNS.load(Ordering::Acquire) > 0);
    }

    /// Starts the socket. During a shutdown it ends at once and does not dial.
    fn begin(&self, shuts_down: bool) {
        let shared = &self.0;
        if !shared.client.is_ours() || shared.started.swap(true, Ordering::AcqRel) {
            return;
        }
        exit::register(&self.0);
        stats::register(&self.0);
        shared.client.start(Instant::now());
        if shuts_down {
            shared.client.go_away(Instant::now(), CloseCode::GOING_AWAY);
        }
        if let Ok(runtime) = runtime::handle() {
            keeper::watch(runtime, shared.hosted.as_ref().and_then(|hosted| hosted.patience));
        }
        let Some(hosted) = &shared.hosted else { return background::begin(shared) };
        // Dials at once, without waiting for the host's first turn.
        let mut held = hosted.turn();
        held.myself = Some(Arc::clone(shared));
        let order = shared.client.take_dial().and_then(|order| held.begin(shared, order));
        drop(held);
        if order.is_some() && hosted.order(&mut client::Turn { dial: order, ..client::Turn::default() }) {
            shared.summon();
        }
        shared.poke();
    }

    /// Swaps the next batch into `batch` (which is cleared first). Returns false, and leaves an empty batch, if there is no next one.
    pub fn take(&self, batch: &mut Batch) -> bool {
        self.0.queue.take(batch)
    }

    /// Call it for each `Item::Event` before its handlers run: it updates the state that the user sees (`ready_state`, `protocol` ...). False: do not
    /// show the event (for example, a message after `close()`).
    pub fn enter(&self, event: &Event) -> bool {
        self.0.client.enter(event)
    }

    /// Whether a message may be shown now: `ready_state` is `Open`, or `Closing` with `deliver_after_close`. Ask before each message, because a
    /// handler may have closed the socket.
    pub fn may_deliver(&self) -> bool {
        self.0.client.may_deliver()
    }

    /// Call it at `Item::Barrier`.
    pub fn settle(&self) {
        self.0.client.settle(Instant::now());
        self.0.poke();
    }

    /// Call it when the handlers of a whole batch have run: reading may go on, and held messages are sent.
    pub fn delivered(&self, batch: &Batch) {
        if self.0.client.delivered(Instant::now, batch.weight()) {
            self.0.poke();
        }
    }

    /// Answers an `Event::Ask`.
    pub fn answer(&self, id: u64, answer: Answer) {
        self.0.client.answer(Instant::now(), id, answer);
        self.0.poke();
    }

    /// Sends a message, or queues it as `send_queue` says. In `CLOSING` and `CLOSED` it only grows `buffered_amount`.
    ///
    /// # Errors
    /// `invalid_state` in `CONNECTING` without a queue, `queue_full`, `forked`.
    pub fn send(&self, data: Data<'_>, options: SendOptions) -> Result<()> {
        self.poke_if(self.0.client.send(Instant::now, data, options, false)?.turn);
        if options.more {
            notice::note();
        }
        Ok(())
    }

    /// As [`Connection::send`], but in a burst of sends it may hold the message back, to leave with others in one write. True: the caller must
    /// arrange a call of [`Connection::flush`] at the end of its turn. Later held messages return false.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub fn send_paced(&self, data: Data<'_>, options: SendOptions) -> Result<bool> {
        let sent = self.0.client.send(Instant::now, data, options, true)?;
        self.poke_if(sent.turn);
        if sent.held || options.more {
            notice::note();
        }
        Ok(sent.held)
    }

    /// Sends one fragment of a message, for APIs in which users make fragments. [`Connection::fragments`] finds out the last one by itself.
    ///
    /// # Errors
    /// `invalid_state` unless `OPEN` and in order, `invalid_data` for text within binary or the other way about, `write_limit`, `forked`.
    pub fn send_fragment(&self, data: Data<'_>, first: bool, last: bool, compress: Option<bool>) -> Result<()> {
        self.poke_if(self.0.client.send_fragment(Instant::now(), data, first, last, compress)?);
        Ok(())
    }

    /// Writes the messages that [`Connection::send_paced`] held back, if that is worth it at the end of the host's turn. False: ask again after the
    /// next turn, which must come without a wait.
    pub fn flush_if_ripe(&self) -> bool {
        let flushed = self.0.client.flush_if_ripe(Instant::now());
        self.poke_if(flushed.unwrap_or_default());
        flushed.is_some()
    }

    /// Writes the messages that `more` held back.
    pub fn flush(&self) {
        self.poke_if(self.0.client.flush(Instant::now()));
    }

    /// Sends a ping. Its round trip comes with `Event::Pong`.
    ///
    /// # Errors
    /// `invalid_data` over 125 bytes, `invalid_state` unless `OPEN`, `forked`.
    pub fn ping(&self, payload: &[u8]) -> Result<()> {
        self.poke_if(self.0.client.ping(Instant::now(), payload)?);
        Ok(())
    }

    /// Sends an unsolicited pong.
    ///
    /// # Errors
    /// As [`Connection::ping`].
    pub fn pong(&self, payload: &[u8]) -> Result<()> {
        self.poke_if(self.0.client.pong(Instant::now(), payload)?);
        Ok(())
    }

    /// Starts the closing handshake; while connecting, gives up. Final: no reconnection follows.
    ///
    /// # Errors
    /// `invalid_close`: a code other than 1000 and 3000 to 4999, a reason over 123 bytes, or a reason without a code.
    pub fn close(&self, code: Option<CloseCode>, reason: &str) -> Result<()> {
        self.0.client.close(Instant::now(), code, reason)?;
        self.0.poke();
        Ok(())
    }

    /// As [`Connection::close`], with any code, for the end of the part of the program that owns the socket: 1001, or 1011 after an exception. It
    /// waits for the peer's answer no longer than `close_on_exit`. Final.
    pub fn go_away(&self, code: CloseCode) {
        self.0.client.go_away(Instant::now(), code);
        self.0.poke();
    }

    /// Drops the connection at once: `close` 1006 with `terminated` follows. Final.
    pub fn terminate(&self) {
        self.0.client.terminate(Instant::now());
        self.0.poke();
    }

    /// Stops reading until `resume` or `close`. TCP then slows the peer down.
    pub fn pause(&self) {
        self.0.client.set_paused(true);
    }

    /// Reads again.
    pub fn resume(&self) {
        self.0.client.set_paused(false);
        self.0.poke();
    }

    /// The state that the user sees.
    pub fn ready_state(&self) -> ReadyState {
        self.0.client.ready_state()
    }

    /// The bytes of messages that have not left. If the connection is gone, they never leave (WHATWG `bufferedAmount`: no reset once it closes).
    pub fn buffered_amount(&self) -> usize {
        self.0.client.buffered_amount()
    }

    /// The URL, serialized by the WHATWG rules; with redirects and providers, the one in use. It keeps credentials, as the standard requires.
    pub fn url(&self) -> String {
        self.0.client.url()
    }

    /// The subprotocol in use, or empty.
    pub fn protocol(&self) -> String {
        self.0.client.protocol()
    }

    /// The extensions in use, or empty.
    pub fn extensions(&self) -> String {
        self.0.client.extensions()
    }

    /// Our address and the peer's (or the proxy's). `None` while no connection is open, and on a unix socket.
    pub fn addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.0.client.addresses()
    }

    /// Whether the socket has ended: `CLOSED`, and its last event was taken.
    pub fn is_finished(&self) -> bool {
        self.0.client.is_finished() && self.0.queue.is_empty()
    }

    /// Whether the socket sends a Close when the process ends (`close_on_exit`).
    pub fn closes_on_exit(&self) -> bool {
        self.0.client.options().close_on_exit.is_some()
    }

    /// Whether this process made the socket (false in a forked child).
    pub fn is_ours(&self) -> bool {
        self.0.client.is_ours()
    }

    fn poke_if(&self, needed: bool) {
        if needed {
            self.0.poke();
        }
    }
}

#[cfg(test)]
mod tests;
