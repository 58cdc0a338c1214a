//! The host driver: the open connection is driven on the host's own event loop, with no thread between the socket and the handler. Knows
//! what the host has to watch; the loop itself is the face's. So is an attempt that needs nobody else;
//! others, and standing in for a host that is late, stay with the background.

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

/// What a hosted socket has besides: who drives it, and what the host's turns leave to the background.
pub(super) struct Hosted {
    /// How late the host may be before the background stands in. `None` never does.
    pub(super) patience: Option<Duration>,
    /// The background stands in for the host.
    kept: AtomicBool,
    /// The host is told to drive, and has not yet.
    woken: AtomicBool,
    /// Nothing more will happen.
    finished: AtomicBool,
    /// How many turns the host has taken: the keeper sees whether it moves.
    drives: AtomicU64,
    /// When the host has to take a turn, as [`stamp`], or earlier; and whether it waits for the peer to read.
    deadline: AtomicU64,
    entry: Entry,
    writes: AtomicBool,
    /// Since when the host was late when the background last stood in, until somebody asked.
    stall: Mutex<Option<Instant>>,
    /// Held for a turn and for handing its batch over, so that batches stay in order when host and background change places.
    turn: Mutex<Held>,
    orders: Mutex<Orders>,
}

/// The state that the lock of the turn guards.
#[derive(Default)]
pub(super) struct Held {
    /// Which connection's descriptor each side watches: it is closed when neither does.
    pub(super) host: Option<LinkId>,
    pub(super) background: Option<LinkId>,
    /// The deadline as it was last written down.
    deadline: Option<Instant>,
    /// The attempt that runs without the background.
    attempt: Option<Attempt>,
    /// The descriptors of attempts that have failed.
    spent: Vec<(LinkId, Spent)>,
    /// The background's task is there.
    pub(super) tasked: bool,
    /// Keeps a started socket alive until its end, even if nobody holds a handle of it.
    pub(super) myself: Option<Arc<Shared>>,
}

impl Held {
    /// Ends the attempt, if one is under way.
    pub(super) fn end_attempt(&mut self, shared: &Shared) -> bool {
        let Some(attempt) = self.attempt.take() else { return false };
        let id = attempt.id;
        shared.client.dials_on(None);
        if let Some(spent) = attempt.end() {
            self.spent.push((id, spent));
        }
        true
    }

    /// Opens what a turn or the start ordered, if that needs nobody else; else gives the order back.
    pub(super) fn begin(&mut self, shared: &Arc<Shared>, order: Order) -> Option<Order> {
        // Without a keeper nobody would go on with it if the host ceased to, and it may hold the right to connect (`connect_limit`).
        let is_kept = shared.hosted.as_ref().is_some_and(|hosted| hosted.patience.is_some());
        if !is_kept || !dial::is_direct(&order.1) {
            return Some(order);
        }
        self.attempt = Some(Attempt::new(order, shared));
        self.go_on(shared);
        None
    }

    /// Goes on with the attempt.
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
            // Until its link is open.
            notice::note();
        }
    }
}

/// What the host's turns leave to the background.
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
            turn: Mutex::default(),
            orders: Mutex::default(),
        }
    }

    pub(super) fn is_kept(&self) -> bool {
        self.kept.load(Ordering::Acquire)
    }

    /// Has the background stand in, until the host's next turn, for a host that has let something wait `since` then. False: it has taken a turn
    /// after its `drives`-th, so it is not late. Else `count` grows by one.
    pub(super) fn keep(&self, drives: u64, since: Instant, count: &AtomicUsize) -> bool {
        let mut held = self.turn();
        if self.drives() != drives {
            return false;
        }
        *self.stall() = Some(since);
        held.deadline = None;
        self.note_deadline(u64::MAX);
        count.fetch_add(1, Ordering::Release);
        self.kept.store(true, Ordering::Release);
        true
    }

    fn stall(&self) -> MutexGuard<'_, Option<Instant>> {
        self.stall.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the host has been told to take a turn, or its time has come.
    pub(super) fn is_awaited(&self, now: Instant) -> bool {
        self.woken.load(Ordering::Relaxed) || self.deadline.load(Ordering::Relaxed) <= stamp(Some(now))
    }

    /// Has the keeper look when this time has come.
    fn note_deadline(&self, deadline: u64) {
        self.deadline.store(deadline, Ordering::Release);
        if self.patience.is_some() {
            self.entry.set(deadline);
        }
    }

    /// Writes down again a deadline that was far away.
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

    /// Whether the host has to be woken: it was not yet.
    pub(super) fn ring(&self) -> bool {
        let first = !self.woken.swap(true, Ordering::AcqRel);
        notice::note();
        first
    }

    /// What the background has to do while the host drives.
    pub(super) fn background_turn(&self) -> Turn {
        let mut turn = Turn { finished: self.finished.load(Ordering::Acquire), ..Turn::default() };
        self.add_orders(&mut turn);
        turn
    }

    /// Adds what the host's turns have left to the background, unless `turn` says something newer of it.
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

    /// Nothing more will happen, neither here nor in the background, which does not stand in any more.
    pub(super) fn finish(&self) {
        *self.orders.lock().unwrap_or_else(PoisonError::into_inner) = Orders::default();
        self.finished.store(true, Ordering::Release);
        self.kept.store(false, Ordering::Release);
    }

    /// Whether the background's task may end, which has nothing to do by itself: there is nothing for it here either. It must do so then.
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

/// What the host's loop has to wait for until the next [`Connection::drive`].
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct Plan {
    /// The descriptor to watch, and no other; report with [`Connection::watching`] once the loop does so.
    pub descriptor: Option<(LinkId, RawDescriptor)>,
    /// Drive when it is readable.
    pub want_read: bool,
    /// Drive when it is writable.
    pub want_write: bool,
    /// Drive at this time at the latest.
    pub deadline: Option<Instant>,
    /// Drive again at once, after the loop's other work.
    pub again: bool,
    /// Nothing more will happen.
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
        // Written under the lock of the turn alone, so no exchange is needed.
        hosted.drives.store(hosted.drives() + 1, Ordering::Release);
        let was_kept = hosted.is_kept();
        if was_kept {
            hosted.kept.store(false, Ordering::Release);
        }
        // What the background read while it stood in comes first.
        let queued = !shared.queue.is_empty() && shared.queue.take(batch);
        let now = Instant::now();
        let mut turn = if queued { shared.client.outlook(held.host) } else { shared.advance(&mut held, now, batch) };
        // One that moves back, as with each message, is written down when it would have come: who reads it too early looks again.
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
            again: turn.again,
            finished: turn.finished,
        }
    }

    /// The host watches nothing of the socket any more and drives it no more: what is left to do after the last event (the last bytes of a
    /// connection leave) is the background's.
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

    /// Tells which connection's descriptor the host's loop watches now; those of earlier ones may be closed.
    pub fn watching(&self, id: Option<LinkId>) {
        let Some(hosted) = &self.0.hosted else { return };
        if id.is_none() && self.0.client.is_finished() {
            // No turn may follow, and the keeper may have all the time in the world.
            return self.leave();
        }
        hosted.turn().host = id;
        self.release();
    }

    /// To be told once where the host's loop is no [`OwnLoop`](super::OwnLoop), and a fork copies it: in the child the numbers that it watches stay taken.
    pub fn lend_descriptors(&self) {
        self.0.client.lend_descriptors();
    }

    /// How long something has waited for the host's loop by now, if that was so long that the keeper stood in; told once for each time. There is
    /// nothing to ask while [`times_stood_in`](super::times_stood_in) stays the same.
    pub fn take_stall(&self) -> Option<Duration> {
        let since = self.0.hosted.as_ref()?.stall().take()?;
        Some(since.elapsed())
    }

    fn release(&self) {
        self.0.release();
    }
}

impl Shared {
    /// Takes a turn of a hosted socket: with the attempt that is under way, whose end is a beginning for the client.
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
            // It may have failed at once.
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

    /// The end of an attempt.
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

    /// Has the background's task of a hosted socket look at it.
    pub(super) fn summon(self: &Arc<Self>) {
        let Some(hosted) = &self.hosted else { return };
        let there = std::mem::replace(&mut hosted.turn().tasked, true);
        if there {
            self.poke.notify_one();
        } else {
            background::begin(self);
        }
    }

    /// Lets go of the connections that nobody watches any more.
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
