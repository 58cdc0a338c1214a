//! The core's error as Python's exceptions. `_errors.py` has the class of each code.

use heartwire::Error;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList};

static FROM_CORE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The exception object for an error.
pub(crate) fn object<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    let fields = PyDict::new(py);
    fields.set_item("phase", error.phase.as_str())?;
    fields.set_item("status", error.status)?;
    let headers: Vec<(&str, &str)> = error.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    fields.set_item("headers", headers)?;
    fields.set_item("body", PyBytes::new(py, &error.body))?;
    fields.set_item("retryable", error.retryable)?;
    fields.set_item("retry_after", error.retry_after.map(|delay| delay.as_secs_f64()))?;
    fields.set_item("retry_in", error.retry_in.map(|delay| delay.as_secs_f64()))?;
    let faults: Vec<(&str, Option<&str>, &str)> =
        error.faults.iter().map(|fault| (fault.path.as_str(), fault.value.as_deref(), fault.rule.as_str())).collect();
    fields.set_item("faults", faults)?;
    let arguments = (error.code().as_str(), error.message.as_str(), fields, PyList::new(py, &error.causes)?, error.os_error);
    FROM_CORE.import(py, "heartwire._errors", "from_core")?.call1(arguments)
}

/// The error, to be raised.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(crate) fn raise(py: Python<'_>, error: Error) -> PyErr {
    object(py, &error).map_or_else(|failed| failed, PyErr::from_value)
}

/// "`what` must be `expected`, not `type`".
pub(crate) fn wrong_type(what: &str, expected: &str, given: &Bound<'_, PyAny>) -> PyErr {
    let name = given.get_type().name().map_or_else(|_| "?".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!("{what} must be {expected}, not {name}"))
}
