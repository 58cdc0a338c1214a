//! The sockets of a hub, and the core's loop that drives them. Knows no turn and no delivery.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heartwire::binding::{Batch, OwnLoop};
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::corker::Corker;
use crate::errors;
use crate::inner::Inner;
use crate::lock::lock;
use crate::socket::Socket;

/// The sockets of a hub, by token.
pub(crate) struct Roster {
    /// Locked by the thread that delivers, for a wait or a turn of one socket; never while Python runs.
    pub(crate) own: Mutex<OwnLoop>,
    /// The live sockets. They are kept alive until their last event.
    sockets: Mutex<HashMap<u64, Py<Socket>>>,
    corker: Arc<Corker>,
}

impl Roster {
    pub(crate) fn new(own: OwnLoop, corker: Arc<Corker>) -> Self {
        Self { own: Mutex::new(own), sockets: Mutex::default(), corker }
    }

    /// Keeps a socket alive. If its connection is hosted, the loop drives it.
    pub(crate) fn insert(&self, socket: &Bound<'_, Socket>, inner: &Inner) {
        lock(&self.sockets).insert(inner.id, socket.clone().unbind());
        inner.wire.connect(inner.id, Some(self.corker.handle.clone()));
        if inner.connection.is_hosted() {
            if self.corker.watcher.get().is_some() {
                inner.connection.lend_descriptors();
            }
            self.corker.handle.add(inner.id as usize, inner.connection.clone());
        }
    }

    pub(crate) fn get(&self, py: Python<'_>, id: u64) -> Option<Py<Socket>> {
        lock(&self.sockets).get(&id).map(|socket| socket.clone_ref(py))
    }

    pub(crate) fn count(&self) -> usize {
        lock(&self.sockets).len()
    }

    /// Releases a socket, in any state.
    pub(crate) fn release(&self, py: Python<'_>, id: u64) -> PyResult<()> {
        let socket = lock(&self.sockets).remove(&id);
        if let Some(socket) = socket {
            let inner = socket.get().inner(py)?;
            inner.wire.connect(id, None);
            if let Some(watcher) = self.corker.watcher.get() {
                let watched = lock(&self.own).take_away(id as usize);
                if inner.connection.is_ours() {
                    if let Some(descriptor) = watched {
                        // A closed loop watches no descriptor, and may raise an error.
                        let _ = watcher.let_go(py, descriptor);
                    }
                    inner.connection.watching(None);
                }
            } else {
                self.corker.handle.remove(id as usize);
                // The next wait reads the removal. After the last socket of a blocking API there is no next wait.
                if let Ok(mut own) = self.own.try_lock() {
                    own.remove(id as usize);
                }
            }
            inner.leave_hub();
        }
        Ok(())
    }

    /// Releases all sockets, in any state.
    pub(crate) fn release_all(&self, py: Python<'_>) -> PyResult<()> {
        let ids: Vec<u64> = lock(&self.sockets).keys().copied().collect();
        ids.into_iter().try_for_each(|id| self.release(py, id))
    }

    pub(crate) fn all(&self, py: Python<'_>) -> Vec<Py<Socket>> {
        lock(&self.sockets).values().map(|socket| socket.clone_ref(py)).collect()
    }

    /// Puts the next batch of a socket into `batch`, and drives the socket if this loop does so. Returns whether to ask the loop again,
    /// and whether there is a deadline that the outer loop does not know.
    pub(crate) fn next_batch(&self, socket: &Bound<'_, Socket>, inner: &Inner, batch: &mut Batch) -> PyResult<(bool, bool)> {
        if !inner.connection.is_hosted() {
            return Ok((inner.connection.take(batch), false));
        }
        let token = inner.id as usize;
        let Some(watcher) = self.corker.watcher.get() else {
            let mut own = lock(&self.own);
            own.drive(token, batch).map_err(|error| errors::raise(socket.py(), error))?;
            return Ok((own.goes_on(token), false));
        };
        let driven = lock(&self.own).drive_within(token, batch);
        if let Some(watch) = driven.and_then(|driven| driven.watch) {
            watcher.change(socket, watch)?;
            if watch.before.map(|before| before.id) != watch.now.map(|now| now.id) {
                inner.connection.watching(watch.now.map(|now| now.id));
            }
        }
        Ok(driven.map_or((false, false), |driven| (driven.again, driven.deadline)))
    }

    /// The due sockets, after a wait of at most `timeout`. The list is empty after a signal.
    pub(crate) fn wait_for_due(&self, timeout: Option<Duration>) -> io::Result<Vec<usize>> {
        let mut due = Vec::new();
        match lock(&self.own).wait(timeout, &mut due) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(due),
        }
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(sockets) = self.sockets.try_lock() {
            sockets.values().try_for_each(|socket| visit.call(socket))?;
        }
        Ok(())
    }

    /// Forgets all sockets, for the garbage collector.
    pub(crate) fn clear(&self) {
        let sockets = std::mem::take(&mut *lock(&self.sockets));
        drop(sockets);
    }
}
