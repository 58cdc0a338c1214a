//! Counts the bytes that were handed to the host and are not delivered yet, and decides whether reading has to wait. The driver asks under the
//! client's lock. The host reports from its own thread, without the lock. Knows no batch. `core/tests/backlog.rs` tries every order that the memory
//! model allows.

use super::atomic::{AtomicBool, AtomicUsize, Ordering};

pub(super) struct Backlog {
    /// Reading stops at this many waiting bytes.
    limit: usize,
    waiting: AtomicUsize,
    /// Reading has stopped: the caller that makes room has to say so.
    stalled: AtomicBool,
}

impl Backlog {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, waiting: AtomicUsize::new(0), stalled: AtomicBool::new(false) }
    }

    /// Adds bytes that were handed over.
    pub(super) fn add(&self, weight: usize) {
        self.waiting.fetch_add(weight, Ordering::AcqRel);
    }

    /// Whether reading has to stop, given `more` bytes that are not handed over yet. If so, a later [`Backlog::remove`] returns true.
    pub(super) fn is_full(&self, more: usize) -> bool {
        let full = self.waiting.load(Ordering::Acquire) + more >= self.limit && {
            self.stalled.store(true, Ordering::Relaxed);
            // The host may have made room meanwhile. `fetch_add(0)` synchronises with the host's change of `waiting`: the second of the two sees all
            // that the first wrote.
            self.waiting.fetch_add(0, Ordering::AcqRel) + more >= self.limit
        };
        if !full {
            self.stalled.store(false, Ordering::Release);
        }
        full
    }

    /// Whether reading has stopped, and no room has been made since.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled.load(Ordering::Acquire)
    }

    /// How much waits.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Removes delivered bytes. True: reading had stopped, and may go on.
    pub(super) fn remove(&self, weight: usize) -> bool {
        let has_room = self.waiting.fetch_sub(weight, Ordering::AcqRel).saturating_sub(weight) < self.limit;
        has_room && self.stalled.load(Ordering::Acquire) && self.stalled.swap(false, Ordering::AcqRel)
    }
}
