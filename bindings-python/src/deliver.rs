//! A batch of events on its way to the user's functions: order, exceptions, questions, budget. No lock is held while Python runs.
//!
//! A batch that is not done (its budget is spent, or `KeyboardInterrupt` or `SystemExit` leaves a handler) is kept with its position: nothing
//! is delivered twice and nothing is lost.

use std::time::Duration;

use heartwire::event::{Ask, Batch, Event, Item, Question};
use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::hub::Hub;
use crate::inner::Inner;
use crate::listeners::Kind;
use crate::socket::Socket;
use crate::{convert, events, process};

/// How long one socket may keep the loop before the others have their turn.
const BUDGET: Duration = Duration::from_millis(2);

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

impl From<u8> for Turn {
    fn from(number: u8) -> Self {
        [Self::Nothing, Self::More, Self::Finished].into_iter().find(|turn| *turn as u8 == number).unwrap_or(Self::More)
    }
}

/// A batch and how far it is delivered.
#[derive(Default)]
pub(crate) struct Pending {
    batch: Batch,
    next: usize,
}

/// Delivers what a socket has, in the context in which it was made.
pub(crate) fn turn(socket: &Bound<'_, Socket>, hub: &Bound<'_, Hub>) -> PyResult<Turn> {
    let inner = socket.get().inner(socket.py())?;
    let _delivery = process::Delivery::begin();
    // A handler that runs a loop inside itself must not have its socket's next event before this one is done.
    let Some(mut pending) = inner.begin_turn() else { return Ok(Turn::Nothing) };
    let result = batches(socket, hub, inner, &mut pending);
    let done = result.as_ref().is_ok_and(|more| !more) && inner.connection.is_finished();
    inner.end_turn(pending);
    if done {
        socket.get().finish(socket, hub)?;
        return Ok(Turn::Finished);
    }
    result.map(|more| if more { Turn::More } else { Turn::Nothing })
}

/// Whether more is there.
fn batches(socket: &Bound<'_, Socket>, hub: &Bound<'_, Hub>, inner: &Inner, pending: &mut Pending) -> PyResult<bool> {
    let until = ticks() + BUDGET;
    // A hosted socket is driven once a turn: the hub's loop knows whether there is more.
    let mut driven = false;
    let mut delivered = false;
    loop {
        if pending.next == pending.batch.items.len() {
            if !pending.batch.items.is_empty() {
                inner.connection.delivered(&pending.batch);
            }
            *pending = Pending { batch: std::mem::take(&mut pending.batch), next: 0 };
            if (driven && inner.connection.is_hosted()) || !hub.get().next_batch(socket.py(), inner, &mut pending.batch)? {
                pending.batch.clear();
                return Ok(false);
            }
            driven = true;
            continue;
        }
        if process::is_ending() || (delivered && ticks() >= until) {
            return Ok(true);
        }
        delivered = true;
        let index = pending.next;
        pending.next += 1;
        item(socket, hub, inner, &pending.batch, index)?;
    }
}

/// The kernel's coarse clock: some milliseconds between two ticks, and some nanoseconds to read, so that each event may look.
fn ticks() -> Duration {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC_COARSE;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is ours, and the call writes it.
    unsafe { libc::clock_gettime(CLOCK, &raw mut time) };
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

fn item(socket: &Bound<'_, Socket>, hub: &Bound<'_, Hub>, inner: &Inner, batch: &Batch, index: usize) -> PyResult<()> {
    let py = socket.py();
    match &batch.items[index] {
        Item::Text(range) => {
            if inner.connection.may_deliver() && socket.get().listeners.list(Kind::Message).is_some() {
                message(socket, hub, inner, convert::to_str(py, batch.text(range)).into_any().unbind())?;
            }
        }
        Item::Binary(range) => {
            if inner.connection.may_deliver() && socket.get().listeners.list(Kind::Message).is_some() {
                message(socket, hub, inner, PyBytes::new(py, &batch.bytes[range.clone()]).into_any().unbind())?;
            }
        }
        Item::Barrier => inner.connection.settle(),
        Item::Event(event) => match &**event {
            Event::Ask(ask) => answer(socket, hub, inner, ask)?,
            Event::Message(body) => {
                if inner.connection.may_deliver() {
                    message(socket, hub, inner, events::data(py, body))?;
                }
            }
            event => {
                if inner.connection.enter(event)
                    && let Some((kind, object)) = events::other(socket.as_any(), event)?
                {
                    if kind == Kind::Open {
                        inner.forget_origin();
                    } else if kind == Kind::Close {
                        inner.note_close(&object);
                    }
                    dispatch(socket, hub, kind, &object)?;
                }
            }
        },
    }
    Ok(())
}

fn message(socket: &Bound<'_, Socket>, hub: &Bound<'_, Hub>, inner: &Inner, data: Py<PyAny>) -> PyResult<()> {
    let event = events::message(socket.as_any(), data, &inner.origin(socket.py()))?;
    dispatch(socket, hub, Kind::Message, &event)
}

/// Calls the listeners of one event.
fn dispatch(socket: &Bound<'_, Socket>, hub: &Bound<'_, Hub>, kind: Kind, event: &Bound<'_, PyAny>) -> PyResult<()> {
    let Some(list) = socket.get().listeners.list(kind) else { return Ok(()) };
    for listener in list.iter() {
        if listener.is_removed() || (listener.once && !socket.get().listeners.take(kind, listener)) {
            continue;
        }
        let callback = listener.callback.bind(event.py());
        match callback.call1((event,)) {
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
    Ok(value.hasattr("__await__")? && value.hasattr("send")?)
}

/// Asks a function of the user and answers the core.
fn answer(socket: &Bound<'_, Socket>, hub: &Bound<'_, Hub>, inner: &Inner, ask: &Ask) -> PyResult<()> {
    let py = socket.py();
    let (path, argument) = match &ask.question {
        Question::Url => ("url", None),
        Question::Headers => ("headers", None),
        Question::Protocols => ("protocols", None),
        Question::HeartbeatMessage => ("heartbeat.message", None),
        Question::ShouldReconnect(close) => ("reconnect.should_reconnect", Some(events::close(socket.as_any(), close)?)),
    };
    let Some(function) = inner.function(py, path) else {
        inner.connection.answer(ask.id, Err(format!("there is no function for {path}")));
        return Ok(());
    };
    let result = match argument {
        Some(argument) => function.call1((argument,)),
        None => function.call0(),
    };
    Hub::look_for_stall(hub, Some(&function))?;
    match result {
        Ok(result) if is_coroutine(&result)? => {
            let done = Bound::new(py, Reply { socket: socket.clone().unbind(), id: ask.id })?;
            if let Err(error) = hub.call_method1("spawn", (socket, &function, &result, &done)) {
                inner.connection.answer(ask.id, Err(words(py, &error)));
                fail(socket, hub, &function, error)?;
            }
        }
        Ok(result) => reply(inner, ask.id, &result),
        Err(error) => {
            inner.connection.answer(ask.id, Err(words(py, &error)));
            fail(socket, hub, &function, error)?;
        }
    }
    Ok(())
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
}

#[pymethods]
impl Reply {
    fn __call__(&self, py: Python<'_>, value: &Bound<'_, PyAny>, error: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let inner = self.socket.get().inner(py)?;
        if let Some(error) = error {
            inner.connection.answer(self.id, Err(error.repr()?.to_string_lossy().into_owned()));
        } else {
            reply(inner, self.id, value);
        }
        Ok(())
    }
}
