//! Warnings on their way to Python's `logging`. They come from any thread, also from the core's, which never touch Python. They wait here until a
//! thread that delivers events, or the end of the process, logs them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use heartwire::binding::PerProcess;
use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::process;

/// The most warnings that wait: above this, the oldest are dropped.
const MOST: usize = 256;

/// A forked child does not log those of its parent.
static WAITING: PerProcess<VecDeque<String>> = PerProcess::new();
static ANY: AtomicBool = AtomicBool::new(false);
static WARN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Directs the core's warnings here from now on.
pub(crate) fn install() {
    heartwire::binding::warnings::set_hook(keep);
}

/// Stores a warning until it is logged. Any thread may call it.
pub(crate) fn keep(words: &str) {
    let mut waiting = WAITING.lock();
    if waiting.len() == MOST {
        waiting.pop_front();
    }
    waiting.push_back(words.to_owned());
    ANY.store(true, Ordering::Release);
}

/// Logs the stored warnings.
#[inline]
pub(crate) fn tell(py: Python<'_>) -> PyResult<()> {
    if ANY.load(Ordering::Relaxed) { tell_all(py) } else { Ok(()) }
}

#[cold]
fn tell_all(py: Python<'_>) -> PyResult<()> {
    if process::is_ending() {
        return Ok(());
    }
    ANY.store(false, Ordering::Release);
    let waiting = std::mem::take(&mut *WAITING.lock());
    for words in waiting {
        let told = WARN.import(py, "heartwire._log", "warn").and_then(|warn| warn.call1((words,)));
        match told {
            Err(error) if error.is_instance_of::<PyKeyboardInterrupt>(py) || error.is_instance_of::<PySystemExit>(py) => return Err(error),
            Err(error) => error.write_unraisable(py, None),
            Ok(_) => {}
        }
    }
    Ok(())
}

/// Logs the stored warnings at the end of the process.
#[pyfunction]
pub(crate) fn tell_warnings(py: Python<'_>) -> PyResult<()> {
    tell(py)
}
