//! Sends of a hub's sockets in a burst, outside their turns: when the held bytes leave. The core decides what is held.

use std::sync::atomic::Ordering;

use heartwire::binding::Connection;
use pyo3::prelude::*;

use crate::hub::Hub;
use crate::inner::lock;

impl Hub {
    /// Gives what was held back to the kernel.
    pub(crate) fn flush(&self) {
        let held = std::mem::take(&mut *lock(&self.held));
        for connection in held {
            connection.flush();
        }
    }

    /// A message of this connection was held back outside of a turn: it leaves when the loop's present turn ends, or with the next one.
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
        let first = {
            let mut held = lock(&this.held);
            held.push(connection.clone());
            held.len() == 1
        };
        if !first {
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

    /// The loop's turn has ended: sends what was held back in it, or asks to be called again.
    pub(crate) fn flush_ripe(slf: &Bound<'_, Self>) -> PyResult<()> {
        let this = slf.get();
        let mut held = std::mem::take(&mut *lock(&this.held));
        held.retain(|connection| !connection.flush_if_ripe());
        if held.is_empty() {
            return Ok(());
        }
        lock(&this.held).append(&mut held);
        match this.watcher.get() {
            Some(watcher) if watcher.call_soon(slf.py(), |calls| &calls.flush)? => {}
            _ => this.flush(),
        }
        Ok(())
    }
}
