//! Frames on their way to the logger `heartwire.frames`. The core keeps them; threads that deliver events log them, with no lock held.

use std::sync::atomic::{AtomicBool, Ordering};

use heartwire::binding::frames;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::process;

static WATCHED: AtomicBool = AtomicBool::new(false);
static LOG: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Whether frames of connections that begin from now on are kept for the log.
#[pyfunction]
pub(crate) fn watch_frames(watched: bool) {
    if WATCHED.swap(watched, Ordering::Relaxed) != watched {
        frames::want(watched);
    }
}

/// Logs the frames that were kept.
#[inline]
pub(crate) fn tell(py: Python<'_>) -> PyResult<()> {
    if frames::waiting() { tell_all(py) } else { Ok(()) }
}

#[cold]
fn tell_all(py: Python<'_>) -> PyResult<()> {
    if process::is_ending() {
        return Ok(());
    }
    let (frames, lost) = frames::take();
    let lines: Vec<String> = frames.iter().map(ToString::to_string).collect();
    LOG.import(py, "heartwire._log", "frames")?.call1((lines, lost)).map(|_| ())
}
