//! The addon in one environment of the host (the main thread, or a worker): the copies of the JavaScript that are evaluated over it, and its end, which is
//! theirs.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::rc::{Rc, Weak};

use napi::sys;

use crate::environment::Environment;
use crate::exports;
use crate::goodbye;
use crate::js::{Js, Result, Value};
use crate::uv::Loop;
use crate::warnings;

pub(crate) struct Instance {
    js: Js,
    copies: RefCell<Vec<Weak<RefCell<Environment>>>>,
    /// The environment's loop, after the first request of a copy.
    uv: RefCell<Option<Loop>>,
    /// The place in which it runs, once the end of the process is watched.
    pub(crate) place: Cell<Option<goodbye::Place>>,
    /// The signals that the program listens to by other means than `process`, as bits.
    pub(crate) listened_elsewhere: Cell<u32>,
}

/// Makes the addon's state and puts `copy` on `exports`.
pub(crate) fn install(js: Js, exports: Value) -> Result<()> {
    warnings::install();
    let instance = Rc::new(Instance {
        js,
        copies: RefCell::default(),
        uv: RefCell::default(),
        place: Cell::default(),
        listened_elsewhere: Cell::default(),
    });
    let data = Rc::into_raw(instance).cast_mut().cast::<c_void>();
    // SAFETY: the environment is live; the state is freed by `free`, which the host calls once, after the hook, at the environment's end.
    unsafe {
        sys::napi_set_instance_data(js.0, data, Some(free), ptr::null_mut());
        sys::napi_add_env_cleanup_hook(js.0, Some(on_end), data);
    }
    js.set(exports, c"copy", js.function(c"copy", Some(copy), data)?)
}

/// `copy()`: the functions for one evaluation of the JavaScript, with a state of their own; and the host's own `process`.
unsafe extern "C" fn copy(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    exports::run(env, info, |js, arguments| {
        let instance = of(arguments.data);
        let state = Rc::new(RefCell::new(Environment::new(js, Rc::clone(&instance))));
        let mut copies = instance.copies.borrow_mut();
        copies.retain(|copy| copy.strong_count() > 0);
        copies.push(Rc::downgrade(&state));
        drop(copies);
        let functions = exports::functions(js, &state)?;
        js.set(functions, c"process", js.process()?)?;
        Ok(functions)
    })
}

/// The data bound to `copy`, to the hooks and to the listeners of the process.
pub(crate) fn of(data: *mut c_void) -> Rc<Instance> {
    // SAFETY: made by `Rc::into_raw` in `install`; it lives until the environment's end, and the host calls only on its thread.
    unsafe {
        Rc::increment_strong_count(data.cast::<Instance>());
        Rc::from_raw(data.cast::<Instance>())
    }
}

impl Instance {
    /// All live copies.
    pub(crate) fn each(&self, mut act: impl FnMut(&mut Environment)) {
        let copies: Vec<_> = self.copies.borrow().iter().filter_map(Weak::upgrade).collect();
        for copy in copies {
            act(&mut copy.borrow_mut());
        }
    }

    /// The environment's loop, if the host's libuv can be used. The environment then ends only when libuv has closed all handles.
    pub(crate) fn event_loop(self: &Rc<Self>) -> Option<Loop> {
        let mut uv = self.uv.borrow_mut();
        if uv.is_none() {
            *uv = Some(Loop::of(self.js)?);
            // SAFETY: the environment is that of the present callback; the state outlives the hook.
            unsafe { sys::napi_add_async_cleanup_hook(self.js.0, Some(on_last), Rc::as_ptr(self).cast_mut().cast(), ptr::null_mut()) };
        }
        uv.clone()
    }
}

unsafe extern "C" fn on_end(data: *mut c_void) {
    of(data).each(Environment::end);
}

unsafe extern "C" fn on_last(hook: sys::napi_async_cleanup_hook_handle, data: *mut c_void) {
    let instance = of(data);
    instance.each(Environment::end);
    let uv = instance.uv.borrow();
    if let Some(uv) = &*uv {
        uv.wait_for_closing(hook);
    }
}

unsafe extern "C" fn free(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    // SAFETY: made by `Rc::into_raw` in `install`; the host calls this once.
    drop(unsafe { Rc::from_raw(data.cast::<Instance>()) });
}
