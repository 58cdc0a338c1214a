//! Calls the user's functions, and handles their results and exceptions. No lock is held while they run.
//! `Host` is the loop as a delivery sees it. This file knows no batch and no order of events.

use heartwire::binding::Batch;
use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::prelude::*;

use crate::inner::Inner;
use crate::listeners::{Kind, List};
use crate::socket::Socket;

/// The loop that takes the turns of sockets.
pub(crate) trait Host<'py> {
    /// The Python object, whose class decides what happens to exceptions and coroutines (`_delivery.py`).
    fn object(&self) -> &Bound<'py, PyAny>;

    /// Puts the next batch of a socket into `batch`, and drives the socket if this loop does so. True: ask the loop again.
    fn next_batch(&self, socket: &Bound<'py, Socket>, inner: &Inner, batch: &mut Batch) -> PyResult<bool>;

    /// `function` (or an unknown one) has run on this thread: names it if it took so long that the keeper stood in.
    fn look_for_stall(&self, function: Option<&Bound<'_, PyAny>>) -> PyResult<()>;
}

/// Calls the listeners of one event.
#[inline]
pub(crate) fn dispatch(socket: &Bound<'_, Socket>, host: &dyn Host<'_>, kind: Kind, list: &List, event: &Bound<'_, PyAny>) -> PyResult<()> {
    for listener in list.iter() {
        if listener.is_removed() || (listener.once() && !socket.get().listeners.take(kind, listener)?) {
            continue;
        }
        let callback = listener.callback.bind(event.py());
        let result = if listener.bare { callback.call0() } else { callback.call1((event,)) };
        match result {
            Ok(result) if result.is_none() => {}
            Ok(result) => follow(socket, host, callback, &result)?,
            Err(error) => fail(socket, host, callback, error)?,
        }
        host.look_for_stall(Some(callback))?;
    }
    Ok(())
}

/// Calls a function of the package's own on behalf of the user, with the same care as a handler.
pub(crate) fn call<'py>(
    socket: &Bound<'py, Socket>,
    host: &dyn Host<'py>,
    function: &Bound<'py, PyAny>,
    arguments: impl pyo3::call::PyCallArgs<'py>,
) -> PyResult<()> {
    match function.call1(arguments) {
        Ok(_) => Ok(()),
        Err(error) => fail(socket, host, function, error),
    }
}

/// A handler or another function of the user has raised. `KeyboardInterrupt` and `SystemExit` pass on; all others are handled as uncaught.
pub(crate) fn fail(socket: &Bound<'_, Socket>, host: &dyn Host<'_>, function: &Bound<'_, PyAny>, error: PyErr) -> PyResult<()> {
    let py = socket.py();
    if error.is_instance_of::<PyKeyboardInterrupt>(py) || error.is_instance_of::<PySystemExit>(py) {
        return Err(error);
    }
    match host.object().call_method1("report", (socket, function, error.into_value(py))) {
        Err(failed) if failed.is_instance_of::<PyKeyboardInterrupt>(py) || failed.is_instance_of::<PySystemExit>(py) => Err(failed),
        Err(failed) => {
            failed.write_unraisable(py, Some(function));
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}

/// The result of a handler: a coroutine becomes a task.
fn follow(socket: &Bound<'_, Socket>, host: &dyn Host<'_>, function: &Bound<'_, PyAny>, result: &Bound<'_, PyAny>) -> PyResult<()> {
    if is_coroutine(result)?
        && let Err(error) = host.object().call_method1("spawn", (socket, function, result, None::<Py<PyAny>>))
    {
        fail(socket, host, function, error)?;
    }
    Ok(())
}

pub(crate) fn is_coroutine(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    // Asks the type, as the interpreter does. An object that answers to every name (a mock, a proxy) is not a coroutine.
    let class = value.get_type();
    Ok(class.hasattr("__await__")? && class.hasattr("send")?)
}
