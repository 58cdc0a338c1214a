//! Batches on their way to the host: handed over whole, one wake for each change from empty to not empty. Knows no socket.

use std::collections::VecDeque;
use std::sync::PoisonError;

use super::Wake;
use super::sync::atomic::{AtomicUsize, Ordering};
use super::sync::{Mutex, MutexGuard};
use crate::event::Batch;

/// How much memory a batch may keep for its next use.
const KEPT_BYTES: usize = 64 << 10;

pub(super) struct Queue {
    state: Mutex<State>,
    /// How many batches there are, to be seen without the lock.
    length: AtomicUsize,
    wake: Wake,
}

#[derive(Default)]
struct State {
    batches: VecDeque<Batch>,
    /// An empty batch that the host gave back.
    spare: Option<Batch>,
}

impl Queue {
    pub(super) fn new(wake: Wake) -> Self {
        Self { state: Mutex::default(), length: AtomicUsize::new(0), wake }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands `batch` over, if there is something in it, leaves an empty one in its place, and wakes the host if the queue was empty.
    pub(super) fn push(&self, batch: &mut Batch) {
        if self.push_quietly(batch) {
            self.wake();
        }
    }

    /// The same without the wake: true if the host has to be woken.
    pub(super) fn push_quietly(&self, batch: &mut Batch) -> bool {
        if batch.is_empty() {
            batch.bytes.clear();
            return false;
        }
        let mut state = self.lock();
        let spare = state.spare.take().unwrap_or_default();
        state.batches.push_back(std::mem::replace(batch, spare));
        self.length.store(state.batches.len(), Ordering::Release);
        state.batches.len() == 1
    }

    pub(super) fn wake(&self) {
        (self.wake)();
    }

    /// Swaps the next batch into `batch`.
    pub(super) fn take(&self, batch: &mut Batch) -> bool {
        batch.clear();
        if self.is_empty() {
            return false;
        }
        let mut state = self.lock();
        let Some(next) = state.batches.pop_front() else { return false };
        self.length.store(state.batches.len(), Ordering::Release);
        let used = std::mem::replace(batch, next);
        if used.bytes.capacity() <= KEPT_BYTES * 2 {
            state.spare = Some(used);
        }
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length.load(Ordering::Acquire) == 0
    }
}
