//! Wakes an environment from any thread, once for all its sockets: a bell of its loop, or a threadsafe function, used once for each change from no
//! ready socket to some. Knows handles, no sockets.

use std::ffi::c_void;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::sys;

use crate::js::{Failed, Js, Kept, Result, Value};
use crate::uv::Ringer;

/// How many handles one call of the drain takes.
const PER_CALL: usize = 256;

pub(crate) struct Door(Mutex<State>);

struct State {
    bell: Bell,
    /// The ready sockets, in order.
    ready: Vec<u32>,
}

#[derive(Clone, Copy)]
enum Bell {
    Loop(Ringer),
    Function(Function),
    /// The environment ends.
    None,
}

#[derive(Clone, Copy)]
struct Function(sys::napi_threadsafe_function);

// SAFETY: Node-API made it for exactly this: it may be called from any thread until it is closed, and `State` forgets it before that.
unsafe impl Send for Function {}

/// The context of the threadsafe function. It lives as long as the function.
struct Context {
    door: Arc<Door>,
    drain: Kept,
}

impl Door {
    /// Makes a door that rings a bell of the loop. Close it before the bell.
    pub(crate) fn with_bell(ringer: Ringer) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { bell: Bell::Loop(ringer), ready: Vec::new() })))
    }

    /// Makes a door that calls `drain(handle, ...)`. It does not keep the process alive by itself.
    pub(crate) fn with_function(js: Js, drain: Value) -> Result<Arc<Self>> {
        let door = Arc::new(Self(Mutex::new(State { bell: Bell::None, ready: Vec::new() })));
        let context = Box::new(Context { door: Arc::clone(&door), drain: js.keep(drain)? });
        let name = js.text("heartwire")?;
        let mut function = ptr::null_mut();
        // SAFETY: the environment is that of the present callback; `context` is freed by `forget`, which the host calls once at the end.
        let status = unsafe {
            let context = Box::into_raw(context).cast::<c_void>();
            sys::napi_create_threadsafe_function(
                js.0,
                ptr::null_mut(),
                ptr::null_mut(),
                name,
                0,
                1,
                ptr::null_mut(),
                Some(forget),
                context,
                Some(on_call),
                &raw mut function,
            )
        };
        if status != sys::Status::napi_ok {
            return Err(Failed::from_status(status));
        }
        // SAFETY: as above; the function was just made.
        unsafe { sys::napi_unref_threadsafe_function(js.0, function) };
        door.state().bell = Bell::Function(Function(function));
        Ok(door)
    }

    /// Reports that a socket has events. From any thread.
    pub(crate) fn knock(&self, handle: u32) {
        let mut state = self.state();
        state.ready.push(handle);
        if state.ready.len() == 1 {
            match state.bell {
                Bell::Loop(ringer) => ringer.ring(),
                Bell::Function(function) => {
                    // SAFETY: the function is open while `state` has it, and we hold the lock; the call only posts.
                    unsafe {
                        sys::napi_call_threadsafe_function(function.0, ptr::null_mut(), sys::ThreadsafeFunctionCallMode::nonblocking)
                    };
                }
                Bell::None => state.ready.clear(),
            }
        }
    }

    /// Takes the sockets that have events, in order.
    pub(crate) fn take_ready(&self) -> Vec<u32> {
        std::mem::take(&mut self.state().ready)
    }

    /// Whether the threadsafe function keeps the process alive.
    pub(crate) fn hold(&self, js: Js, held: bool) {
        if let Bell::Function(function) = self.state().bell {
            // SAFETY: called on the environment's thread, with its open function.
            unsafe {
                if held {
                    sys::napi_ref_threadsafe_function(js.0, function.0)
                } else {
                    sys::napi_unref_threadsafe_function(js.0, function.0)
                }
            };
        }
    }

    /// The environment ends: no function is called any more.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.bell = Bell::None;
        state.ready = Vec::new();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// On the environment's thread: hands the ready sockets to the drain. An exception of the user's handler goes to the host as an uncaught one, and the
/// drain then continues.
unsafe extern "C" fn on_call(env: sys::napi_env, _: Value, context: *mut c_void, _: *mut c_void) {
    if env.is_null() {
        return;
    }
    // SAFETY: the host gives the context of `with_function`, which lives until `forget`.
    let context = unsafe { &*context.cast::<Context>() };
    let js = Js(env);
    for handles in context.door.take_ready().chunks(PER_CALL) {
        let Ok(drain) = js.kept(context.drain) else { return };
        let Ok(handles) = handles.iter().map(|handle| js.integer(*handle)).collect::<Result<Vec<_>>>() else { return };
        let mut outcome = js.call(drain, &handles);
        while outcome.is_err() {
            if !js.report_pending() {
                return;
            }
            outcome = js.call(drain, &[]);
        }
    }
}

unsafe extern "C" fn forget(_: sys::napi_env, _: *mut c_void, context: *mut c_void) {
    // SAFETY: made by `Box::into_raw` in `with_function`; the host calls this once, after the last call.
    let context = unsafe { Box::from_raw(context.cast::<Context>()) };
    // The function ends now, perhaps before the environment's own end is reported.
    context.door.close();
}
