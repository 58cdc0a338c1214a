//! libuv as the host process has it: the few functions that a descriptor and a timer need, found at run time. Node promises a stable ABI within
//! a major version; the shim asks for this only where it is Node's own libuv 1. Knows no socket.

use std::ffi::{CStr, c_int, c_void};
use std::mem::transmute;
use std::ptr;
use std::sync::OnceLock;

use napi::sys;

use crate::js::Js;

/// A `uv_handle_t`, allocated by us and freed in its close callback.
pub(crate) type Handle = *mut c_void;
pub(crate) type OnPoll = unsafe extern "C" fn(Handle, c_int, c_int);
pub(crate) type OnTimer = unsafe extern "C" fn(Handle);
type OnClose = unsafe extern "C" fn(Handle);

const POLL: c_int = 8;
const TIMER: c_int = 13;
pub(crate) const READABLE: c_int = 1;
pub(crate) const WRITABLE: c_int = 2;

struct Functions {
    handle_size: unsafe extern "C" fn(c_int) -> usize,
    set_data: unsafe extern "C" fn(Handle, *mut c_void),
    get_data: unsafe extern "C" fn(Handle) -> *mut c_void,
    unref: unsafe extern "C" fn(Handle),
    close: unsafe extern "C" fn(Handle, OnClose),
    poll_init: unsafe extern "C" fn(*mut c_void, Handle, c_int) -> c_int,
    poll_start: unsafe extern "C" fn(Handle, c_int, OnPoll) -> c_int,
    poll_stop: unsafe extern "C" fn(Handle) -> c_int,
    timer_init: unsafe extern "C" fn(*mut c_void, Handle) -> c_int,
    timer_start: unsafe extern "C" fn(Handle, OnTimer, u64, u64) -> c_int,
}

fn find(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: the name is a C string; looking it up among the process's symbols has no other effect.
    let symbol = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!symbol.is_null()).then_some(symbol)
}

fn functions() -> Option<&'static Functions> {
    static FOUND: OnceLock<Option<Functions>> = OnceLock::new();
    FOUND
        .get_or_init(|| {
            // SAFETY: the signatures are those of libuv 1 for these names, which the shim has made sure that the host is.
            unsafe {
                Some(Functions {
                    handle_size: transmute::<*mut c_void, unsafe extern "C" fn(c_int) -> usize>(find(c"uv_handle_size")?),
                    set_data: transmute::<*mut c_void, unsafe extern "C" fn(Handle, *mut c_void)>(find(c"uv_handle_set_data")?),
                    get_data: transmute::<*mut c_void, unsafe extern "C" fn(Handle) -> *mut c_void>(find(c"uv_handle_get_data")?),
                    unref: transmute::<*mut c_void, unsafe extern "C" fn(Handle)>(find(c"uv_unref")?),
                    close: transmute::<*mut c_void, unsafe extern "C" fn(Handle, OnClose)>(find(c"uv_close")?),
                    poll_init: transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void, Handle, c_int) -> c_int>(find(c"uv_poll_init")?),
                    poll_start: transmute::<*mut c_void, unsafe extern "C" fn(Handle, c_int, OnPoll) -> c_int>(find(c"uv_poll_start")?),
                    poll_stop: transmute::<*mut c_void, unsafe extern "C" fn(Handle) -> c_int>(find(c"uv_poll_stop")?),
                    timer_init: transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void, Handle) -> c_int>(find(c"uv_timer_init")?),
                    timer_start: transmute::<*mut c_void, unsafe extern "C" fn(Handle, OnTimer, u64, u64) -> c_int>(find(
                        c"uv_timer_start",
                    )?),
                })
            }
        })
        .as_ref()
}

/// An environment's loop. Its handles must be closed, and their closing told, before the environment may go.
#[derive(Clone, Copy)]
pub(crate) struct Loop {
    uv: *mut c_void,
    functions: &'static Functions,
}

/// What a handle's `data` points to.
struct Bound<T> {
    data: T,
    closed: Box<dyn FnOnce()>,
}

impl Loop {
    /// The loop of the environment, if the host's libuv can be used.
    pub(crate) fn of(js: Js) -> Option<Self> {
        let functions = functions()?;
        let mut uv = ptr::null_mut();
        // SAFETY: the environment is that of the callback under way.
        let status = unsafe { sys::napi_get_uv_event_loop(js.0, &raw mut uv) };
        (status == sys::Status::napi_ok && !uv.is_null()).then_some(Self { uv: uv.cast(), functions })
    }

    fn allocate(self, kind: c_int) -> Handle {
        // SAFETY: libuv says how large its handle is; calloc aligns for every type.
        unsafe { libc::calloc(1, (self.functions.handle_size)(kind)) }
    }

    /// A watch of a descriptor that holds `data`; it does not keep the process alive. `closed` is called when it is gone.
    pub(crate) fn poll<T>(self, descriptor: c_int, data: T, closed: Box<dyn FnOnce()>) -> Option<Watch<T>> {
        let handle = self.allocate(POLL);
        // SAFETY: fresh memory of the right size, on the thread of the loop.
        if handle.is_null() || unsafe { (self.functions.poll_init)(self.uv, handle, descriptor) } != 0 {
            // SAFETY: allocated above, and libuv did not take it.
            unsafe { libc::free(handle) };
            return None;
        }
        Some(self.bind(handle, data, closed))
    }

    /// A timer that holds `data`; it does not keep the process alive. `closed` is called when it is gone.
    pub(crate) fn timer<T>(self, data: T, closed: Box<dyn FnOnce()>) -> Option<Watch<T>> {
        let handle = self.allocate(TIMER);
        // SAFETY: as above.
        if handle.is_null() || unsafe { (self.functions.timer_init)(self.uv, handle) } != 0 {
            // SAFETY: as above.
            unsafe { libc::free(handle) };
            return None;
        }
        Some(self.bind(handle, data, closed))
    }

    fn bind<T>(self, handle: Handle, data: T, closed: Box<dyn FnOnce()>) -> Watch<T> {
        let bound = Box::into_raw(Box::new(Bound { data, closed }));
        // SAFETY: the handle is initialised; `on_close` frees what is bound.
        unsafe {
            (self.functions.set_data)(handle, bound.cast());
            (self.functions.unref)(handle);
        }
        Watch { handle, functions: self.functions, bound }
    }
}

/// An open handle; closed when dropped.
pub(crate) struct Watch<T> {
    handle: Handle,
    functions: &'static Functions,
    bound: *mut Bound<T>,
}

impl<T> Watch<T> {
    /// Watches for these events and no others; 0 for none.
    pub(crate) fn watch(&self, events: c_int, callback: OnPoll) {
        // SAFETY: a poll handle that is not closed, on the thread of its loop.
        unsafe {
            if events == 0 {
                (self.functions.poll_stop)(self.handle)
            } else {
                (self.functions.poll_start)(self.handle, events, callback)
            };
        }
    }

    /// Fires once in so many milliseconds.
    pub(crate) fn start(&self, milliseconds: u64, callback: OnTimer) {
        // SAFETY: a timer handle that is not closed, on the thread of its loop.
        unsafe { (self.functions.timer_start)(self.handle, callback, milliseconds, 0) };
    }

    /// What `handle` was made with.
    ///
    /// # Safety
    /// Only in a callback of a handle that was made with a `T`.
    pub(crate) unsafe fn data(handle: Handle) -> Option<T>
    where
        T: Clone,
    {
        let functions = functions()?;
        // SAFETY: `bind` set it, and it lives until `on_close`, after which no callback comes.
        Some(unsafe { (*(functions.get_data)(handle).cast::<Bound<T>>()).data.clone() })
    }
}

impl<T> Drop for Watch<T> {
    fn drop(&mut self) {
        debug_assert!(!self.bound.is_null());
        // SAFETY: open until now; libuv watches nothing of it any more when this returns, and calls `on_close` in a later turn.
        unsafe { (self.functions.close)(self.handle, on_close::<T>) };
    }
}

unsafe extern "C" fn on_close<T>(handle: Handle) {
    let Some(functions) = functions() else { return };
    // SAFETY: set in `bind`, and this is the last callback of the handle, whose memory is ours.
    let bound = unsafe {
        let bound = Box::from_raw((functions.get_data)(handle).cast::<Bound<T>>());
        libc::free(handle);
        bound
    };
    (bound.closed)();
}
