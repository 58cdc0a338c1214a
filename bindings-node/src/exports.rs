//! The functions of the addon by their names in JavaScript, and the path from a C callback to one of ours. Knows no socket.

use std::cell::RefCell;
use std::ffi::{CStr, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;

use napi::sys;

use crate::environment::{self, Environment};
use crate::js::{Arguments, Failed, Js, Result, Value};
use crate::place::Home;
use crate::{delivery, frames, goodbye, parts, socket, stats, testing, warnings};

/// The functions for each copy of the JavaScript.
const FUNCTIONS: &[(&CStr, sys::napi_callback)] = &[
    exported!(c"connect", environment::connect),
    exported!(c"create", socket::create),
    exported!(c"start", socket::start),
    exported!(c"release", socket::release),
    exported!(c"hold", environment::hold),
    exported!(c"pull", entering delivery::pull),
    exported!(c"unread", delivery::unread),
    exported!(c"endTurn", environment::end_turn),
    exported!(c"report", entering delivery::report),
    exported!(c"sendText", socket::send_text),
    exported!(c"sendBinary", socket::send_binary),
    exported!(c"beginMessage", parts::begin_message),
    exported!(c"putPart", parts::put_part),
    exported!(c"endMessage", parts::end_message),
    exported!(c"abandonMessage", parts::abandon_message),
    exported!(c"ping", socket::ping),
    exported!(c"pong", socket::pong),
    exported!(c"close", socket::close),
    exported!(c"terminate", socket::terminate),
    exported!(c"setHeartbeat", socket::set_heartbeat),
    exported!(c"reconnect", socket::reconnect),
    exported!(c"shutDown", socket::shut_down),
    exported!(c"request", socket::request),
    exported!(c"cancelRequest", socket::cancel_request),
    exported!(c"throttle", socket::throttle),
    exported!(c"sendBy", socket::send_by),
    exported!(c"pause", socket::pause),
    exported!(c"answer", socket::answer),
    exported!(c"readyState", socket::ready_state),
    exported!(c"bufferedAmount", socket::buffered_amount),
    exported!(c"latency", socket::latency),
    exported!(c"url", socket::url),
    exported!(c"stats", stats::stats),
    exported!(c"watchFrames", frames::watch),
    exported!(c"takeFrames", frames::take),
    exported!(c"takeWarnings", warnings::take),
    exported!(c"testStart", testing::start),
    exported!(c"testCall", testing::call),
    exported!(c"testWait", testing::wait),
    exported!(c"watchExit", entering goodbye::watch),
    exported!(c"goodbye", entering goodbye::now),
    exported!(c"listens", entering goodbye::listens),
];

/// Makes a plain C callback of a function: reads the arguments, finds the state, turns failures and panics into exceptions. One that is `entering` may
/// call JavaScript, and borrows the state by itself.
macro_rules! exported {
    ($name:literal, entering $function:path) => {{
        unsafe extern "C" fn callback(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
            run(env, info, |js, arguments| $function(js, Home::of(arguments), arguments))
        }
        ($name, Some(callback))
    }};
    ($name:literal, $function:path) => {{
        unsafe extern "C" fn callback(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
            run(env, info, |js, arguments| Home::of(arguments).with(|environment| $function(js, environment, arguments)))
        }
        ($name, Some(callback))
    }};
}
use exported;

#[inline]
pub(crate) fn run(env: sys::napi_env, info: sys::napi_callback_info, function: impl Fn(Js, &Arguments) -> Result<Value>) -> Value {
    let js = Js(env);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let arguments = Arguments::read(js, info)?;
        function(js, &arguments)
    }));
    match outcome {
        Ok(Ok(value)) => value,
        Ok(Err(failed)) => {
            js.throw(failed, "heartwire");
            ptr::null_mut()
        }
        Err(_) => {
            js.throw(Failed::from_status(sys::Status::napi_generic_failure), "a fault in heartwire itself; please report it");
            ptr::null_mut()
        }
    }
}

/// An object with all functions, which share `state` and keep it alive.
pub(crate) fn functions(js: Js, state: &Rc<RefCell<Environment>>) -> Result<Value> {
    let object = js.object(&[])?;
    for (name, callback) in FUNCTIONS {
        let data = Rc::into_raw(Rc::clone(state)).cast_mut().cast::<c_void>();
        let function = js.function(name, *callback, data)?;
        js.when_collected(function, data, let_go)?;
        js.set(object, name, function)?;
    }
    Ok(object)
}

/// A function was collected.
unsafe extern "C" fn let_go(_: sys::napi_env, state: *mut c_void, _: *mut c_void) {
    // SAFETY: made by `Rc::into_raw` in `functions`; the host calls this once for each function.
    drop(unsafe { Rc::from_raw(state.cast::<RefCell<Environment>>()) });
}
