//! One JavaScript environment (the main thread, or a worker): its sockets by handle, its functions, its end. Nothing here is shared between
//! environments, and nothing is process-wide.

use std::ffi::{CStr, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use heartwire::driver::{Connection, times_stood_in};
use napi::sys;

use crate::door::Door;
use crate::js::{Arguments, Failed, Js, Kept, Result, Value};
use crate::place::{Closing, Place};
use crate::socket::Socket;
use crate::testing::Servers;
use crate::uv::Loop;
use crate::{delivery, goodbye, socket, testing};

/// What an environment holds. Lives until its end; every function of the addon gets it.
#[derive(Default)]
pub(crate) struct Environment {
    sockets: Vec<Option<Socket>>,
    free: Vec<u32>,
    pub(crate) link: Option<Link>,
    pub(crate) servers: Servers,
    /// The environment's loop, where sockets may live on it.
    pub(crate) uv: Option<Loop>,
    pub(crate) closing: Rc<Closing>,
    /// How often the keeper had stood in, for whatever host, when it was last looked at.
    stood_in: usize,
    /// Room for text on its way out, and for UTF-16 on its way in.
    pub(crate) utf8: Vec<u8>,
    pub(crate) wide: Vec<u16>,
}

/// What `connect` (below) gave: the way in, and the function that takes values.
pub(crate) struct Link {
    pub(crate) door: Arc<Door>,
    pub(crate) sink: Kept,
    pub(crate) drain: Kept,
}

/// A function of the addon.
pub(crate) type Function = fn(Js, &mut Environment, &Arguments) -> Result<Value>;

impl Environment {
    /// Keeps a socket; it is known by its handle from now on.
    pub(crate) fn insert(&mut self, handle: u32, socket: Socket) {
        self.sockets[handle as usize] = Some(socket);
    }

    /// A handle that is not in use.
    pub(crate) fn reserve(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.sockets.push(None);
            self.sockets.len() as u32 - 1
        })
    }

    /// Forgets a socket; its handle may be given again.
    pub(crate) fn release(&mut self, handle: u32) {
        if let Some(slot) = self.sockets.get_mut(handle as usize) {
            *slot = None;
            self.free.push(handle);
        }
    }

    pub(crate) fn socket(&mut self, handle: u32) -> Option<&mut Socket> {
        self.sockets.get_mut(handle as usize)?.as_mut()
    }

    /// The place of a socket of this environment.
    pub(crate) fn place(&self, js: Js, environment: *mut c_void, door: Arc<Door>, handle: u32) -> Place {
        Place { js, environment: environment.cast(), door, handle, closing: Rc::clone(&self.closing) }
    }

    /// How long something has waited for this environment's loop, if that was so long that the keeper stood in; told once.
    #[inline]
    pub(crate) fn stall(&mut self) -> Option<Duration> {
        let times = times_stood_in();
        if self.stood_in == times {
            return None;
        }
        self.stood_in = times;
        self.sockets.iter().flatten().filter_map(|socket| socket.connection.take_stall()).max()
    }

    /// Says goodbye to the peers of this environment's sockets.
    pub(crate) fn say_goodbye(&self) {
        let connections: Vec<Connection> = self.sockets.iter().flatten().map(|socket| socket.connection.clone()).collect();
        heartwire::driver::exit::goodbye_of(&connections, None);
    }

    /// The last act: the peers hear that we go, and nobody calls in any more.
    fn end(&mut self) {
        if let Some(link) = &self.link {
            link.door.close();
        }
        self.say_goodbye();
        self.sockets.clear();
    }
}

/// The functions of the addon, by their names in JavaScript.
const FUNCTIONS: &[(&CStr, sys::napi_callback)] = &[
    exported!(c"connect", connect),
    exported!(c"create", socket::create),
    exported!(c"start", socket::start),
    exported!(c"release", socket::release),
    exported!(c"hold", hold),
    exported!(c"pull", delivery::pull),
    exported!(c"stalled", delivery::stalled),
    exported!(c"sendText", socket::send_text),
    exported!(c"sendBinary", socket::send_binary),
    exported!(c"sendFragment", socket::send_fragment),
    exported!(c"flush", socket::flush),
    exported!(c"ping", socket::ping),
    exported!(c"pong", socket::pong),
    exported!(c"close", socket::close),
    exported!(c"terminate", socket::terminate),
    exported!(c"pause", socket::pause),
    exported!(c"answer", socket::answer),
    exported!(c"readyState", socket::ready_state),
    exported!(c"bufferedAmount", socket::buffered_amount),
    exported!(c"latency", socket::latency),
    exported!(c"describe", socket::describe),
    exported!(c"testStart", testing::start),
    exported!(c"testCall", testing::call),
    exported!(c"testWait", testing::wait),
    exported!(c"goodbye", goodbye::of_process),
    exported!(c"leave", goodbye::of_environment),
    exported!(c"watchSignals", goodbye::watch_signals),
];

/// Makes a plain C callback of a function: reads the arguments, finds the environment, turns failures and panics into exceptions.
macro_rules! exported {
    ($name:literal, $function:path) => {{
        unsafe extern "C" fn callback(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
            run(env, info, $function)
        }
        ($name, Some(callback))
    }};
}
use exported;

fn run(env: sys::napi_env, info: sys::napi_callback_info, function: Function) -> Value {
    let js = Js(env);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let arguments = Arguments::read(js, info)?;
        // SAFETY: bound in `install`; it lives until the environment's end, and no two callbacks of one environment hold it at a time: the only
        // JavaScript that runs inside one is the sink, which calls nothing of ours.
        let environment = unsafe { &mut *arguments.data.cast::<Environment>() };
        function(js, environment, &arguments)
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

/// Makes the environment's state and puts the functions on `exports`.
pub(crate) fn install(js: Js, exports: Value) -> Result<()> {
    let environment = Box::into_raw(Box::<Environment>::default());
    // SAFETY: the environment is live; the state is freed by `free`, which the host calls once, after the hook, at the environment's end.
    unsafe {
        sys::napi_set_instance_data(js.0, environment.cast(), Some(free), ptr::null_mut());
        sys::napi_add_env_cleanup_hook(js.0, Some(on_end), environment.cast());
    }
    for (name, callback) in FUNCTIONS {
        let function = js.function(name, *callback, environment.cast())?;
        js.set(exports, name, function)?;
    }
    Ok(())
}

unsafe extern "C" fn on_end(environment: *mut c_void) {
    // SAFETY: as in `run`: the state lives until `free`, and no callback is under way when the environment ends.
    unsafe { &mut *environment.cast::<Environment>() }.end();
}

/// The end of an environment with sockets on its loop: it waits until libuv has closed their handles.
unsafe extern "C" fn on_last(hook: sys::napi_async_cleanup_hook_handle, environment: *mut c_void) {
    // SAFETY: as in `on_end`.
    let environment = unsafe { &mut *environment.cast::<Environment>() };
    environment.end();
    environment.closing.wait(hook);
}

unsafe extern "C" fn free(_: sys::napi_env, environment: *mut c_void, _: *mut c_void) {
    // SAFETY: made by `Box::into_raw` in `install`; the host calls this once.
    drop(unsafe { Box::from_raw(environment.cast::<Environment>()) });
}

/// `connect(drain, sink, uv)`: `drain(handle, ...)` is called when sockets have something; `sink(value, ...)` takes what `pull` finds; `uv`: the host's
/// loop is libuv's, and sockets may live on it.
fn connect(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let drain = js.keep(arguments.at(0))?;
    environment.link = Some(Link { door: Door::open(js, arguments.at(0))?, sink: js.keep(arguments.at(1))?, drain });
    if js.to_boolean(arguments.at(2))? {
        environment.uv = Loop::of(js);
    }
    if environment.uv.is_some() {
        // SAFETY: the environment is that of the callback under way; the state outlives the hook.
        unsafe { sys::napi_add_async_cleanup_hook(js.0, Some(on_last), arguments.data, ptr::null_mut()) };
    }
    js.undefined()
}

/// `hold(more)`: one socket more, or less, keeps the process alive.
fn hold(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    if let Some(link) = &environment.link {
        link.door.hold(js, js.to_boolean(arguments.at(0))?);
    }
    js.undefined()
}
