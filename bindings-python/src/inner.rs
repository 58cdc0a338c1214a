//! The state of a socket with accepted arguments: the core's connection, the user's functions, the place and the progress of its delivery.
//! A lock is held only for a move, never while Python runs or an object is dropped.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use heartwire::binding::Connection;
use heartwire::{Driver, Event, Options, Providers};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;
use pyo3::{PyTraverseError, PyVisit};

use crate::convert::Functions;
use crate::corker::Corker;
use crate::events::Reusable;
use crate::listeners::Kind;
pub(crate) use crate::lock::lock;
use crate::pending::Pending;
use crate::watcher::Wire;
use crate::{errors, unrun};

/// The place where the events of a socket are delivered.
pub(crate) struct Home {
    /// The hub, as a Python object.
    pub(crate) hub: Py<PyAny>,
    pub(crate) corker: Arc<Corker>,
}

/// The state of a socket with accepted arguments.
pub(crate) struct Inner {
    pub(crate) id: u64,
    pub(crate) connection: Connection,
    pub(crate) wire: Arc<Wire>,
    pub(crate) write_limit: usize,
    pub(crate) close_timeout: Duration,
    /// The inbox in which messages wait for `recv()`, for the APIs that have it.
    pub(crate) receiver: OnceLock<Py<PyAny>>,
    /// Whether the options have a login, and a rate limit; whether the connection that the user sees is ready.
    pub(crate) logs_in: bool,
    pub(crate) limited: bool,
    pub(crate) ready: AtomicBool,
    /// The functions to call at the ends of requests, by ticket.
    settlers: Mutex<HashMap<u64, Py<PyAny>>>,
    tickets: AtomicU64,
    pub(crate) functions: Mutex<Option<Functions>>,
    pub(crate) context: Py<PyAny>,
    pub(crate) home: Mutex<Option<Home>>,
    begun: AtomicBool,
    pub(crate) wants_loop: AtomicBool,
    pub(crate) pending: Mutex<Option<Pending>>,
    origin: Mutex<Option<Py<PyString>>>,
    pub(crate) last_close: Mutex<Option<Py<PyAny>>>,
    /// The exception of a function that the user gave as an option; kept until the next connection is open.
    pub(crate) failure: Mutex<Option<Py<PyAny>>>,
    /// The present attempt or connection has reported its error.
    pub(crate) told: AtomicBool,
    /// The number of delivered `close` events: work of an earlier connection ended with it.
    pub(crate) closes: AtomicU64,
    /// The functions to call with the last `CloseEvent`. `None` after they were called.
    pub(crate) finish: Mutex<Option<Vec<Py<PyAny>>>>,
}

impl Inner {
    pub(crate) fn new(
        py: Python<'_>,
        url: &str,
        options: Options,
        providers: Providers,
        functions: Functions,
        context: Py<PyAny>,
    ) -> PyResult<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let (write_limit, close_timeout) = (options.write_limit, options.close_timeout);
        let (logs_in, limited) = (options.ready.is_some(), options.rate_limit.is_some());
        let wire = Arc::new(Wire::default());
        let waker = wire.clone();
        // Events are always delivered on a loop (`hub.rs`), so that loop drives the connection unless the user wants otherwise.
        let make = if options.driver == Driver::Background { Connection::new } else { Connection::hosted };
        let connection = make(url, options, providers, Arc::new(move || waker.wake(id))).map_err(|error| errors::raise(py, error))?;
        Ok(Self {
            id,
            connection,
            wire,
            write_limit,
            close_timeout,
            receiver: OnceLock::new(),
            logs_in,
            limited,
            ready: AtomicBool::new(false),
            settlers: Mutex::default(),
            tickets: AtomicU64::new(0),
            functions: Mutex::new(Some(functions)),
            context,
            home: Mutex::default(),
            begun: AtomicBool::new(false),
            wants_loop: AtomicBool::new(false),
            pending: Mutex::new(Some(Pending::default())),
            origin: Mutex::default(),
            last_close: Mutex::default(),
            failure: Mutex::default(),
            told: AtomicBool::new(false),
            closes: AtomicU64::new(0),
            finish: Mutex::new(Some(Vec::new())),
        })
    }

    /// Marks the socket as belonging to a hub, unless it belongs to one already.
    pub(crate) fn enter(&self, home: Home) -> bool {
        let mut slot = lock(&self.home);
        if slot.is_some() {
            drop(slot);
            return false;
        }
        *slot = Some(home);
        true
    }

    /// The socket belongs to no hub from now on.
    pub(crate) fn leave_hub(&self) {
        let old = lock(&self.home).take();
        drop(old);
    }

    /// Begins to connect, once.
    pub(crate) fn begin(&self) {
        if !self.begun.swap(true, Ordering::AcqRel) {
            unrun::forget(self.id);
            self.connection.start();
        }
    }

    /// Whether a loop or a thread runs the socket, or ran it.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    /// Takes the pending batch. `None` while its delivery runs.
    pub(crate) fn begin_turn(&self) -> Option<Pending> {
        lock(&self.pending).take()
    }

    pub(crate) fn end_turn(&self, pending: Pending) {
        *lock(&self.pending) = Some(pending);
    }

    pub(crate) fn function<'py>(&self, py: Python<'py>, path: &str) -> Option<Bound<'py, PyAny>> {
        lock(&self.functions).as_ref()?.get(py, path)
    }

    /// Replaces the function of that path by another one.
    pub(crate) fn replace_function(&self, py: Python<'_>, path: &str, given: &Functions) {
        let old = lock(&self.functions).as_mut().and_then(|known| known.replace(py, path, given));
        drop(old);
    }

    /// The origin of the URL in use, made once for each connection.
    pub(crate) fn origin(&self, py: Python<'_>) -> Py<PyString> {
        if let Some(origin) = &*lock(&self.origin) {
            return origin.clone_ref(py);
        }
        let url = self.connection.url();
        let (scheme, rest) = url.split_once("://").unwrap_or(("", &url));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        let origin = PyString::new(py, &format!("{scheme}://{host}")).unbind();
        *lock(&self.origin) = Some(origin.clone_ref(py));
        origin
    }

    pub(crate) fn forget_origin(&self) {
        let old = lock(&self.origin).take();
        drop(old);
    }

    /// Keeps the function to call at the end of a request, and returns its ticket.
    pub(crate) fn keep_settler(&self, function: Py<PyAny>) -> u64 {
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed) + 1;
        lock(&self.settlers).insert(ticket, function);
        ticket
    }

    pub(crate) fn take_settler(&self, ticket: u64) -> Option<Py<PyAny>> {
        lock(&self.settlers).remove(&ticket)
    }

    /// Whether the connection is ready, as far as the user has seen.
    pub(crate) fn note_ready(&self, kind: Kind) {
        match kind {
            Kind::Ready => self.ready.store(true, Ordering::Release),
            Kind::Open => self.ready.store(!self.logs_in, Ordering::Release),
            Kind::Close => self.ready.store(false, Ordering::Release),
            _ => {}
        }
    }

    pub(crate) fn note_close(&self, event: &Bound<'_, PyAny>) {
        let old = lock(&self.last_close).replace(event.clone().unbind());
        drop(old);
        self.closes.fetch_add(1, Ordering::AcqRel);
    }

    /// Keeps the exception of a user's function: it becomes the cause of the error that reports it.
    pub(crate) fn keep_failure(&self, error: &Bound<'_, PyAny>) {
        let old = lock(&self.failure).replace(error.clone().unbind());
        drop(old);
    }

    /// Makes the kept exception the cause of the error that reports it. The next open connection forgets it.
    pub(crate) fn attach_failure(&self, object: &Bound<'_, PyAny>, event: &Event) -> PyResult<()> {
        static ATTACH: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = object.py();
        let (name, error) = match event {
            Event::Open(_) => {
                let old = lock(&self.failure).take();
                drop(old);
                return Ok(());
            }
            Event::Error(error) => ("error", Some(error)),
            Event::Close(close) => ("error", close.error.as_ref()),
            Event::Reconnecting(next) => ("cause", next.cause.as_ref()),
            _ => return Ok(()),
        };
        let failure = lock(&self.failure).as_ref().map(|failure| failure.clone_ref(py));
        if let (Some(_), Some(failure)) = (error, failure) {
            ATTACH.import(py, "heartwire._errors", "attach_failure")?.call1((object.getattr(name)?, failure))?;
        }
        Ok(())
    }

    pub(crate) fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.context)?;
        if let Some(receiver) = self.receiver.get() {
            visit.call(receiver)?;
        }
        if let Ok(functions) = self.functions.try_lock() {
            functions.iter().flat_map(Functions::iter).try_for_each(|function| visit.call(function))?;
        }
        if let Ok(Some(pending)) = self.pending.try_lock().as_deref() {
            pending.event.traverse(&visit)?;
        }
        if let Ok(settlers) = self.settlers.try_lock() {
            settlers.values().try_for_each(|function| visit.call(function))?;
        }
        if let Ok(Some(home)) = self.home.try_lock().as_deref() {
            visit.call(&home.hub)?;
        }
        if let Ok(Some(event)) = self.last_close.try_lock().as_deref() {
            visit.call(event)?;
        }
        if let Ok(Some(error)) = self.failure.try_lock().as_deref() {
            visit.call(error)?;
        }
        if let Ok(Some(functions)) = self.finish.try_lock().as_deref() {
            functions.iter().try_for_each(|function| visit.call(function))?;
        }
        Ok(())
    }

    pub(crate) fn clear(&self) {
        if let Some(pending) = &mut *lock(&self.pending) {
            pending.event = Reusable::default();
        }
        let settlers = std::mem::take(&mut *lock(&self.settlers));
        drop(settlers);
        let old = (lock(&self.functions).take(), lock(&self.home).take(), lock(&self.last_close).take(), lock(&self.finish).take());
        drop((old, lock(&self.failure).take()));
    }
}

impl Drop for Inner {
    /// No reference is left, and nothing delivers the events (the loop is gone): sends Close 1001 with `close_on_exit`, else drops the connection.
    fn drop(&mut self) {
        unrun::dropped(self.id);
        if self.begun.load(Ordering::Acquire) && self.connection.is_ours() && !self.connection.is_finished() {
            if self.connection.closes_on_exit() {
                self.connection.go_away(heartwire::CloseCode::GOING_AWAY);
            } else {
                self.connection.terminate();
            }
        }
    }
}
