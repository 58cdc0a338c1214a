//! The host driver: the host's own event loop drives the open connection, with no thread between the socket and the handler. Knows what the host has
//! to watch; the loop itself belongs to the binding. Direct dials run here, too. Other dials, and standing in for a late host, are the background's
//! work.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use super::attempt::Attempt;
use super::notice::{self, Entry, stamp};
use super::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use super::sync::{Mutex, MutexGuard};
use super::{Connection, Shared, background};
use crate::client::{LinkId, Order, Turn};
use crate::dial::{self, Opened, Spent};
use crate::error::Result;
use crate::event::Batch;
use crate::os::RawDescriptor;

/// The additional state of a hosted socket: the side that drives it, and the work that the host's turns leave to the background.
pub(super) struct Hosted {
    /// How late the host may be before the background stands in. `None` never does.
    pub(super) patience: Option<Duration>,
    /// The background stands in for the host.
    kept: AtomicBool,
    /// The host was woken, and has not driven yet.
    woken: AtomicBool,
    /// Nothing more happens.
    finished: AtomicBool,
    /// How many turns the host has taken. The keeper sees from it whether the host is alive.
    drives: AtomicU64,
    /// The time of the host's next turn as [`stamp`], or an earlier one; and whether bytes wait for the peer to read.
    deadline: AtomicU64,
    entry: Entry,
    writes: AtomicBool,
    /// The time since which the host was late when the background last stood in; cleared by the first caller that asks.
    stall: Mutex<Option<Instant>>,
    /// How often the background stood in.
    stalls: AtomicUsize,
    /// Held for a turn and for the hand-over of its batch, so batches stay in order when host and background take over from each other.
    turn: Mutex<Held>,
    orders: Mutex<Orders>,
}

/// The state that the lock of the turn guards.
#[derive(Default)]
pub(super) struct Held {
    /// The connection whose descriptor each side watches. The descriptor is closed when no side watches it.
    pub(super) host: Option<LinkId>,
    pub(super) background: Option<LinkId>,
    /// The deadline that was last stored.
    deadline: Option<Instant>,
    /// The attempt that runs without the background.
    attempt: Option<Attempt>,
    /// The descriptors of attempts that have failed.
    spent: Vec<(LinkId, Spent)>,
    /// The background's task exists.
    pub(super) tasked: bool,
    /// Keeps a started socket alive until its end, even without any other handle.
    pub(super) myself: Option<Arc<Shared>>,
}

impl Held {
    /// Ends the present attempt, if there is one.
    pub(super) fn end_attempt(&mut self, shared: &Shared) -> bool {
        let Some(attempt) = self.attempt.take() else { return false };
        let id = attempt.id;
        shared.client.dials_on(None);
        if let Some(spent) = attempt.end() {
            self.spent.push((id, spent));
        }
        true
    }

    /// Starts an ordered attempt, if it is a direct one; otherwise gives the order back.
    pub(super) fn begin(&mut self, shared: &Arc<Shared>, order: Order) -> Option<Order> {
        // Without a keeper nobody would continue it if the host stopped, and it may hold the right to connect (`connect_limit`).
        let is_kept = shared.hosted.as_ref().is_some_and(|hosted| hosted.patience.is_some());
        if !is_kept || !dial::is_direct(&order.1) {
            return Some(order);
        }
        self.attempt = Some(Attempt::new(order, shared));
        self.go_on(shared);
        None
    }

    /// Continues the attempt.
    fn go_on(&mut self, shared: &Shared) {
        let Some(attempt) = &mut self.attempt else { return };
        let outcome = attempt.poll();
        if let Poll::Ready(result) = outcome {
            self.end_attempt(shared);
            shared.dialled(result);
        } else {
            let mut turn = Turn::default();
            attempt.plan(&mut turn);
            shared.client.dials_on(turn.descriptor.map(|(_, descriptor)| descriptor));
            // The attempt has no link yet, so no descriptor is observed.
            notice::note();
        }
    }
}

/// The work that the host's turns leave to the background.
#[derive(Default)]
struct Orders {
    dial: Option<Order>,
    cancel_dial: bool,
}

impl Hosted {
    pub(super) fn new(patience: Option<Duration>) -> Self {
        Self {
            patience,
            kept: AtomicBool::new(false),
            woken: AtomicBool::new(false),
            finished: AtomicBool::new(false),
            drives: AtomicU64::new(0),
            deadline: AtomicU64::new(stamp(None)),
            entry: Entry::new(),
            writes: AtomicBool::new(false),
            stall: Mutex::default(),
            stalls: AtomicUsize::new(0),
            turn: Mutex::default(),
            orders: Mutex::default(),
        }
    }

    pub(super) fn is_kept(&self) -> bool {
        self.kept.load(Ordering::Acquire)
    }

    /// Lets the background stand in until the host's next turn, because something has waited for the host since `since`. False: the host has taken a
    /// turn after its `drives`-th, so it is not late. Otherwise `count` grows by one.
    pub(super) fn keep(&self, drives: u64, since: Instant, count: &AtomicUsize) -> bool {
        let mut held = self.turn();
        if self.drives() != drives {
            return false;
        }
        *self.stall() = Some(since);
        self.stalls.fetch_add(1, Ordering::Relaxed);
        held.deadline = None;
        self.note_deadline(u64::MAX);
        count.fetch_add(1, Ordering::Release);
        self.kept.store(true, Ordering::Release);
        true
    }

    fn stall(&self) -> MutexGuard<'_, Option<Instant>> {
        self.stall.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often the host was so late that the background stood in.
    pub(super) fn stalls(&self) -> u64 {
        self.stalls.load(Ordering::Relaxed) as u64
    }

    /// Whether the host was woken, or its deadline has passed.
    pub(super) fn is_awaited(&self, now: Instant) -> bool {
        self.woken.load(Ordering::Relaxed) || self.deadline.load(Ordering::Relaxed) <= stamp(Some(now))
    }

    /// Makes the keeper check at this time.
    fn note_deadline(&self, deadline: u64) {
        self.deadline.store(deadline, Ordering::Release);
        if self.patience.is_some() {
            self.entry.set(deadline);
        }
    }

    /// Stores again a deadline that was far away.
    pub(super) fn renew_entry(&self) {
        loop {
            let deadline = self.deadline.load(Ordering::Acquire);
            self.entry.set(deadline);
            if self.deadline.load(Ordering::Acquire) == deadline {
                return;
            }
        }
    }

    pub(super) fn waits_to_write(&self) -> bool {
        self.writes.load(Ordering::Relaxed)
    }

    pub(super) fn drives(&self) -> u64 {
        self.drives.load(Ordering::Acquire)
    }

    pub(super) fn turn(&self) -> MutexGuard<'_, Held> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks the host as woken. True if the caller has to wake it.
    pub(super) fn ring(&self) -> bool {
        let first = !self.woken.swap(true, Ordering::AcqRel);
        notice::note();
        first
    }

    /// The work of the background while the host drives.
    pub(super) fn background_turn(&self) -> Turn {
        let mut turn = Turn { finished: self.finished.load(Ordering::Acquire), ..Turn::default() };
        self.add_orders(&mut turn);
        turn
    }

    /// Adds the orders that the host's turns have left, unless `turn` has newer ones.
    pub(super) fn add_orders(&self, turn: &mut Turn) {
        let orders = std::mem::take(&mut *self.orders.lock().unwrap_or_else(PoisonError::into_inner));
        if turn.dial.is_none() && !turn.cancel_dial {
            turn.dial = orders.dial;
            turn.cancel_dial = orders.cancel_dial;
        }
    }

    pub(super) fn order(&self, turn: &mut Turn) -> bool {
        if turn.dial.is_none() && !turn.cancel_dial && !turn.finished {
            return false;
        }
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if turn.cancel_dial {
            orders.dial = None;
        }
        if let Some(order) = turn.dial.take() {
            orders.dial = Some(order);
        } else {
            orders.cancel_dial |= turn.cancel_dial;
        }
        drop(orders);
        self.finished.store(turn.finished, Ordering::Release);
        true
    }

    /// Ends the work here and in the background, which stops standing in.
    pub(super) fn finish(&self) {
        *self.orders.lock().unwrap_or_else(PoisonError::into_inner) = Orders::default();
        self.finished.store(true, Ordering::Release);
        self.kept.store(false, Ordering::Release);
    }

    /// Whether the idle task of the background may end, because there is no work for it here either. If so, it must end.
    pub(super) fn lets_go(&self) -> bool {
        let mut held = self.turn();
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_kept() || orders.dial.is_some() || orders.cancel_dial {
            return false;
        }
        held.tasked = false;
        true
    }
}

/// The plan for the host's loop until the next [`Connection::drive`].
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct Plan {
    /// The only descriptor to watch. Report with [`Connection::watching`] once the loop watches it.
    pub descriptor: Option<(LinkId, RawDescriptor)>,
    /// Drive when it is readable.
    pub want_read: bool,
    /// Drive when it is writable.
    pub want_write: bool,
    /// Drive at this time at the latest.
    pub deadline: Option<Instant>,
    /// The turn has read until there was nothing.
    pub drained: bool,
    /// Drive again at once, after the loop's other work.
    pub again: bool,
    /// Nothing more happens.
    pub finished: bool,
}

impl Connection {
    /// Runs one turn of a hosted socket on the calling thread, which must be that of the host's loop. Call it when the descriptor is ready, when the
    /// deadline has come, and after each wake. It puts the events into `batch`; deliver them as with [`Connection::take`].
    ///
    /// # Panics
    /// If the socket was not made with [`Connection::hosted`].
    #[expect(clippy::expect_used, reason = "calling it on a socket of the background driver is a fault of the face, not of any input")]
    pub fn drive(&self, batch: &mut Batch) -> Plan {
        let shared = &self.0;
        let hosted = shared.hosted.as_ref().expect("a hosted socket");
        batch.clear();
        hosted.woken.store(false, Ordering::Release);
        let mut held = hosted.turn();
        // Written only under the lock of the turn, so no exchange is needed.
        hosted.drives.store(hosted.drives() + 1, Ordering::Release);
        let was_kept = hosted.is_kept();
        if was_kept {
            hosted.kept.store(false, Ordering::Release);
        }
        // The events that the background read come first.
        let queued = !shared.queue.is_empty() && shared.queue.take(batch);
        let now = Instant::now();
        let mut turn = if queued { shared.client.outlook(held.host) } else { shared.advance(&mut held, now, batch) };
        // A deadline that moves back, as it does with each message, is stored only when the old one has passed: an early reader checks again.
        if turn.deadline.is_none() || held.deadline.is_none_or(|known| known <= now || turn.deadline < Some(known)) {
            held.deadline = turn.deadline;
            hosted.note_deadline(stamp(turn.deadline));
        }
        hosted.writes.store(turn.want_write, Ordering::Relaxed);
        if turn.again || turn.want_write {
            notice::note();
        }
        let done = if turn.finished { held.myself.take() } else { None };
        let tasked = held.tasked;
        drop(held);
        drop(done);
        if hosted.order(&mut turn) && !turn.finished {
            shared.summon();
        } else if tasked && (was_kept || turn.finished) {
            shared.poke.notify_one();
        }
        if turn.release {
            self.release();
        }
        Plan {
            descriptor: turn.descriptor,
            want_read: turn.want_read,
            want_write: turn.want_write,
            deadline: turn.deadline,
            drained: turn.drained,
            again: turn.again,
            finished: turn.finished,
        }
    }

    /// The host stops watching and driving the socket. The background does the rest after the last event: it sends the last bytes of a connection.
    pub fn leave(&self) {
        if let Some(hosted) = &self.0.hosted {
            let mut held = hosted.turn();
            held.host = None;
            if !self.0.started.load(std::sync::atomic::Ordering::Acquire) {
                return;
            }
            let over = self.0.client.is_over() && held.attempt.is_none();
            hosted.kept.store(!over, Ordering::Release);
            let done = if over { held.myself.take() } else { None };
            drop(held);
            drop(done);
            self.release();
            if !over {
                self.0.summon();
            }
        }
    }

    /// Reports which connection's descriptor the host's loop watches now. Those of earlier ones may be closed.
    pub fn watching(&self, id: Option<LinkId>) {
        let Some(hosted) = &self.0.hosted else { return };
        if id.is_none() && self.0.client.is_finished() {
            // Perhaps no turn follows, and the keeper might come late.
            return self.leave();
        }
        hosted.turn().host = id;
        self.release();
    }

    /// Call it once if the host's loop is no [`OwnLoop`](super::OwnLoop) and a fork copies it: in the child the watched descriptor numbers then stay
    /// taken.
    pub fn lend_descriptors(&self) {
        self.0.client.lend_descriptors();
    }

    /// How long the host's loop has left something waiting, if the keeper stood in for it. It reports each time once. While
    /// [`times_stood_in`](super::times_stood_in) stays the same, there is nothing to ask.
    pub fn take_stall(&self) -> Option<Duration> {
        let since = self.0.hosted.as_ref()?.stall().take()?;
        Some(since.elapsed())
    }

    fn release(&self) {
        self.0.release();
    }
}

impl Shared {
    /// Takes a turn of a hosted socket, and continues its present attempt first: the client learns its end.
    pub(super) fn advance(self: &Arc<Self>, held: &mut Held, now: Instant, batch: &mut Batch) -> Turn {
        if self.client.is_ours() {
            held.go_on(self);
        }
        let mut turn = self.client.drive(now, batch);
        if turn.cancel_dial && held.end_attempt(self) {
            turn.cancel_dial = false;
            turn.release = true;
        }
        if let Some(order) = turn.dial.take() {
            turn.dial = held.begin(self, order);
            // The new attempt may have failed at once.
            turn.again |= turn.dial.is_none() && held.attempt.is_none();
        }
        if let Some(attempt) = &held.attempt {
            attempt.plan(&mut turn);
        }
        turn.release |= !held.spent.is_empty();
        if turn.beside {
            self.summon_beside();
        }
        turn
    }

    /// Reports the end of an attempt.
    pub(super) fn dialled(&self, result: Result<Opened>) {
        let opened = result.is_ok();
        self.client.dialled(Instant::now(), result);
        if opened
            && self.hosted.is_some()
            && let Some(descriptor) = self.client.present_descriptor()
        {
            notice::observe(descriptor);
        }
    }

    /// Makes the background's task of a hosted socket run.
    pub(super) fn summon(self: &Arc<Self>) {
        let Some(hosted) = &self.hosted else { return };
        let there = std::mem::replace(&mut hosted.turn().tasked, true);
        if there {
            self.poke.notify_one();
        } else {
            background::begin(self);
        }
    }

    /// Releases the connections that no side watches any more.
    pub(super) fn release(&self) {
        if let Some(hosted) = &self.hosted {
            let mut held = hosted.turn();
            let watched = [held.host, held.background];
            held.spent.retain(|(id, _)| watched.contains(&Some(*id)));
            drop(held);
            self.client.released(&watched);
        }
    }
}
