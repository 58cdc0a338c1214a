//! One turn of a socket: read, handle deadlines, write, and say what to wait for. The driver that has the lock calls it.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::beside::DialState;
use super::{Client, Inner};
use crate::event::{Batch, Event, Item, ReadyState};
use crate::message::Data;
use crate::os::RawDescriptor;

pub use super::beside::Order;
pub use super::link::LinkId;

/// The most messages of one turn. A turn reads once, so a flood on one socket starves no other.
pub(super) const MAX_MESSAGES: usize = 16 << 10;

/// The plan for a driver until the next turn: what to do, and what to wait for.
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
#[derive(Default)]
pub struct Turn {
    /// The only descriptor to watch, with its connection.
    pub descriptor: Option<(LinkId, RawDescriptor)>,
    /// Wait until it is readable.
    pub want_read: bool,
    /// Wait until it is writable.
    pub want_write: bool,
    /// The kernel had nothing left to read.
    pub drained: bool,
    /// Take another turn at once, after the other sockets had theirs.
    pub again: bool,
    /// Take a turn at this time at the latest.
    pub deadline: Option<Instant>,
    /// Open a connection for this link, and report with [`Client::dialled`].
    pub dial: Option<Order>,
    /// Give up the present attempt.
    pub cancel_dial: bool,
    /// A connection is finished: call [`Client::released`] once `descriptor` alone is watched.
    pub release: bool,
    /// The driver of the second connection has orders ([`Client::wants_beside`]).
    pub beside: bool,
    /// Nothing more happens on this socket.
    pub finished: bool,
}

/// The conditions under which a turn has work to do.
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct Waits {
    /// Its descriptor is readable.
    pub to_read: bool,
    /// Its descriptor is writable.
    pub to_write: bool,
    /// A turn is useful at once: a deadline has passed, or events wait.
    pub late: bool,
    /// A connection is being opened.
    pub dials: bool,
}

impl Client {
    /// Takes one turn, and puts the events into `batch`, which must be empty.
    pub fn drive(&self, now: Instant, batch: &mut Batch) -> Turn {
        let mut turn = Turn::default();
        if !self.is_ours() {
            turn.finished = true;
            return turn;
        }
        let mut inner = self.lock();
        let inner = &mut *inner;
        if inner.exiting || inner.given_up {
            turn.finished = inner.given_up;
            return turn;
        }
        inner.hand_out(batch);
        let beside_more = inner.beside.is_some() && self.read_beside(inner, now, batch);
        let holds = inner.holds();
        let reading = !inner.is_paused() && !self.backlog.is_full(batch.weight()) && self.has_room(inner);
        if inner.link.is_some() && inner.reading != reading {
            inner.reading = reading;
            inner.session.handle_reading(now, reading);
        }
        if reading && holds {
            self.read_held(inner, now, &mut turn);
        } else if reading {
            self.read(inner, now, batch, &mut turn);
        }
        if inner.deadline.is_some_and(|deadline| deadline <= now) {
            self.flush_locked(inner, now);
            if inner.link.as_mut().is_some_and(super::link::Link::has_progressed) {
                inner.session.handle_progress(now);
            }
            if inner.beside.as_mut().is_some_and(|beside| beside.has_progressed()) {
                inner.session.handle_parting_reading(now, true);
            }
            inner.session.handle_timeout(now);
        }
        self.pump(inner, now);
        inner.hand_out(batch);
        for retired in &mut inner.retired {
            retired.drive(now);
        }
        self.plan(inner, now, &mut turn);
        turn.again |= beside_more;
        self.backlog.add(batch.weight());
        turn
    }

    pub(super) fn read(&self, inner: &mut Inner, now: Instant, batch: &mut Batch, turn: &mut Turn) {
        let Some(link) = inner.link.as_mut().filter(|link| link.ending.is_none()) else { return };
        let mark = batch.items.len();
        let read = link.read(batch, MAX_MESSAGES, self.options.read_limit);
        turn.drained = !read.more;
        turn.again = read.more;
        if read.received {
            inner.session.handle_received(now, read.data_messages);
            if batch.items.len() == mark + 1 {
                inner.pace.heard();
            }
        }
        if read.other_events || inner.session.looks_at_messages() || inner.session.ready_state() != ReadyState::Open {
            self.look_at(inner, now, batch, mark);
        }
        if inner.link.as_ref().is_some_and(|link| link.ending.is_some()) {
            turn.again = false;
            if inner.session.ready_state() == ReadyState::Open {
                let cause = inner.link.as_ref().and_then(super::link::Link::end_cause);
                inner.session.handle_end_read(cause.as_ref());
                self.act(inner, now);
                batch.items.push(Item::Barrier);
            } else {
                self.settle_locked(inner, now);
            }
        }
    }

    fn plan(&self, inner: &mut Inner, now: Instant, turn: &mut Turn) {
        let reads = !inner.is_paused() && !self.backlog.is_stalled() && self.has_room(inner);
        if let Some(link) = &mut inner.link {
            // The driver of the second connection has to release it first.
            turn.descriptor = Some((link.id, link.descriptor())).filter(|(id, _)| inner.watched_beside != Some(*id));
            turn.want_read = !link.at_end() && reads;
            turn.want_write = link.wants_write();
            turn.again &= turn.want_read;
            link.look_for_quiet(now);
        } else if let Some(retired) = inner.retired.iter().find(|retired| !retired.is_done()) {
            turn.descriptor = Some((retired.id(), retired.descriptor()));
            turn.want_read = true;
            turn.want_write = retired.wants_write();
            turn.again = false;
            turn.drained = true;
        }
        inner.deadline = inner.session.next_deadline();
        turn.deadline = inner.next_deadline();
        match std::mem::replace(&mut inner.dial, DialState::Idle) {
            DialState::Ordered(id, request) => {
                turn.dial = Some((id, request));
                inner.dial = DialState::Running;
            }
            DialState::Running => inner.dial = DialState::Running,
            DialState::Cancelled => turn.cancel_dial = true,
            DialState::Idle => {}
        }
        turn.beside = inner.beside.is_some() || inner.watched_beside.is_some();
        turn.release = inner.retired.iter().any(super::Retired::is_done);
        turn.finished =
            inner.session.ready_state() == ReadyState::Closed && inner.link.is_none() && inner.retired.iter().all(super::Retired::is_done);
    }

    /// The request that a turn would order, if any.
    pub fn take_dial(&self) -> Option<Order> {
        let mut inner = self.lock();
        match std::mem::replace(&mut inner.dial, DialState::Running) {
            DialState::Ordered(id, request) => Some((id, request)),
            other => {
                inner.dial = other;
                None
            }
        }
    }

    /// Call it when the drivers watch only the descriptors of `watched`: those of other connections may then be closed.
    pub fn released(&self, watched: &[Option<LinkId>]) {
        if !self.is_ours() {
            return;
        }
        let inner = &mut *self.lock();
        let beside = inner.watched_beside;
        let is_watched = |id: LinkId| watched.contains(&Some(id)) || beside == Some(id);
        for gone in inner.retired.extract_if(.., |retired| retired.is_done() && !is_watched(retired.id())) {
            inner.left_behind += gone.buffered_amount();
            inner.tally.traffic(gone.link().traffic());
        }
        if inner.retired.is_empty() {
            inner.retired = Vec::new();
        }
    }

    /// The plan for a host that must drive again immediately. `watched` names the connection that it watches already.
    pub fn outlook(&self, watched: Option<LinkId>) -> Turn {
        let inner = self.lock();
        let link = inner.link.as_ref();
        Turn {
            descriptor: link.filter(|link| watched == Some(link.id)).map(|link| (link.id, link.descriptor())),
            want_write: link.is_some_and(super::link::Link::wants_write),
            again: true,
            deadline: inner.next_deadline(),
            ..Turn::default()
        }
    }

    /// Stores the descriptor of the present attempt, or clears it.
    pub fn dials_on(&self, descriptor: Option<RawDescriptor>) {
        self.slot.set(descriptor);
    }

    /// Whether the socket is done: the last event is read, and the last bytes have left.
    pub fn is_over(&self) -> bool {
        let inner = self.lock();
        inner.session.ready_state() == ReadyState::Closed
            && inner.emitted.is_empty()
            && inner.link.is_none()
            && inner.retired.iter().all(super::Retired::is_done)
    }

    /// The descriptor in use, read without the lock: it may belong to another connection by now.
    pub fn present_descriptor(&self) -> Option<RawDescriptor> {
        self.slot.get()
    }

    /// From now on a foreign event loop watches the descriptors of this socket.
    pub fn lend_descriptors(&self) {
        self.slot.lend();
    }

    /// Whether messages are held back, to leave with others.
    pub fn holds_back(&self) -> bool {
        self.unflushed.load(Ordering::Relaxed)
    }

    /// The conditions that make a turn useful now. `None` if no condition could.
    pub fn waits_for(&self, now: Instant) -> Option<Waits> {
        if !self.is_ours() {
            return None;
        }
        let inner = self.lock();
        let reading = inner.reading && !self.backlog.is_stalled();
        let dials = inner.link.is_none() && matches!(inner.dial, DialState::Running);
        let to_read = dials || inner.link.as_ref().is_some_and(|link| reading && !link.at_end());
        let to_write = dials || inner.link.as_ref().is_some_and(|link| link.wants_write() || inner.pace.is_holding());
        let late = !inner.emitted.is_empty() || inner.next_deadline().is_some_and(|deadline| deadline <= now);
        (to_read || to_write || late).then_some(Waits { to_read, to_write, late, dials })
    }
}

impl Client {
    /// Shows the session the items that concern it, and drops messages that the user may not get. The session's own events come right behind the
    /// message that caused them.
    fn look_at(&self, inner: &mut Inner, now: Instant, batch: &mut Batch, mark: usize) {
        let holds = inner.holds();
        let Batch { bytes, items, owned } = batch;
        if !inner.session.delivers_messages() {
            let mut index = 0;
            items.retain(|item| {
                index += 1;
                let dropped = match item {
                    _ if index <= mark => false,
                    Item::Event(event) => match &**event {
                        Event::Message(message) => {
                            *owned -= message.len();
                            true
                        }
                        _ => false,
                    },
                    _ => true,
                };
                !dropped
            });
            // No item points into the bytes any more. A batch without items is never reported as delivered, so it must have no weight.
            bytes.clear();
        }
        for mut item in items.split_off(mark) {
            let looks = inner.session.looks_at_messages();
            let shown = match &mut item {
                Item::Event(event) => match &mut **event {
                    Event::Pong { payload, latency } => {
                        *latency = inner.session.handle_pong(now, payload);
                        if let Some(time) = *latency {
                            inner.latency = *latency;
                            inner.tally.round_trip(now, time);
                        }
                        true
                    }
                    Event::Ping(_) => {
                        inner.session.handle_pong_sent(now);
                        true
                    }
                    Event::Message(message) if looks => {
                        let shown = inner.session.handle_message(now, Data::from(&*message));
                        *owned -= if shown { 0 } else { message.len() };
                        shown
                    }
                    _ => true,
                },
                Item::Text(range) | Item::Ascii(range) if looks => {
                    let text = std::str::from_utf8(&bytes[range.clone()]).unwrap_or_default();
                    inner.session.handle_message(now, Data::Text(text))
                }
                Item::Binary(range) if looks => inner.session.handle_message(now, Data::Binary(&bytes[range.clone()])),
                _ => true,
            };
            if shown {
                items.push(item);
            }
            self.act(inner, now);
            if !holds {
                items.append(&mut inner.emitted.items);
                *owned += std::mem::take(&mut inner.emitted.owned);
            }
        }
    }
}
