//! The libuv of the host process: the few functions for descriptors, a timer, the end of a pass of the loop and a bell for other threads, found at
//! run time. Node promises a stable ABI within a major version; the shim uses this only with Node's own libuv 1. Knows no socket.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::mem::transmute;
use std::ptr;
use std::rc::Rc;
use std::sync::OnceLock;

use heartwire::binding::os::{RawDescriptor, find_symbol};
use napi::sys;

use crate::js::Js;

/// A `uv_handle_t`, allocated by us and freed in its close callback.
pub(crate) type Handle = *mut c_void;
pub(crate) type OnPoll = unsafe extern "C" fn(Handle, c_int, c_int);
/// The callback of a timer, of the end of a pass, and of a bell.
pub(crate) type OnEvent = unsafe extern "C" fn(Handle);

/// libuv's numbers for the kinds of handles.
#[derive(Clone, Copy)]
#[repr(i32)]
enum Kind {
    Async = 1,
    Poll = 8,
    Prepare = 9,
    Timer = 13,
}

pub(crate) const READABLE: c_int = 1;
pub(crate) const WRITABLE: c_int = 2;

macro_rules! functions {
    ($($name:ident = $symbol:literal: ($($argument:ty),*) $(-> $result:ty)?;)*) => {
        struct Functions {
            $($name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Functions {
            fn find() -> Option<Self> {
                Some(Self {
                    // SAFETY: the signatures are those of libuv 1 for these names, which the shim has made sure that the host is.
                    $($name: unsafe { transmute::<*mut c_void, unsafe extern "C" fn($($argument),*) $(-> $result)?>(find_symbol($symbol)?) },)*
                })
            }
        }
    };
}

functions! {
    handle_size = c"uv_handle_size": (c_int) -> usize;
    set_data = c"uv_handle_set_data": (Handle, *mut c_void);
    get_data = c"uv_handle_get_data": (Handle) -> *mut c_void;
    add_ref = c"uv_ref": (Handle);
    unref = c"uv_unref": (Handle);
    close = c"uv_close": (Handle, OnEvent);
    poll_init = c"uv_poll_init_socket": (*mut c_void, Handle, RawDescriptor) -> c_int;
    poll_start = c"uv_poll_start": (Handle, c_int, OnPoll) -> c_int;
    poll_stop = c"uv_poll_stop": (Handle) -> c_int;
    timer_init = c"uv_timer_init": (*mut c_void, Handle) -> c_int;
    timer_start = c"uv_timer_start": (Handle, OnEvent, u64, u64) -> c_int;
    prepare_init = c"uv_prepare_init": (*mut c_void, Handle) -> c_int;
    prepare_start = c"uv_prepare_start": (Handle, OnEvent) -> c_int;
    prepare_stop = c"uv_prepare_stop": (Handle) -> c_int;
    async_init = c"uv_async_init": (*mut c_void, Handle, OnEvent) -> c_int;
    async_send = c"uv_async_send": (Handle) -> c_int;
}

fn functions() -> Option<&'static Functions> {
    static FOUND: OnceLock<Option<Functions>> = OnceLock::new();
    FOUND.get_or_init(Functions::find).as_ref()
}

/// An environment's loop. Its handles must be closed, and libuv must have reported it, before the environment may go.
#[derive(Clone)]
pub(crate) struct Loop {
    uv: *mut c_void,
    functions: &'static Functions,
    closing: Rc<Closing>,
}

/// The target of a handle's `data`.
struct Bound<T> {
    data: T,
    closing: Rc<Closing>,
}

impl Loop {
    /// The loop of the environment, if the host's libuv can be used.
    pub(crate) fn of(js: Js) -> Option<Self> {
        let functions = functions()?;
        let mut uv = ptr::null_mut();
        // SAFETY: the environment is that of the present callback.
        let status = unsafe { sys::napi_get_uv_event_loop(js.0, &raw mut uv) };
        (status == sys::Status::napi_ok && !uv.is_null()).then(|| Self { uv: uv.cast(), functions, closing: Rc::default() })
    }

    /// A watch of a descriptor.
    pub(crate) fn poll<T: Copy>(&self, descriptor: RawDescriptor, data: T) -> Option<Watch<T>> {
        // SAFETY: `open` gives fresh memory of the right size, on the thread of the loop; so also below.
        self.open(Kind::Poll, data, |handle| unsafe { (self.functions.poll_init)(self.uv, handle, descriptor) })
    }

    pub(crate) fn timer<T: Copy>(&self, data: T) -> Option<Watch<T>> {
        // SAFETY: as above.
        self.open(Kind::Timer, data, |handle| unsafe { (self.functions.timer_init)(self.uv, handle) })
    }

    /// The callback before the loop waits for descriptors.
    pub(crate) fn prepare<T: Copy>(&self, data: T) -> Option<Watch<T>> {
        // SAFETY: as above.
        self.open(Kind::Prepare, data, |handle| unsafe { (self.functions.prepare_init)(self.uv, handle) })
    }

    /// The handle by which other threads wake the loop.
    pub(crate) fn bell<T: Copy>(&self, data: T, callback: OnEvent) -> Option<Watch<T>> {
        // SAFETY: as above.
        self.open(Kind::Async, data, |handle| unsafe { (self.functions.async_init)(self.uv, handle, callback) })
    }

    /// A handle that holds `data`; it does not keep the process alive.
    fn open<T: Copy>(&self, kind: Kind, data: T, init: impl FnOnce(Handle) -> c_int) -> Option<Watch<T>> {
        // SAFETY: libuv gives the size of its handle; calloc aligns for every type.
        let handle = unsafe { libc::calloc(1, (self.functions.handle_size)(kind as c_int)) };
        if handle.is_null() || init(handle) != 0 {
            // SAFETY: allocated above, and libuv did not take it.
            unsafe { libc::free(handle) };
            return None;
        }
        let bound = Box::into_raw(Box::new(Bound { data, closing: Rc::clone(&self.closing) }));
        self.closing.open.set(self.closing.open.get() + 1);
        // SAFETY: the handle is initialised; `on_close` frees the bound data.
        unsafe {
            (self.functions.set_data)(handle, bound.cast());
            (self.functions.unref)(handle);
        }
        Some(Watch { handle, functions: self.functions, data: PhantomData })
    }

    /// The environment goes when all handles are closed: `hook` is removed then.
    pub(crate) fn wait_for_closing(&self, hook: sys::napi_async_cleanup_hook_handle) {
        self.closing.hook.set(hook);
        self.closing.let_go();
    }
}

/// An open handle; closed when dropped.
pub(crate) struct Watch<T: Copy> {
    handle: Handle,
    functions: &'static Functions,
    data: PhantomData<T>,
}

impl<T: Copy> Watch<T> {
    /// Watches a descriptor for these events and no others; 0 for none.
    pub(crate) fn watch(&self, events: c_int, callback: OnPoll) {
        // SAFETY: a poll handle that is not closed, on the thread of its loop; so also below, for each its kind.
        unsafe {
            if events == 0 {
                (self.functions.poll_stop)(self.handle)
            } else {
                (self.functions.poll_start)(self.handle, events, callback)
            };
        }
    }

    /// Makes a timer fire once after so many milliseconds.
    pub(crate) fn start_timer(&self, milliseconds: u64, callback: OnEvent) {
        // SAFETY: as above.
        unsafe { (self.functions.timer_start)(self.handle, callback, milliseconds, 0) };
    }

    pub(crate) fn start_prepare(&self, callback: OnEvent) {
        // SAFETY: as above.
        unsafe { (self.functions.prepare_start)(self.handle, callback) };
    }

    pub(crate) fn stop_prepare(&self) {
        // SAFETY: as above.
        unsafe { (self.functions.prepare_stop)(self.handle) };
    }

    /// Whether it keeps the process alive.
    pub(crate) fn hold(&self, held: bool) {
        // SAFETY: an open handle, on the thread of its loop.
        unsafe { if held { (self.functions.add_ref)(self.handle) } else { (self.functions.unref)(self.handle) } };
    }

    /// A ringer for a bell.
    pub(crate) fn ringer(&self) -> Ringer {
        Ringer { handle: self.handle, functions: self.functions }
    }

    /// The data with which `handle` was made.
    ///
    /// # Safety
    /// Only in a callback of a handle that was made with a `T`.
    pub(crate) unsafe fn data(handle: Handle) -> Option<T> {
        let functions = functions()?;
        // SAFETY: `open` set it, and it lives until `on_close`, after which no callback runs.
        Some(unsafe { (*(functions.get_data)(handle).cast::<Bound<T>>()).data })
    }
}

impl<T: Copy> Drop for Watch<T> {
    fn drop(&mut self) {
        // SAFETY: open until now; libuv watches no part of it when this returns, and calls `on_close` in a later turn.
        unsafe { (self.functions.close)(self.handle, on_close::<T>) };
    }
}

/// Rings a bell from any thread. Drop it before the bell.
#[derive(Clone, Copy)]
pub(crate) struct Ringer {
    handle: Handle,
    functions: &'static Functions,
}

// SAFETY: its only call, `uv_async_send`, is allowed from any thread.
unsafe impl Send for Ringer {}

impl Ringer {
    pub(crate) fn ring(self) {
        // SAFETY: the bell is open, as its owner promises.
        unsafe { (self.functions.async_send)(self.handle) };
    }
}

unsafe extern "C" fn on_close<T: Copy>(handle: Handle) {
    let Some(functions) = functions() else { return };
    // SAFETY: `open` set it, and this is the last callback of the handle, whose memory is ours.
    let bound = unsafe {
        let bound = Box::from_raw((functions.get_data)(handle).cast::<Bound<T>>());
        libc::free(handle);
        bound
    };
    bound.closing.open.set(bound.closing.open.get() - 1);
    bound.closing.let_go();
}

/// How many handles are still open, and the hook that waits for them.
struct Closing {
    open: Cell<usize>,
    hook: Cell<sys::napi_async_cleanup_hook_handle>,
}

impl Default for Closing {
    fn default() -> Self {
        Self { open: Cell::new(0), hook: Cell::new(ptr::null_mut()) }
    }
}

impl Closing {
    fn let_go(&self) {
        let hook = self.hook.get();
        if self.open.get() == 0 && !hook.is_null() {
            self.hook.set(ptr::null_mut());
            // SAFETY: the hook's own handle, removed once.
            unsafe { sys::napi_remove_async_cleanup_hook(hook) };
        }
    }
}
