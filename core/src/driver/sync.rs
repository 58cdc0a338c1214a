//! The locks and atomics of the hand-over between host and background. Unit tests use those of a model checker (`tests.rs`).

#[cfg(not(test))]
pub(super) use std::sync::{Mutex, MutexGuard, atomic};

#[cfg(test)]
pub(super) use shuttle::sync::{Mutex, MutexGuard, atomic};
