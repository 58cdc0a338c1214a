//! Sends one message in parts, for JavaScript. A socket sends at most one such message at a time. This file knows no event.

use heartwire::{Data, Error, ErrorCode};

use crate::environment::Environment;
use crate::js::{Arguments, Js, Result, Value};
use crate::socket::{compress, outcome};
use crate::values;

/// `beginMessage(handle, flags)` begins a message in parts. It returns nothing, or the fields of an error.
pub(crate) fn begin_message(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let (handle, flags) = (js.to_integer(arguments.at(0))?, js.to_integer(arguments.at(1))?);
    let Some(socket) = environment.socket(handle) else { return js.undefined() };
    if socket.message.is_some() {
        return values::error(js, &Error::new(ErrorCode::InvalidState, "another message is being sent in parts"));
    }
    socket.message = Some(socket.connection.fragments(kind(flags), compress(flags)));
    js.undefined()
}

/// `putPart(handle, text)` or `putPart(handle, bytes)` sends a part. It returns nothing, or the fields of an error.
pub(crate) fn put_part(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let handle = js.to_integer(arguments.at(0))?;
    let Some(message) = environment.socket(handle).and_then(|socket| socket.message.as_mut()) else { return gone(js) };
    let put = if js.is_text(arguments.at(1))? {
        let mut room = Vec::new();
        message.put(Data::Text(js.to_text(arguments.at(1), &mut room)?))
    } else {
        js.with_bytes(arguments.at(1), |bytes| message.put(Data::Binary(bytes)))?
    };
    outcome(js, Some(put))
}

/// `endMessage(handle)` sends the last part. It returns nothing, or the fields of an error.
pub(crate) fn end_message(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let handle = js.to_integer(arguments.at(0))?;
    let Some(message) = environment.socket(handle).and_then(|socket| socket.message.take()) else { return gone(js) };
    outcome(js, Some(message.end()))
}

/// `abandonMessage(handle)` abandons the message. The connection ends, because the peer cannot tell where the message would have ended.
pub(crate) fn abandon_message(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let handle = js.to_integer(arguments.at(0))?;
    drop(environment.socket(handle).and_then(|socket| socket.message.take()));
    js.undefined()
}

/// The error of a socket whose last event came before the message in parts was complete.
fn gone(js: Js) -> Result<Value> {
    values::error(js, &Error::new(ErrorCode::InvalidState, "the connection ended amid the message"))
}

/// Reads the kind of a message from the flags: text, binary, or as its first part is.
fn kind(flags: u32) -> Option<bool> {
    match flags & 0b1_1000 {
        0b0_1000 => Some(true),
        0b1_0000 => Some(false),
        _ => None,
    }
}
