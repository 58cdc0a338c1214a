//! Limits the time that all sockets of a hub keep their loop in one of its turns, and stores the sockets that wait for the next one. Knows no socket.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use heartwire::binding::os;

use crate::lock::lock;

/// How long the sockets of a hub may keep the loop together, before others have their turn.
const BUDGET_NS: u64 = 10_000_000;

/// The present turn of a loop, as far as it is the hub's.
#[derive(Default)]
pub(crate) struct Round {
    spent_ns: AtomicU64,
    /// The loop will report the end of its turn.
    ends: AtomicBool,
    /// The sockets that have to wait, in order.
    waiting: Mutex<Vec<usize>>,
}

impl Round {
    /// The loop's turn has ended. Returns the sockets that wait: they come first in the next one.
    pub(crate) fn next(&self) -> Vec<usize> {
        self.ends.store(false, Ordering::Relaxed);
        self.spent_ns.store(0, Ordering::Relaxed);
        std::mem::take(&mut *lock(&self.waiting))
    }

    /// Whether the budget is spent.
    pub(crate) fn is_over(&self) -> bool {
        self.spent_ns.load(Ordering::Relaxed) >= BUDGET_NS
    }

    /// Counts the time of a call. The flag beside its outcome is true if the loop has to report the end of its turn.
    pub(crate) fn measure<T>(&self, what: impl FnOnce() -> T) -> (T, bool) {
        let start = os::coarse_time();
        let outcome = what();
        let spent = os::coarse_time() - start;
        if spent == 0 {
            return (outcome, false);
        }
        self.spent_ns.fetch_add(spent, Ordering::Relaxed);
        (outcome, self.must_end())
    }

    /// Makes a socket wait for the next round.
    pub(crate) fn wait(&self, token: usize) {
        let mut waiting = lock(&self.waiting);
        if !waiting.contains(&token) {
            waiting.push(token);
        }
    }

    /// Whether the loop must be asked to report the end of its turn, because it was not asked yet.
    pub(crate) fn must_end(&self) -> bool {
        !self.ends.swap(true, Ordering::Relaxed)
    }
}
