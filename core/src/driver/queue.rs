//! Batches on their way to the host: each is handed over whole, with one wake for each change from empty to not empty. Knows no socket.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use super::sync::atomic::{AtomicUsize, Ordering};
use super::sync::{Mutex, MutexGuard};
use crate::event::Batch;
use crate::process::PerProcess;

/// Called from any thread, without a lock held, once for each change from empty to not empty: [`Connection::take`](super::Connection::take) then has
/// a batch. For a hosted socket it means that [`Connection::drive`](super::Connection::drive) has to be called.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// How much memory a batch keeps for its next use in any case. A batch with more keeps it only if it was well filled, as in a flood.
const KEPT_BYTES: usize = 128 << 10;
const FILLED: usize = 8;

pub(super) struct Queue {
    state: Mutex<State>,
    /// The number of batches, readable without the lock.
    length: AtomicUsize,
    wake: Wake,
}

#[derive(Default)]
struct State {
    batches: VecDeque<Batch>,
}

/// Empty batches with their memory. The process keeps a few, because a silent socket needs none.
static SPARES: PerProcess<Vec<Batch>> = PerProcess::new();
const MOST_SPARES: usize = 4;

/// An empty batch, which may have memory already.
pub fn spare() -> Batch {
    SPARES.lock().pop().unwrap_or_default()
}

/// Keeps the memory of a batch for another one.
pub fn give_back(mut batch: Batch) {
    let room = batch.bytes.capacity();
    let large = room > KEPT_BYTES;
    if room == 0 || large && batch.bytes.len() < room / FILLED {
        return;
    }
    batch.clear();
    let mut spares = SPARES.lock();
    if spares.len() < MOST_SPARES && !(large && spares.iter().any(|spare| spare.bytes.capacity() > KEPT_BYTES)) {
        spares.push(batch);
    }
}

impl Queue {
    pub(super) fn new(wake: Wake) -> Self {
        Self { state: Mutex::default(), length: AtomicUsize::new(0), wake }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands `batch` over if it has items, leaves an empty one in its place, and wakes the host if the queue was empty. The memory for payloads goes
    /// along only if there are payloads: a host that waits for the next event keeps the batch of the last one.
    pub(super) fn push(&self, batch: &mut Batch) {
        if self.push_quietly(batch) {
            self.wake();
        }
    }

    /// As [`Queue::push`], without the wake. True: the caller has to wake the host.
    pub(super) fn push_quietly(&self, batch: &mut Batch) -> bool {
        if batch.is_empty() {
            batch.bytes.clear();
            return false;
        }
        let mut full = std::mem::take(batch);
        if full.bytes.is_empty() {
            std::mem::swap(&mut full.bytes, &mut batch.bytes);
        }
        let mut state = self.lock();
        state.batches.push_back(full);
        self.length.store(state.batches.len(), Ordering::Release);
        state.batches.len() == 1
    }

    pub(super) fn wake(&self) {
        (self.wake)();
    }

    /// Swaps the next batch into `batch`.
    pub(super) fn take(&self, batch: &mut Batch) -> bool {
        let next = if self.is_empty() { None } else { self.next() };
        let came = next.is_some();
        give_back(std::mem::replace(batch, next.unwrap_or_default()));
        came
    }

    fn next(&self) -> Option<Batch> {
        let mut state = self.lock();
        let next = state.batches.pop_front();
        self.length.store(state.batches.len(), Ordering::Release);
        next
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length.load(Ordering::Acquire) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Item;

    /// Otherwise each connection that was silent since it opened would keep the memory of one read.
    #[test]
    fn events_without_payload_take_no_memory_for_payloads_along() {
        let check = || {
            let queue = Queue::new(Arc::new(|| {}));
            let mut batch = Batch { bytes: Vec::with_capacity(KEPT_BYTES), items: vec![Item::Barrier], owned: 0 };
            assert!(queue.push_quietly(&mut batch));
            assert!(batch.is_empty() && batch.bytes.capacity() >= KEPT_BYTES);
            let mut taken = Batch::default();
            assert!(queue.take(&mut taken));
            assert_eq!((taken.items.len(), taken.bytes.capacity()), (1, 0));
        };
        shuttle::check_random(check, 1);
    }

    /// Without this, a flood allocated each batch again. The memory is not kept for ever after a flood.
    #[test]
    fn a_large_batch_keeps_its_memory_while_it_is_filled() {
        let check = || {
            let large = |filled| {
                let mut bytes = Vec::with_capacity(KEPT_BYTES * 4);
                bytes.resize(filled, 0);
                Batch { bytes, items: vec![Item::Barrier], owned: 0 }
            };
            SPARES.lock().clear();
            give_back(large(0));
            give_back(large(KEPT_BYTES / 4));
            assert!(SPARES.lock().is_empty());
            give_back(large(KEPT_BYTES));
            give_back(large(KEPT_BYTES));
            assert_eq!(SPARES.lock().len(), 1, "one is enough");
            let spare = spare();
            assert!(spare.is_empty() && spare.bytes.capacity() >= KEPT_BYTES * 4);
        };
        shuttle::check_random(check, 1);
    }
}
