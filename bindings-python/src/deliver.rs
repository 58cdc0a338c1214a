//! A batch of events on its way to the user's functions: order, exceptions, questions, budget. No lock is held while Python runs.
//!
//! A batch that is not done (its budget is spent, or `KeyboardInterrupt` or `SystemExit` leaves a handler) is kept with its position: nothing
//! is delivered twice and nothing is lost.

use std::cell::RefCell;
use std::sync::atomic::Ordering;

use heartwire::binding::{Batch, Item, os};
use heartwire::{Ask, Error, ErrorCode, Event, Question, ReadyState};
use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyBytes;

use crate::barrier::{Barrier, Wait};
use crate::hub::Hub;
use crate::inner::Inner;
use crate::listeners::{Kind, List, Snapshot};
use crate::socket::Socket;
use crate::{convert, errors, events, process, send, text, warnings};

/// How long one socket may keep the loop before the others have their turn.
const BUDGET_NS: u64 = 2_000_000;
/// A buffer of this size is kept for the next socket, whatever it was used for.
const KEPT_BUFFER: usize = 1 << 20;

/// How a socket's turn ended.
#[derive(Clone, Copy)]
pub(crate) enum Turn {
    /// Nothing is left.
    Nothing,
    /// The budget is spent; more is there.
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

/// A batch and how far it is delivered; and the event object of the last message, while nobody else has it.
#[derive(Default)]
pub(crate) struct Pending {
    batch: Batch,
    next: usize,
    /// The barrier that holds the delivery. Some events behind it are delivered meanwhile, such as `drain`.
    barrier: Option<Barrier>,
    /// How many bytes a batch of this turn had at most.
    filled: usize,
    pub(crate) event: events::Reusable,
}

thread_local! {
    /// Batches of sockets that have nothing left: an idle socket has no buffer of its own.
    static SPARE: RefCell<Vec<Batch>> = const { RefCell::new(Vec::new()) };
}

impl Pending {
    fn take_buffer(&mut self) {
        if self.batch.items.is_empty() {
            self.batch = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        }
    }

    /// The whole batch was delivered.
    fn done(&mut self) {
        self.filled = self.filled.max(self.batch.bytes.len());
        self.next = 0;
        self.batch.clear();
    }

    /// Gives the buffer back, unless something in it waits.
    fn give_buffer_back(&mut self, py: Python<'_>) {
        self.event.forget_data(py);
        if !self.batch.items.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        // One that a flood has grown goes when it is no longer filled.
        let filled = std::mem::take(&mut self.filled);
        if batch.bytes.capacity() <= KEPT_BUFFER || filled >= batch.bytes.capacity() / 8 {
            SPARE.with_borrow_mut(|spare| {
                if spare.len() < 2 {
                    spare.push(batch);
                }
            });
        }
    }
}

/// Delivers what a socket has, in the context in which it was made.
pub(crate) fn turn(socket: &Bound<'_, Socket>, hub: &Bound<'_, Hub>) -> PyResult<Turn> {
    let inner = socket.get().inner(socket.py())?;
    let _delivery = process::Delivery::begin();
    let _flush = send::OfTurn::begin();
    warnings::tell(socket.py())?;
    // A handler that runs a loop inside itself must not have its socket's next event before this one is done.
    let Some(mut pending) = inner.begin_turn() else { return Ok(Turn::Nothing) };
    pending.take_buffer();
    let mut course = Course { py: socket.py(), socket, hub, inner, listeners: Snapshot::default() };
    let result = course.wait(&mut pending).and_then(|waits| course.batches(&mut pending).map(|more| more || waits));
    let done = result.as_ref().is_ok_and(|more| !more) && inner.connection.is_finished();
    pending.give_buffer_back(socket.py());
    inner.end_turn(pending);
    if done {
        socket.get().finish(socket, hub)?;
        return Ok(Turn::Finished);
    }
    result.map(|more| if more { Turn::More } else { Turn::Nothing })
}

/// Whether the budget of a turn is spent: looked at before each event but the first.
#[derive(Default)]
struct Clock {
    until_ns: Option<u64>,
}

impl Clock {
    /// One more event: whether it has to wait.
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
    hub: &'a Bound<'py, Hub>,
    inner: &'a Inner,
    /// Those of messages.
    listeners: Snapshot,
}

impl<'py> Course<'_, 'py> {
    /// Whether more is there.
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
            // What a background driver has, or the last drive has left, is taken within the budget; else the loop tells whether there is more.
            if driven && (!again || clock.tick()) {
                return Ok(again);
            }
            again = self.hub.get().next_batch(self.socket, self.inner, &mut pending.batch)?;
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

    /// The host comes to a barrier: the connection's end, or the send queue behind `open`.
    fn come_to(&self, barrier: &mut Option<Barrier>, is_end: bool) -> PyResult<()> {
        if barrier.take().is_some() {
            self.inner.connection.settle();
        }
        let tasks = self.hub.getattr("runs_coroutines")?.is_truthy()?;
        if tasks || (is_end && self.is_behind()?) {
            *barrier = Some(Barrier::new(tasks, is_end, os::coarse_time(), self.inner.close_timeout));
            self.inner.wire.wake(self.inner.id);
        } else {
            self.inner.connection.settle();
        }
        Ok(())
    }

    /// A turn begins while a barrier is waited at. True: it goes on in the next turn.
    fn wait(&self, pending: &mut Pending) -> PyResult<bool> {
        let Some(barrier) = &mut pending.barrier else { return Ok(false) };
        // Behind a `close()` of the user no answer leaves.
        let is_open = self.inner.connection.ready_state() == ReadyState::Open;
        match barrier.turn(os::coarse_time(), is_open && self.is_behind()?) {
            Wait::Tasks if is_open => return Ok(true),
            Wait::Receiver => {
                if barrier.park() {
                    self.hub.call_method1("wake_later", (self.inner.id, self.inner.close_timeout.as_secs_f64()))?;
                }
            }
            _ => {
                pending.barrier = None;
                self.inner.connection.settle();
            }
        }
        Ok(false)
    }

    /// Whether messages wait for `recv()`; the last that it takes wakes the socket then.
    fn is_behind(&self) -> PyResult<bool> {
        self.inner.receiver.get().map_or(Ok(false), |inbox| inbox.bind(self.py).call_method0("await_receiver")?.is_truthy())
    }

    /// A message, whose data is made only if somebody wants it.
    #[inline]
    fn message(&mut self, event: &mut events::Reusable, data: impl FnOnce(Python<'py>) -> Bound<'py, PyAny>) -> PyResult<()> {
        if !self.inner.connection.may_deliver() {
            return Ok(());
        }
        let Some(list) = self.listeners.of(&self.socket.get().listeners, Kind::Message) else { return Ok(()) };
        let event = event.with(self.socket.as_any(), data(self.py), || self.inner.origin(self.py))?;
        dispatch(self.socket, self.hub, Kind::Message, list, event)
    }

    fn event(&mut self, reused: &mut events::Reusable, event: &Event) -> PyResult<()> {
        match event {
            Event::Ask(ask) => answer(self.socket, self.hub, self.inner, ask)?,
            Event::Settled(settled) => {
                if let Some(callback) = self.inner.take_settler(settled.ticket) {
                    let (reply, error) = match &settled.outcome {
                        Ok(reply) => (reply.as_deref().map(|reply| text::to_str(self.py, reply)), None),
                        Err(error) => (None, Some(errors::object(self.py, error)?)),
                    };
                    call(self.socket, self.hub, callback.bind(self.py), (reply, error))?;
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
                        dispatch(self.socket, self.hub, kind, &list, &object)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl<'py> Course<'_, 'py> {
    /// Tells the log of the event, before anybody else.
    fn log(&self, event: &Event, object: &Bound<'py, PyAny>) -> PyResult<()> {
        static NOTE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let unheard = self.is_unheard(event);
        let note = NOTE.import(self.py, "heartwire._log", "note")?;
        call(self.socket, self.hub, note, (self.socket, object, unheard))
    }

    /// Whether the event tells of a failure that no function of the user, and no API of the package, hears of.
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

/// Calls the listeners of one event.
#[inline]
fn dispatch(socket: &Bound<'_, Socket>, hub: &Bound<'_, Hub>, kind: Kind, list: &List, event: &Bound<'_, PyAny>) -> PyResult<()> {
    for listener in list.iter() {
        if listener.is_removed() || (listener.once() && !socket.get().listeners.take(kind, listener)?) {
            continue;
        }
        let callback = listener.callback.bind(event.py());
        let result = if listener.bare { callback.call0() } else { callback.call1((event,)) };
        match result {
            Ok(result) if result.is_none() => {}
            Ok(result) => follow(socket, hub, callback, &result)?,
            Err(error) => fail(socket, hub, callback, error)?,
        }
        Hub::look_for_stall(hub, Some(callback))?;
    }
    Ok(())
}

/// Calls a function of the package's own on behalf of the user, with the same care as a handler.
pub(crate) fn call<'py>(
    socket: &Bound<'py, Socket>,
    hub: &Bound<'py, Hub>,
    function: &Bound<'py, PyAny>,
    arguments: impl pyo3::call::PyCallArgs<'py>,
) -> PyResult<()> {
    match function.call1(arguments) {
        Ok(_) => Ok(()),
        Err(error) => fail(socket, hub, function, error),
    }
}

/// A handler or another function of the user raised: `KeyboardInterrupt` and `SystemExit` go on, the rest goes where uncaught errors go.
fn fail(socket: &Bound<'_, Socket>, hub: &Bound<'_, Hub>, function: &Bound<'_, PyAny>, error: PyErr) -> PyResult<()> {
    let py = socket.py();
    if error.is_instance_of::<PyKeyboardInterrupt>(py) || error.is_instance_of::<PySystemExit>(py) {
        return Err(error);
    }
    match hub.call_method1("report", (socket, function, error.into_value(py))) {
        Err(failed) if failed.is_instance_of::<PyKeyboardInterrupt>(py) || failed.is_instance_of::<PySystemExit>(py) => Err(failed),
        Err(failed) => {
            failed.write_unraisable(py, Some(function));
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}

/// What a handler returned may be a coroutine, which becomes a task.
fn follow(socket: &Bound<'_, Socket>, hub: &Bound<'_, Hub>, function: &Bound<'_, PyAny>, result: &Bound<'_, PyAny>) -> PyResult<()> {
    if is_coroutine(result)?
        && let Err(error) = hub.call_method1("spawn", (socket, function, result, None::<Py<PyAny>>))
    {
        fail(socket, hub, function, error)?;
    }
    Ok(())
}

fn is_coroutine(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    // Asks the type, as the interpreter does. An object that answers to every name (a mock, a proxy) is not a coroutine.
    let class = value.get_type();
    Ok(class.hasattr("__await__")? && class.hasattr("send")?)
}

/// Asks a function of the user and answers the core.
fn answer(socket: &Bound<'_, Socket>, hub: &Bound<'_, Hub>, inner: &Inner, ask: &Ask) -> PyResult<()> {
    let py = socket.py();
    let (path, argument) = match &ask.question {
        Question::Url => ("url", None),
        Question::Headers => ("headers", None),
        Question::Protocols => ("protocols", None),
        Question::HeartbeatMessage { dictated: false } => ("heartbeat.message", None),
        Question::HeartbeatMessage { dictated: true } => ("set_heartbeat.message", None),
        Question::Ready => ("ready", None),
        Question::ShouldReconnect(close) => ("reconnect.should_reconnect", Some(events::close(socket.as_any(), close)?)),
    };
    let Some(function) = inner.function(py, path).or_else(|| inner.function(py, &format!("{path}.run"))) else {
        inner.connection.answer(ask.id, Err(format!("there is no function for {path}")));
        return Ok(());
    };
    let result = match argument {
        Some(argument) => is_bare(&function).and_then(|bare| if bare { function.call0() } else { function.call1((argument,)) }),
        None => function.call0(),
    };
    Hub::look_for_stall(hub, Some(&function))?;
    match result {
        Ok(result) if is_coroutine(&result)? => {
            let told = is_told(&ask.question);
            let done = Bound::new(py, Reply { socket: socket.clone().unbind(), id: ask.id, told })?;
            if let Err(error) = hub.call_method1("spawn", (socket, &function, &result, &done)) {
                refuse(socket, hub, inner, ask, &function, error)?;
            }
        }
        Ok(result) => reply(inner, ask.id, &result),
        Err(error) => {
            refuse(socket, hub, inner, ask, &function, error)?;
        }
    }
    Ok(())
}

/// Whether a function takes no argument.
fn is_bare(function: &Bound<'_, PyAny>) -> PyResult<bool> {
    static IS_BARE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    IS_BARE.import(function.py(), "heartwire._handlers", "is_bare")?.call1((function,))?.extract()
}

/// Whether a failure of the function is told by an `error` event: then it is the cause of that error, and is told nowhere else.
fn is_told(question: &Question) -> bool {
    matches!(question, Question::Url | Question::Headers | Question::Protocols | Question::Ready)
}

/// A function that stands for an option raised.
fn refuse(
    socket: &Bound<'_, Socket>,
    hub: &Bound<'_, Hub>,
    inner: &Inner,
    ask: &Ask,
    function: &Bound<'_, PyAny>,
    error: PyErr,
) -> PyResult<()> {
    let py = socket.py();
    let leaves = error.is_instance_of::<PyKeyboardInterrupt>(py) || error.is_instance_of::<PySystemExit>(py);
    inner.keep_failure(error.clone_ref(py).into_value(py).bind(py).as_any());
    inner.connection.answer(ask.id, Err(words(py, &error)));
    if leaves || !is_told(&ask.question) { fail(socket, hub, function, error) } else { Ok(()) }
}

fn reply(inner: &Inner, id: u64, value: &Bound<'_, PyAny>) {
    match convert::plain(value) {
        Ok(value) => inner.connection.answer(id, Ok(value)),
        Err(error) => inner.connection.answer(id, Err(words(value.py(), &error))),
    }
}

fn words(py: Python<'_>, error: &PyErr) -> String {
    error.value(py).repr().map_or_else(|_| "an exception".to_owned(), |text| text.to_string_lossy().into_owned())
}

/// Takes the outcome of an async function that was asked.
#[pyclass(frozen, module = "heartwire._native")]
struct Reply {
    socket: Py<Socket>,
    id: u64,
    /// A failure is told by an `error` event.
    #[pyo3(get)]
    told: bool,
}

#[pymethods]
impl Reply {
    fn __call__(&self, py: Python<'_>, value: &Bound<'_, PyAny>, error: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let inner = self.socket.get().inner(py)?;
        if let Some(error) = error {
            inner.keep_failure(error);
            inner.connection.answer(self.id, Err(error.repr()?.to_string_lossy().into_owned()));
        } else {
            reply(inner, self.id, value);
        }
        Ok(())
    }
}
