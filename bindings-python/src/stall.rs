//! Names the handler that was so slow that the keeper had to stand in. The hub's subclass decides what to do (`stalled` in `_delivery.py`).

use std::sync::atomic::{AtomicUsize, Ordering};

use heartwire::binding::times_stood_in;
use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::prelude::*;

use crate::hub::Hub;

/// How often the keeper had stood in, for whatever host, when it was last looked at.
pub(crate) struct Stalls(AtomicUsize);

impl Default for Stalls {
    fn default() -> Self {
        Self(AtomicUsize::new(times_stood_in()))
    }
}

impl Hub {
    /// To be called when `function`, or something unknown, has run on this thread: names it if it took so long that the keeper stood in.
    #[inline]
    pub(crate) fn look_for_stall(slf: &Bound<'_, Self>, function: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let (seen, times) = (&slf.get().stalls.0, times_stood_in());
        if seen.load(Ordering::Relaxed) == times {
            return Ok(());
        }
        seen.store(times, Ordering::Relaxed);
        Self::name_stall(slf, function)
    }

    #[cold]
    fn name_stall(slf: &Bound<'_, Self>, function: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let py = slf.py();
        let sockets = slf.get().sockets(py);
        let stalls = sockets.iter().filter_map(|socket| socket.get().inner(py).ok()?.connection.take_stall());
        let Some(longest) = stalls.max() else { return Ok(()) };
        match slf.call_method1("stalled", (function, longest.as_secs_f64())) {
            Err(error) if error.is_instance_of::<PyKeyboardInterrupt>(py) || error.is_instance_of::<PySystemExit>(py) => Err(error),
            Err(error) => {
                error.write_unraisable(py, function);
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }
}
