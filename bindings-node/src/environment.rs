//! One JavaScript environment (the main thread, or a worker): its sockets by handle, its functions, its end. Nothing here is shared between
//! environments, and nothing is process-wide.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::{CStr, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use heartwire::driver::{Connection, times_stood_in};
use heartwire::event::Batch;
use napi::sys;

use crate::alarms::Alarms;
use crate::door::Door;
use crate::js::{Arguments, Failed, Js, Kept, Result, Value};
use crate::place::Home;
use crate::socket::Socket;
use crate::testing::Servers;
use crate::turn::Turn;
use crate::uv::{Loop, Watch};
use crate::{delivery, goodbye, socket, testing, warnings};

/// What an environment holds. Lives until its end; every function of the addon gets it.
#[derive(Default)]
pub(crate) struct Environment {
    pub(crate) js: Option<Js>,
    pub(crate) sockets: Vec<Option<Socket>>,
    free: Vec<u32>,
    pub(crate) link: Option<Link>,
    pub(crate) servers: Servers,
    /// The environment's loop, where sockets may live on it, and their deadlines.
    pub(crate) uv: Option<Loop>,
    pub(crate) alarms: Option<Alarms>,
    bell: Option<Watch<Home>>,
    pub(crate) turn: Turn,
    /// The sockets that have something, in order.
    line: VecDeque<u32>,
    /// How many sockets keep the process alive.
    holders: u32,
    /// They are being served.
    pub(crate) serving: bool,
    /// How often the keeper had stood in, for whatever host, when it was last looked at.
    stood_in: usize,
    /// Empty batches with room for a read: an idle socket holds none.
    pub(crate) spare: Vec<Batch>,
    /// Room for text on its way out, and for UTF-16 on its way in.
    pub(crate) utf8: Vec<u8>,
    pub(crate) wide: Vec<u16>,
}

/// What `connect` (below) gave: the way in, and the functions that take what happens.
pub(crate) struct Link {
    pub(crate) door: Arc<Door>,
    pub(crate) messages: Kept,
    pub(crate) event: Kept,
    pub(crate) stalled: Kept,
    /// `messages` can end a task by itself.
    pub(crate) ticks: bool,
}

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
        let Some(slot) = self.sockets.get_mut(handle as usize) else { return };
        if let (Some(alarms), Some(host)) = (&mut self.alarms, slot.as_ref().and_then(|socket| socket.host.as_ref())) {
            alarms.cancel(handle, host.alarm);
        }
        // Its watch goes first: the descriptor may be closed as soon as the background has it.
        if let Some(Socket { connection, host, .. }) = slot.take() {
            drop(host);
            connection.leave();
        }
        self.free.push(handle);
    }

    pub(crate) fn socket(&mut self, handle: u32) -> Option<&mut Socket> {
        self.sockets.get_mut(handle as usize)?.as_mut()
    }

    /// A socket has something: it is served when those before it were.
    pub(crate) fn line_up(&mut self, handle: u32) {
        let Some(socket) = self.sockets.get_mut(handle as usize).and_then(Option::as_mut) else { return };
        // A batch under way does not count: it may be older than what there is.
        socket.again = true;
        if !std::mem::replace(&mut socket.lined_up, true) {
            self.line.push_back(handle);
        }
    }

    /// Takes the first of those that have something.
    pub(crate) fn next_in_line(&mut self) -> Option<u32> {
        let handle = self.line.pop_front()?;
        if let Some(socket) = self.socket(handle) {
            socket.lined_up = false;
        }
        Some(handle)
    }

    /// The pass of the loop is over: what was held back leaves.
    pub(crate) fn end_turn(&mut self) {
        for handle in self.turn.finish() {
            if let Some(socket) = self.socket(handle) {
                socket.holds = false;
                socket.connection.flush();
            }
        }
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
    pub(crate) fn say_goodbye(&mut self) {
        self.end_turn();
        let connections: Vec<Connection> = self.sockets.iter().flatten().map(|socket| socket.connection.clone()).collect();
        heartwire::driver::exit::goodbye_of(&connections, None);
    }

    /// The last act: the peers hear that we go, nobody calls in any more, and the loop's handles close.
    fn end(&mut self) {
        if let Some(link) = &self.link {
            link.door.close();
        }
        self.say_goodbye();
        self.sockets.clear();
        self.alarms = None;
        self.bell = None;
        self.turn.set_end(None);
    }
}

/// The functions of the addon, by their names in JavaScript.
const FUNCTIONS: &[(&CStr, sys::napi_callback)] = &[
    exported!(c"connect", connect),
    exported!(c"create", socket::create),
    exported!(c"start", socket::start),
    exported!(c"release", socket::release),
    exported!(c"hold", hold),
    exported!(c"pull", entering delivery::pull),
    exported!(c"unread", delivery::unread),
    exported!(c"endTurn", end_turn),
    exported!(c"report", entering delivery::report),
    exported!(c"sendText", socket::send_text),
    exported!(c"sendBinary", socket::send_binary),
    exported!(c"sendFragment", socket::send_fragment),
    exported!(c"ping", socket::ping),
    exported!(c"pong", socket::pong),
    exported!(c"close", socket::close),
    exported!(c"terminate", socket::terminate),
    exported!(c"pause", socket::pause),
    exported!(c"answer", socket::answer),
    exported!(c"readyState", socket::ready_state),
    exported!(c"bufferedAmount", socket::buffered_amount),
    exported!(c"latency", socket::latency),
    exported!(c"url", socket::url),
    exported!(c"takeWarnings", warnings::take),
    exported!(c"testStart", testing::start),
    exported!(c"testCall", testing::call),
    exported!(c"testWait", testing::wait),
    exported!(c"goodbye", goodbye::of_process),
    exported!(c"leave", goodbye::of_environment),
    exported!(c"watchSignals", goodbye::watch_signals),
    exported!(c"leaveSignal", goodbye::leave_signal),
];

/// Makes a plain C callback of a function: reads the arguments, finds the environment, turns failures and panics into exceptions.
macro_rules! exported {
    ($name:literal, entering $function:path) => {{
        unsafe extern "C" fn callback(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
            run(env, info, |js, home, arguments| $function(js, home, arguments))
        }
        ($name, Some(callback))
    }};
    ($name:literal, $function:path) => {{
        unsafe extern "C" fn callback(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
            run(env, info, |js, home, arguments| home.with(|environment| $function(js, environment, arguments)))
        }
        ($name, Some(callback))
    }};
}
use exported;

#[inline]
fn run(env: sys::napi_env, info: sys::napi_callback_info, function: impl Fn(Js, Home, &Arguments) -> Result<Value>) -> Value {
    let js = Js(env);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let arguments = Arguments::read(js, info)?;
        function(js, home(arguments.data), &arguments)
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

/// The environment that is bound to a function or a hook.
pub(crate) fn home(data: *mut c_void) -> Home {
    // SAFETY: `install` binds it; it lives until the environment's end, and the host calls only on its thread.
    unsafe { Home::new(data.cast()) }
}

/// Makes the environment's state and puts the functions on `exports`.
pub(crate) fn install(js: Js, exports: Value) -> Result<()> {
    warnings::install();
    let state = Environment { js: Some(js), ..Environment::default() };
    let environment = Box::into_raw(Box::new(RefCell::new(state))).cast::<c_void>();
    // SAFETY: the environment is live; the state is freed by `free`, which the host calls once, after the hook, at the environment's end.
    unsafe {
        sys::napi_set_instance_data(js.0, environment, Some(free), ptr::null_mut());
        sys::napi_add_env_cleanup_hook(js.0, Some(on_end), environment);
    }
    for (name, callback) in FUNCTIONS {
        let function = js.function(name, *callback, environment)?;
        js.set(exports, name, function)?;
    }
    Ok(())
}

unsafe extern "C" fn on_end(environment: *mut c_void) {
    home(environment).with(Environment::end);
}

/// The end of an environment with sockets on its loop: it waits until libuv has closed their handles.
unsafe extern "C" fn on_last(hook: sys::napi_async_cleanup_hook_handle, environment: *mut c_void) {
    home(environment).with(|environment| {
        environment.end();
        if let Some(uv) = &environment.uv {
            uv.wait_for_closing(hook);
        }
    });
}

unsafe extern "C" fn free(_: sys::napi_env, environment: *mut c_void, _: *mut c_void) {
    // SAFETY: made by `Box::into_raw` in `install`; the host calls this once.
    drop(unsafe { Box::from_raw(environment.cast::<RefCell<Environment>>()) });
}

/// `connect(drain, messages, event, stalled, uv, ticks)`: `messages(handle, data, ...)` and `event(handle, name, fields)` take what happens, and do
/// nothing without arguments. `stalled(milliseconds, handle, name)`: for so long something has waited for the loop, because of the handlers of that
/// event; without the latter two, because of something else. `uv`: the host's loop is libuv's, and the addon calls from there; else `drain(handle, ...)` is called when sockets have something.
/// `ticks`: between two messages, `messages` runs microtasks and ticks. Gives whether the loop tells the end of its passes; else `endTurn` has to, of each
/// pass in which something is sent or `bufferedAmount` is read.
fn connect(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let uv = if js.to_boolean(arguments.at(4))? { Loop::of(js) } else { None };
    let home = home(arguments.data);
    let parts = uv.as_ref().and_then(|uv| Some((uv.timer(home)?, uv.prepare(home)?, uv.bell(home, delivery::on_bell)?)));
    let door = if let (Some(uv), Some((timer, end, bell))) = (uv, parts) {
        environment.alarms = Some(Alarms::new(timer));
        environment.turn.set_end(Some(end));
        environment.uv = Some(uv);
        // SAFETY: the environment is that of the callback under way; the state outlives the hook.
        unsafe { sys::napi_add_async_cleanup_hook(js.0, Some(on_last), arguments.data, ptr::null_mut()) };
        let door = Door::with_bell(bell.ringer());
        environment.bell = Some(bell);
        door
    } else {
        Door::with_function(js, arguments.at(0))?
    };
    let ticks = environment.uv.is_some() && js.to_boolean(arguments.at(5))?;
    environment.link = Some(Link {
        door,
        messages: js.keep(arguments.at(1))?,
        event: js.keep(arguments.at(2))?,
        stalled: js.keep(arguments.at(3))?,
        ticks,
    });
    js.boolean(environment.uv.is_some())
}

/// `hold(more)`: one socket more, or less, keeps the process alive.
fn hold(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let before = environment.holders;
    environment.holders = if js.to_boolean(arguments.at(0))? { before + 1 } else { before.saturating_sub(1) };
    if (before == 0) != (environment.holders == 0) {
        match (&environment.bell, &environment.link) {
            (Some(bell), _) => bell.hold(before == 0),
            (None, Some(link)) => link.door.hold(js, before == 0),
            (None, None) => {}
        }
    }
    js.undefined()
}

/// `endTurn()`: where the loop does not tell it.
fn end_turn(js: Js, environment: &mut Environment, _: &Arguments) -> Result<Value> {
    environment.end_turn();
    js.undefined()
}
