//! Batches on their way to the host: handed over whole, one wake for each change from empty to not empty. Knows no socket.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use super::sync::atomic::{AtomicUsize, Ordering};
use super::sync::{Mutex, MutexGuard};
use crate::event::Batch;
use crate::process::PerProcess;

/// Told, from any thread and without a lock held, that [`Connection::take`](super::Connection::take) has something, once for each change from empty to not empty; for
/// a hosted socket, that [`Connection::drive`](super::Connection::drive) has to be called.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// How much memory a batch may keep for its next use, whatever it was used for. One with more keeps it where it was filled: a flood is under way.
const KEPT_BYTES: usize = 128 << 10;
const FILLED: usize = 8;

pub(super) struct Queue {
    state: Mutex<State>,
    /// How many batches there are, to be seen without the lock.
    length: AtomicUsize,
    wake: Wake,
}

#[derive(Default)]
struct State {
    batches: VecDeque<Batch>,
}

/// Empty batches with their memory: a few for the process, for a socket that is silent needs none.
static SPARES: PerProcess<Vec<Batch>> = PerProcess::new();
const MOST_SPARES: usize = 4;

/// An empty batch, which may have memory already.
pub(super) fn spare() -> Batch {
    SPARES.lock().pop().unwrap_or_default()
}

/// Keeps the memory of a batch for another one.
pub(super) fn give_back(mut batch: Batch) {
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

    /// Hands `batch` over, if there is something in it, leaves an empty one in its place, and wakes the host if the queue was empty. The memory for
    /// payloads goes along only where there are some: who waits for the next event keeps the batch of the last one.
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

    /// One of the room for reads stayed with every connection that was silent since it had opened.
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

    /// Without this, a flood allocated each batch again; what a flood has left behind is not kept for ever.
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
