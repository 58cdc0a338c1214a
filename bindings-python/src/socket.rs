//! The socket as a Python object: arguments in, properties out, listeners. The class that users see is `WebSocket` in `_websocket.py`.
//! It is frozen. A lock is held only for a move, never while Python runs or an object is dropped.

use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::Duration;

use heartwire::binding::close;
use heartwire::binding::{Dialect, read_heartbeat};
use heartwire::{CloseCode, Error, ErrorCode, Options, ReadyState, RequestCall, Way};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use pyo3::{PyTraverseError, PyVisit};
use serde_json::Value;

use crate::arguments::{arguments, callable, close_code, duration};
use crate::convert::{self, Functions};
use crate::inner::{Inner, lock};
use crate::listeners::{self, Listeners};
use crate::{errors, send, unrun, warnings};

/// A socket; empty until `setup`.
#[pyclass(frozen, subclass, weakref, module = "heartwire._native")]
pub(crate) struct Socket {
    pub(crate) listeners: Listeners,
    inner: OnceLock<Inner>,
}

impl Socket {
    pub(crate) fn inner(&self, py: Python<'_>) -> PyResult<&Inner> {
        let _ = py;
        self.inner.get().ok_or_else(|| PyRuntimeError::new_err("WebSocket.__init__() was not called: call super().__init__(url, ...)"))
    }

    /// As [`Socket::inner`], in the process that made the socket.
    fn ours(&self, py: Python<'_>) -> PyResult<&Inner> {
        let inner = self.inner(py)?;
        if inner.connection.is_ours() {
            Ok(inner)
        } else {
            Err(errors::raise(py, Error::new(ErrorCode::Forked, "the socket belongs to the parent process; make a new one here")))
        }
    }
}

#[pymethods]
impl Socket {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self { listeners: Listeners::default(), inner: OnceLock::new() }
    }

    /// Accepts the arguments, or raises an error with all their faults.
    #[pyo3(name = "_setup")]
    fn setup(
        &self,
        py: Python<'_>,
        url: &Bound<'_, PyAny>,
        protocols: &Bound<'_, PyAny>,
        options: &Bound<'_, PyDict>,
        context: Py<PyAny>,
    ) -> PyResult<()> {
        if self.inner.get().is_some() {
            return Err(PyRuntimeError::new_err("WebSocket.__init__() was called twice"));
        }
        let mut functions = Functions::default();
        let (url, is_function, given) = arguments(url, protocols, options, &mut functions)?;
        let (options, mut providers) = Options::parse(&given, Dialect::Python).map_err(|error| errors::raise(py, error))?;
        providers.url = is_function;
        options.doubts(Dialect::Python).iter().for_each(|words| warnings::keep(words));
        warnings::tell(py)?;
        let inner = Inner::new(py, &url, options, providers, functions, context)?;
        self.inner.set(inner).map_err(|_| PyRuntimeError::new_err("WebSocket.__init__() was called twice"))
    }

    /// Sends a message: str as text; bytes, bytearray or memoryview as binary; an iterable of either as one message in fragments. `text` names
    /// its kind; by default the first part decides, and a message without parts is text.
    #[pyo3(signature = (data, compress=None, *, text=None, key=None, urgent=false))]
    fn send(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        compress: Option<bool>,
        text: Option<bool>,
        key: Option<&str>,
        urgent: bool,
    ) -> PyResult<()> {
        if key.is_none() && !urgent {
            return send::message(self.ours(py)?, data, text, compress);
        }
        send::by(self.ours(py)?, data, compress, &Way::new().key(key).urgent(urgent).ticket(None)).map(|_| ())
    }

    /// Sends a message. If it waits for the rate limit, returns a ticket, and calls `settle(None, error or None)` after it has left or was dropped.
    #[pyo3(name = "_send_waiting")]
    fn send_waiting(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        compress: Option<bool>,
        key: Option<&str>,
        urgent: bool,
        settle: Py<PyAny>,
    ) -> PyResult<Option<u64>> {
        let inner = self.ours(py)?;
        let ticket = inner.keep_settler(settle);
        // In the send queue, no caller waits for it.
        let waits = send::by(inner, data, compress, &Way::new().key(key).urgent(urgent).ticket(Some(ticket)))
            .map(|queued| queued && inner.connection.may_deliver());
        if !matches!(waits, Ok(true)) {
            drop(inner.take_settler(ticket));
        }
        waits.map(|waits| waits.then_some(ticket))
    }

    /// Sends a request, and calls `settle(reply or None, error or None)` at its end. Returns its ticket.
    #[pyo3(name = "_request")]
    #[expect(clippy::too_many_arguments, reason = "one for each of Python's")]
    fn request(
        &self,
        py: Python<'_>,
        text: &Bound<'_, PyString>,
        settle: Py<PyAny>,
        limited: bool,
        timeout: Option<f64>,
        resend: Option<bool>,
        deliver: Option<bool>,
        key: Option<&str>,
        urgent: bool,
    ) -> PyResult<u64> {
        let inner = self.ours(py)?;
        let time = timeout.map(|seconds| duration(py, "timeout", seconds)).transpose()?;
        let call = RequestCall::new().resend(resend).deliver(deliver).key(key).urgent(urgent);
        let call = if limited { call.timeout(time) } else { call };
        let ticket = inner.keep_settler(settle);
        if let Err(error) = inner.connection.request(ticket, &convert::text(text)?, &call) {
            drop(inner.take_settler(ticket));
            return Err(errors::raise(py, error));
        }
        Ok(ticket)
    }

    /// Cancels a request.
    #[pyo3(name = "_cancel_request")]
    fn cancel_request(&self, py: Python<'_>, ticket: u64) -> PyResult<()> {
        let inner = self.inner(py)?;
        drop(inner.take_settler(ticket));
        inner.connection.cancel_request(ticket);
        Ok(())
    }

    /// The server said "slow down": nothing that is not urgent leaves for so many seconds, or nothing with this key. 0 lifts it.
    #[pyo3(signature = (seconds, *, key=None))]
    fn throttle(&self, py: Python<'_>, seconds: f64, key: Option<&str>) -> PyResult<()> {
        let inner = self.ours(py)?;
        let time = if seconds == 0.0 { Duration::ZERO } else { duration(py, "seconds", seconds)? };
        inner.connection.throttle(time, key).map_err(|error| errors::raise(py, error))
    }

    /// Whether the options have a login.
    #[getter(_logs_in)]
    fn logs_in(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.inner(py)?.logs_in)
    }

    /// Whether the options have a rate limit.
    #[getter(_limited)]
    fn limited(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.inner(py)?.limited)
    }

    /// Whether the connection is open and the login done, by the delivered events.
    #[getter(_is_ready)]
    fn is_ready(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.inner(py)?.ready.load(Ordering::Acquire))
    }

    /// Sends one fragment of a message.
    #[pyo3(name = "_send_fragment")]
    fn send_fragment(&self, py: Python<'_>, data: &Bound<'_, PyAny>, first: bool, last: bool, compress: Option<bool>) -> PyResult<()> {
        send::fragment(self.ours(py)?, data, first, last, compress)
    }

    /// Sends a ping; the pong event has the round trip.
    #[pyo3(signature = (data=None))]
    fn ping(&self, py: Python<'_>, data: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let inner = self.ours(py)?;
        send::control(py, inner, data, |payload| inner.connection.ping(payload))
    }

    /// Sends a pong that answers nothing.
    #[pyo3(signature = (data=None))]
    fn pong(&self, py: Python<'_>, data: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let inner = self.ours(py)?;
        send::control(py, inner, data, |payload| inner.connection.pong(payload))
    }

    /// Sends Close and closes; while connecting, ends the attempt. Final: no reconnection follows.
    #[pyo3(signature = (code=None, reason=""))]
    fn close(&self, py: Python<'_>, code: Option<i64>, reason: &str) -> PyResult<()> {
        let inner = self.ours(py)?;
        let code = close_code(py, code, CloseCode::FOR_PAGES)?;
        close::check_as_browser(code, reason)
            .and_then(|()| inner.connection.close(code, reason))
            .map_err(|error| errors::raise(py, error))?;
        unrun::forget(inner.id);
        Ok(())
    }

    /// `close()` with every code that RFC 6455 allows in a Close frame, for `heartwire.connect` and `heartwire.sync`.
    #[pyo3(name = "_close")]
    fn close_as_endpoint(&self, py: Python<'_>, code: Option<i64>, reason: &str) -> PyResult<()> {
        let inner = self.ours(py)?;
        let code = close_code(py, code, CloseCode::MAY_BE_SENT)?;
        inner.connection.close(code, reason).map_err(|error| errors::raise(py, error))
    }

    /// From now on messages wait in `inbox` for their receiver: the answers to them leave before the connection ends.
    #[pyo3(name = "_set_receiver")]
    fn set_receiver(&self, py: Python<'_>, inbox: Py<PyAny>) -> PyResult<()> {
        let inner = self.inner(py)?;
        inner.receiver.set(inbox).map_err(|_| PyRuntimeError::new_err("a socket has one receiver"))
    }

    /// The last message was received.
    #[pyo3(name = "_received")]
    fn received(&self, py: Python<'_>) -> PyResult<()> {
        let inner = self.inner(py)?;
        inner.wire.wake(inner.id);
        Ok(())
    }

    /// Sends Close with a code at the end of its part of the program, and waits for the answer no longer than `close_on_exit`.
    #[pyo3(name = "_go_away", signature = (code = CloseCode::GOING_AWAY.0))]
    fn go_away(&self, py: Python<'_>, code: u16) -> PyResult<()> {
        self.ours(py)?.connection.go_away(CloseCode(code));
        Ok(())
    }

    /// Sets the heartbeat of the present connection, for servers that dictate it; None stops it.
    fn set_heartbeat(&self, py: Python<'_>, options: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let inner = self.ours(py)?;
        let mut functions = Functions::default();
        let given = options.map_or(Ok(Value::Null), |options| convert::option(options, "set_heartbeat", &mut functions))?;
        let options = read_heartbeat(&given, Dialect::Python).map_err(|error| errors::raise(py, error))?;
        inner.replace_function(py, "set_heartbeat.message", &functions);
        inner.connection.set_heartbeat(options).map_err(|error| errors::raise(py, error))
    }

    /// Opens another connection now, without a delay; with `overlap` before the present one is closed.
    #[pyo3(signature = (url=None, *, code=None, reason="", overlap=false))]
    fn reconnect(&self, py: Python<'_>, url: Option<&str>, code: Option<i64>, reason: &str, overlap: bool) -> PyResult<()> {
        let inner = self.ours(py)?;
        let code = close_code(py, code, CloseCode::MAY_BE_SENT)?;
        let begun =
            if overlap { inner.connection.reconnect_beside(url, code, reason) } else { inner.connection.reconnect(url, code, reason) };
        begun.map_err(|error| errors::raise(py, error))
    }

    /// Drops the connection at once. Final.
    fn terminate(&self, py: Python<'_>) -> PyResult<()> {
        let inner = self.ours(py)?;
        inner.connection.terminate();
        unrun::forget(inner.id);
        Ok(())
    }

    /// Stops reading until `resume` or `close`, so that the server is slowed down.
    fn pause(&self, py: Python<'_>) -> PyResult<()> {
        self.ours(py)?.connection.pause();
        Ok(())
    }

    /// Reads again.
    fn resume(&self, py: Python<'_>) -> PyResult<()> {
        self.ours(py)?.connection.resume();
        Ok(())
    }

    /// 0 connecting, 1 open, 2 closing, 3 closed.
    #[getter]
    fn ready_state(&self, py: Python<'_>) -> PyResult<u8> {
        let connection = &self.inner(py)?.connection;
        Ok(if connection.is_ours() { connection.ready_state() } else { ReadyState::Closed } as u8)
    }

    /// `ready_state` by the standard's name.
    #[getter(readyState)]
    fn ready_state_by_standard(&self, py: Python<'_>) -> PyResult<u8> {
        self.ready_state(py)
    }

    /// The bytes of messages that have not left, and of those that a lost connection will never send.
    #[getter]
    fn buffered_amount(&self, py: Python<'_>) -> PyResult<usize> {
        let connection = &self.inner(py)?.connection;
        Ok(if connection.is_ours() { connection.buffered_amount() } else { 0 })
    }

    /// `buffered_amount` by the standard's name.
    #[getter(bufferedAmount)]
    fn buffered_amount_by_standard(&self, py: Python<'_>) -> PyResult<usize> {
        self.buffered_amount(py)
    }

    /// The URL in use.
    #[getter]
    fn url(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.ours(py)?.connection.url())
    }

    /// The subprotocol in use, or empty.
    #[getter]
    fn protocol(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.ours(py)?.connection.protocol())
    }

    /// The extensions in use, or empty.
    #[getter]
    fn extensions(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.ours(py)?.connection.extensions())
    }

    /// Seconds of the last round trip of a ping, or None.
    #[getter]
    fn latency(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        Ok(self.ours(py)?.connection.latency().map(|latency| latency.as_secs_f64()))
    }

    /// Our address and the peer's in the form of Python's sockets; None without an open connection, and on a unix socket.
    #[getter(_addresses)]
    fn addresses(&self, py: Python<'_>) -> PyResult<Option<(Py<PyAny>, Py<PyAny>)>> {
        let Some((local, peer)) = self.ours(py)?.connection.addresses() else { return Ok(None) };
        Ok(Some((convert::address(py, local)?, convert::address(py, peer)?)))
    }

    /// The option `write_limit`.
    #[getter(_write_limit)]
    fn write_limit(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.inner(py)?.write_limit)
    }

    /// Whether the option `close_on_exit` is on.
    #[getter(_close_on_exit)]
    fn close_on_exit(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.inner(py)?.connection.closes_on_exit())
    }

    /// The hub that delivers the events, or None.
    #[getter(_hub)]
    fn hub(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        Ok(lock(&self.inner(py)?.home).as_ref().map(|home| home.hub.clone_ref(py)))
    }

    /// Whether the last event was delivered.
    #[getter(_finished)]
    fn finished(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(lock(&self.inner(py)?.finish).is_none())
    }

    /// The last `CloseEvent`, or None.
    #[getter(_last_close)]
    fn last_close(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        Ok(lock(&self.inner(py)?.last_close).as_ref().map(|event| event.clone_ref(py)))
    }

    /// The number of delivered `close` events.
    #[getter(_closes)]
    fn closes(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.inner(py)?.closes.load(Ordering::Acquire))
    }

    /// Whether a function of the user is async: then events need an asyncio loop.
    #[getter(_wants_loop)]
    fn wants_loop(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.inner(py)?.wants_loop.load(Ordering::Relaxed))
    }

    #[setter(_wants_loop)]
    fn set_wants_loop(&self, py: Python<'_>, wants: bool) -> PyResult<()> {
        self.inner(py)?.wants_loop.store(wants, Ordering::Relaxed);
        Ok(())
    }

    /// The functions that were given as options.
    #[pyo3(name = "_functions")]
    fn functions(&self, py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
        let functions = lock(&self.inner(py)?.functions);
        Ok(functions.iter().flat_map(Functions::iter).map(|function| function.clone_ref(py)).collect())
    }

    /// The function of an `on...` attribute.
    #[pyo3(name = "_get_handler")]
    fn get_handler(&self, py: Python<'_>, r#type: &str) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.listeners.attribute(py, listeners::kind(py, r#type)?))
    }

    /// Sets the function of an `on...` attribute.
    #[pyo3(name = "_set_handler")]
    fn set_handler(&self, py: Python<'_>, r#type: &str, function: Option<&Bound<'_, PyAny>>, bare: bool) -> PyResult<()> {
        self.listeners.set_attribute(callable(py, r#type, function)?, function, bare)
    }

    /// Adds a listener.
    #[pyo3(name = "_add_listener")]
    fn add_listener(&self, py: Python<'_>, r#type: &str, function: &Bound<'_, PyAny>, once: bool, bare: bool) -> PyResult<()> {
        self.listeners.add(callable(py, r#type, Some(function))?, function, once, bare)
    }

    /// Adds a listener that nothing removes: the package's own if `private`, else a method of the user's subclass.
    #[pyo3(name = "_add_fixed")]
    fn add_fixed(&self, py: Python<'_>, r#type: &str, function: &Bound<'_, PyAny>, private: bool, bare: bool) -> PyResult<()> {
        self.listeners.add_fixed(callable(py, r#type, Some(function))?, function, private, bare)
    }

    /// Remembers that nothing runs this socket yet; `name` is for the warning if this does not change.
    #[pyo3(name = "_expect_run")]
    fn expect_run(&self, py: Python<'_>, name: String) -> PyResult<()> {
        unrun::expect(self.inner(py)?.id, name);
        Ok(())
    }

    /// Removes a listener.
    #[pyo3(name = "_remove_listener")]
    fn remove_listener(&self, py: Python<'_>, r#type: &str, function: &Bound<'_, PyAny>) -> PyResult<()> {
        self.listeners.remove(listeners::kind(py, r#type)?, function)
    }

    /// Calls `function` with the last `CloseEvent`, after its delivery. False: it was delivered already.
    #[pyo3(name = "_on_finish")]
    fn on_finish(&self, py: Python<'_>, function: Py<PyAny>) -> PyResult<bool> {
        let inner = self.inner(py)?;
        let mut finish = lock(&inner.finish);
        if let Some(functions) = &mut *finish {
            functions.push(function);
            return Ok(true);
        }
        drop(finish);
        Ok(false)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.listeners.traverse(visit)?;
        self.inner.get().map_or(Ok(()), |inner| inner.traverse(visit))
    }

    fn __clear__(&self) {
        self.listeners.clear();
        if let Some(inner) = self.inner.get() {
            inner.clear();
        }
    }
}
