//! The calls of JavaScript on a socket: one function for each call of `Connection`, by handle. Failures are returned as plain objects.

use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use heartwire::binding::{Batch, Connection, Dialect, FragmentWriter, Shutdown, read_heartbeat};
use heartwire::{Answer, CloseCode, Data, Error, ErrorCode, Options, RequestCall, SendOptions, Way};
use serde_json::Value as Json;

use crate::delivery;
use crate::environment::Environment;
use crate::host::Host;
use crate::js::{Arguments, Js, Result, Value};
use crate::place::{Home, Place};
use crate::turn::coarse_time;
use crate::values;

/// A socket of an environment.
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(crate) struct Socket {
    pub(crate) connection: Connection,
    /// Its watchers, if the host's loop drives it.
    pub(crate) host: Option<Host>,
    /// The present batch, and the position in it.
    pub(crate) batch: Option<Batch>,
    pub(crate) next: usize,
    /// How many messages cross in one call at present.
    pub(crate) pace: usize,
    /// There may be another batch at once.
    pub(crate) again: bool,
    /// It waits to be served.
    pub(crate) lined_up: bool,
    /// The user has paused it: no message is delivered while it is open.
    paused: bool,
    /// The messages of a read are one task.
    pub(crate) synchronous: bool,
    /// Output waits for the end of the turn.
    pub(crate) holds: bool,
    wrote: Option<(u64, u64)>,
    amount: Amount,
    /// The message that leaves in parts.
    pub(crate) message: Option<FragmentWriter>,
}

/// The buffered bytes at the start of a task, and those added since: script sees no smaller number before the task ends (WHATWG).
#[derive(Default)]
struct Amount {
    task: Option<u64>,
    sample: usize,
    added: usize,
}

impl Socket {
    fn new(connection: Connection, host: Option<Host>, synchronous: bool) -> Self {
        Self {
            connection,
            host,
            batch: None,
            next: 0,
            pace: if synchronous { delivery::PER_CALL } else { 1 },
            again: false,
            lined_up: false,
            paused: false,
            synchronous,
            holds: false,
            wrote: None,
            amount: Amount::default(),
            message: None,
        }
    }

    /// Whether received messages have to wait.
    pub(crate) fn is_held(&self) -> bool {
        self.paused && self.connection.may_deliver()
    }

    /// Begins a task of this socket, if it is a new one.
    fn begin_task(&mut self, task: u64) {
        if self.amount.task != Some(task) {
            self.amount = Amount { task: Some(task), sample: self.connection.buffered_amount(), added: 0 };
        }
    }
}

/// A placeholder until a function of the user gives the URL. The function is called before each attempt, so this URL is never opened.
const UNKNOWN_URL: &str = "ws://localhost/";

/// `create(url, options, synchronous)` returns the handle, or an error's fields. The URL is null if a function gives it; the options are JSON text.
pub(crate) fn create(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let mut room = Vec::new();
    let url = if js.is_null(arguments.at(0))? { None } else { Some(js.to_text(arguments.at(0), &mut room)?.to_owned()) };
    let options = js.to_text(arguments.at(1), &mut room)?;
    let Some(door) = environment.link.as_ref().map(|link| Arc::clone(&link.door)) else { return js.undefined() };
    let handle = environment.reserve();
    match make(url.as_deref(), options, Arc::new(move || door.knock(handle)), environment.uv.is_some()) {
        Ok(connection) => {
            let host = connection.is_hosted().then(|| Host::new(Place { home: Home::of(arguments), handle }));
            environment.insert(handle, Socket::new(connection, host, js.to_boolean(arguments.at(2))?));
            js.integer(handle)
        }
        Err(error) => {
            environment.release(handle);
            values::error(js, &error)
        }
    }
}

fn make(url: Option<&str>, options: &str, wake: heartwire::binding::Wake, uv: bool) -> heartwire::Result<Connection> {
    let options: Json = serde_json::from_str(options)
        .map_err(|error| Error::new(ErrorCode::InvalidOption, "the options are not plain data").caused_by(&error))?;
    let (options, mut providers) = Options::parse(&options, Dialect::JavaScript)?;
    providers.url = url.is_none();
    let make = if uv { Connection::hosted } else { Connection::new };
    make(url.unwrap_or(UNKNOWN_URL), options, providers, wake)
}

/// Calls `act` with the connection, if the handle still has one.
fn with<T>(js: Js, environment: &mut Environment, arguments: &Arguments, act: impl FnOnce(&Connection) -> T) -> Result<Option<T>> {
    let handle = js.to_integer(arguments.at(0))?;
    Ok(environment.socket(handle).map(|socket| act(&socket.connection)))
}

/// The result of a call of the connection: `undefined`, or an error's fields.
pub(crate) fn outcome(js: Js, result: Option<heartwire::Result<()>>) -> Result<Value> {
    match result {
        Some(Err(error)) => values::error(js, &error),
        Some(Ok(())) | None => js.undefined(),
    }
}

/// `start(handle)`.
pub(crate) fn start(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let handle = js.to_integer(arguments.at(0))?;
    let shuts_down = environment.shutdown.is_some();
    if let Some(socket) = environment.socket(handle) {
        if shuts_down {
            socket.connection.start_in_shutdown();
        } else {
            socket.connection.start();
        }
        // Takes the first turn at once: it lets the background connect. Its other results are delivered later, by the wake that `start` has caused.
        if socket.host.is_some() {
            delivery::begin_batch(environment, handle);
        }
    }
    js.undefined()
}

/// `shutDown(milliseconds)`: begins the orderly end of this copy's sockets; a negative time continues it. Returns undefined until all have ended, and
/// then whether everything was done in time.
pub(crate) fn shut_down(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let time = js.to_number(arguments.at(0))?;
    if time >= 0.0 {
        let timeout = Duration::try_from_secs_f64(time / 1000.0).unwrap_or(Duration::MAX);
        environment.shutdown = Some(Shutdown::of_some(timeout));
    }
    let connections: Vec<_> = environment.sockets.iter().flatten().map(|socket| socket.connection.clone()).collect();
    let complete = environment.shutdown.as_mut().and_then(|shutdown| shutdown.advance_some(&connections));
    if complete.is_some() {
        environment.shutdown = None;
    }
    complete.map_or_else(|| js.undefined(), |complete| js.boolean(complete))
}

/// `release(handle)`: the socket is at its end, or will never start.
pub(crate) fn release(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    environment.release(js.to_integer(arguments.at(0))?);
    js.undefined()
}

/// The flags of a send: compress it; do not.
pub(crate) fn compress(flags: u32) -> Option<bool> {
    match flags & 6 {
        2 => Some(true),
        4 => Some(false),
        _ => None,
    }
}

/// `sendText(handle, text, flags)`: nothing, or an error's fields.
pub(crate) fn send_text(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let mut room = std::mem::take(&mut environment.utf8);
    let text = js.to_text(arguments.at(1), &mut room)?;
    let sent = send(js, environment, arguments, Data::Text(text));
    if room.len() <= 1 << 20 {
        environment.utf8 = room;
    }
    sent
}

/// `sendBinary(handle, bytes, flags)`: the same for an `ArrayBuffer` or a `Uint8Array`.
pub(crate) fn send_binary(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    js.with_bytes(arguments.at(1), |bytes| send(js, environment, arguments, Data::Binary(bytes)))?
}

/// The first message of a turn leaves at once. The others wait for the end of the turn, at most for a tick of the coarse clock.
fn send(js: Js, environment: &mut Environment, arguments: &Arguments, data: Data<'_>) -> Result<Value> {
    let (handle, flags) = (js.to_integer(arguments.at(0))?, js.to_integer(arguments.at(2))?);
    let Environment { sockets, turn, .. } = environment;
    let Some(socket) = sockets.get_mut(handle as usize).and_then(Option::as_mut) else { return Ok(ptr::null_mut()) };
    socket.begin_task(turn.task);
    turn.begin();
    let now = (turn.number, coarse_time());
    let more = socket.wrote == Some(now);
    if let Err(error) = socket.connection.send(data, SendOptions::new().compress(compress(flags)).more(more)) {
        return values::error(js, &error);
    }
    socket.amount.added += data.len();
    if !more {
        socket.wrote = Some(now);
    } else if !std::mem::replace(&mut socket.holds, true) {
        turn.hold(handle);
    }
    Ok(ptr::null_mut())
}

/// `ping(handle, bytes)`.
pub(crate) fn ping(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let sent = js.with_bytes(arguments.at(1), |bytes| with(js, environment, arguments, |connection| connection.ping(bytes)))??;
    outcome(js, sent)
}

/// `pong(handle, bytes)`.
pub(crate) fn pong(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let sent = js.with_bytes(arguments.at(1), |bytes| with(js, environment, arguments, |connection| connection.pong(bytes)))??;
    outcome(js, sent)
}

/// `close(handle, code, reason)`, the code 0 for none.
pub(crate) fn close(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let code = u16::try_from(js.to_integer(arguments.at(1))?).ok().filter(|code| *code != 0).map(CloseCode);
    let mut room = Vec::new();
    let reason = js.to_text(arguments.at(2), &mut room)?;
    let closed = with(js, environment, arguments, |connection| connection.close(code, reason))?;
    outcome(js, closed)
}

/// `terminate(handle)`.
pub(crate) fn terminate(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    with(js, environment, arguments, Connection::terminate)?;
    js.undefined()
}

/// `setHeartbeat(handle, options)`: JSON text.
pub(crate) fn set_heartbeat(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let mut room = Vec::new();
    let given: Json = serde_json::from_str(js.to_text(arguments.at(1), &mut room)?).unwrap_or_default();
    let set = with(js, environment, arguments, |connection| {
        read_heartbeat(&given, Dialect::JavaScript).and_then(|options| connection.set_heartbeat(options))
    })?;
    outcome(js, set)
}

/// `reconnect(handle, url, code, reason, overlap)`: the URL empty and the code 0 for none.
pub(crate) fn reconnect(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let (mut room, mut more_room) = (Vec::new(), Vec::new());
    let url = js.to_text(arguments.at(1), &mut room)?;
    let code = u16::try_from(js.to_integer(arguments.at(2))?).ok().filter(|code| *code != 0).map(CloseCode);
    let reason = js.to_text(arguments.at(3), &mut more_room)?;
    let url = Some(url).filter(|url| !url.is_empty());
    let overlap = js.to_boolean(arguments.at(4))?;
    let begun = with(js, environment, arguments, |connection| {
        if overlap { connection.reconnect_beside(url, code, reason) } else { connection.reconnect(url, code, reason) }
    })?;
    outcome(js, begun)
}

/// `request(handle, ticket, text, options)`: the options as JSON text.
pub(crate) fn request(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let ticket = js.to_number(arguments.at(1))? as u64;
    let (mut room, mut more_room) = (Vec::new(), Vec::new());
    let text = js.to_text(arguments.at(2), &mut room)?;
    let options: Json = serde_json::from_str(js.to_text(arguments.at(3), &mut more_room)?).unwrap_or_default();
    let timeout = options.get("timeout").map(|time| time.as_f64().and_then(|time| Duration::try_from_secs_f64(time / 1000.0).ok()));
    let call = RequestCall::new()
        .resend(options["resend"].as_bool())
        .deliver(options["deliver"].as_bool())
        .key(options["key"].as_str())
        .urgent(options["urgent"] == true);
    let call = match timeout {
        Some(timeout) => call.timeout(timeout),
        None => call,
    };
    let sent = with(js, environment, arguments, |connection| connection.request(ticket, text, &call))?;
    outcome(js, sent)
}

/// `cancelRequest(handle, ticket)`.
pub(crate) fn cancel_request(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let ticket = js.to_number(arguments.at(1))? as u64;
    with(js, environment, arguments, |connection| connection.cancel_request(ticket))?;
    js.undefined()
}

/// `throttle(handle, milliseconds, key)`, the key null for none.
pub(crate) fn throttle(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let time = Duration::try_from_secs_f64(js.to_number(arguments.at(1))? / 1000.0).unwrap_or_default();
    let mut room = Vec::new();
    let key = js.to_optional_text(arguments.at(2), &mut room)?;
    let held = with(js, environment, arguments, |connection| connection.throttle(time, key))?;
    outcome(js, held)
}

/// `sendBy(handle, data, flags, key, urgent)`: text, an `ArrayBuffer` or a `Uint8Array`; the key null for none.
pub(crate) fn send_by(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let options = SendOptions::new().compress(compress(js.to_integer(arguments.at(2))?)).more(false);
    let (mut room, mut more_room) = (Vec::new(), Vec::new());
    let way = Way::new().key(js.to_optional_text(arguments.at(3), &mut room)?).urgent(js.to_boolean(arguments.at(4))?).ticket(None);
    let sent = if js.is_text(arguments.at(1))? {
        let text = js.to_text(arguments.at(1), &mut more_room)?;
        with(js, environment, arguments, |connection| connection.send_by(Data::Text(text), options, &way))?
    } else {
        js.with_bytes(arguments.at(1), |bytes| {
            with(js, environment, arguments, |connection| connection.send_by(Data::Binary(bytes), options, &way))
        })??
    };
    outcome(js, sent.map(|sent| sent.map(|_| ())))
}

/// `pause(handle, paused)`.
pub(crate) fn pause(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let handle = js.to_integer(arguments.at(0))?;
    let paused = js.to_boolean(arguments.at(1))?;
    if let Some(socket) = environment.socket(handle) {
        socket.paused = paused;
        if paused {
            socket.connection.pause();
        } else {
            socket.connection.resume();
            if let Some(link) = &environment.link {
                link.door.knock(handle);
            }
        }
    }
    js.undefined()
}

/// `answer(handle, id, ok, text)`: JSON text, or the words of the failure.
pub(crate) fn answer(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let id = js.to_number(arguments.at(1))? as u64;
    let mut room = Vec::new();
    let text = js.to_text(arguments.at(3), &mut room)?;
    let answer: Answer =
        if js.to_boolean(arguments.at(2))? { serde_json::from_str(text).map_err(|error| error.to_string()) } else { Err(text.to_owned()) };
    with(js, environment, arguments, |connection| connection.answer(id, answer))?;
    js.undefined()
}

/// `readyState(handle)`.
pub(crate) fn ready_state(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let state = with(js, environment, arguments, Connection::ready_state)?;
    js.integer(state.map_or(3, |state| state as u32))
}

/// `bufferedAmount(handle, fresh)`: as script sees it, or as it is.
pub(crate) fn buffered_amount(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let (handle, fresh) = (js.to_integer(arguments.at(0))?, js.to_boolean(arguments.at(1))?);
    let Environment { sockets, turn, .. } = environment;
    let amount = sockets.get_mut(handle as usize).and_then(Option::as_mut).map_or(0, |socket| {
        if fresh {
            return socket.connection.buffered_amount();
        }
        socket.begin_task(turn.task);
        turn.begin();
        socket.amount.sample + socket.amount.added
    });
    js.number(amount as f64)
}

/// `latency(handle)`: milliseconds or null.
pub(crate) fn latency(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let latency = with(js, environment, arguments, Connection::latency)?;
    values::optional_milliseconds(js, latency.flatten())
}

/// `url(handle)`: as it is now.
pub(crate) fn url(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let url = with(js, environment, arguments, Connection::url)?;
    js.text(&url.unwrap_or_default())
}
