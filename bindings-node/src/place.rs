//! Where a socket lives: its environment and its handle there, for callbacks of libuv.

use std::cell::RefCell;

use crate::environment::Environment;

/// The state of an environment, on its thread. Borrowed only while no JavaScript runs.
#[derive(Clone, Copy)]
pub(crate) struct Home(*const RefCell<Environment>);

impl Home {
    /// # Safety
    /// `state` must live until the environment's end, and this must be used on its thread only, in callbacks of the host.
    pub(crate) unsafe fn new(state: *const RefCell<Environment>) -> Self {
        Self(state)
    }

    pub(crate) fn with<T>(self, act: impl FnOnce(&mut Environment) -> T) -> T {
        // SAFETY: as `new` demands.
        act(&mut unsafe { &*self.0 }.borrow_mut())
    }
}

/// A socket's place, on its environment's thread.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) home: Home,
    pub(crate) handle: u32,
}
