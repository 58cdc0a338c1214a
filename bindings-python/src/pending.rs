//! A socket's delivery between two turns: the batch, the position in it, and the barrier that is waited at.
//! Owns the buffers that idle sockets give back. Knows no Python function and delivers nothing.

use std::cell::RefCell;

use heartwire::binding::Batch;
use pyo3::prelude::*;

use crate::barrier::Barrier;
use crate::events;

/// A buffer up to this size is always kept for the next socket.
const KEPT_BUFFER: usize = 1 << 20;

/// A batch and its delivered part; and the event object of the last message, while there is no other reference to it.
#[derive(Default)]
pub(crate) struct Pending {
    pub(crate) batch: Batch,
    pub(crate) next: usize,
    /// The barrier that holds the delivery. Some events behind it are delivered meanwhile, such as `drain`.
    pub(crate) barrier: Option<Barrier>,
    /// The bytes of the largest batch of this turn.
    pub(crate) filled: usize,
    pub(crate) event: events::Reusable,
}

thread_local! {
    /// Buffers of idle sockets: an idle socket has none of its own.
    static SPARE: RefCell<Vec<Batch>> = const { RefCell::new(Vec::new()) };
}

impl Pending {
    pub(crate) fn take_buffer(&mut self) {
        if self.batch.items.is_empty() {
            self.batch = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        }
    }

    /// The whole batch was delivered.
    pub(crate) fn done(&mut self) {
        self.filled = self.filled.max(self.batch.bytes.len());
        self.next = 0;
        self.batch.clear();
    }

    /// Gives the buffer back, unless it still has events.
    pub(crate) fn give_buffer_back(&mut self, py: Python<'_>) {
        self.event.forget_data(py);
        if !self.batch.items.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        // A buffer that grew in a flood is freed once most of it stays empty.
        let filled = std::mem::take(&mut self.filled);
        if batch.bytes.capacity() <= KEPT_BUFFER || filled >= batch.bytes.capacity() / 8 {
            SPARE.with_borrow_mut(|spare| {
                if spare.len() < 2 {
                    spare.push(batch);
                }
            });
        }
    }
}
