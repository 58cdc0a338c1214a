//! One socket: its session and at most one link (transport and protocol) behind one short-held lock. Any thread that holds the lock may drive it: the
//! descriptors do not block. Knows no thread, no runtime and no host. Callers pass the time.

mod atomic;
mod backlog;
mod beside;
mod beside_act;
mod beside_read;
mod calls;
mod farewell;
mod figures;
mod link;
mod pace;
mod steer;
mod tally;
mod teller;
mod turn;

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use url::Url;

use crate::dial;
use crate::error::Result;
use crate::event::{Batch, Close, Event, Item, ReadyState};
use crate::message::{Answer, Data};
use crate::options::{Options, Providers};
use crate::process::{self, Slot};
use crate::protocol::extension;
use crate::session::{Action, Session, Target};

use backlog::Backlog;
pub use beside::Wants;
use beside::{Beside, DialState};
pub use calls::Sent;
pub use farewell::Farewell;
use link::{Ending, Link, Retired};
use tally::Tally;
use teller::Teller;
pub use turn::{LinkId, Order, Turn};

/// One socket. Every method may be called from any thread; none blocks on the network and none runs user code.
pub struct Client {
    inner: Mutex<Inner>,
    /// What the user sees, readable without the lock.
    observed: AtomicU8,
    /// The generation of the process that made it.
    generation: u32,
    slot: Arc<Slot>,
    options: Arc<Options>,
    /// Weight of the messages handed out and not yet reported as delivered.
    backlog: Backlog,
    /// Messages were given to `send` and wait for a flush.
    unflushed: AtomicBool,
    /// The user has seen the last event.
    finished: AtomicBool,
    /// The handlers of the last event have run.
    told: AtomicBool,
}

#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
struct Inner {
    session: Session,
    url: Url,
    link: Option<Link>,
    /// Finished links, kept until their last bytes have left and their driver no longer watches the descriptor.
    retired: Vec<Retired>,
    /// The number of the latest attempt, and of its link.
    attempt: u64,
    /// How many connections have opened, and how many of their `open` events the host has reached.
    opens: u64,
    opens_seen: u64,
    /// Events that happened outside a turn. The next turn hands them out.
    emitted: Batch,
    /// The connection that is being opened or drained beside the present one, and the descriptor that its driver watches.
    beside: Option<Box<Beside>>,
    watched_beside: Option<LinkId>,
    /// The descriptor that the background watches. Both drivers use the runtime's poller, which accepts a descriptor only once.
    watched: Option<LinkId>,
    /// The user knows that the old connection of an overlap has ended, and does not know yet that the new one is open.
    between: bool,
    /// The next connection waits until the message in fragments is complete.
    hands_over_late: bool,
    dial: DialState,
    /// As `pause()` and `resume()` set it.
    paused: bool,
    /// Whether the session reads, as it was last told.
    reading: bool,
    /// The user has closed the socket, for good.
    left: bool,
    terminated: bool,
    /// The process ends: nothing else happens until the Close has been sent.
    exiting: bool,
    /// The socket does nothing more, and its drivers release it.
    given_up: bool,
    /// The session's next deadline, as it was at the end of the last turn.
    deadline: Option<Instant>,
    /// Payload bytes of messages that came too late for `send` (WHATWG keeps counting them).
    discarded: usize,
    /// Payload bytes that the last connection had not sent when it ended. They count until its `close` is delivered.
    unsent: usize,
    /// Payload bytes that a lost connection did not send. They count until the user knows of the next connection.
    left_behind: usize,
    pace: pace::Pace,
    /// `buffered_amount` has passed `write_limit`, so a `drain` event must follow.
    over_limit: bool,
    shown: Shown,
    latency: Option<Duration>,
    tally: Tally,
    /// For the connection that is being opened.
    teller: Option<Teller>,
}

/// The values of the properties. They change when the event that reports the change is delivered.
#[derive(Clone, Debug, Default)]
struct Shown {
    url: Option<String>,
    protocol: String,
    extensions: String,
}

impl Client {
    /// Makes a socket that is `CONNECTING` and does nothing until [`Client::start`]. `seed` determines the jitter of the backoff.
    pub fn new(url: Url, options: Arc<Options>, providers: Providers, seed: u64) -> Self {
        Self {
            observed: AtomicU8::new(ReadyState::Connecting as u8),
            generation: process::generation(),
            slot: Slot::register(),
            backlog: Backlog::new(options.read_limit),
            unflushed: AtomicBool::new(false),
            finished: AtomicBool::new(false),
            told: AtomicBool::new(false),
            inner: Mutex::new(Inner {
                session: Session::new(Arc::clone(&options), providers, seed),
                url,
                link: None,
                retired: Vec::new(),
                attempt: 0,
                opens: 0,
                opens_seen: 0,
                emitted: Batch::default(),
                beside: None,
                watched_beside: None,
                watched: None,
                between: false,
                hands_over_late: false,
                dial: DialState::Idle,
                paused: false,
                reading: true,
                left: false,
                terminated: false,
                exiting: false,
                given_up: false,
                deadline: None,
                discarded: 0,
                unsent: 0,
                left_behind: 0,
                pace: pace::Pace::default(),
                over_limit: false,
                shown: Shown::default(),
                latency: None,
                tally: Tally::default(),
                teller: None,
            }),
            options,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this process made the socket.
    pub fn is_ours(&self) -> bool {
        self.generation == process::generation()
    }

    /// The options in force.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The state that the user sees.
    pub fn ready_state(&self) -> ReadyState {
        match self.observed.load(Ordering::Acquire) {
            0 => ReadyState::Connecting,
            1 => ReadyState::Open,
            2 => ReadyState::Closing,
            _ => ReadyState::Closed,
        }
    }

    fn show(&self, state: ReadyState) {
        self.observed.store(state as u8, Ordering::Release);
    }

    /// Begins to connect.
    pub fn start(&self, now: Instant) {
        if !self.is_ours() {
            return;
        }
        let mut inner = self.lock();
        inner.session.start(now);
        self.pump(&mut inner, now);
    }

    /// Reports the end of an attempt that a [`Turn`] ordered.
    pub fn dialled(&self, now: Instant, result: Result<dial::Opened>) {
        let mut inner = self.lock();
        if !matches!(inner.dial, DialState::Running) {
            return;
        }
        inner.dial = DialState::Idle;
        match result {
            Ok(opened) => {
                let id = LinkId(inner.attempt);
                self.take_over(&mut inner, now, opened, id);
            }
            Err(error) => inner.session.handle_dial_failed(now, error),
        }
        self.pump(&mut inner, now);
    }

    fn take_over(&self, inner: &mut Inner, now: Instant, opened: dial::Opened, id: LinkId) {
        let agreed = extension::agree(self.options.compression.as_ref(), &opened.extensions);
        let (link, open) = Link::new(id, opened, agreed.as_ref().ok().copied().flatten(), &self.options, inner.teller.clone());
        match agreed {
            Ok(_) => {
                self.slot.set(Some(link.descriptor()));
                inner.link = Some(link);
                inner.reading = true;
                inner.pace = pace::Pace::default();
                inner.session.handle_opened(now, open);
            }
            Err(error) => {
                // The opening handshake has failed (RFC 6455 section 4.1), so there is no WebSocket that could carry a Close.
                inner.retired.push(link.retire(now, false));
                inner.session.handle_dial_failed(now, error);
            }
        }
    }

    /// Whether the user may be shown a message now: `ready_state` is `Open`, or `Closing` with `deliver_after_close`.
    pub fn may_deliver(&self) -> bool {
        match self.ready_state() {
            ReadyState::Open => true,
            ReadyState::Closing => self.options().deliver_after_close,
            ReadyState::Connecting | ReadyState::Closed => false,
        }
    }

    /// Call it for each event before its handlers run: it updates the state that the user sees. False: do not show the event.
    pub fn enter(&self, event: &Event) -> bool {
        match event {
            Event::Open(open) => {
                let mut inner = self.lock();
                inner.opens_seen += 1;
                let expected = if std::mem::take(&mut inner.between) { ReadyState::Open } else { ReadyState::Connecting };
                // The user called close() after the connection opened and before its `open` event.
                if self.ready_state() != expected {
                    return false;
                }
                if inner.opens_seen == inner.opens {
                    inner.session.handle_open_seen();
                }
                inner.shown = Shown { url: Some(open.url.clone()), protocol: open.protocol.clone(), extensions: open.extensions.clone() };
                drop(inner);
                self.show(ReadyState::Open);
                true
            }
            Event::Error(_) => {
                self.show(ReadyState::Closed);
                true
            }
            Event::Close(Close { will_reconnect, overlapped, .. }) => {
                if *overlapped {
                    self.lock().between = true;
                } else {
                    self.show(ReadyState::Closed);
                }
                if *will_reconnect {
                    let inner = &mut *self.lock();
                    inner.left_behind = 0;
                    inner.retired.iter_mut().for_each(Retired::forget_unsent);
                } else {
                    self.finished.store(true, Ordering::Release);
                }
                true
            }
            Event::Reconnecting(_) => {
                // A close() in the handler of the close event was final. The session itself may be ahead: a slow host sees its events later.
                if self.lock().left {
                    return false;
                }
                // Unless another connection is being opened beside this one.
                if self.ready_state() == ReadyState::Closed {
                    self.show(ReadyState::Connecting);
                }
                true
            }
            // Messages need an `open` event that the user has seen, and no `close()` since.
            Event::Message(_) => self.may_deliver(),
            Event::Ping(_) | Event::Pong { .. } | Event::Heartbeat(_) | Event::Ready => self.ready_state() == ReadyState::Open,
            _ => true,
        }
    }

    /// Call it when the host reaches an [`Item::Barrier`]. Everything before the barrier is delivered, so the send queue may follow the messages that
    /// `open` handlers sent, or the connection may end.
    pub fn settle(&self, now: Instant) {
        if !self.is_ours() {
            return;
        }
        let mut inner = self.lock();
        // A slow host can reach the barrier of an ended connection while another one is open already.
        if inner.opens_seen != inner.opens {
            return;
        }
        if inner.session.handle_open_delivered(now) {
            return self.pump(&mut inner, now);
        }
        // The first fragments of a message went to the old connection, so the rest must follow there.
        inner.hands_over_late = inner.session.overlaps() && inner.link.as_ref().is_some_and(Link::is_amid_message);
        if !inner.hands_over_late && inner.session.handle_hand_over(now) {
            return self.pump(&mut inner, now);
        }
        self.settle_locked(&mut inner, now);
    }

    fn settle_locked(&self, inner: &mut Inner, now: Instant) {
        let Some(ending) = inner.link.as_mut().and_then(|link| link.ending.take()) else { return };
        match ending {
            Ending::Closed(frame) => {
                if self.ready_state() == ReadyState::Open {
                    self.show(ReadyState::Closing);
                }
                inner.session.handle_peer_close(now, frame);
            }
            Ending::Failed(error, code) => inner.session.handle_failure(now, error, code),
            // After the user's `close()` no other connection follows: the closing handshake goes on.
            Ending::Replaced(url, code, reason) => {
                let _ = inner.session.reconnect(now, url, code, &reason);
            }
            Ending::Lost(error) => inner.session.handle_lost(now, error),
        }
        self.pump(inner, now);
    }

    /// Call it when the handlers of a batch of that weight have run. True: the driver has to take a turn.
    pub fn delivered(&self, clock: impl FnOnce() -> Instant, weight: usize) -> bool {
        if self.finished.load(Ordering::Acquire) {
            self.told.store(true, Ordering::Release);
        }
        let may_read = self.backlog.remove(weight);
        let waits = self.unflushed.load(Ordering::Acquire) && self.flush(clock());
        waits || may_read
    }

    /// Answers an [`Event::Ask`].
    pub fn answer(&self, now: Instant, id: u64, answer: Answer) {
        let mut inner = self.lock();
        inner.session.handle_answer(now, id, answer);
        self.pump(&mut inner, now);
    }

    /// Carries out the session's actions, and writes.
    fn pump(&self, inner: &mut Inner, now: Instant) {
        self.act(inner, now);
        self.flush_locked(inner, now);
    }

    fn act(&self, inner: &mut Inner, now: Instant) {
        while let Some(action) = inner.session.poll() {
            match action {
                Action::Dial(target) => {
                    let request = self.dial_request(target, &inner.url);
                    inner.shown = Shown { url: Some(request.url.to_string()), ..Shown::default() };
                    // An attempt has the number of its future link.
                    inner.attempt += 1;
                    inner.tally.attempt();
                    inner.teller = Teller::new(&request);
                    inner.dial = DialState::Ordered(LinkId(inner.attempt), Box::new(request));
                }
                Action::CancelDial if Self::cancel_promoted(inner) => {}
                Action::CancelDial => {
                    inner.dial = match inner.dial {
                        DialState::Running => DialState::Cancelled,
                        _ => DialState::Idle,
                    };
                }
                Action::Transmit(message, compress) => {
                    if let Some(link) = &mut inner.link {
                        link.send(Data::from(&message), compress);
                    }
                }
                Action::Ping(payload) => {
                    if let Some(link) = &mut inner.link {
                        link.ping(&payload);
                    }
                }
                Action::SendClose(code, reason) => {
                    if let Some(link) = &mut inner.link {
                        link.close(code, &reason);
                    }
                }
                Action::Drop => {
                    if let Some(link) = inner.link.take() {
                        self.slot.set(None);
                        let retired = link.retire(now, inner.terminated);
                        inner.unsent = retired.buffered_amount();
                        inner.retired.push(retired);
                    }
                }
                Action::Emit(event) => {
                    let event = match event {
                        Event::Close(close) => Event::Close(Close { unsent: std::mem::take(&mut inner.unsent), ..close }),
                        other => other,
                    };
                    inner.tally.event(&event);
                    inner.opens += u64::from(matches!(event, Event::Open(_)));
                    inner.emitted.items.push(Item::Event(Box::new(event)));
                }
                Action::Barrier => inner.emitted.items.push(Item::Barrier),
                Action::Replace(url, code) => self.announced(inner, url, code),
                Action::Beside(action) => self.act_beside(inner, now, *action),
                Action::HandOver => self.hand_over(inner),
                Action::DropParting => Self::drop_parting(inner, now),
                Action::Promote => self.promote(inner),
                Action::Held { deliver } => Self::release_held(inner, deliver),
            }
        }
    }

    /// The request of the next attempt. Values from the user's functions replace those of the options.
    fn dial_request(&self, target: Target, url: &Url) -> dial::Request {
        dial::Request {
            url: target.url.unwrap_or_else(|| url.clone()),
            protocols: target.protocols.unwrap_or_else(|| self.options.protocols.clone()),
            headers: target.headers.unwrap_or_else(|| self.options.headers.clone()),
            extensions: self.options.compression.as_ref().map(extension::offer),
            options: Arc::clone(&self.options),
        }
    }

    /// Writes waiting bytes, as far as the kernel takes them.
    fn flush_locked(&self, inner: &mut Inner, now: Instant) {
        let Some(link) = &mut inner.link else { return };
        if self.unflushed.load(Ordering::Relaxed) {
            self.unflushed.store(false, Ordering::Release);
        }
        // Test the limit before the write: the user may have read `buffered_amount`, and then waits for `drain` even if the kernel takes all bytes at
        // once.
        inner.over_limit |= link.buffered_amount() > self.options.write_limit;
        link.write();
        inner.pace.flushed(now);
        if inner.over_limit && link.buffered_amount() == 0 {
            inner.over_limit = false;
            inner.emitted.items.push(Item::Event(Box::new(Event::Drain)));
        }
    }
}

impl Inner {
    /// Whether the user has paused reading. After the user's `close()` a pause no longer counts: the peer's Close must be read.
    fn is_paused(&self) -> bool {
        self.paused && self.session.ready_state() == ReadyState::Open
    }

    /// Whether there is something that only a turn of the driver can hand out or wait for.
    fn needs_turn(&self) -> bool {
        !self.emitted.is_empty() || self.link.as_ref().is_some_and(|link| link.wants_write() || link.wakes_up())
    }

    /// The latest time for the next turn.
    fn next_deadline(&self) -> Option<Instant> {
        let look = self.link.as_ref().and_then(Link::next_look);
        self.retired.iter().filter_map(Retired::until).chain(self.session.next_deadline()).chain(look).min()
    }

    /// Moves the events that happened outside a turn to `batch`, with their memory: most sockets emit once and are then quiet for long.
    fn hand_out(&mut self, batch: &mut Batch) {
        if !self.emitted.is_empty() {
            let mut emitted = std::mem::take(&mut self.emitted);
            batch.items.append(&mut emitted.items);
            batch.owned += emitted.owned;
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        if self.generation == process::generation() {
            self.slot.set(None);
        } else {
            // The fork handler closed these descriptors, and their numbers may belong to others by now.
            std::mem::forget(inner.link.take());
            if let Some(beside) = inner.beside.take() {
                beside.forget();
            }
            std::mem::forget(std::mem::take(&mut inner.retired));
        }
    }
}

#[cfg(test)]
mod tests;
