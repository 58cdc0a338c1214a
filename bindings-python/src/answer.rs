//! Options that are functions of the user: calls them when the core asks, and answers the core.
//! Knows no event. An exception of such a function is handled like one of a handler (`calls.rs`).

use heartwire::{Ask, Question};
use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::calls::{Host, fail, is_coroutine};
use crate::inner::Inner;
use crate::socket::Socket;
use crate::{convert, events};

/// Asks a function of the user and answers the core.
pub(crate) fn answer(socket: &Bound<'_, Socket>, host: &dyn Host<'_>, inner: &Inner, ask: &Ask) -> PyResult<()> {
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
    host.look_for_stall(Some(&function))?;
    match result {
        Ok(result) if is_coroutine(&result)? => {
            let told = is_told(&ask.question);
            let done = Bound::new(py, Reply { socket: socket.clone().unbind(), id: ask.id, told })?;
            if let Err(error) = host.object().call_method1("spawn", (socket, &function, &result, &done)) {
                refuse(socket, host, inner, ask, &function, error)?;
            }
        }
        Ok(result) => reply(inner, ask.id, &result),
        Err(error) => {
            refuse(socket, host, inner, ask, &function, error)?;
        }
    }
    Ok(())
}

/// Whether a function takes no argument.
fn is_bare(function: &Bound<'_, PyAny>) -> PyResult<bool> {
    static IS_BARE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    IS_BARE.import(function.py(), "heartwire._handlers", "is_bare")?.call1((function,))?.extract()
}

/// Whether an `error` event reports a failure of the function. If so, the exception is that error's cause, and is reported only there.
fn is_told(question: &Question) -> bool {
    matches!(question, Question::Url | Question::Headers | Question::Protocols | Question::Ready)
}

/// A function given as an option has raised.
fn refuse(
    socket: &Bound<'_, Socket>,
    host: &dyn Host<'_>,
    inner: &Inner,
    ask: &Ask,
    function: &Bound<'_, PyAny>,
    error: PyErr,
) -> PyResult<()> {
    let py = socket.py();
    let leaves = error.is_instance_of::<PyKeyboardInterrupt>(py) || error.is_instance_of::<PySystemExit>(py);
    inner.keep_failure(error.clone_ref(py).into_value(py).bind(py).as_any());
    inner.connection.answer(ask.id, Err(words(py, &error)));
    if leaves || !is_told(&ask.question) { fail(socket, host, function, error) } else { Ok(()) }
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

/// Takes the outcome of an async function.
#[pyclass(frozen, module = "heartwire._native")]
struct Reply {
    socket: Py<Socket>,
    id: u64,
    /// An `error` event reports a failure.
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
