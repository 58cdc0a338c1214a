//! How a hub is told that something is to be done: by an event loop of Python's that watches descriptors, and by the wakes of the core's threads.
//! Knows no delivery.

use std::sync::Mutex;

use heartwire::driver::{Descriptor, LoopHandle, Watch};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::{PyTraverseError, PyVisit};

use crate::inner::lock;
use crate::socket::Socket;

/// What a socket's wake-up rings: nothing until the socket has a hub; what was missed is made up for then.
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

/// An event loop that watches descriptors, and what it calls with the socket when one is ready.
pub(crate) struct Watcher {
    event_loop: Py<PyAny>,
    /// A method of the hub that holds this: let go of with the hub's last socket, or nothing would ever free the hub.
    ready: Mutex<Option<Py<PyAny>>>,
}

impl Watcher {
    pub(crate) fn new(event_loop: Py<PyAny>, ready: Py<PyAny>) -> Self {
        Self { event_loop, ready: Mutex::new(Some(ready)) }
    }

    /// Whether the loop runs on this thread.
    pub(crate) fn runs_here(&self, py: Python<'_>) -> PyResult<bool> {
        static RUNNING_LOOP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        Ok(RUNNING_LOOP.import(py, "asyncio", "_get_running_loop")?.call0()?.is(&self.event_loop))
    }

    /// Has the loop call a function in its next turn.
    pub(crate) fn call_soon(&self, function: &Bound<'_, PyAny>) -> PyResult<()> {
        self.event_loop.bind(function.py()).call_method1("call_soon", (function,)).map(drop)
    }

    /// Has the loop watch what it has to watch now, and nothing else of this socket's.
    pub(crate) fn change(&self, socket: &Bound<'_, Socket>, watch: Watch) -> PyResult<()> {
        let Watch { before, now } = watch;
        let event_loop = self.event_loop.bind(socket.py());
        let kept = before.filter(|before| now.is_some_and(|now| now.id == before.id));
        if let (Some(before), None) = (before, kept) {
            self.let_go(socket.py(), before)?;
        }
        let Some(now) = now else { return Ok(()) };
        let Some(ready) = lock(&self.ready).as_ref().map(|ready| ready.clone_ref(socket.py())) else { return Ok(()) };
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

    /// Nothing will be watched any more.
    pub(crate) fn end(&self) {
        let old = lock(&self.ready).take();
        drop(old);
    }

    /// Has the loop watch a descriptor no more.
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
        if let Ok(Some(ready)) = self.ready.try_lock().as_deref() {
            visit.call(ready)?;
        }
        Ok(())
    }
}
