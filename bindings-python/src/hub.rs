//! Takes the turns of the sockets of one loop, on one thread. On an event loop that watches descriptors (`watch_with`), `_ready` takes the turn of
//! the socket whose descriptor is ready; one more descriptor, the hub's, reports wakes: then the loop calls `turn`. Without a loop, `run` waits and
//! takes turns. Threads that are not Python's write a byte here and never touch Python. The subclasses in `_delivery.py` decide what happens to
//! exceptions and coroutines.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use heartwire::binding::os::{self, RawDescriptor};
use heartwire::binding::{Batch, OwnLoop};
use heartwire::{Error, ErrorCode};
use pyo3::exceptions::{PyNotImplementedError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::calls::Host;
use crate::corker::Corker;
use crate::deliver::{self, Turn};
use crate::inner::{Home, Inner};
use crate::lock::lock;
use crate::roster::Roster;
use crate::round::Round;
use crate::socket::Socket;
use crate::stall::{self, Stalls};
use crate::watcher::{Calls, Watcher};
use crate::{errors, process};

/// The longest wait of the main thread before it looks for signals. A signal between a look and the wait is found after this time at the latest.
const SIGNAL_CHECK: Duration = os::CHECK_FOR_INTERRUPTS;

/// Delivers the events of its sockets.
#[pyclass(frozen, subclass, weakref, module = "heartwire._native")]
pub(crate) struct Hub {
    roster: Roster,
    corker: Arc<Corker>,
    /// The descriptor for the outer loop; `None` if the system has no such descriptor.
    descriptor: Option<RawDescriptor>,
    /// A thread waits for turns: see [`Hub::wait_for_turn`].
    waits: AtomicBool,
    /// There is a deadline that the outer loop does not know yet.
    news: AtomicBool,
    stalls: Stalls,
    round: Round,
    /// The first socket that had no turn in the last round, because the round's time was over.
    cut_off: AtomicUsize,
    process: u32,
}

impl Hub {
    fn turn_sockets(slf: &Bound<'_, Self>, mut due: Vec<usize>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        this.corker.flush();
        if let Err(error) = slf.look_for_stall(None) {
            this.wake_all(&due);
            return Err(error);
        }
        // The socket that missed its turn comes first.
        let first = this.cut_off.swap(usize::MAX, Ordering::Relaxed);
        let at = due.partition_point(|token| *token < first);
        due.rotate_left(at);
        if this.corker.watcher.get().is_none() {
            this.round.next();
        }
        for (index, token) in due.iter().enumerate() {
            if index > 0 && this.round.is_over() {
                this.cut_off.store(*token, Ordering::Relaxed);
                this.wake_all(&due[index..]);
                return Ok(());
            }
            let Some(socket) = this.roster.get(py, *token as u64) else { continue };
            if let Err(error) = Self::turn_socket(slf, socket.bind(py), *token) {
                this.wake_all(&due[index + 1..]);
                return Err(error);
            }
        }
        Ok(())
    }

    fn turn_socket(slf: &Bound<'_, Self>, socket: &Bound<'_, Socket>, token: usize) -> PyResult<Turn> {
        let (turn, must_end) = slf.get().round.measure(|| deliver::turn_in_context(socket, slf));
        match turn {
            Ok(Turn::Nothing) => {}
            Ok(Turn::More) | Err(_) => slf.get().corker.handle.wake(token),
            Ok(Turn::Finished) => slf.get().roster.release(slf.py(), token as u64)?,
        }
        if must_end {
            Self::call_when_over(slf)?;
        }
        turn
    }

    /// Asks the loop to report the end of its present turn.
    fn call_when_over(slf: &Bound<'_, Self>) -> PyResult<()> {
        if let Some(watcher) = slf.get().corker.watcher.get() {
            watcher.call_soon(slf.py(), |calls| &calls.over)?;
        }
        Ok(())
    }

    /// Takes the turn of a socket that the loop watches.
    fn turn_watched(slf: &Bound<'_, Self>, socket: &Bound<'_, Socket>, token: usize) -> PyResult<()> {
        match Self::turn_socket(slf, socket, token)? {
            Turn::Finished => Self::after_turn(slf),
            _ if slf.get().news.load(Ordering::Acquire) => Self::arm(slf),
            _ => Ok(()),
        }
    }

    /// Lets sockets take their turn later.
    fn wake_all(&self, tokens: &[usize]) {
        for token in tokens {
            self.corker.handle.wake(*token);
        }
    }

    /// Reports the deadlines to the outer loop after a turn, or that the hub is idle.
    fn after_turn(slf: &Bound<'_, Self>) -> PyResult<()> {
        if slf.get().roster.count() == 0 {
            slf.call_method0("idle")?;
            return Ok(());
        }
        Self::arm(slf)
    }

    fn wait(&self, py: Python<'_>, timeout: Option<Duration>) -> PyResult<Vec<usize>> {
        if self.process != std::process::id() {
            return Err(errors::raise(py, Error::new(ErrorCode::Forked, "events are delivered in the parent process")));
        }
        let due = py.detach(|| {
            let due = self.roster.wait_for_due(timeout);
            process::stay_if_ending();
            due
        })?;
        if let Err(error) = py.check_signals() {
            self.wake_all(&due);
            return Err(error);
        }
        Ok(due)
    }

    /// Arranges for a turn at the next deadline: by the hub's descriptor, or else by the outer loop's timer.
    fn arm(slf: &Bound<'_, Self>) -> PyResult<()> {
        let this = slf.get();
        this.news.store(false, Ordering::Release);
        if this.waits.load(Ordering::Acquire) {
            // The thread that waits knows the deadlines.
            return Ok(());
        }
        let at = {
            let mut own = lock(&this.roster.own);
            own.remind();
            own.arm()
        };
        if let Some(at) = at {
            slf.call_method1("arm", (at.saturating_duration_since(Instant::now()).as_secs_f64(),))?;
        }
        Ok(())
    }
}

impl<'py> Host<'py> for Bound<'py, Hub> {
    fn object(&self) -> &Bound<'py, PyAny> {
        self.as_any()
    }

    fn next_batch(&self, socket: &Bound<'py, Socket>, inner: &Inner, batch: &mut Batch) -> PyResult<bool> {
        let (again, has_deadline) = self.get().roster.next_batch(socket, inner, batch)?;
        if has_deadline {
            self.get().news.store(true, Ordering::Release);
        }
        Ok(again)
    }

    #[inline]
    fn look_for_stall(&self, function: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let (py, this) = (self.py(), self.get());
        if !this.stalls.has_news() {
            return Ok(());
        }
        let sockets = this.roster.all(py);
        stall::name(self, sockets.iter().filter_map(|socket| socket.get().inner(py).ok()?.connection.take_stall()), function)
    }
}

#[pymethods]
impl Hub {
    #[new]
    #[pyo3(signature = (*_args))]
    fn new(py: Python<'_>, _args: &Bound<'_, PyAny>) -> PyResult<Self> {
        let own = OwnLoop::new().map_err(|error| errors::raise(py, error))?;
        let corker = Arc::new(Corker::new(own.handle()));
        Ok(Self {
            descriptor: own.descriptor(),
            roster: Roster::new(own, corker.clone()),
            corker,
            waits: AtomicBool::new(false),
            news: AtomicBool::new(false),
            stalls: Stalls::default(),
            round: Round::default(),
            cut_off: AtomicUsize::new(usize::MAX),
            process: std::process::id(),
        })
    }

    /// The descriptor that is readable while a socket is ready.
    fn fileno(&self) -> PyResult<RawDescriptor> {
        self.descriptor
            .ok_or_else(|| PyNotImplementedError::new_err("this system has no descriptor that an event loop could watch for all sockets"))
    }

    /// From now on this loop watches the descriptors of the sockets, as it watches the hub's own.
    fn watch_with(slf: &Bound<'_, Self>, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        let method = |name: &str| slf.getattr(name).map(Bound::unbind);
        let watcher = Watcher::new(event_loop, Calls { ready: method("_ready")?, flush: method("_flush")?, over: method("_over")? })?;
        slf.get().corker.watcher.set(watcher).map_err(|_| PyRuntimeError::new_err("a hub has one loop"))
    }

    /// A socket's descriptor is ready.
    #[pyo3(name = "_ready")]
    fn ready(slf: &Bound<'_, Self>, socket: &Bound<'_, Socket>) -> PyResult<()> {
        let inner = socket.get().inner(slf.py())?;
        // A forked child may share the loop's descriptors with its parent.
        if !inner.connection.is_ours() {
            return Ok(());
        }
        slf.look_for_stall(None)?;
        let (round, token) = (&slf.get().round, inner.id as usize);
        if round.is_over() {
            round.wait(token);
            return Ok(());
        }
        Self::turn_watched(slf, socket, token)
    }

    /// A turn of the loop has ended in which sockets used up their time: the sockets that had to wait continue.
    #[pyo3(name = "_over")]
    fn over(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let mut result = Ok(());
        for token in this.round.next() {
            if this.round.is_over() || result.is_err() {
                this.round.wait(token);
            } else if let Some(socket) = this.roster.get(py, token as u64) {
                result = Self::turn_watched(slf, socket.bind(py), token);
            }
        }
        if result.is_err() && this.round.must_end() {
            Self::call_when_over(slf)?;
        }
        result
    }

    /// The loop's turn has ended: sends the messages that were held back in it, or asks for another call.
    #[pyo3(name = "_flush")]
    fn flush_if_ripe(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.get().corker.flush_ripe(slf.py())
    }

    /// The number of sockets of this hub.
    fn __len__(&self) -> usize {
        self.roster.count()
    }

    /// Adds a socket and starts it. A socket is in one hub at a time.
    fn attach(slf: &Bound<'_, Self>, socket: &Bound<'_, Socket>) -> PyResult<()> {
        let py = slf.py();
        let inner = socket.get().inner(py)?;
        if !inner.connection.is_ours() {
            return Err(errors::raise(py, Error::new(ErrorCode::Forked, "the socket belongs to the parent process; make a new one here")));
        }
        if !inner.enter(Home { hub: slf.clone().into_any().unbind(), corker: slf.get().corker.clone() }) {
            let words = "the socket's events are already delivered: by the running loop where it was made, by start() or by run_forever()";
            return Err(errors::raise(py, Error::new(ErrorCode::InvalidState, words)));
        }
        slf.get().roster.insert(socket, inner);
        inner.begin();
        // Work that a former hub left, or a finished socket, needs a turn.
        slf.get().corker.handle.wake(inner.id as usize);
        Ok(())
    }

    /// Releases all sockets in any state; they can be attached again.
    fn detach_all(&self, py: Python<'_>) -> PyResult<()> {
        self.roster.release_all(py)
    }

    /// The sockets of this hub.
    fn sockets(&self, py: Python<'_>) -> Vec<Py<Socket>> {
        self.roster.all(py)
    }

    /// Delivers the events of due sockets, within a budget; then calls `idle()` if no socket is left.
    fn turn(slf: &Bound<'_, Self>) -> PyResult<()> {
        // A forked child may share the loop's descriptors, and this one, with its parent.
        if slf.get().process != std::process::id() {
            return Ok(());
        }
        let due = slf.get().roster.wait_for_due(Some(Duration::ZERO))?;
        Self::turn_sockets(slf, due)?;
        Self::after_turn(slf)
    }

    /// Waits and delivers until no socket is left. Python's signal handlers run in between, on the main thread.
    fn run(slf: &Bound<'_, Self>) -> PyResult<()> {
        let this = slf.get();
        this.corker.running.store(true, Ordering::Release);
        let mut result = Ok(());
        while result.is_ok() && this.roster.count() > 0 {
            result = this.wait(slf.py(), Some(SIGNAL_CHECK)).and_then(|due| Self::turn_sockets(slf, due));
        }
        this.corker.running.store(false, Ordering::Release);
        this.corker.flush();
        result
    }

    /// Waits, at most `timeout` seconds, and delivers once.
    #[pyo3(signature = (timeout=None))]
    fn pump(slf: &Bound<'_, Self>, timeout: Option<f64>) -> PyResult<()> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(Duration::try_from_secs_f64(timeout.max(0.0)).ok()?));
        let rest = deadline.map_or(SIGNAL_CHECK, |deadline| deadline.saturating_duration_since(Instant::now()).min(SIGNAL_CHECK));
        let due = slf.get().wait(slf.py(), Some(rest))?;
        Self::turn_sockets(slf, due)
    }

    /// For loops that cannot watch a descriptor: waits until a turn is due, on a thread of its own. The loop itself takes the turn.
    fn wait_for_turn(&self, py: Python<'_>) {
        self.waits.store(true, Ordering::Release);
        py.detach(|| {
            lock(&self.roster.own).await_due();
            process::stay_if_ending();
        });
    }

    /// Looks for a stall after a task of an async handler, as the hub does after each function that it calls.
    #[pyo3(name = "look_for_stall")]
    fn look(slf: &Bound<'_, Self>, function: &Bound<'_, PyAny>) -> PyResult<()> {
        slf.look_for_stall(Some(function))
    }

    /// The last socket is gone, and no other will come: releases the loop.
    fn end_watch(&self) {
        if let Some(watcher) = self.corker.watcher.get() {
            watcher.end();
        }
    }

    /// Delivers the events of a socket, for Python's `Context.run`: the stable ABI lacks the interpreter's own calls.
    #[cfg(feature = "abi3")]
    #[pyo3(name = "_deliver")]
    fn deliver(slf: &Bound<'_, Self>, socket: &Bound<'_, Socket>) -> PyResult<u8> {
        Ok(deliver::turn(socket, slf)? as u8)
    }

    /// Lets a socket take a turn.
    #[pyo3(name = "_wake")]
    fn wake(&self, token: usize) {
        self.corker.handle.wake(token);
    }

    /// Ends a wait without a socket: the waiting thread returns.
    fn nudge(&self) {
        self.corker.handle.interrupt();
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(watcher) = self.corker.watcher.get() {
            watcher.traverse(&visit)?;
        }
        self.roster.traverse(&visit)?;
        Ok(())
    }

    fn __clear__(&self) {
        self.roster.clear();
        self.end_watch();
    }
}
