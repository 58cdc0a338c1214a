//! Names the handler that was so slow that the watchdog had to stand in. The hub's subclass decides what to do (`stalled` in `_delivery.py`).
//! Knows no hub but by that method.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use heartwire::binding::times_stood_in;
use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::prelude::*;

/// How often the watchdog had stood in, for whatever loop, when it was last looked at.
pub(crate) struct Stalls(AtomicUsize);

impl Default for Stalls {
    fn default() -> Self {
        Self(AtomicUsize::new(times_stood_in()))
    }
}

impl Stalls {
    /// Whether the watchdog has stood in since the last look.
    #[inline]
    pub(crate) fn has_news(&self) -> bool {
        let times = times_stood_in();
        self.0.load(Ordering::Relaxed) != times && self.0.swap(times, Ordering::Relaxed) != times
    }
}

/// Tells the hub of the longest of its sockets' stalls, and that `function`, or something unknown, was the cause.
#[cold]
pub(crate) fn name(hub: &Bound<'_, PyAny>, stalls: impl Iterator<Item = Duration>, function: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let py = hub.py();
    let Some(longest) = stalls.max() else { return Ok(()) };
    match hub.call_method1("stalled", (function, longest.as_secs_f64())) {
        Err(error) if error.is_instance_of::<PyKeyboardInterrupt>(py) || error.is_instance_of::<PySystemExit>(py) => Err(error),
        Err(error) => {
            error.write_unraisable(py, function);
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}
