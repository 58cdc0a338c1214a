//! `send`, `ping` and `pong`: hands Python's data to the core. Knows no listener.
//!
//! The core holds back the messages of a burst. They leave at the end of the turn in which they were sent: a turn of a delivery on this thread, else
//! a turn of the hub's loop.

use std::cell::RefCell;

use heartwire::binding::{Connection, FragmentWriter};
use heartwire::{Data, Error, ErrorCode, ReadyState, SendOptions, Way};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyMapping, PyString};

use crate::inner::{Inner, lock};
use crate::{convert, errors};

/// Messages above this many bytes are sent without the GIL: masking or deflating them takes longer than letting it go and taking it back.
const DETACH_ABOVE: usize = 32 << 10;

/// The running deliveries of a thread: their depth, and the connections whose messages were held back in them.
#[derive(Default)]
struct Deliveries {
    depth: usize,
    held: Vec<Connection>,
}

thread_local! {
    static DELIVERIES: RefCell<Deliveries> = const { RefCell::new(Deliveries { depth: 0, held: Vec::new() }) };
}

/// Keep it while events are delivered: its drop sends the messages that were held back.
pub(crate) struct OfTurn(());

impl OfTurn {
    pub(crate) fn begin() -> Self {
        DELIVERIES.with_borrow_mut(|deliveries| deliveries.depth += 1);
        Self(())
    }
}

impl Drop for OfTurn {
    fn drop(&mut self) {
        let held = DELIVERIES.with_borrow_mut(|deliveries| {
            deliveries.depth -= 1;
            std::mem::take(&mut deliveries.held)
        });
        for connection in held {
            connection.flush();
        }
    }
}

/// Arranges for the held messages to leave.
fn flush_later(py: Python<'_>, inner: &Inner) -> PyResult<()> {
    let in_delivery = DELIVERIES.with_borrow_mut(|deliveries| {
        if deliveries.depth > 0 {
            deliveries.held.push(inner.connection.clone());
        }
        deliveries.depth > 0
    });
    if in_delivery {
        return Ok(());
    }
    let corker = lock(&inner.home).as_ref().map(|home| home.corker.clone());
    match corker.map(|corker| corker.flush_soon(py, &inner.connection)) {
        Some(Ok(())) => Ok(()),
        // The loop is gone or closed, or there is no loop.
        Some(Err(error)) if !error.is_instance_of::<PyRuntimeError>(py) => Err(error),
        _ => {
            inner.connection.flush();
            Ok(())
        }
    }
}

/// Sends a message. True: it is held back, and the caller must arrange for it to leave.
fn transmit(py: Python<'_>, inner: &Inner, data: Data<'_>, options: SendOptions) -> heartwire::Result<bool> {
    let size = match data {
        Data::Text(text) => text.len(),
        Data::Binary(bytes) => bytes.len(),
    };
    if size > DETACH_ABOVE { py.detach(|| inner.connection.send_paced(data, options)) } else { inner.connection.send_paced(data, options) }
}

/// Sends the argument of `send()`.
pub(crate) fn message(inner: &Inner, data: &Bound<'_, PyAny>, text: Option<bool>, compress: Option<bool>) -> PyResult<()> {
    let py = data.py();
    let options = SendOptions::new().compress(compress).more(false);
    check_kind(data, text)?;
    let sent = if let Ok(text) = data.cast::<PyString>() {
        transmit(py, inner, Data::Text(&convert::text(text)?), options)
    } else if convert::is_bytes(data) {
        transmit(py, inner, Data::Binary(&convert::bytes(data)?), options)
    } else {
        return stream(inner, data, text, compress);
    };
    match sent {
        Ok(false) => Ok(()),
        Ok(true) => flush_later(py, inner),
        Err(error) => Err(refused(py, inner, error)),
    }
}

/// Checks that a whole message is of the requested kind.
fn check_kind(data: &Bound<'_, PyAny>, text: Option<bool>) -> PyResult<()> {
    let Some(text) = text else { return Ok(()) };
    let is_text = data.is_instance_of::<PyString>();
    if is_text == text || !(is_text || convert::is_bytes(data)) {
        return Ok(());
    }
    let wanted = if text { "a str, for text=True" } else { "bytes, a bytearray or a memoryview, for text=False" };
    Err(errors::wrong_type("a message", wanted, data))
}

/// The exception of a call that the core refused. If nothing runs the socket, it says so: waiting for `open` would not help.
fn refused(py: Python<'_>, inner: &Inner, error: Error) -> PyErr {
    let is_unrun =
        error.code() == ErrorCode::InvalidState && !inner.has_begun() && inner.connection.ready_state() == ReadyState::Connecting;
    let words = "nobody runs this socket, so it does not connect: call run_forever() or start(), or make it while an asyncio loop runs; then send \
                 once it is open, or set send_queue";
    errors::raise(py, if is_unrun { error.with(|detail| words.clone_into(&mut detail.message)) } else { error })
}

/// Sends a message that may have to wait. True: it waits.
pub(crate) fn by(inner: &Inner, data: &Bound<'_, PyAny>, compress: Option<bool>, way: &Way<'_>) -> PyResult<bool> {
    let py = data.py();
    let options = SendOptions::new().compress(compress).more(false);
    let sent = if let Ok(text) = data.cast::<PyString>() {
        inner.connection.send_by(Data::Text(&convert::text(text)?), options, way)
    } else if convert::is_bytes(data) {
        inner.connection.send_by(Data::Binary(&convert::bytes(data)?), options, way)
    } else {
        return Err(errors::wrong_type("a message with a key, or an urgent one,", "a str or bytes", data));
    };
    sent.map_err(|error| refused(py, inner, error))
}

/// The payload of a ping or pong: bytes, or str as UTF-8.
pub(crate) fn control(
    py: Python<'_>,
    inner: &Inner,
    data: Option<&Bound<'_, PyAny>>,
    send: impl FnOnce(&[u8]) -> heartwire::Result<()>,
) -> PyResult<()> {
    let Some(data) = data else {
        return send(&[]).map_err(|error| refused(py, inner, error));
    };
    let result = if let Ok(text) = data.cast::<PyString>() {
        send(convert::text(text)?.as_bytes())
    } else if convert::is_bytes(data) {
        send(&convert::bytes(data)?)
    } else {
        return Err(errors::wrong_type("the payload", "bytes or a str", data));
    };
    result.map_err(|error| refused(py, inner, error))
}

/// Sends the items of an iterable as the parts of one message.
fn stream(inner: &Inner, data: &Bound<'_, PyAny>, text: Option<bool>, compress: Option<bool>) -> PyResult<()> {
    if data.cast::<PyMapping>().is_ok() {
        return Err(PyTypeError::new_err("a dict cannot be sent as it is; send_json() sends it as JSON"));
    }
    let Ok(items) = data.try_iter() else {
        return Err(errors::wrong_type("a message", "a str, bytes, bytearray, memoryview, or an iterable of these", data));
    };
    let mut message = inner.connection.fragments(text, compress);
    for item in items {
        put(inner, &mut message, &item?)?;
    }
    end(data.py(), inner, message)
}

/// Adds a part to a message.
pub(crate) fn put(inner: &Inner, message: &mut FragmentWriter, part: &Bound<'_, PyAny>) -> PyResult<()> {
    let is_text = part.is_instance_of::<PyString>();
    if !is_text && !convert::is_bytes(part) {
        return Err(errors::wrong_type("a fragment", "a str, bytes, bytearray or memoryview", part));
    }
    if !message.takes(is_text) {
        return Err(PyTypeError::new_err("the fragments of a message must be all text or all binary, as was asked for"));
    }
    let sent = if let Ok(text) = part.cast::<PyString>() {
        message.put(Data::Text(&convert::text(text)?))
    } else {
        message.put(Data::Binary(&convert::bytes(part)?))
    };
    sent.map_err(|error| refused(part.py(), inner, error))
}

/// Sends one fragment of a message, for APIs in which users make fragments.
pub(crate) fn fragment(inner: &Inner, item: &Bound<'_, PyAny>, first: bool, last: bool, compress: Option<bool>) -> PyResult<()> {
    let sent = if let Ok(text) = item.cast::<PyString>() {
        inner.connection.send_fragment(Data::Text(&convert::text(text)?), first, last, compress)
    } else {
        inner.connection.send_fragment(Data::Binary(&convert::bytes(item)?), first, last, compress)
    };
    sent.map_err(|error| refused(item.py(), inner, error))
}

/// Sends the last part of a message.
pub(crate) fn end(py: Python<'_>, inner: &Inner, message: FragmentWriter) -> PyResult<()> {
    message.end().map_err(|error| refused(py, inner, error))
}
