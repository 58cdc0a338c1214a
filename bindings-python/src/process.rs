//! The process: the Close frames at exit, signals, and the threads that deliver events when the interpreter ends. Thin over the core; the package
//! decides when to call it (`_process.py`).
//!
//! A thread that returns to a Python that has ended is unwound by force, which Rust's frames do not survive. So daemon threads stop delivering before
//! that, and those that wait here wait for ever.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use heartwire::binding::{self, exit};
use pyo3::exceptions::{PyImportError, PyValueError};
use pyo3::prelude::*;

/// How long the end of the process waits for handlers on daemon threads.
const PATIENCE: Duration = Duration::from_secs(1);

static ENDING: AtomicBool = AtomicBool::new(false);
static ENDER: OnceLock<ThreadId> = OnceLock::new();
static DELIVERING: AtomicUsize = AtomicUsize::new(0);

/// Whether the interpreter ends and this is not the thread that ends it: nothing is delivered here any more.
pub(crate) fn is_ending() -> bool {
    ENDING.load(Ordering::Acquire) && ENDER.get() != Some(&thread::current().id())
}

/// To be held while events are delivered.
pub(crate) struct Delivery(());

impl Delivery {
    pub(crate) fn begin() -> Self {
        DELIVERING.fetch_add(1, Ordering::AcqRel);
        Self(())
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        DELIVERING.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The place where a daemon thread stays that must not return to Python.
pub(crate) fn stay_if_ending() {
    while is_ending() {
        thread::park();
    }
}

/// Sends Close 1001 on all sockets of the process, and waits for the answers. It blocks, for at most `timeout` seconds if given.
#[pyfunction]
#[pyo3(signature = (timeout=None))]
pub(crate) fn goodbye(py: Python<'_>, timeout: Option<f64>) {
    let at_most = timeout.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    py.detach(|| exit::goodbye(at_most));
}

/// The interpreter ends, and only daemon threads are left: stops their deliveries, and waits for that.
#[pyfunction]
pub(crate) fn end(py: Python<'_>) {
    let _ = ENDER.set(thread::current().id());
    ENDING.store(true, Ordering::Release);
    py.detach(|| {
        let until = Instant::now() + PATIENCE;
        while DELIVERING.load(Ordering::Acquire) > 0 && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
    });
}

/// Refuses any interpreter but the first: the classes are one for the whole process, and a sub-interpreter's end would take them away.
#[pyfunction]
pub(crate) fn refuse_subinterpreters() -> PyResult<()> {
    // SAFETY: an interpreter is attached, because it called this; both calls only read.
    let id = unsafe { pyo3::ffi::PyInterpreterState_GetID(pyo3::ffi::PyInterpreterState_Get()) };
    if id == 0 {
        return Ok(());
    }
    Err(PyImportError::new_err(
        "heartwire works in the main interpreter of a process only, not in sub-interpreters; use a process of its own",
    ))
}

/// The orderly end of all sockets of the process, for `heartwire.shutdown()` and `heartwire.sync.shutdown()`.
#[pyclass(name = "Shutdown", module = "heartwire._native")]
pub(crate) struct Shutdown(Option<binding::Shutdown>);

#[pymethods]
impl Shutdown {
    #[new]
    fn new(timeout: f64) -> PyResult<Self> {
        let refuse = |_| PyValueError::new_err(format!("timeout must be a number of seconds, 0 or more; got {timeout}"));
        Ok(Self(Some(binding::Shutdown::of_process(Duration::try_from_secs_f64(timeout).map_err(refuse)?))))
    }

    /// Continues the shutdown. None until all sockets have ended; then whether everything was sent and answered in time.
    fn advance(&mut self, py: Python<'_>) -> Option<bool> {
        let shutdown = self.0.as_mut()?;
        let complete = py.detach(|| shutdown.advance());
        if complete.is_some() {
            self.0 = None;
        }
        complete
    }
}

/// As [`goodbye`], for a program that continues: the sockets get their last events.
#[pyfunction]
pub(crate) fn goodbye_and_tell(py: Python<'_>) {
    py.detach(|| exit::goodbye_and_tell(None));
}

/// From now on signals that end a process, and whose default action is in place, close the sockets first and then do their usual work. So do those of
/// `chaining`, which Python does not know, if a C handler is installed that runs the default action afterwards.
#[pyfunction]
#[pyo3(signature = (chaining = Vec::new()))]
#[expect(clippy::needless_pass_by_value, reason = "a list of Python's becomes a vector")]
pub(crate) fn watch_signals(chaining: Vec<i32>) {
    exit::watch_signals();
    exit::watch_chaining_signals(&chaining);
}

/// Watches again the signals whose default action was restored, if signals were watched before in this process.
#[pyfunction]
pub(crate) fn watch_signals_again() {
    exit::watch_signals_again();
}

/// Sets whether the program handles a signal itself. For systems on which only the host knows this, such as Windows.
#[pyfunction]
pub(crate) fn leave_signal(signal: i32, handled: bool) {
    if handled {
        exit::leave_signal_to_host(signal);
    } else {
        exit::watch_inherited_signals(&[signal], false);
    }
}
