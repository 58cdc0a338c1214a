//! The Close frames at the end of the process or of a worker, and the signals that would end the process. Each environment watches once, on the
//! `process` of its own realm: that of a test runner's sandbox is a copy that gets no exit event. Knows no single socket.

use std::ffi::c_void;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use heartwire::binding::exit;
use napi::sys;

use crate::environment::Environment;
use crate::exports;
use crate::instance::{self, Instance};
use crate::js::{Arguments, Js, Result, Value};
use crate::place::Home;
use crate::signals::{self, SIGNALS};

/// The runtime whose signals are watched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Host {
    Node,
    Deno,
    Other,
}

/// The place in which the addon runs.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// False in a worker.
    main: bool,
    host: Host,
}

/// `watchExit(main, node, deno)`: called with each new socket, because a signal whose listeners are gone may be free again.
pub(crate) fn watch(js: Js, home: Home, arguments: &Arguments) -> Result<Value> {
    let instance = home.with(|environment| Rc::clone(&environment.instance));
    let host = match (js.to_boolean(arguments.at(1))?, js.to_boolean(arguments.at(2))?) {
        (true, _) => Host::Node,
        (_, true) => Host::Deno,
        _ => Host::Other,
    };
    let place = Place { main: js.to_boolean(arguments.at(0))?, host };
    if instance.place.replace(Some(place)).is_none() {
        // If a listener of the program throws, later ones are not called at the exit, ours neither.
        exit::watch_normal_end();
        let process = js.process()?;
        let mut listeners = vec![(c"exit", on_exit as Callback), (c"removeListener", on_remove_listener)];
        if place.main {
            listeners.push((c"newListener", on_new_listener));
        }
        for (event, callback) in listeners {
            let data = Rc::as_ptr(&instance).cast_mut().cast::<c_void>();
            let listener = js.function(c"heartwire", Some(callback), data)?;
            js.invoke(process, c"on", &[js.text(&event.to_string_lossy())?, listener])?;
        }
    }
    instance.arm(js)?;
    js.undefined()
}

/// `goodbye()`: the process or the worker ends.
pub(crate) fn now(js: Js, home: Home, _: &Arguments) -> Result<Value> {
    home.with(|environment| Rc::clone(&environment.instance)).say_goodbye();
    js.undefined()
}

/// `listens(signal, does)`: the program has begun or ceased to listen to a signal by other means than `process`.
pub(crate) fn listens(js: Js, home: Home, arguments: &Arguments) -> Result<Value> {
    let instance = home.with(|environment| Rc::clone(&environment.instance));
    if let Some(signal) = signal_of(js, arguments.at(0)) {
        let elsewhere = &instance.listened_elsewhere;
        if js.to_boolean(arguments.at(1))? {
            elsewhere.set(elsewhere.get() | bit(signal));
            TAKEN.fetch_and(!bit(signal), Ordering::Relaxed);
            exit::leave_signal_to_host(signal);
        } else {
            elsewhere.set(elsewhere.get() & !bit(signal));
            instance.arm(js)?;
        }
    }
    js.undefined()
}

type Callback = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> Value;

unsafe extern "C" fn on_exit(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    exports::run(env, info, |js, arguments| {
        instance::of(arguments.data).say_goodbye();
        js.undefined()
    })
}

/// From now on the program decides what follows. Deno's handler of a signal calls the earlier one, which is ours, so ours has to know.
unsafe extern "C" fn on_new_listener(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    exports::run(env, info, |js, arguments| {
        if let Some(signal) = signal_of(js, arguments.at(0)) {
            TAKEN.fetch_and(!bit(signal), Ordering::Relaxed);
            let place = instance::of(arguments.data).place.get();
            if place.is_some_and(|place| signals::COUNTS_LISTENERS || place.host != Host::Node) {
                exit::leave_signal_to_host(signal);
            }
        }
        js.undefined()
    })
}

/// After the last listener is removed, the host has restored the default action.
unsafe extern "C" fn on_remove_listener(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    exports::run(env, info, |js, arguments| {
        if signal_of(js, arguments.at(0)).is_some() {
            let instance = instance::of(arguments.data);
            instance.arm(js)?;
            if instance.place.get().is_some_and(|place| place.host != Host::Node) {
                // Bun reports the removal before it restores the action.
                let again = js.function(c"heartwire", Some(on_later), arguments.data)?;
                js.invoke(js.process()?, c"nextTick", &[again])?;
            }
        }
        js.undefined()
    })
}

unsafe extern "C" fn on_later(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    exports::run(env, info, |js, arguments| {
        instance::of(arguments.data).arm(js)?;
        js.undefined()
    })
}

fn signal_of(js: Js, name: Value) -> Option<i32> {
    let mut room = Vec::new();
    // A symbol is not a text, so it names no signal.
    let name = js.to_text(name, &mut room).ok()?;
    SIGNALS.iter().find(|(known, _)| known.to_bytes() == name.as_bytes()).map(|(_, signal)| *signal)
}

impl Instance {
    fn say_goodbye(&self) {
        if self.place.get().is_some_and(|place| place.main) {
            self.each(Environment::end_turn);
            exit::goodbye(None);
        } else {
            self.each(Environment::say_goodbye);
        }
    }

    /// Makes the signals that would end the process now close the sockets first.
    fn arm(&self, js: Js) -> Result<()> {
        let Some(Place { main, host }) = self.place.get() else { return Ok(()) };
        let mut free = Vec::new();
        for (name, signal) in SIGNALS {
            // Node installs libuv's handler for a listener, and removes it with the last one. So the installed action decides. This also works in a
            // worker, which does not know the listeners of the main thread.
            let is_free = if host == Host::Node && !signals::COUNTS_LISTENERS {
                signals::is_free(*signal, TAKEN.load(Ordering::Relaxed) & bit(*signal) != 0)
            } else if self.listened_elsewhere.get() & bit(*signal) != 0 {
                false
            } else if main {
                js.to_number(js.invoke(js.process()?, c"listenerCount", &[js.text(&name.to_string_lossy())?])?)? == 0.0
            } else {
                signals::is_default(*signal)
            };
            if is_free {
                TAKEN.fetch_or(bit(*signal), Ordering::Relaxed);
                free.push(*signal);
            } else if main && signals::COUNTS_LISTENERS {
                exit::leave_signal_to_host(*signal);
            }
        }
        if free.is_empty() {
            return Ok(());
        }
        if host == Host::Deno && main {
            exit::watch_signals_over_host(&free);
        } else {
            exit::watch_inherited_signals(&free, host == Host::Node);
        }
        Ok(())
    }
}

/// The signals that we have taken since the program last listened to them, as bits.
static TAKEN: AtomicU32 = AtomicU32::new(0);

fn bit(signal: i32) -> u32 {
    1 << signal
}
