//! One copy of the package's JavaScript in one environment of the host (the main thread, or a worker): its sockets by handle, its functions, its end.
//! A module may be evaluated more than once over one addon (jest, a bundler beside a `require`, a cleared `require.cache`): each copy has a state of
//! its own. Nothing here is shared between copies or environments, and nothing is process-wide.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use heartwire::binding::{Batch, Connection, Shutdown, exit, frames, times_stood_in};

use crate::alarms::Alarms;
use crate::delivery;
use crate::door::Door;
use crate::instance::Instance;
use crate::js::{Arguments, Js, Kept, Result, Value};
use crate::place::Home;
use crate::socket::Socket;
use crate::testing::Servers;
use crate::turn::Turn;
use crate::uv::{Loop, Watch};

/// The state of a copy. Every function that it was given keeps it alive.
pub(crate) struct Environment {
    js: Js,
    pub(crate) instance: Rc<Instance>,
    pub(crate) sockets: Vec<Option<Socket>>,
    free: Vec<u32>,
    /// How many sockets there are.
    live: u32,
    pub(crate) link: Option<Link>,
    pub(crate) servers: Servers,
    /// The environment's loop, if it can drive sockets, and their deadlines.
    pub(crate) uv: Option<Loop>,
    pub(crate) alarms: Option<Alarms>,
    bell: Option<Watch<Home>>,
    pub(crate) turn: Turn,
    /// The sockets that have events, in order.
    line: VecDeque<u32>,
    /// How many sockets keep the process alive.
    holders: u32,
    /// They are being served.
    pub(crate) serving: bool,
    /// The present orderly end of the sockets.
    pub(crate) shutdown: Option<Shutdown>,
    /// The host's environment has ended: JavaScript cannot be called any more.
    pub(crate) ended: bool,
    /// How often the keeper had stood in for any host, at the last check.
    stood_in: usize,
    /// Frames are kept for this copy's log.
    watches_frames: bool,
    /// Empty batches with room for a read: an idle socket holds none.
    pub(crate) spare: Vec<Batch>,
    /// Room for text on its way out, and for UTF-16 on its way in.
    pub(crate) utf8: Vec<u8>,
    pub(crate) wide: Vec<u16>,
}

/// The arguments of `connect` (below): the functions that JavaScript gave, and the door. They are held only while there are sockets, so an unused
/// copy can be collected.
pub(crate) struct Link {
    pub(crate) door: Arc<Door>,
    pub(crate) messages: Kept,
    pub(crate) event: Kept,
    pub(crate) stalled: Kept,
    /// The JavaScript function `messages` can end a task by itself.
    pub(crate) ticks: bool,
}

impl Link {
    fn functions(&self) -> [Kept; 3] {
        [self.messages, self.event, self.stalled]
    }
}

impl Environment {
    pub(crate) fn new(js: Js, instance: Rc<Instance>) -> Self {
        Self {
            js,
            instance,
            sockets: Vec::new(),
            free: Vec::new(),
            live: 0,
            link: None,
            servers: Servers::default(),
            uv: None,
            alarms: None,
            bell: None,
            turn: Turn::default(),
            line: VecDeque::new(),
            holders: 0,
            serving: false,
            shutdown: None,
            ended: false,
            stood_in: times_stood_in(),
            watches_frames: false,
            spare: Vec::new(),
            utf8: Vec::new(),
            wide: Vec::new(),
        }
    }

    /// The environment, while JavaScript can be called.
    pub(crate) fn js(&self) -> Option<Js> {
        (!self.ended).then_some(self.js)
    }

    /// Stores a socket under its handle.
    pub(crate) fn insert(&mut self, handle: u32, socket: Socket) {
        self.sockets[handle as usize] = Some(socket);
        self.live += 1;
        if self.live == 1 {
            self.hold_functions(true);
        }
    }

    fn hold_functions(&self, held: bool) {
        if let (Some(link), Some(js)) = (&self.link, self.js()) {
            for kept in link.functions() {
                js.hold(kept, held);
            }
        }
    }

    /// A handle that is not in use.
    pub(crate) fn reserve(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.sockets.push(None);
            self.sockets.len() as u32 - 1
        })
    }

    /// Removes a socket. Another one may get its handle.
    pub(crate) fn release(&mut self, handle: u32) {
        let Some(slot) = self.sockets.get_mut(handle as usize) else { return };
        if let (Some(alarms), Some(host)) = (&mut self.alarms, slot.as_ref().and_then(|socket| socket.host.as_ref())) {
            alarms.cancel(handle, host.alarm);
        }
        // Stop the watch first: the background may close the descriptor as soon as it has it.
        if let Some(Socket { connection, host, .. }) = slot.take() {
            drop(host);
            connection.leave();
            self.live -= 1;
            if self.live == 0 {
                self.hold_functions(false);
            }
        }
        self.free.push(handle);
    }

    pub(crate) fn socket(&mut self, handle: u32) -> Option<&mut Socket> {
        self.sockets.get_mut(handle as usize)?.as_mut()
    }

    /// A socket has events: it is served after those before it.
    pub(crate) fn line_up(&mut self, handle: u32) {
        let Some(socket) = self.sockets.get_mut(handle as usize).and_then(Option::as_mut) else { return };
        // A batch in delivery does not count: it may be older than the waiting items.
        socket.again = true;
        if !std::mem::replace(&mut socket.lined_up, true) {
            self.line.push_back(handle);
        }
    }

    /// Takes the first socket that has events.
    pub(crate) fn next_in_line(&mut self) -> Option<u32> {
        let handle = self.line.pop_front()?;
        if let Some(socket) = self.socket(handle) {
            socket.lined_up = false;
        }
        Some(handle)
    }

    /// The pass of the loop is over: held messages leave.
    pub(crate) fn end_turn(&mut self) {
        for handle in self.turn.finish() {
            if let Some(socket) = self.socket(handle) {
                socket.holds = false;
                socket.connection.flush();
            }
        }
    }

    /// How long something has waited for this environment's loop, if the keeper stood in meanwhile. Returned once.
    #[inline]
    pub(crate) fn stall(&mut self) -> Option<Duration> {
        let times = times_stood_in();
        if self.stood_in == times {
            return None;
        }
        self.stood_in = times;
        self.sockets.iter().flatten().filter_map(|socket| socket.connection.take_stall()).max()
    }

    /// Whether frames are kept for this copy's log.
    pub(crate) fn watch_frames(&mut self, watches: bool) {
        if std::mem::replace(&mut self.watches_frames, watches) != watches {
            frames::want(watches);
        }
    }

    /// Closes this copy's sockets with a Close frame.
    pub(crate) fn say_goodbye(&mut self) {
        self.end_turn();
        let connections: Vec<Connection> = self.sockets.iter().flatten().map(|socket| socket.connection.clone()).collect();
        exit::goodbye_of(&connections, None);
    }

    /// The end: sends the Close frames, stops all calls from other threads, releases every socket in any state, and closes the loop's handles.
    pub(crate) fn end(&mut self) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        if let Some(link) = &self.link {
            link.door.close();
        }
        self.say_goodbye();
        self.watch_frames(false);
        for Socket { connection, host, .. } in self.sockets.drain(..).flatten() {
            // Its watch goes first, as in `release`.
            drop(host);
            connection.forget();
        }
        self.line.clear();
        self.alarms = None;
        self.bell = None;
        self.turn.set_end(None);
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        // This copy was collected, and the host's environment continues.
        if let (Some(link), Some(js)) = (&self.link, self.js()) {
            for kept in link.functions() {
                js.forget(kept);
            }
        }
        self.end();
    }
}

/// `connect(drain, messages, event, stalled, uv, ticks)`: `messages(handle, data, ...)` and `event(handle, name, fields)` deliver events, and do nothing
/// without arguments. `stalled(milliseconds, handle, name)`: the loop was blocked for so long by the handlers of that event; without the last two
/// arguments, by something else. `uv`: the host's loop is libuv's, and the addon calls from there; otherwise `drain(handle, ...)` is called when sockets
/// have events. `ticks`: between two messages, `messages` runs microtasks and ticks. Returns whether the loop reports the end of its passes. If not,
/// call `endTurn` in each pass that sends or reads `bufferedAmount`. The caller keeps the functions, too.
pub(crate) fn connect(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let uv = if js.to_boolean(arguments.at(4))? { environment.instance.event_loop() } else { None };
    let home = Home::of(arguments);
    let parts = uv.as_ref().and_then(|uv| Some((uv.timer(home)?, uv.prepare(home)?, uv.bell(home, delivery::on_bell)?)));
    let door = if let (Some(uv), Some((timer, end, bell))) = (uv, parts) {
        environment.alarms = Some(Alarms::new(timer));
        environment.turn.set_end(Some(end));
        environment.uv = Some(uv);
        let door = Door::with_bell(bell.ringer());
        environment.bell = Some(bell);
        door
    } else {
        Door::with_function(js, arguments.at(0))?
    };
    let ticks = environment.uv.is_some() && js.to_boolean(arguments.at(5))?;
    environment.link = Some(Link {
        door,
        messages: js.keep_weakly(arguments.at(1))?,
        event: js.keep_weakly(arguments.at(2))?,
        stalled: js.keep_weakly(arguments.at(3))?,
        ticks,
    });
    js.boolean(environment.uv.is_some())
}

/// `hold(more)`: one more socket (true) or one less keeps the process alive.
pub(crate) fn hold(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
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

/// `endTurn()`: for loops that do not report the end of a pass.
pub(crate) fn end_turn(js: Js, environment: &mut Environment, _: &Arguments) -> Result<Value> {
    environment.end_turn();
    js.undefined()
}
