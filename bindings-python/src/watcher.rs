//! Wakes a hub: by one of Python's event loops that watches descriptors, and by the wakes of the core's threads. Knows no delivery.

use std::sync::Mutex;

use heartwire::binding::{Descriptor, LoopHandle, Watch};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::{PyTraverseError, PyVisit};

use crate::lock::lock;

/// The target of a socket's wake-ups. Before the socket has a hub it stores a missed wake, and the hub catches up.
#[derive(Default)]
pub(crate) struct Wire(Mutex<(Option<LoopHandle>, bool)>);

impl Wire {
    pub(crate) fn wake(&self, id: u64) {
        let handle = {
            let mut wire = lock(&self.0);
            wire.1 = wire.0.is_none();
            wire.0.clone()
        };
        if let Some(handle) = handle {
            handle.wake(id as usize);
        }
    }

    pub(crate) fn connect(&self, id: u64, handle: Option<LoopHandle>) {
        let missed = {
            let mut wire = lock(&self.0);
            wire.0.clone_from(&handle);
            std::mem::take(&mut wire.1)
        };
        if let (Some(handle), true) = (handle, missed) {
            handle.wake(id as usize);
        }
    }
}

/// An event loop that watches descriptors, and the functions that it calls.
pub(crate) struct Watcher {
    event_loop: Py<PyAny>,
    call_soon: Py<PyAny>,
    /// Methods of the hub that holds this. They are dropped with the hub's last socket: otherwise the hub would never be freed.
    calls: Mutex<Option<Calls>>,
}

/// The hub's methods for the loop, looked up once.
pub(crate) struct Calls {
    /// Called with the socket whose descriptor is ready.
    pub(crate) ready: Py<PyAny>,
    pub(crate) flush: Py<PyAny>,
    pub(crate) over: Py<PyAny>,
}

impl Watcher {
    pub(crate) fn new(event_loop: &Bound<'_, PyAny>, calls: Calls) -> PyResult<Self> {
        let call_soon = event_loop.getattr("call_soon")?.unbind();
        Ok(Self { event_loop: event_loop.clone().unbind(), call_soon, calls: Mutex::new(Some(calls)) })
    }

    /// Whether the loop runs on this thread.
    pub(crate) fn runs_here(&self, py: Python<'_>) -> PyResult<bool> {
        static RUNNING_LOOP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        Ok(RUNNING_LOOP.import(py, "asyncio", "_get_running_loop")?.call0()?.is(&self.event_loop))
    }

    /// One of the calls, while there are any.
    fn call<'py>(&self, py: Python<'py>, which: fn(&Calls) -> &Py<PyAny>) -> Option<Bound<'py, PyAny>> {
        lock(&self.calls).as_ref().map(|calls| which(calls).bind(py).clone())
    }

    /// Makes the loop call one of them in its next turn; false if they are gone.
    pub(crate) fn call_soon(&self, py: Python<'_>, which: fn(&Calls) -> &Py<PyAny>) -> PyResult<bool> {
        let Some(function) = self.call(py, which) else { return Ok(false) };
        self.call_soon.bind(py).call1((function,))?;
        Ok(true)
    }

    /// Makes the loop watch the new descriptor of this socket, and no other of it.
    pub(crate) fn change(&self, socket: &Bound<'_, PyAny>, watch: Watch) -> PyResult<()> {
        let Watch { before, now } = watch;
        let event_loop = self.event_loop.bind(socket.py());
        let kept = before.filter(|before| now.is_some_and(|now| now.id == before.id));
        if let (Some(before), None) = (before, kept) {
            self.let_go(socket.py(), before)?;
        }
        let Some(now) = now else { return Ok(()) };
        let Some(ready) = self.call(socket.py(), |calls| &calls.ready) else { return Ok(()) };
        let (had_read, had_write) = kept.map_or((false, false), |before| (before.read, before.write));
        for (had, has, add, remove) in
            [(had_read, now.read, "add_reader", "remove_reader"), (had_write, now.write, "add_writer", "remove_writer")]
        {
            match (had, has) {
                (false, true) => event_loop.call_method1(add, (now.number, &ready, socket))?,
                (true, false) => event_loop.call_method1(remove, (now.number,))?,
                _ => continue,
            };
        }
        Ok(())
    }

    /// Ends the watching for good.
    pub(crate) fn end(&self) {
        let old = lock(&self.calls).take();
        drop(old);
    }

    /// Makes the loop stop watching a descriptor.
    pub(crate) fn let_go(&self, py: Python<'_>, descriptor: Descriptor) -> PyResult<()> {
        let event_loop = self.event_loop.bind(py);
        if descriptor.read {
            event_loop.call_method1("remove_reader", (descriptor.number,))?;
        }
        if descriptor.write {
            event_loop.call_method1("remove_writer", (descriptor.number,))?;
        }
        Ok(())
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.event_loop)?;
        visit.call(&self.call_soon)?;
        if let Ok(Some(calls)) = self.calls.try_lock().as_deref() {
            [&calls.ready, &calls.flush, &calls.over].into_iter().try_for_each(|call| visit.call(call))?;
        }
        Ok(())
    }
}
