//! What sockets of a hub hold back in a burst of sends, outside of a turn of theirs, and when it leaves. What is held back is the core's to decide.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use heartwire::driver::Connection;
use pyo3::prelude::*;

use crate::hub::Hub;
use crate::inner::lock;

/// What the sockets of a hub hold back.
#[derive(Default)]
pub(crate) struct Held {
    connections: Mutex<Vec<Connection>>,
    /// Somebody will see to it.
    seen_to: AtomicBool,
}

impl Hub {
    /// Gives what was held back to the kernel.
    pub(crate) fn flush(&self) {
        self.held.seen_to.store(false, Ordering::Release);
        let held = std::mem::take(&mut *lock(&self.held.connections));
        for connection in held {
            connection.flush();
        }
    }

    /// A message of this connection was held back outside of a turn: it leaves when the loop's present turn ends, or soon after.
    pub(crate) fn flush_soon(slf: &Bound<'_, Self>, connection: &Connection) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let on_loop = match this.watcher.get() {
            Some(watcher) => watcher.runs_here(py)?,
            None if this.running.load(Ordering::Acquire) => false,
            None => {
                connection.flush();
                return Ok(());
            }
        };
        {
            let mut held = lock(&this.held.connections);
            if !held.iter().any(|known| known.is_same(connection)) {
                held.push(connection.clone());
            }
        }
        if this.held.seen_to.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        match this.watcher.get() {
            Some(watcher) if on_loop => {
                if !watcher.call_soon(py, |calls| &calls.flush)? {
                    this.flush();
                }
            }
            _ => this.handle.interrupt(),
        }
        Ok(())
    }

    /// The loop's turn has ended: sends what was held back in it, or waits for the messages of the next turns.
    pub(crate) fn flush_ripe(&self) {
        self.held.seen_to.store(false, Ordering::Release);
        let mut longest = None;
        // Who waits stays in the list: the bell, or the next turn, is for all.
        lock(&self.held.connections).retain(|connection| {
            let wait = connection.flush_if_ripe();
            longest = longest.max(wait);
            wait.is_some()
        });
        if let Some(longest) = longest {
            lock(&self.own).interrupt_in(longest);
        }
    }
}
