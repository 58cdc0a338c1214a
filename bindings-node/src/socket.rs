//! What JavaScript can do with a socket: one function for each call of `Connection`, by handle. Failures come back as plain objects.

use std::sync::Arc;

use heartwire::close::CloseCode;
use heartwire::driver::Connection;
use heartwire::error::{self, Error, ErrorCode};
use heartwire::event::Batch;
use heartwire::message::{Answer, Data, SendOptions};
use heartwire::options::{Dialect, Options};
use serde_json::Value as Json;

use crate::environment::Environment;
use crate::host::Host;
use crate::js::{Arguments, Js, Result, Value};
use crate::values;

/// A socket of an environment.
pub(crate) struct Socket {
    pub(crate) connection: Connection,
    /// The batch under way, and where in it.
    pub(crate) batch: Batch,
    pub(crate) next: usize,
    pub(crate) in_batch: bool,
    /// Where the host's loop drives it.
    pub(crate) host: Option<Host>,
}

impl Socket {
    /// Begins the next batch. False: there is none.
    pub(crate) fn next_batch(&mut self) -> bool {
        self.in_batch = match &mut self.host {
            Some(host) => host.drive(&self.connection, &mut self.batch),
            None => self.connection.take(&mut self.batch),
        };
        self.next = 0;
        self.in_batch
    }
}

/// Stands for the URL that a function of the user will give. It is asked before each attempt, so nothing is ever opened there.
const UNKNOWN_URL: &str = "ws://localhost/";

/// `create(url, options)`, the URL null where a function gives it, the options as JSON text: the handle, or an error's fields.
pub(crate) fn create(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let mut room = Vec::new();
    let url = if js.is_null(arguments.at(0))? { None } else { Some(js.to_text(arguments.at(0), &mut room)?.to_owned()) };
    let options = js.to_text(arguments.at(1), &mut room)?;
    let Some(door) = environment.link.as_ref().map(|link| Arc::clone(&link.door)) else { return js.undefined() };
    let handle = environment.reserve();
    let waker = Arc::clone(&door);
    match make(url.as_deref(), options, Arc::new(move || waker.knock(handle)), environment.uv.is_some()) {
        Ok(connection) => {
            let place = environment.place(js, arguments.data, door, handle);
            let host = environment.uv.filter(|_| connection.is_hosted()).map(|uv| Host::new(uv, place));
            environment.insert(handle, Socket { connection, batch: Batch::default(), next: 0, in_batch: false, host });
            js.integer(handle)
        }
        Err(error) => {
            environment.release(handle);
            values::error(js, &error)
        }
    }
}

fn make(url: Option<&str>, options: &str, wake: heartwire::driver::Wake, uv: bool) -> error::Result<Connection> {
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

/// What a call of the connection brought: `undefined`, or an error's fields.
fn outcome(js: Js, result: Option<error::Result<()>>) -> Result<Value> {
    match result {
        Some(Err(error)) => values::error(js, &error),
        Some(Ok(())) | None => js.undefined(),
    }
}

/// `start(handle)`.
pub(crate) fn start(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    with(js, environment, arguments, Connection::start)?;
    js.undefined()
}

/// `release(handle)`: the socket is at its end, or will never start.
pub(crate) fn release(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    environment.release(js.to_integer(arguments.at(0))?);
    js.undefined()
}

/// The flags of a send: more follows at once; compress it; do not.
fn send_options(flags: u32) -> SendOptions {
    SendOptions {
        compress: match flags & 6 {
            2 => Some(true),
            4 => Some(false),
            _ => None,
        },
        more: flags & 1 != 0,
    }
}

/// `sendText(handle, text, flags)`: the size in bytes, or an error's fields.
pub(crate) fn send_text(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let options = send_options(js.to_integer(arguments.at(2))?);
    let mut room = std::mem::take(&mut environment.utf8);
    let text = js.to_text(arguments.at(1), &mut room)?;
    let size = text.len();
    let sent = with(js, environment, arguments, |connection| connection.send(Data::Text(text), options))?;
    if room.len() <= 1 << 20 {
        environment.utf8 = room;
    }
    sized(js, sent, size)
}

/// `sendBinary(handle, bytes, flags)`: the same for an `ArrayBuffer` or a `Uint8Array`.
pub(crate) fn send_binary(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let options = send_options(js.to_integer(arguments.at(2))?);
    let (sent, size) = js.with_bytes(arguments.at(1), |bytes| {
        (with(js, environment, arguments, |connection| connection.send(Data::Binary(bytes), options)), bytes.len())
    })?;
    sized(js, sent?, size)
}

fn sized(js: Js, sent: Option<error::Result<()>>, size: usize) -> Result<Value> {
    match sent {
        Some(Err(error)) => values::error(js, &error),
        Some(Ok(())) | None => js.number(size as f64),
    }
}

/// `sendFragment(handle, data, isText, first, last, flags)`, the data always as bytes.
pub(crate) fn send_fragment(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let text = js.to_boolean(arguments.at(2))?;
    let (first, last) = (js.to_boolean(arguments.at(3))?, js.to_boolean(arguments.at(4))?);
    let SendOptions { compress, .. } = send_options(js.to_integer(arguments.at(5))?);
    let sent = js.with_bytes(arguments.at(1), |bytes| {
        let data = match std::str::from_utf8(bytes) {
            Ok(words) if text => Data::Text(words),
            _ => Data::Binary(bytes),
        };
        with(js, environment, arguments, |connection| connection.send_fragment(data, first, last, compress))
    })??;
    outcome(js, sent)
}

/// `flush(handle)`.
pub(crate) fn flush(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    with(js, environment, arguments, Connection::flush)?;
    js.undefined()
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

/// `pause(handle, paused)`.
pub(crate) fn pause(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let paused = js.to_boolean(arguments.at(1))?;
    with(js, environment, arguments, |connection| if paused { connection.pause() } else { connection.resume() })?;
    js.undefined()
}

/// `answer(handle, id, ok, text)`: JSON text, or what went wrong in words.
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

/// `bufferedAmount(handle)`.
pub(crate) fn buffered_amount(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let amount = with(js, environment, arguments, Connection::buffered_amount)?;
    js.number(amount.unwrap_or(0) as f64)
}

/// `latency(handle)`: milliseconds or null.
pub(crate) fn latency(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let latency = with(js, environment, arguments, Connection::latency)?;
    values::optional_milliseconds(js, latency.flatten())
}

/// `describe(handle)`: `[url, protocol, extensions]` as they are now.
pub(crate) fn describe(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let texts = with(js, environment, arguments, |connection| [connection.url(), connection.protocol(), connection.extensions()])?;
    let texts = texts.unwrap_or_default().iter().map(|text| js.text(text)).collect::<Result<Vec<_>>>()?;
    js.array(&texts)
}
