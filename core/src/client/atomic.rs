//! The atomics of the backlog. In its test (`core/tests/backlog.rs`) those of loom stand here, which takes them through every order.

pub(super) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
