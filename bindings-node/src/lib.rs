//! The Node face of Heartwire: the addon. It converts values, holds each environment's sockets, and carries batches to JavaScript; the
//! standard's `WebSocket` is made of it in `lib/`. It uses the core's connections, options, events and errors, nothing deeper.

mod delivery;
mod door;
mod environment;
mod goodbye;
mod host;
mod js;
mod place;
mod socket;
mod testing;
mod uv;
mod values;
mod work;

use napi_sys as sys;

use js::Js;

/// The version of Node-API that the addon asks for: Node 18 and later have it.
#[unsafe(no_mangle)]
pub extern "C" fn node_api_module_get_api_version_v1() -> i32 {
    8
}

/// Called by the host once for each environment: the main thread and each worker.
///
/// # Safety
/// Only a Node-API host may call it, with a live environment and the addon's exports.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn napi_register_module_v1(env: sys::napi_env, exports: sys::napi_value) -> sys::napi_value {
    let js = Js(env);
    if let Err(failed) = environment::install(js, exports) {
        js.throw(failed, "heartwire's addon could not be set up");
    }
    exports
}
