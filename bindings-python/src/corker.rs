//! Decides when the held messages of a burst leave that was sent outside the turns of the sockets. The core decides which messages are held.
//! This file knows the loop that it asks for the flush, and no hub.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};

use heartwire::binding::{Connection, LoopHandle};
use pyo3::prelude::*;

use crate::lock::lock;
use crate::watcher::Watcher;

/// The messages of one hub's sockets that are held back outside of a turn.
pub(crate) struct Corker {
    /// Connections whose held messages leave with the next flush.
    held: Mutex<Vec<Connection>>,
    /// The event loop that watches the sockets' descriptors, if one does.
    pub(crate) watcher: OnceLock<Watcher>,
    /// Without such a loop: a thread waits and delivers (`Hub::run`).
    pub(crate) running: AtomicBool,
    pub(crate) handle: LoopHandle,
}

impl Corker {
    pub(crate) fn new(handle: LoopHandle) -> Self {
        Self { held: Mutex::default(), watcher: OnceLock::new(), running: AtomicBool::new(false), handle }
    }

    /// Gives the held messages to the kernel.
    pub(crate) fn flush(&self) {
        let held = std::mem::take(&mut *lock(&self.held));
        for connection in held {
            connection.flush();
        }
    }

    /// A message of this connection was held back outside of a turn: it leaves at the end of the loop's present turn, or with the next one.
    pub(crate) fn flush_soon(&self, py: Python<'_>, connection: &Connection) -> PyResult<()> {
        let on_loop = match self.watcher.get() {
            Some(watcher) => watcher.runs_here(py)?,
            None if self.running.load(Ordering::Acquire) => false,
            None => {
                connection.flush();
                return Ok(());
            }
        };
        let first = {
            let mut held = lock(&self.held);
            held.push(connection.clone());
            held.len() == 1
        };
        if !first {
            return Ok(());
        }
        match self.watcher.get() {
            Some(watcher) if on_loop => {
                if !watcher.call_soon(py, |calls| &calls.flush)? {
                    self.flush();
                }
            }
            _ => self.handle.interrupt(),
        }
        Ok(())
    }

    /// The loop's turn has ended: sends the messages that were held back in it, or asks for another call.
    pub(crate) fn flush_ripe(&self, py: Python<'_>) -> PyResult<()> {
        let mut held = std::mem::take(&mut *lock(&self.held));
        held.retain(|connection| !connection.flush_if_ripe());
        if held.is_empty() {
            return Ok(());
        }
        lock(&self.held).append(&mut held);
        match self.watcher.get() {
            Some(watcher) if watcher.call_soon(py, |calls| &calls.flush)? => {}
            _ => self.flush(),
        }
        Ok(())
    }
}
