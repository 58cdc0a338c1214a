//! A batch of events on its way to the user's functions: order and budget. No lock is held while Python runs.
//! This file knows no loop: it is given a `Host`.
//!
//! An unfinished batch (its budget is spent, or `KeyboardInterrupt` or `SystemExit` leaves a handler) is kept with its position: each event
//! is delivered exactly once.

use std::sync::atomic::Ordering;

use heartwire::binding::{Item, os};
use heartwire::{Error, ErrorCode, Event, ReadyState};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyBytes;

use crate::answer::answer;
use crate::barrier::{Barrier, Wait};
use crate::calls::{Host, call, dispatch};
use crate::inner::Inner;
use crate::listeners::{Kind, Snapshot};
use crate::lock::lock;
use crate::pending::Pending;
use crate::socket::Socket;
use crate::{errors, events, frames, process, send, text, warnings};

/// The longest time that one socket may keep the loop before the others have their turn.
const BUDGET_NS: u64 = 2_000_000;

/// The end of a socket's turn.
#[derive(Clone, Copy)]
pub(crate) enum Turn {
    /// Nothing is left.
    Nothing,
    /// The budget is spent, and events are left.
    More,
    /// The last event was delivered.
    Finished,
}

#[cfg(feature = "abi3")]
impl From<u8> for Turn {
    fn from(number: u8) -> Self {
        [Self::Nothing, Self::More, Self::Finished].into_iter().find(|turn| *turn as u8 == number).unwrap_or(Self::More)
    }
}

/// A turn in the context in which the socket was made: its tasks and handlers expect it.
pub(crate) fn turn_in_context<'py>(socket: &Bound<'py, Socket>, host: &dyn Host<'py>) -> PyResult<Turn> {
    let inner = socket.get().inner(socket.py())?;
    if lock(&inner.pending).is_none() {
        return Ok(Turn::Nothing);
    }
    within(socket, host, &inner.context)
}

/// A turn of the socket within a context.
#[cfg(not(feature = "abi3"))]
fn within<'py>(socket: &Bound<'py, Socket>, host: &dyn Host<'py>, context: &Py<PyAny>) -> PyResult<Turn> {
    // SAFETY: attached (socket); a call with anything but a context is refused with an exception.
    if unsafe { pyo3::ffi::PyContext_Enter(context.as_ptr()) } < 0 {
        return Err(PyErr::fetch(socket.py()));
    }
    let turn = turn(socket, host);
    // SAFETY: as above. The context was entered on this thread, and every context entered since has been left.
    if unsafe { pyo3::ffi::PyContext_Exit(context.as_ptr()) } < 0 {
        return turn.and(Err(PyErr::fetch(socket.py())));
    }
    turn
}

/// A turn of the socket within a context: Python's own `Context.run` calls the host, which calls [`turn`].
#[cfg(feature = "abi3")]
fn within<'py>(socket: &Bound<'py, Socket>, host: &dyn Host<'py>, context: &Py<PyAny>) -> PyResult<Turn> {
    let turn: u8 = context.bind(socket.py()).call_method1("run", (host.object().getattr("_deliver")?, socket))?.extract()?;
    Ok(Turn::from(turn))
}

/// Delivers the events of a socket.
pub(crate) fn turn<'py>(socket: &Bound<'py, Socket>, host: &dyn Host<'py>) -> PyResult<Turn> {
    let inner = socket.get().inner(socket.py())?;
    let _delivery = process::Delivery::begin();
    let _flush = send::OfTurn::begin();
    warnings::tell(socket.py())?;
    frames::tell(socket.py())?;
    // If a handler runs a loop inside itself, its socket's next event must not be delivered before this one is done.
    let Some(mut pending) = inner.begin_turn() else { return Ok(Turn::Nothing) };
    pending.take_buffer();
    let mut course = Course { py: socket.py(), socket, host, inner, listeners: Snapshot::default() };
    let result = course.wait(&mut pending).and_then(|waits| course.batches(&mut pending).map(|more| more || waits));
    let done = result.as_ref().is_ok_and(|more| !more) && inner.connection.is_finished();
    pending.give_buffer_back(socket.py());
    inner.end_turn(pending);
    if done {
        finish(socket, host, inner)?;
        return Ok(Turn::Finished);
    }
    result.map(|more| if more { Turn::More } else { Turn::Nothing })
}

/// Calls the functions that wait for the end, with the last `CloseEvent`.
fn finish<'py>(socket: &Bound<'py, Socket>, host: &dyn Host<'py>, inner: &Inner) -> PyResult<()> {
    let callbacks = lock(&inner.finish).take().unwrap_or_default();
    let event = lock(&inner.last_close).as_ref().map(|event| event.clone_ref(socket.py()));
    callbacks.iter().try_for_each(|callback| call(socket, host, callback.bind(socket.py()), (&event,)))
}

/// The budget of a turn, checked before each event but the first.
#[derive(Default)]
struct Clock {
    until_ns: Option<u64>,
}

impl Clock {
    /// Counts one more event; returns whether it has to wait.
    fn tick(&mut self) -> bool {
        if let Some(until) = self.until_ns {
            return os::coarse_time() >= until;
        }
        self.until_ns = Some(os::coarse_time() + BUDGET_NS);
        false
    }
}

/// One turn.
struct Course<'a, 'py> {
    py: Python<'py>,
    socket: &'a Bound<'py, Socket>,
    host: &'a dyn Host<'py>,
    inner: &'a Inner,
    /// The listeners of messages.
    listeners: Snapshot,
}

impl<'py> Course<'_, 'py> {
    /// Delivers batches; returns whether events are left.
    fn batches(&mut self, pending: &mut Pending) -> PyResult<bool> {
        let mut clock = Clock::default();
        let (mut driven, mut again) = (false, true);
        loop {
            if self.items(pending, &mut clock)? {
                return Ok(true);
            }
            if !pending.batch.items.is_empty() {
                self.inner.connection.delivered(&pending.batch);
            }
            pending.done();
            // Events of a background driver, and those that the last drive left, are taken within the budget. Otherwise the loop knows of more.
            if driven && (!again || clock.tick()) {
                return Ok(again);
            }
            again = self.host.next_batch(self.socket, self.inner, &mut pending.batch)?;
            driven = true;
            if pending.batch.items.is_empty() {
                return Ok(again);
            }
        }
    }

    /// Delivers a batch. True: the budget was spent before its end.
    fn items(&mut self, pending: &mut Pending, clock: &mut Clock) -> PyResult<bool> {
        let Pending { batch, next, barrier, event, .. } = pending;
        while let Some(item) = batch.items.get(*next) {
            if clock.tick() || process::is_ending() {
                return Ok(true);
            }
            *next += 1;
            match item {
                Item::Ascii(range) => self.message(event, |py| {
                    // SAFETY: the protocol makes an `Item::Ascii` only of bytes that it has found to be ASCII.
                    unsafe { text::ascii_to_str(py, &batch.bytes[range.clone()]) }.into_any()
                })?,
                Item::Text(range) => self.message(event, |py| {
                    // SAFETY: the protocol makes an `Item::Text` only of bytes that it has found to be UTF-8.
                    text::to_str(py, unsafe { std::str::from_utf8_unchecked(&batch.bytes[range.clone()]) }).into_any()
                })?,
                Item::Binary(range) => self.message(event, |py| PyBytes::new(py, &batch.bytes[range.clone()]).into_any())?,
                Item::Barrier => {
                    let before = next.checked_sub(2).and_then(|before| batch.items.get(before));
                    let is_open = matches!(before, Some(Item::Event(event)) if matches!(**event, Event::Open(_)));
                    self.come_to(barrier, !is_open)?;
                }
                Item::Event(other) => {
                    self.event(event, other)?;
                    if matches!(**other, Event::Close(_)) {
                        *barrier = None;
                    }
                }
            }
        }
        Ok(false)
    }

    /// The host reaches a barrier: the connection's end, or the send queue behind `open`.
    fn come_to(&self, barrier: &mut Option<Barrier>, is_end: bool) -> PyResult<()> {
        if barrier.take().is_some() {
            self.inner.connection.settle();
        }
        let tasks = self.host.object().getattr("runs_coroutines")?.is_truthy()?;
        if tasks || (is_end && self.is_behind()?) {
            *barrier = Some(Barrier::new(tasks, is_end, os::coarse_time(), self.inner.close_timeout));
            self.inner.wire.wake(self.inner.id);
        } else {
            self.inner.connection.settle();
        }
        Ok(())
    }

    /// Begins a turn that may have to wait at a barrier. True: the wait continues in the next turn.
    fn wait(&self, pending: &mut Pending) -> PyResult<bool> {
        let Some(barrier) = &mut pending.barrier else { return Ok(false) };
        // After the user's `close()` no answer leaves.
        let is_open = self.inner.connection.ready_state() == ReadyState::Open;
        match barrier.turn(os::coarse_time(), is_open && self.is_behind()?) {
            Wait::Tasks if is_open => return Ok(true),
            Wait::Receiver => {
                if barrier.park() {
                    self.host.object().call_method1("wake_later", (self.inner.id, self.inner.close_timeout.as_secs_f64()))?;
                }
            }
            _ => {
                pending.barrier = None;
                self.inner.connection.settle();
            }
        }
        Ok(false)
    }

    /// Whether messages wait for `recv()`. If so, the call that takes the last one wakes the socket.
    fn is_behind(&self) -> PyResult<bool> {
        self.inner.receiver.get().map_or(Ok(false), |inbox| inbox.bind(self.py).call_method0("await_receiver")?.is_truthy())
    }

    /// Delivers a message. Its data is made only if a listener wants it.
    #[inline]
    fn message(&mut self, event: &mut events::Reusable, data: impl FnOnce(Python<'py>) -> Bound<'py, PyAny>) -> PyResult<()> {
        if !self.inner.connection.may_deliver() {
            return Ok(());
        }
        let Some(list) = self.listeners.of(&self.socket.get().listeners, Kind::Message) else { return Ok(()) };
        let event = event.with(self.socket.as_any(), data(self.py), || self.inner.origin(self.py))?;
        dispatch(self.socket, self.host, Kind::Message, list, event)
    }

    fn event(&mut self, reused: &mut events::Reusable, event: &Event) -> PyResult<()> {
        match event {
            Event::Ask(ask) => answer(self.socket, self.host, self.inner, ask)?,
            Event::Settled(settled) => {
                if let Some(callback) = self.inner.take_settler(settled.ticket) {
                    let (reply, error) = match &settled.outcome {
                        Ok(reply) => (reply.as_deref().map(|reply| text::to_str(self.py, reply)), None),
                        Err(error) => (None, Some(errors::object(self.py, error)?)),
                    };
                    call(self.socket, self.host, callback.bind(self.py), (reply, error))?;
                }
            }
            Event::Message(body) => self.message(reused, |py| events::data(py, body).into_bound(py))?,
            event => {
                if self.inner.connection.enter(event)
                    && let Some((kind, object)) = events::other(self.socket.as_any(), event)?
                {
                    self.inner.note_ready(kind);
                    if kind == Kind::Open {
                        self.inner.forget_origin();
                        *reused = events::Reusable::default();
                    }
                    self.inner.attach_failure(&object, event)?;
                    if kind == Kind::Close {
                        self.inner.note_close(&object);
                    }
                    if matches!(kind, Kind::Open | Kind::Error | Kind::Close | Kind::Reconnecting) {
                        self.log(event, &object)?;
                    }
                    if let Some(list) = self.socket.get().listeners.list(kind) {
                        dispatch(self.socket, self.host, kind, &list, &object)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl<'py> Course<'_, 'py> {
    /// Logs the event, before the listeners get it.
    fn log(&self, event: &Event, object: &Bound<'py, PyAny>) -> PyResult<()> {
        static NOTE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let unheard = self.is_unheard(event);
        let note = NOTE.import(self.py, "heartwire._log", "note")?;
        call(self.socket, self.host, note, (self.socket, object, unheard))
    }

    /// Whether the event reports a failure that no function of the user, and no API of the package, gets.
    fn is_unheard(&self, event: &Event) -> bool {
        let listeners = &self.socket.get().listeners;
        let asked_for = |error: &Error| matches!(error.code(), ErrorCode::Cancelled | ErrorCode::Terminated);
        match event {
            Event::Error(error) => {
                self.inner.told.store(true, Ordering::Relaxed);
                // The asyncio and the blocking API raise the last one.
                let raised = error.retry_in.is_none() && listeners.package_listens(Kind::Error);
                !asked_for(error) && !raised && !listeners.user_listens(Kind::Error)
            }
            Event::Close(close) => {
                let told = self.inner.told.swap(false, Ordering::Relaxed);
                let failed = close.error.as_ref().is_some_and(|error| !asked_for(error));
                let heard =
                    listeners.package_listens(Kind::Close) || listeners.user_listens(Kind::Close) || listeners.user_listens(Kind::Error);
                failed && !close.will_reconnect && !told && !heard
            }
            _ => false,
        }
    }
}
