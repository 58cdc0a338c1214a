//! Where the events of some sockets come together and are delivered: one readable descriptor for all of them, one thread that takes turns.
//! A loop watches the descriptor and calls `turn`; without a loop, `run` waits and takes turns. Threads that are not Python's write a byte
//! here and never touch Python. What happens to exceptions and coroutines is said by the subclasses in `_delivery.py`.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd as _, RawFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use heartwire::driver::{LoopHandle, OwnLoop, times_stood_in};
use heartwire::error::{Error, ErrorCode};
use heartwire::event::Batch;
use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::deliver::Turn;
use crate::inner::{Inner, lock};
use crate::socket::Socket;
use crate::{errors, process};

/// How long the main thread waits at most before it looks for signals: one that comes between the look and the wait is not missed for longer.
const SIGNAL_CHECK: Duration = Duration::from_secs(1);

/// How long the sockets of a hub may keep the loop together, before others have their turn.
const BUDGET: Duration = Duration::from_millis(10);

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

    fn connect(&self, id: u64, handle: Option<LoopHandle>) {
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

/// Delivers the events of its sockets.
#[pyclass(frozen, subclass, weakref, module = "heartwire._native")]
pub(crate) struct Hub {
    /// Locked by the thread that delivers, for a wait or a turn of one socket; never while Python runs.
    own: Mutex<OwnLoop>,
    handle: LoopHandle,
    descriptor: RawFd,
    /// When the outer loop was told to take a turn at the latest.
    armed: Mutex<Option<Instant>>,
    /// The sockets that live: the hub keeps them alive until their last event.
    sockets: Mutex<HashMap<u64, Py<Socket>>>,
    /// How often the keeper had stood in, for whatever host, when it was last looked at.
    stood_in: AtomicUsize,
    /// The socket whose turn did not come in the last round, for its time was over.
    cut_off: AtomicUsize,
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
            self.handle.remove(id as usize);
            inner.leave_hub();
        }
        Ok(())
    }

    fn turn_sockets(slf: &Bound<'_, Self>, mut due: Vec<usize>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        if let Err(error) = Self::look_for_stall(slf, None) {
            this.wake_all(&due);
            return Err(error);
        }
        // Whose turn was cut off begins.
        let first = this.cut_off.swap(usize::MAX, Ordering::Relaxed);
        let at = due.partition_point(|token| *token < first);
        due.rotate_left(at);
        let start = Instant::now();
        for (index, token) in due.iter().enumerate() {
            if index > 0 && start.elapsed() > BUDGET {
                this.cut_off.store(*token, Ordering::Relaxed);
                this.wake_all(&due[index..]);
                return Ok(());
            }
            let Some(socket) = this.get(py, *token as u64) else { continue };
            match Socket::turn_in_context(socket.bind(py), slf) {
                Ok(Turn::Nothing) => {}
                Ok(Turn::More) => this.handle.wake(*token),
                Ok(Turn::Finished) => this.release(py, *token as u64)?,
                Err(error) => {
                    this.wake_all(&due[index..]);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Has sockets take their turn later.
    fn wake_all(&self, tokens: &[usize]) {
        for token in tokens {
            self.handle.wake(*token);
        }
    }

    /// To be called when `function`, or something unknown, has run on this thread: names it if it took so long that the keeper stood in.
    #[inline]
    pub(crate) fn look_for_stall(slf: &Bound<'_, Self>, function: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let times = times_stood_in();
        if slf.get().stood_in.load(Ordering::Relaxed) == times {
            return Ok(());
        }
        slf.get().stood_in.store(times, Ordering::Relaxed);
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

    /// Puts the next batch of a socket into `batch`: drives it, if this is the loop that does so. False: there is nothing.
    pub(crate) fn next_batch(&self, py: Python<'_>, inner: &Inner, batch: &mut Batch) -> PyResult<bool> {
        if !inner.connection.is_hosted() {
            return Ok(inner.connection.take(batch));
        }
        lock(&self.own).drive(inner.id as usize, batch).map_err(|error| errors::raise(py, error))?;
        Ok(!batch.is_empty())
    }

    /// Which sockets are due, after a wait of at most `timeout`; none when a signal came.
    fn wait_for_due(&self, timeout: Option<Duration>) -> io::Result<Vec<usize>> {
        let mut due = Vec::new();
        match lock(&self.own).wait(timeout, &mut due) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(due),
        }
    }

    fn wait(&self, py: Python<'_>, timeout: Option<Duration>) -> PyResult<Vec<usize>> {
        if self.process != std::process::id() {
            return Err(errors::raise(py, Error::new(ErrorCode::Forked, "events are delivered in the parent process")));
        }
        let due = py.detach(|| {
            let due = self.wait_for_due(timeout);
            process::stay_if_ending();
            due
        })?;
        if let Err(error) = py.check_signals() {
            self.wake_all(&due);
            return Err(error);
        }
        Ok(due)
    }

    /// Has the outer loop take a turn when the next deadline comes, if it was not told already.
    fn arm(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (now, this) = (Instant::now(), slf.get());
        let deadline = {
            let own = lock(&this.own);
            own.remind();
            own.deadline()
        };
        let delay = {
            let mut armed = lock(&this.armed);
            if armed.is_some_and(|armed| armed <= now) {
                *armed = None;
            }
            match deadline {
                Some(deadline) if armed.is_none_or(|armed| deadline < armed) => {
                    *armed = Some(deadline);
                    deadline.saturating_duration_since(now)
                }
                _ => return Ok(()),
            }
        };
        slf.call_method1("arm", (delay.as_secs_f64(),))?;
        Ok(())
    }
}

#[pymethods]
impl Hub {
    #[new]
    #[pyo3(signature = (*_args))]
    fn new(py: Python<'_>, _args: &Bound<'_, PyAny>) -> PyResult<Self> {
        let own = OwnLoop::new().map_err(|error| errors::raise(py, error))?;
        Ok(Self {
            handle: own.handle(),
            descriptor: own.as_raw_fd(),
            own: Mutex::new(own),
            armed: Mutex::default(),
            sockets: Mutex::default(),
            stood_in: AtomicUsize::new(times_stood_in()),
            cut_off: AtomicUsize::new(usize::MAX),
            process: std::process::id(),
        })
    }

    /// The descriptor that is readable while somebody is ready.
    fn fileno(&self) -> i32 {
        self.descriptor
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
        inner.wire.connect(inner.id, Some(slf.get().handle.clone()));
        if inner.connection.is_hosted() {
            slf.get().handle.add(inner.id as usize, inner.connection.clone());
        }
        inner.begin();
        // What a former hub left undone, or a finished socket, needs a turn.
        slf.get().handle.wake(inner.id as usize);
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
        let due = slf.get().wait_for_due(Some(Duration::ZERO))?;
        Self::turn_sockets(slf, due)?;
        if slf.get().count() == 0 {
            slf.call_method0("idle")?;
            return Ok(());
        }
        Self::arm(slf)
    }

    /// Waits and delivers until no socket is left. Python's signal handlers run in between, on the main thread.
    fn run(slf: &Bound<'_, Self>) -> PyResult<()> {
        while slf.get().count() > 0 {
            let due = slf.get().wait(slf.py(), Some(SIGNAL_CHECK))?;
            Self::turn_sockets(slf, due)?;
        }
        Ok(())
    }

    /// Waits, at most `timeout` seconds, and delivers once.
    #[pyo3(signature = (timeout=None))]
    fn pump(slf: &Bound<'_, Self>, timeout: Option<f64>) -> PyResult<()> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(Duration::try_from_secs_f64(timeout.max(0.0)).ok()?));
        let rest = deadline.map_or(SIGNAL_CHECK, |deadline| deadline.saturating_duration_since(Instant::now()).min(SIGNAL_CHECK));
        let due = slf.get().wait(slf.py(), Some(rest))?;
        Self::turn_sockets(slf, due)
    }

    /// For loops that cannot watch a descriptor: waits on a thread of its own until a turn is due. The turn itself is the loop's.
    fn wait_for_turn(&self, py: Python<'_>) {
        let mut poll = libc::pollfd { fd: self.descriptor, events: libc::POLLIN, revents: 0 };
        py.detach(|| {
            // SAFETY: one pollfd, alive and ours for the time of the call; the descriptor is open as long as `self` is.
            unsafe { libc::poll(&raw mut poll, 1, -1) };
            process::stay_if_ending();
        });
    }

    /// As the hub does after each function that it calls: for a task of an async handler.
    #[pyo3(name = "look_for_stall")]
    fn look(slf: &Bound<'_, Self>, function: &Bound<'_, PyAny>) -> PyResult<()> {
        Self::look_for_stall(slf, Some(function))
    }

    /// Ends a wait without a socket: whoever waits comes back.
    fn nudge(&self) {
        self.handle.interrupt();
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
