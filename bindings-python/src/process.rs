//! The process: goodbye at exit, signals. Thin over the core; when to call them is the package's matter (`_process.py`).

use std::time::Duration;

use heartwire::driver::exit;
use pyo3::prelude::*;

/// Says goodbye (Close 1001) on all sockets of the process; blocks, for at most `timeout` seconds if given.
#[pyfunction]
#[pyo3(signature = (timeout=None))]
pub(crate) fn goodbye(py: Python<'_>, timeout: Option<f64>) {
    let at_most = timeout.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    py.detach(|| exit::goodbye(at_most));
}

/// SIGTERM and SIGHUP say goodbye from now on, and then do what they would have done. SIGINT is Python's own.
#[pyfunction]
pub(crate) fn watch_signals() {
    exit::watch_signals(false);
}
