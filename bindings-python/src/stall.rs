//! Names the handler that was so slow that the keeper had to stand in. The hub's subclass decides what to do (`stalled` in `_delivery.py`).
//! It knows only that method of the hub.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use heartwire::binding::times_stood_in;
use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::prelude::*;

/// The number of times that the keeper had stood in, for any loop, at the last look.
pub(crate) struct Stalls(AtomicUsize);

impl Default for Stalls {
    fn default() -> Self {
        Self(AtomicUsize::new(times_stood_in()))
    }
}

impl Stalls {
    /// Whether the keeper has stood in since the last look.
    #[inline]
    pub(crate) fn has_news(&self) -> bool {
        let times = times_stood_in();
        self.0.load(Ordering::Relaxed) != times && self.0.swap(times, Ordering::Relaxed) != times
    }
}

/// Reports the longest stall of its sockets to the hub, with `function` (or an unknown one) as the cause.
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
