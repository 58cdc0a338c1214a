//! The Node face of Heartwire: the addon. It converts values, holds each environment's sockets, and carries batches to JavaScript; the
//! standard's `WebSocket` is made of it in `lib/`. It uses the core's connections, options, events and errors, nothing deeper.

#![cfg_attr(test, allow(dead_code, reason = "napi-derive registers nothing in a test build"))]

mod alarms;
mod delivery;
mod door;
mod environment;
mod exports;
mod frames;
mod goodbye;
mod host;
mod instance;
mod js;
mod parts;
mod place;
#[cfg_attr(windows, path = "signals_windows.rs")]
mod signals;
mod socket;
mod stats;
mod testing;
mod turn;
mod uv;
mod values;
mod warnings;
mod work;

use napi::bindgen_prelude::Object;
use napi::{Env, JsValue as _, Status};
use napi_derive::napi;

use js::Js;

/// Called by the host once for each environment: the main thread and each worker.
#[napi(module_exports)]
fn install(exports: Object<'_>, env: Env) -> napi::Result<()> {
    instance::install(Js(env.raw()), exports.raw())
        .map_err(|_| napi::Error::new(Status::GenericFailure, "heartwire's addon could not be set up"))
}
