//! The fault server of the core for Python: plain values in and out. Knows no socket.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use heartwire::testing::{ErrorKind, FaultServer as Core, TestError};
use pyo3::exceptions::{PyOSError, PyTimeoutError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use serde_json::Value;

use crate::convert;

/// A WebSocket server on 127.0.0.1 that follows its script, and records all that it received. Stops when it is dropped.
#[pyclass(frozen, subclass, module = "heartwire._native")]
pub(crate) struct FaultServer(Arc<RwLock<Core>>);

impl FaultServer {
    /// Runs `work`, which may wait, without the GIL.
    fn with<T: Send>(&self, py: Python<'_>, act: impl FnOnce(&Core) -> T + Send) -> T {
        let server = &self.0;
        py.detach(|| act(&server.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

#[pymethods]
impl FaultServer {
    #[new]
    #[pyo3(signature = (script=None))]
    fn new(py: Python<'_>, script: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let script = script.map_or(Ok(Value::Null), convert::plain)?;
        let server = py.detach(|| Core::start(&script)).map_err(raise)?;
        Ok(Self(Arc::new(RwLock::new(server))))
    }

    /// The address to connect to.
    #[getter]
    fn url(&self, py: Python<'_>) -> String {
        self.with(py, Core::url)
    }

    /// The port; it stays the same while connections are refused.
    #[getter]
    fn port(&self, py: Python<'_>) -> u16 {
        self.with(py, Core::port)
    }

    /// With TLS: the certificate of the authority that signed the server's, as PEM; else None.
    #[getter]
    fn ca_pem(&self, py: Python<'_>) -> Option<String> {
        self.with(py, Core::ca_pem)
    }

    /// With TLS: a certificate and a key that the server accepts from a client, as PEM; else None.
    #[getter]
    fn client_pem(&self, py: Python<'_>) -> Option<(String, String)> {
        self.with(py, Core::client_pem)
    }

    /// Replaces the script for later connections.
    fn set_script(&self, py: Python<'_>, script: &Bound<'_, PyAny>) -> PyResult<()> {
        let script = convert::plain(script)?;
        self.with(py, |server| server.set_script(&script)).map_err(raise)
    }

    /// Everything recorded so far: a list of dicts.
    fn records<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        object(py, &self.with(py, Core::records))
    }

    /// Waits until something like `pattern` was recorded, and gives that record; raises `TimeoutError` after `timeout` seconds.
    #[pyo3(signature = (pattern, timeout=5.0))]
    fn wait_for<'py>(&self, py: Python<'py>, pattern: &Bound<'_, PyAny>, timeout: f64) -> PyResult<Bound<'py, PyAny>> {
        let pattern = convert::plain(pattern)?;
        let at_most = Duration::try_from_secs_f64(timeout).map_err(|error| PyValueError::new_err(format!("timeout: {error}")))?;
        let record = self.with(py, |server| server.wait_for(&pattern, at_most)).map_err(raise)?;
        object(py, &record)
    }

    /// Refuses new connections to the port from now on; open ones continue.
    fn refuse_connections(&self, py: Python<'_>) {
        self.with(py, Core::refuse_connections);
    }

    /// Accepts connections again.
    fn accept_connections(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, Core::accept_connections).map_err(raise)
    }

    /// Resets every open connection.
    fn drop_connections(&self, py: Python<'_>) {
        self.with(py, Core::drop_connections);
    }

    /// Ends the server and its connections. The records stay readable.
    fn stop(&self, py: Python<'_>) {
        let server = &self.0;
        py.detach(|| server.write().unwrap_or_else(PoisonError::into_inner).stop());
    }
}

/// A JSON value as a Python object.
fn object<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    LOADS.import(py, "json", "loads")?.call1((value.to_string(),))
}

fn raise(error: TestError) -> PyErr {
    match error.kind {
        ErrorKind::Script => PyValueError::new_err(error.message),
        ErrorKind::Timeout => PyTimeoutError::new_err(error.message),
        _ => PyOSError::new_err(error.message),
    }
}
