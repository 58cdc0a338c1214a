//! Where the events of some sockets come together and are delivered: one readable descriptor for all of them, one thread that takes turns.
//! A loop watches the descriptor and calls `turn`; without a loop, `run` waits and takes turns. Threads that are not Python's write a byte
//! here and never touch Python. What happens to exceptions and coroutines is said by the subclasses in `_delivery.py`.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use heartwire::error::{Error, ErrorCode};
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::deliver::Turn;
use crate::inner::lock;
use crate::socket::Socket;
use crate::{errors, process};

/// How long the main thread waits at most before it looks for signals: one that comes between the look and the wait is not missed for longer.
const SIGNAL_CHECK: Duration = Duration::from_secs(1);

/// The part that other threads may use: who is ready, and the descriptor that says so.
pub(crate) struct Bell {
    ready: Mutex<Vec<u64>>,
    ringer: UnixStream,
    listener: UnixStream,
}

impl Bell {
    fn new() -> io::Result<Self> {
        let (ringer, listener) = UnixStream::pair()?;
        ringer.set_nonblocking(true)?;
        listener.set_nonblocking(true)?;
        Ok(Self { ready: Mutex::default(), ringer, listener })
    }

    /// Says that a socket has something; rings if nobody else had.
    pub(crate) fn ring(&self, id: u64) {
        let first = {
            let mut ready = lock(&self.ready);
            ready.push(id);
            ready.len() == 1
        };
        if first {
            // A full pipe is as good as a byte: it is readable.
            let _ = (&self.ringer).write(&[1]);
        }
    }

    /// Takes who is ready. The bytes go first, so that who rings after this writes a new one.
    fn answer(&self) -> Vec<u64> {
        self.hush();
        std::mem::take(&mut *lock(&self.ready))
    }

    fn hush(&self) {
        let mut bytes = [0; 64];
        while matches!((&self.listener).read(&mut bytes), Ok(64)) {}
    }

    /// Waits until somebody is ready. False: not within `timeout`, or a signal came.
    fn wait(&self, timeout: Option<Duration>) -> io::Result<bool> {
        let milliseconds = timeout.map_or(-1, |timeout| i32::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(i32::MAX));
        let mut poll = libc::pollfd { fd: self.listener.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd, alive and ours for the time of the call; the descriptor is open as long as `self` is.
        match unsafe { libc::poll(&raw mut poll, 1, milliseconds) } {
            -1 => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => Ok(false),
                error => Err(error),
            },
            ready => Ok(ready > 0),
        }
    }
}

/// What a socket's wake-up rings: nothing until the socket has a hub; what was missed is made up for then.
#[derive(Default)]
pub(crate) struct Wire(Mutex<(Option<Arc<Bell>>, bool)>);

impl Wire {
    pub(crate) fn wake(&self, id: u64) {
        let bell = {
            let mut wire = lock(&self.0);
            wire.1 = wire.0.is_none();
            wire.0.clone()
        };
        if let Some(bell) = bell {
            bell.ring(id);
        }
    }

    fn connect(&self, id: u64, bell: Option<Arc<Bell>>) {
        let missed = {
            let mut wire = lock(&self.0);
            wire.0.clone_from(&bell);
            std::mem::take(&mut wire.1)
        };
        if let (Some(bell), true) = (bell, missed) {
            bell.ring(id);
        }
    }
}

/// Delivers the events of its sockets.
#[pyclass(frozen, subclass, weakref, module = "heartwire._native")]
pub(crate) struct Hub {
    bell: Arc<Bell>,
    /// The sockets that live: the hub keeps them alive until their last event.
    sockets: Mutex<HashMap<u64, Py<Socket>>>,
    process: u32,
}

impl Hub {
    fn get(&self, py: Python<'_>, id: u64) -> Option<Py<Socket>> {
        lock(&self.sockets).get(&id).map(|socket| socket.clone_ref(py))
    }

    fn count(&self) -> usize {
        lock(&self.sockets).len()
    }

    /// Lets a socket go, whatever its state.
    fn release(&self, py: Python<'_>, id: u64) -> PyResult<()> {
        let socket = lock(&self.sockets).remove(&id);
        if let Some(socket) = socket {
            let inner = socket.get().inner(py)?;
            inner.wire.connect(id, None);
            inner.leave_hub();
        }
        Ok(())
    }

    fn turn_sockets(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let ready = this.bell.answer();
        for (index, id) in ready.iter().enumerate() {
            let Some(socket) = this.get(py, *id) else { continue };
            match Socket::turn_in_context(socket.bind(py), slf) {
                Ok(Turn::Nothing) => {}
                Ok(Turn::More) => this.bell.ring(*id),
                Ok(Turn::Finished) => this.release(py, *id)?,
                Err(error) => {
                    ready[index..].iter().for_each(|id| this.bell.ring(*id));
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn wait(&self, py: Python<'_>, timeout: Option<Duration>) -> PyResult<()> {
        if self.process != std::process::id() {
            return Err(errors::raise(py, Error::new(ErrorCode::Forked, "events are delivered in the parent process")));
        }
        let bell = &self.bell;
        py.detach(|| {
            let waited = bell.wait(timeout);
            process::stay_if_ending();
            waited
        })?;
        py.check_signals()
    }
}

#[pymethods]
impl Hub {
    #[new]
    #[pyo3(signature = (*_args))]
    fn new(_args: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self { bell: Arc::new(Bell::new()?), sockets: Mutex::default(), process: std::process::id() })
    }

    /// The descriptor that is readable while somebody is ready.
    fn fileno(&self) -> i32 {
        self.bell.listener.as_raw_fd()
    }

    /// How many sockets live here.
    fn __len__(&self) -> usize {
        self.count()
    }

    /// Takes a socket in and lets it begin. A socket is in one hub at a time.
    fn attach(slf: &Bound<'_, Self>, socket: &Bound<'_, Socket>) -> PyResult<()> {
        let py = slf.py();
        let inner = socket.get().inner(py)?;
        if !inner.connection.is_ours() {
            return Err(errors::raise(py, Error::new(ErrorCode::Forked, "the socket belongs to the parent process; make a new one here")));
        }
        if !inner.enter_hub(slf) {
            let words = "the socket's events are already delivered: by the running loop where it was made, by start() or by run_forever()";
            return Err(errors::raise(py, Error::new(ErrorCode::InvalidState, words)));
        }
        lock(&slf.get().sockets).insert(inner.id, socket.clone().unbind());
        inner.wire.connect(inner.id, Some(slf.get().bell.clone()));
        inner.begin();
        // What a former hub left undone, or a finished socket, needs a turn.
        slf.get().bell.ring(inner.id);
        Ok(())
    }

    /// Lets all sockets go as they are; they can be attached again.
    fn detach_all(&self, py: Python<'_>) -> PyResult<()> {
        let ids: Vec<u64> = lock(&self.sockets).keys().copied().collect();
        ids.into_iter().try_for_each(|id| self.release(py, id))
    }

    /// The sockets that live here.
    fn sockets(&self, py: Python<'_>) -> Vec<Py<Socket>> {
        lock(&self.sockets).values().map(|socket| socket.clone_ref(py)).collect()
    }

    /// Delivers what is there, within a budget; then calls `idle()` if no socket is left.
    fn turn(slf: &Bound<'_, Self>) -> PyResult<()> {
        Self::turn_sockets(slf)?;
        if slf.get().count() == 0 {
            slf.call_method0("idle")?;
        }
        Ok(())
    }

    /// Waits and delivers until no socket is left. Python's signal handlers run in between, on the main thread.
    fn run(slf: &Bound<'_, Self>) -> PyResult<()> {
        while slf.get().count() > 0 {
            slf.get().wait(slf.py(), Some(SIGNAL_CHECK))?;
            Self::turn_sockets(slf)?;
        }
        Ok(())
    }

    /// Waits, at most `timeout` seconds, and delivers once.
    #[pyo3(signature = (timeout=None))]
    fn pump(slf: &Bound<'_, Self>, timeout: Option<f64>) -> PyResult<()> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(Duration::try_from_secs_f64(timeout.max(0.0)).ok()?));
        let rest = deadline.map_or(SIGNAL_CHECK, |deadline| deadline.saturating_duration_since(Instant::now()).min(SIGNAL_CHECK));
        slf.get().wait(slf.py(), Some(rest))?;
        Self::turn_sockets(slf)
    }

    /// For loops that cannot watch a descriptor: waits on a thread of its own until a turn is due.
    fn wait_for_turn(&self, py: Python<'_>) -> PyResult<()> {
        let bell = &self.bell;
        py.detach(|| {
            while !bell.wait(None)? {}
            bell.hush();
            process::stay_if_ending();
            Ok(())
        })
    }

    /// Rings without a socket: whoever waits comes back.
    fn nudge(&self) {
        self.bell.ring(0);
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(sockets) = self.sockets.try_lock() {
            for socket in sockets.values() {
                visit.call(socket)?;
            }
        }
        Ok(())
    }

    fn __clear__(&self) {
        let sockets = std::mem::take(&mut *lock(&self.sockets));
        drop(sockets);
    }
}
