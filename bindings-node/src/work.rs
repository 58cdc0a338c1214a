//! Blocking work, on a thread of the host's pool, with a promise for its outcome. Knows nothing of the work itself.

use std::ffi::c_void;
use std::ptr;

use napi::sys;

use crate::js::{Failed, Js, Result, Value};

struct Work {
    run: Option<Box<dyn FnOnce() -> String + Send>>,
    outcome: String,
    deferred: sys::napi_deferred,
    handle: sys::napi_async_work,
}

/// A promise for the text that `run` gives.
pub(crate) fn promise(js: Js, run: impl FnOnce() -> String + Send + 'static) -> Result<Value> {
    let name = js.text("heartwire")?;
    let mut promise = ptr::null_mut();
    let work = Box::new(Work { run: Some(Box::new(run)), outcome: String::new(), deferred: ptr::null_mut(), handle: ptr::null_mut() });
    let work = Box::into_raw(work);
    // SAFETY: the environment is that of the present callback; `work` lives until `complete`, which the host calls once for queued work.
    unsafe {
        let status = sys::napi_create_promise(js.0, &raw mut (*work).deferred, &raw mut promise);
        if status != sys::Status::napi_ok {
            drop(Box::from_raw(work));
            return Err(Failed::from_status(status));
        }
        sys::napi_create_async_work(js.0, ptr::null_mut(), name, Some(execute), Some(complete), work.cast(), &raw mut (*work).handle);
        let status = sys::napi_queue_async_work(js.0, (*work).handle);
        if status != sys::Status::napi_ok {
            return Err(Failed::from_status(status));
        }
    }
    Ok(promise)
}

unsafe extern "C" fn execute(_: sys::napi_env, work: *mut c_void) {
    // SAFETY: made in `promise`, and no other code uses it while it runs.
    let work = unsafe { &mut *work.cast::<Work>() };
    if let Some(run) = work.run.take() {
        work.outcome = run();
    }
}

unsafe extern "C" fn complete(env: sys::napi_env, _: sys::napi_status, work: *mut c_void) {
    // SAFETY: made by `Box::into_raw` in `promise`; the host calls this once, on the environment's thread, after `execute`.
    let work = unsafe { Box::from_raw(work.cast::<Work>()) };
    let js = Js(env);
    if let Ok(outcome) = js.text(&work.outcome) {
        // SAFETY: the deferred is unsettled, and this is the only place that settles it.
        unsafe { sys::napi_resolve_deferred(env, work.deferred, outcome) };
    }
    // SAFETY: made in `promise`, and complete.
    unsafe { sys::napi_delete_async_work(env, work.handle) };
}
