//! A value that a process keeps for all its connections, and that a forked child must make again: another thread of its parent may have held the
//! lock, and never releases it in the child. Knows nothing of the value.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A value behind a lock, separate in each process.
pub struct PerProcess<T: 'static>(AtomicPtr<OfProcess<T>>);

struct OfProcess<T> {
    generation: u32,
    value: Mutex<T>,
}

impl<T: Default> Default for PerProcess<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Default> PerProcess<T> {
    /// Without a value.
    pub const fn new() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    /// This process's value.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.of_process().value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of_process(&self) -> &OfProcess<T> {
        let known = self.0.load(Ordering::Acquire);
        // SAFETY: a pointer in here comes from Box::into_raw below and is never freed.
        if let Some(of_process) = unsafe { known.as_ref() }
            && of_process.generation == super::generation()
        {
            return of_process;
        }
        let made = Box::into_raw(Box::new(OfProcess { generation: super::generation(), value: Mutex::default() }));
        match self.0.compare_exchange(known, made, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: `made` is in use from now on and never freed.
            Ok(_) => unsafe { &*made },
            Err(other) => {
                // SAFETY: nobody else has seen `made`.
                drop(unsafe { Box::from_raw(made) });
                // SAFETY: another thread of this process came first; its value is never freed.
                unsafe { &*other }
            }
        }
    }
}
