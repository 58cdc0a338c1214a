//! The atomics of the backlog. Its test (`core/tests/backlog.rs`) uses those of loom instead, which try every order.

pub(super) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
