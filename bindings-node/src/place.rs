//! Where a hosted socket lives: its environment and its handle there, for callbacks of libuv, and the closing of libuv's handles, which the end
//! of an environment has to wait for.

use std::cell::Cell;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;

use napi::sys;

use crate::door::Door;
use crate::environment::Environment;
use crate::js::Js;

/// A socket's place, on its environment's thread.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) js: Js,
    pub(crate) environment: *mut Environment,
    pub(crate) door: Arc<Door>,
    pub(crate) handle: u32,
    pub(crate) closing: Rc<Closing>,
}

impl Place {
    /// Has the socket served after the loop's other work.
    pub(crate) fn knock(&self) {
        self.door.knock(self.handle);
    }

    /// Counts a handle of libuv that will have to close, and gives what to call when it has.
    pub(crate) fn closing(&self) -> Box<dyn FnOnce()> {
        let closing = Rc::clone(&self.closing);
        closing.open.set(closing.open.get() + 1);
        Box::new(move || closing.one_closed())
    }

    /// Takes a turn of the socket, outside of all JavaScript, and delivers what it brought.
    pub(crate) fn take_turn(&self, alarm: bool) {
        // SAFETY: libuv calls on the environment's thread, and no callback comes once the socket's handles are closed, which the
        // environment's end begins with. No other function of ours is under way then.
        let environment = unsafe { &mut *self.environment };
        let Some(socket) = environment.socket(self.handle) else { return };
        if alarm && let Some(host) = &mut socket.host {
            host.alarm_passed();
        }
        // In the middle of a batch JavaScript comes back by itself, and the next turn with it.
        if socket.in_batch || !socket.next_batch() {
            return;
        }
        if let Some(drain) = environment.link.as_ref().map(|link| link.drain) {
            self.js.enter(drain, self.handle);
        }
    }
}

/// How many handles of libuv are still open, and who waits for them.
pub(crate) struct Closing {
    open: Cell<usize>,
    hook: Cell<sys::napi_async_cleanup_hook_handle>,
}

impl Default for Closing {
    fn default() -> Self {
        Self { open: Cell::new(0), hook: Cell::new(ptr::null_mut()) }
    }
}

impl Closing {
    fn one_closed(&self) {
        self.open.set(self.open.get() - 1);
        self.let_go();
    }

    /// The environment waits: `hook` is removed when all are closed.
    pub(crate) fn wait(&self, hook: sys::napi_async_cleanup_hook_handle) {
        self.hook.set(hook);
        self.let_go();
    }

    fn let_go(&self) {
        let hook = self.hook.get();
        if self.open.get() == 0 && !hook.is_null() {
            self.hook.set(ptr::null_mut());
            // SAFETY: the hook's own handle, removed once.
            unsafe { sys::napi_remove_async_cleanup_hook(hook) };
        }
    }
}
