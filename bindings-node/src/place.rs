//! The place of a socket: its copy of the JavaScript and its handle there, for callbacks of libuv.

use std::cell::RefCell;
use std::rc::Rc;

use crate::environment::Environment;
use crate::js::Arguments;

/// The state of a copy of the JavaScript, on its thread. Borrowed only while no JavaScript runs.
#[derive(Clone, Copy)]
pub(crate) struct Home(*const RefCell<Environment>);

impl Home {
    /// The data bound to the function that was called.
    pub(crate) fn of(arguments: &Arguments) -> Self {
        Self(arguments.data.cast())
    }

    /// Keeps the state alive, even if its owner is collected meanwhile.
    pub(crate) fn keep(self) -> Rc<RefCell<Environment>> {
        // SAFETY: the pointer comes from `Rc::into_raw`, and the state is alive now: a running function keeps it, and a handle whose callback runs
        // belongs to it.
        unsafe {
            Rc::increment_strong_count(self.0);
            Rc::from_raw(self.0)
        }
    }

    pub(crate) fn with<T>(self, act: impl FnOnce(&mut Environment) -> T) -> T {
        // SAFETY: as above; used on the environment's thread only, in callbacks of the host.
        act(&mut unsafe { &*self.0 }.borrow_mut())
    }
}

/// A socket's place, on its environment's thread.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) home: Home,
    pub(crate) handle: u32,
}
